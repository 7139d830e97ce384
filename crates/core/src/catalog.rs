//! Reference data that no chain states: assets, aliases, tokens, and markets without discovery on chain.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Basis, ChainId, OiBasis, VenueSlug};

/// One canonical underlying.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssetDef {
    /// Canonical symbol, `BTC`.
    pub symbol: String,
    /// crypto, fx, equity, commodity, index.
    pub class: String,
    /// Digits behind the point of every stored quantity of this asset, 0 to 18.
    pub qty_scale: u8,
}

/// One venue symbol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AliasDef {
    /// The venue whose symbol it is; `*` for all. A row of the venue itself wins.
    pub venue: String,
    /// The venue's symbol, as it writes it.
    pub symbol: String,
    /// The canonical asset.
    pub asset: String,
    /// Canonical units in one venue unit (`kPEPE`: 1000).
    #[serde(default = "one")]
    pub multiplier: i64,
}

fn one() -> i64 {
    1
}

/// One token contract, mint, or HyperCore token symbol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenDef {
    /// Chain slug.
    pub chain: String,
    /// Contract (lower-case hex), mint (base58), or symbol on HyperCore.
    pub address: String,
    /// Symbol.
    pub symbol: String,
    /// Decimals of the smallest unit.
    pub decimals: u8,
    /// Whether one token counts as one dollar (dollar stablecoins).
    #[serde(default)]
    pub usd_par: bool,
}

/// One market that a chain does not describe well enough by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketDef {
    /// Venue slug.
    pub venue: String,
    /// Chain slug.
    pub chain: String,
    /// The venue's key of the market, as decoders give it (addresses in lower-case hex). `1/*` stands for all whose keys
    /// begin with `1/` and have no row of their own.
    pub key: String,
    /// The venue's symbol, looked up in the aliases.
    pub symbol: String,
    /// Decimals of the native quantity, where the decoder leaves them to the market ([`crate::Unit::MarketQty`]).
    #[serde(default)]
    pub qty_decimals: Option<u8>,
    /// Collateral tokens of positions, where fixed.
    #[serde(default)]
    pub collateral_tokens: Vec<String>,
    /// What the venue's own level means, where no listing on the chain tells; quantity of the asset if neither does.
    #[serde(default)]
    pub oi_basis: Option<OiBasis>,
    /// Which notional the venue counts, likewise; execution price if neither tells.
    #[serde(default)]
    pub volume_basis: Option<Basis>,
}

/// All reference data, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    assets: BTreeMap<String, AssetDef>,
    aliases: BTreeMap<(String, String), AliasDef>,
    tokens: BTreeMap<(u64, String), TokenDef>,
    markets: BTreeMap<(VenueSlug, u64, String), MarketDef>,
}

/// What a venue symbol stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The canonical asset, or a row of the symbol's own where no alias is known.
    pub asset: AssetDef,
    /// Canonical units in one venue unit.
    pub multiplier: i64,
    /// Whether an alias says so; unmapped markets are indexed exactly, under an asset of their own.
    pub mapped: bool,
}

/// A row of reference data that contradicts another.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{table} {key:?}: {message}")]
pub struct CatalogError {
    /// Which table.
    pub table: &'static str,
    /// Which row.
    pub key: String,
    /// What is wrong with it.
    pub message: String,
}

/// Digits of assets that no row names: Hyperliquid's sizes have at most six, and 9 * 10^12 units still fit.
const QTY_SCALE_UNMAPPED: u8 = 6;

impl Catalog {
    /// Adds rows; a later row of the same key replaces an earlier one (a user's file over the built-in table).
    pub fn extend(
        &mut self,
        assets: Vec<AssetDef>,
        aliases: Vec<AliasDef>,
        tokens: Vec<TokenDef>,
        markets: Vec<MarketDef>,
    ) -> Result<(), CatalogError> {
        for asset in assets {
            if asset.qty_scale > 18 {
                return Err(error("asset", &asset.symbol, "qty_scale must be 0 to 18"));
            }
            self.assets.insert(asset.symbol.clone(), asset);
        }
        for alias in aliases {
            if alias.venue != "*" && VenueSlug::from_slug(&alias.venue).is_none() {
                return Err(error("alias", &alias.symbol, &format!("unknown venue {:?}", alias.venue)));
            }
            if !self.assets.contains_key(&alias.asset) {
                return Err(error("alias", &alias.symbol, &format!("unknown asset {:?}", alias.asset)));
            }
            if alias.multiplier < 1 {
                return Err(error("alias", &alias.symbol, "multiplier must be 1 or more"));
            }
            self.aliases.insert((alias.venue.clone(), alias.symbol.clone()), alias);
        }
        for token in tokens {
            let chain = chain(&token.chain).ok_or_else(|| error("token", &token.address, &format!("unknown chain {:?}", token.chain)))?;
            self.tokens.insert((chain.0, token.address.clone()), token);
        }
        for market in markets {
            let chain = chain(&market.chain).ok_or_else(|| error("market", &market.key, &format!("unknown chain {:?}", market.chain)))?;
            let venue = VenueSlug::from_slug(&market.venue)
                .ok_or_else(|| error("market", &market.key, &format!("unknown venue {:?}", market.venue)))?;
            self.markets.insert((venue, chain.0, market.key.clone()), market);
        }
        Ok(())
    }

    /// What a venue symbol stands for. Without an alias the symbol gets an asset of its own, named `venue:symbol`:
    /// a numeric prefix is never parsed.
    pub fn resolve(&self, venue: VenueSlug, symbol: &str) -> Resolved {
        let alias = self
            .aliases
            .get(&(venue.as_str().to_owned(), symbol.to_owned()))
            .or_else(|| self.aliases.get(&("*".to_owned(), symbol.to_owned())));
        match alias.and_then(|alias| self.assets.get(&alias.asset).map(|asset| (alias, asset))) {
            Some((alias, asset)) => Resolved { asset: asset.clone(), multiplier: alias.multiplier, mapped: true },
            None => Resolved {
                asset: AssetDef { symbol: format!("{venue}:{symbol}"), class: "unmapped".to_owned(), qty_scale: QTY_SCALE_UNMAPPED },
                multiplier: 1,
                mapped: false,
            },
        }
    }

    /// The token with this address, if a row names it.
    pub fn token(&self, chain: ChainId, address: &str) -> Option<&TokenDef> {
        self.tokens.get(&(chain.0, address.to_owned()))
    }

    /// All tokens, by chain and address.
    pub fn tokens(&self) -> impl Iterator<Item = &TokenDef> {
        self.tokens.values()
    }

    /// The market with this key, if a row names it or its family.
    pub fn market(&self, venue: VenueSlug, chain: ChainId, key: &str) -> Option<&MarketDef> {
        let row = |key: String| self.markets.get(&(venue, chain.0, key));
        let family = || key.split_once('/').and_then(|(first, _)| row(format!("{first}/*")));
        row(key.to_owned()).or_else(family)
    }

    /// All assets, by symbol.
    pub fn assets(&self) -> impl Iterator<Item = &AssetDef> {
        self.assets.values()
    }
}

fn chain(slug: &str) -> Option<ChainId> {
    ChainId::from_slug(slug)
}

fn error(table: &'static str, key: &str, message: &str) -> CatalogError {
    CatalogError { table, key: key.to_owned(), message: message.to_owned() }
}
