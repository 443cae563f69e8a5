//! Tokens for real: the whole folder `auth` of the suite at a gate before a server, where tokens are passwords, and on
//! the endpoint's own gate, where each fault of it is caught.

mod support;

use std::path::Path;

use serde_json::Value;
use support::{GATE_KEY, Gate, JWK_KEY, PASSWORD, Serve, Server, USERS, callspec, run, shows_token};
use tempfile::TempDir;

/// What no report, no transcript and no terminal may show.
const SECRETS: [&str; 4] = [PASSWORD, GATE_KEY, JWK_KEY, "swordfish"];

/// Who is known by a password, and who by the token alone.
fn accounts(domain: &str, password: Option<&str>) -> String {
    let password = password.map_or_else(String::new, |password| format!(", password: {password}"));
    let each = USERS.map(|user| format!("  - {{ jid: {user}@{domain}{password} }}\n"));
    format!("accounts:\n{}", each.concat())
}

fn cookie(key: &str, sub: &str) -> String {
    format!("cookie: {{ jwt: {{ key: \"{key}\", claims: {{ sub: \"{sub}\" }} }} }}\n")
}

/// The folder `auth` on this target: each scenario with its result, and the reason of each that is skipped or known.
fn auth(folder: &Path, target: &str) -> Vec<(String, String, String)> {
    let file = folder.join(format!("{}.yaml", uuid::Uuid::new_v4()));
    let json = file.with_extension("json");
    std::fs::write(&file, target).expect("a file");
    let transcripts = file.with_extension("transcripts");
    let said = run(callspec()
        .args(["run", "--filter", "name:auth/*", "--target"])
        .arg(&file)
        .arg("--transcripts")
        .arg(&transcripts)
        .arg("--report")
        .arg(format!("json={}", json.display()))
        .env("GATE_KEY", GATE_KEY));
    let report = std::fs::read_to_string(&json).unwrap_or_else(|_| panic!("{}\n{}", said.out, said.err));
    let written = std::fs::read_dir(&transcripts).expect("transcripts");
    let written = written.map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("text"));
    for text in written.chain([said.out, said.err, report.clone()]) {
        for secret in SECRETS {
            assert!(!text.contains(secret), "{secret} in\n{text}");
        }
        assert!(!shows_token(&text), "a token in\n{text}");
    }
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let scenarios = report["scenarios"].as_array().expect("scenarios");
    scenarios
        .iter()
        .map(|entry| {
            let cases = entry["matrix"].as_array().into_iter().flatten();
            let name = cases.fold(text(&entry["name"]), |name, case| {
                format!("{name} {}", case.as_str().unwrap_or_default())
            });
            let broken = entry["findings"].as_array().into_iter().flatten();
            let broken: Vec<String> = broken.map(|finding| text(&finding["rule"])).collect();
            let why = entry["reason"]
                .as_str()
                .map_or_else(|| broken.join(" "), str::to_owned);
            (name, text(&entry["result"]), why)
        })
        .collect()
}

/// Every scenario holds, but those that are named with their result and a part of the reason.
fn holds_but(results: &[(String, String, String)], others: &[(&str, &str, &str)]) {
    assert!(results.len() >= 18, "{results:#?}");
    for (name, result, why) in results {
        match others.iter().find(|(other, ..)| other == name) {
            Some((_, wanted, part)) => {
                assert!(result == wanted && why.contains(part), "{name}: {result}, {why}");
            }
            None => assert_eq!(result, "passed", "{name}: {why}"),
        }
    }
    for (other, ..) in others {
        assert!(
            results.iter().any(|(name, ..)| name == other),
            "{other} was not played"
        );
    }
}

const BY_PASSWORD: (&str, &str, &str) = (
    "auth/token-of-another-user",
    "skipped",
    "here accounts have passwords",
);
const BY_TOKEN: [(&str, &str, &str); 3] = [
    (
        "auth/acts-for-another-user",
        "skipped",
        "needs accounts with passwords",
    ),
    (
        "auth/token-beside-a-password",
        "skipped",
        "needs accounts with passwords",
    ),
    ("auth/wrong-password", "skipped", "needs accounts with passwords"),
];

#[test]
fn a_gate_before_a_server() {
    let server = Server::prosody();
    let gate = Gate::before(&server);
    let target = format!(
        "url: ws://localhost:{}/xmpp-websocket\nprofile: prosody\n{}{}",
        gate.port,
        cookie("${GATE_KEY}", "{user}"),
        accounts("localhost", Some(PASSWORD))
    );
    holds_but(&auth(server.folder.path(), &target), &[BY_PASSWORD]);
}

#[test]
fn tokens_for_passwords() {
    let server = Server::ejabberd();
    let target = |url: &str| {
        format!(
            "url: {url}\ndomain: jwt.localhost\nca: ca.pem\nprofile: ejabberd\nsasl: [PLAIN]\n{}{}",
            cookie(JWK_KEY, "{jid}"),
            accounts("jwt.localhost", None)
        )
    };
    // What this server takes that it should not, its profile says: where, and no further.
    let known = [
        ("auth/token-out-of-its-time cookie=not-yet", "known", "AU-02"),
        (
            "auth/token-of-another-hand cookie=other-algorithm",
            "known",
            "AU-03",
        ),
    ];
    let others = [&BY_TOKEN[..], &known].concat();
    for (_, url) in server.urls() {
        holds_but(&auth(server.folder.path(), &target(&url)), &others);
    }
}

/// `callspec serve` that asks for tokens.
fn serve(arguments: &[&str]) -> Serve {
    Serve::with(arguments, &[("GATE_KEY", GATE_KEY)])
}

const KEY: [&str; 2] = ["--cookie-key", "${GATE_KEY}"];

/// The users of an endpoint that knows them by their passwords.
fn known_users() -> Vec<String> {
    USERS
        .iter()
        .flat_map(|user| ["--account".to_owned(), format!("{user}:{PASSWORD}")])
        .collect()
}

fn target_of(served: &Serve, password: Option<&str>) -> String {
    format!(
        "url: {}\ndomain: localhost\nsasl: [PLAIN]\n{}{}",
        served.url(),
        cookie("${GATE_KEY}", "{user}"),
        accounts("localhost", password)
    )
}

#[test]
fn the_endpoints_own_gate() {
    let folder = TempDir::new().expect("a folder");
    let by_token = serve(&KEY);
    for sub in ["{user}", "{jid}", "{id}"] {
        let target = target_of(&by_token, None).replace("{user}", sub);
        holds_but(&auth(folder.path(), &target), &BY_TOKEN);
    }
    let users = known_users();
    let arguments: Vec<&str> = KEY.into_iter().chain(users.iter().map(String::as_str)).collect();
    let by_both = serve(&arguments);
    holds_but(
        &auth(folder.path(), &target_of(&by_both, Some(PASSWORD))),
        &[BY_PASSWORD],
    );
}

#[test]
fn a_key_of_another_kind_in_a_file() {
    let folder = TempDir::new().expect("a folder");
    let pair = rcgen::KeyPair::generate().expect("a key");
    let public = folder.path().join("public.pem");
    std::fs::write(&public, pair.public_key_pem()).expect("a file");
    let file = public.to_str().expect("a path");
    let served = serve(&[
        "--cookie-key-file",
        file,
        "--cookie-algorithm",
        "ES256",
        "--cookie-name",
        "ticket",
    ]);
    let private = pair.serialize_pem().replace('\n', "\\n");
    let target = format!(
        "url: {}\ndomain: localhost\ncookie: {{ name: ticket, jwt: {{ key: \"{private}\", algorithm: ES256 }} }}\n{}",
        served.url(),
        accounts("localhost", None)
    );
    let results = auth(folder.path(), &target);
    let key = "the token could not be signed";
    assert!(
        results.iter().all(|(_, _, why)| !why.contains(key)),
        "{results:#?}"
    );
    holds_but(&results, &BY_TOKEN);
}

#[test]
fn a_token_is_told_from_a_key_that_looks_like_one() {
    for token in [
        "auth_token=eyJhbGciOiJub25lIn0.e30.",
        "\"eyJ",
        "(eyJ0eXAiOiJKV1QifQ)",
    ] {
        assert!(shows_token(token), "{token}");
    }
    for key in [
        "\"qzeyJE2TGWMOkg5N6JAi+Q==\"",
        "Accept: eyJqrftX7nVShFuswQtw6Vk1234=\r\n",
    ] {
        assert!(!shows_token(key), "{key}");
    }
}

#[test]
fn each_fault_of_a_gate_is_caught_on_a_port() {
    let folder = TempDir::new().expect("a folder");
    let users = known_users();
    for (fault, rule, by_password) in [
        ("gate-open", "AU-01", false),
        ("expired-token-taken", "AU-02", false),
        ("token-of-tomorrow-taken", "AU-02", false),
        ("signature-unchecked", "AU-03", false),
        ("unsigned-token-taken", "AU-03", false),
        ("algorithm-unchecked", "AU-03", false),
        ("token-of-another", "AU-04", false),
        ("token-names-the-user", "AU-04", true),
        ("acts-for-others", "AU-04", true),
        ("wrong-password-taken", "AU-05", true),
        ("expiry-cuts", "AU-07", false),
    ] {
        let mut arguments = [&KEY[..], &["--fault", fault]].concat();
        if by_password {
            arguments.extend(users.iter().map(String::as_str));
        }
        let served = serve(&arguments);
        let results = auth(
            folder.path(),
            &target_of(&served, by_password.then_some(PASSWORD)),
        );
        let caught = |(_, result, why): &(String, String, String)| {
            ["failed", "warned"].contains(&result.as_str()) && why.contains(rule)
        };
        assert!(results.iter().any(caught), "{fault} breaks {rule}: {results:#?}");
    }
}

#[test]
fn what_is_no_key_is_told_before_anything_is_served() {
    let folder = TempDir::new().expect("a folder");
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "\n").expect("a file");
    let empty = empty.to_str().expect("a path");
    for (arguments, part) in [
        (
            &["--cookie-key", "${NOWHERE_TO_BE_FOUND}"][..],
            "no variable `NOWHERE_TO_BE_FOUND`",
        ),
        (&["--cookie-key", ""], "the key is empty"),
        (&["--cookie-key-file", empty], "the key is empty"),
        (
            &["--cookie-key-file", "no/such/file"],
            "cannot read the key no/such/file",
        ),
        (
            &["--cookie-key", "swordfish", "--cookie-algorithm", "RS256"],
            "--cookie-key with RS256: the key is none",
        ),
        (
            &["--cookie-key", "swordfish", "--cookie-algorithm", "none"],
            "invalid value 'none'",
        ),
        (
            &["--cookie-key", "swordfish", "--cookie-key-file", empty],
            "cannot be used with",
        ),
    ] {
        let said = run(callspec()
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(arguments));
        assert_eq!(said.status, 2, "{arguments:?}: {}", said.err);
        assert!(said.err.contains(part), "{arguments:?}: {}", said.err);
        assert!(!said.err.contains("swordfish"), "{}", said.err);
    }
}
