//! A small Ethereum node on loopback: it tells the truth about its chain, unless a rule says otherwise.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloy::primitives::{Address, B256, Bloom, keccak256};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use perpdex_core::{BlockRange, ChainId, EvmFilter, Filter, Headers, SourceError, SourceErrorKind, StreamId, VenueSlug, Watch};
use perpdex_evm::{EvmEndpoint, EvmSource};
use serde_json::{Value, json};

/// Part of every address served here; it must appear in no error.
pub(crate) const KEY: &str = "secret-key-0123456789";

/// First block of the chain.
pub(crate) const FIRST: u64 = 100;
/// Newest block of the chain.
pub(crate) const LAST: u64 = 119;

/// Number of the only call of a rule for every call.
pub(crate) const EVERY: usize = 0;

/// One block as the node serves it.
#[derive(Clone)]
pub(crate) struct Block {
    pub(crate) number: u64,
    pub(crate) parent: B256,
    pub(crate) time_secs: u64,
    pub(crate) bloom: Bloom,
    /// Emitter and topics.
    pub(crate) logs: Vec<(Address, Vec<B256>)>,
}

/// The chain and how the node tells it.
pub(crate) struct Chain {
    pub(crate) blocks: Vec<Block>,
    pub(crate) finalized: Option<u64>,
    pub(crate) safe: Option<u64>,
    pub(crate) log_times: bool,
    pub(crate) has_receipts: bool,
}

/// A change to a result.
pub(crate) type Edit = fn(&mut Value);

/// What a rule does to a call.
pub(crate) enum Act {
    /// The truth, changed.
    Edit(Edit),
    /// A JSON-RPC error.
    Error(i64, &'static str, Value),
    /// The whole answer is this: status, `Retry-After`, body.
    Http(u16, Option<&'static str>, &'static str),
    /// The whole answer, cut off in the middle.
    Cut,
    /// No answer at all.
    Silence,
}

struct Rule {
    method: &'static str,
    call: usize,
    act: Act,
}

struct Shared {
    chain: Chain,
    rules: Vec<Rule>,
    calls: BTreeMap<String, usize>,
    posts: Vec<Vec<String>>,
}

/// A running node.
pub(crate) struct Node {
    shared: Arc<Mutex<Shared>>,
    url: String,
}

pub(crate) fn hash(number: u64) -> B256 {
    keccak256(number.to_be_bytes())
}

pub(crate) fn address(n: u8) -> Address {
    Address::repeat_byte(n)
}

pub(crate) fn topic(n: u8) -> B256 {
    B256::repeat_byte(n)
}

/// Twenty blocks, two seconds apart; contract 1 emits topic 0x11 in 103 (twice) and 110, contract 2 topic 0x22 in 115, and a
/// stranger in every block.
pub(crate) fn chain() -> Chain {
    let blocks = (FIRST..=LAST).map(|number| {
        let mut logs = vec![(address(9), vec![topic(0x99)])];
        logs.extend(match number {
            103 => vec![(address(1), vec![topic(0x11), topic(0x77)]), (address(1), vec![topic(0x11)])],
            110 => vec![(address(1), vec![topic(0x11)])],
            115 => vec![(address(2), vec![topic(0x22)])],
            _ => vec![],
        });
        let mut bloom = Bloom::ZERO;
        logs.iter().for_each(|(address, topics)| bloom.accrue_raw_log(*address, topics));
        Block { number, parent: hash(number - 1), time_secs: 1_700_000_000 + 2 * number, bloom, logs }
    });
    Chain { blocks: blocks.collect(), finalized: Some(112), safe: Some(116), log_times: true, has_receipts: true }
}

impl Node {
    pub(crate) async fn start(chain: Chain) -> Node {
        let shared = Arc::new(Mutex::new(Shared { chain, rules: Vec::new(), calls: BTreeMap::new(), posts: Vec::new() }));
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

    /// Calls of a method so far.
    pub(crate) fn calls(&self, method: &str) -> usize {
        self.shared.lock().unwrap().calls.get(method).copied().unwrap_or(0)
    }

    /// Methods of every post so far.
    pub(crate) fn posts(&self) -> Vec<Vec<String>> {
        self.shared.lock().unwrap().posts.clone()
    }

    pub(crate) fn endpoint(&self) -> EvmEndpoint {
        EvmEndpoint {
            chain: ChainId::BNB,
            url: self.url.clone(),
            label: "http://loopback".to_owned(),
            timeout: Duration::from_secs(20),
            response_bytes_max: EvmEndpoint::RESPONSE_BYTES_MAX,
            final_depth: 5,
        }
    }

    pub(crate) fn source(&self) -> EvmSource {
        EvmSource::new(self.endpoint()).unwrap()
    }
}

/// Two streams: contract 1 by topic, contract 2 whatever it emits.
pub(crate) fn filter(headers: Headers) -> Filter {
    let stream = |venue, filter| {
        (StreamId { chain: ChainId::BNB, venue: VenueSlug::known(venue), part: String::new(), version: 1 }, Watch::Evm(vec![filter]))
    };
    let one = EvmFilter { addresses: vec![address(1)], topics: [vec![topic(0x11)], vec![], vec![], vec![]] };
    let two = EvmFilter { addresses: vec![address(2)], topics: Default::default() };
    Filter { streams: vec![stream("aster_1001x", one), stream("aster_vault", two)], headers }
}

pub(crate) fn whole() -> BlockRange {
    BlockRange::new(FIRST, LAST).unwrap()
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
    let calls = request.as_array().expect("the source sends batches").clone();
    let reply = shared.lock().unwrap().reply(&calls);
    match reply {
        Reply::Json(answers) => Response::new(Body::from(Value::Array(answers).to_string())),
        Reply::Cut(answers) => {
            let text = Value::Array(answers).to_string();
            Response::new(Body::from(text[..text.len() / 2].to_owned()))
        }
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
    Json(Vec<Value>),
    Cut(Vec<Value>),
    Http(u16, Option<&'static str>, &'static str),
    Silence,
}

impl Shared {
    fn reply(&mut self, calls: &[Value]) -> Reply {
        self.posts.push(calls.iter().map(|call| call["method"].as_str().unwrap().to_owned()).collect());
        let mut answers = Vec::new();
        let mut cut = false;
        for call in calls {
            let method = call["method"].as_str().unwrap();
            let count = self.calls.entry(method.to_owned()).or_default();
            *count += 1;
            let mut answer = json!({"jsonrpc": "2.0", "id": call["id"]});
            match self.chain.truth(method, &call["params"]) {
                Ok(result) => answer["result"] = result,
                Err(error) => answer["error"] = error,
            }
            for rule in self.rules.iter().filter(|rule| rule.method == method && (rule.call == EVERY || rule.call == *count)) {
                match &rule.act {
                    Act::Edit(edit) => edit(&mut answer["result"]),
                    Act::Error(code, message, data) => {
                        answer = json!({"jsonrpc": "2.0", "id": call["id"], "error": {"code": code, "message": message, "data": data}});
                    }
                    Act::Http(status, retry_after, body) => return Reply::Http(*status, *retry_after, body),
                    Act::Cut => cut = true,
                    Act::Silence => return Reply::Silence,
                }
            }
            answers.push(answer);
        }
        if cut { Reply::Cut(answers) } else { Reply::Json(answers) }
    }
}

impl Chain {
    fn truth(&self, method: &str, params: &Value) -> Result<Value, Value> {
        match method {
            "eth_chainId" => Ok(json!("0x38")),
            "eth_getBlockByNumber" => {
                let height = match params[0].as_str().unwrap() {
                    "latest" => Some(LAST),
                    "finalized" => self.finalized,
                    "safe" => self.safe,
                    number => Some(parse(number)),
                };
                Ok(height.and_then(|height| self.block(height)).map_or(Value::Null, Block::header))
            }
            "eth_getLogs" => Ok(self.logs(&params[0])),
            "eth_getBlockReceipts" if self.has_receipts => {
                let block = self.block(parse(params[0].as_str().unwrap())).unwrap();
                Ok(Value::Array((0..block.logs.len()).map(|index| json!({"logs": [block.log(index, true)]})).collect()))
            }
            _ => Err(json!({"code": -32601, "message": "method not found"})),
        }
    }

    fn block(&self, height: u64) -> Option<&Block> {
        self.blocks.iter().find(|block| block.number == height)
    }

    fn logs(&self, filter: &Value) -> Value {
        let (from, to) = (parse(filter["fromBlock"].as_str().unwrap()), parse(filter["toBlock"].as_str().unwrap()));
        let mut found = Vec::new();
        for block in self.blocks.iter().filter(|block| (from..=to).contains(&block.number)) {
            for (index, (address, topics)) in block.logs.iter().enumerate() {
                let address_fits = filter["address"].as_array().unwrap().contains(&json!(address));
                let topic_fits = filter["topics"][0].as_array().is_none_or(|accepted| accepted.contains(&json!(topics[0])));
                if address_fits && topic_fits {
                    found.push(block.log(index, self.log_times));
                }
            }
        }
        Value::Array(found)
    }
}

impl Block {
    fn header(&self) -> Value {
        let zero = B256::ZERO;
        json!({
            "number": format!("{:#x}", self.number), "hash": hash(self.number), "parentHash": self.parent,
            "timestamp": format!("{:#x}", self.time_secs), "logsBloom": self.bloom, "sha3Uncles": zero, "miner": Address::ZERO,
            "stateRoot": zero, "transactionsRoot": zero, "receiptsRoot": zero, "difficulty": "0x0", "gasLimit": "0x1", "gasUsed": "0x1",
            "extraData": "0x", "size": "0x1", "uncles": [], "transactions": [zero], "milliTimestamp": "0x1",
        })
    }

    fn log(&self, index: usize, with_time: bool) -> Value {
        let (address, topics) = &self.logs[index];
        let mut log = json!({
            "address": address, "topics": topics, "data": "0x0102", "blockNumber": format!("{:#x}", self.number),
            "blockHash": hash(self.number), "transactionHash": topic(0xee), "transactionIndex": "0x3",
            "logIndex": format!("{index:#x}"), "removed": false,
        });
        if with_time {
            log["blockTimestamp"] = json!(format!("{:#x}", self.time_secs));
        }
        log
    }
}

fn parse(number: &str) -> u64 {
    u64::from_str_radix(number.strip_prefix("0x").unwrap(), 16).unwrap()
}
