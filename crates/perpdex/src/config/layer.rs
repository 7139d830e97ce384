//! One layer of configuration: what a file, an environment variable or a flag says, and nothing else.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use perpdex_core::{CHAINS, ChainId};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use thiserror::Error;

use super::endpoint::{Location, WsUrl};
use super::sync::SyncLayer;
use crate::instant::{POINT_FORMS, Point, parse_point};

/// Where a value comes from; the stronger variant is listed first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A flag of the command line.
    Flag(&'static str),
    /// An environment variable.
    Env(String),
    /// A configuration file.
    File(PathBuf),
    /// What perpdex brings along.
    BuiltIn,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(name) => write!(f, "flag {name}"),
            Origin::Env(name) => write!(f, "environment {name}"),
            Origin::File(path) => write!(f, "file {}", path.display()),
            Origin::BuiltIn => f.write_str("built-in"),
        }
    }
}

/// What one place says. Every part may be absent.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Layer {
    /// `[database]`.
    #[serde(default)]
    pub(crate) database: DatabaseLayer,
    /// `[sync]`.
    #[serde(default)]
    pub(crate) sync: SyncLayer,
    /// `[catalog]`.
    #[serde(default)]
    pub(crate) catalog: CatalogLayer,
    /// `[chains.NAME]`.
    #[serde(default)]
    pub(crate) chains: BTreeMap<ChainName, ChainLayer>,
}

/// `[database]`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatabaseLayer {
    /// `sqlite:PATH` or `postgres://…`.
    pub(crate) url: Option<String>,
}

impl fmt::Debug for DatabaseLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseLayer").field("url", &self.url.as_deref().map(super::endpoint::database_place)).finish()
    }
}

/// `[catalog]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CatalogLayer {
    /// Files with assets, aliases, tokens and markets of the user's own.
    pub(crate) files: Option<Vec<PathBuf>>,
}

/// `[chains.NAME]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChainLayer {
    /// Whether `sync` reads it. Absent: if it has an endpoint.
    pub(crate) enabled: Option<bool>,
    /// Why it is off, printed by `sync`.
    pub(crate) reason: Option<String>,
    /// Where history begins.
    pub(crate) start: Option<Start>,
    /// Heights below the tip at which `start = "recent"` begins.
    pub(crate) recent_blocks: Option<u64>,
    /// Heights below the tip that count as final where a node serves no `finalized` tag.
    pub(crate) final_depth: Option<u64>,
    /// What is stored of raw records.
    pub(crate) raw: Option<RawPayloads>,
    /// Where to read, in order of preference.
    pub(crate) endpoints: Option<Vec<EndpointLayer>>,
}

/// What is stored of a chain's raw records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawPayloads {
    /// Every byte: rows can be decoded anew, and exported, without any endpoint.
    Keep,
    /// All but the payload, of which a digest stays.
    Drop,
}

impl fmt::Display for RawPayloads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RawPayloads::Keep => "keep",
            RawPayloads::Drop => "drop",
        })
    }
}

/// One entry of `endpoints`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointLayer {
    /// URL or folder.
    pub(crate) url: Location,
    /// What to call it.
    pub(crate) label: Option<String>,
    /// Where its new heads are announced (EVM chains): a hint of when to look, never needed.
    pub(crate) ws_url: Option<WsUrl>,
}

/// Where a chain's history begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// A number of heights below the tip as it is at the first run.
    Recent,
    /// The first height that the endpoint has (files), else the first at which a venue can have anything.
    Earliest,
    /// A height or a time.
    At(Point),
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Start::Recent => f.write_str("recent"),
            Start::Earliest => f.write_str("earliest"),
            Start::At(point) => point.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for Start {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Start, D::Error> {
        struct StartVisitor;

        impl Visitor<'_> for StartVisitor {
            type Value = Start;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "\"recent\", \"earliest\", {POINT_FORMS} (times in quotes)")
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Start, E> {
                u64::try_from(value).map(|height| Start::At(Point::Height(height))).map_err(|_| E::custom("a height must not be negative"))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Start, E> {
                match text {
                    "recent" => Ok(Start::Recent),
                    "earliest" => Ok(Start::Earliest),
                    _ => parse_point(text).map(Start::At).map_err(E::custom),
                }
            }
        }
        deserializer.deserialize_any(StartVisitor)
    }
}

/// A chain's name as a key of `[chains]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ChainName(pub(crate) ChainId);

impl ChainName {
    /// The chain with this name.
    pub(crate) fn parse(text: &str) -> Result<ChainName, String> {
        let found = CHAINS.iter().find(|chain| chain.slug == text);
        found.map(|chain| ChainName(chain.id)).ok_or_else(|| {
            let known: Vec<&str> = CHAINS.iter().map(|chain| chain.slug).collect();
            format!("unknown chain {text:?}, expected one of {}", known.join(", "))
        })
    }
}

impl<'de> Deserialize<'de> for ChainName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ChainName, D::Error> {
        ChainName::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// A layer that could not be read.
#[derive(Debug, Error)]
pub(crate) enum LayerError {
    /// The file could not be opened.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The text is not what was expected.
    #[error("{place}:{line}: {message}")]
    Syntax {
        /// The file.
        place: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong; names the key.
        message: String,
    },
}

impl Layer {
    /// Reads a file; relative paths inside are relative to the file.
    pub(crate) fn read(path: &Path) -> Result<Layer, LayerError> {
        let text = std::fs::read_to_string(path).map_err(|error| LayerError::Io { path: path.to_owned(), error })?;
        let mut layer = Layer::parse(&text, &path.display().to_string())?;
        if let Some(folder) = path.parent() {
            layer.rebase(folder);
        }
        Ok(layer)
    }

    /// Reads TOML text. Errors name key and line but never repeat the line: it may hold a secret.
    pub(crate) fn parse(text: &str, place: &str) -> Result<Layer, LayerError> {
        toml::from_str(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start).min(text.len());
            let line = text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1;
            LayerError::Syntax { place: place.to_owned(), line, message: plain_message(error.message()) }
        })
    }

    fn rebase(&mut self, folder: &Path) {
        for file in self.catalog.files.iter_mut().flatten() {
            *file = folder.join(&*file);
        }
        for endpoint in self.chains.values_mut().flat_map(|chain| chain.endpoints.iter_mut().flatten()) {
            if let Location::Folder(path) = &mut endpoint.url {
                *path = folder.join(&*path);
            }
        }
    }
}

/// serde speaks of fields, where a configuration has keys, and repeats a string of the wrong place, which may be a URL.
fn plain_message(message: &str) -> String {
    let withheld = match (message.find("invalid type: string \""), message.rfind("\", expected")) {
        (Some(0), Some(end)) => format!("invalid type: string{}", &message[end + 1..]),
        _ => message.replace("unknown field", "unknown key"),
    };
    withheld.replace('\n', " ").trim_end().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Layer::parse(text, "x.toml").unwrap_err().to_string()
    }

    #[test]
    fn errors_name_key_and_line() {
        for (text, want) in [
            ("[sync]\nfetch_ahed = 4\n", "x.toml:2: unknown key `fetch_ahed`, expected one of `fetch_ahead`"),
            ("[chains.arbitrum]\nendpoint = []\n", "x.toml:2: unknown key `endpoint`"),
            ("\n\n[chains.arbitrun]\n", "x.toml:3: unknown chain \"arbitrun\", expected one of ethereum, bnb"),
            ("[chains.bnb]\nstart = \"soon\"\n", "x.toml:2: \"soon\" is not a height"),
            ("[chains.bnb]\nraw = \"none\"\n", "x.toml:2: unknown variant `none`, expected `keep` or `drop`"),
            ("[chains.bnb]\nstart = -4\n", "x.toml:2: a height must not be negative"),
            ("[database]\nurl = 4\n", "x.toml:2: invalid type: integer `4`, expected a string"),
            ("[chains.bnb]\nendpoints = \"https://a/hunter2\"\n", "x.toml:2: invalid type: string, expected a sequence"),
            ("[[chains.bnb.endpoints]]\nurl = \"https://a:hunter2\"\n", "x.toml:2: not a valid URL (text withheld)"),
        ] {
            let got = error(text);
            assert!(got.starts_with(want), "{got}");
            assert!(!got.contains("hunter2"), "{got}");
        }
    }

    #[test]
    fn syntax_errors_do_not_repeat_the_line() {
        let got = error("[database]\nurl = \"postgres://a:hunter2@b\n");
        assert!(got.starts_with("x.toml:2: ") && !got.contains("hunter2"), "{got}");
    }
}
