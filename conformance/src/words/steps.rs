//! The steps of a case: in words, for `conformance explain`, and as the arguments of a call, for the script of
//! `conformance reproduce`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::dialogue::{MessageReader, Peer, count_bytes};
use super::message::due;
use crate::model::bytes::{Outgoing, Pattern};
use crate::model::case::{Case, Role};
use crate::model::data::{DataAction, Sender, Sight};
use crate::model::place::HOST_NAME;
use crate::model::step::{
    Action, CONTROL, Close, Destination, ResourceCheck, SignalName, Status, Step, Stream, TextPattern,
};
use crate::words::page::{command_line, seconds};

/// A `send` with more bytes shows only their number.
const WRITTEN: usize = 16;

/// The number of steps of a whole session.
const SESSION_STEPS: usize = 6;

/// The port in the bytes that are shown. Any number is right.
pub(crate) const SHOWN_PORT: u16 = 40_000;

/// A step, or the steps of a whole session.
pub(crate) enum Item<'c> {
    /// A whole session on a connection of its own: its Request, and the time within which the Reply is due.
    Session { request: &'c Outgoing, within: Duration },
    /// One step, and for a `send` its bytes in words.
    Step { step: &'c Step, sent: Option<String> },
}

/// The steps of a case in their order.
pub(crate) fn items(case: &Case) -> Vec<Item<'_>> {
    let peer = if case.role == Role::Server { Peer::Client } else { Peer::Server };
    let mut readers: BTreeMap<&str, MessageReader> = BTreeMap::new();
    let mut items = Vec::new();
    let mut rest = case.steps.as_slice();
    while let [step, after @ ..] = rest {
        if let Some(session) = session(rest) {
            items.push(session);
            rest = &rest[SESSION_STEPS..];
            continue;
        }
        let mut sent = None;
        match &step.action {
            Action::Connect(_) | Action::Accept { .. } => {
                readers.insert(step.connection(), MessageReader::of(peer));
            }
            Action::Send(outgoing) => {
                let reader = readers.entry(step.connection()).or_insert_with(|| MessageReader::of(peer));
                let bytes = outgoing.materialise(SHOWN_PORT, 0, |_| ()).concat();
                sent = Some(reader.name(&bytes, bytes.len()));
            }
            // All these connections got the same bytes from the runner.
            Action::Expect { alias: Some(alias), .. } => {
                if let Some(reader) = readers.get(step.connection()).cloned() {
                    readers.insert(alias, reader);
                }
            }
            _ => {}
        }
        items.push(Item::Step { step, sent });
        rest = after;
    }
    items
}

fn session(steps: &[Step]) -> Option<Item<'_>> {
    let steps = steps.get(..SESSION_STEPS)?;
    let name = steps[0].connection();
    if !name.starts_with("session-") || steps.iter().any(|step| step.connection() != name) {
        return None;
    }
    match (&steps[1].action, &steps[2].action) {
        (Action::Send(request), Action::Expect { within, .. }) => {
            Some(Item::Session { request, within: *within })
        }
        _ => None,
    }
}

/// The lines of all items. Items that are repeated at once are written once, between the lines of `around`, which gets
/// the number of repetitions. The longest repetition counts first, then those inside it.
pub(crate) fn folded(
    items: &[Vec<String>],
    indent: &str,
    around: fn(usize) -> [Option<String>; 2],
) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = items;
    while let Some(first) = rest.first() {
        let periods = (1..=rest.len() / 2).map(|period| {
            (period, rest.chunks(period).take_while(|chunk| *chunk == &rest[..period]).count())
        });
        // What comes only twice is written twice, unless it is long.
        let repeated = periods
            .filter(|(period, times)| *times > 2 || *times == 2 && *period > 3)
            .max_by_key(|(period, times)| (period * times, Reverse(*period)));
        match repeated {
            Some((period, times)) => {
                let [before, after] = around(times);
                lines.extend(before);
                let once = folded(&rest[..period], indent, around);
                lines.extend(once.iter().map(|line| format!("{indent}{line}")));
                lines.extend(after);
                rest = &rest[period * times..];
            }
            None => {
                lines.extend(first.iter().cloned());
                rest = &rest[1..];
            }
        }
    }
    lines
}

/// One line for each step, or whole session. Repeated steps are written once.
pub fn words(case: &Case) -> Vec<String> {
    let lines = items(case).into_iter().map(|item| match item {
        Item::Session { request, .. } => {
            let bytes = request.materialise(SHOWN_PORT, 0, |_| ()).concat();
            let asked = MessageReader::of(Peer::Client).name(&bytes, bytes.len());
            vec![format!("a whole session on a new connection ({asked}, Reply, Done, Results)")]
        }
        Item::Step { step, sent } => {
            let words = Description::of(case, step, sent.as_deref()).words;
            match step.on.join(" or ") {
                name if name == CONTROL || !step.action.facts().has_connection => vec![words],
                name => vec![format!("[{name}] {words}")],
            }
        }
    });
    folded(&lines.collect::<Vec<_>>(), "  ", |times| [Some(format!("{times} times:")), None])
}

/// What a step waits for, without the name of its connection; `None` for a step that has an event.
pub fn expectation(case: &Case, step: &Step) -> Option<String> {
    (!step.action.facts().has_event).then(|| Description::of(case, step, None).words)
}

/// A step in words and for a script.
pub(crate) struct Description<'c> {
    /// In words.
    pub(crate) words: String,
    /// The arguments of the script's call, the one with the kind of step first; or why no script can do it.
    pub(crate) call: Result<Vec<(&'static str, Argument<'c>)>, &'static str>,
}

/// An argument of a script's call.
pub(crate) enum Argument<'c> {
    Yes,
    Number(usize),
    Time(Duration),
    Text(String),
    Sent(&'c Outgoing),
    Due(&'c Pattern),
}

use Argument::{Number, Text, Time, Yes};

impl<'c> Description<'c> {
    /// The description of a step. `sent` is the bytes of a `send` in words.
    pub(crate) fn of(case: &Case, step: &'c Step, sent: Option<&str>) -> Self {
        match &step.action {
            Action::Start => {
                let arguments = match &case.args[..] {
                    [] => "no arguments".to_owned(),
                    args => command_line(args),
                };
                let until = if case.role == Role::Server { ", and wait until it listens" } else { "" };
                call(format!("start the program with {arguments}{until}"), [("restart", Yes)])
            }
            Action::Data(action) => data(action),
            Action::Connect(to) => {
                let name = Text(step.connection().to_owned());
                call(format!("connect{}", place(*to)), [("connect", name)])
                    .and((*to != Destination::Loopback).then(|| ("to", named(to))))
            }
            Action::Accept { within, at } => {
                // A script does not know the host name of the runner's network, so it does not check the address.
                let known = *at == Some(Destination::External)
                    && !case.args.iter().any(|arg| arg.contains(HOST_NAME));
                let to = at.map_or("", place);
                let words = format!("expect that it connects{to} within {}", seconds(*within));
                call(words, [("accept", Time(*within))]).and(known.then(|| ("at", named(at))))
            }
            Action::Send(outgoing) => {
                let segments = outgoing.materialise(SHOWN_PORT, 0, |_| ());
                let bytes = match outgoing.length() {
                    length if length > WRITTEN => count_bytes(length),
                    _ => segments.iter().map(|segment| spaced(segment)).collect::<Vec<_>>().join(" | "),
                };
                let words = format!("send {bytes}: {}", sent.unwrap_or_default());
                call(words, [("send", Argument::Sent(outgoing))])
            }
            Action::Expect { pattern, not_before, within, alias } => {
                let earliest = Some(*not_before).filter(|time| !time.is_zero());
                let not_before =
                    earliest.map_or(String::new(), |time| format!(", not before {}", seconds(time)));
                let due = due(pattern).map_or(pattern.to_string(), |kind| format!("{kind} ({pattern})"));
                let words = format!("expect {due} within {}{not_before}", seconds(*within));
                call(words, [("expect", Argument::Due(pattern)), ("within", Time(*within))])
                    .and(earliest.map(|time| ("not_before", Time(time))))
                    .and(alias.clone().map(|alias| ("as_name", Text(alias))))
            }
            Action::Closed(Close::Within(within)) => call(
                format!("expect a close within {}, and not one byte before it", seconds(*within)),
                [("closed", Time(*within))],
            ),
            Action::Closed(Close::At { due, early, late }) => {
                let (from, until) = (due.saturating_sub(*early), *due + *late);
                let (first, last) = (seconds(from), seconds(until));
                call(
                    format!("expect a close between {first} and {last}, and not one byte before it"),
                    [("closed", Time(until)), ("not_before", Time(from))],
                )
            }
            Action::Silent(time) => call(
                format!("expect neither a byte nor a close for {}", seconds(*time)),
                [("silent", Time(*time))],
            ),
            Action::Shutdown => call("close the sending side only (half-close)", [("shutdown", Yes)]),
            Action::Close => call("close the connection", [("close", Yes)]),
            Action::Reset => call("reset the connection", [("reset", Yes)]),
            Action::Signal(signal) => {
                let words = match signal {
                    SignalName::Int => "interrupt it, as Ctrl-C does (SIGINT)",
                    SignalName::Term => "send it SIGTERM",
                    SignalName::Stop => "hold it still (SIGSTOP)",
                    SignalName::Cont => "let it run again (SIGCONT)",
                };
                call(words, [("signal", named(signal))])
            }
            Action::Exits { within, status } => {
                let with = match status {
                    None => "",
                    Some(Status::Zero) => " with status 0",
                    Some(Status::Nonzero) => " with a status other than 0",
                };
                let words = format!("expect that it ends within {}{with}", seconds(*within));
                call(words, [("exits", Time(*within))]).and(status.map(|status| ("status", named(status))))
            }
            Action::Runs(time) => {
                call(format!("expect that it still runs for {}", seconds(*time)), [("runs", Time(*time))])
            }
            Action::Prints { text, within, stream, times } => {
                let often = match times {
                    None => String::new(),
                    Some(1) => " once".to_owned(),
                    Some(times) => format!(" {times} times in all"),
                };
                call(
                    format!("expect {}{often} in its output", text.in_a_sentence()),
                    [("prints", Text(text.as_written().to_owned())), ("within", Time(*within))],
                )
                .and(times.map(|times| ("times", Number(times))))
                .searching(text, *stream)
            }
            Action::Unprinted { text, stream } => call(
                format!("expect not to find {} in its output so far", text.in_a_sentence()),
                [("unprinted", Text(text.as_written().to_owned()))],
            )
            .searching(text, *stream),
            Action::Complains => call("expect a message that says what is wrong", [("complains", Yes)]),
            Action::NoTrace => call("expect no stack trace, and no death by a signal", [("no_trace", Yes)]),
            Action::Unconnected => call("expect that it has not connected", [("unconnected", Yes)]),
            Action::Announced => call(
                "expect the announced port not to be 0, nor to have its bytes swapped",
                [("announced", Yes)],
            ),
            Action::Resources(check) => {
                let words = match check {
                    ResourceCheck::Remember => "count its open descriptors and threads".to_owned(),
                    ResourceCheck::Level { within } => {
                        format!(
                            "expect that descriptors and threads grow no further within {}",
                            seconds(*within)
                        )
                    }
                };
                let reason = "the count of your program's open descriptors and threads: conformance reads them from \
                              the process table of its own";
                Self { words, call: Err(reason) }
            }
            Action::Serve(time) => call(
                format!("serve it as the protocol says for {}, or until it ends", seconds(*time)),
                [("serve", Time(*time))],
            ),
            Action::DataThreadEnded { within } => call(
                format!("expect that its data thread has ended within {}", seconds(*within)),
                [("data_thread_ended", Time(*within))],
            ),
        }
    }

    fn and(mut self, argument: Option<(&'static str, Argument<'c>)>) -> Self {
        if let Ok(arguments) = &mut self.call {
            arguments.extend(argument);
        }
        self
    }

    /// Adds the regular expression and the stream of a search in the output.
    fn searching(self, text: &TextPattern, stream: Option<Stream>) -> Self {
        let regex = match text {
            TextPattern::Text(_) => None,
            TextPattern::Regex(pattern) | TextPattern::Described { pattern, .. } => Some(pattern.clone()),
        };
        self.and(regex.map(|regex| ("regex", Text(regex))))
            .and(stream.map(|stream| ("stream", named(stream))))
    }
}

/// A step about test data.
fn data<'c>(action: &DataAction) -> Description<'c> {
    match action {
        DataAction::PortOpen(over) => call(
            format!("expect that the announced {over} port is open"),
            [("port_open", Yes), ("over", named(over))],
        ),
        DataAction::PortFree { over, within } => call(
            format!("expect that the {over} port is free again within {}", seconds(*within)),
            [("port_free", Time(*within)), ("over", named(over))],
        ),
        DataAction::Send { over, amount, pace, from } => {
            let stranger = *from == Sender::Stranger;
            let from = if stranger { ", from another address" } else { "" };
            let (messages, size) = (amount.messages, count_bytes(amount.bytes));
            let arguments = [
                ("send_data", Number(messages as usize)),
                ("size", Number(amount.bytes)),
                ("over", named(over)),
                ("pace", Time(*pace)),
            ];
            call(format!("send {messages} messages of {size} over {over}{from}"), arguments)
                .and(stranger.then_some(("stranger", Yes)))
        }
        DataAction::RoundTrips { over, amount } => {
            let (messages, size) = (amount.messages, count_bytes(amount.bytes));
            call(
                format!("make {messages} round trips of {size} over {over}, one after the other"),
                [
                    ("round_trips", Number(messages as usize)),
                    ("size", Number(amount.bytes)),
                    ("over", named(over)),
                ],
            )
        }
        DataAction::Seen(sight) => measured(match sight {
            Sight::Over(over) => format!("expect that data has come over {over}"),
            Sight::WithoutPause => "expect that the data came without a pause".to_owned(),
            Sight::InDatagramsOf(size) => format!("expect that every datagram had {}", count_bytes(*size)),
            Sight::OneAtATime => "expect that nothing came before its reply".to_owned(),
            Sight::BeyondALoss => "expect that it went on after a lost reply".to_owned(),
        }),
        DataAction::Reports { figure, within } => {
            measured(format!("expect that it prints the right {figure} within {}", seconds(*within)))
        }
        DataAction::Compare => measured("compare it with a plain sender on the same path".to_owned()),
    }
}

fn measured<'c>(words: String) -> Description<'c> {
    let reason = "how your client measures: conformance counts and times its data at a port of its own, which Python is \
                  too slow for";
    Description { words, call: Err(reason) }
}

fn call<'c, const N: usize>(
    words: impl Into<String>,
    arguments: [(&'static str, Argument<'c>); N],
) -> Description<'c> {
    Description { words: words.into(), call: Ok(arguments.into()) }
}

/// A value by its name in a fixture.
fn named<'c>(value: impl Serialize) -> Argument<'c> {
    let name = serde_json::to_value(value).ok().and_then(|name| name.as_str().map(str::to_owned));
    Text(name.unwrap_or_default())
}

fn place(destination: Destination) -> &'static str {
    match destination {
        Destination::Loopback => "",
        Destination::Ipv6 => " over IPv6 (::1)",
        Destination::External => " to an address that is not loopback",
    }
}

fn spaced(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
