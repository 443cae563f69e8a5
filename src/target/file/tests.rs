//! A target file as it is written, and what is said of one that is not right.

use super::*;
use crate::profile::{Addressing, Class};

fn read(text: &str) -> Result<Target, Vec<Error>> {
    let source = Source {
        file: "target.yaml".into(),
        text: text.into(),
    };
    parse(&source, Path::new("folder"), &|name| {
        (name == "PW").then(|| "swordfish".into())
    })
}

#[test]
fn everything_that_a_target_file_may_say_is_read() {
    let target = read(
        "url: wss://chat.example.com/ws\ndomain: example.com\nca: ca.pem\n\
         cookie: { name: t, jwt: { key: \"${PW}\", algorithm: HS512, claims: { sub: \"{jid}\" }, ttl: 5m } }\n\
         sasl: [PLAIN, scram-sha-1]\nregister: in-band\n\
         accounts:\n  - { jid: alice@example.com, password: \"${PW}!\", id: a1b2c3d4-e5f6-7890-abcd-ef1234567890 }\n\
         profile: { class: enforcing, addressing: bare, stanza-limit: 1000, relay-within: 2s, mdns: true,\n  \
         known-breaches: [{ rule: RT-07, evidence: it swallows them }] }\n",
    )
    .expect("a target");
    assert_eq!(target.dial.domain, "example.com");
    assert_eq!(target.dial.trust, Trust::Ca("folder/ca.pem".into()));
    assert_eq!(target.dial.sasl, [Mechanism::Plain, Mechanism::ScramSha1]);
    assert_eq!(target.accounts[0].password, Some(Secret::new("swordfish!")));
    assert_eq!(
        target.accounts[0].id.to_string(),
        "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
    );
    assert!(target.register);
    assert!(target.profile.mdns);
    assert_eq!(
        (target.profile.class, target.profile.addressing),
        (Class::Enforcing, Addressing::Bare)
    );
    assert_eq!(
        (target.profile.stanza_limit, target.profile.relay_within),
        (Some(1000), 2.0)
    );
    assert_eq!(target.profile.known_breaches[0].rule, "RT-07");
    assert!(!format!("{target:?}").contains("swordfish"));
}

/// As it stands in every description of a target file: YAML alone would take the braces for a map.
#[test]
fn a_variable_needs_no_quotes_between_braces() {
    let target = read(
        "url: wss://x/\ncookie: { jwt: { key: ${PW}, claims: { sub: \"{user}\" } } }\n\
         accounts: [ { jid: alice@x, password: ${PW}, id: a1b2c3d4-e5f6-7890-abcd-ef1234567890 },\n  \
         { jid: bob@x, password: ${PW}! } ]\n",
    )
    .expect("a target");
    assert_eq!(target.accounts[0].password, Some(Secret::new("swordfish")));
    assert_eq!(target.accounts[1].password, Some(Secret::new("swordfish!")));
    let wrong = |text: &str| {
        let told = read(&format!("url: ws://x/\naccounts: [ {text} ]\n")).expect_err("wrong");
        told.iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    };
    // Every place is what it is in the file.
    let unset = wrong("{ jid: a@x, password: ${NO} }");
    assert!(
        unset.contains("target.yaml:2:35: the environment has no variable `NO`"),
        "{unset}"
    );
    let twice = wrong("{ ${PW}: 1, ${PW}: 2 }");
    assert!(
        twice.contains("target.yaml:2:25: `${PW}` stands twice"),
        "{twice}"
    );
    assert!(wrong("{ jid: a@x, password: ${PW }").contains("not YAML"));
}

#[test]
fn a_profile_may_stand_in_a_file_of_its_own_and_a_rate_has_its_unit() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let profile = folder.path().join("chat.yaml");
    std::fs::write(&profile, "class: enforcing\nrate-limit: 10kB/s\n").expect("a file");
    let text = "url: ws://x/\nregister: in-band\nprofile: ./chat.yaml";
    let source = Source {
        file: "target.yaml".into(),
        text: text.into(),
    };
    let target = parse(&source, folder.path(), &|_| None).expect("a target");
    assert!(target.profile_said);
    assert_eq!(
        (target.profile.class, target.profile.rate_limit),
        (Class::Enforcing, Some(10_000))
    );
    std::fs::write(&profile, "rate-limit: 10 kb").expect("a file");
    let errors = parse(&source, folder.path(), &|_| None).expect_err("no rate");
    let told = errors.first().map(ToString::to_string).unwrap_or_default();
    assert!(
        told.contains("chat.yaml:1:13") && told.contains("10kB/s"),
        "{told}"
    );
    // A profile is no way to further files.
    std::fs::write(&profile, "./chat.yaml").expect("a file");
    assert!(parse(&source, folder.path(), &|_| None).is_err());
    assert!(
        !read("url: ws://x/\nregister: in-band")
            .expect("a target")
            .profile_said
    );
    for (rate, read) in [
        ("7", Some(7)),
        ("3000B/s", Some(3_000)),
        ("0", None),
        ("fast", None),
    ] {
        let text = format!("url: ws://x/\nregister: in-band\nprofile: {{ rate-limit: {rate} }}");
        let target = super::tests::read(&text).ok();
        assert_eq!(
            target.and_then(|target| target.profile.rate_limit),
            read,
            "{rate}"
        );
    }
}

#[test]
fn the_schema_describes_every_key() {
    for key in keys() {
        assert!(
            schema().contains(&format!("\"{key}\": {{")),
            "schemas/target.json has no `{key}`"
        );
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_without_secrets() {
    for (text, place, part) in [
        ("domain: x", "1:1", "`url` is missing"),
        ("url: ws://x/\npwd: hunter2", "2:1", "unknown key `pwd`"),
        ("url: ftp://x/", "1:6", "begins with"),
        ("url: ws://x/\nacounts: []", "2:1", "did you mean `accounts`?"),
        ("url: ws://x/", "1:1", "nobody can log in"),
        (
            "url: ws://x/\nregister: inband",
            "2:11",
            "did you mean `in-band`?",
        ),
        (
            "url: ws://x/\naccounts:\n  - { jid: alice, password: hunter2 }",
            "3:12",
            "no bare JID",
        ),
        (
            "url: ws://x/\naccounts:\n  - { jid: a@x, password: \"${NOPE}\" }",
            "3:27",
            "no variable `NOPE`",
        ),
        (
            "url: ws://x/\nsasl: [SCRAM-SHA-255]\nregister: in-band",
            "2:7",
            "did you mean `SCRAM-SHA-256`?",
        ),
        (
            "url: ws://x/\nregister: in-band\nprofile: { known-breaches: [{ rule: RT-7, evidence: x }] }",
            "3:37",
            "did you mean `RT-07`?",
        ),
        (
            "url: ws://x/\nregister: in-band\nprofile: relais",
            "3:10",
            "did you mean `relay`?",
        ),
    ] {
        let errors = read(text).expect_err(text);
        let told: String = errors.iter().map(|error| format!("{error}\n")).collect();
        assert!(told.contains(&format!("target.yaml:{place}:")), "{told}");
        assert!(told.contains(part), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn sessions_are_counted() {
    for (given, read) in [("9", Some(9)), ("0", None), ("nine", None)] {
        let text = format!("url: ws://x/\nregister: in-band\nprofile: {{ sessions-per-user: {given} }}");
        let target = super::tests::read(&text).ok();
        let sessions = target.and_then(|target| target.profile.sessions_per_user);
        assert_eq!(sessions, read, "{given}");
    }
}
