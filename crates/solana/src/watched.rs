//! What a filter asks of Solana: addresses to list, and the programs whose events their transactions carry.

use std::collections::{BTreeMap, BTreeSet};

use perpdex_core::{Carrier, Filter, Watch};

use crate::events::Speaker;

/// Addresses to list, each with the programs to read in its transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watched(pub(crate) BTreeMap<String, BTreeSet<Speaker>>);

impl Watched {
    /// The watches of a filter; the error names a stream of another kind of chain.
    pub(crate) fn new(filter: &Filter) -> Result<Watched, String> {
        let mut watched = Watched::default();
        for (stream, watch) in &filter.streams {
            let Watch::Solana { program, list_by, carrier } = watch else {
                return Err(format!("stream {stream} does not watch a solana program"));
            };
            let speaker = Speaker { program: program.clone(), prints: *carrier == Carrier::Log };
            watched.0.entry(list_by.clone()).or_default().insert(speaker);
        }
        Ok(watched)
    }

    /// Every program once.
    pub(crate) fn speakers(&self) -> BTreeSet<&Speaker> {
        self.0.values().flatten().collect()
    }
}
