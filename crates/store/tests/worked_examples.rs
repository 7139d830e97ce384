//! The examples of `docs/worked-examples.md`, fed through the store: what is made by hand there is what the views say.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use perpdex_core::{
    Action, Amount, Basis, BlockRange, BlockRef, ChainId, Commit, Decimal, Event, EventBody, EventKey, Evidence, Fill, Forced, FundingKind,
    FundingRate, Liquidation, LiquidationKind, MarketListed, OiBasis, Period, PositionSide, Price, PriceKind, RawBody, RawRecord, Side,
    Size, Store, StreamId, Target, VenueSlug,
};
use perpdex_store::{SqlStore, Value};
use support::Database;

on_both_engines! {
    every_example_holds,
}

/// 2026-03-02T00:00:00Z, the first moment of every example.
const START_MS: i64 = 1_772_409_600_000;
/// A block a minute, two days.
const BLOCK_MS: i64 = 60_000;
const BLOCKS: u64 = 2 * 24 * 60;

/// One section of the page: its heading and the blocks that the test reads.
struct Example {
    heading: String,
    events: Vec<Line>,
    sql: String,
    rows: Vec<String>,
}

/// One line of a block `events`.
#[derive(Clone)]
struct Line {
    time_ms: i64,
    venue: String,
    market: String,
    kind: String,
    account: String,
    from: Decimal,
    to: Decimal,
    price: Decimal,
}

fn examples() -> Vec<Example> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/worked-examples.md");
    let page = std::fs::read_to_string(path).unwrap();
    let sections = page.split("\n## ").skip(1);
    sections
        .map(|section| {
            let block = |name: &str| {
                let opening = format!("```{name}\n");
                let rest = section.split_once(&opening).unwrap_or_else(|| panic!("a section has no block {name}:\n{section}")).1;
                rest.split_once("\n```").unwrap().0.to_owned()
            };
            Example {
                heading: section.lines().next().unwrap().to_owned(),
                events: block("events").lines().skip(1).map(line).collect(),
                sql: block("sql"),
                rows: block("rows").lines().map(str::to_owned).collect(),
            }
        })
        .collect()
}

fn line(text: &str) -> Line {
    let cells: Vec<&str> = text.split(',').collect();
    let [time, venue, market, kind, account, from, to, price] = cells[..] else { panic!("{text}") };
    let number = |cell: &str| if cell.is_empty() { Decimal::ZERO } else { Decimal::parse(cell).unwrap() };
    Line {
        time_ms: time_ms(time),
        venue: venue.to_owned(),
        market: market.to_owned(),
        kind: kind.to_owned(),
        account: account.to_owned(),
        from: number(from),
        to: number(to),
        price: number(price),
    }
}

/// A moment of the two days.
fn time_ms(text: &str) -> i64 {
    let (date, clock) = text.strip_suffix('Z').unwrap().split_once('T').unwrap();
    let day = ["2026-03-02", "2026-03-03"].iter().position(|day| *day == date).unwrap_or_else(|| panic!("{text}: not one of the two days"));
    let clock: Vec<i64> = clock.split(':').map(|part| part.parse().unwrap()).collect();
    START_MS + day as i64 * 86_400_000 + (clock[0] * 3_600 + clock[1] * 60 + clock[2]) * 1_000
}

fn place(venue: &str) -> (ChainId, VenueSlug) {
    match venue {
        "hyperliquid" => (ChainId::HYPERLIQUID, VenueSlug::known("hyperliquid")),
        "phoenix_eternal" => (ChainId::SOLANA, VenueSlug::known("phoenix_eternal")),
        "gmx_v2" => (ChainId::ARBITRUM, VenueSlug::known("gmx_v2")),
        other => panic!("{other}: no venue of the examples"),
    }
}

fn stream(venue: &str) -> StreamId {
    let (chain, venue) = place(venue);
    StreamId { chain, venue, part: String::new(), version: 1 }
}

fn block(height: u64) -> BlockRef {
    BlockRef { height, link: None, time_ms: START_MS + i64::try_from(height).unwrap() * BLOCK_MS }
}

fn amount(number: Decimal) -> Amount {
    Amount::decimals(number.value, number.scale)
}

/// The fact of a line. Every position was opened at the price of its first line: entry costs are quantity times that.
fn body(line: &Line, entry: &BTreeMap<(String, String), Decimal>) -> EventBody {
    match line.kind.as_str() {
        "mark" => EventBody::Price(Price { kind: PriceKind::Mark, price: amount(line.price) }),
        "rate" => EventBody::FundingRate(FundingRate {
            kind: FundingKind::Funding,
            period: Period::Exact { start_ms: line.time_ms - 3_600_000, end_ms: line.time_ms },
            cost_long_1h: Some(line.price),
            cost_short_1h: Some(line.price.neg()),
        }),
        _ => EventBody::Fill(Box::new(fill(line, entry[&(line.venue.clone(), line.account.clone())]))),
    }
}

fn fill(line: &Line, entry_price: Decimal) -> Fill {
    let change = line.to.add(&line.from.neg()).unwrap();
    let size = |qty: Decimal| Size { qty: Some(amount(qty)), entry_usd: Some(amount(qty.abs().mul(&entry_price).unwrap())) };
    let forced_kind = match line.kind.as_str() {
        "liquidated" => Some(LiquidationKind::Market),
        "adl" => Some(LiquidationKind::Adl),
        "taker" | "maker" => None,
        other => panic!("{other}: no kind of line"),
    };
    let held = if line.from.is_negative() { PositionSide::Short } else { PositionSide::Long };
    Fill {
        account: line.account.clone().into(),
        position_key: format!("{}/{}", line.account, line.market).into(),
        position_side: None,
        collateral_token: None,
        trade_key: format!("{}/{}", line.market, line.time_ms).into(),
        order_key: forced_kind.map(|_| format!("{}/{}", line.account, line.kind)).map(Into::into),
        is_taker: line.kind != "maker",
        is_directional: line.kind != "adl",
        in_volume: true,
        forced: match forced_kind {
            Some(LiquidationKind::Adl) => Forced::Adl,
            Some(_) => Forced::Liq,
            None => Forced::None,
        },
        side: if change.is_negative() { Side::Sell } else { Side::Buy },
        action: match forced_kind {
            Some(LiquidationKind::Adl) => Action::Adl,
            Some(_) => Action::Liquidation,
            None if line.from.is_zero() => Action::Open,
            None if line.to.is_zero() => Action::Close,
            None if line.to.abs().add(&line.from.abs().neg()).unwrap().is_negative() => Action::Decrease,
            None => Action::Increase,
        },
        qty: amount(change.abs()),
        price: amount(line.price),
        venue_notional_usd: None,
        before: Some(size(line.from)),
        after: Some(size(line.to)),
        fee: None,
        fee_token_price_usd: None,
        realized_pnl_usd: None,
        liquidation: forced_kind.map(|kind| Liquidation {
            kind,
            side: held,
            liquidator: None,
            mark_price: None,
            fee: None,
            is_partial: Some(!line.to.is_zero()),
        }),
    }
}

fn listing(symbol: &str) -> EventBody {
    EventBody::MarketListed(MarketListed {
        symbol: Some(symbol.to_owned()),
        index_token: None,
        native_qty_decimals: None,
        quote: "USD".to_owned(),
        collateral_tokens: Vec::new(),
        oi_basis: OiBasis::Qty,
        volume_basis: Basis::Exec,
        is_creation: true,
    })
}

/// Everything of one venue in one commit that covers the two days: its market is listed, then the lines in order.
fn commit(venue: &str, lines: &[Line]) -> Commit {
    let (chain, slug) = place(venue);
    let mut entry = BTreeMap::new();
    lines.iter().for_each(|line| {
        entry.entry((line.venue.clone(), line.account.clone())).or_insert(line.price);
    });
    let own: Vec<&Line> = lines.iter().filter(|line| line.venue == venue).collect();
    let first = own.first().unwrap();
    let bodies = [(START_MS, listing(&first.market))].into_iter().chain(own.iter().map(|line| (line.time_ms, body(line, &entry))));
    let (mut records, mut events) = (Vec::new(), Vec::new());
    for (rec, (time_ms, body)) in (0..).zip(bodies) {
        let height = u64::try_from((time_ms - START_MS) / BLOCK_MS).unwrap();
        let tx_id = format!("{venue}-{rec}");
        let answer = RawBody::ApiAnswer { source: "worked example".to_owned(), body: tx_id.clone() };
        records.push((
            stream(venue),
            RawRecord { chain, height, rec, ord: rec, tx_id: tx_id.clone().into(), tx_index: None, time_ms, body: answer },
        ));
        let key = EventKey { height, rec, sub: 0 };
        events.push(Event {
            key,
            ord: rec,
            chain,
            venue: slug,
            market: Some(first.market.clone().into()),
            time_ms,
            tx_id: tx_id.into(),
            body,
        });
    }
    let mut heights: Vec<u64> = events.iter().map(|event| event.key.height).chain([0, BLOCKS]).collect();
    heights.sort_unstable();
    heights.dedup();
    Commit {
        chain,
        range: BlockRange::new(0, BLOCKS).unwrap(),
        streams: vec![stream(venue)],
        evidence: Evidence::Probed,
        from_ms: START_MS,
        to_ms: START_MS + i64::try_from(BLOCKS).unwrap() * BLOCK_MS,
        blocks: heights.into_iter().map(block).collect(),
        records,
        events,
        failures: Vec::new(),
        malformed: Vec::new(),
        holes: Vec::new(),
    }
}

async fn every_example_holds(database: Database) {
    let examples = examples();
    assert_eq!(examples.len(), 6, "the page has six examples");
    for example in examples {
        let database = Database::new(database.engine, "every_example_holds").await.unwrap();
        let store = database.open().await;
        feed(&store, &example.events).await;
        let table = store.query(&example.sql, 100).await.unwrap_or_else(|error| panic!("{}: {error}", example.heading));
        let got: Vec<String> = table.rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(" | ")).collect();
        assert_eq!(got, example.rows, "{} on {:?}", example.heading, database.engine);
        store.close().await;
    }
}

async fn feed(store: &SqlStore, lines: &[Line]) {
    let mut venues: Vec<&str> = lines.iter().map(|line| line.venue.as_str()).collect();
    venues.sort_unstable();
    venues.dedup();
    for venue in venues {
        let (chain, _) = place(venue);
        let (evidence_min, first_height) = (Evidence::Probed, Some(0));
        let target = Target { stream: stream(venue), from: 0, to: Some(BLOCKS), first_height, evidence_min, sees_unknown: true };
        store.set_targets(&[target]).await.unwrap();
        store.commit(commit(venue, lines)).await.unwrap();
        store.set_heads(chain, BLOCKS, BLOCKS).await.unwrap();
    }
    store.reduce().await.unwrap();
}

/// Doubles to six digits, as the page shows them.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) if *value == 0.0 => "0".to_owned(),
        Value::Float(value) => {
            let digits = 5 - value.abs().log10().floor() as i32;
            let power = 10_f64.powi(digits);
            format!("{}", (value * power).round() / power)
        }
        Value::Text(text) => text.clone(),
        Value::Bytes(bytes) => format!("{bytes:?}"),
    }
}
