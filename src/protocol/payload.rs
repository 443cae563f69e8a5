//! The payloads of the nine signals: what they say, and what is wrong with them.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::decode::{Decoded, Fault, text, unknown};
use super::sdp::{self, Lint, Side};
use super::{Kind, Reason, candidate as ice};

const AT: &str = "/payload";

pub(super) fn payload(members: &Map<String, Value>, decoded: &mut Decoded) {
    let known: &[&str] = match decoded.facts.kind {
        None => return,
        Some(Kind::Accept | Kind::Reject | Kind::Busy) => {
            unknown(members, AT, &[], "SG-10", decoded);
            return;
        }
        Some(Kind::Initiate) => {
            initiate(members, decoded);
            &["callerName", "callerAvatar"]
        }
        Some(Kind::Offer) => {
            description(members, Side::Offer, decoded);
            &["sdp", "type"]
        }
        Some(Kind::Answer) => {
            description(members, Side::Answer, decoded);
            &["sdp", "type"]
        }
        Some(Kind::IceCandidate) => {
            candidate(members, decoded);
            &["candidate", "sdpMid", "sdpMLineIndex", "usernameFragment"]
        }
        Some(Kind::Hangup) => {
            hangup(members, decoded);
            &["reason", "duration"]
        }
        Some(Kind::MuteChange) => {
            decoded.facts.muted = members.get("muted").and_then(Value::as_bool);
            if decoded.facts.muted.is_none() {
                decoded.fault(
                    "SG-05",
                    "/payload/muted",
                    "`muted` is missing or neither true nor false",
                );
            }
            &["muted"]
        }
    };
    unknown(members, AT, known, "SG-09", decoded);
}

fn initiate(members: &Map<String, Value>, decoded: &mut Decoded) {
    if let Some(name) = text(members, AT, "callerName", "SG-06", decoded)
        && name.chars().all(is_blank)
    {
        decoded.fault("SG-06", "/payload/callerName", "`callerName` is blank");
    }
    match members.get("callerAvatar") {
        None | Some(Value::Null) => {}
        Some(Value::String(uri)) if is_uri(uri) => {
            if has_password(uri) {
                // The place is not told: it would be shown, and the password with it.
                decoded.fault("SG-17", "", "`callerAvatar` holds a password");
                if let Some(fault) = decoded.faults.last_mut() {
                    fault.should = true;
                }
            }
            let https = uri
                .get(..6)
                .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"));
            if !https {
                decoded.remark("SG-16", "/payload/callerAvatar", "`callerAvatar` is not https");
            }
        }
        Some(_) => decoded.fault(
            "SG-06",
            "/payload/callerAvatar",
            "`callerAvatar` is no absolute URI",
        ),
    }
}

fn description(members: &Map<String, Value>, side: Side, decoded: &mut Decoded) {
    let wanted = match side {
        Side::Offer => "offer",
        Side::Answer => "answer",
    };
    if let Some(found) = text(members, AT, "type", "SG-05", decoded)
        && found != wanted
    {
        decoded.fault(
            "SD-03",
            "/payload/type",
            format!("the payload's `type` is not `{wanted}`"),
        );
    }
    if let Some(lines) = text(members, AT, "sdp", "SG-05", decoded) {
        let (description, lints) = sdp::read(lines, side);
        tell("/payload/sdp", lints, decoded);
        decoded.facts.description = Some(Arc::new(description));
    }
}

fn tell(pointer: &str, lints: Vec<Lint>, decoded: &mut Decoded) {
    decoded.faults.extend(lints.into_iter().map(|lint| Fault {
        rule: lint.rule,
        pointer: pointer.to_owned(),
        message: lint.message,
        info: lint.info,
        should: lint.should,
        offset: None,
    }));
}

fn candidate(members: &Map<String, Value>, decoded: &mut Decoded) {
    let line = text(members, AT, "candidate", "SG-05", decoded).map(str::to_owned);
    let mut wrong = false;
    match members.get("sdpMid") {
        None | Some(Value::Null) => {}
        Some(Value::String(mid)) => decoded.facts.sdp_mid = Some(mid.clone()),
        Some(_) => {
            wrong = true;
            decoded.fault(
                "SG-05",
                "/payload/sdpMid",
                "`sdpMid` is neither a string nor null",
            );
        }
    }
    match members.get("sdpMLineIndex") {
        None | Some(Value::Null) => {}
        Some(index) => match whole(index).and_then(|index| u16::try_from(index).ok()) {
            Some(index) => decoded.facts.sdp_m_line_index = Some(index),
            None => {
                wrong = true;
                let message = "`sdpMLineIndex` is neither a whole number from 0 to 65535 nor null";
                decoded.fault("SG-05", "/payload/sdpMLineIndex", message);
            }
        },
    }
    let nowhere = decoded.facts.sdp_mid.is_none() && decoded.facts.sdp_m_line_index.is_none();
    if nowhere && !wrong && line.as_ref().is_some_and(|line| !line.is_empty()) {
        decoded.fault(
            "SD-12",
            AT,
            "a candidate names its section neither by `sdpMid` nor by `sdpMLineIndex`",
        );
    }
    decoded.facts.username_fragment = members
        .get("usernameFragment")
        .and_then(Value::as_str)
        .map(str::to_owned);
    if let Some(line) = line.as_ref().filter(|line| !line.is_empty()) {
        let (candidate, lints) = ice::read(line);
        tell("/payload/candidate", lints, decoded);
        decoded.facts.ice = candidate;
    }
    decoded.facts.candidate = line;
}

fn hangup(members: &Map<String, Value>, decoded: &mut Decoded) {
    if let Some(word) = text(members, AT, "reason", "SG-07", decoded) {
        decoded.facts.reason = Reason::from_wire(word);
        if decoded.facts.reason.is_none() {
            decoded.fault("SG-07", "/payload/reason", "`reason` is none of the six");
        }
    }
    if let Some(duration) = members.get("duration") {
        decoded.facts.duration = whole(duration);
        if decoded.facts.duration.is_none() {
            let message = "`duration` is no whole number of seconds from 0 up";
            decoded.fault("SG-08", "/payload/duration", message);
        }
    }
}

/// A number that JSON Schema calls an integer and that is not negative: `3.0` is 3.
fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let float = value
            .as_f64()
            .filter(|float| float.fract() == 0.0 && *float >= 0.0)?;
        // Saturates at the largest u64.
        Some(float as u64)
    })
}

/// White space as ECMA-262 has it, so that this and the schema's `\S` are one.
fn is_blank(c: char) -> bool {
    matches!(c, '\u{feff}') || (c.is_whitespace() && c != '\u{85}')
}

/// Whether a user name and a password stand before the host (RFC 3986 §3.2.1).
fn has_password(uri: &str) -> bool {
    let Some((_, rest)) = uri.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority
        .rsplit_once('@')
        .is_some_and(|(user, _)| user.contains(':'))
}

/// An absolute URI (RFC 3986 §3): a scheme, and only characters that a URI may hold.
pub(super) fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let letters = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        || !scheme.chars().all(letters)
        || rest.is_empty()
    {
        return false;
    }
    let bytes = rest.as_bytes();
    bytes.iter().enumerate().all(|(at, byte)| match byte {
        b'%' => bytes
            .get(at + 1..at + 3)
            .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)),
        _ => byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(byte),
    })
}
