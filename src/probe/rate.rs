//! Whether the server reads a stream only so fast: a small volley, its answers timed, beside a session that sends
//! nothing.

use std::cell::RefCell;
use std::time::Duration;

use tokio::time::Instant;

use super::found::{Found, Topic};
use super::parties::{Parties, fresh};
use super::peer::{Peer, is_answer};
use super::stanzas::request;

/// The volley: more than the bursts that stock servers let pass (20 000 bytes), and four seconds at their slowest.
const STANZAS: usize = 32;
const BYTES: usize = 1_000;
/// A second one follows where the first was read at once.
const SECOND: usize = 64;
/// What takes no longer was not held back.
const AT_ONCE: Duration = Duration::from_millis(900);
/// How long the answers may take.
const PATIENCE: Duration = Duration::from_secs(14);
/// A session beside it that waits longer shows that everything is slow.
const SLOW: Duration = Duration::from_millis(400);
/// Answers further apart than this were read at different times.
const APART: Duration = Duration::from_millis(40);
/// Between an answer to the session beside it and the next question: often enough to see the volley's four seconds,
/// seldom enough to be no load itself.
const PAUSE: Duration = Duration::from_millis(50);

/// When each answer came, from the beginning of the volley, and whether all did.
struct Volley {
    times: Vec<Duration>,
    all: bool,
    /// The slowest answer that a session got which sent next to nothing.
    beside: Duration,
}

pub async fn look(parties: &Parties, found: &RefCell<Found>) {
    let logins = (
        parties.log_in(parties.caller()).await,
        parties.log_in(parties.callee()).await,
    );
    let (mut sender, mut idle) = match logins {
        (Ok(sender), Ok(idle)) => (sender, idle),
        (Err(why), _) | (_, Err(why)) => return found.borrow_mut().unknown(Topic::RateLimit, why),
    };
    let mut sent = STANZAS;
    let mut volley = fire(&mut sender, &mut idle, STANZAS).await;
    let at_once = |volley: &Volley| volley.all && volley.times.last().is_some_and(|last| *last < AT_ONCE);
    if at_once(&volley) {
        volley = fire(&mut sender, &mut idle, SECOND).await;
        sent = SECOND;
    }
    tell(
        &volley,
        sent,
        at_once(&volley),
        sender.end().map(|end| end.to_string()),
        found,
    );
    // One that is still being read takes no goodbye.
    if volley.all {
        sender.leave().await;
    }
    idle.leave().await;
}

fn tell(volley: &Volley, sent: usize, at_once: bool, end: Option<String>, found: &RefCell<Found>) {
    let mut found = found.borrow_mut();
    let bytes = sent * BYTES;
    let answered = volley.times.len();
    if let Some(end) = end {
        return found.unknown(
            Topic::RateLimit,
            format!("{bytes} bytes in one go ended the stream: {end}"),
        );
    }
    let Some(last) = volley.times.last().copied() else {
        return found.unknown(Topic::RateLimit, "requests to the server were not answered");
    };
    if at_once {
        found.known.full_rate = true;
        return found.set(
            Topic::RateLimit,
            "none seen",
            format!(
                "{bytes} bytes in one go were read within {:.2} s",
                last.as_secs_f64()
            ),
        );
    }
    if volley.beside > SLOW {
        return found.unknown(
            Topic::RateLimit,
            format!(
                "{answered} of {sent} answers in {:.1} s, but a session that sent nothing waited {:.1} s too: the server is busy",
                last.as_secs_f64(),
                volley.beside.as_secs_f64()
            ),
        );
    }
    match rate(&volley.times) {
        Some(rate) => {
            let rate = two_digits(rate);
            found.known.rate_limit = Some(rate);
            found.set(
                Topic::RateLimit,
                format!("{rate} B/s"),
                format!(
                    "{} bytes in one go took {:.1} s, while another session was answered within {:.0} ms",
                    answered * BYTES,
                    last.as_secs_f64(),
                    volley.beside.as_secs_f64() * 1_000.0
                ),
            );
        }
        None => found.unknown(
            Topic::RateLimit,
            format!(
                "{answered} of {sent} answers in {:.1} s, too few to tell a rate",
                last.as_secs_f64()
            ),
        ),
    }
}

async fn fire(sender: &mut Peer, idle: &mut Peer, count: usize) -> Volley {
    let round = fresh();
    let id = |at: usize| format!("{round}-{at}");
    let began = Instant::now();
    let domain = sender.domain().to_owned();
    for at in 0..count {
        let bare = request(&domain, Some(&id(at)), "", 0).len();
        sender.say(request(&domain, Some(&id(at)), "", BYTES.saturating_sub(bare)));
    }
    let last = id(count - 1);
    let until = began + PATIENCE;
    let mut over = false;
    let mut beside = Duration::ZERO;
    while !over {
        let waiting = sender.wait(until, |heard| is_answer(&heard.stanza, &last).then_some(()));
        let asking = async {
            let asked = Instant::now();
            if idle.ping(PATIENCE).await.is_none() {
                return PATIENCE;
            }
            let took = asked.elapsed();
            tokio::time::sleep(PAUSE).await;
            took
        };
        tokio::select! {
            biased;
            _ = waiting => over = true,
            took = asking => beside = beside.max(took),
        }
    }
    let mut times: Vec<Duration> = sender.all(|heard| {
        let ours = heard.stanza.id().is_some_and(|id| id.starts_with(&round));
        ours.then(|| heard.at - began)
    });
    times.sort_unstable();
    Volley {
        all: times.len() == count,
        times,
        beside,
    }
}

/// Bytes a second once what is let through at once has been: from the first pause to the last answer.
fn rate(times: &[Duration]) -> Option<u64> {
    // The last answer of each lot that was read in one go.
    let ends: Vec<(usize, Duration)> = times
        .iter()
        .enumerate()
        .filter(|(at, time)| {
            times
                .get(at + 1)
                .is_none_or(|next| next.saturating_sub(**time) > APART)
        })
        .map(|(at, time)| (at + 1, *time))
        .collect();
    let (first, last) = (ends.first()?, ends.last()?);
    let seconds = last.1.saturating_sub(first.1).as_secs_f64();
    (ends.len() > 1 && seconds > 0.3)
        .then(|| ((last.0 - first.0) * BYTES) as f64 / seconds)
        .map(|rate| rate.round().clamp(1.0, 1e12) as u64)
}

/// Rounded down: more is not known of a rate that was measured once.
fn two_digits(rate: u64) -> u64 {
    let mut unit = 1;
    while rate / unit >= 100 {
        unit *= 10;
    }
    // A rate that is met to the percent was meant.
    let nearest = (rate + unit / 2) / unit * unit;
    let near = nearest.abs_diff(rate) * 100 <= rate * 2;
    if near { nearest } else { rate / unit * unit }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: &[u64]) -> Vec<Duration> {
        millis
            .iter()
            .map(|millis| Duration::from_millis(*millis))
            .collect()
    }

    #[test]
    fn the_rate_is_that_after_the_burst() {
        // Twenty at once, then one every third of a second.
        let mut times = vec![1; 20];
        times.extend((1..=12).map(|n| n * 333));
        assert_eq!(rate(&at(&times)).map(two_digits), Some(3_000));
        // Eight at a time, every 800 ms.
        let lots: Vec<u64> = (0..32).map(|n| n / 8 * 800).collect();
        assert_eq!(rate(&at(&lots)).map(two_digits), Some(10_000));
        assert_eq!(rate(&at(&[1, 2, 3])), None);
        assert_eq!(rate(&[]), None);
    }

    #[test]
    fn rates_are_given_as_they_were_meant() {
        for (seen, told) in [
            (9_870, 9_900),
            (10_070, 10_000),
            (3_004, 3_000),
            (97, 97),
            (10_951, 11_000),
        ] {
            assert_eq!(two_digits(seen), told, "{seen}");
        }
    }
}
