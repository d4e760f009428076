//! The process that serves the current session: it must end with the server. Serves the server and the interrupt.

use std::{process::Child, sync::Mutex};

use crate::ended::Ended;

static CHILD: Mutex<Option<Child>> = Mutex::new(None);

pub(crate) fn put(child: Child) -> Result<(), Ended> {
    *CHILD.lock().map_err(|_| Ended::Interrupted)? = Some(child);
    Ok(())
}

pub(crate) fn runs() -> bool {
    let Ok(mut child) = CHILD.lock() else { return false };
    let ended = child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
    if ended {
        *child = None;
    }
    !ended
}

/// Ends the current session, if a process serves it.
pub(crate) fn end() {
    if let Ok(mut child) = CHILD.lock()
        && let Some(mut child) = child.take()
    {
        let _ = child.kill();
        let _ = child.wait();
    }
}
