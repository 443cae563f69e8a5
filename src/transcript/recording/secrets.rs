//! What has to be cut out of a recording: what logs someone in.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::has;

/// What stands where something was cut out.
pub const CUT: &str = "***";

/// Elements whose text is a secret, or proves one.
const SECRET: [&str; 13] = [
    "auth",
    "response",
    "challenge",
    "success",
    "abort",
    "handshake",
    "password",
    "digest",
    "key",
    "token",
    "initial-response",
    "additional-data",
    "secret",
];
/// Namespaces whose elements may hold such text further within.
const WITHIN: [&str; 6] = [
    "jabber:iq:register",
    "jabber:iq:auth",
    "urn:xmpp:sasl:",
    "urn:xmpp:fast:",
    "urn:ietf:params:xml:ns:xmpp-sasl",
    "jabber:component:",
];

static FINDERS: LazyLock<[Finder<'static>; 6]> = LazyLock::new(|| WITHIN.map(Finder::new));

/// The text with whatever logs in cut out: SASL exchanges, passwords, login tokens. Stanzas between users are left as
/// they are.
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    let name = first_name(text);
    let login = SECRET.contains(&name) || FINDERS.iter().any(|ns| ns.find(text.as_bytes()).is_some());
    let mut out = Cow::Borrowed(text);
    if login {
        for name in SECRET {
            cut(&mut out, name);
        }
        for attribute in ["token=\"", "token='"] {
            cut_attribute(&mut out, attribute);
        }
    }
    if !matches!(name, "message" | "iq") && has(&out, "eyJ") {
        cut_tokens(&mut out);
    }
    out
}

/// The name of the first element, without what stands before it.
pub(super) fn first_name(text: &str) -> &str {
    let rest = text.trim_start().strip_prefix('<').unwrap_or_default();
    let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '/' | '>'));
    end.and_then(|end| rest.get(..end)).unwrap_or(rest)
}

/// Cuts the text of every element of this name, whatever its prefix.
fn cut(text: &mut Cow<'_, str>, name: &str) {
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| rest.find(name)) {
        let at = from + found;
        from = at + name.len();
        let bytes = text.as_bytes();
        let opens = at > 0 && matches!(bytes.get(at - 1), Some(b'<' | b':'));
        let ends = matches!(bytes.get(from), Some(b'>' | b' ' | b'\t' | b'\n' | b'\r'));
        if !opens || !ends {
            continue;
        }
        let Some(start) = text.get(from..).and_then(tag_end).map(|end| from + end) else {
            continue;
        };
        if bytes.get(start.saturating_sub(2)) == Some(&b'/') {
            continue;
        }
        let length = text
            .get(start..)
            .map_or(0, |rest| rest.find('<').unwrap_or(rest.len()));
        from = start;
        let held = text.get(start..start + length).unwrap_or_default();
        // An empty response (`=`) is none.
        if !matches!(held.trim(), "" | "=") && held != CUT {
            text.to_mut().replace_range(start..start + length, CUT);
        }
    }
}

/// Where the tag that is open ends: just after its `>`, which may not stand in quotes.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match quote {
            None if byte == b'>' => return Some(at + 1),
            None if matches!(byte, b'"' | b'\'') => quote = Some(byte),
            Some(open) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

fn cut_attribute(text: &mut Cow<'_, str>, opening: &str) {
    let mut from = 0;
    let quote = opening.chars().next_back().unwrap_or('"');
    while let Some(found) = text.get(from..).and_then(|rest| rest.find(opening)) {
        let start = from + found + opening.len();
        let length = text.get(start..).and_then(|rest| rest.find(quote));
        let Some(length) = length else { return };
        text.to_mut().replace_range(start..start + length, CUT);
        from = start + CUT.len();
    }
}

/// JSON Web Tokens, wherever they stand: three parts in base64, the first beginning `{"`.
fn cut_tokens(text: &mut Cow<'_, str>) {
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| rest.find("eyJ")) {
        let start = from + found;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let rest = text.get(start..).unwrap_or_default();
        let length = rest.find(|c| !plain(c)).unwrap_or(rest.len());
        let token = rest.get(..length).unwrap_or_default();
        if token.matches('.').count() == 2 {
            text.to_mut().replace_range(start..start + length, CUT);
            from = start + CUT.len();
        } else {
            from = start + length.max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_logs_in_is_cut_out() {
        for (text, left) in [
            (
                "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGJvYgBz</auth>",
                "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>***</auth>",
            ),
            (
                "<sasl:response xmlns:sasl='urn:ietf:params:xml:ns:xmpp-sasl'>abc=</sasl:response>",
                "<sasl:response xmlns:sasl='urn:ietf:params:xml:ns:xmpp-sasl'>***</sasl:response>",
            ),
            (
                "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>x</initial-response></authenticate>",
                "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>***</initial-response></authenticate>",
            ),
            (
                "<iq type='set'><query xmlns='jabber:iq:register'><username>a</username><password>b</password></query></iq>",
                "<iq type='set'><query xmlns='jabber:iq:register'><username>a</username><password>***</password></query></iq>",
            ),
            (
                "<success xmlns='urn:xmpp:sasl:2'><token xmlns='urn:xmpp:fast:0' token='s'/></success>",
                "<success xmlns='urn:xmpp:sasl:2'><token xmlns='urn:xmpp:fast:0' token='***'/></success>",
            ),
            ("<x>eyJhbGciOi.eyJzdWIi.c2ln</x>", "<x>***</x>"),
            (
                "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
                "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
            ),
            (
                "<message><body>the password is x</body></message>",
                "<message><body>the password is x</body></message>",
            ),
        ] {
            assert_eq!(without_secrets(text), left);
            assert_eq!(without_secrets(left), left);
        }
    }
}
