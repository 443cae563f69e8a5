//! A signal's place in its call, in the view of whoever sends it.

use std::sync::Arc;

use super::super::cost::{breaks, is_broken};
use super::super::handed::{ASTRAY, LOST, RENAMED};

use super::super::room::PATIENCE;
use super::super::track::{Outcome, Sight, Track};
use super::gaps::GAP;
use super::sent::Said;
use super::tracks::{addressed, end_others, place_of};
use super::unfinished::{LATEST, UNANSWERED};
use super::{Actor, Call, Parties, REMEMBERED, Spoilt, arrival, request};
use crate::protocol::{Act, Decoded, Kind, Reason, Role, Ruling, State, TOLERANCE, View};
use crate::rules::{Blame, Finding, Level};
use crate::stanza::{bare, fold, print, resource};
use crate::transcript::Witness;

const GARBLED: &str = "what it sent between the two, and cannot be read, may have been a mute-change";

impl Parties {
    /// Its place in the call (ST, TM). The answer says what it does to views if it is out of place.
    pub(super) fn order(
        &mut self,
        said: &Said<'_>,
        doubtful: bool,
        findings: &mut Vec<Finding>,
    ) -> Option<Spoilt> {
        let (actor, event, stanza, form) = (said.actor, said.event, said.stanza, said.form);
        let (act, id) = (form.decoded().act()?, form.decoded().facts.call.clone()?);
        let to = fold(stanza.to().unwrap_or_default());
        let own = bare(&actor.jid).to_owned();
        if let Some(finding) = self.outsider(said, &act, &id, &to) {
            // Whoever gets it may take it for one of the other side's.
            let spoilt = match finding.excuse {
                Some(_) => Spoilt::Doubtful,
                None => Spoilt::Outside,
            };
            findings.push(finding);
            return Some(spoilt);
        }
        self.said
            .insert(request(actor, stanza), (id.clone(), act.kind == Kind::Initiate));
        let key = (actor.key.clone(), id.clone());
        let told = self.role_in(&id, &own).or(side_of(act.kind));
        let role = told.unwrap_or(Role::Caller);
        findings.extend(self.second_call(said, &id, act.kind));
        let start = self.start(actor, act.kind);
        let (clock_set, enforces, witness) = (self.clock_set, self.enforces, self.witness);
        let turned = self.roll.of(&actor.key).turned;
        let answers = self.answers.are_recorded();
        let garbled = self.garbled.get(&print((&actor.key, &to))).copied();
        let gap = self.gap(&actor.jid, &to);
        let tracks = self.tracks_of(actor, key, false)?;
        let index = place_of(tracks, &to, act.kind, actor.start).unwrap_or_else(|| {
            tracks.push(Track::new(&to, role, actor.sight, event.n, start, clock_set));
            tracks.len() - 1
        });
        let index = addressed(tracks, index, &to, (&act, arrival(event), doubtful));
        // A device that answered, or whose call is over, speaks for the others.
        let silent = |view: &View| matches!(view.state(), State::Idle | State::Ringing);
        let unanswered = act.kind == Kind::Hangup && tracks.iter().flat_map(Track::views).all(silent);
        let track = tracks.get_mut(index)?;
        if let Some(role) = told {
            track.cast(role);
        }
        // Seen from elsewhere, it was sent by the time it came in there, not when it was taken in.
        let at = arrival(event);
        let back = turned.is_some_and(|n| n > track.first);
        track.dated(&act, form.decoded().facts.timestamp, back);
        let gives_up = matches!(act.reason, Some(Reason::Timeout | Reason::Cancelled));
        let rang = rang_for(track, &act, at).filter(|_| unanswered && (gives_up || !said.handed_on()));
        // Of what was on its way to or from it when its connection broke, whoever stands between knows nothing.
        let broke = turned.filter(|_| back && witness == Witness::Between);
        if let Some(n) = broke {
            track.may_have_lost(n);
        }
        // What it leaves unanswered may have got lost with its connection, and so may what it had sent.
        let silent = said.handed_on() && answers && track.waiting();
        let mut out = match broke.is_some() || silent || said.may_follow_lost(&act) {
            true => track.sends_unseen(&act, at, doubtful),
            false => track.send(&act, at, doubtful),
        };
        if let Some(why) = unseen_end(&act, actor, track, enforces)
            && is_broken(&out.rulings)
        {
            out.excuse.get_or_insert_with(|| why.to_owned());
        }
        let after_gap = is_broken(&out.rulings) && gap.is_some_and(|n| n > track.first);
        if after_gap {
            out.excuse.get_or_insert_with(|| GAP.to_owned());
        }
        if act.kind == Kind::MuteChange {
            let unread = garbled.is_some_and(|n| n > track.muted);
            if unread && breaks(&out.rulings, "ST-14") {
                out.excuse.get_or_insert_with(|| GARBLED.to_owned());
            }
            track.muted = event.n;
        }
        let reached = track.reached();
        let first = track.first;
        let states: Vec<State> = track.views().map(|view| view.state()).collect();
        if act.kind == Kind::Hangup && out.effect.1 && resource(&to).is_none() {
            end_others(tracks, index, &to, (&act, at, doubtful));
        }
        if act.kind == Kind::Accept && out.effect.1 {
            self.take_up(&actor.key, &id);
        }
        findings.extend(said.out_of_place(&out, first, &|| seen_words(form.decoded(), &states)));
        findings.extend(rang.and_then(|rang| self.rang_on(said, &id, first, rang)));
        // Of a session that began before the recording it is not always known whose it is.
        let begins = act.kind == Kind::Initiate && out.effect.1 && !own.is_empty();
        if begins && self.calls.get(&id).is_none() {
            let users = (own, bare(&to).to_owned());
            let ids = ids_of(form.decoded(), findings);
            self.calls.insert(id, Call { users, ids });
        }
        if let Some(n) = reached {
            self.reach(&actor.key, &to, n, arrival(event));
        }
        match out.effect {
            (true, false) if !after_gap => Some(Spoilt::OutOfOrder),
            (false, true) => None,
            _ => Some(Spoilt::Doubtful),
        }
    }

    /// A signal on a call of others, or a call of its own under the id of another.
    fn outsider(&self, said: &Said<'_>, act: &Act, id: &Arc<str>, to: &str) -> Option<Finding> {
        let Call { users, ids } = self.calls.get(id)?;
        let actor = said.actor;
        let (own, kind) = (bare(&actor.jid), act.kind);
        // Whose session it is, the recording does not say.
        if !own.contains('@') {
            return None;
        }
        if own != users.0 && own != users.1 {
            let rule = if kind == Kind::Initiate { "ST-10" } else { "ST-11" };
            let tracks = self.tracks.get(&(actor.key.clone(), id.clone()));
            let called = tracks.is_some_and(|tracks| tracks.iter().any(|track| track.called));
            let mut finding = said.finding(
                rule,
                format!(
                    "{} sends {} on a call between {} and {}.",
                    actor.name,
                    kind.name(),
                    users.0,
                    users.1
                ),
                "signals from the two parties of the call only",
                format!("{} from {}", kind.name(), actor.jid),
            );
            // Seen from one end only, one that gives a party's id may be that party's, in the name of another.
            let given = said
                .form
                .decoded()
                .facts
                .sender
                .as_ref()
                .map(|id| id.to_lowercase());
            let party = given
                .zip(ids.as_ref())
                .is_some_and(|(id, (a, b))| id == *a || id == *b);
            let unsure = party && said.handed_on() && self.witness != Witness::Signals;
            finding.excuse = match unsure {
                _ if called => Some(ASTRAY.to_owned()),
                true => Some(RENAMED.to_owned()),
                false => None,
            };
            return Some(finding);
        }
        let others = bare(to) != users.0 && bare(to) != users.1;
        (kind == Kind::Initiate && others && to.contains('@')).then(|| {
            said.finding(
                "ST-10",
                format!(
                    "{} calls {} with the callId of another call.",
                    actor.name,
                    bare(to)
                ),
                "a new callId for each call",
                format!("callId {id}, in use with {}", users.1),
            )
        })
    }

    /// A client that ends a call which nobody answered, and too late (TM-02). `first`: the initiate's event; `rang`: how long
    /// it has rung by then, and the least that it can have.
    fn rang_on(&self, said: &Said<'_>, id: &Arc<str>, first: u64, rang: (f64, f64)) -> Option<Finding> {
        let actor = said.actor;
        let side = (actor.key.clone(), id.clone());
        // What came back rings nowhere; whoever came anew since then knows of no call.
        let came = self.roll.of(&actor.key).came;
        if self.bounced.get(&side).is_some() || came.is_some_and(|n| n > first) {
            return None;
        }
        let mut finding = said.finding(
            "TM-02",
            format!("{} lets a call ring on that nobody answers.", actor.name),
            LATEST,
            format!("a hangup after {:.1} s", rang.0),
        );
        finding.events.insert(0, first);
        finding.excuse = self.unended(&side).or_else(|| match () {
            () if self.broke => Some("its connection had broken".to_owned()),
            () if said.handed_on() => Some("another device of the callee had answered it".to_owned()),
            () if rang.1 <= UNANSWERED => Some("its hangup was under way for some seconds".to_owned()),
            () => None,
        });
        Some(finding)
    }

    /// A client that is in a call and picks up another one (ST-13).
    fn second_call(&self, said: &Said<'_>, id: &str, kind: Kind) -> Option<Finding> {
        let actor = said.actor;
        if kind != Kind::Accept || actor.sight == Sight::Exact {
            return None;
        }
        let came = self.roll.of(&actor.key).came.unwrap_or_default();
        let other = self.taken_up.get(&actor.key)?.iter().find(|call| {
            let side = (actor.key.clone(), Arc::clone(call));
            let tracks = self.tracks.get(&side);
            ***call != *id
                && self.bounced.get(&side).is_none()
                && !self.is_gap_in(&side)
                && tracks.into_iter().flatten().any(|track| {
                    let live = |s: State| matches!(s, State::Accepted | State::Offered | State::Answered);
                    // Whoever came anew since then knows of no call.
                    !track.half && track.first > came && track.always(live)
                })
        })?;
        let mut finding = said.finding(
            "ST-13",
            format!("{} accepts a second call while it is in one.", actor.name),
            "busy",
            format!("accept, during the call {other}"),
        );
        let lost = self.broke && self.is_handed_on(actor);
        finding.excuse = lost.then(|| LOST.to_owned());
        Some(finding)
    }

    /// Remembers that this party is in this call, and forgets those that are over.
    pub(super) fn take_up(&mut self, key: &Arc<str>, call: &Arc<str>) {
        let calls = self.taken_up.entry(Arc::clone(key)).or_default();
        let tracks = &self.tracks;
        calls.retain(|old| {
            let tracks = tracks.get(&(Arc::clone(key), old.clone()));
            let mut views = tracks.into_iter().flatten().flat_map(Track::views);
            old != call && views.any(|view| view.state() != State::Ended)
        });
        calls.push(Arc::clone(call));
        if self.taken_up.len() > REMEMBERED {
            self.taken_up.clear();
        }
    }
}

impl Said<'_> {
    /// What its place in the call is held against it. `first`: the event with which that began.
    fn out_of_place(&self, out: &Outcome, first: u64, seen: &dyn Fn() -> String) -> Vec<Finding> {
        let breaches = out.rulings.iter().filter_map(|ruling| match ruling {
            Ruling::Legal => None,
            Ruling::Ambiguous(breach) => Some((breach, true)),
            Ruling::Breach(breach) => Some((breach, false)),
        });
        let told = breaches.map(|(breach, ambiguous)| {
            let message = format!("{}: {}.", self.actor.name, breach.why);
            let mut finding = self.finding(breach.rule, message, &breach.wanted, seen());
            finding.events.extend([first].into_iter().chain(out.after));
            finding.events.sort_unstable();
            finding.events.dedup();
            finding.excuse.clone_from(&out.excuse);
            if ambiguous || out.crossed {
                finding.level = Level::Info;
                finding.blame = Blame::Nobody;
            }
            finding
        });
        told.collect()
    }
}

/// How long a client that hangs up here has let it ring with nobody answering, and the least that it can have, in seconds;
/// `None`: not too long, or nothing rang in some order of events.
fn rang_for(track: &Track, act: &Act, at: f64) -> Option<(f64, f64)> {
    let ends = act.kind == Kind::Hangup && track.role == Role::Caller && !track.half && !track.waiting();
    if !ends || track.sight() == Sight::Exact || track.views().any(|view| view.state() != State::Ringing) {
        return None;
    }
    let rang = at - track.views().filter_map(|view| view.initiated_at()).next()?;
    let least = match track.sight() == Sight::Far {
        true => rang - PATIENCE,
        false => rang,
    };
    (rang > UNANSWERED + TOLERANCE).then_some((rang, least))
}

/// Who sends such a signal, where only one side does.
pub(super) fn side_of(kind: Kind) -> Option<Role> {
    match kind {
        Kind::Accept | Kind::Reject | Kind::Busy | Kind::Answer => Some(Role::Callee),
        Kind::Initiate | Kind::Offer => Some(Role::Caller),
        Kind::IceCandidate | Kind::Hangup | Kind::MuteChange => None,
    }
}

/// The ids that an initiate gives: sender, recipient. Ids that are known to be wrong bind nobody: the other side may well
/// give the right ones.
fn ids_of(decoded: &Decoded, findings: &[Finding]) -> Option<(String, String)> {
    let wrong = |found: &Finding| matches!(found.rule.id, "SG-11" | "SG-13" | "SG-14");
    let ids = decoded
        .facts
        .sender
        .as_ref()
        .zip(decoded.facts.recipient.as_ref());
    ids.filter(|_| !findings.iter().any(wrong))
        .map(|(a, b)| (a.to_lowercase(), b.to_lowercase()))
}

/// What may have ended the call for this one unseen, so that its hangup answers that one.
fn unseen_end(act: &Act, actor: &Actor, track: &Track, enforces: bool) -> Option<&'static str> {
    if act.kind != Kind::Hangup {
        return None;
    }
    if enforces && !actor.first_hand {
        return Some(match act.duration {
            None => "the server had ended the call towards it with this reason",
            Some(_) => "the server had kept its answer back, which came too late for the other side",
        });
    }
    if act.duration.is_some() {
        return None;
    }
    let earlier = "the other side had ended the call before the recording began";
    (track.half && track.sight() == Sight::Far).then_some(earlier)
}

fn seen_words(decoded: &Decoded, states: &[State]) -> String {
    let facts = &decoded.facts;
    let kind = facts.kind.map_or("a signal", Kind::name);
    let reason = facts.reason.map(Reason::wire).unwrap_or_default();
    let mut states: Vec<String> = states
        .iter()
        .map(|state| format!("{state:?}").to_lowercase())
        .collect();
    states.sort_unstable();
    states.dedup();
    format!("{kind} {reason}").trim_end().to_owned()
        + &format!(", the call {} in its view", states.join(" or "))
}
