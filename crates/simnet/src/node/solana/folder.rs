//! Recorded blocks: what `getBlock` gave, kept in files.

use std::fs;
use std::io;
use std::path::Path;

use super::render;
use crate::chain::{SolanaBlock, SolanaChain};
use crate::node::json;

/// Writes `blocks-{FROM}-{TO}.jsonl` into `folder`, a file for every `slots_per_file` slots and a line for every block of
/// them: `{"slot": N, "block": …}` with the block as `getBlock` gives it, all transactions included. The last file ends with
/// the chain. Files that exist are replaced, other files left alone.
pub fn write_solana_folder(chain: &SolanaChain, folder: &Path, slots_per_file: u64) -> io::Result<()> {
    let (Some(first), Some(last)) = (chain.blocks.first(), chain.blocks.last()) else { return Ok(()) };
    let mut from = first.slot;
    while from <= last.slot {
        let to = from.saturating_add(slots_per_file.max(1) - 1).min(last.slot);
        let mut out = Vec::new();
        for (height, block) in chain.blocks.iter().enumerate().filter(|(_, block)| (from..=to).contains(&block.slot)) {
            line(&mut out, block, height);
        }
        fs::write(folder.join(format!("blocks-{from}-{to}.jsonl")), out)?;
        from = to + 1;
    }
    Ok(())
}

fn line(out: &mut Vec<u8>, block: &SolanaBlock, block_height: usize) {
    let record = render::Record { is_missing: false, log_bytes_max: usize::MAX };
    json::raw(out, "{\"slot\":");
    json::number(out, block.slot);
    json::field(out, "block");
    render::block_head(out, block, block_height);
    json::field(out, "transactions");
    json::list(out, &block.transactions, |out, transaction| {
        out.push(b'{');
        render::transaction(out, block, transaction, true, &record);
        out.push(b'}');
    });
    json::raw(out, "}}\n");
}
