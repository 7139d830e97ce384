//! Verification: stored ranges are proved once more and compared with what is stored, record by record; what differs is
//! listed and, where asked, mended through the ordinary commit.
//!
//! Promises: pieces are bounded in blocks and records; what is verified stays so over runs; nothing is removed on the word
//! of a proof weaker than asked for. Does not: look above the final height, which is compared by hash all the time.

mod chain;
mod compare;
mod mend;
mod plan;
mod prove;
mod report;

use std::sync::Arc;

use futures::future::join_all;
use perpdex_core::{Evidence, VenueSlug, VerifyStore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::job::ChainJob;
use crate::options::EngineOptions;
use crate::progress::Progress;

use chain::VerifyRun;
pub use report::{ChainVerifyReport, DIFFERENCES_LISTED_MAX, UnprovenReport, VerifyReport};

/// What to verify of one chain.
#[derive(Clone, Debug)]
pub struct VerifyJob {
    /// The chain, its endpoints, all its streams and their decoders. `until` and `from` of the streams are not used.
    pub job: ChainJob,
    /// Venues to verify; empty: all.
    pub venues: Vec<VenueSlug>,
    /// First height, inclusive; `None`: from the first that is stored.
    pub from: Option<u64>,
    /// Last height, inclusive; `None`: up to the final one.
    pub to: Option<u64>,
    /// How well every range is to be proved.
    pub level: Evidence,
    /// Whether to mend what differs.
    pub repair: bool,
    /// Whether to prove again what is verified already.
    pub again: bool,
}

/// Does the jobs, chain by chain side by side, and tells what was found. Levels are reduced at the end where anything was
/// mended.
pub async fn verify(
    jobs: Vec<VerifyJob>,
    store: Arc<dyn VerifyStore>,
    options: EngineOptions,
    cancel: CancellationToken,
    progress: Arc<dyn Progress>,
) -> VerifyReport {
    let started = Instant::now();
    let options = Arc::new(options);
    let runs = jobs.into_iter().map(|job| {
        let run = VerifyRun::new(job, store.clone(), options.clone(), cancel.clone(), progress.clone());
        Box::pin(run.drive())
    });
    let chains = join_all(runs).await;
    let mended = chains.iter().any(|chain| chain.mended > 0);
    let reduce_error = match mended {
        true => store.reduce().await.err().map(|error| error.to_string()),
        false => None,
    };
    VerifyReport { chains, reduce_error, elapsed_ms: started.elapsed().as_millis() as u64 }
}
