//! The model against the documents, case by case, and against what is dealt from it.

use std::sync::{Arc, Mutex};

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rstest::rstest;

use super::client::{LONG_TEST, Setting};
use super::conversation::{Conversation, Scripted};
use super::deal::Dealer;
use super::play::{Stage, Title};
use super::rules::{self, Field, Heard, Message, Told};
use super::script::{self, Head, Line};
use super::stimulus::{Route, Stimulus};
use super::strategy::{Deal, Decks, Tree, deal};
use crate::model::case::{Role, TestType};
use crate::model::place::Isolation;
use crate::model::requirement::Catalogue;
use crate::model::tolerance::Tolerances;
use crate::run::{Options, TargetProgram};

#[rstest]
#[case::nothing(&[], Heard::Nothing)]
#[case::one_byte(&[1], Heard::PartOfRequest)]
#[case::two_bytes(&[1, 1], Heard::PartOfRequest)]
#[case::version(&[2, 1, 1], Heard::WrongRequest(Field::Version))]
#[case::version_alone(&[2], Heard::PartOfWrongRequest)]
#[case::kind(&[1, 3, 1], Heard::WrongRequest(Field::Type))]
#[case::test(&[1, 1, 5], Heard::WrongRequest(Field::Test))]
#[case::http(b"GET / HTTP/1.1", Heard::WrongRequest(Field::Foreign))]
#[case::request(&[1, 1, 4], Heard::Request)]
#[case::part_of_done(&[1, 1, 4, 1], Heard::PartOfDone)]
#[case::done(&[1, 1, 4, 1, 3], Heard::Done)]
#[case::more(&[1, 1, 4, 1, 3, 0], Heard::More)]
#[case::done_of_version_2(&[1, 1, 4, 2, 3], Heard::WrongDone(Field::Version))]
// A server may read a message by its type: a second Request is wrong for sure only when all of it is there.
#[case::part_of_second_request(&[1, 1, 4, 1, 1], Heard::PartOfWrongDone)]
#[case::second_request(&[1, 1, 4, 1, 1, 1], Heard::WrongDone(Field::Type))]
fn what_a_server_has_heard(#[case] bytes: &[u8], #[case] heard: Heard) {
    assert_eq!(Heard::of(bytes), heard);
}

#[rstest]
#[case::nothing(&[], None, Told::Nothing)]
#[case::part(&[1, 2, 3], None, Told::PartOfReply)]
#[case::reply(&[1, 2, 3, 4], None, Told::Reply)]
#[case::no_reply(&[1, 4, 0, 0], None, Told::WrongReply)]
#[case::done_came(&[1, 2, 3, 4], Some(4), Told::PartOfResults)]
#[case::results(&[1, 2, 3, 4, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0], Some(4), Told::Results)]
#[case::more(&[1, 2, 3, 4, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 9], Some(4), Told::More)]
#[case::no_results(&[1, 2, 3, 4, 1, 3], Some(4), Told::WrongResults)]
fn what_a_client_was_told(#[case] bytes: &[u8], #[case] done: Option<usize>, #[case] told: Told) {
    assert_eq!(Told::of(bytes, done), told);
}

/// The tables are whole, and rest on requirements that exist.
#[test]
fn every_rule_names_a_requirement() {
    let catalogue = Catalogue::built_in().unwrap();
    let exists = |id: &str| catalogue.find(&id.parse().unwrap()).is_some();
    for heard in Heard::ALL {
        assert!(rules::SERVER.iter().any(|(state, ..)| *state == heard), "{heard:?} has no row");
        assert!(exists(rules::aftermath(heard, false)) && exists(rules::aftermath(heard, true)));
    }
    for told in Told::ALL {
        assert!(rules::CLIENT.iter().any(|(state, ..)| *state == told), "{told:?} has no row");
    }
    for (_, open, ended) in rules::SERVER.iter().chain(&rules::IN_TEST) {
        for duty in [open, ended].into_iter().flatten().flat_map(|duties| duties.iter()) {
            assert!(exists(duty.id) && exists(duty.content), "{duty:?}");
        }
    }
}

/// A close is the last thing that is due, and Results never come without Reply.
#[test]
fn duties_come_in_the_order_of_the_protocol() {
    for heard in Heard::ALL {
        for (in_test, ended) in [(false, false), (false, true), (true, false), (true, true)] {
            let duties = rules::duties(heard, in_test, ended).unwrap_or_default();
            let place = |message| duties.iter().position(|duty| duty.message == message);
            assert!(place(Message::Close).is_none_or(|index| index + 1 == duties.len()), "{heard:?}");
            assert!(
                in_test || place(Message::Results).is_none() || place(Message::Reply) == Some(0),
                "{heard:?}"
            );
        }
    }
}

const A: usize = 0;
const B: usize = 1;

fn open(peer: usize) -> Stimulus {
    Stimulus::Open(peer, Route::Loopback)
}

fn send(peer: usize, bytes: &[u8]) -> Stimulus {
    Stimulus::Send(peer, vec![bytes.to_vec()])
}

fn steps(stimuli: &[Stimulus], setting: Option<Setting>) -> String {
    let conversation = Conversation { setting, stimuli: stimuli.to_vec() };
    let lines: Vec<Line> = match conversation.scripted(false, "", Some(0)) {
        Scripted::Server(ended) => ended.lines,
        Scripted::Client(ended) => ended.lines,
    };
    let head = Head {
        id: "case".to_owned(),
        comment: Vec::new(),
        summary: "case".to_owned(),
        requirements: vec!["SRV-2".to_owned()],
        role: Role::Server,
        args: None,
        time: None,
        data: None,
        needs: Vec::new(),
    };
    let (text, _) = script::write(&head, &[&lines]);
    // One line for each step, without the head.
    let steps =
        text.split("\n[[step]]\n").skip(1).map(|step| step.split_whitespace().collect::<Vec<_>>().join(" "));
    steps.collect::<Vec<_>>().join("\n")
}

/// The snapshot has the name of the case.
fn assert_steps(name: &str, steps: &str) {
    let thread = std::thread::current();
    let case = thread.name().unwrap_or_default().rsplit("case_").next().unwrap_or_default();
    insta::with_settings!({snapshot_suffix => case, prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(name, steps);
    });
}

/// What is due to whom after each of these, as the steps that demand it.
#[rstest]
#[case::a_whole_session(&[open(A), send(A, &[1, 1, 1]), Stimulus::Await, send(A, &[1, 3])])]
#[case::together(&[open(A), send(A, &[1, 1, 1, 1, 3])])]
#[case::left_within_a_request(&[open(A), send(A, &[1]), Stimulus::HalfClose(A)])]
#[case::half_closed_after_done(&[open(A), send(A, &[1, 1, 2]), Stimulus::Await, send(A, &[1, 3]), Stimulus::HalfClose(A)])]
// Who has left behind a whole Request may be answered or not: nothing is demanded but that the server lives on.
#[case::half_closed_behind_a_request(&[open(A), send(A, &[1, 1, 1]), Stimulus::HalfClose(A)])]
#[case::a_second_client_waits(
    &[open(A), send(A, &[1, 1, 1]), Stimulus::Await, open(B), send(B, &[1, 1, 2]), Stimulus::Rest(B, 20), send(A, &[1, 3])]
)]
// Nobody is in its test yet: whoever is answered first is served to the end.
#[case::two_ask_at_once(&[open(A), open(B), send(A, &[1, 1, 1]), send(B, &[1, 1, 2])])]
// It may be the turn of the one that has said too little, so the other one cannot be owed anything.
#[case::one_asks_one_is_silent(&[open(A), open(B), send(B, &[1, 1, 2]), Stimulus::Await])]
#[case::silence(&[open(A), send(A, &[1]), Stimulus::Starve(A)])]
#[case::interrupted_in_a_test(&[open(A), send(A, &[1, 1, 1]), Stimulus::Await, Stimulus::Interrupt, Stimulus::Restart])]
fn what_is_due_to_clients(#[case] stimuli: &[Stimulus]) {
    assert_steps("due_to_clients", &steps(stimuli, None));
}

#[rstest]
#[case::a_whole_test(&[send(A, &[1, 2, 0, 0]), Stimulus::Await, send(A, &[1, 4, 0, 0, 0, 0, 0, 0, 0, 0]), Stimulus::Close(A)], 1)]
#[case::wrong_reply(&[send(A, &[1, 3, 0, 0])], 1)]
#[case::left_within_results(&[send(A, &[1, 2, 0, 0]), Stimulus::Await, send(A, &[1, 4]), Stimulus::Reset(A)], 1)]
#[case::interrupted_in_its_test(&[send(A, &[1, 2, 0, 0]), Stimulus::Interrupt], LONG_TEST)]
fn what_a_client_must_do(#[case] stimuli: &[Stimulus], #[case] time: u64) {
    let setting = Setting { test: TestType::UdpStream, time, port: None };
    assert_steps("client_must", &steps(stimuli, Some(setting)));
}

fn runner(seed: u8) -> TestRunner {
    let config = Config { failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]))
}

fn decks(measures: bool, starves: bool) -> Decks {
    Arc::new(Mutex::new(Dealer::new(measures, starves, &[Route::Ipv6, Route::External])))
}

fn dealt(kind: Deal, measures: bool, count: usize) -> Vec<Tree> {
    let (decks, mut runner) = (decks(measures, true), runner(7));
    let trees = (0..count).map(|_| deal(kind, &decks, measures, &mut runner));
    trees.collect::<Option<Vec<_>>>().expect("every deal is possible")
}

fn stage<'a>(target: &'a TargetProgram, catalogue: &'a Catalogue, measures: bool) -> Stage<'a> {
    let options = Options {
        tolerances: Tolerances::default(),
        isolation: Isolation::Namespace,
        jobs: 1,
        seed: 1,
        fail_fast: false,
        live: false,
        cwd: "/".into(),
    };
    Stage::new(target, catalogue, options, measures)
}

/// Whatever is dealt is a conversation that the reader of fixtures takes, alone and in company.
#[rstest]
#[case::server(Deal::Server, false)]
#[case::server_with_data(Deal::Server, true)]
#[case::finale(Deal::Finale, false)]
#[case::client(Deal::Client, false)]
#[case::client_with_data(Deal::Client, true)]
fn what_is_dealt_can_be_read(#[case] kind: Deal, #[case] measures: bool) {
    let catalogue = Catalogue::built_in().unwrap();
    let target = TargetProgram {
        program: "/".into(),
        arg0: None,
        leading_args: Vec::new(),
        writable: Vec::new(),
        search_path: None,
    };
    let stage = stage(&target, &catalogue, measures);
    let trees = dealt(kind, measures, 200);
    let conversations: Vec<Conversation> = trees.iter().map(Tree::current).collect();
    for conversation in &conversations {
        let read =
            stage.written(std::slice::from_ref(conversation), Title::passing(), &Tolerances::default());
        assert!(read.is_ok(), "{}\n{conversation:#?}", read.unwrap_err());
    }
    if kind == Deal::Server {
        for batch in conversations.chunks(20) {
            let read = stage.written(batch, Title::passing(), &Tolerances::default());
            assert!(read.is_ok(), "{}", read.unwrap_err());
        }
    }
}

/// Every state and everything that can happen in it is dealt sooner or later.
#[rstest]
#[case::server(Deal::Server)]
#[case::client(Deal::Client)]
fn every_transition_is_dealt(#[case] kind: Deal) {
    let mut coverage = super::coverage::Coverage::default();
    let kinds = [(kind, 4000), (Deal::Finale, 200)];
    for (kind, count) in kinds {
        for tree in dealt(kind, true, count) {
            let mut visits = super::play::Visits::default();
            match tree.current().scripted(true, "", Some(0)) {
                Scripted::Server(ended) => visits.server = ended.visits,
                Scripted::Client(ended) => visits.client = ended.visits,
            }
            coverage.add(&visits);
        }
    }
    let table = if kind == Deal::Client { coverage.of_client() } else { coverage.of_server(true) };
    for row in &table.rows {
        for (tried, input) in row.tried.iter().zip(&table.inputs) {
            assert_ne!(*tried, Some(0), "{input} after {} was never dealt", row.state);
        }
    }
}

/// The same seed deals the same conversations.
#[test]
fn a_seed_comes_back() {
    let all = || dealt(Deal::Server, true, 50).iter().map(Tree::current).collect::<Vec<_>>();
    assert_eq!(all(), all());
}

/// A failure that needs one byte of one client is brought down to that.
#[test]
fn a_conversation_is_made_simpler_to_what_matters() {
    let wrong = |stimulus: &Stimulus| matches!(stimulus, Stimulus::Send(_, segments) if segments.concat().first() == Some(&2));
    let mut trees = dealt(Deal::Server, false, 400);
    let tree = trees.iter_mut().find(|tree| tree.current().stimuli.iter().any(wrong)).unwrap();
    let fails = |conversation: &Conversation| conversation.stimuli.iter().any(wrong);
    let mut best = tree.current();
    let mut going = tree.simplify();
    while going {
        let current = tree.current();
        going = if fails(&current) {
            best = current;
            tree.simplify()
        } else {
            tree.complicate()
        };
    }
    assert!(best.stimuli.len() <= 3, "{best:#?}");
}
