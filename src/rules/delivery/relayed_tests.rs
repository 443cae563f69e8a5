//! What recordings of both ends show of the server between them, and what they do not show.

use serde_json::json;

use super::relayed::Relayed;
use crate::profile::Profile;
use crate::rules::{Judge, Verdict};
use crate::transcript::{Event, Header, Witness};

pub(super) const A: &str = "alice@x/1";
pub(super) const B: &str = "bob@x/2";
pub(super) const C: &str = "bob@x/3";

/// Lines of `time who verb`: `comes JID`, `goes`, `> TO ID TEXT` a signal sent, `< FROM ID TEXT` one that came in (`<JID`
/// one that is for this address), `asks TO ID` a question, `writes XML` and `reads XML` any stanza,
/// `says TO ID TEXT` and `gets FROM ID TEXT` chat, `ok TO ID` and `no TO ID` answers given, `got FROM ID` and `failed FROM ID CONDITION` answers that came in, `hears`
/// anything else.
pub(super) fn verdict(lines: &str) -> Verdict {
    verdict_of(Witness::Ends, 0.0, lines)
}

/// The same of who recorded it so, by clocks that may be so far apart.
fn verdict_of(witness: Witness, apart: f64, lines: &str) -> Verdict {
    verdict_by((witness, apart, false), lines)
}

/// The same; `steady`: by a proxy of ours.
pub(super) fn verdict_by(seen: (Witness, f64, bool), lines: &str) -> Verdict {
    verdict_on("relay", seen, lines)
}

/// The same of a server of this kind.
pub(super) fn verdict_on(
    profile: &str,
    (witness, apart, steady): (Witness, f64, bool),
    lines: &str,
) -> Verdict {
    let mut header: Header = serde_json::from_value(json!({
        "callspec": 1, "scenario": {},
        "cast": {"alice": {"jid": A, "party": "client"}, "bob": {"jid": B, "party": "client"}},
    }))
    .expect("a header");
    (header.witness, header.apart, header.steady) = (witness, apart, steady);
    header.profile = Profile::named(profile).expect("a profile");
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
        let text = rest.get(2..).unwrap_or_default().join(" ");
        let call = format!("<call xmlns='urn:xmpp:call:0'>{text}</call></iq>");
        let body = format!("<body>{text}</body></message>");
        let (dir, xml) = match *verb {
            "comes" => ("connected", String::new()),
            "begins" => ("begins", String::new()),
            "goes" => ("disconnected", String::new()),
            ">" => ("sent", format!("<iq type='set' to='{other}' id='{id}'>{call}")),
            "<" => (
                "received",
                format!("<iq type='set' from='{other}' to='{own}' id='{id}'>{call}"),
            ),
            verb if verb.starts_with('<') => (
                "received",
                format!(
                    "<iq type='set' from='{other}' to='{}' id='{id}'>{call}",
                    &verb[1..]
                ),
            ),
            "says" => (
                "sent",
                format!("<message type='chat' to='{other}' id='{id}'>{body}"),
            ),
            "gets" => (
                "received",
                format!("<message type='chat' from='{other}' to='{own}' id='{id}'>{body}"),
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
            "writes" => ("sent", rest.join(" ")),
            "reads" => ("received", rest.join(" ")),
            "asks" => ("sent", format!("<iq type='get' to='{other}' id='{id}'/>")),
            "hears" => ("received", "<presence/>".to_owned()),
            verb => panic!("{verb}"),
        };
        let (key, value) = if xml.is_empty() {
            ("jid", word(0).to_owned())
        } else {
            ("xml", xml)
        };
        let t: f64 = time.parse().expect("a time");
        let event = json!({"n": n, "t": 0.0, "who": who, "dir": dir, key: value});
        let mut event: Event = serde_json::from_value(event).expect("an event");
        event.t = t;
        judge.event(&event);
    }
    judge.finish()
}

pub(super) fn broken(lines: &str) -> Vec<String> {
    broken_as(Witness::Ends, 0.0, lines)
}

pub(super) fn broken_as(witness: Witness, apart: f64, lines: &str) -> Vec<String> {
    let lines = format!("0 alice comes {A}\n0 bob comes {B}\n{lines}");
    told(&verdict_of(witness, apart, &lines))
}

pub(super) fn told(verdict: &Verdict) -> Vec<String> {
    let told = verdict.findings.iter().map(|found| {
        let doubt = if found.excuse.is_some() { "?" } else { "" };
        format!("{}{doubt} {:?}", found.rule.id, found.events)
    });
    told.collect()
}

/// Both go on to hear something, and go.
pub(super) const ON: &str = "9 alice hears\n9 bob hears\n10 alice goes\n10 bob goes";

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

/// What a proxy of ours has not seen leave its sender, who was there from its login on, the server has made up.
#[test]
fn what_nobody_sent_the_server_has_said_itself() {
    let came = "1 bob < alice 1 a\n1 bob ok alice 1";
    let there = format!("0 alice comes {A}\n0 bob comes {B}");
    for (lines, found) in [
        (format!("{there}\n{came}"), "RT-03 [3]"),
        // It was there already when the recording began, or is not recorded.
        (format!("0 alice begins {A}\n0 bob comes {B}\n{came}"), ""),
        (format!("0 bob comes {B}\n{came}"), ""),
        // It was sent in a way of which little is expected.
        (
            format!(
                "{there}\n.5 alice writes <iq type='set' to='{B}'><call xmlns='urn:xmpp:call:0'>a</call></iq>\n{came}"
            ),
            "",
        ),
    ] {
        let of = |steady| told(&verdict_by((Witness::Ends, 0.0, steady), &lines)).join(", ");
        assert_eq!((&*of(true), &*of(false)), (found, ""), "{lines}");
    }
    let apart = verdict_by((Witness::Ends, 0.5, true), &format!("{there}\n{came}"));
    assert!(told(&apart).is_empty());
}

/// A server that makes a stanza of its own of what it was given, or two.
#[test]
fn what_comes_under_an_id_that_was_not_sent_was_sent_under_another() {
    let renamed = "1 alice > bob 1 a\n1.1 bob < alice 9 a\n1.1 bob ok alice 9";
    let copied = "1 alice > bob 1 a\n1.1 bob < alice 1 a\n1.1 bob ok alice 1\n1.2 alice got bob 1
        1.3 bob < alice 9 a\n1.3 bob ok alice 9";
    // What comes was perhaps sent later, by the clock of the other end.
    let later = "1 bob < alice 9 a\n1 bob ok alice 9\n1.1 alice > bob 9 a\n1.2 alice got bob 9";
    let both =
        format!("0.5 alice > bob 1 a\n0.6 bob < alice 1 a\n0.6 bob ok alice 1\n0.7 alice got bob 1\n{later}");
    let stranger = "1 alice > bob 1 a\n1.1 bob < x@x/1 9 a\n1.1 bob ok x@x/1 9\n1.1 bob < alice 1 a
        1.1 bob ok alice 1\n1.2 alice got bob 1";
    let other = copied.replace("1.3 bob < alice 9 a", "1.3 bob < alice 9 b");
    for (lines, told) in [
        (renamed, "RT-05 [3, 4]"),
        (copied, "RT-03 [3, 4, 7]"),
        (later, ""),
        (&both, ""),
        (stranger, ""),
        (&other, ""),
    ] {
        for apart in [0.0, 0.5] {
            if apart > 0.0 || !lines.contains(later) {
                let told_of = broken_as(Witness::Ends, apart, &format!("{lines}\n{ON}"));
                assert_eq!(told_of.join(" "), told, "{lines} {apart}");
            }
        }
    }
}

/// Many count their ids from 1 in every stream, and of the one before not all was recorded.
#[test]
fn what_came_early_of_another_stream_is_no_copy() {
    let text = |call: &str, second: u32| {
        format!(
            r#"{{"callId":"0f0e0d0c-0b0a-4908-8706-05040302010{call}","timestamp":"2026-01-01T00:00:0{second}Z"}}"#
        )
    };
    let (old, new) = (text("0", 1), text("1", 2));
    let lines = format!(
        "1 bob < alice 1 {old}\n1 bob ok alice 1\n1.1 alice goes\n1.2 alice comes {A}
        2 alice > bob 1 {new}\n2.1 bob < alice 1 {new}\n2.1 bob ok alice 1\n2.2 alice got bob 1\n{ON}"
    );
    assert_eq!(broken_as(Witness::Ends, 1.5, &lines), [""; 0]);
}

/// Nor is an answer from then one to what is asked now, where nobody tells the time.
#[test]
fn without_times_only_what_followed_the_same_signal_came_early() {
    let told = |lines: &str| broken_as(Witness::Ends, f64::INFINITY, lines);
    let twice = "nan bob < alice 1 a\nnan bob ok alice 1\nnan alice > bob 1 a\nnan alice got bob 1
        nan bob < alice 1 a\nnan bob no alice 1";
    assert_eq!(told(twice), ["RT-03 [3, 5, 7]"]);
    let before = "nan bob ok alice 1\nnan alice > bob 1 a\nnan bob < alice 1 a\nnan bob no alice 1
        nan alice failed bob 1 unexpected-request";
    assert_eq!(told(before), [""; 0]);
    // Whatever text had come by then under another id.
    let elsewhere = format!("nan bob < alice 2 a\n{before}");
    assert_eq!(told(&elsewhere), [""; 0]);
    // Nor is another text the same signal, if it is of the same call.
    let other = "nan bob < alice 1 b\nnan bob ok alice 1\nnan alice > bob 1 a\nnan bob < alice 1 a";
    assert_eq!(told(other), [""; 0]);
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
    // A bare address may ring wherever its user is.
    let rings = "1 alice > bob@x 1 a\n1.1 bob < alice 1 a\n1.1 bob ok alice 1\n1.2 alice got bob@x 1";
    assert_eq!(broken(&format!("{rings}\n{ON}")), [""; 0]);
}

/// A server may refuse or mend what is no signal as it has to be, and other requests are not looked at.
#[test]
fn only_a_sound_signal_in_its_senders_own_name_has_to_arrive() {
    let call = "<call xmlns='urn:xmpp:call:0'>a</call>";
    for (head, inside, told) in [
        ("to='bob@x/2' id='1'", call.to_owned(), &["RT-03 [3]"][..]),
        (
            "from='alice@x/1' to='bob@x/2' id='1'",
            call.to_owned(),
            &["RT-03 [3]"],
        ),
        ("from='x@x/9' to='bob@x/2' id='1'", call.to_owned(), &[]),
        ("to='bob@x/2'", call.to_owned(), &[]),
        ("to='bob@x/2' id='1'", call.repeat(2), &[]),
        ("to='bob@x/2' id='1'", "<query xmlns='u:q'/>".to_owned(), &[]),
    ] {
        let sent = format!("1 alice writes <iq type='set' {head}>{inside}</iq>");
        assert_eq!(broken(&format!("{sent}\n{ON}")), told, "{head} {inside}");
    }
    // Nor is another request the signal, changed, or somebody else's signal under its id.
    let other = "<iq type='set' from='alice@x/1' to='bob@x/2' id='1'><query xmlns='u:q'/></iq>";
    let lost = |comes: &str| broken(&format!("1 alice > bob 1 a\n1.1 bob {comes}\n{ON}"));
    assert_eq!(lost(&format!("reads {other}")), ["RT-03 [3]"]);
    assert_eq!(lost("< x@x/9 1 c"), ["RT-03 [3]"]);
}

/// Once a recording has stopped, whoever made it may send something else under an id that was used before.
#[test]
fn of_what_comes_after_an_end_nothing_is_told() {
    let sent = "1 alice > bob 1 a";
    assert_eq!(
        broken(&format!("{sent}\n2 alice goes\n3 bob < alice 1 b\n{ON}")),
        [""; 0]
    );
    let again = format!("{sent}\n2 bob goes\n2 bob comes {B}\n3 bob < alice 1 b\n{ON}");
    assert_eq!(broken(&again), [""; 0]);
    // Where a third goes, nothing ends for these two.
    let third = format!("0 bob2 comes {C}\n{sent}\n2 bob2 goes\n{ON}");
    assert_eq!(broken(&third), ["RT-03 [4]"]);
    let given =
        format!("{sent}\n1.1 bob < alice 1 a\n1.1 bob ok alice 1\n1.2 alice got bob 1\n1.3 alice got bob 1");
    let more = format!("0 bob2 comes {C}\n{given}\n3 bob2 goes\n3.5 bob ok alice 1\n{ON}");
    assert_eq!(broken_as(Witness::Ends, 1.0, &more), [""; 0]);
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
    let asked = format!(
        "0 bob2 comes {C}\n1 alice > bob 1 a\n1.1 bob < alice 1 a\n1.2 bob2 > bob 1 b\n1.3 bob < bob2 1 b"
    );
    let given = "1.4 bob ok bob2 1\n1.5 bob no alice 1\n1.6 alice failed bob 1 unexpected-request\n1.6 bob2 got bob 1";
    assert_eq!(broken(&format!("{asked}\n{given}\n{ON}")), [""; 0]);
}

#[test]
fn each_breach_is_counted_once_however_many_they_are() {
    let own = |n: u32| format!("1 alice > bob {n} a\n1.2 alice failed bob {n} item-not-found\n");
    let lines: String = (0..300).map(own).collect();
    let verdict = verdict(&format!("0 alice comes {A}\n0 bob comes {B}\n{lines}{ON}"));
    assert_eq!(verdict.rules["RT-03"].broken, 300);
}

#[test]
fn a_recording_that_breaks_off_tells_what_was_lost_before() {
    let lost = "1 alice > bob 1 a\n2 bob > alice 1 b\n2.1 alice < bob 1 b\n9 alice hears\n9 bob hears";
    assert_eq!(broken(lost), ["RT-03 [3]"]);
    assert_eq!(broken(&format!("{lost}\n9.5 alice goes")), ["RT-03 [3]"]);
    // What may still have been under way was not.
    assert_eq!(broken(&lost.replace("9 ", "3 ")), [""; 0]);
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
    assert_eq!(told(&format!("{got}\n1.2 alice got x@x/9 1")), [""; 0]);
    // It may be an answer to nothing that was seen here.
    let others =
        "1 bob2 > bob 1 b\n1.1 bob < bob2 1 b\n1.1 bob ok bob2 1\n1.2 alice got x@x/9 1\n1.3 bob2 got bob 1";
    assert_eq!(broken(&format!("0 bob2 comes {C}\n{others}\n{ON}")), [""; 0]);
    // What another says of something else is no answer to this.
    assert_eq!(
        told(&format!("1.2 alice failed x@x/9 1 item-not-found\n{got}")),
        [""; 0]
    );
}

/// Whoever stands between passes on what the server may not have read yet.
#[test]
fn a_proxy_knows_what_the_server_has_read_by_its_answers() {
    let lost = |more: &str| {
        broken_as(
            Witness::Between,
            0.0,
            &format!("{more}\n9 alice hears\n9 bob hears\n10 alice goes\n10 bob goes"),
        )
    };
    let signal = "1 alice > bob 1 a";
    assert_eq!(lost(signal), ["RT-03? [3]"]);
    let read = format!("{signal}\n2 alice asks x.y p\n2.1 alice got x.y p");
    assert_eq!(lost(&read), ["RT-03 [3]"]);
    // What it had read before, or of another's, says nothing of this.
    let before = format!("0.5 alice asks x.y p\n{signal}\n2.1 alice got x.y p");
    assert_eq!(lost(&before), ["RT-03? [4]"]);
    let others = format!("{signal}\n2 bob asks x.y p\n2.1 bob got x.y p");
    assert_eq!(lost(&others), ["RT-03? [3]"]);
    let unasked = format!("{signal}\n2 alice asks x.y p\n2.1 alice got x.y q");
    assert_eq!(lost(&unasked), ["RT-03? [3]"]);
    // Nor do an answer of its own and a request that comes in under that id.
    let gave = format!("{signal}\n2 alice ok bob p\n2.1 alice got x.y p");
    assert_eq!(lost(&gave), ["RT-03? [3]"]);
    let came = format!("{signal}\n2 alice asks x.y p\n2.1 alice < bob2 p b");
    assert_eq!(lost(&came), ["RT-03? [3]"]);
    let open = format!("{signal}\n2 alice asks x.y p\n2 alice asks x.y q\n2.1 alice got x.y p");
    assert_eq!(lost(&open), ["RT-03 [3]"]);
    // An older answer that comes later takes nothing back.
    let both = format!(
        "0.5 alice asks x.y o\n{signal}\n2 alice asks x.y p\n2.1 alice got x.y p\n2.2 alice got x.y o"
    );
    assert_eq!(lost(&both), ["RT-03 [4]"]);
    // An answer is as much under way as a signal.
    let answered =
        format!("{signal}\n1.1 bob < alice 1 a\n1.2 bob ok alice 1\n1.3 alice failed x.y 0 item-not-found");
    assert_eq!(lost(&answered), ["RT-08? [3, 5]"]);
    let read = format!("{answered}\n2 bob asks x.y p\n2.1 bob got x.y p");
    assert_eq!(lost(&read), ["RT-08 [3, 5]"]);
}

/// By two clocks it is not sure that the giver of an answer was known to the server by when the request was sent.
#[test]
fn an_answer_may_get_lost_with_the_connection_of_its_giver() {
    let answered = |goes: &str| {
        let lines = format!(
            "0.5 bob goes\n0.8 bob comes {B}\n1 alice > bob 1 a\n1.1 bob < alice 1 a\n1.2 bob ok alice 1
             {goes}\n9 bob hears\n9 alice got x.y p\n10 bob goes\n10 alice goes"
        );
        broken_as(Witness::Ends, 0.2, &lines)
    };
    assert_eq!(answered(&format!("1.25 bob goes\n2 bob comes {B}")), [""; 0]);
    assert_eq!(answered(""), ["RT-08 [5, 7]"]);
}

/// A session that was closed takes nothing in: what is sent to it later bounces.
#[test]
fn what_goes_to_a_closed_session_is_not_swallowed() {
    let sent = |at: &str, more: &str| {
        broken(&format!(
            "1 bob goes\n{at} alice > bob 1 a\n{more}\n9 alice got x.y p\n10 alice goes"
        ))
    };
    assert_eq!(sent("3", ""), ["RT-09 [3, 4]"]);
    assert_eq!(sent("3", "3.1 alice failed bob 1 service-unavailable"), [""; 0]);
    // The server may not have noticed yet, or somebody else have come by now; what comes just before the end is open.
    assert_eq!(sent("1.5", ""), [""; 0]);
    assert_eq!(sent("8", ""), [""; 0]);
    let back = broken(&format!(
        "1 bob goes\n2 bob comes {B}\n2.1 alice > bob 1 a\n9 alice got x.y p\n10 alice goes"
    ));
    assert_eq!(back, [""; 0]);
    // Nor is it kept, but it may have been under way.
    let kept = |at: &str| sent("3", &format!("{at} bob comes {B}\n8.7 bob < alice 1 a"));
    assert_eq!(kept("8.5"), ["CH-03? [3, 4, 6]"]);
    assert_eq!(kept("3.5"), [""; 0]);
}

#[test]
fn a_signal_in_a_copy_is_the_servers_doing() {
    let copy = |from: &str| {
        let signal =
            "<iq xmlns='jabber:client' type='set' id='1'><call xmlns='urn:xmpp:call:0'>a</call></iq>";
        broken(&format!(
            "1 bob reads <message {from}to='{B}'><received xmlns='urn:xmpp:carbons:2'><forwarded \
             xmlns='urn:xmpp:forward:0'>{signal}</forwarded></received></message>\n{ON}"
        ))
    };
    assert_eq!(copy("from='bob@x' "), ["CH-03 [3]"]);
    assert_eq!(copy("from='alice@x/1' "), [""; 0]);
}

/// Which of two requests under one id is answered nobody knows, unless the first had been answered before.
#[test]
fn an_id_that_a_client_uses_twice_is_not_held_against_the_server() {
    let (first, second) = (
        "1 alice > bob 1 a\n1.1 bob < alice 1 a",
        "2 alice > bob 1 b\n2.1 bob < alice 1 b",
    );
    let answer = "bob ok alice 1";
    let after = format!(
        "{first}\n1.2 {answer}\n1.3 alice got bob 1\n{second}\n2.2 {answer}\n2.3 alice got bob 1\n{ON}"
    );
    assert_eq!(broken(&after), [""; 0]);
    let before = format!(
        "{first}\n{second}\n2.2 {answer}\n2.2 {answer}\n2.3 alice got bob 1\n2.3 alice got bob 1\n{ON}"
    );
    assert_eq!(broken(&before), [""; 0]);
}

/// By two clocks that are set against each other a signal may seem to arrive before it was sent.
#[test]
fn what_seems_to_come_before_it_was_sent_came_after() {
    let apart = |lines: &str| broken_as(Witness::Ends, 0.5, &format!("{lines}\n{ON}"));
    let sent = "1.2 alice > bob 1 a";
    let (came, answered) = ("1 bob < alice 1 a", "1.1 bob ok alice 1");
    let got = "1.3 alice got bob 1";
    assert_eq!(apart(&format!("{came}\n{answered}\n{sent}\n{got}")), [""; 0]);
    let verdict = verdict_of(
        Witness::Ends,
        0.5,
        &format!("0 alice comes {A}\n0 bob comes {B}\n{came}\n{answered}\n{sent}\n{got}\n{ON}"),
    );
    for rule in ["RT-01", "RT-05"] {
        assert_eq!(verdict.rules[rule].held, 1, "{rule}");
    }
    // So do many at once.
    let many = |line: &str| -> String {
        (0..300)
            .map(|id| line.replace('#', &id.to_string()) + "\n")
            .collect()
    };
    let flood = [
        "1 bob < alice # a",
        "1.1 bob ok alice #",
        "1.2 alice > bob # a",
        "1.3 alice got bob #",
    ];
    assert_eq!(apart(&flood.map(many).concat()), [""; 0]);
    // It is held against what was sent all the same.
    assert_eq!(
        apart(&format!("{came}\n{answered}\n{sent}\n{got}\n{got}")),
        ["IQ-01 [5, 6, 7]"]
    );
    let early = |came: &str| apart(&format!("{came}\n{answered}\n{sent}\n{got}"));
    assert_eq!(early("1 bob < alice 1 b"), ["RT-05 [3, 5]"]);
    assert_eq!(early("1 bob < x@x/9 1 a"), ["RT-01 [3, 5]"]);
    assert_eq!(early(&format!("{came}\n{came}")), ["RT-03 [3, 4, 6]"]);
    let refused = format!("{came}\n1.1 bob no alice 1\n{sent}\n{got}");
    assert_eq!(apart(&refused), ["RT-08 [4, 5, 6]"]);
    // What is another's, or of another id, stays with it.
    let other = format!("1 bob < alice 2 b\n{came}\n{answered}\n1.2 alice > bob 2 b\n{sent}\n{got}");
    assert_eq!(apart(&other), [""; 0]);
    assert_eq!(apart(&format!("1 bob < x@x/9 1 c\n{sent}")), ["RT-03 [4]"]);
    // By one clock nothing comes before it was sent: what came was something else.
    assert_eq!(broken(&format!("{came}\n{sent}\n{ON}")), ["RT-03 [4]"]);
}

#[test]
fn how_long_both_have_to_have_heard_on() {
    let lost = |apart: f64, alice: f64, bob: f64| {
        let lines =
            format!("3 alice > bob 1 a\n{alice} alice hears\n{bob} bob hears\n20 alice goes\n20 bob goes");
        broken_as(Witness::Ends, apart, &lines)
    };
    assert_eq!(lost(0.0, 8.0, 8.0), ["RT-03 [3]"]);
    assert_eq!(lost(0.0, 7.5, 8.0), [""; 0]);
    assert_eq!(lost(0.0, 8.0, 7.5), [""; 0]);
    // The distance of the clocks comes on top.
    assert_eq!(lost(2.0, 10.0, 10.0), ["RT-03 [3]"]);
    assert_eq!(lost(2.0, 9.5, 10.0), [""; 0]);
    // So it does on how long both have to have been there, unless something has passed between them.
    let soon = |before: &str, at: f64| {
        let lines = format!("{before}\n{at} alice > bob 2 b\n12 alice hears\n12 bob hears");
        broken_as(Witness::Ends, 2.0, &lines).len()
    };
    assert_eq!((soon("", 2.2), soon("", 2.25)), (0, 1));
    let passed = "1 alice > bob 1 a\n1.1 bob < alice 1 a\n1.1 bob ok alice 1\n1.2 alice got bob 1";
    assert_eq!(
        (
            soon(passed, 1.5),
            soon(&passed.replace("alice > bob", "bob2 > bob"), 1.5)
        ),
        (1, 0)
    );
    let answer = |hears: f64, giver: &str| {
        let lines = format!(
            "1 alice > bob 1 a\n1.5 bob < alice 1 a\n2 bob ok alice 1\n3 alice failed x.y 0 item-not-found\n{giver}\n{hears} alice hears\n20 alice goes\n20 bob goes"
        );
        broken(&lines)
    };
    assert_eq!(answer(7.0, "3 bob hears"), ["RT-08 [3, 5]"]);
    assert_eq!(answer(6.5, "3 bob hears"), [""; 0]);
    // Where nothing came to its giver any more, he was perhaps cut off when he gave it.
    assert_eq!(answer(7.0, ""), ["RT-08? [3, 5]"]);
}

#[test]
fn an_answer_is_lost_where_what_came_after_it_has_come() {
    let sent = "0.5 alice > bob 9 z\n0.5 bob < alice 9 z\n0.5 bob ok alice 9\n0.5 alice got bob 9
        1 alice > bob 1 a\n1.1 bob < alice 1 a\n1.1 bob ok alice 1";
    for (then, told) in [
        ("1.2 bob > alice 2 b\n1.3 alice < bob 2 b", "RT-08 [7, 9]"),
        // It may come yet.
        ("1.2 bob > alice 2 b\n1.3 alice hears", ""),
        // It came after the answer, whoever goes first.
        (
            "1.2 bob > alice 2 b\n1.3 alice < bob 2 b\n1.4 bob goes",
            "RT-08 [7, 9]",
        ),
        // Its giver goes first: with its connection it may be lost, and a while later it is not any more.
        ("6 bob hears\n6.1 bob goes\n9 alice hears", ""),
        ("7 bob hears\n7.1 bob goes\n9 alice hears", "RT-08 [7, 9]"),
    ] {
        let told_of = broken(&format!("{sent}\n{then}\n9 alice goes\n9 bob goes"));
        assert_eq!(told_of.join(" "), told, "{then}");
    }
}

#[test]
fn a_signal_is_for_whom_it_comes_to() {
    for (to, sent, alone) in [
        ("bob@x/9", "RT-05 [3, 4]", "RT-06 [3]"),
        (B, "", ""),
        ("BOB@x/2", "", ""),
        ("bob@x", "RT-05 [3, 4]", ""),
    ] {
        let came = format!("1.1 bob <{to} alice 1 a\n1.1 bob ok alice 1");
        let both = broken(&format!("1 alice > bob 1 a\n{came}\n1.2 alice got bob 1\n{ON}"));
        assert_eq!(both.join(" "), sent, "{to}");
        // Nor has its sender to be recorded, if it is known whose session this is.
        for (begins, told) in [("comes", alone), ("begins", "")] {
            let verdict = verdict(&format!(
                "0 carol comes {C}\n0 bob {begins} {B}\n{came}\n10 bob goes"
            ));
            let found = verdict
                .findings
                .iter()
                .map(|found| format!("{} {:?}", found.rule.id, found.events));
            assert_eq!(found.collect::<String>(), told, "{to} {begins}");
        }
    }
}

#[test]
fn a_signal_that_was_sent_to_somebody_comes_with_an_address() {
    let came =
        format!("bob reads <iq type='set' from='{A}' id='1'><call xmlns='urn:xmpp:call:0'>a</call></iq>");
    let lines = format!("1 alice > bob 1 a\n1.1 {came}\n1.1 bob ok alice 1\n1.2 alice got bob 1\n{ON}");
    assert_eq!(broken(&lines), ["RT-05 [3, 4]"]);
}

/// Programs write down an answer when it comes, and a signal when they have come to it.
#[test]
fn an_answer_may_be_written_down_before_what_came_before_it() {
    let asked = "0.5 bob > alice 7 z\n0.6 alice < bob 7 z";
    let then = "1 alice > bob 1 a\n1.1 alice ok bob 7\n1.2 bob got alice 7\n1.3 bob < alice 1 a";
    let end = "1.4 bob ok alice 1\n1.5 alice got bob 1";
    let lines = format!("{asked}\n{then}\n{end}\n{ON}");
    assert_eq!(broken(&lines), [""; 0]);
    // Our own proxy writes down what passes as it passes.
    let lines = format!("0 alice comes {A}\n0 bob comes {B}\n{lines}");
    let ours = told(&verdict_by((Witness::Between, 0.0, true), &lines));
    assert_eq!(ours, ["RT-04 [5, 7, 8]"]);
}

#[test]
fn answers_come_in_the_order_in_which_they_were_given() {
    let asked = "1 alice > bob 1 a\n1 alice > bob 2 b\n1.1 bob < alice 1 a\n1.1 bob < alice 2 b";
    let (one, two) = ("1.2 bob ok alice 1", "1.2 bob ok alice 2");
    let got = "1.3 alice got bob 2\n1.4 alice got bob 1";
    for apart in [0.0, 0.5] {
        let of = |given: &str| broken_as(Witness::Ends, apart, &format!("{asked}\n{given}\n{got}\n{ON}"));
        assert_eq!(of(&format!("{one}\n{two}")), ["RT-04 [3, 7, 9, 10]"]);
        assert_eq!(of(&format!("{two}\n{one}")), [""; 0]);
    }
    // What is lost was overtaken, though the asker's recording stops soon.
    let lost = format!(
        "0.5 bob > alice 0 z\n0.6 alice < bob 0 z\n0.7 alice ok bob 0\n0.8 bob got alice 0\n{asked}\n{one}\n{two}"
    );
    let lost = format!("{lost}\n1.3 alice got bob 2\n1.4 alice goes\n{ON}");
    assert_eq!(broken(&lost), ["RT-08 [7, 11]"]);
}

#[test]
fn a_copy_under_a_new_id_is_found_though_its_addressee_goes_soon() {
    let copied = "1 alice > bob 1 a\n1.1 bob < alice 1 a\n1.1 bob ok alice 1\n1.2 alice got bob 1
        1.3 bob < alice 9 a\n1.4 bob goes";
    let of = |then: &str| broken_as(Witness::Ends, 0.5, &format!("{copied}\n{then}")).join(" ");
    assert_eq!(of("1.8 alice hears\n1.9 alice goes"), "RT-03 [3, 4, 7]");
    assert_eq!(of("9 alice hears"), "RT-03 [3, 4, 7]");
    // It was perhaps sent once more, when her recording had stopped.
    assert_eq!(of("1.7 alice hears\n1.75 alice goes"), "");
}

#[test]
fn a_signal_stays_the_request_that_it_was() {
    let call = "<call xmlns='urn:xmpp:call:0'>a</call></iq>";
    let asks = format!("bob reads <iq type='get' from='{A}' to='{B}' id='1'>{call}");
    let sent = format!(
        "1 alice > bob 1 a\n1.1 {asks}\n1.1 bob no alice 1\n1.2 alice failed bob 1 unexpected-request"
    );
    assert_eq!(broken(&format!("{sent}\n{ON}")), ["RT-05 [3, 4]"]);
    // Nor does what holds it become something else.
    for (child, name) in [
        ("call xmlns='urn:xmpp:call:1'", "call"),
        ("call", "call"),
        ("x xmlns='urn:xmpp:call:0'", "x"),
    ] {
        let set = format!("bob reads <iq type='set' from='{A}' to='{B}' id='1'><{child}>a</{name}></iq>");
        let sent = format!(
            "1 alice > bob 1 a\n1.1 {set}\n1.1 bob no alice 1\n1.2 alice failed bob 1 unexpected-request"
        );
        assert_eq!(broken(&format!("{sent}\n{ON}")), ["RT-05 [3, 4]"]);
    }
    // What its sender asks comes as a question.
    let asked = format!("1 alice writes <iq type='get' to='{B}' id='1'>{call}\n1.1 {asks}");
    assert_eq!(broken(&format!("{asked}\n{ON}")), [""; 0]);
}

/// The rules that are surely broken, where both recordings go on.
fn certain(lines: &str) -> Vec<&'static str> {
    let found = verdict(&format!("{lines}\n{ON}")).findings;
    let told = found.iter().filter(|found| found.excuse.is_none());
    told.map(|found| found.rule.id).collect()
}

/// A session that is resumed sends again what was not acknowledged, and the answer may be to what came before.
#[test]
fn what_is_sent_again_may_have_been_answered_before() {
    let again = |text: &str| {
        let lines = format!(
            "0 alice comes {A}\n0 bob comes {B}
            1 alice > bob 1 a\n1.1 bob < alice 1 a\n1.1 bob ok alice 1\n1.2 alice goes
            1.3 alice comes {A}\n1.4 alice > bob 1 {text}\n1.5 alice got bob 1"
        );
        certain(&lines)
    };
    assert_eq!(again("a"), [""; 0]);
    assert_eq!(again("b"), ["RT-03"]);
}

/// Alice's connection breaks, and she is there again under the same address.
#[test]
fn what_was_asked_in_an_earlier_session_may_be_answered_in_this_one() {
    let asked = "1 alice > bob 1 a\n1.1 bob < alice 1 a\n1.1 bob ok alice 1";
    let late = "1.2 alice got c@x/7 1";
    assert_eq!(
        certain(&format!("0 alice comes {A}\n0 bob comes {B}\n{asked}\n{late}")),
        ["RT-08"]
    );
    let again =
        format!("0 alice comes {A}\n0 bob comes {B}\n0.3 alice goes\n0.4 alice comes {A}\n{asked}\n{late}");
    assert_eq!(certain(&again), [""; 0]);
}

#[test]
fn line_ends_may_change_by_a_rule_of_their_own() {
    let came = "1 alice > bob 1 a&#13;b\n1.1 bob < alice 1 a&#10;b\n1.1 bob ok alice 1\n1.2 alice got bob 1";
    assert_eq!(broken(&format!("{came}\n{ON}")), ["RT-15 [3, 4]"]);
}

#[test]
fn a_signal_of_another_call_and_time_is_not_this_one_changed() {
    let said = |call: &str, second: u8| {
        format!(r#"{{"callId":"{call}","timestamp":"2026-01-01T00:00:0{second}Z"}}"#)
    };
    let sent = said("0f0e0d0c-0b0a-4908-8706-050403020100", 1);
    let way = |came: &str| broken(&format!("1 alice > bob 1 {sent}\n1.1 bob < alice 1 {came}\n{ON}"));
    let (same, other) = (
        "0f0e0d0c-0b0a-4908-8706-050403020100",
        "1f0e0d0c-0b0a-4908-8706-050403020100",
    );
    assert_eq!(way(&said(same, 2)), ["RT-05 [3, 4]"]);
    assert_eq!(way(&said(other, 1)), ["RT-05 [3, 4]"]);
    assert_eq!(way(&said(other, 2)), ["RT-03 [3]"]);
    // The call is the same in whatever letters.
    assert_eq!(way(&said(&same.to_uppercase(), 2)), ["RT-05 [3, 4]"]);
}

#[test]
fn a_finding_says_which_signal_of_whom_in_which_call() {
    let call = "0f0e0d0c-0b0a-4908-8706-050403020100";
    let text = format!(r#"{{"callId":"{call}"}}"#);
    let lines = format!("0 alice comes {A}\n0 bob comes {B}\n1 alice > bob 1 {text}\n{ON}");
    let verdict = verdict(&lines);
    let found = &verdict.findings[0];
    assert_eq!(
        found.message,
        "alice's iq `1` never reached bob@x/2, and no error came back."
    );
    assert_eq!(found.call.as_deref(), Some(call));
    let came = |comes: &str| {
        let lines =
            format!("0 alice comes {A}\n0 bob comes {B}\n0 bob2 comes {C}\n1 alice > bob 1 ab\n{comes}");
        let found = self::verdict(&lines).findings.swap_remove(0);
        format!("{} {} not {}", found.message, found.wanted, found.seen)
    };
    for (comes, said) in [
        (
            "1.1 bob < alice@x 1 ab",
            "alice's iq `1` reached bob with a `from` that is not the sender's full JID. \
             from='alice@x/1' not from='alice@x'",
        ),
        (
            "1.1 bob2 < alice 1 ab",
            "bob2 received alice's iq `1`, which was addressed to bob@x/2. \
             delivery to the addressed resource only not delivery to bob@x/3",
        ),
        (
            "1.1 bob < alice 1 xyz",
            "The text of alice's iq `1` changed on its way to bob. \
             the text that was sent, unchanged not 2 bytes were sent and 3 other bytes arrived",
        ),
    ] {
        assert_eq!(came(comes), said);
    }
}

#[test]
fn where_clocks_are_apart_an_answer_may_have_been_given_before_it_came_in() {
    // A second signal was delivered and answered meanwhile: clients answer in the order that they like.
    let answered = "3 bob < alice 1 a\n3.3 alice > bob 1 a\n3.4 alice > bob 2 b\n3.8 alice got bob 2
        4 bob < alice 2 b\n4 bob ok alice 2\n4.7 alice got bob 1\n4.8 alice goes";
    let late = format!("{answered}\n5 bob ok alice 1\n5 bob goes");
    assert_eq!(broken_as(Witness::Ends, 1.3, &late), [""; 0]);
    // Bob's recording goes on for long enough to show that he gives none.
    let never = format!(
        "{}\n9 bob hears\n10 bob goes",
        answered.replace("4.8 alice goes", "9.8 alice hears")
    );
    assert_eq!(broken_as(Witness::Ends, 1.3, &never), ["RT-08 [4, 9]"]);
    // That is a quarter of a second beyond what the clocks may be wrong.
    let shown = |hears: f64| {
        let own = "3 alice > bob 1 a\n4 alice failed bob 1 item-not-found";
        broken_as(
            Witness::Ends,
            1.0,
            &format!("{own}\n{hears} bob hears\n10 alice goes\n10 bob goes"),
        )
    };
    assert_eq!(
        (shown(5.0), shown(5.25)),
        (vec![], vec!["RT-03 [3, 4]".to_owned()])
    );
}

#[test]
fn an_id_of_long_ago_was_another_streams() {
    let lines = "1 bob < alice 4 x\n1.1 bob ok alice 4\n2 bob no alice 4
        35 alice > bob 4 a\n35.1 bob < alice 4 a\n35.1 bob ok alice 4\n35.2 alice got bob 4
        49 alice hears\n49 bob hears\n50 alice goes\n50 bob goes";
    assert_eq!(broken_as(Witness::Ends, 1.0, lines), [""; 0]);
    // By as much as clocks may be wrong, and some seconds more, it was not.
    let odd = "1 bob < alice 4 a\n1.1 bob ok alice 4\n6.5 alice > bob 4 a\n6.6 alice got bob 4";
    assert_eq!(broken_as(Witness::Ends, 1.0, &format!("{odd}\n{ON}")), [""; 0]);
}

/// A server may write an address in another form than its user does.
#[test]
fn an_address_that_is_spelled_in_two_ways_may_be_one() {
    for (own, to, told) in [
        (B, "bob@x/9", "RT-06 [1]"),
        ("b\u{f6}b@x/2", "b\u{f6}b@x/9", "RT-06? [1]"),
        ("b\u{f6}b@x/2", "bo\u{308}b@x/9", "RT-06? [1]"),
        (B, "b\u{f6}b@x/9", "RT-06? [1]"),
        ("b\u{f6}b@x/2", "bob@x/9", "RT-06? [1]"),
    ] {
        let xml =
            format!("<iq type='set' from='{A}' to='{to}' id='1'><call xmlns='urn:xmpp:call:0'>a</call></iq>");
        let found = self::told(&verdict(&format!(
            "0 bob comes {own}\n1 bob reads {xml}\n10 bob goes"
        )));
        let found: Vec<_> = found.iter().map(|found| found.replace("[2]", "[1]")).collect();
        assert_eq!(found, [told], "{own} {to}");
    }
}

/// What nobody can read may have been the signal that is missed, or the answer to it, unless it was there before.
#[test]
fn what_cannot_be_read_may_have_been_what_is_missed() {
    for (before, after, told) in [
        ("", "1.1 bob reads <iq", "RT-03?"),
        ("0.5 bob reads <iq", "", "RT-03"),
        ("", "1.1 alice reads <iq", "RT-03"),
        ("", "", "RT-03"),
    ] {
        let found = broken(&format!("{before}\n1 alice > bob 1 a\n{after}\n{ON}"));
        assert_eq!(found.len(), 1, "{before}{after}: {found:?}");
        assert!(
            found[0].starts_with(&format!("{told} ")),
            "{before}{after}: {found:?}"
        );
    }
    let answered = |garbled: &str| {
        broken(&format!(
            "1 alice > bob 1 a\n1.1 bob < alice 1 a\n1.1 bob ok alice 1\n{garbled}
             1.3 alice got x.y p\n{ON}"
        ))
    };
    assert_eq!(answered("1.2 bob hears"), ["RT-08 [3, 5]"]);
    assert_eq!(answered("1.2 alice reads <iq"), ["RT-08? [3, 5]"]);
}

/// By two clocks it is not known which of two sessions was answered.
#[test]
fn an_answer_that_differs_may_be_one_to_an_earlier_session() {
    let lines = |again: &str| {
        format!(
            "{again}1 alice > bob 1 a\n1.1 bob < alice 1 a\n1.1 bob ok alice 1
             1.2 alice failed bob 1 item-not-found\n{ON}"
        )
    };
    let again = format!("0.3 alice goes\n0.4 alice comes {A}\n");
    let told = |apart: f64, again: &str| {
        let found = broken_as(Witness::Ends, apart, &lines(again));
        let words: Vec<_> = found.iter().filter_map(|found| found.split(' ').next()).collect();
        words.join(" ")
    };
    assert_eq!(told(0.0, ""), "RT-08");
    assert_eq!(told(0.0, &again), "RT-08");
    assert_eq!(told(1.0, ""), "RT-08");
    assert_eq!(told(1.0, &again), "RT-08?");
}
