//! Every lawful way in which a server may refuse a token: none is taken for a breach.

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use support::{Serve, USERS, callspec, run};
use tempfile::TempDir;

const KEY: &str = "gate secret";

/// What a refused client is answered: the answer to the upgrade, and then a text for each text of its own; `None` ends
/// the connection with a close frame of this code.
struct Refusal {
    name: &'static str,
    upgrade: &'static str,
    words: &'static [&'static [Option<&'static str>]],
}

const UPGRADED: &str =
    "101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: xmpp";
const OPEN: Option<&str> =
    Some("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='localhost' id='a' version='1.0'/>");
const OPEN_AGAIN: Option<&str> =
    Some("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='localhost' id='b' version='1.0'/>");
const LOGIN: Option<&str> = Some(
    "<features xmlns='http://etherx.jabber.org/streams'><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></features>",
);
const NO_LOGIN: Option<&str> = Some(
    "<features xmlns='http://etherx.jabber.org/streams'><register xmlns='http://jabber.org/features/iq-register'/></features>",
);
const STREAM_ERROR: Option<&str> = Some(
    "<error xmlns='http://etherx.jabber.org/streams'><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></error>",
);
const CLOSE: Option<&str> = Some("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
const FAILURE: Option<&str> =
    Some("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>");
const EXPIRED: Option<&str> = Some(
    "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><credentials-expired/><text xml:lang='en'>too late</text></failure>",
);
const SUCCESS: Option<&str> = Some("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
const BIND: Option<&str> = Some(
    "<features xmlns='http://etherx.jabber.org/streams'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></features>",
);
const UNBOUND: Option<&str> = Some(
    "<iq xmlns='jabber:client' type='error' id='bind'><error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
);

const REFUSALS: [Refusal; 12] = [
    refusal("unauthorized", "401 Unauthorized\r\nContent-Length: 0", &[]),
    refusal("forbidden", "403 Forbidden\r\nContent-Length: 3\r\n\r\nno!", &[]),
    refusal("to the login page", "302 Found\r\nLocation: /login", &[]),
    refusal("too many", "429 Too Many Requests\r\nRetry-After: 9", &[]),
    refusal("no answer but the end", "", &[]),
    refusal("a close frame", UPGRADED, &[&[None]]),
    refusal("a stream error", UPGRADED, &[&[OPEN, STREAM_ERROR, CLOSE, None]]),
    refusal("no way to log in", UPGRADED, &[&[OPEN, NO_LOGIN]]),
    refusal("a failure", UPGRADED, &[&[OPEN, LOGIN], &[FAILURE]]),
    refusal(
        "a failure and the end",
        UPGRADED,
        &[&[OPEN, LOGIN], &[EXPIRED, CLOSE, None]],
    ),
    refusal(
        "an error for a login",
        UPGRADED,
        &[&[OPEN, LOGIN], &[STREAM_ERROR, CLOSE, None]],
    ),
    refusal(
        "no resource",
        UPGRADED,
        &[&[OPEN, LOGIN], &[SUCCESS], &[OPEN_AGAIN, BIND], &[UNBOUND]],
    ),
];

const fn refusal(
    name: &'static str,
    upgrade: &'static str,
    words: &'static [&'static [Option<&'static str>]],
) -> Refusal {
    Refusal { name, upgrade, words }
}

/// The head of a request or of an answer.
fn head(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    Some(head)
}

/// Reads one frame of a client, short or long; `false`: there is none any more, or it is a close.
fn frame(stream: &mut TcpStream) -> bool {
    let mut start = [0; 2];
    if stream.read_exact(&mut start).is_err() {
        return false;
    }
    let length = match start[1] & 0x7f {
        126 => {
            let mut long = [0; 2];
            let _ = stream.read_exact(&mut long);
            usize::from(u16::from_be_bytes(long))
        }
        short => usize::from(short),
    };
    let mut rest = vec![0; length + 4];
    stream.read_exact(&mut rest).is_ok() && start[0] & 0x0f != 8
}

/// Whoever the gate behind lets in gets through; everyone else is refused in this way.
fn stand_before(gate: String, how: &'static Refusal) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let gate = gate.clone();
            std::thread::spawn(move || serve(client, &gate, how));
        }
    });
    port
}

fn serve(mut client: TcpStream, gate: &str, how: &Refusal) -> Option<()> {
    let mut server = TcpStream::connect(gate).ok()?;
    let request = head(&mut client)?;
    server.write_all(&request).ok()?;
    let answer = head(&mut server)?;
    if answer.starts_with(b"HTTP/1.1 101") {
        client.write_all(&answer).ok()?;
        let (mut from, mut to) = (client.try_clone().ok()?, server.try_clone().ok()?);
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(std::net::Shutdown::Write);
        });
        let _ = std::io::copy(&mut server, &mut client);
        let _ = client.shutdown(std::net::Shutdown::Write);
        return None;
    }
    if how.upgrade.is_empty() {
        return None;
    }
    let body = if how.upgrade.contains("\r\n\r\n") {
        ""
    } else {
        "\r\n\r\n"
    };
    client
        .write_all(format!("HTTP/1.1 {}{body}", how.upgrade).as_bytes())
        .ok()?;
    for words in how.words {
        if !frame(&mut client) {
            break;
        }
        for word in *words {
            match word {
                Some(text) => {
                    let length = u16::try_from(text.len()).ok()?.to_be_bytes();
                    client.write_all(&[0x81, 126, length[0], length[1]]).ok()?;
                    client.write_all(text.as_bytes()).ok()?;
                }
                // 1008: a policy is violated (RFC 6455 §7.4.1).
                None => client.write_all(&[0x88, 2, 0x03, 0xf0]).ok()?,
            }
        }
    }
    // To the client's own close, or its end.
    while frame(&mut client) {}
    None
}

#[test]
fn every_lawful_refusal_is_one() {
    let folder = TempDir::new().expect("a folder");
    // Side by side: each waits for a token to run out.
    std::thread::scope(|scope| {
        for how in &REFUSALS {
            scope.spawn(|| refuses(folder.path(), how));
        }
    });
}

fn refuses(folder: &Path, how: &'static Refusal) {
    // Each has a gate of its own: the runs are alike, and would take each other's resources.
    let gate = Serve::with(&["--cookie-key", "${GATE_KEY}"], &[("GATE_KEY", KEY)]);
    let port = stand_before(gate.address.clone(), how);
    let accounts = USERS.map(|user| format!("  - {{ jid: {user}@localhost }}\n"));
    let target = format!(
        "url: ws://localhost:{port}/\ndomain: localhost\ncookie: {{ jwt: {{ key: \"{KEY}\" }} }}\naccounts:\n{}",
        accounts.concat()
    );
    let file = folder.join(format!("{}.yaml", how.name.replace(' ', "-")));
    std::fs::write(&file, target).expect("a file");
    let said = run(callspec()
        .args(["run", "--strict", "--filter", "tag:token", "--target"])
        .arg(&file)
        .arg("--transcripts")
        .arg(file.with_extension("transcripts")));
    assert_eq!(said.status, 0, "{}:\n{}\n{}", how.name, said.out, said.err);
    for other in ["FAIL", "warn", "inconclusive", "ERROR"] {
        assert!(!said.out.contains(other), "{}:\n{}", how.name, said.out);
    }
    assert!(
        said.out.contains("pass  auth/token-of-another-hand"),
        "{}",
        said.out
    );
}
