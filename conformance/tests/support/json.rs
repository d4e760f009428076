//! Output of a program for other programs.

use std::process::Output;

use serde_json::Value;

use super::said::said;

/// The JSON document on standard output.
pub(crate) fn json(output: &Output) -> Value {
    let document = serde_json::from_slice(&output.stdout);
    document.unwrap_or_else(|error| panic!("{error}: {}: {}", output.status, said(output)))
}
