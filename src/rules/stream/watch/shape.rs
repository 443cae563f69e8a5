//! The form of what a server says on a line: upgrade, opening, messages, end.

use super::super::frame::{Flaw, flaw, is_ill_formed};
use super::super::line::Line;
use crate::rules::{Finding, Record};
use crate::stanza::{FRAMING, Stanza};
use crate::transcript::Event;

/// The answer to an upgrade (RFC 7395 §3.1).
pub(super) fn confirmed(line: &Line, event: &Event, said: Option<&str>, record: &mut Record) {
    let asked = line.offered.iter().any(|name| name == "xmpp");
    let fits = match said {
        Some(name) => asked && name.trim() == "xmpp",
        None => !asked,
    };
    if fits {
        record.held("TR-01");
        return;
    }
    let seen = match said {
        Some(name) => format!("Sec-WebSocket-Protocol: {name}"),
        None => "no Sec-WebSocket-Protocol".to_owned(),
    };
    let found = if asked {
        Finding::of_server(
            "TR-01",
            "The upgrade succeeded, but its answer does not confirm the sub-protocol.".into(),
            "Sec-WebSocket-Protocol: xmpp",
            seen,
            vec![event.n],
        )
    } else {
        Finding::of_server(
            "TR-01",
            "The answer to an upgrade names a sub-protocol that was not offered.".into(),
            "a refusal, or no sub-protocol",
            seen,
            vec![event.n],
        )
    };
    record.broken(found);
}

pub(super) fn without_tls(event: &Event, what: &str) -> Finding {
    Finding::of_server(
        "TR-07",
        "The server goes on without TLS, although its profile says that it demands it.".into(),
        "no upgrade, and no login before TLS",
        format!("{what} without TLS"),
        vec![event.n],
    )
}

/// What may not stand on a WebSocket (RFC 6455 §5).
pub(super) fn misframed(event: &Event, why: &str) -> Finding {
    Finding::of_server(
        "TR-11",
        format!("{} received {why}, and no client reads on after that.", event.who),
        "unmasked frames of known kinds, in order, and texts in UTF-8",
        why.to_owned(),
        vec![event.n],
    )
}

/// The form of a message (RFC 7395 §3.3.3).
pub(super) fn formed(event: &Event, text: &str, record: &mut Record) {
    let found = match flaw(text) {
        None => {
            record.held("TR-03");
            record.held("TR-04");
            return;
        }
        Some(Flaw::Shape(what)) => Finding::of_server(
            "TR-03",
            format!("{} received {what}.", event.who),
            "exactly one well-formed element",
            event.note.clone().unwrap_or_else(|| what.to_owned()),
            vec![event.n],
        ),
        Some(Flaw::Namespace(what)) => Finding::of_server(
            "TR-04",
            format!("{} received {what}.", event.who),
            "an element that can be read alone",
            what.to_owned(),
            vec![event.n],
        ),
    };
    record.broken(found);
}

/// What stood on a TCP stream and was not read (RFC 6120 §11.1, §11.3, §11.6): whether nobody can read on.
pub(super) fn streamed(event: &Event, text: &str, why: &str, record: &mut Record) -> bool {
    let broken = is_ill_formed(text);
    if broken {
        record.broken(Finding::of_server(
            "TR-10",
            format!("{} received what can stand on no XMPP stream.", event.who),
            "well-formed XML in UTF-8, without comments, processing instructions and entities of its own",
            why.to_owned(),
            vec![event.n],
        ));
    }
    broken
}

/// The first answer to `<open/>` (RFC 7395 §3.4, RFC 6120 §4.7).
pub(super) fn opened(
    line: &mut Line,
    event: &Event,
    opening: u64,
    stanza: &Stanza,
    domains: &[String],
    record: &mut Record,
) {
    // Another address is named without an opening (RFC 7395 §3.6.1).
    if stanza.is("close", FRAMING) && stanza.attr("see-other-uri").is_some() {
        return;
    }
    let mut wrong = Vec::new();
    if stanza.is("open", FRAMING) {
        line.opened = true;
        match stanza.from().map(str::to_lowercase) {
            None => wrong.push("no `from`".to_owned()),
            Some(from) if !domains.contains(&from) && !domains.is_empty() => {
                // A server that is asked for a domain it does not serve may name any of its own.
                if !line.ids.is_empty() {
                    wrong.push(format!("from='{from}'"));
                }
            }
            Some(_) => {}
        }
        match stanza.id() {
            None | Some("") => wrong.push("no `id`".to_owned()),
            Some(id) if !line.ids.insert(id.to_owned()) => wrong.push(format!("the id `{id}` again")),
            Some(_) => {}
        }
        match stanza.attr("version") {
            Some("1.0") => {}
            Some(other) => wrong.push(format!("version='{other}'")),
            None => wrong.push("no `version`".to_owned()),
        }
    } else {
        let element = stanza.element();
        wrong.push(format!("<{}/> of {}", element.name(), element.ns()));
    }
    if wrong.is_empty() {
        record.held("TR-02");
        return;
    }
    record.broken(Finding::of_server(
        "TR-02",
        "The server does not answer an `<open/>` with one of its own as it has to be.".into(),
        "<open/> of urn:ietf:params:xml:ns:xmpp-framing, with the domain as `from`, a fresh `id` and version 1.0",
        wrong.join(", "),
        vec![opening, event.n],
    ));
}

/// The server has begun to end a line, with `<close/>`, a close frame or no word at all. Whatever comes later, a fault
/// was to be named before (RFC 7395 §3.5), so that this does not hang on how soon the rest of the end comes.
pub(super) fn named(line: &mut Line, event: &Event, record: &mut Record) {
    if !line.web || line.broke_frames || !line.opened {
        return;
    }
    let code = line.their_close_frame.and_then(|(_, code)| code);
    // A message that is too large for a WebSocket ends it below the stream.
    let too_big = line.their_close.is_none() && code == Some(1009);
    let sooner = |fault: u64, close: Option<u64>| close.is_none_or(|close| close > fault);
    let owed = |fault: &u64| !too_big && sooner(*fault, line.our_close) && sooner(*fault, line.their_close);
    let Some(fault) = line.fault.filter(owed) else {
        return;
    };
    if std::mem::replace(&mut line.named, true) {
        return;
    }
    if line.their_error.is_some() {
        record.held("TR-09");
        return;
    }
    let seen = match (line.their_close, code) {
        (Some(_), _) => "<close/> alone".to_owned(),
        (None, Some(code)) => format!("a close frame {code} without <close/>"),
        (None, None) if line.their_close_frame.is_some() => "a close frame without <close/>".into(),
        (None, None) => "the end of the connection".into(),
    };
    record.broken(Finding::of_server(
        "TR-09",
        "The stream ended after a fault without a stream error that says what was wrong.".into(),
        "<stream:error/> in a frame of its own, then <close/>",
        seen,
        vec![fault, event.n],
    ));
}

/// How the line came to its end (RFC 7395 §3.5, §3.6).
pub(super) fn ended(line: &Line, event: &Event, record: &mut Record) {
    if !line.web || line.broke_frames {
        return;
    }
    let ours = line.our_close.is_some();
    // Whoever refuses a login may go without a word about the stream; whoever was left without one too.
    if line.refused && !ours && line.their_error.is_none() {
        return;
    }
    let left_by_us = line.our_close_frame.is_some() && !ours && line.their_close_frame.is_none();
    if !line.opened || left_by_us || (line.fault.is_some() && line.their_error.is_none()) {
        return;
    }
    if !(ours || line.their_error.is_some() || line.their_close.is_some()) {
        return;
    }
    if line.their_close.is_some() && line.their_close_frame.is_some() {
        record.held("TR-05");
        return;
    }
    if line.their_close.is_some() && line.our_close_frame.is_none() && ours {
        // The handshake was ours to begin, and we have not begun it.
        return;
    }
    let first = line.our_close.or(line.their_error).or(line.their_close);
    record.broken(Finding::of_server(
        "TR-05",
        "The stream did not end as a stream over WebSocket has to.".into(),
        "<close/>, and then a close frame",
        end_words(line),
        [first, Some(event.n)].into_iter().flatten().collect(),
    ));
}

fn end_words(line: &Line) -> String {
    match (line.their_close, line.their_close_frame) {
        (Some(_), Some((_, Some(code)))) => format!("<close/> and a close frame {code}"),
        (Some(_), Some(_)) => "<close/> and a close frame".into(),
        (Some(_), None) => "<close/>, and the end of the connection without a close frame".into(),
        (None, Some((_, Some(code)))) => format!("a close frame {code} without <close/>"),
        (None, Some(_)) => "a close frame without <close/>".into(),
        (None, None) => "the end of the connection".into(),
    }
}
