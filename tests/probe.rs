//! `callspec probe`, and `run` where nobody says what the target is: each fact is seen as it is.

mod support;

use std::sync::Arc;

use callspec::endpoint::Chosen;
use callspec::probe::{Depth, Found, GROUPS, Topic, probe, profile_file};
use callspec::profile::{Addressing, Class, Profile};
use callspec::run::{Place, Rig};
use support::{Gate, Serve, Server, callspec, run};

fn look(place: &Place, depth: Depth) -> Found {
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    probe(place, depth, stopped).expect("facts")
}

fn rigged(class: &str, fault: Option<&str>) -> Place {
    let faults = fault.map(|fault| fault.parse::<Chosen>().expect(fault));
    Place::Rigged(Arc::new(Rig {
        profile: Profile::named(class).expect("a profile"),
        faults: faults.into_iter().collect(),
        ..Rig::default()
    }))
}

fn value(found: &Found, topic: Topic) -> &str {
    let fact = found.fact(topic).unwrap_or_else(|| panic!("no {topic:?}"));
    fact.value.as_deref().unwrap_or("unknown")
}

#[test]
fn the_embedded_endpoint_is_seen_as_it_is() {
    for (class, addressing) in [("relay", Addressing::Full), ("enforcing", Addressing::Bare)] {
        let found = look(&rigged(class, None), Depth::Whole);
        let profile = found.profile();
        assert_eq!((profile.class.name(), profile.addressing), (class, addressing));
        assert_eq!((profile.stanza_limit, profile.rate_limit), (Some(262_144), None));
        let unknown: Vec<_> = found.facts.iter().filter(|fact| fact.value.is_none()).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        let rules = found
            .facts
            .iter()
            .filter(|fact| fact.value.as_deref() == Some("kept"));
        assert_eq!(rules.count(), if class == "enforcing" { 7 } else { 0 });
        assert!(found.seconds < 55.0, "{}", found.seconds);
    }
}

/// Each fact has a fault that makes another one of it, and the look sees that.
#[test]
fn what_is_done_otherwise_is_seen() {
    use Topic::*;
    for (class, fault, topic, wanted) in [
        ("relay", "drop", FullJid, "swallowed"),
        ("relay", "refused-by-server", FullJid, "service-unavailable"),
        ("relay", "bare-as-result", BareJid, "acknowledged"),
        ("relay", "bare-swallowed", BareJid, "swallowed"),
        ("relay", "bare-wrong-condition", BareJid, "internal-server-error"),
        ("relay", "malformed-routed", NoId, "routed"),
        ("relay", "malformed-swallowed", NoId, "swallowed"),
        (
            "relay",
            "malformed-wrong-condition",
            NoId,
            "internal-server-error",
        ),
        ("relay", "forged-from", ForgedFrom, "let through"),
        ("relay", "oversize-ignored", StanzaLimit, "262144 bytes"),
        ("relay", "bounce-swallowed", OfflineFull, "swallowed"),
        ("relay", "bounce-as-result", OfflineFull, "answered"),
        ("relay", "bare-swallowed", OfflineBare, "swallowed"),
        ("relay", "conflict-ignored", ResourceTaken, "both stay"),
        ("relay", "harmless-session-limit:max=3", Sessions, "3 at once"),
        (
            "relay",
            "harmless-session-limit-by-stream-error:max=9",
            Sessions,
            "9 at once",
        ),
        (
            "relay",
            "harmless-session-limit-by-conflict:max=3",
            Sessions,
            "3 at once",
        ),
        (
            "enforcing",
            "harmless-session-limit:max=21",
            Sessions,
            "21 at once",
        ),
        ("relay", "harmless-session-limit:max=41", Sessions, "40 or more"),
        ("relay", "gate-open", Cookie, "not needed"),
        ("enforcing", "schema-unchecked", En01, "broken"),
        ("enforcing", "schema-swallowed", En01, "broken"),
        ("enforcing", "sender-wrong-condition", En02, "broken"),
        ("enforcing", "sender-acknowledged", En02, "broken"),
        ("enforcing", "order-unchecked", En03, "broken"),
        ("enforcing", "unknown-call-delivered", En03, "broken"),
        ("enforcing", "rings-one-device", En04, "broken"),
        ("enforcing", "losers-not-told", En04, "broken"),
        ("enforcing", "timeout-early", En05, "broken"),
        ("enforcing", "timeout-late", En05, "broken"),
        ("enforcing", "timeout-not-for-callee", En05, "broken"),
        ("enforcing", "timeout-wrong-reason", En05, "broken"),
        ("enforcing", "stranger-delivered", En06, "broken"),
        ("enforcing", "stranger-refused-and-delivered", En06, "broken"),
        ("enforcing", "vanish-not-told-to-caller", En07, "broken"),
        ("enforcing", "vanish-wrong-reason", En07, "broken"),
    ] {
        let sound = look(&rigged(class, None), Depth::Whole);
        assert_ne!(
            value(&sound, topic),
            if ["262144 bytes", "40 or more"].contains(&wanted) {
                ""
            } else {
                wanted
            }
        );
        let found = look(&rigged(class, Some(fault)), Depth::Whole);
        let fact = found.fact(topic).expect(fault);
        assert_eq!(value(&found, topic), wanted, "{fault}: {fact:?}");
        if fault == "oversize-ignored" {
            assert!(fact.evidence.contains("it vanished"), "{fact:?}");
        }
        if class == "enforcing" {
            assert_eq!(
                found.profile().class,
                callspec::profile::Class::Enforcing,
                "{fault}"
            );
        }
    }
}

/// Which of a user's devices rings is the server's choice; the look has no session beside those that it watches.
#[test]
fn whichever_device_rings_is_seen() {
    for _ in 0..12 {
        let found = look(&rigged("enforcing", Some("rings-one-device")), Depth::Whole);
        let fact = found.fact(Topic::En04).expect("a fact");
        assert_eq!(fact.value.as_deref(), Some("broken"), "{fact:?}");
    }
}

#[test]
fn a_limit_is_found_to_the_byte() {
    for limit in [10_000, 10_001, 17_777, 65_536, 300_000, 1_000_000] {
        let place = Place::Embedded(Profile {
            stanza_limit: Some(limit),
            ..Profile::default()
        });
        let found = look(&place, Depth::Whole);
        assert_eq!(
            found.profile().stanza_limit,
            Some(limit),
            "{:?}",
            found.fact(Topic::StanzaLimit)
        );
    }
    let place = Place::Embedded(Profile {
        stanza_limit: Some(4 << 20),
        ..Profile::default()
    });
    let found = look(&place, Depth::Whole);
    assert_eq!(value(&found, Topic::StanzaLimit), "none up to 1 MiB");
    assert_eq!(found.profile().stanza_limit, None);
}

#[test]
fn over_tcp_there_is_no_cookie() {
    let place = Place::Rigged(Arc::new(Rig {
        tcp: true,
        ..Rig::default()
    }));
    let found = look(&place, Depth::Whole);
    assert_eq!(value(&found, Topic::Transport), "TCP, STARTTLS");
    assert_eq!(value(&found, Topic::Cookie), "none");
    assert_eq!(found.profile().class, Class::Relay);
}

/// What nothing can be seen of is no fact: no fault makes a relay of an enforcing server, nor the other way round.
#[test]
fn the_kind_of_server_is_never_guessed() {
    let class = |class: &str, fault: &str| {
        let found = look(&rigged(class, Some(fault)), Depth::Brief);
        (found.known.class, found.facts)
    };
    for fault in [
        "drop",
        "refused-by-server",
        "answer-swallowed",
        "answered-by-server",
    ] {
        let (seen, facts) = class("relay", fault);
        assert_ne!(seen, Some(Class::Enforcing), "{fault}: {facts:?}");
    }
    for fault in [
        "schema-unchecked",
        "order-unchecked",
        "unknown-call-swallowed",
        "schema-acknowledged",
    ] {
        let (seen, facts) = class("enforcing", fault);
        assert_eq!(seen, Some(Class::Enforcing), "{fault}: {facts:?}");
    }
}

/// A run goes by something all the same, and whoever reads the last line is told that nobody saw it.
#[test]
fn what_the_profile_only_supposes_is_not_said_as_if_it_was_seen() {
    let last = |found: &Found| {
        let table = callspec::report::probed(found);
        table.lines().last().expect("a line").to_owned()
    };
    let found = look(&rigged("relay", Some("drop")), Depth::Brief);
    assert_eq!(found.known.class, None);
    let line = last(&found);
    assert!(
        line.starts_with("profile: kind unknown, taken for relay, "),
        "{line}"
    );
    let found = look(&rigged("relay", None), Depth::Brief);
    assert!(last(&found).starts_with("profile: relay, full JID"));
    // Nobody rang, and nobody answered for the address.
    let found = look(&rigged("relay", Some("bare-swallowed")), Depth::Whole);
    assert_eq!(found.known.addressing, None);
    assert_eq!(found.addressing(), "addressing unknown, taken for full JID");
    let file = profile_file(&found, "2026-01-01T00:00:00Z");
    assert!(
        file.contains("# addressing: full          # swallowed: an initiate"),
        "{file}"
    );
}

#[test]
fn the_profile_says_what_was_seen_and_reads_back() {
    for (class, fault) in [
        ("relay", None),
        ("enforcing", None),
        ("relay", Some("harmless-session-limit")),
    ] {
        let found = look(&rigged(class, fault), Depth::Whole);
        assert_eq!(found.profile().sessions_per_user, fault.map(|_| 9));
        let folder = tempfile::TempDir::new().expect("a folder");
        let file = folder.path().join("profile.yaml");
        let text = profile_file(&found, "2026-01-01T00:00:00Z");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        std::fs::write(&file, &text).expect("a file");
        let read = callspec::target::load_profile(&file).expect("a profile");
        assert_eq!(read, found.profile(), "{text}");
        assert!(
            text.contains("rate-limit: none            # 64000 bytes in one go"),
            "{text}"
        );
    }
}

#[test]
fn the_table_fits_80_columns() {
    let said = run(callspec().args(["probe", "--profile", "enforcing"]));
    assert_eq!((said.status, said.err.as_str()), (0, ""), "{}", said.out);
    for line in said.out.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    for (group, rows) in GROUPS {
        assert!(said.out.contains(&format!("\n{group}\n")), "{}", said.out);
        for (_, _, label) in rows.iter() {
            assert!(
                said.out.contains(&format!("\n  {label} ")),
                "{label}\n{}",
                said.out
            );
        }
    }
    insta::with_settings!({ filters => vec![("callspec [0-9.]+ ", "callspec 0.0.0 ")] }, {
        insta::assert_snapshot!("table", said.out);
    });
}

const ALICE: &str = "alice@localhost:secret-of-alice";
const BOB: &str = "bob@localhost:secret-of-bob";

#[test]
fn one_account_sees_less_and_says_so() {
    let endpoint = Serve::new(&[]);
    let said = run(callspec()
        .args(["probe", "--target", &endpoint.url(), "--account", ALICE])
        .args(["--report", "json=-"]));
    assert_eq!(said.status, 0, "{}", said.err);
    let report: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    let fact = |name: &str| {
        let facts = report["facts"].as_array().expect("facts").iter();
        facts
            .into_iter()
            .find(|fact| fact["fact"] == name)
            .expect("a fact")
            .clone()
    };
    assert_eq!(report["profile"]["class"], "relay");
    assert_eq!(fact("class")["value"], "relay");
    assert!(fact("bare-jid")["value"].is_null());
    let why = fact("bare-jid")["evidence"].as_str().map(str::to_owned);
    assert!(why.is_some_and(|why| why.contains("accounts of two users")));
    // People read on stderr meanwhile.
    assert!(said.err.contains("Who is there"), "{}", said.err);
    assert!(!(said.out + &said.err).contains("secret-of"));
}

#[test]
fn a_run_without_a_profile_looks_for_itself_and_says_so() {
    let endpoint = Serve::new(&["--profile", "enforcing"]);
    let folder = tempfile::TempDir::new().expect("a folder");
    let out = folder.path().join("seen.yaml");
    let play = |more: &[&str]| {
        run(callspec()
            .args([
                "run",
                "--target",
                &endpoint.url(),
                "--account",
                ALICE,
                "--account",
                BOB,
            ])
            .args(["--filter", "name:enforcing/unknown-call or name:routing/no-child"])
            .arg("--transcripts")
            .arg(folder.path())
            .args(more))
    };
    let said = play(&[]);
    assert_eq!(said.status, 0, "{}\n{}", said.out, said.err);
    assert!(
        said.out
            .contains("enforcing, bare JID (callspec probe tells more)"),
        "{}",
        said.out
    );
    assert!(said.out.contains("pass  enforcing/unknown-call"), "{}", said.out);
    // What is said beats what would be seen.
    let said = play(&["--profile", "relay"]);
    assert!(
        !said.out.contains("probe") && said.out.contains("skip  enforcing/unknown-call"),
        "{}",
        said.out
    );

    let said = run(callspec()
        .args([
            "probe",
            "--target",
            &endpoint.url(),
            "--account",
            ALICE,
            "--account",
            BOB,
            "--out",
        ])
        .arg(&out));
    assert_eq!(said.status, 0, "{}", said.err);
    let target = folder.path().join("target.yaml");
    let text = format!(
        "url: {}\ndomain: localhost\nprofile: ./seen.yaml\naccounts:\n  - {{ jid: alice@localhost, password: a }}\n  - {{ jid: bob@localhost, password: b }}\n",
        endpoint.url()
    );
    std::fs::write(&target, text).expect("a file");
    let said = run(callspec()
        .args(["run", "--filter", "name:enforcing/unknown-call", "--target"])
        .arg(&target)
        .arg("--transcripts")
        .arg(folder.path()));
    assert_eq!(said.status, 0, "{}\n{}", said.out, said.err);
    assert!(said.out.contains("pass  enforcing/unknown-call") && !said.out.contains("probed in"));
}

fn report(target: &std::path::Path) -> serde_json::Value {
    let said = run(callspec()
        .args(["probe", "--report", "json=-", "--target"])
        .arg(target));
    assert_eq!(said.status, 0, "{}", said.err);
    serde_json::from_str(&said.out).expect("JSON")
}

fn assert_facts(report: &serde_json::Value, wanted: &[(&str, &str)]) {
    for (name, wanted) in wanted {
        let facts = report["facts"].as_array().expect("facts");
        let fact = facts.iter().find(|fact| fact["fact"] == *name).expect(name);
        let value = fact["value"].as_str().unwrap_or("unknown");
        assert!(value.contains(wanted), "{name}: wanted {wanted} in {fact}");
    }
    assert!(
        report["seconds"].as_f64().is_some_and(|seconds| seconds < 60.0),
        "{report}"
    );
}

#[test]
fn prosody_is_seen_as_it_is() {
    let server = Server::prosody();
    let urls = server.urls();
    assert_facts(
        &report(&server.target(&urls[1].1)),
        &[
            ("transport", "WebSocket"),
            ("tls-versions", "1.3, 1.2"),
            ("sasl", "SCRAM-SHA-256"),
            ("cookie", "not needed"),
            ("registration", "offered"),
            ("full-jid", "routed"),
            ("bare-jid", "service-unavailable"),
            ("class", "relay"),
            ("no-id", "bad-request"),
            ("forged-from", "overwritten"),
            ("stanza-limit", "262144 bytes"),
            ("rate-limit", "none seen"),
            ("offline-full-jid", "service-unavailable"),
            ("offline-bare-jid", "service-unavailable"),
            ("two-devices", "side by side"),
            ("resource-taken", "the older ends"),
            ("stream-management", "offered"),
        ],
    );
    // The gate asks for a token.
    let gate = Gate::before(&server);
    let target = server.write_target(&format!(
        "url: ws://localhost:{}/xmpp-websocket\ndomain: localhost\ncookie: {{ jwt: {{ key: {} }} }}\naccounts:\n  - {{ jid: alice@localhost, password: correct horse }}\n  - {{ jid: bob@localhost, password: correct horse }}\n",
        gate.port,
        support::GATE_KEY
    ));
    assert_facts(&report(&target), &[("cookie", "needed"), ("class", "relay")]);
}

#[test]
fn ejabberd_is_seen_as_it_is() {
    let server = Server::ejabberd();
    let urls = server.urls();
    let both = [
        ("sasl", "SCRAM-SHA-512"),
        ("full-jid", "routed"),
        ("bare-jid", "service-unavailable"),
        ("class", "relay"),
        ("no-id", "bad-request"),
        ("forged-from", "invalid-from, closed"),
        ("rate-limit", "none seen"),
        ("offline-full-jid", "service-unavailable"),
        ("offline-bare-jid", "service-unavailable"),
        ("two-devices", "side by side"),
        ("resource-taken", "the older ends"),
        ("stream-management", "offered"),
    ];
    let starttls = report(&server.target(&urls[2].1));
    assert_facts(&starttls, &both);
    assert_facts(
        &starttls,
        &[
            ("transport", "TCP, STARTTLS"),
            ("tls-versions", "1.3, 1.2"),
            ("cookie", "none"),
            ("stanza-limit", "26214"),
        ],
    );
    let ws = report(&server.target(&urls[0].1));
    assert_facts(&ws, &both);
    // It has no limit over WebSocket.
    assert_facts(
        &ws,
        &[("stanza-limit", "none up to 1 MiB"), ("tls-versions", "none")],
    );
}
