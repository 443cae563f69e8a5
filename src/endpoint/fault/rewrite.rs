//! How stanzas are changed: text in, text out.

use minidom::{Element, Node};
use rxml::Namespace;

use super::deed::{Rewrite, Stamp};
use crate::protocol::NAMESPACE;
use crate::stanza::{CLIENT, STANZA_ERRORS, Stanza, bare, with_line_feeds, written};

/// The addresses that a rewriting may need.
pub(super) struct Letter<'a> {
    pub from: &'a str,
    pub to: &'a str,
    /// The `from` that the sender wrote itself.
    pub claimed: Option<&'a str>,
    /// Somebody who has nothing to do with it.
    pub stranger: Option<String>,
}

/// The changed text; `None`: it would be the same, or it cannot be done.
pub(super) fn rewrite(how: Rewrite, text: &str, letter: &Letter<'_>) -> Option<String> {
    let stanza = Stanza::parse(text).ok()?;
    let mut element = stanza.element().clone();
    match how {
        Rewrite::Xml(change) => {
            let new = (change.0)(text);
            return (new != text).then_some(new);
        }
        Rewrite::From(stamp) => set(&mut element, "from", address(stamp, letter)?)?,
        Rewrite::To(stamp) => set(&mut element, "to", address(stamp, letter)?)?,
        Rewrite::Id(change) => {
            let new = (change.0)(stanza.id().unwrap_or_default());
            if new == stanza.id().unwrap_or_default() {
                return None;
            }
            set(&mut element, "id", (!new.is_empty()).then_some(new))?;
        }
        Rewrite::Text(change) => {
            let old = stanza.call_text().or_else(|| stanza.body())?;
            let new = (change.0)(&old);
            if new == old {
                return None;
            }
            set_text(&mut element, &new);
        }
        Rewrite::Member(pointer, value) => {
            let old = stanza.call_text()?;
            let new = with_member(&old, pointer, value)?;
            if new == old {
                return None;
            }
            set_text(&mut element, &new);
        }
        Rewrite::ToError(condition) => {
            if stanza.attr("type") != Some("result") {
                return None;
            }
            set(&mut element, "type", Some("error".to_owned()))?;
            element.take_nodes();
            element.append_child(error(condition));
        }
        Rewrite::ToResult => {
            if stanza.attr("type") != Some("error") {
                return None;
            }
            set(&mut element, "type", Some("result".to_owned()))?;
            element.take_nodes();
        }
        Rewrite::Condition(condition) => {
            if stanza.attr("type") != Some("error") || stanza.error_condition() == Some(condition) {
                return None;
            }
            element.take_nodes();
            element.append_child(error(condition));
        }
    }
    let new = written(element)?;
    (new != text).then_some(new)
}

/// The same stanza under another id.
pub(super) fn with_id(text: &str, id: &str) -> Option<String> {
    let mut element = Stanza::parse(text).ok()?.element().clone();
    set(&mut element, "id", Some(id.to_owned()))?;
    written(element)
}

/// A stanza of `from` as a store hands it out.
pub(super) fn stamped(stanza: &Stanza, from: &str, delay: bool) -> Option<String> {
    let mut element = stanza.element().clone();
    set(&mut element, "from", Some(from.to_owned()))?;
    if delay {
        let stamp = Element::builder("delay", "urn:xmpp:delay")
            .attr(rxml::xml_ncname!("stamp").to_owned(), "2026-01-01T00:00:00Z")
            .build();
        element.append_child(stamp);
    }
    written(element)
}

fn set(element: &mut Element, name: &str, value: Option<String>) -> Option<()> {
    let name = rxml::NcName::try_from(name.to_owned()).ok()?;
    match value {
        Some(value) => element.set_attr(Namespace::NONE, name, value),
        None => {
            element.attrs_mut().remove(&Namespace::NONE, &name);
        }
    }
    Some(())
}

fn set_text(element: &mut Element, text: &str) {
    let holder = element
        .children_mut()
        .find(|child| child.is("call", NAMESPACE) || child.name() == "body");
    if let Some(holder) = holder {
        holder.take_nodes();
        holder.append_node(Node::Text(text.to_owned()));
    }
}

fn error(condition: &str) -> Element {
    let condition = Element::builder(condition, STANZA_ERRORS).build();
    Element::builder("error", CLIENT)
        .attr(rxml::xml_ncname!("type").to_owned(), "cancel")
        .append(condition)
        .build()
}

#[allow(clippy::option_option, reason = "no address, or none that can be had")]
fn address(stamp: Stamp, letter: &Letter<'_>) -> Option<Option<String>> {
    let domain = bare(letter.from).rsplit('@').next().unwrap_or_default();
    Some(match stamp {
        Stamp::Missing => None,
        Stamp::Bare => Some(bare(letter.from).to_owned()),
        Stamp::Resource => Some(format!("{}/elsewhere", bare(letter.from))),
        Stamp::Server => Some(domain.to_owned()),
        Stamp::Receiver => Some(letter.to.to_owned()),
        Stamp::Stranger => Some(
            letter
                .stranger
                .clone()
                .unwrap_or_else(|| format!("stranger@{domain}/x")),
        ),
        Stamp::Claimed => Some(letter.claimed?.to_owned()),
        Stamp::Capitals => {
            let (user, device) = letter.from.split_once('/')?;
            Some(format!("{}/{device}", user.to_uppercase()))
        }
    })
}

/// The signal with one member replaced, added or taken out; the rest of its text stays as it is where it can.
fn with_member(text: &str, pointer: &str, value: Option<&str>) -> Option<String> {
    let mut root: serde_json::Value = serde_json::from_str(text).ok()?;
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
    Some(root.to_string())
}

// -- changes of a text: what a careless server does to what it does not understand ----------------------------

pub(super) fn halved(text: &str) -> String {
    let half = text.chars().count() / 2;
    text.chars().take(half).collect()
}

/// The column of a database that is too narrow.
pub(super) fn cut_at_4000(text: &str) -> String {
    text.chars().take(4_000).collect()
}

pub(super) fn last_character_lost(text: &str) -> String {
    let count = text.chars().count();
    text.chars().take(count.saturating_sub(1)).collect()
}

/// UTF-8 read as Latin-1 and written as UTF-8.
pub(super) fn mojibake(text: &str) -> String {
    text.bytes().map(char::from).collect()
}

pub(super) fn question_marks(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
}

/// Three bytes a character and no more.
pub(super) fn astral_lost(text: &str) -> String {
    text.chars()
        .map(|c| if c as u32 > 0xFFFF { '\u{FFFD}' } else { c })
        .collect()
}

pub(super) fn separators_lost(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, '\u{2028}' | '\u{2029}'))
        .collect()
}

pub(super) fn directions_lost(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .collect()
}

pub(super) fn combining_lost(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, '\u{300}'..='\u{36f}'))
        .collect()
}

/// What was unescaped once too often, or escaped once too often.
pub(super) fn escaped_twice(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

pub(super) fn unescaped_twice(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

pub(super) fn unclosed(xml: &str) -> String {
    xml.replacen("</call>", "", 1)
}

pub(super) fn commented(xml: &str) -> String {
    xml.replacen("</iq>", "<!-- relayed --></iq>", 1)
}

pub(super) fn carriage_returns_lost(text: &str) -> String {
    with_line_feeds(text)
}

pub(super) fn cdata_end_lost(text: &str) -> String {
    text.replace("]]>", "]]")
}

/// JSON read and written again: the members in another order.
pub(super) fn members_reversed(text: &str) -> String {
    let Ok(members) = serde_json::from_str::<std::collections::BTreeMap<String, serde_json::Value>>(text)
    else {
        return text.to_owned();
    };
    let members: Vec<String> = members
        .iter()
        .rev()
        .map(|(name, value)| format!("{}:{value}", serde_json::Value::from(name.as_str())))
        .collect();
    format!("{{{}}}", members.join(","))
}

pub(super) fn pretty(text: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(text);
    value
        .and_then(|value| serde_json::to_string_pretty(&value))
        .unwrap_or_else(|_| text.to_owned())
}

/// Every number a float, as a reader without integers writes them.
pub(super) fn numbers_as_floats(text: &str) -> String {
    fn change(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Number(number) => {
                if let Some(float) = number.as_f64().and_then(serde_json::Number::from_f64) {
                    *number = float;
                }
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(change),
            serde_json::Value::Object(members) => members.values_mut().for_each(change),
            _ => {}
        }
    }
    each_json(text, change)
}

pub(super) fn nulls_dropped(text: &str) -> String {
    fn change(value: &mut serde_json::Value) {
        if let serde_json::Value::Object(members) = value {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(change);
        }
    }
    each_json(text, change)
}

/// Only what the seed names is kept.
pub(super) fn unknown_members_dropped(text: &str) -> String {
    const KNOWN: [&str; 15] = [
        "type",
        "callId",
        "senderId",
        "recipientId",
        "timestamp",
        "payload",
        "callerName",
        "callerAvatar",
        "sdp",
        "candidate",
        "sdpMid",
        "sdpMLineIndex",
        "reason",
        "duration",
        "muted",
    ];
    fn change(value: &mut serde_json::Value) {
        if let serde_json::Value::Object(members) = value {
            members.retain(|name, _| KNOWN.contains(&name.as_str()));
            members.values_mut().for_each(change);
        }
    }
    each_json(text, change)
}

pub(super) fn member_added(text: &str) -> String {
    match text.strip_suffix('}') {
        Some(rest) if text.starts_with('{') => format!("{rest},\"via\":\"server\"}}"),
        _ => text.to_owned(),
    }
}

pub(super) fn restamped(text: &str) -> String {
    with_member(text, "/timestamp", Some("\"2026-01-01T00:00:00.999Z\"")).unwrap_or_else(|| text.to_owned())
}

pub(super) fn ids_in_capitals(text: &str) -> String {
    let id = serde_json::from_str::<serde_json::Value>(text).ok();
    let id = id
        .as_ref()
        .and_then(|value| value.pointer("/callId")?.as_str().map(str::to_owned));
    match id {
        Some(id) => text.replace(&id, &id.to_uppercase()),
        None => text.to_owned(),
    }
}

/// What is not ASCII as JSON escapes: the same value, and another text.
pub(super) fn escaped_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

pub(super) fn line_ends_changed(text: &str) -> String {
    text.replace("\\r\\n", "\\n")
}

pub(super) fn white_space_lost(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn each_json(text: &str, change: fn(&mut serde_json::Value)) -> String {
    let Ok(mut value) = serde_json::from_str::<serde_json::Value>(text) else {
        return text.to_owned();
    };
    let before = value.clone();
    change(&mut value);
    if value == before {
        text.to_owned()
    } else {
        value.to_string()
    }
}

// -- changes of an id -----------------------------------------------------------------------------------------

pub(super) fn id_prefixed(id: &str) -> String {
    format!("server-{id}")
}

pub(super) fn id_shortened(id: &str) -> String {
    id.chars().take(8).collect()
}

pub(super) fn id_missing(_: &str) -> String {
    String::new()
}

pub(super) fn id_in_capitals(id: &str) -> String {
    id.to_uppercase()
}

// -- the request around the text --------------------------------------------------------------------------------

fn with_element(xml: &str, change: impl FnOnce(&mut Element) -> Option<()>) -> String {
    let changed = || {
        let mut element = Stanza::parse(xml).ok()?.element().clone();
        change(&mut element)?;
        written(element)
    };
    changed().unwrap_or_else(|| xml.to_owned())
}

pub(super) fn to_bare(xml: &str) -> String {
    with_element(xml, |element| {
        let to = bare(element.attr("to")?).to_owned();
        set(element, "to", Some(to))
    })
}

pub(super) fn as_get(xml: &str) -> String {
    with_element(xml, |element| set(element, "type", Some("get".to_owned())))
}

pub(super) fn child_added(xml: &str) -> String {
    with_element(xml, |element| {
        element.append_child(Element::builder("trace", "urn:example:trace").build());
        Some(())
    })
}

pub(super) fn child_within(xml: &str) -> String {
    xml.replacen("</call>", "<trace xmlns=\"urn:example:trace\"/></call>", 1)
}

pub(super) fn result_filled(xml: &str) -> String {
    with_element(xml, |element| {
        let is_result = element.attr("type") == Some("result");
        is_result.then(|| element.append_child(Element::builder("trace", "urn:example:trace").build()))?;
        Some(())
    })
}

pub(super) fn error_type_changed(xml: &str) -> String {
    with_element(xml, |element| {
        let error = element.get_child_mut("error", CLIENT)?;
        set(error, "type", Some("wait".to_owned()))
    })
}
