-- Tables of perpdex. The folders sqlite and postgres hold the same text but for the words of docs/data-dictionary.md, section Engines.
-- Stored numbers are integers: *_usd_e6, *_e12, *_q (digits of the asset), *_native (units of the contract), *_ppm.
-- Doubles stand only in *_f. minute_id, hour_id, day_id = floor(unix ms / 60,000, 3,600,000, 86,400,000).
-- Rows of events are keyed (chain_id, height, rec, sub): appended in order, removed by height.

-- Reference data.
CREATE TABLE chains (
  chain_id INTEGER PRIMARY KEY,
  slug TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (kind IN ('evm','svm','hypercore','offchain')),
  final_depth INTEGER NOT NULL
) STRICT;
CREATE TABLE venues (
  venue_id INTEGER PRIMARY KEY,
  slug TEXT NOT NULL UNIQUE,
  venue_group TEXT NOT NULL,
  model TEXT NOT NULL CHECK (model IN ('book','pool','amm','custody')),
  liquidation_feed TEXT NOT NULL CHECK (liquidation_feed IN ('complete','sampled')),
  tells_accounts INTEGER NOT NULL CHECK (tells_accounts IN (0,1))
) STRICT;
-- One quantity scale for all markets of an asset; qty_unit = 10^qty_scale.
CREATE TABLE assets (
  asset_id INTEGER PRIMARY KEY CHECK (asset_id > 0),
  symbol TEXT NOT NULL UNIQUE,
  class TEXT NOT NULL,
  qty_scale INTEGER NOT NULL CHECK (qty_scale BETWEEN 0 AND 18),
  qty_unit INTEGER NOT NULL CHECK (qty_unit > 0)
) STRICT;
CREATE TABLE tokens (
  chain_id INTEGER NOT NULL,
  address TEXT NOT NULL,
  symbol TEXT NOT NULL,
  decimals INTEGER NOT NULL,
  usd_par INTEGER NOT NULL CHECK (usd_par IN (0,1)),
  PRIMARY KEY (chain_id, address)
) WITHOUT ROWID, STRICT;
-- A pure function of the catalog, the listings and the events of the market; first_height says when it goes with a reorg.
CREATE TABLE markets (
  market_id INTEGER PRIMARY KEY,
  venue_id INTEGER NOT NULL,
  chain_id INTEGER NOT NULL,
  market_key TEXT NOT NULL,
  symbol TEXT NOT NULL,
  asset_id INTEGER NOT NULL,
  multiplier INTEGER NOT NULL,
  mapped INTEGER NOT NULL CHECK (mapped IN (0,1)),
  qty_decimals INTEGER,
  quote TEXT,
  collateral_tokens TEXT NOT NULL,
  oi_basis TEXT NOT NULL CHECK (oi_basis IN ('qty','entry_usd','entry_collateral')),
  volume_basis TEXT NOT NULL CHECK (volume_basis IN ('exec','entry')),
  first_height INTEGER NOT NULL,
  first_ms INTEGER NOT NULL,
  listed_ms INTEGER,
  UNIQUE (venue_id, chain_id, market_key)
) STRICT;
CREATE INDEX markets_asset ON markets (asset_id);
CREATE TABLE market_listings (
  chain_id INTEGER NOT NULL,
  height INTEGER NOT NULL,
  rec INTEGER NOT NULL,
  sub INTEGER NOT NULL,
  ord INTEGER NOT NULL,
  ts_ms INTEGER NOT NULL,
  market_id INTEGER NOT NULL,
  symbol TEXT,
  index_token TEXT,
  qty_decimals INTEGER,
  quote TEXT NOT NULL,
  collateral_tokens TEXT NOT NULL,
  oi_basis TEXT NOT NULL,
  volume_basis TEXT NOT NULL,
  is_creation INTEGER NOT NULL CHECK (is_creation IN (0,1)),
  PRIMARY KEY (chain_id, height, rec, sub)
) WITHOUT ROWID, STRICT;
CREATE INDEX market_listings_market ON market_listings (market_id, height, ord, sub);

-- Chain state, coverage, health.
CREATE TABLE heads (
  chain_id INTEGER PRIMARY KEY,
  finalized INTEGER NOT NULL,
  latest INTEGER NOT NULL
) STRICT;
CREATE TABLE blocks (
  chain_id INTEGER NOT NULL,
  height INTEGER NOT NULL,
  hash BLOB,
  parent_hash BLOB,
  ts_ms INTEGER NOT NULL,
  PRIMARY KEY (chain_id, height)
) WITHOUT ROWID, STRICT;
-- What is wanted of a stream; to_height NULL: follow the head.
CREATE TABLE targets (
  chain_id INTEGER NOT NULL,
  venue_id INTEGER NOT NULL,
  part TEXT NOT NULL,
  version INTEGER NOT NULL,
  from_height INTEGER NOT NULL,
  to_height INTEGER,
  first_height INTEGER,
  evidence_min TEXT NOT NULL,
  evidence_rank_min INTEGER NOT NULL,
  sees_unknown INTEGER NOT NULL CHECK (sees_unknown IN (0,1)),
  PRIMARY KEY (chain_id, venue_id, part)
) WITHOUT ROWID, STRICT;
-- Disjoint inclusive ranges proved complete; neighbours of equal evidence are one row.
CREATE TABLE covered_ranges (
  chain_id INTEGER NOT NULL,
  venue_id INTEGER NOT NULL,
  part TEXT NOT NULL,
  version INTEGER NOT NULL,
  from_height INTEGER NOT NULL,
  to_height INTEGER NOT NULL,
  from_ms INTEGER NOT NULL,
  to_ms INTEGER NOT NULL,
  evidence TEXT NOT NULL,
  evidence_rank INTEGER NOT NULL,
  PRIMARY KEY (chain_id, venue_id, part, version, from_height),
  CHECK (to_height >= from_height)
) WITHOUT ROWID, STRICT;
-- Holes that were met and are not covered since.
CREATE TABLE gaps (
  chain_id INTEGER NOT NULL,
  venue_id INTEGER NOT NULL,
  part TEXT NOT NULL,
  version INTEGER NOT NULL,
  from_height INTEGER NOT NULL,
  to_height INTEGER NOT NULL,
  reason TEXT NOT NULL CHECK (reason IN ('missing','truncated','failed','not_recorded','omitted','unproven','anchor_difference')),
  detail TEXT NOT NULL,
  PRIMARY KEY (chain_id, venue_id, part, version, from_height),
  CHECK (to_height >= from_height)
) WITHOUT ROWID, STRICT;
-- fork_height: the last block kept.
CREATE TABLE reorgs (
  chain_id INTEGER NOT NULL,
  fork_height INTEGER NOT NULL,
  conflict_height INTEGER NOT NULL,
  old_hash TEXT NOT NULL,
  new_hash TEXT NOT NULL,
  depth INTEGER NOT NULL,
  records_removed INTEGER NOT NULL,
  detected_ms INTEGER NOT NULL,
  PRIMARY KEY (chain_id, fork_height, old_hash, new_hash)
) WITHOUT ROWID, STRICT;

-- Raw records: payload holds the bytes of the record, packed as docs/raw-format.md says, the other columns the rest of it.
CREATE TABLE raw_events (
  chain_id INTEGER NOT NULL,
  height INTEGER NOT NULL,
  rec INTEGER NOT NULL,
  ord INTEGER NOT NULL,
  venue_id INTEGER NOT NULL,
  part TEXT NOT NULL,
  version INTEGER NOT NULL,
  tx_id TEXT NOT NULL,
  tx_index INTEGER,
  ts_ms INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('evm_log','solana_event','hyperliquid_line','api_answer','state_read')),
  emitter TEXT NOT NULL,
  block_hash BLOB,
  payload BLOB NOT NULL,
  PRIMARY KEY (chain_id, height, rec)
) WITHOUT ROWID, STRICT;
CREATE TABLE decode_failures (
  chain_id INTEGER NOT NULL,
  height INTEGER NOT NULL,
  rec INTEGER NOT NULL,
  part TEXT NOT NULL,
  venue_id INTEGER NOT NULL,
  version INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('malformed','invalid','unknown_event','not_a_record','number')),
  error TEXT NOT NULL,
  text TEXT,
  PRIMARY KEY (chain_id, height, rec, part)
) WITHOUT ROWID, STRICT;
-- Events that wait for what stood of their position ('open'), their market or a token; body is the whole event.
CREATE TABLE unresolved (
  chain_id INTEGER NOT NULL,
  height INTEGER NOT NULL,
  rec INTEGER NOT NULL,
  sub INTEGER NOT NULL,
  event TEXT NOT NULL,
  ord INTEGER NOT NULL,
  venue_id INTEGER NOT NULL,
  market_id INTEGER,
  ts_ms INTEGER NOT NULL,
  target TEXT NOT NULL CHECK (target IN ('open','market','token')),
  account TEXT,
  position_key TEXT,
  body TEXT NOT NULL,
  PRIMARY KEY (chain_id, height, rec, sub, event)
) WITHOUT ROWID, STRICT;
CREATE INDEX unresolved_target ON unresolved (target, chain_id, venue_id, height);
-- Events of a market that nothing described at their height: their rows are made anew when a listing arrives late.
CREATE TABLE undescribed_events (
  chain_id INTEGER NOT NULL,
  height INTEGER NOT NULL,
  rec INTEGER NOT NULL,
  sub INTEGER NOT NULL,
  event TEXT NOT NULL,
  ord INTEGER NOT NULL,
  market_id INTEGER NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (chain_id, height, rec, sub, event)
) WITHOUT ROWID, STRICT;
CREATE INDEX undescribed_events_market ON undescribed_events (market_id);

-- Facts.
-- One leg of one execution, or another change of a position's size (in_volume = 0: takeover, transfer, settlement).
CREATE TABLE fills (
  chain_id INTEGER NOT NULL,
  height INTEGER NOT NULL,
  rec INTEGER NOT NULL,
  sub INTEGER NOT NULL,
  ord INTEGER NOT NULL,
  market_id INTEGER NOT NULL,
  ts_ms INTEGER NOT NULL,
  tx_id TEXT NOT NULL,
  account TEXT NOT NULL,
  position_key TEXT NOT NULL,
  position_side TEXT CHECK (position_side IN ('long','short')),
  collateral_token TEXT,
  trade_key TEXT NOT NULL,
  order_key TEXT,
  is_taker INTEGER NOT NULL CHECK (is_taker IN (0,1)),
  taker_dir INTEGER CHECK (taker_dir IN (-1,1)),
  in_volume INTEGER NOT NULL CHECK (in_volume IN (0,1)),
  forced TEXT NOT NULL CHECK (forced IN ('none','liq','adl')),
  side TEXT NOT NULL CHECK (side IN ('buy','sell')),
  action TEXT NOT NULL CHECK (action IN ('open','increase','decrease','close','flip','liquidation','adl','takeover','transfer','settlement','trade')),
  qty_q INTEGER NOT NULL,
  qty_native TEXT NOT NULL,
  native_decimals INTEGER NOT NULL,
  price TEXT NOT NULL,
  price_f REAL NOT NULL,
  exec_notional_usd_e6 INTEGER NOT NULL,
  notional_usd_e6 INTEGER NOT NULL,
  volume_basis TEXT NOT NULL CHECK (volume_basis IN ('exec','entry')),
  before_q INTEGER,
  after_q INTEGER,
  before_usd_e6 INTEGER,
  after_usd_e6 INTEGER,
  long_delta_q INTEGER NOT NULL,
  short_delta_q INTEGER NOT NULL,
  long_delta_native TEXT NOT NULL,
  short_delta_native TEXT NOT NULL,
  long_delta_usd_e6 INTEGER,
  short_delta_usd_e6 INTEGER,
  fee_usd_e6 INTEGER,
  fee_native TEXT,
  fee_token TEXT,
  realized_pnl_usd_e6 INTEGER,
  after_native TEXT,
  PRIMARY KEY (chain_id, height, rec, sub)
) WITHOUT ROWID, STRICT;
CREATE INDEX fills_market ON fills (market_id, ts_ms);
-- A day over all markets: what is asked of v_trades without a market.
CREATE INDEX fills_time ON fills (ts_ms);
-- Closes look for what their position was before them; on books, where position_side is NULL, there are none.
CREATE INDEX fills_position ON fills (position_key, height) WHERE position_side IS NOT NULL;
-- One liquidated (or auto-deleveraged) account and execution; the key is that of its fill.
CREATE TABLE liquidations (
  chain_id INTEGER NOT NULL,
  height INTEGER NOT NULL,
  rec INTEGER NOT NULL,
  sub INTEGER NOT NULL,
  market_id INTEGER NOT NULL,
  ts_ms INTEGER NOT NULL,
  tx_id TEXT NOT NULL,
  account TEXT NOT NULL,
  position_key TEXT NOT NULL,
  side TEXT NOT NULL CHECK (side IN ('long','short')),
  kind TEXT NOT NULL CHECK (kind IN ('market','pool','backstop','takeover','adl')),
  liquidator TEXT,
  order_key TEXT,
  trade_key TEXT NOT NULL,
  in_volume INTEGER NOT NULL CHECK (in_volume IN (0,1)),
  qty_q INTEGER NOT NULL,
  price TEXT NOT NULL,
  price_f REAL NOT NULL,
  mark_price TEXT,
  mark_price_f REAL,
  exec_notional_usd_e6 INTEGER NOT NULL,
  notional_usd_e6 INTEGER NOT NULL,
  fee_usd_e6 INTEGER,
  is_partial INTEGER CHECK (is_partial IN (0,1)),
  PRIMARY KEY (chain_id, height, rec, sub)
) WITHOUT ROWID, STRICT;
CREATE INDEX liquidations_market ON liquidations (market_id, ts_ms);
CREATE INDEX liquidations_time ON liquidations (ts_ms);
-- One payment of one position, negative = paid; hour_id is the bucket it closes.
CREATE TABLE funding_payments (
  chain_id INTEGER NOT NULL,
  height INTEGER NOT NULL,
  rec INTEGER NOT NULL,
  sub INTEGER NOT NULL,
  market_id INTEGER NOT NULL,
  ts_ms INTEGER NOT NULL,
  hour_id INTEGER NOT NULL,
  tx_id TEXT NOT NULL,
  account TEXT NOT NULL,
  position_key TEXT NOT NULL,
  side TEXT CHECK (side IN ('long','short')),
  kind TEXT NOT NULL CHECK (kind IN ('funding','borrow')),
  amount_usd_e6 INTEGER,
  amount_native TEXT NOT NULL,
  token TEXT NOT NULL,
  size_q INTEGER,
  PRIMARY KEY (chain_id, height, rec, sub)
) WITHOUT ROWID, STRICT;
CREATE INDEX funding_payments_time ON funding_payments (ts_ms);
-- One rate, holder's cost per hour; start_ms NULL: since the market's previous rate of the kind.
CREATE TABLE funding_rates (
  chain_id INTEGER NOT NULL,
  height INTEGER NOT NULL,
  rec INTEGER NOT NULL,
  sub INTEGER NOT NULL,
  ord INTEGER NOT NULL,
  market_id INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('funding','borrow','predicted')),
  start_ms INTEGER,
  end_ms INTEGER NOT NULL,
  cost_long_1h_e12 INTEGER,
  cost_short_1h_e12 INTEGER,
  PRIMARY KEY (chain_id, height, rec, sub)
) WITHOUT ROWID, STRICT;
CREATE INDEX funding_rates_market ON funding_rates (market_id, kind, end_ms);
CREATE INDEX funding_rates_time ON funding_rates (end_ms);
-- One value of a cumulative index; basis_price NULL: the index counts a fraction of notional, else quote per unit at this price.
CREATE TABLE funding_index (
  chain_id INTEGER NOT NULL,
  height INTEGER NOT NULL,
  rec INTEGER NOT NULL,
  sub INTEGER NOT NULL,
  ord INTEGER NOT NULL,
  market_id INTEGER NOT NULL,
  ts_ms INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('funding','borrow')),
  side TEXT CHECK (side IN ('long','short')),
  value TEXT NOT NULL,
  value_f REAL NOT NULL,
  basis_price TEXT,
  is_reset INTEGER NOT NULL CHECK (is_reset IN (0,1)),
  PRIMARY KEY (chain_id, height, rec, sub)
) WITHOUT ROWID, STRICT;
CREATE INDEX funding_index_market ON funding_index (market_id, ts_ms);
-- One stated level of open interest.
CREATE TABLE oi_anchors (
  chain_id INTEGER NOT NULL,
  height INTEGER NOT NULL,
  rec INTEGER NOT NULL,
  sub INTEGER NOT NULL,
  ord INTEGER NOT NULL,
  market_id INTEGER NOT NULL,
  ts_ms INTEGER NOT NULL,
  collateral_token TEXT,
  long_q INTEGER,
  short_q INTEGER,
  long_native TEXT,
  short_native TEXT,
  long_usd_e6 INTEGER,
  short_usd_e6 INTEGER,
  PRIMARY KEY (chain_id, height, rec, sub)
) WITHOUT ROWID, STRICT;
-- A level that begins at an anchor asks each (collateral, side) for its first and newest statement.
CREATE INDEX oi_anchors_market ON oi_anchors (market_id, COALESCE(collateral_token, ''), ts_ms);
-- One price per ONE canonical unit.
CREATE TABLE prices (
  chain_id INTEGER NOT NULL,
  height INTEGER NOT NULL,
  rec INTEGER NOT NULL,
  sub INTEGER NOT NULL,
  ord INTEGER NOT NULL,
  market_id INTEGER NOT NULL,
  ts_ms INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('mark','oracle','index','mid')),
  price TEXT NOT NULL,
  price_f REAL NOT NULL,
  PRIMARY KEY (chain_id, height, rec, sub)
) WITHOUT ROWID, STRICT;
CREATE INDEX prices_market ON prices (market_id, ts_ms);
CREATE TABLE token_prices (
  chain_id INTEGER NOT NULL,
  height INTEGER NOT NULL,
  rec INTEGER NOT NULL,
  sub INTEGER NOT NULL,
  token TEXT NOT NULL,
  ts_ms INTEGER NOT NULL,
  price TEXT NOT NULL,
  price_f REAL NOT NULL,
  PRIMARY KEY (chain_id, height, rec, sub)
) WITHOUT ROWID, STRICT;
-- What was traded over a time as the venue sums it up, taker side once. Where a venue gives such bars they are its volume and
-- its single executions are not (fills.in_volume = 0). in_volume = 0: a rolling 24 hours, or a bar that reaches over an hour.
CREATE TABLE volume_bars (
  chain_id INTEGER NOT NULL,
  height INTEGER NOT NULL,
  rec INTEGER NOT NULL,
  sub INTEGER NOT NULL,
  market_id INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('hour','rolling_24h')),
  start_ms INTEGER NOT NULL,
  end_ms INTEGER NOT NULL,
  in_volume INTEGER NOT NULL CHECK (in_volume IN (0,1)),
  trades INTEGER NOT NULL,
  qty_q INTEGER NOT NULL,
  notional_usd_e6 INTEGER NOT NULL,
  taker_buy_usd_e6 INTEGER,
  close TEXT NOT NULL,
  close_f REAL NOT NULL,
  PRIMARY KEY (chain_id, height, rec, sub)
) WITHOUT ROWID, STRICT;
CREATE INDEX volume_bars_market ON volume_bars (market_id, kind, end_ms);
CREATE TABLE collateral_flows (
  chain_id INTEGER NOT NULL,
  height INTEGER NOT NULL,
  rec INTEGER NOT NULL,
  sub INTEGER NOT NULL,
  venue_id INTEGER NOT NULL,
  ts_ms INTEGER NOT NULL,
  tx_id TEXT NOT NULL,
  account TEXT NOT NULL,
  scope TEXT NOT NULL CHECK (scope IN ('margin','pool','transfer','bridge','plain')),
  direction TEXT NOT NULL CHECK (direction IN ('in','out')),
  token TEXT NOT NULL,
  amount_native TEXT NOT NULL,
  fee_native TEXT,
  usd_e6 INTEGER,
  PRIMARY KEY (chain_id, height, rec, sub)
) WITHOUT ROWID, STRICT;

-- Additive aggregates: added on insert, subtracted on removal; a row whose count falls to 0 is removed.
-- *_moment_hi x 10^9 + *_moment_lo: sum of each change of open interest times the milliseconds its hour had left.
CREATE TABLE agg_market_hour (
  market_id INTEGER NOT NULL,
  hour_id INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  trades INTEGER NOT NULL DEFAULT 0,
  volume_usd_e6 INTEGER NOT NULL DEFAULT 0,
  exec_volume_usd_e6 INTEGER NOT NULL DEFAULT 0,
  taker_buy_usd_e6 INTEGER NOT NULL DEFAULT 0,
  taker_sell_usd_e6 INTEGER NOT NULL DEFAULT 0,
  closing_legs_usd_e6 INTEGER NOT NULL DEFAULT 0,
  liq_volume_usd_e6 INTEGER NOT NULL DEFAULT 0,
  adl_volume_usd_e6 INTEGER NOT NULL DEFAULT 0,
  liq_rows INTEGER NOT NULL DEFAULT 0,
  liq_long_usd_e6 INTEGER NOT NULL DEFAULT 0,
  liq_short_usd_e6 INTEGER NOT NULL DEFAULT 0,
  liq_market_usd_e6 INTEGER NOT NULL DEFAULT 0,
  liq_pool_usd_e6 INTEGER NOT NULL DEFAULT 0,
  liq_backstop_usd_e6 INTEGER NOT NULL DEFAULT 0,
  liq_takeover_usd_e6 INTEGER NOT NULL DEFAULT 0,
  adl_rows INTEGER NOT NULL DEFAULT 0,
  adl_usd_e6 INTEGER NOT NULL DEFAULT 0,
  long_delta_q INTEGER NOT NULL DEFAULT 0,
  short_delta_q INTEGER NOT NULL DEFAULT 0,
  long_delta_usd_e6 INTEGER NOT NULL DEFAULT 0,
  short_delta_usd_e6 INTEGER NOT NULL DEFAULT 0,
  long_untold INTEGER NOT NULL DEFAULT 0,
  short_untold INTEGER NOT NULL DEFAULT 0,
  long_moment_hi INTEGER NOT NULL DEFAULT 0,
  long_moment_lo INTEGER NOT NULL DEFAULT 0,
  short_moment_hi INTEGER NOT NULL DEFAULT 0,
  short_moment_lo INTEGER NOT NULL DEFAULT 0,
  long_closed_q INTEGER NOT NULL DEFAULT 0,
  short_closed_q INTEGER NOT NULL DEFAULT 0,
  fees_usd_e6 INTEGER NOT NULL DEFAULT 0,
  fees_unpriced INTEGER NOT NULL DEFAULT 0,
  funding_received_usd_e6 INTEGER NOT NULL DEFAULT 0,
  funding_charged_usd_e6 INTEGER NOT NULL DEFAULT 0,
  borrow_charged_usd_e6 INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (market_id, hour_id)
) WITHOUT ROWID, STRICT;
CREATE TABLE liq_minute (
  market_id INTEGER NOT NULL,
  minute_id INTEGER NOT NULL,
  side TEXT NOT NULL CHECK (side IN ('long','short')),
  rows INTEGER NOT NULL,
  usd_e6 INTEGER NOT NULL,
  PRIMARY KEY (market_id, minute_id, side)
) WITHOUT ROWID, STRICT;
-- Liquidations by price zone: from 1.005^zone up to 1.005^(zone + 1), edges as exact numbers.
CREATE TABLE liq_zone_day (
  market_id INTEGER NOT NULL,
  day_id INTEGER NOT NULL,
  side TEXT NOT NULL CHECK (side IN ('long','short')),
  zone INTEGER NOT NULL,
  price_from TEXT NOT NULL,
  price_from_f REAL NOT NULL,
  price_to TEXT NOT NULL,
  price_to_f REAL NOT NULL,
  rows INTEGER NOT NULL,
  usd_e6 INTEGER NOT NULL,
  PRIMARY KEY (market_id, day_id, side, zone)
) WITHOUT ROWID, STRICT;
CREATE INDEX liq_zone_day_day ON liq_zone_day (day_id);
CREATE TABLE collateral_flow_hour (
  venue_id INTEGER NOT NULL,
  chain_id INTEGER NOT NULL,
  token TEXT NOT NULL,
  scope TEXT NOT NULL CHECK (scope IN ('margin','pool','transfer','bridge','plain')),
  hour_id INTEGER NOT NULL,
  deposits INTEGER NOT NULL,
  withdrawals INTEGER NOT NULL,
  deposits_native TEXT NOT NULL,
  withdrawals_native TEXT NOT NULL,
  deposits_f REAL,
  withdrawals_f REAL,
  deposits_usd_e6 INTEGER NOT NULL,
  withdrawals_usd_e6 INTEGER NOT NULL,
  PRIMARY KEY (venue_id, chain_id, token, scope, hour_id)
) WITHOUT ROWID, STRICT;

-- Levels: recomputed by the reducer from the earliest dirty hour on. Hours below -2^40 stand for the market's first.
CREATE TABLE dirty (
  market_id INTEGER PRIMARY KEY,
  from_hour INTEGER NOT NULL,
  to_hour INTEGER NOT NULL
) STRICT;
-- Cells of levels and windows that hold NULL because their number fits no column or cannot be.
CREATE TABLE reduce_failures (
  market_id INTEGER NOT NULL,
  hour_id INTEGER NOT NULL,
  column_name TEXT NOT NULL,
  error TEXT NOT NULL,
  PRIMARY KEY (market_id, hour_id, column_name)
) WITHOUT ROWID, STRICT;
-- One market and hour of which anything is indexed, quiet hours too.
-- liquidations_ppm NULL: liquidations are known where fills are.
CREATE TABLE market_hour (
  market_id INTEGER NOT NULL,
  hour_id INTEGER NOT NULL,
  fills_ppm INTEGER NOT NULL,
  funding_ppm INTEGER NOT NULL,
  liquidations_ppm INTEGER,
  long_q INTEGER,
  short_q INTEGER,
  long_entry_usd_e6 INTEGER,
  short_entry_usd_e6 INTEGER,
  long_tw_q INTEGER,
  short_tw_q INTEGER,
  mark TEXT,
  mark_f REAL,
  mark_source TEXT,
  mark_age_ms INTEGER,
  long_mark_usd_e6 INTEGER,
  short_mark_usd_e6 INTEGER,
  one_mark_usd_e6 INTEGER,
  PRIMARY KEY (market_id, hour_id)
) WITHOUT ROWID, STRICT;
CREATE INDEX market_hour_hour ON market_hour (hour_id);
CREATE TABLE funding_hour (
  market_id INTEGER NOT NULL,
  hour_id INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('funding','borrow')),
  cost_long_1h_e12 INTEGER,
  cost_short_1h_e12 INTEGER,
  covered_ms INTEGER NOT NULL CHECK (covered_ms BETWEEN 1 AND 3600000),
  weight_usd_e6 INTEGER,
  weighted_usd_e9 INTEGER,
  PRIMARY KEY (market_id, hour_id, kind)
) WITHOUT ROWID, STRICT;
CREATE INDEX funding_hour_hour ON funding_hour (hour_id);
-- What of an hour's liquidations is no sum: recomputed from their rows.
CREATE TABLE liquidation_hour (
  market_id INTEGER NOT NULL,
  hour_id INTEGER NOT NULL,
  orders INTEGER NOT NULL,
  accounts INTEGER NOT NULL,
  largest_usd_e6 INTEGER NOT NULL,
  largest_height INTEGER NOT NULL,
  largest_rec INTEGER NOT NULL,
  largest_sub INTEGER NOT NULL,
  max_minute_id INTEGER NOT NULL,
  max_minute_usd_e6 INTEGER NOT NULL,
  PRIMARY KEY (market_id, hour_id)
) WITHOUT ROWID, STRICT;
-- One market and day. Sums are NULL unless every hour of the day is covered, or every hour since the market began in it;
-- levels are those at the day's end. oi_quantity_usd_e6 + oi_price_usd_e6 = the whole change since the day before.
CREATE TABLE market_day (
  market_id INTEGER NOT NULL,
  day_id INTEGER NOT NULL,
  hours INTEGER NOT NULL,
  trades INTEGER,
  volume_usd_e6 INTEGER,
  exec_volume_usd_e6 INTEGER,
  liq_volume_usd_e6 INTEGER,
  adl_volume_usd_e6 INTEGER,
  liq_rows INTEGER,
  liq_long_usd_e6 INTEGER,
  liq_short_usd_e6 INTEGER,
  adl_usd_e6 INTEGER,
  fees_usd_e6 INTEGER,
  closed_q INTEGER,
  gross_tw_q INTEGER,
  gross_q INTEGER,
  oi_one_usd_e6 INTEGER,
  oi_before_usd_e6 INTEGER,
  oi_quantity_usd_e6 INTEGER,
  oi_price_usd_e6 INTEGER,
  PRIMARY KEY (market_id, day_id)
) WITHOUT ROWID, STRICT;
CREATE INDEX market_day_day ON market_day (day_id);
