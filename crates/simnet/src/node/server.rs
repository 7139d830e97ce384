//! HTTP on loopback: listening, whole responses and their faults, stopping.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::post;
use axum::serve::ListenerExt;
use tokio_util::sync::CancellationToken;

use super::NodeError;
use super::fault::Faults;
use super::rpc::{Endpoint, Service, Transport};

/// Largest request a node reads.
const REQUEST_BYTES_MAX: usize = 8 << 20;
/// Longest wait for answers under way when a node is stopped.
const STOP_MAX: Duration = Duration::from_secs(5);

/// A listening node. Dropping it stops it.
pub(crate) struct Server<S> {
    endpoint: Arc<Endpoint<S>>,
    listening: Listening,
}

/// A listening socket and what answers on it. Dropping it stops it.
pub(crate) struct Listening {
    address: SocketAddr,
    stop: CancellationToken,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl Listening {
    /// Listens on a free loopback port; must be called inside a tokio runtime.
    pub(crate) fn start(router: axum::Router) -> Result<Listening, NodeError> {
        tokio::runtime::Handle::try_current().map_err(|_| NodeError::NoRuntime)?;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        // Without TCP_NODELAY every small answer waits for the acknowledgement of the one before. A socket that refuses
        // the option still works.
        let listener = tokio::net::TcpListener::from_std(listener)?.tap_io(|stream| drop(stream.set_nodelay(true)));
        let router = router.layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX));
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let task = tokio::spawn(async move {
            axum::serve(listener, router).with_graceful_shutdown(stopped).await.expect("axum's accept loop retries every error");
        });
        Ok(Listening { address, stop, task: Some(task) })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops listening and waits, within a limit, until answers under way are sent.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        if let Some(mut task) = self.task.take()
            && tokio::time::timeout(STOP_MAX, &mut task).await.is_err()
        {
            task.abort();
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening").field("address", &self.address).finish_non_exhaustive()
    }
}

impl<S: Service> Server<S> {
    /// Listens on a free loopback port; must be called inside a tokio runtime.
    pub(crate) fn start(service: S, faults: Faults) -> Result<Server<S>, NodeError> {
        faults.check(S::METHODS)?;
        let endpoint = Arc::new(Endpoint::new(service, faults));
        let router = axum::Router::new().fallback_service(post(handle::<S>).with_state(endpoint.clone()));
        Ok(Server { endpoint, listening: Listening::start(router)? })
    }

    pub(crate) fn service(&self) -> &S {
        &self.endpoint.service
    }

    pub(crate) fn url(&self) -> String {
        self.listening.url()
    }

    /// Replaces the faults; call counts go on.
    pub(crate) fn set_faults(&self, faults: Faults) -> Result<(), NodeError> {
        faults.check(S::METHODS)?;
        self.endpoint.traffic().faults = faults;
        Ok(())
    }

    pub(crate) fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.endpoint.traffic().by_method.clone()
    }

    pub(crate) fn requests(&self) -> u64 {
        self.endpoint.traffic().requests
    }

    /// Stops listening and waits, within a limit, until answers under way are sent.
    pub(crate) async fn stop(self) {
        self.listening.stop().await;
    }
}

impl<S> fmt::Debug for Server<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.listening.address).finish_non_exhaustive()
    }
}

async fn handle<S: Service>(State(endpoint): State<Arc<Endpoint<S>>>, body: Bytes) -> Response {
    let mut out = Vec::with_capacity(1_024);
    let mut transport = Transport::default();
    endpoint.traffic().requests += 1;
    endpoint.answer_body(&body, &mut transport, &mut out);
    if transport.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(transport.delay_ms)).await;
    }
    respond(&transport, "application/json", out)
}

/// A whole response, and what faults make of it.
pub(crate) fn respond(transport: &Transport, content_type: &'static str, body: Vec<u8>) -> Response {
    if let Some((code, retry_after_secs)) = transport.status {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::from_u16(code).expect("checked when the faults were set");
        if let Some(secs) = retry_after_secs {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        return response;
    }
    let mut response = Response::new(Body::empty());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    *response.body_mut() = match transport.cut_bytes {
        Some(bytes) if bytes < body.len() => {
            response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
            cut(body, bytes)
        }
        _ => Body::from(body),
    };
    response
}

/// A body that ends in a broken connection after `bytes`.
fn cut(mut body: Vec<u8>, bytes: usize) -> Body {
    body.truncate(bytes);
    Body::from_stream(futures::stream::unfold(Some(body), |rest| async move {
        match rest {
            Some(part) if !part.is_empty() => Some((Ok(part), Some(Vec::new()))),
            Some(_) => {
                // Lets the connection write the first part before it is given up.
                tokio::task::yield_now().await;
                Some((Err(std::io::Error::from(std::io::ErrorKind::ConnectionAborted)), None))
            }
            None => None,
        }
    }))
}
