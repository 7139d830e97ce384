-- Stated levels of open interest against those that follow from an earlier statement and the fills since: `perpdex verify --oi`.
-- The key is that of the statement; a side that it does not state is NULL. collateral_token NULL: the statement is of all collateral.
-- *_native where the fills count in the statement's unit. Nothing here is read by aggregates.
CREATE TABLE oi_checks (
  chain_id INTEGER NOT NULL,
  height INTEGER NOT NULL,
  rec INTEGER NOT NULL,
  sub INTEGER NOT NULL,
  market_id INTEGER NOT NULL,
  ts_ms INTEGER NOT NULL,
  base_ms INTEGER NOT NULL,
  collateral_token TEXT,
  computed_long_q INTEGER,
  computed_short_q INTEGER,
  stated_long_q INTEGER,
  stated_short_q INTEGER,
  difference_long_q INTEGER,
  difference_short_q INTEGER,
  difference_long_native TEXT,
  difference_short_native TEXT,
  PRIMARY KEY (chain_id, height, rec, sub)
) WITHOUT ROWID, STRICT;

CREATE VIEW v_oi_checks AS
SELECT strftime('%Y-%m-%dT%H:%M:%SZ', (k.ts_ms) / 1000, 'unixepoch') AS time, k.ts_ms, strftime('%Y-%m-%dT%H:%M:%SZ', (k.base_ms) / 1000, 'unixepoch') AS base_time, k.base_ms, n.chain, n.venue, n.venue_group, n.market, n.symbol, n.asset, c.slug AS stated_by, k.height, k.collateral_token,
  CAST(k.computed_long_q AS REAL) / n.qty_unit AS computed_long, CAST(k.computed_short_q AS REAL) / n.qty_unit AS computed_short,
  CAST(k.stated_long_q AS REAL) / n.qty_unit AS stated_long, CAST(k.stated_short_q AS REAL) / n.qty_unit AS stated_short,
  CAST(k.difference_long_q AS REAL) / n.qty_unit AS difference_long, CAST(k.difference_short_q AS REAL) / n.qty_unit AS difference_short,
  CAST(k.difference_long_native AS TEXT) AS difference_long_native, CAST(k.difference_short_native AS TEXT) AS difference_short_native,
  CASE WHEN CASE WHEN k.difference_long_native IS NULL THEN COALESCE(k.difference_long_q, 0) = 0 ELSE CAST(k.difference_long_native AS TEXT) = '0' END
    AND CASE WHEN k.difference_short_native IS NULL THEN COALESCE(k.difference_short_q, 0) = 0 ELSE CAST(k.difference_short_native AS TEXT) = '0' END THEN 1 ELSE 0 END AS equal
FROM oi_checks k JOIN h_names n ON n.market_id = k.market_id JOIN chains c ON c.chain_id = k.chain_id;
