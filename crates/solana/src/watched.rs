//! What a filter asks of Solana: addresses to list, and the programs whose events their transactions carry.

use std::collections::{BTreeMap, BTreeSet};

use perpdex_core::{BlockRange, Carrier, Filter, Hole, HoleReason, StreamId, Watch};

use crate::events::Speaker;

/// Addresses to list, each with the programs to read in its transactions, and the streams that want them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watched {
    /// Programs by the address they are listed by.
    pub(crate) lists: BTreeMap<String, BTreeSet<Speaker>>,
    streams: BTreeMap<Speaker, Vec<StreamId>>,
}

impl Watched {
    /// The watches of a filter; the error names a stream of another kind of chain.
    pub(crate) fn new(filter: &Filter) -> Result<Watched, String> {
        let mut watched = Watched::default();
        for (stream, watch) in &filter.streams {
            let Watch::Solana { program, list_by, carrier } = watch else {
                return Err(format!("stream {stream} does not watch a solana program"));
            };
            let speaker = Speaker { program: program.clone(), prints: *carrier == Carrier::Log };
            watched.lists.entry(list_by.clone()).or_default().insert(speaker.clone());
            watched.streams.entry(speaker).or_default().push(stream.clone());
        }
        Ok(watched)
    }

    /// Every program once.
    pub(crate) fn speakers(&self) -> BTreeSet<&Speaker> {
        self.streams.keys().collect()
    }

    /// A slot in which events of these programs could not be read, for the streams that want them.
    pub(crate) fn hole<'s>(&self, slot: u64, reason: HoleReason, detail: String, speakers: impl IntoIterator<Item = &'s Speaker>) -> Hole {
        let mut streams: Vec<StreamId> = speakers.into_iter().filter_map(|speaker| self.streams.get(speaker)).flatten().cloned().collect();
        streams.sort_unstable();
        streams.dedup();
        Hole { range: BlockRange::single(slot), reason, detail, streams }
    }
}
