//! The steps of a case as lines of the script's list, in the vocabulary of a fixture, with the fields of every
//! message in a comment; and what a script cannot do, with the reason.

use std::collections::BTreeMap;
use std::time::Duration;

use super::python;
use crate::model::bytes::{Chunk, Expected, Outgoing, Pattern};
use crate::model::case::{Case, Role};
use crate::model::data::{DataAction, Sender, Transport};
use crate::model::place::HOST_NAME;
use crate::model::step::{
    Action, CONTROL, Close, Destination, ResourceCheck, SignalName, Status, Step, Stream, TextPattern,
};
use crate::words::annotate::by_field;
use crate::words::dialogue::{Speaker, Speech};

/// How long a line of the list may be before its comment gets a line of its own.
const WIDTH: usize = 118;

/// So many equal bytes are counted instead of written out.
const ALIKE: usize = 5;

/// How many bytes stand on one line of the list.
const BYTES_A_LINE: usize = 32;

/// The lines of the list, and a line for each step that is left out.
#[derive(Debug, Default)]
pub(super) struct Steps {
    pub(super) lines: Vec<String>,
    pub(super) left_out: Vec<String>,
}

/// Every step of the case, those that come again and again once.
pub(super) fn steps(case: &Case) -> Steps {
    let mut writer = Writer { case, speeches: BTreeMap::new(), started: false, left_out: Vec::new() };
    let mut items: Vec<Vec<String>> = Vec::new();
    let mut rest = case.steps.as_slice();
    while let Some(step) = rest.first() {
        let (item, taken) = match session(rest) {
            Some(item) => (Some(vec![item]), SESSION_STEPS),
            None => (writer.step(step), 1),
        };
        rest = &rest[taken..];
        items.extend(item);
    }
    let mut left_out: Vec<String> = Vec::new();
    for line in writer.left_out {
        if !left_out.contains(&line) {
            left_out.push(line);
        }
    }
    Steps { lines: folded(&items), left_out }
}

/// A stretch of items that comes again at once is written once, with its number.
fn folded(items: &[Vec<String>]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = items;
    while let Some(first) = rest.first() {
        let repeated = (1..=rest.len() / 2).find_map(|period| {
            let times = rest.chunks(period).take_while(|chunk| *chunk == &rest[..period]).count();
            // Twice is plainer as it stands, unless it is long.
            (times > 2 || times == 2 && period > 3).then_some((period, times))
        });
        match repeated {
            Some((period, times)) => {
                lines.push("*[".to_owned());
                lines.extend(rest[..period].iter().flatten().map(|line| format!("    {line}")));
                lines.push(format!("] * {times},"));
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

/// How many steps a whole session is read into.
const SESSION_STEPS: usize = 6;

/// A whole session on a connection of its own, which the script has a word for.
fn session(steps: &[Step]) -> Option<String> {
    let steps = steps.get(..SESSION_STEPS)?;
    let name = steps[0].connection();
    if !name.starts_with("session-") || steps.iter().any(|step| step.connection() != name) {
        return None;
    }
    let (Action::Send(request), Action::Expect { within, .. }) = (&steps[1].action, &steps[2].action) else {
        return None;
    };
    let test = request.materialise(0, 0, |_| ()).concat();
    let test = test.get(2)?;
    Some(format!("*session({}, within={}),", python::string(&format!("{test:02x}")), seconds(*within)))
}

struct Writer<'c> {
    case: &'c Case,
    speeches: BTreeMap<String, Speech>,
    started: bool,
    left_out: Vec<String>,
}

impl Writer<'_> {
    /// A step as lines of the list; none for what is left out, or goes without saying.
    fn step(&mut self, step: &Step) -> Option<Vec<String>> {
        if matches!(step.action, Action::Start) && !std::mem::replace(&mut self.started, true) {
            return None;
        }
        let (mut arguments, comment) = match self.action(step) {
            Ok(written) => written,
            Err(reason) => {
                self.left_out.push(reason.clone());
                return Some(vec![format!("# left out: {reason}")]);
            }
        };
        if has_connection(&step.action) && (step.on.len() > 1 || step.connection() != CONTROL) {
            let names: Vec<_> = step.on.iter().map(|name| python::string(name)).collect();
            match &names[..] {
                [name] => arguments.push(format!("on={name}")),
                names => arguments.push(format!("on=[{}]", names.join(", "))),
            }
        }
        if let Some(why) = &step.why {
            arguments.push(format!("why={}", python::string(why)));
        }
        let call = format!("dict({}),", arguments.join(", "));
        Some(match comment {
            None => vec![call],
            Some(comment) if !call.contains('\n') && call.len() + comment.len() + 4 <= WIDTH => {
                vec![format!("{call}  # {comment}")]
            }
            Some(comment) => {
                let mut lines = vec![format!("# {comment}")];
                lines.extend(call.lines().map(str::to_owned));
                lines
            }
        })
    }

    /// The arguments of the step's `dict`, its kind first, and a comment; or why it is left out.
    fn action(&mut self, step: &Step) -> Result<(Vec<String>, Option<String>), String> {
        let name = python::string(step.connection());
        let plain = |argument: String| Ok((vec![argument], None));
        match &step.action {
            Action::Start => plain("restart=True".to_owned()),
            Action::Connect(to) => {
                self.opened(step.connection());
                let to = match to {
                    Destination::Loopback => None,
                    Destination::Ipv6 => Some("to=\"ipv6\""),
                    Destination::External => Some("to=\"external\""),
                };
                let arguments = [format!("connect={name}")].into_iter().chain(to.map(str::to_owned));
                Ok((arguments.collect(), None))
            }
            Action::Accept { within, at } => {
                self.opened(step.connection());
                let mut arguments = vec![format!("accept={}", seconds(*within))];
                // A name that only the runner's own network knows has become this machine's.
                let named = self.case.args.iter().any(|arg| arg.contains(HOST_NAME));
                if *at == Some(Destination::External) && !named {
                    arguments.push("at=\"external\"".to_owned());
                }
                Ok((arguments, None))
            }
            Action::Send(outgoing) => Ok(self.send(step.connection(), outgoing)),
            Action::Expect { pattern, not_before, within, alias } => {
                let mut arguments = vec![
                    format!("expect={}", bytes(&cells(pattern))),
                    format!("within={}", seconds(*within)),
                ];
                if *not_before > Duration::ZERO {
                    arguments.push(format!("not_before={}", seconds(*not_before)));
                }
                if let Some(alias) = alias {
                    arguments.push(format!("as_name={}", python::string(alias)));
                }
                Ok((arguments, in_fields(&cells(pattern))))
            }
            Action::Closed(Close::Within(within)) => plain(format!("closed={}", seconds(*within))),
            Action::Closed(Close::At { due, early, late }) => Ok((
                vec![
                    format!("closed={}", seconds(*due + *late)),
                    format!("not_before={}", seconds(due.saturating_sub(*early))),
                ],
                None,
            )),
            Action::Silent(duration) => plain(format!("silent={}", seconds(*duration))),
            Action::Shutdown => plain("shutdown=True".to_owned()),
            Action::Close => plain("close=True".to_owned()),
            Action::Reset => plain("reset=True".to_owned()),
            Action::Unconnected => plain("unconnected=True".to_owned()),
            Action::Announced => plain("announced=True".to_owned()),
            Action::Serve(duration) => plain(format!("serve={}", seconds(*duration))),
            _ => process(&step.action),
        }
    }

    fn opened(&mut self, name: &str) {
        let speaker = if self.case.role == Role::Server { Speaker::Client } else { Speaker::Server };
        self.speeches.insert(name.to_owned(), Speech::of(speaker));
    }

    fn send(&mut self, on: &str, outgoing: &Outgoing) -> (Vec<String>, Option<String>) {
        let cells = send_cells(outgoing);
        let flat: Vec<String> = cells.iter().filter(|cell| *cell != "|").cloned().collect();
        let fields = in_fields(&flat);
        // Which port it is does not matter for the name of the message.
        let said = outgoing.materialise(40_000, 0, |_| ()).concat();
        // A connection that is known by what it did has no history here.
        let named = self.speeches.get_mut(on).map(|speech| speech.name(&said, said.len()));
        let comment = match (named.map(|named| named.replace(", port 40000", "")), fields) {
            (Some(named), Some(fields)) if said.len() <= 10 => {
                Some(format!("{named}: {}", fields_only(&fields)))
            }
            (Some(named), _) => Some(named),
            (None, fields) => fields,
        };
        (vec![format!("send={}", bytes(&cells))], comment)
    }
}

/// What is done to the process, or seen of it.
fn process(action: &Action) -> Result<(Vec<String>, Option<String>), String> {
    let mut arguments = match action {
        Action::Signal(name @ (SignalName::Int | SignalName::Term | SignalName::Stop | SignalName::Cont)) => {
            let name = match name {
                SignalName::Int => "INT",
                SignalName::Term => "TERM",
                SignalName::Stop => "STOP",
                SignalName::Cont => "CONT",
            };
            vec![format!("signal=\"{name}\"")]
        }
        Action::Exits { within, status } => {
            let status = status.map(|status| match status {
                Status::Zero => "status=\"zero\"".to_owned(),
                Status::Nonzero => "status=\"nonzero\"".to_owned(),
            });
            [format!("exits={}", seconds(*within))].into_iter().chain(status).collect()
        }
        Action::Prints { text, within, times, .. } => {
            let times = times.map(|times| format!("times={times}"));
            let written = format!("prints={}", python::string(text.as_written()));
            [written, format!("within={}", seconds(*within))].into_iter().chain(times).collect()
        }
        Action::Unprinted { text, .. } => vec![format!("unprinted={}", python::string(text.as_written()))],
        Action::Complains => vec!["complains=True".to_owned()],
        Action::NoTrace => vec!["no_trace=True".to_owned()],
        Action::DataThreadEnded { within } => vec![format!("data_thread_ended={}", seconds(*within))],
        Action::Resources(ResourceCheck::Remember | ResourceCheck::Level { .. }) => {
            return Err(
                "the count of your program's open descriptors and threads: conformance reads them from the \
                        process table of its own"
                    .to_owned(),
            );
        }
        Action::Data(action) => return data(action).map(|arguments| (arguments, None)),
        _ => return Err("a step that scripts do not know".to_owned()),
    };
    if let Action::Prints { text, stream, .. } | Action::Unprinted { text, stream } = action {
        if let TextPattern::Regex(pattern) | TextPattern::Described { pattern, .. } = text {
            arguments.push(format!("regex={}", python::string(pattern)));
        }
        arguments.extend(stream.map(|stream| match stream {
            Stream::Stdout => "stream=\"stdout\"".to_owned(),
            Stream::Stderr => "stream=\"stderr\"".to_owned(),
        }));
    }
    Ok((arguments, None))
}

/// What is done on the test port.
fn data(action: &DataAction) -> Result<Vec<String>, String> {
    let over = |over: &Transport| format!("over=\"{}\"", over.to_string().to_lowercase());
    Ok(match action {
        DataAction::PortOpen(transport) => vec!["port_open=True".to_owned(), over(transport)],
        DataAction::PortFree { over: transport, within } => {
            vec![format!("port_free={}", seconds(*within)), over(transport)]
        }
        DataAction::Send { over: transport, amount, pace, from } => {
            let mut arguments =
                vec![format!("send_data={}", amount.messages), format!("size={}", amount.bytes)];
            arguments.push(over(transport));
            arguments.push(format!("pace={}", seconds(*pace)));
            if *from == Sender::Stranger {
                arguments.push("stranger=True".to_owned());
            }
            arguments
        }
        DataAction::RoundTrips { over: transport, amount } => vec![
            format!("round_trips={}", amount.messages),
            format!("size={}", amount.bytes),
            over(transport),
        ],
        DataAction::Seen(_) | DataAction::Reports { .. } | DataAction::Compare => {
            return Err("how your client measures: conformance counts and times its data at a port of its own, which \
                        Python is too slow for"
                .to_owned());
        }
    })
}

fn has_connection(action: &Action) -> bool {
    matches!(
        action,
        Action::Accept { .. }
            | Action::Send(_)
            | Action::Expect { .. }
            | Action::Closed(_)
            | Action::Silent(_)
            | Action::Shutdown
            | Action::Close
            | Action::Reset
    )
}

/// Seconds without needless digits.
pub(super) fn seconds(duration: Duration) -> String {
    let text = format!("{:.6}", duration.as_secs_f64());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The tokens of a send: `|` between segments, hex pairs, `HI` and `LO` for the bytes of our data port, `NN*8` for
/// the count of the datagrams (`NN%75`: three quarters of it), `random*N` and `00*N`.
fn send_cells(outgoing: &Outgoing) -> Vec<String> {
    let mut cells = Vec::new();
    for (index, segment) in outgoing.segments.iter().enumerate() {
        if index > 0 {
            cells.push("|".to_owned());
        }
        for chunk in segment {
            match chunk {
                Chunk::Bytes(bytes) => cells.extend(bytes.iter().map(|byte| format!("{byte:02x}"))),
                Chunk::Fill(byte, count) if *count <= BYTES_A_LINE => {
                    cells.extend(std::iter::repeat_n(format!("{byte:02x}"), *count));
                }
                Chunk::Fill(byte, count) => cells.push(format!("{byte:02x}*{count}")),
                Chunk::Random(count) => cells.push(format!("random*{count}")),
                Chunk::DataPort { high: true } => cells.push("HI".to_owned()),
                Chunk::DataPort { high: false } => cells.push("LO".to_owned()),
                Chunk::Count if outgoing.percent == 100 => {
                    cells.extend(std::iter::repeat_n("NN".to_owned(), 8))
                }
                Chunk::Count => cells.push(format!("NN%{}", outgoing.percent)),
            }
        }
    }
    cells
}

/// The tokens of an expectation: hex pairs, `??` for any byte, `PP` for one of the announced port, `NN` for one of the
/// count of the datagrams that the script has sent.
fn cells(pattern: &Pattern) -> Vec<String> {
    let cell = |expected: &Expected| match expected {
        Expected::Exactly(byte) => format!("{byte:02x}"),
        Expected::Any => "??".to_owned(),
        Expected::Port => "PP".to_owned(),
        Expected::Count => "NN".to_owned(),
    };
    pattern.bytes.iter().map(cell).collect()
}

/// Tokens as a Python string, over several lines where they are many.
fn bytes(cells: &[String]) -> String {
    let mut short = Vec::new();
    for alike in cells.chunk_by(|left, right| left == right) {
        match alike {
            [one, .., _] if alike.len() >= ALIKE && one.len() == 2 => {
                short.push(format!("{one}*{}", alike.len()))
            }
            _ => short.extend_from_slice(alike),
        }
    }
    let cells = short.as_slice();
    if cells.len() <= BYTES_A_LINE {
        return python::string(&cells.join(" "));
    }
    let lines: Vec<_> = cells
        .chunks(BYTES_A_LINE)
        .map(|chunk| format!("    {}", python::string(&format!("{} ", chunk.join(" ")))))
        .collect();
    format!("(\n{})", lines.join("\n"))
}

/// The one message that some tokens are or begin: `Reply: version=01, message_type=02, test_port=PP PP`.
fn in_fields(cells: &[String]) -> Option<String> {
    let join = |value: &[String]| bytes(value).trim_matches('"').to_owned();
    by_field(cells, join).map(|(kind, fields)| format!("{kind}: {fields}"))
}

fn fields_only(named: &str) -> &str {
    named.split_once(": ").map_or(named, |(_, fields)| fields)
}
