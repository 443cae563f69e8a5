//! What an ordering costs: judged on the model alone, made from a seed, and played on the embedded endpoint with real
//! XMPP bytes.
//!
//! `cargo bench --bench fuzz` prints orderings in a second of one core's time, and each beside the same work done by a
//! plain reader in the same run: the ratio holds on any machine, the figure on this one. With `-- --target FILE` it plays
//! orderings on a real target instead, and says how many signals a second that is beside as many pairs that do nothing but
//! send one signal after the other and answer it: what the target can route.

/// That of the program.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callspec::fuzz::{Campaign, Exhaustive, Mode, Plan, campaign, survey};
use callspec::profile::{Class, Profile};
use callspec::protocol::sample;
use callspec::run::{Options, Place};
use callspec::stanza::escape;
use callspec::target::Target;
use callspec::xmpp::{Incoming, connect};
use serde_json::{Value, json};
use tokio::sync::watch;

const CLASSES: [Class; 2] = [Class::Relay, Class::Enforcing];

/// Processor time of all threads so far, in seconds: what else the machine does makes no difference to it. Where no
/// system tells it, the time of the clock.
fn spent(began: Instant) -> f64 {
    let ticks = || {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let (_, after) = stat.rsplit_once(')')?;
        let mut fields = after.split_whitespace().skip(11);
        let (user, system) = (fields.next()?, fields.next()?);
        Some(user.parse::<f64>().ok()? + system.parse::<f64>().ok()?)
    };
    // A tick is a hundredth of a second on every Linux.
    ticks().map_or(began.elapsed().as_secs_f64(), |ticks| ticks / 100.0)
}

/// The time of the best of a few rounds, in seconds for one piece of work.
fn time(rounds: usize, pieces: u64, mut work: impl FnMut()) -> f64 {
    let rounds = (0..rounds).map(|_| {
        let began = Instant::now();
        let before = spent(began);
        work();
        (spent(began) - before) / pieces as f64
    });
    rounds.fold(f64::INFINITY, f64::min)
}

fn signal() -> String {
    let signal = json!({
        "type": "call:offer",
        "callId": "550e8400-e29b-41d4-a716-446655440000",
        "senderId": "a1b2c3d4-e5f6-4890-abcd-ef1234567890",
        "recipientId": "b2c3d4e5-f6a7-4901-bcde-f12345678901",
        "timestamp": "2026-01-01T00:00:00Z",
        "payload": { "sdp": sample::offer(), "type": "offer" },
    });
    signal.to_string()
}

/// What a plain reader needs for one signal.
fn plain() -> f64 {
    let text = signal();
    time(5, 50_000, || {
        for _ in 0..50_000 {
            black_box(serde_json::from_str::<Value>(black_box(&text)).is_ok());
        }
    })
}

fn embedded(class: Class) -> Place {
    Place::Embedded(Profile::named(class.name()).unwrap_or_default())
}

fn plan(place: Place, cases: u64, mode: Mode) -> Plan {
    Plan {
        options: Options {
            place,
            jobs: 1,
            ..Options::default()
        },
        seed: 0,
        cases,
        mode,
        shard: (1, 1),
        until: None,
        until_failure: false,
        shrink_time: Duration::from_secs(60),
        folder: PathBuf::from("target/fuzz-bench"),
        replay: false,
    }
}

fn played(plan: &Plan) -> Campaign {
    let run = campaign(plan, &|| watch::channel(false).0, &mut |_| {}).expect("a campaign");
    assert!(run.failures.is_empty(), "{:?}", run.failures);
    run
}

fn tell(what: &str, seconds: f64, plain: f64) {
    println!(
        "  {what:<44}{:>12.0} a second of one core, {:>8.1} × one offer read by serde_json",
        1.0 / seconds,
        seconds / plain
    );
}

/// Signals that one pair after the other gets through for so long, each answered before the next is sent, by a driver
/// that does nothing else: signals a second of all pairs.
fn routed(target: &Target, pairs: usize, time: Duration) -> f64 {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let counts = runtime.block_on(async {
        let mut all = tokio::task::JoinSet::new();
        for pair in 0..pairs {
            let target = target.clone();
            all.spawn(async move {
                let log_in = async |which: usize, name: &str| {
                    let account = &target.accounts[(pair * 2 + which) % target.accounts.len()];
                    let (dial, login) = target
                        .login(account, &format!("bench-{pair}-{name}"))
                        .expect("a login");
                    connect(&dial, &login).await.expect("a session")
                };
                let (mut one, mut other) = (log_in(0, "a").await, log_in(1, "b").await);
                let signal = escape(&signal());
                let began = Instant::now();
                let mut count = 0_u64;
                while began.elapsed() < time {
                    let set = format!(
                        "<iq xmlns='jabber:client' type='set' id='{count}' to='{}'><call xmlns='urn:xmpp:call:0'>{signal}</call></iq>",
                        other.jid
                    );
                    one.writer.send(&set).await.expect("a connection");
                    let Incoming::Element(_) = other.reader.next().await else {
                        panic!("no signal")
                    };
                    let result = format!(
                        "<iq xmlns='jabber:client' type='result' id='{count}' to='{}'/>",
                        one.jid
                    );
                    other.writer.send(&result).await.expect("a connection");
                    let Incoming::Element(_) = one.reader.next().await else {
                        panic!("no answer")
                    };
                    count += 1;
                }
                count as f64 / began.elapsed().as_secs_f64()
            });
        }
        all.join_all().await
    });
    counts.iter().sum()
}

/// Orderings and signals a second that a campaign gets through for so long.
fn carried(target: &Target, jobs: usize, time: Duration) -> (f64, f64) {
    let mut plan = plan(Place::Target(Arc::new(target.clone())), u64::MAX, Mode::Every(4));
    plan.options.jobs = jobs;
    let began = Instant::now();
    plan.until = began.checked_add(time);
    let run = played(&plan);
    let seconds = began.elapsed().as_secs_f64();
    let signals: u64 = run.coverage.iter().map(|(_, count)| count).sum();
    (run.orderings as f64 / seconds, signals as f64 / seconds)
}

/// What the embedded endpoint and the model take.
fn at_home() {
    let plain = plain();
    for class in CLASSES {
        println!("{}, one core", class.name());
        let every = Exhaustive::new(class, 4);
        let count = 200_000.min(every.census().longest as u64);
        let model = time(3, count, || {
            black_box(every.judge(0..u128::from(count)));
        });
        tell("judged on the model, four steps each", model, plain);
        let made = time(3, 2_000, || {
            black_box(survey(&embedded(class), Mode::Walks, 0, 0..2_000));
        });
        tell("walks made from a seed, with their canary", made, plain);
        let sheaves = plan(embedded(class), 60, Mode::Every(3));
        let orderings = played(&sheaves).orderings;
        let short = time(3, orderings, || {
            black_box(played(&sheaves));
        });
        tell("played on the endpoint, three steps each", short, plain);
        let walks = plan(embedded(class), 500, Mode::Walks);
        let orderings = played(&walks).orderings;
        let long = time(3, orderings, || {
            black_box(played(&walks));
        });
        tell("walks played on the endpoint", long, plain);
    }
}

fn main() {
    let mut words = std::env::args().skip_while(|word| word != "--target");
    let (Some(_), Some(file)) = (words.next(), words.next()) else {
        return at_home();
    };
    let target = callspec::target::load(std::path::Path::new(&file)).expect("a target");
    println!("{file}");
    let time = Duration::from_secs(20);
    for jobs in [1, 8, 32] {
        let most = routed(&target, jobs, time / 4);
        let (orderings, signals) = carried(&target, jobs, time);
        println!(
            "  {jobs:>2} side by side {orderings:>10.0} orderings and {signals:>8.0} signals a second; \
             {most:>8.0} by pairs that do nothing else: {:.0} %",
            signals / most * 100.0
        );
    }
}
