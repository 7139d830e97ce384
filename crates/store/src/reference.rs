//! Reference rows: chains, venues, assets, tokens. Markets are made by [`crate::market`].

use perpdex_core::{AssetDef, CHAINS, Catalog, ChainId, ChainKind, LiquidationFeed, VENUE_SLUGS, VenueModel, derived_id};

use crate::db::Tx;
use crate::options::StoreOptions;
use crate::sql::{Bulk, Fault, Param, Result};

/// The id of an asset: derived from its symbol.
pub(crate) fn asset_id(symbol: &str) -> i64 {
    derived_id(&["asset", symbol])
}

/// Writes what the program knows. Rows that are stored with other digits are an error: amounts were scaled by them.
pub(crate) async fn seed(tx: &mut Tx, catalog: &Catalog, options: &StoreOptions) -> Result<()> {
    for chain in CHAINS {
        ensure_chain(tx, chain.id).await?;
    }
    let mut venues = Bulk::new("venues", &["venue_id", "slug", "venue_group", "model", "liquidation_feed", "tells_accounts"]);
    for (id, slug) in VENUE_SLUGS {
        let told = options.venues.iter().find(|venue| venue.slug == *slug);
        let (group, model) = told.map_or((slug.as_str(), VenueModel::Pool), |venue| (venue.group, venue.model));
        let feed = told.map_or(LiquidationFeed::Complete, |venue| venue.liquidation_feed);
        let names = [slug.as_str(), group, model.as_str(), feed.as_str()].map(Param::Name);
        venues.cells.push((*id).into());
        venues.cells.extend(names);
        venues.cells.push(told.is_none_or(|venue| venue.tells_accounts).into());
    }
    let told_anew = "ON CONFLICT (venue_id) DO UPDATE SET venue_group = excluded.venue_group, model = excluded.model, \
                     liquidation_feed = excluded.liquidation_feed, tells_accounts = excluded.tells_accounts";
    tx.upsert(venues, told_anew).await?;
    for asset in catalog.assets() {
        ensure_asset(tx, asset).await?;
    }
    seed_tokens(tx, catalog).await
}

async fn seed_tokens(tx: &mut Tx, catalog: &Catalog) -> Result<()> {
    let stored = tx.rows("SELECT chain_id, address, decimals FROM tokens", Vec::new()).await?;
    for row in &stored {
        let (chain, address) = (crate::fact::read_chain(row, 0)?, row.text(1)?);
        let (decimals, told) = (row.int(2)?, catalog.token(chain, address).map(|token| i64::from(token.decimals)));
        if told.is_some_and(|told| told != decimals) {
            let told = told.unwrap_or_default();
            return Err(Fault::Corrupt(format!(
                "token {address} on {chain} is stored with {decimals} decimals but the catalog says {told}: use a new database"
            )));
        }
    }
    let mut tokens = Bulk::new("tokens", &["chain_id", "address", "symbol", "decimals", "usd_par"]);
    for token in catalog.tokens() {
        let Some(chain) = ChainId::from_slug(&token.chain) else { continue };
        let (address, symbol) = (token.address.clone(), token.symbol.clone());
        tokens.push([chain.as_i64().into(), address.into(), symbol.into(), i64::from(token.decimals).into(), token.usd_par.into()]);
    }
    tx.upsert(tokens, "ON CONFLICT (chain_id, address) DO UPDATE SET symbol = excluded.symbol, usd_par = excluded.usd_par").await
}

/// Writes a chain's row if it has none.
pub(crate) async fn ensure_chain(tx: &mut Tx, chain: ChainId) -> Result<()> {
    let kind = match chain.info().map_or(ChainKind::Evm, |info| info.kind) {
        ChainKind::Evm => "evm",
        ChainKind::Svm => "svm",
        ChainKind::HyperCore => "hypercore",
        ChainKind::OffChain => "offchain",
    };
    let depth = chain.info().map_or(0, |info| info.final_depth);
    let cells = vec![chain.as_i64().into(), chain.to_string().into(), Param::Name(kind), crate::fact::height_cell(depth)];
    let sql = "INSERT INTO chains (chain_id, slug, kind, final_depth) VALUES ($1, $2, $3, $4) ON CONFLICT (chain_id) DO NOTHING";
    tx.execute(sql, cells).await?;
    Ok(())
}

/// Writes an asset's row if it has none, and gives its id.
pub(crate) async fn ensure_asset(tx: &mut Tx, asset: &AssetDef) -> Result<i64> {
    let id = asset_id(&asset.symbol);
    let stored = tx.rows("SELECT qty_scale FROM assets WHERE asset_id = $1", vec![id.into()]).await?;
    match stored.first() {
        Some(row) if row.int(0)? != i64::from(asset.qty_scale) => Err(Fault::Corrupt(format!(
            "asset {} is stored with qty_scale {} but the catalog says {}: use a new database",
            asset.symbol,
            row.int(0)?,
            asset.qty_scale
        ))),
        Some(_) => Ok(id),
        None => {
            let unit = 10_i64.pow(u32::from(asset.qty_scale));
            let cells =
                vec![id.into(), asset.symbol.clone().into(), asset.class.clone().into(), i64::from(asset.qty_scale).into(), unit.into()];
            tx.execute("INSERT INTO assets (asset_id, symbol, class, qty_scale, qty_unit) VALUES ($1, $2, $3, $4, $5)", cells).await?;
            Ok(id)
        }
    }
}

/// Removes assets that no row of the catalog names and no market needs any more.
pub(crate) async fn remove_unused_assets(tx: &mut Tx) -> Result<()> {
    let sql = "DELETE FROM assets WHERE class = 'unmapped' AND asset_id NOT IN (SELECT asset_id FROM markets)";
    tx.execute(sql, Vec::new()).await?;
    Ok(())
}
