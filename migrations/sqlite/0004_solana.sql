-- How far the listings of addresses were walked, newest entry first. Operational: what is lost is walked again.
CREATE TABLE listing_windows (
  chain_id INTEGER NOT NULL,
  listing TEXT NOT NULL,
  from_height INTEGER NOT NULL,
  to_height INTEGER NOT NULL,
  above TEXT,
  below TEXT,
  entries INTEGER NOT NULL,
  digest INTEGER NOT NULL,
  label TEXT NOT NULL,
  PRIMARY KEY (chain_id, listing, from_height),
  CHECK (to_height >= from_height)
) WITHOUT ROWID, STRICT;
