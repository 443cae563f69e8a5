//! What recordings of both ends show of the server between them, and what they do not show.

use serde_json::json;

use super::relayed::Relayed;
use crate::rules::{Judge, Verdict};
use crate::transcript::{Event, Header};

const A: &str = "alice@x/1";
const B: &str = "bob@x/2";
const C: &str = "bob@x/3";

/// Lines of `time who verb`: `comes JID`, `goes`, `> TO ID TEXT` a signal sent, `< FROM ID TEXT` one that came in,
/// `ok TO ID` and `no TO ID` answers given, `got FROM ID` and `failed FROM ID CONDITION` answers that came in, `hears`
/// anything else.
fn verdict(lines: &str) -> Verdict {
    by_clocks(0.0, lines)
}

/// The same, of clocks that are this far apart, give or take.
fn by_clocks(apart: f64, lines: &str) -> Verdict {
    let header: Header = serde_json::from_value(json!({
        "callspec": 1, "scenario": {}, "witness": "ends", "apart": apart,
        "cast": {"alice": {"jid": A, "party": "client"}, "bob": {"jid": B, "party": "client"}},
    }))
    .expect("a header");
    let mut judge = Judge::with(vec![Box::new(Relayed::new(&header))]);
    let jid = |who: &str| match who {
        "alice" => A,
        "bob" => B,
        _ => C,
    };
    let failed = |condition: &str| {
        format!(
            "type='error'><error type='cancel'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        )
    };
    for (n, line) in (1..).zip(lines.lines().map(str::trim).filter(|line| !line.is_empty())) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [time, who, verb, rest @ ..] = words.as_slice() else {
            panic!("{line}")
        };
        let word = |n: usize| rest.get(n).copied().unwrap_or_default();
        let (other, id, own) = (word(0), word(1), jid(who));
        let other = if other.contains('@') || other.contains('.') {
            other
        } else {
            jid(other)
        };
        let call = format!(
            "<call xmlns='urn:xmpp:call:0'>{}</call></iq>",
            rest.get(2..).unwrap_or_default().join(" ")
        );
        let (dir, xml) = match *verb {
            "comes" => ("connected", String::new()),
            "begins" => ("begins", String::new()),
            "goes" => ("disconnected", String::new()),
            ">" => ("sent", format!("<iq type='set' to='{other}' id='{id}'>{call}")),
            "<" => (
                "received",
                format!("<iq type='set' from='{other}' to='{own}' id='{id}'>{call}"),
            ),
            "ok" => ("sent", format!("<iq type='result' to='{other}' id='{id}'/>")),
            "nothing" => ("sent", format!("<iq type='error' to='{other}' id='{id}'/>")),
            "no" => (
                "sent",
                format!("<iq to='{other}' id='{id}' {}", failed("unexpected-request")),
            ),
            "got" => (
                "received",
                format!("<iq type='result' from='{other}' to='{own}' id='{id}'/>"),
            ),
            "failed" => (
                "received",
                format!("<iq from='{other}' to='{own}' id='{id}' {}", failed(word(2))),
            ),
            "hears" => ("received", "<presence/>".to_owned()),
            verb => panic!("{verb}"),
        };
        let (key, value) = if xml.is_empty() {
            ("jid", word(0).to_owned())
        } else {
            ("xml", xml)
        };
        let t: f64 = time.parse().expect("a time");
        let event: Event =
            serde_json::from_value(json!({"n": n, "t": t, "who": who, "dir": dir, key: value}))
                .expect("an event");
        judge.event(&event);
    }
    judge.finish()
}

fn broken(lines: &str) -> Vec<String> {
    broken_apart(0.0, lines)
}

fn broken_apart(apart: f64, lines: &str) -> Vec<String> {
    let verdict = by_clocks(apart, &format!("0 alice comes {A}\n0 bob comes {B}\n{lines}"));
    let told = verdict.findings.iter().map(|found| {
        let doubt = if found.excuse.is_some() { "?" } else { "" };
        format!("{}{doubt} {:?}", found.rule.id, found.events)
    });
    told.collect()
}

/// Both go on to hear something, and go.
const ON: &str = "9 alice hears\n9 bob hears\n10 alice goes\n10 bob goes";

#[test]
fn what_comes_as_it_was_sent_is_kept() {
    let lines = format!(
        "0 alice comes {A}\n0 bob comes {B}
         1 alice > bob 1 a&lt;é\n1.1 bob < alice 1 a&lt;é\n1.1 bob ok alice 1\n1.2 alice got bob 1
         2 bob > alice 1 b\n2.1 alice < bob 1 b\n2.1 alice no bob 1\n2.2 bob failed alice 1 unexpected-request\n{ON}"
    );
    let verdict = verdict(&lines);
    assert!(verdict.findings.is_empty(), "{:?}", verdict.findings);
    for rule in ["RT-01", "RT-03", "RT-04", "RT-05", "RT-06", "RT-08"] {
        assert_eq!(
            verdict.rules.get(rule).map(|tally| (tally.held, tally.broken)),
            Some((2, 0)),
            "{rule}"
        );
    }
}

#[test]
fn loss_copies_and_wrong_addressees() {
    assert_eq!(broken(&format!("1 alice > bob 1 a\n{ON}")), ["RT-03 [3]"]);
    let twice = "1 alice > bob 1 a\n1.1 bob < alice 1 a\n1.1 bob ok alice 1\n1.2 alice got bob 1\n1.3 bob < alice 1 a";
    assert_eq!(broken(&format!("{twice}\n{ON}")), ["RT-03 [3, 4, 7]"]);
    let elsewhere = format!(
        "0 bob2 comes {C}\n1 alice > bob 1 a\n1.1 bob2 < alice 1 a\n1.2 alice failed bob 1 recipient-unavailable"
    );
    assert_eq!(
        broken(&format!("{elsewhere}\n1.2 bob goes\n10 alice goes")),
        ["RT-06 [4, 5]", "RT-03 [4, 6]"]
    );
    // An overtaken signal was lost even if the recording stops soon.
    let over = "1 alice > bob 1 a\n1.1 alice > bob 2 b\n1.2 bob < alice 2 b\n1.2 bob ok alice 2\n1.3 alice got bob 2\n2 alice goes\n2 bob goes";
    assert_eq!(broken(over), ["RT-03 [3]"]);
}

#[test]
fn what_recordings_do_not_show_is_not_told() {
    // One of them stopped soon after, or had only just begun, or nothing was heard any more.
    assert_eq!(
        broken("1 alice > bob 1 a\n2 alice goes\n9 bob hears\n10 bob goes"),
        [""; 0]
    );
    assert_eq!(
        broken("1 alice > bob 1 a\n9 alice hears\n10 alice goes\n10 bob goes"),
        [""; 0]
    );
    assert_eq!(
        broken(&format!("1 bob goes\n1 bob comes {B}\n1.1 alice > bob 1 a\n{ON}")),
        [""; 0]
    );
    // An error for what was lost, to an address that nobody recorded, in a name that is not the sender's.
    assert_eq!(
        broken(&format!(
            "1 alice > x@x/1 1 a\n1.1 alice failed x@x/1 1 service-unavailable\n{ON}"
        )),
        [""; 0]
    );
    assert_eq!(broken(&format!("1 alice > bob@x 1 a\n{ON}")), [""; 0]);
}

#[test]
fn what_changes_on_the_way() {
    let way = |comes: &str| {
        broken(&format!(
            "1 alice > bob 1 a&lt;é\n{comes}\n1.1 bob ok alice 1\n1.2 alice got bob 1\n{ON}"
        ))
    };
    assert_eq!(way("1.1 bob < alice 1 a&lt;?"), ["RT-14 [3, 4]"]);
    assert_eq!(way("1.1 bob < alice 1 b&lt;é"), ["RT-05 [3, 4]"]);
    assert_eq!(way("1.1 bob < alice@x 1 a&lt;é"), ["RT-01 [3, 4]"]);
    let late = "1 alice > bob 1 a\n1.1 alice > bob 2 b\n1.2 bob < alice 2 b\n1.3 bob < alice 1 a";
    assert_eq!(
        broken(&format!("{late}\n2 alice goes\n2 bob goes")),
        ["RT-04 [3, 5, 6]"]
    );
}

#[test]
fn answers_that_the_server_gives_changes_or_loses() {
    let asked = "1 alice > bob 1 a\n1.1 bob < alice 1 a";
    assert_eq!(
        broken(&format!("{asked}\n1.1 bob no alice 1\n1.2 alice got bob 1\n{ON}")),
        ["RT-08 [3, 5, 6]"]
    );
    let lost = format!("{asked}\n1.1 bob ok alice 1\n2 alice failed x.y 0 item-not-found\n{ON}");
    assert_eq!(broken(&lost), ["RT-08 [3, 5]"]);
    // An answer that is none may be dropped.
    let none = format!("{asked}\n1.1 bob nothing alice 1\n2 alice failed x.y 0 item-not-found\n{ON}");
    assert_eq!(broken(&none), [""; 0]);
    // A recording that holds no answers has perhaps been made without.
    assert_eq!(broken(&format!("{asked}\n1.1 bob ok alice 1\n{ON}")), [""; 0]);
    assert_eq!(
        broken(&format!("{asked}\n1.2 alice got bob 1\n{ON}")),
        ["RT-08 [3, 5]"]
    );
    let own = |condition: &str| {
        broken(&format!(
            "1 alice > bob 1 a\n1.2 alice failed bob 1 {condition}\n{ON}"
        ))
    };
    assert_eq!(own("item-not-found"), ["RT-03 [3, 4]"]);
    // What the addressee may have asked its server for.
    assert_eq!(own("service-unavailable"), ["RT-03? [3, 4]"]);
    // Whoever has gone meanwhile is answered for.
    let gone = format!(
        "1 alice > bob 1 a\n1.1 bob goes\n1.2 alice failed bob 1 item-not-found\n1.3 bob comes {C}\n{ON}"
    );
    assert_eq!(broken(&gone), [""; 0]);
    // Two requests with one id, of two senders, and an answer to somebody else's.
    let both = "1 alice > bob 1 a\n1 bob > alice 1 b\n1.1 bob < alice 1 a\n1.1 bob ok alice 1\n1.2 alice < bob 1 b\n1.2 alice no bob 1\n1.3 alice got bob 1\n1.3 bob failed alice 1 unexpected-request";
    assert_eq!(broken(&format!("{both}\n{ON}")), [""; 0]);
}

#[test]
fn answers_that_come_twice_or_in_anothers_name() {
    let given = "1 alice > bob 1 a\n1.1 bob < alice 1 a\n1.1 bob ok alice 1";
    let got = "1.2 alice got bob 1";
    let told = |lines: &str| broken(&format!("{given}\n{lines}\n{ON}"));
    assert_eq!(told(&format!("{got}\n{got}")), ["IQ-01 [3, 6, 7]"]);
    assert_eq!(told(&format!("{got}\n{got}\n{got}")), ["IQ-01 [3, 6, 7]"]);
    // Whoever gives two may be heard twice.
    assert_eq!(told(&format!("1.1 bob ok alice 1\n{got}\n{got}")), [""; 0]);
    assert_eq!(told("1.2 alice got x@x/9 1"), ["RT-08 [3, 5, 6]"]);
    // What another says of something else is no answer to this.
    assert_eq!(
        told(&format!("1.2 alice failed x@x/9 1 item-not-found\n{got}")),
        [""; 0]
    );
}

#[test]
fn where_clocks_are_apart_an_answer_may_have_been_given_before_it_came_in() {
    // A second signal was delivered and answered meanwhile: clients answer in the order that they like.
    let answered = "3 bob < alice 1 a\n3.3 alice > bob 1 a\n3.4 alice > bob 2 b\n3.8 alice got bob 2
        4 bob < alice 2 b\n4 bob ok alice 2\n4.7 alice got bob 1\n4.8 alice goes";
    let late = format!("{answered}\n5 bob ok alice 1\n5 bob goes");
    assert_eq!(broken_apart(1.3, &late), [""; 0]);
    // Bob's recording goes on for long enough to show that he gives none.
    let never = format!(
        "{}\n9 bob hears\n10 bob goes",
        answered.replace("4.8 alice goes", "9.8 alice hears")
    );
    assert_eq!(broken_apart(1.3, &never), ["RT-08 [4, 9]"]);
}

#[test]
fn an_id_of_long_ago_was_another_streams() {
    let lines = "1 bob < alice 4 x\n1.1 bob ok alice 4\n2 bob no alice 4
        35 alice > bob 4 a\n35.1 bob < alice 4 a\n35.1 bob ok alice 4\n35.2 alice got bob 4
        49 alice hears\n49 bob hears\n50 alice goes\n50 bob goes";
    assert_eq!(broken_apart(1.0, lines), [""; 0]);
}
