//! Whether what does not come is lost, or only late.

use std::time::Duration;

use super::super::compose;
use super::super::fence::{Fence, Next};
use super::{Link, Output, Script};
use crate::stanza;

/// How long a server may take over a fence.
const FENCE_WITHIN: Duration = Duration::from_secs(30);

impl Script {
    /// Whether what was sent before this moment and has not come by now will never come. Finding out takes time: ask
    /// again.
    pub(super) fn is_lost(&mut self, since: Duration) -> bool {
        let now = self.now;
        match &self.fence {
            Some(fence) if fence.begun() >= since => fence.is_over(now) && !self.is_dead(),
            Some(fence) if !fence.is_over(now) => false,
            _ => {
                let until = now + self.scaled(FENCE_WITHIN) + self.pace.allowance(now);
                self.fence = Some(Fence::new(now, until));
                self.ask_the_server();
                self.fence.as_ref().is_none_or(|fence| fence.is_over(now))
            }
        }
    }

    /// Whether a stream is silent all the time that a server has for an answer, not even a WebSocket ping answered:
    /// whether the server or the way there is to blame cannot be known, and the run ends.
    fn is_dead(&mut self) -> bool {
        let waiting = self.fence.iter().flat_map(Fence::waiting);
        let silent = waiting.into_iter().find(|(who, asked)| {
            let bot = self.bots.get(*who);
            bot.is_some_and(|bot| bot.link == Link::Up && !bot.raw && bot.heard < Some(*asked))
        });
        let Some(who) = silent.map(|(who, _)| who.to_owned()) else {
            return false;
        };
        let why = format!(
            "nothing comes on the stream of {who} any more, not even an answer of the server to a question of its own"
        );
        self.trouble(&who, why);
        true
    }

    /// Has every bot ask the server, for the fence; where none can, there is nothing to wait for.
    fn ask_the_server(&mut self) {
        let up = self.bots.iter().filter(|(_, bot)| bot.link == Link::Up);
        let up: Vec<(String, String)> = up.map(|(who, bot)| (who.clone(), bot.jid.clone())).collect();
        for (who, jid) in up {
            let id = format!("fence-{}", self.n + 1);
            let domain = stanza::bare(&jid).rsplit('@').next().unwrap_or_default();
            let raw = compose::ping(domain, &id);
            if let Some(fence) = &mut self.fence {
                fence.asked(&who, id, self.now);
            }
            self.write(&who, raw, None);
            self.out.push_back(Output::Ping { who });
        }
        self.advance_fence();
    }

    /// Whoever is gone is not waited for, and what it still owed an answer the server has answered by then.
    pub(super) fn gone(&mut self, who: &str) {
        self.later.retain(|(_, owing, _)| owing != who);
        if let Some(fence) = &mut self.fence {
            fence.gone(who);
            self.advance_fence();
        }
    }

    pub(super) fn advance_fence(&mut self) {
        if self.fence.as_mut().map(Fence::advance) == Some(Next::AskAgain) {
            self.ask_the_server();
        }
    }
}
