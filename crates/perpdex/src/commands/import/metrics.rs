//! Figures of others as a CSV file: a header line, then one figure a line.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use csv::{ReaderBuilder, StringRecord, Trim};
use perpdex_core::Decimal;
use perpdex_store::{ALL, ExternalMetric};

use crate::instant::parse_time;

/// Columns a file must have, in any order.
const REQUIRED: [&str; 6] = ["source", "metric", "asset", "as_of", "value", "unit"];
/// Columns it may have: a venue the figure is about, and when the figure was stated (default: `as_of`).
const OPTIONAL: [&str; 2] = ["venue", "published_at"];
/// Unix milliseconds below this (1973) are seconds written by mistake.
const MS_MIN: i64 = 100_000_000_000;

/// A figure and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FileMetric {
    pub(super) place: Place,
    pub(super) metric: ExternalMetric,
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    file: String,
    line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Reads a file. The first line that cannot be meant ends it.
pub(super) fn read(path: &Path) -> Result<Vec<FileMetric>> {
    let name = path.display().to_string();
    read_text(&fs::read_to_string(path).with_context(|| name.clone())?, &name)
}

fn read_text(text: &str, name: &str) -> Result<Vec<FileMetric>> {
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(text.as_bytes());
    let header = Header::new(reader.headers().with_context(|| name.to_owned())?).with_context(|| format!("{name}:1"))?;
    let mut out = Vec::new();
    for record in reader.records() {
        // The error of the library names the line.
        let record = record.with_context(|| name.to_owned())?;
        let place = Place { file: name.to_owned(), line: line(text, &record) };
        let metric = header.metric(&record).with_context(|| place.to_string())?;
        out.push(FileMetric { place, metric });
    }
    if out.is_empty() {
        return Err(anyhow!("{name}: no figure stands below the header line"));
    }
    Ok(out)
}

/// The line of a record. The library's own is that of the empty lines before it.
fn line(text: &str, record: &StringRecord) -> u64 {
    let Some(position) = record.position() else { return 0 };
    let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let skipped = text.as_bytes().iter().skip(start).take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|byte| **byte == b'\n');
    position.line() + skipped.count() as u64
}

/// Where each column stands in a line.
struct Header {
    required: [usize; REQUIRED.len()],
    optional: [Option<usize>; OPTIONAL.len()],
}

impl Header {
    fn new(names: &StringRecord) -> Result<Header> {
        let known = || REQUIRED.iter().chain(&OPTIONAL);
        if let Some(unknown) = names.iter().find(|name| !known().any(|known| known == name)) {
            let list = known().copied().collect::<Vec<_>>().join(", ");
            return Err(anyhow!("unknown column {unknown:?}: the header line may name {list}"));
        }
        if let Some(twice) = known().find(|known| names.iter().filter(|name| name == *known).count() > 1) {
            return Err(anyhow!("column {twice:?} stands twice in the header line"));
        }
        let at = |wanted: &str| names.iter().position(|name| name == wanted);
        let mut required = [0; REQUIRED.len()];
        for (slot, name) in required.iter_mut().zip(REQUIRED) {
            *slot = at(name).ok_or_else(|| anyhow!("the header line does not name {name:?}: it must name {}", REQUIRED.join(", ")))?;
        }
        Ok(Header { required, optional: OPTIONAL.map(at) })
    }

    fn metric(&self, record: &StringRecord) -> Result<ExternalMetric> {
        let cell = |at: usize| record.get(at).unwrap_or_default();
        let [source, metric, asset, as_of, value, unit] = self.required.map(cell);
        let [venue, published_at] = self.optional.map(|at| at.map_or("", cell));
        for (name, text) in [("source", source), ("metric", metric), ("unit", unit)] {
            if text.is_empty() {
                return Err(anyhow!("{name} is empty"));
            }
        }
        let or_all = |text: &str| if text.is_empty() { ALL.to_owned() } else { text.to_owned() };
        let as_of_ms = moment("as_of", as_of)?;
        let published_ms = if published_at.is_empty() { as_of_ms } else { moment("published_at", published_at)? };
        let metric = ExternalMetric {
            source: source.to_owned(),
            metric: metric.to_owned(),
            venue: or_all(venue),
            asset: or_all(asset),
            as_of_ms,
            published_ms,
            value: Decimal::parse(value).context("value")?,
            unit: unit.to_owned(),
        };
        metric.value_e6().context("value in millionths")?;
        Ok(metric)
    }
}

/// A UTC time, or unix milliseconds.
fn moment(name: &str, text: &str) -> Result<i64> {
    let wanted = "a UTC time such as 2026-03-01T12:30:00Z or unix milliseconds";
    let number = text.parse::<i64>().ok();
    if number.is_some_and(|number| (0..MS_MIN).contains(&number)) {
        return Err(anyhow!("{name} {text} looks like unix seconds: write {wanted}"));
    }
    number.filter(|number| *number > 0).or_else(|| parse_time(text)).ok_or_else(|| anyhow!("{name} {text:?} is not {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        read_text(text, "m.csv").map_or_else(|error| format!("{error:#}"), |lines| format!("{} figures", lines.len()))
    }

    #[test]
    fn a_line_becomes_a_figure() {
        let text = "unit,value,as_of,asset,metric,source,published_at\n\
                    share,\" 0.6500\",2026-03-01T08:00:00Z,BTC,options_call_share,desk,\n\
                    usd,-1e-7,1772352000000,,spread,desk,2026-03-02\n";
        let lines = read_text(text, "m.csv").unwrap();
        let [share, spread] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!((share.place.to_string().as_str(), share.metric.value.to_string().as_str()), ("m.csv:2", "0.65"));
        assert_eq!((share.metric.as_of_ms, share.metric.published_ms), (1_772_352_000_000, 1_772_352_000_000));
        assert_eq!((share.metric.venue.as_str(), share.metric.asset.as_str()), (ALL, "BTC"));
        assert_eq!((spread.metric.asset.as_str(), spread.metric.value_e6()), (ALL, Ok(0)));
        assert_eq!(spread.metric.published_ms, 1_772_409_600_000);
    }

    #[test]
    fn bad_lines_are_named() {
        let head = "source,metric,asset,as_of,value,unit\n";
        for (text, want) in [
            ("source,metric\n", "m.csv:1: the header line does not name \"asset\": it must name source, metric, asset, as_of, value, unit"),
            (
                &format!("{head}desk,m,BTC,2026-03-01,1"),
                "m.csv: CSV error: record 1 (line: 2, byte: 37): found record with 5 fields, but the previous record has 6 fields",
            ),
            (
                "a,source\n",
                "m.csv:1: unknown column \"a\": the header line may name source, metric, asset, as_of, value, unit, venue, published_at",
            ),
            ("unit,unit\n", "m.csv:1: column \"unit\" stands twice in the header line"),
            (head, "m.csv: no figure stands below the header line"),
            (&format!("{head}desk,m,BTC,2026-03-01,65%,share"), "m.csv:2: value: not a decimal number: \"65%\""),
            (&format!("{head}desk,m,BTC,2026-03-01,1e13,usd"), "m.csv:2: value in millionths: 64-bit integer does not fit: 10000000000000"),
            (
                &format!("{head}desk,m,BTC,1772352000,1,usd"),
                "m.csv:2: as_of 1772352000 looks like unix seconds: write a UTC time such as 2026-03-01T12:30:00Z or unix milliseconds",
            ),
            (
                &format!("{head}\ndesk,m,BTC,soon,1,usd"),
                "m.csv:3: as_of \"soon\" is not a UTC time such as 2026-03-01T12:30:00Z or unix milliseconds",
            ),
            (&format!("{head}desk,,BTC,2026-03-01,1,usd"), "m.csv:2: metric is empty"),
        ] {
            assert_eq!(said(text), want);
        }
    }
}
