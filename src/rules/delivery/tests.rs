//! Each rule with a transcript that keeps it and one that breaks it.

use super::Delivery;
use crate::profile::Profile;
use crate::rules::{Judge, Outcome, Verdict};
use crate::transcript::{Event, Header};

/// The delivery rules alone: the texts of these tests are no signals.
pub(super) fn judge(header: &Header, events: impl Iterator<Item = Event>) -> Verdict {
    let mut judge = Judge::with(vec![Box::new(Delivery::new(header))]);
    events.for_each(|event| judge.event(&event));
    judge.finish()
}

pub(super) const A: &str = "alice@x/1";
pub(super) const B: &str = "bob@x/2";

pub(super) struct Script {
    pub events: Vec<Event>,
}

impl Script {
    pub fn new() -> Script {
        let mut script = Script { events: Vec::new() };
        script.line("alice", "connected", A).line("bob", "connected", B);
        script
    }

    pub fn line(&mut self, who: &str, dir: &str, text: &str) -> &mut Script {
        let n = self.events.len() as u64 + 1;
        let key = if dir == "connected" { "jid" } else { "xml" };
        let value = serde_json::json!({"n": n, "t": n as f64 / 100.0, "who": who, "dir": dir, key: text});
        self.events.push(serde_json::from_value(value).expect("an event"));
        self
    }

    /// When the last of them happened, in seconds.
    pub fn at(&mut self, t: f64) -> &mut Script {
        if let Some(event) = self.events.last_mut() {
            event.t = t;
        }
        self
    }

    pub fn sends(&mut self, id: &str, to: &str) -> &mut Script {
        self.line("alice", "sent", &set(None, to, id, "a&lt;é"))
    }

    pub fn gets(&mut self, id: &str) -> &mut Script {
        self.line("bob", "received", &set(Some(A), B, id, "a&lt;é"))
    }

    pub fn answers(&mut self, id: &str) -> &mut Script {
        self.line("bob", "sent", &format!("<iq type='result' id='{id}' to='{A}'/>"))
            .back(id)
    }

    fn back(&mut self, id: &str) -> &mut Script {
        self.line(
            "alice",
            "received",
            &format!("<iq type='result' id='{id}' from='{B}' to='{A}'/>"),
        )
    }

    pub fn broken(&mut self) -> Vec<&'static str> {
        self.broken_on("relay")
    }

    pub fn broken_on(&mut self, profile: &str) -> Vec<&'static str> {
        let profile = Profile::named(profile).expect("a profile");
        let verdict = self.verdict(profile);
        assert_eq!(verdict.outcome == Outcome::Passed, verdict.findings.is_empty());
        verdict.findings.iter().map(|finding| finding.rule.id).collect()
    }

    pub fn verdict(&mut self, profile: Profile) -> Verdict {
        self.line("", "end", "");
        let mut header: Header = serde_json::from_str(
            r#"{"callspec":1,"scenario":{},"cast":{"alice":{"jid":"alice@x/1","party":"bot"},"bob":{"jid":"bob@x/2","party":"bot"}}}"#,
        )
        .expect("a header");
        header.profile = profile;
        judge(&header, self.events.drain(..))
    }
}

pub(super) fn set(from: Option<&str>, to: &str, id: &str, text: &str) -> String {
    let from = from.map(|from| format!("from='{from}' ")).unwrap_or_default();
    format!("<iq type='set' {from}to='{to}' id='{id}'><call xmlns='urn:xmpp:call:0'>{text}</call></iq>")
}

#[test]
fn a_kept_exchange_has_no_findings() {
    let none: [&str; 0] = [];
    assert_eq!(Script::new().sends("1", B).gets("1").answers("1").broken(), none);
}

#[test]
fn loss_and_copies() {
    assert_eq!(Script::new().sends("1", B).broken(), ["RT-03"]);
    assert_eq!(
        Script::new()
            .sends("1", B)
            .gets("1")
            .answers("1")
            .gets("1")
            .broken(),
        ["RT-03"]
    );
    assert_eq!(Script::new().gets("9").broken(), ["RT-03"]);
}

#[test]
fn order() {
    let mut script = Script::new();
    script
        .sends("1", B)
        .sends("2", B)
        .gets("2")
        .gets("1")
        .answers("1")
        .answers("2");
    assert_eq!(script.broken(), ["RT-04"]);
    // An answer has its place in the order too (RFC 6120 §10.1).
    let answer = format!("<iq type='result' id='1' to='{A}'/>");
    for (overtaken, broken) in [(false, vec![]), (true, vec!["RT-04"])] {
        let mut script = Script::new();
        script.sends("1", B).gets("1").line("bob", "sent", &answer);
        script.line("bob", "sent", &set(None, A, "2", "b"));
        if !overtaken {
            script.back("1");
        }
        script.line("alice", "received", &set(Some(B), A, "2", "b"));
        if overtaken {
            script.back("1");
        }
        script.line("alice", "sent", &format!("<iq type='result' id='2' to='{B}'/>"));
        script.line(
            "bob",
            "received",
            &format!("<iq type='result' id='2' from='{A}' to='{B}'/>"),
        );
        assert_eq!(script.broken(), broken);
    }
}

/// Who judges signals may answer them before the addressee does, and needs no word of his for it.
#[test]
fn an_answer_of_the_servers_own() {
    let refused = format!(
        "<iq type='error' id='1' to='{A}'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    );
    let answered = format!("<iq type='result' id='1' to='{A}'/>");
    let chat = |from: &str, to: &str| {
        format!("<message type='chat' id='c'{from} to='{to}'><body>hi</body></message>")
    };
    for (profile, otherwise, late) in [("relay", &["RT-08"][..], &["RT-04"][..]), ("enforcing", &[], &[])] {
        let mut script = Script::new();
        script
            .sends("1", B)
            .gets("1")
            .line("bob", "sent", &refused)
            .back("1");
        assert_eq!(script.broken_on(profile), otherwise, "{profile}");

        let mut script = Script::new();
        script.sends("1", B).gets("1").line("bob", "sent", &answered);
        script.line("bob", "sent", &chat("", A));
        script
            .line("alice", "received", &chat(&format!(" from='{B}'"), A))
            .back("1");
        assert_eq!(script.broken_on(profile), late, "{profile}");
    }
}

/// A server that ends a session answers for it before its party has read of the end, also what the party has answered.
#[test]
fn a_session_that_is_being_ended_is_answered_for() {
    let bounced = format!(
        "<iq type='error' id='1' from='{B}' to='{A}'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    );
    let error = "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
    for (answers, broken) in [(false, "RT-03"), (true, "RT-08")] {
        for ends in [None, Some(("received", error)), Some(("closed", ""))] {
            let mut script = Script::new();
            script.sends("1", B);
            if answers {
                script
                    .gets("1")
                    .line("bob", "sent", &format!("<iq type='result' id='1' to='{A}'/>"));
            }
            script.line("alice", "received", &bounced).line("", "steps", "");
            if let Some((dir, text)) = ends {
                script.line("bob", dir, text);
            }
            let wanted: &[&str] = if ends.is_some() { &[] } else { &[broken] };
            assert_eq!(script.broken(), wanted, "{answers} {ends:?}");
        }
    }
}

/// A `get` in the call namespace is a client's breach, and an IQ that a relay has to carry all the same.
#[test]
fn a_get_that_never_arrives_is_lost_like_any_other() {
    let get = format!("<iq type='get' id='1' to='{B}'><call xmlns='urn:xmpp:call:0'/></iq>");
    let breaks =
        serde_json::json!({"n": 3, "t": 0.025, "who": "alice", "dir": "breaks", "rules": ["IQ-03", "IQ-04"]});
    let mut script = Script::new();
    script
        .events
        .push(serde_json::from_value(breaks).expect("an event"));
    script.line("alice", "sent", &get);
    assert_eq!(script.broken(), ["RT-03"]);
}

#[test]
fn changed_text_id_and_sender() {
    let change = |xml: String| {
        let mut script = Script::new();
        script.sends("1", B).line("bob", "received", &xml).answers("1");
        script.broken()
    };
    assert_eq!(change(set(Some(A), B, "1", "b")), ["RT-05"]);
    assert_eq!(change(set(Some(A), B, "1", "a&lt;?")), ["RT-14"]);
    assert_eq!(change(set(Some("alice@x"), B, "1", "a&lt;é")), ["RT-01"]);
    assert_eq!(change(set(Some(A), B, "7", "a&lt;é")), ["RT-05"]);
}

#[test]
fn changed_address_type_and_children() {
    let change = |sent: &str, from: &str, to: &str| {
        let mut script = Script::new();
        let got = set(Some(A), sent, "1", "a&lt;é").replace(from, to);
        script.sends("1", sent).line("bob", "received", &got).answers("1");
        script.broken()
    };
    let none: [&str; 0] = [];
    assert_eq!(change(B, "?", "!"), none);
    assert_eq!(change(B, &format!("to='{B}'"), "to='bob@x'"), ["RT-05"]);
    assert_eq!(change(B, "type='set'", "type='get'"), ["RT-05"]);
    assert_eq!(
        change(B, "</iq>", "<trace xmlns='urn:example:trace'/></iq>"),
        ["RT-05"]
    );
    assert_eq!(
        change(B, "</call>", "<trace xmlns='urn:example:trace'/></call>"),
        ["RT-05"]
    );
    // Another prefix and a language are no change.
    let prefixed = (
        "<call xmlns='urn:xmpp:call:0'>",
        "<c:call xmlns:c='urn:xmpp:call:0'>",
    );
    let mut script = Script::new();
    let got = set(Some(A), B, "1", "a&lt;é")
        .replace(prefixed.0, prefixed.1)
        .replace("</call>", "</c:call>")
        .replace("<iq ", "<iq xml:lang='en' ");
    script.sends("1", B).line("bob", "received", &got).answers("1");
    assert_eq!(script.broken(), none);
}

/// How it stands on its stream is another rule's.
#[test]
fn what_arrives_unreadable_is_not_lost() {
    for (from, to, broken) in [
        ("<call ", "<!-- a --><call ", &[][..]),
        ("</call>", "", &[]),
        // Somebody else's.
        ("id='1'", "id='2'", &["RT-03"]),
    ] {
        let mut script = Script::new();
        let got = set(Some(A), B, "1", "a").replace("</iq>", "<<").replace(from, to);
        script.sends("1", B).line("bob", "received", &got);
        assert_eq!(script.broken(), broken, "{got}");
    }
    // A binary frame.
    let mut script = Script::new();
    script.sends("1", B).line("bob", "received", "585 bytes");
    assert_eq!(script.broken(), [""; 0]);
    let mut script = Script::new();
    script.line("bob", "received", "585 bytes").sends("1", B);
    assert_eq!(script.broken(), ["RT-03"]);
    // Two stanzas in one message: of the second nobody knows more than that it came.
    let (signal, chat) = (set(Some(A), B, "1", "a&lt;é"), set(Some(A), B, "2", "b&lt;"));
    let mut script = Script::new();
    script
        .sends("1", B)
        .line("alice", "sent", &set(None, B, "2", "b&lt;"))
        .line("bob", "received", &format!("{signal}{chat}"))
        .answers("1");
    assert_eq!(script.broken(), [""; 0]);
    let mut script = Script::new();
    let result = |id: &str| format!("<iq type='result' id='{id}' from='{B}' to='{A}'/>");
    script.sends("1", B).gets("1");
    script
        .sends("2", B)
        .gets("2")
        .line("bob", "sent", &result("1").replace(&format!("from='{B}' "), ""))
        .line("bob", "sent", &result("2").replace(&format!("from='{B}' "), ""))
        .line("alice", "received", &format!("{}{}", result("1"), result("2")));
    assert_eq!(script.broken(), [""; 0]);
    // The server's own answer.
    for (id, broken) in [("ask", &[][..]), ("other", &["IQ-01"])] {
        let mut script = Script::new();
        let ping = "<iq type='get' id='ask' to='x'><ping xmlns='urn:xmpp:ping'/></iq>";
        let pong = format!("<iq type='result' id='{id}' from='x' to='{B}'/>");
        script
            .line("bob", "sent", ping)
            .sends("1", B)
            .line(
                "bob",
                "received",
                &format!("{}{pong}", set(Some(A), B, "1", "a&lt;é")),
            )
            .answers("1");
        assert_eq!(script.broken(), broken, "{id}");
    }
    // What stands in a stanza as a text has not come for that.
    let mut script = Script::new();
    script.sends("1", B).sends("2", B).line(
        "bob",
        "received",
        &set(Some(A), B, "1", "a&lt;é").replace("</iq>", "<x a='2'/></iq>"),
    );
    assert!(script.broken().contains(&"RT-03"));
}

#[test]
fn answers() {
    assert_eq!(
        Script::new()
            .sends("1", B)
            .gets("1")
            .answers("1")
            .back("1")
            .broken(),
        ["IQ-01"]
    );
    assert_eq!(
        Script::new().sends("1", B).gets("1").back("1").broken(),
        ["RT-08"]
    );
    // Who has validated what it carries may drop an answer that is none.
    for (inside, dropped) in [
        ("type='result'/>", &["RT-08"][..]),
        ("type='result'><a xmlns='u:a'/><b xmlns='u:b'/></iq>", &[]),
        ("type='error'><error type='modify'/></iq>", &[]),
    ] {
        let mut script = Script::new();
        let answer = format!("<iq id='1' to='{A}' {inside}");
        script.sends("1", B).gets("1").line("bob", "sent", &answer);
        assert_eq!(script.broken(), dropped, "{answer}");
    }
}

#[test]
fn answers_of_the_wrong_form_from_the_wrong_place_or_to_somebody_else() {
    let none: [&str; 0] = [];
    let said = |who: &str, dir: &str, xml: String| (who.to_owned(), dir.to_owned(), xml);
    let answered = |lines: &[(String, String, String)]| {
        let mut script = Script::new();
        script.line("carol", "connected", "carol@x/3");
        script.sends("1", B).gets("1");
        for (who, dir, xml) in lines {
            script.line(who, dir, xml);
        }
        script.broken()
    };
    let error = |inside: &str| format!("type='error'>{inside}</iq>");
    let condition = |name: &str| {
        error(&format!(
            "<error type='cancel'><{name} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
        ))
    };
    let given = |how: &str| said("bob", "sent", format!("<iq id='1' to='{A}' {how}"));
    let got =
        |who: &str, from: &str, how: &str| said(who, "received", format!("<iq id='1' from='{from}' {how}"));
    let refused = condition("forbidden");
    assert_eq!(answered(&[given(&refused), got("alice", B, &refused)]), none);
    // It is another by the time that it is back, or comes from another address.
    assert_eq!(
        answered(&[given(&refused), got("alice", B, "type='result'/>")]),
        ["RT-08"]
    );
    assert_eq!(
        answered(&[given(&refused), got("alice", B, &condition("conflict"))]),
        ["RT-08"]
    );
    let to_try_again = refused.replace("cancel", "wait");
    assert_eq!(
        answered(&[given(&refused), got("alice", B, &to_try_again)]),
        ["RT-08"]
    );
    let filled = "type='result'><trace xmlns='urn:example:trace'/></iq>";
    assert_eq!(
        answered(&[given("type='result'/>"), got("alice", B, filled)]),
        ["RT-08"]
    );
    assert_eq!(answered(&[given(filled), got("alice", B, filled)]), none);
    assert_eq!(
        answered(&[given(&refused), got("alice", "bob@x", &refused)]),
        ["IQ-01"]
    );
    // Whoever has not asked has no use for it.
    assert!(answered(&[given(&refused), got("carol", B, &refused)]).contains(&"RT-06"));
    // The server's own has the form of an error (RFC 6120 §8.3.1); an addressee's is its own affair.
    let own = |how: &str| {
        let mut script = Script::new();
        let how = format!("<iq id='1' from='zoe@x/1' {how}");
        script.sends("1", "zoe@x/1").line("alice", "received", &how);
        script.broken()
    };
    assert_eq!(own(&condition("service-unavailable")), none);
    assert_eq!(own(&condition("item-not-found")), none);
    assert_eq!(own(&condition("forbidden")), ["RT-07"]);
    assert!(own(&error("<error type='cancel'/>")).contains(&"IQ-09"));
    let formless = error("<error/>");
    assert_eq!(answered(&[given(&formless), got("alice", B, &formless)]), none);
}

#[test]
fn what_the_server_answers_itself_breaks_the_rule_of_who_is_there() {
    let own = |script: &mut Script, to: &str, condition: &str| {
        let error = format!(
            "<iq type='error' id='1' from='{to}'><error type='cancel'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        );
        script.line("alice", "received", &error).broken()
    };
    let large = set(None, B, "1", &"x".repeat(12_000));
    let none: [&str; 0] = [];
    // Bob is there.
    assert_eq!(own(Script::new().sends("1", B), B, "forbidden"), ["RT-03"]);
    assert_eq!(
        own(Script::new().sends("1", B).gets("1"), B, "forbidden"),
        ["RT-08"]
    );
    assert_eq!(own(Script::new().sends("1", B), B, "policy-violation"), ["RT-11"]);
    assert_eq!(
        own(Script::new().line("alice", "sent", &large), B, "policy-violation"),
        none
    );
    assert_eq!(
        own(Script::new().line("alice", "sent", &large), B, "forbidden"),
        ["RT-03"]
    );
    // He has gone, or is asked for without a resource.
    let mut gone = Script::new();
    gone.line("bob", "cut", "").sends("1", B);
    assert_eq!(own(&mut gone, B, "forbidden"), ["RT-09"]);
    assert_eq!(
        own(Script::new().sends("1", "bob@x"), "bob@x", "forbidden"),
        ["RT-10"]
    );
}

#[test]
fn a_stream_ends_on_no_stanza_that_has_to_be_carried() {
    let ended_after = |bytes: usize, condition: &str, over: &str| {
        let mut script = Script::new();
        script.line("alice", "sent", &set(None, B, "1", &"x".repeat(bytes)));
        let error = format!(
            "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
        );
        script
            .line("alice", "received", &error)
            .line("", over, "")
            .line("alice", "closed", "");
        script.broken().contains(&"RT-11")
    };
    let ended = |bytes: usize, condition: &str| ended_after(bytes, condition, "met");
    assert!(ended(5_000, "policy-violation"));
    // Nor on the last of a scenario's.
    assert!(ended_after(5_000, "policy-violation", "steps"));
    assert!(!ended(5_000, "conflict"));
    // What is larger may be limited, and what is small ended the stream for another reason.
    assert!(!ended(12_000, "policy-violation"));
    assert!(!ended(1_000, "policy-violation"));
}

#[test]
fn nobody_there() {
    assert_eq!(Script::new().sends("1", "zoe@x/1").broken(), ["RT-07"]);
    assert_eq!(Script::new().sends("1", "bob@x").broken(), ["RT-10"]);
    assert_eq!(
        Script::new().line("bob", "cut", "").sends("1", B).broken(),
        ["RT-09"]
    );
    let swallowed = |after: f64| {
        let mut script = Script::new();
        script.line("bob", "cut", "").sends("1", B).line("", "end", "");
        script.events[2].t = script.events[1].t;
        for event in script.events.iter_mut().skip(3) {
            event.t += after;
        }
        let header = serde_json::from_str(r#"{"callspec":1,"scenario":{}}"#).expect("a header");
        judge(&header, script.events.drain(..)).outcome
    };
    assert_eq!(swallowed(0.1), Outcome::Inconclusive);
    assert_eq!(swallowed(1.1), Outcome::Failed);
    let none: [&str; 0] = [];
    assert_eq!(Script::new().sends("1", B).line("bob", "cut", "").broken(), none);
}

#[test]
fn a_forged_sender_is_delivered() {
    let forged = set(Some("eve@x/1"), B, "1", "a");
    let mut script = Script::new();
    script
        .line("alice", "sent", &forged)
        .line("bob", "received", &forged);
    assert_eq!(script.broken(), ["RT-02"]);
    let none: [&str; 0] = [];
    assert_eq!(Script::new().line("alice", "sent", &forged).broken(), none);
}

#[test]
fn another_resource_and_another_call() {
    const C: &str = "carol@x/3";
    let call = |id: &str| format!(r#"{{"callId":"{id}"}}"#);
    let mut script = Script::new();
    script
        .line("carol", "connected", C)
        .line("alice", "sent", &set(None, B, "1", &call("p")));
    script
        .line("bob", "received", &set(Some(A), B, "1", &call("p")))
        .answers("1");
    script.line("carol", "received", &set(Some(A), B, "1", &call("p")));
    assert_eq!(script.broken(), ["RT-06"]);
    let mut script = Script::new();
    script
        .line("carol", "connected", C)
        .line("carol", "sent", &set(None, A, "5", &call("q")));
    script.line("alice", "received", &set(Some(C), A, "5", &call("q")));
    script.line("alice", "sent", &set(None, B, "1", &call("p")));
    script
        .line("bob", "received", &set(Some(A), B, "1", &call("p")))
        .answers("1");
    script.line("carol", "received", &set(Some(A), B, "1", &call("p")));
    assert_eq!(script.broken(), ["RT-12"]);
}

/// A server that gives each signal an id of its own may lead it astray, or deliver it twice, all the same.
#[test]
fn another_id_hides_nothing() {
    let signal = |kind: &str| format!(r#"{{"type":"call:{kind}","callId":"p"}}"#);
    for (kind, who, to, relay, enforcing) in [
        ("offer", "bob2", "bob@x/2b", &["RT-06"][..], &["RT-06"][..]),
        ("initiate", "bob2", "bob@x/2b", &["RT-06"], &[]),
        ("initiate", "carol", "carol@x/3", &["RT-06"], &["RT-06"]),
        ("offer", "bob", B, &["RT-03"], &["RT-03"]),
    ] {
        for (profile, broken) in [("relay", relay), ("enforcing", enforcing)] {
            let mut script = Script::new();
            if who != "bob" {
                script.line(who, "connected", to);
            }
            script
                .line("alice", "sent", &set(None, B, "1", &signal(kind)))
                .line("bob", "received", &set(Some(A), B, "1", &signal(kind)))
                .answers("1")
                .line(who, "received", &set(Some(A), to, "s1", &signal(kind)));
            assert_eq!(script.broken_on(profile), broken, "{kind} {who} {profile}");
        }
    }
}

/// Others use the server too, unseen here: what is addressed to them is theirs.
#[test]
fn what_is_addressed_to_somebody_unseen() {
    const D: &str = "dave@x/4";
    let call = r#"{"callId":"p"}"#;
    for (to, relay, enforcing) in [
        ("erin@x/5", &["RT-06"][..], &["RT-06"][..]),
        ("bob@x/9", &["RT-06"], &[]),
        ("bob@x", &[], &[]),
        (B, &[], &[]),
    ] {
        for (profile, broken) in [("relay", relay), ("enforcing", enforcing)] {
            let mut script = Script::new();
            script.line("bob", "received", &set(Some(D), to, "1", call));
            assert_eq!(script.broken_on(profile), broken, "{to} {profile}");
        }
    }
    for (to, broken) in [("erin@x", &["RT-06"][..]), ("bob@x/9", &[]), ("bob@x", &[])] {
        let mut script = Script::new();
        let chat = format!("<message from='{D}' to='{to}'><body>hi</body></message>");
        script.line("bob", "received", &chat);
        assert_eq!(script.broken(), broken, "{to}");
    }
}

#[test]
fn chat_and_archives() {
    let chat =
        |n: u8| format!("<message from='{A}' to='{B}' type='chat' id='m{n}'><body>{n}</body></message>");
    let none: [&str; 0] = [];
    let mut script = Script::new();
    script
        .line("alice", "sent", &chat(1))
        .line("bob", "received", &chat(1));
    assert_eq!(script.broken(), none);
    assert_eq!(Script::new().line("alice", "sent", &chat(1)).broken(), ["CH-01"]);
    let mut script = Script::new();
    script
        .line("alice", "sent", &chat(1))
        .line("alice", "sent", &chat(2));
    script
        .line("bob", "received", &chat(2))
        .line("bob", "received", &chat(1));
    assert_eq!(script.broken(), ["CH-01"]);
    let mut script = Script::new();
    script.line("alice", "sent", &chat(1));
    script.line("bob", "received", &chat(1).replace("<body>1", "<body>2"));
    assert_eq!(script.broken(), ["CH-01"]);
    let copy = "<message from='bob@x'><sent xmlns='urn:xmpp:carbons:2'><call xmlns='urn:xmpp:call:0'/></sent></message>";
    assert_eq!(Script::new().line("bob", "received", copy).broken(), ["CH-03"]);
    // However the copy is written: a prefix may stand for two things, one in the other.
    let copy = "<message from='bob@x'><c:sent xmlns:c='urn:xmpp:carbons:2'><c:call xmlns:c='urn:xmpp:call:0'/></c:sent></message>";
    assert_eq!(Script::new().line("bob", "received", copy).broken(), ["CH-03"]);
    // Of messages copies are made, whatever they carry.
    let forwarded = |stanza: &str| {
        format!(
            "<message from='bob@x'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><{stanza} xmlns='jabber:client'><call xmlns='urn:xmpp:call:0'/></{stanza}></forwarded></sent></message>"
        )
    };
    for (stanza, rules) in [("iq", &["CH-03"][..]), ("message", &[])] {
        assert_eq!(
            Script::new().line("bob", "received", &forwarded(stanza)).broken(),
            rules
        );
    }
}

#[test]
fn a_slow_relay_warns_unless_this_process_was_stalled() {
    let slow = |stalled: bool| {
        let mut script = Script::new();
        script.sends("1", B).gets("1").answers("1");
        for event in script.events.iter_mut().skip(3) {
            event.t += 2.0;
        }
        if stalled {
            script.line("", "stalled", "");
            if let Some(event) = script.events.last_mut() {
                (event.t, event.seconds) = (2.1, Some(2.0));
            }
        }
        let header = serde_json::from_str(r#"{"callspec":1,"scenario":{}}"#).expect("a header");
        let verdict = judge(&header, script.events.drain(..));
        assert_eq!(verdict.findings.len(), 1);
        assert_eq!(verdict.findings[0].rule.id, "RT-13");
        verdict.outcome
    };
    assert_eq!(slow(false), Outcome::Warned);
    assert_eq!(slow(true), Outcome::Passed);
}

#[test]
fn a_missed_step_counts_once_and_a_cut_off_transcript_loses_nothing() {
    let mut script = Script::new();
    assert_eq!(script.line("bob", "missed", "").broken(), ["SC-01"]);
    let mut script = Script::new();
    assert_eq!(script.sends("1", B).line("bob", "missed", "").broken(), ["RT-03"]);
    // How a signal arrives cannot be said of one that never came; whether it has to come is another matter.
    for (rule, broken) in [("RT-14", &["RT-03"][..]), ("RT-11", &["RT-03", "RT-11"])] {
        let mut script = Script::new();
        script.sends("1", B).line("bob", "missed", "");
        if let Some(missed) = script.events.last_mut() {
            missed.rules = vec![rule.to_owned()];
        }
        assert_eq!(script.broken(), broken);
    }
    let mut script = Script::new();
    script.sends("1", B);
    let header = serde_json::from_str(r#"{"callspec":1,"scenario":{}}"#).expect("a header");
    assert!(judge(&header, script.events.drain(..)).findings.is_empty());
}

/// The steps are done, and alice asks the server something.
fn asks_after_the_steps() -> Script {
    let ping = "<iq type='get' to='x' id='q'><ping xmlns='urn:xmpp:ping'/></iq>";
    let mut script = Script::new();
    script.line("", "steps", "");
    script.line("alice", "sent", ping);
    script
}

/// The run ends there, and nobody waits for what is under way.
#[test]
fn what_was_asked_just_before_the_trouble_is_not_lost() {
    let asked = |at: f64, goes_on: bool| {
        let mut script = asks_after_the_steps();
        if goes_on {
            script.line("alice", "received", "<presence from='bob@x/2'/>");
        }
        script.line("bob", "trouble", "").at(at);
        script.line("alice", "leaving", "").at(at);
        script.line("alice", "disconnected", "").at(at);
        script.verdict(Profile::default()).findings.len()
    };
    assert_eq!(
        (asked(0.06, true), asked(29.0, true), asked(31.0, true)),
        (0, 0, 1)
    );
    // Her own connection may have gone silent too.
    assert_eq!(asked(31.0, false), 0);
}

#[test]
fn nothing_is_lost_behind_what_cannot_be_read_on() {
    use crate::transcript::Wire;
    let asked = |wire: Option<Wire>| {
        let mut script = asks_after_the_steps();
        if wire.is_some() {
            script.line("alice", "wire-received", "");
            script.events.last_mut().expect("an event").wire = wire;
        }
        script.line("alice", "disconnected", "").broken()
    };
    assert!(asked(Some(Wire::Broken { why: "odd".into() })).is_empty());
    assert_eq!(asked(Some(Wire::Reached { tls: None })), ["IQ-01"]);
    assert_eq!(asked(None), ["IQ-01"]);
}
