//! The same history as different programs write it down, where they stand.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::dice::Dice;
use crate::world::{BETWEEN, CLIENT, Passed, SERVER, World};

/// 2026-11-24T08:00:00Z.
const START: f64 = 1_795_507_200.0;

fn moment(t: f64) -> OffsetDateTime {
    let nanos = ((START + t) * 1e6).round() as i128 * 1_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).expect("a time")
}

pub fn stamp(t: f64) -> String {
    moment(t).format(&Rfc3339).expect("a time")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Har,
    Strophe,
    XmppJs,
    Converse,
    Gajim,
    Nbxmpp,
    Plain,
    Signals,
    Prosody,
    Ejabberd,
    Proxy,
}

/// What one end writes.
pub const ENDS: [Format; 8] = [
    Format::Har,
    Format::Strophe,
    Format::XmppJs,
    Format::Converse,
    Format::Gajim,
    Format::Nbxmpp,
    Format::Plain,
    Format::Signals,
];
/// What somebody between the ends writes.
pub const BETWEENS: [Format; 3] = [Format::Prosody, Format::Ejabberd, Format::Proxy];

/// Whoever records: some devices, in a format, by a clock that is so far ahead.
#[derive(Debug, Clone)]
pub struct Recorder {
    pub devices: Vec<usize>,
    pub format: Format,
    pub ahead: f64,
}

/// A line or message of a recording.
struct Line<'a> {
    t: f64,
    conn: usize,
    what: What<'a>,
}

enum What<'a> {
    Passes(&'a Passed),
    Ends,
}

impl Recorder {
    fn place(&self) -> usize {
        match self.format {
            Format::Proxy => BETWEEN,
            Format::Prosody | Format::Ejabberd => SERVER,
            _ => CLIENT,
        }
    }

    fn lines<'a>(&self, world: &'a World) -> Vec<Line<'a>> {
        let place = self.place();
        let of_these = |conn: usize| self.devices.contains(&world.conns[conn].device);
        let passed = world.passed.iter().filter(|passed| of_these(passed.conn));
        let mut lines: Vec<Line> = passed
            .filter_map(|passed| {
                let what = What::Passes(passed);
                Some(Line {
                    t: passed.at[place]?,
                    conn: passed.conn,
                    what,
                })
            })
            .collect();
        let conns = world.conns.iter().enumerate().filter(|(n, _)| of_these(*n));
        lines.extend(conns.filter_map(|(conn, c)| {
            Some(Line {
                t: c.ended?,
                conn,
                what: What::Ends,
            })
        }));
        lines.sort_by(|a, b| a.t.total_cmp(&b.t));
        lines
    }

    /// The recording, as a file's bytes. `since`: it begins only then.
    pub fn written(&self, world: &World, since: f64, dice: &mut Dice) -> String {
        let mut lines = self.lines(world);
        lines.retain(|line| line.t >= since);
        match self.format {
            Format::Har => self.har(&lines),
            Format::Proxy => self.proxy(world, &lines, since),
            Format::Prosody | Format::Ejabberd => {
                let lines = lines.iter().map(|line| self.log_of_server(line));
                lines.collect()
            }
            Format::Signals => {
                let lines = lines.iter().filter_map(|line| self.signal(line, dice));
                lines.collect()
            }
            _ => {
                let lines = lines.iter().map(|line| self.log_of_client(line, dice));
                lines.collect()
            }
        }
    }

    fn har(&self, lines: &[Line]) -> String {
        let mut conns: Vec<usize> = lines.iter().map(|line| line.conn).collect();
        conns.sort_unstable();
        conns.dedup();
        let entry = |conn: usize| {
            let own = lines.iter().filter(|line| line.conn == conn);
            let messages = own.filter_map(|line| {
                let What::Passes(passed) = &line.what else {
                    return None;
                };
                let kind = if passed.out { "send" } else { "receive" };
                let time = START + line.t + self.ahead;
                Some(json!({ "type": kind, "time": time, "opcode": 1, "data": passed.text }))
            });
            json!({
                "request": { "url": "wss://chat.example/ws" },
                "_webSocketMessages": messages.collect::<Vec<_>>(),
            })
        };
        let entries: Vec<Value> = conns.into_iter().map(entry).collect();
        let creator = json!({ "name": "WebInspector", "version": "537.36" });
        json!({ "log": { "version": "1.2", "creator": creator, "entries": entries } }).to_string()
    }

    fn proxy(&self, world: &World, lines: &[Line], since: f64) -> String {
        let started = stamp(self.ahead);
        let header = json!({
            "callspec": 1, "version": "0.1.0", "scenario": { "name": "recorded" }, "witness": "between",
            "steady": true, "started": started,
        });
        let mut out = format!("{header}\n");
        let (mut n, mut bound) = (0, Vec::new());
        let mut put = |t: f64, conn: usize, dir: &str, xml: Option<&str>| {
            n += 1;
            let jid = &world.conns[conn].jid;
            let who = format!("{} {conn}", jid.split('@').next().unwrap_or_default());
            let event = json!({
                "n": n, "t": t, "time": stamp(t + self.ahead), "who": who, "jid": jid, "dir": dir, "xml": xml,
            });
            out.push_str(&format!("{event}\n"));
        };
        for line in lines {
            match &line.what {
                // What comes before a session stands in no transcript of calls.
                What::Passes(passed) if passed.login => {
                    if (passed.text.contains("<jid>") || passed.text.starts_with("<resumed")) && !passed.out {
                        bound.push(line.conn);
                        let resumed = passed.text.starts_with("<resumed");
                        put(
                            line.t,
                            line.conn,
                            if resumed { "begins" } else { "connected" },
                            None,
                        );
                    }
                }
                What::Passes(passed) => {
                    if !bound.contains(&line.conn) {
                        bound.push(line.conn);
                        put(since, line.conn, "begins", None);
                    }
                    put(
                        line.t,
                        line.conn,
                        if passed.out { "sent" } else { "received" },
                        Some(&passed.text),
                    );
                }
                What::Ends if bound.contains(&line.conn) => put(line.t, line.conn, "stops", None),
                What::Ends => {}
            }
        }
        let last = lines.last().map_or(since, |line| line.t);
        bound.retain(|conn| world.conns[*conn].ended.is_none());
        bound.iter().for_each(|conn| put(last, *conn, "stops", None));
        out
    }

    fn log_of_server(&self, line: &Line) -> String {
        let (at, conn) = (moment(line.t + self.ahead), line.conn);
        let prosody = format_description!("[month repr:short] [day] [hour]:[minute]:[second]");
        match (self.format, &line.what) {
            (Format::Prosody, What::Passes(passed)) => {
                let way = if passed.out { "RECV" } else { "SEND" };
                let at = at.format(prosody).expect("a time");
                format!("{at} c2s{conn:08x}\tdebug\t{way}: {}\n", passed.text)
            }
            (Format::Prosody, What::Ends) => {
                let at = at.format(prosody).expect("a time");
                format!("{at} c2s{conn:08x}\tinfo\tClient disconnected: connection closed\n")
            }
            (_, What::Passes(passed)) => {
                let way = if passed.out { "Received" } else { "Send" };
                let format = format_description!(
                    "[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:6]+00:00"
                );
                let at = at.format(format).expect("a time");
                let text = passed
                    .text
                    .replace('\\', "\\\\")
                    .replace('"', "\\\"")
                    .replace('\n', "\\n");
                format!(
                    "{at} [notice] <0.{conn}.0> (tcp|<0.{conn}.0>) {way} XML on stream = <<\"{}\"/utf8>>\n",
                    text.replace('\t', "\\t")
                )
            }
            (_, What::Ends) => {
                let format = format_description!(
                    "[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:6]+00:00"
                );
                let at = at.format(format).expect("a time");
                format!("{at} [info] (tcp|<0.{conn}.0>) Closing c2s session for x: Connection failed\n")
            }
        }
    }

    fn log_of_client(&self, line: &Line, dice: &mut Dice) -> String {
        let What::Passes(passed) = &line.what else {
            return String::new();
        };
        let at = stamp(line.t + self.ahead);
        let (text, out) = (&passed.text, passed.out);
        let talk = if dice.chance(10) { "some other line\n" } else { "" };
        let line = match self.format {
            Format::Strophe => format!("{at} {}: {text}\n", if out { "SENT" } else { "RECV" }),
            Format::XmppJs => format!("{}\n{text}\n", if out { "OUT" } else { "IN" }),
            Format::Converse => format!(
                "log.js:79 {at} %cDEBUG: {text} color: {}\n",
                if out { "darkcyan" } else { "darkgoldenrod" }
            ),
            Format::Gajim => {
                let format = format_description!(
                    "[weekday repr:short] [month repr:short] [day] [hour]:[minute]:[second] [year]"
                );
                let at = moment(line.t + self.ahead).format(format).expect("a time");
                format!(
                    "<!-- {} {at} (home) -->\n{text}\n\n",
                    if out { "Outgoing" } else { "Incoming" }
                )
            }
            Format::Nbxmpp => {
                let way = if out { "SENT" } else { "RECEIVED" };
                let at = at.split(['.', 'Z']).next().unwrap_or_default();
                format!(
                    "{at} (I) nbxmpp.connection        |          (home) ::::: DATA {way} ::::\n\n{text}\n\n"
                )
            }
            _ => return format!("{at} {text}\n"),
        };
        line + talk
    }

    fn signal(&self, line: &Line, dice: &mut Dice) -> Option<String> {
        let What::Passes(passed) = &line.what else {
            return None;
        };
        let stanza = callspec::stanza::Stanza::parse(passed.text.as_str()).ok()?;
        let text = stanza.call_text()?;
        let signal: Value = serde_json::from_str(&text).ok()?;
        let way = if passed.out { "sent" } else { "received" };
        let around = json!({ "time": stamp(line.t + self.ahead), "direction": way, "signal": signal });
        Some(crate::spelling::json(&around, dice).replace(['\n', '\t'], " ") + "\n")
    }
}
