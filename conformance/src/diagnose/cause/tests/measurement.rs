//! The causes of a wrong measurement.

use rstest::rstest;

use super::file::key_of_its_own;
use crate::model::data::{Figure, Transport};
use crate::model::data_fault::DataFault;
use crate::model::fault::Fault;
use crate::model::sample::failed;

/// The cause of a case of the measurement that fails for its own requirement.
fn of_data(requirement: &str, fault: DataFault) -> String {
    key_of_its_own(&failed("data/sample", requirement, "--server", "0 start\n100 ready", Fault::Data(fault)))
}

#[rstest]
#[case::nothing(0, 300, "counts-nothing")]
#[case::one_byte(300 & 0xff, 300, "count-too-narrow")]
#[case::low_byte_first(300_u64.swap_bytes(), 300, "count-little-endian")]
#[case::the_test_before_too(303, 3, "count-goes-on")]
#[case::bytes(1472 * 300, 300, "bytes-counted")]
#[case::undrained(180, 200, "count-cut-off")]
fn a_wrong_count_has_a_cause(#[case] told: u64, #[case] arrived: u64, #[case] cause: &str) {
    assert_eq!(of_data("DAT-8", DataFault::WrongCount { told, arrived }), cause);
}

#[rstest]
#[case::silent(0, "echoes-nothing")]
#[case::one_a_read(1, "echoes-once-a-read")]
#[case::the_whole_buffer(2048, "echoes-too-much")]
fn a_wrong_echo_has_a_cause(#[case] replies: u64, #[case] cause: &str) {
    assert_eq!(of_data("DAT-5", DataFault::Replies { sent: 3, replies, over: Transport::Tcp }), cause);
}

#[rstest]
#[case::bytes(Figure::Throughput, 118.0, 943.0, "bytes-called-bits")]
#[case::twice(Figure::Throughput, 7544.0, 943.0, "bits-counted-twice")]
#[case::there_and_back(Figure::RoundTrips, 34_000.0, 17_000.0, "both-ways-counted")]
#[case::a_share(Figure::Loss, 0.25, 25.0, "share-called-percent")]
#[case::what_arrived(Figure::Loss, 75.0, 25.0, "delivery-called-loss")]
#[case::mebibits(Figure::Throughput, 899.3, 943.0, "mebi-called-mega")]
#[case::anything_else(Figure::Throughput, 500.0, 943.0, "figure-wrong")]
fn a_wrong_figure_has_a_cause(
    #[case] figure: Figure,
    #[case] told: f64,
    #[case] right: f64,
    #[case] cause: &str,
) {
    let (told, right, tolerance) = (vec![told], vec![right], "10 %".to_owned());
    let requirement = match figure {
        Figure::Throughput => "DAT-11",
        Figure::RoundTrips => "DAT-12",
        Figure::Loss => "DAT-13",
    };
    assert_eq!(of_data(requirement, DataFault::WrongFigure { figure, told, right, tolerance }), cause);
}

#[rstest]
#[case::of_part_1("DAT-2", DataFault::NoData { over: Transport::Udp, other: false }, "no-data")]
#[case::over_tcp("DAT-2", DataFault::NoData { over: Transport::Udp, other: true }, "wrong-transport")]
#[case::closed("DAT-1", DataFault::PortClosed { port: 4711, over: Transport::Tcp }, "test-port-closed")]
#[case::counted("DAT-14", DataFault::WrongCount { told: 120, arrived: 20 }, "strangers-welcome")]
#[case::bytes_counted("DAT-14", DataFault::WrongCount { told: 29_440, arrived: 20 }, "bytes-counted")]
#[case::answered("DAT-14", DataFault::StrangerAnswered { replies: 1 }, "strangers-welcome")]
fn a_wrong_measurement_has_a_cause(#[case] requirement: &str, #[case] fault: DataFault, #[case] cause: &str) {
    assert_eq!(of_data(requirement, fault), cause);
}

#[rstest]
#[case::after_the_timeout("46000 eof", "data-is-no-word")]
#[case::at_once("400 eof", "nothing")]
fn a_test_that_ends_too_early_has_a_cause(#[case] end: &str, #[case] cause: &str) {
    let script = format!("0 start\n100 ready\n100 connect\n200 > 01 01 01\n300 < 01 02 12 34\n{end}");
    let fault = Fault::Data(DataFault::NotTaken { messages: 45, error: "connection reset".to_owned() });
    assert_eq!(key_of_its_own(&failed("data/sample", "DAT-15", "--server", &script, fault)), cause);
}
