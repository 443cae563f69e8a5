//! The language of these histories: a line for each signal, with the times at which it was sent and taken in.

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
pub(in crate::rules::party) enum Sight {
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
pub(in crate::rules::party) fn found(lines: &str, sight: Sight) -> Vec<String> {
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
pub(super) fn legal(name: &str, lines: &str) {
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

pub(in crate::rules::party) const RUNG: &str = "alice bob initiate 0 .1";
pub(in crate::rules::party) const MET: &str = "alice bob initiate 0 .1
    bob alice accept 1 1.1
    alice bob offer 1.2 1.3
    bob alice answer 1.4 1.5";
