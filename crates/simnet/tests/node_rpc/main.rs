//! The local nodes, asked over their sockets: by alloy and with Agave's own types where those say what an answer is, by
//! plain HTTP where bytes and statuses matter.

mod client;
mod evm;
mod evm_call;
mod evm_logs;
mod faults;
mod fixture;
mod protocol;
mod solana;
mod solana_history;
mod world;
