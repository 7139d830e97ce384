-- How many raw records a chain has: counted as they come and go, since to count a hundred million rows takes minutes.

CREATE TABLE record_counts (
  chain_id BIGINT PRIMARY KEY,
  records BIGINT NOT NULL CHECK (records > 0)
);
INSERT INTO record_counts (chain_id, records) SELECT chain_id, COUNT(*) FROM raw_events GROUP BY chain_id;
