//! A WebSocket that is read until it ends, and pinged, so that one which died without a word ends, too. Reconnecting, and what was
//! missed meanwhile, is its reader's business.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
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
    /// Longest silence before the connection counts as dead. A ping goes out every third of it, so that only a dead one is silent.
    pub silence_max: Duration,
    /// What a ping is.
    pub ping: Ping,
    /// Bytes of one message at most.
    pub message_bytes_max: usize,
}

impl fmt::Debug for SocketEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketEndpoint").field("label", &self.label).finish_non_exhaustive()
    }
}

/// How the other side is made to say something.
#[derive(Clone, Debug)]
pub enum Ping {
    /// A ping frame that carries this number as it stands when the frame is sent. RFC 6455, 5.5.2 and 5.5.3: who gets one answers with
    /// a pong that carries the same.
    Frame(Arc<AtomicU64>),
    /// A text message of the venue's own, answered by another.
    Text(&'static str),
}

/// What came over a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A text message.
    Text(String),
    /// The answer to a ping frame, with the number that this carried. Frames keep their order: all that was sent before the answer has come.
    Pong(u64),
}

/// Pings for each longest silence: one lost in a moment's congestion ends nothing.
const PINGS_PER_SILENCE: u32 = 3;
/// Unanswered ping frames whose numbers are kept.
const PINGS_MAX: usize = 64;

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
    /// When anything came last.
    heard: Instant,
    /// When the next ping is due.
    ping_due: Instant,
    /// Numbers of the ping frames that are not answered, oldest first.
    pings: VecDeque<u64>,
}

impl Socket {
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
        let now = Instant::now();
        let ping_due = now + endpoint.silence_max / PINGS_PER_SILENCE;
        let mut socket = Socket { endpoint, stream, heard: now, ping_due, pings: VecDeque::new() };
        for message in hello {
            socket.send(message.clone()).await?;
        }
        Ok(socket)
    }

    /// What comes next. Pings of the other side are answered and passed over, ours go out in between. After an error the connection is of
    /// no more use.
    ///
    /// May be cancelled at its await without losing what came.
    pub async fn next(&mut self) -> Result<Heard, SocketError> {
        loop {
            let silence_max = self.endpoint.silence_max;
            let silent_at = self.heard + silence_max;
            let Ok(frame) = timeout_at(silent_at.min(self.ping_due), self.stream.next()).await else {
                if silent_at <= Instant::now() {
                    return Err(self.error(format!("silent for {} ms", silence_max.as_millis())));
                }
                self.ping().await?;
                continue;
            };
            self.heard = Instant::now();
            match frame {
                Some(Ok(Message::Text(text))) => return Ok(Heard::Text(text.to_string())),
                Some(Ok(Message::Pong(number))) => {
                    if let Some(number) = self.answered(&number) {
                        return Ok(Heard::Pong(number));
                    }
                }
                Some(Ok(Message::Close(_))) => return Err(self.error("the venue closed the connection".to_owned())),
                Some(Ok(_)) => {}
                Some(Err(cause)) => return Err(self.error(format!("the connection broke: {cause}"))),
                None => return Err(self.error("the connection ended".to_owned())),
            }
        }
    }

    /// Sends a ping now. After an error the connection is of no more use.
    pub async fn ping(&mut self) -> Result<(), SocketError> {
        self.ping_due = Instant::now() + self.endpoint.silence_max / PINGS_PER_SILENCE;
        let message = match &self.endpoint.ping {
            Ping::Text(text) => Message::text(*text),
            Ping::Frame(number) => {
                let number = number.load(Ordering::Acquire);
                self.pings.push_back(number);
                while self.pings.len() > PINGS_MAX {
                    self.pings.pop_front();
                }
                Message::Ping(number.to_be_bytes().to_vec().into())
            }
        };
        self.put(message).await
    }

    /// Sends one more message. After an error the connection is of no more use.
    pub async fn send(&mut self, message: String) -> Result<(), SocketError> {
        self.put(Message::text(message)).await
    }

    /// Who takes nothing in for as long as the longest silence is dead, too.
    async fn put(&mut self, message: Message) -> Result<(), SocketError> {
        match timeout(self.endpoint.silence_max, self.stream.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(cause)) => Err(self.error(format!("a message cannot be sent: {cause}"))),
            Err(_) => Err(self.error(format!("no message was taken for {} ms", self.endpoint.silence_max.as_millis()))),
        }
    }

    /// The number of a pong, if a ping had it that is not answered. RFC 6455, 5.5.3: the answer may be to the newest of several pings,
    /// and a pong that nothing asked for means nothing.
    fn answered(&mut self, payload: &[u8]) -> Option<u64> {
        let number = u64::from_be_bytes(payload.try_into().ok()?);
        let position = self.pings.iter().rposition(|ping| *ping == number)?;
        self.pings.drain(..=position);
        Some(number)
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

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    const NUMBER: u64 = 1_700_000_000_000;

    /// A connection and the other side's end of it.
    async fn connected(silence_max: Duration) -> (Socket, WebSocketStream<TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let endpoint = SocketEndpoint {
            url: format!("ws://{}", listener.local_addr().expect("it is bound")),
            label: "test".to_owned(),
            connect_timeout: Duration::from_secs(30),
            silence_max,
            ping: Ping::Frame(Arc::new(AtomicU64::new(NUMBER))),
            message_bytes_max: 1 << 10,
        };
        let accept = async {
            let (stream, _) = listener.accept().await.expect("a client connects");
            tokio_tungstenite::accept_async(stream).await.expect("a client upgrades")
        };
        let (socket, server) = tokio::join!(Socket::connect(endpoint, &[]), accept);
        (socket.expect("the server answers"), server)
    }

    #[tokio::test]
    async fn an_answer_comes_behind_what_was_sent_before_it_and_one_that_nothing_asked_for_is_none() {
        let (mut socket, mut server) = connected(Duration::from_secs(30)).await;
        server.send(Message::Pong(NUMBER.to_be_bytes().to_vec().into())).await.expect("it is sent");
        server.send(Message::text("before")).await.expect("it is sent");
        assert_eq!(socket.next().await, Ok(Heard::Text("before".to_owned())));
        socket.ping().await.expect("it is sent");
        let ping = server.next().await.expect("a frame").expect("it is well formed");
        assert_eq!(ping, Message::Ping(NUMBER.to_be_bytes().to_vec().into()));
        server.send(Message::text("after")).await.expect("it is sent");
        assert_eq!(socket.next().await, Ok(Heard::Text("after".to_owned())));
        assert_eq!(socket.next().await, Ok(Heard::Pong(NUMBER)));
    }

    #[tokio::test]
    async fn a_connection_without_a_word_ends_although_it_stays_open() {
        let (mut socket, _server) = connected(Duration::from_millis(300)).await;
        let error = socket.next().await.expect_err("nothing is sent");
        assert_eq!(error.message, "silent for 300 ms");
    }
}
