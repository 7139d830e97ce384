//! A run of the engine with its interruptions.

use std::sync::Arc;

use perpdex_engine::{ChainJob, EngineOptions, Progress, RunReport};
use perpdex_store::SqlStore;
use tokio_util::sync::CancellationToken;

/// Runs the jobs into the store.
pub(crate) async fn run_jobs(
    jobs: Vec<ChainJob>,
    store: Arc<SqlStore>,
    options: EngineOptions,
    cancel: CancellationToken,
    progress: Arc<dyn Progress>,
) -> RunReport {
    Box::pin(perpdex_engine::run(jobs, store, options, cancel, progress)).await
}

/// A token that Ctrl-C or a termination signal cancels: the run finishes the transaction in hand and stops. A second
/// Ctrl-C ends the process at once.
pub(crate) fn interruption() -> CancellationToken {
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        first_signal().await;
        crate::stderr_line("interrupted: finishing the transaction in hand");
        cancel.cancel();
        first_signal().await;
        std::process::exit(INTERRUPTED);
    });
    token
}

const INTERRUPTED: i32 = 130;

#[cfg(unix)]
async fn first_signal() {
    use tokio::signal::unix::{SignalKind, signal};

    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        // Without a handler of its own the signal ends the process, which the store survives.
        Err(_) => wait_for_ctrl_c().await,
    }
}

#[cfg(not(unix))]
async fn first_signal() {
    wait_for_ctrl_c().await;
}

async fn wait_for_ctrl_c() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
