//! A program that dies, or whose accept loop does.

use super::Cause;
use crate::diagnose::context::Context;
use crate::diagnose::trace::{self, Trace};
use crate::model::case::Role;
use crate::model::fault::Fault;
use crate::model::transcript::Exit;

/// What is known of an exception by its name: what provokes it, and what to do about it.
const KNOWN: [(&[&str], &str, &str); 9] = [
    (
        &["KeyboardInterrupt"],
        "Ctrl-C is not caught: KeyboardInterrupt ends the program with a stack trace",
        "Catch KeyboardInterrupt at the top of the program, around everything that may be waiting (accept, recv, join, \
         sleep), print the exit line and leave.",
    ),
    (
        &["BrokenPipeError"],
        "Writing to a client that has left raises BrokenPipeError, which nobody catches",
        "send() and sendall() can fail as well as recv(): put the whole session into one try and treat OSError as an \
         aborted test.",
    ),
    (
        &["ConnectionResetError", "ConnectionAbortedError"],
        "A connection that is reset raises an exception that nobody catches",
        "Put the whole session (reads, writes, shutdown, close) into one try and treat OSError as an aborted test.",
    ),
    (
        &["ConnectionRefusedError"],
        "A refused connection raises ConnectionRefusedError, which nobody catches",
        "Catch OSError around connect(), print one line that names the target, and exit with status 1.",
    ),
    (
        &["gaierror"],
        "A host name that does not resolve raises socket.gaierror, which nobody catches",
        "Catch OSError (gaierror is one) around the look-up, print one line that names the target, and exit with \
         status 1.",
    ),
    (
        &["socket.timeout", "TimeoutError", "timed out"],
        "The timeout of the socket raises an exception that nobody catches",
        "Catch socket.timeout around the session, close the connection, and go back to accept().",
    ),
    (
        &["struct.error", "IndexError"],
        "An incomplete message is unpacked, which raises an exception that nobody catches",
        "Unpack only when the whole message is there; an empty recv() means that the other side has left.",
    ),
    (
        &["UnicodeDecodeError"],
        "Binary bytes are decoded as text, which raises an exception that nobody catches",
        "The messages are bytes, not text: compare numbers, or use the struct module, and never decode().",
    ),
    (
        &["threads can only be started once"],
        "One Thread object is started a second time, which raises RuntimeError",
        "Make a new Thread for every test.",
    ),
];

/// Errors of the source itself, which come before any work of the program.
const OF_THE_SOURCE: [&str; 4] = ["ModuleNotFoundError", "ImportError", "SyntaxError", "IndentationError"];

/// How an address that is taken is called by the systems and runtimes.
const ADDRESS_IN_USE: [&str; 4] = ["Address already in use", "EADDRINUSE", "AddrInUse", "Errno 98"];

pub(super) fn recognise(context: &Context<'_>) -> Option<Cause> {
    if let Fault::NotListening { .. } = context.fault
        && ADDRESS_IN_USE.iter().any(|text| context.output().contains(text))
    {
        return Some(address_in_use(context));
    }
    if let Some(trace) = trace::find(&context.output()) {
        return Some(uncaught(&trace, context.role()));
    }
    match context.fault {
        Fault::Killed { signal } => Some(killed(*signal)),
        Fault::NotListening { exit: Some(exit), .. } => Some(Cause::new(
            "ends-at-start",
            format!("The server ends right after its start, with {exit}, and never listens"),
            "Its own output below should say why. Start it by hand with the same arguments and see.",
        )),
        Fault::NotListening { exit: None, .. } => Some(Cause::new(
            "never-listens",
            "The server runs but does not listen on TCP port 5678",
            "Look for another port number (bind to 5678), a missing listen(), or work that is done before it.",
        )),
        Fault::NotConnected { .. } if !is_waiting_client(context) => Some(nobody_serves(context)),
        Fault::EndedBeforeBytes { .. } | Fault::ClosedInSilence { .. } | Fault::BytesMissing { .. } => {
            match context.exit() {
                Some(Exit::Signal(signal)) if !context.was_signalled() => Some(killed(signal)),
                Some(exit) if context.role() == Role::Server && !context.was_signalled() => Some(ended(exit)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A refusal in the middle of another's test is about the queue, not about a death.
fn is_waiting_client(context: &Context<'_>) -> bool {
    context.exit().is_none() && context.another_test_runs()
}

fn address_in_use(context: &Context<'_>) -> Cause {
    let title = if context.was_restarted() {
        "The port of the server that has just ended cannot be bound again (\"Address already in use\")"
    } else {
        "Port 5678 cannot be bound (\"Address already in use\")"
    };
    Cause::new(
        "address-in-use",
        title,
        "Set SO_REUSEADDR on the listening socket before bind(): the last connection of the server before keeps the \
         port for about a minute otherwise.",
    )
}

fn uncaught(trace: &Trace, role: Role) -> Cause {
    let known = KNOWN.iter().find(|(names, _, _)| names.iter().any(|name| trace.line.contains(name)));
    let place = trace.place.as_ref().map_or(String::new(), |place| format!(" It was raised at {place}."));
    let key = format!("uncaught {} {}", trace.kind(), trace.place.as_deref().unwrap_or_default());
    match known {
        Some((_, title, remedy)) => {
            Cause { key, title: (*title).to_owned(), remedy: format!("{remedy}{place}") }
        }
        None => Cause {
            key,
            title: format!("An error that nobody catches ends the program: {}", trace.line),
            remedy: format!("{}{place}", otherwise(trace, role)),
        },
    }
}

/// What to do about an error that has no entry of its own.
fn otherwise(trace: &Trace, role: Role) -> &'static str {
    match role {
        _ if OF_THE_SOURCE.iter().any(|name| trace.line.contains(name)) => {
            "The program does not get as far as its own work. Start it by hand with the same arguments and see."
        }
        Role::Server => {
            "Whatever a client sends or does, the server must close that connection and go on: put one try around the \
             whole session, inside the accept loop."
        }
        Role::Client => {
            "Whatever the server sends or does, the client must end in good order: catch the error, print one line that \
             says what is wrong, and exit with status 1."
        }
        Role::Command => {
            "Catch it where the value is read, print one line that says what is wrong with it, and exit with a status \
             other than 0; argparse does all of that for type=int and choices=[...]."
        }
    }
}

fn killed(signal: i32) -> Cause {
    let name = Exit::Signal(signal);
    match signal {
        13 => Cause::new(
            "sigpipe",
            "Writing to a client that has left kills the program (SIGPIPE)",
            "Ignore the signal once at the start, signal(SIGPIPE, SIG_IGN), or send with MSG_NOSIGNAL, and treat the \
             error that send() then returns as an aborted test.",
        ),
        _ => Cause::new(
            "killed",
            format!("The program is killed by {name}"),
            "6 (SIGABRT), 7 (SIGBUS) and 11 (SIGSEGV) mean a memory error or a failed assertion: look for bytes that \
             are copied or indexed without a look at how many came. A C program that writes to a client that has left \
             dies of 13 (SIGPIPE), or of 6 where that is turned into an abort.",
        ),
    }
}

fn nobody_serves(context: &Context<'_>) -> Cause {
    match context.exit() {
        Some(Exit::Signal(signal)) if !context.was_signalled() => killed(signal),
        Some(exit) => ended(exit),
        None => Cause::new(
            "accept-loop-ended",
            "Nobody listens on port 5678 any more: the server's process or its accept loop has ended",
            "The conversation below shows what it did not survive. Whatever goes wrong in one session must end that \
             session only: put the try inside the accept loop, not around it.",
        ),
    }
}

fn ended(exit: Exit) -> Cause {
    Cause::new(
        "server-ended",
        format!("The server process ends, with {exit}, instead of waiting for the next client"),
        "The conversation below shows what it did not survive. Look for exit() or return in the handling of a session, \
         and for a missing loop around accept().",
    )
}
