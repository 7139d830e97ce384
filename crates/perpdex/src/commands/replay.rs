//! `perpdex replay PATH…`: the ordinary pipeline fed from files.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use perpdex_core::{CHAINS, ChainId, Evidence, Source, StreamId, Watch};
use perpdex_engine::capture::{CaptureSource, FORMAT};
use perpdex_engine::{ChainJob, JobStream, Until};
use perpdex_hyperliquid::FolderSource;
use perpdex_venues::VENUES;

use crate::args::{CommonArgs, ReplayArgs};
use crate::config::{ChainLayer, ChainName, Layer, Origin, RawPayloads, database_place};
use crate::exit::{CommandResult, Exit, Failure};
use crate::output::write_json;
use crate::progress::progress;
use crate::summary::Summary;
use crate::wiring;

/// Bytes of a file's start that tell a capture from other files.
const HEADER_BYTES: u64 = 256;

/// Runs the verb.
pub(crate) async fn run(common: &CommonArgs, args: ReplayArgs) -> CommandResult {
    let config = super::load(common, raw_layers(args.raw))?;
    let catalog = wiring::catalog(&config).map_err(Failure::refused)?;
    let input = Input::open(&args.paths).await.map_err(Failure::refused)?;
    let store = wiring::open_store_for_records(&config, catalog).await.map_err(Failure::refused)?;
    for problem in &input.problems {
        crate::stderr_line(&format!("cut off: {problem}"));
    }
    let cancel = wiring::interruption();
    let options = wiring::engine_options(&config.sync);
    let earlier = wiring::known_targets(&store).await?;
    let streams = input.jobs.iter().flat_map(|job| job.streams.iter().map(|stream| &stream.id));
    wiring::refuse_doubles(&earlier, streams).map_err(Failure::refused)?;
    let report = wiring::run_jobs(input.jobs, store.clone(), options, cancel, progress()).await;
    wiring::keep_wider_targets(&store, &earlier).await?;
    let summary = Summary::new(database_place(&config.database.value), report, Vec::new(), &input.off);
    match args.json {
        true => write_json(&mut io::stdout().lock(), &summary)?,
        false => summary.write_text(&mut io::stdout().lock())?,
    }
    match summary.exit() {
        Exit::Done if !input.problems.is_empty() => Ok(Exit::Incomplete),
        exit => Ok(exit),
    }
}

/// `--raw` as a layer: it goes for every chain that the files may hold.
fn raw_layers(raw: Option<RawPayloads>) -> Vec<(Origin, Layer)> {
    let chains = |raw| CHAINS.iter().map(|chain| (ChainName(chain.id), ChainLayer { raw: Some(raw), ..ChainLayer::default() })).collect();
    raw.map(|raw| (Origin::Flag("--raw"), Layer { chains: chains(raw), ..Layer::default() })).into_iter().collect()
}

/// What the files hold.
#[derive(Default)]
struct Input {
    jobs: Vec<ChainJob>,
    /// Streams in the files that this program does not read.
    off: Vec<(ChainId, String)>,
    /// Files whose end is missing.
    problems: Vec<String>,
}

impl Input {
    async fn open(paths: &[PathBuf]) -> Result<Input> {
        let mut input = Input::default();
        let (mut captures, mut files, mut folders) = (Vec::new(), Vec::new(), Vec::new());
        for path in paths {
            let metadata = path.metadata().with_context(|| format!("{}", path.display()))?;
            match (metadata.is_dir(), metadata.is_file() && is_capture(path)?) {
                (true, _) => folders.push(path.clone()),
                (false, true) => captures.push(path.clone()),
                (false, false) => files.push(path.clone()),
            }
        }
        if !captures.is_empty() {
            input.add_captures(&captures)?;
        }
        match (&folders[..], &files[..]) {
            ([], []) => {}
            ([folder], []) => input.add_hyperliquid(&folders, &file_name(folder)).await?,
            ([], [file]) => input.add_hyperliquid(&files, &file_name(file)).await?,
            ([], _) => input.add_hyperliquid(&files, &format!("{} files", files.len())).await?,
            _ => return Err(anyhow!("give one folder of Hyperliquid files (the one above its streams), or any number of files")),
        }
        Ok(input)
    }

    fn add_captures(&mut self, paths: &[PathBuf]) -> Result<()> {
        let opened = CaptureSource::open(paths)?;
        self.problems.extend(opened.cut.iter().map(ToString::to_string));
        for source in opened.sources {
            let chain = source.chain();
            let mut streams = Vec::new();
            for (id, covered) in source.streams() {
                let first = covered.ranges().first().map(|range| range.from());
                match (known_stream(&id), first) {
                    (Some(stream), Some(from)) => streams.push(JobStream { from, ..stream }),
                    _ => self.off.push((chain, format!("{id}: not a stream of this program's version"))),
                }
            }
            self.add_job(Arc::new(source), streams);
        }
        Ok(())
    }

    async fn add_hyperliquid(&mut self, paths: &[PathBuf], label: &str) -> Result<()> {
        for source in FolderSource::open_every(paths, label)? {
            let chain = source.chain();
            if self.jobs.iter().any(|job| job.chain == chain) {
                return Err(anyhow!("{chain} stands in a capture and in node files: replay them one after another"));
            }
            let earliest = source.heads().await?.earliest.unwrap_or(0);
            let mut streams = Vec::new();
            for (venue, spec) in VENUES.iter().flat_map(|venue| venue.streams(chain).into_iter().map(|spec| (venue.info().slug, spec))) {
                let Watch::HyperCore(stream) = spec.watch else { continue };
                let Some(first) = source.first(stream).await else { continue };
                streams.push(JobStream {
                    id: StreamId { chain, venue, part: spec.part.to_owned(), version: spec.version },
                    watch: spec.watch,
                    // Streams written side by side are wanted where all of them are; archives of other times from their own start.
                    from: if chain == ChainId::HYPERLIQUID { earliest } else { first },
                    first_height: spec.first_height,
                    sees_unknown: spec.sees_unknown,
                });
            }
            self.add_job(Arc::new(source), streams);
        }
        Ok(())
    }

    fn add_job(&mut self, source: Arc<dyn Source>, streams: Vec<JobStream>) {
        if streams.is_empty() {
            return;
        }
        self.jobs.push(ChainJob {
            chain: source.chain(),
            sources: vec![source],
            streams,
            venues: VENUES,
            until: Until::Final,
            evidence_min: Evidence::Witnessed,
            // Files of one stream say nothing about another's.
            fetch_apart: true,
        });
    }
}

/// The registry's stream of this name and version.
fn known_stream(id: &StreamId) -> Option<JobStream> {
    let venue = VENUES.iter().find(|venue| venue.info().slug == id.venue)?;
    let spec = venue.streams(id.chain).into_iter().find(|spec| spec.part == id.part && spec.version == id.version)?;
    Some(JobStream { id: id.clone(), watch: spec.watch, from: 0, first_height: spec.first_height, sees_unknown: spec.sees_unknown })
}

/// Whether the file begins as a capture does.
fn is_capture(path: &Path) -> Result<bool> {
    let file = File::open(path).with_context(|| format!("{}", path.display()))?;
    let mut start = Vec::new();
    BufReader::new(file).take(HEADER_BYTES).read_to_end(&mut start).with_context(|| format!("{}", path.display()))?;
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let header: Option<serde_json::Value> = serde_json::from_slice(line).ok();
    Ok(header.is_some_and(|header| header["format"] == FORMAT))
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
