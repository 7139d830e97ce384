//! The walk over GMX's key-value envelopes against the plain ABI library: the same items, or a refusal by both.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    perpdex_venues::oracle::event_log(data);
});
