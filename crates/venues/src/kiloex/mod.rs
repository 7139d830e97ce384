//! KiloEx: users trade against one pool at a keeper's price; one contract tells all changes of positions.
//!
//! Positions are kept in dollars, margin times leverage. An increase tells its side; a decrease tells the entry price and
//! what goes, but no side, and is joined to its position in the store. Source: KiloExPerp/kiloex-python-sdk.

mod layout;

use alloy_primitives::{B256, I256};
use perpdex_core::{
    Action, Amount, ChainId, Close, ClosePnl, CloseReason, CloseSize, Decimal, DecodeUnit, Decoded, Deployment, EventBody, EvmLog, Fill,
    Forced, PositionSide, Price, PriceKind, RawBody, RawRecord, StreamSpec, Text, TokenAmount, Venue, VenueInfo, VenueModel, VenueSlug,
};

use crate::{
    abi::{self, Reader, hex, indexed},
    emit::{DecodeError, Emitter, evm_streams, specs},
};

/// The decoder.
pub(crate) static KILOEX: KiloEx = KiloEx;

/// Decoder of the trading contract.
#[derive(Debug)]
pub(crate) struct KiloEx;

const SLUG: VenueSlug = VenueSlug::known("kiloex");

/// Decimals of prices, margins, leverages and dollars.
const DECIMALS: u8 = 8;
/// Digits of quantities, which are quotients.
const QTY_DECIMALS: u8 = 18;
/// Fees are stated in dollars, not in a token: this names them, and [`USD_UNIT`] is what one of its smallest units is worth.
const USD: &str = "usd";
const USD_UNIT: Decimal = Decimal { value: I256::ONE, scale: DECIMALS };

static INFO: VenueInfo = VenueInfo {
    slug: SLUG,
    group: "kiloex",
    name: "KiloEx",
    model: VenueModel::Pool,
    deployments: &[
        deployment(ChainId::BNB, "0x7c09a8df940cf1d14d4c24f90aca39ee619f0864"),
        deployment(ChainId::OPBNB, "0x1a7b3f8890da3cc6968c182fa528ce9c9c62f981"),
        deployment(ChainId::BASE, "0xa2e2f3726df754c1848c8fd1cbea6aaff84fc5b2"),
    ],
    layout: "abi/kiloex/perp_trade.json",
    events: &specs(layout::LAYOUT),
    gives: &["trades", "liquidations", "borrow", "prices"],
    unverified: &[
        "the creation blocks are not known: open interest, which follows from the trades, has no base",
        "no log was at hand: margin and leverage of an increase are taken for what was added; in PikaPerpV4, whose events these resemble, they are \
         those of the whole position, and an addition would count the position again",
        "the sign of a decrease's fundingPayment is not confirmed: it makes no payment",
        "events before the V3 layouts are not known: they are counted as unknown",
        "names of products are in the venue's interface alone: a product is named by its number until a table names it",
        "on 2025-04-14 false oracle prices were traded on: such fills stand as they were made",
    ],
};

const fn deployment(chain: ChainId, address: &'static str) -> Deployment {
    Deployment { chain, address, first_height: None, source: "KiloExPerp/kiloex-python-sdk, contract addresses" }
}

impl Venue for KiloEx {
    fn info(&self) -> &'static VenueInfo {
        &INFO
    }

    fn streams(&self, chain: ChainId) -> Vec<StreamSpec> {
        evm_streams(&INFO, chain, Default::default())
    }

    fn decode(&self, unit: &DecodeUnit<'_>) -> Decoded {
        let mut emitter = Emitter::new(unit, SLUG);
        for record in unit.records {
            let Some((log, topic0)) = emitter.log(record) else { continue };
            let Some(known) = layout::LAYOUT.iter().find(|event| event.topic0 == topic0) else {
                emitter.unknown(record, format!("topic {topic0} is not in {}", INFO.layout));
                continue;
            };
            let done = match topic0 {
                layout::INCREASE => increase(&mut emitter, record, log),
                layout::DECREASE => decrease(&mut emitter, record, log, unit.records),
                layout::LIQUIDATED => liquidated(log).map(drop),
                _ => Ok(()),
            };
            if let Err(error) = done {
                emitter.failure(record, known.spec.name, error);
            }
        }
        emitter.finish()
    }
}

/// `IncreasePositionV3`: a fill, and the oracle's price beside it.
fn increase(emitter: &mut Emitter<'_>, record: &RawRecord, log: &EvmLog) -> Result<(), DecodeError> {
    let [position, user, product] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let is_long = data.boolean("isLong")?;
    let price = data.uint(256, "price")?;
    let oracle_price = data.uint(256, "oraclePrice")?;
    let margin = data.uint(256, "margin")?;
    let leverage = data.uint(256, "leverage")?;
    let fee = data.uint(256, "fee")?;
    data.int(256, "funding")?;
    data.uint(256, "orderType")?;
    data.uint(256, "borrowing")?;
    data.uint(256, "reqMargin")?;
    data.uint(256, "reqLeverage")?;
    data.bytes("extraInfo")?;
    data.uint(256, "sid")?;
    let market = market(product)?;
    let size_usd = size_usd(margin, leverage)?;
    if size_usd.is_zero() {
        return Ok(());
    }
    let side = if is_long { PositionSide::Long } else { PositionSide::Short };
    let trade_key = Text::from(format!("{}/{}", record.tx_id, record.rec));
    let fill = Fill {
        account: hex(abi::address(user, "user")?),
        position_key: abi::uint(position, 256, "positionId")?.to_string().into(),
        position_side: Some(side),
        collateral_token: None,
        trade_key: trade_key.clone(),
        order_key: Some(trade_key),
        is_taker: true,
        is_directional: true,
        in_volume: true,
        forced: Forced::None,
        side: side.trade_side(true),
        action: Action::Increase,
        qty: units(&size_usd, price, "price")?,
        price: Amount::decimals(price, DECIMALS),
        venue_notional_usd: None,
        before: None,
        after: None,
        fee: Some(TokenAmount { native: fee, token: USD.into() }),
        fee_token_price_usd: Some(USD_UNIT),
        realized_pnl_usd: None,
        liquidation: None,
    };
    emitter.event(record, Some(market.clone()), EventBody::Fill(Box::new(fill)));
    if !oracle_price.is_zero() {
        let price = Price { kind: PriceKind::Oracle, price: Amount::decimals(oracle_price, DECIMALS) };
        emitter.event(record, Some(market), EventBody::Price(price));
    }
    Ok(())
}

/// `DecreasePositionV3`: what goes, in units at the entry price. The side is the position's.
fn decrease(emitter: &mut Emitter<'_>, record: &RawRecord, log: &EvmLog, unit: &[RawRecord]) -> Result<(), DecodeError> {
    let [position, user, product] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let price = data.uint(256, "price")?;
    let entry_price = data.uint(256, "entryPrice")?;
    let margin = data.uint(256, "margin")?;
    let leverage = data.uint(256, "leverage")?;
    let fee_native = data.uint(256, "fee")?;
    let pnl = data.int(256, "pnl")?;
    data.int(256, "fundingPayment")?;
    let was_liquidated = data.boolean("wasLiquidated")?;
    data.uint(256, "orderType")?;
    let borrow_native = data.uint(256, "borrowingFee")?;
    let remain_margin = data.uint(256, "remainMargin")?;
    data.bytes("extraInfo")?;
    data.uint(256, "sid")?;
    let position = abi::uint(position, 256, "positionId")?;
    let size_usd = size_usd(margin, leverage)?;
    if size_usd.is_zero() {
        return Ok(());
    }
    let trade_key = Text::from(format!("{}/{}", record.tx_id, record.rec));
    let close = Close {
        account: Some(hex(abi::address(user, "user")?)),
        position_key: position.to_string().into(),
        side: None,
        size: CloseSize::Qty { qty: units(&size_usd, entry_price, "entryPrice")?, is_whole: remain_margin.is_zero() },
        trade_key: trade_key.clone(),
        order_key: Some(trade_key),
        reason: if was_liquidated { CloseReason::Liquidation } else { CloseReason::Trader },
        price: Amount::decimals(price, DECIMALS),
        venue_notional_usd: Some(Amount::decimals(size_usd.value, size_usd.scale)),
        token: Some(USD.into()),
        token_price_usd: Some(USD_UNIT),
        fee_native,
        funding_native: I256::ZERO,
        borrow_native,
        pnl: ClosePnl::Usd(Decimal::new(pnl, DECIMALS)),
        liquidator: if was_liquidated { liquidator(unit, position) } else { None },
        liquidation_fee: None,
    };
    emitter.event(record, Some(market(product)?), EventBody::Close(Box::new(close)));
    Ok(())
}

/// Who liquidated a position in this transaction.
fn liquidator(unit: &[RawRecord], position: I256) -> Option<Text> {
    unit.iter().find_map(|record| match &record.body {
        RawBody::EvmLog(log) if log.topics.first() == Some(&layout::LIQUIDATED) => {
            liquidated(log).ok().filter(|(liquidated, _)| *liquidated == position).map(|(_, liquidator)| liquidator)
        }
        _ => None,
    })
}

/// `PositionLiquidated`: the position and who did it.
fn liquidated(log: &EvmLog) -> Result<(I256, Text), DecodeError> {
    let [position, liquidator]: [&B256; 2] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    data.uint(256, "liquidatorReward")?;
    data.uint(256, "remainingReward")?;
    data.end()?;
    Ok((abi::uint(position, 256, "positionId")?, hex(abi::address(liquidator, "liquidator")?)))
}

/// The key of a product. Its bare number is also its name where no table gives one, and would be shared with other venues.
fn market(product: &B256) -> Result<Text, DecodeError> {
    Ok(format!("kiloex:{}", abi::uint(product, 256, "productId")?).into())
}

/// Dollars of a position: margin times leverage.
fn size_usd(margin: I256, leverage: I256) -> Result<Decimal, DecodeError> {
    let size = margin.checked_mul(leverage);
    let size = size.ok_or_else(|| DecodeError::invalid(format!("margin {margin} times leverage {leverage} is no amount")))?;
    Ok(Decimal::new(size, 2 * DECIMALS))
}

/// Units of a size at a price.
fn units(size_usd: &Decimal, price: I256, field: &str) -> Result<Amount, DecodeError> {
    if price.is_zero() {
        return Err(DecodeError::invalid(format!("{field} is 0 for a size of {size_usd} dollars")));
    }
    let units = size_usd.div(&Decimal::new(price, DECIMALS), QTY_DECIMALS)?;
    Ok(Amount::decimals(units.value, units.scale))
}
