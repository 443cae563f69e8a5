//! What one room may know of another, and the words that it may not contain: read from the sources themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A room, the rooms that it may use, and the words that it may not contain.
struct Room {
    name: &'static str,
    uses: &'static [&'static str],
    never: &'static [&'static [&'static str]],
}

/// No runtime, no task, no channel.
const ASYNC: &[&str] = &["tokio::", "async fn", ".await"];
/// No socket.
const SOCKETS: &[&str] = &[
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "tungstenite",
];
/// No file, no environment, no other process.
const FILES: &[&str] = &["std::fs", "std::env", "std::process", "std::io::stdin"];
/// Time comes in as a value.
const CLOCK: &[&str] = &["Instant::now", "SystemTime", "now_utc", "thread::sleep"];
/// Only `cli` speaks.
const PRINTS: &[&str] = &[
    "println!",
    "eprintln!",
    "print!(",
    "io::stdout",
    "io::stderr",
    "dbg!",
];

const ROOMS: &[Room] = &[
    Room {
        name: "bot",
        uses: &["profile", "protocol", "scenario", "stanza", "transcript", "xmpp"],
        never: &[FILES, PRINTS],
    },
    // The table of contents of all others. Nothing uses it.
    Room {
        name: "cli",
        uses: &[
            "bot",
            "endpoint",
            "fuzz",
            "lint",
            "probe",
            "profile",
            "protocol",
            "record",
            "replay",
            "report",
            "rules",
            "run",
            "scenario",
            "stanza",
            "target",
            "transcript",
            "xmpp",
            "yaml",
        ],
        never: &[&["println!", "eprintln!", "dbg!"]],
    },
    // Never the judge: what it lets through is not for it to say.
    Room {
        name: "endpoint",
        uses: &["profile", "protocol", "stanza", "target", "xmpp"],
        never: &[FILES, PRINTS],
    },
    // Never a socket: it hands cases to `run`.
    Room {
        name: "fuzz",
        uses: &[
            "bot",
            "endpoint",
            "lint",
            "profile",
            "protocol",
            "rules",
            "run",
            "scenario",
            "stanza",
            "target",
            "transcript",
            "yaml",
        ],
        never: &[SOCKETS, PRINTS],
    },
    // Plays a scenario on the model: nothing of it reaches a wire.
    Room {
        name: "lint",
        uses: &[
            "bot",
            "profile",
            "protocol",
            "rules",
            "scenario",
            "stanza",
            "target",
            "transcript",
            "yaml",
        ],
        never: &[ASYNC, SOCKETS, CLOCK, PRINTS],
    },
    // Looks, and judges nothing: what it finds are facts.
    Room {
        name: "probe",
        uses: &["bot", "profile", "protocol", "run", "scenario", "stanza", "xmpp"],
        never: &[FILES, SOCKETS, PRINTS],
    },
    Room {
        name: "profile",
        uses: &[],
        never: &[ASYNC, SOCKETS, FILES, CLOCK, PRINTS],
    },
    // Knows nothing of the crate: it could be one of its own.
    Room {
        name: "protocol",
        uses: &[],
        never: &[ASYNC, SOCKETS, FILES, CLOCK, PRINTS],
    },
    // Never the judge: it passes on and writes down.
    Room {
        name: "record",
        uses: &["protocol", "run", "stanza", "transcript", "xmpp"],
        never: &[PRINTS],
    },
    // From one value to another: whoever plays it is somebody else.
    Room {
        name: "replay",
        uses: &[
            "lint",
            "profile",
            "protocol",
            "rules",
            "scenario",
            "stanza",
            "transcript",
            "yaml",
        ],
        never: &[ASYNC, SOCKETS, FILES, CLOCK, PRINTS],
    },
    // Reads the transcripts that it shows, and writes nothing itself.
    Room {
        name: "report",
        uses: &[
            "probe",
            "profile",
            "protocol",
            "rules",
            "run",
            "scenario",
            "stanza",
            "transcript",
            "yaml",
        ],
        never: &[ASYNC, SOCKETS, CLOCK, PRINTS],
    },
    // A pure function of the transcript.
    Room {
        name: "rules",
        uses: &["profile", "protocol", "stanza", "transcript"],
        never: &[ASYNC, SOCKETS, FILES, CLOCK, PRINTS],
    },
    Room {
        name: "run",
        uses: &[
            "bot",
            "endpoint",
            "profile",
            "rules",
            "scenario",
            "target",
            "transcript",
            "xmpp",
            "yaml",
        ],
        never: &[PRINTS],
    },
    // Opens no connection. It asks the catalogue whether a rule exists.
    Room {
        name: "scenario",
        uses: &["profile", "protocol", "rules", "yaml"],
        never: &[ASYNC, SOCKETS, CLOCK, PRINTS],
    },
    Room {
        name: "stanza",
        uses: &["protocol"],
        never: &[ASYNC, SOCKETS, FILES, CLOCK, PRINTS],
    },
    // Knows no scenario.
    Room {
        name: "target",
        uses: &["profile", "protocol", "rules", "stanza", "xmpp", "yaml"],
        never: &[PRINTS],
    },
    Room {
        name: "transcript",
        uses: &["profile", "protocol", "stanza"],
        never: &[ASYNC, SOCKETS, CLOCK, PRINTS],
    },
    // Knows no calls.
    Room {
        name: "xmpp",
        uses: &["stanza"],
        never: &[FILES, PRINTS],
    },
    Room {
        name: "yaml",
        uses: &[],
        never: &[ASYNC, SOCKETS, CLOCK, PRINTS],
    },
];

/// A source file of the program, without its comments, its texts and its tests.
struct Source {
    room: String,
    file: String,
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut found, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.extend(source(&root, &path));
            }
        }
    }
    found.sort_by(|one, other| one.file.cmp(&other.file));
    found
}

/// Nothing for the two roots of the crate and for files that only tests are made of.
fn source(root: &Path, path: &Path) -> Option<Source> {
    let within: PathBuf = path.strip_prefix(root).expect("below the root").to_owned();
    let parts: Vec<String> = within
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
    let of_tests = |name: &str| name == "tests" || name.ends_with("_tests");
    let only_tests = of_tests(&stem) || parts.iter().any(|part| of_tests(part));
    if parts.len() < 2 || only_tests {
        return None;
    }
    let text = std::fs::read_to_string(path).expect("a text");
    Some(Source {
        room: parts[0].clone(),
        file: within.display().to_string(),
        code: code(&text),
    })
}

/// The text up to its tests, without comments; what stands in a literal counts as code, which errs on the strict side.
fn code(text: &str) -> String {
    let mut out = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let tests =
            line.trim() == "#[cfg(test)]" && lines.peek().is_some_and(|next| next.starts_with("mod tests {"));
        if tests {
            break;
        }
        if !line.trim_start().starts_with("//") {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// The rooms that code uses: `crate::room` and `use crate::{room::…, room}`.
fn used(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (_, rest) in code
        .match_indices("crate::")
        .map(|(at, found)| (at, &code[at + found.len()..]))
    {
        let Some(group) = rest.strip_prefix('{') else {
            rooms.insert(name(rest));
            continue;
        };
        let (mut depth, mut fresh) = (0, true);
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' => fresh = depth == 0,
                c if fresh && c.is_ascii_alphabetic() => {
                    rooms.insert(name(&group[at..]));
                    fresh = false;
                }
                _ => {}
            }
        }
    }
    rooms
}

fn name(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect()
}

/// What is wrong with these sources.
fn faults(sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    let known: BTreeMap<&str, &Room> = ROOMS.iter().map(|room| (room.name, room)).collect();
    for source in sources {
        let (room, file) = (&source.room, &source.file);
        let Some(rule) = known.get(room.as_str()) else {
            faults.push(format!(
                "{file}: the room `{room}` is not in the table: say what it may use"
            ));
            continue;
        };
        for other in used(&source.code) {
            // Macros and items of the crate's root have no room.
            if other != *room && known.contains_key(other.as_str()) && !rule.uses.contains(&other.as_str()) {
                faults.push(format!("{file}: `{room}` may not use `{other}`"));
            }
        }
        for word in rule.never.iter().copied().flatten() {
            if source.code.contains(word) {
                faults.push(format!("{file}: `{room}` may not contain `{word}`"));
            }
        }
    }
    faults
}

#[test]
fn rooms_use_what_they_may_and_say_what_they_may() {
    let sources = sources();
    assert!(sources.len() > 60, "{} files", sources.len());
    let faults = faults(&sources);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Data flows one way: no two rooms use each other, however long the way round.
#[test]
fn no_room_uses_itself_through_others() {
    let mut left: BTreeMap<&str, BTreeSet<&str>> = ROOMS
        .iter()
        .map(|room| (room.name, room.uses.iter().copied().collect()))
        .collect();
    while let Some(free) = left
        .iter()
        .find(|(_, uses)| uses.is_empty())
        .map(|(name, _)| *name)
    {
        left.remove(free);
        for uses in left.values_mut() {
            uses.remove(free);
        }
    }
    assert!(left.is_empty(), "a circle among {:?}", left.keys());
}

#[test]
fn nothing_uses_the_command_line_and_only_it_reports() {
    for room in ROOMS {
        assert!(!room.uses.contains(&"cli"), "{}", room.name);
        assert!(
            room.name == "cli" || !room.uses.contains(&"report"),
            "{}",
            room.name
        );
    }
}

/// The test sees what it is there for.
#[test]
fn breaches_are_seen() {
    let source = |room: &str, text: &str| Source {
        room: room.into(),
        file: format!("{room}/x.rs"),
        code: code(text),
    };
    for (room, text, wrong) in [
        ("rules", "use crate::transcript::Event;\n", 0),
        (
            "rules",
            "use crate::{\n    profile::Profile, transcript::{Event, Header},\n};\n",
            0,
        ),
        ("rules", "use crate::run::Options;\n", 1),
        (
            "rules",
            "use crate::{profile::Profile, run::{Options, Place}, xmpp};\n",
            2,
        ),
        ("rules", "fn x() { let at = std::time::Instant::now(); }\n", 1),
        ("rules", "// tokio::time would be wrong, crate::run too\n", 0),
        (
            "rules",
            "fn x() {}\n#[cfg(test)]\nmod tests {\n    use crate::run::Options;\n}\n",
            0,
        ),
        (
            "report",
            "fn x() { println!(\"{}\", crate::cli::command()); }\n",
            2,
        ),
        ("attic", "fn x() {}\n", 1),
    ] {
        let faults = faults(&[source(room, text)]);
        assert_eq!(faults.len(), wrong, "{text}\n{faults:?}");
    }
}

/// What stands in quotes as a rule's id does.
fn rules_named(code: &str) -> BTreeSet<&str> {
    let is_id = |text: &&str| match text.as_bytes() {
        [a, b, b'-', c, d] => {
            [a, b].iter().all(|c| c.is_ascii_uppercase()) && [c, d].iter().all(|c| c.is_ascii_digit())
        }
        _ => false,
    };
    code.split('"').filter(is_id).collect()
}

#[test]
fn rules_that_are_named_exist_and_rules_that_exist_are_judged() {
    let known: BTreeSet<&str> = callspec::rules::catalogue().iter().map(|rule| rule.id).collect();
    let sources = sources();
    let elsewhere = sources
        .iter()
        .filter(|source| !source.file.starts_with("rules/catalogue/"));
    let mut judged = BTreeSet::new();
    for source in elsewhere {
        let named = rules_named(&source.code);
        let unknown: Vec<&&str> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{} names {unknown:?}", source.file);
        if ["rules", "protocol"].contains(&source.room.as_str()) {
            judged.extend(named);
        }
    }
    // What only an answer or an end can show a step of the suite asks for, and names its rule.
    let suite = callspec::scenario::builtin().expect("the built-in suite reads");
    let steps = suite
        .iter()
        .flat_map(|scenario| scenario.cases())
        .map(|case| serde_json::to_string(&case.steps).expect("steps"));
    let steps: Vec<String> = steps.collect();
    let asked = |id: &&&str| {
        steps
            .iter()
            .any(|steps| steps.contains(&format!(r#""rule":"{id}""#)))
    };
    judged.extend(known.iter().filter(asked));
    let never: Vec<&&str> = known.difference(&judged).collect();
    assert!(never.is_empty(), "nothing finds a breach of {never:?}");
    assert_eq!(
        rules_named(r#"rule("RT-03") or "RT-3" or "rt-03""#),
        BTreeSet::from(["RT-03"])
    );
}
