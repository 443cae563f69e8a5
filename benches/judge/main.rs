//! What judging costs: one signal, a transcript's events, and memory over ten million of them.
//!
//! `cargo bench --bench judge` prints each figure beside the same work done by a plain reader in the same run: the
//! ratio holds on any machine, the figure on this one. `cargo bench --bench judge -- --print transcript 10000` writes
//! 10 GB of a transcript to standard output (`HAR` and `log` likewise), to be piped to `callspec check -`; `-- --files`
//! measures whole files alone.

mod files;

/// That of the program, so that a plain reader has it too.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

use std::hint::black_box;
use std::time::Instant;

use callspec::profile::Profile;
use callspec::protocol::{Kind, Role, View, decode, sample, validate};
use callspec::rules::Judge;
use callspec::transcript::{Dir, Event, FORMAT, Header, Member, Party, ScenarioInfo};
use serde_json::{Value, json};

const ALICE: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
const BOB: &str = "b2c3d4e5-f6a7-8901-bcde-f12345678901";

/// The median of what was measured.
fn median(of: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = of.collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The median of many rounds, in seconds for one piece of work.
fn time(rounds: usize, pieces: usize, mut work: impl FnMut()) -> f64 {
    median((0..rounds).map(|_| {
        let began = Instant::now();
        work();
        began.elapsed().as_secs_f64() / pieces as f64
    }))
}

fn signal(kind: Kind, call: u64, caller_sends: bool, payload: Value) -> Value {
    let (sender, recipient) = if caller_sends { (ALICE, BOB) } else { (BOB, ALICE) };
    json!({
        "type": kind.wire(),
        "callId": format!("550e8400-e29b-41d4-a716-{call:012x}"),
        "senderId": sender,
        "recipientId": recipient,
        "timestamp": "2026-01-01T00:00:00Z",
        "payload": payload,
    })
}

/// The steps of one sound call: who sends what.
fn steps() -> Vec<(bool, Kind, Value)> {
    vec![
        (true, Kind::Initiate, json!({ "callerName": "Alice" })),
        (false, Kind::Accept, json!({})),
        (
            true,
            Kind::Offer,
            json!({ "sdp": sample::offer(), "type": "offer" }),
        ),
        (
            false,
            Kind::Answer,
            json!({ "sdp": sample::answer(), "type": "answer" }),
        ),
        (true, Kind::IceCandidate, sample::candidate(1)),
        (false, Kind::IceCandidate, sample::candidate(2)),
        (true, Kind::MuteChange, json!({ "muted": true })),
        (
            true,
            Kind::Hangup,
            json!({ "reason": "completed", "duration": 0 }),
        ),
    ]
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

/// As a proxy writes it down.
fn event(n: u64, who: &str, jid: &str, dir: Dir, (xml, signal): (Option<String>, Option<&Value>)) -> Event {
    let text = json!({
        "n": n, "t": n as f64 * 1e-6, "time": "2026-01-01T00:00:00Z", "who": who, "jid": jid, "dir": dir, "xml": xml,
        "signal": signal,
    });
    serde_json::from_value(text).expect("an event")
}

/// The events of the `call`-th call, both ends recorded: four for each signal and its answer.
fn call_events(call: u64, n: &mut u64, out: &mut Vec<Event>) {
    out.clear();
    for (step, (caller_sends, kind, payload)) in steps().into_iter().enumerate() {
        let signal = signal(kind, call, caller_sends, payload);
        let text = signal.to_string();
        let (from, to) = if caller_sends {
            ("alice", "bob")
        } else {
            ("bob", "alice")
        };
        let (from_jid, to_jid) = (format!("{from}@localhost/1"), format!("{to}@localhost/1"));
        let id = format!("{call}-{step}");
        let set = |address: &str| {
            let body = escaped(&text);
            let xml = format!(
                r#"<iq xmlns="jabber:client" type="set" {address} id="{id}"><call xmlns="urn:xmpp:call:0">{body}</call></iq>"#
            );
            (Some(xml), Some(&signal))
        };
        let result = |address: &str| {
            let xml = format!(r#"<iq xmlns="jabber:client" type="result" {address} id="{id}"/>"#);
            (Some(xml), None)
        };
        let mut push = |who: &str, jid: &str, dir, xml| {
            *n += 1;
            out.push(event(*n, who, jid, dir, xml));
        };
        push(from, &from_jid, Dir::Sent, set(&format!("to='{to_jid}'")));
        push(
            to,
            &to_jid,
            Dir::Received,
            set(&format!("from='{from_jid}' to='{to_jid}'")),
        );
        push(to, &to_jid, Dir::Sent, result(&format!("to='{from_jid}'")));
        push(
            from,
            &from_jid,
            Dir::Received,
            result(&format!("from='{to_jid}' to='{from_jid}'")),
        );
    }
}

fn header() -> Header {
    let member = |jid: &str, id: &str| Member {
        jid: jid.into(),
        id: Some(id.into()),
        party: Party::Bot,
    };
    Header {
        witness: Default::default(),
        steady: false,
        apart: 0.0,
        callspec: FORMAT,
        version: String::new(),
        scenario: ScenarioInfo::default(),
        target: String::new(),
        profile: Profile::default(),
        cast: [
            ("alice".to_owned(), member("alice@localhost/1", ALICE)),
            ("bob".to_owned(), member("bob@localhost/1", BOB)),
        ]
        .into(),
        seed: 0,
        time_scale: 1.0,
        clock_skew: 60.0,
        started: "2026-01-01T00:00:00Z".into(),
    }
}

fn connected(judge: &mut Judge, n: &mut u64) {
    for who in ["alice", "bob"] {
        *n += 1;
        judge.event(&event(
            *n,
            who,
            &format!("{who}@localhost/1"),
            Dir::Connected,
            (None, None),
        ));
    }
}

/// The largest amount of memory that this process has held so far, in MiB; `None` where the system does not say.
fn peak() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

fn one_signal() {
    println!("one signal: read, held against its schema, judged in its sender's view");
    let small = signal(
        Kind::Hangup,
        1,
        true,
        json!({ "reason": "completed", "duration": 0 }),
    )
    .to_string();
    let large = signal(
        Kind::Offer,
        1,
        true,
        json!({ "sdp": sample::offer(), "type": "offer" }),
    )
    .to_string();
    let view = View::new(Role::Caller);
    for (name, text) in [("hangup", &small), ("offer", &large)] {
        let plain = time(51, 2_000, || {
            for _ in 0..2_000 {
                black_box(serde_json::from_str::<Value>(black_box(text)).is_ok());
            }
        });
        let judged = time(51, 2_000, || {
            for _ in 0..2_000 {
                let decoded = decode(black_box(text));
                let fits = decoded
                    .facts
                    .value
                    .as_ref()
                    .is_some_and(|value| validate(value).is_ok());
                let rulings = decoded.act().map(|act| view.may_send(&act, 1.0));
                black_box((fits, rulings));
            }
        });
        let read = time(51, 2_000, || {
            for _ in 0..2_000 {
                black_box(decode(black_box(text)).faults.len());
            }
        });
        println!(
            "  {name:<7} {:>5} bytes  {:>6.2} µs ({:.2} of it reading), {:.2} × serde_json into a Value",
            text.len(),
            judged * 1e6,
            read * 1e6,
            judged / plain
        );
    }
}

fn events() {
    println!("a transcript's events: XML read, every rule judged");
    let (mut n, mut all, mut call) = (0, Vec::new(), Vec::new());
    for number in 0..500 {
        call_events(number, &mut n, &mut call);
        all.append(&mut call);
    }
    let lines: Vec<String> = all
        .iter()
        .map(|event| serde_json::to_string(event).expect("a line"))
        .collect();
    let plain = time(11, lines.len(), || {
        for line in &lines {
            black_box(serde_json::from_str::<Event>(line).is_ok());
        }
    });
    let judged = time(11, lines.len(), || {
        let mut judge = Judge::new(&header());
        connected(&mut judge, &mut 0);
        for line in &lines {
            judge.event(&serde_json::from_str(line).expect("an event"));
        }
        let verdict = judge.finish();
        assert!(verdict.findings.is_empty(), "{:?}", verdict.findings.first());
    });
    println!(
        "  {:>9.0} events/s, {:.2} × the time of serde_json into the events",
        1.0 / judged,
        judged / plain
    );
}

fn memory() {
    println!("memory over a transcript of ten million events");
    let (mut n, mut call) = (0, Vec::new());
    let mut judge = Judge::new(&header());
    connected(&mut judge, &mut n);
    let mut number = 0;
    let mut base = None;
    for millions in [1, 2, 5, 10] {
        while n < millions * 1_000_000 {
            call_events(number, &mut n, &mut call);
            number += 1;
            call.iter().for_each(|event| judge.event(event));
        }
        match (peak(), base) {
            (Some(now), None) => {
                base = Some(now);
                println!("  after {millions:>2} million  {now:>6.1} MiB");
            }
            (Some(now), Some(base)) => println!(
                "  after {millions:>2} million  {now:>6.1} MiB, {:.2} ×",
                now / base
            ),
            (None, _) => println!("  this system does not tell"),
        }
    }
    let verdict = judge.finish();
    assert!(verdict.findings.is_empty(), "{:?}", verdict.findings.first());
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    // What is missing is empty, and no format.
    let after = |name: &str| {
        let at = words.iter().position(|word| word == name)?;
        let word = |n: usize| words.get(at + n).map_or("", String::as_str);
        Some((word(1), word(2)))
    };
    let done = match (after("--print"), after("--read")) {
        (Some((name, size)), _) => match size.parse() {
            Ok(megabytes) => files::print(name, megabytes),
            Err(_) => Err(std::io::Error::other("--print transcript|HAR|log MEGABYTES")),
        },
        (None, Some((name, path))) => files::read(name, path),
        (None, None) => return measure(&words),
    };
    if let Err(error) = done {
        eprintln!("{error}");
        std::process::exit(2);
    }
}

fn measure(words: &[String]) {
    let only_files = words.iter().any(|word| word == "--files");
    if !only_files {
        one_signal();
        events();
    }
    // Ten million events take minutes, as do large files: `cargo bench --bench judge -- --memory`.
    let much = words.iter().any(|word| word == "--memory");
    if much {
        memory();
    }
    let sizes: &[usize] = if much { &[10, 100, 1_000] } else { &[10, 100] };
    if let Err(error) = files::files(sizes, if much { 1 } else { 7 }) {
        println!("  no figures of whole files: {error}");
    }
}
