//! Velocity: Drift's successor of 2026, a new program without the old one's history, quoted in USDT.
//!
//! Names and discriminators are Drift's, bodies of rates and liquidations are not: the program decides which one is read.

use perpdex_core::{Carrier, ChainId, DecodeUnit, Decoded, Deployment, Disposition, StreamSpec, Venue, VenueInfo, VenueModel, VenueSlug};

use super::Program;
use super::liquidation::Liquidations;
use super::records::{
    LIQUIDATE_PERP, LIQUIDATION_TYPE_MAX, LiquidateBorrowForPerpPnl, LiquidatePerpPnlForDeposit, Liquidated, PerpBankruptcy, Rate,
    SpotBankruptcy,
};
use crate::anchor::{self, AnchorEvent, Found, event, specs};
use crate::borsh::{Pubkey, borsh_struct};
use crate::emit::{DecodeError, Emitter};

/// The decoder.
pub(crate) static VELOCITY: Velocity = Velocity;

/// The decoder's type.
#[derive(Debug)]
pub(crate) struct Velocity;

const SLUG: VenueSlug = VenueSlug::known("velocity");

const PROGRAM_ID: &str = "vELoC1audYbSYVRXn1vPaV8Axoa9oU6BYmNGZZBDZ1P";

const PROGRAM: Program = Program { quote: anchor::USDT, spot_mints: &[(0, anchor::USDT)], predictions: &[], always_tells_existing: true };

const ORDER: &str = "an order; what it trades has records of its own";
const ACCOUNT: &str = "an account's opening or closing";
const SPOT: &str = "spot lending and swaps, no perpetual position";
const INSURANCE: &str = "the insurance fund and the venue's revenue, no trader's position";

const LAYOUT: &[AnchorEvent; 20] = &[
    event(0xe034_4347_c2ed_6d01, "OrderActionRecord", Disposition::Mapped),
    event(0x7f11_006c_b60d_e735, "LiquidationRecord", Disposition::Mapped),
    event(0x083b_6014_89c9_385f, "FundingPaymentRecord", Disposition::Mapped),
    event(
        0x3944_691a_77c6_d559,
        "SettlePnlRecord",
        Disposition::Ignored("moves quote between a user and the pool of profits; a position that ends with its market has a fill"),
    ),
    event(0xb4f1_dacf_6687_2c86, "DepositRecord", Disposition::Mapped),
    event(0xa2bb_7bc2_8a38_faf1, "SwapRecord", Disposition::Ignored(SPOT)),
    event(0xb7ba_cbba_e1bb_5f82, "SpotInterestRecord", Disposition::Ignored(SPOT)),
    event(0x4403_ff1a_855b_93fe, "FundingRateRecord", Disposition::Mapped),
    event(0x740c_7212_af1f_9905, "AmmCurveChanged", Disposition::Mapped),
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
    event(0x3da2_590a_1814_3b2d, "RevenueShareSettleRecord", Disposition::Ignored(INSURANCE)),
];

static INFO: VenueInfo = VenueInfo {
    slug: SLUG,
    group: "velocity",
    name: "Velocity",
    model: VenueModel::Amm,
    deployments: &[Deployment {
        chain: ChainId::SOLANA,
        address: PROGRAM_ID,
        first_height: Some(179_526_403),
        source: "velocity-v1 at commit 0fafaae3; the slot is a lower bound, that of the cluster's restart of 2023-02-25, long before the program",
    }],
    layout: "abi/velocity/events.json",
    events: &specs(LAYOUT),
    gives: &["trades", "liquidations", "funding", "oi", "flows", "prices"],
    unverified: &[
        "no record of the program was at hand: bodies follow its source",
        "markets beyond 0 SOL, 1 BTC, 2 ETH, 3 HYPE are not named: they are kept under their number",
        "spot market 0 is taken as the quote currency USDT",
        "names of events that are passed over are taken from Drift v2",
    ],
};

impl Venue for Velocity {
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
        "AmmCurveChanged" => {
            let curve: AmmCurveChanged = found.read()?;
            PROGRAM.oracle_price((curve.market_index, curve.oracle_price, curve.ts), record, emitter)
        }
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
        base_asset_amount_with_amm: i128,
    }

    /// `AmmCurveChanged`; tells no open interest.
    struct AmmCurveChanged {
        ts: i64,
        market_index: u16,
        peg_multiplier_before: u128,
        base_asset_reserve_before: u128,
        quote_asset_reserve_before: u128,
        sqrt_k_before: u128,
        peg_multiplier_after: u128,
        base_asset_reserve_after: u128,
        quote_asset_reserve_after: u128,
        sqrt_k_after: u128,
        adjustment_cost: i128,
        total_fee_minus_distributions_after: i128,
        oracle_price: i64,
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
        bit_flags: u8,
    }

    /// Part of [`LiquidationRecord`].
    struct LiquidatePerp {
        market_index: u16,
        oracle_price: i64,
        base_asset_amount: i64,
        quote_asset_amount: i64,
        fill_record_id: u64,
        user_order_id: u32,
        liquidator_order_id: u32,
        liquidator_fee: u64,
        if_fee: u64,
        protocol_fee: u64,
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
        protocol_fee: u64,
    }
}

impl From<FundingRateRecord> for Rate {
    fn from(record: FundingRateRecord) -> Rate {
        let FundingRateRecord { ts, market_index, funding_rate_long, funding_rate_short, oracle_price_twap, .. } = record;
        Rate { ts, market_index, funding_rate_long, funding_rate_short, oracle_price_twap }
    }
}

/// The liquidation of a perpetual position; `None` for other types.
fn liquidated(found: &Found<'_>) -> Result<Option<Liquidated>, DecodeError> {
    let record: LiquidationRecord = found.read()?;
    if record.liquidation_type > LIQUIDATION_TYPE_MAX {
        return Err(DecodeError::invalid(format!("liquidation type {} is not known", record.liquidation_type)));
    }
    let perp = &record.liquidate_perp;
    Ok((record.liquidation_type == LIQUIDATE_PERP).then_some(Liquidated {
        user: record.user,
        liquidator: record.liquidator,
        market_index: perp.market_index,
        base_asset_amount: perp.base_asset_amount,
        fill_record_id: perp.fill_record_id,
        user_order_id: perp.user_order_id,
        is_on_book: perp.liquidator_order_id == 0 && perp.liquidator_fee == 0,
    }))
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
            ("AmmCurveChanged", AmmCurveChanged::kind()),
            ("DepositRecord", Deposit::kind()),
        ];
        anchor::tests::assert_layout(LAYOUT, &declared, include_str!("../../../../abi/velocity/events.json"));
    }
}
