//! What is tried, and how often: values are dealt like cards, each once before one comes twice, and every client of a
//! conversation has a plan that is dealt from the kinds of session. The random numbers come from proptest.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::time::Duration;

use proptest::prelude::RngExt;
use proptest::test_runner::TestRng;

use super::client::{LONG_TEST, Setting, ports};
use super::conversation::{Conversation, Model};
use super::rules::Heard;
use super::server::Server;
use super::stimulus::{Load, Peer, Route, Stimulus};
use crate::model::case::{Role, TestType};
use crate::model::tolerance::Tolerances;

/// Cards, drawn without putting back until all are drawn.
#[derive(Debug)]
struct Deck<T> {
    cards: Vec<T>,
    left: Vec<T>,
}

impl<T: Clone> Deck<T> {
    /// So many cards of each value.
    fn of(values: &[(usize, T)]) -> Self {
        let cards =
            values.iter().flat_map(|(count, value)| std::iter::repeat_n(value.clone(), *count)).collect();
        Self { cards, left: Vec::new() }
    }

    fn each(values: impl IntoIterator<Item = T>) -> Self {
        Self { cards: values.into_iter().collect(), left: Vec::new() }
    }

    fn draw(&mut self, rng: &mut TestRng) -> T {
        if self.left.is_empty() {
            self.left.clone_from(&self.cards);
            for last in (1..self.left.len()).rev() {
                self.left.swap(last, rng.random_range(0..=last));
            }
        }
        match self.left.pop() {
            Some(card) => card,
            None => self.cards[0].clone(),
        }
    }
}

/// What a client of the runner does at a server.
#[derive(Clone, Copy, Debug)]
enum Session {
    Whole,
    Together,
    ByteByByte,
    WrongRequest,
    /// The runner leaves without waiting for the refusal.
    WrongAndLeave,
    WrongDone,
    Foreign,
    More,
    Leave,
    HalfClose,
    HalfCloseAfterDone,
    Silent,
    Starve,
}

/// What the runner's server does with a client.
#[derive(Clone, Copy, Debug)]
enum Service {
    Whole,
    InPieces,
    Late,
    WrongReply,
    WrongResults,
    Leave,
    More,
    Interrupt,
    InterruptInTest,
}

/// How the runner leaves.
#[derive(Clone, Copy, Debug)]
enum Way {
    HalfClose,
    Close,
    Reset,
}

/// Where a server is interrupted.
#[derive(Clone, Copy, Debug)]
enum Moment {
    Idle,
    AfterSession,
    AfterTrouble,
    Connected,
    PartOfRequest,
    InTest,
    WithinDone,
    OneWaits,
}

/// What a conversation with a server is made of.
#[derive(Clone, Copy, Debug)]
enum Theme {
    /// Clients that come one after the other, or together.
    Clients,
    /// Many whole sessions.
    Sessions,
    /// Many sessions that are left.
    Leaves,
}

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
    loads: Deck<u8>,
    /// What is left of the plans of the current conversation's clients.
    plans: Vec<VecDeque<Stimulus>>,
    /// Who has been given a pause while waiting.
    rested: Vec<Peer>,
    /// What is left of a conversation that was dealt as a whole.
    whole: VecDeque<Stimulus>,
}

/// Wrong bytes of a Request: of its version, its type and its test.
const WRONG: [&[u8]; 3] = [
    &[0x00, 0x02, 0xff, 0x10, 0x81, 0x03, 0x31],
    &[0x00, 0x02, 0x03, 0x04, 0x05, 0xff, 0x81],
    &[0x00, 0x05, 0xff, 0x06, 0x81, 0x80, 0x31],
];

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
            loads: Deck::each([0, 0, 0, 0, 1, 2, 3, 3]),
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

    fn setting(&mut self, rng: &mut TestRng) -> (Setting, Vec<Stimulus>) {
        let service = self.services.draw(rng);
        let time = if matches!(service, Service::InterruptInTest) { LONG_TEST } else { 1 };
        let whole = matches!(service, Service::Whole);
        let setting = match self.measures && whole && rng.random_bool(0.9) {
            true => self.settings.draw(rng),
            false => Setting { test: self.controls.draw(rng), time, port: None },
        };
        (setting, self.service(service, rng))
    }

    fn service(&mut self, service: Service, rng: &mut TestRng) -> Vec<Stimulus> {
        let reply = |cuts: &[usize]| Stimulus::Send(0, cut(&[1, 2, 0, 0], cuts));
        let results = |count: u64, cuts: &[usize]| {
            Stimulus::Send(0, cut(&[&[1, 4], &count.to_be_bytes()[..]].concat(), cuts))
        };
        let leave = |reset: bool| if reset { Stimulus::Reset(0) } else { Stimulus::Close(0) };
        match service {
            Service::Whole => {
                vec![reply(&[]), Stimulus::Await, results(self.counts.draw(rng), &[]), Stimulus::Close(0)]
            }
            Service::InPieces => {
                let (first, second) = (self.cuts_of_reply.draw(rng), self.cuts_of_results.draw(rng));
                vec![
                    reply(&first),
                    Stimulus::Await,
                    results(self.counts.draw(rng), &second),
                    Stimulus::Close(0),
                ]
            }
            Service::Late => {
                let held = [1, 2, 0, 0];
                let at = self.stops_of_reply.draw(rng);
                let mut steps = vec![Stimulus::Rest(0, 400), reply(&[])];
                if at > 0 {
                    let part = |bytes: &[u8]| Stimulus::Send(0, vec![bytes.to_vec()]);
                    steps = vec![part(&held[..at]), Stimulus::Rest(0, 400), part(&held[at..])];
                }
                steps.extend([Stimulus::Await, results(0, &[]), Stimulus::Close(0)]);
                steps
            }
            Service::WrongReply => vec![Stimulus::Send(0, vec![self.wrong_replies.draw(rng)])],
            Service::WrongResults => {
                vec![reply(&[]), Stimulus::Await, Stimulus::Send(0, vec![self.wrong_results.draw(rng)])]
            }
            Service::Leave => {
                let (after_done, at, reset) = self.client_leaves.draw(rng);
                let part = |bytes: &[u8]| (at > 0).then(|| Stimulus::Send(0, vec![bytes[..at].to_vec()]));
                let mut steps = Vec::new();
                match after_done {
                    false => steps.extend(part(&[1, 2, 0x16, 0x2f])),
                    true => {
                        steps.extend([reply(&[]), Stimulus::Await]);
                        steps.extend(part(&[1, 4, 0, 0, 0, 0, 0, 0, 0, 7]));
                    }
                }
                steps.push(leave(reset));
                steps
            }
            Service::More => {
                let count = self.counts.draw(rng);
                let bytes = [&[1, 4], &count.to_be_bytes()[..], &self.more.draw(rng)].concat();
                vec![reply(&[]), Stimulus::Await, Stimulus::Send(0, vec![bytes]), Stimulus::Close(0)]
            }
            Service::Interrupt => match rng.random_range(0..3) {
                0 => vec![Stimulus::Interrupt],
                at => vec![Stimulus::Send(0, vec![vec![1, 2, 0x16][..at].to_vec()]), Stimulus::Interrupt],
            },
            Service::InterruptInTest => vec![reply(&[]), Stimulus::Interrupt],
        }
    }

    fn finale(&mut self, rng: &mut TestRng) -> Vec<Stimulus> {
        let test = self.tests.draw(rng);
        let ask =
            |peer| [Stimulus::Open(peer, Route::Loopback), Stimulus::Send(peer, vec![vec![1, 1, test]])];
        let mut steps = Vec::new();
        match self.moments.draw(rng) {
            Moment::Idle => {}
            Moment::AfterSession => steps.push(Stimulus::Sessions(1)),
            Moment::AfterTrouble => {
                steps.extend(ask(0));
                steps.extend([Stimulus::Await, Stimulus::Reset(0), Stimulus::Sessions(1)]);
            }
            Moment::Connected => {
                steps.extend([Stimulus::Open(0, Route::Loopback), Stimulus::Rest(0, 50)]);
            }
            Moment::PartOfRequest => {
                let bytes = vec![1; 1 + usize::from(rng.random_bool(0.5))];
                steps.extend([
                    Stimulus::Open(0, Route::Loopback),
                    Stimulus::Send(0, vec![bytes]),
                    Stimulus::Rest(0, 50),
                ]);
            }
            Moment::InTest => {
                steps.extend(ask(0));
                steps.extend([Stimulus::Await, Stimulus::Rest(0, 50)]);
            }
            Moment::WithinDone => {
                steps.extend(ask(0));
                steps.extend([Stimulus::Await, Stimulus::Send(0, vec![vec![1]]), Stimulus::Rest(0, 50)]);
            }
            Moment::OneWaits => {
                steps.extend(ask(0));
                steps.push(Stimulus::Await);
                steps.extend(ask(1));
                steps.push(Stimulus::Rest(0, 50));
            }
        }
        steps.push(Stimulus::Interrupt);
        if rng.random_bool(0.5) {
            steps.push(Stimulus::Restart);
        }
        steps
    }

    /// The next thing to do: mostly what the plan of one of the clients says.
    pub fn next(&mut self, model: &Model, rng: &mut TestRng) -> Stimulus {
        match (self.whole.pop_front(), model) {
            (Some(next), _) => next,
            (None, Model::Server(server)) => self.next_for(server, rng),
            (None, Model::Client(_)) => Stimulus::Await,
        }
    }

    fn next_for(&mut self, server: &Server, rng: &mut TestRng) -> Stimulus {
        let possible = |plan: &VecDeque<Stimulus>| plan.front().is_some_and(|next| server.allows(next));
        let planned: Vec<usize> =
            (0..self.plans.len()).filter(|index| possible(&self.plans[*index])).collect();
        let others = server.alive().count();
        let another = match server.holder() {
            Some(_) => others < 4 && rng.random_bool(0.3),
            None => others < 3 && rng.random_bool(0.08),
        };
        if planned.is_empty() || another {
            let peer = self.plans.len();
            if peer == 0 {
                match self.themes.draw(rng) {
                    Theme::Clients => {}
                    Theme::Sessions => return Stimulus::Sessions(rng.random_range(5..=12)),
                    Theme::Leaves => {
                        return Stimulus::Leave {
                            sessions: 8,
                            after: rng.random_range(0..=5),
                            reset: rng.random_bool(0.5),
                        };
                    }
                }
            }
            let open = Stimulus::Open(peer, self.routes.draw(rng));
            if server.allows(&open) {
                let plan = self.plan(peer, rng);
                self.plans.push(plan);
                return open;
            }
        }
        if rng.random_bool(0.07) {
            let resting =
                server.alive().map(|peer| Stimulus::Rest(peer, 15)).find(|rest| server.allows(rest));
            if let Some(rest) = resting {
                return rest;
            }
        }
        let chosen = match planned.len() {
            0 => None,
            count => self.plans[planned[rng.random_range(0..count)]].pop_front(),
        };
        chosen.unwrap_or(Stimulus::Await)
    }

    /// A pause. Somebody who has asked while another is served is mostly given one: silence says most there.
    fn rest(&mut self, server: &Server, rng: &mut TestRng) -> Option<Stimulus> {
        let asked = |peer: &Peer| {
            server.holder().is_some_and(|holder| holder != *peer)
                && matches!(server.heard(*peer), Some(Heard::Request | Heard::Done | Heard::WrongRequest(_)))
        };
        let waiting = server.alive().find(|peer| asked(peer) && !self.rested.contains(peer));
        let peer = match waiting.filter(|_| rng.random_bool(0.7)) {
            Some(peer) => {
                self.rested.push(peer);
                peer
            }
            None if rng.random_bool(0.08) => server.alive().last()?,
            None => return None,
        };
        let rest = Stimulus::Rest(peer, self.rests.draw(rng));
        server.allows(&rest).then_some(rest)
    }

    /// The plan of a client that has just connected.
    fn plan(&mut self, peer: Peer, rng: &mut TestRng) -> VecDeque<Stimulus> {
        let test = self.tests.draw(rng);
        let request = [1, 1, test];
        let send = |bytes: &[u8], cuts: &[usize]| Stimulus::Send(peer, cut(bytes, cuts));
        let mut steps = Vec::new();
        match self.sessions.draw(rng) {
            Session::Whole => {
                steps.extend([send(&request, &self.cuts_of_request.draw(rng)), Stimulus::Await]);
                let in_flight = self.load(peer, test, rng, &mut steps);
                if rng.random_bool(0.4) {
                    steps.push(Stimulus::Rest(peer, self.rests.draw(rng)));
                }
                if !in_flight {
                    steps.push(send(&[1, 3], &self.cuts_of_done.draw(rng)));
                }
            }
            Session::Together => steps.push(send(&[1, 1, test, 1, 3], &self.cuts_of_both.draw(rng))),
            Session::ByteByByte => {
                for byte in request {
                    steps.extend([send(&[byte], &[]), Stimulus::Rest(peer, 10)]);
                }
                steps.pop();
                steps.extend([Stimulus::Await, send(&[1], &[]), Stimulus::Rest(peer, 10), send(&[3], &[])]);
            }
            Session::WrongRequest => {
                let bytes = self.wrong_request(rng);
                match rng.random_range(0..4) {
                    0 => steps.push(send(&bytes, &self.cuts_of_request.draw(rng))),
                    1 => steps.extend([send(&bytes[..1], &[]), send(&bytes[1..], &[])]),
                    _ => steps.push(send(&bytes, &[])),
                }
            }
            Session::WrongAndLeave => {
                let after_reply = rng.random_bool(0.5);
                let bytes = if after_reply { self.wrong_dones.draw(rng) } else { self.wrong_request(rng) };
                let bytes = match rng.random_range(0..4) {
                    0 => self.foreign.draw(rng),
                    // A part that is wrong already.
                    1 => bytes[..(bytes.len() - 1).min(2)].to_vec(),
                    _ => bytes,
                };
                if after_reply {
                    steps.extend([send(&request, &[]), Stimulus::Await]);
                }
                steps.push(send(&bytes, &[]));
                steps.push(leave(peer, self.ways.draw(rng)));
            }
            Session::WrongDone => {
                let bytes = self.wrong_dones.draw(rng);
                steps.extend([send(&request, &[]), Stimulus::Await]);
                match rng.random_range(0..5) {
                    0 => steps.push(send(&bytes, &[1])),
                    1 => steps.extend([send(&bytes[..1], &[]), send(&bytes[1..], &[])]),
                    _ => steps.push(send(&bytes, &[])),
                }
            }
            Session::Foreign => {
                let bytes = self.foreign.draw(rng);
                if rng.random_bool(0.25) {
                    steps.extend([send(&request, &[]), Stimulus::Await]);
                }
                steps.push(send(&bytes, &[]));
            }
            Session::More => {
                let more = self.more.draw(rng);
                match rng.random_bool(0.4) {
                    true => steps.push(send(&[&request[..], &[1, 3], &more].concat(), &[])),
                    false => {
                        steps.extend([
                            send(&request, &[]),
                            Stimulus::Await,
                            send(&[&[1, 3], &more[..]].concat(), &[]),
                        ]);
                    }
                }
            }
            Session::Leave => {
                let (at, way) = self.leaves.draw(rng);
                let bytes = [1, 1, test, 1, 3];
                if at > 0 {
                    steps.push(send(&bytes[..at.min(3)], &[]));
                }
                if at >= 3 && rng.random_bool(0.7) {
                    steps.push(Stimulus::Await);
                    self.load(peer, test, rng, &mut steps);
                }
                if at > 3 {
                    steps.push(send(&bytes[3..at], &[]));
                }
                steps.push(leave(peer, way));
            }
            Session::HalfClose => {
                let at = self.half_closes.draw(rng);
                let bytes = [1, 1, test, 1];
                if at > 0 {
                    steps.push(send(&bytes[..at.min(3)], &[]));
                }
                if at >= 3 {
                    steps.push(Stimulus::Await);
                }
                if at > 3 {
                    steps.push(send(&bytes[3..at], &[]));
                }
                steps.push(Stimulus::HalfClose(peer));
            }
            Session::HalfCloseAfterDone => {
                match rng.random_bool(0.5) {
                    true => steps.push(send(&[1, 1, test, 1, 3], &[])),
                    false => steps.extend([send(&request, &[]), Stimulus::Await, send(&[1, 3], &[])]),
                }
                steps.push(Stimulus::HalfClose(peer));
            }
            Session::Starve => {
                let at = self.half_closes.draw(rng);
                let bytes = [1, 1, test, 1];
                if at > 0 {
                    steps.push(send(&bytes[..at.min(3)], &[]));
                }
                if at >= 3 {
                    steps.push(Stimulus::Await);
                }
                if at > 3 {
                    steps.push(send(&bytes[3..at], &[]));
                }
                steps.push(Stimulus::Starve(peer));
            }
            Session::Silent => {
                let at = self.stops.draw(rng);
                if at > 0 {
                    steps.push(send(&request[..at], &[]));
                }
                steps.push(Stimulus::Rest(peer, 20));
            }
        }
        steps.push(Stimulus::Await);
        steps.into()
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
                let bytes = [1, 1, 1, 1];
                let send = |bytes: &[u8]| Stimulus::Send(0, vec![bytes.to_vec()]);
                let mut stimuli = vec![Stimulus::Open(0, Route::Loopback)];
                if at > 0 {
                    stimuli.push(send(&bytes[..at.min(3)]));
                }
                if at >= 3 {
                    stimuli.push(Stimulus::Await);
                }
                if at > 3 {
                    stimuli.push(send(&bytes[3..]));
                }
                stimuli.push(Stimulus::Starve(0));
                let longest = tolerances.control_timeout + tolerances.late;
                waits.push((longest, Conversation { setting: None, stimuli }));
            }
        }
        waits
    }

    fn wrong_request(&mut self, rng: &mut TestRng) -> Vec<u8> {
        let (place, value) = self.wrong_requests.draw(rng);
        let mut bytes = vec![1, 1, self.tests.draw(rng)];
        bytes[place] = value;
        bytes
    }

    /// Data of the test, in Part 2. Returns whether Done has gone with it.
    fn load(&mut self, peer: Peer, test: u8, rng: &mut TestRng, steps: &mut Vec<Stimulus>) -> bool {
        if !self.measures {
            return false;
        }
        let count = *[1, 3, 20, 70, 300].get(rng.random_range(0..5)).unwrap_or(&1);
        let load = match (test, self.loads.draw(rng)) {
            (_, 0) if rng.random_bool(0.5) => return false,
            (1, _) => Load::Messages(count.min(20), 100),
            // A server of TCP_RR must return whatever one recv brings.
            (2, _) => Load::RoundTrips(count.min(20), if rng.random_bool(0.5) { 1 } else { 10 }),
            (4, _) => Load::RoundTrips(count.min(20), 1),
            (_, 2) => Load::Strangers(20),
            (_, 3) => Load::InFlight(count.min(200)),
            _ => Load::Messages(count, 1472),
        };
        steps.push(Stimulus::Data(peer, load));
        matches!(load, Load::InFlight(_))
    }
}

fn leave(peer: Peer, way: Way) -> Stimulus {
    match way {
        Way::HalfClose => Stimulus::HalfClose(peer),
        Way::Close => Stimulus::Close(peer),
        Way::Reset => Stimulus::Reset(peer),
    }
}

/// `bytes` in segments that end at these places.
fn cut(bytes: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut segments = Vec::new();
    let mut from = 0;
    for at in cuts.iter().copied().chain([bytes.len()]) {
        if at > from && at <= bytes.len() {
            segments.push(bytes[from..at].to_vec());
            from = at;
        }
    }
    segments
}

/// Messages where Done is due. Those of the protocol are whole, for a server that reads a message by its type.
fn wrong_dones() -> Vec<Vec<u8>> {
    let mut messages =
        vec![vec![1, 1, 1], vec![1, 1, 4], vec![1, 2, 0x16, 0x2f], vec![1, 4, 0, 0, 0, 0, 0, 0, 0, 0]];
    messages.extend([0x00, 0x05, 0xff, 0x83, 0x30].map(|kind| vec![1, kind]));
    messages.extend([0x00, 0x02, 0xff, 0x81].map(|version| vec![version, 3]));
    debug_assert!(
        messages.iter().all(|message| {
            matches!(Heard::of(&[&[1, 1, 1], &message[..]].concat()), Heard::WrongDone(_))
        })
    );
    messages
}

fn wrong_replies() -> Vec<Vec<u8>> {
    let mut messages = vec![vec![1, 1, 1, 1], vec![1, 3, 0x16, 0x2f], vec![1, 4, 0, 0, 0, 0, 0, 0, 0, 0]];
    messages.extend([0x00, 0x05, 0xff, 0x82].map(|kind| vec![1, kind, 0x16, 0x2f]));
    messages.extend([0x00, 0x02, 0xff].map(|version| vec![version, 2, 0x16, 0x2f]));
    messages
}

fn wrong_results() -> Vec<Vec<u8>> {
    let kinds = [0x00, 0x01, 0x02, 0x03, 0x05, 0xff].map(|kind| (1, kind));
    let versions = [0x00, 0x02, 0xff].map(|version| (version, 4));
    kinds
        .into_iter()
        .chain(versions)
        .map(|(version, kind)| [&[version, kind][..], &[0; 8]].concat())
        .collect()
}
