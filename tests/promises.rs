//! What a profile may promise of a server: that nobody comes in without TLS, and for how long an idle stream lives.

mod support;

use support::{Server, callspec, run};

/// What a run of the scenarios about these, and of one call, said: its status, the report, and what it printed.
fn play(server: &Server, url: &str) -> (i32, serde_json::Value, String) {
    let json = server
        .folder
        .path()
        .join(format!("{}.json", uuid::Uuid::new_v4()));
    let said = run(callspec()
        .args([
            "run",
            "--filter",
            "name:transport/*tls* or name:transport/idle-stream-lives or name:call/full",
            "--target",
        ])
        .arg(server.target_as(url, "{ tls: required, keep-alive: 2s }"))
        .arg("--transcripts")
        .arg(json.with_extension("transcripts"))
        .arg("--report")
        .arg(format!("json={}", json.display())));
    let report = std::fs::read_to_string(&json).unwrap_or_else(|_| panic!("{}\n{}", said.out, said.err));
    let report = serde_json::from_str(&report).expect("JSON");
    (said.status, report, said.out)
}

#[test]
fn who_comes_without_tls_or_with_an_old_one_is_refused() {
    for server in [Server::prosody_that(true), Server::ejabberd_that(true)] {
        for (transport, url) in server.urls() {
            if transport == "ws" {
                continue;
            }
            let (status, report, out) = play(&server, &url);
            let what = format!("{} over {transport}: {out}", server.name);
            assert_eq!((status, &report["summary"]["passed"]), (0, &4.into()), "{what}");
            // The old hello, and the plain connection.
            assert!(report["rules"]["TR-07"]["held"].as_u64() >= Some(2), "{what}");
            assert!(report["rules"]["TR-06"]["held"].as_u64() >= Some(1), "{what}");
        }
    }
}

#[test]
fn a_server_that_demands_no_tls_is_caught() {
    for server in [Server::prosody(), Server::ejabberd()] {
        let (_, url) = &server.urls()[2];
        let (status, report, out) = play(&server, url);
        let what = format!("{}: {out}", server.name);
        assert_eq!((status, &report["summary"]["failed"]), (1, &1.into()), "{what}");
        assert_eq!(report["rules"]["TR-07"]["broken"], 1, "{what}");
        assert!(out.contains("SASL mechanisms are offered without TLS"), "{what}");
    }
}
