//! A candidate against the descriptions of its sender and the candidates before it.

use super::exchange::best;
use super::said::{Need, Party, Said, digest, index_of, section, section_key};
use super::{Look, Media, Speaker};
use crate::protocol::Facts;
use crate::protocol::sdp::Lint;

impl Media {
    pub(super) fn candidate(
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
            && own.candidates.contains_key(&digest)
        {
            let what = "the candidate has been sent before";
            look.say(vec![Lint::should("SD-42", what)], &[]);
        }
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
        let crossed = own.crossed(|said| need.met(&said.description));
        look.waiting.push((need, crossed, Lint::must("SD-11", what)));
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
        let need = Need::Ufrag(ufrag.clone());
        look.waiting
            .push((need, own.crossed(known), Lint::should("SD-13", what)));
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
