//! A deterministic five-chain world with ground truth, served by local nodes over loopback sockets.
//!
//! Promises: the same seed gives the same bytes; truth is computed from traders' positions, never by decoding; records
//! are encoded from the JSON ABIs and layout files by a dynamic encoder that shares no code with any decoder.
//! Does not: know `venues` or `reducer` (a test reads the dependency graph), or serve anything beyond loopback.

pub mod chain;
pub mod day;
pub mod encode;
pub mod exchange;
pub mod node;
mod num;
mod options;
mod rng;
pub mod truth;
pub mod world;
