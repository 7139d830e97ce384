//! Records to decode: of simulated chains and of golden cases.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use perpdex_core::{ChainId, DecodeUnit, Decoded, EvmLog, HyperliquidLine, HyperliquidStream, RawBody, RawRecord, Venue};
use perpdex_simnet::chain::EvmChain;
use perpdex_simnet::world::{Shares, World, WorldOptions};

/// Records of one venue, by transaction.
pub(super) struct Input {
    pub(super) venue: &'static dyn Venue,
    pub(super) records: Vec<RawRecord>,
    /// How many of them each transaction (on HyperCore: each block) has.
    units: Vec<usize>,
}

impl Input {
    fn new(venue: &'static dyn Venue, records: Vec<RawRecord>) -> Input {
        let units = records.chunk_by(|a, b| (a.height, &a.tx_id) == (b.height, &b.tx_id)).map(<[RawRecord]>::len).collect();
        Input { venue, records, units }
    }

    /// The logs of a chain that a venue watches.
    pub(super) fn of_chain(venue: &str, chain: &EvmChain) -> Result<Input> {
        let venue = known(venue)?;
        let id = ChainId(chain.chain_id);
        let streams = venue.streams(id);
        let mut records = Vec::new();
        for block in &chain.blocks {
            for (index, log) in (0..).zip(&block.logs) {
                let body = EvmLog { address: log.address, topics: log.topics.clone(), data: log.data.clone(), block_hash: block.hash };
                records.push(RawRecord {
                    chain: id,
                    height: block.number,
                    rec: index,
                    ord: index,
                    tx_id: format!("{:#x}", log.tx_hash).into(),
                    tx_index: u32::try_from(log.tx_index).ok(),
                    time_ms: i64::try_from(block.timestamp_secs)? * 1_000,
                    body: RawBody::EvmLog(body),
                });
            }
        }
        records.retain(|record| streams.iter().any(|stream| stream.watch.matches(record)));
        ensure!(!records.is_empty(), "the simulated chain has no record of {}", venue.info().slug);
        Ok(Input::new(venue, records))
    }

    /// The records of all golden cases of a venue on a chain.
    pub(super) fn of_golden(chain: &str, venue: &str) -> Result<Input> {
        let folder = root().join("tests/golden").join(chain).join(venue);
        let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
            .with_context(|| folder.display().to_string())?
            .map(|case| case.map(|case| case.path().join("records.jsonl")))
            .collect::<std::io::Result<_>>()?;
        paths.sort();
        let mut records = Vec::new();
        for path in paths {
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            for line in text.lines() {
                records.push(serde_json::from_str(line).with_context(|| path.display().to_string())?);
            }
        }
        Ok(Input::new(known(venue)?, records))
    }

    /// Lines of fills of the simulated HyperCore that hold any.
    pub(super) fn of_hypercore() -> Result<Input> {
        let world = World::build(&options(60_000, Shares { hyperliquid: 1_000, ..Shares::NONE }));
        let line = |text: &str| RawBody::HyperliquidLine(HyperliquidLine { stream: HyperliquidStream::Fills, text: text.to_owned() });
        let blocks = world.hyperliquid.blocks.iter().filter(|block| block.fills.contains("\"coin\""));
        let records = blocks.map(|block| {
            Ok(RawRecord {
                chain: ChainId::HYPERLIQUID,
                height: block.number,
                rec: 0,
                ord: 0,
                tx_id: block.number.to_string().into(),
                tx_index: None,
                time_ms: block.time_ms,
                body: line(&block.fills),
            })
        });
        Ok(Input::new(known("hyperliquid")?, records.collect::<Result<_>>()?))
    }

    /// Decodes everything, a transaction (on HyperCore: a block) at a time, and gives what each came to.
    pub(super) fn decode_each(&self, mut take: impl FnMut(Decoded)) {
        let mut rest = &self.records[..];
        for n in &self.units {
            let (records, others) = rest.split_at(*n);
            rest = others;
            let first = &records[0];
            let unit =
                DecodeUnit { chain: first.chain, height: first.height, time_ms: first.time_ms, tx_id: &first.tx_id, records, state: &[] };
            take(self.venue.decode(&unit));
        }
    }

    /// All of it decoded.
    pub(super) fn decoded(&self) -> Decoded {
        let mut all = Decoded::default();
        self.decode_each(|decoded| all.append(decoded));
        all
    }

    /// Bytes of the records' bodies, one after the other.
    pub(super) fn bytes(&self) -> Vec<&[u8]> {
        self.records.iter().map(|record| payload(&record.body)).collect()
    }
}

/// GMX v2 on the simulated Arbitrum, and Aster 1001x on the simulated BNB Chain.
pub(super) fn evm() -> Result<(Input, Input)> {
    let world = World::build(&options(60_000, Shares { gmx: 600, aster_bnb: 400, ..Shares::NONE }));
    Ok((Input::of_chain("gmx_v2", &world.arbitrum)?, Input::of_chain("aster_1001x", &world.bnb)?))
}

fn options(events: u64, shares: Shares) -> WorldOptions {
    WorldOptions { events, shares, is_quiet: true, ..WorldOptions::default() }
}

fn known(venue: &str) -> Result<&'static dyn Venue> {
    perpdex_venues::venue(venue).ok_or_else(|| anyhow!("no decoder of {venue}"))
}

fn payload(body: &RawBody) -> &[u8] {
    match body {
        RawBody::EvmLog(log) => &log.data,
        RawBody::SolanaEvent(event) => &event.payload,
        RawBody::HyperliquidLine(line) => line.text.as_bytes(),
        RawBody::ApiAnswer { body, .. } => body.as_bytes(),
        RawBody::StateRead { output, .. } => output,
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in a folder of the repository")
}
