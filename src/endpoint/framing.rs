//! WebSocket (RFC 7395) and TCP (RFC 6120) as one: headers and elements in, texts out.

use std::io::{self, Cursor};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use minidom::Element;
use time::OffsetDateTime;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::Gate;
use super::fault::Slip;
use super::fault::misframe::Misframed;
use super::fault::slip::{self, Slips};
use super::gate::Shown;
use crate::stanza::{CLIENT, FRAMING, STREAM, Stanza, escape};
use crate::xmpp::{Limits, Piece, READ_AT_ONCE, Splitter, check_frame};

/// What carries a stream: a pipe or a socket.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

type Web = WebSocketStream<Box<dyn Wire>>;

/// What a client asks for when it opens a stream (RFC 6120 §4.7, RFC 7395 §3.4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    pub to: Option<String>,
    pub version: Option<String>,
    /// The namespace of its stanzas is not `jabber:client`.
    pub foreign: bool,
}

/// What came in.
#[derive(Debug)]
pub enum Incoming {
    Open(Header),
    Element(Stanza),
    /// The client closes its stream.
    Close,
    /// The stream cannot be read on: the stream error that says why.
    Flaw(&'static str),
    /// The WebSocket cannot be read on: the status code that says why (RFC 6455 §7.4.1).
    Fail(u16),
    /// The client closes the connection without having closed its stream: what it is still owed is the answer to that.
    Leaving,
    /// The connection is over, or has to be ended without a word.
    Gone,
}

pub enum Reader {
    Web {
        stream: SplitStream<Web>,
        limits: Limits,
        slips: Slips,
    },
    Tcp {
        half: ReadHalf<Box<dyn Wire>>,
        splitter: Box<Splitter>,
        buffer: Vec<u8>,
    },
}

pub enum Writer {
    Web(SplitSink<Web, Message>),
    Tcp(WriteHalf<Box<dyn Wire>>),
}

/// Looks at the first byte: `G` of an upgrade request or `<` of a stream. `None`: it is neither.
/// With a gate, the user whose token was shown comes with it.
pub async fn accept(
    mut io: Box<dyn Wire>,
    limits: Limits,
    gate: Option<(&Gate, OffsetDateTime)>,
    slips: &Slips,
) -> Option<(Reader, Writer, Option<Shown>)> {
    let mut first = [0];
    io.read_exact(&mut first).await.ok()?;
    let (half, out) = tokio::io::split(io);
    let whole = tokio::io::join(Cursor::new(first.to_vec()).chain(half), out);
    let io: Box<dyn Wire> = Box::new(whole);
    match first {
        [b'G'] => upgrade(io, limits, gate, slips).await,
        [b'<' | b' ' | b'\n' | b'\r' | b'\t'] => {
            let (half, out) = tokio::io::split(io);
            let reader = Reader::Tcp {
                half,
                splitter: Box::new(Splitter::new(limits)),
                buffer: vec![0; 16_384],
            };
            Some((reader, Writer::Tcp(out), None))
        }
        _ => None,
    }
}

async fn upgrade(
    io: Box<dyn Wire>,
    limits: Limits,
    gate: Option<(&Gate, OffsetDateTime)>,
    slips: &Slips,
) -> Option<(Reader, Writer, Option<Shown>)> {
    let io = Misframed::over(io, slips);
    // A frame a little too large is answered with a stream error; only what is far too large is not read at all.
    let room = limits.largest.saturating_mul(2);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_AT_ONCE)
        .max_message_size(Some(room))
        .max_frame_size(Some(room));
    let mut user = None;
    #[allow(
        clippy::result_large_err,
        reason = "the callback's type is the WebSocket library's"
    )]
    let callback = |request: &Request, response: Response| {
        if let Some((gate, now)) = gate {
            let cookies = request.headers().get_all("Cookie").iter();
            user = gate.shown(cookies.filter_map(|value| value.to_str().ok()), now, slips);
            if user.is_none() && !slips.contains(&Slip::GateOpen) {
                return Err(refusal(
                    StatusCode::UNAUTHORIZED,
                    "a sound token is needed in its cookie",
                ));
            }
        }
        let mut response = sub_protocol(request, response, slips)?;
        if slips.contains(&Slip::TokenInHeader)
            && let Some(token) = user
                .as_ref()
                .and_then(|shown| HeaderValue::from_str(&shown.token).ok())
        {
            response.headers_mut().insert("X-Token", token);
        }
        Ok(response)
    };
    let socket = tokio_tungstenite::accept_hdr_async_with_config(io, callback, Some(config)).await;
    let (sink, stream) = socket.ok()?.split();
    let slips = slips.clone();
    let reader = Reader::Web {
        stream,
        limits,
        slips,
    };
    Some((reader, Writer::Web(sink), user))
}

/// RFC 7395 §3.1: without the sub-protocol `xmpp` there is no stream.
#[allow(
    clippy::result_large_err,
    reason = "the callback's type is the WebSocket library's"
)]
fn sub_protocol(request: &Request, mut response: Response, slips: &Slips) -> Result<Response, ErrorResponse> {
    let offered = request.headers().get_all("Sec-WebSocket-Protocol").iter();
    let xmpp = offered
        .filter_map(|value| value.to_str().ok())
        .any(|v| v.split(',').any(|p| p.trim() == "xmpp"));
    let unasked = slips.contains(&Slip::ProtocolUnasked);
    if !xmpp && !unasked {
        return Err(refusal(
            StatusCode::BAD_REQUEST,
            "the sub-protocol xmpp is needed",
        ));
    }
    let name = match () {
        () if slips.contains(&Slip::ProtocolUnconfirmed) => return Ok(response),
        () if slips.contains(&Slip::ProtocolOther) => "chat",
        () => "xmpp",
    };
    response
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", HeaderValue::from_static(name));
    Ok(response)
}

fn refusal(status: StatusCode, why: &str) -> ErrorResponse {
    let mut refusal = ErrorResponse::new(Some(why.into()));
    *refusal.status_mut() = status;
    refusal
}

impl Reader {
    /// The next thing that the client says. Safe to cancel.
    pub async fn next(&mut self) -> Incoming {
        match self {
            Reader::Web {
                stream,
                limits,
                slips,
            } => loop {
                match stream.next().await {
                    Some(Ok(Message::Text(text))) => return frame(text.as_str(), *limits, slips),
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                    // RFC 7395 §3.2 has text frames only; there is no element that could say so.
                    Some(Ok(Message::Binary(_))) => return Incoming::Flaw("bad-format"),
                    Some(Err(Error::Capacity(_))) => return Incoming::Flaw("policy-violation"),
                    Some(Err(Error::Utf8(_))) => return Incoming::Flaw("not-well-formed"),
                    Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => {
                        return Incoming::Gone;
                    }
                    // RFC 6455 §7.1.7: whoever cannot read on says why.
                    Some(Err(Error::Protocol(_))) => return Incoming::Fail(1002),
                    Some(Ok(Message::Close(_))) => return Incoming::Leaving,
                    None | Some(Err(_)) => return Incoming::Gone,
                }
            },
            Reader::Tcp {
                half,
                splitter,
                buffer,
            } => loop {
                match splitter.next_piece() {
                    Ok(Some(Piece::Header(raw))) => return header(&raw),
                    Ok(Some(Piece::Element(raw))) => return element(&raw),
                    Ok(Some(Piece::Footer)) => return Incoming::Close,
                    Ok(Some(Piece::Skipped(_)) | None) => {}
                    Err(flaw) => return Incoming::Flaw(flaw.condition),
                }
                match half.read(buffer).await {
                    Ok(0) | Err(_) => return Incoming::Gone,
                    Ok(length) => splitter.feed(buffer.get(..length).unwrap_or_default()),
                }
            },
        }
    }

    /// Over TCP a new document begins after SASL (RFC 6120 §6.4.6).
    pub fn restart(&mut self) {
        if let Reader::Tcp { splitter, .. } = self {
            splitter.restart();
        }
    }

    /// Reads and drops what the client still says, to the end of the connection.
    pub async fn drain(&mut self) {
        match self {
            Reader::Web { stream, .. } => while let Some(Ok(_)) = stream.next().await {},
            Reader::Tcp { half, buffer, .. } => while matches!(half.read(buffer).await, Ok(1..)) {},
        }
    }
}

fn frame(text: &str, limits: Limits, slips: &Slips) -> Incoming {
    // Three elements deep at most, which every limit lets through.
    if text.len() <= limits.largest
        && let Some(stanza) = Stanza::parse_plain(text).filter(|stanza| stanza.is_iq() || stanza.is_message())
    {
        return Incoming::Element(stanza);
    }
    if let Err(flaw) = check_frame(text, limits) {
        return match slip::forgiven(text, slips).filter(|_| !slips.is_empty()) {
            Some(stanza) if text.contains("<!") || text.contains("<?") => Incoming::Element(stanza),
            _ => Incoming::Flaw(flaw.condition),
        };
    }
    match Stanza::parse(text) {
        Ok(open) if open.is("open", FRAMING) => Incoming::Open(Header {
            to: open.attr("to").map(str::to_owned),
            version: open.attr("version").map(str::to_owned),
            foreign: false,
        }),
        Ok(close) if close.is("close", FRAMING) => Incoming::Close,
        Ok(stanza) => Incoming::Element(stanza),
        Err(_) => Incoming::Flaw("not-well-formed"),
    }
}

fn element(raw: &str) -> Incoming {
    match Stanza::parse_alone(raw) {
        Ok(stanza) => Incoming::Element(stanza),
        // It is well-formed inside the stream, so what is missing is a prefix that the header declared: nobody to whom
        // the element goes on could read it.
        Err(_) => Incoming::Flaw("bad-namespace-prefix"),
    }
}

/// A start tag alone is no document: with one child and an end tag it is, and the child tells the default namespace.
fn header(raw: &str) -> Incoming {
    let start = raw.trim_end_matches("/>").trim_end_matches('>');
    let name = start.trim_start_matches('<').split(|c: char| c.is_whitespace());
    let name = name.into_iter().next().unwrap_or_default();
    let Ok(root) = format!("{start}><probe/></{name}>").parse::<Element>() else {
        return Incoming::Flaw("invalid-namespace");
    };
    Incoming::Open(Header {
        to: root.attr("to").map(str::to_owned),
        version: root.attr("version").map(str::to_owned),
        foreign: !root.has_child("probe", CLIENT),
    })
}

impl Writer {
    pub fn is_web(&self) -> bool {
        matches!(self, Writer::Web(_))
    }

    pub async fn send(&mut self, text: String) -> io::Result<()> {
        match self {
            Writer::Web(sink) => sink.send(Message::text(text)).await.map_err(io::Error::other),
            Writer::Tcp(half) => {
                half.write_all(text.as_bytes()).await?;
                half.flush().await
            }
        }
    }

    /// Ends the connection beneath a stream that is closed (RFC 7395 §3.6, RFC 6120 §4.4), a WebSocket with this code.
    pub async fn shut(&mut self, code: u16) -> io::Result<()> {
        match self {
            Writer::Web(sink) => {
                let frame = CloseFrame {
                    code: CloseCode::from(code),
                    reason: "".into(),
                };
                let close = Message::Close(Some(frame));
                sink.send(close).await.map_err(io::Error::other)
            }
            Writer::Tcp(half) => half.shutdown().await,
        }
    }
}

/// The server's own opening of a stream.
pub fn opening(web: bool, domain: &str, id: &str) -> String {
    let domain = escape(domain);
    if web {
        format!(r#"<open xmlns="{FRAMING}" from="{domain}" id="{id}" version="1.0" xml:lang="en"/>"#)
    } else {
        format!(
            r#"<?xml version="1.0"?><stream:stream xmlns="{CLIENT}" xmlns:stream="{STREAM}" from="{domain}" id="{id}" version="1.0" xml:lang="en">"#
        )
    }
}

/// The server's closing of a stream.
pub fn closing(web: bool) -> String {
    if web {
        format!(r#"<close xmlns="{FRAMING}"/>"#)
    } else {
        "</stream:stream>".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str) -> Header {
        match header(raw) {
            Incoming::Open(header) => header,
            other => panic!("{raw}: {other:?}"),
        }
    }

    #[test]
    fn a_stream_header_is_read_whatever_its_prefix() {
        for raw in [
            "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='x' version='1.0'>",
            "<stream xmlns='http://etherx.jabber.org/streams' xmlns:c='jabber:client' to='x' version='1.0'>",
            "<s:stream\nto='x'\tversion='1.0' xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'/>",
        ] {
            let header = read(raw);
            assert_eq!(
                (header.to.as_deref(), header.version.as_deref()),
                (Some("x"), Some("1.0"))
            );
            assert_eq!(header.foreign, raw.starts_with("<stream xmlns"));
        }
        let server =
            read("<a:stream xmlns='jabber:server' xmlns:a='http://etherx.jabber.org/streams' a:b='>'>");
        assert_eq!((server.foreign, server.to), (true, None));
    }

    #[test]
    fn a_frame_is_read_by_what_it_is() {
        let limits = Limits::default();
        assert!(matches!(
            frame(
                "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='x'/>",
                limits,
                &Slips::new()
            ),
            Incoming::Open(Header { to: Some(_), .. })
        ));
        assert!(matches!(
            frame(
                "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>",
                limits,
                &Slips::new()
            ),
            Incoming::Close
        ));
        assert!(matches!(
            frame("<iq><a/></iq><iq/>", limits, &Slips::new()),
            Incoming::Flaw("not-well-formed")
        ));
        assert!(matches!(
            frame("<iq/>", limits, &Slips::new()),
            Incoming::Element(_)
        ));
    }
}
