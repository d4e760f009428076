//! The client half: connect, Request, Reply, test, Done, Results, report (P3, "Communication Protocol"). Serves main.

use std::{
    fmt,
    io::{self, Read, Write},
    net::TcpStream,
    process::ExitCode,
    thread,
    time::Duration,
};

use crate::{
    cli::{CONTROL_PORT, Options},
    crash, data_thread,
    faults::fault,
    interrupt::{self, Phase},
    output::say,
    wire::{self, REPLY_BYTES, RESULTS_BYTES, Refusal, TestType},
};

/// Runs one test and reports it.
pub(crate) fn run(options: &Options) -> ExitCode {
    match test(options) {
        Ok(()) if fault("client-exits-1-after-success") => ExitCode::FAILURE,
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            die_of(&failure);
            if !fault("client-fails-without-a-word") {
                eprintln!("tester: {failure}");
            }
            if fault("client-fails-with-status-0") { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    }
}

/// Why there are no results.
enum Failure {
    UnknownTest(String),
    Unreachable(String, io::Error),
    /// The server closed the connection while this message was due.
    Closed(&'static str),
    Reset(&'static str),
    Refused(&'static str, Refusal),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownTest(name) => write!(f, "unknown test {name}"),
            Self::Unreachable(target, error) => write!(f, "cannot connect to {target}: {error}"),
            Self::Closed(due) => write!(f, "the server closed the connection before the end of its {due}"),
            Self::Reset(due) => write!(f, "the server broke the connection off before the end of its {due}"),
            Self::Refused(due, refusal) => write!(f, "the server sent {refusal} as its {due}"),
        }
    }
}

/// The exceptions that a student's client does not catch.
fn die_of(failure: &Failure) {
    match failure {
        Failure::Refused(..) if fault("client-bad-message-traceback") => crash::traceback("AssertionError"),
        Failure::Closed(_) if fault("client-end-of-file-traceback") => {
            crash::traceback("struct.error: unpack requires a buffer of 10 bytes")
        }
        Failure::Reset(_) if fault("client-reset-traceback") => {
            crash::traceback("ConnectionResetError: [Errno 104] Connection reset by peer")
        }
        Failure::Unreachable(_, error) if refused(error) && fault("client-refused-traceback") => {
            crash::traceback("ConnectionRefusedError: [Errno 111] Connection refused")
        }
        Failure::Unreachable(_, error) if !refused(error) && fault("client-unknown-host-traceback") => {
            crash::traceback("socket.gaierror: [Errno -2] Name or service not known")
        }
        _ => {}
    }
}

fn refused(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionRefused
}

fn test(options: &Options) -> Result<(), Failure> {
    interrupt::enter(Phase::Asking);
    let asked = TestType::named(&options.test);
    let test = match asked {
        None if fault("test-takes-anything") => TestType::TcpStream,
        None if !fault("test-checked-after-connecting") => {
            return Err(Failure::UnknownTest(options.test.clone()));
        }
        None => {
            connect(&options.target)?;
            return Err(Failure::UnknownTest(options.test.clone()));
        }
        Some(test) => test,
    };

    let mut server = connect(&options.target)?;
    send(&mut server, "Reply", &wire::request(test))?;
    if fault("client-ends-request-with-newline") {
        send(&mut server, "Reply", b"\n")?;
    }
    // A late answer counts as lost, as over UDP.
    if fault("client-requests-again") && nothing_comes_for(Duration::from_millis(100), &server) {
        send(&mut server, "Reply", &wire::request(test))?;
    }
    if fault("client-done-before-reply") {
        thread::sleep(Duration::from_millis(150));
        send(&mut server, "Reply", &wire::done())?;
    }
    if fault("client-says-opening-before-reply") {
        say("Data thread opening");
    }
    if fault("client-gives-up-on-reply") {
        let _ = server.set_read_timeout(Some(Duration::from_secs(2)));
    }
    let reply = receive(&mut server, "Reply", REPLY_BYTES)?;
    wire::check_reply(&reply).map_err(|refusal| Failure::Refused("Reply", refusal))?;

    interrupt::enter(Phase::Testing);
    let time = if fault("client-ignores-time") { Duration::from_secs(30) } else { options.time };
    data_thread::run_client_thread(time);
    if fault("client-done-too-late") {
        thread::sleep(Duration::from_secs(7));
    }

    interrupt::enter(Phase::Finishing);
    if !fault("client-never-sends-done") && !fault("client-done-before-reply") {
        send(&mut server, "Results", &wire::done())?;
    }
    if fault("client-ends-after-done") {
        report(options, test, 0);
        return Ok(());
    }
    let datagrams = receive_results(&mut server, test)?;
    report(options, test, datagrams);
    stay_or_leave(&mut server);
    Ok(())
}

/// Tries every address of the host until one answers.
fn connect(target: &str) -> Result<TcpStream, Failure> {
    let host = if fault("client-ignores-target") { "localhost" } else { target };
    if fault("client-takes-addresses-only")
        && host.parse::<std::net::IpAddr>().is_err()
        && host != "localhost"
    {
        return Err(Failure::Unreachable(host.to_owned(), io::ErrorKind::InvalidInput.into()));
    }
    let port = if fault("client-connects-to-another-port") { 5687 } else { CONTROL_PORT };
    loop {
        match TcpStream::connect((host, port)) {
            Ok(server) => return Ok(server),
            Err(_) if fault("client-retries-for-ever") => thread::sleep(Duration::from_millis(500)),
            Err(error) => return Err(Failure::Unreachable(host.to_owned(), error)),
        }
    }
}

fn send(server: &mut TcpStream, due: &'static str, message: &[u8]) -> Result<(), Failure> {
    server.write_all(message).map_err(|_| Failure::Reset(due))
}

fn nothing_comes_for(time: Duration, server: &TcpStream) -> bool {
    let came = server.set_read_timeout(Some(time)).and_then(|()| server.peek(&mut [0]));
    let _ = server.set_read_timeout(None);
    came.is_err()
}

/// Reads exactly `length` bytes of the message that is due.
fn receive(server: &mut TcpStream, due: &'static str, length: usize) -> Result<Vec<u8>, Failure> {
    let mut message = Vec::new();
    while message.len() < length {
        // select() with a quarter of a second for the rest of a message that has begun.
        if fault("client-impatient-within-message") {
            let rest = (!message.is_empty()).then_some(Duration::from_millis(250));
            let _ = server.set_read_timeout(rest);
        }
        if due == "Reply" && !message.is_empty() && fault("client-ctrl-c-ignored-within-reply") {
            interrupt::enter(Phase::WithinReply);
        }
        let mut buffer = vec![0; length - message.len()];
        match server.read(&mut buffer) {
            Ok(0) if fault("client-spins-at-end-of-file") => {}
            Ok(0) => return Err(Failure::Closed(due)),
            Ok(count) => message.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Err(Failure::Reset(due)),
        }
        // One recv taken for one message.
        if (due == "Reply" && fault("client-one-recv-for-reply"))
            || (due == "Results" && fault("client-one-recv-for-results"))
        {
            break;
        }
    }
    Ok(message)
}

fn receive_results(server: &mut TcpStream, test: TestType) -> Result<u64, Failure> {
    let mut results = match receive(server, "Results", RESULTS_BYTES) {
        Err(Failure::Closed(_)) if fault("client-takes-end-of-file-for-results") => return Ok(0),
        // The last 10 bytes of all that came until end-of-file.
        Ok(mut bytes) if fault("client-takes-last-bytes") && wire::check_results(&bytes).is_ok() => {
            let _ = server.read_to_end(&mut bytes);
            bytes.split_off(bytes.len() - RESULTS_BYTES)
        }
        results => results?,
    };
    // The branch for UDP unpacks the count itself: `_, kind, count = unpack("!BBQ", results)`.
    if test.is_udp() && fault("client-udp-results-version-unchecked") {
        results[0] = 1;
    }
    wire::check_results(&results).map_err(|refusal| Failure::Refused("Results", refusal))
}

fn report(options: &Options, test: TestType, datagrams: u64) {
    if fault("client-reports-nothing") {
        return;
    }
    say(&format!(
        "{} test with {} finished after {} s",
        options.test,
        options.target,
        options.time.as_secs_f64()
    ));
    if test.is_udp() && !fault("client-hides-datagrams") {
        say(&format!("UDP datagrams received by the server: {datagrams}"));
    }
}

/// A right client is done here.
fn stay_or_leave(server: &mut TcpStream) {
    if fault("client-waits-for-more") {
        // The receive loop continues after Results, and an empty recv does not end it.
        loop {
            let _ = server.read(&mut [0]);
            thread::sleep(Duration::from_millis(100));
        }
    }
    if fault("client-traceback-after-results") {
        crash::traceback("OSError: [Errno 107] Transport endpoint is not connected");
    }
}
