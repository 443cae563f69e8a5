//! What a signal says of itself: its id, who it is from and for, and when it was made.

use super::super::track::Sight;
use super::sent::Said;
use super::{Parties, arrival};
use crate::protocol::{Kind, unix_seconds};
use crate::rules::Finding;
use crate::stanza::{bare, fold, print};

impl Parties {
    pub(super) fn request_id(&mut self, said: &Said<'_>, findings: &mut Vec<Finding>) {
        let (actor, event, stanza) = (said.actor, said.event, said.stanza);
        let id = stanza.id().unwrap_or_default();
        if id.is_empty() || !stanza.is_iq() || !actor.first_hand {
            return;
        }
        let key = print((&actor.key, self.stream_of(actor), id));
        if let Some(first) = self.used.get(&key) {
            let mut finding = said.finding(
                "IQ-02",
                format!(
                    "{} uses the iq id `{id}` a second time in one stream.",
                    actor.name
                ),
                "an id of its own for each request",
                format!("the same id at event {first}"),
            );
            finding.events.insert(0, *first);
            findings.push(finding);
        }
        self.used.insert(key, event.n);
    }

    /// Who the signal says it is from and for (SG-12 to SG-14).
    pub(super) fn identities(&mut self, said: &Said<'_>, findings: &mut Vec<Finding>) {
        let (actor, stanza) = (said.actor, said.stanza);
        let facts = &said.form.decoded().facts;
        let (Some(sender), Some(recipient)) = (&facts.sender, &facts.recipient) else {
            return;
        };
        let (sender, recipient) = (sender.to_lowercase(), recipient.to_lowercase());
        let to = fold(stanza.to().unwrap_or_default());
        let mut differs = |rule: &str, member: &str, jid: &str, given: &str| {
            if let Some(id) = self.ids.get(bare(jid)).filter(|id| *id != given) {
                findings.push(said.finding(
                    rule,
                    format!(
                        "{} gives a `{member}` that is not the id of {}.",
                        actor.name,
                        bare(jid)
                    ),
                    &format!("`{id}`"),
                    format!("`{given}` at /{member}"),
                ));
            }
        };
        differs("SG-13", "senderId", &actor.jid, &sender);
        differs("SG-14", "recipientId", &to, &recipient);
        let Some(call) = facts.call.as_ref().and_then(|call| self.calls.get(call)) else {
            return;
        };
        let mine = bare(&actor.jid);
        let Some((first, second)) = &call.ids else { return };
        let (from, other) = if mine == call.users.0 {
            (first, second)
        } else if mine == call.users.1 {
            (second, first)
        } else {
            return;
        };
        if (from, other) == (&sender, &recipient) {
            return;
        }
        let begins = facts.kind == Some(Kind::Initiate);
        if begins && mine != call.users.0 {
            return;
        }
        findings.push(said.finding(
            "SG-12",
            format!("{} gives other ids than the call began with.", actor.name),
            &format!("senderId `{from}`, recipientId `{other}`"),
            format!("senderId `{sender}`, recipientId `{recipient}`"),
        ));
        // It calls another device under other ids: which of them are right nobody knows.
        if begins
            && let Some(id) = facts.call.as_ref()
            && let Some(call) = self.calls.get_mut(id)
        {
            call.ids = None;
        }
    }

    /// `timestamp` against the observer's clock and against the sender's own (TM-05, TM-06).
    pub(super) fn clock(&mut self, said: &Said<'_>, findings: &mut Vec<Finding>) {
        let (actor, event) = (said.actor, said.event);
        let facts = &said.form.decoded().facts;
        let Some(stamp) = facts.timestamp else { return };
        // What our own bot took in late had come when it came.
        let waited = event.t - arrival(event);
        if let Some(now) = unix_seconds(&event.time).map(|now| now - waited)
            && (stamp - now).abs() > self.skew
        {
            let off = stamp - now;
            let mut finding = said.finding(
                "TM-05",
                format!(
                    "The timestamp of {} is {:.1} s {} the observer's clock.",
                    actor.name,
                    off.abs(),
                    if off > 0.0 { "ahead of" } else { "behind" }
                ),
                &format!("within {} s", self.skew),
                format!("{off:+.1} s at /timestamp"),
            );
            let far = actor.sight == Sight::Far && !self.witness.is_bots();
            finding.excuse = (far || self.clock_set > 0)
                .then(|| "the clock of the recorder was wrong, not the sender's".to_owned());
            findings.push(finding);
        }
        let Some(call) = &facts.call else { return };
        let key = (actor.key.clone(), call.clone());
        match self.stamps.get(&key) {
            Some(last) => {
                let (latest, n) = last.get();
                if stamp < latest {
                    let mut finding = said.finding(
                        "TM-06",
                        format!("The timestamps of {} run backwards in this call.", actor.name),
                        "timestamps that do not decrease",
                        format!("{:.3} s earlier than at event {n}", latest - stamp),
                    );
                    finding.events.insert(0, n);
                    findings.push(finding);
                } else {
                    last.set((stamp, event.n));
                }
            }
            None => self.stamps.insert(key, std::cell::Cell::new((stamp, event.n))),
        }
    }
}
