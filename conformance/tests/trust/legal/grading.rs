//! One grading of one combination, and its result.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::process::Output;

use assert_cmd::Command;
use conformance::model::requirement::RequirementId;
use serde::Deserialize;

use super::combinations::Combination;
use super::gallery::Side;
use crate::support::listing::listed;
use crate::support::peers::legal;
use crate::support::runner::runner;

/// About a tenth of the documents' timeout, for the runner and the tester.
const SCALED: [&str; 4] =
    ["--control-timeout=4.4s", "--early=1.2s", "--late=1.2s", "--target-arg=--control-timeout=4.4"];

/// If each case costs seconds, only these are played: both roles, sessions in a row, a queue, an interrupt.
const FEW: [&str; 4] = [
    "server/session/several-in-a-row",
    "server/serial/second-client-waits",
    "server/interrupt/in-test",
    "client/session/exits-after-results",
];

/// A combination plays one in so many of the sets of requirements, and the next combination the next sets.
const SETS: usize = 3;
/// The same for the cases that use a whole processor for a second or more.
const MEASUREMENTS: usize = 9;

/// What a grading plays.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// One case for each set of requirements, divided among the combinations.
    Some,
    /// Every case that does not wait for long.
    Quick,
    /// Every case.
    All,
}

/// A failed requirement, or an error of the runner's own, and the first case with its message.
pub(crate) type Failures = BTreeMap<String, Seen>;

/// Where a failure was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) case: String,
    pub(crate) message: String,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.case, self.message)
    }
}

/// The results of gradings.
#[derive(Default)]
pub(crate) struct Graded {
    pub(crate) failures: Failures,
    pub(crate) judged: usize,
    pub(crate) inconclusive: Vec<String>,
}

#[derive(Deserialize)]
struct Report {
    requirements: Vec<Requirement>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Requirement {
    id: RequirementId,
    outcome: String,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    outcome: String,
    #[serde(default)]
    charged: Vec<RequirementId>,
    #[serde(default)]
    message: Option<String>,
}

/// Grades it. `turn` chooses the cases if it plays only some.
pub(crate) fn grade(combination: &Combination<'_>, extent: Extent, turn: usize) -> Graded {
    let cases = (extent == Extent::Some).then(|| chosen(combination, turn));
    play(combination, extent, cases.as_deref().unwrap_or_default())
}

/// Plays the cases of these failures once more.
pub(crate) fn grade_again(combination: &Combination<'_>, failures: &Failures) -> Failures {
    let cases: BTreeSet<&str> =
        failures.values().map(|seen| seen.case.as_str()).filter(|case| !case.is_empty()).collect();
    let cases: Vec<String> = cases.into_iter().map(str::to_owned).collect();
    play(combination, Extent::All, &cases).failures
}

/// Plays these cases, or all of the extent.
fn play(combination: &Combination<'_>, extent: Extent, cases: &[String]) -> Graded {
    let mut command = conformance(combination, extent);
    command.args(["--quiet", "--report=json"]);
    if !cases.is_empty() {
        command.arg("--case").args(cases);
    }
    read(combination, &command.output().unwrap())
}

fn conformance(combination: &Combination<'_>, extent: Extent) -> Command {
    let mut command = runner();
    command.arg("--target-bin").arg(legal()).arg("--fail-on=harden");
    command.arg(if combination.is_part_1() { "--part=p1" } else { "--part=p2" });
    command.args(combination.0.iter().map(|variant| format!("--target-arg=--variant={}", variant.name)));
    if !combination.needs_the_true_timeout() {
        command.args(SCALED);
    }
    command.args((extent != Extent::All).then_some("--quick"));
    command
}

/// Its share of one case for each set of requirements, of the sides that the combination shows in.
fn chosen(combination: &Combination<'_>, turn: usize) -> Vec<String> {
    let there = listed(&mut conformance(combination, Extent::Some)).into_iter();
    let mut seen = BTreeSet::new();
    let (mut sets, mut measurements) = (0, 0);
    let chosen = there.filter(|case| {
        let id = case.id.as_str();
        if combination.heavy() {
            // Only one of each: `server/interrupt/in-test[…]` has several.
            return FEW.iter().any(|few| id.starts_with(few) && seen.insert(vec![(*few).to_owned()]));
        }
        if !shows(combination, id)
            || !seen.insert(case.requirements.iter().map(ToString::to_string).collect())
        {
            return false;
        }
        if id.starts_with("data/client/") {
            measurements += 1;
            return measurements % MEASUREMENTS == turn % MEASUREMENTS;
        }
        sets += 1;
        sets % SETS == turn % SETS
    });
    chosen.map(|case| case.id).collect()
}

/// Whether the combination can show in this case.
fn shows(combination: &Combination<'_>, case: &str) -> bool {
    match case {
        server if server.starts_with("server/") || server.starts_with("data/server/") => {
            combination.shows_in(Side::Server)
        }
        client if client.starts_with("client/") || client.starts_with("data/client/") => {
            combination.shows_in(Side::Client)
        }
        _ => true,
    }
}

fn read(combination: &Combination<'_>, output: &Output) -> Graded {
    let mut graded = Graded::default();
    let report: Report = match serde_json::from_slice(&output.stdout) {
        Ok(report) => report,
        Err(error) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let seen = Seen { message: format!("{error}: {said}"), ..Seen::default() };
            graded.failures.insert("no report".to_owned(), seen);
            return graded;
        }
    };
    for case in &report.cases {
        let seen = Seen { case: case.id.clone(), message: case.message.clone().unwrap_or_default() };
        match case.outcome.as_str() {
            "error" => {
                graded.failures.entry("error".to_owned()).or_insert(seen);
            }
            "inconclusive" => graded.inconclusive.push(format!("{combination}: {seen}")),
            "fail" => {
                for id in case.charged.iter().filter(|id| !combination.breaks(id)) {
                    graded.failures.entry(id.to_string()).or_insert_with(|| seen.clone());
                }
            }
            _ => {}
        }
        graded.judged += usize::from(case.outcome == "pass" || case.outcome == "fail");
    }
    for requirement in report.requirements {
        if requirement.outcome == "fail" && !combination.breaks(&requirement.id) {
            graded.failures.entry(requirement.id.to_string()).or_default();
        }
    }
    graded
}
