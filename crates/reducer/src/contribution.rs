//! Additive aggregates: what one row adds to its hour, its minute, its flow bucket. Removal adds the negation.

use alloy_primitives::I256;
use perpdex_core::{Action, ChainId, FlowDirection, FlowScope, Forced, FundingKind, LiquidationKind, PositionSide, VenueSlug};

use crate::zones::zone_of;
use crate::{FillRow, FlowRow, HOUR_MS, LiquidationRow, Row, day_id, hour_id, minute_id};

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
    /// Of both sides: closed on the book.
    pub liq_market_usd_e6: i64,
    /// Of both sides: closed against the pool.
    pub liq_pool_usd_e6: i64,
    /// Of both sides: taken over by the venue's vault.
    pub liq_backstop_usd_e6: i64,
    /// Of both sides: taken over by a third party.
    pub liq_takeover_usd_e6: i64,
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
    /// Rows that change long open interest without telling its entry cost.
    pub long_untold: i64,
    /// Rows that change short open interest without telling its entry cost.
    pub short_untold: i64,
    /// Moment of the long changes, see [`Moment`].
    pub long_moment: Moment,
    /// Moment of the short changes.
    pub short_moment: Moment,
    /// Long open interest that rows took away, canonical units times 10^qty_scale.
    pub long_closed_q: i64,
    /// Short open interest that rows took away.
    pub short_closed_q: i64,
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

/// A change of open interest times the milliseconds of its hour that were left, the additive part of time-weighted open
/// interest: `hi x 10^9 + lo`, with `lo` from 0 to 10^9 - 1 in one contribution, so that sums of both parts fit 64 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Whole 10^9.
    pub hi: i64,
    /// The rest.
    pub lo: i64,
}

/// One of the `hi` of a [`Moment`].
const MOMENT_BASE: i128 = 1_000_000_000;

impl Moment {
    /// The moment of a change at a time.
    pub fn of(delta_q: i64, ts_ms: i64) -> Moment {
        let left_ms = (hour_id(ts_ms) + 1) * HOUR_MS - ts_ms;
        let moment = i128::from(delta_q) * i128::from(left_ms);
        let part = |value: i128| i64::try_from(value).expect("63 bits times an hour over 10^9 fit in 64 bits");
        Moment { hi: part(moment.div_euclid(MOMENT_BASE)), lo: part(moment.rem_euclid(MOMENT_BASE)) }
    }

    /// The moment as one number: quantity times milliseconds.
    pub fn value(self) -> i128 {
        i128::from(self.hi) * MOMENT_BASE + i128::from(self.lo)
    }
}

/// What is added to `liq_zone_day`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneContribution {
    /// Market.
    pub market_id: i64,
    /// Day.
    pub day_id: i64,
    /// Side of the liquidated positions.
    pub side: PositionSide,
    /// Price zone, see [`crate::PriceZone`]; `None` where the price lies outside of all zones.
    pub zone: Option<i32>,
    /// Rows.
    pub rows: i64,
    /// Execution notional, micro-dollars.
    pub usd_e6: i64,
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

/// What one row adds to sums. Rows of states (rates, anchors, prices) add nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contributions {
    /// (market, hour, sums).
    pub hour: Option<(i64, i64, HourContribution)>,
    /// Liquidations: their minute.
    pub minute: Option<MinuteContribution>,
    /// Liquidations: their price zone.
    pub zone: Option<ZoneContribution>,
}

/// What a row adds.
pub fn contributions(row: &Row) -> Contributions {
    match row {
        Row::Fill(fill) => {
            let hour = (fill.market_id, hour_id(fill.ts_ms), fill_contribution(&fill.as_ref().into()));
            Contributions { hour: Some(hour), ..Contributions::default() }
        }
        Row::Liquidation(liq) if liq.kind == LiquidationKind::Adl => {
            let c = HourContribution { rows: 1, adl_rows: 1, adl_usd_e6: liq.exec_notional_usd_e6, ..HourContribution::default() };
            Contributions { hour: Some((liq.market_id, hour_id(liq.ts_ms), c)), ..Contributions::default() }
        }
        Row::Liquidation(liq) => of_liquidation(liq),
        Row::Payment(payment) => {
            let c = payment_contribution(payment.kind, payment.amount_usd_e6);
            Contributions { hour: Some((payment.market_id, payment.hour_id, c)), ..Contributions::default() }
        }
        Row::Bar(bar) if bar.in_volume => {
            let buy = bar.taker_buy_usd_e6;
            let c = HourContribution {
                rows: 1,
                trades: bar.trades,
                volume_usd_e6: bar.notional_usd_e6,
                exec_volume_usd_e6: bar.notional_usd_e6,
                taker_buy_usd_e6: buy.unwrap_or(0),
                taker_sell_usd_e6: buy.map_or(0, |buy| bar.notional_usd_e6 - buy),
                ..HourContribution::default()
            };
            Contributions { hour: Some((bar.market_id, hour_id(bar.start_ms), c)), ..Contributions::default() }
        }
        Row::Bar(_) | Row::Rate(_) | Row::Index(_) | Row::Anchor(_) | Row::Price(_) | Row::TokenPrice(_) | Row::Flow(_) => {
            Contributions::default()
        }
    }
}

/// What of a fill decides its contribution: the sums of all rows are made anew from these numbers alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillPart {
    /// Unix milliseconds.
    pub ts_ms: i64,
    /// Whether it is the side that counts for volume.
    pub is_taker: bool,
    /// Direction of the taker, 1 or -1.
    pub taker_dir: Option<i64>,
    /// Whether the trade is volume.
    pub in_volume: bool,
    /// Class of the trade.
    pub forced: Forced,
    /// What it did to the position.
    pub action: Action,
    /// At the execution price, micro-dollars.
    pub exec_notional_usd_e6: i64,
    /// In the venue's basis, micro-dollars.
    pub notional_usd_e6: i64,
    /// Change of long open interest, canonical units times 10^qty_scale.
    pub long_delta_q: i64,
    /// Change of short open interest.
    pub short_delta_q: i64,
    /// Change of long open interest at entry, micro-dollars, where it is told.
    pub long_delta_usd_e6: Option<i64>,
    /// Change of short open interest at entry.
    pub short_delta_usd_e6: Option<i64>,
    /// Fee, micro-dollars, where it has a dollar value.
    pub fee_usd_e6: Option<i64>,
    /// Whether a fee is told.
    pub has_fee: bool,
}

impl From<&FillRow> for FillPart {
    fn from(row: &FillRow) -> FillPart {
        FillPart {
            ts_ms: row.ts_ms,
            is_taker: row.is_taker,
            taker_dir: row.taker_dir,
            in_volume: row.in_volume,
            forced: row.forced,
            action: row.action,
            exec_notional_usd_e6: row.exec_notional_usd_e6,
            notional_usd_e6: row.notional_usd_e6,
            long_delta_q: row.long_delta_q,
            short_delta_q: row.short_delta_q,
            long_delta_usd_e6: row.long_delta_usd_e6,
            short_delta_usd_e6: row.short_delta_usd_e6,
            fee_usd_e6: row.fee_usd_e6,
            has_fee: row.fee_native.is_some(),
        }
    }
}

/// What a payment adds to its hour.
pub fn payment_contribution(kind: FundingKind, amount_usd_e6: Option<i64>) -> HourContribution {
    let mut c = HourContribution { rows: 1, ..HourContribution::default() };
    let amount = amount_usd_e6.unwrap_or(0);
    match (kind, amount < 0) {
        (FundingKind::Funding, true) => c.funding_charged_usd_e6 = -amount,
        (FundingKind::Funding, false) => c.funding_received_usd_e6 = amount,
        (FundingKind::Borrow, _) => c.borrow_charged_usd_e6 = -amount,
        // A rate that is only expected is never paid.
        (FundingKind::Predicted, _) => {}
    }
    c
}

/// What a fill adds to its hour.
pub fn fill_contribution(fill: &FillPart) -> HourContribution {
    let untold = |q: i64, usd: Option<i64>| i64::from(q != 0 && usd.is_none());
    let mut c = HourContribution {
        rows: 1,
        long_delta_q: fill.long_delta_q,
        short_delta_q: fill.short_delta_q,
        long_delta_usd_e6: fill.long_delta_usd_e6.unwrap_or(0),
        short_delta_usd_e6: fill.short_delta_usd_e6.unwrap_or(0),
        long_untold: untold(fill.long_delta_q, fill.long_delta_usd_e6),
        short_untold: untold(fill.short_delta_q, fill.short_delta_usd_e6),
        long_moment: Moment::of(fill.long_delta_q, fill.ts_ms),
        short_moment: Moment::of(fill.short_delta_q, fill.ts_ms),
        long_closed_q: fill.long_delta_q.saturating_neg().max(0),
        short_closed_q: fill.short_delta_q.saturating_neg().max(0),
        fees_usd_e6: fill.fee_usd_e6.unwrap_or(0),
        fees_unpriced: i64::from(fill.has_fee && fill.fee_usd_e6.is_none()),
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
    c
}

fn of_liquidation(liq: &LiquidationRow) -> Contributions {
    let usd_e6 = liq.exec_notional_usd_e6;
    let mut c = HourContribution { rows: 1, liq_rows: 1, ..HourContribution::default() };
    match liq.side {
        PositionSide::Long => c.liq_long_usd_e6 = usd_e6,
        PositionSide::Short => c.liq_short_usd_e6 = usd_e6,
    }
    match liq.kind {
        LiquidationKind::Market => c.liq_market_usd_e6 = usd_e6,
        LiquidationKind::Pool => c.liq_pool_usd_e6 = usd_e6,
        LiquidationKind::Backstop => c.liq_backstop_usd_e6 = usd_e6,
        LiquidationKind::Takeover => c.liq_takeover_usd_e6 = usd_e6,
        LiquidationKind::Adl => {}
    }
    let minute = MinuteContribution { market_id: liq.market_id, minute_id: minute_id(liq.ts_ms), side: liq.side, rows: 1, usd_e6 };
    let zone = ZoneContribution {
        market_id: liq.market_id,
        day_id: day_id(liq.ts_ms),
        side: liq.side,
        zone: zone_of(&liq.price),
        rows: 1,
        usd_e6,
    };
    Contributions { hour: Some((liq.market_id, hour_id(liq.ts_ms), c)), minute: Some(minute), zone: Some(zone) }
}

/// What a flow row adds.
pub fn flow_contribution(flow: &FlowRow) -> FlowContribution {
    let into = flow.direction == FlowDirection::In;
    let usd = flow.usd_e6.unwrap_or(0);
    let pick = |yes: bool, native: I256| if yes { native } else { I256::ZERO };
    FlowContribution {
        venue: flow.venue,
        chain: flow.key.chain,
        token: flow.token.to_string(),
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
