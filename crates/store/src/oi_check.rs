//! Stated levels against computed ones: for every market whose venue states levels, the level that follows from an earlier statement
//! and the fills since is held against each later statement.

use perpdex_reducer::CoveredTime;
use serde::Serialize;

use crate::reduce::fills_covered;
use crate::sql::{Bulk, Db, Record, Result, Tx};

/// What a check found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OiChecks {
    /// Markets with stated levels.
    pub markets: u64,
    /// Statements that could be held against a computed level.
    pub checked: u64,
    /// Of them those that differ.
    pub differing: u64,
    /// Statements with no covered way from an earlier one: they begin a new way.
    pub unreachable: u64,
}

/// Checks every market anew and replaces `oi_checks`.
pub(crate) async fn check(db: &Db) -> Result<OiChecks> {
    let mut tx = db.begin().await?;
    tx.execute("DELETE FROM oi_checks", Vec::new()).await?;
    let sql = "SELECT m.market_id FROM markets m WHERE EXISTS (SELECT 1 FROM oi_anchors a \
               WHERE a.market_id = m.market_id AND a.collateral_token IS NULL AND a.long_q IS NOT NULL AND a.short_q IS NOT NULL) \
               ORDER BY m.market_id";
    let mut done = OiChecks::default();
    for row in &tx.rows(sql, Vec::new()).await? {
        done.markets += 1;
        check_market(&mut tx, row.int(0)?, &mut done).await?;
    }
    tx.commit().await?;
    Ok(done)
}

/// One stated level.
#[derive(Clone, Copy)]
struct Stated {
    key: [i64; 4],
    ts_ms: i64,
    long_q: i64,
    short_q: i64,
}

async fn check_market(tx: &mut Tx, market_id: i64, done: &mut OiChecks) -> Result<()> {
    let covered = fills_covered(tx, market_id).await?;
    let sql = "SELECT chain_id, height, rec, sub, ts_ms, long_q, short_q FROM oi_anchors WHERE market_id = $1 AND collateral_token IS NULL \
               AND long_q IS NOT NULL AND short_q IS NOT NULL ORDER BY ts_ms, chain_id, height, ord, sub";
    let stated = tx.rows(sql, vec![market_id.into()]).await?.iter().map(read).collect::<Result<Vec<Stated>>>()?;
    let mut out = Bulk::new("oi_checks", COLUMNS);
    // Where the way began, and the level that it has come to.
    let mut way: Option<(i64, i64, i64, i64)> = None;
    for now in stated {
        let Some((base_ms, at_ms, long_q, short_q)) = way.filter(|(_, at_ms, ..)| is_covered(&covered, *at_ms, now.ts_ms)) else {
            done.unreachable += 1;
            way = Some((now.ts_ms, now.ts_ms, now.long_q, now.short_q));
            continue;
        };
        let sql = "SELECT CAST(COALESCE(SUM(long_delta_q), 0) AS BIGINT), CAST(COALESCE(SUM(short_delta_q), 0) AS BIGINT) FROM fills \
                   WHERE market_id = $1 AND ts_ms > $2 AND ts_ms <= $3";
        let sums = tx.rows(sql, vec![market_id.into(), at_ms.into(), now.ts_ms.into()]).await?;
        let change = |at: usize| sums.first().map_or(Ok(0), |row| row.int(at));
        let (long_q, short_q) = (long_q + change(0)?, short_q + change(1)?);
        way = Some((base_ms, now.ts_ms, long_q, short_q));
        done.checked += 1;
        done.differing += u64::from((long_q, short_q) != (now.long_q, now.short_q));
        let [chain_id, height, rec, sub] = now.key;
        out.push([
            chain_id.into(),
            height.into(),
            rec.into(),
            sub.into(),
            market_id.into(),
            now.ts_ms.into(),
            base_ms.into(),
            long_q.into(),
            short_q.into(),
            now.long_q.into(),
            now.short_q.into(),
            (long_q - now.long_q).into(),
            (short_q - now.short_q).into(),
        ]);
    }
    tx.bulk(out).await
}

const COLUMNS: &[&str] = &[
    "chain_id",
    "height",
    "rec",
    "sub",
    "market_id",
    "ts_ms",
    "base_ms",
    "computed_long_q",
    "computed_short_q",
    "stated_long_q",
    "stated_short_q",
    "difference_long_q",
    "difference_short_q",
];

fn read(r: &Record) -> Result<Stated> {
    let key = [r.int(0)?, r.int(1)?, r.int(2)?, r.int(3)?];
    Ok(Stated { key, ts_ms: r.int(4)?, long_q: r.int(5)?, short_q: r.int(6)? })
}

/// Whether all fills between two moments are known.
fn is_covered(covered: &[CoveredTime], from_ms: i64, to_ms: i64) -> bool {
    covered.iter().any(|stretch| stretch.from_ms <= from_ms && to_ms <= stretch.to_ms)
}
