-- How far the listings of addresses were walked, newest entry first. Operational: what is lost is walked again.
CREATE TABLE listing_windows (
  chain_id BIGINT NOT NULL,
  listing TEXT NOT NULL,
  from_height BIGINT NOT NULL,
  to_height BIGINT NOT NULL,
  above TEXT,
  below TEXT,
  entries BIGINT NOT NULL,
  digest BIGINT NOT NULL,
  label TEXT NOT NULL,
  PRIMARY KEY (chain_id, listing, from_height),
  CHECK (to_height >= from_height)
);
