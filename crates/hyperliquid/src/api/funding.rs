//! Settled rates: `fundingHistory` of every market, page by page.

use std::collections::BTreeMap;

use perpdex_core::{BlockRange, SourceError, SourceErrorKind};
use perpdex_feeds::ApiClient;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{INFO, INFO_WEIGHT, one_line};

/// Rows of one answer at most, and of those what one more weight is for (the interface's documentation).
const PAGE_ROWS: usize = 500;
const ROWS_PER_WEIGHT: u32 = 20;
/// Milliseconds of an hour.
const HOUR_MS: u64 = 3_600_000;
/// Rates are settled at full hours and published within this time.
const SETTLED_WITHIN_MS: u64 = 120_000;
/// How far before a range its first rate's predecessor is looked for: rates were eight hours apart at first.
const LOOK_BACK_MS: u64 = 9 * HOUR_MS;
/// Pages of one market and range at most: a range is at most as long as one page holds at an hour a row.
const PAGES_MAX: usize = 8;

/// Rows of markets that were read for a range before the range failed.
#[derive(Default)]
pub(super) struct Funding {
    range: Option<BlockRange>,
    read: BTreeMap<String, Vec<(u64, String)>>,
}

#[derive(Deserialize)]
struct Stamp {
    time: u64,
}

impl Funding {
    /// The rates of all markets in a range, ascending by time. Without a settlement in the range nothing is asked.
    pub(super) async fn lines(
        &mut self,
        client: &ApiClient,
        range: BlockRange,
        coins: &[String],
    ) -> Result<Vec<(u64, String)>, SourceError> {
        if !has_settlement(range) {
            return Ok(Vec::new());
        }
        if self.range != Some(range) {
            (self.range, self.read) = (Some(range), BTreeMap::new());
        }
        for coin in coins {
            if !self.read.contains_key(coin) {
                let rows = rows(client, coin, range).await?;
                self.read.insert(coin.clone(), rows);
            }
        }
        self.range = None;
        let mut lines: Vec<(u64, String)> = std::mem::take(&mut self.read).into_values().flatten().collect();
        lines.sort();
        Ok(lines)
    }
}

/// Whether a full hour, or the time in which its rates come, lies in the range.
fn has_settlement(range: BlockRange) -> bool {
    range.from() % HOUR_MS <= SETTLED_WITHIN_MS || range.from() / HOUR_MS < range.to() / HOUR_MS
}

/// A market's rates in a range, each with the time of the one before.
async fn rows(client: &ApiClient, coin: &str, range: BlockRange) -> Result<Vec<(u64, String)>, SourceError> {
    let what = format!("fundingHistory of {coin}");
    let mut from = range.from().saturating_sub(LOOK_BACK_MS);
    let mut previous: Option<u64> = None;
    let mut out = Vec::new();
    for _ in 0..PAGES_MAX {
        let body = serde_json::json!({"type": "fundingHistory", "coin": coin, "startTime": from, "endTime": range.to()});
        let rows_max = ((range.to() - from) / HOUR_MS + 1).min(PAGE_ROWS as u64) as u32;
        let text = client.post(INFO, &what, body.to_string(), INFO_WEIGHT + rows_max.div_ceil(ROWS_PER_WEIGHT)).await?;
        let page: Vec<&RawValue> = serde_json::from_str(&text)
            .map_err(|error| client.error(SourceErrorKind::Transient, format!("{what}: unexpected answer: {error}")))?;
        for row in &page {
            let Stamp { time } = client.read(&what, row.get())?;
            // Pages may overlap, and a row may come again with the next one.
            if previous.is_some_and(|previous| time <= previous) {
                continue;
            }
            if range.contains(time) {
                let before = previous.map_or_else(|| "null".to_owned(), |previous| previous.to_string());
                out.push((time, format!(r#"{{"previous_ms":{before},"row":{}}}"#, one_line(row.get()))));
            }
            previous = Some(time);
        }
        match previous {
            Some(last) if page.len() >= PAGE_ROWS && last < range.to() => from = last + 1,
            _ => return Ok(out),
        }
    }
    Err(client.error(SourceErrorKind::Density, format!("{what}: more than {PAGES_MAX} pages for {range}")))
}
