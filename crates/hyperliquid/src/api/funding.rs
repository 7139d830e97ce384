//! Settled rates: `fundingHistory` of every market, page by page.
//!
//! A rate is stamped with the moment of its settlement: as a rule within a second behind a full hour, but recorded ones go up to 24
//! minutes. So that each market is asked once an hour and no late stamp is passed over, a row lies at the first [moment](moment_of) at or
//! after its stamp: two minutes past the next full hour, or past this one where that is still to come.

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
/// How long after a full hour its rates are asked for: they have been settled and published by then.
const PUBLISHED_WITHIN_MS: u64 = 120_000;
/// How far before the first rate of a range its predecessor is looked for: rates were eight hours apart at first.
const LOOK_BACK_MS: u64 = 9 * HOUR_MS;
/// Ranges whose rows are kept while others are asked for.
const RANGES_MAX: usize = 16;
/// Pages of one market and range at most: a range is at most as long as one page holds at an hour a row.
const PAGES_MAX: usize = 8;

/// Rows of markets that were read for a range before the range failed.
#[derive(Default)]
pub(super) struct Funding {
    read: BTreeMap<BlockRange, BTreeMap<String, Vec<(u64, String)>>>,
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
        let first = moment_of(range.from());
        if range.to() < first {
            return Ok(Vec::new());
        }
        while RANGES_MAX <= self.read.len() && !self.read.contains_key(&range) {
            self.read.pop_first();
        }
        let read = self.read.entry(range).or_default();
        for coin in coins {
            if !read.contains_key(coin) {
                let rows = rows(client, coin, range).await?;
                read.insert(coin.clone(), rows);
            }
        }
        let mut lines: Vec<(u64, String)> = self.read.remove(&range).unwrap_or_default().into_values().flatten().collect();
        lines.sort();
        Ok(lines)
    }
}

/// Where a rate with this stamp lies: the first moment at or after it that is so far behind a full hour that its rates are published.
fn moment_of(stamp_ms: u64) -> u64 {
    (stamp_ms.saturating_sub(PUBLISHED_WITHIN_MS)).div_ceil(HOUR_MS) * HOUR_MS + PUBLISHED_WITHIN_MS
}

/// A market's rates in a range, each with the time of the one before.
async fn rows(client: &ApiClient, coin: &str, range: BlockRange) -> Result<Vec<(u64, String)>, SourceError> {
    let what = format!("fundingHistory of {coin}");
    // What lies at the first moment was stamped up to an hour before it.
    let mut from = range.from().saturating_sub(HOUR_MS + LOOK_BACK_MS);
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
            if range.contains(moment_of(time)) {
                let before = previous.map_or_else(|| "null".to_owned(), |previous| previous.to_string());
                out.push((moment_of(time), format!(r#"{{"previous_ms":{before},"row":{}}}"#, one_line(row.get()))));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stamp_has_one_moment_and_none_is_before_it() {
        const HOUR: u64 = 490_000 * HOUR_MS;
        for (stamp, moment) in [
            (HOUR + 1, HOUR + 120_000),
            (HOUR + 989, HOUR + 120_000),
            (HOUR + 120_000, HOUR + 120_000),
            (HOUR + 120_001, HOUR + HOUR_MS + 120_000),
            // The latest recorded stamp.
            (HOUR + 1_433_040, HOUR + HOUR_MS + 120_000),
            (HOUR, HOUR + 120_000),
        ] {
            assert_eq!(moment_of(stamp), moment, "{stamp}");
        }
    }
}
