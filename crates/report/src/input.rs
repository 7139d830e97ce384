//! What a report is made of: integers of a window, as the store holds them.

use std::collections::BTreeMap;

use perpdex_core::Decimal;

/// Whole hours `[from_hour, to_hour)`, numbered as floor(unix milliseconds / 3,600,000).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First hour.
    pub from_hour: i64,
    /// The hour after the last.
    pub to_hour: i64,
}

/// Hours of the volume that open interest is divided by.
pub(crate) const RATIO_HOURS: i64 = 24;

impl Window {
    /// Number of hours.
    pub fn hours(&self) -> i64 {
        self.to_hour - self.from_hour
    }

    /// First hour of which rows are needed: the one before the window, or the day before its end, the earlier.
    pub fn read_from_hour(&self) -> i64 {
        (self.from_hour - 1).min(self.to_hour - RATIO_HOURS)
    }
}

/// Everything that a report shows.
#[derive(Clone, Debug)]
pub struct Input {
    /// The window.
    pub window: Window,
    /// Where the data are from, as its owner calls it; never a secret.
    pub place: String,
    /// Assets that were asked for; empty: all.
    pub assets: Vec<String>,
    /// Venues that were asked for; empty: all.
    pub venues: Vec<String>,
    /// Markets with their hours from [`Window::read_from_hour`] on.
    pub markets: Vec<Market>,
    /// Cascades that start in the window.
    pub cascades: Vec<Cascade>,
    /// Hours whose funding rate was extreme.
    pub extremes: Vec<Extreme>,
    /// Signals that were raised.
    pub signals: Vec<SignalRow>,
    /// The largest liquidations of the window, largest first.
    pub largest: Vec<LargestLiquidation>,
    /// The widest divergence of each market, widest first.
    pub divergences: Vec<Divergence>,
    /// Collateral that moved, by venue, chain and scope.
    pub flows: Vec<Flow>,
    /// What is known of each stream; of the whole store, not of the window alone.
    pub streams: Vec<StreamState>,
    /// Events that wait, by what they wait for.
    pub waiting: Vec<WaitingEvents>,
}

/// One market and its hours.
#[derive(Clone, Debug)]
pub struct Market {
    /// Chain slug.
    pub chain: String,
    /// Venue slug.
    pub venue: String,
    /// The venue's symbol.
    pub symbol: String,
    /// Canonical asset.
    pub asset: String,
    /// Digits of its quantities.
    pub qty_scale: u8,
    /// Whether the venue counts closes at entry price.
    pub is_entry_volume: bool,
    /// Whether the venue tells only some of its liquidations: no sum of them is one.
    pub is_liquidation_sample: bool,
    /// Whether the venue tells what accounts did: fees, for one.
    pub tells_accounts: bool,
    /// Hour of its first event.
    pub first_hour: i64,
    /// Hour of its listing, where that was seen.
    pub listed_hour: Option<i64>,
    /// What is stored, by hour.
    pub hours: BTreeMap<i64, Hour>,
}

/// One market and hour. Sums are `None` where the hour is not covered and nothing was seen.
#[derive(Clone, Debug, Default)]
pub struct Hour {
    /// Share of the hour whose fills are indexed, parts per million.
    pub fills_ppm: i64,
    /// The same for funding records.
    pub funding_ppm: i64,
    /// Taker executions.
    pub trades: Option<i64>,
    /// Taker volume, each trade once, micro-dollars.
    pub volume_usd_e6: Option<i64>,
    /// Volume of takers that bought.
    pub taker_buy_usd_e6: Option<i64>,
    /// Volume of takers that sold.
    pub taker_sell_usd_e6: Option<i64>,
    /// Volume of liquidations.
    pub liq_volume_usd_e6: Option<i64>,
    /// Volume of auto-deleveraging.
    pub adl_volume_usd_e6: Option<i64>,
    /// Liquidations.
    pub liq_rows: Option<i64>,
    /// Liquidated longs at execution prices.
    pub liq_long_usd_e6: Option<i64>,
    /// Liquidated shorts.
    pub liq_short_usd_e6: Option<i64>,
    /// Auto-deleveraged positions at execution prices.
    pub adl_usd_e6: Option<i64>,
    /// Fees paid less rebates.
    pub fees_usd_e6: Option<i64>,
    /// Fees in tokens without a dollar price.
    pub fees_unpriced: Option<i64>,
    /// Funding that accounts received.
    pub funding_received_usd_e6: Option<i64>,
    /// Funding that accounts paid.
    pub funding_charged_usd_e6: Option<i64>,
    /// Borrow fees that accounts paid.
    pub borrow_charged_usd_e6: Option<i64>,
    /// Long open interest at the hour's end, digits of the market's `qty_scale`.
    pub long_q: Option<i64>,
    /// Short open interest.
    pub short_q: Option<i64>,
    /// (long + short) / 2 at mark.
    pub one_mark_usd_e6: Option<i64>,
    /// Mark at the hour's end.
    pub mark: Option<Decimal>,
    /// Cost of a long per hour.
    pub cost_long_1h_e12: Option<i64>,
    /// Weight of the rate in weighted means: one-sided open interest.
    pub weight_usd_e6: Option<i64>,
    /// Weight times rate, billionths of a dollar.
    pub weighted_usd_e9: Option<i64>,
}

/// One liquidation cascade.
#[derive(Clone, Debug)]
pub struct Cascade {
    /// Canonical asset.
    pub asset: String,
    /// long, short or both.
    pub side: String,
    /// First burst minute.
    pub start_ms: i64,
    /// End of the last one.
    pub end_ms: i64,
    /// Liquidated, micro-dollars.
    pub usd_e6: i64,
    /// Longs among it.
    pub long_usd_e6: i64,
    /// Minutes above the threshold.
    pub burst_minutes: i64,
    /// The largest minute.
    pub peak_minute_usd_e6: i64,
    /// Worst price against the price at the start, parts per million.
    pub price_move_ppm: Option<i64>,
    /// Fall of one-sided open interest.
    pub oi_destroyed_usd_e6: Option<i64>,
    /// Venues with a twentieth of it or more.
    pub venue_list: String,
    /// The one that began.
    pub first_venue: String,
    /// Whether two of them began within five minutes.
    pub is_cross_venue: bool,
}

/// One hour of an extreme rate.
#[derive(Clone, Debug)]
pub struct Extreme {
    /// Chain slug.
    pub chain: String,
    /// Venue slug.
    pub venue: String,
    /// The venue's symbol of the market.
    pub symbol: String,
    /// The hour.
    pub hour_id: i64,
    /// Cost of a long per hour.
    pub rate_1h_e12: i64,
    /// Standard scores against the previous 30 days, millionths.
    pub z_e6: Option<i64>,
    /// Percentile rank in them, parts per million.
    pub rank_ppm: Option<i64>,
}

/// A named signal over its hours in the window.
#[derive(Clone, Debug)]
pub struct SignalRow {
    /// Its name.
    pub name: String,
    /// Canonical asset, or ALL.
    pub asset: String,
    /// Venue slug, or ALL.
    pub venue: String,
    /// Hours in which it was raised.
    pub hours: i64,
    /// The last of them.
    pub last_hour_id: i64,
    /// Its value then, millionths.
    pub value_e6: Option<i64>,
    /// The threshold, millionths.
    pub threshold_e6: Option<i64>,
}

/// One liquidation.
#[derive(Clone, Debug)]
pub struct LargestLiquidation {
    /// Time, unix milliseconds.
    pub ts_ms: i64,
    /// Chain slug.
    pub chain: String,
    /// Venue slug.
    pub venue: String,
    /// Canonical asset.
    pub asset: String,
    /// Side of the position.
    pub side: String,
    /// market, pool, backstop or takeover.
    pub kind: String,
    /// Notional at the execution price.
    pub usd_e6: i64,
    /// Transaction.
    pub tx_id: String,
}

/// How far a mark stood from the other venues' median.
#[derive(Clone, Debug)]
pub struct Divergence {
    /// Chain slug.
    pub chain: String,
    /// Venue slug.
    pub venue: String,
    /// The venue's symbol of the market.
    pub symbol: String,
    /// The hour of the widest distance.
    pub hour_id: i64,
    /// Distance, parts per million of the median.
    pub divergence_ppm: i64,
    /// Venues behind the median.
    pub venues: i64,
}

/// Collateral in and out.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Chain slug.
    pub chain: String,
    /// Venue slug.
    pub venue: String,
    /// margin, pool, transfer or bridge.
    pub scope: String,
    /// Movements in.
    pub deposits: i64,
    /// Movements out.
    pub withdrawals: i64,
    /// Dollars in, of tokens with a dollar price.
    pub deposits_usd_e6: i64,
    /// Dollars out.
    pub withdrawals_usd_e6: i64,
}

/// What is known of one stream.
#[derive(Clone, Debug)]
pub struct StreamState {
    /// Chain slug.
    pub chain: String,
    /// Venue slug, and its part.
    pub stream: String,
    /// Heights covered well enough.
    pub covered: u64,
    /// Heights wanted and missing; `None` while no head is known.
    pub missing: Option<u64>,
    /// Recorded holes.
    pub holes: u64,
    /// The weakest evidence that counts.
    pub evidence: String,
    /// Whether events that no layout lists would be seen.
    pub sees_unknown: bool,
    /// Records of the chain that could not be decoded.
    pub decode_failures: i64,
}

/// Events that wait.
#[derive(Clone, Debug)]
pub struct WaitingEvents {
    /// What for: open, market or token.
    pub target: String,
    /// How many.
    pub events: i64,
}
