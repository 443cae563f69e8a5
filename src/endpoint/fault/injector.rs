//! The one who decides: a stanza that is about to leave in, what really leaves out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::deed::{
    Beyond, Carrier, Deed, Lie, Point, Reply, Rewrite, Sentence, Set, Slip, Stamp, When, Whom, Wrap,
};
use super::log::FaultLog;
use super::rewrite::{self, Letter, stamped};
use super::scene::{Facts, Scene};
use super::spec::Chosen;
use crate::stanza::{CLIENT, STANZA_ERRORS, Stanza, bare, escape};

/// How long a flood holds up the others, in milliseconds.
const STARVED: u64 = 6_000;
/// Stanzas that are kept for clients that are away.
const KEPT: usize = 1_024;

/// Something that is about to leave.
#[derive(Debug)]
pub struct Passage<'a> {
    pub point: Point,
    /// The sender's full JID; of what the server says itself, whoever it answers for.
    pub from: &'a str,
    /// The full JID of the client that gets it.
    pub to: &'a str,
    /// What is carried, or what is answered.
    pub stanza: &'a Stanza,
    /// As it would be written.
    pub text: String,
}

/// Who is connected.
#[derive(Debug)]
pub struct Around {
    /// Seconds since the endpoint's beginning.
    pub now: f64,
    /// Full JIDs in order, and what carries them.
    pub seats: Vec<(String, Carrier)>,
}

/// What really leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Milliseconds from now.
    pub after: u64,
    pub to: String,
    pub text: String,
    /// The stream of `to` is ended instead, with this stream error.
    pub end: Option<&'static str>,
}

#[derive(Debug)]
struct Active {
    chosen: Chosen,
    /// How often it could have struck.
    count: u64,
}

/// The faults that were chosen, and what they have to remember.
#[derive(Debug)]
pub struct Injector {
    active: Vec<Active>,
    scene: Scene,
    seed: u64,
    log: Option<FaultLog>,
    /// Clients that are told nothing any more.
    deaf: BTreeSet<String>,
    /// For clients that are away.
    kept: BTreeMap<String, Vec<String>>,
    /// Seats of those who are gone, still taken.
    ghosts: BTreeSet<String>,
    serial: u64,
    flooded: bool,
}

impl Injector {
    /// `None`: nothing was chosen, and nothing has to be asked.
    pub fn new(chosen: &[Chosen], seed: u64, log: Option<FaultLog>) -> Option<Injector> {
        if chosen.is_empty() {
            return None;
        }
        let active = chosen.iter().cloned().map(|chosen| Active { chosen, count: 0 });
        Some(Injector {
            active: active.collect(),
            scene: Scene::default(),
            seed,
            log,
            deaf: BTreeSet::new(),
            kept: BTreeMap::new(),
            ghosts: BTreeSet::new(),
            serial: 0,
            flooded: false,
        })
    }

    /// What becomes of a passage.
    pub fn carry(&mut self, passage: &Passage<'_>, around: &Around) -> Vec<Parcel> {
        let facts = self.scene.take(passage);
        if self.deaf.contains(passage.to) {
            return Vec::new();
        }
        let mut parcels = vec![Parcel {
            after: 0,
            to: passage.to.to_owned(),
            text: passage.text.clone(),
            end: None,
        }];
        for index in 0..self.active.len() {
            let Some(active) = self.active.get(index) else {
                break;
            };
            let (fault, deed, when) = (active.chosen.fault, active.chosen.deed, active.chosen.when);
            if !fault.at.contains(&facts.point) || !fits(&when, &facts, passage, around) {
                continue;
            }
            let Some(next) = self.apply(deed, &parcels, passage, &facts, around) else {
                continue;
            };
            if !self.is_turn(index, when) {
                continue;
            }
            self.remember(deed, passage);
            self.tell_of(index, passage, &facts, around);
            parcels = next;
        }
        self.scene.settle(&facts);
        if self.flooded {
            parcels = parcels.iter().map(|parcel| later(parcel, STARVED)).collect();
        }
        parcels
    }

    fn tell(&self, entry: &serde_json::Value) {
        if let Some(log) = &self.log {
            log.write(entry);
        }
    }

    /// That a fault has struck here.
    fn tell_of(&self, index: usize, passage: &Passage<'_>, facts: &Facts, around: &Around) {
        self.tell(&json!({
            "t": around.now,
            "fault": self.active.get(index).map(|active| active.chosen.text.as_str()),
            "from": passage.from,
            "to": passage.to,
            "id": passage.stanza.id(),
            "signal": facts.kind.map(crate::protocol::Kind::name),
        }));
    }

    fn is_turn(&mut self, index: usize, when: When) -> bool {
        let Some(active) = self.active.get_mut(index) else {
            return false;
        };
        active.count += 1;
        let every = u64::from(when.every.unwrap_or(1)).max(1);
        (active.count + self.seed).is_multiple_of(every)
    }

    /// What these parcels become; `None`: there is nothing to lay hands on.
    fn apply(
        &mut self,
        deed: Deed,
        parcels: &[Parcel],
        passage: &Passage<'_>,
        facts: &Facts,
        around: &Around,
    ) -> Option<Vec<Parcel>> {
        let each = |change: &dyn Fn(&Parcel) -> Vec<Parcel>| {
            Some(parcels.iter().flat_map(change).collect::<Vec<Parcel>>())
        };
        match deed {
            Deed::Drop => Some(Vec::new()),
            Deed::Delay(ms) => each(&|parcel| vec![later(parcel, ms)]),
            Deed::Double(ms) => each(&|parcel| vec![parcel.clone(), later(parcel, ms)]),
            Deed::Rewrite(how) => {
                let new: Vec<Parcel> = parcels
                    .iter()
                    .filter_map(|parcel| {
                        let letter = Letter {
                            from: passage.from,
                            to: passage.to,
                            claimed: passage.stanza.from(),
                            stranger: self.whom(Whom::Stranger, passage, facts, around),
                        };
                        let text = rewrite::rewrite(how, &parcel.text, &letter)?;
                        Some(Parcel {
                            text,
                            ..parcel.clone()
                        })
                    })
                    .collect();
                (new.len() == parcels.len()).then_some(new)
            }
            Deed::Precede(made) => each(&|parcel| {
                let text = (made.0)(&parcel.text);
                vec![
                    Parcel {
                        text,
                        ..parcel.clone()
                    },
                    parcel.clone(),
                ]
            }),
            Deed::Divert(whom) => {
                let to = self.whom(whom, passage, facts, around)?;
                each(&|parcel| {
                    vec![Parcel {
                        to: to.clone(),
                        ..parcel.clone()
                    }]
                })
            }
            Deed::Leak(whom, wrap) => {
                let to = self.whom(whom, passage, facts, around)?;
                each(&|parcel| {
                    let copy = Parcel {
                        text: dress(wrap, &parcel.text, &to),
                        to: to.clone(),
                        ..parcel.clone()
                    };
                    vec![parcel.clone(), copy]
                })
            }
            Deed::Disconnect(condition) => {
                let sends = matches!(
                    facts.point,
                    Point::Signal | Point::Request | Point::Chat | Point::Answer
                );
                Some(vec![Parcel {
                    after: 0,
                    to: if sends { passage.from } else { passage.to }.to_owned(),
                    text: String::new(),
                    end: Some(condition),
                }])
            }
            Deed::AnswerFor(reply) => Some(vec![Parcel {
                after: 0,
                to: passage.from.to_owned(),
                text: answer_for(reply, passage),
                end: None,
            }]),
            Deed::Keep { .. } => Some(Vec::new()),
            Deed::Remember(ms) => {
                self.serial += 1;
                let id = format!("again-{}", self.serial);
                each(&|parcel| {
                    let again = rewrite::with_id(&parcel.text, &id).unwrap_or_default();
                    let again = Parcel {
                        text: again,
                        ..later(parcel, ms)
                    };
                    vec![parcel.clone(), again]
                })
            }
            Deed::Deafen => Some(parcels.to_vec()),
            // Asked for elsewhere.
            Deed::Judge(..) | Deed::Lie(_) | Deed::Slip(_) => None,
        }
    }

    fn remember(&mut self, deed: Deed, passage: &Passage<'_>) {
        match deed {
            Deed::Deafen => {
                self.deaf.insert(passage.to.to_owned());
            }
            Deed::Keep { stamped: delay } => {
                // It is the bounce that passes here; what is kept is the signal that it answers.
                let Some(text) = stamped(passage.stanza, passage.to, delay) else {
                    return;
                };
                let kept = self.kept.entry(passage.from.to_owned()).or_default();
                if kept.len() < KEPT {
                    kept.push(text);
                }
            }
            _ => {}
        }
    }

    fn whom(&self, whom: Whom, passage: &Passage<'_>, facts: &Facts, around: &Around) -> Option<String> {
        let (from, to) = (passage.from, passage.to);
        let mut seats = around.seats.iter().map(|(jid, _)| jid);
        let found = match whom {
            Whom::Device => seats.find(|jid| bare(jid) == bare(to) && *jid != to),
            Whom::OwnDevice => seats.find(|jid| bare(jid) == bare(from) && *jid != from),
            Whom::Stranger => seats.find(|jid| bare(jid) != bare(from) && bare(jid) != bare(to)),
            Whom::Sender => seats.find(|jid| *jid == from),
            Whom::OtherCall => self
                .scene
                .elsewhere(facts.call.as_ref())
                .find(|jid| bare(jid) != bare(from) && bare(jid) != bare(to)),
        };
        found.cloned()
    }

    // -- decisions that are not about one stanza -----------------------------------------------------------

    /// The lies of this injector that hold, with what they say.
    fn lies(&self) -> impl Iterator<Item = Lie> {
        self.active.iter().filter_map(|active| match active.chosen.deed {
            Deed::Lie(lie) => Some(lie),
            _ => None,
        })
    }

    /// What goes wrong below the stanzas.
    pub fn slips(&self) -> BTreeSet<Slip> {
        let slips = self.active.iter().filter_map(|active| match active.chosen.deed {
            Deed::Slip(slip) => Some(slip),
            _ => None,
        });
        slips.collect()
    }

    /// A flood holds up everybody from here on.
    pub fn flooded(&mut self) {
        self.flooded = true;
    }

    pub fn says(&self, lie: Lie) -> bool {
        self.lies().any(|said| said == lie)
    }

    /// How long an enforcing server rings, in seconds, if not as long as it should.
    pub fn ringing(&self) -> Option<f64> {
        self.lies().find_map(|lie| match lie {
            Lie::RingsFor(ms) => Some(ms as f64 / 1_000.0),
            _ => None,
        })
    }

    /// How many sessions a user may have at once, and what becomes of another one.
    pub fn sessions(&self) -> Option<(usize, Beyond)> {
        self.lies().find_map(|lie| match lie {
            Lie::SessionsAtMost(most, beyond) => Some((most as usize, beyond)),
            _ => None,
        })
    }

    /// Whether a `from` that is not the sender's own is let through.
    pub fn takes_forged(&self) -> bool {
        self.active
            .iter()
            .any(|active| active.chosen.deed == Deed::Rewrite(Rewrite::From(Stamp::Claimed)))
    }

    /// What an enforcing server does with a signal that it sees like this, if not what is right.
    pub fn sentence(&mut self, set: Set, passage: &Passage<'_>, around: &Around) -> Option<Sentence> {
        let facts = self.scene.take(passage);
        for index in 0..self.active.len() {
            let active = self.active.get(index)?;
            let Deed::Judge(sets, sentence) = active.chosen.deed else {
                continue;
            };
            let when = active.chosen.when;
            if sets.contains(&set) && fits(&when, &facts, passage, around) && self.is_turn(index, when) {
                self.tell_of(index, passage, &facts, around);
                return Some(sentence);
            }
        }
        None
    }

    /// A client has bound this full JID: what was kept for it.
    pub fn arrived(&mut self, jid: &str) -> Vec<Parcel> {
        self.scene.bind(jid);
        self.deaf.remove(jid);
        if !self.says(Lie::OldSeatServed) {
            self.ghosts.remove(jid);
        }
        let kept = self.kept.remove(jid).unwrap_or_default();
        kept.into_iter()
            .map(|text| Parcel {
                after: 0,
                to: jid.to_owned(),
                text,
                end: None,
            })
            .collect()
    }

    /// A client has gone. `true`: its seat stays taken.
    pub fn left(&mut self, jid: &str, cut: bool) -> bool {
        let stays = self.says(Lie::SeatKept)
            || self.says(Lie::OldSeatServed)
            || (cut && self.says(Lie::SeatKeptAfterCut));
        if stays {
            self.ghosts.insert(jid.to_owned());
            self.tell(&json!({ "fault": "the seat stays taken", "to": jid }));
        }
        stays
    }

    /// Whether what goes to this full JID is lost on somebody who is gone.
    pub fn is_ghost(&self, jid: &str) -> bool {
        self.ghosts.contains(jid)
    }
}

/// Whether the moment is one of those in which a fault strikes.
fn fits(when: &When, facts: &Facts, passage: &Passage<'_>, around: &Around) -> bool {
    let carrier = || {
        around
            .seats
            .iter()
            .find(|(jid, _)| jid == passage.to)
            .map(|(_, carrier)| *carrier)
    };
    let second = || {
        around
            .seats
            .iter()
            .any(|(jid, _)| bare(jid) == bare(passage.to) && jid.as_str() < passage.to)
    };
    let long = |least: usize| {
        let text = passage.stanza.call_text().or_else(|| passage.stanza.body());
        text.unwrap_or_default().len() >= least
    };
    when.after.is_none_or(|calls| facts.begun > calls)
        && when.only.is_none_or(|kind| facts.kind == Some(kind))
        && when.reason.is_none_or(|reason| facts.reason == Some(reason))
        && when.over.is_none_or(|over| carrier() == Some(over))
        && when.from.is_none_or(|role| facts.from == Some(role))
        && when.to.is_none_or(|role| facts.to == Some(role))
        && (!when.load || facts.live >= 5)
        && (!when.chat || facts.chats > 0)
        && (!when.flood || facts.chats >= 20)
        && (!when.second_device || second())
        && (!when.again || facts.again)
        && when.longer.is_none_or(long)
}

fn later(parcel: &Parcel, ms: u64) -> Parcel {
    Parcel {
        after: parcel.after + ms,
        ..parcel.clone()
    }
}

fn dress(wrap: Wrap, text: &str, to: &str) -> String {
    let (name, ns) = match wrap {
        Wrap::Plain => return text.to_owned(),
        Wrap::Carbon => ("received", "urn:xmpp:carbons:2"),
        Wrap::Archive => ("result", "urn:xmpp:mam:2"),
    };
    let own = bare(to);
    format!(
        r#"<message xmlns="{CLIENT}" from="{}" to="{}"><{name} xmlns="{ns}"><forwarded xmlns="urn:xmpp:forward:0">{text}</forwarded></{name}></message>"#,
        escape(own),
        escape(to)
    )
}

fn answer_for(reply: Reply, passage: &Passage<'_>) -> String {
    let id = escape(passage.stanza.id().unwrap_or_default());
    let (from, to) = (escape(passage.to), escape(passage.from));
    match reply {
        Reply::Result => {
            format!(r#"<iq xmlns="{CLIENT}" type="result" id="{id}" from="{from}" to="{to}"/>"#)
        }
        Reply::Error(condition) => format!(
            r#"<iq xmlns="{CLIENT}" type="error" id="{id}" from="{from}" to="{to}"><error type="cancel"><{condition} xmlns="{STANZA_ERRORS}"/></error></iq>"#
        ),
    }
}
