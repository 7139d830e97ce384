//! What can be believed of an endpoint that left records out, where nobody else can be asked.

use std::collections::BTreeSet;

use perpdex_core::{Batch, BlockRange, Evidence, Filter, Hole, HoleReason};

use super::FetchContext;
use crate::check::check;
use crate::endpoints::Ask;
use crate::job::JobStream;

impl FetchContext {
    /// Reads the range, or its beginning, block by block. From the first to the last block of which the endpoint left records
    /// out is a hole: an answer that is wrong there is not mended by guessing where it is right. The rest is proved.
    ///
    /// `None` where no proof could be had.
    pub(super) async fn salvage(&self, endpoint: usize, asked: BlockRange, streams: &[&JobStream], filter: &Filter) -> Option<Batch> {
        let permit = self.endpoints.permit_for(endpoint, Ask::Proof).await;
        let proof = match self.endpoints.source(endpoint).prove(asked, filter, Evidence::Bloom).await {
            Ok(proof) => proof,
            Err(error) => {
                permit.failed(&error);
                return None;
            }
        };
        permit.succeeded();
        let mut batch = proof.batch;
        check(self.chain, asked, streams, &batch).ok()?;
        self.count(|report| report.ranges_proved += 1);
        if batch.evidence < Evidence::Probed {
            // Some block told nothing: what was left out cannot be told from what is not there.
            return None;
        }
        let span = proof.omitted.first().zip(proof.omitted.last());
        if let Some(range) = span.and_then(|(first, last)| BlockRange::new(*first, *last)) {
            let (label, blocks) = (self.endpoints.source(endpoint).label(), proof.omitted.len());
            let detail = format!(
                "{label} leaves out records of {blocks} blocks in it, which its own headers and receipts show; no other endpoint answers"
            );
            batch.records.retain(|record| !range.contains(record.height));
            batch.malformed.retain(|malformed| !range.contains(malformed.height));
            batch.holes.push(Hole { range, reason: HoleReason::Omitted, detail, streams: Vec::new() });
        }
        // Every header was read; those are kept that any range keeps.
        let ends = [batch.range.from(), batch.range.to()];
        let busy: BTreeSet<u64> = batch.records.iter().map(|record| record.height).chain(ends).collect();
        batch.blocks.retain(|block| busy.contains(&block.height));
        Some(batch)
    }
}
