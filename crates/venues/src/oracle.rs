//! Readers held against plain libraries, called by tests and by the targets of `fuzz/`.

pub use crate::gmx_v2::oracle::event_log;
pub use crate::hyperliquid::oracle::line;
