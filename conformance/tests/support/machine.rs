//! Who uses the machine: several tests that can run together, or one that needs all of it or must not be disturbed.
//! Other tests of the program do not take turns, and run at the same time.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

static MACHINE: RwLock<()> = RwLock::new(());

/// Waits until this test has the machine alone. It has it as long as it keeps the guard.
pub(crate) fn machine() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}

/// The same for a test that shares the machine with others.
pub(crate) fn shared_machine() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}
