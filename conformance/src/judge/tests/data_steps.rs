//! The steps about the data plane: each fault, and the last number that is no fault.

use std::time::Duration;

use rstest::rstest;

use super::notation::{case, case_of, parse_transcript};
use crate::judge::{Assessment, Judge, Memory};
use crate::model::case::Case;
use crate::model::data::{Sender, Transport};
use crate::model::tolerance::Tolerances;
use crate::model::transcript::{DataEvent, DataSeen, Event, Transcript};

/// The state of the last step of a case after these events in it.
fn stands(role: &str, step: &str, before: &str, events: Vec<DataEvent>, now_ms: u64) -> String {
    stands_in(&case(role, step), before, events, now_ms)
}

fn stands_in(case: &Case, before: &str, events: Vec<DataEvent>, now_ms: u64) -> String {
    let tolerances = Tolerances::default();
    let mut judge = Judge::new(case, &tolerances);
    judge.remember(Memory { port: Some(40_000), ..Memory::default() });
    let mut seen: Transcript = parse_transcript(before);
    let began = seen.entries.last().map_or(Duration::ZERO, |entry| entry.at);
    for event in events {
        seen.push(began, Event::Data(event));
    }
    match judge.assess(case.steps.len() - 1, &seen, began, Duration::from_millis(now_ms)) {
        Assessment::Held(_) => "holds".to_owned(),
        Assessment::Pending(deadline) => format!("open until {}", deadline.as_millis()),
        Assessment::Broken(fault) => fault.to_string(),
    }
}

#[rstest]
#[case::open("open", Some(true), 0, "holds")]
#[case::unknown("open", None, 0, "holds")]
#[case::closed(
    "open",
    Some(false),
    0,
    "no UDP socket is open at the announced test port 40000 when Reply arrives \
     (a tester of Part 1 opens none: grade it with --part p1)"
)]
#[case::freed("free", Some(false), 0, "holds")]
#[case::held("free", Some(true), 4999, "open until 5000")]
#[case::still_held("free", Some(true), 5000, "the test port 40000 was still open 5.00 s after the test")]
fn ports(#[case] state: &str, #[case] open: Option<bool>, #[case] now: u64, #[case] outcome: &str) {
    let step = format!("test_port = '{state}', over = 'udp'");
    let event = DataEvent::Port { port: 40_000, over: Transport::Udp, open };
    assert_eq!(stands("server", &step, "0 step", vec![event], now), outcome);
}

fn sent(from: Sender, messages: u64, replies: u64) -> DataEvent {
    DataEvent::Sent {
        over: Transport::Udp,
        from,
        messages,
        bytes: messages,
        replies,
        odd_reply_bytes: None,
        error: None,
    }
}

#[rstest]
#[case::all(5, "holds")]
#[case::one_missing(4, "5 datagrams back due, and 4 came")]
#[case::one_too_many(6, "5 datagrams back due, and 6 came")]
fn round_trips(#[case] replies: u64, #[case] outcome: &str) {
    let events = vec![sent(Sender::Client, 5, replies)];
    assert_eq!(stands("server", "round_trips = '5 of 1', over = 'udp'", "0 step", events, 0), outcome);
}

#[test]
fn strangers_are_not_answered() {
    let step = "send_data = '5 of 1', over = 'udp', from = 'stranger'";
    let outcome = |replies| stands("server", step, "0 step", vec![sent(Sender::Stranger, 5, replies)], 0);
    assert_eq!(outcome(0), "holds");
    assert_eq!(outcome(1), "1 replies went to an address that is not the control client's");
}

#[rstest]
#[case::all("01 2c", 300, Some(0), "holds")]
#[case::one_byte("00 2c", 300, Some(0), "Results tells 44 datagrams, and 300 have arrived")]
#[case::those_that_arrived("01 2a", 300, Some(2), "holds")]
#[case::cannot_tell(
    "01 2b",
    300,
    Some(2),
    "Results tells 299 of 300 datagrams, but the kernel threw some away (2 thrown away)"
)]
#[case::more_than_sent("01 2d", 300, Some(2), "Results tells 301 datagrams, and 300 have arrived")]
#[case::unknown_drops(
    "01 2b",
    300,
    None,
    "Results tells 299 of 300 datagrams, but the kernel threw some away (the system does not tell)"
)]
#[case::none("00 00", 0, Some(0), "holds")]
fn counts(#[case] low: &str, #[case] messages: u64, #[case] dropped: Option<u64>, #[case] outcome: &str) {
    let before = format!("0 connect; 0 open; 0 step; 1 < 01 04 00 00 00 00 00 00 {low}");
    let events = vec![
        sent(Sender::Client, messages, 0),
        sent(Sender::Stranger, 9, 0),
        DataEvent::Drops { datagrams: dropped },
    ];
    assert_eq!(stands("server", "expect = '01 04 NN*8'", &before, events, 1), outcome);
}

/// A test of one second: 100 datagrams of 1000 bytes came, 25 more were dropped, and Results counted 93.
fn seen() -> DataSeen {
    DataSeen {
        datagrams: 100,
        datagram_bytes: 100_000,
        dropped: 25,
        smallest_bytes: 1000,
        largest_bytes: 1000,
        first: Duration::from_millis(10),
        last: Duration::from_millis(1010),
        told: Some(93),
        ..DataSeen::default()
    }
}

const TEST: &str = "0 accepted 127.0.0.1:5678; 10 > 01 02 00 00; 1010 < 01 03";

#[rstest]
#[case::arrived("throughput", "0.80 Mbit/s", "holds")]
#[case::sent("throughput", "1.00 Mbit/s", "holds")]
#[case::barely("throughput", "0.768 Mbit/s", "holds")]
#[case::mebibits(
    "throughput",
    "0.7629 Mbit/s",
    "the client reports 0.76 Mbit/s; right is 0.80 or 1.00 Mbit/s, give or take 4 %"
)]
#[case::rounded("throughput", "0.8 Mbit/s", "holds")]
#[case::rounded_to_nothing(
    "throughput",
    "0 Gbit/s",
    "the client reports 0.00 Mbit/s; right is 0.80 or 1.00 Mbit/s, give or take 4 %"
)]
#[case::bytes(
    "throughput",
    "0.1 Mbit/s",
    "the client reports 0.10 Mbit/s; right is 0.80 or 1.00 Mbit/s, give or take 4 %"
)]
#[case::nothing("throughput", "1 s", "no number with Mbit/s was printed within 5.00 s")]
#[case::loss("loss", "loss 25.9 %", "holds")]
#[case::delivery(
    "loss",
    "74.4 %",
    "the client reports 74.40 % loss; right is 25.60 % loss, give or take 1.0 points"
)]
fn figures(#[case] figure: &str, #[case] output: &str, #[case] outcome: &str) {
    let before = format!("{TEST}; 1020 out {output}; 1030 exit 0; 1040 step");
    let event = DataEvent::Seen(Box::new(seen()));
    assert_eq!(stands("client", &format!("reports = '{figure}'"), &before, vec![event], 1050), outcome);
}

/// A test of 3 s in which 3000 bytes were echoed over TCP; the client was started with a time of 3 s.
#[rstest]
#[case::a_rate("1000 round trips/s", "holds")]
#[case::by_the_clock_from_reply("990 round trips/s", "holds")]
#[case::a_total(
    "3000 round trips/s",
    "the client reports 3000 round trips/s; right is 986 or 1017 round trips/s, give or take 4 %"
)]
#[case::a_last_interval(
    "200 round trips/s",
    "the client reports 200 round trips/s; right is 986 or 1017 round trips/s, give or take 4 %"
)]
#[case::by_the_time_asked_for("1000.0 round trips/s", "holds")]
#[case::an_interval_beside_the_mean("200 round trips/s\\n1000 round trips/s", "holds")]
fn a_rate_is_a_mean_over_the_test(#[case] output: &str, #[case] outcome: &str) {
    let before = format!(
        "0 accepted 127.0.0.1:5678; 8 > 01 02 00 00; 3050 < 01 03; 3060 out {output}; 3070 exit 0; 3080 step"
    );
    let seen = DataSeen {
        stream_bytes: 3000,
        answered: 3000,
        first: Duration::from_millis(50),
        last: Duration::from_millis(3000),
        ..DataSeen::default()
    };
    let event = DataEvent::Seen(Box::new(seen));
    let case = case_of("client", "3s", "reports = 'round trips'");
    assert_eq!(stands_in(&case, &before, vec![event], 3090), outcome);
}

/// 24 datagrams of round trips, 6 of them swallowed: each datagram is 4 points, and one may be under way at the end.
#[rstest]
#[case::as_sent_against_results("25.00 %", "holds")]
#[case::the_last_one_not_counted_as_sent("21.74 %", "holds")]
#[case::the_last_one_counted_as_lost("29.17 %", "holds")]
#[case::delivery("75 %", "the client reports 75.00 % loss; right is 25.00 % loss, give or take 5.2 points")]
#[case::two_too_many(
    "33.33 %",
    "the client reports 33.33 % loss; right is 25.00 % loss, give or take 5.2 points"
)]
#[case::none("0 %", "the client reports 0.00 % loss; right is 25.00 % loss, give or take 5.2 points")]
fn a_small_loss_allows_for_the_round_trip_under_way(#[case] output: &str, #[case] outcome: &str) {
    let before = format!("{TEST}; 1020 out {output}; 1030 exit 0; 1040 step");
    let seen = DataSeen { datagrams: 24, answered: 18, unanswered: 6, told: Some(18), ..seen() };
    let event = DataEvent::Seen(Box::new(DataSeen { dropped: 0, ..seen }));
    assert_eq!(stands("client", "reports = 'loss'", &before, vec![event], 1050), outcome);
}

#[rstest]
#[case::other_protocol(
    "over tcp",
    seen(),
    "no data came over TCP to the announced test port, but data over UDP"
)]
#[case::right_protocol("over udp", seen(), "holds")]
#[case::right_length("in datagrams of 1000", seen(), "holds")]
#[case::other_length("in datagrams of 1472", seen(), "the datagrams carry 1000 bytes, not 1472 bytes")]
#[case::a_burst(
    "in datagrams of 1000",
    DataSeen { last: Duration::from_millis(60), ..seen() },
    "data for 50 ms, the longest pause 0 ms of a test of 1.00 s"
)]
#[case::a_quarter_starved("without pause", DataSeen { reads: 100, starved: 25, ..seen() }, "holds")]
#[case::more_starved(
    "without pause",
    DataSeen { reads: 100, starved: 26, ..seen() },
    "the client paused: a slow reader (105 Mbit/s) found nothing to read at 26 of 100 looks"
)]
#[case::half_are_retries("one at a time", DataSeen { held: 10, ahead: 5, ..seen() }, "holds")]
#[case::most_are_ahead(
    "one at a time",
    DataSeen { held: 10, ahead: 6, ..seen() },
    "the client sent more before it had its reply, 6 times (10 replies were held back)"
)]
#[case::a_byte_ahead(
    "one at a time",
    DataSeen { stream_bytes: 9, held: 10, ahead: 1, ..DataSeen::default() },
    "the client sent more before it had its reply, 1 times (10 replies were held back)"
)]
#[case::none_held("one at a time", seen(), "only 100 messages came, too few to judge by")]
#[case::went_on("beyond a loss", DataSeen { unanswered: 1, after_loss: 1, ..seen() }, "holds")]
#[case::gave_up(
    "beyond a loss",
    DataSeen { unanswered: 1, ..seen() },
    "no round trip followed the first that was not answered"
)]
fn sights(#[case] sight: &str, #[case] seen: DataSeen, #[case] outcome: &str) {
    let before = format!("{TEST}; 1020 step");
    let event = DataEvent::Seen(Box::new(seen));
    assert_eq!(stands("client", &format!("data_seen = '{sight}'"), &before, vec![event], 1030), outcome);
}

/// A client whose Done comes 1.5 s after its test of 1 s, as CLT-4 allows.
#[rstest]
#[case::throughput("reports = 'throughput'", "holds")]
#[case::datagrams("data_seen = 'in datagrams of 1000'", "holds")]
fn a_late_done_is_no_part_of_the_test(#[case] step: &str, #[case] outcome: &str) {
    let before = "0 accepted 127.0.0.1:5678; 10 > 01 02 00 00; 2510 < 01 03; 2520 out 0.80 Mbit/s; 2530 exit 0; 2540 step";
    let event = DataEvent::Seen(Box::new(seen()));
    assert_eq!(stands("client", step, before, vec![event], 2550), outcome);
}

/// A client of 2 s whose data thread begins after 0.1 s, and which counts from there. What is in the buffers at the
/// test's end arrives before Done, 0.1 s later.
#[rstest]
#[case::over_what_it_sent_for("1.0526 Mbit/s", "holds")]
#[case::over_the_time_asked_for("1.000 Mbit/s", "holds")]
#[case::over_what_nobody_sent_for(
    "1.1100 Mbit/s",
    "the client reports 1.11 Mbit/s; right is 0.95 or 1.05 Mbit/s, give or take 4 %"
)]
fn a_late_data_thread_counts_from_its_own_beginning(#[case] output: &str, #[case] outcome: &str) {
    let before = format!(
        "0 accepted 127.0.0.1:5678; 10 > 01 02 00 00; 2110 < 01 03; 2120 out {output}; 2130 exit 0; 2140 step"
    );
    let seen = DataSeen {
        stream_bytes: 250_000,
        stream_bytes_in_test: 250_000,
        first: Duration::from_millis(110),
        last: Duration::from_millis(2110),
        ..DataSeen::default()
    };
    let event = DataEvent::Seen(Box::new(seen));
    let case = case_of("client", "2s", "reports = 'throughput'");
    assert_eq!(stands_in(&case, &before, vec![event], 2150), outcome);
}
