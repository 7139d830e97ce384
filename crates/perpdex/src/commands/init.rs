//! `perpdex init`: a commented configuration to start from.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use crate::args::{CommonArgs, InitArgs, PerChain};
use crate::config::{FILE_DEFAULT, Layer, Location, built_in_texts};
use crate::exit::{CommandResult, Exit, Failure};

/// Runs the verb.
pub(crate) fn run(common: &CommonArgs, args: &InitArgs) -> CommandResult {
    let path = common.config.clone().unwrap_or_else(|| PathBuf::from(FILE_DEFAULT));
    let text = text(common.database.as_deref(), &args.endpoints);
    // What is written must be readable before it takes anybody's place.
    Layer::parse(&text, &path.display().to_string()).map_err(Failure::refused)?;
    write(&path, &text, args.force).map_err(Failure::refused)?;
    writeln!(io::stdout(), "{} is written: edit it, then run `perpdex doctor`", path.display())?;
    Ok(Exit::Done)
}

/// The built-in values as comments, under the ones that were given.
fn text(database: Option<&str>, endpoints: &[PerChain<Location>]) -> String {
    let mut out = String::from(
        "# Configuration of perpdex. Values that are commented out are the built-in ones.\n\
         # `perpdex config check` reads it, `perpdex config show` prints every effective value with its origin,\n\
         # `perpdex doctor` asks the endpoints. It may hold keys and passwords: keep it to yourself.\n",
    );
    if let Some(url) = database {
        out += &format!("\n[database]\nurl = {}\n", quoted(url));
    }
    for endpoint in endpoints {
        let url = match &endpoint.value {
            Location::Url(url) => url.as_str().to_owned(),
            Location::Blocks(url) => format!("blocks+{url}"),
            Location::Portal(url) => format!("portal+{url}"),
            Location::Folder(path) => path.display().to_string(),
            Location::Bucket(url) => url.clone(),
        };
        out += &format!("\n[[chains.{}.endpoints]]\nurl = {}\n", endpoint.chain, quoted(&url));
    }
    for (_, built_in) in built_in_texts() {
        out.push('\n');
        // The head of the built-in file speaks of itself, not of this one.
        let body = built_in.lines().skip_while(|line| built_in.starts_with("# The built-in") && line.starts_with('#'));
        for line in body {
            out += &match line {
                "" => "\n".to_owned(),
                line if line.starts_with('#') => format!("{line}\n"),
                line => format!("#{line}\n"),
            };
        }
    }
    out
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn write(path: &Path, text: &str, force: bool) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(force).create_new(!force);
    // It may hold keys.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(anyhow!("{} exists: give --force to overwrite it, or --config to write another file", path.display()));
        }
        opened => opened.with_context(|| path.display().to_string())?,
    };
    file.write_all(text.as_bytes()).with_context(|| path.display().to_string())
}
