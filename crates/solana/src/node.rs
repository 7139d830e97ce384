//! What reading a range needs of an endpoint.

use std::collections::HashMap;
use std::sync::Arc;

use perpdex_core::{ChainId, ListingWindows, SourceError};
use tokio::sync::Mutex;

use crate::client::Client;
use crate::endpoint::SolanaEndpoint;
use crate::listing::Listing;

/// One endpoint and what was learnt of it.
#[derive(Debug)]
pub(crate) struct Node {
    /// Its calls.
    pub(crate) client: Client,
    /// Transactions asked for at the same time within one range; at least one.
    pub(crate) concurrency: usize,
    /// What of the listings is known, shared with other endpoints.
    pub(crate) windows: Arc<dyn ListingWindows>,
    /// Listings by address.
    listings: Mutex<HashMap<String, Arc<Mutex<Listing>>>>,
    /// Answers of `null` for transactions that were listed as final.
    nulls: std::sync::Mutex<HashMap<String, u32>>,
}

impl Node {
    /// Nothing is sent yet; the error is about the address itself.
    pub(crate) fn new(endpoint: &SolanaEndpoint, windows: Arc<dyn ListingWindows>) -> Result<Node, SourceError> {
        Ok(Node {
            client: Client::new(endpoint)?,
            concurrency: endpoint.concurrency.max(1),
            windows,
            listings: Mutex::default(),
            nulls: std::sync::Mutex::default(),
        })
    }

    /// The listing of an address; ranges that are read side by side wait for one another's walk.
    pub(crate) async fn listing(&self, address: &str) -> Arc<Mutex<Listing>> {
        let mut listings = self.listings.lock().await;
        let new = || Arc::new(Mutex::new(Listing::new(ChainId::SOLANA, address)));
        listings.entry(address.to_owned()).or_insert_with(new).clone()
    }

    /// Counts an answer of `null` for a transaction; how many there were.
    pub(crate) fn count_null(&self, signature: &str) -> u32 {
        let mut nulls = self.nulls.lock().expect("no one panics while counting");
        let count = nulls.entry(signature.to_owned()).or_default();
        *count += 1;
        *count
    }

    /// The transaction is there after all.
    pub(crate) fn forget_null(&self, signature: &str) {
        self.nulls.lock().expect("no one panics while counting").remove(signature);
    }
}
