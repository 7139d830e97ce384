//! When a commit's turn has come.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::StoreError;

/// The turn of a commit among those of its chain: it has come when all before it are written, and never comes once one of them was not.
pub struct Turn(Option<Pin<Box<dyn Future<Output = bool> + Send>>>);

impl Turn {
    /// A turn that has come.
    pub fn now() -> Turn {
        Turn(None)
    }

    /// A turn that comes with the end of `before`, if that is true.
    pub fn after(before: impl Future<Output = bool> + Send + 'static) -> Turn {
        Turn(Some(Box::pin(before)))
    }

    /// Whether there is nothing to wait for.
    pub fn has_come(&self) -> bool {
        self.0.is_none()
    }

    /// Waits for it; [`StoreError::OutOfTurn`] where it never comes.
    pub async fn wait(self) -> Result<(), StoreError> {
        let is_written = match self.0 {
            Some(before) => before.await,
            None => true,
        };
        if is_written { Ok(()) } else { Err(StoreError::OutOfTurn) }
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Turn({})", if self.has_come() { "now" } else { "later" })
    }
}
