//! Random histories of calls, as whoever may have recorded them wrote them down: several devices, calls that cross and
//! connections that break. What is lawful is no failure in any format, from anywhere, cut anywhere; what a server does
//! wrong is told as its own by those who saw both ends of it.
//!
//! `HISTORIES=5000 cargo test --test histories` plays more of them, `HISTORY=17` one.

mod client;
mod dice;
mod fault;
mod login;
mod made;
mod media;
mod spelling;
mod verdict;
mod world;
mod written;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use dice::Dice;
use fault::{KINDS, Kind};
use made::{Cut, bytes, made};
use verdict::{Found, judged};
use world::World;
use written::{BETWEENS, ENDS, Format, Recorder};

/// Every seed of a test, on as many threads as there are; what goes wrong is told together.
fn each(usual: u64, work: impl Fn(u64) -> Vec<String> + Sync) {
    let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let (from, to) = match number("HISTORY") {
        Some(seed) => (seed, seed + 1),
        None => (0, number("HISTORIES").unwrap_or(usual)),
    };
    let (next, wrong) = (AtomicU64::new(from), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= to {
                        break;
                    }
                    let found = work(seed);
                    wrong.lock().expect("a list").extend(found);
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("a list");
    let shown: Vec<&str> = wrong.iter().take(12).map(String::as_str).collect();
    assert!(
        wrong.is_empty(),
        "{} are wrong:\n{}",
        wrong.len(),
        shown.join("\n")
    );
}

/// Somebody who recorded this world, or two who are put together.
fn recorders(world: &World, dice: &mut Dice) -> Vec<Recorder> {
    let all: Vec<usize> = (0..world.devices.len()).collect();
    let end = |device: usize, dice: &mut Dice| {
        let tcp = [Format::Gajim, Format::Nbxmpp];
        let mut format = dice.one(&ENDS);
        while world.framed && tcp.contains(&format) || !world.framed && format == Format::Har {
            format = dice.one(&ENDS);
        }
        Recorder {
            devices: vec![device],
            format,
            ahead: world.devices[device].ahead,
        }
    };
    let between = |devices: Vec<usize>, dice: &mut Dice| {
        let ahead = dice.between(-20.0, 20.0);
        Recorder {
            devices,
            format: dice.one(&BETWEENS),
            ahead,
        }
    };
    match dice.below(6) {
        0 | 1 => vec![end(dice.below(all.len()), dice)],
        2 => vec![between(all, dice)],
        3 => vec![between(vec![dice.below(all.len())], dice)],
        _ => {
            let mut ends: Vec<Recorder> = all.iter().map(|device| end(*device, dice)).collect();
            for recorder in &mut ends {
                // What is told of signals alone cannot be put together.
                if recorder.format == Format::Signals {
                    recorder.format = Format::Strophe;
                }
            }
            ends
        }
    }
}

fn told(what: &str, seed: u64, recorders: &[Recorder], cut: &Cut, found: &Found) -> String {
    let formats: Vec<String> = recorders
        .iter()
        .map(|r| format!("{:?} of {:?}", r.format, r.devices))
        .collect();
    format!(
        "seed {seed}, {what}: {} {cut:?}\n    {found}",
        formats.join(" + ")
    )
}

#[test]
fn what_is_lawful_is_no_failure_whoever_recorded_it() {
    let kinds: Mutex<BTreeMap<String, u64>> = Mutex::default();
    each(110, |seed| {
        let mut dice = Dice::new(seed);
        let world = made(&mut dice, None);
        let mut wrong = Vec::new();
        for _ in 0..4 {
            let recorders = recorders(&world, &mut dice);
            let cut = Cut::new(&recorders, &mut dice);
            for found in judged(&bytes(&world, &recorders, &cut, &mut dice)) {
                let kind = format!("{} {}", found.rule, if found.certain { "" } else { "perhaps" });
                *kinds.lock().expect("a map").entry(kind).or_default() += 1;
                if found.certain {
                    wrong.push(told("accused", seed, &recorders, &cut, &found));
                }
            }
        }
        wrong
    });
    eprintln!("{kinds:#?}");
}

/// What came of a fault of this kind: for those who saw both ends and for the others, how often it was caught, doubted
/// and missed.
type Counts = BTreeMap<(Kind, bool), [u64; 3]>;

#[test]
fn what_a_server_does_wrong_is_its_own() {
    let counts: Mutex<Counts> = Mutex::default();
    each(150, |seed| {
        let mut dice = Dice::new(seed ^ 0xfa01);
        let kind = KINDS[seed as usize % KINDS.len()];
        let world = made(&mut dice, Some(kind));
        let Some((stanza, at)) = world.fault.done.clone() else {
            return Vec::new();
        };
        let mut wrong = Vec::new();
        for _ in 0..3 {
            let recorders = recorders(&world, &mut dice);
            let cut = Cut::none();
            let all = judged(&bytes(&world, &recorders, &cut, &mut dice));
            let own = |found: &&Found| found.blame == "server" && kind.rules().contains(&&*found.rule);
            let both = made::saw_both(&world, &recorders, &stanza);
            // From one end a server's breach looks like one of whoever was not recorded, and whoever is named in place of
            // the sender is a stranger to the call.
            let others = all.iter().filter(|found| found.certain && !own(found));
            for found in others.filter(|_| both && kind != Kind::Forges) {
                wrong.push(told(&format!("{kind:?}"), seed, &recorders, &cut, found));
            }
            let caught = all.iter().any(|found| found.certain && own(&found));
            let shown = both && made::went_on(&world, &recorders, &stanza, at);
            let what = if caught {
                0
            } else {
                1 + usize::from(all.is_empty())
            };
            counts.lock().expect("a map").entry((kind, shown)).or_default()[what] += 1;
            let coarse = recorders
                .iter()
                .any(|r| matches!(r.format, Format::Gajim | Format::Nbxmpp));
            if shown && !caught && !coarse && !kind.is_an_absence() {
                wrong.push(format!(
                    "seed {seed}: {kind:?} at {at} missed: {recorders:?} {stanza:?}"
                ));
            }
        }
        wrong
    });
    let counts = counts.into_inner().expect("a map");
    eprintln!("caught, doubted, missed by those who saw both ends, or not: {counts:#?}");
    // What does not come may still come, or was not written down: it is not always certain.
    for ((kind, shown), [caught, doubted, missed]) in counts {
        assert!(!shown || 2 * caught >= doubted + missed, "{kind:?}");
    }
}
