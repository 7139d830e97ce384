//! A small history of two venues on one chain: every kind of event, from a seed.

use std::sync::atomic::{AtomicI64, Ordering};

use alloy_primitives::{B256, I256, U256};
use perpdex_core::{
    Action, Amount, Basis, BlockConflict, BlockRange, BlockRef, ChainId, Close, ClosePnl, CloseReason, CloseSize, CollateralFlow, Commit,
    Decimal, Event, EventBody, EventKey, Evidence, EvmLog, Fill, FlowDirection, FlowScope, Forced, FundingIndex, FundingKind,
    FundingPayment, FundingRate, IndexBasis, Link, Liquidation, LiquidationKind, MarketListed, OiAnchor, OiBasis, Period, PositionSide,
    Price, PriceKind, RawBody, RawRecord, Side, Size, StreamId, Target, TokenAmount, TokenPrice, Unit, VenueSlug,
};

pub(crate) const CHAIN: ChainId = ChainId::ARBITRUM;
pub(crate) const GMX: VenueSlug = VenueSlug::known("gmx_v2");
pub(crate) const ASTER: VenueSlug = VenueSlug::known("aster_1001x");
/// Time of block 0; the start of an hour.
const START_MS: i64 = 1_728_000_000_000;
/// Seven minutes a block: a few blocks an hour. A test binary may choose another pace before it begins.
static BLOCK_MS: AtomicI64 = AtomicI64::new(420_000);

/// Chooses the time between blocks for the whole process.
pub(crate) fn set_block_ms(block_ms: i64) {
    BLOCK_MS.store(block_ms, Ordering::Relaxed);
}

/// One block with its records and events.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) block: BlockRef,
    pub(crate) records: Vec<(StreamId, RawRecord)>,
    pub(crate) events: Vec<Event>,
}

pub(crate) fn stream(venue: VenueSlug) -> StreamId {
    StreamId { chain: CHAIN, venue, part: String::new(), version: 1 }
}

pub(crate) fn targets(from: u64) -> Vec<Target> {
    let target =
        |venue| Target { stream: stream(venue), from, to: None, first_height: Some(0), evidence_min: Evidence::Probed, sees_unknown: true };
    vec![target(GMX), target(ASTER)]
}

/// The hash of a block on a branch.
pub(crate) fn hash(height: u64, branch: u8) -> B256 {
    let mut bytes = [branch; 32];
    bytes[..8].copy_from_slice(&height.to_be_bytes());
    B256::from(bytes)
}

pub(crate) fn block(height: u64, branch: u8) -> BlockRef {
    let parent = height.checked_sub(1).map_or(B256::ZERO, |below| hash(below, branch));
    BlockRef { height, link: Some(Link { hash: hash(height, branch), parent }), time_ms: time_ms(height) }
}

pub(crate) fn time_ms(height: u64) -> i64 {
    START_MS + i64::try_from(height).unwrap() * BLOCK_MS.load(Ordering::Relaxed)
}

pub(crate) fn conflict(height: u64) -> BlockConflict {
    BlockConflict { height, stored: hash(height, 0).to_string(), found: hash(height, 1).to_string() }
}

/// A commit of some blocks, which must be the whole of `range`.
pub(crate) fn commit(range: (u64, u64), blocks: &[Block]) -> Commit {
    let range = BlockRange::new(range.0, range.1).unwrap();
    let inside = || blocks.iter().filter(|block| range.contains(block.block.height));
    Commit {
        chain: CHAIN,
        range,
        streams: vec![stream(GMX), stream(ASTER)],
        evidence: Evidence::Probed,
        from_ms: time_ms(range.from()),
        to_ms: time_ms(range.to()),
        blocks: inside().map(|block| block.block).collect(),
        records: inside().flat_map(|block| block.records.clone()).collect(),
        events: inside().flat_map(|block| block.events.clone()).collect(),
        failures: Vec::new(),
        malformed: Vec::new(),
        holes: Vec::new(),
    }
}

/// A sequence of numbers from a seed.
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Numbers {
        Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Blocks 0 to `count - 1`; `branch` marks their hashes and moves their numbers.
pub(crate) fn blocks(seed: u64, count: u64, branch: u8) -> Vec<Block> {
    let mut maker = Maker { numbers: Numbers::new(seed ^ u64::from(branch) << 32), longs: [0; 4], trades: Vec::new(), branch };
    (0..count).map(|height| maker.block(height)).collect()
}

/// Smallest units in one of the numbers that sizes are drawn as.
const LOT: i64 = 1_000;

struct Maker {
    numbers: Numbers,
    /// Size of each account's position.
    longs: [i64; 4],
    /// Open positions of the venue whose closes name them alone.
    trades: Vec<String>,
    branch: u8,
}

impl Maker {
    fn block(&mut self, height: u64) -> Block {
        let mut out = Block { block: block(height, self.branch), records: Vec::new(), events: Vec::new() };
        for rec in 0..self.numbers.below(5) as i64 {
            let (venue, bodies) = self.record(height, rec);
            out.records.push((stream(venue), log(height, rec, self.branch)));
            for (sub, (market, body)) in (0..).zip(bodies) {
                out.events.push(event(height, rec, sub, venue, market, body));
            }
        }
        out
    }

    fn record(&mut self, height: u64, rec: i64) -> (VenueSlug, Vec<(Option<&'static str>, EventBody)>) {
        let amount = 1 + self.numbers.below(900) as i64;
        match self.numbers.below(12) {
            0..=3 => (GMX, vec![(Some("0xbtc"), self.fill(amount))]),
            4 => (GMX, vec![(Some("0xbtc"), payment(amount)), (Some("0xbtc"), index(amount))]),
            5 => (GMX, vec![(Some("0xbtc"), anchor(amount)), (Some("0xbtc"), price(amount))]),
            6 => (GMX, vec![(None, flow(amount)), (None, token_price("0xweth", amount))]),
            7 => (ASTER, vec![(Some("0xbase"), rate(height, amount))]),
            8 | 9 => {
                let key = format!("trade-{height}-{rec}-{}", self.branch);
                self.trades.push(key.clone());
                (ASTER, vec![(Some("0xbase"), open(&key, amount))])
            }
            10 if !self.trades.is_empty() => {
                let at = self.numbers.below(self.trades.len() as u64) as usize;
                let key = self.trades.swap_remove(at);
                (ASTER, vec![(None, close(&key, amount))])
            }
            _ => (GMX, vec![(Some("0xnew"), price(amount))]),
        }
    }

    fn fill(&mut self, amount: i64) -> EventBody {
        let at = self.numbers.below(4) as usize;
        let before = self.longs[at];
        let closes = before > 0 && self.numbers.below(2) == 0;
        let after = if closes { 0 } else { before + amount };
        self.longs[at] = after;
        let size = |qty: i64| Size { qty: Some(Amount::market_qty(wide(qty * LOT))), entry_usd: Some(Amount::decimals(wide(qty * 3), 4)) };
        let is_liquidated = closes && amount % 3 == 0;
        let liquidation = is_liquidated.then(|| Liquidation {
            kind: LiquidationKind::Pool,
            side: PositionSide::Long,
            liquidator: Some("0xkeeper".into()),
            mark_price: Some(Amount { native: wide(61_000), unit: Unit::Decimals(0) }),
            fee: None,
            is_partial: Some(false),
        });
        EventBody::Fill(Box::new(Fill {
            account: format!("0xaccount{at}").into(),
            position_key: format!("0xposition{at}").into(),
            position_side: Some(PositionSide::Long),
            collateral_token: Some("0xusdc".into()),
            trade_key: format!("0xposition{at}").into(),
            order_key: Some(format!("order-{amount}").into()),
            is_taker: true,
            is_directional: true,
            in_volume: true,
            forced: if is_liquidated { Forced::Liq } else { Forced::None },
            side: if closes { Side::Sell } else { Side::Buy },
            action: match (is_liquidated, closes, before) {
                (true, ..) => Action::Liquidation,
                (_, true, _) => Action::Close,
                (_, _, 0) => Action::Open,
                _ => Action::Increase,
            },
            qty: Amount::market_qty(wide((after - before).abs() * LOT)),
            price: Amount::decimals(wide(60_000 + amount), 0),
            venue_notional_usd: None,
            before: Some(size(before)),
            after: Some(size(after)),
            fee: Some(TokenAmount { native: wide(amount * 7), token: if amount % 5 == 0 { "0xother" } else { "0xusdc" }.into() }),
            fee_token_price_usd: None,
            realized_pnl_usd: Some(Decimal::from(amount - 300)),
            liquidation,
        }))
    }
}

pub(crate) fn wide(value: i64) -> I256 {
    I256::try_from(value).unwrap()
}

pub(crate) fn log(height: u64, rec: i64, branch: u8) -> RawRecord {
    RawRecord {
        chain: CHAIN,
        height,
        rec,
        ord: rec,
        tx_id: format!("0x{height:x}-{rec}").into(),
        tx_index: Some(u32::try_from(rec).unwrap()),
        time_ms: time_ms(height),
        body: RawBody::EvmLog(EvmLog {
            address: "0x1111111111111111111111111111111111111111".parse().unwrap(),
            topics: vec![B256::from(U256::from(height)); (rec % 5) as usize],
            data: vec![branch, 0, 255, rec as u8].into(),
            block_hash: hash(height, branch),
        }),
    }
}

pub(crate) fn event(height: u64, rec: i64, sub: u32, venue: VenueSlug, market: Option<&str>, body: EventBody) -> Event {
    Event {
        key: EventKey { height, rec, sub },
        ord: rec,
        chain: CHAIN,
        venue,
        market: market.map(str::to_owned).map(Into::into),
        time_ms: time_ms(height),
        tx_id: format!("0x{height:x}-{rec}").into(),
        body,
    }
}

pub(crate) fn payment(amount: i64) -> EventBody {
    EventBody::FundingPayment(FundingPayment {
        account: "0xaccount0".into(),
        position_key: "0xposition0".into(),
        side: Some(PositionSide::Long),
        kind: if amount % 2 == 0 { FundingKind::Funding } else { FundingKind::Borrow },
        amount: TokenAmount { native: wide(-amount), token: "0xusdc".into() },
        token_price_usd: None,
        size: Some(Amount::market_qty(wide(amount))),
        interval_end_ms: None,
    })
}

pub(crate) fn index(amount: i64) -> EventBody {
    EventBody::FundingIndex(FundingIndex {
        kind: FundingKind::Funding,
        side: None,
        value: Decimal::new(wide(amount), 9),
        basis: if amount % 2 == 0 { IndexBasis::Fraction } else { IndexBasis::QuotePerUnit { price: Decimal::from(60_000) } },
        is_reset: amount % 7 == 0,
    })
}

pub(crate) fn anchor(amount: i64) -> EventBody {
    EventBody::OiAnchor(OiAnchor {
        collateral_token: Some("0xusdc".into()),
        long: Some(Amount::market_qty(wide(amount))),
        short: (amount % 2 == 0).then(|| Amount::market_qty(wide(amount * 2))),
        long_entry_usd: Some(Amount::decimals(wide(amount), 2)),
        short_entry_usd: None,
    })
}

pub(crate) fn price(amount: i64) -> EventBody {
    EventBody::Price(Price { kind: PriceKind::Oracle, price: Amount::decimals(wide(60_000_000 + amount), 3) })
}

pub(crate) fn rate(height: u64, amount: i64) -> EventBody {
    let end_ms = time_ms(height);
    EventBody::FundingRate(FundingRate {
        kind: FundingKind::Funding,
        period: if amount % 2 == 0 { Period::SincePrevious { end_ms } } else { Period::Exact { start_ms: end_ms - 3_600_000, end_ms } },
        cost_long_1h: Some(Decimal::new(wide(amount), 8)),
        cost_short_1h: Some(Decimal::new(wide(-amount), 8)),
    })
}

pub(crate) fn flow(amount: i64) -> EventBody {
    match amount % 3 {
        0 => flow_of("0xnamed-nowhere", wide(amount) * wide(10_i64.pow(18))),
        1 => flow_of("0xusdc", wide(-amount)),
        _ => flow_of("0xusdc", wide(amount * 1_000)),
    }
}

/// A deposit, or a withdrawal where the amount is below zero.
pub(crate) fn flow_of(token: &str, amount: I256) -> EventBody {
    EventBody::CollateralFlow(CollateralFlow {
        account: "0xaccount1".into(),
        scope: FlowScope::Margin,
        direction: if amount.is_negative() { FlowDirection::Out } else { FlowDirection::In },
        amount: TokenAmount { native: amount.abs(), token: token.into() },
        fee_native: None,
    })
}

pub(crate) fn token_price(token: &str, amount: i64) -> EventBody {
    EventBody::TokenPrice(TokenPrice { token: token.into(), price_usd: Decimal::new(wide(amount), 2), per_smallest_unit: false })
}

pub(crate) fn open(position: &str, amount: i64) -> EventBody {
    EventBody::Fill(Box::new(Fill {
        account: "0xtrader".into(),
        position_key: position.into(),
        position_side: Some(if amount % 2 == 0 { PositionSide::Long } else { PositionSide::Short }),
        collateral_token: Some("0xusdc".into()),
        trade_key: position.into(),
        order_key: Some(position.into()),
        is_taker: true,
        is_directional: true,
        in_volume: true,
        forced: Forced::None,
        side: if amount % 2 == 0 { Side::Buy } else { Side::Sell },
        action: Action::Open,
        qty: Amount::decimals(wide(amount), 4),
        price: Amount::decimals(wide(3_000 + amount), 0),
        venue_notional_usd: None,
        before: Some(Size { qty: Some(Amount::decimals(I256::ZERO, 4)), entry_usd: Some(Amount::decimals(I256::ZERO, 4)) }),
        after: Some(Size {
            qty: Some(Amount::decimals(wide(if amount % 2 == 0 { amount } else { -amount }), 4)),
            entry_usd: Some(Amount::decimals(wide(amount * (3_000 + amount)), 4)),
        }),
        fee: None,
        fee_token_price_usd: None,
        realized_pnl_usd: None,
        liquidation: None,
    }))
}

pub(crate) fn close(position: &str, amount: i64) -> EventBody {
    EventBody::Close(Box::new(Close {
        account: Some("0xtrader".into()),
        position_key: position.into(),
        side: None,
        size: CloseSize::Whole,
        trade_key: position.into(),
        order_key: Some(position.into()),
        reason: if amount % 4 == 0 { CloseReason::Liquidation } else { CloseReason::Trader },
        price: Amount::decimals(wide(3_100), 0),
        venue_notional_usd: None,
        token: None,
        token_price_usd: None,
        fee_native: wide(amount),
        funding_native: wide(-amount),
        borrow_native: wide(amount * 2),
        pnl: ClosePnl::Native(wide(amount * 100)),
        liquidator: None,
        liquidation_fee: None,
    }))
}

pub(crate) fn listed(symbol: Option<&str>, qty_decimals: Option<u8>, is_creation: bool) -> EventBody {
    EventBody::MarketListed(MarketListed {
        symbol: symbol.map(str::to_owned),
        index_token: None,
        native_qty_decimals: qty_decimals,
        quote: "USD".to_owned(),
        collateral_tokens: vec!["0xusdc".into()],
        oi_basis: OiBasis::Qty,
        volume_basis: Basis::Exec,
        is_creation,
    })
}

/// A commit of those of some single events that are in the range, each with a record of its own.
pub(crate) fn told(range: (u64, u64), events: &[Event]) -> Commit {
    let mut out = commit(range, &[]);
    for event in events.iter().filter(|event| out.range.contains(event.key.height)) {
        let (height, rec) = (event.key.height, event.key.rec);
        out.blocks.push(block(height, 0));
        out.records.push((stream(event.venue), log(height, rec, 0)));
    }
    out.blocks.dedup();
    out.events = events.iter().filter(|event| out.range.contains(event.key.height)).cloned().collect();
    out
}
