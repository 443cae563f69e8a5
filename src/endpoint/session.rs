//! One client's stream, from its opening to its end, whatever carries it.

mod entry;
mod served;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use super::Endpoint;
use super::fault::Slip;
use super::fault::slip::{self, Slips};
use super::framing::{Header, Incoming, Reader, Wire, Writer, accept, closing, opening};
use super::gate::Shown;
use super::login::{Login, mechanisms};
use super::outbox::Outbox;
use crate::stanza::{CLIENT, SASL, STREAM, STREAM_ERRORS, Stanza};
use crate::xmpp::Limits;

/// The usual limit of stock servers, in bytes.
const STANZA_LIMIT: u64 = 262_144;
/// Far deeper than anything that is meant well.
const DEEPEST: usize = 64;
const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// From which connection on a server that runs out of room serves nobody.
const EXHAUSTED: u64 = 60;
/// From how many elements of one stream on a flood holds up the others.
const FLOOD: u32 = 300;
/// When a server that cuts off expired sessions does so.
const EXPIRY: Duration = Duration::from_millis(2_500);
/// How long a client has for taking its leave.
const GRACE: Duration = Duration::from_secs(2);

struct Session {
    endpoint: Endpoint,
    out: Arc<Outbox>,
    serial: u64,
    web: bool,
    /// The server has opened its side of the stream.
    opened: bool,
    login: Login,
    /// What was shown: nobody but the user whom it names logs in here (RFC 8725 §3.8).
    shown: Option<Shown>,
    /// Elements that have come in.
    counted: u32,
    /// The user's bare JID, once authenticated.
    user: Option<String>,
    /// The full JID, once bound.
    jid: Option<String>,
}

/// Why a session is over.
#[derive(Debug)]
enum Over {
    /// Close the stream with this stream error (RFC 6120 §4.9.3).
    StreamError(&'static str),
    /// Close it without.
    Lawfully,
    /// End the WebSocket with this code: no stream can be spoken on it any more.
    Failed(u16),
    /// The client has closed the connection beneath its stream, and gets its answer.
    Left,
    /// The connection is gone.
    Gone,
}

/// Serves one connection to its end.
pub async fn run(endpoint: Endpoint, io: Box<dyn Wire>) {
    let limit = endpoint.config().profile.stanza_limit.unwrap_or(STANZA_LIMIT);
    let limits = Limits {
        largest: usize::try_from(limit).unwrap_or(usize::MAX),
        deepest: DEEPEST,
    };
    let serial = endpoint.serial();
    let out = Arc::new(Outbox::new(endpoint.config().backlog));
    endpoint.came(serial, &out);
    let gate = endpoint.config().gate.as_ref();
    let gate = gate.map(|gate| (gate, endpoint.wall()));
    let accepted = tokio::select! {
        biased;
        _ = out.ended() => None,
        accepted = accept(io, limits, gate, endpoint.slips()) => accepted,
    };
    // A server that has run out of room for connections takes them and says nothing.
    let accepted = accepted.filter(|_| !(endpoint.slip(Slip::ConnectionsExhaust) && serial > EXHAUSTED));
    if let Some((mut reader, mut writer, shown)) = accepted {
        let session = Session {
            endpoint: endpoint.clone(),
            out,
            serial,
            web: writer.is_web(),
            opened: false,
            login: Login::new(),
            shown,
            counted: 0,
            user: None,
            jid: None,
        };
        session.run(&mut reader, &mut writer).await;
    }
    endpoint.went(serial);
}

impl Session {
    async fn run(mut self, reader: &mut Reader, writer: &mut Writer) {
        let out = Arc::clone(&self.out);
        let over = {
            let slips = self.endpoint.slips().clone();
            let mut writing = pin!(write(&out, writer, &slips));
            let over = tokio::select! {
                biased;
                over = self.live(reader) => over,
                _ = &mut writing => Over::Gone,
            };
            if let Some(jid) = &self.jid {
                self.endpoint
                    .stand_up(jid, self.serial, matches!(over, Over::Gone));
            }
            if matches!(over, Over::Gone) || self.endpoint.slip(Slip::CloseUnsaid) && self.web {
                return;
            }
            let words = match over {
                Over::Failed(_) | Over::Left => Vec::new(),
                _ => self.last_words(&over),
            };
            self.out.finish(words);
            // Whoever does not read has no right to keep the connection.
            match tokio::time::timeout(GRACE, writing).await {
                Ok(Ok(())) => over,
                _ => Over::Gone,
            }
        };
        let code = match over {
            Over::Gone => return,
            _ if self.web && self.endpoint.slip(Slip::HandshakeUnsaid) => return,
            Over::Failed(code) => code,
            _ => 1000,
        };
        // The answer to a close is the library's, and goes out as soon as it reads on.
        if matches!(over, Over::Left) || writer.shut(code).await.is_ok() {
            // The peer's own end follows; what it still says before is read and dropped.
            let _ = tokio::time::timeout(GRACE, reader.drain()).await;
        }
    }

    fn last_words(&self, over: &Over) -> Vec<String> {
        let mut words = Vec::new();
        // RFC 6120 §4.9.1.2: an error, too, stands in an open stream.
        if !self.opened {
            words.push(self.opening());
        }
        let unsaid = self.web && self.endpoint.slip(Slip::ErrorUnsaid);
        if let Over::StreamError(condition) = over
            && !unsaid
        {
            words.push(format!(
                r#"<stream:error xmlns:stream="{STREAM}"><{condition} xmlns="{STREAM_ERRORS}"/></stream:error>"#
            ));
        }
        words.push(closing(self.web));
        words
    }

    fn opening(&self) -> String {
        let id = format!("{:08x}", self.endpoint.serial());
        let text = opening(self.web, &self.endpoint.config().domain, &id);
        if self.web {
            slip::opening(&text, self.endpoint.slips()).unwrap_or_default()
        } else {
            text
        }
    }

    async fn live(&mut self, reader: &mut Reader) -> Over {
        let expires = tokio::time::sleep(EXPIRY);
        let mut expires = pin!(expires);
        let cuts = self.shown.is_some() && self.endpoint.slip(Slip::ExpiryCuts);
        loop {
            let incoming = tokio::select! {
                biased;
                condition = self.out.ended() => return Over::StreamError(condition),
                () = &mut expires, if cuts => return Over::Gone,
                incoming = reader.next() => incoming,
            };
            if self.slipped(&incoming) {
                if matches!(incoming, Incoming::Fail(_)) {
                    // There is nothing to read on, and nobody is told.
                    return Over::StreamError(self.out.ended().await);
                }
                continue;
            }
            let done = match incoming {
                Incoming::Gone => Err(Over::Gone),
                Incoming::Leaving => Err(Over::Left),
                Incoming::Fail(code) => Err(Over::Failed(code)),
                Incoming::Close => Err(Over::Lawfully),
                Incoming::Flaw(condition) => Err(Over::StreamError(condition)),
                Incoming::Open(header) => self.open(&header),
                Incoming::Element(stanza) => self.element(&stanza),
            };
            match done {
                Err(over) => return over,
                Ok(Then::Restart) => reader.restart(),
                Ok(Then::On) => {}
            }
            // One client that always has more to say leaves the others their turn.
            tokio::task::consume_budget().await;
        }
    }

    /// Whether what came in is met with silence; what it does to others is done.
    fn slipped(&mut self, incoming: &Incoming) -> bool {
        let has = |slip| self.endpoint.slip(slip);
        if self.endpoint.slips().is_empty() {
            return false;
        }
        match incoming {
            Incoming::Open(_) => self.web && has(Slip::OpenIgnored),
            Incoming::Close => has(Slip::CloseIgnored),
            Incoming::Fail(_) => has(Slip::FragmentsIgnored),
            Incoming::Flaw(condition) => {
                let (ignored, fatal) = match *condition {
                    "bad-format" => (has(Slip::BinaryIgnored), false),
                    "restricted-xml" => (has(Slip::RestrictedIgnored), false),
                    "policy-violation" => (has(Slip::OversizeIgnored), has(Slip::OversizeHitsOthers)),
                    _ => (has(Slip::MalformedIgnored), has(Slip::MalformedHitsOthers)),
                };
                if fatal {
                    self.endpoint.crash();
                }
                ignored
            }
            Incoming::Element(stanza) => {
                self.counted += 1;
                if self.counted > FLOOD
                    && has(Slip::FloodStarves)
                    && let Some(faults) = &mut self.endpoint.registry().faults
                {
                    faults.flooded();
                }
                let text = stanza.call_text().unwrap_or_default();
                if slip::is_fatal(&text, self.endpoint.slips()) {
                    self.endpoint.crash();
                    return true;
                }
                false
            }
            _ => false,
        }
    }

    /// Past its room the outbox ends the session by itself.
    fn say(&self, text: String) -> Result<Then, Over> {
        self.out.push(text);
        Ok(Then::On)
    }

    fn open(&mut self, header: &Header) -> Result<Then, Over> {
        if self.opened {
            return Err(Over::StreamError("bad-format"));
        }
        self.opened = true;
        let config = self.endpoint.config();
        let opening = self.opening();
        let joined = self.web && self.endpoint.slip(Slip::TwoInAFrame);
        if !joined && !opening.is_empty() {
            self.out.push(opening.clone());
        }
        if header.foreign {
            return Err(Over::StreamError("invalid-namespace"));
        }
        // RFC 6120 §4.7.5: before 1.0 there were no features.
        let major = header.version.as_deref().and_then(|v| v.split('.').next());
        if major.and_then(|major| major.parse::<u32>().ok()).unwrap_or(0) < 1 {
            return Err(Over::StreamError("unsupported-version"));
        }
        if !self.web && config.gate.is_some() {
            // There is no cookie that a token could stand in.
            return Err(Over::StreamError("policy-violation"));
        }
        if header
            .to
            .as_ref()
            .is_some_and(|to| to.to_lowercase() != config.domain)
        {
            return Err(Over::StreamError("host-unknown"));
        }
        let features = match self.user {
            None => {
                let names = mechanisms(&config.accounts).iter();
                let names: String = names
                    .map(|name| format!("<mechanism>{name}</mechanism>"))
                    .collect();
                format!(r#"<mechanisms xmlns="{SASL}">{names}</mechanisms>"#)
            }
            Some(_) => format!(r#"<bind xmlns="{BIND}"/>"#),
        };
        let before = if joined { opening } else { String::new() };
        self.say(format!(
            r#"{before}<stream:features xmlns:stream="{STREAM}" xmlns="{CLIENT}">{features}</stream:features>"#
        ))
    }

    fn element(&mut self, stanza: &Stanza) -> Result<Then, Over> {
        let known = stanza.is_iq() || stanza.is_message() || stanza.is_presence();
        if !self.opened {
            let namespace = stanza.element().name() == "open" || stanza.element().name() == "stream";
            return Err(Over::StreamError(match () {
                () if namespace => "invalid-namespace",
                () if known => "not-authorized",
                () => "bad-format",
            }));
        }
        let Some(user) = self.user.clone() else {
            if known && self.endpoint.slip(Slip::EarlyRouted) {
                self.endpoint
                    .route(&format!("nobody@{}/early", self.endpoint.config().domain), stanza);
                return Ok(Then::On);
            }
            return if stanza.element().has_ns(SASL) {
                self.sasl(stanza)
            } else {
                Err(Over::StreamError("not-authorized"))
            };
        };
        if !known {
            let foreign = ["iq", "message", "presence"].contains(&stanza.element().name());
            return Err(Over::StreamError(match () {
                () if foreign => "invalid-namespace",
                () if stanza.element().has_ns(SASL) => "policy-violation",
                () => "unsupported-stanza-type",
            }));
        }
        let Some(jid) = self.jid.clone() else {
            if stanza.is_message() && self.endpoint.slip(Slip::UnboundRouted) {
                self.endpoint.route(&format!("{user}/unbound"), stanza);
                return Ok(Then::On);
            }
            return self.bind(stanza, &user);
        };
        self.stanza(stanza, &user, &jid)
    }
}

/// What the reader has to do after an element.
#[derive(Debug)]
enum Then {
    On,
    Restart,
}

async fn write(out: &Outbox, writer: &mut Writer, slips: &Slips) -> std::io::Result<()> {
    while let Some(text) = out.next().await {
        if slips.is_empty() || !writer.is_web() {
            writer.send(text).await?;
            continue;
        }
        for frame in slip::frames(text, slips) {
            writer.send(frame).await?;
        }
    }
    Ok(())
}
