//! The public interface over loopback: recorded and generated answers, refusals, cut answers, lost connections.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use perpdex_core::{
    Batch, ChainId, DecodeUnit, EventBody, Filter, Headers, HyperliquidStream, Period, RawBody, Source, SourceErrorKind, StreamId,
    VenueSlug, Watch,
};
use perpdex_feeds::ApiEndpoint;
use perpdex_hyperliquid::{ApiOptions, ApiSource};
use serde_json::{Value, json};
use support::info::{Fault, InfoServer, Push, Rates};
use support::{range, reference};

const HOUR_MS: u64 = 3_600_000;

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

fn source(server: &InfoServer, trades: bool) -> ApiSource {
    let endpoint =
        ApiEndpoint { url: server.url.clone(), label: "info".to_owned(), timeout: Duration::from_secs(20), response_bytes_max: 16 << 20 };
    let lag = if trades { Duration::from_secs(60) } else { Duration::ZERO };
    let options = ApiOptions { trades, contexts_every: Duration::from_millis(1), lag, ..ApiOptions::new(endpoint) };
    ApiSource::new(options).unwrap()
}

fn filter(stream: HyperliquidStream) -> Filter {
    let id =
        StreamId { chain: ChainId::HYPERLIQUID_API, venue: VenueSlug::known("hyperliquid"), part: stream.as_str().to_owned(), version: 1 };
    Filter { streams: vec![(id, Watch::HyperCore(stream))], headers: Headers::Needed }
}

fn contexts(dex: &str) -> Value {
    match dex {
        "" => {
            json!([{"universe": [{"name": "BTC"}, {"name": "kPEPE"}]}, [{"openInterest": "27353.17682", "markPx": "77562.0"}, {"openInterest": "5.0"}]])
        }
        _ => json!([{"universe": [{"name": "xyz:NVDA"}]}, [{"openInterest": "2.5", "oraclePx": "190.1"}]]),
    }
}

fn no_frame() -> Arc<Mutex<String>> {
    Arc::default()
}

fn bodies(batch: &Batch) -> Vec<EventBody> {
    let venue = perpdex_venues::venue("hyperliquid").unwrap();
    let mut out = Vec::new();
    for record in &batch.records {
        let records = std::slice::from_ref(record);
        let unit =
            DecodeUnit { chain: record.chain, height: record.height, time_ms: record.time_ms, tx_id: &record.tx_id, records, state: &[] };
        let decoded = venue.decode(&unit);
        assert_eq!((decoded.failures, decoded.unknown), (vec![], vec![]));
        out.extend(decoded.events.into_iter().map(|event| event.body));
    }
    out
}

#[tokio::test]
async fn levels_and_prices_of_every_dex_come_with_the_moment_they_were_told() {
    let server = InfoServer::start(contexts, Rates::new(), no_frame()).await;
    let source = source(&server, false);
    let before = now_ms();
    let heads = source.heads().await.unwrap();
    let batch = source.fetch(range(before, heads.latest.height.max(before + 50)), &filter(HyperliquidStream::ApiContexts)).await.unwrap();
    assert_eq!(
        server.requests("metaAndAssetCtxs"),
        [json!({"type": "metaAndAssetCtxs"}), json!({"type": "metaAndAssetCtxs", "dex": "xyz"})]
    );
    let anchors = bodies(&batch).into_iter().filter(|body| matches!(body, EventBody::OiAnchor(_))).count();
    assert_eq!(anchors, 3);
    // What was never looked at is a hole: there is no asking for the past.
    let past = source.fetch(range(before - 10_000, before - 1), &filter(HyperliquidStream::ApiContexts)).await.unwrap();
    assert_eq!((past.records.len(), past.holes.len(), past.holes[0].range), (0, 1, past.range));
}

#[tokio::test]
async fn recorded_answers_land_whole() {
    let test = "recorded_answers_land_whole";
    let Some(main) = reference(test, "hyperliquid/samples/metaAndAssetCtxs_main_20250822.json") else { return };
    let Some(xyz) = reference(test, "hyperliquid/samples/metaAndAssetCtxs_xyz_20260206.json") else { return };
    let read = |path: &std::path::Path| -> Value { serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap() };
    let (main, xyz) = (read(&main), read(&xyz));
    let server = InfoServer::start(move |dex| if dex.is_empty() { main.clone() } else { xyz.clone() }, Rates::new(), no_frame()).await;
    let source = source(&server, false);
    let before = now_ms();
    source.heads().await.unwrap();
    let batch = source.fetch(range(before, now_ms()), &filter(HyperliquidStream::ApiContexts)).await.unwrap();
    let bodies = bodies(&batch);
    // 203 markets of which 32 are delisted, and 43 of which 10 are.
    assert_eq!(bodies.iter().filter(|body| matches!(body, EventBody::OiAnchor(_))).count(), 171 + 33);
}

/// Hourly rates with a moment of milliseconds behind the hour, as the venue stamps them.
fn hourly(coin: &str, from_hour: u64, hours: u64) -> Rates {
    (from_hour..from_hour + hours).map(|hour| (coin.to_owned(), hour * HOUR_MS + 40, format!("0.0000{:02}", hour % 90 + 10))).collect()
}

#[tokio::test]
async fn settled_rates_are_paged_and_come_once() {
    const FROM: u64 = 490_000;
    let mut rates: Rates = [hourly("BTC", FROM - 3, 1_200), hourly("xyz:NVDA", FROM + 100, 20)].concat();
    // One was settled 24 minutes late, as in a recorded history.
    rates.iter_mut().find(|(_, time, _)| *time == (FROM + 500) * HOUR_MS + 40).unwrap().1 += 1_433_000;
    let server = InfoServer::start(contexts, rates, no_frame()).await;
    let source = source(&server, false);
    // Ranges that meet between two settlements, at a stamp, beside one, and around the moment at which a rate is asked for.
    let cuts = [0, 40, 41, 120_000, 120_001, 2_000_000].map(|ms| (FROM + 400) * HOUR_MS + ms);
    let cuts: Vec<u64> = [FROM * HOUR_MS].into_iter().chain(cuts).chain([(FROM + 1_100) * HOUR_MS]).collect();
    let mut stamps = Vec::new();
    for pair in cuts.windows(2) {
        let batch = source.fetch(range(pair[0], pair[1] - 1), &filter(HyperliquidStream::ApiFunding)).await.unwrap();
        assert!(batch.holes.is_empty());
        for body in bodies(&batch) {
            let EventBody::FundingRate(rate) = body else { panic!("{body:?}") };
            let Period::Exact { start_ms, end_ms } = rate.period else { panic!("{rate:?}") };
            assert_eq!(end_ms - start_ms, 3_600_000);
            stamps.push(end_ms as u64 / HOUR_MS);
        }
    }
    let mut want: Vec<u64> = (FROM..FROM + 1_100).chain(FROM + 101..FROM + 120).collect();
    stamps.sort_unstable();
    want.sort_unstable();
    assert_eq!(stamps, want, "every rate once; the first of a market has no known interval");
    assert!(server.requests("fundingHistory").len() > 3 * 3, "pages of at most 500 rows");
    let asked = server.requests("fundingHistory").len();
    let quiet = range(FROM * HOUR_MS + 600_000, FROM * HOUR_MS + 700_000);
    assert!(source.fetch(quiet, &filter(HyperliquidStream::ApiFunding)).await.unwrap().records.is_empty());
    assert_eq!(server.requests("fundingHistory").len(), asked, "between two settlements nothing is asked");
}

#[tokio::test]
async fn a_refused_or_cut_answer_is_an_error_and_what_was_read_is_not_asked_again() {
    const FROM: u64 = 490_000;
    let rates: Rates = ["BTC", "kPEPE", "xyz:NVDA"].iter().flat_map(|coin| hourly(coin, FROM - 1, 5)).collect();
    let server = InfoServer::start(contexts, rates, no_frame()).await;
    let source = source(&server, false);
    source.heads().await.unwrap();
    let wanted = range(FROM * HOUR_MS, (FROM + 3) * HOUR_MS);
    let filter = filter(HyperliquidStream::ApiFunding);
    server.fail_next("fundingHistory", &[Fault::Cut]);
    assert_eq!(source.fetch(wanted, &filter).await.unwrap_err().kind, SourceErrorKind::Transient);
    server.fail_next("fundingHistory", &[Fault::Broken]);
    assert_eq!(source.fetch(wanted, &filter).await.unwrap_err().kind, SourceErrorKind::Transient);
    server.fail_next("fundingHistory", &[Fault::TooMany(0)]);
    let refused = source.fetch(wanted, &filter).await.unwrap_err();
    assert_eq!(refused.kind, SourceErrorKind::Rate { retry_after: Some(Duration::ZERO) });
    assert!(!refused.to_string().contains(&server.url), "no address in {refused}");
    let batch = source.fetch(wanted, &filter).await.unwrap();
    assert_eq!(bodies(&batch).len(), 9, "three markets, three hours");
    assert_eq!(server.requests("fundingHistory").len(), 6, "three failures, and each market once");
    let again = source.fetch(wanted, &filter).await.unwrap();
    assert_eq!(again.records, batch.records, "the same question has the same answer");
}

fn trade(coin: &str, tid: u64, time: u64) -> Value {
    json!({"coin": coin, "side": "B", "px": "100.5", "sz": "2.0", "hash": "0x1", "time": time, "tid": tid, "users": ["0xA", "0xB"]})
}

fn frame(trades: &[Value]) -> String {
    json!({"channel": "trades", "data": trades}).to_string()
}

/// Names of the trades in a batch.
fn tids(batch: &Batch) -> Vec<u64> {
    let lines = batch.records.iter().flat_map(|record| match &record.body {
        RawBody::HyperliquidLine(line) => line.text.lines().map(str::to_owned).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    });
    lines.map(|line| serde_json::from_str::<Value>(&line).unwrap()["tid"].as_u64().unwrap()).collect()
}

async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    for _ in 0..2_000 {
        if done().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

#[tokio::test]
async fn trades_come_once_over_lost_connections_and_repeated_first_frames() {
    let first = no_frame();
    let server = InfoServer::start(contexts, Rates::new(), first.clone()).await;
    let source = source(&server, true);
    let filter = filter(HyperliquidStream::ApiTrades);
    let start = now_ms();
    source.heads().await.unwrap();
    until("three markets are subscribed", async || server.subscribed() == 3).await;
    let seen = |from: u64| {
        let (source, filter) = (&source, &filter);
        async move { source.fetch(range(from, now_ms()), filter).await.unwrap() }
    };
    // The server counts a subscription before the client has its answer.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let one = now_ms();
    server.push(Push::Text(frame(&[trade("BTC", 1, one), trade("kPEPE", 1, one), trade("BTC", 2, one)])));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let batch = seen(start).await;
    assert_eq!(tids(&batch), [1, 2, 1], "in order of market and id");
    assert!(batch.holes.iter().any(|hole| hole.range.contains(start)), "before subscribing nobody listened: {:?}", batch.holes);
    assert!(!batch.holes.iter().any(|hole| hole.range.contains(one)), "what was heard is no hole: {:?}", batch.holes);
    assert!(bodies(&batch).iter().all(|body| matches!(body, EventBody::Fill(fill) if fill.account == "0xa" && fill.liquidation.is_none())));
    let given_to = batch.range.to();

    // The connection is lost; what comes meanwhile is gone; the new one begins by telling old trades again.
    server.push(Push::Close);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let lost = now_ms();
    *first.lock().unwrap() = frame(&[trade("BTC", 2, one), trade("BTC", 3, lost)]);
    source.heads().await.unwrap();
    until("all are subscribed again", async || server.subscribed() == 6).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let two = now_ms();
    server.push(Push::Text(frame(&[trade("xyz:NVDA", 4, two)])));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let batch = seen(given_to + 1).await;
    let found: BTreeSet<u64> = tids(&batch).into_iter().collect();
    assert!(!found.contains(&1) && !found.contains(&2), "what was handed out is not handed out again: {found:?}");
    assert!(found.contains(&4));
    assert!(batch.holes.iter().any(|hole| hole.range.contains(lost)), "the time without a connection is a hole: {:?}", batch.holes);
    assert!(!batch.holes.iter().any(|hole| hole.range.contains(two)));
    assert!(batch.malformed.is_empty(), "{:?}", batch.malformed);

    // A trade of a time that was handed out cannot be put in any more, and is told instead of dropped.
    server.push(Push::Text(frame(&[trade("BTC", 9, two)])));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let late = seen(batch.range.to() + 1).await;
    assert_eq!((tids(&late).len(), late.malformed.len()), (0, 1));
    assert!(late.malformed[0].text.contains("\"tid\":9"), "{:?}", late.malformed);
}

#[tokio::test]
async fn a_market_that_is_listed_later_is_listened_to_and_the_time_until_then_is_a_hole() {
    let is_listed = Arc::new(AtomicBool::new(false));
    let listed = is_listed.clone();
    let contexts = move |dex: &str| match dex {
        "" if listed.load(Ordering::Relaxed) => {
            json!([{"universe": [{"name": "BTC"}, {"name": "NEW"}]}, [{"openInterest": "1.0"}, {"openInterest": "0.0"}]])
        }
        "" => {
            json!([{"universe": [{"name": "BTC"}, {"name": "OLD", "isDelisted": true}]}, [{"openInterest": "1.0"}, {"openInterest": "0.0"}]])
        }
        _ => json!([{"universe": []}, []]),
    };
    let server = InfoServer::start(contexts, Rates::new(), no_frame()).await;
    let source = source(&server, true);
    let filter = filter(HyperliquidStream::ApiTrades);
    source.heads().await.unwrap();
    until("one market is subscribed, and none that is delisted", async || server.subscribed() == 1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let given_to = now_ms();
    let batch = source.fetch(range(given_to - 50, given_to), &filter).await.unwrap();
    assert!(batch.records.is_empty());
    is_listed.store(true, Ordering::Relaxed);
    let unheard = now_ms() + 1;
    tokio::time::sleep(Duration::from_millis(50)).await;
    until("the new market is subscribed, too", async || {
        source.heads().await.unwrap();
        server.subscribed() == 2
    })
    .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let heard = now_ms();
    server.push(Push::Text(frame(&[trade("NEW", 1, heard), trade("BTC", 2, heard)])));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let batch = source.fetch(range(given_to + 1, now_ms()), &filter).await.unwrap();
    assert_eq!(tids(&batch), [2, 1]);
    let hole = batch.holes.iter().find(|hole| hole.range.contains(unheard)).expect("what was not heard is a hole");
    assert!(hole.detail.contains("listed meanwhile: NEW"), "{hole:?}");
    assert!(!batch.holes.iter().any(|hole| hole.range.contains(heard)), "{:?}", batch.holes);
}
