//! What a server does to the text, the id and the length of a signal that it carries.

use super::super::deed::{Change, Reply};
use super::super::rewrite as change;
use super::{ALWAYS, Deed, Fault, Rewrite, SIGNAL, When, every, only, row};
use crate::protocol::Kind;

const fn text(how: fn(&str) -> String) -> Deed {
    Deed::Rewrite(Rewrite::Text(Change(how)))
}

const fn id(how: fn(&str) -> String) -> Deed {
    Deed::Rewrite(Rewrite::Id(Change(how)))
}

const fn longer(bytes: usize) -> When {
    When {
        longer: Some(bytes),
        ..ALWAYS
    }
}

const RT05: &[&str] = &["RT-05"];
const RT11: &[&str] = &["RT-11"];
const RT14: &[&str] = &["RT-14"];

#[rustfmt::skip]
pub(super) const FAULTS: &[Fault] = &[
    row("truncate", RT05, "Half of each signal's text is cut off.", SIGNAL, text(change::halved), ALWAYS),
    row("truncate-one-in-fifty", RT05, "One signal in fifty loses half of its text.", SIGNAL, text(change::halved), every(50)),
    row("truncate-last", RT05, "The last character of each text is lost.", SIGNAL, text(change::last_character_lost), ALWAYS),
    row("rewrite-json-order", RT05, "The JSON is read and written again, its members in another order.", SIGNAL, text(change::members_reversed), ALWAYS),
    row("rewrite-json-pretty", RT05, "The JSON is read and written again, on several lines.", SIGNAL, text(change::pretty), ALWAYS),
    row("rewrite-json-numbers", RT05, "The JSON is read and written again, its whole numbers as floats.", SIGNAL, text(change::numbers_as_floats), ALWAYS),
    row("rewrite-json-nulls", RT05, "Members that are null are dropped.", SIGNAL, text(change::nulls_dropped), ALWAYS),
    row("rewrite-json-unknown", RT05, "Members that the server does not know are dropped.", SIGNAL, text(change::unknown_members_dropped), ALWAYS),
    row("rewrite-json-white-space", RT05, "White space in the text is made one space.", SIGNAL, text(change::white_space_lost), ALWAYS),
    row("member-added", RT05, "The server writes a member of its own into each signal.", SIGNAL, text(change::member_added), ALWAYS),
    row("timestamp-replaced", RT05, "The server writes its own time into each signal.", SIGNAL, text(change::restamped), ALWAYS),
    row("call-id-in-capitals", RT05, "The callId arrives in capitals.", SIGNAL, text(change::ids_in_capitals), ALWAYS),
    row("sdp-line-ends", RT05, "CRLF in an SDP arrives as LF.", SIGNAL, text(change::line_ends_changed), ALWAYS),
    row("reason-changed", RT05, "Every hangup arrives as `failed`.", SIGNAL, Deed::Rewrite(Rewrite::Member("/payload/reason", Some("\"failed\""))), only(Kind::Hangup)),
    row("duration-dropped", RT05, "The duration of a call is dropped.", SIGNAL, Deed::Rewrite(Rewrite::Member("/payload/duration", None)), ALWAYS),
    row("mute-inverted", RT05, "Every mute-change arrives as a mute.", SIGNAL, Deed::Rewrite(Rewrite::Member("/payload/muted", Some("true"))), only(Kind::MuteChange)),
    row("recipient-replaced", RT05, "The server writes an id of its own for the recipient.", SIGNAL, Deed::Rewrite(Rewrite::Member("/recipientId", Some("\"00000000-0000-4000-8000-000000000000\""))), ALWAYS),
    row("id-changed", RT05, "Signals arrive under an id of the server's own.", SIGNAL, id(change::id_prefixed), ALWAYS),
    row("id-changed-one-in-fifty", RT05, "One signal in fifty arrives under another id.", SIGNAL, id(change::id_prefixed), every(50)),
    row("id-shortened", RT05, "Ids arrive cut at eight characters.", SIGNAL, id(change::id_shortened), ALWAYS),
    row("id-missing", RT05, "Signals arrive without their id.", SIGNAL, id(change::id_missing), ALWAYS),
    row("id-in-capitals", RT05, "Ids arrive in capitals.", SIGNAL, id(change::id_in_capitals), ALWAYS),
    // -- characters
    row("mojibake", RT14, "UTF-8 is read as Latin-1 and written as UTF-8 again.", SIGNAL, text(change::mojibake), ALWAYS),
    row("question-marks", RT14, "What is not ASCII arrives as question marks.", SIGNAL, text(change::question_marks), ALWAYS),
    row("emoji-lost", RT14, "Characters beyond three bytes of UTF-8 are replaced.", SIGNAL, text(change::astral_lost), ALWAYS),
    row("line-separators-lost", RT14, "U+2028 and U+2029 are dropped.", SIGNAL, text(change::separators_lost), ALWAYS),
    row("directions-lost", RT14, "Marks of right-to-left text are dropped.", SIGNAL, text(change::directions_lost), ALWAYS),
    row("combining-marks-lost", RT14, "Combining marks are dropped.", SIGNAL, text(change::combining_lost), ALWAYS),
    row("escaped-twice", RT14, "Markup in the text is escaped once too often.", SIGNAL, text(change::escaped_twice), ALWAYS),
    row("unescaped-twice", RT14, "Markup in the text is unescaped once too often.", SIGNAL, text(change::unescaped_twice), ALWAYS),
    row("cdata-end-lost", RT14, "`]]>` loses its last character.", SIGNAL, text(change::cdata_end_lost), ALWAYS),
    row("escaped-json", RT05, "What is not ASCII arrives as JSON escapes.", SIGNAL, text(change::escaped_json), ALWAYS),
    row("carriage-returns-lost", &["RT-15"], "A carriage return is written bare, and read as a line feed.", SIGNAL, text(change::carriage_returns_lost), ALWAYS),
    // -- length
    row("long-text-cut", RT11, "Texts longer than 4 000 characters are cut there.", SIGNAL, text(change::cut_at_4000), ALWAYS),
    row("long-text-lost", RT11, "Signals of 6 000 bytes and more are lost without a word.", SIGNAL, Deed::Drop, longer(6_000)),
    row("long-text-refused", RT11, "Signals of 6 000 bytes and more draw `policy-violation`, below the least limit there may be.", SIGNAL, Deed::AnswerFor(Reply::Error("policy-violation")), longer(6_000)),
    row("long-text-disconnects", RT11, "Whoever sends a signal of 6 000 bytes or more is thrown out.", SIGNAL, Deed::Disconnect("policy-violation"), longer(6_000)),
];
