//! A pool whose closes name their position and nothing else: what each of its rows must say is kept apart.

use std::collections::BTreeMap;

use perpdex_core::{
    Action, Amount, Basis, ChainId, Close, ClosePnl, CloseReason, CloseSize, Commit, Event, EventBody, Evidence, Fill, Forced,
    MarketListed, OiBasis, PositionSide, Price, PriceKind, Side, Size, StreamId, Target, VenueSlug,
};

use super::book;
use super::history::{Block, Numbers, block, event, log, wide};

pub(crate) const POOL: VenueSlug = VenueSlug::known("aster_1001x");
pub(crate) const CHAIN: ChainId = ChainId::BNB;
const MARKET: &str = "0xbase";
/// Names of positions: each is used again once its position is closed.
const NAMES: u64 = 9;

/// A pool: what it makes of each block, and what its rows must say.
pub(crate) struct Pool {
    numbers: Numbers,
    open: BTreeMap<u64, Held>,
    pub(crate) rows: BTreeMap<(u64, i64), Told>,
}

/// A position. Sizes are thousandths.
struct Held {
    side: PositionSide,
    size: i64,
}

/// What the row of a record must say, in thousandths, signed as the position is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) position_key: String,
    /// Size before and after it; `None` where the venue does not tell and no close asks.
    pub(crate) stood: Option<(i64, i64)>,
    /// What it changed.
    pub(crate) change: i64,
    pub(crate) is_liquidation: bool,
}

impl Pool {
    pub(crate) fn new(seed: u64) -> Pool {
        Pool { numbers: Numbers::new(seed), open: BTreeMap::new(), rows: BTreeMap::new() }
    }

    /// Blocks 0 to `count - 1`.
    pub(crate) fn blocks(&mut self, count: u64) -> Vec<Block> {
        (0..count).map(|height| self.block(height)).collect()
    }

    fn block(&mut self, height: u64) -> Block {
        let price = 60_000 + i64::try_from(self.numbers.below(2_000)).unwrap();
        let mut bodies = Vec::new();
        if height == 0 {
            bodies.push((Some(MARKET), listed()));
        }
        bodies.push((Some(MARKET), EventBody::Price(Price { kind: PriceKind::Mark, price: Amount::decimals(wide(price), 0) })));
        for _ in 0..self.numbers.below(4) {
            let rec = i64::try_from(bodies.len()).unwrap();
            let (market, body, told) = self.change(price);
            self.rows.insert((height, rec), told);
            bodies.push((market, body));
        }
        let mut out = Block { block: block(height, 0), records: Vec::new(), events: Vec::new() };
        for (rec, (market, body)) in (0..).zip(bodies) {
            let mut record = log(height, rec, 0);
            record.chain = CHAIN;
            out.records.push((stream(), record));
            out.events.push(Event { chain: CHAIN, ..event(height, rec, 0, POOL, market, body) });
        }
        out
    }

    /// One of: a new position, more of one, a part of one closed, all of one closed.
    fn change(&mut self, price: i64) -> (Option<&'static str>, EventBody, Told) {
        let name = self.numbers.below(NAMES);
        let amount = 1 + i64::try_from(self.numbers.below(4_000)).unwrap();
        let (way, is_told) = (self.numbers.below(5), self.numbers.below(2) == 0);
        let Some(Held { side, size }) = self.open.remove(&name) else {
            let side = if self.numbers.below(2) == 0 { PositionSide::Long } else { PositionSide::Short };
            return self.grow((name, side), 0, amount, price, is_told);
        };
        match way {
            0 | 1 => self.grow((name, side), size, amount, price, is_told),
            2 | 3 if size > 1 => {
                let part = 1 + i64::try_from(self.numbers.below(size.unsigned_abs() - 1)).unwrap();
                let size_told = if is_told {
                    CloseSize::Qty { qty: Amount::decimals(wide(part), 3), is_whole: false }
                } else {
                    CloseSize::Share { part: wide(part * 7), of: wide(size * 7) }
                };
                self.open.insert(name, Held { side, size: size - part });
                self.close((name, side), (size, size - part), size_told, price)
            }
            _ if is_told => {
                self.close((name, side), (size, 0), CloseSize::Qty { qty: Amount::decimals(wide(size), 3), is_whole: true }, price)
            }
            _ => self.close((name, side), (size, 0), CloseSize::Whole, price),
        }
    }

    fn grow(
        &mut self,
        (name, side): (u64, PositionSide),
        before: i64,
        amount: i64,
        price: i64,
        is_told: bool,
    ) -> (Option<&'static str>, EventBody, Told) {
        let after = before + amount;
        self.open.insert(name, Held { side, size: after });
        let size = |size: i64| is_told.then(|| Size { qty: Some(Amount::decimals(wide(signed(side, size)), 3)), entry_usd: None });
        let body = EventBody::Fill(Box::new(Fill {
            account: format!("trader{}", name % 4).into(),
            position_key: key(name).into(),
            position_side: Some(side),
            collateral_token: None,
            trade_key: key(name).into(),
            order_key: None,
            is_taker: true,
            is_directional: true,
            in_volume: true,
            forced: Forced::None,
            side: if side == PositionSide::Long { Side::Buy } else { Side::Sell },
            action: if before == 0 { Action::Open } else { Action::Increase },
            qty: Amount::decimals(wide(amount), 3),
            price: Amount::decimals(wide(price), 0),
            venue_notional_usd: None,
            before: size(before),
            after: size(after),
            fee: None,
            fee_token_price_usd: None,
            realized_pnl_usd: None,
            liquidation: None,
        }));
        let stood = is_told.then(|| (signed(side, before), signed(side, after)));
        (Some(MARKET), body, Told { position_key: key(name), stood, change: signed(side, amount), is_liquidation: false })
    }

    fn close(
        &mut self,
        (name, side): (u64, PositionSide),
        (before, after): (i64, i64),
        size: CloseSize,
        price: i64,
    ) -> (Option<&'static str>, EventBody, Told) {
        let is_liquidation = self.numbers.below(2) == 0;
        let body = EventBody::Close(Box::new(Close {
            account: None,
            position_key: key(name).into(),
            side: None,
            size,
            trade_key: key(name).into(),
            order_key: None,
            reason: if is_liquidation { CloseReason::Liquidation } else { CloseReason::Trader },
            price: Amount::decimals(wide(price), 0),
            venue_notional_usd: None,
            token: None,
            token_price_usd: None,
            fee_native: wide(0),
            funding_native: wide(0),
            borrow_native: wide(0),
            pnl: ClosePnl::Untold,
            liquidator: None,
            liquidation_fee: None,
        }));
        let stood = Some((signed(side, before), signed(side, after)));
        (None, body, Told { position_key: key(name), stood, change: signed(side, after - before), is_liquidation })
    }
}

fn key(name: u64) -> String {
    format!("position-{name}")
}

fn signed(side: PositionSide, size: i64) -> i64 {
    if side == PositionSide::Long { size } else { -size }
}

fn listed() -> EventBody {
    EventBody::MarketListed(MarketListed {
        symbol: Some("BTC/USD".to_owned()),
        index_token: None,
        native_qty_decimals: Some(3),
        quote: "USD".to_owned(),
        collateral_tokens: Vec::new(),
        oi_basis: OiBasis::Qty,
        volume_basis: Basis::Exec,
        is_creation: true,
    })
}

fn stream() -> StreamId {
    StreamId { chain: CHAIN, venue: POOL, part: String::new(), version: 1 }
}

pub(crate) fn target() -> Target {
    Target { stream: stream(), from: 0, to: None, first_height: Some(0), evidence_min: Evidence::Probed, sees_unknown: true }
}

/// A commit of the pool's blocks in a range, both ends inside.
pub(crate) fn part(range: (u64, u64), blocks: &[Block]) -> Commit {
    Commit { streams: vec![stream()], ..book::part(CHAIN, range, blocks) }
}
