//! One client, and the message about its session. Serves the server's loops.

use std::net::TcpStream;

use super::session;
use crate::{cli::Options, ended::Ended, manners, output, variants::on};

/// Serves one client. Only an interrupt is an error: anything that a client does ends only its own session.
pub(super) fn serve(options: &Options, client: TcpStream) -> Result<(), Ended> {
    manners::session_begins();
    told(session::serve(options, client))
}

/// Prints how a session ended.
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
