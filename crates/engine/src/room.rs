//! Room for answers: a bound on the bytes that are under way or wait for their commit.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

/// The bytes of one chain's answers. The range whose commit is next takes what it needs, since only its commit makes room.
#[derive(Debug)]
pub(crate) struct Room {
    bytes_max: usize,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
    /// The slot whose commit is next.
    front: u64,
}

/// Bytes taken; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Taken {
    room: Arc<Room>,
    bytes: usize,
}

impl Room {
    pub(crate) fn new(bytes_max: usize) -> Room {
        Room { bytes_max, state: Mutex::default(), changed: Notify::new() }
    }

    /// Waits until there is room for so many bytes of this slot. More than there can ever be is let in alone.
    pub(crate) async fn take(self: &Arc<Room>, slot: u64, bytes: usize) -> Taken {
        loop {
            // Registered before the look, so that no change is missed in between.
            let changed = self.changed.notified();
            {
                let mut state = self.state();
                if slot == state.front || state.taken == 0 || state.taken.saturating_add(bytes) <= self.bytes_max {
                    state.taken += bytes;
                    return Taken { room: self.clone(), bytes };
                }
            }
            changed.await;
        }
    }

    /// Says whose commit is next.
    pub(crate) fn set_front(&self, slot: u64) {
        self.state().front = slot;
        self.changed.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no one panics while counting")
    }
}

impl Taken {
    /// Bytes taken.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes over what the other holds.
    pub(crate) fn join(&mut self, mut other: Taken) {
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// The answer is here and holds so many bytes, in place of those that were thought of.
    pub(crate) fn settle(&mut self, bytes: usize) {
        let mut state = self.room.state();
        state.taken = state.taken - self.bytes + bytes;
        self.bytes = bytes;
        drop(state);
        self.room.changed.notify_waiters();
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.settle(0);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn room_is_bounded_and_the_front_always_passes() {
        let room = Arc::new(Room::new(100));
        let waits = |slot, bytes| {
            let room = room.clone();
            async move { timeout(Duration::from_secs(1), room.take(slot, bytes)).await.is_err() }
        };
        let mut later = room.take(1, 90).await;
        assert!(waits(2, 20).await, "no room");
        assert!(!waits(2, 10).await);
        let front = room.take(0, 500).await;
        assert!(waits(2, 1).await);
        drop(front);
        later.settle(30);
        assert!(!waits(2, 70).await);
        let waiting = tokio::spawn({
            let room = room.clone();
            async move { room.take(3, 1_000).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        room.set_front(3);
        drop(waiting.await.unwrap());
        drop(later);
        assert!(!waits(7, 1_000).await, "what is larger than all of it comes alone");
    }
}
