//! Calls of one endpoint, with errors that say what to do.

use std::fmt;
use std::sync::Arc;

use perpdex_core::{BlockRange, SourceError, SourceErrorKind, Traffic};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use solana_client::nonblocking::rpc_client::RpcClient;
use solana_client::rpc_client::RpcClientConfig;
use solana_commitment_config::CommitmentConfig;
use solana_rpc_client_api::client_error::{Error as ClientError, ErrorKind};
use solana_rpc_client_api::request::RpcRequest;

use crate::endpoint::SolanaEndpoint;
use crate::http::{Calls, Http, HttpFailure};
use crate::named::Named;
use crate::transaction::{BlockHeader, FullBlock, Transaction};

/// Signatures in one page of a listing, the protocol's own limit.
pub(crate) const PAGE_SIGNATURES_MAX: usize = 1_000;

/// Version of transactions that is understood: without it a node refuses every newer transaction and its whole block.
const TRANSACTION_VERSION_MAX: u8 = 1;

/// A failed call, with what the endpoint said where it said something.
#[derive(Clone, Debug)]
pub(crate) struct CallError {
    /// The error for the engine.
    pub(crate) error: SourceError,
    /// Why there is no result.
    pub(crate) failure: Option<HttpFailure>,
}

impl From<CallError> for SourceError {
    fn from(error: CallError) -> SourceError {
        error.error
    }
}

/// One line of a listing of signatures.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedSignature {
    /// The transaction's first signature, base58.
    pub(crate) signature: String,
    /// Slot it was processed in.
    pub(crate) slot: u64,
    /// Not null: the transaction failed.
    pub(crate) err: Option<serde::de::IgnoredAny>,
    /// Place in the block, where the node gives it.
    #[serde(default)]
    pub(crate) transaction_index: Option<u32>,
}

/// The transactions of a block by name.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct BlockSignatures {
    /// Signatures, base58, in the order of the block.
    pub(crate) signatures: Vec<String>,
}

/// The transactions of a block with what they touch.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct BlockAccounts {
    /// In the order of the block.
    pub(crate) transactions: Vec<Touching>,
}

/// A transaction with what it touches.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Touching {
    /// Whether it failed.
    pub(crate) meta: Option<Outcome>,
    /// Accounts, loaded ones included, and signatures.
    pub(crate) transaction: Touched,
}

/// Whether a transaction failed.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Outcome {
    /// Not null: it failed.
    pub(crate) err: Option<serde::de::IgnoredAny>,
}

/// Accounts and signatures of a transaction.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Touched {
    /// Every account, loaded ones included.
    pub(crate) account_keys: Vec<TouchedAccount>,
    /// Signatures, base58; the first names the transaction.
    pub(crate) signatures: Vec<String>,
}

/// An account of a transaction.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TouchedAccount {
    /// Its key, base58.
    pub(crate) pubkey: String,
}

/// solana-client's RPC client over our transport.
pub(crate) struct Client {
    rpc: RpcClient,
    calls: Arc<Calls>,
    named: Named,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("label", &self.label()).finish_non_exhaustive()
    }
}

impl Client {
    /// A client of this endpoint; nothing is sent yet.
    pub(crate) fn new(endpoint: &SolanaEndpoint) -> Result<Client, SourceError> {
        let http = Http::new(&endpoint.url, &endpoint.label, endpoint.timeout, endpoint.response_bytes_max)
            .map_err(|message| SourceError { label: endpoint.label.clone(), kind: SourceErrorKind::Permanent, message })?;
        let config = RpcClientConfig::with_commitment(CommitmentConfig::finalized());
        let calls = http.calls();
        Ok(Client { rpc: RpcClient::new_sender(http, config), calls, named: Named::new(&endpoint.label, &endpoint.url) })
    }

    /// What was asked so far.
    pub(crate) fn traffic(&self) -> Traffic {
        self.calls.traffic()
    }

    /// The endpoint's label.
    pub(crate) fn label(&self) -> &str {
        self.named.label()
    }

    /// The newest slot at this commitment.
    pub(crate) async fn slot(&self, commitment: CommitmentConfig) -> Result<u64, SourceError> {
        let slot = self.rpc.get_slot_with_commitment(commitment).await;
        Ok(slot.map_err(|error| self.failure("getSlot", error))?)
    }

    /// Hash of the first block, base58: the name of the cluster.
    pub(crate) async fn genesis_hash(&self) -> Result<String, SourceError> {
        let hash = self.rpc.get_genesis_hash().await.map_err(|error| self.failure("getGenesisHash", error))?;
        Ok(hash.to_string())
    }

    /// The lowest slot the endpoint has a block of.
    pub(crate) async fn first_available_block(&self) -> Result<u64, SourceError> {
        let slot = self.rpc.get_first_available_block().await;
        Ok(slot.map_err(|error| self.failure("getFirstAvailableBlock", error))?)
    }

    /// A block without its transactions; `None` where the node does not know it yet.
    pub(crate) async fn block(&self, slot: u64, commitment: CommitmentConfig) -> Result<Option<BlockHeader>, CallError> {
        self.block_with(slot, "none", commitment).await
    }

    /// A block with its transactions; `None` where the node does not know it yet.
    pub(crate) async fn full_block(&self, slot: u64, commitment: CommitmentConfig) -> Result<Option<FullBlock>, CallError> {
        self.block_with(slot, "full", commitment).await
    }

    /// The signatures of a block in its order; `None` where the node does not know it yet.
    pub(crate) async fn block_signatures(&self, slot: u64, commitment: CommitmentConfig) -> Result<Option<BlockSignatures>, CallError> {
        self.block_with(slot, "signatures", commitment).await
    }

    /// The accounts that each transaction of a block names; `None` where the node does not know it yet.
    pub(crate) async fn block_accounts(&self, slot: u64, commitment: CommitmentConfig) -> Result<Option<BlockAccounts>, CallError> {
        self.block_with(slot, "accounts", commitment).await
    }

    async fn block_with<T: DeserializeOwned>(
        &self,
        slot: u64,
        details: &str,
        commitment: CommitmentConfig,
    ) -> Result<Option<T>, CallError> {
        let config = json!({
            "encoding": "json", "transactionDetails": details, "rewards": false, "commitment": commitment.commitment,
            "maxSupportedTransactionVersion": TRANSACTION_VERSION_MAX,
        });
        self.call(RpcRequest::GetBlock, json!([slot, config])).await
    }

    /// The slots of a range that have blocks, ascending. The protocol takes 500,000 slots at most.
    pub(crate) async fn blocks(&self, range: BlockRange, commitment: CommitmentConfig) -> Result<Vec<u64>, SourceError> {
        let config = json!({"commitment": commitment.commitment});
        Ok(self.call(RpcRequest::GetBlocks, json!([range.from(), range.to(), config])).await?)
    }

    /// Estimated production time of a block, unix seconds; `None` where it is not known.
    pub(crate) async fn block_time(&self, slot: u64) -> Result<Option<i64>, CallError> {
        self.call(RpcRequest::GetBlockTime, json!([slot])).await
    }

    /// One page of an address's signatures, newest first: below `before`, above `until`. The node must have evaluated it at
    /// `slot_min` or later, so that nothing up to there can be missing.
    pub(crate) async fn signatures(&self, page: &Page<'_>) -> Result<Vec<ListedSignature>, SourceError> {
        let mut config = json!({
            "limit": PAGE_SIGNATURES_MAX, "commitment": page.commitment.commitment, "minContextSlot": page.slot_min,
        });
        for (name, signature) in [("before", page.before), ("until", page.until)] {
            if let Some(signature) = signature {
                config[name] = Value::from(signature);
            }
        }
        Ok(self.call(RpcRequest::GetSignaturesForAddress, json!([page.address, config])).await?)
    }

    /// A transaction with its metadata; `None` where the node does not have it, or not yet.
    pub(crate) async fn transaction(&self, signature: &str, commitment: CommitmentConfig) -> Result<Option<Transaction>, CallError> {
        let config = json!({
            "encoding": "json", "commitment": commitment.commitment, "maxSupportedTransactionVersion": TRANSACTION_VERSION_MAX,
        });
        self.call(RpcRequest::GetTransaction, json!([signature, config])).await
    }

    /// An error of this endpoint.
    pub(crate) fn error(&self, kind: SourceErrorKind, message: impl fmt::Display) -> SourceError {
        self.named.error(kind, message)
    }

    /// A call whose first parameter says what it is about.
    async fn call<T: DeserializeOwned>(&self, request: RpcRequest, params: Value) -> Result<T, CallError> {
        let subject = match &params[0] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        self.rpc.send(request, params).await.map_err(|error| self.failure(format_args!("{request} {subject}"), error))
    }

    fn failure(&self, about: impl fmt::Display, error: ClientError) -> CallError {
        let failure = match *error.kind {
            ErrorKind::Io(error) => error.downcast::<HttpFailure>().ok(),
            ErrorKind::SerdeJson(error) => Some(HttpFailure::Broken(error.to_string())),
            _ => None,
        };
        let (kind, message) = match &failure {
            Some(HttpFailure::Unreachable(_)) => (SourceErrorKind::Unreachable, None),
            Some(HttpFailure::TooLarge { .. }) => (SourceErrorKind::Density, None),
            Some(HttpFailure::Refused(refusal)) => (refusal.kind(), None),
            Some(HttpFailure::Timeout(_) | HttpFailure::Broken(_)) => (SourceErrorKind::Transient, None),
            None => (SourceErrorKind::Transient, Some("the answer cannot be read".to_owned())),
        };
        let message = message.or_else(|| failure.as_ref().map(HttpFailure::to_string)).unwrap_or_default();
        CallError { error: self.error(kind, format_args!("{about}: {message}")), failure }
    }
}

/// Which page of which listing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page<'a> {
    /// Program or account, base58.
    pub(crate) address: &'a str,
    /// List what is older than this signature.
    pub(crate) before: Option<&'a str>,
    /// Stop at this signature, without it.
    pub(crate) until: Option<&'a str>,
    /// Lowest slot the node may have evaluated the listing at.
    pub(crate) slot_min: u64,
    /// How settled a transaction must be to be listed.
    pub(crate) commitment: CommitmentConfig,
}
