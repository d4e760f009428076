//! A program that dies, or stops accepting connections.

use super::{Seen, seen};
use crate::diagnose::context::{Connection, Context};
use crate::diagnose::trace::{self, Trace};
use crate::model::case::Role;
use crate::model::cause::Causes;
use crate::model::fault::Fault;
use crate::model::transcript::Exit;

/// The words of systems and runtimes for an address that is in use.
const ADDRESS_IN_USE: [&str; 4] = ["Address already in use", "EADDRINUSE", "AddrInUse", "Errno 98"];

pub(super) fn recognise(context: &Context<'_>) -> Option<Seen> {
    if let Fault::NotListening { .. } = context.fault
        && ADDRESS_IN_USE.iter().any(|text| context.output().contains(text))
    {
        return Some(match context.was_restarted() {
            true => seen("address-in-use/restarted"),
            false => seen("address-in-use"),
        });
    }
    if let Some(trace) = trace::find(&context.output()) {
        return Some(uncaught(&trace, context.role()));
    }
    match context.fault {
        Fault::Killed { signal } => Some(killed(context, *signal)),
        Fault::NotListening { exit: Some(exit), .. } => {
            Some(seen("ends-at-start").with("exit", exit).with("said", context.said()))
        }
        Fault::NotListening { exit: None, .. } => Some(seen("never-listens")),
        Fault::NotConnected { .. } if !is_waiting_client(context) => Some(nobody_serves(context)),
        Fault::EndedBeforeBytes { .. } | Fault::ClosedInSilence { .. } | Fault::BytesMissing { .. } => {
            match context.exit() {
                Some(Exit::Signal(signal)) if !context.was_signalled() => Some(killed(context, signal)),
                Some(exit) if context.role() == Role::Server && !context.was_signalled() => {
                    Some(server_ended(context, exit))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether the connection was refused while another client's test ran. Then the server is not dead.
fn is_waiting_client(context: &Context<'_>) -> bool {
    context.exit().is_none() && context.another_test_runs()
}

/// The entry for this error, or else the general one for the program's role.
fn uncaught(trace: &Trace, role: Role) -> Seen {
    let known = Causes::built_in().ok().and_then(|causes| causes.of_error(&trace.line));
    let error = known.map_or_else(
        || match role {
            Role::Server => seen("uncaught {error} {place}/server"),
            Role::Client => seen("uncaught {error} {place}/client"),
            Role::Command => seen("uncaught {error} {place}/command"),
        },
        |known| seen(&known.key),
    );
    let place = trace.place.as_deref();
    let seen = error.with("error", trace.kind()).with("place", place.unwrap_or_default());
    seen.with("line", &trace.line).at(place)
}

/// The end of a server, with its last words if it failed.
fn server_ended(context: &Context<'_>, exit: Exit) -> Seen {
    let last = context.case.stderr.lines().map(str::trim).rfind(|line| !line.is_empty());
    match last.filter(|_| exit != Exit::Status(0)) {
        Some(line) => seen("server-ended/error").with("exit", exit).with("line", line),
        None => seen("server-ended").with("exit", exit),
    }
}

fn killed(context: &Context<'_>, signal: i32) -> Seen {
    let has_left = |connection: &Connection<'_>| connection.left.is_some();
    let client_left = context.others().iter().any(has_left) || has_left(&context.connection);
    match signal {
        13 => seen("sigpipe"),
        _ if client_left => seen("killed/client-left").with("signal", Exit::Signal(signal)),
        _ => seen("killed").with("signal", Exit::Signal(signal)),
    }
}

fn nobody_serves(context: &Context<'_>) -> Seen {
    match context.exit() {
        Some(Exit::Signal(signal)) if !context.was_signalled() => killed(context, signal),
        Some(exit) => server_ended(context, exit),
        None => seen("accept-loop-ended"),
    }
}
