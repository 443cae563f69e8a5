//! Targets that cannot be tested: each ends with exit status 3 and one clear sentence, and soon.

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use support::{Said, callspec, run};

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

fn play(url: &str) -> Said {
    let folder = tempfile::TempDir::new().expect("a folder");
    run(callspec()
        .args([
            "run",
            "--filter",
            "call/full",
            "--timeout-scale",
            "0.1",
            "--insecure-plaintext",
        ])
        .args([
            "--account",
            "alice@localhost:secret-a",
            "--account",
            "bob@localhost:secret-b",
        ])
        .args(["--target", url])
        .arg("--transcripts")
        .arg(folder.path()))
}

/// The same for a look: it has no deadlines to scale.
fn look(url: &str) -> Said {
    run(callspec()
        .args(["probe", "--insecure-plaintext", "--target", url])
        .args([
            "--account",
            "alice@localhost:secret-a",
            "--account",
            "bob@localhost:secret-b",
        ]))
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
            (silent, "was not done within 10 s"),
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
            "was not done within 10 s",
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
        untested(&play(&format!("ws://127.0.0.1:{port}")), "upgrading to WebSocket");
    }
    let port = says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    untested(&play(&format!("ws://127.0.0.1:{port}/")), "status 200");
}

#[test]
fn never_answers_or_drips() {
    let port = says("");
    for scheme in ["ws", "wss", "xmpp", "xmpps"] {
        untested(
            &play(&format!("{scheme}://127.0.0.1:{port}")),
            "was not done within 1 s",
        );
    }
    let drip = drips();
    untested(
        &play(&format!("xmpp://127.0.0.1:{drip}")),
        "was not done within 1 s",
    );
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
