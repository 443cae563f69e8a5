//! What goes wrong below the stanzas: with upgrade, opening, frames and end of a stream, with tokens and logins, and
//! with what nobody should send.

use super::super::deed::{Carrier, Slip};
use super::super::rewrite as change;
use super::{ALWAYS, Deed, Fault, NOWHERE, SIGNAL, When, after, row, xml};

const TCP: When = When {
    over: Some(Carrier::Tcp),
    ..ALWAYS
};

const fn slip(name: &'static str, rules: &'static [&'static str], text: &'static str, slip: Slip) -> Fault {
    row(name, rules, text, NOWHERE, Deed::Slip(slip), ALWAYS)
}

#[rustfmt::skip]
pub(super) const FAULTS: &[Fault] = &[
    slip("protocol-unconfirmed", &["TR-01"], "The upgrade does not confirm the sub-protocol.", Slip::ProtocolUnconfirmed),
    slip("protocol-other", &["TR-01"], "The upgrade confirms another sub-protocol than was offered.", Slip::ProtocolOther),
    slip("protocol-unasked", &["TR-01"], "The upgrade confirms a sub-protocol that was not offered.", Slip::ProtocolUnasked),
    slip("open-ignored", &["TR-02"], "An opening over WebSocket is met with silence.", Slip::OpenIgnored),
    slip("open-unanswered", &["TR-02"], "An opening is answered with features alone.", Slip::OpenUnanswered),
    slip("open-without-from", &["TR-02"], "The server's opening has no `from`.", Slip::OpenWithoutFrom),
    slip("open-without-id", &["TR-02"], "The server's opening has no `id`.", Slip::OpenWithoutId),
    slip("open-same-id", &["TR-02"], "Every opening of the server has the same id.", Slip::OpenSameId),
    slip("open-without-version", &["TR-02"], "The server's opening has no `version`.", Slip::OpenWithoutVersion),
    slip("open-old-version", &["TR-02"], "The server's opening says version 0.9.", Slip::OpenOldVersion),
    slip("open-other-namespace", &["TR-02"], "The server opens a stream as it would over TCP.", Slip::OpenOtherNamespace),
    slip("two-in-a-frame", &["TR-03"], "Opening and features come in one frame.", Slip::TwoInAFrame),
    slip("blank-before", &["TR-03"], "A blank stands before each element.", Slip::BlankBefore),
    slip("empty-frames", &["TR-03"], "There are frames with nothing in them.", Slip::EmptyFrames),
    row("unescaped", &["TR-03"], "Markup in the text of a signal is written as it stands.", SIGNAL, xml(change::unescaped_twice), ALWAYS),
    slip("stanza-without-namespace", &["TR-04"], "Stanzas in frames do not carry their namespace.", Slip::StanzaWithoutNamespace),
    slip("features-unbound", &["TR-04"], "The prefix of the features is bound nowhere.", Slip::FeaturesUnbound),
    slip("close-ignored", &["TR-05"], "A client that closes its stream is not answered.", Slip::CloseIgnored),
    slip("close-unsaid", &["TR-05"], "The server ends a stream without closing it.", Slip::CloseUnsaid),
    slip("handshake-unsaid", &["TR-05"], "The connection is dropped without a WebSocket close.", Slip::HandshakeUnsaid),
    slip("ping-unanswered", &["TR-06"], "WebSocket pings are not answered.", Slip::PingUnanswered),
    slip("plaintext-taken", &["TR-07"], "A server that demands TLS goes on without.", Slip::PlaintextTaken),
    slip("binary-ignored", &["TR-08"], "A binary frame is met with silence.", Slip::BinaryIgnored),
    slip("fragments-ignored", &["TR-08"], "Fragments that cannot be joined are met with silence.", Slip::FragmentsIgnored),
    slip("error-unsaid", &["TR-09"], "A stream is closed on a fault without a stream error.", Slip::ErrorUnsaid),
    row("unescaped-over-tcp", &["TR-10"], "Markup in the text of a signal is written to TCP streams as it stands.", SIGNAL, xml(change::unescaped_twice), TCP),
    row("unclosed-over-tcp", &["TR-10"], "The end tag of `<call/>` is missing on TCP streams.", SIGNAL, xml(change::unclosed), TCP),
    row("comment-over-tcp", &["TR-10"], "A comment of the server's own stands in each signal on TCP streams.", SIGNAL, xml(change::commented), TCP),
    slip("frames-masked", &["TR-11"], "The server masks its frames as a client does.", Slip::FramesMasked),
    slip("frames-compressed", &["TR-11"], "The frame of each signal is marked as compressed, which nobody agreed on.", Slip::FramesCompressed),
    slip("frame-of-unknown-kind", &["TR-11"], "A frame with a reserved opcode stands before each signal.", Slip::FrameOfUnknownKind),
    slip("stray-continuation", &["TR-11"], "A continuation of nothing stands before each signal.", Slip::StrayContinuation),
    slip("message-within", &["TR-11"], "Each signal comes while another message has not ended, as from two writers.", Slip::MessageWithin),
    slip("ping-in-fragments", &["TR-11"], "A ping in fragments stands before each signal.", Slip::PingInFragments),
    slip("ping-too-long", &["TR-11"], "A ping of 126 bytes stands before each signal.", Slip::PingTooLong),
    slip("text-not-utf-8", &["TR-11"], "The last byte of each signal's frame is none of UTF-8.", Slip::TextNotUtf8),
    slip("close-code-never-sent", &["TR-11"], "WebSockets are closed with the status code 1006.", Slip::CloseCodeNeverSent),
    slip("gate-open", &["AU-01"], "Who shows no token is let in.", Slip::GateOpen),
    slip("expired-token-taken", &["AU-02"], "A token that has expired is taken.", Slip::ExpiredTaken),
    slip("token-of-tomorrow-taken", &["AU-02"], "A token that is not yet valid is taken.", Slip::NotYetTaken),
    slip("signature-unchecked", &["AU-03"], "A token is taken whatever its signature.", Slip::SignatureUnchecked),
    slip("unsigned-token-taken", &["AU-03"], "A token that says `alg: none` is taken.", Slip::UnsignedTaken),
    slip("algorithm-unchecked", &["AU-03"], "A token is taken whatever algorithm its key is used with.", Slip::AlgorithmUnchecked),
    slip("token-of-another", &["AU-04"], "A token for one user lets another one in.", Slip::TokenOfAnother),
    slip("token-names-the-user", &["AU-04"], "Whoever shows a token is its user, whoever logs in.", Slip::TokenNames),
    slip("acts-for-others", &["AU-04"], "Whoever logs in may act for any other user.", Slip::ActsForOthers),
    slip("wrong-password-taken", &["AU-05"], "Any password is taken.", Slip::WrongPasswordTaken),
    slip("wrong-password-oddly", &["AU-05"], "A wrong password draws `temporary-auth-failure`.", Slip::WrongPasswordOddly),
    slip("dead-after-refusal", &["AU-05"], "After one wrong password nobody is let in any more.", Slip::DeadAfterRefusal),
    slip("early-stanza-routed", &["AU-06"], "A stanza is routed before the login.", Slip::EarlyRouted),
    slip("unbound-stanza-routed", &["AU-06"], "A stanza is routed before a resource is bound.", Slip::UnboundRouted),
    slip("expiry-cuts", &["AU-07"], "A session is cut off without a word when its token expires.", Slip::ExpiryCuts),
    slip("conflict-ignored", &["AU-08"], "Two sessions are bound to one address.", Slip::ConflictIgnored),
    slip("comments-taken", &["RB-01"], "Comments are let through.", Slip::CommentsTaken),
    slip("instructions-taken", &["RB-01"], "Processing instructions are let through.", Slip::InstructionsTaken),
    slip("entities-expanded", &["RB-01"], "A document type is read, and its entity expanded.", Slip::EntitiesExpanded),
    slip("restricted-ignored", &["RB-01"], "Restricted XML is skipped, and the stream goes on.", Slip::RestrictedIgnored),
    slip("malformed-ignored", &["RB-02"], "Malformed XML is skipped, and the stream goes on.", Slip::MalformedIgnored),
    slip("malformed-hits-others", &["RB-02"], "Malformed XML on one stream ends all streams.", Slip::MalformedHitsOthers),
    slip("oversize-ignored", &["RB-03"], "Too large a stanza is met with silence.", Slip::OversizeIgnored),
    slip("oversize-hits-others", &["RB-03"], "Too large a stanza on one stream ends all streams.", Slip::OversizeHitsOthers),
    slip("deep-json-fatal", &["RB-04"], "A deeply nested JSON text brings the server down.", Slip::DeepJsonFatal),
    slip("huge-numbers-fatal", &["RB-04"], "A huge number in the JSON brings the server down.", Slip::HugeNumbersFatal),
    slip("repeated-keys-fatal", &["RB-04"], "A repeated member in the JSON brings the server down.", Slip::RepeatedKeysFatal),
    slip("flood-starves", &["RB-05"], "A flood on one stream holds up all others.", Slip::FloodStarves),
    slip("token-in-a-stanza", &["RB-06"], "The token comes back in the answer to the binding.", Slip::TokenInStanza),
    slip("token-in-a-header", &["RB-06"], "The token comes back in a header of the upgrade.", Slip::TokenInHeader),
    slip("connections-exhaust", &["RB-07"], "After sixty connections no more are served.", Slip::ConnectionsExhaust),
    row("half-open-calls-exhaust", &["RB-07"], "With sixty calls left open no other one gets through.", SIGNAL, Deed::Drop, after(60)),
];
