//! The results of a run: a record for each case and each requirement. The verdict on a requirement is made here from its
//! cases.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::case::{Case, Kind, Role, TestType};
use crate::model::fault::Finding;
use crate::model::plan::{Dropped, Plan};
use crate::model::problem::Cause;
use crate::model::requirement::{Level, Part, Requirement, RequirementId};
use crate::model::tolerance::seconds;
use crate::model::transcript::Transcript;

/// How a case, or a requirement, came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It was not run, or not judged. It never counts as passed.
    Skip,
    /// The machine was too busy to judge a time.
    Inconclusive,
    /// The runner could not carry it out. That is not the target's fault.
    Error,
    /// It does not hold.
    Fail,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Skip => "skip",
            Self::Inconclusive => "inconclusive",
            Self::Error => "error",
            Self::Fail => "fail",
        })
    }
}

/// The result of one case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CaseRecord {
    /// The case.
    pub id: String,
    /// One sentence: what holds when it passes.
    pub summary: String,
    /// The requirements that it is evidence for.
    pub requirements: Vec<RequirementId>,
    /// What the program was started as.
    pub role: Role,
    /// What it is about.
    pub kind: Kind,
    /// The test that the client asks for in the first session, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<TestType>,
    /// What is done and what must come back, one sentence for each step; empty if the case was not played.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<String>,
    /// The target's arguments in this case, which follow those of every case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// How many cases the same process of the target had played before; 0: it was started for this one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub after: usize,
    /// How it came out.
    pub outcome: Outcome,
    /// The requirements that fail. They are not in `requirements` if the case stopped at one that it depends on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub charged: Vec<RequirementId>,
    /// How long it took.
    #[serde(rename = "duration_s", with = "seconds")]
    pub duration: Duration,
    /// One line: what is wrong, or why it was not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What was due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<String>,
    /// The fault with its bytes and times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<Finding>,
    /// What is probably wrong in the program, if the fault shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The connection of the step that failed, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// What the fixture says about the step that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Processes of the target that did not end with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leftovers: Vec<String>,
    /// How it came out in each run, with `--repeat`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Outcome>,
    /// Everything that happened.
    pub transcript: Transcript,
    /// The target's standard output.
    pub stdout: String,
    /// The target's standard error.
    pub stderr: String,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl CaseRecord {
    /// The record of a case that was not played: skipped, or an error of the runner.
    pub fn unplayed(case: &Case, outcome: Outcome, message: String) -> Self {
        let bare = Self::bare(case.id.clone(), case.summary.clone(), case.requirements.clone(), case.role);
        Self {
            kind: case.kind(),
            test: case.test(),
            args: case.args.clone(),
            outcome,
            message: Some(message),
            ..bare
        }
    }

    /// Whether it could not be judged: an error of the runner, or a time on a busy machine.
    pub fn is_unsure(&self) -> bool {
        matches!(self.outcome, Outcome::Error | Outcome::Inconclusive)
    }

    /// A record that passes and holds nothing else: of the control connection, played in no time.
    pub fn bare(id: String, summary: String, requirements: Vec<RequirementId>, role: Role) -> Self {
        Self {
            id,
            summary,
            requirements,
            role,
            kind: Kind::Control,
            test: None,
            steps: Vec::new(),
            args: Vec::new(),
            after: 0,
            outcome: Outcome::Pass,
            charged: Vec::new(),
            duration: Duration::ZERO,
            message: None,
            expected: None,
            actual: None,
            finding: None,
            cause: None,
            connection: None,
            why: None,
            leftovers: Vec::new(),
            runs: Vec::new(),
            transcript: Transcript::default(),
            stdout: String::new(),
            stderr: String::new(),
        }
    }
}

impl From<&Dropped> for CaseRecord {
    fn from(dropped: &Dropped) -> Self {
        Self::unplayed(&dropped.case, Outcome::Skip, dropped.reason.clone())
    }
}

/// The result of one requirement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequirementRecord {
    /// The requirement.
    pub id: RequirementId,
    /// How binding it is.
    pub level: Level,
    /// The hand-in that it belongs to.
    pub part: Part,
    /// One short sentence.
    pub title: String,
    /// How it came out.
    pub outcome: Outcome,
    /// Why it was not judged, if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The requirements that failed first, so that this one could not be judged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked_by: Vec<RequirementId>,
    /// The cases that are evidence for it, and those that failed on it.
    pub cases: Vec<String>,
}

impl RequirementRecord {
    /// Whether it could not be judged because another requirement does not hold.
    pub fn is_blocked(&self) -> bool {
        !self.blocked_by.is_empty()
    }
}

/// The number of requirements of one level with each outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Hold.
    pub passed: usize,
    /// Do not hold.
    pub failed: usize,
    /// Errors of the runner, and times that it could not judge.
    pub error: usize,
    /// Not run or not judged.
    pub skipped: usize,
}

/// The counts of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Of level MUST.
    pub must: Count,
    /// Of level SHOULD.
    pub should: Count,
    /// Of level HARDEN.
    pub harden: Count,
}

impl Summary {
    /// Counts the records.
    pub fn of(requirements: &[RequirementRecord]) -> Self {
        let mut summary = Self::default();
        for record in requirements {
            let count = summary.count_mut(record.level);
            *match record.outcome {
                Outcome::Pass => &mut count.passed,
                Outcome::Fail => &mut count.failed,
                Outcome::Error | Outcome::Inconclusive => &mut count.error,
                Outcome::Skip => &mut count.skipped,
            } += 1;
        }
        summary
    }

    /// The count of one level.
    pub fn count(&self, level: Level) -> Count {
        match level {
            Level::Must => self.must,
            Level::Should => self.should,
            Level::Harden => self.harden,
        }
    }

    fn count_mut(&mut self, level: Level) -> &mut Count {
        match level {
            Level::Must => &mut self.must,
            Level::Should => &mut self.should,
            Level::Harden => &mut self.harden,
        }
    }
}

/// The verdict on every requirement of the plan, and on every other one that a case failed on, in the catalogue's order.
pub fn requirement_records(
    plan: &Plan,
    catalogue: &[Requirement],
    cases: &[CaseRecord],
) -> Vec<RequirementRecord> {
    let mut evidence: BTreeMap<&RequirementId, Vec<&CaseRecord>> = BTreeMap::new();
    for case in cases {
        for id in case.requirements.iter().chain(&case.charged) {
            let known = evidence.entry(id).or_default();
            if !known.iter().any(|other| std::ptr::eq(*other, case)) {
                known.push(case);
            }
        }
    }
    let planned =
        |requirement: &&Requirement| plan.requirements.iter().any(|entry| entry.id == requirement.id);
    let charged =
        |requirement: &&Requirement| cases.iter().any(|case| case.charged.contains(&requirement.id));
    let concerned = catalogue.iter().filter(|requirement| planned(requirement) || charged(requirement));
    concerned.map(|entry| record(entry, evidence.get(&entry.id).map_or(&[][..], Vec::as_slice))).collect()
}

fn record(requirement: &Requirement, evidence: &[&CaseRecord]) -> RequirementRecord {
    let Judgement { outcome, reason, blocked_by } = judge(requirement, evidence);
    RequirementRecord {
        id: requirement.id.clone(),
        level: requirement.level,
        part: requirement.part,
        title: requirement.title.clone(),
        outcome,
        reason,
        blocked_by,
        cases: evidence.iter().map(|case| case.id.clone()).collect(),
    }
}

/// How a requirement came out.
struct Judgement {
    outcome: Outcome,
    reason: Option<String>,
    blocked_by: Vec<RequirementId>,
}

impl Judgement {
    fn of(outcome: Outcome, reason: Option<String>) -> Self {
        Self { outcome, reason, blocked_by: Vec::new() }
    }
}

/// One failed case is enough to fail; every case must have passed to pass.
fn judge(requirement: &Requirement, evidence: &[&CaseRecord]) -> Judgement {
    if evidence.iter().any(|case| case.charged.contains(&requirement.id)) {
        return Judgement::of(Outcome::Fail, None);
    }
    let own = || evidence.iter().filter(|case| case.requirements.contains(&requirement.id));
    for outcome in [Outcome::Error, Outcome::Inconclusive] {
        if let Some(case) = own().find(|case| case.outcome == outcome) {
            return Judgement::of(outcome, case.message.clone());
        }
    }
    // A case that failed on another requirement stopped before it could check this one.
    if let Some(blocked) = own().find(|case| case.outcome == Outcome::Fail) {
        let ids: Vec<_> = blocked.charged.iter().map(ToString::to_string).collect();
        let reason = format!("not judged: {} does not hold ({})", ids.join(", "), blocked.id);
        let blocked_by = blocked.charged.clone();
        return Judgement { outcome: Outcome::Skip, reason: Some(reason), blocked_by };
    }
    if let Some(skipped) = own().find(|case| case.outcome == Outcome::Skip) {
        return Judgement::of(Outcome::Skip, skipped.message.clone());
    }
    if own().next().is_none() {
        let reason = requirement.uncheckable.clone();
        return Judgement::of(Outcome::Skip, Some(reason.unwrap_or_else(|| "no case checks it".to_owned())));
    }
    Judgement::of(Outcome::Pass, None)
}
