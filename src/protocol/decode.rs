//! A signal read from its raw text: the facts that are readable, and everything that is wrong with it.

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::{Act, Kind, Reason, strict};

/// What could be read, however wrong the rest is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    pub value: Option<Value>,
    pub kind: Option<Kind>,
    pub call: Option<String>,
    pub sender: Option<String>,
    pub recipient: Option<String>,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub timestamp: Option<f64>,
    pub reason: Option<Reason>,
    /// Whole seconds.
    pub duration: Option<u64>,
    pub muted: Option<bool>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The catalogue id.
    pub rule: &'static str,
    /// Where, as a JSON pointer.
    pub pointer: String,
    pub message: String,
    /// No more than a remark.
    pub info: bool,
}

/// A signal as far as it can be read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decoded {
    pub facts: Facts,
    pub faults: Vec<Fault>,
}

impl Decoded {
    /// What the state machine looks at; `None` without a known type.
    pub fn act(&self) -> Option<Act> {
        let facts = &self.facts;
        Some(Act {
            kind: facts.kind?,
            reason: facts.reason,
            duration: facts.duration,
            muted: facts.muted,
        })
    }

    fn fault(&mut self, rule: &'static str, pointer: &str, message: impl Into<String>) {
        self.faults.push(Fault {
            rule,
            pointer: pointer.into(),
            message: message.into(),
            info: false,
        });
    }

    fn remark(&mut self, rule: &'static str, pointer: &str, message: impl Into<String>) {
        self.faults.push(Fault {
            rule,
            pointer: pointer.into(),
            message: message.into(),
            info: true,
        });
    }
}

const ENVELOPE: [&str; 6] = [
    "type",
    "callId",
    "senderId",
    "recipientId",
    "timestamp",
    "payload",
];

/// Reads a signal (seed, "Base schema for all call signals"). Never fails: what is wrong stands in `faults`.
pub fn decode(text: &str) -> Decoded {
    let mut decoded = Decoded::default();
    let (value, repeated) = match strict::read(text) {
        Ok(read) => read,
        Err(error) => {
            decoded.fault("IQ-04", "", format!("the text of <call/> is no JSON: {error}"));
            return decoded;
        }
    };
    for pointer in repeated {
        decoded.fault("IQ-04", &pointer, "this member stands more than once");
    }
    match &value {
        Value::Object(members) => envelope(&mut decoded, members),
        _ => decoded.fault("IQ-04", "", "the text of <call/> is JSON, but no object"),
    }
    decoded.facts.value = Some(value);
    decoded
}

fn envelope(decoded: &mut Decoded, members: &Map<String, Value>) {
    for name in ENVELOPE {
        let pointer = format!("/{name}");
        match members.get(name) {
            None => decoded.fault("SG-02", &pointer, format!("`{name}` is missing")),
            Some(Value::Object(_)) if name == "payload" => {}
            Some(Value::String(_)) if name != "payload" => {}
            Some(_) => {
                let wanted = if name == "payload" {
                    "an object"
                } else {
                    "a string"
                };
                let empty = members
                    .get("type")
                    .and_then(Value::as_str)
                    .and_then(Kind::from_wire);
                let rule = match (name, empty) {
                    ("payload", Some(Kind::Accept | Kind::Reject | Kind::Busy)) => "SG-10",
                    _ => "SG-02",
                };
                decoded.fault(rule, &pointer, format!("`{name}` is not {wanted}"));
            }
        }
    }
    for name in members.keys().filter(|name| !ENVELOPE.contains(&name.as_str())) {
        decoded.remark("SG-09", &format!("/{name}"), "the seed does not name this member");
    }
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    if let Some(kind) = text("type") {
        decoded.facts.kind = Kind::from_wire(kind);
        if decoded.facts.kind.is_none() {
            decoded.fault("SG-01", "/type", format!("`{kind}` is none of the nine signals"));
        }
    }
    for name in ["callId", "senderId", "recipientId"] {
        let Some(id) = text(name) else { continue };
        let id = id.to_owned();
        if !is_uuid(&id) {
            let message = format!("`{id}` is no UUID in the 8-4-4-4-12 form");
            decoded.fault("SG-03", &format!("/{name}"), message);
        } else if name == "callId" {
            let version = Uuid::parse_str(&id)
                .map(|id| id.get_version_num())
                .unwrap_or_default();
            if !matches!(version, 4 | 7) {
                let message = format!("`{id}` is neither a random (v4) nor a time-ordered (v7) UUID");
                decoded.fault("SG-15", "/callId", message);
            }
        }
        let slot = match name {
            "callId" => &mut decoded.facts.call,
            "senderId" => &mut decoded.facts.sender,
            _ => &mut decoded.facts.recipient,
        };
        // RFC 9562 §4: letters in either case are the same id.
        *slot = Some(id.to_ascii_lowercase());
    }
    if decoded.facts.sender.is_some() && decoded.facts.sender == decoded.facts.recipient {
        decoded.fault("SG-11", "/recipientId", "sender and recipient are the same user");
    }
    if let Some(timestamp) = text("timestamp") {
        match parse_timestamp(timestamp) {
            Some(at) => decoded.facts.timestamp = Some(at),
            None => {
                let message = format!("`{timestamp}` is no RFC 3339 date-time with an offset");
                decoded.fault("SG-04", "/timestamp", message);
            }
        }
    }
    if let (Some(kind), Some(Value::Object(payload))) = (decoded.facts.kind, members.get("payload")) {
        self::payload(decoded, kind, payload);
    }
}

fn payload(decoded: &mut Decoded, kind: Kind, members: &Map<String, Value>) {
    let known: &[&str] = match kind {
        Kind::Initiate => &["callerName", "callerAvatar"],
        Kind::Accept | Kind::Reject | Kind::Busy => &[],
        Kind::Offer | Kind::Answer => &["sdp", "type"],
        // RTCIceCandidate.toJSON() adds usernameFragment: every browser sends it.
        Kind::IceCandidate => &["candidate", "sdpMid", "sdpMLineIndex", "usernameFragment"],
        Kind::Hangup => &["reason", "duration"],
        Kind::MuteChange => &["muted"],
    };
    let rule = if known.is_empty() { "SG-10" } else { "SG-09" };
    for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
        decoded.remark(
            rule,
            &format!("/payload/{name}"),
            "the seed does not name this member",
        );
    }
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    match kind {
        Kind::Accept | Kind::Reject | Kind::Busy => {}
        Kind::Initiate => {
            if text("callerName").is_none_or(|name| name.trim().is_empty()) {
                decoded.fault(
                    "SG-06",
                    "/payload/callerName",
                    "`callerName` is not a text with something in it",
                );
            }
            match members.get("callerAvatar") {
                None | Some(Value::Null) => {}
                Some(Value::String(avatar)) => match url::Url::parse(avatar) {
                    Ok(url) if url.scheme() != "https" => {
                        decoded.remark("SG-16", "/payload/callerAvatar", "the avatar is not https");
                    }
                    Ok(_) => {}
                    Err(_) => decoded.fault("SG-06", "/payload/callerAvatar", "no absolute URI"),
                },
                Some(_) => decoded.fault("SG-06", "/payload/callerAvatar", "no absolute URI"),
            }
        }
        Kind::Offer | Kind::Answer => {
            match text("sdp") {
                Some(sdp) => line_ends(decoded, sdp),
                None => decoded.fault("SG-05", "/payload/sdp", "`sdp` is not a string"),
            }
            if text("type") != Some(kind.name()) {
                let message = format!("the payload's `type` is not \"{}\"", kind.name());
                decoded.fault("SD-03", "/payload/type", message);
            }
        }
        Kind::IceCandidate => {
            let candidate = text("candidate").map(str::to_owned);
            if candidate.is_none() {
                decoded.fault("SG-05", "/payload/candidate", "`candidate` is not a string");
            }
            let mid = members.get("sdpMid").filter(|mid| !mid.is_null());
            if mid.is_some_and(|mid| !mid.is_string()) {
                decoded.fault(
                    "SG-05",
                    "/payload/sdpMid",
                    "`sdpMid` is neither a string nor null",
                );
            }
            let index = members.get("sdpMLineIndex").filter(|index| !index.is_null());
            if index.is_some_and(|index| whole(index).is_none_or(|index| index > 65_535)) {
                let message = "`sdpMLineIndex` is neither a whole number up to 65535 nor null";
                decoded.fault("SG-05", "/payload/sdpMLineIndex", message);
            }
            if candidate.is_some_and(|candidate| !candidate.is_empty()) && mid.is_none() && index.is_none() {
                decoded.fault(
                    "SD-12",
                    "/payload",
                    "neither `sdpMid` nor `sdpMLineIndex` says where it belongs",
                );
            }
        }
        Kind::Hangup => {
            decoded.facts.reason = text("reason").and_then(Reason::from_wire);
            if decoded.facts.reason.is_none() {
                decoded.fault("SG-07", "/payload/reason", "`reason` is none of the six");
            }
            if let Some(duration) = members.get("duration") {
                decoded.facts.duration = whole(duration);
                if decoded.facts.duration.is_none() {
                    let message = "`duration` is not a whole number of seconds, 0 or more";
                    decoded.fault("SG-08", "/payload/duration", message);
                }
            }
        }
        Kind::MuteChange => {
            decoded.facts.muted = members.get("muted").and_then(Value::as_bool);
            if decoded.facts.muted.is_none() {
                decoded.fault("SG-05", "/payload/muted", "`muted` is neither true nor false");
            }
        }
    }
}

fn line_ends(decoded: &mut Decoded, sdp: &str) {
    if sdp.contains("\\r\\n") || sdp.contains("\\n") {
        let message =
            "the line ends are escaped twice: the SDP holds a backslash and letters in place of CRLF";
        decoded.fault("SD-02", "/payload/sdp", message);
    } else if sdp
        .split_inclusive('\n')
        .any(|line| line.ends_with('\n') && !line.ends_with("\r\n"))
    {
        decoded.remark(
            "SD-02",
            "/payload/sdp",
            "lines end in LF alone; RFC 8866 wants CRLF",
        );
    }
}

/// A whole number, 0 or more; `294.0` is one too (JSON Schema 2020-12, "integer").
fn whole(value: &Value) -> Option<u64> {
    let limit = 9_007_199_254_740_992.0;
    let integral = |f: f64| (f >= 0.0 && f.fract() == 0.0 && f < limit).then_some(f as u64);
    value.as_u64().or_else(|| value.as_f64().and_then(integral))
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}

/// RFC 3339 §5.6; letters in either case, and a leap second counts as the one before it.
fn parse_timestamp(text: &str) -> Option<f64> {
    let upper = text.to_ascii_uppercase();
    let shape = upper.as_bytes().get(10) == Some(&b'T');
    let at = OffsetDateTime::parse(&upper, &Rfc3339).ok().filter(|_| shape)?;
    Some(at.unix_timestamp_nanos() as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(kind: &str, payload: &str) -> String {
        format!(
            r#"{{"type":"{kind}","callId":"550e8400-e29b-41d4-a716-446655440000","senderId":"a1b2c3d4-e5f6-7890-abcd-ef1234567890","recipientId":"b2c3d4e5-f6a7-8901-bcde-f12345678901","timestamp":"2025-12-08T10:30:00Z","payload":{payload}}}"#
        )
    }

    fn rules(text: &str) -> Vec<&'static str> {
        decode(text).faults.into_iter().map(|fault| fault.rule).collect()
    }

    #[test]
    fn the_seeds_examples_are_sound_but_for_their_line_ends() {
        for (kind, payload) in [
            (
                "call:initiate",
                r#"{"callerName":"Alice","callerAvatar":"https://example.com/avatars/alice.jpg"}"#,
            ),
            ("call:accept", "{}"),
            ("call:reject", "{}"),
            ("call:busy", "{}"),
            (
                "call:offer",
                r#"{"sdp":"v=0\r\no=- 123456 2 IN IP4 127.0.0.1\r\n","type":"offer"}"#,
            ),
            (
                "call:answer",
                r#"{"sdp":"v=0\r\no=- 654321 2 IN IP4 127.0.0.1\r\n","type":"answer"}"#,
            ),
            (
                "call:ice-candidate",
                r#"{"candidate":"candidate:1 1 UDP 2122194687 192.168.1.100 54321 typ host","sdpMid":"0","sdpMLineIndex":0}"#,
            ),
            ("call:hangup", r#"{"reason":"completed","duration":294}"#),
            ("call:hangup", r#"{"reason":"cancelled"}"#),
            ("call:mute-change", r#"{"muted":true}"#),
        ] {
            let decoded = decode(&signal(kind, payload));
            assert_eq!(decoded.faults, [], "{kind}");
            assert_eq!(decoded.facts.kind.map(Kind::wire), Some(kind));
        }
        let escaped = signal(
            "call:offer",
            r#"{"sdp":"v=0\\r\\no=- 1 2 IN IP4 127.0.0.1\\r\\n","type":"offer"}"#,
        );
        assert_eq!(rules(&escaped), ["SD-02"]);
    }

    #[test]
    fn each_fault_is_told_by_its_rule() {
        for (kind, payload, rule) in [
            ("call:hold", "{}", "SG-01"),
            ("call:offer", r#"{"sdp":1,"type":"offer"}"#, "SG-05"),
            ("call:offer", r#"{"sdp":"v=0\r\n","type":"answer"}"#, "SD-03"),
            ("call:initiate", r#"{"callerName":" "}"#, "SG-06"),
            (
                "call:initiate",
                r#"{"callerName":"A","callerAvatar":"a.jpg"}"#,
                "SG-06",
            ),
            ("call:hangup", r#"{"reason":"bored"}"#, "SG-07"),
            ("call:hangup", r#"{"reason":"completed","duration":1.5}"#, "SG-08"),
            ("call:hangup", r#"{"reason":"completed","duration":-1}"#, "SG-08"),
            ("call:hangup", r#"{"reason":"busy","extra":1}"#, "SG-09"),
            ("call:accept", "null", "SG-10"),
            (
                "call:ice-candidate",
                r#"{"candidate":"candidate:1","sdpMid":null,"sdpMLineIndex":null}"#,
                "SD-12",
            ),
            (
                "call:ice-candidate",
                r#"{"candidate":"c","sdpMid":"0","sdpMLineIndex":65536}"#,
                "SG-05",
            ),
            ("call:mute-change", r#"{"muted":"yes"}"#, "SG-05"),
            ("call:mute-change", r#"{"muted":true,"muted":false}"#, "IQ-04"),
        ] {
            assert_eq!(rules(&signal(kind, payload)), [rule], "{kind} {payload}");
        }
        assert_eq!(rules("{"), ["IQ-04"]);
        assert_eq!(rules("[]"), ["IQ-04"]);
        assert_eq!(rules(&"[".repeat(100_000)), ["IQ-04"]);
        let whole = signal("call:hangup", r#"{"reason":"completed","duration":294.0}"#);
        assert_eq!(
            (rules(&whole).len(), decode(&whole).facts.duration),
            (0, Some(294))
        );
    }

    #[test]
    fn ids_and_times_have_their_forms() {
        let good = signal("call:accept", "{}");
        let with = |from: &str, to: &str| rules(&good.replace(from, to));
        assert_eq!(
            with(
                "550e8400-e29b-41d4-a716-446655440000",
                "550e8400e29b41d4a716446655440000"
            ),
            ["SG-03"]
        );
        assert_eq!(with("550e8400-e29b-41d4", "00000000-0000-0000"), ["SG-15"]);
        assert_eq!(
            with(
                "b2c3d4e5-f6a7-8901-bcde-f12345678901",
                "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
            ),
            ["SG-11"]
        );
        assert_eq!(with("2025-12-08T10:30:00Z", "2025-12-08T10:30:00"), ["SG-04"]);
        assert_eq!(with("2025-12-08T10:30:00Z", "2025-12-08 10:30:00Z"), ["SG-04"]);
        for time in [
            "2025-12-08T11:30:00.123+01:00",
            "2025-12-08t10:30:00z",
            "2016-12-31T23:59:60Z",
        ] {
            assert_eq!(with("2025-12-08T10:30:00Z", time), [""; 0], "{time}");
        }
    }
}
