//! Plays explored conversations: several in one case, one after the other on the same tester, or some alone on a fresh
//! start. A failure is brought back to the conversation that it belongs to.

use std::collections::BTreeSet;
use std::ops::Range;

use super::client;
use super::conversation::{Conversation, Scripted};
use super::script::{self, Head, Line};
use super::server;
use crate::fixture::{Library, cases_of};
use crate::model::case::{Case, Role};
use crate::model::fault::Fault;
use crate::model::outcome::{CaseRecord, Outcome};
use crate::model::requirement::{Catalogue, RequirementId};
use crate::model::tolerance::Tolerances;
use crate::run::{self, Options, RunError, TargetProgram};

/// The case whose last step says what a server must not print.
const PRINTS_NO_RESULT: &str = "server/session/reports-no-result";

/// What is the same for every conversation of an exploration.
#[derive(Clone, Debug)]
pub struct Stage<'a> {
    /// The program.
    pub target: &'a TargetProgram,
    /// The requirements.
    pub catalogue: &'a Catalogue,
    /// How to run.
    pub options: Options,
    /// Data is moved and judged (Part 2).
    pub measures: bool,
    /// A step of a fixture that says what a server must not print.
    unprinted: String,
}

/// One case of several conversations.
#[derive(Clone, Debug)]
pub struct Batch {
    /// As a fixture.
    pub text: String,
    /// The case.
    pub case: Case,
    /// The requirements that its steps are charged to: they hold if it passes.
    pub held: BTreeSet<String>,
    /// The transitions that it tries.
    pub visits: Visits,
    /// The lines of each conversation in the text.
    ranges: Vec<Range<usize>>,
}

/// The head of an explored case.
#[derive(Clone, Debug, Default)]
pub struct Title {
    /// Its id.
    pub id: String,
    /// Lines of comment.
    pub comment: Vec<String>,
    /// One sentence.
    pub summary: String,
    /// What it is evidence for; empty: all that a step is charged to.
    pub requirements: Vec<String>,
}

impl Title {
    /// The head of a case that nobody reads.
    pub fn passing() -> Self {
        let summary = "What a tester may do next".to_owned();
        Self { id: "explored".to_owned(), summary, ..Self::default() }
    }
}

/// The transitions of the models that a case tries.
#[derive(Clone, Debug, Default)]
pub struct Visits {
    /// Of a server.
    pub server: Vec<server::Visit>,
    /// Of a client.
    pub client: Vec<client::Visit>,
}

struct Written {
    head: Head,
    blocks: Vec<Vec<Line>>,
    serves: bool,
    visits: Visits,
}

/// Why an explored conversation cannot be played. A defect of the model.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// The model wrote a conversation that the reader of fixtures refuses.
    #[error("an explored conversation cannot be read: {0}")]
    Unreadable(#[from] crate::fixture::FixtureError),
    /// The run cannot go on.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// What distinguishes one find from another: what fails, and in which way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature {
    /// The requirements that fail.
    pub charged: Vec<RequirementId>,
    /// The kind of the fault, as JSON reports name it.
    pub fault: String,
}

impl Signature {
    /// That of a failed case.
    pub fn of(record: &CaseRecord) -> Option<Self> {
        let finding = record.finding.as_ref()?;
        Some(Self { charged: finding.charged.clone(), fault: kind_of(&finding.fault) })
    }
}

fn kind_of(fault: &Fault) -> String {
    match serde_json::to_value(fault) {
        Ok(serde_json::Value::Object(map)) => map.keys().next().cloned().unwrap_or_default(),
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

impl<'a> Stage<'a> {
    /// A stage for this target.
    pub fn new(
        target: &'a TargetProgram,
        catalogue: &'a Catalogue,
        options: Options,
        measures: bool,
    ) -> Self {
        let source = Library::load(&[]).ok().and_then(|library| library.source_of(PRINTS_NO_RESULT).cloned());
        let step = source.and_then(|source| {
            source.text.rfind("[[step]]").map(|start| {
                source.text[start..].replacen("[[step]]", "[[step]]\nrequirement = \"SRV-10\"", 1)
            })
        });
        Self { target, catalogue, options, measures, unprinted: step.unwrap_or_default() }
    }

    /// The case of these conversations, in this order. A case has one client, or any number of conversations with a server.
    ///
    /// # Errors
    /// The reader of fixtures refuses it, which is a defect of the model.
    pub fn written(
        &self,
        conversations: &[Conversation],
        title: Title,
        tolerances: &Tolerances,
    ) -> Result<Batch, PlayError> {
        let Written { mut head, mut blocks, serves, visits } = self.blocks(conversations, title);
        let all = || blocks.iter().flatten();
        head.needs = all().filter_map(Line::needs).collect::<BTreeSet<_>>().into_iter().collect();
        let held: BTreeSet<String> = all().filter_map(Line::requirement).map(str::to_owned).collect();
        if head.requirements.is_empty() {
            head.requirements = held.iter().cloned().collect();
        }
        // The probe at the end belongs to the last conversation.
        if blocks.len() > conversations.len()
            && let Some(probe) = blocks.pop()
            && let Some(last) = blocks.last_mut()
        {
            last.extend(probe);
        }
        // Where a start is written at all, the first one is as well; and what a case speaks for must stand in it.
        let speaks_for = |id: &str| head.requirements.iter().any(|own| own == id);
        let first = match (head.role, speaks_for("CLT-1")) {
            (Role::Client, true) => Some(Line::new("accept", "startup").charged("CLT-1", "CLT-1")),
            (Role::Client, false) => None,
            _ if speaks_for("SRV-1") || blocks.iter().flatten().any(Line::is_start) => {
                Some(Line::set("start").charged("SRV-1", "SRV-1"))
            }
            _ => None,
        };
        if let Some(block) = blocks.first_mut() {
            block.splice(0..0, first);
        }
        let slices: Vec<&[Line]> = blocks.iter().map(Vec::as_slice).collect();
        let (mut text, ranges) = script::write(&head, &slices);
        if serves && conversations.len() > 1 {
            text.push('\n');
            text.push_str(&self.unprinted);
        }
        let file = format!("{}.toml", head.id);
        let cases = cases_of(&file, &head.id, &text, self.catalogue, tolerances)?;
        match cases.into_iter().next() {
            Some(case) => Ok(Batch { text, case, ranges, held, visits }),
            None => Err(RunError::Impossible("an explored conversation is empty".to_owned()).into()),
        }
    }

    fn blocks(&self, conversations: &[Conversation], title: Title) -> Written {
        let mut head = Head {
            id: title.id,
            comment: title.comment,
            summary: title.summary,
            requirements: title.requirements,
            role: Role::Server,
            args: None,
            time: None,
            data: None,
            needs: Vec::new(),
        };
        let mut blocks: Vec<Vec<Line>> = Vec::new();
        let mut visits = Visits::default();
        // How many tests have begun, as long as that is sure.
        let mut begun = Some(0);
        let mut alive = true;
        let mut blame = "SRV-7";
        for (index, conversation) in conversations.iter().enumerate() {
            let prefix = if conversations.len() == 1 { String::new() } else { format!("c{}-", index + 1) };
            match conversation.scripted(self.measures, &prefix, begun) {
                Scripted::Server(ended) => {
                    let mut lines = ended.lines;
                    begun = ended.begun;
                    (alive, blame) = (!ended.interrupted, ended.blame);
                    visits.server.extend(ended.visits);
                    if let Some(count) = begun.filter(|count| alive && *count > 0) {
                        for text in ["Data thread opening", "Data thread closing"] {
                            let line = Line::new("prints", text).with("times", count);
                            lines.push(line.charged("SRV-11", "SRV-11"));
                        }
                    }
                    blocks.push(lines);
                }
                Scripted::Client(ended) => {
                    head.role = Role::Client;
                    head.args = Some(ended.setting.args());
                    head.time = (ended.setting.time != 1).then_some(ended.setting.time);
                    head.data = ended.setting.port.map(|port| port.data);
                    visits.client.extend(ended.visits);
                    blocks.push(ended.lines);
                }
            }
        }
        let serves = head.role == Role::Server;
        if serves && alive {
            // Whatever was done to it, it must still serve.
            blocks.push(vec![Line::new("session", "TCP_STREAM").with("requirement", blame)]);
        }
        Written { head, blocks, serves, visits }
    }

    /// Plays a case in a worker of its own, with these times.
    ///
    /// # Errors
    /// The run cannot go on.
    pub fn play(&self, case: &Case, tolerances: &Tolerances) -> Result<CaseRecord, RunError> {
        let options = Options { tolerances: tolerances.clone(), ..self.options.clone() };
        run::one(case, self.target, &options)
    }
}

impl Batch {
    /// The conversation in which the case failed; the last one where it failed after all of them.
    pub fn culprit(&self, record: &CaseRecord) -> usize {
        let step = record.finding.as_ref().and_then(|finding| self.case.steps.get(finding.step));
        let line = step.map_or(usize::MAX, |step| step.line);
        let found = self.ranges.iter().position(|range| range.contains(&line));
        found.unwrap_or(self.ranges.len()).min(self.ranges.len().saturating_sub(1))
    }
}

/// Whether a record says that something is wrong, or may be.
pub fn is_suspicious(record: &CaseRecord) -> bool {
    matches!(record.outcome, Outcome::Fail | Outcome::Inconclusive)
}
