//! What tests of the command line share: the program in a folder of its own, and loopback endpoints.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use alloy_primitives::{B256, keccak256};
use perpdex_simnet::chain::{EvmBlock, EvmChain};

/// The program in a folder, without any setting of the caller's environment.
pub(crate) fn perpdex(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perpdex"));
    let ours = std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("PERPDEX_"));
    ours.for_each(|name| {
        command.env_remove(name);
    });
    command.current_dir(folder);
    command
}

/// Exit code, or -1 where a signal ended the program.
pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

/// A loopback URL on which nothing listens.
pub(crate) fn closed_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    format!("http://127.0.0.1:{port}")
}

/// A chain of linked blocks without logs, one every three seconds.
pub(crate) fn quiet_chain(chain_id: u64, first: u64, blocks: u64) -> EvmChain {
    let hash = |number: u64| keccak256([chain_id.to_be_bytes(), number.to_be_bytes()].concat());
    let block = |number: u64| EvmBlock {
        number,
        hash: hash(number),
        parent: if number == 0 { B256::ZERO } else { hash(number - 1) },
        timestamp_secs: 1_780_000_000 + (number - first) * 3,
        logs: Vec::new(),
    };
    EvmChain { chain_id, blocks: (first..first + blocks).map(block).collect(), views: Default::default() }
}
