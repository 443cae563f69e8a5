//! What a server may put into WebSocket frames, and in which order (RFC 6455 §5): one frame at a time. Lengths in more
//! bytes than they take (§5.2) disturb no reader, and are let be.

use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// The longest payload of a control frame (RFC 6455 §5.5).
const CONTROL: usize = 125;

const MASKED: &str = "a masked frame, where a server masks none (RFC 6455 §5.1)";
const RESERVED_BIT: &str = "a frame with a reserved bit that no extension gives a meaning (RFC 6455 §5.2)";
const STRAY: &str = "a continuation of no message (RFC 6455 §5.4)";
const WITHIN: &str = "a message within another one (RFC 6455 §5.4)";
const IN_FRAGMENTS: &str = "a control frame in fragments (RFC 6455 §5.5)";
const HALF_CODE: &str = "a close frame with half a status code (RFC 6455 §5.5.1)";
const NO_TEXT: &str = "a text that is no UTF-8 (RFC 6455 §8.1)";

/// What has come so far of one direction.
#[derive(Debug, Default)]
pub struct Sequence {
    /// An extension was agreed on: reserved bits may mean something, and payloads may be anything.
    extended: bool,
    /// A message has begun and not ended.
    open: bool,
    /// It is a text.
    text: bool,
    /// The beginning of a character whose end is still to come.
    tail: Vec<u8>,
}

impl Sequence {
    pub fn new(extended: bool) -> Sequence {
        Sequence {
            extended,
            ..Sequence::default()
        }
    }

    /// Why a server's frame may not stand here; `None`: it may.
    pub fn flaw(&mut self, header: &FrameHeader, payload: &[u8]) -> Option<String> {
        if header.mask.is_some() {
            return Some(MASKED.into());
        }
        if (header.rsv1 || header.rsv2 || header.rsv3) && !self.extended {
            return Some(RESERVED_BIT.into());
        }
        match header.opcode {
            OpCode::Control(kind) => control(kind, header.is_final, payload),
            OpCode::Data(kind) => self.data(kind, header.is_final, payload),
        }
    }

    fn data(&mut self, kind: Data, last: bool, payload: &[u8]) -> Option<String> {
        match kind {
            Data::Reserved(opcode) => return Some(reserved(opcode)),
            Data::Continue if !self.open => {
                return Some(STRAY.into());
            }
            Data::Text | Data::Binary if self.open => {
                return Some(WITHIN.into());
            }
            Data::Continue => {}
            Data::Text | Data::Binary => {
                self.text = kind == Data::Text;
                self.tail.clear();
            }
        }
        self.open = !last;
        (self.text && !self.extended && !self.reads(payload, last)).then(|| NO_TEXT.into())
    }

    /// Whether a text may go on so.
    fn reads(&mut self, payload: &[u8], last: bool) -> bool {
        let mut bytes = std::mem::take(&mut self.tail);
        bytes.extend_from_slice(payload);
        match std::str::from_utf8(&bytes) {
            Ok(_) => true,
            Err(error) if error.error_len().is_none() && !last => {
                self.tail = bytes.split_off(error.valid_up_to());
                true
            }
            Err(_) => false,
        }
    }
}

pub fn reserved(opcode: u8) -> String {
    format!("a frame with the reserved opcode {opcode} (RFC 6455 §5.2)")
}

fn control(kind: Control, last: bool, payload: &[u8]) -> Option<String> {
    if let Control::Reserved(opcode) = kind {
        return Some(reserved(opcode));
    }
    if !last {
        return Some(IN_FRAGMENTS.into());
    }
    if payload.len() > CONTROL {
        return Some(format!(
            "a control frame of {} bytes, where {CONTROL} is the most (RFC 6455 §5.5)",
            payload.len()
        ));
    }
    if kind != Control::Close {
        return None;
    }
    match payload {
        [] => None,
        [_] => Some(HALF_CODE.into()),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            let readable = std::str::from_utf8(reason).is_ok();
            closing(code).or_else(|| {
                (!readable).then(|| "a close frame whose reason is no UTF-8 (RFC 6455 §5.5.1)".into())
            })
        }
    }
}

/// Why no close frame may have this status code; `None`: it may, or nobody has said otherwise yet.
fn closing(code: u16) -> Option<String> {
    matches!(code, ..1_000 | 1_005 | 1_006 | 1_015)
        .then(|| format!("a close frame with the status code {code}, which is never sent (RFC 6455 §7.4)"))
}

/// What of a server's own doing made a WebSocket unreadable for the library; `None`: it was something else.
pub fn misframed(error: &Error) -> Option<String> {
    let what = match error {
        Error::Utf8(_) => NO_TEXT,
        Error::Protocol(error) => match error {
            ProtocolError::MaskedFrameFromServer => MASKED,
            ProtocolError::NonZeroReservedBits => RESERVED_BIT,
            ProtocolError::InvalidOpcode(opcode)
            | ProtocolError::UnknownDataFrameType(opcode)
            | ProtocolError::UnknownControlFrameType(opcode) => return Some(reserved(*opcode)),
            ProtocolError::UnexpectedContinueFrame => STRAY,
            ProtocolError::ExpectedFragment(_) => WITHIN,
            ProtocolError::FragmentedControlFrame => IN_FRAGMENTS,
            ProtocolError::ControlFrameTooBig => "a control frame of more than 125 bytes (RFC 6455 §5.5)",
            ProtocolError::InvalidCloseSequence => HALF_CODE,
            _ => return None,
        },
        _ => return None,
    };
    Some(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flaws(extended: bool, frames: &[(u8, &[u8])]) -> Vec<Option<String>> {
        let mut sequence = Sequence::new(extended);
        let header = |first: u8| FrameHeader {
            is_final: first & 0x80 != 0,
            rsv1: first & 0x40 != 0,
            rsv2: first & 0x20 != 0,
            rsv3: first & 0x10 != 0,
            opcode: OpCode::from(first & 0x0f),
            mask: None,
        };
        frames
            .iter()
            .map(|(first, payload)| sequence.flaw(&header(*first), payload))
            .collect()
    }

    #[test]
    fn a_frame_stands_where_it_may() {
        let sound: &[(u8, &[u8])] = &[
            (0x81, b"<a/>"),
            (0x01, b"\xc3"),
            (0x89, &[b'p'; 125]),
            (0x8a, b""),
            (0x00, b""),
            (0x80, b"\xa9"),
            (0x82, b"\xff"),
            (0x88, b"\x03\xe8bye"),
            (0x88, b""),
            (0x88, b"\x0f\xa0"),
        ];
        assert_eq!(flaws(false, sound), vec![None; sound.len()]);
        // What an extension does with bits and payloads is its own.
        assert_eq!(flaws(true, &[(0xc1, b"\xff")]), [None]);
    }

    #[test]
    fn a_frame_that_may_not_stand_here_is_named() {
        let long = [0; 126];
        for (frames, wanted) in [
            (&[(0xc1_u8, &b"a"[..])][..], "reserved bit"),
            (&[(0x91, b"a")], "reserved bit"),
            (&[(0x83, b"a")], "reserved opcode 3"),
            (&[(0x8b, b"a")], "reserved opcode 11"),
            (&[(0x80, b"a")], "a continuation of no message"),
            (&[(0x81, b"a"), (0x00, b"a")], "a continuation of no message"),
            (&[(0x01, b"a"), (0x81, b"a")], "a message within another one"),
            (&[(0x01, b"a"), (0x02, b"a")], "a message within another one"),
            (&[(0x09, b"a")], "a control frame in fragments"),
            (&[(0x89, &long)], "a control frame of 126 bytes"),
            (&[(0x81, b"\xff")], "no UTF-8"),
            (&[(0x01, b"\xc3"), (0x80, b"a")], "no UTF-8"),
            (&[(0x01, b"a"), (0x80, b"\xc3")], "no UTF-8"),
            (&[(0x88, b"a")], "half a status code"),
            (&[(0x88, b"\x03\xee")], "status code 1006"),
            (&[(0x88, b"\x00\x01")], "status code 1,"),
            (&[(0x88, b"\x03\xe8\xff")], "reason is no UTF-8"),
        ] {
            let seen = flaws(false, frames).pop().flatten().unwrap_or_default();
            assert!(seen.contains(wanted), "{frames:?}: {seen}");
        }
        let masked = FrameHeader {
            mask: Some([1, 2, 3, 4]),
            ..FrameHeader::default()
        };
        assert!(
            Sequence::default()
                .flaw(&masked, b"")
                .is_some_and(|why| why.contains("masked"))
        );
    }
}
