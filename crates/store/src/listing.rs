//! Windows of listings: how far a walk from the newest entry down has come.

use perpdex_core::{BlockRange, ChainId, ListingWindow};

use crate::db::{Db, Tx};
use crate::fact::height_cell;
use crate::sql::{Bulk, Param, Record, Result};

const COLUMNS: &[&str] = &["chain_id", "listing", "from_height", "to_height", "above", "below", "entries", "digest", "label"];

/// Windows of one listing that touch a range.
const TOUCHING: &str = "chain_id = $1 AND listing = $2 AND to_height >= $3 AND from_height <= $4";

fn touching(chain: ChainId, listing: &str, range: BlockRange) -> Vec<Param> {
    vec![chain.as_i64().into(), listing.to_owned().into(), height_cell(range.from()), height_cell(range.to())]
}

/// The windows of a listing that touch the range, ascending.
pub(crate) async fn windows(db: &Db, chain: ChainId, listing: &str, range: BlockRange) -> Result<Vec<ListingWindow>> {
    let sql = format!("SELECT {} FROM listing_windows WHERE {TOUCHING} ORDER BY from_height", COLUMNS[2..].join(", "));
    db.rows(&sql, touching(chain, listing, range)).await?.iter().map(read).collect()
}

/// Writes windows in the place of all that overlap them.
pub(crate) async fn keep(db: &Db, chain: ChainId, listing: &str, windows: &[ListingWindow]) -> Result<()> {
    let mut tx = db.begin().await?;
    let mut bulk = Bulk::new("listing_windows", COLUMNS);
    for window in windows {
        delete(&mut tx, chain, listing, window.range).await?;
        bulk.push([
            chain.as_i64().into(),
            listing.to_owned().into(),
            height_cell(window.range.from()),
            height_cell(window.range.to()),
            window.above.clone().map_or(Param::Null, Param::from),
            window.below.clone().map_or(Param::Null, Param::from),
            height_cell(window.entries),
            window.digest.into(),
            window.label.clone().into(),
        ]);
    }
    tx.bulk(bulk).await?;
    tx.commit().await
}

/// Removes the windows of a listing that touch the range.
pub(crate) async fn forget(db: &Db, chain: ChainId, listing: &str, range: BlockRange) -> Result<()> {
    let mut tx = db.begin().await?;
    delete(&mut tx, chain, listing, range).await?;
    tx.commit().await
}

async fn delete(tx: &mut Tx, chain: ChainId, listing: &str, range: BlockRange) -> Result<()> {
    tx.execute(&format!("DELETE FROM listing_windows WHERE {TOUCHING}"), touching(chain, listing, range)).await?;
    Ok(())
}

fn read(r: &Record) -> Result<ListingWindow> {
    let range = BlockRange::new(r.height(0)?, r.height(1)?).ok_or_else(|| r.unexpected(1, "the end of a window"))?;
    Ok(ListingWindow {
        range,
        above: r.opt_string(2)?,
        below: r.opt_string(3)?,
        entries: r.height(4)?,
        digest: r.int(5)?,
        label: r.string(6)?,
    })
}
