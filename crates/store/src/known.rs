//! What of a commit's range is stored already, and must not be written twice.

use std::collections::{HashMap, HashSet};

use alloy_primitives::{B256, hex};
use perpdex_core::{BlockConflict, ChainId, Commit, Event, RawBody, RawRecord, StoreError, StreamId, VenueSlug};

use crate::db::Tx;
use crate::fact::{FACT_TABLES, height_cell};
use crate::kept::event_name;
use crate::sql::{Fault, Param, Result};

/// What of the commit's range is stored already.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Each stored record, by height and `rec`.
    records: HashMap<(u64, i64), KnownRecord>,
    /// Kind and key of each stored event; read only where records are known.
    events: HashSet<(&'static str, u64, i64, i64)>,
}

/// What is looked at of a stored record.
#[derive(Debug)]
struct KnownRecord {
    /// The venue it was stored for first. Another one that watches it too may come later.
    venue_id: i64,
    part: String,
    tx_id: String,
    block_hash: Option<B256>,
}

impl Known {
    pub(crate) async fn load(tx: &mut Tx, commit: &Commit) -> Result<Known> {
        let mut known = Known::default();
        let sql = "SELECT height, rec, tx_id, block_hash, venue_id, part FROM raw_events WHERE chain_id = $1 AND height BETWEEN $2 AND $3";
        for row in tx.rows(sql, range_cells(commit)).await? {
            let block_hash = row.opt_bytes(3)?.map(B256::from_slice);
            let record = KnownRecord { venue_id: row.int(4)?, part: row.string(5)?, tx_id: row.string(2)?, block_hash };
            known.records.insert((row.height(0)?, row.int(1)?), record);
        }
        if known.records.is_empty() {
            return Ok(known);
        }
        for table in FACT_TABLES {
            known.load_events(tx, commit, table, table).await?;
        }
        known.load_events(tx, commit, "market_listings", "market_listings").await?;
        for name in WAITING_EVENTS {
            known.load_events(tx, commit, &format!("(SELECT * FROM unresolved WHERE event = '{name}') w"), stored_in(name)).await?;
        }
        Ok(known)
    }

    async fn load_events(&mut self, tx: &mut Tx, commit: &Commit, from: &str, kind: &'static str) -> Result<()> {
        let sql = format!("SELECT height, rec, sub FROM {from} WHERE chain_id = $1 AND height BETWEEN $2 AND $3");
        for row in tx.rows(&sql, range_cells(commit)).await? {
            self.events.insert((kind, row.height(0)?, row.int(1)?, row.int(2)?));
        }
        Ok(())
    }

    /// Whether the record is stored; [`StoreError::Conflict`] where another one is at its key.
    pub(crate) fn has_record(&self, chain: ChainId, record: &RawRecord) -> Result<bool> {
        let Some(KnownRecord { tx_id, block_hash, .. }) = self.records.get(&(record.height, record.rec)) else { return Ok(false) };
        if let (RawBody::EvmLog(log), Some(known)) = (&record.body, block_hash)
            && log.block_hash != *known
        {
            return Err(conflict(chain, record.height, known.as_slice(), log.block_hash.as_slice()));
        }
        if *tx_id != record.tx_id {
            let conflict = BlockConflict { height: record.height, stored: tx_id.clone(), found: record.tx_id.to_string() };
            return Err(Fault::Store(StoreError::Conflict { chain, conflict }));
        }
        Ok(true)
    }

    /// Keys and transactions of the records that were stored for a stream first, whatever its version was.
    pub(crate) fn records_of(&self, stream: &StreamId) -> impl Iterator<Item = ((u64, i64), &str)> {
        let is_of = |record: &KnownRecord| record.venue_id == stream.venue.id() && record.part == stream.part;
        self.records.iter().filter(move |(_, record)| is_of(record)).map(|(key, record)| (*key, record.tx_id.as_str()))
    }

    /// Whether a record is stored, for this venue first.
    pub(crate) fn is_stored_for(&self, venue: VenueSlug, height: u64, rec: i64) -> bool {
        self.records.get(&(height, rec)).is_some_and(|record| record.venue_id == venue.id())
    }

    /// Whether the event's record is stored for its venue, or the event itself: where its key is not its record's, or its
    /// record was stored for another venue first.
    pub(crate) fn has_event(&self, event: &Event) -> bool {
        let key = event.key;
        self.is_stored_for(event.venue, key.height, key.rec)
            || self.events.contains(&(stored_in(event_name(&event.body)), key.height, key.rec, i64::from(key.sub)))
    }
}

/// Two hashes at one height.
pub(crate) fn conflict(chain: ChainId, height: u64, stored: &[u8], found: &[u8]) -> Fault {
    let conflict = BlockConflict { height, stored: hex::encode_prefixed(stored), found: hex::encode_prefixed(found) };
    Fault::Store(StoreError::Conflict { chain, conflict })
}

/// Chain, first and last height of a commit.
pub(crate) fn range_cells(commit: &Commit) -> Vec<Param> {
    vec![commit.chain.as_i64().into(), height_cell(commit.range.from()), height_cell(commit.range.to())]
}

/// Kinds of events that can stand in `unresolved`.
const WAITING_EVENTS: [&str; 10] = [
    "fill",
    "close",
    "funding_rate",
    "funding_index",
    "funding_payment",
    "oi_anchor",
    "price",
    "token_price",
    "collateral_flow",
    "volume_bar",
];

/// The table whose key tells that an event of this kind is stored; a joined close is a fill.
fn stored_in(event: &str) -> &'static str {
    match event {
        "fill" | "close" => "fills",
        "funding_payment" => "funding_payments",
        "funding_rate" => "funding_rates",
        "funding_index" => "funding_index",
        "oi_anchor" => "oi_anchors",
        "price" => "prices",
        "token_price" => "token_prices",
        "collateral_flow" => "collateral_flows",
        "volume_bar" => "volume_bars",
        _ => "market_listings",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_event_is_looked_for_where_it_is_stored() {
        for name in WAITING_EVENTS {
            assert!(FACT_TABLES.contains(&stored_in(name)), "{name}");
        }
        assert_eq!(stored_in("market_listed"), "market_listings");
    }
}
