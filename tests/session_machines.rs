//! The two state machines without any socket: every cut, every end, every wait.

use std::io::ErrorKind;
use std::num::NonZeroU16;
use std::time::Duration;

use rstest::rstest;
use tester::protocol::fault::Fault;
use tester::protocol::message::{Message, MessageType, Results, TestType};
use tester::protocol::session::{
    ClientAction, ClientEvent, ClientFailure, ClientFinish, ClientSession, Ending, ServerAction, ServerClose,
    ServerEvent, ServerSession,
};

const TIMEOUT: Duration = Duration::from_secs(45);
const TICK: Duration = Duration::from_millis(1);
const PORT: NonZeroU16 = NonZeroU16::new(0x1234).unwrap();
const COUNT: u64 = 0x0102_0304_0506_0708;
const RESET: Ending = Ending::Broken(ErrorKind::ConnectionReset);

const REPLY: [u8; 4] = [1, 2, 0x12, 0x34];
const RESULTS: [u8; 10] = [1, 4, 1, 2, 3, 4, 5, 6, 7, 8];

/// All ways of cutting `bytes` into segments.
fn cuts(bytes: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    let boundaries = bytes.len() - 1;
    (0..1_u32 << boundaries).map(move |mask| {
        let mut segments = Vec::new();
        let mut start = 0;
        for cut in (1..=boundaries).filter(|cut| mask >> (cut - 1) & 1 == 1) {
            segments.push(&bytes[start..cut]);
            start = cut;
        }
        segments.push(&bytes[start..]);
        segments
    })
}

/// A server whose data thread does at once what it is told; returns everything that it was told to do.
fn serve(session: &mut ServerSession, event: ServerEvent<'_>) -> Vec<ServerAction> {
    let mut done = Vec::new();
    let mut todo = session.handle(event);
    while !todo.is_empty() {
        let action = todo.remove(0);
        match action {
            ServerAction::OpenData(_) => todo.extend(session.handle(ServerEvent::DataOpened { port: PORT })),
            ServerAction::CloseData => {
                todo.extend(session.handle(ServerEvent::DataClosed { udp_packets_received: COUNT }));
            }
            ServerAction::Send(_) | ServerAction::Close(_) => {}
        }
        done.push(action);
    }
    done
}

fn serve_all(segments: &[&[u8]]) -> (ServerSession, Vec<ServerAction>) {
    let mut session = ServerSession::new(TIMEOUT);
    let actions = segments.iter().flat_map(|bytes| serve(&mut session, ServerEvent::Bytes(bytes))).collect();
    (session, actions)
}

fn whole_session(test: TestType) -> Vec<ServerAction> {
    vec![
        ServerAction::OpenData(test),
        ServerAction::Send(REPLY.to_vec()),
        ServerAction::CloseData,
        ServerAction::Send(RESULTS.to_vec()),
        ServerAction::Close(ServerClose::Complete),
    ]
}

#[rstest]
fn a_server_does_the_same_however_the_bytes_are_cut(
    #[values(TestType::TcpStream, TestType::TcpRr, TestType::UdpStream, TestType::UdpRr)] test: TestType,
) {
    let kind = TestType::ALL.iter().position(|t| *t == test).unwrap() as u8 + 1;
    for segments in cuts(&[1, 1, kind, 1, 3]) {
        assert_eq!(serve_all(&segments).1, whole_session(test), "{segments:?}");
    }
}

#[test]
fn bytes_after_done_change_nothing() {
    let expected = whole_session(TestType::TcpStream);
    assert_eq!(serve_all(&[&[1, 1, 1, 1, 3, 9, 9, 9]]).1, expected);
    let (mut session, actions) = serve_all(&[&[1, 1, 1, 1, 3], &[9, 9]]);
    assert_eq!(actions, expected);
    assert_eq!(session.handle(ServerEvent::Ended(RESET)), []);
}

#[rstest]
#[case::nothing(&[], MessageType::Request, 0)]
#[case::one_byte(&[1], MessageType::Request, 1)]
#[case::two_bytes(&[1, 1], MessageType::Request, 2)]
#[case::reply(&[1, 1, 2], MessageType::Done, 0)]
#[case::within_done(&[1, 1, 2, 1], MessageType::Done, 1)]
fn a_server_notices_the_end_at_every_byte(
    #[case] bytes: &[u8],
    #[case] due: MessageType,
    #[case] got: usize,
    #[values(Ending::EndOfFile, RESET)] ending: Ending,
) {
    let (mut session, _) = serve_all(&[bytes]);
    let close = ServerAction::Close(ServerClose::Left { ending, due, got });
    assert_eq!(session.handle(ServerEvent::Ended(ending)), [close]);
    assert_eq!(session.handle(ServerEvent::Bytes(&[1, 1, 1])), []);
}

#[test]
fn a_client_that_stops_sending_after_done_still_gets_results() {
    let mut session = ServerSession::new(TIMEOUT);
    serve(&mut session, ServerEvent::Bytes(&[1, 1, 3]));
    assert_eq!(session.handle(ServerEvent::Bytes(&[1, 3])), [ServerAction::CloseData]);
    assert_eq!(session.handle(ServerEvent::Ended(Ending::EndOfFile)), []);
    let actions = session.handle(ServerEvent::DataClosed { udp_packets_received: COUNT });
    assert_eq!(actions[0], ServerAction::Send(RESULTS.to_vec()));
}

/// Byte by byte, so that the fault is seen to be told at the first wrong byte.
#[rstest]
#[case::version(&[0], 1)]
#[case::kind(&[1, 4, 1], 2)]
#[case::test(&[1, 1, 5], 3)]
#[case::done_version(&[1, 1, 1, 2, 3], 4)]
#[case::done_kind(&[1, 1, 1, 1, 1, 1], 5)]
#[case::foreign(b"GET / HTTP/1.1\r\n\r\n", 1)]
fn a_server_refuses_at_the_first_wrong_byte(#[case] bytes: &[u8], #[case] wrong_after: usize) {
    let mut session = ServerSession::new(TIMEOUT);
    for (index, byte) in bytes.iter().enumerate() {
        let actions = serve(&mut session, ServerEvent::Bytes(&[*byte]));
        let refused = matches!(actions[..], [ServerAction::Close(ServerClose::Refused(_))]);
        assert_eq!(refused, index + 1 == wrong_after, "after byte {index}: {actions:?}");
        if refused {
            assert_eq!(serve(&mut session, ServerEvent::Bytes(&bytes[index + 1..])), []);
            return;
        }
    }
    panic!("never refused");
}

#[test]
fn a_wrong_done_in_the_requests_segment_gets_reply_and_no_results() {
    let (_, actions) = serve_all(&[&[1, 1, 1, 1, 4]]);
    let fault = Fault::NotDue { due: MessageType::Done, got: MessageType::Results };
    let expected = [
        ServerAction::OpenData(TestType::TcpStream),
        ServerAction::Send(REPLY.to_vec()),
        ServerAction::Close(ServerClose::Refused(fault)),
    ];
    assert_eq!(actions, expected);
}

fn elapsed(time: Duration) -> ServerEvent<'static> {
    ServerEvent::Elapsed { time, data_silent_for: None }
}

#[rstest]
#[case(&[], MessageType::Request)]
#[case(&[1], MessageType::Request)]
#[case(&[1, 1], MessageType::Request)]
#[case(&[1, 1, 1], MessageType::Done)]
#[case(&[1, 1, 1, 1], MessageType::Done)]
fn silence_ends_a_session_and_not_a_moment_early(#[case] bytes: &[u8], #[case] due: MessageType) {
    let (mut session, _) = serve_all(&[bytes]);
    assert_eq!(session.patience(), TIMEOUT);
    assert_eq!(session.handle(elapsed(TIMEOUT - TICK)), []);
    assert_eq!(session.patience(), TICK);
    let close = ServerAction::Close(ServerClose::Silent { after: TIMEOUT, due });
    assert_eq!(session.handle(elapsed(TICK)), [close]);
    assert_eq!(session.handle(ServerEvent::Bytes(&[1, 1, 1])), []);
}

#[test]
fn every_byte_restarts_the_clock() {
    let mut session = ServerSession::new(TIMEOUT);
    for byte in [1, 1, 1, 1] {
        assert_eq!(session.handle(elapsed(TIMEOUT - TICK)), []);
        serve(&mut session, ServerEvent::Bytes(&[byte]));
        assert_eq!(session.patience(), TIMEOUT);
    }
}

#[test]
fn test_data_is_communication() {
    let (mut session, _) = serve_all(&[&[1, 1, 1]]);
    let second = Duration::from_secs(1);
    for _ in 0..10 {
        let event = ServerEvent::Elapsed { time: TIMEOUT, data_silent_for: Some(second) };
        assert_eq!(session.handle(event), []);
        assert_eq!(session.patience(), TIMEOUT - second);
    }
    let event = ServerEvent::Elapsed { time: TIMEOUT - second, data_silent_for: Some(TIMEOUT) };
    assert!(matches!(session.handle(event)[..], [ServerAction::Close(ServerClose::Silent { .. })]));
}

fn request(client: &mut ClientSession) {
    assert_eq!(client.handle(ClientEvent::Connected), [ClientAction::Send(vec![1, 1, 3])]);
}

fn measuring() -> ClientSession {
    let mut client = ClientSession::new(TestType::UdpStream, TIMEOUT);
    request(&mut client);
    assert_eq!(client.handle(ClientEvent::Bytes(&REPLY)), [ClientAction::OpenData { port: PORT }]);
    client
}

fn awaiting_results() -> ClientSession {
    let mut client = measuring();
    assert_eq!(client.handle(ClientEvent::DataEnded), [ClientAction::Send(vec![1, 3])]);
    client
}

fn feed(client: &mut ClientSession, segments: &[&[u8]]) -> Vec<ClientAction> {
    segments.iter().flat_map(|bytes| client.handle(ClientEvent::Bytes(bytes))).collect()
}

fn report() -> ClientAction {
    ClientAction::Report { port: PORT, results: Results { udp_packets_received: COUNT } }
}

#[test]
fn a_client_takes_reply_in_every_segmentation() {
    for segments in cuts(&REPLY) {
        let mut client = ClientSession::new(TestType::UdpStream, TIMEOUT);
        request(&mut client);
        assert_eq!(feed(&mut client, &segments), [ClientAction::OpenData { port: PORT }], "{segments:?}");
    }
}

#[test]
fn a_client_takes_results_in_every_segmentation() {
    for segments in cuts(&RESULTS) {
        let mut client = awaiting_results();
        assert_eq!(feed(&mut client, &segments), [report()], "{segments:?}");
    }
}

#[rstest]
fn a_test_ends_with_the_servers_close(#[values(Ending::EndOfFile, RESET)] ending: Ending) {
    let mut client = awaiting_results();
    assert_eq!(client.patience(), None);
    assert_eq!(feed(&mut client, &[&RESULTS, b"more", &RESULTS]), [report()]);
    assert_eq!(client.handle(ClientEvent::Ended(ending)), [ClientAction::Finish(ClientFinish::Closed)]);
    assert_eq!(client.handle(ClientEvent::Ended(ending)), []);
}

#[test]
fn a_client_does_not_wait_for_ever_for_the_close() {
    let mut client = awaiting_results();
    feed(&mut client, &[&RESULTS]);
    assert_eq!(client.patience(), Some(TIMEOUT));
    assert_eq!(client.handle(ClientEvent::Elapsed(TIMEOUT - TICK)), []);
    assert_eq!(client.patience(), Some(TICK));
    assert_eq!(client.handle(ClientEvent::Elapsed(TICK)), [ClientAction::Finish(ClientFinish::LeftOpen)]);
}

#[rstest]
fn a_client_notices_the_end_at_every_byte(#[values(Ending::EndOfFile, RESET)] ending: Ending) {
    for got in 0..REPLY.len() {
        let mut client = ClientSession::new(TestType::UdpStream, TIMEOUT);
        request(&mut client);
        feed(&mut client, &[&REPLY[..got]]);
        let failure = ClientFailure::Left { ending, due: MessageType::Reply, got };
        assert_eq!(client.handle(ClientEvent::Ended(ending)), [ClientAction::Fail(failure)]);
    }
    for got in 0..RESULTS.len() {
        let mut client = awaiting_results();
        feed(&mut client, &[&RESULTS[..got]]);
        let failure = ClientFailure::Left { ending, due: MessageType::Results, got };
        assert_eq!(client.handle(ClientEvent::Ended(ending)), [ClientAction::Fail(failure)]);
    }
    let failure = ClientFailure::LeftDuringTest { ending };
    assert_eq!(measuring().handle(ClientEvent::Ended(ending)), [ClientAction::Fail(failure)]);
}

#[rstest]
#[case::version(&[2])]
#[case::kind(&[1, 4])]
#[case::port(&[1, 2, 0, 0])]
fn a_client_refuses_a_wrong_reply(#[case] bytes: &[u8]) {
    let mut client = ClientSession::new(TestType::UdpStream, TIMEOUT);
    request(&mut client);
    let actions = client.handle(ClientEvent::Bytes(bytes));
    assert!(matches!(actions[..], [ClientAction::Fail(ClientFailure::Refused(_))]), "{actions:?}");
}

#[rstest]
#[case::version(&[0])]
#[case::kind(&[1, 2])]
fn a_client_refuses_wrong_results(#[case] bytes: &[u8]) {
    let actions = awaiting_results().handle(ClientEvent::Bytes(bytes));
    assert!(matches!(actions[..], [ClientAction::Fail(ClientFailure::Refused(_))]), "{actions:?}");
}

#[test]
fn a_client_takes_no_bytes_before_done() {
    let early = |count| [ClientAction::Fail(ClientFailure::Early { count })];
    assert_eq!(measuring().handle(ClientEvent::Bytes(&RESULTS)), early(10));
    let mut client = ClientSession::new(TestType::UdpStream, TIMEOUT);
    request(&mut client);
    assert_eq!(client.handle(ClientEvent::Bytes(&[1, 2, 0x12, 0x34, 1])), early(1));
}

#[test]
fn the_messages_are_what_the_vectors_say() {
    assert_eq!(Results { udp_packets_received: COUNT }.encode(), RESULTS);
}
