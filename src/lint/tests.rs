use super::*;
use crate::scenario::{Error, builtin, parse};

fn told(text: &str) -> Vec<String> {
    let scenario = match parse("t.yaml", text, &|name| {
        crate::scenario::builtin_fragment(name).map(Ok)
    }) {
        Ok(scenario) => scenario,
        Err(errors) => return errors.iter().map(ToString::to_string).collect(),
    };
    lint(&scenario).iter().map(ToString::to_string).collect()
}

#[test]
fn the_built_in_suite_makes_sense() {
    let mut wrong = Vec::new();
    for scenario in builtin().expect("the suite reads") {
        wrong.extend(lint(&scenario).iter().map(ToString::to_string));
        wrong.extend(left_open(&scenario).iter().map(Error::as_warning));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is begun has to end, be refused, or be said to stay.
#[test]
fn a_call_that_lives_on_is_told() {
    let tell = |text: &str| {
        let fragment = |name: &str| crate::scenario::builtin_fragment(name).map(Ok);
        let scenario = parse("t.yaml", text, &fragment).expect("it reads");
        assert_eq!(lint(&scenario), [], "{text}");
        left_open(&scenario).map(|error| error.as_warning())
    };
    let rings = "steps:\n  - caller: { sends: initiate }\n  - callee: { receives: initiate }\n";
    let told = tell(&format!("name: t\n{rings}")).expect("it rings on");
    assert_eq!(
        told,
        "warning: t.yaml:3:22: this call still lives when the steps are done\n   \
         3 |   - caller: { sends: initiate }\n     |                      ^^^^^^^^ end it, or say why not with `leaves-open`"
    );
    let refused = "steps:\n  - caller: { sends: initiate, to: nobody@localhost/x, answered: { error: service-unavailable } }\n";
    for ended in [
        format!("name: t\nleaves-open: it rings on\n{rings}"),
        format!("name: t\n{rings}  - callee: {{ sends: reject }}\n  - caller: {{ receives: reject }}\n"),
        format!("name: t\n{refused}"),
        "name: t\nsteps:\n  - use: establish-call\n  - use: end-call\n".to_owned(),
    ] {
        assert_eq!(tell(&ended), None, "{ended}");
    }
    // Of two calls the second stays.
    let second = "  - callee: { sends: reject }\n  - caller: { receives: reject }\n  - caller: { sends: initiate, call: again }\n  \
         - callee: { receives: initiate, call: again }\n";
    let told = tell(&format!("name: t\n{rings}{second}")).expect("it rings on");
    assert!(told.starts_with("warning: t.yaml:7:22: "), "{told}");
}

#[test]
fn a_step_that_is_missing_is_named() {
    let told = told(
        "name: t\nsteps:\n  - use: ring\n  - caller: { sends: offer }\n  - callee: { receives: offer }\n",
    );
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("error: t.yaml:4:22: ST-04: the caller "),
        "{}",
        told[0]
    );
}

/// Text in, what is told out: the place and a part of the first error; empty: nothing is wrong.
#[test]
fn what_can_never_happen_is_told_with_its_place() {
    let head = "name: t\nsteps:\n";
    let mut wrong = Vec::new();
    for (steps, place, part) in [
        ("  - use: establish-call\n  - use: end-call\n", "", ""),
        // Breaches.
        (
            "  - caller: { sends: initiate, with: { reason: x } }\n  - caller: { sends: initiate }\n",
            "4:22",
            "ST-10",
        ),
        (
            "  - use: pick-up\n  - caller: { sends: hangup, with: { reason: rejected } }\n",
            "4:22",
            "ST-12",
        ),
        (
            "  - caller: { sends: initiate, without: [callerName] }\n",
            "3:22",
            "SG-06",
        ),
        (
            "  - use: ring\n  - wait: 29s\n  - caller: { sends: hangup, with: { reason: timeout } }\n",
            "5:22",
            "TM-01",
        ),
        (
            "  - use: ring\n  - wait: 30s\n  - caller: { sends: hangup, with: { reason: timeout } }\n",
            "",
            "",
        ),
        (
            "  - caller: { sends: hangup, with: { reason: canceled } }\n",
            "3:22",
            "SG-07",
        ),
        (
            "  - use: establish-call\n  - use: pick-up\n",
            "4:10",
            "in the fragment scenarios/fragments/ring.yaml:5",
        ),
        (
            "  - caller: { sends: initiate, with: { callerName: Ab7 } }\n  - callee: { receives: initiate, matches: { /payload/callerName: \"^\\\\p{{Lu}}b[0-9]{1}$\" } }\n",
            "",
            "",
        ),
        // A relay whose profile says that it rings every device of a bare address.
        (
            "  - caller: { sends: initiate, to: \"{callee.bare}\", answered: result }\n  - callee: { receives: initiate }\n  - callee-2: { receives: initiate }\n",
            "",
            "",
        ),
        // Only if the accept has not arrived yet.
        (
            "  - use: ring\n  - callee: { sends: accept }\n  - callee: { sends: chat, body: a }\n  - caller: { receives: chat }\n  - caller: { sends: offer }\n",
            "",
            "",
        ),
        (
            "  - use: ring\n  - callee: { sends: accept }\n  - mallory: { sends: chat, to: caller, body: a }\n  - caller: { receives: chat }\n  - caller: { sends: offer }\n",
            "7:22",
            "in one order of events",
        ),
        // Announced and none.
        (
            "  - caller: { sends: initiate, breaks: [ST-04] }\n",
            "3:22",
            "nothing breaks it here",
        ),
        (
            "  - use: pick-up\n  - caller: { sends: mute-change, breaks: [ST-07] }\n",
            "4:22",
            "either way",
        ),
        // Never met.
        (
            "  - callee: { receives: initiate }\n",
            "3:25",
            "nobody else sends initiate",
        ),
        (
            "  - use: ring\n  - callee: { receives: initiate }\n",
            "4:25",
            "nothing came",
        ),
        (
            "  - use: ring\n  - callee: { receives: hangup, call: mian }\n",
            "4:25",
            "did you mean `main`?",
        ),
        (
            "  - use: ring\n  - caller: { sends: hangup, with: { reason: cancelled } }\n  - callee: { receives: hangup, where: { /payload/reason: completed } }\n",
            "5:25",
            "wanted \"completed\", came \"cancelled\"",
        ),
        (
            "  - use: establish-call\n  - caller: { sends: mute-change, with: { muted: false } }\n  - callee: { receives: mute-change, where: { /payload/muted: no } }\n",
            "5:25",
            "\"no\" is a text",
        ),
        (
            "  - use: ring\n  - callee: { receives: chat }\n",
            "4:25",
            "a chat message",
        ),
        (
            "  - caller: { sends: initiate }\n  - callee: { hears: nothing, for: 1s }\n",
            "4:22",
            "never silent",
        ),
        (
            "  - caller: { sends: initiate, answered: error }\n",
            "3:22",
            "is answered with an error",
        ),
        (
            "  - callee: { answers: withhold }\n  - caller: { sends: initiate, answered: result }\n",
            "4:22",
            "with a result",
        ),
        // Nobody is there.
        (
            "  - callee: { does: disconnect }\n  - callee: { sends: chat, body: a }\n",
            "4:22",
            "callee is not connected",
        ),
        ("  - callee: { does: connect }\n", "3:21", "connected already"),
        (
            "  - callee: { does: cut }\n  - callee: { does: disconnect }\n",
            "4:21",
            "not connected",
        ),
        // Names.
        (
            "  - caller: { sends: chat, body: \"{gap}\" }\n",
            "3:35",
            "nothing defines `{gap}`",
        ),
        (
            "  - caller: { sends: chat, body: \"ab {caller.nickname}\" }\n",
            "3:38",
            "{caller.jid}",
        ),
        (
            "  - caller: { sends: chat, body: \"{who}\" }\n  - caller: { sends: initiate }\n  - callee: { receives: initiate, capture: { who: /payload/callerName } }\n",
            "3:35",
            "used before it is captured",
        ),
        (
            "  - caller: { sends: initiate }\n  - callee: { receives: initiate, capture: { who: /payload/callerName } }\n",
            "4:46",
            "captured and never used",
        ),
        (
            "  - use: { fragment: ring, with: { no: x } }\n",
            "3:36",
            "unknown parameter `no`",
        ),
        ("  - use: rnig\n", "3:10", "did you mean `ring`?"),
        // Words and forms.
        (
            "  - caller: { sends: initiate, breaks: [ST-4] }\n",
            "3:41",
            "did you mean",
        ),
        (
            "  - caller: { sends: initiate }\n  - callee: { receives: initiate, rule: RT-99 }\n",
            "4:41",
            "unknown rule",
        ),
        (
            "  - caller: { sends: initiate, after: 5 }\n",
            "3:39",
            "needs its unit",
        ),
        (
            "  - caller: { sends: initiate }\n  - callee: { receives: initiate, where: { payload.callerName: alice } }\n",
            "4:44",
            "`/payload/callerName`",
        ),
        (
            "  - caller: { sends: initiate }\n  - callee: { receives: initiate, matches: { /payload/callerName: \"a(\" } }\n",
            "4:67",
            "no regular expression",
        ),
        (
            "  - caller: { sends: initiate, to: calee }\n",
            "3:36",
            "did you mean `callee`?",
        ),
        (
            "  - callee: { answers: { error: bad-reqest } }\n",
            "3:33",
            "did you mean `bad-request`?",
        ),
        (
            "  - callee: { answers: withold }\n",
            "3:24",
            "did you mean `withhold`?",
        ),
        ("  - caller: { sends: chat }\n", "3:13", "needs its `body`"),
        (
            "  - caller: { sends: chat, body: }\n",
            "3:32",
            "a value is missing",
        ),
    ] {
        let told = told(&format!("{head}{steps}"));
        let first = told.first().map_or("", String::as_str);
        let fits = if place.is_empty() {
            first.is_empty()
        } else {
            first.starts_with(&format!("error: t.yaml:{place}: ")) && first.contains(part)
        };
        if !fits {
            wrong.push(format!("wanted {place} {part}\n{steps}{first}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
