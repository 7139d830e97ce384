//! Additive aggregates: what one row adds to its hour, its minute, its flow bucket. Removal adds the negation.

use alloy_primitives::I256;
use perpdex_core::{Action, ChainId, FlowDirection, FlowScope, Forced, FundingKind, LiquidationKind, PositionSide, VenueSlug};

use crate::{FlowRow, Row, hour_id, minute_id};

/// What is added to `agg_market_hour`. All sums are 64-bit; an overflow is the store's error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HourContribution {
    /// Rows that contributed; an aggregate row whose count falls to 0 is removed.
    pub rows: i64,
    /// Taker executions that are volume.
    pub trades: i64,
    /// Taker volume in the venue's basis, micro-dollars.
    pub volume_usd_e6: i64,
    /// Taker volume at execution prices.
    pub exec_volume_usd_e6: i64,
    /// Of `volume_usd_e6`: directional takers that bought.
    pub taker_buy_usd_e6: i64,
    /// Of `volume_usd_e6`: directional takers that sold.
    pub taker_sell_usd_e6: i64,
    /// Notional of legs that closed or reduced a position, takers and makers, venue basis.
    pub closing_legs_usd_e6: i64,
    /// Of `volume_usd_e6`: trades of class liquidation.
    pub liq_volume_usd_e6: i64,
    /// Of `volume_usd_e6`: trades of class ADL.
    pub adl_volume_usd_e6: i64,
    /// Liquidations, kinds other than ADL.
    pub liq_rows: i64,
    /// Their execution notional, longs.
    pub liq_long_usd_e6: i64,
    /// Their execution notional, shorts.
    pub liq_short_usd_e6: i64,
    /// ADL rows.
    pub adl_rows: i64,
    /// Their execution notional.
    pub adl_usd_e6: i64,
    /// Change of long open interest, canonical units times 10^qty_scale.
    pub long_delta_q: i64,
    /// Change of short open interest.
    pub short_delta_q: i64,
    /// Change of long open interest at entry.
    pub long_delta_usd_e6: i64,
    /// Change of short open interest at entry.
    pub short_delta_usd_e6: i64,
    /// Fees paid less rebates.
    pub fees_usd_e6: i64,
    /// Rows whose fee has no dollar value.
    pub fees_unpriced: i64,
    /// Funding received, at least 0 before removal.
    pub funding_received_usd_e6: i64,
    /// Funding paid, at least 0 before removal.
    pub funding_charged_usd_e6: i64,
    /// Borrow fees paid.
    pub borrow_charged_usd_e6: i64,
}

/// What is added to `liq_minute`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinuteContribution {
    /// Market.
    pub market_id: i64,
    /// Minute.
    pub minute_id: i64,
    /// Side of the liquidated positions.
    pub side: PositionSide,
    /// Rows.
    pub rows: i64,
    /// Execution notional, micro-dollars.
    pub usd_e6: i64,
}

/// What is added to `collateral_flow_hour`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowContribution {
    /// Venue.
    pub venue: VenueSlug,
    /// Chain.
    pub chain: ChainId,
    /// Token.
    pub token: String,
    /// Whose money.
    pub scope: FlowScope,
    /// Hour.
    pub hour_id: i64,
    /// Number of movements in.
    pub deposits: i64,
    /// Number of movements out.
    pub withdrawals: i64,
    /// Smallest units in.
    pub deposits_native: I256,
    /// Smallest units out.
    pub withdrawals_native: I256,
    /// Micro-dollars in, priced rows only.
    pub deposits_usd_e6: i64,
    /// Micro-dollars out, priced rows only.
    pub withdrawals_usd_e6: i64,
}

/// What a row adds: (market, hour, sums), and for liquidations a minute. Rows that add nothing give `None`.
pub fn contributions(row: &Row) -> (Option<(i64, i64, HourContribution)>, Option<MinuteContribution>) {
    match row {
        Row::Fill(fill) => {
            let mut c = HourContribution {
                rows: 1,
                long_delta_q: fill.long_delta_q,
                short_delta_q: fill.short_delta_q,
                long_delta_usd_e6: fill.long_delta_usd_e6.unwrap_or(0),
                short_delta_usd_e6: fill.short_delta_usd_e6.unwrap_or(0),
                fees_usd_e6: fill.fee_usd_e6.unwrap_or(0),
                fees_unpriced: i64::from(fill.fee_native.is_some() && fill.fee_usd_e6.is_none()),
                ..HourContribution::default()
            };
            if fill.in_volume && matches!(fill.action, Action::Decrease | Action::Close | Action::Liquidation | Action::Adl) {
                c.closing_legs_usd_e6 = fill.notional_usd_e6;
            }
            if fill.is_taker && fill.in_volume {
                c.trades = 1;
                c.volume_usd_e6 = fill.notional_usd_e6;
                c.exec_volume_usd_e6 = fill.exec_notional_usd_e6;
                match fill.taker_dir {
                    Some(1) => c.taker_buy_usd_e6 = fill.notional_usd_e6,
                    Some(_) => c.taker_sell_usd_e6 = fill.notional_usd_e6,
                    None => {}
                }
                match fill.forced {
                    Forced::None => {}
                    Forced::Liq => c.liq_volume_usd_e6 = fill.notional_usd_e6,
                    Forced::Adl => c.adl_volume_usd_e6 = fill.notional_usd_e6,
                }
            }
            (Some((fill.market_id, hour_id(fill.ts_ms), c)), None)
        }
        Row::Liquidation(liq) if liq.kind == LiquidationKind::Adl => {
            let c = HourContribution { rows: 1, adl_rows: 1, adl_usd_e6: liq.exec_notional_usd_e6, ..HourContribution::default() };
            (Some((liq.market_id, hour_id(liq.ts_ms), c)), None)
        }
        Row::Liquidation(liq) => {
            let mut c = HourContribution { rows: 1, liq_rows: 1, ..HourContribution::default() };
            match liq.side {
                PositionSide::Long => c.liq_long_usd_e6 = liq.exec_notional_usd_e6,
                PositionSide::Short => c.liq_short_usd_e6 = liq.exec_notional_usd_e6,
            }
            let minute = MinuteContribution {
                market_id: liq.market_id,
                minute_id: minute_id(liq.ts_ms),
                side: liq.side,
                rows: 1,
                usd_e6: liq.exec_notional_usd_e6,
            };
            (Some((liq.market_id, hour_id(liq.ts_ms), c)), Some(minute))
        }
        Row::Payment(payment) => {
            let mut c = HourContribution { rows: 1, ..HourContribution::default() };
            let amount = payment.amount_usd_e6.unwrap_or(0);
            match (payment.kind, amount < 0) {
                (FundingKind::Funding, true) => c.funding_charged_usd_e6 = -amount,
                (FundingKind::Funding, false) => c.funding_received_usd_e6 = amount,
                (FundingKind::Borrow, _) => c.borrow_charged_usd_e6 = -amount,
            }
            (Some((payment.market_id, payment.hour_id, c)), None)
        }
        Row::Rate(_) | Row::Index(_) | Row::Anchor(_) | Row::Price(_) | Row::TokenPrice(_) | Row::Flow(_) => (None, None),
    }
}

/// What a flow row adds.
pub fn flow_contribution(flow: &FlowRow) -> FlowContribution {
    let into = flow.direction == FlowDirection::In;
    let usd = flow.usd_e6.unwrap_or(0);
    let pick = |yes: bool, native: I256| if yes { native } else { I256::ZERO };
    FlowContribution {
        venue: flow.venue,
        chain: flow.key.chain,
        token: flow.token.clone(),
        scope: flow.scope,
        hour_id: hour_id(flow.ts_ms),
        deposits: i64::from(into),
        withdrawals: i64::from(!into),
        deposits_native: pick(into, flow.amount_native),
        withdrawals_native: pick(!into, flow.amount_native),
        deposits_usd_e6: if into { usd } else { 0 },
        withdrawals_usd_e6: if into { 0 } else { usd },
    }
}
