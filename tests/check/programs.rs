//! What programs other than browsers really wrote: none of these files was made up.

use serde_json::Value;

use crate::hars::{Folder, check, data, har, message, messages, text, time};

const ALL: [(&str, &str); 4] = [
    ("gajim-reject.log", "a Gajim log (nbxmpp)"),
    ("converse-reject.alice.log", "a Converse.js log"),
    ("playwright-reject.alice.har", "a HAR of chromium"),
    ("mitmproxy-reject.har", "a HAR of mitmproxy"),
];

#[test]
fn what_they_write_is_read() {
    for (name, format) in ALL {
        let said = check(&[&data(name)]);
        assert!(said.is_sound(), "{name}: {}{}", said.out, said.err);
        assert!(said.out.contains(format), "{name}: {}", said.out);
        for told in ["alice", " → ", "bob", "2 signals", "ended by reject"] {
            assert!(said.out.contains(told), "{name}: {told}: {}", said.out);
        }
    }
}

#[test]
fn a_breach_in_it_is_found_where_it_stands() {
    let folder = Folder::new();
    for (name, _) in ALL {
        let sound = std::fs::read_to_string(data(name)).expect("a recording");
        let path = folder.0.path().join(name);
        std::fs::write(&path, sound.replace("call:reject", "call:decline")).expect("a file");
        let said = check(&[&path]);
        assert_eq!(said.status, 1, "{name}: {}{}", said.out, said.err);
        assert!(said.out.contains("SG-01"), "{name}: {}", said.out);
        let line = sound.lines().position(|line| line.contains("call:reject"));
        let line = line.expect("a reject") + 1;
        // A stanza may begin some lines before its text.
        let told = (line - 4..=line).any(|line| {
            let place = format!("/{name}:{line}");
            said.out.split_whitespace().any(|word| word.ends_with(&place))
        });
        assert!(told, "{name}:{line}: {}", said.out);
    }
}

#[test]
fn a_proxy_knows_lengths_of_time_only_up_to_what_is_under_way() {
    let folder = Folder::new();
    let said = |maker: &str| {
        let mut har = har("chrome-call.caller.har");
        har["log"]["creator"]["name"] = maker.into();
        let all = messages(&mut har);
        let answers = |message: &Value| message["type"] == "send" && text(message).contains("result");
        let last = all.iter().rposition(answers).expect("an answer");
        all.truncate(last + 1);
        let at = time(&all[last]);
        all[last]["time"] = (at + 7.0).into();
        // Its clock goes on meanwhile.
        for step in 1..7 {
            let presence = "<presence xmlns='jabber:client' from='carol@localhost/c'/>";
            all.insert(all.len() - 1, message(false, at + f64::from(step), presence));
        }
        check(&[&folder.write("call.har", &har)])
    };
    let own = said("WebInspector");
    assert!(
        own.out.contains("warn ") && own.out.contains("IQ-08"),
        "{}",
        own.out
    );
    let between = said("mitmproxy");
    assert!(
        !between.out.contains("warn ") && between.out.contains("under way"),
        "{}",
        between.out
    );
}
