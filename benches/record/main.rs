//! What `callspec record` costs: a round trip through it, and a server's full rate, each beside the same without it;
//! and how long it keeps a processor for a signal, beside the server's own time, which a busy machine does not change.
//!
//! `cargo bench --bench record` takes turns between the two, so that the ratio holds on a busy machine too. The server
//! is Prosody where it is installed, and else the embedded endpoint.

mod cpu;
#[path = "../../tests/record/proxy.rs"]
#[allow(dead_code, reason = "made for tests")]
mod proxy;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use callspec::protocol::{Kind, sample};
use callspec::stanza::escape;
use callspec::transcript::Reader as Transcript;
use callspec::xmpp::{Dial, Incoming, Login, Mechanism, Reader, Secret, Session, Trust, Writer, connect};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::runtime::Runtime;
use uuid::Uuid;

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
    call: String,
    /// Of caller and callee.
    ids: (String, String),
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
        let mut pair = Pair {
            to: callee.jid.clone(),
            from: caller.jid.clone(),
            caller: (caller.reader, caller.writer),
            callee: (callee.reader, callee.writer),
            call: Uuid::new_v4().to_string(),
            ids: (Uuid::new_v4().to_string(), Uuid::new_v4().to_string()),
            sent: 0,
        };
        pair.calls().await;
        pair
    }

    /// Begins a call, as far as candidates follow.
    async fn calls(&mut self) {
        let opening = [
            (Kind::Initiate, json!({ "callerName": "Alice" })),
            (Kind::Accept, json!({})),
            (Kind::Offer, json!({ "sdp": sample::offer(), "type": "offer" })),
            (Kind::Answer, json!({ "sdp": sample::answer(), "type": "answer" })),
        ];
        for (kind, payload) in opening {
            let back = matches!(kind, Kind::Accept | Kind::Answer);
            if back {
                self.turn();
            }
            self.asks(kind, payload).await;
            self.answers().await;
            element(&mut self.caller.0).await;
            if back {
                self.turn();
            }
        }
    }

    /// The other side asks.
    fn turn(&mut self) {
        std::mem::swap(&mut self.caller, &mut self.callee);
        std::mem::swap(&mut self.to, &mut self.from);
        std::mem::swap(&mut self.ids.0, &mut self.ids.1);
    }

    async fn asks(&mut self, kind: Kind, payload: Value) {
        self.sent += 1;
        let now = OffsetDateTime::now_utc().format(&Rfc3339).expect("a time");
        let signal = json!({
            "type": kind.wire(), "callId": self.call, "senderId": self.ids.0, "recipientId": self.ids.1,
            "timestamp": now, "payload": payload,
        });
        let iq = format!(
            r#"<iq xmlns="jabber:client" type="set" to="{}" id="{}"><call xmlns="urn:xmpp:call:0">{}</call></iq>"#,
            self.to,
            self.sent,
            escape(&signal.to_string())
        );
        self.caller.1.send(&iq).await.expect("sent");
    }

    /// A candidate, as calls are full of them.
    async fn tells(&mut self) {
        let candidate = sample::candidate(u32::try_from(self.sent).unwrap_or_default());
        self.asks(Kind::IceCandidate, candidate).await;
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
            self.tells().await;
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
                self.tells().await;
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

/// What one recording cost, a value for each turn.
#[derive(Default)]
struct Costs {
    /// Seconds of a round trip, without and with it.
    trips: Vec<(f64, f64)>,
    /// Signals a second, without and with it.
    rates: Vec<(f64, f64)>,
    /// Processor seconds of all signals at full rate: the server's own without it, and those of the proxy.
    server: Option<f64>,
    proxy: Option<f64>,
}

impl Costs {
    fn tell(&self, what: &str) {
        let of =
            |values: &[(f64, f64)], pick: fn(&(f64, f64)) -> f64| median(values.iter().map(pick).collect());
        println!(
            "round trip{what}: {:.3} ms without, {:.3} ms with: {:+.3} ms",
            of(&self.trips, |t| t.0) * 1e3,
            of(&self.trips, |t| t.1) * 1e3,
            of(&self.trips, |t| t.1 - t.0) * 1e3
        );
        println!(
            "full rate{what}: {:.0}/s without, {:.0}/s with: {:+.1} %",
            of(&self.rates, |t| t.0),
            of(&self.rates, |t| t.1),
            (of(&self.rates, |t| t.1 / t.0) - 1.0) * 100.0
        );
        let signals = (self.rates.len() * BURST) as f64;
        match (self.server, self.proxy) {
            (Some(server), Some(proxy)) => println!(
                "processor{what}: {:.0} µs a signal beside the server's {:.0} µs: {:.2} ×",
                proxy / signals * 1e6,
                server / signals * 1e6,
                proxy / server
            ),
            _ => println!("processor{what}: this system does not tell"),
        }
    }
}

fn add(sum: &mut Option<f64>, before: Option<f64>, after: Option<f64>) {
    *sum = match (before, after) {
        (Some(before), Some(after)) => Some(sum.unwrap_or_default() + after - before),
        _ => None,
    };
}

fn measure(runtime: &Runtime, url: &str, through: &str, password: &str, proxy: u32) -> Costs {
    let pairs = |url: &str, name: &str| {
        let made = (0..PAIRS).map(|n| Pair::new(url, format!("{name}{n}"), password));
        runtime.block_on(futures_util::future::join_all(made.collect::<Vec<_>>()))
    };
    let (mut direct, mut recorded) = (pairs(url, "direct"), pairs(through, "recorded"));
    let mut costs = Costs::default();
    for turn in 0..=TURNS {
        let without = median(runtime.block_on(direct[0].trips(TRIPS)));
        let with = median(runtime.block_on(recorded[0].trips(TRIPS)));
        let before = cpu::of(proxy);
        let slow = full(runtime, &mut recorded);
        let own = cpu::below_but(proxy);
        let fast = full(runtime, &mut direct);
        // The first turn warms up.
        if turn > 0 {
            costs.trips.push((without, with));
            costs.rates.push((BURST as f64 / fast, BURST as f64 / slow));
            // What was still to be written down when the last answer came was so meanwhile.
            add(&mut costs.proxy, before, cpu::of(proxy));
            add(&mut costs.server, own, cpu::below_but(proxy));
        }
    }
    costs
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
        measure(&runtime, &url, &through, password, record.program.id()).tell(what);
        let written = record.folder.clone();
        let (status, said) = record.end();
        // Sound calls: what is measured is no telling of findings.
        assert_eq!(status, Some(0), "{said}");
        assert!(!said.contains("passed unrecorded"), "{said}");
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
