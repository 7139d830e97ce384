//! Windows by hand: cascades, shares, signals.

use std::collections::BTreeMap;

use perpdex_core::Decimal;
use perpdex_reducer::{
    CascadeParams, CascadeSide, LiqMinute, MarketMark, SignalParams, SignalPoint, VenueHour, asset_hours, cascades, concentration,
    divergences, holding_ms, signals,
};
use proptest::prelude::*;

const USD: i64 = 1_000_000;
const GMX: i64 = 1;
const HYPERLIQUID: i64 = 26;

fn params() -> CascadeParams {
    CascadeParams {
        floor_usd_e6: 50_000 * USD,
        baseline_minutes: 1_440,
        baseline_percentile: 99,
        baseline_factor: 3,
        gap_minutes: 5,
        keep_floors: 10,
        keep_bursts: 3,
        venue_ppm: 50_000,
    }
}

fn longs(minute_id: i64, venue_id: i64, usd: i64) -> LiqMinute {
    LiqMinute { minute_id, venue_id, long_usd_e6: usd * USD, short_usd_e6: 0 }
}

/// All cascades of some minutes, as (side, first, last, dollars, bursts).
fn all(minutes: &[LiqMinute]) -> Vec<(&'static str, i64, i64, i64, i64)> {
    let (first, last) = (minutes.first().unwrap().minute_id, minutes.last().unwrap().minute_id);
    let found = cascades(&params(), minutes, (i64::MIN, i64::MAX), (first, last)).unwrap();
    found.cascades.iter().map(|c| (c.side.as_str(), c.first_minute, c.last_minute, c.usd_e6 / USD, c.burst_minutes)).collect()
}

#[test]
fn bursts_join_over_five_minutes_and_three_of_them_are_kept() {
    let series = |at: &[i64]| at.iter().map(|minute| longs(10_000 + minute, GMX, 50_000)).collect::<Vec<_>>();
    let long_and_both = |first, last, usd, bursts| vec![("long", first, last, usd, bursts), ("both", first, last, usd, bursts)];
    assert_eq!(all(&series(&[0, 5, 10])), long_and_both(10_000, 10_010, 150_000, 3));
    assert_eq!(all(&series(&[0, 5, 11])), vec![]);
    assert_eq!(all(&series(&[0, 6, 7, 8])), long_and_both(10_006, 10_008, 150_000, 3));
    // Below the floor it is no burst; ten floors in one minute are a cascade.
    assert_eq!(all(&[longs(0, GMX, 49_999), longs(1, GMX, 49_999), longs(2, GMX, 49_999)]), vec![]);
    assert_eq!(all(&[longs(0, GMX, 500_000)]), long_and_both(0, 0, 500_000, 1));
    assert_eq!(all(&[longs(0, GMX, 499_999)]), vec![]);
}

#[test]
fn the_baseline_is_the_fifteenth_largest_minute_of_the_day_before() {
    // Fifteen minutes of 40,000: the 1,426th of 1,440 is one of them, and a burst needs three times as much.
    let quiet: Vec<LiqMinute> = (0..15).map(|n| longs(1_000 + 10 * n, GMX, 40_000)).collect();
    let with = |burst: i64| [quiet.clone(), (0..3).map(|n| longs(2_000 + n, GMX, burst)).collect()].concat();
    assert_eq!(all(&with(119_999)), vec![]);
    assert_eq!(all(&with(120_000)).len(), 2);
    // Before the third burst stand two bursts and the quiet minutes: with fourteen in all the 1,426th is one without any.
    assert_eq!(all(&with(60_000)[3..]).len(), 2);
    assert_eq!(all(&with(60_000)[2..]), vec![]);
    // A day and a minute later nothing of it is left in the baseline.
    let late: Vec<LiqMinute> = [quiet, (0..3).map(|n| longs(2_581 + n, GMX, 60_000)).collect()].concat();
    assert_eq!(all(&late).len(), 2);
}

#[test]
fn sides_are_looked_for_apart_and_together() {
    let mixed: Vec<LiqMinute> = (0..3)
        .flat_map(|n| {
            let short = LiqMinute { minute_id: n, venue_id: HYPERLIQUID, long_usd_e6: 0, short_usd_e6: 30_000 * USD };
            [longs(n, GMX, 30_000), short]
        })
        .collect();
    let found = cascades(&params(), &mixed, (i64::MIN, i64::MAX), (0, 2)).unwrap().cascades;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].side, found[0].usd_e6, found[0].long_usd_e6), (CascadeSide::Both, 180_000 * USD, 90_000 * USD));
    assert_eq!(found[0].venues, [(GMX, 90_000 * USD, 500_000), (HYPERLIQUID, 90_000 * USD, 500_000)]);
    assert_eq!((found[0].peak_minute, found[0].peak_usd_e6), (0, 60_000 * USD));
}

#[test]
fn what_reaches_beyond_what_is_loaded_asks_for_more() {
    let minutes: Vec<LiqMinute> = (0..2_000).map(|n| longs(n * 4, GMX, 60_000)).collect();
    assert_eq!(cascades(&params(), &minutes[700..1_200], (2_800, 4_800), (4_300, 4_300)), None);
    assert!(cascades(&params(), &minutes, (i64::MIN, i64::MAX), (4_300, 4_300)).is_some());
}

fn liq_minutes() -> impl Strategy<Value = Vec<LiqMinute>> {
    let minute =
        (0..6_000_i64, prop_oneof![Just(GMX), Just(HYPERLIQUID)], 0..3_u8, prop_oneof![3 => 0..40_000_i64, 1 => 40_000..900_000_i64]);
    prop::collection::vec(minute, 1..60).prop_map(|rows| {
        let mut minutes: BTreeMap<(i64, i64), LiqMinute> = BTreeMap::new();
        for (minute_id, venue_id, side, usd) in rows {
            // Crowded, so that bursts have neighbours.
            let minute_id = minute_id / 3;
            let row = minutes.entry((minute_id, venue_id)).or_insert(LiqMinute { minute_id, venue_id, long_usd_e6: 0, short_usd_e6: 0 });
            if side == 0 { row.short_usd_e6 += usd * USD } else { row.long_usd_e6 += usd * USD }
        }
        minutes.into_values().collect()
    })
}

proptest! {
    /// Replacing what a change can touch gives what finding all anew gives.
    #[test]
    fn a_change_touches_no_more_than_is_replaced(before in liq_minutes(), added in liq_minutes(), take in 1..4_usize) {
        let added = &added[..take.min(added.len())];
        let mut after: BTreeMap<(i64, i64), LiqMinute> = before.iter().map(|row| ((row.minute_id, row.venue_id), *row)).collect();
        for row in added {
            let sum = after.entry((row.minute_id, row.venue_id)).or_insert(LiqMinute { long_usd_e6: 0, short_usd_e6: 0, ..*row });
            sum.long_usd_e6 += row.long_usd_e6;
            sum.short_usd_e6 += row.short_usd_e6;
        }
        let after: Vec<LiqMinute> = after.into_values().collect();
        let whole = |minutes: &[LiqMinute]| cascades(&params(), minutes, (i64::MIN, i64::MAX), (i64::MIN / 4, i64::MAX / 4)).unwrap().cascades;
        let changed = (added.iter().map(|row| row.minute_id).min().unwrap(), added.iter().map(|row| row.minute_id).max().unwrap());
        let found = cascades(&params(), &after, (i64::MIN, i64::MAX), changed).unwrap();
        let mut replaced: Vec<_> = whole(&before);
        replaced.retain(|cascade| !(found.from_minute..=found.to_minute).contains(&cascade.first_minute));
        replaced.extend(found.cascades);
        replaced.sort_by_key(|cascade| (cascade.side, cascade.first_minute));
        let mut wanted = whole(&after);
        wanted.sort_by_key(|cascade| (cascade.side, cascade.first_minute));
        prop_assert_eq!(replaced, wanted);
    }

    /// Nothing that happens more than five minutes after its end changes a cascade.
    #[test]
    fn a_cascade_is_not_changed_by_what_comes_later(minutes in liq_minutes(), cut in 0..2_000_i64) {
        let whole = |minutes: &[LiqMinute]| cascades(&params(), minutes, (i64::MIN, i64::MAX), (i64::MIN / 4, i64::MAX / 4)).unwrap().cascades;
        let known: Vec<LiqMinute> = minutes.iter().filter(|row| row.minute_id <= cut).copied().collect();
        let over = |cascade: &perpdex_reducer::CascadeSpan| cascade.last_minute + 5 <= cut;
        let early: Vec<_> = whole(&known).into_iter().filter(over).collect();
        let late: Vec<_> = whole(&minutes).into_iter().filter(over).collect();
        prop_assert_eq!(early, late);
    }

    /// Shares are of one whole: the index lies between 10,000 / n and 10,000.
    #[test]
    fn concentration_lies_between_equal_and_alone(values in prop::collection::vec(0..1_000_000_000_000_i64, 1..8)) {
        prop_assume!(values.iter().sum::<i64>() > 0);
        let got = concentration(&values).unwrap();
        let n = values.len() as i64;
        prop_assert!(got.hhi_e6 >= 10_000 * 1_000_000 / n && got.hhi_e6 <= 10_000 * 1_000_000);
        prop_assert!(got.effective_venues_e6 <= n * 1_000_000 && got.effective_venues_e6 >= 1_000_000);
    }
}

#[test]
fn concentration_by_hand() {
    // Shares 0.7, 0.2, 0.1: 4,900 + 400 + 100.
    let got = concentration(&[70, 20, 10]).unwrap();
    assert_eq!((got.total_usd_e6, got.hhi_e6, got.effective_venues_e6, got.venues), (100, 5_400_000_000, 1_851_852, 3));
    assert_eq!(concentration(&[0, 0]), None);
    assert_eq!(concentration(&[]), None);
}

#[test]
fn holding_time_by_littles_law() {
    // OI/volume of 0.18 and 0.64 on a book: 0.36 and 1.28 days.
    assert_eq!(holding_ms(2 * 18, 100), Some(31_104_000));
    assert_eq!(holding_ms(2 * 64, 100), Some(110_592_000));
    assert_eq!(holding_ms(5, 0), None);
}

fn mark(market_id: i64, venue_id: i64, mark: &str) -> MarketMark {
    MarketMark { market_id, venue_id, mark: Decimal::parse(mark).unwrap() }
}

#[test]
fn a_mark_stands_against_the_median_of_the_others() {
    let marks = [mark(1, GMX, "101"), mark(2, HYPERLIQUID, "100"), mark(3, 5, "98"), mark(4, 5, "100")];
    let got: Vec<_> =
        divergences(&marks).iter().map(|row| (row.market_id, row.median.to_string(), row.divergence_ppm, row.venues)).collect();
    // The third venue's mark is 99, the median of its two markets.
    let wanted = [(1, "99.5", 15_075, 2), (2, "100", 0, 2), (3, "100.5", -24_876, 2), (4, "100.5", -4_975, 2)];
    assert_eq!(got, wanted.map(|(market, median, ppm, venues)| (market, median.to_owned(), ppm, venues)));
    assert_eq!(divergences(&marks[2..]), []);
}

fn venue_hour(venue_id: i64, level: Option<(i64, i64)>) -> VenueHour {
    VenueHour {
        hour_id: 7,
        venue_id,
        fills_ppm: if level.is_some() { 1_000_000 } else { 500_000 },
        level,
        one_mark_usd_e6: level.map(|(long, short)| (long + short) * 50),
        mark: level.map(|_| Decimal::from(100)),
        sums: [Some(9), Some(2), Some(1)],
        rate: level.map(|(long, short)| ((long + short) * 50, (long + short) * 50 * 10 / 1_000)),
    }
}

#[test]
fn a_venue_is_known_with_all_its_markets_and_the_whole_is_of_known_ones() {
    let hours = asset_hours(&[venue_hour(GMX, Some((300, 100))), venue_hour(GMX, Some((200, 0))), venue_hour(HYPERLIQUID, None)]);
    let told: Vec<_> = hours.iter().map(|row| (row.venue_id, row.venues.clone(), row.gross_q, row.oi_one_usd_e6, row.is_closed)).collect();
    let wanted = [
        (GMX, vec![GMX], Some(600), Some(30_000), true),
        (HYPERLIQUID, vec![], None, None, false),
        (0, vec![GMX], Some(600), Some(30_000), false),
    ];
    assert_eq!(told, wanted);
    assert_eq!(hours[0].sums, [Some(18), Some(4), Some(2)]);
    // 30,000 of weight at 10^-11 of 10^12 ... 300 nano-dollars an hour over 30,000 micro-dollars.
    assert_eq!((hours[2].rate_1h_e12, hours[2].rate_weight_usd_e6), (Some(10_000_000), Some(30_000)));
    let one = asset_hours(&[venue_hour(GMX, Some((300, 100))), venue_hour(GMX, None)]);
    assert_eq!((one[0].gross_q, one[0].oi_one_usd_e6), (None, None));
}

const SIGNALS: SignalParams = SignalParams {
    hours: 24,
    oi_ppm: 100_000,
    rank_ppm: 900_000,
    window_hours: 720,
    points_min: 168,
    liq_percentile: 99,
    flip_hours: 3,
    price_ppm: 10_000,
    divergent_oi_ppm: 10_000,
    call_ppm: 650_000,
};

/// Two hundred equal hours, the last ones changed by the test.
fn quiet() -> BTreeMap<i64, SignalPoint> {
    let point = |hour: i64| SignalPoint {
        is_closed: true,
        venue_list: "gmx_v2".to_owned(),
        gross_q: Some(1_000),
        liq_usd_e6: Some(hour % 10),
        rate_1h_e12: Some(100 + hour % 7),
        mark: Some(Decimal::from(50)),
        call_ppm: None,
    };
    (0..200).map(|hour| (hour, point(hour))).collect()
}

fn names(points: &BTreeMap<i64, SignalPoint>) -> Vec<(&'static str, i64, i64)> {
    signals(&SIGNALS, points, [199]).iter().map(|signal| (signal.name, signal.value_e6, signal.threshold_e6)).collect()
}

#[test]
fn each_signal_needs_its_thresholds() {
    let with = |change: &dyn Fn(&mut SignalPoint)| {
        let mut points = quiet();
        points.insert(199, SignalPoint { liq_usd_e6: Some(0), ..points[&199].clone() });
        change(points.get_mut(&199).unwrap());
        names(&points)
    };
    assert_eq!(with(&|_| {}), []);
    assert_eq!(with(&|now| now.gross_q = Some(1_100)), []);
    let high = |now: &mut SignalPoint| (now.gross_q, now.rate_1h_e12) = (Some(1_100), Some(200));
    assert_eq!(with(&high), [("oi_up_funding_high", 100_000, 100_000)]);
    assert_eq!(with(&|now| (now.gross_q, now.rate_1h_e12) = (Some(1_099), Some(200))), []);
    assert_eq!(with(&|now| now.gross_q = Some(900)), [("oi_falling", -100_000, -100_000)]);
    assert_eq!(with(&|now| now.liq_usd_e6 = Some(9)), [("liq_spike", 9, 9)]);
    assert_eq!(with(&|now| (now.mark, now.gross_q) = (Some(Decimal::from(51)), Some(990))), [("price_up_oi_down", 20_000, 10_000)]);
    assert_eq!(
        with(&|now| (now.call_ppm, now.rate_1h_e12) = (Some(650_000), Some(-1))),
        [("call_heavy_negative_funding", 650_000, 650_000)]
    );
    assert_eq!(with(&|now| (now.call_ppm, now.rate_1h_e12) = (Some(649_999), Some(-1))), []);
    // Other venues are another whole; an hour that is not over says nothing.
    assert_eq!(with(&|now| (now.gross_q, now.venue_list) = (Some(500), "gmx_v2 hyperliquid".to_owned())), []);
    assert_eq!(with(&|now| (now.gross_q, now.is_closed) = (Some(500), false)), []);
}

#[test]
fn funding_flips_when_a_new_sign_has_held() {
    let mut points = quiet();
    points.get_mut(&199).unwrap().liq_usd_e6 = Some(0);
    for hour in 197..200 {
        points.get_mut(&hour).unwrap().rate_1h_e12 = Some(-5);
    }
    assert_eq!(names(&points), [("funding_flip", -5, 0)]);
    points.get_mut(&196).unwrap().rate_1h_e12 = Some(-5);
    assert_eq!(names(&points), []);
    points.get_mut(&196).unwrap().rate_1h_e12 = None;
    assert_eq!(names(&points), []);
}
