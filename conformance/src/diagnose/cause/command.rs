//! Arguments that are taken, refused, or looked at too late.

use super::Cause;
use crate::diagnose::context::Context;
use crate::model::case::Role;
use crate::model::fault::Fault;
use crate::model::step::Status;
use crate::words::page::command_line;

pub(super) fn recognise(context: &Context<'_>) -> Option<Cause> {
    if context.role() == Role::Server
        && !matches!(
            context.fault,
            Fault::StillRunning { .. } | Fault::ArgumentsTaken { .. } | Fault::WrongExit { .. }
        )
    {
        return None;
    }
    let call = command_line(&context.case.args);
    match context.fault {
        Fault::Connected => Some(Cause::new(
            "arguments-checked-too-late",
            format!("The client connects before it has checked its arguments ({call})"),
            "Check every argument while it is parsed (type=int, choices=[...] in argparse), before any socket is opened.",
        )),
        Fault::StillRunning { .. } | Fault::ArgumentsTaken { .. } if context.is_about("CLI") => {
            Some(accepted(&call))
        }
        Fault::WrongExit { wanted: Status::Nonzero, .. } => {
            Some(match context.case.stderr.trim().is_empty() {
                true => accepted(&call),
                false => Cause::new(
                    "usage-error-exits-0",
                    format!("A wrong call ({call}) ends with status 0"),
                    "A usage error ends with a status other than 0: leave through parser.error() or sys.exit(2).",
                ),
            })
        }
        Fault::WrongExit { wanted: Status::Zero, exit } => Some(Cause::new(
            "right-call-refused",
            format!("A right call ({call}) ends with {exit}"),
            "Its own output below should say why. Asking for help or for the version is a success, and needs neither \
             --client nor --server.",
        )),
        Fault::NoMessage => Some(Cause::new(
            "refused-without-a-word",
            format!("A wrong call ({call}) is refused without a message"),
            "Say what is wrong with the arguments before leaving: parser.error(\"...\") does both.",
        )),
        _ => None,
    }
}

fn accepted(call: &str) -> Cause {
    Cause::new(
        "wrong-call-accepted",
        format!("A call that has to be refused is accepted ({call})"),
        "Refuse it while the arguments are parsed, with a message and a status other than 0.",
    )
}
