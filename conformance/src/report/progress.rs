//! The progress of a run, on standard error: what it waits for, and how long. On a terminal it is one line that changes;
//! elsewhere, as in the log of a CI, a plain line every 10 s. `--quiet` turns it off.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::model::event::{Event, Listener};
use crate::model::outcome::Outcome;
use crate::model::plan::Plan;

/// How often the sign of a terminal's line turns.
const TICK: Duration = Duration::from_millis(250);

/// How often its seconds change.
const SECOND: Duration = Duration::from_secs(1);

/// How often a plain line is written. A run of 50 s writes about five, so that a log stays short.
pub(crate) const INTERVAL: Duration = Duration::from_secs(10);

/// The progress of one run.
pub struct Progress {
    state: Arc<Mutex<State>>,
    /// A terminal's line.
    bar: Option<ProgressBar>,
    /// Writes or updates the line.
    ticker: Option<Ticker>,
}

impl Progress {
    /// On standard error; nowhere with `quiet`.
    pub fn new(quiet: bool) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let (bar, ticker) = match (quiet, io::stderr().is_terminal()) {
            (true, _) => (None, None),
            (false, true) => {
                let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
                let (drawn, shown) = (bar.clone(), Arc::clone(&state));
                let draw = move || drawn.set_message(known(&shown).message(Instant::now()));
                (Some(bar), Some(Ticker::start(SECOND, draw)))
            }
            (false, false) => {
                (None, Some(Ticker::start(INTERVAL, write_lines(Arc::clone(&state), io::stderr()))))
            }
        };
        Self { state, bar, ticker }
    }

    /// Removes the line, or writes no more lines.
    pub fn finish(&mut self) {
        if let Some(ticker) = self.ticker.take() {
            ticker.stop();
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn known(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes the plain line, if there is one.
fn write_lines(state: Arc<Mutex<State>>, mut to: impl Write + Send + 'static) -> impl FnMut() + Send {
    move || {
        let line = known(&state).line(Instant::now());
        // If the log is closed, the run continues.
        let _ = line.map(|line| writeln!(to, "{line}"));
    }
}

/// Does something at regular times on a thread of its own.
pub(crate) struct Ticker {
    /// The thread ends when this is dropped.
    running: Sender<()>,
    thread: JoinHandle<()>,
}

impl Ticker {
    pub(crate) fn start(interval: Duration, mut tick: impl FnMut() + Send + 'static) -> Self {
        let (running, ended) = channel::<()>();
        let thread = thread::spawn(move || {
            while ended.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                tick();
            }
        });
        Self { running, thread }
    }

    pub(crate) fn stop(self) {
        drop(self.running);
        // If the thread has died, only progress is missing.
        let _ = self.thread.join();
    }
}

/// What is known of a run.
#[derive(Debug, Default)]
struct State {
    planned: usize,
    done: usize,
    failed: usize,
    unjudged: usize,
    /// What a case waits for, and until when at most.
    waiting: BTreeMap<String, (String, Instant)>,
    /// The first requirement of each case.
    requirements: BTreeMap<String, String>,
}

impl State {
    fn plan(&mut self, plan: &Plan) {
        self.planned += plan.cases.len();
        for case in &plan.cases {
            let id = case.requirements.first().map_or(String::new(), ToString::to_string);
            self.requirements.insert(case.id.clone(), id);
        }
    }

    fn on(&mut self, event: &Event<'_>) {
        match event {
            Event::Planned(plan) => self.plan(plan),
            Event::Waiting { id, what, at_most } => {
                self.waiting.insert((*id).to_owned(), ((*what).to_owned(), Instant::now() + *at_most));
            }
            Event::Resumed { id } => {
                self.waiting.remove(*id);
            }
            Event::Finished(record) => {
                self.waiting.remove(&record.id);
                self.failed += usize::from(record.outcome == Outcome::Fail);
                self.unjudged +=
                    usize::from(matches!(record.outcome, Outcome::Error | Outcome::Inconclusive));
                self.done += 1;
            }
            // It counts once more, and may now be judged.
            Event::Again { .. } => {
                self.planned += 1;
                self.unjudged = self.unjudged.saturating_sub(1);
            }
            Event::Started { .. } | Event::Happened { .. } => {}
        }
    }

    /// How many cases failed, and the case with the longest wait.
    fn message(&self, now: Instant) -> String {
        let mut words = Vec::new();
        if self.failed > 0 {
            words.push(format!("{} failed", self.failed));
        }
        if self.unjudged > 0 {
            words.push(format!("{} could not be judged", self.unjudged));
        }
        if let Some((id, (what, until))) = self.waiting.iter().max_by_key(|(_, (_, until))| *until) {
            let about = self.requirements.get(id).map_or("", String::as_str);
            let seconds = until.saturating_duration_since(now).as_secs();
            let others = match self.waiting.len() - 1 {
                0 => String::new(),
                others => format!(" and {others} more"),
            };
            words.push(format!("waiting for {what} in {about} ({id}){others}, {seconds} s more at most"));
        }
        words.iter().map(|words| format!(", {words}")).collect()
    }

    /// The plain line; `None` before and after the run.
    fn line(&self, now: Instant) -> Option<String> {
        let begun = self.planned > 0 && self.done < self.planned;
        begun.then(|| format!("{} of {} cases{}", self.done, self.planned, self.message(now)))
    }
}

impl Listener for Progress {
    fn on(&mut self, event: &Event<'_>) {
        let mut state = known(&self.state);
        state.on(event);
        let Some(bar) = &self.bar else { return };
        if let Event::Planned(_) = event {
            // The template is a constant. If it were wrong, the crate's own would be used.
            let style = ProgressStyle::with_template("{spinner} {pos}/{len} cases{wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(TICK);
        }
        bar.set_length(state.planned as u64);
        bar.set_position(state.done as u64);
        bar.set_message(state.message(Instant::now()));
    }
}

#[cfg(test)]
mod tests;
