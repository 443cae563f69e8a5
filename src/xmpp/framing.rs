//! Elements over a connection: one a text frame (RFC 7395), or children of one long document (RFC 6120 §4).

use std::io;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

use super::sequence::misframed;
use super::socket::{Cut, Io};
use super::splitter::{Piece, Splitter};
use crate::stanza::{FRAMING, Stanza};

/// What the library makes of a close frame whose status code it does not take.
const VIOLATION: &str = "Protocol violation";

type Connection = Box<dyn Io>;
type Web = WebSocketStream<Connection>;

/// What came in.
#[derive(Debug)]
pub enum Incoming {
    /// The start tag of a stream over TCP.
    Header(String),
    Element(Stanza),
    /// Text that is no XML, or a frame that is no text.
    Broken {
        raw: String,
        error: String,
    },
    /// What may not stand on a WebSocket (RFC 6455 §5): why. Nothing after it can be read.
    Misframed(String),
    /// The other side closed the stream lawfully.
    StreamClosed {
        /// Where it sends its clients (RFC 7395 §3.6.1).
        elsewhere: Option<String>,
    },
    /// The connection is over.
    Ended(End),
}

/// How a connection came to its end.
#[derive(Debug)]
pub struct End {
    /// For people.
    pub how: String,
    /// The other side could not decrypt what was sent to it (RFC 8446 §6.2): something before that never reached it.
    pub undecrypted: bool,
}

impl End {
    fn of(how: impl Into<String>) -> End {
        End {
            how: how.into(),
            undecrypted: false,
        }
    }

    fn by(error: &io::Error) -> End {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::BadRecordMac);
        End {
            how: error.to_string(),
            undecrypted: cause == Some(&alert),
        }
    }
}

impl Incoming {
    /// Whether nothing follows.
    pub fn is_end(&self) -> bool {
        matches!(self, Incoming::StreamClosed { .. } | Incoming::Ended(_))
    }
}

/// The payload of a WebSocket pong.
#[derive(Debug)]
pub struct Pong(pub Bytes);

pub struct Reader {
    half: Half,
    /// Why nothing more can be read, once that is known.
    over: Option<String>,
}

enum Half {
    Web(SplitStream<Web>),
    Tcp {
        half: ReadHalf<Connection>,
        splitter: Box<Splitter>,
        buffer: Vec<u8>,
    },
}

enum Out {
    Web(SplitSink<Web, Message>),
    Tcp(WriteHalf<Connection>),
}

pub struct Writer {
    out: Out,
    cut: Cut,
}

pub fn split_web(socket: Web, cut: Cut) -> (Reader, Writer) {
    let (sink, stream) = socket.split();
    let out = Out::Web(sink);
    (Reader::of(Half::Web(stream)), Writer { out, cut })
}

pub fn split_tcp(connection: Connection, cut: Cut) -> (Reader, Writer) {
    let (half, out) = tokio::io::split(connection);
    let reader = Half::Tcp {
        half,
        splitter: Box::default(),
        buffer: vec![0; 16_384],
    };
    let out = Out::Tcp(out);
    (Reader::of(reader), Writer { out, cut })
}

fn element(raw: String) -> Incoming {
    match Stanza::parse(raw.as_str()) {
        Ok(stanza) if stanza.is("close", FRAMING) => Incoming::StreamClosed {
            elsewhere: stanza.attr("see-other-uri").map(str::to_owned),
        },
        Ok(stanza) => Incoming::Element(stanza),
        Err(error) => Incoming::Broken { raw, error: error.0 },
    }
}

impl Reader {
    fn of(half: Half) -> Reader {
        Reader { half, over: None }
    }

    /// The next element. Safe to cancel.
    pub async fn next(&mut self) -> Incoming {
        loop {
            if let Ok(incoming) = self.next_or_pong().await {
                return incoming;
            }
        }
    }

    /// The next element, or a WebSocket pong before it. Safe to cancel.
    pub async fn next_or_pong(&mut self) -> Result<Incoming, Pong> {
        if let Some(how) = self.over.take() {
            return Ok(Incoming::Ended(End::of(how)));
        }
        match &mut self.half {
            Half::Web(stream) => next_frame(stream, &mut self.over).await,
            Half::Tcp {
                half,
                splitter,
                buffer,
            } => Ok(next_piece(half, splitter, buffer, &mut self.over).await),
        }
    }

    /// Over TCP a new document begins (RFC 6120 §4.3.3).
    pub fn restart(&mut self) {
        if let Half::Tcp { splitter, .. } = &mut self.half {
            splitter.restart();
        }
    }
}

async fn next_frame(stream: &mut SplitStream<Web>, over: &mut Option<String>) -> Result<Incoming, Pong> {
    loop {
        return Ok(match stream.next().await {
            None | Some(Err(Error::ConnectionClosed)) => {
                Incoming::Ended(End::of("the connection was closed"))
            }
            Some(Err(Error::Io(error))) => Incoming::Ended(End::by(&error)),
            // The library keeps neither what came nor the connection.
            Some(Err(error)) => match misframed(&error) {
                Some(why) => {
                    *over = Some(format!("it cannot be read on after {why}"));
                    Incoming::Misframed(why)
                }
                None => Incoming::Ended(End::of(error.to_string())),
            },
            Some(Ok(Message::Text(text))) => element(text.as_str().to_owned()),
            Some(Ok(Message::Binary(data))) => Incoming::Broken {
                raw: format!("{} bytes", data.len()),
                error: "a binary frame, where RFC 7395 §3.2 has text only".into(),
            },
            Some(Ok(Message::Close(frame))) => Incoming::Ended(End::of(match frame {
                // So the library puts it where the code is one that no close frame may bear.
                Some(frame) if frame.code == CloseCode::Protocol && frame.reason == VIOLATION => {
                    format!(
                        "WebSocket close 1002 {VIOLATION}, or one with a code that is never sent (RFC 6455 §7.4)"
                    )
                }
                Some(frame) => format!("WebSocket close {} {}", u16::from(frame.code), frame.reason),
                None => "WebSocket close".into(),
            })),
            Some(Ok(Message::Pong(payload))) => return Err(Pong(payload)),
            Some(Ok(Message::Ping(_) | Message::Frame(_))) => continue,
        });
    }
}

async fn next_piece(
    half: &mut ReadHalf<Connection>,
    splitter: &mut Splitter,
    buffer: &mut [u8],
    over: &mut Option<String>,
) -> Incoming {
    loop {
        match splitter.next_piece() {
            Ok(Some(Piece::Header(raw))) => return Incoming::Header(raw),
            Ok(Some(Piece::Element(raw))) => return element(raw),
            Ok(Some(Piece::Footer)) => return Incoming::StreamClosed { elsewhere: None },
            Ok(Some(Piece::Skipped(_)) | None) => {}
            Err(error) if error.is_limit() => {
                return Incoming::Ended(End::of(format!("more came than is read here: {}", error.text)));
            }
            // A document that is broken once cannot be read on.
            Err(error) => {
                *over = Some(format!("what came is no XMPP stream: {error}"));
                return Incoming::Broken {
                    raw: splitter.unread(),
                    error: error.text,
                };
            }
        }
        match half.read(buffer).await {
            Ok(0) => return Incoming::Ended(End::of("the connection was closed")),
            Ok(length) => splitter.feed(buffer.get(..length).unwrap_or_default()),
            Err(error) => return Incoming::Ended(End::by(&error)),
        }
    }
}

/// Ends what carried a stream when the other side has closed the stream, or all of it: by a close frame and the wait
/// for its answer (RFC 7395 §3.6, RFC 6455 §7.1.1), or by the end of what is written (RFC 6120 §4.4).
pub async fn part(mut reader: Reader, mut writer: Writer) {
    // What is closed already needs no more.
    let _ = writer.close_connection().await;
    if writer.is_web() {
        while !matches!(reader.next().await, Incoming::Ended(_)) {}
    }
}

impl Writer {
    pub fn is_web(&self) -> bool {
        matches!(self.out, Out::Web(_))
    }

    /// One text frame, or the bytes themselves: verbatim.
    pub async fn send(&mut self, raw: &str) -> io::Result<()> {
        match &mut self.out {
            Out::Web(sink) => sink.send(Message::text(raw)).await.map_err(io::Error::other),
            Out::Tcp(half) => {
                half.write_all(raw.as_bytes()).await?;
                half.flush().await
            }
        }
    }

    /// A WebSocket ping (RFC 6455 §5.5.2). TCP has none.
    pub async fn ping(&mut self, payload: &'static str) -> io::Result<()> {
        match &mut self.out {
            Out::Web(sink) => sink
                .send(Message::Ping(Bytes::from_static(payload.as_bytes())))
                .await
                .map_err(io::Error::other),
            Out::Tcp(_) => Ok(()),
        }
    }

    /// The last word on the stream (RFC 7395 §3.6, RFC 6120 §4.4). What carries it stays open for the answer.
    pub async fn close_stream(&mut self) -> io::Result<()> {
        match &self.out {
            Out::Web(_) => self.send(&format!(r#"<close xmlns="{FRAMING}"/>"#)).await,
            Out::Tcp(_) => self.send("</stream:stream>").await,
        }
    }

    /// Closes this side of what carries the stream: a WebSocket close frame, or the end of what is written.
    pub async fn close_connection(&mut self) -> io::Result<()> {
        match &mut self.out {
            Out::Web(sink) => sink.send(Message::Close(None)).await.map_err(io::Error::other),
            Out::Tcp(half) => half.shutdown().await,
        }
    }

    /// Drops this half at once; the connection is gone when the reader is dropped too.
    pub fn cut(self) {
        self.cut.cut();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn after_header(text: &str) -> Incoming {
        let (here, mut there) = tokio::io::duplex(1 << 16);
        let header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
        there.write_all(header.as_bytes()).await.expect("room");
        there.write_all(text.as_bytes()).await.expect("room");
        let connection: Connection = Box::new(here);
        let (mut half, _writer) = tokio::io::split(connection);
        let (mut splitter, mut buffer, mut over) = (Splitter::default(), vec![0; 100], None);
        loop {
            match next_piece(&mut half, &mut splitter, &mut buffer, &mut over).await {
                Incoming::Header(_) => {}
                other => return other,
            }
        }
    }

    #[tokio::test]
    async fn what_is_more_than_is_read_is_not_broken() {
        let deep = after_header(&format!("<iq>{}", "<a>".repeat(1_000))).await;
        assert!(matches!(deep, Incoming::Ended(end) if end.how.contains("nested deeper")));
        assert!(matches!(after_header("<iq></a>").await, Incoming::Broken { .. }));
    }
}
