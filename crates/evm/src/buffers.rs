//! Memory of answers that were read, kept for those that follow: to have pages of the system anew for every answer costs as much
//! as to read it.

use std::mem;
use std::sync::{Arc, Mutex};

/// Buffers kept at most; those that are used at once and are more go back to the allocator.
const KEPT_MAX: usize = 4;

/// Largest buffer kept. Answers are seldom larger; what is kept counts as memory of the program, used or not.
const KEPT_BYTES_MAX: usize = 9 * 1024 * 1024;

/// Buffers that wait for their next use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Buffers {
    /// An empty buffer with room for so many bytes.
    pub(crate) fn take(&self, bytes: usize) -> Buffer {
        let kept = self.kept().pop().filter(|kept| bytes <= kept.capacity());
        Buffer { bytes: kept.unwrap_or_else(|| Vec::with_capacity(bytes)), home: self.clone() }
    }

    fn give_back(&self, mut bytes: Vec<u8>) {
        let mut kept = self.kept();
        if kept.len() < KEPT_MAX && bytes.capacity() <= KEPT_BYTES_MAX {
            bytes.clear();
            kept.push(bytes);
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().expect("no one panics while holding it")
    }
}

/// Bytes in a buffer that is kept when they are no longer needed.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    home: Buffers,
}

impl Buffer {
    /// Appends bytes.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.home.give_back(mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_where_it_is_large_enough() {
        let buffers = Buffers::default();
        let mut first = buffers.take(10);
        first.extend(&[7; 100]);
        let place = first.as_ref().as_ptr();
        drop(first);
        let again = buffers.take(50);
        assert_eq!((again.as_ref().len(), again.bytes.as_ptr()), (0, place));
        drop(again);
        assert!(buffers.take(1_000).bytes.capacity() >= 1_000);
        let many: Vec<Buffer> = (0..=KEPT_MAX).map(|_| buffers.take(10)).collect();
        drop(many);
        drop(buffers.take(KEPT_BYTES_MAX + 1));
        assert!(buffers.kept().len() <= KEPT_MAX && buffers.kept().iter().all(|kept| kept.capacity() <= KEPT_BYTES_MAX));
    }
}
