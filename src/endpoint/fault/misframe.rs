//! WebSocket frames that go out as none may (RFC 6455 §5), or not at all.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

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

const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PONG: u8 = 0xa;
const LAST: u8 = 0x80;
const RESERVED_1: u8 = 0x40;

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
        while let Some((first, start, end)) = frame(&self.coming) {
            let payload = self.coming.get(start..end).unwrap_or_default();
            write(&mut self.out, first, payload, &self.slips);
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

/// The first byte of the frame that begins here, where its payload begins, and where it ends; `None`: its end is still
/// missing. A server masks nothing.
fn frame(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (start, length): (usize, usize) = match second & 0x7f {
        126 => (
            4,
            usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
        ),
        127 => {
            let length = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
            (10, usize::try_from(length).ok()?)
        }
        short => (2, usize::from(short)),
    };
    let end = start.checked_add(length)?;
    (bytes.len() >= end).then_some((first, start, end))
}

fn put(out: &mut Vec<u8>, first: u8, payload: &[u8]) {
    out.push(first);
    match payload.len() {
        length @ ..=125 => out.push(u8::try_from(length).unwrap_or_default()),
        length => match u16::try_from(length) {
            Ok(length) => {
                out.push(126);
                out.extend(length.to_be_bytes());
            }
            Err(_) => {
                out.push(127);
                out.extend((length as u64).to_be_bytes());
            }
        },
    }
    out.extend_from_slice(payload);
}

/// A frame as it goes out.
fn write(out: &mut Vec<u8>, first: u8, payload: &[u8], slips: &Slips) {
    let has = |slip| slips.contains(&slip);
    let opcode = first & 0xf;
    if opcode == PONG && has(Slip::PingUnanswered) {
        return;
    }
    if opcode == CLOSE && has(Slip::CloseCodeNeverSent) {
        return put(out, first, &1_006_u16.to_be_bytes());
    }
    if opcode == TEXT && has(Slip::FramesMasked) {
        // A mask of zeros leaves the payload as it is.
        let start = out.len();
        put(out, first, payload);
        let head = out.len() - payload.len();
        if let Some(second) = out.get_mut(start + 1) {
            *second |= 0x80;
        }
        out.splice(head..head, [0; 4]);
        return;
    }
    if opcode == TEXT && has(Slip::LengthInEightBytes) {
        out.extend([first, 127]);
        out.extend((payload.len() as u64).to_be_bytes());
        out.extend_from_slice(payload);
        return;
    }
    let is_signal = payload
        .windows(NAMESPACE.len())
        .any(|bytes| bytes == NAMESPACE.as_bytes());
    if opcode != TEXT || !is_signal {
        return put(out, first, payload);
    }
    if has(Slip::FrameOfUnknownKind) {
        put(out, LAST | 0x3, b"");
    }
    if has(Slip::StrayContinuation) {
        put(out, LAST, b"");
    }
    if has(Slip::PingInFragments) {
        put(out, 0x9, b"");
    }
    if has(Slip::PingTooLong) {
        put(out, LAST | 0x9, &[b'p'; 126]);
    }
    if has(Slip::MessageWithin) {
        put(out, TEXT, b"<message");
    }
    if has(Slip::TextNotUtf8) {
        let mut torn = payload.to_vec();
        if let Some(last) = torn.last_mut() {
            *last = 0xff;
        }
        return put(out, first, &torn);
    }
    let bits = if has(Slip::FramesCompressed) {
        RESERVED_1
    } else {
        0
    };
    put(out, first | bits, payload);
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
