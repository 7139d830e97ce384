//! Reorgs: found at every place where they can show, confirmed, unwound; refused below the final height.

use perpdex_core::RangeSet;
use perpdex_engine::{ChainOutcome, ChainProgress, Phase, Until};

use crate::support::{Fault, STREAM_A, STREAM_B, Setup, When, first_error, hash, range, stream};

/// The store of a run that never saw anything but the branch the chain has now.
async fn clean_dump(setup: &Setup) -> String {
    let mut clean = Setup::new(0, 0);
    clean.world = setup.world.clone();
    clean.endpoints.clear();
    clean.add_endpoint("clean", |_| {});
    clean.streams = setup.streams.clone();
    clean.until = Until::Latest;
    clean.options = setup.options.clone();
    clean.run_clean().await;
    clean.store.dump()
}

#[tokio::test(start_paused = true)]
async fn depths_while_following_leave_no_trace() {
    for depth in [1, 3, 9] {
        let mut setup = Setup::new(40, 30);
        setup.until = Until::Forever;
        setup.streams.push(stream(STREAM_B, 1));
        let (world, cancel, mut times) = (setup.world.clone(), setup.cancel.clone(), 0);
        let react = move |progress: &ChainProgress| {
            if progress.phase == Phase::Following {
                times += 1;
                match times {
                    1 => world.reorg(40 - depth, 43, 1),
                    2 => {}
                    _ => cancel.cancel(),
                }
            }
        };
        *setup.notes.on_update.lock().unwrap() = Some(Box::new(react));
        let report = setup.run().await;
        assert_eq!(report.reorgs, 1, "depth {depth}: {report:#?}");
        let reverts = setup.store.state().reverts;
        assert_eq!(reverts[0].0, 40 - depth);
        assert_eq!(reverts[0].1.stored, format!("{:#x}", hash(41 - depth, 0)));
        assert_eq!(reverts[0].1.found, format!("{:#x}", hash(41 - depth, 1)));
        assert_eq!(setup.store.dump(), clean_dump(&setup).await, "depth {depth}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_branch_of_the_same_height_is_seen() {
    let mut setup = Setup::new(40, 30);
    setup.until = Until::Latest;
    setup.run_clean().await;
    setup.world.reorg(37, 40, 1);
    let report = setup.run_clean().await;
    assert_eq!(report.reorgs, 1);
    assert_eq!(setup.store.state().reverts[0].0, 37);
    assert_eq!(setup.store.dump(), clean_dump(&setup).await);
}

#[tokio::test(start_paused = true)]
async fn the_stored_tail_is_compared_at_the_start_even_where_it_became_final() {
    let mut setup = Setup::new(40, 30);
    setup.until = Until::Latest;
    setup.run_clean().await;
    setup.world.reorg(35, 60, 1);
    setup.world.grow(80, 70);
    setup.until = Until::Final;
    let report = setup.run_clean().await;
    assert_eq!((report.reorgs, setup.store.state().reverts[0].0), (1, 35));
    assert_eq!(setup.store.covered(STREAM_A), RangeSet::from_ranges([range(1, 70)]));
    let records = setup.store.state().records;
    let is_of_the_chain =
        |((height, _), (_, record)): (&(u64, i64), &(_, perpdex_core::RawRecord))| setup.world.records(*height).contains(record);
    assert!(records.iter().all(is_of_the_chain));
}

#[tokio::test(start_paused = true)]
async fn a_tail_that_is_dropped_whole_goes_back_to_the_final_block() {
    let mut setup = Setup::new(40, 30);
    setup.until = Until::Latest;
    setup.run_clean().await;
    setup.world.reorg(30, 45, 1);
    setup.run_clean().await;
    assert_eq!(setup.store.state().reverts[0].0, 30);
    assert_eq!(setup.store.dump(), clean_dump(&setup).await);
}

#[tokio::test(start_paused = true)]
async fn heights_without_a_block_below_a_dropped_tail_go_with_it() {
    let mut setup = Setup::new(40, 30);
    // The first heights above the final one have no block, but have one on the other branch.
    (31..=32).for_each(|height| setup.world.skip(0, height));
    setup.until = Until::Latest;
    setup.run_clean().await;
    setup.world.reorg(30, 45, 1);
    setup.run_clean().await;
    assert_eq!(setup.store.state().reverts[0].0, 30);
    assert_eq!(setup.store.dump(), clean_dump(&setup).await);
}

#[tokio::test(start_paused = true)]
async fn beyond_finality_the_chain_halts_and_nothing_is_written() {
    let mut setup = Setup::new(40, 30);
    setup.until = Until::Latest;
    setup.run_clean().await;
    let before = setup.store.dump();
    setup.world.reorg(25, 45, 1);
    let report = setup.run().await;
    assert!(matches!(report.outcome, ChainOutcome::Halted { .. }), "{report:?}");
    let error = first_error(&report);
    assert!(error.contains(&format!("{:#x}", hash(30, 0))) && error.contains(&format!("{:#x}", hash(30, 1))), "{error}");
    assert_eq!(setup.store.dump(), before);
    assert!(setup.store.state().reverts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_lie_about_a_final_block_halts_only_when_confirmed() {
    // The stored final block 20 and the parent that the next range names differ for one answer only.
    let mut setup = Setup::new(20, 20);
    setup.run_clean().await;
    setup.world.grow(40, 40);
    setup.endpoint_of_run(|endpoint| endpoint.faults = vec![(When::Call(1), Fault::Branch(7))]);
    let report = setup.run_clean().await;
    assert_eq!(report.reorgs, 0);
    assert_eq!(setup.store.covered(STREAM_A), RangeSet::from_ranges([range(1, 40)]));
    assert!(setup.notes.notes.lock().unwrap().iter().any(|note| note.contains("contradicts block 20")));
}

#[tokio::test(start_paused = true)]
async fn contradictions_without_end_have_one() {
    let mut setup = Setup::new(20, 20);
    setup.run_clean().await;
    setup.world.grow(40, 40);
    setup.endpoint_of_run(|endpoint| endpoint.faults = vec![(When::Always, Fault::Branch(7))]);
    let report = setup.run().await;
    assert!(first_error(&report).contains("contradictions in a row at block 20"), "{report:?}");
    assert_eq!(setup.store.covered(STREAM_A), RangeSet::from_ranges([range(1, 20)]));
}

#[tokio::test(start_paused = true)]
async fn a_second_answer_can_take_the_first_back() {
    let mut setup = Setup::new(40, 30);
    setup.until = Until::Latest;
    setup.run_clean().await;
    setup.world.grow(42, 31);
    setup.endpoint_of_run(|endpoint| endpoint.lies = std::sync::Mutex::new(vec![(40, 9)]));
    let report = setup.run_clean().await;
    assert_eq!(report.reorgs, 0);
    assert!(setup.store.state().reverts.is_empty());
    assert_eq!(setup.store.covered(STREAM_A), RangeSet::from_ranges([range(1, 42)]));
}
