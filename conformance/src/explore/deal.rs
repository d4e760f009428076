//! What is tried, and how often: values are dealt like cards, each once before one comes twice, and every client of a
//! conversation has a plan that is dealt from the kinds of session. The random numbers come from proptest.

mod deck;
mod messages;
mod with_client;
mod with_server;

use std::collections::VecDeque;
use std::fmt::Debug;
use std::time::Duration;

use proptest::test_runner::TestRng;

use deck::Deck;
use messages::{WRONG, wrong_dones, wrong_replies, wrong_results};
use with_client::Service;
use with_server::{Moment, Session, Theme, Way, begun};

use super::client::{Setting, ports};
use super::conversation::{Conversation, Model};
use super::stimulus::{Load, Peer, Route, Stimulus};
use crate::model::case::{Role, TestType};
use crate::model::tolerance::Tolerances;

/// The decks.
#[derive(Debug)]
pub struct Dealer {
    /// Data is moved (Part 2).
    measures: bool,
    routes: Deck<Route>,
    themes: Deck<Theme>,
    sessions: Deck<Session>,
    tests: Deck<u8>,
    cuts_of_request: Deck<Vec<usize>>,
    cuts_of_done: Deck<Vec<usize>>,
    cuts_of_both: Deck<Vec<usize>>,
    wrong_requests: Deck<(usize, u8)>,
    wrong_dones: Deck<Vec<u8>>,
    foreign: Deck<Vec<u8>>,
    more: Deck<Vec<u8>>,
    leaves: Deck<(usize, Way)>,
    half_closes: Deck<usize>,
    ways: Deck<Way>,
    stops: Deck<usize>,
    stops_of_reply: Deck<usize>,
    rests: Deck<u32>,
    moments: Deck<Moment>,
    services: Deck<Service>,
    settings: Deck<Setting>,
    controls: Deck<TestType>,
    wrong_replies: Deck<Vec<u8>>,
    wrong_results: Deck<Vec<u8>>,
    counts: Deck<u64>,
    client_leaves: Deck<(bool, usize, bool)>,
    cuts_of_reply: Deck<Vec<usize>>,
    cuts_of_results: Deck<Vec<usize>>,
    loads: Deck<Load>,
    /// What is left of the plans of the current conversation's clients.
    plans: Vec<VecDeque<Stimulus>>,
    /// Who has been given a pause while waiting.
    rested: Vec<Peer>,
    /// What is left of a conversation that was dealt as a whole.
    whole: VecDeque<Stimulus>,
}

impl Dealer {
    /// Decks for a target of this part, on a machine with these routes beside 127.0.0.1.
    /// `starves`: the silence timeout is short enough to be waited for again and again.
    pub fn new(measures: bool, starves: bool, others: &[Route]) -> Self {
        let others = others.iter().map(|route| (2, *route));
        let routes: Vec<_> = others.chain([(16, Route::Loopback)]).collect();
        let wrong_requests = WRONG
            .iter()
            .enumerate()
            .flat_map(|(place, values)| values.iter().map(move |value| (place, *value)));
        let mut settings: Vec<Setting> = Vec::new();
        for (_, test) in TestType::ALL {
            let port = |(time, port): &(u64, _)| Setting { test, time: *time, port: Some(*port) };
            settings.extend(ports(test).iter().map(port));
        }
        Self {
            measures,
            routes: Deck::of(&routes),
            themes: Deck::of(&[(30, Theme::Clients), (1, Theme::Sessions), (2, Theme::Leaves)]),
            sessions: Deck::of(&[
                (4, Session::Whole),
                (2, Session::Together),
                (2, Session::ByteByByte),
                (5, Session::WrongRequest),
                (3, Session::WrongAndLeave),
                (4, Session::WrongDone),
                (1, Session::Foreign),
                (2, Session::More),
                (6, Session::Leave),
                (2, Session::HalfClose),
                (2, Session::HalfCloseAfterDone),
                (1, Session::Silent),
                (usize::from(starves), Session::Starve),
            ]),
            tests: Deck::each([1, 2, 3, 4]),
            cuts_of_request: Deck::each([vec![], vec![], vec![], vec![1], vec![2], vec![1, 2]]),
            cuts_of_done: Deck::each([vec![], vec![], vec![1]]),
            cuts_of_both: Deck::each([
                vec![],
                vec![],
                vec![3],
                vec![1],
                vec![2],
                vec![4],
                vec![1, 2, 3, 4],
                vec![2, 4],
            ]),
            wrong_requests: Deck::each(wrong_requests),
            wrong_dones: Deck::each(wrong_dones()),
            foreign: Deck::each([
                b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
                [&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03][..], &[0; 64]].concat(),
                vec![0x00; 4096],
                vec![0xff; 4096],
                b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(),
            ]),
            more: Deck::each([vec![0], vec![1], vec![1, 3], vec![1, 1, 1], vec![0xff; 20], vec![0; 2000]]),
            leaves: Deck::each(
                (0..=5).flat_map(|at| [(at, Way::Close), (at, Way::Reset), (at, Way::HalfClose)]),
            ),
            ways: Deck::each([Way::HalfClose, Way::Close, Way::Reset]),
            half_closes: Deck::each([0, 1, 2, 3, 4]),
            stops: Deck::each([0, 1, 2]),
            stops_of_reply: Deck::each([0, 1, 2]),
            rests: Deck::each([10, 10, 15, 15, 15, 30, 30, 250]),
            moments: Deck::each([
                Moment::Idle,
                Moment::AfterSession,
                Moment::AfterSession,
                Moment::AfterTrouble,
                Moment::Connected,
                Moment::PartOfRequest,
                Moment::InTest,
                Moment::InTest,
                Moment::WithinDone,
                Moment::OneWaits,
            ]),
            services: Deck::of(&[
                (if measures { 14 } else { 3 }, Service::Whole),
                (3, Service::InPieces),
                (1, Service::Late),
                (5, Service::WrongReply),
                (3, Service::WrongResults),
                (5, Service::Leave),
                (1, Service::More),
                (2, Service::Interrupt),
                (2, Service::InterruptInTest),
            ]),
            settings: Deck::each(settings),
            controls: Deck::each(TestType::ALL.map(|(_, test)| test)),
            wrong_replies: Deck::each(wrong_replies()),
            wrong_results: Deck::each(wrong_results()),
            counts: Deck::each([
                0,
                1,
                0x0001_0000,
                0x1_2345_6789,
                0x9_8765_4321,
                255,
                0xffff_ffff,
                40_926_266_145,
            ]),
            client_leaves: Deck::each(
                (0..=3)
                    .map(|at| (false, at))
                    .chain((0..=9).map(|at| (true, at)))
                    .flat_map(|(after, at)| [(after, at, false), (after, at, true)]),
            ),
            cuts_of_reply: Deck::each([vec![], vec![1], vec![2], vec![3], vec![1, 2, 3], vec![1, 3]]),
            cuts_of_results: Deck::each([
                vec![],
                vec![1],
                vec![2],
                vec![5],
                vec![9],
                (1..10).collect(),
                vec![],
                vec![6],
            ]),
            loads: Deck::each([
                Load::Messages(3, 1472),
                // More than one byte can count.
                Load::Messages(300, 1472),
                Load::InFlight(200),
                Load::InFlight(3),
                Load::Strangers(20),
            ]),
            plans: Vec::new(),
            rested: Vec::new(),
            whole: VecDeque::new(),
        }
    }

    /// Begins a conversation with a server that is dealt step by step.
    pub fn begin_with_server(&mut self) {
        self.plans.clear();
        self.rested.clear();
        self.whole.clear();
    }

    /// Begins a conversation that ends with an interrupt of the server. Returns the number of its stimuli.
    pub fn begin_finale(&mut self, rng: &mut TestRng) -> usize {
        self.plans.clear();
        self.whole = self.finale(rng).into();
        self.whole.len()
    }

    /// Begins a conversation with a client. Returns how it is called, and the number of stimuli.
    pub fn begin_with_client(&mut self, rng: &mut TestRng) -> (Setting, usize) {
        self.plans.clear();
        let (setting, steps) = self.setting(rng);
        self.whole = steps.into();
        (setting, self.whole.len())
    }

    /// The next thing to do: mostly what the plan of one of the clients says.
    pub fn next(&mut self, model: &Model, rng: &mut TestRng) -> Stimulus {
        match (self.whole.pop_front(), model) {
            (Some(next), _) => next,
            (None, Model::Server(server)) => self.next_for(server, rng),
            (None, Model::Client(_)) => Stimulus::Await,
        }
    }

    /// Conversations that last long, and wait for most of that time: played once, beside the others. Each with the time
    /// that it takes at least.
    pub fn long_waits(roles: &[Role], tolerances: &Tolerances) -> Vec<(Duration, Conversation)> {
        let mut waits = Vec::new();
        if roles.contains(&Role::Client) {
            let late = tolerances.patience * 2;
            let rest = Stimulus::Rest(0, u32::try_from(late.as_millis()).unwrap_or(u32::MAX));
            let bytes = |bytes: &[u8]| Stimulus::Send(0, vec![bytes.to_vec()]);
            let reply = bytes(&[1, 2, 0, 0]);
            let results = bytes(&[1, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
            let stimuli = vec![rest, reply, Stimulus::Await, results, Stimulus::Close(0)];
            let setting = Setting { test: TestType::TcpStream, time: 1, port: None };
            waits.push((late, Conversation { setting: Some(setting), stimuli }));
        }
        if roles.contains(&Role::Server) {
            for at in [0, 1, 3, 4] {
                let mut stimuli = vec![Stimulus::Open(0, Route::Loopback)];
                stimuli.extend(begun(0, TestType::TcpStream as u8, at));
                stimuli.push(Stimulus::Starve(0));
                let longest = tolerances.control_timeout + tolerances.late;
                waits.push((longest, Conversation { setting: None, stimuli }));
            }
        }
        waits
    }
}
