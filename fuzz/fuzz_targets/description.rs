//! Session descriptions, alone and as an offer with its answer, and candidates.
#![no_main]

use callspec::protocol::candidate;
use callspec::protocol::sdp::{Side, answers, begins, read, succeeds};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (one, other) = text.split_once('\0').unwrap_or((text, text));
    let (offer, _) = read(one, Side::Offer);
    let (answer, _) = read(other, Side::Answer);
    let _ = (begins(&offer, true), answers(&offer, &answer));
    let _ = succeeds(&answer, Some(&offer), &offer, true, None);
    let _ = candidate::read(one);
});
