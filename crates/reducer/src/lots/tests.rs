use proptest::prelude::*;

use super::*;

const DAY_MS: i64 = 86_400_000;

fn fill(ts_ms: i64, before_q: i64, after_q: i64, closed_by: ClosedBy) -> PositionFill<'static> {
    let part = |q: i64, sign: i64| (q * sign).max(0);
    PositionFill {
        position_key: "a/X",
        side: None,
        ts_ms,
        before_q: Some(before_q),
        long_delta_q: part(after_q, 1) - part(before_q, 1),
        short_delta_q: part(after_q, -1) - part(before_q, -1),
        is_open: before_q == 0,
        closed_by,
    }
}

/// Takes a history of one position: moment and size after each fill.
fn sizes(book: &mut LotBook, before_q: i64, steps: &[(i64, i64)]) {
    let mut stood = before_q;
    for (ts_ms, after_q) in steps {
        book.take(&fill(*ts_ms, stood, *after_q, ClosedBy::Account));
        stood = *after_q;
    }
}

fn row(lots: &[(i64, i64)], from_day: i64, to_day: Option<i64>) -> LotRow {
    let lots = lots.iter().map(|(opened_ms, q)| Lot { opened_ms: *opened_ms, q: *q }).collect();
    LotRow { position_key: "a/X".to_owned(), side: PositionSide::Long, lots, from_day, to_day }
}

fn closed(closed_q: i128, known_q: i128, held_q_ms: i128) -> BTreeMap<ClosedBy, ClosedLots> {
    BTreeMap::from([(ClosedBy::Account, ClosedLots { closed_q, known_q, held_q_ms })])
}

#[test]
fn what_came_first_leaves_first() {
    let mut book = LotBook::default();
    // 10 at 1,000 and 5 at 2,000; 12 leave at 5,000: 10 x 4,000 + 2 x 3,000. The other 3 leave at 6,000: 3 x 4,000.
    sizes(&mut book, 0, &[(1_000, 10), (2_000, 15), (5_000, 3), (6_000, 0)]);
    assert_eq!(book.end_day(0), closed(15, 15, 58_000));
    assert_eq!(book.into_changes(), LotChanges::default(), "nothing stood at the day's end");
}

#[test]
fn a_flip_closes_one_side_and_opens_the_other() {
    let mut book = LotBook::default();
    sizes(&mut book, 0, &[(1_000, -10), (3_000, 4)]);
    assert_eq!(book.end_day(0), closed(10, 10, 20_000));
    assert_eq!(book.into_changes(), LotChanges { come: vec![row(&[(3_000, 4)], 0, None)], ended: Vec::new() });
}

#[test]
fn what_was_open_before_all_records_is_the_oldest_and_has_no_time() {
    let mut book = LotBook::default();
    // 7 stood already, 5 come: of 9 that leave 7 are unknown.
    sizes(&mut book, 7, &[(1_000, 12), (4_000, 3)]);
    let day = book.end_day(0);
    assert_eq!(day, closed(9, 2, 6_000));
    let sum = day[&ClosedBy::Account];
    assert_eq!((sum.mean_ms(), sum.known_ppm()), (Some(3_000), Some(222_222)));
    assert_eq!((ClosedLots { closed_q: 1, ..ClosedLots::default() }.mean_ms(), ClosedLots::default().known_ppm()), (None, None));
    // A position of which a record says no size, and which it does not open, is unknown as well.
    let mut book = LotBook::default();
    let untold = PositionFill { before_q: None, is_open: false, ..fill(1_000, 0, 5, ClosedBy::Account) };
    book.take(&untold);
    book.take(&PositionFill { before_q: None, ..fill(2_000, 5, 0, ClosedBy::Account) });
    assert_eq!(book.end_day(0), closed(5, 0, 0));
    // Nor is one flat that is not there, unless the book began with the market.
    let mut book = LotBook::new(Vec::new(), true);
    book.take(&untold);
    book.take(&PositionFill { before_q: None, ..fill(2_000, 5, 0, ClosedBy::Account) });
    assert_eq!(book.end_day(0), closed(5, 5, 5_000));
    // Opened by name, it is known without sizes.
    let mut book = LotBook::default();
    book.take(&PositionFill { is_open: true, ..untold });
    book.take(&PositionFill { before_q: None, ..fill(2_000, 5, 0, ClosedBy::Account) });
    assert_eq!(book.end_day(0), closed(5, 5, 5_000));
}

#[test]
fn units_that_left_without_a_record_were_the_oldest() {
    let mut book = LotBook::default();
    sizes(&mut book, 0, &[(1_000, 4), (2_000, 8)]);
    // The next fill finds 4: those of 1,000 are gone. More than there is leaves no known time.
    book.take(&fill(5_000, 4, 0, ClosedBy::Liquidation));
    let mut beyond = fill(6_000, 0, 0, ClosedBy::Adl);
    (beyond.before_q, beyond.long_delta_q) = (None, -3);
    book.take(&beyond);
    let day = book.end_day(0);
    assert_eq!(day[&ClosedBy::Liquidation], ClosedLots { closed_q: 4, known_q: 4, held_q_ms: 12_000 });
    assert_eq!(day[&ClosedBy::Adl], ClosedLots { closed_q: 3, known_q: 0, held_q_ms: 0 });
}

#[test]
fn a_fill_of_one_side_says_nothing_of_the_other() {
    let mut book = LotBook::default();
    book.take(&PositionFill { side: Some(PositionSide::Long), ..fill(1_000, 0, 10, ClosedBy::Account) });
    book.take(&PositionFill { side: Some(PositionSide::Short), ..fill(2_000, 0, -4, ClosedBy::Account) });
    book.take(&PositionFill { side: Some(PositionSide::Long), ..fill(5_000, 10, 0, ClosedBy::Account) });
    assert_eq!(book.end_day(0), closed(10, 10, 40_000));
}

#[test]
fn rows_say_at_the_end_of_which_days_a_lot_stood() {
    let mut book = LotBook::default();
    sizes(&mut book, 0, &[(1_000, 10), (2_000, 15)]);
    book.end_day(0);
    sizes(&mut book, 15, &[(DAY_MS + 7, 19)]);
    book.end_day(1);
    sizes(&mut book, 19, &[(2 * DAY_MS, 12)]);
    book.end_day(2);
    // What was opened on one day stands and goes together; what was opened on another is not told again.
    let first_day = row(&[(1_000, 10), (2_000, 5)], 0, Some(2));
    let rest = row(&[(1_000, 3), (2_000, 5)], 2, None);
    let second_day = row(&[(DAY_MS + 7, 4)], 1, None);
    let changes = book.into_changes();
    assert_eq!(changes, LotChanges { come: vec![first_day, rest.clone(), second_day.clone()], ended: Vec::new() });
    // Gone on from there: only what changes is told again.
    let mut book = LotBook::new(vec![second_day.clone(), rest.clone()], true);
    sizes(&mut book, 12, &[(3 * DAY_MS, 8)]);
    assert_eq!(book.end_day(3), closed(4, 4, 3 * i128::from(3 * DAY_MS - 1_000) + i128::from(3 * DAY_MS - 2_000)));
    let ended = LotRow { to_day: Some(3), ..rest };
    assert_eq!(book.into_changes(), LotChanges { come: vec![row(&[(2_000, 4)], 3, None)], ended: vec![ended] });
}

#[test]
fn behind_a_hole_nothing_is_known() {
    let mut book = LotBook::default();
    sizes(&mut book, 0, &[(1_000, 10)]);
    book.end_day(0);
    book.begin(false);
    sizes(&mut book, 10, &[(2 * DAY_MS, 0)]);
    assert_eq!(book.end_day(2), closed(10, 0, 0));
    assert_eq!(book.into_changes().come, [row(&[(1_000, 10)], 0, None)]);
}

proptest! {
    /// Unit by unit: each unit is a clock of its own, and the oldest leaves. Cut into days anywhere, with the book stored and
    /// made anew between them, the sums are the same.
    #[test]
    fn lots_are_units_that_queue(steps in prop::collection::vec((1_i64..DAY_MS, -6_i64..=6), 1..40), is_restarted: bool) {
        let (mut now, mut book, mut stood) = (1_000, LotBook::default(), 0);
        let mut queue: VecDeque<i64> = VecDeque::new();
        let (mut want, mut got) = (ClosedLots::default(), ClosedLots::default());
        let mut rows: Vec<LotRow> = Vec::new();
        for (pause, after) in steps {
            let day = now / DAY_MS;
            now += pause;
            for day in day..now / DAY_MS {
                for sum in book.end_day(day).into_values() {
                    got = got.plus(sum);
                }
                if is_restarted {
                    let LotChanges { come, ended } = std::mem::take(&mut book).into_changes();
                    for row in ended {
                        let place = rows.iter().position(|old| *old == LotRow { to_day: None, ..row.clone() });
                        rows[place.expect("what ended was stored")] = row;
                    }
                    let key = |row: &LotRow| (row.side, row.from_day, row.opened_day());
                    prop_assert!(come.iter().all(|row| rows.iter().all(|old| key(old) != key(row))), "a row that has come was not there");
                    rows.extend(come);
                    book = LotBook::new(rows.iter().filter(|row| row.to_day.is_none()).cloned().collect(), false);
                }
            }
            book.take(&fill(now, stood, after, ClosedBy::Account));
            // A position through zero closes all of it first.
            let closing = if stood * after < 0 { stood.abs() } else { (stood.abs() - after.abs()).max(0) };
            let opening = if stood * after < 0 { after.abs() } else { (after.abs() - stood.abs()).max(0) };
            for _ in 0..closing {
                let opened = queue.pop_front().unwrap();
                want = want.plus(ClosedLots { closed_q: 1, known_q: 1, held_q_ms: i128::from(now - opened) });
            }
            queue.extend((0..opening).map(|_| now));
            stood = after;
        }
        for sum in book.end_day(now / DAY_MS).into_values() {
            got = got.plus(sum);
        }
        prop_assert_eq!(got, want);
    }

    /// Longs in the place of shorts, and a fill told in two parts: the same times.
    #[test]
    fn sides_mirror_and_parts_add_up(after in prop::collection::vec(-9_i64..=9, 1..20)) {
        let (mut whole, mut mirrored, mut parts) = (LotBook::default(), LotBook::default(), LotBook::default());
        let mut stood = 0;
        for (after, ts_ms) in after.into_iter().zip((1_i64..).map(|n| n * 1_000)) {
            whole.take(&fill(ts_ms, stood, after, ClosedBy::Account));
            mirrored.take(&fill(ts_ms, -stood, -after, ClosedBy::Account));
            let middle = (stood + after) / 2;
            parts.take(&fill(ts_ms, stood, middle, ClosedBy::Account));
            parts.take(&fill(ts_ms, middle, after, ClosedBy::Account));
            stood = after;
        }
        let want = whole.end_day(0);
        prop_assert_eq!(mirrored.end_day(0), want.clone());
        prop_assert_eq!(parts.end_day(0), want);
    }
}
