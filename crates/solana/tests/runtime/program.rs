//! A program that says what it is told to, for the real Solana runtime, and what it takes to call it.
//!
//! Shared with the workspace of `scripts/test-solana`, which puts it behind a real RPC server.

use perpdex_core::{Carrier, ChainId, Filter, Headers, RawBody, RawRecord, SolanaEvent, StreamId, VenueSlug, Watch};
use sbpf_assembler::{Assembler, AssemblerOption, SbpfArch};
use solana_address::Address;
use solana_instruction::{AccountMeta, Instruction};

/// Drift v2, which prints its events.
pub(crate) const DRIFT: &str = "dRiftyHA39MWEi3m9aunc5MzRF1JYuBsbn6VPcn33UH";
/// Jupiter Perps, which passes its events to itself.
pub(crate) const JUPITER: &str = "PERPHjGBqRHArX4DySjwM6UJHiR3sWAatqfdBS2qQJu";

/// First bytes of an Anchor event that a program passes to itself.
pub(crate) const EVENT_TAG: [u8; 8] = [0xe4, 0x45, 0xa5, 0x2e, 0x51, 0xcb, 0x9a, 0x1d];

/// The program, by the first byte of its instruction data: `[0][payload]` prints the payload as a `Program data:` line,
/// `[1][payload]` calls the program itself with the payload as data, `[2][program id][payload]` calls another program with
/// the payload as data; anything else does nothing. A called program has itself as its only account.
pub(crate) fn program() -> Vec<u8> {
    let assembler = Assembler::new(AssemblerOption::default().with_arch(SbpfArch::V0));
    assembler.assemble(include_str!("program.s")).expect("the program assembles")
}

/// A program's id.
pub(crate) fn id(program: &str) -> Address {
    program.parse().expect("the id is base58 of 32 bytes")
}

/// An instruction that makes a program print a payload.
pub(crate) fn printing(program: &str, payload: &[u8]) -> Instruction {
    Instruction { program_id: id(program), accounts: Vec::new(), data: [&[0], payload].concat() }
}

/// An instruction that makes a program call itself with a payload.
pub(crate) fn passing(program: &str, payload: &[u8]) -> Instruction {
    let own = AccountMeta::new_readonly(id(program), false);
    Instruction { program_id: id(program), accounts: vec![own], data: [&[1], payload].concat() }
}

/// What one program says.
pub(crate) fn filter(program: &str, carrier: Carrier, headers: Headers) -> Filter {
    let id = StreamId { chain: ChainId::SOLANA, venue: VenueSlug::known("drift_v2"), part: String::new(), version: 1 };
    let watch = Watch::Solana { program: program.to_owned(), list_by: program.to_owned(), carrier };
    Filter { streams: vec![(id, watch)], headers }
}

/// The event of a record.
pub(crate) fn event(record: &RawRecord) -> &SolanaEvent {
    match &record.body {
        RawBody::SolanaEvent(event) => event,
        other => panic!("no event of a solana program: {other:?}"),
    }
}
