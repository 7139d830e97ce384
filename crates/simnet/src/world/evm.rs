//! EVM chains: blocks at a steady pace, filled transaction by transaction.

use alloy_primitives::{Address, B256, keccak256};

use crate::chain::{EvmBlock, EvmChain, EvmLog, Views};
use crate::encode::abi::{self, Emitted};
use crate::options::{Fork, WorldOptions};
use crate::rng::Rng;

/// An EVM chain in the making.
#[derive(Debug)]
pub(super) struct EvmBuilder {
    chain_id: u64,
    seed: u64,
    fork: Option<Fork>,
    first_number: u64,
    start_secs: u64,
    interval_secs: u64,
    /// The logs of each transaction of each block.
    blocks: Vec<Vec<Vec<Emitted>>>,
    views: Views,
}

/// What of a chain is fixed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) chain_id: u64,
    /// Number of the first block.
    pub(super) first_number: u64,
    /// Seconds between blocks; divides an hour.
    pub(super) interval_secs: u64,
}

impl EvmBuilder {
    /// A chain whose first block stands at the world's beginning and whose last one at its end.
    pub(super) fn new(options: &WorldOptions, pace: Pace) -> EvmBuilder {
        let count = u64::from(options.hours) * 3_600 / pace.interval_secs + 1;
        EvmBuilder {
            chain_id: pace.chain_id,
            seed: options.seed,
            fork: options.fork,
            first_number: pace.first_number,
            start_secs: u64::try_from(options.start_ms / 1_000).expect("the world begins after 1970"),
            interval_secs: pace.interval_secs,
            blocks: vec![Vec::new(); usize::try_from(count).expect("the chain fits in memory")],
            views: Views::new(),
        }
    }

    /// Indexes of the blocks in which something may happen: not the first (it lists markets), and none whose time is a
    /// whole hour, where one would have to say to which hour a record belongs.
    pub(super) fn open_blocks(&self) -> impl Iterator<Item = usize> + use<> {
        let (interval, start) = (self.interval_secs, self.start_secs);
        (0..self.blocks.len()).filter(move |index| !(start + *index as u64 * interval).is_multiple_of(3_600))
    }

    /// Number of blocks per hour.
    pub(super) fn blocks_per_hour(&self) -> u64 {
        3_600 / self.interval_secs
    }

    /// Header timestamp of a block, unix seconds.
    pub(super) fn time_secs(&self, index: usize) -> u64 {
        self.start_secs + index as u64 * self.interval_secs
    }

    /// Header timestamp of a block, unix milliseconds.
    pub(super) fn time_ms(&self, index: usize) -> i64 {
        self.time_secs(index) as i64 * 1_000
    }

    /// Number of a block.
    pub(super) fn number(&self, index: usize) -> u64 {
        self.first_number + index as u64
    }

    /// Adds a transaction.
    pub(super) fn push(&mut self, index: usize, logs: Vec<Emitted>) {
        self.blocks[index].push(logs);
    }

    /// Makes an address a token's contract, which answers for its symbol and decimals.
    pub(super) fn token(&mut self, token: Address, symbol: &str, decimals: u32) {
        let answers = [("symbol()", abi::text(symbol)), ("decimals()", abi::uint(decimals))];
        self.views.entry(token).or_default().extend(answers.map(|(call, value)| (abi::call(call), abi::answer(value))));
    }

    /// The finished chain.
    pub(super) fn finish(self) -> EvmChain {
        let fork_index = self
            .fork
            .map_or(usize::MAX, |fork| (0..self.blocks.len()).find(|index| self.time_ms(*index) >= fork.at_ms).unwrap_or(usize::MAX));
        let mut parent = B256::ZERO;
        let mut blocks = Vec::with_capacity(self.blocks.len());
        let (chain_id, first_number, start_secs, interval_secs) = (self.chain_id, self.first_number, self.start_secs, self.interval_secs);
        for (index, transactions) in self.blocks.into_iter().enumerate() {
            let branch = self.fork.filter(|_| index >= fork_index).map_or(0, |fork| fork.seed);
            let number = first_number + index as u64;
            let hash = block_hash(chain_id, number, self.seed, branch);
            let logs = transactions.into_iter().enumerate().flat_map(|(tx_index, logs)| {
                let tx_hash = tx_hash(hash, tx_index as u64);
                logs.into_iter().map(move |log| EvmLog {
                    address: log.address,
                    topics: log.topics,
                    data: log.data,
                    tx_hash,
                    tx_index: tx_index as u64,
                })
            });
            let timestamp_secs = start_secs + index as u64 * interval_secs;
            blocks.push(EvmBlock { number, hash, parent, timestamp_secs, logs: logs.collect() });
            parent = hash;
        }
        EvmChain { chain_id, blocks, views: self.views }
    }
}

impl EvmChain {
    /// The blocks of `other` from the first one on that this chain does not have: what a reorg to it brings.
    pub fn divergence<'a>(&self, other: &'a EvmChain) -> &'a [EvmBlock] {
        let common = self.blocks.iter().zip(&other.blocks).take_while(|(own, others)| own.hash == others.hash).count();
        &other.blocks[common..]
    }

    /// Another version of the last `depth` blocks, for reorgs: other hashes, and some transactions a block or more later
    /// than before; those at the end may be missing, as if they still waited.
    ///
    /// The order of transactions stays, so the branch is a possible history; but what it says differs from the world's
    /// truth. Tests compare an index that went through the reorg with a clean index of the branch, or build a world with
    /// [`Fork`], whose truth is that of its other future.
    pub fn branch(&self, depth: usize, seed: u64) -> Vec<EvmBlock> {
        let mut rng = Rng::new(seed, self.chain_id, None);
        let keep = self.blocks.len().saturating_sub(depth);
        let mut parent = keep.checked_sub(1).map_or(B256::ZERO, |last| self.blocks[last].hash);
        let mut waiting: Vec<EvmLog> = Vec::new();
        let mut branch = Vec::with_capacity(depth);
        for block in &self.blocks[keep..] {
            let hash = block_hash(self.chain_id, block.number, seed, 1 + rng.next() % 1_000);
            waiting.extend(block.logs.iter().cloned());
            let mut logs = if rng.percent(50) { std::mem::take(&mut waiting) } else { Vec::new() };
            number_transactions(&mut logs, hash);
            branch.push(EvmBlock { number: block.number, hash, parent, timestamp_secs: block.timestamp_secs, logs });
            parent = hash;
        }
        branch
    }
}

/// Gives the transactions of a changed block their new places and hashes.
fn number_transactions(logs: &mut [EvmLog], block: B256) {
    for (index, group) in (0..).zip(logs.chunk_by_mut(|a, b| a.tx_hash == b.tx_hash)) {
        for log in group {
            (log.tx_index, log.tx_hash) = (index, tx_hash(block, index));
        }
    }
}

fn block_hash(chain_id: u64, number: u64, seed: u64, branch: u64) -> B256 {
    keccak256([chain_id, number, seed, branch].map(u64::to_be_bytes).concat())
}

fn tx_hash(block: B256, index: u64) -> B256 {
    keccak256([&block.0[..], &index.to_be_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_keeps_what_lies_below_and_changes_the_rest() {
        let options = WorldOptions { hours: 1, ..WorldOptions::default() };
        let mut builder = EvmBuilder::new(&options, Pace { chain_id: 1, first_number: 100, interval_secs: 12 });
        for index in builder.open_blocks() {
            let data = vec![index as u8].into();
            builder.push(index, vec![Emitted { address: Default::default(), topics: Vec::new(), data }]);
        }
        let chain = builder.finish();
        let branch = chain.branch(10, 3);
        assert_eq!(branch.len(), 10);
        assert_eq!(branch[0].parent, chain.blocks[chain.blocks.len() - 11].hash);
        let last = &chain.blocks[chain.blocks.len() - 10..];
        assert!(branch.iter().zip(last).all(|(new, old)| new.hash != old.hash && new.number == old.number));
        assert!(branch.windows(2).all(|pair| pair[1].parent == pair[0].hash));
        assert!(branch.iter().zip(last).any(|(new, old)| new.logs.len() != old.logs.len()));
        let order: Vec<_> = branch.iter().flat_map(|block| &block.logs).map(|log| log.data.clone()).collect();
        let before: Vec<_> = last.iter().flat_map(|block| &block.logs).map(|log| log.data.clone()).collect();
        assert_eq!(order[..], before[..order.len()]);
    }
}
