//! The allocator of the program, and of the benchmarks that measure its limits.
//!
//! Ranges are fetched, decoded and written on whichever threads are free, in pieces of some bytes to some megabytes. The GNU
//! allocator took a quarter of the processor time of a Hyperliquid day into SQLite.

use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Two heaps for all threads, which would keep the same memory several times over with heaps of their own; what is free for a
/// quarter of a second goes back to the system. Names and meanings: jemalloc's manual, TUNING.
#[expect(unsafe_code, reason = "the library looks for its settings under this name")]
// SAFETY: no other symbol has this name, and it is the pointer to a text that ends with a zero byte that jemalloc declares.
#[unsafe(export_name = "malloc_conf")]
static SETTINGS: Option<&'static std::ffi::c_char> = Some(unsafe { &*c"narenas:2,dirty_decay_ms:250,muzzy_decay_ms:0".as_ptr() });
