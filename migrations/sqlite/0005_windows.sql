-- Windows over hours and minutes, and the views on them. Recomputed where what they read has changed; data up to the moment
-- a row speaks of, never later. asset_id 0 stands for all assets, venue_id 0 for all venues.

-- Hours of an asset whose windows must be made anew.
CREATE TABLE dirty_assets (
  asset_id INTEGER PRIMARY KEY,
  from_hour INTEGER NOT NULL,
  to_hour INTEGER NOT NULL
) STRICT;
-- Thresholds of windows; asset '*': all that have no row of their own. After a change: perpdex reduce --rebuild.
CREATE TABLE reduce_params (
  name TEXT NOT NULL,
  asset TEXT NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY (name, asset)
) WITHOUT ROWID, STRICT;
INSERT INTO reduce_params (name, asset, value) VALUES
  ('cascade_floor_usd', '*', 50000), ('cascade_floor_usd', 'BTC', 250000), ('cascade_floor_usd', 'ETH', 250000),
  ('cascade_baseline_minutes', '*', 1440), ('cascade_baseline_percentile', '*', 99), ('cascade_baseline_factor', '*', 3),
  ('cascade_gap_minutes', '*', 5), ('cascade_keep_floors', '*', 10), ('cascade_keep_bursts', '*', 3), ('cascade_venue_ppm', '*', 50000),
  ('extremes_hours', '*', 720), ('extremes_points_min', '*', 168), ('extremes_z_e6', '*', 3000000), ('extremes_rank_ppm', '*', 10000),
  ('signal_hours', '*', 24), ('signal_oi_ppm', '*', 100000), ('signal_rank_ppm', '*', 900000), ('signal_liq_percentile', '*', 99),
  ('signal_flip_hours', '*', 3), ('signal_price_ppm', '*', 10000), ('signal_divergent_oi_ppm', '*', 10000), ('signal_call_ppm', '*', 650000);

-- One asset, venue and hour: open interest and price at its end. NULL where a market of the venue is not known; over all
-- venues: sums of those that are known.
CREATE TABLE asset_hour (
  asset_id INTEGER NOT NULL,
  venue_id INTEGER NOT NULL,
  hour_id INTEGER NOT NULL,
  venue_list TEXT NOT NULL,
  is_closed INTEGER NOT NULL CHECK (is_closed IN (0,1)),
  gross_q INTEGER,
  oi_one_usd_e6 INTEGER,
  volume_usd_e6 INTEGER,
  liq_long_usd_e6 INTEGER,
  liq_short_usd_e6 INTEGER,
  rate_1h_e12 INTEGER,
  rate_weight_usd_e6 INTEGER,
  mark TEXT,
  mark_f REAL,
  PRIMARY KEY (asset_id, venue_id, hour_id)
) WITHOUT ROWID, STRICT;
CREATE INDEX asset_hour_hour ON asset_hour (hour_id);
-- The median of an asset's marks over venues, in hours in which one of its markets has no price of its own.
CREATE TABLE asset_mark (
  asset_id INTEGER NOT NULL,
  hour_id INTEGER NOT NULL,
  mark TEXT NOT NULL,
  mark_f REAL NOT NULL,
  age_ms INTEGER NOT NULL,
  venues INTEGER NOT NULL,
  PRIMARY KEY (asset_id, hour_id)
) WITHOUT ROWID, STRICT;
CREATE TABLE price_divergence (
  market_id INTEGER NOT NULL,
  hour_id INTEGER NOT NULL,
  mark_f REAL NOT NULL,
  median TEXT NOT NULL,
  median_f REAL NOT NULL,
  divergence_ppm INTEGER NOT NULL,
  venues INTEGER NOT NULL,
  PRIMARY KEY (market_id, hour_id)
) WITHOUT ROWID, STRICT;
CREATE INDEX price_divergence_hour ON price_divergence (hour_id);
-- known_ppm: of fifo, the share of what was closed whose opening is known. mean_ms NULL: reason says why.
CREATE TABLE holding_time_day (
  venue_id INTEGER NOT NULL,
  asset_id INTEGER NOT NULL,
  day_id INTEGER NOT NULL,
  method TEXT NOT NULL CHECK (method IN ('little','turnover','fifo','fifo_liquidation','fifo_adl')),
  mean_ms INTEGER,
  known_ppm INTEGER,
  reason TEXT,
  PRIMARY KEY (venue_id, asset_id, day_id, method)
) WITHOUT ROWID, STRICT;
CREATE INDEX holding_time_day_day ON holding_time_day (day_id);
CREATE TABLE concentration_day (
  asset_id INTEGER NOT NULL,
  day_id INTEGER NOT NULL,
  basis TEXT NOT NULL CHECK (basis IN ('oi_one','volume')),
  total_usd_e6 INTEGER NOT NULL,
  hhi_e6 INTEGER NOT NULL,
  effective_venues_e6 INTEGER NOT NULL,
  venues INTEGER NOT NULL,
  venue_list TEXT NOT NULL,
  PRIMARY KEY (asset_id, day_id, basis)
) WITHOUT ROWID, STRICT;
CREATE INDEX concentration_day_day ON concentration_day (day_id);
CREATE TABLE funding_extremes (
  market_id INTEGER NOT NULL,
  hour_id INTEGER NOT NULL,
  rate_1h_e12 INTEGER NOT NULL,
  z_e6 INTEGER,
  rank_ppm INTEGER NOT NULL,
  points INTEGER NOT NULL,
  is_extreme INTEGER NOT NULL CHECK (is_extreme IN (0,1)),
  PRIMARY KEY (market_id, hour_id)
) WITHOUT ROWID, STRICT;
CREATE INDEX funding_extremes_hour ON funding_extremes (hour_id);
CREATE TABLE cascades (
  asset_id INTEGER NOT NULL,
  side TEXT NOT NULL CHECK (side IN ('long','short','both')),
  start_ms INTEGER NOT NULL,
  end_ms INTEGER NOT NULL,
  usd_e6 INTEGER NOT NULL,
  long_usd_e6 INTEGER NOT NULL,
  burst_minutes INTEGER NOT NULL,
  peak_minute_id INTEGER NOT NULL,
  peak_minute_usd_e6 INTEGER NOT NULL,
  price_move_ppm INTEGER,
  oi_destroyed_usd_e6 INTEGER,
  venues INTEGER NOT NULL,
  first_venue_id INTEGER NOT NULL,
  cross_venue INTEGER NOT NULL CHECK (cross_venue IN (0,1)),
  coverage_ppm INTEGER NOT NULL,
  params TEXT NOT NULL,
  PRIMARY KEY (asset_id, side, start_ms)
) WITHOUT ROWID, STRICT;
CREATE INDEX cascades_start ON cascades (start_ms);
-- A venue's part in a cascade, from its first liquidation on.
CREATE TABLE cascade_venues (
  asset_id INTEGER NOT NULL,
  side TEXT NOT NULL CHECK (side IN ('long','short','both')),
  start_ms INTEGER NOT NULL,
  venue_id INTEGER NOT NULL,
  first_ms INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  usd_e6 INTEGER NOT NULL,
  share_ppm INTEGER NOT NULL,
  price_move_ppm INTEGER,
  oi_destroyed_usd_e6 INTEGER,
  PRIMARY KEY (asset_id, side, start_ms, venue_id)
) WITHOUT ROWID, STRICT;
CREATE TABLE signals (
  name TEXT NOT NULL,
  asset_id INTEGER NOT NULL,
  venue_id INTEGER NOT NULL,
  hour_id INTEGER NOT NULL,
  window_hours INTEGER NOT NULL,
  value_e6 INTEGER NOT NULL,
  threshold_e6 INTEGER NOT NULL,
  inputs TEXT NOT NULL,
  venue_list TEXT NOT NULL,
  PRIMARY KEY (name, asset_id, venue_id, hour_id)
) WITHOUT ROWID, STRICT;
CREATE INDEX signals_hour ON signals (hour_id);

CREATE VIEW v_venue_share_daily AS
SELECT strftime('%Y-%m-%dT%H:%M:%SZ', (x.day_id * 86400000) / 1000, 'unixepoch') AS time, x.day_id * 86400000 AS ts_ms, x.day_id, v.slug AS venue, v.venue_group, COALESCE(a.symbol, 'ALL') AS asset, CAST(x.oi AS REAL) / 1e6 AS oi_one_usd,
  CAST(x.oi AS REAL) / NULLIF(CAST(SUM(x.oi) OVER w AS INTEGER), 0) AS oi_share, o.venue_list AS oi_venue_list, CAST(x.vol AS REAL) / 1e6 AS volume_usd, CAST(x.vol AS REAL) / NULLIF(CAST(SUM(x.vol) OVER w AS INTEGER), 0) AS volume_share, t.venue_list AS volume_venue_list
FROM (SELECT day_id, venue_id, asset_id, oi_one_usd_e6 AS oi, volume_usd_e6 AS vol FROM h_venue_asset_day
  UNION ALL SELECT day_id, venue_id, 0, CASE WHEN COUNT(oi_one_usd_e6) = COUNT(*) THEN CAST(SUM(oi_one_usd_e6) AS INTEGER) END AS oi, CASE WHEN COUNT(volume_usd_e6) = COUNT(*) THEN CAST(SUM(volume_usd_e6) AS INTEGER) END AS vol FROM h_venue_asset_day GROUP BY day_id, venue_id) x
JOIN venues v ON v.venue_id = x.venue_id LEFT JOIN assets a ON a.asset_id = x.asset_id
LEFT JOIN concentration_day o ON o.asset_id = x.asset_id AND o.day_id = x.day_id AND o.basis = 'oi_one'
LEFT JOIN concentration_day t ON t.asset_id = x.asset_id AND t.day_id = x.day_id AND t.basis = 'volume' WINDOW w AS (PARTITION BY x.day_id, x.asset_id);

CREATE VIEW v_asset_hourly AS
SELECT strftime('%Y-%m-%dT%H:%M:%SZ', (h.hour_id * 3600000) / 1000, 'unixepoch') AS time, h.hour_id * 3600000 AS ts_ms, h.hour_id, a.symbol AS asset, COALESCE(v.slug, 'ALL') AS venue, h.venue_list, CAST(h.gross_q AS REAL) / a.qty_unit AS oi_gross, CAST(h.gross_q AS REAL) / a.qty_unit / 2 AS oi_one,
  CAST(h.oi_one_usd_e6 AS REAL) / 1e6 AS oi_one_usd, CAST(h.volume_usd_e6 AS REAL) / 1e6 AS volume_usd, CAST(h.liq_long_usd_e6 + h.liq_short_usd_e6 AS REAL) / 1e6 AS liq_usd, CAST(h.liq_long_usd_e6 AS REAL) / 1e6 AS liq_long_usd,
  CAST(h.liq_short_usd_e6 AS REAL) / 1e6 AS liq_short_usd, CAST(h.rate_1h_e12 AS REAL) / 1e12 AS rate_1h, CAST(h.rate_weight_usd_e6 AS REAL) / 1e6 AS weight_usd, h.mark_f AS mark_price, h.is_closed
FROM asset_hour h JOIN assets a ON a.asset_id = h.asset_id LEFT JOIN venues v ON v.venue_id = h.venue_id;

CREATE VIEW v_price_divergence AS
SELECT strftime('%Y-%m-%dT%H:%M:%SZ', (z.hour_id * 3600000) / 1000, 'unixepoch') AS time, z.hour_id * 3600000 AS ts_ms, z.hour_id, n.chain, n.venue, n.venue_group, n.market, n.symbol, n.asset, z.mark_f AS mark_price, z.median_f AS median_price, CAST(z.divergence_ppm AS REAL) / 1e4 AS divergence_pct, z.venues
FROM price_divergence z JOIN h_names n ON n.market_id = z.market_id;

CREATE VIEW v_holding_time_daily AS
SELECT strftime('%Y-%m-%dT%H:%M:%SZ', (d.day_id * 86400000) / 1000, 'unixepoch') AS time, d.day_id * 86400000 AS ts_ms, d.day_id, v.slug AS venue, v.venue_group, a.symbol AS asset, d.method, CAST(d.mean_ms AS REAL) / 36e5 AS mean_hours, CAST(d.known_ppm AS REAL) / 1e6 AS known_share, d.reason
FROM holding_time_day d JOIN venues v ON v.venue_id = d.venue_id JOIN assets a ON a.asset_id = d.asset_id;

CREATE VIEW v_concentration_daily AS
SELECT strftime('%Y-%m-%dT%H:%M:%SZ', (d.day_id * 86400000) / 1000, 'unixepoch') AS time, d.day_id * 86400000 AS ts_ms, d.day_id, COALESCE(a.symbol, 'ALL') AS asset, d.basis, CAST(d.total_usd_e6 AS REAL) / 1e6 AS total_usd, CAST(d.hhi_e6 AS REAL) / 1e6 AS hhi,
  CAST(d.effective_venues_e6 AS REAL) / 1e6 AS effective_venues, d.venues, d.venue_list
FROM concentration_day d LEFT JOIN assets a ON a.asset_id = d.asset_id;

CREATE VIEW v_funding_extremes AS
SELECT strftime('%Y-%m-%dT%H:%M:%SZ', (z.hour_id * 3600000) / 1000, 'unixepoch') AS time, z.hour_id * 3600000 AS ts_ms, z.hour_id, n.chain, n.venue, n.venue_group, n.market, n.symbol, n.asset, CAST(z.rate_1h_e12 AS REAL) / 1e12 AS rate_1h, CAST(z.z_e6 AS REAL) / 1e6 AS z, CAST(z.rank_ppm AS REAL) / 1e6 AS rank, z.points, z.is_extreme
FROM funding_extremes z JOIN h_names n ON n.market_id = z.market_id;

CREATE VIEW v_cascades AS
SELECT strftime('%Y-%m-%dT%H:%M:%SZ', (d.start_ms) / 1000, 'unixepoch') AS time, d.start_ms AS ts_ms, d.start_ms / 3600000 AS hour_id, d.end_ms, a.symbol AS asset, d.side, CAST(d.usd_e6 AS REAL) / 1e6 AS liq_usd, CAST(d.long_usd_e6 AS REAL) / NULLIF(d.usd_e6, 0) AS long_share,
  d.burst_minutes, d.peak_minute_id * 60000 AS peak_minute_ms, CAST(d.peak_minute_usd_e6 AS REAL) / 1e6 AS peak_minute_usd,
  CAST(d.usd_e6 AS REAL) / NULLIF((SELECT CAST(SUM(CASE WHEN d.side = 'short' THEN 0 ELSE g.liq_long_usd_e6 END + CASE WHEN d.side = 'long' THEN 0 ELSE g.liq_short_usd_e6 END) AS INTEGER)
    FROM markets m JOIN agg_market_hour g ON g.market_id = m.market_id WHERE m.asset_id = d.asset_id AND g.hour_id >= d.start_ms / 86400000 * 24 AND g.hour_id < (d.end_ms - 1) / 86400000 * 24 + 24), 0) AS day_share,
  CAST(d.price_move_ppm AS REAL) / 1e4 AS price_move_pct, CAST(d.oi_destroyed_usd_e6 AS REAL) / 1e6 AS oi_destroyed_usd,
  d.venues, v.slug AS first_venue, d.cross_venue, CAST(d.coverage_ppm AS REAL) / 1e6 AS coverage, d.params
FROM cascades d JOIN assets a ON a.asset_id = d.asset_id JOIN venues v ON v.venue_id = d.first_venue_id;

CREATE VIEW v_cascade_venues AS
SELECT strftime('%Y-%m-%dT%H:%M:%SZ', (d.start_ms) / 1000, 'unixepoch') AS time, d.start_ms AS ts_ms, d.start_ms / 3600000 AS hour_id, a.symbol AS asset, d.side, v.slug AS venue, v.venue_group, d.first_ms, d.rows AS liq_rows, CAST(d.usd_e6 AS REAL) / 1e6 AS liq_usd,
  CAST(d.share_ppm AS REAL) / 1e6 AS share, CAST(d.price_move_ppm AS REAL) / 1e4 AS price_move_pct, CAST(d.oi_destroyed_usd_e6 AS REAL) / 1e6 AS oi_destroyed_usd
FROM cascade_venues d JOIN assets a ON a.asset_id = d.asset_id JOIN venues v ON v.venue_id = d.venue_id;

CREATE VIEW v_signals AS
SELECT strftime('%Y-%m-%dT%H:%M:%SZ', (z.hour_id * 3600000) / 1000, 'unixepoch') AS time, z.hour_id * 3600000 AS ts_ms, z.hour_id, z.name, a.symbol AS asset, COALESCE(v.slug, 'ALL') AS venue, z.window_hours, CAST(z.value_e6 AS REAL) / 1e6 AS value, CAST(z.threshold_e6 AS REAL) / 1e6 AS threshold, z.inputs, z.venue_list
FROM signals z JOIN assets a ON a.asset_id = z.asset_id LEFT JOIN venues v ON v.venue_id = z.venue_id;
