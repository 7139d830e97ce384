//! The places of transactions in their blocks, where the node does not give them with the transactions.
//!
//! A record's order inside its slot is the place of its transaction in the block, whoever is asked: nodes before Agave 4 do not
//! give it, and a listing's order inside a slot is no promise of the protocol. So the block's own list of signatures decides.

use std::collections::HashMap;

use perpdex_core::{SourceError, SourceErrorKind};
use solana_commitment_config::CommitmentConfig;

use crate::client::Client;

/// The signatures of blocks looked at so far, with their places.
#[derive(Debug, Default)]
pub(crate) struct Order {
    slot: Option<u64>,
    places: HashMap<String, u32>,
}

impl Order {
    /// The place of a transaction in its block. Transactions come slot by slot: one block is kept.
    pub(crate) async fn index(
        &mut self,
        client: &Client,
        slot: u64,
        signature: &str,
        commitment: CommitmentConfig,
    ) -> Result<u32, SourceError> {
        if self.slot != Some(slot) {
            let block = client.block_signatures(slot, commitment).await?;
            let block = block.ok_or_else(|| client.error(SourceErrorKind::Lagging, format_args!("getBlock {slot}: not available here")))?;
            self.places = (0..).zip(block.signatures).map(|(place, signature)| (signature, place)).collect();
            self.slot = Some(slot);
        }
        self.places.get(signature).copied().ok_or_else(|| {
            client.error(SourceErrorKind::Transient, format_args!("getBlock {slot}: {signature}, listed in this slot, is not in the block"))
        })
    }
}
