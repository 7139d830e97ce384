//! What is stored otherwise than it was proved is taken out and brought anew, where the proof carries that.

use std::collections::BTreeSet;

use alloy_primitives::B256;
use perpdex_core::{
    Batch, BlockRange, Difference, DifferenceKind, Evidence, Proof, RangeSet, RawRecord, StoreError, StoredRecord, StreamId,
};

use super::chain::{VerifyRun, unless_cancelled};
use super::compare::compare;
use super::prove::Proved;
use crate::error::ChainStop;
use crate::fetch::outer_times;
use crate::job::JobStream;
use crate::state::decoded;

impl VerifyRun {
    /// Mends what may be mended; gives the differences that remain.
    pub(super) async fn mend(
        &mut self,
        proof: &Proof,
        stored: &[(StreamId, StoredRecord)],
        streams: &[&JobStream],
        differences: &[Difference],
        endpoint: usize,
    ) -> Result<Vec<Difference>, ChainStop> {
        let kept = self.kept(proof, streams, differences).await?;
        let (mendable, remaining): (Vec<Difference>, Vec<Difference>) =
            differences.iter().cloned().partition(|difference| !kept.contains(&difference.height));
        if mendable.is_empty() {
            return Ok(remaining);
        }
        let heights = RangeSet::from_ranges(mendable.iter().map(|difference| BlockRange::single(difference.height)));
        let others = self.covering(&heights, streams);
        let job = self.job.job.clone();
        let others: Vec<&JobStream> = others.iter().map(|stream| &job.streams[*stream]).collect();
        let all: Vec<&JobStream> = streams.iter().chain(&others).copied().collect();
        let batch = match others.is_empty() {
            true => proof.batch.clone(),
            false => match self.whole(proof, &all).await? {
                Some(whole) if !takes_away(&others, stored, &whole.records, &heights) => whole,
                _ => return Ok(differences.to_vec()),
            },
        };
        let withdrawn = self.store.withdraw(self.chain(), &heights).await?;
        self.commit(&all, batch, endpoint).await?;
        // Closes that hung on an open there went with it.
        for range in withdrawn.heights.without(&heights).ranges() {
            self.bring_back(*range).await?;
        }
        self.report.mended += mendable.len() as u64;
        let note = format!("mended {} of {} differing records in {}", mendable.len(), differences.len(), proof.batch.range);
        self.progress.note(self.chain(), &note);
        Ok(remaining)
    }

    /// Heights with stored records that the proof has not, or has otherwise, and that must stay as they are: an answer without a record is
    /// no proof that there is none, unless it is as strong as was asked for, and a bloom does not show a log beside others like it.
    async fn kept(&mut self, proof: &Proof, streams: &[&JobStream], differences: &[Difference]) -> Result<BTreeSet<u64>, ChainStop> {
        let evidence = proof.batch.evidence;
        let is_strong = Evidence::Second <= evidence && self.job.level <= evidence;
        let takes_away = |difference: &&Difference| difference.kind != DifferenceKind::Missing;
        let mut heights: BTreeSet<u64> = differences.iter().filter(takes_away).map(|difference| difference.height).collect();
        if !is_strong || evidence != Evidence::Bloom {
            return Ok(if is_strong { BTreeSet::new() } else { heights });
        }
        let mut told = Vec::new();
        for height in &heights {
            let range = BlockRange::single(*height);
            if let Proved::Read { proof: by_receipts, .. } =
                unless_cancelled(&self.cancel, self.prover.prove_as(Evidence::Receipts, range, streams)).await?
                && Evidence::Receipts <= by_receipts.batch.evidence
                && by_receipts.batch.records.iter().map(content).eq(at(&proof.batch, *height).map(content))
            {
                told.push(*height);
            }
        }
        told.iter().for_each(|height| _ = heights.remove(height));
        if !heights.is_empty() {
            let reason =
                format!("stored records that the answer has not stay at {} heights: no receipts say that they are none", heights.len());
            self.unproven(proof.batch.range, reason);
        }
        Ok(heights)
    }

    /// The proof once more, of all streams that a height to be mended has: it goes as a whole. `None` where it is not as good.
    async fn whole(&mut self, proof: &Proof, all: &[&JobStream]) -> Result<Option<Batch>, ChainStop> {
        let range = proof.batch.range;
        match unless_cancelled(&self.cancel, self.prover.prove(range, all)).await? {
            Proved::Read { proof: whole, .. } => {
                let is_as_good = whole.batch.range == range && whole.batch.holes.is_empty() && proof.batch.evidence <= whole.batch.evidence;
                Ok(is_as_good.then_some(whole.batch))
            }
            Proved::Refused { range, reason } => {
                self.unproven(range, reason);
                Ok(None)
            }
        }
    }

    /// Fetches heights anew that a withdrawal took along. What cannot be had stays a gap, which `sync` fills.
    async fn bring_back(&mut self, range: BlockRange) -> Result<(), ChainStop> {
        let job = self.job.job.clone();
        let mut left = Some(range);
        while let Some(range) = left {
            let all: Vec<&JobStream> =
                self.covering(&RangeSet::from_ranges([range]), &[]).iter().map(|stream| &job.streams[*stream]).collect();
            match self.prover.prove(range, &all).await {
                Proved::Read { proof, endpoint } => {
                    left = range.split_at(proof.batch.range.blocks()).1;
                    self.commit(&all, proof.batch, endpoint).await?;
                }
                Proved::Refused { range: refused, reason } => {
                    left = range.split_at(refused.blocks()).1;
                    self.unproven(refused, format!("withdrawn with the open of a position and not had again: {reason}"));
                }
            }
        }
        Ok(())
    }

    async fn commit(&self, streams: &[&JobStream], batch: Batch, endpoint: usize) -> Result<(), ChainStop> {
        let Some(times) = outer_times(&batch) else { return Ok(()) };
        let (chain, venues) = (self.chain(), self.job.job.venues);
        let owned: Vec<JobStream> = streams.iter().map(|stream| (*stream).clone()).collect();
        let commit = decoded(chain, owned, venues, batch, times, &self.prover.endpoints).await.map_err(ChainStop::Failed)?;
        match self.store.commit(commit).await {
            Ok(_) => Ok(()),
            Err(StoreError::Conflict { conflict, .. }) => Err(self.halt(conflict, endpoint)),
            Err(error) => Err(error.into()),
        }
    }

    /// Streams of the job that were covered at one of the heights, by position, without those in `known`.
    fn covering(&self, heights: &RangeSet, known: &[&JobStream]) -> Vec<usize> {
        let is_covered = |stream: &JobStream| {
            let mut of_stream = self.coverage.iter().filter(|covered| covered.stream == stream.id);
            of_stream.any(|covered| heights.ranges().iter().any(|range| covered.range.intersect(range).is_some()))
        };
        let all = self.job.job.streams.iter().enumerate();
        all.filter(|(_, stream)| known.iter().all(|known| known.id != stream.id) && is_covered(stream)).map(|(at, _)| at).collect()
    }
}

/// Whether records of some streams are stored at these heights that the proved ones would take away or change: nobody asked about them.
fn takes_away(streams: &[&JobStream], stored: &[(StreamId, StoredRecord)], proved: &[RawRecord], heights: &RangeSet) -> bool {
    let is_at = |height: u64| heights.ranges().iter().any(|range| range.contains(height));
    compare(streams, stored, proved).iter().any(|difference| difference.kind != DifferenceKind::Missing && is_at(difference.height))
}

/// The records of a height.
fn at(batch: &Batch, height: u64) -> impl Iterator<Item = &RawRecord> {
    batch.records.iter().filter(move |record| record.height == height)
}

fn content(record: &RawRecord) -> (u64, i64, B256) {
    (record.height, record.rec, record.digest())
}
