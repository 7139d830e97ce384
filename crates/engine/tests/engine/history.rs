//! Final history: order, resumption, streams that lack different ranges, bounds, stops.

use std::sync::Arc;
use std::time::Duration;

use perpdex_core::{Evidence, Headers, RangeSet};
use perpdex_engine::{ChainOutcome, Until, Verdict};
use tokio::time::Instant;

use crate::support::{Fault, STREAM_A, STREAM_B, Setup, When, first_error, range, stream};

#[tokio::test(start_paused = true)]
async fn commits_ascend_while_fetches_overlap() {
    let mut setup = Setup::new(100, 100);
    // The first fetch takes longest, so that all others are there before it.
    setup.endpoint(|endpoint| endpoint.latencies_ms = vec![900, 500, 700, 300]);
    setup.options.bytes_in_flight_max = usize::MAX;
    let report = setup.run_clean().await;
    let commits = setup.store.state().commits;
    assert_eq!(commits.len(), 10);
    assert!(commits.windows(2).all(|pair| pair[0].to() + 1 == pair[1].from()), "{commits:?}");
    assert_eq!(setup.endpoints[0].ranges()[..4], [range(1, 10), range(11, 20), range(21, 30), range(31, 40)]);
    assert_eq!((report.ranges, report.blocks, report.height), (10, 100, Some(100)));
    assert_eq!((report.records, report.events), (100, 100));
    assert!(1 <= setup.store.state().reduced);
    assert_eq!(setup.store.state().heads, (100, 100));
}

#[tokio::test(start_paused = true)]
async fn concurrency_leaves_no_trace() {
    let mut dumps = Vec::new();
    for (fetch_ahead, size, bytes_max_per_commit) in [(1, 7, 0), (4, 10, 0), (16, 3, 0), (3, 100, 0), (4, 10, 100_000), (16, 3, usize::MAX)]
    {
        let mut setup = Setup::new(100, 100);
        setup.streams.push(stream(STREAM_B, 1));
        setup.options.fetch_ahead = fetch_ahead;
        setup.options.bytes_max_per_commit = bytes_max_per_commit;
        (setup.options.blocks_start_per_fetch, setup.options.blocks_max_per_fetch) = (size, size);
        setup.endpoint(|endpoint| endpoint.latencies_ms = vec![50, 10, 90, 20, 70, 30, 60]);
        setup.run_clean().await;
        let state = setup.store.state();
        dumps.push((state.coverage, state.records, state.events));
    }
    assert!(dumps.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(dumps[0].2.len(), 100 + 33);
}

#[tokio::test(start_paused = true)]
async fn ranges_that_are_here_share_a_commit() {
    let commits_of = async |bytes_max_per_commit| {
        let mut setup = Setup::new(110, 100);
        setup.until = Until::Latest;
        // Of each four fetches the first takes longest, so that all others ahead of the commit are there before it.
        setup.endpoint(|endpoint| endpoint.latencies_ms = [900, 500, 700, 300].repeat(3));
        setup.options.bytes_in_flight_max = usize::MAX;
        setup.options.bytes_max_per_commit = bytes_max_per_commit;
        let report = setup.run_clean().await;
        assert_eq!((report.ranges, report.blocks, report.height), (10 + 3, 110, Some(110)));
        assert_eq!((report.records, report.events), (110, 110));
        assert_eq!(setup.store.covered(STREAM_A), RangeSet::from_ranges([range(1, 110)]));
        setup.store.state().commits
    };
    assert_eq!(commits_of(1).await.len(), 10 + 3, "not even two ranges have room");
    let commits = commits_of(usize::MAX).await;
    assert_eq!(commits[..3], [range(1, 40), range(41, 80), range(81, 100)]);
    assert_eq!(commits[3..], [range(101, 104), range(105, 108), range(109, 110)], "above the final height none waits");
}

#[tokio::test(start_paused = true)]
async fn what_lacks_something_has_a_commit_of_its_own() {
    for bytes_max_per_commit in [0, usize::MAX] {
        let mut setup = Setup::new(100, 100);
        setup.options.fetch_ahead = 10;
        setup.options.bytes_max_per_commit = bytes_max_per_commit;
        setup.endpoint(|endpoint| {
            endpoint.latencies_ms = vec![900];
            endpoint.faults = vec![(When::Call(4), Fault::Garbage)];
        });
        let report = setup.run().await;
        let state = setup.store.state();
        assert_eq!((report.failures, report.holes, report.records), (1, 1, 90), "{report:#?}");
        let hole = state.holes[0].1.range;
        assert!(state.commits.contains(&hole), "{hole} in {:?}", state.commits);
        assert_eq!(setup.store.covered(STREAM_A), RangeSet::from_ranges([range(1, 100)]).without(&RangeSet::from_ranges([hole])));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_covered_is_fetched_twice() {
    let mut setup = Setup::new(100, 60);
    setup.run_clean().await;
    assert_eq!(setup.store.covered(STREAM_A), RangeSet::from_ranges([range(1, 60)]));
    let asked = setup.endpoints[0].ranges().len();
    setup.run_clean().await;
    assert_eq!(setup.endpoints[0].ranges().len(), asked, "a second run has nothing to fetch");
    setup.world.grow(100, 75);
    setup.streams.push(stream(STREAM_B, 31));
    setup.run_clean().await;
    let asked: Vec<_> =
        setup.endpoints[0].asked.lock().unwrap()[asked..].iter().map(|(range, names, _)| (*range, names.join("+"))).collect();
    let expected = [(31, 40, STREAM_B), (41, 50, STREAM_B), (51, 60, STREAM_B), (61, 70, "gmx_v2+gtrade"), (71, 75, "gmx_v2+gtrade")];
    assert_eq!(asked, expected.map(|(from, to, names)| (range(from, to), names.to_owned())));
    assert_eq!(setup.store.covered(STREAM_B), RangeSet::from_ranges([range(31, 75)]));
}

#[tokio::test(start_paused = true)]
async fn streams_fetched_apart_never_share_a_request() {
    let mut setup = Setup::new(20, 20);
    setup.streams.push(stream(STREAM_B, 1));
    setup.fetch_apart = true;
    setup.run_clean().await;
    assert!(setup.endpoints[0].asked.lock().unwrap().iter().all(|(_, names, _)| names.len() == 1));
    assert_eq!(setup.store.covered(STREAM_A), setup.store.covered(STREAM_B));
}

#[tokio::test(start_paused = true)]
async fn weaker_evidence_than_wanted_is_written_once_and_stays_missing() {
    let setup = Setup::new(20, 20);
    let mut job = setup.job();
    job.evidence_min = Evidence::Probed;
    let report =
        perpdex_engine::run(vec![job], setup.store.clone(), setup.options.clone(), setup.cancel.clone(), setup.notes.clone()).await;
    assert_eq!(report.chains[0].outcome, ChainOutcome::Done);
    assert_eq!(setup.endpoints[0].ranges().len(), 2);
    assert!(setup.notes.notes.lock().unwrap().iter().any(|note| note.contains("witnessed")));
}

#[tokio::test(start_paused = true)]
async fn the_tail_brings_every_header() {
    let mut setup = Setup::new(30, 20);
    setup.until = Until::Latest;
    setup.run_clean().await;
    let asked = setup.endpoints[0].asked.lock().unwrap().clone();
    assert!(asked.iter().all(|(range, _, headers)| (range.to() <= 20) == (*headers == Headers::Needed)), "{asked:?}");
    assert!(asked.iter().filter(|(range, ..)| 20 < range.from()).all(|(range, ..)| range.blocks() <= 4), "{asked:?}");
    assert!((21..=30).all(|height| setup.store.state().blocks.contains_key(&height)));
}

#[tokio::test(start_paused = true)]
async fn what_all_endpoints_lack_is_one_hole() {
    let mut setup = Setup::new(100_000, 100_000);
    setup.options.blocks_max_per_fetch = 100_000;
    setup.endpoint(|endpoint| endpoint.earliest = Some(99_991));
    let report = setup.run().await;
    assert_eq!(report.holes, 1);
    assert_eq!(report.holes_listed[0].range, range(1, 99_990));
    assert!(report.holes_listed[0].detail.contains("99991"), "{report:?}");
    assert_eq!(setup.store.covered(STREAM_A), RangeSet::from_ranges([range(99_991, 100_000)]));
    assert_eq!(setup.endpoints[0].ranges(), [range(99_991, 100_000)]);
}

#[tokio::test(start_paused = true)]
async fn bytes_in_flight_are_bounded() {
    // The first answer is late. Without a bound, all other ranges come in piece by piece before it; where not even one has
    // room, each is asked for when its turn comes. While the first is written, one more is asked for in its place.
    let asked_before_first_commit = async |bytes_in_flight_max| {
        let mut setup = Setup::new(200, 200);
        setup.options.fetch_ahead = 20;
        setup.options.bytes_in_flight_max = bytes_in_flight_max;
        setup.options.requests_per_s_start = 1_000_000;
        setup.endpoint(|endpoint| {
            endpoint.latencies_ms = vec![1_000];
            endpoint.faults = vec![(When::Always, Fault::Short(1))];
        });
        Arc::get_mut(&mut setup.store).unwrap().cancel_at = Some((1, setup.cancel.clone()));
        setup.run().await;
        setup.endpoints[0].ranges().len()
    };
    assert_eq!(asked_before_first_commit(1).await, 1 + 1);
    assert_eq!(asked_before_first_commit(usize::MAX).await, 1 + 19 * 10 + 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_record_is_kept_even_where_nothing_else_is() {
    let mut setup = Setup::new(20, 20);
    setup.endpoint(|endpoint| endpoint.faults = vec![(When::Call(1), Fault::Garbage)]);
    let report = setup.run().await;
    assert_eq!((report.failures, report.holes, report.records), (1, 1, 10), "{report:#?}");
    assert_eq!(setup.store.state().malformed, 1);
    assert_eq!(setup.store.covered(STREAM_A), RangeSet::from_ranges([range(11, 20)]));
}

#[tokio::test(start_paused = true)]
async fn cancelling_keeps_the_commit_in_hand() {
    let mut setup = Setup::new(100, 100);
    Arc::get_mut(&mut setup.store).unwrap().cancel_at = Some((3, setup.cancel.clone()));
    let all = setup.run_all().await;
    assert_eq!(all.verdict(), Verdict::Interrupted);
    assert_eq!(all.chains[0].ranges, 3);
    assert_eq!(setup.store.covered(STREAM_A), RangeSet::from_ranges([range(1, 30)]));
    assert_eq!(setup.store.state().reduced, 1, "an interrupted run is reduced as well");
}

#[tokio::test(start_paused = true)]
async fn wherever_a_run_stops_the_next_one_ends_the_same() {
    let whole = Setup::new(100, 90);
    whole.run_clean().await;
    for commits in 1..9 {
        let mut setup = Setup::new(100, 90);
        Arc::get_mut(&mut setup.store).unwrap().cancel_at = Some((commits, setup.cancel.clone()));
        assert_eq!(setup.run().await.outcome, ChainOutcome::Interrupted);
        let written = setup.store.covered(STREAM_A).blocks();
        assert!([0, 10].contains(&(written - 10 * commits as u64)), "at most what was begun behind it is written, too: {written}");
        setup.cancel = Default::default();
        let report = setup.run_clean().await;
        assert_eq!(report.blocks, 90 - written, "only what was missing");
        assert_eq!(setup.store.dump(), whole.store.dump(), "stopped after {commits} commits");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_ends_the_chain() {
    let setup = Setup::new(100, 100);
    setup.store.change(|state| state.broken_from = Some(41));
    let report = setup.run().await;
    assert_eq!(first_error(&report), "memory: disk full");
    assert_eq!(setup.store.covered(STREAM_A), RangeSet::from_ranges([range(1, 40)]));
    setup.store.change(|state| state.broken_from = None);
    setup.run_clean().await;
    assert_eq!(setup.store.covered(STREAM_A), RangeSet::from_ranges([range(1, 100)]));
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_is_asked_of_an_idle_endpoint_too() {
    for (hedge_percentile, is_hedged) in [(95, true), (0, false)] {
        let mut setup = Setup::new(400, 400);
        (setup.options.fetch_ahead, setup.options.hedge_percentile) = (1, hedge_percentile);
        setup.endpoint(|endpoint| endpoint.latencies_ms = (1..=40).map(|call| if call == 30 { 60_000 } else { 10 }).collect());
        setup.add_endpoint("two", |_| {});
        let started = Instant::now();
        let report = setup.run_clean().await;
        let count = u64::from(is_hedged);
        assert_eq!((report.routing.hedged, report.routing.hedges_won), (count, count), "{report:#?}");
        assert_eq!(started.elapsed() < Duration::from_secs(60), is_hedged, "{:?}", started.elapsed());
        assert_eq!(setup.endpoints[1].ranges().len() as u64, count, "the second one is asked for that alone");
        let commits = setup.store.state().commits;
        assert!(commits.windows(2).all(|pair| pair[0].to() + 1 == pair[1].from()) && commits.len() == 40, "{commits:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_comes_back_is_waited_for() {
    let whole = Setup::new(100, 100);
    whole.run_clean().await;
    let setup = Setup::new(100, 100);
    // Some of the commits are written before the connection is lost: what is covered is asked of the store, not remembered.
    setup.store.change(|state| state.unavailable = 7);
    setup.run_clean().await;
    assert_eq!(setup.store.dump(), whole.store.dump());
    let commits = setup.store.state().commits;
    assert_eq!(commits.iter().map(|range| range.blocks()).sum::<u64>(), 100, "what was written is not written again: {commits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_away_ends_a_run_that_ends_but_not_one_that_follows() {
    let mut setup = Setup::new(100, 100);
    setup.options.store_retries_max = 3;
    setup.store.change(|state| state.unavailable = 1_000);
    let report = setup.run().await;
    assert_eq!(first_error(&report), "memory: connection lost");
    assert_eq!(setup.store.state().unavailable, 1_000 - 4, "tried as often as the option says");
    setup.store.change(|state| state.unavailable = 50);
    setup.until = Until::Forever;
    let (store, cancel) = (setup.store.clone(), setup.cancel.clone());
    *setup.notes.on_update.lock().unwrap() = Some(Box::new(move |_| {
        if store.covered(STREAM_A).blocks() == 100 {
            cancel.cancel();
        }
    }));
    let report = setup.run().await;
    assert_eq!(report.outcome, ChainOutcome::Interrupted);
    assert_eq!(setup.store.covered(STREAM_A), RangeSet::from_ranges([range(1, 100)]));
}

#[tokio::test(start_paused = true)]
async fn targets_are_written_first() {
    let mut setup = Setup::new(100, 100);
    setup.until = Until::Height(50);
    setup.streams[0].first_height = Some(20);
    setup.run_clean().await;
    let targets = setup.store.state().targets;
    assert_eq!((targets[0].from, targets[0].to, targets[0].first_height), (20, Some(50), Some(20)));
    assert_eq!(setup.store.covered(STREAM_A), RangeSet::from_ranges([range(20, 50)]));
}
