//! Whole reports of hand-written runs, as a person reads them without colours.

use std::time::Duration;

use rstest::rstest;

use super::{Detail, render};
use crate::diagnose::problem;
use crate::model::bytes::Pattern;
use crate::model::fault::Fault;
use crate::model::outcome::{CaseRecord, Outcome, RequirementRecord, Summary};
use crate::model::place::Isolation;
use crate::model::requirement::{Catalogue, Level, Part, RequirementId};
use crate::model::sample::failed;
use crate::model::tolerance::Tolerances;
use crate::model::transcript::EndedBy;
use crate::report::{ReportOptions, RunReport, SCHEMA, TargetInfo, Tool};

/// A report of these cases. The requirements that they charge fail, those in `passed` hold, and `others` are as given.
fn report(cases: Vec<CaseRecord>, passed: &str, others: &[(&str, Outcome, &str)]) -> RunReport {
    let catalogue = Catalogue::built_in().unwrap();
    let record = |id: &RequirementId, outcome, reason: Option<&str>| {
        let entry = catalogue.find(id).unwrap();
        RequirementRecord {
            id: id.clone(),
            level: entry.level,
            part: entry.part,
            title: entry.title.clone(),
            outcome,
            reason: reason.map(str::to_owned),
            blocked_by: reason
                .filter(|reason| reason.starts_with("not judged"))
                .map(|_| id.clone())
                .into_iter()
                .collect(),
            cases: match outcome {
                Outcome::Pass => vec!["a/case".to_owned(), "another/case".to_owned()],
                _ => cases
                    .iter()
                    .filter(|case| case.charged.contains(id))
                    .map(|case| case.id.clone())
                    .collect(),
            },
        }
    };
    let ids =
        |text: &str| text.split_whitespace().map(|id| id.parse().unwrap()).collect::<Vec<RequirementId>>();
    let mut requirements: Vec<_> = ids(passed).iter().map(|id| record(id, Outcome::Pass, None)).collect();
    for (id, outcome, reason) in others {
        requirements.push(record(&id.parse().unwrap(), *outcome, Some(reason)));
    }
    for id in cases.iter().flat_map(|case| &case.charged) {
        if !requirements.iter().any(|known| known.id == *id) {
            requirements.push(record(id, Outcome::Fail, None));
        }
    }
    let place = |record: &RequirementRecord| catalogue.all().iter().position(|entry| entry.id == record.id);
    requirements.sort_by_key(place);
    let mut cases = cases;
    let problems = problem::of_run(&requirements, &mut cases, &Tolerances::default());
    RunReport {
        schema: SCHEMA,
        tool: Tool { name: "conformance".to_owned(), version: "0.1.0".to_owned() },
        target: TargetInfo {
            path: Some("/usr/bin/python3".to_owned()),
            sha256: None,
            args: vec!["tester.py".to_owned()],
        },
        options: ReportOptions {
            part: Part::P1,
            quick: false,
            fail_on: Level::Must,
            jobs: 4,
            seed: 7,
            fixtures: Vec::new(),
            tolerances: Tolerances::default(),
        },
        isolation: Isolation::Namespace,
        started: "2026-01-01T00:00:00Z".to_owned(),
        duration: Duration::from_millis(51_300),
        summary: Summary::of(&requirements),
        requirements,
        problems,
        cases,
        baseline: None,
        explored: None,
    }
}

fn shown(report: &RunReport, width: usize, detail: Detail) -> String {
    let text = render(report, &Catalogue::built_in().unwrap(), width, detail);
    anstream::adapter::strip_str(&text).to_string()
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
}

const SESSION: &str = "0 start\n102 ready\n103 connect\n103 open\n104 > 010102\n105 < 0102bb9c\n\
                       105 out Data thread opening\\n\n";

fn byte_order() -> RunReport {
    let swapped = Fault::PortSwapped { announced: 0xbb9c, open: 0x9cbb };
    let cases = ["TCP_STREAM", "TCP_RR", "UDP_STREAM"].map(|test| {
        failed(
            &format!("server/session/port-announced[{test}]"),
            "SRV-3",
            "--server",
            SESSION,
            swapped.clone(),
        )
    });
    let padded =
        Fault::SurplusBytes { expected: pattern("01 04 ??*8"), actual: [&[1, 4][..], &[0; 14]].concat() };
    let script =
        format!("{SESSION}106 > 0103\n108 < {}\n108 eof", hex::encode([&[1, 4][..], &[0; 14]].concat()));
    let mut results = failed("server/session/results[TCP_RR]", "SRV-5", "--server", &script, padded.clone());
    results.why = Some("version 1, type 4 (Results), and an 8-byte count without padding".to_owned());
    let elsewhere = failed("command/time-with-server", "SRV-5", "--server --time=1", &script, padded);
    let elsewhere = CaseRecord { requirements: vec!["CLI-7".parse().unwrap()], ..elsewhere };
    report(
        cases.into_iter().chain([elsewhere, results]).collect(),
        "CLI-1 CLI-2 SRV-1 SRV-2",
        &[("CLI-7", Outcome::Skip, "not judged: SRV-5 does not hold (command/time-with-server)")],
    )
}

fn dead_server() -> RunReport {
    let trace = "err Traceback (most recent call last):\\n  File \"/home/ada/tester.py\", line 177, in <module>\\n    \
                 main()\\n  File \"/home/ada/tester.py\", line 42, in serve\\n    raise ValueError(\"invalid message\")\\n\
                 ValueError: invalid message";
    let refused = Fault::NotConnected { error: "connection refused".to_owned() };
    let case = |id: &str, charged: &str, sent: &str| {
        let script = format!(
            "0 start\n200 ready\n201 connect\n201 open\n202 > {sent}\n203 {trace}\n204 eof\n204 exit 1\n\
             210 connect on session-4\n210 refused connection refused on session-4"
        );
        failed(id, charged, "--server", &script, refused.clone())
    };
    let reset =
        Fault::EndedBeforeBytes { expected: pattern("01 02 PP PP"), actual: Vec::new(), by: EndedBy::Reset };
    let mut last = case("server/invalid/done-type[reply]", "INV-5", "010101");
    last.finding.as_mut().unwrap().fault = reset;
    let mut cases = vec![last];
    for (name, id, sent) in [("request-version", "INV-1", "020101"), ("request-test-type", "INV-3", "010105")]
    {
        for variant in ["00", "02", "ff"] {
            cases.push(case(&format!("server/invalid/{name}[{variant}]"), id, sent));
        }
    }
    report(cases, "SRV-1", &[("INV-7", Outcome::Skip, "not run: --quick leaves out what waits longer")])
}

/// A failure without a recognised cause, with an output that would control the terminal; and a case that the machine was
/// too busy to judge.
fn odd_ends() -> RunReport {
    let script =
        "0 start\n100 ready\n200 connect\n200 open\n300 out \u{1b}[31mred\u{1b}[0m \u{202e}backwards\u{7}\\n";
    let mut odd = failed("server/session/announced", "SRV-3", "--server", script, Fault::NoPort);
    odd.leftovers = vec!["sleep".to_owned()];
    let mut late = failed("server/timeout/before-request", "TMO-1", "--server", "0 start", Fault::NoPort);
    late.outcome = Outcome::Inconclusive;
    late.charged.clear();
    late.message = Some("this machine was too busy to judge it".to_owned());
    let mut report = report(
        vec![odd, late],
        "",
        &[("TMO-1", Outcome::Inconclusive, "this machine was too busy to judge it")],
    );
    report.options.tolerances.control_timeout = Duration::from_secs(2);
    report.isolation = Isolation::Host;
    report
}

fn early_client() -> RunReport {
    let script = "0 start\n200 accepted 127.0.0.1:5678\n201 < 010101\n202 > 01029cbb\n203 out Data thread opening\\n\n204 < 0103";
    let early = Fault::BytesTooEarly {
        actual: vec![1, 3],
        after: Duration::from_millis(2),
        not_before: Duration::from_secs(1),
    };
    let args = "--client --target=127.0.0.1 --test=TCP_STREAM --time=1";
    report(
        vec![failed("client/session/done-after-time[TCP_STREAM]", "CLT-4", args, script, early)],
        "CLT-1 CLT-2",
        &[],
    )
}

#[rstest]
#[case::byte_order("byte-order", byte_order())]
#[case::dead_server("dead-server", dead_server())]
#[case::odd_ends("odd-ends", odd_ends())]
#[case::early_client("early-client", early_client())]
#[case::all_well("all-well", report(Vec::new(), "SRV-1 SRV-2 TMO-1", &[]))]
fn reports_read_well(#[case] name: &str, #[case] report: RunReport, #[values(80, 110)] width: usize) {
    insta::assert_snapshot!(format!("report-{name}-{width}"), shown(&report, width, Detail::Brief));
}

#[rstest]
#[case::byte_order("byte-order", byte_order())]
#[case::odd_ends("odd-ends", odd_ends())]
fn full_reports_read_well(#[case] name: &str, #[case] report: RunReport) {
    insta::assert_snapshot!(format!("full-{name}"), shown(&report, 100, Detail::Full));
}

#[rstest]
fn reports_keep_to_the_width(
    #[values(byte_order(), dead_server(), early_client())] report: RunReport,
    #[values(Detail::Brief, Detail::Full)] detail: Detail,
) {
    for line in shown(&report, 80, detail).lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_dead_server_is_one_problem() {
    let text = shown(&dead_server(), 100, Detail::Brief);
    assert!(text.contains("1 problem."), "{text}");
    assert_eq!(text.matches("   Test ").count(), 1);
}

#[test]
fn nothing_of_the_target_controls_the_terminal() {
    let text = [Detail::Brief, Detail::Full]
        .map(|detail| render(&odd_ends(), &Catalogue::built_in().unwrap(), 100, detail))
        .join("\n");
    for control in ["\u{1b}[31mred", "\u{202e}", "\u{7}"] {
        assert!(!text.contains(control), "{control:?}");
    }
}
