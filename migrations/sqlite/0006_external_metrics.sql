-- Figures of others: options data, spot prices, published numbers. A figure that its source corrects later is a further row
-- with a later published_ms; nothing is ever changed. venue and asset are slug and symbol, ALL where the figure is of all of them.
CREATE TABLE external_metrics (
  source TEXT NOT NULL,
  metric TEXT NOT NULL,
  venue TEXT NOT NULL,
  asset TEXT NOT NULL,
  as_of_ms INTEGER NOT NULL,
  published_ms INTEGER NOT NULL,
  value TEXT NOT NULL,
  value_e6 INTEGER NOT NULL,
  unit TEXT NOT NULL,
  PRIMARY KEY (source, metric, venue, asset, as_of_ms, published_ms)
) WITHOUT ROWID, STRICT;
CREATE INDEX external_metrics_asset ON external_metrics (metric, asset, as_of_ms);

CREATE VIEW v_external_metrics AS
SELECT strftime('%Y-%m-%dT%H:%M:%SZ', (x.as_of_ms) / 1000, 'unixepoch') AS time, x.as_of_ms AS ts_ms, x.as_of_ms / 3600000 AS hour_id, x.source, x.metric, x.venue, x.asset, CAST(x.value_e6 AS REAL) / 1e6 AS value, x.value AS value_text, x.unit,
  strftime('%Y-%m-%dT%H:%M:%SZ', (x.published_ms) / 1000, 'unixepoch') AS published_time, x.published_ms, ROW_NUMBER() OVER w AS revision, CASE WHEN LEAD(x.published_ms) OVER w IS NULL THEN 1 ELSE 0 END AS is_latest
FROM external_metrics x WINDOW w AS (PARTITION BY x.source, x.metric, x.venue, x.asset, x.as_of_ms ORDER BY x.published_ms);
