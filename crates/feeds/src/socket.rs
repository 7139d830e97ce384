//! A WebSocket that is read until it ends. Reconnecting, and what was missed meanwhile, is its reader's business.

use std::fmt;
use std::sync::Once;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// Where a WebSocket is and what it may cost.
#[derive(Clone)]
pub struct SocketEndpoint {
    /// Address, `wss://…` or `ws://…`; never printed.
    pub url: String,
    /// What errors call it.
    pub label: String,
    /// Longest wait for the connection.
    pub connect_timeout: Duration,
    /// Longest silence, pings included, before the connection counts as dead.
    pub silence_max: Duration,
    /// Bytes of one message at most.
    pub message_bytes_max: usize,
}

impl fmt::Debug for SocketEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketEndpoint").field("label", &self.label).finish_non_exhaustive()
    }
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{label}: {message}")]
pub struct SocketError {
    /// Label of the endpoint, never its address.
    pub label: String,
    /// What happened.
    pub message: String,
}

/// An open connection.
pub struct Socket {
    endpoint: SocketEndpoint,
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    /// How the message ends that tells of a connection which the venue closed in order.
    pub const CLOSED: &str = "the venue closed the connection";

    /// Connects and sends `hello`, the subscriptions, message by message.
    pub async fn connect(endpoint: SocketEndpoint, hello: &[String]) -> Result<Socket, SocketError> {
        choose_crypto();
        let config =
            WebSocketConfig::default().max_message_size(Some(endpoint.message_bytes_max)).max_frame_size(Some(endpoint.message_bytes_max));
        let error = |message: String| SocketError { label: endpoint.label.clone(), message };
        let connecting = connect_async_with_config(endpoint.url.as_str(), Some(config), true);
        let (stream, _) = match timeout(endpoint.connect_timeout, connecting).await {
            Ok(Ok(connected)) => connected,
            Ok(Err(cause)) => return Err(error(format!("the websocket cannot be opened: {cause}"))),
            Err(_) => return Err(error(format!("no websocket within {} ms", endpoint.connect_timeout.as_millis()))),
        };
        let mut socket = Socket { endpoint, stream };
        for message in hello {
            socket.send(message.clone()).await?;
        }
        Ok(socket)
    }

    /// The next text message. Pings are answered and passed over. After an error the connection is of no more use.
    ///
    /// May be cancelled at its await without losing a message.
    pub async fn next(&mut self) -> Result<String, SocketError> {
        loop {
            let silence_max = self.endpoint.silence_max;
            match timeout(silence_max, self.stream.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => return Ok(text.to_string()),
                Ok(Some(Ok(Message::Close(_)))) => return Err(self.error(Socket::CLOSED.to_owned())),
                Ok(None) => return Err(self.error("the connection ended".to_owned())),
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(cause))) => return Err(self.error(format!("the connection broke: {cause}"))),
                Err(_) => return Err(self.error(format!("silent for {} ms", silence_max.as_millis()))),
            }
        }
    }

    /// Sends one more message. After an error the connection is of no more use.
    pub async fn send(&mut self, message: String) -> Result<(), SocketError> {
        self.stream.send(Message::text(message)).await.map_err(|cause| self.error(format!("a message cannot be sent: {cause}")))
    }

    fn error(&self, message: String) -> SocketError {
        SocketError { label: self.endpoint.label.clone(), message }
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("label", &self.endpoint.label).finish_non_exhaustive()
    }
}

/// Settles which cryptography TLS uses: more than one is linked in, and rustls then asks to be told.
fn choose_crypto() {
    static CHOSEN: Once = Once::new();
    CHOSEN.call_once(|| {
        // Refused where the program has chosen already, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
}
