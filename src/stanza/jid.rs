//! The parts of a JID (RFC 7622), and the form in which two are compared.

use std::borrow::Cow;

use xmpp_parsers::jid::BareJid;

/// A JID without its resource.
pub fn bare(jid: &str) -> &str {
    let end = memchr::memchr(b'/', jid.as_bytes()).unwrap_or(jid.len());
    jid.get(..end).unwrap_or(jid)
}

/// What does not stand for itself in a user or a domain, or ends them.
const ENDS: [bool; 256] = {
    let mut ends = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let of = byte as u8;
        ends[byte] = of == b'/' || of.is_ascii_uppercase() || !of.is_ascii();
        byte += 1;
    }
    ends
};

/// A JID in the form in which two are compared: user and domain fold their case, and their width and composition where
/// they are no ASCII (Nodeprep, Nameprep: what servers do); the resource does not.
pub fn fold(jid: &str) -> Cow<'_, str> {
    // As nearly all are written.
    let first = jid.bytes().find(|byte| ENDS[usize::from(*byte)]);
    if first.is_none_or(|byte| byte == b'/') {
        return Cow::Borrowed(jid);
    }
    let bare = bare(jid);
    let prepared = (!bare.is_ascii()).then(|| BareJid::new(bare).ok()).flatten();
    let mut folded = prepared.map_or_else(|| bare.to_lowercase(), |jid| jid.to_string());
    folded.push_str(jid.get(bare.len()..).unwrap_or_default());
    Cow::Owned(folded)
}

/// A JID's resource.
pub fn resource(jid: &str) -> Option<&str> {
    jid.split_once('/').map(|(_, resource)| resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_domain_fold_their_case_and_the_resource_does_not() {
        for (jid, folded) in [
            ("alice@example.com/Phone", "alice@example.com/Phone"),
            ("Alice@Example.com/Phone", "alice@example.com/Phone"),
            ("ÄRGER@example.com/Ä/B", "ärger@example.com/Ä/B"),
            ("A\u{30a}sa@example.com/A\u{30a}", "\u{e5}sa@example.com/A\u{30a}"),
            ("\u{ff42}ob@example.com", "bob@example.com"),
            ("no jid\u{e5}@@Example.com", "no jid\u{e5}@@example.com"),
            ("Example.com", "example.com"),
            ("", ""),
        ] {
            assert_eq!(fold(jid), folded);
        }
    }
}
