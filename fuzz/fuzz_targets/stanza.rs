//! A stream in two chunks: its pieces are the same wherever it is cut, and each of them is an element.
#![no_main]

use callspec::stanza::Stanza;
use callspec::xmpp::{Limits, Piece, Splitter, check_frame};
use libfuzzer_sys::fuzz_target;

fn pieces(chunks: &[&[u8]]) -> (Vec<Piece>, Option<&'static str>) {
    let mut splitter = Splitter::default();
    let mut out = Vec::new();
    for chunk in chunks {
        splitter.feed(chunk);
        loop {
            match splitter.next_piece() {
                // What follows the end of the stream belongs to none.
                Ok(Some(Piece::Footer)) => return (out, None),
                Ok(Some(piece)) => out.push(piece),
                Ok(None) => break,
                Err(flaw) => return (out, Some(flaw.condition)),
            }
        }
    }
    (out, None)
}

fuzz_target!(|input: (u16, &[u8])| {
    let (cut, inner) = input;
    let header = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
    let whole = [header.as_slice(), inner].concat();
    let (first, second) = whole.split_at(usize::from(cut) % (whole.len() + 1));
    let at_once = pieces(&[&whole]);
    assert_eq!(at_once, pieces(&[first, second]));
    for piece in at_once.0 {
        if let Piece::Element(text) = piece {
            let _ = Stanza::parse(text);
        }
    }
    if let Ok(text) = std::str::from_utf8(inner) {
        let _ = check_frame(text, Limits::default());
        let _ = Stanza::parse(text);
    }
});
