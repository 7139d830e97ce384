//! Logs as they come, checked one by one and against each other.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use alloy::primitives::{Address, B256, Bytes, LogData};
use alloy::rpc::types::Log;
use alloy::serde::quantity;
use perpdex_core::{BlockRange, ChainId, EvmLog, MalformedRecord, RawBody, RawRecord, StreamId, Watch};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::headers::{Headers, two_hashes};
use crate::http::Json;
use crate::query::LogQuery;

/// Topics a log can have.
const TOPICS_MAX: usize = 4;

/// Block number and log index: where a log stands in its chain.
pub(crate) type Place = (u64, u64);

/// A log whose hashes were all present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlacedLog {
    /// Hash of its block.
    pub(crate) block_hash: B256,
    /// Hash of its transaction.
    pub(crate) tx_hash: B256,
    /// Unix seconds, where the node adds them and they are not zero.
    pub(crate) time_secs: Option<u64>,
    /// The log as alloy read it.
    pub(crate) log: Log,
}

/// Logs of a range by (block number, log index), and what could not be read as a log.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    by_place: BTreeMap<Place, PlacedLog>,
    malformed: Vec<Malformed>,
}

#[derive(Debug, PartialEq, Eq)]
struct Malformed {
    error: String,
    text: String,
}

impl Logs {
    /// Takes one answer of `eth_getLogs`. What cannot be read as a log is set aside; a log that cannot belong to the answer
    /// makes the whole answer worthless.
    pub(crate) fn take(&mut self, query: &LogQuery, range: BlockRange, raw: &Json) -> Result<(), String> {
        let mut answered = match read_all(raw.get()) {
            Some(all) => all,
            None => self.read_each(raw.get())?,
        };
        check_unique(&mut answered)?;
        answered.into_iter().try_for_each(|(place, log)| self.insert(query, range, place, log))
    }

    /// Reads the logs of a list one by one and sets aside what is none.
    fn read_each(&mut self, text: &str) -> Result<Vec<(Place, PlacedLog)>, String> {
        let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| format!("answer is no list of logs: {error}"))?;
        let mut logs = Vec::with_capacity(items.len());
        for item in items {
            match read_log(item.get()) {
                Ok(log) => logs.push(log),
                Err(error) => self.keep_malformed(error, item.get()),
            }
        }
        Ok(logs)
    }

    /// Sets aside a log of a block's receipts that cannot be read, unless it is one of a contract the query does not name.
    pub(crate) fn set_aside(&mut self, query: &LogQuery, text: &str) {
        let is_other = Remains::read(text).address().is_some_and(|address| !query.may_be_of(&address));
        if let (false, Err(error)) = (is_other, read_log(text)) {
            self.keep_malformed(error, text);
        }
    }

    fn keep_malformed(&mut self, error: String, text: &str) {
        let malformed = Malformed { error, text: text.to_owned() };
        if !self.malformed.contains(&malformed) {
            self.malformed.push(malformed);
        }
    }

    /// Takes one log found in a block's receipts.
    pub(crate) fn insert(&mut self, query: &LogQuery, range: BlockRange, place: Place, log: PlacedLog) -> Result<(), String> {
        let (block, index) = place;
        if !range.contains(block) {
            return Err(format!("log {index} of block {block} is outside of the range"));
        }
        if log.log.removed {
            return Err(format!("log {index} of block {block} is marked as removed"));
        }
        if !query.matches(&log.log.address(), log.log.topics()) {
            return Err(format!("log {index} of block {block} by {} was not asked for", log.log.address()));
        }
        match self.by_place.entry(place) {
            Entry::Vacant(free) => {
                free.insert(log);
                Ok(())
            }
            // Filters may overlap; the same log twice is one log.
            Entry::Occupied(known) if *known.get() == log => Ok(()),
            Entry::Occupied(known) if known.get().block_hash != log.block_hash => {
                Err(two_hashes(block, known.get().block_hash, log.block_hash))
            }
            Entry::Occupied(_) => Err(format!("log {index} of block {block} came twice with different content")),
        }
    }

    /// Whether every log of a block names one hash, and that of the header where it is known.
    pub(crate) fn check_hashes(&self, headers: &Headers) -> Result<(), String> {
        let mut last: Option<(u64, B256)> = None;
        for ((block, _), log) in &self.by_place {
            let expected =
                headers.get(*block).map(|header| header.hash).or_else(|| last.filter(|(at, _)| at == block).map(|(_, hash)| hash));
            if let Some(expected) = expected.filter(|expected| *expected != log.block_hash) {
                return Err(two_hashes(*block, expected, log.block_hash));
            }
            last = Some((*block, log.block_hash));
        }
        Ok(())
    }

    /// All logs in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Place, &PlacedLog)> {
        self.by_place.iter()
    }

    /// The logs of one block in order.
    pub(crate) fn of_block(&self, block: u64) -> impl Iterator<Item = (&Place, &PlacedLog)> {
        self.by_place.range((block, 0)..=(block, u64::MAX))
    }

    /// Whether something of this block could not be read as a log.
    pub(crate) fn is_damaged(&self, block: u64) -> bool {
        self.malformed.iter().any(|malformed| Remains::read(&malformed.text).block_number() == Some(block))
    }

    /// Heights that have a log, ascending, each once.
    pub(crate) fn blocks(&self) -> Vec<u64> {
        let mut blocks: Vec<u64> = self.by_place.keys().map(|(block, _)| *block).collect();
        blocks.dedup();
        blocks
    }

    /// The logs as records; `time_ms` gives the time of a block with logs.
    pub(crate) fn into_records(
        self,
        chain: ChainId,
        range: BlockRange,
        streams: &[(StreamId, Watch)],
        time_ms: impl Fn(u64) -> i64,
    ) -> (Vec<RawRecord>, Vec<MalformedRecord>) {
        let malformed = self.malformed.into_iter().filter_map(|malformed| malformed.into_record(range, streams)).collect();
        let records = self.by_place.into_iter().map(|((height, index), log)| record(chain, height, index, time_ms(height), log)).collect();
        (records, malformed)
    }
}

fn record(chain: ChainId, height: u64, index: u64, time_ms: i64, log: PlacedLog) -> RawRecord {
    let rec = i64::try_from(index).expect("reading a log bounds its index");
    let tx_index = log.log.transaction_index.and_then(|index| u32::try_from(index).ok());
    let (topics, data) = log.log.inner.data.split();
    let body = EvmLog { address: log.log.inner.address, topics, data, block_hash: log.block_hash };
    RawRecord { chain, height, rec, ord: rec, tx_id: format!("{:#x}", log.tx_hash).into(), tx_index, time_ms, body: RawBody::EvmLog(body) }
}

/// The fields of alloy's `Log`, side by side. Alloy flattens one struct into another, for which serde first copies the whole
/// object, data and all, into a tree of values.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogFields {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
    block_hash: Option<B256>,
    #[serde(with = "quantity::opt")]
    block_number: Option<u64>,
    #[serde(default, with = "quantity::opt")]
    block_timestamp: Option<u64>,
    transaction_hash: Option<B256>,
    #[serde(with = "quantity::opt")]
    transaction_index: Option<u64>,
    #[serde(with = "quantity::opt")]
    log_index: Option<u64>,
    #[serde(default)]
    removed: bool,
}

impl From<LogFields> for Log {
    fn from(fields: LogFields) -> Log {
        let LogFields {
            address,
            topics,
            data,
            block_hash,
            block_number,
            block_timestamp,
            transaction_hash,
            transaction_index,
            log_index,
            removed,
        } = fields;
        let inner = alloy::primitives::Log { address, data: LogData::new_unchecked(topics, data) };
        Log { inner, block_hash, block_number, block_timestamp, transaction_hash, transaction_index, log_index, removed }
    }
}

/// Reads a list of logs without looking for the end of each first; `None` where one of them cannot be read.
fn read_all(text: &str) -> Option<Vec<(Place, PlacedLog)>> {
    let all: Vec<LogFields> = serde_json::from_str(text).ok()?;
    all.into_iter().map(|fields| placed(fields).ok()).collect()
}

/// Reads one log object; the error says what is wrong with it.
pub(crate) fn read_log(text: &str) -> Result<(Place, PlacedLog), String> {
    placed(serde_json::from_str(text).map_err(|error| error.to_string())?)
}

fn placed(fields: LogFields) -> Result<(Place, PlacedLog), String> {
    let log = Log::from(fields);
    let missing = |field: &str| format!("{field} is missing or null");
    let block = log.block_number.ok_or_else(|| missing("blockNumber"))?;
    let index = log.log_index.ok_or_else(|| missing("logIndex"))?;
    let block_hash = log.block_hash.ok_or_else(|| missing("blockHash"))?;
    let tx_hash = log.transaction_hash.ok_or_else(|| missing("transactionHash"))?;
    if i64::try_from(index).is_err() {
        return Err(format!("logIndex {index} is out of range"));
    }
    if log.topics().len() > TOPICS_MAX {
        return Err(format!("{} topics", log.topics().len()));
    }
    let time_secs = log.block_timestamp.filter(|secs| *secs > 0);
    Ok(((block, index), PlacedLog { block_hash, tx_hash, time_secs, log }))
}

fn check_unique(answered: &mut [(Place, PlacedLog)]) -> Result<(), String> {
    answered.sort_by_key(|(place, _)| *place);
    match answered.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        None => Ok(()),
        Some([(place, one), (_, other)]) if one.block_hash != other.block_hash => {
            Err(two_hashes(place.0, one.block_hash, other.block_hash))
        }
        Some(pair) => Err(format!("log {} of block {} came twice in one answer", pair[0].0.1, pair[0].0.0)),
    }
}

/// What can be known of a log that cannot be read.
#[derive(Default, Deserialize)]
struct Remains<'a> {
    #[serde(borrow, default)]
    address: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "blockNumber")]
    block_number: Option<&'a RawValue>,
}

impl<'a> Remains<'a> {
    fn read(text: &'a str) -> Remains<'a> {
        serde_json::from_str(text).unwrap_or_default()
    }

    fn address(&self) -> Option<Address> {
        text_of(self.address)?.parse().ok()
    }

    fn block_number(&self) -> Option<u64> {
        u64::from_str_radix(text_of(self.block_number)?.strip_prefix("0x")?, 16).ok()
    }
}

fn text_of(value: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(value?.get()).ok()
}

impl Malformed {
    /// The stream is the first that watches the address, else the first of all.
    fn into_record(self, range: BlockRange, streams: &[(StreamId, Watch)]) -> Option<MalformedRecord> {
        let remains = Remains::read(&self.text);
        let address = remains.address();
        let height = remains.block_number().filter(|height| range.contains(*height));
        let watches = |watch: &Watch| match watch {
            Watch::Evm(filters) => filters.iter().any(|filter| address.is_some_and(|address| filter.addresses.contains(&address))),
            _ => false,
        };
        let (stream, _) = streams.iter().find(|(_, watch)| watches(watch)).or_else(|| streams.first())?;
        Some(MalformedRecord { stream: stream.clone(), height: height.unwrap_or(range.from()), error: self.error, text: self.text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A whole log; the cases change or take away one field.
    const WHOLE: &str = r#"{"address":"0xc8ee91a54287db53897056e12d9819156d3822fb","topics":["0x137a44067c8961cd7e1d876f4754a5a3a75989b4552f1843fc69c3b372def160"],"data":"0x00ff","blockNumber":"0x1ad27480","transactionHash":"0xbb5a8c9e3a05d2a0f1b4a86a3a1f8f6ef26d4ae7fcbba0d1db2be8f1a9f55a11","transactionIndex":"0x2","blockHash":"0xaa5a8c9e3a05d2a0f1b4a86a3a1f8f6ef26d4ae7fcbba0d1db2be8f1a9f55a11","blockTimestamp":"0x69d44680","logIndex":"0x7","removed":false,"extra":[1]}"#;

    #[test]
    fn logs_are_read_and_refused_as_alloy_does() {
        let changes = [
            ("", ""),
            (r#""blockTimestamp":"0x69d44680","#, ""),
            (r#""removed":false,"#, ""),
            (r#""removed":false"#, r#""removed":true"#),
            (r#""blockNumber":"0x1ad27480","#, ""),
            (r#""blockNumber":"0x1ad27480""#, r#""blockNumber":null"#),
            (r#""blockNumber":"0x1ad27480""#, r#""blockNumber":450000000"#),
            (r#""blockNumber":"0x1ad27480""#, r#""blockNumber":"0xffffffffffffffffff""#),
            (r#""transactionIndex":"0x2","#, ""),
            (r#""logIndex":"0x7","#, ""),
            (r#""topics":["#, r#""topics":[null,"#),
            (r#""topics":["#, r#""topics":["0x00","#),
            (r#""data":"0x00ff""#, r#""data":"0x00f""#),
            (r#""data":"0x00ff","#, ""),
            (r#""data":"0x00ff""#, r#""data":"""#),
            ("0xc8ee91", "0xc8ee9"),
            ("0xaa5a8c", "0xaa5a8"),
        ];
        let (mut read, mut refused) = (0, 0);
        for (from, to) in changes {
            let text = WHOLE.replacen(from, to, 1);
            let (ours, alloys) = (serde_json::from_str::<LogFields>(&text).map(Log::from), serde_json::from_str::<Log>(&text));
            assert_eq!(ours.as_ref().ok(), alloys.as_ref().ok(), "{from} to {to}: {ours:?} and {alloys:?}");
            *(if ours.is_ok() { &mut read } else { &mut refused }) += 1;
        }
        assert!(5 <= read && 5 <= refused, "{read} were read and {refused} refused");
    }

    #[test]
    fn a_list_is_read_at_once_or_log_by_log_alike() {
        let next = WHOLE.replace(r#""logIndex":"0x7""#, r#""logIndex":"0x8""#);
        let headless = WHOLE.replace(r#""blockHash":"0x"#, r#""blockHash":null,"old":"0x"#);
        let broken = WHOLE.replace("0x00ff", "0xzz");
        for (items, is_whole) in [
            (vec![], true),
            (vec![WHOLE, &next], true),
            (vec![WHOLE, &headless, &next], false),
            (vec![WHOLE, &broken, &next], false),
            (vec![WHOLE, "null", &next], false),
        ] {
            let text = format!("[ {} ]", items.join(" , "));
            let mut logs = Logs::default();
            let each = logs.read_each(&text).unwrap();
            assert_eq!(each.len() + logs.malformed.len(), items.len(), "{text}");
            assert_eq!(logs.malformed.is_empty(), is_whole, "{text}");
            assert_eq!(read_all(&text), is_whole.then_some(each), "{text}");
        }
        assert!(read_all("{}").is_none() && Logs::default().read_each("{}").is_err());
    }
}
