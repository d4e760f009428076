//! Selecting: by part, requirement and case; what is left out and why; in which order the rest starts.

use rstest::rstest;

use super::{CasePattern, Plan, Selection};
use crate::fixture::{Case, fragment_of};
use crate::isolate::Isolation;
use crate::spec::{Catalogue, Part};
use crate::tolerance::Tolerances;

/// A case's id, what it is about, its step, and further keys of its file.
const CASES: &[(&str, &str, &str, &str)] = &[
    ("server/session/reply", "'SRV-2'", "session = '{test}'", "matrix.test = ['TCP_RR', 'UDP_RR']"),
    ("server/session/listens", "'SRV-1'", "start = true", ""),
    ("server/invalid/version", "'INV-1'", "send = '{version}'", "matrix.version = ['00', '02']"),
    ("server/timeout/silent", "'TMO-1'", "closed = 'at control-timeout'", ""),
    ("server/timeout/half", "'TMO-2', 'TMO-8'", "closed = 'at control-timeout'", ""),
    ("server/session/external", "'SRV-13'", "connect = 'a', to = 'external'", ""),
    ("client/session/done", "'CLT-4'", "expect = '01', not_before = '2s'", ""),
    ("data/loss", "'DAT-13'", "serve = '5s'", "exclusive = true"),
    ("data/rate", "'DAT-11'", "serve = '5s'", ""),
];

fn plan(change: impl FnOnce(&mut Selection)) -> Plan {
    let catalogue = Catalogue::built_in().unwrap();
    let mut cases: Vec<Case> = Vec::new();
    for (id, requirements, step, keys) in CASES {
        let target = if id.starts_with("server") { "server" } else { "client" };
        let text = format!(
            "summary = 's'\nrequirements = [{requirements}]\ntarget = '{target}'\n{keys}\nstep = [{{ {step} }}]\n"
        );
        cases.extend(fragment_of(id, id, &text, &catalogue, &Tolerances::default()).unwrap());
    }
    let mut selection = Selection {
        part: Part::P2,
        requirements: Vec::new(),
        cases: Vec::new(),
        quick: false,
        isolation: Isolation::Namespace,
    };
    change(&mut selection);
    Plan::new(cases, &catalogue, &selection)
}

fn ids(plan: &Plan) -> Vec<&str> {
    let mut ids: Vec<_> = plan.cases.iter().map(|case| case.id.as_str()).collect();
    ids.sort_unstable();
    ids
}

#[rstest]
#[case::an_id("server/session/listens", &["server/session/listens"])]
#[case::an_id_with_its_brackets("server/invalid/version[02]", &["server/invalid/version[02]"])]
#[case::a_file("server/invalid/version", &["server/invalid/version[00]", "server/invalid/version[02]"])]
#[case::a_folder("server/timeout/*", &["server/timeout/half", "server/timeout/silent"])]
#[case::a_star_crosses_slashes("*ent*e", &["client/session/done"])]
#[case::a_file_anywhere("*/version", &["server/invalid/version[00]", "server/invalid/version[02]"])]
#[case::brackets_of_an_id_within_a_glob("*[02]", &["server/invalid/version[02]"])]
#[case::a_set_of_letters("data/[lr]*", &["data/loss", "data/rate"])]
#[case::one_of_several("server/{session/listens,timeout/half}", &["server/session/listens", "server/timeout/half"])]
#[case::a_question_mark("data/l?ss", &["data/loss"])]
#[case::no_part_of_an_id("server/session", &[])]
#[case::no_glob_at_all("data/{", &[])]
#[case::nothing("nothing", &[])]
fn a_pattern_names_cases(#[case] pattern: &str, #[case] wanted: &[&str]) {
    assert_eq!(ids(&plan(|selection| selection.cases = vec![CasePattern::new(pattern)])), wanted);
}

#[test]
fn patterns_add_up() {
    let plan = plan(|selection| selection.cases = ["data/loss", "data/r*"].map(CasePattern::new).to_vec());
    assert_eq!(ids(&plan), ["data/loss", "data/rate"]);
}

#[rstest]
#[case::checkpoint(Part::Cp1, &["server/session/listens", "server/session/reply[TCP_RR]", "server/session/reply[UDP_RR]"])]
#[case::project_3(Part::P1, &[
    "client/session/done", "server/invalid/version[00]", "server/invalid/version[02]", "server/session/external",
    "server/session/listens", "server/session/reply[TCP_RR]", "server/session/reply[UDP_RR]", "server/timeout/half",
    "server/timeout/silent",
])]
fn a_part_includes_the_ones_before_it(#[case] part: Part, #[case] wanted: &[&str]) {
    let plan = plan(|selection| selection.part = part);
    assert_eq!(ids(&plan), wanted);
    assert!(plan.requirements.iter().all(|requirement| requirement.part <= part));
    let catalogue = Catalogue::built_in().unwrap();
    let of_part = catalogue.all().iter().filter(|requirement| requirement.part <= part).count();
    assert_eq!(plan.requirements.len(), of_part, "those without a case are told as well");
}

#[rstest]
#[case::one(&["TMO-8"], &["server/timeout/half"])]
#[case::two(&["SRV-1", "DAT-11"], &["data/rate", "server/session/listens"])]
#[case::without_a_case(&["SIG-6"], &[])]
fn requirements_select_their_cases(#[case] wanted: &[&str], #[case] cases: &[&str]) {
    let plan =
        plan(|selection| selection.requirements = wanted.iter().map(|id| id.parse().unwrap()).collect());
    assert_eq!(ids(&plan), cases);
    let about: Vec<_> = plan.requirements.iter().map(|requirement| requirement.id.to_string()).collect();
    assert_eq!(about, wanted, "in the catalogue's order");
}

#[test]
fn a_requirement_and_a_case_must_both_agree() {
    let plan = plan(|selection| {
        selection.requirements = vec!["INV-1".parse().unwrap()];
        selection.cases = vec![CasePattern::new("*[02]"), CasePattern::new("server/session/*")];
    });
    assert_eq!(ids(&plan), ["server/invalid/version[02]"]);
}

#[test]
fn selecting_cases_is_about_their_requirements_alone() {
    let plan = plan(|selection| selection.cases = vec![CasePattern::new("server/timeout/half")]);
    let about: Vec<_> = plan.requirements.iter().map(|requirement| requirement.id.to_string()).collect();
    assert_eq!(about, ["TMO-2", "TMO-8"]);
}

fn dropped(plan: &Plan) -> Vec<(&str, &str)> {
    plan.dropped.iter().map(|dropped| (dropped.case.id.as_str(), dropped.reason.as_str())).collect()
}

#[test]
fn quick_leaves_out_what_waits() {
    let plan = plan(|selection| selection.quick = true);
    assert_eq!(
        dropped(&plan),
        [
            ("server/timeout/silent", "--quick: it waits 45 s"),
            ("server/timeout/half", "--quick: it waits 45 s"),
        ]
    );
    assert!(ids(&plan).contains(&"data/loss"), "5 s are not longer than 5 s");
    assert!(plan.requirements.iter().any(|requirement| requirement.id.to_string() == "TMO-1"));
}

#[test]
fn the_host_cannot_give_a_network() {
    let plan = plan(|selection| selection.isolation = Isolation::Host);
    assert_eq!(
        dropped(&plan),
        [("server/session/external", "it needs a network of its own, which --isolation host does not give")]
    );
}

#[test]
fn what_was_not_selected_is_not_dropped_either() {
    let plan = plan(|selection| {
        selection.quick = true;
        selection.cases = vec![CasePattern::new("data/*")];
    });
    assert_eq!(dropped(&plan), []);
}

#[test]
fn the_longest_wait_starts_first_and_measuring_comes_last_among_equals() {
    let plan = plan(|_| ());
    let waits: Vec<_> = plan.cases.iter().map(|case| case.least_wait()).collect();
    assert!(waits.is_sorted_by(|longer, shorter| longer >= shorter), "{waits:?}");
    let position = |id| plan.cases.iter().position(|case| case.id == id);
    assert!(position("data/rate") < position("data/loss"));
    assert_eq!(plan.longest_wait().as_secs(), 45);
    assert_eq!(plan.total_wait().as_secs(), 45 + 45 + 5 + 5 + 2);
}
