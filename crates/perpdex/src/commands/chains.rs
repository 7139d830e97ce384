//! `perpdex chains`.

use std::io;

use perpdex_core::{ChainKind, Deployment};
use serde_json::Value;

use crate::args::OutputArgs;
use crate::config::Config;
use crate::exit::{CommandResult, Exit};
use crate::output::Grid;

/// Lists the chains with their state, start and endpoints.
pub(crate) fn run(config: &Config, output: OutputArgs) -> CommandResult {
    let mut grid = Grid::new(&["chain", "chain_id", "kind", "state", "start", "venues", "endpoints", "reason"]);
    for chain in &config.chains {
        let deployed = |deployments: &[Deployment]| deployments.iter().any(|deployment| deployment.chain == chain.chain);
        let venues: Vec<&str> = perpdex_venues::VENUES
            .iter()
            .map(|venue| venue.info())
            .filter(|info| deployed(info.deployments))
            .map(|info| info.slug.as_str())
            .collect();
        let labels: Vec<&str> = chain.endpoints.value.iter().map(|endpoint| endpoint.label()).collect();
        let on = chain.enabled.value;
        grid.push(vec![
            chain.chain.to_string().into(),
            chain.chain.0.into(),
            chain.chain.info().map_or("", |info| kind(info.kind)).into(),
            if on { "on" } else { "off" }.into(),
            chain.start.value.to_string().into(),
            venues.join(" ").into(),
            labels.join(" ").into(),
            if on { Value::Null } else { chain.off_reason().into() },
        ]);
    }
    grid.write(&mut io::stdout().lock(), output.format())?;
    Ok(Exit::Done)
}

fn kind(kind: ChainKind) -> &'static str {
    match kind {
        ChainKind::Evm => "evm",
        ChainKind::Svm => "svm",
        ChainKind::HyperCore => "hypercore",
        ChainKind::OffChain => "offchain",
    }
}
