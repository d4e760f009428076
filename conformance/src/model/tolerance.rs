//! Every tolerance of time that a verdict rests on, each stated once with its reason, for whoever
//! wonders why an answer counted as prompt or a close as early.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long to be sure that nothing more comes: far above a loopback round trip and a scheduler's
/// slice, far below what a person notices over a few hundred cases.
pub const MOMENT: Duration = Duration::from_millis(250);

/// What "not before" forgives. A tester may read its clock before the runner's byte is stamped, round
/// its timer down to a tick, or count from the segment that it read last.
pub const GRACE: Duration = Duration::from_millis(50);

/// How long a pushed segment may stay unread before the next one follows anyhow. A tester that reads
/// at all reads within this; one that does not is not to be waited for.
pub const SEGMENT_SETTLES: Duration = Duration::from_millis(400);

/// How long a connect may take because a backlog was full when its SYN came: the system sends it again after 1 s, and
/// then after 2 s and 4 s more (RFC 6298). Only a client behind others may wait so long.
pub const SYN_SENT_AGAIN: Duration = Duration::from_secs(7);

/// A wait longer than this gives its processor token back, so that others use the time: far above an
/// answer's time on loopback, so who has not answered by then is waiting as well.
pub const WAIT_IS_IDLE: Duration = Duration::from_millis(20);

/// The same for a tester that is starting up, which is work: a virtual machine's start is not to be
/// crowded out by the next one's.
pub const START_IS_IDLE: Duration = Duration::from_secs(1);

/// `--quick` leaves out every case that waits longer than this even when all goes well.
pub const QUICK_LIMIT: Duration = Duration::from_secs(5);

/// The share of a missed deadline's allowance that the machine may have eaten before a judgement of
/// time is called inconclusive instead of failed.
pub const SPOILED_SHARE: f64 = 0.1;

/// The share of the time to start that a tester may have of a processor and still be called starved: a virtual
/// machine's start is some seconds of work, and one that has worked for longer does something else.
pub const START_WORK_SHARE: f64 = 0.25;

/// How far a reported rate may be off (requirements DAT-11 and DAT-12), beyond what the runner itself cannot know: the
/// moments at which the client's clock starts and stops, and what was under way at the end, are allowed for one by one.
/// Below the 4.9 % by which 2^20 differs from 10^6.
pub const RATE_SHARE: f64 = 0.04;

/// How far it may be off at most where it is printed with few digits: "0.9 Gbit/s" stands for 0.85 to 0.95.
pub const ROUNDED_RATE_SHARE: f64 = 0.1;

/// How many points of percent a reported loss may be off (DAT-13): it is rounded.
pub const LOSS_POINTS: f64 = 1.0;

/// The share of a slow reader's looks that may find nothing (DAT-3): the end of a test, and a processor that others use.
pub const STARVED_SHARE: f64 = 0.25;

/// The share of the test that datagrams must span (DAT-4), and that their longest pause may last: a client that sends
/// what it has and stops spans next to nothing, one that was kept waiting for a processor still nearly all.
pub const SPANNED_SHARE: f64 = 0.5;

/// How many descriptors, or threads, each of two equal blocks of sessions must have added to be called a leak (ABR-7). A
/// leak grows with the sessions: one of the eight kinds in a block of 104 alone adds 13. A runtime that starts a few
/// threads of its own under load does not do so in both blocks.
pub const LEAK_IN_EACH_BLOCK: usize = 5;

/// What the runner measures against, from the command line. "Promptly" is `patience`; the silence
/// timeout is due between `control_timeout - early` and `control_timeout + late`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tolerances {
    /// The tester's silence timeout (P3, Robust Design: 45 s).
    #[serde(with = "seconds")]
    pub control_timeout: Duration,
    /// How much before the control timeout a close is still right.
    #[serde(with = "seconds")]
    pub early: Duration,
    /// How much after the control timeout a close is still right.
    #[serde(with = "seconds")]
    pub late: Duration,
    /// What "promptly" means.
    #[serde(with = "seconds")]
    pub patience: Duration,
    /// How long a tester may take from its start until it listens or connects.
    #[serde(with = "seconds")]
    pub startup: Duration,
}

impl Default for Tolerances {
    fn default() -> Self {
        Self {
            control_timeout: Duration::from_secs(45),
            early: Duration::from_secs(1),
            late: Duration::from_secs(5),
            patience: Duration::from_secs(5),
            startup: Duration::from_secs(10),
        }
    }
}

impl Tolerances {
    /// How long a tester must at least wait for a silent peer.
    pub fn close_at_earliest(&self) -> Duration {
        self.control_timeout.saturating_sub(self.early)
    }
}

/// Durations as seconds in JSON, the unit that the option's help speaks of.
pub mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes a duration as a number of seconds.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_secs_f64())
    }

    /// Reads a number of seconds; a negative or enormous one is an error, not a panic.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
