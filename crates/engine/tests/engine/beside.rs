//! Ranges that are begun while the one before them is being written.

use perpdex_core::{BlockRange, RangeSet};
use perpdex_engine::{ChainOutcome, Until};

use crate::support::{STREAM_A, STREAM_B, Setup, first_error, range, stream};

/// Each commit takes longer than its range's answer.
fn slow_store(tip: u64, finalized: u64) -> Setup {
    let setup = Setup::new(tip, finalized);
    setup.store.change(|state| state.commit_ms = 500);
    setup
}

fn assert_in_order(commits: &[BlockRange]) {
    assert!(commits.windows(2).all(|pair| pair[0].to() + 1 == pair[1].from()), "{commits:?}");
}

#[tokio::test(start_paused = true)]
async fn one_range_is_begun_while_another_is_written() {
    let mut setup = slow_store(100, 60);
    setup.until = Until::Latest;
    setup.run_clean().await;
    let state = setup.store.state();
    assert_in_order(&state.commits);
    assert_eq!(state.begun.len(), state.commits.len());
    for (index, (begun, written)) in state.begun.iter().enumerate() {
        // The first one, and all near the head, where each is shown as soon as can be.
        let is_alone = index == 0 || 60 < begun.from();
        assert_eq!(*written, if is_alone { index } else { index - 1 }, "{begun} was begun");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_prepares_nothing_is_given_one_range_at_a_time() {
    let setup = slow_store(60, 60);
    setup.store.change(|state| state.is_alone = true);
    setup.run_clean().await;
    let begun = setup.store.state().begun;
    assert!(begun.iter().enumerate().all(|(index, (_, written))| *written == index), "{begun:?}");
}

#[tokio::test(start_paused = true)]
async fn ranges_of_streams_that_are_fetched_apart_are_not_begun_beside_one_another() {
    let mut setup = slow_store(10, 10);
    setup.streams.push(stream(STREAM_B, 1));
    setup.fetch_apart = true;
    setup.run_clean().await;
    let state = setup.store.state();
    assert!(state.begun.windows(2).any(|pair| pair[0].0 == pair[1].0), "the same heights of two streams: {:?}", state.begun);
    for name in [STREAM_A, STREAM_B] {
        assert_eq!(setup.store.covered(name), RangeSet::from_ranges([range(1, 10)]));
    }
}

#[tokio::test(start_paused = true)]
async fn behind_a_range_that_is_not_written_none_is() {
    let setup = slow_store(100, 100);
    setup.store.change(|state| state.conflicts_at = Some(31));
    let report = setup.run().await;
    assert!(matches!(report.outcome, ChainOutcome::Halted { .. }), "{report:#?}");
    let state = setup.store.state();
    assert!(state.begun.iter().any(|(begun, _)| begun.from() == 41), "{:?}", state.begun);
    assert_eq!(state.commits, [range(1, 10), range(11, 20), range(21, 30)]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_comes_back_is_written_in_order() {
    let setup = slow_store(100, 100);
    setup.store.change(|state| state.unavailable = 7);
    setup.run_clean().await;
    assert_in_order(&setup.store.state().commits);
    assert_eq!(setup.store.covered(STREAM_A), RangeSet::from_ranges([range(1, 100)]));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_takes_nothing_behind_it() {
    let setup = slow_store(100, 100);
    setup.store.change(|state| state.broken_from = Some(41));
    let report = setup.run().await;
    assert_eq!(first_error(&report), "memory: disk full");
    assert_eq!(setup.store.covered(STREAM_A), RangeSet::from_ranges([range(1, 40)]));
    assert_eq!(report.blocks, 40, "what was written is in the books");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_cancelled_ends_what_it_has_begun() {
    let setup = slow_store(100, 100);
    let cancel = setup.cancel.clone();
    let stop = async {
        tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
        cancel.cancel();
    };
    let (report, ()) = tokio::join!(setup.run(), stop);
    let state = setup.store.state();
    assert_eq!(state.begun.len(), state.commits.len(), "nothing is left half done");
    assert_eq!(report.blocks, setup.store.covered(STREAM_A).blocks());
}
