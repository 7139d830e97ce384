//! An archive of a simulated Solana chain behind the interface of the SQD Portal (its OpenAPI document and interface
//! specification, 2026).
//!
//! `GET metadata`, `GET finalized-head`, `GET timestamps/{secs}/block` and `POST finalized-stream` under
//! `/datasets/solana-mainnet`; answers of the stream are gzip. Of the query language: instructions by `programId` and
//! `isCommitted` with `transaction` and `transactionInstructions`, logs by `programId` and `kind` with `transaction`,
//! transactions without a filter. Anything else is refused with 400, as the Portal refuses what it does not know.

mod query;
mod table;

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::NodeError;
use super::fault::{Answers, Applied, Faults, Method, Replaced};
use super::ledger::Ledger;
use super::rpc::{Endpoint, Transport};
use super::server::{Listening, respond};
use crate::chain::{SolanaBlock, SolanaChain};
use query::Query;

/// Name of the dataset.
const DATASET: &str = "solana-mainnet";

/// What faults can name.
const METHODS: &[Method] = &[
    Method { name: "metadata", answers: Answers::Value },
    Method { name: "finalized-head", answers: Answers::Value },
    Method { name: "timestamps", answers: Answers::Value },
    Method { name: "finalized-stream", answers: Answers::List },
];

/// What an archive has and how it answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortalOptions {
    /// Lowest slot of the dataset; `None`: the chain's first.
    pub start: Option<u64>,
    /// Lines of one answer at most: what lies behind is not said, as where a worker fails in the middle.
    pub lines_max: Option<usize>,
    /// Bytes of log a transaction kept when it was archived; the runtime cuts at 10,000.
    pub log_bytes_max: Option<usize>,
    /// What goes wrong from the start. `empty` loses rows of filtered answers, as a broken index does.
    pub faults: Faults,
}

/// A running archive. Dropping it stops it.
pub struct PortalNode {
    endpoint: Arc<Endpoint<Archive>>,
    listening: Listening,
}

impl fmt::Debug for PortalNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortalNode").field("listening", &self.listening).finish_non_exhaustive()
    }
}

impl PortalNode {
    /// Serves a chain up to its last block, which is final. Must be called inside a tokio runtime.
    pub fn serve(chain: SolanaChain, options: PortalOptions) -> Result<PortalNode, NodeError> {
        options.faults.check(METHODS)?;
        let faults = options.faults.clone();
        let archive = Archive { ledger: RwLock::new(Ledger::new(chain.blocks, 0)?), options };
        let endpoint = Arc::new(Endpoint::new(archive, faults));
        let router = axum::Router::new()
            .route("/datasets/solana-mainnet/metadata", get(metadata))
            .route("/datasets/solana-mainnet/finalized-head", get(finalized_head))
            .route("/datasets/solana-mainnet/timestamps/{secs}/block", get(block_at))
            .route("/datasets/solana-mainnet/finalized-stream", post(finalized_stream))
            .with_state(endpoint.clone());
        Ok(PortalNode { endpoint, listening: Listening::start(router)? })
    }

    /// Address of the dataset, `http://127.0.0.1:PORT/datasets/solana-mainnet`.
    pub fn url(&self) -> String {
        format!("{}/datasets/{DATASET}", self.listening.url())
    }

    /// The archive ends here.
    pub fn set_finalized(&self, slot: u64) -> Result<(), NodeError> {
        self.endpoint.service.ledger.write().unwrap_or_else(PoisonError::into_inner).set_finalized(slot)
    }

    /// Replaces the faults; call numbers go on counting from the start of the node.
    pub fn set_faults(&self, faults: Faults) -> Result<(), NodeError> {
        faults.check(METHODS)?;
        self.endpoint.traffic().faults = faults;
        Ok(())
    }

    /// Calls so far by the name that faults use.
    pub fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.endpoint.traffic().by_method.clone()
    }

    /// Stops listening and waits until answers under way are sent.
    pub async fn stop(self) {
        self.listening.stop().await;
    }
}

/// The chain and how it is told.
struct Archive {
    ledger: RwLock<Ledger<SolanaBlock>>,
    options: PortalOptions,
}

type Shared = State<Arc<Endpoint<Archive>>>;

/// An answer before faults: status and JSON, one value or a line each.
enum Told {
    Value(Value),
    Lines(Vec<Value>),
    Refused(u16, Value),
    /// 204: the stream does not reach there.
    Nothing,
}

async fn metadata(State(endpoint): Shared) -> Response {
    let start = endpoint.service.start();
    tell(&endpoint, "metadata", None, |_| Told::Value(json!({"dataset": DATASET, "aliases": [], "real_time": false, "start_block": start})))
        .await
}

async fn finalized_head(State(endpoint): Shared) -> Response {
    tell(&endpoint, "finalized-head", None, |archive| {
        let ledger = archive.ledger();
        Told::Value(json!({"number": ledger.finalized().slot, "hash": ledger.finalized().blockhash}))
    })
    .await
}

async fn block_at(State(endpoint): Shared, Path(secs): Path<i64>) -> Response {
    tell(&endpoint, "timestamps", None, |archive| {
        let ledger = archive.ledger();
        let kept = ledger.range(archive.start(), ledger.finalized().slot);
        match kept.iter().find(|block| secs <= block.time_secs) {
            Some(block) => Told::Value(json!({"block_number": block.slot})),
            None => Told::Nothing,
        }
    })
    .await
}

async fn finalized_stream(State(endpoint): Shared, body: Bytes) -> Response {
    let query = serde_json::from_slice::<Query>(&body);
    let heights = query.as_ref().ok().map(|query| (query.from_block, query.to_block.unwrap_or(u64::MAX)));
    let faults = endpoint.traffic().count("finalized-stream", heights);
    let told = match query {
        Ok(query) => endpoint.service.stream(&query, &faults),
        Err(error) => refused(400, "malformed_request", &error.to_string()),
    };
    answer(&endpoint, &faults, told).await
}

async fn tell(
    endpoint: &Endpoint<Archive>,
    method: &'static str,
    heights: Option<(u64, u64)>,
    told: impl FnOnce(&Archive) -> Told,
) -> Response {
    let faults = endpoint.traffic().count(method, heights);
    answer(endpoint, &faults, told(&endpoint.service)).await
}

async fn answer(endpoint: &Endpoint<Archive>, faults: &Applied, told: Told) -> Response {
    let told = match &faults.answer {
        Some(Replaced::Result(text)) => Told::Value(serde_json::from_str(text).expect("checked when the faults were set")),
        Some(Replaced::Error { message, .. }) => refused(500, "internal_error", message),
        None => told,
    };
    let mut transport = Transport::default();
    transport.add(faults);
    tokio::time::sleep(Duration::from_millis(transport.delay_ms)).await;
    let mut response = match &told {
        Told::Value(value) => respond(&transport, "application/json", value.to_string().into_bytes()),
        Told::Refused(status, value) => {
            let mut response = respond(&transport, "application/json", value.to_string().into_bytes());
            if transport.status.is_none() {
                *response.status_mut() = StatusCode::from_u16(*status).expect("one of ours");
            }
            response
        }
        Told::Nothing => {
            let mut response = respond(&transport, "application/json", Vec::new());
            if transport.status.is_none() {
                *response.status_mut() = StatusCode::NO_CONTENT;
                *response.body_mut() = Body::empty();
            }
            response
        }
        Told::Lines(lines) => {
            let mut response = respond(&transport, "application/jsonl", packed(lines));
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response
        }
    };
    response.headers_mut().insert("x-sqd-finalized-head-number", HeaderValue::from(endpoint.service.ledger().finalized().slot));
    response
}

fn refused(status: u16, code: &str, message: &str) -> Told {
    Told::Refused(status, json!({"error": {"type": "invalid_request_error", "code": code, "message": message}}))
}

/// Lines of JSON, each block of which can be unpacked as soon as it is there.
fn packed(lines: &[Value]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for line in lines {
        writeln!(out, "{line}").and_then(|()| out.flush()).expect("writing to memory cannot fail");
    }
    out.finish().expect("writing to memory cannot fail")
}

impl Archive {
    fn ledger(&self) -> RwLockReadGuard<'_, Ledger<SolanaBlock>> {
        self.ledger.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self) -> u64 {
        self.options.start.unwrap_or(self.ledger().first().slot)
    }

    /// Every block that matches, and the first and the last one that was looked at.
    fn stream(&self, query: &Query, faults: &Applied) -> Told {
        let ledger = self.ledger();
        let (start, head) = (self.options.start.unwrap_or(ledger.first().slot), ledger.finalized().slot);
        let to = query.to_block.unwrap_or(u64::MAX);
        if query.from_block < start || to < query.from_block || query.kind != "solana" {
            return refused(400, "malformed_request", "the query is out of range");
        }
        if head < query.from_block {
            return Told::Nothing;
        }
        let below = ledger.range(start, query.from_block - 1).last();
        if let (Some(said), Some(below)) = (&query.parent_block_hash, below)
            && *said != below.blockhash
        {
            let previous = json!([{"number": below.slot, "hash": below.blockhash}]);
            let error = json!({"type": "invalid_request_error", "code": "base_block_mismatch", "message": "the chain is another one"});
            return Told::Refused(409, json!({"error": error, "previousBlocks": previous}));
        }
        let blocks = ledger.range(query.from_block, to.min(head));
        let last = blocks.len().saturating_sub(1);
        let lines = blocks.iter().enumerate().filter_map(|(at, block)| {
            let rows = table::rows(block, self.options.log_bytes_max.unwrap_or(usize::MAX));
            let found = query.found(&rows, faults.hides(block.slot));
            let is_told = query.include_all_blocks || at == 0 || at == last || !found.is_empty();
            is_told.then(|| query.line(block, &rows, &found))
        });
        Told::Lines(lines.take(self.options.lines_max.unwrap_or(usize::MAX)).collect())
    }
}
