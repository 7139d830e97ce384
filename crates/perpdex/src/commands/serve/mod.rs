//! `perpdex serve`: health, readiness, status and metrics of a database over HTTP.
//!
//! A process of its own beside `sync`: it reads the database and nothing else, so that it tells the truth about a run that was
//! killed too.

mod metrics;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Router;
use axum::extract::State as Shared;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use perpdex_core::StoreError;
use perpdex_store::{SqlStore, Status};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use crate::args::{CommonArgs, ServeArgs};
use crate::commands::status::{Answer, Pace, State, paces, sentence, verdict};
use crate::exit::{CommandResult, Exit, Failure};
use crate::wiring;

/// Content type of the metrics, as their format names it.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Runs the verb.
pub(crate) async fn run(common: &CommonArgs, args: ServeArgs) -> CommandResult {
    let config = super::load(common, Vec::new())?;
    let catalog = wiring::catalog(&config).map_err(Failure::refused)?;
    let store = wiring::open_store_existing(&config.database.value, catalog).await.map_err(Failure::refused)?;
    let listener = TcpListener::bind(args.listen).await.with_context(|| format!("--listen {}", args.listen)).map_err(Failure::refused)?;
    let max_age = Duration::from_millis(args.max_age_ms);
    let reader = Arc::new(Reader { store, lag_blocks_max: args.lag_blocks_max, max_age, seen: Mutex::new(None) });
    let routes = Router::new()
        .route("/health", get(async || "up\n"))
        .route("/ready", get(ready))
        .route("/status", get(status))
        .route("/metrics", get(text))
        .with_state(reader);
    let cancel = wiring::interruption();
    crate::stderr_line(&format!("serving http://{}: /health /ready /status /metrics", listener.local_addr()?));
    axum::serve(listener, routes).with_graceful_shutdown(cancel.cancelled_owned()).await?;
    Ok(Exit::Interrupted)
}

/// Reads the database for all who ask, one at a time and not more often than wanted.
struct Reader {
    store: Arc<SqlStore>,
    lag_blocks_max: u64,
    max_age: Duration,
    seen: Mutex<Option<(Instant, Arc<Seen>)>>,
}

/// One look into the database.
struct Seen {
    state: State,
    status: Status,
    paces: Vec<Pace>,
}

impl Reader {
    async fn look(&self) -> Result<Arc<Seen>, StoreError> {
        let mut seen = self.seen.lock().await;
        if let Some((at, known)) = seen.as_ref()
            && at.elapsed() < self.max_age
        {
            return Ok(known.clone());
        }
        let status = self.store.status().await?;
        let fresh = Arc::new(Seen { state: verdict(&status, self.lag_blocks_max), paces: paces(&status), status });
        *seen = Some((Instant::now(), fresh.clone()));
        Ok(fresh)
    }
}

/// 200 where everything wanted is known but for an allowed lag, else 503; the body says which.
async fn ready(Shared(reader): Shared<Arc<Reader>>) -> Response {
    match reader.look().await {
        Ok(seen) => {
            let code = if seen.state == State::Complete { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            (code, format!("{}\n", sentence(seen.state))).into_response()
        }
        Err(error) => unavailable(&error),
    }
}

/// What `perpdex status --json` prints.
async fn status(Shared(reader): Shared<Arc<Reader>>) -> Response {
    match reader.look().await {
        Ok(seen) => {
            let answer = Answer { verdict: seen.state, database: reader.store.place(), status: &seen.status, paces: &seen.paces };
            axum::Json(answer).into_response()
        }
        Err(error) => unavailable(&error),
    }
}

async fn text(Shared(reader): Shared<Arc<Reader>>) -> Response {
    match reader.look().await {
        Ok(seen) => ([(header::CONTENT_TYPE, METRICS_TYPE)], metrics::text(&seen.status, &seen.paces, seen.state)).into_response(),
        Err(error) => unavailable(&error),
    }
}

fn unavailable(error: &StoreError) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, format!("the database cannot be read: {error}\n")).into_response()
}
