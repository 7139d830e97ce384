//! Silence: of streams that seldom speak, of streams that end, of endpoints that were caught, and what remains of a doubt.

use std::collections::BTreeSet;
use std::sync::Arc;

use perpdex_core::Evidence;
use perpdex_engine::EngineOptions;

use crate::detection::{TIP, hole, sync, sync_into};
use crate::support::{Blocks, MemoryStore, STREAM_A, random};

/// A stream that speaks every few thousand blocks, and an endpoint that lost the second half of its history: with a second
/// endpoint every record is there; without one, or with too few looks to tell, what is lost is a gap.
#[tokio::test(start_paused = true)]
async fn a_sparse_stream_is_exact_or_says_so() {
    const TIP: u64 = 300_000;
    for seed in 0..2 {
        let busy: BTreeSet<u64> = (1..=TIP).filter(|height| random(seed, *height).is_multiple_of(3_000)).collect();
        let blocks = Arc::new(Blocks { tip: TIP, busy });
        let hole: BTreeSet<u64> = (TIP / 2..=TIP).collect();
        for (has_second, suspect_blocks_max) in [(true, 30_000), (false, 30_000), (false, 500)] {
            let options = EngineOptions { suspect_blocks_max, ..EngineOptions::default() };
            let ended = sync(&blocks, &hole, has_second, options).await;
            assert_eq!(ended.lost(&blocks), Vec::<u64>::new(), "seed {seed}, second {has_second}, {suspect_blocks_max} looks");
            assert_eq!(ended.report.is_clean(), has_second, "{:#?}", ended.report);
        }
        let good = sync(&blocks, &BTreeSet::new(), false, EngineOptions::default()).await;
        assert!(good.report.is_clean(), "{:#?}", good.report);
    }
}

/// A stream that ends, at an endpoint that leaves nothing out: its silence is settled once, however long it lasts.
#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_is_settled_once() {
    let mut settling = Vec::new();
    for tip in [100_000, 200_000] {
        let blocks = Arc::new(Blocks { tip, busy: (1..=20_000).filter(|height| random(1, *height).is_multiple_of(50)).collect() });
        let options = EngineOptions { fetch_ahead: 1, ..EngineOptions::default() };
        let ended = sync(&blocks, &BTreeSet::new(), false, options).await;
        assert!(ended.report.is_clean(), "{:#?}", ended.report);
        settling.push(ended.report.proof.blocks_settling);
    }
    assert!(0 < settling[0] && settling[0] == settling[1], "{settling:?}");
}

/// What an endpoint could not be believed about stays a gap, as long as nothing but the same endpoint speaks for it.
#[tokio::test(start_paused = true)]
async fn a_further_run_takes_no_doubt_back() {
    for seed in 0..10 {
        let blocks = Arc::new(Blocks::new(TIP, 400, seed));
        let hole = hole(&blocks, 20, false, seed);
        let store: Arc<MemoryStore> = Arc::default();
        let first = sync_into(store.clone(), &blocks, &hole, false, EngineOptions::default()).await;
        assert!(first.is_found() && 0 < first.report.holes, "{:#?}", first.report);
        // What is covered is not asked for again: the further runs see nothing but the hole.
        store.change(|state| state.evidence = Some(Evidence::Probed));
        for again in 0..2 {
            let ended = sync_into(store.clone(), &blocks, &hole, false, EngineOptions::default()).await;
            assert_eq!(ended.lost(&blocks), Vec::<u64>::new(), "seed {seed}, run {again}");
            assert!(!ended.report.is_clean(), "seed {seed}, run {again}: {:#?}", ended.report);
        }
        let healed = sync_into(store, &blocks, &BTreeSet::new(), false, EngineOptions::default()).await;
        assert!(healed.report.is_clean(), "{:#?}", healed.report);
        assert_eq!(healed.store.covered(STREAM_A).blocks(), TIP, "seed {seed}");
    }
}

/// An endpoint that is caught in the middle of a silence is not believed about its beginning either.
#[tokio::test(start_paused = true)]
async fn silence_of_a_caught_endpoint_is_taken_back() {
    let (mut found, mut lost) = (0, [0, 0]);
    for seed in 0..10 {
        let blocks = Arc::new(Blocks::new(TIP, 100, seed));
        let hole: BTreeSet<u64> = (2_000..2_500).collect();
        for (place, taken_back_blocks_max) in [100_000, 0].into_iter().enumerate() {
            // Nothing is suspicious: chance alone finds it, somewhere in the silence.
            let sizes = EngineOptions { blocks_start_per_fetch: 10, blocks_max_per_fetch: 10, ..EngineOptions::default() };
            let options = EngineOptions { taken_back_blocks_max, quiet_odds_max_ppm: 0, probe_seed: seed, ..sizes };
            let ended = sync(&blocks, &hole, true, options).await;
            found += u64::from(ended.is_found());
            lost[place] += if ended.is_found() { ended.lost(&blocks).len() } else { 0 };
        }
    }
    assert!(10 < found, "found {found} times of 20");
    assert!(lost[0] == 0 && 0 < lost[1], "lost with and without it: {lost:?}");
}
