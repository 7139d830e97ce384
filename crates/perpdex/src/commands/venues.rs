//! `perpdex venues`.

use std::io::{self, Write};

use serde_json::Value;

use crate::args::OutputArgs;
use crate::exit::{CommandResult, Exit};
use crate::output::{Format, Grid};

/// Lists the registry: one row per deployment, and below the table what the sources leave unverified and what is not indexed. Where
/// a program reads the answer, both stand in the rows.
pub(crate) fn run(output: OutputArgs) -> CommandResult {
    let mut grid = Grid::new(&["venue", "group", "name", "model", "chain", "first_height", "gives", "layout", "address"]);
    let machine = output.format() != Format::Table;
    if machine {
        grid.columns.push("unverified".to_owned());
    }
    for info in perpdex_venues::VENUES.iter().map(|venue| venue.info()) {
        for deployment in info.deployments {
            let mut row = vec![
                info.slug.as_str().into(),
                info.group.into(),
                info.name.into(),
                info.model.as_str().into(),
                deployment.chain.to_string().into(),
                deployment.first_height.into(),
                info.gives.join(" ").into(),
                info.layout.into(),
                deployment.address.into(),
            ];
            if machine {
                row.push(info.unverified.join("; ").into());
            }
            grid.push(row);
        }
    }
    if machine {
        for venue in perpdex_venues::NOT_INDEXED {
            let mut row = vec![venue.slug.as_str().into(), venue.slug.as_str().into(), venue.name.into(), Value::Null];
            row.push(venue.chain.to_string().into());
            row.extend([Value::Null, "".into(), Value::Null, Value::Null, format!("not indexed: {}", venue.why).into()]);
            grid.push(row);
        }
    }
    let mut out = io::stdout().lock();
    grid.write(&mut out, output.format())?;
    if !machine {
        let notes = perpdex_venues::VENUES.iter().map(|venue| venue.info()).filter(|info| !info.unverified.is_empty());
        for (index, info) in notes.enumerate() {
            if index == 0 {
                writeln!(out, "\nunverified:")?;
            }
            info.unverified.iter().try_for_each(|note| writeln!(out, "  {}: {note}", info.slug))?;
        }
        writeln!(out, "\nnot indexed:")?;
        perpdex_venues::NOT_INDEXED.iter().try_for_each(|venue| writeln!(out, "  {} on {}: {}", venue.slug, venue.chain, venue.why))?;
    }
    Ok(Exit::Done)
}
