//! Liquidation cascades: bursts of an asset's liquidations over all venues, minute by minute.

use std::collections::{BTreeMap, BTreeSet};

use super::shares::share_ppm;
use crate::stats::nearest_rank;

/// Thresholds, rows of `reduce_params`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CascadeParams {
    /// A burst minute has at least so many micro-dollars.
    pub floor_usd_e6: i64,
    /// Minutes before it that make the baseline, those without liquidations too.
    pub baseline_minutes: i64,
    /// Which percentile of them, nearest rank.
    pub baseline_percentile: u32,
    /// A burst minute has at least so many times the baseline.
    pub baseline_factor: i64,
    /// Burst minutes that are no more than this apart are one cascade.
    pub gap_minutes: i64,
    /// A cascade is kept with so many times the floor in all ...
    pub keep_floors: i64,
    /// ... or with so many burst minutes.
    pub keep_bursts: i64,
    /// A venue counts with this share or more, parts per million.
    pub venue_ppm: i64,
}

impl CascadeParams {
    /// The thresholds as they stand beside a result.
    pub fn text(&self) -> String {
        format!(
            "floor_usd={} baseline_minutes={} baseline_percentile={} baseline_factor={} gap_minutes={} keep_floors={} keep_bursts={} venue_ppm={}",
            self.floor_usd_e6 / 1_000_000,
            self.baseline_minutes,
            self.baseline_percentile,
            self.baseline_factor,
            self.gap_minutes,
            self.keep_floors,
            self.keep_bursts,
            self.venue_ppm
        )
    }
}

/// Liquidations of one venue in one minute, ADL left out, micro-dollars at execution prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiqMinute {
    /// Minute.
    pub minute_id: i64,
    /// Venue.
    pub venue_id: i64,
    /// Liquidated longs.
    pub long_usd_e6: i64,
    /// Liquidated shorts.
    pub short_usd_e6: i64,
}

/// Of which side's liquidations a cascade is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CascadeSide {
    /// Of longs.
    Long,
    /// Of shorts.
    Short,
    /// Of the sum of both.
    Both,
}

impl CascadeSide {
    /// All three, which are looked for apart.
    pub const ALL: [CascadeSide; 3] = [CascadeSide::Long, CascadeSide::Short, CascadeSide::Both];

    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            CascadeSide::Long => "long",
            CascadeSide::Short => "short",
            CascadeSide::Both => "both",
        }
    }

    fn of(self, minute: &LiqMinute) -> i64 {
        match self {
            CascadeSide::Long => minute.long_usd_e6,
            CascadeSide::Short => minute.short_usd_e6,
            CascadeSide::Both => minute.long_usd_e6.saturating_add(minute.short_usd_e6),
        }
    }
}

/// One cascade: when, how much, who.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CascadeSpan {
    /// Side.
    pub side: CascadeSide,
    /// First burst minute.
    pub first_minute: i64,
    /// Last burst minute.
    pub last_minute: i64,
    /// Liquidated notional between them, both inside, micro-dollars.
    pub usd_e6: i64,
    /// Of it: longs.
    pub long_usd_e6: i64,
    /// Burst minutes.
    pub burst_minutes: i64,
    /// The strongest minute, the first of several.
    pub peak_minute: i64,
    /// Its notional.
    pub peak_usd_e6: i64,
    /// Each venue's notional and share in parts per million, by venue.
    pub venues: Vec<(i64, i64, i64)>,
}

/// What [`cascades`] gives: all cascades that begin inside some minutes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundCascades {
    /// First minute; no cascade reaches across it.
    pub from_minute: i64,
    /// Last minute, inside; no cascade reaches across it.
    pub to_minute: i64,
    /// By side and start.
    pub cascades: Vec<CascadeSpan>,
}

/// The cascades that a change of the minutes `changed` (both inside) can touch.
///
/// `minutes` are all of the asset's minutes with liquidations between `loaded` (both inside), by minute. `None` where more
/// have to be loaded to tell.
pub fn cascades(params: &CascadeParams, minutes: &[LiqMinute], loaded: (i64, i64), changed: (i64, i64)) -> Option<FoundCascades> {
    let series = CascadeSide::ALL.map(|side| Series::new(side, minutes));
    // A minute's burst is known where its whole baseline is loaded.
    let known_from = loaded.0.saturating_add(params.baseline_minutes);
    let bursts = series.each_ref().map(|series| series.bursts(params, known_from));
    let any: BTreeSet<i64> = bursts.iter().flatten().copied().collect();
    let (from, to) = (changed.0, changed.1.saturating_add(params.baseline_minutes));
    let from_minute = walk(from, |at| any.range(at.saturating_sub(params.gap_minutes)..at).next_back().copied());
    let to_minute = walk(to, |at| any.range(at + 1..=at.saturating_add(params.gap_minutes)).next().copied());
    let is_enough = (loaded.0 == i64::MIN || known_from <= from_minute.saturating_sub(params.gap_minutes))
        && (loaded.1 == i64::MAX || to_minute.saturating_add(params.gap_minutes) <= loaded.1);
    if !is_enough {
        return None;
    }
    let mut cascades = Vec::new();
    for (series, bursts) in series.iter().zip(&bursts) {
        let inside: Vec<i64> = bursts.iter().copied().filter(|minute| (from_minute..=to_minute).contains(minute)).collect();
        let joined = inside.chunk_by(|a, b| b - a <= params.gap_minutes);
        cascades.extend(joined.filter_map(|bursts| series.cascade(params, bursts, minutes)));
    }
    Some(FoundCascades { from_minute, to_minute, cascades })
}

/// Goes on while there is a burst near.
fn walk(start: i64, next: impl Fn(i64) -> Option<i64>) -> i64 {
    let mut at = start;
    while let Some(further) = next(at) {
        at = further;
    }
    at
}

/// One side's notional by minute.
struct Series {
    side: CascadeSide,
    usd: BTreeMap<i64, i64>,
}

impl Series {
    fn new(side: CascadeSide, minutes: &[LiqMinute]) -> Series {
        let mut usd: BTreeMap<i64, i64> = BTreeMap::new();
        for minute in minutes {
            let sum = usd.entry(minute.minute_id).or_default();
            *sum = sum.saturating_add(side.of(minute));
        }
        Series { side, usd }
    }

    /// Burst minutes from a minute on.
    fn bursts(&self, params: &CascadeParams, from: i64) -> Vec<i64> {
        let large = self.usd.range(from..).filter(|(_, usd)| **usd >= params.floor_usd_e6);
        large
            .filter(|(minute, usd)| **usd >= self.baseline(params, **minute).saturating_mul(params.baseline_factor))
            .map(|(m, _)| *m)
            .collect()
    }

    /// The percentile of the minutes strictly before one.
    fn baseline(&self, params: &CascadeParams, minute: i64) -> i64 {
        let mut before: Vec<i64> = self.usd.range(minute - params.baseline_minutes..minute).map(|(_, usd)| *usd).collect();
        let all = usize::try_from(params.baseline_minutes).unwrap_or_default();
        let zeros = all.saturating_sub(before.len());
        nearest_rank(&mut before, zeros, params.baseline_percentile).unwrap_or(0)
    }

    fn cascade(&self, params: &CascadeParams, bursts: &[i64], minutes: &[LiqMinute]) -> Option<CascadeSpan> {
        let (first_minute, last_minute) = (*bursts.first()?, *bursts.last()?);
        let burst_minutes = i64::try_from(bursts.len()).ok()?;
        let inside = || self.usd.range(first_minute..=last_minute);
        let usd_e6 = inside().fold(0_i64, |sum, (_, usd)| sum.saturating_add(*usd));
        if usd_e6 < params.floor_usd_e6.saturating_mul(params.keep_floors) && burst_minutes < params.keep_bursts {
            return None;
        }
        let peak_usd_e6 = inside().map(|(_, usd)| *usd).max()?;
        let peak_minute = inside().find(|(_, usd)| **usd == peak_usd_e6).map(|(minute, _)| *minute)?;
        let mut venues: BTreeMap<i64, i64> = BTreeMap::new();
        let mut long_usd_e6 = 0_i64;
        for minute in minutes.iter().filter(|minute| (first_minute..=last_minute).contains(&minute.minute_id)) {
            let part = self.side.of(minute);
            if part != 0 {
                let sum = venues.entry(minute.venue_id).or_default();
                *sum = sum.saturating_add(part);
            }
            if self.side != CascadeSide::Short {
                long_usd_e6 = long_usd_e6.saturating_add(minute.long_usd_e6);
            }
        }
        let share = |usd: i64| share_ppm(i128::from(usd), i128::from(usd_e6));
        let venues = venues.into_iter().map(|(venue, usd)| (venue, usd, share(usd))).collect();
        Some(CascadeSpan {
            side: self.side,
            first_minute,
            last_minute,
            usd_e6,
            long_usd_e6,
            burst_minutes,
            peak_minute,
            peak_usd_e6,
            venues,
        })
    }
}
