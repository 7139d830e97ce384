-- Public views v_*, documented column by column in docs/data-dictionary.md, and the helper views h_* they stand on.
-- SQL adds, compares and divides once into a human unit; products, roundings and ranks are made by the program and stored.

-- Names of a market.
CREATE VIEW h_names AS
SELECT m.market_id, m.venue_id, m.chain_id, m.asset_id, c.slug AS chain, v.slug AS venue, v.venue_group, v.model, v.liquidation_feed, v.tells_accounts, m.market_key AS market, m.symbol, a.symbol AS asset,
  a.qty_unit, m.oi_basis, m.volume_basis, m.first_ms / 3600000 AS first_hour, COALESCE(h.finalized, -1) AS finalized
FROM markets m JOIN chains c ON c.chain_id = m.chain_id JOIN venues v ON v.venue_id = m.venue_id JOIN assets a ON a.asset_id = m.asset_id
LEFT JOIN heads h ON h.chain_id = m.chain_id;

-- Names of a stream.
CREATE VIEW h_streams AS
SELECT c.chain_id, v.venue_id, c.slug AS chain, v.slug AS venue, v.venue_group FROM chains c CROSS JOIN venues v;

CREATE VIEW v_trades AS
SELECT to_char(to_timestamp((f.ts_ms) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS time, f.ts_ms, f.ts_ms / 3600000 AS hour_id, n.chain, n.venue, n.venue_group, n.market, n.symbol, n.asset, f.account, f.side, f.action, f.forced,
  f.taker_dir, f.in_volume, CAST(f.qty_q AS DOUBLE PRECISION) / n.qty_unit AS qty, f.price_f AS price, CAST(f.exec_notional_usd_e6 AS DOUBLE PRECISION) / 1e6 AS notional_usd,
  CAST(f.notional_usd_e6 AS DOUBLE PRECISION) / 1e6 AS venue_notional_usd, f.volume_basis, CAST(f.fee_usd_e6 AS DOUBLE PRECISION) / 1e6 AS fee_usd, CAST(f.realized_pnl_usd_e6 AS DOUBLE PRECISION) / 1e6 AS realized_pnl_usd,
  f.position_key, f.trade_key, f.order_key, f.tx_id, f.height, CASE WHEN f.height > n.finalized AND f.chain_id = n.chain_id THEN 1 ELSE 0 END AS provisional, n.chain || '/' || f.height || '/' || f.rec || '/' || f.sub AS event_key
FROM fills f JOIN h_names n ON n.market_id = f.market_id WHERE f.is_taker = 1 AND (f.in_volume = 1 OR f.action = 'trade');

CREATE VIEW v_liquidations AS
SELECT to_char(to_timestamp((l.ts_ms) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS time, l.ts_ms, l.ts_ms / 3600000 AS hour_id, n.chain, n.venue, n.venue_group, n.market, n.symbol, n.asset, l.account, l.side, l.kind,
  CAST(l.qty_q AS DOUBLE PRECISION) / n.qty_unit AS qty, l.price_f AS price, l.mark_price_f AS mark_price, CAST(l.exec_notional_usd_e6 AS DOUBLE PRECISION) / 1e6 AS notional_usd,
  CAST(l.notional_usd_e6 AS DOUBLE PRECISION) / 1e6 AS venue_notional_usd, CAST(l.fee_usd_e6 AS DOUBLE PRECISION) / 1e6 AS fee_usd, l.in_volume, l.is_partial, l.liquidator, n.liquidation_feed,
  l.position_key, l.trade_key, l.order_key, l.tx_id, l.height, CASE WHEN l.height > n.finalized AND l.chain_id = n.chain_id THEN 1 ELSE 0 END AS provisional, n.chain || '/' || l.height || '/' || l.rec || '/' || l.sub AS event_key
FROM liquidations l JOIN h_names n ON n.market_id = l.market_id;

CREATE VIEW v_funding_rates AS
SELECT to_char(to_timestamp((r.end_ms) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS time, r.end_ms AS ts_ms, r.start_ms, (r.end_ms - 1) / 3600000 AS hour_id, n.chain, n.venue, n.venue_group, n.market, n.symbol, n.asset, r.kind,
  CAST(r.cost_long_1h_e12 AS DOUBLE PRECISION) / 1e12 AS cost_long_1h, CAST(r.cost_short_1h_e12 AS DOUBLE PRECISION) / 1e12 AS cost_short_1h,
  CAST(r.cost_long_1h_e12 AS DOUBLE PRECISION) / 125e9 AS rate_8h, CAST(r.cost_long_1h_e12 AS DOUBLE PRECISION) * 8760 / 1e12 AS apr, r.height, CASE WHEN r.height > n.finalized AND r.chain_id = n.chain_id THEN 1 ELSE 0 END AS provisional, n.chain || '/' || r.height || '/' || r.rec || '/' || r.sub AS event_key
FROM funding_rates r JOIN h_names n ON n.market_id = r.market_id;

CREATE VIEW v_funding_payments AS
SELECT to_char(to_timestamp((p.ts_ms) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS time, p.ts_ms, p.hour_id, n.chain, n.venue, n.venue_group, n.market, n.symbol, n.asset, p.account, p.position_key, p.side, p.kind,
  CAST(p.amount_usd_e6 AS DOUBLE PRECISION) / 1e6 AS amount_usd, p.token, t.symbol AS token_symbol, CAST(p.size_q AS DOUBLE PRECISION) / n.qty_unit AS size, p.tx_id, p.height, CASE WHEN p.height > n.finalized AND p.chain_id = n.chain_id THEN 1 ELSE 0 END AS provisional, n.chain || '/' || p.height || '/' || p.rec || '/' || p.sub AS event_key
FROM funding_payments p JOIN h_names n ON n.market_id = p.market_id LEFT JOIN tokens t ON t.chain_id = p.chain_id AND t.address = p.token;

CREATE VIEW v_volume_bars AS
SELECT to_char(to_timestamp((b.end_ms) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS time, b.end_ms AS ts_ms, b.start_ms, (b.end_ms - 1) / 3600000 AS hour_id, n.chain, n.venue, n.venue_group, n.market, n.symbol, n.asset, b.kind,
  b.trades, CAST(b.qty_q AS DOUBLE PRECISION) / n.qty_unit AS qty, CAST(b.notional_usd_e6 AS DOUBLE PRECISION) / 1e6 AS notional_usd, CAST(b.taker_buy_usd_e6 AS DOUBLE PRECISION) / 1e6 AS taker_buy_usd,
  b.close_f AS close_price, b.in_volume, b.height, n.chain || '/' || b.height || '/' || b.rec || '/' || b.sub AS event_key
FROM volume_bars b JOIN h_names n ON n.market_id = b.market_id;

CREATE VIEW v_collateral_flows AS
SELECT to_char(to_timestamp((h.hour_id * 3600000) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS time, h.hour_id * 3600000 AS ts_ms, h.hour_id, s.chain, s.venue, s.venue_group, h.token, t.symbol AS token_symbol, h.scope,
  h.deposits, h.withdrawals, h.deposits_f AS deposits_token, h.withdrawals_f AS withdrawals_token,
  CAST(h.deposits_usd_e6 AS DOUBLE PRECISION) / 1e6 AS deposits_usd, CAST(h.withdrawals_usd_e6 AS DOUBLE PRECISION) / 1e6 AS withdrawals_usd, CAST(h.deposits_usd_e6 - h.withdrawals_usd_e6 AS DOUBLE PRECISION) / 1e6 AS net_usd
FROM collateral_flow_hour h JOIN h_streams s ON s.chain_id = h.chain_id AND s.venue_id = h.venue_id
LEFT JOIN tokens t ON t.chain_id = h.chain_id AND t.address = h.token;


-- One market and calendar hour, quiet ones too: a sum is 0 where its records are fully covered, NULL where they are not and nothing was seen.
CREATE VIEW h_hour_sums AS
SELECT k.market_id, k.hour_id, k.fills_ppm, k.funding_ppm, COALESCE(k.liquidations_ppm, k.fills_ppm) AS liquidations_ppm,
  COALESCE(NULLIF(a.trades, 0), CASE WHEN k.fills_ppm = 1000000 THEN 0 END) AS trades,
  COALESCE(NULLIF(a.volume_usd_e6, 0), CASE WHEN k.fills_ppm = 1000000 THEN 0 END) AS volume,
  COALESCE(NULLIF(a.exec_volume_usd_e6, 0), CASE WHEN k.fills_ppm = 1000000 THEN 0 END) AS exec_volume,
  COALESCE(NULLIF(a.taker_buy_usd_e6, 0), CASE WHEN k.fills_ppm = 1000000 THEN 0 END) AS taker_buy,
  COALESCE(NULLIF(a.taker_sell_usd_e6, 0), CASE WHEN k.fills_ppm = 1000000 THEN 0 END) AS taker_sell,
  COALESCE(NULLIF(a.closing_legs_usd_e6, 0), CASE WHEN k.fills_ppm = 1000000 THEN 0 END) AS closing_legs,
  COALESCE(NULLIF(a.liq_volume_usd_e6, 0), CASE WHEN k.fills_ppm = 1000000 THEN 0 END) AS liq_volume,
  COALESCE(NULLIF(a.adl_volume_usd_e6, 0), CASE WHEN k.fills_ppm = 1000000 THEN 0 END) AS adl_volume,
  COALESCE(NULLIF(a.fees_usd_e6, 0), CASE WHEN k.fills_ppm = 1000000 THEN 0 END) AS fees,
  COALESCE(NULLIF(a.fees_unpriced, 0), CASE WHEN k.fills_ppm = 1000000 THEN 0 END) AS fees_unpriced,
  COALESCE(NULLIF(a.liq_rows, 0), CASE WHEN COALESCE(k.liquidations_ppm, k.fills_ppm) = 1000000 THEN 0 END) AS liq_rows,
  COALESCE(NULLIF(a.liq_long_usd_e6, 0), CASE WHEN COALESCE(k.liquidations_ppm, k.fills_ppm) = 1000000 OR a.liq_rows > 0 THEN 0 END) AS liq_long,
  COALESCE(NULLIF(a.liq_short_usd_e6, 0), CASE WHEN COALESCE(k.liquidations_ppm, k.fills_ppm) = 1000000 OR a.liq_rows > 0 THEN 0 END) AS liq_short,
  COALESCE(NULLIF(a.liq_market_usd_e6, 0), CASE WHEN COALESCE(k.liquidations_ppm, k.fills_ppm) = 1000000 OR a.liq_rows > 0 THEN 0 END) AS liq_market,
  COALESCE(NULLIF(a.liq_pool_usd_e6, 0), CASE WHEN COALESCE(k.liquidations_ppm, k.fills_ppm) = 1000000 OR a.liq_rows > 0 THEN 0 END) AS liq_pool,
  COALESCE(NULLIF(a.liq_backstop_usd_e6, 0), CASE WHEN COALESCE(k.liquidations_ppm, k.fills_ppm) = 1000000 OR a.liq_rows > 0 THEN 0 END) AS liq_backstop,
  COALESCE(NULLIF(a.liq_takeover_usd_e6, 0), CASE WHEN COALESCE(k.liquidations_ppm, k.fills_ppm) = 1000000 OR a.liq_rows > 0 THEN 0 END) AS liq_takeover,
  COALESCE(NULLIF(a.adl_rows, 0), CASE WHEN COALESCE(k.liquidations_ppm, k.fills_ppm) = 1000000 THEN 0 END) AS adl_rows,
  COALESCE(NULLIF(a.adl_usd_e6, 0), CASE WHEN COALESCE(k.liquidations_ppm, k.fills_ppm) = 1000000 THEN 0 END) AS adl,
  COALESCE(NULLIF(a.funding_received_usd_e6, 0), CASE WHEN k.funding_ppm = 1000000 THEN 0 END) AS received,
  COALESCE(NULLIF(a.funding_charged_usd_e6, 0), CASE WHEN k.funding_ppm = 1000000 THEN 0 END) AS charged,
  COALESCE(NULLIF(a.borrow_charged_usd_e6, 0), CASE WHEN k.funding_ppm = 1000000 THEN 0 END) AS borrow
FROM market_hour k LEFT JOIN agg_market_hour a ON a.market_id = k.market_id AND a.hour_id = k.hour_id;

CREATE VIEW v_open_interest_hourly AS
SELECT to_char(to_timestamp((z.hour_id * 3600000) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS time, z.hour_id * 3600000 AS ts_ms, z.hour_id, n.chain, n.venue, n.venue_group, n.market, n.symbol, n.asset, CAST(z.long_q AS DOUBLE PRECISION) / n.qty_unit AS oi_long, CAST(z.short_q AS DOUBLE PRECISION) / n.qty_unit AS oi_short,
  CAST(CASE WHEN z.long_q < z.short_q THEN z.long_q ELSE z.short_q END AS DOUBLE PRECISION) / n.qty_unit AS oi_matched, CAST(z.long_q - z.short_q AS DOUBLE PRECISION) / n.qty_unit AS skew,
  CAST(z.long_tw_q AS DOUBLE PRECISION) / n.qty_unit AS oi_long_tw, CAST(z.short_tw_q AS DOUBLE PRECISION) / n.qty_unit AS oi_short_tw, CAST(z.long_mark_usd_e6 + z.short_mark_usd_e6 AS DOUBLE PRECISION) / 1e6 AS oi_gross_usd,
  CAST(z.one_mark_usd_e6 AS DOUBLE PRECISION) / 1e6 AS oi_one_usd, 'mark' AS basis, CAST(z.long_entry_usd_e6 + z.short_entry_usd_e6 AS DOUBLE PRECISION) / 1e6 AS oi_gross_entry_usd,
  CAST(z.long_entry_usd_e6 + z.short_entry_usd_e6 AS DOUBLE PRECISION) / 2e6 AS oi_one_entry_usd,
  n.oi_basis AS venue_oi_basis, z.mark_f AS mark_price, z.mark_source, z.mark_age_ms, CASE WHEN z.long_q IS NULL THEN 0 ELSE 1 END AS covered,
  CAST(z.fills_ppm AS DOUBLE PRECISION) / 1e6 AS coverage
FROM market_hour z JOIN h_names n ON n.market_id = z.market_id;

CREATE VIEW v_volume_hourly AS
SELECT to_char(to_timestamp((z.hour_id * 3600000) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS time, z.hour_id * 3600000 AS ts_ms, z.hour_id, n.chain, n.venue, n.venue_group, n.market, n.symbol, n.asset, n.volume_basis, z.trades, CAST(z.volume AS DOUBLE PRECISION) / 1e6 AS volume_usd, CAST(z.exec_volume AS DOUBLE PRECISION) / 1e6 AS exec_volume_usd,
  CAST(z.taker_buy AS DOUBLE PRECISION) / 1e6 AS taker_buy_usd, CAST(z.taker_sell AS DOUBLE PRECISION) / 1e6 AS taker_sell_usd, CAST(CASE WHEN n.liquidation_feed = 'complete' THEN z.liq_volume END AS DOUBLE PRECISION) / 1e6 AS liq_volume_usd, CAST(CASE WHEN n.liquidation_feed = 'complete' THEN z.adl_volume END AS DOUBLE PRECISION) / 1e6 AS adl_volume_usd,
  CAST(CASE WHEN n.liquidation_feed = 'complete' THEN z.volume - z.liq_volume - z.adl_volume END AS DOUBLE PRECISION) / 1e6 AS organic_usd, CAST(CASE WHEN n.tells_accounts = 1 THEN z.closing_legs END AS DOUBLE PRECISION) / 1e6 AS closing_legs_usd,
  CAST(CASE WHEN n.tells_accounts = 1 THEN z.fees END AS DOUBLE PRECISION) / 1e6 AS fees_usd, CASE WHEN n.tells_accounts = 1 THEN z.fees_unpriced END AS fees_unpriced,
  CAST(z.fills_ppm AS DOUBLE PRECISION) / 1e6 AS coverage
FROM h_hour_sums z JOIN h_names n ON n.market_id = z.market_id;

CREATE VIEW v_liquidations_hourly AS
SELECT to_char(to_timestamp((z.hour_id * 3600000) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS time, z.hour_id * 3600000 AS ts_ms, z.hour_id, n.chain, n.venue, n.venue_group, n.market, n.symbol, n.asset, z.liq_rows, CASE WHEN z.liq_rows = 0 THEN 0 ELSE d.orders END AS liq_orders, CASE WHEN n.tells_accounts = 0 THEN NULL WHEN z.liq_rows = 0 THEN 0 ELSE d.accounts END AS liq_accounts,
  CAST(z.liq_long + z.liq_short AS DOUBLE PRECISION) / 1e6 AS liq_usd, CAST(z.liq_long AS DOUBLE PRECISION) / 1e6 AS liq_long_usd, CAST(z.liq_short AS DOUBLE PRECISION) / 1e6 AS liq_short_usd,
  CAST(z.liq_long AS DOUBLE PRECISION) / NULLIF(z.liq_long + z.liq_short, 0) AS long_share,
  CAST(z.liq_market AS DOUBLE PRECISION) / 1e6 AS liq_market_usd, CAST(z.liq_pool AS DOUBLE PRECISION) / 1e6 AS liq_pool_usd, CAST(z.liq_backstop AS DOUBLE PRECISION) / 1e6 AS liq_backstop_usd, CAST(z.liq_takeover AS DOUBLE PRECISION) / 1e6 AS liq_takeover_usd,
  CASE WHEN n.liquidation_feed = 'complete' THEN z.adl_rows END AS adl_rows, CAST(CASE WHEN n.liquidation_feed = 'complete' THEN z.adl END AS DOUBLE PRECISION) / 1e6 AS adl_usd, CAST(d.largest_usd_e6 AS DOUBLE PRECISION) / 1e6 AS largest_usd,
  n.chain || '/' || d.largest_height || '/' || d.largest_rec || '/' || d.largest_sub AS largest_key, d.max_minute_id * 60000 AS max_minute_ms,
  CAST(d.max_minute_usd_e6 AS DOUBLE PRECISION) / 1e6 AS max_minute_usd, CAST(z.liq_long + z.liq_short AS DOUBLE PRECISION) / NULLIF(b.one_mark_usd_e6, 0) AS liq_intensity, n.liquidation_feed, CAST(z.liquidations_ppm AS DOUBLE PRECISION) / 1e6 AS coverage
FROM h_hour_sums z JOIN h_names n ON n.market_id = z.market_id
LEFT JOIN market_hour b ON b.market_id = z.market_id AND b.hour_id = z.hour_id - 1
LEFT JOIN liquidation_hour d ON d.market_id = z.market_id AND d.hour_id = z.hour_id;

CREATE VIEW v_funding_hourly AS
SELECT to_char(to_timestamp((z.hour_id * 3600000) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS time, z.hour_id * 3600000 AS ts_ms, z.hour_id, n.chain, n.venue, n.venue_group, n.market, n.symbol, n.asset, CAST(f.cost_long_1h_e12 AS DOUBLE PRECISION) / 1e12 AS cost_long_1h, CAST(f.cost_short_1h_e12 AS DOUBLE PRECISION) / 1e12 AS cost_short_1h,
  CAST(f.cost_long_1h_e12 AS DOUBLE PRECISION) / 125e9 AS rate_8h, CAST(f.cost_long_1h_e12 AS DOUBLE PRECISION) * 8760 / 1e12 AS apr,
  CAST(f.covered_ms AS DOUBLE PRECISION) / 36e5 AS rate_coverage, CAST(b.cost_long_1h_e12 AS DOUBLE PRECISION) / 1e12 AS borrow_long_1h, CAST(b.cost_short_1h_e12 AS DOUBLE PRECISION) / 1e12 AS borrow_short_1h,
  -- No book and no house market maker lends: there the holder pays funding alone.
  CAST((f.cost_long_1h_e12 + CASE WHEN n.model IN ('book', 'amm') THEN COALESCE(b.cost_long_1h_e12, 0) ELSE b.cost_long_1h_e12 END) AS DOUBLE PRECISION) / 1e12 AS holder_cost_long_1h, CAST((f.cost_short_1h_e12 + CASE WHEN n.model IN ('book', 'amm') THEN COALESCE(b.cost_short_1h_e12, 0) ELSE b.cost_short_1h_e12 END) AS DOUBLE PRECISION) / 1e12 AS holder_cost_short_1h,
  CAST((f.cost_long_1h_e12 + CASE WHEN n.model IN ('book', 'amm') THEN COALESCE(b.cost_long_1h_e12, 0) ELSE b.cost_long_1h_e12 END) AS DOUBLE PRECISION) / 125e9 AS holder_cost_long_8h, CAST((f.cost_short_1h_e12 + CASE WHEN n.model IN ('book', 'amm') THEN COALESCE(b.cost_short_1h_e12, 0) ELSE b.cost_short_1h_e12 END) AS DOUBLE PRECISION) / 125e9 AS holder_cost_short_8h,
  CAST((f.cost_long_1h_e12 + CASE WHEN n.model IN ('book', 'amm') THEN COALESCE(b.cost_long_1h_e12, 0) ELSE b.cost_long_1h_e12 END) AS DOUBLE PRECISION) * 8760 / 1e12 AS holder_cost_long_apr, CAST((f.cost_short_1h_e12 + CASE WHEN n.model IN ('book', 'amm') THEN COALESCE(b.cost_short_1h_e12, 0) ELSE b.cost_short_1h_e12 END) AS DOUBLE PRECISION) * 8760 / 1e12 AS holder_cost_short_apr,
  CAST(z.received AS DOUBLE PRECISION) / 1e6 AS funding_received_usd, CAST(z.charged AS DOUBLE PRECISION) / 1e6 AS funding_charged_usd, CAST(z.borrow AS DOUBLE PRECISION) / 1e6 AS borrow_charged_usd, CAST(z.funding_ppm AS DOUBLE PRECISION) / 1e6 AS coverage
FROM h_hour_sums z JOIN h_names n ON n.market_id = z.market_id
LEFT JOIN funding_hour f ON f.market_id = z.market_id AND f.hour_id = z.hour_id AND f.kind = 'funding'
LEFT JOIN funding_hour b ON b.market_id = z.market_id AND b.hour_id = z.hour_id AND b.kind = 'borrow';

CREATE VIEW v_funding_oi_weighted_hourly AS
SELECT to_char(to_timestamp((f.hour_id * 3600000) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS time, f.hour_id * 3600000 AS ts_ms, f.hour_id, a.symbol AS asset, CAST(f.num AS DOUBLE PRECISION) / NULLIF(f.den, 0) / 1000 AS rate_1h, CAST(f.den AS DOUBLE PRECISION) / 1e6 AS weight_usd, f.markets,
  CAST(f.den AS DOUBLE PRECISION) / NULLIF(o.oi, 0) AS oi_covered_share
FROM (SELECT h.hour_id, m.asset_id, CAST(SUM(h.weighted_usd_e9) AS BIGINT) AS num, CAST(SUM(h.weight_usd_e6) AS BIGINT) AS den, COUNT(*) AS markets
  FROM funding_hour h JOIN markets m ON m.market_id = h.market_id WHERE h.kind = 'funding' AND h.weight_usd_e6 IS NOT NULL AND h.weighted_usd_e9 IS NOT NULL
  GROUP BY h.hour_id, m.asset_id) f JOIN assets a ON a.asset_id = f.asset_id
LEFT JOIN (SELECT k.hour_id, m.asset_id, CAST(SUM(k.one_mark_usd_e6) AS BIGINT) AS oi FROM market_hour k JOIN markets m ON m.market_id = k.market_id
  GROUP BY k.hour_id, m.asset_id) o ON o.asset_id = f.asset_id AND o.hour_id = f.hour_id;


-- One venue, asset and day: NULL where a market of it is not known.
CREATE VIEW h_venue_asset_day AS
SELECT m.venue_id, m.asset_id, d.day_id, COUNT(*) AS markets, CASE WHEN COUNT(d.volume_usd_e6) = COUNT(*) THEN CAST(SUM(d.volume_usd_e6) AS BIGINT) END AS volume_usd_e6,
  CASE WHEN COUNT(d.volume_usd_e6) = COUNT(*) THEN CAST(SUM(d.volume_usd_e6 - d.liq_volume_usd_e6 - d.adl_volume_usd_e6) AS BIGINT) END AS organic_usd_e6,
  CASE WHEN COUNT(d.liq_long_usd_e6) = COUNT(*) THEN CAST(SUM(d.liq_long_usd_e6 + d.liq_short_usd_e6) AS BIGINT) END AS liq_usd_e6,
  CASE WHEN COUNT(d.oi_one_usd_e6) = COUNT(*) THEN CAST(SUM(d.oi_one_usd_e6) AS BIGINT) END AS oi_one_usd_e6,
  CASE WHEN COUNT(d.oi_before_usd_e6) = COUNT(*) AND COUNT(d.oi_one_usd_e6) = COUNT(*) THEN CAST(SUM(d.oi_before_usd_e6) AS BIGINT) END AS oi_before_usd_e6,
  CASE WHEN COUNT(d.oi_quantity_usd_e6) = COUNT(*) THEN CAST(SUM(d.oi_quantity_usd_e6) AS BIGINT) END AS oi_quantity_usd_e6,
  CASE WHEN COUNT(d.oi_price_usd_e6) = COUNT(*) THEN CAST(SUM(d.oi_price_usd_e6) AS BIGINT) END AS oi_price_usd_e6
FROM market_day d JOIN markets m ON m.market_id = d.market_id GROUP BY m.venue_id, m.asset_id, d.day_id;

CREATE VIEW v_oi_volume_ratio_daily AS
SELECT to_char(to_timestamp((d.day_id * 86400000) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS time, d.day_id * 86400000 AS ts_ms, d.day_id, v.slug AS venue, v.venue_group, a.symbol AS asset, CAST(d.oi_one_usd_e6 AS DOUBLE PRECISION) / 1e6 AS oi_one_usd, CAST(d.volume_usd_e6 AS DOUBLE PRECISION) / 1e6 AS volume_usd,
  CAST(d.organic_usd_e6 AS DOUBLE PRECISION) / 1e6 AS organic_usd, CAST(d.oi_one_usd_e6 AS DOUBLE PRECISION) / NULLIF(d.volume_usd_e6, 0) AS oi_over_volume, CAST(d.volume_usd_e6 AS DOUBLE PRECISION) / NULLIF(d.oi_one_usd_e6, 0) AS turnover
FROM h_venue_asset_day d JOIN venues v ON v.venue_id = d.venue_id JOIN assets a ON a.asset_id = d.asset_id;

CREATE VIEW v_chain_breakdown_daily AS
SELECT to_char(to_timestamp((x.day_id * 86400000) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS time, x.day_id * 86400000 AS ts_ms, x.day_id, v.slug AS venue, v.venue_group, c.slug AS chain, CAST(x.vol AS DOUBLE PRECISION) / 1e6 AS volume_usd, CAST(x.oi AS DOUBLE PRECISION) / 1e6 AS oi_one_usd, CAST(x.liq AS DOUBLE PRECISION) / 1e6 AS liq_usd, CAST(x.fees AS DOUBLE PRECISION) / 1e6 AS fees_usd, CAST(x.flow_in AS DOUBLE PRECISION) / 1e6 AS deposits_usd, CAST(x.flow_out AS DOUBLE PRECISION) / 1e6 AS withdrawals_usd, CAST(x.flow_in - x.flow_out AS DOUBLE PRECISION) / 1e6 AS net_flow_usd,
  CAST(x.vol AS DOUBLE PRECISION) / NULLIF(CAST(SUM(x.vol) OVER w AS BIGINT), 0) AS chain_share_volume, CAST(x.oi AS DOUBLE PRECISION) / NULLIF(CAST(SUM(x.oi) OVER w AS BIGINT), 0) AS chain_share_oi
FROM (SELECT y.day_id, y.venue_id, y.chain_id, CAST(SUM(y.vol) AS BIGINT) AS vol, CAST(SUM(y.oi) AS BIGINT) AS oi, CAST(SUM(y.liq) AS BIGINT) AS liq, CAST(SUM(y.fees) AS BIGINT) AS fees, CAST(SUM(y.flow_in) AS BIGINT) AS flow_in, CAST(SUM(y.flow_out) AS BIGINT) AS flow_out
  FROM (SELECT d.day_id, m.venue_id, m.chain_id, CASE WHEN COUNT(d.volume_usd_e6) = COUNT(*) THEN CAST(SUM(d.volume_usd_e6) AS BIGINT) END AS vol, CASE WHEN COUNT(d.oi_one_usd_e6) = COUNT(*) THEN CAST(SUM(d.oi_one_usd_e6) AS BIGINT) END AS oi,
      CASE WHEN COUNT(d.liq_long_usd_e6) = COUNT(*) THEN CAST(SUM(d.liq_long_usd_e6 + d.liq_short_usd_e6) AS BIGINT) END AS liq, CASE WHEN COUNT(d.fees_usd_e6) = COUNT(*) THEN CAST(SUM(d.fees_usd_e6) AS BIGINT) END AS fees,
      CAST(NULL AS BIGINT) AS flow_in, CAST(NULL AS BIGINT) AS flow_out
    FROM market_day d JOIN markets m ON m.market_id = d.market_id GROUP BY d.day_id, m.venue_id, m.chain_id
    UNION ALL SELECT h.hour_id / 24, h.venue_id, h.chain_id, NULL, NULL, NULL, NULL, CAST(SUM(h.deposits_usd_e6) AS BIGINT), CAST(SUM(h.withdrawals_usd_e6) AS BIGINT)
    FROM collateral_flow_hour h WHERE h.scope IN ('margin', 'pool') GROUP BY h.hour_id / 24, h.venue_id, h.chain_id) y
  GROUP BY y.day_id, y.venue_id, y.chain_id) x
JOIN venues v ON v.venue_id = x.venue_id JOIN chains c ON c.chain_id = x.chain_id WINDOW w AS (PARTITION BY x.day_id, x.venue_id);


CREATE VIEW v_oi_change_daily AS
SELECT to_char(to_timestamp((d.day_id * 86400000) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS time, d.day_id * 86400000 AS ts_ms, d.day_id, v.slug AS venue, v.venue_group, a.symbol AS asset, CAST(d.oi_before_usd_e6 AS DOUBLE PRECISION) / 1e6 AS oi_before_usd, CAST(d.oi_one_usd_e6 AS DOUBLE PRECISION) / 1e6 AS oi_one_usd,
  CAST(d.oi_one_usd_e6 - d.oi_before_usd_e6 AS DOUBLE PRECISION) / 1e6 AS change_usd, CAST(d.oi_one_usd_e6 - d.oi_before_usd_e6 AS DOUBLE PRECISION) * 100 / NULLIF(d.oi_before_usd_e6, 0) AS change_pct,
  CAST(d.oi_quantity_usd_e6 AS DOUBLE PRECISION) / 1e6 AS quantity_part_usd, CAST(d.oi_price_usd_e6 AS DOUBLE PRECISION) / 1e6 AS price_part_usd
FROM h_venue_asset_day d JOIN venues v ON v.venue_id = d.venue_id JOIN assets a ON a.asset_id = d.asset_id;

CREATE VIEW v_net_flows_daily AS
SELECT to_char(to_timestamp((f.day_id * 86400000) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS time, f.day_id * 86400000 AS ts_ms, f.day_id, s.chain, s.venue, s.venue_group, f.token, t.symbol AS token_symbol, f.scope, f.deposits, f.withdrawals,
  CAST(f.deposits_usd_e6 AS DOUBLE PRECISION) / 1e6 AS deposits_usd, CAST(f.withdrawals_usd_e6 AS DOUBLE PRECISION) / 1e6 AS withdrawals_usd, CAST(f.deposits_usd_e6 - f.withdrawals_usd_e6 AS DOUBLE PRECISION) / 1e6 AS net_usd
FROM (SELECT venue_id, chain_id, token, scope, hour_id / 24 AS day_id, CAST(SUM(deposits) AS BIGINT) AS deposits, CAST(SUM(withdrawals) AS BIGINT) AS withdrawals,
    CAST(SUM(deposits_usd_e6) AS BIGINT) AS deposits_usd_e6, CAST(SUM(withdrawals_usd_e6) AS BIGINT) AS withdrawals_usd_e6
  FROM collateral_flow_hour GROUP BY venue_id, chain_id, token, scope, hour_id / 24) f JOIN h_streams s ON s.chain_id = f.chain_id AND s.venue_id = f.venue_id
LEFT JOIN tokens t ON t.chain_id = f.chain_id AND t.address = f.token;

CREATE VIEW v_liquidation_zones AS
SELECT to_char(to_timestamp((z.day_id * 86400000) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS time, z.day_id * 86400000 AS ts_ms, z.day_id, n.chain, n.venue, n.venue_group, n.market, n.symbol, n.asset, z.side, z.zone, z.price_from_f AS price_from, z.price_to_f AS price_to, z.rows AS liq_rows, CAST(z.usd_e6 AS DOUBLE PRECISION) / 1e6 AS liq_usd
FROM liq_zone_day z JOIN h_names n ON n.market_id = z.market_id;


-- What is known, and what is not; coverage and gaps stand in 0003_verify.sql.
CREATE VIEW v_reorgs AS
SELECT to_char(to_timestamp((r.detected_ms) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS time, r.detected_ms AS ts_ms, c.slug AS chain, r.fork_height, r.conflict_height, r.depth, r.old_hash, r.new_hash, r.records_removed
FROM reorgs r JOIN chains c ON c.chain_id = r.chain_id;

CREATE VIEW v_decode_failures AS
SELECT s.chain, s.venue, s.venue_group, f.height, f.rec, f.part, f.kind, f.error, f.version, e.ts_ms, e.emitter, e.tx_id, e.payload, f.text
FROM decode_failures f JOIN h_streams s ON s.chain_id = f.chain_id AND s.venue_id = f.venue_id LEFT JOIN raw_events e ON e.chain_id = f.chain_id AND e.height = f.height AND e.rec = f.rec;

CREATE VIEW v_unresolved AS
SELECT to_char(to_timestamp((u.ts_ms) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS time, u.ts_ms, s.chain, s.venue, s.venue_group, u.target, u.event, u.account, u.position_key, m.market_key AS market, u.height,
  s.chain || '/' || u.height || '/' || u.rec || '/' || u.sub AS event_key, u.body
FROM unresolved u JOIN h_streams s ON s.chain_id = u.chain_id AND s.venue_id = u.venue_id LEFT JOIN markets m ON m.market_id = u.market_id;

CREATE VIEW v_reduce_failures AS
SELECT to_char(to_timestamp((f.hour_id * 3600000) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS time, f.hour_id * 3600000 AS ts_ms, f.hour_id, n.chain, n.venue, n.venue_group, n.market, n.symbol, n.asset, f.column_name, f.error
FROM reduce_failures f JOIN h_names n ON n.market_id = f.market_id;
