//! Nothing that was on the wire, in a name or in a message becomes markup.

use std::io::Read as _;

use base64::Engine as _;
use serde_json::json;

use super::*;
use crate::report::ladder::tests::Tape;
use crate::report::summary::read;

const HOSTILE: &str =
    "</script><script>alert(1)</script><!-- \" ' ` \u{2028} \u{0} \u{1b} ]]> {{ 7*7 }} {% raw %}";

fn hostile() -> (Summary, Played) {
    let report = json!({
        "callspec": HOSTILE, "target": { "url": HOSTILE },
        "scenarios": [{
            "name": HOSTILE, "matrix": [HOSTILE], "about": HOSTILE, "file": HOSTILE, "tags": [HOSTILE], "rules": [HOSTILE],
            "result": "failed", "reason": HOSTILE, "transcript": HOSTILE,
            "findings": [{ "rule": HOSTILE, "level": "must", "message": HOSTILE, "wanted": HOSTILE, "seen": HOSTILE,
                "source": HOSTILE, "events": [3] }],
        }],
    });
    let summary = read(report.to_string().as_bytes()).expect("a report");
    let mut tape = Tape::pair();
    tape.passes(
        0.0,
        "caller",
        "callee",
        "c1",
        "hangup",
        json!({ "reason": HOSTILE }),
    );
    let mut played = Played::new(tape.cast);
    tape.events.into_iter().for_each(|event| played.push(event));
    (summary, played)
}

fn written(summary: &Summary, played: &Played, room: usize) -> String {
    let mut out = Vec::new();
    html_within(summary, &mut |_| Ok(Some(played.clone())), room, &mut out).expect("memory");
    String::from_utf8(out).expect("text")
}

/// What a block holds.
fn block(page: &str, id: &str) -> serde_json::Value {
    let start = format!("id=\"{id}\">");
    let text = page
        .split(&start)
        .nth(1)
        .and_then(|rest| rest.split('<').next())
        .expect("a block");
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text)
        .expect("base64");
    let mut json = String::new();
    flate2::read::GzDecoder::new(bytes.as_slice())
        .read_to_string(&mut json)
        .expect("gzip");
    serde_json::from_str(&json).expect("JSON")
}

#[test]
fn hostile_text_stays_text() {
    let (summary, played) = hostile();
    let page = written(&summary, &played, ROOM);
    // The page's own two scripts and one block; nothing else opens or closes one.
    assert_eq!(page.matches("<script").count(), 3);
    assert_eq!(page.matches("</script").count(), 3);
    assert!(!page.contains("<!--") && !page.contains(['\u{0}', '\u{1b}', '\u{2028}']));
    assert!(
        page.contains("{{ 7*7 }}"),
        "what is put in is not read as a template"
    );
    let index = page
        .split("id=\"index\">")
        .nth(1)
        .and_then(|rest| rest.split("</script>").next());
    let index: serde_json::Value = serde_json::from_str(index.expect("an index")).expect("JSON");
    assert_eq!(index["scenarios"][0]["name"], HOSTILE);
    let block = block(&page, "b0");
    let svg = block["svg"].as_str().expect("a drawing");
    assert!(!svg.contains("<script"));
    let element: minidom::Element = svg.parse().expect("XML");
    assert_eq!(element.name(), "svg");
    let xml = block["events"][2]["xml"].as_str().expect("a stanza");
    assert!(xml.contains("&lt;/script&gt;"), "{xml}");
}

#[test]
fn what_does_not_fit_is_said_to_be_left_out() {
    let (summary, mut played) = hostile();
    let page = written(&summary, &played, 0);
    assert!(page.contains("left out, to keep this file small"));
    assert!(!page.contains("id=\"b0\""));
    let event = played.events.get(2).expect("a stanza").clone();
    let mut long = event.clone();
    long.xml = Some("é".repeat(40_000).into());
    played.events.clear();
    played.push(long);
    for _ in 0..3_999 {
        played.push(event.clone());
    }
    assert_eq!((played.events.len(), played.left_out), (3_000, 1_000));
    let xml = played
        .events
        .first()
        .and_then(|event| event.xml.clone())
        .expect("a stanza");
    assert!(
        xml.len() < 33_000 && xml.ends_with("47232 more bytes are left out"),
        "{}",
        xml.len()
    );
    let block = block(&written(&summary, &played, ROOM), "b0");
    assert_eq!(
        block["left_out"],
        "1000 more events are left out: the transcript has them."
    );
}

#[test]
fn it_asks_the_network_for_nothing() {
    let (summary, played) = hostile();
    let page = written(&summary, &played, ROOM);
    let outside = page.matches("http://").count() + page.matches("https://").count();
    assert_eq!(outside, 0, "no address but those in the compressed blocks");
    assert!(page.contains("default-src 'none'"));
}
