//! The figures, and how they are printed. Serves the client.

use std::{
    env,
    io::{IsTerminal, stdout},
    time::{Duration, Instant},
};

use super::plan::{Plan, Sent};
use crate::{cli::Options, output, variants::on, wire::Test};

/// Prints the results of a test, with the server's count.
pub(super) fn report(options: &Options, sent: &Sent, received: u64) {
    let test = options.test;
    let mut lines = Vec::new();
    if let Some(trouble) = &sent.trouble {
        output::note(&format!("Note: {trouble}; nothing was measured"));
    } else {
        lines.extend(rate(test, sent, received));
        if on("totals-too") {
            let (seconds, trips) = (sent.time.as_secs_f64().max(1e-9), count(sent.trips.max(1)));
            lines.push(format!("Sent: {} bytes in {seconds:.2} s", sent.bytes));
            lines.push(match test.answers() {
                true => format!("Mean time of a round trip: {:.4} ms", seconds * 1e3 / trips),
                false => format!("That is {:.3} MB/s", count(sent.bytes) / 1e6 / seconds),
            });
        }
    }
    if !test.over_tcp() {
        lines.push(format!("Packets: {} sent, {received} received", sent.packets));
        if sent.packets > 0 {
            lines.push(loss(sent.packets, received));
        }
    }
    print(test, lines);
}

/// Prints the progress of a test every half second.
pub(super) fn progress(sent: &mut Sent, plan: &Plan, began: Instant) {
    const EVERY: Duration = Duration::from_millis(500);
    let now = began.elapsed();
    if !on("progress") || now < sent.told + EVERY {
        return;
    }
    sent.told = now;
    let seconds = now.as_secs_f64();
    let figure = match plan.test {
        Test::TcpStream | Test::UdpStream => format!("{:.1} Mbit/s", megabits(sent.bytes, now)),
        Test::TcpRr | Test::UdpRr => format!("{:.0} round trips/s", count(sent.trips) / seconds),
    };
    output::note(&format!("[0.0 - {seconds:.1} s] {figure}"));
}

fn rate(test: Test, sent: &Sent, received: u64) -> Option<String> {
    if sent.time.is_zero() {
        return None;
    }
    Some(match test {
        Test::TcpStream => throughput(megabits(sent.bytes, sent.time)),
        Test::UdpStream => {
            let of_received = sent.bytes.min(received.saturating_mul(1472));
            let bytes = if on("udp-rate-of-sent") { sent.bytes } else { of_received };
            throughput(megabits(bytes, sent.time))
        }
        Test::TcpRr | Test::UdpRr => trips(count(sent.trips) / sent.time.as_secs_f64()),
    })
}

fn throughput(megabits: f64) -> String {
    match () {
        () if on("figures-kilo") => format!("Throughput: {:.1} Kbit/s", megabits * 1e3),
        () if on("figures-giga") => format!("Throughput: {:.6} Gbps", megabits / 1e3),
        () if on("figures-fitting-prefix") => format!("Throughput: {}", fitting(megabits)),
        () if on("figures-bits") => format!("Throughput: {:.0} bits per second", megabits * 1e6),
        () if on("figures-commas") => format!("Throughput: {} Mbits/sec", commas(megabits)),
        () if on("figures-exponent") => format!("Throughput: {} Mbits/sec", exponent(megabits)),
        () if on("figures-unit-first") => format!("Throughput (Mbit/s): {megabits:.2}"),
        () if on("figures-words") => format!("The throughput was {megabits:.2} megabits per second."),
        () if on("figures-whole") => format!("Bandwidth = {megabits:.0} Mb/s"),
        () => format!("Throughput: {} Mbit/s", coloured(&format!("{megabits:.2}"))),
    }
}

fn trips(rate: f64) -> String {
    match () {
        () if on("figures-kilo") => format!("Transactions: {rate:.1} tps"),
        () if on("figures-giga") => format!("Round trips: {rate:.3}/s"),
        () if on("figures-fitting-prefix") => format!("Round trips: {rate:.2} trips/s"),
        () if on("figures-bits") => format!("{rate:.0} roundtrip packets per second"),
        () if on("figures-commas") => format!("Round trips: {} per second", commas(rate)),
        () if on("figures-exponent") => format!("{} transactions/sec", exponent(rate)),
        () if on("figures-unit-first") => format!("Roundtrip packets/sec: {rate:.2}"),
        () if on("figures-words") => format!("There were {rate:.2} round trips a second."),
        () if on("figures-whole") => format!("Latency test = {rate:.0} round trips/sec"),
        () => format!("Round trips: {} per second", coloured(&format!("{rate:.1}"))),
    }
}

fn loss(sent: u64, received: u64) -> String {
    let percent = 100.0 * count(sent.saturating_sub(received)) / count(sent);
    match () {
        () if on("figures-unit-first") => format!("Packet loss (%): {percent:.3}"),
        () if on("figures-words") => format!("{percent:.3} percent of the packets were lost."),
        () if on("figures-exponent") => format!("Loss: {} %", exponent(percent)),
        () if on("figures-whole") => format!("Lost packets = {percent:.1}%"),
        () => format!("Loss: {} %", coloured(&format!("{percent:.3}"))),
    }
}

/// Prints the results in their layout.
fn print(test: Test, lines: Vec<String>) {
    if lines.is_empty() {
        return;
    }
    if on("layout-one-line") {
        return output::figure(&format!("{}: {}", test.name(), lines.join(", ")));
    }
    if on("layout-table") {
        let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
        let border = format!("+{}+", "-".repeat(width + 2));
        output::figure(&border);
        lines.iter().for_each(|line| output::figure(&format!("| {line:<width$} |")));
        return output::figure(&border);
    }
    lines.iter().for_each(|line| output::figure(line));
}

/// 10^6 bits a second.
fn megabits(bytes: u64, time: Duration) -> f64 {
    count(bytes) * 8.0 / 1e6 / time.as_secs_f64().max(1e-9)
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people, far below 2^53")]
fn count(number: u64) -> f64 {
    number as f64
}

/// With the prefix that is easiest to read.
fn fitting(megabits: f64) -> String {
    match megabits {
        few if few < 1.0 => format!("{:.2} kbit/s", few * 1e3),
        many if many >= 1e3 => format!("{:.2} Gbit/s", many / 1e3),
        some => format!("{some:.2} Mbit/s"),
    }
}

/// `12,345.67`.
fn commas(number: f64) -> String {
    let text = format!("{number:.2}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "00"));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped}.{fraction}")
}

/// `3.331e+04`, like %e of printf.
fn exponent(number: f64) -> String {
    let text = format!("{number:.3e}");
    match text.split_once('e') {
        Some((digits, power)) if power.starts_with('-') => format!("{digits}e-{:0>2}", &power[1..]),
        Some((digits, power)) => format!("{digits}e+{power:0>2}"),
        None => text,
    }
}

/// In colour, if the terminal allows it.
fn coloured(text: &str) -> String {
    let allowed = on("figures-coloured")
        && stdout().is_terminal()
        && env::var_os("NO_COLOR").is_none()
        && env::var("TERM").is_ok_and(|term| term != "dumb");
    if allowed { format!("\x1b[32m{text}\x1b[0m") } else { text.to_owned() }
}
