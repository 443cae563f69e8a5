//! What is drawn is well-formed, whatever was on the wire.

use serde_json::json;

use super::*;
use crate::report::ladder::tests::Tape;
use crate::report::ladder::{Ladder, Mark};

fn crossing() -> Ladder {
    let mut tape = Tape::pair();
    tape.passes(
        0.0,
        "caller",
        "callee",
        "c1",
        "initiate",
        json!({ "callerName": "Alice" }),
    );
    tape.sends(
        0.104,
        "caller",
        "callee",
        "c7",
        "hangup",
        json!({ "reason": "cancelled" }),
    );
    tape.sends(0.105, "callee", "caller", "d1", "accept", json!({}));
    tape.takes(0.107, "caller", "iq set d1");
    tape.takes(0.109, "callee", "iq set c7");
    let again = tape.takes(0.119, "callee", "iq set c7");
    tape.ladder(vec![Mark {
        rule: "RT-03".to_owned(),
        text: "callee received caller's hangup (iq c7) twice.".to_owned(),
        events: vec![again],
        grave: true,
    }])
}

#[test]
fn a_crossing_crosses() {
    let drawn = standalone(&crossing(), "cancel/crosses-accept", false);
    // The two shafts of each arrow, as x and y of both ends.
    let signal = drawn
        .split("<g class=\"signal\"><path class=\"shaft\" d=\"M")
        .skip(1);
    let shafts: Vec<Vec<f64>> = signal
        .map(|rest| {
            let path = rest.split('"').next().expect("a path");
            path.split([' ', 'L'])
                .map(|number| number.parse().expect("a number"))
                .collect()
        })
        .collect();
    let (hangup, accept) = (&shafts[2], &shafts[3]);
    assert!(
        hangup[0] < hangup[2] && accept[0] > accept[2],
        "they go opposite ways"
    );
    // The hangup begins above the accept and ends below it.
    let (hangup_end, accept_end) = (&shafts[5], &shafts[4]);
    assert!(hangup[1] < accept_end[3] && accept[1] < hangup_end[3]);
    assert!(hangup_end[2] > hangup[2] && accept_end[2] < accept[2]);
}

#[test]
fn what_is_drawn_is_xml() {
    let mut tape = Tape::of(&[
        ("<script>\u{1b}\"'&", "<b>@h/a"),
        ("]]>\u{2028}", "\u{202e}bob@h/b"),
    ]);
    let (a, b) = ("<script>\u{1b}\"'&", "]]>\u{2028}");
    tape.passes(
        0.0,
        a,
        b,
        "c1",
        "initiate",
        json!({ "callerName": "</svg><script>alert(1)</script>" }),
    );
    tape.passes(0.1, a, b, "c2", "hangup", json!({ "reason": "</text>\u{0}\"'<" }));
    tape.says(0.2, a, b, "m1", "<![CDATA[ &amp; \"");
    tape.event(
        0.3,
        b,
        "missed",
        json!({ "wanted": "<img onerror=\"alert(1)\">\u{7}" }),
    );
    let ladder = tape.ladder(vec![Mark {
        rule: "<i>".to_owned(),
        text: "<b>\u{c}&\"'".to_owned(),
        events: vec![2],
        grave: false,
    }]);
    for drawn in [
        standalone(&ladder, "<title>&\u{1}", true),
        embedded(&ladder, true),
    ] {
        let element: minidom::Element = drawn.trim().parse().expect("XML");
        assert_eq!(element.name(), "svg");
        assert!(!drawn.contains("<script") && !drawn.contains("<img") && !drawn.contains("<b>"));
        assert!(!drawn.contains(['\u{1b}', '\u{202e}', '\u{2028}', '\u{0}']));
    }
}

#[test]
fn it_stays_the_same() {
    insta::assert_snapshot!(standalone(&crossing(), "cancel/crosses-accept", false));
}

#[test]
fn text_is_escaped_for_both_kinds_of_quotes() {
    assert_eq!(
        escape("<a b=\"c\" d='e'>&\u{0}\u{fffe}\n"),
        "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;\u{fffd}\u{fffd}\n"
    );
}
