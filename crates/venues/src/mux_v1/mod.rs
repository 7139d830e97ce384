//! MUX v1 on BNB Chain: users trade against a pool at the price of a keeper; one contract emits everything.
//!
//! Sizes are quantities of the asset and every event states what is left of the position, so both sides of a change are
//! known. Longs and shorts both pay the pool for borrowing, by rates per eight hours; what a position owes is charged
//! inside the fee of its next event, and an open of nothing does only that.
//! Source: mux-world/mux-protocol, `contracts/core/{Trade,Account,Liquidity,Admin}.sol`.

mod layout;

use alloy_primitives::{B256, I256};
use perpdex_core::{
    Action, Amount, Basis, ChainId, CollateralFlow, Decimal, DecodeUnit, Decoded, Deployment, EventBody, EvmLog, Fill, FlowDirection,
    FlowScope, Forced, FundingKind, FundingPayment, FundingRate, Liquidation, LiquidationKind, MarketListed, OiBasis, Period, PositionSide,
    RawRecord, Size, StreamSpec, Text, TokenAmount, Venue, VenueInfo, VenueModel, VenueSlug,
};

use crate::{
    abi::{self, Reader, hex, indexed},
    emit::{DecodeError, Emitter, evm_streams, specs},
};

/// The decoder.
pub(crate) static MUX_V1: MuxV1 = MuxV1;

/// Decoder of the liquidity pool.
#[derive(Debug)]
pub(crate) struct MuxV1;

const SLUG: VenueSlug = VenueSlug::known("mux_v1");

/// Decimals of sizes, prices and dollars.
const DECIMALS: u8 = 18;
/// Fees are stated in dollars, not in a token: this names them, and [`USD_UNIT`] is what one of its smallest units is worth.
const USD: &str = "usd";
const USD_UNIT: Decimal = Decimal { value: I256::ONE, scale: DECIMALS };

static INFO: VenueInfo = VenueInfo {
    slug: SLUG,
    group: "mux_v1",
    name: "MUX v1",
    model: VenueModel::Pool,
    deployments: &[Deployment {
        chain: ChainId::BNB,
        address: "0x855e99f768fad76dd0d3eb7c446c0b759c96d520",
        first_height: Some(17_537_646),
        source: "mux-world/mux-protocol, deployments; creation of the proxy on BNB Chain",
    }],
    layout: "abi/mux_v1/liquidity_pool.json",
    events: &specs(layout::LAYOUT),
    gives: &["trades", "liquidations", "borrow", "flows"],
    unverified: &[
        "no log of this chain was at hand: the layout is that of the published source",
        "a trade's fee includes the borrowing charged with it; the two are not told apart",
        "a profit of a close that the pool could not pay in full is stated before that cut",
        "the loss of a liquidation is stated no larger than the collateral that was there",
        "collateral is named by the asset's number, in 18 decimals: it has no dollar value here",
    ],
};

impl Venue for MuxV1 {
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
            match decode_log(log, topic0, record) {
                Ok(Some((market, body))) => emitter.event(record, market, body),
                Ok(None) => {}
                Err(error) => emitter.failure(record, known.spec.name, error),
            }
        }
        emitter.finish()
    }
}

/// The event of a log with its market; `None` for what is ignored and for changes of nothing.
fn decode_log(log: &EvmLog, topic0: B256, record: &RawRecord) -> Result<Option<(Option<Text>, EventBody)>, DecodeError> {
    match topic0 {
        layout::OPEN_POSITION => {
            let change = opened(log)?;
            let body =
                if change.amount.is_zero() { borrowed(&change).map(EventBody::FundingPayment) } else { Some(fill(&change, record)?) };
            Ok(body.map(|body| (Some(change.market), body)))
        }
        layout::CLOSE_POSITION | layout::LIQUIDATE => {
            let change = closed(log, topic0 == layout::LIQUIDATE)?;
            let body = fill(&change, record)?;
            Ok(Some((Some(change.market), body)))
        }
        layout::UPDATE_FUNDING_RATE => {
            let (market, rate) = rate(log, record.time_ms)?;
            Ok(Some((Some(market), EventBody::FundingRate(rate))))
        }
        layout::DEPOSIT_COLLATERAL => Ok(Some((None, EventBody::CollateralFlow(flow(log, FlowDirection::In)?)))),
        layout::WITHDRAW_COLLATERAL => Ok(Some((None, EventBody::CollateralFlow(flow(log, FlowDirection::Out)?)))),
        layout::ADD_ASSET => Ok(listed(log)?.map(|(market, listed)| (Some(market), EventBody::MarketListed(listed)))),
        _ => Ok(None),
    }
}

/// A change of one position.
struct Change {
    kind: Kind,
    account: Text,
    market: Text,
    /// Account, collateral, asset and side in one word: the contract's own key.
    position: B256,
    collateral: Text,
    side: PositionSide,
    amount: I256,
    price: I256,
    fee_usd: I256,
    /// Unsigned size after the change.
    remain: I256,
    pnl_usd: Option<I256>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Open,
    Close,
    Liquidation,
}

/// `OpenPosition`.
fn opened(log: &EvmLog) -> Result<Change, DecodeError> {
    let [trader, asset] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let position = data.bytes32("subAccountId")?;
    let collateral = data.uint(8, "collateralId")?;
    let is_long = data.boolean("isLong")?;
    let amount = data.uint(96, "amount")?;
    let price = data.uint(96, "assetPrice")?;
    data.uint(96, "collateralPrice")?;
    data.uint(96, "newEntryPrice")?;
    let fee_usd = data.uint(96, "feeUsd")?;
    let remain = data.uint(96, "remainPosition")?;
    data.uint(96, "remainCollateral")?;
    data.end()?;
    Ok(Change {
        kind: Kind::Open,
        account: hex(abi::address(trader, "trader")?),
        market: abi::uint(asset, 8, "assetId")?.to_string().into(),
        position,
        collateral: token(collateral),
        side: side(is_long),
        amount,
        price,
        fee_usd,
        remain,
        pnl_usd: None,
    })
}

/// `ClosePosition`, or `Liquidate`, which leaves nothing of the position.
fn closed(log: &EvmLog, is_liquidation: bool) -> Result<Change, DecodeError> {
    let [trader, asset] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let position = data.bytes32("subAccountId")?;
    let collateral = data.uint(8, "collateralId")?;
    data.uint(8, "profitAssetId")?;
    let is_long = data.boolean("isLong")?;
    let amount = data.uint(96, "amount")?;
    let price = data.uint(96, "assetPrice")?;
    data.uint(96, "collateralPrice")?;
    data.uint(96, "profitAssetPrice")?;
    let fee_usd = data.uint(96, "feeUsd")?;
    let has_profit = data.boolean("hasProfit")?;
    let pnl_usd = data.uint(96, "pnlUsd")?;
    let remain = if is_liquidation { I256::ZERO } else { data.uint(96, "remainPosition")? };
    data.uint(96, "remainCollateral")?;
    data.end()?;
    Ok(Change {
        kind: if is_liquidation { Kind::Liquidation } else { Kind::Close },
        account: hex(abi::address(trader, "trader")?),
        market: abi::uint(asset, 8, "assetId")?.to_string().into(),
        position,
        collateral: token(collateral),
        side: side(is_long),
        amount,
        price,
        fee_usd,
        remain,
        pnl_usd: Some(if has_profit { pnl_usd } else { -pnl_usd }),
    })
}

fn fill(change: &Change, record: &RawRecord) -> Result<EventBody, DecodeError> {
    let opening = change.kind == Kind::Open;
    let before = if opening { change.remain - change.amount } else { change.remain + change.amount };
    if before.is_negative() {
        return Err(DecodeError::invalid(format!("remainPosition {} is less than amount {}", change.remain, change.amount)));
    }
    let is_liquidation = change.kind == Kind::Liquidation;
    // The pool's events name no order.
    let trade_key = Text::from(format!("{}/{}", record.tx_id, record.rec));
    Ok(EventBody::Fill(Box::new(Fill {
        account: change.account.clone(),
        position_key: change.position.to_string().into(),
        position_side: Some(change.side),
        collateral_token: Some(change.collateral.clone()),
        trade_key: trade_key.clone(),
        order_key: Some(trade_key),
        is_taker: true,
        is_directional: true,
        in_volume: true,
        forced: if is_liquidation { Forced::Liq } else { Forced::None },
        side: change.side.trade_side(opening),
        action: action(change.kind, before, change.remain),
        qty: Amount::decimals(change.amount, DECIMALS),
        price: Amount::decimals(change.price, DECIMALS),
        venue_notional_usd: None,
        before: Some(size(change.side, before)),
        after: Some(size(change.side, change.remain)),
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
    })))
}

fn action(kind: Kind, before: I256, after: I256) -> Action {
    match kind {
        Kind::Open if before.is_zero() => Action::Open,
        Kind::Open => Action::Increase,
        Kind::Close if after.is_zero() => Action::Close,
        Kind::Close => Action::Decrease,
        Kind::Liquidation => Action::Liquidation,
    }
}

/// What an open of nothing charged: all of its fee is borrowing. `None` where nothing was due.
fn borrowed(change: &Change) -> Option<FundingPayment> {
    if change.fee_usd.is_zero() {
        return None;
    }
    Some(FundingPayment {
        account: change.account.clone(),
        position_key: change.position.to_string().into(),
        side: Some(change.side),
        kind: FundingKind::Borrow,
        amount: TokenAmount { native: -change.fee_usd, token: USD.into() },
        token_price_usd: Some(USD_UNIT),
        size: Some(signed(change.side, change.remain)),
        interval_end_ms: None,
    })
}

/// `UpdateFundingRate`: the rates that were charged since the update before, 10^5 per eight hours.
fn rate(log: &EvmLog, time_ms: i64) -> Result<(Text, FundingRate), DecodeError> {
    let [asset] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let long = data.uint(32, "longFundingRate")?;
    data.uint(128, "longCumulativeFundingRate")?;
    let short = data.uint(32, "shortFundingRate")?;
    data.uint(128, "shortCumulativeFunding")?;
    data.end()?;
    // rate / 10^5 / 8 = rate * 125 / 10^8
    let hourly = |rate: I256| Some(Decimal::new(rate * I256::unchecked_from(125), 8));
    let rate = FundingRate {
        kind: FundingKind::Borrow,
        period: Period::SincePrevious { end_ms: time_ms },
        cost_long_1h: hourly(long),
        cost_short_1h: hourly(short),
    };
    Ok((abi::uint(asset, 8, "tokenId")?.to_string().into(), rate))
}

/// `DepositCollateral` and `WithdrawCollateral`, in the contract's 18 decimals.
fn flow(log: &EvmLog, direction: FlowDirection) -> Result<CollateralFlow, DecodeError> {
    let [_, trader] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let collateral = data.uint(8, "collateralId")?;
    data.uint(256, "rawAmount")?;
    let amount = data.uint(96, "wadAmount")?;
    data.end()?;
    Ok(CollateralFlow {
        account: hex(abi::address(trader, "trader")?),
        scope: FlowScope::Margin,
        direction,
        amount: TokenAmount { native: amount, token: token(collateral) },
        fee_native: None,
    })
}

/// `AddAsset`: a market, unless the asset is a stable coin, which cannot be traded.
fn listed(log: &EvmLog) -> Result<Option<(Text, MarketListed)>, DecodeError> {
    let [id] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let symbol = symbol(data.bytes32("symbol")?)?;
    data.uint(8, "decimals")?;
    let is_stable = data.boolean("isStable")?;
    data.address("tokenAddress")?;
    data.address("muxTokenAddress")?;
    data.end()?;
    if is_stable {
        return Ok(None);
    }
    let listed = MarketListed {
        symbol: Some(symbol),
        index_token: None,
        native_qty_decimals: Some(DECIMALS),
        quote: "USD".to_owned(),
        collateral_tokens: Vec::new(),
        oi_basis: OiBasis::Qty,
        volume_basis: Basis::Exec,
        is_creation: true,
    };
    Ok(Some((abi::uint(id, 8, "id")?.to_string().into(), listed)))
}

/// Text in a word, filled up with zeros.
fn symbol(word: B256) -> Result<String, DecodeError> {
    let text = word.as_slice();
    let length = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    String::from_utf8(text[..length].to_vec()).map_err(|_| DecodeError::invalid(format!("symbol {word} is not text")))
}

fn token(id: I256) -> Text {
    format!("mux_v1:{id}").into()
}

fn side(is_long: bool) -> PositionSide {
    if is_long { PositionSide::Long } else { PositionSide::Short }
}

fn size(side: PositionSide, amount: I256) -> Size {
    Size { qty: Some(signed(side, amount)), entry_usd: None }
}

fn signed(side: PositionSide, amount: I256) -> Amount {
    Amount::decimals(if side == PositionSide::Long { amount } else { -amount }, DECIMALS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_those_of_the_abi() {
        let layout: Vec<_> = layout::LAYOUT.iter().map(|event| (event.spec.name, event.topic0)).collect();
        crate::testing::assert_selectors(&layout, include_str!("../../../../abi/mux_v1/liquidity_pool.json"));
    }

    #[test]
    fn a_symbol_ends_at_its_first_zero() {
        let word = |text: &[u8]| B256::right_padding_from(text);
        assert_eq!(symbol(word(b"BTC")).unwrap(), "BTC");
        assert_eq!(symbol(word(b"")).unwrap(), "");
        assert!(symbol(word(&[0xff, 0xfe])).is_err());
    }
}
