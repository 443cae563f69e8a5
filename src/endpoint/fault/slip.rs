//! Slips at work: what a stream that goes wrong writes, reads and believes.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::task::{Context, Poll};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::deed::Slip;
use crate::endpoint::framing::Wire;
use crate::stanza::{CLIENT, FRAMING, STREAM, Stanza};

pub type Slips = BTreeSet<Slip>;

/// The server's opening over WebSocket; `None`: there is none.
pub fn opening(text: &str, slips: &Slips) -> Option<String> {
    let has = |slip| slips.contains(&slip);
    let without = |text: &str, name: &str| match text.split_once(&format!(" {name}=\"")) {
        Some((before, rest)) => match rest.split_once('"') {
            Some((_, after)) => format!("{before}{after}"),
            None => text.to_owned(),
        },
        None => text.to_owned(),
    };
    let mut text = text.to_owned();
    if has(Slip::OpenUnanswered) {
        return None;
    }
    if has(Slip::OpenWithoutFrom) {
        text = without(&text, "from");
    }
    if has(Slip::OpenWithoutId) {
        text = without(&text, "id");
    }
    if has(Slip::OpenSameId) {
        text = without(&text, "id").replacen("<open ", "<open id=\"1\" ", 1);
    }
    if has(Slip::OpenWithoutVersion) {
        text = without(&text, "version");
    }
    if has(Slip::OpenOldVersion) {
        text = text.replacen("version=\"1.0\"", "version=\"0.9\"", 1);
    }
    if has(Slip::OpenOtherNamespace) {
        text = text
            .replacen(FRAMING, STREAM, 1)
            .replacen("<open ", "<stream ", 1);
    }
    Some(text)
}

/// What is written in place of a text: frames in order.
pub fn frames(text: String, slips: &Slips) -> Vec<String> {
    let has = |slip| slips.contains(&slip);
    let mut text = text;
    if has(Slip::StanzaWithoutNamespace) {
        text = text.replacen(&format!(" xmlns=\"{CLIENT}\""), "", 1);
        text = text.replacen(&format!(" xmlns='{CLIENT}'"), "", 1);
    }
    if has(Slip::FeaturesUnbound) && text.starts_with("<stream:features") {
        text = text.replacen(&format!(" xmlns:stream=\"{STREAM}\""), "", 1);
    }
    if has(Slip::BlankBefore) {
        text.insert(0, ' ');
    }
    if has(Slip::EmptyFrames) {
        return vec![String::new(), text];
    }
    vec![text]
}

/// What a careless reader makes of a frame that is not well-formed, or not allowed; `None`: nothing either.
pub fn forgiven(text: &str, slips: &Slips) -> Option<Stanza> {
    let has = |slip| slips.contains(&slip);
    let mut text = text.to_owned();
    if has(Slip::CommentsTaken) {
        text = without(&text, "<!--", "-->");
    }
    if has(Slip::InstructionsTaken) {
        text = without(&text, "<?", "?>");
    }
    if has(Slip::EntitiesExpanded)
        && let Some((_, rest)) = text.split_once("<!DOCTYPE")
        && let Some((types, body)) = rest.split_once("]>")
    {
        let mut body = body.to_owned();
        for entity in types.split("<!ENTITY").skip(1) {
            let mut words = entity.trim().splitn(2, ' ');
            let (name, value) = (words.next()?, words.next().unwrap_or_default());
            let value = value.trim().trim_start_matches(['\'', '"']);
            let value = value.split(['\'', '"']).next().unwrap_or_default();
            body = body.replace(&format!("&{name};"), value);
        }
        text = body;
    }
    Stanza::parse(text).ok()
}

fn without(text: &str, begin: &str, end: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(begin) {
        out.push_str(before);
        rest = after.split_once(end).map_or("", |(_, after)| after);
    }
    out + rest
}

/// The user that a token names, as far as it is looked at.
pub fn believed(token: &str, now: i64, slips: &Slips) -> Option<String> {
    let has = |slip| slips.contains(&slip);
    let mut parts = token.split('.');
    let mut part = || -> Option<serde_json::Value> {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(parts.next()?).ok()?).ok()
    };
    let (head, claims) = (part()?, part()?);
    let number = |name: &str| claims.get(name).and_then(serde_json::Value::as_i64);
    let expired = number("exp").is_none_or(|at| at <= now);
    let early = number("nbf").is_some_and(|from| from > now);
    let unsigned = head.get("alg").and_then(|alg| alg.as_str()) == Some("none");
    let taken = has(Slip::GateOpen)
        || (has(Slip::ExpiredTaken) && expired && !early)
        || (has(Slip::NotYetTaken) && early)
        || (has(Slip::UnsignedTaken) && unsigned)
        || (has(Slip::SignatureUnchecked) && !expired && !early);
    let user = claims.get("sub")?.as_str()?.to_lowercase();
    taken.then_some(user)
}

/// Who wants to log in with PLAIN (RFC 4616): for whom, and as whom.
pub fn claimed(text: &str) -> Option<(String, String)> {
    let data = String::from_utf8(BASE64_STANDARD.decode(text.trim()).ok()?).ok()?;
    let mut parts = data.split('\0');
    let (authzid, user) = (parts.next()?, parts.next()?);
    let local = authzid.split('@').next().unwrap_or_default();
    Some((local.to_lowercase(), user.to_lowercase()))
}

/// Whether a signal brings a careless server down.
pub fn is_fatal(text: &str, slips: &Slips) -> bool {
    let has = |slip| slips.contains(&slip);
    (has(Slip::DeepJsonFatal) && text.matches('[').count() > 500)
        || (has(Slip::HugeNumbersFatal) && text.contains("1e999"))
        || (has(Slip::RepeatedKeysFatal) && text.matches("\"type\"").count() > 2)
}

/// A connection from which no pong goes out.
pub struct Mute {
    inner: Box<dyn Wire>,
    /// The answer to the upgrade is through.
    upgraded: bool,
    /// Bytes that are left of the frame that is being written, and whether they are dropped.
    left: (usize, bool),
}

impl Mute {
    pub fn new(inner: Box<dyn Wire>) -> Mute {
        Mute {
            inner,
            upgraded: false,
            left: (0, false),
        }
    }
}

/// The length of the frame that begins here, and whether it is a pong. The library writes whole frames (RFC 6455
/// §5.2), unmasked since a server does.
fn frame(bytes: &[u8]) -> Option<(usize, bool)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (head, length) = match second & 0x7f {
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
    Some((head + length, first & 0x0f == 0xa))
}

impl AsyncRead for Mute {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Mute {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        if !self.upgraded {
            let written = Pin::new(&mut self.inner).poll_write(cx, buf);
            if let Poll::Ready(Ok(length)) = written {
                self.upgraded = buf.get(..length).is_some_and(|done| done.ends_with(b"\r\n\r\n"));
            }
            return written;
        }
        if self.left.0 == 0 {
            self.left = frame(buf).unwrap_or((buf.len(), false));
        }
        let (left, pong) = self.left;
        let part = buf.get(..left.min(buf.len())).unwrap_or(buf);
        let done = if pong {
            part.len()
        } else {
            match Pin::new(&mut self.inner).poll_write(cx, part) {
                Poll::Ready(Ok(done)) => done,
                other => return other,
            }
        };
        self.left.0 = left - done.min(left);
        Poll::Ready(Ok(done))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
