//! New heads over a WebSocket: a hint that a look at the head is worth it, and nothing more. Whatever the subscription
//! does, or leaves undone, the reader's own polling goes on.

use std::sync::{Arc, Once};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::connect_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// Longest wait for the connection.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Longest silence before the subscription counts as dead: they die without a word.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Pause before the next try to connect.
const RECONNECT_PAUSE: Duration = Duration::from_secs(10);
/// Bytes of one message at most; a header has about two thousand.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

const SUBSCRIBE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}"#;

/// A subscription that is kept up as long as this lives.
#[derive(Debug)]
pub(crate) struct Hints {
    heard: Arc<Notify>,
    listener: JoinHandle<()>,
}

impl Hints {
    /// Begins to listen. `url` may hold a key and is never shown; `label` is what logs say.
    pub(crate) fn listen(url: String, label: String) -> Hints {
        let heard = Arc::new(Notify::new());
        let listener = tokio::spawn(keep_listening(url, label, heard.clone()));
        Hints { heard, listener }
    }

    /// Waits for the next hint; several that came meanwhile are one. May never return.
    pub(crate) async fn next(&self) {
        self.heard.notified().await;
    }
}

impl Drop for Hints {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn keep_listening(url: String, label: String, heard: Arc<Notify>) {
    loop {
        let end = subscribe(&url, &heard).await;
        tracing::debug!(label, end, "no hints of new heads for now; polling goes on");
        sleep(RECONNECT_PAUSE).await;
    }
}

/// Listens until the connection ends, and says how it did: without the words of the library, which repeat the address.
async fn subscribe(url: &str, heard: &Notify) -> &'static str {
    choose_crypto();
    let config = WebSocketConfig::default().max_message_size(Some(MESSAGE_BYTES_MAX)).max_frame_size(Some(MESSAGE_BYTES_MAX));
    let mut socket = match timeout(CONNECT_MAX, connect_async_with_config(url, Some(config), true)).await {
        Ok(Ok((socket, _))) => socket,
        Ok(Err(_)) => return "the websocket cannot be opened",
        Err(_) => return "no websocket in time",
    };
    if socket.send(Message::text(SUBSCRIBE)).await.is_err() {
        return "the subscription cannot be sent";
    }
    loop {
        match timeout(SILENCE_MAX, socket.next()).await {
            Ok(Some(Ok(Message::Text(_)))) => heard.notify_one(),
            Ok(Some(Ok(Message::Close(_)))) | Ok(None) => return "the endpoint closed the websocket",
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(_))) => return "the websocket broke",
            Err(_) => return "the subscription fell silent",
        }
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
