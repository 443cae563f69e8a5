//! A recorded stanza as the step that sends it: a signal with what is unusual about it, or else word for word.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::names::{Cast, Texts, address, label};
use super::story::{Message, Story, Thing};
use super::text::Word;
use crate::protocol::sdp::Side;
use crate::protocol::{Kind, NAMESPACE, sample, unix_seconds};
use crate::stanza::{CLIENT, IqType, Stanza, bare, fold};

/// Seconds that a timestamp may be off and still be taken for the time of sending.
const SKEW: f64 = 60.0;

/// What is known of the steps before.
#[derive(Debug, Default)]
pub struct Said {
    /// Candidates that each end has sent.
    candidates: BTreeMap<usize, u32>,
    /// The latest timestamp of each end in each call.
    latest: BTreeMap<(usize, String), f64>,
    /// Ids that stand for those that an end used more than once, or that an answer names.
    ids: BTreeMap<(usize, String), String>,
}

pub type Words = Vec<(&'static str, Word)>;

pub struct Writer<'s> {
    pub story: &'s Story,
    pub cast: &'s Cast,
    pub texts: &'s Texts,
    said: Said,
}

/// How a message is expected where it comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    Signal(Kind, String),
    Chat(String),
    Stanza(String, Option<String>),
}

impl<'s> Writer<'s> {
    pub fn new(story: &'s Story, cast: &'s Cast, texts: &'s Texts) -> Writer<'s> {
        let mut uses: BTreeMap<(usize, String), usize> = BTreeMap::new();
        let mut named: BTreeSet<usize> = BTreeSet::new();
        named.extend(story.odd.values());
        for message in story.messages.iter().filter(|message| message.asks) {
            if let Some(id) = message.id() {
                *uses.entry((message.from, id.to_owned())).or_default() += 1;
            }
        }
        let mut ids = BTreeMap::new();
        for (at, message) in story.messages.iter().enumerate() {
            let Some(id) = message.id() else {
                continue;
            };
            let key = (message.from, id.to_owned());
            let again = uses.get(&key).is_some_and(|uses| *uses > 1);
            if message.asks && (again || named.contains(&at)) && !ids.contains_key(&key) {
                let word = if again { "again" } else { "asked" };
                let name = if id.is_empty() {
                    String::new()
                } else {
                    format!("{word}-{}", ids.len() + 1)
                };
                ids.insert(key, name);
            } else if message.asks && id.is_empty() {
                ids.insert(key, String::new());
            }
        }
        Writer {
            story,
            cast,
            texts,
            said: Said {
                ids,
                ..Said::default()
            },
        }
    }

    /// The words of the step that sends this message, and what its receivers see. Asked in the order of sending.
    ///
    /// # Errors
    /// One sentence: it cannot be sent again.
    pub fn send(&mut self, index: usize) -> Result<(Words, Form), String> {
        let story = self.story;
        let message = story.messages.get(index).ok_or("there is no such message")?;
        let Some(said) = &message.said else {
            return Ok(self.filled_in(message));
        };
        if said.cut {
            return Err(format!(
                "line {}: a secret was cut out of what was sent there, so that it cannot be sent again",
                message.at.line
            ));
        }
        if let Thing::Chat(body) = &message.thing
            && let Some(stanza) = &said.stanza
            && stanza.attr("type") == Some("chat")
        {
            let body = self.texts.fill(body);
            let mut words = vec![("sends", Word::Plain("chat".into()))];
            words.extend(self.to(message, "main"));
            words.push(("body", Word::Text(body.clone())));
            return Ok((words, Form::Chat(body)));
        }
        if let Thing::Signal(kind) = message.thing
            && let Some(words) = self.signal(message, kind)
        {
            let label = self.label(message);
            let own_id = words.iter().any(|(key, word)| {
                *key == "envelope"
                    && matches!(word, Word::Map(members) if members.iter().any(|(name, _)| name == "callId"))
            });
            let form = match own_id {
                true => Form::Stanza("iq".into(), Some("set".into())),
                false => Form::Signal(kind, label),
            };
            return Ok((words, form));
        }
        Ok(self.verbatim(index, message))
    }

    /// Whether its id is one that the scenario gives, since it stands more than once.
    pub fn is_named(&self, message: &Message) -> bool {
        let id = message.id().unwrap_or_default();
        self.said.ids.contains_key(&(message.from, id.to_owned()))
    }

    fn label(&self, message: &Message) -> String {
        label(self.story, message.call.as_deref().unwrap_or_default())
    }

    fn filled_in(&mut self, message: &Message) -> (Words, Form) {
        let Thing::Signal(kind) = message.thing else {
            return (Vec::new(), Form::Chat(String::new()));
        };
        let label = self.label(message);
        let mut words = vec![("sends", Word::Plain(kind.name().into()))];
        if label != "main" {
            words.push(("call", Word::Plain(label.clone())));
        }
        let usual = |actor: &String| matches!(actor.as_str(), "caller" | "callee");
        if (self.story.ends.len() > 2 || !self.cast.actors.iter().all(usual) || label != "main")
            && let Some(receipt) = message.receipts.first()
        {
            words.push(("to", Word::Plain(self.cast.actors[receipt.end].clone())));
        }
        (words, Form::Signal(kind, label))
    }

    /// Where it goes, unless it goes to the other one of two.
    fn to(&self, message: &Message, label: &str) -> Option<(&'static str, Word)> {
        let to = message.to().unwrap_or_default();
        let other = self
            .story
            .ends
            .iter()
            .enumerate()
            .find(|(end, _)| *end != message.from);
        let usual = |actor: &String| matches!(actor.as_str(), "caller" | "callee");
        let usual = self.cast.actors.iter().all(usual);
        let plain =
            usual && self.story.ends.len() == 2 && other.is_some_and(|(_, end)| fold(&end.jid) == fold(to));
        if plain && label == "main" {
            return None;
        }
        let text = address(self.story, self.cast, self.texts, to);
        let word = match self.cast.actors.contains(&text) {
            true => Word::Plain(text),
            false => Word::Text(text),
        };
        Some(("to", word))
    }

    /// `None`: no step of a signal makes it.
    fn signal(&mut self, message: &Message, kind: Kind) -> Option<Words> {
        let said = message.said.as_ref()?;
        let stanza = said.stanza.as_ref()?;
        let decoded = said.decoded.as_ref()?;
        if !self.is_plain(stanza, message.from) || !is_plain_json(&stanza.call_text()?) {
            return None;
        }
        if decoded
            .faults
            .iter()
            .any(|fault| fault.rule == "IQ-04" && !fault.info)
        {
            return None;
        }
        let Some(Value::Object(members)) = &decoded.facts.value else {
            return None;
        };
        let call = message.call.clone()?;
        let payload = members.get("payload")?;
        let mut envelope = Map::new();
        for (name, value) in members {
            match name.as_str() {
                "type" | "payload" => {}
                "callId" => {
                    let id = value.as_str()?;
                    if !is_fresh(id) {
                        envelope.insert(name.clone(), value.clone());
                    }
                }
                "senderId" | "recipientId" => {
                    if !self.is_own_id(message, name, value.as_str()?) {
                        envelope.insert(name.clone(), self.texts.value(value));
                    }
                }
                "timestamp" => {
                    let text = value.as_str()?;
                    if !self.is_now(message, &call, text, &decoded.faults) {
                        envelope.insert(name.clone(), self.texts.value(value));
                    }
                }
                _ => {
                    envelope.insert(name.clone(), self.texts.value(value));
                }
            }
        }
        let all = ["type", "callId", "senderId", "recipientId", "timestamp"];
        if !all.iter().all(|name| members.contains_key(*name)) {
            return None;
        }
        let label = self.label(message);
        let mut words = vec![("sends", Word::Plain(kind.name().into()))];
        if label != "main" {
            words.push(("call", Word::Plain(label.clone())));
        }
        words.extend(self.to(message, &label));
        let id = said.id().unwrap_or_default().to_owned();
        if let Some(name) = self.said.ids.get(&(message.from, id)) {
            words.push(("id", Word::Text(name.clone())));
        }
        let default = self.default_payload(message, kind, &call);
        match payload {
            Value::Object(payload) => {
                let plain = self.story.plain.contains(&call)
                    && matches!(kind, Kind::IceCandidate | Kind::Offer | Kind::Answer);
                if !plain {
                    let changed = payload
                        .iter()
                        .filter(|(name, value)| default.get(*name) != Some(*value));
                    let mut with: Vec<(String, Value)> = changed
                        .map(|(name, value)| (name.clone(), self.texts.value(value)))
                        .collect();
                    // Short things first: what follows a long text is easily missed.
                    with.sort_by_key(|(_, value)| value.to_string().len() > 60);
                    if !with.is_empty() {
                        words.push(("with", Word::Map(with)));
                    }
                    let without: Vec<String> = default
                        .keys()
                        .filter(|name| !payload.contains_key(*name))
                        .cloned()
                        .collect();
                    if !without.is_empty() {
                        words.push(("without", Word::List(without)));
                    }
                }
            }
            other => {
                envelope.insert("payload".into(), self.texts.value(other));
            }
        }
        if !envelope.is_empty() {
            words.push(("envelope", Word::Map(envelope.into_iter().collect())));
        }
        Some(words)
    }

    /// The stanza around it is one that a bot makes by itself.
    fn is_plain(&self, stanza: &Stanza, from: usize) -> bool {
        let element = stanza.element();
        let own = self
            .story
            .ends
            .get(from)
            .map(|end| fold(&end.jid))
            .unwrap_or_default();
        let known = element
            .attrs()
            .iter()
            .all(|((ns, name), value)| match name.as_str() {
                "type" | "id" | "to" => true,
                "from" => fold(value) == own || fold(value) == bare(&own),
                "lang" => !ns.is_none(),
                _ => false,
            });
        let mut children = element.children();
        let only = match (children.next(), children.next()) {
            (Some(call), None) => {
                call.is("call", NAMESPACE)
                    && call.children().next().is_none()
                    && call.attrs().iter().next().is_none()
            }
            _ => false,
        };
        known && only && stanza.to().is_some() && stanza.id().is_some() && stanza.is_iq()
    }

    fn is_own_id(&self, message: &Message, name: &str, id: &str) -> bool {
        if name == "senderId" {
            let own = self
                .story
                .ends
                .get(message.from)
                .and_then(|end| end.id.as_deref());
            return own.is_some_and(|own| own.eq_ignore_ascii_case(id));
        }
        let to = fold(bare(message.to().unwrap_or_default()));
        let user = self.story.ends.iter().find(|end| fold(end.bare()) == to);
        match user {
            Some(end) => end.id.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(id)),
            // A stranger's id is derived from its name; any id is as good.
            None => {
                uuid::Uuid::try_parse(id).is_ok()
                    && !self.story.ends.iter().any(|end| end.id.as_deref() == Some(id))
            }
        }
    }

    /// Whether a timestamp says no more than when it was sent.
    fn is_now(
        &mut self,
        message: &Message,
        call: &str,
        text: &str,
        faults: &[crate::protocol::Fault],
    ) -> bool {
        let malformed = faults.iter().any(|fault| fault.rule == "SG-04" && !fault.info);
        let Some(at) = unix_seconds(text).filter(|_| !malformed) else {
            return false;
        };
        let key = (message.from, call.to_owned());
        let backwards = self.said.latest.get(&key).is_some_and(|latest| at < *latest);
        let seen = message.said.as_ref().and_then(|said| unix_seconds(&said.time));
        let off = seen.is_some_and(|seen| (at - seen).abs() > SKEW);
        if !off {
            let latest = self.said.latest.entry(key).or_insert(at);
            *latest = latest.max(at);
        }
        !backwards && !off
    }

    /// What a bot says by itself.
    fn default_payload(&mut self, message: &Message, kind: Kind, call: &str) -> Map<String, Value> {
        let role = self.story.role(call, message.from);
        let description = |side| sample::description(role, side);
        let value = match kind {
            Kind::Initiate => json!({ "callerName": self.cast.users[message.from] }),
            Kind::Accept | Kind::Reject | Kind::Busy => json!({}),
            Kind::Offer => json!({ "sdp": description(Side::Offer), "type": "offer" }),
            Kind::Answer => json!({ "sdp": description(Side::Answer), "type": "answer" }),
            Kind::IceCandidate => {
                let n = self.said.candidates.entry(message.from).or_default();
                *n += 1;
                sample::candidate(*n)
            }
            Kind::Hangup => json!({ "reason": "completed" }),
            Kind::MuteChange => json!({ "muted": true }),
        };
        match value {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }

    fn verbatim(&self, index: usize, message: &Message) -> (Words, Form) {
        let raw = message
            .said
            .as_ref()
            .map(|said| said.raw.clone())
            .unwrap_or_default();
        let stanza = message.said.as_ref().and_then(|said| said.stanza.as_ref());
        let mut texts = self.texts.clone();
        // The id is a fresh one, unless it matters which.
        let id = stanza.and_then(Stanza::id).unwrap_or_default();
        let asked = self
            .story
            .odd
            .get(&index)
            .and_then(|asked| self.story.messages.get(*asked));
        let name = match asked {
            Some(asked) => self.said.ids.get(&(asked.from, id.to_owned())).cloned(),
            None => {
                let known = self.said.ids.get(&(message.from, id.to_owned())).cloned();
                known.or_else(|| uuid::Uuid::try_parse(id).is_ok().then(|| "{uuid}".to_owned()))
            }
        };
        if let Some(name) = name.filter(|_| !id.is_empty()) {
            for quote in ['"', '\''] {
                texts = texts.with(
                    &format!("id={quote}{id}{quote}"),
                    &format!("id={quote}{name}{quote}"),
                );
            }
        }
        let decoded = message.said.as_ref().and_then(|said| said.decoded.as_ref());
        if let Some(text) = decoded
            .and_then(|decoded| decoded.facts.value.as_ref())
            .and_then(|value| value.get("timestamp")?.as_str())
        {
            let seen = message.said.as_ref().and_then(|said| unix_seconds(&said.time));
            let near = unix_seconds(text).is_some_and(|at| seen.is_none_or(|seen| (at - seen).abs() <= SKEW));
            if near {
                texts = texts.with(text, "{now}");
            }
        }
        // Whoever else it speaks of is nobody in the scenario.
        for jid in stanza
            .into_iter()
            .flat_map(|stanza| [stanza.to(), stanza.from()])
            .flatten()
        {
            if self.story.end_at(jid).is_none() && jid.contains('@') {
                let name = address(self.story, self.cast, self.texts, jid);
                texts = texts.with(&crate::stanza::escape(jid), &name).with(jid, &name);
            }
        }
        // Over WebSocket each stanza carries its namespace itself (RFC 7395 §3.3).
        let raw = match stanza {
            Some(_) if !raw.contains(CLIENT) => raw.replacen(' ', &format!(" xmlns='{CLIENT}' "), 1),
            _ => raw,
        };
        let xml = texts.fill(&raw);
        let form = match stanza {
            Some(stanza) => {
                let kind = match stanza.iq_type() {
                    Some(IqType::Set) => Some("set".to_owned()),
                    Some(IqType::Get) => Some("get".to_owned()),
                    _ => None,
                };
                Form::Stanza(stanza.element().name().to_owned(), kind)
            }
            None => Form::Stanza("iq".into(), None),
        };
        let words = vec![("sends", Word::Plain("stanza".into())), ("xml", Word::Text(xml))];
        (words, form)
    }
}

/// A callId that may be any other as well.
fn is_fresh(id: &str) -> bool {
    let Ok(uuid) = uuid::Uuid::try_parse(id) else {
        return false;
    };
    let plain = uuid.hyphenated().to_string().eq_ignore_ascii_case(id);
    plain && matches!(uuid.get_version_num(), 4 | 7)
}

/// Whether its numbers are such as any reader reads alike.
fn is_plain_json(text: &str) -> bool {
    let (mut inside, mut escaped) = (false, false);
    let mut digits = 0;
    for c in text.chars() {
        if inside {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => inside = false,
                _ => {}
            }
            continue;
        }
        match c {
            '"' => inside = true,
            '0'..='9' => {
                digits += 1;
                if digits > 15 {
                    return false;
                }
                continue;
            }
            '.' | '+' => return false,
            'e' | 'E' if digits > 0 => return false,
            _ => {}
        }
        digits = 0;
    }
    true
}
