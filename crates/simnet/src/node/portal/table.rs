//! A block as an archive keeps it: a row an instruction, with its place in the tree of calls, and a row a printed line.

use serde_json::{Value, json};

use crate::chain::{SolanaBlock, SolanaTransaction};
use crate::node::base58;
use crate::node::solana::kept_log;

/// All rows of a block.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) transactions: Vec<Value>,
    pub(super) instructions: Vec<InstructionRow>,
    pub(super) logs: Vec<LogRow>,
}

/// An instruction.
#[derive(Debug)]
pub(super) struct InstructionRow {
    pub(super) transaction: usize,
    pub(super) program: String,
    pub(super) is_committed: bool,
    pub(super) json: Value,
}

/// A line that a program printed.
#[derive(Debug)]
pub(super) struct LogRow {
    pub(super) transaction: usize,
    pub(super) program: String,
    pub(super) kind: &'static str,
    pub(super) json: Value,
}

/// The rows of a block whose transactions kept so many bytes of log.
pub(super) fn rows(block: &SolanaBlock, log_bytes_max: usize) -> Rows {
    let mut rows = Rows::default();
    for (index, transaction) in block.transactions.iter().enumerate() {
        let is_cut = rows.add_logs(index, transaction, log_bytes_max);
        rows.add_instructions(index, transaction, is_cut);
        let error = if transaction.failed { json!({"InstructionError": [0, {"Custom": 1}]}) } else { Value::Null };
        rows.transactions.push(json!({
            "transactionIndex": index, "signatures": [transaction.signature], "err": error, "hasDroppedLogMessages": is_cut,
        }));
    }
    rows
}

impl Rows {
    fn add_instructions(&mut self, index: usize, transaction: &SolanaTransaction, is_cut: bool) {
        for (top, instruction) in transaction.instructions.iter().enumerate() {
            let mut address = vec![top];
            self.add(index, transaction, &address, &instruction.program, &instruction.data, is_cut);
            for inner in &instruction.inner {
                let depth = inner.stack_height as usize;
                address.truncate(depth);
                match address.len() == depth {
                    true => address[depth - 1] += 1,
                    false => address.push(0),
                }
                self.add(index, transaction, &address, &inner.program, &inner.data, is_cut);
            }
        }
    }

    fn add(&mut self, index: usize, transaction: &SolanaTransaction, address: &[usize], program: &str, data: &[u8], is_cut: bool) {
        let is_committed = !transaction.failed;
        let json = json!({
            "transactionIndex": index, "instructionAddress": address, "programId": program, "data": base58::text(data),
            "isCommitted": is_committed, "hasDroppedLogMessages": is_cut,
        });
        self.instructions.push(InstructionRow { transaction: index, program: program.to_owned(), is_committed, json });
    }

    /// Adds what programs printed up to the mark of truncation; whether there is one.
    fn add_logs(&mut self, index: usize, transaction: &SolanaTransaction, log_bytes_max: usize) -> bool {
        let mut running: Vec<&str> = Vec::new();
        for (number, line) in kept_log(&transaction.logs, log_bytes_max).into_iter().enumerate() {
            if line == "Log truncated" {
                return true;
            }
            let (kind, message) = match line.strip_prefix("Program ").and_then(|said| said.split_once(' ')) {
                Some(("data:", text)) => ("data", text),
                Some(("log:", text)) => ("log", text),
                Some((program, what)) if what.starts_with("invoke [") => {
                    running.push(program);
                    continue;
                }
                Some((_, what)) if what == "success" || what.starts_with("failed") => {
                    running.pop();
                    continue;
                }
                _ => ("other", line),
            };
            let Some(program) = running.last() else { continue };
            let json = json!({"transactionIndex": index, "logIndex": number, "programId": program, "kind": kind, "message": message});
            self.logs.push(LogRow { transaction: index, program: (*program).to_owned(), kind, json });
        }
        false
    }
}
