//! Which full JIDs the bots got, and whether one got another when it came back.
//!
//! A server may bind another resource than the one asked for (RFC 6120 §7.7.2.1). Steps that count on the same full JID
//! after a reconnect then ask nothing of it, and what comes of them says nothing about it.

use std::collections::BTreeMap;

use crate::transcript::Event;

#[derive(Debug, Default)]
pub(super) struct Addresses {
    now: BTreeMap<String, String>,
    moved: Option<Moved>,
}

#[derive(Debug)]
struct Moved {
    n: u64,
    who: String,
    from: String,
    to: String,
}

impl Addresses {
    pub fn connected(&mut self, event: &Event) {
        let Some(jid) = &event.jid else { return };
        let before = self.now.insert(event.who.clone(), jid.clone());
        if let Some(from) = before.filter(|before| before != jid)
            && self.moved.is_none()
        {
            self.moved = Some(Moved {
                n: event.n,
                who: event.who.clone(),
                from,
                to: jid.clone(),
            });
        }
    }

    /// Whether a bot had another address by this event than before.
    pub fn moved_before(&self, n: u64) -> bool {
        self.moved.as_ref().is_some_and(|moved| moved.n < n)
    }

    pub fn why(&self) -> Option<String> {
        let Moved { who, from, to, .. } = self.moved.as_ref()?;
        Some(format!(
            "the server bound {who} to {to} when it came back, and to {from} before: it may, and the scenario needs the same address"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Blame, Judge, Outcome};
    use crate::transcript::Header;

    fn event(n: u64, who: &str, dir: &str) -> Event {
        let event =
            serde_json::json!({"n": n, "t": n, "time": "2026-01-01T00:00:00Z", "who": who, "dir": dir});
        serde_json::from_value(event).expect("an event")
    }

    /// A run in which the callee comes back as this, and then a step with these rules is missed.
    fn outcome(back: &str, rules: &[&str]) -> (Outcome, Vec<Blame>, Option<String>) {
        let mut judge = Judge::new(&Header::default());
        for (n, jid) in [(1, "bob@localhost/a"), (2, back)] {
            judge.event(&Event {
                jid: Some(jid.into()),
                ..event(n, "callee", "connected")
            });
        }
        judge.event(&Event {
            rules: rules.iter().map(|id| (*id).to_owned()).collect(),
            wanted: Some("callee receives mute-change".into()),
            ..event(3, "callee", "missed")
        });
        let verdict = judge.finish();
        let blames = verdict.findings.iter().map(|f| f.blame).collect();
        (verdict.outcome, blames, verdict.trouble)
    }

    #[test]
    fn what_needs_the_same_address_is_not_asked_of_a_server_that_gives_another() {
        let (result, blames, why) = outcome("bob@localhost/b", &[]);
        assert_eq!((result, blames), (Outcome::Skipped, vec![]));
        let why = why.expect("a reason");
        assert!(
            why.contains("bob@localhost/b") && why.contains("bob@localhost/a"),
            "{why}"
        );
    }

    #[test]
    fn the_same_address_excuses_nothing_and_no_address_excuses_a_step_that_names_its_rule() {
        let failed = (Outcome::Failed, vec![Blame::Server], None);
        assert_eq!(outcome("bob@localhost/a", &[]), failed);
        assert_eq!(outcome("bob@localhost/b", &["RT-09"]), failed);
    }
}
