//! Rows of the fact tables: from the reducer's structs to cells, and back where sums must be taken out again.

mod bars;
mod cells;
mod funding;
mod states;
mod trades;

use perpdex_reducer::{Row, RowKey};

use bars::{BARS, push_bar, read_bar};
pub(crate) use cells::{height_cell, key_cells, name, named, price_cells, read_chain, read_decimal, read_u8, read_u32, read_venue};
use funding::{INDEXES, PAYMENTS, RATES, push_index, push_payment, push_rate, read_payment};
use states::{ANCHORS, FLOWS, PRICES, TOKEN_PRICES, push_anchor, push_flow, push_price, push_token_price, read_flow};
use trades::{FILLS, LIQUIDATIONS, push_fill, push_liquidation, read_fill, read_liquidation};

use crate::sql::{Bulk, Record, Result, Tx};

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
    let at = match row {
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
    };
    FACT_TABLES[at]
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
    for bulk in bulks(rows) {
        tx.bulk(bulk).await?;
    }
    Ok(())
}

/// Rows as cells, a bulk a table.
pub(crate) fn bulks(rows: Vec<Row>) -> [Bulk; FACT_TABLES.len()] {
    let mut bulks = [
        Bulk::new("fills", FILLS),
        Bulk::new("liquidations", LIQUIDATIONS),
        Bulk::new("funding_payments", PAYMENTS),
        Bulk::new("funding_rates", RATES),
        Bulk::new("funding_index", INDEXES),
        Bulk::new("oi_anchors", ANCHORS),
        Bulk::new("prices", PRICES),
        Bulk::new("token_prices", TOKEN_PRICES),
        Bulk::new("collateral_flows", FLOWS),
        Bulk::new("volume_bars", BARS),
    ];
    for row in rows {
        match row {
            Row::Fill(row) => push_fill(&mut bulks[0], *row),
            Row::Liquidation(row) => push_liquidation(&mut bulks[1], *row),
            Row::Payment(row) => push_payment(&mut bulks[2], row),
            Row::Rate(row) => push_rate(&mut bulks[3], row),
            Row::Index(row) => push_index(&mut bulks[4], row),
            Row::Anchor(row) => push_anchor(&mut bulks[5], row),
            Row::Price(row) => push_price(&mut bulks[6], row),
            Row::TokenPrice(row) => push_token_price(&mut bulks[7], row),
            Row::Flow(row) => push_flow(&mut bulks[8], row),
            Row::Bar(row) => push_bar(&mut bulks[9], row),
        }
    }
    bulks
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
