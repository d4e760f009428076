//! One session with one client: Request, Reply, test, Done, Results, close (P3, "Communication Protocol"). Serves
//! the server's loop.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    abort::{Abort, Step},
    receive::{self, Clock},
};
use crate::{
    cli::Options,
    crash,
    data_thread::{self, ServerThread},
    faults::fault,
    interrupt::{self, Phase},
    output::say,
    wire::{self, DONE_BYTES, REQUEST_BYTES, Refusal, TestType},
};

/// Sessions that have begun.
static SESSIONS: AtomicUsize = AtomicUsize::new(0);

/// Whether the last session failed.
static ABORTED: AtomicBool = AtomicBool::new(false);

/// Serves one session. The caller closes the connection.
pub(super) fn serve(options: &Options, client: &mut TcpStream) -> Result<(), Abort> {
    let ended = serve_one(options, client);
    ABORTED.store(ended.is_err(), Ordering::SeqCst);
    ended
}

fn serve_one(options: &Options, client: &mut TcpStream) -> Result<(), Abort> {
    interrupt::enter(Phase::Asking);
    let session = SESSIONS.fetch_add(1, Ordering::Relaxed) + 1;
    let after_abort = ABORTED.load(Ordering::SeqCst);
    let clock = Clock { session, after_abort, accepted: Instant::now(), timeout: options.control_timeout };
    if fault("reply-at-accept") {
        send(client, &wire::reply(5679))?;
    }
    let mut request = receive_request(client, clock);
    while fault("bad-request-keeps-connection") && matches!(request, Err(Abort::Refused(_))) {
        request = receive_request(client, clock);
    }
    let test = match request {
        Err(Abort::Silent) if fault("timeout-sends-reply") => {
            send(client, &wire::reply(5679))?;
            return Err(Abort::Silent);
        }
        Err(Abort::Refused(refusal)) if fault("bad-request-answered") => {
            send(client, &wire::reply(0))?;
            return Err(Abort::Refused(refusal));
        }
        request => request?,
    };
    // Only the client should use --test.
    if fault("server-obeys-test") && options.test_was_given && TestType::named(&options.test) != Some(test) {
        return Err(Abort::Refused(Refusal::Test));
    }

    let own_time = (fault("server-obeys-time") && options.time_was_given).then_some(options.time);
    let data_thread = ServerThread::open(test, own_time).map_err(|_| Abort::NoTestPort)?;
    interrupt::enter(Phase::Testing);
    // A global count, set for the UDP tests only: -1 means "not counted yet".
    if fault("count-of-aborted-test-reported") && test.is_udp() {
        wire::DATAGRAMS.store(if test == TestType::UdpStream { u64::MAX } else { 0 }, Ordering::SeqCst);
    }
    match run_test(client, clock, data_thread.port, test) {
        Ok(()) => {
            data_thread.close();
            if test.is_udp() {
                wire::DATAGRAMS.store(0, Ordering::SeqCst);
            }
            send_results(client, test)
        }
        Err(abort) => {
            end_aborted(data_thread, abort);
            let falls_through = (abort == Abort::Silent && fault("timeout-sends-results"))
                || (matches!(abort, Abort::Refused(_)) && fault("bad-done-answered"));
            if falls_through {
                send(client, &wire::results(test))?;
            }
            Err(abort)
        }
    }
}

/// Ends the data thread of a test that failed. With the fault that only Done ends it, it stays.
fn end_aborted(data_thread: ServerThread, abort: Abort) {
    data_thread::refill_pool();
    match abort {
        Abort::EndOfFile { .. } | Abort::Reset if fault("thread-leaked-by-abort") => {
            data_thread.leave_behind()
        }
        Abort::EndOfFile { .. } | Abort::Reset if fault("descriptor-leaked-by-abort") => {
            data_thread.close_and_leak_descriptor();
        }
        Abort::Silent if fault("timeout-leaves-data-thread") => data_thread.leave_behind(),
        _ => data_thread.close(),
    }
}

/// Waits for Request. Faults that answer too early do so here.
fn receive_request(client: &mut TcpStream, clock: Clock) -> Result<TestType, Abort> {
    let mut request = Vec::new();
    if fault("reply-before-whole-request") {
        request = receive::message(client, Step::Request, REQUEST_BYTES - 1, clock)?;
        send(client, &wire::reply(5679))?;
    }
    request.extend(receive::message(client, Step::Request, REQUEST_BYTES - request.len(), clock)?);
    if fault("foreign-bytes-overflow") {
        copy_into_fixed_buffer(client);
    }
    let test = wire::check_request(&request).map_err(Abort::Refused)?;
    if fault("half-done-behind-request-lost") {
        lose_half_done(client);
    }
    Ok(test)
}

/// `rest = received[3:]; if len(rest) >= 2: done(rest)`: a single byte of Done behind Request is thrown away.
fn lose_half_done(client: &mut TcpStream) {
    let _ = client.set_nonblocking(true);
    if matches!(client.peek(&mut [0; DONE_BYTES]), Ok(1)) {
        let _ = client.read(&mut [0]);
    }
    let _ = client.set_nonblocking(false);
}

/// `char buffer[64]; memcpy(buffer, received, count);`
fn copy_into_fixed_buffer(client: &TcpStream) {
    let mut received = [0; 4096];
    let mut buffer = [0; 64];
    // Reads only what has already come.
    if client.set_read_timeout(Some(Duration::from_millis(50))).is_ok()
        && let Ok(count) = client.peek(&mut received)
    {
        match buffer.get_mut(..count) {
            Some(room) => room.copy_from_slice(&received[..count]),
            None => crash::killed(),
        }
    }
}

/// From Reply to Done.
fn run_test(client: &mut TcpStream, clock: Clock, port: u16, test: TestType) -> Result<(), Abort> {
    let begun = Instant::now();
    if !fault("reply-at-accept") && !fault("reply-before-whole-request") {
        send(client, &wire::reply(port))?;
    }
    if fault("closes-after-reply") {
        let _ = client.shutdown(Shutdown::Both);
    }
    // The server's data thread has its own time, and its end counts as the end of the test.
    if fault("results-before-done") {
        thread::sleep(Duration::from_millis(100));
        send(client, &wire::results(test))?;
    }
    let ticker = Ticker::start(client);
    let done = receive_done(client, clock);
    ticker.stop();
    done?;
    // The server's data thread has waited its own 30 s and removed the test.
    if fault("late-done-forgotten") && begun.elapsed() > clock.timeout * 2 / 3 {
        return Err(Abort::Reset);
    }
    Ok(())
}

fn receive_done(client: &mut TcpStream, clock: Clock) -> Result<(), Abort> {
    loop {
        let done = receive::message(client, Step::Done, DONE_BYTES, clock)?;
        match wire::check_done(&done) {
            Ok(()) => return Ok(()),
            // The code that handles a Request runs whenever one comes.
            Err(Refusal::Type) if fault("second-request-answered") && done == [1, 1] => {
                receive::message(client, Step::Done, 1, clock)?;
                send(client, &wire::reply(5679))?;
            }
            Err(_) if fault("bad-done-keeps-connection") => {}
            Err(refusal) => return Err(Abort::Refused(refusal)),
        }
    }
}

fn send_results(client: &mut TcpStream, test: TestType) -> Result<(), Abort> {
    if fault("no-results") {
        return Ok(());
    }
    if fault("half-close-takes-results-away") && has_closed_its_side(client) {
        return Err(Abort::EndOfFile { step: Step::Done, bytes: 0 });
    }
    if fault("extra-then-half-close-is-abort") && half_closes_behind_extra(client) {
        return Err(Abort::EndOfFile { step: Step::Done, bytes: 0 });
    }
    // In a student's program the data thread needs a moment to end. A client can leave meanwhile.
    if fault("broken-pipe-traceback") || fault("broken-pipe-signal") {
        thread::sleep(Duration::from_millis(20));
    }
    if !fault("results-before-done") {
        send(client, &wire::results(test))?;
    }
    if fault("byte-after-results") {
        thread::sleep(Duration::from_millis(50));
        send(client, b"\n")?;
    }
    if fault("server-prints-results") {
        say("Test finished: 0 UDP packets received, 0.00 Mbit/s");
    }
    if fault("server-prints-count") {
        say("UDP packets received: 0");
    }
    if fault("server-prints-rate") {
        say("0 bytes per second");
    }
    if fault("waits-for-client-to-close") {
        let _ = client.read(&mut [0]);
    }
    Ok(())
}

/// Whether an end-of-file follows Done, perhaps a moment later.
fn has_closed_its_side(client: &TcpStream) -> bool {
    let moment = client.set_read_timeout(Some(Duration::from_millis(200)));
    moment.is_ok() && matches!(client.peek(&mut [0]), Ok(0))
}

/// Throws away what follows Done; whether an end-of-file comes behind it.
fn half_closes_behind_extra(client: &mut TcpStream) -> bool {
    let _ = client.set_read_timeout(Some(Duration::from_millis(100)));
    let mut extra = false;
    loop {
        match client.read(&mut [0; 64]) {
            Ok(0) => return extra,
            Ok(_) => extra = true,
            Err(_) => return false,
        }
    }
}

fn send(client: &mut TcpStream, message: &[u8]) -> Result<(), Abort> {
    client.write_all(message).map_err(|_| Abort::Unsendable)
}

/// Sends a byte now and then while a test runs. A right server has none.
struct Ticker {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Ticker {
    fn start(client: &TcpStream) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut thread = None;
        if fault("progress-bytes-during-test")
            && let Ok(mut client) = client.try_clone()
        {
            let stop = Arc::clone(&stop);
            thread = Some(thread::spawn(move || {
                loop {
                    thread::park_timeout(Duration::from_millis(200));
                    if stop.load(Ordering::SeqCst) || client.write_all(b".").is_err() {
                        return;
                    }
                }
            }));
        }
        Self { stop, thread }
    }

    fn stop(self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}
