//! Causes that are given away by signs of more than one kind.

use super::Cause;

pub(super) fn closes_after_reply() -> Cause {
    Cause::new(
        "closes-after-reply",
        "The server closes the connection right after Reply",
        "The connection stays open during the test: wait for Done, answer it with Results, and close then.",
    )
}

pub(super) fn queue_lost() -> Cause {
    Cause::new(
        "queue-lost",
        "Clients that wait for their turn lose their connection",
        "Keep one listening socket open from start to end: closing it, or opening a new one after a test, resets \
         everybody who waits in its backlog.",
    )
}
