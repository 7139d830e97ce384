//! Writes a generated day of Hyperliquid fills into a folder and its totals, as JSON, to stdout. `scripts/hyperliquid-day` uses it.

use std::io::{self, Write};
use std::path::PathBuf;

use perpdex_simnet::day::write_day;

fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let usage = || io::Error::new(io::ErrorKind::InvalidInput, "usage: hyperliquid_day FOLDER FILLS");
    let folder: PathBuf = args.next().ok_or_else(usage)?.into();
    let fills: u64 = args.next().and_then(|fills| fills.parse().ok()).ok_or_else(usage)?;
    let truth = write_day(&folder, fills, 1)?;
    writeln!(io::stdout(), "{}", serde_json::to_string(&truth)?)
}
