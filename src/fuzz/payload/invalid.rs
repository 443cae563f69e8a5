//! Signals that are off their schemas by one fault, which the schemas themselves give: each keyword is broken in every
//! way that it can be.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value as Json, json};

use super::data::{Text, Value, Wrap};
use super::shape::{Form, usual};
use super::valid::{object, parts};
use crate::protocol::{Kind, Role, schema};

/// Which keyword is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    Required,
    Type,
    Listed,
    Range,
    Pattern,
    Format,
    AnyOf,
}

impl Keyword {
    pub const ALL: [Keyword; 7] = [
        Keyword::Required,
        Keyword::Type,
        Keyword::Listed,
        Keyword::Range,
        Keyword::Pattern,
        Keyword::Format,
        Keyword::AnyOf,
    ];

    pub const fn sort(self) -> &'static str {
        match self {
            Keyword::Required => "a member missing",
            Keyword::Type => "a value of another type",
            Keyword::Listed => "a value that is not listed",
            Keyword::Range => "a number out of range",
            Keyword::Pattern => "a text off its pattern",
            Keyword::Format => "a text off its format",
            Keyword::AnyOf => "no alternative met",
        }
    }
}

/// One fault: what stands in the place of one member, or that nothing does.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    keyword: Keyword,
    kind: Kind,
    by: Role,
    /// Whether it is a member of the envelope.
    above: bool,
    name: String,
    value: Option<Json>,
}

static FAULTS: LazyLock<Vec<Fault>> = LazyLock::new(faults);

/// Every fault of every signal.
fn faults() -> Vec<Fault> {
    let mut all = Vec::new();
    for kind in Kind::ALL {
        let by = match kind {
            Kind::Initiate | Kind::Offer | Kind::Hangup | Kind::IceCandidate => Role::Caller,
            Kind::Accept | Kind::Reject | Kind::Busy | Kind::Answer | Kind::MuteChange => Role::Callee,
        };
        let payload = match kind {
            Kind::Accept | Kind::Reject | Kind::Busy => "payload-empty".to_owned(),
            kind => format!("payload-{}", kind.name()),
        };
        for (file, above) in [("envelope", true), (payload.as_str(), false)] {
            let read = |name: &str| schema(name).and_then(|text| serde_json::from_str::<Json>(text).ok());
            let Some(schema) = read(file) else { continue };
            let mut put = |keyword, name: &str, value| {
                all.push(Fault {
                    keyword,
                    kind,
                    by,
                    above,
                    name: name.to_owned(),
                    value,
                });
            };
            let required = schema["required"].as_array().into_iter().flatten();
            for name in required.filter_map(Json::as_str) {
                put(Keyword::Required, name, None);
            }
            for (name, rule) in schema["properties"].as_object().into_iter().flatten() {
                let rule = match rule["$ref"].as_str() {
                    Some(way) => schema.pointer(way.trim_start_matches('#')).unwrap_or(rule),
                    None => rule,
                };
                broken(rule, &mut |keyword, value| put(keyword, name, Some(value)));
            }
            // Of several alternatives none is met where the member that all of them name is null.
            if schema["anyOf"].is_array() {
                put(Keyword::AnyOf, "sdpMid", Some(Json::Null));
                put(Keyword::AnyOf, "sdpMid", None);
            }
        }
    }
    all
}

/// Every way to break one property's own schema.
fn broken(rule: &Json, put: &mut dyn FnMut(Keyword, Json)) {
    let listed: Vec<&Json> = match &rule["const"] {
        Json::Null => rule["enum"].as_array().into_iter().flatten().collect(),
        value => vec![value],
    };
    let allowed: Vec<&str> = match &rule["type"] {
        Json::String(name) => vec![name],
        Json::Array(names) => names.iter().filter_map(Json::as_str).collect(),
        _ => vec!["string"],
    };
    for (name, values) in [
        ("null", vec![json!(null)]),
        ("boolean", vec![json!(true), json!(false)]),
        ("integer", vec![json!(0), json!(-1)]),
        ("number", vec![json!(1.5), json!(-0.25)]),
        ("string", vec![json!(""), json!("true"), json!("0")]),
        ("array", vec![json!([]), json!([{}])]),
        ("object", vec![json!({}), json!({"a": 1})]),
    ] {
        if !allowed.contains(&name) {
            values.into_iter().for_each(|value| put(Keyword::Type, value));
        }
    }
    if let Some(word) = listed.first().and_then(|value| value.as_str()) {
        for value in [
            word.to_uppercase(),
            format!("{word} "),
            format!(" {word}"),
            word.chars().skip(1).collect(),
            format!("{word}\0"),
            String::new(),
        ] {
            put(Keyword::Listed, json!(value));
        }
    }
    if let Some(least) = rule["minimum"].as_i64() {
        for value in [least - 1, -65_536, i64::from(i32::MIN), i64::MIN] {
            put(Keyword::Range, json!(value));
        }
    }
    if let Some(most) = rule["maximum"].as_i64() {
        for value in [most + 1, i64::from(u32::MAX), 1 << 53, i64::MAX] {
            put(Keyword::Range, json!(value));
        }
    }
    match rule["pattern"].as_str() {
        Some("\\S") => {
            for value in ["", " ", "\t\n", "\u{a0}\u{3000}", "\u{feff}"] {
                put(Keyword::Pattern, json!(value));
            }
        }
        Some(_) => {
            const ID: &str = "9f3c2b1a-7d4e-4a5b-8c6d-0e1f2a3b4c5d";
            for value in [
                String::new(),
                ID.replace('-', ""),
                ID[1..].to_owned(),
                format!("{ID}0"),
                ID.replace('a', "g"),
                format!("{{{ID}}}"),
                format!("urn:uuid:{ID}"),
                format!(" {ID}"),
                ID.replace('-', "\u{2010}"),
                ID.replace('1', "\u{661}"),
            ] {
                put(Keyword::Pattern, json!(value));
            }
        }
        None => {}
    }
    let off: &[&str] = match rule["format"].as_str() {
        Some("uri") => &[
            "",
            "avatar.jpg",
            "/a.jpg",
            "//example.com/a.jpg",
            "http//x",
            "ht tp://x",
            "1http://x",
        ],
        Some("date-time") => &[
            "",
            "now",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-13-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00Z",
            "2026-01-01T00:00:00+0100",
            "1767225600",
        ],
        _ => &[],
    };
    off.iter().for_each(|value| put(Keyword::Format, json!(value)));
}

impl Fault {
    pub fn form(&self) -> Form {
        let (kind, by) = (self.kind, self.by);
        let mut with = Vec::new();
        let mut without = Vec::new();
        let mut envelope = Vec::new();
        match (&self.value, self.above) {
            (Some(value), true) => envelope.push((self.name.clone(), Value::from(value.clone()))),
            (Some(value), false) => with.push((self.name.clone(), Value::from(value.clone()))),
            (None, false) => without.push(self.name.clone()),
            (None, true) => {
                let mut parts = parts(kind, by);
                parts.retain(|(name, _)| *name != self.name);
                return Form::Json {
                    kind,
                    by,
                    text: Text::of(&object(&parts, "")),
                    wrap: Wrap::Escaped,
                };
            }
        }
        if self.keyword == Keyword::AnyOf {
            without.push("sdpMLineIndex".to_owned());
        }
        with.retain(|(name, _)| usual(kind, by).contains_key(name) || !self.above);
        Form::Members {
            kind,
            by,
            with,
            without,
            envelope,
        }
    }
}

/// A signal with one fault of this keyword.
pub(super) fn off(keyword: Keyword) -> impl Strategy<Value = Form> {
    let all: Vec<_> = FAULTS.iter().filter(|fault| fault.keyword == keyword).collect();
    select(all).prop_map(|fault| fault.form())
}

#[cfg(test)]
mod tests {
    use super::super::shape::Payload;
    use super::*;
    use crate::profile::Class;

    #[test]
    fn every_fault_is_one_and_can_be_played() {
        let all = faults();
        assert!(all.len() > 500, "{}", all.len());
        for keyword in Keyword::ALL {
            assert!(all.iter().any(|fault| fault.keyword == keyword), "{keyword:?}");
        }
        let mut unplayed = Vec::new();
        for (class, fault) in [Class::Relay, Class::Enforcing]
            .into_iter()
            .cycle()
            .zip(all.iter().step_by(29))
        {
            match Payload::settle(fault.keyword.sort(), fault.form(), class) {
                Some(payload) => assert!(!payload.breaks.is_empty(), "{fault:?}"),
                None => unplayed.push((class, fault)),
            }
        }
        assert!(unplayed.is_empty(), "{} {unplayed:#?}", unplayed.len());
    }
}
