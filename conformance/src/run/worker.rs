//! Cases in a process of their own, one after the other: isolated, played, judged. It reads orders and reports JSON lines
//! on standard output. The loop of the run starts it, sends the orders and reads the reports.

mod early_end;
mod excuse;

use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::judge;
use crate::judge::Verdict;
use crate::model::case::{Case, Need};
use crate::model::fault::{Fault, Finding};
use crate::model::lateness::Lateness;
use crate::model::outcome::{CaseRecord, Outcome};
use crate::model::place::{HOST_NAME, Isolation};
use crate::model::step::Stream;
use crate::model::tolerance::{START_IS_IDLE, Tolerances, seconds};
use crate::model::transcript::{DataEvent, Entry, Event, Transcript};
use crate::play;
use crate::play::{PlayError, Played, Process, Running, Update};
use crate::stage::isolate::{self, InsideReport};
use crate::stage::target::{self, Held, Launch, StartError};
use crate::words;
use early_end::early_end;
use excuse::{Circumstances, machine_was_late};

/// Rust's exit status of a process that panicked.
const PANICKED: i32 = 101;

/// A task of a worker: one line of JSON on its standard input. The isolation, its folders and the working directory are
/// those of the first order.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    /// The case.
    pub case: Case,
    /// Which process plays it.
    pub start: Start,
    /// The times of the judgement.
    pub tolerances: Tolerances,
    /// The target's program.
    pub program: PathBuf,
    /// Its `argv[0]`, if that is not its path.
    pub arg0: Option<String>,
    /// Arguments before the case's own.
    pub leading_args: Vec<String>,
    /// Further folders that it may write to, beside the working directory.
    pub writable: Vec<PathBuf>,
    /// Where it is started.
    pub cwd: PathBuf,
    /// Where the case runs.
    pub isolation: Isolation,
    /// The seed of all random bytes.
    pub seed: u64,
    /// Whether a target that works when it should wait gets a lower priority.
    pub yields: bool,
    /// Whether every event is reported at once.
    #[serde(default)]
    pub live: bool,
}

/// Which process of the target plays a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// One that is started for it and ends with it.
    Own,
    /// One that is started for it. The next case may follow on it.
    First,
    /// That of the case before, if it still runs and is free; else one that is started for it. The next may follow.
    Next,
    /// The same, and it ends with this case.
    Last,
}

/// A message of a worker: a line of JSON on its standard output.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// A long wait begins: the processor is free for others.
    Waiting {
        /// What it waits for.
        what: String,
        /// The longest time.
        #[serde(with = "seconds")]
        at_most: Duration,
        /// Memory that the target holds, in bytes; 0 where the system does not say.
        #[serde(default)]
        memory_bytes: u64,
        /// The target is still starting, and works.
        #[serde(default)]
        starting: bool,
    },
    /// The wait is over.
    Resumed,
    /// An event, if events are reported at once.
    Happened(Entry),
    /// The case is done. The last message.
    Finished(Box<CaseRecord>),
    /// The run cannot go on: the target cannot be started, the port is taken. The last message.
    Impossible(String),
}

/// The main function of a worker. It ends when its input does.
pub fn main() -> ExitCode {
    end_with_any_thread();
    let mut seat = Seat::default();
    for line in io::stdin().lock().lines() {
        let order = line.map_err(|error| error.to_string());
        let order = order.and_then(|line| serde_json::from_str::<Order>(&line).map_err(|e| e.to_string()));
        write_message(&match order {
            Ok(order) => seat.carry_out(&order),
            Err(error) => Message::Impossible(format!("a worker did not understand its order: {error}")),
        });
    }
    ExitCode::SUCCESS
}

/// If a thread panics, or cannot be started, the whole process ends, and the runner reports an error of its own.
/// Otherwise what that thread did not see would be charged to the target.
fn end_with_any_thread() {
    std::panic::set_hook(Box::new(|panic| {
        // If this fails too, the message is lost.
        let _ = writeln!(io::stderr(), "{panic}");
        std::process::exit(PANICKED);
    }));
}

fn write_message(message: &Message) {
    let mut stdout = io::stdout().lock();
    // Fails only if the runner is gone. Then this process ends too.
    if serde_json::to_writer(&mut stdout, message).is_ok() {
        let _ = stdout.write_all(b"\n").and_then(|()| stdout.flush());
    }
}

/// What stays from one case to the next.
#[derive(Debug, Default)]
struct Seat {
    /// What the isolation could set up; `None` on the host.
    prepared: Option<Option<InsideReport>>,
    /// A target of this worker was asked how much memory it holds.
    weighed: bool,
    /// The target of the last case, if it was kept, and how many cases it has played.
    kept: Option<(Running, usize)>,
}

impl Seat {
    fn carry_out(&mut self, order: &Order) -> Message {
        let began = Instant::now();
        let unplayed =
            |outcome, reason| Message::Finished(Box::new(CaseRecord::unplayed(&order.case, outcome, reason)));
        match self.prepare(order) {
            Err(error) => return unplayed(Outcome::Error, format!("no isolation: {error}")),
            Ok(Some(lack)) => return unplayed(Outcome::Skip, lack),
            Ok(None) => {}
        }
        let launch = Launch {
            program: order.program.clone(),
            arg0: order.arg0.as_ref().map(Into::into),
            args: order.leading_args.iter().chain(&order.case.args).map(Into::into).collect(),
            cwd: order.cwd.clone(),
            isolation: order.isolation,
            yields: order.yields,
        };
        let mut first = true;
        let mut weighed = self.weighed;
        let mut on_update = |update: Update<'_>| match update {
            Update::Waiting(what, at_most) => {
                // If the first wait comes this late, it is the wait for the target's start.
                let maybe_starting = std::mem::take(&mut first) && began.elapsed() >= START_IS_IDLE;
                // A look at all processes is not cheap. What a target holds is known from the first case.
                let held = if maybe_starting || !std::mem::replace(&mut weighed, true) {
                    target::held()
                } else {
                    Held::default()
                };
                let starting = maybe_starting && held.runnable;
                write_message(&Message::Waiting { what, at_most, memory_bytes: held.memory_bytes, starting });
            }
            Update::Resumed => write_message(&Message::Resumed),
            Update::Happened(entry) if order.live => write_message(&Message::Happened(entry.clone())),
            Update::Happened(_) => {}
        };
        let (process, after) = self.process(order.start);
        let played =
            play::play(&order.case, &order.tolerances, (&launch, process), order.seed, &mut on_update);
        self.weighed = weighed;
        match played {
            Ok(mut played) => {
                self.kept = played.kept.take().map(|running| (running, after + 1));
                Message::Finished(Box::new(CaseRecord { after, ..record(order, played, began.elapsed()) }))
            }
            // The system may refuse this only once, because it lacks something; or the target may have caused it.
            Err(error @ PlayError::Start(StartError::Other { .. } | StartError::Terminal(_))) => {
                unplayed(Outcome::Error, error.to_string())
            }
            Err(error @ (PlayError::Start(_) | PlayError::PortTaken)) => {
                Message::Impossible(error.to_string())
            }
            Err(error) => unplayed(Outcome::Error, error.to_string()),
        }
    }

    /// The process for the next case, and how many cases it has played. One that does not go on is killed.
    fn process(&mut self, start: Start) -> (Process, usize) {
        let kept = self.kept.take();
        match start {
            Start::Own => (Process::Own, 0),
            Start::First => (Process::Kept, 0),
            Start::Next | Start::Last => {
                let keeps = start == Start::Next;
                let free = kept.and_then(|(running, played)| running.settled().map(|free| (free, played)));
                match free {
                    Some((running, played)) => (Process::Of { running: Box::new(running), keeps }, played),
                    None => (if keeps { Process::Kept } else { Process::Own }, 0),
                }
            }
        }
    }

    /// Sets up the isolation, once. Returns what the case needs and the machine lacks.
    fn prepare(&mut self, order: &Order) -> Result<Option<String>, isolate::IsolationError> {
        if self.prepared.is_none() {
            self.prepared = Some(prepare(order)?);
        }
        let Some(Some(report)) = &mut self.prepared else { return Ok(None) };
        // Checked only if a case needs it: a resolver may be slow.
        report.host_name &= !names_host(&order.case) || isolate::host_name_resolves();
        Ok(missing(&order.case, report))
    }
}

fn prepare(order: &Order) -> Result<Option<InsideReport>, isolate::IsolationError> {
    match order.isolation {
        Isolation::Host => isolate::prepare_host().map(|()| None),
        Isolation::Namespace => {
            let writable: Vec<&Path> = order.writable.iter().map(PathBuf::as_path).collect();
            let report = isolate::prepare_inside(&order.cwd, &writable)?;
            if order.case.may_share_a_network() {
                isolate::slow_network();
            }
            Ok(Some(report))
        }
    }
}

fn names_host(case: &Case) -> bool {
    case.args.iter().any(|arg| arg.contains(HOST_NAME))
}

/// What a case needs and its network lacks. It is the machine's fault, so the target is not judged.
fn missing(case: &Case, report: &InsideReport) -> Option<String> {
    if case.needs.contains(&Need::Ipv6) && !report.ipv6 {
        return Some("the network of this case has no IPv6".to_owned());
    }
    (names_host(case) && !report.host_name).then(|| {
        let refused = report.refused.iter().find(|line| line.starts_with(HOST_NAME));
        let reason = refused.map_or_else(|| format!("{} does not resolve", HOST_NAME), Clone::clone);
        format!("this machine lacks what the case needs: {reason}")
    })
}

fn record(order: &Order, mut played: Played, duration: Duration) -> CaseRecord {
    let Order { case, tolerances, .. } = order;
    let mut record = CaseRecord::unplayed(case, Outcome::Pass, String::new());
    record.message = None;
    record.duration = duration;
    record.steps = words::steps::words(case);
    match judge::judge(case, tolerances, &played.transcript) {
        Verdict::Pass => record.message = comparison(&played.transcript),
        Verdict::Unfinished { step } => {
            record.outcome = Outcome::Error;
            record.message = Some(format!("the runner did not finish step {} of the case", step + 1));
        }
        Verdict::Fail(finding) => {
            record.message = Some(finding.fault.to_string());
            record.expected = Some(finding.fault.expected());
            record.actual = Some(finding.fault.actual());
            let step = case.steps.get(finding.step);
            record.why = step.and_then(|step| step.why.clone());
            record.connection =
                step.filter(|step| step.on.len() == 1).map(|step| step.connection().to_owned());
            record.outcome = Outcome::Fail;
            if let Some(excuse) = machine_was_late(&circumstances(&finding, &played, order), tolerances) {
                record.outcome = Outcome::Inconclusive;
                record.message = Some(format!("{}; {excuse}", finding.fault));
            } else {
                record.charged = finding.charged.clone();
            }
            record.finding = Some(finding);
        }
    }
    // Only after the verdict: it must not depend on what came later.
    played.transcript.entries.append(&mut played.last_words);
    record.stdout = played.transcript.output(Some(Stream::Stdout));
    record.stderr = played.transcript.output(Some(Stream::Stderr));
    record.transcript = played.transcript;
    record.leftovers = played.leftovers;
    record
}

/// The comparison with a plain sender that a case may add to its verdict.
fn comparison(transcript: &Transcript) -> Option<String> {
    transcript.entries.iter().rev().find_map(|entry| match &entry.event {
        Event::Data(DataEvent::Compared { client_mbit_s, plain_mbit_s }) => Some(format!(
            "the client reached {client_mbit_s:.0} Mbit/s, {:.2} of the {plain_mbit_s:.0} Mbit/s of a plain sender",
            client_mbit_s / plain_mbit_s
        )),
        _ => None,
    })
}

fn circumstances(finding: &Finding, played: &Played, order: &Order) -> Circumstances {
    let fault = &finding.fault;
    let timeout = order.tolerances.close_at_earliest();
    let connection = order.case.steps.get(finding.step).filter(|step| step.on.len() == 1);
    let earliness = || early_end(fault, connection?.connection(), &played.transcript, timeout);
    // A process that has ended prints no more, however late anyone is.
    let ended = matches!(fault, Fault::NotPrinted { .. }) && played.transcript.exit().is_some();
    // Data is judged after the steps in which it was due, and the silence timeout runs through several steps.
    let over_steps = match fault {
        Fault::Data(_) => true,
        Fault::StillOpen { waited } => *waited >= timeout,
        _ => fault.lateness() != Lateness::TargetLate,
    };
    Circumstances {
        lateness: if ended { Lateness::Irrelevant } else { fault.lateness() },
        earliness: fault.earliness().or_else(earliness),
        starting: matches!(fault, Fault::NotListening { .. } | Fault::NotAccepted { .. }),
        runner_delay: played.runner_delay,
        step_runner_delay: (!over_steps).then_some(played.step_runner_delay),
        waited_out: played.waited_out,
        whole: played.whole,
        step: played.last_step,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::all_there(&["--client", "--target=peer.test"], &[Need::Ipv6], true, true, None)]
    #[case::no_name(&["--client", "--target=peer.test"], &[], true, false, Some("peer.test does not resolve"))]
    #[case::name_not_needed(&["--server"], &[], true, false, None)]
    #[case::no_ipv6(&["--server"], &[Need::Ipv6], false, true, Some("no IPv6"))]
    fn what_the_machine_lacks_is_a_skip(
        #[case] args: &[&str],
        #[case] needs: &[Need],
        #[case] ipv6: bool,
        #[case] host_name: bool,
        #[case] reason: Option<&str>,
    ) {
        let catalogue = crate::model::requirement::Catalogue::built_in().unwrap();
        let library = crate::fixture::Library::load(&[]).unwrap();
        let mut case = library.cases(&catalogue, &Tolerances::default()).unwrap().remove(0);
        case.args = args.iter().map(ToString::to_string).collect();
        case.needs = needs.to_vec();
        let report = InsideReport { ipv6, host_name, ..InsideReport::default() };
        let found = missing(&case, &report);
        assert_eq!(found.is_some(), reason.is_some());
        assert!(found.unwrap_or_default().contains(reason.unwrap_or_default()));
    }
}
