//! Windows: what hours and minutes of many markets say together. Each looks back from a moment, never forward.

mod cascade;
mod extremes;
mod shares;
mod signals;

pub use cascade::{CascadeParams, CascadeSide, CascadeSpan, FoundCascades, LiqMinute, cascades};
pub use extremes::{ExtremeParams, FundingExtreme, extremes};
pub use shares::{
    AssetHour, AssetMark, Concentration, Divergence, MarketMark, OwnMark, VenueHour, asset_hours, asset_marks, concentration, divergences,
    holding_ms, relative_ppm,
};
pub use signals::{Signal, SignalParams, SignalPoint, signals};
