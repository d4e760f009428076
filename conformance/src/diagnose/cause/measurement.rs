//! The measurement: no data, counts that are off in a telling way, echoes, and figures in the wrong unit.

use super::Cause;
use crate::diagnose::context::Context;
use crate::model::data::{Figure, Transport};
use crate::model::data_fault::DataFault;
use crate::model::fault::Fault;
use crate::words::page::seconds;

/// What one whose tester only speaks the control protocol has to know before all else.
const PART_1: &str = "A tester of Part 1 does not measure yet: grade it with --part p1.";

/// How far a figure may be from a telling multiple of the right one.
const CLOSE: f64 = 0.12;

/// Strangers' datagrams in the conversations are fewer than so many times the client's own.
const FEW: u64 = 10;

pub(super) fn recognise(context: &Context<'_>) -> Option<Cause> {
    if context.is_about("DAT-15") {
        return data_is_no_word(context);
    }
    let Fault::Data(fault) = context.fault else { return None };
    match fault {
        DataFault::NoData { over, other } => Some(no_data(*over, *other)),
        DataFault::PortClosed { .. } => Some(port_closed()),
        DataFault::NotTaken { .. } => Some(Cause::new(
            "data-refused",
            "The server closes the data connection instead of reading from it",
            format!("accept() on the test port and read until Done comes. {PART_1}"),
        )),
        DataFault::WrongCount { told, arrived } => count(context, *told, *arrived),
        DataFault::Replies { sent, replies, over } => echo(*sent, *replies, *over),
        DataFault::StrangerAnswered { .. } => Some(strangers()),
        DataFault::DatagramLength { smallest, largest, wanted } => {
            datagram_length(*smallest, *largest, *wanted)
        }
        DataFault::Ahead { .. } => Some(Cause::new(
            "round-trips-ahead",
            "The client sends more before the reply to what it has sent has come",
            "One byte, or datagram, is under way at a time: send it, wait for the one that comes back, and only then \
             send the next.",
        )),
        DataFault::EndedByLoss => Some(Cause::new(
            "waits-for-lost-reply",
            "The client waits for a lost reply for the rest of the test",
            "Datagrams may be lost: give recv() a timeout, count the round trip as lost when it is over, and begin the \
             next.",
        )),
        DataFault::Paused { .. } => Some(Cause::new(
            "stream-pauses",
            "The client pauses between its messages",
            "A stream test sends as fast as the connection takes it: call sendall() in a loop, without a sleep and \
             without waiting for an answer.",
        )),
        DataFault::WrongFigure { figure, told, right, .. } => wrong_figure(*figure, told, right),
        _ => None,
    }
}

/// A test that is longer than the silence timeout ends with it, though data flows.
fn data_is_no_word(context: &Context<'_>) -> Option<Cause> {
    let (ended, _) = context.connection.ended?;
    let since = ended.checked_sub(context.connection.last_sent()?)?;
    let limit = context.tolerances.control_timeout;
    (since + context.tolerances.early >= limit).then(|| {
        Cause::new(
            "data-is-no-word",
            format!("A test of more than {} is cut off, though data flows all the time", seconds(limit)),
            format!(
                "Data is a sign of life as well: start the timeout of the control connection again whenever data comes. \
                 {PART_1}"
            ),
        )
    })
}

fn no_data(over: Transport, other: bool) -> Cause {
    if other {
        return Cause::new(
            "wrong-transport",
            format!("The client does not send over {over} in a test that is named after it"),
            "TCP_STREAM and TCP_RR need a TCP connection to the test port, UDP_STREAM and UDP_RR a UDP socket.",
        );
    }
    Cause::new(
        "no-data",
        "The client sends nothing to the announced test port",
        format!(
            "Connect the data socket to the port that Reply announces (two bytes, the high one first) at the server's \
             address, and send. {PART_1}"
        ),
    )
}

fn port_closed() -> Cause {
    Cause::new(
        "test-port-closed",
        "The server opens no test port before it sends Reply",
        format!(
            "Bind the data socket to port 0 (over TCP, listen as well), ask getsockname() for the number, and only then \
             send Reply with it. {PART_1}"
        ),
    )
}

fn count(context: &Context<'_>, told: u64, arrived: u64) -> Option<Cause> {
    // Strangers send a few datagrams more; far more than that is a count that is wrong by itself.
    if context.is_about("DAT-14") && told > arrived && told / FEW <= arrived {
        return Some(strangers());
    }
    let (key, title, remedy) = match told {
        0 => (
            "counts-nothing",
            "Results tells 0 datagrams, though datagrams came".to_owned(),
            format!("Read from the UDP socket in the data thread, and count. {PART_1}"),
        ),
        told if told == arrived.swap_bytes() => (
            "count-little-endian",
            "The count in Results is sent low byte first (little-endian)".to_owned(),
            "Pack it in network order: \"!BBQ\" in Python, htobe64() in C.".to_owned(),
        ),
        told if told == arrived & 0xff || told == arrived & 0xffff => (
            "count-too-narrow",
            format!("The count in Results wraps: {told} instead of {arrived}"),
            "It has eight bytes: count in a 64-bit integer, and do not mask it.".to_owned(),
        ),
        told if told > arrived => (
            "count-goes-on",
            format!("Results counts more datagrams than came: {told} instead of {arrived}"),
            "Begin every test at 0, and count what the data socket gives, not what recv() was called for."
                .to_owned(),
        ),
        _ => (
            "count-cut-off",
            format!("Results leaves out datagrams that had come before Done: {told} instead of {arrived}"),
            "Done travels over TCP and overtakes what still lies in the UDP socket: when Done has come, read that socket \
             until it is empty, and only then send Results."
                .to_owned(),
        ),
    };
    Some(Cause::new(key, title, remedy))
}

fn strangers() -> Cause {
    Cause::new(
        "strangers-welcome",
        "Datagrams of another host than the client's are taken for its own",
        "recvfrom() tells who sent it: ignore every address but that of the control connection.",
    )
}

fn echo(sent: u64, replies: u64, over: Transport) -> Option<Cause> {
    match replies {
        0 => Some(Cause::new(
            "echoes-nothing",
            format!("The server sends nothing back in a round-trip test over {over}"),
            format!("Send one byte back for each that comes, to where it came from. {PART_1}"),
        )),
        _ if replies < sent => Some(Cause::new(
            "echoes-once-a-read",
            format!("The server sends {replies} back where {sent} came"),
            match over {
                Transport::Tcp => "One recv() may bring several bytes: send back as many as it brought.",
                Transport::Udp => {
                    "Every datagram gets an answer of its own, those that wait in the socket too."
                }
            },
        )),
        _ => Some(Cause::new(
            "echoes-too-much",
            format!("The server sends {replies} back where {sent} came"),
            "Send back just what came: as many bytes as recv() brought, and not the whole buffer.",
        )),
    }
}

fn datagram_length(smallest: usize, largest: usize, wanted: usize) -> Option<Cause> {
    let remedy = match (smallest, largest) {
        (1500, 1500) => format!(
            "1500 bytes are what an Ethernet frame carries. The headers of IP (20) and UDP (8) are a part of them, so the \
             program sends {wanted}."
        ),
        (one, other) if one == other => format!("Send a buffer of {wanted} bytes with every call."),
        _ => format!(
            "Every datagram is as long as the others, the last one too: send the whole buffer of {wanted} bytes."
        ),
    };
    let title = match smallest == largest {
        true => format!("The datagrams carry {largest} bytes, not {wanted}"),
        false => format!("The datagrams carry {smallest} to {largest} bytes, not {wanted}"),
    };
    Some(Cause::new("datagram-length", title, remedy))
}

/// A figure that is a telling multiple of the right one.
fn wrong_figure(figure: Figure, told: &[f64], right: &[f64]) -> Option<Cause> {
    let is = |factor: f64| {
        let near = |told: f64, right: f64| (told - factor * right).abs() <= CLOSE * (factor * right).abs();
        told.iter().any(|&told| right.iter().any(|&right| right > 0.0 && near(told, right)))
    };
    let is_the_rest =
        || told.iter().any(|&told| right.iter().any(|&right| (told - (100.0 - right)).abs() < 1.0));
    let (key, title, remedy) = match figure {
        Figure::Throughput if is(1.0 / 8.0) => (
            "bytes-called-bits",
            "The throughput is counted in bytes and printed as bits",
            "A byte has 8 bits: multiply by 8 before you divide by 10^6 and the seconds.",
        ),
        Figure::Throughput if is(8.0) => (
            "bits-counted-twice",
            "The throughput is eight times what it should be",
            "Multiply the bytes by 8 once.",
        ),
        Figure::RoundTrips if is(2.0) => (
            "both-ways-counted",
            "Each round trip is counted twice, there and back",
            "A round trip is both ways together: count the replies that came.",
        ),
        Figure::RoundTrips if is(0.5) => (
            "halves-counted",
            "Half as many round trips are printed as were made",
            "Divide the replies that came by the seconds of the test, and by nothing else.",
        ),
        Figure::Loss if is(0.01) => (
            "share-called-percent",
            "The loss is printed as a share of one, with the sign for percent",
            "Multiply by 100.",
        ),
        Figure::Loss if is_the_rest() => (
            "delivery-called-loss",
            "What arrived is printed as what was lost",
            "Loss is what was sent less what Results tells, as a share of what was sent.",
        ),
        _ => return None,
    };
    Some(Cause::new(key, title, remedy))
}
