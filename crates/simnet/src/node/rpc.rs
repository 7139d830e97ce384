//! JSON-RPC 2.0: calls, batches, parameters, errors, and what faults make of them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::fault::{Applied, Faults, Method, Replaced};
use super::json;

/// Most calls in one batch, as in geth.
const BATCH_CALLS_MAX: usize = 1_000;
/// Under this name calls of methods that the node does not have are counted.
const UNKNOWN_METHOD: &str = "(unknown)";

/// What a node answers.
pub(crate) trait Service: Send + Sync + 'static {
    /// All methods.
    const METHODS: &'static [Method];

    /// The heights a call touches, where its parameters tell.
    fn heights(&self, method: &str, params: &Params<'_>) -> Option<(u64, u64)>;

    /// Appends the result's JSON to `out`. What a failed call has appended is taken back by the server.
    fn answer(&self, method: &str, params: &Params<'_>, faults: &Applied, out: &mut Vec<u8>) -> Result<(), RpcError>;
}

/// A JSON-RPC error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RpcError {
    pub(crate) code: i64,
    pub(crate) message: String,
}

impl RpcError {
    pub(crate) fn new(code: i64, message: impl Into<String>) -> RpcError {
        RpcError { code, message: message.into() }
    }

    /// -32602.
    pub(crate) fn invalid_params(message: impl Into<String>) -> RpcError {
        RpcError::new(-32_602, message)
    }
}

/// Positional parameters of a call.
#[derive(Debug, Default)]
pub(crate) struct Params<'a>(Vec<&'a RawValue>);

impl<'a> Params<'a> {
    fn parse(params: Option<&'a RawValue>) -> Result<Params<'a>, RpcError> {
        let Some(params) = params else { return Ok(Params::default()) };
        let list = serde_json::from_str(params.get()).map_err(|_| RpcError::invalid_params("non-array args"))?;
        Ok(Params(list))
    }

    /// The parameter at a position; `None` where it is absent or null.
    pub(crate) fn optional<T: DeserializeOwned>(&self, index: usize) -> Result<Option<T>, RpcError> {
        let Some(value) = self.0.get(index) else { return Ok(None) };
        serde_json::from_str(value.get()).map_err(|error| RpcError::invalid_params(format!("invalid argument {index}: {error}")))
    }

    /// The parameter at a position.
    pub(crate) fn required<T: DeserializeOwned>(&self, index: usize) -> Result<T, RpcError> {
        self.optional(index)?.ok_or_else(|| RpcError::invalid_params(format!("missing value for required argument {index}")))
    }
}

/// A service with its faults and counters.
pub(crate) struct Endpoint<S> {
    pub(crate) service: S,
    traffic: Mutex<Traffic>,
}

/// What the node was asked so far, and how it misbehaves.
#[derive(Default)]
pub(crate) struct Traffic {
    pub(crate) faults: Faults,
    pub(crate) requests: u64,
    calls: u64,
    pub(crate) by_method: BTreeMap<&'static str, u64>,
}

/// What happens to the HTTP response as a whole; in a batch every call can add to it.
#[derive(Default)]
pub(crate) struct Transport {
    pub(crate) status: Option<(u16, Option<u64>)>,
    pub(crate) cut_bytes: Option<usize>,
    pub(crate) delay_ms: u64,
}

impl Transport {
    pub(crate) fn add(&mut self, faults: &Applied) {
        self.status = self.status.or(faults.status);
        self.cut_bytes = self.cut_bytes.or(faults.cut_bytes);
        self.delay_ms = self.delay_ms.saturating_add(faults.delay_ms);
    }
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

impl<S> Endpoint<S> {
    pub(crate) fn new(service: S, faults: Faults) -> Endpoint<S> {
        Endpoint { service, traffic: Mutex::new(Traffic { faults, ..Traffic::default() }) }
    }

    pub(crate) fn traffic(&self) -> MutexGuard<'_, Traffic> {
        // Counters are valid at every moment: a thread that panicked with the lock left nothing half done.
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Service> Endpoint<S> {
    /// Answers the body of one HTTP request.
    pub(crate) fn answer_body(&self, body: &[u8], transport: &mut Transport, out: &mut Vec<u8>) {
        if body.trim_ascii_start().first() != Some(&b'[') {
            return self.answer_one(body, transport, out);
        }
        match serde_json::from_slice::<Vec<&RawValue>>(body) {
            Ok(calls) if calls.is_empty() => write_error(out, None, &RpcError::new(-32_600, "empty batch")),
            Ok(calls) if BATCH_CALLS_MAX < calls.len() => write_error(out, None, &RpcError::new(-32_600, "batch too large")),
            Ok(calls) => json::list(out, calls, |out, call| self.answer_one(call.get().as_bytes(), transport, out)),
            Err(_) => write_error(out, None, &RpcError::new(-32_700, "parse error")),
        }
    }

    fn answer_one(&self, call: &[u8], transport: &mut Transport, out: &mut Vec<u8>) {
        let request: Request<'_> = match serde_json::from_slice(call) {
            Ok(request) => request,
            Err(error) if error.is_data() => return write_error(out, None, &RpcError::new(-32_600, "invalid request")),
            Err(_) => return write_error(out, None, &RpcError::new(-32_700, "parse error")),
        };
        let start = out.len();
        json::raw(out, "{\"jsonrpc\":\"2.0\",\"id\":");
        json::raw(out, request.id.map_or("null", RawValue::get));
        json::raw(out, ",\"result\":");
        if let Err(error) = self.result(&request, transport, out) {
            out.truncate(start);
            return write_error(out, request.id, &error);
        }
        out.push(b'}');
    }

    fn result(&self, request: &Request<'_>, transport: &mut Transport, out: &mut Vec<u8>) -> Result<(), RpcError> {
        let method = S::METHODS.iter().find(|method| method.name == request.method);
        let params = Params::parse(request.params);
        let heights = match (method, &params) {
            (Some(method), Ok(params)) => self.service.heights(method.name, params),
            _ => None,
        };
        let faults = self.traffic().count(method.map_or(UNKNOWN_METHOD, |method| method.name), heights);
        transport.add(&faults);
        match &faults.answer {
            Some(Replaced::Result(result)) => {
                json::raw(out, result);
                return Ok(());
            }
            Some(Replaced::Error { code, message }) => return Err(RpcError::new(*code, message)),
            None => {}
        }
        let missing = || RpcError::new(-32_601, format!("the method {} does not exist/is not available", request.method));
        self.service.answer(method.ok_or_else(missing)?.name, &params?, &faults, out)
    }
}

impl Traffic {
    /// Counts a call; what goes wrong with it.
    pub(crate) fn count(&mut self, method: &'static str, heights: Option<(u64, u64)>) -> Applied {
        self.calls += 1;
        let nth = self.by_method.entry(method).or_default();
        *nth += 1;
        self.faults.applied(method, *nth, self.calls, heights)
    }
}

fn write_error(out: &mut Vec<u8>, id: Option<&RawValue>, error: &RpcError) {
    json::raw(out, "{\"jsonrpc\":\"2.0\",\"id\":");
    json::raw(out, id.map_or("null", RawValue::get));
    json::raw(out, ",\"error\":{\"code\":");
    json::number(out, error.code);
    json::raw(out, ",\"message\":");
    json::string(out, &error.message);
    json::raw(out, "}}");
}
