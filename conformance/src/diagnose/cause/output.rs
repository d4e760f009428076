//! Lines that do not come, come too early, or come too often.

use super::{Seen, seen};
use crate::diagnose::context::Context;
use crate::model::case::Role;
use crate::model::fault::Fault;

const OPENING: &str = "data thread opening";
pub(super) const CLOSING: &str = "data thread closing";

pub(super) fn recognise(context: &Context<'_>) -> Option<Seen> {
    match context.fault {
        Fault::NotPrinted { text, .. } if is_of_data_thread(text) => Some(missing(context, text)),
        Fault::PrintedTimes { text, times, wanted } if is_of_data_thread(text) => {
            Some(match times > wanted {
                true => seen("data-thread-line-twice").with("name", context.name()).with("line", text),
                false => missing(context, text),
            })
        }
        Fault::Printed { found, .. } if found.to_lowercase().starts_with(OPENING) => {
            Some(match context.role() {
                Role::Client => seen("data-thread-too-early/client"),
                _ => seen("data-thread-too-early/server"),
            })
        }
        Fault::Printed { found, .. } if found.to_lowercase().starts_with(CLOSING) => {
            let openings = context.output().to_lowercase().matches(OPENING).count();
            Some(match context.role() {
                Role::Client => seen("data-thread-closes-too-early/client"),
                _ if openings > context.sessions() => seen("data-thread-line-twice")
                    .with("name", context.name())
                    .with("line", "Data thread opening"),
                _ => seen("data-thread-closes-too-early/server"),
            })
        }
        Fault::Printed { found, .. } if context.is_about("SRV-10") => {
            Some(seen("server-reports").with("text", found.trim().escape_debug()))
        }
        Fault::NotPrinted { text, .. } if text.starts_with("--") => {
            Some(seen("help-incomplete").with("option", text))
        }
        Fault::NotPrinted { .. } if context.case.args.iter().any(|arg| arg == "--version") => {
            Some(seen("version-without-number"))
        }
        _ => None,
    }
}

fn is_of_data_thread(text: &str) -> bool {
    text.to_lowercase().contains("data thread")
}

fn missing(context: &Context<'_>, text: &str) -> Seen {
    let output = context.output().to_lowercase();
    let wanted = text.to_lowercase();
    let others = output.lines().filter(|line| line.contains("data thread") && !line.contains(&wanted));
    let other = others.filter(|line| !line.contains(OPENING) && !line.contains(CLOSING)).count() > 0;
    match output.trim() {
        _ if other => {
            seen("data-thread-line-worded-otherwise").with("name", context.name()).with("line", text)
        }
        "" if wanted.contains("opening") => {
            seen("opening-line-missing/nothing").with("name", context.name()).with("line", text)
        }
        _ if wanted.contains("closing") => {
            seen("closing-line-missing").with("name", context.name()).with("line", text)
        }
        _ => seen("opening-line-missing").with("name", context.name()).with("line", text),
    }
}
