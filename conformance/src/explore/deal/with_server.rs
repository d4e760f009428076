//! Plans for the runner's clients at a server, and which of them goes on next.

use std::collections::VecDeque;

use proptest::prelude::RngExt;
use proptest::test_runner::TestRng;

use super::Dealer;
use super::messages::cut;
use crate::explore::rules::Heard;
use crate::explore::server::Server;
use crate::explore::stimulus::{Load, Peer, Route, Stimulus};

/// What a client of the runner does at a server.
#[derive(Clone, Copy, Debug)]
pub(super) enum Session {
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

/// How the runner leaves.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    HalfClose,
    Close,
    Reset,
}

/// Where a server is interrupted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
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
pub(super) enum Theme {
    /// Clients that come one after the other, or together.
    Clients,
    /// Many whole sessions.
    Sessions,
    /// Many sessions that are left.
    Leaves,
}

impl Dealer {
    pub(super) fn finale(&mut self, rng: &mut TestRng) -> Vec<Stimulus> {
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

    pub(super) fn next_for(&mut self, server: &Server, rng: &mut TestRng) -> Stimulus {
        if let Some(rest) = self.rest(server, rng) {
            return rest;
        }
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
            Some(peer) => peer,
            None if rng.random_bool(0.06) => server.alive().last()?,
            None => return None,
        };
        if !server.allows(&Stimulus::Rest(peer, 0)) {
            return None;
        }
        self.rested.push(peer);
        Some(Stimulus::Rest(peer, self.rests.draw(rng)))
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
                if rng.random_bool(0.4) {
                    steps.push(leave(peer, self.ways.draw(rng)));
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
                steps.extend(begun(peer, test, at));
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
                steps.extend(begun(peer, test, at));
                steps.push(Stimulus::Starve(peer));
            }
            Session::Silent => {
                let at = self.stops.draw(rng);
                steps.extend(begun(peer, test, at));
                steps.push(Stimulus::Rest(peer, 20));
            }
        }
        steps.push(Stimulus::Await);
        steps.into()
    }

    fn wrong_request(&mut self, rng: &mut TestRng) -> Vec<u8> {
        let (place, value) = self.wrong_requests.draw(rng);
        let mut bytes = vec![1, 1, self.tests.draw(rng)];
        bytes[place] = value;
        bytes
    }

    /// Data of the test, in Part 2. Returns whether Done has gone with it.
    fn load(&mut self, peer: Peer, test: u8, rng: &mut TestRng, steps: &mut Vec<Stimulus>) -> bool {
        if !self.measures || rng.random_bool(0.2) {
            return false;
        }
        let load = match test {
            1 => Load::Messages(*[1, 3, 20].get(rng.random_range(0..3)).unwrap_or(&1), 100),
            // A server of TCP_RR must return whatever one recv brings.
            2 => Load::RoundTrips(5, if rng.random_bool(0.5) { 1 } else { 10 }),
            3 => self.loads.draw(rng),
            _ => Load::RoundTrips(5, 1),
        };
        steps.push(Stimulus::Data(peer, load));
        matches!(load, Load::InFlight(_))
    }
}

/// The first `at` bytes of a session of this test, with a wait for Reply behind the Request; 4 bytes at most.
pub(super) fn begun(peer: Peer, test: u8, at: usize) -> Vec<Stimulus> {
    let bytes = [1, 1, test, 1];
    let send = |bytes: &[u8]| Stimulus::Send(peer, vec![bytes.to_vec()]);
    let mut steps = Vec::new();
    if at > 0 {
        steps.push(send(&bytes[..at.min(3)]));
    }
    if at >= 3 {
        steps.push(Stimulus::Await);
    }
    if at > 3 {
        steps.push(send(&bytes[3..at]));
    }
    steps
}

fn leave(peer: Peer, way: Way) -> Stimulus {
    match way {
        Way::HalfClose => Stimulus::HalfClose(peer),
        Way::Close => Stimulus::Close(peer),
        Way::Reset => Stimulus::Reset(peer),
    }
}
