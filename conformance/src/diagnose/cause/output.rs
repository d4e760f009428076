//! Lines that do not come, come late, or come too often.

use super::Cause;
use crate::diagnose::context::Context;
use crate::model::case::Role;
use crate::model::fault::Fault;

const OPENING: &str = "data thread opening";
const CLOSING: &str = "data thread closing";

pub(super) fn recognise(context: &Context<'_>) -> Option<Cause> {
    match context.fault {
        Fault::NotPrinted { text, .. } if is_of_data_thread(text) => Some(missing(context, text)),
        Fault::PrintedTimes { text, times, wanted } if is_of_data_thread(text) => {
            Some(match times > wanted {
                true => Cause::new(
                    "data-thread-line-twice",
                    format!("\"{text}\" is printed more often than there are tests"),
                    "Print the line once for each test, in the data thread itself, and not where the thread is started or joined \
                 as well.",
                ),
                false => missing(context, text),
            })
        }
        Fault::Printed { found, .. } if found.to_lowercase().contains(OPENING) => Some(Cause::new(
            "data-thread-too-early",
            "The data thread opens before the test has been agreed on",
            match context.role() {
                Role::Client => "Start the client's data thread when Reply has arrived.",
                _ => "Start the server's data thread when a valid Request has arrived.",
            },
        )),
        Fault::Printed { found, .. } if found.to_lowercase().contains(CLOSING) => Some(Cause::new(
            "data-thread-closes-too-early",
            "The data thread closes before the test is over",
            match context.role() {
                Role::Client => "The client's data thread lives for --time seconds after Reply.",
                _ => {
                    "The server's data thread lives until Done has come: let it wait for that, not for a time of its own."
                }
            },
        )),
        Fault::Printed { found, .. } if context.is_about("SRV-10") => Some(Cause::new(
            "server-reports",
            format!("The server prints results (\"{}\")", found.trim().escape_debug()),
            "Only the client reports. Call the report in the client alone, and take debugging prints out.",
        )),
        Fault::NotPrinted { text, .. } if text.starts_with("--") => Some(Cause::new(
            "help-incomplete",
            format!("The text of --help does not mention {text}"),
            "Declare all seven options with the standard parser, which writes the help by itself.",
        )),
        Fault::NotPrinted { .. } if context.case.args.iter().any(|arg| arg == "--version") => {
            Some(Cause::new(
                "version-without-number",
                "--version prints no version number",
                "Print a number such as 1.0; with argparse, action='version' and version='1.0'.",
            ))
        }
        _ => None,
    }
}

fn is_of_data_thread(text: &str) -> bool {
    text.to_lowercase().contains("data thread")
}

fn missing(context: &Context<'_>, text: &str) -> Cause {
    let output = context.output().to_lowercase();
    let wanted = text.to_lowercase();
    let others = output.lines().filter(|line| line.contains("data thread") && !line.contains(&wanted));
    let other = others.filter(|line| !line.contains(OPENING) && !line.contains(CLOSING)).count() > 0;
    if other {
        return Cause::new(
            "data-thread-line-worded-otherwise",
            format!("The data thread's line has other words than \"{text}\""),
            format!("Print exactly \"{text}\" (in any letter case)."),
        );
    }
    if output.trim().is_empty() {
        return Cause::new(
            "nothing-printed",
            format!("\"{text}\" is not printed, nor anything else"),
            "Print the line in the data thread, and flush it: print(..., flush=True), fflush(stdout). What lies in a buffer \
             is lost when the program is ended.",
        );
    }
    let key = if wanted.contains("closing") { "closing-line-missing" } else { "opening-line-missing" };
    Cause::new(
        key,
        format!("\"{text}\" is not printed when it is due"),
        "Print the line in the data thread and flush it: print(..., flush=True), fflush(stdout). A closing line that never \
         comes may also mean that the thread is never ended.",
    )
}
