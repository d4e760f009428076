//! What a program has said.

use std::process::Output;

/// What stands on standard output, and then what stands on standard error.
pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
