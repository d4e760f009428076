//! One session: Request, Reply, test, Done, Results, close. Serves the server.

use std::{net::TcpStream, time::Duration};

use super::{
    listen::Waiting,
    port::{InLoop, InThread, Port},
};
use crate::{
    cli::Options,
    control::{Alone, Beside, Control, Silence},
    ended::Ended,
    output,
    variants::on,
    wait::{self, Awaited},
    wire::{self, Due, Test},
};

/// How long a server waits before its close, or lets the client close first.
const LINGERS: Duration = Duration::from_secs(1);

/// Serves a session, with a thread for its data.
pub(super) fn serve(options: &Options, client: TcpStream) -> Result<(), Ended> {
    let mut control = Control::new(client)?;
    let silence = Silence::new(options.control_timeout);
    closed_after(&mut control, |control| {
        let test = requested(control, &silence, &mut Alone)?;
        let port = opened(control, test, &silence)?;
        let number = port.number;
        let data = InThread::start(port).map_err(Ended::System)?;
        reply(control, number)?;
        control.receive(Due::Done, Some(&silence), &mut Alone)?;
        answer(control, data.end())
    })
}

/// Serves a session, its data and new clients in one loop.
pub(super) fn serve_in_loop(
    options: &Options,
    client: TcpStream,
    waiting: &mut Waiting,
) -> Result<(), Ended> {
    let mut control = Control::new(client)?;
    let silence = Silence::new(options.control_timeout);
    closed_after(&mut control, |control| {
        let test = requested(control, &silence, waiting)?;
        let port = opened(control, test, &silence)?;
        let number = port.number;
        let mut data = InLoop::start(port);
        reply(control, number)?;
        control.receive(Due::Done, Some(&silence), &mut Both(&mut data, waiting))?;
        answer(control, data.end())
    })
}

/// The other work besides the control connection.
struct Both<'b>(&'b mut InLoop, &'b mut Waiting);

impl Beside for Both<'_> {
    fn awaited(&self) -> Vec<Awaited<'_>> {
        let mut all = self.0.awaited();
        all.extend(self.1.awaited());
        all
    }

    fn ready(&mut self) {
        self.0.ready();
        self.1.ready();
    }
}

fn requested(control: &mut Control, silence: &Silence, beside: &mut dyn Beside) -> Result<Test, Ended> {
    let request = control.receive(Due::Request, Some(silence), beside)?;
    Ok(Test::numbered(request.last().copied().unwrap_or_default()))
}

fn opened(control: &Control, test: Test, silence: &Silence) -> Result<Port, Ended> {
    let port = Port::open(test, control, silence.clone()).map_err(Ended::System)?;
    output::chatter(&format!("Client asks for {}, test port {}", test.name(), port.number));
    Ok(port)
}

fn reply(control: &mut Control, port: u16) -> Result<(), Ended> {
    if on("reply-after-2s") {
        wait::pause(Duration::from_secs(2))?;
    }
    control.send(&wire::reply(port))
}

fn answer(control: &mut Control, datagrams: u64) -> Result<(), Ended> {
    if on("results-after-3s") {
        wait::pause(Duration::from_secs(3))?;
    }
    control.send(&wire::results(datagrams))
}

/// Runs the session and closes its connection in the way of the variant.
fn closed_after(
    control: &mut Control,
    session: impl FnOnce(&mut Control) -> Result<(), Ended>,
) -> Result<(), Ended> {
    let outcome = session(control);
    match &outcome {
        Err(Ended::Interrupted) => {}
        _ if on("server-close-by-reset") => control.reset_at_close(),
        _ if on("server-lingering-close") => {
            control.half_close();
            control.await_close(Some(LINGERS))?;
        }
        Ok(()) if on("server-close-after-1s") => wait::pause(LINGERS)?,
        _ if on("server-shutdown-both") => control.shut_down(),
        _ => {}
    }
    outcome
}
