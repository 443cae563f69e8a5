//! Calls of browsers as logs that tell less than a HAR.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::hars::{ALICE, ALL, BOB, Folder, Said, check, har, holds, messages, text};

impl Folder {
    /// What passed at one end, a stanza a line.
    fn log(&self, name: &str, messages: &[Value], line: impl Fn(bool, &str) -> String) -> PathBuf {
        let path = self.0.path().join(name);
        let lines = messages.iter().map(|m| line(m["type"] == "send", text(m)) + "\n");
        std::fs::write(&path, lines.collect::<String>()).expect("a file");
        path
    }
}

/// As Strophe prints it, without times.
fn untimed(out: bool, xml: &str) -> String {
    format!("{}: {xml}", if out { "SENT" } else { "RECV" })
}

/// The verdict on both ends, each without times.
fn both(change: impl Fn(&mut Vec<Value>, &mut Vec<Value>)) -> Said {
    let folder = Folder::new();
    let [mut caller, mut callee] = [har(ALL[0]), har(ALL[1])];
    let [caller, callee] = [messages(&mut caller), messages(&mut callee)];
    change(caller, callee);
    let files = [
        folder.log("caller.log", caller, untimed),
        folder.log("callee.log", callee, untimed),
    ];
    check(&[&files[0], &files[1]])
}

#[test]
fn ends_without_times_are_put_together_by_their_stanzas() {
    let said = both(|_, _| {});
    assert!(
        said.is_sound() && said.out.contains("there are no times in common"),
        "{}{}",
        said.out,
        said.err
    );
    let at = |all: &[Value]| {
        all.iter()
            .position(|m| holds(m, "mute-change"))
            .expect("a mute-change")
    };
    let doubled = both(|_, callee| {
        let mute = at(callee);
        callee.insert(mute + 1, callee[mute].clone());
    });
    // What came after it overtook it.
    let lost = both(|caller, callee| {
        let mute = callee.remove(at(callee));
        let id = text(&mute)
            .split(" id=")
            .nth(1)
            .and_then(|rest| rest.split(['"', '\'']).nth(1));
        let id = id.expect("an id").to_owned();
        let answers = |m: &Value| !text(m).contains("call:0") && text(m).contains(&id);
        callee.retain(|m| !answers(m));
        caller.retain(|m| !answers(m));
    });
    for said in [doubled, lost] {
        assert!(
            said.status == 1
                && said.out.contains("RT-03  must, server")
                && !said.out.contains("must, client"),
            "{}",
            said.out
        );
    }
}

/// Who says what to whom: the kind of signal, the number of its call, and what it holds.
fn signal(from: &str, to: &str, kind: &str, call: u32, payload: &str) -> String {
    let user = |user: &str| format!("{0}{0}{0}{0}{0}{0}{0}{0}-0000-4000-8000-000000000000", &user[..1]);
    let signal = format!(
        r#"{{"type":"call:{kind}","callId":"550e8400-e29b-41d4-a716-44665544000{call}","senderId":"{}","recipientId":"{}","timestamp":"2026-01-01T00:00:00Z","payload":{payload}}}"#,
        user(from),
        user(to)
    );
    format!(
        "<iq type='set' id='{call}{kind}' from='{from}@x/1' to='{to}@x/1'><call xmlns='urn:xmpp:call:0'>{signal}</call></iq>"
    )
}

/// Bob's log has no times, and what he got from carol comes before what alice got from him. Whatever her clock says, it
/// took alice no shorter to give up.
#[test]
fn who_waits_for_an_end_without_times_is_not_hasty() {
    let folder = Folder::new();
    let name = |user: &str| format!(r#"{{"callerName":"{user}"}}"#);
    let to_bob = signal("carol", "bob", "initiate", 1, &name("Carol"));
    let to_alice = signal("bob", "alice", "initiate", 2, &name("Bob"));
    let refused = signal("alice", "bob", "reject", 2, "{}");
    let calls = signal("alice", "bob", "initiate", 3, &name("Alice"));
    let gives_up = signal("alice", "bob", "hangup", 3, r#"{"reason":"timeout"}"#);
    let file = |user: &str, said: &[(f64, bool, &str)]| {
        let path = folder.0.path().join(user);
        let events = said.iter().map(|(t, out, xml)| {
            let dir = if *out { "sent" } else { "received" };
            json!({ "t": t, "who": user, "jid": format!("{user}@x/1"), "dir": dir, "xml": xml })
        });
        let lines = std::iter::once(json!({ "callspec": 1 })).chain(events);
        std::fs::write(
            &path,
            lines.map(|line| line.to_string() + "\n").collect::<String>(),
        )
        .expect("a file");
        path
    };
    let alice = [
        (1.0, false, &*to_alice),
        (1.1, true, &refused),
        (2.0, true, &calls),
        (32.0, true, &gives_up),
    ];
    let files = [
        file("alice", &alice),
        file("carol", &[(20.0, true, &to_bob)]),
        folder.0.path().join("bob"),
    ];
    let bob = [
        (false, &to_bob),
        (true, &to_alice),
        (false, &refused),
        (false, &calls),
    ];
    let bob = bob.map(|(out, xml)| untimed(out, xml) + "\n").concat();
    std::fs::write(&files[2], bob).expect("a file");
    let said = check(&[&files[0], &files[1], &files[2]]);
    assert!(
        said.status == 0 && said.out.matches("no times in common").count() == 2,
        "{}{}",
        said.out,
        said.err
    );
}

/// One end's log without ways, in which each stanza says from whom and to whom it is.
fn anonymous(name: &str, own: &str) -> Said {
    let folder = Folder::new();
    let mut har = har(name);
    let all = messages(&mut har);
    let other = if own == ALICE { BOB } else { ALICE };
    all.retain(|m| text(m).starts_with("<iq ") && text(m).contains(other));
    let path = folder.log("anonymous.log", all, |out, xml| match out {
        true => xml.replacen("<iq ", &format!("<iq from='{own}' "), 1),
        false => xml.to_owned(),
    });
    check(&[&path])
}

#[test]
fn a_log_that_may_be_either_ends_accuses_neither() {
    for (name, own) in [(ALL[0], ALICE), (ALL[1], BOB)] {
        let said = anonymous(name, own);
        assert!(
            said.is_sound() && said.out.contains("does not tell whose end it is"),
            "{}{}",
            said.out,
            said.err
        );
    }
}
