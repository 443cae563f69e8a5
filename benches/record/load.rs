//! Clients that cost as little as they can, so that it is the server that is measured: what they say lies ready, much
//! of it is said at once, and of what they hear they look for the ends only.

use std::time::Instant;

use callspec::protocol::{Kind, sample};
use callspec::stanza::escape;
use callspec::xmpp::{Cut, Socket};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;
use uuid::Uuid;

/// A session over WebSocket.
struct Client {
    stream: Socket,
    read: Vec<u8>,
    jid: String,
}

/// One frame (RFC 6455 §5.2), masked with noughts.
fn frame(text: &str, out: &mut Vec<u8>) {
    out.push(0x81);
    match text.len() {
        short @ ..126 => out.push(0x80 | u8::try_from(short).expect("short")),
        long => {
            out.push(0x80 | 126);
            out.extend(u16::try_from(long).expect("not that long").to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(text.bytes());
}

/// Where the payload of a whole frame begins and ends.
fn payload(bytes: &[u8]) -> Option<(usize, usize)> {
    let (begin, length) = match bytes.get(1)? {
        126 => (4, u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?).into()),
        short => (2, usize::from(*short)),
    };
    (bytes.len() >= begin + length).then_some((begin, begin + length))
}

impl Client {
    async fn log_in(url: &str, user: &str, resource: &str, password: &str) -> Client {
        let url: Url = url.parse().expect("a URL");
        let host = (url.host_str().expect("a host"), url.port().expect("a port"));
        let stream = TcpStream::connect(host).await.expect("a connection");
        // Acknowledges at once, or Nagle's algorithm would hold up the server.
        let stream = Socket::new(stream, Cut::default()).expect("a socket");
        let (read, jid) = (Vec::new(), String::new());
        let mut client = Client { stream, read, jid };
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n",
            url.path()
        );
        client
            .stream
            .write_all(request.as_bytes())
            .await
            .expect("written");
        let end = loop {
            if let Some(at) = client.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            client.stream.read_buf(&mut client.read).await.expect("an answer");
        };
        client.read.drain(..end);
        let open = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>";
        let exchange = base64(format!("\0{user}\0{password}").as_bytes());
        let auth =
            format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{exchange}</auth>");
        let bind = format!(
            "<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>\
             {resource}</resource></bind></iq>"
        );
        for (says, wanted) in [
            (open, "features"),
            (&auth, "success"),
            (open, "features"),
            (&bind, "<jid>"),
        ] {
            let mut bytes = Vec::new();
            frame(says, &mut bytes);
            client.stream.write_all(&bytes).await.expect("written");
            while !client.jid.contains(wanted) {
                client.jid = client.text().await;
            }
        }
        let (_, rest) = client.jid.split_once("<jid>").expect("an address");
        client.jid = rest.split('<').next().expect("an address").to_owned();
        client
    }

    async fn text(&mut self) -> String {
        loop {
            if let Some((begin, end)) = payload(&self.read) {
                let text = String::from_utf8_lossy(&self.read[begin..end]).into_owned();
                self.read.drain(..end);
                return text;
            }
            assert!(
                self.stream.read_buf(&mut self.read).await.expect("more") > 0,
                "it is closed"
            );
        }
    }

    /// Takes so many messages.
    async fn takes(&mut self, count: usize) {
        let (mut left, mut at) = (count, 0);
        while left > 0 {
            match payload(&self.read[at..]) {
                Some((_, end)) => (left, at) = (left - 1, at + end),
                None => {
                    self.read.drain(..std::mem::take(&mut at));
                    assert!(
                        self.stream.read_buf(&mut self.read).await.expect("more") > 0,
                        "it is closed"
                    );
                }
            }
        }
        self.read.drain(..at);
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::prelude::BASE64_STANDARD.encode(bytes)
}

/// Requests and their answers, ready to be sent.
type Batch = (usize, Vec<u8>, Vec<u8>);

pub struct Pair {
    caller: Client,
    callee: Client,
    call: String,
    /// Of caller and callee.
    ids: (String, String),
    sent: usize,
}

impl Pair {
    pub async fn new(url: &str, name: String, password: &str) -> Pair {
        let mut pair = Pair {
            caller: Client::log_in(url, "alice", &name, password).await,
            callee: Client::log_in(url, "bob", &name, password).await,
            call: Uuid::new_v4().to_string(),
            ids: (Uuid::new_v4().to_string(), Uuid::new_v4().to_string()),
            sent: 0,
        };
        // A call, as far as candidates follow.
        for (kind, payload) in [
            (Kind::Initiate, json!({ "callerName": "Alice" })),
            (Kind::Accept, json!({})),
            (Kind::Offer, json!({ "sdp": sample::offer(), "type": "offer" })),
            (Kind::Answer, json!({ "sdp": sample::answer(), "type": "answer" })),
        ] {
            let back = matches!(kind, Kind::Accept | Kind::Answer);
            if back {
                pair.turn();
            }
            let mut batch = Batch::default();
            pair.add(kind, &payload, &mut batch);
            pair.exchange(&batch).await;
            if back {
                pair.turn();
            }
        }
        pair
    }

    /// The other side asks.
    fn turn(&mut self) {
        std::mem::swap(&mut self.caller, &mut self.callee);
        std::mem::swap(&mut self.ids.0, &mut self.ids.1);
    }

    fn add(&mut self, kind: Kind, payload: &Value, (count, asks, answers): &mut Batch) {
        self.sent += 1;
        *count += 1;
        let now = OffsetDateTime::now_utc().format(&Rfc3339).expect("a time");
        let signal = json!({
            "type": kind.wire(), "callId": self.call, "senderId": self.ids.0, "recipientId": self.ids.1,
            "timestamp": now, "payload": payload,
        });
        let (to, from, id) = (&self.callee.jid, &self.caller.jid, self.sent);
        let signal = escape(&signal.to_string());
        let ask = format!(
            r#"<iq xmlns="jabber:client" type="set" to="{to}" id="{id}"><call xmlns="urn:xmpp:call:0">{signal}</call></iq>"#
        );
        frame(&ask, asks);
        let answer = format!(r#"<iq xmlns="jabber:client" type="result" to="{from}" id="{id}"/>"#);
        frame(&answer, answers);
    }

    /// Candidates, as calls are full of them, so many at a time.
    pub fn candidates(&mut self, count: usize, together: usize) -> Vec<Batch> {
        let batch = |_| {
            let mut batch = Batch::default();
            for _ in 0..together {
                let candidate = sample::candidate(u32::try_from(self.sent).unwrap_or_default());
                self.add(Kind::IceCandidate, &candidate, &mut batch);
            }
            batch
        };
        (0..count / together).map(batch).collect()
    }

    /// They are asked, arrive, are answered, and the answers arrive.
    async fn exchange(&mut self, (count, asks, answers): &Batch) {
        self.caller.stream.write_all(asks).await.expect("written");
        self.callee.takes(*count).await;
        self.callee.stream.write_all(answers).await.expect("written");
        self.caller.takes(*count).await;
    }

    /// Seconds of each round trip.
    pub async fn trips(&mut self, count: usize) -> Vec<f64> {
        let mut took = Vec::with_capacity(count);
        for batch in self.candidates(count, 1) {
            let began = Instant::now();
            self.exchange(&batch).await;
            took.push(began.elapsed().as_secs_f64());
        }
        took
    }

    pub async fn burst(&mut self, load: &[Batch]) {
        for batch in load {
            self.exchange(batch).await;
        }
    }
}
