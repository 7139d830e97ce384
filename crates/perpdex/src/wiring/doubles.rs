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

#[cfg(test)]
mod tests {
    use perpdex_core::{Evidence, VenueSlug};

    use super::*;

    fn stream(chain: ChainId, part: &str) -> StreamId {
        StreamId { chain, venue: VenueSlug::known("hyperliquid"), part: part.to_owned(), version: 1 }
    }

    fn blocks() -> StreamId {
        stream(ChainId::HYPERLIQUID, "fills")
    }

    fn lines(part: &str) -> StreamId {
        stream(ChainId::HYPERLIQUID_FILES, part)
    }

    fn public() -> StreamId {
        stream(ChainId::HYPERLIQUID_API, "trades")
    }

    fn target(stream: StreamId) -> Target {
        Target { stream, from: 1, to: None, first_height: None, evidence_min: Evidence::Witnessed, sees_unknown: true }
    }

    #[test]
    fn what_tells_of_the_same_trades_is_refused_unless_it_is_read_together() {
        let misc = stream(ChainId::HYPERLIQUID, "misc");
        // What the database knows, what the run reads, whether it may.
        let cases = [
            (vec![], vec![blocks(), lines("node_fills"), lines("node_trades")], true),
            (vec![blocks()], vec![blocks()], true),
            (vec![blocks()], vec![misc.clone(), lines("asset_ctxs"), stream(ChainId::HYPERLIQUID_API, "contexts")], true),
            (vec![blocks()], vec![lines("node_fills")], false),
            (vec![lines("node_trades")], vec![blocks()], false),
            (vec![lines("node_fills")], vec![blocks(), lines("node_fills")], true),
            (vec![blocks()], vec![public()], false),
            (vec![public()], vec![blocks(), misc], false),
            (vec![public()], vec![public()], true),
        ];
        for (known, read, may) in cases {
            let known: Vec<Target> = known.into_iter().map(target).collect();
            let refused = refuse_doubles(&known, read.iter()).err().map(|error| error.to_string());
            assert_eq!(refused.is_none(), may, "{known:?} and {read:?}: {refused:?}");
        }
        let error = refuse_doubles(&[target(blocks())], [lines("node_fills")].iter()).unwrap_err().to_string();
        assert!(error.contains("node_fills") && error.contains("use a database of its own"), "{error}");
    }

    #[test]
    fn only_files_of_trades_silence_the_public_ones() {
        let has = |known: &[Target], read: &[StreamId]| has_files(known, read.iter());
        assert!(has(&[], &[blocks()]) && has(&[target(lines("node_trades"))], &[public()]));
        assert!(!has(&[target(public())], &[public(), lines("asset_ctxs"), stream(ChainId::HYPERLIQUID, "misc")]));
        assert!(is_public(&public()) && !is_public(&stream(ChainId::HYPERLIQUID_API, "contexts")) && !is_public(&blocks()));
    }
}
