//! End to end: the built binary over files, loopback sockets and real databases.

mod aster_pro;
mod bad_input;
mod demo;
mod faults;
mod golden_orders;
mod hints_anvil;
mod hyperliquid_api;
mod hyperliquid_bucket;
mod hyperliquid_day;
mod hyperliquid_files;
mod hyperliquid_samples;
mod master;
mod memory;
mod proof;
mod questions;
mod receipts_real;
mod redecode;
mod reorg_anvil;
mod reorg_simnet;
mod replay_real;
mod solana;
mod solana_inputs;
mod support;
mod table;
mod targets;
mod verify;
