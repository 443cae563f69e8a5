//! What a log's connections are taken for.

use super::super::frame::Frames;
use super::super::logs::Logs;
use super::*;

const CALL: &str = "<call xmlns='urn:xmpp:call:0'>{}</call></iq>";

/// Who did what when, and whether these were signals alone.
fn told(log: &str) -> (Vec<String>, bool) {
    let (mut logs, mut sessions) = (Logs::new(log.as_bytes()), Sessions::new());
    while let Some(frame) = logs.next() {
        sessions.take(frame.expect("a frame"));
    }
    sessions.finish();
    let events = std::iter::from_fn(|| sessions.pop()).filter(|recorded| recorded.event.xml.is_some());
    let told = events.map(|Recorded { event, .. }| {
        let jid = event.jid.unwrap_or_default();
        format!("{jid} {:?} {}", event.dir, event.t % 3_600.0).to_lowercase()
    });
    (told.collect(), sessions.signals)
}

/// The clocks are put back at three, when two connections are there. A third comes later.
#[test]
fn a_clock_that_is_put_back_is_that_of_all_connections() {
    let log: String = [
        ("02:59:10", 1, "a"),
        ("02:59:50", 2, "b"),
        ("02:00:00", 2, "b"),
        ("02:00:30", 1, "a"),
        ("02:00:45", 3, "c"),
    ]
    .map(|(at, conn, user)| {
        format!(
            "Oct 25 {at} c2s{conn}\tdebug\tRECV: <iq type='set' id='1' from='{user}@x/1' to='d@x/1'>{CALL}\n"
        )
    })
    .concat();
    let wanted = [("a", 3550), ("b", 3590), ("b", 3590), ("a", 20), ("c", 35)];
    assert_eq!(
        told(&log).0,
        wanted.map(|(user, at)| format!("{user}@x/1 sent {at}"))
    );
}

/// Alice calls bob, and no line says which of them wrote it down.
fn anonymous(more: &str) -> (Vec<String>, bool) {
    let set = |from: &str, to: &str| format!("<iq type='set' id='1' from='{from}' to='{to}'>{CALL}\n");
    let answer = "<iq type='result' id='1' from='b@x/1' to='a@x/1'/>\n";
    let log = [&*set("a@x/1", "b@x/1"), answer, more, &set("b@x/1", "a@x/1")].concat();
    let (told, signals) = told(&log);
    let told = told.iter().map(|told| told.trim_end_matches(" nan").to_owned());
    (told.collect(), signals)
}

#[test]
fn whose_log_it_is_tells_the_stanza_that_only_one_can_have() {
    let alices = ["a@x/1 sent", "a@x/1 received", "a@x/1 received"];
    let bobs = ["b@x/1 received", "b@x/1 sent", "b@x/1 sent"];
    let call = format!("<iq type='set' id='2' to='b@x/1'>{CALL}\n");
    for (more, wanted) in [
        // What another is told alone, what a server says or is asked, and an own account.
        ("<message from='c@x/1' to='a@x/1'/>\n", alices),
        (
            "<message from='b@x/1' to='a@x/gone'/>\n<message from='c@x/1' to='a@x/gone'/>\n",
            alices,
        ),
        ("<iq type='get' id='7' from='x' to='b@x/1'/>\n", bobs),
        ("<iq type='get' id='7' from='b@x/1' to='x'/>\n", bobs),
        ("<message from='a@x' to='a@x/1'/>\n", alices),
        ("<iq type='get' id='7' from='a@x/1' to='a@x'/>\n", alices),
        ("<message from='d@x/1' to='b@x'/>\n", bobs),
        ("<message from='a@x/2' to='a@x'/>\n", alices),
        // Who writes to itself gets it as well.
        (
            "<message to='a@x/1'/>\n<message from='a@x/1' to='a@x/1'/>\n",
            alices,
        ),
    ] {
        let (told, signals) = anonymous(more);
        assert_eq!(
            (told.as_slice(), signals),
            (&wanted.map(str::to_owned)[..], false),
            "{more}"
        );
    }
    let (told, signals) = anonymous(&call);
    assert_eq!((told.len(), told[2].as_str(), signals), (4, "a@x/1 sent", false));
    // A device of the same user is called like any other.
    let (told, _) = anonymous(&format!(
        "<message from='c@x/1' to='a@x/1'/>\n{}",
        call.replace("b@x/1", "a@x/2")
    ));
    assert_eq!((told.len(), told[2].as_str()), (4, "a@x/1 sent"));
}

/// User and domain may be written in either case.
#[test]
fn addresses_that_are_spelled_in_two_ways_are_one_end() {
    let set = |from: &str, to: &str| format!("<iq type='set' id='1' {from} to='{to}'>{CALL}\n");
    let alices = [
        set("from='b@x/1'", "A@X/1"),
        set("", "B@X/1"),
        set("from='B@x/1'", "a@x/1"),
    ];
    let (told, signals) = told(&alices.concat());
    let wanted = ["a@x/1 received nan", "a@x/1 sent nan", "a@x/1 received nan"];
    assert_eq!((told, signals), (wanted.map(str::to_owned).to_vec(), false));
}

/// However they are spelled, each of two ends is one.
#[test]
fn signals_alone_of_two_spellings_are_those_of_one_end() {
    let set = |from: &str, to: &str| format!("<iq type='set' id='1' from='{from}' to='{to}'>{CALL}\n");
    let log = [set("a@x/1", "B@x/1"), set("b@X/1", "A@x/1")].concat();
    let (mut logs, mut sessions) = (Logs::new(log.as_bytes()), Sessions::new());
    while let Some(frame) = logs.next() {
        sessions.take(frame.expect("a frame"));
    }
    sessions.finish();
    let begun = std::iter::from_fn(|| sessions.pop()).filter(|recorded| recorded.event.dir == Dir::Begins);
    let ends: Vec<_> = begun.filter_map(|recorded| recorded.event.jid).collect();
    assert_eq!(ends, ["a@x/1", "b@x/1"]);
}

#[test]
fn a_log_that_may_be_either_ends_shows_signals_alone() {
    let both = ["a@x/1 sent", "b@x/1 received", "b@x/1 sent", "a@x/1 received"];
    // A message may be for somebody else, or for itself.
    for more in ["", "<presence from='a@x/1'/>\n", "<message to='a@x/1'/>\n"] {
        let (told, signals) = anonymous(more);
        assert_eq!(
            (told.as_slice(), signals),
            (&both.map(str::to_owned)[..], true),
            "{more}"
        );
    }
    // However many there are, none is kept from being told.
    let (told, _) = anonymous(&"<iq type='get' id='8' from='b@x/1' to='a@x/1'/>\n".repeat(2 * WAITING));
    assert_eq!(told, both);
}

/// It waited as long as it may, and what tells whose it is comes after that.
#[test]
fn signals_alone_are_those_of_the_end_that_does_not_name_itself_too() {
    let wait = "<iq type='get' id='8' from='b@x/1' to='a@x/1'/>\n".repeat(2 * WAITING);
    for own in ["a", "b"] {
        let other = if own == "a" { "b" } else { "a" };
        let set = |to: &str| format!("<iq type='set' id='2' to='{to}@x/1'>{CALL}\n");
        let (told, signals) = anonymous(&[&*wait, &set(other), &set("c")].concat());
        let mut wanted = vec!["a@x/1 sent".to_owned(), "b@x/1 received".to_owned()];
        for to in [other, "c"] {
            wanted.extend([format!("{own}@x/1 sent"), format!("{to}@x/1 received")]);
        }
        wanted.extend(["b@x/1 sent".to_owned(), "a@x/1 received".to_owned()]);
        assert_eq!((told, signals), (wanted, true), "{own}");
    }
}

/// Where the lines say which way, a message may still be for a device that has gone.
#[test]
fn a_message_to_another_device_is_not_taken_for_ones_own() {
    let set = format!("RECV: <iq type='set' id='1' from='b@x/1' to='a@x/1'>{CALL}\n");
    let (told, _) = told(&["RECV: <message from='b@x/1' to='a@x/gone'/>\n", &set].concat());
    assert_eq!(told, ["a@x/1 received nan"]);
}

/// One stanza that a server has misdirected does not tell whose log it is.
#[test]
fn what_came_astray_does_not_tell_whose_log_it_is() {
    let came = |from: &str, to: &str| format!("RECV: <iq type='set' id='1' from='{from}' to='{to}'>{CALL}\n");
    let said = format!("SENT: <iq type='set' id='1' from='a@x/2' to='b@x/1'>{CALL}\n");
    let astray = came("b@x/1", "a@x/1");
    for own in [came("b@x/1", "a@x/2").repeat(2), said] {
        let (told, _) = told(&format!("{astray}{own}"));
        assert!(
            told.len() > 1 && told.iter().all(|told| told.starts_with("a@x/2 ")),
            "{told:?}"
        );
    }
    // Where nothing else is said, it is as good as any.
    assert_eq!(told(&astray).0, ["a@x/1 received nan"]);
}
