//! The steps of a case as they are told: in words, for `conformance explain`, and as the arguments of a call, for the
//! script of `conformance reproduce`. What is done to the program, and what must come back.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::dialogue::{Speaker, Speech, count_bytes};
use super::message::due;
use crate::model::bytes::{Outgoing, Pattern};
use crate::model::case::{Case, Role};
use crate::model::data::{DataAction, Sender, Sight};
use crate::model::place::HOST_NAME;
use crate::model::step::{
    Action, CONTROL, Close, Destination, ResourceCheck, SignalName, Status, Step, Stream, TextPattern,
};
use crate::words::page::{command_line, seconds};

/// How many bytes of a `send` are written out.
const WRITTEN: usize = 16;

/// How many steps a whole session is read into.
const SESSION_STEPS: usize = 6;

/// Any port will do: it is only shown.
pub(crate) const SHOWN_PORT: u16 = 40_000;

/// What is told at once.
pub(crate) enum Told<'c> {
    /// A whole session on a connection of its own: its Request, and within what time the Reply is due.
    Session { request: &'c Outgoing, within: Duration },
    /// One step, and for a `send` what it says in the words of the protocol.
    Step { step: &'c Step, said: Option<String> },
}

/// Walks through the steps of a case in their order.
pub(crate) fn walk(case: &Case) -> Vec<Told<'_>> {
    let speaker = if case.role == Role::Server { Speaker::Client } else { Speaker::Server };
    let mut speeches: BTreeMap<&str, Speech> = BTreeMap::new();
    let mut told = Vec::new();
    let mut rest = case.steps.as_slice();
    while let [step, after @ ..] = rest {
        if let Some(session) = session(rest) {
            told.push(session);
            rest = &rest[SESSION_STEPS..];
            continue;
        }
        let mut said = None;
        match &step.action {
            Action::Connect(_) | Action::Accept { .. } => {
                speeches.insert(step.connection(), Speech::of(speaker));
            }
            Action::Send(outgoing) => {
                let speech = speeches.entry(step.connection()).or_insert_with(|| Speech::of(speaker));
                let bytes = outgoing.materialise(SHOWN_PORT, 0, |_| ()).concat();
                said = Some(speech.name(&bytes, bytes.len()));
            }
            // Whichever has spoken has heard the same as the first of them.
            Action::Expect { alias: Some(alias), .. } => {
                if let Some(speech) = speeches.get(step.connection()).cloned() {
                    speeches.insert(alias, speech);
                }
            }
            _ => {}
        }
        told.push(Told::Step { step, said });
        rest = after;
    }
    told
}

fn session(steps: &[Step]) -> Option<Told<'_>> {
    let steps = steps.get(..SESSION_STEPS)?;
    let name = steps[0].connection();
    if !name.starts_with("session-") || steps.iter().any(|step| step.connection() != name) {
        return None;
    }
    match (&steps[1].action, &steps[2].action) {
        (Action::Send(request), Action::Expect { within, .. }) => {
            Some(Told::Session { request, within: *within })
        }
        _ => None,
    }
}

/// The lines of all items. Of the stretches that come again at once the longest stands there once, and what comes again
/// within it likewise, between the lines that `around` has for their number.
pub(crate) fn folded(
    items: &[Vec<String>],
    indent: &str,
    around: fn(usize) -> [Option<String>; 2],
) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = items;
    while let Some(first) = rest.first() {
        let stretches = (1..=rest.len() / 2).map(|period| {
            (period, rest.chunks(period).take_while(|chunk| *chunk == &rest[..period]).count())
        });
        // Twice is plainer as it stands, unless it is long.
        let repeated = stretches
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

/// One line for everything that is done or expected; steps that are played again and again stand there once.
pub fn words(case: &Case) -> Vec<String> {
    let lines = walk(case).into_iter().map(|told| match told {
        Told::Session { request, .. } => {
            let bytes = request.materialise(SHOWN_PORT, 0, |_| ()).concat();
            let asked = Speech::of(Speaker::Client).name(&bytes, bytes.len());
            vec![format!("a whole session on a new connection ({asked}, Reply, Done, Results)")]
        }
        Told::Step { step, said } => {
            let words = Form::of(case, step, said.as_deref()).words;
            match step.on.join(" or ") {
                name if name == CONTROL || !step.action.facts().has_connection => vec![words],
                name => vec![format!("[{name}] {words}")],
            }
        }
    });
    folded(&lines.collect::<Vec<_>>(), "  ", |times| [Some(format!("{times} times:")), None])
}

/// What a step waits for, in words, without the name of its connection; nothing for one that an event tells of.
pub fn expectation(case: &Case, step: &Step) -> Option<String> {
    (!step.action.facts().has_event).then(|| Form::of(case, step, None).words)
}

/// How a step of a kind is told.
pub(crate) struct Form<'c> {
    /// In words.
    pub(crate) words: String,
    /// As the arguments of a script's call, the one that names its kind first; or why no script can do it.
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

impl<'c> Form<'c> {
    /// The one description of every kind of step. `said` is what a `send` says in the words of the protocol.
    pub(crate) fn of(case: &Case, step: &'c Step, said: Option<&str>) -> Self {
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
                // A name that only the runner's own network knows becomes this machine's.
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
                let words = format!("send {bytes}: {}", said.unwrap_or_default());
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
                format!("serve it by the book for {}, or until it ends", seconds(*time)),
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

    /// What is looked for in the output, where.
    fn searching(self, text: &TextPattern, stream: Option<Stream>) -> Self {
        let regex = match text {
            TextPattern::Text(_) => None,
            TextPattern::Regex(pattern) | TextPattern::Described { pattern, .. } => Some(pattern.clone()),
        };
        self.and(regex.map(|regex| ("regex", Text(regex))))
            .and(stream.map(|stream| ("stream", named(stream))))
    }
}

/// What is done, or must hold, on the test port.
fn data<'c>(action: &DataAction) -> Form<'c> {
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

fn measured<'c>(words: String) -> Form<'c> {
    let reason = "how your client measures: conformance counts and times its data at a port of its own, which Python is \
                  too slow for";
    Form { words, call: Err(reason) }
}

fn call<'c, const N: usize>(
    words: impl Into<String>,
    arguments: [(&'static str, Argument<'c>); N],
) -> Form<'c> {
    Form { words: words.into(), call: Ok(arguments.into()) }
}

/// A value by the name that a fixture has for it.
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
