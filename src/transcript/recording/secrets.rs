//! What has to be cut out of a recording: what logs someone in.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::printed::tag_end;
use super::{Sought, has};

/// What stands where something was cut out.
pub const CUT: &str = "***";

/// Elements whose text is a secret, or proves one, where somebody logs in.
const SECRET: [&str; 14] = [
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
    // What a password is kept as (XEP-0480).
    "hash",
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
/// What the name of a field holds whose value is a secret (XEP-0004, XEP-0133, XEP-0045, XEP-0357).
const FIELDS: [&str; 5] = ["text-private", "password", "passwd", "secret", "token"];

static FINDERS: LazyLock<[Finder<'static>; 6]> = LazyLock::new(|| WITHIN.map(Finder::new));
static PASSWORD: Sought = LazyLock::new(|| Finder::new("password"));
static FORM: Sought = LazyLock::new(|| Finder::new("jabber:x:data"));
static UPLOAD: Sought = LazyLock::new(|| Finder::new("urn:xmpp:http:upload"));

/// The text with whatever lets someone in cut out: SASL exchanges, passwords, login tokens, the passwords of relays
/// (XEP-0215), what a form asks for in private, what permits an upload (XEP-0363). What people say is left as it is.
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    let name = first_name(text);
    let bytes = text.as_bytes();
    let login = SECRET.contains(&name) || FINDERS.iter().any(|ns| ns.find(bytes).is_some());
    let mut out = Cow::Borrowed(text);
    if login {
        for name in SECRET {
            cut(&mut out, name);
        }
        cut_attribute(&mut out, "token", whole);
    }
    if PASSWORD.find(bytes).is_some() {
        cut(&mut out, "password");
        cut_attribute(&mut out, "password", whole);
    }
    if FORM.find(bytes).is_some() {
        cut_fields(&mut out);
    }
    if UPLOAD.find(bytes).is_some() {
        cut(&mut out, "header");
        cut_attribute(&mut out, "url", query);
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
    while let Some(tag) = next_tag(text, from, name) {
        from = tag.end;
        if text.get(tag).is_some_and(|tag| tag.ends_with("/>")) {
            continue;
        }
        let start = from;
        let length = text.get(start..).map_or(0, held);
        let held = text.get(start..start + length).unwrap_or_default();
        // An empty response (`=`) is none.
        if !matches!(held.trim(), "" | "=") && held != CUT {
            text.to_mut().replace_range(start..start + length, CUT);
        }
    }
}

/// The next opening tag of this name, whatever its prefix.
fn next_tag(text: &str, mut from: usize, name: &str) -> Option<Range<usize>> {
    loop {
        let at = from + text.get(from..)?.find(name)?;
        from = at + name.len();
        let bytes = text.as_bytes();
        let opens = at > 0 && matches!(bytes.get(at - 1), Some(b'<' | b':'));
        let ends = matches!(bytes.get(from), Some(b'>' | b'/' | b' ' | b'\t' | b'\n' | b'\r'));
        if opens
            && ends
            && let Some(end) = text.get(from..).and_then(tag_end)
        {
            return Some(at..from + end);
        }
    }
}

/// How long the text is that comes first: up to the next tag. Sections and comments are part of it.
fn held(text: &str) -> usize {
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('<')) {
        at += found;
        let rest = text.get(at..).unwrap_or_default();
        let closed = [("<![CDATA[", "]]>"), ("<!--", "-->"), ("<?", "?>")];
        let Some((_, close)) = closed.iter().find(|(open, _)| rest.starts_with(open)) else {
            return at;
        };
        at += rest.find(close).map_or(rest.len(), |found| found + close.len());
    }
    text.len()
}

/// What of an attribute's value is cut.
type Part = fn(&str) -> Range<usize>;

fn whole(value: &str) -> Range<usize> {
    0..value.len()
}

/// Of an address, what follows the path.
fn query(value: &str) -> Range<usize> {
    value.find('?').map_or(value.len(), |at| at + 1)..value.len()
}

/// Cuts this part of every attribute of this name.
fn cut_attribute(text: &mut Cow<'_, str>, name: &str, part: Part) {
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| rest.find(name)) {
        let at = from + found;
        from = at + name.len();
        let Some(value) = value(text, at, from) else {
            continue;
        };
        let Range { start, end } = part(text.get(value.clone()).unwrap_or_default());
        let cut = value.start + start..value.start + end;
        from = cut.end;
        if !matches!(text.get(cut.clone()), None | Some("" | CUT)) {
            from = cut.start + CUT.len();
            text.to_mut().replace_range(cut, CUT);
        }
    }
}

/// The value of the attribute whose name stands there; `None`: it is no attribute, but text.
fn value(text: &str, at: usize, end: usize) -> Option<Range<usize>> {
    let before = text.get(..at)?;
    let rest = text.get(end..)?;
    let tail = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = tail.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let open = before.rfind('<')?;
    // Within a tag its end is still to come.
    let within = tag_end(text.get(open..)?).is_some_and(|length| open + length > end);
    if !before.ends_with(|c: char| c.is_whitespace()) || !within {
        return None;
    }
    let start = text.len() - tail.len() + 1;
    Some(start..start + text.get(start..)?.find(quote)?)
}

/// Cuts the values of a form's fields that are asked for in private.
fn cut_fields(text: &mut Cow<'_, str>) {
    let mut from = 0;
    while let Some(tag) = next_tag(text, from, "field") {
        from = tag.end;
        let named = text.get(tag).unwrap_or_default().to_lowercase();
        if FIELDS.iter().any(|word| named.contains(word)) && !named.ends_with("/>") {
            let end = next_tag(text, from, "field").map_or(text.len(), |next| next.start);
            let mut inside = Cow::Borrowed(text.get(from..end).unwrap_or_default());
            cut(&mut inside, "value");
            if let Cow::Owned(inside) = inside {
                text.to_mut().replace_range(from..end, &inside);
            }
        }
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
                "<iq><query xmlns='jabber:iq:register'><password\n><![CDATA[a<b]]></password></query></iq>",
                "<iq><query xmlns='jabber:iq:register'><password\n>***</password></query></iq>",
            ),
            (
                "<success xmlns='urn:xmpp:sasl:2'><token token = \"s\" expiry='2030'/></success>",
                "<success xmlns='urn:xmpp:sasl:2'><token token = \"***\" expiry='2030'/></success>",
            ),
            (
                "<next xmlns='urn:xmpp:sasl:2'><hash xmlns='urn:xmpp:scram-upgrade:0'>c2FsdGVk</hash></next>",
                "<next xmlns='urn:xmpp:sasl:2'><hash xmlns='urn:xmpp:scram-upgrade:0'>***</hash></next>",
            ),
            (
                "<iq><services xmlns='urn:xmpp:extdisco:2'><service username='u' password='a>b' port='1'/></services></iq>",
                "<iq><services xmlns='urn:xmpp:extdisco:2'><service username='u' password='***' port='1'/></services></iq>",
            ),
            (
                "<iq><slot xmlns='urn:xmpp:http:upload:0'><put url='https://u/a?v=ab'><header name='Authorization'>Bearer x\
                 </header></put><get url='https://u/a'/></slot></iq>",
                "<iq><slot xmlns='urn:xmpp:http:upload:0'><put url='https://u/a?***'><header name='Authorization'>***\
                 </header></put><get url='https://u/a'/></slot></iq>",
            ),
            (
                "<iq><x xmlns='jabber:x:data'><field var='user'><value>u</value></field><field var='pw' type='text-private'>\
                 <value>a</value><value>b</value></field><field var='x'><value>y</value></field></x></iq>",
                "<iq><x xmlns='jabber:x:data'><field var='user'><value>u</value></field><field var='pw' type='text-private'>\
                 <value>***</value><value>***</value></field><field var='x'><value>y</value></field></x></iq>",
            ),
            (
                "<presence><x xmlns='http://jabber.org/protocol/muc'><password>a</password></x></presence>",
                "<presence><x xmlns='http://jabber.org/protocol/muc'><password>***</password></x></presence>",
            ),
            (
                "<message><body>the password is x, password='y' > token=\"z\"</body></message>",
                "<message><body>the password is x, password='y' > token=\"z\"</body></message>",
            ),
        ] {
            assert_eq!(without_secrets(text), left);
            assert_eq!(without_secrets(left), left);
        }
    }
}
