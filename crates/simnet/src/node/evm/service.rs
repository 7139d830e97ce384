//! The methods of an EVM node.

use std::collections::HashMap;
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use alloy_primitives::{B256, Bloom};

use super::call::Call;
use super::filter::{Blocks, Filter, Matcher, Tag, TagOrHash};
use super::{EvmOptions, render};
use crate::chain::{EvmBlock, EvmChain, Views};
use crate::node::fault::{Answers, Applied, Method};
use crate::node::ledger::{Ledger, Linked};
use crate::node::rpc::{Params, RpcError, Service};
use crate::node::{NodeError, json};

/// geth's code for history that is gone.
const PRUNED: i64 = 4_444;

/// Blocks an EVM node serves, and the rules by which it does.
pub(super) struct EvmService {
    chain_id: u64,
    views: Views,
    options: EvmOptions,
    state: RwLock<State>,
}

/// The chain as it stands.
pub(super) struct State {
    pub(super) ledger: Ledger<Served>,
    /// Height of every block of the present branch, hidden ones included.
    by_hash: HashMap<B256, u64>,
}

/// A block with its bloom, which is computed when a header is first asked for.
pub(super) struct Served {
    pub(super) block: EvmBlock,
    bloom: OnceLock<Bloom>,
}

impl Served {
    fn bloom(&self) -> &Bloom {
        self.bloom.get_or_init(|| render::bloom(&self.block.logs))
    }
}

impl Linked for Served {
    type Hash = B256;

    fn height(&self) -> u64 {
        self.block.number
    }
    fn hash(&self) -> &B256 {
        &self.block.hash
    }
    fn parent(&self) -> &B256 {
        &self.block.parent
    }
    fn parent_height(&self) -> Option<u64> {
        self.block.number.checked_sub(1)
    }
}

impl EvmService {
    pub(super) fn new(chain: EvmChain, options: EvmOptions) -> Result<EvmService, NodeError> {
        let ledger = Ledger::new(served(chain.blocks), options.final_depth)?;
        let by_hash = hashes(&ledger);
        Ok(EvmService { chain_id: chain.chain_id, views: chain.views, options, state: RwLock::new(State { ledger, by_hash }) })
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, State> {
        // Changes of the ledger check everything before they touch anything.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reorg(&self, blocks: Vec<EvmBlock>) -> Result<(), NodeError> {
        let mut state = self.write();
        state.ledger.replace_tail(served(blocks))?;
        state.by_hash = hashes(&state.ledger);
        Ok(())
    }
}

fn served(blocks: Vec<EvmBlock>) -> Vec<Served> {
    blocks.into_iter().map(|block| Served { block, bloom: OnceLock::new() }).collect()
}

fn hashes(ledger: &Ledger<Served>) -> HashMap<B256, u64> {
    ledger.all().iter().map(|served| (served.block.hash, served.block.number)).collect()
}

impl Service for EvmService {
    const METHODS: &'static [Method] = &[
        Method { name: "eth_blockNumber", answers: Answers::Value },
        Method { name: "eth_call", answers: Answers::Value },
        Method { name: "eth_chainId", answers: Answers::Value },
        Method { name: "eth_getBlockByHash", answers: Answers::Value },
        Method { name: "eth_getBlockByNumber", answers: Answers::Value },
        Method { name: "eth_getBlockReceipts", answers: Answers::List },
        Method { name: "eth_getLogs", answers: Answers::Logs },
        Method { name: "eth_syncing", answers: Answers::Value },
        Method { name: "net_version", answers: Answers::Value },
        Method { name: "web3_clientVersion", answers: Answers::Value },
    ];

    fn heights(&self, method: &str, params: &Params<'_>) -> Option<(u64, u64)> {
        let state = self.read();
        match method {
            "eth_getLogs" => match params.required::<Filter>(0).ok()?.blocks().ok()? {
                Blocks::Hash(hash) => state.number(TagOrHash::Hash(hash)).map(|number| (number, number)),
                Blocks::Range(from, to) => Some((state.resolve(from), state.resolve(to))),
            },
            "eth_getBlockByNumber" | "eth_getBlockReceipts" | "eth_getBlockByHash" => {
                let number = state.number(params.required(0).ok()?)?;
                Some((number, number))
            }
            _ => None,
        }
    }

    fn answer(&self, method: &str, params: &Params<'_>, faults: &Applied, out: &mut Vec<u8>) -> Result<(), RpcError> {
        match method {
            "eth_blockNumber" => json::quantity(out, self.read().ledger.head().block.number),
            "eth_call" => self.call(params.required(0)?, params.required(1)?, out)?,
            "eth_chainId" => json::quantity(out, self.chain_id),
            "eth_getBlockByNumber" => self.block(TagOrHash::Tag(params.required(0)?), params, faults, out)?,
            "eth_getBlockByHash" => self.block(TagOrHash::Hash(params.required(0)?), params, faults, out)?,
            "eth_getBlockReceipts" => self.receipts(params.required(0)?, faults, out),
            "eth_getLogs" => self.logs(params.required(0)?, faults, out)?,
            "eth_syncing" => json::raw(out, "false"),
            "net_version" => json::string(out, &self.chain_id.to_string()),
            "web3_clientVersion" => json::string(out, concat!("perpdex-simnet/v", env!("CARGO_PKG_VERSION"))),
            other => unreachable!("{other} is not in METHODS"),
        }
        Ok(())
    }
}

impl EvmService {
    fn block(&self, id: TagOrHash, params: &Params<'_>, faults: &Applied, out: &mut Vec<u8>) -> Result<(), RpcError> {
        if params.optional::<bool>(1)?.unwrap_or(false) {
            return Err(RpcError::invalid_params("this node has transaction hashes only: ask with false"));
        }
        let state = self.read();
        match state.block(id) {
            Some(served) if faults.zero_blooms => render::block(out, &served.block, &Bloom::ZERO),
            Some(served) if faults.full_blooms => render::block(out, &served.block, &Bloom::repeat_byte(0xff)),
            Some(served) => render::block(out, &served.block, served.bloom()),
            None if matches!(id, TagOrHash::Tag(Tag::Number(number)) if number < state.ledger.first().block.number) => {
                return Err(RpcError::new(PRUNED, "pruned history unavailable"));
            }
            None => json::raw(out, "null"),
        }
        Ok(())
    }

    fn call(&self, call: Call, at: Tag, out: &mut Vec<u8>) -> Result<(), RpcError> {
        let state = self.read();
        let number = state.resolve(at);
        if state.ledger.head().block.number < number {
            return Err(RpcError::new(-32_000, "header not found"));
        }
        if self.options.state_depth.is_some_and(|depth| number < state.ledger.head().block.number.saturating_sub(depth)) {
            return Err(RpcError::new(-32_000, format!("missing trie node (state of block {number} is not available)")));
        }
        json::string(out, &call.answer(&self.views)?.to_string());
        Ok(())
    }

    fn receipts(&self, id: TagOrHash, faults: &Applied, out: &mut Vec<u8>) {
        match self.read().block(id) {
            Some(served) if faults.hides(served.block.number) => json::raw(out, "[]"),
            Some(served) => render::receipts(out, &served.block, self.options.log_timestamps),
            None => json::raw(out, "null"),
        }
    }

    fn logs(&self, filter: Filter, faults: &Applied, out: &mut Vec<u8>) -> Result<(), RpcError> {
        let blocks = filter.blocks()?;
        let matcher = filter.matcher()?;
        let state = self.read();
        let blocks = match blocks {
            Blocks::Hash(hash) => {
                let served = state.block(TagOrHash::Hash(hash));
                std::slice::from_ref(served.ok_or_else(|| RpcError::new(-32_000, "unknown block"))?)
            }
            Blocks::Range(from, to) => {
                let (from, to) = (state.resolve(from), state.resolve(to));
                self.check_range(&state.ledger, from, to)?;
                state.ledger.range(from, to)
            }
        };
        self.check_count(blocks, &matcher)?;
        let logs = self.spoiled(matching(blocks, &matcher, faults).collect(), faults)?;
        let mut malformed = faults.malformed_log;
        json::list(out, logs, |out, (block, index)| {
            let time = self.options.log_timestamps.then_some(if faults.zero_timestamps { 0 } else { block.timestamp_secs });
            render::log(out, block, index, time, std::mem::take(&mut malformed));
        });
        Ok(())
    }

    /// What faults make of the logs of an answer.
    fn spoiled<'a>(&self, mut logs: Vec<(&'a EvmBlock, usize)>, faults: &Applied) -> Result<Vec<(&'a EvmBlock, usize)>, RpcError> {
        if let Some((_, code, message)) = faults.dense.iter().find(|(over, ..)| *over < logs.len()) {
            return Err(RpcError::new(*code, message));
        }
        if faults.one_log_per_block {
            let is_last = |place: usize| logs.get(place + 1).is_none_or(|next| next.0.number != logs[place].0.number);
            logs = (0..logs.len()).filter(|place| is_last(*place)).map(|place| logs[place]).collect();
        }
        logs.retain(|(block, index)| !faults.without.contains(&block.logs[*index].address));
        logs.truncate(faults.logs_cut.unwrap_or(usize::MAX));
        if faults.duplicate_log {
            logs.extend(logs.first().copied());
        }
        if faults.reversed_logs {
            logs.reverse();
        }
        Ok(logs)
    }

    fn check_range(&self, ledger: &Ledger<Served>, from: u64, to: u64) -> Result<(), RpcError> {
        if to < from {
            return Err(RpcError::invalid_params("invalid block range params"));
        }
        if let Some(limit) = self.options.range_blocks_max
            && limit < to - from
        {
            return Err(RpcError::invalid_params(format!("exceed maximum block range {limit}")));
        }
        if ledger.head().block.number < to {
            return Err(RpcError::invalid_params("block range extends beyond current head block"));
        }
        if from < ledger.first().block.number {
            return Err(RpcError::new(PRUNED, "pruned history unavailable"));
        }
        Ok(())
    }

    /// As reth: one block is never too many, and the suggestion ends before the block that overflows (so it is inverted
    /// where that is the first).
    fn check_count(&self, blocks: &[Served], matcher: &Matcher) -> Result<(), RpcError> {
        let (Some(limit), [first, _, ..]) = (self.options.logs_max, blocks) else { return Ok(()) };
        let mut count = 0;
        for Served { block, .. } in blocks {
            count += block.logs.iter().filter(|log| matcher.matches(log)).count();
            if limit < count {
                let (from, to) = (first.block.number, block.number - 1);
                return Err(RpcError::invalid_params(format!("query exceeds max results {limit}, retry with the range {from}-{to}")));
            }
        }
        Ok(())
    }
}

/// Blocks and log indexes that an answer lists.
fn matching<'a>(blocks: &'a [Served], matcher: &'a Matcher, faults: &'a Applied) -> impl Iterator<Item = (&'a EvmBlock, usize)> {
    let shown = blocks.iter().map(|served| &served.block).filter(|block| !faults.hides(block.number));
    shown.flat_map(|block| {
        let logs = block.logs.iter().enumerate().filter(|(_, log)| matcher.matches(log));
        logs.map(move |(index, _)| (block, index))
    })
}

impl State {
    fn resolve(&self, tag: Tag) -> u64 {
        match tag {
            Tag::Earliest => self.ledger.first().block.number,
            Tag::Finalized | Tag::Safe => self.ledger.finalized().block.number,
            Tag::Latest => self.ledger.head().block.number,
            Tag::Number(number) => number,
        }
    }

    fn number(&self, id: TagOrHash) -> Option<u64> {
        match id {
            TagOrHash::Tag(tag) => Some(self.resolve(tag)),
            TagOrHash::Hash(hash) => self.by_hash.get(&hash).copied(),
        }
    }

    /// The block, if it is visible.
    fn block(&self, id: TagOrHash) -> Option<&Served> {
        self.ledger.get(self.number(id)?).map(|(_, served)| served)
    }
}
