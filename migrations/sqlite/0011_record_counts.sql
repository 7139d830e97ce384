-- How many raw records a chain has: counted as they come and go, since to count a hundred million rows takes minutes.

CREATE TABLE record_counts (
  chain_id INTEGER PRIMARY KEY,
  records INTEGER NOT NULL CHECK (records > 0)
) STRICT;
INSERT INTO record_counts (chain_id, records) SELECT chain_id, COUNT(*) FROM raw_events GROUP BY chain_id;
