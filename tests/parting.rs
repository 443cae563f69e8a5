//! How bots take their leave over WebSocket: `<close/>` first, the close frame when that is answered, and then the
//! connection itself. A server may let go of a resource at any of the three. And what is said where a server takes its
//! leave.

mod support;

use std::sync::mpsc::Receiver;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use support::{Said, callspec, run};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

const SCENARIO: &str = "\
name: leaves
about: The callee has left; the server knows it when nothing is left of the connection.
rules: [RT-09]
tags: [vanish]
leaves-open: nobody was reached
steps:
  - callee: { does: disconnect }
  - caller: { sends: initiate, answered: { error: service-unavailable, rule: RT-09 } }
";

const FEATURES: &str =
    "<stream:features xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/// Nothing follows the signal but the answer to it.
const LAST: &str = "\
name: last
about: The last thing that is said.
rules: [RT-03]
tags: [routing]
leaves-open: nobody answers
steps:
  - caller: { sends: initiate }
";

/// A raw line that logs in, and as what.
const RAW: &str = "\
name: raw
about: A line of its own logs in.
rules: [TR-02]
tags: [transport]
cast: { line: { user: bob, raw: true } }
steps:
  - line: { does: open }
  - line: { does: log-in, resource: raw-line }
  - line: { receives: bound, within: 10s, rule: TR-02 }
";

/// How alice's PLAIN begins.
const ALICE: &str = "AGFsaWNl";

const UNAVAILABLE: &str = "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>";

/// Serves one session, and tells in which order its end went. A signal bounces once another session is `gone`. What
/// holds the text of which it `dies` is the end of the session.
async fn session(
    tcp: TcpStream,
    mut gone: watch::Receiver<bool>,
    dies: Option<&'static str>,
) -> Vec<&'static str> {
    #[allow(clippy::result_large_err)] // the shape of the callback is not ours
    let protocol = |_: &Request, mut response: Response| {
        let headers = response.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", "xmpp".parse().expect("a value"));
        Ok(response)
    };
    let mut socket = accept_hdr_async(tcp, protocol).await.expect("a WebSocket");
    let mut end = Vec::new();
    let mut known = false;
    let mut user = "bob";
    loop {
        let said = match socket.next().await {
            Some(Ok(Message::Text(text))) => text.as_str().to_owned(),
            Some(Ok(Message::Pong(_))) => {
                // A close frame sent right behind `<close/>` would have come before this.
                end.push("pong");
                let close = "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";
                socket.send(Message::text(close)).await.expect("sent");
                continue;
            }
            Some(Ok(Message::Close(_))) => {
                end.push("close frame");
                continue;
            }
            Some(Ok(_)) => continue,
            Some(Err(_)) | None => {
                end.push("gone");
                return end;
            }
        };
        if dies.is_some_and(|of| said.contains(of)) {
            return end;
        }
        let answers = if said.contains("<open") {
            let features = if known {
                "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
            } else {
                "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>"
            };
            let id = uuid::Uuid::new_v4();
            let open = format!(
                "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='localhost' id='{id}' version='1.0'/>"
            );
            vec![open, format!("{FEATURES}{features}</stream:features>")]
        } else if said.contains("<auth") {
            known = true;
            if said.contains(ALICE) {
                user = "alice";
            }
            vec!["<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>".to_owned()]
        } else if said.contains("<close") {
            end.push("<close/>");
            socket.send(Message::Ping("".into())).await.expect("sent");
            vec![]
        } else if said.contains("<call") {
            gone.wait_for(|gone| *gone).await.expect("another session");
            let id = attribute(&said, "id=\"");
            let from = attribute(&said, " to=\"");
            vec![format!(
                "<iq xmlns='jabber:client' type='error' id='{id}' from='{from}'><error type='cancel'>{UNAVAILABLE}</error></iq>"
            )]
        } else {
            let id = attribute(&said, "id=\"");
            let resource = attribute(&said, "<resource>");
            let jid = format!("<jid>{user}@localhost/{resource}</jid>");
            let bind = format!("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>{jid}</bind>");
            let body = if resource.is_empty() { "" } else { &bind };
            vec![format!(
                "<iq xmlns='jabber:client' type='result' id='{id}'>{body}</iq>"
            )]
        };
        for answer in answers {
            socket.send(Message::text(answer)).await.expect("sent");
        }
    }
}

/// What stands behind this, up to the next quote or tag.
fn attribute<'a>(text: &'a str, before: &str) -> &'a str {
    let rest = text.split_once(before).map_or("", |(_, rest)| rest);
    rest.split(['"', '<']).next().unwrap_or_default()
}

/// What a run of this scenario says, and how each session of the server ended.
fn played(scenario: &str, dies: Option<&'static str>) -> (Said, Receiver<Vec<&'static str>>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let listener = runtime
        .block_on(TcpListener::bind("127.0.0.1:0"))
        .expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (tell, ends) = std::sync::mpsc::channel();
    runtime.spawn(async move {
        let (first, gone) = watch::channel(false);
        let first = std::sync::Arc::new(first);
        while let Ok((tcp, _)) = listener.accept().await {
            let (tell, first, gone) = (tell.clone(), first.clone(), gone.clone());
            tokio::spawn(async move {
                let end = session(tcp, gone, dies).await;
                first.send_replace(true);
                tell.send(end)
            });
        }
    });
    let folder = tempfile::TempDir::new().expect("a folder");
    let file = folder.path().join("scenario.yaml");
    std::fs::write(&file, scenario).expect("a file");
    let said = run(callspec()
        .arg("run")
        .arg(&file)
        .args(["--profile", "relay", "--insecure-plaintext"])
        .args(["--account", "alice@localhost:a", "--account", "bob@localhost:b"])
        .arg("--target")
        .arg(format!("ws://127.0.0.1:{port}/"))
        .arg("--transcripts")
        .arg(folder.path()));
    (said, ends)
}

/// An answer that is out when a server goes down may have been on its way.
#[test]
fn a_server_that_goes_away_has_lost_nothing_for_certain() {
    let (said, _) = played(LAST, Some("<call"));
    assert_eq!(said.status, 3, "{}\n{}", said.out, said.err);
    assert!(said.out.contains("the stream of caller is over"), "{}", said.out);
    assert!(!said.out.contains("RT-03"), "{}", said.out);
}

/// Connections break. Where nothing was said that a server could mind, the end of a raw line is no answer to anything;
/// where something was, it is the wrong one.
#[test]
fn a_raw_line_that_breaks_off_has_answered_nothing() {
    let strange = RAW.replace("raw-line", "raw-line, as: bob@localhost");
    for (scenario, status, words) in [
        (RAW, 3, "the connection broke off before this"),
        (&strange, 1, "TR-02"),
    ] {
        let (said, _) = played(scenario, Some("raw-line"));
        assert_eq!(said.status, status, "{}\n{}", said.out, said.err);
        assert!(said.out.contains(words), "{}", said.out);
    }
}

#[test]
fn a_bot_leaves_in_order_and_then_nothing_is_left_of_it() {
    let (said, ends) = played(SCENARIO, None);
    assert_eq!(said.status, 0, "{}\n{}", said.out, said.err);
    for _ in ["caller", "callee"] {
        let end = ends.recv_timeout(Duration::from_secs(30)).expect("an end");
        assert_eq!(end, ["<close/>", "pong", "close frame", "gone"], "{}", said.out);
    }
}
