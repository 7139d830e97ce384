//! Ostium on Arbitrum: users trade currencies, metals, indices, stocks and crypto against a vault, in USDC. Four contracts emit what
//! matters: trades and fees, funding, the list of pairs, and the traders' requests.
//!
//! An open names everything; a close names only its trade, and becomes a [`Close`] that the store joins to the open. Partial closes tell
//! the share of what is left. Source: 0xOstium/smart-contracts-public (June 2025), `src/`.

mod layout;

use alloy_primitives::{Address, B256, I256};
use perpdex_core::{
    Action, Amount, Basis, ChainId, Close, ClosePnl, CloseReason, CloseSize, Decimal, DecodeUnit, Decoded, Deployment, EventBody,
    EvmFilter, EvmLog, Fill, Forced, FundingIndex, FundingKind, IndexBasis, MarketListed, OiBasis, PositionSide, RawRecord, Size,
    StreamSpec, TokenAmount, Venue, VenueInfo, VenueModel, VenueSlug, Watch,
};

use crate::{
    abi::{self, Reader, hex, indexed},
    emit::{DecodeError, Emitter, specs},
};

/// The decoder.
pub(crate) static OSTIUM: Ostium = Ostium;

/// Decoder of the contracts.
#[derive(Debug)]
pub(crate) struct Ostium;

const SLUG: VenueSlug = VenueSlug::known("ostium");

/// The only collateral.
const USDC: &str = "0xaf88d065e77c8cc2239327c5edb3a432268e5831";
/// Decimals of prices and of quantities.
const DECIMALS: u8 = 18;
/// Decimals of collateral times leverage.
const SIZE_DECIMALS: u8 = 8;
/// Decimals of the accumulators, fractions of the size at entry.
const ACCUMULATOR_DECIMALS: u8 = 18;
/// What `percentageClosed` counts as everything.
const WHOLE: u16 = 10_000;

static INFO: VenueInfo = VenueInfo {
    slug: SLUG,
    group: "ostium",
    name: "Ostium",
    model: VenueModel::Pool,
    deployments: &[
        deployment("0x7720fc8c8680bf4a1af99d44c6c265a74e9742a9"),
        deployment("0x3890243a8fc091c626ed26c087a028b46bc9d66c"),
        deployment("0x260e349f643f12797fdc6f8c9d3df211d5577823"),
        deployment("0x6d0ba1f9996dbd8885827e1b2e8f6593e7702411"),
    ],
    layout: "abi/ostium/contracts.json",
    events: &specs(layout::LAYOUT),
    gives: &["trades", "liquidations", "funding", "borrow", "oi"],
    unverified: &[
        "creation blocks are not known; no log was at hand: the layout is that of the published contracts of June 2025",
        "the layout since the upgrade of 2026 is that of the venue's SDK; at which block it began is not known",
        "whether funding is still charged since then is not known; its rollover indexes are left out",
        "what an older rollover accumulator counted is taken from the contracts of June 2025",
    ],
};

const fn deployment(address: &'static str) -> Deployment {
    Deployment {
        chain: ChainId::ARBITRUM,
        address,
        first_height: None,
        source: "immunefi.com, scope of Ostium; 0xOstium/ostium-python-sdk, config",
    }
}

impl Venue for Ostium {
    fn info(&self) -> &'static VenueInfo {
        &INFO
    }

    fn streams(&self, chain: ChainId) -> Vec<StreamSpec> {
        let of_chain = INFO.deployments.iter().filter(|deployment| deployment.chain == chain);
        let addresses: Vec<Address> =
            of_chain.map(|deployment| deployment.address.parse().expect("a deployment's address is hex")).collect();
        if addresses.is_empty() {
            return Vec::new();
        }
        let watch = Watch::Evm(vec![EvmFilter { addresses, topics: Default::default() }]);
        vec![StreamSpec { part: "", version: 1, watch, first_height: None, sees_unknown: true }]
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
            if let Err(error) = emit(&mut emitter, record, &logs, at) {
                emitter.failure(record, names[at], error);
            }
        }
        emitter.finish()
    }
}

/// One event.
#[derive(Debug)]
enum Log {
    /// `MarketOpenExecuted`, `LimitOpenExecuted`.
    Opened(Box<Opened>),
    /// `MarketCloseExecuted`, `MarketCloseExecutedV2`, `LimitCloseExecuted`.
    Closed(Closed),
    /// `FeesCharged`, `FeesChargedV2`: what holding the part closed cost.
    Held(Held),
    /// `CloseFeeCharged`: trade, and fee.
    CloseFee(I256, I256),
    /// `DevFeeCharged`, `VaultOpeningFeeCharged`, `BuilderFeeCharged`: a part of the opening fee.
    OpeningFee(I256, I256),
    /// `VaultLiqFeeCharged`: a liquidation.
    LiquidationFee(I256, I256),
    /// `AccFundingFeesStored`, `AccFundingFeesStoredV2`, `AccRolloverFeesStored`: pair, and both sides.
    Accumulated(FundingKind, I256, [I256; 2]),
    /// `PairAdded`: pair, and name.
    Listed(I256, String),
}

#[derive(Debug)]
struct Opened {
    /// Number of the order, and of the trade that it opens.
    trade: I256,
    trader: Address,
    pair: I256,
    side: PositionSide,
    /// Collateral after fees times leverage.
    size: I256,
    /// Price impact included.
    price: I256,
    qty: I256,
}

#[derive(Debug)]
struct Closed {
    order: I256,
    trade: I256,
    price: I256,
    reason: CloseReason,
    /// Share of what is left, where not all.
    share: Option<I256>,
}

#[derive(Debug)]
struct Held {
    order: I256,
    trade: I256,
    trader: Address,
    rollover: I256,
    funding: I256,
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
    Ok(Some(match topic0 {
        layout::MARKET_OPEN_EXECUTED => opened(log, false, false)?,
        layout::MARKET_OPEN_EXECUTED_DAY_TRADE => opened(log, false, true)?,
        layout::LIMIT_OPEN_EXECUTED => opened(log, true, false)?,
        layout::LIMIT_OPEN_EXECUTED_DAY_TRADE => opened(log, true, true)?,
        layout::MARKET_CLOSE_EXECUTED | layout::MARKET_CLOSE_EXECUTED_V2 | layout::LIMIT_CLOSE_EXECUTED => {
            Log::Closed(closed(log, topic0)?)
        }
        layout::FEES_CHARGED => Log::Held(held(log, false)?),
        layout::FEES_CHARGED_V2 => Log::Held(held(log, true)?),
        layout::CLOSE_FEE_CHARGED => close_fee(log)?,
        layout::DEV_FEE_CHARGED | layout::VAULT_OPENING_FEE_CHARGED => {
            let [trade, _trader] = indexed(log)?;
            Log::OpeningFee(abi::uint(trade, 256, "tradeId")?, amount(log)?)
        }
        layout::BUILDER_FEE_CHARGED => {
            let [trade, _trader, _builder] = indexed(log)?;
            Log::OpeningFee(abi::uint(trade, 256, "tradeId")?, amount(log)?)
        }
        layout::VAULT_LIQ_FEE_CHARGED => {
            let [_order, trade, _trader] = indexed(log)?;
            Log::LiquidationFee(abi::uint(trade, 256, "tradeId")?, amount(log)?)
        }
        layout::ACC_FUNDING_FEES_STORED | layout::ACC_FUNDING_FEES_STORED_V2 => funding(log, topic0 == layout::ACC_FUNDING_FEES_STORED_V2)?,
        layout::ACC_ROLLOVER_FEES_STORED => {
            let [pair] = indexed(log)?;
            let value = amount(log)?;
            Log::Accumulated(FundingKind::Borrow, abi::uint(pair, 16, "pairIndex")?, [value; 2])
        }
        layout::PAIR_ADDED => listed(log)?,
        _ => return Ok(None),
    }))
}

fn opened(log: &EvmLog, is_limit: bool, has_day_trade: bool) -> Result<Log, DecodeError> {
    let [trade] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    if is_limit {
        data.uint(256, "limitIndex")?;
    }
    let collateral = data.uint(256, "t.collateral")?;
    let price = data.uint(192, "t.openPrice")?;
    data.uint(192, "t.tp")?;
    data.uint(192, "t.sl")?;
    let trader = data.address("t.trader")?;
    let leverage = data.uint(32, "t.leverage")?;
    let pair = data.uint(16, "t.pairIndex")?;
    data.uint(8, "t.index")?;
    let side = if data.boolean("t.buy")? { PositionSide::Long } else { PositionSide::Short };
    if has_day_trade {
        data.boolean("t.isDayTrade")?;
    }
    data.uint(256, "priceImpactP")?;
    let qty = data.uint(256, "tradeNotional")?;
    data.end()?;
    let size =
        collateral.checked_mul(leverage).ok_or_else(|| DecodeError::invalid(format!("collateral {collateral} x leverage {leverage}")))?;
    if price.is_zero() || qty.is_zero() {
        return Err(DecodeError::invalid(format!("a quantity of {qty} at a price of {price}")));
    }
    Ok(Log::Opened(Box::new(Opened { trade: abi::uint(trade, 256, "orderId")?, trader, pair, side, size, price, qty })))
}

fn closed(log: &EvmLog, topic0: B256) -> Result<Closed, DecodeError> {
    let [order, trade] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let reason = match topic0 == layout::LIMIT_CLOSE_EXECUTED {
        true => reason(data.uint(8, "orderType")?)?,
        false => CloseReason::Trader,
    };
    let price = data.uint(256, "price")?;
    data.uint(256, "priceImpactP")?;
    data.int(256, "percentProfit")?;
    data.uint(256, "usdcSentToTrader")?;
    let share = if topic0 == layout::MARKET_CLOSE_EXECUTED_V2 { Some(data.uint(256, "percentageClosed")?) } else { None };
    data.end()?;
    let whole = I256::unchecked_from(WHOLE);
    match share {
        Some(share) if share.is_zero() || share > whole => {
            Err(DecodeError::invalid(format!("percentageClosed {share} is not 1 to {WHOLE}")))
        }
        _ => Ok(Closed {
            order: abi::uint(order, 256, "orderId")?,
            trade: abi::uint(trade, 256, "tradeId")?,
            price,
            reason,
            share: share.filter(|share| *share < whole),
        }),
    }
}

/// `LimitOrder`, as `LimitCloseExecuted` has it: the contract says liquidation where nothing is paid out.
fn reason(order_type: I256) -> Result<CloseReason, DecodeError> {
    match u8::try_from(order_type) {
        Ok(0) => Ok(CloseReason::TakeProfit),
        Ok(1) => Ok(CloseReason::StopLoss),
        Ok(2) => Ok(CloseReason::Liquidation),
        // A day trade ends with its day.
        Ok(4) => Ok(CloseReason::Trader),
        _ => Err(DecodeError::invalid(format!("orderType {order_type} closes nothing"))),
    }
}

fn held(log: &EvmLog, is_v2: bool) -> Result<Held, DecodeError> {
    let [order, trade, trader] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let rollover = if is_v2 { data.int(256, "rolloverFees")? } else { data.uint(256, "rolloverFees")? };
    let funding = data.int(256, "fundingFees")?;
    data.end()?;
    if funding == I256::MIN {
        return Err(DecodeError::invalid("fundingFees has no negation".to_owned()));
    }
    let (order, trade) = (abi::uint(order, 256, "orderId")?, abi::uint(trade, 256, "tradeId")?);
    Ok(Held { order, trade, trader: abi::address(trader, "trader")?, rollover, funding })
}

fn close_fee(log: &EvmLog) -> Result<Log, DecodeError> {
    let [_order, trade] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    data.address("trader")?;
    let fee = data.uint(256, "closeFee")?;
    data.end()?;
    Ok(Log::CloseFee(abi::uint(trade, 256, "tradeId")?, fee))
}

/// The only field in the data.
fn amount(log: &EvmLog) -> Result<I256, DecodeError> {
    let mut data = Reader::new(&log.data);
    let amount = data.uint(256, "amount")?;
    data.end()?;
    Ok(amount)
}

fn funding(log: &EvmLog, is_v2: bool) -> Result<Log, DecodeError> {
    let [pair] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let sides = [data.int(256, "valueLong")?, data.int(256, "valueShort")?];
    if is_v2 {
        data.int(256, "lastOiDelta")?;
    }
    data.int(64, "lastFundingRate")?;
    if !is_v2 {
        data.int(64, "velocity")?;
    }
    data.end()?;
    Ok(Log::Accumulated(FundingKind::Funding, abi::uint(pair, 16, "pairIndex")?, sides))
}

fn listed(log: &EvmLog) -> Result<Log, DecodeError> {
    let [] = indexed(log)?;
    let mut data = Reader::new(&log.data);
    let pair = data.uint(16, "index")?;
    let (from, to) = (text(data.bytes32("from")?)?, text(data.bytes32("to")?)?);
    data.end()?;
    Ok(Log::Listed(pair, format!("{from}/{to}")))
}

/// Text in a word, filled up with zeros.
fn text(word: B256) -> Result<String, DecodeError> {
    let bytes = word.as_slice();
    let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    match std::str::from_utf8(&bytes[..length]) {
        Ok(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(DecodeError::invalid(format!("{word} is no name"))),
    }
}

/// Emits the events of one record, given all of its transaction.
fn emit(emitter: &mut Emitter<'_>, record: &RawRecord, logs: &[Option<Log>], at: usize) -> Result<(), DecodeError> {
    match &logs[at] {
        Some(Log::Opened(opened)) => {
            let fill = open(opened, logs, at)?;
            emitter.event(record, Some(opened.pair.to_string().into()), EventBody::Fill(Box::new(fill)));
        }
        Some(Log::Closed(closed)) => emitter.event(record, None, EventBody::Close(Box::new(close(closed, logs)))),
        Some(Log::Accumulated(kind, pair, values)) => {
            for (side, value) in [PositionSide::Long, PositionSide::Short].into_iter().zip(values) {
                let value = Decimal::new(*value, ACCUMULATOR_DECIMALS);
                let index = FundingIndex { kind: *kind, side: Some(side), value, basis: IndexBasis::Fraction, is_reset: false };
                emitter.event(record, Some(pair.to_string().into()), EventBody::FundingIndex(index));
            }
        }
        Some(Log::Listed(pair, symbol)) => {
            emitter.event(record, Some(pair.to_string().into()), EventBody::MarketListed(market(symbol)));
        }
        _ => {}
    }
    Ok(())
}

fn open(opened: &Opened, logs: &[Option<Log>], at: usize) -> Result<Fill, DecodeError> {
    let mut parts = logs[..at].iter().flatten().filter_map(|log| match log {
        Log::OpeningFee(trade, amount) if *trade == opened.trade => Some(*amount),
        _ => None,
    });
    let fee = parts.try_fold(I256::ZERO, |sum, part| sum.checked_add(part));
    let fee = fee.ok_or_else(|| DecodeError::invalid("the parts of the opening fee have no sum".to_owned()))?;
    let signed = if opened.side == PositionSide::Long { opened.qty } else { -opened.qty };
    let size = |qty: I256, usd: I256| {
        Some(Size { qty: Some(Amount::decimals(qty, DECIMALS)), entry_usd: Some(Amount::decimals(usd, SIZE_DECIMALS)) })
    };
    let key = opened.trade.to_string();
    Ok(Fill {
        account: hex(opened.trader),
        position_key: key.clone().into(),
        position_side: Some(opened.side),
        collateral_token: Some(USDC.into()),
        trade_key: key.clone().into(),
        order_key: Some(key.into()),
        is_taker: true,
        is_directional: true,
        in_volume: true,
        forced: Forced::None,
        side: opened.side.trade_side(true),
        action: Action::Open,
        qty: Amount::decimals(opened.qty, DECIMALS),
        price: Amount::decimals(opened.price, DECIMALS),
        venue_notional_usd: None,
        before: size(I256::ZERO, I256::ZERO),
        after: size(signed, opened.size),
        fee: (!fee.is_zero()).then(|| TokenAmount { native: fee, token: USDC.into() }),
        fee_token_price_usd: None,
        realized_pnl_usd: None,
        liquidation: None,
    })
}

/// A close names its trade alone; the fees beside it name the trader.
fn close(closed: &Closed, logs: &[Option<Log>]) -> Close {
    let find = |pick: &dyn Fn(&Log) -> Option<I256>| logs.iter().flatten().find_map(pick);
    let held = logs.iter().flatten().find_map(|log| match log {
        Log::Held(held) if (held.order, held.trade) == (closed.order, closed.trade) => Some(held),
        _ => None,
    });
    let fee = find(&|log| match log {
        Log::CloseFee(trade, fee) if *trade == closed.trade => Some(*fee),
        _ => None,
    });
    // A market close of which nothing is left is a liquidation, too: the vault takes its fee.
    let liquidation_fee = find(&|log| match log {
        Log::LiquidationFee(trade, fee) if *trade == closed.trade => Some(*fee),
        _ => None,
    });
    let order_key = closed.order.to_string();
    Close {
        account: held.map(|held| hex(held.trader)),
        position_key: closed.trade.to_string().into(),
        side: None,
        size: closed.share.map_or(CloseSize::Whole, |part| CloseSize::Share { part, of: I256::unchecked_from(WHOLE) }),
        trade_key: order_key.clone().into(),
        order_key: Some(order_key.into()),
        reason: if liquidation_fee.is_some() { CloseReason::Liquidation } else { closed.reason },
        price: Amount::decimals(closed.price, DECIMALS),
        venue_notional_usd: None,
        token: Some(USDC.into()),
        token_price_usd: None,
        fee_native: fee.unwrap_or(I256::ZERO),
        funding_native: held.map_or(I256::ZERO, |held| -held.funding),
        borrow_native: held.map_or(I256::ZERO, |held| held.rollover),
        pnl: ClosePnl::FromPrices,
        liquidator: None,
        liquidation_fee: liquidation_fee.map(|native| TokenAmount { native, token: USDC.into() }),
    }
}

/// A new pair. Profit is the price's relative change in USDC, whatever the price is quoted in.
fn market(symbol: &str) -> MarketListed {
    MarketListed {
        symbol: Some(symbol.to_owned()),
        index_token: None,
        native_qty_decimals: Some(DECIMALS),
        quote: "USD".to_owned(),
        collateral_tokens: vec![USDC.into()],
        oi_basis: OiBasis::Qty,
        volume_basis: Basis::Exec,
        is_creation: true,
    }
}
