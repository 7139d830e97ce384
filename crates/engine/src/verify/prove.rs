//! One range, proved with all it takes: other endpoints, pauses, narrower ranges, a second answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use perpdex_core::{Batch, BlockRange, BlockRef, ChainId, Evidence, Filter, Headers, Proof, RawRecord, SourceError, SourceErrorKind};

use crate::check::check;
use crate::endpoints::{Ask, Endpoints};
use crate::job::JobStream;
use crate::options::EngineOptions;
use crate::retry::Tries;

/// What proving needs of a chain.
pub(super) struct Prover {
    pub(super) chain: ChainId,
    pub(super) endpoints: Endpoints,
    pub(super) options: Arc<EngineOptions>,
    pub(super) level: Evidence,
}

/// What became of the first part of a range.
pub(super) enum Proved {
    /// Read with the evidence that its batch states, which may be less than asked.
    Read { proof: Box<Proof>, endpoint: usize },
    /// No endpoint gave it.
    Refused { range: BlockRange, reason: String },
}

impl Prover {
    /// Proves the first part of `range` as well as asked, or as well as any endpoint can.
    pub(super) async fn prove(&self, range: BlockRange, streams: &[&JobStream]) -> Proved {
        self.prove_as(self.level, range, streams).await
    }

    /// Proves the first part of `range` as well as this, or as well as any endpoint can.
    pub(super) async fn prove_as(&self, level: Evidence, range: BlockRange, streams: &[&JobStream]) -> Proved {
        let filter = Filter {
            streams: streams.iter().map(|stream| (stream.id.clone(), stream.watch.clone())).collect(),
            headers: if Evidence::Bloom <= level { Headers::All } else { Headers::Needed },
        };
        if level == Evidence::Second {
            return self.prove_by_two(range, &filter, streams).await;
        }
        let mut best: Option<(Proof, usize)> = None;
        let mut refusals = Vec::new();
        for endpoint in self.endpoints.live(Ask::Proof) {
            match self.prove_at(endpoint, range, level, &filter, streams).await {
                Ok(proof) if level <= proof.batch.evidence => return Proved::Read { proof: Box::new(proof), endpoint },
                Ok(proof) => {
                    let is_better = best.as_ref().is_none_or(|(best, _)| best.batch.evidence < proof.batch.evidence);
                    best = if is_better { Some((proof, endpoint)) } else { best };
                }
                Err(error) => refusals.push(error.to_string()),
            }
        }
        match best {
            Some((proof, endpoint)) => Proved::Read { proof: Box::new(proof), endpoint },
            None => Proved::Refused { range, reason: reason(&refusals) },
        }
    }

    /// Asks two endpoints for the same range: what either has, is there.
    async fn prove_by_two(&self, range: BlockRange, filter: &Filter, streams: &[&JobStream]) -> Proved {
        let mut answers: Vec<(Proof, usize)> = Vec::new();
        let mut refusals = Vec::new();
        let mut asked = range;
        for endpoint in self.endpoints.live(Ask::Proof) {
            match self.prove_at(endpoint, asked, Evidence::Second, filter, streams).await {
                Ok(proof) => {
                    asked = proof.batch.range;
                    answers.push((proof, endpoint));
                }
                Err(error) => refusals.push(error.to_string()),
            }
            if let [(first, _), (second, endpoint)] = &answers[..] {
                return match united(&first.batch, &second.batch) {
                    Ok(proof) => Proved::Read { proof: Box::new(proof), endpoint: *endpoint },
                    Err(reason) => Proved::Refused { range: asked, reason },
                };
            }
        }
        refusals.push(format!("{} of two endpoints answered", answers.len()));
        Proved::Refused { range, reason: reason(&refusals) }
    }

    /// Asks one endpoint until it answers or will not.
    async fn prove_at(
        &self,
        endpoint: usize,
        range: BlockRange,
        level: Evidence,
        filter: &Filter,
        streams: &[&JobStream],
    ) -> Result<Proof, SourceError> {
        let others: Vec<usize> = self.endpoints.live(Ask::Proof).into_iter().filter(|other| *other != endpoint).collect();
        let source = self.endpoints.source(endpoint);
        let failed = |kind, message: String| SourceError { label: source.label().to_owned(), kind, message };
        let mut tries = Tries::new(&self.options);
        let mut blocks_max = u64::MAX;
        let mut narrowings = 0;
        loop {
            let Ok(permit) = self.endpoints.ready(Ask::Proof, &others).await else {
                return Err(failed(SourceErrorKind::Permanent, "the endpoint was dropped".to_owned()));
            };
            let asked = range.split_at(self.endpoints.with_sizer(endpoint, |sizer| sizer.ceiling()).min(blocks_max)).0;
            let answer = source.prove(asked, filter, level).await.and_then(|proof| {
                check(self.chain, asked, streams, &proof.batch).map_err(|message| failed(SourceErrorKind::Transient, message))?;
                Ok(proof)
            });
            let error = match answer {
                Ok(proof) => {
                    permit.succeeded();
                    return Ok(proof);
                }
                Err(error) => error,
            };
            permit.failed(&error);
            let blocks = asked.blocks();
            match &error.kind {
                SourceErrorKind::Range { .. } | SourceErrorKind::Density if blocks == 1 => return Err(error),
                SourceErrorKind::Range { blocks_max: cap } => {
                    self.endpoints.with_sizer(endpoint, |sizer| sizer.refused(blocks, *cap));
                    blocks_max = blocks - 1;
                    narrowings += 1;
                }
                SourceErrorKind::Density => {
                    blocks_max = blocks / 2;
                    narrowings += 1;
                }
                kind if kind.is_final() || !tries.count(kind) => return Err(error),
                _ => {}
            }
            if self.options.narrowings_max < narrowings {
                return Err(error);
            }
        }
    }
}

fn reason(refusals: &[String]) -> String {
    if refusals.is_empty() { "no endpoint is left".to_owned() } else { refusals.join("; ") }
}

/// Everything that either of two answers has, over the heights that both speak of. Two contents under one key, or two
/// hashes at one height, are a contradiction.
fn united(one: &Batch, other: &Batch) -> Result<Proof, String> {
    let range = one.range.intersect(&other.range).ok_or("two endpoints answered for different ranges")?;
    let mut blocks: BTreeMap<u64, BlockRef> = BTreeMap::new();
    for block in one.blocks.iter().chain(&other.blocks).filter(|block| range.contains(block.height)) {
        match blocks.get(&block.height).map(|known| (known.hash(), block.hash())) {
            Some((Some(known), Some(found))) if known != found => {
                return Err(format!("block {} has hash {known:#x} at one endpoint and {found:#x} at another", block.height));
            }
            Some((Some(_), _)) => {}
            _ => _ = blocks.insert(block.height, *block),
        }
    }
    let mut records: BTreeMap<(u64, i64, i64), RawRecord> = BTreeMap::new();
    let mut omitted = Vec::new();
    for (answer, reference) in [(one, other), (other, one)] {
        let theirs: BTreeMap<(u64, i64), &RawRecord> =
            reference.records.iter().map(|record| ((record.height, record.rec), record)).collect();
        for record in answer.records.iter().filter(|record| range.contains(record.height)) {
            match theirs.get(&(record.height, record.rec)) {
                Some(their) if their.digest() != record.digest() => {
                    return Err(format!("record {} at height {} differs between two endpoints", record.rec, record.height));
                }
                Some(_) => {}
                None => omitted.push(record.height),
            }
            records.insert((record.height, record.ord, record.rec), record.clone());
        }
    }
    omitted.sort_unstable();
    omitted.dedup();
    let batch = Batch {
        range,
        blocks: blocks.into_values().collect(),
        records: records.into_values().collect(),
        malformed: one.malformed.clone(),
        holes: one.holes.iter().chain(&other.holes).filter(|hole| hole.range.intersect(&range).is_some()).cloned().collect(),
        evidence: Evidence::Second.max(one.evidence.min(other.evidence)),
    };
    Ok(Proof { batch, omitted })
}
