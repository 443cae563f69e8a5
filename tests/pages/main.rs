//! Two pages in a real browser call each other, with real media, over a real server and through the proxy: what the
//! browser saved and what the proxy wrote get the same verdict, and each bug the right rule.

mod browser;

#[path = "../record/proxy.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod proxy;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/tools.rs"]
mod tools;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use browser::Browser;
use proxy::{outcomes, record, rules, transcripts};
use serde_json::json;
use support::{PASSWORD, Server, callspec, run};
use tools::{from_npm, without};

/// Serves the page and its scripts on a port of this machine until the test ends.
fn site(strophe: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A browser also opens connections on which it says nothing for a while.
            let strophe = strophe.clone();
            std::thread::spawn(move || answer(stream, &strophe));
        }
    });
    format!("http://localhost:{port}/call.html")
}

fn answer(mut stream: TcpStream, strophe: &[u8]) {
    let mut request = [0; 8_192];
    let length = stream.read(&mut request).unwrap_or_default();
    let request = String::from_utf8_lossy(&request[..length]).into_owned();
    let (kind, body): (_, &[u8]) = match request.split(' ').nth(1) {
        Some("/call.html") => ("text/html", include_bytes!("call.html")),
        Some("/call.js") => ("text/javascript", include_bytes!("call.js")),
        Some("/strophe.js") => ("text/javascript", strophe),
        _ => ("text/plain", b""),
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(body));
}

/// What one call left.
struct Left {
    hars: [PathBuf; 2],
    transcripts: Vec<PathBuf>,
    live: String,
}

fn play(
    browser: &mut Browser,
    site: &str,
    server: &Server,
    folder: &Path,
    bugs: [&str; 2],
    split: &str,
) -> Left {
    let target = format!("ws://localhost:{}/xmpp-websocket", server.ws);
    let args = ["--judge", "--profile", "prosody", "--split", split];
    let proxy = record(&target, &folder.join("written"), &args);
    let url = format!("{}/xmpp-websocket", proxy.url.replace("127.0.0.1", "localhost"));
    let ids = [
        "a1b2c3d4-e5f6-4890-abcd-ef1234567890",
        "b2c3d4e5-f6a7-4901-bcde-f12345678901",
    ];
    let users = ["alice", "bob"];
    let call = uuid::Uuid::new_v4();
    for page in 0..2 {
        browser.go(page, site);
        let made = json!({
            "url": url, "jid": format!("{}@localhost/page", users[page]), "password": PASSWORD,
            "own": ids[page], "peer": ids[1 - page], "peerJid": format!("{}@localhost/page", users[1 - page]),
            "callId": call.to_string(), "bug": bugs[page],
        });
        browser.evaluate(page, &format!("window.made = new Call({made}); made.connect()"));
    }
    browser.together(&[(0, "made.caller()"), (1, "made.callee()")]);
    browser.together(&[(0, "made.disconnect()"), (1, "made.disconnect()")]);
    let hars = [0, 1].map(|page| {
        browser.leave(page);
        let file = folder.join(format!("{}.har", users[page]));
        std::fs::write(&file, browser.har(page).to_string()).expect("a file");
        file
    });
    let written = proxy.folder.clone();
    let (_, live) = proxy.end();
    Left {
        hars,
        transcripts: transcripts(&written),
        live,
    }
}

fn judged(files: &[PathBuf]) -> String {
    let said = run(callspec().args(["check", "--profile", "prosody"]).args(files));
    assert_eq!(said.err, "", "{}", said.out);
    said.out
}

#[test]
fn two_pages_call_each_other_and_each_bug_gets_its_rule() {
    let Ok(strophe) = std::fs::read(from_npm("strophe.js", "5.0.0", "dist/strophe.umd.min.js")) else {
        return without("strophe.js (from npm)");
    };
    let Some(mut browser) = Browser::start(2) else {
        return without("chromium");
    };
    let server = Server::prosody();
    let site = site(strophe);
    for (bugs, split, wanted) in [
        (["", ""], "call", None),
        (["", ""], "session", None),
        (["late-candidate", ""], "call", Some("ST-09")),
        (["no-type", ""], "session", Some("SG-05")),
        (["calls-another", ""], "call", Some("ST-10")),
        (["", "answers-early"], "session", Some("ST-05")),
        (["", "answers-twice"], "call", Some("IQ-01")),
    ] {
        let folder = tempfile::TempDir::new().expect("a folder");
        let left = play(&mut browser, &site, &server, folder.path(), bugs, split);
        let bug = bugs.concat();
        let ends = judged(&left.hars);
        let between = judged(&left.transcripts);
        let all = format!(
            "{bug}: live:\n{}\ntranscripts:\n{between}\nHARs:\n{ends}",
            left.live
        );
        assert!(ends.contains("put together with"), "{all}");
        // The same verdict on the same call, live, later, and from the browser.
        let calls = outcomes(&ends);
        assert_eq!(calls.len(), 1, "{all}");
        assert_eq!(
            (outcomes(&between), outcomes(&left.live)),
            (calls.clone(), calls.clone()),
            "{all}"
        );
        let found = rules(&ends);
        assert_eq!(
            (rules(&between), rules(&left.live)),
            (found.clone(), found.clone()),
            "{all}"
        );
        let only: BTreeSet<String> = wanted.into_iter().map(str::to_owned).collect();
        let fails = ends.lines().any(|line| line.starts_with("FAIL"));
        assert!(only.is_subset(&found) && fails == wanted.is_some(), "{all}");
        assert!(wanted.is_some() || found.is_empty(), "{all}");
        // A real call: media went both ways, or the pages would not have hung up.
        assert!(all.contains("ended by hangup completed"), "{all}");
        for file in &left.transcripts {
            let text = std::fs::read_to_string(file).expect("a text");
            assert!(
                !text.contains(PASSWORD) && text.contains("Origin: http://localhost"),
                "{}",
                file.display()
            );
        }
    }
}
