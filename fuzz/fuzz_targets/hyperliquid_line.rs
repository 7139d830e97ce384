//! Fills read in place against `serde_json`, and every decoder of lines on whatever text.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    perpdex_venues::oracle::line(text);
});
