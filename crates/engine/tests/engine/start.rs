//! Before the first block: endpoints that are not there or serve another chain, jobs that cannot be done, bounds by time.

use std::sync::Arc;
use std::time::Duration;

use perpdex_core::{ChainId, Source, SourceErrorKind};
use perpdex_engine::{Bound, ChainOutcome, HeightOrTime, Verdict, resolve_height};
use tokio::time::Instant;

use crate::support::{CHAIN, STREAM_A, Setup, first_error};

#[tokio::test(start_paused = true)]
async fn an_unreachable_chain_fails_within_its_limit() {
    let mut setup = Setup::new(100, 100);
    setup.endpoint(|endpoint| endpoint.heads_error = Some(SourceErrorKind::Unreachable));
    setup.add_endpoint("two", |endpoint| endpoint.heads_error = Some(SourceErrorKind::Unreachable));
    let started = Instant::now();
    let all = setup.run_all().await;
    assert!(started.elapsed() <= Duration::from_millis(3 * setup.options.unreachable_after_ms), "{:?}", started.elapsed());
    let error = first_error(&all.chains[0]);
    assert!(
        error.contains("ethereum: no endpoint answered") && error.contains("one: scripted") && error.contains("two: scripted"),
        "{error}"
    );
    assert_eq!(all.verdict(), Verdict::Incomplete);
    assert_eq!(setup.store.state().targets.len(), 1, "what is wanted is known all the same");
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_in_any_mixture_ends() {
    use SourceErrorKind::{Lagging, Permanent, Rate, Transient, Unreachable};
    for (first, second, text) in [
        (Transient, Unreachable, "8 tries failed"),
        (Unreachable, Lagging, "8 tries failed"),
        (Rate { retry_after: None }, Unreachable, "60 tries failed"),
        (Permanent, Unreachable, "no endpoint answered"),
        (Permanent, Permanent, "no endpoint is left"),
        (SourceErrorKind::WrongChain { found: 5 }, Unreachable, "no endpoint answered"),
    ] {
        let mut setup = Setup::new(100, 100);
        setup.endpoint(|endpoint| endpoint.heads_error = Some(first.clone()));
        setup.add_endpoint("two", |endpoint| endpoint.heads_error = Some(second.clone()));
        let report = setup.run().await;
        assert!(first_error(&report).contains(text), "{first:?} and {second:?}: {report:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_never_answers_counts_as_unreachable() {
    let mut setup = Setup::new(100, 100);
    setup.endpoint(|endpoint| endpoint.heads_latency_ms = u64::MAX / 2);
    let started = Instant::now();
    let report = setup.run().await;
    assert!(first_error(&report).contains("no answer to the first call within 5000 ms"), "{report:?}");
    assert!(started.elapsed() <= Duration::from_millis(3 * setup.options.unreachable_after_ms), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn one_endpoint_is_enough() {
    let mut setup = Setup::new(100, 100);
    setup.endpoint(|endpoint| endpoint.heads_error = Some(SourceErrorKind::Unreachable));
    setup.add_endpoint("two", |_| {});
    setup.run_clean().await;
    assert_eq!(setup.store.covered(STREAM_A).blocks(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_wrong_endpoints_is_refused_before_anything_starts() {
    let mut setup = Setup::new(100, 100);
    setup.endpoint(|endpoint| endpoint.heads_error = Some(SourceErrorKind::WrongChain { found: 5 }));
    let all = setup.run_all().await;
    assert_eq!(all.verdict(), Verdict::Refused);
    assert!(first_error(&all.chains[0]).contains("another chain"), "{all:?}");
    assert!(setup.store.state().targets.is_empty() && setup.store.state().reduced == 0, "nothing was started");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_endpoint_beside_a_right_one_is_dropped() {
    let mut setup = Setup::new(100, 100);
    setup.endpoint(|endpoint| endpoint.heads_error = Some(SourceErrorKind::WrongChain { found: 5 }));
    setup.add_endpoint("two", |_| {});
    let report = setup.run_clean().await;
    assert!(setup.endpoints[0].ranges().is_empty());
    assert_eq!((report.errors[0].label.as_str(), report.errors[0].kind), ("one", "wrong chain"));
}

#[tokio::test(start_paused = true)]
async fn one_chains_end_leaves_the_others_going() {
    let setup = Setup::new(100, 100);
    let mut other = Setup::new(100, 100);
    other.endpoint(|endpoint| {
        endpoint.chain = ChainId::BNB;
        endpoint.heads_error = Some(SourceErrorKind::Unreachable);
    });
    let mut other = other.job();
    other.chain = ChainId::BNB;
    other.streams[0].id.chain = ChainId::BNB;
    let jobs = vec![other, setup.job()];
    let all = perpdex_engine::run(jobs, setup.store.clone(), setup.options.clone(), setup.cancel.clone(), setup.notes.clone()).await;
    assert!(first_error(&all.chains[0]).starts_with("bnb: no endpoint answered"), "{all:?}");
    assert!(all.chains[1].is_clean(), "{all:?}");
    assert_eq!((all.verdict(), setup.store.covered(STREAM_A).blocks()), (Verdict::Incomplete, 100));
}

#[tokio::test(start_paused = true)]
async fn jobs_that_cannot_be_done_are_refused() {
    let setup = Setup::new(100, 100);
    let (mut no_source, mut no_decoder) = (setup.job(), setup.job());
    no_source.sources.clear();
    no_decoder.venues = &[];
    let cases = [(vec![no_source], 0, "no endpoint"), (vec![no_decoder], 0, "no decoder"), (vec![setup.job(), setup.job()], 1, "two jobs")];
    for (jobs, refused, text) in cases {
        let all = perpdex_engine::run(jobs, setup.store.clone(), setup.options.clone(), setup.cancel.clone(), setup.notes.clone()).await;
        assert!(first_error(&all.chains[refused]).contains(text), "{text}: {all:?}");
        assert!(all.chains[..refused].iter().all(|chain| chain.outcome == ChainOutcome::NotStarted));
        assert_eq!(all.verdict(), Verdict::Refused);
    }
}

#[tokio::test(start_paused = true)]
async fn times_become_heights() {
    let setup = Setup::new(100, 100);
    let sources: Vec<Arc<dyn Source>> = setup.job().sources;
    use Bound::{AtOrAfter, AtOrBefore};
    use HeightOrTime::{BelowLatest, Height, TimeMs};
    for (at, bound, want) in [
        (Height(7), AtOrAfter, Some(7)),
        (BelowLatest(30), AtOrAfter, Some(70)),
        (BelowLatest(300), AtOrAfter, Some(0)),
        (TimeMs(5_000), AtOrAfter, Some(5)),
        (TimeMs(5_001), AtOrAfter, Some(6)),
        (TimeMs(5_000), AtOrBefore, Some(5)),
        (TimeMs(5_999), AtOrBefore, Some(5)),
        (TimeMs(900_000), AtOrBefore, Some(100)),
        (TimeMs(900_000), AtOrAfter, None),
        (TimeMs(-1), AtOrBefore, None),
    ] {
        let found = resolve_height(CHAIN, &sources, at, bound, &setup.options).await;
        assert_eq!(found.ok(), want, "{at:?} {bound:?}");
    }
}
