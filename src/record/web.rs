//! The WebSocket frames of one direction (RFC 6455 §5.2), listened to: bytes in, whole messages out.

use flate2::{Decompress, FlushDecompress, Status};

/// What a direction said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Text(String),
    /// A message of so many bytes, too long to be kept.
    Skipped(usize),
    /// A message of so many bytes that are no UTF-8.
    NoText(usize),
    /// A close frame, with its status code.
    Close(Option<u16>),
}

/// What permessage-deflate (RFC 7692) asks of a listener in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deflate {
    /// Each message is compressed by itself.
    pub alone: bool,
}

#[derive(Debug, Default)]
struct Frame {
    opcode: u8,
    last: bool,
    left: u64,
    mask: Option<[u8; 4]>,
    /// How much of the payload went by.
    at: usize,
}

pub struct Frames {
    limit: usize,
    /// A header whose end is still missing.
    head: Vec<u8>,
    frame: Option<Frame>,
    message: Vec<u8>,
    skipped: usize,
    compressed: bool,
    control: Vec<u8>,
    /// What came of a compressed message, unmasked.
    packed: Vec<u8>,
    inflate: Option<(Decompress, Deflate)>,
}

/// The longest header (RFC 6455 §5.2).
const HEADER: usize = 14;
/// A compressed message is not followed beyond so many times the limit: it could be made to last for minutes.
const BOMB: usize = 64;

impl Frames {
    pub fn new(limit: usize, deflate: Option<Deflate>) -> Frames {
        Frames {
            limit,
            head: Vec::with_capacity(HEADER),
            frame: None,
            message: Vec::new(),
            skipped: 0,
            compressed: false,
            control: Vec::new(),
            packed: Vec::new(),
            inflate: deflate.map(|deflate| (Decompress::new(false), deflate)),
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// Why nothing can be told from what follows.
    pub fn feed(&mut self, mut bytes: &[u8], out: &mut Vec<Said>) -> Result<(), String> {
        loop {
            let Some(frame) = &mut self.frame else {
                let Some((byte, rest)) = bytes.split_first() else {
                    return Ok(());
                };
                self.head.push(*byte);
                bytes = rest;
                if let Some(frame) = header(&self.head) {
                    self.head.clear();
                    self.begin(frame)?;
                    // An empty payload ends with its header.
                    if self.frame.as_ref().is_some_and(|frame| frame.left == 0) {
                        self.end(out)?;
                    }
                }
                continue;
            };
            if bytes.is_empty() {
                return Ok(());
            }
            let length = usize::try_from(frame.left).map_or(bytes.len(), |left| left.min(bytes.len()));
            let (now, rest) = bytes.split_at(length);
            bytes = rest;
            let (at, mask, control) = (frame.at, frame.mask, frame.opcode >= 8);
            frame.at = (at + length) % 4;
            frame.left -= length as u64;
            let over = frame.left == 0;
            let compressed = !control && self.compressed;
            if control || compressed || self.has_room(length) {
                let target = match (control, compressed) {
                    (true, _) => &mut self.control,
                    (_, true) => &mut self.packed,
                    _ => &mut self.message,
                };
                let before = target.len();
                target.extend_from_slice(now);
                if let (Some(mask), Some(new)) = (mask, target.get_mut(before..)) {
                    unmask(new, mask, at);
                }
            }
            if compressed {
                let mut packed = std::mem::take(&mut self.packed);
                self.unpack(&packed)?;
                packed.clear();
                self.packed = packed;
            }
            if over {
                self.end(out)?;
            }
        }
    }

    /// Whether the message may grow by so much; else it is only counted from now on.
    fn has_room(&mut self, length: usize) -> bool {
        if self.skipped == 0 && self.message.len() + length <= self.limit {
            return true;
        }
        self.skipped += self.message.len() + length;
        self.message.clear();
        false
    }

    fn begin(&mut self, (frame, compressed): (Frame, bool)) -> Result<(), String> {
        match frame.opcode {
            8.. if frame.left > 125 => return Err("a control frame is too long".into()),
            1 | 2 => self.compressed = compressed,
            _ => {}
        }
        self.frame = Some(frame);
        Ok(())
    }

    /// The frame is whole.
    fn end(&mut self, out: &mut Vec<Said>) -> Result<(), String> {
        let Some(frame) = self.frame.take() else {
            return Ok(());
        };
        if frame.opcode >= 8 {
            let control = std::mem::take(&mut self.control);
            if frame.opcode == 8 {
                let code = control.first_chunk::<2>().map(|code| u16::from_be_bytes(*code));
                out.push(Said::Close(code));
            }
            return Ok(());
        }
        if !frame.last {
            return Ok(());
        }
        if self.compressed {
            // What the sender left off the end (RFC 7692 §7.2.2).
            self.unpack(&[0, 0, 0xff, 0xff])?;
            if let Some((inflate, Deflate { alone: true })) = &mut self.inflate {
                inflate.reset(false);
            }
        }
        let message = std::mem::take(&mut self.message);
        let skipped = std::mem::take(&mut self.skipped);
        // Text is what XMPP goes in (RFC 7395 §3.3); anything else cannot be written down.
        out.push(match String::from_utf8(message) {
            _ if skipped > 0 => Said::Skipped(skipped),
            Ok(text) => Said::Text(text),
            Err(error) => Said::NoText(error.as_bytes().len()),
        });
        Ok(())
    }

    /// Unpacks what comes next of a compressed message (RFC 7692 §7.2.2).
    fn unpack(&mut self, mut packed: &[u8]) -> Result<(), String> {
        let mut room = [0; 8_192];
        loop {
            let Some((inflate, _)) = &mut self.inflate else {
                return Err("its frames are compressed in a way that was not agreed on".into());
            };
            let (before, from) = (inflate.total_out(), inflate.total_in());
            let status = inflate.decompress(packed, &mut room, FlushDecompress::Sync);
            let status = status.map_err(|error| format!("a compressed message is broken: {error}"))?;
            let size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
            let (taken, given) = (
                size(inflate.total_in() - from),
                size(inflate.total_out() - before),
            );
            if status == Status::StreamEnd {
                // The sender may begin anew within a message (RFC 7692 §7.2.3.4).
                inflate.reset(false);
            }
            if self.has_room(given) {
                self.message.extend(room.get(..given).unwrap_or_default());
            }
            if self.skipped > self.limit.saturating_mul(BOMB) {
                return Err(format!(
                    "a compressed message has more than {} bytes",
                    self.skipped
                ));
            }
            packed = packed.get(taken..).unwrap_or_default();
            if (packed.is_empty() && given < room.len()) || (taken == 0 && given == 0) {
                return Ok(());
            }
        }
    }
}

/// RFC 6455 §5.3; `at`: where in the mask it begins.
fn unmask(bytes: &mut [u8], mut mask: [u8; 4], at: usize) {
    mask.rotate_left(at % 4);
    let key = u32::from_ne_bytes(mask);
    let (words, rest) = bytes.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ key).to_ne_bytes();
    }
    rest.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
}

/// The header of a frame, and whether its message is compressed; `None`: its end is still missing.
fn header(bytes: &[u8]) -> Option<(Frame, bool)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (left, after) = match second & 0x7f {
        126 => (
            u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
            4,
        ),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?), 10),
        short => (u64::from(short), 2),
    };
    let mask = match second & 0x80 {
        0 => None,
        _ => Some(bytes.get(after..after + 4)?.try_into().ok()?),
    };
    let frame = Frame {
        opcode: first & 0x0f,
        last: first & 0x80 != 0,
        left,
        mask,
        at: 0,
    };
    Some((frame, first & 0x40 != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8], size: usize, deflate: Option<Deflate>) -> Result<Vec<Said>, String> {
        let mut frames = Frames::new(100, deflate);
        let mut out = Vec::new();
        for chunk in bytes.chunks(size) {
            frames.feed(chunk, &mut out)?;
        }
        Ok(out)
    }

    #[test]
    fn messages_are_told_however_they_are_cut_masked_and_fragmented() {
        let mut bytes = b"\x81\x02hi".to_vec();
        // A ping between two fragments, the second masked.
        bytes.extend(b"\x01\x01a\x89\x01p\x80\x82\x01\x02\x03\x04cb");
        bytes.extend(b"\x81\x00\x81\x7e\x00\x65");
        bytes.extend([b'x'; 101]);
        bytes.extend(b"\x81\x8b\x01\x02\x03\x04");
        let masked = b"hello world".iter().zip([1, 2, 3, 4].iter().cycle());
        bytes.extend(masked.map(|(byte, mask)| byte ^ mask));
        bytes.extend(b"\x82\x01\xff\x88\x04\x03\xe8ok");
        let text = |text: &str| Said::Text(text.into());
        let wanted = [
            text("hi"),
            text("ab`"),
            text(""),
            Said::Skipped(101),
            text("hello world"),
            Said::NoText(1),
            Said::Close(Some(1000)),
        ];
        for size in [1, 2, 5, 1_000] {
            assert_eq!(all(&bytes, size, None).as_deref(), Ok(&wanted[..]), "{size}");
        }
    }

    #[test]
    fn compressed_messages_are_unpacked_with_and_without_what_went_before() {
        // The examples of RFC 7692 §7.2.3.1 and §7.2.3.2: "Hello" twice, the second by reference to the first.
        let first = b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00";
        let second = b"\xc1\x05\xf2\x00\x11\x00\x00";
        let text = Said::Text("Hello".into());
        let shared = Some(Deflate { alone: false });
        let both = [&first[..], &second[..]].concat();
        assert_eq!(all(&both, 3, shared), Ok(vec![text.clone(), text.clone()]));
        let alone = Some(Deflate { alone: true });
        let both = [&first[..], &first[..]].concat();
        assert_eq!(all(&both, 3, alone), Ok(vec![text.clone(), text]));
        assert!(all(first, 3, None).is_err());
    }

    #[test]
    fn a_long_compressed_message_costs_no_memory_and_only_a_bomb_ends_the_listening() {
        let mut packer = flate2::Compress::new(flate2::Compression::best(), false);
        let mut frame = |text: &[u8]| {
            let mut packed = Vec::with_capacity(10_000);
            let done = packer.compress_vec(text, &mut packed, flate2::FlushCompress::Sync);
            done.expect("packed");
            let packed = packed.strip_suffix(&[0, 0, 0xff, 0xff]).expect("a flush");
            let length = u16::try_from(packed.len()).expect("short").to_be_bytes();
            [&b"\xc1\x7e"[..], &length, packed].concat()
        };
        let shared = Some(Deflate { alone: false });
        // What comes after it refers to it.
        let mut bytes = [frame(&[b'x'; 5_000]), frame(b"and xxxxxxxx")].concat();
        let wanted = [Said::Skipped(5_000), Said::Text("and xxxxxxxx".into())];
        for size in [1, 7, 10_000] {
            assert_eq!(all(&bytes, size, shared).as_deref(), Ok(&wanted[..]), "{size}");
        }
        bytes.extend(frame(&[b'x'; 100_000]));
        assert!(all(&bytes, 1_000, shared).is_err());
    }
}
