//! Verification: stored ranges proved once more, and what differs.

use alloy_primitives::B256;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{BlockRange, ChainId, Evidence, RangeSet, RawBody, RawRecord, Store, StoreError, StreamId, Text};

/// What a database gives verification, beside [`Store`].
#[async_trait]
pub trait VerifyStore: Store {
    /// Stored raw records of a chain inside a range with the stream each came by, in canonical order.
    async fn records(&self, chain: ChainId, range: BlockRange) -> Result<Vec<(StreamId, StoredRecord)>, StoreError>;

    /// How many raw records of a chain are stored inside a range.
    async fn record_count(&self, chain: ChainId, range: BlockRange) -> Result<u64, StoreError>;

    /// All verified ranges of a chain, ascending per stream.
    async fn verified(&self, chain: ChainId) -> Result<Vec<Verified>, StoreError>;

    /// One transaction: replaces the differences of the proof's streams inside its range by those of the proof, marks
    /// every other height of the range as verified, and raises the evidence of its coverage. Covers nothing new.
    async fn record_verification(&self, proof: &Verification) -> Result<(), StoreError>;

    /// One transaction: removes all rows of a chain at some heights with their contributions, and their coverage, so that
    /// an ordinary commit can bring them anew. Closes above that were joined to an open that goes, go too: their heights
    /// are among those given back.
    async fn withdraw(&self, chain: ChainId, heights: &RangeSet) -> Result<Withdrawn, StoreError>;

    /// One transaction: gives stored records of a chain back the payloads that were dropped, where the chain's are kept now. Of
    /// `records` count those that are stored without payload and have the stored digest; gives their number.
    async fn restore(&self, chain: ChainId, records: &[RawRecord]) -> Result<u64, StoreError>;
}

/// A range of a stream that was proved again after it had been stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// The stream.
    pub stream: StreamId,
    /// The heights.
    pub range: BlockRange,
    /// How well.
    pub evidence: Evidence,
    /// When, unix milliseconds: the oldest proof of the range.
    pub verified_ms: i64,
}

/// What proving a range once more has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// The chain.
    pub chain: ChainId,
    /// Streams it speaks of; all of them are covered throughout the range.
    pub streams: Vec<StreamId>,
    /// The heights.
    pub range: BlockRange,
    /// How well they are proved.
    pub evidence: Evidence,
    /// Time of the first height, unix milliseconds.
    pub from_ms: i64,
    /// Time of the last height, unix milliseconds.
    pub to_ms: i64,
    /// Where the store differs from the proof, by height and record.
    pub differences: Vec<Difference>,
    /// When it was had, unix milliseconds.
    pub proved_ms: i64,
}

/// One raw record in which store and proof differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The stream.
    pub stream: StreamId,
    /// Height of the record.
    pub height: u64,
    /// Its key inside the height.
    pub rec: i64,
    /// What is wrong with the store.
    pub kind: DifferenceKind,
    /// Transaction of the record.
    pub tx_id: Text,
    /// Digest of the stored record, see [`RawRecord::digest`]; `None` where none is stored.
    pub stored: Option<B256>,
    /// Digest of the proved record; `None` where the proof has none.
    pub proved: Option<B256>,
}

/// How a stored record differs from the proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// The proof has it, the store does not.
    Missing,
    /// The store has it, the proof does not.
    Extra,
    /// Both have it with different content.
    Changed,
}

impl DifferenceKind {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            DifferenceKind::Missing => "missing",
            DifferenceKind::Extra => "extra",
            DifferenceKind::Changed => "changed",
        }
    }
}

/// What a withdrawal removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Withdrawn {
    /// Raw records removed.
    pub records: u64,
    /// Heights that are no longer covered.
    pub heights: RangeSet,
}

/// A raw record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredRecord {
    /// With its payload.
    Whole(RawRecord),
    /// Without it.
    Dropped(DroppedRecord),
}

/// What is stored of a record whose payload was dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedRecord {
    /// The chain it was read from.
    pub chain: ChainId,
    /// Height of its block.
    pub height: u64,
    /// Key inside the height.
    pub rec: i64,
    /// Canonical order inside the height.
    pub ord: i64,
    /// Transaction id.
    pub tx_id: Text,
    /// Time of the block in unix milliseconds.
    pub time_ms: i64,
    /// See [`RawRecord::emitter`].
    pub emitter: String,
    /// Hash of its block, of a log.
    pub block_hash: Option<B256>,
    /// See [`RawBody::digest`].
    pub payload: B256,
}

impl StoredRecord {
    /// Key: height and `rec`.
    pub fn key(&self) -> (u64, i64) {
        match self {
            StoredRecord::Whole(record) => (record.height, record.rec),
            StoredRecord::Dropped(record) => (record.height, record.rec),
        }
    }

    /// Transaction id.
    pub fn tx_id(&self) -> &Text {
        match self {
            StoredRecord::Whole(record) => &record.tx_id,
            StoredRecord::Dropped(record) => &record.tx_id,
        }
    }

    /// See [`RawRecord::digest`]: the same with and without the payload.
    pub fn digest(&self) -> B256 {
        match self {
            StoredRecord::Whole(record) => record.digest(),
            StoredRecord::Dropped(record) => record.digest(),
        }
    }
}

impl DroppedRecord {
    /// See [`RawRecord::digest`].
    pub fn digest(&self) -> B256 {
        let mut bytes = Vec::with_capacity(256);
        for number in [self.chain.as_i64(), i64::from_ne_bytes(self.height.to_ne_bytes()), self.rec, self.ord, self.time_ms] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        let block_hash = self.block_hash.as_ref().map_or(&[][..], |hash| hash.as_slice());
        for part in [self.tx_id.as_bytes(), self.emitter.as_bytes(), block_hash, self.payload.as_slice()] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        B256::new(Sha256::digest(&bytes).into())
    }
}

impl RawRecord {
    /// SHA-256 over everything that sources must agree about: place, order, transaction, time and the digest of the content. The
    /// index of the transaction is left out, because not every source gives it.
    pub fn digest(&self) -> B256 {
        self.without_payload().digest()
    }

    /// What is left of the record where payloads are dropped.
    pub fn without_payload(&self) -> DroppedRecord {
        DroppedRecord {
            chain: self.chain,
            height: self.height,
            rec: self.rec,
            ord: self.ord,
            tx_id: self.tx_id.clone(),
            time_ms: self.time_ms,
            emitter: self.emitter(),
            block_hash: match &self.body {
                RawBody::EvmLog(log) => Some(log.block_hash),
                _ => None,
            },
            payload: self.body.digest(),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, Bytes};

    use super::*;
    use crate::EvmLog;

    fn record() -> RawRecord {
        RawRecord {
            chain: ChainId::BNB,
            height: 7,
            rec: 3,
            ord: 3,
            tx_id: "0x1".into(),
            tx_index: Some(2),
            time_ms: 1_000,
            body: RawBody::EvmLog(EvmLog {
                address: Address::repeat_byte(1),
                topics: vec![B256::repeat_byte(2)],
                data: Bytes::from_static(&[3]),
                block_hash: B256::repeat_byte(4),
            }),
        }
    }

    #[test]
    fn a_digest_tells_every_change_but_the_index_of_the_transaction() {
        let with = |change: fn(&mut RawRecord)| {
            let mut changed = record();
            change(&mut changed);
            changed.digest()
        };
        let log = |record: &mut RawRecord, change: fn(&mut EvmLog)| {
            let RawBody::EvmLog(log) = &mut record.body else { unreachable!("a log") };
            change(log);
        };
        assert_eq!(with(|record| record.tx_index = None), record().digest());
        let changed = [
            with(|record| record.height += 1),
            with(|record| record.rec += 1),
            with(|record| record.ord += 1),
            with(|record| record.time_ms += 1),
            with(|record| record.tx_id = "0x10".into()),
            with(|record| record.chain = ChainId::ETHEREUM),
        ];
        assert!(changed.iter().all(|digest| *digest != record().digest()));
        let changes: [fn(&mut EvmLog); 5] = [
            |log| log.address = Address::ZERO,
            |log| log.topics.clear(),
            |log| log.data = Bytes::new(),
            |log| log.block_hash = B256::ZERO,
            // The same bytes divided otherwise.
            |log| (log.topics, log.data) = (Vec::new(), [&[2; 32][..], &[3]].concat().into()),
        ];
        for change in changes {
            let mut changed = record();
            log(&mut changed, change);
            assert_ne!(changed.digest(), record().digest());
        }
    }
}
