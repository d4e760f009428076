//! Every tolerance that a verdict depends on, each with its reason.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// After this time nothing more comes. It is far longer than a loopback round trip or a scheduler's time slice, and too
/// short to slow down a run of a few hundred cases.
pub const MOMENT: Duration = Duration::from_millis(250);

/// How much earlier than "not before" is still right. A tester may read its clock before the runner notes the time of
/// its byte, round its timer down to a tick, or count from the segment that it read last.
pub const GRACE: Duration = Duration::from_millis(50);

/// How long a segment may stay unread before the runner sends the next one anyway. A tester that reads at all reads
/// within this time.
pub const SEGMENT_SETTLES: Duration = Duration::from_millis(400);

/// How long a connect may take because the backlog was full when its SYN came. The system sends the SYN again after 1 s,
/// then after 2 s and 4 s more (RFC 6298). Only a client that waits behind others may take so long.
pub const SYN_SENT_AGAIN: Duration = Duration::from_secs(7);

/// After this time of waiting a case gives its processor token back, so that others can work. An answer on loopback is
/// far faster, so a tester that has not answered by then is waiting too.
pub const WAIT_IS_IDLE: Duration = Duration::from_millis(20);

/// After this time of waiting a tester of a class that still works gets a lower priority, so that one that spins does not
/// slow down the others. A start, or a burst of test data, may take that long.
pub const WAIT_IS_REST: Duration = Duration::from_secs(1);

/// The same for a tester that starts, which is work: the start of one runtime must not slow down that of the next.
pub const START_IS_IDLE: Duration = Duration::from_secs(1);

/// After a failure in which the target closed or refused a connection: how long the runner still listens to it. A program
/// that dies prints its stack trace and ends within that time. Nothing of it is judged.
pub const LAST_WORDS: Duration = Duration::from_millis(100);

/// How long a server may take to close the connections of a case before the next one follows on the same process. Else
/// that case gets a process of its own: nothing is judged here.
pub const SERVER_SETTLES: Duration = Duration::from_millis(500);

/// `--quick` leaves out every case that waits longer than this when nothing fails.
pub const QUICK_LIMIT: Duration = Duration::from_secs(5);

/// If the machine took more than this share of the allowed time, a missed deadline is inconclusive instead of failed.
pub const SPOILED_SHARE: f64 = 0.1;

/// A tester that starts late and has used more than this share of the time to start on a processor did not wait for one:
/// the start of a runtime is only a few seconds of work.
pub const START_WORK_SHARE: f64 = 0.25;

/// How far a reported rate may be off (requirements DAT-11 and DAT-12). What the runner cannot know is allowed
/// separately: when the client's clock starts and stops, and what was on its way at the end. It is less than the 4.9 %
/// between 2^20 and 10^6.
pub const RATE_SHARE: f64 = 0.04;

/// How far it may be off at most if it is printed with few digits: "0.9 Gbit/s" means 0.85 to 0.95.
pub const ROUNDED_RATE_SHARE: f64 = 0.1;

/// How many points of percent a reported loss may be off (DAT-13): it is rounded.
pub const LOSS_POINTS: f64 = 1.0;

/// The share of the slow reader's reads that may find nothing (DAT-3), at the end of a test or while others use the
/// processor.
pub const STARVED_SHARE: f64 = 0.25;

/// Datagrams must come during at least this share of the test, and their longest pause may be at most this share (DAT-4).
/// A client that sends everything at once and stops is far below; one that waits for a processor is far above.
pub const SPANNED_SHARE: f64 = 0.5;

/// It is a leak if each of two equal blocks of sessions adds this many descriptors or threads (ABR-7). A block has 104
/// sessions of eight kinds, so a leak of one kind adds 13. A runtime that starts a few threads under load does not do so
/// in both blocks.
pub const LEAK_IN_EACH_BLOCK: usize = 5;

/// The allowed times, from the command line. The silence timeout must come between `control_timeout - early` and
/// `control_timeout + late`.
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

/// Durations as seconds in JSON.
pub mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes a duration as a number of seconds.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_secs_f64())
    }

    /// Reads a number of seconds. A negative or too large one is an error.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
