//! Pure decoders: the records of one transaction of a venue become events.
//!
//! Promises: no IO, no clock, no state; the same records give the same events. A record that cannot be read becomes a
//! failure with its reason, one of a kind the layout does not list is counted as unknown; nothing is dropped.
//! Does not: fetch, scale to stored integers, or join a close to its open.
//!
//! A venue is a file or folder here, one line in [`VENUES`], its layout under `abi/`, a page under `docs/venues/` and at
//! least one golden case for each chain under `tests/golden/`; the registry test fails where one of them is missing.

mod abi;
mod adrena;
mod anchor;
mod aster_1001x;
mod aster_pro;
mod aster_vault;
mod borsh;
mod drift;
mod dydx_v1;
mod emit;
mod erc20;
mod flash_trade;
mod fx_v2;
mod gmtrade;
mod gmx_v1;
mod gmx_v2;
mod gtrade;
mod hex_texts;
mod hyperliquid;
mod jupiter_perps;
mod kiloex;
mod level;
mod lighter;
mod mcdex_v2;
mod mux_v1;
mod myx_v1;
#[cfg(any(test, feature = "oracle"))]
pub mod oracle;
mod ostium;
mod phoenix_eternal;
mod reference;
mod signed;
mod starkex;
#[cfg(test)]
mod testing;
mod usd_sized;

use perpdex_core::{ChainId, Venue, VenueSlug};

pub use reference::{CatalogFileError, CatalogRows, builtin_catalog, parse_catalog};

/// Every venue perpdex decodes, one line each.
pub static VENUES: &[&dyn Venue] = &[
    &gmx_v2::GMX_V2,
    &gmx_v1::GMX_V1,
    &gtrade::GTRADE,
    &ostium::OSTIUM,
    &aster_1001x::ASTER_1001X,
    &aster_pro::ASTER_PRO,
    &aster_vault::ASTER_VAULT,
    &phoenix_eternal::PHOENIX_ETERNAL,
    &jupiter_perps::JUPITER_PERPS,
    &drift::drift_v2::DRIFT_V2,
    &drift::velocity::VELOCITY,
    &gmtrade::GMTRADE,
    &flash_trade::FLASH_TRADE,
    &adrena::ADRENA,
    &hyperliquid::HYPERLIQUID,
    &lighter::LIGHTER,
    &starkex::DYDX_V3,
    &starkex::EDGEX,
    &mux_v1::MUX_V1,
    &dydx_v1::DYDX_V1,
    &mcdex_v2::MCDEX_V2,
    &fx_v2::FX_V2,
    &kiloex::KILOEX,
    &myx_v1::MYX_V1,
    &level::LEVEL,
];

/// A venue of an indexed chain that is not decoded.
#[derive(Clone, Copy, Debug)]
pub struct NotIndexed {
    /// Short name.
    pub slug: VenueSlug,
    /// Human name.
    pub name: &'static str,
    /// The chain.
    pub chain: ChainId,
    /// What is missing.
    pub why: &'static str,
}

/// Venues that a reader may look for in vain, and why.
pub static NOT_INDEXED: &[NotIndexed] = &[NotIndexed {
    slug: VenueSlug::known("myx_v2"),
    name: "MYX v2",
    chain: ChainId::BNB,
    why: "the contract that emits its events was found in no published source, nor what its numbers of direction and order type mean, and no log \
          was at hand to learn it from",
}];

/// The venue with this slug, or `None`.
pub fn venue(slug: &str) -> Option<&'static dyn Venue> {
    VENUES.iter().copied().find(|venue| venue.info().slug.as_str() == slug)
}
