//! Signals that fit their schemas, each at some edge of what it allows.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::json;

use super::data::{Bit, Text, Value, Wrap};
use super::description;
use super::shape::{Form, usual};
use super::texts::{length, long, text};
use crate::protocol::{Kind, Role};

/// What one stanza may hold beside a signal's own members, in bytes, so that any server has to take it.
pub(super) const ROOM: usize = 8_900;

fn members(kind: Kind, by: Role, with: Vec<(String, Value)>) -> Form {
    Form::Members {
        kind,
        by,
        with,
        without: Vec::new(),
        envelope: Vec::new(),
    }
}

fn initiate(with: Vec<(&str, Value)>) -> Form {
    let with = with.into_iter().map(|(name, value)| (name.to_owned(), value));
    members(Kind::Initiate, Role::Caller, with.collect())
}

pub(super) fn texts() -> impl Strategy<Value = Form> {
    let avatars = [
        Value::Null,
        Value::text("https://example.com/a.jpg"),
        Value::text("https://example.com/%F0%9F%98%80?a=1&b=2#c"),
        Value::text("data:image/png;base64,iVBORw0KGgo="),
        Value::text("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
        Value::text("http://[2001:db8::1]:8080/a'b(c)"),
    ];
    (text(), proptest::option::of(select(avatars.to_vec()))).prop_map(|(name, avatar)| {
        let mut with = vec![("callerName", Value::Text(name))];
        with.extend(avatar.map(|avatar| ("callerAvatar", avatar)));
        initiate(with)
    })
}

pub(super) fn lengths() -> impl Strategy<Value = Form> {
    let offer = length(ROOM - 4_000).prop_map(|length| {
        let mut sdp = Text::of(crate::protocol::sample::offer());
        sdp.0.extend([
            Bit::Chars("a=x-padding:".into()),
            Bit::Padding(length),
            Bit::Chars("\r\n".into()),
        ]);
        let with = vec![("sdp".to_owned(), Value::Text(sdp))];
        members(Kind::Offer, Role::Caller, with)
    });
    prop_oneof![
        3 => long(ROOM - 400).prop_map(|name| initiate(vec![("callerName", Value::Text(name))])),
        1 => offer,
    ]
}

pub(super) fn chat() -> impl Strategy<Value = Form> {
    let role = select(vec![Role::Caller, Role::Callee]);
    (role, prop_oneof![3 => text(), 1 => long(ROOM)]).prop_map(|(by, body)| Form::Chat { by, body })
}

/// Members that may be null, absent or empty.
pub(super) fn absences() -> impl Strategy<Value = Form> {
    let candidate = |with: &[(&str, serde_json::Value)], without: &[&str]| Form::Members {
        kind: Kind::IceCandidate,
        by: Role::Caller,
        with: with
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(value.clone())))
            .collect(),
        without: without.iter().map(|name| (*name).to_owned()).collect(),
        envelope: Vec::new(),
    };
    select(vec![
        initiate(vec![("callerAvatar", Value::Null)]),
        candidate(&[("sdpMid", json!(null))], &[]),
        candidate(&[("sdpMLineIndex", json!(null))], &[]),
        candidate(&[], &["sdpMid"]),
        candidate(&[], &["sdpMLineIndex"]),
        candidate(&[("usernameFragment", json!(null))], &[]),
        candidate(&[("candidate", json!(""))], &[]),
        candidate(
            &[
                ("candidate", json!("")),
                ("sdpMid", json!(null)),
                ("sdpMLineIndex", json!(null)),
            ],
            &[],
        ),
        candidate(&[("candidate", json!(""))], &["sdpMid", "sdpMLineIndex"]),
    ])
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|number| Value::Number(number.into())),
        select(vec![0, 1, -1, 255, 65_536, 1 << 53, i64::MAX, i64::MIN])
            .prop_map(|number| Value::Number(number.into())),
        text().prop_map(Value::Text),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let name = select(vec![
            "a",
            "x-b",
            "payload",
            "type",
            "Zoë",
            "$ref",
            "__proto__",
            "",
        ]);
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::List),
            vec((name, inner), 0..4).prop_map(|members| {
                let mut all: Vec<(String, Value)> = Vec::new();
                for (name, value) in members {
                    if all.iter().all(|(known, _)| known != name) {
                        all.push((name.to_owned(), value));
                    }
                }
                Value::Map(all)
            }),
        ]
    })
}

/// The six signals that say the least, and the initiate: each may hold members that the seed does not name.
pub(super) fn unknown() -> impl Strategy<Value = Form> {
    let kinds = vec![
        (Kind::Initiate, Role::Caller),
        (Kind::Accept, Role::Callee),
        (Kind::Reject, Role::Callee),
        (Kind::Busy, Role::Callee),
        (Kind::IceCandidate, Role::Callee),
        (Kind::Hangup, Role::Callee),
        (Kind::MuteChange, Role::Caller),
    ];
    let names = vec!["x-device", "version", "call", "id", "Payload"];
    (
        select(kinds),
        subsequence(names, 1..=2),
        vec(any_value(), 2),
        any::<bool>(),
    )
        .prop_map(|((kind, by), names, values, above)| {
            let extra = names.into_iter().map(str::to_owned).zip(values).collect();
            let (with, envelope) = if above {
                (Vec::new(), extra)
            } else {
                (extra, Vec::new())
            };
            Form::Members {
                kind,
                by,
                with,
                without: Vec::new(),
                envelope,
            }
        })
}

pub(super) fn offers() -> impl Strategy<Value = Form> {
    description::offer().prop_map(offer)
}

pub(super) fn browsers() -> impl Strategy<Value = Form> {
    description::browser().prop_map(offer)
}

fn offer(sdp: String) -> Form {
    let with = vec![("sdp".to_owned(), Value::text(&sdp))];
    members(Kind::Offer, Role::Caller, with)
}

pub(super) fn candidates() -> impl Strategy<Value = Form> {
    let role = select(vec![Role::Caller, Role::Callee]);
    (role, description::candidate()).prop_map(|(by, line)| {
        let with = vec![("candidate".to_owned(), Value::text(&line))];
        members(Kind::IceCandidate, by, with)
    })
}

/// Signals whose `senderId` is somebody else's; every second a hangup, by which more is won than by any other.
pub(super) fn forged() -> impl Strategy<Value = Form> {
    let hangups = select(vec![(Kind::Hangup, Role::Caller), (Kind::Hangup, Role::Callee)]);
    prop_oneof![kinds(), hangups].prop_map(|(kind, by)| {
        let other = Value::text("5d0b7f0e-2c0f-4c3a-9a51-3f6a2b1c9e77");
        Form::Members {
            kind,
            by,
            with: Vec::new(),
            without: Vec::new(),
            envelope: vec![("senderId".to_owned(), other)],
        }
    })
}

// -- the same, in other writings ---------------------------------------------------------------------------

/// The members of a signal as JSON texts, in their usual order.
pub(super) fn parts(kind: Kind, by: Role) -> Vec<(String, String)> {
    let payload: Vec<(String, String)> = usual(kind, by)
        .into_iter()
        .map(|(name, value)| (name, value.to_string()))
        .collect();
    let mut parts = vec![("type".to_owned(), format!("\"{}\"", kind.wire()))];
    for (name, value) in [
        ("callId", "«call»"),
        ("senderId", "«sender»"),
        ("recipientId", "«recipient»"),
        ("timestamp", "«now»"),
    ] {
        parts.push((name.to_owned(), format!("\"{value}\"")));
    }
    parts.push(("payload".to_owned(), object(&payload, "")));
    parts
}

/// A JSON object of these members, with the blank between all of its parts.
pub(super) fn object(members: &[(String, String)], blank: &str) -> String {
    let member = |(name, value): &(String, String)| format!("{blank}\"{name}\"{blank}:{blank}{value}{blank}");
    let members: Vec<String> = members.iter().map(member).collect();
    format!("{{{}}}", members.join(","))
}

pub(super) fn kinds() -> impl Strategy<Value = (Kind, Role)> {
    select(vec![
        (Kind::Initiate, Role::Caller),
        (Kind::Accept, Role::Callee),
        (Kind::Reject, Role::Callee),
        (Kind::Busy, Role::Callee),
        (Kind::Offer, Role::Caller),
        (Kind::Answer, Role::Callee),
        (Kind::IceCandidate, Role::Caller),
        (Kind::IceCandidate, Role::Callee),
        (Kind::Hangup, Role::Caller),
        (Kind::Hangup, Role::Callee),
        (Kind::MuteChange, Role::Caller),
        (Kind::MuteChange, Role::Callee),
    ])
}

fn json((kind, by): (Kind, Role), text: &str, wrap: Wrap) -> Form {
    Form::Json {
        kind,
        by,
        text: Text::of(text),
        wrap,
    }
}

/// Members in another order, with white space where JSON allows it.
pub(super) fn orders() -> impl Strategy<Value = Form> {
    let blank = select(vec!["", "", " ", "\n", "\t", "  \n\t", "\r\n"]);
    (kinds(), blank).prop_flat_map(|(who, blank)| {
        Just(parts(who.0, who.1)).prop_shuffle().prop_map(move |parts| {
            let text = format!("{blank}{}{blank}", object(&parts, blank));
            json(who, &text, Wrap::Escaped)
        })
    })
}

/// Whole numbers in every spelling that JSON has for them.
pub(super) fn numbers() -> impl Strategy<Value = Form> {
    let zero = vec!["0", "-0", "0.0", "0e0", "0E+5", "0.000e-3", "-0.0e9"];
    let one = vec!["1", "1.0", "1e0", "10e-1", "0.1E1", "100e-2"];
    let spelled = |who: (Kind, Role), payload: String| {
        let mut parts = parts(who.0, who.1);
        if let Some(last) = parts.last_mut() {
            last.1 = payload;
        }
        json(who, &object(&parts, ""), Wrap::Escaped)
    };
    let durations = select([zero.clone(), one].concat()).prop_map(move |number| {
        let payload = format!("{{\"reason\":\"completed\",\"duration\":{number}}}");
        spelled((Kind::Hangup, Role::Callee), payload)
    });
    let sections = select(zero).prop_map(move |number| {
        let mut members: Vec<(String, String)> = usual(Kind::IceCandidate, Role::Caller)
            .into_iter()
            .map(|(name, value)| (name, value.to_string()))
            .collect();
        members.retain(|(name, _)| name != "sdpMLineIndex");
        members.push(("sdpMLineIndex".to_owned(), number.to_owned()));
        spelled((Kind::IceCandidate, Role::Caller), object(&members, ""))
    });
    prop_oneof![durations, sections]
}

/// JSON escapes, in texts and in names.
pub(super) fn escapes() -> impl Strategy<Value = Form> {
    let escape = |c: char, how: u8| -> String {
        let mut units = [0_u16; 2];
        let units = c.encode_utf16(&mut units).iter();
        match (how, c) {
            (0, _) => units.map(|unit| format!("\\u{unit:04x}")).collect(),
            (1, _) => units.map(|unit| format!("\\u{unit:04X}")).collect(),
            (_, '/' | '"' | '\\') => format!("\\{c}"),
            (_, '\n') => "\\n".to_owned(),
            (_, c) if c < ' ' => format!("\\u{:04x}", u32::from(c)),
            (_, c) => c.to_string(),
        }
    };
    let characters = vec![
        'A',
        'z',
        '/',
        '"',
        '\\',
        '\n',
        '\u{1}',
        '\u{1f}',
        '<',
        '&',
        'é',
        '\u{2028}',
        '漢',
        '😀',
        '\u{10fffd}',
    ];
    vec((select(characters), 0_u8..3), 1..10).prop_map(move |all| {
        let name: String = all.into_iter().map(|(c, how)| escape(c, how)).collect();
        let mut parts = parts(Kind::Initiate, Role::Caller);
        if let Some(last) = parts.last_mut() {
            last.1 = format!("{{\"c\\u0061llerName\":\"{name}x\"}}");
        }
        json((Kind::Initiate, Role::Caller), &object(&parts, ""), Wrap::Escaped)
    })
}

/// One text in every way that XML has of writing it.
pub(super) fn writings() -> impl Strategy<Value = Form> {
    (
        kinds(),
        text(),
        select(vec![Wrap::Cdata, Wrap::References, Wrap::Escaped]),
    )
        .prop_map(|((kind, by), name, wrap)| {
            let mut parts = parts(kind, by);
            if kind == Kind::Initiate
                && let Some(last) = parts.last_mut()
            {
                let name = serde_json::Value::String(name.sample());
                last.1 = format!("{{\"callerName\":{name}}}");
            }
            json((kind, by), &object(&parts, ""), wrap)
        })
}
