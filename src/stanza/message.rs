//! A message of a WebSocket, put together from its frames (RFC 6455 §5.4): cut wherever it was, in the middle of a
//! character too, and with control frames in between.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{Opcode, Wire};

/// More than any server says in one message: what is longer is not kept.
const LARGEST: usize = 32 << 20;

/// The parts of one side's message that have come so far.
#[derive(Debug, Default)]
pub struct Message {
    parts: Vec<u8>,
    begun: bool,
}

impl Message {
    /// A text has begun and has not ended yet.
    pub fn is_open(&self) -> bool {
        self.begun
    }

    /// What one side says by this, as text where it is some: of a message that comes in fragments all of it with the last
    /// one, and `None` before.
    pub fn hear(&mut self, wire: &Wire, text: Option<String>) -> Option<Option<String>> {
        let whole = self.take(wire, text.as_deref());
        let is_data = matches!(wire, Wire::Frame { opcode, .. } if [Opcode::Text, Opcode::Continuation].contains(opcode));
        (!(self.is_open() && is_data)).then(|| whole.or(text))
    }

    /// The whole text that this ends, which is empty where it is no UTF-8; of a stream each piece is whole.
    pub fn take(&mut self, wire: &Wire, text: Option<&str>) -> Option<String> {
        let Wire::Frame {
            opcode, last, data, ..
        } = wire
        else {
            return matches!(wire, Wire::Stream).then(|| text.unwrap_or_default().to_owned());
        };
        match opcode {
            Opcode::Text => self.parts.clear(),
            Opcode::Continuation => {}
            _ => return None,
        }
        match (text, data) {
            (Some(text), _) => self.parts.extend_from_slice(text.as_bytes()),
            // The piece of a character is no text.
            (None, Some(data)) => self
                .parts
                .extend(BASE64_STANDARD.decode(data).unwrap_or_default()),
            (None, None) => {}
        }
        self.parts.truncate(LARGEST);
        self.begun = !last;
        last.then(|| String::from_utf8(std::mem::take(&mut self.parts)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_whole_however_it_is_cut() {
        let frame = |opcode, last, data: Option<&str>| Wire::Frame {
            opcode,
            last,
            data: data.map(str::to_owned),
            code: None,
        };
        let mut message = Message::default();
        assert_eq!(message.take(&Wire::Stream, Some("<a/>")).as_deref(), Some("<a/>"));
        assert_eq!(
            message
                .take(&frame(Opcode::Text, true, None), Some("<b/>"))
                .as_deref(),
            Some("<b/>")
        );
        // `é` is C3 A9.
        assert_eq!(message.take(&frame(Opcode::Text, false, Some("w")), None), None);
        assert_eq!(
            message.take(&frame(Opcode::Text, false, Some("PMM=")), None),
            None
        );
        assert!(message.is_open());
        let ping = message.hear(&frame(Opcode::Ping, true, None), Some("p".into()));
        assert_eq!(ping, Some(Some("p".into())), "it stands for itself");
        assert_eq!(
            message.hear(&frame(Opcode::Continuation, false, None), Some("".into())),
            None
        );
        let whole = message.take(&frame(Opcode::Continuation, true, Some("qS8+")), None);
        assert_eq!(whole.as_deref(), Some("<é/>"));
        assert!(!message.is_open());
        assert_eq!(
            message
                .take(&frame(Opcode::Text, true, Some("/w==")), None)
                .as_deref(),
            Some("")
        );
    }
}
