//! SIGINT and SIGTERM: ignored, delayed, or without the line that is due.

use super::{Seen, seen};
use crate::diagnose::context::Context;
use crate::model::case::Role;
use crate::model::fault::Fault;
use crate::model::step::SignalName;
use crate::model::transcript::Event;

pub(super) fn recognise(context: &Context<'_>) -> Option<Seen> {
    let signal = context.entries.iter().rev().find_map(|entry| match entry.event {
        Event::Signalled { signal } => Some(signal),
        _ => None,
    })?;
    if context.had_ended_before_signal() {
        let exit = context.exit().filter(|_| context.role() == Role::Server)?;
        return Some(seen("server-ended").with("exit", exit));
    }
    match context.fault {
        Fault::StillRunning { .. } => Some(still_running(context, signal)),
        Fault::NotPrinted { text, .. } if text.to_lowercase().starts_with("exiting") => {
            Some(exit_line(context, text))
        }
        Fault::NotListening { exit: None, .. } if context.was_restarted() => {
            Some(seen("old-server-holds-port"))
        }
        _ => None,
    }
}

fn still_running(context: &Context<'_>, signal: SignalName) -> Seen {
    if signal == SignalName::Term {
        return seen("sigterm-ignored").with("name", context.name());
    }
    let in_test = match context.role() {
        // A test begins with the whole Reply.
        Role::Client => context.connection.sent_bytes().len() >= 4,
        _ => context.connection.has_reply() && context.connection.ended.is_none(),
    };
    if in_test {
        return seen("interrupt-waits-for-data-thread").with("name", context.name());
    }
    seen("interrupt-swallowed").with("name", context.name()).with("when", when(context))
}

fn exit_line(context: &Context<'_>, text: &str) -> Seen {
    let output = context.output().to_lowercase();
    let other = if text.to_lowercase().contains("server") { "exiting client" } else { "exiting server" };
    match output {
        _ if output.contains(other) => {
            seen("exit-line-of-other-mode").with("name", context.name()).with("line", text)
        }
        _ if output.contains("exiting") => {
            seen("exit-line-worded-otherwise").with("name", context.name()).with("line", text)
        }
        _ => seen("exit-line-missing").with("name", context.name()).with("line", text),
    }
}

/// What the program was waiting for.
fn when(context: &Context<'_>) -> &'static str {
    let connected = context.connection.opened.is_some() && context.connection.ended.is_none();
    match (context.role(), connected) {
        (Role::Client, _) => "while it waits for Reply",
        (_, true) => "while it waits for the bytes of its client",
        (_, false) => "while it waits for a client",
    }
}
