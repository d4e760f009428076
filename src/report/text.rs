//! The report for a person.

use std::fmt::Write as _;

use super::{Figures, Outcome, plot};
use crate::intervals::Interval;
use crate::protocol::message::TestType;
use crate::tally::{Path, Tally};

/// The whole report: lines without the last line's end.
pub(crate) fn text(outcome: &Outcome<'_>) -> String {
    let mut text = Lines::default();
    let Outcome { test, server, time, port, .. } = outcome;
    let transport = if test.is_udp() { "UDP" } else { "TCP" };
    text.line(format_args!("{test} with {server} for {} s, test port {port}/{transport}", time.as_secs()));
    if let Some(tally) = outcome.tally {
        match outcome.nothing() {
            Some(why) => text.line(format_args!("Nothing was measured: {why}")),
            None => measured(&mut text, outcome, tally),
        }
    }
    match (test.is_udp(), outcome.udp_packets_received) {
        (true, Some(count)) => text.line(format_args!("UDP packets received by the server: {count}")),
        (true, None) | (false, None | Some(0)) => {}
        // A TCP test has none: a server that counts some is worth a look.
        (false, Some(count)) => {
            text.line(format_args!("UDP packets received by the server: {count} (in a TCP test)"));
        }
    }
    text.0
}

/// One line for an interval, while the test runs.
pub(crate) fn live(outcome: &Outcome<'_>, interval: &Interval) -> String {
    let (start, end) = (interval.start.as_secs_f64(), interval.end.as_secs_f64());
    let (rate, unit) = (outcome.rate(interval), outcome.unit());
    let sent = if outcome.test == TestType::UdpStream { " sent" } else { "" };
    format!("{start:7.2} to {end:7.2} s {rate:12.2} {unit}{sent}")
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        // Writing to a string cannot fail.
        let _infallible = self.0.write_fmt(line);
    }
}

impl Outcome<'_> {
    fn unit(&self) -> &'static str {
        if self.is_round_trips() { "round trips per second" } else { "Mbit/s" }
    }
}

fn measured(text: &mut Lines, outcome: &Outcome<'_>, tally: &Tally) {
    if let Some(path) = &tally.path {
        path_line(text, path);
    }
    if let Some(method) = tally.method {
        text.line(format_args!("Method: {}", method.words()));
    }
    course(text, outcome);
    let figures = outcome.figures(tally);
    if outcome.is_round_trips() {
        latency(text, tally);
        trips(text, outcome, tally);
    } else {
        amount(text, outcome, tally, &figures);
    }
    if tally.broken.is_some() || outcome.failure.is_some() {
        let seconds = tally.time.as_secs_f64();
        text.line(format_args!("The test did not reach its end: these are the figures of {seconds:.2} s"));
    }
    if let Some(rate) = figures.megabits_per_second {
        text.line(format_args!("Throughput: {rate:.2} Mbit/s"));
    }
    if let Some(rate) = figures.round_trips_per_second {
        text.line(format_args!("Round trips: {rate:.1} per second"));
    }
    if let Some(percent) = figures.loss_percent {
        text.line(format_args!("Loss: {percent:.3} %"));
    }
}

fn path_line(text: &mut Lines, path: &Path) {
    let Path { local, remote, send_buffer_bytes, receive_buffer_bytes, .. } = path;
    text.line(format_args!(
        "Path: {local} to {remote}, send buffer {send_buffer_bytes} bytes, receive buffer {receive_buffer_bytes} bytes"
    ));
    if let (Some(name), Some(mss), Some(again)) =
        (&path.congestion_control, path.mss_bytes, path.retransmitted_segments)
    {
        text.line(format_args!(
            "TCP: congestion control {name}, MSS {mss} bytes, {again} segments sent again"
        ));
    }
}

fn course(text: &mut Lines, outcome: &Outcome<'_>) {
    let rates: Vec<f64> = outcome.intervals.iter().map(|one| outcome.rate(one)).collect();
    let side = if outcome.test == TestType::UdpStream { ", as sent" } else { "" };
    if let Some(plot) = plot::plot(&rates, plot::is_ascii_terminal()) {
        text.line(format_args!("Course: {plot} (from 0 to {:.2} {}{side})", highest(&rates), outcome.unit()));
    }
    if let Some((mean, deviation)) = outcome.spread() {
        let (count, unit) = (rates.len(), outcome.unit());
        text.line(format_args!("Intervals: {mean:.2} +/- {deviation:.2} {unit} over {count}{side}"));
    }
}

fn highest(rates: &[f64]) -> f64 {
    rates.iter().copied().fold(0.0, f64::max)
}

fn amount(text: &mut Lines, outcome: &Outcome<'_>, tally: &Tally, figures: &Figures) {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let (seconds, sent) = (tally.time.as_secs_f64(), megabytes(tally.bytes));
    let arrived = figures.bytes.filter(|_| figures.arrived).map(megabytes);
    let datagrams =
        if outcome.test.is_udp() { format!(" in {} datagrams", tally.datagrams) } else { String::new() };
    match (outcome.test, arrived) {
        (TestType::TcpStream, Some(arrived)) => text.line(format_args!(
            "Data: {sent:.3} MB sent in {seconds:.3} s, of which {arrived:.3} MB were acknowledged by then"
        )),
        (_, Some(arrived)) => text.line(format_args!(
            "Data: {sent:.3} MB{datagrams} sent in {seconds:.3} s, of which {arrived:.3} MB arrived"
        )),
        (_, None) => text.line(format_args!(
            "Data: {sent:.3} MB{datagrams} sent in {seconds:.3} s; what arrived is not known"
        )),
    }
}

fn latency(text: &mut Lines, tally: &Tally) {
    let Some(latency) = tally.latency_ns.as_ref().filter(|latency| !latency.is_empty()) else { return };
    let us = |nanoseconds: u64| nanoseconds as f64 / 1e3;
    let at = |percent: f64| us(latency.value_at_quantile(percent / 100.0));
    text.line(format_args!(
        "Latency in us: min {:.1}, p50 {:.1}, p90 {:.1}, p99 {:.1}, p99.9 {:.1}, max {:.1}, mean {:.1}, standard \
         deviation {:.1}",
        us(latency.min()),
        at(50.0),
        at(90.0),
        at(99.0),
        at(99.9),
        us(latency.max()),
        latency.mean() / 1e3,
        latency.stdev() / 1e3,
    ));
}

fn trips(text: &mut Lines, outcome: &Outcome<'_>, tally: &Tally) {
    let Tally { datagrams: sent, round_trips, unanswered, late, spun, .. } = tally;
    let seconds = tally.time.as_secs_f64();
    if outcome.test.is_udp() {
        text.line(format_args!(
            "Trips: {sent} begun in {seconds:.3} s, {round_trips} answered, {unanswered} given up, {late} late replies"
        ));
    } else {
        text.line(format_args!("Trips: {sent} begun in {seconds:.3} s, {round_trips} answered"));
    }
    if *spun > 0 {
        let share = *spun as f64 / (*round_trips).max(1) as f64;
        text.line(format_args!(
            "Busy polling: {share:.2} of the replies were met spinning, the others by blocking"
        ));
    }
}
