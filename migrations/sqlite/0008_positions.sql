-- Closes that were joined to what stood of their position: whole, so that they can be joined anew when something changes between.
-- since_height is that of the oldest row the position followed from; is_settled: its size was known.
CREATE TABLE joined_closes (
  chain_id INTEGER NOT NULL,
  height INTEGER NOT NULL,
  rec INTEGER NOT NULL,
  sub INTEGER NOT NULL,
  venue_id INTEGER NOT NULL,
  position_key TEXT NOT NULL,
  since_height INTEGER NOT NULL,
  is_settled INTEGER NOT NULL CHECK (is_settled IN (0,1)),
  body TEXT NOT NULL,
  PRIMARY KEY (chain_id, height, rec, sub)
) WITHOUT ROWID, STRICT;
CREATE INDEX joined_closes_unsettled ON joined_closes (chain_id, venue_id, height) WHERE is_settled = 0;
