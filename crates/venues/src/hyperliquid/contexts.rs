//! Asset contexts: the level of open interest and the prices of a market at a moment, from rows of the archive or from an answer
//! of the public interface.

use std::borrow::Cow;

use perpdex_core::{Amount, Decimal, DecodeUnit, Decoded, Event, EventBody, EventKey, OiAnchor, Price, PriceKind, RawRecord, derived_id};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::fills::is_perpetual;
use super::lines::{Trouble, decimal, failure, name};
use super::{SLUG, STREAM_ORD};

/// Digits of a level: it is printed from a double (`39907.5661399998`), sizes have at most six.
const LEVEL_DECIMALS: u8 = 6;

/// Minutes of an hour whose rows of the archive become levels and prices: quarters, and the last one, which is the hour's end. The
/// rows of all minutes are kept as they came.
const MINUTES: [i64; 5] = [0, 15, 30, 45, 59];

/// What one context says, as far as it is mapped.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    #[serde(borrow)]
    open_interest: Cow<'a, str>,
    #[serde(borrow)]
    oracle_px: Option<Cow<'a, str>>,
    #[serde(borrow)]
    mark_px: Option<Cow<'a, str>>,
    #[serde(borrow)]
    mid_px: Option<Cow<'a, str>>,
}

/// Decodes rows of `asset_ctxs` of one moment, under the names of their columns.
pub(super) fn decode_rows(unit: &DecodeUnit<'_>, record: &RawRecord, text: &str) -> Decoded {
    let mut out = Decoded::default();
    let minute = unit.time_ms.div_euclid(60_000).rem_euclid(60);
    if !MINUTES.contains(&minute) {
        return out;
    }
    let mut lines = text.split('\n');
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    for (index, line) in lines.enumerate() {
        match row(unit, index, &header, line) {
            Ok(events) => out.events.extend(events),
            Err(trouble) => out.failures.push(failure(record, index.to_string(), trouble)),
        }
    }
    out
}

fn row(unit: &DecodeUnit<'_>, index: usize, header: &[&str], line: &str) -> Result<Vec<Event>, Trouble> {
    let cells: Vec<&str> = line.split(',').collect();
    let cell = |column: &str| header.iter().position(|name| *name == column).and_then(|at| cells.get(at)).copied();
    let needed = |column: &str| cell(column).ok_or_else(|| Trouble::malformed(format!("row of asset_ctxs: no column {column}")));
    let optional = |column: &str| cell(column).filter(|text| !text.is_empty()).map(Cow::Borrowed);
    let context = Context {
        open_interest: needed("open_interest")?.into(),
        oracle_px: optional("oracle_px"),
        mark_px: optional("mark_px"),
        mid_px: optional("mid_px"),
    };
    events(unit, index, needed("coin")?, &context)
}

/// An answer of the public interface with the moment it came and the dex it was asked for.
#[derive(Deserialize)]
struct Answer<'a> {
    /// Names of markets, and their contexts in the same order.
    #[serde(borrow)]
    answer: (Meta<'a>, Vec<&'a RawValue>),
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow)]
    universe: Vec<Listing<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listing<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default)]
    is_delisted: bool,
}

/// Decodes an answer to `metaAndAssetCtxs`. Names and contexts are joined inside the answer alone.
pub(super) fn decode_answer(unit: &DecodeUnit<'_>, record: &RawRecord, text: &str) -> Decoded {
    let mut out = Decoded::default();
    // One line a dex.
    let mut index = 0;
    for (at, line) in text.split('\n').enumerate() {
        let part = |what: &str| format!("line {}{what}", at + 1);
        let (meta, contexts) = match serde_json::from_str::<Answer<'_>>(line) {
            Ok(answer) => answer.answer,
            Err(error) => {
                out.failures.push(failure(record, part(""), Trouble::malformed(format!("metaAndAssetCtxs: {error}"))));
                continue;
            }
        };
        if meta.universe.len() != contexts.len() {
            let error = format!("metaAndAssetCtxs: {} markets but {} contexts", meta.universe.len(), contexts.len());
            out.failures.push(failure(record, part(""), Trouble::malformed(error)));
            continue;
        }
        for (listing, context) in meta.universe.iter().zip(contexts) {
            index += 1;
            let read = serde_json::from_str::<Context<'_>>(context.get());
            let made = match read {
                // A market that was taken off the list keeps its place with a level of nothing and prices of old.
                Ok(_) if listing.is_delisted => Ok(Vec::new()),
                Ok(context) => events(unit, index, &listing.name, &context),
                Err(error) => Err(Trouble::malformed(format!("context of {}: {error}", listing.name))),
            };
            match made {
                Ok(events) => out.events.extend(events),
                Err(trouble) => out.failures.push(failure(record, part(&format!(".{}", listing.name)), trouble)),
            }
        }
    }
    out
}

/// The level, one-sided on a book, so that longs and shorts have it alike; then the prices.
fn events(unit: &DecodeUnit<'_>, index: usize, coin: &str, context: &Context<'_>) -> Result<Vec<Event>, Trouble> {
    if !is_perpetual(coin) {
        return Ok(Vec::new());
    }
    name("coin", coin)?;
    let amount = |value: Decimal| Amount::decimals(value.value, value.scale);
    let level = decimal("open interest", &context.open_interest)?.rescale(LEVEL_DECIMALS).map_err(Trouble::invalid)?;
    if level.is_negative() {
        return Err(Trouble::invalid(format!("context of {coin}: open interest {level} is below zero")));
    }
    let side = Some(amount(level));
    let anchor = OiAnchor { collateral_token: None, long: side, short: side, long_entry_usd: None, short_entry_usd: None };
    let mut bodies = vec![EventBody::OiAnchor(anchor)];
    let prices = [(PriceKind::Mark, &context.mark_px), (PriceKind::Oracle, &context.oracle_px), (PriceKind::Mid, &context.mid_px)];
    for (kind, text) in prices {
        if let Some(text) = text {
            let price = decimal(kind.as_str(), text)?;
            if price.is_negative() {
                return Err(Trouble::invalid(format!("context of {coin}: {} price {price}", kind.as_str())));
            }
            bodies.push(EventBody::Price(Price { kind, price: amount(price) }));
        }
    }
    let ord = STREAM_ORD + i64::try_from(index).map_err(Trouble::invalid)?;
    let event = |(sub, body)| Event {
        key: EventKey { height: unit.height, rec: derived_id(&["context", coin]), sub },
        ord,
        chain: unit.chain,
        venue: SLUG,
        market: Some(coin.into()),
        time_ms: unit.time_ms,
        tx_id: unit.tx_id.to_owned(),
        body,
    };
    Ok((0..).zip(bodies).map(event).collect())
}
