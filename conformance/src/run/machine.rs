//! What the runs on this machine share: the processors, the room for workers, and the order of work. A single run has it
//! for itself; the submissions of a class share it.
//!
//! A class is graded in two parts. First every case of every submission is played once, as many at a time as the
//! machine takes. The cases that wait as long as a silence timeout have room of their own, so that all of them wait at
//! the same time and none keeps the others from working. When all first rounds are over and the machine is quiet, the
//! outcomes that others may have caused are seen again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::capacity;
use super::overlap::{self, CaseLimit, Company};
use super::slots::{Cancel, Tokens};
use super::{Beside, locked};
use crate::model::case::Case;
use crate::model::place::Isolation;
use crate::model::tolerance::QUICK_LIMIT;
use crate::stage::interrupt;

/// The most workers at once that work or wait for an answer. With a target that never listens every case waits.
const MOST_SHORT: usize = 64;

/// The most workers of one run that wait as long as a silence timeout.
const MOST_LONG: usize = 32;

/// The same of a class.
const MOST_LONG_OF_A_CLASS: usize = 256;

/// How many submissions of a class are in their first round at once. The records of each take some megabytes.
const ROUNDS_OF_A_CLASS: usize = 32;

/// How many cases are seen again at once when a class is quiet, for each that may work: they hardly do anything but wait
/// for an answer that does not come. How late the machine was is measured as ever.
const QUIET_FOR_A_JOB: usize = 4;

/// How often a wait looks for an interrupt.
const CHECK_INTERRUPT: Duration = Duration::from_millis(100);

/// The processors and the room of this machine.
#[derive(Debug)]
pub struct Machine {
    pub(super) jobs: usize,
    tokens: Tokens,
    /// Tokens for what is seen again; `None`: such a case gets the whole machine.
    quiet: Option<Tokens>,
    short: Tokens,
    /// `None`: all cases share one room.
    long: Option<Tokens>,
    limit: Mutex<CaseLimit>,
    rounds: Tokens,
    /// First rounds that are not over.
    busy: Mutex<usize>,
    less_busy: Condvar,
    /// How many turns there have been.
    turns: AtomicUsize,
    pub(super) company: Company,
    /// How many processes and threads may still be started; `None` where nothing limits them.
    pub(super) processes: Option<u64>,
}

impl Machine {
    /// For one run: so many cases work at once.
    pub fn for_one(jobs: usize, isolation: Isolation) -> Self {
        match isolation {
            // The host has one port 5678, so there is one case at a time.
            Isolation::Host => Self::new(1, 1, None),
            Isolation::Namespace => Self::new(jobs.max(1), MOST_SHORT + MOST_LONG, None),
        }
    }

    /// For a class, in namespaces.
    pub fn for_class(jobs: usize) -> Self {
        let jobs = jobs.max(1);
        let quiet = Tokens::new(QUIET_FOR_A_JOB * jobs);
        Self::new(jobs, MOST_SHORT + MOST_LONG_OF_A_CLASS, Some(quiet))
    }

    fn new(jobs: usize, most: usize, quiet: Option<Tokens>) -> Self {
        let processes = capacity::processes();
        let most = capacity::places(processes, capacity::descriptors(most), most);
        let limit = CaseLimit::new(jobs, most, overlap::available_memory());
        let (short, long) = rooms(limit.get());
        Self {
            jobs,
            tokens: Tokens::new(jobs),
            rounds: Tokens::new(if quiet.is_some() { ROUNDS_OF_A_CLASS } else { 1 }),
            quiet,
            short: Tokens::new(short),
            long: (most > 1).then(|| Tokens::new(long)),
            limit: Mutex::new(limit),
            busy: Mutex::new(0),
            less_busy: Condvar::new(),
            turns: AtomicUsize::new(0),
            company: Company::default(),
            processes,
        }
    }

    /// The tokens for cases with such company, and how many a case takes that needs no processor for itself.
    pub(super) fn tokens(&self, beside: Beside) -> (&Tokens, usize) {
        match (&self.quiet, beside) {
            (_, Beside::Others) => (&self.tokens, 1),
            (Some(quiet), Beside::LongWaits | Beside::Few) => (quiet, 1),
            (Some(quiet), Beside::Nobody) => (quiet, QUIET_FOR_A_JOB * self.jobs),
            (None, _) => (&self.tokens, self.jobs),
        }
    }

    /// How many tokens a case takes that needs the machine for itself.
    pub(super) fn most_tokens(&self, beside: Beside) -> usize {
        match &self.quiet {
            Some(_) if beside != Beside::Others => QUIET_FOR_A_JOB * self.jobs,
            _ => self.jobs,
        }
    }

    /// Whether other submissions are graded at the same time.
    pub(super) fn is_of_a_class(&self) -> bool {
        self.quiet.is_some()
    }

    /// The room for a case.
    pub(super) fn room(&self, case: &Case) -> &Tokens {
        let long = self.long.as_ref().filter(|_| is_long(case));
        long.unwrap_or(&self.short)
    }

    /// Records the memory of a target, and adapts the number of cases at once.
    pub(super) fn record_memory(&self, submission: usize, memory_bytes: u64) {
        let mut limit = locked(&self.limit);
        let before = rooms(limit.get());
        limit.record(submission, memory_bytes);
        let now = rooms(limit.get());
        self.short.change(before.0, now.0);
        if let Some(long) = &self.long {
            long.change(before.1, now.1);
        }
    }

    /// Wakes all that wait, so that those whose wait is cancelled end it.
    pub(super) fn wake(&self) {
        let all = [&self.tokens, &self.short, &self.rounds];
        all.into_iter().chain(&self.quiet).chain(&self.long).for_each(Tokens::wake);
    }

    /// The turn of one submission. All turns are made before the first begins.
    pub fn turn(&self) -> Turn<'_> {
        *locked(&self.busy) += 1;
        let number = self.turns.fetch_add(1, Ordering::Relaxed);
        Turn { machine: self, number, ahead: true, in_round: false }
    }
}

/// Whether a case waits as long as a silence timeout.
pub(super) fn is_long(case: &Case) -> bool {
    case.least_wait() > QUICK_LIMIT
}

/// How so many places are divided: for short cases and for long waits, at least one each.
fn rooms(places: usize) -> (usize, usize) {
    let short = MOST_SHORT.min(places.div_ceil(3) * 2).clamp(1, places.max(2) - 1);
    (short, places.saturating_sub(short).max(1))
}

/// The turn of a submission: it is counted as busy from its creation until its first round is over.
#[derive(Debug)]
pub struct Turn<'m> {
    pub(super) machine: &'m Machine,
    /// Which submission it is.
    pub(super) number: usize,
    ahead: bool,
    in_round: bool,
}

impl Turn<'_> {
    /// Waits until the first round may begin. An interrupt ends the rounds that others are in, and so this wait.
    pub(super) fn begin(&mut self) {
        self.in_round = self.machine.rounds.take(1, &Cancel::default());
    }

    /// The first round is over, or there is none.
    pub fn end(&mut self) {
        if std::mem::take(&mut self.in_round) {
            self.machine.rounds.give_back(1);
        }
        if std::mem::take(&mut self.ahead) {
            *locked(&self.machine.busy) -= 1;
            self.machine.less_busy.notify_all();
        }
    }

    /// Waits until no submission is in its first round, or ahead of it, or an interrupt comes.
    pub(super) fn wait_for_quiet(&self) {
        let mut busy = locked(&self.machine.busy);
        while *busy > 0 && !interrupt::came() {
            let waited = self.machine.less_busy.wait_timeout(busy, CHECK_INTERRUPT);
            busy = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::one_run(96, (64, 32))]
    #[case::a_class(320, (64, 256))]
    #[case::little_memory(12, (8, 4))]
    #[case::two(2, (1, 1))]
    #[case::no_memory_for_two(1, (1, 1))]
    fn short_cases_and_long_waits_have_rooms_of_their_own(
        #[case] places: usize,
        #[case] expected: (usize, usize),
    ) {
        assert_eq!(rooms(places), expected);
    }

    #[test]
    fn the_machine_is_quiet_when_all_first_rounds_are_over() {
        let machine = Machine::for_class(2);
        let mut turns = [machine.turn(), machine.turn()];
        turns.iter_mut().for_each(Turn::begin);
        let [mut first, second] = turns;
        std::thread::scope(|scope| {
            let waiting = scope.spawn(move || {
                first.end();
                first.wait_for_quiet();
                *locked(&first.machine.busy)
            });
            // A submission that cannot be graded drops its turn.
            drop(second);
            assert_eq!(waiting.join().unwrap(), 0);
        });
    }
}
