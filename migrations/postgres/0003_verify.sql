-- Verification: what was proved again, and where the store differs from the proof.

-- Disjoint inclusive ranges, each inside of coverage; verified_ms is the oldest proof of the range.
CREATE TABLE verified_ranges (
  chain_id BIGINT NOT NULL,
  venue_id BIGINT NOT NULL,
  part TEXT NOT NULL,
  version BIGINT NOT NULL,
  from_height BIGINT NOT NULL,
  to_height BIGINT NOT NULL,
  evidence TEXT NOT NULL,
  evidence_rank BIGINT NOT NULL,
  verified_ms BIGINT NOT NULL,
  PRIMARY KEY (chain_id, venue_id, part, version, from_height),
  CHECK (to_height >= from_height)
);
-- One raw record in which store and proof differ; a later proof of its height takes it away.
CREATE TABLE verify_differences (
  chain_id BIGINT NOT NULL,
  venue_id BIGINT NOT NULL,
  part TEXT NOT NULL,
  version BIGINT NOT NULL,
  height BIGINT NOT NULL,
  rec BIGINT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('missing','extra','changed')),
  tx_id TEXT NOT NULL,
  stored_digest BYTEA,
  proved_digest BYTEA,
  evidence TEXT NOT NULL,
  found_ms BIGINT NOT NULL,
  PRIMARY KEY (chain_id, venue_id, part, version, height, rec)
);

-- Operation: where the newest run of each chain stands, and what its endpoints refused.
CREATE TABLE runs (
  chain_id BIGINT PRIMARY KEY,
  phase TEXT NOT NULL,
  outcome TEXT,
  error TEXT,
  started_ms BIGINT NOT NULL,
  updated_ms BIGINT NOT NULL,
  blocks_done BIGINT NOT NULL,
  blocks_total BIGINT NOT NULL,
  ranges_in_flight BIGINT NOT NULL,
  records BIGINT NOT NULL,
  calls BIGINT NOT NULL
);
CREATE TABLE run_errors (
  chain_id BIGINT NOT NULL,
  label TEXT NOT NULL,
  kind TEXT NOT NULL,
  calls BIGINT NOT NULL,
  last TEXT NOT NULL,
  PRIMARY KEY (chain_id, label, kind)
);

-- What is known, and what is not.
CREATE VIEW v_coverage AS
SELECT s.chain, s.venue, s.venue_group, s.venue || CASE WHEN r.part = '' THEN '' ELSE '.' || r.part END AS stream, r.version, r.from_height, r.to_height, to_char(to_timestamp((r.from_ms) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS from_time, to_char(to_timestamp((r.to_ms) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS to_time, r.from_ms, r.to_ms, r.evidence,
  CASE WHEN t.version IS NULL OR t.version = r.version THEN 1 ELSE 0 END AS wanted_version,
  CASE WHEN r.evidence_rank >= COALESCE(t.evidence_rank_min, 0) THEN 1 ELSE 0 END AS sufficient,
  (SELECT CAST(COALESCE(SUM(CASE WHEN v.to_height < r.to_height THEN v.to_height ELSE r.to_height END - CASE WHEN v.from_height > r.from_height THEN v.from_height ELSE r.from_height END + 1), 0) AS BIGINT)
    FROM verified_ranges v WHERE v.chain_id = r.chain_id AND v.venue_id = r.venue_id AND v.part = r.part AND v.version = r.version AND v.to_height >= r.from_height AND v.from_height <= r.to_height) AS verified_blocks,
  t.sees_unknown
FROM covered_ranges r JOIN h_streams s ON s.chain_id = r.chain_id AND s.venue_id = r.venue_id LEFT JOIN targets t ON t.chain_id = r.chain_id AND t.venue_id = r.venue_id AND t.part = r.part;

-- Wanted up to the final head, less what is covered well enough, with the recorded holes by their cause and the heights at
-- which verification found another history.
CREATE VIEW v_gaps AS
WITH wanted AS (SELECT t.chain_id, t.venue_id, t.part, t.version, t.evidence_rank_min, t.from_height AS lo,
    CASE WHEN t.to_height IS NULL THEN h.finalized WHEN h.finalized IS NULL OR t.to_height < h.finalized THEN t.to_height ELSE h.finalized END AS hi
  FROM targets t LEFT JOIN heads h ON h.chain_id = t.chain_id),
told AS (SELECT w.chain_id, w.venue_id, w.part, w.lo, w.hi, r.from_height AS f, r.to_height AS t FROM wanted w JOIN covered_ranges r
    ON r.chain_id = w.chain_id AND r.venue_id = w.venue_id AND r.part = w.part AND r.version = w.version AND r.evidence_rank >= w.evidence_rank_min
    AND r.to_height >= w.lo AND r.from_height <= w.hi
  UNION ALL SELECT w.chain_id, w.venue_id, w.part, w.lo, w.hi, g.from_height, g.to_height FROM wanted w JOIN gaps g
    ON g.chain_id = w.chain_id AND g.venue_id = w.venue_id AND g.part = w.part AND g.version = w.version AND g.to_height >= w.lo AND g.from_height <= w.hi
  UNION ALL SELECT chain_id, venue_id, part, lo, hi, hi + 1, hi + 1 FROM wanted WHERE hi >= lo),
holes AS (SELECT chain_id, venue_id, part, COALESCE(MAX(t) OVER (PARTITION BY chain_id, venue_id, part ORDER BY f, t ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) + 1, lo) AS f,
  f - 1 AS t FROM told)
SELECT s.chain, s.venue, s.venue_group, s.venue || CASE WHEN x.part = '' THEN '' ELSE '.' || x.part END AS stream, x.reason, x.from_height, x.to_height, x.detail
FROM (SELECT chain_id, venue_id, part, 'not_indexed' AS reason, f AS from_height, t AS to_height, '' AS detail FROM holes WHERE t >= f
  UNION ALL SELECT chain_id, venue_id, part, 'head_unknown', lo, hi, 'no endpoint has told the head of the chain yet' FROM wanted WHERE hi IS NULL
  UNION ALL SELECT g.chain_id, g.venue_id, g.part, g.reason, g.from_height, g.to_height, g.detail FROM gaps g
    LEFT JOIN targets t ON t.chain_id = g.chain_id AND t.venue_id = g.venue_id AND t.part = g.part
    WHERE g.version = COALESCE(t.version, g.version) AND g.to_height >= COALESCE(t.from_height, 0)
  UNION ALL SELECT d.chain_id, d.venue_id, d.part, 'verify_difference', d.height, d.height, COUNT(*) || ' records differ, see v_verify_differences' FROM verify_differences d
    GROUP BY d.chain_id, d.venue_id, d.part, d.height) x JOIN h_streams s ON s.chain_id = x.chain_id AND s.venue_id = x.venue_id;

CREATE VIEW v_verify_differences AS
SELECT to_char(to_timestamp((d.found_ms) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS time, d.found_ms AS ts_ms, s.chain, s.venue, s.venue_group, s.venue || CASE WHEN d.part = '' THEN '' ELSE '.' || d.part END AS stream, d.version, d.height, d.rec, d.kind, d.tx_id, d.stored_digest, d.proved_digest, d.evidence
FROM verify_differences d JOIN h_streams s ON s.chain_id = d.chain_id AND s.venue_id = d.venue_id;
