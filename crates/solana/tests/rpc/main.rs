//! The source against a scripted JSON-RPC server on loopback.

mod failures;
mod fetch;
mod heads;
mod listing;
mod node;
