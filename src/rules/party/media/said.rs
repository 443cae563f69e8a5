//! What one device has said of its media in one call, and what of it may be in force.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::protocol::Facts;
use crate::protocol::candidate::Place;
use crate::protocol::sdp::Description;
use crate::rules::Finding;

/// Candidates of one party that are told apart.
const CANDIDATES: usize = 1_024;
/// Descriptions of one party that are kept.
const SAID: usize = 16;

#[derive(Debug, Clone)]
pub(super) struct Said {
    pub n: u64,
    pub offer: bool,
    pub description: Arc<Description>,
    /// Offer and answer have met, at the event of the answer: nothing before it comes back.
    pub settled: Option<u64>,
    /// It was out of its place: it binds nobody, though somebody may have answered it.
    pub stray: bool,
}

/// What a candidate named that no description of its sender has yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Need {
    Section(Option<String>, Option<u16>),
    Ufrag(String),
}

impl Need {
    pub fn met(&self, description: &Description) -> bool {
        match self {
            Need::Section(mid, index) => section(description, mid.as_deref(), *index) == Ok(()),
            Need::Ufrag(ufrag) => description.has_ufrag(ufrag),
        }
    }
}

/// The event of an answer of the other side, until which what a candidate named was in force.
pub(super) type Crossed = u64;

/// What a candidate broke, unless a description makes it right.
#[derive(Debug)]
pub(in crate::rules::party) struct Pending {
    pub(super) need: Need,
    pub crossed: Option<Crossed>,
    /// The candidate's event.
    pub n: u64,
    pub finding: Finding,
}

/// One device in one call.
#[derive(Debug, Default)]
pub(super) struct Party {
    pub key: String,
    pub user: String,
    pub said: VecDeque<Said>,
    /// Whether it opened the DTLS connection in the last exchange.
    pub client: Option<bool>,
    pub trickled: bool,
    /// It has hidden a local address behind a name.
    pub hides: bool,
    /// Digests of the candidates it has sent, and the section of each.
    pub candidates: HashMap<u64, Option<String>>,
    /// Section and generation whose candidates have ended, and the event that said so; no section: all.
    pub ended: Vec<(Option<String>, Option<String>, u64)>,
    pub pending: Vec<Pending>,
}

impl Party {
    /// The descriptions that may be in force: the last that both sides settled, and what was said since.
    pub fn in_force(&self) -> impl Iterator<Item = &Said> {
        let from = self
            .said
            .iter()
            .rposition(|said| said.settled.is_some())
            .unwrap_or(0);
        self.said.iter().skip(from).filter(|said| !said.stray)
    }

    /// The answer of the other side until which something that this holds for was in force.
    pub fn crossed(&self, named: impl Fn(&Said) -> bool) -> Option<Crossed> {
        let own_offer = self.settled().filter(|said| said.offer)?;
        own_offer.settled.filter(|_| self.said.iter().any(named))
    }

    pub fn settled(&self) -> Option<&Said> {
        self.said.iter().rev().find(|said| said.settled.is_some())
    }

    /// What it said last in its place.
    pub fn latest(&self) -> Option<&Said> {
        self.said.iter().rev().find(|said| !said.stray)
    }

    pub fn last(&self) -> Option<&Description> {
        self.latest().map(|said| said.description.as_ref())
    }

    /// The generation that a candidate without a user name belongs to: its section's in the last description.
    pub fn generation(&self, facts: &Facts) -> Option<String> {
        let own = facts.ice.as_ref().and_then(|ice| ice.ufrag.clone());
        facts.username_fragment.clone().or(own).or_else(|| {
            let last = self.last()?;
            let index = index_of(last, facts).unwrap_or(0);
            last.ufrag(index).map(str::to_owned)
        })
    }

    /// A new description comes into force.
    pub fn describes(&mut self, said: Said) {
        if let Some(before) = self.latest().filter(|_| !said.stray) {
            let (before, after) = (Arc::clone(&before.description), &said.description);
            let goes_on = |mid: &Option<String>| goes_on(&before, after, mid.as_deref());
            self.ended.retain(|(mid, ..)| goes_on(mid));
            self.candidates.retain(|_, mid| goes_on(mid));
        }
        if self.said.len() == SAID {
            self.said.pop_front();
        }
        self.said.push_back(said);
    }

    pub fn remember(&mut self, facts: &Facts, n: u64) {
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
            self.candidates.insert(digest, section_key(self, facts));
        }
        self.hides |= facts.ice.as_ref().is_some_and(|ice| ice.place == Place::Local);
    }
}

/// Whether a section, or each of them, goes on with the transport that it had. What was gathered for one that another
/// section of its bundle carries is over with the next description: it may be on its own again.
fn goes_on(before: &Description, after: &Description, mid: Option<&str>) -> bool {
    let carries_itself = |description: &Description, mid: &str| {
        let tag = description.by_mid(mid).and_then(|index| description.tag(index));
        tag.is_none_or(|tag| tag == mid)
    };
    let alone = |mid: &str| carries_itself(before, mid) && carries_itself(after, mid);
    match mid {
        Some(mid) => alone(mid),
        None => {
            let mut mids = after.sections.iter().filter_map(|section| section.mid.as_deref());
            before.sections.len() == after.sections.len()
                && mids.all(|mid| before.by_mid(mid).is_some() && alone(mid))
        }
    }
}

/// What tells a candidate from every other of its sender.
pub(super) fn digest(own: &Party, facts: &Facts) -> Option<u64> {
    let ice = facts.ice.as_ref()?;
    let mut hasher = DefaultHasher::new();
    (&ice.core, section_key(own, facts), own.generation(facts)).hash(&mut hasher);
    Some(hasher.finish())
}

/// The section that a candidate names, in the words of the last description.
pub(super) fn section_key(own: &Party, facts: &Facts) -> Option<String> {
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

pub(super) fn index_of(description: &Description, facts: &Facts) -> Option<usize> {
    let by_mid = facts.sdp_mid.as_deref().and_then(|mid| description.by_mid(mid));
    by_mid.or(facts.sdp_m_line_index.map(usize::from))
}

/// Whether mid and index name one section of this description.
pub(super) fn section(
    description: &Description,
    mid: Option<&str>,
    index: Option<u16>,
) -> Result<(), String> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{decode, sample};

    #[test]
    fn of_a_flood_of_candidates_so_many_are_told_apart() {
        let mut party = Party::default();
        let offer =
            serde_json::json!({"type": "call:offer", "payload": {"sdp": sample::offer(), "type": "offer"}});
        party.said.push_back(Said {
            n: 1,
            offer: true,
            description: decode(&offer.to_string())
                .facts
                .description
                .expect("a description"),
            settled: None,
            stray: false,
        });
        for n in 0..1_100 {
            let says = |candidate: String| {
                let payload = serde_json::json!({"candidate": candidate, "sdpMid": "0"});
                decode(&serde_json::json!({"type": "call:ice-candidate", "payload": payload}).to_string())
            };
            let new = says(format!("candidate:1 1 udp 1 192.0.2.7 {} typ host", n + 1));
            party.remember(&new.facts, n);
            party.remember(&says(String::new()).facts, n);
        }
        assert_eq!((party.candidates.len(), party.ended.len()), (1_024, 1_024));
    }
}
