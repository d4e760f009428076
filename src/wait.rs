//! The one place where a thread sleeps: until a descriptor is ready, the time is up, or the interrupt comes.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::interrupt::Interrupt;

/// Why a wait did not bring what was waited for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// The user wants to leave. This comes before everything else.
    #[error("interrupted")]
    Interrupted,
    /// The operating system would not wait.
    #[error("cannot wait: {0}")]
    Failed(#[from] io::Error),
}

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken<const N: usize> {
    /// Which of the descriptors are ready, in the order given.
    Ready([bool; N]),
    /// The deadline has come and nothing is ready.
    TimeUp,
}

/// What a descriptor is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    descriptor: BorrowedFd<'a>,
    interest: PollFlags,
}

/// Ready when there is something to read, or the other side is gone.
pub(crate) fn readable(descriptor: &impl AsFd) -> Source<'_> {
    Source { descriptor: descriptor.as_fd(), interest: PollFlags::IN }
}

/// Ready when something can be written, or the other side is gone.
pub(crate) fn writable(descriptor: &impl AsFd) -> Source<'_> {
    Source { descriptor: descriptor.as_fd(), interest: PollFlags::OUT }
}

/// Waits until a source is ready or `deadline` has come; for ever if there is none.
pub(crate) fn wait<const N: usize>(
    interrupt: &Interrupt,
    sources: [Source<'_>; N],
    deadline: Option<Instant>,
) -> Result<Woken<N>, Stop> {
    match poll_with(Some(readable(interrupt)), sources, deadline)? {
        (_, true) => Err(Stop::Interrupted),
        (woken, false) => Ok(woken),
    }
}

/// Waits as [`wait`] does, but for a thread that its owner ends, not the interrupt: until a source is ready, `end` is
/// ready, or `deadline` has come. If only `end` is ready, the result is [`Woken::TimeUp`].
pub(crate) fn wait_or_end<const N: usize>(
    end: Option<Source<'_>>,
    sources: [Source<'_>; N],
    deadline: Option<Instant>,
) -> io::Result<Woken<N>> {
    let (woken, _) = poll_with(end, sources, deadline)?;
    Ok(woken)
}

/// What is ready, and whether `end` is.
fn poll_with<const N: usize>(
    end: Option<Source<'_>>,
    sources: [Source<'_>; N],
    deadline: Option<Instant>,
) -> io::Result<(Woken<N>, bool)> {
    let mut polled: Vec<_> =
        sources.iter().chain(&end).map(|s| PollFd::from_borrowed_fd(s.descriptor, s.interest)).collect();
    poll_until(&mut polled, deadline)?;
    let ended = end.is_some() && polled.pop().is_some_and(|fd| !fd.revents().is_empty());
    let ready = std::array::from_fn(|index| !polled[index].revents().is_empty());
    Ok((if ready.contains(&true) { Woken::Ready(ready) } else { Woken::TimeUp }, ended))
}

fn poll_until(polled: &mut [PollFd<'_>], deadline: Option<Instant>) -> io::Result<()> {
    loop {
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        // If the time is too long for the system's clock, the wait has no end.
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(polled, timeout.as_ref()) {
            // A signal that is not ours to handle: the deadline stands.
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok(()),
        }
    }
}
