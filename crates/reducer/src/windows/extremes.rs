//! Funding rates that stand out against the hours before them.

use std::collections::BTreeMap;

use crate::stats::{rank_ppm, z_e6};

/// Thresholds, rows of `reduce_params`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtremeParams {
    /// Hours looked back.
    pub hours: i64,
    /// Hours with a rate among them, at least.
    pub points_min: usize,
    /// Distance from the mean in deviations times 10^6.
    pub z_e6: i64,
    /// Lowest and highest share of the ranks, parts per million.
    pub rank_ppm: i64,
}

/// One hour's rate against the hours before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FundingExtreme {
    /// Hour.
    pub hour_id: i64,
    /// Cost of a long per hour times 10^12.
    pub rate_1h_e12: i64,
    /// Standard score times 10^6; `None` where the hours before do not differ.
    pub z_e6: Option<i64>,
    /// Share strictly below plus half of the ties, parts per million.
    pub rank_ppm: i64,
    /// Hours with a rate in the window.
    pub points: i64,
    /// Whether a threshold is met.
    pub is_extreme: bool,
}

/// The wanted hours that have a rate and enough rates before them. The hour itself is not in its window.
pub fn extremes(params: &ExtremeParams, rates: &BTreeMap<i64, i64>, wanted: impl IntoIterator<Item = i64>) -> Vec<FundingExtreme> {
    let judge = |hour_id: i64| {
        let rate_1h_e12 = *rates.get(&hour_id)?;
        let before: Vec<i64> = rates.range(hour_id - params.hours..hour_id).map(|(_, rate)| *rate).collect();
        if before.len() < params.points_min {
            return None;
        }
        let rank_ppm = rank_ppm(rate_1h_e12, &before)?;
        let z_e6 = z_e6(rate_1h_e12, &before);
        let is_far = z_e6.is_some_and(|z| z.unsigned_abs() >= params.z_e6.unsigned_abs());
        let is_extreme = is_far || rank_ppm <= params.rank_ppm || rank_ppm >= 1_000_000 - params.rank_ppm;
        let points = i64::try_from(before.len()).ok()?;
        Some(FundingExtreme { hour_id, rate_1h_e12, z_e6, rank_ppm, points, is_extreme })
    };
    wanted.into_iter().filter_map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMS: ExtremeParams = ExtremeParams { hours: 720, points_min: 168, z_e6: 3_000_000, rank_ppm: 10_000 };

    #[test]
    fn an_hour_is_judged_by_those_before_it_alone() {
        let mut rates: BTreeMap<i64, i64> = (0..400).map(|hour| (hour, 100 + hour % 2)).collect();
        assert_eq!(extremes(&PARAMS, &rates, [167]), []);
        let quiet = extremes(&PARAMS, &rates, [168])[0];
        // 84 rates of 100 and 84 of 101: 100 is one half of a deviation below, 84 ties.
        assert_eq!((quiet.z_e6, quiet.rank_ppm, quiet.points, quiet.is_extreme), (Some(-1_000_000), 250_000, 168, false));
        rates.insert(300, 9_000);
        let spike = extremes(&PARAMS, &rates, [300])[0];
        assert_eq!((spike.rank_ppm, spike.is_extreme), (1_000_000, true));
        assert!(spike.z_e6.unwrap() > 1_000_000_000);
        let before = extremes(&PARAMS, &rates, 168..300);
        rates.retain(|hour, _| *hour < 300);
        assert_eq!(extremes(&PARAMS, &rates, 168..300), before);
    }

    #[test]
    fn rates_that_never_change_have_no_score() {
        let rates: BTreeMap<i64, i64> = (0..200).map(|hour| (hour, 12_500_000)).collect();
        let all = extremes(&PARAMS, &rates, 0..200);
        assert_eq!(all.len(), 32);
        assert!(all.iter().all(|hour| hour.z_e6.is_none() && hour.rank_ppm == 500_000 && !hour.is_extreme));
    }
}
