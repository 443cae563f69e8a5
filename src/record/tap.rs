//! Listens to both directions of one connection: bytes in, the pieces of its stream out. It changes nothing.

use super::LONGEST;
use super::head;
use super::web::{Frames, Said};
use crate::stanza::SASL;
use crate::transcript::recording::Way;
use crate::xmpp::{Limits, Piece, Splitter};

/// What was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sound {
    /// One element, or the header or the end of a stream.
    Text(Way, String),
    /// A stanza of so many bytes: too long to be written down.
    Skipped(Way, usize),
    /// A message of so many bytes that are no text.
    NoText(Way, usize),
    /// This side closes the connection, and says so.
    Close(Way, Option<u16>),
    /// The upgrade was answered with this status, which is not 101.
    Refused(u16),
    /// Nothing more can be told from what passes, and why.
    Lost(String),
}

enum State {
    /// The server's answer to the upgrade, so far, and what the client said early.
    Upgrading {
        answer: Vec<u8>,
        early: Vec<u8>,
    },
    Web {
        client: Box<Frames>,
        server: Box<Frames>,
    },
    Tcp {
        client: Box<Splitter>,
        server: Box<Splitter>,
    },
    Deaf,
}

pub struct Tap {
    state: State,
}

impl Tap {
    /// Of a WebSocket whose request has been sent.
    pub fn web() -> Tap {
        Tap {
            state: State::Upgrading {
                answer: Vec::new(),
                early: Vec::new(),
            },
        }
    }

    /// Of a TCP stream that begins.
    pub fn tcp() -> Tap {
        let splitter = || {
            Box::new(Splitter::skipping(Limits {
                largest: LONGEST,
                ..Limits::default()
            }))
        };
        Tap {
            state: State::Tcp {
                client: splitter(),
                server: splitter(),
            },
        }
    }

    /// Takes what one side sent.
    pub fn feed(&mut self, way: Way, bytes: &[u8], out: &mut Vec<Sound>) {
        let lost = match &mut self.state {
            State::Deaf => return,
            State::Upgrading { answer, early } => {
                let more = if way == Way::In { answer } else { early };
                more.extend_from_slice(bytes);
                self.upgraded(out)
            }
            State::Web { client, server } => {
                let frames = if way == Way::Out { client } else { server };
                frame(frames, way, bytes, out)
            }
            State::Tcp { client, server } => split(client, server, way, bytes, out),
        };
        if let Err(why) = lost {
            self.state = State::Deaf;
            out.push(Sound::Lost(why));
        }
    }

    /// Whether the answer has come, and what follows from it.
    fn upgraded(&mut self, out: &mut Vec<Sound>) -> Result<(), String> {
        let State::Upgrading { answer, early } = &mut self.state else {
            return Ok(());
        };
        let odd = || "the upgrade was not answered as HTTP answers".to_owned();
        let agreed = loop {
            let Some(end) = head::end(answer) else {
                let long = answer.len() > head::LONGEST || early.len() > head::LONGEST;
                return if long { Err(odd()) } else { Ok(()) };
            };
            let rest = answer.split_off(end);
            let head = std::mem::replace(answer, rest);
            let agreed = head::answer(&head).ok_or_else(odd)?;
            // Others go before the answer itself (RFC 9110 §15.2).
            if agreed.status == 101 || agreed.status >= 200 {
                break agreed;
            }
        };
        let (answer, rest, early) = (agreed, std::mem::take(answer), std::mem::take(early));
        if answer.status != 101 {
            self.state = State::Deaf;
            out.push(Sound::Refused(answer.status));
            return Ok(());
        }
        if let Some(name) = answer.strange {
            return Err(format!(
                "both sides agreed on the extension {name}, which is not known here"
            ));
        }
        let (client, server) = answer.deflate.unzip();
        self.state = State::Web {
            client: Box::new(Frames::new(LONGEST, client)),
            server: Box::new(Frames::new(LONGEST, server)),
        };
        let State::Web { client, server } = &mut self.state else {
            return Ok(());
        };
        frame(client, Way::Out, &early, out)?;
        frame(server, Way::In, &rest, out)
    }
}

fn frame(frames: &mut Frames, way: Way, bytes: &[u8], out: &mut Vec<Sound>) -> Result<(), String> {
    let mut said = Vec::new();
    let result = frames.feed(bytes, &mut said);
    out.extend(said.into_iter().map(|said| match said {
        Said::Text(text) => Sound::Text(way, text),
        Said::Skipped(length) => Sound::Skipped(way, length),
        Said::NoText(length) => Sound::NoText(way, length),
        Said::Close(code) => Sound::Close(way, code),
    }));
    result.map_err(|why| format!("what passes can no longer be read: {why}"))
}

fn split(
    client: &mut Splitter,
    server: &mut Splitter,
    way: Way,
    bytes: &[u8],
    out: &mut Vec<Sound>,
) -> Result<(), String> {
    let (own, other) = if way == Way::Out {
        (client, server)
    } else {
        (server, client)
    };
    own.feed(bytes);
    loop {
        let piece = own
            .next_piece()
            .map_err(|flaw| format!("what passes can no longer be read as an XMPP stream: {flaw}"))?;
        match piece {
            None => return Ok(()),
            // Whatever its prefix, it is known by one.
            Some(Piece::Header(raw)) => {
                let named = raw.starts_with("<stream:stream") || !raw.starts_with('<');
                let attributes = raw
                    .split_once(|c: char| c.is_whitespace())
                    .map_or("", |(_, rest)| rest);
                let text = if named {
                    raw
                } else {
                    format!("<stream:stream {attributes}")
                };
                out.push(Sound::Text(way, text));
            }
            Some(Piece::Element(raw)) => {
                let begins_anew = way == Way::In && raw.contains(SASL) && is_success(&raw);
                let plain = is_named(&raw, "proceed") || is_named(&raw, "compressed");
                out.push(Sound::Text(way, raw));
                if begins_anew {
                    // RFC 6120 §6.4.6: both sides begin a new document.
                    own.restart();
                    other.restart();
                } else if plain {
                    return Err(
                        "both sides go on in bytes that are no XML (TLS of their own, or compression)".into(),
                    );
                }
            }
            Some(Piece::Skipped(length)) => out.push(Sound::Skipped(way, length)),
            Some(Piece::Footer) => out.push(Sound::Text(way, "</stream:stream>".into())),
        }
    }
}

fn is_success(raw: &str) -> bool {
    is_named(raw, "success")
}

/// Whether this is the element's name, with any prefix or none.
fn is_named(raw: &str, name: &str) -> bool {
    let first = raw.trim_start_matches('<');
    let first = first
        .split(|c: char| c.is_whitespace() || matches!(c, '/' | '>'))
        .next();
    let local = first.unwrap_or_default();
    local.rsplit_once(':').map_or(local, |(_, local)| local) == name
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

    fn heard(tap: &mut Tap, way: Way, bytes: &[u8]) -> Vec<Sound> {
        let mut out = Vec::new();
        bytes.chunks(3).for_each(|chunk| tap.feed(way, chunk, &mut out));
        out
    }

    #[test]
    fn a_websocket_is_heard_from_its_upgrade_on() {
        let mut tap = Tap::web();
        assert_eq!(heard(&mut tap, Way::Out, b"\x81\x81\0\0\0\0a"), []);
        let answer =
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x01b\x88\x02\x03\xe8";
        assert_eq!(
            heard(&mut tap, Way::In, answer),
            [
                Sound::Text(Way::Out, "a".into()),
                Sound::Text(Way::In, "b".into()),
                Sound::Close(Way::In, Some(1000))
            ]
        );
        let mut tap = Tap::web();
        let hints = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n\
                      HTTP/1.1 101 \r\n\r\n\x81\x02\xff\xff";
        assert_eq!(heard(&mut tap, Way::In, hints), [Sound::NoText(Way::In, 2)]);
        let mut tap = Tap::web();
        let refusal = b"HTTP/1.1 401 Unauthorized\r\n\r\nno";
        assert_eq!(heard(&mut tap, Way::In, refusal), [Sound::Refused(401)]);
        assert_eq!(heard(&mut tap, Way::In, b"\x81\x01b"), []);
    }

    #[test]
    fn a_stream_begins_anew_after_its_login() {
        let mut tap = Tap::tcp();
        heard(
            &mut tap,
            Way::Out,
            format!("<?xml version='1.0'?>{HEADER}").as_bytes(),
        );
        heard(&mut tap, Way::In, HEADER.as_bytes());
        let success = format!("<success xmlns='{SASL}'/>");
        heard(&mut tap, Way::In, success.as_bytes());
        let text = |way, text: &str| Sound::Text(way, text.into());
        let begun = heard(&mut tap, Way::Out, format!("{HEADER}<iq/>").as_bytes());
        assert_eq!(begun, [text(Way::Out, HEADER), text(Way::Out, "<iq/>")]);
        let begun = heard(&mut tap, Way::In, format!("{HEADER}</stream:stream>").as_bytes());
        assert_eq!(begun, [text(Way::In, HEADER), text(Way::In, "</stream:stream>")]);
    }

    #[test]
    fn a_stream_that_cannot_be_read_is_told_once() {
        for (bytes, part) in [
            (format!("{HEADER}<a></b>"), "no longer be read"),
            (
                format!("{HEADER}<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
                "TLS of their own",
            ),
        ] {
            let mut tap = Tap::tcp();
            let sounds = heard(&mut tap, Way::In, bytes.as_bytes());
            let lost = sounds
                .iter()
                .filter(|sound| matches!(sound, Sound::Lost(_)))
                .count();
            assert!(lost == 1 && format!("{sounds:?}").contains(part), "{sounds:?}");
            assert_eq!(heard(&mut tap, Way::In, b"<a/>"), []);
        }
    }
}
