//! Ground truth: what a complete and exact index of the world must say.
//!
//! Promises: computed while traders act, from their positions and the exact terms of each execution, never by decoding a
//! record. Every figure is rounded half to even once per event; levels are sums of rounded positions.
//! Does not: predict keys, marks or percentages, which are not sums of events.

mod tally;

use std::collections::BTreeMap;

use alloy_primitives::U256;

pub(crate) use tally::{Flow, Held, MarketId, MarketSpec, Tally, Trade};

/// What happened in the world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// One row per market and whole hour since its listing, by chain, venue, market and hour.
    pub hours: Vec<TruthHour>,
    /// Sums of `hours` per chain and venue.
    pub totals: Vec<TruthTotal>,
    /// Collateral that moved, per chain, venue, token and hour.
    pub flows: Vec<TruthFlow>,
    /// The liquidation cascade of the world.
    pub cascade: TruthCascade,
    /// Rows that every fact table must hold, by table (`fills`, `liquidations`, `funding_payments`, `collateral_flows`)
    /// and then by (chain, venue).
    pub tables: BTreeMap<&'static str, BTreeMap<(&'static str, &'static str), u64>>,
}

/// One market in one hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TruthHour {
    /// Chain slug.
    pub chain: &'static str,
    /// Venue slug.
    pub venue: &'static str,
    /// The venue's key of the market: lower-case address, `<asset id>:<symbol>` on Phoenix, coin on Hyperliquid.
    pub market: String,
    /// Canonical asset.
    pub asset: &'static str,
    /// `floor(unix ms / 3,600,000)`.
    pub hour_id: i64,
    /// Taker executions that are volume.
    pub trades: i64,
    /// Taker volume as the venue counts it, micro-dollars (GMX: closes at entry notional).
    pub volume_usd_e6: i64,
    /// Taker volume at execution prices, micro-dollars.
    pub exec_volume_usd_e6: i64,
    /// Of `volume_usd_e6`: takers whose direction means something and who bought.
    pub taker_buy_usd_e6: i64,
    /// Of `volume_usd_e6`: takers whose direction means something and who sold.
    pub taker_sell_usd_e6: i64,
    /// Liquidations, auto-deleveraging not among them.
    pub liq_rows: i64,
    /// Their notional at execution prices, longs, micro-dollars.
    pub liq_long_usd_e6: i64,
    /// Their notional at execution prices, shorts, micro-dollars.
    pub liq_short_usd_e6: i64,
    /// Auto-deleveraged positions.
    pub adl_rows: i64,
    /// Their notional at execution prices, micro-dollars.
    pub adl_usd_e6: i64,
    /// Trading fees less rebates, takers and makers, micro-dollars.
    pub fees_usd_e6: i64,
    /// Long open interest at the hour's end, canonical units times 10^qty_scale.
    pub long_q: i64,
    /// Short open interest at the hour's end, likewise.
    pub short_q: i64,
    /// Whether no source tells the two levels afterwards: they may be missing then, but not wrong.
    pub is_level_lost: bool,
    /// Funding that positions received, micro-dollars.
    pub funding_received_usd_e6: i64,
    /// Funding that positions paid, micro-dollars.
    pub funding_charged_usd_e6: i64,
    /// Borrow fees that positions paid, micro-dollars.
    pub borrow_charged_usd_e6: i64,
    /// What a long paid in the hour as a fraction of its notional, times 10^12; `None` where the venue's rate is not one
    /// number per hour.
    pub cost_long_1h_e12: Option<i64>,
}

/// Sums over all markets and hours of one venue on one chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TruthTotal {
    /// Chain slug.
    pub chain: &'static str,
    /// Venue slug.
    pub venue: &'static str,
    /// Taker executions that are volume.
    pub trades: i64,
    /// Taker volume as the venue counts it, micro-dollars.
    pub volume_usd_e6: i64,
    /// Liquidations, auto-deleveraging not among them.
    pub liq_rows: i64,
    /// Their notional at execution prices, both sides, micro-dollars.
    pub liq_usd_e6: i64,
    /// Auto-deleveraged positions.
    pub adl_rows: i64,
    /// Trading fees less rebates, micro-dollars.
    pub fees_usd_e6: i64,
    /// Funding that positions received, micro-dollars.
    pub funding_received_usd_e6: i64,
    /// Funding that positions paid, micro-dollars.
    pub funding_charged_usd_e6: i64,
    /// Borrow fees that positions paid, micro-dollars.
    pub borrow_charged_usd_e6: i64,
}

/// Collateral of one token that moved in one hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TruthFlow {
    /// Chain slug.
    pub chain: &'static str,
    /// Venue slug.
    pub venue: &'static str,
    /// Token as decoders name it: lower-case address, mint, or symbol.
    pub token: String,
    /// `floor(unix ms / 3,600,000)`.
    pub hour_id: i64,
    /// Movements in.
    pub deposits: i64,
    /// Movements out.
    pub withdrawals: i64,
    /// Smallest units in.
    pub deposits_native: U256,
    /// Smallest units out.
    pub withdrawals_native: U256,
    /// Micro-dollars in; 0 for a token that is not a dollar.
    pub deposits_usd_e6: i64,
    /// Micro-dollars out; 0 for a token that is not a dollar.
    pub withdrawals_usd_e6: i64,
}

/// The one scripted cascade: longs of one asset liquidated on several venues within minutes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TruthCascade {
    /// Canonical asset.
    pub asset: &'static str,
    /// Start of the price fall, unix milliseconds.
    pub start_ms: i64,
    /// End of the price fall, unix milliseconds; outside.
    pub end_ms: i64,
    /// Liquidations of longs of the asset inside the window, auto-deleveraging not among them.
    pub rows: i64,
    /// Their notional at execution prices, micro-dollars.
    pub usd_e6: i64,
    /// The same by venue.
    pub venues: Vec<TruthCascadeVenue>,
}

/// One venue's part in the cascade.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TruthCascadeVenue {
    /// Chain slug.
    pub chain: &'static str,
    /// Venue slug.
    pub venue: &'static str,
    /// Time of its first liquidation in the window, unix milliseconds.
    pub first_ms: i64,
    /// Liquidations.
    pub rows: i64,
    /// Their notional, micro-dollars.
    pub usd_e6: i64,
}
