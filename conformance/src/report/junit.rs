//! The run as JUnit XML, for the viewers of CI systems. A folder of cases is a suite. The elements and attributes are
//! those that both Jenkins' schema (xunit-plugin, junit-10.xsd) and Ant's (JUnit.xsd) allow. So the total has no
//! attributes, and the output of a case is in the text of its failure.

use crate::words::escape;
use std::collections::BTreeMap;
use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::RunReport;
use super::plain;
use crate::model::outcome::CaseRecord;
use crate::model::requirement::Catalogue;
use crate::model::standing::Standing;

type Xml = Writer<Vec<u8>>;

/// The whole report as one XML document.
pub fn render(report: &RunReport, catalogue: &Catalogue) -> io::Result<Vec<u8>> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let mut suites: BTreeMap<&str, Vec<&CaseRecord>> = BTreeMap::new();
    for case in &report.cases {
        suites.entry(split(&case.id).0).or_default().push(case);
    }
    let started = started(report)?;
    xml.create_element("testsuites").write_inner_content(|xml| {
        (suites.iter().enumerate()).try_for_each(|(index, (name, cases))| {
            suite(xml, index, name, cases, &started, report, catalogue)
        })
    })?;
    let mut document = xml.into_inner();
    document.push(b'\n');
    Ok(document)
}

/// The folder in a case's id, and the rest of the id.
fn split(id: &str) -> (&str, &str) {
    let file = id.split('[').next().unwrap_or(id);
    match file.rsplit_once('/') {
        Some((folder, _)) => (folder, &id[folder.len() + 1..]),
        None => ("cases", id),
    }
}

/// The start of the run in UTC. The schemas allow no fraction of a second and no zone.
fn started(report: &RunReport) -> io::Result<String> {
    let started: jiff::Timestamp = report.started.parse().map_err(io::Error::other)?;
    Ok(started.strftime("%Y-%m-%dT%H:%M:%S").to_string())
}

fn suite(
    xml: &mut Xml,
    index: usize,
    name: &str,
    cases: &[&CaseRecord],
    started: &str,
    report: &RunReport,
    catalogue: &Catalogue,
) -> io::Result<()> {
    let count = |test: fn(Standing) -> bool| {
        cases.iter().filter(|case| test(Standing::of(case, report))).count().to_string()
    };
    let seconds: f64 = cases.iter().map(|case| case.duration.as_secs_f64()).sum();
    let attributes = [
        ("name", name.to_owned()),
        ("id", index.to_string()),
        ("package", "conformance".to_owned()),
        ("hostname", "localhost".to_owned()),
        ("timestamp", started.to_owned()),
        ("tests", cases.len().to_string()),
        ("failures", count(|standing| matches!(standing, Standing::Failed | Standing::Fixed))),
        ("errors", count(|standing| standing == Standing::Broken)),
        ("skipped", count(is_skipped)),
        ("time", format!("{seconds:.3}")),
    ];
    let mut element = xml.create_element("testsuite");
    for (key, value) in &attributes {
        element = element.with_attribute((*key, value.as_str()));
    }
    element.write_inner_content(|xml| {
        properties(xml, report)?;
        for case in cases {
            test_case(xml, case, report, catalogue)?;
        }
        // Ant's schema needs both. What the target printed is in each case.
        xml.create_element("system-out").write_empty()?;
        xml.create_element("system-err").write_empty()?;
        Ok(())
    })?;
    Ok(())
}

/// Whether the case does not count. The schemas have no other word for a failure that does not count.
fn is_skipped(standing: Standing) -> bool {
    matches!(standing, Standing::Skipped | Standing::FailedBelow(_) | Standing::KnownFailure)
}

fn properties(xml: &mut Xml, report: &RunReport) -> io::Result<()> {
    let properties = [
        ("target", plain::target(report)),
        ("target.sha256", report.target.sha256.clone().unwrap_or_default()),
        ("tool", format!("{} {}", report.tool.name, report.tool.version)),
        ("part", report.options.part.to_string()),
        ("fail-on", report.options.fail_on.to_string()),
        ("isolation", report.isolation.to_string()),
    ];
    xml.create_element("properties").write_inner_content(|xml| {
        for (name, value) in &properties {
            let element = xml.create_element("property").with_attribute(("name", *name));
            element.with_attribute(("value", escape::line(value).as_str())).write_empty()?;
        }
        Ok(())
    })?;
    Ok(())
}

fn test_case(xml: &mut Xml, case: &CaseRecord, report: &RunReport, catalogue: &Catalogue) -> io::Result<()> {
    let (folder, name) = split(&case.id);
    let element = (xml.create_element("testcase"))
        .with_attribute(("classname", escape::line(&folder.replace('/', ".")).as_str()))
        .with_attribute(("name", escape::line(name).as_str()))
        .with_attribute(("time", format!("{:.3}", case.duration.as_secs_f64()).as_str()));
    let standing = Standing::of(case, report);
    let message = match standing.remark() {
        Some(remark) => format!("{remark}: {}", plain::message(case)),
        None => plain::message(case),
    };
    let (tag, kind) = match standing {
        Standing::Passed => {
            element.write_empty()?;
            return Ok(());
        }
        Standing::Failed => ("failure", plain::ids(&case.charged)),
        Standing::Fixed => ("failure", "known failure".to_owned()),
        Standing::FailedBelow(_) | Standing::KnownFailure => ("skipped", plain::ids(&case.charged)),
        Standing::Broken => ("error", case.outcome.to_string()),
        Standing::Skipped => ("skipped", "not run".to_owned()),
    };
    let text = plain::case_lines(case, report, catalogue).join("\n");
    element.write_inner_content(|xml| {
        let element = xml.create_element(tag).with_attribute(("message", message.as_str()));
        element.with_attribute(("type", kind.as_str())).write_text_content(BytesText::new(&text))?;
        Ok(())
    })?;
    Ok(())
}
