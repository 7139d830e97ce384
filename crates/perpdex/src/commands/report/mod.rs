//! `perpdex report`: a window of the store as a page of figures, in four forms.

mod read;
mod rows;

use std::io::{self, Write};

use anyhow::anyhow;
use perpdex_report::{Input, Window, html, json, markdown, text};
use perpdex_store::SqlStore;

use crate::args::{CommonArgs, ReportArgs, ReportFormat, Span, whole_hour};
use crate::exit::{CommandResult, Exit, Failure};
use crate::wiring;
use read::{Filter, input, known_names, newest_whole_hour};

/// Runs the verb.
pub(crate) async fn run(common: &CommonArgs, args: ReportArgs) -> CommandResult {
    let config = super::load(common, Vec::new())?;
    let catalog = wiring::catalog(&config).map_err(Failure::refused)?;
    let store = wiring::open_store_existing(&config.database.value, catalog).await.map_err(Failure::refused)?;
    let window = window(&store, &args).await?;
    let filter = Filter { assets: args.assets.clone(), venues: args.venues.clone() };
    require_known(&store, &filter).await?;
    let read = input(&store, window, &filter).await?;
    io::stdout().lock().write_all(printed(&read, args.format())?.as_bytes())?;
    Ok(Exit::Done)
}

/// The report in one of its forms.
fn printed(input: &Input, format: ReportFormat) -> anyhow::Result<String> {
    let report = perpdex_report::report(input)?;
    Ok(match format {
        ReportFormat::Text => text(&report),
        ReportFormat::Md => markdown(&report),
        ReportFormat::Html => html(&report)?,
        ReportFormat::Json => json(&report) + "\n",
    })
}

/// The window that the flags name; without `--to` it ends with the newest hour that is whole in any market.
async fn window(store: &SqlStore, args: &ReportArgs) -> Result<Window, Failure> {
    let hour = |flag: &str, ts_ms: i64| whole_hour(ts_ms).map_err(|error| Failure::refused(anyhow!("{flag}: {error}")));
    let to_hour = match args.to {
        Some(ts_ms) => hour("--to", ts_ms)?,
        None => match newest_whole_hour(store).await? {
            Some(newest) => newest + 1,
            None => {
                let place = store.place();
                return Err(Failure::refused(anyhow!(
                    "{place}: no hour is indexed as a whole yet: run `perpdex sync`, or name --from and --to"
                )));
            }
        },
    };
    let from_hour = match (args.from, args.last) {
        (Some(ts_ms), _) => hour("--from", ts_ms)?,
        (None, last) => to_hour - last.unwrap_or(Span::DAY).hours(),
    };
    if from_hour >= to_hour {
        return Err(Failure::refused(anyhow!("--from lies at or after the end of the window: it must begin an hour before or earlier")));
    }
    Ok(Window { from_hour, to_hour })
}

/// A name that the database does not hold is a slip, not an empty report.
async fn require_known(store: &SqlStore, filter: &Filter) -> Result<(), Failure> {
    let known = known_names(store).await?;
    for (flag, wanted, names) in [("--asset", &filter.assets, &known.assets), ("--venue", &filter.venues, &known.venues)] {
        if let Some(unknown) = wanted.iter().find(|wanted| !names.contains(wanted)) {
            let place = store.place();
            return Err(Failure::refused(anyhow!("{flag} {unknown:?}: {place} holds no market of it, it holds {}", names.join(", "))));
        }
    }
    Ok(())
}
