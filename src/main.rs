//! The program `tester`: everything is in the library, so that another program can be it as well.

use std::process::ExitCode;

fn main() -> ExitCode {
    tester::run_from(std::env::args_os())
}
