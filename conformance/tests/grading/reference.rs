//! The built-in reference with the real 45 s: nothing fails, every requirement of Part 1 is judged, and all long waits
//! happen at the same time.

use crate::support::again::judged;
use crate::support::json::json;
use crate::support::runner::runner;

#[test]
fn the_reference_holds_every_requirement_at_the_documents_own_times() {
    let output = judged(runner().args(["--part=p1", "--quiet", "--fail-on=harden", "--report=json"]));
    let report = json(&output);
    let not_passed: Vec<_> = (report["requirements"].as_array().unwrap().iter())
        .filter(|record| record["outcome"] != "pass")
        .collect();
    assert!(not_passed.is_empty(), "{not_passed:#?}");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let waits = |case: &serde_json::Value| case["duration_s"].as_f64().unwrap();
    let total: f64 = report["cases"].as_array().unwrap().iter().map(waits).sum();
    let lasted = report["duration_s"].as_f64().unwrap();
    assert!(lasted < total / 5.0, "the waits were not side by side: {lasted} s of {total} s");
}
