//! Tells what is lost from what is only late.
//!
//! A server takes in what one client says in order, and a client gets what a server has for it in order (RFC 6120
//! §10.1). So whoever waits in vain has every bot ask the server something, and once all are answered, ask again: the
//! first answers show that all that was sent before has been dealt with, the second that all that came of it has
//! arrived. Whoever got something may have answered it by then, and that answer takes the same way: they ask twice
//! more. What is not there then is not under way any more, however slow or busy the server is.

use std::collections::BTreeSet;
use std::time::Duration;

/// So many times its time a server may take at most that goes on passing something on.
const MOST: u32 = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// What was sent is being dealt with.
    Sent,
    /// What came of it is being delivered.
    Delivered,
    /// The answers to that are being dealt with.
    Answered,
    /// They are being delivered.
    Returned,
    Over,
}

/// What is to be done about a fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Wait,
    /// Every bot has to ask again.
    AskAgain,
}

#[derive(Debug)]
pub struct Fence {
    begun: Duration,
    until: Duration,
    /// How long the server has at first.
    span: Duration,
    stage: Stage,
    open: BTreeSet<(String, String)>,
    /// Where nothing can be asked, and something may be under way.
    mute: BTreeSet<String>,
    /// When it was asked last.
    asked: Duration,
    /// When whoever has no answer by then asks once more.
    again: Option<Duration>,
    pressed: bool,
}

impl Fence {
    /// `until`: when the server has had time enough.
    pub fn new(begun: Duration, until: Duration) -> Fence {
        Fence {
            begun,
            until,
            span: until.saturating_sub(begun),
            stage: Stage::Sent,
            open: BTreeSet::new(),
            mute: BTreeSet::new(),
            asked: begun,
            again: None,
            pressed: false,
        }
    }

    pub fn begun(&self) -> Duration {
        self.begun
    }

    /// When there is something to do about it, if nothing comes before.
    pub fn due(&self) -> Duration {
        self.again.unwrap_or(self.until)
    }

    /// What somebody else here had sent has come: a server that reads no faster than it wants to, or is busy, may have
    /// more of it. As long as it passes something on, what is missing may be behind that.
    pub fn moves(&mut self, now: Duration) {
        if !self.open.is_empty() && !self.is_over(now) {
            let last = self.begun + self.span * MOST;
            self.until = self.until.max(now + self.span).min(last);
        }
    }

    pub fn is_over(&self, now: Duration) -> bool {
        self.stage == Stage::Over || now >= self.until
    }

    pub fn asked(&mut self, who: &str, id: String, now: Duration) {
        self.open.insert((who.to_owned(), id));
        self.asked = now;
        let left = self.until.saturating_sub(now);
        self.again = (!self.pressed).then_some(now + left / 2);
    }

    /// Who is to ask once more, half of the time after the last question: what came since then was under way already,
    /// and says nothing of whether anything comes still.
    pub fn press(&mut self, now: Duration) -> BTreeSet<String> {
        if self.again.is_none_or(|again| now < again) {
            return BTreeSet::new();
        }
        (self.again, self.pressed) = (None, true);
        self.open.iter().map(|(who, _)| who.clone()).collect()
    }

    /// Nothing can be asked here: what may be under way is waited for until the server has had time enough.
    pub fn cannot_ask(&mut self, who: &str) {
        self.mute.insert(who.to_owned());
    }

    /// Whether an answer to a question may yet come.
    pub fn is_asking(&self, now: Duration) -> bool {
        !self.is_over(now) && !self.open.is_empty()
    }

    /// Who has no answer, and since when it waits for one.
    pub fn waiting(&self) -> impl Iterator<Item = (&str, Duration)> {
        self.open.iter().map(|(who, _)| (who.as_str(), self.asked))
    }

    /// Whether this answer is to the fence's own question.
    pub fn answered(&mut self, who: &str, id: &str) -> bool {
        self.open.remove(&(who.to_owned(), id.to_owned()))
    }

    /// A bot that is gone is not waited for.
    pub fn gone(&mut self, who: &str) {
        self.open.retain(|(asker, _)| asker != who);
        self.mute.remove(who);
    }

    pub fn advance(&mut self) -> Next {
        if !self.open.is_empty() || !self.mute.is_empty() {
            return Next::Wait;
        }
        self.stage = match self.stage {
            Stage::Sent => Stage::Delivered,
            Stage::Delivered => Stage::Answered,
            Stage::Answered => Stage::Returned,
            Stage::Returned | Stage::Over => Stage::Over,
        };
        if self.stage == Stage::Over {
            Next::Wait
        } else {
            Next::AskAgain
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_over_when_all_were_answered_each_time_or_are_gone() {
        let at = Duration::from_secs;
        let mut fence = Fence::new(at(1), at(30));
        fence.asked("alice", "1".into(), Duration::ZERO);
        fence.asked("bob", "1".into(), Duration::ZERO);
        assert!(fence.answered("alice", "1") && !fence.answered("alice", "1"));
        assert_eq!(fence.advance(), Next::Wait);
        assert!(!fence.is_over(at(2)) && fence.is_over(at(30)));
        fence.gone("bob");
        assert_eq!(fence.advance(), Next::AskAgain);
        for round in ["2", "3", "4"] {
            fence.asked("alice", round.into(), Duration::ZERO);
            assert_eq!(fence.advance(), Next::Wait);
            assert!(!fence.is_over(at(2)) && fence.answered("alice", round));
            let last = round == "4";
            assert_eq!(fence.advance(), if last { Next::Wait } else { Next::AskAgain });
        }
        assert!(fence.is_over(at(2)));
    }

    #[test]
    fn as_long_as_something_comes_more_may_come() {
        let at = Duration::from_secs;
        let mut fence = Fence::new(at(10), at(40));
        fence.moves(at(20));
        assert_eq!(fence.until, at(40), "nobody has asked yet");
        fence.asked("alice", "1".into(), at(10));
        fence.moves(at(39));
        assert!(!fence.is_over(at(68)) && fence.is_over(at(69)));
        fence.moves(at(69));
        assert!(fence.is_over(at(69)), "too late");
        let mut endless = Fence::new(at(10), at(40));
        endless.asked("alice", "1".into(), at(10));
        (10..500).for_each(|now| endless.moves(at(now)));
        assert_eq!(endless.until, at(10 + 6 * 30));
    }
}
