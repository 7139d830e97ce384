//! Where a chain is read from, without ever printing a secret.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

/// One endpoint or folder of a chain. Its `Display` and `Debug` print the label only: URLs may hold keys.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    location: Location,
    label: String,
    ws_url: Option<WsUrl>,
}

/// What an endpoint is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Location {
    /// A JSON-RPC endpoint over HTTP.
    Url(Url),
    /// A Solana JSON-RPC endpoint that is read block by block.
    Blocks(Url),
    /// A dataset of the SQD Portal.
    Portal(Url),
    /// A folder (or file) of node files.
    Folder(PathBuf),
    /// `s3://bucket/prefix`; credentials come from the environment, never from here.
    Bucket(String),
}

impl Endpoint {
    /// An endpoint under a label of its own, or under scheme and host (the last part of a path).
    pub(crate) fn new(location: Location, label: Option<String>) -> Endpoint {
        let label = label.unwrap_or_else(|| location.label());
        Endpoint { location, label, ws_url: None }
    }

    /// The same endpoint with a WebSocket that announces its new heads.
    pub(crate) fn with_ws_url(self, ws_url: Option<WsUrl>) -> Endpoint {
        Endpoint { ws_url, ..self }
    }

    /// Where new heads are announced. Only sources may look at it.
    pub(crate) fn ws_url(&self) -> Option<&str> {
        self.ws_url.as_ref().map(|url| url.0.as_str())
    }

    /// Where to read. Only sources may look at it.
    pub(crate) fn location(&self) -> &Location {
        &self.location
    }

    /// What logs, errors and `config show` print.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }
}

impl Location {
    /// Reads `http://…`, `https://…`, the same behind `blocks+` or `portal+`, or a path. The error does not repeat the text.
    pub(crate) fn parse(text: &str) -> Result<Location, String> {
        if text.is_empty() {
            return Err("an endpoint must not be empty".to_owned());
        }
        let Some((scheme, _)) = text.split_once("://") else { return Ok(Location::Folder(PathBuf::from(text))) };
        let url = |text: &str| Url::parse(text).map_err(|error| format!("not a valid URL (text withheld): {error}"));
        match scheme {
            "s3" => Ok(Location::Bucket(text.to_owned())),
            "http" | "https" => url(text).map(Location::Url),
            "blocks+http" | "blocks+https" => url(text.trim_start_matches("blocks+")).map(Location::Blocks),
            "portal+http" | "portal+https" => url(text.trim_start_matches("portal+")).map(Location::Portal),
            _ => Err(format!("scheme {scheme:?} is not served: use http://, https://, s3:// or a path")),
        }
    }

    fn label(&self) -> String {
        match self {
            Location::Url(url) | Location::Blocks(url) | Location::Portal(url) => {
                let host = url.host_str().unwrap_or("unknown host");
                let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                format!("{}://{host}{port}", url.scheme())
            }
            Location::Bucket(url) => url.split('/').take(3).collect::<Vec<_>>().join("/"),
            Location::Folder(path) => path.file_name().map_or_else(|| "folder".to_owned(), |name| name.to_string_lossy().into_owned()),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.label)
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label())
    }
}

impl<'de> Deserialize<'de> for Location {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Location, D::Error> {
        Location::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A WebSocket's address; it may hold a key and is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct WsUrl(Url);

impl WsUrl {
    /// Reads `ws://…` or `wss://…`. The error does not repeat the text.
    pub(crate) fn parse(text: &str) -> Result<WsUrl, String> {
        let url = Url::parse(text).map_err(|error| format!("not a valid URL (text withheld): {error}"))?;
        match url.scheme() {
            "ws" | "wss" => Ok(WsUrl(url)),
            other => Err(format!("scheme {other:?} is no WebSocket: use ws:// or wss://")),
        }
    }
}

impl fmt::Debug for WsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WsUrl")
    }
}

impl<'de> Deserialize<'de> for WsUrl {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<WsUrl, D::Error> {
        WsUrl::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A database URL with user, password and parameters left out.
pub(crate) fn database_place(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.split('?').next().unwrap_or_default().to_owned() };
    // A password may hold any character unescaped, so the last '@' is looked for before anything else is cut off.
    let bare = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{}", bare.split(['?', '#']).next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_printed() {
        for (text, label) in [
            ("https://user:hunter2@rpc.example.org/v2/hunter2?key=hunter2", "https://rpc.example.org"),
            ("http://127.0.0.1:8545/hunter2", "http://127.0.0.1:8545"),
            ("s3://hl-mainnet-node-data/node_fills_by_block/hourly", "s3://hl-mainnet-node-data"),
            ("/data/hl/node", "node"),
            ("portal+https://portal.example.org/hunter2/datasets/solana-mainnet", "https://portal.example.org"),
        ] {
            let endpoint = Endpoint::new(Location::parse(text).unwrap(), None);
            assert_eq!(endpoint.to_string(), label);
            assert!(!format!("{endpoint:?} {:?}", endpoint.location()).contains("hunter2"));
        }
        for text in ["", "wss://x/hunter2", "https://hunter2:hunter2", "ftp://x"] {
            assert!(!Location::parse(text).unwrap_err().contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn hints_come_from_websockets_alone() {
        assert!(WsUrl::parse("wss://a.example/hunter2").is_ok());
        for text in ["https://a/hunter2", "wss://hunter2:hunter2", "hunter2"] {
            assert!(!WsUrl::parse(text).unwrap_err().contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn databases_are_named_without_password() {
        assert_eq!(database_place("postgres://me:hunter2@db:5433/perp?password=hunter2"), "postgres://db:5433/perp");
        assert_eq!(database_place("postgres://me:hunter2#?hunter2@hunter2@db/perp"), "postgres://db/perp");
        assert_eq!(database_place("sqlite:perpdex.db?mode=rwc"), "sqlite:perpdex.db");
        assert_eq!(database_place("perpdex.db"), "perpdex.db");
    }
}
