//! Names of venues, and the numbers that databases know them by.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The short name of a venue; the only way to make one is [`VenueSlug::from_slug`] or a constant in the registry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VenueSlug(&'static str);

/// All venue slugs with their stable numbers; a number is never used twice.
pub const VENUE_SLUGS: &[(i64, VenueSlug)] = &[
    (1, VenueSlug("gmx_v2")),
    (2, VenueSlug("gmx_v1")),
    (3, VenueSlug("gtrade")),
    (4, VenueSlug("ostium")),
    (5, VenueSlug("aster_1001x")),
    (6, VenueSlug("aster_pro")),
    (7, VenueSlug("aster_vault")),
    (8, VenueSlug("kiloex")),
    (9, VenueSlug("mux_v1")),
    (10, VenueSlug("myx_v1")),
    (11, VenueSlug("myx_v2")),
    (12, VenueSlug("level")),
    (13, VenueSlug("dydx_v1")),
    (14, VenueSlug("mcdex_v2")),
    (15, VenueSlug("fx_v2")),
    (16, VenueSlug("lighter")),
    (17, VenueSlug("dydx_v3")),
    (18, VenueSlug("edgex")),
    (19, VenueSlug("phoenix_eternal")),
    (20, VenueSlug("jupiter_perps")),
    (21, VenueSlug("drift_v2")),
    (22, VenueSlug("velocity")),
    (23, VenueSlug("gmtrade")),
    (24, VenueSlug("flash_trade")),
    (25, VenueSlug("adrena")),
    (26, VenueSlug("hyperliquid")),
];

impl VenueSlug {
    /// The slug with this text, or `None`.
    pub fn from_slug(text: &str) -> Option<VenueSlug> {
        VENUE_SLUGS.iter().map(|(_, slug)| *slug).find(|slug| slug.0 == text)
    }

    /// The slug as a constant; fails the build's own tests, not a run, if the text is not in [`VENUE_SLUGS`].
    pub const fn known(text: &'static str) -> VenueSlug {
        VenueSlug(text)
    }

    /// The text.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// The venue's stable number, as databases store it.
    pub fn id(self) -> i64 {
        VENUE_SLUGS.iter().find(|(_, slug)| *slug == self).map(|(id, _)| *id).expect("every slug constant is listed in VENUE_SLUGS")
    }
}

impl fmt::Display for VenueSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for VenueSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for VenueSlug {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for VenueSlug {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        VenueSlug::from_slug(&text).ok_or_else(|| serde::de::Error::custom(format!("unknown venue {text:?}")))
    }
}
