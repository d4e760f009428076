//! The steps of a case in words: what is done to the program, and what must come back. For `conformance
//! explain`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::dialogue::{Speaker, Speech, count_bytes};
use super::message::due;
use crate::model::bytes::{Outgoing, Pattern};
use crate::model::case::{Case, Role};
use crate::model::data::{DataAction, Sender, Sight};
use crate::model::step::{Action, CONTROL, Close, Destination, ResourceCheck, SignalName, Status, Step};
use crate::words::page::{command_line, seconds};

/// How many bytes of a `send` are written out.
const WRITTEN: usize = 16;

/// One line for everything that is done or expected; steps that are played again and again stand there once.
pub fn words(case: &Case) -> Vec<String> {
    let mut narrator = Narrator { case, speeches: BTreeMap::new() };
    let mut told: Vec<(usize, Vec<String>)> = Vec::new();
    let mut steps = case.steps.as_slice();
    while let Some(step) = steps.first() {
        let (line, taken) = match session(steps) {
            Some(line) => (line, SESSION_STEPS),
            None => (narrator.tell(step), 1),
        };
        steps = &steps[taken..];
        // Steps of one line of the file belong together: an opening and what it is for.
        match told.last_mut() {
            Some((at, lines)) if *at == step.line => lines.push(line),
            // The start belongs to no line of its own, and is not played again with the first one.
            _ if matches!(step.action, Action::Start) => told.push((0, vec![line])),
            _ => told.push((step.line, vec![line])),
        }
    }
    folded(&told)
}

/// What a step waits for, in words, without the name of its connection; nothing for one that only does something.
pub fn expectation(case: &Case, step: &Step) -> Option<String> {
    let does = matches!(
        step.action,
        Action::Start
            | Action::Connect(_)
            | Action::Send(_)
            | Action::Shutdown
            | Action::Close
            | Action::Reset
            | Action::Signal(_)
    );
    (!does).then(|| Narrator { case, speeches: BTreeMap::new() }.action(step))
}

/// Lines that come again in the same order are told once, with their number.
fn folded(told: &[(usize, Vec<String>)]) -> Vec<String> {
    let again = told.iter().enumerate().find_map(|(index, (line, _))| {
        told[..index].iter().position(|(before, _)| before == line).map(|first| (first, index - first))
    });
    let Some((first, period)) = again else {
        return told.iter().flat_map(|(_, lines)| lines.clone()).collect();
    };
    let same = |index: &usize| {
        told.get(first + index).map(|(line, _)| line) == Some(&told[first + index % period].0)
    };
    let repeated = (0..).take_while(same).count();
    let times = repeated / period;
    let lines = |range: std::ops::Range<usize>| told[range].iter().flat_map(|(_, lines)| lines.clone());
    lines(0..first)
        .chain([format!("{times} times:")])
        .chain(lines(first..first + period).map(|line| format!("  {line}")))
        .chain(lines(first + times * period..told.len()))
        .collect()
}

/// How many steps a whole session is read into.
const SESSION_STEPS: usize = 6;

/// A whole session on a connection of its own.
fn session(steps: &[Step]) -> Option<String> {
    let steps = steps.get(..SESSION_STEPS)?;
    let name = steps[0].connection();
    if !name.starts_with("session-") || steps.iter().any(|step| step.connection() != name) {
        return None;
    }
    let Action::Send(request) = &steps[1].action else { return None };
    let asked = Speech::of(Speaker::Client).name(&written(request), request.length());
    Some(format!("a whole session on a new connection ({asked}, Reply, Done, Results)"))
}

fn written(outgoing: &Outgoing) -> Vec<u8> {
    // Any port will do: it is only shown.
    outgoing.materialise(40000, 0, |_| ()).concat()
}

struct Narrator<'c> {
    case: &'c Case,
    speeches: BTreeMap<String, Speech>,
}

impl Narrator<'_> {
    fn tell(&mut self, step: &Step) -> String {
        if matches!(step.action, Action::Connect(_) | Action::Accept { .. }) {
            self.speeches.remove(step.connection());
        }
        let on = match step.on.join(" or ") {
            name if name == CONTROL || !has_connection(&step.action) => String::new(),
            name => format!("[{name}] "),
        };
        format!("{on}{}", self.action(step))
    }

    fn action(&mut self, step: &Step) -> String {
        match &step.action {
            Action::Start => match self.case.role {
                Role::Server => {
                    format!("start the program with {}, and wait until it listens", self.arguments())
                }
                _ => format!("start the program with {}", self.arguments()),
            },
            Action::Data(action) => data(action),
            Action::Connect(to) => format!("connect{}", place(Some(*to))),
            Action::Accept { within, at } => {
                format!("expect that it connects{} within {}", place(*at), seconds(*within))
            }
            Action::Send(outgoing) => self.send(step.connection(), outgoing),
            Action::Expect { pattern, not_before, within, .. } => {
                let not_before = match *not_before {
                    Duration::ZERO => String::new(),
                    time => format!(", not before {}", seconds(time)),
                };
                format!("expect {} within {}{not_before}", expected(pattern), seconds(*within))
            }
            Action::Closed(Close::Within(within)) => {
                format!("expect a close within {}, and not one byte before it", seconds(*within))
            }
            Action::Closed(Close::At { due, early, late }) => format!(
                "expect a close between {} and {}, and not one byte before it",
                seconds(due.saturating_sub(*early)),
                seconds(*due + *late)
            ),
            Action::Silent(duration) => {
                format!("expect neither a byte nor a close for {}", seconds(*duration))
            }
            Action::Shutdown => "close the sending side only (half-close)".to_owned(),
            Action::Close => "close the connection".to_owned(),
            Action::Reset => "reset the connection".to_owned(),
            Action::Signal(SignalName::Int) => "interrupt it, as Ctrl-C does (SIGINT)".to_owned(),
            Action::Signal(SignalName::Term) => "send it SIGTERM".to_owned(),
            Action::Signal(SignalName::Stop) => "hold it still (SIGSTOP)".to_owned(),
            Action::Signal(SignalName::Cont) => "let it run again (SIGCONT)".to_owned(),
            Action::Exits { within, status } => {
                let status = match status {
                    None => "",
                    Some(Status::Zero) => " with status 0",
                    Some(Status::Nonzero) => " with a status other than 0",
                };
                format!("expect that it ends within {}{status}", seconds(*within))
            }
            Action::Prints { text, times, .. } => {
                let times = times.map_or(String::new(), |times| format!(" {times} times in all"));
                let times = times.replace(" 1 times in all", " once");
                format!("expect {}{times} in its output", text.in_a_sentence())
            }
            Action::Unprinted { text, .. } => {
                format!("expect not to find {} in its output so far", text.in_a_sentence())
            }
            Action::Complains => "expect a message that says what is wrong".to_owned(),
            Action::NoTrace => "expect no stack trace, and no death by a signal".to_owned(),
            Action::Unconnected => "expect that it has not connected".to_owned(),
            Action::Announced => {
                "expect the announced port not to be 0, nor to have its bytes swapped".to_owned()
            }
            Action::Resources(ResourceCheck::Remember) => "count its open descriptors and threads".to_owned(),
            Action::Resources(ResourceCheck::Level { within }) => {
                format!("expect that descriptors and threads grow no further within {}", seconds(*within))
            }
            Action::Serve(duration) => {
                format!("serve it by the book for {}, or until it ends", seconds(*duration))
            }
            Action::DataThreadEnded { within } => {
                format!("expect that its data thread has ended within {}", seconds(*within))
            }
        }
    }

    fn arguments(&self) -> String {
        if self.case.args.is_empty() { "no arguments".to_owned() } else { command_line(&self.case.args) }
    }

    fn send(&mut self, on: &str, outgoing: &Outgoing) -> String {
        let speaker = if self.case.role == Role::Client { Speaker::Server } else { Speaker::Client };
        let speech = self.speeches.entry(on.to_owned()).or_insert_with(|| Speech::of(speaker));
        let bytes = written(outgoing);
        let named = speech.name(&bytes, bytes.len());
        if bytes.len() > WRITTEN {
            return format!("send {}: {named}", count_bytes(bytes.len()));
        }
        let segments = outgoing.materialise(40000, 0, |_| ());
        let hex: Vec<_> = segments.iter().map(|segment| spaced(segment)).collect();
        format!("send {}: {named}", hex.join(" | "))
    }
}

/// What is done, or must hold, on the test port.
fn data(action: &DataAction) -> String {
    match action {
        DataAction::PortOpen(over) => format!("expect that the announced {over} port is open"),
        DataAction::PortFree { over, within } => {
            format!("expect that the {over} port is free again within {}", seconds(*within))
        }
        DataAction::Send { over, amount, from, .. } => {
            let from = if *from == Sender::Stranger { ", from another address" } else { "" };
            format!("send {} messages of {} over {over}{from}", amount.messages, count_bytes(amount.bytes))
        }
        DataAction::RoundTrips { over, amount } => format!(
            "make {} round trips of {} over {over}, one after the other",
            amount.messages,
            count_bytes(amount.bytes)
        ),
        DataAction::Seen(Sight::Over(over)) => format!("expect that data has come over {over}"),
        DataAction::Seen(Sight::WithoutPause) => "expect that the data came without a pause".to_owned(),
        DataAction::Seen(Sight::InDatagramsOf(size)) => {
            format!("expect that every datagram had {}", count_bytes(*size))
        }
        DataAction::Seen(Sight::OneAtATime) => "expect that nothing came before its reply".to_owned(),
        DataAction::Seen(Sight::BeyondALoss) => "expect that it went on after a lost reply".to_owned(),
        DataAction::Reports { figure, within } => {
            format!("expect that it prints the right {figure} within {}", seconds(*within))
        }
        DataAction::Compare => "compare it with a plain sender on the same path".to_owned(),
    }
}

fn has_connection(action: &Action) -> bool {
    matches!(
        action,
        Action::Connect(_)
            | Action::Accept { .. }
            | Action::Send(_)
            | Action::Expect { .. }
            | Action::Closed(_)
            | Action::Silent(_)
            | Action::Shutdown
            | Action::Close
            | Action::Reset
    )
}

fn place(destination: Option<Destination>) -> &'static str {
    match destination {
        None | Some(Destination::Loopback) => "",
        Some(Destination::Ipv6) => " over IPv6 (::1)",
        Some(Destination::External) => " to an address that is not loopback",
    }
}

fn expected(pattern: &Pattern) -> String {
    let kind = due(pattern);
    kind.map_or_else(|| pattern.to_string(), |kind| format!("{kind} ({pattern})"))
}

fn spaced(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
