//! What the store is told by its caller.

use perpdex_core::{ChainId, LiquidationFeed, Venue, VenueInfo, VenueModel, VenueSlug};

/// Settings of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// A mark older than this at an hour's end is no mark, milliseconds.
    pub mark_age_ms_max: i64,
    /// Venues to name in the reference tables. A venue that is not listed is its own group and of model pool.
    pub venues: Vec<VenueRef>,
    /// Chains whose new raw records are stored without their payload: key, columns and a digest stay. What is stored is left as
    /// it is. Whole in any case are state reads and the records of heights with one that could not be decoded.
    pub raw_dropped: Vec<ChainId>,
}

impl Default for StoreOptions {
    fn default() -> StoreOptions {
        StoreOptions { mark_age_ms_max: 3_600_000, venues: Vec::new(), raw_dropped: Vec::new() }
    }
}

/// What the reference tables say of a venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VenueRef {
    /// Short name.
    pub slug: VenueSlug,
    /// The group it belongs to; its own slug where there is none.
    pub group: &'static str,
    /// How trades are matched.
    pub model: VenueModel,
    /// Whether it tells every liquidation.
    pub liquidation_feed: LiquidationFeed,
    /// Whether its executions name their accounts.
    pub tells_accounts: bool,
}

impl From<&dyn Venue> for VenueRef {
    fn from(venue: &dyn Venue) -> VenueRef {
        VenueRef { liquidation_feed: venue.liquidation_feed(), tells_accounts: venue.tells_accounts(), ..VenueRef::from(venue.info()) }
    }
}

impl From<&VenueInfo> for VenueRef {
    fn from(info: &VenueInfo) -> VenueRef {
        VenueRef {
            slug: info.slug,
            group: info.group,
            model: info.model,
            liquidation_feed: LiquidationFeed::Complete,
            tells_accounts: true,
        }
    }
}
