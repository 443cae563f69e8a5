//! Follows each raw line, and who is bound where.

mod shape;

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Family, Finding, Record, Seen};
use super::frame::is_fault;
use super::line::Line;
use crate::stanza::{FRAMING, SASL, STREAM, Stanza};
use crate::transcript::{Dir, Event, Header, Opcode, Wire};

use shape::{confirmed, ended, formed, misframed, named, opened, streamed, without_tls};

/// A stanza above this size may be refused below the stream, by a WebSocket's own limit (RFC 6455 §7.4.1, 1009).
const LARGE: usize = 10_000;

/// What has so many tags may be nested deeper than a server's parser follows.
const DEEP: usize = 100;

/// From how many bytes on a stanza is past any usual limit.
const HUGE: usize = 200_000;
/// How soon after something hostile the end of a stream is put down to it, in seconds.
const SOON: f64 = 2.0;
/// Why a server ends a stream, whatever others send (RFC 6120 §4.9.3).
const ON_OTHER_GROUNDS: [&str; 5] = [
    "conflict",
    "connection-timeout",
    "reset",
    "see-other-host",
    "system-shutdown",
];

/// The judge of transport, login and robustness.
pub(in super::super) struct Streams {
    domains: Vec<String>,
    /// Each party's own bare JID.
    users: BTreeMap<String, String>,
    /// The profile says that whoever comes without TLS is refused.
    tls_demanded: bool,
    /// The target is reached over WebSocket, where each text of a session stands alone (RFC 7395 §3.3.3).
    web: bool,
    lines: BTreeMap<String, Line>,
    /// Full JIDs in use, by who is bound to them.
    sessions: BTreeMap<String, String>,
    /// Two are bound to one JID: the older, the JID, the events.
    shared: Option<(String, String, Vec<u64>)>,
    tokens_shown: bool,
    leaked: bool,
    /// What was sent before a resource was bound: by whom, the event, the id. It outlives its line: a server that
    /// ends the line may deliver the stanza all the same.
    early: Vec<(String, u64, String)>,
    early_sent: bool,
    early_seen: bool,
    /// The last thing that was sent to hurt: the rule about it, the event, when, and by whom.
    hostile: Option<(&'static str, u64, f64, String)>,
    /// The id of the IQ that it was in, if it was.
    hostile_id: Option<String>,
    /// Whether the server has refused it, and who got something after that.
    refused: Option<BTreeSet<String>>,
    /// What each session has sent, as far as a server has to be able to read it.
    said: BTreeMap<String, Said>,
    /// The stream error that each session was sent.
    told: BTreeMap<String, String>,
    over: bool,
}

/// What a session has sent.
#[derive(Default)]
struct Said {
    /// Something in it no server has to read on after.
    unsound: bool,
    /// The last stanza that holds a character beyond ASCII.
    beyond: Option<u64>,
}

/// A signal's text that a careless reader of JSON does not survive.
fn is_hostile(text: &str) -> bool {
    const DEEP: usize = 500;
    let deep = text.matches(['[', '{']).count() > DEEP;
    let again = text.matches("\"type\":").count() > 2;
    deep || again || holds_huge_number(text)
}

/// Whether there is a number in the JSON that no double holds: too large, or so small that nothing of it is left.
fn holds_huge_number(text: &str) -> bool {
    let of_number = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
    let is_huge = |number: &str| {
        let digits = number.split(['e', 'E']).next().unwrap_or_default();
        let zero = !digits.contains(|c: char| ('1'..='9').contains(&c));
        let value = number.parse::<f64>();
        value.is_ok_and(|value| value.is_infinite() || (value == 0.0 && !zero))
    };
    let (mut quoted, mut escaped) = (false, false);
    let mut outside = text.split(|c: char| {
        let within = quoted;
        match c {
            _ if std::mem::take(&mut escaped) => {}
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        // A quotation mark parts what is before it from what is in it.
        within || c == '"' || !of_number(c)
    });
    outside.any(is_huge)
}

impl Streams {
    pub(in super::super) fn new(header: &Header) -> Streams {
        let domain = |jid: &str| {
            let bare = crate::stanza::bare(jid);
            bare.rsplit('@').next().unwrap_or_default().to_lowercase()
        };
        Streams {
            domains: header.cast.values().map(|member| domain(&member.jid)).collect(),
            users: header
                .cast
                .iter()
                .map(|(who, member)| (who.clone(), crate::stanza::bare(&member.jid).to_lowercase()))
                .collect(),
            web: ["ws:", "wss:"]
                .iter()
                .any(|scheme| header.target.starts_with(scheme))
                || header.target == "embedded",
            tls_demanded: header.profile.tls_demanded == Some(true),
            lines: BTreeMap::new(),
            sessions: BTreeMap::new(),
            shared: None,
            tokens_shown: false,
            leaked: false,
            early: Vec::new(),
            early_sent: false,
            early_seen: false,
            hostile: None,
            hostile_id: None,
            refused: None,
            said: BTreeMap::new(),
            told: BTreeMap::new(),
            over: false,
        }
    }

    fn sent(&mut self, event: &Event, wire: &Wire) {
        self.tokens_shown |= wire.header("Cookie").is_some();
        let line = self.lines.entry(event.who.clone()).or_default();
        if let Some(names) = wire.header("Sec-WebSocket-Protocol") {
            line.offered = names.split(',').map(|name| name.trim().to_owned()).collect();
        }
        line.broke_frames |= line.breaks_framing(wire);
        if let Wire::Frame {
            opcode: Opcode::Close,
            ..
        } = wire
        {
            line.our_close_frame.get_or_insert(event.n);
        }
        let Some(text) = line.message(true, wire, event.xml.as_deref()) else {
            return;
        };
        let stanza = Stanza::parse(text.as_str()).ok();
        let is = |name: &str, ns: &str| stanza.as_ref().is_some_and(|stanza| stanza.is(name, ns));
        if is("open", FRAMING) {
            // Where the stream has been closed, nothing is opened any more.
            line.opening = Some(event.n).filter(|_| line.our_close.is_none());
        } else if is("close", FRAMING) || text == "</stream:stream>" {
            line.our_close.get_or_insert(event.n);
        } else if line.web && line.our_close.is_none() && text.len() < LARGE && is_fault(&text) {
            line.fault.get_or_insert(event.n);
        }
        let restricted = text.contains("<!") || text.contains("<?");
        let hostile = match () {
            () if text.len() > HUGE => Some("RB-03"),
            () if !is_fault(&text) => None,
            () if restricted => Some("RB-01"),
            () => Some("RB-02"),
        };
        if let Some(rule) = hostile.filter(|_| line.our_close.is_none() && line.bound.is_some()) {
            self.hostile = Some((rule, event.n, event.t, event.who.clone()));
            self.hostile_id = None;
            self.refused = None;
        }
        if let Some(stanza) = &stanza
            && (stanza.is_iq() || stanza.is_message())
            && stanza.to().is_some()
            && let Some(id) = stanza.id()
        {
            if line.bound.is_none() {
                self.early_sent = true;
                self.early.push((event.who.clone(), event.n, id.to_owned()));
            } else {
                // Said again after the login, it may arrive.
                self.early
                    .retain(|(who, _, early)| *who != event.who || early != id);
            }
        }
    }

    fn received(&mut self, event: &Event, wire: &Wire, record: &mut Record) {
        if let Wire::Reached { tls } = wire {
            let line = Line {
                plain: tls.is_none(),
                ..Line::default()
            };
            self.lines.insert(event.who.clone(), line);
        }
        if let Wire::Broken { why } = wire {
            match event.xml.as_deref() {
                None => record.broken(misframed(event, why)),
                // Where no stream has begun, somebody else may listen there.
                Some(text) if self.lines.get(&event.who).is_some_and(|line| line.heard) => {
                    streamed(event, text, why, record);
                }
                Some(_) => {}
            }
            // That it ends then is the reader's doing.
            self.lines.remove(&event.who);
            self.hostile = None;
            return;
        }
        let Some(line) = self.lines.get_mut(&event.who) else {
            return;
        };
        if matches!(wire, Wire::Frame { .. }) {
            record.held("TR-11");
        }
        match wire {
            Wire::Upgraded { status, .. } if *status != 101 && line.plain && self.tls_demanded => {
                record.held("TR-07");
            }
            Wire::Upgraded { status: 101, .. } => {
                line.web = true;
                let said = wire.header("Sec-WebSocket-Protocol");
                confirmed(line, event, said.as_deref(), record);
                if line.plain && self.tls_demanded {
                    record.broken(without_tls(event, "the upgrade succeeded"));
                }
            }
            Wire::Hello {
                version,
                accepted: Some(accepted),
            } => {
                if *accepted {
                    record.broken(Finding::of_server(
                        "TR-07",
                        format!("The server takes TLS {version}."),
                        "TLS 1.2 or newer, and no to anything older",
                        format!("a handshake of TLS {version}"),
                        vec![event.n],
                    ));
                } else {
                    record.held("TR-07");
                }
            }
            Wire::Frame {
                opcode: Opcode::Close,
                code,
                ..
            } => {
                line.their_close_frame.get_or_insert((event.n, *code));
                if !self.over {
                    named(line, event, record);
                }
            }
            Wire::End { .. } => {
                if !self.over {
                    named(line, event, record);
                    ended(line, event, record);
                }
                if line.plain && self.tls_demanded && !line.web && !line.heard {
                    // Who comes without TLS is not even answered.
                    record.held("TR-07");
                }
                self.lines.remove(&event.who);
                self.sessions.remove(&event.who);
                return;
            }
            _ => {}
        }
        let Some(text) = line.message(false, wire, event.xml.as_deref()) else {
            return;
        };
        line.heard = true;
        if line.web {
            formed(event, &text, record);
        }
        let Ok(stanza) = Stanza::parse(text.as_str()) else {
            return;
        };
        line.refused = stanza.is("failure", SASL);
        if stanza.is("features", STREAM) && line.plain && self.tls_demanded {
            if stanza.element().has_child("mechanisms", SASL) {
                record.broken(without_tls(event, "SASL mechanisms are offered"));
            } else {
                record.held("TR-07");
            }
        }
        if line.web
            && let Some(opening) = line.opening.take()
        {
            opened(line, event, opening, &stanza, &self.domains, record);
        }
        if stanza.is("error", STREAM) {
            line.their_error.get_or_insert(event.n);
            if self.hostile.as_ref().is_some_and(|(.., by)| *by == event.who) {
                self.refused.get_or_insert_default();
            }
        } else if stanza.is("close", FRAMING) {
            line.their_close.get_or_insert(event.n);
            if !self.over {
                named(line, event, record);
            }
        }
        let bind = stanza
            .element()
            .get_child("bind", "urn:ietf:params:xml:ns:xmpp-bind");
        let jid = bind.and_then(|bind| bind.children().find(|child| child.name() == "jid"));
        if let Some(jid) = jid.map(minidom::Element::text) {
            line.bound = Some(jid.clone());
            let user = crate::stanza::bare(&jid).to_lowercase();
            let own = self.users.get(&event.who);
            if own.is_some_and(|own| *own != user) && self.users.values().any(|other| *other == user) {
                record.broken(Finding::of_server(
                    "AU-04",
                    format!("{} is bound to an address of another user.", event.who),
                    "an address of its own, or a refusal",
                    jid.clone(),
                    vec![event.n],
                ));
            } else {
                record.held("AU-04");
            }
            let other = self.sessions.iter().find(|(_, known)| **known == jid);
            match other {
                Some((older, _)) => {
                    self.shared = Some((older.clone(), jid.clone(), vec![event.n]));
                }
                None => record.held("AU-08"),
            }
            self.sessions.insert(event.who.clone(), jid);
        }
    }

    /// The stream of somebody else ended just after something was sent to hurt.
    fn felt(&self, event: &Event, record: &mut Record) {
        let Some((rule, n, at, by)) = &self.hostile else {
            return;
        };
        let told = self.told.get(&event.who).map(String::as_str);
        // Whoever sends a signal that nobody can read may be thrown out for it; nobody is to crash.
        let crashed = matches!(told, None | Some("internal-server-error" | "undefined-condition"));
        let own = *by == event.who && (*rule != "RB-04" || !crashed);
        if self.over || own || event.t - at > SOON {
            return;
        }
        let mut found = Finding::of_server(
            rule,
            format!(
                "The stream of {} ended when {by} sent what no server should feel.",
                event.who
            ),
            if *by == event.who {
                "an answer, or a stream error that says what was wrong"
            } else {
                "the end of nobody's stream but the sender's"
            },
            match told {
                Some(condition) => format!("a stream error {condition} for {}", event.who),
                None => format!("the end of the stream of {}", event.who),
            },
            vec![*n, event.n],
        );
        let unhurt = self.refused.iter().flatten().any(|who| *who == event.who);
        found.excuse = match told {
            Some(why) => ON_OTHER_GROUNDS
                .contains(&why)
                .then(|| format!("the server says `{why}`, and may have had that reason just then")),
            // A connection may break by itself.
            None => (*by != event.who && unhurt).then(|| {
                format!(
                    "the server had refused that, and {} still got something after it",
                    event.who
                )
            }),
        };
        record.broken(found);
    }

    /// A server calls what a session has sent no XML.
    fn misread(&self, event: &Event, record: &mut Record) {
        let said = self.said.get(&event.who).filter(|said| !said.unsound);
        if let Some(n) = said.and_then(|said| said.beyond) {
            record.broken(Finding::of_server(
                "RT-14",
                format!(
                    "{} sent nothing but well-formed XML, and the server does not take it for that.",
                    event.who
                ),
                "each character that XML allows is read",
                "the stream error not-well-formed".to_owned(),
                vec![n, event.n],
            ));
        }
    }

    /// A stanza that somebody took in although its sender had no resource yet.
    fn routed(&mut self, event: &Event, stanza: &Stanza, record: &mut Record) {
        let Some(id) = stanza.id() else { return };
        let early = self.early.iter().find(|(_, _, early)| early == id);
        if let Some((who, n, _)) = early {
            self.early_seen = true;
            record.broken(Finding::of_server(
                "AU-06",
                format!(
                    "{} received what {who} had sent without having logged in.",
                    event.who
                ),
                "an error, or the end of the stream",
                format!("delivery of `{id}`"),
                vec![*n, event.n],
            ));
        }
    }
}

impl Family for Streams {
    fn event(&mut self, seen: Seen<'_>, record: &mut Record) {
        let event = seen.event;
        if matches!(event.dir, Dir::Received | Dir::WireReceived)
            && event.secrets.iter().any(|kind| kind == "token")
        {
            self.leaked = true;
            record.broken(Finding::of_server(
                "RB-06",
                format!("{} got its token back from the server.", event.who),
                "nothing of the token, in no stanza, error or header",
                "the token".into(),
                vec![event.n],
            ));
        }
        match event.dir {
            Dir::Connected => {
                self.said.remove(&event.who);
                if let Some(jid) = &event.jid {
                    self.sessions.insert(event.who.clone(), jid.clone());
                }
            }
            Dir::Disconnected | Dir::Cut | Dir::Closed => {
                self.lines.remove(&event.who);
                self.sessions.remove(&event.who);
                if event.dir == Dir::Closed {
                    self.felt(event, record);
                }
                // After the last step everyone goes, and that mends nothing.
                if !self.over
                    && self
                        .shared
                        .as_ref()
                        .is_some_and(|(older, ..)| *older == event.who)
                {
                    self.shared = None;
                    record.held("AU-08");
                }
            }
            Dir::WireSent => {
                self.said.entry(event.who.clone()).or_default().unsound = true;
                if let Some(wire) = &event.wire {
                    self.sent(event, wire);
                }
            }
            Dir::WireReceived => {
                if let Some(wire) = &event.wire {
                    self.received(event, wire, record);
                }
            }
            Dir::Sent => {
                if let Some(text) = event.xml.as_deref() {
                    let said = self.said.entry(event.who.clone()).or_default();
                    let sound = text.len() < LARGE
                        && text.matches('<').count() < DEEP
                        && seen
                            .stanza
                            .is_some_and(|stanza| stanza.is_plain() || !is_fault(text));
                    said.unsound |= !sound;
                    if !text.is_ascii() {
                        said.beyond = Some(event.n);
                    }
                }
                if let Some(text) = seen.stanza.and_then(Stanza::call_text)
                    && is_hostile(&text)
                {
                    self.hostile = Some(("RB-04", event.n, event.t, event.who.clone()));
                    self.hostile_id = seen.stanza.and_then(Stanza::id).map(str::to_owned);
                    self.refused = None;
                }
            }
            Dir::Received => {
                match event.xml.as_deref() {
                    Some(text) if self.web => formed(event, text, record),
                    Some(_) if seen.stanza.is_some() => record.held("TR-10"),
                    Some(text) => {
                        let why = event.note.as_deref().unwrap_or("not XML");
                        if streamed(event, text, why, record) {
                            // That its stream ends then is nobody else's doing.
                            self.hostile = None;
                        }
                    }
                    None => {}
                }
                if let Some(unhurt) = &mut self.refused {
                    unhurt.insert(event.who.clone());
                }
                if let Some(stanza) = seen.stanza {
                    // Once it is answered it has hurt nobody.
                    if self.hostile_id.is_some() && stanza.id() == self.hostile_id.as_deref() {
                        let answered = self.hostile.take_if(|(_, _, _, by)| *by == event.who);
                        self.hostile_id = self.hostile_id.take().filter(|_| answered.is_none());
                    }
                    if stanza.is("error", STREAM) {
                        let condition = stanza.error_condition().unwrap_or_default();
                        self.told.insert(event.who.clone(), condition.to_owned());
                        if condition == "not-well-formed" {
                            self.misread(event, record);
                        }
                    }
                    self.routed(event, stanza, record);
                }
            }
            Dir::Steps => self.over = true,
            _ => {}
        }
    }

    fn finish(&mut self, _at: f64, record: &mut Record) {
        if self.tokens_shown && !self.leaked {
            record.held("RB-06");
        }
        if let (true, Some((older, jid, events))) = (self.over, self.shared.take()) {
            record.broken(Finding::of_server(
                "AU-08",
                format!("Two sessions are bound to {jid} at once: {older} was not ended."),
                "the stream error `conflict` for the older session, another resource, or a refusal",
                "two sessions, one address".into(),
                events,
            ));
        }
        if self.early_sent && !self.early_seen {
            record.held("AU-06");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_huge_number_is_one_that_no_double_holds() {
        for huge in ["[1e999]", "{\"a\":-1E+400}", "[1e-400]", "1e400"] {
            assert!(is_hostile(huge), "{huge}");
        }
        assert!(is_hostile(&format!("[{}]", "9".repeat(400))));
        for (twice, hostile) in [(2, false), (3, true), (4, true)] {
            assert_eq!(is_hostile(&"\"type\":".repeat(twice)), hostile, "{twice} times");
        }
        for (deep, hostile) in [(500, false), (501, true)] {
            assert_eq!(is_hostile(&"[".repeat(deep)), hostile, "{deep} deep");
        }
        for sound in [
            "[1e308, 0e999999, -0.0e-400, 18446744073709551616]",
            "{\"sdp\":\"1e999\",\"a\":\"x\\\"1e999\"}",
            "",
        ] {
            assert!(!is_hostile(sound), "{sound}");
        }
    }
}
