-- Lots of a position that were opened on one day stand in one row: a day writes rows for its positions, not for its fills.

DROP TABLE position_lots;
-- Lots as they stood at the ends of the days from_day up to, but without, to_day (NULL: and on to the day before the next one that
-- is not known). Lots that are gone by the end of their day leave no row. lots: a JSON array of the moment at which units were
-- opened (unix milliseconds, 0: before what is known) and their number, oldest first; opened_day is the day of all these moments.
CREATE TABLE position_lots (
  market_id BIGINT NOT NULL,
  from_day BIGINT NOT NULL,
  position_key TEXT NOT NULL,
  side TEXT NOT NULL CHECK (side IN ('long','short')),
  opened_day BIGINT NOT NULL,
  to_day BIGINT,
  lots TEXT NOT NULL,
  PRIMARY KEY (market_id, from_day, position_key, side, opened_day)
);
CREATE INDEX position_lots_end ON position_lots (market_id, to_day, from_day);
-- What was folded into the old rows is folded anew.
INSERT INTO dirty_lots (market_id, from_day, to_day)
  SELECT market_id, MIN(day_id), MAX(day_id) FROM market_day WHERE closed_q IS NOT NULL GROUP BY market_id
  ON CONFLICT (market_id) DO UPDATE SET
    from_day = CASE WHEN excluded.from_day < dirty_lots.from_day THEN excluded.from_day ELSE dirty_lots.from_day END,
    to_day = CASE WHEN excluded.to_day > dirty_lots.to_day THEN excluded.to_day ELSE dirty_lots.to_day END;
