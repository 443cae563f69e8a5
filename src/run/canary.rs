//! One more session on a real target that asks the server something all the time: whether it has time to spare.
//!
//! Many scenarios side by side, or a busy machine, can keep a server so busy that everything takes long. What one
//! scenario then sees late says nothing of how its signals are treated. So every case is told when the server kept
//! this session, which has nothing to do with any case, waiting too; and none begins while answers here are slower
//! than they could be: what a server does when it is overrun is not what the scenarios ask.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::dial::{leave, log_in};
use super::hidden::Hidden;
use crate::bot::{bystander, ping};
use crate::target::{Account, Target};
use crate::xmpp::Incoming;

/// Between one question and the next.
const PAUSE: Duration = Duration::from_millis(100);
/// Beyond three times the quickest answer, this is what a target at ease may take.
const EASE: Duration = Duration::from_millis(20);
/// How many slow answers are remembered.
const KEPT: usize = 1_024;
/// How many cases may begin after each answer that shows the target at ease.
const BEGINNERS: usize = 8;
/// How long a case waits at most for a target at ease: what never is has to be tested too.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
struct Heard {
    /// There is a session that asks, or will be.
    sings: bool,
    /// The quickest answer so far: what the way to the target costs in any case.
    best: Option<Duration>,
    /// How many cases may begin before the next answer.
    places: usize,
    /// When each slow answer was asked for, or the slow one before it came, and when it came.
    slow: VecDeque<(Instant, Instant)>,
    /// When the last answer came, if it was slow.
    strained: Option<Instant>,
    /// Asked and not answered yet.
    open: Option<Instant>,
}

impl Heard {
    /// What an answer may take where nothing is in its way.
    fn at_ease(&self) -> Duration {
        self.best.unwrap_or_default() * 3 + EASE
    }
}

/// What is known of the target's answers. Clones are the same knowledge.
#[derive(Debug, Clone, Default)]
pub struct Canary(Arc<(Mutex<Heard>, Condvar)>);

impl Canary {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on cases wait for their turn.
    pub fn perch(&self) {
        self.heard().sings = true;
    }

    /// Waits until the target is at ease, and takes a place. Without a session that asks there is nothing to wait for.
    pub fn admit(&self) {
        let until = Instant::now() + PATIENCE;
        let mut heard = self.heard();
        while heard.sings && heard.places == 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let (again, _) = self
                .0
                .1
                .wait_timeout(heard, left)
                .unwrap_or_else(PoisonError::into_inner);
            heard = again;
        }
        heard.places = heard.places.saturating_sub(1);
    }

    /// The waits that lasted until after this moment: from when to when.
    pub fn waits_since(&self, since: Instant) -> Vec<(Instant, Instant)> {
        let heard = self.heard();
        let now = Instant::now();
        let open = heard
            .open
            .filter(|asked| now - *asked > heard.at_ease())
            .map(|asked| (heard.strained.unwrap_or(asked), now));
        let slow = heard.slow.iter().copied().filter(|(_, end)| *end > since);
        slow.chain(open).collect()
    }

    fn asked(&self) {
        let mut heard = self.heard();
        heard.open = Some(Instant::now());
    }

    fn answered(&self) {
        let mut heard = self.heard();
        let now = Instant::now();
        let Some(asked) = heard.open.take() else { return };
        let took = now - asked;
        let best = heard.best.map_or(took, |best| best.min(took));
        heard.best = Some(best);
        if took <= heard.at_ease() {
            heard.places = BEGINNERS;
            heard.strained = None;
            self.0.1.notify_all();
            return;
        }
        heard.places = 0;
        // A target that was slow before the question and after it was so all the while.
        let since = heard.strained.replace(now).unwrap_or(asked);
        heard.slow.push_back((since, now));
        if heard.slow.len() > KEPT {
            heard.slow.pop_front();
        }
    }

    fn silent(&self) {
        self.heard().sings = false;
        self.0.1.notify_all();
    }

    /// Asks until the word is given. Where the target does not let it in, or ends it, nobody is told anything.
    /// `answers`: what comes here was meant for somebody else; where every device of a user is rung it may be for this one.
    pub async fn sing(
        self,
        target: Arc<Target>,
        account: Account,
        answers: bool,
        mut over: watch::Receiver<bool>,
    ) {
        let session = log_in(&target, &account, "callspec-canary", &Hidden::default()).await;
        let Ok(mut session) = session else {
            self.silent();
            return;
        };
        for number in 1_u64.. {
            let id = format!("canary-{number}");
            self.asked();
            if session
                .writer
                .send(&ping(&target.dial.domain, &id))
                .await
                .is_err()
            {
                break;
            }
            let turn = async {
                loop {
                    match session.reader.next().await {
                        Incoming::Element(stanza) if stanza.id() == Some(&id) => break,
                        Incoming::Element(stanza) => {
                            if let Some(answer) = bystander(&stanza).filter(|_| answers) {
                                // That it cannot be sent shows itself with the next question.
                                let _ = session.writer.send(&answer).await;
                            }
                        }
                        incoming if incoming.is_end() => return false,
                        _ => {}
                    }
                }
                self.answered();
                tokio::time::sleep(PAUSE).await;
                true
            };
            let on = tokio::select! {
                on = turn => on,
                _ = over.wait_for(|over| *over) => false,
            };
            if !on {
                break;
            }
        }
        self.answered();
        self.silent();
        leave(session).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nobody_asks_nobody_waits() {
        let canary = Canary::default();
        canary.admit();
        canary.perch();
        canary.silent();
        canary.admit();
    }

    #[test]
    fn a_quick_answer_lets_some_begin_and_a_slow_one_nobody() {
        let canary = Canary::default();
        canary.perch();
        canary.asked();
        canary.answered();
        assert_eq!(canary.heard().places, BEGINNERS);
        canary.admit();
        assert_eq!(canary.heard().places, BEGINNERS - 1);
        canary.heard().open = Instant::now().checked_sub(Duration::from_millis(150));
        canary.answered();
        assert_eq!(canary.heard().places, 0);
    }

    #[test]
    fn a_target_that_is_slow_each_time_is_slow_in_between() {
        let canary = Canary::default();
        let begin = Instant::now();
        let slow = || {
            canary.heard().open = Instant::now().checked_sub(Duration::from_millis(150));
            canary.answered();
        };
        canary.asked();
        canary.answered();
        slow();
        slow();
        let waits = canary.waits_since(begin);
        assert!(waits.windows(2).all(|pair| pair[0].1 == pair[1].0), "{waits:?}");
        canary.asked();
        canary.answered();
        slow();
        let last = canary.waits_since(begin);
        assert_eq!(last.len(), 3);
        assert!(
            last[2].0 < last[1].1,
            "after a quick answer a wait begins with its question"
        );
    }
}
