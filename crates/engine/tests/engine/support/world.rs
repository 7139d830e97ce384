//! A chain whose blocks follow from height and branch: a record of emitter A in every block, one of B in every third.

use std::sync::Mutex;

use alloy_primitives::{Address, B256, Bytes};
use perpdex_core::{BlockRef, ChainId, EvmLog, Heads, Link, RawBody, RawRecord};

pub(crate) const CHAIN: ChainId = ChainId::ETHEREUM;

pub(crate) const EMITTER_A: Address = Address::repeat_byte(0xaa);
pub(crate) const EMITTER_B: Address = Address::repeat_byte(0xbb);

/// Blocks 0 to the tip; each height has the branch it was made on.
pub(crate) struct World {
    state: Mutex<State>,
}

struct State {
    branches: Vec<u8>,
    /// Branch and height of heights without a block.
    skipped: Vec<(u8, u64)>,
    finalized: u64,
}

impl World {
    /// A chain of branch 0 up to `tip`, final up to `finalized`.
    pub(crate) fn new(tip: u64, finalized: u64) -> World {
        World { state: Mutex::new(State { branches: vec![0; tip as usize + 1], skipped: Vec::new(), finalized }) }
    }

    /// Appends blocks of the branch of the tip up to `tip`.
    pub(crate) fn grow(&self, tip: u64, finalized: u64) {
        let mut state = self.state.lock().unwrap();
        let branch = *state.branches.last().unwrap();
        state.branches.resize(tip as usize + 1, branch);
        state.finalized = finalized;
    }

    /// Replaces everything above `ancestor` by `branch`, up to `tip`.
    pub(crate) fn reorg(&self, ancestor: u64, tip: u64, branch: u8) {
        let mut state = self.state.lock().unwrap();
        state.branches.truncate(ancestor as usize + 1);
        state.branches.resize(tip as usize + 1, branch);
    }

    /// Takes the block of a height out of a branch.
    pub(crate) fn skip(&self, branch: u8, height: u64) {
        self.state.lock().unwrap().skipped.push((branch, height));
    }

    pub(crate) fn heads(&self) -> Heads {
        let state = self.state.lock().unwrap();
        let tip = state.branches.len() as u64 - 1;
        let finalized = state.finalized;
        drop(state);
        Heads { earliest: None, latest: self.block(tip).unwrap(), finalized }
    }

    pub(crate) fn block(&self, height: u64) -> Option<BlockRef> {
        let state = self.state.lock().unwrap();
        let branch = |height: u64| state.branches.get(height as usize).copied();
        let is_there = |height: &u64| branch(*height).is_some_and(|branch| !state.skipped.contains(&(branch, *height)));
        let own = hash(height, branch(height).filter(|_| is_there(&height))?);
        let parent = (0..height).rev().find(is_there).map_or(B256::ZERO, |below| hash(below, branch(below).unwrap()));
        Some(BlockRef { height, link: Some(Link { hash: own, parent }), time_ms: height as i64 * 1_000 })
    }

    /// Records of a block, in order.
    pub(crate) fn records(&self, height: u64) -> Vec<RawRecord> {
        let Some(block) = self.block(height) else { return Vec::new() };
        let emitters = [Some(EMITTER_A), height.is_multiple_of(3).then_some(EMITTER_B)];
        let record = |(index, address)| RawRecord {
            chain: CHAIN,
            height,
            rec: index,
            ord: index,
            tx_id: format!("{height}").into(),
            tx_index: Some(0),
            time_ms: block.time_ms,
            body: RawBody::EvmLog(EvmLog {
                address,
                topics: Vec::new(),
                data: Bytes::from(height.to_be_bytes().to_vec()),
                block_hash: block.hash().unwrap(),
            }),
        };
        (0..).zip(emitters.into_iter().flatten()).map(record).collect()
    }
}

/// The hash of a block of a branch.
pub(crate) fn hash(height: u64, branch: u8) -> B256 {
    let mut bytes = [branch; 32];
    bytes[..8].copy_from_slice(&height.to_be_bytes());
    bytes[8] = 0x5a;
    B256::from(bytes)
}
