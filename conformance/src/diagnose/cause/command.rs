//! Arguments that are wrongly accepted, wrongly refused, or checked too late.

use super::{Seen, seen};
use crate::diagnose::context::Context;
use crate::model::case::Role;
use crate::model::fault::Fault;
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
    match context.fault {
        Fault::Connected => Some(seen("arguments-checked-too-late").with("call", call)),
        Fault::StillRunning { .. } | Fault::ArgumentsTaken { .. } if context.is_about("CLI") => {
            Some(seen("wrong-call-accepted").with("call", call))
        }
        Fault::WrongExit { wanted: Status::Nonzero, .. } => {
            Some(match context.case.stderr.trim().is_empty() {
                true => seen("wrong-call-accepted").with("call", call),
                false => seen("usage-error-exits-0").with("call", call),
            })
        }
        Fault::WrongExit { wanted: Status::Zero, exit } => {
            Some(seen("right-call-refused").with("call", call).with("exit", exit))
        }
        Fault::NoMessage => Some(seen("refused-without-a-word").with("call", call)),
        _ => None,
    }
}
