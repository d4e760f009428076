//! Durations, bytes and counts as a person reads them. For the sentences about faults.

use std::time::Duration;

/// A duration as a person reads it.
pub fn show(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds if seconds >= 10.0 => format!("{seconds:.1} s"),
        seconds if seconds >= 1.0 => format!("{seconds:.2} s"),
        seconds => format!("{:.0} ms", seconds * 1000.0),
    }
}

/// Bytes as hex. Of many bytes the first 24 and the number.
pub fn show_bytes(bytes: &[u8]) -> String {
    const SHOWN: usize = 24;
    let head: Vec<_> = bytes.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
    match bytes.len() {
        0 => "nothing".to_owned(),
        length if length > SHOWN => format!("{} … ({length} bytes)", head.join(" ")),
        _ => head.join(" "),
    }
}

/// How often, in words.
pub(super) fn times(count: usize) -> String {
    match count {
        0 => "not at all".to_owned(),
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        count => format!("{count} times"),
    }
}

/// A count of something.
pub(super) fn of(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
