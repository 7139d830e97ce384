//! Streams that tell of the same trades in different words. Their rows have no key in common, so that none may stand beside another
//! for one time: the second would double volume and changes of open interest.

use anyhow::{Result, anyhow};
use perpdex_core::{ChainId, StreamId, Target};

use crate::config::ChainConfig;

/// Whether a stream tells of Hyperliquid's trades.
fn tells_trades(stream: &StreamId) -> bool {
    match stream.chain {
        ChainId::HYPERLIQUID => stream.part == "fills",
        ChainId::HYPERLIQUID_FILES => stream.part == "node_fills" || stream.part == "node_trades",
        _ => is_public(stream),
    }
}

/// Whether a stream is the public interface's trades, which node files hold too, and hold better.
pub(crate) fn is_public(stream: &StreamId) -> bool {
    stream.chain == ChainId::HYPERLIQUID_API && stream.part == "trades"
}

/// Whether trades come, or have come, from the files of a node or an archive.
pub(crate) fn has_files<'a>(known: &'a [Target], streams: impl Iterator<Item = &'a StreamId>) -> bool {
    known.iter().map(|target| &target.stream).chain(streams).any(|stream| tells_trades(stream) && !is_public(stream))
}

/// Refuses a run that would tell of trades which the database has been told of by another stream. Archives that are read together end
/// where the next one begins; one that was read alone does not know the others.
pub(crate) fn refuse_doubles<'a>(known: &[Target], streams: impl Iterator<Item = &'a StreamId> + Clone) -> Result<()> {
    for stream in streams.clone().filter(|stream| tells_trades(stream)) {
        let other = known.iter().map(|target| &target.stream).find(|other| {
            let again = streams.clone().any(|stream| stream == *other);
            tells_trades(other) && *other != stream && !again
        });
        if let Some(other) = other {
            return Err(anyhow!(
                "{stream} tells of the same trades as {other}, which the database has already: read both together from one folder, or use a \
                 database of its own"
            ));
        }
    }
    Ok(())
}

/// Refuses archives without block numbers from another place than those with them: only side by side it is seen where one ends.
pub(crate) fn refuse_apart<'a>(chains: impl Iterator<Item = &'a ChainConfig> + Clone) -> Result<()> {
    let of = |chain: ChainId| chains.clone().find(|config| config.chain == chain).map(|config| &config.endpoints.value);
    match (of(ChainId::HYPERLIQUID), of(ChainId::HYPERLIQUID_FILES)) {
        (Some(blocks), Some(files)) if blocks.iter().all(|a| files.iter().all(|b| a.location() != b.location())) => Err(anyhow!(
            "{} and {}: name one folder for both, with the archives side by side",
            ChainId::HYPERLIQUID,
            ChainId::HYPERLIQUID_FILES
        )),
        _ => Ok(()),
    }
}
