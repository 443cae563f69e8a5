//! The calls of a recording as they go by: who is in them, what was found about each, where it stands in the file.

use std::collections::{BTreeMap, VecDeque};

use crate::report;
use crate::rules::{Finding, Judge, Outcome, Tally, Verdict, Waiver, outcome};
use crate::stanza::{bare, resource};
use crate::transcript::recording::Recorded;
use crate::transcript::{Dir, Header};

/// Events whose place is remembered.
const PLACES: usize = 20_000;
/// Calls that are followed at once.
const FOLLOWED: usize = 4_096;
/// Calls of which everything is kept until the end.
const KEPT: usize = 20_000;

/// What became of one call, or of what was found outside of calls.
#[derive(Debug, Clone)]
pub struct Told {
    /// `None`: outside of calls.
    pub call: Option<String>,
    /// Who called whom, how much was seen of it, and what is missing.
    pub about: String,
    pub verdict: Verdict,
    first: u64,
}

#[derive(Debug, Default)]
struct Call {
    first: u64,
    began: f64,
    last: f64,
    touched: u64,
    from: String,
    to: String,
    signals: u64,
    initiated: bool,
    ended: Option<String>,
    findings: Vec<Finding>,
}

#[derive(Debug)]
struct Place {
    n: u64,
    source: usize,
    line: u64,
    t: f64,
    who: String,
    dir: Dir,
    what: String,
}

/// Feeds a judge from recordings, and keeps each call's findings together.
pub struct Calls {
    judge: Judge,
    waivers: Vec<Waiver>,
    n: u64,
    /// Names by JID, or by source and connection where no JID is known.
    names: BTreeMap<String, String>,
    /// The name's JID while its recording runs.
    running: BTreeMap<String, String>,
    calls: BTreeMap<String, Call>,
    outside: Vec<Finding>,
    places: VecDeque<Place>,
    pub done: Vec<Told>,
    pub passed: u64,
    pub seen: u64,
    untimed: bool,
}

impl Calls {
    pub fn new(header: &Header) -> Calls {
        Calls {
            judge: Judge::new(header),
            waivers: Waiver::of_profile(&header.profile),
            n: 0,
            names: BTreeMap::new(),
            running: BTreeMap::new(),
            calls: BTreeMap::new(),
            outside: Vec::new(),
            places: VecDeque::new(),
            done: Vec::new(),
            passed: 0,
            seen: 0,
            untimed: false,
        }
    }

    /// Takes the next event of this source, and tells what was found because of it.
    pub fn take(&mut self, source: usize, recorded: Recorded) -> Vec<Finding> {
        let Recorded {
            mut event,
            conn,
            line,
        } = recorded;
        self.n += 1;
        event.n = self.n;
        event.who = self.name(event.jid.as_deref(), source, &conn, event.dir);
        self.untimed |= event.t.is_nan();
        let signal = event.xml.as_deref().and_then(glance);
        let what = match (&signal, event.dir) {
            (Some((kind, _)), _) => kind.clone(),
            (None, Dir::Sent | Dir::Received) => "other".to_owned(),
            (None, dir) => format!("{dir:?}").to_lowercase(),
        };
        if let Some((kind, call)) = &signal {
            self.note(&event, kind, call);
        }
        if event.xml.is_some() || signal.is_some() || !matches!(event.dir, Dir::Sent | Dir::Received) {
            if self.places.len() == PLACES {
                self.places.pop_front();
            }
            self.places.push_back(Place {
                n: event.n,
                source,
                line,
                t: event.t,
                who: event.who.clone(),
                dir: event.dir,
                what,
            });
        }
        self.judge.event(&event);
        let found = self.judge.take_findings();
        found.iter().for_each(|finding| self.keep(finding.clone()));
        found
    }

    /// Names by the local part; a second device at the same time by its resource too.
    fn name(&mut self, jid: Option<&str>, source: usize, conn: &str, dir: Dir) -> String {
        let key = match jid {
            Some(jid) => jid.to_owned(),
            None => format!("{source}\u{0}{conn}"),
        };
        let begins = matches!(dir, Dir::Connected | Dir::Begins);
        if let Some(name) = self.names.get(&key).cloned() {
            if begins {
                self.running.insert(name.clone(), key);
            } else if matches!(dir, Dir::Stops | Dir::Closed | Dir::Disconnected | Dir::Cut) {
                self.running.remove(&name);
            }
            return name;
        }
        let plain = match jid {
            Some(jid) => bare(jid).split('@').next().unwrap_or_default().to_owned(),
            None => format!("connection {}", if conn.is_empty() { "1" } else { conn }),
        };
        let taken = |name: &String| {
            let other = self.running.get(name);
            let held = self.names.iter().find(|(_, given)| *given == name);
            let foreign = held.is_some_and(|(theirs, _)| jid.is_none_or(|jid| bare(theirs) != bare(jid)));
            other.is_some() || foreign
        };
        let device = jid.and_then(resource).unwrap_or_default();
        let domain = jid
            .and_then(|jid| bare(jid).split_once('@'))
            .map_or("", |(_, domain)| domain);
        let choices = [
            plain.clone(),
            format!("{plain}/{device}"),
            format!("{plain} of {domain}/{device}"),
        ];
        let name = choices.iter().find(|name| !taken(name)).cloned();
        let name = name.unwrap_or_else(|| format!("{plain} {}", self.n));
        if self.names.len() > 4 * FOLLOWED {
            let running = &self.running;
            self.names.retain(|_, name| running.contains_key(name));
        }
        self.names.insert(key.clone(), name.clone());
        if begins {
            self.running.insert(name.clone(), key);
        }
        name
    }

    fn note(&mut self, event: &crate::transcript::Event, kind: &str, id: &str) {
        let incoming = event.dir == Dir::Received;
        let xml = event.xml.as_deref().unwrap_or_default();
        let other = attribute(xml, if incoming { "from" } else { "to" }).unwrap_or_default();
        let both = self.running.values().any(|jid| *jid == other);
        let peer = self.names.get(&other).cloned();
        let peer = peer.unwrap_or_else(|| bare(&other).split('@').next().unwrap_or_default().to_owned());
        let call = self.calls.entry(id.to_owned()).or_insert_with(|| Call {
            first: event.n,
            began: event.t,
            ..Call::default()
        });
        call.last = event.t;
        call.touched = event.n;
        if !(incoming && both) {
            call.signals += 1;
        }
        let (from, to) = if incoming {
            (peer, event.who.clone())
        } else {
            (event.who.clone(), peer)
        };
        if kind == "initiate" || call.from.is_empty() {
            let turned = matches!(kind, "accept" | "reject" | "busy" | "answer");
            (call.from, call.to) = if turned { (to, from) } else { (from, to) };
        }
        call.initiated |= kind == "initiate";
        if kind.starts_with("hangup") || matches!(kind, "reject" | "busy") {
            call.ended.get_or_insert_with(|| kind.to_owned());
        }
        if self.calls.len() > FOLLOWED {
            let oldest = self.calls.iter().min_by_key(|(_, call)| call.touched);
            if let Some(id) = oldest.map(|(id, _)| id.clone()) {
                self.close(&id);
            }
        }
    }

    fn keep(&mut self, finding: Finding) {
        let id = finding.call.as_ref().map(|call| call.to_lowercase());
        match id.and_then(|id| self.calls.get_mut(&id)) {
            Some(call) => call.findings.push(finding),
            None => self.outside.push(finding),
        }
    }

    fn close(&mut self, id: &str) {
        let Some(call) = self.calls.remove(id) else { return };
        let length = call.last - call.began;
        let mut about = format!(
            "{} → {}  {} signal{}",
            call.from,
            call.to,
            call.signals,
            if call.signals == 1 { "" } else { "s" }
        );
        if !length.is_nan() {
            about.push_str(&format!(" in {length:.3} s"));
        }
        if !call.initiated {
            about.push_str(", begun before the recording: judged from where it may have stood");
        }
        match &call.ended {
            Some(end) => about.push_str(&format!(", ended by {end}")),
            None => about.push_str(", its end not recorded: judged as far as it goes"),
        }
        self.seen += 1;
        self.tell(Some(id.to_owned()), about, call.findings, call.first);
    }

    fn tell(&mut self, call: Option<String>, about: String, findings: Vec<Finding>, first: u64) {
        let mut verdict = Verdict {
            outcome: outcome(&findings, false),
            findings,
            known: BTreeMap::new(),
            rules: BTreeMap::new(),
            trouble: None,
            decided: Default::default(),
        };
        verdict.waive(call.as_deref().unwrap_or("session"), &[], &self.waivers);
        if verdict.outcome == Outcome::Passed && self.done.len() >= KEPT {
            self.passed += 1;
            return;
        }
        self.done.push(Told {
            call,
            about,
            verdict,
            first,
        });
    }

    /// All that is left to tell, in the order in which calls began, and how often each rule was kept and broken.
    pub fn finish(mut self) -> Finished {
        let judge = std::mem::replace(&mut self.judge, Judge::new(&Header::default()));
        let verdict = judge.finish();
        verdict
            .findings
            .into_iter()
            .for_each(|finding| self.keep(finding));
        let ids: Vec<String> = self.calls.keys().cloned().collect();
        ids.iter().for_each(|id| self.close(id));
        let outside = std::mem::take(&mut self.outside);
        if !outside.is_empty() {
            self.tell(None, "outside of the calls above".to_owned(), outside, u64::MAX);
        }
        self.done.sort_by_key(|told| told.first);
        Finished {
            told: self.done,
            unlisted: self.passed,
            calls: self.seen,
            rules: verdict.rules,
            untimed: self.untimed,
            places: self.places,
        }
    }

    /// The lines of the file that a finding speaks of.
    pub fn places(&self, finding: &Finding, files: &[String]) -> String {
        places(&self.places, finding, files)
    }
}

/// What a whole recording came to.
pub struct Finished {
    pub told: Vec<Told>,
    /// Calls that passed and are only counted.
    pub unlisted: u64,
    pub calls: u64,
    pub rules: BTreeMap<&'static str, Tally>,
    /// Some events had no time.
    pub untimed: bool,
    places: VecDeque<Place>,
}

impl Finished {
    /// A finding as `run` prints it, and where it stands in the files.
    pub fn finding(&self, finding: &Finding, files: &[String]) -> String {
        report::finding(finding) + &places(&self.places, finding, files)
    }
}

fn places(places: &VecDeque<Place>, finding: &Finding, files: &[String]) -> String {
    let mut out = String::new();
    for n in finding.events.iter().take(8) {
        let Ok(index) = places.binary_search_by_key(n, |place| place.n) else {
            continue;
        };
        let Some(place) = places.get(index) else { continue };
        let file = files.get(place.source).map_or("", String::as_str);
        let arrow = match place.dir {
            Dir::Sent => "──▶",
            Dir::Received => "◀──",
            _ => "·",
        };
        let time = if place.t.is_nan() {
            "       ?".to_owned()
        } else {
            format!("{:>8.3}", place.t)
        };
        out.push_str(&format!(
            "   {:>5} {time}  {:<10} {arrow:<3} {:<22} {file}:{}\n",
            place.n, place.who, place.what, place.line
        ));
    }
    out
}

/// The signal's kind, with a hangup's reason, and the callId in lower case, without reading the whole of it.
fn glance(xml: &str) -> Option<(String, String)> {
    let (_, text) = xml.split_once(crate::protocol::NAMESPACE)?;
    let word = |after: &str, plain: fn(char) -> bool| {
        let (_, rest) = text.split_once(after)?;
        let start = rest.find(plain)?;
        let rest = rest.get(start..)?;
        let end = rest.find(|c| !plain(c)).unwrap_or(rest.len());
        rest.get(..end).map(str::to_owned)
    };
    // The quotes of JSON are `&quot;` in most stanzas: what follows is sought behind the colon.
    let after_colon = |name: &str, plain: fn(char) -> bool| {
        let (_, rest) = text.split_once(name)?;
        let (_, rest) = rest.split_once(':')?;
        let rest = rest.trim_start();
        let rest = ["&quot;", "&#34;", "\""]
            .iter()
            .find_map(|quote| rest.strip_prefix(quote))?;
        let end = rest.find(|c| !plain(c)).unwrap_or(rest.len());
        rest.get(..end).map(str::to_owned)
    };
    let id = after_colon("callId", |c| c.is_ascii_hexdigit() || c == '-')?.to_lowercase();
    let mut kind = word("call:", |c| c.is_ascii_lowercase() || c == '-').unwrap_or_else(|| "?".to_owned());
    if kind == "hangup"
        && let Some(reason) = after_colon("reason", |c| c.is_ascii_alphanumeric())
    {
        kind = format!("hangup {reason}");
    }
    (id.len() <= 64 && kind.len() <= 40).then_some((kind, id))
}

/// An attribute of the first tag.
fn attribute(xml: &str, name: &str) -> Option<String> {
    let stanza = crate::stanza::Stanza::parse(xml).ok()?;
    stanza.attr(name).map(str::to_owned)
}
