-- How long what was closed had been open, first in first out: folded over the days of which every fill is known.

-- Days of a market whose lots must be folded anew.
CREATE TABLE dirty_lots (
  market_id INTEGER PRIMARY KEY,
  from_day INTEGER NOT NULL,
  to_day INTEGER NOT NULL
) STRICT;
-- Units of a position that were opened at one moment, as they stood at the ends of the days from_day up to, but without, to_day
-- (NULL: and on to the day before the next one that is not known). Lots that are gone by the end of their day leave no row.
-- opened_ms 0: opened before what is known.
CREATE TABLE position_lots (
  market_id INTEGER NOT NULL,
  from_day INTEGER NOT NULL,
  position_key TEXT NOT NULL,
  side TEXT NOT NULL CHECK (side IN ('long','short')),
  opened_ms INTEGER NOT NULL,
  to_day INTEGER,
  q INTEGER NOT NULL CHECK (q > 0),
  PRIMARY KEY (market_id, from_day, position_key, side, opened_ms)
) WITHOUT ROWID, STRICT;
CREATE INDEX position_lots_end ON position_lots (market_id, to_day, from_day);
-- One market, day and way of closing: quantity closed, that of it whose opening is known, and the sum over this of quantity
-- times milliseconds from open to close.
CREATE TABLE closed_lots_day (
  market_id INTEGER NOT NULL,
  day_id INTEGER NOT NULL,
  closed_by TEXT NOT NULL CHECK (closed_by IN ('account','liquidation','adl')),
  closed_q INTEGER NOT NULL,
  known_q INTEGER NOT NULL,
  held_q_ms TEXT NOT NULL,
  PRIMARY KEY (market_id, day_id, closed_by)
) WITHOUT ROWID, STRICT;
