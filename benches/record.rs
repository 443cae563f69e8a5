//! What `callspec record` costs: a round trip through it, and a server's full rate, each beside the same without it.
//!
//! `cargo bench --bench record` takes turns between the two, so that the ratio holds on a busy machine too. The server
//! is Prosody where it is installed, and else the embedded endpoint.

#[path = "../tests/record/proxy.rs"]
#[allow(dead_code, reason = "made for tests")]
mod proxy;
#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use callspec::transcript::Reader as Transcript;
use callspec::xmpp::{Dial, Incoming, Login, Mechanism, Reader, Secret, Session, Trust, Writer, connect};
use tokio::runtime::Runtime;

/// Pairs that talk at once when the server is to be full, and signals of each that are under way.
const PAIRS: usize = 4;
const WINDOW: usize = 20;
/// Round trips of one turn.
const TRIPS: usize = 400;
const BURST: usize = 1_000;
const TURNS: usize = 9;

struct Pair {
    caller: (Reader, Writer),
    callee: (Reader, Writer),
    to: String,
    from: String,
    sent: usize,
}

async fn log_in(url: &str, user: &str, resource: &str, password: &str) -> Session {
    let dial = Dial {
        url: url.parse().expect("a URL"),
        domain: "localhost".into(),
        trust: Trust::System,
        plaintext: true,
        cookie: None,
        sasl: vec![Mechanism::Plain],
        deadline: Duration::from_secs(30),
    };
    let login = Login {
        jid: format!("{user}@localhost"),
        password: Some(Secret::new(password)),
        resource: Some(resource.to_owned()),
    };
    connect(&dial, &login).await.expect("a session")
}

impl Pair {
    async fn new(url: &str, name: String, password: &str) -> Pair {
        let caller = log_in(url, "alice", &name, password).await;
        let callee = log_in(url, "bob", &name, password).await;
        Pair {
            to: callee.jid.clone(),
            from: caller.jid.clone(),
            caller: (caller.reader, caller.writer),
            callee: (callee.reader, callee.writer),
            sent: 0,
        }
    }

    async fn asks(&mut self) {
        self.sent += 1;
        // A candidate, as calls are full of them.
        let text = format!(
            r#"{{"type":"call:ice-candidate","callId":"550e8400-e29b-41d4-a716-446655440000","senderId":"a1b2c3d4-e5f6-4890-abcd-ef1234567890","recipientId":"b2c3d4e5-f6a7-4901-bcde-f12345678901","timestamp":"2026-01-01T00:00:00Z","payload":{{"candidate":"candidate:{} 1 udp 2122260223 192.0.2.7 50000 typ host","sdpMid":"0","sdpMLineIndex":0}}}}"#,
            self.sent
        );
        let iq = format!(
            r#"<iq xmlns="jabber:client" type="set" to="{}" id="{}"><call xmlns="urn:xmpp:call:0">{}</call></iq>"#,
            self.to,
            self.sent,
            text.replace('"', "&quot;")
        );
        self.caller.1.send(&iq).await.expect("sent");
    }

    async fn answers(&mut self) {
        let id = element(&mut self.callee.0).await;
        let iq = format!(
            r#"<iq xmlns="jabber:client" type="result" to="{}" id="{id}"/>"#,
            self.from
        );
        self.callee.1.send(&iq).await.expect("sent");
    }

    async fn trips(&mut self, count: usize) -> Vec<f64> {
        let mut took = Vec::with_capacity(count);
        for _ in 0..count {
            let began = Instant::now();
            self.asks().await;
            self.answers().await;
            element(&mut self.caller.0).await;
            took.push(began.elapsed().as_secs_f64());
        }
        took
    }

    async fn burst(&mut self, count: usize) {
        for at in 0..count + WINDOW {
            if at >= WINDOW {
                self.answers().await;
                element(&mut self.caller.0).await;
            }
            if at < count {
                self.asks().await;
            }
        }
    }
}

/// The id of the next iq.
async fn element(reader: &mut Reader) -> String {
    loop {
        match reader.next().await {
            Incoming::Element(stanza) if stanza.is_iq() => return stanza.id().unwrap_or_default().to_owned(),
            Incoming::Element(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn full(runtime: &Runtime, pairs: &mut [Pair]) -> f64 {
    let began = Instant::now();
    let bursts = pairs.iter_mut().map(|pair| pair.burst(BURST / PAIRS));
    runtime.block_on(futures_util::future::join_all(bursts));
    began.elapsed().as_secs_f64()
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let installed = std::path::Path::new("/usr/bin/prosody").exists();
    let (_endpoint, server, url, password) = if installed {
        let server = support::Server::prosody();
        let url = format!("ws://localhost:{}/xmpp-websocket", server.ws);
        (None, Some(server), url, support::PASSWORD)
    } else {
        let serve = proxy::endpoint(&[]);
        let url = serve.url();
        (Some(serve), None, url, proxy::PASSWORD)
    };
    println!(
        "server: {}",
        server.as_ref().map_or("embedded endpoint", |server| server.name)
    );
    for (what, args) in [
        ("", &["--split", "session"][..]),
        (", judged", &["--split", "session", "--judge"][..]),
    ] {
        let folder = tempfile::TempDir::new().expect("a folder");
        let record = proxy::record(&url, &folder.path().join("written"), args);
        let through = format!("{}/{}", record.url, url.rsplit('/').next().expect("a path"));
        let pairs = |url: &str, name: &str| {
            let made = (0..PAIRS).map(|n| Pair::new(url, format!("{name}{n}"), password));
            runtime.block_on(futures_util::future::join_all(made.collect::<Vec<_>>()))
        };
        let (mut direct, mut recorded) = (pairs(&url, "direct"), pairs(&through, "recorded"));
        let (mut trips, mut rates) = (Vec::new(), Vec::new());
        for turn in 0..=TURNS {
            let without = median(runtime.block_on(direct[0].trips(TRIPS)));
            let with = median(runtime.block_on(recorded[0].trips(TRIPS)));
            let (slow, fast) = (full(&runtime, &mut recorded), full(&runtime, &mut direct));
            // The first turn warms up.
            if turn > 0 {
                trips.push((without, with));
                rates.push((BURST as f64 / fast, BURST as f64 / slow));
            }
        }
        let of =
            |values: &[(f64, f64)], pick: fn(&(f64, f64)) -> f64| median(values.iter().map(pick).collect());
        println!(
            "round trip{what}: {:.3} ms without, {:.3} ms with: {:+.3} ms",
            of(&trips, |t| t.0) * 1e3,
            of(&trips, |t| t.1) * 1e3,
            of(&trips, |t| t.1 - t.0) * 1e3
        );
        println!(
            "full rate{what}: {:.0}/s without, {:.0}/s with: {:+.1} %",
            of(&rates, |t| t.0),
            of(&rates, |t| t.1),
            (of(&rates, |t| t.1 / t.0) - 1.0) * 100.0
        );
        drop((direct, recorded));
        let written = record.folder.clone();
        let (_, said) = record.end();
        assert!(!said.contains("passed that are not recorded"), "{said}");
        let events: usize = proxy::transcripts(&written)
            .iter()
            .map(|file| {
                let file = std::fs::File::open(file).expect("a file");
                let (_, events) = Transcript::new(std::io::BufReader::new(file)).expect("a header");
                events.filter(Result::is_ok).count()
            })
            .sum();
        let wanted = (TURNS + 1) * (TRIPS + BURST) * 4;
        assert!(events >= wanted, "{events} of {wanted} events were written");
    }
}
