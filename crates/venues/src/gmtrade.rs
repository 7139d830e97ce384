//! GMTrade, the GMX v2 model on Solana: traders against a pool, one event a trade with the position before and after.
//!
//! Fees and funding are counted in a market's long or short token, which the event does not name by mint but prices; such
//! amounts carry the token `<market token>/long` or `/short`.

mod layout;

use std::collections::HashMap;

use alloy_primitives::I256;
use perpdex_core::{
    Action, Amount, Carrier, ChainId, Decimal, DecodeUnit, Decoded, Deployment, Disposition, EventBody, Fill, Forced, FundingKind,
    FundingPayment, Liquidation, LiquidationKind, PositionSide, RawRecord, Size, StreamSpec, Text, TokenAmount, Unit, Venue, VenueInfo,
    VenueModel, VenueSlug,
};

use self::layout::{EventPositionState, EventTradePrice, OrderUpdated, TradeEvent};
use crate::anchor::{self, AnchorEvent, event, specs, time_ms, wide, wide_unsigned};
use crate::borsh::Pubkey;
use crate::emit::{DecodeError, Emitter};

/// The decoder.
pub(crate) static GMTRADE: Gmtrade = Gmtrade;

/// The decoder's type.
#[derive(Debug)]
pub(crate) struct Gmtrade;

const SLUG: VenueSlug = VenueSlug::known("gmtrade");

const PROGRAM: &str = "Gmso1uvJnLbawvw7yezdfCDcPydwW2s2iqG3w6MDucLo";

/// Decimals of dollars, and of dollars per smallest unit of a token.
const USD_DECIMALS: u8 = 20;

/// Bits of `flags`.
const IS_LONG: u8 = 1;
const IS_COLLATERAL_LONG: u8 = 2;

/// `OrderKind` of orders that the program places to close a position by force, and the last kind there is (`crates/utils/src/order.rs`).
const LIQUIDATION: u8 = 0;
const AUTO_DELEVERAGING: u8 = 1;
const ORDER_KIND_MAX: u8 = 8;

const ORDER: &str = "an order, a deposit, a withdrawal or a shift on its way; what it trades has a TradeEvent";
const POOL: &str = "liquidity of a pool, no trader's position";
const STATE: &str = "state of a market whose pools are numbered, not named; fills tell the same of positions";
const REPORT: &str = "the report behind a TradeEvent of the same transaction";
const OTHER: &str = "swaps, builder fees and the venue's token, no perpetual position";

const LAYOUT: &[AnchorEvent; 28] = &[
    event(0xbddb_7fd3_4ee6_61ee, "TradeEvent", Disposition::Mapped),
    event(0x5c0c_5bce_2dd8_ed97, "BorrowingFeesUpdated", Disposition::Ignored(STATE)),
    event(0x80f2_cd7a_a3a6_d172, "BuilderFeeCharged", Disposition::Ignored(OTHER)),
    event(0x043e_ca6f_e22e_83cb, "BuilderFeeFactorSet", Disposition::Ignored(OTHER)),
    event(0x5c9c_b9b9_c7ab_1852, "BuilderFeeSettled", Disposition::Ignored(OTHER)),
    event(0x92e1_b585_c2ad_3647, "DepositCreated", Disposition::Ignored(ORDER)),
    event(0x8180_6a4d_fc2b_a529, "DepositExecuted", Disposition::Ignored(POOL)),
    event(0x3f36_e8c9_22ee_7b09, "DepositRemoved", Disposition::Ignored(ORDER)),
    event(0xd0a2_f6d9_bf0e_0e24, "GlvDepositRemoved", Disposition::Ignored(POOL)),
    event(0xb842_0ec9_2406_f2a4, "GlvPricing", Disposition::Ignored(POOL)),
    event(0x9657_c0f6_f325_5694, "GlvTokenValue", Disposition::Ignored(POOL)),
    event(0x9895_53d4_dde1_48cf, "GlvWithdrawalRemoved", Disposition::Ignored(POOL)),
    event(0x9b9a_638a_eb38_f064, "GtBuyback", Disposition::Ignored(OTHER)),
    event(0x85c7_f20f_daa1_f415, "GtUpdated", Disposition::Ignored(OTHER)),
    event(0xf797_0ccb_743b_a58c, "InsufficientFundingFeePayment", Disposition::Ignored(STATE)),
    event(0xb00f_7da1_abd4_f71c, "MarketFeesUpdated", Disposition::Ignored(STATE)),
    event(0xd5cd_28f5_71e6_3a12, "MarketStateUpdated", Disposition::Ignored(STATE)),
    event(0xc034_73bd_692c_fe79, "MarketTokenValue", Disposition::Ignored(STATE)),
    event(0xe001_e53f_fe3c_be9f, "OrderCreated", Disposition::Ignored(ORDER)),
    event(0x549b_798e_f0eb_9017, "OrderRemoved", Disposition::Ignored(ORDER)),
    event(0xac8c_d2f1_6c75_7a91, "OrderUpdated", Disposition::Mapped),
    event(0xfb97_25cc_7f57_73e8, "PositionDecreased", Disposition::Ignored(REPORT)),
    event(0x493a_f7b5_64ed_f951, "PositionIncreased", Disposition::Ignored(REPORT)),
    event(0x7e86_89d3_d683_79bc, "ShiftRemoved", Disposition::Ignored(ORDER)),
    event(0x96a6_1ae1_1c59_264f, "SwapExecuted", Disposition::Ignored(OTHER)),
    event(0x2c86_3027_9035_f44d, "WithdrawalCreated", Disposition::Ignored(ORDER)),
    event(0x254e_c7c0_3344_ada2, "WithdrawalExecuted", Disposition::Ignored(POOL)),
    event(0x5798_a643_10e9_1b38, "WithdrawalRemoved", Disposition::Ignored(ORDER)),
];

static INFO: VenueInfo = VenueInfo {
    slug: SLUG,
    group: "gmtrade",
    name: "GMTrade",
    model: VenueModel::Pool,
    deployments: &[Deployment {
        chain: ChainId::SOLANA,
        address: PROGRAM,
        first_height: Some(179_526_403),
        source: "gmsol-labs/gmx-solana; the slot is a lower bound, that of the cluster's restart of 2023-02-25, before the program",
    }],
    layout: "abi/gmtrade/events.json",
    events: &specs(LAYOUT),
    gives: &["trades", "liquidations", "funding", "borrow", "oi"],
    unverified: &[
        "no event of the program was at hand: the body and its flags follow its source",
        "before the program told the kind of its own orders (OrderUpdated, release 0.6 of 2025) a trade with a liquidation fee is a liquidation; one whose \
         collateral did not cover the fees, and auto-deleveraging, cannot be told from an order there",
        "markets are named by config/markets/gmtrade.toml: one that is not there waits for its decimals in v_unresolved",
        "funding claimed in another token than the collateral is counted when the position changes, as on GMX",
    ],
};

impl Venue for Gmtrade {
    fn info(&self) -> &'static VenueInfo {
        &INFO
    }

    fn streams(&self, chain: ChainId) -> Vec<StreamSpec> {
        anchor::streams(&INFO, chain, Carrier::Cpi, PROGRAM)
    }

    fn decode(&self, unit: &DecodeUnit<'_>) -> Decoded {
        let mut emitter = Emitter::new(unit, SLUG);
        let mut kinds = HashMap::new();
        for found in anchor::events(unit, (Carrier::Cpi, LAYOUT, INFO.layout), &mut emitter) {
            let read = match found.name {
                // A position is cut in one instruction: the order is told before its trade.
                "OrderUpdated" => found.read().and_then(|order| kind(&order)).map(|(order, kind)| _ = kinds.insert(order, kind)),
                _ => found.read().and_then(|trade| Trade::of(&trade, &kinds)?.emit(&trade, found.record, &mut emitter)),
            };
            if let Err(error) = read {
                emitter.failure(found.record, found.name, error);
            }
        }
        emitter.finish()
    }
}

/// An order and its kind.
fn kind(order: &OrderUpdated) -> Result<(Pubkey, u8), DecodeError> {
    match order.params.kind {
        known @ ..=ORDER_KIND_MAX => Ok((order.order, known)),
        other => Err(DecodeError::invalid(format!("order kind {other} is not known"))),
    }
}

/// Whether a trade was forced, by the kind of its order where the transaction tells it. A liquidation whose collateral does not cover the
/// fees is charged none, so that the fee alone would not show it.
fn forced(trade: &TradeEvent, kinds: &HashMap<Pubkey, u8>) -> Forced {
    match kinds.get(&trade.order) {
        Some(&LIQUIDATION) => Forced::Liq,
        Some(&AUTO_DELEVERAGING) => Forced::Adl,
        None if trade.fees.liquidation_fee_amount > 0 => Forced::Liq,
        _ => Forced::None,
    }
}

/// What the rows of a trade share.
struct Trade {
    market: Text,
    account: Text,
    position_key: Text,
    side: PositionSide,
    forced: Forced,
    collateral: Side,
    time_ms: i64,
}

/// One of a market's two tokens with its price.
#[derive(Clone, Debug)]
struct Side {
    token: Text,
    price_usd: Decimal,
}

impl Trade {
    fn of(trade: &TradeEvent, kinds: &HashMap<Pubkey, u8>) -> Result<Trade, DecodeError> {
        let market = trade.market_token.to_string();
        Ok(Trade {
            account: trade.user.to_string().into(),
            position_key: trade.position.to_string().into(),
            side: if trade.flags & IS_LONG != 0 { PositionSide::Long } else { PositionSide::Short },
            forced: forced(trade, kinds),
            collateral: pool_token(trade, &market, trade.flags & IS_COLLATERAL_LONG != 0),
            time_ms: time_ms(trade.ts, "ts")?,
            market: market.into(),
        })
    }

    /// The fill, unless collateral alone changed, and the payments that the change settles.
    fn emit(&self, trade: &TradeEvent, record: &RawRecord, emitter: &mut Emitter<'_>) -> Result<(), DecodeError> {
        let (before, after) = (&trade.before, &trade.after);
        let changed = (before.size_in_usd, before.size_in_tokens) != (after.size_in_usd, after.size_in_tokens);
        let mut out = Vec::new();
        if changed {
            out.push(EventBody::Fill(Box::new(self.fill(trade)?)));
        }
        let fees = &trade.fees;
        out.extend(self.payment(FundingKind::Funding, &self.collateral, -wide_unsigned(fees.funding_fee_amount), trade));
        let long = pool_token(trade, &self.market, true);
        out.extend(self.payment(FundingKind::Funding, &long, wide_unsigned(fees.claimable_funding_fee_long_token_amount), trade));
        let short = pool_token(trade, &self.market, false);
        out.extend(self.payment(FundingKind::Funding, &short, wide_unsigned(fees.claimable_funding_fee_short_token_amount), trade));
        out.extend(self.payment(FundingKind::Borrow, &self.collateral, -wide_unsigned(fees.total_borrowing_fee_amount), trade));
        for body in out {
            emitter.event_at(record, self.time_ms, Some(self.market.clone()), body);
        }
        Ok(())
    }

    fn fill(&self, trade: &TradeEvent) -> Result<Fill, DecodeError> {
        let (before, after) = (&trade.before, &trade.after);
        let opens = (after.size_in_usd, after.size_in_tokens) >= (before.size_in_usd, before.size_in_tokens);
        if trade.execution_price == 0 {
            return Err(DecodeError::invalid("an execution price of 0".to_owned()));
        }
        let order_fee = trade.fees.order_fee_for_receiver_amount.checked_add(trade.fees.order_fee_for_pool_amount);
        let order_fee = order_fee.ok_or_else(|| DecodeError::invalid("order fees overflow".to_owned()))?;
        let action = match (self.forced, opens) {
            (Forced::Liq, _) => Action::Liquidation,
            (Forced::Adl, _) => Action::Adl,
            (Forced::None, true) if before.size_in_tokens == 0 => Action::Open,
            (Forced::None, true) => Action::Increase,
            (Forced::None, false) if after.size_in_tokens == 0 => Action::Close,
            (Forced::None, false) => Action::Decrease,
        };
        let tokens = wide_unsigned(after.size_in_tokens.abs_diff(before.size_in_tokens));
        let usd = wide_unsigned(after.size_in_usd.abs_diff(before.size_in_usd));
        Ok(Fill {
            account: self.account.clone(),
            position_key: self.position_key.clone(),
            position_side: Some(self.side),
            collateral_token: Some(self.collateral.token.clone()),
            trade_key: format!("{}/{}", self.market, trade.trade_id).into(),
            order_key: Some(trade.order.to_string().into()),
            is_taker: true,
            is_directional: self.forced != Forced::Adl,
            in_volume: true,
            forced: self.forced,
            side: self.side.trade_side(opens),
            action,
            qty: Amount::market_qty(tokens),
            price: Amount { native: wide_unsigned(trade.execution_price), unit: Unit::MarketPrice(USD_DECIMALS) },
            venue_notional_usd: (!opens).then(|| Amount::decimals(usd, USD_DECIMALS)),
            before: Some(self.size(before)),
            after: Some(self.size(after)),
            fee: Some(self.collateral.amount(wide_unsigned(order_fee))),
            fee_token_price_usd: Some(self.collateral.price_usd),
            realized_pnl_usd: (!opens).then(|| Decimal::new(wide(trade.pnl.pnl), USD_DECIMALS)),
            liquidation: self.liquidation(trade),
        })
    }

    fn liquidation(&self, trade: &TradeEvent) -> Option<Liquidation> {
        let kind = match self.forced {
            Forced::None => return None,
            Forced::Liq => LiquidationKind::Pool,
            Forced::Adl => LiquidationKind::Adl,
        };
        Some(Liquidation {
            kind,
            side: self.side,
            liquidator: None,
            mark_price: None,
            fee: Some(self.collateral.amount(wide_unsigned(trade.fees.liquidation_fee_amount))),
            is_partial: Some(trade.after.size_in_tokens > 0),
        })
    }

    fn size(&self, state: &EventPositionState) -> Size {
        let tokens = wide_unsigned(state.size_in_tokens);
        let signed = if self.side == PositionSide::Long { tokens } else { -tokens };
        Size { qty: Some(Amount::market_qty(signed)), entry_usd: Some(Amount::decimals(wide_unsigned(state.size_in_usd), USD_DECIMALS)) }
    }

    /// A payment, unless it is nothing. The position that paid is the one before the change.
    fn payment(&self, kind: FundingKind, token: &Side, native: I256, trade: &TradeEvent) -> Option<EventBody> {
        let payment = FundingPayment {
            account: self.account.clone(),
            position_key: self.position_key.clone(),
            side: Some(self.side),
            kind,
            amount: token.amount(native),
            token_price_usd: Some(token.price_usd),
            size: self.size(&trade.before).qty,
            interval_end_ms: None,
        };
        (!native.is_zero()).then_some(EventBody::FundingPayment(payment))
    }
}

impl Side {
    fn amount(&self, native: I256) -> TokenAmount {
        TokenAmount { native, token: self.token.clone() }
    }
}

/// A market's long or short token at the lower of its two prices, at which the program counts collateral.
fn pool_token(trade: &TradeEvent, market: &str, is_long: bool) -> Side {
    let (name, EventTradePrice { min, .. }) = if is_long { ("long", &trade.prices.long) } else { ("short", &trade.prices.short) };
    Side { token: format!("{market}/{name}").into(), price_usd: Decimal::new(wide_unsigned(*min), USD_DECIMALS) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::borsh::Borsh;

    #[test]
    fn layout_is_that_of_the_file() {
        let declared = [("TradeEvent", TradeEvent::kind()), ("OrderUpdated", OrderUpdated::kind())];
        anchor::tests::assert_layout(LAYOUT, &declared, include_str!("../../../abi/gmtrade/events.json"));
    }
}
