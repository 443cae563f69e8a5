//! WebSocket frames that go out as none may (RFC 6455 §5), or not at all.

use std::io::{self, Cursor};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::deed::Slip;
use super::slip::Slips;
use crate::endpoint::framing::Wire;
use crate::protocol::NAMESPACE;

/// What these slips do to frames.
const SLIPS: [Slip; 11] = [
    Slip::PingUnanswered,
    Slip::FramesMasked,
    Slip::FramesCompressed,
    Slip::FrameOfUnknownKind,
    Slip::StrayContinuation,
    Slip::MessageWithin,
    Slip::PingInFragments,
    Slip::PingTooLong,
    Slip::TextNotUtf8,
    Slip::CloseCodeNeverSent,
    Slip::LengthInEightBytes,
];

/// The first byte of a whole text message, and the second of a frame whose length follows in eight bytes.
const LAST_TEXT: u8 = 0x81;
const EIGHT_BYTES: u8 = 127;

/// A connection whose frames are changed on their way out.
pub struct Misframed {
    inner: Box<dyn Wire>,
    slips: Slips,
    /// The answer to the upgrade is through.
    upgraded: bool,
    /// A frame whose end has not been written yet.
    coming: Vec<u8>,
    /// What is still to go out.
    out: Vec<u8>,
}

impl Misframed {
    /// The connection itself, where none of the slips is about its frames.
    pub fn over(inner: Box<dyn Wire>, slips: &Slips) -> Box<dyn Wire> {
        if !SLIPS.iter().any(|slip| slips.contains(slip)) {
            return inner;
        }
        Box::new(Misframed {
            inner,
            slips: slips.clone(),
            upgraded: false,
            coming: Vec::new(),
            out: Vec::new(),
        })
    }

    fn take(&mut self, bytes: &[u8]) {
        if !self.upgraded {
            self.upgraded = bytes.ends_with(b"\r\n\r\n");
            self.out.extend_from_slice(bytes);
            return;
        }
        self.coming.extend_from_slice(bytes);
        while let Some((header, start, end)) = frame(&self.coming) {
            let payload = self.coming.get(start..end).unwrap_or_default();
            write(&mut self.out, &header, payload, &self.slips);
            self.coming.drain(..end);
        }
    }

    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let done = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.out))?;
            if done == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.drain(..done);
        }
        Poll::Ready(Ok(()))
    }
}

/// The frame that begins here, where its payload begins, and where it ends; `None`: its end is still missing.
fn frame(bytes: &[u8]) -> Option<(FrameHeader, usize, usize)> {
    let mut cursor = Cursor::new(bytes);
    let (header, length) = FrameHeader::parse(&mut cursor).ok()??;
    let start = usize::try_from(cursor.position()).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    (bytes.len() >= end).then_some((header, start, end))
}

fn put(out: &mut Vec<u8>, header: &FrameHeader, payload: &[u8]) {
    // A header is written to memory: nothing can fail.
    let _ = header.format(payload.len() as u64, out);
    out.extend_from_slice(payload);
}

/// A frame as it goes out.
fn write(out: &mut Vec<u8>, header: &FrameHeader, payload: &[u8], slips: &Slips) {
    let has = |slip| slips.contains(&slip);
    let text = header.opcode == OpCode::Data(Data::Text);
    if header.opcode == OpCode::Control(Control::Pong) && has(Slip::PingUnanswered) {
        return;
    }
    if header.opcode == OpCode::Control(Control::Close) && has(Slip::CloseCodeNeverSent) {
        return put(out, header, &1_006_u16.to_be_bytes());
    }
    if text && has(Slip::LengthInEightBytes) {
        out.extend([LAST_TEXT, EIGHT_BYTES]);
        out.extend((payload.len() as u64).to_be_bytes());
        out.extend_from_slice(payload);
        return;
    }
    let mut header = header.clone();
    if text && has(Slip::FramesMasked) {
        // A mask of zeros leaves the payload as it is.
        header.mask = Some([0; 4]);
    }
    let is_signal = payload
        .windows(NAMESPACE.len())
        .any(|bytes| bytes == NAMESPACE.as_bytes());
    if !text || !is_signal {
        return put(out, &header, payload);
    }
    let other = |opcode, is_final| FrameHeader {
        opcode,
        is_final,
        ..FrameHeader::default()
    };
    if has(Slip::FrameOfUnknownKind) {
        put(out, &other(OpCode::Data(Data::Reserved(3)), true), b"");
    }
    if has(Slip::StrayContinuation) {
        put(out, &other(OpCode::Data(Data::Continue), true), b"");
    }
    if has(Slip::PingInFragments) {
        put(out, &other(OpCode::Control(Control::Ping), false), b"");
    }
    if has(Slip::PingTooLong) {
        put(out, &other(OpCode::Control(Control::Ping), true), &[b'p'; 126]);
    }
    if has(Slip::MessageWithin) {
        put(out, &other(OpCode::Data(Data::Text), false), b"<message");
    }
    header.rsv1 = has(Slip::FramesCompressed);
    let mut payload = payload.to_vec();
    if has(Slip::TextNotUtf8)
        && let Some(last) = payload.last_mut()
    {
        *last = 0xff;
    }
    put(out, &header, &payload);
}

impl AsyncRead for Misframed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Misframed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        // What was taken before goes first, so that no more than one piece is ever kept.
        ready!(self.poll_out(cx))?;
        self.take(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_out(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_out(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
