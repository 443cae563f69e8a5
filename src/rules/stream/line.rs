//! What has happened on one raw line so far.

use std::collections::BTreeSet;

use crate::stanza::Message;
use crate::transcript::{Opcode, Wire};

/// How a line ended that the other side ended.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// The sub-protocols that our upgrade offered.
    pub offered: Vec<String>,
    pub web: bool,
    /// The server has said something on it.
    pub heard: bool,
    /// It goes without TLS.
    pub plain: bool,
    /// The parts of a message that have come, and of one that we have sent.
    pub came: Message,
    pub sent: Message,
    /// Our opening of a stream that no opening of the server's has answered.
    pub opening: Option<u64>,
    /// The server has opened its stream.
    pub opened: bool,
    pub ids: BTreeSet<String>,
    pub bound: Option<String>,
    /// The last thing of ours after which the server cannot read the stream on.
    pub fault: Option<u64>,
    /// Whether it was named before the end is decided.
    pub named: bool,
    /// We broke WebSocket itself, so that nothing is owed on the stream.
    pub broke_frames: bool,
    pub our_close: Option<u64>,
    pub our_close_frame: Option<u64>,
    pub their_error: Option<u64>,
    pub their_close: Option<u64>,
    pub their_close_frame: Option<(u64, Option<u16>)>,
    /// The last thing that the server said was a refusal of a login.
    pub refused: bool,
}

impl Line {
    /// The whole message that this frame ends, or the piece of a stream.
    pub fn message(&mut self, sent: bool, wire: &Wire, text: Option<&str>) -> Option<String> {
        let message = if sent { &mut self.sent } else { &mut self.came };
        message.take(wire, text)
    }

    /// Whether a frame of ours is one that RFC 6455 or RFC 7395 §3.2 forbids here.
    pub fn breaks_framing(&self, wire: &Wire) -> bool {
        match wire {
            Wire::Frame { opcode, last, .. } => match opcode {
                Opcode::Binary | Opcode::Other => true,
                Opcode::Continuation => !self.sent.is_open(),
                Opcode::Text => self.sent.is_open(),
                Opcode::Ping | Opcode::Pong | Opcode::Close => !last,
            },
            Wire::Stream => self.web,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_the_standard_forbids_breaks_the_framing() {
        let frame = |opcode, last| Wire::Frame {
            opcode,
            last,
            data: None,
            code: None,
        };
        let breaks = |before: &[Wire], wire: Wire| {
            let mut line = Line {
                web: true,
                ..Line::default()
            };
            for wire in before {
                line.message(true, wire, Some("<a"));
            }
            line.breaks_framing(&wire)
        };
        let begun = [frame(Opcode::Text, false)];
        for (opcode, last, alone, within) in [
            (Opcode::Text, true, false, true),
            (Opcode::Continuation, true, true, false),
            (Opcode::Binary, true, true, true),
            (Opcode::Other, true, true, true),
            (Opcode::Ping, true, false, false),
            (Opcode::Pong, false, true, true),
            (Opcode::Close, false, true, true),
        ] {
            assert_eq!(breaks(&[], frame(opcode, last)), alone, "{opcode:?} {last}");
            assert_eq!(
                breaks(&begun, frame(opcode, last)),
                within,
                "{opcode:?} {last} within"
            );
        }
        // Bytes that are no frame.
        assert!(breaks(&[], Wire::Stream));
        assert!(!Line::default().breaks_framing(&Wire::Stream), "over TCP");
    }
}
