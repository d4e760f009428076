//! The measurement: no data, wrong counts, wrong echoes, and figures in the wrong unit.

use super::{Seen, seen};
use crate::diagnose::context::Context;
use crate::model::data::{Figure, Transport};
use crate::model::data_fault::DataFault;
use crate::model::fault::Fault;
use crate::model::notation::show;
use crate::words::page::seconds;

/// How far a figure may be from a known multiple of the right one, as a share.
const CLOSE: f64 = 0.12;

/// The bytes of a datagram of UDP_STREAM (S, UDP_STREAM).
const DATAGRAM: u64 = 1472;

/// The same for two units that are almost the same.
const VERY_CLOSE: f64 = 0.012;

/// The two meanings of a prefix, in bits.
const MEGA: f64 = 1e6;
const MEBI: f64 = 1_048_576.0;

/// In the conversations strangers send fewer than this many times the client's datagrams.
const FEW: u64 = 10;

pub(super) fn recognise(context: &Context<'_>) -> Option<Seen> {
    if context.is_about("DAT-15") {
        return data_is_no_word(context);
    }
    let Fault::Data(fault) = context.fault else { return None };
    match fault {
        DataFault::NoData { over, other } => Some(match other {
            true => seen("wrong-transport").with("transport", over),
            false => seen("no-data"),
        }),
        DataFault::PortClosed { .. } => Some(seen("test-port-closed")),
        DataFault::NotTaken { .. } => Some(seen("data-refused")),
        DataFault::WrongCount { told, arrived } => Some(count(context, *told, *arrived)),
        DataFault::Replies { sent, replies, over } => Some(echo(*sent, *replies, *over)),
        DataFault::StrangerAnswered { .. } => Some(seen("strangers-welcome")),
        DataFault::DatagramLength { smallest, largest, wanted } => {
            Some(datagram_length(*smallest, *largest, *wanted))
        }
        DataFault::Ahead { .. } => Some(seen("round-trips-ahead")),
        DataFault::EndedByLoss => Some(seen("waits-for-lost-reply")),
        DataFault::Paused { .. } => Some(seen("stream-pauses")),
        DataFault::WrongFigure { figure, told, right, .. } => {
            Some(wrong_figure(context, *figure, told, right))
        }
        DataFault::PortHeld { waited, .. } => Some(seen("test-port-kept-open").with("waited", show(*waited))),
        DataFault::PartOfTheTime { .. } => Some(seen("data-for-a-part-of-the-time")),
        DataFault::NoFigure { figure, .. } => Some(seen("figure-missing").with("figure", figure)),
        DataFault::ReplyLength { bytes } => Some(seen("reply-length").with("bytes", bytes)),
        DataFault::Dropped { .. } | DataFault::TooLittle { .. } => None,
    }
}

/// The server ends a test at the silence timeout, though data comes.
fn data_is_no_word(context: &Context<'_>) -> Option<Seen> {
    let (ended, _) = context.connection.ended?;
    let since = ended.checked_sub(context.connection.last_sent()?)?;
    let limit = context.tolerances.control_timeout;
    (since + context.tolerances.early >= limit).then(|| seen("data-is-no-word").with("limit", seconds(limit)))
}

fn count(context: &Context<'_>, told: u64, arrived: u64) -> Seen {
    match told {
        // With the strangers' datagrams the count is a little higher. A far higher one has another cause.
        _ if context.is_about("DAT-14") && told > arrived && told / FEW <= arrived => {
            seen("strangers-welcome")
        }
        0 => seen("counts-nothing"),
        _ if told == arrived.swap_bytes() => seen("count-little-endian").with("count", arrived),
        _ if told == arrived & 0xff || told == arrived & 0xffff => {
            seen("count-too-narrow").with("told", told).with("arrived", arrived)
        }
        _ if arrived > 0 && told == arrived * DATAGRAM => {
            seen("bytes-counted").with("told", told).with("arrived", arrived)
        }
        _ if told > arrived => seen("count-goes-on").with("told", told).with("arrived", arrived),
        _ => seen("count-cut-off").with("told", told).with("arrived", arrived),
    }
}

fn echo(sent: u64, replies: u64, over: Transport) -> Seen {
    match over {
        _ if replies == 0 => seen("echoes-nothing").with("transport", over),
        _ if replies >= sent => seen("echoes-too-much").with("replies", replies).with("sent", sent),
        Transport::Tcp => seen("echoes-once-a-read/TCP").with("replies", replies).with("sent", sent),
        Transport::Udp => seen("echoes-once-a-read/UDP").with("replies", replies).with("sent", sent),
    }
}

fn datagram_length(smallest: usize, largest: usize, wanted: usize) -> Seen {
    match (smallest, largest) {
        (1500, 1500) => seen("datagram-length/frame").with("wanted", wanted),
        _ if smallest == largest => seen("datagram-length").with("length", largest).with("wanted", wanted),
        _ => {
            let several = seen("datagram-length/several").with("smallest", smallest).with("largest", largest);
            several.with("wanted", wanted)
        }
    }
}

/// A figure that is a known multiple of the right one.
fn wrong_figure(context: &Context<'_>, figure: Figure, told: &[f64], right: &[f64]) -> Seen {
    let within = |share: f64, factor: f64| {
        let near = |told: f64, right: f64| (told - factor * right).abs() <= share * (factor * right).abs();
        told.iter().any(|&told| right.iter().any(|&right| right > 0.0 && near(told, right)))
    };
    let is = |factor| within(CLOSE, factor);
    let time = context.option("--time").and_then(|time| time.parse().ok()).filter(|time| *time > 1.0);
    let is_total = time.is_some_and(is);
    let is_the_rest =
        || told.iter().any(|&told| right.iter().any(|&right| (told - (100.0 - right)).abs() < 1.0));
    match figure {
        Figure::Throughput if is(1.0 / 8.0) => seen("bytes-called-bits"),
        Figure::Throughput if is(8.0) => seen("bits-counted-twice"),
        Figure::Throughput if within(VERY_CLOSE, MEGA / MEBI) => seen("mebi-called-mega"),
        // After 2 s the total is twice the rate, as the sum of both ways is.
        Figure::RoundTrips if is_total && is(2.0) => seen("both-ways-or-total"),
        Figure::Throughput | Figure::RoundTrips if is_total => {
            seen("total-called-rate").with("figure", figure)
        }
        Figure::RoundTrips if is(2.0) => seen("both-ways-counted"),
        Figure::RoundTrips if is(0.5) => seen("halves-counted"),
        Figure::Loss if is(0.01) => seen("share-called-percent"),
        Figure::Loss if is_the_rest() => seen("delivery-called-loss"),
        _ => {
            let number =
                |values: &[f64]| values.first().map_or("nothing".to_owned(), |value| format!("{value:.2}"));
            let seen = seen("figure-wrong").with("figure", figure);
            seen.with("told", number(told)).with("right", number(right))
        }
    }
}
