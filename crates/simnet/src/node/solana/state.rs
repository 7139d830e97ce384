//! A Solana chain as a node sees it: blocks at a commitment, and where the transactions of a program are.

use std::collections::{HashMap, HashSet};

use super::request::{Commitment, SignaturesConfig};
use crate::chain::{SolanaBlock, SolanaTransaction};
use crate::node::NodeError;
use crate::node::ledger::{Ledger, Linked};
use crate::node::rpc::RpcError;

/// The chain as it stands.
pub(super) struct State {
    pub(super) ledger: Ledger<SolanaBlock>,
    index: Index,
}

/// Position of a block in the ledger and of a transaction in the block.
pub(super) type Place = (usize, usize);

/// Where transactions are, hidden ones included.
struct Index {
    by_signature: HashMap<String, Place>,
    /// Ascending.
    by_program: HashMap<String, Vec<Place>>,
}

impl Linked for SolanaBlock {
    type Hash = String;

    fn height(&self) -> u64 {
        self.slot
    }
    fn hash(&self) -> &String {
        &self.blockhash
    }
    fn parent(&self) -> &String {
        &self.previous_blockhash
    }
    fn parent_height(&self) -> Option<u64> {
        Some(self.parent_slot)
    }
}

impl State {
    pub(super) fn new(ledger: Ledger<SolanaBlock>) -> State {
        let index = Index::of(&ledger);
        State { ledger, index }
    }

    pub(super) fn replace_tail(&mut self, blocks: Vec<SolanaBlock>) -> Result<(), NodeError> {
        self.ledger.replace_tail(blocks)?;
        self.index = Index::of(&self.ledger);
        Ok(())
    }

    /// Position of the newest block at a commitment.
    fn position(&self, commitment: Commitment) -> usize {
        match commitment {
            Commitment::Processed | Commitment::Confirmed => self.ledger.head_position(),
            Commitment::Finalized => self.ledger.final_position(),
        }
    }

    pub(super) fn slot(&self, commitment: Commitment) -> u64 {
        self.ledger.all()[self.position(commitment)].slot
    }

    pub(super) fn block(&self, slot: u64, commitment: Commitment) -> Result<(usize, &SolanaBlock), RpcError> {
        let first = self.ledger.first().slot;
        if slot < first {
            let message = format!("Block {slot} cleaned up, does not exist on node. First available block: {first}");
            return Err(RpcError::new(-32_001, message));
        }
        if self.slot(commitment) < slot {
            return Err(RpcError::new(-32_004, format!("Block not available for slot {slot}")));
        }
        let skipped = || RpcError::new(-32_007, format!("Slot {slot} was skipped, or missing due to ledger jump to recent snapshot"));
        self.ledger.get(slot).ok_or_else(skipped)
    }

    pub(super) fn place(&self, signature: &str, commitment: Commitment) -> Option<Place> {
        let place = self.index.by_signature.get(signature)?;
        (place.0 <= self.position(commitment)).then_some(*place)
    }

    /// Places of the address between `until` and `before`, both exclusive, ascending. As Agave: an unknown `before` lists
    /// nothing, an unknown `until` stops nothing.
    pub(super) fn listing(&self, address: &str, config: &SignaturesConfig) -> Result<&[Place], RpcError> {
        let commitment = config.commitment.at_least_confirmed()?;
        let newest = self.position(commitment);
        let places = self.index.by_program.get(address).map_or(&[][..], Vec::as_slice);
        let mut end = places.partition_point(|place| place.0 <= newest);
        if let Some(before) = &config.before {
            check_key::<64>(before)?;
            end = self.place(before, commitment).map_or(0, |before| places.partition_point(|place| *place < before));
        }
        let mut start = 0;
        if let Some(until) = &config.until {
            check_key::<64>(until)?;
            start = self.place(until, commitment).map_or(0, |until| places.partition_point(|place| *place <= until));
        }
        Ok(&places[start.min(end)..end])
    }
}

impl Index {
    fn of(ledger: &Ledger<SolanaBlock>) -> Index {
        let mut index = Index { by_signature: HashMap::new(), by_program: HashMap::new() };
        for (block_position, block) in ledger.all().iter().enumerate() {
            for (position, transaction) in block.transactions.iter().enumerate() {
                let place = (block_position, position);
                index.by_signature.insert(transaction.signature.clone(), place);
                for program in programs(transaction) {
                    match index.by_program.get_mut(program) {
                        Some(places) => places.push(place),
                        None => drop(index.by_program.insert(program.to_owned(), vec![place])),
                    }
                }
            }
        }
        index
    }
}

fn programs(transaction: &SolanaTransaction) -> HashSet<&str> {
    let top = transaction.instructions.iter().map(|top| &top.program);
    let inner = transaction.instructions.iter().flat_map(|top| &top.inner).map(|inner| &inner.program);
    let inner = inner.chain(&transaction.accounts);
    top.chain(inner).map(String::as_str).collect()
}

/// Whether the text is base58 of so many bytes.
pub(super) fn check_key<const BYTES: usize>(text: &str) -> Result<(), RpcError> {
    let mut buffer = [0; 64];
    match bs58::decode(text).onto(&mut buffer) {
        Ok(length) if length == BYTES => Ok(()),
        Ok(_) => Err(RpcError::invalid_params("Invalid param: WrongSize")),
        Err(_) => Err(RpcError::invalid_params("Invalid param: Invalid")),
    }
}
