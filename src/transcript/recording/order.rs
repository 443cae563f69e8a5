//! Events in the order in which they were written down, although some are told later than others: of a connection whose
//! beginning was not recorded it may take a while until it is known whose it is.

use std::collections::BTreeMap;

use super::session::Recorded;

/// Events that are held back at most.
const HELD: usize = 1_024;
/// How long they are held back, in seconds of the recording.
const LONG: f64 = 5.0;

/// The events of all connections of a recording.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// By the frame that they come from, and by their order in it.
    events: BTreeMap<(u64, u64), Recorded>,
    told: u64,
    /// The frames that wait to be told: their connections and times.
    waiting: BTreeMap<u64, (String, f64)>,
}

impl Order {
    pub fn push(&mut self, frame: u64, recorded: Recorded) {
        self.told += 1;
        self.events.insert((frame, self.told), recorded);
    }

    /// The next event, if nothing that waits came before it.
    pub fn pop(&mut self) -> Option<Recorded> {
        let next = self.events.first_entry()?;
        let waits = self.waiting.first_key_value();
        let held = waits.is_some_and(|(frame, _)| *frame < next.key().0);
        (!held).then(|| next.remove())
    }

    /// What this frame tells is not known yet.
    pub fn waits(&mut self, frame: u64, conn: &str, at: f64) {
        self.waiting.insert(frame, (conn.to_owned(), at));
    }

    /// It is known now, or it will not be.
    pub fn known(&mut self, frame: u64) {
        self.waiting.remove(&frame);
    }

    /// The frame that has held up others for too long, and its connection.
    pub fn overdue(&self, now: f64) -> Option<(u64, String)> {
        let (frame, (conn, at)) = self.waiting.first_key_value()?;
        (now - at > LONG || self.events.len() > HELD).then(|| (*frame, conn.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::Frames;
    use super::super::logs::Logs;
    use super::super::session::Sessions;

    const CALL: &str = "<call xmlns='urn:xmpp:call:0'>{}</call></iq>";

    /// Who did what in which line of a log: bob calls alice, and only what he gets at this second says who he is.
    fn told(second: u32) -> (String, u64) {
        let log = format!(
            "Nov 24 08:29:00 c2s1\tdebug\tRECV: <iq id='1' to='alice@x/1' type='set'>{CALL}\n\
             Nov 24 08:29:01 c2s2\tdebug\tSEND: <iq id='1' from='bob@x/1' to='alice@x/1' type='set'>{CALL}\n\
             Nov 24 08:29:09 c2s2\tdebug\tRECV: <r/>\n\
             Nov 24 08:29:{second:02} c2s1\tdebug\tSEND: <iq id='1' from='alice@x/1' to='bob@x/1' type='result'/>\n"
        );
        let log = match second {
            0 => log.lines().take(2).map(|line| format!("{line}\n")).collect(),
            9.. => log,
            // The third line comes last then, and shows nothing.
            _ => log.replace("Nov 24 08:29:09 c2s2\tdebug\tRECV: <r/>\n", ""),
        };
        let (mut logs, mut sessions) = (Logs::new(log.as_bytes()), Sessions::new());
        while let Some(frame) = logs.next() {
            sessions.take(frame.expect("a frame"));
        }
        sessions.finish();
        let events = std::iter::from_fn(|| sessions.pop());
        let events: Vec<String> = events
            .filter(|recorded| recorded.event.dir.passes() && recorded.event.xml.is_some())
            .map(|recorded| {
                let jid = recorded.event.jid.unwrap_or_default();
                format!(
                    "{} {:?} {}",
                    jid.split('@').next().unwrap_or_default(),
                    recorded.event.dir,
                    recorded.line
                )
            })
            .collect();
        (events.join(", "), sessions.dropped)
    }

    #[test]
    fn what_is_known_late_is_told_in_its_place() {
        let all = "bob Sent 1, alice Received 2, bob Received 3";
        assert_eq!(told(2), (all.to_owned(), 0));
        // Who said it is never known: to the judge it would be somebody else.
        assert_eq!(told(0), ("alice Received 2".to_owned(), 1));
        // Nobody waits for ever: it is as if the recording of him had begun later.
        assert_eq!(told(10), ("alice Received 2, bob Received 4".to_owned(), 1));
    }
}
