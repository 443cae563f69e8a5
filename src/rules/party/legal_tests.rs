//! Histories in which nobody breaks anything, however odd they look, and a few that look like them and are breaches.
//!
//! Each is judged four times: as bots of ours saw it, with either party as a client of which only the other end is
//! known, and as two clients whose wires were recorded.

use serde_json::{Value, json};

use crate::protocol::sample;
use crate::rules::{Blame, Level, judge};
use crate::stanza::escape;
use crate::transcript::{Event, Header};

const CAST: [(&str, &str); 5] = [
    ("alice", "alice@x/1"),
    ("alice2", "alice@x/2"),
    ("bob", "bob@x/1"),
    ("bob2", "bob@x/2"),
    ("carol", "carol@x/1"),
];
const IDS: [&str; 3] = [
    "a1b2c3d4-e5f6-4890-abcd-ef1234567890",
    "b2c3d4e5-f6a7-4901-bcde-f12345678901",
    "c3d4e5f6-a7b8-4012-8def-123456789012",
];

/// Who is under test.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sight {
    Bots,
    /// This user's devices are clients, and only the others' ends were recorded.
    Far(&'static str),
    /// All are clients, and their wires were recorded.
    Wires,
}

fn user(who: &str) -> usize {
    match &who[..1] {
        "a" => 0,
        "b" => 1,
        _ => 2,
    }
}

fn signal(at: f64, from: &str, to: &str, word: &str, call: &str) -> String {
    let (kind, rest) = word.split_once('/').unwrap_or((word, "completed"));
    let payload = match kind {
        "initiate" => json!({"callerName": "Alice"}),
        "offer" => json!({"sdp": sample::offer(), "type": "offer"}),
        "answer" => json!({"sdp": sample::answer(), "type": "answer"}),
        "ice-candidate" => sample::candidate(rest.parse().unwrap_or(1)),
        "hangup" => match rest.split_once('+') {
            Some((reason, seconds)) => {
                json!({"reason": reason, "duration": seconds.parse::<u64>().expect("seconds")})
            }
            None => json!({"reason": rest}),
        },
        "mute-change" => json!({"muted": rest == "on"}),
        _ => json!({}),
    };
    let whole = (at * 1000.0).round() as u64;
    json!({
        "type": format!("call:{kind}"),
        "callId": format!("0f0e0d0c-0b0a-4908-8706-0504030201{call:0>2}"),
        "senderId": IDS[user(from)], "recipientId": IDS[user(to)],
        "timestamp": format!("2026-01-01T00:{:02}:{:02}.{:03}Z", whole / 60_000, whole / 1000 % 60, whole % 1000),
        "payload": payload,
    })
    .to_string()
}

/// Something on its way: who sent it when, and who took it in when.
struct Leg {
    from: String,
    to: String,
    sent: f64,
    taken: f64,
}

/// When an answer that is sent at this time comes in: as soon as may be, and in its place in its sender's order.
fn back(legs: &[Leg], from: &str, to: &str, sent: f64, wish: f64) -> f64 {
    let same = |leg: &&Leg| leg.from == from && leg.to == to;
    let before = legs
        .iter()
        .filter(same)
        .filter(|leg| leg.sent <= sent)
        .map(|leg| leg.taken);
    let after = legs
        .iter()
        .filter(same)
        .filter(|leg| leg.sent > sent)
        .map(|leg| leg.taken);
    before
        .fold(wish, |latest, at| latest.max(at + 0.0005))
        .min(after.fold(f64::INFINITY, f64::min) - 0.001)
}

/// A history as lines of `from to signal sent taken`: the stanza is sent, taken in and answered, and the answer is back
/// as much later. More words: `#id` names the iq, `made=TIME` is when it says it was made, `call=2` another call, `answers=TIME` when the answer is given,
/// `no/CONDITION` an error in place of the result, `lost/CONDITION` an error of the server for what reached nobody.
/// Other lines: `TIME who verb` with `cut`, `closed`, `comes JID`.
fn history(lines: &str) -> Vec<(f64, u32, String, Value)> {
    let mut events: Vec<(f64, u32, String, Value)> = Vec::new();
    let legs = legs(lines);
    let mut jids: Vec<(&str, String)> = CAST.iter().map(|(who, jid)| (*who, (*jid).to_owned())).collect();
    let mut push =
        |t: f64, order: u32, who: &str, event: Value| events.push((t, order, who.to_owned(), event));
    for (who, jid) in CAST {
        if lines.contains(&format!("{who} ")) {
            push(-1.0, 0, who, json!({"dir": "connected", "jid": jid}));
        }
    }
    for (order, line) in (1..).zip(lines.lines().map(str::trim).filter(|line| !line.is_empty())) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Ok(t) = words[0].parse::<f64>() {
            match words[2] {
                "cut" => push(t, order, words[1], json!({"dir": "cut"})),
                "closed" => push(t, order, words[1], json!({"dir": "closed"})),
                "comes" => {
                    push(t, order, words[1], json!({"dir": "connected", "jid": words[3]}));
                    jids.retain(|(who, _)| *who != words[1]);
                    jids.push((words[1], words[3].to_owned()));
                }
                verb => panic!("{verb}"),
            }
            continue;
        }
        let [from, to, word, sent, taken, more @ ..] = words.as_slice() else {
            panic!("{line}")
        };
        let (sent, taken): (f64, f64) = (sent.parse().expect("a time"), taken.parse().expect("a time"));
        let given = |name: &str| more.iter().find_map(|word| word.strip_prefix(name));
        let jid = |name: &str| {
            let known = jids.iter().find(|(who, _)| *who == name);
            known.map_or(name.to_owned(), |(_, jid)| jid.clone())
        };
        let (a, b) = (jid(from), jid(to));
        let id = given("#").map_or(format!("q{order}"), str::to_owned);
        let answers: f64 = given("answers=").map_or(taken, |at| at.parse().expect("a time"));
        let back = back(&legs, to, from, answers, answers + taken - sent);
        let made = given("made=").map_or(sent, |at| at.parse().expect("a time"));
        let text = escape(&signal(made, from, to, word, given("call=").unwrap_or("1")));
        let call = format!("<call xmlns='urn:xmpp:call:0'>{text}</call>");
        let set = |from: &str| format!("<iq type='set' id='{id}'{from} to='{b}'>{call}</iq>");
        let failed = |condition: &str| {
            format!(
                "type='error'><error type='cancel'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
            )
        };
        push(sent, order, from, json!({"dir": "sent", "xml": set("")}));
        if let Some(condition) = given("lost/") {
            let xml = format!("<iq id='{id}' from='{b}' to='{a}' {}", failed(condition));
            push(taken, order, from, json!({"dir": "received", "xml": xml}));
            continue;
        }
        let answer = given("no/").map_or("type='result'/>".to_owned(), failed);
        push(
            taken,
            order,
            to,
            json!({"dir": "received", "xml": set(&format!(" from='{a}'"))}),
        );
        push(
            answers,
            order,
            to,
            json!({"dir": "sent", "xml": format!("<iq id='{id}' to='{a}' {answer}")}),
        );
        let xml = format!("<iq id='{id}' from='{b}' to='{a}' {answer}");
        push(back, order, from, json!({"dir": "received", "xml": xml}));
    }
    events.sort_by(|one, other| one.0.total_cmp(&other.0));
    events
}

/// The signals of these lines, in the order in which they stand there.
fn legs(lines: &str) -> Vec<Leg> {
    let mut legs: Vec<Leg> = Vec::new();
    for line in lines.lines().map(str::trim) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [from, to, _, sent, taken, more @ ..] = words.as_slice() else {
            continue;
        };
        if from.starts_with(|c: char| c.is_ascii_digit()) || more.iter().any(|word| word.starts_with("lost/"))
        {
            continue;
        }
        let (sent, taken): (f64, f64) = (sent.parse().expect("a time"), taken.parse().expect("a time"));
        let (from, to) = ((*from).to_owned(), (*to).to_owned());
        for leg in legs.iter().filter(|leg| leg.from == from && leg.to == to) {
            assert_eq!(
                leg.sent < sent,
                leg.taken < taken,
                "no server keeps this order: {line}"
            );
        }
        legs.push(Leg {
            from,
            to,
            sent,
            taken,
        });
    }
    legs
}

/// What is found: rule and whom it is held against; a doubt has a `?`.
fn found(lines: &str, sight: Sight) -> Vec<String> {
    let client = |who: &str| match sight {
        Sight::Bots => false,
        Sight::Far(far) => user(far) == user(who),
        Sight::Wires => true,
    };
    let cast: serde_json::Map<String, Value> = CAST
        .iter()
        .map(|(who, jid)| {
            let party = if client(who) { "client" } else { "bot" };
            (
                (*who).to_owned(),
                json!({"jid": jid, "id": IDS[user(who)], "party": party}),
            )
        })
        .collect();
    let header: Header =
        serde_json::from_value(json!({"callspec": 1, "scenario": {}, "cast": cast})).expect("a header");
    let events = history(lines)
        .into_iter()
        .filter(|(_, _, who, _)| !(matches!(sight, Sight::Far(_)) && client(who)));
    let events: Vec<(f64, u32, String, Value)> = events.collect();
    let end = events.last().map_or(0.0, |(t, ..)| *t);
    let ends = [
        (end, 0, String::new(), json!({"dir": "steps"})),
        (end, 0, String::new(), json!({"dir": "end"})),
    ];
    let events = events
        .into_iter()
        .chain(ends)
        .zip(1..)
        .map(|((t, _, who, mut event), n)| {
            let whole = (t.max(0.0) * 1000.0).round() as u64;
            event["n"] = n.into();
            event["t"] = t.max(0.0).into();
            event["who"] = who.into();
            event["time"] = format!(
                "2026-01-01T00:{:02}:{:02}.{:03}Z",
                whole / 60_000,
                whole / 1000 % 60,
                whole % 1000
            )
            .into();
            serde_json::from_value::<Event>(event).expect("an event")
        });
    let verdict = judge(&header, events);
    let told = verdict
        .findings
        .iter()
        .filter(|f| f.level != Level::Info && f.blame != Blame::Nobody);
    told.map(|f| {
        let doubt = if f.excuse.is_some() { "?" } else { "" };
        format!("{} {:?}{doubt}", f.rule.id, f.blame)
    })
    .collect()
}

/// Nothing is certain, and nothing is even doubtful where every end was seen.
fn legal(name: &str, lines: &str) {
    assert_eq!(
        found(lines, Sight::Bots),
        [""; 0],
        "{name}, seen by bots\n{lines}"
    );
    for sight in [Sight::Far("alice"), Sight::Far("bob"), Sight::Wires] {
        let certain: Vec<String> = found(lines, sight)
            .into_iter()
            .filter(|told| !told.ends_with('?'))
            .collect();
        assert_eq!(certain, [""; 0], "{name}, {sight:?}\n{lines}");
    }
}

const RUNG: &str = "alice bob initiate 0 .1";
const MET: &str = "alice bob initiate 0 .1
    bob alice accept 1 1.1
    alice bob offer 1.2 1.3
    bob alice answer 1.4 1.5";

#[test]
fn two_devices_ring_and_one_accepts() {
    for first in ["bob", "bob2"] {
        let other = if first == "bob" { "bob2" } else { "bob" };
        let rung = "alice bob initiate 0 .1\nalice bob2 initiate .01 .12";
        let goes_on = format!(
            "alice {first} offer 1.3 1.4\n{first} alice answer 1.5 1.6\nalice {first} hangup/completed+5 7 7.1"
        );
        legal(
            "the other is told after the accept",
            &format!("{rung}\n{first} alice accept 1 1.1\nalice {other} hangup/cancelled 1.2 1.3\n{goes_on}"),
        );
        legal(
            "the other rejects before",
            &format!("{rung}\n{other} alice reject .5 .6\n{first} alice accept 1 1.1\n{goes_on}"),
        );
        legal(
            "the other is busy before, and closes",
            &format!(
                "{rung}\n{other} alice busy .5 .6\n{other} alice hangup/busy .7 .8\n{first} alice accept 1 1.1\n{goes_on}"
            ),
        );
        legal(
            "both accept at once, the second is told that it is over",
            &format!(
                "{rung}\n{first} alice accept 1 1.1\n{other} alice accept 1.05 1.15\nalice {other} hangup/failed 1.2 1.3\n{goes_on}"
            ),
        );
        legal(
            "the other's reject crosses the cancel for it",
            &format!(
                "{rung}\n{first} alice accept 1 1.1\nalice {other} hangup/cancelled 1.2 1.4\n{other} alice reject 1.3 1.5\n{goes_on}"
            ),
        );
    }
}

#[test]
fn glare_in_both_orders() {
    for (name, rest) in [
        ("both busy", "bob alice busy 1 1.1\nalice bob busy 1 1.1 call=2"),
        (
            "one gives way",
            "bob alice accept 1 1.1\nalice bob busy 1.05 1.2 call=2\nalice bob offer 1.3 1.4\nbob alice answer 1.5 1.6",
        ),
        (
            "one cancels its own and takes the other's",
            "alice bob hangup/cancelled 1 1.1\nalice bob accept 1.2 1.3 call=2\nbob alice offer 1.4 1.5 call=2\nalice bob answer 1.6 1.7 call=2",
        ),
        (
            "both cancel",
            "alice bob hangup/cancelled 1 1.2\nbob alice hangup/cancelled 1.1 1.3 call=2",
        ),
    ] {
        for (a, b) in [("0", ".05"), (".05", "0")] {
            legal(
                name,
                &format!("alice bob initiate {a} .1\nbob alice initiate {b} .15 call=2\n{rest}"),
            );
        }
    }
}

#[test]
fn busy_while_ringing_and_in_a_call() {
    legal(
        "a second call while the first rings",
        &format!(
            "{RUNG}\ncarol bob initiate .5 .6 call=2\nbob carol busy .7 .8 call=2\nbob alice accept 1 1.1\nalice bob offer 1.2 1.3\nbob alice answer 1.4 1.5"
        ),
    );
    legal(
        "a second call in the first, closed by both",
        &format!(
            "{MET}\ncarol bob initiate 2 2.1 call=2\nbob carol busy 2.2 2.3 call=2\ncarol bob hangup/busy 2.4 2.5 call=2\nalice bob hangup/completed+1 3 3.1"
        ),
    );
    legal(
        "a second call that is cancelled while busy is under way",
        &format!(
            "{MET}\ncarol bob initiate 2 2.1 call=2\nbob carol busy 2.2 2.4 call=2\ncarol bob hangup/cancelled 2.3 2.5 call=2"
        ),
    );
    legal(
        "the second call is taken once the first is over",
        &format!(
            "{MET}\ncarol bob initiate 2 2.1 call=2\nbob alice hangup/completed 2.2 2.3\nbob carol accept 2.4 2.5 call=2\ncarol bob offer 2.6 2.7 call=2"
        ),
    );
}

/// A hangup crosses each signal that the other side may send, in every gap.
#[test]
fn a_hangup_crosses_whatever_the_other_side_says() {
    let signals = [
        "ice-candidate/1",
        "mute-change/on",
        "hangup/completed",
        "hangup/failed",
    ];
    for (ends, talks) in [("alice", "bob"), ("bob", "alice")] {
        for signal in signals {
            for (sent, taken) in [("1.9", "2.05"), ("2.0", "2.2"), ("2.05", "2.2"), ("2.09", "2.11")] {
                legal(
                    "a hangup in a call",
                    &format!(
                        "{MET}\n{ends} {talks} hangup/completed 2 2.1\n{talks} {ends} {signal} {sent} {taken}"
                    ),
                );
            }
        }
    }
    for answer in ["accept", "reject", "busy"] {
        for (sent, taken) in [(".9", "1.05"), ("1.0", "1.2"), ("1.05", "1.2"), ("1.09", "1.11")] {
            legal(
                "a cancel and an answer",
                &format!("{RUNG}\nalice bob hangup/cancelled 1 1.1\nbob alice {answer} {sent} {taken}"),
            );
        }
    }
    for (sent, taken) in [("30.1", "30.3"), ("29.9", "30.2"), ("30.15", "30.19")] {
        legal(
            "a timeout and an accept",
            &format!("{RUNG}\nalice bob hangup/timeout 30.1 30.2\nbob alice accept {sent} {taken}"),
        );
        legal(
            "two timeouts",
            &format!(
                "{RUNG}\nalice bob hangup/timeout 30.1 30.2\nbob alice hangup/timeout {} {taken}",
                sent.replace("29.9", "30.11")
            ),
        );
    }
    legal(
        "an offer and a hangup",
        "alice bob initiate 0 .1\nbob alice accept 1 1.1\nbob alice hangup/failed 1.15 1.3\nalice bob offer 1.2 1.35",
    );
    legal(
        "an answer and a hangup",
        &format!(
            "{RUNG}\nbob alice accept 1 1.1\nalice bob offer 1.2 1.3\nalice bob hangup/cancelled 1.35 1.5\nbob alice answer 1.4 1.6"
        ),
    );
    legal(
        "a crossing echo",
        &format!(
            "{MET}\nalice bob hangup/completed 2 2.2\nbob alice hangup/failed 2.1 2.3\nalice bob hangup/failed 2.35 2.4"
        ),
    );
}

#[test]
fn candidates_of_both_sides_cross_everything() {
    legal(
        "at once with the answer, and long after",
        "alice bob initiate 0 .1
         bob alice accept 1 1.1
         alice bob offer 1.2 1.3
         alice bob ice-candidate/1 1.21 1.31
         bob alice answer 1.4 1.5
         bob alice ice-candidate/1 1.41 1.51
         alice bob ice-candidate/2 1.45 1.55
         bob alice ice-candidate/2 9 9.1
         alice bob hangup/completed+8 10 10.3
         bob alice ice-candidate/3 10.1 10.2",
    );
}

#[test]
fn answers_come_late_and_after_the_end() {
    legal(
        "results after the hangup",
        "alice bob initiate 0 .1 answers=3.5
         bob alice accept 1 1.1 answers=3.6
         alice bob offer 1.2 1.3 answers=3.7
         bob alice answer 1.4 1.5 answers=3.8
         alice bob hangup/completed+1 3 3.1 answers=3.9",
    );
    legal(
        "an id that the other side uses too, and the same side again after its answer in another stream",
        "alice bob initiate 0 .1 #1
         bob alice accept 1 1.1 #1
         alice bob offer 1.2 1.3 #2
         bob alice answer 1.4 1.5 #2
         carol bob initiate 2 2.1 #1 call=2
         bob carol busy 2.2 2.3 #3 call=2
         3 alice cut
         4 alice comes alice@x/1
         alice bob hangup/failed 5 5.1 #1",
    );
}

#[test]
fn a_party_comes_back_in_the_middle_of_a_call() {
    legal(
        "with the same resource",
        &format!(
            "{MET}\n2 bob cut\nalice bob mute-change/on 2.5 2.6 lost/service-unavailable\n3 bob comes bob@x/1\nalice bob hangup/failed 3.5 3.6"
        ),
    );
    legal(
        "with a new one, and goes on with the call",
        &format!(
            "{MET}\n2 bob cut\nalice bob mute-change/on 2.5 2.6 lost/service-unavailable\n3 bob comes bob@x/9\nbob alice mute-change/on 3.5 3.6\nbob alice hangup/completed+2 4 4.1"
        ),
    );
    legal(
        "with a new one, and is answered there",
        &format!(
            "{MET}\n2 bob cut\n3 bob comes bob@x/9\nbob alice mute-change/on 3.5 3.6\nalice bob mute-change/on 3.7 3.8\nalice bob hangup/completed+2 4 4.1\nbob alice hangup/completed 4.2 4.3"
        ),
    );
    legal(
        "a hangup into the gap, and one that comes out of it",
        &format!(
            "{MET}\n2 bob cut\nalice bob hangup/failed 2.5 2.6 lost/service-unavailable\n3 bob comes bob@x/1\nbob alice hangup/failed 3.5 3.6"
        ),
    );
}

/// The bounce of what reached nobody is under way while the other side hangs up.
#[test]
fn a_bounce_crosses_a_hangup() {
    legal(
        "an initiate to nobody",
        "bob carol initiate 0 .1 call=2
         alice bob@x/7 initiate 0 .1 lost/service-unavailable",
    );
    legal(
        "the server ends a session and bounces what was under way to it, in either order of being seen",
        &format!(
            "{MET}\nalice bob mute-change/on 2 2.1 lost/service-unavailable\n2.2 bob closed\n9 alice cut"
        ),
    );
    legal(
        "a hangup was delivered and a candidate after it bounced",
        &format!(
            "{MET}\nalice bob ice-candidate/2 2 2.3 lost/service-unavailable\nbob alice hangup/completed 2.05 2.2\n2.1 bob cut"
        ),
    );
}

#[test]
fn mute_changes_cross_and_need_not_alternate_between_parties() {
    legal(
        "both mute at once and undo it at once",
        &format!(
            "{MET}\nalice bob mute-change/on 2 2.1\nbob alice mute-change/on 2.05 2.15\nalice bob mute-change/off 2.2 2.3\nbob alice mute-change/off 2.2 2.3"
        ),
    );
    legal(
        "the first says that nothing is muted",
        &format!("{MET}\nalice bob mute-change/off 2 2.1\nbob alice mute-change/off 2.05 2.15"),
    );
    legal(
        "in a call that is not answered yet",
        &format!(
            "{RUNG}\nbob alice accept 1 1.1\nbob alice mute-change/on 1.2 1.3\nalice bob mute-change/on 1.2 1.3"
        ),
    );
}

/// What looks like the above and is a breach, whoever looks.
#[test]
fn a_call_has_not_lasted_longer_than_since_its_accept() {
    let talked = |seconds: u64, made: &str| {
        let lines = format!(
            "alice bob initiate 0 .1\n2 bob cut\n6 bob comes bob@x/1\nbob alice accept 6 6.1 {made}
             alice bob offer 6.2 6.3\nbob alice answer 6.4 6.5\nbob alice hangup/completed+{seconds} 9.6 9.7"
        );
        found(&lines, Sight::Wires)
    };
    assert_eq!(talked(7, ""), ["TM-04 Client"]);
    // It had been made before, and waited for the connection to come back.
    assert_eq!(talked(7, "made=2.5"), ["TM-04 Client?"]);
    assert_eq!(talked(9, "made=2.5"), ["TM-04 Client"]);
}

#[test]
fn breaches_that_look_like_crossings() {
    let mut wrong = Vec::new();
    for (name, lines, rule, blamed) in [
        (
            "a candidate after the hangup was taken in",
            format!("{MET}\nalice bob hangup/completed 2 2.1\nbob alice ice-candidate/1 2.2 2.3"),
            "ST-09",
            "bob",
        ),
        (
            "an accept after the cancel was taken in",
            format!("{RUNG}\nalice bob hangup/cancelled 1 1.1\nbob alice accept 1.2 1.3"),
            "ST-09",
            "bob",
        ),
        (
            "an accept after a reject",
            format!("{RUNG}\nbob alice reject 1 1.1\nbob alice accept 1.2 1.3"),
            "ST-09",
            "bob",
        ),
        (
            "an offer before the accept",
            format!("{RUNG}\nalice bob offer .5 .6\nbob alice accept 1 1.1"),
            "ST-04",
            "alice",
        ),
        (
            "a timeout that is early by ten seconds",
            format!("{RUNG}\nalice bob hangup/timeout 20 20.1"),
            "TM-01",
            "alice",
        ),
        (
            "a second hangup of the same side",
            format!("{MET}\nalice bob hangup/completed 2 2.1\nalice bob hangup/completed 2.4 2.5"),
            "ST-09",
            "alice",
        ),
        (
            "a callId again after its end",
            format!("{RUNG}\nalice bob hangup/cancelled 1 1.1\nalice bob initiate 2 2.1"),
            "ST-10",
            "alice",
        ),
        (
            "a mute that repeats itself after a crossing",
            format!(
                "{MET}\nalice bob mute-change/on 2 2.1\nbob alice mute-change/off 2.05 2.15\nalice bob mute-change/on 2.3 2.4"
            ),
            "ST-14",
            "alice",
        ),
        (
            "a third party hangs up",
            format!("{MET}\ncarol bob hangup/completed 2 2.1"),
            "ST-11",
            "carol",
        ),
        (
            "a callee that cancels",
            format!("{RUNG}\nbob alice hangup/cancelled 1 1.1"),
            "ST-12",
            "bob",
        ),
        (
            "a duration without a call",
            format!("{RUNG}\nbob alice accept 1 1.1\nbob alice hangup/failed+3 4 4.1"),
            "TM-03",
            "bob",
        ),
    ] {
        for sight in [Sight::Far(blamed), Sight::Wires] {
            let told: Vec<String> = found(&lines, sight)
                .into_iter()
                .filter(|told| !told.starts_with("IQ-06"))
                .collect();
            if told != [format!("{rule} Client")] {
                wrong.push(format!("{name}, {sight:?}: wanted {rule}, found {told:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
