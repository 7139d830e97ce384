//! Jupiter Perps on Solana: traders against a liquidity pool, positions kept in dollars.
//!
//! Event bodies have grown at their end under unchanged names; optional fields shift what stands behind them. The fee that
//! the program calls funding is what a trader pays the pool for borrowing: a borrow fee, never a funding rate. Loans
//! against the pool's token are carried by events of the same program and are no trades.

mod layout;

use perpdex_core::{
    Carrier, ChainId, DecodeUnit, Decoded, Deployment, Disposition, EventBody, FundingKind, FundingPayment, PositionSide, RawRecord,
    StreamSpec, Text, Venue, VenueInfo, VenueModel, VenueSlug,
};

use self::layout::{Closed, Decrease, Increase, InstantDecrease, InstantIncrease, Liquidate, LiquidateFull};
use crate::anchor::{self, AnchorEvent, Found, event, specs, usd_tokens};
use crate::borsh::Pubkey;
use crate::emit::{DecodeError, Emitter};
use crate::usd_sized::{Change, Exit, Step, fill, micro};

/// The decoder.
pub(crate) static JUPITER_PERPS: JupiterPerps = JupiterPerps;

/// The decoder's type.
#[derive(Debug)]
pub(crate) struct JupiterPerps;

const SLUG: VenueSlug = VenueSlug::known("jupiter_perps");

const PROGRAM: &str = "PERPHjGBqRHArX4DySjwM6UJHiR3sWAatqfdBS2qQJu";

/// Stands in every transaction that calls an instruction able to emit, and in few others.
const EVENT_AUTHORITY: &str = "37hJBDnntwqhGbK7L6M1bLyvccj4u55CCUiLPdYkiqBN";

/// Custody accounts of the pool and the mints they hold.
const CUSTODIES: &[(&str, &str)] = &[
    ("7xS2gz2bTp3fwCC7knJvUWTEU9Tycczu6VhJYKgi1wdz", anchor::SOL),
    ("AQCGyheWPLeo6Qp9WpYS9m3Qj479t7R636N9ey1rEjEn", "7vfCXTUXx5WJV5JADk17DUJ4ksgau7utNKj4b963voxs"),
    ("5Pv3gM9JrFFH883SWAhvJC9RPYmo8UNxuFtv5bMMALkm", "3NZ9JMVBmGAqocybic2c7LQCJScmgsAZ6vQqTDzcqmJh"),
    ("G18jKKXQwBbrHeiK3C9MRXhkHsLHf7XgCSisykV46EZa", anchor::USDC),
    ("4vkNeXiYEUizLdrpdPS1eC2mccyM4NUPRtERrk6ZETkk", anchor::USDT),
];

const ORDER: &str = "a request or an order; what it trades has an event of its own";
const LOAN: &str = "a loan against the pool's token, no perpetual position";
const SWAP: &str = "a swap of collateral before or behind a trade";
const POOL: &str = "liquidity or swaps of the pool, no trader's position";

const LAYOUT: &[AnchorEvent; 23] = &[
    event(0xf571_5534_d6bb_9984, "IncreasePositionEvent", Disposition::Mapped),
    event(0x409c_2b4a_6d83_107f, "DecreasePositionEvent", Disposition::Mapped),
    event(0x8065_47a8_8048_5654, "LiquidateFullPositionEvent", Disposition::Mapped),
    event(0xcdec_3904_d16a_5745, "InstantIncreasePositionEvent", Disposition::Mapped),
    event(0xabad_6a19_efbe_3a3b, "InstantDecreasePositionEvent", Disposition::Mapped),
    event(0x6845_2084_d423_bf2f, "LiquidatePositionEvent", Disposition::Mapped),
    event(0x1522_5c9e_e01d_b4f3, "ClosePositionRequestEvent", Disposition::Ignored(ORDER)),
    event(0xed6b_098b_164b_04d5, "IncreasePositionPreSwapEvent", Disposition::Ignored(SWAP)),
    event(0x17d2_10e9_62f5_5952, "DecreasePositionPostSwapEvent", Disposition::Ignored(SWAP)),
    event(0x1779_8344_a846_0e4c, "BorrowFromCustodyEvent", Disposition::Ignored(LOAN)),
    event(0xe836_74af_ba18_f9dd, "RepayToCustodyEvent", Disposition::Ignored(LOAN)),
    event(0xa90e_6694_9b89_12eb, "DepositCollateralEvent", Disposition::Ignored(LOAN)),
    event(0x9126_2e57_be95_fdbf, "WithdrawCollateralEvent", Disposition::Ignored(LOAN)),
    event(0x0b80_fc3b_31c0_38aa, "LiquidateBorrowPositionEvent", Disposition::Ignored(LOAN)),
    event(0x02ee_5e35_69d3_2eba, "CreatePositionRequestEvent", Disposition::Ignored(ORDER)),
    event(0xf236_065f_188d_67c6, "InstantCreateTpslEvent", Disposition::Ignored(ORDER)),
    event(0xb116_2f25_78f6_1165, "InstantUpdateTpslEvent", Disposition::Ignored(ORDER)),
    event(0x0aa3_5573_81e0_50c0, "InstantCreateLimitOrderEvent", Disposition::Ignored(ORDER)),
    event(0x8c1b_48e9_7d28_360d, "InstantUpdateLimitOrderEvent", Disposition::Ignored(ORDER)),
    event(0x286b_d41a_df88_27dc, "PoolSwapEvent", Disposition::Ignored(POOL)),
    event(0x7976_0b0b_c642_8e73, "PoolSwapExactOutEvent", Disposition::Ignored(POOL)),
    event(0x1bb2_99ba_2fc4_8c2d, "AddLiquidityEvent", Disposition::Ignored(POOL)),
    event(0x8dc7_b67b_9f5e_d766, "RemoveLiquidityEvent", Disposition::Ignored(POOL)),
];

static INFO: VenueInfo = VenueInfo {
    slug: SLUG,
    group: "jupiter_perps",
    name: "Jupiter Perps",
    model: VenueModel::Pool,
    deployments: &[Deployment {
        chain: ChainId::SOLANA,
        address: PROGRAM,
        first_height: Some(179_526_403),
        source: "program id of the published IDL; the slot is a lower bound, that of the cluster's restart of 2023-02-25, before the venue opened",
    }],
    layout: "abi/jupiter_perps/events.json",
    events: &specs(LAYOUT),
    gives: &["trades", "liquidations", "borrow", "oi"],
    unverified: &[
        "no trade of the program was at hand: bodies follow the published IDL and the layout of its upgrades",
        "LiquidateFullPositionEvent.position_size_usd is taken as the size liquidated, nothing being left",
        "an event whose size_usd_delta is 0 is taken as a change of collateral",
        "open_time may be the position's: events carry the time of their block",
        "bodies older than the fee fields give no trading fee and no borrow fee: fee_usd holds both",
        "borrow rates need account snapshots: events give payments only",
    ],
};

impl Venue for JupiterPerps {
    fn info(&self) -> &'static VenueInfo {
        &INFO
    }

    fn streams(&self, chain: ChainId) -> Vec<StreamSpec> {
        anchor::streams(&INFO, chain, Carrier::Cpi, EVENT_AUTHORITY)
    }

    fn decode(&self, unit: &DecodeUnit<'_>) -> Decoded {
        let mut emitter = Emitter::new(unit, SLUG);
        for found in anchor::events(unit, (Carrier::Cpi, LAYOUT, INFO.layout), &mut emitter) {
            match trade(&found).and_then(|trade| trade.emit(found.record, &mut emitter)) {
                Ok(()) => {}
                Err(error) => emitter.failure(found.record, found.name, error),
            }
        }
        emitter.finish()
    }
}

/// What all events of a position tell.
struct Trade {
    position: Pubkey,
    side: u8,
    custody: Pubkey,
    collateral_custody: Pubkey,
    owner: Pubkey,
    request: Option<Pubkey>,
    /// Micro-dollars opened or closed; 0: collateral alone changed.
    size_usd: u64,
    after_usd: u64,
    price: u64,
    /// Fee of the trade and fee of borrowing, where they are told apart.
    fees: Option<(u64, u64)>,
    step: Step,
}

/// Reads the event.
fn trade(found: &Found<'_>) -> Result<Trade, DecodeError> {
    match found.name {
        "IncreasePositionEvent" => found.read().map(increase),
        "InstantIncreasePositionEvent" => found.read().map(instant_increase),
        "DecreasePositionEvent" => found.read().map(decrease),
        "InstantDecreasePositionEvent" => found.read().map(instant_decrease),
        "LiquidateFullPositionEvent" => found.read().map(liquidate_full),
        _ => found.read().map(liquidate),
    }
}

fn increase(event: Increase) -> Trade {
    Trade {
        position: event.position_key,
        side: event.position_side,
        custody: event.position_custody,
        collateral_custody: event.position_collateral_custody,
        owner: event.owner,
        request: Some(event.position_request_key),
        size_usd: event.size_usd_delta,
        after_usd: event.position_size_usd,
        price: event.price,
        fees: event.fees.0.map(|fees| (fees.position_fee_usd, fees.funding_fee_usd)),
        step: Step::Opened,
    }
}

fn instant_increase(event: InstantIncrease) -> Trade {
    Trade {
        position: event.position_key,
        side: event.position_side,
        custody: event.position_custody,
        collateral_custody: event.position_collateral_custody,
        owner: event.owner,
        request: None,
        size_usd: event.size_usd_delta,
        after_usd: event.position_size_usd,
        price: event.price,
        fees: event.fees.0.map(|fees| (fees.position_fee_usd, fees.funding_fee_usd)),
        step: Step::Opened,
    }
}

fn decrease(event: Decrease) -> Trade {
    let closed = event.closing.0.map(Closed::from);
    Trade {
        position: event.position_key,
        side: event.position_side,
        custody: event.position_custody,
        collateral_custody: event.position_collateral_custody,
        owner: event.owner,
        request: Some(event.position_request_key),
        size_usd: event.size_usd_delta,
        after_usd: event.position_size_usd,
        price: event.price,
        fees: fees(closed),
        step: Step::Closed(exit(closed, event.has_profit, event.pnl_delta)),
    }
}

fn instant_decrease(event: InstantDecrease) -> Trade {
    let closed = event.closing.0.map(Closed::from);
    Trade {
        position: event.position_key,
        side: event.position_side,
        custody: event.position_custody,
        collateral_custody: event.position_collateral_custody,
        owner: event.owner,
        request: event.position_request.0.flatten(),
        size_usd: event.size_usd_delta,
        after_usd: event.position_size_usd,
        price: event.price,
        fees: fees(closed),
        step: Step::Closed(exit(closed, event.has_profit, event.pnl_delta)),
    }
}

fn liquidate_full(event: LiquidateFull) -> Trade {
    let closed = event.closing.0.map(Closed::from);
    let liquidation_fee = usd_tokens(event.liquidation_fee_usd);
    Trade {
        position: event.position_key,
        side: event.position_side,
        custody: event.position_custody,
        collateral_custody: event.position_collateral_custody,
        owner: event.owner,
        request: None,
        size_usd: event.position_size_usd,
        after_usd: 0,
        price: event.price,
        fees: fees(closed),
        step: Step::Liquidated(exit(closed, event.has_profit, event.pnl_delta), Some(liquidation_fee)),
    }
}

fn liquidate(event: Liquidate) -> Trade {
    Trade {
        position: event.position_key,
        side: event.position_side,
        custody: event.position_custody,
        collateral_custody: event.position_collateral_custody,
        owner: event.owner,
        request: None,
        size_usd: event.position_size_usd,
        after_usd: 0,
        price: event.price,
        fees: None,
        step: Step::Liquidated(exit(None, event.has_profit, event.pnl_delta), None),
    }
}

fn fees(closed: Option<Closed>) -> Option<(u64, u64)> {
    closed.map(|closed| (closed.position_fee_usd, closed.funding_fee_usd))
}

fn exit(closed: Option<Closed>, has_profit: bool, pnl_delta: u64) -> Exit {
    let pnl = i128::from(pnl_delta);
    Exit {
        entry_price: closed.map(|closed| closed.position_price).filter(|price| *price > 0).map(micro),
        gross_pnl_usd: if has_profit { pnl } else { -pnl },
        is_realized: true,
    }
}

impl Trade {
    /// The fill, unless collateral alone changed, and the borrow fee, unless there was none.
    fn emit(self, record: &RawRecord, emitter: &mut Emitter<'_>) -> Result<(), DecodeError> {
        let side = match self.side {
            1 => PositionSide::Long,
            2 => PositionSide::Short,
            side => return Err(DecodeError::invalid(format!("position_side {side} is neither long (1) nor short (2)"))),
        };
        let market = self.custody.to_string();
        let (account, position_key) = (self.owner.to_string(), self.position.to_string());
        if self.size_usd > 0 {
            let change = Change {
                account: account.clone().into(),
                position_key: position_key.clone().into(),
                side,
                collateral_token: mint_of(&self.collateral_custody.to_string()),
                trade_key: format!("{}/{}", record.tx_id, record.rec).into(),
                order_key: self.request.map(|request| request.to_string()).map(Into::into),
                step: self.step,
                size_usd: self.size_usd,
                after_usd: Some(self.after_usd),
                price: micro(self.price),
                fee: self.fees.map(|(trading, _)| usd_tokens(trading)),
            };
            emitter.event(record, Some(market.clone().into()), EventBody::Fill(Box::new(fill(change)?)));
        }
        let borrow = self.fees.map_or(0, |(_, borrow)| borrow);
        if borrow > 0 {
            let payment = FundingPayment {
                account: account.into(),
                position_key: position_key.into(),
                side: Some(side),
                kind: FundingKind::Borrow,
                amount: usd_tokens(-i128::from(borrow)),
                token_price_usd: None,
                size: None,
                interval_end_ms: None,
            };
            emitter.event(record, Some(market.into()), EventBody::FundingPayment(payment));
        }
        Ok(())
    }
}

fn mint_of(custody: &str) -> Option<Text> {
    CUSTODIES.iter().find(|(known, _)| *known == custody).map(|(_, mint)| (*mint).to_owned()).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::borsh::Borsh;

    #[test]
    fn layout_is_that_of_the_file() {
        let declared = [
            ("IncreasePositionEvent", Increase::kind()),
            ("InstantIncreasePositionEvent", InstantIncrease::kind()),
            ("DecreasePositionEvent", Decrease::kind()),
            ("InstantDecreasePositionEvent", InstantDecrease::kind()),
            ("LiquidateFullPositionEvent", LiquidateFull::kind()),
            ("LiquidatePositionEvent", Liquidate::kind()),
        ];
        anchor::tests::assert_layout(LAYOUT, &declared, include_str!("../../../abi/jupiter_perps/events.json"));
    }
}
