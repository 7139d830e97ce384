//! Counts calls and failures of a chain's endpoints while several tasks ask them.

use std::collections::BTreeMap;
use std::sync::Mutex;

use perpdex_core::SourceError;

use crate::report::{ErrorGroup, RoutingReport};

/// Calls and failures so far.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    calls: u64,
    errors: BTreeMap<(String, &'static str), (u64, String)>,
    routing: RoutingReport,
}

impl Tally {
    /// Counts a call.
    pub(crate) fn call(&self) {
        self.counts().calls += 1;
    }

    /// Counts a request that was asked of a second endpoint too.
    pub(crate) fn hedged(&self) {
        self.counts().routing.hedged += 1;
    }

    /// Counts a second request that was answered before the first.
    pub(crate) fn hedge_won(&self) {
        self.counts().routing.hedges_won += 1;
    }

    /// Counts a pause of an endpoint after a failure that may last.
    pub(crate) fn broke(&self) {
        self.counts().routing.breaks += 1;
    }

    /// Counts an endpoint that fell behind the others.
    pub(crate) fn put_behind(&self) {
        self.counts().routing.put_behind += 1;
    }

    /// What was counted of the choice of endpoints.
    pub(crate) fn routing(&self) -> RoutingReport {
        self.counts().routing.clone()
    }

    /// Counts a failed call and keeps its message until the next of its group.
    pub(crate) fn error(&self, error: &SourceError) {
        let mut counts = self.counts();
        let group = counts.errors.entry((error.label.clone(), error.kind.as_str())).or_default();
        group.0 += 1;
        group.1.clone_from(&error.message);
    }

    /// Calls so far, and the failures by endpoint and kind.
    pub(crate) fn report(&self) -> (u64, Vec<ErrorGroup>) {
        let counts = self.counts();
        let groups = counts.errors.iter().map(|((label, kind), (count, last))| ErrorGroup {
            label: label.clone(),
            kind,
            count: *count,
            last: last.clone(),
        });
        (counts.calls, groups.collect())
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().expect("no one panics while counting")
    }
}
