//! Liquidation cascades of one asset, with what the rows behind them say.

use std::collections::BTreeMap;

use perpdex_core::Decimal;
use perpdex_reducer::{
    CascadeParams, CascadeSide, CascadeSpan, DAY_HOURS, FoundCascades, LiqMinute, cascades, hour_id, one_sided_usd_e6, relative_ppm,
};

use super::params::Params;
use super::replace::replace;
use crate::db::Tx;
use crate::fact::{read_decimal, read_u8};
use crate::sql::{Bulk, Param, Record, Result};

/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;
/// Minutes of an hour.
const HOUR_MINUTES: i64 = 60;
/// How often the margin is doubled before everything is read.
const WIDENED_MAX: u32 = 6;

/// `cascades` and `cascade_venues` that read some hours.
pub(super) async fn write(tx: &mut Tx, params: &Params, asset_id: i64, symbol: &str, hours: (i64, i64)) -> Result<()> {
    let params = params.cascade(symbol)?;
    // What is said of a cascade's coverage looks a day back, farther than a short baseline does.
    let beyond_baseline = (DAY_HOURS * HOUR_MINUTES - params.baseline_minutes).max(0);
    let changed = (hours.0 * HOUR_MINUTES, hours.1 * HOUR_MINUTES + HOUR_MINUTES - 1 + beyond_baseline);
    let found = find(tx, &params, asset_id, changed).await?;
    let mut spans = Bulk::new("cascades", SPANS);
    let mut parts = Bulk::new("cascade_venues", PARTS);
    for span in &found.cascades {
        push(tx, &params, asset_id, span, &mut spans, &mut parts).await?;
    }
    let (from_ms, to_ms) = (found.from_minute.saturating_mul(MINUTE_MS), found.to_minute.saturating_mul(MINUTE_MS));
    let scope = || vec![asset_id.into(), from_ms.into(), to_ms.into()];
    const SCOPE: &str = "asset_id = $1 AND start_ms >= $2 AND start_ms <= $3";
    replace(tx, spans, 3, 2, SCOPE, scope()).await?;
    replace(tx, parts, 4, 2, SCOPE, scope()).await?;
    Ok(())
}

/// Finds the cascades that a change can touch, reading further where one goes on.
async fn find(tx: &mut Tx, params: &CascadeParams, asset_id: i64, changed: (i64, i64)) -> Result<FoundCascades> {
    let mut margin = 2 * params.baseline_minutes + params.gap_minutes;
    for _ in 0..WIDENED_MAX {
        let loaded = (changed.0.saturating_sub(margin), changed.1.saturating_add(margin));
        if let Some(found) = cascades(params, &minutes(tx, asset_id, loaded).await?, loaded, changed) {
            return Ok(found);
        }
        margin = margin.saturating_mul(2);
    }
    let all = (i64::MIN, i64::MAX);
    let found = cascades(params, &minutes(tx, asset_id, all).await?, all, changed);
    Ok(found.expect("with all minutes loaded nothing more is needed"))
}

async fn minutes(tx: &mut Tx, asset_id: i64, (from, to): (i64, i64)) -> Result<Vec<LiqMinute>> {
    let sql = "SELECT l.minute_id, m.venue_id, CAST(SUM(CASE WHEN l.side = 'long' THEN l.usd_e6 ELSE 0 END) AS BIGINT), \
               CAST(SUM(CASE WHEN l.side = 'short' THEN l.usd_e6 ELSE 0 END) AS BIGINT) FROM markets m \
               JOIN liq_minute l ON l.market_id = m.market_id WHERE m.asset_id = $1 AND l.minute_id >= $2 AND l.minute_id <= $3 \
               GROUP BY l.minute_id, m.venue_id ORDER BY l.minute_id, m.venue_id";
    let rows = tx.rows(sql, vec![asset_id.into(), from.into(), to.into()]).await?;
    let read = |r: &Record| Ok(LiqMinute { minute_id: r.int(0)?, venue_id: r.int(1)?, long_usd_e6: r.int(2)?, short_usd_e6: r.int(3)? });
    rows.iter().map(read).collect()
}

const SPANS: &[&str] = &[
    "asset_id",
    "side",
    "start_ms",
    "end_ms",
    "usd_e6",
    "long_usd_e6",
    "burst_minutes",
    "peak_minute_id",
    "peak_minute_usd_e6",
    "price_move_ppm",
    "oi_destroyed_usd_e6",
    "venues",
    "first_venue_id",
    "cross_venue",
    "coverage_ppm",
    "params",
];

const PARTS: &[&str] =
    &["asset_id", "side", "start_ms", "venue_id", "first_ms", "rows", "usd_e6", "share_ppm", "price_move_ppm", "oi_destroyed_usd_e6"];

/// One venue's part.
struct Part {
    venue_id: i64,
    first_ms: i64,
    rows: i64,
    usd_e6: i64,
    share_ppm: i64,
    price_move_ppm: Option<i64>,
    oi_destroyed_usd_e6: Option<i64>,
}

async fn push(tx: &mut Tx, params: &CascadeParams, asset_id: i64, span: &CascadeSpan, spans: &mut Bulk, parts: &mut Bulk) -> Result<()> {
    let (start_ms, end_ms) = (span.first_minute * MINUTE_MS, (span.last_minute + 1) * MINUTE_MS);
    let venues = venue_parts(tx, asset_id, span, (start_ms, end_ms)).await?;
    let counted: Vec<&Part> = venues.iter().filter(|part| part.share_ppm >= params.venue_ppm).collect();
    let mut firsts: Vec<(i64, i64)> = counted.iter().map(|part| (part.first_ms, part.venue_id)).collect();
    firsts.sort_unstable();
    let is_cross = firsts.windows(2).any(|pair| pair[1].0 - pair[0].0 <= params.gap_minutes * MINUTE_MS);
    let first = firsts.first().map_or(0, |(_, venue)| *venue);
    let price_move = counted.iter().filter_map(|part| part.price_move_ppm).max_by_key(|ppm| ppm.unsigned_abs());
    let destroyed = venues.iter().map(|part| part.oi_destroyed_usd_e6).try_fold(0_i64, |sum, part| sum.checked_add(part?));
    spans.push([
        asset_id.into(),
        Param::Name(span.side.as_str()),
        start_ms.into(),
        end_ms.into(),
        span.usd_e6.into(),
        span.long_usd_e6.into(),
        span.burst_minutes.into(),
        span.peak_minute.into(),
        span.peak_usd_e6.into(),
        price_move.into(),
        destroyed.into(),
        i64::try_from(counted.len()).unwrap_or(i64::MAX).into(),
        first.into(),
        is_cross.into(),
        coverage_ppm(tx, asset_id, hour_id(start_ms)).await?.into(),
        params.text().into(),
    ]);
    for part in &venues {
        parts.push([
            asset_id.into(),
            Param::Name(span.side.as_str()),
            start_ms.into(),
            part.venue_id.into(),
            part.first_ms.into(),
            part.rows.into(),
            part.usd_e6.into(),
            part.share_ppm.into(),
            part.price_move_ppm.into(),
            part.oi_destroyed_usd_e6.into(),
        ]);
    }
    Ok(())
}

/// Time and price of one liquidation.
type Row = (i64, Decimal);

/// The venues of a cascade, from their rows in it.
async fn venue_parts(tx: &mut Tx, asset_id: i64, span: &CascadeSpan, (start_ms, end_ms): (i64, i64)) -> Result<Vec<Part>> {
    let sql = "SELECT m.venue_id, l.ts_ms, l.price, l.side, a.qty_scale FROM markets m JOIN assets a ON a.asset_id = m.asset_id \
               JOIN liquidations l ON l.market_id = m.market_id \
               WHERE m.asset_id = $1 AND l.ts_ms >= $2 AND l.ts_ms < $3 AND l.kind <> 'adl' \
               ORDER BY m.venue_id, l.ts_ms, l.chain_id, l.height, l.rec, l.sub";
    let mut rows: BTreeMap<i64, Vec<Row>> = BTreeMap::new();
    let mut qty_scale = 0;
    for r in &tx.rows(sql, vec![asset_id.into(), start_ms.into(), end_ms.into()]).await? {
        qty_scale = read_u8(r, 4)?;
        if span.side == CascadeSide::Both || span.side.as_str() == r.text(3)? {
            rows.entry(r.int(0)?).or_default().push((r.int(1)?, read_decimal(r, 2)?));
        }
    }
    let falls = span.long_usd_e6 >= span.usd_e6 - span.long_usd_e6;
    let mut out = Vec::new();
    for (venue_id, usd_e6, share_ppm) in &span.venues {
        let Some(rows) = rows.get(venue_id) else { continue };
        let (first_ms, first_price) = rows[0];
        let gone_q = gone(tx, asset_id, *venue_id, (start_ms, end_ms)).await?;
        out.push(Part {
            venue_id: *venue_id,
            first_ms,
            rows: i64::try_from(rows.len()).unwrap_or(i64::MAX),
            usd_e6: *usd_e6,
            share_ppm: *share_ppm,
            price_move_ppm: worst(rows, falls).and_then(|worst| relative_ppm(&worst, &first_price)),
            oi_destroyed_usd_e6: gone_q.and_then(|q| one_sided_usd_e6(q, qty_scale, &first_price).ok()),
        });
    }
    Ok(out)
}

/// The lowest price of a fall, the highest of a rise.
fn worst(rows: &[Row], falls: bool) -> Option<Decimal> {
    let mut prices = rows.iter().map(|(_, price)| *price);
    let first = prices.next()?;
    Some(prices.fold(first, |worst, price| {
        let is_below = price.add(&worst.neg()).is_ok_and(|difference| difference.is_negative());
        if is_below == falls && price != worst { price } else { worst }
    }))
}

/// Longs plus shorts that went on a venue between two moments.
async fn gone(tx: &mut Tx, asset_id: i64, venue_id: i64, (from_ms, to_ms): (i64, i64)) -> Result<Option<i64>> {
    let sql = "SELECT f.long_delta_q, f.short_delta_q FROM markets m JOIN fills f ON f.market_id = m.market_id \
               WHERE m.asset_id = $1 AND m.venue_id = $2 AND f.ts_ms >= $3 AND f.ts_ms < $4 AND (f.long_delta_q <> 0 OR f.short_delta_q <> 0)";
    let mut gross: i128 = 0;
    for r in &tx.rows(sql, vec![asset_id.into(), venue_id.into(), from_ms.into(), to_ms.into()]).await? {
        gross -= i128::from(r.int(0)?) + i128::from(r.int(1)?);
    }
    Ok(i64::try_from(gross).ok())
}

/// Share of the day before an hour that is indexed, over the asset's markets that were there.
async fn coverage_ppm(tx: &mut Tx, asset_id: i64, hour: i64) -> Result<i64> {
    let sql = "SELECT CAST(SUM(k.fills_ppm) AS BIGINT), COUNT(*) FROM markets m JOIN market_hour k ON k.market_id = m.market_id \
               WHERE m.asset_id = $1 AND k.hour_id >= $2 AND k.hour_id < $3";
    let rows = tx.rows(sql, vec![asset_id.into(), (hour - DAY_HOURS).into(), hour.into()]).await?;
    let Some(r) = rows.first() else { return Ok(0) };
    Ok(r.opt_int(0)?.map_or(0, |sum| sum / r.int(1).unwrap_or(1).max(1)))
}
