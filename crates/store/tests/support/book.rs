//! An order book with its accounts: every trade has two legs, positions are kept, funding is paid between the accounts.

use std::collections::BTreeMap;

use alloy_primitives::I256;
use perpdex_core::{
    Action, Amount, Basis, BlockRange, ChainId, Commit, Decimal, Event, EventBody, Evidence, Fill, Forced, FundingKind, FundingPayment,
    FundingRate, Liquidation, LiquidationKind, MarketListed, OiBasis, Period, PositionSide, Price, PriceKind, Side, Size, StreamId, Target,
    TokenAmount, VenueSlug,
};

use super::history::{Block, Numbers, block, event, log, time_ms, wide};

pub(crate) const BOOK: VenueSlug = VenueSlug::known("hyperliquid");
/// The venue's liquidator, which takes positions over.
const VAULT: &str = "vault";
const ACCOUNTS: u64 = 6;
const HOUR_MS: i64 = 3_600_000;
/// Thousandths of a steady book's first trade.
pub(crate) const FIRST_SIZE: i64 = 100_000;
/// Price of a rich book and thousandths of its trades, both odd.
pub(crate) const RICH_USD: i64 = 20_000_000_001;
pub(crate) const RICH_SIZE: i64 = 1_001;

/// A book on one chain: what it makes of each block, and where its accounts stand.
pub(crate) struct Book {
    pub(crate) chain: ChainId,
    market: &'static str,
    numbers: Numbers,
    /// Without liquidations, at one rate, one price and one size of a trade.
    steady: Option<(i64, i64)>,
    /// Signed sizes in thousandths.
    pub(crate) positions: BTreeMap<String, i64>,
    trades: u64,
}

/// One side of a trade before it is told.
struct Party<'a> {
    account: &'a str,
    is_taker: bool,
    liquidation: Option<(LiquidationKind, Option<&'a str>)>,
}

impl Book {
    pub(crate) fn new(chain: ChainId, market: &'static str, seed: u64) -> Book {
        Book { chain, market, numbers: Numbers::new(seed), steady: None, positions: BTreeMap::new(), trades: 0 }
    }

    pub(crate) fn quiet(chain: ChainId, market: &'static str) -> Book {
        Book { steady: Some((60_000, 1_000)), ..Book::new(chain, market, 1) }
    }

    /// A quiet one whose trades are of so many micro-dollars that few of them add up to more than a double holds.
    pub(crate) fn rich(chain: ChainId, market: &'static str) -> Book {
        Book { steady: Some((RICH_USD, RICH_SIZE)), ..Book::new(chain, market, 1) }
    }

    /// Blocks 0 to `count - 1`.
    pub(crate) fn blocks(&mut self, count: u64) -> Vec<Block> {
        (0..count).map(|height| self.block(height)).collect()
    }

    fn block(&mut self, height: u64) -> Block {
        let mut bodies: Vec<Vec<EventBody>> = Vec::new();
        let price = match self.steady {
            Some((price, _)) => price,
            None => 60_000 + i64::try_from(self.numbers.below(2_000)).unwrap(),
        };
        if height == 0 {
            bodies.push(vec![listed(self.market)]);
        }
        bodies.push(vec![EventBody::Price(Price { kind: PriceKind::Mark, price: whole(price) })]);
        let trades = if self.steady.is_some() { 1 } else { self.numbers.below(4) };
        for _ in 0..trades {
            bodies.extend(self.trade(height, price));
        }
        if height > 0 && time_ms(height).div_euclid(HOUR_MS) > time_ms(height - 1).div_euclid(HOUR_MS) {
            bodies.push(self.funding(time_ms(height).div_euclid(HOUR_MS) * HOUR_MS, price));
        }
        let mut out = Block { block: block(height, 0), records: Vec::new(), events: Vec::new() };
        for (rec, bodies) in (0..).zip(bodies) {
            let mut record = log(height, rec, 0);
            record.chain = self.chain;
            out.records.push((stream(self.chain), record));
            for (sub, body) in (0..).zip(bodies) {
                let event = event(height, rec, sub, BOOK, Some(self.market), body);
                out.events.push(Event { chain: self.chain, ..event });
            }
        }
        out
    }

    /// A trade of one of five kinds: between two accounts, a liquidation on the book, a takeover by the vault, an account
    /// auto-deleveraged against the vault, or none where nobody has what it takes.
    fn trade(&mut self, height: u64, price: i64) -> Option<Vec<EventBody>> {
        if let Some((_, size)) = self.steady {
            let (taker, maker) = if height.is_multiple_of(2) { ("a0", "a1") } else { ("a1", "a0") };
            let size = if height == 0 { FIRST_SIZE } else { size };
            return Some(self.legs(party(taker, true), party(maker, false), size, price));
        }
        let (a, b) = (self.account(), self.account());
        let held = self.position(&a);
        match self.numbers.below(10) {
            // Several minutes of one seed's blocks are thick with them.
            0..=2 if held != 0 && a != b => {
                let size = 1 + i64::try_from(self.numbers.below(held.unsigned_abs())).unwrap();
                let liquidated = Party { liquidation: Some((LiquidationKind::Market, Some("engine"))), ..party(&a, true) };
                Some(self.legs(liquidated, party(&b, false), -held.signum() * size, price))
            }
            3 if held != 0 => {
                let liquidated = Party { liquidation: Some((LiquidationKind::Backstop, Some(VAULT))), ..party(&a, false) };
                Some(self.legs(party(VAULT, true), liquidated, held, price))
            }
            4 => {
                let of_vault = self.position(VAULT);
                if held.signum() * of_vault.signum() >= 0 {
                    return None;
                }
                let size = held.abs().min(of_vault.abs());
                let other = Party { liquidation: Some((LiquidationKind::Adl, Some(VAULT))), ..party(&a, false) };
                Some(self.legs(party(VAULT, true), other, -of_vault.signum() * size, price))
            }
            _ if a != b => {
                let size = 1 + i64::try_from(self.numbers.below(5_000)).unwrap();
                let signed = if self.numbers.below(2) == 0 { size } else { -size };
                Some(self.legs(party(&a, true), party(&b, false), signed, price))
            }
            _ => None,
        }
    }

    /// The two legs of a trade in which the first party's position changes by `change`.
    fn legs(&mut self, first: Party<'_>, second: Party<'_>, change: i64, price: i64) -> Vec<EventBody> {
        self.trades += 1;
        let kind = first.liquidation.or(second.liquidation).map(|(kind, _)| kind);
        let forced = match kind {
            None => Forced::None,
            Some(LiquidationKind::Adl) => Forced::Adl,
            Some(_) => Forced::Liq,
        };
        [(first, change), (second, -change)].into_iter().map(|(party, change)| self.leg(&party, change, price, forced, kind)).collect()
    }

    fn leg(&mut self, party: &Party<'_>, change: i64, price: i64, forced: Forced, kind: Option<LiquidationKind>) -> EventBody {
        let before = self.position(party.account);
        let after = before + change;
        self.positions.insert(party.account.to_owned(), after);
        let size = |size: i64| Some(Size { qty: Some(Amount::decimals(wide(size), 3)), entry_usd: None });
        EventBody::Fill(Box::new(Fill {
            account: party.account.into(),
            position_key: party.account.into(),
            position_side: None,
            collateral_token: None,
            trade_key: format!("trade-{}", self.trades).into(),
            order_key: None,
            is_taker: party.is_taker,
            is_directional: kind.is_none_or(|kind| kind == LiquidationKind::Market),
            in_volume: true,
            forced,
            side: if change > 0 { Side::Buy } else { Side::Sell },
            action: match (party.liquidation, before, after) {
                (Some((LiquidationKind::Adl, _)), ..) => Action::Adl,
                (Some(_), ..) => Action::Liquidation,
                (_, 0, _) => Action::Open,
                (_, _, 0) => Action::Close,
                _ if before.signum() != after.signum() => Action::Flip,
                _ if after.abs() > before.abs() => Action::Increase,
                _ => Action::Decrease,
            },
            qty: Amount::decimals(wide(change.abs()), 3),
            price: whole(price),
            venue_notional_usd: None,
            before: size(before),
            after: size(after),
            fee: None,
            fee_token_price_usd: None,
            realized_pnl_usd: None,
            liquidation: party.liquidation.map(|(kind, liquidator)| Liquidation {
                kind,
                side: if before > 0 { PositionSide::Long } else { PositionSide::Short },
                liquidator: liquidator.map(str::to_owned).map(Into::into),
                mark_price: None,
                fee: None,
                is_partial: Some(after != 0),
            }),
        }))
    }

    /// The rate of the hour that has just ended and what each account pays or gets for it: size x price x rate, rounded for
    /// each account to the nearest micro-dollar.
    fn funding(&mut self, end_ms: i64, price: i64) -> Vec<EventBody> {
        let rate_e8 = if self.steady.is_some() { 1_250 } else { i64::try_from(self.numbers.below(8_001)).unwrap() - 4_000 };
        let period = Period::Exact { start_ms: end_ms - HOUR_MS, end_ms };
        let cost = Decimal::new(wide(rate_e8), 8);
        let mut out = vec![EventBody::FundingRate(FundingRate {
            kind: FundingKind::Funding,
            period,
            cost_long_1h: Some(cost),
            cost_short_1h: Some(Decimal::new(wide(-rate_e8), 8)),
        })];
        for (account, size) in self.positions.iter().filter(|(_, size)| **size != 0) {
            // Thousandths times dollars times 10^-8: 10^-11 dollars.
            let paid_e11 = i128::from(*size) * i128::from(price) * i128::from(rate_e8);
            let paid_e6 = (2 * paid_e11 + 100_000).div_euclid(200_000);
            out.push(EventBody::FundingPayment(FundingPayment {
                account: account.clone().into(),
                position_key: account.clone().into(),
                side: None,
                kind: FundingKind::Funding,
                amount: TokenAmount { native: -I256::try_from(paid_e6).unwrap(), token: "0xusdc".into() },
                token_price_usd: None,
                size: Some(Amount::decimals(wide(*size), 3)),
                interval_end_ms: Some(end_ms),
            }));
        }
        out
    }

    fn account(&mut self) -> String {
        format!("a{}", self.numbers.below(ACCOUNTS))
    }

    fn position(&self, account: &str) -> i64 {
        self.positions.get(account).copied().unwrap_or(0)
    }
}

fn party(account: &str, is_taker: bool) -> Party<'_> {
    Party { account, is_taker, liquidation: None }
}

fn whole(dollars: i64) -> Amount {
    Amount::decimals(wide(dollars), 0)
}

fn listed(symbol: &str) -> EventBody {
    EventBody::MarketListed(MarketListed {
        symbol: Some(symbol.to_owned()),
        index_token: None,
        native_qty_decimals: Some(3),
        quote: "USD".to_owned(),
        collateral_tokens: Vec::new(),
        oi_basis: OiBasis::Qty,
        volume_basis: Basis::Exec,
        is_creation: true,
    })
}

pub(crate) fn stream(chain: ChainId) -> StreamId {
    StreamId { chain, venue: BOOK, part: String::new(), version: 1 }
}

pub(crate) fn target(chain: ChainId) -> Target {
    Target { stream: stream(chain), from: 0, to: None, first_height: Some(0), evidence_min: Evidence::Probed, sees_unknown: true }
}

/// A commit of the book's blocks in a range, both ends inside.
pub(crate) fn part(chain: ChainId, (from, to): (u64, u64), blocks: &[Block]) -> Commit {
    let range = BlockRange::new(from, to).unwrap();
    let inside = || blocks.iter().filter(|block| range.contains(block.block.height));
    Commit {
        chain,
        range,
        streams: vec![stream(chain)],
        evidence: Evidence::Probed,
        from_ms: time_ms(from),
        to_ms: time_ms(to),
        blocks: inside().map(|block| block.block).collect(),
        records: inside().flat_map(|block| block.records.clone()).collect(),
        events: inside().flat_map(|block| block.events.clone()).collect(),
        failures: Vec::new(),
        malformed: Vec::new(),
        holes: Vec::new(),
    }
}
