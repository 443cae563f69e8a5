//! What no library would send: JSON that is none or says a thing twice, elements that are odd, XML that is refused.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::data::{Bit, Text, Wrap};
use super::shape::Form;
use super::valid::{kinds, object, parts};
use crate::protocol::{Kind, Role};

/// The sorts that need a connection of their own, on which nothing else can be said.
pub(super) const LINES: [&str; 2] = ["restricted XML", "malformed XML"];

fn json((kind, by): (Kind, Role), text: &str) -> Form {
    Form::Json {
        kind,
        by,
        text: Text::of(text),
        wrap: Wrap::Escaped,
    }
}

/// A signal's text with one thing wrong in it, so that it is no JSON any more.
pub(super) fn broken() -> impl Strategy<Value = Form> {
    (kinds(), 0..12_usize, any::<Index>()).prop_map(|(who, how, at)| {
        let text = object(&parts(who.0, who.1), "");
        let marks: Vec<usize> = text
            .char_indices()
            .filter(|(_, c)| "{}:,\"".contains(*c))
            .map(|(at, _)| at)
            .collect();
        let mark = marks.get(at.index(marks.len().max(1))).copied().unwrap_or(0);
        let without = |at: usize| format!("{}{}", &text[..at], &text[at + 1..]);
        let text = match how {
            0 => without(mark),
            1 => text[..mark].to_owned(),
            2 => format!("{text}{text}"),
            3 => format!("{text},"),
            4 => text.replacen("}}", ",}}", 1),
            5 => text.replace('"', "'"),
            6 => format!("\u{feff}{text}"),
            7 => text.replacen("\"type\"", "type", 1),
            8 => text.replacen(':', "=", 1),
            9 => format!("// a note\n{text}"),
            10 => text.replacen("\"call:", "\"\\x63all:", 1),
            _ => text.replacen("\"callId\"", "\"a\":NaN,\"callId\"", 1),
        };
        json(who, &text)
    })
}

/// JSON, but no object of members: a value, a list, nothing.
pub(super) fn values() -> impl Strategy<Value = Form> {
    let texts = vec![
        "",
        " ",
        "null",
        "true",
        "0",
        "-1e9",
        "\"call:initiate\"",
        "[]",
        "{}",
        "[{}]",
        "[[[[[[]]]]]]",
        "{\"a\":{}}",
    ];
    (kinds(), select(texts)).prop_map(|(who, text)| json(who, text))
}

/// A member that stands there more than once, alike or not.
pub(super) fn repeated() -> impl Strategy<Value = Form> {
    let times = prop_oneof![Just(1), 1..40_usize];
    (kinds(), any::<Index>(), 0..3_usize, any::<bool>(), times).prop_map(|(who, which, how, last, times)| {
        let mut parts = parts(who.0, who.1);
        let (name, value) = parts[which.index(parts.len())].clone();
        let other = match how {
            0 => value,
            1 => "null".to_owned(),
            _ => "\"call:hangup\"".to_owned(),
        };
        let at = if last { parts.len() } else { 0 };
        for _ in 0..times {
            parts.insert(at, (name.clone(), other.clone()));
        }
        json(who, &object(&parts, ""))
    })
}

/// Lists and objects in each other, numbers beyond any type, names and texts of a kind that parsers trip over.
pub(super) fn extremes() -> impl Strategy<Value = Form> {
    let around =
        |open: &str, close: &str, times: usize| format!("{}0{}", open.repeat(times), close.repeat(times));
    let value = prop_oneof![
        1 => (1..800_usize).prop_map(move |times| around("{\"a\":", "}", times)),
        3 => select(vec![
            "1e400",
            "1e999",
            "-1e999999",
            "-1e400",
            "1e-400",
            "18446744073709551616",
            "-9223372036854775809",
            "123456789012345678901234567890.5e-7",
            "0.1000000000000000055511151231257827",
        ])
        .prop_map(str::to_owned),
        1 => (1..3_000_usize).prop_map(|times| "9".repeat(times)),
        1 => (1..900_usize).prop_map(|times| format!("[{}0]", "0,".repeat(times))),
    ];
    let value = prop_oneof![
        3 => value.prop_map(Bit::Chars),
        1 => (1..1_500_usize).prop_map(Bit::Lists),
    ];
    (kinds(), value).prop_map(|((kind, by), value)| {
        let whole = object(&parts(kind, by), "");
        let mut text = Text::of(&format!("{},\"x-more\":", &whole[..whole.len() - 1]));
        text.0.extend([value, Bit::Chars("}".to_owned())]);
        Form::Json {
            kind,
            by,
            text,
            wrap: Wrap::Escaped,
        }
    })
}

/// Elements about the signal that are not what they should be, and one that only looks so.
pub(super) fn elements() -> impl Strategy<Value = Form> {
    let set = |inner: &str| format!("<iq xmlns='jabber:client' type='set' id='odd' to='«to»'>{inner}</iq>");
    let initiate = crate::stanza::escape(&object(&parts(Kind::Initiate, Role::Caller), ""));
    let call = format!("<call xmlns='urn:xmpp:call:0'>{initiate}</call>");
    let stanzas = vec![
        set(&format!("<call xmlns='urn:xmpp:call:1'>{initiate}</call>")),
        set(&format!("<call>{initiate}</call>")),
        set(&format!("<Call xmlns='urn:xmpp:call:0'>{initiate}</Call>")),
        set(&format!("<x xmlns='urn:example:x'>{call}</x>")),
        set("<call xmlns='urn:xmpp:call:0'/>"),
        set("<call xmlns='urn:xmpp:call:0'><json xmlns='urn:xmpp:json:0'>{}</json></call>"),
        set(&format!("<call xmlns='urn:xmpp:call:0'><b>{initiate}</b></call>")),
        set(&format!("<call xmlns='urn:xmpp:call:0'>{initiate}<b/></call>")),
        format!(
            "<message xmlns='jabber:client' type='chat' id='odd' to='«to»'><body>call</body>{call}</message>"
        ),
        format!("<message xmlns='jabber:client' type='headline' id='odd' to='«to»'>{call}</message>"),
    ];
    select(stanzas).prop_map(|xml| Form::Stanza { xml: Text::of(&xml) })
}

/// Several calls, or something beside one, in one iq.
pub(super) fn several() -> impl Strategy<Value = Form> {
    let call = |kind, by| {
        let text = crate::stanza::escape(&object(&parts(kind, by), ""));
        format!("<call xmlns='urn:xmpp:call:0'>{text}</call>")
    };
    let one = call(Kind::Initiate, Role::Caller);
    let inner = vec![
        one.repeat(2),
        one.repeat(3),
        format!("{one}{}", call(Kind::Hangup, Role::Caller)),
        format!("{one}<query xmlns='jabber:iq:version'/>"),
        format!("<query xmlns='jabber:iq:version'/>{one}"),
        format!("{one}<call xmlns='urn:xmpp:call:1'/>"),
    ];
    select(inner).prop_map(|inner| {
        let xml = format!("<iq xmlns='jabber:client' type='set' id='odd' to='«to»'>{inner}</iq>");
        Form::Stanza { xml: Text::of(&xml) }
    })
}

/// XML that XMPP forbids (RFC 6120 §11.1).
pub(super) fn restricted() -> impl Strategy<Value = Form> {
    line(
        "RB-01",
        vec![
            "<message xmlns='jabber:client' to='«own»' id='odd'><!-- hidden --><body>seen</body></message>",
            "<message xmlns='jabber:client' to='«own»' id='odd'><body>se<!---->en</body></message>",
            "<message xmlns='jabber:client' to='«own»' id='odd'><?target data?><body>seen</body></message>",
            "<message xmlns='jabber:client' to='«own»' id='odd'><body>&nbsp;</body></message>",
            "<message xmlns='jabber:client' to='«own»' id='&xxe;'><body>seen</body></message>",
            "<!DOCTYPE m [<!ENTITY e 'expanded'>]><message xmlns='jabber:client' to='«own»' id='odd'><body>&e;</body></message>",
            "<!DOCTYPE m SYSTEM 'file:///etc/passwd'><message xmlns='jabber:client' to='«own»'><body>seen</body></message>",
        ],
    )
}

/// XML that is not well-formed (RFC 6120 §4.9.3.13).
pub(super) fn malformed() -> impl Strategy<Value = Form> {
    line(
        "RB-02",
        vec![
            "<message xmlns='jabber:client' to='«own»' id='odd'><body>a < b</body></message>",
            "<message xmlns='jabber:client' to='«own»' id='odd'><body>a & b</body></message>",
            "<message xmlns='jabber:client' to='«own»' id='odd'><body>crossed</message></body>",
            "<message xmlns='jabber:client' to='«own»' to='«own»'/>",
            "<message xmlns='jabber:client' to='«own»' id=odd><body>bare</body></message>",
            "<message xmlns='jabber:client' to='«own»' id='odd'><body>&#1;</body></message>",
            "<message xmlns='jabber:client' to='«own»' id='odd'><body>&#xD800;</body></message>",
            "<message xmlns='jabber:client' to='«own»' id='odd'><x:body>unbound</x:body></message>",
            "<message xmlns='jabber:client' to='«own»' id='<'><body>seen</body></message>",
            "</message>",
        ],
    )
}

fn line(rule: &'static str, texts: Vec<&'static str>) -> impl Strategy<Value = Form> {
    select(texts).prop_map(move |xml| Form::Line {
        xml: Text::of(xml),
        rule,
    })
}
