//! What each party has described of its media in a call, and what follows for what it says next: whether an answer
//! fits an offer, a description the one before it, a candidate a description.
//!
//! What a party has said is known in its order, whoever watched. Which offer an answer answers is not, nor which
//! description a candidate was gathered for: what one possible reading allows is no finding.

mod candidate;
mod exchange;
mod said;

use super::recent::Recent;
use crate::protocol::sdp::{self, Description, Lint};
use crate::protocol::{Decoded, Kind};
use crate::rules::Finding;

use exchange::{best, exchange, succession};
pub(super) use said::Pending;
use said::{Crossed, Need, Party, Said};

/// Calls whose media are remembered at once.
const CALLS: usize = 1_024;
/// Devices of one call that are followed.
const PARTIES: usize = 8;
/// Findings of one party that wait for a description.
const PENDING: usize = 64;

/// Who speaks, on which call, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Speaker<'a> {
    pub call: &'a str,
    pub key: &'a str,
    /// The bare JID.
    pub user: &'a str,
    pub n: u64,
}

/// What was found, and what was put to the test.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// Each with events beside its own.
    pub lints: Vec<(Lint, Vec<u64>)>,
    /// What is broken unless a description that makes it right follows.
    waiting: Vec<(Need, Option<Crossed>, Lint)>,
    pub tested: Vec<&'static str>,
}

impl Look {
    fn say(&mut self, lints: Vec<Lint>, events: &[u64]) {
        let events = events.to_vec();
        self.lints
            .extend(lints.into_iter().map(|lint| (lint, events.clone())));
    }

    /// The party had taken in what came to it up to this event, which is asked for where it makes a difference.
    pub fn taken_in(&mut self, up_to: impl Fn() -> u64) {
        for (_, crossed, _) in &mut self.waiting {
            *crossed = crossed.filter(|answer| *answer > up_to());
        }
    }

    /// Whether something is said against this rule, or may yet be.
    pub fn doubts(&self, rule: &str) -> bool {
        self.waiting.iter().any(|(.., lint)| lint.rule == rule)
    }
}

#[derive(Debug)]
pub(super) struct Media {
    calls: Recent<String, Vec<Party>>,
    /// The profile says that local addresses are hidden.
    mdns: bool,
}

impl Media {
    pub fn new(mdns: bool) -> Media {
        Media {
            calls: Recent::new(CALLS),
            mdns,
        }
    }

    /// What is wrong with a signal beside its form; nothing is remembered.
    pub fn look(&self, who: Speaker<'_>, decoded: &Decoded) -> Look {
        let mut look = Look::default();
        let facts = &decoded.facts;
        let parties = self.calls.get(who.call).map_or(&[][..], Vec::as_slice);
        let own = parties.iter().find(|party| party.key == who.key);
        match (facts.kind, facts.description.as_deref()) {
            (Some(Kind::Offer), Some(offer)) if offer.whole => {
                let first = own.is_none_or(|own| own.latest().is_none());
                look.tested.extend(offer.touched());
                look.tested.extend(first.then_some("SD-04"));
                look.say(sdp::begins(offer, first), &[]);
                succession(own, parties, who, offer, true, &mut look);
            }
            (Some(Kind::Answer), Some(answer)) if answer.whole => {
                look.tested.extend(answer.touched());
                exchange(own, parties, who, answer, &mut look);
                succession(own, parties, who, answer, false, &mut look);
            }
            (Some(Kind::IceCandidate), _) if facts.candidate.is_some() => {
                self.candidate(own, parties, who, facts, &mut look);
            }
            _ => {}
        }
        look
    }

    /// Remembers a signal; `stray`: it was out of its place in the call. `finding` makes a finding of a lint.
    pub fn note(
        &mut self,
        who: Speaker<'_>,
        decoded: &Decoded,
        look: Look,
        stray: bool,
        finding: impl Fn(&Lint) -> Finding,
    ) {
        let facts = &decoded.facts;
        let kind = match facts.kind {
            Some(kind @ Kind::Offer) => kind,
            Some(kind @ (Kind::Answer | Kind::IceCandidate)) if !stray => kind,
            _ => return,
        };
        let parties = self.calls.entry(who.call.to_owned(), Vec::new);
        let at = match parties.iter().position(|party| party.key == who.key) {
            Some(at) => at,
            None if parties.len() < PARTIES => {
                parties.push(Party {
                    key: who.key.to_owned(),
                    user: who.user.to_owned(),
                    ..Party::default()
                });
                parties.len() - 1
            }
            None => return,
        };
        let answered = match (kind, facts.description.as_deref()) {
            (Kind::Answer, Some(answer)) => best(parties, who, answer),
            _ => None,
        };
        if let Some((other, offer, _)) = answered {
            let role = facts
                .description
                .as_deref()
                .and_then(Description::opens_connection);
            if let Some(party) = parties.get_mut(other) {
                if let Some(said) = party.said.get_mut(offer) {
                    said.settled = (!said.stray).then_some(who.n);
                }
                party.client = role.map(|client| !client).or(party.client);
            }
            if let Some(party) = parties.get_mut(at) {
                party.client = role.or(party.client);
            }
        }
        let Some(party) = parties.get_mut(at) else { return };
        for (need, crossed, lint) in look.waiting {
            if party.pending.len() < PENDING && !stray {
                let (n, finding) = (who.n, finding(&lint));
                party.pending.push(Pending {
                    need,
                    crossed,
                    n,
                    finding,
                });
            }
        }
        if kind == Kind::IceCandidate {
            party.remember(facts, who.n);
        } else {
            // One that cannot be read may have said anything.
            let description = facts.description.clone().unwrap_or_default();
            party.pending.retain(|pending| !pending.need.met(&description));
            party.describes(Said {
                n: who.n,
                offer: kind == Kind::Offer,
                description,
                settled: answered.map(|_| who.n),
                stray,
            });
        }
    }

    /// Whose candidates in this call wait for a description.
    pub fn waiting(&self, call: &str) -> impl Iterator<Item = &str> {
        let parties = self.calls.get(call).into_iter().flatten();
        parties
            .filter(|party| !party.pending.is_empty())
            .map(|party| party.key.as_str())
    }

    /// What no description of this party has made right, now that it gives none any more.
    pub fn settle(&mut self, call: &str, key: &str) -> Vec<Pending> {
        let mut parties = self.calls.get_mut(call).into_iter().flatten();
        let party = parties.find(|party| party.key == key);
        party.map_or_else(Vec::new, |party| std::mem::take(&mut party.pending))
    }

    /// What no description has made right in the end, and whose it is.
    pub fn finish(&mut self) -> Vec<(String, Vec<Pending>)> {
        let parties = self.calls.drain().flatten();
        parties.map(|party| (party.key, party.pending)).collect()
    }
}
