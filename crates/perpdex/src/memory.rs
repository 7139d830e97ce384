//! What the system's allocator is told.

/// Lets all threads share two heaps: one alone made the writer and the decoders wait for each other.
///
/// The GNU allocator gives threads heaps of their own and keeps what each once needed. Ranges are fetched, decoded and written
/// on whichever threads are free, and the same memory would be kept several times over: half as much again was measured.
pub(crate) fn keep_together() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        #[expect(unsafe_code, reason = "the C library offers this setting in no other way")]
        // SAFETY: called before any other thread exists; a setting that is not known is ignored by the library.
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, 2);
        }
    }
}
