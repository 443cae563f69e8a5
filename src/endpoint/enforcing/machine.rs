//! All calls of one endpoint: inputs in, outputs out; time comes in as a value.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::call::{Call, Course, Seat, User};
use crate::protocol::{Act, Kind, RINGING, Reason, State, decode, validate};
use crate::stanza::{bare, resource};

/// Ended calls that are remembered, to know their ids again (ST-10).
const TOMBSTONES: usize = 4_096;
/// Calls that may be live at once.
const LIVE: usize = 65_536;

/// What happens.
#[derive(Debug)]
pub enum Input<'a> {
    /// A client sends a signal.
    Signal {
        /// The sender's full JID.
        from: &'a str,
        to: &'a str,
        /// The iq's id.
        id: &'a str,
        text: &'a str,
        /// The full JIDs of the connected clients that `to` stands for.
        rung: Vec<String>,
    },
    /// A client has answered a signal.
    Answered {
        device: &'a str,
        asker: &'a str,
        id: &'a str,
        refused: bool,
    },
    /// A client is gone.
    Gone { device: &'a str },
    /// A deadline has come.
    Time,
}

/// Why a signal goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    OffSchema,
    /// `senderId` is not that of the JID it came from.
    ForgedSender,
    /// Its sender has no part in the call.
    Stranger,
    /// `recipientId` is not that of the JID it goes to.
    OtherRecipient,
    UnknownCall,
    /// It goes to somebody who has no part in the call.
    Astray,
    OutOfOrder,
    NobodyThere,
    /// More calls than can be held.
    Full,
}

impl Refusal {
    /// The stanza error that says so (RFC 6120 §8.3.3).
    pub const fn condition(self) -> &'static str {
        match self {
            Refusal::OffSchema | Refusal::OtherRecipient => "bad-request",
            Refusal::ForgedSender | Refusal::Stranger => "forbidden",
            Refusal::UnknownCall | Refusal::Astray => "item-not-found",
            Refusal::OutOfOrder => "unexpected-request",
            Refusal::NobodyThere => "service-unavailable",
            Refusal::Full => "resource-constraint",
        }
    }
}

/// How a machine is wrong, if it is to be.
#[derive(Debug, Clone, Copy)]
pub struct Flaws {
    /// How long a call rings, in seconds.
    pub ringing: f64,
    /// An accept does not stop the timer.
    pub timer_stays: bool,
    /// A signal out of order ends its call.
    pub harmed: bool,
    /// Whoever has had a call cannot be called again.
    pub grudge: bool,
    /// A device that declines leaves the others ringing.
    pub declines_alone: bool,
}

impl Default for Flaws {
    fn default() -> Flaws {
        Flaws {
            ringing: RINGING,
            timer_stays: false,
            harmed: false,
            grudge: false,
            declines_alone: false,
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// The signal is answered with a stanza error, and goes no further.
    Refuse(Refusal),
    /// The signal is answered with a result by the server itself.
    Acknowledge,
    /// The signal goes to this client. `relayed`: the client's own answer goes back to the sender.
    Forward { to: String, relayed: bool },
    /// The server says something itself.
    Send {
        to: String,
        from: String,
        id: String,
        text: String,
    },
}

/// The calls, and who the users are.
pub struct Machine {
    /// The id of a user by bare JID.
    ids: Box<dyn Fn(&str) -> String + Send>,
    /// By callId in lower case.
    calls: BTreeMap<String, Call>,
    live: BTreeSet<String>,
    /// In the order in which they ended.
    ended: VecDeque<String>,
    /// When calls will have rung for long enough, in order.
    due: VecDeque<(f64, String)>,
    /// The call that a signal was for that a device has not answered yet: by device, asker and iq id.
    asked: BTreeMap<(String, String, String), String>,
    said: u64,
    flaws: Flaws,
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine")
            .field("calls", &self.calls.len())
            .finish_non_exhaustive()
    }
}

impl Machine {
    /// `flaws`: the ways in which it is wrong.
    pub fn new(ids: Box<dyn Fn(&str) -> String + Send>, flaws: Flaws) -> Machine {
        Machine {
            flaws,
            ids,
            calls: BTreeMap::new(),
            live: BTreeSet::new(),
            ended: VecDeque::new(),
            due: VecDeque::new(),
            asked: BTreeMap::new(),
            said: 0,
        }
    }

    /// When [`Input::Time`] is wanted next, in seconds on the clock of `handle`.
    pub fn deadline(&self) -> Option<f64> {
        self.due.front().map(|(at, _)| *at)
    }

    /// `now`: seconds on a clock that never goes back, and the same moment as wall time.
    pub fn handle(&mut self, now: (f64, OffsetDateTime), input: Input<'_>) -> Vec<Output> {
        let mut out = Vec::new();
        match input {
            Input::Signal {
                from,
                to,
                id,
                text,
                rung,
            } => {
                if let Err(refusal) = self.signal(now, (from, to), id, text, rung, &mut out) {
                    out = vec![Output::Refuse(refusal)];
                }
            }
            Input::Answered {
                device,
                asker,
                id,
                refused,
            } => self.answered(device, asker, id, refused),
            Input::Gone { device } => self.gone(now, device, &mut out),
            Input::Time => self.time(now, &mut out),
        }
        self.bury();
        out
    }

    fn signal(
        &mut self,
        now: (f64, OffsetDateTime),
        (from, to): (&str, &str),
        iq: &str,
        text: &str,
        rung: Vec<String>,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let (act, call, sender, recipient) = read(text).ok_or(Refusal::OffSchema)?;
        let key = call.to_lowercase();
        if sender != (self.ids)(bare(from)) {
            return Err(Refusal::ForgedSender);
        }
        if self.calls.get(&key).is_some_and(|call| !call.is_of(bare(from))) {
            return Err(Refusal::Stranger);
        }
        if recipient != (self.ids)(bare(to)) {
            return Err(Refusal::OtherRecipient);
        }
        if act.kind == Kind::Initiate {
            return self.initiate(now, (from, to), (iq, &act), (key, call), &rung, out);
        }
        let flaws = self.flaws;
        let call = self.calls.get_mut(&key).ok_or(Refusal::UnknownCall)?;
        let seat = call.seat_of(from).ok_or(Refusal::Stranger)?;
        // The other side: its bare JID, or one of its devices that are in this call.
        let addressed = call.seat_of(to);
        let near = call.user(seat.role().other()).bare == bare(to)
            && (resource(to).is_none() || addressed.is_some_and(|other| other.role() != seat.role()));
        if !near {
            return Err(Refusal::Astray);
        }
        if !call
            .device(seat)
            .is_some_and(|device| device.sight.send(&act, now.0))
        {
            if flaws.harmed {
                call.settle();
                self.end(&key);
            }
            return Err(Refusal::OutOfOrder);
        }
        let mut effect = call.advance(seat, &act);
        if flaws.declines_alone && act.kind == Kind::Reject {
            effect.dismissed.clear();
        }
        let ended = !call.is_live();
        let mut relayed = false;
        let mut told = Vec::new();
        if let Course::On(seats) = effect.course {
            for other in seats {
                let Some(device) = call.device(other) else {
                    continue;
                };
                let exact = addressed == Some(other);
                if exact || resource(to).is_none() {
                    device.sight.receive((from, iq), act, now.0);
                    let asked = (device.jid.clone(), from.to_owned(), iq.to_owned());
                    self.asked.insert(asked, key.clone());
                    relayed |= exact;
                    out.push(Output::Forward {
                        to: device.jid.clone(),
                        relayed: exact,
                    });
                } else if act.kind == Kind::Hangup {
                    // The sender does not know yet which device it talks to.
                    told.push((other, act.reason.unwrap_or(Reason::Failed)));
                }
            }
        } else if rung.is_empty() {
            // It would have gone nowhere in any case, and its sender has to know that nobody is there (RT-09).
            return Err(Refusal::NobodyThere);
        }
        if !relayed {
            out.push(Output::Acknowledge);
        }
        for index in effect.dismissed {
            told.push((Seat::Callee(index), Reason::Cancelled));
        }
        for (seat, reason) in told {
            self.say(now, &key, seat, reason, out);
        }
        if ended {
            self.end(&key);
        }
        Ok(())
    }

    fn initiate(
        &mut self,
        now: (f64, OffsetDateTime),
        (from, to): (&str, &str),
        (iq, act): (&str, &Act),
        (key, id): (String, String),
        rung: &[String],
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        if self.calls.contains_key(&key) {
            return Err(Refusal::OutOfOrder);
        }
        let again = |call: &Call| call.is_of(bare(from)) && call.is_of(bare(to));
        if self.flaws.grudge && self.calls.values().any(again) {
            return Err(Refusal::OutOfOrder);
        }
        if rung.is_empty() {
            return Err(Refusal::NobodyThere);
        }
        if self.live.len() >= LIVE {
            return Err(Refusal::Full);
        }
        let user = |jid: &str| User {
            bare: bare(jid).to_owned(),
            id: (self.ids)(bare(jid)),
        };
        let due = now.0 + self.flaws.ringing;
        let mut call = Call::new(id, user(from), user(to), from, rung, due);
        call.origin.sight.send(act, now.0);
        let relayed = resource(to).is_some();
        for device in &mut call.rung {
            device.sight.receive((from, iq), *act, now.0);
            let asked = (device.jid.clone(), from.to_owned(), iq.to_owned());
            self.asked.insert(asked, key.clone());
            out.push(Output::Forward {
                to: device.jid.clone(),
                relayed,
            });
        }
        if !relayed {
            out.push(Output::Acknowledge);
        }
        self.due.push_back((call.due, key.clone()));
        self.live.insert(key.clone());
        self.calls.insert(key, call);
        Ok(())
    }

    fn answered(&mut self, device: &str, asker: &str, id: &str, refused: bool) {
        let key = (device.to_owned(), asker.to_owned(), id.to_owned());
        let Some(key) = self.asked.remove(&key) else {
            return;
        };
        if let Some(call) = self.calls.get_mut(&key)
            && let Some(seat) = call.seat_of(device)
            && let Some(device) = call.device(seat)
        {
            device.sight.answered((asker, id), refused);
        }
    }

    fn gone(&mut self, now: (f64, OffsetDateTime), jid: &str, out: &mut Vec<Output>) {
        self.asked.retain(|(device, ..), _| device != jid);
        let live: Vec<String> = self.live.iter().cloned().collect();
        for key in live {
            let Some(call) = self.calls.get_mut(&key) else {
                continue;
            };
            let told: Vec<Seat> = match call.seat_of(jid) {
                None => continue,
                Some(Seat::Caller) => call.present().into_iter().map(Seat::Callee).collect(),
                Some(Seat::Callee(index)) => {
                    if let Some(device) = call.rung.get_mut(index) {
                        device.left = true;
                    }
                    let last = call
                        .chosen
                        .map_or_else(|| call.present().is_empty(), |one| one == index);
                    if !last {
                        continue;
                    }
                    vec![Seat::Caller]
                }
            };
            call.settle();
            for seat in told {
                self.say(now, &key, seat, Reason::Failed, out);
            }
            self.end(&key);
        }
    }

    fn time(&mut self, now: (f64, OffsetDateTime), out: &mut Vec<Output>) {
        while let Some((at, key)) = self.due.front().cloned() {
            if at > now.0 {
                return;
            }
            self.due.pop_front();
            let stays = self.flaws.timer_stays;
            let Some(call) = self
                .calls
                .get_mut(&key)
                .filter(|call| call.stage == State::Ringing || (stays && call.is_live()))
            else {
                continue;
            };
            let rung = call.present();
            call.settle();
            self.say(now, &key, Seat::Caller, Reason::Timeout, out);
            for index in rung {
                self.say(now, &key, Seat::Callee(index), Reason::Timeout, out);
            }
            self.end(&key);
        }
    }

    /// A hangup of the server's own, for one device, on behalf of the other side.
    fn say(
        &mut self,
        (at, wall): (f64, OffsetDateTime),
        key: &str,
        seat: Seat,
        reason: Reason,
        out: &mut Vec<Output>,
    ) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        self.said += 1;
        let id = format!("server-{}", self.said);
        let other = call.user(seat.role().other()).clone();
        let to = call.user(seat.role()).id.clone();
        let stamp = wall.replace_nanosecond(u32::from(wall.millisecond()) * 1_000_000);
        let stamp = stamp.unwrap_or(wall).format(&Rfc3339).unwrap_or_default();
        let text = json!({
            "type": Kind::Hangup.wire(),
            "callId": call.id,
            "senderId": other.id,
            "recipientId": to,
            "timestamp": stamp,
            "payload": { "reason": reason.wire() },
        });
        let Some(device) = call.device(seat) else { return };
        let act = Act {
            kind: Kind::Hangup,
            reason: Some(reason),
            duration: None,
            muted: None,
        };
        device.sight.receive((&other.bare, &id), act, at);
        let asked = (device.jid.clone(), other.bare.clone(), id.clone());
        self.asked.insert(asked, key.to_owned());
        if matches!(seat, Seat::Callee(_)) && reason == Reason::Cancelled {
            device.left = true;
        }
        out.push(Output::Send {
            to: device.jid.clone(),
            from: other.bare,
            id,
            text: text.to_string(),
        });
    }

    fn end(&mut self, key: &str) {
        if self.live.remove(key) {
            self.ended.push_back(key.to_owned());
        }
    }

    /// Forgets the oldest of the ended calls, and the deadlines of calls that are answered or over.
    fn bury(&mut self) {
        while self.ended.len() > TOMBSTONES {
            if let Some(key) = self.ended.pop_front() {
                self.calls.remove(&key);
            }
        }
        while self.due.front().is_some_and(|(_, key)| {
            let rings =
                |call: &Call| call.stage == State::Ringing || (self.flaws.timer_stays && call.is_live());
            !self.calls.get(key).is_some_and(rings)
        }) {
            self.due.pop_front();
        }
    }
}

/// What a signal says, its callId, and its two users in lower case; `None`: it is off its schema.
fn read(text: &str) -> Option<(Act, String, String, String)> {
    let decoded = decode(text);
    // Faults of the SDP are not the server's business; those of the JSON and the envelope are.
    let broken = decoded.faults.iter().any(|fault| {
        let form = fault.rule.starts_with("IQ-") || fault.rule.starts_with("SG-");
        form && !fault.info && !fault.should && fault.rule != "SG-15"
    });
    let facts = &decoded.facts;
    if broken || validate(facts.value.as_ref()?).is_err() {
        return None;
    }
    Some((
        decoded.act()?,
        facts.call.as_deref()?.to_owned(),
        facts.sender.as_ref()?.to_lowercase(),
        facts.recipient.as_ref()?.to_lowercase(),
    ))
}

#[cfg(test)]
impl Machine {
    /// How many calls, deadlines and open questions are held.
    pub(super) fn remembered(&self) -> (usize, usize, usize) {
        (self.calls.len(), self.due.len(), self.asked.len())
    }
}
