//! Small chains, written by hand.

use alloy::primitives::{Address, B256, Bytes, keccak256};
use perpdex_simnet::chain::{EvmBlock, EvmChain, EvmLog, SolanaBlock, SolanaChain, SolanaInner, SolanaInstruction, SolanaTransaction};

/// Number of the first EVM block and slot of the first Solana block.
pub(crate) const FIRST: u64 = 1_000;
/// Number of the last EVM block.
pub(crate) const LAST: u64 = 1_009;

/// An address of one repeated byte.
pub(crate) fn address(byte: u8) -> Address {
    Address::repeat_byte(byte)
}

/// A topic of one repeated byte.
pub(crate) fn topic(byte: u8) -> B256 {
    B256::repeat_byte(byte)
}

fn log(emitter: u8, topics: &[u8], data: &'static [u8], tx: u8, tx_index: u64) -> EvmLog {
    let topics = topics.iter().map(|byte| topic(*byte)).collect();
    EvmLog { address: address(emitter), topics, data: Bytes::from_static(data), tx_hash: B256::repeat_byte(tx), tx_index }
}

/// A block's hash on a branch.
pub(crate) fn hash(number: u64, branch: u8) -> B256 {
    keccak256([&number.to_be_bytes()[..], &[branch]].concat())
}

fn block(number: u64, branch: u8, parent: B256, logs: Vec<EvmLog>) -> EvmBlock {
    EvmBlock { number, hash: hash(number, branch), parent, timestamp_secs: 1_790_000_000 + 2 * (number - FIRST), logs }
}

/// Ten blocks; 1002 has three logs of two transactions, 1005 one, 1008 one without topics and data.
pub(crate) fn evm_chain() -> EvmChain {
    let logs = |number| match number {
        1_002 => vec![
            log(0xaa, &[0x01, 0x02], b"\x00\x01\xfe\xff", 0x51, 3),
            log(0xbb, &[0x01, 0x03, 0x04, 0x05], b"", 0x51, 3),
            log(0xaa, &[0x06], b"\x07", 0x52, 7),
        ],
        1_005 => vec![log(0xbb, &[0x01, 0x02], b"\x08", 0x53, 0)],
        1_008 => vec![log(0xcc, &[], b"", 0x54, 0)],
        _ => vec![],
    };
    let blocks = (FIRST..=LAST).map(|number| block(number, 0, hash(number - 1, 0), logs(number))).collect();
    EvmChain { chain_id: 42_161, blocks, views: Default::default() }
}

/// Another end of the chain from 1008 on, one block longer; its log stands in 1009.
pub(crate) fn evm_branch() -> Vec<EvmBlock> {
    vec![
        block(1_008, 1, hash(1_007, 0), vec![]),
        block(1_009, 1, hash(1_008, 1), vec![log(0xdd, &[0x09], b"\x0a", 0x55, 1)]),
        block(1_010, 1, hash(1_009, 1), vec![]),
    ]
}

/// The program whose events the Solana chain carries.
pub(crate) const VENUE: &str = "EtrnLzgbS7nMMy5fbD42kXiUzGg8XQzJ972Xtk1cjWih";
/// A program that calls the venue.
pub(crate) const ROUTER: &str = "JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4";

/// The n-th signature, counted from 0.
pub(crate) fn signature(n: u64) -> String {
    let half = keccak256(n.to_be_bytes());
    base58(&[half.as_slice(), half.as_slice()].concat())
}

/// Hash of a Solana block.
pub(crate) fn blockhash(slot: u64) -> String {
    base58(keccak256(slot.to_le_bytes()).as_slice())
}

fn base58(bytes: &[u8]) -> String {
    bs58::encode(bytes).into_string()
}

fn inner(program: &str, data: &[u8], stack_height: u32) -> SolanaInner {
    SolanaInner { program: program.to_owned(), data: data.to_vec(), stack_height }
}

/// A transaction of the venue alone, or of the router that calls the venue.
fn transaction(n: u64, version: Option<u8>, failed: bool, routed: bool) -> SolanaTransaction {
    let byte = u8::try_from(n % 251).unwrap();
    let instruction = if routed {
        let calls = vec![inner(VENUE, &[byte, 2], 2), inner(VENUE, &[0, 0, byte, 3], 3)];
        SolanaInstruction { program: ROUTER.to_owned(), data: vec![1], inner: calls }
    } else {
        SolanaInstruction { program: VENUE.to_owned(), data: vec![0, 1, byte], inner: vec![inner(VENUE, &[byte, 1], 2)] }
    };
    let logs = vec![format!("Program {VENUE} invoke [1]"), "Program log: \"quoted\"\nsecond line".to_owned()];
    SolanaTransaction { signature: signature(n), version, failed, instructions: vec![instruction], accounts: Vec::new(), logs }
}

/// Slots 1000 to 1099 without every tenth (1003, 1013, …). A slot holds two transactions of the venue; the n-th
/// transaction fails where n is a multiple of 7, is routed where it is a multiple of 5, and has version legacy, 0, 1 in
/// turn.
pub(crate) fn solana_chain() -> SolanaChain {
    let slots: Vec<u64> = (FIRST..FIRST + 100).filter(|slot| slot % 10 != 3).collect();
    let mut blocks: Vec<SolanaBlock> = Vec::new();
    for (position, slot) in slots.iter().enumerate() {
        let first = 2 * u64::try_from(position).unwrap();
        let parent_slot = blocks.last().map_or(FIRST - 1, |block| block.slot);
        let transactions = [first, first + 1].map(|n| {
            let version = [None, Some(0), Some(1)][usize::try_from(n % 3).unwrap()];
            transaction(n, version, n % 7 == 0, n % 5 == 0)
        });
        blocks.push(SolanaBlock {
            slot: *slot,
            parent_slot,
            blockhash: blockhash(*slot),
            previous_blockhash: blockhash(parent_slot),
            time_secs: 1_790_000_000 + i64::try_from(slot - FIRST).unwrap(),
            transactions: transactions.to_vec(),
        });
    }
    SolanaChain { blocks }
}
