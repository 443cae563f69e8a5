//! One client's stream, from the upgrade to its end.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::registry::{Word, error};
use super::{Accounts, Endpoint};
use crate::stanza::{CLIENT, FRAMING, IqType, SASL, STREAM, STREAM_ERRORS, Stanza, bare, escape, resource};

/// The usual limit of stock servers.
const STANZA_LIMIT: u64 = 262_144;
const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";

struct Session<S> {
    endpoint: Endpoint,
    socket: WebSocketStream<S>,
    serial: u64,
    /// The user's bare JID, once authenticated.
    user: Option<String>,
    /// The full JID, once bound.
    jid: Option<String>,
    limit: u64,
}

/// Why a session is over.
enum Over {
    /// Close the stream with this stream error.
    StreamError(&'static str),
    /// Close it without.
    Lawfully,
    /// The connection is gone.
    Gone,
}

/// Serves one connection to its end.
pub async fn run(endpoint: Endpoint, io: impl AsyncRead + AsyncWrite + Unpin) {
    let limit = endpoint.config().profile.stanza_limit.unwrap_or(STANZA_LIMIT);
    let room = usize::try_from(limit).unwrap_or(usize::MAX).saturating_mul(2);
    let config = WebSocketConfig::default()
        .max_message_size(Some(room))
        .max_frame_size(Some(room));
    let upgraded = tokio_tungstenite::accept_hdr_async_with_config(io, sub_protocol, Some(config)).await;
    let Ok(socket) = upgraded else { return };
    let serial = endpoint.serial();
    let mut session = Session {
        endpoint,
        socket,
        serial,
        user: None,
        jid: None,
        limit,
    };
    let over = session.live().await;
    if let Some(jid) = &session.jid {
        session.endpoint.stand_up(jid, session.serial);
    }
    session.part(over).await;
}

/// RFC 7395 §3.1: without the sub-protocol `xmpp` there is no stream.
#[allow(
    clippy::result_large_err,
    reason = "the callback's type is the WebSocket library's"
)]
fn sub_protocol(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let offered = request.headers().get_all("Sec-WebSocket-Protocol").iter();
    let xmpp = offered
        .filter_map(|value| value.to_str().ok())
        .any(|v| v.split(',').any(|p| p.trim() == "xmpp"));
    if !xmpp {
        let mut refusal = ErrorResponse::new(Some("the sub-protocol xmpp is needed".into()));
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        return Err(refusal);
    }
    response
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", HeaderValue::from_static("xmpp"));
    Ok(response)
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    async fn live(&mut self) -> Over {
        let mut words = None;
        loop {
            let message = tokio::select! {
                biased;
                Some(word) = hear(&mut words) => match word {
                    Word::Deliver(text) => match self.say(&text).await {
                        Ok(()) => continue,
                        Err(over) => return over,
                    },
                    Word::Conflict => return Over::StreamError("conflict"),
                },
                message = self.socket.next() => message,
            };
            let text = match message {
                None | Some(Ok(Message::Close(_))) => return Over::Gone,
                Some(Err(Error::Capacity(_))) => return Over::StreamError("policy-violation"),
                Some(Err(_)) => return Over::Gone,
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Binary(_))) => {
                    let frame = CloseFrame {
                        code: CloseCode::Unsupported,
                        reason: "text frames only".into(),
                    };
                    let _ = self.socket.close(Some(frame)).await;
                    return Over::Gone;
                }
                Some(Ok(_)) => continue,
            };
            if text.len() as u64 > self.limit {
                return Over::StreamError("policy-violation");
            }
            if text.contains("<!") && !text.contains("<![CDATA[") || text.contains("<?") {
                return Over::StreamError("restricted-xml");
            }
            let Ok(stanza) = Stanza::parse(text.as_str()) else {
                return Over::StreamError("not-well-formed");
            };
            let bound = self.jid.is_some();
            if let Err(over) = self.element(&stanza).await {
                return over;
            }
            if !bound && let Some(jid) = &self.jid {
                words = Some(self.endpoint.sit_down(jid, self.serial));
            }
        }
    }

    async fn say(&mut self, text: &str) -> Result<(), Over> {
        self.socket
            .send(Message::text(text))
            .await
            .map_err(|_| Over::Gone)
    }

    async fn part(&mut self, over: Over) {
        if let Over::StreamError(condition) = over {
            let error = format!(
                r#"<stream:error xmlns:stream="{STREAM}"><{condition} xmlns="{STREAM_ERRORS}"/></stream:error>"#
            );
            let _ = self.say(&error).await;
        }
        if !matches!(over, Over::Gone) {
            let _ = self.say(&format!(r#"<close xmlns="{FRAMING}"/>"#)).await;
            let _ = self.socket.close(None).await;
            // The peer's own close ends it; what it still says is read and dropped.
            while let Some(Ok(message)) = self.socket.next().await {
                if message.is_close() {
                    break;
                }
            }
        }
    }

    async fn element(&mut self, stanza: &Stanza) -> Result<(), Over> {
        if stanza.is("open", FRAMING) {
            return self.open().await;
        }
        if stanza.is("close", FRAMING) {
            return Err(Over::Lawfully);
        }
        if stanza.element().has_ns(SASL) {
            return self.sasl(stanza).await;
        }
        let Some(user) = self.user.clone() else {
            return Err(Over::StreamError("not-authorized"));
        };
        if !(stanza.is_iq() || stanza.is_message() || stanza.is_presence()) {
            return Err(Over::StreamError("unsupported-stanza-type"));
        }
        let Some(jid) = self.jid.clone() else {
            return self.bind(stanza, &user).await;
        };
        if stanza.from().is_some_and(|from| from != jid && from != user) {
            return Err(Over::StreamError("invalid-from"));
        }
        if stanza.is_presence() {
            return Ok(());
        }
        if stanza.is_iq() {
            let children = stanza.element().children().count();
            let wrong = match stanza.iq_type() {
                None => true,
                Some(IqType::Get | IqType::Set) => children != 1,
                _ => false,
            };
            if wrong || stanza.id().is_none() {
                return self.say(&error(stanza, &jid, "modify", "bad-request")).await;
            }
            let for_us = stanza
                .to()
                .is_none_or(|to| to == user || to == self.endpoint.config().domain);
            if for_us {
                return self.own_iq(stanza, &jid).await;
            }
        }
        match self.endpoint.route(&jid, stanza) {
            Some(back) => self.say(&back).await,
            None => Ok(()),
        }
    }

    /// An IQ that the server answers itself.
    async fn own_iq(&mut self, stanza: &Stanza, jid: &str) -> Result<(), Over> {
        if !matches!(stanza.iq_type(), Some(IqType::Get | IqType::Set)) {
            return Ok(());
        }
        let known = stanza.element().children().any(|child| {
            child.is("ping", "urn:xmpp:ping") || child.is("session", "urn:ietf:params:xml:ns:xmpp-session")
        });
        let roster = stanza
            .element()
            .children()
            .any(|child| child.is("query", "jabber:iq:roster"));
        if !known && !roster {
            return self
                .say(&error(stanza, jid, "cancel", "service-unavailable"))
                .await;
        }
        let child = if roster {
            r#"<query xmlns="jabber:iq:roster"/>"#
        } else {
            ""
        };
        let id = escape(stanza.id().unwrap_or_default());
        self.say(&format!(
            r#"<iq xmlns="{CLIENT}" type="result" id="{id}" to="{}">{child}</iq>"#,
            escape(jid)
        ))
        .await
    }

    async fn open(&mut self) -> Result<(), Over> {
        let domain = escape(&self.endpoint.config().domain);
        let id = format!("{:08x}", self.endpoint.serial());
        self.say(&format!(
            r#"<open xmlns="{FRAMING}" from="{domain}" id="{id}" version="1.0" xml:lang="en"/>"#
        ))
        .await?;
        let features = match self.user {
            None => format!(
                r#"<mechanisms xmlns="{SASL}"><mechanism>PLAIN</mechanism><mechanism>ANONYMOUS</mechanism></mechanisms>"#
            ),
            Some(_) => format!(r#"<bind xmlns="{BIND}"/>"#),
        };
        self.say(&format!(
            r#"<stream:features xmlns:stream="{STREAM}" xmlns="{CLIENT}">{features}</stream:features>"#
        ))
        .await
    }

    async fn sasl(&mut self, stanza: &Stanza) -> Result<(), Over> {
        let failure = |condition: &str| format!(r#"<failure xmlns="{SASL}"><{condition}/></failure>"#);
        let domain = self.endpoint.config().domain.clone();
        let answer = match stanza.attr("mechanism") {
            Some("ANONYMOUS") => {
                self.user = Some(format!("anonymous-{}@{domain}", self.endpoint.serial()));
                format!(r#"<success xmlns="{SASL}"/>"#)
            }
            Some("PLAIN") => match self.check(&stanza.element().text()) {
                Ok(user) => {
                    self.user = Some(format!("{user}@{domain}"));
                    format!(r#"<success xmlns="{SASL}"/>"#)
                }
                Err(condition) => failure(condition),
            },
            _ => failure("invalid-mechanism"),
        };
        self.say(&answer).await
    }

    /// RFC 4616: authorization id, user, password, parted by NUL.
    fn check(&self, text: &str) -> Result<String, &'static str> {
        let bytes = BASE64_STANDARD
            .decode(text.trim())
            .map_err(|_| "incorrect-encoding")?;
        let text = String::from_utf8(bytes).map_err(|_| "malformed-request")?;
        let parts: Vec<&str> = text.split('\0').collect();
        let [_, user, password] = parts.as_slice() else {
            return Err("malformed-request");
        };
        let known = match &self.endpoint.config().accounts {
            Accounts::Any => !user.is_empty(),
            Accounts::Only(accounts) => accounts.iter().any(|(u, p)| u == user && p == password),
        };
        if known {
            Ok((*user).to_owned())
        } else {
            Err("not-authorized")
        }
    }

    async fn bind(&mut self, stanza: &Stanza, user: &str) -> Result<(), Over> {
        let Some(bind) = stanza.element().get_child("bind", BIND) else {
            return Err(Over::StreamError("not-authorized"));
        };
        let wish = bind
            .get_child("resource", BIND)
            .map(minidom::Element::text)
            .filter(|wish| !wish.is_empty());
        let chosen = wish.unwrap_or_else(|| format!("callspec-{}", self.serial));
        let jid = format!("{user}/{chosen}");
        debug_assert_eq!((bare(&jid), resource(&jid)), (user, Some(chosen.as_str())));
        let id = escape(stanza.id().unwrap_or_default());
        let answer = format!(
            r#"<iq xmlns="{CLIENT}" type="result" id="{id}"><bind xmlns="{BIND}"><jid>{}</jid></bind></iq>"#,
            escape(&jid)
        );
        self.jid = Some(jid);
        self.say(&answer).await
    }
}

async fn hear(words: &mut Option<tokio::sync::mpsc::UnboundedReceiver<Word>>) -> Option<Word> {
    match words {
        Some(words) => words.recv().await,
        None => std::future::pending().await,
    }
}
