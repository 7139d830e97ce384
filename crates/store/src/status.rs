//! What is wanted, what is known, what is missing, what is wrong.

use std::collections::BTreeMap;

use perpdex_core::{BlockRange, ChainId, Covered, Difference, Evidence, Hole, RangeSet, RunState, StreamId, Target};
use serde::Serialize;

use crate::coverage::{self, COLUMNS, HOLE_COLUMNS, read_hole, read_stream};
use crate::db::Db;
use crate::fact::{named, read_chain};
use crate::sql::{Record, Result, first_int};
use crate::{runs, verify};

/// The state of a store.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// One row a stream that is wanted or known, by chain, venue and part.
    pub streams: Vec<StreamStatus>,
    /// One row a chain with heads, records or reorgs.
    pub chains: Vec<ChainStatus>,
    /// Waiting events by what they wait for.
    pub unresolved: Vec<(String, i64)>,
    /// Numbers that the reducer could not write: rows of `v_reduce_failures`.
    pub reduce_failures: i64,
    /// Raw records in which the store differs from what verification proved.
    pub differences: Vec<Difference>,
    /// The newest run of each chain.
    pub runs: Vec<RunState>,
}

/// The state of one stream.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StreamStatus {
    /// The stream.
    pub stream: StreamId,
    /// What is wanted of it; `None`: known, but not wanted in this version.
    pub target: Option<Target>,
    /// The last height wanted by now: the target's end or the final head, the lower; `None` while no head is known.
    pub wanted_to: Option<u64>,
    /// Number of heights known well enough.
    pub covered_blocks: u64,
    /// Ranges known well enough, merged.
    pub covered_ranges: usize,
    /// The last height of the gap-free run from the target's start.
    pub watermark: Option<u64>,
    /// Time of the last covered height, unix milliseconds.
    pub covered_to_ms: Option<i64>,
    /// The weakest evidence among what counts as covered.
    pub evidence: Option<Evidence>,
    /// Wanted heights that are not known well enough.
    pub missing: Vec<BlockRange>,
    /// Holes with their causes.
    pub holes: Vec<Hole>,
    /// Number of covered heights that verification has proved again.
    pub verified_blocks: u64,
}

/// The state of one chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChainStatus {
    /// The chain.
    pub chain: ChainId,
    /// Highest height known final.
    pub finalized: Option<u64>,
    /// Newest height known.
    pub latest: Option<u64>,
    /// Raw records.
    pub records: i64,
    /// Records that could not be decoded.
    pub decode_failures: i64,
    /// Records of a kind no layout lists.
    pub unknown_events: i64,
    /// Unwindings.
    pub reorgs: i64,
    /// Waiting events.
    pub unresolved: i64,
}

impl Status {
    /// Whether nothing is missing and nothing is wrong. Waiting events and unknown kinds are no fault of coverage.
    pub fn is_complete(&self) -> bool {
        let known = |stream: &StreamStatus| stream.missing.is_empty() && stream.holes.is_empty() && stream.wanted_to.is_some();
        let whole = self.streams.iter().filter(|stream| stream.target.is_some()).all(known);
        let exact = self.differences.is_empty() && self.reduce_failures == 0;
        whole && exact && self.chains.iter().all(|chain| chain.decode_failures == 0)
    }
}

/// Reads the state of a store.
pub(crate) async fn status(db: &Db) -> Result<Status> {
    let chains = chains(db).await?;
    let mut streams: BTreeMap<StreamId, StreamRows> = BTreeMap::new();
    let sql = "SELECT chain_id, venue_id, part, version, from_height, to_height, first_height, evidence_min, sees_unknown FROM targets";
    for row in &db.rows(sql, Vec::new()).await? {
        let target = read_target(row)?;
        let stream = target.stream.clone();
        streams.entry(stream).or_default().target = Some(target);
    }
    for row in &db.rows(&format!("SELECT {COLUMNS} FROM covered_ranges ORDER BY from_height"), Vec::new()).await? {
        let covered = coverage::read(row)?;
        streams.entry(covered.stream.clone()).or_default().covered.push(covered);
    }
    for row in &db.rows(&format!("SELECT {HOLE_COLUMNS} FROM gaps ORDER BY from_height"), Vec::new()).await? {
        streams.entry(read_stream(row)?).or_default().holes.push(read_hole(row)?);
    }
    let sql = "SELECT chain_id, venue_id, part, version, from_height, to_height FROM verified_ranges ORDER BY from_height";
    for row in &db.rows(sql, Vec::new()).await? {
        streams.entry(read_stream(row)?).or_default().verified.push(coverage::read_range(row)?);
    }
    let finalized = |chain: ChainId| chains.iter().find(|status| status.chain == chain).and_then(|status| status.finalized);
    let streams = streams.into_iter().map(|(stream, rows)| stream_status(stream.clone(), rows, finalized(stream.chain))).collect();
    let sql = "SELECT target, COUNT(*) FROM unresolved GROUP BY target ORDER BY target";
    let unresolved = db.rows(sql, Vec::new()).await?.iter().map(|row| Ok((row.string(0)?, row.int(1)?))).collect::<Result<_>>()?;
    let reduce_failures = first_int(&db.rows("SELECT COUNT(*) FROM reduce_failures", Vec::new()).await?)?;
    Ok(Status { streams, chains, unresolved, reduce_failures, differences: verify::differences(db).await?, runs: runs::all(db).await? })
}

#[derive(Default)]
struct StreamRows {
    target: Option<Target>,
    covered: Vec<Covered>,
    holes: Vec<Hole>,
    verified: Vec<BlockRange>,
}

fn stream_status(stream: StreamId, rows: StreamRows, finalized: Option<u64>) -> StreamStatus {
    let StreamRows { target, covered, holes, verified } = rows;
    let evidence_min = target.as_ref().map_or(Evidence::Witnessed, |target| target.evidence_min);
    let covered: Vec<Covered> = covered.into_iter().filter(|covered| covered.evidence >= evidence_min).collect();
    let known = RangeSet::from_ranges(covered.iter().map(|covered| covered.range));
    let wanted_to = match target.as_ref().map(|target| target.to) {
        Some(Some(to)) => Some(finalized.map_or(to, |finalized| finalized.min(to))),
        Some(None) => finalized,
        None => None,
    };
    let wanted = target.as_ref().zip(wanted_to).and_then(|(target, to)| BlockRange::new(target.from, to));
    let from = target.as_ref().map(|target| target.from).or_else(|| known.ranges().first().map(BlockRange::from));
    StreamStatus {
        missing: wanted.map(|wanted| known.missing(wanted).ranges().to_vec()).unwrap_or_default(),
        holes: holes.into_iter().filter(|hole| target.as_ref().is_none_or(|target| target.from <= hole.range.to())).collect(),
        verified_blocks: intersection(&known, &RangeSet::from_ranges(verified)).blocks(),
        covered_blocks: known.blocks(),
        covered_ranges: known.ranges().len(),
        watermark: from.and_then(|from| known.watermark(from)),
        covered_to_ms: covered.iter().map(|covered| covered.to_ms).max(),
        evidence: covered.iter().map(|covered| covered.evidence).min(),
        stream,
        target,
        wanted_to,
    }
}

/// Heights of both sets.
fn intersection(a: &RangeSet, b: &RangeSet) -> RangeSet {
    a.without(&a.without(b))
}

fn read_target(r: &Record) -> Result<Target> {
    let height = |at: usize| r.opt_int(at)?.map(|_| r.height(at)).transpose();
    Ok(Target {
        stream: read_stream(r)?,
        from: r.height(4)?,
        to: height(5)?,
        first_height: height(6)?,
        evidence_min: r.parsed(7, "evidence", named)?,
        sees_unknown: r.flag(8)?,
    })
}

async fn chains(db: &Db) -> Result<Vec<ChainStatus>> {
    let sql = "SELECT c.chain_id, h.finalized, h.latest, COALESCE(r.records, 0) FROM chains c LEFT JOIN heads h ON h.chain_id = c.chain_id \
               LEFT JOIN record_counts r ON r.chain_id = c.chain_id ORDER BY c.chain_id";
    let mut out = Vec::new();
    for row in &db.rows(sql, Vec::new()).await? {
        let height = |at: usize| row.opt_int(at)?.map(|_| row.height(at)).transpose();
        let chain = read_chain(row, 0)?;
        let count = |from: &'static str| async move {
            let sql = format!("SELECT COUNT(*) FROM {from} chain_id = $1");
            first_int(&db.rows(&sql, vec![chain.as_i64().into()]).await?)
        };
        out.push(ChainStatus {
            chain,
            finalized: height(1)?,
            latest: height(2)?,
            records: row.int(3)?,
            decode_failures: count("decode_failures WHERE kind <> 'unknown_event' AND").await?,
            unknown_events: count("decode_failures WHERE kind = 'unknown_event' AND").await?,
            reorgs: count("reorgs WHERE").await?,
            unresolved: count("unresolved WHERE").await?,
        });
    }
    out.retain(|chain| chain.latest.is_some() || chain.records + chain.decode_failures + chain.reorgs > 0);
    Ok(out)
}
