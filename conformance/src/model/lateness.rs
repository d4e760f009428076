//! Whether a fault can come from a busy machine. The worker does not blame a tester for such a fault.

/// Whether a busy machine can have caused a fault, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lateness {
    /// It cannot: the fault is about bytes, exits or texts.
    Irrelevant,
    /// The target was late. It may have waited for a processor.
    TargetLate,
    /// The target acted too early, or gave up. If the runner was late, the first may be untrue, and the runner may
    /// have caused the second.
    RunnerLate,
    /// The fault itself says that the machine caused it.
    Always,
}
