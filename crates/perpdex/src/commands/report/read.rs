//! What a report is made of, as integers out of the store.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use perpdex_report::{
    Cascade, Divergence, Extreme, Flow, Hour, Input, LargestLiquidation, Market, SignalRow, StreamState, WaitingEvents, Window,
};
use perpdex_store::SqlStore;

use super::rows::{Row, rows};

const HOUR_MS: i64 = 3_600_000;
/// Liquidations and divergences that are listed.
const LISTED_MAX: usize = 10;

/// Names that a report is narrowed to; empty: all.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    pub(super) assets: Vec<String>,
    pub(super) venues: Vec<String>,
}

impl Filter {
    fn asset(&self, name: &str) -> bool {
        self.assets.is_empty() || self.assets.iter().any(|asset| asset == name)
    }

    fn venue(&self, name: &str) -> bool {
        self.venues.is_empty() || self.venues.iter().any(|venue| venue == name)
    }
}

/// Names of which the store holds markets.
pub(super) struct Names {
    pub(super) assets: Vec<String>,
    pub(super) venues: Vec<String>,
}

/// Assets and venues of the stored markets.
pub(super) async fn known_names(store: &SqlStore) -> Result<Names> {
    let names = |sql| async move { rows(store, sql).await?.iter().map(|row| row.text(0)).collect::<Result<Vec<String>>>() };
    Ok(Names {
        assets: names("SELECT DISTINCT asset FROM h_names ORDER BY asset").await?,
        venues: names("SELECT DISTINCT venue FROM h_names ORDER BY venue").await?,
    })
}

/// The newest hour whose fills are indexed as a whole in any market.
pub(super) async fn newest_whole_hour(store: &SqlStore) -> Result<Option<i64>> {
    let sql = "SELECT hour_id FROM market_hour WHERE fills_ppm = 1000000 ORDER BY hour_id DESC LIMIT 1";
    rows(store, sql).await?.first().map(|row| row.int(0)).transpose()
}

/// Reads everything that the report of a window shows.
pub(super) async fn input(store: &SqlStore, window: Window, filter: &Filter) -> Result<Input> {
    let mut markets = markets(store, filter).await?;
    read_hours(store, window, &mut markets).await?;
    let ids: BTreeSet<i64> = markets.keys().copied().collect();
    let (streams, waiting) = health(store, filter).await?;
    Ok(Input {
        window,
        place: store.place(),
        assets: filter.assets.clone(),
        venues: filter.venues.clone(),
        cascades: cascades(store, window, filter).await?,
        extremes: extremes(store, window, &ids).await?,
        signals: signals(store, window, filter).await?,
        largest: largest(store, window, &ids).await?,
        divergences: divergences(store, window, &ids).await?,
        flows: flows(store, window, filter).await?,
        markets: markets.into_values().collect(),
        streams,
        waiting,
    })
}

async fn markets(store: &SqlStore, filter: &Filter) -> Result<BTreeMap<i64, Market>> {
    let sql = "SELECT m.market_id, n.chain, n.venue, n.symbol, n.asset, a.qty_scale, n.volume_basis, n.first_hour, m.listed_ms, n.liquidation_feed, n.tells_accounts \
               FROM markets m JOIN h_names n ON n.market_id = m.market_id JOIN assets a ON a.asset_id = m.asset_id";
    let mut out = BTreeMap::new();
    for row in rows(store, sql).await? {
        let market = Market {
            chain: row.text(1)?,
            venue: row.text(2)?,
            symbol: row.text(3)?,
            asset: row.text(4)?,
            qty_scale: u8::try_from(row.int(5)?)?,
            is_entry_volume: row.text(6)? == "entry",
            is_liquidation_sample: row.text(9)? != "complete",
            tells_accounts: row.int(10)? == 1,
            first_hour: row.int(7)?,
            listed_hour: row.opt_int(8)?.map(|listed_ms| listed_ms.div_euclid(HOUR_MS)),
            hours: BTreeMap::new(),
        };
        if filter.asset(&market.asset) && filter.venue(&market.venue) {
            out.insert(row.int(0)?, market);
        }
    }
    Ok(out)
}

async fn read_hours(store: &SqlStore, window: Window, markets: &mut BTreeMap<i64, Market>) -> Result<()> {
    let (from, to) = (window.read_from_hour(), window.to_hour);
    // Of a sample of liquidations no sum is told, and without accounts no fee.
    let (complete, accounts) = ("v.liquidation_feed = 'complete'", "v.tells_accounts = 1");
    let of_liquidations = ["liq_volume", "adl_volume", "liq_rows", "liq_long", "liq_short", "adl"].map(|column| (complete, column));
    let of_accounts = ["fees", "fees_unpriced"].map(|column| (accounts, column));
    let told: Vec<String> =
        of_liquidations.iter().chain(&of_accounts).map(|(is_told, column)| format!("CASE WHEN {is_told} THEN z.{column} END")).collect();
    let sql = format!(
        "SELECT z.market_id, z.hour_id, z.fills_ppm, z.funding_ppm, z.trades, z.volume, z.taker_buy, z.taker_sell, \
         {}, z.received, z.charged, z.borrow, \
         k.long_q, k.short_q, k.one_mark_usd_e6, k.mark, f.cost_long_1h_e12, f.weight_usd_e6, f.weighted_usd_e9 \
         FROM h_hour_sums z JOIN market_hour k ON k.market_id = z.market_id AND k.hour_id = z.hour_id \
         LEFT JOIN funding_hour f ON f.market_id = k.market_id AND f.hour_id = k.hour_id AND f.kind = 'funding' \
         JOIN markets m ON m.market_id = z.market_id JOIN venues v ON v.venue_id = m.venue_id \
         WHERE k.hour_id >= {from} AND k.hour_id < {to}",
        told.join(", ")
    );
    for row in rows(store, &sql).await? {
        if let Some(market) = markets.get_mut(&row.int(0)?) {
            market.hours.insert(row.int(1)?, hour(&row)?);
        }
    }
    Ok(())
}

fn hour(row: &Row) -> Result<Hour> {
    Ok(Hour {
        fills_ppm: row.int(2)?,
        funding_ppm: row.int(3)?,
        trades: row.opt_int(4)?,
        volume_usd_e6: row.opt_int(5)?,
        taker_buy_usd_e6: row.opt_int(6)?,
        taker_sell_usd_e6: row.opt_int(7)?,
        liq_volume_usd_e6: row.opt_int(8)?,
        adl_volume_usd_e6: row.opt_int(9)?,
        liq_rows: row.opt_int(10)?,
        liq_long_usd_e6: row.opt_int(11)?,
        liq_short_usd_e6: row.opt_int(12)?,
        adl_usd_e6: row.opt_int(13)?,
        fees_usd_e6: row.opt_int(14)?,
        fees_unpriced: row.opt_int(15)?,
        funding_received_usd_e6: row.opt_int(16)?,
        funding_charged_usd_e6: row.opt_int(17)?,
        borrow_charged_usd_e6: row.opt_int(18)?,
        long_q: row.opt_int(19)?,
        short_q: row.opt_int(20)?,
        one_mark_usd_e6: row.opt_int(21)?,
        mark: row.opt_decimal(22)?,
        cost_long_1h_e12: row.opt_int(23)?,
        weight_usd_e6: row.opt_int(24)?,
        weighted_usd_e9: row.opt_int(25)?,
    })
}

/// Cascades are over all venues: a report of some venues still shows all cascades of its assets.
async fn cascades(store: &SqlStore, window: Window, filter: &Filter) -> Result<Vec<Cascade>> {
    let (from_ms, to_ms) = (window.from_hour * HOUR_MS, window.to_hour * HOUR_MS);
    let sql = format!(
        "SELECT a.symbol, d.side, d.start_ms, d.end_ms, d.usd_e6, d.long_usd_e6, d.burst_minutes, d.peak_minute_usd_e6, d.price_move_ppm, \
         d.oi_destroyed_usd_e6, v.slug, d.cross_venue FROM cascades d JOIN assets a ON a.asset_id = d.asset_id \
         JOIN venues v ON v.venue_id = d.first_venue_id WHERE d.start_ms >= {from_ms} AND d.start_ms < {to_ms} \
         ORDER BY d.start_ms, a.symbol, d.side"
    );
    let mut venues = cascade_venues(store, from_ms, to_ms).await?;
    let mut out = Vec::new();
    for row in rows(store, &sql).await? {
        let (asset, side, start_ms) = (row.text(0)?, row.text(1)?, row.int(2)?);
        if !filter.asset(&asset) {
            continue;
        }
        let venue_list = venues.remove(&(asset.clone(), side.clone(), start_ms)).unwrap_or_default().join(", ");
        out.push(Cascade {
            asset,
            side,
            start_ms,
            end_ms: row.int(3)?,
            usd_e6: row.int(4)?,
            long_usd_e6: row.int(5)?,
            burst_minutes: row.int(6)?,
            peak_minute_usd_e6: row.int(7)?,
            price_move_ppm: row.opt_int(8)?,
            oi_destroyed_usd_e6: row.opt_int(9)?,
            venue_list,
            first_venue: row.text(10)?,
            is_cross_venue: row.int(11)? == 1,
        });
    }
    Ok(out)
}

type CascadeKey = (String, String, i64);

/// Venues of each cascade with their shares, largest first.
async fn cascade_venues(store: &SqlStore, from_ms: i64, to_ms: i64) -> Result<BTreeMap<CascadeKey, Vec<String>>> {
    let sql = format!(
        "SELECT a.symbol, d.side, d.start_ms, v.slug, d.share_ppm FROM cascade_venues d JOIN assets a ON a.asset_id = d.asset_id \
         JOIN venues v ON v.venue_id = d.venue_id WHERE d.start_ms >= {from_ms} AND d.start_ms < {to_ms} ORDER BY d.share_ppm DESC, v.slug"
    );
    let mut out: BTreeMap<CascadeKey, Vec<String>> = BTreeMap::new();
    for row in rows(store, &sql).await? {
        let share = format!("{} {} %", row.text(3)?, (row.int(4)? + 5_000) / 10_000);
        out.entry((row.text(0)?, row.text(1)?, row.int(2)?)).or_default().push(share);
    }
    Ok(out)
}

async fn extremes(store: &SqlStore, window: Window, ids: &BTreeSet<i64>) -> Result<Vec<Extreme>> {
    let Window { from_hour, to_hour } = window;
    let sql = format!(
        "SELECT e.market_id, n.chain, n.venue, n.symbol, e.hour_id, e.rate_1h_e12, e.z_e6, e.rank_ppm FROM funding_extremes e \
         JOIN h_names n ON n.market_id = e.market_id WHERE e.hour_id >= {from_hour} AND e.hour_id < {to_hour} AND e.is_extreme = 1 \
         ORDER BY ABS(COALESCE(e.z_e6, 0)) DESC, e.hour_id, e.market_id"
    );
    let mut out = Vec::new();
    for row in rows(store, &sql).await? {
        if ids.contains(&row.int(0)?) {
            let (chain, venue, symbol) = (row.text(1)?, row.text(2)?, row.text(3)?);
            let (z_e6, rank_ppm) = (row.opt_int(6)?, row.opt_int(7)?);
            out.push(Extreme { chain, venue, symbol, hour_id: row.int(4)?, rate_1h_e12: row.int(5)?, z_e6, rank_ppm });
        }
    }
    Ok(out)
}

async fn signals(store: &SqlStore, window: Window, filter: &Filter) -> Result<Vec<SignalRow>> {
    let Window { from_hour, to_hour } = window;
    let sql = format!(
        "SELECT s.name, a.symbol, COALESCE(v.slug, 'ALL'), s.hour_id, s.value_e6, s.threshold_e6 FROM signals s \
         JOIN assets a ON a.asset_id = s.asset_id LEFT JOIN venues v ON v.venue_id = s.venue_id \
         WHERE s.hour_id >= {from_hour} AND s.hour_id < {to_hour} ORDER BY s.hour_id"
    );
    let mut out: BTreeMap<(String, String, String), SignalRow> = BTreeMap::new();
    for row in rows(store, &sql).await? {
        let (name, asset, venue, last_hour_id) = (row.text(0)?, row.text(1)?, row.text(2)?, row.int(3)?);
        if !filter.asset(&asset) || !(venue == "ALL" || filter.venue(&venue)) {
            continue;
        }
        let (value_e6, threshold_e6) = (row.opt_int(4)?, row.opt_int(5)?);
        let key = (name.clone(), asset.clone(), venue.clone());
        let hours = out.get(&key).map_or(0, |signal| signal.hours) + 1;
        out.insert(key, SignalRow { name, asset, venue, hours, last_hour_id, value_e6, threshold_e6 });
    }
    Ok(out.into_values().collect())
}

async fn largest(store: &SqlStore, window: Window, ids: &BTreeSet<i64>) -> Result<Vec<LargestLiquidation>> {
    let (from_ms, to_ms) = (window.from_hour * HOUR_MS, window.to_hour * HOUR_MS);
    // One market after another through its index; the whole table has no order by time.
    let mut out: Vec<LargestLiquidation> = Vec::new();
    for market_id in ids {
        let sql = format!(
            "SELECT l.ts_ms, n.chain, n.venue, n.asset, l.side, l.kind, l.exec_notional_usd_e6, l.tx_id FROM liquidations l \
             JOIN h_names n ON n.market_id = l.market_id WHERE l.market_id = {market_id} AND l.ts_ms >= {from_ms} AND l.ts_ms < {to_ms} \
             AND l.kind <> 'adl' ORDER BY l.exec_notional_usd_e6 DESC, l.height, l.rec, l.sub LIMIT {LISTED_MAX}"
        );
        for row in rows(store, &sql).await? {
            let [chain, venue, asset, side, kind] = [row.text(1)?, row.text(2)?, row.text(3)?, row.text(4)?, row.text(5)?];
            let (usd_e6, tx_id) = (row.int(6)?, row.text(7)?);
            out.push(LargestLiquidation { ts_ms: row.int(0)?, chain, venue, asset, side, kind, usd_e6, tx_id });
        }
    }
    out.sort_by(|a, b| b.usd_e6.cmp(&a.usd_e6).then_with(|| (a.ts_ms, &a.tx_id).cmp(&(b.ts_ms, &b.tx_id))));
    out.truncate(LISTED_MAX);
    Ok(out)
}

/// The widest hour of each market, widest first.
async fn divergences(store: &SqlStore, window: Window, ids: &BTreeSet<i64>) -> Result<Vec<Divergence>> {
    let Window { from_hour, to_hour } = window;
    let sql = format!(
        "SELECT d.market_id, n.chain, n.venue, n.symbol, d.hour_id, d.divergence_ppm, d.venues FROM price_divergence d \
         JOIN h_names n ON n.market_id = d.market_id WHERE d.hour_id >= {from_hour} AND d.hour_id < {to_hour} \
         ORDER BY ABS(d.divergence_ppm) DESC, d.hour_id, d.market_id"
    );
    let (mut out, mut seen) = (Vec::new(), BTreeSet::new());
    for row in rows(store, &sql).await? {
        if out.len() < LISTED_MAX && ids.contains(&row.int(0)?) && seen.insert(row.int(0)?) {
            let (chain, venue, symbol) = (row.text(1)?, row.text(2)?, row.text(3)?);
            let (divergence_ppm, venues) = (row.int(5)?, row.int(6)?);
            out.push(Divergence { chain, venue, symbol, hour_id: row.int(4)?, divergence_ppm, venues });
        }
    }
    Ok(out)
}

async fn flows(store: &SqlStore, window: Window, filter: &Filter) -> Result<Vec<Flow>> {
    let Window { from_hour, to_hour } = window;
    let sql = format!(
        "SELECT s.chain, s.venue, h.scope, CAST(SUM(h.deposits) AS BIGINT), CAST(SUM(h.withdrawals) AS BIGINT), \
         CAST(SUM(h.deposits_usd_e6) AS BIGINT), CAST(SUM(h.withdrawals_usd_e6) AS BIGINT) FROM collateral_flow_hour h \
         JOIN h_streams s ON s.chain_id = h.chain_id AND s.venue_id = h.venue_id WHERE h.hour_id >= {from_hour} AND h.hour_id < {to_hour} \
         GROUP BY s.venue, s.chain, h.scope ORDER BY s.venue, s.chain, h.scope"
    );
    let mut out = Vec::new();
    for row in rows(store, &sql).await? {
        let (chain, venue, scope) = (row.text(0)?, row.text(1)?, row.text(2)?);
        if filter.venue(&venue) {
            let (deposits, withdrawals) = (row.int(3)?, row.int(4)?);
            let (deposits_usd_e6, withdrawals_usd_e6) = (row.int(5)?, row.int(6)?);
            out.push(Flow { chain, venue, scope, deposits, withdrawals, deposits_usd_e6, withdrawals_usd_e6 });
        }
    }
    Ok(out)
}

/// Streams, and events that wait. The latter are of the whole store: what waits has no market or asset yet.
async fn health(store: &SqlStore, filter: &Filter) -> Result<(Vec<StreamState>, Vec<WaitingEvents>)> {
    let status = store.status().await?;
    let failures = |chain| status.chains.iter().find(|one| one.chain == chain).map_or(0, |one| one.decode_failures);
    let wanted = |stream: &&perpdex_store::StreamStatus| filter.venue(stream.stream.venue.as_str());
    let state = |stream: &perpdex_store::StreamStatus| StreamState {
        chain: stream.stream.chain.to_string(),
        stream: stream_name(stream.stream.venue.as_str(), &stream.stream.part),
        covered: stream.covered_blocks,
        missing: stream.wanted_to.map(|_| stream.missing.iter().map(|range| range.to() - range.from() + 1).sum()),
        holes: stream.holes.len() as u64,
        evidence: stream.evidence.map_or_else(|| "nothing covered".to_owned(), |evidence| evidence.as_str().to_owned()),
        sees_unknown: stream.target.as_ref().is_some_and(|target| target.sees_unknown),
        decode_failures: failures(stream.stream.chain),
    };
    let streams = status.streams.iter().filter(wanted).map(state).collect();
    let waiting = status.unresolved.into_iter().map(|(target, events)| WaitingEvents { target, events }).collect();
    Ok((streams, waiting))
}

fn stream_name(venue: &str, part: &str) -> String {
    if part.is_empty() { venue.to_owned() } else { format!("{venue}.{part}") }
}
