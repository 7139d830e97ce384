//! Signals: descriptions of an hour by what was known at its end. None is a forecast.

use std::collections::BTreeMap;

use perpdex_core::Decimal;

use super::shares::relative_ppm;
use crate::stats::{nearest_rank, ppm, rank_ppm};

/// Thresholds, rows of `reduce_params`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalParams {
    /// Hours back to which changes are measured.
    pub hours: i64,
    /// Growth of open interest that is a rise; its negative a fall, parts per million.
    pub oi_ppm: i64,
    /// Rank of the funding rate that is high, parts per million.
    pub rank_ppm: i64,
    /// Hours looked back for ranks and percentiles, and how many of them must be known.
    pub window_hours: i64,
    /// See `window_hours`.
    pub points_min: usize,
    /// Percentile of hourly liquidations that is a spike.
    pub liq_percentile: u32,
    /// Hours that a new sign of funding has to hold.
    pub flip_hours: i64,
    /// Rise of the price in `price_up_oi_down`, parts per million.
    pub price_ppm: i64,
    /// Fall of open interest in it, parts per million, above zero.
    pub divergent_oi_ppm: i64,
    /// Share of calls that is heavy, parts per million.
    pub call_ppm: i64,
}

/// One hour of an asset on a venue or over all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignalPoint {
    /// Whether all of the hour is known.
    pub is_closed: bool,
    /// Venues whose open interest is known.
    pub venue_list: String,
    /// Longs plus shorts at its end.
    pub gross_q: Option<i64>,
    /// Liquidated notional, micro-dollars.
    pub liq_usd_e6: Option<i64>,
    /// Funding cost of a long per hour times 10^12, weighted by open interest.
    pub rate_1h_e12: Option<i64>,
    /// Mark at its end.
    pub mark: Option<Decimal>,
    /// Share of calls in the open interest of options, parts per million, from outside.
    pub call_ppm: Option<i64>,
}

/// One signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Name.
    pub name: &'static str,
    /// Hour that gives it.
    pub hour_id: i64,
    /// Hours looked back.
    pub window_hours: i64,
    /// What was measured, times 10^6; rates per hour times 10^12.
    pub value_e6: i64,
    /// What it was compared with.
    pub threshold_e6: i64,
    /// All numbers that were looked at.
    pub inputs: String,
    /// Venues that were known.
    pub venue_list: String,
}

/// The signals that the wanted hours give. `points` must reach back as far as the windows do.
pub fn signals(params: &SignalParams, points: &BTreeMap<i64, SignalPoint>, wanted: impl IntoIterator<Item = i64>) -> Vec<Signal> {
    let mut out = Vec::new();
    for hour_id in wanted {
        let Some(now) = points.get(&hour_id).filter(|point| point.is_closed) else { continue };
        let hour = Hour { params, points, hour_id, now };
        let found =
            [hour.oi_up_funding_high(), hour.oi_falling(), hour.liq_spike(), hour.funding_flip(), hour.price_up_oi_down(), hour.calls()];
        out.extend(found.into_iter().flatten());
    }
    out
}

struct Hour<'a> {
    params: &'a SignalParams,
    points: &'a BTreeMap<i64, SignalPoint>,
    hour_id: i64,
    now: &'a SignalPoint,
}

impl Hour<'_> {
    fn signal(&self, name: &'static str, window_hours: i64, value_e6: i64, threshold_e6: i64, inputs: String) -> Option<Signal> {
        Some(Signal { name, hour_id: self.hour_id, window_hours, value_e6, threshold_e6, inputs, venue_list: self.now.venue_list.clone() })
    }

    fn before(&self) -> Option<&SignalPoint> {
        self.points.get(&(self.hour_id - self.params.hours))
    }

    /// Growth of open interest in quantity, parts per million. Only the same venues can be compared.
    fn oi_change(&self) -> Option<i64> {
        let before = self.before().filter(|before| before.venue_list == self.now.venue_list)?;
        let (was, is) = (i128::from(before.gross_q?), i128::from(self.now.gross_q?));
        ppm(is - was, was)
    }

    /// Values of the window before the hour, if enough are known.
    fn window(&self, value: impl Fn(&SignalPoint) -> Option<i64>) -> Option<Vec<i64>> {
        let hours = self.points.range(self.hour_id - self.params.window_hours..self.hour_id);
        let values: Vec<i64> = hours.filter_map(|(_, point)| value(point)).collect();
        (values.len() >= self.params.points_min).then_some(values)
    }

    fn oi_up_funding_high(&self) -> Option<Signal> {
        let change = self.oi_change().filter(|change| *change >= self.params.oi_ppm)?;
        let rate = self.now.rate_1h_e12?;
        let rank = rank_ppm(rate, &self.window(|point| point.rate_1h_e12)?).filter(|rank| *rank >= self.params.rank_ppm)?;
        let inputs = format!("oi_change_ppm={change} funding_rank_ppm={rank} rate_1h_e12={rate}");
        self.signal("oi_up_funding_high", self.params.hours, change, self.params.oi_ppm, inputs)
    }

    fn oi_falling(&self) -> Option<Signal> {
        let change = self.oi_change().filter(|change| *change <= -self.params.oi_ppm)?;
        self.signal("oi_falling", self.params.hours, change, -self.params.oi_ppm, format!("oi_change_ppm={change}"))
    }

    fn liq_spike(&self) -> Option<Signal> {
        let liq = self.now.liq_usd_e6.filter(|liq| *liq > 0)?;
        let mut before = self.window(|point| point.liq_usd_e6)?;
        let threshold = nearest_rank(&mut before, 0, self.params.liq_percentile).filter(|threshold| liq >= *threshold)?;
        let inputs = format!("liq_usd_e6={liq} percentile={} points={}", self.params.liq_percentile, before.len());
        self.signal("liq_spike", self.params.window_hours, liq, threshold, inputs)
    }

    /// The sign changed so many hours ago and has held since.
    fn funding_flip(&self) -> Option<Signal> {
        let rate = |ago: i64| self.points.get(&(self.hour_id - ago)).and_then(|point| point.rate_1h_e12);
        let sign = rate(0)?.signum();
        let holds = (0..self.params.flip_hours).all(|ago| rate(ago).is_some_and(|rate| rate.signum() == sign));
        let old = rate(self.params.flip_hours).filter(|old| sign != 0 && old.signum() == -sign && holds)?;
        let inputs = format!("rate_1h_e12={} rate_before_1h_e12={old}", rate(0)?);
        self.signal("funding_flip", self.params.flip_hours + 1, rate(0)?, 0, inputs)
    }

    fn price_up_oi_down(&self) -> Option<Signal> {
        let change = self.oi_change().filter(|change| *change <= -self.params.divergent_oi_ppm)?;
        let price = relative_ppm(&self.now.mark?, &self.before()?.mark?).filter(|price| *price >= self.params.price_ppm)?;
        let inputs = format!("price_change_ppm={price} oi_change_ppm={change}");
        self.signal("price_up_oi_down", self.params.hours, price, self.params.price_ppm, inputs)
    }

    fn calls(&self) -> Option<Signal> {
        let call = self.now.call_ppm.filter(|call| *call >= self.params.call_ppm)?;
        let rate = self.now.rate_1h_e12.filter(|rate| *rate < 0)?;
        let inputs = format!("options_call_share_ppm={call} rate_1h_e12={rate}");
        self.signal("call_heavy_negative_funding", self.params.hours, call, self.params.call_ppm, inputs)
    }
}
