//! Bytes that no chain wrote: every decoder ends on them, without a panic and without an event out of noise.

mod common;

use alloy_primitives::{Address, B256, Bytes};
use perpdex_core::{Carrier, ChainId, EvmLog, HyperliquidLine, HyperliquidStream, RawBody, RawRecord, SolanaEvent, Venue};

/// Payloads for each decoder and shape.
const ROUNDS: usize = 3_000;
/// Longest payload, bytes.
const BYTES_MAX: usize = 700;

/// A generator of the xorshift family: the same bytes in every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// Bytes, half of them small, so that counts and offsets often point inside.
    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let small = self.next().is_multiple_of(2);
        let byte = |n: u64| if small && !n.is_multiple_of(8) { 0 } else { n.to_le_bytes()[1] };
        (0..length).map(|_| byte(self.next())).collect()
    }
}

#[test]
fn logs_of_noise() {
    for slug in ["gmx_v2", "aster_1001x", "aster_vault"] {
        let venue = perpdex_venues::venue(slug).unwrap();
        let topics = topics_of(venue);
        let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
        let mut refusals = 0;
        for round in 0..ROUNDS {
            let (chain, address, mut log_topics) = topics[round % topics.len()].clone();
            (0..noise.below(4)).for_each(|_| log_topics.push(B256::from_slice(&noise.bytes(32))));
            log_topics.truncate(4);
            let length = noise.below(BYTES_MAX / 32) * 32 + noise.below(2) * noise.below(32);
            let data = Bytes::from(noise.bytes(length));
            let log = EvmLog { address, topics: log_topics, data, block_hash: B256::ZERO };
            refusals += common::decode(venue, &[record(chain, RawBody::EvmLog(log))]).failures.len();
        }
        assert!(refusals > ROUNDS / 10, "{slug}: only {refusals} refusals");
    }
}

/// Chain, emitter and topics of every known event of a venue: those of the golden cases.
fn topics_of(venue: &dyn Venue) -> Vec<(ChainId, Address, Vec<B256>)> {
    let slug = venue.info().slug.as_str();
    let records = common::cases().into_iter().filter(|case| case.venue == slug).flat_map(|case| case.records());
    let mut topics: Vec<(ChainId, Address, Vec<B256>)> = records
        .filter_map(|record| match record.body {
            // GMX names its event in the second topic.
            RawBody::EvmLog(log) => {
                Some((record.chain, log.address, log.topics.into_iter().take(if slug == "gmx_v2" { 2 } else { 1 }).collect()))
            }
            _ => None,
        })
        .collect();
    topics.sort();
    topics.dedup();
    topics
}

#[test]
fn instructions_of_noise() {
    let venue = perpdex_venues::venue("phoenix_eternal").unwrap();
    let mut noise = Noise(0x2545_f491_4f6c_dd1d);
    let mut refusals = 0;
    for _ in 0..ROUNDS {
        let records: Vec<RawRecord> = (0..1 + noise.below(4)).map(|_| instruction(&mut noise)).collect();
        refusals += common::decode(venue, &records).failures.len();
    }
    assert!(refusals > ROUNDS, "only {refusals} refusals");
}

/// A `Log` or `LogEventLengths` of small batch number and count, with noise behind them.
fn instruction(noise: &mut Noise) -> RawRecord {
    let tags: [&[u8]; 2] = [&[0x8d, 0xe6, 0xd6, 0xf2, 0x09, 0xd1, 0xcf, 0xaa], &[0xf7, 0x07, 0x86, 0xcb, 0xb5, 0x47, 0x99, 0x47]];
    let (tag, count, length) = (tags[noise.below(2)], noise.below(5), noise.below(BYTES_MAX));
    let mut payload = [tag, &[0; 4], &u32::try_from(count).unwrap().to_le_bytes(), &noise.bytes(length)].concat();
    payload.truncate(payload.len() - noise.below(2) * noise.below(payload.len()));
    let event = SolanaEvent {
        program: "EtrnLzgbS7nMMy5fbD42kXiUzGg8XQzJ972Xtk1cjWih".to_owned(),
        carrier: Carrier::Cpi,
        position: "0.0".to_owned(),
        parent: noise.below(2).to_string(),
        payload: payload.into(),
    };
    record(ChainId::SOLANA, RawBody::SolanaEvent(event))
}

#[test]
fn lines_of_noise() {
    let venue = perpdex_venues::venue("hyperliquid").unwrap();
    let mut noise = Noise(0xdead_beef_cafe_f00d);
    for round in 0..ROUNDS {
        let stream = if round % 2 == 0 { HyperliquidStream::Fills } else { HyperliquidStream::MiscEvents };
        let length = noise.below(BYTES_MAX);
        let text = String::from_utf8_lossy(&noise.bytes(length)).into_owned();
        let line = RawBody::HyperliquidLine(HyperliquidLine { stream, text });
        let decoded = common::decode(venue, &[record(ChainId::HYPERLIQUID, line)]);
        assert!(decoded.events.is_empty() && !decoded.failures.is_empty());
    }
}

/// Numbers at and beyond the edges of every type that reads them.
#[test]
fn numbers_that_no_amount_is() {
    let venue = perpdex_venues::venue("hyperliquid").unwrap();
    let digits = "9".repeat(90);
    let numbers = ["1e-2147483648", "1.5e-2147483647", "1e2147483647", "1e-77", "1e77", "0.1e-76", "-", "", "NaN", "--1", "1e", &digits];
    for field in ["px", "sz", "startPosition", "closedPnl", "fee", "markPx"] {
        for number in numbers {
            let of = |name: &str, usual: &str| if name == field { number.to_owned() } else { usual.to_owned() };
            let text = format!(
                r#"{{"events":[["0xa",{{"coin":"BTC","px":"{}","sz":"{}","side":"A","time":1,"startPosition":"{}","dir":"Close Long",
                "closedPnl":"{}","hash":"0x0","oid":1,"crossed":true,"fee":"{}","tid":1,"feeToken":"USDC",
                "liquidation":{{"liquidatedUser":"0xA","markPx":"{}","method":"market"}}}}]]}}"#,
                of("px", "1"),
                of("sz", "1"),
                of("startPosition", "1"),
                of("closedPnl", "1"),
                of("fee", "1"),
                of("markPx", "1")
            )
            .replace('\n', "");
            let line = RawBody::HyperliquidLine(HyperliquidLine { stream: HyperliquidStream::Fills, text });
            let decoded = common::decode(venue, &[record(ChainId::HYPERLIQUID, line)]);
            assert_eq!(decoded.events.len() + decoded.failures.len(), 1, "{field} {number:?}: {:?}", decoded.failures);
        }
    }
}

fn record(chain: ChainId, body: RawBody) -> RawRecord {
    RawRecord { chain, height: 1, rec: 0, ord: 0, tx_id: "1".into(), tx_index: None, time_ms: 1_700_000_000_000, body }
}
