//! Who has the machine: several tests that bear one another, or one that needs all of it, or that must not be disturbed.
//! The others of its program do not ask, and run beside it.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

static MACHINE: RwLock<()> = RwLock::new(());

/// Waits for one's turn to have the machine alone, which lasts as long as this is held.
pub(crate) fn machine() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}

/// The same for one's turn with the others that share it.
pub(crate) fn shared_machine() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}
