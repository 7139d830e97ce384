use super::*;

const H: i64 = 480_000;

fn at(hour: i64, minute: i64) -> i64 {
    (H + hour) * HOUR_MS + minute * 60_000
}

fn delta(hour: i64, long_q: i64, short_q: i64) -> HourDelta {
    let (long_usd_e6, short_usd_e6) = (Some(long_q * 10), Some(short_q * 10));
    // In the middle of the hour.
    let moment = |q: i64| i128::from(q) * 1_800_000;
    HourDelta { hour_id: H + hour, long_q, short_q, long_usd_e6, short_usd_e6, long_moment: moment(long_q), short_moment: moment(short_q) }
}

fn history(hours: i64) -> MarketHistory {
    MarketHistory {
        first_hour: H,
        from_hour: H,
        before: None,
        last_hour: H + hours - 1,
        qty_scale: 0,
        starts_at_zero: true,
        fills_covered: vec![CoveredTime { from_ms: at(0, 5), to_ms: at(hours, 1) }],
        funding_covered: Vec::new(),
        liquidations_covered: Vec::new(),
        stated: Vec::new(),
        deltas: Vec::new(),
        bases: Vec::new(),
        marks: Vec::new(),
        medians: Vec::new(),
        rates: Vec::new(),
        mark_age_ms_max: HOUR_MS,
    }
}

fn longs(history: &MarketHistory) -> Vec<Option<i64>> {
    levels(history).levels.iter().map(|level| level.long_q).collect()
}

#[test]
fn the_median_over_venues_is_the_last_resort() {
    let price = |number: i64| Decimal::from(number);
    let market = MarketHistory {
        deltas: vec![delta(0, 4, 2)],
        marks: vec![MarkPoint { hour_id: H + 1, ts_ms: at(1, 30), kind: None, price: price(100) }],
        medians: vec![
            MedianMark { hour_id: H + 1, price: price(7), age_ms: 5 },
            MedianMark { hour_id: H + 3, price: price(90), age_ms: 1_000 },
        ],
        ..history(4)
    };
    let rows = levels(&market).levels;
    let marks: Vec<_> = rows.iter().map(|row| (row.mark_source, row.mark_age_ms, row.one_mark_usd_e6)).collect();
    let wanted = [
        (None, None, None),
        (Some("execution"), Some(1_800_000), Some(300_000_000)),
        (None, None, None),
        (Some("median"), Some(1_000), Some(270_000_000)),
    ];
    assert_eq!(marks, wanted);
}

#[test]
fn a_quiet_market_keeps_its_level_and_a_hole_ends_it() {
    let mut market = history(5);
    market.deltas = vec![delta(0, 5, 5), delta(2, 1, 1), delta(4, -2, -2)];
    assert_eq!(longs(&market), [Some(5), Some(5), Some(6), Some(6), Some(4)]);
    market.fills_covered = vec![CoveredTime { from_ms: at(0, 5), to_ms: at(3, 30) }, CoveredTime { from_ms: at(3, 31), to_ms: at(5, 0) }];
    assert_eq!(longs(&market), [Some(5), Some(5), Some(6), None, None]);
    assert_eq!(levels(&market).levels[3].fills_ppm, 983_333);
}

#[test]
fn an_entry_cost_that_is_not_told_is_unknown_and_not_zero() {
    let mut market = history(3);
    market.deltas = vec![delta(0, 5, 5), HourDelta { long_usd_e6: None, ..delta(1, 2, 2) }];
    let rows = levels(&market).levels;
    let entries: Vec<_> = rows.iter().map(|row| (row.long_q, row.long_entry_usd_e6, row.short_entry_usd_e6)).collect();
    assert_eq!(entries, [(Some(5), Some(50), Some(50)), (Some(7), None, Some(70)), (Some(7), None, Some(70))]);
}

#[test]
fn without_base_or_listing_there_is_no_level() {
    let mut market = history(2);
    market.starts_at_zero = false;
    market.deltas = vec![delta(0, 5, 5)];
    assert_eq!(longs(&market), [None, None]);
}

#[test]
fn a_level_is_a_mean_over_its_hour_too() {
    let mut market = history(4);
    market.deltas = vec![delta(0, 4, 0), delta(2, 3, 1)];
    let means: Vec<_> = levels(&market).levels.iter().map(|row| (row.long_tw_q, row.short_tw_q)).collect();
    // 4 for half of the first hour; 4 + 3 / 2 is 5.5, which goes to the even 6, and a half to the even 0.
    assert_eq!(means, [(Some(2), Some(0)), (Some(4), Some(0)), (Some(6), Some(0)), (Some(7), Some(1))]);
    market.fills_covered = vec![CoveredTime { from_ms: at(0, 5), to_ms: at(2, 30) }];
    assert_eq!(levels(&market).levels[2].long_tw_q, None);
}

fn base(hour: i64, minute: i64, parts: &[(bool, i64)], tail: Vec<HourDelta>) -> AnchorBase {
    let parts = parts.iter().map(|(is_long, q)| AnchorPart { is_long: *is_long, q: *q, usd_e6: None });
    AnchorBase { ts_ms: at(hour, minute), parts: parts.collect(), tail }
}

#[test]
fn an_anchor_counts_from_the_end_of_its_block() {
    let mut market = history(3);
    market.starts_at_zero = false;
    market.bases = vec![base(1, 30, &[(true, 3), (true, 7), (false, 4)], vec![delta(1, 1, 1)])];
    market.deltas = vec![delta(0, 1, 1), delta(1, 3, 3), delta(2, 2, 0)];
    assert_eq!(longs(&market), [None, Some(11), Some(13)]);
    let level = &levels(&market).levels[2];
    assert_eq!((level.short_q, level.long_entry_usd_e6), (Some(5), None));
    // The rest of the anchor's hour has to be known.
    market.fills_covered = vec![CoveredTime { from_ms: at(0, 0), to_ms: at(1, 59) }, CoveredTime { from_ms: at(2, 0), to_ms: at(3, 0) }];
    assert_eq!(longs(&market), [None, None, None]);
}

#[test]
fn behind_a_gap_the_next_anchor_is_a_new_base() {
    let mut market = history(5);
    market.deltas = vec![delta(0, 5, 5), delta(3, 2, 0), delta(4, 1, 1)];
    market.fills_covered = vec![CoveredTime { from_ms: at(0, 0), to_ms: at(1, 30) }, CoveredTime { from_ms: at(2, 10), to_ms: at(5, 0) }];
    assert_eq!(longs(&market), [Some(5), None, None, None, None]);
    market.bases = vec![base(2, 20, &[(true, 40), (false, 30)], Vec::new())];
    assert_eq!(longs(&market), [Some(5), None, Some(40), Some(42), Some(43)]);
}

#[test]
fn from_any_hour_on_the_rows_are_the_same() {
    let mut market = history(6);
    market.deltas = (0..6).map(|hour| delta(hour, 3 + hour, 2)).collect();
    market.fills_covered = vec![CoveredTime { from_ms: at(0, 0), to_ms: at(2, 30) }, CoveredTime { from_ms: at(2, 40), to_ms: at(6, 0) }];
    market.bases = vec![base(2, 50, &[(true, 100), (false, 50)], Vec::new())];
    let whole = levels(&market);
    for from in 1..6 {
        let row = &whole.levels[from - 1];
        let (long_usd_e6, short_usd_e6) = (row.long_entry_usd_e6, row.short_entry_usd_e6);
        let level = row.long_q.zip(row.short_q).map(|(long_q, short_q)| Level { long_q, short_q, long_usd_e6, short_usd_e6 });
        let part = MarketHistory { from_hour: H + i64::try_from(from).unwrap(), before: level, ..market.clone() };
        assert_eq!(levels(&part).levels, whole.levels[from..], "from hour {from}");
    }
}

#[test]
fn a_level_that_cannot_be_is_null_and_told() {
    let mut market = history(4);
    let long = |hour, long_q| HourDelta { hour_id: H + hour, long_q, ..HourDelta::default() };
    market.deltas = vec![long(0, 5), long(1, i64::MAX - 10), long(2, 6), long(3, 1)];
    let hours = levels(&market);
    assert_eq!(hours.levels.iter().map(|row| row.long_q.is_some()).collect::<Vec<_>>(), [true, true, false, false]);
    let told: Vec<_> = hours.failures.iter().map(|failure| (failure.hour_id - H, failure.column)).collect();
    assert_eq!(told, [(2, "long_q")]);
    market.deltas = vec![delta(0, 5, 5), delta(1, -2_000, 0)];
    assert_eq!(longs(&market), [Some(5), None, None, None]);
    market.deltas = vec![delta(0, 5, 5), delta(1, 0, -2_000)];
    let told: Vec<_> = levels(&market).failures.iter().map(|failure| failure.column).collect();
    assert_eq!(told, ["short_q"]);
    // Roundings of many positions are no contradiction.
    market.deltas = vec![delta(0, 5, 5), HourDelta { long_usd_e6: Some(-50), ..delta(1, -6, 0) }];
    assert_eq!(longs(&market), [Some(5), Some(0), Some(0), Some(0)]);
}

#[test]
fn the_ladder_prefers_a_fresh_mark() {
    let point =
        |hour, minute, kind, price: i64| MarkPoint { hour_id: H + hour, ts_ms: at(hour, minute), kind, price: Decimal::from(price) };
    let mut market = history(3);
    market.deltas = vec![delta(0, 3, 0)];
    market.marks = vec![point(0, 10, Some(PriceKind::Mark), 100), point(1, 50, None, 105), point(1, 40, Some(PriceKind::Oracle), 104)];
    let rows = levels(&market).levels;
    let marks: Vec<_> = rows.iter().map(|row| (row.mark_source, row.long_mark_usd_e6)).collect();
    assert_eq!(marks, [(Some("mark"), Some(300_000_000)), (Some("oracle"), Some(312_000_000)), (None, None)]);
    assert_eq!(rows[0].one_mark_usd_e6, Some(150_000_000));
}

#[test]
fn rates_fill_the_hours_they_were_in_force() {
    let rate = |hour, start_ms, end_ms, cost| RatePoint {
        ts_ms: at(hour, 0),
        kind: FundingKind::Funding,
        value: RateValue::Rate { period: Period::Exact { start_ms, end_ms }, cost_long_1h_e12: Some(cost), cost_short_1h_e12: Some(-cost) },
    };
    let mut market = history(4);
    market.rates = vec![rate(1, at(0, 0), at(1, 0), 100), rate(3, at(1, 30), at(3, 0), 40)];
    let funding = levels(&market).funding;
    let got: Vec<_> = funding.iter().map(|row| (row.hour_id - H, row.cost_long_1h_e12, row.cost_short_1h_e12, row.covered_ms)).collect();
    assert_eq!(got, [(0, Some(100), Some(-100), HOUR_MS), (1, Some(40), Some(-40), HOUR_MS / 2), (2, Some(40), Some(-40), HOUR_MS)]);
}

#[test]
fn an_index_gives_its_differences_and_a_reset_gives_none() {
    let index = |minute, value: &str, is_reset| RatePoint {
        ts_ms: at(0, minute),
        kind: FundingKind::Funding,
        value: RateValue::Index { side: None, value: Decimal::parse(value).unwrap(), basis: IndexBasis::Fraction, is_reset },
    };
    let mut market = history(1);
    market.rates =
        vec![index(0, "0", false), index(30, "0.001", false), index(30, "0.002", false), index(45, "0", true), index(60, "0.00025", false)];
    let funding = levels(&market).funding;
    // What was told last before the reset and at its moment is the end of what was before; nothing is paid until the next beginning.
    let mut emptied = history(2);
    emptied.rates = vec![index(0, "0.001", false), index(60, "0.002", false), index(60, "0", true), index(120, "0", false)];
    let costs: Vec<_> = levels(&emptied).funding.iter().map(|row| row.cost_long_1h_e12).collect();
    assert_eq!(costs, [Some(1_000_000_000), Some(0)]);
    // 0.001 in half an hour is 0.002 an hour; 0.00025 in a quarter is 0.001 an hour; the half hour counts twice as much.
    assert_eq!(funding[0].cost_long_1h_e12, Some(1_666_666_667));
    assert_eq!(funding[0].cost_short_1h_e12, Some(-1_666_666_667));
    assert_eq!(funding[0].covered_ms, 45 * 60_000);
    let quoted = |minute, value: i64| RatePoint {
        ts_ms: at(0, minute),
        kind: FundingKind::Funding,
        value: RateValue::Index {
            side: None,
            value: Decimal::from(value),
            basis: IndexBasis::QuotePerUnit { price: Decimal::from(200) },
            is_reset: false,
        },
    };
    market.rates = vec![quoted(0, 10), quoted(30, 11)];
    assert_eq!(levels(&market).funding[0].cost_long_1h_e12, Some(10_000_000_000));
}

#[test]
fn a_rate_since_the_one_before_spans_no_hole() {
    let rate = |hour, minute, cost| RatePoint {
        ts_ms: at(hour, minute),
        kind: FundingKind::Funding,
        value: RateValue::Rate {
            period: Period::SincePrevious { end_ms: at(hour, minute) },
            cost_long_1h_e12: Some(cost),
            cost_short_1h_e12: Some(-cost),
        },
    };
    let mut market = history(5);
    market.rates = vec![rate(0, 0, 10), rate(1, 0, 20), rate(4, 0, 30), rate(5, 0, 40)];
    let hours = |market: &MarketHistory| {
        let funding = levels(market).funding;
        funding.iter().map(|row| (row.hour_id - H, row.cost_long_1h_e12)).collect::<Vec<_>>()
    };
    market.funding_covered = vec![CoveredTime { from_ms: at(0, 0), to_ms: at(5, 0) }];
    assert_eq!(hours(&market), [(0, Some(20)), (1, Some(30)), (2, Some(30)), (3, Some(30)), (4, Some(40))]);
    // The rates between the second and the third may be missing: the third began with one of those.
    market.funding_covered = vec![CoveredTime { from_ms: at(0, 0), to_ms: at(1, 0) }, CoveredTime { from_ms: at(3, 10), to_ms: at(5, 0) }];
    assert_eq!(hours(&market), [(0, Some(20)), (4, Some(40))]);
    market.funding_covered[1].from_ms = at(4, 0);
    assert_eq!(hours(&market), [(0, Some(20)), (4, Some(40))]);
}

#[test]
fn a_stated_level_holds_for_a_quarter_of_an_hour_and_no_longer() {
    let stated = |hour: i64, ts_ms: i64, q: i64| StatedLevel { hour_id: H + hour, ts_ms, long_q: q, short_q: q + 1 };
    let mut market = history(4);
    (market.starts_at_zero, market.fills_covered) = (false, Vec::new());
    let late = at(3, 0) + STATED_LATE_MS_MAX;
    market.stated = vec![stated(0, at(1, 0) - STATED_AGE_MS_MAX, 7), stated(1, at(2, 0) - STATED_AGE_MS_MAX - 1, 8), stated(2, late, 9)];
    let rows = levels(&market).levels;
    let told: Vec<_> = rows.iter().map(|row| row.long_q.zip(row.short_q)).collect();
    assert_eq!(told, [Some((7, 8)), None, Some((9, 10)), None]);
}

#[test]
fn what_follows_from_fills_stands_before_what_is_stated() {
    let mut market = history(2);
    market.deltas = vec![delta(0, 5, 5)];
    market.stated = vec![StatedLevel { hour_id: H + 1, ts_ms: at(1, 59), long_q: 40, short_q: 40 }];
    assert_eq!(longs(&market), [Some(5), Some(5)]);
}

#[test]
fn liquidations_have_a_share_of_their_own_where_they_are_told_apart() {
    let mut market = history(3);
    market.liquidations_covered = market.fills_covered.clone();
    let shares = |market: &MarketHistory| levels(market).levels.iter().map(|row| row.liquidations_ppm).collect::<Vec<_>>();
    assert_eq!(shares(&market), [None, None, None]);
    market.liquidations_covered = vec![CoveredTime { from_ms: at(1, 30), to_ms: at(3, 0) }];
    assert_eq!(shares(&market), [Some(0), Some(500_000), Some(1_000_000)]);
}
