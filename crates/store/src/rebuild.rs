//! All sums made anew from the rows. Of the tables with many rows only the numbers that contribute are read; what is added
//! is the reducer's word all the same.

use perpdex_core::{Action, Catalog, ChainId, Forced, FundingKind, StoreError};
use perpdex_reducer::{FillPart, HourContribution, Row, fill_contribution, hour_id, payment_contribution};

use crate::aggregate::{Sign, Sums};
use crate::db::{Pages, Tx};
use crate::fact::{CONTRIBUTING, read};
use crate::record_count;
use crate::sql::{Fault, Numbers, Param, Result};

/// Rows read at once.
const ROWS_PER_PAGE: u32 = 20_000;
/// Hours of markets added up in memory, about 20 MB; rows come about in the order of heights, so that few hours are met again.
const HOURS_MAX: usize = 50_000;

/// Numbers of a key: chain, height, rec, sub.
const KEY: [&str; 4] = ["chain_id", "height", "rec", "sub"];
/// A place before every key.
const BEFORE_ALL: [i64; 4] = [-1, -1, i64::MIN, -1];

const ACTIONS: [Action; 11] = [
    Action::Open,
    Action::Increase,
    Action::Decrease,
    Action::Close,
    Action::Flip,
    Action::Liquidation,
    Action::Adl,
    Action::Takeover,
    Action::Transfer,
    Action::Settlement,
    Action::Trade,
];
const FORCED: [Forced; 3] = [Forced::None, Forced::Liq, Forced::Adl];
const KINDS: [FundingKind; 2] = [FundingKind::Funding, FundingKind::Borrow];

/// Numbers that tell where a row stands, before those that it is made of.
const PLACE: [&str; 2] = ["chain_id", "height"];

/// A row as numbers: what it adds to which hour of which market; `None` where a number is none of ours.
type Read = fn(&[Option<i64>]) -> Option<(i64, i64, HourContribution)>;

/// Makes all sums anew. It must never change one; it is the check that it does not.
pub(crate) async fn rebuild(tx: &mut Tx, catalog: &Catalog) -> Result<()> {
    by_pages(tx, catalog, ROWS_PER_PAGE).await
}

async fn by_pages(tx: &mut Tx, catalog: &Catalog, rows_per_page: u32) -> Result<()> {
    tx.look_up_by_keys().await?;
    for table in ["agg_market_hour", "liq_minute", "liq_zone_day", "collateral_flow_hour"] {
        tx.execute(&format!("DELETE FROM {table}"), Vec::new()).await?;
    }
    record_count::rebuild(tx).await?;
    let mut sums = Sums::default();
    let (forced, action) = (number_of("forced", FORCED.map(Forced::as_str)), number_of("action", ACTIONS.map(Action::as_str)));
    let fill = ["market_id", "ts_ms", "is_taker", "taker_dir", "in_volume", &forced, &action, "exec_notional_usd_e6", "notional_usd_e6"];
    let position = ["long_delta_q", "short_delta_q", "long_delta_usd_e6", "short_delta_usd_e6"];
    let fee = ["fee_usd_e6", "CASE WHEN fee_native IS NULL THEN 0 ELSE 1 END"];
    let fills = Numbers { table: "fills", key: KEY, numbers: &[&PLACE[..], &fill, &position, &fee].concat(), rows_per_page };
    add_numbers(tx, catalog, &mut sums, fills, of_fill).await?;
    let kind = number_of("kind", KINDS.map(FundingKind::as_str));
    let payment = ["market_id", "hour_id", &kind, "amount_usd_e6"];
    let payments = Numbers { table: "funding_payments", key: KEY, numbers: &[&PLACE[..], &payment].concat(), rows_per_page };
    add_numbers(tx, catalog, &mut sums, payments, of_payment).await?;
    for (table, columns) in CONTRIBUTING.iter().filter(|(table, _)| !["fills", "funding_payments"].contains(table)) {
        add_rows(tx, catalog, &mut sums, table, columns, rows_per_page).await?;
    }
    sums.apply(tx, catalog).await
}

/// The place of a name among all, as SQL; NULL for any other.
fn number_of<const N: usize>(column: &str, names: [&str; N]) -> String {
    let cases: Vec<String> = names.iter().enumerate().map(|(place, name)| format!("WHEN '{name}' THEN {place}")).collect();
    format!("CASE {column} {} END", cases.join(" "))
}

fn of_fill(numbers: &[Option<i64>]) -> Option<(i64, i64, HourContribution)> {
    let [
        market_id,
        ts_ms,
        is_taker,
        taker_dir,
        in_volume,
        forced,
        action,
        exec_notional,
        notional,
        long_q,
        short_q,
        long_usd,
        short_usd,
        fee_usd,
        has_fee,
    ] = *numbers
    else {
        return None;
    };
    let part = FillPart {
        ts_ms: ts_ms?,
        is_taker: is_taker? != 0,
        taker_dir,
        in_volume: in_volume? != 0,
        forced: named(&FORCED, forced)?,
        action: named(&ACTIONS, action)?,
        exec_notional_usd_e6: exec_notional?,
        notional_usd_e6: notional?,
        long_delta_q: long_q?,
        short_delta_q: short_q?,
        long_delta_usd_e6: long_usd,
        short_delta_usd_e6: short_usd,
        fee_usd_e6: fee_usd,
        has_fee: has_fee? != 0,
    };
    Some((market_id?, hour_id(part.ts_ms), fill_contribution(&part)))
}

fn of_payment(numbers: &[Option<i64>]) -> Option<(i64, i64, HourContribution)> {
    let [market_id, hour, kind, amount] = *numbers else { return None };
    Some((market_id?, hour?, payment_contribution(named(&KINDS, kind)?, amount)))
}

fn named<T: Copy>(names: &[T], place: Option<i64>) -> Option<T> {
    names.get(usize::try_from(place?).ok()?).copied()
}

/// Adds the rows of a table of which numbers alone are read.
async fn add_numbers(tx: &mut Tx, catalog: &Catalog, sums: &mut Sums, of_table: Numbers<'_>, of: Read) -> Result<()> {
    let mut pages = Pages::new(of_table);
    while let Some(page) = pages.next(tx).await? {
        for row in page.chunks(of_table.numbers.len()) {
            let (place, numbers) = row.split_at(PLACE.len());
            let unexpected =
                || Fault::Corrupt(format!("a row of {} at {place:?} (chain, height) does not hold what was expected", of_table.table));
            let [Some(chain), Some(height)] = *place else { return Err(unexpected()) };
            let (market_id, hour_id, contribution) = of(numbers).ok_or_else(unexpected)?;
            sums.add_hour(market_id, hour_id, &contribution, Sign::Plus).ok_or_else(|| too_large(chain, height))?;
        }
        write_if_many(tx, catalog, sums).await?;
    }
    Ok(())
}

/// Adds the rows of a table that is read whole.
async fn add_rows(tx: &mut Tx, catalog: &Catalog, sums: &mut Sums, table: &str, columns: &[&str], rows_per_page: u32) -> Result<()> {
    let mut last = BEFORE_ALL.map(Param::Int).to_vec();
    loop {
        let (columns, key) = (columns.join(", "), KEY.join(", "));
        let sql = format!("SELECT {columns} FROM {table} WHERE ({key}) > ($1, $2, $3, $4) ORDER BY {key} LIMIT {rows_per_page}");
        let records = tx.rows(&sql, last).await?;
        let Some(record) = records.last() else { return Ok(()) };
        last = (0..KEY.len()).map(|at| Ok(Param::Int(record.int(at)?))).collect::<Result<_>>()?;
        let rows = records.iter().map(|record| read(table, record)).collect::<Result<Vec<Row>>>()?;
        sums.add(&rows, Sign::Plus)?;
        write_if_many(tx, catalog, sums).await?;
    }
}

async fn write_if_many(tx: &mut Tx, catalog: &Catalog, sums: &mut Sums) -> Result<()> {
    if sums.hours() < HOURS_MAX {
        return Ok(());
    }
    std::mem::take(sums).apply(tx, catalog).await
}

fn too_large(chain: i64, height: i64) -> Fault {
    let message = "the sum of an hour does not fit in 64 bits".to_owned();
    Fault::Store(StoreError::Number { chain: ChainId(chain.unsigned_abs()), height: height.unsigned_abs(), message })
}

#[cfg(test)]
mod tests {
    use crate::db::Db;
    use crate::migrate::migrate;
    use crate::place::Place;
    use crate::sql::{Bulk, Record};

    use super::*;

    const PAYMENTS: &[&str] = &[
        "chain_id",
        "height",
        "rec",
        "sub",
        "market_id",
        "ts_ms",
        "hour_id",
        "tx_id",
        "account",
        "position_key",
        "kind",
        "amount_usd_e6",
        "amount_native",
        "token",
    ];

    /// Payments of two chains whose keys differ in their first, second, third or last number alone.
    async fn payments(db: &Db) {
        let mut bulk = Bulk::new("funding_payments", PAYMENTS);
        for (place, [chain, height, rec, sub]) in
            [[1, 5, -9, 0], [1, 5, -9, 1], [1, 5, 7, 0], [1, 6, -9, 0], [1, 6, 8, 3], [2, 1, 0, 0], [2, 5, -9, 0]].into_iter().enumerate()
        {
            let (kind, amount) = if place % 3 == 0 { ("borrow", -(1 << place)) } else { ("funding", 1 << place) };
            let text = || Param::from("x");
            bulk.cells.extend([chain, height, rec, sub, 1 + chain, 3_600_000 * height, height].map(Param::from));
            bulk.cells.extend([text(), text(), text(), Param::Name(kind), Param::from(Some(amount).filter(|_| place != 4))]);
            bulk.cells.extend([Param::Exact(alloy_primitives::I256::ONE), text()]);
        }
        let mut tx = db.begin().await.unwrap();
        tx.bulk(bulk).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn sums(db: &Db, rows_per_page: u32) -> Vec<Record> {
        let mut tx = db.begin().await.unwrap();
        by_pages(&mut tx, &Catalog::default(), rows_per_page).await.unwrap();
        tx.commit().await.unwrap();
        let columns = "market_id, hour_id, rows, funding_received_usd_e6, funding_charged_usd_e6, borrow_charged_usd_e6";
        db.rows(&format!("SELECT {columns} FROM agg_market_hour ORDER BY 1, 2"), Vec::new()).await.unwrap()
    }

    #[tokio::test]
    async fn pages_of_any_size_give_the_same_sums() {
        let db = Db::open(&Place::Memory, true).await.unwrap();
        migrate(&db, &Place::Memory).await.unwrap();
        payments(&db).await;
        let whole = sums(&db, ROWS_PER_PAGE).await;
        let rows: Vec<Vec<i64>> = whole.iter().map(|row| (0..6).map(|at| row.int(at).unwrap()).collect()).collect();
        assert_eq!(rows, [[2, 5, 3, 2 + 4, 0, 1], [2, 6, 2, 0, 0, 8], [3, 1, 1, 32, 0, 0], [3, 5, 1, 0, 0, 64]]);
        for rows_per_page in 1..=8 {
            assert_eq!(sums(&db, rows_per_page).await, whole, "{rows_per_page} rows a page");
        }
    }
}
