//! Turns what traders do into the records that real contracts, programs and nodes write.
//!
//! Promises: layouts come from the ABI and layout files of `abi/` and are walked at run time; a value that its declared
//! type cannot hold is a panic here, not a wrong byte later.
//! Does not: read records, or share code with anything that does.

pub mod abi;
pub mod anchor;
pub mod borsh;
pub mod gmx;
pub mod hyperliquid;
pub mod phoenix;
