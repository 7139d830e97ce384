//! Stated levels against computed ones: for every market whose venue states levels, the level that follows from an earlier statement
//! and the fills since is held against each later statement, side by side and collateral by collateral.

use alloy_primitives::I256;
use perpdex_core::Decimal;
use perpdex_reducer::CoveredTime;
use serde::Serialize;

use crate::db::{Db, Tx};
use crate::reduce::fills_covered;
use crate::sql::{Bulk, Param, Record, Result};

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
    let sql = "SELECT m.market_id, m.multiplier, a.qty_scale FROM markets m JOIN assets a ON a.asset_id = m.asset_id \
               WHERE EXISTS (SELECT 1 FROM oi_anchors o WHERE o.market_id = m.market_id) ORDER BY m.market_id";
    let mut done = OiChecks::default();
    for row in &tx.rows(sql, Vec::new()).await? {
        done.markets += 1;
        let market = Market { id: row.int(0)?, multiplier: row.int(1)?, qty_scale: crate::fact::read_u8(row, 2)? };
        check_market(&mut tx, &market, &mut done).await?;
    }
    tx.commit().await?;
    Ok(done)
}

/// A market with stated levels.
struct Market {
    id: i64,
    multiplier: i64,
    qty_scale: u8,
}

/// One statement: the last of its block for its collateral and the sides it tells.
struct Stated {
    key: [i64; 4],
    ts_ms: i64,
    /// Long, short.
    sides: [Option<Level>; 2],
}

/// A level in canonical and in native units; native ones are not known where the fills count otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Level {
    q: i64,
    native: Option<I256>,
}

/// How far a side has been followed from its base.
#[derive(Clone, Copy)]
struct Way {
    base_ms: i64,
    at: [i64; 2],
    at_ms: i64,
    level: Level,
}

async fn check_market(tx: &mut Tx, market: &Market, done: &mut OiChecks) -> Result<()> {
    let covered = fills_covered(tx, market.id).await?;
    let chains = tx.rows("SELECT DISTINCT chain_id FROM fills WHERE market_id = $1", vec![market.id.into()]).await?;
    let fills_chain = match &chains[..] {
        [one] => Some(one.int(0)?),
        _ => None,
    };
    let sql = "SELECT DISTINCT COALESCE(collateral_token, '') FROM oi_anchors WHERE market_id = $1 ORDER BY 1";
    for part in tx.rows(sql, vec![market.id.into()]).await? {
        let token = part.string(0)?;
        let stated = statements(tx, market, &token).await?;
        let mut out = Bulk::new("oi_checks", COLUMNS);
        let mut ways: [Option<Way>; 2] = [None, None];
        for now in stated {
            let mut found: [Option<(Way, Level)>; 2] = [None, None];
            for side in [0, 1] {
                let Some(level) = now.sides[side] else { continue };
                let way = ways[side].filter(|way| is_covered(&covered, way.at_ms, now.ts_ms));
                let start = Way { base_ms: now.ts_ms, at: [now.key[0], now.key[1]], at_ms: now.ts_ms, level };
                ways[side] = Some(match way {
                    Some(way) => {
                        let level = follow(tx, market, &token, side, &way, &now, fills_chain).await?;
                        let way = Way { at: start.at, at_ms: start.at_ms, level, ..way };
                        found[side] = Some((way, level));
                        way
                    }
                    None => start,
                });
            }
            if found.iter().all(Option::is_none) {
                done.unreachable += 1;
                continue;
            }
            done.checked += 1;
            done.differing += u64::from(push(&mut out, market, &token, &now, &found));
        }
        tx.bulk(out).await?;
    }
    Ok(())
}

/// The last statements of each block, ascending.
async fn statements(tx: &mut Tx, market: &Market, token: &str) -> Result<Vec<Stated>> {
    let sql = "SELECT chain_id, height, rec, sub, ts_ms, long_q, short_q, long_native, short_native, \
               (SELECT MAX(f.native_decimals) FROM fills f WHERE f.market_id = $1 AND f.ts_ms = \
               (SELECT MAX(g.ts_ms) FROM fills g WHERE g.market_id = $1)) \
               FROM oi_anchors WHERE market_id = $1 AND COALESCE(collateral_token, '') = $2 ORDER BY ts_ms, chain_id, height, ord, sub";
    let mut out: Vec<Stated> = Vec::new();
    for row in tx.rows(sql, vec![market.id.into(), token.into()]).await? {
        let decimals = match row.opt_int(9)? {
            Some(_) => Some(crate::fact::read_u8(&row, 9)?),
            None => None,
        };
        let side = |q: usize, native: usize| -> Result<Option<Level>> {
            let Some(q) = row.opt_int(q)? else { return Ok(None) };
            let native = row.opt_exact(native)?.filter(|native| decimals.is_some_and(|decimals| market.is_same(*native, decimals, q)));
            Ok(Some(Level { q, native }))
        };
        let key = [row.int(0)?, row.int(1)?, row.int(2)?, row.int(3)?];
        let now = Stated { key, ts_ms: row.int(4)?, sides: [side(5, 7)?, side(6, 8)?] };
        match out.last_mut().filter(|last| last.key[..2] == now.key[..2]) {
            Some(last) => {
                // A later statement of the block takes the place of an earlier one, side by side.
                last.sides = [now.sides[0].or(last.sides[0]), now.sides[1].or(last.sides[1])];
                last.key = now.key;
            }
            None => out.push(now),
        }
    }
    Ok(out)
}

impl Market {
    /// Whether a statement's own integer is its quantity when read with the fills' decimals.
    fn is_same(&self, native: I256, decimals: u8, q: i64) -> bool {
        let quantity =
            Decimal::new(native, decimals).mul(&Decimal::from(self.multiplier)).and_then(|quantity| quantity.to_i64(self.qty_scale));
        quantity.is_ok_and(|quantity| quantity == q)
    }
}

/// The level of a side after the fills between two statements. On one chain blocks tell what lies between, else times do.
async fn follow(tx: &mut Tx, market: &Market, token: &str, side: usize, way: &Way, now: &Stated, fills: Option<i64>) -> Result<Level> {
    let name = ["long", "short"][side];
    let by_height = fills == Some(now.key[0]) && way.at[0] == now.key[0];
    let between = if by_height { "height > $4 AND height <= $5 AND ts_ms >= $2 AND ts_ms <= $3" } else { "ts_ms > $2 AND ts_ms <= $3" };
    let mut cells: Vec<Param> = vec![market.id.into(), way.at_ms.into(), now.ts_ms.into()];
    if by_height {
        cells.extend([Param::from(way.at[1]), now.key[1].into()]);
    }
    let mut of_token = String::new();
    if !token.is_empty() {
        of_token = format!(" AND collateral_token = ${}", cells.len() + 1);
        cells.push(token.into());
    }
    let sql = format!("SELECT {name}_delta_q, {name}_delta_native FROM fills WHERE market_id = $1 AND {between}{of_token}");
    let mut level = way.level;
    for row in tx.rows(&sql, cells).await? {
        level = add(level, &row)?;
    }
    let is_native = now.sides[side].is_some_and(|stated| stated.native.is_some());
    Ok(Level { native: level.native.filter(|_| is_native), ..level })
}

fn add(level: Level, row: &Record) -> Result<Level> {
    let change = row.exact(1)?;
    Ok(Level { q: level.q.saturating_add(row.int(0)?), native: level.native.and_then(|native| native.checked_add(change)) })
}

/// Adds the row of a statement; tells whether it differs.
fn push(out: &mut Bulk, market: &Market, token: &str, now: &Stated, found: &[Option<(Way, Level)>; 2]) -> bool {
    let computed = found.map(|side| side.map(|(_, level)| level));
    let stated = [0, 1].map(|side| computed[side].and(now.sides[side]));
    let both = [0, 1].map(|side| computed[side].zip(stated[side]));
    let difference_q = both.map(|both| both.map(|(computed, stated)| computed.q.saturating_sub(stated.q)));
    let difference_native = both.map(|both| both.and_then(|(computed, stated)| computed.native?.checked_sub(stated.native?)));
    let base_ms = found.iter().flatten().map(|(way, _)| way.base_ms).min().unwrap_or(now.ts_ms);
    let [chain_id, height, rec, sub] = now.key;
    out.push([
        chain_id.into(),
        height.into(),
        rec.into(),
        sub.into(),
        market.id.into(),
        now.ts_ms.into(),
        base_ms.into(),
        Some(token).filter(|token| !token.is_empty()).map(str::to_owned).into(),
        computed[0].map(|level| level.q).into(),
        computed[1].map(|level| level.q).into(),
        stated[0].map(|level| level.q).into(),
        stated[1].map(|level| level.q).into(),
        difference_q[0].into(),
        difference_q[1].into(),
        difference_native[0].into(),
        difference_native[1].into(),
    ]);
    // Canonical quantities are rounded, each by itself: where the contract's integers are known, these decide.
    [0, 1].iter().any(|side| match (difference_native[*side], difference_q[*side]) {
        (Some(native), _) => !native.is_zero(),
        (None, q) => q.is_some_and(|q| q != 0),
    })
}

const COLUMNS: &[&str] = &[
    "chain_id",
    "height",
    "rec",
    "sub",
    "market_id",
    "ts_ms",
    "base_ms",
    "collateral_token",
    "computed_long_q",
    "computed_short_q",
    "stated_long_q",
    "stated_short_q",
    "difference_long_q",
    "difference_short_q",
    "difference_long_native",
    "difference_short_native",
];

/// Whether all fills between two moments are known.
fn is_covered(covered: &[CoveredTime], from_ms: i64, to_ms: i64) -> bool {
    covered.iter().any(|stretch| stretch.from_ms <= from_ms && to_ms <= stretch.to_ms)
}
