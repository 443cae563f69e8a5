//! The views that a device may have of a call, given what it has sent and what it has answered.

use std::collections::VecDeque;

use crate::protocol::{Act, Role, Ruling, View};

/// Signals that a device may leave unanswered; past it the oldest count as taken in.
const UNANSWERED: usize = 128;
/// Views that are kept at once.
const VIEWS: usize = 32;

#[derive(Debug, Clone)]
struct Inbound {
    /// Who asked, and the iq's id.
    iq: (String, String),
    act: Act,
    at: f64,
}

/// What is known of one device's view.
#[derive(Debug, Clone)]
pub struct Sight {
    /// Each with the number of inbound signals, of those that wait, that it has taken in.
    views: Vec<(usize, View)>,
    /// Sent to it and not answered, in order.
    waiting: VecDeque<Inbound>,
}

impl Sight {
    pub fn new(role: Role) -> Sight {
        Sight {
            views: vec![(0, View::new(role))],
            waiting: VecDeque::new(),
        }
    }

    /// The device has been sent this.
    pub fn receive(&mut self, iq: (&str, &str), act: Act, at: f64) {
        if self.waiting.len() == UNANSWERED {
            self.take_in(0, false);
        }
        self.waiting.push_back(Inbound {
            iq: (iq.0.to_owned(), iq.1.to_owned()),
            act,
            at,
        });
    }

    /// The device has answered this: it has taken it in, and all before it. If it was `refused`, it may have left it
    /// out of account.
    pub fn answered(&mut self, iq: (&str, &str), refused: bool) {
        let same = |inbound: &Inbound| inbound.iq.0 == iq.0 && inbound.iq.1 == iq.1;
        if let Some(index) = self.waiting.iter().position(same) {
            self.take_in(index, refused);
        }
    }

    fn take_in(&mut self, last: usize, refused: bool) {
        for index in 0..=last {
            let Some(inbound) = self.waiting.pop_front() else {
                return;
            };
            let mut views = Vec::with_capacity(self.views.len());
            for (taken, view) in self.views.drain(..) {
                if let Some(fewer) = taken.checked_sub(1) {
                    views.push((fewer, view));
                    continue;
                }
                let mut moved = view;
                moved.received(&inbound.act, inbound.at);
                views.push((0, moved));
                if refused && index == last {
                    views.push((0, view));
                }
            }
            self.views = views;
        }
        self.tidy();
    }

    /// Moves the views by what the device has sent, if it is legal in one of them; otherwise nothing moves
    /// (ST-17).
    pub fn send(&mut self, act: &Act, at: f64) -> bool {
        let mut moved = Vec::new();
        for (taken, view) in &self.views {
            let (mut taken, mut view) = (*taken, *view);
            loop {
                if is_legal(&view.may_send(act, at)) {
                    let mut next = view;
                    next.sent(act, at);
                    moved.push((taken, next));
                }
                let Some(inbound) = self.waiting.get(taken) else {
                    break;
                };
                view.received(&inbound.act, inbound.at);
                taken += 1;
            }
        }
        if moved.is_empty() {
            return false;
        }
        self.views = moved;
        self.tidy();
        true
    }

    fn tidy(&mut self) {
        let mut kept: Vec<(usize, View)> = Vec::with_capacity(self.views.len());
        for view in self.views.drain(..) {
            if !kept.contains(&view) {
                kept.push(view);
            }
        }
        kept.truncate(VIEWS);
        self.views = kept;
    }
}

/// Whether the order of the call allows it. Reasons, durations and a timeout's time are not asked for: a hangup is
/// never held up. Neither is a mute-change that changes nothing. An accept after 30 s is.
fn is_legal(rulings: &[Ruling]) -> bool {
    !rulings.iter().any(|ruling| match ruling {
        Ruling::Breach(breach) => match breach.rule {
            "ST-12" | "ST-14" => false,
            rule => rule.starts_with("ST-") || rule == "TM-07",
        },
        Ruling::Legal | Ruling::Ambiguous(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Kind, Reason};

    fn act(kind: Kind) -> Act {
        Act {
            kind,
            reason: (kind == Kind::Hangup).then_some(Reason::Cancelled),
            duration: None,
            muted: None,
        }
    }

    fn rung() -> Sight {
        let mut callee = Sight::new(Role::Callee);
        callee.receive(("a", "1"), act(Kind::Initiate), 0.0);
        callee
    }

    #[test]
    fn what_may_have_crossed_is_legal_and_what_was_answered_is_not() {
        let mut crossing = rung();
        crossing.receive(("a", "2"), act(Kind::Hangup), 1.0);
        assert!(crossing.clone().send(&act(Kind::Accept), 2.0));
        crossing.answered(("a", "2"), false);
        assert!(!crossing.send(&act(Kind::Accept), 2.0));
        assert!(crossing.send(&act(Kind::Hangup), 2.0), "the echo");
        assert!(!crossing.send(&act(Kind::Hangup), 2.0), "once");
    }

    #[test]
    fn what_was_refused_may_not_have_counted() {
        let mut callee = rung();
        callee.receive(("a", "2"), act(Kind::Hangup), 1.0);
        callee.answered(("a", "2"), true);
        assert!(callee.send(&act(Kind::Accept), 2.0));
        let mut idle = Sight::new(Role::Callee);
        assert!(!idle.send(&act(Kind::Accept), 0.0), "nothing to accept");
    }

    #[test]
    fn an_accept_comes_within_its_time_and_what_waits_is_bounded() {
        assert!(rung().send(&act(Kind::Accept), 30.0));
        assert!(!rung().send(&act(Kind::Accept), 31.0));
        let mut callee = rung();
        for n in 0..1_000 {
            callee.receive(("a", &n.to_string()), act(Kind::MuteChange), 1.0);
        }
        assert!(callee.waiting.len() <= UNANSWERED && callee.views.len() <= VIEWS);
        assert!(callee.send(&act(Kind::Accept), 2.0));
    }
}
