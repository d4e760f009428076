//! Finds the figures in a client's output, in any text: throughput, round trips and loss. Pure. For the verdict, which
//! compares them with the runner's counts. The README's contract states the grammar; the tests below are its examples.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// A number: digits, with or without commas between thousands, a fraction, an exponent.
const NUMBER: &str = r"(?P<number>[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)";

/// The character before a number: no letter or digit, so that the number is not part of a word.
const BEFORE: &str = r"(?:^|[^A-Za-z0-9_.,])";

/// `Mbit/s`, `Mbits/sec`, `Mb/s`, `Mbps`, `MBPS`, `megabits per second`, with any prefix or none. Bytes do not match.
const BITS: &str = concat!(
    r"(?P<prefix>(?i:kilo|mega|giga|tera)|[kKmMgGtT]i?)?[- ]?",
    r"(?:(?:(?i:bits?)|b)\s?(?i:/|per|p)\s?(?i:seconds?|secs?|s)|BPS)\b"
);

/// Up to four words between the number and its `/s`: `round trips`, `roundtrip packets`, `transactions`.
const WORDS: &str = r"(?P<words>(?:[ \t]*[A-Za-z][A-Za-z-]*){0,4}?)";

/// What may stand before a unit that is a label: no letter or digit, or the word for what is counted.
const APART: &str = "(?:^|[^A-Za-z0-9])";
const WORD: &str = "(?P<words>[A-Za-z-]*)";

/// `/s`, `/sec`, `per second`, `a second`, or the abbreviations for transactions and packets.
const PER_SECOND: &str =
    r"[ \t]*(?i:(?:/|\bper\b|\ba\b)[ \t]*(?:seconds?|secs?|s)\b|\b(?:tps|rtps|rps|pps)\b|\bHz\b)";

/// `%`, `percent`, `percentage`.
const PERCENT: &str = r"(?i:%|per ?cent(?:age)?)";

/// What may stand between a unit and the number after it: `Mbit/s: 943`, `Loss (%) = 0.5`, `round trips/s is 17`.
const LABELS: &str = r"[\])]?[ \t]*(?:[:=]|\bis\b)?[ \t]*";

/// A figure as it was printed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Printed {
    /// The figure, in the unit that the caller wants.
    pub value: f64,
    /// Half of the last digit's value: the true figure may differ by so much.
    pub rounding: f64,
}

impl Printed {
    fn times(self, factor: f64) -> Self {
        Self { value: self.value * factor, rounding: self.rounding * factor }
    }
}

/// The throughputs in the text, in Mbit/s (10^6 bits a second).
pub fn megabits_per_second(text: &str) -> Vec<Printed> {
    static GRAMMAR: LazyLock<Option<Grammar>> = LazyLock::new(|| Grammar::new(APART, r"[ \t]*", BITS));
    figures(
        &GRAMMAR,
        text,
        |found, number| Some(number.times(megabits(found.name("prefix")?.as_str()))),
        |number| number.times(1e-6),
    )
}

/// The round trips a second in the text.
pub fn round_trips_per_second(text: &str) -> Vec<Printed> {
    static GRAMMAR: LazyLock<Option<Grammar>> = LazyLock::new(|| Grammar::new(WORD, WORDS, PER_SECOND));
    let all = GRAMMAR.as_ref().map(|grammar| {
        let of_line = |line| grammar.in_line(line).into_iter().filter(|(found, _)| !is_of_volume(found));
        text.lines().flat_map(of_line).map(|(_, number)| number).collect()
    });
    all.unwrap_or_default()
}

/// The losses in the text, in percent: those of the lines about a loss, or of all lines if no such line has one.
pub fn loss_percent(text: &str) -> Vec<Printed> {
    static GRAMMAR: LazyLock<Option<Grammar>> = LazyLock::new(|| Grammar::new("", r"[ \t]*", PERCENT));
    let Some(grammar) = GRAMMAR.as_ref() else { return Vec::new() };
    let is_about_loss = |line: &&str| {
        let line = line.to_lowercase();
        ["loss", "lost", "drop", "missing"].iter().any(|word| line.contains(word))
    };
    let of_lines = |lines: &mut dyn Iterator<Item = &str>| -> Vec<Printed> {
        lines.flat_map(|line| grammar.in_line(line)).map(|(_, number)| number).collect()
    };
    match of_lines(&mut text.lines().filter(is_about_loss)) {
        none if none.is_empty() => of_lines(&mut text.lines()),
        losses => losses,
    }
}

/// A unit after its number, or before it as a label.
struct Grammar {
    after: Regex,
    before: Regex,
}

impl Grammar {
    /// `None` only if a pattern above is no regular expression. The tests would show that.
    fn new(lead: &str, between: &str, unit: &str) -> Option<Self> {
        let after = Regex::new(&format!("{BEFORE}{NUMBER}{between}{unit}")).ok()?;
        let before = Regex::new(&format!("{lead}{unit}{LABELS}{NUMBER}")).ok()?;
        Some(Self { after, before })
    }

    /// The figures of one line. A label counts only if no number has the unit after it.
    fn in_line<'t>(&self, line: &'t str) -> Vec<(Captures<'t>, Printed)> {
        let all = |regex: &Regex| -> Vec<(Captures<'t>, Printed)> {
            let number = |found: &Captures<'_>| printed(&found["number"]);
            regex
                .captures_iter(line)
                .filter_map(|found| number(&found).map(|number| (found, number)))
                .collect()
        };
        match all(&self.after) {
            none if none.is_empty() => all(&self.before),
            found => found,
        }
    }
}

/// A number and its rounding: `3.31e+04` is 33100, 50 more or less.
fn printed(text: &str) -> Option<Printed> {
    let text = text.replace(',', "");
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((&text, "0"));
    let decimals = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let last_digit = exponent.parse::<i32>().ok()? - i32::try_from(decimals).ok()?;
    Some(Printed { value: text.parse().ok()?, rounding: 0.5 * 10_f64.powi(last_digit) })
}

fn figures(
    grammar: &Option<Grammar>,
    text: &str,
    scaled: impl Fn(&Captures<'_>, Printed) -> Option<Printed>,
    plain: impl Fn(Printed) -> Printed,
) -> Vec<Printed> {
    let Some(grammar) = grammar else { return Vec::new() };
    let found = text.lines().flat_map(|line| grammar.in_line(line));
    found.map(|(found, number)| scaled(&found, number).unwrap_or_else(|| plain(number))).collect()
}

/// How many megabits one bit with this prefix is.
fn megabits(prefix: &str) -> f64 {
    let binary = prefix.ends_with('i') && prefix.len() == 2;
    let power = match prefix.chars().next().map(|letter| letter.to_ascii_lowercase()) {
        Some('k') => 1,
        Some('m') => 2,
        Some('g') => 3,
        Some('t') => 4,
        _ => 0,
    };
    f64::from(if binary { 1024 } else { 1000 }).powi(power) / 1e6
}

/// Whether the figure counts bits or bytes per second, and so no round trips.
fn is_of_volume(found: &Captures<'_>) -> bool {
    let words = found.name("words").map_or("", |words| words.as_str());
    words.split_whitespace().any(|word| {
        let lower = word.to_lowercase();
        lower.ends_with("bit")
            || lower.ends_with("bits")
            || lower.ends_with("byte")
            || lower.ends_with("bytes")
            || matches!(
                word,
                "b" | "B" | "kb" | "Kb" | "KB" | "kB" | "Mb" | "MB" | "Gb" | "GB" | "MiB" | "GiB" | "KiB"
            )
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Throughput: 943.21 Mbit/s", &[943.21])]
    #[case("Bandwidth = 1,234.5 Mbits/sec", &[1234.5])]
    #[case("12.5Gbps", &[12_500.0])]
    #[case("Rate (Mbps): 88", &[88.0])]
    #[case("Megabits/sec: 17.5", &[17.5])]
    #[case("17.5 megabits per second, 1000 ms", &[17.5])]
    #[case("900000 Kbit/s", &[900.0])]
    #[case("9.4e8 bit/s", &[940.0])]
    #[case("940000000 bits per second", &[940.0])]
    #[case("100 Mibit/s", &[104.857_6])]
    #[case("120 MB/s and 960 Mb/s", &[960.0])]
    #[case("120 MBytes/sec", &[])]
    #[case("120 MBps", &[])]
    #[case("960 MBPS", &[960.0])]
    #[case("1.5 s, 3 MB", &[])]
    #[case("TCP_STREAM with 127.0.0.1:5678 for 1 s", &[])]
    fn throughputs_are_read(#[case] text: &str, #[case] figures: &[f64]) {
        close(&megabits_per_second(text), figures);
    }

    #[rstest]
    #[case("Round trips: 12345.6 per second", &[12345.6])]
    #[case("12,345 round trips/s", &[12345.0])]
    #[case("4321 transactions/sec", &[4321.0])]
    #[case("4321 roundtrip packets/sec", &[4321.0])]
    #[case("Roundtrip packets/sec: 99.5", &[99.5])]
    #[case("rate: 500 tps", &[500.0])]
    #[case("Round trips per second = 7", &[7.0])]
    #[case("latency 0.05 ms", &[])]
    #[case("943 Mbits/sec", &[])]
    #[case("943 Mbit/s", &[])]
    #[case("3 MB a second", &[])]
    fn round_trips_are_read(#[case] text: &str, #[case] figures: &[f64]) {
        close(&round_trips_per_second(text), figures);
    }

    #[rstest]
    #[case("Loss: 25.000 % (4 sent, 3 received)", &[25.0])]
    #[case("packet loss 0.5%", &[0.5])]
    #[case("Packet loss (%): 25", &[25.0])]
    #[case("25 percent", &[25.0])]
    #[case("progress 100 %\nlost 3 of 12 (25%)", &[25.0])]
    #[case("3 lost", &[])]
    fn losses_are_read(#[case] text: &str, #[case] figures: &[f64]) {
        close(&loss_percent(text), figures);
    }

    #[rstest]
    #[case("943.21 Mbit/s", 0.005)]
    #[case("943 Mbit/s", 0.5)]
    #[case("0.9 Gbit/s", 50.0)]
    #[case("3.331e+04 Mbits/sec", 5.0)]
    #[case("1,234 Kbit/s", 0.0005)]
    #[case(".5 Gbit/s", 50.0)]
    fn rounding_is_half_of_the_last_digit(#[case] text: &str, #[case] rounding: f64) {
        let found = megabits_per_second(text);
        assert_eq!(found.len(), 1);
        assert!((found[0].rounding - rounding).abs() < 1e-9, "{found:?}");
    }

    fn close(found: &[Printed], wanted: &[f64]) {
        let found: Vec<f64> = found.iter().map(|printed| printed.value).collect();
        let same = found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-6 * wanted);
        assert!(same && found.len() == wanted.len(), "{found:?}, not {wanted:?}");
    }
}
