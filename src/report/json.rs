//! The report for a program: one JSON document, with the unit of each figure in its name. What was not measured is null.

use serde::Serialize;

use super::Outcome;
use crate::tally::{Path, Tally};

/// Raised when a name changes or goes; new names may come at any time.
const SCHEMA: u32 = 1;

/// The document, on lines without the last line's end.
pub(crate) fn json(outcome: &Outcome<'_>) -> String {
    let tally = outcome.tally;
    let document = Document {
        schema: SCHEMA,
        tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        test: outcome.test.name(),
        server: outcome.server.to_string(),
        test_port: outcome.port.get(),
        requested_s: outcome.time.as_secs(),
        complete: outcome.failure.is_none() && tally.is_none_or(|tally| tally.broken.is_none()),
        failure: outcome.failure.map(str::to_owned).or_else(|| Some(tally?.broken.as_ref()?.to_string())),
        nothing_measured: outcome.nothing(),
        results_udp_packets_received: outcome.udp_packets_received,
        measured: tally.filter(|_| outcome.nothing().is_none()).map(|tally| measured(outcome, tally)),
    };
    // A tree of numbers and strings, whose keys are strings: nothing in it can fail.
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

#[derive(Serialize)]
struct Document {
    schema: u32,
    tool: Tool,
    test: &'static str,
    server: String,
    test_port: u16,
    requested_s: u64,
    complete: bool,
    failure: Option<String>,
    nothing_measured: Option<String>,
    results_udp_packets_received: Option<u64>,
    measured: Option<Measured>,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Measured {
    time_s: f64,
    throughput_mbit_per_s: Option<f64>,
    /// "arrived" or "sent": whose bytes the throughput is of.
    throughput_of: Option<&'static str>,
    round_trips_per_s: Option<f64>,
    loss_percent: Option<f64>,
    sent_bytes: Option<u64>,
    acknowledged_bytes: Option<u64>,
    sent_datagrams: Option<u64>,
    round_trips: Option<u64>,
    round_trips_given_up: Option<u64>,
    late_replies: Option<u64>,
    busy_polled_share: Option<f64>,
    latency: Option<Latency>,
    method: Option<&'static str>,
    path: Option<PathInForce>,
    interval_mean: Option<f64>,
    interval_standard_deviation: Option<f64>,
    intervals: Vec<OneInterval>,
}

#[derive(Serialize)]
struct Latency {
    min_us: f64,
    p50_us: f64,
    p90_us: f64,
    p99_us: f64,
    p99_9_us: f64,
    max_us: f64,
    mean_us: f64,
    standard_deviation_us: f64,
}

#[derive(Serialize)]
struct PathInForce {
    local: String,
    remote: String,
    send_buffer_bytes: usize,
    receive_buffer_bytes: usize,
    congestion_control: Option<String>,
    mss_bytes: Option<u32>,
    retransmitted_segments: Option<u32>,
}

#[derive(Serialize)]
struct OneInterval {
    start_s: f64,
    end_s: f64,
    bytes: Option<u64>,
    datagrams: Option<u64>,
    round_trips: Option<u64>,
}

fn measured(outcome: &Outcome<'_>, tally: &Tally) -> Measured {
    let figures = outcome.figures(tally);
    let (rr, udp) = (outcome.is_round_trips(), outcome.test.is_udp());
    let spread = outcome.spread();
    Measured {
        time_s: tally.time.as_secs_f64(),
        throughput_mbit_per_s: figures.megabits_per_second,
        throughput_of: figures.bytes.map(|_| if figures.arrived { "arrived" } else { "sent" }),
        round_trips_per_s: figures.round_trips_per_second,
        loss_percent: figures.loss_percent,
        sent_bytes: (!rr).then_some(tally.bytes),
        acknowledged_bytes: tally.acknowledged_bytes,
        sent_datagrams: udp.then_some(tally.datagrams),
        round_trips: rr.then_some(tally.round_trips),
        round_trips_given_up: (rr && udp).then_some(tally.unanswered),
        late_replies: (rr && udp).then_some(tally.late),
        busy_polled_share: rr.then(|| tally.spun as f64 / tally.round_trips.max(1) as f64),
        latency: latency(tally),
        method: tally.method.map(|method| method.name()),
        path: tally.path.as_ref().map(path),
        interval_mean: spread.map(|(mean, _)| mean),
        interval_standard_deviation: spread.map(|(_, deviation)| deviation),
        intervals: outcome
            .intervals
            .iter()
            .map(|one| OneInterval {
                start_s: one.start.as_secs_f64(),
                end_s: one.end.as_secs_f64(),
                bytes: (!rr).then_some(one.bytes),
                datagrams: (udp && !rr).then_some(one.units),
                round_trips: rr.then_some(one.units),
            })
            .collect(),
    }
}

fn latency(tally: &Tally) -> Option<Latency> {
    let latency = tally.latency_ns.as_ref().filter(|latency| !latency.is_empty())?;
    let us = |nanoseconds: u64| nanoseconds as f64 / 1e3;
    let at = |quantile: f64| us(latency.value_at_quantile(quantile));
    Some(Latency {
        min_us: us(latency.min()),
        p50_us: at(0.5),
        p90_us: at(0.9),
        p99_us: at(0.99),
        p99_9_us: at(0.999),
        max_us: us(latency.max()),
        mean_us: latency.mean() / 1e3,
        standard_deviation_us: latency.stdev() / 1e3,
    })
}

fn path(path: &Path) -> PathInForce {
    PathInForce {
        local: path.local.to_string(),
        remote: path.remote.to_string(),
        send_buffer_bytes: path.send_buffer_bytes,
        receive_buffer_bytes: path.receive_buffer_bytes,
        congestion_control: path.congestion_control.clone(),
        mss_bytes: path.mss_bytes,
        retransmitted_segments: path.retransmitted_segments,
    }
}
