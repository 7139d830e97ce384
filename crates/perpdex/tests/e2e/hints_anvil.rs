//! Announcements of new heads hasten the look at the head, and nothing depends on them.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use crate::reorg_anvil::{Anvil, has, venue_transactions};
use crate::support::{Engine, Guarded, command, folder, interrupt, setting, until};

/// A configuration in the folder, and a run that follows by it.
fn follow(folder: &Path, anvil: &Anvil, ws_url: &str, head_poll_ms: u64) -> (String, Guarded) {
    let url = Engine::Sqlite.database(folder, "hinted");
    let config =
        format!("[sync]\nhead_poll_ms = {head_poll_ms}\n[[chains.arbitrum.endpoints]]\nurl = \"{}\"\nws_url = \"{ws_url}\"\n", anvil.url());
    fs::write(folder.join("perpdex.toml"), config).expect("the configuration is written");
    let mut sync = command(folder, &["sync", "--chain", "arbitrum", "--from", "arbitrum=0", "--database", &url]);
    sync.stdout(Stdio::null()).stderr(Stdio::null());
    (url, Guarded(sync.spawn().expect("the binary starts")))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announced_head_is_looked_at_before_the_next_poll() {
    let Some(binary) = setting("an_announced_head_is_looked_at_before_the_next_poll", "PERPDEX_ANVIL") else { return };
    let (anvil, folder) = (Anvil::start(&binary), folder());
    let mut transactions = venue_transactions().into_iter();
    anvil.emit(&transactions.next().expect("a transaction"));
    // Longer than the test waits for anything.
    let (url, child) = follow(folder.path(), &anvil, &format!("ws://127.0.0.1:{}", anvil.port), 600_000);
    let (head, hash) = anvil.head();
    until("reaching the head", || has(&url, head, hash)).await;
    // The subscription may begin after a block was announced: the next one is announced, too.
    let mut next = || transactions.next().expect("a transaction");
    until("following what is announced", || {
        anvil.emit(&next());
        let (head, hash) = anvil.head();
        let url = url.clone();
        async move {
            for _ in 0..10 {
                if has(&url, head, hash).await {
                    return true;
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            false
        }
    })
    .await;
    assert_eq!(interrupt(child), Some(130));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_subscription_delays_nothing() {
    let Some(binary) = setting("a_silent_subscription_delays_nothing", "PERPDEX_ANVIL") else { return };
    let (anvil, folder) = (Anvil::start(&binary), folder());
    let mut transactions = venue_transactions().into_iter();
    anvil.emit(&transactions.next().expect("a transaction"));
    // It takes connections and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let ws_url = format!("ws://{}", silent.local_addr().expect("an address"));
    let (url, child) = follow(folder.path(), &anvil, &ws_url, 50);
    for _ in 0..3 {
        anvil.emit(&transactions.next().expect("a transaction"));
        let (head, hash) = anvil.head();
        until("following by polling", || has(&url, head, hash)).await;
    }
    assert_eq!(interrupt(child), Some(130));
}
