-- A store of {rows} fills over {days} days, the same text on both engines: statements divided by empty lines.
-- 40 markets of 4 venues and 20 assets; fills in the order of time, one liquidation in 50 of them, one payment in 5;
-- payments, prices and raw records of one height in {thin}.

CREATE TABLE plan_low (n BIGINT PRIMARY KEY);

CREATE TABLE plan_high (n BIGINT PRIMARY KEY);

CREATE TABLE plan_hours (n BIGINT PRIMARY KEY);

INSERT INTO plan_low WITH RECURSIVE r (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM r WHERE n < 999) SELECT n FROM r;

INSERT INTO plan_high WITH RECURSIVE r (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM r WHERE n < {rows} / 1000 - 1) SELECT n FROM r;

INSERT INTO plan_hours WITH RECURSIVE r (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM r WHERE n < {days} * 24 - 1) SELECT n FROM r;

INSERT INTO assets (asset_id, symbol, class, qty_scale, qty_unit) SELECT n + 1, 'PLAN' || n, 'crypto', 4, 10000 FROM plan_low WHERE n < 20;

INSERT INTO markets (market_id, venue_id, chain_id, market_key, symbol, asset_id, multiplier, mapped, quote, collateral_tokens, oi_basis, volume_basis, first_height, first_ms)
SELECT n + 1, CASE n % 4 WHEN 0 THEN 1 WHEN 1 THEN 5 WHEN 2 THEN 26 ELSE 20 END, CASE n % 4 WHEN 0 THEN 42161 WHEN 1 THEN 56 WHEN 2 THEN 900002 ELSE 900001 END,
  'plan' || n, 'PLAN' || n, n % 20 + 1, 1, 1, 'USD', '', 'qty', 'exec', 1, 1728000000000 FROM plan_low WHERE n < 40;

INSERT INTO fills (chain_id, height, rec, sub, ord, market_id, ts_ms, tx_id, account, position_key, position_side, trade_key, is_taker, taker_dir, in_volume, forced, side, action, qty_q, qty_native, native_decimals, price, price_f, exec_notional_usd_e6, notional_usd_e6, volume_basis, long_delta_q, short_delta_q, long_delta_native, short_delta_native)
SELECT CASE i % 4 WHEN 0 THEN 42161 WHEN 1 THEN 56 WHEN 2 THEN 900002 ELSE 900001 END, i / 40, i % 40, 0, i % 40, i % 40 + 1, 1728000000000 + i * {step_ms},
  '0x' || i, 'account' || (i % 5000), 'p' || (i % 5000), NULL, 'k' || i, i % 2, CASE WHEN i % 2 = 1 THEN 1 END, 1, CASE WHEN i % 50 = 1 THEN 'liq' ELSE 'none' END, 'buy', 'open',
  10000, 100, 2, '100', 100.0, 100000000, 100000000, 'exec', 10000, 0, 100, 0
FROM (SELECT h.n * 1000 + l.n AS i FROM plan_high h CROSS JOIN plan_low l) x;

INSERT INTO liquidations (chain_id, height, rec, sub, market_id, ts_ms, tx_id, account, position_key, side, kind, trade_key, in_volume, qty_q, price, price_f, exec_notional_usd_e6, notional_usd_e6)
SELECT chain_id, height, rec, sub, market_id, ts_ms, tx_id, account, position_key, 'long', 'market', trade_key, 1, qty_q, price, price_f, exec_notional_usd_e6, notional_usd_e6 FROM fills WHERE forced = 'liq';

INSERT INTO funding_payments (chain_id, height, rec, sub, market_id, ts_ms, hour_id, tx_id, account, position_key, kind, amount_usd_e6, amount_native, token)
SELECT chain_id, height, rec, 1, market_id, ts_ms, ts_ms / 3600000, tx_id, account, position_key, 'funding', 1, 1, 'USDC' FROM fills WHERE rec % 5 = 0 AND height % {thin} = 0;

INSERT INTO raw_events (chain_id, height, rec, ord, venue_id, part, version, tx_id, ts_ms, kind, emitter, payload)
SELECT f.chain_id, f.height, f.rec, f.ord, m.venue_id, '', 1, f.tx_id, f.ts_ms, 'evm_log', '0xplan', {payload} FROM fills f JOIN markets m ON m.market_id = f.market_id WHERE f.rec % 4 = 0 AND f.height % {thin} = 0;

INSERT INTO decode_failures (chain_id, height, rec, part, venue_id, version, kind, error) SELECT chain_id, height, rec, '', venue_id, 1, 'malformed', 'plan' FROM raw_events WHERE height % 1000 = 0;

INSERT INTO funding_rates (chain_id, height, rec, sub, ord, market_id, kind, start_ms, end_ms, cost_long_1h_e12, cost_short_1h_e12)
SELECT m.chain_id, h.n, m.market_id, 2, 0, m.market_id, 'funding', 1728000000000 + h.n * 3600000, 1728003600000 + h.n * 3600000, 12500000, -12500000 FROM plan_hours h CROSS JOIN markets m;

INSERT INTO prices (chain_id, height, rec, sub, ord, market_id, ts_ms, kind, price, price_f)
SELECT chain_id, height, rec, 3, ord, market_id, ts_ms, 'mark', price, price_f FROM fills WHERE rec % 8 = 0 AND height % {thin} = 0;

INSERT INTO collateral_flow_hour (venue_id, chain_id, token, scope, hour_id, deposits, withdrawals, deposits_native, withdrawals_native, deposits_f, withdrawals_f, deposits_usd_e6, withdrawals_usd_e6)
SELECT m.venue_id, m.chain_id, 'T' || m.market_id, 'margin', 480000 + h.n, 1, 1, 1, 1, 1.0, 1.0, 1, 1 FROM plan_hours h CROSS JOIN markets m;

INSERT INTO market_hour (market_id, hour_id, fills_ppm, funding_ppm, long_q, short_q, mark, mark_f, mark_source, mark_age_ms, long_mark_usd_e6, short_mark_usd_e6, one_mark_usd_e6)
SELECT m.market_id, 480000 + h.n, 1000000, 1000000, 10000, 10000, '100', 100.0, 'mark', 0, 100000000, 100000000, 100000000 FROM plan_hours h CROSS JOIN markets m;

INSERT INTO agg_market_hour (market_id, hour_id, rows, trades, volume_usd_e6, exec_volume_usd_e6, taker_buy_usd_e6, taker_sell_usd_e6, closing_legs_usd_e6, liq_volume_usd_e6, adl_volume_usd_e6, liq_rows, liq_long_usd_e6, liq_short_usd_e6, adl_rows, adl_usd_e6, long_delta_q, short_delta_q, long_delta_usd_e6, short_delta_usd_e6, fees_usd_e6, fees_unpriced, funding_received_usd_e6, funding_charged_usd_e6, borrow_charged_usd_e6)
SELECT market_id, hour_id, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM market_hour;

INSERT INTO liq_minute (market_id, minute_id, side, rows, usd_e6) SELECT market_id, hour_id * 60, 'long', 1, 1 FROM market_hour;

INSERT INTO funding_hour (market_id, hour_id, kind, cost_long_1h_e12, cost_short_1h_e12, covered_ms, weight_usd_e6, weighted_usd_e9)
SELECT market_id, hour_id, 'funding', 12500000, -12500000, 3600000, 100000000, 1250000 FROM market_hour;

INSERT INTO market_day (market_id, day_id, hours, trades, volume_usd_e6, exec_volume_usd_e6, liq_volume_usd_e6, adl_volume_usd_e6, liq_rows, liq_long_usd_e6, liq_short_usd_e6, adl_usd_e6, fees_usd_e6, oi_one_usd_e6, oi_before_usd_e6, oi_quantity_usd_e6, oi_price_usd_e6)
SELECT market_id, hour_id / 24, 24, 1, 1000000, 1000000, 0, 0, 1, 1, 0, 0, 0, 100000000, 100000000, 0, 0 FROM market_hour WHERE hour_id % 24 = 0;

INSERT INTO liquidation_hour (market_id, hour_id, orders, accounts, largest_usd_e6, largest_height, largest_rec, largest_sub, max_minute_id, max_minute_usd_e6)
SELECT market_id, hour_id, 1, 1, 1, 1, 1, 0, hour_id * 60, 1 FROM market_hour;

INSERT INTO asset_hour (asset_id, venue_id, hour_id, venue_list, is_closed, gross_q, oi_one_usd_e6, volume_usd_e6)
SELECT m.asset_id, m.venue_id, k.hour_id, '', 1, 20000, 100000000, 1000000 FROM market_hour k JOIN markets m ON m.market_id = k.market_id WHERE m.market_id <= 20;

INSERT INTO price_divergence (market_id, hour_id, mark_f, median, median_f, divergence_ppm, venues) SELECT market_id, hour_id, 100.0, '100', 100.0, 0, 3 FROM market_hour;

INSERT INTO funding_extremes (market_id, hour_id, rate_1h_e12, z_e6, rank_ppm, points, is_extreme) SELECT market_id, hour_id, 12500000, 0, 500000, 720, 0 FROM market_hour;

ANALYZE
