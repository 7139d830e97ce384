//! Commits that are begun while the one before them is being written: they end as one after the other would, and are seen in that
//! order or not at all.

mod support;

use std::future::Future;

use perpdex_core::{Commit, Committed, Event, Store, StoreError, Turn};
use perpdex_store::SqlStore;
use support::history::{self, ASTER, GMX, block, blocks, commit, targets, told};
use support::{Database, Engine, assert_same, ints};
use tokio::sync::oneshot;

on_both_engines! {
    nothing_is_seen_of_a_commit_before_its_turn,
    a_turn_that_never_comes_leaves_nothing,
    commits_beside_one_another_make_the_same_store,
    what_the_commit_before_says_of_a_market_is_heeded,
    two_who_write_the_same_heights_end_as_one,
    what_is_written_ahead_stops_no_other_for_long,
}

/// The other end of a turn.
struct Gate {
    /// Comes when the commit waits for its turn.
    is_waiting: oneshot::Receiver<()>,
    /// Lets it come, or never come.
    opened: oneshot::Sender<bool>,
}

fn gated() -> (Turn, Gate) {
    let (waits, is_waiting) = oneshot::channel();
    let (opened, gate) = oneshot::channel();
    let turn = Turn::after(async move {
        waits.send(()).unwrap();
        gate.await.unwrap()
    });
    (turn, Gate { is_waiting, opened })
}

/// Begins a commit, does something while it waits for its turn, and lets its turn come if that gives true.
async fn begun<F: Future<Output = bool>>(store: &SqlStore, commit: Commit, meanwhile: impl FnOnce() -> F) -> Result<Committed, StoreError> {
    let (turn, Gate { is_waiting, opened }) = gated();
    let rest = async {
        is_waiting.await.unwrap();
        opened.send(meanwhile().await).unwrap();
    };
    let (outcome, ()) = futures::join!(store.commit_in_turn(commit, turn), rest);
    outcome
}

/// What a store holds that took these commits one after the other.
async fn straight(commits: &[Commit]) -> String {
    let folder = Database::new(Engine::Sqlite, "straight").await.unwrap();
    let store = folder.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    for commit in commits {
        store.commit(commit.clone()).await.unwrap();
    }
    store.reduce().await.unwrap();
    store.dump().await.unwrap()
}

async fn opened(database: &Database) -> SqlStore {
    let store = database.open().await;
    store.set_targets(&targets(0)).await.unwrap();
    store
}

async fn assert_is(store: &SqlStore, wanted: &str, what: &str) {
    store.reduce().await.unwrap();
    assert_same(&store.dump().await.unwrap(), wanted, what);
}

async fn nothing_is_seen_of_a_commit_before_its_turn(database: Database) {
    let (store, blocks) = (opened(&database).await, blocks(1, 40, 0));
    let commits = [commit((0, 19), &blocks), commit((20, 39), &blocks)];
    store.commit(commits[0].clone()).await.unwrap();
    let before = store.dump().await.unwrap();
    let done = begun(&store, commits[1].clone(), async || {
        assert_same(&store.dump().await.unwrap(), &before, "before its turn");
        // Others write meanwhile.
        store.reduce().await.unwrap();
        store.set_heads(history::CHAIN, 5, 6).await.unwrap();
        true
    });
    assert!(0 < done.await.unwrap().records);
    assert_eq!(ints(&store, "SELECT MAX(to_height) FROM covered_ranges").await, [[39]]);
    assert_is(&store, &straight(&commits).await, "behind its turn").await;
}

async fn a_turn_that_never_comes_leaves_nothing(database: Database) {
    let (store, blocks) = (opened(&database).await, blocks(2, 40, 0));
    let commits = [commit((0, 19), &blocks), commit((20, 39), &blocks)];
    store.commit(commits[0].clone()).await.unwrap();
    let before = store.dump().await.unwrap();
    let outcome = begun(&store, commits[1].clone(), async || false).await;
    assert!(matches!(outcome, Err(StoreError::OutOfTurn)), "{outcome:?}");
    assert_same(&store.dump().await.unwrap(), &before, "it was never its turn");
    store.commit(commits[1].clone()).await.unwrap();
    assert_is(&store, &straight(&commits).await, "written later").await;
}

async fn commits_beside_one_another_make_the_same_store(database: Database) {
    let blocks = blocks(3, 120, 0);
    let commits: Vec<Commit> = (0..120).step_by(10).map(|from| commit((from, from + 9), &blocks)).collect();
    let wanted = straight(&commits).await;
    let store = opened(&database).await;
    let mut before: Option<oneshot::Receiver<()>> = None;
    let mut writing = Vec::new();
    for commit in commits {
        let turn = before.take().map_or_else(Turn::now, |before| Turn::after(async move { before.await.is_ok() }));
        let (written, after) = oneshot::channel();
        before = Some(after);
        let store = &store;
        writing.push(async move {
            store.commit_in_turn(commit, turn).await.unwrap();
            let _ = written.send(());
        });
    }
    // All at once: more than there are connections that may begin before their turn.
    futures::future::join_all(writing).await;
    assert_is(&store, &wanted, "side by side").await;
}

async fn what_the_commit_before_says_of_a_market_is_heeded(database: Database) {
    let one = |height, venue, key, body| history::event(height, 0, 0, venue, Some(key), body);
    let listed = |height, symbol, decimals| one(height, ASTER, "0xlate", history::listed(Some(symbol), decimals, false));
    let fill = |height| one(height, ASTER, "0xlate", history::open("a", 50));
    let first = one(1, ASTER, "0xlate", history::price(5));
    let cases: [(&str, [Vec<Event>; 3]); 4] = [
        ("a listing tells symbol and decimals", [vec![first.clone()], vec![listed(12, "kPEPE", Some(4))], vec![fill(22), fill(23)]]),
        ("a market is met first", [vec![], vec![fill(12)], vec![fill(22)]]),
        (
            "a market is met anew by the one that waits",
            [vec![first.clone()], vec![fill(12)], vec![one(22, GMX, "0xnew", history::price(7))]],
        ),
        ("the one that waits lists it itself", [vec![first], vec![fill(12)], vec![fill(22), listed(23, "kPEPE", Some(4)), fill(24)]]),
    ];
    for (case, [known, before, behind]) in cases {
        let commits = [told((0, 9), &known), told((10, 19), &before), told((20, 29), &behind)];
        let other = Database::new(database.engine, case).await.unwrap();
        let store = opened(&other).await;
        store.commit(commits[0].clone()).await.unwrap();
        let last = begun(&store, commits[2].clone(), async || store.commit(commits[1].clone()).await.is_ok()).await;
        assert_eq!(last.unwrap().events, behind.len() as u64, "{case}");
        assert_is(&store, &straight(&commits).await, case).await;
    }
}

async fn two_who_write_the_same_heights_end_as_one(database: Database) {
    let (store, blocks) = (opened(&database).await, blocks(4, 20, 0));
    let wanted = straight(&[commit((0, 19), &blocks)]).await;
    let other = database.open().await;
    let (turn, Gate { is_waiting, opened }) = gated();
    let late = async {
        is_waiting.await.unwrap();
        let open = async {
            // Until the other one has met the rows.
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            opened.send(true).unwrap();
        };
        futures::join!(other.commit(commit((0, 19), &blocks)), open).0
    };
    let outcomes: [Result<Committed, StoreError>; 2] = futures::join!(store.commit_in_turn(commit((0, 19), &blocks), turn), late).into();
    for outcome in &outcomes {
        assert!(matches!(outcome, Ok(_) | Err(StoreError::Unavailable { .. })), "{outcome:?}");
    }
    assert!(outcomes.iter().any(Result::is_ok), "{outcomes:?}");
    assert_eq!(store.commit(commit((0, 19), &blocks)).await.unwrap().records, 0);
    assert_eq!(store.block(history::CHAIN, 7).await.unwrap(), Some(block(7, 0)));
    assert_is(&store, &wanted, "written by two").await;
}

async fn what_is_written_ahead_stops_no_other_for_long(database: Database) {
    let (store, blocks) = (opened(&database).await, blocks(5, 20, 0));
    let whole = || commit((0, 19), &blocks);
    // The one that waits for its turn cannot know that the other waits for it.
    let last = begun(&store, whole(), async || {
        match store.commit(whole()).await {
            Err(StoreError::Unavailable { .. }) => assert_eq!(database.engine, Engine::Postgres),
            other => assert_eq!((other.unwrap().records > 0, database.engine), (true, Engine::Sqlite)),
        }
        true
    });
    last.await.unwrap();
    assert_is(&store, &straight(&[whole()]).await, "the same heights twice").await;
}
