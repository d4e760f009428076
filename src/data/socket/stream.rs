//! The fast ways of TCP_STREAM, each with the portable one to fall back on. On Linux neither side's payload passes through
//! the program: the sender's comes from a file in memory, the receiver's is counted and forgotten by the system.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use super::sys;
use crate::tally::Method;

/// How many messages the file in memory holds. The system sends the pages of the file itself: with several messages it does
/// not send a page again while that page is still under way.
const MESSAGES: usize = 16;

/// What one receive takes at most: much more than the kernel has at a time, so few calls are enough. The system does not
/// write to this buffer, so it costs no memory.
const DISCARD_BYTES: usize = 2 << 20;

/// What one receive takes at most where every byte is read.
const COPY_BYTES: usize = 256 << 10;

/// Where data comes fast, the receiver wakes for no less than this. Where it comes slowly, it wakes for every byte: slow
/// data is communication too, and must be noticed at once.
const LOW_WATER_BYTES: usize = 512 << 10;

/// Faster than a low-water mark in this time (2 Gbit/s) is fast.
const LOW_WATER_TIME: Duration = Duration::from_millis(2);

/// Where the sender's messages come from.
pub(in crate::data) struct Source {
    messages: Vec<u8>,
    message_bytes: usize,
    /// The same messages as a file, while the system takes them from there.
    file: Option<OwnedFd>,
    /// How many bytes of the messages are sent. After the last message comes the first again.
    position: usize,
}

impl Source {
    /// Messages of this length; by the portable way if `copy`.
    pub(in crate::data) fn new(message_bytes: usize, copy: bool) -> Self {
        let mut messages = vec![0x5A; message_bytes];
        let mut file = None;
        if !copy {
            file = sys::memory_file(&messages.repeat(MESSAGES)).ok();
        }
        if file.is_some() {
            messages = Vec::new();
        }
        Self { messages, message_bytes, file, position: 0 }
    }

    /// The way that is taken now.
    pub(in crate::data) fn method(&self) -> Method {
        if self.file.is_some() { Method::SendFile } else { Method::Write }
    }

    /// Sends what the system takes of the message that is under way.
    pub(in crate::data) fn send(&mut self, mut stream: &TcpStream) -> io::Result<usize> {
        let rest = self.message_bytes - self.position % self.message_bytes;
        let sent = match &self.file {
            None => stream.write(&self.messages[self.message_bytes - rest..]),
            Some(file) => match sys::send_file(stream, file, self.position as u64, rest) {
                Err(error) if is_refusal(&error) => {
                    self.file = None;
                    self.messages = vec![0x5A; self.message_bytes];
                    return self.send(stream);
                }
                sent => sent,
            },
        }?;
        self.position = (self.position + sent) % (self.message_bytes * MESSAGES);
        Ok(sent)
    }
}

/// What takes a receiver's bytes.
pub(in crate::data) struct Sink {
    buffer: Vec<u8>,
    discards: bool,
    low_water: Option<LowWater>,
}

/// Whether the mark is set, and since when how much came.
struct LowWater {
    raised: bool,
    since: Instant,
    bytes: usize,
}

impl Sink {
    /// For a stream that does not block; reads every byte if `copy`.
    pub(in crate::data) fn new(copy: bool) -> Self {
        let discards = !copy && cfg!(target_os = "linux");
        let bytes = if discards { DISCARD_BYTES } else { COPY_BYTES };
        let low_water =
            cfg!(target_os = "linux").then(|| LowWater { raised: false, since: Instant::now(), bytes: 0 });
        Self { buffer: vec![0; bytes], discards, low_water }
    }

    /// Takes what is there; 0 at the end of the stream.
    pub(in crate::data) fn take(&mut self, stream: &mut TcpStream) -> io::Result<usize> {
        let taken = if self.discards {
            match sys::discard(stream, &mut self.buffer) {
                Err(error) if is_refusal(&error) => {
                    self.discards = false;
                    stream.read(&mut self.buffer)
                }
                taken => taken,
            }
        } else {
            stream.read(&mut self.buffer)
        }?;
        self.adjust(stream, taken);
        Ok(taken)
    }

    /// How long a wait for the low-water mark may last before [`Sink::calm`] is due.
    pub(in crate::data) fn wait_limit(&self) -> Option<Duration> {
        self.low_water.as_ref().filter(|mark| mark.raised).map(|_| 8 * LOW_WATER_TIME)
    }

    /// From now on every byte wakes the receiver.
    pub(in crate::data) fn calm(&mut self, stream: &TcpStream) {
        if let Some(mark) = &mut self.low_water
            && mark.raised
        {
            mark.raised = false;
            let _kept = sys::set_low_water(stream, 1);
        }
    }

    fn adjust(&mut self, stream: &TcpStream, taken: usize) {
        let Some(mark) = &mut self.low_water else { return };
        if mark.raised {
            return;
        }
        mark.bytes += taken;
        if mark.bytes < LOW_WATER_BYTES {
            return;
        }
        let now = Instant::now();
        if now - mark.since < LOW_WATER_TIME {
            mark.raised = sys::set_low_water(stream, LOW_WATER_BYTES).is_ok();
        }
        (mark.since, mark.bytes) = (now, 0);
    }
}

/// Whether the system does not do this at all, as opposed to not now.
fn is_refusal(error: &io::Error) -> bool {
    use rustix::io::Errno;
    error.kind() == io::ErrorKind::Unsupported
        || [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP, Errno::FAULT]
            .iter()
            .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
