//! The steps about the data plane.

use std::time::Duration;

use super::{View, broken, held};
use crate::judge::figures::Printed;
use crate::judge::{Assessment, figures};
use crate::model::bytes::Pattern;
use crate::model::data::{DataAction, Figure, Sender, Sight, Transport};
use crate::model::data_fault::DataFault;
use crate::model::fault::Fault;
use crate::model::tolerance::{LOSS_POINTS, RATE_SHARE, ROUNDED_RATE_SHARE, SPANNED_SHARE, STARVED_SHARE};
use crate::model::transcript::{DataEvent, DataSeen, Entry, Event};

impl View<'_> {
    pub(super) fn data(&self, action: &DataAction) -> Assessment {
        match action {
            DataAction::PortOpen(over) => self.port_open(*over),
            DataAction::PortFree { within, .. } => self.port_free(*within),
            DataAction::Send { .. } | DataAction::RoundTrips { .. } => self.data_sent(action),
            DataAction::Seen(sight) => match self.seen.data_seen() {
                Some(seen) => self.saw(*sight, seen),
                // The case has no port that measures.
                None => held(),
            },
            DataAction::Reports { figure, within } => self.reports(*figure, *within),
            // It gives a figure and no verdict.
            DataAction::Compare => held(),
        }
    }

    /// Whether the count in Results is wrong. It must be the client's datagrams of this session that the kernel did not
    /// drop.
    pub(super) fn miscounted(&self, pattern: &Pattern, actual: &[u8], opening: usize) -> Option<DataFault> {
        let told = pattern.count(actual)?;
        let session = self.seen.entries.get(opening..).unwrap_or_default();
        let counted = |entry: &Entry| match &entry.event {
            Event::Data(DataEvent::Sent { over: Transport::Udp, from: Sender::Client, messages, .. }) => {
                *messages
            }
            _ => 0,
        };
        let sent: u64 = session.iter().map(counted).sum();
        let dropped = self.seen.entries.iter().rev().find_map(|entry| match entry.event {
            Event::Data(DataEvent::Drops { datagrams }) => Some(datagrams),
            _ => None,
        });
        match dropped.flatten() {
            _ if told == sent => None,
            // Nothing was sent, or everything arrived: the number is certain.
            Some(0) => Some(DataFault::WrongCount { told, arrived: sent }),
            _ if sent == 0 => Some(DataFault::WrongCount { told, arrived: 0 }),
            Some(dropped) if told == sent.saturating_sub(dropped) => None,
            // No more can have arrived than was sent, whatever was dropped.
            Some(_) if told > sent => Some(DataFault::WrongCount { told, arrived: sent }),
            dropped => Some(DataFault::Dropped { told, sent, dropped }),
        }
    }

    fn port(&self) -> Option<(u16, Transport, Option<bool>)> {
        self.in_this_step().iter().rev().find_map(|entry| match entry.event {
            Event::Data(DataEvent::Port { port, over, open }) => Some((port, over, open)),
            _ => None,
        })
    }

    fn port_open(&self, over: Transport) -> Assessment {
        match self.port() {
            Some((port, _, Some(false))) => wrong(DataFault::PortClosed { port, over }),
            None => broken(Fault::NoPort),
            // Where the system does not say, the data of the next step shows it.
            Some(_) => held(),
        }
    }

    fn port_free(&self, within: Duration) -> Assessment {
        match self.port() {
            Some((port, _, Some(true))) => {
                self.by(self.began + within, || Fault::Data(DataFault::PortHeld { port, waited: within }))
            }
            None => broken(Fault::NoPort),
            Some(_) => held(),
        }
    }

    fn data_sent(&self, action: &DataAction) -> Assessment {
        let done = self.in_this_step().iter().find_map(|entry| match &entry.event {
            Event::Data(DataEvent::Sent { over, from, messages, bytes, replies, odd_reply_bytes, error }) => {
                Some((*over, *from, *messages, *bytes, *replies, *odd_reply_bytes, error.as_ref()))
            }
            _ => None,
        });
        let Some((over, from, messages, bytes, replies, odd_reply_bytes, error)) = done else {
            if self.judge.port.is_none() {
                return broken(Fault::NoPort);
            }
            // The threads end by themselves: each of their waits has a limit.
            return Assessment::Pending(self.now + self.judge.tolerances.patience);
        };
        if let Some(error) = error {
            return wrong(DataFault::NotTaken { messages, error: error.clone() });
        }
        if from == Sender::Stranger && replies > 0 {
            return wrong(DataFault::StrangerAnswered { replies });
        }
        let DataAction::RoundTrips { amount, .. } = action else { return held() };
        let due = u64::from(amount.messages);
        let (due, sent) = match over {
            Transport::Tcp => (due * amount.bytes as u64, bytes),
            Transport::Udp => (due, messages),
        };
        match odd_reply_bytes {
            _ if replies != due => wrong(DataFault::Replies { sent, replies, over }),
            Some(bytes) => wrong(DataFault::ReplyLength { bytes }),
            None => held(),
        }
    }

    fn saw(&self, sight: Sight, seen: &DataSeen) -> Assessment {
        match sight {
            Sight::Over(over) => {
                let (right, other) = match over {
                    Transport::Tcp => (seen.stream_bytes, seen.datagrams),
                    Transport::Udp => (seen.datagrams, seen.stream_bytes),
                };
                if right > 0 { held() } else { wrong(DataFault::NoData { over, other: other > 0 }) }
            }
            Sight::WithoutPause => {
                let DataSeen { starved, reads, .. } = *seen;
                if share(starved, reads) > STARVED_SHARE {
                    wrong(DataFault::Paused { starved, reads })
                } else {
                    held()
                }
            }
            Sight::InDatagramsOf(wanted) => self.in_datagrams_of(wanted, seen),
            Sight::OneAtATime => {
                let DataSeen { ahead, held: held_back, stream_bytes, datagrams, .. } = *seen;
                match (stream_bytes, held_back) {
                    (_, 0) => wrong(DataFault::TooLittle { messages: stream_bytes + datagrams }),
                    // TCP loses nothing, so even one byte ahead is wrong. A datagram ahead may be a retry, but not in
                    // most cases.
                    (1.., _) if ahead > 0 => wrong(DataFault::Ahead { ahead, held: held_back }),
                    (0, _) if ahead * 2 > held_back => wrong(DataFault::Ahead { ahead, held: held_back }),
                    _ => held(),
                }
            }
            Sight::BeyondALoss if seen.unanswered == 0 => {
                wrong(DataFault::TooLittle { messages: seen.datagrams })
            }
            Sight::BeyondALoss if seen.after_loss == 0 => wrong(DataFault::EndedByLoss),
            Sight::BeyondALoss => held(),
        }
    }

    fn in_datagrams_of(&self, wanted: usize, seen: &DataSeen) -> Assessment {
        let DataSeen { smallest_bytes: smallest, largest_bytes: largest, longest_pause: pause, .. } = *seen;
        if (smallest, largest) != (wanted, wanted) {
            return wrong(DataFault::DatagramLength { smallest, largest, wanted });
        }
        // Done may come a while after the test's end.
        let asked = self.asked_time().unwrap_or(Duration::MAX);
        let (span, test) = (seen.last.saturating_sub(seen.first), self.test_lasted().min(asked));
        if span < test.mul_f64(SPANNED_SHARE) || pause > test.mul_f64(1.0 - SPANNED_SHARE) {
            return wrong(DataFault::PartOfTheTime { span, test, pause });
        }
        held()
    }

    /// The time from the runner's Reply to the client's Done.
    fn test_lasted(&self) -> Duration {
        let done = self.seen.entries.iter().rfind(|entry| matches!(entry.event, Event::Received { .. }));
        self.replied().zip(done).map_or(Duration::ZERO, |(replied, done)| done.at.saturating_sub(replied))
    }

    /// When the runner's Reply went out.
    fn replied(&self) -> Option<Duration> {
        let reply = self.seen.entries.iter().find(|entry| matches!(entry.event, Event::Sent { .. }));
        reply.map(|reply| reply.at)
    }

    /// The part of `--time` that was left when the first data came. The port is opened at the start of the case, so
    /// both clocks start together.
    fn left_for_data(&self, seen: &DataSeen) -> Option<Duration> {
        let late = seen.first.saturating_sub(self.replied()?);
        Some(self.asked_time()?.saturating_sub(late))
    }

    /// The `--time` that the client was started with.
    fn asked_time(&self) -> Option<Duration> {
        let mut args = self.judge.case.args.iter().rev();
        args.find_map(|arg| arg.strip_prefix("--time=")?.parse().ok()).map(Duration::from_secs)
    }

    fn reports(&self, figure: Figure, within: Duration) -> Assessment {
        let Some(seen) = self.seen.data_seen() else { return held() };
        let output = self.seen.output(None);
        let printed = match figure {
            Figure::Throughput => figures::megabits_per_second(&output),
            Figure::RoundTrips => figures::round_trips_per_second(&output),
            Figure::Loss => figures::loss_percent(&output),
        };
        let Right { ranges, margin, tolerance } = self.right(figure, seen);
        let is_right = |figure: &Printed| {
            let in_range = |(low, high): &(f64, f64)| {
                figure.value >= low - margin.of(*low, figure.rounding)
                    && figure.value <= high + margin.of(*high, figure.rounding)
            };
            ranges.iter().any(in_range)
        };
        if printed.iter().any(is_right) {
            return held();
        }
        let fault = || match printed.is_empty() {
            true => DataFault::NoFigure { figure, waited: within },
            false => {
                let mut right: Vec<f64> = ranges.iter().flat_map(|(low, high)| [*low, *high]).collect();
                right.sort_by(f64::total_cmp);
                right.dedup();
                let told = printed.iter().map(|figure| figure.value).collect();
                DataFault::WrongFigure { figure, told, right, tolerance: tolerance.clone() }
            }
        };
        if self.seen.exit().is_some() {
            return wrong(fault());
        }
        self.by(self.began + within, || Fault::Data(fault()))
    }

    /// The right values of a figure, for every right way of counting.
    fn right(&self, figure: Figure, seen: &DataSeen) -> Right {
        // The client's clock may start between Reply and the first arrival, and stop between the last arrival and Done,
        // which may come a while after the test. Or the client uses `--time`, the whole of it or the part from its
        // first data on. The arrivals alone do not show that: the last ones are still in buffers when the test ends.
        let spans = [seen.last.saturating_sub(seen.first), self.test_lasted()];
        let spans = spans.into_iter().chain(self.asked_time()).chain(self.left_for_data(seen));
        let spans: Vec<Duration> = spans.collect();
        let rates = |count: f64| {
            let rates = spans.iter().filter(|span| !span.is_zero()).map(|span| count / span.as_secs_f64());
            rates.fold((f64::INFINITY, 0.0_f64), |(low, high), rate| (low.min(rate), high.max(rate)))
        };
        let by_share = |ranges| {
            let tolerance = format!("{:.0} %", RATE_SHARE * 100.0);
            Right { ranges, margin: Margin::Share(RATE_SHARE), tolerance }
        };
        match figure {
            Figure::Throughput => {
                let arrived = number(seen.stream_bytes + seen.datagram_bytes) * 8e-6;
                // Data under way at the end of the test counts as arrived for some clients, and not for others.
                let in_test = number(seen.stream_bytes_in_test + seen.datagram_bytes) * 8e-6;
                // Dropped datagrams were as long as those that came.
                let sent = match seen.datagrams {
                    0 => arrived,
                    datagrams => arrived * number(seen.sent_datagrams()) / number(datagrams),
                };
                by_share(vec![(rates(in_test).0, rates(arrived).1), rates(sent)])
            }
            Figure::RoundTrips => by_share(vec![rates(number(seen.answered))]),
            Figure::Loss => {
                let sent = seen.sent_datagrams();
                let received = seen.told.unwrap_or_default().min(sent);
                let loss = number(sent - received) * 100.0 / number(sent.max(1));
                // The end may cut one round trip off. One way of counting takes it for lost, the other does not.
                let cut_off = if seen.answered > 0 { 100.0 / number(sent.max(1)) } else { 0.0 };
                let points = LOSS_POINTS + cut_off;
                let tolerance = format!("{points:.1} points");
                Right { ranges: vec![(loss, loss)], margin: Margin::Points(points), tolerance }
            }
        }
    }
}

/// The right values of a figure.
struct Right {
    /// From, to: one range for each way of counting.
    ranges: Vec<(f64, f64)>,
    margin: Margin,
    /// The margin as text.
    tolerance: String,
}

/// How far a figure may be off.
#[derive(Clone, Copy)]
enum Margin {
    Share(f64),
    Points(f64),
}

impl Margin {
    /// The margin for a figure that was printed with this rounding.
    fn of(self, right: f64, rounding: f64) -> f64 {
        match self {
            Self::Share(share) => right * share + rounding.min(right * (ROUNDED_RATE_SHARE - share)),
            Self::Points(points) => points,
        }
    }
}

fn wrong(fault: DataFault) -> Assessment {
    broken(Fault::Data(fault))
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { number(part) / number(whole) }
}

#[expect(clippy::cast_precision_loss, reason = "counts of one short test are far below 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}
