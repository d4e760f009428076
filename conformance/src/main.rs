//! The runner's process: which of its roles it has, the command line, the run, the reports, the exit.

use std::process::ExitCode;

use clap::Parser;
use conformance::commands::cli::{Cli, Command};
use conformance::commands::{diff, explain, merge, replay, reproduce, vectors};
use conformance::grading;
use conformance::grading::{class, explored};
use conformance::run::worker;
use conformance::stage::{isolate, reference};

fn main() -> ExitCode {
    // The same executable is also its own helper under other names; see stage/isolate.rs and stage/reference.rs.
    if let Some(code) = isolate::dispatch() {
        return code;
    }
    let arg0 = std::env::args_os().next();
    if reference::is_called(arg0.as_deref()) {
        return reference::main();
    }
    if isolate::is_worker() {
        return worker::main();
    }
    let cli = Cli::parse();
    cli.color.write_global();
    let exit = match cli.command {
        Some(Command::Diff { old, new, format }) => diff::compare(&old, &new, format),
        Some(Command::Explain { id }) => explain::print(&id),
        Some(Command::Explore(args)) => explored::explore(&args),
        Some(Command::Grade(args)) => class::grade(&args),
        Some(Command::Merge { files, reports, verbose }) => merge::merge(&files, &reports, verbose),
        Some(Command::Replay(args)) => replay::replay(&args),
        Some(Command::Reproduce(args)) => reproduce::write(&args),
        Some(Command::Vectors { format }) => vectors::print(format),
        None => grading::grade(&cli.run),
    };
    exit.into()
}
