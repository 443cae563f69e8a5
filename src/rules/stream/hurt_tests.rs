//! What a server must not feel, and whom the end of a stream is put down to; what counts as kept.

use serde_json::json;

use super::tests::{OPEN, OPENED, bound, events};
use crate::rules::{Verdict, judge};
use crate::transcript::{Event, Header};

/// The moment of all that the line says.
const AT: f64 = 10.0;

fn event(n: u64, t: f64, who: &str, dir: &str, xml: &str) -> Event {
    let event = json!({"n": n, "t": t, "who": who, "dir": dir, "xml": xml});
    serde_json::from_value(event).expect("an event")
}

/// What comes of it when the line says this, logged in, and then that happens.
fn after(said: &[&str], then: &[Event]) -> Verdict {
    let bound = bound("mallory@localhost/x");
    let story = [&["<reached", ">upgrade", "<101", OPEN, OPENED, &bound], said].concat();
    let said = events(&story).into_iter().map(|event| Event { t: AT, ..event });
    let header: Header = serde_json::from_str(
        r#"{"callspec":1,"scenario":{"name":"a"},"cast":{"line":{"jid":"mallory@localhost/x"}}}"#,
    )
    .expect("a header");
    judge(&header, said.chain(then.iter().cloned()))
}

/// The rules on robustness that are broken then.
fn hurt(said: &[&str], then: &[Event]) -> Vec<&'static str> {
    let found = after(said, then).findings.into_iter().map(|found| found.rule.id);
    found.filter(|id| id.starts_with("RB")).collect()
}

fn closed(who: &str, at: f64) -> Event {
    event(20, at, who, "closed", "")
}

/// A message of so many bytes.
fn message(size: usize) -> String {
    let (head, tail) = ("<message xmlns='jabber:client'><body>", "</body></message>");
    format!("{head}{}{tail}", "x".repeat(size - head.len() - tail.len()))
}

#[test]
fn what_hurts_one_stream_is_felt_on_no_other() {
    let bob = [closed("bob", AT + 0.5)];
    for (said, rule) in [
        (">broken<", &["RB-02"][..]),
        ("><iq><a></iq>", &["RB-02"]),
        ("><message><!-- a --></message>", &["RB-01"]),
        ("><a><?b c?></a>", &["RB-01"]),
        ("><message xmlns='jabber:client'><body>1</body></message>", &[]),
        (&format!(">{}", message(200_000)), &[]),
        (&format!(">{}", message(200_001)), &["RB-03"]),
    ] {
        assert_eq!(hurt(&[said], &bob), rule, "{}", &said[..said.len().min(40)]);
    }
    // Two seconds later it has another cause.
    assert_eq!(hurt(&[">broken<"], &[closed("bob", AT + 2.0)]), ["RB-02"]);
    assert_eq!(hurt(&[">broken<"], &[closed("bob", AT + 2.5)]), [""; 0]);
    // Whoever hurts may lose his own stream for it, and after the last step everyone goes.
    assert_eq!(hurt(&[">broken<"], &[closed("line", AT + 0.5)]), [""; 0]);
    let steps = event(19, AT, "", "steps", "");
    assert_eq!(hurt(&[">broken<"], &[steps, closed("bob", AT + 0.5)]), [""; 0]);
    // Behind the end of a stream nobody reads.
    let close = "><close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";
    assert_eq!(hurt(&[close, ">broken<"], &bob), [""; 0]);
}

/// A connection that breaks by itself is no crash: the server had got over it, and served everybody on.
#[test]
fn who_is_served_after_what_hurts_was_refused_is_perhaps_not_hurt_by_it() {
    let refused = "<<stream:error xmlns:stream='http://etherx.jabber.org/streams'><not-well-formed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
    let gets = |who: &str| {
        let chat = "<message xmlns='jabber:client' from='a@x/1'><body>a</body></message>";
        event(19, AT + 0.1, who, "received", chat)
    };
    for (said, then, excused) in [
        (&[">broken<", refused][..], gets("bob"), true),
        (&[">broken<", refused], gets("carol"), false),
        (&[">broken<"], gets("bob"), false),
        (&[refused, ">broken<"], gets("bob"), false),
    ] {
        let findings = after(said, &[then, closed("bob", AT + 0.5)]).findings;
        let found: Vec<_> = findings.iter().filter(|found| found.rule.id == "RB-02").collect();
        assert_eq!(found.len(), 1, "{said:?}");
        assert_eq!(found[0].excuse.is_some(), excused, "{said:?}");
    }
}

/// A server that is being stopped ends the streams of all.
#[test]
fn a_reason_of_its_own_excuses_the_end_of_a_stream() {
    for (condition, excused) in [("system-shutdown", true), ("undefined-condition", false)] {
        let error = format!(
            "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
        );
        let story = [event(19, AT, "bob", "received", &error), closed("bob", AT + 0.5)];
        let findings = after(&[">broken<"], &story).findings;
        let found: Vec<_> = findings.iter().filter(|found| found.rule.id == "RB-02").collect();
        assert_eq!(found.len(), 1, "{condition}");
        assert_eq!(found[0].excuse.is_some(), excused, "{condition}");
    }
}

#[test]
fn a_signal_that_nobody_can_read_may_cost_its_sender_the_stream_and_nobody_a_crash() {
    let deep = "[".repeat(1000);
    let attack = format!(
        "<iq xmlns='jabber:client' type='set' id='a' to='bob@x/1'><call xmlns='urn:xmpp:call:0'>{deep}</call></iq>"
    );
    let sent = event(10, AT, "mallory", "sent", &attack);
    let told = |who: &str, condition: &str| {
        let error = format!(
            "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
        );
        event(11, AT, who, "received", &error)
    };
    let end = |who: &str| closed(who, AT + 0.5);
    for (condition, found) in [
        ("policy-violation", &[][..]),
        ("internal-server-error", &["RB-04"]),
        ("undefined-condition", &["RB-04"]),
    ] {
        let story = [sent.clone(), told("mallory", condition), end("mallory")];
        assert_eq!(hurt(&[], &story), found, "{condition}");
        let other = [sent.clone(), told("bob", condition), end("bob")];
        assert_eq!(hurt(&[], &other), ["RB-04"], "{condition} for another");
    }
    assert_eq!(
        hurt(&[], &[sent.clone(), end("mallory")]),
        ["RB-04"],
        "without a word"
    );
    // What was wanted for its sender is another thing than what was for everybody else.
    for (who, wanted) in [
        ("mallory", "an answer, or a stream error that says what was wrong"),
        ("bob", "the end of nobody's stream but the sender's"),
    ] {
        let findings = after(&[], &[sent.clone(), end(who)]).findings;
        let found = findings.iter().find(|found| found.rule.id == "RB-04");
        assert_eq!(found.map(|found| &*found.wanted), Some(wanted), "{who}");
    }
}

#[test]
fn what_is_broken_below_the_stream_or_behind_its_end_is_no_fault_of_it() {
    let close = "><close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";
    let broken = |said: &[&str]| -> Vec<&'static str> {
        after(said, &[])
            .findings
            .into_iter()
            .map(|found| found.rule.id)
            .collect()
    };
    assert_eq!(broken(&[">binary", close, "<end"]), [""; 0]);
    assert_eq!(broken(&[close, ">broken<", "<close frame", "<end"]), ["TR-05"]);
    // From ten thousand bytes on a WebSocket may have a limit of its own.
    let large = |size: usize| format!(">{}<", "x".repeat(size - 1));
    assert_eq!(broken(&[&large(9_999), "<end"]), ["TR-09"]);
    assert_eq!(broken(&[&large(10_000), "<end"]), [""; 0]);
}

#[test]
fn what_was_not_put_to_the_test_or_was_broken_does_not_count_as_kept() {
    let header: Header = serde_json::from_str(r#"{"callspec":1,"scenario":{"name":"a"}}"#).expect("a header");
    let held = |story: &[Event], id: &str| {
        let verdict = judge(&header, story.iter().cloned());
        verdict.rules.get(id).is_some_and(|tally| tally.held > 0)
    };
    let with_token = events(&["<reached", ">upgrade with a token", "<101"]);
    assert!(held(&with_token, "RB-06"));
    assert!(!held(&events(&["<reached", ">upgrade", "<101"]), "RB-06"));
    let mut leak = event(9, 1.0, "line", "received", "<a xmlns='b'>***</a>");
    leak.secrets = vec!["token".into()];
    assert!(!held(&[with_token, vec![leak]].concat(), "RB-06"));

    let early = "><message xmlns='jabber:client' to='bob@localhost' id='early'><body>x</body></message>";
    let other = "><message xmlns='jabber:client' to='bob@localhost' id='other'><body>x</body></message>";
    let bound = bound("mallory@localhost/x");
    // Of two that were early one is said again after the login: the other must not arrive all the same.
    let story = events(&["<reached", ">upgrade", "<101", early, other, &bound, early]);
    let got = |id: &str| {
        let xml =
            format!("<message xmlns='jabber:client' id='{id}' from='x@localhost/y'><body>x</body></message>");
        event(20, 1.0, "callee", "received", &xml)
    };
    assert!(held(&story, "AU-06"));
    assert!(held(&[story.clone(), vec![got("early")]].concat(), "AU-06"));
    let found = [story, vec![got("other")]].concat();
    assert!(!held(&found, "AU-06"));
    assert_eq!(judge(&header, found.into_iter()).findings[0].rule.id, "AU-06");
}

/// Who says that sound XML is none has not read it.
#[test]
fn what_is_well_formed_has_to_be_read() {
    const ERROR: &str = "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><CONDITION xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
    let chat = |text: &str| format!("<message xmlns='jabber:client'><body>{text}</body></message>");
    let around = chat("").len();
    let long = |bytes: usize| chat(&format!("{}é", "x".repeat(bytes - around - 2)));
    // Of its tags four are the message's and the body's.
    let tags = |tags: usize| chat(&"<a/>".repeat(tags - 4));
    for (said, condition, broken) in [
        (&[chat("a \u{fffd} b")][..], "not-well-formed", true),
        (&[chat("é"), chat("a")], "not-well-formed", true),
        (&[chat("é"), chat("<a x='1'/>")], "not-well-formed", true),
        // It may not have been the character.
        (&[chat("a")], "not-well-formed", false),
        (&[chat("é"), chat("<a>")], "not-well-formed", false),
        (&[chat("é"), chat("<!-- a -->")], "not-well-formed", false),
        (
            &[chat("é"), format!("{0}{0}", chat("a"))],
            "not-well-formed",
            false,
        ),
        (&[long(9_999)], "not-well-formed", true),
        (&[long(10_000)], "not-well-formed", false),
        (&[chat("é"), tags(99)], "not-well-formed", true),
        (&[chat("é"), tags(100)], "not-well-formed", false),
        (&[chat("é")], "policy-violation", false),
    ] {
        let sent = said.iter().map(|text| event(19, AT, "bob", "sent", text));
        let error = event(20, AT, "bob", "received", &ERROR.replace("CONDITION", condition));
        let story: Vec<_> = sent.chain([error]).collect();
        let found = after(&[], &story)
            .findings
            .iter()
            .any(|found| found.rule.id == "RT-14");
        assert_eq!(found, broken, "{said:?} {condition}");
    }
    // What can be read is counted as that.
    let chatted = after(&[], &[event(19, AT, "bob", "received", &chat("a"))]);
    assert_eq!(chatted.rules.get("TR-10").map(|tally| tally.held), Some(1));
    // A new connection begins anew.
    let error = ERROR.replace("CONDITION", "not-well-formed");
    let story = [
        event(18, AT, "bob", "sent", &chat("é")),
        event(19, AT, "bob", "connected", ""),
        event(20, AT, "bob", "received", &error),
    ];
    assert!(after(&[], &story).findings.is_empty());
}
