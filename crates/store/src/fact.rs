//! Rows of the fact tables: from the reducer's structs to cells, and back where sums must be taken out again.

mod bars;
mod cells;
mod funding;
mod states;
mod trades;

use perpdex_reducer::{Row, RowKey};
use tokio::sync::mpsc::UnboundedReceiver;

use bars::{BARS, push_bar, read_bar};
pub(crate) use cells::{
    height_cell, key_cells, name, named, price_cells, read_block, read_chain, read_decimal, read_u8, read_u32, read_venue,
};
use funding::{INDEXES, PAYMENTS, RATES, push_index, push_payment, push_rate, read_payment};
use states::{ANCHORS, FLOWS, PRICES, TOKEN_PRICES, push_anchor, push_flow, push_price, push_token_price, read_flow};
use trades::{FILLS, LIQUIDATIONS, push_fill, push_liquidation, read_fill, read_liquidation};

use crate::db::Tx;
use crate::sql::{Bulk, Lot, Record, Result};

/// The fact tables, in the order of [`Row`]'s variants.
pub(crate) const FACT_TABLES: [&str; 10] = [
    "fills",
    "liquidations",
    "funding_payments",
    "funding_rates",
    "funding_index",
    "oi_anchors",
    "prices",
    "token_prices",
    "collateral_flows",
    "volume_bars",
];

/// The table a row goes to.
pub(crate) fn table_of(row: &Row) -> &'static str {
    FACT_TABLES[place_of(row)]
}

/// Its place among [`FACT_TABLES`].
fn place_of(row: &Row) -> usize {
    match row {
        Row::Fill(_) => 0,
        Row::Liquidation(_) => 1,
        Row::Payment(_) => 2,
        Row::Rate(_) => 3,
        Row::Index(_) => 4,
        Row::Anchor(_) => 5,
        Row::Price(_) => 6,
        Row::TokenPrice(_) => 7,
        Row::Flow(_) => 8,
        Row::Bar(_) => 9,
    }
}

/// The key of a row.
pub(crate) fn key_of(row: &Row) -> RowKey {
    match row {
        Row::Fill(row) => row.key,
        Row::Liquidation(row) => row.key,
        Row::Payment(row) => row.key,
        Row::Rate(row) => row.key,
        Row::Index(row) => row.key,
        Row::Anchor(row) => row.key,
        Row::Price(row) => row.key,
        Row::TokenPrice(row) => row.key,
        Row::Flow(row) => row.key,
        Row::Bar(row) => row.key,
    }
}

/// Inserts rows whose keys are not stored.
pub(crate) async fn insert(tx: &mut Tx, rows: Vec<Row>) -> Result<()> {
    tx.write(lots(rows)).await
}

/// Inserts rows whose keys are not stored, as they are made.
pub(crate) async fn insert_made(tx: &mut Tx, mut made: UnboundedReceiver<Vec<Row>>) -> Result<()> {
    let mut waiting = lots(Vec::new());
    while let Some(rows) = made.recv().await {
        sort(rows, &mut waiting);
        while let Ok(rows) = made.try_recv() {
            sort(rows, &mut waiting);
        }
        let at_once = tx.rows_at_once();
        tx.write(waiting.iter_mut().filter_map(|lot| lot.take_whole(at_once)).collect()).await?;
    }
    tx.write(waiting).await
}

/// Rows by their table.
pub(crate) fn lots(rows: Vec<Row>) -> Vec<Lot<Row>> {
    let columns = [FILLS, LIQUIDATIONS, PAYMENTS, RATES, INDEXES, ANCHORS, PRICES, TOKEN_PRICES, FLOWS, BARS];
    let lot = |(table, columns)| Lot { table, columns, rows: Vec::new(), push };
    let mut lots: Vec<Lot<Row>> = FACT_TABLES.into_iter().zip(columns).map(lot).collect();
    sort(rows, &mut lots);
    lots
}

fn sort(rows: Vec<Row>, lots: &mut [Lot<Row>]) {
    for row in rows {
        lots[place_of(&row)].rows.push(row);
    }
}

fn push(bulk: &mut Bulk, row: Row) {
    match row {
        Row::Fill(row) => push_fill(bulk, *row),
        Row::Liquidation(row) => push_liquidation(bulk, *row),
        Row::Payment(row) => push_payment(bulk, row),
        Row::Rate(row) => push_rate(bulk, row),
        Row::Index(row) => push_index(bulk, row),
        Row::Anchor(row) => push_anchor(bulk, row),
        Row::Price(row) => push_price(bulk, row),
        Row::TokenPrice(row) => push_token_price(bulk, row),
        Row::Flow(row) => push_flow(bulk, row),
        Row::Bar(row) => push_bar(bulk, row),
    }
}

/// Removes rows by their keys.
pub(crate) async fn remove(tx: &mut Tx, rows: &[Row]) -> Result<()> {
    for row in rows {
        let sql = format!("DELETE FROM {} WHERE chain_id = $1 AND height = $2 AND rec = $3 AND sub = $4", table_of(row));
        tx.execute(&sql, key_cells(&key_of(row)).to_vec()).await?;
    }
    Ok(())
}

/// The tables whose rows contribute to sums, with the columns to read them by.
pub(crate) const CONTRIBUTING: [(&str, &[&str]); 5] =
    [("fills", FILLS), ("liquidations", LIQUIDATIONS), ("funding_payments", PAYMENTS), ("collateral_flows", FLOWS), ("volume_bars", BARS)];

/// Reads a row of one of the [`CONTRIBUTING`] tables back.
pub(crate) fn read(table: &str, record: &Record) -> Result<Row> {
    match table {
        "fills" => read_fill(record),
        "liquidations" => read_liquidation(record),
        "funding_payments" => read_payment(record),
        "collateral_flows" => read_flow(record),
        "volume_bars" => read_bar(record),
        other => unreachable!("{other} contributes nothing"),
    }
}
