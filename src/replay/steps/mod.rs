//! From the order of what happened to the steps of a scenario: who sends, who receives, and after how long.

mod expect;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::names::{Cast, Texts};
use super::order::{Atom, Block};
use super::signal::{Form, Words, Writer};
use super::story::{Local, Message, Reply, Story};
use super::text::{Deed, Step, Word};
use crate::profile::Class;
use crate::protocol::{Kind, RINGING, Reason, TOLERANCE};
use crate::rules::rule;
use crate::stanza::NOBODY;

/// What becomes of the recorded times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// As they were, rounded to what a person would write.
    Rounded,
    /// As they were, this many times as fast; infinite: without any gap.
    Times(f64),
}

/// How the steps are written.
#[derive(Debug, Clone)]
pub struct Manner {
    pub pace: Pace,
    /// What does not come, or is answered in another way, ends nothing: what came of it is compared afterwards.
    pub lenient: bool,
    /// The rules that each message breaks on purpose.
    pub breaks: BTreeMap<usize, Vec<String>>,
}

struct Making<'s> {
    story: &'s Story,
    class: Class,
    cast: &'s Cast,
    writer: Writer<'s>,
    manner: &'s Manner,
    /// Seconds of the scenario so far, and of the recording.
    clock: f64,
    recorded: f64,
    /// When calls began and were accepted, on both clocks.
    began: BTreeMap<String, (f64, f64)>,
    accepted: BTreeMap<String, (f64, f64)>,
    /// By message: the words that send it, and what its receivers see.
    written: Vec<(Words, Form)>,
    lost: BTreeSet<usize>,
}

/// The steps of these blocks.
///
/// # Errors
/// One sentence: something cannot be played again.
pub fn steps(
    story: &Story,
    class: Class,
    cast: &Cast,
    texts: &Texts,
    blocks: &[Block],
    manner: &Manner,
) -> Result<Vec<Step>, String> {
    let mut writer = Writer::new(story, cast, texts);
    let written = (0..story.messages.len()).map(|index| writer.send(index));
    let written = written.collect::<Result<_, _>>()?;
    let mut making = Making {
        story,
        class,
        cast,
        writer,
        manner,
        clock: 0.0,
        recorded: first_time(blocks),
        began: BTreeMap::new(),
        accepted: BTreeMap::new(),
        written,
        lost: BTreeSet::new(),
    };
    let mut out = Vec::new();
    for block in blocks {
        match block {
            Block::Plain(atoms) => {
                let mut after = Vec::new();
                for atom in atoms {
                    making.prepare(atom, &mut out, &mut after);
                }
                for atom in atoms {
                    out.extend(making.silence(atom));
                    out.extend(making.atom(atom)?);
                }
                out.extend(making.lost(atoms));
                out.extend(after);
            }
            Block::Crossing { branches, after } => {
                let mut later = Vec::new();
                for atom in branches.iter().flatten().chain(after) {
                    making.prepare(atom, &mut out, &mut later);
                }
                out.push(Step::Together(making.branches(branches)?));
                for atom in after {
                    out.extend(making.silence(atom));
                    out.extend(making.atom(atom)?);
                }
                for atoms in branches {
                    out.extend(making.lost(atoms));
                }
                out.extend(later);
            }
        }
    }
    Ok(out)
}

fn first_time(blocks: &[Block]) -> f64 {
    let times = blocks.iter().flat_map(|block| match block {
        Block::Plain(atoms) => atoms.iter().map(|atom| atom.own.t).collect::<Vec<_>>(),
        Block::Crossing { branches, .. } => branches.iter().flatten().map(|atom| atom.own.t).collect(),
    });
    times.fold(f64::INFINITY, f64::min).min(f64::MAX)
}

/// A length of time in seconds, as short as it can be said.
pub fn time(seconds: f64) -> String {
    let millis = (seconds * 1000.0).round().max(0.0) as u64;
    match millis {
        0 => "0ms".to_owned(),
        millis if millis.is_multiple_of(1000) => format!("{}s", millis / 1000),
        millis => format!("{millis}ms"),
    }
}

/// Lets the step tell of no longer a call than this, in seconds.
fn shorten(words: &mut Words, longest: u64) {
    for (_, word) in words.iter_mut().filter(|(key, _)| *key == "with") {
        let Word::Map(with) = word else { continue };
        for (_, value) in with.iter_mut().filter(|(name, _)| name == "duration") {
            if value.as_u64().is_some_and(|told| told > longest) {
                *value = longest.into();
            }
        }
    }
}

impl Making<'_> {
    fn who(&self, end: usize) -> String {
        self.cast.actors.get(end).cloned().unwrap_or_default()
    }

    fn form(&self, index: usize) -> Option<&Form> {
        self.written.get(index).map(|(_, form)| form)
    }

    fn deed(&self, end: usize, words: Words) -> Deed {
        Deed {
            who: self.who(end),
            words,
            comments: Vec::new(),
            sends: None,
        }
    }

    // -- time ----------------------------------------------------------------------------------------------

    /// How long the scenario waits before what was recorded at this time.
    fn wait(&mut self, t: f64) -> f64 {
        let gap = (t - self.recorded).max(0.0);
        let wait = match self.manner.pace {
            // Rounded on the whole, so that little errors do not add up.
            Pace::Rounded => {
                let step = match gap {
                    gap if gap < 0.02 => return 0.0,
                    gap if gap < 1.0 => 0.01,
                    gap if gap < 60.0 => 0.1,
                    _ => 1.0,
                };
                // Upwards: nothing may come too early for what it says.
                (gap / step - 1e-6).ceil() * step
            }
            Pace::Times(speed) if speed.is_infinite() => 0.0,
            Pace::Times(speed) => gap / speed,
        };
        self.recorded = self.recorded.max(t);
        wait
    }

    /// The wait before this message: what the protocol itself times does not become shorter than it has to be.
    fn wait_for(&mut self, message: &Message) -> f64 {
        let mut wait = self.wait(message.t);
        if let (Some(act), Some(call)) = (message.act(), message.call.as_ref())
            && act.kind == Kind::Hangup
            && act.reason == Some(Reason::Timeout)
            && let Some((clock, recorded)) = self.began.get(call)
            && message.t - recorded >= RINGING - TOLERANCE
        {
            wait = wait.max(clock + RINGING - self.clock);
        }
        wait
    }

    /// The most seconds that this hangup may tell now, where the call has become shorter: what is said of its length
    /// does too.
    fn longest(&self, message: &Message) -> Option<u64> {
        let told = message.act().filter(|act| act.kind == Kind::Hangup)?.duration?;
        let (clock, recorded) = self.accepted.get(message.call.as_ref()?)?;
        let fitted = self.manner.pace != Pace::Rounded && told as f64 <= message.t - recorded + 1.0;
        fitted.then(|| (self.clock - clock).max(0.0) as u64)
    }

    fn note(&mut self, message: &Message) {
        let (Some(act), Some(call)) = (message.act(), message.call.clone()) else {
            return;
        };
        let now = (self.clock, message.t);
        match act.kind {
            Kind::Initiate => drop(self.began.entry(call).or_insert(now)),
            Kind::Accept => drop(self.accepted.entry(call).or_insert(now)),
            _ => {}
        }
    }

    // -- steps ---------------------------------------------------------------------------------------------

    fn branches(&mut self, branches: &[Vec<Atom>]) -> Result<Vec<Vec<Step>>, String> {
        // Each branch has its own gaps; the longest of them is how long it takes.
        let (clock, recorded) = (self.clock, self.recorded);
        let (mut latest, mut last) = (clock, recorded);
        let mut out = Vec::new();
        for atoms in branches {
            (self.clock, self.recorded) = (clock, recorded);
            let mut steps = Vec::new();
            for atom in atoms {
                steps.extend(self.atom(atom)?);
            }
            latest = latest.max(self.clock);
            last = last.max(self.recorded);
            out.push(steps);
        }
        (self.clock, self.recorded) = (latest, last);
        Ok(out)
    }

    /// The time that passes before the server says something by itself.
    fn silence(&mut self, atom: &Atom) -> Option<Step> {
        let Local::Foreign(index) = atom.own.what else {
            return None;
        };
        let wait = self.wait(self.story.foreign.get(index)?.t);
        self.clock += wait;
        // A little less: it is to come no earlier, and need not come later.
        (wait > 1.0).then(|| Step::Wait(time(wait - 0.1)))
    }

    fn atom(&mut self, atom: &Atom) -> Result<Option<Step>, String> {
        let end = atom.end;
        let plain = |word: &str| Word::Plain(word.to_owned());
        let deed = match &atom.own.what {
            Local::Send(message) => return self.send(*message).map(|deed| Some(Step::Deed(deed))),
            Local::Hear(message, receipt) => return Ok(self.hear(*message, *receipt).map(Step::Deed)),
            Local::Comes => self.link(end, "connect", atom.own.t),
            Local::Goes { cut: false } => self.link(end, "disconnect", atom.own.t),
            Local::Goes { cut: true } => self.link(end, "cut", atom.own.t),
            Local::Closed => self.deed(end, vec![("receives", plain("close"))]),
            Local::StreamError(condition) => self.deed(
                end,
                vec![
                    ("receives", plain("stream-error")),
                    ("condition", Word::List(vec![condition.clone()])),
                ],
            ),
            Local::Foreign(index) => {
                let Some(foreign) = self.story.foreign.get(*index) else {
                    return Ok(None);
                };
                let Some(kind) = foreign.kind else { return Ok(None) };
                let mut words = vec![("receives", plain(kind.name()))];
                let label = super::names::label(self.story, foreign.call.as_deref().unwrap_or_default());
                if label != "main" {
                    words.push(("call", Word::Plain(label)));
                }
                if let Some(reason) = &foreign.reason {
                    words.push((
                        "where",
                        Word::Map(vec![("/payload/reason".into(), json!(reason))]),
                    ));
                }
                words.push(("within", plain("5s")));
                if self.manner.lenient {
                    words.push(("optional", plain("true")));
                }
                let mut deed = self.deed(end, words);
                deed.comments.push("the server says so by itself".to_owned());
                deed
            }
        };
        Ok(Some(Step::Deed(deed)))
    }

    fn link(&mut self, end: usize, verb: &str, t: f64) -> Deed {
        let wait = self.wait(t);
        self.clock += wait;
        let mut words = vec![("does", Word::Plain(verb.to_owned()))];
        if wait > 0.0 {
            words.push(("after", Word::Plain(time(wait))));
        }
        self.deed(end, words)
    }

    fn send(&mut self, index: usize) -> Result<Deed, String> {
        let story = self.story;
        let message = story.messages.get(index).ok_or("there is no such message")?;
        let wait = self.wait_for(message);
        self.clock += wait;
        let (words, _) = self.written.get_mut(index).ok_or("there is no such message")?;
        let mut words = std::mem::take(words);
        if let Some(longest) = self.longest(message) {
            shorten(&mut words, longest);
        }
        self.note(message);
        if wait > 0.0 {
            words.push(("after", Word::Plain(time(wait))));
        }
        if !self.manner.lenient {
            words.extend(self.answered(index, message));
        }
        let mut deed = self.deed(message.from, words);
        deed.sends = Some(index);
        if let Some(rules) = self.manner.breaks.get(&index) {
            for id in rules {
                if let Some(rule) = rule(id) {
                    deed.comments.push(format!("breaks {id}: {}", rule.text));
                }
            }
            deed.words.push(("breaks", Word::List(rules.clone())));
        }
        if self.is_lost(message) {
            self.lost.insert(index);
        }
        Ok(deed)
    }

    /// What the sender was told, where it did not come from the receiver.
    fn answered(&self, index: usize, message: &Message) -> Option<(&'static str, Word)> {
        let given = message.reply.as_ref()?;
        if given.reply == Reply::Result
            && self.writer.is_named(message)
            && self.is_used_again(index, message, given.pos)
        {
            return Some(("answered", Word::Plain("result".into())));
        }
        let Reply::Error(condition) = &given.reply else {
            return None;
        };
        if !message.receipts.is_empty() || !message.asks {
            return None;
        }
        let word = if NOBODY.contains(&condition.as_str()) {
            format!("{{ error: [{}], rule: RT-07 }}", NOBODY.join(", "))
        } else if self.class == Class::Enforcing && self.manner.breaks.is_empty() {
            // Which breach it is that was refused, is not known yet.
            "any".to_owned()
        } else {
            format!("{{ error: [{condition}] }}")
        };
        Some(("answered", Word::Plain(word)))
    }

    /// Whether its sender waits for the answer before it uses the id again.
    fn is_used_again(&self, index: usize, message: &Message, answered: usize) -> bool {
        self.story.messages.iter().skip(index + 1).any(|other| {
            other.from == message.from && other.asks && other.pos > answered && other.id() == message.id()
        })
    }

    /// What is no signal is answered by what its receiver does with everything.
    fn prepare(&mut self, atom: &Atom, before: &mut Vec<Step>, after: &mut Vec<Step>) {
        let Local::Hear(index, receipt) = atom.own.what else {
            return;
        };
        let Some(message) = self.story.messages.get(index) else {
            return;
        };
        let signal = matches!(self.form(index), Some(Form::Signal(..)));
        let set = message
            .said
            .as_ref()
            .is_some_and(|said| said.iq() == Some(crate::stanza::IqType::Set));
        if signal || !set {
            return;
        }
        let Some(word) = message
            .receipts
            .get(receipt)
            .and_then(|receipt| self.reply(index, receipt))
        else {
            return;
        };
        before.push(Step::Deed(
            self.deed(atom.end, vec![("answers", Word::Plain(word))]),
        ));
        after.push(Step::Deed(
            self.deed(atom.end, vec![("answers", Word::Plain("result".into()))]),
        ));
    }
}
