//! Texts at the edges: every script, marks that reorder or combine, markup, and lengths about where limits tend to be.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::data::{Bit, Text};

/// What has been lost, doubled or reordered on the way through somebody's code.
const EDGES: [&str; 38] = [
    "Zoë",
    "naïve façade",
    "漢字かな",
    "हिन्दी",
    "ไทย",
    "العربية",
    "שלום",
    "Ωμέγα",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    "😀",
    "👩‍👩‍👧",
    "🏴󠁧󠁢󠁳󠁣󠁴󠁿",
    "🧑🏽",
    "🇺🇳",
    "e\u{301}",
    "Z\u{351}\u{36b}\u{343}",
    "\u{1112}\u{1161}\u{11ab}",
    "\u{202e}drow\u{202c}",
    "\u{2067}rtl\u{2069}",
    "\u{200f}\u{200e}",
    "\u{2028}\u{2029}",
    "one\u{2028}two",
    "one\u{2029}two",
    "\u{feff}",
    "\u{a0}\u{3000}\u{200b}",
    "\u{7f}\u{85}\u{9f}",
    "\u{10fffd}",
    "\u{e000}\u{fffd}",
    "&amp;",
    "&lt;&gt;&quot;",
    "&#60;&#x3e;",
    "<b>bold</b>",
    "]]>",
    "\"quoted\" 'too'",
    "C:\\new\\table",
    "\t\n\r",
    "{{braces}}",
    "%00%s%n$HOME",
];

/// Lengths in bytes about which buffers, columns and limits tend to end.
const LENGTHS: [usize; 22] = [
    1, 2, 63, 64, 127, 128, 255, 256, 511, 512, 1_023, 1_024, 2_047, 2_048, 4_000, 4_001, 4_096, 6_000,
    8_000, 8_191, 8_192, 9_000,
];

/// A character that JSON and XML both allow as it is (XML 1.0 §2.2), and that no reader has a reason to refuse.
fn character() -> impl Strategy<Value = char> {
    prop_oneof![
        3 => proptest::char::range(' ', '~'),
        1 => proptest::char::range('\u{a0}', '\u{7ff}'),
        1 => proptest::char::range('\u{800}', '\u{d7ff}'),
        1 => proptest::char::range('\u{e000}', '\u{fdcf}'),
        1 => proptest::char::range('\u{1f300}', '\u{1faff}'),
        1 => proptest::char::range('\u{20000}', '\u{2fffd}'),
    ]
}

fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => select(&EDGES[..]).prop_map(str::to_owned),
        1 => vec(character(), 1..12).prop_map(|all| all.into_iter().collect()),
    ]
}

/// A text that is not blank.
pub(super) fn text() -> impl Strategy<Value = Text> {
    vec(part(), 2..7).prop_map(|parts| {
        let mut text: String = parts.concat();
        if text.chars().all(|c| c.is_whitespace() || c == '\u{feff}') {
            text.push('x');
        }
        Text(vec![Bit::Chars(text)])
    })
}

/// So many letters as some limit might be, and no more than any server has to take with a signal around them.
pub(super) fn length(most: usize) -> impl Strategy<Value = usize> {
    let fitting: Vec<usize> = LENGTHS.into_iter().filter(|length| *length <= most).collect();
    prop_oneof![select(fitting), 1..=most]
}

/// Something written beside a long stretch, so that its end can be told from its middle.
pub(super) fn long(most: usize) -> impl Strategy<Value = Text> {
    (length(most), part()).prop_map(|(length, end)| Text(vec![Bit::Padding(length), Bit::Chars(end)]))
}
