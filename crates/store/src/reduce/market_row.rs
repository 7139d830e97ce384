//! What a market's hours need of its row.

use perpdex_core::{ChainId, LiquidationFeed, VenueSlug};
use perpdex_reducer::hour_id;

use crate::db::Tx;
use crate::fact::{named, read_chain, read_u8, read_venue};
use crate::sql::Result;

/// A market's properties that its history needs.
pub(super) struct Market {
    pub(super) id: i64,
    pub(super) asset_id: i64,
    pub(super) chain: ChainId,
    pub(super) venue: VenueSlug,
    pub(super) qty_scale: u8,
    pub(super) first_ms: i64,
    pub(super) listed_ms: Option<i64>,
    pub(super) collateral_tokens: Vec<String>,
    pub(super) liquidation_feed: LiquidationFeed,
    pub(super) tells_accounts: bool,
}

/// Reads a market; `None` for one that is gone.
pub(super) async fn market(tx: &mut Tx, market_id: i64) -> Result<Option<Market>> {
    let sql = "SELECT m.chain_id, m.venue_id, m.asset_id, a.qty_scale, m.first_ms, m.listed_ms, m.collateral_tokens, \
               v.liquidation_feed, v.tells_accounts FROM markets m JOIN assets a ON a.asset_id = m.asset_id \
               JOIN venues v ON v.venue_id = m.venue_id WHERE m.market_id = $1";
    let rows = tx.rows(sql, vec![market_id.into()]).await?;
    let Some(r) = rows.first() else { return Ok(None) };
    let mut collateral_tokens: Vec<String> = r.text(6)?.split_whitespace().map(str::to_owned).collect();
    collateral_tokens.sort_unstable();
    collateral_tokens.dedup();
    Ok(Some(Market {
        id: market_id,
        chain: read_chain(r, 0)?,
        venue: read_venue(r, 1)?,
        asset_id: r.int(2)?,
        qty_scale: read_u8(r, 3)?,
        first_ms: r.int(4)?,
        listed_ms: r.opt_int(5)?,
        collateral_tokens,
        liquidation_feed: r.parsed(7, "a kind of feed", named)?,
        tells_accounts: r.flag(8)?,
    }))
}

impl Market {
    pub(super) fn first_hour(&self) -> i64 {
        hour_id(self.first_ms)
    }
}
