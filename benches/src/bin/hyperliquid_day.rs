//! Writes generated days of Hyperliquid fills into a folder and their totals, as JSON, to stdout. `scripts/hyperliquid-day` uses it.

use std::io::{self, Write};
use std::path::PathBuf;

use perpdex_simnet::day::Days;

fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let usage = || io::Error::new(io::ErrorKind::InvalidInput, "usage: hyperliquid-day FOLDER FILLS_OF_A_DAY [DAYS]");
    let folder: PathBuf = args.next().ok_or_else(usage)?.into();
    let mut number = || args.next().map(|text| text.parse::<u64>().map_err(|_| usage())).transpose();
    let fills = number()?.ok_or_else(usage)?;
    let mut days = Days::new(1);
    for _ in 0..number()?.unwrap_or(1) {
        days.write(&folder, fills)?;
    }
    writeln!(io::stdout(), "{}", serde_json::to_string(&days.truth())?)
}
