//! Scenarios of `tests/scenario/engine/faults.txt`: what endpoints do and what comes of it.

use std::time::Duration;

use perpdex_core::{BlockRange, Hole, HoleReason, RangeSet, SourceErrorKind};
use perpdex_engine::{ChainOutcome, ChainReport};
use tokio::time::Instant;

use crate::support::{Fault, STREAM_A, Setup, When};

const SCENARIOS: &str = include_str!("../../../../tests/scenario/engine/faults.txt");

struct Scenario<'a> {
    name: &'a str,
    lines: Vec<(&'a str, &'a str)>,
}

#[tokio::test(start_paused = true)]
async fn scenarios_of_the_file() {
    let scenarios = parse(SCENARIOS);
    assert!(20 <= scenarios.len(), "only {} scenarios found", scenarios.len());
    for scenario in scenarios {
        let setup = scenario.setup();
        let started = Instant::now();
        let report = setup.run().await;
        for (key, value) in &scenario.lines {
            let found = found(key, value, &setup, &report, started.elapsed());
            assert_eq!(found.as_deref(), Some(*value), "scenario {:?}: {key}\n{report:#?}", scenario.name);
        }
    }
}

fn parse(text: &str) -> Vec<Scenario<'_>> {
    let mut scenarios: Vec<Scenario<'_>> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (key, value) = line.split_once(' ').unwrap_or_else(|| panic!("line without a value: {line:?}"));
        match (key, scenarios.last_mut()) {
            ("scenario", _) => scenarios.push(Scenario { name: value, lines: Vec::new() }),
            (_, Some(scenario)) => scenario.lines.push((key, value)),
            (_, None) => panic!("line before the first scenario: {line:?}"),
        }
    }
    scenarios
}

impl<'a> Scenario<'a> {
    fn values(&self, key: &str) -> impl Iterator<Item = &'a str> {
        self.lines.iter().filter(move |(other, _)| *other == key).map(|(_, value)| *value)
    }

    fn number(&self, key: &str) -> u64 {
        self.values(key).next().unwrap_or_else(|| panic!("scenario {:?} lacks {key}", self.name)).parse().unwrap()
    }

    fn faults(&self, label: &str) -> Vec<(When, Fault)> {
        let words = self.values("fault").map(|value| value.split(' ').collect::<Vec<_>>());
        words.filter(|words| words[0] == label).map(|words| (when(words[1]), fault(words[2], words.get(3).copied()))).collect()
    }

    fn setup(&self) -> Setup {
        let blocks = self.number("blocks");
        let mut setup = Setup::new(blocks, blocks);
        let size = self.number("size");
        (setup.options.blocks_start_per_fetch, setup.options.blocks_max_per_fetch, setup.options.fetch_ahead) = (size, size, 1);
        setup.endpoint(|endpoint| endpoint.faults = self.faults("one"));
        for label in self.values("endpoint") {
            setup.add_endpoint(label, |endpoint| endpoint.faults = self.faults(label));
        }
        setup
    }
}

fn when(text: &str) -> When {
    match text.split_once(['=', '>']) {
        None if text == "always" => When::Always,
        Some(("call", number)) => When::Call(number.parse().unwrap()),
        Some(("blocks", number)) => When::BlocksAbove(number.parse().unwrap()),
        Some(("holds", number)) => When::Holds(number.parse().unwrap()),
        _ => panic!("unknown condition {text:?}"),
    }
}

fn fault(word: &str, value: Option<&str>) -> Fault {
    let number = value.and_then(|value| value.parse::<u64>().ok());
    Fault::Error(match word {
        "range" => SourceErrorKind::Range { blocks_max: number },
        "density" => SourceErrorKind::Density,
        "rate" => SourceErrorKind::Rate { retry_after: number.map(Duration::from_secs) },
        "lagging" => SourceErrorKind::Lagging,
        "transient" => SourceErrorKind::Transient,
        "unreachable" => SourceErrorKind::Unreachable,
        "permanent" => SourceErrorKind::Permanent,
        "pruned" => SourceErrorKind::Pruned,
        "omitted" => SourceErrorKind::Omitted,
        "short" => return Fault::Short(number.unwrap()),
        "shifted" => return Fault::Shifted,
        "hole" => {
            let (from, to) = value.unwrap().split_once("..=").unwrap();
            let range = BlockRange::new(from.parse().unwrap(), to.parse().unwrap()).unwrap();
            return Fault::Hole(Hole { range, reason: HoleReason::Missing, detail: "scripted".to_owned(), streams: Vec::new() });
        }
        _ => panic!("unknown fault {word:?}"),
    })
}

/// What was found, in the words of the expectation; lines that expect nothing are found as they stand.
fn found(key: &str, value: &str, setup: &Setup, report: &ChainReport, elapsed: Duration) -> Option<String> {
    Some(match key {
        "blocks" | "size" | "endpoint" | "fault" => value.to_owned(),
        "asked" => {
            let label = value.split(' ').next()?;
            let place = setup.job().sources.iter().position(|source| source.label() == label)?;
            format!("{label} {}", join(&setup.endpoints[place].ranges()))
        }
        "covered" => {
            let covered: RangeSet = setup.store.covered(STREAM_A);
            if covered.is_empty() { "-".to_owned() } else { join(covered.ranges()) }
        }
        "holes" => {
            let holes = setup.store.state().holes;
            join(&holes.iter().map(|(_, hole)| format!("{}:{}", hole.range, hole.reason.as_str())).collect::<Vec<_>>())
        }
        "errors" => join(&report.errors.iter().map(|group| format!("{}:{}={}", group.label, group.kind, group.count)).collect::<Vec<_>>()),
        "waited" => {
            if Duration::from_secs(value.parse().unwrap()) <= elapsed {
                value.to_owned()
            } else {
                format!("{elapsed:?}")
            }
        }
        "outcome" => match &report.outcome {
            ChainOutcome::Done => "done".to_owned(),
            ChainOutcome::Failed { .. } => "failed".to_owned(),
            other => format!("{other:?}"),
        },
        _ => return None,
    })
}

fn join<T: ToString>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(" ")
}
