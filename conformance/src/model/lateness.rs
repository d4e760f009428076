//! Whose lateness can have made a fault. For the worker, which does not blame a tester for a busy machine.

/// Whether the machine, by being late, can have made a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lateness {
    /// No: bytes, exits and texts are what they are.
    Irrelevant,
    /// The target was not done in time, which a starved one is not.
    TargetLate,
    /// The target acted too early, or gave up: a runner that is late itself only believes the one, and
    /// causes the other.
    RunnerLate,
    /// Yes, and it says so itself.
    Always,
}
