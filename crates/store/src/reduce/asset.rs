//! One asset over its venues: hours, marks against marks, extremes, signals, days.

use std::collections::BTreeMap;

use perpdex_core::{Decimal, VENUE_SLUGS};
use perpdex_reducer::{
    AssetHour, Concentration, DAY_HOURS, FULL_PPM, HOUR_MS, MarketMark, SignalPoint, VenueHour, asset_hours, concentration, divergences,
    extremes, signals,
};

use super::day_rows::{DayRow, day_rows, total};
use super::params::Params;
use super::replace::replace;
use super::{asset_mark, cascade, holding};
use crate::db::Tx;
use crate::dirty::{Touched, mark_assets};
use crate::sql::{Bulk, Param, Record, Result};

/// Computes the windows of an asset that read some hours, both inside.
pub(super) async fn reduce(tx: &mut Tx, params: &Params, asset_id: i64, hours: (i64, i64)) -> Result<()> {
    let symbols = tx.rows("SELECT symbol FROM assets WHERE asset_id = $1", vec![asset_id.into()]).await?;
    let symbol = symbols.first().map_or(Ok(String::new()), |row| row.string(0))?;
    // Commits between two transactions may have changed a mark since the markets took the medians.
    asset_mark::write(tx, asset_id, hours).await?;
    write_hours(tx, asset_id, hours).await?;
    write_extremes(tx, params, asset_id, &symbol, hours).await?;
    write_signals(tx, params, asset_id, &symbol, hours).await?;
    cascade::write(tx, params, asset_id, &symbol, hours).await?;
    let days = (hours.0.div_euclid(DAY_HOURS), hours.1.div_euclid(DAY_HOURS));
    let rows = day_rows(tx, asset_id, days).await?;
    holding::write(tx, asset_id, days, &rows).await?;
    write_concentration(tx, asset_id, days, &rows).await?;
    let mut touched = Touched::default();
    touched.add(0, hours.0, hours.1);
    mark_assets(tx, &touched).await
}

/// Computes what is over all assets from the days of some hours.
pub(super) async fn reduce_all(tx: &mut Tx, hours: (i64, i64)) -> Result<()> {
    let days = (hours.0.div_euclid(DAY_HOURS), hours.1.div_euclid(DAY_HOURS));
    let rows = day_rows(tx, 0, days).await?;
    write_concentration(tx, 0, days, &rows).await
}

/// Slugs of venues, ascending, apart by spaces.
fn slugs(venues: &[i64]) -> String {
    let mut slugs: Vec<&str> = VENUE_SLUGS.iter().filter(|(id, _)| venues.contains(id)).map(|(_, slug)| slug.as_str()).collect();
    slugs.sort_unstable();
    slugs.join(" ")
}

fn opt_decimal(r: &Record, at: usize) -> Result<Option<Decimal>> {
    r.opt_parsed(at, "a price", |text| Decimal::parse(text).ok())
}

/// `asset_hour` and `price_divergence`.
async fn write_hours(tx: &mut Tx, asset_id: i64, (from, to): (i64, i64)) -> Result<()> {
    // A market that goes by the median says nothing of its own.
    let sql = "SELECT k.hour_id, m.venue_id, k.market_id, k.fills_ppm, k.long_q, k.short_q, k.one_mark_usd_e6, CASE WHEN k.mark_source <> 'median' THEN k.mark END, a.volume_usd_e6, \
               a.liq_long_usd_e6, a.liq_short_usd_e6, f.weight_usd_e6, f.weighted_usd_e9, \
               CASE WHEN v.liquidation_feed = 'complete' AND COALESCE(k.liquidations_ppm, k.fills_ppm) = 1000000 THEN 1 ELSE 0 END \
               FROM markets m JOIN venues v ON v.venue_id = m.venue_id JOIN market_hour k ON k.market_id = m.market_id \
               LEFT JOIN agg_market_hour a ON a.market_id = k.market_id AND a.hour_id = k.hour_id \
               LEFT JOIN funding_hour f ON f.market_id = k.market_id AND f.hour_id = k.hour_id AND f.kind = 'funding' \
               WHERE m.asset_id = $1 AND k.hour_id >= $2 AND k.hour_id <= $3 ORDER BY k.hour_id, k.market_id";
    let scope = || vec![asset_id.into(), from.into(), to.into()];
    let mut venues = Vec::new();
    let mut marks: BTreeMap<i64, Vec<MarketMark>> = BTreeMap::new();
    for r in &tx.rows(sql, scope()).await? {
        let (hour_id, venue_id, mark) = (r.int(0)?, r.int(1)?, opt_decimal(r, 7)?);
        if let Some(mark) = mark {
            marks.entry(hour_id).or_default().push(MarketMark { market_id: r.int(2)?, venue_id, mark });
        }
        let sum = |at: usize| Ok::<i64, crate::sql::Fault>(r.opt_int(at)?.unwrap_or(0));
        let tells_liquidations = r.flag(13)?;
        venues.push(VenueHour {
            hour_id,
            venue_id,
            fills_ppm: r.int(3)?,
            level: r.opt_int(4)?.zip(r.opt_int(5)?),
            one_mark_usd_e6: r.opt_int(6)?,
            mark,
            sums: [Some(sum(8)?), tells_liquidations.then_some(sum(9)?), tells_liquidations.then_some(sum(10)?)],
            rate: r.opt_int(11)?.zip(r.opt_int(12)?),
        });
    }
    let rows = hour_rows(asset_id, &asset_hours(&venues));
    replace(tx, rows, 3, 2, "asset_id = $1 AND hour_id >= $2 AND hour_id <= $3", scope()).await?;
    const COLUMNS: &[&str] = &["market_id", "hour_id", "mark_f", "median", "median_f", "divergence_ppm", "venues"];
    let mut rows = Bulk::new("price_divergence", COLUMNS);
    for (hour_id, marks) in &marks {
        for divergence in divergences(marks) {
            rows.push([
                divergence.market_id.into(),
                (*hour_id).into(),
                divergence.mark.to_f64().into(),
                divergence.median.to_string().into(),
                divergence.median.to_f64().into(),
                divergence.divergence_ppm.into(),
                divergence.venues.into(),
            ]);
        }
    }
    let of_asset = "market_id IN (SELECT market_id FROM markets WHERE asset_id = $1) AND hour_id >= $2 AND hour_id <= $3";
    replace(tx, rows, 2, 1, of_asset, scope()).await?;
    Ok(())
}

fn hour_rows(asset_id: i64, hours: &[AssetHour]) -> Bulk {
    const COLUMNS: &[&str] = &[
        "asset_id",
        "venue_id",
        "hour_id",
        "venue_list",
        "is_closed",
        "gross_q",
        "oi_one_usd_e6",
        "volume_usd_e6",
        "liq_long_usd_e6",
        "liq_short_usd_e6",
        "rate_1h_e12",
        "rate_weight_usd_e6",
        "mark",
        "mark_f",
    ];
    let mut out = Bulk::new("asset_hour", COLUMNS);
    for hour in hours {
        out.push([
            asset_id.into(),
            hour.venue_id.into(),
            hour.hour_id.into(),
            slugs(&hour.venues).into(),
            hour.is_closed.into(),
            hour.gross_q.into(),
            hour.oi_one_usd_e6.into(),
            hour.sums[0].into(),
            hour.sums[1].into(),
            hour.sums[2].into(),
            hour.rate_1h_e12.into(),
            hour.rate_weight_usd_e6.into(),
            hour.mark.map(|mark| mark.to_string()).into(),
            hour.mark.map(|mark| mark.to_f64()).into(),
        ]);
    }
    out
}

/// `funding_extremes`: hours that are known in whole, for only those are over.
async fn write_extremes(tx: &mut Tx, params: &Params, asset_id: i64, symbol: &str, (from, to): (i64, i64)) -> Result<()> {
    let params = params.extremes(symbol)?;
    let to = to.saturating_add(params.hours);
    let markets = tx.rows("SELECT market_id FROM markets WHERE asset_id = $1 ORDER BY market_id", vec![asset_id.into()]).await?;
    for market in &markets {
        let market_id = market.int(0)?;
        let scope = || vec![market_id.into(), from.into(), to.into()];
        let sql = format!(
            "SELECT hour_id FROM market_hour WHERE market_id = $1 AND hour_id >= $2 AND hour_id <= $3 AND funding_ppm = {FULL_PPM} ORDER BY hour_id"
        );
        let wanted = tx.rows(&sql, scope()).await?.iter().map(|row| row.int(0)).collect::<Result<Vec<i64>>>()?;
        let mut rates = BTreeMap::new();
        if let (Some(first), Some(last)) = (wanted.first(), wanted.last()) {
            let sql = "SELECT hour_id, cost_long_1h_e12 FROM funding_hour \
                       WHERE market_id = $1 AND hour_id >= $2 AND hour_id <= $3 AND kind = 'funding' AND cost_long_1h_e12 IS NOT NULL";
            for r in &tx.rows(sql, vec![market_id.into(), (first - params.hours).into(), (*last).into()]).await? {
                rates.insert(r.int(0)?, r.int(1)?);
            }
        }
        const COLUMNS: &[&str] = &["market_id", "hour_id", "rate_1h_e12", "z_e6", "rank_ppm", "points", "is_extreme"];
        let mut rows = Bulk::new("funding_extremes", COLUMNS);
        for hour in extremes(&params, &rates, wanted) {
            rows.push([
                market_id.into(),
                hour.hour_id.into(),
                hour.rate_1h_e12.into(),
                hour.z_e6.into(),
                hour.rank_ppm.into(),
                hour.points.into(),
                hour.is_extreme.into(),
            ]);
        }
        replace(tx, rows, 2, 1, "market_id = $1 AND hour_id >= $2 AND hour_id <= $3", scope()).await?;
    }
    Ok(())
}

/// `signals` of the asset, by venue and over all.
async fn write_signals(tx: &mut Tx, params: &Params, asset_id: i64, symbol: &str, (from, to): (i64, i64)) -> Result<()> {
    let params = params.signals(symbol)?;
    let back = params.window_hours.max(params.hours).max(params.flip_hours);
    let to = to.saturating_add(back);
    let scope = || vec![asset_id.into(), from.into(), to.into()];
    let sql = "SELECT venue_id, hour_id FROM asset_hour WHERE asset_id = $1 AND hour_id >= $2 AND hour_id <= $3 AND is_closed = 1";
    let mut wanted: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for r in &tx.rows(sql, scope()).await? {
        wanted.entry(r.int(0)?).or_default().push(r.int(1)?);
    }
    let calls = if wanted.contains_key(&0) { Calls::load(tx, symbol).await? } else { Calls::default() };
    const COLUMNS: &[&str] =
        &["name", "asset_id", "venue_id", "hour_id", "window_hours", "value_e6", "threshold_e6", "inputs", "venue_list"];
    let mut rows = Bulk::new("signals", COLUMNS);
    for (venue_id, mut hours) in wanted {
        hours.sort_unstable();
        let (first, last) = (hours[0], hours[hours.len() - 1]);
        let mut points = points(tx, asset_id, venue_id, (first - back, last)).await?;
        if venue_id == 0 {
            points.iter_mut().for_each(|(hour_id, point)| point.call_ppm = calls.at_end_of(*hour_id, params.hours));
        }
        for signal in signals(&params, &points, hours) {
            rows.push([
                Param::Name(signal.name),
                asset_id.into(),
                venue_id.into(),
                signal.hour_id.into(),
                signal.window_hours.into(),
                signal.value_e6.into(),
                signal.threshold_e6.into(),
                signal.inputs.into(),
                signal.venue_list.into(),
            ]);
        }
    }
    replace(tx, rows, 4, 3, "asset_id = $1 AND hour_id >= $2 AND hour_id <= $3", scope()).await?;
    Ok(())
}

async fn points(tx: &mut Tx, asset_id: i64, venue_id: i64, (from, to): (i64, i64)) -> Result<BTreeMap<i64, SignalPoint>> {
    let sql = "SELECT hour_id, is_closed, venue_list, gross_q, liq_long_usd_e6, liq_short_usd_e6, rate_1h_e12, mark FROM asset_hour \
               WHERE asset_id = $1 AND venue_id = $2 AND hour_id >= $3 AND hour_id <= $4";
    let mut out = BTreeMap::new();
    for r in &tx.rows(sql, vec![asset_id.into(), venue_id.into(), from.into(), to.into()]).await? {
        let point = SignalPoint {
            is_closed: r.flag(1)?,
            venue_list: r.string(2)?,
            gross_q: r.opt_int(3)?,
            liq_usd_e6: r.opt_int(4)?.zip(r.opt_int(5)?).and_then(|(long, short)| long.checked_add(short)),
            rate_1h_e12: r.opt_int(6)?,
            mark: opt_decimal(r, 7)?,
            call_ppm: None,
        };
        out.insert(r.int(0)?, point);
    }
    Ok(out)
}

/// Stated shares of calls: moment, when stated, source, parts per million.
#[derive(Default)]
struct Calls(Vec<(i64, i64, String, i64)>);

impl Calls {
    async fn load(tx: &mut Tx, symbol: &str) -> Result<Calls> {
        let sql = "SELECT as_of_ms, published_ms, source, value_e6 FROM external_metrics \
                   WHERE metric = 'options_call_share' AND asset = $1 AND venue = 'ALL' AND unit = 'share'";
        let rows = tx.rows(sql, vec![symbol.into()]).await?;
        rows.iter().map(|r| Ok((r.int(0)?, r.int(1)?, r.string(2)?, r.int(3)?))).collect::<Result<_>>().map(Calls)
    }

    /// The newest figure that was known at an hour's end and speaks of the hours before it.
    fn at_end_of(&self, hour_id: i64, hours: i64) -> Option<i64> {
        let end_ms = (hour_id + 1) * HOUR_MS;
        let known =
            self.0.iter().filter(|(as_of, published, ..)| *as_of <= end_ms && *published <= end_ms && *as_of > end_ms - hours * HOUR_MS);
        known.max().map(|(.., ppm)| *ppm)
    }
}

async fn write_concentration(tx: &mut Tx, asset_id: i64, days: (i64, i64), rows: &[DayRow]) -> Result<()> {
    const COLUMNS: &[&str] = &["asset_id", "day_id", "basis", "total_usd_e6", "hhi_e6", "effective_venues_e6", "venues", "venue_list"];
    let mut out = Bulk::new("concentration_day", COLUMNS);
    for day in rows.chunk_by(|a, b| a.day_id == b.day_id) {
        for (basis, value) in [("oi_one", (|row| row.oi_one) as fn(&DayRow) -> Option<i64>), ("volume", |row| row.volume)] {
            let venues = day.chunk_by(|a, b| a.venue_id == b.venue_id);
            let known = venues.filter_map(|venue| Some((venue[0].venue_id, i64::try_from(total(venue, value)?).ok()?)));
            let (venues, values): (Vec<i64>, Vec<i64>) = known.unzip();
            let Some(Concentration { total_usd_e6, hhi_e6, effective_venues_e6, venues: count }) = concentration(&values) else { continue };
            out.push([
                asset_id.into(),
                day[0].day_id.into(),
                Param::Name(basis),
                total_usd_e6.into(),
                hhi_e6.into(),
                effective_venues_e6.into(),
                count.into(),
                slugs(&venues).into(),
            ]);
        }
    }
    replace(tx, out, 3, 1, "asset_id = $1 AND day_id >= $2 AND day_id <= $3", vec![asset_id.into(), days.0.into(), days.1.into()]).await?;
    Ok(())
}
