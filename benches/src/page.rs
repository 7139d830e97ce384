//! Figures as Markdown tables, put between two marks of a page whose other text is written by hand.

use std::fmt::Write;

use anyhow::{Context, Result};

use crate::machine::Ran;
use crate::micro::{Step, shortest};
use crate::scenario::{Figure, Growth, Held, Plain};

/// What is replaced lies between two lines.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    begin: &'static str,
    end: &'static str,
}

/// Paces, limits and latencies.
pub const FIGURES: Section = Section { begin: "<!-- figures: written by scripts/bench -->", end: "<!-- end of figures -->" };
/// Peak memory.
pub const MEMORY: Section = Section { begin: "<!-- memory: written by scripts/memory -->", end: "<!-- end of memory -->" };
/// Cost of an event over the length of the history.
pub const SCALE: Section = Section { begin: "<!-- scale: written by scripts/scale -->", end: "<!-- end of scale -->" };

/// Puts figures into a page.
pub fn insert(page: &str, Section { begin, end }: Section, figures: &str) -> Result<String> {
    let (before, rest) = page.split_once(begin).with_context(|| format!("the page has no line {begin}"))?;
    let (_, after) = rest.split_once(end).with_context(|| format!("the page has no line {end}"))?;
    Ok(format!("{before}{begin}\n\n{}\n\n{end}{after}", figures.trim()))
}

/// Whole runs beside their limits.
pub fn runs(figures: &[Figure]) -> String {
    let mut out = String::from(
        "| run | items | items/s | limit, items/s | of the limit | s | CPU s, program | CPU s, server | peak RSS, MB | database, MB per million items | read |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n",
    );
    for figure in figures {
        let limit = figure.limit.map_or("".to_owned(), |(seconds, _)| whole(figure.items as f64 / seconds));
        let ratio = figure.ratio().map_or("".to_owned(), |ratio| format!("{:.0} %", 100.0 * ratio));
        let server = figure.server_cpu_s.map_or("".to_owned(), |seconds| format!("{seconds:.1}"));
        let disk = figure.database_bytes as f64 / figure.items.max(1) as f64;
        let _ = writeln!(
            out,
            "| {} | {} {}s | {} | {limit} | {ratio} | {:.1} | {:.1} | {server} | {} | {disk:.0} | {} |",
            figure.work,
            whole(figure.items as f64),
            figure.unit,
            whole(figure.per_s()),
            figure.ran.wall_s,
            figure.ran.cpu_s,
            figure.ran.peak_rss_bytes / 1_000_000,
            figure.traffic,
        );
    }
    out
}

/// Plain reading and parsing of the same bytes.
pub fn plains(plains: &[Plain]) -> String {
    let mut out = String::from("| plain work | items | items/s | MB/s |\n| --- | ---: | ---: | ---: |\n");
    for plain in plains {
        let (per_s, mb_per_s) = (plain.items as f64 / plain.wall_s, plain.bytes as f64 / plain.wall_s / 1e6);
        let _ = writeln!(out, "| {} | {} {}s | {} | {mb_per_s:.0} |", plain.work, whole(plain.items as f64), plain.unit, whole(per_s));
    }
    out
}

/// Runs single steps and their limits so many times, and tells both.
pub fn steps(steps: &[Step], repeats: u32) -> String {
    let mut out =
        String::from("| step, one core | items/s | limit | limit, items/s | of the limit |\n| --- | ---: | --- | ---: | ---: |\n");
    for step in steps {
        let (run, limit) = shortest(repeats, step);
        let (run_s, limit_s) = (run.as_secs_f64(), limit.as_secs_f64());
        let per_s = |seconds: f64| whole(step.items as f64 / seconds);
        let percent = 100.0 * limit_s / run_s;
        let _ = writeln!(
            out,
            "| {} | {} {}s | {} | {} | {percent:.0} % |",
            step.name,
            per_s(run_s),
            step.unit,
            step.limit_name,
            per_s(limit_s)
        );
    }
    out
}

/// Milliseconds at some percentiles, of ascending times.
pub fn latency(times_ms: &[f64]) -> String {
    let at = |percent: usize| times_ms.get((times_ms.len().saturating_sub(1)) * percent / 100).copied().unwrap_or(f64::NAN);
    format!(
        "From serving a block to its rows in PostgreSQL, {} blocks, head looked at every 50 ms: median {:.0} ms, 90th percentile {:.0} ms, longest {:.0} ms.\n",
        times_ms.len(),
        at(50),
        at(90),
        at(100)
    )
}

/// Peak memory of syncs by engine and shape.
pub fn held(all: &[Held]) -> String {
    let mut out = String::from(
        "| engine | blocks of the first request | at most | ranges at once | logs | s | peak RSS, MB |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for Held { engine, shape, logs, peak_rss_bytes, wall_s } in all {
        let numbers = [shape.start_blocks, shape.max_blocks, shape.ahead, *logs].map(|number| whole(number as f64));
        let _ = writeln!(out, "| {engine} | {} | {wall_s:.1} | {} |", numbers.join(" | "), peak_rss_bytes / 1_000_000);
    }
    out
}

/// What a fill costs, by engine and by what is stored already, and the rebuild of all of it.
pub fn scale(all: &[Growth]) -> String {
    let mut out = String::from(
        "| engine | fills before | fills of the step | fills/s | processor time of a fill, µs | peak RSS, MB | database, MB per million fills |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for Growth { engine, steps, .. } in all {
        for step in steps {
            let _ = writeln!(
                out,
                "| {engine} | {} | {} | {} | {:.1} | {} | {:.0} |",
                whole(step.fills_before as f64),
                whole(step.fills as f64),
                whole(step.fills as f64 / step.ran.wall_s),
                step.cpu_us_per_fill(),
                step.ran.peak_rss_bytes / 1_000_000,
                step.database_bytes as f64 / step.fills_after().max(1) as f64,
            );
        }
    }
    out.push_str("\n| `reduce --rebuild` behind it | fills | s | fills/s | peak RSS, MB |\n| --- | ---: | ---: | ---: | ---: |\n");
    for growth in all {
        let (fills, Ran { wall_s, peak_rss_bytes, .. }) = (growth.fills() as f64, &growth.rebuild);
        let (fills, per_s) = (whole(fills), whole(fills / wall_s));
        let _ = writeln!(out, "| {} | {fills} | {wall_s:.1} | {per_s} | {} |", growth.engine, peak_rss_bytes / 1_000_000);
    }
    out
}

/// A whole number with commas.
fn whole(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_commas() {
        for (value, want) in [(0.0, "0"), (999.4, "999"), (1_000.0, "1,000"), (1_234_567.0, "1,234,567")] {
            assert_eq!(whole(value), want);
        }
    }

    #[test]
    fn only_what_lies_between_the_marks_is_replaced() {
        let Section { begin, end } = FIGURES;
        let page = format!("above\n{begin}\nold\n{end}\nbelow\n");
        assert_eq!(insert(&page, FIGURES, "new\n").unwrap(), format!("above\n{begin}\n\nnew\n\n{end}\nbelow\n"));
        assert!(insert(&page, MEMORY, "new").is_err());
    }
}
