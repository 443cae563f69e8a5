//! From an address to a bound session: upgrade, SASL, resource.

mod registration;
mod stage;
#[cfg(test)]
mod tests;

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sasl::client::mechanisms::{Anonymous, Plain, Scram};
use sasl::common::scram::{Sha1, Sha256};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use uuid::Uuid;
use xmpp_parsers::bind::BindQuery;
use xmpp_parsers::ns::BIND;

use super::dial::{Dial, Login, Mechanism};
use super::error::{ConnectError, Said, Unheard, Words};
use super::framing::{Incoming, Pong, Reader, Writer, split_tcp, split_web};
use super::leg::lead;
use super::socket::{Cut, Io, READ_AT_ONCE};
use super::upgrade::{self, Flaw, Unanswered};
use crate::stanza::{CLIENT, FRAMING, IqType, SASL, STREAM, Stanza, bare, escape, resource};
use stage::{Stage, within};

pub use registration::{register, unregister};

/// Hashing that takes seconds, which nothing can break off; what servers want is a hundredth of it.
const MOST_ROUNDS: u64 = 5_000_000;

const UPGRADE: &str = "the WebSocket upgrade";

/// What a ping asks (RFC 6455 §5.5.2): an answer that says the same is an answer to it.
const QUESTION: &str = "opened?";

/// A bound session.
pub struct Session {
    /// The full JID that the server gave.
    pub jid: String,
    /// How it logged in.
    pub mechanism: Mechanism,
    pub reader: Reader,
    pub writer: Writer,
}

/// Opens the connection that `dial` names, and logs in.
pub async fn connect(dial: &Dial, login: &Login) -> Result<Session, ConnectError> {
    let stage = Stage::new("the connection");
    let work = async {
        let stream = reach(dial, &stage).await?;
        log_in(stream, dial, login, &stage).await
    };
    within(dial.deadline, &stage, work).await
}

/// Logs in over a connection that is there already, in memory: over WebSocket, or over TCP framing without TLS where
/// the URL says `xmpp`.
pub async fn connect_over(io: Box<dyn Io>, dial: &Dial, login: &Login) -> Result<Session, ConnectError> {
    let stage = Stage::new("the connection");
    let work = async {
        let parts = if dial.url.scheme() == "xmpp" {
            split_tcp(io, Cut::default())
        } else {
            upgrade(io, dial, Cut::default(), &stage).await?
        };
        log_in(parts, dial, login, &stage).await
    };
    within(dial.deadline, &stage, work).await
}

/// The two halves of a connection that is ready for a stream.
async fn reach(dial: &Dial, stage: &Stage) -> Result<(Reader, Writer), ConnectError> {
    let cut = Cut::default();
    let io = lead(dial, &dial.domain, &cut, &mut |name| stage.set(name)).await?;
    match dial.url.scheme() {
        "xmpp" | "xmpps" => Ok(split_tcp(io, cut)),
        _ => upgrade(io, dial, cut, stage).await,
    }
}

async fn upgrade(
    mut io: Box<dyn Io>,
    dial: &Dial,
    cut: Cut,
    stage: &Stage,
) -> Result<(Reader, Writer), ConnectError> {
    stage.set(UPGRADE);
    if let Some((_, token)) = &dial.cookie
        && HeaderValue::from_str(token.expose()).is_err()
    {
        return Err(ConnectError::Address("the token cannot stand in a cookie".into()));
    }
    let key = Uuid::new_v4().into_bytes();
    let (request, _) = upgrade::request(dial, key, &["xmpp".to_owned()], &[]);
    let garbage = |seen: String| ConnectError::Garbage {
        stage: UPGRADE,
        seen: Words(seen),
    };
    let answer = upgrade::ask(&mut io, &request).await.map_err(|why| match why {
        Unanswered::Ended(how) => ConnectError::Ended { stage: UPGRADE, how },
        Unanswered::NoHttp(seen) => garbage(seen),
    })?;
    let wants = answer.header("WWW-Authenticate").unwrap_or_default();
    if answer.status == 401
        && wants
            .get(..5)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic"))
    {
        return Err(ConnectError::Basic);
    }
    if answer.status != 101 {
        let moved = (300..400).contains(&answer.status);
        return Err(ConnectError::Upgrade {
            status: answer.status,
            elsewhere: answer.header("Location").filter(|_| moved).map(Words),
        });
    }
    answer.agrees(key).map_err(|flaw| match flaw {
        Flaw::SubProtocol => ConnectError::SubProtocol,
        Flaw::Handshake(what) => garbage(what.to_owned()),
    })?;
    let config = WebSocketConfig::default().read_buffer_size(READ_AT_ONCE);
    let socket = WebSocketStream::from_partially_read(io, answer.rest, Role::Client, Some(config)).await;
    Ok(split_web(socket, cut))
}

async fn log_in(
    (reader, writer): (Reader, Writer),
    dial: &Dial,
    login: &Login,
    stage: &Stage,
) -> Result<Session, ConnectError> {
    let mut stream = Opening {
        reader,
        writer,
        stage,
    };

    let features = stream.open(dial, "the opening of the stream").await?;
    stage.set("SASL");
    let mechanism = stream.authenticate(dial, login, &features).await?;
    stream.reader.restart();
    stream.open(dial, "the opening of the stream after login").await?;
    stage.set("resource binding");
    let jid = stream.bind(login).await?;
    Ok(Session {
        jid,
        mechanism,
        reader: stream.reader,
        writer: stream.writer,
    })
}

/// Another way to log in, of which nothing is said here (XEP-0388).
const SASL2: &str = "urn:xmpp:sasl:2";

struct Opening<'a> {
    reader: Reader,
    writer: Writer,
    stage: &'a Stage,
}

impl Opening<'_> {
    async fn open(&mut self, dial: &Dial, stage: &'static str) -> Result<Stanza, ConnectError> {
        self.stage.set(stage);
        let to = escape(&dial.domain);
        let open = if self.writer.is_web() {
            format!(r#"<open xmlns="{FRAMING}" to="{to}" version="1.0"/>"#)
        } else {
            format!(
                r#"<?xml version="1.0"?><stream:stream xmlns="{CLIENT}" xmlns:stream="{STREAM}" to="{to}" version="1.0">"#
            )
        };
        self.write(&open).await?;
        let mut said = self.first(dial.deadline / 2).await?;
        loop {
            let Some(element) = said else {
                said = self.read().await?;
                continue;
            };
            if element.is("features", STREAM) {
                return Ok(element);
            }
            if !element.is("open", FRAMING) {
                return Err(self.garbage(element.raw()));
            }
            said = self.read().await?;
        }
    }

    /// The first thing that is said on a stream. Who is silent for so long is asked by a ping whether it is there: if
    /// the `<open/>` was lost on the way or by the server itself is told apart by the answer. Over TLS, who has lost some
    /// of what came cannot decrypt what comes next.
    async fn first(&mut self, patience: Duration) -> Result<Option<Stanza>, ConnectError> {
        let incoming = match tokio::time::timeout(patience, self.reader.next()).await {
            Ok(incoming) => incoming,
            Err(_) => {
                let asked = self.writer.ping(QUESTION).await;
                asked.map_err(|error| self.ended(&error))?;
                loop {
                    match self.reader.next_or_pong().await {
                        Ok(incoming) => {
                            if matches!(&incoming, Incoming::Ended(end) if end.undecrypted) {
                                self.stage.hear(Some(Unheard::Undecrypted));
                            }
                            break incoming;
                        }
                        Err(Pong(answer)) if answer == QUESTION => {
                            self.stage.hear(Some(Unheard::Answered));
                        }
                        // Nobody asked for it (RFC 6455 §5.5.3).
                        Err(Pong(_)) => {}
                    }
                }
            }
        };
        let said = self.take(incoming);
        // Who closes has not answered.
        if said.is_ok() {
            self.stage.hear(None);
        }
        said
    }

    async fn authenticate(
        &mut self,
        dial: &Dial,
        login: &Login,
        features: &Stanza,
    ) -> Result<Mechanism, ConnectError> {
        let offered = mechanisms(features);
        let usable = |mechanism: &&Mechanism| offered.iter().any(|name| name == mechanism.name());
        let Some(&chosen) = dial.sasl.iter().find(usable) else {
            let wanted = dial.sasl.iter().map(|mechanism| mechanism.name()).collect();
            let mut children = features.element().children();
            let sasl2 = children.any(|child| child.is("authentication", SASL2));
            return Err(ConnectError::NoMechanism {
                offered,
                wanted,
                sasl2,
            });
        };
        let refused = |condition: String| ConnectError::Refused {
            jid: login.jid.clone(),
            mechanism: chosen.name(),
            condition,
        };
        let conversation = conversation(chosen, login);
        let mut mechanism = conversation.ok_or_else(|| refused("a nonce could not be made".into()))?;
        let initial = BASE64_STANDARD.encode(mechanism.initial());
        // RFC 6120 §6.4.2: an empty initial response is a single equals sign.
        let initial = if initial.is_empty() { "=" } else { &initial };
        self.write(&format!(
            r#"<auth xmlns="{SASL}" mechanism="{}">{initial}</auth>"#,
            chosen.name()
        ))
        .await?;
        let mut proven = false;
        loop {
            let Some(element) = self.read().await? else {
                continue;
            };
            if !element.element().has_ns(SASL) {
                return Err(self.garbage("an element that has no place in SASL"));
            }
            match element.element().name() {
                "challenge" => {
                    let challenge = self.data(&element)?;
                    let rounds = rounds(&challenge);
                    let answer =
                        if !proven && challenge.starts_with(b"v=") && mechanism.success(&challenge).is_ok() {
                            // Its proof may come ahead of the success, and has an empty response (RFC 4422 §3.6).
                            proven = true;
                            Vec::new()
                        } else if rounds > MOST_ROUNDS {
                            return Err(self.garbage(&format!("a challenge with {rounds} rounds of hashing")));
                        } else {
                            let answer = mechanism.response(&challenge);
                            answer.map_err(|error| refused(error.to_string()))?
                        };
                    let answer = BASE64_STANDARD.encode(answer);
                    self.write(&format!(r#"<response xmlns="{SASL}">{answer}</response>"#))
                        .await?;
                }
                "success" => {
                    let data = self.data(&element)?;
                    if proven && data.is_empty() {
                        return Ok(chosen);
                    }
                    return mechanism
                        .success(&data)
                        .map(|()| chosen)
                        .map_err(|error| refused(format!("the server's proof is wrong: {error}")));
                }
                "failure" => {
                    let conditions = element.element().children().map(minidom::Element::name);
                    let condition = conditions.into_iter().find(|name| *name != "text");
                    return Err(refused(condition.unwrap_or("failure").to_owned()));
                }
                _ => return Err(self.garbage("an element that has no place in SASL")),
            }
        }
    }

    /// What a SASL element says (RFC 6120 §6.4.2): nothing at all may be written as a single equals sign (§6.4.6).
    fn data(&self, element: &Stanza) -> Result<Vec<u8>, ConnectError> {
        let text: String = element.element().text().split_ascii_whitespace().collect();
        let text = if text == "=" { "" } else { text.as_str() };
        let data = BASE64_STANDARD.decode(text);
        data.map_err(|_| self.garbage("SASL data that is no Base64"))
    }

    async fn bind(&mut self, login: &Login) -> Result<String, ConnectError> {
        self.write(&bind(login.resource.as_deref())).await?;
        loop {
            let Some(element) = self.read().await? else {
                continue;
            };
            match element.iq_type() {
                Some(IqType::Result) if element.id() == Some("bind") => {
                    let bound = element.element().get_child("bind", BIND);
                    let jid = bound.and_then(|bound| bound.get_child("jid", BIND));
                    let jid = jid.map(|jid| jid.text().trim().to_owned());
                    // Which characters a JID may have is the server's to know: there are always newer ones.
                    let full = jid.filter(|jid| {
                        !bare(jid).is_empty() && resource(jid).is_some_and(|it| !it.is_empty())
                    });
                    return full.ok_or(ConnectError::Bind(Said {
                        condition: "no full JID came".into(),
                        words: None,
                    }));
                }
                Some(IqType::Error) if element.id() == Some("bind") => {
                    return Err(ConnectError::Bind(Said::of(&element, "error")));
                }
                // Whatever else a server says at this point disturbs nothing.
                _ => {}
            }
        }
    }

    async fn write(&mut self, raw: &str) -> Result<(), ConnectError> {
        let sent = self.writer.send(raw).await;
        sent.map_err(|error| self.ended(&error))
    }

    fn ended(&self, error: &std::io::Error) -> ConnectError {
        ConnectError::Ended {
            stage: self.stage.get(),
            how: error.to_string(),
        }
    }

    async fn read(&mut self) -> Result<Option<Stanza>, ConnectError> {
        let incoming = self.reader.next().await;
        self.take(incoming)
    }

    fn take(&self, incoming: Incoming) -> Result<Option<Stanza>, ConnectError> {
        let stage = self.stage.get();
        self.stage.moves();
        match incoming {
            Incoming::Element(element) if element.is("error", STREAM) => {
                let said = Said::of(&element, "undefined-condition");
                Err(ConnectError::StreamError { stage, said })
            }
            Incoming::Element(element) => Ok(Some(element)),
            // What it says of itself is read for what follows it.
            Incoming::Header(_) => Ok(None),
            Incoming::Broken { raw, .. } | Incoming::Misframed(raw) => Err(self.garbage(&raw)),
            Incoming::StreamClosed {
                elsewhere: Some(there),
            } => Err(ConnectError::Elsewhere {
                stage,
                there: Words(there),
            }),
            Incoming::StreamClosed { elsewhere: None } => Err(ConnectError::Ended {
                stage,
                how: "the server closed the stream".into(),
            }),
            Incoming::Ended(end) => Err(ConnectError::Ended { stage, how: end.how }),
        }
    }

    fn garbage(&self, seen: &str) -> ConnectError {
        ConnectError::Garbage {
            stage: self.stage.get(),
            seen: Words(seen.to_owned()),
        }
    }
}

/// The mechanisms that a server offers (RFC 6120 §6.3.3), whatever else it says of them and beside them.
pub(super) fn mechanisms(features: &Stanza) -> Vec<String> {
    let lists = features.element().children();
    let lists = lists.filter(|child| child.is("mechanisms", SASL));
    lists
        .flat_map(minidom::Element::children)
        .filter(|child| child.is("mechanism", SASL))
        .map(|mechanism| mechanism.text().trim().to_owned())
        .collect()
}

/// Asks for a resource; without a wish the server makes one (RFC 6120 §7.6).
pub(super) fn bind(wish: Option<&str>) -> String {
    let query = minidom::Element::from(BindQuery::new(wish.map(str::to_owned)));
    let query = String::from(&query);
    format!(r#"<iq xmlns="{CLIENT}" type="set" id="bind">{query}</iq>"#)
}

/// How often a SCRAM challenge wants the password hashed (RFC 5802 §5.1).
fn rounds(challenge: &[u8]) -> u64 {
    let told = challenge.split(|byte| *byte == b',');
    let told = told.filter_map(|part| part.strip_prefix(b"i="));
    let told = told.filter_map(|count| std::str::from_utf8(count).ok()?.parse().ok());
    told.max().unwrap_or_default()
}

/// The client's side of an exchange by this mechanism; `None`: there is no randomness for a nonce.
fn conversation(mechanism: Mechanism, login: &Login) -> Option<Box<dyn sasl::client::Mechanism + Send>> {
    let user = login.jid.split('@').next().unwrap_or_default();
    let user = match mechanism {
        // Between commas and equals signs its name would end (RFC 5802 §5.1).
        Mechanism::ScramSha256 | Mechanism::ScramSha1 => user.replace('=', "=3D").replace(',', "=2C"),
        Mechanism::Plain | Mechanism::Anonymous => user.to_owned(),
    };
    let password = login.password.as_ref();
    let password = password
        .map(|secret| secret.expose().to_owned())
        .unwrap_or_default();
    let unbound = sasl::common::ChannelBinding::None;
    Some(match mechanism {
        Mechanism::ScramSha256 => Box::new(Scram::<Sha256>::new(user, password, unbound).ok()?),
        Mechanism::ScramSha1 => Box::new(Scram::<Sha1>::new(user, password, unbound).ok()?),
        Mechanism::Plain => Box::new(Plain::new(user, password)),
        Mechanism::Anonymous => Box::new(Anonymous::new()),
    })
}
