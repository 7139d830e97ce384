//! Adrena on Solana: traders against a liquidity pool, positions kept in dollars.
//!
//! Bodies changed between releases under the same names. Those of release 39 are read; a body of another length is a
//! failure that says so, never a guess. Event names are shared with Jupiter Perps: the program decides.

mod layout;

use perpdex_core::{
    Carrier, ChainId, Decimal, DecodeUnit, Decoded, Deployment, Disposition, EventBody, FundingKind, FundingPayment, PositionSide,
    RawRecord, StreamSpec, Text, Venue, VenueInfo, VenueModel, VenueSlug,
};

use self::layout::{Closed, Liquidated, Opened};
use crate::anchor::{self, AnchorEvent, Found, event, specs, usd_tokens, wide};
use crate::borsh::Pubkey;
use crate::emit::{DecodeError, Emitter};
use crate::usd_sized::{Change, Exit, Step, fill};

/// The decoder.
pub(crate) static ADRENA: Adrena = Adrena;

/// The decoder's type.
#[derive(Debug)]
pub(crate) struct Adrena;

const SLUG: VenueSlug = VenueSlug::known("adrena");

const PROGRAM: &str = "13gDzEXCdocbj8iAiqrScGo47NiSuYENGsRqi3SEAwet";

/// Decimals of prices (`PRICE_DECIMALS` of the program's source); dollars have six.
const PRICE_DECIMALS: u8 = 10;

const COLLATERAL: &str = "changes collateral only";
const ORDER: &str = "a trigger of a position; what it closes has an event of its own";
const STAKING: &str = "staking of the venue's tokens";

const LAYOUT: &[AnchorEvent; 14] = &[
    event(0x532b_a493_a957_51ac, "OpenPositionEvent", Disposition::Mapped),
    event(0xf571_5534_d6bb_9984, "IncreasePositionEvent", Disposition::Mapped),
    event(0xc6d9_735f_bf78_8e89, "ClosePositionEvent", Disposition::Mapped),
    event(0x9e5e_9004_9334_05ff, "LiquidateEvent", Disposition::Mapped),
    event(0x5676_4fc9_9b27_24ec, "AddCollateralEvent", Disposition::Ignored(COLLATERAL)),
    event(0x7b7f_2920_a81c_ed44, "RemoveCollateralEvent", Disposition::Ignored(COLLATERAL)),
    event(0x42d6_4bb9_9014_8f81, "AddLockedStakeEvent", Disposition::Ignored(STAKING)),
    event(0x2fa3_2974_26a3_edc3, "UpgradeLockedStakeEvent", Disposition::Ignored(STAKING)),
    event(0x487c_9364_15b0_dd6f, "FinalizeLockedStakeEvent", Disposition::Ignored(STAKING)),
    event(0xc3b9_ac3c_5c48_e0a5, "RemoveLockedStakeEvent", Disposition::Ignored(STAKING)),
    event(0x1f9d_1fa0_7e19_e317, "SetStopLossEvent", Disposition::Ignored(ORDER)),
    event(0x2e48_9401_fcf5_4a2e, "SetTakeProfitEvent", Disposition::Ignored(ORDER)),
    event(0xd95e_9e94_187e_293f, "CancelStopLossEvent", Disposition::Ignored(ORDER)),
    event(0x8972_188d_a839_16ad, "CancelTakeProfitEvent", Disposition::Ignored(ORDER)),
];

static INFO: VenueInfo = VenueInfo {
    slug: SLUG,
    group: "adrena",
    name: "Adrena",
    model: VenueModel::Pool,
    deployments: &[Deployment {
        chain: ChainId::SOLANA,
        address: PROGRAM,
        first_height: Some(179_526_403),
        source: "AdrenaFoundation/adrena-abi, release 39; the slot is a lower bound, that of the cluster's restart of 2023-02-25, before the venue opened",
    }],
    layout: "abi/adrena/events.json",
    events: &specs(LAYOUT),
    gives: &["trades", "liquidations", "funding", "borrow", "oi"],
    unverified: &[
        "no event of the program was at hand: bodies, decimals and meaning follow its source (release 39 and an older copy)",
        "bodies of other releases are refused by their length, and the slots at which releases changed are not known",
        "size_usd is what was opened or closed, as the older copy has it; whether anything is left of a position is not told",
        "profit and loss are after exit and borrow fee; that funding is inside them too is taken from the field's place",
        "a profit that the program caps makes the units closed too few",
        "custody_seed other than zeros or the mint is kept as part of the market's key",
    ],
};

impl Venue for Adrena {
    fn info(&self) -> &'static VenueInfo {
        &INFO
    }

    fn streams(&self, chain: ChainId) -> Vec<StreamSpec> {
        anchor::streams(&INFO, chain, Carrier::Log, PROGRAM)
    }

    fn decode(&self, unit: &DecodeUnit<'_>) -> Decoded {
        let mut emitter = Emitter::new(unit, SLUG);
        for found in anchor::events(unit, (Carrier::Log, LAYOUT, INFO.layout), &mut emitter) {
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
    position: Pubkey,
    mint: Pubkey,
    seed: [u8; 32],
    side: u8,
    size_usd: u64,
    price: u64,
    step: Step,
    /// Size afterwards, where told.
    after_usd: Option<u64>,
    fee_usd: Option<u64>,
    borrow_usd: u64,
    funding_paid_usd: u64,
    funding_received_usd: u64,
}

/// Reads the event.
fn trade(found: &Found<'_>) -> Result<Trade, DecodeError> {
    match found.name {
        "OpenPositionEvent" => found.read().map(|event: Opened| Trade { after_usd: Some(event.size_usd), ..opened(event) }),
        "IncreasePositionEvent" => found.read().map(opened),
        "ClosePositionEvent" => found.read().map(closed),
        _ => found.read().map(liquidated),
    }
}

fn opened(event: Opened) -> Trade {
    Trade {
        owner: event.owner,
        position: event.position,
        mint: event.custody_mint,
        seed: event.custody_seed,
        side: event.side,
        size_usd: event.size_usd,
        price: event.price,
        step: Step::Opened,
        after_usd: None,
        fee_usd: None,
        borrow_usd: 0,
        funding_paid_usd: 0,
        funding_received_usd: 0,
    }
}

fn closed(event: Closed) -> Trade {
    let net = i128::from(event.profit_usd) - i128::from(event.loss_usd);
    let costs = costs(event.exit_fee_usd, event.borrow_fee_usd, (event.funding_paid_usd, event.funding_received_usd));
    Trade {
        owner: event.owner,
        position: event.position,
        mint: event.custody_mint,
        seed: event.custody_seed,
        side: event.side,
        size_usd: event.size_usd,
        price: event.price,
        step: Step::Closed(Exit { entry_price: None, gross_pnl_usd: net + costs, is_realized: true }),
        after_usd: None,
        fee_usd: Some(event.exit_fee_usd),
        borrow_usd: event.borrow_fee_usd,
        funding_paid_usd: event.funding_paid_usd,
        funding_received_usd: event.funding_received_usd,
    }
}

fn liquidated(event: Liquidated) -> Trade {
    let costs = costs(event.exit_fee_usd, event.borrow_fee_usd, (event.funding_paid_usd, event.funding_received_usd));
    let exit = Exit { entry_price: None, gross_pnl_usd: costs - i128::from(event.loss_usd), is_realized: true };
    Trade {
        owner: event.owner,
        position: event.position,
        mint: event.custody_mint,
        seed: event.custody_seed,
        side: event.side,
        size_usd: event.size_usd,
        price: event.price,
        step: Step::Liquidated(exit, Some(usd_tokens(event.exit_fee_usd))),
        after_usd: Some(0),
        fee_usd: None,
        borrow_usd: event.borrow_fee_usd,
        funding_paid_usd: event.funding_paid_usd,
        funding_received_usd: event.funding_received_usd,
    }
}

/// What stands between the profit of the price and the profit that the event tells.
fn costs(exit_fee: u64, borrow: u64, (paid, received): (u64, u64)) -> i128 {
    i128::from(exit_fee) + i128::from(borrow) + i128::from(paid) - i128::from(received)
}

impl Trade {
    /// The fill, unless the size is nothing, and the payments that the change settles.
    fn emit(self, record: &RawRecord, emitter: &mut Emitter<'_>) -> Result<(), DecodeError> {
        let side = match self.side {
            1 => PositionSide::Long,
            2 => PositionSide::Short,
            side => return Err(DecodeError::invalid(format!("side {side} is neither long (1) nor short (2)"))),
        };
        let market = market_key(self.mint, self.seed);
        let (account, position_key) = (self.owner.to_string(), self.position.to_string());
        if self.size_usd > 0 {
            let change = Change {
                account: account.clone().into(),
                position_key: position_key.clone().into(),
                side,
                collateral_token: None,
                trade_key: format!("{}/{}", record.tx_id, record.rec).into(),
                order_key: None,
                step: self.step,
                size_usd: self.size_usd,
                after_usd: self.after_usd,
                price: Decimal::new(wide(self.price), PRICE_DECIMALS),
                fee: self.fee_usd.map(usd_tokens),
            };
            emitter.event(record, Some(market.clone()), EventBody::Fill(Box::new(fill(change)?)));
        }
        let payments = [
            (FundingKind::Funding, -i128::from(self.funding_paid_usd)),
            (FundingKind::Funding, i128::from(self.funding_received_usd)),
            (FundingKind::Borrow, -i128::from(self.borrow_usd)),
        ];
        for (kind, usd) in payments.into_iter().filter(|(_, usd)| *usd != 0) {
            let payment = FundingPayment {
                account: account.clone().into(),
                position_key: position_key.clone().into(),
                side: Some(side),
                kind,
                amount: usd_tokens(usd),
                token_price_usd: None,
                size: None,
                interval_end_ms: None,
            };
            emitter.event(record, Some(market.clone()), EventBody::FundingPayment(payment));
        }
        Ok(())
    }
}

/// The mint that a custody holds; custodies without a mint of their own are told apart by their seed.
fn market_key(mint: Pubkey, seed: [u8; 32]) -> Text {
    if seed == [0; 32] || seed == mint.0 { mint.to_string().into() } else { format!("{mint}/{}", Pubkey(seed)).into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::borsh::Borsh;

    #[test]
    fn layout_is_that_of_the_file() {
        let declared = [
            ("OpenPositionEvent", Opened::kind()),
            ("IncreasePositionEvent", Opened::kind()),
            ("ClosePositionEvent", Closed::kind()),
            ("LiquidateEvent", Liquidated::kind()),
        ];
        anchor::tests::assert_layout(LAYOUT, &declared, include_str!("../../../abi/adrena/events.json"));
    }
}
