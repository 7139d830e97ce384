use super::*;

const H: i64 = 480_000;

fn at(hour: i64, minute: i64) -> i64 {
    (H + hour) * HOUR_MS + minute * 60_000
}

fn delta(hour: i64, long_q: i64, short_q: i64) -> HourDelta {
    HourDelta { hour_id: H + hour, long_q, short_q, long_usd_e6: Some(long_q * 10), short_usd_e6: Some(short_q * 10) }
}

fn history(hours: i64) -> MarketHistory {
    MarketHistory {
        first_hour: H,
        last_hour: H + hours - 1,
        qty_scale: 0,
        starts_at_zero: true,
        anchor_parts: 0,
        fills_covered: vec![CoveredTime { from_ms: at(0, 5), to_ms: at(hours, 1) }],
        funding_covered: Vec::new(),
        deltas: Vec::new(),
        tail: Vec::new(),
        anchors: Vec::new(),
        marks: Vec::new(),
        rates: Vec::new(),
        mark_age_ms_max: HOUR_MS,
    }
}

fn longs(history: &MarketHistory) -> Vec<Option<i64>> {
    levels(history).unwrap().levels.iter().map(|level| level.long_q).collect()
}

#[test]
fn a_quiet_market_keeps_its_level_and_a_hole_ends_it() {
    let mut market = history(5);
    market.deltas = vec![delta(0, 5, 5), delta(2, 1, 1), delta(4, -2, -2)];
    assert_eq!(longs(&market), [Some(5), Some(5), Some(6), Some(6), Some(4)]);
    market.fills_covered = vec![CoveredTime { from_ms: at(0, 5), to_ms: at(3, 30) }, CoveredTime { from_ms: at(3, 31), to_ms: at(5, 0) }];
    assert_eq!(longs(&market), [Some(5), Some(5), Some(6), None, None]);
    assert_eq!(levels(&market).unwrap().levels[3].fills_ppm, 983_333);
}

#[test]
fn an_entry_cost_that_is_not_told_is_unknown_and_not_zero() {
    let mut market = history(3);
    market.deltas = vec![delta(0, 5, 5), HourDelta { long_usd_e6: None, ..delta(1, 2, 2) }];
    let rows = levels(&market).unwrap().levels;
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
fn an_anchor_counts_from_the_end_of_its_block() {
    let anchor = |height, ord, long_q: Option<i64>, short_q: Option<i64>| AnchorPoint {
        height,
        ord,
        ts_ms: at(1, 30),
        collateral_token: None,
        long_q,
        short_q,
        long_usd_e6: None,
        short_usd_e6: None,
    };
    let mut market = history(3);
    market.starts_at_zero = false;
    market.anchors =
        vec![anchor(90, 0, Some(7), None), anchor(100, 1, None, Some(4)), anchor(100, 2, Some(10), None), anchor(101, 0, Some(99), None)];
    market.deltas = vec![delta(0, 1, 1), delta(1, 3, 3), delta(2, 2, 0)];
    market.tail = vec![TailDelta { height: 99, delta: delta(1, 2, 2) }, TailDelta { height: 101, delta: delta(1, 1, 1) }];
    assert_eq!(longs(&market), [None, Some(11), Some(13)]);
    assert_eq!(MarketHistory::first_anchor_hour(&market.anchors, 0), Some(H + 1));
    assert_eq!(MarketHistory::first_anchor_hour(&market.anchors, 4), None);
    let level = &levels(&market).unwrap().levels[2];
    assert_eq!((level.short_q, level.long_entry_usd_e6), (Some(5), None));
}

#[test]
fn the_ladder_prefers_a_fresh_mark() {
    let point =
        |hour, minute, kind, price: i64| MarkPoint { hour_id: H + hour, ts_ms: at(hour, minute), kind, price: Decimal::from(price) };
    let mut market = history(3);
    market.deltas = vec![delta(0, 3, 0)];
    market.marks = vec![point(0, 10, Some(PriceKind::Mark), 100), point(1, 50, None, 105), point(1, 40, Some(PriceKind::Oracle), 104)];
    let rows = levels(&market).unwrap().levels;
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
    let funding = levels(&market).unwrap().funding;
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
    let funding = levels(&market).unwrap().funding;
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
    assert_eq!(levels(&market).unwrap().funding[0].cost_long_1h_e12, Some(10_000_000_000));
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
        let funding = levels(market).unwrap().funding;
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
