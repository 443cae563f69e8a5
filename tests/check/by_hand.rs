//! Transcripts that another program wrote, or of which somebody kept a part.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::hars::{Folder, Said, check};

const ALICE: &str = "alice@example.org/a";
const BOB: &str = "bob@example.org/b";

/// Stanzas of a call as each end saw them.
#[derive(Default)]
struct Events(Vec<Value>);

impl Events {
    fn event(&mut self, t: f64, jid: &str, dir: &str, xml: &str) {
        let who = if jid == ALICE { "caller" } else { "callee" };
        self.0
            .push(json!({ "t": t, "who": who, "jid": jid, "dir": dir, "xml": xml }));
    }

    /// Sent, and where it arrives answered, each a hundredth of a second later.
    fn signal(&mut self, t: f64, from: &str, kind: &str, payload: &Value, arrives: usize) {
        let to = if from == ALICE { BOB } else { ALICE };
        let user = |jid: &str| match jid {
            ALICE => "a1b2c3d4-e5f6-4890-abcd-ef1234567890",
            _ => "b2c3d4e5-f6a7-4901-bcde-f12345678901",
        };
        let signal = json!({
            "type": format!("call:{kind}"), "callId": "550e8400-e29b-41d4-a716-446655440000", "senderId": user(from),
            "recipientId": user(to), "timestamp": format!("2026-01-01T00:00:{:02}Z", t as u32), "payload": payload,
        });
        let id = format!("id-{}", self.0.len());
        let set = |from: &str| {
            format!(
                "<iq xmlns='jabber:client' type='set' id='{id}' to='{to}'{from}>\
                 <call xmlns='urn:xmpp:call:0'>{signal}</call></iq>"
            )
        };
        let result =
            |by: &str| format!("<iq xmlns='jabber:client' type='result' id='{id}' to='{from}'{by}/>");
        self.event(t, from, "sent", &set(""));
        for _ in 0..arrives {
            self.event(t + 0.01, to, "received", &set(&format!(" from='{from}'")));
        }
        if arrives > 0 {
            self.event(t + 0.02, to, "sent", &result(""));
            self.event(t + 0.03, from, "received", &result(&format!(" from='{to}'")));
        }
    }

    fn call(rejects: usize, reason: Option<(f64, &str)>) -> Events {
        let mut events = Events::default();
        events.signal(1.0, ALICE, "initiate", &json!({ "callerName": "Alice" }), 1);
        if rejects > 0 {
            events.signal(2.0, BOB, "reject", &json!({}), rejects);
        }
        if let Some((t, reason)) = reason {
            events.signal(t, ALICE, "hangup", &json!({ "reason": reason }), 1);
        }
        events
    }

    fn check(&self, header: &Value) -> Said {
        let folder = Folder::new();
        check(&[&self.write(&folder, "made.jsonl", header, |_| true)])
    }

    /// Each end in a file of its own, the callee's from this second on.
    fn check_apart(&self, since: f64) -> Said {
        let folder = Folder::new();
        let file =
            |name, kept: &dyn Fn(&Value) -> bool| self.write(&folder, name, &json!({ "callspec": 1 }), kept);
        let alices = file("alice.jsonl", &|event| event["jid"] == ALICE);
        let bobs = file("bob.jsonl", &|event| {
            event["jid"] == BOB && event["t"].as_f64() >= Some(since)
        });
        check(&[&alices, &bobs])
    }

    fn write(&self, folder: &Folder, name: &str, header: &Value, kept: impl Fn(&Value) -> bool) -> PathBuf {
        let path = folder.0.path().join(name);
        let lines = std::iter::once(header).chain(self.0.iter().filter(|event| kept(event)));
        let lines: Vec<String> = lines.map(ToString::to_string).collect();
        std::fs::write(&path, lines.join("\n") + "\n").expect("a file");
        path
    }
}

/// What another program may write as a header.
fn headers() -> [Value; 5] {
    [
        json!({ "callspec": 1 }),
        json!({ "callspec": 1, "scenario": "a name", "target": "ws://example.org/", "cast": { "caller": "alice", "callee": "bob" } }),
        json!({ "callspec": 1, "scenario": { "name": "x" }, "target": { "url": "ws://x/" }, "cast": { "caller": { "jid": ALICE } } }),
        json!({ "callspec": 1, "scenario": null, "target": null, "cast": ["caller", "callee"], "profile": "relay" }),
        json!({ "callspec": 1, "cast": { "caller": ALICE, "callee": BOB }, "profile": null, "started": "2026-01-01T00:00:00Z" }),
    ]
}

#[test]
fn another_program_needs_no_more_than_stanzas() {
    for header in headers() {
        let said = Events::call(1, None).check(&header);
        assert!(said.is_sound(), "{header}: {}{}", said.out, said.err);
        assert!(said.out.contains("2 signals"), "{header}: {}", said.out);
        // What the server did shows, since both ends are there.
        let said = Events::call(2, None).check(&header);
        assert_eq!(said.status, 1, "{header}: {}{}", said.out, said.err);
        assert!(said.out.contains("RT-03"), "{header}: {}", said.out);
        // And what a client did, in its own view.
        let said = Events::call(0, Some((10.0, "timeout"))).check(&header);
        assert_eq!(said.status, 1, "{header}: {}{}", said.out, said.err);
        assert!(said.out.contains("TM-01"), "{header}: {}", said.out);
        assert!(said.out.contains("made.jsonl:6"), "{header}: {}", said.out);
    }
    for (wrong, told) in [
        (json!({ "callspec": 1, "scenario": 7 }), "scenario"),
        (json!({ "callspec": 1, "profile": "relais" }), "relais"),
        (json!({ "callspec": 1, "cast": "alice" }), "cast"),
    ] {
        let said = Events::call(1, None).check(&wrong);
        assert_eq!(said.status, 2, "{wrong}: {}", said.out);
        assert!(
            said.err.contains(told) && said.err.contains("made.jsonl:1"),
            "{}",
            said.err
        );
    }
}

#[test]
fn wall_times_do_where_no_others_are() {
    let mut events = Events::call(0, Some((10.0, "timeout")));
    for event in &mut events.0 {
        let t = event["t"].take().as_f64().expect("a time");
        let event = event.as_object_mut().expect("an object");
        event.remove("t");
        event.insert("time".into(), json!(format!("2026-01-01T00:00:{t:06.3}Z")));
    }
    let said = events.check(&json!({ "callspec": 1 }));
    assert!(
        said.status == 1 && said.out.contains("9.000 s after"),
        "{}",
        said.out
    );
}

/// An end that is in the cast alone was not recorded: what went to it may have arrived.
#[test]
fn one_end_alone_is_one_end() {
    for header in headers() {
        for end in [ALICE, BOB] {
            let mut events = Events::call(1, Some((3.0, "rejected")));
            events.0.retain(|event| event["jid"] == end);
            let said = events.check(&header);
            assert!(said.is_sound(), "{header}: {end}: {}{}", said.out, said.err);
        }
    }
}

/// Two files with no word of when their recordings began: one may be cut off where the other goes on.
#[test]
fn a_file_beside_another_begins_with_its_first_stanza() {
    let mut call = Events::default();
    call.signal(1.0, ALICE, "initiate", &json!({ "callerName": "Alice" }), 1);
    call.signal(1.5, BOB, "accept", &json!({}), 1);
    call.signal(3.0, ALICE, "hangup", &json!({ "reason": "failed" }), 1);
    for since in [0.0, 1.5] {
        let said = call.check_apart(since);
        assert!(said.is_sound(), "{since}: {}{}", said.out, said.err);
    }
    // What both ends show is told.
    let said = Events::call(2, None).check_apart(0.0);
    assert!(said.status == 1 && said.out.contains("RT-03"), "{}", said.out);
}

/// Of a run's own transcript somebody may keep the stanzas alone.
#[test]
fn the_stanzas_of_bots_are_enough_where_all_of_them_are_there() {
    let bot = |jid: &str| json!({ "jid": jid, "party": "bot" });
    let header = json!({
        "callspec": 1, "version": "0.1.0", "scenario": { "name": "x" },
        "cast": { "caller": bot(ALICE), "callee": bot(BOB) },
    });
    let said = Events::call(1, None).check(&header);
    assert!(said.is_sound(), "{}{}", said.out, said.err);
    let said = Events::call(2, None).check(&header);
    assert!(said.status == 1 && said.out.contains("RT-03"), "{}", said.out);
    for end in [ALICE, BOB] {
        let mut events = Events::call(1, None);
        events.0.retain(|event| event["jid"] == end);
        let said = events.check(&header);
        assert!(said.is_sound(), "{end}: {}{}", said.out, said.err);
    }
}
