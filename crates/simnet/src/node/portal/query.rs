//! The part of the query language that is understood.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::table::{InstructionRow, LogRow, Rows};
use crate::chain::SolanaBlock;

/// A request of the stream.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Query {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) from_block: u64,
    pub(super) to_block: Option<u64>,
    pub(super) parent_block_hash: Option<String>,
    #[serde(default)]
    pub(super) include_all_blocks: bool,
    #[serde(default)]
    fields: BTreeMap<String, BTreeMap<String, bool>>,
    #[serde(default)]
    transactions: Vec<AnyTransaction>,
    #[serde(default)]
    instructions: Vec<Instructions>,
    #[serde(default)]
    logs: Vec<Logs>,
}

/// Every transaction.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AnyTransaction {}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Instructions {
    program_id: Option<Vec<String>>,
    is_committed: Option<bool>,
    #[serde(default)]
    transaction: bool,
    #[serde(default)]
    transaction_instructions: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Logs {
    program_id: Option<Vec<String>>,
    kind: Option<Vec<String>>,
    #[serde(default)]
    transaction: bool,
}

/// Positions of the rows that are told.
#[derive(Debug, Default)]
pub(super) struct Found {
    transactions: BTreeSet<usize>,
    instructions: BTreeSet<usize>,
    logs: BTreeSet<usize>,
}

impl Found {
    pub(super) fn is_empty(&self) -> bool {
        self.transactions.is_empty() && self.instructions.is_empty() && self.logs.is_empty()
    }
}

fn holds(list: Option<&Vec<String>>, value: &str) -> bool {
    list.is_none_or(|list| list.iter().any(|one| one == value))
}

impl Instructions {
    fn takes(&self, row: &InstructionRow) -> bool {
        holds(self.program_id.as_ref(), &row.program) && self.is_committed.is_none_or(|wanted| wanted == row.is_committed)
    }
}

impl Logs {
    fn takes(&self, row: &LogRow) -> bool {
        holds(self.program_id.as_ref(), &row.program) && holds(self.kind.as_ref(), row.kind)
    }
}

impl Query {
    /// The rows that match. With a broken index, those that a filter by program would find are lost.
    pub(super) fn found(&self, rows: &Rows, is_index_broken: bool) -> Found {
        let mut found = Found::default();
        if !self.transactions.is_empty() {
            found.transactions.extend(0..rows.transactions.len());
        }
        for item in self.instructions.iter().filter(|item| !(is_index_broken && item.program_id.is_some())) {
            for (at, row) in rows.instructions.iter().enumerate().filter(|(_, row)| item.takes(row)) {
                found.instructions.insert(at);
                found.transactions.extend(item.transaction.then_some(row.transaction));
                if item.transaction_instructions {
                    let same = rows.instructions.iter().enumerate().filter(|(_, other)| other.transaction == row.transaction);
                    found.instructions.extend(same.map(|(at, _)| at));
                }
            }
        }
        for item in self.logs.iter().filter(|item| !(is_index_broken && item.program_id.is_some())) {
            for (at, row) in rows.logs.iter().enumerate().filter(|(_, row)| item.takes(row)) {
                found.logs.insert(at);
                found.transactions.extend(item.transaction.then_some(row.transaction));
            }
        }
        found
    }

    /// The line of a block: its header, and the rows found, with the fields asked for. Lists without rows are left out.
    pub(super) fn line(&self, block: &SolanaBlock, rows: &Rows, found: &Found) -> Value {
        let header = json!({
            "number": block.slot, "hash": block.blockhash, "parentNumber": block.parent_slot, "parentHash": block.previous_blockhash,
            "timestamp": block.time_secs,
        });
        let mut line = json!({"header": self.picked("block", &header)});
        let transactions: Vec<Value> = found.transactions.iter().map(|at| self.picked("transaction", &rows.transactions[*at])).collect();
        let instructions: Vec<Value> =
            found.instructions.iter().map(|at| self.picked("instruction", &rows.instructions[*at].json)).collect();
        let logs: Vec<Value> = found.logs.iter().map(|at| self.picked("log", &rows.logs[*at].json)).collect();
        for (name, list) in [("transactions", transactions), ("instructions", instructions), ("logs", logs)] {
            if !list.is_empty() {
                line[name] = Value::Array(list);
            }
        }
        line
    }

    fn picked(&self, entity: &str, row: &Value) -> Value {
        let wanted = self.fields.get(entity);
        let is_wanted = |name: &str| wanted.and_then(|wanted| wanted.get(name)).copied().unwrap_or(false);
        let fields = row.as_object().into_iter().flatten().filter(|(name, _)| is_wanted(name));
        Value::Object(fields.map(|(name, value)| (name.clone(), value.clone())).collect())
    }
}
