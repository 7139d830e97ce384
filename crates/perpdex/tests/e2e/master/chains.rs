//! The chains of a world, how they are served, and what goes wrong with them.

use perpdex_simnet::chain::{EvmBlock, EvmChain, HyperCore, SolanaBlock, SolanaChain};
use perpdex_simnet::node::{EvmNode, SolanaNode, write_hyperliquid_folder};
use perpdex_simnet::world::World;
use tempfile::TempDir;

use super::dice::Dice;
use crate::support::folder;

/// Blocks below the tip that are not final while faults and reorgs last.
const UNFINAL: usize = 40;
/// The same on Solana, whose branches part in the middle of it.
pub(super) const SOLANA_UNFINAL: usize = 80;

/// A simulated chain under its name on the command line.
pub(super) struct Chain {
    pub(super) name: &'static str,
    world: Kind,
}

/// What of the world it is.
enum Kind {
    Evm(EvmChain),
    /// As it stays in the end, and a version with another tail.
    Solana(SolanaChain, SolanaChain),
    Hyperliquid(HyperCore),
}

/// A chain that can be read.
pub(super) enum Served {
    Evm(EvmNode),
    Solana(SolanaNode),
    Hyperliquid(TempDir),
}

impl Chain {
    /// All chains of a world; the forked world shares all but the last blocks of Solana with it.
    pub(super) fn all(world: World, forked: World) -> Vec<Chain> {
        let evm = [("bnb", world.bnb), ("arbitrum", world.arbitrum), ("ethereum", world.ethereum)];
        let mut chains: Vec<Chain> = evm.into_iter().map(|(name, chain)| Chain { name, world: Kind::Evm(chain) }).collect();
        chains.push(Chain { name: "solana", world: Kind::Solana(world.solana, forked.solana) });
        chains.push(Chain { name: "hyperliquid", world: Kind::Hyperliquid(world.hyperliquid) });
        chains
    }

    /// First and last height.
    pub(super) fn ends(&self) -> (u64, u64) {
        let heights: Vec<u64> = match &self.world {
            Kind::Evm(chain) => chain.blocks.iter().map(|block| block.number).collect(),
            Kind::Solana(chain, _) => chain.blocks.iter().map(|block| block.slot).collect(),
            Kind::Hyperliquid(core) => core.blocks.iter().map(|block| block.number).collect(),
        };
        (heights[0], heights[heights.len() - 1])
    }

    /// As it stays in the end, the last blocks not final.
    pub(super) fn serve(&self) -> Served {
        match &self.world {
            Kind::Evm(chain) => Served::Evm(serve_evm(chain.clone())),
            Kind::Solana(chain, _) => Served::Solana(serve_solana(chain.clone(), chain)),
            Kind::Hyperliquid(core) => Served::Hyperliquid(write(core, folder())),
        }
    }

    /// As it is at first: another branch, or files that are not written to their end.
    pub(super) fn serve_spoilt(&self, dice: &mut Dice) -> Served {
        match &self.world {
            Kind::Evm(chain) => {
                let kept = chain.blocks.len() - UNFINAL / 2;
                let mut blocks = chain.blocks[..kept].to_vec();
                blocks.extend(chain.branch(UNFINAL / 2, dice.next()));
                Served::Evm(serve_evm(EvmChain { blocks, ..chain.clone() }))
            }
            Kind::Solana(chain, forked) => Served::Solana(serve_solana(forked.clone(), chain)),
            Kind::Hyperliquid(core) => {
                let mut part = core.clone();
                part.blocks.truncate(core.blocks.len() / 2);
                Served::Hyperliquid(write(&part, folder()))
            }
        }
    }

    /// New faults and, perhaps, another branch.
    pub(super) fn disturb(&self, served: &Served, dice: &mut Dice) {
        match (&self.world, served) {
            (Kind::Evm(chain), Served::Evm(node)) => {
                node.set_faults(faults(EVM_FAULTS, dice).parse().expect("faults")).expect("the node takes them");
                match dice.below(3) {
                    // Back to the chain that stays, or to yet another branch of it.
                    0 => node.reorg(tail(chain)).expect("the tail follows"),
                    1 => node.reorg(chain.branch(UNFINAL / 2, dice.next())).expect("the branch follows"),
                    _ => {}
                }
            }
            (Kind::Solana(chain, forked), Served::Solana(node)) => {
                node.set_faults(faults(SOLANA_FAULTS, dice).parse().expect("faults")).expect("the node takes them");
                match dice.below(3) {
                    0 => node.fork(fork(forked, chain)).expect("the tail follows"),
                    1 => node.fork(fork(chain, forked)).expect("the branch follows"),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// The end of all faults; the chain as it stays.
    pub(super) fn settle(&self, served: Served) -> Served {
        match (&self.world, served) {
            (Kind::Evm(chain), Served::Evm(node)) => {
                node.set_faults(Default::default()).expect("no faults");
                node.reorg(tail(chain)).expect("the tail follows");
                Served::Evm(node)
            }
            (Kind::Solana(chain, forked), Served::Solana(node)) => {
                node.set_faults(Default::default()).expect("no faults");
                node.fork(fork(forked, chain)).expect("the tail follows");
                Served::Solana(node)
            }
            (Kind::Hyperliquid(core), Served::Hyperliquid(folder)) => Served::Hyperliquid(write(core, folder)),
            _ => unreachable!("a chain is served as what it is"),
        }
    }
}

impl Served {
    pub(super) fn place(&self) -> String {
        match self {
            Served::Evm(node) => node.url(),
            Served::Solana(node) => node.url(),
            Served::Hyperliquid(folder) => folder.path().display().to_string(),
        }
    }

    pub(super) fn requests(&self) -> u64 {
        match self {
            Served::Evm(node) => node.requests(),
            // A transaction is a request there.
            Served::Solana(node) => node.requests() / 10,
            Served::Hyperliquid(_) => 0,
        }
    }
}

/// The last blocks as they stay in the end.
fn tail(chain: &EvmChain) -> Vec<EvmBlock> {
    chain.blocks[chain.blocks.len() - UNFINAL / 2..].to_vec()
}

/// The blocks of `to` that `from` does not have.
fn fork(from: &SolanaChain, to: &SolanaChain) -> Vec<SolanaBlock> {
    to.blocks[shared(from, to)..].to_vec()
}

fn shared(one: &SolanaChain, other: &SolanaChain) -> usize {
    one.blocks.iter().zip(&other.blocks).take_while(|(a, b)| a.blockhash == b.blockhash).count()
}

fn serve_evm(chain: EvmChain) -> EvmNode {
    let finalized = chain.blocks[chain.blocks.len() - UNFINAL].number;
    let node = EvmNode::serve(chain).expect("the node starts");
    node.set_finalized(finalized).expect("the height is on the chain");
    node
}

/// Final is what lies well below the place where the branches part.
fn serve_solana(chain: SolanaChain, whole: &SolanaChain) -> SolanaNode {
    let finalized = whole.blocks[whole.blocks.len() - SOLANA_UNFINAL].slot;
    let node = SolanaNode::serve(chain).expect("the node starts");
    node.set_finalized(finalized).expect("the slot is on the chain");
    node
}

fn write(core: &HyperCore, folder: TempDir) -> TempDir {
    write_hyperliquid_folder(core, folder.path(), false).expect("the files can be written");
    folder
}

const EVM_FAULTS: &[&str] = &[
    "on eth_getLogs {n}-{m} status=429 retry_after_secs=0",
    "on eth_getLogs {n}-{m} error=-32005 message=query returned more than 10000 results",
    "on eth_getLogs {n}-{m} error=-32602 message=query exceeds max block range 50",
    "on * {n} cut_bytes=120",
    "on * {n}-{m} status=503",
    "on eth_getBlockByNumber {n}-{m} null",
    "on eth_getLogs {n} delay_ms=30",
];

const SOLANA_FAULTS: &[&str] = &[
    "on getTransaction {n}-{m} status=429 retry_after_secs=0",
    "on getTransaction {n}-{m} null",
    "on getSignaturesForAddress {n} status=503",
    "on * {n} cut_bytes=100",
    "on getTransaction {n} delay_ms=30",
];

/// Faults by chance, all of which end.
fn faults(texts: &[&str], dice: &mut Dice) -> String {
    let mut lines = Vec::new();
    for _ in 0..dice.below(4) {
        let first = 1 + dice.below(60);
        let text = texts[dice.below(texts.len() as u64) as usize];
        lines.push(text.replace("{n}", &first.to_string()).replace("{m}", &(first + dice.below(4)).to_string()));
    }
    lines.join("\n")
}
