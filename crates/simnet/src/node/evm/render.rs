//! Blocks, logs and receipts as JSON.

use alloy_primitives::{B256, Bloom, b256};

use crate::chain::{EvmBlock, EvmLog};
use crate::node::json;

/// Gas limit of every block.
const GAS_LIMIT: u64 = 30_000_000;
/// Gas a transaction is said to have used.
const TX_GAS: u64 = 100_000;
/// Base fee of every block, wei.
const BASE_FEE_WEI: u64 = 10_000_000;
/// Hash of an empty list of uncles.
const NO_UNCLES: B256 = b256!("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347");
/// Root of an empty trie; stands for all roots, which nothing here computes.
const EMPTY_ROOT: B256 = b256!("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");

/// A run of logs of one transaction: its hash, its index and the positions of its logs in the block.
struct Transaction<'a> {
    hash: &'a B256,
    index: u64,
    logs: std::ops::Range<usize>,
}

/// Bloom of logs: of their addresses and topics.
pub(super) fn bloom<'a>(logs: impl IntoIterator<Item = &'a EvmLog>) -> Bloom {
    let mut bloom = Bloom::ZERO;
    for log in logs {
        bloom.accrue_raw_log(log.address, &log.topics);
    }
    bloom
}

/// The block with its transactions' hashes.
pub(super) fn block(out: &mut Vec<u8>, block: &EvmBlock, bloom: &Bloom) {
    let transactions = transactions(block);
    json::raw(out, "{\"number\":");
    json::quantity(out, block.number);
    json::hash_field(out, "hash", &block.hash);
    json::hash_field(out, "parentHash", &block.parent);
    json::quantity_field(out, "timestamp", block.timestamp_secs);
    json::field(out, "logsBloom");
    json::hex(out, bloom.as_slice());
    json::hash_field(out, "sha3Uncles", &NO_UNCLES);
    for root in ["transactionsRoot", "stateRoot", "receiptsRoot"] {
        json::hash_field(out, root, &EMPTY_ROOT);
    }
    json::hash_field(out, "mixHash", &B256::ZERO);
    json::field(out, "miner");
    json::hex(out, &[0; 20]);
    json::raw(out, ",\"difficulty\":\"0x0\",\"extraData\":\"0x\",\"nonce\":\"0x0000000000000000\"");
    json::quantity_field(out, "gasLimit", GAS_LIMIT);
    let gas = TX_GAS * u64::try_from(transactions.len()).expect("a length fits 64 bits");
    json::quantity_field(out, "gasUsed", gas);
    json::quantity_field(out, "baseFeePerGas", BASE_FEE_WEI);
    json::raw(out, ",\"size\":\"0x220\",\"uncles\":[],\"transactions\":");
    json::list(out, transactions, |out, transaction| json::hex(out, transaction.hash.as_slice()));
    out.push(b'}');
}

/// One log, with a time where the node adds one (unix seconds). `malformed` spoils its data.
pub(super) fn log(out: &mut Vec<u8>, block: &EvmBlock, index: usize, time_secs: Option<u64>, malformed: bool) {
    let log = &block.logs[index];
    json::raw(out, "{\"address\":");
    json::hex(out, log.address.as_slice());
    json::field(out, "topics");
    json::list(out, &log.topics, |out, topic| json::hex(out, topic.as_slice()));
    json::field(out, "data");
    if malformed {
        json::raw(out, "\"0xzz\"")
    } else {
        json::hex(out, &log.data)
    }
    json::hash_field(out, "blockHash", &block.hash);
    json::quantity_field(out, "blockNumber", block.number);
    if let Some(time_secs) = time_secs {
        json::quantity_field(out, "blockTimestamp", time_secs);
    }
    json::hash_field(out, "transactionHash", &log.tx_hash);
    json::quantity_field(out, "transactionIndex", log.tx_index);
    json::quantity_field(out, "logIndex", u64::try_from(index).expect("an index fits 64 bits"));
    json::raw(out, ",\"removed\":false}");
}

/// Receipts of all transactions of a block.
pub(super) fn receipts(out: &mut Vec<u8>, block: &EvmBlock, timestamp: bool) {
    let mut gas = 0;
    json::list(out, transactions(block), |out, transaction| {
        gas += TX_GAS;
        receipt(out, block, &transaction, gas, timestamp);
    });
}

fn receipt(out: &mut Vec<u8>, block: &EvmBlock, transaction: &Transaction<'_>, cumulative_gas: u64, timestamp: bool) {
    json::raw(out, "{\"type\":\"0x2\",\"status\":\"0x1\",\"contractAddress\":null");
    json::hash_field(out, "transactionHash", transaction.hash);
    json::quantity_field(out, "transactionIndex", transaction.index);
    json::hash_field(out, "blockHash", &block.hash);
    json::quantity_field(out, "blockNumber", block.number);
    // Nobody signed: the sender stands for any account, the receiver is the contract that spoke first.
    json::field(out, "from");
    json::hex(out, &transaction.hash[12..]);
    json::field(out, "to");
    json::hex(out, block.logs[transaction.logs.start].address.as_slice());
    json::quantity_field(out, "gasUsed", TX_GAS);
    json::quantity_field(out, "cumulativeGasUsed", cumulative_gas);
    json::quantity_field(out, "effectiveGasPrice", BASE_FEE_WEI);
    json::field(out, "logsBloom");
    json::hex(out, bloom(&block.logs[transaction.logs.clone()]).as_slice());
    json::field(out, "logs");
    json::list(out, transaction.logs.clone(), |out, index| log(out, block, index, timestamp.then_some(block.timestamp_secs), false));
    out.push(b'}');
}

/// The transactions that emitted logs, in order; logs of one transaction stand together.
fn transactions(block: &EvmBlock) -> Vec<Transaction<'_>> {
    let mut start = 0;
    let runs = block.logs.chunk_by(|a, b| a.tx_hash == b.tx_hash);
    runs.map(|run| {
        let logs = start..start + run.len();
        start = logs.end;
        Transaction { hash: &run[0].tx_hash, index: run[0].tx_index, logs }
    })
    .collect()
}
