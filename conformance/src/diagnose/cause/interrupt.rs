//! Ctrl-C and its like: swallowed, waited out, or without a word.

use super::Cause;
use crate::diagnose::context::Context;
use crate::model::case::Role;
use crate::model::fault::Fault;
use crate::model::step::SignalName;
use crate::model::transcript::Event;

pub(super) fn recognise(context: &Context<'_>) -> Option<Cause> {
    let signal = context.entries.iter().rev().find_map(|entry| match entry.event {
        Event::Signalled { signal } => Some(signal),
        _ => None,
    })?;
    match context.fault {
        Fault::StillRunning { .. } => Some(still_running(context, signal)),
        Fault::NotPrinted { text, .. } if text.to_lowercase().starts_with("exiting") => {
            Some(exit_line(context, text))
        }
        Fault::NotListening { exit: None, .. } if context.was_restarted() => Some(Cause::new(
            "old-server-holds-port",
            "The server that was started again cannot listen: the one before still holds the port",
            "End every thread and child process with the server, and set SO_REUSEADDR before bind().",
        )),
        _ => None,
    }
}

fn still_running(context: &Context<'_>, signal: SignalName) -> Cause {
    if signal == SignalName::Term {
        return Cause::new(
            "sigterm-ignored",
            "SIGTERM does not end the program",
            "Leave SIGTERM at its default, or handle it like Ctrl-C.",
        );
    }
    let in_test = match context.role() {
        Role::Client => !context.connection.sent.is_empty(),
        _ => context.connection.has_reply(),
    };
    if in_test {
        return Cause::new(
            "interrupt-waits-for-data-thread",
            "Ctrl-C during a test waits until the data thread has ended by itself",
            "time.sleep(n) in the data thread cannot be interrupted, and the program waits for that thread at its end. \
             Let it wait on an Event with a timeout (event.wait(n)), set the event on Ctrl-C, and join the thread then.",
        );
    }
    Cause::new(
        "interrupt-swallowed",
        "Ctrl-C does not end the program",
        "Look for a bare \"except:\" or \"except BaseException\" inside a loop, which swallows KeyboardInterrupt, and for a \
         handler that only sets a flag: the blocked accept() or recv() never looks at it.",
    )
}

fn exit_line(context: &Context<'_>, text: &str) -> Cause {
    let output = context.output().to_lowercase();
    let other = if text.to_lowercase().contains("server") { "exiting client" } else { "exiting server" };
    if output.contains(other) {
        return Cause::new(
            "exit-line-of-other-mode",
            format!("The exit line of the other mode is printed instead of \"{text}\""),
            "Both modes share the handler: choose the words by the mode.",
        );
    }
    if output.contains("exiting") {
        return Cause::new(
            "exit-line-worded-otherwise",
            format!("The exit line has other words than \"{text}\""),
            format!("Print exactly \"{text}\" (in any letter case)."),
        );
    }
    Cause::new(
        "exit-line-missing",
        format!("The program ends on Ctrl-C without \"{text}\""),
        "Catch KeyboardInterrupt (SIGINT), print the line, flush it, and leave. Where a library is left by os._exit() the \
         line may still lie in the buffer.",
    )
}
