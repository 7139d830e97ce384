//! A small Solana node on loopback: it tells the truth about its chain, unless a rule says otherwise.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use perpdex_core::{BlockRange, Carrier, ChainId, Filter, Headers, SourceError, SourceErrorKind, StreamId, VenueSlug, Watch};
use perpdex_solana::{SolanaEndpoint, SolanaSource};
use serde_json::{Value, json};

/// Part of every address served here; it must appear in no error.
pub(crate) const KEY: &str = "secret-key-0123456789";

/// First slot of the chain.
pub(crate) const FIRST: u64 = 1_000;
/// Newest confirmed slot; it was skipped.
pub(crate) const CONFIRMED: u64 = 1_040;
/// Slots without a block.
pub(crate) const SKIPPED: [u64; 4] = [1_010, 1_011, 1_035, 1_040];

/// For a rule that holds for every call.
pub(crate) const EVERY: usize = 0;

/// Bytes at the start of every event of the venue, then the transaction's number.
pub(crate) const EVENT: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

/// A change to a result.
pub(crate) type Edit = fn(&mut Value);

/// What a rule does to a call.
pub(crate) enum Act {
    /// The truth, changed.
    Edit(Edit),
    /// A JSON-RPC error.
    Error(i64, &'static str),
    /// The whole answer is this: status, `Retry-After`, body.
    Http(u16, Option<&'static str>, &'static str),
    /// No answer at all.
    Silence,
}

struct Rule {
    method: &'static str,
    call: usize,
    act: Act,
}

/// What the node shows.
pub(crate) struct Chain {
    pub(crate) finalized: u64,
    pub(crate) first_available: u64,
    /// Lines of a page, at most: nodes may give less than was asked.
    pub(crate) page_max: usize,
    /// Slot and number of each transaction, oldest first; failed ones have an odd number.
    pub(crate) transactions: Vec<(u64, u8)>,
}

struct Shared {
    chain: Chain,
    rules: Vec<Rule>,
    requests: Vec<(String, Value)>,
}

/// A running node.
pub(crate) struct Node {
    shared: Arc<Mutex<Shared>>,
    url: String,
}

pub(crate) fn key(n: u8) -> String {
    bs58::encode([n; 32]).into_string()
}

pub(crate) fn signature(n: u8) -> String {
    bs58::encode([n; 64]).into_string()
}

/// The venue's program.
pub(crate) fn program() -> String {
    key(7)
}

/// The account its transactions are listed by.
pub(crate) fn authority() -> String {
    key(8)
}

pub(crate) fn chain() -> Chain {
    let transactions = vec![(1_002, 2), (1_002, 3), (1_002, 4), (1_004, 6), (1_012, 8), (1_020, 10), (1_033, 12)];
    Chain { finalized: 1_030, first_available: FIRST, page_max: 1_000, transactions }
}

pub(crate) fn time_ms(slot: u64) -> i64 {
    (1_700_000_000 + slot as i64) * 1_000
}

impl Node {
    pub(crate) async fn start(chain: Chain) -> Node {
        let shared = Arc::new(Mutex::new(Shared { chain, rules: Vec::new(), requests: Vec::new() }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/{KEY}", listener.local_addr().unwrap());
        let app = Router::new().fallback(serve).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Node { shared, url }
    }

    /// From now on, call number `call` (from 1; `EVERY` for all) of the method is answered so.
    pub(crate) fn rule(&self, method: &'static str, call: usize, act: Act) -> &Node {
        self.shared.lock().unwrap().rules.push(Rule { method, call, act });
        self
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Chain)) {
        change(&mut self.shared.lock().unwrap().chain);
    }

    /// Parameters of every call of a method so far.
    pub(crate) fn requests(&self, method: &str) -> Vec<Value> {
        self.shared.lock().unwrap().requests.iter().filter(|(name, _)| name == method).map(|(_, params)| params.clone()).collect()
    }

    pub(crate) fn calls(&self, method: &str) -> usize {
        self.requests(method).len()
    }

    pub(crate) fn endpoint(&self) -> SolanaEndpoint {
        SolanaEndpoint {
            url: self.url.clone(),
            label: "http://loopback".to_owned(),
            timeout: Duration::from_secs(20),
            response_bytes_max: SolanaEndpoint::RESPONSE_BYTES_MAX,
            concurrency: 4,
            by_block: false,
            genesis_hash: None,
        }
    }

    pub(crate) fn source(&self) -> SolanaSource {
        SolanaSource::new(self.endpoint()).unwrap()
    }
}

pub(crate) fn filter(headers: Headers) -> Filter {
    let id = StreamId { chain: ChainId::SOLANA, venue: VenueSlug::known("phoenix_eternal"), part: String::new(), version: 1 };
    Filter { streams: vec![(id, Watch::Solana { program: program(), list_by: authority(), carrier: Carrier::Cpi })], headers }
}

/// The same of a program that prints its events.
pub(crate) fn printing(headers: Headers) -> Filter {
    let mut printing = filter(headers);
    printing.streams[0].1 = Watch::Solana { program: program(), list_by: authority(), carrier: Carrier::Log };
    printing
}

pub(crate) fn range(from: u64, to: u64) -> BlockRange {
    BlockRange::new(from, to).unwrap()
}

/// The error, after checking that it shows no key and names the endpoint.
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, SourceError>) -> (SourceErrorKind, String) {
    let error = result.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(KEY) && !shown.contains("127.0.0.1"), "{shown}");
    assert!(error.to_string().starts_with("http://loopback: "), "{error}");
    (error.kind, error.message)
}

async fn serve(State(shared): State<Arc<Mutex<Shared>>>, body: String) -> Response<Body> {
    let request: Value = serde_json::from_str(&body).unwrap();
    let reply = shared.lock().unwrap().reply(&request);
    match reply {
        Reply::Json(answer) => Response::new(Body::from(answer.to_string())),
        Reply::Http(status, retry_after, body) => {
            let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
            if let Some(retry_after) = retry_after {
                response = response.header("retry-after", retry_after);
            }
            response.body(Body::from(body)).unwrap()
        }
        Reply::Silence => std::future::pending().await,
    }
}

enum Reply {
    Json(Value),
    Http(u16, Option<&'static str>, &'static str),
    Silence,
}

impl Shared {
    fn reply(&mut self, request: &Value) -> Reply {
        let (method, params) = (request["method"].as_str().unwrap(), &request["params"]);
        self.requests.push((method.to_owned(), params.clone()));
        let count = self.requests.iter().filter(|(name, _)| name == method).count();
        let mut answer = json!({"jsonrpc": "2.0", "id": request["id"]});
        match self.chain.truth(method, params) {
            Ok(result) => answer["result"] = result,
            Err((code, message)) => answer["error"] = json!({"code": code, "message": message}),
        }
        for rule in self.rules.iter().filter(|rule| rule.method == method && (rule.call == EVERY || rule.call == count)) {
            match &rule.act {
                Act::Edit(edit) => edit(&mut answer["result"]),
                Act::Error(code, message) => {
                    answer = json!({"jsonrpc": "2.0", "id": request["id"], "error": {"code": code, "message": message}});
                }
                Act::Http(status, retry_after, body) => return Reply::Http(*status, *retry_after, body),
                Act::Silence => return Reply::Silence,
            }
        }
        Reply::Json(answer)
    }
}

/// Transactions with an odd number failed.
fn error(n: u8) -> Value {
    if n % 2 == 1 { json!({"InstructionError": [0, "Custom"]}) } else { Value::Null }
}

/// A transaction of which only accounts are told.
fn touching(n: u8, transaction: &Value) -> Value {
    let own = transaction["transaction"]["message"]["accountKeys"].as_array().unwrap();
    let loaded = transaction["meta"]["loadedAddresses"]["writable"].as_array().unwrap();
    let keys: Vec<Value> = own.iter().chain(loaded).map(|key| json!({"pubkey": key, "signer": false, "writable": true})).collect();
    json!({"meta": {"err": error(n)}, "transaction": {"accountKeys": keys, "signatures": [signature(n)]}})
}

impl Chain {
    fn truth(&self, method: &str, params: &Value) -> Result<Value, (i64, &'static str)> {
        match method {
            "getSlot" => Ok(json!(self.head(&params[0]))),
            "getGenesisHash" => Ok(json!(key(1))),
            "getFirstAvailableBlock" => Ok(json!(self.first_available)),
            "getBlock" => self.block(params[0].as_u64().unwrap(), &params[1]),
            "getBlocks" => {
                let (from, to) = (params[0].as_u64().unwrap(), params[1].as_u64().unwrap().min(self.head(&params[2])));
                Ok((from.max(self.first_available)..=to).filter(|slot| !SKIPPED.contains(slot)).collect())
            }
            "getBlockTime" => Ok(json!(time_ms(params[0].as_u64().unwrap()) / 1_000)),
            "getSignaturesForAddress" => self.signatures(params),
            "getTransaction" => Ok(self.transaction(params)),
            _ => Err((-32601, "Method not found")),
        }
    }

    /// The lines of recorded blocks.
    pub(crate) fn recorded(&self, from: u64, to: u64) -> Vec<String> {
        let config = json!({"commitment": "finalized", "transactionDetails": "full"});
        let line = |slot| Some(json!({"slot": slot, "block": self.block(slot, &config).ok()?}).to_string());
        (from..=to).filter_map(line).collect()
    }

    fn head(&self, config: &Value) -> u64 {
        match config["commitment"].as_str() {
            Some("finalized") => self.finalized,
            Some("confirmed") => CONFIRMED,
            other => panic!("commitment {other:?}"),
        }
    }

    fn block(&self, slot: u64, config: &Value) -> Result<Value, (i64, &'static str)> {
        let head = self.head(config);
        match slot {
            _ if slot < self.first_available => Err((-32001, "Block cleaned up, does not exist on node")),
            _ if SKIPPED.contains(&slot) && slot <= self.finalized => Err((-32007, "Slot was skipped, or missing due to ledger jump")),
            _ if SKIPPED.contains(&slot) || head < slot => Err((-32004, "Block not available for slot")),
            _ => {
                let parent = (FIRST..slot).rev().find(|below| !SKIPPED.contains(below)).unwrap_or(FIRST - 1);
                let mut block = json!({
                    "blockhash": key(slot as u8), "previousBlockhash": key(parent as u8), "parentSlot": parent,
                    "blockTime": time_ms(slot) / 1_000, "blockHeight": 1,
                });
                let numbers = self.transactions.iter().filter(|(at, _)| *at == slot).map(|(_, n)| *n);
                match config["transactionDetails"].as_str() {
                    Some("none") => {}
                    Some("signatures") => block["signatures"] = numbers.rev().map(|n| json!(signature(n))).collect(),
                    Some("full") => block["transactions"] = numbers.rev().map(|n| self.in_block(n)).collect(),
                    Some("accounts") => block["transactions"] = numbers.rev().map(|n| touching(n, &self.in_block(n))).collect(),
                    other => panic!("details {other:?}"),
                }
                Ok(block)
            }
        }
    }

    fn signatures(&self, params: &Value) -> Result<Value, (i64, &'static str)> {
        assert_eq!(params[0], json!(authority()));
        let config = &params[1];
        let head = self.head(config);
        if config["minContextSlot"].as_u64().unwrap() > head {
            return Err((-32016, "Minimum context slot has not been reached"));
        }
        let number = |field: &str| config[field].as_str().map(|text| bs58::decode(text).into_vec().unwrap()[0]);
        let (before, until) = (number("before"), number("until"));
        let visible = |slot: u64| self.first_available <= slot && slot <= head;
        let newest_first = self.transactions.iter().rev().filter(|(slot, _)| visible(*slot));
        let below = newest_first.skip_while(|(_, n)| before.is_some_and(|before| before <= *n));
        let lines = below.take_while(|(_, n)| until != Some(*n)).take(self.page_max).map(|(slot, n)| {
            json!({
                "signature": signature(*n), "slot": slot, "err": error(*n), "memo": null, "blockTime": time_ms(*slot) / 1_000,
                "confirmationStatus": "finalized",
            })
        });
        Ok(lines.collect())
    }

    /// A transaction as it stands in a block.
    fn in_block(&self, n: u8) -> Value {
        let mut transaction = self.transaction(&json!([signature(n), {"maxSupportedTransactionVersion": 1}]));
        transaction["meta"]["err"] = error(n);
        transaction
    }

    /// One call of the venue to itself, which stands in a lookup table.
    fn transaction(&self, params: &Value) -> Value {
        assert_eq!(params[1]["maxSupportedTransactionVersion"], json!(1));
        let Some((slot, n)) = self.transactions.iter().find(|(_, n)| params[0] == json!(signature(*n))) else { return Value::Null };
        let data = bs58::encode([&EVENT[..], &[*n]].concat()).into_string();
        let log = |text: String| format!("Program {} {text}", program());
        json!({
            "slot": slot, "blockTime": time_ms(*slot) / 1_000, "version": 0,
            "transaction": {"signatures": [signature(*n)], "message": {
                "accountKeys": [key(20), authority()], "header": {}, "recentBlockhash": key(2),
                "instructions": [
                    {"programIdIndex": 1, "accounts": [], "data": "", "stackHeight": 1},
                    {"programIdIndex": 2, "accounts": [0], "data": "", "stackHeight": 1},
                ],
            }},
            "meta": {
                "err": null, "fee": 5000, "loadedAddresses": {"writable": [program()], "readonly": []},
                "innerInstructions": [{"index": 1, "instructions": [{"programIdIndex": 2, "accounts": [], "data": data, "stackHeight": 2}]}],
                "logMessages": [log("invoke [1]".to_owned()), log("success".to_owned())],
            },
        })
    }
}
