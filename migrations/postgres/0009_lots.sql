-- How long what was closed had been open, first in first out: folded over the days of which every fill is known.

-- Days of a market whose lots must be folded anew.
CREATE TABLE dirty_lots (
  market_id BIGINT PRIMARY KEY,
  from_day BIGINT NOT NULL,
  to_day BIGINT NOT NULL
);
-- Units of a position that were opened at one moment, as they stood at the ends of the days from_day up to, but without, to_day
-- (NULL: and on to the day before the next one that is not known). Lots that are gone by the end of their day leave no row.
-- opened_ms 0: opened before what is known.
CREATE TABLE position_lots (
  market_id BIGINT NOT NULL,
  from_day BIGINT NOT NULL,
  position_key TEXT NOT NULL,
  side TEXT NOT NULL CHECK (side IN ('long','short')),
  opened_ms BIGINT NOT NULL,
  to_day BIGINT,
  q BIGINT NOT NULL CHECK (q > 0),
  PRIMARY KEY (market_id, from_day, position_key, side, opened_ms)
);
CREATE INDEX position_lots_end ON position_lots (market_id, to_day, from_day);
-- One market, day and way of closing: quantity closed, that of it whose opening is known, and the sum over this of quantity
-- times milliseconds from open to close.
CREATE TABLE closed_lots_day (
  market_id BIGINT NOT NULL,
  day_id BIGINT NOT NULL,
  closed_by TEXT NOT NULL CHECK (closed_by IN ('account','liquidation','adl')),
  closed_q BIGINT NOT NULL,
  known_q BIGINT NOT NULL,
  held_q_ms NUMERIC(78,0) NOT NULL,
  PRIMARY KEY (market_id, day_id, closed_by)
);
