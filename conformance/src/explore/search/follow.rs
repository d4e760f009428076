//! A failure is followed up: confirmed alone on a fresh start with the full patience, made shorter, and played again.

use std::time::Duration;

use super::result::{Find, News};
use super::{Played, REPLAYS, SHRINKING_PATIENCE, Search};
use crate::explore::conversation::Conversation;
use crate::explore::play::{Batch, PlayError, Signature, Title};
use crate::explore::shrink::{Shrunk, shrink};
use crate::explore::strategy::Tree;
use crate::model::lateness::Lateness;
use crate::model::outcome::{CaseRecord, Outcome};
use crate::model::requirement::RequirementId;
use crate::model::tolerance::Tolerances;
use crate::stage::interrupt;

impl Search<'_, '_> {
    /// Confirms a failure and shrinks it.
    pub(super) fn follow(&mut self, played: Played, tell: &mut dyn FnMut(News<'_>)) -> Result<(), PlayError> {
        let suspected = self.began.elapsed();
        let signature = Signature::of(&played.record);
        if signature.as_ref().is_some_and(|signature| self.known.contains(signature)) {
            self.result.again += 1;
            self.known_in_a_row += 1;
            return Ok(());
        }
        let mut trees = played.trees;
        trees.truncate(played.batch.culprit(&played.record) + 1);
        let Some((kept, record)) = self.confirmed(&mut trees)? else {
            return self.doubted(&played.record);
        };
        let confirmed = self.began.elapsed();
        self.known.extend(signature);
        let real = Signature::of(&record);
        let new = real.clone().is_none_or(|signature| self.known.insert(signature));
        if !new && self.result.finds.iter().any(|find| Signature::of(&find.record) == real) {
            self.result.again += 1;
            return Ok(());
        }
        tell(News::Confirmed(&record, confirmed));
        let before = kept.iter().map(|tree| tree.current().stimuli.len()).sum();
        // The find is played with the full patience once more at the end, so a short one is enough here.
        let quick = Tolerances { patience: self.patience.min(SHRINKING_PATIENCE), ..self.quick() };
        let shrunk = shrink(self.stage, kept, &record, quick, self.wanted.shrinking)?;
        self.result.starts += shrunk.tries;
        self.keep(shrunk, &record, (suspected, confirmed), before, tell)
    }

    /// Settles a find, tells it and keeps it.
    fn keep(
        &mut self,
        shrunk: Shrunk,
        first: &CaseRecord,
        times: (Duration, Duration),
        before: usize,
        tell: &mut dyn FnMut(News<'_>),
    ) -> Result<(), PlayError> {
        let find = self.settled(shrunk, first, times, before)?;
        self.known.extend(Signature::of(&find.record));
        tell(News::Shrunk(&find));
        self.result.finds.push(find);
        Ok(())
    }

    /// The fewest of the last conversations that fail alone on a fresh start with the full patience.
    fn confirmed(&mut self, trees: &mut Vec<Tree>) -> Result<Option<(Vec<Tree>, CaseRecord)>, PlayError> {
        let all = trees.len();
        let mut sizes = vec![1, 1, 3, 8, all];
        sizes.retain(|size| *size <= all);
        let full = self.stage.options.tolerances.clone();
        for size in sizes {
            if interrupt::came() {
                break;
            }
            let last: Vec<Conversation> = trees[all - size..].iter().map(Tree::current).collect();
            let record = self.alone(&last, &full)?;
            if record.outcome == Outcome::Fail {
                return Ok(Some((trees.split_off(all - size), record)));
            }
        }
        Ok(None)
    }

    fn alone(
        &mut self,
        conversations: &[Conversation],
        tolerances: &Tolerances,
    ) -> Result<CaseRecord, PlayError> {
        self.result.starts += 1;
        let batch = self.stage.written(conversations, Title::passing(), tolerances)?;
        Ok(self.stage.play(&batch.case, tolerances)?)
    }

    /// A failure that did not come again.
    fn doubted(&mut self, record: &CaseRecord) -> Result<(), PlayError> {
        let timed =
            record.finding.as_ref().is_some_and(|finding| finding.fault.lateness() != Lateness::Irrelevant);
        if timed {
            self.patience = (self.patience * 2).min(self.stage.options.tolerances.patience);
        }
        // An answer that the short patience did not wait for is no sign of anything.
        if record.outcome == Outcome::Fail && !timed {
            self.result.unconfirmed.push(record.message.clone().unwrap_or_default());
        }
        Ok(())
    }

    /// The find as it is kept: named, played once more with the full patience, and told how often it fails.
    fn settled(
        &mut self,
        shrunk: Shrunk,
        first: &CaseRecord,
        (suspected, confirmed): (Duration, Duration),
        before: usize,
    ) -> Result<Find, PlayError> {
        let id = format!("explored/{}-{}", self.wanted.seed, self.result.finds.len() + 1);
        let full = self.stage.options.tolerances.clone();
        let mut best = (shrunk.conversations, shrunk.smallest);
        let mut charged = Signature::of(first).map(|signature| signature.charged).unwrap_or_default();
        let mut rate = (0, 0);
        let mut record = first.clone();
        for candidate in [best.0.clone(), shrunk.original.clone()] {
            let batch =
                self.stage.written(&candidate, Title { id: id.clone(), ..Title::passing() }, &full)?;
            rate = if candidate == shrunk.original { (1, 1) } else { (0, 0) };
            while rate.1 < REPLAYS && !(rate.1 > 0 && interrupt::came()) {
                let played = self.stage.play(&batch.case, &full)?;
                self.result.starts += 1;
                rate.1 += 1;
                if played.outcome != Outcome::Fail {
                    continue;
                }
                rate.0 += 1;
                let slow = played.duration >= full.patience;
                record = played;
                if slow {
                    break;
                }
            }
            if rate.0 > 0 {
                best.0 = candidate;
                charged.clone_from(&record.charged);
                break;
            }
            best = (shrunk.original.clone(), false);
        }
        // The head names what the shrunk conversation breaks, which may be more than the first failure told.
        let batch = self.stage.written(&best.0, self.title(&id, &charged), &full)?;
        record.id.clone_from(&id);
        record.summary.clone_from(&batch.case.summary);
        record.requirements.clone_from(&batch.case.requirements);
        let after = best.0.iter().map(|conversation| conversation.stimuli.len()).sum();
        Ok(Find {
            record,
            fixture: batch.text,
            suspected,
            confirmed,
            stimuli: (before, after),
            rate,
            smallest: best.1,
        })
    }

    fn title(&self, id: &str, charged: &[RequirementId]) -> Title {
        let titles =
            charged.iter().filter_map(|id| self.stage.catalogue.find(id)).map(|entry| entry.title.clone());
        Title {
            id: id.to_owned(),
            comment: vec![format!(
                "Found by conformance explore --seed {}, and made as short as it could.",
                self.wanted.seed
            )],
            summary: titles.collect::<Vec<_>>().join("; "),
            requirements: charged.iter().map(ToString::to_string).collect(),
        }
    }

    /// A long wait is over. A failure is confirmed by a second one.
    pub(super) fn waited(
        &mut self,
        (conversation, batch, record): (Conversation, Batch, CaseRecord),
        tell: &mut dyn FnMut(News<'_>),
    ) -> Result<(), PlayError> {
        self.result.starts += 1;
        self.result.conversations += 1;
        self.result.coverage.add(&batch.visits);
        let role = conversation.role();
        let suspected = self.began.elapsed();
        match record.outcome {
            Outcome::Pass => self.result.held.extend(batch.held.iter().map(|id| (role, id.clone()))),
            Outcome::Fail
                if !Signature::of(&record).is_some_and(|signature| self.known.contains(&signature)) =>
            {
                let full = self.stage.options.tolerances.clone();
                let again = self.alone(std::slice::from_ref(&conversation), &full)?;
                if again.outcome != Outcome::Fail {
                    return self.doubted(&record);
                }
                let confirmed = self.began.elapsed();
                tell(News::Confirmed(&again, confirmed));
                let kept = vec![conversation];
                let before = kept[0].stimuli.len();
                let shrunk = Shrunk { conversations: kept.clone(), original: kept, tries: 0, smallest: true };
                self.keep(shrunk, &again, (suspected, confirmed), before, tell)?;
            }
            Outcome::Fail => self.result.again += 1,
            _ => {}
        }
        Ok(())
    }
}
