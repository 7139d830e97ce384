//! The words of the data dictionary: one table of descriptions.

mod across;
mod completeness;
mod daily;
mod hourly;
mod rows;

use across::ACROSS;
use completeness::COMPLETENESS;
use daily::DAILY;
use hourly::HOURLY;
use rows::ROWS;

/// A public view.
#[derive(Debug)]
pub(super) struct ViewDoc {
    pub(super) name: &'static str,
    /// What one row is.
    pub(super) grain: &'static str,
    /// Columns in order; an empty description stands for the one in [`COMMON`].
    pub(super) columns: &'static [(&'static str, &'static str)],
}

/// Columns that mean the same wherever they stand.
pub(super) const COMMON: &[(&str, &str)] = &[
    ("time", "ISO 8601 in UTC, to the second"),
    ("ts_ms", "the same moment in unix milliseconds; filter by it"),
    ("hour_id", "floor(unix milliseconds / 3,600,000)"),
    ("day_id", "floor(unix milliseconds / 86,400,000)"),
    ("chain", "chain slug"),
    ("venue", "venue slug"),
    ("venue_group", "group of venues under one name; the venue itself where there is none"),
    ("market", "the venue's own key of the market"),
    ("symbol", "the venue's symbol of the market; its key where no symbol is known"),
    ("asset", "canonical underlying; `venue:symbol` where no alias is known"),
    ("account", "account as the venue names it"),
    ("position_key", "names the position among all of the venue's positions on the chain"),
    ("trade_key", "joins the legs of one trade"),
    ("order_key", "order or liquidation it belongs to"),
    ("tx_id", "transaction as explorers print it; the block number on HyperCore"),
    ("height", "block number, slot or HyperCore block"),
    ("provisional", "1 while the block is above the final height and can still go"),
    ("event_key", "chain/height/record/ordinal: names the row for good"),
    ("qty", "quantity in canonical units of the asset"),
    ("price", "execution price, quote per ONE canonical unit"),
    ("notional_usd", "quantity times execution price, dollars"),
    ("venue_notional_usd", "notional as the venue counts it, dollars"),
    ("volume_basis", "what `venue_notional_usd` is: exec = at execution price, entry = closes at entry price"),
    ("fee_usd", "trading fee, positive = paid; NULL where its token has no dollar price"),
    ("coverage", "share of the hour that is indexed, 0 to 1"),
    ("token", "contract (hex), mint (base58) or symbol (HyperCore)"),
    ("token_symbol", "symbol of the token, where the catalog knows it"),
    ("oi_one_usd", "one-sided open interest: (long + short) / 2 at mark, dollars"),
    ("volume_usd", "taker volume, each trade once, as the venue counts notional, dollars"),
    ("liq_usd", "liquidated notional at execution prices, ADL left out, dollars"),
    ("fees_usd", "fees paid less rebates, dollars"),
    ("stream", "venue, and its part where it has several"),
    ("version", "version of filter and decoder"),
    ("from_height", "first height, inside"),
    ("to_height", "last height, inside"),
    ("cost_long_1h", "what a long pays per hour, fraction of notional; below 0 = receives"),
    ("cost_short_1h", "what a short pays per hour, fraction of notional"),
    ("liquidation_feed", "complete, or sampled: the venue tells only some liquidations, sums are lower bounds"),
    ("long_share", "share of longs in the liquidated notional"),
    ("mark_price", "mark price, quote per ONE canonical unit"),
];

/// All public views, in the order of the migration.
pub(super) fn views() -> impl Iterator<Item = &'static ViewDoc> {
    [ROWS, HOURLY, DAILY, COMPLETENESS, ACROSS].into_iter().flatten()
}
