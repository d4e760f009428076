//! `conformance replay CASE`: plays one conversation as in any run, and prints everything as it happens, with its time,
//! its bytes and their fields; then the verdict.

use crate::words::escape;
use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use crate::grading::options::CaseArgs;
use crate::grading::{self, Grader};
use crate::model::case::Case;
use crate::model::event::{Event, Listener};
use crate::model::exit::Exit;
use crate::model::outcome::{CaseRecord, Outcome};
use crate::model::refusal::Refusal;
use crate::model::step::{Action, Step, Stream};
use crate::model::transcript::{self, Entry};
use crate::report::{RunReport, human, plain};
use crate::stage::interrupt;
use crate::words::annotate::by_field;
use crate::words::ladder::{self, LadderWriter};
use crate::words::page::{self, BOLD, DIM, GOOD, Page, UNSURE, painted, seconds};
use crate::words::steps::expectation;

/// The beginning of a line without a time.
const INDENT: &str = "            ";

/// A shorter wait is not printed.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// Plays the case and prints its verdict.
pub fn replay(args: &CaseArgs) -> Exit {
    try_replay(args).unwrap_or_else(Refusal::report)
}

fn try_replay(args: &CaseArgs) -> Result<Exit, Refusal> {
    let target = args.target.target().map_err(Refusal::usage)?;
    let (program, info) = grading::resolve(&target, args.target.target_bin.is_none())?;
    let grader = Grader::single(args)?;
    grader.announce_host();
    interrupt::install().map_err(Refusal::not_carried_out)?;
    let cwd = std::env::current_dir().map_err(Refusal::not_carried_out)?;
    let Some(case) = grader.plan.cases.first() else {
        return Err(Refusal::nothing_selected("nothing to play"));
    };
    let mut live = Live::new(case);
    show(&live.head(&plain::target_of(&info), &grader));
    let machine = grader.machine();
    let graded = grader.grade(&program, info, cwd, &mut machine.turn(), Vec::new(), &mut [&mut live]);
    let report = graded.map_err(Refusal::not_carried_out)?;
    show(&verdict(&report, &grader));
    Ok(match interrupt::came() {
        true => Exit::Interrupted,
        false => grading::exit_of(&report.requirements, report.options.fail_on, false),
    })
}

/// Prints the text at once.
fn show(text: &str) {
    let mut stdout = anstream::stdout().lock();
    // If standard output is closed, nobody reads it. The exit status still gives the verdict.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

fn verdict(report: &RunReport, grader: &Grader) -> String {
    let mut page = Page::new(page::terminal_width());
    page.line("");
    for case in &report.cases {
        match case.outcome {
            Outcome::Fail => {
                page.line(human::render_problems(report, &grader.catalogue, page.width()).trim());
            }
            Outcome::Pass => {
                let ids = plain::ids(&case.requirements);
                page.wrapped(
                    &format!("{} ", painted(GOOD, "It holds.")),
                    &format!("{ids}: {}", case.summary),
                );
                if case.message.is_some() {
                    page.wrapped("", &plain::message(case));
                }
            }
            _ => write_unjudged(&mut page, case),
        }
    }
    page.line(painted(DIM, format!("seed {}", report.options.seed)));
    page.into_text()
}

fn write_unjudged(page: &mut Page, case: &CaseRecord) {
    page.wrapped(&format!("{} ", painted(UNSURE, "It could not be judged:")), &plain::message(case));
}

/// Prints a case while it is played.
struct Live<'c> {
    case: &'c Case,
    writer: LadderWriter,
    width: usize,
    /// What the program has printed of a line that has not ended.
    unfinished: BTreeMap<Stream, String>,
}

impl<'c> Live<'c> {
    fn new(case: &'c Case) -> Self {
        let writer = LadderWriter::new(case.role, &case.args, connections(case));
        Self { case, writer, width: page::terminal_width(), unfinished: BTreeMap::new() }
    }

    fn head(&self, target: &str, grader: &Grader) -> String {
        let mut page = Page::new(self.width);
        page.wrapped("", &format!("{} on {target}", painted(BOLD, &self.case.id)));
        page.wrapped("", &self.case.summary);
        for entry in self.case.requirements.iter().filter_map(|id| grader.catalogue.find(id)) {
            page.wrapped(&format!("{} ({}) ", entry.id, entry.level), &entry.title);
        }
        page.wrapped("", &painted(DIM, ladder::legend_of(self.case.role, connections(self.case).len())));
        page.blank();
        page.into_text()
    }

    fn entry(&mut self, entry: &Entry) -> String {
        let mut page = Page::new(self.width);
        match &entry.event {
            transcript::Event::Step { index } => {
                let step = self.case.steps.get(*index);
                let words = step.and_then(|step| Some((step, expectation(self.case, step)?)));
                if let Some((step, words)) = words {
                    let on =
                        if is_on_one(step) { self.writer.prefix(step.connection()) } else { String::new() };
                    page.wrapped(INDENT, &painted(DIM, escape::line(&format!("{on}{words}"))));
                }
            }
            transcript::Event::Output { stream, text } => self.printed(&mut page, entry, *stream, text),
            transcript::Event::Exited(_) => {
                self.flush(&mut page, entry);
                self.event(&mut page, entry);
            }
            _ => self.event(&mut page, entry),
        }
        page.into_text()
    }

    fn event(&mut self, page: &mut Page, entry: &Entry) {
        let Some(event) = self.writer.event(entry) else { return };
        let line = ladder::line(&event, self.width);
        page.wrapped(&line.time, &escape::line(&line.text));
        if let Some(fields) = fields(&entry.event) {
            page.wrapped(INDENT, &painted(DIM, fields));
        }
    }

    /// Writes what the program prints, line by line.
    fn printed(&mut self, page: &mut Page, entry: &Entry, stream: Stream, text: &str) {
        let pending = self.unfinished.entry(stream).or_default();
        pending.push_str(text);
        while let Some(end) = pending.find('\n') {
            let line: String = pending.drain(..=end).collect();
            write_printed(page, entry, stream, line.trim_end());
        }
    }

    /// Writes the lines that the program has not ended.
    fn flush(&mut self, page: &mut Page, entry: &Entry) {
        for (stream, text) in std::mem::take(&mut self.unfinished) {
            if !text.trim().is_empty() {
                write_printed(page, entry, stream, text.trim_end());
            }
        }
    }
}

fn write_printed(page: &mut Page, entry: &Entry, stream: Stream, line: &str) {
    let name = match stream {
        Stream::Stdout => "standard output",
        Stream::Stderr => "standard error",
    };
    page.wrapped(&format!("{}{name} | ", ladder::time(entry.at)), &escape::line(line));
}

impl Listener for Live<'_> {
    fn on(&mut self, event: &Event<'_>) {
        match event {
            Event::Happened { entry, .. } => show(&self.entry(entry)),
            Event::Waiting { what, at_most, .. } if *at_most >= SHORTEST_WAIT => {
                let words = format!("waiting for {what}, {} at most ...", seconds(*at_most));
                show(&format!("{INDENT}{}\n", painted(DIM, words)));
            }
            Event::Again { .. } => {
                *self = Live::new(self.case);
                let words = "This machine was too busy to judge a time. Once more:";
                show(&format!("\n{}\n\n", painted(UNSURE, words)));
            }
            _ => {}
        }
    }
}

/// Whether a step waits for something on one connection.
fn is_on_one(step: &Step) -> bool {
    let on_connection = matches!(
        step.action,
        Action::Accept { .. } | Action::Expect { .. } | Action::Closed(_) | Action::Silent(_)
    );
    on_connection && step.on.len() == 1
}

/// All connections of the case, in the order in which they begin.
fn connections(case: &Case) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for step in &case.steps {
        let opens = matches!(step.action, Action::Connect(_) | Action::Accept { .. });
        if opens && !names.iter().any(|name| name == step.connection()) {
            names.push(step.connection().to_owned());
        }
    }
    names
}

/// The fields of the bytes that were sent or came, if they are a message.
fn fields(event: &transcript::Event) -> Option<String> {
    let (transcript::Event::Sent { bytes, .. } | transcript::Event::Received { bytes, .. }) = event else {
        return None;
    };
    let cells: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    by_field(&cells, |value| value.join(" ")).map(|(_, fields)| fields)
}
