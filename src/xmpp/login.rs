//! From an address to a bound session: upgrade, SASL, resource.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sasl::client::mechanisms::{Anonymous, Plain, Scram};
use sasl::common::scram::{Sha1, Sha256};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{self};
use url::Url;

use super::websocket::{Incoming, Io, Reader, Writer, split};
use super::{ConnectError, tls};
use crate::stanza::{CLIENT, FRAMING, IqType, SASL, STREAM, Stanza, escape};

/// A text that no formatter prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A SASL mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    ScramSha256,
    ScramSha1,
    Plain,
    Anonymous,
}

impl Mechanism {
    pub const DEFAULT: [Mechanism; 3] = [Mechanism::ScramSha256, Mechanism::ScramSha1, Mechanism::Plain];

    pub const fn name(self) -> &'static str {
        match self {
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha1 => "SCRAM-SHA-1",
            Mechanism::Plain => "PLAIN",
            Mechanism::Anonymous => "ANONYMOUS",
        }
    }

    pub fn from_name(name: &str) -> Option<Mechanism> {
        use Mechanism::{Anonymous, Plain, ScramSha1, ScramSha256};
        [ScramSha256, ScramSha1, Plain, Anonymous]
            .into_iter()
            .find(|mechanism| mechanism.name() == name)
    }
}

/// Where and how to connect.
#[derive(Debug, Clone)]
pub struct Dial {
    pub url: Url,
    pub domain: String,
    /// A private CA's certificates, PEM; `None`: the system's roots.
    pub ca: Option<PathBuf>,
    /// Name and value of a cookie for the upgrade request.
    pub cookie: Option<(String, Secret)>,
    /// In order of preference.
    pub sasl: Vec<Mechanism>,
    /// For everything up to the bound session.
    pub deadline: Duration,
}

/// Who logs in.
#[derive(Debug, Clone)]
pub struct Login {
    /// The bare JID.
    pub jid: String,
    pub password: Option<Secret>,
    pub resource: Option<String>,
}

/// A bound session.
pub struct Session {
    /// The full JID that the server gave.
    pub jid: String,
    pub reader: Reader,
    pub writer: Writer,
}

/// Opens the connection that `dial` names, and logs in.
pub async fn connect(dial: &Dial, login: &Login) -> Result<Session, ConnectError> {
    let stage = Stage::new("the connection");
    let work = async {
        let host = dial
            .url
            .host_str()
            .ok_or_else(|| ConnectError::Address("the URL names no host".into()))?;
        let port = dial.url.port_or_known_default().unwrap_or(443);
        let address = format!("{host}:{port}");
        let unreachable = |error: std::io::Error| ConnectError::Unreachable {
            address: address.clone(),
            why: error.to_string(),
        };
        let stream = TcpStream::connect((host.trim_matches(['[', ']']), port))
            .await
            .map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let io: Box<dyn Io> = match dial.url.scheme() {
            "wss" => {
                stage.set("TLS");
                Box::new(tls::wrap(stream, host, dial.ca.as_deref()).await?)
            }
            _ => Box::new(stream),
        };
        log_in(io, dial, login, &stage).await
    };
    within(dial, &stage, work).await
}

/// Logs in over a connection that is there already.
pub async fn connect_over(io: Box<dyn Io>, dial: &Dial, login: &Login) -> Result<Session, ConnectError> {
    let stage = Stage::new("the connection");
    within(dial, &stage, log_in(io, dial, login, &stage)).await
}

/// How far a login has come, for the sentence that a deadline needs.
struct Stage(std::sync::Mutex<&'static str>);

impl Stage {
    fn new(stage: &'static str) -> Stage {
        Stage(std::sync::Mutex::new(stage))
    }

    fn set(&self, stage: &'static str) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = stage;
    }

    fn get(&self) -> &'static str {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

async fn within(
    dial: &Dial,
    stage: &Stage,
    work: impl Future<Output = Result<Session, ConnectError>>,
) -> Result<Session, ConnectError> {
    match tokio::time::timeout(dial.deadline, work).await {
        Ok(result) => result,
        Err(_) => Err(ConnectError::Deadline {
            stage: stage.get(),
            seconds: dial.deadline.as_secs_f64(),
        }),
    }
}

async fn log_in(io: Box<dyn Io>, dial: &Dial, login: &Login, stage: &Stage) -> Result<Session, ConnectError> {
    stage.set("the WebSocket upgrade");
    let mut request = dial
        .url
        .as_str()
        .into_client_request()
        .map_err(|error| ConnectError::Address(error.to_string()))?;
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", HeaderValue::from_static("xmpp"));
    if let Some((name, token)) = &dial.cookie {
        let value = HeaderValue::from_str(&format!("{name}={}", token.expose()));
        let mut value =
            value.map_err(|_| ConnectError::Address("the token cannot stand in a cookie".into()))?;
        value.set_sensitive(true);
        request.headers_mut().insert("Cookie", value);
    }
    let upgraded = tokio_tungstenite::client_async(request, io).await;
    let (socket, _) = upgraded.map_err(|error| match error {
        tungstenite::Error::Http(response) => ConnectError::Upgrade {
            status: response.status().as_u16(),
        },
        tungstenite::Error::Protocol(tungstenite::error::ProtocolError::SecWebSocketSubProtocolError(_)) => {
            ConnectError::SubProtocol
        }
        tungstenite::Error::Io(error) => ConnectError::Ended {
            stage: "upgrading to WebSocket",
            how: error.to_string(),
        },
        other => ConnectError::Garbage {
            stage: "upgrading to WebSocket",
            seen: other.to_string(),
        },
    })?;
    let (reader, writer) = split(socket);
    let mut stream = Opening {
        reader,
        writer,
        stage,
    };

    let features = stream.open(&dial.domain, "opening the stream").await?;
    stage.set("SASL");
    stream.authenticate(dial, login, &features).await?;
    stream
        .open(&dial.domain, "opening the stream after login")
        .await?;
    stage.set("resource binding");
    let jid = stream.bind(login).await?;
    Ok(Session {
        jid,
        reader: stream.reader,
        writer: stream.writer,
    })
}

struct Opening<'a> {
    reader: Reader,
    writer: Writer,
    stage: &'a Stage,
}

impl Opening<'_> {
    async fn open(&mut self, domain: &str, stage: &'static str) -> Result<Stanza, ConnectError> {
        self.stage.set(stage);
        self.write(&format!(
            r#"<open xmlns="{FRAMING}" to="{}" version="1.0"/>"#,
            escape(domain)
        ))
        .await?;
        loop {
            let element = self.read().await?;
            if element.is("features", STREAM) {
                return Ok(element);
            }
            if !element.is("open", FRAMING) {
                return Err(self.garbage(element.raw()));
            }
        }
    }

    async fn authenticate(
        &mut self,
        dial: &Dial,
        login: &Login,
        features: &Stanza,
    ) -> Result<(), ConnectError> {
        let offered: Vec<String> = features
            .element()
            .get_child("mechanisms", SASL)
            .map(|list| list.children().map(minidom::Element::text).collect())
            .unwrap_or_default();
        let usable = |mechanism: &&Mechanism| offered.iter().any(|name| name == mechanism.name());
        let Some(&chosen) = dial.sasl.iter().find(usable) else {
            let wanted = dial.sasl.iter().map(|mechanism| mechanism.name()).collect();
            return Err(ConnectError::NoMechanism { offered, wanted });
        };
        let user = login.jid.split('@').next().unwrap_or_default().to_owned();
        let password = login
            .password
            .as_ref()
            .map(|secret| secret.expose().to_owned())
            .unwrap_or_default();
        let refused = |condition: String| ConnectError::Refused {
            jid: login.jid.clone(),
            mechanism: chosen.name(),
            condition,
        };
        let broken = |_| refused("a nonce could not be made".into());
        let mut mechanism: Box<dyn sasl::client::Mechanism + Send> = match chosen {
            Mechanism::ScramSha256 => Box::new(
                Scram::<Sha256>::new(user, password, sasl::common::ChannelBinding::None).map_err(broken)?,
            ),
            Mechanism::ScramSha1 => Box::new(
                Scram::<Sha1>::new(user, password, sasl::common::ChannelBinding::None).map_err(broken)?,
            ),
            Mechanism::Plain => Box::new(Plain::new(user, password)),
            Mechanism::Anonymous => Box::new(Anonymous::new()),
        };
        let initial = BASE64_STANDARD.encode(mechanism.initial());
        let initial = if initial.is_empty() {
            "=".to_owned()
        } else {
            initial
        };
        self.write(&format!(
            r#"<auth xmlns="{SASL}" mechanism="{}">{initial}</auth>"#,
            chosen.name()
        ))
        .await?;
        loop {
            let element = self.read().await?;
            let data = BASE64_STANDARD
                .decode(element.element().text().trim())
                .unwrap_or_default();
            match element.element().name() {
                "challenge" => {
                    let answer = mechanism
                        .response(&data)
                        .map_err(|error| refused(error.to_string()))?;
                    let answer = BASE64_STANDARD.encode(answer);
                    self.write(&format!(r#"<response xmlns="{SASL}">{answer}</response>"#))
                        .await?;
                }
                "success" => {
                    return mechanism
                        .success(&data)
                        .map_err(|error| refused(format!("the server's proof is wrong: {error}")));
                }
                "failure" => {
                    let condition = element
                        .element()
                        .children()
                        .map(minidom::Element::name)
                        .find(|name| *name != "text");
                    return Err(refused(condition.unwrap_or("failure").to_owned()));
                }
                _ => return Err(self.garbage("an element that has no place in SASL")),
            }
        }
    }

    async fn bind(&mut self, login: &Login) -> Result<String, ConnectError> {
        let wish = login
            .resource
            .as_deref()
            .map(|resource| format!("<resource>{}</resource>", escape(resource)));
        self.write(&format!(
            r#"<iq xmlns="{CLIENT}" type="set" id="bind"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind">{}</bind></iq>"#,
            wish.unwrap_or_default()
        ))
        .await?;
        loop {
            let element = self.read().await?;
            match element.iq_type() {
                Some(IqType::Result) if element.id() == Some("bind") => {
                    let ns = "urn:ietf:params:xml:ns:xmpp-bind";
                    let jid = element
                        .element()
                        .get_child("bind", ns)
                        .and_then(|bind| bind.get_child("jid", ns));
                    let jid = jid.map(minidom::Element::text).filter(|jid| jid.contains('/'));
                    return jid.ok_or(ConnectError::Bind {
                        condition: "no full JID came".into(),
                    });
                }
                Some(IqType::Error) if element.id() == Some("bind") => {
                    let condition = element.error_condition().unwrap_or("error").to_owned();
                    return Err(ConnectError::Bind { condition });
                }
                // Whatever else a server says at this point disturbs nothing.
                _ => {}
            }
        }
    }

    async fn write(&mut self, raw: &str) -> Result<(), ConnectError> {
        let stage = self.stage.get();
        self.writer.send(raw).await.map_err(|error| ConnectError::Ended {
            stage,
            how: error.to_string(),
        })
    }

    async fn read(&mut self) -> Result<Stanza, ConnectError> {
        let stage = self.stage.get();
        match self.reader.next().await {
            Incoming::Element(element) if element.is("error", STREAM) => {
                let condition = element
                    .error_condition()
                    .unwrap_or("undefined-condition")
                    .to_owned();
                Err(ConnectError::StreamError { stage, condition })
            }
            Incoming::Element(element) => Ok(element),
            Incoming::Broken { raw, .. } => Err(self.garbage(&raw)),
            Incoming::StreamClosed => Err(ConnectError::Ended {
                stage,
                how: "the server closed the stream".into(),
            }),
            Incoming::Ended(how) => Err(ConnectError::Ended { stage, how }),
        }
    }

    fn garbage(&self, seen: &str) -> ConnectError {
        let short: String = seen.chars().take(60).collect();
        ConnectError::Garbage {
            stage: self.stage.get(),
            seen: format!("{short:?}"),
        }
    }
}
