//! Levels and prices of all markets, asked for as time passes, and the list of markets that comes with them.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use perpdex_core::{BlockRange, Hole, HoleReason, RangeSet, SourceError};
use perpdex_feeds::ApiClient;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{INFO, INFO_WEIGHT, Lines, now_ms, one_line};

/// Looks kept for a fetch that comes late or is asked again: five hours of them, some 100 kB each.
const LOOKS_MAX: usize = 64;
/// A moment is known if a look at everything lies at most this many intervals before it: one may be late.
const INTERVALS_MAX: u64 = 2;

/// What was heard of levels and prices.
pub(super) struct Contexts {
    every_ms: u64,
    /// Answers in order of time, one a dex.
    answers: VecDeque<(u64, String)>,
    /// Moments at which all dexes had answered.
    looks: VecDeque<u64>,
    /// Markets heard of, delisted ones too: they have a past.
    coins: BTreeSet<String>,
    /// Markets that the last look named, without delisted ones.
    listed: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Dex {
    name: String,
}

/// The names in an answer; the contexts are left unread.
#[derive(Deserialize)]
struct Answer(Meta, IgnoredAny);

#[derive(Deserialize)]
struct Meta {
    universe: Vec<Listing>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listing {
    name: String,
    #[serde(default)]
    is_delisted: bool,
}

impl Contexts {
    pub(super) fn new(every: Duration) -> Contexts {
        let every_ms = (every.as_millis() as u64).max(1);
        Contexts { every_ms, answers: VecDeque::new(), looks: VecDeque::new(), coins: BTreeSet::new(), listed: BTreeSet::new() }
    }

    /// Asks for everything, if the time has come.
    pub(super) async fn look(&mut self, client: &ApiClient) -> Result<(), SourceError> {
        if self.looks.back().is_some_and(|last| now_ms() < last + self.every_ms) {
            return Ok(());
        }
        let (mut answers, mut listed) = (Vec::new(), BTreeSet::new());
        for dex in dexes(client).await? {
            let what = format!("metaAndAssetCtxs of dex {dex:?}");
            let body = match dex.as_str() {
                "" => serde_json::json!({"type": "metaAndAssetCtxs"}),
                dex => serde_json::json!({"type": "metaAndAssetCtxs", "dex": dex}),
            };
            let text = client.post(INFO, &what, body.to_string(), INFO_WEIGHT).await?;
            let Answer(meta, _) = client.read(&what, &text)?;
            listed.extend(meta.universe.iter().filter(|listing| !listing.is_delisted).map(|listing| listing.name.clone()));
            self.coins.extend(meta.universe.into_iter().map(|listing| listing.name));
            let heard_ms = now_ms();
            let dex = serde_json::Value::from(dex);
            answers.push((heard_ms, format!(r#"{{"dex":{dex},"time_ms":{heard_ms},"answer":{}}}"#, one_line(&text))));
        }
        // Only a look at everything counts: half of one would show markets of other dexes as quiet.
        self.looks.extend(answers.last().map(|(heard_ms, _)| *heard_ms));
        self.answers.extend(answers);
        self.listed = listed;
        while LOOKS_MAX < self.looks.len() {
            let oldest = self.looks.pop_front().unwrap_or_default();
            while self.answers.front().is_some_and(|(heard_ms, _)| *heard_ms <= oldest) {
                self.answers.pop_front();
            }
        }
        Ok(())
    }

    /// When the oldest answer that is kept was heard, unix milliseconds.
    pub(super) fn first_ms(&self) -> Option<u64> {
        self.answers.front().map(|(heard_ms, _)| *heard_ms)
    }

    /// Markets that trade, as the last look named them.
    pub(super) fn listed(&self) -> &BTreeSet<String> {
        &self.listed
    }

    /// All markets heard of, delisted ones too: they have a past.
    pub(super) async fn coins(&mut self, client: &ApiClient) -> Result<Vec<String>, SourceError> {
        if self.coins.is_empty() {
            self.look(client).await?;
        }
        Ok(self.coins.iter().cloned().collect())
    }

    /// The answers of a range; what was not looked at is a hole.
    pub(super) fn lines(&self, range: BlockRange) -> Lines {
        let known = self.looks.iter().filter_map(|look| BlockRange::new(*look, look + INTERVALS_MAX * self.every_ms));
        // The answers of a look come one after the other, the last one last.
        let began = self.answers.iter().filter_map(|(heard_ms, _)| BlockRange::new(*heard_ms, heard_ms + self.every_ms));
        let missing = RangeSet::from_ranges(known.chain(began)).missing(range);
        let detail = "levels and prices were not asked for, or not answered: they have no past";
        let holes = missing.ranges().iter().map(|range| Hole {
            range: *range,
            reason: HoleReason::Missing,
            detail: detail.to_owned(),
            streams: Vec::new(),
        });
        let lines = self.answers.iter().filter(|(heard_ms, _)| range.contains(*heard_ms)).cloned().collect();
        Lines { lines, holes: holes.collect(), malformed: Vec::new() }
    }
}

/// The names of all dexes; the first one's is empty.
async fn dexes(client: &ApiClient) -> Result<Vec<String>, SourceError> {
    let text = client.post(INFO, "perpDexs", r#"{"type":"perpDexs"}"#.to_owned(), INFO_WEIGHT).await?;
    let dexes: Vec<Option<Dex>> = client.read("perpDexs", &text)?;
    Ok(dexes.into_iter().map(|dex| dex.map_or_else(String::new, |dex| dex.name)).collect())
}
