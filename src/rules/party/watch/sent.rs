//! A signal that a party sends: its form, and all else that it can break.

use std::sync::Arc;

use super::super::form::{self, Form};
use super::super::handed;
use super::super::media::{Look, Speaker};
use super::super::track::{Sight, Track};
use super::got::letter;
use super::order::side_of;
use super::tested::tested;
use super::{Actor, Parties, Spoilt};
use crate::protocol::sdp::Lint;
use crate::protocol::{Act, Decoded, Fault, Kind, Role};
use crate::rules::{Blame, Finding, Level, Record, Spoken, rule};
use crate::stanza::{IqType, Stanza, bare, fold, print};
use crate::transcript::{Event, Witness};

/// A signal that a party sent, and what is known of it.
pub(super) struct Said<'a> {
    pub actor: &'a Actor,
    pub event: &'a Event,
    pub stanza: &'a Stanza,
    pub form: &'a Form,
    /// The rules that the step of a bot breaks on purpose.
    announced: &'a [String],
    /// Somebody recorded it, and not its sender.
    handed_on: bool,
    /// A connection broke before.
    broke: bool,
}

impl Said<'_> {
    /// Whether only what the server handed on was recorded of it, and more may have been lost: a connection broke, or
    /// it is a mute, of which one may get lost with its sender's connection and the call goes on. So may an answer, and
    /// whoever gave it offers anew or tells how long the call was.
    pub fn may_follow_lost(&self, act: &Act) -> bool {
        let goes_on = match act.kind {
            Kind::MuteChange | Kind::Offer => true,
            Kind::Hangup => act.duration.is_some(),
            _ => false,
        };
        self.handed_on && (self.broke || goes_on)
    }

    /// Somebody recorded it, and not its sender.
    pub fn handed_on(&self) -> bool {
        self.handed_on
    }

    /// Its `callId`.
    pub fn call(&self) -> Option<&str> {
        self.form.decoded().facts.call.as_deref()
    }

    /// What its sender broke by it.
    pub fn finding(&self, id: &str, message: String, wanted: &str, seen: String) -> Finding {
        let announced = || self.announced.iter().any(|announced| announced == id);
        Finding {
            blame: match self.actor.sight {
                Sight::Exact if announced() => Blame::Announced,
                Sight::Exact => Blame::Ourselves,
                _ => Blame::Client,
            },
            call: self.call().map(str::to_owned),
            ..Finding::of_client(id, &self.actor.name, message, wanted, seen, vec![self.event.n])
        }
    }

    /// What is wrong with its text.
    fn fault(&self, fault: &Fault) -> Option<Finding> {
        let rule = rule(fault.rule)?;
        let place = if fault.pointer.is_empty() {
            String::new()
        } else {
            format!(" at {}", fault.pointer)
        };
        let mut finding = self.finding(
            fault.rule,
            format!("In a signal of {}: {}.", self.actor.name, fault.message),
            rule.text,
            format!("{}{place}", value_at(self.form, &fault.pointer)),
        );
        if self.handed_on && fault.offset == Some(self.form.text().len()) {
            finding.excuse = Some(handed::CUT.to_owned());
        }
        if fault.info {
            finding.level = Level::Info;
            finding.blame = Blame::Nobody;
        } else if fault.should && finding.level == Level::Must {
            finding.level = Level::Should;
        }
        Some(finding)
    }
}

impl Parties {
    /// Whether what this one says was recorded by somebody else, as the server handed it on.
    pub(super) fn is_handed_on(&self, actor: &Actor) -> bool {
        !actor.first_hand && !self.witness.is_bots()
    }

    pub(super) fn sent(
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
            self.announced.remove(&*actor.key).unwrap_or_default()
        };
        let Some(form) = form::read(stanza, spoken) else {
            return;
        };
        let said = Said {
            actor,
            event,
            stanza,
            form: &form,
            announced: &announced,
            handed_on: self.is_handed_on(actor),
            broke: self.broke,
        };
        let mut resent = false;
        if actor.first_hand
            && let Some(spoken) = spoken
        {
            let to = fold(stanza.to().unwrap_or_default());
            let letter = letter(&to, stanza, spoken);
            resent = self.is_resent(actor, letter);
            self.posted.insert(letter, Some(Arc::clone(&actor.jid)));
            if let Some(call) = &form.decoded().facts.call {
                self.takes_back(actor, &to, letter, call);
            }
        }
        let call = said.call();
        if form.decoded().act().is_none() || call.is_none() {
            let to = fold(stanza.to().unwrap_or_default());
            *self.garbled.entry(print((&actor.key, to)), || event.n) = event.n;
        }
        let mut findings: Vec<Finding> = Vec::new();
        findings.extend(form.faults.iter().filter_map(|fault| said.fault(fault)));
        self.request_id(&said, &mut findings);
        self.identities(&said, &mut findings);
        self.clock(&said, &mut findings);
        // What a signal says of the media only counts where the signal itself does.
        let speaker = self.speaker(actor, event, call);
        let seen = speaker.map(|speaker| self.look(actor, speaker, form.decoded()));
        let before = findings.len();
        for (lint, events) in seen.iter().flat_map(|look| &look.lints) {
            if let Some(mut finding) = said.fault(&fault_of(lint, &form)) {
                finding.events.extend(events);
                finding.events.sort_unstable();
                findings.push(finding);
            }
        }
        let of_media = before..findings.len();
        if self.answers_unseen(&said) {
            for found in findings.iter_mut().skip(before) {
                found.excuse = Some(handed::EARLIER.to_owned());
            }
        }
        let broken = |f: &Finding| f.level == Level::Must;
        let doubtful = findings.iter().any(broken);
        let mut spoilt = doubtful.then_some(Spoilt::Doubtful);
        let astray = self.is_astray(&said);
        if stanza.iq_type() == Some(IqType::Set)
            && let Some(order) = self.order(&said, doubtful, &mut findings)
        {
            spoilt = Some(order);
        }
        if astray {
            handed::excuse_misled(&mut findings);
            spoilt = spoilt.map(|_| Spoilt::Doubtful);
        }
        if resent {
            handed::excuse_resent(&mut findings);
            spoilt = spoilt.map(|_| Spoilt::Doubtful);
        }
        let mut touched: Vec<&'static str> = Vec::new();
        if let (Some(speaker), Some(look)) = (speaker, seen) {
            let stray = stanza.iq_type() != Some(IqType::Set) || spoilt.is_some_and(Spoilt::is_out);
            if stray {
                findings.drain(of_media);
            } else {
                touched.extend(look.tested.iter().filter(|id| !look.doubts(id)));
            }
            self.media.note(speaker, form.decoded(), look, stray, |lint| {
                let plain = || said.finding(lint.rule, lint.message.clone(), "", String::new());
                said.fault(&fault_of(lint, &form)).unwrap_or_else(plain)
            });
        }
        let unseen = self.witness == Witness::Signals;
        let again = (said.handed_on || unseen) && self.came_before(&said);
        // Of connections signals alone tell nothing: what is the same to its timestamp was sent once. Nor does one end
        // of the other's: a session that is resumed sends what was not acknowledged again.
        if (said.handed_on && (said.broke || again)) || unseen {
            if again || !unseen {
                handed::excuse(&mut findings, again);
            }
            if unseen {
                self.perhaps_others(&said, again, &mut findings);
            }
            let certain = |f: &Finding| f.level == Level::Must && f.excuse.is_none();
            if !findings.iter().any(certain) {
                // Whoever gets what is perhaps the server's doing may answer as it likes.
                spoilt = spoilt.map(|_| Spoilt::Doubtful);
            }
        }
        if let Some(spoilt) = spoilt {
            self.spoilt.insert(fingerprint(&actor.jid, stanza, &form), spoilt);
        }
        if actor.sight != Sight::Exact {
            let unseen = |id: &str| self.witness == Witness::Signals && id.starts_with("IQ-");
            let kept = |id: &str| !unseen(id) && !findings.iter().any(|found| found.rule.id == id);
            for list in tested(&form) {
                if list.iter().all(|id| kept(id)) {
                    record.held_all(list);
                } else {
                    list.iter().filter(|id| kept(id)).for_each(|id| record.held(id));
                }
            }
            touched
                .into_iter()
                .filter(|id| kept(id))
                .for_each(|id| record.held(id));
        }
        for finding in findings {
            record.broken(finding);
        }
        if let Some(call) = call {
            self.settle(call, record);
        }
    }

    /// What somebody said of the media before its own recording began or after it had stopped: others answer to that.
    pub(super) fn overheard(
        &mut self,
        from: &str,
        event: &Event,
        stanza: &Stanza,
        spoken: Option<&Arc<Spoken>>,
    ) {
        let from = fold(from);
        let Some(name) = self.roll.name(&from).cloned() else {
            return;
        };
        let known = print((&name, stanza.id().unwrap_or_default()));
        if self.said.get(&known).is_some() {
            return;
        }
        // By the clock of another its recording may seem to go on.
        let unseen = !self.sessions.contains_key(&*name) || self.roll.of(&name).late || self.apart > 0.0;
        let Some(form) = form::read(stanza, spoken) else {
            return;
        };
        let Some(call) = form.decoded().facts.call.as_deref() else {
            return;
        };
        let speaker = Speaker {
            call,
            key: &name,
            user: bare(&from),
            n: event.n,
        };
        // What its recording ought to hold and does not it has perhaps not said: that binds it to nothing.
        // It is judged nowhere, so nothing of it waits to be told.
        let none =
            |lint: &Lint| Finding::of_client(lint.rule, &name, String::new(), "", String::new(), vec![]);
        self.media
            .note(speaker, form.decoded(), Look::default(), !unseen, none);
    }

    /// Whether it answers an offer that came in before its recording began: by the clock of another that may even be sent
    /// later.
    fn answers_unseen(&self, said: &Said) -> bool {
        let key = &said.actor.key;
        let late = self.apart > 0.0 && self.roll.of(key).late;
        late && said.form.decoded().facts.kind == Some(Kind::Answer)
            && said.call().is_some_and(|call| {
                let tracks = self.tracks.get(&(Arc::clone(key), call.into()));
                !tracks.into_iter().flatten().any(|track| track.offered)
            })
    }

    /// Signals alone do not tell which device said them, nor to which: a user may have been called on several.
    fn perhaps_others(&mut self, said: &Said, again: bool, findings: &mut [Finding]) {
        let Some(call) = said.call() else { return };
        let kind = said.form.decoded().facts.kind;
        // Whose signal it is only its own ids tell: where those may be wrong, so may what follows from them.
        let breaks = |id: &str| findings.iter().any(|found| found.rule.id == id);
        let nameless = ["SG-02", "SG-03", "SG-11"].into_iter().any(breaks);
        let strange = breaks("ST-11");
        if nameless || strange || (again && kind == Some(Kind::Initiate)) {
            self.shared.insert(call.into(), ());
        }
        if strange {
            let strange = findings
                .iter_mut()
                .filter(|found| found.rule.id == "ST-11" && nameless);
            strange.for_each(|found| found.excuse = Some(handed::NAMELESS.to_owned()));
            return;
        }
        let tracks = self.tracks.get(&(said.actor.key.clone(), call.into()));
        let half = tracks.is_some_and(|tracks| tracks.iter().any(|track| track.half));
        handed::excuse_others(findings, half || self.shared.get(call).is_some());
    }

    /// Whether it is said by a device of the caller that was called itself, which only a server can have done, and which may
    /// take itself for the callee.
    fn is_astray(&mut self, said: &Said) -> bool {
        let Some((id, call)) = said.call().and_then(|id| Some((id, self.calls.get(id)?))) else {
            return false;
        };
        let (caller, callee) = &call.users;
        let outside = bare(&said.actor.jid) != caller || caller == callee;
        if outside || self.witness.is_bots() {
            return false;
        }
        let own = said.stanza.to().is_some_and(|to| bare(&fold(to)) == caller);
        let side = (Arc::clone(&said.actor.key), Arc::from(id));
        let tracks = self.tracks.get(&side);
        let kind = said.form.decoded().facts.kind;
        let answers = kind.is_some_and(|kind| side_of(kind) == Some(Role::Callee));
        let called = match tracks {
            Some(tracks) => tracks.iter().any(|track| track.called),
            // Of a device that was not recorded its own answer shows it.
            None => answers && own && said.handed_on && self.witness != Witness::Signals,
        };
        if called {
            self.astray.insert(side.clone(), ());
        }
        self.astray.get(&side).is_some()
    }

    /// Whether a client sends this once more, to the byte, after its connection had broken: a session that is resumed
    /// sends what was not acknowledged again (XEP-0198 §5).
    fn is_resent(&mut self, actor: &Actor, letter: u64) -> bool {
        // What bots of ours do is in their script.
        if actor.sight == Sight::Exact {
            return false;
        }
        let stream = self.stream_of(actor);
        let first = *self.first_sent.entry(print((&actor.jid, letter)), || stream);
        first != stream
    }

    /// Whether this signal has been handed on before; from now on it has.
    fn came_before(&mut self, said: &Said) -> bool {
        let same = match self.witness {
            // Without stanzas, the time that it gives tells it from others, however it is spelled.
            Witness::Signals => {
                let facts = &said.form.decoded().facts;
                let at = facts.timestamp.map(f64::to_bits);
                print((&said.actor.jid, &facts.call, facts.kind.map(Kind::name), at))
            }
            // A server may make a stanza of its own of it.
            _ => print((&said.actor.jid, said.form.print())),
        };
        let again = self.handed_on.get(&same).is_some();
        self.handed_on.insert(same, ());
        again
    }

    /// What is wrong with what it says of the media, for someone who has taken in what it surely has.
    fn look(&self, actor: &Actor, speaker: Speaker<'_>, decoded: &Decoded) -> Look {
        let mut look = self.media.look(speaker, decoded);
        look.taken_in(|| {
            let tracks = self.tracks.get(&(actor.key.clone(), speaker.call.into()));
            let reached = tracks.and_then(|tracks| tracks.iter().map(Track::reached).min());
            reached.flatten().unwrap_or_default()
        });
        look
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
}

pub(super) fn fingerprint(from: &str, stanza: &Stanza, form: &Form) -> u64 {
    print((from, stanza.id().unwrap_or_default(), form.print()))
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
