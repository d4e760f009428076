//! One client, and what is said of its session. It serves the server's loops.

use std::net::TcpStream;

use super::session;
use crate::{cli::Options, ended::Ended, manners, output, variants::on};

/// Serves one client. Only an interrupt is an error: whatever a client does ends its own session.
pub(super) fn serve(options: &Options, client: TcpStream) -> Result<(), Ended> {
    manners::session_begins();
    told(session::serve(options, client))
}

/// Says how a session ended.
pub(super) fn told(outcome: Result<(), Ended>) -> Result<(), Ended> {
    match outcome {
        Err(Ended::Interrupted) => Err(Ended::Interrupted),
        Err(ended) => {
            if on("verbose") {
                output::failed(&ended);
            }
            Ok(())
        }
        Ok(()) => {
            output::chatter("Test finished, waiting for the next client");
            Ok(())
        }
    }
}
