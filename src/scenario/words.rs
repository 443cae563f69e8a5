//! The closed sets of words that a scenario chooses from, and the form of its JSON pointers.

use crate::protocol::Kind;

/// Conditions of stanza errors (RFC 6120 §8.3.3).
pub const CONDITIONS: &[&str] = &[
    "bad-request",
    "conflict",
    "feature-not-implemented",
    "forbidden",
    "gone",
    "internal-server-error",
    "item-not-found",
    "jid-malformed",
    "not-acceptable",
    "not-allowed",
    "not-authorized",
    "policy-violation",
    "recipient-unavailable",
    "redirect",
    "registration-required",
    "remote-server-not-found",
    "remote-server-timeout",
    "resource-constraint",
    "service-unavailable",
    "subscription-required",
    "undefined-condition",
    "unexpected-request",
];

/// Conditions of stream errors (RFC 6120 §4.9.3).
pub const STREAM_CONDITIONS: &[&str] = &[
    "bad-format",
    "bad-namespace-prefix",
    "conflict",
    "connection-timeout",
    "host-gone",
    "host-unknown",
    "improper-addressing",
    "internal-server-error",
    "invalid-from",
    "invalid-namespace",
    "invalid-xml",
    "not-authorized",
    "not-well-formed",
    "policy-violation",
    "remote-connection-failed",
    "reset",
    "resource-constraint",
    "restricted-xml",
    "see-other-host",
    "system-shutdown",
    "undefined-condition",
    "unsupported-encoding",
    "unsupported-feature",
    "unsupported-stanza-type",
    "unsupported-version",
];

/// Conditions of SASL failures (RFC 6120 §6.5).
pub const SASL_CONDITIONS: &[&str] = &[
    "aborted",
    "account-disabled",
    "credentials-expired",
    "encryption-required",
    "incorrect-encoding",
    "invalid-authzid",
    "invalid-mechanism",
    "malformed-request",
    "mechanism-too-weak",
    "not-authorized",
    "temporary-auth-failure",
];

/// The members that a payload may have by the seed.
pub fn members_of(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Initiate => &["callerName", "callerAvatar"],
        Kind::Accept | Kind::Reject | Kind::Busy => &[],
        Kind::Offer | Kind::Answer => &["sdp", "type"],
        Kind::IceCandidate => &["candidate", "sdpMid", "sdpMLineIndex"],
        Kind::Hangup => &["reason", "duration"],
        Kind::MuteChange => &["muted"],
    }
}

/// What is wrong with a JSON pointer (RFC 6901 §3), and what to write in its place.
pub fn fault_of_pointer(text: &str) -> Option<(String, String)> {
    if !text.is_empty() && !text.starts_with('/') {
        let path = text.replace('.', "/");
        return Some(("a JSON pointer begins with a slash".into(), format!("`/{path}`")));
    }
    let mut tildes = text.split('~').skip(1);
    tildes.any(|after| !after.starts_with(['0', '1'])).then(|| {
        (
            "in a JSON pointer `~` is followed by 0 or 1".to_owned(),
            "`~0` stands for ~, `~1` for /".to_owned(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_told_from_what_only_looks_like_one() {
        for sound in ["", "/", "/payload/reason", "/a~1b/~0", "/payload/0"] {
            assert_eq!(fault_of_pointer(sound), None, "{sound}");
        }
        let (_, hint) = fault_of_pointer("payload.reason").expect("a fault");
        assert_eq!(hint, "`/payload/reason`");
        assert!(fault_of_pointer("/a~2").is_some());
        assert!(fault_of_pointer("/a~").is_some());
    }
}
