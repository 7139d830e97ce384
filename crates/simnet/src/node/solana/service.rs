//! The methods of a Solana node.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::request::{BlockConfig, Commitment, CommitmentConfig, Details, EncodingOr, SignaturesConfig, TransactionConfig, blocks_range};
use super::state::{State, check_key};
use super::{SolanaOptions, render};
use crate::chain::{SolanaBlock, SolanaChain, SolanaTransaction};
use crate::node::fault::{Answers, Applied, Method};
use crate::node::ledger::Ledger;
use crate::node::rpc::{Params, RpcError, Service};
use crate::node::{NodeError, json};

/// Most signatures in one listing.
const SIGNATURES_MAX: usize = 1_000;
/// Widest range of `getBlocks`, slots.
const BLOCKS_RANGE_MAX: u64 = 500_000;

/// Blocks a Solana node serves.
pub(super) struct SolanaService {
    options: SolanaOptions,
    state: RwLock<State>,
}

impl SolanaService {
    pub(super) fn new(chain: SolanaChain, options: SolanaOptions) -> Result<SolanaService, NodeError> {
        let ledger = Ledger::new(chain.blocks, options.final_depth)?;
        Ok(SolanaService { options, state: RwLock::new(State::new(ledger)) })
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, State> {
        // Changes of the ledger check everything before they touch anything.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fork(&self, blocks: Vec<SolanaBlock>) -> Result<(), NodeError> {
        self.write().replace_tail(blocks)
    }
}

impl Service for SolanaService {
    const METHODS: &'static [Method] = &[
        Method { name: "getBlock", answers: Answers::Value },
        Method { name: "getBlockTime", answers: Answers::Value },
        Method { name: "getBlocks", answers: Answers::List },
        Method { name: "getFirstAvailableBlock", answers: Answers::Value },
        Method { name: "getGenesisHash", answers: Answers::Value },
        Method { name: "getHealth", answers: Answers::Value },
        Method { name: "getSignaturesForAddress", answers: Answers::List },
        Method { name: "getSlot", answers: Answers::Value },
        Method { name: "getTransaction", answers: Answers::Value },
        Method { name: "getVersion", answers: Answers::Value },
    ];

    fn heights(&self, method: &str, params: &Params<'_>) -> Option<(u64, u64)> {
        let state = self.read();
        match method {
            "getBlock" | "getBlockTime" => params.required(0).ok().map(|slot| (slot, slot)),
            "getBlocks" => {
                let (start, end, commitment) = blocks_range(params).ok()?;
                Some((start, end.unwrap_or_else(|| state.slot(commitment))))
            }
            "getTransaction" => {
                let signature: String = params.required(0).ok()?;
                let slot = state.ledger.all()[state.place(&signature, Commitment::Confirmed)?.0].slot;
                Some((slot, slot))
            }
            // A listing reaches back to the start.
            "getSignaturesForAddress" => Some((state.ledger.first().slot, state.ledger.head().slot)),
            _ => None,
        }
    }

    fn answer(&self, method: &str, params: &Params<'_>, faults: &Applied, out: &mut Vec<u8>) -> Result<(), RpcError> {
        match method {
            "getBlock" => self.block(params, out)?,
            "getBlockTime" => {
                let state = self.read();
                json::number(out, state.block(params.required(0)?, Commitment::Confirmed)?.1.time_secs);
            }
            "getBlocks" => self.blocks(params, faults, out)?,
            "getFirstAvailableBlock" => json::number(out, self.options.first_available.unwrap_or(self.read().ledger.first().slot)),
            "getGenesisHash" => json::string(out, &self.options.genesis_hash),
            "getHealth" => json::string(out, "ok"),
            "getSignaturesForAddress" => self.signatures(params, faults, out)?,
            "getSlot" => {
                let config = params.optional::<CommitmentConfig>(0)?.unwrap_or_default();
                json::number(out, self.read().slot(config.commitment));
            }
            "getTransaction" => self.transaction(params, out)?,
            "getVersion" => json::raw(out, "{\"solana-core\":\"4.2.2\",\"feature-set\":0}"),
            other => unreachable!("{other} is not in METHODS"),
        }
        Ok(())
    }
}

impl SolanaService {
    fn block(&self, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
        let config = params.optional::<EncodingOr<BlockConfig>>(1)?.map(EncodingOr::config).unwrap_or_default();
        let state = self.read();
        let slot = params.required(0)?;
        if let Some(first) = self.options.first_available.filter(|first| slot < *first) {
            let message = format!("Block {slot} cleaned up, does not exist on node. First available block: {first}");
            return Err(RpcError::new(-32_001, message));
        }
        let (position, block) = state.block(slot, config.commitment.at_least_confirmed()?)?;
        let max_version = config.max_supported_transaction_version;
        if matches!(config.transaction_details, Details::Full | Details::Accounts) {
            block.transactions.iter().try_for_each(|transaction| check_version(transaction, max_version))?;
        }
        render::block_head(out, block, position);
        match config.transaction_details {
            Details::None => {}
            Details::Signatures => {
                json::field(out, "signatures");
                json::list(out, &block.transactions, |out, transaction| json::string(out, &transaction.signature));
            }
            Details::Full => {
                json::field(out, "transactions");
                json::list(out, &block.transactions, |out, transaction| {
                    out.push(b'{');
                    render::transaction(out, block, transaction, max_version.is_some(), &self.record(block.slot));
                    out.push(b'}');
                });
            }
            Details::Accounts => {
                json::field(out, "transactions");
                json::list(out, &block.transactions, render::touched);
            }
        }
        json::raw(out, if config.rewards == Some(false) { "}" } else { ",\"rewards\":[]}" });
        Ok(())
    }

    fn blocks(&self, params: &Params<'_>, faults: &Applied, out: &mut Vec<u8>) -> Result<(), RpcError> {
        let (start, end, commitment) = blocks_range(params)?;
        let state = self.read();
        let head = state.slot(commitment);
        let end = end.unwrap_or_else(|| head.min(start.saturating_add(BLOCKS_RANGE_MAX))).min(head);
        if BLOCKS_RANGE_MAX < end.saturating_sub(start) {
            return Err(RpcError::invalid_params(format!("Slot range too large; max {BLOCKS_RANGE_MAX}")));
        }
        let shown = state.ledger.range(start, end).iter().filter(|block| !faults.hides(block.slot) && self.keeps(block.slot));
        json::list(out, shown, |out, block| json::number(out, block.slot));
        Ok(())
    }

    fn transaction(&self, params: &Params<'_>, out: &mut Vec<u8>) -> Result<(), RpcError> {
        let signature: String = params.required(0)?;
        check_key::<64>(&signature)?;
        let config = params.optional::<EncodingOr<TransactionConfig>>(1)?.map(EncodingOr::config).unwrap_or_default();
        let state = self.read();
        let place = state.place(&signature, config.commitment.at_least_confirmed()?);
        let Some((position, index)) = place.filter(|(position, _)| self.keeps(state.ledger.all()[*position].slot)) else {
            json::raw(out, "null");
            return Ok(());
        };
        let block = &state.ledger.all()[position];
        let transaction = &block.transactions[index];
        check_version(transaction, config.max_supported_transaction_version)?;
        json::raw(out, "{\"slot\":");
        json::number(out, block.slot);
        json::field(out, "blockTime");
        json::number(out, block.time_secs);
        self.transaction_index(out, index);
        out.push(b',');
        render::transaction(out, block, transaction, config.max_supported_transaction_version.is_some(), &self.record(block.slot));
        out.push(b'}');
        Ok(())
    }

    fn signatures(&self, params: &Params<'_>, faults: &Applied, out: &mut Vec<u8>) -> Result<(), RpcError> {
        let address: String = params.required(0)?;
        check_key::<32>(&address)?;
        let config = params.optional::<SignaturesConfig>(1)?.unwrap_or_default();
        let limit = config.limit.unwrap_or(SIGNATURES_MAX);
        if !(1..=SIGNATURES_MAX).contains(&limit) {
            return Err(RpcError::invalid_params(format!("Invalid limit; max {SIGNATURES_MAX}")));
        }
        let state = self.read();
        let head = state.slot(config.commitment.at_least_confirmed()?);
        if head < config.min_context_slot {
            return Err(RpcError::new(-32_016, "Minimum context slot has not been reached"));
        }
        let listed = state.listing(&address, &config)?.iter().rev();
        let blocks = state.ledger.all();
        let is_shown = |slot: u64| !faults.hides(slot) && self.keeps(slot);
        let shown = listed.filter(|(position, _)| is_shown(blocks[*position].slot)).take(limit.min(self.options.page_max));
        let final_position = state.ledger.final_position();
        json::list(out, shown, |out, (position, index)| {
            let block = &blocks[*position];
            let transaction = &block.transactions[*index];
            json::raw(out, "{\"signature\":");
            json::string(out, &transaction.signature);
            json::field(out, "slot");
            json::number(out, block.slot);
            json::field(out, "err");
            render::error(out, transaction);
            json::raw(out, ",\"memo\":null,\"blockTime\":");
            json::number(out, block.time_secs);
            json::field(out, "confirmationStatus");
            json::string(out, if *position <= final_position { "finalized" } else { "confirmed" });
            self.transaction_index(out, *index);
            out.push(b'}');
        });
        Ok(())
    }

    /// Whether a slot is not pruned.
    fn keeps(&self, slot: u64) -> bool {
        self.options.first_available.is_none_or(|first| first <= slot)
    }

    /// What is on record of transactions of a slot.
    fn record(&self, slot: u64) -> render::Record {
        let is_missing = self.options.unrecorded.is_some_and(|(from, to)| (from..=to).contains(&slot));
        render::Record { is_missing, log_bytes_max: self.options.log_bytes_max.unwrap_or(usize::MAX) }
    }

    fn transaction_index(&self, out: &mut Vec<u8>, index: usize) {
        if self.options.transaction_index {
            json::field(out, "transactionIndex");
            json::number(out, index);
        }
    }
}

fn check_version(transaction: &SolanaTransaction, max: Option<u8>) -> Result<(), RpcError> {
    match transaction.version {
        Some(version) if max.is_none_or(|max| max < version) => Err(RpcError::new(
            -32_015,
            format!(
                "Transaction version ({version}) is not supported by the requesting client. Please try the request again with \
                 the following configuration parameter: \"maxSupportedTransactionVersion\": {version}"
            ),
        )),
        _ => Ok(()),
    }
}
