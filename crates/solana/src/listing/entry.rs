//! One line of a listing.

use alloy_primitives::keccak256;

use crate::client::ListedSignature;

/// Bytes of a signature.
const SIGNATURE_BYTES: usize = 64;

/// A transaction as a listing names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Slot it was processed in.
    pub(crate) slot: u64,
    /// Place in the block, where the node gives it.
    pub(crate) index: Option<u32>,
    /// It failed: nothing it says happened.
    pub(crate) failed: bool,
    signature: [u8; SIGNATURE_BYTES],
}

impl Listed {
    /// Reads a line.
    pub(crate) fn read(line: &ListedSignature) -> Result<Listed, String> {
        let (text, mut signature) = (&line.signature, [0; SIGNATURE_BYTES]);
        match bs58::decode(text).onto(&mut signature) {
            Ok(SIGNATURE_BYTES) => Ok(Listed { slot: line.slot, index: line.transaction_index, failed: line.err.is_some(), signature }),
            Ok(length) => Err(format!("signature {text} has {length} bytes")),
            Err(error) => Err(format!("signature {text}: {error}")),
        }
    }

    /// The signature, base58.
    pub(crate) fn signature(&self) -> String {
        bs58::encode(&self.signature).into_string()
    }

    #[cfg(test)]
    pub(crate) fn test(slot: u64, n: u8) -> Listed {
        Listed { slot, index: None, failed: false, signature: [n; SIGNATURE_BYTES] }
    }
}

/// A 63-bit hash over entries, newest first: signatures and slots.
pub(super) fn digest(entries: &[Listed]) -> i64 {
    let mut bytes = Vec::with_capacity(entries.len() * (SIGNATURE_BYTES + 8));
    for entry in entries {
        bytes.extend_from_slice(&entry.signature);
        bytes.extend_from_slice(&entry.slot.to_be_bytes());
    }
    let mut head = [0; 8];
    head.copy_from_slice(&keccak256(&bytes)[..8]);
    (u64::from_be_bytes(head) >> 1) as i64
}
