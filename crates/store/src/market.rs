//! Markets: rows that are a pure function of the catalog, the stored listings and the events seen, so that neither the
//! order of arrival nor an undone block leaves a trace.
//!
//! What the catalog says of a market goes before what the chain says; of several listings the earliest that tells a
//! property tells it. Where neither names a symbol, the key is the symbol.

use std::collections::HashMap;

use perpdex_core::{Basis, Catalog, ChainId, ChainKind, Event, EventBody, MarketListed, OiBasis, Resolved, VenueSlug, market_id};
use perpdex_reducer::{Expanded, MarketRow, RowKey, TokenRow, WaitFor, expand};

use crate::db::Tx;
use crate::fact::{height_cell, key_cells, named, read_chain, read_u8, read_venue};
use crate::reference::ensure_asset;
use crate::sql::{Bulk, Param, Record, Result};

/// A stored market with what decides how its events are kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Market {
    /// What expansion needs.
    pub(crate) row: MarketRow,
    asset_id: i64,
    first_height: u64,
    first_ms: i64,
    /// Whether the symbol is known from this place on.
    symbol_from: Known,
    /// Whether the native decimals are known from this place on.
    decimals_from: Known,
}

/// From where on a property of a market is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Always,
    From { height: u64, ord: i64, sub: u32 },
    Never,
}

impl Known {
    fn at(self, event: &Event) -> bool {
        match self {
            Known::Always => true,
            Known::From { height, ord, sub } => (height, ord, sub) <= (event.key.height, event.ord, event.key.sub),
            Known::Never => false,
        }
    }
}

impl Market {
    /// Whether rows of this event hang on a listing behind it, and must be made anew should that come or go.
    pub(crate) fn is_undescribed_at(&self, event: &Event) -> bool {
        if matches!(event.body, EventBody::MarketListed(_)) {
            return false;
        }
        if !self.symbol_from.at(event) {
            return true;
        }
        !self.decimals_from.at(event) && self.row.qty_decimals.is_some() && needs_decimals(event, &self.row)
    }

    /// The asset it is counted under.
    pub(crate) fn asset_id(&self) -> i64 {
        self.asset_id
    }

    /// Whether an event of the market stands at or below a height.
    pub(crate) fn is_seen_by(&self, height: u64) -> bool {
        self.first_height <= height
    }

    /// Whether it is known as having been met that early.
    pub(crate) fn is_seen_since(&self, seen: FirstSeen) -> bool {
        self.first_height <= seen.height && self.first_ms <= seen.ms
    }

    /// What is wrong if `old` became `self` although rows that nothing can make anew were scaled by `old`.
    pub(crate) fn contradicts(&self, old: &Market) -> Option<String> {
        let name = format!("market {} of {} on {}", self.row.market_key, self.row.venue, self.row.chain);
        let told_twice = |old: Known, new: Known| old != Known::Never && new != Known::Never;
        if self.asset_id != old.asset_id && told_twice(old.symbol_from, self.symbol_from) {
            return Some(format!("{name} is listed with two symbols: the earlier came later, use a new database"));
        }
        if self.row.qty_decimals != old.row.qty_decimals && told_twice(old.decimals_from, self.decimals_from) {
            return Some(format!("{name} is listed with two decimals: the earlier came later, use a new database"));
        }
        None
    }

    /// Whether rows made with `self` equal rows made with `other`.
    pub(crate) fn scales_like(&self, other: &Market) -> bool {
        self.asset_id == other.asset_id && self.row == other.row
    }
}

fn needs_decimals(event: &Event, row: &MarketRow) -> bool {
    let without = MarketRow { qty_decimals: None, ..row.clone() };
    matches!(expand(event, Some(&without), &|_| None::<TokenRow>), Ok(Expanded::Waiting(WaitFor::Market)))
}

/// All markets of some venues on a chain, by id.
pub(crate) async fn load(tx: &mut Tx, chain: ChainId, venues: &[VenueSlug], catalog: &Catalog) -> Result<HashMap<i64, Market>> {
    let ids: Vec<String> = venues.iter().map(|venue| venue.id().to_string()).collect();
    let of_venues = format!("chain_id = $1 AND venue_id IN ({})", ids.join(", "));
    let cells = || vec![chain.market_chain().as_i64().into()];
    let records = match venues {
        [] => Vec::new(),
        _ => tx.rows(&format!("{SELECT} WHERE m.{of_venues}"), cells()).await?,
    };
    if records.is_empty() {
        return Ok(HashMap::new());
    }
    // Of all markets at once: a venue may have hundreds, and this stands in every commit.
    let markets = format!("market_id IN (SELECT market_id FROM markets WHERE {of_venues})");
    let symbols = first_listings(tx, "symbol", &markets, cells()).await?;
    let decimals = first_listings(tx, "qty_decimals", &markets, cells()).await?;
    let mut out = HashMap::with_capacity(records.len());
    for record in &records {
        let market = read(record, &symbols, &decimals, catalog)?;
        out.insert(market.row.market_id, market);
    }
    Ok(out)
}

const SELECT: &str = "SELECT m.market_id, m.venue_id, m.chain_id, m.market_key, a.qty_scale, m.multiplier, m.qty_decimals, m.oi_basis, \
                      m.volume_basis, m.asset_id, m.first_height, m.first_ms FROM markets m JOIN assets a ON a.asset_id = m.asset_id";

/// The first listings of markets that tell one property, by market.
type Firsts = HashMap<i64, Known>;

fn read(r: &Record, symbols: &Firsts, decimals: &Firsts, catalog: &Catalog) -> Result<Market> {
    let row = MarketRow {
        market_id: r.int(0)?,
        venue: read_venue(r, 1)?,
        chain: read_chain(r, 2)?,
        market_key: r.string(3)?,
        qty_scale: read_u8(r, 4)?,
        multiplier: r.int(5)?,
        qty_decimals: match r.opt_int(6)? {
            Some(_) => Some(read_u8(r, 6)?),
            None => None,
        },
        oi_basis: r.parsed(7, "a basis", named)?,
        volume_basis: r.parsed(8, "a basis", named)?,
    };
    let (symbol_from, decimals_from) = known_from(&row, symbols, decimals, catalog);
    Ok(Market { row, asset_id: r.int(9)?, first_height: r.height(10)?, first_ms: r.int(11)?, symbol_from, decimals_from })
}

fn known_from(row: &MarketRow, symbols: &Firsts, decimals: &Firsts, catalog: &Catalog) -> (Known, Known) {
    // Without a log of listings the key is all that will ever be known.
    if matches!(row.chain.info().map(|info| info.kind), Some(ChainKind::HyperCore)) {
        return (Known::Always, Known::Always);
    }
    let first = |firsts: &Firsts| firsts.get(&row.market_id).copied().unwrap_or(Known::Never);
    let def = catalog.market(row.venue, row.chain, &row.market_key);
    let symbol = if def.is_some() { Known::Always } else { first(symbols) };
    let decimals = if def.is_some_and(|def| def.qty_decimals.is_some()) { Known::Always } else { first(decimals) };
    (symbol, decimals)
}

/// The places of the first listings that tell `column`, of the markets under a condition.
async fn first_listings(tx: &mut Tx, column: &'static str, markets: &str, params: Vec<Param>) -> Result<Firsts> {
    let sql = format!(
        "SELECT market_id, height, ord, sub FROM (SELECT market_id, height, ord, sub, ROW_NUMBER() OVER (PARTITION BY market_id \
         ORDER BY height, ord, sub) AS place FROM market_listings WHERE {column} IS NOT NULL AND {markets}) l WHERE place = 1"
    );
    let rows = tx.rows(&sql, params).await?;
    rows.iter().map(|r| Ok((r.int(0)?, Known::From { height: r.height(1)?, ord: r.int(2)?, sub: crate::fact::read_u32(r, 3)? }))).collect()
}

/// Writes listings of new events.
pub(crate) async fn insert_listings(tx: &mut Tx, events: &[&Event]) -> Result<()> {
    let mut bulk = Bulk::new("market_listings", LISTINGS);
    for event in events {
        let (EventBody::MarketListed(listed), Some(key)) = (&event.body, &event.market) else { continue };
        let [chain, height, rec, sub] = key_cells(&row_key(event));
        bulk.push([
            chain,
            height,
            rec,
            sub,
            event.ord.into(),
            event.time_ms.into(),
            market_id(event.venue, event.chain, key).into(),
            listed.symbol.clone().into(),
            listed.index_token.clone().into(),
            listed.native_qty_decimals.map(i64::from).into(),
            listed.quote.clone().into(),
            listed.collateral_tokens.join(" ").into(),
            Param::Name(listed.oi_basis.as_str()),
            Param::Name(listed.volume_basis.as_str()),
            listed.is_creation.into(),
        ]);
    }
    tx.bulk(bulk).await
}

const LISTINGS: &[&str] = &[
    "chain_id",
    "height",
    "rec",
    "sub",
    "ord",
    "ts_ms",
    "market_id",
    "symbol",
    "index_token",
    "qty_decimals",
    "quote",
    "collateral_tokens",
    "oi_basis",
    "volume_basis",
    "is_creation",
];

/// The key of an event as rows carry it.
pub(crate) fn row_key(event: &Event) -> RowKey {
    RowKey { chain: event.chain, height: event.key.height, rec: event.key.rec, sub: event.key.sub }
}

/// Where a market was first met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FirstSeen {
    /// Lowest height of its events.
    pub(crate) height: u64,
    /// Earliest time of its events, unix milliseconds.
    pub(crate) ms: i64,
}

impl FirstSeen {
    /// The earlier of both, by height and by time.
    pub(crate) fn min(self, other: FirstSeen) -> FirstSeen {
        FirstSeen { height: self.height.min(other.height), ms: self.ms.min(other.ms) }
    }
}

/// Writes the row of a market as catalog and listings have it now; gives it, and whether it is another than before.
pub(crate) async fn refresh(
    tx: &mut Tx,
    catalog: &Catalog,
    venue: VenueSlug,
    chain: ChainId,
    key: &str,
    stored: Option<&Market>,
    seen: Option<FirstSeen>,
) -> Result<(Market, bool)> {
    let chain = chain.market_chain();
    let id = market_id(venue, chain, key);
    let first = stored.map(|market| FirstSeen { height: market.first_height, ms: market.first_ms });
    let first = match (first, seen) {
        (Some(first), Some(seen)) => first.min(seen),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => unreachable!("a market is stored or seen"),
    };
    let told = Told::of(tx, id).await?;
    let def = catalog.market(venue, chain, key);
    let symbol = def.map(|def| def.symbol.clone()).or(told.symbol).unwrap_or_else(|| key.to_owned());
    let Resolved { asset, multiplier, mapped } = catalog.resolve(venue, &symbol);
    let asset_id = ensure_asset(tx, &asset).await?;
    let collateral = match def {
        Some(def) if told.collateral_tokens.is_empty() => def.collateral_tokens.join(" "),
        _ => told.collateral_tokens,
    };
    let qty_decimals = def.and_then(|def| def.qty_decimals).or(told.qty_decimals);
    let oi_basis = def.and_then(|def| def.oi_basis).unwrap_or(told.oi_basis);
    let volume_basis = def.and_then(|def| def.volume_basis).unwrap_or(told.volume_basis);
    let row = MarketRow {
        market_id: id,
        venue,
        chain,
        market_key: key.to_owned(),
        qty_scale: asset.qty_scale,
        multiplier,
        qty_decimals,
        oi_basis,
        volume_basis,
    };
    let mut bulk = Bulk::new("markets", MARKETS);
    bulk.push([
        id.into(),
        venue.id().into(),
        chain.as_i64().into(),
        key.into(),
        symbol.into(),
        asset_id.into(),
        multiplier.into(),
        mapped.into(),
        qty_decimals.map(i64::from).into(),
        told.quote.into(),
        collateral.into(),
        Param::Name(oi_basis.as_str()),
        Param::Name(volume_basis.as_str()),
        height_cell(first.height),
        first.ms.into(),
        told.listed_ms.into(),
    ]);
    let before = stored_row(tx, id).await?;
    tx.execute("DELETE FROM markets WHERE market_id = $1", vec![id.into()]).await?;
    tx.bulk(bulk).await?;
    let is_changed = stored_row(tx, id).await? != before;
    let symbols = first_listings(tx, "symbol", "market_id = $1", vec![id.into()]).await?;
    let decimals = first_listings(tx, "qty_decimals", "market_id = $1", vec![id.into()]).await?;
    let (symbol_from, decimals_from) = known_from(&row, &symbols, &decimals, catalog);
    Ok((Market { row, asset_id, first_height: first.height, first_ms: first.ms, symbol_from, decimals_from }, is_changed))
}

async fn stored_row(tx: &mut Tx, market_id: i64) -> Result<Option<Record>> {
    let sql = format!("SELECT {} FROM markets WHERE market_id = $1", MARKETS.join(", "));
    Ok(tx.rows(&sql, vec![market_id.into()]).await?.into_iter().next())
}

const MARKETS: &[&str] = &[
    "market_id",
    "venue_id",
    "chain_id",
    "market_key",
    "symbol",
    "asset_id",
    "multiplier",
    "mapped",
    "qty_decimals",
    "quote",
    "collateral_tokens",
    "oi_basis",
    "volume_basis",
    "first_height",
    "first_ms",
    "listed_ms",
];

/// Lowers the first height and time of a market whose other properties stand, and says whether they were higher.
pub(crate) async fn lower_first(tx: &mut Tx, market: &mut Market, seen: FirstSeen) -> Result<bool> {
    let first = FirstSeen { height: market.first_height, ms: market.first_ms }.min(seen);
    if (first.height, first.ms) != (market.first_height, market.first_ms) {
        let cells = vec![height_cell(first.height), first.ms.into(), market.row.market_id.into()];
        tx.execute("UPDATE markets SET first_height = $1, first_ms = $2 WHERE market_id = $3", cells).await?;
        (market.first_height, market.first_ms) = (first.height, first.ms);
        return Ok(true);
    }
    Ok(false)
}

/// What the listings of a market tell together.
struct Told {
    symbol: Option<String>,
    qty_decimals: Option<u8>,
    quote: Option<String>,
    collateral_tokens: String,
    oi_basis: OiBasis,
    volume_basis: Basis,
    listed_ms: Option<i64>,
}

impl Told {
    async fn of(tx: &mut Tx, market_id: i64) -> Result<Told> {
        let symbol = first(tx, market_id, "symbol", "symbol IS NOT NULL").await?;
        let decimals = first(tx, market_id, "qty_decimals", "qty_decimals IS NOT NULL").await?;
        let collateral = first(tx, market_id, "collateral_tokens", "collateral_tokens <> ''").await?;
        let listed = first(tx, market_id, "ts_ms", "is_creation = 1").await?;
        let basis = first(tx, market_id, "quote, oi_basis, volume_basis", "quote IS NOT NULL").await?;
        let (quote, oi_basis, volume_basis) = match &basis {
            Some(r) => (Some(r.string(0)?), r.parsed(1, "a basis", named)?, r.parsed(2, "a basis", named)?),
            None => (None, OiBasis::Qty, Basis::Exec),
        };
        Ok(Told {
            symbol: symbol.map(|r| r.string(0)).transpose()?,
            qty_decimals: decimals.map(|r| read_u8(&r, 0)).transpose()?,
            quote,
            collateral_tokens: collateral.map(|r| r.string(0)).transpose()?.unwrap_or_default(),
            oi_basis,
            volume_basis,
            listed_ms: listed.map(|r| r.int(0)).transpose()?,
        })
    }
}

async fn first(tx: &mut Tx, market_id: i64, columns: &str, condition: &str) -> Result<Option<Record>> {
    let sql = format!("SELECT {columns} FROM market_listings WHERE market_id = $1 AND {condition} ORDER BY height, ord, sub LIMIT 1");
    Ok(tx.rows(&sql, vec![market_id.into()]).await?.into_iter().next())
}

/// Whether a listing of this kind can change the row of a market.
pub(crate) fn is_listing(event: &Event) -> Option<&MarketListed> {
    match &event.body {
        EventBody::MarketListed(listed) => Some(listed),
        _ => None,
    }
}
