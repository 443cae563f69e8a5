//! What a signal is, in two words: of one that cannot be read, as far as it shows.

use std::borrow::Cow;
use std::sync::Arc;

use crate::protocol::{Kind, NAMESPACE};
use crate::rules::Spoken;

/// The signal's kind, with a hangup's reason, and its callId in lower case.
pub(super) fn glance(xml: &str, spoken: Option<&Spoken>) -> Option<(Cow<'static, str>, Arc<str>)> {
    let facts = &spoken?.decoded.facts;
    let (Some(kind), Some(call)) = (facts.kind, &facts.call) else {
        return guess(xml);
    };
    let kind = match (kind, facts.reason) {
        (Kind::Hangup, Some(reason)) => Cow::Owned(format!("hangup {}", reason.wire())),
        _ => Cow::Borrowed(kind.name()),
    };
    let lower = call
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    let call = if lower {
        Arc::clone(call)
    } else {
        call.to_lowercase().into()
    };
    Some((kind, call))
}

fn guess(xml: &str) -> Option<(Cow<'static, str>, Arc<str>)> {
    let (_, text) = xml.split_once(NAMESPACE)?;
    let word = |after: &str, plain: fn(char) -> bool| {
        let (_, rest) = text.split_once(after)?;
        let start = rest.find(plain)?;
        let rest = rest.get(start..)?;
        let end = rest.find(|c| !plain(c)).unwrap_or(rest.len());
        rest.get(..end).map(str::to_owned)
    };
    // The quotes of JSON are `&quot;` in most stanzas: what follows is sought behind the colon.
    let after_colon = |name: &str, plain: fn(char) -> bool| {
        let (_, rest) = text.split_once(name)?;
        let (_, rest) = rest.split_once(':')?;
        let rest = rest.trim_start();
        let rest = ["&quot;", "&#34;", "\""]
            .iter()
            .find_map(|quote| rest.strip_prefix(quote))?;
        let end = rest.find(|c| !plain(c)).unwrap_or(rest.len());
        rest.get(..end).map(str::to_owned)
    };
    let id = after_colon("callId", |c| c.is_ascii_hexdigit() || c == '-')?.to_lowercase();
    let mut kind = word("call:", |c| c.is_ascii_lowercase() || c == '-').unwrap_or_else(|| "?".to_owned());
    if kind == "hangup"
        && let Some(reason) = after_colon("reason", |c| c.is_ascii_alphanumeric())
    {
        kind = format!("hangup {reason}");
    }
    (id.len() <= 64 && kind.len() <= 40).then(|| (kind.into(), id.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_shows_itself_however_it_is_written() {
        let told = |text: &str| {
            let xml = format!(
                "<iq><call xmlns='urn:xmpp:call:0'>{}</call></iq>",
                crate::stanza::escape(text)
            );
            glance(&xml, Some(&Spoken::new(text.to_owned()))).map(|(kind, call)| format!("{kind} {call}"))
        };
        const ID: &str = "550e8400-E29B-41d4-a716-446655440000";
        for text in [
            format!(r#"{{"type":"call:hangup","callId":"{ID}","payload":{{"reason":"busy"}}}}"#),
            format!(r#"{{"type":"call:\u0068angup","call\u0049d":"{ID}","payload":{{"reason":"busy"}}}}"#),
            // Cut off in the middle.
            format!(r#"{{"type":"call:hangup","callId":"{ID}","payload":{{"reason":"busy""#),
        ] {
            let wanted = format!("hangup busy {}", ID.to_lowercase());
            assert_eq!(told(&text), Some(wanted), "{text}");
        }
        assert_eq!(told("{}"), None);
    }
}
