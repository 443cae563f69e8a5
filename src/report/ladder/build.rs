//! From events to a ladder: whose tail belongs to which head.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::label::{Label, name, no_stanza};
use super::views::Views;
use super::{Arrow, Fate, Ladder, Lane, Mark, Row, Tone, What, plain};
use crate::protocol::{Decoded, decode};
use crate::stanza::{IqType, Stanza, bare};
use crate::transcript::{Dir, Event, Member};

/// The events that are drawn: more rows than these help nobody.
const MOST: usize = 20_000;
/// How far back a stanza without its id is looked for.
const BACK: usize = 64;

/// Makes the ladder of these events. `marks` are what was found in them.
pub fn ladder<'a>(
    cast: &BTreeMap<String, Member>,
    events: impl IntoIterator<Item = &'a Event>,
    marks: Vec<Mark>,
) -> Ladder {
    let mut builder = Builder::new(cast);
    for (at, event) in events.into_iter().enumerate() {
        if at < MOST {
            builder.event(event);
        } else {
            builder.ladder.left_out += 1;
        }
    }
    builder.finish(marks)
}

/// What two stanzas have to share to be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Class {
    Request,
    Answer,
    Message,
    Presence,
    Other,
}

fn class(stanza: &Stanza) -> Class {
    match stanza.iq_type() {
        Some(IqType::Get | IqType::Set) => Class::Request,
        Some(IqType::Result | IqType::Error) => Class::Answer,
        None if stanza.is_message() => Class::Message,
        None if stanza.is_presence() => Class::Presence,
        None => Class::Other,
    }
}

/// What is known of an arrow while the ladder is made.
#[derive(Debug)]
struct Way {
    class: Class,
    lane: Option<usize>,
    /// Its sender's full JID when it was sent.
    jid: String,
    to: String,
    t: f64,
    text: Option<String>,
    /// It was out of order for its sender, so that it moves nobody's view.
    spoilt: bool,
    answered: bool,
}

struct Builder<'a> {
    cast: &'a BTreeMap<String, Member>,
    ladder: Ladder,
    ways: Vec<Way>,
    by_id: HashMap<(Class, String), Vec<usize>>,
    /// Every JID that a lane has had.
    jids: HashMap<String, usize>,
    /// The JID that each lane has now.
    now: Vec<String>,
    calls: HashMap<String, usize>,
    views: Views,
    /// The rules that a lane breaks on purpose with what it sends next.
    breaks: HashMap<usize, Vec<String>>,
    begun: bool,
}

impl<'a> Builder<'a> {
    fn new(cast: &'a BTreeMap<String, Member>) -> Builder<'a> {
        Builder {
            cast,
            ladder: Ladder::default(),
            ways: Vec::new(),
            by_id: HashMap::new(),
            jids: HashMap::new(),
            now: Vec::new(),
            calls: HashMap::new(),
            views: Views::default(),
            breaks: HashMap::new(),
            begun: false,
        }
    }

    fn lane(&mut self, event: &Event) -> Option<usize> {
        if event.who.is_empty() {
            return None;
        }
        let known = self.ladder.lanes.iter().position(|lane| lane.who == event.who);
        let lane = known.unwrap_or_else(|| {
            let jid = self.cast.get(&event.who).map(|member| member.jid.as_str());
            let local = jid.or(event.jid.as_deref()).and_then(|jid| jid.split('@').next());
            let local = local.filter(|local| !local.is_empty() && *local != event.who);
            self.ladder.lanes.push(Lane {
                who: event.who.clone(),
                user: local.map(str::to_owned),
            });
            self.now.push(jid.unwrap_or_default().to_owned());
            self.ladder.lanes.len() - 1
        });
        if let (Some(jid), Some(now)) = (&event.jid, self.now.get_mut(lane))
            && now != jid
        {
            now.clone_from(jid);
        }
        if let Some(now) = self.now.get(lane)
            && !now.is_empty()
        {
            self.jids.insert(now.clone(), lane);
        }
        Some(lane)
    }

    fn event(&mut self, event: &Event) {
        let lane = self.lane(event);
        match event.dir {
            Dir::Sent | Dir::Received => {
                self.begun = true;
                let (Some(lane), Some(xml)) = (lane, &event.xml) else {
                    return;
                };
                self.stanza(event, lane, xml);
            }
            // That everyone is there to begin with is no news.
            Dir::Connected | Dir::Begins if !self.begun => {}
            Dir::Connected => self.words(event, lane, Tone::Life, "● connected"),
            Dir::Begins => self.words(event, lane, Tone::Life, "● the recording begins"),
            Dir::Stops => self.words(event, lane, Tone::Life, "○ the recording stops"),
            Dir::Disconnected => self.words(event, lane, Tone::Life, "○ disconnected"),
            Dir::Cut => self.words(event, lane, Tone::Life, "╳ cut off"),
            Dir::Closed => {
                let how = event.note.as_deref().unwrap_or("closed by the server");
                self.words(event, lane, Tone::Life, &format!("╳ {how}"));
            }
            Dir::Missed => {
                let wanted = event.wanted.as_deref().unwrap_or("a step");
                self.words(event, lane, Tone::Trouble, &format!("missed: {wanted}"));
            }
            Dir::Trouble => {
                let what = event.note.as_deref().unwrap_or("the run could not go on");
                self.words(event, lane, Tone::Trouble, what);
            }
            Dir::Stalled => {
                let text = match (event.seconds, &event.note) {
                    (None, Some(note)) => note.clone(),
                    (seconds, _) => {
                        format!(
                            "this computer stood still for {:.2} s",
                            seconds.unwrap_or_default()
                        )
                    }
                };
                self.words(event, lane, Tone::Remark, &text);
            }
            Dir::Answers => {
                let how = event.note.as_deref().unwrap_or("withheld");
                self.words(event, lane, Tone::Remark, &format!("iq answers: {how}"));
            }
            Dir::Note => {
                let text = event.note.as_deref().unwrap_or_default();
                self.words(event, lane, Tone::Remark, text);
            }
            Dir::Breaks => {
                if let Some(lane) = lane {
                    self.breaks.insert(lane, event.rules.clone());
                }
            }
            Dir::WireSent | Dir::WireReceived => {
                self.begun = true;
                let way = if event.dir == Dir::WireSent { "▸" } else { "◂" };
                let what = event.wire.as_ref().map(crate::transcript::Wire::words);
                let words = [what.as_deref(), event.xml.as_deref()].into_iter().flatten();
                let words: Vec<&str> = words.filter(|text| !text.is_empty()).collect();
                self.words(event, lane, Tone::Life, &format!("{way} {}", words.join(": ")));
            }
            Dir::Met | Dir::Leaving | Dir::Steps | Dir::End => {}
        }
    }

    fn words(&mut self, event: &Event, lane: Option<usize>, tone: Tone, text: &str) {
        let text = plain(text, 200);
        self.row(
            event,
            lane,
            What::Words,
            Label {
                tone,
                short: text.clone(),
                long: text,
            },
        );
    }

    fn row(&mut self, event: &Event, lane: Option<usize>, what: What, label: Label) -> usize {
        self.ladder.rows.push(Row {
            event: event.n,
            t: event.t,
            lane,
            what,
            tone: label.tone,
            label: label.long,
            short: label.short,
            call: None,
            note: None,
            moved: Vec::new(),
            marks: Vec::new(),
            told: Vec::new(),
        });
        self.ladder.rows.len() - 1
    }

    fn stanza(&mut self, event: &Event, lane: usize, xml: &str) {
        let stanza = Stanza::parse(xml).ok();
        let text = stanza
            .as_ref()
            .and_then(|stanza| stanza.call_text().or_else(|| stanza.body()));
        let is_signal = |stanza: &&Stanza| stanza.is_iq() && stanza.calls().next().is_some();
        let signal = stanza.as_ref().filter(is_signal).and_then(Stanza::call_text);
        let signal = signal.map(|text| decode(&text));
        let label = match &stanza {
            Some(stanza) => name(stanza, signal.as_ref()),
            None => no_stanza(xml),
        };
        let class = stanza.as_ref().map_or(Class::Other, class);
        let id = stanza
            .as_ref()
            .and_then(Stanza::id)
            .unwrap_or_default()
            .to_owned();
        let attr = |name| {
            stanza
                .as_ref()
                .and_then(|stanza| stanza.attr(name))
                .unwrap_or_default()
        };
        if event.dir == Dir::Sent {
            let at = self.ladder.arrows.len();
            let row = self.row(event, Some(lane), What::Sent(at), label);
            self.ladder.arrows.push(Arrow {
                sent: Some(row),
                ..Arrow::default()
            });
            self.ways.push(Way {
                class,
                lane: Some(lane),
                jid: self.now.get(lane).cloned().unwrap_or_default(),
                to: attr("to").to_owned(),
                t: event.t,
                text,
                spoilt: false,
                answered: false,
            });
            self.by_id.entry((class, id)).or_default().push(at);
            if let Some(rules) = self.breaks.remove(&lane) {
                self.note(row, format!("breaks {} on purpose", rules.join(", ")));
            }
            self.signal_sent(row, at, lane, signal.as_ref(), event.t);
            return;
        }
        let from = attr("from");
        if class == Class::Answer {
            self.answer(lane, &id);
        }
        let found = self.find(class, &id, from, lane, text.as_deref());
        let at = found.unwrap_or_else(|| {
            self.ladder.arrows.push(Arrow::default());
            self.ways.push(Way {
                class,
                lane: None,
                jid: from.to_owned(),
                to: attr("to").to_owned(),
                t: event.t,
                text,
                spoilt: false,
                answered: false,
            });
            self.ladder.arrows.len() - 1
        });
        let row = self.row(event, Some(lane), What::Received(at), label);
        let again = self.arrived_at(at, lane);
        if let (Some(arrow), Some(way)) = (self.ladder.arrows.get_mut(at), self.ways.get(at)) {
            arrow.arrivals.push(row);
            arrow.fate = Fate::Arrived;
            if way.lane.is_some() && arrow.latency.is_none() {
                arrow.latency = Some((event.arrived.unwrap_or(event.t) - way.t).max(0.0));
            }
        }
        let call = self.call(signal.as_ref());
        if let Some(row) = self.ladder.rows.get_mut(row) {
            row.call = call;
        }
        // What comes back to whoever wrote it tells it nothing of its call.
        let own = self.ways.get(at).is_some_and(|way| way.lane == Some(lane));
        if again > 0 {
            let which = match again {
                1 => "the second copy".to_owned(),
                2 => "the third copy".to_owned(),
                n => format!("copy {}", n + 1),
            };
            self.note(row, which);
        } else if !own {
            self.signal_received(row, at, lane, from, signal.as_ref(), event.t);
        }
    }

    /// Notes that somebody's request was answered, by whomever.
    fn answer(&mut self, lane: usize, id: &str) {
        let asked = self
            .by_id
            .get(&(Class::Request, id.to_owned()))
            .into_iter()
            .flatten();
        for at in asked {
            if let Some(way) = self.ways.get_mut(*at)
                && way.lane == Some(lane)
            {
                way.answered = true;
            }
        }
    }

    fn arrived_at(&self, arrow: usize, lane: usize) -> usize {
        let arrivals = self
            .ladder
            .arrows
            .get(arrow)
            .map(|arrow| arrow.arrivals.as_slice());
        let here = |row: &&usize| {
            self.ladder
                .rows
                .get(**row)
                .is_some_and(|row| row.lane == Some(lane))
        };
        arrivals.unwrap_or_default().iter().filter(here).count()
    }

    /// The arrow that this stanza is a head of: by id and sender, by id alone, or by what it says.
    fn find(&self, class: Class, id: &str, from: &str, lane: usize, text: Option<&str>) -> Option<usize> {
        let same_id: &[usize] = match self.by_id.get(&(class, id.to_owned())) {
            Some(arrows) if !id.is_empty() => arrows,
            _ => &[],
        };
        let way = |at: &usize| self.ways.get(*at);
        let by = |at: &&usize| way(at).is_some_and(|way| way.jid == from || bare(&way.jid) == from);
        let others = |at: &&usize| way(at).is_some_and(|way| way.lane != Some(lane));
        let says = |at: &&usize| {
            let said = way(at).filter(|way| way.class == class && way.lane.is_some());
            text.is_some() && said.is_some_and(|way| way.text.as_deref() == text && way.lane != Some(lane))
        };
        let first_new = |candidates: Vec<usize>| {
            let new = candidates.iter().find(|at| self.arrived_at(**at, lane) == 0);
            new.or(candidates.last()).copied()
        };
        let recent: Vec<usize> = (self.ways.len().saturating_sub(BACK)..self.ways.len()).collect();
        // An answer that nobody sent is the server's own, whoever else used the id.
        first_new(same_id.iter().filter(by).copied().collect())
            .or_else(|| {
                let own = class == Class::Answer && !self.jids.contains_key(from);
                let any = same_id.iter().filter(others).copied();
                (!own).then(|| first_new(any.collect())).flatten()
            })
            .or_else(|| first_new(recent.iter().filter(says).copied().collect()))
    }

    fn call(&mut self, signal: Option<&Decoded>) -> Option<usize> {
        let id = signal?.facts.call.as_ref()?.to_ascii_lowercase();
        let next = self.calls.len() + 1;
        Some(*self.calls.entry(id).or_insert(next))
    }

    fn signal_sent(&mut self, row: usize, arrow: usize, lane: usize, signal: Option<&Decoded>, t: f64) {
        let call = self.call(signal);
        let act = signal.and_then(Decoded::act);
        let (Some(call), Some(act)) = (call, act) else {
            return;
        };
        let peer = self.ways.get(arrow).map(|way| way.to.clone()).unwrap_or_default();
        let (moved, spoilt) = self.views.sent(lane, call, &peer, &act, t);
        if let Some(way) = self.ways.get_mut(arrow) {
            way.spoilt = spoilt;
        }
        if let Some(row) = self.ladder.rows.get_mut(row) {
            row.call = Some(call);
            row.moved.extend(moved);
        }
    }

    fn signal_received(
        &mut self,
        row: usize,
        arrow: usize,
        lane: usize,
        peer: &str,
        signal: Option<&Decoded>,
        t: f64,
    ) {
        let call = self.call(signal);
        let act = signal.and_then(Decoded::act);
        let spoilt = self.ways.get(arrow).is_some_and(|way| way.spoilt);
        let (Some(call), Some(act)) = (call, act) else {
            return;
        };
        let moved = if spoilt {
            None
        } else {
            self.views.received(lane, call, peer, &act, t)
        };
        if let Some(row) = self.ladder.rows.get_mut(row) {
            row.call = Some(call);
            row.moved.extend(moved);
        }
    }

    fn note(&mut self, row: usize, text: String) {
        if let Some(row) = self.ladder.rows.get_mut(row) {
            row.note = Some(match row.note.take() {
                Some(note) => format!("{note}; {text}"),
                None => text,
            });
        }
    }

    fn finish(mut self, marks: Vec<Mark>) -> Ladder {
        let ours: HashSet<&str> = self
            .jids
            .keys()
            .flat_map(|jid| [jid.as_str(), bare(jid)])
            .collect();
        let ours: Vec<bool> = self
            .ways
            .iter()
            .map(|way| ours.contains(way.to.as_str()))
            .collect();
        for (at, for_us) in ours.into_iter().enumerate() {
            let Some(way) = self.ways.get(at) else { continue };
            let waits = matches!(way.class, Class::Request | Class::Message) && !way.answered;
            let Some(arrow) = self.ladder.arrows.get_mut(at) else {
                continue;
            };
            if arrow.arrivals.is_empty()
                && for_us
                && waits
                && let Some(row) = arrow.sent
            {
                arrow.fate = Fate::Lost;
                self.note(row, "not seen to arrive".to_owned());
            }
        }
        self.ladder.calls = self.calls.len();
        self.goodbyes();
        let rows: HashMap<u64, usize> = self
            .ladder
            .rows
            .iter()
            .enumerate()
            .map(|(at, row)| (row.event, at))
            .collect();
        for (at, mark) in marks.iter().enumerate() {
            let shown = mark.events.iter().filter_map(|event| rows.get(event).copied());
            let shown: Vec<usize> = shown.collect();
            for row in &shown {
                if let Some(row) = self.ladder.rows.get_mut(*row) {
                    row.marks.push(at);
                }
            }
            let told = shown
                .iter()
                .max()
                .copied()
                .or(self.ladder.rows.len().checked_sub(1));
            if let Some(row) = told.and_then(|row| self.ladder.rows.get_mut(row)) {
                row.told.push(at);
            }
        }
        self.ladder.marks = marks;
        self.ladder
    }

    /// That everyone leaves in the end is no news either, and what is remarked on then stands in the transcript.
    fn goodbyes(&mut self) {
        while let Some(last) = self.ladder.rows.last() {
            let leaves = last.tone == Tone::Life && last.label == "○ disconnected";
            if !leaves && last.tone != Tone::Remark {
                return;
            }
            self.ladder.rows.pop();
        }
    }
}
