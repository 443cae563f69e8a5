//! Calls of browsers during which people write to each other.

use serde_json::Value;

use crate::hars::{ALICE, ALL, BOB, Folder, Said, check, har, holds, message, messages, time};

/// A message as one end sends and the other one gets it.
fn chat(out: bool, at: f64, id: u8, body: &str) -> Value {
    let (of, other) = if out { ("to", BOB) } else { ("from", ALICE) };
    let address = if out {
        String::new()
    } else {
        format!(" to='{BOB}'")
    };
    let head = format!("<message xmlns='jabber:client' type='chat' id='c{id}' {of}='{other}'{address}>");
    message(out, at, &format!("{head}<body>{body}</body></message>"))
}

/// The verdict where the caller writes three messages in the middle of the call, and these come, as id and text.
fn written(came: &[(u8, &str)]) -> Said {
    let folder = Folder::new();
    let [mut caller, mut callee] = [har(ALL[0]), har(ALL[1])];
    let at = |all: &[Value]| {
        all.iter()
            .position(|m| holds(m, "mute-change"))
            .expect("a mute-change")
    };
    let sent = messages(&mut caller);
    let middle = at(sent);
    let now = time(&sent[middle]);
    let lines = (1..).zip(["one", "two", "three"]);
    let lines = lines.map(|(id, body)| chat(true, now, id, body));
    sent.splice(middle..middle, lines.collect::<Vec<_>>());
    // An error would come by then.
    sent.push(message(false, now + 6.0, "<presence xmlns='jabber:client'/>"));
    let got = messages(&mut callee);
    let middle = at(got);
    let now = time(&got[middle]);
    let lines = came.iter().map(|(id, body)| chat(false, now, *id, body));
    got.splice(middle..middle, lines.collect::<Vec<_>>());
    check(&[
        &folder.write("caller.har", &caller),
        &folder.write("callee.har", &callee),
    ])
}

#[test]
fn what_people_write_during_a_call_comes_as_they_wrote_it() {
    let [one, two, three] = [(1, "one"), (2, "two"), (3, "three")];
    let said = written(&[one, two, three]);
    assert!(said.is_sound(), "{}{}", said.out, said.err);
    for (came, told) in [
        (&[one, two, two, three][..], "more than once"),
        (&[one, three, two], "after a stanza that was sent later"),
        (&[one, (2, "tow"), three], "The text of"),
        (&[one, three], "never reached"),
    ] {
        let said = written(came);
        let told = said.out.contains("CH-01") && said.out.contains(told);
        assert!(told && said.status == 1, "{came:?}: {}{}", said.out, said.err);
    }
}
