//! Slips at work: what a stream that goes wrong writes, reads and believes.

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

use super::deed::Slip;
use crate::stanza::{CLIENT, FRAMING, STREAM, Stanza};

pub type Slips = BTreeSet<Slip>;

/// The server's opening over WebSocket; `None`: there is none.
pub fn opening(text: &str, slips: &Slips) -> Option<String> {
    let has = |slip| slips.contains(&slip);
    let without = |text: &str, name: &str| match text.split_once(&format!(" {name}=\"")) {
        Some((before, rest)) => match rest.split_once('"') {
            Some((_, after)) => format!("{before}{after}"),
            None => text.to_owned(),
        },
        None => text.to_owned(),
    };
    let mut text = text.to_owned();
    if has(Slip::OpenUnanswered) {
        return None;
    }
    if has(Slip::OpenWithoutFrom) {
        text = without(&text, "from");
    }
    if has(Slip::OpenWithoutId) {
        text = without(&text, "id");
    }
    if has(Slip::OpenSameId) {
        text = without(&text, "id").replacen("<open ", "<open id=\"1\" ", 1);
    }
    if has(Slip::OpenWithoutVersion) {
        text = without(&text, "version");
    }
    if has(Slip::OpenOldVersion) {
        text = text.replacen("version=\"1.0\"", "version=\"0.9\"", 1);
    }
    if has(Slip::OpenOtherNamespace) {
        text = text
            .replacen(FRAMING, STREAM, 1)
            .replacen("<open ", "<stream ", 1);
    }
    Some(text)
}

/// What is written in place of a text: frames in order.
pub fn frames(text: String, slips: &Slips) -> Vec<String> {
    let has = |slip| slips.contains(&slip);
    let mut text = text;
    if has(Slip::StanzaWithoutNamespace) {
        text = text.replacen(&format!(" xmlns=\"{CLIENT}\""), "", 1);
        text = text.replacen(&format!(" xmlns='{CLIENT}'"), "", 1);
    }
    if has(Slip::FeaturesUnbound) && text.starts_with("<stream:features") {
        text = text.replacen(&format!(" xmlns:stream=\"{STREAM}\""), "", 1);
    }
    if has(Slip::BlankBefore) {
        text.insert(0, ' ');
    }
    if has(Slip::EmptyFrames) {
        return vec![String::new(), text];
    }
    vec![text]
}

/// What a careless reader makes of a frame that is not well-formed, or not allowed; `None`: nothing either.
pub fn forgiven(text: &str, slips: &Slips) -> Option<Stanza> {
    let has = |slip| slips.contains(&slip);
    let mut text = text.to_owned();
    if has(Slip::CommentsTaken) {
        text = without(&text, "<!--", "-->");
    }
    if has(Slip::InstructionsTaken) {
        text = without(&text, "<?", "?>");
    }
    if has(Slip::EntitiesExpanded)
        && let Some((_, rest)) = text.split_once("<!DOCTYPE")
        && let Some((types, body)) = rest.split_once("]>")
    {
        let mut body = body.to_owned();
        for entity in types.split("<!ENTITY").skip(1) {
            let mut words = entity.trim().splitn(2, ' ');
            let (name, value) = (words.next()?, words.next().unwrap_or_default());
            let value = value.trim().trim_start_matches(['\'', '"']);
            let value = value.split(['\'', '"']).next().unwrap_or_default();
            body = body.replace(&format!("&{name};"), value);
        }
        text = body;
    }
    Stanza::parse(text).ok()
}

fn without(text: &str, begin: &str, end: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(begin) {
        out.push_str(before);
        rest = after.split_once(end).map_or("", |(_, after)| after);
    }
    out + rest
}

/// The user that a token names, as far as it is looked at.
pub fn believed(token: &str, now: i64, slips: &Slips) -> Option<String> {
    let has = |slip| slips.contains(&slip);
    let mut parts = token.split('.');
    let mut part = || -> Option<serde_json::Value> {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(parts.next()?).ok()?).ok()
    };
    let (head, claims) = (part()?, part()?);
    let number = |name: &str| claims.get(name).and_then(serde_json::Value::as_i64);
    let expired = number("exp").is_none_or(|at| at <= now);
    let early = number("nbf").is_some_and(|from| from > now);
    let unsigned = head.get("alg").and_then(|alg| alg.as_str()) == Some("none");
    let taken = has(Slip::GateOpen)
        || (has(Slip::ExpiredTaken) && expired && !early)
        || (has(Slip::NotYetTaken) && early)
        || (has(Slip::UnsignedTaken) && unsigned)
        || (has(Slip::SignatureUnchecked) && !expired && !early);
    let user = claims.get("sub")?.as_str()?.to_lowercase();
    taken.then_some(user)
}

/// Who wants to log in with PLAIN (RFC 4616): for whom, and as whom.
pub fn claimed(text: &str) -> Option<(String, String)> {
    let data = String::from_utf8(BASE64_STANDARD.decode(text.trim()).ok()?).ok()?;
    let mut parts = data.split('\0');
    let (authzid, user) = (parts.next()?, parts.next()?);
    let local = authzid.split('@').next().unwrap_or_default();
    Some((local.to_lowercase(), user.to_lowercase()))
}

/// Whether a signal brings a careless server down.
pub fn is_fatal(text: &str, slips: &Slips) -> bool {
    let has = |slip| slips.contains(&slip);
    (has(Slip::DeepJsonFatal) && text.matches('[').count() > 500)
        || (has(Slip::HugeNumbersFatal) && text.contains("1e999"))
        || (has(Slip::RepeatedKeysFatal) && text.matches("\"type\"").count() > 2)
}
