//! What a scenario requires of database and summary; each look gives words for the table.

use serde_json::Value;

use super::run::Play;
use super::stage::{Record, records};
use crate::support::{dump, query};

impl Play<'_> {
    /// Every row of a run without faults; or, where not all of them are there, all that lie outside of the gaps, and nothing
    /// besides.
    pub(super) async fn rows(&self, all: bool) -> Vec<String> {
        let name = &self.scenario.name;
        let clean = self.stage.clean(&self.truth, self.left_out).await;
        let is_whole = clean.text == dump(&self.url).await;
        assert_eq!(is_whole, all, "{name}: whether the store equals that of a run without faults: {:#}", self.summary);
        if all {
            return vec!["every row".to_owned()];
        }
        let failed = query(self.folder.path(), &self.url, "SELECT DISTINCT height FROM v_decode_failures");
        let failed = failed.iter().map(|row| row["height"].as_u64().expect("a height")).map(|height| (height, height));
        let gaps: Vec<(u64, u64)> = self.gap_rows().iter().map(|row| (row.0, row.1)).chain(failed).collect();
        let is_in_gap = |record: &&Record| gaps.iter().any(|(from, to)| (*from..=*to).contains(&record.0));
        let stored = records(self.folder.path(), &self.url);
        let lost: Vec<&Record> = clean.records.difference(&stored).filter(|record| !is_in_gap(record)).collect();
        let added: Vec<&Record> = stored.difference(&clean.records).collect();
        assert!(lost.is_empty() && added.is_empty(), "{name}: lost outside of gaps {lost:?}, added {added:?}: {:#}", self.summary);
        vec!["every other row".to_owned()]
    }

    /// What `v_gaps` has: first and last height, reason.
    fn gap_rows(&self) -> Vec<(u64, u64, String)> {
        let rows = query(self.folder.path(), &self.url, "SELECT DISTINCT from_height, to_height, reason FROM v_gaps ORDER BY from_height");
        let height = |row: &Value, name: &str| row[name].as_u64().expect("a height");
        let mut gaps: Vec<(u64, u64, String)> = Vec::new();
        for row in &rows {
            let (from, to, reason) = (height(row, "from_height"), height(row, "to_height"), row["reason"].as_str().expect("a reason"));
            match gaps.last_mut() {
                // Neighbours of one reason are told as one.
                Some(last) if last.2 == reason && from <= last.1 + 1 => last.1 = last.1.max(to),
                _ => gaps.push((from, to, reason.to_owned())),
            }
        }
        gaps
    }

    pub(super) fn gaps(&self, wanted: &[String]) -> Vec<String> {
        let first = self.first();
        let found: Vec<String> =
            self.gap_rows().iter().map(|(from, to, reason)| format!("{}..={} {reason}", from - first, to - first)).collect();
        assert_eq!(found, wanted, "{}: {}", self.scenario.name, self.summary);
        match &found[..] {
            [] => vec!["no gap".to_owned()],
            [one] => vec![format!("gap {one}")],
            found => vec![format!("gaps {}", found.join(" and "))],
        }
    }

    pub(super) fn gaps_within(&self, from: u64, to: u64, reason: &str) -> Vec<String> {
        let (first, found) = (self.first(), self.gap_rows());
        let is_within = |gap: &(u64, u64, String)| first + from <= gap.0 && gap.1 <= first + to && gap.2 == reason;
        assert!(!found.is_empty() && found.iter().all(is_within), "{}: {found:?} {:#}", self.scenario.name, self.summary);
        // How many there are depends on which requests were under way together.
        vec![format!("gaps {reason} inside of {from}..={to}")]
    }

    pub(super) fn failures(&self, count: usize) -> Vec<String> {
        let rows = query(self.folder.path(), &self.url, "SELECT height FROM v_decode_failures");
        assert_eq!(rows.len(), count, "{}: {}", self.scenario.name, self.summary);
        vec![format!("{count} in `v_decode_failures`")]
    }

    pub(super) fn error(&self, label: &str, kind: &str) -> Vec<String> {
        let errors = self.summary["chains"][0]["errors"].as_array().cloned().unwrap_or_default();
        let is_told = errors.iter().any(|group| group["label"] == label && group["kind"] == kind);
        let dropped = self.summary["chains"][0]["dropped"].to_string();
        assert!(is_told, "{}: no {kind} of {label} in {errors:?} {dropped}", self.scenario.name);
        Vec::new()
    }

    pub(super) fn says(&self, text: &str) -> Vec<String> {
        let error = self.summary["chains"][0]["error"].as_str().unwrap_or_default();
        assert!(error.contains(text), "{}: {text:?} is not in {error:?}", self.scenario.name);
        vec![format!("an error that says \"{text}\"")]
    }

    pub(super) fn counted(&self, name: &str) -> Vec<String> {
        let routing = &self.summary["chains"][0]["routing"];
        assert!(routing[name].as_u64().is_some_and(|count| 0 < count), "{}: no {name} in {routing}", self.scenario.name);
        Vec::new()
    }
}
