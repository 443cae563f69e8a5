//! XMPP over WebSocket (RFC 7395): one text frame, one element.

use std::io;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::stanza::{FRAMING, Stanza};

/// A connection, whatever carries it.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

type Socket = WebSocketStream<Box<dyn Io>>;

/// What came in.
#[derive(Debug)]
pub enum Incoming {
    Element(Stanza),
    /// Text that is no XML, or a frame that is no text.
    Broken {
        raw: String,
        error: String,
    },
    /// The server closed the stream lawfully.
    StreamClosed,
    /// The connection is over.
    Ended(String),
}

pub struct Reader(SplitStream<Socket>);

pub struct Writer(SplitSink<Socket, Message>);

pub fn split(socket: Socket) -> (Reader, Writer) {
    let (sink, stream) = socket.split();
    (Reader(stream), Writer(sink))
}

impl Reader {
    /// The next element. Safe to cancel.
    pub async fn next(&mut self) -> Incoming {
        loop {
            return match self.0.next().await {
                None => Incoming::Ended("the connection was closed".into()),
                Some(Err(Error::ConnectionClosed)) => Incoming::Ended("the connection was closed".into()),
                Some(Err(error)) => Incoming::Ended(error.to_string()),
                Some(Ok(Message::Text(text))) => match Stanza::parse(text.as_str()) {
                    Ok(stanza) if stanza.is("close", FRAMING) => Incoming::StreamClosed,
                    Ok(stanza) => Incoming::Element(stanza),
                    Err(error) => Incoming::Broken {
                        raw: text.as_str().to_owned(),
                        error: error.0,
                    },
                },
                Some(Ok(Message::Binary(data))) => Incoming::Broken {
                    raw: format!("{} bytes", data.len()),
                    error: "a binary frame, where RFC 7395 §3.2 has text only".into(),
                },
                Some(Ok(Message::Close(frame))) => Incoming::Ended(match frame {
                    Some(frame) => format!("WebSocket close {} {}", u16::from(frame.code), frame.reason),
                    None => "WebSocket close".into(),
                }),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
            };
        }
    }
}

impl Writer {
    /// One text frame, verbatim.
    pub async fn send(&mut self, raw: &str) -> io::Result<()> {
        self.0.send(Message::text(raw)).await.map_err(io::Error::other)
    }

    /// Closes the stream, then the WebSocket (RFC 7395 §3.6).
    pub async fn close(&mut self) -> io::Result<()> {
        self.send(&format!(r#"<close xmlns="{FRAMING}"/>"#)).await?;
        self.0.send(Message::Close(None)).await.map_err(io::Error::other)
    }

    /// Drops this half at once; the connection is gone when the reader is dropped too.
    pub fn cut(self) {}
}
