//! The Solana chain: slots at a steady pace, some of them skipped.

use alloy_primitives::keccak256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::chain::{SolanaBlock, SolanaChain, SolanaInner, SolanaInstruction, SolanaTransaction};
use crate::encode::anchor::Layout;
use crate::options::WorldOptions;
use crate::rng::Rng;

/// First slot of the chain: the lower bound from which the venues' histories count, so that levels start at zero.
const FIRST_SLOT: u64 = 179_526_403;
/// Seconds between slots.
pub(super) const SLOT_SECS: i64 = 2;
/// Slots that nobody filled, in percent.
const SKIPPED_PERCENT: u64 = 5;

/// The chain in the making.
#[derive(Debug)]
pub(super) struct SvmBuilder {
    seed: u64,
    branch: (usize, u64),
    start_secs: i64,
    /// Transactions by slot; `None` where the slot was skipped.
    slots: Vec<Option<Vec<SolanaTransaction>>>,
}

impl SvmBuilder {
    /// A chain whose first block stands at the world's beginning and whose last one at its end.
    pub(super) fn new(options: &WorldOptions) -> SvmBuilder {
        let start_secs = options.start_ms / 1_000;
        let count = usize::try_from(i64::from(options.hours) * 3_600 / SLOT_SECS + 1).expect("the chain fits in memory");
        let mut rng = Rng::new(options.seed, 7, options.fork);
        let slots = (0..count).map(|index| {
            rng.at((start_secs + index as i64 * SLOT_SECS) * 1_000);
            let skipped = rng.percent(SKIPPED_PERCENT) && index > 0 && index + 1 < count;
            (!skipped).then(Vec::new)
        });
        let slots = slots.collect();
        let branch = options.fork.map_or((usize::MAX, 0), |fork| {
            let index = (fork.at_ms / 1_000 - start_secs + SLOT_SECS - 1) / SLOT_SECS;
            (usize::try_from(index).unwrap_or(0), fork.seed)
        });
        SvmBuilder { seed: options.seed, branch, start_secs, slots }
    }

    /// Indexes of the slots in which something may happen: produced ones whose time is not a whole hour.
    pub(super) fn open_slots(&self) -> Vec<usize> {
        (0..self.slots.len()).filter(|index| self.slots[*index].is_some() && self.time_secs(*index) % 3_600 != 0).collect()
    }

    /// Time of a slot, unix seconds.
    pub(super) fn time_secs(&self, index: usize) -> i64 {
        self.start_secs + index as i64 * SLOT_SECS
    }

    /// Number of a slot.
    pub(super) fn slot(&self, index: usize) -> u64 {
        FIRST_SLOT + index as u64
    }

    /// Adds a transaction that prints nothing; its signature follows from its place.
    pub(super) fn push(&mut self, index: usize, instructions: Vec<SolanaInstruction>, version: Option<u8>, failed: bool) {
        let logs = instructions.iter().flat_map(|top| lines(top, &[], failed)).collect();
        self.add(index, Sent { instructions, accounts: Vec::new(), logs }, version, failed);
    }

    /// Adds a transaction in which an Anchor program tells its events, called directly or by another program that prints a
    /// payload of its own.
    pub(super) fn push_events(&mut self, index: usize, layout: &Layout, payloads: Vec<Vec<u8>>, rng: &mut Rng, failed: bool) {
        let program = layout.program.clone();
        let data = rng.next().to_le_bytes().to_vec();
        let version = *rng.pick(&[None, Some(0), Some(1)]);
        let (mut inner, mut printed) = (Vec::new(), Vec::new());
        for payload in payloads {
            if layout.is_cpi {
                inner.push(SolanaInner { program: program.clone(), data: payload, stack_height: 2 });
                continue;
            }
            let text = STANDARD.encode(&payload);
            if rng.percent(5) {
                printed.push(format!("Program {STRANGER} invoke [2]"));
                printed.push(format!("Program data: {text}"));
                printed.push(format!("Program {STRANGER} success"));
            }
            printed.push(format!("Program {}: {text}", if rng.percent(50) { "data" } else { "log" }));
        }
        let top = SolanaInstruction { program, data, inner };
        let logs = lines(&top, &printed, failed);
        let accounts = layout.event_authority.iter().cloned().collect();
        self.add(index, Sent { instructions: vec![top], accounts, logs }, version, failed);
    }

    fn add(&mut self, index: usize, sent: Sent, version: Option<u8>, failed: bool) {
        let (slot, branch) = (self.slot(index), self.branch_of(index));
        let transactions = self.slots[index].as_mut().expect("nothing happens in a skipped slot");
        let place = transactions.len() as u64;
        let half = |n: u64| keccak256([self.seed, slot, place, branch, n].map(u64::to_be_bytes).concat());
        let signature = bs58::encode([half(0), half(1)].concat()).into_string();
        let Sent { instructions, accounts, logs } = sent;
        transactions.push(SolanaTransaction { signature, version, failed, instructions, accounts, logs });
    }

    /// The finished chain.
    pub(super) fn finish(mut self) -> SolanaChain {
        let hash = |builder: &SvmBuilder, index: usize| {
            let words = [builder.seed, builder.slot(index), builder.branch_of(index), 77].map(u64::to_be_bytes).concat();
            bs58::encode(keccak256(words)).into_string()
        };
        let mut blocks: Vec<SolanaBlock> = Vec::with_capacity(self.slots.len());
        for index in 0..self.slots.len() {
            let Some(transactions) = self.slots[index].take() else { continue };
            let (slot, blockhash) = (self.slot(index), hash(&self, index));
            let (parent_slot, previous_blockhash) = match blocks.last() {
                Some(parent) => (parent.slot, parent.blockhash.clone()),
                None => (slot - 1, bs58::encode(keccak256(b"before")).into_string()),
            };
            let time_secs = self.time_secs(index);
            blocks.push(SolanaBlock { slot, parent_slot, blockhash, previous_blockhash, time_secs, transactions });
        }
        SolanaChain { blocks }
    }

    fn branch_of(&self, index: usize) -> u64 {
        let (from, seed) = self.branch;
        if index >= from { seed } else { 0 }
    }
}

/// A program that prints what another one could have.
const STRANGER: &str = "SV2EYYJyRz2YhfXwXnhNAevDEui5Q6yrfyo13WtupPF";

/// What a transaction sends and prints.
struct Sent {
    instructions: Vec<SolanaInstruction>,
    accounts: Vec<String>,
    logs: Vec<String>,
}

/// The log lines of a top-level instruction, what it printed and what it called.
fn lines(top: &SolanaInstruction, printed: &[String], failed: bool) -> Vec<String> {
    let mut lines = vec![format!("Program {} invoke [1]", top.program)];
    lines.extend_from_slice(printed);
    for inner in &top.inner {
        lines.push(format!("Program {} invoke [{}]", inner.program, inner.stack_height));
        lines.push(format!("Program {} success", inner.program));
    }
    let end = if failed { "failed: custom program error: 0x1" } else { "success" };
    lines.push(format!("Program {} {end}", top.program));
    lines
}
