//! One more session on a real target that asks the server something all the time: whether it has time to spare.
//!
//! Many scenarios side by side, or a busy machine, can keep a server so busy that everything takes long. What one
//! scenario then sees late says nothing of how its signals are treated. So every case is told when the server kept
//! this session, which has nothing to do with any case, waiting too.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::dial::{leave, log_in};
use super::hidden::Hidden;
use crate::bot::ping;
use crate::target::{Account, Target};
use crate::xmpp::Incoming;

/// Between one question and the next.
const PAUSE: Duration = Duration::from_millis(200);
/// An answer that takes no longer is as quick as any.
const QUICK: Duration = Duration::from_millis(200);
/// How many slow answers are remembered.
const KEPT: usize = 1_024;

#[derive(Debug, Default)]
struct Heard {
    /// When each slow answer was asked for, and when it came.
    slow: VecDeque<(Instant, Instant)>,
    /// Asked and not answered yet.
    open: Option<Instant>,
}

/// What is known of the target's answers. Clones are the same knowledge.
#[derive(Debug, Clone, Default)]
pub struct Canary(Arc<Mutex<Heard>>);

impl Canary {
    /// The waits that lasted until after this moment: from when to when.
    pub fn waits_since(&self, since: Instant) -> Vec<(Instant, Instant)> {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let open = heard
            .open
            .filter(|asked| now - *asked > QUICK)
            .map(|asked| (asked, now));
        let slow = heard.slow.iter().copied().filter(|(_, end)| *end > since);
        slow.chain(open).collect()
    }

    fn asked(&self) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.open = Some(Instant::now());
    }

    fn answered(&self) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some(asked) = heard.open.take().filter(|asked| now - *asked > QUICK) {
            heard.slow.push_back((asked, now));
            if heard.slow.len() > KEPT {
                heard.slow.pop_front();
            }
        }
    }

    /// Asks until the word is given. Where the target does not let it in, or ends it, nobody is told anything.
    pub async fn sing(self, target: Arc<Target>, account: Account, mut over: watch::Receiver<bool>) {
        let session = log_in(&target, &account, "callspec-canary", &Hidden::default()).await;
        let Ok(mut session) = session else { return };
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
        leave(session).await;
    }
}
