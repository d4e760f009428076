//! The line on a terminal while a run lasts: how far it is, what is being waited for and for how long
//! still. Nothing where standard error is no terminal.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::event::{Event, Listener};
use crate::outcome::Outcome;

/// How often the line is drawn while nothing happens, so that the seconds go down.
const TICK: Duration = Duration::from_millis(250);

/// The progress line.
pub struct Progress {
    bar: ProgressBar,
    failed: usize,
    waiting: BTreeMap<String, (String, Instant)>,
}

impl Progress {
    /// A line on standard error, hidden where that is no terminal or `quiet`.
    pub fn new(quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        Self { bar: ProgressBar::with_draw_target(None, target), failed: 0, waiting: BTreeMap::new() }
    }

    /// Takes the line away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn draw(&self) {
        let failed = match self.failed {
            0 => String::new(),
            count => format!(", {count} failed"),
        };
        // Everything that is done by then waits for the one that takes longest.
        let longest = self.waiting.iter().max_by_key(|(_, (_, until))| *until);
        let waiting = longest.map_or(String::new(), |(id, (what, until))| {
            let seconds = until.saturating_duration_since(Instant::now()).as_secs();
            format!("; {id} waits for {what}, {seconds} s at most")
        });
        self.bar.set_message(format!("{failed}{waiting}"));
    }
}

impl Listener for Progress {
    fn on(&mut self, event: &Event<'_>) {
        match event {
            Event::Planned(plan) => {
                // The template is a constant: one that does not parse falls back to the crate's own.
                let style = ProgressStyle::with_template("{spinner} {pos}/{len} cases{wide_msg}");
                self.bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
                self.bar.set_length(plan.cases.len() as u64);
                self.bar.enable_steady_tick(TICK);
            }
            Event::Waiting { id, what, at_most } => {
                self.waiting.insert((*id).to_owned(), ((*what).to_owned(), Instant::now() + *at_most));
            }
            Event::Resumed { id } => {
                self.waiting.remove(*id);
            }
            Event::Finished(record) => {
                self.waiting.remove(&record.id);
                self.failed += usize::from(record.outcome == Outcome::Fail);
                self.bar.inc(1);
            }
            Event::Again { .. } => self.bar.inc_length(1),
            Event::Started { .. } | Event::Happened { .. } => {}
        }
        self.draw();
    }
}
