//! Raw XMPP as servers and clients print it: a line of log for each stanza, or a line that announces it.

mod erlang;
mod line;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{BufRead, Read};
use std::sync::{Arc, LazyLock};

use memchr::memmem::Finder;

use super::super::{LINE_LIMIT, ReadError};
use super::frame::{Frame, Frames, Way, What};
use super::har::goes_on;
use super::printed::{pieces, unindented};
use super::stamp::{Stamp, stamp};
use line::{Begun, Style, begin, colour, upto_its_end};

/// The longest stanza that is put together from several lines, in bytes.
const STANZA_LIMIT: usize = 4 * 1024 * 1024;
/// The longest beginning of a stanza that waits for the next read, in bytes.
const PART_LIMIT: usize = 512 * 1024;
/// Accounts whose beginnings wait.
const ACCOUNTS: usize = 64;

static TAGS: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| ["\tReceived[c2s", "\tSending[c2s"].map(Finder::new));

pub(super) struct Logs<R> {
    input: R,
    /// The line that was read last.
    bytes: Vec<u8>,
    line: u64,
    begun: Option<Begun>,
    ready: VecDeque<Frame>,
    /// What of a stanza has come in, by account, where reads are printed.
    parts: BTreeMap<Arc<str>, String>,
    styles: BTreeSet<Style>,
    /// Of lines that hold only the first tag of a stanza.
    tags: u64,
    lines: u64,
    coarse: bool,
    /// The latest time, and what is added since the calendar began anew.
    latest: f64,
    added: f64,
    over: bool,
}

impl<R: BufRead> Logs<R> {
    pub fn new(input: R) -> Logs<R> {
        Logs {
            input,
            bytes: Vec::new(),
            line: 0,
            begun: None,
            ready: VecDeque::new(),
            parts: BTreeMap::new(),
            styles: BTreeSet::new(),
            tags: 0,
            lines: 0,
            coarse: false,
            latest: f64::NAN,
            added: 0.0,
            over: false,
        }
    }

    /// Reads the next line and takes it in; false: there is none.
    fn read_line(&mut self) -> Result<bool, ReadError> {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        self.line += 1;
        let wrong = |message| ReadError {
            line: self.line,
            column: 0,
            message,
        };
        let read = (&mut self.input)
            .take(LINE_LIMIT + 1)
            .read_until(b'\n', &mut bytes)
            .map_err(|error| wrong(format!("cannot read: {error}")))?;
        if bytes.len() as u64 > LINE_LIMIT {
            return Err(wrong(format!("the line is longer than {LINE_LIMIT} bytes")));
        }
        if read > 0 {
            self.lines += 1;
            // A log may hold anything; what is no UTF-8 in it is no XMPP either.
            match std::str::from_utf8(&bytes) {
                Ok(line) => self.take_line(line),
                Err(_) => self.take_line(&String::from_utf8_lossy(&bytes)),
            }
        }
        self.bytes = bytes;
        Ok(read > 0)
    }

    /// Sets the frame's time, on a calendar that does not begin anew.
    fn date(&mut self, frame: &mut Frame, stamp: Option<Stamp>) {
        let Some(stamp) = stamp else { return };
        let mut at = stamp.at + self.added;
        let round = if stamp.dated { 366.0 } else { 1.0 } * 86_400.0;
        if !stamp.wall && at < self.latest - round * 0.6 {
            self.added += round;
            at += round;
        }
        self.latest = at;
        self.coarse |= stamp.coarse;
        frame.at = at;
        frame.wall = stamp.wall.then_some(at);
    }

    /// What was begun is over: its frames are ready.
    fn finish(&mut self) {
        let Some(Begun {
            style,
            mut frame,
            stamp,
        }) = self.begun.take()
        else {
            return;
        };
        // Where all that passes is printed, what other lines say of stanzas is talk.
        if style == Style::Plain && self.styles.contains(&Style::Nbxmpp) {
            return;
        }
        self.date(&mut frame, stamp);
        if let What::Text(text) = &mut frame.what {
            let kept = match style {
                Style::Nbxmpp => text.strip_suffix('\n').unwrap_or(text.as_str()),
                _ => text.trim(),
            };
            if kept.is_empty() {
                return;
            }
            if kept.len() != text.len() {
                *text = kept.to_owned();
            }
            if style == Style::XmppJs {
                *text = unindented(text).into_owned();
            }
        }
        self.styles.insert(style);
        if style == Style::Nbxmpp {
            self.read(frame);
        } else {
            self.ready.push_back(frame);
        }
    }

    /// What came in one read.
    fn read(&mut self, frame: Frame) {
        let What::Text(text) = &frame.what else { return };
        let part = match frame.way {
            Some(Way::In) => self.parts.remove(&frame.conn).unwrap_or_default(),
            _ => String::new(),
        };
        // A new stream begins, whatever became of the old one.
        let part = if text.starts_with("<?xml") {
            String::new()
        } else {
            part
        };
        let text = part + text;
        let (whole, rest) = pieces(&text);
        for piece in whole {
            let what = What::Text(piece.to_owned());
            self.ready.push_back(Frame {
                what,
                ..frame.clone()
            });
        }
        if !rest.is_empty() && rest.len() <= PART_LIMIT && frame.way == Some(Way::In) {
            if self.parts.len() >= ACCOUNTS {
                self.parts.clear();
            }
            self.parts.insert(frame.conn, rest.to_owned());
        }
    }

    fn take_line(&mut self, line: &str) {
        let text = without_escapes(line.trim_end_matches(['\n', '\r']));
        let text = text.as_ref();
        // An element on a line of its own may be more of the stanza above it.
        let open = self.begun.as_ref().is_some_and(|begun| match &begun.frame.what {
            What::Text(held) => held.is_empty() || goes_on(held) || begun.style == Style::Nbxmpp,
            What::Over(_) | What::SetBack => false,
        });
        let bare =
            |begun: &Begun| matches!(begun.style, Style::Plain | Style::Converse) && begun.stamp.is_none();
        let next = begin(text, self.line).filter(|begun| !(open && bare(begun)));
        if let (None, Some(begun)) = (&next, &mut self.begun) {
            // More of a stanza that is spread over lines, if it is not over.
            if let What::Text(held) = &mut begun.frame.what {
                let more = held.is_empty() || goes_on(held);
                let other = match begun.style {
                    Style::Gajim | Style::XmppJs => false,
                    // Of a read that ends anywhere only the next line of the log shows that it is over.
                    Style::Nbxmpp => text.get(..19).and_then(stamp).is_some_and(|stamp| stamp.dated),
                    _ => stamp(text).is_some() && !text.starts_with(['<', ' ']),
                };
                let more = more || begun.style == Style::Nbxmpp;
                if more && !other && held.len() + text.len() < STANZA_LIMIT {
                    if !held.is_empty() {
                        held.push('\n');
                    }
                    held.push_str(text);
                    if matches!(begun.style, Style::Plain | Style::Converse) {
                        let (xml, tail) = upto_its_end(held);
                        begun.frame.way = begun.frame.way.or_else(|| colour(tail));
                        held.truncate(xml.len());
                    }
                    return;
                }
            }
        }
        if TAGS.iter().any(|tag| tag.find(text.as_bytes()).is_some()) {
            self.tags += 1;
        }
        self.finish();
        self.begun = next;
    }
}

/// A line without what colours it on a terminal (ECMA-48 §5.4); no XML holds that.
fn without_escapes(line: &str) -> Cow<'_, str> {
    if memchr::memchr(0x1b, line.as_bytes()).is_none() {
        return Cow::Borrowed(line);
    }
    let mut parts = line.split('\u{1b}');
    let mut left = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let sequence = part.strip_prefix('[');
        let end = sequence.and_then(|rest| rest.find(|c: char| matches!(c, '@'..='~')));
        left.push_str(match (sequence, end) {
            (Some(rest), Some(end)) => rest.get(end + 1..).unwrap_or_default(),
            _ => part,
        });
    }
    Cow::Owned(left)
}

impl<R: BufRead + Send> Frames for Logs<R> {
    fn next(&mut self) -> Option<Result<Frame, ReadError>> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Some(Ok(frame));
            }
            if self.over {
                self.finish();
                return self.ready.pop_front().map(Ok);
            }
            match self.read_line() {
                Ok(true) => {
                    // A stanza that is whole waits for nobody: the log may be growing.
                    let whole = self.begun.as_ref().is_some_and(|begun| match &begun.frame.what {
                        What::Text(_) if begun.style == Style::Nbxmpp => false,
                        What::Text(text) => !text.is_empty() && !goes_on(text),
                        What::Over(_) | What::SetBack => true,
                    });
                    if whole {
                        self.finish();
                    }
                }
                Ok(false) => self.over = true,
                Err(error) => {
                    self.over = true;
                    return Some(Err(error));
                }
            }
        }
    }

    fn format(&self) -> String {
        match self.styles.first() {
            Some(style) => style.name().to_owned(),
            None => "a log".to_owned(),
        }
    }

    fn between(&self) -> bool {
        let server = |style: &Style| matches!(style, Style::Prosody | Style::Ejabberd);
        self.coarse || self.styles.iter().any(server)
    }

    fn instead(&self) -> Option<String> {
        if !self.styles.is_empty() {
            return None;
        }
        if self.tags > 0 {
            return Some(format!(
                "{} of its lines are Prosody's, with the first tags of stanzas only: load `mod_stanza_debug` to have \
                 them whole",
                self.tags
            ));
        }
        None
    }

    fn unknown(&self) -> Option<String> {
        if !self.styles.is_empty() || self.tags > 0 {
            return None;
        }
        let lines = match self.lines {
            1 => "its only line is not".to_owned(),
            lines => format!("none of its {lines} lines is"),
        };
        Some(format!(
            "{lines} of a format that is known: a callspec transcript, a HAR, JSON Lines of signals, or raw XMPP as \
             Prosody (stanza_debug), ejabberd (debug), Converse.js, Strophe or Gajim print it"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(text: &str) -> (Vec<Frame>, String) {
        let mut logs = Logs::new(text.as_bytes());
        let mut frames = Vec::new();
        while let Some(frame) = logs.next() {
            frames.push(frame.expect("a frame"));
        }
        (frames, logs.format())
    }

    fn texts(text: &str) -> Vec<(String, Option<Way>, String)> {
        let (frames, _) = frames(text);
        let text = |frame: Frame| match frame.what {
            What::Text(text) => (frame.conn.to_string(), frame.way, text),
            What::Over(why) => (frame.conn.to_string(), frame.way, why),
            What::SetBack => (frame.conn.to_string(), frame.way, "set back".to_owned()),
        };
        frames.into_iter().map(text).collect()
    }

    #[test]
    fn prosody_prints_each_stanza_with_its_session() {
        let log = "Nov 24 08:29:27 startup\tinfo\tHello <iq/>\n\
            Nov 24 08:29:27 c2s1\tdebug\tRECV: <iq id='a'><x>one\n two</x></iq>\n\
            Nov 24 08:29:28 c2s2        \tdebug\tSEND: <iq id='a'/>\n\
            Nov 24 08:29:28 s2sin3\tdebug\tRECV: <iq id='a'/>\n\
            Nov 24 08:29:28 c2s2\tinfo\tClient disconnected: connection closed\n";
        let found = texts(log);
        assert_eq!(
            found,
            [
                (
                    "c2s1".into(),
                    Some(Way::Out),
                    "<iq id='a'><x>one\n two</x></iq>".to_owned()
                ),
                ("c2s2".into(), Some(Way::In), "<iq id='a'/>".to_owned()),
                ("c2s2".into(), None, "the server lost the client".to_owned()),
            ]
        );
    }

    #[test]
    fn prosody_without_the_module_is_told_what_to_load() {
        let mut logs =
            Logs::new(&b"Nov 24 08:29:27 c2s1\tdebug\tReceived[c2s]: <iq id='a' type='set'>\n"[..]);
        assert!(logs.next().is_none());
        assert!(logs.instead().is_some_and(|why| why.contains("mod_stanza_debug")));
    }

    #[test]
    fn ejabberd_prints_terms() {
        let log = r#"2026-11-24 08:29:56.956726+00:00 [notice] <0.489.0> (websocket|<0.488.0>) Send XML on stream = <<"<iq id='a'>\\r \"é\x{1F600}</iq>"/utf8>>
2026-11-24 08:29:56.96+00:00 [notice] <0.489.0> (tcp|<0.1.0>) Received XML on stream = <<60,114,47,62>>
21:18:29.738 [info]  (tls|<0.1049.0>) Received XML on stream = "<r/>"
"#;
        assert_eq!(
            texts(log),
            [
                (
                    "websocket|<0.488.0>".into(),
                    Some(Way::In),
                    "<iq id='a'>\\r \"é😀</iq>".to_owned()
                ),
                ("tcp|<0.1.0>".into(), Some(Way::Out), "<r/>".to_owned()),
                ("tls|<0.1049.0>".into(), Some(Way::Out), "<r/>".to_owned()),
            ]
        );
    }

    #[test]
    fn clients_print_in_their_own_ways() {
        let gajim = "<!-- Incoming Tue Nov 24 08:29:56 2026 (home) -->\n<iq id='a'>\n<x/>\n</iq>\n\n<!-- Out Tue Nov 24 08:29:57 2026 -->\n<r/>\n";
        assert_eq!(
            texts(gajim),
            [
                (
                    "home".into(),
                    Some(Way::In),
                    "<iq id='a'>\n<x/>\n</iq>".to_owned()
                ),
                (String::new(), Some(Way::Out), "<r/>".to_owned()),
            ]
        );
        let strophe = "strophe.js:12 RECV: <iq id='a'/>\n[08:00:01] SENT:<iq id='b'/>\nnothing\n";
        let (frames, format) = frames(strophe);
        assert_eq!((frames.len(), format.as_str()), (2, "a Strophe log (RECV, SENT)"));
        let converse = "log.js:58 %cDEBUG: <iq id='a'/> color: darkcyan\nlog.js:58  DEBUG: <message><body>a > b</body></message>\nlog.js:58  DEBUG: Status changed to: CONNECTED\n";
        assert_eq!(
            texts(converse),
            [
                (String::new(), Some(Way::Out), "<iq id='a'/>".to_owned()),
                (
                    String::new(),
                    None,
                    "<message><body>a > b</body></message>".to_owned()
                ),
            ]
        );
    }

    #[test]
    fn what_colours_a_line_is_none_of_it() {
        let log = "\u{1b}[90m08:00:01.5\u{1b}[0m \u{1b}[1;32mSENT: \u{1b}[36m<iq id='a'/>\u{1b}[0m\n\u{1b}[2K08:00:02 RECV: <r/>\n";
        let (found, _) = frames(log);
        assert!(
            matches!(found.as_slice(), [a, b] if b.at - a.at == 0.5 && a.what == What::Text("<iq id='a'/>".into())),
            "{found:?}"
        );
    }

    #[test]
    fn a_stanza_over_several_lines_loses_nothing_of_them() {
        let log = "08:00:01 <iq id='a'><x>one {\n two\n} </x></iq>\n\
                   log.js:58 %cDEBUG: <iq id='b'><x>three\nfour</x></iq> color: darkgoldenrod\n";
        let said = |way, text: &str| (String::new(), way, text.to_owned());
        assert_eq!(
            texts(log),
            [
                said(None, "<iq id='a'><x>one {\n two\n} </x></iq>"),
                said(Some(Way::In), "<iq id='b'><x>three\nfour</x></iq>"),
            ]
        );
    }

    #[test]
    fn libraries_print_what_came_in_one_read_or_indented() {
        let head = "2026-11-24T08:29:56 (I) nbxmpp.connection        |          (home) ::::: DATA";
        let log = format!(
            "{head} RECEIVED ::::\n\n<iq id='a'/><iq id='b'><x>one \n\n\n\
             2026-11-24T08:29:56 (D) gajim.c.m | <iq/> or not\n\
             {head} SENT ::::\n\n<r/>\n\n{head} RECEIVED ::::\n\n two</x></iq>\n\n"
        );
        let said = |way, text: &str| ("home".to_owned(), Some(way), text.to_owned());
        let wanted = [
            said(Way::In, "<iq id='a'/>"),
            said(Way::Out, "<r/>"),
            said(Way::In, "<iq id='b'><x>one \n two</x></iq>"),
        ];
        assert_eq!(texts(&log), wanted);
        let log =
            "status online\nIN\n <iq id='a'>\n    <x>\n      one\n    </x>\n  </iq>\nOUT\n<iq/>\n⮈ <r/>\n";
        let (found, format) = (texts(log), frames(log).1);
        let said = |way, text: &str| (String::new(), Some(way), text.to_owned());
        let wanted = [
            said(Way::In, "<iq id='a'><x>one</x></iq>"),
            said(Way::Out, "<iq/>"),
            said(Way::In, "<r/>"),
        ];
        assert_eq!(
            (found.as_slice(), format.as_str()),
            (wanted.as_slice(), "a log of xmpp.js (@xmpp/debug)")
        );
    }

    #[test]
    fn midnight_and_new_year_go_on() {
        let (found, _) = frames("23:59:59.5 RECV: <r/>\n00:00:00.5 RECV: <r/>\n");
        assert!(matches!(found.as_slice(), [a, b] if b.at - a.at == 1.0));
        let (found, _) =
            frames("Dec 31 23:59:59 c2s1\tdebug\tRECV: <r/>\nJan 01 00:00:00 c2s1\tdebug\tRECV: <r/>\n");
        assert!(
            matches!(found.as_slice(), [a, b] if b.at - a.at == 1.0),
            "{found:?}"
        );
    }
}
