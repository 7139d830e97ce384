//! One market: its hours from the earliest dirty one on, what of them is no sum, and its days.

use std::collections::{BTreeMap, BTreeSet};

use perpdex_core::{Decimal, LiquidationFeed};
use perpdex_reducer::{
    DAY_HOURS, DayHour, FULL_PPM, HOUR_MS, HourFailure, HourFunding, HourLevel, MarketDay, MarketHours, Moment, days, levels, minute_id,
};

use super::history;
use super::lots::BEGAN_AT_ZERO;
use super::market_row::{self, Market};
use super::replace::{Replaced, replace};
use crate::db::Tx;
use crate::dirty::{ALWAYS, Touched, mark_assets, mark_lots};
use crate::fact::name;
use crate::sql::{Bulk, Param, Record, Result};

/// Computes a market from the earliest of its dirty hours on and marks what changed for the windows of its asset. Gives
/// the number of hours written.
pub(super) async fn reduce(tx: &mut Tx, market_id: i64, dirty: (i64, i64), mark_age_ms_max: i64) -> Result<u64> {
    let Some(market) = market_row::market(tx, market_id).await? else { return Ok(0) };
    let (from_hour, mut hours) = match history::load(tx, &market, dirty.0, mark_age_ms_max).await? {
        Ok(history) => (history.from_hour, levels(&history)),
        Err((first_hour, last_hour)) => (first_hour, too_long(first_hour, last_hour)),
    };
    // From the market's first hour on nothing may be left below it either.
    let scope = if from_hour == market.first_hour() { ALWAYS } else { from_hour };
    let began_at_zero = !tx.rows(BEGAN_AT_ZERO, vec![market_id.into()]).await?.is_empty();
    let mut changes = Changes { tx, market_id, from_hour: scope, range: None, written: 0 };
    changes.hours("market_hour", level_rows(market_id, &hours.levels), 2).await?;
    changes.hours("funding_hour", funding_rows(market_id, &hours.funding), 3).await?;
    let unsums = liquidation_rows(changes.tx, market_id, from_hour).await?;
    changes.hours("liquidation_hour", unsums, 2).await?;
    let from_day = from_hour.div_euclid(DAY_HOURS);
    if began_at_zero == changes.tx.rows(BEGAN_AT_ZERO, vec![market_id.into()]).await?.is_empty() {
        let mut touched = Touched::default();
        touched.add(market_id, from_day, from_day);
        mark_lots(changes.tx, &touched).await?;
    }
    let (rows, failures) = market_days(changes.tx, &market, from_day).await?;
    let scope_day = if scope == ALWAYS { ALWAYS } else { from_day };
    let whole = rows.iter().filter(|day| day.closed_q().is_some()).map(|day| day.day_id).collect();
    changes.days(day_rows(market_id, &rows), whole, scope_day).await?;
    // A day's failures stand at its last hour, which may lie before the hours computed here: those are told again.
    hours.failures.extend(failures.into_iter().filter(|failure| failure.hour_id >= scope));
    changes.failures(hours.failures).await?;
    let (range, written) = (changes.range, changes.written);
    let last_hour = hours.levels.last().map_or(from_hour, |hour| hour.hour_id);
    let clamped = |hour: i64| hour.clamp(from_hour.min(last_hour), last_hour);
    let (from, to) = (clamped(dirty.0), clamped(dirty.1));
    let (from, to) = range.map_or((from, to), |(first, last)| (from.min(first), to.max(last)));
    let mut touched = Touched::default();
    touched.add(market.asset_id, from, to);
    mark_assets(tx, &touched).await?;
    Ok(written)
}

/// A calendar that cannot be: its only row is the word on it.
fn too_long(first_hour: i64, last_hour: i64) -> MarketHours {
    let error = format!("the market's calendar spans {} hours: an event has an impossible time", last_hour - first_hour);
    MarketHours { failures: vec![HourFailure { hour_id: first_hour, column: "hour_id", error }], ..MarketHours::default() }
}

/// Writes what differs and remembers where.
struct Changes<'a> {
    tx: &'a mut Tx,
    market_id: i64,
    from_hour: i64,
    range: Option<(i64, i64)>,
    written: u64,
}

impl Changes<'_> {
    fn widen(&mut self, changed: Option<(i64, i64)>, hours: i64) {
        if let Some((from, to)) = changed.map(|(from, to)| (from * hours, (to + 1) * hours - 1)) {
            self.range = Some(self.range.map_or((from, to), |range| (range.0.min(from), range.1.max(to))));
        }
    }

    async fn hours(&mut self, table: &'static str, rows: Bulk, keys: usize) -> Result<()> {
        debug_assert_eq!(rows.table, table);
        let params = vec![self.market_id.into(), self.from_hour.into()];
        let Replaced { written, changed } = replace(self.tx, rows, keys, 1, "market_id = $1 AND hour_id >= $2", params).await?;
        self.widen(changed, 1);
        self.written += written;
        Ok(())
    }

    /// Writes days; `whole` are those whose closings are known. What lots go by changes where another day is.
    async fn days(&mut self, rows: Bulk, whole: BTreeSet<i64>, from_day: i64) -> Result<()> {
        let params = vec![self.market_id.into(), from_day.into()];
        let sql = "SELECT day_id FROM market_day WHERE market_id = $1 AND day_id >= $2 AND closed_q IS NOT NULL";
        let stood = self.tx.rows(sql, params.clone()).await?.iter().map(|row| row.int(0)).collect::<Result<BTreeSet<i64>>>()?;
        let mut touched = Touched::default();
        for day in stood.symmetric_difference(&whole) {
            touched.add(self.market_id, *day, *day);
        }
        mark_lots(self.tx, &touched).await?;
        let Replaced { changed, .. } = replace(self.tx, rows, 2, 1, "market_id = $1 AND day_id >= $2", params).await?;
        self.widen(changed, DAY_HOURS);
        Ok(())
    }

    async fn failures(&mut self, mut failures: Vec<HourFailure>) -> Result<()> {
        failures.sort_by(|a, b| (a.hour_id, a.column).cmp(&(b.hour_id, b.column)));
        failures.dedup_by(|b, a| (a.hour_id, a.column) == (b.hour_id, b.column));
        let mut rows = Bulk::new("reduce_failures", &["market_id", "hour_id", "column_name", "error"]);
        for failure in failures {
            rows.push([self.market_id.into(), failure.hour_id.into(), Param::Name(failure.column), failure.error.into()]);
        }
        let params = vec![self.market_id.into(), self.from_hour.into()];
        replace(self.tx, rows, 3, 1, "market_id = $1 AND hour_id >= $2", params).await?;
        Ok(())
    }
}

/// Orders, accounts, the largest row and the largest minute of each hour with liquidations.
async fn liquidation_rows(tx: &mut Tx, market_id: i64, from_hour: i64) -> Result<Bulk> {
    const COLUMNS: &[&str] = &[
        "market_id",
        "hour_id",
        "orders",
        "accounts",
        "largest_usd_e6",
        "largest_height",
        "largest_rec",
        "largest_sub",
        "max_minute_id",
        "max_minute_usd_e6",
    ];
    let sql = "SELECT ts_ms, COALESCE(order_key, tx_id), account, exec_notional_usd_e6, height, rec, sub FROM liquidations \
               WHERE market_id = $1 AND ts_ms >= $2 AND kind <> 'adl' ORDER BY ts_ms, height, rec, sub";
    let rows = tx.rows(sql, vec![market_id.into(), (from_hour * HOUR_MS).into()]).await?;
    let hours = rows.iter().map(|r| Ok((r.int(0)?.div_euclid(HOUR_MS), r))).collect::<Result<Vec<(i64, &Record)>>>()?;
    let mut out = Bulk::new("liquidation_hour", COLUMNS);
    for hour in hours.chunk_by(|a, b| a.0 == b.0) {
        let mut orders = BTreeSet::new();
        let mut accounts = BTreeSet::new();
        let mut minutes: BTreeMap<i64, i64> = BTreeMap::new();
        let mut largest: Option<&Record> = None;
        for (_, r) in hour {
            orders.insert(r.text(1)?);
            accounts.extend(Some(r.text(2)?).filter(|account| !account.is_empty()));
            let minute = minutes.entry(minute_id(r.int(0)?)).or_default();
            *minute = minute.saturating_add(r.int(3)?);
            if largest.is_none_or(|largest| largest.int(3).is_ok_and(|usd| r.int(3).is_ok_and(|new| new > usd))) {
                largest = Some(r);
            }
        }
        let peak = minutes.iter().fold((0, i64::MIN), |peak, (minute, usd)| if *usd > peak.1 { (*minute, *usd) } else { peak });
        let Some(largest) = largest else { continue };
        out.push([
            market_id.into(),
            hour[0].0.into(),
            count(orders.len()),
            count(accounts.len()),
            largest.int(3)?.into(),
            largest.int(4)?.into(),
            largest.int(5)?.into(),
            largest.int(6)?.into(),
            peak.0.into(),
            peak.1.into(),
        ]);
    }
    Ok(out)
}

fn count(number: usize) -> Param {
    Param::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Computes the days from one on, from the hours as they stand now.
async fn market_days(tx: &mut Tx, market: &Market, from_day: i64) -> Result<(Vec<MarketDay>, Vec<HourFailure>)> {
    let sql = "SELECT k.hour_id, k.fills_ppm, k.long_q, k.short_q, k.long_tw_q, k.short_tw_q, k.one_mark_usd_e6, k.mark, a.trades, \
               a.volume_usd_e6, a.exec_volume_usd_e6, a.liq_volume_usd_e6, a.adl_volume_usd_e6, a.liq_rows, a.liq_long_usd_e6, \
               a.liq_short_usd_e6, a.adl_usd_e6, a.fees_usd_e6, a.long_closed_q, a.short_closed_q, a.long_moment_hi, a.long_moment_lo, \
               a.short_moment_hi, a.short_moment_lo, COALESCE(k.liquidations_ppm, k.fills_ppm) FROM market_hour k \
               LEFT JOIN agg_market_hour a ON a.market_id = k.market_id AND a.hour_id = k.hour_id \
               WHERE k.market_id = $1 AND k.hour_id >= $2 ORDER BY k.hour_id";
    let rows = tx.rows(sql, vec![market.id.into(), (from_day * DAY_HOURS - 1).into()]).await?;
    let hours = rows.iter().map(|row| read_hour(market, row)).collect::<Result<Vec<DayHour>>>()?;
    Ok(days(market.first_hour(), market.qty_scale, from_day, &hours))
}

/// Of a sample of liquidations no sum is told, and without accounts neither fees nor what was closed.
fn read_hour(market: &Market, r: &Record) -> Result<DayHour> {
    let sum = |at: usize| Ok::<i64, crate::sql::Fault>(r.opt_int(at)?.unwrap_or(0));
    let moment = |at: usize| Ok::<i128, crate::sql::Fault>(Moment { hi: sum(at)?, lo: sum(at + 1)? }.value());
    let has_classes = market.liquidation_feed == LiquidationFeed::Complete;
    let has_liquidations = has_classes && r.int(24)? == FULL_PPM;
    Ok(DayHour {
        hour_id: r.int(0)?,
        fills_ppm: r.int(1)?,
        level: r.opt_int(2)?.zip(r.opt_int(3)?),
        has_mean: r.opt_int(4)?.is_some() && r.opt_int(5)?.is_some(),
        moment: moment(20)? + moment(22)?,
        one_mark_usd_e6: r.opt_int(6)?,
        mark: r.opt_parsed(7, "a price", |text| Decimal::parse(text).ok())?,
        sums: [
            Some(sum(8)?),
            Some(sum(9)?),
            Some(sum(10)?),
            has_classes.then_some(sum(11)?),
            has_classes.then_some(sum(12)?),
            has_liquidations.then_some(sum(13)?),
            has_liquidations.then_some(sum(14)?),
            has_liquidations.then_some(sum(15)?),
            has_liquidations.then_some(sum(16)?),
            market.tells_accounts.then_some(sum(17)?),
            market.tells_accounts.then_some(sum(18)?.saturating_add(sum(19)?)),
        ],
    })
}

fn day_rows(market_id: i64, days: &[MarketDay]) -> Bulk {
    const COLUMNS: &[&str] = &[
        "market_id",
        "day_id",
        "hours",
        "trades",
        "volume_usd_e6",
        "exec_volume_usd_e6",
        "liq_volume_usd_e6",
        "adl_volume_usd_e6",
        "liq_rows",
        "liq_long_usd_e6",
        "liq_short_usd_e6",
        "adl_usd_e6",
        "fees_usd_e6",
        "closed_q",
        "gross_tw_q",
        "gross_q",
        "oi_one_usd_e6",
        "oi_before_usd_e6",
        "oi_quantity_usd_e6",
        "oi_price_usd_e6",
    ];
    let mut out = Bulk::new("market_day", COLUMNS);
    for day in days {
        out.cells.extend([market_id.into(), day.day_id.into(), day.hours.into()]);
        out.cells.extend(day.sums.iter().map(|sum| Param::from(*sum)));
        let levels = [day.gross_tw_q, day.gross_q, day.oi_one_usd_e6, day.oi_before_usd_e6, day.oi_quantity_usd_e6, day.oi_price_usd_e6];
        out.cells.extend(levels.map(Param::from));
    }
    out
}

fn level_rows(market_id: i64, hours: &[HourLevel]) -> Bulk {
    const COLUMNS: &[&str] = &[
        "market_id",
        "hour_id",
        "fills_ppm",
        "funding_ppm",
        "liquidations_ppm",
        "long_q",
        "short_q",
        "long_entry_usd_e6",
        "short_entry_usd_e6",
        "long_tw_q",
        "short_tw_q",
        "mark",
        "mark_f",
        "mark_source",
        "mark_age_ms",
        "long_mark_usd_e6",
        "short_mark_usd_e6",
        "one_mark_usd_e6",
    ];
    let mut out = Bulk::new("market_hour", COLUMNS);
    for hour in hours {
        out.push([
            market_id.into(),
            hour.hour_id.into(),
            hour.fills_ppm.into(),
            hour.funding_ppm.into(),
            hour.liquidations_ppm.into(),
            hour.long_q.into(),
            hour.short_q.into(),
            hour.long_entry_usd_e6.into(),
            hour.short_entry_usd_e6.into(),
            hour.long_tw_q.into(),
            hour.short_tw_q.into(),
            hour.mark.map(|mark| mark.to_string()).into(),
            hour.mark.map(|mark| mark.to_f64()).into(),
            name(hour.mark_source),
            hour.mark_age_ms.into(),
            hour.long_mark_usd_e6.into(),
            hour.short_mark_usd_e6.into(),
            hour.one_mark_usd_e6.into(),
        ]);
    }
    out
}

fn funding_rows(market_id: i64, hours: &[HourFunding]) -> Bulk {
    const COLUMNS: &[&str] =
        &["market_id", "hour_id", "kind", "cost_long_1h_e12", "cost_short_1h_e12", "covered_ms", "weight_usd_e6", "weighted_usd_e9"];
    let mut out = Bulk::new("funding_hour", COLUMNS);
    for hour in hours {
        out.push([
            market_id.into(),
            hour.hour_id.into(),
            Param::Name(hour.kind.as_str()),
            hour.cost_long_1h_e12.into(),
            hour.cost_short_1h_e12.into(),
            hour.covered_ms.into(),
            hour.weight_usd_e6.into(),
            hour.weighted_usd_e9.into(),
        ]);
    }
    out
}
