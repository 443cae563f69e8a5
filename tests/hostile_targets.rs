//! Targets that cannot be tested: each ends with exit status 3 and one clear sentence, and soon.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Stdio;
use std::time::Duration;

use support::{Said, Serve, callspec, run};

const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='localhost' id='1' version='1.0'>";

/// A server that does this with each connection, until the test ends.
fn server(behave: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let behave = std::sync::Arc::new(behave);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let behave = behave.clone();
            std::thread::spawn(move || behave(stream));
        }
    });
    port
}

/// Says this after the client's first words, then waits for the client to go.
fn says(text: impl Into<Vec<u8>>) -> u16 {
    let text = text.into();
    server(move |mut stream| {
        let mut first = [0; 4096];
        let _ = stream.read(&mut first);
        let _ = stream.write_all(&text);
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    })
}

/// A server that takes its time: a byte a second.
fn drips() -> u16 {
    server(|mut stream| {
        for byte in HEADER.bytes() {
            if stream.write_all(&[byte]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_secs(1));
        }
    })
}

const WAY_IN: [&str; 5] = [
    "--insecure-plaintext",
    "--account",
    "alice@localhost:secret-a",
    "--account",
    "bob@localhost:secret-b",
];

fn play(url: &str) -> Said {
    let folder = tempfile::TempDir::new().expect("a folder");
    run(callspec()
        .args(["run", "--filter", "call/full", "--timeout-scale", "0.1"])
        .args(["--target", url])
        .args(WAY_IN)
        .arg("--transcripts")
        .arg(folder.path()))
}

/// The same for a look: it has no deadlines to scale.
fn look(url: &str) -> Said {
    run(callspec().args(["probe", "--target", url]).args(WAY_IN))
}

fn untested(said: &Said, part: &str) {
    let Said { status, out, err } = said;
    assert_eq!(*status, 3, "{out}\n{err}");
    assert!(err.contains(part), "wanted {part:?} in {err}");
    assert!(err.contains("nothing was tested (exit 3)"), "{err}");
    assert_eq!(err.lines().count(), 2, "{err}");
    assert!(!err.contains("secret-") && !err.contains("panicked"), "{err}");
}

#[test]
fn down() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    for scheme in ["ws", "wss", "xmpp", "xmpps"] {
        untested(
            &play(&format!("{scheme}://127.0.0.1:{port}")),
            "cannot reach 127.0.0.1",
        );
    }
    untested(
        &play("ws://no-such-host.invalid/"),
        "cannot reach no-such-host.invalid",
    );
}

/// Lets everybody in, and then does this.
fn lets_in(then: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> u16 {
    let offer = |features: &str| format!("{HEADER}<stream:features>{features}</stream:features>");
    let said = [
        offer("<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>"),
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>".to_owned(),
        offer("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"),
        "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>alice@localhost/x</jid></bind></iq>".to_owned(),
    ];
    server(move |mut stream| {
        let mut heard = [0; 4096];
        for text in &said {
            let _ = stream.read(&mut heard);
            let _ = stream.write_all(text.as_bytes());
        }
        then(&mut stream);
    })
}

#[test]
fn a_look_ends_with_one_sentence_too() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let closed = listener.local_addr().expect("an address").port();
    drop(listener);
    untested(
        &look(&format!("ws://127.0.0.1:{closed}/")),
        "cannot reach 127.0.0.1",
    );
    let silent = says("");
    let garbage = says(b"220 mail.example ESMTP\r\n".to_vec());
    let mute = lets_in(|stream| drop(std::io::copy(stream, &mut std::io::sink())));
    let noisy = lets_in(|stream| while stream.write_all(b"<message><body>hello</body></message>").is_ok() {});
    let leaves = lets_in(|stream| drop(stream.write_all(b"</stream:stream>")));
    // Side by side: each of them takes its time.
    std::thread::scope(|scope| {
        for (port, part) in [
            // Ten seconds, and more where this process stood still meanwhile.
            (silent, "the login was not done within"),
            (garbage, "no XMPP"),
            (mute, "a ping was not answered within 5 s"),
            (noisy, "a ping was not answered within 5 s"),
            (leaves, "then the stream ended"),
        ] {
            scope.spawn(move || untested(&look(&format!("xmpp://127.0.0.1:{port}")), part));
        }
        let drip = drips();
        untested(
            &look(&format!("xmpp://127.0.0.1:{drip}")),
            "the login was not done within",
        );
    });
}

#[test]
fn refuses_tls() {
    let port = server(drop);
    untested(
        &play(&format!("wss://127.0.0.1:{port}")),
        "TLS for 127.0.0.1 failed",
    );
    let port = says("HTTP/1.1 400 Bad Request\r\n\r\n");
    untested(
        &play(&format!("xmpps://127.0.0.1:{port}")),
        "TLS for localhost failed",
    );
}

#[test]
fn wants_another_mechanism() {
    let port = says(format!(
        "{HEADER}<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>GSSAPI</mechanism></mechanisms></stream:features>"
    ));
    untested(
        &play(&format!("xmpp://127.0.0.1:{port}")),
        "the server offers GSSAPI",
    );
}

#[test]
fn drops_the_stream_in_the_middle() {
    let port = server(|mut stream| {
        let mut first = [0; 4096];
        let _ = stream.read(&mut first);
        let _ = stream.write_all(format!("{HEADER}<stream:fea").as_bytes());
    });
    untested(&play(&format!("xmpp://127.0.0.1:{port}")), "the connection ended");
}

#[test]
fn answers_garbage() {
    let noise: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for text in [
        noise,
        b"220 mail.example ESMTP\r\n".to_vec(),
        b"<html><body>hello</body></html>".to_vec(),
    ] {
        let port = says(text);
        untested(&play(&format!("xmpp://127.0.0.1:{port}")), "no XMPP");
        untested(
            &play(&format!("ws://127.0.0.1:{port}")),
            "during the WebSocket upgrade",
        );
    }
    let port = says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    untested(&play(&format!("ws://127.0.0.1:{port}/")), "status 200");
}

/// What proxies say where they do not let an upgrade through.
#[test]
fn a_proxy_answers_for_the_server() {
    for (answer, part) in [
        ("401 No\r\nWWW-Authenticate: basic realm=\"x\"", "by HTTP Basic"),
        ("401 No\r\nWWW-Authenticate: Bearer", "the token (or its absence)"),
        ("426 Upgrade Required\r\nUpgrade: websocket", "pass upgrades on?"),
        ("400 Bad Request", "pass upgrades on?"),
        ("429 Too Many Requests", "takes no more clients for now"),
        ("503 Service Unavailable", "cannot serve anybody now"),
        ("404 Not Found", "is the path right?"),
    ] {
        let port = says(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n"));
        untested(&play(&format!("ws://127.0.0.1:{port}/")), part);
    }
}

#[test]
fn never_answers_or_drips() {
    let port = says("");
    for scheme in ["ws", "wss", "xmpp", "xmpps"] {
        untested(
            &play(&format!("{scheme}://127.0.0.1:{port}")),
            "was not done within",
        );
    }
    let drip = drips();
    untested(&play(&format!("xmpp://127.0.0.1:{drip}")), "was not done within");
}

/// Whoever started it may end it while a target lets nobody in: it need not wait until the login gives up.
#[test]
fn is_ended_while_it_logs_in() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let given: [&[&str]; 2] = [
        &["run", "--filter", "call/full", "--transcripts", "transcripts"],
        &["fuzz", "--cases", "1"],
    ];
    for arguments in given {
        let (dialled, calls) = std::sync::mpsc::channel();
        let port = server(move |mut stream| {
            let _ = dialled.send(());
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        });
        let child = callspec()
            .args(arguments)
            .args(["--target", &format!("xmpp://localhost:{port}")])
            .args(WAY_IN)
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("callspec runs");
        let dialled = calls.recv_timeout(Duration::from_secs(60));
        support::signal("-TERM", &child);
        let said = child.wait_with_output().expect("an end");
        let err = String::from_utf8_lossy(&said.stderr);
        assert!(dialled.is_ok(), "{err}");
        assert_eq!(said.status.code(), Some(130), "{arguments:?}: {err}");
    }
}

#[test]
fn an_endless_header_is_cut_short() {
    let port = server(|mut stream| {
        let _ = stream.write_all(HEADER.as_bytes());
        while stream.write_all(&[b'x'; 65_536]).is_ok() {}
    });
    let said = play(&format!("xmpp://127.0.0.1:{port}"));
    assert_eq!(said.status, 3, "{}", said.err);
}

#[test]
fn a_password_in_an_answer_is_not_shown() {
    let port = says(format!(
        "{HEADER}<stream:error><text>secret-a</text></stream:error>secret-a<secret-a>"
    ));
    untested(&play(&format!("xmpp://127.0.0.1:{port}")), "error");
}

#[test]
fn what_a_server_says_of_its_refusal_is_told_in_short_and_on_one_line() {
    let long = "on and on ".repeat(10_000);
    let port = says(format!(
        "{HEADER}<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>Too many\n\u{202e}sessions, secret-a, {long}</text></stream:error>"
    ));
    let said = play(&format!("xmpp://127.0.0.1:{port}"));
    untested(
        &said,
        r#"the error `policy-violation` ("Too many\n\u{202e}sessions, ***, on and on "#,
    );
    assert!(said.err.contains("fewer --jobs or more accounts"), "{}", said.err);
    assert!(said.err.len() < 1_000, "{}", said.err);
}

/// Lets so many connections through to this address, and with the next one it is gone: nobody gets in, and those that
/// are there are cut off.
fn gone_after(connections: usize, behind: &str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let behind = behind.to_owned();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for client in listener.incoming().map_while(Result::ok).take(connections) {
            let server = TcpStream::connect(&behind).expect("a server");
            let ends = [(&client, &server), (&server, &client)];
            for (from, to) in ends.map(|(from, to)| (from.try_clone(), to.try_clone())) {
                let (mut from, mut to) = (from.expect("an end"), to.expect("an end"));
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Both);
                });
            }
            open.extend([client, server]);
        }
        let _ = listener.accept();
        drop(listener);
        for end in open {
            let _ = end.shutdown(Shutdown::Both);
        }
    });
    port
}

#[test]
fn goes_down_in_the_middle_of_a_suite() {
    let serve = Serve::new(&["--account", "alice:secret-a", "--account", "bob:secret-b"]);
    let port = gone_after(24, &serve.address);
    let folder = tempfile::TempDir::new().expect("a folder");
    let report = folder.path().join("report.json");
    let said = run(callspec()
        .args([
            "run",
            "--filter",
            "name:cancel/*",
            "--profile",
            "relay",
            "--jobs",
            "4",
            "--insecure-plaintext",
        ])
        .args([
            "--account",
            "alice@localhost:secret-a",
            "--account",
            "bob@localhost:secret-b",
        ])
        .args(["--target", &format!("ws://127.0.0.1:{port}/")])
        .arg("--report")
        .arg(format!("json={}", report.display()))
        .arg("--transcripts")
        .arg(folder.path()));
    let Said { status, out, err } = said;
    assert_eq!(status, 3, "{out}\n{err}");
    let report = std::fs::read(&report).expect("a report");
    let report: serde_json::Value = serde_json::from_slice(&report).expect("JSON");
    let summary = &report["summary"];
    let count = |outcome: &str| summary[outcome].as_u64().expect("a count");
    assert_eq!(
        count("failed") + count("warned") + count("inconclusive"),
        0,
        "{summary}"
    );
    assert!(count("passed") > 0 && count("error") > 20, "{summary}");
    // Those that were under way may say what they saw, and those of the second look; all others are told of in one.
    let told = out.lines().filter(|line| line.starts_with("ERROR")).count();
    assert!(told <= 2 * 4 + 1, "{out}");
    let reasons = out
        .lines()
        .filter(|line| line.starts_with("  the target went away"));
    assert_eq!(reasons.count(), 1, "{out}");
}
