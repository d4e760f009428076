//! A conversation as lines: who did what, and when. For the reports that show one.

use crate::transcript::{DataEvent, Event, Transcript};
use crate::verdict::fault::show_bytes;

/// How many lines of a long conversation are shown: its end is where the fault stands.
const SHOWN: usize = 30;

/// One line for everything that happened, times in seconds since the case began.
pub fn lines(transcript: &Transcript) -> Vec<String> {
    let several = {
        let mut names: Vec<_> =
            transcript.entries.iter().filter_map(|entry| entry.event.connection()).collect();
        names.sort_unstable();
        names.dedup();
        names.len() > 1
    };
    let all: Vec<String> = (transcript.entries.iter())
        .filter_map(|entry| {
            let words = describe(&entry.event)?;
            let on =
                entry.event.connection().filter(|_| several).map_or(String::new(), |on| format!("[{on}] "));
            Some(format!("{:>9.3} s  {on}{words}", entry.at.as_secs_f64()))
        })
        .collect();
    match all.len().checked_sub(SHOWN) {
        Some(hidden @ 1..) => {
            std::iter::once(format!("{hidden} lines before")).chain(all.into_iter().skip(hidden)).collect()
        }
        _ => all,
    }
}

fn describe(event: &Event) -> Option<String> {
    Some(match event {
        // Steps are the fixture's business, output is shown as a whole.
        Event::Step { .. } | Event::Finished | Event::Output { .. } => return None,
        Event::Started => "the tester is started".to_owned(),
        Event::Ready => "the tester listens on port 5678".to_owned(),
        Event::Exited(exit) => format!("the tester ends: {exit}"),
        Event::Signalled { signal } => format!("runner sends SIG{}", format!("{signal:?}").to_uppercase()),
        Event::Connecting { to, .. } => format!("runner connects to {to}"),
        Event::Opened { accepted: false, .. } => "connected".to_owned(),
        Event::Opened { local, .. } => format!("tester connects to {local}"),
        Event::Refused { error, .. } => format!("no connection: {error}"),
        Event::Sent { bytes, length, .. } if *length > bytes.len() => {
            format!("runner --> {} ({length} bytes)", show_bytes(&bytes[..bytes.len().min(16)]))
        }
        Event::Sent { bytes, .. } => format!("runner --> {}", show_bytes(bytes)),
        Event::Received { bytes, .. } => format!("tester <-- {}", show_bytes(bytes)),
        Event::Ended { by, .. } => format!("tester closes ({by})"),
        Event::Shutdown { .. } => "runner closes its sending side".to_owned(),
        Event::Dropped { reset: true, .. } => "runner resets the connection".to_owned(),
        Event::Dropped { .. } => "runner closes".to_owned(),
        Event::Ports { announced_open, swapped_open } => match (announced_open, swapped_open) {
            (true, _) => "the announced port is open".to_owned(),
            (false, true) => "the announced port is not open, the one with its bytes swapped is".to_owned(),
            (false, false) => "the announced port is not open".to_owned(),
        },
        Event::Data(event) => describe_data(event),
        Event::Resources { descriptors, threads } => {
            format!("the tester holds {descriptors} descriptors and {threads} threads")
        }
    })
}

fn describe_data(event: &DataEvent) -> String {
    match event {
        DataEvent::Port { port, over, open } => match open {
            Some(true) => format!("{over} port {port} is open"),
            Some(false) => format!("{over} port {port} is not open"),
            None => format!("the system does not tell whether {over} port {port} is open"),
        },
        DataEvent::Sent { over, messages, bytes, replies, error, .. } => {
            let error = error.as_ref().map_or(String::new(), |error| format!(" ({error})"));
            format!("runner ==> {messages} messages, {bytes} bytes over {over}; {replies} replies{error}")
        }
        DataEvent::Drops { datagrams: Some(datagrams) } => {
            format!("the kernel has dropped {datagrams} datagrams")
        }
        DataEvent::Drops { datagrams: None } => "the system does not tell of dropped datagrams".to_owned(),
        DataEvent::Seen(seen) => format!(
            "tester ==> {} bytes over TCP, {} datagrams ({} dropped by this kernel), {} answered",
            seen.stream_bytes, seen.datagrams, seen.dropped, seen.answered
        ),
        DataEvent::Compared { client_mbit_s, plain_mbit_s } => {
            format!("the client's {client_mbit_s:.0} Mbit/s beside a plain sender's {plain_mbit_s:.0} Mbit/s")
        }
    }
}
