//! A plain HTTP/1.1 client: one request a connection, and what came before the connection ended.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest wait for an answer from loopback.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().filter_map(|line| line.split_once(": ")).find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }
}

/// Posts a body and reads until the node closes the connection.
pub(crate) async fn post(url: &str, body: &str) -> Answer {
    let address = url.strip_prefix("http://").unwrap();
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let length = body.len();
        let head = format!(
            "POST / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        bytes
    };
    let bytes = tokio::time::timeout(ANSWER_MAX, exchange).await.expect("the node answers in time");
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("an HTTP head");
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: bytes[end + 4..].to_vec() }
}

/// The whole JSON-RPC answer of one call.
pub(crate) async fn call(url: &str, method: &str, params: Value) -> Value {
    let answer = post(url, &json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()).await;
    assert_eq!(answer.status, 200);
    answer.json()
}

/// The result of one call that must succeed.
pub(crate) async fn result(url: &str, method: &str, params: Value) -> Value {
    let answer = call(url, method, params.clone()).await;
    assert!(answer.get("error").is_none(), "{method} {params}: {answer}");
    answer["result"].clone()
}

/// Code and message of one call that must fail.
pub(crate) async fn error(url: &str, method: &str, params: Value) -> (i64, String) {
    let answer = call(url, method, params.clone()).await;
    let error = answer.get("error").unwrap_or_else(|| panic!("{method} {params}: {answer}"));
    (error["code"].as_i64().unwrap(), error["message"].as_str().unwrap().to_owned())
}
