//! Host names to addresses. The system's resolver can take long and cannot be interrupted, so it runs in a thread of its
//! own. After an interrupt nobody waits for that thread.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;

use crate::interrupt::Interrupt;
use crate::wait::{Stop, readable, wait};

/// All addresses of `host`, in the order in which the system recommends them, each with `port`.
pub(super) fn resolve(
    host: &str,
    port: u16,
    interrupt: &Interrupt,
) -> Result<io::Result<Vec<SocketAddr>>, Stop> {
    let name = host.to_owned();
    let (ended, running) = io::pipe()?;
    let (answer, answered) = mpsc::channel();
    thread::Builder::new().name("resolver".to_owned()).spawn(move || {
        // Only after an interrupt is the receiver gone.
        let _unheard = answer.send((name.as_str(), port).to_socket_addrs().map(Vec::from_iter));
        drop(running);
    })?;
    wait(interrupt, [readable(&ended)], None)?;
    Ok(answered.recv().unwrap_or_else(|_| Err(io::Error::other("the resolver died"))))
}
