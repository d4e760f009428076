//! `conformance explain` and `--color`.

use predicates::prelude::*;
use rstest::rstest;

use crate::support::runner::runner;

const ESCAPE: &str = "\u{1b}[";

#[rstest]
#[case::as_written("TMO-3")]
#[case::in_small_letters("tmo-3")]
fn a_requirement_is_explained(#[case] id: &str) {
    let says = ["TMO-3", "MUST", "Source: P3", "server/timeout/after-reply", "Usual mistakes"];
    let assert = runner().args(["explain", id]).assert().code(0).stderr("");
    let stdout = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    for text in says {
        assert!(stdout.contains(text), "{text} is missing:\n{stdout}");
    }
}

#[rstest]
#[case::near("TMO-33", "did you mean TMO-3")]
#[case::far("nonsense", "no requirement `nonsense`")]
fn an_unknown_requirement_is_a_usage_error(#[case] id: &str, #[case] says: &str) {
    let one_line = predicate::function(|text: &str| text.lines().count() == 1);
    runner()
        .args(["explain", id])
        .assert()
        .code(2)
        .stdout("")
        .stderr(predicate::str::contains(says).and(one_line));
}

#[rstest]
#[case::asked_for(&["--color", "always"], None, true)]
#[case::refused(&["--color", "never"], None, false)]
#[case::no_terminal(&[], None, false)]
#[case::forced(&[], Some(("CLICOLOR_FORCE", "1")), true)]
#[case::no_color_wins(&[], Some(("NO_COLOR", "1")), false)]
#[case::option_wins(&["--color", "always"], Some(("NO_COLOR", "1")), true)]
fn colours_are_where_they_are_wanted(
    #[case] options: &[&str],
    #[case] variable: Option<(&str, &str)>,
    #[case] coloured: bool,
) {
    let mut command = runner();
    command.envs(variable).args(["explain", "INV-1"]).args(options);
    let assert = command.assert().code(0);
    let stdout = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    assert_eq!(stdout.contains(ESCAPE), coloured, "{stdout}");
}
