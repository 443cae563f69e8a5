//! Follows every party of the transcript, whether its own wire was recorded or only the other end.

mod actors;
mod envelope;
mod gaps;
mod got;
mod left;
mod order;
mod refusals;
mod replies;
mod sent;
mod tested;
mod tracks;
mod unfinished;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use foldhash::HashMap;

use super::answers::Answers;
use super::lately::Lately;
use super::media::Media;
use super::recent::Recent;
use super::roll::Roll;
use super::track::Track;
use crate::profile::Class;
use crate::protocol::Act;
use crate::rules::{Family, Record, Seen};
use crate::stanza::{IqType, Stanza, bare, fold, print, resource};
use crate::transcript::{Dir, Event, Header, Member, Party, Witness};
use gaps::Ends;

use actors::Actor;

/// Calls and stanza ids that are remembered at once: what is older is not looked up any more.
const REMEMBERED: usize = 16_384;
/// Ids of requests that are remembered.
const IDS: usize = 65_536;
/// Signals from one sender that wait for their answer and are remembered in their order.
const LINE: usize = 256;
/// Sides of calls that are followed at once. Of one that was forgotten the beginning is not known any more.
const FOLLOWED: usize = 4_096;

/// What a broken signal does to the views of those who sent and got it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spoilt {
    /// Of somebody who has no part in the call: it moves none.
    Outside,
    /// Out of order in its sender's view: it moves none (ST-17) in which it has no place either.
    OutOfOrder,
    /// Broken in itself: a reader may act on it or not.
    Doubtful,
}

impl Spoilt {
    /// Whether it has no place in its sender's call.
    fn is_out(self) -> bool {
        self != Spoilt::Doubtful
    }
}

#[derive(Debug)]
struct Call {
    /// The bare JIDs of caller and callee.
    users: (String, String),
    /// The ids that the initiate gave: sender, recipient.
    ids: Option<(String, String)>,
}

/// A party's side of a call: its key, and the call's id.
type Side = (Arc<str>, Arc<str>);

/// The judge of everything that parties send.
pub(in super::super) struct Parties {
    witness: Witness,
    skew: f64,
    /// How far off the time at one end may be by the clock of the other, in seconds.
    apart: f64,
    cast: BTreeMap<String, Member>,
    bots_only: bool,
    /// User ids by bare JID.
    ids: HashMap<String, String>,
    /// The JIDs of those whose wire was recorded, with the number of their session.
    sessions: BTreeMap<Arc<str>, (Arc<str>, u64)>,
    roll: Roll,
    streams: u64,
    announced: BTreeMap<String, Vec<String>>,
    tracks: Recent<Side, Vec<Track>>,
    /// Whose tracks those are, by call.
    followed: HashMap<Arc<str>, Vec<Arc<str>>>,
    /// Parties that got a signal that was out of place in this call.
    misled: Recent<Side, ()>,
    /// The call of each signal and whether it began that, by its sender and its iq id.
    said: Lately<(Arc<str>, bool)>,
    /// Who sent each signal whose sender was recorded, by whom it was for, its id and its text, until it came.
    posted: Lately<Option<Arc<str>>>,
    /// As what signals came whose senders were recorded, by who got them and their iq ids; those that came for or from
    /// somebody else than they were sent to or by are as nothing.
    came: Lately<Option<u64>>,
    /// The session in which each was sent first.
    first_sent: Lately<u64>,
    /// In whose name each signal came that nobody is known to have sent: by another clock it perhaps was sent later.
    unposted: Lately<Arc<str>>,
    /// Parties that got a signal of their call from somebody whom the server had called in another's place.
    strayed: Recent<Side, ()>,
    /// Devices of the caller that were called themselves.
    astray: Recent<Side, ()>,
    /// The last signal from one party to another that could not be read.
    garbled: Lately<u64>,
    /// Calls of which a party saw an initiate come back as an error, or another signal as not to be delivered.
    bounced: Recent<Side, ()>,
    /// Calls that began more than once, where signals alone were recorded: several devices were called.
    shared: Recent<Arc<str>, ()>,
    /// The server judges signals itself: it answers in the name of devices, and speaks for users.
    enforces: bool,
    /// The calls that a party has taken up, by its key.
    taken_up: HashMap<Arc<str>, Vec<Arc<str>>>,
    calls: Recent<Arc<str>, Call>,
    /// The latest timestamp that each party gave in each call, and its event.
    stamps: Recent<Side, std::cell::Cell<(f64, u64)>>,
    used: Lately<u64>,
    spoilt: Lately<Spoilt>,
    /// A connection has ended: what was on its way then may be lost, or come once more and later.
    broke: bool,
    /// Signals that were recorded only where the server handed them on.
    handed_on: Lately<()>,
    /// The call that each inbound signal was for, its event and what it does, by who got it and its iq id.
    under_way: Lately<(Arc<str>, u64, Act)>,
    /// What has come to each party from each sender and was perhaps not taken in yet: its event and its call.
    lines: Lately<VecDeque<(u64, Arc<str>)>>,
    answers: Answers,
    /// Who was asked by whom under which id, as bare JIDs: a server may answer in the name of a device.
    requests: Lately<Ends>,
    /// Someone else wrote it down, who may have left something out.
    foreign: bool,
    /// The latest event with which it is known of a user, or of two, that something is not in the recording.
    gaps: Lately<u64>,
    media: Media,
    whole: bool,
    /// How often the recorder's clock was set back.
    clock_set: u32,
}

/// When what an event tells of was there: a bot of ours may have taken it in later.
fn arrival(event: &Event) -> f64 {
    event.arrived.unwrap_or(event.t)
}

/// Stands for a request of this party, or to it.
fn request(actor: &Actor, stanza: &Stanza) -> u64 {
    print((&actor.key, stanza.id().unwrap_or_default()))
}

impl Parties {
    pub(in super::super) fn new(header: &Header) -> Parties {
        let known = header.cast.values();
        let ids =
            known.filter_map(|m| Some((fold(bare(&m.jid)).into_owned(), m.id.as_ref()?.to_lowercase())));
        Parties {
            witness: header.witness,
            skew: header.clock_skew,
            apart: header.apart,
            ids: ids.collect(),
            bots_only: !header.cast.is_empty() && header.cast.values().all(|m| m.party == Party::Bot),
            cast: header.cast.clone(),
            sessions: BTreeMap::new(),
            roll: Roll::new(),
            streams: 0,
            announced: BTreeMap::new(),
            tracks: Recent::new(FOLLOWED),
            followed: HashMap::default(),
            taken_up: HashMap::default(),
            misled: Recent::new(REMEMBERED),
            said: Lately::new(REMEMBERED),
            posted: Lately::new(REMEMBERED),
            came: Lately::new(REMEMBERED),
            first_sent: Lately::new(REMEMBERED),
            unposted: Lately::new(REMEMBERED),
            strayed: Recent::new(REMEMBERED),
            astray: Recent::new(REMEMBERED),
            garbled: Lately::new(REMEMBERED),
            bounced: Recent::new(REMEMBERED),
            calls: Recent::new(REMEMBERED),
            stamps: Recent::new(REMEMBERED),
            used: Lately::new(IDS),
            spoilt: Lately::new(REMEMBERED),
            shared: Recent::new(REMEMBERED),
            enforces: header.profile.class == Class::Enforcing,
            broke: false,
            handed_on: Lately::new(REMEMBERED),
            under_way: Lately::new(REMEMBERED),
            lines: Lately::new(REMEMBERED),
            answers: Answers::new(header),
            requests: Lately::new(IDS),
            foreign: header.is_foreign(),
            gaps: Lately::new(REMEMBERED),
            media: Media::new(header.profile.mdns),
            whole: false,
            clock_set: 0,
        }
    }

    /// The recordings of all who are still there stop, each where it does: of several others may go on.
    fn stop_all(&mut self, record: &mut Record) {
        let there = self.sessions.iter().map(|(who, (jid, _))| {
            let at = self.roll.of(who).heard;
            (at, Arc::clone(who), Arc::clone(jid))
        });
        let mut there: Vec<_> = there.collect();
        // Whoever was there for longest has owed for longest, also to those who were not.
        there.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
        for (at, who, jid) in there {
            self.stops(&who, &jid, at, record);
        }
    }

    /// The recording of this party stops.
    fn stops(&mut self, who: &str, jid: &str, at: f64, record: &mut Record) {
        self.answers.stops((who, jid), at, record);
        self.unfinished(at, Some((who, jid)), record);
    }
}

impl Family for Parties {
    fn event(&mut self, seen: Seen<'_>, record: &mut Record) {
        let event = seen.event;
        self.roll.hears(&event.who, event.t);
        match event.dir {
            Dir::Connected | Dir::Begins => {
                self.streams += 1;
                let jid: Arc<str> = fold(event.jid.as_deref().unwrap_or_default()).into();
                let known = self.roll.note(&event.who);
                known.turned = Some(event.n);
                known.left = None;
                if event.dir == Dir::Begins {
                    known.late = true;
                    // What it had owed so far as seen from elsewhere it may have given unseen.
                    self.answers.gone(&jid);
                } else {
                    known.came = Some(event.n);
                }
                // Whoever comes a second time, as whatever, may have been cut off.
                self.broke |= !self.roll.comes(&event.who, &jid, bare(&jid));
                self.sessions
                    .insert(event.who.as_str().into(), (jid, self.streams));
            }
            Dir::Disconnected | Dir::Cut | Dir::Closed => {
                // After the last step everyone goes; what was owed by then is still owed.
                if self.whole {
                    return;
                }
                self.broke = true;
                let known = self.roll.note(&event.who);
                known.turned = Some(event.n);
                if event.dir == Dir::Disconnected {
                    known.left = Some(event.n);
                }
                if let Some((jid, _)) = self.sessions.remove(event.who.as_str()) {
                    self.answers.cut_off(&jid);
                }
                self.answers.gone(&event.who);
            }
            Dir::Stops => {
                self.roll.note(&event.who).turned = Some(event.n);
                let jid = self.sessions.get(event.who.as_str()).map(|(jid, _)| jid.clone());
                let jid = jid.unwrap_or_default();
                self.stops(&event.who, &jid, event.t, record);
                self.sessions.remove(event.who.as_str());
            }
            Dir::Breaks => {
                self.announced.insert(event.who.clone(), event.rules.clone());
            }
            Dir::Steps | Dir::End => self.whole = true,
            // For how long, nobody knows.
            Dir::Stalled if event.seconds.is_none() => self.clock_set += 1,
            Dir::Sent | Dir::Received => {
                if event.dir == Dir::Sent {
                    self.answers.speaks(&event.who, event.t);
                }
                let Some(stanza) = seen.stanza else {
                    self.answers.unread(event.n);
                    if seen.is_unreadable() {
                        let near = self.recorded_actor(event);
                        self.unreadable(&near, event.n);
                    }
                    self.announced.remove(&event.who);
                    return;
                };
                let near = self.recorded_actor(event);
                self.roll.records(&near.jid);
                self.asked(&near, event.dir, stanza);
                let answer = matches!(stanza.iq_type(), Some(IqType::Result | IqType::Error));
                if answer {
                    self.answers.heard(event.dir);
                }
                if event.dir == Dir::Sent {
                    let to = stanza.to().unwrap_or_default();
                    let far = self.far_actor(to, &near);
                    if answer {
                        self.answers_unrecorded(&near, to, event.dir, stanza, event.n);
                        self.answered(&near, to, event, stanza, record);
                        return;
                    }
                    self.sent(&near, event, stanza, seen.spoken, record);
                    if let Some(far) = far {
                        self.got(&far, (&near.jid, None), event, stanza, seen.spoken);
                    }
                } else {
                    let from = stanza.from().unwrap_or_default();
                    let served = self.enforces && resource(from).is_none();
                    let far = self.far_actor(from, &near).filter(|_| !served);
                    if answer {
                        self.answers_unrecorded(&near, from, event.dir, stanza, event.n);
                        self.came_back(&near, stanza);
                        if let Some(far) = far {
                            self.answered(&far, &near.jid, event, stanza, record);
                        }
                        return;
                    }
                    self.addressed_oddly(&near, from, stanza, event.n);
                    let misnamed = self.misnamed(&near, from, stanza, seen.spoken);
                    if misnamed.is_some() {
                        // Whoever is named has not said it.
                    } else if let Some(far) = far {
                        self.sent(&far, event, stanza, seen.spoken, record);
                    } else {
                        self.overheard(from, event, stanza, seen.spoken);
                    }
                    self.got(&near, (from, misnamed), event, stanza, seen.spoken);
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, at: f64, record: &mut Record) {
        self.left_by_media(record);
        if !self.whole {
            // A run that breaks off has perhaps not got as far as it was to; a recording stops there.
            if !self.witness.is_bots() {
                self.stop_all(record);
            }
            return;
        }
        let sessions = &self.sessions;
        self.answers
            .finish(at, |client| sessions.contains_key(client), record);
        self.unfinished(at, None, record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Ear;

    /// Alice is a bot of ours and bob a client, who answers nothing. She begins so many calls.
    struct Flood {
        parties: Parties,
        record: Record,
        ear: Ear,
        n: u64,
    }

    impl Flood {
        fn of(calls: u64) -> Flood {
            let header = serde_json::json!({"callspec": 1, "scenario": {}, "cast": {
                "alice": {"jid": "alice@x/1", "party": "bot"}, "bob": {"jid": "bob@x/2", "party": "client"},
            }});
            let header = serde_json::from_value(header).expect("a header");
            let (parties, record) = (Parties::new(&header), Record::default());
            let mut flood = Flood {
                parties,
                record,
                ear: Ear::default(),
                n: 0,
            };
            flood.play("connected", "alice@x/1", "");
            for call in 0..calls {
                flood.says("sent", "initiate", call, "to='bob@x/2'");
            }
            flood
        }

        fn says(&mut self, dir: &str, kind: &str, call: u64, address: &str) {
            let payload = match kind {
                "initiate" => serde_json::json!({"callerName": "Alice"}),
                _ => serde_json::json!({}),
            };
            let text = serde_json::json!({
                "type": format!("call:{kind}"), "callId": format!("0f0e0d0c-0b0a-4908-8706-{call:012}"),
                "payload": payload,
            });
            let text = crate::stanza::escape(&text.to_string());
            let call = format!("<call xmlns='urn:xmpp:call:0'>{text}</call>");
            let xml = format!("<iq type='set' id='{}' {address}>{call}</iq>", self.n);
            self.play(dir, "", &xml);
        }

        fn play(&mut self, dir: &str, jid: &str, xml: &str) {
            self.n += 1;
            let event = serde_json::json!({
                "n": self.n, "t": 0.0, "who": "alice", "dir": dir, "jid": jid, "xml": xml,
            });
            let event = serde_json::from_value(event).expect("an event");
            let heard = self.ear.listen(&event);
            let (stanza, spoken) = (heard.stanza.as_ref(), heard.spoken.as_ref());
            let seen = Seen {
                event: &event,
                stanza,
                spoken,
            };
            self.parties.event(seen, &mut self.record);
        }
    }

    #[test]
    fn of_a_call_that_was_forgotten_the_beginning_is_not_known() {
        let mut flood = Flood::of(FOLLOWED as u64 / 2 + 50);
        // Both sides of each.
        assert_eq!(flood.parties.followed.len(), FOLLOWED / 2);
        flood.says("received", "accept", 0, "from='bob@x/2' to='alice@x/1'");
        assert!(flood.record.findings.iter().all(|found| found.rule.id != "ST-01"));
        // Of one call a side is forgotten, and the other is not.
        flood.says("sent", "initiate", 9_999, "to='x'");
        let (followed, tracks) = (&flood.parties.followed, &flood.parties.tracks);
        for (call, sides) in followed {
            for side in sides {
                assert!(
                    tracks.get(&(Arc::clone(side), Arc::clone(call))).is_some(),
                    "{side} {call}"
                );
            }
        }
    }

    #[test]
    fn of_a_flood_so_much_is_remembered() {
        let mut parties = Flood::of(398).parties;
        assert_eq!(
            parties.lines.values().map(VecDeque::len).collect::<Vec<_>>(),
            [256]
        );
        // Who picks up another call is done with those that are over.
        let (call, other): (Arc<str>, Arc<str>) = ("c".into(), "d".into());
        parties.take_up(&"carol".into(), &other);
        parties.take_up(&"carol".into(), &call);
        assert_eq!(
            parties
                .taken_up
                .drain()
                .map(|(_, calls)| calls.len())
                .collect::<Vec<_>>(),
            [1]
        );
        // Where more parties are in calls than can be, it begins anew.
        let mut take_up = |n: usize| {
            parties.take_up(&n.to_string().into(), &call);
            parties.taken_up.len()
        };
        let counts: Vec<usize> = (0..=REMEMBERED).map(&mut take_up).collect();
        assert_eq!(counts[REMEMBERED - 1..], [REMEMBERED, 0]);
    }

    /// What it says is as wrong as ever.
    #[test]
    fn an_answer_to_what_was_forgotten_is_perhaps_one() {
        for (most, excused) in [(1, true), (9, false)] {
            let mut flood = Flood::of(0);
            flood.parties.requests = Lately::new(most);
            for id in 1..4 {
                let ask = format!(
                    "<iq type='get' id='{id}' from='bob@x/2' to='alice@x/1'><ping xmlns='urn:xmpp:ping'/></iq>"
                );
                flood.play("received", "", &ask);
            }
            flood.play("sent", "", "<iq type='error' id='9' to='bob@x/2'/>");
            let told = |rule: &str| {
                let found = flood.record.findings.iter().find(|found| found.rule.id == rule);
                found.map(|found| found.excuse.is_some())
            };
            assert_eq!((told("IQ-11"), told("IQ-09")), (Some(excused), Some(false)));
        }
    }
}
