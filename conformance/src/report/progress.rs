//! How far a run is, on standard error: what is being waited for and for how long still. On a terminal a line that is
//! drawn anew; elsewhere, as in the log of a CI, a plain line from time to time. Nothing with `--quiet`.

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

/// How often a terminal's line turns, to show that we live.
const TICK: Duration = Duration::from_millis(250);

/// How often its seconds go down.
const SECOND: Duration = Duration::from_secs(1);

/// How often a plain line is written. A run of 50 s has five of them: enough to see that it goes on, and few
/// enough to read a log.
const INTERVAL: Duration = Duration::from_secs(10);

/// The progress of one run.
pub struct Progress {
    state: Arc<Mutex<State>>,
    /// A terminal's line.
    bar: Option<ProgressBar>,
    /// Shows it from time to time, where it is shown at all.
    clock: Option<Clock>,
}

impl Progress {
    /// On standard error; nowhere with `quiet`.
    pub fn new(quiet: bool) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let (bar, clock) = match (quiet, io::stderr().is_terminal()) {
            (true, _) => (None, None),
            (false, true) => {
                let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
                let (drawn, shown) = (bar.clone(), Arc::clone(&state));
                let draw = move || drawn.set_message(known(&shown).message(Instant::now()));
                (Some(bar), Some(Clock::start(SECOND, draw)))
            }
            (false, false) => {
                (None, Some(Clock::start(INTERVAL, write_lines(Arc::clone(&state), io::stderr()))))
            }
        };
        Self { state, bar, clock }
    }

    /// Takes the line away, or writes no more.
    pub fn finish(&mut self) {
        if let Some(clock) = self.clock.take() {
            clock.stop();
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn known(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes the plain line, where there is one.
fn write_lines(state: Arc<Mutex<State>>, mut to: impl Write + Send + 'static) -> impl FnMut() + Send {
    move || {
        let line = known(&state).line(Instant::now());
        // A log that is closed reads no more, and the run goes on.
        let _ = line.map(|line| writeln!(to, "{line}"));
    }
}

/// Does something again and again on a thread of its own.
struct Clock {
    /// Its end ends the thread at once.
    held: Sender<()>,
    thread: JoinHandle<()>,
}

impl Clock {
    fn start(interval: Duration, mut tick: impl FnMut() + Send + 'static) -> Self {
        let (held, over) = channel::<()>();
        let thread = thread::spawn(move || {
            while over.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                tick();
            }
        });
        Self { held, thread }
    }

    fn stop(self) {
        drop(self.held);
        // A thread that has died showed less, which is no reason to spoil the run.
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
    /// What each case is evidence for.
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
            // It counts once more, and is open again.
            Event::Again { .. } => {
                self.planned += 1;
                self.unjudged = self.unjudged.saturating_sub(1);
            }
            Event::Started { .. } | Event::Happened { .. } => {}
        }
    }

    /// How many cases failed, and which one is waited for: everything that is done by then waits for the one that
    /// takes longest.
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

    /// The plain line; none while there is nothing to tell.
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
            // The template is a constant: one that does not parse falls back to the crate's own.
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
