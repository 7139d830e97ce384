//! Single blocks held against what a listing gave: a transaction with events that the batch lacks shows that the listing
//! left it out.

use std::collections::BTreeSet;

use perpdex_core::{Batch, ChainId, Filter, Headers, Probe, SourceError, SourceErrorKind};
use solana_commitment_config::CommitmentConfig;

use crate::blocks::{Slot, absent};
use crate::client::BlockAccounts;
use crate::events::{Place, events};
use crate::node::Node;
use crate::watched::Watched;

/// Tests blocks; see [`perpdex_core::Source::probe`].
pub(crate) async fn probe(node: &Node, heights: &[u64], filter: &Filter, batch: &Batch) -> Result<Probe, SourceError> {
    let client = &node.client;
    let watched = Watched::new(filter).map_err(|message| client.error(SourceErrorKind::Permanent, message))?;
    let commitment = match filter.headers {
        Headers::Needed => CommitmentConfig::finalized(),
        Headers::All => CommitmentConfig::confirmed(),
    };
    let mut probe = Probe::default();
    for height in heights {
        if batch.holes.iter().any(|hole| hole.range.contains(*height)) {
            continue;
        }
        let block = match client.block_accounts(*height, commitment).await {
            Ok(Some(block)) => block,
            Ok(None) => {
                probe.unsettled.push(*height);
                continue;
            }
            Err(error) => match absent(error) {
                Ok(Slot::Skipped) => continue,
                Ok(_) => {
                    probe.unsettled.push(*height);
                    continue;
                }
                Err(error) if error.kind == SourceErrorKind::Pruned => {
                    probe.unsettled.push(*height);
                    continue;
                }
                Err(error) => return Err(error),
            },
        };
        let given: BTreeSet<&str> =
            batch.records.iter().filter(|record| record.height == *height).map(|record| record.tx_id.as_str()).collect();
        for signature in candidates(&block, &watched, &given) {
            if has_events(node, *height, signature, &watched, commitment).await? {
                probe.omitted.push(*height);
                break;
            }
        }
    }
    Ok(probe)
}

/// Transactions that succeeded, name a watched program, and are not in the batch.
fn candidates<'b>(block: &'b BlockAccounts, watched: &Watched, given: &BTreeSet<&str>) -> Vec<&'b str> {
    let is_watched = |key: &str| watched.speakers().iter().any(|speaker| speaker.program == key);
    let transactions = block.transactions.iter().filter(|transaction| transaction.meta.as_ref().is_some_and(|meta| meta.err.is_none()));
    let touching =
        transactions.filter(|transaction| transaction.transaction.account_keys.iter().any(|account| is_watched(&account.pubkey)));
    let signatures = touching.filter_map(|transaction| transaction.transaction.signatures.first());
    signatures.map(String::as_str).filter(|signature| !given.contains(signature)).collect()
}

/// Whether a transaction holds events of a watched program. Most that only name it do not.
async fn has_events(node: &Node, slot: u64, signature: &str, watched: &Watched, commitment: CommitmentConfig) -> Result<bool, SourceError> {
    let client = &node.client;
    let Some(transaction) = client.transaction(signature, commitment).await? else { return Ok(false) };
    let Some(meta) = &transaction.meta else { return Ok(false) };
    let place = Place { chain: ChainId::SOLANA, slot, index: 0, signature, time_ms: 0 };
    for speaker in watched.speakers() {
        let found = events(&transaction.transaction.message, meta, speaker, &place)
            .map_err(|message| client.error(SourceErrorKind::Transient, format_args!("getTransaction {signature}: {message}")))?;
        if !found.records.is_empty() || found.not_recorded.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
