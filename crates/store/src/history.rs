//! All of one market that the reducer computes levels from, read from the tables.

use perpdex_core::{BlockRange, ChainId, Decimal, IndexBasis, Period, PriceKind, VenueSlug};
use perpdex_reducer::{AnchorPoint, CoveredTime, HourDelta, MarkPoint, MarketHistory, RatePoint, RateValue, TailDelta, hour_id};

use crate::fact::{named, read_chain, read_decimal, read_u8, read_venue};
use crate::sql::{Fault, Param, Record, Result, Tx};

/// Milliseconds of an hour.
const HOUR_MS: i64 = 3_600_000;
/// Anchors read at once while looking for the first whole one.
const ANCHORS_PER_READ: usize = 256;
/// Hours of one market; a calendar that is longer has an event with an impossible time in it.
const HOURS_MAX: i64 = 24 * 366 * 30;

/// A market's properties that its history needs.
struct Market {
    id: i64,
    chain: ChainId,
    venue: VenueSlug,
    key: String,
    qty_scale: u8,
    first_ms: i64,
    listed_ms: Option<i64>,
    collateral_tokens: usize,
}

/// Reads a market's history; `None` for a market that is gone.
pub(crate) async fn load(tx: &mut Tx, market_id: i64, mark_age_ms_max: i64) -> Result<Option<MarketHistory>> {
    let Some(market) = load_market(tx, market_id).await? else { return Ok(None) };
    let fills = covered(tx, &market, Family::Fills).await?;
    let funding = covered(tx, &market, Family::Funding).await?;
    let starts_at_zero = starts_at_zero(&market, &fills);
    let (anchors, anchor_parts) = if starts_at_zero { (Vec::new(), 0) } else { anchors(tx, &market).await? };
    let tail = match MarketHistory::first_anchor_hour(&anchors, anchor_parts) {
        Some(hour) => tail(tx, market_id, hour).await?,
        None => Vec::new(),
    };
    let deltas = deltas(tx, market_id).await?;
    let first_hour = hour_id(market.first_ms);
    let ends = fills.iter().chain(&funding).map(|stretch| hour_id(stretch.to_ms));
    let last_hour = ends.chain([last_event_hour(tx, market_id).await?.unwrap_or(first_hour), first_hour]).max().unwrap_or(first_hour);
    if last_hour - first_hour > HOURS_MAX {
        let message = format!("market {} of {} on {} spans {} hours", market.key, market.venue, market.chain, last_hour - first_hour);
        return Err(Fault::Corrupt(message));
    }
    Ok(Some(MarketHistory {
        first_hour,
        last_hour,
        qty_scale: market.qty_scale,
        starts_at_zero,
        anchor_parts,
        fills_covered: fills,
        funding_covered: funding,
        deltas,
        tail,
        anchors,
        marks: marks(tx, market_id).await?,
        rates: rates(tx, market_id).await?,
        mark_age_ms_max,
    }))
}

async fn load_market(tx: &mut Tx, market_id: i64) -> Result<Option<Market>> {
    let sql = "SELECT m.chain_id, m.venue_id, m.market_key, a.qty_scale, m.first_ms, m.listed_ms, m.collateral_tokens \
               FROM markets m JOIN assets a ON a.asset_id = m.asset_id WHERE m.market_id = $1";
    let rows = tx.rows(sql, vec![market_id.into()]).await?;
    let Some(r) = rows.first() else { return Ok(None) };
    Ok(Some(Market {
        id: market_id,
        chain: read_chain(r, 0)?,
        venue: read_venue(r, 1)?,
        key: r.string(2)?,
        qty_scale: read_u8(r, 3)?,
        first_ms: r.int(4)?,
        listed_ms: r.opt_int(5)?,
        collateral_tokens: r.text(6)?.split_whitespace().count(),
    }))
}

/// Which records a stretch of coverage speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Fills,
    Funding,
}

/// The part that brings funding where a venue has it apart.
const FUNDING_PART: &str = "misc";

/// Times covered well enough, as the wanted version of the streams has them.
async fn covered(tx: &mut Tx, market: &Market, family: Family) -> Result<Vec<CoveredTime>> {
    let sql = "SELECT r.part, r.from_height, r.to_height, r.from_ms, r.to_ms, t.first_height FROM covered_ranges r \
               LEFT JOIN targets t ON t.chain_id = r.chain_id AND t.venue_id = r.venue_id AND t.part = r.part \
               WHERE r.chain_id = $1 AND r.venue_id = $2 AND r.version = COALESCE(t.version, r.version) \
               AND r.evidence_rank >= COALESCE(t.evidence_rank_min, 0) ORDER BY r.part, r.version, r.from_height";
    let rows = tx.rows(sql, vec![market.chain.as_i64().into(), market.venue.id().into()]).await?;
    let parts = rows.iter().map(|row| row.text(0)).collect::<Result<Vec<&str>>>()?;
    let has_apart = parts.contains(&FUNDING_PART);
    let wanted = |part: &str| (part == FUNDING_PART) == (family == Family::Funding && has_apart);
    let mut out: Vec<(BlockRange, CoveredTime)> = Vec::new();
    for (row, _) in rows.iter().zip(&parts).filter(|(_, part)| wanted(part)) {
        let range = BlockRange::new(row.height(1)?, row.height(2)?).ok_or_else(|| row.unexpected(2, "the end of a range"))?;
        let from_first = row.opt_int(5)?.is_some_and(|first| i64::try_from(range.from()).is_ok_and(|from| from <= first));
        let time = CoveredTime { from_ms: if from_first { i64::MIN } else { row.int(3)? }, to_ms: row.int(4)? };
        match out.last_mut() {
            Some((last, stretch)) if last.to().checked_add(1) == Some(range.from()) => {
                stretch.to_ms = stretch.to_ms.max(time.to_ms);
                *last = BlockRange::new(last.from(), range.to()).expect("a union is not empty");
            }
            _ => out.push((range, time)),
        }
    }
    out.sort_by_key(|(range, _)| *range);
    Ok(out.into_iter().map(|(_, stretch)| stretch).collect())
}

/// Whether nothing of the market can lie before what is covered.
fn starts_at_zero(market: &Market, fills: &[CoveredTime]) -> bool {
    let from_first = fills.iter().any(|stretch| stretch.from_ms == i64::MIN && market.first_ms <= stretch.to_ms);
    let listed = market.listed_ms.is_some_and(|ms| fills.iter().any(|stretch| stretch.from_ms <= ms && ms <= stretch.to_ms));
    from_first || listed
}

async fn last_event_hour(tx: &mut Tx, market_id: i64) -> Result<Option<i64>> {
    let rows = tx.rows("SELECT MAX(hour_id) FROM agg_market_hour WHERE market_id = $1", vec![market_id.into()]).await?;
    rows.first().map_or(Ok(None), |row| row.opt_int(0))
}

/// Whether a fill changes a side's open interest without telling by how much at entry.
const UNTOLD_LONG: &str = "long_delta_q <> 0 AND long_delta_usd_e6 IS NULL";
const UNTOLD_SHORT: &str = "short_delta_q <> 0 AND short_delta_usd_e6 IS NULL";

async fn deltas(tx: &mut Tx, market_id: i64) -> Result<Vec<HourDelta>> {
    // The sums count an entry cost that is not told as nothing: the fills say where one is missing.
    let sql = format!(
        "SELECT a.hour_id, a.long_delta_q, a.short_delta_q, CASE WHEN u.long IS NULL THEN a.long_delta_usd_e6 END, \
         CASE WHEN u.short IS NULL THEN a.short_delta_usd_e6 END FROM agg_market_hour a LEFT JOIN (SELECT ts_ms / {HOUR_MS} AS hour_id, \
         MAX(CASE WHEN {UNTOLD_LONG} THEN 1 END) AS long, MAX(CASE WHEN {UNTOLD_SHORT} THEN 1 END) AS short FROM fills \
         WHERE market_id = $1 AND (({UNTOLD_LONG}) OR ({UNTOLD_SHORT})) GROUP BY ts_ms / {HOUR_MS}) u ON u.hour_id = a.hour_id \
         WHERE a.market_id = $1 AND (a.long_delta_q <> 0 OR a.short_delta_q <> 0 OR a.long_delta_usd_e6 <> 0 \
         OR a.short_delta_usd_e6 <> 0 OR u.hour_id IS NOT NULL) ORDER BY a.hour_id"
    );
    tx.rows(&sql, vec![market_id.into()]).await?.iter().map(|row| read_delta(row, row.int(0)?)).collect()
}

fn read_delta(r: &Record, hour_id: i64) -> Result<HourDelta> {
    Ok(HourDelta { hour_id, long_q: r.int(1)?, short_q: r.int(2)?, long_usd_e6: r.opt_int(3)?, short_usd_e6: r.opt_int(4)? })
}

async fn tail(tx: &mut Tx, market_id: i64, hour: i64) -> Result<Vec<TailDelta>> {
    let sql = format!(
        "SELECT height, CAST(SUM(long_delta_q) AS BIGINT), CAST(SUM(short_delta_q) AS BIGINT), \
         CASE WHEN MAX(CASE WHEN {UNTOLD_LONG} THEN 1 END) IS NULL THEN CAST(SUM(COALESCE(long_delta_usd_e6, 0)) AS BIGINT) END, \
         CASE WHEN MAX(CASE WHEN {UNTOLD_SHORT} THEN 1 END) IS NULL THEN CAST(SUM(COALESCE(short_delta_usd_e6, 0)) AS BIGINT) END \
         FROM fills WHERE market_id = $1 AND ts_ms >= $2 AND ts_ms < $3 GROUP BY height ORDER BY height"
    );
    let rows = tx.rows(&sql, vec![market_id.into(), (hour * HOUR_MS).into(), ((hour + 1) * HOUR_MS).into()]).await?;
    rows.iter().map(|row| Ok(TailDelta { height: row.height(0)?, delta: read_delta(row, hour)? })).collect()
}

/// Anchors up to and including the height of the first whole one, and how many parts make one whole.
async fn anchors(tx: &mut Tx, market: &Market) -> Result<(Vec<AnchorPoint>, usize)> {
    let sql = format!(
        "SELECT height, ord, sub, ts_ms, collateral_token, long_q, short_q, long_usd_e6, short_usd_e6 FROM oi_anchors \
         WHERE market_id = $1 AND (height, ord, sub) > ($2, $3, $4) ORDER BY height, ord, sub LIMIT {ANCHORS_PER_READ}"
    );
    let mut anchors: Vec<AnchorPoint> = Vec::new();
    let mut last = [Param::Int(-1), Param::Int(i64::MIN), Param::Int(-1)];
    loop {
        let [height, ord, sub] = last;
        let rows = tx.rows(&sql, vec![market.id.into(), height, ord, sub]).await?;
        for row in &rows {
            anchors.push(read_anchor(row)?);
        }
        // A level stated for a collateral is whole when each collateral's two sides are told.
        let per_collateral = anchors.iter().any(|anchor| anchor.collateral_token.is_some());
        let parts = if per_collateral { 2 * market.collateral_tokens.max(1) } else { 0 };
        let whole = MarketHistory::first_anchor_hour(&anchors, parts).is_some();
        match rows.last() {
            Some(row) if rows.len() == ANCHORS_PER_READ && !(whole && past_first_whole(&anchors, parts)) => {
                last = [Param::Int(row.int(0)?), Param::Int(row.int(1)?), Param::Int(row.int(2)?)];
            }
            _ => return Ok((anchors, parts)),
        }
    }
}

/// Whether the whole anchor's height is followed by another, so that all of its rows are read.
fn past_first_whole(anchors: &[AnchorPoint], parts: usize) -> bool {
    let Some(newest) = anchors.last().map(|anchor| anchor.height) else { return false };
    let below: Vec<AnchorPoint> = anchors.iter().filter(|anchor| anchor.height < newest).cloned().collect();
    MarketHistory::first_anchor_hour(&below, parts).is_some()
}

fn read_anchor(r: &Record) -> Result<AnchorPoint> {
    Ok(AnchorPoint {
        height: r.height(0)?,
        ord: r.int(1)?,
        ts_ms: r.int(3)?,
        collateral_token: r.opt_string(4)?,
        long_q: r.opt_int(5)?,
        short_q: r.opt_int(6)?,
        long_usd_e6: r.opt_int(7)?,
        short_usd_e6: r.opt_int(8)?,
    })
}

/// The last price of each hour and kind, executions among them.
async fn marks(tx: &mut Tx, market_id: i64) -> Result<Vec<MarkPoint>> {
    let mut marks: Vec<MarkPoint> = Vec::new();
    for (table, kind, condition) in [("prices", "kind", ""), ("fills", "NULL", "AND in_volume = 1")] {
        let sql = format!(
            "SELECT hour_id, ts_ms, kind, price FROM (SELECT ts_ms / {HOUR_MS} AS hour_id, ts_ms, CAST({kind} AS TEXT) AS kind, price, \
             ROW_NUMBER() OVER (PARTITION BY {kind}, ts_ms / {HOUR_MS} ORDER BY height DESC, ord DESC, sub DESC) AS place \
             FROM {table} WHERE market_id = $1 {condition}) x WHERE place = 1 ORDER BY hour_id, kind"
        );
        for r in &tx.rows(&sql, vec![market_id.into()]).await? {
            let kind = r.opt_parsed(2, "a kind of price", named::<PriceKind>)?;
            marks.push(MarkPoint { hour_id: r.int(0)?, ts_ms: r.int(1)?, kind, price: read_decimal(r, 3)? });
        }
    }
    marks.sort_by_key(|mark| (mark.hour_id, mark.kind));
    Ok(marks)
}

async fn rates(tx: &mut Tx, market_id: i64) -> Result<Vec<RatePoint>> {
    let mut points: Vec<((u64, i64, i64), RatePoint)> = Vec::new();
    let sql =
        "SELECT height, ord, sub, kind, start_ms, end_ms, cost_long_1h_e12, cost_short_1h_e12 FROM funding_rates WHERE market_id = $1";
    for r in &tx.rows(sql, vec![market_id.into()]).await? {
        let end_ms = r.int(5)?;
        let period = r.opt_int(4)?.map_or(Period::SincePrevious { end_ms }, |start_ms| Period::Exact { start_ms, end_ms });
        let value = RateValue::Rate { period, cost_long_1h_e12: r.opt_int(6)?, cost_short_1h_e12: r.opt_int(7)? };
        points.push((place(r)?, RatePoint { ts_ms: end_ms, kind: r.parsed(3, "a kind", named)?, value }));
    }
    let sql = "SELECT height, ord, sub, kind, ts_ms, side, value, basis_price, is_reset FROM funding_index WHERE market_id = $1";
    for r in &tx.rows(sql, vec![market_id.into()]).await? {
        let basis = match r.opt_parsed(7, "a price", |text| Decimal::parse(text).ok())? {
            Some(price) => IndexBasis::QuotePerUnit { price },
            None => IndexBasis::Fraction,
        };
        let side = r.opt_parsed(5, "a side", named)?;
        let value = RateValue::Index { side, value: read_decimal(r, 6)?, basis, is_reset: r.flag(8)? };
        points.push((place(r)?, RatePoint { ts_ms: r.int(4)?, kind: r.parsed(3, "a kind", named)?, value }));
    }
    points.sort_by_key(|(place, _)| *place);
    Ok(points.into_iter().map(|(_, point)| point).collect())
}

/// The canonical place in the first three columns.
fn place(r: &Record) -> Result<(u64, i64, i64)> {
    Ok((r.height(0)?, r.int(1)?, r.int(2)?))
}
