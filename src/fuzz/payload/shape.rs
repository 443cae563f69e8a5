//! One payload in its place in a call: what goes before it, who hears it, what it breaks, and how its call ends.

use serde_json::{Map, json};

use super::data::{Bit, Name, Names, Text, Value, Wrap, quoted, written};
use crate::fuzz::source::{FILE, read};
use crate::lint::unannounced;
use crate::profile::Class;
use crate::protocol::sdp::Side;
use crate::protocol::{Kind, Reason, Role, decode, sample, validate};

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// A signal with some of its members replaced, added or left out.
    Members {
        kind: Kind,
        by: Role,
        with: Vec<(String, Value)>,
        without: Vec<String>,
        envelope: Vec<(String, Value)>,
    },
    /// The text of `<call/>` word for word.
    Json {
        kind: Kind,
        by: Role,
        text: Text,
        wrap: Wrap,
    },
    /// A stanza word for word, of which nothing is asked but what is asked of every stanza.
    Stanza {
        xml: Text,
    },
    Chat {
        by: Role,
        body: Text,
    },
    /// What a raw line says, and the rule that has the server end its stream for it.
    Line {
        xml: Text,
        rule: &'static str,
    },
}

/// How the call goes on once its payload was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rest {
    /// The same signal again, as it should be.
    again: bool,
    /// The caller hangs up.
    hangup: Option<Reason>,
}

/// A payload of which it is known what it breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::fuzz) struct Payload {
    /// What sort it is of.
    pub sort: &'static str,
    pub(super) form: Form,
    /// The rules that its sender breaks with it.
    pub breaks: Vec<&'static str>,
    rest: Rest,
}

/// Bytes: what is lost from here on is lost for its size (RT-11).
const LARGE: usize = 4_000;
/// Errors by which a server may say no to XML that it has to refuse (RFC 6120 §4.9.3, §11.1).
const REFUSALS: &str =
    "restricted-xml, not-well-formed, bad-format, invalid-xml, bad-namespace-prefix, policy-violation";

impl Payload {
    /// Finds out what it breaks and how its call can end so that nothing else is broken: by playing it where everything
    /// goes right. `None`: it cannot be played on a server of this class without doubt about what is right.
    pub(super) fn settle(sort: &'static str, form: Form, class: Class) -> Option<Payload> {
        let mut payload = Payload {
            sort,
            form,
            breaks: Vec::new(),
            rest: Rest {
                again: false,
                hangup: None,
            },
        };
        for rest in payload.rests(class) {
            payload.rest = rest;
            payload.breaks.clear();
            // What breaks a rule moves no view, so that what follows may be right or wrong only once that is said.
            for _ in 0..3 {
                let (yaml, own) = payload.alone(class);
                let Some(scenario) = read(&yaml) else { break };
                let found = unannounced(&scenario);
                if found.is_empty() {
                    if payload.is_doubtful(class) {
                        break;
                    }
                    return Some(payload);
                }
                if found
                    .iter()
                    .any(|(place, _)| (place.file.as_str(), place.line) != (FILE, own))
                {
                    break;
                }
                let mut all: Vec<&str> = found.into_iter().map(|(_, rule)| rule).collect();
                all.append(&mut payload.breaks);
                all.sort_unstable();
                all.dedup();
                payload.breaks = all;
            }
        }
        None
    }

    /// A server that judges has to refuse what is off its schema and what is sent in another's name; all else that is
    /// wrong it may refuse or carry.
    fn is_doubtful(&self, class: Class) -> bool {
        if class == Class::Relay {
            return false;
        }
        if let Form::Json { text, .. } = &self.form
            && decode(&text.sample()).strains_readers()
        {
            return true;
        }
        if self.breaks.is_empty() {
            return false;
        }
        match &self.form {
            Form::Members { .. } | Form::Json { .. } => {
                let off = self.value().is_none_or(|value| validate(&value).is_err());
                let forged = self.breaks.contains(&"SG-13");
                !(off || (forged && self.breaks.iter().all(|rule| matches!(*rule, "SG-12" | "SG-13"))))
            }
            Form::Stanza { .. } | Form::Chat { .. } | Form::Line { .. } => false,
        }
    }

    /// The signal's JSON with samples for what is not known; `None`: it is none.
    fn value(&self) -> Option<serde_json::Value> {
        match &self.form {
            Form::Json { text, .. } => serde_json::from_str(&text.sample()).ok(),
            Form::Members {
                kind,
                by,
                with,
                without,
                envelope,
            } => {
                let mut payload = usual(*kind, *by);
                payload.extend(with.iter().map(|(name, value)| (name.clone(), value.sample())));
                payload.retain(|name, _| !without.contains(name));
                let sample = |name| Text(vec![Bit::Name(name)]).sample();
                let mut value = json!({
                    "type": kind.wire(),
                    "callId": sample(Name::Call),
                    "senderId": sample(Name::Sender),
                    "recipientId": sample(Name::Recipient),
                    "timestamp": sample(Name::Now),
                    "payload": payload,
                });
                for (name, with) in envelope {
                    value[name.as_str()] = with.sample();
                }
                Some(value)
            }
            _ => None,
        }
    }

    /// Whether it is of a size that a server may be too small for.
    fn is_large(&self) -> bool {
        let length = match &self.form {
            Form::Members { .. } => self.value().map(|value| value.to_string().len()),
            Form::Json { text, .. } => Some(text.sample().len()),
            _ => None,
        };
        length.is_some_and(|length| length >= LARGE)
    }

    fn rests(&self, class: Class) -> Vec<Rest> {
        let (kind, signal) = match &self.form {
            Form::Members { kind, .. } | Form::Json { kind, .. } => (*kind, true),
            _ => (Kind::Hangup, false),
        };
        let hangups: &[Option<Reason>] = match kind {
            _ if !signal => &[None],
            Kind::Initiate => &[Some(Reason::Cancelled), None],
            Kind::Accept | Kind::Offer => &[Some(Reason::Failed), None],
            Kind::Answer | Kind::IceCandidate | Kind::MuteChange => {
                &[Some(Reason::Completed), Some(Reason::Failed), None]
            }
            Kind::Reject | Kind::Busy | Kind::Hangup => &[
                None,
                Some(Reason::Completed),
                Some(Reason::Cancelled),
                Some(Reason::Failed),
            ],
        };
        let refused = |again| {
            move |hangup: &Option<Reason>| Rest {
                again,
                hangup: *hangup,
            }
        };
        let mut rests: Vec<Rest> = hangups.iter().map(refused(false)).collect();
        if class == Class::Enforcing && signal {
            // The call is unharmed: the same signal, sound, still has its place in it.
            rests.splice(0..0, hangups.iter().map(refused(true)));
        }
        rests
    }

    /// Whether the call may still be alive in somebody's eyes at the end.
    pub fn leaves_open(&self) -> bool {
        let signal = matches!(self.form, Form::Members { .. } | Form::Json { .. });
        signal && !self.breaks.is_empty() && self.rest.hangup.is_none()
    }

    pub fn is_line(&self) -> bool {
        matches!(self.form, Form::Line { .. })
    }

    /// A scenario of this alone, and the line in it that sends it.
    fn alone(&self, class: Class) -> (String, usize) {
        let line = if self.is_line() {
            ", line: { user: mallory, raw: true }"
        } else {
            ""
        };
        let mut yaml = format!(
            "name: fuzz/payload\nabout: One payload.\nrules: [RT-05]\ntags: [fuzz]\nprofiles: [{}]\n\
             cast: {{ caller: alice, callee: bob{line} }}\nleaves-open: what it sends may leave its call open\nsteps:\n",
            class.name()
        );
        let (steps, own) = self.steps(class, "main");
        let before = yaml.lines().count();
        for step in &steps {
            yaml.push_str("  ");
            yaml.push_str(step);
            yaml.push('\n');
        }
        (yaml, before + own + 1)
    }

    /// Its steps on the call of this label, and which of them sends it.
    pub fn steps(&self, class: Class, label: &str) -> (Vec<String>, usize) {
        let mut steps = Vec::new();
        let main = label == "main";
        let on = if main {
            String::new()
        } else {
            format!(", call: {label}")
        };
        let (kind, by) = match &self.form {
            Form::Members { kind, by, .. } | Form::Json { kind, by, .. } => (*kind, *by),
            Form::Chat { by, .. } => (Kind::Hangup, *by),
            _ => (Kind::Hangup, Role::Caller),
        };
        // Who knows no label of a call by any other step has no name for it.
        let named = !(matches!(self.form, Form::Json { .. })
            && kind == Kind::Initiate
            && self.rest.hangup.is_none()
            && !self.rest.again);
        let call = match (main, named) {
            (true, _) => "{call}".to_owned(),
            (false, true) => format!("{{call.{label}}}"),
            (false, false) => "{uuid}".to_owned(),
        };
        let names = Names::new(by, &call);
        let (from, to) = (names.from, names.to);
        if matches!(self.form, Form::Members { .. } | Form::Json { .. }) {
            steps.extend(before(kind).map(|fragment| match main {
                true => format!("- use: {fragment}"),
                false => format!("- use: {{ fragment: {fragment}, with: {{ on: {label} }} }}"),
            }));
        }
        let refused = class == Class::Enforcing && !self.breaks.is_empty();
        let breaks = if self.breaks.is_empty() {
            String::new()
        } else {
            format!(", breaks: [{}]", self.breaks.join(", "))
        };
        let answered = if refused { ", answered: error" } else { "" };
        let large = if self.is_large() { ", rule: RT-11" } else { "" };
        let word = format!("- {to}: {{ receives: stanza, name: iq, type: set{large} }}");
        let odd = if main {
            "id='odd'".to_owned()
        } else {
            format!("id='odd-{label}'")
        };
        let own;
        match &self.form {
            Form::Members {
                with,
                without,
                envelope,
                ..
            } => {
                let mut words = format!("sends: {}{on}", kind.name());
                if !with.is_empty() {
                    words.push_str(&format!(", with: {{ {} }}", written(with, names)));
                }
                if !without.is_empty() {
                    words.push_str(&format!(", without: [{}]", without.join(", ")));
                }
                if !envelope.is_empty() {
                    words.push_str(&format!(", envelope: {{ {} }}", written(envelope, names)));
                }
                own = steps.len();
                steps.push(format!("- {from}: {{ {words}{breaks}{answered} }}"));
                let unreadable = envelope
                    .iter()
                    .any(|(name, _)| name == "type" || name == "callId");
                match (refused, unreadable) {
                    (true, _) => {}
                    (false, true) => steps.push(word),
                    (false, false) => {
                        steps.push(format!("- {to}: {{ receives: {}{on}{large} }}", kind.name()));
                    }
                }
            }
            Form::Json { text, wrap, .. } => {
                let text = text.written(names, *wrap);
                let text = match wrap {
                    Wrap::Cdata => format!("<![CDATA[{text}]]>"),
                    _ => text,
                };
                let xml = format!(
                    "<iq xmlns='jabber:client' type='set' id='{label}' to='{{{to}.jid}}'><call \
                     xmlns='urn:xmpp:call:0'>{text}</call></iq>"
                );
                own = steps.len();
                steps.push(format!(
                    "- {from}: {{ sends: stanza, xml: {}{breaks}{answered} }}",
                    quoted(&xml)
                ));
                if !refused {
                    steps.push(word);
                }
            }
            Form::Stanza { xml } => {
                own = steps.len();
                let iq = xml.sample().starts_with("<iq");
                let answered = if iq { ", answered: any" } else { "" };
                // No two of them have one id.
                let xml = xml.written(names, Wrap::Bare).replace("id='odd'", &odd);
                steps.push(format!(
                    "- {from}: {{ sends: stanza, xml: {}{breaks}{answered} }}",
                    quoted(&xml)
                ));
                let name = if iq { "iq, type: set" } else { "message" };
                // Whether it is carried is its server's affair; it was, or was not, before it was answered.
                steps.push(format!(
                    "- {to}: {{ receives: stanza, name: {name}, optional: true, within: 200ms }}"
                ));
            }
            Form::Chat { body, .. } => {
                own = steps.len();
                steps.push(format!(
                    "- {from}: {{ sends: chat, to: {to}, body: {} }}",
                    quoted(&body.written(names, Wrap::Bare))
                ));
                steps.push(format!("- {to}: {{ receives: chat }}"));
            }
            Form::Line { xml, rule } => {
                let names = Names {
                    from: "line",
                    ..names
                };
                steps.push("- use: line-logs-in".to_owned());
                own = steps.len();
                steps.push(format!(
                    "- line: {{ sends: stanza, xml: {} }}",
                    quoted(&xml.written(names, Wrap::Bare))
                ));
                steps.push(format!(
                    "- line: {{ receives: refusal, condition: [{REFUSALS}], within: 10s, rule: {rule} }}"
                ));
                // Nobody else has felt it.
                steps.push("- caller: { sends: chat, body: still here }".to_owned());
                steps.push("- callee: { receives: chat, body: still here }".to_owned());
            }
        }
        if self.rest.again {
            steps.push(format!("- {from}: {{ sends: {}{on} }}", kind.name()));
            steps.push(format!("- {to}: {{ receives: {}{on} }}", kind.name()));
        }
        if let Some(reason) = self.rest.hangup {
            steps.push(format!(
                "- caller: {{ sends: hangup{on}, with: {{ reason: {} }} }}",
                reason.wire()
            ));
            steps.push(format!("- callee: {{ receives: hangup{on} }}"));
        }
        (steps, own)
    }

    pub fn actors(&self) -> &'static [&'static str] {
        match self.form {
            Form::Line { .. } => &["line", "caller", "callee"],
            _ => &["caller", "callee"],
        }
    }
}

/// The fragment that leads to where this signal has its place.
fn before(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Initiate => None,
        Kind::Accept | Kind::Reject | Kind::Busy => Some("ring"),
        Kind::Offer => Some("pick-up"),
        Kind::Answer => Some("send-offer"),
        Kind::IceCandidate | Kind::Hangup | Kind::MuteChange => Some("establish-call"),
    }
}

/// The payload that a bot gives this signal.
pub(super) fn usual(kind: Kind, by: Role) -> Map<String, serde_json::Value> {
    let payload = match kind {
        Kind::Initiate => json!({ "callerName": "Alice" }),
        Kind::Accept | Kind::Reject | Kind::Busy => json!({}),
        Kind::Offer => json!({ "sdp": sample::description(by, Side::Offer), "type": "offer" }),
        Kind::Answer => json!({ "sdp": sample::description(by, Side::Answer), "type": "answer" }),
        Kind::IceCandidate => sample::candidate(0),
        Kind::Hangup => json!({ "reason": "completed" }),
        Kind::MuteChange => json!({ "muted": true }),
    };
    match payload {
        serde_json::Value::Object(members) => members,
        _ => Map::new(),
    }
}
