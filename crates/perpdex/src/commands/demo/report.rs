//! The demo's report, from the public views.

use perpdex_core::StoreError;
use perpdex_store::SqlStore;

use crate::output::Grid;

/// Venues times chains, with room to spare.
const ROWS_MAX: usize = 10_000;

/// Sums of the hourly views; open interest is that of the last hour with a level.
const BY_VENUE_AND_CHAIN: &str = "
WITH volume AS (
  SELECT venue, chain, CAST(SUM(trades) AS BIGINT) AS trades, SUM(volume_usd) AS volume_usd FROM v_volume_hourly GROUP BY venue, chain
), liquidations AS (
  SELECT venue, chain, CAST(SUM(liq_rows) AS BIGINT) AS liquidations, SUM(liq_usd) AS liq_usd, CAST(SUM(adl_rows) AS BIGINT) AS adl
  FROM v_liquidations_hourly GROUP BY venue, chain
), funding AS (
  SELECT venue, chain, SUM(funding_charged_usd) AS funding_paid_usd, SUM(borrow_charged_usd) AS borrow_paid_usd
  FROM v_funding_hourly GROUP BY venue, chain
), last_hour AS (
  SELECT venue, chain, MAX(hour_id) AS hour_id FROM v_open_interest_hourly WHERE oi_one_usd IS NOT NULL GROUP BY venue, chain
), interest AS (
  SELECT o.venue, o.chain, SUM(o.oi_one_usd) AS oi_one_usd FROM v_open_interest_hourly o
  JOIN last_hour l ON l.venue = o.venue AND l.chain = o.chain AND l.hour_id = o.hour_id GROUP BY o.venue, o.chain
), flows AS (
  SELECT venue, chain, CAST(SUM(deposits + withdrawals) AS BIGINT) AS collateral_flows FROM v_collateral_flows GROUP BY venue, chain
), places AS (
  SELECT venue, chain FROM volume UNION SELECT venue, chain FROM flows
)
SELECT p.venue, p.chain, v.trades, CAST(ROUND(v.volume_usd) AS BIGINT) AS volume_usd, CAST(ROUND(i.oi_one_usd) AS BIGINT) AS oi_one_usd,
  l.liquidations, CAST(ROUND(l.liq_usd) AS BIGINT) AS liq_usd, l.adl, CAST(ROUND(f.funding_paid_usd) AS BIGINT) AS funding_paid_usd,
  CAST(ROUND(f.borrow_paid_usd) AS BIGINT) AS borrow_paid_usd, w.collateral_flows
FROM places p
LEFT JOIN volume v ON v.venue = p.venue AND v.chain = p.chain
LEFT JOIN interest i ON i.venue = p.venue AND i.chain = p.chain
LEFT JOIN liquidations l ON l.venue = p.venue AND l.chain = p.chain
LEFT JOIN funding f ON f.venue = p.venue AND f.chain = p.chain
LEFT JOIN flows w ON w.venue = p.venue AND w.chain = p.chain
ORDER BY p.venue, p.chain";

/// Volume, open interest, liquidations and funding by venue and chain.
pub(super) async fn by_venue_and_chain(store: &SqlStore) -> Result<Grid, StoreError> {
    Ok(store.query(BY_VENUE_AND_CHAIN, ROWS_MAX).await?.into())
}
