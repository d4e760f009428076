//! The steps about what the target prints.

use std::time::Duration;

use super::{View, broken, held};
use crate::judge::Assessment;
use crate::model::fault::Fault;
use crate::model::step::{Stream, TextPattern};
use crate::model::transcript::{Event, Exit, Transcript};
use crate::words::trace;

impl View<'_> {
    pub(super) fn prints(
        &self,
        text: &TextPattern,
        within: Duration,
        stream: Option<Stream>,
        times: Option<usize>,
    ) -> Assessment {
        let found = self.occurrences(text, stream);
        let written = text.as_written();
        match times {
            Some(wanted) if found.len() > wanted => {
                return broken(Fault::PrintedTimes { text: written.to_owned(), times: found.len(), wanted });
            }
            Some(wanted) if found.len() == wanted => return held(),
            None if !found.is_empty() => return held(),
            _ => {}
        }
        let missing = || match (times, found.len()) {
            (Some(wanted), times) if times > 0 => {
                Fault::PrintedTimes { text: written.to_owned(), times, wanted }
            }
            _ => Fault::NotPrinted { text: written.to_owned(), waited: within },
        };
        if self.seen.exit().is_some() { broken(missing()) } else { self.by(self.began + within, missing) }
    }

    pub(super) fn unprinted(&self, text: &TextPattern, stream: Option<Stream>) -> Assessment {
        match self.occurrences(text, stream).into_iter().next() {
            Some(found) => broken(Fault::Printed { text: text.as_written().to_owned(), found }),
            None => held(),
        }
    }

    pub(super) fn occurrences(&self, text: &TextPattern, stream: Option<Stream>) -> Vec<String> {
        // Never fails: the reader of the fixture has compiled it before.
        let Ok(regex) = text.regex() else { return Vec::new() };
        let streams = stream.map_or(vec![Stream::Stdout, Stream::Stderr], |stream| vec![stream]);
        let find = |stream| {
            // The output of an earlier start does not count.
            let output = self.seen.output_since_start(Some(stream));
            regex.find_iter(&output).map(|found| found.as_str().to_owned()).collect::<Vec<_>>()
        };
        streams.into_iter().flat_map(find).collect()
    }

    /// A message can only be about the runner's last action, so output before it does not count.
    pub(super) fn complains(&self) -> Assessment {
        let ours = self.seen.entries.iter().rposition(|entry| {
            matches!(
                entry.event,
                Event::Sent { .. } | Event::Dropped { .. } | Event::Shutdown { .. } | Event::Started
            )
        });
        let later = Transcript { entries: self.seen.entries[ours.unwrap_or(0)..].to_vec() };
        let output = later.output(None);
        let is_message = |line: &str| {
            let line = line.trim().to_lowercase();
            !line.is_empty() && !line.contains("data thread") && !line.starts_with("using python")
        };
        if output.lines().any(is_message) {
            return held();
        }
        if self.seen.exit().is_some() {
            return broken(Fault::NoMessage);
        }
        self.by(self.began + self.judge.tolerances.patience, || Fault::NoMessage)
    }

    pub(super) fn no_trace(&self) -> Assessment {
        if let Some((runtime, line)) = trace::find(&self.seen.output(None)) {
            return broken(Fault::StackTrace { runtime: runtime.to_owned(), line });
        }
        let sent: Vec<i32> = (self.seen.since_start().iter())
            .filter_map(|entry| match entry.event {
                Event::Signalled { signal } => Some(signal.number()),
                _ => None,
            })
            .collect();
        match self.seen.exit() {
            Some((_, Exit::Signal(signal))) if !sent.contains(&signal) => broken(Fault::Killed { signal }),
            _ => held(),
        }
    }
}
