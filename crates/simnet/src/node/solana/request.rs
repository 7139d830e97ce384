//! Configuration objects of Solana calls.

use serde::Deserialize;

use crate::node::rpc::{Params, RpcError};

/// How settled a block must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Commitment {
    Processed,
    Confirmed,
    #[default]
    Finalized,
}

impl Commitment {
    /// Methods that read history do not take `processed`.
    pub(super) fn at_least_confirmed(self) -> Result<Commitment, RpcError> {
        match self {
            Commitment::Processed => Err(RpcError::invalid_params("Method does not support commitment below `confirmed`")),
            Commitment::Confirmed | Commitment::Finalized => Ok(self),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct CommitmentConfig {
    #[serde(default)]
    pub(super) commitment: Commitment,
}

/// How much of a block's transactions to give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Details {
    #[default]
    Full,
    Signatures,
    Accounts,
    None,
}

/// How to write transactions; the binary encodings would need real transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Encoding {
    #[default]
    Json,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct BlockConfig {
    pub(super) commitment: Commitment,
    pub(super) encoding: Encoding,
    pub(super) transaction_details: Details,
    pub(super) rewards: Option<bool>,
    pub(super) max_supported_transaction_version: Option<u8>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TransactionConfig {
    pub(super) commitment: Commitment,
    pub(super) encoding: Encoding,
    pub(super) max_supported_transaction_version: Option<u8>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct SignaturesConfig {
    pub(super) before: Option<String>,
    pub(super) until: Option<String>,
    pub(super) limit: Option<usize>,
    pub(super) commitment: Commitment,
    pub(super) min_context_slot: u64,
}

/// A configuration object, or in its place the bare encoding of older clients.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum EncodingOr<T> {
    Encoding(Encoding),
    Config(T),
}

impl<T: Default> EncodingOr<T> {
    pub(super) fn config(self) -> T {
        match self {
            EncodingOr::Encoding(Encoding::Json) => T::default(),
            EncodingOr::Config(config) => config,
        }
    }
}

/// Arguments of `getBlocks`: the end may be left out and the configuration stand in its place.
pub(super) fn blocks_range(params: &Params<'_>) -> Result<(u64, Option<u64>, Commitment), RpcError> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum EndOrConfig {
        End(u64),
        Config(CommitmentConfig),
    }
    let start = params.required(0)?;
    let third = params.optional::<CommitmentConfig>(2)?.unwrap_or_default();
    let (end, config) = match params.optional(1)? {
        Some(EndOrConfig::End(end)) => (Some(end), third),
        Some(EndOrConfig::Config(config)) => (None, config),
        None => (None, third),
    };
    Ok((start, end, config.commitment.at_least_confirmed()?))
}
