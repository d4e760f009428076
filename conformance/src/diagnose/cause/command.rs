//! Arguments that are wrongly accepted, wrongly refused, or checked too late.

use super::{Seen, seen};
use crate::diagnose::context::Context;
use crate::model::case::Role;
use crate::model::fault::Fault;
use crate::model::notation::show;
use crate::model::step::Status;
use crate::words::page::command_line;

pub(super) fn recognise(context: &Context<'_>) -> Option<Seen> {
    if context.role() == Role::Server
        && !matches!(
            context.fault,
            Fault::StillRunning { .. } | Fault::ArgumentsTaken { .. } | Fault::WrongExit { .. }
        )
    {
        return None;
    }
    let call = command_line(&context.case.args);
    let asks = matches!(&context.case.args[..], [option] if option == "--help" || option == "--version");
    match context.fault {
        Fault::StillRunning { waited } if asks => {
            Some(seen("right-call-never-ends").with("call", call).with("waited", show(*waited)))
        }
        Fault::StillRunning { waited } if context.is_about("CLI-13") => {
            Some(seen("odd-time-never-ends").with("call", call).with("waited", show(*waited)))
        }
        Fault::Connected => Some(seen("arguments-checked-too-late").with("call", call)),
        Fault::StillRunning { .. } | Fault::ArgumentsTaken { .. } if context.is_about("CLI") => {
            Some(seen("wrong-call-accepted").with("call", call))
        }
        Fault::WrongExit { wanted: Status::Nonzero, .. } => {
            // A program that says something and has not connected has refused the call.
            let said_nothing = context.case.stderr.trim().is_empty() && context.output().trim().is_empty();
            Some(match said_nothing || context.connection.opened.is_some() {
                true => seen("wrong-call-accepted").with("call", call),
                false => seen("usage-error-exits-0").with("call", call),
            })
        }
        Fault::WrongExit { wanted: Status::Zero, exit } => Some(match asks_only(context) {
            true => {
                seen("option-unknown").with("calls", call).with("exit", exit).with("said", context.said())
            }
            false => {
                seen("right-call-refused").with("call", call).with("exit", exit).with("said", context.said())
            }
        }),
        Fault::NoMessage => Some(seen("refused-without-a-word").with("call", call)),
        _ => None,
    }
}

/// Whether `--help` or `--version` was refused without the text that it asks for.
fn asks_only(context: &Context<'_>) -> bool {
    let output = context.output();
    match &context.case.args[..] {
        [option] if option == "--help" => !output.contains("--time"),
        [option] if option == "--version" => !output.contains(|letter: char| letter.is_ascii_digit()),
        _ => false,
    }
}
