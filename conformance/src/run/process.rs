//! One case in a worker process: sends the order, reads the messages, waits for the end.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};
use std::sync::PoisonError;

use nix::unistd::Pid;
use thiserror::Error;

use super::{Shared, locked};
use crate::model::case::Case;
use crate::model::outcome::{CaseRecord, Outcome};
use crate::run::worker::{Message, Order};
use crate::stage::isolate;

/// Why there is no worker for a case.
#[derive(Debug, Error)]
enum WorkerError {
    #[error(transparent)]
    Isolation(#[from] isolate::IsolationError),
    #[error("cannot start a worker: {0}")]
    Spawn(#[from] io::Error),
}

impl Shared<'_> {
    /// The result of a case that got no thread. If other cases run, it counts as one that ran beside them.
    pub(super) fn not_started(&self, index: usize, error: &std::io::Error) -> Message {
        let mut overlaps = locked(&self.overlaps);
        overlaps.start(index);
        overlaps.end(index);
        let reason = format!("cannot start a thread: {error}");
        Message::Finished(Box::new(CaseRecord::unplayed(&self.plan.cases[index], Outcome::Error, reason)))
    }

    /// Starts the worker, sends it its order and passes its messages on. Returns the last message.
    pub(super) fn run_worker(&self, case: &Case, mut on_message: impl FnMut(Message)) -> Message {
        let broken =
            |reason: String| Message::Finished(Box::new(CaseRecord::unplayed(case, Outcome::Error, reason)));
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(error) => return broken(error.to_string()),
        };
        let pid = Pid::from_raw(child.id().cast_signed());
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).push(pid);
        let order = serde_json::to_string(&self.order(case)).unwrap_or_default();
        if let Some(mut stdin) = child.stdin.take() {
            // If the worker has ended already, its standard error says why.
            let _ = stdin.write_all(order.as_bytes()).and_then(|()| stdin.write_all(b"\n"));
        }
        let mut last = None;
        let mut other_output = String::new();
        for line in child.stdout.take().into_iter().flat_map(|stdout| BufReader::new(stdout).lines()) {
            let Ok(line) = line else { break };
            match serde_json::from_str(&line) {
                Ok(message @ (Message::Finished(_) | Message::Impossible(_))) => last = Some(message),
                Ok(message) => on_message(message),
                Err(_) => other_output.push_str(&line),
            }
        }
        if let Some(mut stderr) = child.stderr.take() {
            // It is only shown, so a failed read is no error.
            let _ = stderr.read_to_string(&mut other_output);
        }
        let status = child.wait();
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).retain(|worker| *worker != pid);
        last.unwrap_or_else(|| {
            let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            broken(format!("the worker ended without a verdict ({status}): {}", other_output.trim()))
        })
    }

    fn spawn(&self) -> Result<Child, WorkerError> {
        let mut command = isolate::worker_command(self.options.isolation)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command.spawn()?)
    }

    fn order(&self, case: &Case) -> Order {
        Order {
            case: case.clone(),
            tolerances: self.options.tolerances.clone(),
            program: self.target.program.clone(),
            arg0: self.target.arg0.clone(),
            leading_args: self.target.leading_args.clone(),
            writable: self.target.writable.clone(),
            cwd: self.options.cwd.clone(),
            isolation: self.options.isolation,
            seed: self.options.seed,
            live: self.options.live,
        }
    }
}
