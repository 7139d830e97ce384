//! The source against a scripted JSON-RPC server on loopback.

mod by_block;
mod failures;
mod fetch;
mod heads;
mod listing;
mod node;
mod recorded;
