//! How far a class is: a line for each submission that is done, and a line now and then, on standard error.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::gradebook::Row;
use crate::model::event::{Event, Listener};
use crate::model::refusal::write_line;
use crate::report::progress::{INTERVAL, Ticker};

/// The counts of a class.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    submissions: usize,
    /// Of all submissions.
    cases: usize,
    graded: Arc<AtomicUsize>,
    finished: Arc<AtomicUsize>,
    /// Of the finished ones, those of an earlier run.
    known: Arc<AtomicUsize>,
}

impl Tally {
    pub(super) fn new(submissions: usize, cases_of_each: usize) -> Self {
        Self {
            submissions,
            cases: submissions * cases_of_each,
            graded: Arc::default(),
            finished: Arc::default(),
            known: Arc::default(),
        }
    }

    /// Counts the cases of one submission, of which so many are known from an earlier run.
    pub(super) fn listener(&self, known: usize) -> Counted {
        self.known.fetch_add(known, Ordering::SeqCst);
        Counted { finished: Arc::clone(&self.finished) }
    }

    /// One more submission is done. Says so.
    pub(super) fn graded(&self, row: &Row) {
        let graded = self.graded.fetch_add(1, Ordering::SeqCst) + 1;
        write_line(format_args!("{} ({graded} of {})", row.brief(), self.submissions));
        let known = self.known.load(Ordering::SeqCst);
        if graded == self.submissions && known > 0 {
            write_line(format_args!("{known} of {} cases were known from an earlier run", self.cases));
        }
    }

    /// Says now and then how far all are, until it is stopped.
    pub(super) fn tell(&self) -> Ticker {
        let tally = self.clone();
        Ticker::start(INTERVAL, move || write_line(format_args!("{}", tally.line())))
    }

    fn line(&self) -> String {
        let finished = self.finished.load(Ordering::SeqCst).min(self.cases);
        let graded = self.graded.load(Ordering::SeqCst);
        match finished == self.cases {
            true => format!(
                "{graded} of {} submissions graded; failures that other cases may have caused are seen again",
                self.submissions
            ),
            false => format!(
                "{graded} of {} submissions graded, {finished} of {} cases played",
                self.submissions, self.cases
            ),
        }
    }
}

/// Counts the cases of a submission.
#[derive(Debug)]
pub(super) struct Counted {
    finished: Arc<AtomicUsize>,
}

impl Listener for Counted {
    fn on(&mut self, event: &Event<'_>) {
        match event {
            Event::Finished(_) => self.finished.fetch_add(1, Ordering::SeqCst),
            // It is finished once more later.
            Event::Again { .. } => self.finished.fetch_sub(1, Ordering::SeqCst),
            _ => 0,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_the_class_is() {
        let tally = Tally::new(2, 3);
        let mut counted = tally.listener(0);
        tally.finished.store(5, Ordering::SeqCst);
        counted.on(&Event::Again { id: "a" });
        tally.graded.store(1, Ordering::SeqCst);
        assert_eq!(tally.line(), "1 of 2 submissions graded, 4 of 6 cases played");
        tally.finished.store(6, Ordering::SeqCst);
        assert!(tally.line().ends_with("are seen again"), "{}", tally.line());
    }
}
