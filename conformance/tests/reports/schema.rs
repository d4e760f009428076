//! spec/report.schema.json against what is really written: it is complete and strict, and describes nothing else.

use conformance::model::fault::Fault;
use conformance::model::transcript::{Entry, Event};
use conformance::report::format::ReportFormat;
use rstest::rstest;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::sample::{rendered, sample};

const SCHEMA: &str = include_str!("../../../spec/report.schema.json");

/// Panics with every fault of `instance` against a part of the schema.
pub(crate) fn assert_valid(definition: &str, instance: &Value) {
    let faults = faults(definition, instance);
    assert!(faults.is_empty(), "not a {definition}: {}\n{instance:#}", faults.join("\n"));
}

fn faults(definition: &str, instance: &Value) -> Vec<String> {
    let schema = schema();
    let part = json!({
        "$schema": schema["$schema"], "$ref": format!("#/$defs/{definition}"), "$defs": schema["$defs"]
    });
    let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&part).unwrap();
    validator.iter_errors(instance).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

#[test]
fn the_schema_is_a_schema_of_draft_2020_12() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    jsonschema::draft202012::meta::validate(&schema).map_err(|error| error.to_string()).unwrap();
}

#[test]
fn a_report_is_valid_also_by_the_root() {
    let report: Value = serde_json::from_str(&rendered(ReportFormat::Json, &sample())).unwrap();
    assert_valid("report", &report);
    assert!(jsonschema::draft202012::is_valid(&schema(), &report));
}

/// Reading and writing the shared run loses nothing.
#[test]
fn the_sample_is_what_would_be_written() {
    let sample: Value = serde_json::from_str(include_str!("sample.json")).unwrap();
    let written: Value =
        serde_json::from_str(&rendered(ReportFormat::Json, &super::sample::sample())).unwrap();
    assert_eq!(written, sample);
}

/// A file of schema 1 can be read: what it lacks is worked out.
#[test]
fn a_report_of_schema_1_is_read() {
    let old = crate::support::paths::in_crate("tests/reports/sample-of-schema-1.json");
    let read = conformance::grading::stored::read(&old).unwrap();
    let now = sample();
    assert_eq!(read.schema, now.schema);
    assert_eq!(read.problems, now.problems);
    let causes = |report: &conformance::report::RunReport| {
        report.cases.iter().map(|case| case.cause.clone()).collect::<Vec<_>>()
    };
    assert_eq!(causes(&read), causes(&now));
    assert_valid("report", &serde_json::from_str(&rendered(ReportFormat::Json, &read)).unwrap());
}

#[test]
fn what_schema_1_called_mended_is_fixed() {
    let mut old: Value = serde_json::from_str(include_str!("sample-of-schema-1.json")).unwrap();
    old["baseline"] = json!({ "expected": [], "mended": ["server/session/listens"] });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), old.to_string()).unwrap();
    let read = conformance::grading::stored::read(file.path()).unwrap();
    assert_eq!(read.baseline.unwrap().fixed, ["server/session/listens"]);
}

#[rstest]
#[case::unknown_key("", "surprise", json!(1))]
#[case::unknown_key_of_a_case("/cases/0", "surprise", json!(1))]
#[case::unknown_key_of_a_fault("/cases/0/finding/fault", "surprise", json!(1))]
#[case::unknown_key_of_an_entry("/cases/0/transcript/0", "surprise", json!(1))]
#[case::unknown_outcome("/requirements/0", "outcome", json!("passed"))]
#[case::unknown_event("/cases/0/transcript/0", "event", json!("surprise"))]
#[case::bad_id("/requirements/0", "id", json!("inv1"))]
#[case::bad_time("", "started", json!("yesterday"))]
#[case::negative_duration("/cases/0", "duration_s", json!(-1))]
#[case::odd_hex("/cases/1/transcript/8", "bytes", json!("010"))]
#[case::other_version("", "schema", json!(3))]
fn what_is_not_of_the_format_is_refused(#[case] at: &str, #[case] key: &str, #[case] value: Value) {
    let mut report: Value = serde_json::from_str(include_str!("sample.json")).unwrap();
    report.pointer_mut(at).unwrap()[key] = value;
    assert!(!faults("report", &report).is_empty());
}

#[rstest]
#[case("")]
#[case("/tool")]
#[case("/options")]
#[case("/summary/must")]
#[case("/requirements/1")]
#[case("/cases/5")]
fn every_required_key_is_asked_for(#[case] at: &str) {
    let sample: Value = serde_json::from_str(include_str!("sample.json")).unwrap();
    for key in sample.pointer(at).unwrap().as_object().unwrap().keys() {
        let mut report = sample.clone();
        report.pointer_mut(at).unwrap().as_object_mut().unwrap().remove(key);
        assert!(!faults("report", &report).is_empty(), "{at}/{key} may be left out");
    }
}

#[test]
fn every_kind_of_fault_has_its_place() {
    assert_variants::<Fault>("fault", "kind", |kind| json!({ "kind": kind }));
}

#[test]
fn every_kind_of_event_has_its_place() {
    assert_variants::<Event>("entry", "event", |kind| json!({ "event": kind }));
    for example in examples("entry") {
        assert_round_trip::<Entry>("entry", &example);
    }
}

#[test]
fn every_example_of_a_fault_is_one() {
    for example in examples("fault") {
        assert_round_trip::<Fault>("fault", &example);
    }
}

/// The program reads the example, and what it writes of it is the same and valid.
fn assert_round_trip<T: DeserializeOwned + Serialize>(definition: &str, example: &Value) {
    let read: T =
        serde_json::from_value(example.clone()).unwrap_or_else(|error| panic!("{error}: {example}"));
    let written = serde_json::to_value(&read).unwrap();
    assert_eq!(written, *example);
    assert_valid(definition, &written);
}

/// The schema has exactly the variants of the type. serde's error for an unknown variant lists them all.
fn assert_variants<T: DeserializeOwned>(definition: &str, tag: &str, of: fn(&str) -> Value) {
    let Err(error) = serde_json::from_value::<T>(of("?")) else { panic!("`?` is a {tag}") };
    let error = error.to_string();
    let (_, known) = error.split_once("expected one of ").unwrap();
    let mut known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    known.sort_unstable();
    let schema = schema();
    let variants = schema["$defs"][definition]["oneOf"].as_array().unwrap();
    let mut told: Vec<&str> =
        variants.iter().map(|variant| variant["properties"][tag]["const"].as_str().unwrap()).collect();
    told.sort_unstable();
    told.dedup();
    assert_eq!(told, known);
}

fn examples(definition: &str) -> Vec<Value> {
    let schema = schema();
    let variants = schema["$defs"][definition]["oneOf"].as_array().unwrap();
    let examples = variants.iter().flat_map(|variant| {
        let examples = variant["examples"].as_array().unwrap();
        assert!(!examples.is_empty(), "{variant}");
        examples.clone()
    });
    examples.collect()
}
