//! GMX v1 on Arbitrum, which ended in July 2025: users traded against one pool at the oracle's price; one vault emitted everything.
//!
//! Positions are kept in dollars. The state that a change leaves stands in the event behind it, with the entry price, so that units
//! are size over entry price and never size over exit price. A liquidation tells neither: it becomes a [`Close`] that the store
//! joins to the position. A liquidation of a position that still had collateral ran as an ordinary decrease, and nothing in the
//! logs tells it apart.
//!
//! No field is indexed. Source: gmx-io/gmx-contracts, `contracts/core/Vault.sol`.

mod layout;

use alloy_primitives::{Address, B256, I256};
use perpdex_core::{
    Action, Amount, ChainId, Close, ClosePnl, CloseReason, CloseSize, Decimal, DecodeUnit, Decoded, Deployment, EventBody, EvmLog, Fill,
    Forced, FundingIndex, FundingKind, FundingPayment, IndexBasis, PositionSide, RawRecord, Size, StreamSpec, Text, TokenAmount, Venue,
    VenueInfo, VenueModel, VenueSlug,
};

use crate::{
    abi::{Reader, hex, indexed},
    emit::{DecodeError, Emitter, evm_streams, specs},
};

/// The decoder.
pub(crate) static GMX_V1: GmxV1 = GmxV1;

/// Decoder of the vault.
#[derive(Debug)]
pub(crate) struct GmxV1;

const SLUG: VenueSlug = VenueSlug::known("gmx_v1");

/// Decimals of dollars, prices of whole units included.
const USD_DECIMALS: u8 = 30;
/// Decimals of cumulative borrowing rates.
const RATE_DECIMALS: u8 = 6;
/// Digits of derived units.
const UNIT_DECIMALS: u8 = 18;
/// Fees are stated in dollars: this names them, and [`USD_UNIT`] is what one of their smallest units is worth.
const USD: &str = "usd";
const USD_UNIT: Decimal = Decimal { value: I256::ONE, scale: USD_DECIMALS };

/// Tokens that could be traded: WETH, WBTC, LINK, UNI. A long borrows its own index token, a short a stablecoin.
const INDEX_TOKENS: [&str; 4] = [
    "0x82af49447d8a07e3bd95bd0d56f35241523fbab1",
    "0x2f2a2543b76a4166549f7aab2e75bef0aefc5b0f",
    "0xf97f4df75117a78c1a5a0dbb814af92458539fb4",
    "0xfa7f8980b0f1e64a2062791cc3b0871572f1f7f0",
];

static INFO: VenueInfo = VenueInfo {
    slug: SLUG,
    group: "gmx_v1",
    name: "GMX v1",
    model: VenueModel::Pool,
    deployments: &[Deployment {
        chain: ChainId::ARBITRUM,
        address: "0x489ee077994b6658eafa855c308275ead8097c4a",
        first_height: Some(1),
        source: "gmx-io/gmx-contracts; the block of its creation is not known, so that its history begins with the chain's",
    }],
    layout: "abi/gmx_v1/vault.json",
    events: &specs(layout::LAYOUT),
    gives: &["trades", "liquidations", "borrow", "oi"],
    unverified: &[
        "the block of the vault's creation is not known: its subgraphs begin at 225000 to 227000",
        "a trade's fee includes the borrowing charged with it; the two are not told apart",
        "a liquidation that left collateral is an ordinary decrease on the chain, and here",
        "borrowing rates of shorts are those of their stablecoin, of which there were several: they are left out",
        "units of a position that was made larger do not add up where its token had a spread or a protection against quick profits: \
         open interest in units is then off for good; entry dollars are exact",
    ],
};

impl Venue for GmxV1 {
    fn info(&self) -> &'static VenueInfo {
        &INFO
    }

    fn streams(&self, chain: ChainId) -> Vec<StreamSpec> {
        evm_streams(&INFO, chain, Default::default())
    }

    fn decode(&self, unit: &DecodeUnit<'_>) -> Decoded {
        let mut emitter = Emitter::new(unit, SLUG);
        let mut names = Vec::with_capacity(unit.records.len());
        let mut logs = Vec::with_capacity(unit.records.len());
        for record in unit.records {
            let (name, log) = read(&mut emitter, record);
            names.push(name);
            logs.push(log);
        }
        for (at, record) in unit.records.iter().enumerate() {
            match emit(record, &logs, at) {
                Ok(Some((market, body))) => emitter.event(record, Some(market), body),
                Ok(None) => {}
                Err(error) => emitter.failure(record, names[at], error),
            }
        }
        emitter.finish()
    }
}

/// One event.
#[derive(Debug)]
enum Log {
    /// `IncreasePosition`, `DecreasePosition`.
    Change(Box<Change>),
    /// `LiquidatePosition`.
    Liquidation(Box<Liquidated>),
    /// `UpdatePosition`: what a change leaves. `ClosePosition`: what it took, and leaves nothing.
    State(State),
    /// `UpdatePnl`: key, and profit or loss of the part closed.
    Pnl(B256, I256),
    /// `CollectMarginFees`: token, and fee in dollars.
    MarginFee(Address, I256),
    /// `UpdateFundingRate`: token, and its cumulative borrowing rate.
    BorrowRate(Address, I256),
}

/// A changed position. Dollars times 10^30.
#[derive(Debug)]
struct Change {
    opens: bool,
    position: Position,
    size_delta: I256,
    price: I256,
}

/// Which position.
#[derive(Debug)]
struct Position {
    /// Account, collateral, index token and side in one word.
    key: B256,
    account: Address,
    collateral: Address,
    index: Address,
    side: PositionSide,
}

#[derive(Debug)]
struct Liquidated {
    position: Position,
    size: I256,
    mark_price: I256,
}

#[derive(Debug)]
struct State {
    key: B256,
    /// Dollars left.
    size: I256,
    /// Entry price.
    average_price: I256,
}

/// Name and content of a record; no content stands for what failed, is unknown or is ignored.
fn read(emitter: &mut Emitter<'_>, record: &RawRecord) -> (&'static str, Option<Log>) {
    let Some((log, topic0)) = emitter.log(record) else { return ("", None) };
    let Some(known) = layout::LAYOUT.iter().find(|event| event.topic0 == topic0) else {
        emitter.unknown(record, format!("topic {topic0} is not in {}", INFO.layout));
        return ("", None);
    };
    let parsed = parse(log, topic0).unwrap_or_else(|error| {
        emitter.failure(record, known.spec.name, error);
        None
    });
    (known.spec.name, parsed)
}

fn parse(log: &EvmLog, topic0: B256) -> Result<Option<Log>, DecodeError> {
    let mut data = Reader::new(&log.data);
    let parsed = match topic0 {
        layout::INCREASE_POSITION | layout::DECREASE_POSITION => {
            let position = position(&mut data)?;
            data.uint(256, "collateralDelta")?;
            let size_delta = data.uint(256, "sizeDelta")?;
            let side = side(&mut data)?;
            let price = data.uint(256, "price")?;
            data.uint(256, "fee")?;
            let position = Position { side, ..position };
            Log::Change(Box::new(Change { opens: topic0 == layout::INCREASE_POSITION, position, size_delta, price }))
        }
        layout::LIQUIDATE_POSITION => {
            let position = position(&mut data)?;
            let side = side(&mut data)?;
            let size = data.uint(256, "size")?;
            data.uint(256, "collateral")?;
            data.uint(256, "reserveAmount")?;
            data.int(256, "realisedPnl")?;
            let mark_price = data.uint(256, "markPrice")?;
            Log::Liquidation(Box::new(Liquidated { position: Position { side, ..position }, size, mark_price }))
        }
        layout::UPDATE_POSITION | layout::UPDATE_POSITION_MARKED | layout::CLOSE_POSITION => {
            let key = data.bytes32("key")?;
            let size = data.uint(256, "size")?;
            data.uint(256, "collateral")?;
            let average_price = data.uint(256, "averagePrice")?;
            data.uint(256, "entryFundingRate")?;
            data.uint(256, "reserveAmount")?;
            data.int(256, "realisedPnl")?;
            if topic0 == layout::UPDATE_POSITION_MARKED {
                data.uint(256, "markPrice")?;
            }
            // A closing names the size that it took.
            Log::State(State { key, size: if topic0 == layout::CLOSE_POSITION { I256::ZERO } else { size }, average_price })
        }
        layout::UPDATE_PNL => {
            let key = data.bytes32("key")?;
            let has_profit = data.boolean("hasProfit")?;
            let delta = data.uint(256, "delta")?;
            Log::Pnl(key, if has_profit { delta } else { -delta })
        }
        layout::COLLECT_MARGIN_FEES => {
            let token = data.address("token")?;
            let fee_usd = data.uint(256, "feeUsd")?;
            data.uint(256, "feeTokens")?;
            Log::MarginFee(token, fee_usd)
        }
        layout::UPDATE_FUNDING_RATE => Log::BorrowRate(data.address("token")?, data.uint(256, "fundingRate")?),
        _ => return Ok(None),
    };
    data.end()?;
    let [] = indexed(log)?;
    Ok(Some(parsed))
}

/// The position's fields but for its side, which stands elsewhere.
fn position(data: &mut Reader<'_>) -> Result<Position, DecodeError> {
    let key = data.bytes32("key")?;
    let account = data.address("account")?;
    let collateral = data.address("collateralToken")?;
    Ok(Position { key, account, collateral, index: data.address("indexToken")?, side: PositionSide::Long })
}

fn side(data: &mut Reader<'_>) -> Result<PositionSide, DecodeError> {
    Ok(if data.boolean("isLong")? { PositionSide::Long } else { PositionSide::Short })
}

/// The event of one record with its market, given all of its transaction.
fn emit(record: &RawRecord, logs: &[Option<Log>], at: usize) -> Result<Option<(Text, EventBody)>, DecodeError> {
    Ok(match &logs[at] {
        Some(Log::Change(change)) if change.size_delta.is_zero() => {
            borrowed(change, logs, at).map(|payment| (hex(change.position.index), EventBody::FundingPayment(payment)))
        }
        Some(Log::Change(change)) => {
            let fill = fill(change, record, logs, at)?;
            Some((hex(change.position.index), EventBody::Fill(Box::new(fill))))
        }
        Some(Log::Liquidation(liquidated)) => {
            let close = close(liquidated, record, logs, at);
            Some((hex(liquidated.position.index), EventBody::Close(Box::new(close))))
        }
        Some(Log::BorrowRate(token, rate)) => {
            let token = hex(*token);
            INDEX_TOKENS.contains(&token.as_str()).then(|| (token, EventBody::FundingIndex(borrow_index(*rate))))
        }
        _ => None,
    })
}

fn fill(change: &Change, record: &RawRecord, logs: &[Option<Log>], at: usize) -> Result<Fill, DecodeError> {
    let position = &change.position;
    let state = logs[at + 1..].iter().flatten().find_map(|log| match log {
        Log::State(state) if state.key == position.key => Some(state),
        _ => None,
    });
    let state =
        state.ok_or_else(|| DecodeError::invalid("no UpdatePosition or ClosePosition behind it tells the entry price".to_owned()))?;
    let before_usd = if change.opens { state.size.checked_sub(change.size_delta) } else { state.size.checked_add(change.size_delta) };
    let before_usd = before_usd.filter(|usd| !usd.is_negative()).ok_or_else(|| {
        DecodeError::invalid(format!("a change of {} leaves a size of {}, which gives no size before", change.size_delta, state.size))
    })?;
    let units = |usd: I256, price: I256| Decimal::new(usd, USD_DECIMALS).div(&Decimal::new(price, USD_DECIMALS), UNIT_DECIMALS);
    let after = units(state.size, state.average_price)?;
    // The entry price after an increase is the mean over units but for spreads and small profits, whose bounds the log does not tell.
    let qty = units(change.size_delta, if change.opens { change.price } else { state.average_price })?;
    let before = match (change.opens, before_usd.is_zero()) {
        (true, true) => Decimal::ZERO.rescale(UNIT_DECIMALS)?,
        (true, false) => after.add(&qty.neg())?,
        (false, _) => after.add(&qty)?,
    };
    if before.is_negative() || change.price.is_zero() {
        return Err(DecodeError::invalid(format!("{} units at a price of {} leave {after}", qty, change.price)));
    }
    let size = |qty: Decimal, usd: I256| {
        let qty = if position.side == PositionSide::Long { qty } else { qty.neg() };
        Some(Size { qty: Some(Amount::decimals(qty.value, qty.scale)), entry_usd: Some(usd_amount(usd)) })
    };
    let is_first = change.opens && before_usd.is_zero();
    let trade_key = Text::from(format!("{}/{}", record.tx_id, record.rec));
    Ok(Fill {
        account: hex(position.account),
        position_key: position.key.to_string().into(),
        position_side: Some(position.side),
        collateral_token: Some(hex(position.collateral)),
        trade_key: trade_key.clone(),
        order_key: Some(trade_key),
        is_taker: true,
        is_directional: true,
        in_volume: true,
        forced: Forced::None,
        side: position.side.trade_side(change.opens),
        action: match (change.opens, is_first, state.size.is_zero()) {
            (true, true, _) => Action::Open,
            (true, false, _) => Action::Increase,
            (false, _, true) => Action::Close,
            (false, _, false) => Action::Decrease,
        },
        qty: Amount::decimals(qty.value, UNIT_DECIMALS),
        price: usd_amount(change.price),
        venue_notional_usd: Some(usd_amount(change.size_delta)),
        before: size(before, before_usd),
        after: size(after, state.size),
        fee: margin_fee(position, logs, at).map(usd_tokens),
        fee_token_price_usd: Some(USD_UNIT),
        realized_pnl_usd: if change.opens { None } else { pnl(position.key, logs, at).map(|pnl| Decimal::new(pnl, USD_DECIMALS)) },
        liquidation: None,
    })
}

/// A liquidation: the whole position, whose entry stands in its earlier rows.
fn close(liquidated: &Liquidated, record: &RawRecord, logs: &[Option<Log>], at: usize) -> Close {
    let position = &liquidated.position;
    let trade_key = Text::from(format!("{}/{}", record.tx_id, record.rec));
    Close {
        account: Some(hex(position.account)),
        position_key: position.key.to_string().into(),
        side: Some(position.side),
        size: CloseSize::Whole,
        trade_key: trade_key.clone(),
        order_key: Some(trade_key),
        reason: CloseReason::Liquidation,
        price: usd_amount(liquidated.mark_price),
        venue_notional_usd: Some(usd_amount(liquidated.size)),
        token: Some(USD.into()),
        token_price_usd: Some(USD_UNIT),
        fee_native: margin_fee(position, logs, at).unwrap_or(I256::ZERO),
        funding_native: I256::ZERO,
        borrow_native: I256::ZERO,
        pnl: ClosePnl::Untold,
        liquidator: None,
        liquidation_fee: None,
    }
}

/// What a change of collateral alone charged: all of it is borrowing. `None` where nothing was due.
fn borrowed(change: &Change, logs: &[Option<Log>], at: usize) -> Option<FundingPayment> {
    let fee = margin_fee(&change.position, logs, at).filter(|fee| !fee.is_zero())?;
    Some(FundingPayment {
        account: hex(change.position.account),
        position_key: change.position.key.to_string().into(),
        side: Some(change.position.side),
        kind: FundingKind::Borrow,
        amount: usd_tokens(-fee),
        token_price_usd: Some(USD_UNIT),
        size: None,
        interval_end_ms: None,
    })
}

/// The cumulative borrowing rate of an index token: what longs pay, a fraction of the size at entry.
fn borrow_index(rate: I256) -> FundingIndex {
    FundingIndex {
        kind: FundingKind::Borrow,
        side: Some(PositionSide::Long),
        value: Decimal::new(rate, RATE_DECIMALS),
        basis: IndexBasis::Fraction,
        is_reset: false,
    }
}

/// The fee charged for a change: the nearest before it in its collateral. The change's own `fee` is 0 where it came out of
/// the collateral.
fn margin_fee(position: &Position, logs: &[Option<Log>], at: usize) -> Option<I256> {
    logs[..at].iter().rev().flatten().find_map(|log| match log {
        Log::MarginFee(token, fee_usd) if *token == position.collateral => Some(*fee_usd),
        _ => None,
    })
}

fn pnl(key: B256, logs: &[Option<Log>], at: usize) -> Option<I256> {
    logs[..at].iter().rev().flatten().find_map(|log| match log {
        Log::Pnl(of, pnl) if *of == key => Some(*pnl),
        _ => None,
    })
}

fn usd_amount(usd: I256) -> Amount {
    Amount::decimals(usd, USD_DECIMALS)
}

fn usd_tokens(usd: I256) -> TokenAmount {
    TokenAmount { native: usd, token: USD.into() }
}
