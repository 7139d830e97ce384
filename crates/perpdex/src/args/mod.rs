//! The command line: verbs, flags and their help. Values are parsed here, meaning is given in `commands`.

mod per_chain;
mod span;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use perpdex_core::ChainId;

pub(crate) use per_chain::PerChain;
pub(crate) use span::{Span, whole_hour};

use crate::config::{ChainName, Location, RawPayloads};
use crate::instant::{Point, parse_time};
use crate::output::Format;
use per_chain::{parse_at, parse_endpoint};

/// Indexes decentralized perpetual-futures venues into one SQL store: complete or says so, exact, comparable.
#[derive(Debug, Parser)]
#[command(name = "perpdex", version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// Flags of every verb.
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    /// The verb.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 every target met · 1 finished with a gap, a failed or halted chain, a decode failure, or a demo that differs \
from its truth · 2 nothing was started (usage, configuration, wrong chain id, newer database) · 3 `status --check` behind by lag alone · 130 interrupted";

/// Flags of every verb.
#[derive(Args, Debug)]
#[command(next_help_heading = "Common")]
pub(crate) struct CommonArgs {
    /// Configuration file [default: ./perpdex.toml where it exists]
    #[arg(long, global = true, value_name = "FILE", env = "PERPDEX_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Database: sqlite:PATH or postgres://… (environment PERPDEX_DATABASE) [default: sqlite:perpdex.db]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// What to log on stderr: error, warn, info, debug, trace, or filters per module
    #[arg(long, global = true, value_name = "FILTER", env = "PERPDEX_LOG", default_value = "error")]
    pub(crate) log: String,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a commented configuration to start from
    #[command(after_help = "Example: perpdex init --endpoint arbitrum=https://node.example/key --database sqlite:perps.db")]
    Init(InitArgs),
    /// Check configuration, database and every endpoint: reach, limits, proof, archive depth, clock
    #[command(after_help = "Example: perpdex doctor --chain arbitrum")]
    Doctor(DoctorArgs),
    /// Index five simulated chains, report, and compare the store with the world's ground truth
    #[command(after_help = "Example: perpdex demo --seed 7 --hours 48")]
    Demo(DemoArgs),
    /// Index history, then follow the head; the main job
    #[command(
        after_help = "Example: perpdex sync --chain arbitrum --endpoint arbitrum=https://node.example/key --from arbitrum=2026-03-01 --once"
    )]
    Sync(SyncArgs),
    /// Index raw captures (`export --raw`) or Hyperliquid node files
    #[command(after_help = "Example: perpdex replay /data/hyperliquid --database sqlite:hl.db")]
    Replay(ReplayArgs),
    /// Show heads, lag, coverage, gaps, failures and the pace of runs, and say whether all is well
    #[command(after_help = "Example: perpdex status --check && echo complete")]
    Status(StatusArgs),
    /// Serve health, readiness, status and metrics of the database over HTTP, beside a `sync`
    #[command(after_help = "Example: perpdex serve --listen 127.0.0.1:9464")]
    Serve(ServeArgs),
    /// Bring levels and windows up to date with the rows; `sync` and `replay` do so by themselves
    #[command(after_help = "Example: perpdex reduce --rebuild")]
    Reduce(ReduceArgs),
    /// Decode stored raw records once more with this program's decoders, without any endpoint, and replace what they became
    #[command(after_help = "Example: perpdex redecode --chain arbitrum --venue gtrade")]
    Redecode(RedecodeArgs),
    /// Prove stored ranges once more and compare them with what is stored, record by record
    #[command(after_help = "Example: perpdex verify --chain arbitrum --from arbitrum=2026-03-01 --repair")]
    Verify(VerifyArgs),
    /// Run one read-only SQL statement
    #[command(after_help = "Example: perpdex query \"SELECT venue, SUM(volume_usd) FROM v_volume_hourly GROUP BY venue\"")]
    Query(QueryArgs),
    /// Write raw records with their coverage to a file that `replay` reads
    #[command(after_help = "Example: perpdex export --raw capture.jsonl --chain bnb")]
    Export(ExportArgs),
    /// Show a window side by side: open interest, volume, funding, liquidations, concentration, signals, coverage
    #[command(after_help = "Example: perpdex report --last 7d --asset BTC --format html > report.html")]
    Report(ReportArgs),
    /// Take in figures of others from files: options data, spot prices, published numbers
    #[command(subcommand)]
    Import(ImportCommand),
    /// Manage the database's schema
    #[command(subcommand)]
    Db(DbCommand),
    /// List the venues: chains, first heights, what each gives, what is unverified
    #[command(after_help = "Example: perpdex venues --json")]
    Venues(OutputArgs),
    /// List the chains: state, start, endpoints by label
    #[command(after_help = "Example: perpdex chains")]
    Chains(OutputArgs),
    /// Show or check the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a completion script for a shell
    #[command(after_help = "Example: perpdex completions bash > /etc/bash_completion.d/perpdex")]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write one page a verb into a folder
    #[command(after_help = "Example: perpdex man /usr/local/share/man/man1")]
    Man(ManArgs),
}

/// Flags of `init`.
#[derive(Args, Debug)]
pub(crate) struct InitArgs {
    /// Put this endpoint into the file (repeatable): a URL, or a folder for hyperliquid
    #[arg(long = "endpoint", value_name = "CHAIN=URL_OR_FOLDER", value_parser = parse_endpoint, help_heading = "Connections")]
    pub(crate) endpoints: Vec<PerChain<Location>>,
    /// Overwrite the file where it exists
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,
}

/// Flags of `doctor`.
#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    /// What to look at.
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// Look at this chain here only (repeatable): a URL, or a folder for hyperliquid; replaces the configured list
    #[arg(long = "endpoint", value_name = "CHAIN=URL_OR_FOLDER", value_parser = parse_endpoint, help_heading = "Connections")]
    pub(crate) endpoints: Vec<PerChain<Location>>,
    /// Format of the answer
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Flags of `man`.
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// Write the pages here instead of printing the first one
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
}

/// Flags of `demo`.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Seed of the simulated world
    #[arg(long, default_value_t = 1, help_heading = "World")]
    pub(crate) seed: u64,
    /// Hours of trading
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=24 * 31), help_heading = "World")]
    pub(crate) hours: u32,
    /// Chain events in all, about
    #[arg(long, default_value_t = 240_000, value_parser = clap::value_parser!(u64).range(1_000..=20_000_000), help_heading = "World")]
    pub(crate) events: u64,
    /// Continue in an existing demo database of the same seed, hours and events
    #[arg(long, help_heading = "World")]
    pub(crate) resume: bool,
    /// Format of the report
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Flags of `reduce`.
#[derive(Args, Debug)]
pub(crate) struct ReduceArgs {
    /// Make all sums, levels and windows anew from the stored events; without a defect or a changed threshold no row changes
    #[arg(long, help_heading = "Reduce")]
    pub(crate) rebuild: bool,
    /// Hold open interest that follows from a stated level and the fills since against every later stated level instead; fills v_oi_checks
    #[arg(long, conflicts_with = "rebuild", help_heading = "Reduce")]
    pub(crate) check_oi: bool,
    /// Format of the answer
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Flags of `redecode`.
#[derive(Args, Debug)]
pub(crate) struct RedecodeArgs {
    /// What to decode.
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// First height or UTC time of a chain, inclusive (repeatable); a time means the first stored block at or after it
    #[arg(long, value_name = "CHAIN=HEIGHT_OR_TIME", value_parser = parse_at, help_heading = "Range")]
    pub(crate) from: Vec<PerChain<Point>>,
    /// Last height or UTC time of a chain, inclusive (repeatable); a time means the last stored block at or before it
    #[arg(long, value_name = "CHAIN=HEIGHT_OR_TIME", value_parser = parse_at, help_heading = "Range")]
    pub(crate) to: Vec<PerChain<Point>>,
    /// Format of the answer
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Flags of `sync`.
#[derive(Args, Debug)]
pub(crate) struct SyncArgs {
    /// What to read.
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// Read this chain here only (repeatable): a URL, or a folder for hyperliquid; replaces the configured list
    #[arg(long = "endpoint", value_name = "CHAIN=URL_OR_FOLDER", value_parser = parse_endpoint, help_heading = "Connections")]
    pub(crate) endpoints: Vec<PerChain<Location>>,
    /// First height or UTC time of a chain, inclusive (repeatable); a time means the first block at or after it
    #[arg(long, value_name = "CHAIN=HEIGHT_OR_TIME", value_parser = parse_at, help_heading = "Range")]
    pub(crate) from: Vec<PerChain<Point>>,
    /// Last height or UTC time of a chain, inclusive (repeatable); a time means the last block at or before it; ends the run
    #[arg(long, value_name = "CHAIN=HEIGHT_OR_TIME", value_parser = parse_at, help_heading = "Range")]
    pub(crate) to: Vec<PerChain<Point>>,
    /// Stop at the height that was final at the start; `--once=latest` takes the provisional tail along
    #[arg(long, value_name = "UNTIL", num_args = 0..=1, require_equals = true, default_missing_value = "final", help_heading = "Range")]
    pub(crate) once: Option<Once>,
    /// Print the summary as JSON on stdout
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

/// Where a run without `--to` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Once {
    /// At the height that is final at the start.
    Final,
    /// At the newest height at the start.
    Latest,
}

/// Flags that narrow down what is read.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Selection")]
pub(crate) struct SelectionArgs {
    /// Only this chain (repeatable)
    #[arg(long = "chain", value_name = "CHAIN", value_parser = parse_chain)]
    pub(crate) chains: Vec<ChainId>,
    /// Only this venue (repeatable), see `perpdex venues`
    #[arg(long = "venue", value_name = "VENUE")]
    pub(crate) venues: Vec<String>,
}

/// Flags of `replay`.
#[derive(Args, Debug)]
pub(crate) struct ReplayArgs {
    /// Raw captures or Hyperliquid files, any number of them, or one folder of Hyperliquid files
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Payloads of raw records: keep them, or drop them and keep a digest (else as each chain's `raw` is configured)
    #[arg(long, value_name = "WHAT")]
    pub(crate) raw: Option<RawPayloads>,
    /// Print the summary as JSON on stdout
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

/// Flags of `status`.
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    /// Exit with 0 only if everything is covered up to the head, 3 if only the newest heights are missing, else 1
    #[arg(long)]
    pub(crate) check: bool,
    /// Heights that a stream may be behind before `--check` calls it lag
    #[arg(long, value_name = "BLOCKS", default_value_t = 0)]
    pub(crate) lag_blocks_max: u64,
    /// Format.
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Flags of `serve`.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Address and port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9464")]
    pub(crate) listen: SocketAddr,
    /// Heights that a stream may be behind while `/ready` still says yes
    #[arg(long, value_name = "BLOCKS", default_value_t = 0)]
    pub(crate) lag_blocks_max: u64,
    /// Age of an answer in milliseconds before the database is read again
    #[arg(long, value_name = "MS", default_value_t = 2_000)]
    pub(crate) max_age_ms: u64,
}

/// Flags of `verify`.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// What to verify.
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// Read this chain here only (repeatable): a URL, or a folder for hyperliquid; replaces the configured list
    #[arg(long = "endpoint", value_name = "CHAIN=URL_OR_FOLDER", value_parser = parse_endpoint, help_heading = "Connections")]
    pub(crate) endpoints: Vec<PerChain<Location>>,
    /// First height or UTC time of a chain, inclusive (repeatable)
    #[arg(long, value_name = "CHAIN=HEIGHT_OR_TIME", value_parser = parse_at, help_heading = "Range")]
    pub(crate) from: Vec<PerChain<Point>>,
    /// Last height or UTC time of a chain, inclusive (repeatable); never above the final height
    #[arg(long, value_name = "CHAIN=HEIGHT_OR_TIME", value_parser = parse_at, help_heading = "Range")]
    pub(crate) to: Vec<PerChain<Point>>,
    /// How well ranges of EVM chains are proved; other chains are read again as well as their source can
    #[arg(long, value_enum, default_value_t = Level::Bloom, help_heading = "Proof")]
    pub(crate) level: Level,
    /// Hold stated open interest against what follows from an earlier statement and the fills since instead, from stored rows
    /// alone; lists what differs, fills v_oi_checks
    #[arg(long, conflicts_with_all = ["chains", "venues", "endpoints", "from", "to", "level", "again", "repair"], help_heading = "Proof")]
    pub(crate) oi: bool,
    /// Prove again what an earlier run has proved as well
    #[arg(long, help_heading = "Proof")]
    pub(crate) again: bool,
    /// Mend what differs: bring what is missing, remove what no proof as strong as asked has
    #[arg(long, help_heading = "Proof")]
    pub(crate) repair: bool,
    /// Print the findings as JSON on stdout
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

/// How well ranges are proved, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    /// Two endpoints are asked; what either has, is there.
    Second,
    /// Every header's bloom is tested, receipts settle what it leaves open.
    Bloom,
    /// The receipts of every block are read.
    Receipts,
}

/// Flags of `query`.
#[derive(Args, Debug)]
pub(crate) struct QueryArgs {
    /// One SQL statement; the connection is read-only
    #[arg(value_name = "SQL")]
    pub(crate) sql: String,
    /// Rows printed at most; more is an error, not a silent cut
    #[arg(long, value_name = "ROWS", default_value_t = 100_000)]
    pub(crate) rows_max: usize,
    /// Format.
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Flags of `export`.
#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    /// The file to write (format perpdex-raw/1); it must not exist
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) raw: PathBuf,
    /// Only this chain (repeatable)
    #[arg(long = "chain", value_name = "CHAIN", value_parser = parse_chain, help_heading = "Selection")]
    pub(crate) chains: Vec<ChainId>,
}

/// Flags of `report`.
#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// Start of the window, UTC, a whole hour
    #[arg(long, value_name = "TIME", value_parser = parse_moment, conflicts_with = "last", help_heading = "Window")]
    pub(crate) from: Option<i64>,
    /// End of the window, UTC, a whole hour [default: the end of the newest hour that is indexed as a whole]
    #[arg(long, value_name = "TIME", value_parser = parse_moment, help_heading = "Window")]
    pub(crate) to: Option<i64>,
    /// Length of the window up to its end, such as 24h or 7d [default: 24h]
    #[arg(long, value_name = "LENGTH", value_parser = Span::parse, help_heading = "Window")]
    pub(crate) last: Option<Span>,
    /// Only this canonical asset (repeatable)
    #[arg(long = "asset", value_name = "ASSET", help_heading = "Selection")]
    pub(crate) assets: Vec<String>,
    /// Only this venue (repeatable)
    #[arg(long = "venue", value_name = "VENUE", help_heading = "Selection")]
    pub(crate) venues: Vec<String>,
    /// Format of the report
    #[arg(long, value_enum, default_value_t = ReportFormat::Text, help_heading = "Output")]
    format: ReportFormat,
    /// Short for --format json
    #[arg(long, conflicts_with = "format", help_heading = "Output")]
    json: bool,
}

impl ReportArgs {
    /// The chosen format.
    pub(crate) fn format(&self) -> ReportFormat {
        if self.json { ReportFormat::Json } else { self.format }
    }
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For a terminal.
    Text,
    /// Markdown.
    Md,
    /// One HTML file with plots inside.
    Html,
    /// JSON with exact numbers.
    Json,
}

/// Verbs of `import`.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Import figures from CSV files into v_external_metrics; the same file twice changes nothing
    #[command(after_help = IMPORT_METRIC)]
    Metric(ImportMetricArgs),
}

const IMPORT_METRIC: &str = "The header line names source, metric, asset, as_of, value, unit, and where wanted venue and published_at. An empty asset or \
venue means all of them. Times are UTC or unix milliseconds. A correction is a further line with a later published_at.\n\n\
Example: perpdex import metric options.csv";

/// Flags of `import metric`.
#[derive(Args, Debug)]
pub(crate) struct ImportMetricArgs {
    /// CSV files; all of them are taken in, or none
    #[arg(required = true, value_name = "FILE")]
    pub(crate) paths: Vec<PathBuf>,
    /// Format.
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Verbs of `db`.
#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Create the schema or bring it to this program's version
    Migrate,
    /// Show engine, place, schema version, rows per table and size
    Info(OutputArgs),
}

/// Verbs of `config`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every effective value with its origin; endpoints by label only
    Show(OutputArgs),
    /// Read and check all layers and reference tables, without connecting to anything
    Check,
}

/// How an answer is printed.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Format of the answer
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Short for --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

impl OutputArgs {
    /// The chosen format.
    pub(crate) fn format(self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

fn parse_moment(text: &str) -> Result<i64, String> {
    parse_time(text).ok_or_else(|| format!("{text:?} is not a UTC time such as 2026-03-01 or 2026-03-01T12:00:00Z"))
}

fn parse_chain(text: &str) -> Result<ChainId, String> {
    ChainName::parse(text).map(|name| name.0)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn once_takes_its_value_with_an_equals_sign_only() {
        for (args, want) in [("sync", None), ("sync --once", Some(Once::Final)), ("sync --once=latest", Some(Once::Latest))] {
            let cli = Cli::try_parse_from(["perpdex"].into_iter().chain(args.split(' '))).unwrap();
            let Command::Sync(sync) = cli.command else { panic!("not sync") };
            assert_eq!(sync.once, want, "{args}");
        }
        assert!(Cli::try_parse_from(["perpdex", "sync", "--once", "latest"]).is_err());
    }
}
