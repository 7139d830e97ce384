//! What is counted and summed of a database, on either engine.

/// Columns of a fill that the sums of hours are made of.
pub(super) const SUMMED: [&str; 15] = [
    "market_id",
    "ts_ms",
    "is_taker",
    "taker_dir",
    "in_volume",
    "forced",
    "action",
    "exec_notional_usd_e6",
    "notional_usd_e6",
    "long_delta_q",
    "short_delta_q",
    "long_delta_usd_e6",
    "short_delta_usd_e6",
    "fee_usd_e6",
    "fee_native",
];

/// Counts what a figure is about.
pub(super) fn count_sql(unit: &str) -> &'static str {
    match unit {
        "fill" => "SELECT COUNT(*) FROM fills",
        _ => "SELECT COUNT(*) FROM raw_events",
    }
}
