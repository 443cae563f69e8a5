//! What a payload is made of: texts in parts and values of such texts, so that each part can be made smaller by itself.

use std::fmt::Write;

use crate::protocol::Role;
use crate::stanza::escape;

/// What is known only while a case runs, as its sender has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Call,
    Sender,
    Recipient,
    /// The addressee's full JID.
    To,
    /// The sender's own full JID.
    Own,
    Now,
}

impl Name {
    const ALL: [(Name, &'static str); 6] = [
        (Name::Call, "«call»"),
        (Name::Sender, "«sender»"),
        (Name::Recipient, "«recipient»"),
        (Name::To, "«to»"),
        (Name::Own, "«own»"),
        (Name::Now, "«now»"),
    ];

    /// What stands for it where it is looked at before anything runs.
    fn sample(self) -> &'static str {
        match self {
            Name::Call => "0f0e0d0c-0b0a-4908-8706-050403020100",
            Name::Sender => "a1b2c3d4-e5f6-4890-abcd-ef1234567890",
            Name::Recipient => "b2c3d4e5-f6a7-4901-bcde-f12345678901",
            Name::To => "b@localhost/2",
            Name::Own => "a@localhost/1",
            Name::Now => "2026-01-01T00:00:00Z",
        }
    }
}

/// Whose names are meant: the sender's actor, the addressee's, and the call's name in braces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'a> {
    pub from: &'static str,
    pub to: &'static str,
    pub call: &'a str,
}

impl<'a> Names<'a> {
    pub fn new(by: Role, call: &'a str) -> Names<'a> {
        let (from, to) = match by {
            Role::Caller => ("caller", "callee"),
            Role::Callee => ("callee", "caller"),
        };
        Names { from, to, call }
    }
}

/// How characters are written into XML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrap {
    /// As they are.
    Bare,
    /// With the five entities where XML needs them.
    Escaped,
    /// What is not ASCII, and what XML needs, as character references.
    References,
    /// In a CDATA section.
    Cdata,
}

impl Wrap {
    fn apply(self, text: &str) -> String {
        match self {
            Wrap::Bare => text.to_owned(),
            Wrap::Escaped => escape(text),
            Wrap::Cdata => text.replace("]]>", "]]]]><![CDATA[>"),
            Wrap::References => {
                let mut out = String::new();
                for c in text.chars() {
                    match c {
                        ' '..='~' if !"&<>'\"".contains(c) => out.push(c),
                        // Writing to a string cannot fail.
                        _ => drop(write!(out, "&#x{:X};", u32::from(c))),
                    }
                }
                out
            }
        }
    }
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bit {
    Chars(String),
    /// So many letters.
    Padding(usize),
    /// So many JSON lists in each other.
    Lists(usize),
    Name(Name),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Text(pub Vec<Bit>);

impl Text {
    /// Reads a text in which `«call»` and its like are names.
    pub fn of(text: &str) -> Text {
        let mut bits = Vec::new();
        let mut rest = text;
        let first = |text: &str| {
            let found = Name::ALL
                .iter()
                .filter_map(|(name, word)| Some((text.find(word)?, *name, word.len())));
            found.min_by_key(|found| found.0)
        };
        while let Some((at, name, length)) = first(rest) {
            if at > 0 {
                bits.push(Bit::Chars(rest[..at].to_owned()));
            }
            bits.push(Bit::Name(name));
            rest = &rest[at + length..];
        }
        if !rest.is_empty() {
            bits.push(Bit::Chars(rest.to_owned()));
        }
        Text(bits)
    }

    /// As [`Text::of`] reads it; `None`: some of it is no more than a number of the same.
    pub fn marked(&self) -> Option<String> {
        let bit = |bit: &Bit| match bit {
            Bit::Chars(text) => Some(text.clone()),
            Bit::Name(name) => {
                let known = Name::ALL.iter().find(|known| known.0 == *name);
                known.map(|known| known.1.to_owned())
            }
            Bit::Padding(_) | Bit::Lists(_) => None,
        };
        self.0.iter().map(bit).collect()
    }

    /// The text itself, with samples for what is not known.
    pub fn sample(&self) -> String {
        let bit = |bit: &Bit| match bit {
            Bit::Chars(text) => text.clone(),
            Bit::Padding(length) => "x".repeat(*length),
            Bit::Lists(depth) => "[".repeat(*depth) + &"]".repeat(*depth),
            Bit::Name(name) => name.sample().to_owned(),
        };
        self.0.iter().map(bit).collect()
    }

    /// As a scenario has it: names in braces, braces doubled.
    pub fn written(&self, names: Names<'_>, wrap: Wrap) -> String {
        let mut out = String::new();
        for bit in &self.0 {
            match bit {
                Bit::Chars(text) => out.push_str(&braces(&wrap.apply(text))),
                Bit::Padding(length) => drop(write!(out, "{{padding-{length}}}")),
                Bit::Lists(depth) => drop(write!(out, "{{lists-{depth}}}")),
                Bit::Name(Name::Call) => out.push_str(names.call),
                Bit::Name(Name::Sender) => drop(write!(out, "{{{}.id}}", names.from)),
                Bit::Name(Name::Recipient) => drop(write!(out, "{{{}.id}}", names.to)),
                Bit::Name(Name::To) => drop(write!(out, "{{{}.jid}}", names.to)),
                Bit::Name(Name::Own) => drop(write!(out, "{{{}.jid}}", names.from)),
                Bit::Name(Name::Now) => out.push_str("{now}"),
            }
        }
        out
    }
}

fn braces(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

/// A JSON value as a scenario's `with` can say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(Text),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

impl Value {
    pub fn text(text: &str) -> Value {
        Value::Text(Text(match text {
            "" => Vec::new(),
            text => vec![Bit::Chars(text.to_owned())],
        }))
    }

    /// The value itself, with samples for what is not known.
    pub fn sample(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(number) => Json::Number(number.clone()),
            Value::Text(text) => Json::String(text.sample()),
            Value::List(items) => items.iter().map(Value::sample).collect(),
            Value::Map(members) => {
                let member = |(name, value): &(String, Value)| (name.clone(), value.sample());
                Json::Object(members.iter().map(member).collect())
            }
        }
    }

    /// As YAML, on one line.
    pub fn written(&self, names: Names<'_>) -> String {
        match self {
            Value::Null => "null".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Text(text) => quoted(&text.written(names, Wrap::Bare)),
            Value::List(items) => {
                let items: Vec<String> = items.iter().map(|item| item.written(names)).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Map(members) if members.is_empty() => "{}".to_owned(),
            Value::Map(members) => format!("{{ {} }}", written(members, names)),
        }
    }
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Value {
        use serde_json::Value as Json;
        match value {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(value),
            Json::Number(number) => Value::Number(number),
            Json::String(text) => Value::text(&text),
            Json::Array(items) => Value::List(items.into_iter().map(Value::from).collect()),
            Json::Object(members) => {
                let member = |(name, value): (String, Json)| (name, Value::from(value));
                Value::Map(members.into_iter().map(member).collect())
            }
        }
    }
}

/// Members on one line, without the braces around them.
pub(super) fn written(members: &[(String, Value)], names: Names<'_>) -> String {
    let member = |(name, value): &(String, Value)| {
        let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let name = if plain { name.clone() } else { quoted(name) };
        format!("{name}: {}", value.written(names))
    };
    members.iter().map(member).collect::<Vec<_>>().join(", ")
}

/// A double-quoted YAML scalar (YAML 1.2 §5.7) in which nothing stands that an editor might hide or reorder.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            // Writing to a string cannot fail.
            c if u32::from(c) < 0x100 => drop(write!(out, "\\x{:02X}", u32::from(c))),
            c if u32::from(c) < 0x1_0000 => drop(write!(out, "\\u{:04X}", u32::from(c))),
            c => drop(write!(out, "\\U{:08X}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_written_with_its_names_and_doubled_braces() {
        let text = Text::of("{\"a\":\"«call»\",\"b\":\"<«to»\u{1F600}\"}");
        let names = Names::new(Role::Callee, "{call.second}");
        assert_eq!(
            text.written(names, Wrap::Escaped),
            "{{&quot;a&quot;:&quot;{call.second}&quot;,&quot;b&quot;:&quot;&lt;{caller.jid}\u{1F600}&quot;}}"
        );
        assert!(
            text.written(names, Wrap::References)
                .ends_with("&#x1F600;&#x22;}}")
        );
        assert!(text.sample().starts_with("{\"a\":\"0f0e0d0c-"));
        assert_eq!(
            quoted("é\u{1F600}\u{2028}\"\r\n\u{7f}"),
            r#""\xE9\U0001F600\u2028\"\r\n\x7F""#
        );
    }

    #[test]
    fn a_value_is_written_as_yaml_has_it() {
        let value = Value::from(serde_json::json!({"a": [1, null, true, "x: {y}"], "odd name": {}}));
        let names = Names::new(Role::Caller, "{call}");
        assert_eq!(
            value.written(names),
            r#"{ a: [1, null, true, "x: {{y}}"], "odd name": {} }"#
        );
    }
}
