//! Plans for a conversation in which the runner is the server.

use proptest::prelude::RngExt;
use proptest::test_runner::TestRng;

use super::Dealer;
use super::messages::cut;
use crate::explore::client::{LONG_TEST, Setting};
use crate::explore::stimulus::Stimulus;

/// What the runner's server does with a client.
#[derive(Clone, Copy, Debug)]
pub(super) enum Service {
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

impl Dealer {
    pub(super) fn setting(&mut self, rng: &mut TestRng) -> (Setting, Vec<Stimulus>) {
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
}
