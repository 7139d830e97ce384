//! Values of the form `CHAIN=VALUE`.

use perpdex_core::ChainId;

use crate::config::{ChainName, Location};
use crate::instant::{Point, parse_point};

/// A value for one chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PerChain<T> {
    /// The chain.
    pub(crate) chain: ChainId,
    /// The value.
    pub(crate) value: T,
}

/// Reads `CHAIN=URL_OR_FOLDER`.
pub(crate) fn parse_endpoint(text: &str) -> Result<PerChain<Location>, String> {
    parse(text, Location::parse)
}

/// Reads `CHAIN=HEIGHT_OR_TIME`.
pub(crate) fn parse_at(text: &str) -> Result<PerChain<Point>, String> {
    parse(text, parse_point)
}

fn parse<T>(text: &str, value: impl Fn(&str) -> Result<T, String>) -> Result<PerChain<T>, String> {
    let (chain, rest) = text.split_once('=').ok_or("write it as CHAIN=VALUE")?;
    Ok(PerChain { chain: ChainName::parse(chain)?.0, value: value(rest)? })
}
