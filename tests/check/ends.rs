//! Both ends of a call, whole, in pieces and changed: what is found, and what is not.

use serde_json::Value;

use crate::hars::{ALL, Folder, check, data, har, holds, messages, text};

#[test]
fn sound_calls_are_sound_from_either_end_and_from_both() {
    for name in ALL {
        let said = check(&[&data(name)]);
        assert_eq!((said.status, said.err.as_str()), (0, ""), "{name}: {}", said.out);
        assert!(said.out.contains("a HAR of Chrome"), "{}", said.out);
        assert!(
            !said.out.contains("must,") && !said.out.contains("AGFsaWNl"),
            "{}",
            said.out
        );
    }
    let said = check(&[&data(ALL[0]), &data(ALL[1]), &data(ALL[2])]);
    assert_eq!(said.status, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("put together with"), "{}", said.out);
}

#[test]
fn clocks_an_hour_apart_are_set_against_each_other() {
    let folder = Folder::new();
    for (hours, shifted) in [(-1.0, "T12:44"), (1.0, "T14:44")] {
        let [mut caller, mut callee] = [har(ALL[0]), har(ALL[1])];
        for message in messages(&mut callee) {
            message["time"] = (message["time"].as_f64().expect("a time") + hours * 3_600.0).into();
        }
        // The callee's own signals bear the time of its own clock.
        let own = messages(&mut caller).iter_mut().chain(messages(&mut callee));
        for message in own {
            let text = message["data"].as_str().unwrap_or_default().to_owned();
            let plain = text.replace("&quot;", "\"");
            if plain.contains("\"senderId\":\"b2c3") {
                message["data"] = text.replace("T13:44", shifted).into();
            }
        }
        let files = [
            folder.write("caller.har", &caller),
            folder.write("callee.har", &callee),
        ];
        let said = check(&[&files[0], &files[1]]);
        assert_eq!(said.status, 0, "{}{}", said.out, said.err);
        assert!(said.out.contains("3600."), "{}", said.out);
        assert!(!said.out.contains("TM-"), "{}", said.out);
        // From one end alone it is not certain whose clock is wrong.
        let said = check(&[&files[0]]);
        assert!(said.status == 0 && !said.out.contains("warn "), "{}", said.out);
    }
}

#[test]
fn no_prefix_no_suffix_and_no_part_raises_an_alarm() {
    let folder = Folder::new();
    for name in ALL {
        let whole = messages(&mut har(name)).len();
        for begin in (0..whole).step_by(3) {
            for end in (begin..=whole).step_by(5).chain([whole]) {
                let said = folder.changed(name, |messages| {
                    messages.truncate(end);
                    messages.drain(..begin);
                });
                assert!(
                    matches!(said.status, 0 | 3) && !said.out.contains("FAIL"),
                    "{name} {begin}..{end}: {}{}",
                    said.out,
                    said.err
                );
            }
        }
    }
}

#[test]
fn a_file_that_was_cut_off_is_judged_up_to_there() {
    let folder = Folder::new();
    let text = std::fs::read_to_string(data(ALL[0])).expect("a HAR");
    let path = folder.0.path().join("cut.har");
    let half = text.len() * 3 / 4;
    let half = (half..)
        .find(|at| text.is_char_boundary(*at))
        .expect("a boundary");
    std::fs::write(&path, &text[..half]).expect("a file");
    let said = check(&[&path]);
    assert_eq!(said.status, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("its end is torn"), "{}", said.out);
    assert!(said.out.contains("its end not recorded"), "{}", said.out);
}

#[test]
fn what_was_changed_is_found_by_its_rule() {
    let folder = Folder::new();
    let said = folder.changed(ALL[2], |messages| {
        for message in messages.iter_mut().filter(|message| holds(message, "hangup")) {
            let text = message["data"]
                .as_str()
                .expect("text")
                .replace("cancelled", "rejected");
            message["data"] = text.into();
        }
    });
    assert!(
        said.status == 1 && said.out.contains("ST-12  must, client"),
        "{}",
        said.out
    );

    let said = folder.changed(ALL[2], |messages| {
        for message in messages.iter_mut().filter(|message| holds(message, "hangup")) {
            let text = message["data"]
                .as_str()
                .expect("text")
                .replace("cancelled", "timeout");
            message["data"] = text.into();
        }
    });
    assert!(
        said.status == 1 && said.out.contains("TM-01  must, client"),
        "{}",
        said.out
    );

    // The caller's candidates before its offer.
    let said = folder.changed(ALL[0], |messages| {
        let offer = messages.iter().position(|m| holds(m, "offer")).expect("an offer");
        let ice = |m: &Value| m["type"] == "send" && holds(m, "ice-candidate");
        let candidate = messages.iter().position(ice).expect("a candidate");
        let mut early = messages.remove(candidate);
        early["time"] = messages[offer]["time"].clone();
        messages.insert(offer, early);
    });
    assert!(
        said.status == 1 && said.out.contains("ST-06  must, client"),
        "{}",
        said.out
    );
    assert!(said.out.contains("changed.har:"), "{}", said.out);

    // An offer that nobody has accepted yet.
    let said = folder.changed(ALL[0], |messages| {
        let accept = messages
            .iter()
            .position(|m| holds(m, "accept"))
            .expect("an accept");
        let offer = messages.iter().position(|m| holds(m, "offer")).expect("an offer");
        let mut early = messages.remove(offer);
        early["time"] = messages[accept]["time"].clone();
        messages.insert(accept, early);
    });
    assert!(
        said.status == 1 && said.out.contains("ST-04  must, client"),
        "{}",
        said.out
    );
}

#[test]
fn a_text_that_was_cut_short_is_held_against_its_sender_where_that_is_seen() {
    let folder = Folder::new();
    for (way, status, word) in [("send", 1, "FAIL "), ("receive", 0, "maybe ")] {
        let said = folder.changed(ALL[0], |messages| {
            let candidate = messages
                .iter_mut()
                .find(|m| m["type"] == way && holds(m, "ice-candidate"));
            let candidate = candidate.expect("a candidate");
            candidate["data"] = text(candidate).replace("}</call>", "</call>").into();
        });
        assert!(
            said.status == status && said.out.contains(word) && said.out.contains("IQ-04  must, client"),
            "{way}: {}",
            said.out
        );
    }
}

#[test]
fn what_the_server_lost_or_doubled_shows_itself_from_both_ends() {
    let folder = Folder::new();
    let mut callee = har(ALL[1]);
    let all = messages(&mut callee);
    let mute = all
        .iter()
        .position(|m| holds(m, "mute-change"))
        .expect("a mute-change");
    let double = all[mute].clone();
    all.insert(mute + 1, double);
    let path = folder.write("doubled.har", &callee);
    let said = check(&[&data(ALL[0]), &path]);
    assert!(
        said.status == 1 && said.out.contains("RT-03  must, server"),
        "{}",
        said.out
    );

    let [mut caller, mut callee] = [har(ALL[0]), har(ALL[1])];
    let of = |m: &Value| m["data"].as_str().is_some_and(|data| data.contains("alice-7"));
    messages(&mut callee).retain(|m| !of(m));
    messages(&mut caller).retain(|m| !of(m) || m["type"] == "send");
    let files = [
        folder.write("sent.har", &caller),
        folder.write("lost.har", &callee),
    ];
    let said = check(&[&files[0], &files[1]]);
    assert!(said.out.contains("RT-03  must, server"), "{}", said.out);
}

#[test]
fn what_cannot_be_judged_has_its_own_status() {
    let folder = Folder::new();
    let empty = folder.0.path().join("empty");
    std::fs::write(&empty, "").expect("a file");
    let said = check(&[&empty]);
    assert!(
        said.status == 2 && said.err.contains("the file is empty"),
        "{}",
        said.err
    );

    let prose = folder.0.path().join("prose");
    std::fs::write(&prose, "Dear all,\nno calls today.\n").expect("a file");
    let said = check(&[&prose]);
    assert!(said.status == 2 && said.err.contains("Prosody"), "{}", said.err);

    let said = folder.changed(ALL[0], |messages| messages.retain(|m| !holds(m, "")));
    assert!(
        said.status == 3 && said.err.contains("nothing to judge"),
        "{}",
        said.err
    );

    let broken = folder.0.path().join("broken.har");
    std::fs::write(
        &broken,
        "{\"log\":{\"entries\":[{\"_webSocketMessages\":[\n{\"type\":7}]}]}}",
    )
    .expect("a file");
    let said = check(&[&broken]);
    assert!(
        said.status == 2 && said.err.contains("broken.har:2"),
        "{}",
        said.err
    );
}

/// Of what a proxy recorded of several sessions one file breaks off: the others say nothing of what came to that one since.
#[test]
fn a_session_that_breaks_off_beside_another_stops_there() {
    let call = |kind: &str, ids: [&str; 2], payload: &str| {
        let text = format!(
            r#"{{"type":"call:{kind}","callId":"0f0e0d0c-0b0a-4908-8706-050403020100","senderId":"{}","recipientId":"{}","timestamp":"2026-01-01T00:00:20Z","payload":{payload}}}"#,
            ids[0], ids[1]
        );
        format!(
            "<call xmlns='urn:xmpp:call:0'>{}</call>",
            text.replace('"', "&quot;")
        )
    };
    let (alice, bob) = (
        "a1b2c3d4-e5f6-4890-abcd-ef1234567890",
        "b2c3d4e5-f6a7-4901-bcde-f12345678901",
    );
    let session = |who: &str, events: &[(f64, &str, String)]| {
        let header = serde_json::json!({
            "callspec": 1, "scenario": {"name": format!("session of {who}"), "tags": ["session"]}, "witness": "between",
            "steady": true, "started": "2026-01-01T00:00:00Z",
            "cast": {who: {"jid": format!("{who}@x/1"), "party": "client"}},
        });
        let event = |(n, (t, dir, xml)): (usize, &(f64, &str, String))| {
            let xml = (!xml.is_empty()).then_some(xml);
            let jid = format!("{who}@x/1");
            serde_json::json!({"n": n + 1, "t": t, "who": who, "jid": jid, "dir": dir, "xml": xml})
                .to_string()
        };
        let events = events.iter().enumerate().map(event);
        std::iter::once(header.to_string())
            .chain(events)
            .collect::<Vec<_>>()
            .join("\n")
            + "\n"
    };
    let none = String::new;
    let began = [
        (0.0, "connected", none()),
        (0.5, "received", "<presence from='bob@x/1'/>".to_owned()),
    ];
    let initiate = call("initiate", [alice, bob], r#"{"callerName":"Alice"}"#);
    let hangup = call("hangup", [alice, bob], r#"{"reason":"cancelled"}"#);
    let caller = session(
        "alice",
        &[
            (0.0, "connected", none()),
            (
                20.0,
                "sent",
                format!("<iq type='set' id='1' to='bob@x/1'>{initiate}</iq>"),
            ),
            (
                20.2,
                "received",
                "<iq type='result' id='1' from='bob@x/1' to='alice@x/1'/>".to_owned(),
            ),
            (
                22.0,
                "sent",
                format!("<iq type='set' id='2' to='bob@x/1'>{hangup}</iq>"),
            ),
            (
                22.2,
                "received",
                "<iq type='result' id='2' from='bob@x/1' to='alice@x/1'/>".to_owned(),
            ),
            (30.0, "stops", none()),
        ],
    );
    let folder = Folder::new();
    let stopped = [&began[..], &[(30.0, "stops", none())]].concat();
    for (callee, status) in [(&began[..], 0), (&stopped[..], 1)] {
        let paths = [
            ("caller.jsonl", &caller),
            ("callee.jsonl", &session("bob", callee)),
        ];
        let paths = paths.map(|(name, text)| {
            let path = folder.0.path().join(name);
            std::fs::write(&path, text).expect("written");
            path
        });
        let said = check(&[&paths[0], &paths[1]]);
        assert_eq!(said.status, status, "{}{}", said.out, said.err);
    }
}

/// What names no call any more is read all the same.
#[test]
fn a_call_that_a_server_makes_something_else_of_is_told() {
    let folder = Folder::new();
    let [caller, mut callee] = [har(ALL[0]), har(ALL[1])];
    let got = messages(&mut callee);
    let mute = got.iter_mut().find(|m| holds(m, "mute-change"));
    let mute = mute.expect("a mute-change");
    mute["data"] = text(mute).replace("urn:xmpp:call:0", "urn:xmpp:call:1").into();
    let said = check(&[
        &folder.write("caller.har", &caller),
        &folder.write("callee.har", &callee),
    ]);
    let told = said.out.contains("RT-05") && said.out.contains("as another request than was sent");
    assert!(told && said.status == 1, "{}{}", said.out, said.err);
}
