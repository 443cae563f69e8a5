//! Devices that keep to the protocol: what they send is right in their own view, whatever crosses it.

use std::collections::{BTreeMap, HashMap, VecDeque};

use callspec::protocol::Role;
use serde_json::{Value, json};

use crate::dice::Dice;
use crate::media::Media;
use crate::spelling::{self, Body, Spelling, Stanza};
use crate::world::{DOMAIN, World};

#[derive(Debug, Clone)]
pub enum Todo {
    /// Takes in the next of what has come.
    Take,
    /// Does something in a call, if nothing has happened in it since.
    Act(String, u64),
    /// Calls another device.
    Call(usize),
    Chats,
    /// Asks the server whether it is there.
    Pings,
    /// Answers, if its session is still the same.
    Answers(u64, Stanza),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ringing,
    Accepted,
    Offered,
    Answered,
    Ended,
}

/// A device's side of a call.
#[derive(Debug, Clone)]
struct Side {
    caller: bool,
    peer: String,
    peer_id: String,
    state: State,
    /// When it sent the initiate, or took it in.
    rang: f64,
    accepted: f64,
    muted: bool,
    media: Media,
    /// The reason of the one hangup that may still follow.
    echo: Option<String>,
    version: u64,
}

#[derive(Debug, Clone)]
pub struct Device {
    pub user: String,
    pub resource: String,
    pub uuid: String,
    pub spelling: Spelling,
    /// How far its clock is ahead, in seconds.
    pub ahead: f64,
    pub managed: bool,
    pub conn: Option<usize>,
    pub session: usize,
    /// Whether its ids are odd, and whether they begin anew with each stream.
    odd: bool,
    counts: bool,
    counter: u64,
    streams: u64,
    /// Counts up whenever what is under way does not matter any more.
    epoch: u64,
    inbox: VecDeque<Stanza>,
    /// What it could not send so far.
    pub outbox: Vec<Stanza>,
    takes_at: f64,
    sides: BTreeMap<String, Side>,
    asked: HashMap<String, String>,
    hurry: bool,
}

impl Device {
    pub fn new(user: &str, resource: &str, uuid: &str, dice: &mut Dice) -> Device {
        Device {
            user: user.to_owned(),
            resource: resource.to_owned(),
            uuid: uuid.to_owned(),
            spelling: Spelling::new(dice),
            ahead: dice.between(-20.0, 20.0),
            managed: dice.chance(50),
            conn: None,
            session: 0,
            odd: dice.chance(30),
            counts: dice.chance(40),
            counter: 0,
            streams: 0,
            epoch: 0,
            inbox: VecDeque::new(),
            outbox: Vec::new(),
            takes_at: 0.0,
            sides: BTreeMap::new(),
            asked: HashMap::new(),
            hurry: dice.chance(50),
        }
    }

    pub fn jid(&self) -> String {
        format!("{}@{DOMAIN}/{}", self.user, self.resource)
    }

    pub fn begins_stream(&mut self) {
        self.streams += 1;
        // What waits to be sent has its id already.
        if self.outbox.is_empty() {
            self.counter = 0;
        }
    }

    /// What had come and what was to be answered went with the connection.
    pub fn forgets(&mut self) {
        self.epoch += 1;
        self.inbox.clear();
        self.asked.clear();
    }

    fn id(&mut self, dice: &mut Dice) -> String {
        self.counter += 1;
        let odd = if self.odd {
            dice.one(&["a&b<", "'\"", "ü 7", "x>y", "😀", "%00;"])
        } else {
            ""
        };
        match self.counts {
            true => format!("{odd}{}", self.counter),
            false => format!("{odd}{}", dice.uuid()),
        }
    }

    fn is_in_call(&self) -> bool {
        let live = |s: &Side| matches!(s.state, State::Accepted | State::Offered | State::Answered);
        self.sides.values().any(live)
    }
}

impl World {
    pub fn does(&mut self, device: usize, todo: Todo) {
        match todo {
            Todo::Take => {
                if let Some(stanza) = self.devices[device].inbox.pop_front() {
                    self.takes(device, stanza);
                }
            }
            Todo::Act(call, version) => {
                let side = self.devices[device].sides.get(&call);
                if side.is_some_and(|side| side.version == version) {
                    self.acts(device, &call);
                }
            }
            Todo::Call(other) => self.calls(device, other),
            Todo::Chats => self.chats(device),
            Todo::Pings => {
                let id = format!("ping {}", self.now);
                let (to, body) = (DOMAIN.to_owned(), Body::Query("urn:xmpp:ping"));
                let from = String::new();
                self.sends(
                    device,
                    Stanza {
                        name: "iq",
                        kind: "get",
                        id,
                        from,
                        to,
                        body,
                    },
                );
            }
            Todo::Answers(epoch, stanza) => {
                if self.devices[device].epoch == epoch {
                    self.sends(device, stanza);
                }
            }
        }
    }

    /// A stanza has come to a device: it takes it in a little later, one after the other.
    pub fn reaches(&mut self, device: usize, stanza: Stanza) {
        let took = match self.dice.below(8) {
            0 => self.dice.between(0.05, 1.5),
            _ => self.dice.between(0.0, 0.02),
        };
        let at = (self.now + took).max(self.devices[device].takes_at);
        self.devices[device].takes_at = at;
        self.devices[device].inbox.push_back(stanza);
        self.later(at - self.now, device, Todo::Take);
    }

    fn chats(&mut self, device: usize) {
        let other = self.dice.below(self.devices.len());
        let to = match self.dice.chance(50) {
            true => self.devices[other].jid(),
            false => format!("{}@{DOMAIN}", self.devices[other].user),
        };
        let text = self.dice.one(&[
            "hello",
            "a < b && c > d",
            "urn:xmpp:call:0 is what?",
            "]]>",
            "עברית 😀",
        ]);
        let id = self.devices[device].id(&mut self.dice.clone());
        self.dice.next();
        let (name, kind, to, body) = match self.dice.below(6) {
            0 => (
                "iq",
                "get",
                DOMAIN.to_owned(),
                Body::Query("http://jabber.org/protocol/disco#info"),
            ),
            1 => (
                "iq",
                "get",
                self.devices[other].jid(),
                Body::Query("jabber:iq:version"),
            ),
            2 => ("presence", "", String::new(), Body::Nothing),
            _ => ("message", "chat", to, Body::Chat(text.to_owned())),
        };
        let id = if name == "presence" { String::new() } else { id };
        self.sends(
            device,
            Stanza {
                name,
                kind,
                id,
                from: String::new(),
                to,
                body,
            },
        );
    }

    fn calls(&mut self, device: usize, other: usize) {
        let own = &self.devices[device];
        if own.is_in_call() || own.conn.is_none() || other == device || own.user == self.devices[other].user {
            return;
        }
        let call = self.dice.uuid();
        let side = Side {
            caller: true,
            peer: self.devices[other].jid(),
            peer_id: self.devices[other].uuid.clone(),
            state: State::Ringing,
            rang: self.now,
            accepted: 0.0,
            muted: false,
            media: Media::default(),
            echo: None,
            version: 0,
        };
        self.devices[device].sides.insert(call.clone(), side);
        let name = self
            .dice
            .one(&["Alice", "Zoë \"Z\" <z>", "👩🏽‍🚀 & co", "O'Brien / \\"]);
        self.signals(device, &call, "initiate", json!({ "callerName": name }));
        self.plans(device, &call);
    }

    fn signals(&mut self, device: usize, call: &str, kind: &str, payload: Value) {
        let own = &self.devices[device];
        let side = &own.sides[call];
        let signal = json!({
            "type": format!("call:{kind}"), "callId": call, "senderId": own.uuid, "recipientId": side.peer_id,
            "timestamp": crate::written::stamp(self.now + own.ahead), "payload": payload,
        });
        let to = side.peer.clone();
        let id = self.devices[device].id(&mut self.dice.clone());
        self.dice.next();
        let body = Body::Call(spelling::json(&signal, &mut self.dice));
        self.devices[device].asked.insert(id.clone(), call.to_owned());
        self.sends(
            device,
            Stanza {
                name: "iq",
                kind: "set",
                id,
                from: String::new(),
                to,
                body,
            },
        );
    }

    /// When the device does something more in a call, if nothing happens before.
    fn plans(&mut self, device: usize, call: &str) {
        let hurry = self.devices[device].hurry;
        let wait = match self.dice.below(10) {
            0..4 if hurry => self.dice.between(0.0, 0.1),
            0..8 => self.dice.between(0.1, 3.0),
            8 => self.dice.between(3.0, 20.0),
            _ => 31.0,
        };
        let Some(side) = self.devices[device].sides.get_mut(call) else {
            return;
        };
        side.version += 1;
        let mut wait = wait;
        if side.caller && side.state == State::Ringing && wait > 3.0 {
            // It rings for this long and no longer.
            wait = 30.6;
        }
        let todo = Todo::Act(call.to_owned(), side.version);
        self.later(wait, device, todo);
    }

    fn hangs_up(&mut self, device: usize, call: &str, reason: &str) {
        let now = self.now;
        let side = self.devices[device].sides.get_mut(call).expect("a call");
        let talked = (now - side.accepted).floor();
        let told = reason == "completed" || reason == "failed";
        let payload = match side.state {
            State::Answered if told && !side.version.is_multiple_of(3) => {
                json!({ "reason": reason, "duration": talked as u64 })
            }
            _ => json!({ "reason": reason }),
        };
        side.state = State::Ended;
        side.echo = None;
        side.version += 1;
        self.signals(device, call, "hangup", payload);
    }

    fn acts(&mut self, device: usize, call: &str) {
        let Some(side) = self.devices[device].sides.get(call).cloned() else {
            return;
        };
        let role = if side.caller { Role::Caller } else { Role::Callee };
        let rang = self.now - side.rang;
        let any = self.dice.below(10);
        match (side.state, side.caller) {
            (State::Ringing, true) if rang > 30.5 => self.hangs_up(device, call, "timeout"),
            (State::Ringing, true) if any < 4 => self.hangs_up(device, call, "cancelled"),
            (State::Ringing, true) => {
                let side = self.devices[device].sides.get_mut(call).expect("a call");
                side.version += 1;
                let todo = Todo::Act(call.to_owned(), side.version);
                self.later(30.6 - rang, device, todo);
            }
            (State::Ringing, false) => self.picks_up(device, call, rang, any),
            (State::Accepted, true) if any < 9 => {
                self.turns(device, call, State::Offered);
                self.offers(device, call, role);
            }
            (State::Offered, false) if any < 9 => {
                self.turns(device, call, State::Answered);
                self.answers(device, call, role);
            }
            (State::Answered, _) if side.media.owes_an_answer() && any < 8 => {
                self.answers(device, call, role)
            }
            (State::Answered, _) if side.media.is_stable() && any < 2 => self.offers(device, call, role),
            (State::Accepted, false) if any < 6 => self.plans(device, call),
            (State::Offered, true) | (State::Answered, _) if any < 4 => {
                let side = self.devices[device].sides.get_mut(call).expect("a call");
                let candidate = side.media.candidate(role, &mut self.dice);
                self.signals(device, call, "ice-candidate", candidate);
                self.plans(device, call);
            }
            (State::Answered, _) if any < 7 => {
                let side = self.devices[device].sides.get_mut(call).expect("a call");
                side.muted = !side.muted;
                let muted = side.muted;
                self.signals(device, call, "mute-change", json!({ "muted": muted }));
                self.plans(device, call);
            }
            (State::Answered, _) if any < 9 => self.hangs_up(device, call, "completed"),
            (State::Accepted | State::Offered | State::Answered, _) => self.hangs_up(device, call, "failed"),
            (State::Ended, _) => {
                if let Some(reason) = side.echo.filter(|_| any < 5) {
                    self.devices[device].sides.get_mut(call).expect("a call").echo = None;
                    self.signals(device, call, "hangup", json!({ "reason": reason }));
                }
            }
        }
    }

    fn offers(&mut self, device: usize, call: &str, role: Role) {
        let side = self.devices[device].sides.get_mut(call).expect("a call");
        let offer = side.media.offers(role, &mut self.dice);
        self.signals(device, call, "offer", offer);
        self.plans(device, call);
    }

    fn answers(&mut self, device: usize, call: &str, role: Role) {
        let side = self.devices[device].sides.get_mut(call).expect("a call");
        let answer = side.media.answers(role);
        self.signals(device, call, "answer", answer);
        self.plans(device, call);
    }

    fn turns(&mut self, device: usize, call: &str, state: State) {
        let now = self.now;
        let side = self.devices[device].sides.get_mut(call).expect("a call");
        side.state = state;
        side.version += 1;
        if state == State::Accepted {
            side.accepted = now;
        }
    }

    fn picks_up(&mut self, device: usize, call: &str, rang: f64, any: usize) {
        // Ringing that nobody hears.
        if rang > 29.0 {
            return;
        }
        if self.devices[device].is_in_call() {
            self.turns(device, call, State::Ended);
            self.signals(device, call, "busy", json!({}));
            return;
        }
        match any {
            0..6 => {
                self.turns(device, call, State::Accepted);
                self.signals(device, call, "accept", json!({}));
                self.plans(device, call);
            }
            6 | 7 => {
                self.turns(device, call, State::Ended);
                let kind = if any == 6 { "reject" } else { "busy" };
                self.signals(device, call, kind, json!({}));
                if self.dice.chance(30) {
                    let reason = if any == 6 { "rejected" } else { "busy" };
                    let side = self.devices[device].sides.get_mut(call).expect("a call");
                    side.echo = Some(reason.to_owned());
                    self.plans(device, call);
                }
            }
            8 => self.hangs_up(device, call, "rejected"),
            _ => {}
        }
    }

    fn takes(&mut self, device: usize, stanza: Stanza) {
        let answer = |kind, body| Stanza {
            name: "iq",
            kind,
            id: stanza.id.clone(),
            from: String::new(),
            to: stanza.from.clone(),
            body,
        };
        let answer = match (stanza.name, stanza.kind) {
            ("iq", "error") => {
                let call = self.devices[device].asked.remove(&stanza.id);
                call.into_iter().for_each(|call| self.is_refused(device, &call));
                return;
            }
            ("iq", "result") => {
                self.devices[device].asked.remove(&stanza.id);
                return;
            }
            ("iq", "get") => answer("error", Body::Error("service-unavailable")),
            ("iq", _) => match self.takes_signal(device, &stanza) {
                Some(condition) => answer("error", Body::Error(condition)),
                None => answer("result", Body::Nothing),
            },
            _ => return,
        };
        let wait = match self.dice.below(12) {
            0 => self.dice.between(0.5, 3.5),
            1..4 => self.dice.between(0.0, 0.3),
            _ => 0.0,
        };
        let epoch = self.devices[device].epoch;
        self.later(wait, device, Todo::Answers(epoch, answer));
    }

    /// Somebody could not be reached: whatever there was of the call is over.
    fn is_refused(&mut self, device: usize, call: &str) {
        let Some(side) = self.devices[device].sides.get(call).cloned() else {
            return;
        };
        match side.state {
            State::Ended => {}
            State::Ringing if side.caller => self.hangs_up(device, call, "cancelled"),
            State::Ringing => self.hangs_up(device, call, "rejected"),
            _ => self.hangs_up(device, call, "failed"),
        }
    }

    /// What a signal does to a device's side of its call; or why it is refused.
    fn takes_signal(&mut self, device: usize, stanza: &Stanza) -> Option<&'static str> {
        let Body::Call(text) = &stanza.body else {
            return Some("bad-request");
        };
        let signal: Value = serde_json::from_str(text).expect("JSON");
        let word = |at: &str| {
            signal
                .pointer(at)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (call, kind) = (word("/callId"), word("/type"));
        let now = self.now;
        let Some(side) = self.devices[device].sides.get_mut(&call) else {
            if kind != "call:initiate" {
                return Some("item-not-found");
            }
            let side = Side {
                caller: false,
                peer: stanza.from.clone(),
                peer_id: word("/senderId"),
                state: State::Ringing,
                rang: now,
                accepted: 0.0,
                muted: false,
                media: Media::default(),
                echo: None,
                version: 0,
            };
            self.devices[device].sides.insert(call.clone(), side);
            self.plans(device, &call);
            return None;
        };
        if side.peer.split('/').next() != stanza.from.split('/').next() {
            return Some("unexpected-request");
        }
        side.peer = stanza.from.clone();
        let next = match (kind.as_str(), side.caller, side.state) {
            (_, _, State::Ended) => return self.dice.chance(30).then_some("unexpected-request"),
            ("call:accept", true, State::Ringing) => State::Accepted,
            ("call:reject" | "call:busy", true, State::Ringing) => {
                let reason = if kind == "call:reject" { "rejected" } else { "busy" };
                side.echo = Some(reason.to_owned());
                State::Ended
            }
            ("call:offer", false, State::Accepted) => {
                side.media.is_asked(&word("/payload/sdp"), false);
                State::Offered
            }
            ("call:offer", caller, State::Answered) => {
                side.media.is_asked(&word("/payload/sdp"), !caller);
                State::Answered
            }
            ("call:answer", caller, State::Offered | State::Answered)
                if caller || side.state == State::Answered =>
            {
                if !side.media.is_offering() {
                    return Some("unexpected-request");
                }
                side.media.is_answered(&word("/payload/sdp"));
                State::Answered
            }
            ("call:hangup", ..) => {
                side.echo = Some(word("/payload/reason"));
                State::Ended
            }
            (
                "call:ice-candidate" | "call:mute-change",
                _,
                State::Accepted | State::Offered | State::Answered,
            ) => {
                return None;
            }
            _ => return Some("unexpected-request"),
        };
        self.turns(device, &call, next);
        self.plans(device, &call);
        None
    }
}
