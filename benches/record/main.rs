//! What `callspec record` costs: a round trip through it, and a server's full rate, each beside the same without it.
//!
//! `cargo bench --bench record` takes turns between the two, so that the ratio holds on a busy machine too. The server
//! is Prosody where it is installed, and else the embedded endpoint. Prosody has one thread: what it gets done is what
//! fits into one processor, so its full rate with a processor to itself is told by its own processor time for a signal,
//! whoever else is busy. The rate of all together is that of this machine, where proxy and clients take their share too.

mod cpu;
mod load;
#[path = "../../tests/record/proxy.rs"]
#[allow(dead_code, reason = "made for tests")]
mod proxy;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use callspec::transcript::Reader as Transcript;
use tokio::runtime::Runtime;

use load::Pair;

/// What fills a server: so many pairs that talk at once, each so many signals together.
struct Load {
    what: &'static str,
    pairs: usize,
    together: usize,
}

const LOADS: [Load; 2] = [
    Load {
        what: "40 calls, a signal each at a time",
        pairs: 40,
        together: 1,
    },
    Load {
        what: "4 calls, 20 signals at a time",
        pairs: 4,
        together: 20,
    },
];

/// Round trips of one turn.
const TRIPS: usize = 400;
const BURST: usize = 2_000;
const TURNS: usize = 9;
/// When all is written down.
const SETTLED: Duration = Duration::from_millis(60);

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What a burst took: seconds, and processor seconds of the server, of the proxy and of the clients.
#[derive(Default, Clone, Copy)]
struct Burst {
    seconds: f64,
    server: f64,
    proxy: f64,
    clients: f64,
}

fn full(runtime: &Runtime, pairs: &mut [Pair], together: usize, proxy: u32) -> Burst {
    let count = BURST / pairs.len();
    let loads = pairs.iter_mut().map(|pair| pair.candidates(count, together));
    let loads: Vec<_> = loads.collect();
    let spent = || [cpu::below_but(proxy), cpu::of(proxy), cpu::of(std::process::id())];
    let (before, began) = (spent(), Instant::now());
    let bursts = pairs.iter_mut().zip(&loads).map(|(pair, load)| pair.burst(load));
    runtime.block_on(futures_util::future::join_all(bursts));
    let seconds = began.elapsed().as_secs_f64();
    // What is still to be written down when the last answer has come is so soon.
    std::thread::sleep(SETTLED);
    let after = spent();
    let [server, proxy, clients] = [0, 1, 2].map(|who| after[who] - before[who]);
    Burst {
        seconds,
        server,
        proxy,
        clients,
    }
}

/// What one recording cost, a value for each turn, without and with it.
#[derive(Default)]
struct Costs {
    /// Seconds of a round trip.
    trips: Vec<(f64, f64)>,
    bursts: Vec<(Burst, Burst)>,
}

impl Costs {
    fn tell(&self) {
        let trip = |pick: fn(&(f64, f64)) -> f64| median(self.trips.iter().map(pick).collect()) * 1e3;
        println!(
            "  round trip: {:.3} ms without, {:.3} ms with: {:+.3} ms",
            trip(|t| t.0),
            trip(|t| t.1),
            trip(|t| t.1 - t.0)
        );
        let rate = |pick: fn(&(Burst, Burst)) -> f64| median(self.bursts.iter().map(pick).collect());
        let a_second = |burst: f64| BURST as f64 / burst;
        println!(
            "  rate of all together: {:.0}/s without, {:.0}/s with: {:+.1} %",
            a_second(rate(|b| b.0.seconds)),
            a_second(rate(|b| b.1.seconds)),
            (rate(|b| b.0.seconds / b.1.seconds) - 1.0) * 100.0
        );
        let micros = |pick: fn(&(Burst, Burst)) -> f64| rate(pick) / BURST as f64 * 1e6;
        println!(
            "  processor, µs a signal: server {:.0} without, {:.0} with; proxy {:.0}; clients {:.0} and {:.0}",
            micros(|b| b.0.server),
            micros(|b| b.1.server),
            micros(|b| b.1.proxy),
            micros(|b| b.0.clients),
            micros(|b| b.1.clients),
        );
        println!(
            "  full rate of a server with a processor to itself: {:+.1} %; the proxy beside the server: {:.2} ×",
            (rate(|b| b.0.server / b.1.server) - 1.0) * 100.0,
            rate(|b| b.1.proxy / b.0.server)
        );
    }
}

fn measure(
    runtime: &Runtime,
    load: &Load,
    (url, through): (&str, &str),
    password: &str,
    proxy: u32,
) -> Costs {
    let pairs = |url: &str, name: &str| {
        let made = (0..load.pairs).map(|n| Pair::new(url, format!("{name}{n}"), password));
        runtime.block_on(futures_util::future::join_all(made.collect::<Vec<_>>()))
    };
    let (mut direct, mut recorded) = (pairs(url, "direct"), pairs(through, "recorded"));
    let mut costs = Costs::default();
    for turn in 0..=TURNS {
        let without = median(runtime.block_on(direct[0].trips(TRIPS)));
        let with = median(runtime.block_on(recorded[0].trips(TRIPS)));
        let slow = full(runtime, &mut recorded, load.together, proxy);
        let fast = full(runtime, &mut direct, load.together, proxy);
        // The first turn warms up.
        if turn > 0 {
            costs.trips.push((without, with));
            costs.bursts.push((fast, slow));
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
    let ways = [
        ("", &["--split", "session"][..]),
        (", judged", &["--split", "session", "--judge"]),
    ];
    for (load, (judged, args)) in LOADS.iter().flat_map(|load| ways.map(|way| (load, way))) {
        println!("{}{judged}:", load.what);
        let folder = tempfile::TempDir::new().expect("a folder");
        let record = proxy::record(&url, &folder.path().join("written"), args);
        let through = format!("{}/{}", record.url, url.rsplit('/').next().expect("a path"));
        measure(&runtime, load, (&url, &through), password, record.program.id()).tell();
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
