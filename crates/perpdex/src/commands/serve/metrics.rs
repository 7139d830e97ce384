//! What a store knows about itself, in the text format of Prometheus (version 0.0.4).

use std::fmt::Write;

use perpdex_store::Status;

use crate::commands::status::{Pace, State};

/// A metric: its name says the unit last.
struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
}

const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: "gauge", help }
}

const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: "counter", help }
}

const STATE: Metric = gauge("perpdex_state", "1 for the state that `perpdex status` tells, 0 for the others");
const HEAD: Metric = gauge("perpdex_chain_head_height", "Newest height known of the chain");
const FINAL: Metric = gauge("perpdex_chain_final_height", "Highest height known as final");
const INDEXED: Metric = gauge("perpdex_chain_indexed_height", "Height up to which every wanted stream is known without a gap");
const LAG_BLOCKS: Metric = gauge("perpdex_chain_lag_blocks", "Blocks between the indexed height and the head");
const LAG_SECONDS: Metric = gauge("perpdex_chain_lag_seconds", "Age of the newest indexed block");
const VERIFIED: Metric = gauge("perpdex_chain_verified_ratio", "Share of the covered heights that `verify` has proved again");
const RECORDS: Metric = gauge("perpdex_chain_records", "Raw records stored");
const FAILURES: Metric = gauge("perpdex_chain_decode_failures", "Records that could not be decoded");
const UNKNOWN: Metric = gauge("perpdex_chain_unknown_events", "Records of a kind that no layout lists");
const UNRESOLVED: Metric = gauge("perpdex_chain_unresolved_events", "Events that wait for a market, a price or their open");
const REORGS: Metric = counter("perpdex_chain_reorgs_total", "Reorgs that were unwound");
const COVERED: Metric = gauge("perpdex_stream_covered_blocks", "Heights of the stream that are known well enough");
const MISSING: Metric = gauge("perpdex_stream_missing_blocks", "Wanted heights of the stream that are not");
const HOLES: Metric = gauge("perpdex_stream_holes", "Recorded holes of the stream, by reason");
const RUN_RATE: Metric = gauge("perpdex_run_blocks_per_second", "Pace of the chain's newest run");
const RUN_LEFT: Metric = gauge("perpdex_run_blocks_left", "Blocks that the run still has before it");
const RUN_IN_FLIGHT: Metric = gauge("perpdex_run_ranges_in_flight", "Ranges being fetched or waiting for their commit");
const RUN_CALLS: Metric = counter("perpdex_run_calls_total", "Calls to endpoints since the run began");
const ENDPOINT_ERRORS: Metric = counter("perpdex_endpoint_errors_total", "Failed calls since the run began, by endpoint and class");
const DIFFERENCES: Metric = gauge("perpdex_verify_differences", "Records in which the store differs from what `verify` proved");
const REDUCE_FAILURES: Metric = gauge("perpdex_reduce_failures", "Numbers that could not be computed");

/// The metrics of a store.
pub(super) fn text(status: &Status, paces: &[Pace], state: State) -> String {
    let mut out = Text::default();
    out.metric(&STATE, State::ALL.map(|one| (vec![("state", one.as_str().to_owned())], Some(f64::from(u8::from(one == state))))));
    write_chains(&mut out, status, paces);
    write_streams(&mut out, status);
    write_runs(&mut out, status, paces);
    out.metric(&DIFFERENCES, [(Vec::new(), Some(status.differences.len() as f64))]);
    out.metric(&REDUCE_FAILURES, [(Vec::new(), Some(status.reduce_failures as f64))]);
    out.0
}

fn write_chains(out: &mut Text, status: &Status, paces: &[Pace]) {
    let of_pace = |value: fn(&Pace) -> Option<f64>| paces.iter().map(move |pace| (chain(pace.chain), value(pace))).collect::<Vec<_>>();
    let of_chain = |value: fn(&perpdex_store::ChainStatus) -> Option<f64>| {
        status.chains.iter().map(move |one| (chain(one.chain), value(one))).collect::<Vec<_>>()
    };
    out.metric(&HEAD, of_chain(|one| one.latest.map(|height| height as f64)));
    out.metric(&FINAL, of_chain(|one| one.finalized.map(|height| height as f64)));
    out.metric(&INDEXED, of_pace(|pace| pace.indexed.map(|height| height as f64)));
    out.metric(&LAG_BLOCKS, of_pace(|pace| pace.lag_blocks.map(|blocks| blocks as f64)));
    out.metric(&LAG_SECONDS, of_pace(|pace| pace.lag_s.map(|seconds| seconds as f64)));
    out.metric(&VERIFIED, of_pace(|pace| pace.verified_share));
    out.metric(&RECORDS, of_chain(|one| Some(one.records as f64)));
    out.metric(&FAILURES, of_chain(|one| Some(one.decode_failures as f64)));
    out.metric(&UNKNOWN, of_chain(|one| Some(one.unknown_events as f64)));
    out.metric(&UNRESOLVED, of_chain(|one| Some(one.unresolved as f64)));
    out.metric(&REORGS, of_chain(|one| Some(one.reorgs as f64)));
}

fn write_streams(out: &mut Text, status: &Status) {
    let wanted = || status.streams.iter().filter(|stream| stream.target.is_some());
    let labels = |stream: &perpdex_store::StreamStatus| vec![("chain", stream.stream.chain.to_string()), ("stream", stream.stream.name())];
    out.metric(&COVERED, wanted().map(|stream| (labels(stream), Some(stream.covered_blocks as f64))));
    let missing =
        |stream: &perpdex_store::StreamStatus| stream.missing.iter().map(|range| range.blocks()).fold(0, u64::saturating_add) as f64;
    out.metric(&MISSING, wanted().map(|stream| (labels(stream), Some(missing(stream)))));
    let by_reason = wanted().flat_map(|stream| {
        let mut reasons: Vec<&str> = stream.holes.iter().map(|hole| hole.reason.as_str()).collect();
        reasons.sort_unstable();
        let groups: Vec<_> = reasons.chunk_by(|a, b| a == b).map(|group| (group[0].to_owned(), group.len())).collect();
        groups.into_iter().map(move |(reason, count)| {
            let mut labels = labels(stream);
            labels.push(("reason", reason));
            (labels, Some(count as f64))
        })
    });
    out.metric(&HOLES, by_reason);
}

fn write_runs(out: &mut Text, status: &Status, paces: &[Pace]) {
    out.metric(&RUN_RATE, paces.iter().map(|pace| (chain(pace.chain), pace.blocks_per_s)));
    out.metric(&RUN_LEFT, paces.iter().map(|pace| (chain(pace.chain), pace.blocks_left.map(|blocks| blocks as f64))));
    out.metric(&RUN_IN_FLIGHT, paces.iter().map(|pace| (chain(pace.chain), pace.ranges_in_flight.map(|ranges| ranges as f64))));
    out.metric(&RUN_CALLS, status.runs.iter().map(|run| (chain(run.chain), Some(run.calls as f64))));
    let errors = status.runs.iter().flat_map(|run| {
        run.errors.iter().map(|group| {
            let labels = vec![("chain", run.chain.to_string()), ("endpoint", group.label.clone()), ("class", group.kind.clone())];
            (labels, Some(group.count as f64))
        })
    });
    out.metric(&ENDPOINT_ERRORS, errors);
}

type Labels = Vec<(&'static str, String)>;

fn chain(chain: perpdex_core::ChainId) -> Labels {
    vec![("chain", chain.to_string())]
}

#[derive(Default)]
struct Text(String);

impl Text {
    /// Writes a metric with its samples; what is not known has none.
    fn metric(&mut self, metric: &Metric, samples: impl IntoIterator<Item = (Labels, Option<f64>)>) {
        let Metric { name, kind, help } = metric;
        // A write into a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let Some(value) = value else { continue };
            let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(self.0, "{name}{labels} {value}");
        }
    }
}

/// A label's value as the format wants it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_has_no_sample() {
        let mut out = Text::default();
        let labels = vec![("endpoint", "a \"b\"\\\nc".to_owned())];
        out.metric(&gauge("perpdex_x_blocks", "Help"), [(labels, Some(3.0)), (Vec::new(), None), (Vec::new(), Some(0.5))]);
        let want = "# HELP perpdex_x_blocks Help\n# TYPE perpdex_x_blocks gauge\nperpdex_x_blocks{endpoint=\"a \\\"b\\\"\\\\\\nc\"} 3\nperpdex_x_blocks 0.5\n";
        assert_eq!(out.0, want);
    }
}
