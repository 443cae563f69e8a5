//! Reads a signal from its raw text: what it says as far as it can be read, and all that is wrong with it.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::candidate::Candidate;
use super::payload::payload;
use super::sdp::Description;
use super::{Act, Kind, Reason, json, unix_seconds};

/// The longest text that is read, in bytes: far above what any stream carries in one stanza.
const LONGEST: usize = 1 << 20;

/// What a signal says, as far as it can be read; nothing here is checked beyond its type.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// The JSON value; of repeated members the last.
    pub value: Option<Value>,
    pub kind: Option<Kind>,
    /// In lower case.
    pub call: Option<Arc<str>>,
    pub sender: Option<String>,
    pub recipient: Option<String>,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub timestamp: Option<f64>,
    pub reason: Option<Reason>,
    /// Whole seconds; what is larger than a `u64` holds is its largest.
    pub duration: Option<u64>,
    pub muted: Option<bool>,
    /// What an offer's or answer's SDP says.
    pub description: Option<Arc<Description>>,
    /// The candidate as text; empty at the end of candidates.
    pub candidate: Option<String>,
    /// What the candidate says, if it can be read.
    pub ice: Option<Candidate>,
    pub sdp_mid: Option<String>,
    pub sdp_m_line_index: Option<u16>,
    pub username_fragment: Option<String>,
}

/// Something wrong with a signal's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The catalogue id.
    pub rule: &'static str,
    /// Where: a JSON pointer (RFC 6901), empty for the whole text.
    pub pointer: String,
    pub message: String,
    /// Never more than a remark, whatever the rule's level.
    pub info: bool,
    /// At most a should, though the rule is a must: a form that readers are told to take.
    pub should: bool,
    /// The byte of the text, where the fault is one of the text itself.
    pub offset: Option<usize>,
}

/// A text read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decoded {
    pub facts: Facts,
    pub faults: Vec<Fault>,
    /// It goes on where this reader stops, so that another reader may find it sound (RFC 8259 §9).
    pub unread: bool,
}

impl Decoded {
    /// Whether readers may differ about its JSON: one takes it, another has a limit that it passes.
    pub fn strains_readers(&self) -> bool {
        self.unread
            || self
                .faults
                .iter()
                .any(|fault| fault.rule == "IQ-04" && fault.info)
    }

    /// What the signal does to a call; `None` where its type cannot be read.
    pub fn act(&self) -> Option<Act> {
        Some(Act {
            kind: self.facts.kind?,
            reason: self.facts.reason,
            duration: self.facts.duration,
            muted: self.facts.muted,
        })
    }

    /// Whether nothing is wrong that its rule calls a must.
    pub fn is_sound(&self) -> bool {
        !self.faults.iter().any(|fault| !fault.info && !fault.should)
    }

    pub(super) fn fault(&mut self, rule: &'static str, pointer: &str, message: impl Into<String>) {
        self.faults.push(Fault {
            rule,
            pointer: pointer.to_owned(),
            message: message.into(),
            info: false,
            should: false,
            offset: None,
        });
    }

    pub(super) fn remark(&mut self, rule: &'static str, pointer: &str, message: impl Into<String>) {
        self.fault(rule, pointer, message);
        if let Some(fault) = self.faults.last_mut() {
            fault.info = true;
        }
    }
}

/// Reads the text of a `<call/>` element. Never fails: what cannot be read is absent, and a fault says why.
#[must_use]
pub fn decode(text: &str) -> Decoded {
    let mut decoded = Decoded::default();
    if text.len() > LONGEST {
        decoded.unread = true;
        decoded.fault(
            "IQ-04",
            "",
            format!("the text is longer than {LONGEST} bytes and was not read"),
        );
        return decoded;
    }
    let (value, oddities) = json::read(text);
    decoded.unread = oddities.iter().any(|odd| odd.deep);
    decoded.faults.extend(oddities.into_iter().map(|odd| Fault {
        rule: "IQ-04",
        pointer: odd.pointer,
        message: odd.message,
        info: odd.info,
        should: false,
        offset: Some(odd.offset),
    }));
    match &value {
        Some(Value::Object(members)) => envelope(members, &mut decoded),
        Some(_) => decoded.fault("IQ-04", "", "the text is no JSON object"),
        None => {}
    }
    decoded.facts.value = value;
    decoded
}

const MEMBERS: [&str; 6] = [
    "type",
    "callId",
    "senderId",
    "recipientId",
    "timestamp",
    "payload",
];

/// A required string member: its text, or a fault.
pub(super) fn text<'a>(
    members: &'a Map<String, Value>,
    at: &str,
    name: &str,
    rule: &'static str,
    decoded: &mut Decoded,
) -> Option<&'a str> {
    match members.get(name) {
        Some(Value::String(text)) => return Some(text),
        Some(_) => decoded.fault(rule, &format!("{at}/{name}"), format!("`{name}` is no string")),
        None => decoded.fault(rule, at, format!("`{name}` is missing")),
    }
    None
}

/// A remark for each member that the seed does not name.
pub(super) fn unknown(
    members: &Map<String, Value>,
    at: &str,
    known: &[&str],
    rule: &'static str,
    decoded: &mut Decoded,
) {
    for name in members
        .keys()
        .filter(|name| !known.contains(&name.as_str()))
        .take(16)
    {
        let pointer = format!("{at}/{}", json::token(name));
        decoded.remark(rule, &pointer, format!("the seed names no member `{name}` here"));
    }
}

/// Whether these are the ids of one call: a system may write a UUID anew, in capitals too (RFC 9562 §4).
pub fn is_same_call(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

fn envelope(members: &Map<String, Value>, decoded: &mut Decoded) {
    if let Some(wire) = text(members, "", "type", "SG-02", decoded) {
        decoded.facts.kind = Kind::from_wire(wire);
        if decoded.facts.kind.is_none() {
            decoded.fault("SG-01", "/type", "`type` is none of the nine signals");
        }
    }
    // A call is the same in capitals, which another system may write (RFC 9562 §4).
    decoded.facts.call = id(members, "callId", decoded).map(|id| id.to_ascii_lowercase().into());
    decoded.facts.sender = id(members, "senderId", decoded);
    decoded.facts.recipient = id(members, "recipientId", decoded);
    let facts = &decoded.facts;
    let random = facts.call.as_deref().filter(|id| is_uuid(id)).map(|id| {
        let at = |index: usize| id.as_bytes().get(index).map(u8::to_ascii_lowercase);
        matches!(at(14), Some(b'4' | b'7')) && matches!(at(19), Some(b'8' | b'9' | b'a' | b'b'))
    });
    let alone = facts.sender.as_ref().zip(facts.recipient.as_ref());
    if alone.is_some_and(|(sender, recipient)| sender.eq_ignore_ascii_case(recipient)) {
        decoded.fault(
            "SG-11",
            "/recipientId",
            "`senderId` and `recipientId` are the same",
        );
    }
    if random == Some(false) {
        decoded.fault("SG-15", "/callId", "`callId` is no UUID of version 4 or 7");
        if let Some(fault) = decoded.faults.last_mut() {
            fault.should = true;
        }
    }
    if let Some(stamp) = text(members, "", "timestamp", "SG-02", decoded) {
        decoded.facts.timestamp = unix_seconds(stamp);
        if decoded.facts.timestamp.is_none() {
            decoded.fault(
                "SG-04",
                "/timestamp",
                "`timestamp` is no RFC 3339 date-time with an offset",
            );
        }
    }
    unknown(members, "", &MEMBERS, "SG-09", decoded);
    match members.get("payload") {
        Some(Value::Object(members)) => payload(members, decoded),
        Some(_) => {
            let empty = matches!(decoded.facts.kind, Some(Kind::Accept | Kind::Reject | Kind::Busy));
            decoded.fault(
                if empty { "SG-10" } else { "SG-02" },
                "/payload",
                "`payload` is no object",
            );
        }
        None => decoded.fault("SG-02", "", "`payload` is missing"),
    }
}

fn id(members: &Map<String, Value>, name: &str, decoded: &mut Decoded) -> Option<String> {
    let id = text(members, "", name, "SG-02", decoded)?;
    if !is_uuid(id) {
        decoded.fault(
            "SG-03",
            &format!("/{name}"),
            format!("`{name}` is no UUID in the 8-4-4-4-12 form"),
        );
    }
    Some(id.to_owned())
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
