//! Streams of Phoenix Eternal that lost an event, or name a trader twice, written byte for byte after the layout.

mod common;

use perpdex_core::{Carrier, ChainId, Decoded, EventBody, Fill, RawBody, RawRecord, SolanaEvent, Text};

const SOL: u32 = 0;
const BTC: u32 = 1;

#[test]
fn what_follows_a_lost_header_has_no_market() {
    let mut lost = header("BTC", BTC);
    lost.pop();
    let decoded = decode(&[header("SOL", SOL), lost, maker(2, 0, 40, 40), taker(3, 1, 40, -40)]);
    assert_eq!(fills(&decoded).len(), 0, "a trade of BTC must not become one of SOL");
    assert_eq!(
        errors(&decoded),
        [
            "Header: the bytes end in field signer and trader_account",
            "TradeSummary: no Header before it in its stream",
            "fill of maker 8qbHbw2BbbTHBW1sbeqakYXVKRQM8Ne7pLK7m6CVfeR: no TradeSummary follows it",
        ]
    );
}

#[test]
fn a_header_with_other_units_hides_its_market() {
    let mut other = header("BTC", BTC);
    other[42] = 9;
    let named = pnl(2, "BTC", BTC, 0, 0);
    let decoded = decode(&[other, named, maker(2, 0, 40, 40), taker(3, 1, 40, -40)]);
    assert_eq!(fills(&decoded).len(), 0, "quote lots of nine decimals must not be read as USDC");
}

#[test]
fn makers_do_not_pass_into_the_next_market() {
    let decoded = decode(&[header("SOL", SOL), maker(2, 0, 40, 40), header("BTC", BTC), maker(2, 0, 7, 7), taker(3, 1, 7, -7)]);
    let fills: Vec<_> = fills(&decoded).iter().map(|(market, fill)| (market.clone(), fill.is_taker, fill.qty.native.as_i64())).collect();
    assert_eq!(fills, [("1:BTC".into(), false, 7), ("1:BTC".into(), true, 7)]);
    assert_eq!(errors(&decoded), ["fill of maker 8qbHbw2BbbTHBW1sbeqakYXVKRQM8Ne7pLK7m6CVfeR: no TradeSummary follows it"]);
}

#[test]
fn a_maker_of_nothing_does_not_take_the_trade_with_it() {
    let decoded = decode(&[header("SOL", SOL), maker(2, 0, 0, 0), maker(2, 0, 40, 40), taker(3, 1, 40, -40)]);
    assert_eq!(errors(&decoded), [""; 0]);
    assert_eq!(fills(&decoded).len(), 2);
}

#[test]
fn one_of_the_two_is_in_profit() {
    for (in_profit, n_fills) in [(2, 2), (3, 2), (4, 0)] {
        let decoded = decode(&[header("SOL", SOL), close_matched(2, 3, in_profit)]);
        let fills = fills(&decoded);
        assert_eq!(fills.len(), n_fills, "in profit: {in_profit}");
        assert_eq!(fills.iter().filter(|(_, fill)| fill.is_taker).count(), n_fills / 2, "size counts once");
        assert_eq!(errors(&decoded).len(), usize::from(n_fills == 0));
    }
    assert_eq!(fills(&decode(&[header("SOL", SOL), close_matched(2, 2, 2)])).len(), 0);
}

/// The order of `PnL` events need not be that of the fills: the position that the fill tells decides.
#[test]
fn equal_changes_of_one_trader_are_told_apart_by_where_they_end() {
    let stream = [
        header("SOL", SOL),
        maker(2, 0, 5, 5),
        maker(2, 0, 5, 10),
        taker(3, 1, 10, -10),
        pnl(2, "SOL", SOL, 5, 10),
        pnl(2, "SOL", SOL, 0, 5),
        pnl(3, "SOL", SOL, 0, -10),
    ];
    let decoded = decode(&stream);
    assert_eq!(errors(&decoded), [""; 0]);
    let after: Vec<_> = fills(&decoded).iter().map(|(_, fill)| fill.after.unwrap().qty.unwrap().native.as_i64()).collect();
    assert_eq!(after, [5, 10, -10]);
}

#[test]
fn a_liquidation_is_that_of_its_trader_and_market() {
    let stream =
        [header("BTC", BTC), taker(4, 1, 40, -40), header("SOL", SOL), taker(3, 1, 40, -40), taker(4, 1, 40, 0), liquidation(4, SOL, 40)];
    let decoded = decode(&stream);
    assert_eq!(errors(&decoded), [""; 0]);
    let liquidated: Vec<_> = fills(&decoded).iter().map(|(_, fill)| fill.liquidation.is_some()).collect();
    assert_eq!(liquidated, [false, false, true]);
}

fn liquidation(trader: u8, id: u32, lots: u64) -> Vec<u8> {
    let lots = lots.to_le_bytes();
    [&[32][..], &key(9), &key(trader), &id.to_le_bytes(), &lots, &6500_u64.to_le_bytes(), &lots, &[0; 8], &[1]].concat()
}

fn key(n: u8) -> Vec<u8> {
    vec![n; 32]
}

fn symbol(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(16, 0);
    bytes
}

fn header(text: &str, id: u32) -> Vec<u8> {
    let (tick_size, base_lot_decimals, quote_lot_decimals) = (100_u32, 2_u8, 6_u8);
    let units = [base_lot_decimals, quote_lot_decimals];
    [&[1][..], &[0; 16], &symbol(text), &id.to_le_bytes(), &tick_size.to_le_bytes(), &units, &key(9), &key(9)].concat()
}

/// A `SplineFilled`; side 0 buys.
fn maker(trader: u8, side: u8, lots: u64, after: i64) -> Vec<u8> {
    let (lots, quote) = (lots.to_le_bytes(), (lots * 650_000).to_le_bytes());
    [&[5][..], &[1; 8], &[side], &[0; 8], &lots, &quote, &key(trader), &[0; 4], &after.to_le_bytes(), &[0; 24]].concat()
}

fn taker(trader: u8, side: u8, lots: u64, after: i64) -> Vec<u8> {
    let (lots, quote) = (lots.to_le_bytes(), (lots * 650_000).to_le_bytes());
    [&[6][..], &key(trader), &[1; 8], &[0; 8], &[side], &lots, &quote, &[0; 8], &after.to_le_bytes(), &[0; 24]].concat()
}

fn pnl(trader: u8, text: &str, id: u32, before: i64, after: i64) -> Vec<u8> {
    let lots = [before.to_le_bytes(), after.to_le_bytes()].concat();
    [&[37][..], &key(trader), &id.to_le_bytes(), &symbol(text), &[0; 16], &lots, &[0; 16]].concat()
}

fn close_matched(short: u8, long: u8, in_profit: u8) -> Vec<u8> {
    let values = [40_i64, 0, 40 * 650_000, 0, 0].map(i64::to_le_bytes).concat();
    [&[33][..], &key(9), &key(short), &key(long), &key(in_profit), &u64::from(SOL).to_le_bytes(), &values].concat()
}

/// The stream behind its `SlotContext`, with its lengths.
fn decode(events: &[Vec<u8>]) -> Decoded {
    let slot_context = [&[0][..], &1_790_000_000_u64.to_le_bytes(), &440_000_000_u64.to_le_bytes()].concat();
    let events: Vec<&[u8]> = std::iter::once(&slot_context[..]).chain(events.iter().map(Vec::as_slice)).collect();
    let count = u32::try_from(events.len()).unwrap().to_le_bytes();
    let lengths: Vec<u8> = events.iter().flat_map(|event| u16::try_from(event.len()).unwrap().to_le_bytes()).collect();
    let lengths = [&[0xf7, 0x07, 0x86, 0xcb, 0xb5, 0x47, 0x99, 0x47][..], &[0; 4], &count, &lengths].concat();
    let log = [&[0x8d, 0xe6, 0xd6, 0xf2, 0x09, 0xd1, 0xcf, 0xaa][..], &[0; 4], &count, &events.concat()].concat();
    let record = |at: i64, payload: Vec<u8>| RawRecord {
        chain: ChainId::SOLANA,
        height: 440_000_000,
        rec: at,
        ord: at,
        tx_id: "signature".into(),
        tx_index: None,
        time_ms: 1_790_000_000_000,
        body: RawBody::SolanaEvent(SolanaEvent {
            program: "EtrnLzgbS7nMMy5fbD42kXiUzGg8XQzJ972Xtk1cjWih".to_owned(),
            carrier: Carrier::Cpi,
            position: format!("0.{at}"),
            parent: "0".to_owned(),
            payload: payload.into(),
        }),
    };
    common::decode(perpdex_venues::venue("phoenix_eternal").unwrap(), &[record(0, lengths), record(1, log)])
}

fn fills(decoded: &Decoded) -> Vec<(Text, &Fill)> {
    let mut fills = Vec::new();
    for event in &decoded.events {
        if let EventBody::Fill(fill) = &event.body {
            fills.push((event.market.clone().unwrap_or_default(), &**fill));
        }
    }
    fills
}

fn errors(decoded: &Decoded) -> Vec<&str> {
    decoded.failures.iter().map(|failure| failure.error.as_str()).collect()
}
