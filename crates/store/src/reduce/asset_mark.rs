//! What an asset is worth where one of its markets has no price of its own.
//!
//! Markets come first and take the median that stands; where a market's own mark came or went since, the median is made
//! anew here and the markets that use it become dirty once more. Own marks never hang on medians, so one more turn settles
//! all of them.

use perpdex_core::Decimal;
use perpdex_reducer::{AssetMark, MEDIAN, OwnMark, asset_marks};

use super::replace::replace;
use crate::db::Tx;
use crate::dirty::{Touched, mark};
use crate::sql::{Bulk, Record, Result};

/// Makes `asset_mark` of some hours, both inside, what the markets' own marks say, and marks the markets that use it where
/// it changed. Tells whether it did.
pub(super) async fn write(tx: &mut Tx, asset_id: i64, (from, to): (i64, i64)) -> Result<bool> {
    let sql = format!(
        "SELECT k.hour_id, m.venue_id, CASE WHEN k.mark_source <> '{MEDIAN}' THEN k.mark END, k.mark_age_ms FROM markets m \
         JOIN market_hour k ON k.market_id = m.market_id WHERE m.asset_id = $1 AND k.hour_id >= $2 AND k.hour_id <= $3 ORDER BY k.hour_id"
    );
    let scope = || vec![asset_id.into(), from.into(), to.into()];
    let own = |r: &Record| {
        let mark = r.opt_parsed(2, "a price", |text| Decimal::parse(text).ok())?;
        Ok(OwnMark { hour_id: r.int(0)?, venue_id: r.int(1)?, mark: mark.zip(r.opt_int(3)?) })
    };
    let own = tx.rows(&sql, scope()).await?.iter().map(own).collect::<Result<Vec<OwnMark>>>()?;
    let mut rows = Bulk::new("asset_mark", &["asset_id", "hour_id", "mark", "mark_f", "age_ms", "venues"]);
    for AssetMark { hour_id, mark, age_ms, venues } in asset_marks(&own) {
        rows.push([asset_id.into(), hour_id.into(), mark.to_string().into(), mark.to_f64().into(), age_ms.into(), venues.into()]);
    }
    let replaced = replace(tx, rows, 2, 1, "asset_id = $1 AND hour_id >= $2 AND hour_id <= $3", scope()).await?;
    let Some((first, last)) = replaced.changed else { return Ok(false) };
    let users = format!(
        "SELECT k.market_id, MIN(k.hour_id), MAX(k.hour_id) FROM markets m JOIN market_hour k ON k.market_id = m.market_id \
         WHERE m.asset_id = $1 AND k.hour_id >= $2 AND k.hour_id <= $3 AND (k.mark IS NULL OR k.mark_source = '{MEDIAN}') GROUP BY k.market_id"
    );
    let mut touched = Touched::default();
    for r in &tx.rows(&users, vec![asset_id.into(), first.into(), last.into()]).await? {
        touched.add(r.int(0)?, r.int(1)?, r.int(2)?);
    }
    mark(tx, &touched).await?;
    Ok(true)
}
