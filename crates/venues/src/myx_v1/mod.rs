//! MYX v1 on BNB Chain: users trade against the pool of a pair at an oracle's price. The contracts that execute orders tell
//! account, side, size and price of each execution.
//!
//! An order that has to wait for auto-deleveraging is emitted, too, and is no execution. Positions and funding rates are
//! told by a position manager whose address is not known. Source: the published ABI, and d11myx/myx-contracts-archive for
//! units and signs (`PrecisionUtils.sol`, `TokenHelper.sol`, `PositionManager.sol`).

mod layout;

use alloy_primitives::I256;
use perpdex_core::{
    Action, Amount, Basis, ChainId, DecodeUnit, Decoded, Deployment, EventBody, EvmLog, Fill, Forced, FundingKind, FundingPayment,
    Liquidation, LiquidationKind, MarketListed, OiBasis, PositionSide, RawBody, RawRecord, Size, StateCall, StreamSpec, Text, TokenAmount,
    Unit, Venue, VenueInfo, VenueModel, VenueSlug,
};

use crate::{
    abi::{self, Reader, hex, indexed},
    emit::{DecodeError, Emitter, evm_streams, specs},
    erc20,
};

/// The decoder.
pub(crate) static MYX_V1: MyxV1 = MyxV1;

/// Decoder of the pool and of the contracts that execute orders.
#[derive(Debug)]
pub(crate) struct MyxV1;

const SLUG: VenueSlug = VenueSlug::known("myx_v1");

/// Decimals of prices.
const PRICE_DECIMALS: u8 = 30;
/// Bits of `ExecuteOrderV2.flags`.
const IS_INCREASE: u32 = 0;
const IS_LONG: u32 = 1;
const NEEDS_ADL: u32 = 2;
const IS_CLOSED: u32 = 3;

static INFO: VenueInfo = VenueInfo {
    slug: SLUG,
    group: "myx_v1",
    name: "MYX v1",
    model: VenueModel::Pool,
    deployments: &[
        deployment("0x22cec08111bbae24d0b80bda2a6503eab9ba704b"),
        deployment("0xb42685d6542c0abdb9f3fc8388e0205570b8673b"),
        deployment("0x9b9806e6134729881cabd7318e2dca923894e2d6"),
    ],
    layout: "abi/myx_v1/contracts.json",
    events: &specs(layout::LAYOUT),
    gives: &["trades", "liquidations", "funding", "oi"],
    unverified: &[
        "no log was at hand: the layout is the published ABI, units and signs are those of the archived source",
        "the position manager's address is not known: funding rates and average prices are not told, payments are",
        "fees and payments are in the pair's stable token, which the execution does not name: they have no dollar value",
        "a liquidation that waits for auto-deleveraging is executed in a later transaction, as an ordinary order",
    ],
};

/// The pool's creation block bounds that of the others, which serve it.
const fn deployment(address: &'static str) -> Deployment {
    Deployment {
        chain: ChainId::BNB,
        address,
        first_height: Some(47_537_511),
        source: "DefiLlama adapters; creation of the pool on BNB Chain",
    }
}

impl Venue for MyxV1 {
    fn info(&self) -> &'static VenueInfo {
        &INFO
    }

    fn streams(&self, chain: ChainId) -> Vec<StreamSpec> {
        let topics = vec![layout::PAIR_ADDED, layout::EXECUTE_ORDER, layout::EXECUTE_LIQUIDATION, layout::EXECUTE_ADL_ORDER];
        evm_streams(&INFO, chain, [topics, Vec::new(), Vec::new(), Vec::new()])
    }

    /// Name and decimals of the index token of a new pair.
    fn state_calls(&self, unit: &DecodeUnit<'_>) -> Vec<StateCall> {
        let tokens = unit.records.iter().filter_map(|record| match &record.body {
            RawBody::EvmLog(log) if log.topics.first() == Some(&layout::PAIR_ADDED) => log.topics.get(1),
            _ => None,
        });
        tokens.filter_map(|topic| abi::address(topic, "indexToken").ok()).flat_map(erc20::calls).collect()
    }

    fn decode(&self, unit: &DecodeUnit<'_>) -> Decoded {
        let mut emitter = Emitter::new(unit, SLUG);
        let forced = forced(&mut emitter, unit.records);
        for record in unit.records {
            let Some((log, topic0)) = emitter.log(record) else { continue };
            let Some(known) = layout::LAYOUT.iter().find(|event| event.topic0 == topic0) else {
                emitter.unknown(record, format!("topic {topic0} is not in {}", INFO.layout));
                continue;
            };
            let done = match topic0 {
                layout::PAIR_ADDED => listed(&mut emitter, unit, record, log),
                layout::EXECUTE_ORDER => executed(&mut emitter, record, log, &forced),
                _ => Ok(()),
            };
            if let Err(error) = done {
                emitter.failure(record, known.spec.name, error);
            }
        }
        emitter.finish()
    }
}

/// Orders of the transaction that are no free trades.
#[derive(Default)]
struct ForcedOrders {
    liquidations: Vec<I256>,
    deleveragings: Vec<I256>,
}

/// What `ExecuteLiquidation` and `ExecuteAdlOrder` say of the transaction; both come behind the executions they name.
fn forced(emitter: &mut Emitter<'_>, records: &[RawRecord]) -> ForcedOrders {
    let mut out = ForcedOrders::default();
    for record in records {
        let RawBody::EvmLog(log) = &record.body else { continue };
        let (name, done) = match log.topics.first() {
            Some(topic0) if *topic0 == layout::EXECUTE_LIQUIDATION => {
                ("ExecuteLiquidation", liquidation(log).map(|order| out.liquidations.push(order)))
            }
            Some(topic0) if *topic0 == layout::EXECUTE_ADL_ORDER => {
                ("ExecuteAdlOrder", deleveraging(log).map(|mut orders| out.deleveragings.append(&mut orders)))
            }
            _ => continue,
        };
        if let Err(error) = done {
            emitter.failure(record, name, error);
        }
    }
    out
}

/// `ExecuteLiquidation`: the order that does it.
fn liquidation(log: &EvmLog) -> Result<I256, DecodeError> {
    let [] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    data.bytes32("positionKey")?;
    data.address("account")?;
    data.uint(256, "pairIndex")?;
    data.boolean("isLong")?;
    data.uint(256, "collateral")?;
    data.uint(256, "sizeAmount")?;
    data.uint(256, "price")?;
    let order = data.uint(256, "orderId")?;
    data.end()?;
    Ok(order)
}

/// `ExecuteAdlOrder`: the orders that deleverage.
fn deleveraging(log: &EvmLog) -> Result<Vec<I256>, DecodeError> {
    let [] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let orders = data.words("adlOrderIds")?;
    data.words("adlPositionKeys")?;
    data.words("orders")?;
    Ok(orders.iter().map(|word| abi::uint(word, 256, "adlOrderIds")).collect::<Result<_, _>>()?)
}

/// `ExecuteOrderV2`: a fill and a funding payment; nothing for an order that waits or moves collateral alone.
fn executed(emitter: &mut Emitter<'_>, record: &RawRecord, log: &EvmLog, forced: &ForcedOrders) -> Result<(), DecodeError> {
    let [] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let account = hex(data.address("account")?);
    let order = data.uint(256, "orderId")?;
    let pair = market(data.uint(256, "pairIndex")?);
    data.uint(8, "tradeType")?;
    data.int(256, "collateral")?;
    data.uint(256, "orderSize")?;
    data.uint(256, "orderPrice")?;
    let size = data.uint(256, "executionSize")?;
    let price = data.uint(256, "executionPrice")?;
    data.uint(256, "executedSize")?;
    data.int(256, "pnl")?;
    let trading_fee = data.uint(256, "tradingFee")?;
    let funding_fee = data.int(256, "fundingFee")?;
    data.uint(8, "paymentType")?;
    data.uint(256, "networkFeeAmount")?;
    let flags = data.uint(256, "flags")?;
    data.end()?;
    let flag = |bit: u32| flags.into_raw().bit(bit as usize);
    if flag(NEEDS_ADL) {
        return Ok(());
    }
    let side = if flag(IS_LONG) { PositionSide::Long } else { PositionSide::Short };
    let position_key = format!("{account}/{pair}/{}", side.as_str());
    let token = format!("{pair}/stable");
    if !size.is_zero() {
        let execution = Execution {
            account: account.clone(),
            position_key: position_key.clone().into(),
            side,
            order,
            size,
            price,
            fee: TokenAmount { native: trading_fee, token: token.clone().into() },
            opens: flag(IS_INCREASE),
            closes: flag(IS_CLOSED),
        };
        emitter.event(record, Some(pair.clone()), EventBody::Fill(Box::new(execution.fill(record, forced)?)));
    }
    if !funding_fee.is_zero() {
        let payment = FundingPayment {
            account,
            position_key: position_key.into(),
            side: Some(side),
            kind: FundingKind::Funding,
            amount: TokenAmount { native: funding_fee, token: token.into() },
            token_price_usd: None,
            size: None,
            interval_end_ms: None,
        };
        emitter.event(record, Some(pair), EventBody::FundingPayment(payment));
    }
    Ok(())
}

/// An execution with a size.
struct Execution {
    account: Text,
    position_key: Text,
    side: PositionSide,
    order: I256,
    size: I256,
    price: I256,
    fee: TokenAmount,
    opens: bool,
    closes: bool,
}

impl Execution {
    fn fill(self, record: &RawRecord, orders: &ForcedOrders) -> Result<Fill, DecodeError> {
        if self.opens && self.closes {
            return Err(DecodeError::invalid(format!("order {} both increases and closes a position", self.order)));
        }
        let (forced, kind) = if orders.liquidations.contains(&self.order) {
            (Forced::Liq, Some(LiquidationKind::Pool))
        } else if orders.deleveragings.contains(&self.order) {
            (Forced::Adl, Some(LiquidationKind::Adl))
        } else {
            (Forced::None, None)
        };
        let action = match (forced, self.opens, self.closes) {
            (Forced::Liq, ..) => Action::Liquidation,
            (Forced::Adl, ..) => Action::Adl,
            (Forced::None, true, _) => Action::Increase,
            (Forced::None, false, true) => Action::Close,
            (Forced::None, false, false) => Action::Decrease,
        };
        let signed = if self.side == PositionSide::Long { self.size } else { -self.size };
        let told = |native| Some(Size { qty: Some(Amount { native, unit: Unit::MarketQty }), entry_usd: None });
        Ok(Fill {
            account: self.account,
            position_key: self.position_key,
            position_side: Some(self.side),
            collateral_token: None,
            trade_key: format!("{}/{}", record.tx_id, record.rec).into(),
            order_key: Some(self.order.to_string().into()),
            is_taker: true,
            is_directional: forced != Forced::Adl,
            in_volume: true,
            forced,
            side: self.side.trade_side(self.opens),
            action,
            qty: Amount::market_qty(self.size),
            price: Amount::decimals(self.price, PRICE_DECIMALS),
            venue_notional_usd: None,
            // What closes a position is all that was left of it.
            before: if self.closes { told(signed) } else { None },
            after: if self.closes { told(I256::ZERO) } else { None },
            fee: Some(self.fee),
            fee_token_price_usd: None,
            realized_pnl_usd: None,
            liquidation: kind.map(|kind| Liquidation {
                kind,
                side: self.side,
                liquidator: None,
                mark_price: None,
                fee: None,
                is_partial: Some(!self.closes),
            }),
        })
    }
}

/// `PairAdded`: a market, named and measured by its index token where that answered.
fn listed(emitter: &mut Emitter<'_>, unit: &DecodeUnit<'_>, record: &RawRecord, log: &EvmLog) -> Result<(), DecodeError> {
    let [index_token, stable_token] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    data.address("lpToken")?;
    let pair = market(data.uint(256, "index")?);
    data.end()?;
    let token = abi::address(index_token, "indexToken")?;
    let listed = MarketListed {
        symbol: erc20::symbol(unit, token),
        index_token: Some(hex(token)),
        native_qty_decimals: erc20::decimals(unit, token),
        quote: "USD".to_owned(),
        collateral_tokens: vec![hex(abi::address(stable_token, "stableToken")?)],
        oi_basis: OiBasis::Qty,
        volume_basis: Basis::Exec,
        is_creation: true,
    };
    emitter.event(record, Some(pair), EventBody::MarketListed(listed));
    Ok(())
}

/// The key of a pair. Its bare index is also its name where the token does not answer, and would be shared with other venues.
fn market(index: I256) -> Text {
    format!("myx_v1:{index}").into()
}
