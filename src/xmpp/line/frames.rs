//! WebSocket frames as they are (RFC 6455 §5.2): one at a time, the odd ones too.

use std::io::{Cursor, ErrorKind};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncReadExt, ReadHalf};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use crate::stanza::{Opcode, Wire};
use crate::xmpp::Io;
use crate::xmpp::sequence::{self, Sequence};

/// A longer frame is not read: far above what any server sends to a client that asks for so little.
const LARGEST: u64 = 32 << 20;

/// What came from the other side.
pub enum Came {
    Frame {
        wire: Wire,
        text: Option<String>,
        opcode: Opcode,
    },
    /// What may not stand here: nothing that follows is read.
    Misframed(String),
    End {
        reset: bool,
    },
}

pub struct Frames {
    half: ReadHalf<Box<dyn Io>>,
    buffer: Vec<u8>,
    sequence: Sequence,
    misframed: bool,
}

impl Frames {
    /// `read`: what has come already, after the answer to the upgrade. `extended`: it agreed on an extension.
    pub fn new(half: ReadHalf<Box<dyn Io>>, read: Vec<u8>, extended: bool) -> Frames {
        Frames {
            half,
            buffer: read,
            sequence: Sequence::new(extended),
            misframed: false,
        }
    }

    /// The next frame. Safe to cancel.
    pub async fn next(&mut self) -> Came {
        loop {
            if self.misframed {
                return Came::End { reset: false };
            }
            let mut cursor = Cursor::new(self.buffer.as_slice());
            match FrameHeader::parse(&mut cursor) {
                Ok(Some((header, length))) if length <= LARGEST => {
                    let start = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
                    let end = start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
                    if let Some(payload) = self.buffer.get(start..end) {
                        if let Some(why) = self.sequence.flaw(&header, payload) {
                            self.misframed = true;
                            return Came::Misframed(why);
                        }
                        let came = frame(&header, payload);
                        self.buffer.drain(..end);
                        return came;
                    }
                }
                Ok(None) => {}
                Err(Error::Protocol(ProtocolError::InvalidOpcode(opcode))) => {
                    self.misframed = true;
                    return Came::Misframed(sequence::reserved(opcode));
                }
                // So much is not read.
                Ok(Some(_)) | Err(_) => return Came::End { reset: false },
            }
            let mut more = [0; 16_384];
            match self.half.read(&mut more).await {
                Ok(0) => return Came::End { reset: false },
                Ok(length) => self
                    .buffer
                    .extend_from_slice(more.get(..length).unwrap_or_default()),
                Err(error) => {
                    let reset = matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
                    return Came::End { reset };
                }
            }
        }
    }
}

fn frame(header: &FrameHeader, payload: &[u8]) -> Came {
    let opcode = match header.opcode {
        OpCode::Data(Data::Continue) => Opcode::Continuation,
        OpCode::Data(Data::Text) => Opcode::Text,
        OpCode::Data(Data::Binary) => Opcode::Binary,
        OpCode::Control(Control::Close) => Opcode::Close,
        OpCode::Control(Control::Ping) => Opcode::Ping,
        OpCode::Control(Control::Pong) => Opcode::Pong,
        OpCode::Data(Data::Reserved(_)) | OpCode::Control(Control::Reserved(_)) => Opcode::Other,
    };
    let (code, body) = match (opcode, payload) {
        (Opcode::Close, [high, low, reason @ ..]) => (Some(u16::from_be_bytes([*high, *low])), reason),
        (_, payload) => (None, payload),
    };
    let text = match opcode {
        Opcode::Binary | Opcode::Other => None,
        _ => std::str::from_utf8(body).ok().map(str::to_owned),
    };
    let data = (text.is_none() && !body.is_empty()).then(|| BASE64_STANDARD.encode(body));
    Came::Frame {
        wire: Wire::Frame {
            opcode,
            last: header.is_final,
            data,
            code,
        },
        text,
        opcode,
    }
}

/// A client's frame, masked as RFC 6455 §5.3 wants it.
pub fn encode(opcode: Opcode, last: bool, payload: &[u8]) -> Vec<u8> {
    let [a, b, c, d, ..] = uuid::Uuid::new_v4().into_bytes();
    let mask = [a, b, c, d];
    let header = FrameHeader {
        is_final: last,
        rsv1: false,
        rsv2: false,
        rsv3: false,
        opcode: match opcode {
            Opcode::Continuation => OpCode::Data(Data::Continue),
            Opcode::Text => OpCode::Data(Data::Text),
            Opcode::Binary => OpCode::Data(Data::Binary),
            Opcode::Close => OpCode::Control(Control::Close),
            Opcode::Ping => OpCode::Control(Control::Ping),
            Opcode::Pong => OpCode::Control(Control::Pong),
            Opcode::Other => OpCode::Data(Data::Reserved(3)),
        },
        mask: Some(mask),
    };
    let mut out = Vec::with_capacity(payload.len() + 14);
    // A header is written to memory: nothing can fail.
    let _ = header.format(payload.len() as u64, &mut out);
    out.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: Vec<u8>) -> Vec<(Wire, Option<String>)> {
        let (here, there) = tokio::io::duplex(1 << 20);
        let here: Box<dyn Io> = Box::new(here);
        let (half, _writer) = tokio::io::split(here);
        let writing = tokio::spawn(async move {
            let mut there = there;
            for chunk in bytes.chunks(3) {
                tokio::io::AsyncWriteExt::write_all(&mut there, chunk)
                    .await
                    .expect("room");
            }
        });
        let mut frames = Frames::new(half, Vec::new(), false);
        let mut out = Vec::new();
        while let Came::Frame { wire, text, .. } = frames.next().await {
            out.push((wire, text));
        }
        writing.await.expect("written");
        out
    }

    #[tokio::test]
    async fn frames_are_read_one_by_one_however_they_are_cut() {
        // As a server sends them: without a mask.
        let mut bytes = b"\x81\x02hi\x01\x01a\x80\x01b\x89\x01p\x88\x04\x03\xe8ok\x82\x01\xff".to_vec();
        let long = "x".repeat(70_000);
        bytes.extend([0x81, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70]);
        bytes.extend(long.as_bytes());
        let frame = |opcode, last, data: Option<&str>, code| Wire::Frame {
            opcode,
            last,
            data: data.map(str::to_owned),
            code,
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            read(bytes).await,
            [
                (frame(Opcode::Text, true, None, None), text("hi")),
                (frame(Opcode::Text, false, None, None), text("a")),
                (frame(Opcode::Continuation, true, None, None), text("b")),
                (frame(Opcode::Ping, true, None, None), text("p")),
                (frame(Opcode::Close, true, None, Some(1000)), text("ok")),
                (frame(Opcode::Binary, true, Some("/w=="), None), None),
                (frame(Opcode::Text, true, None, None), Some(long)),
            ]
        );
    }

    #[test]
    fn what_is_sent_is_masked() {
        let bytes = encode(Opcode::Text, false, b"hello");
        assert_eq!(bytes[..2], [0x01, 0x85]);
        let mask = &bytes[2..6];
        let plain: Vec<u8> = bytes[6..]
            .iter()
            .zip(mask.iter().cycle())
            .map(|(b, m)| b ^ m)
            .collect();
        assert_eq!(plain, b"hello");
    }
}
