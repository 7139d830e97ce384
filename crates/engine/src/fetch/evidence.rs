//! How well an answer is known: single blocks probed, another endpoint asked.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use perpdex_core::{Batch, BlockRange, Evidence, Filter, Headers, RawBody, SourceError, SourceErrorKind};

use super::FetchContext;
use crate::endpoints::{Ask, Permit};
use crate::job::JobStream;
use crate::plan::Planned;
use crate::probe::{self, ProbePlan, Rate};
use crate::report::ProofReport;

/// What the run has learnt about its streams, and how often it looked twice.
#[derive(Debug)]
pub(crate) struct Evidences {
    rates: Vec<Rate>,
    report: ProofReport,
}

impl Evidences {
    pub(crate) fn new(streams: usize) -> Evidences {
        Evidences { rates: vec![Rate::default(); streams], report: ProofReport::default() }
    }
}

/// Outcome of asking a second endpoint.
pub(super) enum Second {
    /// It gave the same keys.
    Agrees,
    /// It gave no answer, or one that lacks records.
    Silent,
    /// It has records that the first one lacks, at these heights.
    HasMore(Vec<u64>),
}

impl FetchContext {
    /// Believes an answer of final history only after a second look: at single blocks of it, and for some ranges at another
    /// endpoint. An answer that turns out to lack records is a failed call.
    pub(super) async fn proved(
        &self,
        endpoint: usize,
        planned: &Planned,
        streams: &[&JobStream],
        filter: &Filter,
        mut batch: Batch,
    ) -> Result<Batch, SourceError> {
        let blocks = batch.range.blocks();
        if filter.headers == Headers::Needed && self.endpoints.source(endpoint).can_probe() && batch.evidence < Evidence::Probed {
            let plan = self.plan_probes(planned, streams, &batch);
            let is_settled = self.probe(endpoint, filter, &batch, &plan.heights).await?;
            if is_settled {
                batch.evidence = Evidence::Probed;
            }
            let is_caught = self.endpoints.is_caught(endpoint);
            let is_suspicious = !plan.suspicious.is_empty() || !is_settled || is_caught;
            let wants_second = is_suspicious || probe::is_picked(batch.range, &self.options);
            let is_second = wants_second && self.second(endpoint, streams, filter, &batch).await?;
            if is_second {
                batch.evidence = Evidence::Second;
            } else if is_caught {
                // Nobody else can be asked, and this one is believed only with proof.
                return Err(self.disbelief(
                    endpoint,
                    SourceErrorKind::Omitted,
                    format!("left records out before: {} is read again", batch.range),
                ));
            } else if is_suspicious {
                self.count(|report| report.blocks_settling += plan.suspect_heights.len() as u64);
                if !self.probe(endpoint, filter, &batch, &plan.suspect_heights).await? || plan.is_beyond_looks {
                    batch.evidence = Evidence::Witnessed;
                }
            }
            let is_doubted = batch.evidence < Evidence::Second && self.is_doubted(batch.range);
            if (batch.evidence < Evidence::Probed || is_doubted) && self.second_in_turn(endpoint, streams, filter, &batch).await? {
                batch.evidence = Evidence::Second;
            } else if is_doubted {
                // An earlier run could not believe it either: a look here and there does not take that back.
                match self.salvage(endpoint, batch.range, streams, filter).await {
                    Some(proved) => return Ok(proved),
                    None => batch.evidence = Evidence::Witnessed,
                }
            }
            self.learn(planned, streams, &batch, &plan);
        }
        self.endpoints.with_sizer(endpoint, |sizer| sizer.answered(&planned.streams, blocks, &batch.records));
        Ok(batch)
    }

    fn plan_probes(&self, planned: &Planned, streams: &[&JobStream], batch: &Batch) -> ProbePlan {
        let evidences = self.evidences.lock().expect("no one panics while counting");
        let rates = planned.streams.iter().map(|stream| evidences.rates[*stream].clone());
        let busy: Vec<(Vec<u64>, Rate)> = streams.iter().map(|stream| busy(stream, batch)).zip(rates).collect();
        probe::plan(batch.range, &busy, &self.options)
    }

    /// Probes blocks: whether all of them say that nothing is missing.
    async fn probe(&self, endpoint: usize, filter: &Filter, batch: &Batch, heights: &[u64]) -> Result<bool, SourceError> {
        if heights.is_empty() {
            return Ok(true);
        }
        if !self.endpoints.live(Ask::Proof).contains(&endpoint) {
            return Ok(false);
        }
        let permit = self.endpoints.permit_for(endpoint, Ask::Proof).await;
        let probe = match self.endpoints.source(endpoint).probe(heights, filter, batch).await {
            Ok(probe) => probe,
            Err(error) => {
                permit.failed(&error);
                // Without an answer nothing is proved; the records are what they were.
                return if error.kind == SourceErrorKind::Permanent { Ok(false) } else { Err(error) };
            }
        };
        self.count(|report| {
            report.blocks_probed += heights.len() as u64;
            report.blocks_unsettled += probe.unsettled.len() as u64;
        });
        let Some(first) = probe.omitted.first() else {
            permit.succeeded();
            return Ok(probe.unsettled.is_empty());
        };
        let (probed, omitted) = (heights.len(), probe.omitted.len());
        let text = format!("answer for {} leaves out records of block {first}: {omitted} of {probed} probed blocks lack some", batch.range);
        let error = self.disbelief(endpoint, SourceErrorKind::Omitted, text);
        permit.failed(&error);
        Err(error)
    }

    /// Whether a second endpoint, if one is idle, gives the same records. One that was caught itself is no witness: endpoints of one make
    /// leave out the same.
    async fn second(&self, first: usize, streams: &[&JobStream], filter: &Filter, batch: &Batch) -> Result<bool, SourceError> {
        match self.endpoints.idle(Ask::Records, &self.endpoints.no_witnesses(&[first])) {
            Some(permit) => self.ask_second(permit, first, streams, filter, batch).await,
            None => Ok(false),
        }
    }

    /// The same where nothing but another endpoint can settle a doubt: a busy one is waited for.
    async fn second_in_turn(&self, first: usize, streams: &[&JobStream], filter: &Filter, batch: &Batch) -> Result<bool, SourceError> {
        match self.endpoints.ready(Ask::Records, &self.endpoints.no_witnesses(&[first])).await {
            Ok(permit) => self.ask_second(permit, first, streams, filter, batch).await,
            Err(_) => Ok(false),
        }
    }

    async fn ask_second(
        &self,
        permit: Permit<'_>,
        first: usize,
        streams: &[&JobStream],
        filter: &Filter,
        batch: &Batch,
    ) -> Result<bool, SourceError> {
        let second = permit.endpoint;
        self.count(|report| report.ranges_second += 1);
        match self.compare(permit, streams, filter, batch).await {
            Ok(Second::Agrees) => Ok(true),
            Ok(Second::Silent) => Ok(false),
            Ok(Second::HasMore(heights)) => {
                let (other, count) = (self.endpoints.source(second).label(), heights.len());
                let text = format!("answer for {} leaves out {count} records that {other} gives", batch.range);
                let error = self.disbelief(first, SourceErrorKind::Omitted, text);
                self.endpoints.tally.error(&error);
                Err(error)
            }
            Err(message) => Err(self.disbelief(first, SourceErrorKind::Transient, message)),
        }
    }

    /// Asks the second endpoint for the whole range, in pieces that it takes. The error is a contradiction.
    pub(super) async fn compare(
        &self,
        permit: Permit<'_>,
        streams: &[&JobStream],
        filter: &Filter,
        batch: &Batch,
    ) -> Result<Second, String> {
        let second = permit.endpoint;
        let mut ours = keys(batch);
        let mut more = Vec::new();
        let mut rest = Some(batch.range);
        let mut pieces = 0;
        while let Some(range) = rest {
            pieces += 1;
            let asked = range.split_at(self.most_blocks(second, filter.headers)).0;
            let theirs = match self.fetch_checked(second, asked, streams, filter).await {
                Ok(theirs) => theirs,
                Err(error) => {
                    if let SourceErrorKind::Range { blocks_max } = error.kind {
                        self.endpoints.with_sizer(second, |sizer| sizer.refused(asked.blocks(), blocks_max));
                    }
                    permit.failed(&error);
                    return Ok(Second::Silent);
                }
            };
            for (key, (hash, digest)) in keys(&theirs) {
                let (label, (height, rec)) = (self.endpoints.source(second).label(), key);
                match ours.remove(&key) {
                    Some((known, _)) if known != hash => {
                        return Err(format!("block {height} has another hash at {label}: {known:?} and {hash:?}"));
                    }
                    Some((_, known)) if known != digest => {
                        return Err(format!("record {rec} of block {height} has another content at {label}"));
                    }
                    Some(_) => {}
                    None => more.push(key.0),
                }
            }
            rest = range.split_at(theirs.range.blocks()).1;
            if rest.is_some() && self.options.narrowings_max < pieces {
                return Ok(Second::Silent);
            }
        }
        match (more.is_empty(), ours.len()) {
            (true, 0) => {
                permit.succeeded();
                Ok(Second::Agrees)
            }
            (true, fewer) => {
                let text = format!("answer for {} leaves out {fewer} records that another endpoint gives", batch.range);
                permit.failed(&self.disbelief(second, SourceErrorKind::Omitted, text));
                self.endpoints.caught(second);
                Ok(Second::Silent)
            }
            (false, _) => Ok(Second::HasMore(more)),
        }
    }

    /// Whether an earlier look at one of these heights ended in doubt.
    fn is_doubted(&self, range: BlockRange) -> bool {
        let doubted = self.doubted.lock().expect("no one panics while looking at doubts");
        doubted.missing(range).blocks() < range.blocks()
    }

    fn learn(&self, planned: &Planned, streams: &[&JobStream], batch: &Batch, plan: &ProbePlan) {
        let counts: Vec<u64> = streams.iter().map(|stream| busy(stream, batch).len() as u64).collect();
        let mut evidences = self.evidences.lock().expect("no one panics while counting");
        for (stream, count) in planned.streams.iter().zip(counts) {
            evidences.rates[*stream].add(batch.range.blocks(), count);
        }
        evidences.report.stretches_suspicious += plan.suspicious.len() as u64;
    }

    /// How often answers were looked at twice.
    pub(crate) fn proof_report(&self) -> ProofReport {
        self.evidences.lock().expect("no one panics while counting").report.clone()
    }

    pub(super) fn count(&self, work: impl FnOnce(&mut ProofReport)) {
        work(&mut self.evidences.lock().expect("no one panics while counting").report);
    }
}

/// Heights at which a stream has records, ascending and unique.
pub(super) fn busy(stream: &JobStream, batch: &Batch) -> Vec<u64> {
    let mut heights: Vec<u64> = batch.records.iter().filter(|record| stream.watch.matches(record)).map(|record| record.height).collect();
    heights.dedup();
    heights
}

/// Keys of a batch's records, with the hash of the block that each names and its digest.
fn keys(batch: &Batch) -> BTreeMap<(u64, i64), (Option<B256>, B256)> {
    let hash = |body: &RawBody| match body {
        RawBody::EvmLog(log) => Some(log.block_hash),
        _ => None,
    };
    batch.records.iter().map(|record| ((record.height, record.rec), (hash(&record.body), record.digest()))).collect()
}
