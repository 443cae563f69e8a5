//! Real calls beyond the plain one: both call at once, two devices ring, the media is negotiated again, and a server's
//! own log. Each is sound from every end by itself and from all together.

use crate::hars::{ALICE, BOB, Folder, Said, check, data, holds, replaced, text};

fn said(files: &[&str]) -> Said {
    let paths: Vec<_> = files.iter().map(|file| data(file)).collect();
    let paths: Vec<_> = paths.iter().map(|path| &**path).collect();
    check(&paths)
}

#[test]
fn real_calls_are_sound_from_every_end() {
    let all: [(&[&str], &[&str]); 4] = [
        (
            &["chrome-glare.alice.har", "chrome-glare.bob.har"],
            &["2 calls", "ended by busy", "ended by hangup completed"],
        ),
        (
            &[
                "chrome-devices.alice.har",
                "chrome-devices.bob.har",
                "chrome-devices.bob-phone.har",
            ],
            &["1 call\n"],
        ),
        (&["chrome-renegotiates.alice.har"], &["29 signals"]),
        (&["ejabberd-crossing.log"], &["an ejabberd log", "1 call\n"]),
    ];
    for (files, told) in all {
        let together = said(files);
        assert!(together.is_sound(), "{files:?}: {}{}", together.out, together.err);
        for text in told {
            assert!(together.out.contains(text), "{files:?}: {}", together.out);
        }
        for file in files {
            let alone = said(&[file]);
            assert!(alone.is_sound(), "{file}: {}{}", alone.out, alone.err);
        }
    }
}

#[test]
fn candidates_before_the_offer_are_told_where_they_stand() {
    let said = said(&["chrome-early-candidates.alice.har"]);
    assert_eq!(said.status, 1, "{}", said.out);
    assert!(said.out.contains("ST-06  must, client"), "{}", said.out);
    assert!(
        said.out.contains("chrome-early-candidates.alice.har:23"),
        "{}",
        said.out
    );
}

#[test]
fn an_answer_and_the_servers_error_behind_it_are_not_two_answers_of_the_client() {
    // Prosody gives back what a client had answered and not acknowledged (XEP-0198) when its session ends.
    let told = |condition: &str| {
        let folder = Folder::new();
        folder.changed("chrome-call.caller.har", |messages| {
            let answer = messages.iter().rev().find(|m| m["type"] == "receive" && text(m).contains("result"));
            let answer = answer.expect("an answer").clone();
            let mut error = answer.clone();
            let id = ["id='", "id=\""].iter().find_map(|open| {
                let (_, rest) = text(&answer).split_once(&format!(" {open}"))?;
                rest.split(['\'', '"']).next().map(str::to_owned)
            });
            error["data"] = format!(
                "<iq type='error' id='{}' from='{BOB}' to='{ALICE}' xmlns='jabber:client'><error type='cancel'>\
                 <{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
                id.expect("an id")
            )
            .into();
            messages.push(error);
        })
    };
    let back = told("recipient-unavailable");
    assert_ne!(back.status, 1, "{}", back.out);
    assert!(back.out.contains("the server gave it back"), "{}", back.out);
    // Or it has handed the request on twice, and the second one was refused.
    let twice = told("unexpected-request");
    assert_ne!(twice.status, 1, "{}", twice.out);
    assert!(
        twice.out.contains("handed the request or the answer on twice"),
        "{}",
        twice.out
    );
}

#[test]
fn a_candidate_for_a_section_that_no_description_has_is_told_once_the_call_is_over() {
    let folder = Folder::new();
    let wrong = |messages: &mut Vec<serde_json::Value>, cut: bool| {
        let (from, to) = (r#"sdpMid":"0""#, r#"sdpMid":"9""#);
        let escaped = |text: &str| text.replace('"', "&quot;");
        *messages = replaced(&replaced(messages, from, to), &escaped(from), &escaped(to));
        assert!(
            messages
                .iter()
                .any(|message| text(message).contains("sdpMid") && text(message).contains('9'))
        );
        if cut {
            messages.truncate(
                messages
                    .iter()
                    .position(|m| holds(m, "hangup"))
                    .expect("a hangup"),
            );
        }
    };
    let over = folder.changed("chrome-call.caller.har", |messages| wrong(messages, false));
    assert_eq!(over.status, 1, "{}", over.out);
    assert!(over.out.contains("SD-11  must, client"), "{}", over.out);
    // An offer that has the section may follow where the recording ends.
    let cut = folder.changed("chrome-call.caller.har", |messages| wrong(messages, true));
    assert_ne!(cut.status, 1, "{}", cut.out);
    assert!(
        cut.out.contains("where nothing was recorded") || cut.out.contains("excused if"),
        "{}",
        cut.out
    );
}
