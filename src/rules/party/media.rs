//! What each party has described of its media in a call, and what follows for what it says next: whether an answer
//! fits an offer, a description the one before it, a candidate a description.
//!
//! What a party has said is known in its order, whoever watched. Which offer an answer answers is not, nor which
//! description a candidate was gathered for: what one possible reading allows is no finding.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::recent::Recent;
use crate::protocol::sdp::{self, Description, Lint};
use crate::protocol::{Decoded, Facts, Kind};
use crate::rules::Finding;

/// Calls whose media are remembered at once.
const CALLS: usize = 1_024;
/// Devices of one call that are followed.
const PARTIES: usize = 8;
/// Descriptions of one party that are kept.
const SAID: usize = 16;
/// Candidates of one party that are told apart.
const CANDIDATES: usize = 1_024;
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

#[derive(Debug, Clone)]
struct Said {
    n: u64,
    offer: bool,
    description: Arc<Description>,
    /// Offer and answer have met: nothing before it comes back.
    settled: bool,
    /// It was out of its place: it binds nobody, though somebody may have answered it.
    stray: bool,
}

/// What a candidate named that no description of its sender has yet.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Need {
    Section(Option<String>, Option<u16>),
    Ufrag(String),
}

impl Need {
    fn met(&self, description: &Description) -> bool {
        match self {
            Need::Section(mid, index) => section(description, mid.as_deref(), *index) == Ok(()),
            Need::Ufrag(ufrag) => description.has_ufrag(ufrag),
        }
    }
}

/// One device in one call.
#[derive(Debug, Default)]
struct Party {
    key: String,
    user: String,
    said: VecDeque<Said>,
    /// Whether it opened the DTLS connection in the last exchange.
    client: Option<bool>,
    trickled: bool,
    /// It has hidden a local address behind a name.
    hides: bool,
    /// Digests of the candidates it has sent.
    candidates: HashSet<u64>,
    /// Section and generation whose candidates have ended, and the event that said so; no section: all.
    ended: Vec<(Option<String>, Option<String>, u64)>,
    pending: VecDeque<(Need, Finding)>,
}

impl Party {
    /// The descriptions that may be in force: the last that both sides settled, and what was said since.
    fn in_force(&self) -> impl Iterator<Item = &Said> {
        let from = self.said.iter().rposition(|said| said.settled).unwrap_or(0);
        self.said.iter().skip(from).filter(|said| !said.stray)
    }

    fn settled(&self) -> Option<&Said> {
        self.said.iter().rev().find(|said| said.settled)
    }

    /// What it said last in its place.
    fn latest(&self) -> Option<&Said> {
        self.said.iter().rev().find(|said| !said.stray)
    }

    fn last(&self) -> Option<&Description> {
        self.latest().map(|said| said.description.as_ref())
    }

    /// The generation that a candidate without a user name belongs to: its section's in the last description.
    fn generation(&self, facts: &Facts) -> Option<String> {
        let own = facts.ice.as_ref().and_then(|ice| ice.ufrag.clone());
        facts.username_fragment.clone().or(own).or_else(|| {
            let last = self.last()?;
            let index = index_of(last, facts).unwrap_or(0);
            last.ufrag(index).map(str::to_owned)
        })
    }
}

/// What was found, and what was put to the test.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// Each with events beside its own.
    pub lints: Vec<(Lint, Vec<u64>)>,
    /// What is broken unless a description that makes it right follows.
    waiting: Vec<(Need, Lint)>,
    pub tested: Vec<&'static str>,
}

impl Look {
    fn say(&mut self, lints: Vec<Lint>, events: &[u64]) {
        let events = events.to_vec();
        self.lints
            .extend(lints.into_iter().map(|lint| (lint, events.clone())));
    }

    /// Whether something is said against this rule, or may yet be.
    pub fn doubts(&self, rule: &str) -> bool {
        self.waiting.iter().any(|(_, lint)| lint.rule == rule)
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

    fn candidate(
        &self,
        own: Option<&Party>,
        parties: &[Party],
        who: Speaker<'_>,
        facts: &Facts,
        look: &mut Look,
    ) {
        let more = facts.candidate.as_ref().is_some_and(|text| !text.is_empty());
        if let Some(ice) = &facts.ice
            && ice.is_host()
            && ice.place.is_private()
            && (self.mdns || own.is_some_and(|own| own.hides))
        {
            let what = "a host candidate shows an address of the local network";
            look.say(vec![Lint::info("SD-14", what)], &[]);
        }
        let Some(own) = own else { return };
        if own.in_force().all(|said| !said.description.whole) {
            return;
        }
        place(own, facts, look);
        generation(own, facts, look);
        trickle(own, parties, who, look);
        component(own, facts, look);
        if !more {
            return;
        }
        look.tested.extend(["SD-41", "SD-42"]);
        let generation = own.generation(facts);
        let here = section_key(own, facts);
        let over = own
            .ended
            .iter()
            .find(|(section, ended, _)| (section.is_none() || *section == here) && *ended == generation);
        if let Some((_, _, n)) = over {
            let what = "a candidate follows the end of candidates of its section";
            look.say(vec![Lint::must("SD-41", what)], &[*n]);
        } else if let Some(digest) = digest(own, facts)
            && own.candidates.contains(&digest)
        {
            let what = "the candidate has been sent before";
            look.say(vec![Lint::should("SD-42", what)], &[]);
        }
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
                    said.settled = !said.stray;
                }
                party.client = role.map(|client| !client).or(party.client);
            }
            if let Some(party) = parties.get_mut(at) {
                party.client = role.or(party.client);
            }
        }
        let Some(party) = parties.get_mut(at) else { return };
        for (need, lint) in look.waiting {
            if party.pending.len() < PENDING && !stray {
                party.pending.push_back((need, finding(&lint)));
            }
        }
        if kind == Kind::IceCandidate {
            party.remember(facts, who.n);
        } else if let Some(description) = facts.description.clone() {
            party.pending.retain(|(need, _)| !need.met(&description));
            if party.said.len() == SAID {
                party.said.pop_front();
            }
            party.said.push_back(Said {
                n: who.n,
                offer: kind == Kind::Offer,
                description,
                settled: answered.is_some(),
                stray,
            });
        }
    }

    /// What no description has made right in the end.
    pub fn finish(&mut self) -> Vec<Finding> {
        let mut left = Vec::new();
        for parties in self.calls.drain() {
            for party in parties {
                left.extend(party.pending.into_iter().map(|(_, finding)| finding));
            }
        }
        left
    }
}

impl Party {
    fn remember(&mut self, facts: &Facts, n: u64) {
        self.trickled = true;
        let Some(text) = &facts.candidate else { return };
        if self.latest().is_none() {
            return;
        }
        if text.is_empty() {
            let key = section_key(self, facts);
            let generation = self.generation(facts);
            if self.ended.len() < CANDIDATES {
                self.ended.push((key, generation, n));
            }
        } else if let Some(digest) = digest(self, facts)
            && self.candidates.len() < CANDIDATES
        {
            self.candidates.insert(digest);
        }
        self.hides |= facts
            .ice
            .as_ref()
            .is_some_and(|ice| ice.place == crate::protocol::candidate::Place::Local);
    }
}

/// What tells a candidate from every other of its sender.
fn digest(own: &Party, facts: &Facts) -> Option<u64> {
    let ice = facts.ice.as_ref()?;
    let mut hasher = DefaultHasher::new();
    (&ice.core, section_key(own, facts), own.generation(facts)).hash(&mut hasher);
    Some(hasher.finish())
}

/// The section that a candidate names, in the words of the last description.
fn section_key(own: &Party, facts: &Facts) -> Option<String> {
    if let Some(mid) = &facts.sdp_mid {
        return Some(mid.clone());
    }
    let index = facts.sdp_m_line_index?;
    let section = own.last().and_then(|last| last.sections.get(usize::from(index)));
    Some(
        section
            .and_then(|section| section.mid.clone())
            .unwrap_or(format!("#{index}")),
    )
}

fn index_of(description: &Description, facts: &Facts) -> Option<usize> {
    let by_mid = facts.sdp_mid.as_deref().and_then(|mid| description.by_mid(mid));
    by_mid.or(facts.sdp_m_line_index.map(usize::from))
}

/// Whether mid and index name one section of this description.
fn section(description: &Description, mid: Option<&str>, index: Option<u16>) -> Result<(), String> {
    let count = description.sections.len();
    let index = index.map(usize::from);
    // Sections without a mid get one at the other end: what it says of them is not known.
    let nameless = description.sections.iter().any(|section| section.mid.is_none());
    match (mid, index) {
        _ if !description.whole => Ok(()),
        (None, None) => Ok(()),
        (Some(mid), index) => match (description.by_mid(mid), index) {
            (Some(found), Some(index)) if found != index => Err(format!(
                "`sdpMid` names section {} and `sdpMLineIndex` section {}",
                found + 1,
                index + 1
            )),
            (Some(_), _) => Ok(()),
            (None, _) if nameless => Ok(()),
            (None, _) => Err("`sdpMid` names no section of its sender's description".to_owned()),
        },
        (None, Some(index)) if index < count => Ok(()),
        (None, Some(index)) => Err(format!(
            "`sdpMLineIndex` is {index}, and its sender's description has {count} sections"
        )),
    }
}

fn place(own: &Party, facts: &Facts, look: &mut Look) {
    let (mid, index) = (facts.sdp_mid.as_deref(), facts.sdp_m_line_index);
    if mid.is_none() && index.is_none() {
        return;
    }
    look.tested.push("SD-11");
    let mut wrong = None;
    for said in own.in_force() {
        match section(&said.description, mid, index) {
            Ok(()) => return,
            Err(what) => wrong = Some(what),
        }
    }
    if let Some(what) = wrong {
        let need = Need::Section(mid.map(str::to_owned), index);
        look.waiting.push((need, Lint::must("SD-11", what)));
    }
}

fn generation(own: &Party, facts: &Facts, look: &mut Look) {
    let inner = facts.ice.as_ref().and_then(|ice| ice.ufrag.as_ref());
    let Some(ufrag) = facts.username_fragment.as_ref().or(inner) else {
        return;
    };
    look.tested.push("SD-13");
    if inner.is_some_and(|inner| inner != ufrag) {
        let what = "`usernameFragment` is not the `ufrag` of the candidate itself";
        look.say(vec![Lint::should("SD-13", what)], &[]);
        return;
    }
    let known = |said: &Said| !said.description.whole || said.description.has_ufrag(ufrag);
    if !own.in_force().any(known) {
        let before = own.said.iter().any(known);
        let what = if before {
            "the candidate belongs to a description that is no longer in force"
        } else {
            "the candidate's ICE user name stands in no description of its sender"
        };
        look.waiting
            .push((Need::Ufrag(ufrag.clone()), Lint::should("SD-13", what)));
    }
}

/// Whoever trickles says so: an answer only where the offer did.
fn trickle(own: &Party, parties: &[Party], who: Speaker<'_>, look: &mut Look) {
    let (Some(said), false) = (own.latest(), own.trickled) else {
        return;
    };
    let offered = said.offer
        || best(parties, who, &said.description)
            .and_then(|(other, offer, _)| parties.get(other)?.said.get(offer))
            .is_some_and(|offer| offer.description.trickles());
    if offered && said.description.whole && !said.description.trickles() {
        let what = "candidates trickle, and the description of their sender does not say that they may";
        look.say(vec![Lint::info("SD-35", what)], &[said.n]);
    }
}

/// RTP has component 1, RTCP component 2 where it has a port of its own, data component 1.
fn component(own: &Party, facts: &Facts, look: &mut Look) {
    let (Some(ice), Some(said)) = (&facts.ice, own.latest()) else {
        return;
    };
    let description = &said.description;
    let Some(index) = index_of(description, facts) else {
        return;
    };
    let Some(section) = description.sections.get(index) else {
        return;
    };
    look.tested.push("SD-38");
    let alone = !section.is_rtp() || (!said.offer && description.mux(index));
    let most = if alone { 1 } else { 2 };
    if ice.component > most {
        look.say(
            vec![Lint::should(
                "SD-38",
                format!(
                    "a candidate for component {}, where there are {most}",
                    ice.component
                ),
            )],
            &[said.n],
        );
    }
}

/// The offer of somebody else that this answer fits best: whose, which, and what does not fit.
fn best(parties: &[Party], who: Speaker<'_>, answer: &Description) -> Option<(usize, usize, Vec<Lint>)> {
    let offers = |open: bool| {
        let others = parties
            .iter()
            .enumerate()
            .filter(|(_, party)| party.user != who.user);
        others.flat_map(move |(other, party)| {
            let said = party.said.iter().enumerate();
            said.filter(move |(_, said)| said.offer && said.settled != open && said.n < who.n)
                .map(move |(index, said)| (other, index, said))
        })
    };
    let judged = |(other, index, said): (usize, usize, &Said)| {
        let readable = answer.whole && said.description.whole;
        let lints = if readable {
            sdp::answers(&said.description, answer)
        } else {
            Vec::new()
        };
        (other, index, said.n, lints)
    };
    // Each offer is answered once; what was answered already is looked at only where nothing else is.
    let choose = |open: bool| {
        offers(open)
            .map(judged)
            .min_by_key(|(_, _, n, lints)| (lints.len(), u64::MAX - n))
    };
    let (other, index, _, lints) = choose(true).or_else(|| choose(false))?;
    Some((other, index, lints))
}

/// An answer against the offer that it answers.
fn exchange(own: Option<&Party>, parties: &[Party], who: Speaker<'_>, answer: &Description, look: &mut Look) {
    let Some((other, index, lints)) = best(parties, who, answer) else {
        return;
    };
    let Some((offerer, said)) = parties
        .get(other)
        .and_then(|party| party.said.get(index).map(|said| (party, said)))
    else {
        return;
    };
    if !said.description.whole {
        return;
    }
    look.tested.extend([
        "SD-05", "SD-09", "SD-22", "SD-23", "SD-24", "SD-26", "SD-27", "SD-31", "SD-32", "SD-54",
    ]);
    let fits = lints.is_empty();
    look.say(lints, &[said.n]);
    // What each side had before: only where both had settled something.
    let before = offerer.said.iter().take(index).rev().find(|said| said.settled);
    let (Some(theirs), Some(mine)) = (before, own.and_then(Party::settled)) else {
        return;
    };
    if !fits || !theirs.description.whole || !mine.description.whole {
        return;
    }
    let offers = (theirs.description.as_ref(), said.description.as_ref());
    let answers = (mine.description.as_ref(), answer);
    let events = [theirs.n, mine.n, said.n];
    look.tested.push("SD-44");
    look.say(sdp::restarted(offers, answers), &events);
    if let Some(client) = own.and_then(|own| own.client) {
        look.tested.push("SD-55");
        look.say(sdp::roles(client, offers, answers), &events);
    }
}

/// A description against what its sender said before.
fn succession(
    own: Option<&Party>,
    parties: &[Party],
    who: Speaker<'_>,
    next: &Description,
    offer: bool,
    look: &mut Look,
) {
    let Some(own) = own else { return };
    let Some(before) = own
        .settled()
        .or(own.said.back())
        .filter(|said| said.description.whole)
    else {
        return;
    };
    let alike = own
        .said
        .iter()
        .rev()
        .find(|said| said.offer == offer && !said.stray);
    let alike = alike.map(|said| said.description.as_ref()).filter(|d| d.whole);
    let peer = parties.iter().filter(|party| party.user != who.user);
    let peer = peer
        .filter_map(|party| party.said.back())
        .max_by_key(|said| said.n);
    look.tested.extend(["SD-25", "SD-28", "SD-29", "SD-43"]);
    let lints = sdp::succeeds(
        &before.description,
        alike,
        next,
        offer,
        peer.map(|said| said.description.as_ref()),
    );
    look.say(lints, &[before.n]);
}
