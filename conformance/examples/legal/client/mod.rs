//! The client: connect, Request, Reply, test, Done, Results, report. Serves main.

mod connect;
mod data;
mod datagrams;
mod plan;
mod report;
mod streams;

use std::time::{Duration, Instant};

use nix::poll::PollFlags;

use crate::{
    cli::Options,
    control::{Alone, Control},
    ended::Ended,
    output,
    variants::on,
    wait,
    wire::{self, Due},
};
use data::InThread;
use plan::Plan;

/// Runs one test and reports it.
pub(crate) fn run(options: &Options) -> Result<(), Ended> {
    let mut control = Control::new(connect::to(&options.target)?)?;
    if on("pause-before-request") {
        wait::pause(Duration::from_secs(1))?;
    }
    control.send(&wire::request(options.test))?;
    output::chatter(&format!("Request sent (3 bytes: {:?}), waiting for Reply", wire::request(options.test)));
    let reply = control.receive(Due::Reply, None, &mut Alone)?;
    let began = Instant::now();
    let port = u16::from_be_bytes([reply[2], reply[3]]);
    output::chatter(&format!("Reply received, test port {port}"));

    let mut server = control.peer().map_err(Ended::Broken)?;
    server.set_port(port);
    let plan = Plan { test: options.test, server, began, ends: began + options.time };
    let data = InThread::start(plan).map_err(Ended::System)?;
    await_end(&data, &control)?;
    let mut sent = data.end();
    if on("pause-before-done") {
        wait::pause(Duration::from_millis(1500))?;
    }
    control.send(&wire::done())?;
    if on("half-close-after-done") {
        control.half_close();
    }
    let results = control.receive(Due::Results, None, &mut Alone)?;
    sent.connection = None;
    let mut count = [0; 8];
    count.copy_from_slice(&results[2..]);
    if on("await-servers-close") {
        control.await_close(None)?;
    }
    if on("client-close-by-reset") {
        control.reset_at_close();
    }
    if on("close-before-report") {
        drop(control);
    }
    report::report(options, &sent, u64::from_be_bytes(count));
    Ok(())
}

/// Waits for the end of the data thread, or for a server that leaves.
fn await_end(data: &InThread, control: &Control) -> Result<(), Ended> {
    let mut awaited = vec![(data.ended(), PollFlags::POLLIN)];
    if on("notice-close-during-test") {
        awaited.push((control.fd(), PollFlags::POLLIN));
    }
    let ready = wait::in_control(&awaited, None)?;
    // Between Reply and Done only an end can come.
    if ready.get(1) == Some(&true) && ready.first() == Some(&false) {
        return Err(Ended::EndOfFile);
    }
    Ok(())
}
