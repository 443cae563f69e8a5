//! `callspec serve` as somebody else's client sees it: raw sockets, no code of ours in between.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use support::Serve;

fn connect(serve: &Serve) -> TcpStream {
    let stream = TcpStream::connect(&serve.address).expect("a connection");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a timeout");
    stream
}

/// One connection, over TCP or WebSocket.
struct Line {
    stream: TcpStream,
    web: bool,
    came: String,
}

impl Line {
    fn tcp(serve: &Serve) -> Line {
        Line {
            stream: connect(serve),
            web: false,
            came: String::new(),
        }
    }

    fn web(serve: &Serve) -> Line {
        let mut stream = connect(serve);
        let request = "GET /any HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(request.as_bytes()).expect("written");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a response");
            head.extend_from_slice(&byte);
        }
        let head = String::from_utf8(head).expect("text").to_lowercase();
        assert!(head.starts_with("http/1.1 101"), "{head}");
        // The answer to this key is the example of RFC 6455 §1.3.
        assert!(
            head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
            "{head}"
        );
        assert!(head.contains("sec-websocket-protocol: xmpp"), "{head}");
        Line {
            stream,
            web: true,
            came: String::new(),
        }
    }

    fn says(&mut self, text: &str) {
        if !self.web {
            self.stream.write_all(text.as_bytes()).expect("written");
            return;
        }
        // A mask of noughts leaves the payload as it is.
        let mut frame = vec![0x81];
        match text.len() {
            short @ ..126 => frame.push(0x80 | u8::try_from(short).expect("short")),
            long => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&u16::try_from(long).expect("not too long").to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(text.as_bytes());
        self.stream.write_all(&frame).expect("written");
    }

    /// Reads until this has come; the answer is all that came up to then.
    fn hears(&mut self, wanted: &str) -> String {
        while !self.came.contains(wanted) {
            let text = if self.web { self.frame() } else { self.bytes() };
            self.came.push_str(&text);
        }
        std::mem::take(&mut self.came)
    }

    fn bytes(&mut self) -> String {
        let mut buffer = [0; 4_096];
        let length = self.stream.read(&mut buffer).expect("something came");
        assert!(length > 0, "the end, after {}", self.came);
        String::from_utf8(buffer[..length].to_vec()).expect("text")
    }

    fn frame(&mut self) -> String {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).expect("a frame");
        assert_eq!(head[0], 0x81, "one whole text frame");
        let length = match head[1] {
            126 => {
                let mut long = [0; 2];
                self.stream.read_exact(&mut long).expect("a length");
                usize::from(u16::from_be_bytes(long))
            }
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).expect("a payload");
        String::from_utf8(payload).expect("text")
    }

    fn open(&mut self) -> String {
        if self.web {
            self.says("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>");
        } else {
            self.says(
                "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
                 xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
            );
        }
        self.hears("</stream:features>")
    }

    /// Logs in and binds: `data` is `\0user\0password` in Base64.
    fn log_in(&mut self, data: &str, user: &str) {
        let features = self.open();
        assert!(features.contains("<mechanism>PLAIN</mechanism>"), "{features}");
        self.says(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{data}</auth>"
        ));
        self.hears("<success");
        assert!(self.open().contains("xmpp-bind"));
        self.says(
            "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <resource>r</resource></bind></iq>",
        );
        assert!(self.hears("</iq>").contains(&format!("{user}@localhost/r")));
    }
}

const ALICE: &str = "AGFsaWNlAHg=";
const BOB: &str = "AGJvYgB4";

fn set(to: &str, id: &str) -> String {
    format!(
        "<iq xmlns='jabber:client' type='set' to='{to}@localhost/r' id='{id}'>\
         <call xmlns='urn:xmpp:call:0'>{{\"type\":\"call:hangup\"}}</call></iq>"
    )
}

#[test]
fn somebody_elses_client_sees_a_sound_server_over_both_transports() {
    let serve = Serve::new(&[]);
    let (mut alice, mut bob) = (Line::web(&serve), Line::tcp(&serve));
    alice.log_in(ALICE, "alice");
    bob.log_in(BOB, "bob");
    alice.says(&set("bob", "one"));
    let got = bob.hears("</iq>");
    assert!(
        got.contains("alice@localhost/r") && got.contains("one") && got.contains("call:hangup"),
        "{got}"
    );
    bob.says("<iq xmlns='jabber:client' type='result' to='alice@localhost/r' id='one'/>");
    let answer = alice.hears("one");
    assert!(
        answer.contains("bob@localhost/r") && answer.contains("result"),
        "{answer}"
    );
    alice.says(&set("nobody", "two"));
    assert!(alice.hears("</iq>").contains("service-unavailable"));
    bob.says("</stream:stream>");
    bob.hears("</stream:stream>");
    alice.says("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
    alice.hears("<close ");
}

#[test]
fn a_fault_does_what_it_says_and_only_its_log_tells() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let log = folder.path().join("faults.jsonl");
    let path = log.to_str().expect("a path");
    let serve = Serve::new(&["--fault", "drop:every=2,over=tcp", "--fault-log", path]);
    let (mut alice, mut bob) = (Line::web(&serve), Line::tcp(&serve));
    alice.log_in(ALICE, "alice");
    bob.log_in(BOB, "bob");
    for id in ["one", "two", "three"] {
        alice.says(&set("bob", id));
    }
    let got = bob.hears("three");
    assert!(got.contains("one") && !got.contains("two"), "{got}");
    bob.says(&set("alice", "back"));
    assert!(alice.hears("back").contains("bob@localhost/r"));
    let log = std::fs::read_to_string(log).expect("a log");
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert_eq!(
        (&lines[0]["fault"], &lines[0]["id"]),
        (&"drop:every=2,over=tcp".into(), &"two".into())
    );
}

fn output(args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_callspec")).args(args).output();
    let output = output.expect("callspec runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn faults_are_listed_and_a_wrong_one_is_told() {
    let (status, list, _) = output(&["serve", "--faults"]);
    assert_eq!(status, Some(0));
    let (status, json, _) = output(&["serve", "--faults", "--report", "json=-"]);
    assert_eq!(status, Some(0));
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Faults {
        faults: Vec<Fault>,
    }
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Fault {
        name: String,
        rules: Vec<String>,
        text: String,
    }
    let faults: Faults = serde_json::from_str(&json).expect("faults");
    assert!(faults.faults.len() >= 150);
    for (line, fault) in list.lines().zip(&faults.faults) {
        assert_eq!(line.split_whitespace().next(), Some(fault.name.as_str()));
        assert!(
            line.ends_with(&fault.text) && fault.rules.iter().all(|id| line.contains(id)),
            "{line}"
        );
    }
    let (status, _, why) = output(&["serve", "--fault", "dorp"]);
    assert_eq!(status, Some(2));
    assert!(why.contains("did you mean `drop`?"), "{why}");
}
