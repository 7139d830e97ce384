-- Closes that were joined to what stood of their position: whole, so that they can be joined anew when something changes between.
-- since_height is that of the oldest row the position followed from; is_settled: its size was known.
CREATE TABLE joined_closes (
  chain_id BIGINT NOT NULL,
  height BIGINT NOT NULL,
  rec BIGINT NOT NULL,
  sub BIGINT NOT NULL,
  venue_id BIGINT NOT NULL,
  position_key TEXT NOT NULL,
  since_height BIGINT NOT NULL,
  is_settled BIGINT NOT NULL CHECK (is_settled IN (0,1)),
  body TEXT NOT NULL,
  PRIMARY KEY (chain_id, height, rec, sub)
);
CREATE INDEX joined_closes_unsettled ON joined_closes (chain_id, venue_id, height) WHERE is_settled = 0;
