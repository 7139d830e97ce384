//! The store of a configuration.

use std::sync::Arc;

use perpdex_core::{Catalog, Store, StoreError, Target};
use perpdex_store::{SqlStore, StoreOptions, VenueRef};
use perpdex_venues::VENUES;

use crate::config::Config;

/// Opens a database, creating it and bringing its schema to this program's version.
pub(crate) async fn open_store(url: &str, catalog: Catalog) -> Result<Arc<SqlStore>, StoreError> {
    SqlStore::open(url, catalog, options()).await.map(Arc::new)
}

/// The same with the configured database, for verbs that store raw records as the configuration says.
pub(crate) async fn open_store_for_records(config: &Config, catalog: Catalog) -> Result<Arc<SqlStore>, StoreError> {
    let options = StoreOptions { raw_dropped: config.raw_dropped(), ..options() };
    SqlStore::open(&config.database.value, catalog, options).await.map(Arc::new)
}

/// Opens a database that must exist with this program's schema version.
pub(crate) async fn open_store_existing(url: &str, catalog: Catalog) -> Result<Arc<SqlStore>, StoreError> {
    SqlStore::open_existing(url, catalog, options()).await.map(Arc::new)
}

/// What earlier runs asked for.
pub(crate) async fn known_targets(store: &SqlStore) -> Result<Vec<Target>, StoreError> {
    Ok(store.status().await?.streams.into_iter().filter_map(|stream| stream.target).collect())
}

/// Puts back what a run has narrowed: files that are replayed add to what earlier runs asked for and take nothing back.
pub(crate) async fn keep_wider_targets(store: &SqlStore, earlier: &[Target]) -> Result<(), StoreError> {
    let widened = |now: Target| {
        let before = earlier.iter().find(|target| target.stream == now.stream)?;
        let to = before.to.zip(now.to).map(|(before, now)| before.max(now));
        let evidence_min = before.evidence_min.max(now.evidence_min);
        let wide = Target { from: before.from.min(now.from), to, evidence_min, ..now.clone() };
        (wide != now).then_some(wide)
    };
    let widened: Vec<Target> = known_targets(store).await?.into_iter().filter_map(widened).collect();
    match widened.is_empty() {
        true => Ok(()),
        false => store.set_targets(&widened).await,
    }
}

fn options() -> StoreOptions {
    let venues = VENUES.iter().map(|venue| VenueRef::from(*venue)).collect();
    StoreOptions { venues, ..StoreOptions::default() }
}
