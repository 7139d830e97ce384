//! Events that programs print or pass to themselves, in whatever log and nesting.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    perpdex_solana::oracle::printed(text);
    perpdex_solana::oracle::passed(text);
});
