use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::protocol::{sample, schema, schema_names, validate};

/// The seed's examples, their line ends escaped once.
const EXAMPLES: &[&str] = &[
    r#"{"type": "call:initiate", "callId": "550e8400-e29b-41d4-a716-446655440000", "senderId": "a1b2c3d4-e5f6-7890-abcd-ef1234567890", "recipientId": "b2c3d4e5-f6a7-8901-bcde-f12345678901", "timestamp": "2025-12-08T10:30:00Z", "payload": {"callerName": "Alice", "callerAvatar": "https://example.com/avatars/alice.jpg"}}"#,
    r#"{"type": "call:accept", "callId": "550e8400-e29b-41d4-a716-446655440000", "senderId": "b2c3d4e5-f6a7-8901-bcde-f12345678901", "recipientId": "a1b2c3d4-e5f6-7890-abcd-ef1234567890", "timestamp": "2025-12-08T10:30:05Z", "payload": {}}"#,
    r#"{"type": "call:reject", "callId": "550e8400-e29b-41d4-a716-446655440000", "senderId": "b2c3d4e5-f6a7-8901-bcde-f12345678901", "recipientId": "a1b2c3d4-e5f6-7890-abcd-ef1234567890", "timestamp": "2025-12-08T10:30:05Z", "payload": {}}"#,
    r#"{"type": "call:busy", "callId": "550e8400-e29b-41d4-a716-446655440000", "senderId": "b2c3d4e5-f6a7-8901-bcde-f12345678901", "recipientId": "a1b2c3d4-e5f6-7890-abcd-ef1234567890", "timestamp": "2025-12-08T10:30:02Z", "payload": {}}"#,
    r#"{"type": "call:offer", "callId": "550e8400-e29b-41d4-a716-446655440000", "senderId": "a1b2c3d4-e5f6-7890-abcd-ef1234567890", "recipientId": "b2c3d4e5-f6a7-8901-bcde-f12345678901", "timestamp": "2025-12-08T10:30:06Z", "payload": {"sdp": "v=0\r\no=- 123456 2 IN IP4 127.0.0.1\r\n...", "type": "offer"}}"#,
    r#"{"type": "call:answer", "callId": "550e8400-e29b-41d4-a716-446655440000", "senderId": "b2c3d4e5-f6a7-8901-bcde-f12345678901", "recipientId": "a1b2c3d4-e5f6-7890-abcd-ef1234567890", "timestamp": "2025-12-08T10:30:07Z", "payload": {"sdp": "v=0\r\no=- 654321 2 IN IP4 127.0.0.1\r\n...", "type": "answer"}}"#,
    r#"{"type": "call:ice-candidate", "callId": "550e8400-e29b-41d4-a716-446655440000", "senderId": "a1b2c3d4-e5f6-7890-abcd-ef1234567890", "recipientId": "b2c3d4e5-f6a7-8901-bcde-f12345678901", "timestamp": "2025-12-08T10:30:08Z", "payload": {"candidate": "candidate:1 1 UDP 2122194687 192.168.1.100 54321 typ host", "sdpMid": "0", "sdpMLineIndex": 0}}"#,
    r#"{"type": "call:hangup", "callId": "550e8400-e29b-41d4-a716-446655440000", "senderId": "a1b2c3d4-e5f6-7890-abcd-ef1234567890", "recipientId": "b2c3d4e5-f6a7-8901-bcde-f12345678901", "timestamp": "2025-12-08T10:35:00Z", "payload": {"reason": "completed", "duration": 294}}"#,
    r#"{"type": "call:hangup", "callId": "550e8400-e29b-41d4-a716-446655440000", "senderId": "a1b2c3d4-e5f6-7890-abcd-ef1234567890", "recipientId": "b2c3d4e5-f6a7-8901-bcde-f12345678901", "timestamp": "2025-12-08T10:30:10Z", "payload": {"reason": "cancelled"}}"#,
    r#"{"type": "call:mute-change", "callId": "550e8400-e29b-41d4-a716-446655440000", "senderId": "a1b2c3d4-e5f6-7890-abcd-ef1234567890", "recipientId": "b2c3d4e5-f6a7-8901-bcde-f12345678901", "timestamp": "2025-12-08T10:32:00Z", "payload": {"muted": true}}"#,
    r#"{"type": "call:mute-change", "callId": "550e8400-e29b-41d4-a716-446655440000", "senderId": "a1b2c3d4-e5f6-7890-abcd-ef1234567890", "recipientId": "b2c3d4e5-f6a7-8901-bcde-f12345678901", "timestamp": "2025-12-08T10:33:00Z", "payload": {"muted": false}}"#,
];

fn rules(text: &str) -> Vec<&'static str> {
    decode(text)
        .faults
        .into_iter()
        .filter(|fault| !fault.info)
        .map(|fault| fault.rule)
        .collect()
}

#[test]
fn what_the_seed_does_not_name_and_an_avatar_in_the_clear_are_remarked() {
    let remarks = |text: &str| -> Vec<(&str, String)> {
        let remarks = decode(text).faults.into_iter().filter(|fault| fault.info);
        remarks.map(|fault| (fault.rule, fault.pointer)).collect()
    };
    assert_eq!(remarks(EXAMPLES[0]), []);
    for (from, to, rule, pointer) in [
        ("{\"type\"", "{\"x/y\": 1, \"type\"", "SG-09", "/x~1y"),
        (
            "{\"callerName\"",
            "{\"x\": 1, \"callerName\"",
            "SG-09",
            "/payload/x",
        ),
        ("https:", "http:", "SG-16", "/payload/callerAvatar"),
    ] {
        let text = EXAMPLES[0].replace(from, to);
        assert_eq!(remarks(&text), [(rule, pointer.to_owned())], "{text}");
    }
    let accept = EXAMPLES[1].replace("{}", "{\"x\": 1}");
    assert_eq!(remarks(&accept), [("SG-10", "/payload/x".to_owned())]);
}

#[test]
fn a_call_is_the_same_in_capitals() {
    let call = |text: &str| decode(text).facts.call.expect("a callId");
    let capitals = EXAMPLES[0].replace(
        "550e8400-e29b-41d4-a716-446655440000",
        "550E8400-E29B-41D4-A716-446655440000",
    );
    assert_eq!(call(&capitals), call(EXAMPLES[0]));
    assert!(is_same_call("550E-a", "550e-A") && !is_same_call("550e-a", "550e-b"));
}

/// The seed's examples leave their descriptions out after a line or two; here they are whole.
fn completed(example: &str) -> String {
    let whole = |sdp: &str| serde_json::to_string(sdp).unwrap();
    let elided = |id: &str| format!("\"v=0\\r\\no=- {id} 2 IN IP4 127.0.0.1\\r\\n...\"");
    example
        .replace(&elided("123456"), &whole(sample::offer()))
        .replace(&elided("654321"), &whole(sample::answer()))
}

#[test]
fn the_seeds_examples_are_sound_and_their_double_escapes_are_found() {
    for example in EXAMPLES {
        let example = completed(example);
        let decoded = decode(&example);
        assert!(decoded.is_sound(), "{example} {:?}", decoded.faults);
        assert!(decoded.act().is_some());
        assert_eq!(validate(decoded.facts.value.as_ref().unwrap()), Ok(()));
        let doubled = example.replace("\\r\\n", "\\\\r\\\\n");
        let wanted: &[&str] = if doubled == example { &[] } else { &["SD-02"] };
        let found: Vec<_> = rules(&doubled);
        assert_eq!(found.contains(&"SD-02"), !wanted.is_empty());
        assert!(decode(&doubled).is_sound() == wanted.is_empty());
    }
}

#[test]
fn every_schema_is_json_and_names_itself() {
    for name in schema_names() {
        let value: Value = serde_json::from_str(schema(name).unwrap()).unwrap();
        assert_eq!(value["$schema"], "https://json-schema.org/draft/2020-12/schema");
    }
    assert_eq!(schema("call:nothing"), None);
}

/// A sound signal with one member set to this.
fn with(kind: Kind, pointer: &str, value: Value) -> Value {
    let text = EXAMPLES
        .iter()
        .find(|text| text.contains(&format!("\"{}\"", kind.wire())))
        .unwrap();
    let mut signal: Value = serde_json::from_str(&completed(text)).unwrap();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    signal.pointer_mut(parent).unwrap()[name] = value;
    signal
}

#[test]
fn each_fault_has_its_rule() {
    let long = json!("1");
    let cases = [
        (Kind::Accept, "/type", json!("call:ring"), "SG-01"),
        (Kind::Accept, "/callId", json!(7), "SG-02"),
        (Kind::Accept, "/senderId", long, "SG-03"),
        (Kind::Accept, "/timestamp", json!("2025-12-08T10:30:00"), "SG-04"),
        (Kind::MuteChange, "/payload/muted", json!("yes"), "SG-05"),
        (Kind::Initiate, "/payload/callerName", json!(" "), "SG-06"),
        (Kind::Initiate, "/payload/callerAvatar", json!("a.jpg"), "SG-06"),
        (Kind::Hangup, "/payload/reason", json!("bored"), "SG-07"),
        (Kind::Hangup, "/payload/duration", json!(1.5), "SG-08"),
        (Kind::Accept, "/payload", json!([]), "SG-10"),
        (
            Kind::Accept,
            "/callId",
            json!("00000000-0000-0000-0000-000000000000"),
            "SG-15",
        ),
        (
            Kind::Accept,
            "/callId",
            json!("550e8400-e29b-11d4-a716-446655440000"),
            "SG-15",
        ),
        (
            Kind::Accept,
            "/callId",
            json!("550e8400-e29b-41d4-1716-446655440000"),
            "SG-15",
        ),
        (Kind::Offer, "/payload/type", json!("answer"), "SD-03"),
    ];
    for (kind, pointer, value, rule) in cases {
        let signal = with(kind, pointer, value);
        assert!(rules(&signal.to_string()).contains(&rule), "{signal} {rule}");
    }
    let mut same = with(Kind::Accept, "/note", json!(1));
    same["recipientId"] = same["senderId"].clone();
    assert_eq!(rules(&same.to_string()), ["SG-11"]);
    let whole = decode(&with(Kind::Hangup, "/payload/duration", json!(294.0)).to_string());
    assert!(whole.is_sound() && whole.facts.duration == Some(294));
    let nowhere = with(
        Kind::IceCandidate,
        "/payload",
        json!({"candidate": "candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host", "sdpMid": null}),
    );
    assert_eq!(rules(&nowhere.to_string()), ["SD-12"]);
    // One of the two is enough.
    for name in ["/payload/sdpMid", "/payload/sdpMLineIndex"] {
        let one = with(Kind::IceCandidate, name, Value::Null);
        assert_eq!(rules(&one.to_string()), [""; 0], "{name}");
    }
    // One that is named in a wrong form is not missing too.
    let odd = with(Kind::IceCandidate, "/payload/sdpMid", json!(7));
    let mut alone = odd.clone();
    alone["payload"]["sdpMLineIndex"] = Value::Null;
    for signal in [odd, alone] {
        assert_eq!(rules(&signal.to_string()), ["SG-05"], "{signal}");
    }
    let cut = with(Kind::IceCandidate, "/payload/candidate", json!("candidate:1"));
    assert_eq!(rules(&cut.to_string()), ["SD-10"]);
    let empty = with(Kind::Offer, "/payload/sdp", json!("v=0\r\n"));
    assert_eq!(rules(&empty.to_string()), ["SD-01"]);
    for (avatar, found) in [
        ("https://alice:secret@example.com/a.jpg", true),
        ("https://alice@example.com/a:b@c.jpg", false),
        ("data:image/png,a:b@c", false),
    ] {
        let signal = with(Kind::Initiate, "/payload/callerAvatar", json!(avatar));
        assert_eq!(rules(&signal.to_string()).contains(&"SG-17"), found, "{avatar}");
    }
    for (avatar, found) in [
        ("https://example.com/%4a", false),
        ("https://example.com/%4", true),
        ("https://example.com/%zz", true),
        ("1a:b", true),
        ("a^b:c", true),
        ("a:", true),
    ] {
        let signal = with(Kind::Initiate, "/payload/callerAvatar", json!(avatar));
        assert_eq!(rules(&signal.to_string()).contains(&"SG-06"), found, "{avatar}");
    }
    let nil = with(
        Kind::Accept,
        "/callId",
        json!("00000000-0000-0000-0000-000000000000"),
    );
    assert!(
        decode(&nil.to_string()).is_sound(),
        "what a reader takes is sound"
    );
    assert_eq!(rules("[]"), ["IQ-04"]);
    assert_eq!(rules(""), ["IQ-04"]);
}

/// Where one reader stops, or cannot keep what it reads, another may go on.
#[test]
fn readers_have_limits() {
    let blank = |length: usize| format!("{{}}{}", " ".repeat(length - 2));
    for (text, strains) in [
        ("{}", false),
        (&EXAMPLES[0].replacen('{', "{\"more\": 1, ", 1), false),
        ("[1,]", false),
        ("{\"a\":1e400}", true),
        (&"[".repeat(100), true),
        (&blank(LONGEST), false),
        (&blank(LONGEST + 1), true),
    ] {
        let told: String = text.chars().take(20).collect();
        assert_eq!(decode(text).strains_readers(), strains, "{told}");
    }
}

/// The rules that a schema cannot say: two of the envelope, and what stands in SDP and candidates.
fn beyond_schema(rule: &str) -> bool {
    matches!(rule, "SG-11" | "SG-15" | "SG-17")
        || (rule.starts_with("SD-") && rule != "SD-03" && rule != "SD-12")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn decoding_and_the_schema_agree(
        kind in prop::sample::select(&Kind::ALL[..]),
        name in prop::sample::select(&[
            "/type", "/callId", "/senderId", "/recipientId", "/timestamp", "/payload", "/more",
            "/payload/callerName", "/payload/callerAvatar", "/payload/sdp", "/payload/type", "/payload/candidate",
            "/payload/sdpMid", "/payload/sdpMLineIndex", "/payload/reason", "/payload/duration", "/payload/muted",
        ][..]),
        value in prop_oneof![
            Just(json!(null)), Just(json!({})), Just(json!([])), any::<bool>().prop_map(|b| json!(b)),
            any::<i32>().prop_map(|n| json!(n)), any::<f64>().prop_map(|n| json!(n)), Just(json!(3.0)), Just(json!(65535)),
            "\\PC{0,8}".prop_map(|s| json!(s)), "[ \u{85}\u{feff}\u{a0}\t]{0,3}".prop_map(|s| json!(s)),
            prop::sample::select(&["completed", "busy", "offer", "answer", "https://x.example/%zz", "data:,x", "call:hangup",
                "call:offer", "2025-12-08t10:30:00.5+02:00", "A1B2c3d4-e5f6-7890-abcd-ef1234567890"][..]).prop_map(|s| json!(s)),
        ],
        remove in prop::option::of(prop::sample::select(&["type", "callId", "timestamp", "payload"][..])),
    ) {
        let mut signal = with(kind, name, value);
        if let Some(name) = remove {
            signal.as_object_mut().unwrap().remove(name);
        }
        let decoded = decode(&signal.to_string());
        let sound = decoded.faults.iter().all(|fault| fault.info || beyond_schema(fault.rule));
        prop_assert_eq!(validate(&signal).is_ok(), crate::protocol::schema::fits_whole(&signal));
        prop_assert_eq!(validate(&signal).is_ok(), sound, "{} {:?}", signal, decoded.faults);
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,64}") {
        let decoded = decode(&text);
        prop_assert!(decoded.facts.value.is_some() || !decoded.faults.is_empty());
    }
}
