//! Aster 1001x ("Simple", formerly ApolloX V2 and the backend of PancakeSwap Perps): users trade against a pool at the
//! oracle's price, everything happens in one diamond contract a chain.
//!
//! An open names its pair, side and size; a close names only the position (`tradeHash`) and becomes a
//! [`perpdex_core::Close`] that the store joins to its open. Positions are always closed whole. Funding is settled at the
//! close; its rate is the difference of the pair's accumulator.

mod layout;

use alloy_primitives::{B256, I256};
use perpdex_core::{
    Action, Amount, Basis, ChainId, Close, ClosePnl, CloseReason, CloseSize, Decimal, DecodeUnit, Decoded, Deployment, EventBody, EvmLog,
    Fill, Forced, FundingIndex, FundingKind, IndexBasis, MarketListed, OiAnchor, OiBasis, PositionSide, Price, PriceKind, RawRecord, Size,
    StreamSpec, Text, TokenAmount, Venue, VenueInfo, VenueModel, VenueSlug,
};

use crate::{
    abi::{self, Reader, hash_hex, hex, indexed},
    emit::{DecodeError, Emitter, evm_streams, specs},
};

/// The decoder.
pub(crate) static ASTER_1001X: Aster1001x = Aster1001x;

/// Decoder of the diamond.
#[derive(Debug)]
pub(crate) struct Aster1001x;

const SLUG: VenueSlug = VenueSlug::known("aster_1001x");

/// Decimals of prices.
const PRICE_DECIMALS: u8 = 8;
/// Decimals of quantities, for every pair.
const QTY_DECIMALS: u8 = 10;
/// Decimals of the funding accumulator, a fraction of notional.
const ACCUMULATOR_DECIMALS: u8 = 18;

static INFO: VenueInfo = VenueInfo {
    slug: SLUG,
    group: "aster",
    name: "Aster 1001x",
    model: VenueModel::Pool,
    deployments: &[
        deployment(ChainId::BNB, "0x1b6f2d3844c6ae7d56ceb3c3643b9060ba28feb0"),
        deployment(ChainId::ARBITRUM, "0xb3879e95a4b8e3ee570c232b19d520821f540e48"),
        deployment(ChainId::BASE, "0x9d93e5b2364070bc9837e91833f162430246dd57"),
        deployment(ChainId::OPBNB, "0x5a5454a6030fb50ceb3eb78977d140198a27be5e"),
    ],
    layout: "abi/aster_1001x/diamond.json",
    events: &specs(layout::LAYOUT),
    gives: &["trades", "liquidations", "funding", "borrow", "oi", "prices"],
    unverified: &[
        "creation blocks are not known",
        "the layout on Base and opBNB is not confirmed field by field",
        "AddPair and other configuration events follow the source of 2023",
        "the pnl of a close is before fees in the source of 2023; the deployed contracts may be newer",
        "layouts of before the holding fee have other selectors: such logs are kept and counted as unknown",
    ],
};

const fn deployment(chain: ChainId, address: &'static str) -> Deployment {
    Deployment { chain, address, first_height: None, source: "DefiLlama/dimension-adapters, PancakeSwap perps and ApolloX adapters" }
}

impl Venue for Aster1001x {
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
            match decode_log(&mut emitter, record, log, topic0) {
                Ok(true) => {}
                Ok(false) if layout::name(topic0).is_some() => {}
                Ok(false) => emitter.unknown(record, format!("topic {topic0} is not in {}", INFO.layout)),
                Err(error) => emitter.failure(record, layout::name(topic0).unwrap_or_default(), error),
            }
        }
        emitter.finish()
    }
}

/// Emits the events of one log; whether it is of a kind that makes any. Nothing is emitted where a field is wrong.
fn decode_log(emitter: &mut Emitter<'_>, record: &RawRecord, log: &EvmLog, topic0: B256) -> Result<bool, DecodeError> {
    match topic0 {
        layout::OPEN_MARKET_TRADE => {
            let (pair, fill) = open(log)?;
            emitter.event(record, Some(pair), EventBody::Fill(fill));
        }
        layout::CLOSE_TRADE_SUCCESSFUL => emitter.event(record, None, EventBody::Close(close(log, false)?)),
        layout::EXECUTE_CLOSE_SUCCESSFUL => emitter.event(record, None, EventBody::Close(close(log, true)?)),
        layout::UPDATE_PAIR_POSITION_INFO => {
            let (pair, anchor, indexes) = position_info(log)?;
            emitter.event(record, Some(pair.clone()), EventBody::OiAnchor(anchor));
            for index in indexes {
                emitter.event(record, Some(pair.clone()), EventBody::FundingIndex(index));
            }
        }
        layout::UPDATE_PAIR_ACC_FUNDING_FEE_PER_SHARE => {
            let (pair, index, price) = accumulator(log)?;
            emitter.event(record, Some(pair.clone()), EventBody::FundingIndex(index));
            emitter.event(record, Some(pair), EventBody::Price(price));
        }
        layout::ADD_PAIR => {
            let (pair, listed) = pair_added(log)?;
            emitter.event(record, Some(pair), EventBody::MarketListed(listed));
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// `OpenMarketTrade`: the pair and the opening fill.
fn open(log: &EvmLog) -> Result<(Text, Box<Fill>), DecodeError> {
    let [user, trade_hash] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    data.address("user")?;
    data.uint(32, "userOpenTradeIndex")?;
    let entry_price = data.uint(64, "entryPrice")?;
    let pair = hex(data.address("pairBase")?);
    let token_in = hex(data.address("tokenIn")?);
    data.uint(96, "margin")?;
    data.uint(64, "stopLoss")?;
    data.uint(64, "takeProfit")?;
    data.uint(24, "broker")?;
    let is_long = data.boolean("isLong")?;
    let open_fee = data.uint(96, "openFee")?;
    data.int(256, "longAccFundingFeePerShare")?;
    data.uint(96, "executionFee")?;
    data.uint(40, "timestamp")?;
    let qty = data.uint(80, "qty")?;
    data.uint(40, "holdingFeeRate")?;
    data.uint(256, "openBlock")?;
    data.end()?;

    let side = if is_long { PositionSide::Long } else { PositionSide::Short };
    let position_key = hash_hex(trade_hash);
    // 64 and 80 bits: the product cannot overflow.
    let entry_usd = Amount::decimals(entry_price * qty, PRICE_DECIMALS + QTY_DECIMALS);
    let fill = Box::new(Fill {
        account: hex(abi::address(user, "user")?),
        position_key: position_key.clone(),
        position_side: Some(side),
        collateral_token: Some(token_in.clone()),
        trade_key: position_key.clone(),
        order_key: Some(position_key),
        is_taker: true,
        is_directional: true,
        in_volume: true,
        forced: Forced::None,
        side: side.trade_side(true),
        action: Action::Open,
        qty: Amount::decimals(qty, QTY_DECIMALS),
        price: Amount::decimals(entry_price, PRICE_DECIMALS),
        venue_notional_usd: None,
        before: Some(size(I256::ZERO, Amount::decimals(I256::ZERO, PRICE_DECIMALS + QTY_DECIMALS))),
        after: Some(size(if is_long { qty } else { -qty }, entry_usd)),
        fee: Some(TokenAmount { native: open_fee, token: token_in }),
        fee_token_price_usd: None,
        realized_pnl_usd: None,
        liquidation: None,
    });
    Ok((pair, fill))
}

fn size(qty: I256, entry_usd: Amount) -> Size {
    Size { qty: Some(Amount::decimals(qty, QTY_DECIMALS)), entry_usd: Some(entry_usd) }
}

/// `CloseTradeSuccessful`, or `ExecuteCloseSuccessful` where the keeper closed and says why.
fn close(log: &EvmLog, by_keeper: bool) -> Result<Box<Close>, DecodeError> {
    let [user, trade_hash] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let execution_type = if by_keeper { Some(data.uint(8, "executionType")?) } else { None };
    let price = data.uint(64, "closePrice")?;
    let funding_native = data.int(96, "fundingFee")?;
    let fee_native = data.uint(96, "closeFee")?;
    let pnl_native = data.int(96, "pnl")?;
    let borrow_native = data.uint(96, "holdingFee")?;
    data.end()?;
    let position_key = hash_hex(trade_hash);
    Ok(Box::new(Close {
        account: Some(hex(abi::address(user, "user")?)),
        position_key: position_key.clone(),
        side: None,
        size: CloseSize::Whole,
        trade_key: position_key.clone(),
        order_key: Some(position_key),
        reason: reason(execution_type)?,
        price: Amount::decimals(price, PRICE_DECIMALS),
        venue_notional_usd: None,
        token: None,
        token_price_usd: None,
        fee_native,
        funding_native,
        borrow_native,
        pnl: ClosePnl::Native(pnl_native),
        liquidator: None,
        liquidation_fee: None,
    }))
}

fn reason(execution_type: Option<I256>) -> Result<CloseReason, DecodeError> {
    let Some(value) = execution_type else { return Ok(CloseReason::Trader) };
    match u8::try_from(value) {
        Ok(0) => Ok(CloseReason::TakeProfit),
        Ok(1) => Ok(CloseReason::StopLoss),
        Ok(2) => Ok(CloseReason::Liquidation),
        _ => Err(DecodeError::invalid(format!("executionType {value} is none of 0 take profit, 1 stop loss, 2 liquidation"))),
    }
}

/// `UpdatePairPositionInfo`: levels of both sides and the accumulator. A pair whose last position closes is deleted on
/// the contract: then `lastBlock` is 0, the accumulator is the last one, copied before, and the next one starts from 0
/// (apollox-finance/apollox-perp-contracts, `TradingCoreFacet.updatePairPositionInfo`).
fn position_info(log: &EvmLog) -> Result<(Text, OiAnchor, Vec<FundingIndex>), DecodeError> {
    let [pair] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let last_block = data.uint(256, "lastBlock")?;
    let long = data.uint(256, "longQty")?;
    let short = data.uint(256, "shortQty")?;
    let accumulator = data.int(256, "longAccFundingFeePerShare")?;
    data.uint(64, "lpLongAvgPrice")?;
    data.uint(64, "lpShortAvgPrice")?;
    data.end()?;
    let anchor = OiAnchor {
        collateral_token: None,
        long: Some(Amount::decimals(long, QTY_DECIMALS)),
        short: Some(Amount::decimals(short, QTY_DECIMALS)),
        long_entry_usd: None,
        short_entry_usd: None,
    };
    let mut indexes = Vec::with_capacity(2);
    if !last_block.is_zero() || !accumulator.is_zero() {
        indexes.push(index(accumulator, false)?);
    }
    if last_block.is_zero() {
        indexes.push(index(I256::ZERO, true)?);
    }
    Ok((hex(abi::address(pair, "pairBase")?), anchor, indexes))
}

/// `UpdatePairAccFundingFeePerShare`: the accumulator and the price it was reckoned at.
fn accumulator(log: &EvmLog) -> Result<(Text, FundingIndex, Price), DecodeError> {
    let [pair] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let last_block = data.uint(256, "lastBlock")?;
    let accumulator = data.int(256, "longAccFundingFeePerShare")?;
    let market_price = data.uint(256, "marketPrice")?;
    data.end()?;
    let price = Price { kind: PriceKind::Oracle, price: Amount::decimals(market_price, PRICE_DECIMALS) };
    Ok((hex(abi::address(pair, "pairBase")?), index(accumulator, last_block.is_zero())?, price))
}

/// The accumulator falls as longs pay; the index grows as the holder pays.
fn index(accumulator: I256, is_reset: bool) -> Result<FundingIndex, DecodeError> {
    let value = accumulator
        .checked_neg()
        .ok_or_else(|| DecodeError::invalid(format!("longAccFundingFeePerShare {accumulator} has no negation")))?;
    Ok(FundingIndex {
        kind: FundingKind::Funding,
        side: None,
        value: Decimal::new(value, ACCUMULATOR_DECIMALS),
        basis: IndexBasis::Fraction,
        is_reset,
    })
}

/// `AddPair`: the name of a pair, and that its levels start at zero.
fn pair_added(log: &EvmLog) -> Result<(Text, MarketListed), DecodeError> {
    let [base, _, _] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    data.uint(16, "slippageConfigIndex")?;
    data.uint(16, "feeConfigIndex")?;
    let name = data.string("name")?;
    if name.is_empty() {
        return Err(DecodeError::invalid("name is empty".to_owned()));
    }
    let pair = hex(abi::address(base, "base")?);
    let listed = MarketListed {
        symbol: Some(name.to_owned()),
        index_token: Some(pair.clone()),
        native_qty_decimals: Some(QTY_DECIMALS),
        quote: "USD".to_owned(),
        collateral_tokens: Vec::new(),
        oi_basis: OiBasis::Qty,
        volume_basis: Basis::Exec,
        is_creation: true,
    };
    Ok((pair, listed))
}
