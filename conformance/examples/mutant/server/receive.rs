//! One whole message from the control connection, with the silence timeout. Serves the session. Most mistakes with
//! TCP's stream of bytes are made here.

use std::{
    io::{ErrorKind, Read},
    net::TcpStream,
    time::{Duration, Instant},
};

use super::abort::{Abort, Step};
use crate::{faults::fault, wire::Refusal};

/// The read size of faults that ignore where a message ends.
const PLENTY_BYTES: usize = 1024;

/// The start of a session, and how long its client may be silent.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    /// The number of the session, from 1.
    pub(super) session: usize,
    /// Whether the session before this one failed.
    pub(super) after_abort: bool,
    pub(super) accepted: Instant,
    pub(super) timeout: Duration,
}

/// Reads exactly `length` bytes. The timeout starts again with every byte.
pub(super) fn message(
    mut client: &TcpStream,
    step: Step,
    length: usize,
    clock: Clock,
) -> Result<Vec<u8>, Abort> {
    let begun = Instant::now();
    let mut message = Vec::new();
    while message.len() < length {
        let patience = patience(step, message.len(), begun, clock);
        let timeout = patience.map(|patience| patience.max(Duration::from_millis(1)));
        client.set_read_timeout(timeout).map_err(|_| Abort::Reset)?;

        // recv(1024) also reads bytes of the next message.
        let greedy = (step == Step::Request && fault("greedy-recv"))
            || (step == Step::Done && fault("extra-after-done"));
        let mut buffer = vec![0; if greedy { PLENTY_BYTES } else { length - message.len() }];
        match client.read(&mut buffer) {
            // `while len(message) < 3: message += recv(...)`: at end-of-file recv returns nothing, without end.
            Ok(0) if fault("spins-at-end-of-file") => {}
            Ok(0) => return Err(Abort::EndOfFile { step, bytes: message.len() }),
            Ok(count) => message.extend_from_slice(&buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err(Abort::Silent);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Err(Abort::Reset),
        }
        // One recv taken for one message.
        if (step == Step::Request && fault("one-recv-for-request"))
            || (step == Step::Done && fault("one-recv-for-done"))
            // The clean-up sets the buffer to None, and `if buffer is not None` guards the collecting.
            || (clock.after_abort && fault("one-recv-after-abort"))
        {
            break;
        }
    }
    if fault("extra-after-done") && message.len() != length {
        return Err(Abort::Refused(Refusal::Length));
    }
    message.truncate(length);
    if message.len() < length { Err(Abort::Refused(Refusal::Length)) } else { Ok(message) }
}

/// How long to wait for the next byte after `bytes` of the message; `None`: for ever.
fn patience(step: Step, bytes: usize, begun: Instant, clock: Clock) -> Option<Duration> {
    let Clock { session, accepted, timeout, .. } = clock;
    match (step, bytes) {
        _ if fault("no-timeout") => None,
        // settimeout() only on the first accepted connection, not in the loop.
        _ if fault("timeout-in-first-session-only") && session > 1 => None,
        _ if fault("timeout-30s") => Some(timeout * 2 / 3),
        _ if fault("timeout-60s") => Some(timeout * 4 / 3),
        // settimeout() after the first recv, or only around the second, or taken back by settimeout(None).
        (Step::Request, 0) if fault("no-timeout-before-first-byte") => None,
        (Step::Request, _) if fault("timeout-only-for-done") => None,
        (Step::Request, 1..) if fault("no-timeout-within-request") => None,
        (Step::Done, _) if fault("timeout-only-for-request") => None,
        (Step::Done, 1..) if fault("no-timeout-within-done") => None,
        // The server thinks it knows how long a test lasts.
        (Step::Done, _) if fault("test-ends-by-server-clock") => Some(timeout * 2 / 3),
        _ if fault("deadline-for-whole-message") => Some(timeout.saturating_sub(begun.elapsed())),
        _ if fault("deadline-for-whole-session") => Some(timeout.saturating_sub(accepted.elapsed())),
        _ => Some(timeout),
    }
}
