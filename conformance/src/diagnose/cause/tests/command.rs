//! The causes of a wrong command line.

use std::time::Duration;

use rstest::rstest;

use super::file::key_of_its_own;
use crate::model::fault::Fault;
use crate::model::sample::failed;
use crate::model::step::Status;
use crate::model::transcript::Exit;

fn of_command(args: &str, requirement: &str, script: &str, fault: Fault) -> String {
    key_of_its_own(&failed("command/sample", requirement, args, &format!("0 start\n{script}"), fault))
}

#[rstest]
#[case::late(
    "--client --time=abc",
    "CLI-4",
    "200 accepted 127.0.0.1:5678",
    Fault::Connected,
    "arguments-checked-too-late"
)]
#[case::taken("--client --server", "CLI-6", "", Fault::StillRunning { waited: Duration::from_secs(5) },
    "wrong-call-accepted")]
#[case::listens("--server --target=x", "CLI-5", "", Fault::ArgumentsTaken { listens: true }, "wrong-call-accepted")]
#[case::status("--time=abc", "CLI-4", "200 err invalid\\n",
    Fault::WrongExit { exit: Exit::Status(0), wanted: Status::Nonzero }, "usage-error-exits-0")]
#[case::help_unknown("--help", "CLI-1", "100 err unknown option\\n",
    Fault::WrongExit { exit: Exit::Status(2), wanted: Status::Zero }, "option-unknown")]
#[case::help("--help", "CLI-1", "100 out usage: --time SECONDS\\n",
    Fault::WrongExit { exit: Exit::Status(1), wanted: Status::Zero }, "right-call-refused")]
#[case::help_text("--help", "CLI-1", "100 out usage\\n",
    Fault::NotPrinted { text: "--time".to_owned(), waited: Duration::from_secs(5) }, "help-incomplete")]
#[case::silent("", "CLI-11", "", Fault::NoMessage, "refused-without-a-word")]
fn a_wrong_command_line(
    #[case] args: &str,
    #[case] requirement: &str,
    #[case] script: &str,
    #[case] fault: Fault,
    #[case] cause: &str,
) {
    assert_eq!(of_command(args, requirement, script, fault), cause);
}
