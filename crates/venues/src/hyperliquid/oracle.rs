//! What is read in place held against `serde_json`.

use perpdex_core::{ChainId, DecodeUnit, HyperliquidLine, HyperliquidStream, RawBody, RawRecord, Venue};

use super::{HYPERLIQUID, fills, scan};

/// Streams of all shapes of lines.
const STREAMS: [HyperliquidStream; 8] = [
    HyperliquidStream::Fills,
    HyperliquidStream::MiscEvents,
    HyperliquidStream::NodeFills,
    HyperliquidStream::NodeTrades,
    HyperliquidStream::AssetContexts,
    HyperliquidStream::ApiContexts,
    HyperliquidStream::ApiFunding,
    HyperliquidStream::ApiTrades,
];

/// Reads lines in place and by the library, as a block and as a fill, and decodes them as lines of every stream; whether they are
/// read in place.
///
/// # Panics
///
/// Where something is read in place that the library reads otherwise or refuses, or a decoder panics.
pub fn line(text: &str) -> bool {
    let mut events = Vec::new();
    let block = scan::lines(text, |pair| events.push(pair));
    if block.is_some() {
        let lines = text.split('\n').map(|line| serde_json::from_str::<fills::Line<'_>>(line).map(|line| line.events));
        assert_eq!(lines.collect::<Result<Vec<_>, _>>().map(|lines| lines.concat()).ok(), Some(events), "{text:?}");
    }
    let fill = scan::pair(text);
    if let Some(pair) = &fill {
        assert_eq!(serde_json::from_str::<scan::Pair<'_>>(text).ok().as_ref(), Some(pair), "{text:?}");
    }
    for stream in STREAMS {
        decode(stream, text);
    }
    block.is_some() || fill.is_some()
}

fn decode(stream: HyperliquidStream, text: &str) {
    let record = RawRecord {
        chain: ChainId::HYPERLIQUID,
        height: 1,
        rec: 1,
        ord: 0,
        tx_id: "1".into(),
        tx_index: None,
        time_ms: 1_700_000_000_000,
        body: RawBody::HyperliquidLine(HyperliquidLine { stream, text: text.to_owned() }),
    };
    let records = std::slice::from_ref(&record);
    let unit = DecodeUnit { chain: record.chain, height: 1, time_ms: record.time_ms, tx_id: &record.tx_id, records, state: &[] };
    std::hint::black_box(HYPERLIQUID.decode(&unit));
}
