//! What an ordering costs: judged on the model alone, made from a seed, and played on the embedded endpoint with real
//! XMPP bytes.
//!
//! `cargo bench --bench fuzz` prints orderings a second on one core, and each beside the same work done by a plain
//! reader in the same run: the ratio holds on any machine, the figure on this one. With `-- --target FILE` it plays
//! walks on a real target too, and says how many signals a second that is.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callspec::fuzz::{Campaign, Exhaustive, Mode, Plan, campaign, survey};
use callspec::profile::{Class, Profile};
use callspec::protocol::sample;
use callspec::run::{Options, Place};
use serde_json::{Value, json};
use tokio::sync::watch;

const CLASSES: [Class; 2] = [Class::Relay, Class::Enforcing];

/// The time of the best of a few rounds, in seconds for one piece of work.
fn time(rounds: usize, pieces: u64, mut work: impl FnMut()) -> f64 {
    let rounds = (0..rounds).map(|_| {
        let began = Instant::now();
        work();
        began.elapsed().as_secs_f64() / pieces as f64
    });
    rounds.fold(f64::INFINITY, f64::min)
}

/// What a plain reader needs for one signal.
fn plain() -> f64 {
    let text = json!({
        "type": "call:offer",
        "callId": "550e8400-e29b-41d4-a716-446655440000",
        "senderId": "a1b2c3d4-e5f6-4890-abcd-ef1234567890",
        "recipientId": "b2c3d4e5-f6a7-4901-bcde-f12345678901",
        "timestamp": "2026-01-01T00:00:00Z",
        "payload": { "sdp": sample::offer(), "type": "offer" },
    })
    .to_string();
    time(5, 20_000, || {
        for _ in 0..20_000 {
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
        "  {what:<44}{:>12.0} a second, {:>8.1} × one offer read by serde_json",
        1.0 / seconds,
        seconds / plain
    );
}

fn main() {
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
    let mut words = std::env::args().skip_while(|word| word != "--target");
    if let (Some(_), Some(file)) = (words.next(), words.next()) {
        let target = callspec::target::load(std::path::Path::new(&file)).expect("a target");
        println!("{file}");
        for jobs in [1, 8, 32] {
            let mut plan = plan(Place::Target(Arc::new(target.clone())), 200, Mode::Every(3));
            plan.options.jobs = jobs;
            let began = Instant::now();
            let run = played(&plan);
            let seconds = began.elapsed().as_secs_f64();
            println!(
                "  {jobs:>2} side by side {:>20.0} orderings a second",
                run.orderings as f64 / seconds
            );
        }
    }
}
