//! A worker process: starts it, sends an order, reads the messages, waits for its end.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use nix::unistd::Pid;
use thiserror::Error;

use super::{Shared, locked};
use crate::model::case::Case;
use crate::model::outcome::{CaseRecord, Outcome};
use crate::run::slots::Cancel;
use crate::run::worker::{Message, Order, Start};
use crate::stage::isolate;

/// Why there is no worker for a case.
#[derive(Debug, Error)]
enum WorkerError {
    #[error(transparent)]
    Isolation(#[from] isolate::IsolationError),
    #[error("cannot start a worker: {0}")]
    Spawn(#[from] io::Error),
    #[error("a worker has no standard input or output")]
    NoPipe,
}

/// A running worker. It dies with the thread that started it, and ends when this value is dropped.
pub(super) struct Worker<'a> {
    shared: &'a Shared<'a>,
    child: Child,
    /// `None` once it has to end.
    orders: Option<ChildStdin>,
    messages: BufReader<ChildStdout>,
    /// How many cases it has played.
    pub(super) played: usize,
}

impl Worker<'_> {
    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Sends an order and passes the messages on, up to the last one. `Err`: the worker ended without it, and this is
    /// why.
    fn carry_out(&mut self, order: &Order, mut on_message: impl FnMut(Message)) -> Result<Message, String> {
        self.played += 1;
        let order = serde_json::to_string(order).unwrap_or_default();
        if let Some(orders) = &mut self.orders {
            // If the worker has ended already, its standard error says why.
            let _ = orders.write_all(order.as_bytes()).and_then(|()| orders.write_all(b"\n"));
        }
        let mut other_output = String::new();
        let mut line = String::new();
        while self.messages.read_line(&mut line).is_ok_and(|length| length > 0) {
            match serde_json::from_str(&line) {
                Ok(message @ (Message::Finished(_) | Message::Impossible(_))) => return Ok(message),
                Ok(message) => on_message(message),
                Err(_) => other_output.push_str(&line),
            }
            line.clear();
        }
        if let Some(mut stderr) = self.child.stderr.take() {
            // It is only shown, so a failed read is no error.
            let _ = stderr.read_to_string(&mut other_output);
        }
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        Err(format!("the worker ended without a verdict ({status}): {}", other_output.trim()))
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        drop(self.orders.take());
        // Fails if it was waited for already.
        let _ = self.child.wait();
        let pid = self.pid();
        locked(&self.shared.workers).retain(|worker| *worker != pid);
    }
}

impl<'a> Shared<'a> {
    /// The result of a case that got no thread. If other cases run, it counts as one that ran beside them.
    pub(super) fn not_started(&self, index: usize, error: &io::Error) -> Message {
        let visit = self.machine.company.start();
        self.leave(index, visit);
        let reason = format!("cannot start a thread: {error}");
        Message::Finished(Box::new(CaseRecord::unplayed(&self.plan.cases[index], Outcome::Error, reason)))
    }

    /// Plays a case in `worker`, or in a new one, unless the run has ended. Returns the last message; a worker that has ended is gone.
    pub(super) fn play_in(
        &'a self,
        worker: &mut Option<Worker<'a>>,
        (case, start, yields): (&Case, Start, bool),
        cancel: &Cancel,
        on_message: impl FnMut(Message),
    ) -> Message {
        let played = match worker {
            Some(worker) => worker.carry_out(&self.order(case, start, yields), on_message),
            None => self.spawn().map_err(|error| error.to_string()).and_then(|new| {
                let new = worker.insert(new);
                // It may have come too late to be killed with the others.
                if cancel.is_set() {
                    return Err("the run has ended".to_owned());
                }
                new.carry_out(&self.order(case, start, yields), on_message)
            }),
        };
        played.unwrap_or_else(|reason| {
            *worker = None;
            Message::Finished(Box::new(CaseRecord::unplayed(case, Outcome::Error, reason)))
        })
    }

    fn spawn(&'a self) -> Result<Worker<'a>, WorkerError> {
        let mut command = isolate::worker_command(self.options.isolation)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(path) = &self.target.search_path {
            command.env("PATH", path);
        }
        let mut child = command.spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (orders, messages) = pipes.ok_or(WorkerError::NoPipe)?;
        let messages = BufReader::new(messages);
        let worker = Worker { shared: self, child, orders: Some(orders), messages, played: 0 };
        locked(&self.workers).push(worker.pid());
        Ok(worker)
    }

    fn order(&self, case: &Case, start: Start, yields: bool) -> Order {
        Order {
            case: case.clone(),
            start,
            tolerances: self.options.tolerances.clone(),
            program: self.target.program.clone(),
            arg0: self.target.arg0.clone(),
            leading_args: self.target.leading_args.clone(),
            writable: self.target.writable.clone(),
            cwd: self.options.cwd.clone(),
            isolation: self.options.isolation,
            seed: self.options.seed,
            yields,
            live: self.options.live,
        }
    }
}
