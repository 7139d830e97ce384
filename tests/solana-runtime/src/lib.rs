//! A program that says what it is told to, for the real Solana runtime, and what it takes to call it.

use perpdex_core::{Carrier, ChainId, Filter, Headers, RawBody, RawRecord, SolanaEvent, StreamId, VenueSlug, Watch};
use sbpf_assembler::{Assembler, AssemblerOption, SbpfArch};
use solana_address::Address;
use solana_instruction::{AccountMeta, Instruction};

/// Drift v2, which prints its events.
pub const DRIFT: &str = "dRiftyHA39MWEi3m9aunc5MzRF1JYuBsbn6VPcn33UH";
/// Jupiter Perps, which passes its events to itself.
pub const JUPITER: &str = "PERPHjGBqRHArX4DySjwM6UJHiR3sWAatqfdBS2qQJu";
/// Phoenix Eternal, which passes its events to itself in batches.
pub const PHOENIX: &str = "EtrnLzgbS7nMMy5fbD42kXiUzGg8XQzJ972Xtk1cjWih";

/// First bytes of an Anchor event that a program passes to itself.
pub const EVENT_TAG: [u8; 8] = [0xe4, 0x45, 0xa5, 0x2e, 0x51, 0xcb, 0x9a, 0x1d];

/// The program: instruction data `[0][payload]` prints the payload as a `Program data:` line, `[1][payload]` calls the
/// program itself with the payload as data; anything else does nothing.
pub fn program() -> Vec<u8> {
    let assembler = Assembler::new(AssemblerOption::default().with_arch(SbpfArch::V0));
    assembler.assemble(include_str!("program.s")).expect("the program assembles")
}

/// A program's id.
pub fn id(program: &str) -> Address {
    program.parse().expect("the id is base58 of 32 bytes")
}

/// An instruction that makes a program print a payload.
pub fn printing(program: &str, payload: &[u8]) -> Instruction {
    Instruction { program_id: id(program), accounts: Vec::new(), data: [&[0], payload].concat() }
}

/// An instruction that makes a program call itself with a payload.
pub fn passing(program: &str, payload: &[u8]) -> Instruction {
    let own = AccountMeta::new_readonly(id(program), false);
    Instruction { program_id: id(program), accounts: vec![own], data: [&[1], payload].concat() }
}

/// What one program says.
pub fn filter(program: &str, carrier: Carrier, headers: Headers) -> Filter {
    let id = StreamId { chain: ChainId::SOLANA, venue: VenueSlug::known("drift_v2"), part: String::new(), version: 1 };
    let watch = Watch::Solana { program: program.to_owned(), list_by: program.to_owned(), carrier };
    Filter { streams: vec![(id, watch)], headers }
}

/// The event of a record.
pub fn event(record: &RawRecord) -> &SolanaEvent {
    match &record.body {
        RawBody::SolanaEvent(event) => event,
        other => panic!("no event of a solana program: {other:?}"),
    }
}
