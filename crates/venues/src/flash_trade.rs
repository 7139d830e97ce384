//! Flash Trade on Solana: traders against pools, sizes in units of the asset.
//!
//! Events name a market account, which stands for a symbol, a side and a collateral; which one is in a table of the venue's
//! SDK and not in the event. Both sides and all collaterals of a symbol are one market here. The family of logs read is
//! the present one (`USDv1`) and what of older ones the layout file has.

mod layout;
mod markets;

use perpdex_core::{
    Action, Amount, Carrier, ChainId, Decimal, DecodeUnit, Decoded, Deployment, Disposition, EventBody, Fill, Forced, Liquidation,
    LiquidationKind, PositionSide, RawRecord, Size, StreamSpec, Venue, VenueInfo, VenueModel, VenueSlug,
};

use self::layout::{
    Close, CloseAndSwap, DecreaseSize, ForceSettle, IncreaseSize, LimitOrder, LimitWithSwap, Liquidate, LiquidateV3, Open, SwapAndOpen,
    TriggerOrder, TriggerWithSwap,
};
use self::markets::{Market, market};
use crate::anchor::{self, AnchorEvent, Found, event, specs, usd_e6, usd_tokens, wide};
use crate::borsh::Pubkey;
use crate::emit::{DecodeError, Emitter};
use crate::usd_sized::micro;

/// The decoder.
pub(crate) static FLASH_TRADE: FlashTrade = FlashTrade;

/// The decoder's type.
#[derive(Debug)]
pub(crate) struct FlashTrade;

const SLUG: VenueSlug = VenueSlug::known("flash_trade");

const PROGRAM: &str = "FLASH6Lo6h3iasJKWDs2F8TkW2UKf3s15C8PMGuVfgBn";

/// Digits of quotients.
const PRICE_DECIMALS: u8 = 18;
/// Powers of ten that a price may carry.
const EXPONENT_MAX: u32 = 30;

const COLLATERAL: &str = "changes collateral only";
const IMPACT: &str = "a price impact set by the venue; the trade that pays it has an event of its own";

const LAYOUT: &[AnchorEvent; 18] = &[
    event(0xd0fe_3adf_2ea9_6d14, "AddCollateralLogUSDv1", Disposition::Ignored(COLLATERAL)),
    event(0x8b39_4b28_d46b_6e13, "CloseAndSwapLogUSDv1", Disposition::Mapped),
    event(0x2c64_4321_ff01_7564, "ClosePositionLogUSDv1", Disposition::Mapped),
    event(0x993e_c170_7f31_61ba, "DecreaseSizeLogUSDv1", Disposition::Mapped),
    event(0x9dfd_aad5_3872_00e7, "ExecuteLimitOrderLogUSDv1", Disposition::Mapped),
    event(0x8870_6d86_1214_90f0, "ExecuteLimitWithSwapLogUSDv1", Disposition::Mapped),
    event(0x1df2_9f15_6e83_85fb, "ExecuteTriggerOrderLogUSDv1", Disposition::Mapped),
    event(0x8e29_a292_7e99_8fc7, "ExecuteTriggerWithSwapLogUSDv1", Disposition::Mapped),
    event(0xc0a8_35c5_462d_9288, "ForceSettlePositionLog", Disposition::Mapped),
    event(0x928d_3405_b0b7_3474, "IncreaseSizeLogUSDv1", Disposition::Mapped),
    event(0x3a6f_6c0f_f4cb_6b46, "LiquidateLogUSDv1", Disposition::Mapped),
    event(0xc1b4_15ac_30ab_b38b, "LiquidateLogV3", Disposition::Mapped),
    event(0x67d1_bd7c_bac4_0bc3, "OpenPositionLogUSDv1", Disposition::Mapped),
    event(0x39c6_9ad2_5b5a_3a30, "RemoveCollateralAndSwapLogUSDv1", Disposition::Ignored(COLLATERAL)),
    event(0xbab2_a62d_cc01_2937, "RemoveCollateralLogUSDv1", Disposition::Ignored(COLLATERAL)),
    event(0xc1f8_5915_5b82_feaa, "SetPositionPriceImpactLog", Disposition::Ignored(IMPACT)),
    event(0x3cc7_7fbe_025e_453e, "SwapAndAddCollateralLogUSDv1", Disposition::Ignored(COLLATERAL)),
    event(0xc178_520f_6f78_4872, "SwapAndOpenLogUSDv1", Disposition::Mapped),
];

static INFO: VenueInfo = VenueInfo {
    slug: SLUG,
    group: "flash_trade",
    name: "Flash Trade",
    model: VenueModel::Pool,
    deployments: &[Deployment {
        chain: ChainId::SOLANA,
        address: PROGRAM,
        first_height: Some(179_526_403),
        source: "flash-sdk 15.17.2; the slot is a lower bound, that of the cluster's restart of 2023-02-25, before the venue opened",
    }],
    layout: "abi/flash_trade/events.json",
    events: &specs(LAYOUT),
    gives: &["trades", "liquidations", "oi"],
    unverified: &[
        "no event of the program was at hand: bodies follow the SDK's IDL, and that they are handed to itself follows from its accounts",
        "families of logs before USDv1 are not in the layout file: they are counted as unknown, and open interest needs history of the present family only",
        "entry_fee_usd and exit_fee_usd are taken as the trading fee; borrow fees are inside fee_usd and are not told apart",
        "whether profit_usd and loss_usd are before fees: realised profit is left out",
        "delta_size_usd of a decrease is taken as the part of the entry cost",
    ],
};

impl Venue for FlashTrade {
    fn info(&self) -> &'static VenueInfo {
        &INFO
    }

    fn streams(&self, chain: ChainId) -> Vec<StreamSpec> {
        anchor::streams(&INFO, chain, Carrier::Cpi, PROGRAM)
    }

    fn decode(&self, unit: &DecodeUnit<'_>) -> Decoded {
        let mut emitter = Emitter::new(unit, SLUG);
        for found in anchor::events(unit, (Carrier::Cpi, LAYOUT, INFO.layout), &mut emitter) {
            if let Err(error) = trade(&found).and_then(|trade| trade.emit(found.record, &mut emitter)) {
                emitter.failure(found.record, found.name, error);
            }
        }
        emitter.finish()
    }
}

/// What all events of a position tell.
struct Trade {
    owner: Pubkey,
    market: Pubkey,
    step: Step,
    /// Size opened or closed: the market's smallest units, and micro-dollars at entry.
    amount: u64,
    size_usd: u64,
    /// The same afterwards, where told.
    after: Option<(u64, u64)>,
    /// Execution price with its exponent; `None`: the quotient of the two sizes.
    price: Option<(u64, i32)>,
    fee_usd: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Opened,
    Closed,
    /// With the penalty, micro-dollars, where told.
    Liquidated(Option<u64>),
    Settled,
}

/// Reads the event.
fn trade(found: &Found<'_>) -> Result<Trade, DecodeError> {
    match found.name {
        "OpenPositionLogUSDv1" => found.read().map(|event: Open| Trade {
            price: Some((event.entry_price, event.entry_price_exponent)),
            after: Some((event.size_amount, event.size_usd)),
            ..opened((event.owner, event.market), (event.size_amount, event.size_usd), event.entry_fee_usd)
        }),
        "SwapAndOpenLogUSDv1" => found.read().map(|event: SwapAndOpen| Trade {
            price: Some((event.entry_price, event.entry_price_exponent)),
            after: Some((event.size_amount, event.size_usd)),
            ..opened((event.owner, event.market), (event.size_amount, event.size_usd), event.entry_fee_usd)
        }),
        // Their entry price may be the average of the position: the price of what was added is the quotient.
        "IncreaseSizeLogUSDv1" => found.read().map(|event: IncreaseSize| Trade {
            after: Some((event.final_size_amount, event.final_size_usd)),
            ..opened((event.owner, event.market), (event.delta_size_amount, event.delta_size_usd), event.entry_fee_usd)
        }),
        "ExecuteLimitOrderLogUSDv1" => found.read().map(|event: LimitOrder| Trade {
            after: Some((event.final_size_amount, event.final_size_usd)),
            ..opened((event.owner, event.market), (event.delta_size_amount, event.delta_size_usd), event.entry_fee_usd)
        }),
        "ExecuteLimitWithSwapLogUSDv1" => found.read().map(|event: LimitWithSwap| {
            opened((event.owner, event.market), (event.delta_size_amount, event.delta_size_usd), event.entry_fee_usd)
        }),
        "DecreaseSizeLogUSDv1" => found.read().map(|event: DecreaseSize| Trade {
            after: Some((event.final_size_amount, event.final_size_usd)),
            fee_usd: Some(event.exit_fee_usd),
            ..closed(
                (event.owner, event.market),
                (event.delta_size_amount, event.delta_size_usd),
                (event.exit_price, event.exit_price_exponent),
            )
        }),
        "ExecuteTriggerOrderLogUSDv1" => found.read().map(|event: TriggerOrder| Trade {
            after: Some((event.final_size_amount, event.final_size_usd)),
            fee_usd: Some(event.exit_fee_usd),
            ..closed(
                (event.owner, event.market),
                (event.delta_size_amount, event.delta_size_usd),
                (event.exit_price, event.exit_price_exponent),
            )
        }),
        "ExecuteTriggerWithSwapLogUSDv1" => found.read().map(|event: TriggerWithSwap| Trade {
            after: Some((event.final_size_amount, event.final_size_usd)),
            fee_usd: Some(event.exit_fee_usd),
            ..closed(
                (event.owner, event.market),
                (event.delta_size_amount, event.delta_size_usd),
                (event.exit_price, event.exit_price_exponent),
            )
        }),
        "ClosePositionLogUSDv1" => found.read().map(|event: Close| Trade {
            fee_usd: Some(event.exit_fee_usd),
            ..closed((event.owner, event.market), (event.size_amount, event.size_usd), (event.exit_price, event.exit_price_exponent))
        }),
        "CloseAndSwapLogUSDv1" => found.read().map(|event: CloseAndSwap| Trade {
            fee_usd: Some(event.exit_fee_usd),
            ..closed((event.owner, event.market), (event.size_amount, event.size_usd), (event.exit_price, event.exit_price_exponent))
        }),
        "LiquidateLogUSDv1" => found.read().map(|event: Liquidate| Trade {
            step: Step::Liquidated(Some(event.penalty_usd)),
            fee_usd: Some(event.exit_fee_usd),
            ..closed((event.owner, event.market), (event.size_amount, event.size_usd), (event.exit_price, event.exit_price_exponent))
        }),
        "LiquidateLogV3" => found.read().map(|event: LiquidateV3| Trade {
            step: Step::Liquidated(None),
            ..closed((event.owner, event.market), (event.size_amount, event.size_usd), (event.exit_price, event.exit_price_exponent))
        }),
        _ => found.read().map(|event: ForceSettle| Trade {
            step: Step::Settled,
            ..closed((event.owner, event.market), (event.size_amount, event.size_usd), (event.exit_price, event.exit_price_exponent))
        }),
    }
}

fn opened((owner, market): (Pubkey, Pubkey), (amount, size_usd): (u64, u64), fee_usd: u64) -> Trade {
    Trade { owner, market, step: Step::Opened, amount, size_usd, after: None, price: None, fee_usd: Some(fee_usd) }
}

/// Closed to nothing, unless the event tells what is left.
fn closed((owner, market): (Pubkey, Pubkey), (amount, size_usd): (u64, u64), price: (u64, i32)) -> Trade {
    Trade { owner, market, step: Step::Closed, amount, size_usd, after: Some((0, 0)), price: Some(price), fee_usd: None }
}

impl Trade {
    /// The fill, unless nothing was opened or closed.
    fn emit(self, record: &RawRecord, emitter: &mut Emitter<'_>) -> Result<(), DecodeError> {
        if self.amount == 0 && self.size_usd == 0 {
            return Ok(());
        }
        let account = self.market.to_string();
        let Some(market) = market(&account) else {
            return Err(DecodeError::invalid(format!("market account {account} is not in the table of markets: its side is not known")));
        };
        let fill = self.fill(market, record)?;
        emitter.event(record, Some(market.key()), EventBody::Fill(Box::new(fill)));
        Ok(())
    }

    fn fill(&self, market: &Market, record: &RawRecord) -> Result<Fill, DecodeError> {
        let opens = self.step == Step::Opened;
        let before = self.before(opens)?;
        let size = |(amount, usd): (u64, u64)| {
            let signed = if market.side == PositionSide::Long { i128::from(amount) } else { -i128::from(amount) };
            Size { qty: Some(Amount::decimals(wide(signed), market.decimals)), entry_usd: Some(usd_e6(usd)) }
        };
        let price = self.execution_price(market)?;
        let is_liquidation = matches!(self.step, Step::Liquidated(_));
        let liquidation = match self.step {
            Step::Liquidated(penalty) => Some(Liquidation {
                kind: LiquidationKind::Pool,
                side: market.side,
                liquidator: None,
                mark_price: None,
                fee: penalty.map(usd_tokens),
                is_partial: Some(false),
            }),
            _ => None,
        };
        let action = match (self.step, before, self.after) {
            (Step::Liquidated(_), ..) => Action::Liquidation,
            (Step::Settled, ..) => Action::Settlement,
            (Step::Opened, Some((0, _)), _) => Action::Open,
            (Step::Opened, ..) => Action::Increase,
            (Step::Closed, _, Some((0, _))) => Action::Close,
            (Step::Closed, ..) => Action::Decrease,
        };
        Ok(Fill {
            account: self.owner.to_string().into(),
            position_key: format!("{}/{}", self.owner, self.market).into(),
            position_side: Some(market.side),
            collateral_token: Some(market.collateral.into()),
            trade_key: format!("{}/{}", record.tx_id, record.rec).into(),
            order_key: None,
            is_taker: true,
            is_directional: self.step != Step::Settled,
            in_volume: self.step != Step::Settled,
            forced: if is_liquidation { Forced::Liq } else { Forced::None },
            side: market.side.trade_side(opens),
            action,
            qty: Amount::decimals(wide(self.amount), market.decimals),
            price: Amount::decimals(price.value, price.scale),
            venue_notional_usd: None,
            before: before.map(size),
            after: self.after.filter(|_| before.is_some()).map(size),
            fee: self.fee_usd.map(usd_tokens),
            fee_token_price_usd: None,
            realized_pnl_usd: None,
            liquidation,
        })
    }

    /// The position before, where the event tells the one after.
    fn before(&self, opens: bool) -> Result<Option<(u64, u64)>, DecodeError> {
        let Some((amount, usd)) = self.after else { return Ok(None) };
        let before = |after: u64, delta: u64| if opens { after.checked_sub(delta) } else { after.checked_add(delta) };
        match before(amount, self.amount).zip(before(usd, self.size_usd)) {
            Some(before) => Ok(Some(before)),
            None => Err(DecodeError::invalid(format!("{} units opened leave a position of {amount}", self.amount))),
        }
    }

    /// Dollars per unit of the asset.
    fn execution_price(&self, market: &Market) -> Result<Decimal, DecodeError> {
        let Some((value, exponent)) = self.price else {
            let amount = Decimal::new(wide(self.amount), market.decimals);
            return Ok(micro(self.size_usd).div(&amount, PRICE_DECIMALS)?.trimmed());
        };
        let out_of_range = || DecodeError::invalid(format!("a price of {value} x 10^{exponent}"));
        if value == 0 || exponent.unsigned_abs() > EXPONENT_MAX {
            return Err(out_of_range());
        }
        let digits = u8::try_from(exponent.unsigned_abs()).map_err(|_| out_of_range())?;
        if exponent <= 0 {
            return Ok(Decimal::new(wide(value), digits));
        }
        Ok(Decimal::new(wide(value), 0).mul(&Decimal::new(wide(10_i128.pow(exponent.unsigned_abs())), 0))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::borsh::Borsh;

    #[test]
    fn layout_is_that_of_the_file() {
        let declared = [
            ("OpenPositionLogUSDv1", Open::kind()),
            ("SwapAndOpenLogUSDv1", SwapAndOpen::kind()),
            ("IncreaseSizeLogUSDv1", IncreaseSize::kind()),
            ("ExecuteLimitOrderLogUSDv1", LimitOrder::kind()),
            ("ExecuteLimitWithSwapLogUSDv1", LimitWithSwap::kind()),
            ("DecreaseSizeLogUSDv1", DecreaseSize::kind()),
            ("ClosePositionLogUSDv1", Close::kind()),
            ("CloseAndSwapLogUSDv1", CloseAndSwap::kind()),
            ("ExecuteTriggerOrderLogUSDv1", TriggerOrder::kind()),
            ("ExecuteTriggerWithSwapLogUSDv1", TriggerWithSwap::kind()),
            ("LiquidateLogUSDv1", Liquidate::kind()),
            ("LiquidateLogV3", LiquidateV3::kind()),
            ("ForceSettlePositionLog", ForceSettle::kind()),
        ];
        anchor::tests::assert_layout(LAYOUT, &declared, include_str!("../../../abi/flash_trade/events.json"));
    }
}
