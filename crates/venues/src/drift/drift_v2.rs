//! Drift v2: 2022-11 to 2026-04-01, when it stopped. History only.

use perpdex_core::{
    Action, Amount, Carrier, ChainId, DecodeUnit, Decoded, Deployment, Disposition, EventBody, Fill, Forced, OiAnchor, RawRecord, Side,
    StreamSpec, Venue, VenueInfo, VenueModel, VenueSlug,
};

use super::liquidation::Liquidations;
use super::records::{
    LIQUIDATE_PERP, LIQUIDATION_TYPE_MAX, LiquidateBorrowForPerpPnl, LiquidatePerpPnlForDeposit, Liquidated, PerpBankruptcy, Rate,
    SpotBankruptcy,
};
use super::{BASE_DECIMALS, Program, base, price};
use crate::anchor::{self, AnchorEvent, Found, event, specs, time_ms, wide_unsigned};
use crate::borsh::{Pubkey, Tail, borsh_struct};
use crate::emit::{DecodeError, Emitter};

/// The decoder.
pub(crate) static DRIFT_V2: DriftV2 = DriftV2;

/// The decoder's type.
#[derive(Debug)]
pub(crate) struct DriftV2;

const SLUG: VenueSlug = VenueSlug::known("drift_v2");

const PROGRAM_ID: &str = "dRiftyHA39MWEi3m9aunc5MzRF1JYuBsbn6VPcn33UH";

const PROGRAM: Program = Program {
    quote: anchor::USDC,
    spot_mints: &[(0, anchor::USDC), (1, anchor::SOL)],
    predictions: &[36, 37, 38, 39, 40, 41, 43, 46, 48, 49, 50, 57, 58, 67, 68],
    always_tells_existing: false,
};

/// Levels are published from here on, unix seconds: 2026-01-01. Before the summer of 2025 fills do not tell what they do to
/// a position, and until late 2025 liquidity shares moved positions without fills, so that a level would go stale behind
/// its first anchor.
const ANCHORS_FROM_TS: i64 = 1_767_225_600;

const ORDER: &str = "an order; what it trades has records of its own";
const ACCOUNT: &str = "an account's opening or closing";
const SPOT: &str = "spot lending and swaps, no perpetual position";
const INSURANCE: &str = "the insurance fund and the venue's revenue, no trader's position";
const REWARD: &str = "points and rewards";
const LP_POOL: &str = "the later pool of liquidity providers, no trader's position";

const LAYOUT: &[AnchorEvent; 27] = &[
    event(0xe034_4347_c2ed_6d01, "OrderActionRecord", Disposition::Mapped),
    event(0x7f11_006c_b60d_e735, "LiquidationRecord", Disposition::Mapped),
    event(0x4403_ff1a_855b_93fe, "FundingRateRecord", Disposition::Mapped),
    event(0x083b_6014_89c9_385f, "FundingPaymentRecord", Disposition::Mapped),
    event(
        0x3944_691a_77c6_d559,
        "SettlePnlRecord",
        Disposition::Ignored("moves quote between a user and the pool of profits; a position that ends with its market has a fill"),
    ),
    event(0x65ee_28e4_462e_3d75, "CurveRecord", Disposition::Mapped),
    event(0x6516_3626_b20d_8e6f, "LPRecord", Disposition::Mapped),
    event(0xb4f1_dacf_6687_2c86, "DepositRecord", Disposition::Mapped),
    event(0xa2bb_7bc2_8a38_faf1, "SwapRecord", Disposition::Ignored(SPOT)),
    event(0xb7ba_cbba_e1bb_5f82, "SpotInterestRecord", Disposition::Ignored(SPOT)),
    event(0xecba_71db_2a33_95f9, "NewUserRecord", Disposition::Ignored(ACCOUNT)),
    event(0xd3c5_1912_8e56_711b, "SignedMsgOrderRecord", Disposition::Ignored(ORDER)),
    event(0x6813_4038_5915_025a, "OrderRecord", Disposition::Ignored(ORDER)),
    event(0x38de_d7eb_4ec5_6392, "InsuranceFundRecord", Disposition::Ignored(INSURANCE)),
    event(0x4442_9c07_d894_fa72, "InsuranceFundStakeRecord", Disposition::Ignored(INSURANCE)),
    event(0x55be_63cb_ed21_e364, "InsuranceFundSwapRecord", Disposition::Ignored(INSURANCE)),
    event(0xd176_8ea7_822e_a497, "TransferProtocolIfSharesToRevenuePoolRecord", Disposition::Ignored(INSURANCE)),
    event(0xe6ec_0a00_c429_932d, "AdminWithdrawFromInsuranceFundRecord", Disposition::Ignored(INSURANCE)),
    event(0xb2d9_17bc_7fbe_2049, "SpotMarketVaultDepositRecord", Disposition::Ignored(SPOT)),
    event(0x476f_be76_0703_84de, "DeleteUserRecord", Disposition::Ignored(ACCOUNT)),
    event(0x2954_25f6_84f0_8308, "FuelSweepRecord", Disposition::Ignored(REWARD)),
    event(0x1389_7721_e0f9_0657, "FuelSeasonRecord", Disposition::Ignored(REWARD)),
    event(0x3da2_590a_1814_3b2d, "RevenueShareSettleRecord", Disposition::Ignored(INSURANCE)),
    event(0xd0bf_836e_ad30_0702, "LPSettleRecord", Disposition::Ignored(LP_POOL)),
    event(0x9f3e_82c4_604f_b0fe, "LPSwapRecord", Disposition::Ignored(LP_POOL)),
    event(0x35b2_8e49_4e5b_5b08, "LPMintRedeemRecord", Disposition::Ignored(LP_POOL)),
    event(0xf2b5_0b38_f33d_4fd2, "LPBorrowLendDepositRecord", Disposition::Ignored(LP_POOL)),
];

static INFO: VenueInfo = VenueInfo {
    slug: SLUG,
    group: "drift_v2",
    name: "Drift v2",
    model: VenueModel::Amm,
    deployments: &[Deployment {
        chain: ChainId::SOLANA,
        address: PROGRAM_ID,
        first_height: None,
        source: "drift-labs/protocol-v2, release 2.161.0; the first slot is not published",
    }],
    layout: "abi/drift_v2/events.json",
    events: &specs(LAYOUT),
    gives: &["trades", "liquidations", "funding", "oi", "flows", "prices"],
    unverified: &[
        "recorded are fills of two bodies, funding rates and a curve; liquidations, payments, deposits and LP records follow the program's source",
        "the dates at which bodies grew are those of releases, not of deployments: a body is read to the end that it has",
        "fills before the summer of 2025 do not tell what they do to a position: open interest has no level there",
        "mints of spot markets beyond USDC (0) and SOL (1) are not established: their tokens are named spot/<index>",
        "cumulative funding can jump by the socialised loss of a bankruptcy, which has no rate record",
    ],
};

impl Venue for DriftV2 {
    fn info(&self) -> &'static VenueInfo {
        &INFO
    }

    fn streams(&self, chain: ChainId) -> Vec<StreamSpec> {
        anchor::streams(&INFO, chain, Carrier::Log, PROGRAM_ID)
    }

    fn decode(&self, unit: &DecodeUnit<'_>) -> Decoded {
        let mut emitter = Emitter::new(unit, SLUG);
        let found = anchor::events(unit, (Carrier::Log, LAYOUT, INFO.layout), &mut emitter);
        let mut liquidations = Liquidations::default();
        for found in found.iter().filter(|found| found.name == "LiquidationRecord") {
            match liquidated(found) {
                Ok(Some(said)) => liquidations.add(found.record, said),
                Ok(None) => {}
                Err(error) => emitter.failure(found.record, found.name, error),
            }
        }
        for found in &found {
            if let Err(error) = emit(found, &mut liquidations, &mut emitter) {
                emitter.failure(found.record, found.name, error);
            }
        }
        liquidations.refuse_open(&mut emitter);
        emitter.finish()
    }
}

fn emit(found: &Found<'_>, liquidations: &mut Liquidations<'_>, emitter: &mut Emitter<'_>) -> Result<(), DecodeError> {
    let record = found.record;
    match found.name {
        "OrderActionRecord" => PROGRAM.fill(&found.read()?, liquidations, record, emitter),
        "FundingRateRecord" => PROGRAM.rate(&found.read::<FundingRateRecord>()?.into(), record, emitter),
        "FundingPaymentRecord" => PROGRAM.payment(&found.read()?, record, emitter),
        "DepositRecord" => PROGRAM.deposit(&found.read()?, record, emitter),
        "CurveRecord" => curve(&found.read()?, record, emitter),
        "LPRecord" => shares(&found.read()?, record, emitter),
        // LiquidationRecord, which has been read before the fills.
        _ => Ok(()),
    }
}

borsh_struct! {
    /// `FundingRateRecord`.
    struct FundingRateRecord {
        ts: i64,
        record_id: u64,
        market_index: u16,
        funding_rate: i64,
        funding_rate_long: i128,
        funding_rate_short: i128,
        cumulative_funding_rate_long: i128,
        cumulative_funding_rate_short: i128,
        oracle_price_twap: i64,
        mark_price_twap: u64,
        period_revenue: i64,
        base_asset_amount_with_amm: i128,
        base_asset_amount_with_unsettled_lp: i128,
    }

    /// `CurveRecord`: the market maker's curve, and what users hold.
    struct CurveRecord {
        ts: i64,
        record_id: u64,
        peg_multiplier_before: u128,
        base_asset_reserve_before: u128,
        quote_asset_reserve_before: u128,
        sqrt_k_before: u128,
        peg_multiplier_after: u128,
        base_asset_reserve_after: u128,
        quote_asset_reserve_after: u128,
        sqrt_k_after: u128,
        base_asset_amount_long: u128,
        base_asset_amount_short: u128,
        base_asset_amount_with_amm: i128,
        total_fee: i128,
        total_fee_minus_distributions: i128,
        adjustment_cost: i128,
        oracle_price: i64,
        fill_record: u128,
        number_of_users: u32,
        market_index: u16,
    }

    /// `LPRecord`: liquidity shares of the market maker, settled into their owner's position.
    struct LpRecord {
        ts: i64,
        user: Pubkey,
        action: u8,
        n_shares: u64,
        market_index: u16,
        delta_base_asset_amount: i64,
        delta_quote_asset_amount: i64,
        pnl: i64,
    }

    /// `LiquidationRecord`.
    struct LiquidationRecord {
        ts: i64,
        liquidation_type: u8,
        user: Pubkey,
        liquidator: Pubkey,
        margin_requirement: u128,
        total_collateral: i128,
        margin_freed: u64,
        liquidation_id: u16,
        bankrupt: bool,
        canceled_order_ids: Vec<u32>,
        liquidate_perp: LiquidatePerp,
        liquidate_spot: LiquidateSpot,
        liquidate_borrow_for_perp_pnl: LiquidateBorrowForPerpPnl,
        liquidate_perp_pnl_for_deposit: LiquidatePerpPnlForDeposit,
        perp_bankruptcy: PerpBankruptcy,
        spot_bankruptcy: SpotBankruptcy,
        bit_flags: Tail<u8>,
    }

    /// Part of [`LiquidationRecord`].
    struct LiquidatePerp {
        market_index: u16,
        oracle_price: i64,
        base_asset_amount: i64,
        quote_asset_amount: i64,
        lp_shares: u64,
        fill_record_id: u64,
        user_order_id: u32,
        liquidator_order_id: u32,
        liquidator_fee: u64,
        if_fee: u64,
    }

    /// Part of [`LiquidationRecord`].
    struct LiquidateSpot {
        asset_market_index: u16,
        asset_price: i64,
        asset_transfer: u128,
        liability_market_index: u16,
        liability_price: i64,
        liability_transfer: u128,
        if_fee: u64,
    }
}

impl From<FundingRateRecord> for Rate {
    fn from(record: FundingRateRecord) -> Rate {
        let FundingRateRecord { ts, market_index, funding_rate_long, funding_rate_short, oracle_price_twap, .. } = record;
        Rate { ts, market_index, funding_rate_long, funding_rate_short, oracle_price_twap }
    }
}

/// The liquidation of a perpetual position; `None` for other types and for prediction markets.
fn liquidated(found: &Found<'_>) -> Result<Option<Liquidated>, DecodeError> {
    let record: LiquidationRecord = found.read()?;
    if record.liquidation_type > LIQUIDATION_TYPE_MAX {
        return Err(DecodeError::invalid(format!("liquidation type {} is not known", record.liquidation_type)));
    }
    let perp = &record.liquidate_perp;
    if record.liquidation_type != LIQUIDATE_PERP || PROGRAM.market(perp.market_index).is_none() {
        return Ok(None);
    }
    Ok(Some(Liquidated {
        user: record.user,
        liquidator: record.liquidator,
        market_index: perp.market_index,
        base_asset_amount: perp.base_asset_amount,
        fill_record_id: perp.fill_record_id,
        user_order_id: perp.user_order_id,
        is_on_book: perp.liquidator_order_id == 0 && perp.liquidator_fee == 0,
    }))
}

fn curve(curve: &CurveRecord, record: &RawRecord, emitter: &mut Emitter<'_>) -> Result<(), DecodeError> {
    PROGRAM.oracle_price((curve.market_index, curve.oracle_price, curve.ts), record, emitter)?;
    let Some(market) = PROGRAM.market(curve.market_index).filter(|_| curve.ts >= ANCHORS_FROM_TS) else { return Ok(()) };
    let level = |amount: u128| Some(Amount::decimals(wide_unsigned(amount), BASE_DECIMALS));
    let anchor = OiAnchor {
        collateral_token: None,
        long: level(curve.base_asset_amount_long),
        short: level(curve.base_asset_amount_short),
        long_entry_usd: None,
        short_entry_usd: None,
    };
    emitter.event_at(record, time_ms(curve.ts, "ts")?, Some(market), EventBody::OiAnchor(anchor));
    Ok(())
}

/// Shares that become part of a position: no trade, and which side it grows or shrinks is not told.
fn shares(lp: &LpRecord, record: &RawRecord, emitter: &mut Emitter<'_>) -> Result<(), DecodeError> {
    let moved = lp.delta_base_asset_amount;
    let Some(market) = PROGRAM.market(lp.market_index).filter(|_| moved != 0) else { return Ok(()) };
    let account = lp.user.to_string();
    let fill = Fill {
        position_key: format!("{account}/{market}").into(),
        account: account.into(),
        position_side: None,
        collateral_token: None,
        trade_key: format!("{}/{}", record.tx_id, record.rec).into(),
        order_key: None,
        is_taker: true,
        is_directional: false,
        in_volume: false,
        forced: Forced::None,
        side: if moved > 0 { Side::Buy } else { Side::Sell },
        action: Action::Transfer,
        qty: base(moved.unsigned_abs()),
        price: price(lp.delta_quote_asset_amount.unsigned_abs(), moved.unsigned_abs())?,
        venue_notional_usd: None,
        before: None,
        after: None,
        fee: None,
        fee_token_price_usd: None,
        realized_pnl_usd: None,
        liquidation: None,
    };
    emitter.event_at(record, time_ms(lp.ts, "ts")?, Some(market), EventBody::Fill(Box::new(fill)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::records::{Deposit, FundingPaid, OrderAction};
    use super::*;
    use crate::borsh::Borsh;

    #[test]
    fn layout_is_that_of_the_file() {
        let declared = [
            ("OrderActionRecord", OrderAction::kind()),
            ("LiquidationRecord", LiquidationRecord::kind()),
            ("FundingRateRecord", FundingRateRecord::kind()),
            ("FundingPaymentRecord", FundingPaid::kind()),
            ("CurveRecord", CurveRecord::kind()),
            ("LPRecord", LpRecord::kind()),
            ("DepositRecord", Deposit::kind()),
        ];
        anchor::tests::assert_layout(LAYOUT, &declared, include_str!("../../../../abi/drift_v2/events.json"));
    }
}
