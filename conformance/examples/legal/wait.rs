//! Waits for descriptors and for time. An interrupt ends them, if interrupts come as an error. Serves
//! everything that waits.

use std::{
    io,
    os::fd::BorrowedFd,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

use crate::{ended::Ended, interrupt, variants::on};

/// How often a program checks whose interrupt only sets a flag.
const LOOKS_EVERY: Duration = Duration::from_millis(500);

/// One descriptor and the awaited events.
pub(crate) type Awaited<'f> = (BorrowedFd<'f>, PollFlags);

/// Waits until one of these is ready. Returns which are ready: at the deadline, none.
pub(crate) fn any(awaited: &[Awaited<'_>], deadline: Option<Instant>) -> io::Result<Vec<bool>> {
    loop {
        let mut polled: Vec<PollFd<'_>> =
            awaited.iter().map(|&(fd, events)| PollFd::new(fd, events)).collect();
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // One more millisecond, so that no wait ends before its deadline.
        let timeout = left.map_or(PollTimeout::NONE, |left| {
            PollTimeout::try_from(left.as_millis().min(60_000) + u128::from(!left.is_zero()))
                .unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut polled, timeout) {
            Ok(0) if deadline.is_none_or(|deadline| Instant::now() < deadline) => {}
            Ok(_) => return Ok(polled.iter().map(|one| one.any().unwrap_or(false)).collect()),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The same for a control thread: an interrupt ends the wait.
pub(crate) fn in_control(awaited: &[Awaited<'_>], deadline: Option<Instant>) -> Result<Vec<bool>, Ended> {
    loop {
        if interrupt::arrived() {
            return Err(Ended::Interrupted);
        }
        let mut all = awaited.to_vec();
        let wake = interrupt::wake();
        all.extend(wake.map(|fd| (fd, PollFlags::POLLIN)));
        let next_look = on("sigint-flag").then(|| Instant::now() + LOOKS_EVERY);
        let until = [deadline, next_look].into_iter().flatten().min();
        let mut ready = any(&all, until).map_err(Ended::System)?;
        if wake.is_some() && ready.pop() == Some(true) {
            return Err(Ended::Interrupted);
        }
        if ready.contains(&true) || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(ready);
        }
    }
}

/// Lets time pass in the control thread.
pub(crate) fn pause(time: Duration) -> Result<(), Ended> {
    in_control(&[], Some(Instant::now() + time)).map(|_| ())
}
