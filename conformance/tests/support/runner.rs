//! The command for the runner.

/// The runner's executable.
pub(crate) const RUNNER: &str = env!("CARGO_BIN_EXE_conformance");

/// Environment variables that the runner reads. They may be set where the tests run.
const VARIABLES: [&str; 7] = [
    "NO_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "FORCE_COLOR",
    "GITHUB_STEP_SUMMARY",
    "GITHUB_ACTIONS",
    // Without a terminal, the width of the help is this variable's, or 100.
    "COLUMNS",
];

/// The runner, without environment variables that change its output.
pub(crate) fn runner() -> assert_cmd::Command {
    let mut command = assert_cmd::Command::new(RUNNER);
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command
}
