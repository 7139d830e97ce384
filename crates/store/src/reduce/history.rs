//! What the reducer computes the hours of one market from, read from the tables: from a moment on, and what stood before.

use perpdex_core::{BlockRange, CHAINS, ChainKind, Decimal, Family, IndexBasis, Period, PriceKind};
use perpdex_reducer::{
    CoveredTime, HOUR_MS, HourDelta, Level, MarkPoint, MarketHistory, MedianMark, Moment, RatePoint, RateValue, STATED_LATE_MS_MAX,
    StatedLevel, hour_id,
};

use super::bases;
use super::market_row::{Market, market};
use crate::db::Tx;
use crate::dirty::FundingLine;
use crate::fact::{named, read_decimal};
use crate::sql::{Record, Result};

/// Hours of one market; a calendar that is longer has an event with an impossible time in it.
const HOURS_MAX: i64 = 24 * 366 * 30;

/// Reads a market's history from the earliest hour on that a change in `dirty_from` or later can reach; the calendar's
/// first and last hour, where it is too long to be true.
pub(super) async fn load(
    tx: &mut Tx,
    market: &Market,
    dirty_from: i64,
    mark_age_ms_max: i64,
) -> Result<std::result::Result<MarketHistory, (i64, i64)>> {
    let fills = covered(tx, market, Family::Volume).await?;
    let funding = covered(tx, market, Family::Funding).await?;
    let liquidations = covered(tx, market, Family::Liquidations).await?;
    let first_hour = market.first_hour();
    let ends = fills.iter().chain(&funding).chain(&liquidations).map(|stretch| hour_id(stretch.to_ms));
    let last_hour = ends.chain([last_event_hour(tx, market.id).await?.unwrap_or(first_hour), first_hour]).max().unwrap_or(first_hour);
    if last_hour - first_hour > HOURS_MAX {
        return Ok(Err((first_hour, last_hour)));
    }
    // A calendar that has become shorter leaves hours behind its end.
    let dirty_from = dirty_from.clamp(first_hour, last_hour + 1);
    let from_hour = rates_from(tx, market.id, dirty_from).await?.max(first_hour);
    let from_ms = from_hour * HOUR_MS;
    let before = if from_hour > first_hour { level_before(tx, market.id, from_hour).await? } else { None };
    // A venue without a chain states its levels; what they began with nobody saw.
    let states_levels = market.chain.info().is_some_and(|info| info.kind == ChainKind::OffChain);
    let before = before.filter(|_| !states_levels);
    let starts_at_zero = !states_levels && starts_at_zero(market, &fills);
    // A stretch in which the level is known already begins at no anchor; one in which it could not go on does not begin again.
    let is_known = before.is_some() || (starts_at_zero && from_hour == first_hour);
    let failed_ms = last_failed_hour(tx, market.id, from_hour).await?.map(|hour| (hour + 1) * HOUR_MS);
    let is_spent = |stretch: &CoveredTime| is_known || failed_ms.is_some_and(|failed_ms| stretch.from_ms < failed_ms);
    let known_at_ms = if from_hour == first_hour { market.first_ms } else { from_ms };
    let wanting: Vec<CoveredTime> = fills
        .iter()
        .filter(|stretch| {
            !states_levels
                && stretch.to_ms >= from_ms
                && !(is_spent(stretch) && stretch.from_ms <= known_at_ms && known_at_ms <= stretch.to_ms)
        })
        .copied()
        .collect();
    Ok(Ok(MarketHistory {
        first_hour,
        from_hour,
        last_hour,
        before,
        qty_scale: market.qty_scale,
        starts_at_zero,
        bases: bases::load(tx, market, &wanting).await?,
        fills_covered: fills,
        funding_covered: funding,
        liquidations_covered: liquidations,
        stated: if states_levels { stated(tx, market.id, from_hour).await? } else { Vec::new() },
        deltas: deltas(tx, market.id, from_hour).await?,
        marks: marks(tx, market, from_ms - mark_age_ms_max).await?,
        medians: medians(tx, market.asset_id, from_hour).await?,
        rates: rates(tx, market.id, from_ms).await?,
        mark_age_ms_max,
    }))
}

/// For each hour from `from_hour` on the level stated last before its end, or shortly behind it.
async fn stated(tx: &mut Tx, market_id: i64, from_hour: i64) -> Result<Vec<StatedLevel>> {
    let hour = format!("(ts_ms - {STATED_LATE_MS_MAX} - 1) / {HOUR_MS}");
    let sql = format!(
        "SELECT hour_id, ts_ms, long_q, short_q FROM (SELECT {hour} AS hour_id, ts_ms, long_q, short_q, \
         ROW_NUMBER() OVER (PARTITION BY {hour} ORDER BY ts_ms DESC, height DESC, ord DESC, sub DESC) AS place \
         FROM oi_anchors WHERE market_id = $1 AND ts_ms >= $2 AND long_q IS NOT NULL AND short_q IS NOT NULL) x WHERE place = 1 ORDER BY hour_id"
    );
    let rows = tx.rows(&sql, vec![market_id.into(), (from_hour * HOUR_MS).into()]).await?;
    rows.iter().map(|r| Ok(StatedLevel { hour_id: r.int(0)?, ts_ms: r.int(1)?, long_q: r.int(2)?, short_q: r.int(3)? })).collect()
}

/// The last hour before another in which the level could not be.
async fn last_failed_hour(tx: &mut Tx, market_id: i64, hour: i64) -> Result<Option<i64>> {
    let sql = "SELECT MAX(hour_id) FROM reduce_failures WHERE market_id = $1 AND column_name = 'long_q' AND hour_id < $2";
    tx.rows(sql, vec![market_id.into(), hour.into()]).await?.first().map_or(Ok(None), |row| row.opt_int(0))
}

async fn level_before(tx: &mut Tx, market_id: i64, hour: i64) -> Result<Option<Level>> {
    let sql = "SELECT long_q, short_q, long_entry_usd_e6, short_entry_usd_e6 FROM market_hour WHERE market_id = $1 AND hour_id = $2";
    let rows = tx.rows(sql, vec![market_id.into(), (hour - 1).into()]).await?;
    let Some(r) = rows.first() else { return Ok(None) };
    let sides = r.opt_int(0)?.zip(r.opt_int(1)?);
    let (long_usd_e6, short_usd_e6) = (r.opt_int(2)?, r.opt_int(3)?);
    Ok(sides.map(|(long_q, short_q)| Level { long_q, short_q, long_usd_e6, short_usd_e6 }))
}

/// Times in which a market's fills are known; none for a market that is gone.
pub(crate) async fn fills_covered(tx: &mut Tx, market_id: i64) -> Result<Vec<CoveredTime>> {
    match market(tx, market_id).await? {
        Some(market) => covered(tx, &market, Family::Volume).await,
        None => Ok(Vec::new()),
    }
}

/// Times covered well enough, as the wanted version of the streams has them, on all chains that tell of the market.
async fn covered(tx: &mut Tx, market: &Market, family: Family) -> Result<Vec<CoveredTime>> {
    let views = CHAINS.iter().filter(|chain| chain.id.market_chain() == market.chain).map(|chain| chain.id);
    let chains: Vec<String> = views.chain([market.chain]).map(|chain| chain.as_i64().to_string()).collect();
    let sql = format!(
        "SELECT r.chain_id, r.part, r.from_height, r.to_height, r.from_ms, r.to_ms, t.first_height FROM covered_ranges r \
         LEFT JOIN targets t ON t.chain_id = r.chain_id AND t.venue_id = r.venue_id AND t.part = r.part \
         WHERE r.chain_id IN ({}) AND r.venue_id = $1 AND r.version = COALESCE(t.version, r.version) \
         AND r.evidence_rank >= COALESCE(t.evidence_rank_min, 0) ORDER BY r.chain_id, r.part, r.version, r.from_height",
        chains.join(", ")
    );
    let rows = tx.rows(&sql, vec![market.venue.id().into()]).await?;
    let parts = rows.iter().map(|row| row.text(1)).collect::<Result<Vec<&str>>>()?;
    let wanted = |part: &str| Family::of_part(part).contains(&family);
    let mut out: Vec<(i64, &str, BlockRange, CoveredTime)> = Vec::new();
    for (row, part) in rows.iter().zip(&parts).filter(|(_, part)| wanted(part)) {
        let chain = row.int(0)?;
        let range = BlockRange::new(row.height(2)?, row.height(3)?).ok_or_else(|| row.unexpected(3, "the end of a range"))?;
        let from_first = row.opt_int(6)?.is_some_and(|first| i64::try_from(range.from()).is_ok_and(|from| from <= first));
        let time = CoveredTime { from_ms: if from_first { i64::MIN } else { row.int(4)? }, to_ms: row.int(5)? };
        match out.last_mut() {
            Some((on, of, last, stretch)) if (*on, *of) == (chain, *part) && last.to().checked_add(1) == Some(range.from()) => {
                stretch.to_ms = stretch.to_ms.max(time.to_ms);
                *last = BlockRange::new(last.from(), range.to()).expect("a union is not empty");
            }
            _ => out.push((chain, part, range, time)),
        }
    }
    Ok(united(out.into_iter().map(|(.., stretch)| stretch).collect()))
}

/// Stretches of time as disjoint ones: streams of one venue may tell of the same time.
fn united(mut stretches: Vec<CoveredTime>) -> Vec<CoveredTime> {
    stretches.sort_by_key(|stretch| (stretch.from_ms, stretch.to_ms));
    let mut out: Vec<CoveredTime> = Vec::with_capacity(stretches.len());
    for stretch in stretches {
        match out.last_mut() {
            // Two that only touch stay apart: what lies between two ranges of heights need not be known.
            Some(last) if stretch.from_ms < last.to_ms => last.to_ms = last.to_ms.max(stretch.to_ms),
            _ => out.push(stretch),
        }
    }
    out
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

async fn deltas(tx: &mut Tx, market_id: i64, from_hour: i64) -> Result<Vec<HourDelta>> {
    let sql = "SELECT hour_id, long_delta_q, short_delta_q, CASE WHEN long_untold = 0 THEN long_delta_usd_e6 END, \
               CASE WHEN short_untold = 0 THEN short_delta_usd_e6 END, long_moment_hi, long_moment_lo, short_moment_hi, short_moment_lo \
               FROM agg_market_hour WHERE market_id = $1 AND hour_id >= $2 ORDER BY hour_id";
    let delta = |r: &Record| {
        Ok(HourDelta {
            hour_id: r.int(0)?,
            long_q: r.int(1)?,
            short_q: r.int(2)?,
            long_usd_e6: r.opt_int(3)?,
            short_usd_e6: r.opt_int(4)?,
            long_moment: Moment { hi: r.int(5)?, lo: r.int(6)? }.value(),
            short_moment: Moment { hi: r.int(7)?, lo: r.int(8)? }.value(),
        })
    };
    tx.rows(sql, vec![market_id.into(), from_hour.into()]).await?.iter().map(delta).collect()
}

/// The last price of each hour and kind from a moment on, executions among them.
async fn marks(tx: &mut Tx, market: &Market, from_ms: i64) -> Result<Vec<MarkPoint>> {
    let mut marks: Vec<MarkPoint> = Vec::new();
    let sql = format!(
        "SELECT hour_id, ts_ms, kind, price FROM (SELECT ts_ms / {HOUR_MS} AS hour_id, ts_ms, kind, price, \
         ROW_NUMBER() OVER (PARTITION BY kind, ts_ms / {HOUR_MS} ORDER BY ts_ms DESC, height DESC, ord DESC, sub DESC) AS place \
         FROM prices WHERE market_id = $1 AND ts_ms >= $2) x WHERE place = 1"
    );
    for r in &tx.rows(&sql, vec![market.id.into(), from_ms.into()]).await? {
        let kind = r.opt_parsed(2, "a kind of price", named::<PriceKind>)?;
        marks.push(MarkPoint { hour_id: r.int(0)?, ts_ms: r.int(1)?, kind, price: read_decimal(r, 3)? });
    }
    // Two steps into the index an hour, since a busy hour has a hundred thousand fills: the last moment, in the index's own order
    // so that PostgreSQL need not sort, then what was executed at it.
    let sql = format!(
        "SELECT hour_id, ts_ms, (SELECT g.price FROM fills g WHERE g.market_id = $1 AND g.ts_ms = x.ts_ms AND g.in_volume = 1 \
         ORDER BY g.height DESC, g.ord DESC, g.sub DESC LIMIT 1) FROM (SELECT a.hour_id, (SELECT g.ts_ms FROM fills g \
         WHERE g.market_id = $1 AND g.in_volume = 1 AND g.ts_ms >= a.hour_id * {HOUR_MS} AND g.ts_ms < (a.hour_id + 1) * {HOUR_MS} \
         ORDER BY g.ts_ms DESC LIMIT 1) AS ts_ms FROM agg_market_hour a WHERE a.market_id = $1 AND a.hour_id >= $2) x \
         WHERE ts_ms IS NOT NULL"
    );
    let cells = vec![market.id.into(), hour_id(from_ms).into()];
    for r in &tx.rows(&sql, cells).await? {
        marks.push(MarkPoint { hour_id: r.int(0)?, ts_ms: r.int(1)?, kind: None, price: read_decimal(r, 2)? });
    }
    marks.sort_by_key(|mark| (mark.hour_id, mark.kind));
    Ok(marks)
}

/// The asset's medians over venues, as the last look at its markets' own marks left them.
async fn medians(tx: &mut Tx, asset_id: i64, from_hour: i64) -> Result<Vec<MedianMark>> {
    let sql = "SELECT hour_id, mark, age_ms FROM asset_mark WHERE asset_id = $1 AND hour_id >= $2 ORDER BY hour_id";
    let median = |r: &Record| Ok(MedianMark { hour_id: r.int(0)?, price: read_decimal(r, 1)?, age_ms: r.int(2)? });
    tx.rows(sql, vec![asset_id.into(), from_hour.into()]).await?.iter().map(median).collect()
}

/// The earliest hour that rates from an hour on speak of: an interval begins at its own start, or where its line's last
/// point was.
async fn rates_from(tx: &mut Tx, market_id: i64, from_hour: i64) -> Result<i64> {
    let from_ms = from_hour * HOUR_MS;
    let mut earliest_ms = from_ms;
    for line in FundingLine::since(tx, market_id, from_ms).await? {
        earliest_ms = earliest_ms.min(line.last_before(tx, market_id, from_ms).await?.unwrap_or(from_ms));
    }
    let sql = "SELECT MIN(start_ms) FROM funding_rates WHERE market_id = $1 AND kind IN ('funding', 'borrow') AND end_ms >= $2";
    let starts = tx.rows(sql, vec![market_id.into(), from_ms.into()]).await?;
    let start_ms = starts.first().map_or(Ok(None), |row| row.opt_int(0))?;
    Ok(hour_id(earliest_ms.min(start_ms.unwrap_or(from_ms))))
}

/// The canonical order of funding: time, then place.
type Place = (i64, u64, i64, i64);

/// All rates and index values from a moment on, and of each line the last ones before it.
async fn rates(tx: &mut Tx, market_id: i64, from_ms: i64) -> Result<Vec<RatePoint>> {
    let mut points = points_between(tx, market_id, from_ms, i64::MAX).await?;
    for line in FundingLine::since(tx, market_id, from_ms).await? {
        if let Some(last_ms) = line.last_before(tx, market_id, from_ms).await? {
            let at_once = points_between(tx, market_id, last_ms, last_ms).await?;
            points.extend(at_once.into_iter().filter(|(_, _, of)| line.is_of(of.0, &of.1, &of.2)));
        }
    }
    points.sort_by_key(|(place, ..)| *place);
    Ok(points.into_iter().map(|(_, point, _)| point).collect())
}

/// A point with its place and its line: table, kind and side.
type Placed = (Place, RatePoint, (&'static str, String, String));

async fn points_between(tx: &mut Tx, market_id: i64, from_ms: i64, to_ms: i64) -> Result<Vec<Placed>> {
    let cells = || vec![market_id.into(), from_ms.into(), to_ms.into()];
    let mut points: Vec<Placed> = Vec::new();
    let sql = "SELECT end_ms, height, ord, sub, kind, start_ms, cost_long_1h_e12, cost_short_1h_e12 FROM funding_rates \
               WHERE market_id = $1 AND kind IN ('funding', 'borrow') AND end_ms >= $2 AND end_ms <= $3";
    let mut rate = |r: Record| {
        let end_ms = r.int(0)?;
        let period = r.opt_int(5)?.map_or(Period::SincePrevious { end_ms }, |start_ms| Period::Exact { start_ms, end_ms });
        let value = RateValue::Rate { period, cost_long_1h_e12: r.opt_int(6)?, cost_short_1h_e12: r.opt_int(7)? };
        let point = RatePoint { ts_ms: end_ms, kind: r.parsed(4, "a kind", named)?, value };
        points.push((place(&r)?, point, ("funding_rates", r.string(4)?, String::new())));
        Ok(())
    };
    tx.many(sql, 8, cells(), &mut rate).await?;
    let sql = "SELECT ts_ms, height, ord, sub, kind, side, value, basis_price, is_reset FROM funding_index \
               WHERE market_id = $1 AND ts_ms >= $2 AND ts_ms <= $3";
    let mut index = |r: Record| {
        let basis = match r.opt_parsed(7, "a price", |text| Decimal::parse(text).ok())? {
            Some(price) => IndexBasis::QuotePerUnit { price },
            None => IndexBasis::Fraction,
        };
        let side = r.opt_parsed(5, "a side", named)?;
        let value = RateValue::Index { side, value: read_decimal(&r, 6)?, basis, is_reset: r.flag(8)? };
        let point = RatePoint { ts_ms: r.int(0)?, kind: r.parsed(4, "a kind", named)?, value };
        points.push((place(&r)?, point, ("funding_index", r.string(4)?, r.opt_string(5)?.unwrap_or_default())));
        Ok(())
    };
    tx.many(sql, 9, cells(), &mut index).await?;
    Ok(points)
}

/// Time and canonical place in the first four columns.
fn place(r: &Record) -> Result<Place> {
    Ok((r.int(0)?, r.height(1)?, r.int(2)?, r.int(3)?))
}
