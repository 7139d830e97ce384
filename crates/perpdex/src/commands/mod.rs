//! One file a verb. A verb prints its answer on stdout and returns how it ended.

mod chains;
mod completions;
mod config;
mod db;
mod demo;
mod doctor;
mod export;
mod import;
mod init;
mod man;
mod query;
mod redecode;
mod reduce;
mod replay;
mod report;
mod serve;
mod status;
mod sync;
mod venues;
mod verify;
mod verify_oi;

use crate::args::{Cli, Command, CommonArgs};
use crate::config::{Config, Layer, Origin};
use crate::exit::{CommandResult, Failure};

/// Runs the verb.
pub(crate) async fn run(cli: Cli) -> CommandResult {
    let common = cli.common;
    match cli.command {
        Command::Init(args) => init::run(&common, &args),
        Command::Doctor(args) => Box::pin(doctor::run(&common, args)).await,
        Command::Demo(args) => Box::pin(demo::run(&common, args)).await,
        Command::Sync(args) => Box::pin(sync::run(&common, args)).await,
        Command::Replay(args) => Box::pin(replay::run(&common, args)).await,
        Command::Status(args) => Box::pin(status::run(&common, args)).await,
        Command::Serve(args) => Box::pin(serve::run(&common, args)).await,
        Command::Reduce(args) => Box::pin(reduce::run(&common, args)).await,
        Command::Redecode(args) => Box::pin(redecode::run(&common, args)).await,
        Command::Verify(args) => Box::pin(verify::run(&common, args)).await,
        Command::Query(args) => Box::pin(query::run(&common, args)).await,
        Command::Export(args) => Box::pin(export::run(&common, args)).await,
        Command::Report(args) => Box::pin(report::run(&common, args)).await,
        Command::Import(command) => Box::pin(import::run(&common, command)).await,
        Command::Db(command) => Box::pin(db::run(&common, command)).await,
        Command::Venues(args) => venues::run(args),
        Command::Chains(args) => chains::run(&load(&common, Vec::new())?, args),
        Command::Config(command) => config::run(&load(&common, Vec::new())?, command),
        Command::Completions { shell } => completions::run(shell),
        Command::Man(args) => man::run(&args),
    }
}

/// The effective configuration: the common flags, a verb's own flags, environment, file, built-in.
fn load(common: &CommonArgs, mut flags: Vec<(Origin, Layer)>) -> Result<Config, Failure> {
    if let Some(url) = &common.database {
        let mut layer = Layer::default();
        layer.database.url = Some(url.clone());
        flags.push((Origin::Flag("--database"), layer));
    }
    Config::load(common.config.as_deref(), flags).map_err(Failure::refused)
}
