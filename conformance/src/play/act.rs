//! What the player does: starts the target, opens and closes connections, sends, signals, serves.

use nix::sys::signal::Signal;

use super::CONTROL_PORT;
use super::data::OwnPort;
use super::idleness::Idleness;
use super::socket::{self, Connection};
use super::{PlayError, Player, Running, advance};
use crate::model::step::{Action, Destination, SignalName, Step};
use crate::model::transcript::{Entry, Event};

impl Player<'_> {
    /// Does the action of a step. The wait comes after it.
    pub(super) fn act(&mut self, step: &Step) -> Result<(), PlayError> {
        let name = self.judge.resolve(step.connection()).to_owned();
        match &step.action {
            Action::Start => self.start()?,
            Action::Connect(destination) => self.connect(&name, *destination)?,
            Action::Send(outgoing) => {
                let port = self.data_port.as_ref().map_or(0, OwnPort::number);
                let count = self.count_for(outgoing);
                let random = &mut self.random;
                let segments = outgoing.materialise(port, count, |bytes| random.fill(bytes));
                self.with(&name, |connection| connection.send(segments));
            }
            Action::Signal(_) => self.idleness = Idleness::new(self.clock.elapsed()),
            Action::Announced => self.probe_ports(),
            Action::Data(action) => self.act_on_data(action),
            Action::Expect { pattern, .. } if pattern.counts() => self.count_drops(),
            Action::Resources(_) | Action::DataThreadEnded { .. } => self.count_resources(),
            _ => {}
        }
        Ok(())
    }

    /// Does what a step does once it holds: a connection is ended only after the wait.
    pub(super) fn conclude(&mut self, step: &Step) {
        let name = self.judge.resolve(step.connection()).to_owned();
        match &step.action {
            Action::Shutdown => self.with(&name, Connection::shutdown),
            Action::Close | Action::Closed(_) => self.drop_connection(&name, false),
            Action::Reset => self.drop_connection(&name, true),
            _ => {}
        }
    }

    fn start(&mut self) -> Result<(), PlayError> {
        if let Some(running) = self.target.take() {
            running.target.end();
        }
        self.transcript.push(self.clock.elapsed(), Event::Started);
        match self.earlier.take() {
            Some(running) => {
                self.target = Some(running);
                self.began = self.reading();
                self.step_began = self.began;
            }
            None => {
                self.target = Some(Running::start(self.launch)?);
                self.step_began = self.step_began.with_new_target();
            }
        }
        Ok(())
    }

    fn connect(&mut self, name: &str, destination: Destination) -> Result<(), PlayError> {
        self.drop_connection(name, false);
        self.outbound.close();
        let to = socket::address(destination, CONTROL_PORT);
        let event = Event::Connecting { on: name.to_owned(), to: to.to_string() };
        self.transcript.push(self.clock.elapsed(), event);
        let connection = Connection::connect(name, to).map_err(PlayError::system("open a connection"))?;
        self.connections.insert(name.to_owned(), connection);
        Ok(())
    }

    /// Applies `action` to a connection, and records the events at once.
    pub(super) fn with(&mut self, name: &str, action: impl FnOnce(&mut Connection)) {
        let Some(connection) = self.connections.get_mut(name) else { return };
        action(connection);
        advance(connection, &self.clock, &mut self.transcript);
    }

    pub(super) fn drop_connection(&mut self, name: &str, reset: bool) {
        let Some(mut connection) = self.connections.remove(name) else { return };
        advance(&mut connection, &self.clock, &mut self.transcript);
        let event = Event::Dropped { on: name.to_owned(), reset };
        self.transcript.push(self.clock.elapsed(), event);
        connection.drop_with(reset);
    }

    /// Sends the signal once the target has settled.
    pub(super) fn signal(&mut self, signal: SignalName) {
        let Some(running) = &mut self.target else { return };
        // SIGSTOP and SIGCONT need no settled target.
        let interrupts = matches!(signal, SignalName::Int | SignalName::Term);
        let now = self.clock.elapsed();
        if interrupts && !self.idleness.allows(now, running.target.activity(), self.patience) {
            return;
        }
        self.transcript.push(self.clock.elapsed(), Event::Signalled { signal });
        let signal = match signal {
            SignalName::Int => Signal::SIGINT,
            SignalName::Term => Signal::SIGTERM,
            SignalName::Stop => Signal::SIGSTOP,
            SignalName::Cont => Signal::SIGCONT,
        };
        // A target that may not be signalled does not end. That is judged.
        let _ = running.target.signal(signal);
    }

    /// Answers every client: a Reply to three bytes, then Results and a close to two more.
    pub(super) fn serve(&mut self) {
        let port = self.data_port.as_ref().map_or(0, OwnPort::number).to_be_bytes();
        let names: Vec<String> = self.connections.keys().cloned().collect();
        for name in names {
            let is_on = |entry: &&Entry| entry.event.connection() == Some(&name);
            let on_it = self.transcript.entries.iter().filter(is_on);
            let lengths = on_it.fold((0, 0), |(received, sent), entry| match &entry.event {
                Event::Received { bytes, .. } => (received + bytes.len(), sent),
                Event::Sent { length, .. } => (received, sent + length),
                _ => (received, sent),
            });
            match lengths {
                (3.., 0) => self.with(&name, |to| to.send(vec![vec![0x01, 0x02, port[0], port[1]]])),
                (5.., 4) => {
                    self.with(&name, |to| to.send(vec![vec![0x01, 0x04, 0, 0, 0, 0, 0, 0, 0, 0]]));
                    self.drop_connection(&name, false);
                }
                _ => {}
            }
        }
    }
}
