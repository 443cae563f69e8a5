//! The same call written down in other ways: whatever they are and however many of them at once, it stays sound.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::hars::{ALICE, ALL, BOB, Folder, LOGIN, add_connection, check, har, messages, text, time};
use crate::noise::{among, foreign, next};

/// A way to write the recording of one end in another way; the number is one for both ends.
type Variant = fn(&mut Value, End, u64);

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Caller,
    Callee,
}

fn each(har: &mut Value, change: impl Fn(&str) -> String) {
    for message in messages(har) {
        message["data"] = change(text(message)).into();
    }
}

/// The text of a `<call/>` for another; both ends see the same.
fn each_signal(har: &mut Value, change: impl Fn(&Value) -> String) {
    each(har, |data| {
        let call = data.contains("</call>") || data.contains("</c:call>");
        let Some((head, rest)) = data.split_once("urn:xmpp:call:0").filter(|_| call) else {
            return data.to_owned();
        };
        let Some((tag, rest)) = rest.split_once('>') else {
            return data.to_owned();
        };
        let Some((json, tail)) = rest.split_once("</") else {
            return data.to_owned();
        };
        let plain = json
            .replace("&quot;", "\"")
            .replace("&#34;", "\"")
            .replace("&#x22;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&");
        let value: Value = serde_json::from_str(&plain).expect("JSON");
        let mut new = change(&value)
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        if !json.contains('"') {
            new = new.replace('"', "&quot;");
        }
        format!("{head}urn:xmpp:call:0{tag}>{new}</{tail}")
    });
}

/// Only what stands in tags, in double quotes or in single ones.
fn requoted(data: &str, from: char, to: char) -> String {
    let mut inside = false;
    let turn = |c: char| {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            _ => {}
        }
        if inside && c == from { to } else { c }
    };
    data.chars().map(turn).collect()
}

fn backwards(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter().rev();
            Value::Object(
                members
                    .map(|(name, value)| (name.clone(), backwards(value)))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}

fn split(har: &mut Value, seed: u64) {
    let mut seed = seed;
    let mut out = Vec::new();
    for message in messages(har).drain(..) {
        let data = text(&message).to_owned();
        let at = next(&mut seed) as usize % data.len().max(1);
        let at = (0..=at)
            .rev()
            .find(|at| data.is_char_boundary(*at))
            .unwrap_or_default();
        if message["opcode"] != 1 || at < 4 || !data.starts_with('<') || next(&mut seed).is_multiple_of(2) {
            out.push(message);
            continue;
        }
        let (mut first, mut second) = (message.clone(), message);
        first["data"] = data[..at].into();
        second["data"] = data[at..].into();
        second["opcode"] = 0.into();
        out.extend([first, second]);
    }
    *messages(har) = out;
}

/// Every name beside its way.
const VARIANTS: [(&str, Variant); 29] = [
    ("chat and all", |har, end, seed| {
        let (own, other) = if end == End::Caller {
            (ALICE, BOB)
        } else {
            (BOB, ALICE)
        };
        *messages(har) = among(messages(har), own, other, seed);
    }),
    ("other sockets", |har, _, _| {
        add_connection(har, foreign());
        let entries = har["log"]["entries"].as_array_mut().expect("entries");
        entries.rotate_right(1);
        let mut plain = entries[0].clone();
        plain["_webSocketMessages"] = Value::Null;
        entries.push(plain);
        add_connection(har, foreign());
        let entries = har["log"]["entries"].as_array_mut().expect("entries");
        // The call's own stays the first for what else is done to it.
        entries.swap(0, 1);
    }),
    ("users", |har, _, _| {
        each(har, |data| {
            data.replace("alice@localhost", "zoë@chat.example")
                .replace("bob@localhost", "b.o-b@x.example")
        })
    }),
    ("resources", |har, _, _| {
        each(har, |data| {
            data.replace("a-good-full", "web/1&amp;2")
                .replace("b-good-full", "Ünï 7")
        })
    }),
    ("case", |har, _, _| {
        each(har, |data| {
            data.replace("to=\"bob@localhost", "to=\"Bob@LocalHost")
                .replace("to=\"alice@localhost", "to=\"ALICE@localhost")
        })
    }),
    ("single quotes", |har, _, _| {
        each(har, |data| requoted(data, '"', '\''))
    }),
    ("double quotes", |har, _, _| {
        each(har, |data| requoted(data, '\'', '"'))
    }),
    ("decimal references", |har, _, _| {
        each(har, |data| data.replace("&quot;", "&#34;"))
    }),
    ("hexadecimal references", |har, _, _| {
        each(har, |data| data.replace("&quot;", "&#x22;"))
    }),
    ("long empty elements", |har, _, _| {
        each(har, |data| {
            match data
                .strip_suffix("/>")
                .filter(|data| data.starts_with("<iq") && data.matches('<').count() == 1)
            {
                Some(tag) => format!("{tag}></iq>"),
                None => data.to_owned(),
            }
        })
    }),
    ("white space in tags", |har, _, _| {
        each(har, |data| match data.strip_prefix("<iq ") {
            Some(rest) => format!("<iq\n\t  {rest}"),
            None => data.to_owned(),
        })
    }),
    ("white space around", |har, _, _| {
        each(har, |data| format!(" {data}\r\n"))
    }),
    ("no language", |har, _, _| {
        each(har, |data| data.replace(" xml:lang='en'", ""))
    }),
    ("another language", |har, _, _| {
        each(har, |data| data.replace("xml:lang='en'", "xml:lang='de-CH'"))
    }),
    ("a prefix for call", |har, _, _| {
        each(har, |data| match data.contains("<call xmlns=\"") {
            true => data
                .replace("<call xmlns=", "<c:call xmlns:c=")
                .replace("</call>", "</c:call>"),
            false => data.to_owned(),
        })
    }),
    ("the stream's prefix", |har, _, _| {
        each(har, |data| {
            data.replace("<iq ", "<iq xmlns:stream='http://etherx.jabber.org/streams' ")
        })
    }),
    ("indented JSON", |har, _, _| {
        each_signal(har, |json| serde_json::to_string_pretty(json).expect("JSON"))
    }),
    ("members turned round", |har, _, _| {
        each_signal(har, |json| backwards(json).to_string())
    }),
    ("escaped slashes", |har, _, _| {
        each_signal(har, |json| json.to_string().replace('/', "\\/"))
    }),
    ("escaped letters", |har, _, _| {
        each_signal(har, |json| {
            json.to_string()
                .replace("callId", "call\\u0049d")
                .replace("audio", "\\u0061udio")
        })
    }),
    ("fragments", |har, _, seed| split(har, seed)),
    ("binary frames", |har, _, _| {
        for message in messages(har).iter_mut().filter(|message| message["opcode"] == 1) {
            message["opcode"] = 2.into();
            message["data"] = BASE64_STANDARD.encode(text(message)).into();
        }
    }),
    ("milliseconds", |har, _, _| {
        messages(har)
            .iter_mut()
            .for_each(|message| message["time"] = (time(message) * 1e3).into())
    }),
    ("whole microseconds", |har, _, _| {
        messages(har)
            .iter_mut()
            .for_each(|message| message["time"] = json!((time(message) * 1e6) as u64))
    }),
    ("times as text", |har, _, _| {
        messages(har)
            .iter_mut()
            .for_each(|message| message["time"] = time(message).to_string().into())
    }),
    ("Firefox", |har, _, _| {
        let maker = json!({ "name": "Firefox", "version": "140.0" });
        har["log"]["creator"] = maker.clone();
        har["log"]["browser"] = maker;
    }),
    ("other names of members", |har, _, _| {
        for message in messages(har) {
            let old = message.as_object_mut().expect("a message");
            for (from, to) in [
                ("data", "payload"),
                ("time", "timeStamp"),
                ("opcode", "opCode"),
                ("type", "direction"),
            ] {
                let value = old.remove(from).expect("a member");
                old.insert(to.to_owned(), value);
            }
            old["direction"] = if old["direction"] == "send" {
                "Sent"
            } else {
                "Received"
            }
            .into();
        }
    }),
    ("no times", |har, _, _| {
        messages(har)
            .iter_mut()
            .for_each(|message| message["time"] = Value::Null)
    }),
    ("the end cut off", |har, _, seed| {
        let all = messages(har);
        // A signal is there, or nothing could be said.
        let most = all.len() - LOGIN - 4;
        all.truncate(LOGIN + 4 + seed as usize % most);
    }),
];

/// What is left of a recording afterwards is no longer what the other ways look for.
const LAST: [&str; 7] = [
    "fragments",
    "binary frames",
    "milliseconds",
    "whole microseconds",
    "times as text",
    "other names of members",
    "no times",
];
/// With these the two ends can not be put together any more, or not by their times.
const APART: [&str; 2] = ["no times", "the end cut off"];

fn written(
    folder: &Folder,
    name: &str,
    chosen: &[(&str, Variant)],
    end: End,
    seed: u64,
) -> std::path::PathBuf {
    let mut har = har(name);
    for (_, variant) in chosen {
        variant(&mut har, end, seed);
    }
    let name = name.replace(".har", "-varied.har");
    if seed.is_multiple_of(3) {
        // As an editor on Windows would save it.
        let text = serde_json::to_string_pretty(&har)
            .expect("JSON")
            .replace('\n', "\r\n");
        let path = folder.0.path().join(name);
        std::fs::write(&path, format!("\u{feff}{text}")).expect("a file");
        return path;
    }
    folder.write(&name, &har)
}

/// Sound from either end, and from both.
fn stays_sound(chosen: &[(&str, Variant)], seed: u64) -> Result<(), TestCaseError> {
    let folder = Folder::new();
    let names: Vec<&str> = chosen.iter().map(|(name, _)| *name).collect();
    let caller = written(&folder, ALL[0], chosen, End::Caller, seed);
    let callee = written(&folder, ALL[1], chosen, End::Callee, seed);
    let mut all = vec![vec![&*caller], vec![&*callee], vec![&*caller, &*callee]];
    if !names.contains(&"the end cut off") {
        let cancel = written(&folder, ALL[2], chosen, End::Caller, seed);
        let said = check(&[&cancel]);
        prop_assert!(said.is_sound(), "{names:?} {seed}: {}{}", said.out, said.err);
    }
    for files in all.drain(..) {
        let said = check(&files);
        prop_assert!(said.is_sound(), "{names:?} {seed}: {}{}", said.out, said.err);
        if files.len() == 2 && !names.iter().any(|name| APART.contains(name)) {
            prop_assert!(
                said.out.contains("put together with"),
                "{names:?} {seed}: {}",
                said.out
            );
        }
    }
    Ok(())
}

#[test]
fn each_way_by_itself() {
    for variant in VARIANTS {
        for seed in [0, 7] {
            stays_sound(&[variant], seed).expect("sound");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(24),
        rng_seed: proptest::test_runner::RngSeed::Fixed(11),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn several_at_once(chosen in proptest::sample::subsequence(VARIANTS.to_vec(), 2..7), seed in 0..1_000_u64) {
        // Each of the last kinds takes the place of the others.
        let is_last = |(name, _): &&(&str, Variant)| LAST.contains(name);
        let mut all: Vec<_> = chosen.iter().filter(|one| !is_last(one)).copied().collect();
        all.extend(chosen.iter().find(is_last));
        stays_sound(&all, seed)?;
    }
}
