//! Events to rows, rows to contributions, rows to the bytes of a COPY.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Result, ensure};
use perpdex_core::{Basis, Event, OiBasis, RawRecord, Resolved, StreamId, Text, market_id};
use perpdex_reducer::{Expanded, MarketRow, Row, TokenRow, contributions, expand};
use perpdex_store::measure;

use super::Step;
use super::input::{Input, evm};

pub(super) fn steps() -> Result<Vec<Step>> {
    let (gmx, _) = evm()?;
    let mut steps = of_events(["GMX v2 events to rows", "GMX v2 rows to contributions", "GMX v2 rows to COPY bytes"], &gmx)?;
    steps.push(raw("GMX v2 records to COPY bytes", gmx));
    let hypercore = Input::of_hypercore()?;
    steps.extend(of_events(
        ["Hyperliquid events to rows", "Hyperliquid rows to contributions", "Hyperliquid rows to COPY bytes"],
        &hypercore,
    )?);
    steps.push(raw("Hyperliquid records to COPY bytes", hypercore));
    Ok(steps)
}

fn of_events([to_rows, to_sums, to_bytes]: [&'static str; 3], input: &Input) -> Result<Vec<Step>> {
    let events = Arc::new(input.decoded().events);
    let markets = Arc::new(markets(&events));
    let rows = Arc::new(rows(&events, &markets));
    ensure!(!rows.is_empty(), "{to_rows}: no row came of {} events", events.len());
    let (same_events, same_rows, sum_rows, byte_rows) = (events.clone(), rows.clone(), rows.clone(), rows.clone());
    let copy =
        |rows: Arc<Vec<Row>>| move || rows.iter().map(|row| u64::from(matches!(std::hint::black_box(row.clone()), Row::Fill(_)))).sum();
    Ok(vec![
        Step {
            name: to_rows,
            limit_name: "copy of the events",
            items: events.len() as u64,
            unit: "event",
            run: Box::new(move || self::rows(&events, &markets).len() as u64),
            limit: Box::new(move || same_events.iter().map(|event| std::hint::black_box(event.clone()).key.height & 1).sum()),
        },
        Step {
            name: to_sums,
            limit_name: "copy of the rows",
            items: rows.len() as u64,
            unit: "row",
            run: Box::new(move || sum_rows.iter().map(|row| u64::from(std::hint::black_box(contributions(row)).hour.is_some())).sum()),
            limit: Box::new(copy(same_rows)),
        },
        Step {
            name: to_bytes,
            limit_name: "copy of the rows",
            items: rows.len() as u64,
            unit: "row",
            run: Box::new(move || measure::copy_bytes(Vec::new(), byte_rows.to_vec()) as u64),
            limit: Box::new(copy(rows)),
        },
    ])
}

fn raw(name: &'static str, input: Input) -> Step {
    let stream = StreamId { chain: input.records[0].chain, venue: input.venue.info().slug, part: String::new(), version: 1 };
    let records: Arc<Vec<(StreamId, RawRecord)>> = Arc::new(input.records.into_iter().map(|record| (stream.clone(), record)).collect());
    let same = records.clone();
    Step {
        name,
        limit_name: "copy of the records",
        items: records.len() as u64,
        unit: "record",
        run: Box::new(move || measure::copy_bytes(records.to_vec(), Vec::new()) as u64),
        limit: Box::new(move || same.iter().map(|(_, record)| std::hint::black_box(record.clone()).height & 1).sum()),
    }
}

/// A row for every market that events name, as the built-in catalog has it.
fn markets(events: &[Event]) -> HashMap<Text, MarketRow> {
    let catalog = perpdex_venues::builtin_catalog();
    let mut out = HashMap::new();
    for event in events {
        let Some(key) = &event.market else { continue };
        out.entry(key.clone()).or_insert_with(|| {
            let def = catalog.market(event.venue, event.chain, key);
            let Resolved { asset, multiplier, .. } = catalog.resolve(event.venue, def.map_or(key, |def| &def.symbol));
            MarketRow {
                market_id: market_id(event.venue, event.chain, key),
                venue: event.venue,
                chain: event.chain,
                market_key: key.to_string(),
                qty_scale: asset.qty_scale,
                multiplier,
                qty_decimals: def.and_then(|def| def.qty_decimals),
                oi_basis: OiBasis::Qty,
                volume_basis: Basis::Exec,
            }
        });
    }
    out
}

/// Rows of all events whose numbers fit.
fn rows(events: &[Event], markets: &HashMap<Text, MarketRow>) -> Vec<Row> {
    let token = |_: &str| Some(TokenRow { decimals: 6, usd_par: true });
    let mut out = Vec::with_capacity(events.len());
    for event in events {
        let market = event.market.as_ref().and_then(|key| markets.get(key));
        if let Ok(Expanded::Rows(rows)) = expand(event, market, &token) {
            out.extend(rows);
        }
    }
    out
}
