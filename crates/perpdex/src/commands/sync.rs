//! `perpdex sync`: history, then the head.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use anyhow::anyhow;
use perpdex_core::{ChainId, ListingWindows};
use perpdex_engine::Until;

use crate::args::{CommonArgs, Once, PerChain, SyncArgs};
use crate::config::{ChainLayer, ChainName, EndpointLayer, Layer, Location, Origin, database_place};
use crate::exit::{CommandResult, Exit, Failure};
use crate::instant::Point;
use crate::output::write_json;
use crate::progress::progress;
use crate::summary::Summary;
use crate::wiring::{self, Plan, RunRange, Selection};

/// Runs the verb.
pub(crate) async fn run(common: &CommonArgs, args: SyncArgs) -> CommandResult {
    let config = super::load(common, endpoint_layers(&args.endpoints))?;
    let selection = Selection::new(&args.selection).map_err(Failure::refused)?;
    let plan = Plan::new(&config, &selection).map_err(Failure::refused)?;
    let ranges = run_ranges(&plan, &args.from, &args.to).map_err(Failure::refused)?;
    for (chain, reason) in &plan.off {
        crate::stderr_line(&format!("{chain}: off: {reason}"));
    }
    let catalog = wiring::catalog(&config).map_err(Failure::refused)?;
    let store = wiring::open_store_for_records(&config, catalog).await.map_err(Failure::refused)?;
    let cancel = wiring::interruption();
    let options = wiring::engine_options(&config.sync);
    let targets = wiring::known_targets(&store).await?;
    let until = match args.once {
        Some(Once::Final) => Until::Final,
        Some(Once::Latest) => Until::Latest,
        None => Until::Forever,
    };

    let windows: Arc<dyn ListingWindows> = store.clone();
    let ready = tokio::select! {
        ready = wiring::ready_jobs(&config, &plan, &ranges, until, &targets, &options, &windows) => ready.map_err(Failure::refused)?,
        () = cancel.cancelled() => return Ok(Exit::Interrupted),
    };
    let off: Vec<_> = plan.off.into_iter().chain(ready.off).collect();
    let report = wiring::run_jobs(ready.jobs, store, options, cancel, progress()).await;
    let summary = Summary::new(database_place(&config.database.value), report, ready.failed, &off);
    match args.json {
        true => write_json(&mut io::stdout().lock(), &summary)?,
        false => summary.write_text(&mut io::stdout().lock())?,
    }
    Ok(summary.exit())
}

/// `--endpoint` as a layer: the flags of one chain together are its list.
pub(super) fn endpoint_layers(endpoints: &[PerChain<Location>]) -> Vec<(Origin, Layer)> {
    let mut chains: BTreeMap<ChainName, ChainLayer> = BTreeMap::new();
    for endpoint in endpoints {
        let layer = chains.entry(ChainName(endpoint.chain)).or_default();
        layer.enabled = Some(true);
        layer.endpoints.get_or_insert_default().push(EndpointLayer { url: endpoint.value.clone(), label: None, ws_url: None });
    }
    match chains.is_empty() {
        true => Vec::new(),
        false => vec![(Origin::Flag("--endpoint"), Layer { chains, ..Layer::default() })],
    }
}

/// `--from` and `--to` by chain; naming a chain twice, or one that is not read, is an error.
pub(super) fn run_ranges(plan: &Plan<'_>, from: &[PerChain<Point>], to: &[PerChain<Point>]) -> anyhow::Result<BTreeMap<ChainId, RunRange>> {
    let mut ranges: BTreeMap<ChainId, RunRange> = BTreeMap::new();
    let mut set = |flag: &str, at: &PerChain<Point>, slot: fn(&mut RunRange) -> &mut Option<Point>| {
        if !plan.chains.iter().any(|(config, _)| config.chain == at.chain) {
            return Err(anyhow!("{flag} {}=…: this run does not read {}", at.chain, at.chain));
        }
        match slot(ranges.entry(at.chain).or_default()).replace(at.value) {
            Some(_) => Err(anyhow!("{flag} {}=…: given twice", at.chain)),
            None => Ok(()),
        }
    };
    from.iter().try_for_each(|at| set("--from", at, |range| &mut range.from))?;
    to.iter().try_for_each(|at| set("--to", at, |range| &mut range.to))?;
    for (chain, range) in &ranges {
        if let (Some(Point::Height(from)), Some(Point::Height(to))) = (range.from, range.to)
            && to < from
        {
            return Err(anyhow!("--to {chain}={to}: lies below --from {chain}={from}"));
        }
    }
    Ok(ranges)
}
