//! The place of a scenario, and a target that runs in it.

use std::env;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use conformance::model::place::Isolation;
use conformance::stage::isolate;
use conformance::stage::isolate::InsideReport;
use conformance::stage::target::{Exit, Launch, ReadOutcome, Stream, Target};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::files::put;
use crate::targets::PREFIX;

/// The longest wait for something that takes at most a second on an idle machine.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// How often to check for something that no descriptor announces.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What the test has set up for a worker.
pub(crate) struct Place {
    pub(crate) isolation: Isolation,
    pub(crate) cwd: PathBuf,
    pub(crate) tmp: PathBuf,
    pub(crate) more: Vec<String>,
}

impl Place {
    /// A file in both folders, and its content.
    pub(crate) const FILE: &str = "kept.txt";
    pub(crate) const CONTENT: &str = "as it was\n";
    /// A file that a scenario may write before the namespaces are set up.
    pub(crate) const COPY: &str = "tester";

    pub(crate) fn parse(args: &[String]) -> Place {
        let [isolation, cwd, tmp, more @ ..] = args else { panic!("too few arguments: {args:?}") };
        let isolation = if isolation == "host" { Isolation::Host } else { Isolation::Namespace };
        Place { isolation, cwd: cwd.into(), tmp: tmp.into(), more: more.to_vec() }
    }

    /// Does what a worker does first.
    pub(crate) fn enter(&self) -> InsideReport {
        match self.isolation {
            Isolation::Namespace => isolate::prepare_inside(&self.cwd, &[&self.tmp]).expect("inside"),
            Isolation::Host => {
                isolate::prepare_host().expect("prepared");
                InsideReport::default()
            }
        }
    }

    pub(crate) fn launch(&self, target: &str, args: &[&str]) -> Launch {
        Launch {
            program: env::current_exe().expect("this executable"),
            arg0: Some(format!("{PREFIX}{target}").into()),
            args: args.iter().map(Into::into).collect(),
            cwd: self.cwd.clone(),
            isolation: self.isolation,
            yields: false,
        }
    }

    pub(crate) fn start(&self, target: &str, args: &[&str]) -> Running {
        Running::start(&self.launch(target, args))
    }

    /// Runs it to its end. Returns its standard output.
    pub(crate) fn output_of(&self, target: &str, args: &[&str]) -> String {
        let mut running = self.start(target, args);
        let exit = running.exit();
        assert_eq!(exit, Exit::Code(0), "{}", running.stderr());
        running.stdout()
    }

    /// A new file in the working directory; executable, if `mode` says so.
    pub(crate) fn file(&self, name: &str, content: &[u8], mode: u32) -> PathBuf {
        let path = self.cwd.join(name);
        put(&path, mode, content);
        path
    }
}

/// A target and what it has printed.
pub(crate) struct Running {
    pub(crate) target: Target,
    printed: [Vec<u8>; 2],
    pub(crate) closed: [bool; 2],
}

const STREAMS: [Stream; 2] = [Stream::Stdout, Stream::Stderr];

impl Running {
    pub(crate) fn start(launch: &Launch) -> Running {
        let target = Target::start(launch).unwrap_or_else(|error| panic!("{error}"));
        Running { target, printed: Default::default(), closed: [false; 2] }
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.printed[0]).into_owned()
    }

    pub(crate) fn stdout_bytes(&self) -> &[u8] {
        &self.printed[0]
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.printed[1]).into_owned()
    }

    /// Waits until it has printed `text`. Returns the rest of that line.
    pub(crate) fn until(&mut self, text: &str) -> String {
        self.wait(&format!("printed {text:?}"), |running| {
            let stdout = running.stdout();
            let (_, rest) = stdout.split_once(text)?;
            rest.split_once('\n').map(|(line, _)| line.trim().to_owned())
        })
    }

    /// Waits until it has ended and all its output was read.
    pub(crate) fn exit(&mut self) -> Exit {
        let exit = self.wait("ended", |running| running.target.try_exit());
        while self.read() {}
        exit
    }

    /// Waits until `look` returns a value. It is called again after each event.
    pub(crate) fn wait<T>(&mut self, what: &str, look: impl Fn(&mut Running) -> Option<T>) -> T {
        let deadline = Instant::now() + SOON;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "it never {what}; it printed {:?} and {:?}",
                self.stdout(),
                self.stderr()
            );
            let open = STREAMS.iter().zip(self.closed).filter(|&(_, closed)| !closed);
            let mut events: Vec<BorrowedFd> =
                open.map(|(&stream, _)| self.target.output_fd(stream)).collect();
            events.push(self.target.exit_fd());
            let mut events: Vec<PollFd> =
                events.into_iter().map(|event| PollFd::new(event, PollFlags::POLLIN)).collect();
            // A descriptor does not announce everything: not a stop, and not what the kernel knows about a socket.
            let turn = left.min(LOOK_AGAIN);
            poll(&mut events, PollTimeout::try_from(turn).expect("a short time")).expect("polled");
            self.read();
        }
    }

    /// Reads each stream once. Returns whether there was something.
    pub(crate) fn read(&mut self) -> bool {
        let mut some = false;
        for (index, stream) in STREAMS.into_iter().enumerate() {
            match self.target.read_output(stream) {
                ReadOutcome::Bytes(bytes) => {
                    self.printed[index].extend(bytes);
                    some = true;
                }
                ReadOutcome::Discarded(_) => some = true,
                ReadOutcome::WouldBlock => {}
                ReadOutcome::Closed => self.closed[index] = true,
            }
        }
        some
    }
}
