//! Level Finance on BNB Chain, history only: users traded against a pool at an oracle's price; one contract tells all.
//!
//! Positions are kept in dollars. Quantities are dollars over a price for one smallest unit of the index token: the
//! execution price where something is opened, the entry price where it is closed. Two generations of closings stand side by
//! side over the whole history, told apart by their selectors: profit as sign and size, and as a signed number.
//! Source: level-fi/level-trading-contracts, `src/pool/Pool.sol`, `src/lib/PositionUtils.sol`.

mod layout;
mod log;

use alloy_primitives::{B256, I256};
use perpdex_core::{
    Action, Amount, ChainId, Decimal, DecodeUnit, Decoded, Deployment, EventBody, Fill, Forced, FundingKind, FundingPayment, Liquidation,
    LiquidationKind, PositionSide, RawBody, RawRecord, Size, StreamSpec, Text, TokenAmount, Unit, Venue, VenueInfo, VenueModel, VenueSlug,
};

use crate::{
    emit::{DecodeError, Emitter, evm_streams, specs},
    level::log::{Change, Kind, State},
};

/// The decoder.
pub(crate) static LEVEL: Level = Level;

/// Decoder of the pool.
#[derive(Debug)]
pub(crate) struct Level;

const SLUG: VenueSlug = VenueSlug::known("level");

/// Decimals of dollars, and of prices together with those of the index token.
const DECIMALS: u8 = 30;
/// Fees are stated in dollars, not in a token: this names them, and [`USD_UNIT`] is what one of its smallest units is worth.
const USD: &str = "usd";
const USD_UNIT: Decimal = Decimal { value: I256::ONE, scale: DECIMALS };

static INFO: VenueInfo = VenueInfo {
    slug: SLUG,
    group: "level",
    name: "Level Finance",
    model: VenueModel::Pool,
    deployments: &[Deployment {
        chain: ChainId::BNB,
        address: "0xa5abfb56a78d2bd4689b25b8a77fd49bb0675874",
        first_height: Some(23_752_485),
        source: "DefiLlama adapters; creation of the pool on BNB Chain",
    }],
    layout: "abi/level/pool.json",
    events: &specs(layout::LAYOUT),
    gives: &["trades", "liquidations", "oi"],
    unverified: &[
        "no log was at hand: the layout is that of the published source and ABI",
        "a fee of a trade is what the position paid in all: that of the trade and the borrowing charged with it; the two are not told apart, but where collateral alone changes",
        "the entry price of a liquidated position is not told: it follows from the profit",
        "a market is known by its index token; tokens that config/markets/level.toml does not name wait for a row",
    ],
};

impl Venue for Level {
    fn info(&self) -> &'static VenueInfo {
        &INFO
    }

    fn streams(&self, chain: ChainId) -> Vec<StreamSpec> {
        evm_streams(&INFO, chain, Default::default())
    }

    fn decode(&self, unit: &DecodeUnit<'_>) -> Decoded {
        let mut emitter = Emitter::new(unit, SLUG);
        for (at, record) in unit.records.iter().enumerate() {
            let Some((log, topic0)) = emitter.log(record) else { continue };
            let Some(known) = layout::LAYOUT.iter().find(|event| event.topic0 == topic0) else {
                emitter.unknown(record, format!("topic {topic0} is not in {}", INFO.layout));
                continue;
            };
            let told = match log::change(log, topic0) {
                Ok(Some(change)) if change.size_usd.is_zero() => Ok(borrowed(&change)),
                Ok(Some(change)) => state_after(&unit.records[at + 1..], change.key)
                    .and_then(|state| Ok(Some((change.index_token.clone(), EventBody::Fill(Box::new(fill(&change, state, record)?)))))),
                Ok(None) => log::state(log, topic0).map(|_| None),
                Err(error) => Err(error),
            };
            match told {
                Ok(Some((market, body))) => emitter.event(record, Some(market), body),
                Ok(None) => {}
                Err(error) => emitter.failure(record, known.spec.name, error),
            }
        }
        emitter.finish()
    }
}

/// What a change of collateral alone costs: nothing was traded, so that all of it is for what was borrowed until then.
fn borrowed(change: &Change) -> Option<(Text, EventBody)> {
    let payment = FundingPayment {
        account: change.account.clone(),
        position_key: change.key.to_string().into(),
        side: Some(change.side),
        kind: FundingKind::Borrow,
        amount: TokenAmount { native: -change.fee_usd, token: USD.into() },
        token_price_usd: Some(USD_UNIT),
        size: None,
        interval_end_ms: None,
    };
    (!change.fee_usd.is_zero()).then(|| (change.index_token.clone(), EventBody::FundingPayment(payment)))
}

/// The position behind a change: the next log that states it.
fn state_after(records: &[RawRecord], key: B256) -> Result<Option<State>, DecodeError> {
    for record in records {
        let RawBody::EvmLog(log) = &record.body else { continue };
        let Some(topic0) = log.topics.first() else { continue };
        if log.topics.get(1) != Some(&key) {
            continue;
        }
        // The position changed once more before it was stated.
        if log::is_change(*topic0) {
            return Ok(None);
        }
        if let Some(state) = log::state(log, *topic0)? {
            return Ok(Some(state));
        }
    }
    Ok(None)
}

fn fill(change: &Change, state: Option<State>, record: &RawRecord) -> Result<Fill, DecodeError> {
    if change.price.is_zero() {
        return Err(DecodeError::invalid(format!("indexPrice is 0 for a size of {}", change.size_usd)));
    }
    let sizes = sizes(change, state)?;
    let trade_key = Text::from(format!("{}/{}", record.tx_id, record.rec));
    let opens = change.kind == Kind::Increase;
    let is_liquidation = change.kind == Kind::Liquidation;
    Ok(Fill {
        account: change.account.clone(),
        position_key: change.key.to_string().into(),
        position_side: Some(change.side),
        collateral_token: Some(change.collateral_token.clone()),
        trade_key: trade_key.clone(),
        order_key: Some(trade_key),
        is_taker: true,
        is_directional: true,
        in_volume: true,
        forced: if is_liquidation { Forced::Liq } else { Forced::None },
        side: change.side.trade_side(opens),
        action: match (change.kind, sizes.before_usd, sizes.after_usd) {
            (Kind::Liquidation, ..) => Action::Liquidation,
            (Kind::Increase, Some(before), _) if before.is_zero() => Action::Open,
            (Kind::Increase, ..) => Action::Increase,
            (Kind::Decrease, _, Some(after)) if after.is_zero() => Action::Close,
            (Kind::Decrease, ..) => Action::Decrease,
        },
        qty: Amount::market_qty(sizes.qty),
        price: Amount { native: change.price, unit: Unit::MarketPrice(DECIMALS) },
        venue_notional_usd: (!opens).then(|| Amount::decimals(change.size_usd, DECIMALS)),
        before: size(change.side, sizes.before_qty, sizes.before_usd),
        after: size(change.side, sizes.after_qty, sizes.after_usd),
        fee: Some(TokenAmount { native: change.fee_usd, token: USD.into() }),
        fee_token_price_usd: Some(USD_UNIT),
        realized_pnl_usd: change.pnl_usd.map(|pnl| Decimal::new(pnl, DECIMALS)),
        liquidation: is_liquidation.then_some(Liquidation {
            kind: LiquidationKind::Pool,
            side: change.side,
            liquidator: None,
            mark_price: None,
            fee: None,
            is_partial: Some(false),
        }),
    })
}

/// Sizes of one change: dollars with 30 decimals, quantities in smallest units of the index token.
struct Sizes {
    qty: I256,
    before_usd: Option<I256>,
    after_usd: Option<I256>,
    before_qty: Option<I256>,
    after_qty: Option<I256>,
}

fn sizes(change: &Change, state: Option<State>) -> Result<Sizes, DecodeError> {
    let size_usd = change.size_usd;
    match change.kind {
        Kind::Increase => {
            let qty = units(size_usd, change.price)?;
            let after_usd = state.map(|state| state.size_usd);
            let before_usd = after_usd.map(|after| after - size_usd);
            if let Some(before) = before_usd.filter(|before| before.is_negative()) {
                return Err(DecodeError::invalid(format!("sizeChanged {size_usd} leaves a position of {}", before + size_usd)));
            }
            // The quantity held is told where nothing was held before.
            let is_open = before_usd.is_some_and(|before| before.is_zero());
            Ok(Sizes { qty, before_usd, after_usd, before_qty: is_open.then_some(I256::ZERO), after_qty: is_open.then_some(qty) })
        }
        Kind::Decrease => {
            let Some(state) = state else {
                let qty = units_by_profit(change)?;
                return Ok(Sizes { qty, before_usd: None, after_usd: None, before_qty: None, after_qty: None });
            };
            let before_usd = state.size_usd.checked_add(size_usd);
            let before_usd = before_usd.ok_or_else(|| DecodeError::invalid(format!("sizeChanged {size_usd} is no amount")))?;
            let (before_qty, after_qty) = (units(before_usd, state.entry_price)?, units(state.size_usd, state.entry_price)?);
            Ok(Sizes {
                qty: before_qty - after_qty,
                before_usd: Some(before_usd),
                after_usd: Some(state.size_usd),
                before_qty: Some(before_qty),
                after_qty: Some(after_qty),
            })
        }
        Kind::Liquidation => {
            let qty = units_by_profit(change)?;
            let (before_usd, after_usd) = (Some(size_usd), Some(I256::ZERO));
            Ok(Sizes { qty, before_usd, after_usd, before_qty: Some(qty), after_qty: Some(I256::ZERO) })
        }
    }
}

/// Units of a size at a price for one of them, half to even.
fn units(size_usd: I256, price: I256) -> Result<I256, DecodeError> {
    Ok(Decimal::new(size_usd, 0).div(&Decimal::new(price, 0), 0)?.value)
}

/// Units closed where the entry price is not told: a long gains size x (price - entry) / entry, so that size / entry is
/// (size + gain) / price; a short the other way.
fn units_by_profit(change: &Change) -> Result<I256, DecodeError> {
    let pnl = change.pnl_usd.unwrap_or_default();
    let worth = match change.side {
        PositionSide::Long => change.size_usd.checked_add(pnl),
        PositionSide::Short => change.size_usd.checked_sub(pnl),
    };
    let worth = worth.filter(|worth| *worth > I256::ZERO);
    let (side, size_usd) = (change.side.as_str(), change.size_usd);
    let worth = worth.ok_or_else(|| DecodeError::invalid(format!("a profit of {pnl} cannot come of a {side} of {size_usd}")))?;
    units(worth, change.price)
}

fn size(side: PositionSide, qty: Option<I256>, usd: Option<I256>) -> Option<Size> {
    let signed = |qty: I256| Amount::market_qty(if side == PositionSide::Long { qty } else { -qty });
    usd.map(|usd| Size { qty: qty.map(signed), entry_usd: Some(Amount::decimals(usd, DECIMALS)) })
}
