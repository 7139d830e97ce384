//! `perpdex venues`.

use std::io::{self, Write};

use crate::args::OutputArgs;
use crate::exit::{CommandResult, Exit};
use crate::output::{Format, Grid};

/// Lists the registry: one row per deployment, and below the table what the sources leave unverified.
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
    }
    Ok(Exit::Done)
}
