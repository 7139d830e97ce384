//! The anchors at which levels begin: of each stretch of coverage the first moment at which the chain has stated every
//! part of the level.

use perpdex_reducer::{AnchorBase, AnchorPart, CoveredTime, HOUR_MS, HourDelta, hour_id};

use super::market_row::Market;
use crate::db::Tx;
use crate::sql::{Param, Result};

/// The whole anchors of some stretches of coverage, ascending.
pub(crate) async fn load(tx: &mut Tx, market: &Market, stretches: &[CoveredTime]) -> Result<Vec<AnchorBase>> {
    let parts = if stretches.is_empty() { Vec::new() } else { parts(tx, market).await? };
    let mut bases = Vec::new();
    for stretch in stretches.iter().filter(|_| !parts.is_empty()) {
        bases.extend(first_whole(tx, market.id, &parts, stretch).await?);
    }
    Ok(bases)
}

/// One part of a stated level.
struct Part {
    /// Token, or empty where levels are stated for all collateral at once.
    collateral: String,
    is_long: bool,
}

impl Part {
    /// Columns of quantity and entry cost.
    fn columns(&self) -> (&'static str, &'static str) {
        if self.is_long { ("long_q", "long_usd_e6") } else { ("short_q", "short_usd_e6") }
    }
}

/// The parts that make a level whole; none where no anchor is stored, or the market's collateral is not known.
async fn parts(tx: &mut Tx, market: &Market) -> Result<Vec<Part>> {
    let sql = "SELECT collateral_token FROM oi_anchors WHERE market_id = $1 AND long_q IS NOT NULL ORDER BY COALESCE(collateral_token, '') DESC LIMIT 1";
    let Some(row) = tx.rows(sql, vec![market.id.into()]).await?.into_iter().next() else { return Ok(Vec::new()) };
    let tokens = match row.opt_text(0)? {
        Some(_) => market.collateral_tokens.clone(),
        None => vec![String::new()],
    };
    let sides = |collateral: String| [true, false].map(|is_long| Part { collateral: collateral.clone(), is_long });
    Ok(tokens.into_iter().flat_map(sides).collect())
}

async fn first_whole(tx: &mut Tx, market_id: i64, parts: &[Part], stretch: &CoveredTime) -> Result<Option<AnchorBase>> {
    let mut whole: Option<(i64, i64, i64)> = None;
    for part in parts {
        let (q, _) = part.columns();
        let sql = format!(
            "SELECT ts_ms, height, chain_id FROM oi_anchors WHERE market_id = $1 AND COALESCE(collateral_token, '') = $2 AND {q} IS NOT NULL \
             AND ts_ms >= $3 AND ts_ms <= $4 ORDER BY ts_ms, height LIMIT 1"
        );
        let params = vec![market_id.into(), part.collateral.clone().into(), stretch.from_ms.into(), stretch.to_ms.into()];
        let Some(row) = tx.rows(&sql, params).await?.into_iter().next() else { return Ok(None) };
        whole = whole.max(Some((row.int(0)?, row.int(1)?, row.int(2)?)));
    }
    let Some((ts_ms, height, chain_id)) = whole else { return Ok(None) };
    let mut values = Vec::with_capacity(parts.len());
    for part in parts {
        let (q, usd) = part.columns();
        let sql = format!(
            "SELECT {q}, {usd} FROM oi_anchors WHERE market_id = $1 AND COALESCE(collateral_token, '') = $2 AND {q} IS NOT NULL \
             AND (ts_ms < $3 OR (ts_ms = $3 AND height <= $4)) ORDER BY ts_ms DESC, height DESC, ord DESC, sub DESC LIMIT 1"
        );
        let params = vec![market_id.into(), part.collateral.clone().into(), ts_ms.into(), height.into()];
        for row in &tx.rows(&sql, params).await? {
            values.push(AnchorPart { is_long: part.is_long, q: row.int(0)?, usd_e6: row.opt_int(1)? });
        }
    }
    Ok(Some(AnchorBase { ts_ms, parts: values, tail: tail(tx, market_id, (ts_ms, height, chain_id)).await? }))
}

/// Changes behind an anchor's block in the same hour; on another view of its chain, whose heights are others, behind its time.
async fn tail(tx: &mut Tx, market_id: i64, (ts_ms, height, chain_id): (i64, i64, i64)) -> Result<Vec<HourDelta>> {
    let sql = "SELECT long_delta_q, short_delta_q, long_delta_usd_e6, short_delta_usd_e6 FROM fills \
               WHERE market_id = $1 AND ts_ms >= $2 AND ts_ms < $3 \
               AND ((chain_id = $5 AND height > $4) OR (chain_id <> $5 AND ts_ms > $2)) AND (long_delta_q <> 0 OR short_delta_q <> 0) \
               ORDER BY ts_ms, height, ord, sub";
    let hour = hour_id(ts_ms);
    let params: Vec<Param> = vec![market_id.into(), ts_ms.into(), ((hour + 1) * HOUR_MS).into(), height.into(), chain_id.into()];
    let told = |q: i64, usd: Option<i64>| if q == 0 { Some(0) } else { usd };
    let delta = |r: &crate::sql::Record| {
        let (long_q, short_q) = (r.int(0)?, r.int(1)?);
        let (long_usd_e6, short_usd_e6) = (told(long_q, r.opt_int(2)?), told(short_q, r.opt_int(3)?));
        Ok(HourDelta { hour_id: hour, long_q, short_q, long_usd_e6, short_usd_e6, ..HourDelta::default() })
    };
    tx.rows(sql, params).await?.iter().map(delta).collect()
}
