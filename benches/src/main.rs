//! Measures the release binary and writes the figures. `scripts/bench` calls it.

// As in the program: what the limits allocate costs them as much.
#[cfg(target_os = "linux")]
#[path = "../../crates/perpdex/src/allocator.rs"]
mod allocator;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use perpdex_benches::scenario::{Bench, Day, Figure, Mix, PEAK_RSS_BYTES_MAX, Plain, latency, memory, scale};
use perpdex_benches::{machine, micro, page, plot};

/// Measures perpdex against its limits and writes the figures into a page.
#[derive(Debug, Parser)]
struct Args {
    /// The release binary
    #[arg(long, value_name = "FILE")]
    program: PathBuf,
    /// Maintenance database of a PostgreSQL server; databases are made beside it and dropped
    #[arg(long, value_name = "URL")]
    postgres: String,
    /// What to measure (repeatable); everything but memory and scale by default
    #[arg(long = "part", value_enum)]
    parts: Vec<Part>,
    /// Single steps whose names hold this text, of `--part micro`; all by default
    #[arg(long, value_name = "TEXT", default_value = "")]
    step: String,
    /// Calls of each step and of its limit, of which the shortest count
    #[arg(long, default_value_t = 25)]
    repeats: u32,
    /// Logs of each EVM history, about
    #[arg(long, default_value_t = 400_000)]
    logs: u64,
    /// Fills of the Hyperliquid day
    #[arg(long, default_value_t = 1_000_000)]
    fills: u64,
    /// Blocks of the measurement at the head
    #[arg(long, default_value_t = 60)]
    blocks: usize,
    /// Seconds that no run may exceed
    #[arg(long, default_value_t = 900)]
    limit_s: u64,
    /// Folder for databases and files, some gigabytes
    #[arg(long, value_name = "FOLDER", default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
    /// Page that the figures are put into; only printed without it
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Picture of what `scale` measured, an SVG file
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// A sentence about the machine, for the page
    #[arg(long, default_value = "")]
    note: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Single steps.
    Micro,
    /// BNB-like history.
    Bnb,
    /// GMX-like history.
    Gmx,
    /// Hyperliquid files and the rebuild.
    Hypercore,
    /// Latency at the head.
    Head,
    /// Peak memory of `--logs` in several shapes of ranges, alone; fails above the bound.
    Memory,
    /// Cost of a fill while a database grows to `--fills`, alone.
    Scale,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let section = match &args.parts[..] {
        parts if parts.contains(&Part::Memory) => page::MEMORY,
        parts if parts.contains(&Part::Scale) => page::SCALE,
        _ => page::FIGURES,
    };
    let figures = runtime.block_on(measure(&args))?;
    std::io::stdout().write_all(figures.as_bytes())?;
    if let Some(path) = &args.page {
        let old = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        std::fs::write(path, page::insert(&old, section, &figures)?)?;
    }
    Ok(())
}

async fn measure(args: &Args) -> Result<String> {
    let bench = Bench {
        program: args.program.canonicalize().with_context(|| args.program.display().to_string())?,
        postgres: args.postgres.clone(),
        folder: args.folder.clone(),
        limit: Duration::from_secs(args.limit_s),
    };
    if args.parts.contains(&Part::Memory) {
        return held(&bench, args.logs).await;
    }
    if args.parts.contains(&Part::Scale) {
        return grown(&bench, args).await;
    }
    let is_on = |part| args.parts.is_empty() || args.parts.contains(&part);
    let machine = machine::describe();
    let (mut figures, mut plains): (Vec<Figure>, Vec<Plain>) = (Vec::new(), Vec::new());
    for (part, mix) in [(Part::Bnb, Mix::Bnb), (Part::Gmx, Mix::Gmx)] {
        if is_on(part) {
            let (more, plain) = mix.measure(&bench, args.logs).await?;
            figures.extend(more);
            plains.extend(plain);
        }
    }
    if is_on(Part::Hypercore) {
        let (more, plain) = Day::write(&bench, args.fills)?.measure(&bench).await?;
        figures.extend(more);
        plains.extend(plain);
    }
    let mut out = format!("Machine: {machine} at the start, {} at the end. {}\n\n", machine::load(), args.note);
    if !figures.is_empty() {
        out.push_str(&format!("{}\n{}\n", page::runs(&figures), page::plains(&plains)));
    }
    if is_on(Part::Head) {
        out.push_str(&format!("{}\n", page::latency(&latency(&bench, args.blocks).await?)));
    }
    if is_on(Part::Micro) {
        let mut steps = micro::steps()?;
        steps.retain(|step| step.name.contains(&args.step));
        out.push_str(&page::steps(&steps, args.repeats));
    }
    Ok(out)
}

/// Peak memory by shape; an error above the bound, which has the figures too.
async fn held(bench: &Bench, logs: u64) -> Result<String> {
    let all = memory(bench, logs).await?;
    let figures = page::held(&all);
    ensure!(all.iter().all(|held| held.peak_rss_bytes < PEAK_RSS_BYTES_MAX), "more than {PEAK_RSS_BYTES_MAX} bytes were held:\n{figures}");
    Ok(figures)
}

/// What a fill costs while databases grow; draws it, too.
async fn grown(bench: &Bench, args: &Args) -> Result<String> {
    let all = scale(bench, args.fills).await?;
    if let Some(path) = &args.plot {
        std::fs::write(path, plot::growth(&all)?).with_context(|| path.display().to_string())?;
    }
    Ok(page::scale(&all))
}
