//! The parts of a JID (RFC 7622), and the form in which two are compared.

/// A JID without its resource.
pub fn bare(jid: &str) -> &str {
    let end = memchr::memchr(b'/', jid.as_bytes()).unwrap_or(jid.len());
    jid.get(..end).unwrap_or(jid)
}

/// A JID in the form in which two are compared: user and domain fold their case, the resource does not.
pub fn fold(jid: &str) -> String {
    let ends = |byte: u8| byte == b'/' || byte.is_ascii_uppercase() || !byte.is_ascii();
    // As nearly all are written.
    if jid
        .bytes()
        .find(|byte| ends(*byte))
        .is_none_or(|byte| byte == b'/')
    {
        return jid.to_owned();
    }
    let bare = bare(jid);
    let mut folded = bare.to_lowercase();
    folded.push_str(jid.get(bare.len()..).unwrap_or_default());
    folded
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
            ("Example.com", "example.com"),
            ("", ""),
        ] {
            assert_eq!(fold(jid), folded);
        }
    }
}
