//! A small world for the engine: a chain, endpoints with faults, a store, decoders.

mod endpoint;
mod holes;
mod setup;
mod store;
mod venue;
mod world;

pub(crate) use endpoint::{Fault, When};
pub(crate) use holes::{Blocks, HoleEndpoint, random};
pub(crate) use setup::{Setup, first_error, range};
pub(crate) use store::MemoryStore;
pub(crate) use venue::{STREAM_A, STREAM_B, VENUES, stream};
pub(crate) use world::{CHAIN, hash};
