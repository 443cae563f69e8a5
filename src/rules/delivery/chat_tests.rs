//! What recordings of both ends show of the chat between them, and what they do not show.

use super::relayed_tests::{A, B, C, ON, told, verdict_by};
use crate::transcript::Witness;

/// What is found where both were recorded from their logins on, by others and by a proxy of ours.
pub(super) fn found(lines: &str) -> [String; 2] {
    [false, true].map(|steady| by(0.0, steady, lines))
}

/// By clocks that may be so far apart.
fn by(apart: f64, steady: bool, lines: &str) -> String {
    let lines = format!("0 alice comes {A}\n0 bob comes {B}\n{lines}\n{ON}");
    told(&verdict_by((Witness::Ends, apart, steady), &lines)).join(", ")
}

pub(super) fn same(lines: &str, wanted: &str) {
    for found in found(lines) {
        assert_eq!(found, wanted, "{lines}");
    }
}

/// Something that came as it was sent: people's words are written down here.
pub(super) const BEFORE: &str = "3 alice says bob 0 x\n3 bob gets alice 0 x\n";

#[test]
fn what_a_server_does_to_chat() {
    let sent = "4 alice says bob 1 a&lt;é\n";
    let later = "4.5 alice says bob 2 b\n4.6 bob gets alice 2 b";
    for (lines, wanted) in [
        ("4.1 bob gets alice 1 a&lt;é", ""),
        (
            "4.1 bob gets alice 1 a&lt;é\n4.2 bob gets alice 1 a&lt;é",
            "CH-01 [5, 6, 7]",
        ),
        ("4.1 bob gets alice 1 a&lt;?", "RT-14 [5, 6]"),
        ("4.1 bob gets alice 1 b", "CH-01 [5, 6]"),
        (later, "CH-01 [5]"),
        (
            &format!("{later}\n4.7 bob gets alice 1 a&lt;é"),
            "CH-01 [5, 7, 8]",
        ),
        (&format!("4.1 bob gets alice@x 1 a&lt;é\n{later}"), "RT-01 [5, 6]"),
        (&format!("4.1 bob gets eve@x/1 1 a&lt;é\n{later}"), "RT-01 [5, 6]"),
        // It was perhaps kept from its addressee, or answered with an error that came too late to be seen.
        ("", "CH-01? [5]"),
        (&format!("{later}\n5 alice goes\n5 alice comes {A}"), "CH-01? [5]"),
    ] {
        same(&format!("{BEFORE}{sent}{lines}"), wanted);
    }
    let breaks =
        |sent: &str, came: &str| format!("{BEFORE}4 alice says bob 1 {sent}\n4.1 bob gets alice 1 {came}");
    same(&breaks("a&#13;b", "a&#10;b"), "RT-15 [5, 6]");
    let carol = |to: &str| {
        format!(
            "0 carol comes carol@x/1\n3 alice says bob 1 a\n3.1 carol reads <message type='chat' from='{A}' to='{to}' \
             id='1'><body>a</body></message>"
        )
    };
    let elsewhere = &carol(B);
    same(elsewhere, "RT-06 [4, 5]");
    // She was written to as well, before her recording began.
    same(&format!("{}\n3.1 bob gets alice 1 a", carol("carol@x/1")), "");
    // Both are told: he got it, too.
    same(&format!("{elsewhere}\n3.1 bob gets alice 1 a"), "RT-06 [4, 5]");
}

#[test]
fn chat_that_a_server_may_treat_so() {
    let sent = "4 alice says bob 1 a\n";
    let got = "4.1 bob gets alice 1 a\n";
    let later = "4.5 alice says bob 2 b\n4.6 bob gets alice 2 b\n";
    let stamped = "bob reads <message type='chat' from='alice@x/1' id='1'><body>a</body><delay xmlns='urn:xmpp:delay' \
                   stamp='2026-01-01T00:00:00Z'/></message>";
    let error = "alice reads <message type='error' from='bob@x/2' id='1'><body>a</body><error type='cancel'/></message>";
    let copy = |kind: &str| {
        format!(
            "bob reads <message from='bob@x' to='bob@x/2'><{kind}><forwarded xmlns='urn:xmpp:forward:0'><message \
             xmlns='jabber:client' type='chat' from='alice@x/1' to='bob@x/2' id='1'><body>a</body></message></forwarded></{kind}></message>"
        )
    };
    for lines in [
        // Sent twice under one id, and in either order.
        format!("{sent}{sent}{got}{got}{later}"),
        format!("{sent}{got}{sent}{got}{later}"),
        // A constant id.
        format!("{sent}4 alice says bob 1 b\n{got}4.1 bob gets alice 1 b"),
        // Sent again when she is there again.
        format!(
            "{sent}4.1 alice goes\n4.2 alice comes {A}\n4.3 alice says bob 1 a\n4.4 bob gets alice 1 a\n4.5 bob gets alice 1 a"
        ),
        // He resumes his session, and gets again what he had not acknowledged.
        format!("{sent}{got}4.2 bob goes\n4.3 bob begins {B}\n4.4 bob gets alice 1 a"),
        // It gets lost with his connection, or was kept for him.
        format!("{sent}4.1 bob goes\n4.3 bob comes {B}\n{later}"),
        format!("3.5 bob goes\n{sent}5 bob comes {B}\n5.1 {stamped}"),
        format!("{sent}{later}4.7 {stamped}"),
        format!("{sent}{got}4.7 {stamped}"),
        // Copies, from wherever.
        format!(
            "{sent}{got}4.2 {}\n4.2 {}",
            copy("received xmlns='urn:xmpp:carbons:2'"),
            copy("result xmlns='urn:xmpp:mam:2'")
        ),
        // The server refuses it.
        format!("{sent}{later}4.7 {error}"),
        // Another device of his, or his user, may get it anywhere.
        format!("0 bob2 comes {C}\n{sent}{got}4.2 bob2 gets alice 1 a"),
        format!("0 bob2 comes {C}\n4 alice says bob@x 1 a\n4.1 bob2 gets alice 1 a\n{later}"),
        format!("4 alice says bob@x 1 a\n{later}4.7 bob gets alice 1 a"),
        format!("4 alice says bob@x 1 a\n{later}"),
        // What is written elsewhere may have an id and words in common.
        format!("{sent}4.1 bob gets eve@x/1 1 a\n4.2 bob gets alice 1 a\n{later}"),
        format!("{sent}{got}4.2 bob gets eve@x/1 1 a\n{later}"),
        // The same to his user, which another device got, and to this device.
        format!(
            "4 alice says bob@x 1 a\n4.1 alice says bob 2 b\n4.2 bob gets alice 2 b\n{sent}4.3 bob gets alice 1 a\n4.4 \
             alice says bob 3 c\n4.5 bob gets alice 3 c"
        ),
        // A server may give it another id.
        format!("{sent}4.1 bob gets alice 7 a\n{later}"),
        // A secret that was cut out of one of the recordings.
        format!("4 alice says bob 1 it is ***!\n4.1 bob gets alice 1 it is 1234!\n{later}"),
        // Nobody that was recorded.
        format!("4 alice says carol@x/1 1 a\n{later}"),
    ] {
        same(&format!("{BEFORE}{lines}"), "");
    }
    // Neither a room's talk nor a headline, nor what has no words.
    for (kind, body) in [
        ("groupchat", "<body>a</body>"),
        ("headline", "<body>a</body>"),
        ("chat", "<body/>"),
        ("chat", ""),
    ] {
        let says = format!("4 alice writes <message type='{kind}' to='{B}' id='1'>{body}</message>");
        let gets =
            format!("4.1 bob reads <message type='{kind}' from='{A}' to='{B}' id='1'>{body}</message>");
        same(&format!("{BEFORE}{says}\n{later}"), "");
        same(&format!("{BEFORE}{says}\n{gets}\n{gets}\n{later}"), "");
    }
}

#[test]
fn of_chat_not_all_is_known() {
    let sent = "4 alice says bob 1 a\n";
    let got = "4.1 bob gets alice 1 a\n";
    // To a user it may come out of a store as well.
    let twice = "4 alice says bob@x 1 a\n4.1 bob gets alice 1 a\n4.2 bob gets alice 1 a";
    same(twice, "CH-01? [3, 4, 5]");
    // She has just come, and may have sent it before.
    let [others, ours] = found("1 alice says bob 1 a\n1.1 bob gets alice 1 a\n1.2 bob gets alice 1 a");
    assert_eq!((&*others, &*ours), ("CH-01? [3, 4, 5]", "CH-01 [3, 4, 5]"));
    // Without an id it is another's recording that lacks one.
    let nameless = "alice writes <message to='bob@x/2'><body>a</body></message>";
    let came = "bob reads <message from='alice@x/1' to='bob@x/2'><body>a</body></message>";
    let [others, ours] = found(&format!("3 {nameless}\n4.1 {came}\n4.1 {came}"));
    assert_eq!((&*others, &*ours), ("", "CH-01 [3, 4, 5]"));
    same(&format!("3 {nameless}\n4 {nameless}\n4.1 {came}\n4.1 {came}"), "");
    // Where no words came as they were sent, others may have masked them, and where none came, left them out.
    let [others, ours] = found(&format!("{sent}4.1 bob gets alice 1 b"));
    assert_eq!((&*others, &*ours), ("CH-01? [3, 4]", "CH-01 [3, 4]"));
    let [others, ours] = found(sent);
    assert_eq!((&*others, &*ours), ("", "CH-01? [3]"));
    // Something that nobody can read may have been it.
    let unread =
        format!("{BEFORE}{sent}4.1 bob reads <message\n4.2 alice says bob 2 b\n4.3 bob gets alice 2 b");
    let [others, ours] = found(&unread);
    assert_eq!((&*others, &*ours), ("CH-01? [5]", "CH-01 [5]"));
    // A signal may be written down before a message that came before it, but for our own proxy.
    let signal = "4.05 alice > bob s c\n4.08 bob < alice s c\n4.08 bob ok alice s\n4.1 alice got bob s\n";
    let [others, ours] = found(&format!("{sent}{signal}{got}"));
    assert_eq!((&*others, &*ours), ("", "CH-01 [3, 5, 8]"));
    let before = "4 alice > bob s c\n4.05 alice says bob 1 a\n4.06 bob gets alice 1 a\n4.08 bob < alice s c\n4.08 bob ok alice s\n4.1 alice got bob s\n";
    let [others, ours] = found(before);
    assert_eq!((&*others, &*ours), ("", "RT-04 [3, 5, 6]"));
}

/// By two clocks that are set against each other a message may seem to come before it was sent.
#[test]
fn chat_that_seems_to_come_before_it_was_sent_came_after() {
    let early = "4 bob gets alice 1 a\n4.1 alice says bob 1 a\n";
    let later = "4.5 alice says bob 2 b\n4.6 bob gets alice 2 b\n";
    for (lines, wanted) in [
        (format!("{early}{later}"), ""),
        (
            format!(
                "4 bob gets alice 1 a\n4.1 bob gets alice 1 a\n4.1 alice says bob 1 a\n4.1 alice says bob 1 a\n{later}"
            ),
            "",
        ),
        (
            format!("4.0 bob gets alice 1 a\n{early}{later}"),
            "CH-01 [5, 6, 7]",
        ),
        (
            format!(
                "4 alice says bob 1 a\n4 bob gets alice 1 a\n4.1 bob gets alice 1 a\n4.3 alice says bob 1 a\n{later}"
            ),
            "",
        ),
        // Further back than clocks can be wrong it was another.
        (
            "4 bob gets alice 1 a\n11 alice says bob 1 a\n11.1 bob gets alice 1 a".to_owned(),
            "",
        ),
    ] {
        assert_eq!(by(0.5, false, &format!("{BEFORE}{lines}")), wanted, "{lines}");
    }
}
