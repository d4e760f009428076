//! Errors for bad input: the documented exit status, and one clear line that names the file and line, or the option.

use clap::ValueEnum;
use conformance::report::format::ReportFormat;
use predicates::Predicate;
use predicates::str::{contains, is_match};
use rstest::rstest;

use crate::support::folder::Folder;
use crate::support::runner::RUNNER;

/// Programs that cannot be graded, and one that can.
fn programs() -> Folder {
    Folder::new()
        .with_folder("folder")
        .with("plain.py", "print('no')\n")
        .with_program("no-shebang.py", "print('no')\n")
        .with_program("no-such-python.py", "#!/usr/bin/python2.99\n")
        .with_program("from-windows.py", "#!/bin/sh\r\n")
        .with_program("good.sh", "#!/bin/sh\necho 1.0\n")
}

#[rstest]
#[case::missing(&["--target-bin=missing.py"], "./missing.py: no such program")]
#[case::a_folder(&["--target-bin=folder"], "./folder: is a directory, not a program")]
#[case::not_executable(&["--target-bin=plain.py"], "./plain.py: not executable (chmod +x makes it so)")]
#[case::below_a_file(&["--target-bin=plain.py/tester"], "./plain.py/tester: no such program")]
#[case::unknown_command(&["--target-cmd=no-such-program --flag"], "no-such-program: no such program")]
#[case::not_in_the_path(&["--target-cmd=good.sh"], "good.sh: no such program")]
fn a_target_that_is_none_is_refused_at_once(#[case] args: &[&str], #[case] line: &str) {
    assert_eq!(programs().refused(args), (3, line.to_owned()));
}

#[rstest]
#[case::no_shebang(
    "no-shebang.py",
    "neither a binary for this machine nor a script with a first line such as #!/usr/bin/env python3"
)]
#[case::no_interpreter(
    "no-such-python.py",
    "its first line asks for the interpreter \"/usr/bin/python2.99\", which does not exist"
)]
#[case::line_ends_of_windows(
    "from-windows.py",
    "its first line asks for the interpreter \"/bin/sh\\r\", which does not exist"
)]
fn a_target_that_the_system_cannot_start_is_named(#[case] program: &str, #[case] reason: &str) {
    let folder = programs();
    let path = folder.path().canonicalize().unwrap().join(program);
    let (status, line) = folder.refused(&["--case=command/version", "--target-bin", program]);
    assert_eq!((status, line), (3, format!("{}: {reason}", path.display())));
}

#[rstest]
#[case::unbalanced_quotes(&["--target-cmd=python3 'my tester.py"], "--target-cmd: missing closing quote")]
#[case::empty_command(&["--target-cmd="], "--target-cmd is empty")]
#[case::argument_of_nobody(&["--target-arg=-u"], "--target-arg needs --target-bin or --target-cmd")]
#[case::unknown_requirement(&["--requirement=INV-99"], "--requirement INV-99: the catalogue has no such requirement")]
#[case::two_reports_in_one_place(
    &["--report=human", "--report=json"],
    "--report: only one report can go to standard output, the others need =FILE"
)]
#[case::report_nowhere(&["--report=json=nowhere/out.json"], "--report nowhere/out.json: No such file or directory (os error 2)")]
#[case::report_onto_a_folder(&["--report=json=folder"], "--report folder: is a directory")]
#[case::report_below_a_file(&["--report=json=plain.py/out.json"], "--report plain.py/out.json: not a directory")]
fn a_wrong_option_is_refused(#[case] args: &[&str], #[case] line: &str) {
    assert_eq!(programs().refused(args), (2, line.to_owned()));
}

#[rstest]
#[case::no_such_case(&["--case=server/no-such"], "--case server/no-such: there is no such case (see --list)")]
#[case::one_of_two(
    &["--case=command/version", "--case=comand/*"],
    "--case comand/*: there is no such case (see --list)"
)]
#[case::nothing_of_both(
    &["--case=command/version", "--requirement=INV-1"],
    "nothing to run: no case matches --part, --requirement and --case (see --list)"
)]
#[case::nothing_of_the_part(
    &["--part=cp1", "--requirement=INV-1"],
    "nothing to run: no case matches --part, --requirement and --case (see --list)"
)]
#[case::nothing_that_is_quick(
    &["--quick", "--case=server/timeout/before-request"],
    "nothing to run: server/timeout/before-request was left out (--quick: it waits 45 s)"
)]
fn a_selection_of_nothing_is_no_success(#[case] args: &[&str], #[case] line: &str) {
    assert_eq!(programs().refused(args), (4, line.to_owned()));
    assert_eq!(programs().refused(&[args, &["--list"]].concat()), (4, line.to_owned()));
}

/// clap reports its own errors: the fault, the usage, status 2.
#[rstest]
#[case::unknown_option(&["--targt-bin=x"], "unexpected argument '--targt-bin' found")]
#[case::two_targets(&["--target-bin=x", "--target-cmd=y"], "cannot be used with")]
#[case::unknown_part(&["--part=p3"], "invalid value 'p3' for '--part")]
#[case::no_id(&["--requirement=INV"], "`INV` is not a requirement id such as INV-1")]
#[case::unknown_report(&["--report=xml"], "xml is none of human, json")]
#[case::report_without_a_file(&["--report=json="], "no file behind =")]
#[case::no_time(&["--patience=soon"], "'--patience <TIME>'")]
#[case::no_time_at_all(&["--control-timeout=0"], "must be above zero")]
#[case::a_time_below_zero(&["--late=-1"], "'--late <TIME>'")]
#[case::no_number(&["--startup=nan"], "'--startup <TIME>'")]
#[case::a_day(&["--control-timeout=1d"], "an hour at most")]
#[case::no_job(&["--jobs=0"], "'--jobs <N>'")]
#[case::unknown_isolation(&["--isolation=vm"], "invalid value 'vm' for '--isolation")]
#[case::unknown_level(&["--fail-on=may"], "invalid value 'may' for '--fail-on")]
#[case::a_stray_word(&["tester.py"], "tester.py")]
fn a_wrong_command_line_is_refused(#[case] args: &[&str], #[case] message: &str) {
    programs().runner().args(args).assert().code(2).stdout("").stderr(contains(message));
}

#[test]
fn a_pattern_longer_than_every_id_is_refused() {
    let stars = format!("--case={}", "*".repeat(100_000));
    let line = "--case: a pattern has 300 bytes at most, and this one has 100000";
    assert_eq!(programs().refused(&[&stars, "--list"]), (2, line.to_owned()));
    let stars = format!("--case=command/version{}", "*".repeat(270));
    programs().runner().args([&stars, "--list"]).assert().code(0);
}

/// The exit status is the documented one, even if the message cannot be written.
#[rstest]
#[case::usage(&["--target-cmd="], 2)]
#[case::no_target(&["--target-bin=missing"], 3)]
#[case::no_case(&["--case=nothing"], 4)]
#[case::explain(&["explain", "INV-99"], 2)]
#[case::reproduce(&["reproduce", "nothing"], 4)]
#[case::left_out(&["reproduce", "server/abort/200-leak-nothing"], 0)]
#[case::clap(&["--no-such-option"], 2)]
fn a_full_standard_error_is_no_crash(#[case] args: &[&str], #[case] status: i32) {
    let folder = programs();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut runner = std::process::Command::new(RUNNER);
    runner.args(args).current_dir(folder.path()).stdout(std::process::Stdio::null()).stderr(full);
    assert_eq!(runner.status().unwrap().code(), Some(status));
}

/// If the report cannot be written, the run does not begin: the target is never started.
#[test]
fn a_report_that_cannot_be_written_is_refused_before_the_run() {
    let folder = Folder::new().with_program("tester", "#!/bin/sh\ntouch started\n");
    let args =
        ["--isolation=host", "--case=command/version", "--target-bin=tester", "--report=human=no/report"];
    assert_eq!(folder.refused(&args).0, 2);
    assert!(!folder.path().join("started").exists());
}

const HEAD: &str = "summary = 's'\nrequirements = ['INV-1']\ntarget = 'server'\n";

#[rstest]
#[case::unknown_key(
    "colour = 1\n[[step]]\nstart = true\n",
    "extra/one.toml:4: unknown field `colour`, expected one of .*"
)]
#[case::bad_hex(
    "[[step]]\nsend = '01 0'\n",
    r"extra/one.toml:5: `0` is not a byte: pairs of hex digits, 'text', 00\*4096, random\*N, \?\?, PP PP and NN\*8 are known"
)]
#[case::unknown_requirement(
    "[[step]]\nsend = '01'\nrequirement = 'INV-77'\n",
    "extra/one.toml:6: unknown requirement `INV-77`"
)]
#[case::empty_matrix(
    "[matrix]\nversion = []\n[[step]]\nsend = '{version}'\n",
    "extra/one.toml:5: the axis `version` of the matrix is empty, so the file makes no case"
)]
#[case::two_actions(
    "[[step]]\nsend = '01'\nexpect = '02'\n",
    "extra/one.toml:4: the step has send and expect at once: one each"
)]
#[case::nothing_that_can_fail(
    "[[step]]\nsend = '01'\n",
    "extra/one.toml:4: no step can fail, so the case always passes: .+"
)]
#[case::a_connection_of_nobody(
    "[[step]]\nconnect = 'other'\n[[step]]\nclosed = 'promptly'\non = 'othr'\n",
    r"extra/one.toml:6: nobody has opened the connection `othr` \(did you mean `other`\?\): `connect` opens it"
)]
#[case::an_axis_that_nothing_uses(
    "[matrix]\nversion = ['00']\n[[step]]\nclosed = 'promptly'\n",
    r"extra/one.toml:5: nothing in the file uses the axis `version`: `\{version\}` stands for its value"
)]
#[case::no_toml("[[step]\n", "extra/one.toml:4: .+")]
fn a_wrong_fixture_is_named_with_its_line(#[case] rest: &str, #[case] line: &str) {
    let folder = Folder::new().with("extra/one.toml", format!("{HEAD}{rest}"));
    let (status, said) = folder.refused(&["--fixtures=extra"]);
    assert_eq!(status, 2);
    assert!(is_match(format!("^{line}$")).unwrap().eval(&said), "{said}");
}

#[rstest]
#[case::missing("nowhere", "--fixtures nowhere: No such file or directory \\(os error 2\\)")]
#[case::empty("empty", "--fixtures empty: no .toml file in it")]
#[case::a_file("bad/one.toml", "--fixtures bad/one.toml: Not a directory \\(os error 20\\)")]
#[case::not_utf_8("bad", "--fixtures bad/one.toml: stream did not contain valid UTF-8")]
#[case::an_id_of_ours(
    "same",
    "same/server/session/listens.toml: its case server/session/listens is already made by \
     fixtures/server/session/listens.toml"
)]
fn a_folder_of_fixtures_that_is_none_is_named(#[case] name: &str, #[case] line: &str) {
    let folder = Folder::new()
        .with_folder("empty/below")
        .with("bad/one.toml", b"summary = '\xff'\n")
        .with("same/server/session/listens.toml", format!("{HEAD}[[step]]\nstart = true\n"));
    let (status, said) = folder.refused(&["--fixtures", name]);
    assert_eq!(status, 2);
    assert!(is_match(format!("^{line}$")).unwrap().eval(&said), "{said}");
}

#[test]
fn help_names_everything() {
    let help = Folder::new().runner().arg("--help").assert().success();
    let text = String::from_utf8_lossy(&help.get_output().stdout).into_owned();
    for format in ReportFormat::value_variants() {
        let name = format.to_possible_value().unwrap().get_name().to_owned();
        assert!(
            text.split(|letter: char| !letter.is_ascii_alphanumeric()).any(|word| word == name),
            "--help lacks {name}"
        );
    }
    insta::assert_snapshot!(text);
}

/// The commands about a single case.
#[rstest]
#[case("replay")]
#[case("reproduce")]
fn help_of_a_command(#[case] command: &str) {
    let help = Folder::new().runner().args([command, "--help"]).assert().success();
    insta::assert_snapshot!(command, String::from_utf8_lossy(&help.get_output().stdout));
}

#[test]
fn version_is_a_number() {
    let version = is_match(r"^conformance \d+\.\d+\.\d+\n$").unwrap();
    Folder::new().runner().arg("--version").assert().success().stdout(version);
}
