//! A fault at work: what its bot is about to send in, what it really sends out.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::deed::{ClientFault, Deed, On};
use crate::bot::compose;
use crate::protocol::Kind;
use crate::stanza::{IqType, Stanza};

/// A fault, and what it remembers.
#[derive(Debug)]
pub struct Faulty {
    fault: &'static ClientFault,
    /// The signals that others have asked an answer to, by who asked and the iq's id.
    asked: BTreeMap<(String, String), Option<Kind>>,
    sent: u64,
    extra: u64,
}

/// What is sent, so much later.
type Sending = (Duration, String);

impl Faulty {
    pub fn new(fault: &'static ClientFault) -> Faulty {
        Faulty {
            fault,
            asked: BTreeMap::new(),
            sent: 0,
            extra: 0,
        }
    }

    pub fn who(&self) -> &'static str {
        self.fault.who
    }

    /// Its bot has got this; what it sends besides.
    pub fn got(&mut self, stanza: &Stanza, now: OffsetDateTime) -> Vec<Sending> {
        let kind = kind_of(stanza);
        if matches!(stanza.iq_type(), Some(IqType::Set | IqType::Get)) {
            let key = (
                stanza.from().unwrap_or_default().to_owned(),
                stanza.id().unwrap_or_default().to_owned(),
            );
            self.asked
                .insert(key, kind.filter(|_| stanza.iq_type() == Some(IqType::Set)));
        }
        match (self.fault.deed, kind) {
            (Deed::Also(On::Gets(on), sends, payload, ms), Some(kind)) if kind == on => {
                self.besides(stanza, stanza.from(), true, (sends, payload), None, now, ms)
            }
            (Deed::Elsewhere(On::Gets(on), sends, payload), Some(kind)) if kind == on => {
                let call = Uuid::from_u128(0x0b5e_55ed_0000_4000_8000_0000_0000_0001);
                self.besides(stanza, stanza.from(), true, (sends, payload), Some(call), now, 0)
            }
            _ => Vec::new(),
        }
    }

    /// Its bot is about to send this.
    pub fn sends(&mut self, raw: &str, now: OffsetDateTime) -> Vec<Sending> {
        let plain = |text: String| vec![(Duration::ZERO, text)];
        let Ok(stanza) = Stanza::parse(raw) else {
            return plain(raw.to_owned());
        };
        if matches!(stanza.iq_type(), Some(IqType::Result | IqType::Error)) {
            return self.answers(raw, &stanza);
        }
        let Some(kind) = kind_of(&stanza) else {
            return plain(raw.to_owned());
        };
        self.sent += 1;
        let mine = |only: Option<Kind>| only.is_none_or(|only| only == kind);
        match self.fault.deed {
            Deed::Stanza(only, change) if mine(only) => plain(change(raw)),
            Deed::Text(only, change) if mine(only) => plain(with_text(&stanza, &change(&text_of(&stanza)))),
            Deed::Member(only, pointer, value) if mine(only) => {
                plain(with_member(&stanza, pointer, value).unwrap_or_else(|| raw.to_owned()))
            }
            Deed::Clock(seconds, alternate) if !alternate || self.sent.is_multiple_of(2) => {
                let stamp = (now + time::Duration::seconds(seconds))
                    .format(&Rfc3339)
                    .unwrap_or_default();
                let stamp = Value::from(stamp).to_string();
                plain(with_member(&stanza, "/timestamp", Some(&stamp)).unwrap_or_else(|| raw.to_owned()))
            }
            Deed::Id(id) => plain(compose::call_iq(
                stanza.to().unwrap_or_default(),
                id,
                &text_of(&stanza),
            )),
            Deed::Repeat(only) if only == kind => {
                self.extra += 1;
                let id = format!("again-{}", self.extra);
                let again = compose::call_iq(stanza.to().unwrap_or_default(), &id, &text_of(&stanza));
                vec![(Duration::ZERO, raw.to_owned()), (Duration::ZERO, again)]
            }
            Deed::Withhold(only) if only == kind => Vec::new(),
            Deed::Late(only, ms) if only == kind => vec![(Duration::from_millis(ms), raw.to_owned())],
            Deed::Instead(only, sends, payload) if only == kind => {
                self.besides(&stanza, stanza.to(), false, (sends, payload), None, now, 0)
            }
            Deed::Also(On::Sends(on), sends, payload, ms) if on == kind => {
                let mut all = plain(raw.to_owned());
                all.extend(self.besides(&stanza, stanza.to(), false, (sends, payload), None, now, ms));
                all
            }
            _ => plain(raw.to_owned()),
        }
    }

    fn answers(&mut self, raw: &str, stanza: &Stanza) -> Vec<Sending> {
        let key = (
            stanza.to().unwrap_or_default().to_owned(),
            stanza.id().unwrap_or_default().to_owned(),
        );
        let asked = self.asked.get(&key).copied();
        let signal = asked.flatten();
        let mine = |only: Option<Kind>| asked.is_some() && (only.is_none() || only == signal);
        let plain = |text: String| vec![(Duration::ZERO, text)];
        match self.fault.deed {
            Deed::Silence(only) if mine(only) => Vec::new(),
            Deed::SilenceOnGet if asked == Some(None) => Vec::new(),
            Deed::AnswerLate(ms) => vec![(Duration::from_millis(ms), raw.to_owned())],
            Deed::AnswerTwice => vec![(Duration::ZERO, raw.to_owned()), (Duration::ZERO, raw.to_owned())],
            Deed::AnswerOtherId => plain(raw.replacen(" id=\"", " id=\"x", 1)),
            Deed::AnswerResult => plain(back(stanza, "result", "")),
            Deed::AnswerError(only, condition) if mine(only) => plain(back(
                stanza,
                "error",
                &format!(
                    r#"<error type="cancel"><{condition} xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>"#
                ),
            )),
            _ => plain(raw.to_owned()),
        }
    }

    /// A signal made after the pattern of another one: of one that was sent, or (`back`) of one that came.
    #[allow(clippy::too_many_arguments)]
    fn besides(
        &mut self,
        pattern: &Stanza,
        to: Option<&str>,
        back: bool,
        (sends, payload): (Kind, &str),
        call: Option<Uuid>,
        now: OffsetDateTime,
        ms: u64,
    ) -> Vec<Sending> {
        let Ok(mut value) = serde_json::from_str::<Value>(&text_of(pattern)) else {
            return Vec::new();
        };
        let at = now + Duration::from_millis(ms);
        let at = at
            .replace_nanosecond(u32::from(at.millisecond()) * 1_000_000)
            .unwrap_or(at);
        let (sender, recipient) = (value["senderId"].take(), value["recipientId"].take());
        let (sender, recipient) = if back {
            (recipient, sender)
        } else {
            (sender, recipient)
        };
        value["senderId"] = sender;
        value["recipientId"] = recipient;
        value["type"] = json!(sends.wire());
        value["timestamp"] = json!(at.format(&Rfc3339).unwrap_or_default());
        value["payload"] = payload_of(sends, payload);
        if let Some(call) = call {
            value["callId"] = json!(call);
        }
        self.extra += 1;
        let id = format!("besides-{}", self.extra);
        let raw = compose::call_iq(to.unwrap_or_default(), &id, &value.to_string());
        vec![(Duration::from_millis(ms), raw)]
    }
}

/// The payload as given, or a sound one.
fn payload_of(kind: Kind, given: &str) -> Value {
    if !given.is_empty() {
        return serde_json::from_str(given).unwrap_or_default();
    }
    let ids = compose::Ids {
        call: "",
        sender: "",
        recipient: "",
        timestamp: "",
        name: "Somebody",
        role: crate::protocol::Role::Caller,
    };
    compose::signal(kind, &ids, 1)
        .remove("payload")
        .unwrap_or_default()
}

fn back(stanza: &Stanza, kind: &str, child: &str) -> String {
    let attribute = |name: &str, value: Option<&str>| {
        let value = value.map(crate::stanza::escape);
        value.map_or_else(String::new, |value| format!(r#" {name}="{value}""#))
    };
    format!(
        r#"<iq xmlns="{}" type="{kind}"{}{}>{child}</iq>"#,
        crate::stanza::CLIENT,
        attribute("id", stanza.id()),
        attribute("to", stanza.to())
    )
}

fn text_of(stanza: &Stanza) -> String {
    stanza.call_text().unwrap_or_default()
}

fn kind_of(stanza: &Stanza) -> Option<Kind> {
    let value: Value = serde_json::from_str(&stanza.call_text()?).ok()?;
    Kind::from_wire(value.get("type")?.as_str()?)
}

fn with_text(stanza: &Stanza, text: &str) -> String {
    compose::call_iq(
        stanza.to().unwrap_or_default(),
        stanza.id().unwrap_or_default(),
        text,
    )
}

fn with_member(stanza: &Stanza, pointer: &str, value: Option<&str>) -> Option<String> {
    let mut root: Value = serde_json::from_str(&text_of(stanza)).ok()?;
    let (parent, name) = pointer.rsplit_once('/')?;
    let parent = root.pointer_mut(parent)?.as_object_mut()?;
    match value {
        Some(value) => {
            parent.insert(name.to_owned(), serde_json::from_str(value).ok()?);
        }
        None => {
            parent.remove(name)?;
        }
    }
    Some(with_text(stanza, &root.to_string()))
}
