//! What a line of a log begins, by who has printed it:
//!
//! - Prosody with `mod_stanza_debug`: `Nov 24 08:29:27 c2s56086a53ffe0 debug RECV: <iq …>`, `SEND: <iq …>`, with tabs
//! - ejabberd at `debug`: `2026-11-24 08:29:56.908+00:00 [notice] <0.489.0> (tcp|<0.488.0>) Received XML on stream =
//!   <<"<iq …>">>`, `Send XML on stream = <<"…">>`
//! - Strophe's `rawInput` and `rawOutput`: `RECV: <iq …>`, `SENT: <iq …>`, as slixmpp prints them too
//! - `@xmpp/debug` of xmpp.js: `IN`, and the stanza below; older ones: `⮈ <iq …>`, `⮊ <iq …>`
//! - Converse.js: `DEBUG: <iq …>`, the way by colour (`darkgoldenrod` in, `darkcyan` out) or not at all
//! - Gajim's XML console: `<!-- Incoming Tue Nov 24 08:29:27 2026 (account) -->` and the stanza below
//! - nbxmpp, Gajim's library: `2026-11-24T08:29:27 (I) nbxmpp.connection | ::::: DATA RECEIVED ::::` and below what came
//!   in one read: several stanzas, or a part of one

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::super::frame::{Frame, Way, What};
use super::super::har::goes_on;
use super::super::printed::{nbxmpp, xmpp_js};
use super::super::stamp::{Stamp, stamp};
use super::super::{Sought, around};
use super::erlang::erlang;

// Nearly every line is searched for each of them.
static DEBUG: Sought = LazyLock::new(|| Finder::new("debug\t"));
static DISCONNECTED: Sought = LazyLock::new(|| Finder::new("\tClient disconnected"));
static CLOSING: Sought = LazyLock::new(|| Finder::new(" Closing c2s session for "));
static STREAM: LazyLock<[(Finder<'static>, Way); 2]> = LazyLock::new(|| {
    [
        (Finder::new(" Received XML on stream = "), Way::Out),
        (Finder::new(" Send XML on stream = "), Way::In),
    ]
});
static MARKS: LazyLock<[(Finder<'static>, Way); 4]> = LazyLock::new(|| {
    [
        (Finder::new("RECV"), Way::In),
        (Finder::new("RECEIVED"), Way::In),
        (Finder::new("SENT"), Way::Out),
        (Finder::new("SEND"), Way::Out),
    ]
});

/// Elements that begin a piece of a stream.
const ELEMENTS: [&str; 30] = [
    "iq",
    "message",
    "presence",
    "open",
    "close",
    "auth",
    "challenge",
    "response",
    "success",
    "failure",
    "abort",
    "authenticate",
    "stream:features",
    "features",
    "stream:stream",
    "stream:error",
    "?xml",
    "/stream:stream",
    "r",
    "a",
    "enable",
    "enabled",
    "resume",
    "resumed",
    "failed",
    "starttls",
    "proceed",
    "body",
    "handshake",
    "active",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Style {
    Prosody,
    Ejabberd,
    Gajim,
    Nbxmpp,
    XmppJs,
    Strophe,
    Converse,
    Plain,
}

impl Style {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Style::Prosody => "a Prosody log (stanza_debug)",
            Style::Ejabberd => "an ejabberd log (debug)",
            Style::Gajim => "Gajim's XML console",
            Style::Nbxmpp => "a Gajim log (nbxmpp)",
            Style::XmppJs => "a log of xmpp.js (@xmpp/debug)",
            Style::Strophe => "a Strophe log (RECV, SENT)",
            Style::Converse => "a Converse.js log",
            Style::Plain => "raw XMPP, a stanza a line",
        }
    }
}

/// A line that begins a frame.
pub(super) struct Begun {
    pub(super) style: Style,
    pub(super) frame: Frame,
    /// What came before its time of day was known to wrap.
    pub(super) stamp: Option<Stamp>,
}

/// What this line begins, if it begins anything.
pub(super) fn begin(text: &str, line: u64) -> Option<Begun> {
    let frame = |conn: &str, way, what| Frame {
        line,
        conn: conn.into(),
        at: f64::NAN,
        wall: None,
        way,
        own: None,
        what,
    };
    let begun = |style, frame, stamp| Some(Begun { style, frame, stamp });
    let server = prosody(text).map(|said| (Style::Prosody, said));
    let server = server.or_else(|| Some((Style::Ejabberd, ejabberd(text)?)));
    if let Some((style, Said { head, passed })) = server {
        let (conn, way, what) = passed?;
        return begun(style, frame(conn, way, what), stamp(head));
    }
    if let Some(comment) = text.trim_start().strip_prefix("<!-- ") {
        let (date, conn, way, xml) = gajim(comment)?;
        let xml = What::Text(xml.to_owned());
        return begun(Style::Gajim, frame(conn, Some(way), xml), stamp(date));
    }
    if let Some((head, conn, way)) = nbxmpp(text) {
        let below = What::Text(String::new());
        return begun(Style::Nbxmpp, frame(conn, Some(way), below), stamp(head));
    }
    if let Some((head, way, xml)) = strophe(text) {
        let xml = What::Text(xml.to_owned());
        return begun(Style::Strophe, frame("", Some(way), xml), stamp(head));
    }
    if let Some((head, way, xml)) = xmpp_js(text) {
        let xml = What::Text(xml.to_owned());
        return begun(Style::XmppJs, frame("", Some(way), xml), stamp(head));
    }
    let (style, head, way, xml) = plain(text)?;
    begun(style, frame("", way, What::Text(xml.to_owned())), stamp(head))
}

/// What a server's line says.
struct Said<'a> {
    /// What stands before it.
    head: &'a str,
    /// The connection, the way and what passed; `None`: it is nothing of a client's, or cannot be read.
    passed: Option<(&'a str, Option<Way>, What)>,
}

fn prosody(text: &str) -> Option<Said<'_>> {
    let of_client = |conn: &&str| conn.starts_with("c2s");
    if let Some((head, rest)) = around(text, &DEBUG) {
        let received = rest.strip_prefix("RECV: ").map(|xml| (Way::Out, xml));
        let said = received.or_else(|| Some((Way::In, rest.strip_prefix("SEND: ")?)));
        if let Some((way, xml)) = said {
            let conn = head.split_whitespace().next_back().unwrap_or_default();
            let conn = Some(conn.trim_end_matches("debug")).filter(of_client);
            let passed = conn.map(|conn| (conn, Some(way), What::Text(xml.to_owned())));
            return Some(Said { head, passed });
        }
    }
    let (head, _) = around(text, &DISCONNECTED)?;
    let conn = head.trim_end_matches("info").split_whitespace().next_back();
    let over = What::Over("the server lost the client".into());
    let passed = conn.filter(of_client).map(|conn| (conn, None, over));
    Some(Said { head, passed })
}

fn ejabberd(text: &str) -> Option<Said<'_>> {
    for (mark, way) in &*STREAM {
        if let Some((head, term)) = around(text, mark) {
            let xml = ejabberd_conn(head).and_then(|conn| Some((conn, erlang(term)?)));
            let passed = xml.map(|(conn, xml)| (conn, Some(*way), What::Text(xml)));
            return Some(Said { head, passed });
        }
    }
    let (head, _) = around(text, &CLOSING)?;
    let over = What::Over("the server closed the session".into());
    let passed = ejabberd_conn(head).map(|conn| (conn, None, over));
    Some(Said { head, passed })
}

/// What stands in the last brackets: `(tcp|<0.488.0>)`.
fn ejabberd_conn(head: &str) -> Option<&str> {
    let (_, conn) = head.rsplit_once('(')?;
    conn.contains('|').then(|| conn.trim_end_matches(')'))
}

/// The date, the account, the way and what follows in the line, of a comment that begins after its `<!-- `.
fn gajim(comment: &str) -> Option<(&str, &str, Way, &str)> {
    let (kind, rest) = comment.split_once(' ')?;
    let way = match kind {
        "In" | "Incoming" => Way::In,
        "Out" | "Outgoing" => Way::Out,
        _ => return None,
    };
    let (head, xml) = rest.split_once("-->")?;
    let (date, conn) = head.rsplit_once('(').unwrap_or((head, ""));
    Some((date, conn.trim_end().trim_end_matches(')'), way, xml))
}

/// `RECV: <iq …>`, `SENT\t<iq …>`, `[chat RECV]: <iq …>`.
fn strophe(text: &str) -> Option<(&str, Way, &str)> {
    MARKS.iter().find_map(|(mark, way)| {
        let (head, rest) = around(text, mark)?;
        let xml = rest.trim_start_matches([']', ':', ' ', '\t']);
        let apart = !head.ends_with(|c: char| c.is_alphanumeric()) && xml.len() < rest.len();
        (apart && xml.starts_with('<')).then_some((head, *way, xml))
    })
}

/// A stanza in a line of its own, after whatever the console puts before it.
fn plain(text: &str) -> Option<(Style, &str, Option<Way>, &str)> {
    // Prosody's other lines speak of stanzas; they are none.
    let of_prosody = |head: &str| {
        ["debug", "info", "warn", "error"]
            .iter()
            .any(|level| head.ends_with(level))
    };
    if text
        .match_indices('\t')
        .any(|(at, _)| text.get(..at).is_some_and(of_prosody))
    {
        return None;
    }
    let at = text.match_indices('<').map(|(at, _)| at).find(|at| {
        let rest = text.get(at + 1..).unwrap_or_default();
        let end = rest.find([' ', '>', '/', '\t']).filter(|end| *end > 0);
        let name = match end {
            Some(end) => rest.get(..end),
            // A closing tag's name begins with its slash.
            None => rest
                .strip_prefix('/')
                .and_then(|r| r.split('>').next())
                .map(|_| "/stream:stream"),
        };
        name.is_some_and(|name| ELEMENTS.contains(&name))
            && (rest.starts_with("/stream:stream") || name != Some("/stream:stream"))
    })?;
    let (head, rest) = text.split_at_checked(at)?;
    let (xml, tail) = upto_its_end(rest);
    let way = colour(head).or_else(|| colour(tail));
    let converse = way.is_some() || head.contains("DEBUG:") || head.contains("converse");
    let style = if converse { Style::Converse } else { Style::Plain };
    // Prose that mentions a stanza is no stanza, nor is one that a library quotes in the middle of its words.
    let quoted = head.ends_with(['"', '\'', '`', '=']);
    (!quoted).then_some((style, head, way, xml))
}

/// A stanza, and what a console puts behind it. Of one that goes on in the next line everything is its own.
pub(super) fn upto_its_end(text: &str) -> (&str, &str) {
    let end = text.rfind('>').map_or(text.len(), |end| end + 1);
    match text.split_at_checked(end) {
        Some((xml, tail)) if !goes_on(xml) => (xml, tail),
        _ => (text, ""),
    }
}

/// The way that Converse.js tells by a colour.
pub(super) fn colour(beside: &str) -> Option<Way> {
    match beside {
        _ if beside.contains("darkgoldenrod") => Some(Way::In),
        _ if beside.contains("darkcyan") => Some(Way::Out),
        _ => None,
    }
}
