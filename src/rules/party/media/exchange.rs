//! A description against the offer that it answers, and against those before it.

use std::cmp::Reverse;

use super::said::{Party, Said};
use super::{Look, Speaker};
use crate::protocol::sdp::{self, Description, Lint};

/// The offer of somebody else that this answer fits best: whose, which, and what does not fit.
pub(super) fn best(
    parties: &[Party],
    who: Speaker<'_>,
    answer: &Description,
) -> Option<(usize, usize, Vec<Lint>)> {
    let offers = |open: bool| {
        let others = parties
            .iter()
            .enumerate()
            .filter(|(_, party)| party.user != who.user);
        others.flat_map(move |(other, party)| {
            let said = party.said.iter().enumerate();
            said.filter(move |(_, said)| said.offer && said.settled.is_some() != open)
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
            .min_by_key(|(_, _, n, lints)| (lints.len(), Reverse(*n)))
    };
    let (other, index, _, lints) = choose(true).or_else(|| choose(false))?;
    Some((other, index, lints))
}

/// An answer against the offer that it answers.
pub(super) fn exchange(
    own: Option<&Party>,
    parties: &[Party],
    who: Speaker<'_>,
    answer: &Description,
    look: &mut Look,
) {
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
    let before = offerer
        .said
        .iter()
        .take(index)
        .rev()
        .find(|said| said.settled.is_some());
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
pub(super) fn succession(
    own: Option<&Party>,
    parties: &[Party],
    who: Speaker<'_>,
    next: &Description,
    offer: bool,
    look: &mut Look,
) {
    let Some(own) = own else { return };
    // Whoever answers has taken back an offer of its own that had no answer (RFC 9429 §4.1.10.2).
    let last = own.said.iter().rev().find(|said| !said.stray);
    let last = last.filter(|said| offer || !said.offer);
    let Some(before) = own.settled().or(last).filter(|said| said.description.whole) else {
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
