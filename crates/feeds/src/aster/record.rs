//! Records: one row of an answer with what the source knows besides.

use perpdex_core::{ChainId, RawBody, RawRecord, derived_id};
use serde::Serialize;
use serde_json::value::RawValue;

/// What a record is made of.
pub(super) struct NewRecord<'a> {
    /// Part of the venue, the stream.
    pub(super) part: &'a str,
    /// Which row of the layout.
    pub(super) row: &'a str,
    /// Symbol.
    pub(super) symbol: &'a str,
    /// Height, unix milliseconds.
    pub(super) height: u64,
    /// Tells rows of one symbol and height apart; empty where there is one.
    pub(super) id: &'a str,
    /// Order inside the height.
    pub(super) ord: i64,
    /// Hours between two settlements of the symbol, at present.
    pub(super) interval_hours: Option<i64>,
    /// Stamp of the settlement before.
    pub(super) previous_ms: Option<u64>,
    /// The row as it came.
    pub(super) answer: &'a RawValue,
}

#[derive(Serialize)]
struct Body<'a> {
    row: &'a str,
    symbol: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval_hours: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_ms: Option<u64>,
    answer: &'a RawValue,
}

impl NewRecord<'_> {
    /// The record. Its key follows from stream, row, symbol, height and id alone, so that asking again makes the same one.
    pub(super) fn make(&self) -> RawRecord {
        let NewRecord { row, symbol, interval_hours, previous_ms, answer, .. } = *self;
        let source = format!("aster_pro.{}", self.part);
        let body = serde_json::to_string(&Body { row, symbol, interval_hours, previous_ms, answer });
        let separator = if self.id.is_empty() { "" } else { "/" };
        RawRecord {
            chain: ChainId::OFFCHAIN_ASTER,
            height: self.height,
            rec: derived_id(&[&source, row, symbol, self.id]),
            ord: self.ord,
            tx_id: format!("{row}/{symbol}/{}{separator}{}", self.height, self.id).into(),
            tx_index: None,
            time_ms: i64::try_from(self.height).unwrap_or(i64::MAX),
            body: RawBody::ApiAnswer { source, body: body.expect("strings, numbers and JSON are JSON") },
        }
    }
}
