//! Measures perpdex against its limits, in one run on one machine.
//!
//! [`micro`] holds single steps (a decoder, arithmetic, the row encoder), each beside the least that any program would have
//! to do with the same bytes; `benches/micro.rs` runs them with criterion. [`scenario`] runs the release binary over local
//! sockets against simnet, and then writes exactly the rows it ended with once more, by the plainest way the engine has.
//! What is compared is always a ratio: absolute figures are those of one machine on one day.

pub mod machine;
pub mod micro;
pub mod page;
pub mod plot;
pub mod scenario;
