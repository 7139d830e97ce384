//! Aster Pro, an order book matched off chain, from the answers of its public market-data API: markets, volume, settled and
//! predicted funding, open interest, prices, single executions and a sample of the liquidations.
//!
//! A record is one row of an answer. Volume comes from the hourly klines and from nothing else: executions and
//! liquidations are rows with their size, outside of volume. No record names an account.

mod book;
mod rows;

use perpdex_core::{
    ChainId, DecodeUnit, Decoded, Deployment, Disposition, Event, EventBody, EventKey, EventSpec, Failure, FailureKind, LiquidationFeed,
    RawBody, RawRecord, StreamSpec, StreamStart, Venue, VenueInfo, VenueModel, VenueSlug, Watch,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use rows::Trouble;

/// The decoder.
pub(crate) static ASTER_PRO: AsterPro = AsterPro;

/// The decoder's type.
#[derive(Debug)]
pub(crate) struct AsterPro;

const SLUG: VenueSlug = VenueSlug::known("aster_pro");

/// 2021-01-01: before the earliest listing that the API states.
const FIRST_MS: u64 = 1_609_459_200_000;

/// Distance of two snapshots, the distance in which heads move: executions begin with the one at hand, liquidations, which
/// need an open connection, with the next.
const SLOT_MS: u64 = 300_000;

const SOURCE: &str = "https://fapi.asterdex.com, the venue's public API";

static INFO: VenueInfo = VenueInfo {
    slug: SLUG,
    group: "aster",
    name: "Aster Pro",
    model: VenueModel::Book,
    deployments: &[
        part("markets", Some(FIRST_MS)),
        part("klines", Some(FIRST_MS)),
        part("funding", Some(FIRST_MS)),
        part("prints", Some(FIRST_MS)),
        part("snapshots", Some(FIRST_MS)),
        part("liquidations", Some(FIRST_MS)),
    ],
    layout: "abi/aster_pro/answers.json",
    events: EVENTS,
    gives: &["trades", "liquidations", "funding", "oi", "prices"],
    unverified: &[
        "liquidations are at most one a symbol and second: a lower bound, never a total",
        "no history of open interest is served: it begins with the first run, one statement every five minutes",
        "whether klines count trades of the insurance fund and auto-deleveraging; single executions leave them out",
        "the interval of a settled rate is the distance to the one before it (1, 2, 4 or 8 hours), else the symbol's present one",
        "markets that the API no longer lists have no history here",
    ],
};

const fn part(address: &'static str, first_height: Option<u64>) -> Deployment {
    Deployment { chain: ChainId::OFFCHAIN_ASTER, address, first_height, source: SOURCE }
}

const EVENTS: &[EventSpec] = &[
    mapped("market"),
    mapped("kline"),
    mapped("funding_rate"),
    mapped("agg_trade"),
    mapped("open_interest"),
    mapped("premium_index"),
    mapped("ticker_24h"),
    mapped("force_order"),
];

const fn mapped(name: &'static str) -> EventSpec {
    EventSpec { name, disposition: Disposition::Mapped }
}

/// One record: which row it is, of which symbol, with what the source adds to it.
#[derive(Debug, Deserialize)]
struct Record<'a> {
    row: String,
    symbol: String,
    /// Hours between two settlements of the symbol, at present.
    interval_hours: Option<i64>,
    /// Stamp of the settlement before this one, unix milliseconds.
    previous_ms: Option<i64>,
    /// The row as it came.
    #[serde(borrow)]
    answer: &'a RawValue,
}

/// What one row says: bodies with their own times.
type Told = Result<Vec<(i64, EventBody)>, Trouble>;

impl Venue for AsterPro {
    fn info(&self) -> &'static VenueInfo {
        &INFO
    }

    fn streams(&self, chain: ChainId) -> Vec<StreamSpec> {
        let of_chain = INFO.deployments.iter().filter(|deployment| deployment.chain == chain);
        of_chain
            .map(|deployment| StreamSpec {
                part: deployment.address,
                version: 1,
                watch: Watch::Api(format!("{SLUG}.{}", deployment.address)),
                first_height: deployment.first_height,
                sees_unknown: true,
            })
            .collect()
    }

    fn stream_start(&self, part: &str) -> StreamStart {
        match part {
            "markets" => StreamStart::First,
            // Single executions could be had for the past, at 20 units of weight a symbol and hour: klines have their volume.
            "prints" | "snapshots" => StreamStart::Head { after: 0 },
            "liquidations" => StreamStart::Head { after: SLOT_MS },
            _ => StreamStart::Configured,
        }
    }

    fn liquidation_feed(&self) -> LiquidationFeed {
        LiquidationFeed::Sampled
    }

    fn tells_accounts(&self) -> bool {
        false
    }

    fn decode(&self, unit: &DecodeUnit<'_>) -> Decoded {
        let mut out = Decoded::default();
        for record in unit.records {
            let RawBody::ApiAnswer { body, .. } = &record.body else {
                out.unknown.push(failure(record, FailureKind::UnknownEvent, "not an answer of an api".to_owned()));
                continue;
            };
            match decode_record(body) {
                Ok((symbol, told)) => out.events.extend((0..).zip(told).map(|(sub, (time_ms, body))| Event {
                    key: EventKey { height: record.height, rec: record.rec, sub },
                    ord: record.ord,
                    chain: unit.chain,
                    venue: SLUG,
                    market: Some(symbol.clone().into()),
                    time_ms,
                    tx_id: record.tx_id.clone(),
                    body,
                })),
                Err(trouble) if trouble.kind == FailureKind::UnknownEvent => out.unknown.push(failure(record, trouble.kind, trouble.error)),
                Err(trouble) => out.failures.push(failure(record, trouble.kind, trouble.error)),
            }
        }
        out
    }
}

fn decode_record(body: &str) -> Result<(String, Vec<(i64, EventBody)>), Trouble> {
    let record: Record<'_> = serde_json::from_str(body).map_err(Trouble::malformed)?;
    if record.symbol.is_empty() || record.symbol.chars().any(char::is_control) {
        return Err(Trouble::invalid(format!("symbol {:?} is no name", record.symbol)));
    }
    let answer = record.answer.get();
    let told = match record.row.as_str() {
        "market" => rows::market(answer),
        "kline" => rows::kline(answer),
        "funding_rate" => rows::funding_rate(answer, record.previous_ms, record.interval_hours),
        "open_interest" => rows::open_interest(answer),
        "premium_index" => rows::premium_index(answer, record.interval_hours),
        "ticker_24h" => rows::ticker(answer),
        "agg_trade" => book::agg_trade(answer),
        "force_order" => book::force_order(answer),
        other => Err(Trouble::unknown(format!("row {other:?}"))),
    };
    let named = |trouble: Trouble| Trouble { error: format!("{}: {}", record.row, trouble.error), ..trouble };
    Ok((record.symbol, told.map_err(named)?))
}

fn failure(record: &RawRecord, kind: FailureKind, error: String) -> Failure {
    Failure { height: record.height, rec: record.rec, part: String::new(), kind, error }
}
