//! What excuses a server between observed parties, and what does not: who cannot read, who leaves, whose run is in trouble.

use super::tests::{A, B, Script, set};
use crate::profile::Profile;

const C: &str = "carol@x/3";
const NONE: [&str; 0] = [];

fn with_carol() -> Script {
    let mut script = Script::new();
    script.line("carol", "connected", C);
    script
}

fn refused(from: &str, condition: &str) -> String {
    format!(
        "<iq type='error' id='1' from='{from}' to='{A}'><error type='cancel'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    )
}

#[test]
fn what_nobody_can_read_excuses_only_what_was_on_its_way_there() {
    // Neither at somebody else's nor at its sender's was it the signal.
    for who in ["carol", "alice"] {
        let mut script = with_carol();
        script.sends("1", B).line(who, "received", "585 bytes");
        assert_eq!(script.broken(), ["RT-03"], "{who}");
    }
    // Nor was it the answer at anybody's but the asker's.
    for (who, broken) in [("carol", &["RT-08"][..]), ("alice", &NONE)] {
        let mut script = with_carol();
        script
            .sends("1", B)
            .gets("1")
            .line("bob", "sent", &format!("<iq type='result' id='1' to='{A}'/>"))
            .line(who, "received", "585 bytes");
        assert_eq!(script.broken(), broken, "{who}");
    }
}

#[test]
fn what_is_no_request_as_it_has_to_be_may_get_lost() {
    let call = "<call xmlns='urn:xmpp:call:0'>a</call>";
    for (id, inside, broken) in [
        (" id='1'", call.to_owned(), &["RT-03"][..]),
        (" id='1'", call.repeat(2), &NONE),
        ("", call.to_owned(), &NONE),
    ] {
        let mut script = Script::new();
        script.line(
            "alice",
            "sent",
            &format!("<iq type='set' to='{B}'{id}>{inside}</iq>"),
        );
        assert_eq!(script.broken(), broken, "{id} {inside}");
    }
}

/// What is no breach of a relay's rules it has to carry; who judges signals may drop what breaks theirs.
#[test]
fn what_breaks_a_rule_on_purpose_may_get_lost_where_the_server_may_see_it() {
    for (profile, rule, broken) in [
        ("relay", "SG-05", &["RT-03"][..]),
        ("relay", "IQ-02", &NONE),
        ("enforcing", "SG-05", &NONE),
    ] {
        let mut script = Script::new();
        let breaks =
            serde_json::json!({"n": 3, "t": 0.025, "who": "alice", "dir": "breaks", "rules": [rule]});
        script
            .events
            .push(serde_json::from_value(breaks).expect("an event"));
        assert_eq!(
            script.sends("1", B).broken_on(profile),
            broken,
            "{profile} {rule}"
        );
    }
}

#[test]
fn for_whoever_is_leaving_the_server_may_answer() {
    for (leaves, broken) in [(false, &["RT-03"][..]), (true, &NONE)] {
        let mut script = Script::new();
        if leaves {
            script.line("bob", "leaving", "");
        }
        script
            .sends("1", B)
            .line("alice", "received", &refused(B, "service-unavailable"));
        assert_eq!(script.broken(), broken, "leaves: {leaves}");
    }
}

/// What has brought one connection to silence may have done so to others, and what was sent shortly before is waited for by
/// nobody.
#[test]
fn in_trouble_only_what_was_long_lost_between_two_who_heard_on_is_told() {
    let lost = |hears: &[&str], trouble: f64| {
        let mut script = with_carol();
        script.sends("1", B).at(10.0);
        for who in hears {
            script.line(who, "received", "<presence/>").at(12.0);
        }
        script.line("carol", "trouble", "").at(trouble);
        let verdict = script.verdict(Profile::default());
        let found = verdict.findings.iter();
        found.map(|found| found.rule.id).collect::<Vec<_>>()
    };
    assert_eq!(lost(&["alice", "bob"], 40.0), ["RT-03"]);
    assert_eq!(lost(&["alice", "bob"], 39.75), NONE);
    assert_eq!(lost(&["alice"], 50.0), NONE);
    assert_eq!(lost(&["bob"], 50.0), NONE);
}

/// Its sender has broken a rule, and the server none.
#[test]
fn whoever_asks_two_under_one_id_is_answered_by_both() {
    let got = |to: &str| set(Some(A), to, "1", "a&lt;é");
    let answer = |who: &str| format!("<iq type='result' id='1' from='{who}' to='{A}'/>");
    let mut script = with_carol();
    script
        .sends("1", B)
        .sends("1", C)
        .line("bob", "received", &got(B))
        .line("carol", "received", &got(C))
        .line("bob", "sent", &answer(B))
        .line("carol", "sent", &answer(C))
        .line("alice", "received", &answer(B))
        .line("alice", "received", &answer(C));
    assert_eq!(script.broken(), NONE);
}

#[test]
fn what_somebody_unseen_sends_may_have_an_id_and_a_text_in_common() {
    let mut script = with_carol();
    script
        .line("carol", "sent", &set(None, A, "1", "a"))
        .line("alice", "received", &set(Some(C), A, "1", "a"))
        .line("bob", "received", &set(Some("dave@x/4"), B, "1", "a"));
    script
        .line("alice", "sent", &format!("<iq type='result' id='1' to='{C}'/>"))
        .line(
            "carol",
            "received",
            &format!("<iq type='result' id='1' from='{A}' to='{C}'/>"),
        );
    assert_eq!(script.broken(), NONE);
    // A question that carries no call is the server's own affair, whomever it is addressed to.
    let ping = "<iq type='get' id='p' from='x' to='erin@x/5'><ping xmlns='urn:xmpp:ping'/></iq>";
    assert_eq!(Script::new().line("bob", "received", ping).broken(), NONE);
}

#[test]
fn a_signal_is_made_of_no_question() {
    let ping = format!("<iq type='get' id='5' to='{B}'><ping xmlns='urn:xmpp:ping'/></iq>");
    let mut script = Script::new();
    script.line("alice", "sent", &ping);
    script.line("bob", "received", &set(Some(A), B, "9", ""));
    // One was lost, and one made up.
    assert_eq!(script.broken(), ["RT-03", "RT-03"]);
}

#[test]
fn line_ends_may_change_by_a_rule_of_their_own() {
    let mut script = Script::new();
    script
        .line("alice", "sent", &set(None, B, "1", "a&#13;b"))
        .line("bob", "received", &set(Some(A), B, "1", "a&#10;b"))
        .answers("1");
    assert_eq!(script.broken(), ["RT-15"]);
}

#[test]
fn the_form_of_an_addressees_error_is_no_merit_of_the_servers() {
    let own = refused(B, "forbidden");
    let mut script = Script::new();
    script
        .sends("1", B)
        .gets("1")
        .line("bob", "sent", &own.replace(&format!(" from='{B}'"), ""))
        .line("alice", "received", &own);
    let verdict = script.verdict(Profile::default());
    assert!(verdict.findings.is_empty(), "{:?}", verdict.findings);
    assert_eq!(verdict.rules.get("IQ-09").map_or(0, |tally| tally.held), 0);
}
