//! Following the head.

use std::sync::Arc;

use perpdex_core::RangeSet;
use perpdex_engine::{ChainOutcome, ChainProgress, Phase, Until};

use crate::support::{STREAM_A, Setup, range};

/// Runs forever, calling `step` with the number of each time the chain is caught up; ends when it returns `false`.
async fn follow(setup: &Setup, mut step: impl FnMut(usize) -> bool + Send + 'static) -> perpdex_engine::ChainReport {
    let (cancel, mut times) = (setup.cancel.clone(), 0);
    let react = move |progress: &ChainProgress| {
        if progress.phase == Phase::Following {
            times += 1;
            if !step(times) {
                cancel.cancel();
            }
        }
    };
    *setup.notes.on_update.lock().unwrap() = Some(Box::new(react));
    setup.run().await
}

#[tokio::test(start_paused = true)]
async fn new_blocks_are_taken_as_they_come() {
    let mut setup = Setup::new(20, 10);
    setup.until = Until::Forever;
    let world = setup.world.clone();
    let report = follow(&setup, move |time| {
        world.grow(20 + 3 * time as u64, 10 + 2 * time as u64);
        time < 10
    })
    .await;
    assert_eq!(report.outcome, ChainOutcome::Interrupted);
    assert_eq!((report.reorgs, report.holes), (0, 0));
    assert_eq!(setup.store.covered(STREAM_A), RangeSet::from_ranges([range(1, 47)]));
    assert_eq!(setup.store.state().heads, (28, 47));
    let total: u64 = setup.endpoints[0].ranges().iter().map(|range| range.blocks()).sum();
    assert_eq!(total, 47, "no block is fetched twice");
    let block_refs = *setup.endpoints[0].block_refs.lock().unwrap();
    assert!(block_refs <= 10, "an unbroken tail costs one call a look, not {block_refs} in ten looks");
}

#[tokio::test(start_paused = true)]
async fn a_lower_head_is_lag_and_nothing_else() {
    let mut setup = Setup::new(20, 10);
    setup.until = Until::Forever;
    let endpoint = setup.endpoints[0].clone();
    let report = follow(&setup, move |time| {
        *endpoint.head.lock().unwrap() = [Some(15), Some(9), None][time.min(3) - 1];
        time < 6
    })
    .await;
    assert_eq!(report.reorgs, 0);
    assert!(setup.store.state().reverts.is_empty());
    assert_eq!(setup.store.covered(STREAM_A), RangeSet::from_ranges([range(1, 20)]));
    assert_eq!(setup.store.state().heads.0, 10, "the final height never falls");
}

#[tokio::test(start_paused = true)]
async fn a_height_above_the_tip_is_waited_for() {
    let mut setup = Setup::new(20, 20);
    setup.until = Until::Height(30);
    let world = setup.world.clone();
    let report = follow(&setup, move |time| {
        world.grow(20 + 4 * time as u64, 20);
        true
    })
    .await;
    assert_eq!(report.outcome, ChainOutcome::Done);
    assert_eq!(setup.store.covered(STREAM_A), RangeSet::from_ranges([range(1, 30)]));
}

#[tokio::test(start_paused = true)]
async fn a_network_away_in_the_middle_of_a_round_is_outlived() {
    let mut setup = Setup::new(20, 10);
    setup.until = Until::Latest;
    setup.run_clean().await;
    setup.world.grow(25, 15);
    setup.until = Until::Forever;
    // More than the tries of one request: the comparison of the stored tail is given up, not the chain.
    setup.endpoint_of_run(|endpoint| endpoint.block_ref_errors = Some((perpdex_core::SourceErrorKind::Transient, 20)));
    let report = follow(&setup, |time| time < 2).await;
    assert_eq!(report.outcome, ChainOutcome::Interrupted, "{report:#?}");
    assert_eq!(setup.store.covered(STREAM_A), RangeSet::from_ranges([range(1, 25)]));
}

#[tokio::test(start_paused = true)]
async fn a_range_given_up_is_asked_for_again_later() {
    let mut setup = Setup::new(20, 20);
    setup.until = Until::Forever;
    setup.options.failed_retry_ms = 3_500;
    setup.endpoint(|endpoint| {
        let failing = crate::support::Fault::Error(perpdex_core::SourceErrorKind::Lagging);
        endpoint.faults = (2..=9).map(|call| (crate::support::When::Call(call), failing.clone())).collect();
    });
    setup.options.fetch_ahead = 1;
    let store: Arc<_> = setup.store.clone();
    let report = follow(&setup, move |time| time < 100 && store.covered(STREAM_A).blocks() < 20).await;
    assert_eq!(report.holes, 1, "{report:#?}");
    assert_eq!(setup.store.covered(STREAM_A), RangeSet::from_ranges([range(1, 20)]));
}

#[tokio::test(start_paused = true)]
async fn near_the_head_nothing_is_given_up() {
    let mut setup = Setup::new(20, 10);
    setup.until = Until::Forever;
    setup.endpoint(|endpoint| {
        let failing = crate::support::Fault::Error(perpdex_core::SourceErrorKind::Lagging);
        endpoint.faults = (2..=30).map(|call| (crate::support::When::Call(call), failing.clone())).collect();
    });
    let store: Arc<_> = setup.store.clone();
    let report = follow(&setup, move |time| time < 100 && store.covered(STREAM_A).blocks() < 20).await;
    assert_eq!((report.holes, setup.store.state().holes.len()), (0, 0), "{report:#?}");
    assert_eq!(setup.store.covered(STREAM_A), RangeSet::from_ranges([range(1, 20)]));
}

/// Where the first endpoint stays at block 30 while the second one goes on; what is covered after an hour.
async fn followed_past_a_laggard(change: impl FnOnce(&mut perpdex_engine::EngineOptions)) -> (perpdex_engine::ChainReport, RangeSet) {
    let mut setup = Setup::new(30, 20);
    setup.until = Until::Forever;
    setup.add_endpoint("two", |_| {});
    change(&mut setup.options);
    *setup.endpoints[0].head.lock().unwrap() = Some(30);
    let (world, started, cancel) = (setup.world.clone(), tokio::time::Instant::now(), setup.cancel.clone());
    let report = follow(&setup, move |time| {
        world.grow(30 + 40 * (time as u64).min(5), 20);
        !cancel.is_cancelled() && started.elapsed().as_secs() < 3_600
    })
    .await;
    (report, setup.store.covered(STREAM_A))
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_begins_to_lag_is_put_behind() {
    let (report, covered) = followed_past_a_laggard(|_| {}).await;
    assert_eq!(covered, RangeSet::from_ranges([range(1, 230)]), "{report:#?}");
    assert_eq!((report.routing.put_behind, report.reorgs, report.holes), (1, 0, 0));
    let told: Vec<_> = report.errors.iter().map(|group| (group.label.as_str(), group.kind, group.count)).collect();
    assert_eq!(told, [("one", "lagging", 1)]);
}

#[tokio::test(start_paused = true)]
async fn without_the_setting_a_laggard_is_followed_for_ever() {
    for lag_max_ms in [0, 86_400_000] {
        let (report, covered) = followed_past_a_laggard(|options| options.head_lag_max_ms = lag_max_ms).await;
        assert_eq!(covered, RangeSet::from_ranges([range(1, 30)]), "{report:#?}");
    }
    let (report, covered) = followed_past_a_laggard(|options| options.head_compare_ms = 86_400_000).await;
    assert_eq!(covered, RangeSet::from_ranges([range(1, 30)]), "{report:#?}");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_catches_up_is_asked_first_again() {
    let mut setup = Setup::new(30, 20);
    setup.until = Until::Forever;
    setup.options.head_compare_ms = 5_000;
    setup.add_endpoint("two", |_| {});
    *setup.endpoints[0].head.lock().unwrap() = Some(30);
    let (world, one, two) = (setup.world.clone(), setup.endpoints[0].clone(), setup.endpoints[1].clone());
    let before = Arc::new(std::sync::Mutex::new(0));
    let seen = before.clone();
    let report = follow(&setup, move |time| {
        world.grow(30 + 40 * time as u64, 20);
        if time == 20 {
            *one.head.lock().unwrap() = None;
            *seen.lock().unwrap() = one.ranges().len();
            assert!(!two.ranges().is_empty(), "the second one was asked meanwhile");
        }
        time < 40
    })
    .await;
    assert_eq!(report.routing.put_behind, 1, "{report:#?}");
    assert!(*before.lock().unwrap() < setup.endpoints[0].ranges().len(), "the first one is asked again");
}
