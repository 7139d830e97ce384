//! The engine driven from outside, over a chain, endpoints and a store that live in memory. Time is tokio's paused clock.

mod beside;
mod capture;
mod detection;
mod faults;
mod follow;
mod history;
mod reorg;
mod silence;
mod start;
mod support;
