//! What the clients of the four tests have in common: one round after the other until the time is up. A round is a send in a
//! STREAM test, and a round trip in an RR test.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::busy::Way;
use super::pace::Pace;
use super::progress::Progress;
use super::socket::is_nothing;
use super::stop::StopSignal;
use crate::tally::Tally;
use crate::wait::writable;

/// Plays rounds until the time is up or one of them fails, and measures the time. A round takes the moment at which it
/// begins, and returns the moment at which it ended, or nothing when the test ended first.
pub(super) fn play<E>(
    stop: &StopSignal,
    tally: &mut Tally,
    mut round: impl FnMut(Instant, &mut Tally) -> Result<Option<Instant>, E>,
) -> Result<(), E> {
    let started = Instant::now();
    let mut last = Ok(Some(started));
    while let Ok(Some(now)) = last
        && !stop.is_over(now)
    {
        last = round(now, tally);
    }
    tally.time = started.elapsed();
    last.map(drop)
}

/// Sends until the time is up, no faster than the pace. `send` does not block, and counts what the system took.
pub(super) fn send(
    socket: &impl AsFd,
    pace: &Pace,
    stop: &StopSignal,
    tally: &mut Tally,
    mut send: impl FnMut(&mut Tally) -> io::Result<()>,
) -> io::Result<()> {
    play(stop, tally, |_, tally| {
        match pace.wait_until(tally.bytes) {
            Some(due) => stop.wait([], Some(due)).map(drop),
            None => match send(tally) {
                Err(error) if is_nothing(&error) => stop.wait([writable(socket)], None).map(drop),
                sent => sent,
            },
        }
        .map(|()| Some(Instant::now()))
    })
}

/// Counts a round trip that was answered.
pub(super) fn count_answer(progress: &Progress, tally: &mut Tally, took: Duration, way: Way) {
    tally.round_trips += 1;
    tally.spun += u64::from(way == Way::Spin);
    if let Some(latency) = &mut tally.latency_ns {
        latency.saturating_record(took.as_nanos() as u64);
    }
    progress.publish(0, tally.round_trips);
}
