use super::*;
use crate::rules::spoken::Ear;
use crate::transcript::Event;

/// When all of these begin, in seconds since 1970, and as a date.
const BEGIN: f64 = 1_767_225_600.0;

fn date(seconds: f64) -> String {
    let millis = (seconds * 1000.0).round() as u64;
    let (second, milli) = (millis / 1000, millis % 1000);
    let (day, hour, minute) = (1 + second / 86_400, second / 3_600 % 24, second / 60 % 60);
    format!(
        "2026-01-{day:02}T{hour:02}:{minute:02}:{:02}.{milli:03}Z",
        second % 60
    )
}

/// Plays lines of `time recorder what`: `>9.5` is a signal of its own that says it was made at 9.5 s, `<bob9.5` one that
/// came in from bob, `.` anything else, `back` a clock that is seen to be set back. `? RULE 2 4` asks of a finding that
/// rests on the second and the fourth event. Told is what comes of each: at once, `now` as soon as more was known, or
/// as what is `left` at the end.
fn told(witness: &str, lines: &str) -> String {
    let header = serde_json::json!({"callspec": 1, "scenario": {}, "witness": witness, "clock_skew": 60.0});
    let mut clocks =
        Clocks::of(&serde_json::from_value(header).expect("a header")).expect("clocks that may be set");
    let (mut ear, mut n, mut told) = (Ear::default(), 0, Vec::<String>::new());
    let word = |finding: &Finding| {
        if finding.excuse.is_some() {
            "doubtful"
        } else {
            "certain"
        }
    };
    for line in lines.split(',').map(str::trim) {
        let words: Vec<&str> = line.split(' ').collect();
        if let ["?", rule, events @ ..] = words.as_slice() {
            let events = events.iter().map(|n| n.parse().expect("a number")).collect();
            let before = clocks.waiting.len();
            let finding = Finding::of_client(rule, "", String::new(), "", String::new(), events);
            let none = |waits: bool| if waits { "waits" } else { "nothing" };
            let answer = match clocks.look(finding) {
                Some(finding) => word(&finding),
                None => none(clocks.waiting.len() > before),
            };
            told.push(answer.to_owned());
            continue;
        }
        let [time, who, what] = words.as_slice() else {
            panic!("not a line: {line}")
        };
        n += 1;
        let t: f64 = time.parse().expect("a time");
        let event = event(n, t, who, what);
        let heard = ear.listen(&event);
        clocks.event(Seen {
            event: &event,
            stanza: heard.stanza.as_ref(),
            spoken: heard.spoken.as_ref(),
        });
        told.extend(
            clocks
                .settled()
                .iter()
                .map(|finding| format!("now {}", word(finding))),
        );
    }
    told.extend(
        clocks
            .finish()
            .iter()
            .map(|finding| format!("left {}", word(finding))),
    );
    told.join(", ")
}

fn event(n: u64, t: f64, who: &str, what: &str) -> Event {
    let (dir, from, stamp) = match what.split_at(1) {
        (">", stamp) => ("sent", who, stamp),
        ("<", rest) => {
            let at = rest
                .find(|c: char| !c.is_ascii_alphabetic())
                .unwrap_or(rest.len());
            ("received", &rest[..at], &rest[at..])
        }
        ("b", _) => ("stalled", "", ""),
        _ => ("note", "", ""),
    };
    let xml = stamp.parse::<f64>().ok().map(|stamp| {
        let stamp = date(stamp);
        format!(
            "<iq type='set' id='{n}' from='{from}@x/1'><call xmlns='urn:xmpp:call:0'>{{\"timestamp\":\"{stamp}\"}}</call></iq>"
        )
    });
    let event =
        serde_json::json!({"n": n, "t": BEGIN + t, "time": date(t), "who": who, "dir": dir, "xml": xml});
    serde_json::from_value(event).expect("an event")
}

#[test]
fn a_silence_of_the_recorder_may_be_a_clock_that_was_set() {
    const SHORT: &str = "0 a ., 9 a ., 10.5 a ., 12 a ., 13.5 a ., 15 a ., 16.5 a .";
    for (witness, lines, wanted) in [
        ("ends", "0 a ., 9 a ., ? IQ-08 1 2", "waits, left doubtful"),
        // What another recorder writes says nothing of this one's clock.
        (
            "ends",
            "0 a ., 1 b ., 3 b ., 6 b ., 9 a ., ? IQ-08 1 5",
            "waits, left doubtful",
        ),
        (
            "ends",
            "0 a ., 9 a ., 9.1 b ., 9.2 a ., ? IQ-08 1 2",
            "waits, left doubtful",
        ),
        // Those whose clock is one are one.
        ("between", "0 a ., 3 b ., 6 b ., 9 a ., ? IQ-08 1 4", "certain"),
        // Only a silence within the time that it is about.
        ("ends", &format!("{SHORT}, ? IQ-08 2 7"), "certain"),
        ("ends", "0 a ., 0.4 a ., 30 a ., ? IQ-08 1 2", "certain"),
        // Only one that is long enough to hide what is too much.
        ("ends", "0 a ., 40 a ., ? IQ-07 1", "waits, left doubtful"),
        (
            "ends",
            "0 a ., 5 a ., 10 a ., 15 a ., 20 a ., 25 a ., 30 a ., 35 a ., 36 a ., ? IQ-07 1",
            "certain",
        ),
        ("ends", "0 a ., 50 a ., ? TM-02 1", "waits, left doubtful"),
        (
            "ends",
            "0 a ., 11 a ., 22 a ., 33 a ., 50 a ., ? TM-02 1",
            "waits, left doubtful",
        ),
        (
            "ends",
            "0 a ., 11 a ., 22 a ., 33 a ., 44 a ., 55 a ., ? TM-02 1",
            "certain",
        ),
        ("ends", "0 a ., 40 a ., ? TM-07 1 2", "waits, left doubtful"),
        ("ends", "0 a ., 50 a ., ? ST-09 1", "certain"),
        // Each silence is known, not only the last.
        (
            "ends",
            "0 a ., 9 a ., 30 a ., ? IQ-08 1 2",
            "waits, left doubtful",
        ),
        // Another's timestamps tell how much time passed, however wrong its clock is.
        ("ends", "7200 a <bob3600, 7209 a <bob3609, ? IQ-08 1 2", "certain"),
        ("ends", "7200 a <bob3600, 7209 a <bob3601, ? IQ-08 1 2", "nothing"),
        // One's own are by the clock that may have been set: they tell only that it was.
        (
            "ends",
            "7200 a >7200, 7209 a >7209, ? IQ-08 1 2",
            "waits, left doubtful",
        ),
        ("ends", "7200 a >7200, 7209 a >7201, ? IQ-08 1 2", "nothing"),
        (
            "ends",
            "0 a ., 9 a >9, ? IQ-08 1 2, 10 a >10",
            "waits, left doubtful",
        ),
    ] {
        assert_eq!(told(witness, lines), wanted, "{witness}: {lines}");
    }
}

/// A timestamp that is an hour off, and whose clock that says something of.
#[test]
fn a_wrong_time_is_the_senders_where_nobody_elses_is_as_wrong() {
    const OFF: &str = "7200 a >3600, ? TM-05 1";
    const SOUND: &str = "7200 a >7200, 7201 a >3601, ? TM-05 2";
    for (lines, wanted) in [
        (OFF.to_owned(), "waits, left certain"),
        (format!("{OFF}, 7201 a >3601"), "waits, left certain"),
        (format!("{OFF}, 7201 a <bob3601"), "waits, now doubtful"),
        (format!("{OFF}, 7201 a <bob7201"), "waits, now certain"),
        // The same where the other one has spoken before, to this recorder.
        ("7200 a <bob7200, 7201 a >3601, ? TM-05 2".to_owned(), "certain"),
        ("7200 a <bob3600, 7201 a >3601, ? TM-05 2".to_owned(), "doubtful"),
        (
            "7200 b <bob3600, 7201 a >3601, ? TM-05 2".to_owned(),
            "waits, left certain",
        ),
        // Who has been right may have set the clock: the next signal tells.
        (SOUND.to_owned(), "waits, left doubtful"),
        (format!("{SOUND}, 7202 a <bob7202"), "waits, left doubtful"),
        (format!("{SOUND}, 7202 a >3602"), "waits, now doubtful"),
        (format!("{SOUND}, 7202 a >7142"), "waits, now certain"),
        // After a silence that may be a clock that was set, too; and only its own next one.
        (
            "0 a ., 7200 a >3600, ? TM-05 2, 7201 a >7201".to_owned(),
            "waits, now certain",
        ),
        (
            "0 a ., 7200 a >3600, ? TM-05 2, 7201 a >3601".to_owned(),
            "waits, left doubtful",
        ),
        (
            "0 a ., 7200 a >3600, ? TM-05 2, 7201 a <bob7201".to_owned(),
            "waits, left doubtful",
        ),
        // By no silence that is shorter than what it is off beyond the skew.
        (
            "1000 a ., 1030 a >930, ? TM-05 2".to_owned(),
            "waits, left certain",
        ),
        (
            "1000 a ., 1040 a >940, ? TM-05 2".to_owned(),
            "waits, left doubtful",
        ),
    ] {
        assert_eq!(told("ends", &lines), wanted, "{lines}");
    }
}

#[test]
fn a_clock_that_was_set_runs_on_as_it_is() {
    const BACK: &str = "7200 a >7200, 7201 a >3601, ? TM-06 1 2";
    for (lines, wanted) in [
        (BACK.to_owned(), "waits, left certain"),
        (format!("{BACK}, 7202 a >7202"), "waits, now certain"),
        (format!("{BACK}, 7202 a >3602"), "waits, now doubtful"),
        (format!("{BACK}, 7202 a <bob7202"), "waits, left certain"),
        (
            format!("{BACK}, 7202 a >3602, 7203 a >3603, ? TM-06 1 4"),
            "waits, now doubtful, doubtful",
        ),
        (
            format!("{BACK}, 7202 a >3602, 7203 a >7103, ? TM-06 1 4"),
            "waits, now doubtful, waits, left certain",
        ),
        (
            "7200 a >7200, 7201 a back, 7202 a >3601, ? TM-06 1 3".to_owned(),
            "nothing",
        ),
    ] {
        assert_eq!(told("ends", &lines), wanted, "{lines}");
    }
}

#[test]
fn so_many_findings_wait_and_no_more() {
    let waits = |count: usize| {
        let lines = format!("0 a ., 40 a .{}, 41 a .", ", ? IQ-07 1".repeat(count));
        told("ends", &lines).matches("now doubtful").count()
    };
    assert_eq!((waits(WAITING), waits(WAITING + 1)), (0, 1));
}
