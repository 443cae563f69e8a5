//! Follows every party of the transcript, whether its own wire was recorded or only the other end.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::answers::{Answers, Due, found};
use super::beam::Inbound;
use super::form::{self, Form};
use super::media::{Media, Speaker};
use super::recent::Recent;
use super::track::{Sight, Start, Track};
use crate::protocol::sdp::Lint;
use crate::protocol::{Fault, Kind, Reason, Role, Ruling, State, unix_seconds};
use crate::rules::{Blame, Family, Finding, Level, Record, Seen, Spoken, rule};
use crate::stanza::{IqType, Stanza, bare, fold, resource};
use crate::transcript::{Dir, Event, Header, Member, Party, Witness};

/// Calls and stanza ids that are remembered at once: what is older is not looked up any more.
const REMEMBERED: usize = 65_536;
/// Signals from one sender that wait for their answer and are remembered in their order.
const LINE: usize = 1024;
/// Sides of calls that are followed at once. Of one that was forgotten the beginning is not known any more.
const FOLLOWED: usize = 16_384;

/// What a broken signal does to the views of those who sent and got it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spoilt {
    /// Out of order: it moves none (ST-17).
    OutOfOrder,
    /// Broken in itself: a reader may act on it or not.
    Doubtful,
}

/// Whoever a stanza comes from or goes to.
#[derive(Debug, Clone)]
pub(super) struct Actor {
    /// The name in the cast for what was recorded, the folded JID for everyone else.
    pub(super) key: String,
    /// What a report calls it.
    pub(super) name: String,
    jid: String,
    sight: Sight,
    /// What it sends was recorded as it came from it, not as the server handed it on.
    first_hand: bool,
    /// What is known of the beginning of a call that does not begin with an initiate.
    start: Start,
}

#[derive(Debug)]
struct Call {
    /// The bare JIDs of caller and callee.
    users: (String, String),
    /// The ids that the initiate gave: sender, recipient.
    ids: Option<(String, String)>,
}

/// The judge of everything that parties send.
pub(in super::super) struct Parties {
    witness: Witness,
    skew: f64,
    cast: BTreeMap<String, Member>,
    bots_only: bool,
    /// User ids by bare JID.
    ids: HashMap<String, String>,
    /// The JIDs of those whose wire was recorded, with the number of their session.
    sessions: BTreeMap<String, (String, u64)>,
    recorded: HashSet<String>,
    /// Those whose recording began in the middle of a session.
    late: HashSet<String>,
    streams: u64,
    announced: BTreeMap<String, Vec<String>>,
    pub(super) tracks: Recent<(String, String), Vec<Track>>,
    /// Parties that got a signal that was out of place in this call.
    pub(super) misled: Recent<(String, String), ()>,
    /// The call that each initiate began, by its sender and its iq id; and those that came back as an error.
    begun: Recent<(String, String), String>,
    bounced: Recent<(String, String), ()>,
    /// Clients that closed their stream before the steps were done, and have not come back: the event.
    left: BTreeMap<String, u64>,
    /// The calls that a party has taken up, by its key.
    taken_up: HashMap<String, Vec<String>>,
    calls: Recent<String, Call>,
    /// The latest timestamp that each party gave in each call, and its event.
    stamps: Recent<(String, String), std::cell::Cell<(f64, u64)>>,
    used: Recent<(String, u64, String), u64>,
    spoilt: Recent<u64, Spoilt>,
    /// The call that each inbound signal was for, and its event, by who got it and its iq id.
    under_way: Recent<(String, String), (String, u64)>,
    /// What has come to each party from each sender and was perhaps not taken in yet: its event and its call.
    lines: Recent<(String, String), VecDeque<(u64, String)>>,
    answers: Answers,
    /// Who was asked by whom under which id, as bare JIDs: a server may answer in the name of a device.
    requests: Recent<(String, String, String), ()>,
    media: Media,
    whole: bool,
    /// How often the recorder's clock was set back.
    clock_set: u32,
}

fn fingerprint(from: &str, stanza: &Stanza, text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (from, stanza.id().unwrap_or_default(), text).hash(&mut hasher);
    hasher.finish()
}

/// When what an event tells of was there: a bot of ours may have taken it in later.
fn arrival(event: &Event) -> f64 {
    event.arrived.unwrap_or(event.t)
}

impl Parties {
    pub(in super::super) fn new(header: &Header) -> Parties {
        let known = header.cast.values();
        let ids = known.filter_map(|m| Some((fold(bare(&m.jid)), m.id.as_ref()?.to_lowercase())));
        Parties {
            witness: header.witness,
            skew: header.clock_skew,
            ids: ids.collect(),
            bots_only: !header.cast.is_empty() && header.cast.values().all(|m| m.party == Party::Bot),
            cast: header.cast.clone(),
            sessions: BTreeMap::new(),
            recorded: HashSet::new(),
            late: HashSet::new(),
            streams: 0,
            announced: BTreeMap::new(),
            tracks: Recent::new(FOLLOWED),
            taken_up: HashMap::new(),
            misled: Recent::new(REMEMBERED),
            begun: Recent::new(REMEMBERED),
            bounced: Recent::new(REMEMBERED),
            left: BTreeMap::new(),
            calls: Recent::new(REMEMBERED),
            stamps: Recent::new(REMEMBERED),
            used: Recent::new(REMEMBERED),
            spoilt: Recent::new(REMEMBERED),
            under_way: Recent::new(REMEMBERED),
            lines: Recent::new(REMEMBERED),
            answers: Answers::new(header.witness == Witness::Between),
            requests: Recent::new(REMEMBERED),
            media: Media::new(header.profile.mdns),
            whole: false,
            clock_set: 0,
        }
    }

    fn recorded_actor(&self, event: &Event) -> Actor {
        let member = self.cast.get(&event.who);
        let session = self.sessions.get(&event.who).map(|(jid, _)| jid.clone());
        let given = event.jid.as_deref().or(member.map(|m| m.jid.as_str()));
        let bot = member.is_some_and(|m| m.party == Party::Bot);
        let start = if session.is_none() || self.late.contains(&event.who) {
            Start::Unseen
        } else if self.witness.is_bots() {
            Start::Seen
        } else {
            Start::Doubtful
        };
        Actor {
            key: event.who.clone(),
            name: event.who.clone(),
            start,
            jid: session.unwrap_or_else(|| fold(given.unwrap_or_default())),
            first_hand: true,
            sight: match self.witness {
                _ if bot => Sight::Exact,
                Witness::Between | Witness::Signals => Sight::Far,
                Witness::Bots | Witness::Ends => Sight::Wire,
            },
        }
    }

    /// Someone whose own wire was not recorded; `None` for a server, and for whoever was. Where all are bots of ours
    /// nobody else is under test: a stranger's name in `from` is the server's doing. `near` is the end that saw it.
    fn far_actor(&self, jid: &str, near: &Actor) -> Option<Actor> {
        if self.bots_only {
            return None;
        }
        let jid = fold(jid);
        let same = |s: &(String, u64)| s.0 == jid || (resource(&jid).is_none() && bare(&s.0) == jid);
        if !jid.contains('@') || self.recorded.contains(&jid) || self.sessions.values().any(same) {
            return None;
        }
        // A device of a bot's user that never came in is nobody.
        let member = |m: &Member| m.party == Party::Bot && fold(bare(&m.jid)) == bare(&jid);
        if self.cast.values().any(member) {
            return None;
        }
        let named = |m: &&String| {
            self.cast
                .get(*m)
                .is_some_and(|m| fold(bare(&m.jid)) == bare(&jid))
        };
        Some(Actor {
            key: jid.clone(),
            name: self
                .cast
                .keys()
                .find(named)
                .cloned()
                .unwrap_or_else(|| jid.clone()),
            jid,
            sight: Sight::Far,
            first_hand: false,
            start: near.start,
        })
    }

    // -- what a party sends --------------------------------------------------------------------------------

    fn sent(
        &mut self,
        actor: &Actor,
        event: &Event,
        stanza: &Stanza,
        spoken: Option<&Arc<Spoken>>,
        record: &mut Record,
    ) {
        let announced = if actor.sight == Sight::Far {
            Vec::new()
        } else {
            self.announced.remove(&actor.key).unwrap_or_default()
        };
        let Some(form) = form::read(stanza, spoken) else {
            return;
        };
        let blame = |rule: &str| match actor.sight {
            Sight::Exact if announced.iter().any(|id| id == rule) => Blame::Announced,
            Sight::Exact => Blame::Ourselves,
            _ => Blame::Client,
        };
        let call = form.decoded().facts.call.clone();
        let mut findings: Vec<Finding> = Vec::new();
        let base = |id: &str, message: String, wanted: &str, seen: String| Finding {
            call: call.clone(),
            blame: blame(id),
            ..found(id, &actor.name, message, wanted, seen, vec![event.n])
        };
        let tell = |fault: &Fault| {
            let rule = rule(fault.rule)?;
            let place = if fault.pointer.is_empty() {
                String::new()
            } else {
                format!(" at {}", fault.pointer)
            };
            let mut finding = base(
                fault.rule,
                format!("In a signal of {}: {}.", actor.name, fault.message),
                rule.text,
                format!("{}{place}", value_at(&form, &fault.pointer)),
            );
            if fault.info {
                finding.level = Level::Info;
                finding.blame = Blame::Nobody;
            } else if fault.should && finding.level == Level::Must {
                finding.level = Level::Should;
            }
            Some(finding)
        };
        findings.extend(form.faults.iter().filter_map(tell));
        self.request_id(actor, event, stanza, &base, &mut findings);
        self.identities(actor, stanza, &form, &base, &mut findings);
        self.clock(actor, event, &form, &base, &mut findings);
        // What a signal says of the media only counts where the signal itself does.
        let speaker = self.speaker(actor, event, call.as_deref());
        let seen = speaker.map(|speaker| self.media.look(speaker, form.decoded()));
        let before = findings.len();
        for (lint, events) in seen.iter().flat_map(|look| &look.lints) {
            if let Some(mut finding) = tell(&fault_of(lint, &form)) {
                finding.events.extend(events);
                finding.events.sort_unstable();
                findings.push(finding);
            }
        }
        let of_media = before..findings.len();
        let broken = |f: &Finding| f.level == Level::Must;
        let doubtful = findings.iter().any(broken);
        let mut spoilt = doubtful.then_some(Spoilt::Doubtful);
        if stanza.iq_type() == Some(IqType::Set)
            && let Some(order) = self.order(actor, event, stanza, &form, doubtful, &base, &mut findings)
        {
            spoilt = Some(order);
        }
        let mut tested = tested(&form);
        if let (Some(speaker), Some(look)) = (speaker, seen) {
            let stray = stanza.iq_type() != Some(IqType::Set) || spoilt == Some(Spoilt::OutOfOrder);
            if stray {
                findings.drain(of_media);
            } else {
                tested.extend(look.tested.iter().filter(|id| !look.doubts(id)));
            }
            self.media.note(speaker, form.decoded(), look, stray, |lint| {
                let plain = || base(lint.rule, lint.message.clone(), "", String::new());
                tell(&fault_of(lint, &form)).unwrap_or_else(plain)
            });
        }
        if let Some(spoilt) = spoilt {
            self.spoilt
                .insert(fingerprint(&actor.jid, stanza, form.text()), spoilt);
        }
        if actor.sight != Sight::Exact {
            let seen = |id: &&str| self.witness != Witness::Signals || !id.starts_with("IQ-");
            for id in tested.into_iter().filter(seen) {
                if !findings.iter().any(|f| f.rule.id == id) {
                    record.held(id);
                }
            }
        }
        for finding in findings {
            record.broken(finding);
        }
    }

    /// Who speaks of the media of a call; `None`: nobody whose word counts.
    fn speaker<'a>(&self, actor: &'a Actor, event: &Event, call: Option<&'a str>) -> Option<Speaker<'a>> {
        let call = call?;
        let user = bare(&actor.jid);
        let users = self.calls.get(call).map(|call| &call.users);
        if users.is_some_and(|users| user != users.0 && user != users.1) {
            return None;
        }
        Some(Speaker {
            call,
            key: &actor.key,
            user,
            n: event.n,
        })
    }

    fn request_id(
        &mut self,
        actor: &Actor,
        event: &Event,
        stanza: &Stanza,
        base: &impl Fn(&str, String, &str, String) -> Finding,
        findings: &mut Vec<Finding>,
    ) {
        let id = stanza.id().unwrap_or_default().to_owned();
        if id.is_empty() || !stanza.is_iq() || !actor.first_hand {
            return;
        }
        let stream = self.sessions.get(&actor.key).map_or(0, |(_, stream)| *stream);
        let key = (actor.key.clone(), stream, id.clone());
        if let Some(first) = self.used.get(&key) {
            let mut finding = base(
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
    fn identities(
        &mut self,
        actor: &Actor,
        stanza: &Stanza,
        form: &Form,
        base: &impl Fn(&str, String, &str, String) -> Finding,
        findings: &mut Vec<Finding>,
    ) {
        let facts = &form.decoded().facts;
        let (Some(sender), Some(recipient)) = (&facts.sender, &facts.recipient) else {
            return;
        };
        let (sender, recipient) = (sender.to_lowercase(), recipient.to_lowercase());
        let to = fold(stanza.to().unwrap_or_default());
        let mut differs = |rule: &str, member: &str, jid: &str, given: &str| {
            if let Some(id) = self.ids.get(bare(jid)).filter(|id| *id != given) {
                findings.push(base(
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
        if (from, other) != (&sender, &recipient) && facts.kind != Some(Kind::Initiate) {
            findings.push(base(
                "SG-12",
                format!("{} gives other ids than the call began with.", actor.name),
                &format!("senderId `{from}`, recipientId `{other}`"),
                format!("senderId `{sender}`, recipientId `{recipient}`"),
            ));
        }
    }

    /// `timestamp` against the observer's clock and against the sender's own (TM-05, TM-06).
    fn clock(
        &mut self,
        actor: &Actor,
        event: &Event,
        form: &Form,
        base: &impl Fn(&str, String, &str, String) -> Finding,
        findings: &mut Vec<Finding>,
    ) {
        let facts = &form.decoded().facts;
        let Some(stamp) = facts.timestamp else { return };
        // What our own bot took in late had come when it came.
        let waited = event.t - arrival(event);
        if let Some(now) = unix_seconds(&event.time).map(|now| now - waited)
            && (stamp - now).abs() > self.skew
        {
            let off = stamp - now;
            let mut finding = base(
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
                    let mut finding = base(
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

    /// Its place in the call (ST, TM). The answer says what it does to views if it is out of place.
    #[allow(clippy::too_many_arguments)]
    fn order(
        &mut self,
        actor: &Actor,
        event: &Event,
        stanza: &Stanza,
        form: &Form,
        doubtful: bool,
        base: &impl Fn(&str, String, &str, String) -> Finding,
        findings: &mut Vec<Finding>,
    ) -> Option<Spoilt> {
        let (act, id) = (form.decoded().act()?, form.decoded().facts.call.clone()?);
        let to = fold(stanza.to().unwrap_or_default());
        let own = bare(&actor.jid).to_owned();
        if let Some(call) = self.calls.get(&id) {
            let users = &call.users;
            if own != users.0 && own != users.1 {
                findings.push(base(
                    if act.kind == Kind::Initiate {
                        "ST-10"
                    } else {
                        "ST-11"
                    },
                    format!(
                        "{} sends {} on a call between {} and {}.",
                        actor.name,
                        act.kind.name(),
                        users.0,
                        users.1
                    ),
                    "signals from the two parties of the call only",
                    format!("{} from {}", act.kind.name(), actor.jid),
                ));
                return Some(Spoilt::OutOfOrder);
            }
            let others = bare(&to) != users.0 && bare(&to) != users.1;
            if act.kind == Kind::Initiate && others && to.contains('@') {
                findings.push(base(
                    "ST-10",
                    format!(
                        "{} calls {} with the callId of another call.",
                        actor.name,
                        bare(&to)
                    ),
                    "a new callId for each call",
                    format!("callId {id}, in use with {}", users.1),
                ));
                return Some(Spoilt::OutOfOrder);
            }
        }
        if act.kind == Kind::Initiate {
            let iq = stanza.id().unwrap_or_default().to_owned();
            self.begun.insert((actor.key.clone(), iq), id.clone());
        }
        let key = (actor.key.clone(), id.clone());
        let accepts = act.kind == Kind::Accept;
        let told = self.role_in(&id, &own).or(match act.kind {
            Kind::Accept | Kind::Reject | Kind::Busy | Kind::Answer => Some(Role::Callee),
            Kind::Initiate | Kind::Offer => Some(Role::Caller),
            Kind::IceCandidate | Kind::Hangup | Kind::MuteChange => None,
        });
        let role = told.unwrap_or(Role::Caller);
        self.second_call(actor, &id, act.kind, base, findings);
        let start = self.start(actor, act.kind);
        let clock_set = self.clock_set;
        let tracks = self.tracks_of(actor, key)?;
        let index = place_of(tracks, &to, act.kind).unwrap_or_else(|| {
            tracks.push(Track::new(&to, role, actor.sight, event.n, start, clock_set));
            tracks.len() - 1
        });
        let track = tracks.get_mut(index)?;
        if let Some(role) = told {
            track.cast(role);
        }
        // Seen from elsewhere, it was sent by the time it came in there, not when it was taken in.
        let out = track.send(&act, arrival(event), doubtful);
        let reached = track.reached();
        let first = track.first;
        let states: Vec<State> = track.views().map(|view| view.state()).collect();
        if accepts && out.effect.1 {
            self.take_up(&actor.key, &id);
        }
        for ruling in &out.rulings {
            let (breach, ambiguous) = match ruling {
                Ruling::Legal => continue,
                Ruling::Ambiguous(breach) => (breach, true),
                Ruling::Breach(breach) => (breach, false),
            };
            let mut finding = base(
                breach.rule,
                format!("{}: {}.", actor.name, breach.why),
                &breach.wanted,
                seen_words(form.decoded(), &states),
            );
            finding.events.extend([first].into_iter().chain(out.after));
            finding.events.sort_unstable();
            finding.events.dedup();
            finding.excuse.clone_from(&out.excuse);
            if ambiguous || out.crossed {
                finding.level = Level::Info;
                finding.blame = Blame::Nobody;
            }
            findings.push(finding);
        }
        if act.kind == Kind::Initiate && out.effect.1 && self.calls.get(&id).is_none() {
            let facts = &form.decoded().facts;
            let ids = facts.sender.as_ref().zip(facts.recipient.as_ref());
            // Ids that are known to be wrong bind nobody: the other side may well give the right ones.
            let wrong = findings
                .iter()
                .any(|found| matches!(found.rule.id, "SG-11" | "SG-13" | "SG-14"));
            let ids = ids
                .filter(|_| !wrong)
                .map(|(a, b)| (a.to_lowercase(), b.to_lowercase()));
            self.calls.insert(
                id,
                Call {
                    users: (own, bare(&to).to_owned()),
                    ids,
                },
            );
        }
        if let Some(n) = reached {
            self.reach(&actor.key, &to, n, arrival(event));
        }
        match out.effect {
            (true, false) => Some(Spoilt::OutOfOrder),
            (false, true) => None,
            _ => Some(Spoilt::Doubtful),
        }
    }

    /// The side on which this user stands in a call that has begun.
    fn role_in(&self, id: &str, user: &str) -> Option<Role> {
        let users = &self.calls.get(id)?.users;
        if user == users.0 {
            Some(Role::Caller)
        } else {
            (user == users.1).then_some(Role::Callee)
        }
    }

    /// Stanzas of one sender are taken in in their order, whatever call they are for: all that came from this peer up
    /// to and with this event has been taken in.
    fn reach(&mut self, party: &str, peer: &str, n: u64, at: f64) {
        self.answers.taken_in(party, n);
        let Some(line) = self.lines.get_mut(&(party.to_owned(), peer.to_owned())) else {
            return;
        };
        while let Some((_, call)) = line.pop_front_if(|(next, _)| *next <= n) {
            let tracks = self.tracks.get_mut(&(party.to_owned(), call));
            for track in tracks.into_iter().flatten().filter(|track| track.is_with(peer)) {
                track.reach(n, at);
            }
        }
    }

    /// A client that is in a call and picks up another one (ST-13).
    fn second_call(
        &self,
        actor: &Actor,
        id: &str,
        kind: Kind,
        base: &impl Fn(&str, String, &str, String) -> Finding,
        findings: &mut Vec<Finding>,
    ) {
        if kind != Kind::Accept || actor.sight == Sight::Exact {
            return;
        }
        let busy = self.taken_up.get(&actor.key).into_iter().flatten().find(|call| {
            let tracks = self.tracks.get(&(actor.key.clone(), (*call).clone()));
            *call != id
                && tracks.into_iter().flatten().any(|track| {
                    let live = |s: State| matches!(s, State::Accepted | State::Offered | State::Answered);
                    !track.half && track.always(live)
                })
        });
        if let Some(other) = busy {
            findings.push(base(
                "ST-13",
                format!("{} accepts a second call while it is in one.", actor.name),
                "busy",
                format!("accept, during the call {other}"),
            ));
        }
    }

    /// Remembers that this party is in this call, and forgets those that are over.
    fn take_up(&mut self, key: &str, call: &str) {
        let calls = self.taken_up.entry(key.to_owned()).or_default();
        let tracks = &self.tracks;
        calls.retain(|old| {
            let tracks = tracks.get(&(key.to_owned(), old.clone()));
            let mut views = tracks.into_iter().flatten().flat_map(Track::views);
            old != call && views.any(|view| view.state() != State::Ended)
        });
        calls.push(call.to_owned());
        if self.taken_up.len() > REMEMBERED {
            self.taken_up.clear();
        }
    }

    /// What is known of the beginning of a call of this party whose first signal is this.
    fn start(&self, actor: &Actor, kind: Kind) -> Start {
        match actor.start {
            _ if kind == Kind::Initiate => Start::Seen,
            _ if self.tracks.forgot() => Start::Unseen,
            start => start,
        }
    }

    /// The tracks of this party in this call. A device that is seen for the first time was rung with all the others, or is
    /// one of them that has come back under another resource: nobody saw that its session was another.
    fn tracks_of(&mut self, actor: &Actor, key: (String, String)) -> Option<&mut Vec<Track>> {
        if self.tracks.get(&key).is_none() {
            let wide = (bare(&actor.key).to_owned(), key.1.clone());
            let mut rung = self.tracks.get(&wide).cloned();
            if rung.is_none() && actor.sight == Sight::Far {
                let kin = |(other, call): &(String, String)| *call == key.1 && bare(other) == wide.0;
                rung = self
                    .tracks
                    .iter()
                    .find(|(other, _)| kin(other))
                    .map(|(_, tracks)| tracks.clone());
            }
            self.tracks.insert(key.clone(), rung.unwrap_or_default());
        }
        let tracks = self.tracks.get_mut(&key)?;
        tracks
            .iter_mut()
            .for_each(|track| track.clock_set(self.clock_set));
        Some(tracks)
    }

    // -- what a party gets ---------------------------------------------------------------------------------

    fn got(
        &mut self,
        actor: &Actor,
        from: &str,
        event: &Event,
        stanza: &Stanza,
        spoken: Option<&Arc<Spoken>>,
    ) {
        let at = event.t;
        let from = fold(from);
        let asks = matches!(stanza.iq_type(), Some(IqType::Set | IqType::Get));
        let Some(form) = form::read(stanza, spoken) else {
            return;
        };
        let spoilt = self.spoilt.get(&fingerprint(&from, stanza, form.text())).copied();
        let facts = &form.decoded().facts;
        if actor.sight != Sight::Exact && asks && self.witness != Witness::Signals {
            let due = if stanza.iq_type() == Some(IqType::Get) {
                Due::Error
            } else if form.decoded().act().is_none() {
                Due::Refusal("bad-request")
            } else {
                match spoilt {
                    Some(Spoilt::OutOfOrder) => {
                        let known = facts.call.as_ref().is_some_and(|call| {
                            self.tracks.get(&(actor.key.clone(), call.clone())).is_some()
                        });
                        Due::Refusal(if known {
                            "unexpected-request"
                        } else {
                            "item-not-found"
                        })
                    }
                    _ => Due::Any,
                }
            };
            self.answers
                .asked(&actor.key, &from, stanza, (event.n, at), due, facts.call.clone());
        }
        let (Some(act), Some(id)) = (form.decoded().act(), facts.call.clone()) else {
            return;
        };
        if spoilt == Some(Spoilt::OutOfOrder) {
            self.misled.insert((actor.key.clone(), id.clone()), ());
        }
        if stanza.iq_type() != Some(IqType::Set) || spoilt == Some(Spoilt::OutOfOrder) {
            return;
        }
        let inbound = Inbound {
            act,
            at,
            n: event.n,
            id: stanza.id().unwrap_or_default().to_owned(),
            doubtful: spoilt.is_some() || !form.decoded().is_sound(),
        };
        if let Some(call) = self.calls.get(&id) {
            let user = bare(&from);
            if from.contains('@') && user != call.users.0 && user != call.users.1 {
                return;
            }
        }
        let key = (actor.key.clone(), id.clone());
        let known = self.role_in(&id, bare(&actor.jid));
        self.under_way
            .insert((actor.key.clone(), inbound.id.clone()), (id.clone(), event.n));
        if actor.sight != Sight::Exact {
            let key = (actor.key.clone(), from.clone());
            self.lines.insert(key.clone(), VecDeque::new());
            if let Some(line) = self.lines.get_mut(&key).filter(|line| line.len() < LINE) {
                line.push_back((event.n, id.clone()));
            }
        }
        let start = self.start(actor, act.kind);
        if act.kind == Kind::Accept {
            self.take_up(&actor.key, &id);
        }
        let clock_set = self.clock_set;
        let Some(tracks) = self.tracks_of(actor, key) else {
            return;
        };
        if !from.contains('@') {
            // The server speaks for the other side, whichever device that was.
            tracks.iter_mut().for_each(|track| track.receive(&inbound));
            return;
        }
        let index = place_of(tracks, &from, act.kind).unwrap_or_else(|| {
            let role = known.unwrap_or(match act.kind {
                Kind::Accept | Kind::Reject | Kind::Busy | Kind::Answer => Role::Caller,
                _ => Role::Callee,
            });
            tracks.push(Track::new(&from, role, actor.sight, event.n, start, clock_set));
            tracks.len() - 1
        });
        if let Some(track) = tracks.get_mut(index) {
            if let Some(role) = known.or((act.kind == Kind::Initiate).then_some(Role::Callee)) {
                track.cast(role);
            }
            track.receive(&inbound);
        }
        if act.kind == Kind::Initiate && self.calls.get(&id).is_none() {
            let ids = facts.sender.as_ref().zip(facts.recipient.as_ref());
            let ids = ids.map(|(a, b)| (a.to_lowercase(), b.to_lowercase()));
            let users = (bare(&from).to_owned(), bare(&actor.jid).to_owned());
            self.calls.insert(id, Call { users, ids });
        }
    }

    /// Remembers a request that `near` sent or got.
    fn asked(&mut self, near: &Actor, dir: Dir, stanza: &Stanza) {
        if !matches!(stanza.iq_type(), Some(IqType::Get | IqType::Set)) {
            return;
        }
        let id = stanza.id().unwrap_or_default().to_owned();
        let own = bare(&near.jid).to_owned();
        let key = if dir == Dir::Sent {
            (bare(&fold(stanza.to().unwrap_or_default())).to_owned(), own, id)
        } else {
            (own, bare(&fold(stanza.from().unwrap_or_default())).to_owned(), id)
        };
        self.requests.insert(key, ());
    }

    /// The form of an answer, and whether anyone had asked (IQ-09 to IQ-11).
    fn answer_form(
        &mut self,
        actor: &Actor,
        asker: &str,
        event: &Event,
        stanza: &Stanza,
        record: &mut Record,
    ) {
        let announced = if event.dir == Dir::Sent {
            self.announced.remove(&actor.key).unwrap_or_default()
        } else {
            Vec::new()
        };
        let id = stanza.id().unwrap_or_default();
        let far = !actor.first_hand;
        let error = stanza.iq_type() == Some(IqType::Error);
        let children = stanza.element().children().count();
        let key = (bare(&actor.jid).to_owned(), bare(asker).to_owned(), id.to_owned());
        // Seen from elsewhere, an error may be the server's own.
        let faults = [
            stanza.error_fault().filter(|_| error && !far).map(|what| {
                let wanted = "one `<error/>` with its type and one defined condition";
                ("IQ-09", format!("the error `{id}` is malformed, {what}"), wanted)
            }),
            (!error && children > 1).then(|| {
                let message = format!("the result `{id}` has {children} children");
                ("IQ-10", message, "an empty result, or one child")
            }),
            (asker.contains('@') && actor.start == Start::Seen && self.requests.get(&key).is_none()).then(
                || {
                    let message = format!("the answer `{id}` comes without a request");
                    ("IQ-11", message, "answers to requests only")
                },
            ),
        ];
        for (rule, message, wanted) in faults.into_iter().flatten() {
            let blame = match actor.sight {
                Sight::Exact if announced.iter().any(|id| id == rule) => Blame::Announced,
                Sight::Exact => Blame::Ourselves,
                _ => Blame::Client,
            };
            record.broken(Finding {
                blame,
                excuse: far.then(|| "the server may have written it in this client's name".to_owned()),
                ..found(
                    rule,
                    &actor.name,
                    format!("In an answer of {}: {message}.", actor.name),
                    wanted,
                    format!("an iq of type `{}`", stanza.attr("type").unwrap_or_default()),
                    vec![event.n],
                )
            });
        }
    }

    /// `actor` answered a request of `asker`.
    fn answered(&mut self, actor: &Actor, asker: &str, event: &Event, stanza: &Stanza, record: &mut Record) {
        let id = stanza.id().unwrap_or_default();
        let asker = fold(asker);
        self.answer_form(actor, &asker, event, stanza, record);
        if actor.sight != Sight::Exact {
            self.answers
                .answered(&actor.key, &asker, stanza, (event.n, arrival(event)), record);
        }
        let refused = stanza.iq_type() == Some(IqType::Error);
        let Some((call, n)) = self.under_way.get(&(actor.key.clone(), id.to_owned())).cloned() else {
            return;
        };
        if refused && actor.sight != Sight::Exact {
            self.refused(actor, &call, event, stanza, record);
        }
        let key = (actor.key.clone(), call);
        let tracks = self.tracks.get_mut(&key).into_iter().flatten();
        for track in tracks.filter(|track| track.is_with(&asker)) {
            if refused {
                track.refuse(id, arrival(event));
            } else {
                track.acknowledge(id, arrival(event));
            }
        }
        if actor.sight != Sight::Exact {
            self.reach(&actor.key, &asker, n, arrival(event));
        }
    }
}

/// The track that a stanza to or from this address belongs to. A bare address that was called stands for every
/// device that answers from there; a device that was not called is one of them that has come back under another
/// resource, unless it is called now.
fn place_of(tracks: &mut Vec<Track>, jid: &str, kind: Kind) -> Option<usize> {
    if let Some(exact) = tracks.iter().position(|track| track.peer == jid) {
        return Some(exact);
    }
    let kin = |track: &Track| kind != Kind::Initiate && bare(&track.peer) == bare(jid);
    let near = tracks.iter().position(|track| track.is_with(jid));
    let near = near.or_else(|| tracks.iter().position(kin))?;
    if resource(jid).is_none() {
        return Some(near);
    }
    let mut device = tracks.get(near)?.clone();
    device.peer = jid.to_owned();
    tracks.push(device);
    Some(tracks.len() - 1)
}

fn value_at(form: &Form, pointer: &str) -> String {
    let value = form.decoded().facts.value.as_ref();
    match value.and_then(|value| value.pointer(pointer)) {
        Some(value) if !pointer.is_empty() => shorten(&value.to_string()),
        _ => shorten(form.text()),
    }
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= 60 {
        return format!("`{text}`");
    }
    format!("`{}…`", text.chars().take(60).collect::<String>())
}

fn seen_words(decoded: &crate::protocol::Decoded, states: &[State]) -> String {
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

/// What every description puts to the test on its own.
const DESCRIPTION: &[&str] = &[
    "SD-01", "SD-02", "SD-03", "SD-06", "SD-07", "SD-08", "SD-15", "SD-16", "SD-17", "SD-18", "SD-19",
    "SD-20", "SD-21", "SD-34", "SD-45", "SD-47", "SD-48",
];
/// What every candidate does.
const CANDIDATE: &[&str] = &["SD-10", "SD-12", "SD-36", "SD-37", "SD-39", "SD-40"];

/// What was found in the media of a signal, as a fault of its text.
fn fault_of(lint: &Lint, form: &Form) -> Fault {
    let pointer = match form.decoded().facts.kind {
        Some(Kind::IceCandidate) => "/payload",
        _ => "/payload/sdp",
    };
    Fault {
        rule: lint.rule,
        pointer: pointer.to_owned(),
        message: lint.message.clone(),
        info: lint.info,
        should: lint.should,
        offset: None,
    }
}

/// The rules that a signal of this kind puts to the test.
fn tested(form: &Form) -> Vec<&'static str> {
    let mut rules = vec![
        "IQ-02", "IQ-03", "IQ-04", "SG-01", "SG-02", "SG-03", "SG-04", "SG-11", "SG-12", "SG-13", "SG-14",
        "SG-15", "ST-02", "ST-09", "ST-11", "TM-05", "TM-06",
    ];
    let facts = &form.decoded().facts;
    rules.extend_from_slice(match facts.kind {
        None => &[],
        Some(Kind::Initiate) => &["SG-06", "SG-17", "ST-10"],
        Some(Kind::Accept) => &["SG-10", "ST-01", "ST-03", "TM-07", "ST-13"],
        Some(Kind::Reject | Kind::Busy) => &["SG-10", "ST-01", "ST-03"],
        Some(Kind::Offer) => &["SG-05", "ST-01", "ST-04"],
        Some(Kind::Answer) => &["SG-05", "ST-01", "ST-05"],
        Some(Kind::IceCandidate) => &["SG-05", "ST-01", "ST-06"],
        Some(Kind::MuteChange) => &["SG-05", "ST-01", "ST-07", "ST-14"],
        Some(Kind::Hangup) => &["SG-07", "ST-08", "ST-12"],
    });
    if facts.description.is_some() {
        rules.extend_from_slice(DESCRIPTION);
    }
    if facts.candidate.as_ref().is_some_and(|text| !text.is_empty()) {
        rules.extend_from_slice(CANDIDATE);
    }
    if facts.reason == Some(Reason::Timeout) {
        rules.push("TM-01");
    }
    if facts.duration.is_some() {
        rules.extend_from_slice(&["SG-08", "TM-03", "TM-04"]);
    }
    rules
}

impl Family for Parties {
    fn event(&mut self, seen: Seen<'_>, record: &mut Record) {
        let event = seen.event;
        match event.dir {
            Dir::Connected | Dir::Begins => {
                self.streams += 1;
                let jid = fold(event.jid.as_deref().unwrap_or_default());
                if event.dir == Dir::Begins {
                    self.late.insert(event.who.clone());
                    // What it had owed so far as seen from elsewhere it may have given unseen.
                    self.answers.gone(&jid);
                }
                self.recorded.insert(jid.clone());
                self.left.remove(&event.who);
                self.sessions.insert(event.who.clone(), (jid, self.streams));
            }
            Dir::Disconnected | Dir::Cut | Dir::Closed => {
                // After the last step everyone goes; what was owed by then is still owed.
                if self.whole {
                    return;
                }
                if event.dir == Dir::Disconnected {
                    self.left.insert(event.who.clone(), event.n);
                }
                self.sessions.remove(&event.who);
                self.answers.gone(&event.who);
            }
            Dir::Stops => {
                let jid = self.sessions.get(&event.who).map(|(jid, _)| jid.clone());
                let jid = jid.unwrap_or_default();
                self.answers.stops((&event.who, &jid), event.t, record);
                self.unfinished(event.t, Some((&event.who, &jid)), record);
                self.sessions.remove(&event.who);
            }
            Dir::Breaks => {
                self.announced.insert(event.who.clone(), event.rules.clone());
            }
            Dir::Steps | Dir::End => self.whole = true,
            // For how long, nobody knows.
            Dir::Stalled if event.seconds.is_none() => self.clock_set += 1,
            Dir::Sent | Dir::Received => {
                let Some(stanza) = seen.stanza else {
                    self.announced.remove(&event.who);
                    return;
                };
                let near = self.recorded_actor(event);
                self.recorded.insert(near.jid.clone());
                self.asked(&near, event.dir, stanza);
                let answer = matches!(stanza.iq_type(), Some(IqType::Result | IqType::Error));
                if event.dir == Dir::Sent {
                    let to = stanza.to().unwrap_or_default();
                    let far = self.far_actor(to, &near);
                    if answer {
                        self.answered(&near, to, event, stanza, record);
                        return;
                    }
                    self.sent(&near, event, stanza, seen.spoken, record);
                    if let Some(far) = far {
                        self.got(&far, &near.jid.clone(), event, stanza, seen.spoken);
                    }
                } else {
                    let from = stanza.from().unwrap_or_default();
                    let far = self.far_actor(from, &near);
                    if answer {
                        let id = stanza.id().unwrap_or_default().to_owned();
                        if stanza.iq_type() == Some(IqType::Error)
                            && let Some(call) = self.begun.get(&(near.key.clone(), id))
                        {
                            self.bounced.insert((near.key.clone(), call.clone()), ());
                        }
                        if let Some(far) = far {
                            self.answered(&far, &near.jid.clone(), event, stanza, record);
                        }
                        return;
                    }
                    if let Some(far) = far {
                        self.sent(&far, event, stanza, seen.spoken, record);
                    }
                    self.got(&near, from, event, stanza, seen.spoken);
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, at: f64, record: &mut Record) {
        if !self.whole {
            return;
        }
        let sessions = &self.sessions;
        self.answers
            .finish(at, |client| sessions.contains_key(client), record);
        self.unfinished(at, None, record);
        for finding in self.media.finish() {
            record.broken(finding);
        }
    }
}

impl Parties {
    /// A client that went lawfully, out of a call that nobody hung up (ST-15).
    fn abandoned(&self, who: &str, id: &str, n: u64, tracks: &[Track], record: &mut Record) {
        let over = |track: &Track| track.waiting() || track.views().any(|view| view.state() == State::Ended);
        let others = self.tracks.iter();
        let ended = others
            .filter(|((_, call), _)| call == id)
            .any(|(_, tracks)| tracks.iter().any(over));
        let live = |s: State| matches!(s, State::Accepted | State::Offered | State::Answered);
        let Some(track) = tracks
            .iter()
            .find(|track| !track.half && track.views().all(|view| live(view.state())))
        else {
            return;
        };
        if !ended {
            record.broken(Finding {
                call: Some(id.to_owned()),
                ..found(
                    "ST-15",
                    who,
                    format!("{who} left in the middle of a call without a hangup, and did not come back."),
                    "hangup, before the stream is closed",
                    "no hangup from either party".to_owned(),
                    vec![track.first, n],
                )
            });
        }
    }

    /// Calls that a client left as they must not be left (ST-15, TM-02).
    /// `stopped`: only those of the party of this name and address, whose recording stops, or with it.
    fn unfinished(&mut self, end: f64, stopped: Option<(&str, &str)>, record: &mut Record) {
        for ((who, id), tracks) in self.tracks.iter() {
            if let Some((name, jid)) = stopped
                && who != name
                && (!who.contains('@') || !tracks.iter().any(|track| track.is_with(jid)))
            {
                continue;
            }
            let bot = self.cast.get(who).is_some_and(|m| m.party == Party::Bot);
            // Whoever went away is not asked for more.
            let here = self.sessions.contains_key(who) || !self.cast.contains_key(who);
            if let Some(n) = self.left.get(who).filter(|_| !bot) {
                self.abandoned(who, id, *n, tracks, record);
            }
            for track in tracks.iter().filter(|track| !bot && here && !track.half) {
                let all = |wanted: fn(State) -> bool| track.views().all(|view| wanted(view.state()));
                let rang = track.views().filter_map(|view| view.initiated_at()).next();
                // What came back rings nowhere.
                let rings = self.bounced.get(&(who.clone(), id.clone())).is_none();
                if track.role == Role::Caller
                    && rings
                    && !track.waiting()
                    && all(|state| state == State::Ringing)
                    && rang.is_some_and(|since| end - since > 35.0)
                {
                    record.broken(Finding {
                        call: Some(id.clone()),
                        excuse: who
                            .contains('@')
                            .then(|| "its hangup was lost on the way".to_owned()),
                        ..found(
                            "TM-02",
                            who,
                            format!("{who} lets a call ring that nobody answers."),
                            "hangup `timeout` within 35 s",
                            format!("no hangup in {:.1} s", end - rang.unwrap_or(end)),
                            vec![track.first],
                        )
                    });
                }
            }
        }
    }
}
