//! What a writer has printed a second time: a node that is started again goes back some blocks, and a line may stand in two files.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use perpdex_core::HyperliquidStream;

use crate::envelope::Envelope;

/// Blocks that stand in the files a second time.
#[derive(Debug)]
pub(crate) struct Repeated {
    first: u64,
    last: u64,
    /// Where they begin: file and line.
    place: String,
    /// The block whose later lines are used: it, too, was printed anew, and whole.
    replaced: Option<u64>,
}

impl Repeated {
    pub(crate) fn new(number: u64, place: String) -> Repeated {
        Repeated { first: number, last: number, place, replaced: None }
    }

    pub(crate) fn add(&mut self, number: u64) {
        self.last = number;
    }

    /// Whether the writer went back and has come again to the block behind `before`.
    pub(crate) fn has_come_to(&self, before: Option<u64>, number: u64) -> bool {
        self.last < number && before.is_some_and(|before| before <= self.last)
    }

    pub(crate) fn replaces(&mut self, number: u64) {
        self.replaced = Some(number);
    }

    /// What is said of them.
    pub(crate) fn error(&self) -> String {
        let Repeated { first, last, place, replaced } = self;
        let also = replaced.map(|number| format!(", and the later ones of block {number}")).unwrap_or_default();
        format!("{place}: blocks {first} to {last} stand earlier in the files; the earlier lines are used{also}")
    }
}

/// The lines of one block by their events: a line that is printed again has another time of its own.
#[derive(Debug, Default)]
pub(crate) struct Printed {
    of: u64,
    events: HashSet<u64>,
}

impl Printed {
    /// Whether the events of a line stand in the block's text already, which is from then on taken to hold them. Where each line is one
    /// event, equal lines are two events.
    pub(crate) fn holds(&mut self, stream: HyperliquidStream, number: u64, text: &str, line: &str) -> bool {
        if !matches!(stream, HyperliquidStream::Fills | HyperliquidStream::MiscEvents) {
            return false;
        }
        if self.of != number || self.events.is_empty() {
            self.of = number;
            self.events = text.lines().filter_map(digest).collect();
        }
        digest(line).is_some_and(|digest| !self.events.insert(digest))
    }

    pub(crate) fn forget(&mut self) {
        self.events.clear();
    }
}

/// `None` of a line without events.
fn digest(line: &str) -> Option<u64> {
    let (envelope, ..) = Envelope::parse(line.as_bytes()).ok().filter(|(envelope, ..)| envelope.has_events())?;
    let mut hasher = DefaultHasher::new();
    envelope.events().hash(&mut hasher);
    Some(hasher.finish())
}
