//! What a stanza is called on its arrow, and text from the wire made fit to be looked at.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::Tone;
use crate::protocol::{Act, Decoded, Kind};
use crate::stanza::{IqType, Stanza};

/// A name on an arrow, long and short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label {
    pub tone: Tone,
    pub long: String,
    pub short: String,
}

fn label(tone: Tone, long: impl Into<String>, short: impl Into<String>) -> Label {
    Label {
        tone,
        long: long.into(),
        short: short.into(),
    }
}

/// Text without anything that moves a cursor, hides or turns text around, cut to so many columns.
pub fn plain(text: &str, columns: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    // What is beyond this can't fit, however narrow: no need to measure a stanza of a megabyte.
    let most = columns.saturating_mul(4).saturating_add(8);
    let cut = text.char_indices().nth(most).map_or(text.len(), |(at, _)| at);
    let fits = text.get(..cut).unwrap_or_default();
    let whole = cut == text.len() && shown(fits).map(|(_, width)| width).sum::<usize>() <= columns;
    let room = if whole { columns } else { columns.saturating_sub(1) };
    for (c, width) in shown(fits) {
        if used + width > room {
            break;
        }
        used += width;
        out.push(c);
    }
    if !whole && columns > 0 {
        out.push('…');
    }
    out
}

fn shown(text: &str) -> impl Iterator<Item = (char, usize)> + '_ {
    text.chars().map(|c| {
        let hidden = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
        match c.width() {
            Some(width) if !hidden => (c, width),
            _ => ('\u{fffd}', 1),
        }
    })
}

pub(super) fn columns(text: &str) -> usize {
    text.width()
}

/// The name of a stanza.
pub(super) fn name(stanza: &Stanza, signal: Option<&Decoded>) -> Label {
    if let Some(decoded) = signal {
        return signal_name(decoded);
    }
    if stanza.is_message() {
        let body = stanza.body().unwrap_or_default();
        let text = match (stanza.error_condition(), body.is_empty()) {
            (Some(condition), _) => format!("chat error {condition}"),
            (None, true) => "message".to_owned(),
            (None, false) => format!("chat \"{}\"", plain(&body, 24)),
        };
        return label(Tone::Chat, text, "chat");
    }
    if stanza.is_presence() {
        let kind = stanza.attr("type").map(|kind| format!(" {}", plain(kind, 16)));
        return label(
            Tone::Chat,
            format!("presence{}", kind.unwrap_or_default()),
            "presence",
        );
    }
    match stanza.iq_type() {
        Some(IqType::Result) => label(Tone::Answer, "result", "result"),
        Some(IqType::Error) => {
            let condition = stanza.error_condition().unwrap_or("undefined");
            label(
                Tone::Refusal,
                format!("error {}", plain(condition, 24)),
                plain(condition, 24),
            )
        }
        Some(IqType::Get | IqType::Set) => {
            let child = stanza.element().children().next();
            // Whoever only asks whether the other is there says nothing of a call (XEP-0199).
            let ping = child.is_some_and(|child| child.is("ping", "urn:xmpp:ping"));
            let tone = if ping { Tone::Answer } else { Tone::Other };
            let child = child.map_or("nothing", minidom::Element::name);
            label(tone, format!("iq {}", plain(child, 20)), "iq")
        }
        None => {
            let name = plain(stanza.element().name(), 20);
            label(Tone::Other, format!("<{name}>"), format!("<{name}>"))
        }
    }
}

/// The name of something on the wire that is no XML.
pub(super) fn no_stanza(xml: &str) -> Label {
    label(Tone::Other, plain(xml, 24), plain(xml, 24))
}

fn signal_name(decoded: &Decoded) -> Label {
    let Some(Act {
        kind,
        reason,
        duration,
        muted,
    }) = decoded.act()
    else {
        let named = decoded.facts.value.as_ref().and_then(|value| value.get("type"));
        let text = match named.and_then(serde_json::Value::as_str) {
            Some(text) => plain(text, 24),
            None => "call (unreadable)".to_owned(),
        };
        return label(Tone::Signal, text, "call");
    };
    let name = kind.name();
    let (long, short) = match kind {
        Kind::Hangup => {
            let given = decoded
                .facts
                .value
                .as_ref()
                .and_then(|value| value.pointer("/payload/reason"));
            let odd = || {
                given
                    .and_then(|reason| reason.as_str())
                    .map(|text| plain(text, 16))
            };
            let reason = reason.map(|reason| reason.wire().to_owned()).or_else(odd);
            let long = match (reason, duration) {
                (Some(reason), Some(seconds)) => format!("hangup {reason} {seconds} s"),
                (Some(reason), None) => format!("hangup {reason}"),
                (None, _) => "hangup".to_owned(),
            };
            (long, name)
        }
        Kind::IceCandidate => (format!("ice-candidate {}", candidate(decoded)), "ice"),
        Kind::MuteChange => match muted {
            Some(true) => ("mute-change on".to_owned(), "mute"),
            Some(false) => ("mute-change off".to_owned(), "unmute"),
            None => (name.to_owned(), "mute"),
        },
        _ => (name.to_owned(), name),
    };
    label(Tone::Signal, long.trim_end(), short)
}

/// What kind of candidate it is, in one word.
fn candidate(decoded: &Decoded) -> String {
    let Some(text) = &decoded.facts.candidate else {
        return String::new();
    };
    if text.is_empty() {
        return "end".to_owned();
    }
    let mut words = text.split_ascii_whitespace().skip_while(|word| *word != "typ");
    plain(words.nth(1).unwrap_or_default(), 8)
}
