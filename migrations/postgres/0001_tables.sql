-- Tables of perpdex. The folders sqlite and postgres hold the same text but for the words of docs/data-dictionary.md, section Engines.
-- Stored numbers are integers: *_usd_e6, *_e12, *_q (digits of the asset), *_native (units of the contract), *_ppm.
-- Doubles stand only in *_f. minute_id, hour_id, day_id = floor(unix ms / 60,000, 3,600,000, 86,400,000).
-- Rows of events are keyed (chain_id, height, rec, sub): appended in order, removed by height.

-- Reference data.
CREATE TABLE chains (
  chain_id BIGINT PRIMARY KEY,
  slug TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (kind IN ('evm','svm','hypercore','offchain')),
  final_depth BIGINT NOT NULL
);
CREATE TABLE venues (
  venue_id BIGINT PRIMARY KEY,
  slug TEXT NOT NULL UNIQUE,
  venue_group TEXT NOT NULL,
  model TEXT NOT NULL CHECK (model IN ('book','pool','amm','custody')),
  liquidation_feed TEXT NOT NULL CHECK (liquidation_feed IN ('complete','sampled')),
  tells_accounts BIGINT NOT NULL CHECK (tells_accounts IN (0,1))
);
-- One quantity scale for all markets of an asset; qty_unit = 10^qty_scale.
CREATE TABLE assets (
  asset_id BIGINT PRIMARY KEY CHECK (asset_id > 0),
  symbol TEXT NOT NULL UNIQUE,
  class TEXT NOT NULL,
  qty_scale BIGINT NOT NULL CHECK (qty_scale BETWEEN 0 AND 18),
  qty_unit BIGINT NOT NULL CHECK (qty_unit > 0)
);
CREATE TABLE tokens (
  chain_id BIGINT NOT NULL,
  address TEXT NOT NULL,
  symbol TEXT NOT NULL,
  decimals BIGINT NOT NULL,
  usd_par BIGINT NOT NULL CHECK (usd_par IN (0,1)),
  PRIMARY KEY (chain_id, address)
);
-- A pure function of the catalog, the listings and the events of the market; first_height says when it goes with a reorg.
CREATE TABLE markets (
  market_id BIGINT PRIMARY KEY,
  venue_id BIGINT NOT NULL,
  chain_id BIGINT NOT NULL,
  market_key TEXT NOT NULL,
  symbol TEXT NOT NULL,
  asset_id BIGINT NOT NULL,
  multiplier BIGINT NOT NULL,
  mapped BIGINT NOT NULL CHECK (mapped IN (0,1)),
  qty_decimals BIGINT,
  quote TEXT,
  collateral_tokens TEXT NOT NULL,
  oi_basis TEXT NOT NULL CHECK (oi_basis IN ('qty','entry_usd','entry_collateral')),
  volume_basis TEXT NOT NULL CHECK (volume_basis IN ('exec','entry')),
  first_height BIGINT NOT NULL,
  first_ms BIGINT NOT NULL,
  listed_ms BIGINT,
  UNIQUE (venue_id, chain_id, market_key)
);
CREATE INDEX markets_asset ON markets (asset_id);
CREATE TABLE market_listings (
  chain_id BIGINT NOT NULL,
  height BIGINT NOT NULL,
  rec BIGINT NOT NULL,
  sub BIGINT NOT NULL,
  ord BIGINT NOT NULL,
  ts_ms BIGINT NOT NULL,
  market_id BIGINT NOT NULL,
  symbol TEXT,
  index_token TEXT,
  qty_decimals BIGINT,
  quote TEXT NOT NULL,
  collateral_tokens TEXT NOT NULL,
  oi_basis TEXT NOT NULL,
  volume_basis TEXT NOT NULL,
  is_creation BIGINT NOT NULL CHECK (is_creation IN (0,1)),
  PRIMARY KEY (chain_id, height, rec, sub)
);
CREATE INDEX market_listings_market ON market_listings (market_id, height, ord, sub);

-- Chain state, coverage, health.
CREATE TABLE heads (
  chain_id BIGINT PRIMARY KEY,
  finalized BIGINT NOT NULL,
  latest BIGINT NOT NULL
);
CREATE TABLE blocks (
  chain_id BIGINT NOT NULL,
  height BIGINT NOT NULL,
  hash BYTEA,
  parent_hash BYTEA,
  ts_ms BIGINT NOT NULL,
  PRIMARY KEY (chain_id, height)
);
-- What is wanted of a stream; to_height NULL: follow the head.
CREATE TABLE targets (
  chain_id BIGINT NOT NULL,
  venue_id BIGINT NOT NULL,
  part TEXT NOT NULL,
  version BIGINT NOT NULL,
  from_height BIGINT NOT NULL,
  to_height BIGINT,
  first_height BIGINT,
  evidence_min TEXT NOT NULL,
  evidence_rank_min BIGINT NOT NULL,
  sees_unknown BIGINT NOT NULL CHECK (sees_unknown IN (0,1)),
  PRIMARY KEY (chain_id, venue_id, part)
);
-- Disjoint inclusive ranges proved complete; neighbours of equal evidence are one row.
CREATE TABLE covered_ranges (
  chain_id BIGINT NOT NULL,
  venue_id BIGINT NOT NULL,
  part TEXT NOT NULL,
  version BIGINT NOT NULL,
  from_height BIGINT NOT NULL,
  to_height BIGINT NOT NULL,
  from_ms BIGINT NOT NULL,
  to_ms BIGINT NOT NULL,
  evidence TEXT NOT NULL,
  evidence_rank BIGINT NOT NULL,
  PRIMARY KEY (chain_id, venue_id, part, version, from_height),
  CHECK (to_height >= from_height)
);
-- Holes that were met and are not covered since.
CREATE TABLE gaps (
  chain_id BIGINT NOT NULL,
  venue_id BIGINT NOT NULL,
  part TEXT NOT NULL,
  version BIGINT NOT NULL,
  from_height BIGINT NOT NULL,
  to_height BIGINT NOT NULL,
  reason TEXT NOT NULL CHECK (reason IN ('missing','truncated','failed','not_recorded','omitted','unproven','anchor_difference')),
  detail TEXT NOT NULL,
  PRIMARY KEY (chain_id, venue_id, part, version, from_height),
  CHECK (to_height >= from_height)
);
-- fork_height: the last block kept.
CREATE TABLE reorgs (
  chain_id BIGINT NOT NULL,
  fork_height BIGINT NOT NULL,
  conflict_height BIGINT NOT NULL,
  old_hash TEXT NOT NULL,
  new_hash TEXT NOT NULL,
  depth BIGINT NOT NULL,
  records_removed BIGINT NOT NULL,
  detected_ms BIGINT NOT NULL,
  PRIMARY KEY (chain_id, fork_height, old_hash, new_hash)
);

-- Raw records: payload holds the bytes of the record, packed as docs/raw-format.md says, the other columns the rest of it.
CREATE TABLE raw_events (
  chain_id BIGINT NOT NULL,
  height BIGINT NOT NULL,
  rec BIGINT NOT NULL,
  ord BIGINT NOT NULL,
  venue_id BIGINT NOT NULL,
  part TEXT NOT NULL,
  version BIGINT NOT NULL,
  tx_id TEXT NOT NULL,
  tx_index BIGINT,
  ts_ms BIGINT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('evm_log','solana_event','hyperliquid_line','api_answer','state_read')),
  emitter TEXT NOT NULL,
  block_hash BYTEA,
  payload BYTEA NOT NULL,
  PRIMARY KEY (chain_id, height, rec)
);
CREATE TABLE decode_failures (
  chain_id BIGINT NOT NULL,
  height BIGINT NOT NULL,
  rec BIGINT NOT NULL,
  part TEXT NOT NULL,
  venue_id BIGINT NOT NULL,
  version BIGINT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('malformed','invalid','unknown_event','not_a_record','number')),
  error TEXT NOT NULL,
  text TEXT,
  PRIMARY KEY (chain_id, height, rec, part)
);
-- Events that wait for what stood of their position ('open'), their market or a token; body is the whole event.
CREATE TABLE unresolved (
  chain_id BIGINT NOT NULL,
  height BIGINT NOT NULL,
  rec BIGINT NOT NULL,
  sub BIGINT NOT NULL,
  event TEXT NOT NULL,
  ord BIGINT NOT NULL,
  venue_id BIGINT NOT NULL,
  market_id BIGINT,
  ts_ms BIGINT NOT NULL,
  target TEXT NOT NULL CHECK (target IN ('open','market','token')),
  account TEXT,
  position_key TEXT,
  body TEXT NOT NULL,
  PRIMARY KEY (chain_id, height, rec, sub, event)
);
CREATE INDEX unresolved_target ON unresolved (target, chain_id, venue_id, height);
-- Events of a market that nothing described at their height: their rows are made anew when a listing arrives late.
CREATE TABLE undescribed_events (
  chain_id BIGINT NOT NULL,
  height BIGINT NOT NULL,
  rec BIGINT NOT NULL,
  sub BIGINT NOT NULL,
  event TEXT NOT NULL,
  ord BIGINT NOT NULL,
  market_id BIGINT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (chain_id, height, rec, sub, event)
);
CREATE INDEX undescribed_events_market ON undescribed_events (market_id);

-- Facts.
-- One leg of one execution, or another change of a position's size (in_volume = 0: takeover, transfer, settlement).
CREATE TABLE fills (
  chain_id BIGINT NOT NULL,
  height BIGINT NOT NULL,
  rec BIGINT NOT NULL,
  sub BIGINT NOT NULL,
  ord BIGINT NOT NULL,
  market_id BIGINT NOT NULL,
  ts_ms BIGINT NOT NULL,
  tx_id TEXT NOT NULL,
  account TEXT NOT NULL,
  position_key TEXT NOT NULL,
  position_side TEXT CHECK (position_side IN ('long','short')),
  collateral_token TEXT,
  trade_key TEXT NOT NULL,
  order_key TEXT,
  is_taker BIGINT NOT NULL CHECK (is_taker IN (0,1)),
  taker_dir BIGINT CHECK (taker_dir IN (-1,1)),
  in_volume BIGINT NOT NULL CHECK (in_volume IN (0,1)),
  forced TEXT NOT NULL CHECK (forced IN ('none','liq','adl')),
  side TEXT NOT NULL CHECK (side IN ('buy','sell')),
  action TEXT NOT NULL CHECK (action IN ('open','increase','decrease','close','flip','liquidation','adl','takeover','transfer','settlement','trade')),
  qty_q BIGINT NOT NULL,
  qty_native NUMERIC(78,0) NOT NULL,
  native_decimals BIGINT NOT NULL,
  price TEXT NOT NULL,
  price_f DOUBLE PRECISION NOT NULL,
  exec_notional_usd_e6 BIGINT NOT NULL,
  notional_usd_e6 BIGINT NOT NULL,
  volume_basis TEXT NOT NULL CHECK (volume_basis IN ('exec','entry')),
  before_q BIGINT,
  after_q BIGINT,
  before_usd_e6 BIGINT,
  after_usd_e6 BIGINT,
  long_delta_q BIGINT NOT NULL,
  short_delta_q BIGINT NOT NULL,
  long_delta_native NUMERIC(78,0) NOT NULL,
  short_delta_native NUMERIC(78,0) NOT NULL,
  long_delta_usd_e6 BIGINT,
  short_delta_usd_e6 BIGINT,
  fee_usd_e6 BIGINT,
  fee_native NUMERIC(78,0),
  fee_token TEXT,
  realized_pnl_usd_e6 BIGINT,
  after_native NUMERIC(78,0),
  PRIMARY KEY (chain_id, height, rec, sub)
);
CREATE INDEX fills_market ON fills (market_id, ts_ms);
-- A day over all markets: what is asked of v_trades without a market.
CREATE INDEX fills_time ON fills (ts_ms);
-- Closes look for what their position was before them; on books, where position_side is NULL, there are none.
CREATE INDEX fills_position ON fills (position_key, height) WHERE position_side IS NOT NULL;
-- One liquidated (or auto-deleveraged) account and execution; the key is that of its fill.
CREATE TABLE liquidations (
  chain_id BIGINT NOT NULL,
  height BIGINT NOT NULL,
  rec BIGINT NOT NULL,
  sub BIGINT NOT NULL,
  market_id BIGINT NOT NULL,
  ts_ms BIGINT NOT NULL,
  tx_id TEXT NOT NULL,
  account TEXT NOT NULL,
  position_key TEXT NOT NULL,
  side TEXT NOT NULL CHECK (side IN ('long','short')),
  kind TEXT NOT NULL CHECK (kind IN ('market','pool','backstop','takeover','adl')),
  liquidator TEXT,
  order_key TEXT,
  trade_key TEXT NOT NULL,
  in_volume BIGINT NOT NULL CHECK (in_volume IN (0,1)),
  qty_q BIGINT NOT NULL,
  price TEXT NOT NULL,
  price_f DOUBLE PRECISION NOT NULL,
  mark_price TEXT,
  mark_price_f DOUBLE PRECISION,
  exec_notional_usd_e6 BIGINT NOT NULL,
  notional_usd_e6 BIGINT NOT NULL,
  fee_usd_e6 BIGINT,
  is_partial BIGINT CHECK (is_partial IN (0,1)),
  PRIMARY KEY (chain_id, height, rec, sub)
);
CREATE INDEX liquidations_market ON liquidations (market_id, ts_ms);
CREATE INDEX liquidations_time ON liquidations (ts_ms);
-- One payment of one position, negative = paid; hour_id is the bucket it closes.
CREATE TABLE funding_payments (
  chain_id BIGINT NOT NULL,
  height BIGINT NOT NULL,
  rec BIGINT NOT NULL,
  sub BIGINT NOT NULL,
  market_id BIGINT NOT NULL,
  ts_ms BIGINT NOT NULL,
  hour_id BIGINT NOT NULL,
  tx_id TEXT NOT NULL,
  account TEXT NOT NULL,
  position_key TEXT NOT NULL,
  side TEXT CHECK (side IN ('long','short')),
  kind TEXT NOT NULL CHECK (kind IN ('funding','borrow')),
  amount_usd_e6 BIGINT,
  amount_native NUMERIC(78,0) NOT NULL,
  token TEXT NOT NULL,
  size_q BIGINT,
  PRIMARY KEY (chain_id, height, rec, sub)
);
CREATE INDEX funding_payments_time ON funding_payments (ts_ms);
-- One rate, holder's cost per hour; start_ms NULL: since the market's previous rate of the kind.
CREATE TABLE funding_rates (
  chain_id BIGINT NOT NULL,
  height BIGINT NOT NULL,
  rec BIGINT NOT NULL,
  sub BIGINT NOT NULL,
  ord BIGINT NOT NULL,
  market_id BIGINT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('funding','borrow','predicted')),
  start_ms BIGINT,
  end_ms BIGINT NOT NULL,
  cost_long_1h_e12 BIGINT,
  cost_short_1h_e12 BIGINT,
  PRIMARY KEY (chain_id, height, rec, sub)
);
CREATE INDEX funding_rates_market ON funding_rates (market_id, kind, end_ms);
CREATE INDEX funding_rates_time ON funding_rates (end_ms);
-- One value of a cumulative index; basis_price NULL: the index counts a fraction of notional, else quote per unit at this price.
CREATE TABLE funding_index (
  chain_id BIGINT NOT NULL,
  height BIGINT NOT NULL,
  rec BIGINT NOT NULL,
  sub BIGINT NOT NULL,
  ord BIGINT NOT NULL,
  market_id BIGINT NOT NULL,
  ts_ms BIGINT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('funding','borrow')),
  side TEXT CHECK (side IN ('long','short')),
  value TEXT NOT NULL,
  value_f DOUBLE PRECISION NOT NULL,
  basis_price TEXT,
  is_reset BIGINT NOT NULL CHECK (is_reset IN (0,1)),
  PRIMARY KEY (chain_id, height, rec, sub)
);
CREATE INDEX funding_index_market ON funding_index (market_id, ts_ms);
-- One stated level of open interest.
CREATE TABLE oi_anchors (
  chain_id BIGINT NOT NULL,
  height BIGINT NOT NULL,
  rec BIGINT NOT NULL,
  sub BIGINT NOT NULL,
  ord BIGINT NOT NULL,
  market_id BIGINT NOT NULL,
  ts_ms BIGINT NOT NULL,
  collateral_token TEXT,
  long_q BIGINT,
  short_q BIGINT,
  long_native NUMERIC(78,0),
  short_native NUMERIC(78,0),
  long_usd_e6 BIGINT,
  short_usd_e6 BIGINT,
  PRIMARY KEY (chain_id, height, rec, sub)
);
-- A level that begins at an anchor asks each (collateral, side) for its first and newest statement.
CREATE INDEX oi_anchors_market ON oi_anchors (market_id, COALESCE(collateral_token, ''), ts_ms);
-- One price per ONE canonical unit.
CREATE TABLE prices (
  chain_id BIGINT NOT NULL,
  height BIGINT NOT NULL,
  rec BIGINT NOT NULL,
  sub BIGINT NOT NULL,
  ord BIGINT NOT NULL,
  market_id BIGINT NOT NULL,
  ts_ms BIGINT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('mark','oracle','index','mid')),
  price TEXT NOT NULL,
  price_f DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (chain_id, height, rec, sub)
);
CREATE INDEX prices_market ON prices (market_id, ts_ms);
CREATE TABLE token_prices (
  chain_id BIGINT NOT NULL,
  height BIGINT NOT NULL,
  rec BIGINT NOT NULL,
  sub BIGINT NOT NULL,
  token TEXT NOT NULL,
  ts_ms BIGINT NOT NULL,
  price TEXT NOT NULL,
  price_f DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (chain_id, height, rec, sub)
);
-- What was traded over a time as the venue sums it up, taker side once. Where a venue gives such bars they are its volume and
-- its single executions are not (fills.in_volume = 0). in_volume = 0: a rolling 24 hours, or a bar that reaches over an hour.
CREATE TABLE volume_bars (
  chain_id BIGINT NOT NULL,
  height BIGINT NOT NULL,
  rec BIGINT NOT NULL,
  sub BIGINT NOT NULL,
  market_id BIGINT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('hour','rolling_24h')),
  start_ms BIGINT NOT NULL,
  end_ms BIGINT NOT NULL,
  in_volume BIGINT NOT NULL CHECK (in_volume IN (0,1)),
  trades BIGINT NOT NULL,
  qty_q BIGINT NOT NULL,
  notional_usd_e6 BIGINT NOT NULL,
  taker_buy_usd_e6 BIGINT,
  close TEXT NOT NULL,
  close_f DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (chain_id, height, rec, sub)
);
CREATE INDEX volume_bars_market ON volume_bars (market_id, kind, end_ms);
CREATE TABLE collateral_flows (
  chain_id BIGINT NOT NULL,
  height BIGINT NOT NULL,
  rec BIGINT NOT NULL,
  sub BIGINT NOT NULL,
  venue_id BIGINT NOT NULL,
  ts_ms BIGINT NOT NULL,
  tx_id TEXT NOT NULL,
  account TEXT NOT NULL,
  scope TEXT NOT NULL CHECK (scope IN ('margin','pool','transfer','bridge','plain')),
  direction TEXT NOT NULL CHECK (direction IN ('in','out')),
  token TEXT NOT NULL,
  amount_native NUMERIC(78,0) NOT NULL,
  fee_native NUMERIC(78,0),
  usd_e6 BIGINT,
  PRIMARY KEY (chain_id, height, rec, sub)
);

-- Additive aggregates: added on insert, subtracted on removal; a row whose count falls to 0 is removed.
-- *_moment_hi x 10^9 + *_moment_lo: sum of each change of open interest times the milliseconds its hour had left.
CREATE TABLE agg_market_hour (
  market_id BIGINT NOT NULL,
  hour_id BIGINT NOT NULL,
  rows BIGINT NOT NULL,
  trades BIGINT NOT NULL DEFAULT 0,
  volume_usd_e6 BIGINT NOT NULL DEFAULT 0,
  exec_volume_usd_e6 BIGINT NOT NULL DEFAULT 0,
  taker_buy_usd_e6 BIGINT NOT NULL DEFAULT 0,
  taker_sell_usd_e6 BIGINT NOT NULL DEFAULT 0,
  closing_legs_usd_e6 BIGINT NOT NULL DEFAULT 0,
  liq_volume_usd_e6 BIGINT NOT NULL DEFAULT 0,
  adl_volume_usd_e6 BIGINT NOT NULL DEFAULT 0,
  liq_rows BIGINT NOT NULL DEFAULT 0,
  liq_long_usd_e6 BIGINT NOT NULL DEFAULT 0,
  liq_short_usd_e6 BIGINT NOT NULL DEFAULT 0,
  liq_market_usd_e6 BIGINT NOT NULL DEFAULT 0,
  liq_pool_usd_e6 BIGINT NOT NULL DEFAULT 0,
  liq_backstop_usd_e6 BIGINT NOT NULL DEFAULT 0,
  liq_takeover_usd_e6 BIGINT NOT NULL DEFAULT 0,
  adl_rows BIGINT NOT NULL DEFAULT 0,
  adl_usd_e6 BIGINT NOT NULL DEFAULT 0,
  long_delta_q BIGINT NOT NULL DEFAULT 0,
  short_delta_q BIGINT NOT NULL DEFAULT 0,
  long_delta_usd_e6 BIGINT NOT NULL DEFAULT 0,
  short_delta_usd_e6 BIGINT NOT NULL DEFAULT 0,
  long_untold BIGINT NOT NULL DEFAULT 0,
  short_untold BIGINT NOT NULL DEFAULT 0,
  long_moment_hi BIGINT NOT NULL DEFAULT 0,
  long_moment_lo BIGINT NOT NULL DEFAULT 0,
  short_moment_hi BIGINT NOT NULL DEFAULT 0,
  short_moment_lo BIGINT NOT NULL DEFAULT 0,
  long_closed_q BIGINT NOT NULL DEFAULT 0,
  short_closed_q BIGINT NOT NULL DEFAULT 0,
  fees_usd_e6 BIGINT NOT NULL DEFAULT 0,
  fees_unpriced BIGINT NOT NULL DEFAULT 0,
  funding_received_usd_e6 BIGINT NOT NULL DEFAULT 0,
  funding_charged_usd_e6 BIGINT NOT NULL DEFAULT 0,
  borrow_charged_usd_e6 BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (market_id, hour_id)
);
CREATE TABLE liq_minute (
  market_id BIGINT NOT NULL,
  minute_id BIGINT NOT NULL,
  side TEXT NOT NULL CHECK (side IN ('long','short')),
  rows BIGINT NOT NULL,
  usd_e6 BIGINT NOT NULL,
  PRIMARY KEY (market_id, minute_id, side)
);
-- Liquidations by price zone: from 1.005^zone up to 1.005^(zone + 1), edges as exact numbers.
CREATE TABLE liq_zone_day (
  market_id BIGINT NOT NULL,
  day_id BIGINT NOT NULL,
  side TEXT NOT NULL CHECK (side IN ('long','short')),
  zone BIGINT NOT NULL,
  price_from TEXT NOT NULL,
  price_from_f DOUBLE PRECISION NOT NULL,
  price_to TEXT NOT NULL,
  price_to_f DOUBLE PRECISION NOT NULL,
  rows BIGINT NOT NULL,
  usd_e6 BIGINT NOT NULL,
  PRIMARY KEY (market_id, day_id, side, zone)
);
CREATE INDEX liq_zone_day_day ON liq_zone_day (day_id);
CREATE TABLE collateral_flow_hour (
  venue_id BIGINT NOT NULL,
  chain_id BIGINT NOT NULL,
  token TEXT NOT NULL,
  scope TEXT NOT NULL CHECK (scope IN ('margin','pool','transfer','bridge','plain')),
  hour_id BIGINT NOT NULL,
  deposits BIGINT NOT NULL,
  withdrawals BIGINT NOT NULL,
  deposits_native NUMERIC(78,0) NOT NULL,
  withdrawals_native NUMERIC(78,0) NOT NULL,
  deposits_f DOUBLE PRECISION,
  withdrawals_f DOUBLE PRECISION,
  deposits_usd_e6 BIGINT NOT NULL,
  withdrawals_usd_e6 BIGINT NOT NULL,
  PRIMARY KEY (venue_id, chain_id, token, scope, hour_id)
);

-- Levels: recomputed by the reducer from the earliest dirty hour on. Hours below -2^40 stand for the market's first.
CREATE TABLE dirty (
  market_id BIGINT PRIMARY KEY,
  from_hour BIGINT NOT NULL,
  to_hour BIGINT NOT NULL
);
-- Cells of levels and windows that hold NULL because their number fits no column or cannot be.
CREATE TABLE reduce_failures (
  market_id BIGINT NOT NULL,
  hour_id BIGINT NOT NULL,
  column_name TEXT NOT NULL,
  error TEXT NOT NULL,
  PRIMARY KEY (market_id, hour_id, column_name)
);
-- One market and hour of which anything is indexed, quiet hours too.
-- liquidations_ppm NULL: liquidations are known where fills are.
CREATE TABLE market_hour (
  market_id BIGINT NOT NULL,
  hour_id BIGINT NOT NULL,
  fills_ppm BIGINT NOT NULL,
  funding_ppm BIGINT NOT NULL,
  liquidations_ppm BIGINT,
  long_q BIGINT,
  short_q BIGINT,
  long_entry_usd_e6 BIGINT,
  short_entry_usd_e6 BIGINT,
  long_tw_q BIGINT,
  short_tw_q BIGINT,
  mark TEXT,
  mark_f DOUBLE PRECISION,
  mark_source TEXT,
  mark_age_ms BIGINT,
  long_mark_usd_e6 BIGINT,
  short_mark_usd_e6 BIGINT,
  one_mark_usd_e6 BIGINT,
  PRIMARY KEY (market_id, hour_id)
);
CREATE INDEX market_hour_hour ON market_hour (hour_id);
CREATE TABLE funding_hour (
  market_id BIGINT NOT NULL,
  hour_id BIGINT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('funding','borrow')),
  cost_long_1h_e12 BIGINT,
  cost_short_1h_e12 BIGINT,
  covered_ms BIGINT NOT NULL CHECK (covered_ms BETWEEN 1 AND 3600000),
  weight_usd_e6 BIGINT,
  weighted_usd_e9 BIGINT,
  PRIMARY KEY (market_id, hour_id, kind)
);
CREATE INDEX funding_hour_hour ON funding_hour (hour_id);
-- What of an hour's liquidations is no sum: recomputed from their rows.
CREATE TABLE liquidation_hour (
  market_id BIGINT NOT NULL,
  hour_id BIGINT NOT NULL,
  orders BIGINT NOT NULL,
  accounts BIGINT NOT NULL,
  largest_usd_e6 BIGINT NOT NULL,
  largest_height BIGINT NOT NULL,
  largest_rec BIGINT NOT NULL,
  largest_sub BIGINT NOT NULL,
  max_minute_id BIGINT NOT NULL,
  max_minute_usd_e6 BIGINT NOT NULL,
  PRIMARY KEY (market_id, hour_id)
);
-- One market and day. Sums are NULL unless every hour of the day is covered, or every hour since the market began in it;
-- levels are those at the day's end. oi_quantity_usd_e6 + oi_price_usd_e6 = the whole change since the day before.
CREATE TABLE market_day (
  market_id BIGINT NOT NULL,
  day_id BIGINT NOT NULL,
  hours BIGINT NOT NULL,
  trades BIGINT,
  volume_usd_e6 BIGINT,
  exec_volume_usd_e6 BIGINT,
  liq_volume_usd_e6 BIGINT,
  adl_volume_usd_e6 BIGINT,
  liq_rows BIGINT,
  liq_long_usd_e6 BIGINT,
  liq_short_usd_e6 BIGINT,
  adl_usd_e6 BIGINT,
  fees_usd_e6 BIGINT,
  closed_q BIGINT,
  gross_tw_q BIGINT,
  gross_q BIGINT,
  oi_one_usd_e6 BIGINT,
  oi_before_usd_e6 BIGINT,
  oi_quantity_usd_e6 BIGINT,
  oi_price_usd_e6 BIGINT,
  PRIMARY KEY (market_id, day_id)
);
CREATE INDEX market_day_day ON market_day (day_id);
