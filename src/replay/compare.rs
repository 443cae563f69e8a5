//! What came of a recorded call when it was played again: then and now, message by message.

use unicode_width::UnicodeWidthChar;

use super::names::Cast;
use super::story::{Local, Message, Reply, Story, Thing};
use super::tape::At;
use crate::stanza::NOBODY;

/// Columns of each side.
const SIDE: usize = 37;
/// Lines of an order that are shown.
const SHOWN: usize = 6;

/// One thing that went otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Who did what.
    pub about: String,
    /// Where it stands in the recording.
    pub at: Option<At>,
    pub then: Vec<String>,
    pub now: Vec<String>,
}

/// What differs. `answers`: the recording holds answers. `now`: as the run's own transcript tells it.
pub fn compare(then: &Story, cast: &Cast, answers: bool, now: &Story) -> Vec<Difference> {
    let names: Vec<&str> = now
        .ends
        .iter()
        .map(|end| end.name.as_deref().unwrap_or_default())
        .collect();
    let comparing = Comparing {
        then,
        now,
        cast,
        answers,
        there: cast
            .actors
            .iter()
            .map(|actor| names.iter().position(|name| name == actor))
            .collect(),
    };
    comparing.all()
}

struct Comparing<'s> {
    then: &'s Story,
    now: &'s Story,
    cast: &'s Cast,
    answers: bool,
    /// Each recorded end's place among those of the run.
    there: Vec<Option<usize>>,
}

fn sends(story: &Story, end: usize) -> Vec<usize> {
    let locals = story.locals.get(end).into_iter().flatten();
    let sends = locals.filter_map(|own| match own.what {
        Local::Send(message) => Some(message),
        _ => None,
    });
    sends.collect()
}

/// A message in a few words.
fn brief(message: &Message) -> String {
    match &message.thing {
        Thing::Signal(kind) => {
            let reason = message.act().and_then(|act| act.reason);
            let reason = reason.map_or_else(String::new, |reason| format!(" {}", reason.wire()));
            format!("{}{reason}", kind.name())
        }
        Thing::Chat(body) => {
            let short: String = body.chars().take(20).filter(|c| !c.is_control()).collect();
            format!("chat \"{short}\"")
        }
        Thing::Other => {
            let stanza = message.said.as_ref().and_then(|said| said.stanza.as_ref());
            stanza.map_or_else(
                || "a broken stanza".to_owned(),
                |stanza| format!("<{}/>", stanza.element().name()),
            )
        }
    }
}

fn answered(reply: Option<&Reply>) -> String {
    match reply {
        Some(Reply::Result) => "answered with a result".to_owned(),
        Some(Reply::Error(condition)) => format!("answered with {condition}"),
        None => "not answered".to_owned(),
    }
}

/// Two conditions say the same: that nobody is there.
fn alike(one: Option<&Reply>, other: Option<&Reply>) -> bool {
    let nobody = |reply: Option<&Reply>| matches!(reply, Some(Reply::Error(condition)) if NOBODY.contains(&condition.as_str()));
    one == other || (nobody(one) && nobody(other))
}

impl Comparing<'_> {
    fn actor(&self, end: usize) -> &str {
        self.cast.actors.get(end).map_or("", String::as_str)
    }

    fn now_of(&self, end: usize) -> Option<usize> {
        self.there.get(end).copied().flatten()
    }

    fn all(&self) -> Vec<Difference> {
        let mut found: Vec<(usize, Difference)> = Vec::new();
        // Which message of now is which of then: both have the same script.
        let mut same = vec![None; self.then.messages.len()];
        for end in 0..self.then.ends.len() {
            let now = self
                .now_of(end)
                .map(|now| sends(self.now, now))
                .unwrap_or_default();
            for (at, message) in sends(self.then, end).into_iter().enumerate() {
                same[message] = now.get(at).copied();
            }
        }
        for (at, message) in self.then.messages.iter().enumerate() {
            if message.said.is_some()
                && let Some(difference) = self.message(message, same[at])
            {
                found.push((message.pos, difference));
            }
        }
        for end in 0..self.then.ends.len() {
            if self.then.ends[end].recorded {
                found.extend(self.order(end, &same));
                found.extend(self.besides(end));
            }
        }
        found.sort_by_key(|(pos, _)| *pos);
        found.into_iter().map(|(_, difference)| difference).collect()
    }

    fn message(&self, then: &Message, now: Option<usize>) -> Option<Difference> {
        let mut sides = (Vec::new(), Vec::new());
        let mut differ = |one: String, other: String| {
            sides.0.push(one);
            sides.1.push(other);
        };
        match now.and_then(|now| self.now.messages.get(now)) {
            None => differ("sent".into(), "not sent: the call had broken off".into()),
            Some(now) => {
                // Where its sender was not recorded, what its receiver answered is known.
                let given = |message: &Message| {
                    let receipt = message.receipts.first().and_then(|receipt| receipt.reply.clone());
                    let reply = if then.seen { message.reply.clone() } else { receipt };
                    reply.map(|given| given.reply)
                };
                let (one, other) = (given(then), given(now));
                if self.answers && then.asks && !alike(one.as_ref(), other.as_ref()) {
                    differ(answered(one.as_ref()), answered(other.as_ref()));
                }
                for end in 0..self.then.ends.len() {
                    if !self.then.ends[end].recorded || end == then.from {
                        continue;
                    }
                    let came = then.receipts.iter().any(|receipt| receipt.end == end);
                    let there = self.now_of(end);
                    let comes = now.receipts.iter().any(|receipt| Some(receipt.end) == there);
                    if came != comes {
                        let words = |came: bool| match came {
                            true => format!("came to {}", self.actor(end)),
                            false => format!("did not come to {}", self.actor(end)),
                        };
                        differ(words(came), words(comes));
                    }
                }
                let changed = |message: &Message| message.receipts.iter().any(|receipt| receipt.changed);
                if then.seen && changed(then) != changed(now) {
                    let words = |changed: bool| match changed {
                        true => "its text came changed",
                        false => "its text came unchanged",
                    };
                    differ(words(changed(then)).into(), words(changed(now)).into());
                }
                if then.copies.min(1) != now.copies.min(1) {
                    let words = |copies: usize| match copies {
                        0 => "came once".to_owned(),
                        n => format!("came {} times", n + 1),
                    };
                    differ(words(then.copies), words(now.copies));
                }
            }
        }
        let about = format!("{}: {}", self.actor(then.from), brief(then));
        (!sides.0.is_empty()).then_some(Difference {
            about,
            at: Some(then.at),
            then: sides.0,
            now: sides.1,
        })
    }

    /// The order in which an end got what it got both times.
    fn order(&self, end: usize, same: &[Option<usize>]) -> Option<(usize, Difference)> {
        let heard = |story: &Story, end: usize| -> Vec<usize> {
            let locals = story.locals.get(end).into_iter().flatten();
            let hears = locals.filter_map(|own| match own.what {
                Local::Hear(message, _) => Some(message),
                _ => None,
            });
            hears.collect()
        };
        let now = heard(self.now, self.now_of(end)?);
        let then: Vec<usize> = heard(self.then, end)
            .into_iter()
            .filter(|message| same[*message].is_some_and(|same| now.contains(&same)))
            .collect();
        let back: Vec<usize> = now
            .iter()
            .filter_map(|message| then.iter().copied().find(|then| same[*then] == Some(*message)))
            .collect();
        let first = then.iter().zip(&back).position(|(one, other)| one != other)?;
        let words = |order: &[usize]| -> Vec<String> {
            let shown = order.iter().skip(first).take(SHOWN);
            shown
                .map(|message| brief(&self.then.messages[*message]))
                .collect()
        };
        let message = &self.then.messages[then[first]];
        let difference = Difference {
            about: format!("{}: the order of what it got", self.actor(end)),
            at: Some(message.at),
            then: words(&then),
            now: words(&back),
        };
        Some((message.pos, difference))
    }

    /// What the server said by itself, and whether it ended the stream.
    fn besides(&self, end: usize) -> Option<(usize, Difference)> {
        let words = |story: &Story, end: usize| -> Vec<String> {
            let locals = story.locals.get(end).into_iter().flatten();
            let words = locals.filter_map(|own| match &own.what {
                Local::Foreign(index) => {
                    let foreign = story.foreign.get(*index)?;
                    let kind = foreign.kind.map_or("a signal", |kind| kind.name());
                    let reason = foreign.reason.as_deref().map(|reason| format!(" {reason}"));
                    Some(format!("the server sent {kind}{}", reason.unwrap_or_default()))
                }
                Local::Closed => Some("the server ended its stream".to_owned()),
                Local::StreamError(condition) => Some(format!("stream error {condition}")),
                _ => None,
            });
            words.collect()
        };
        let (then, now) = (words(self.then, end), words(self.now, self.now_of(end)?));
        let pos = self.then.locals[end].last().map_or(0, |own| own.pos);
        (then != now).then(|| {
            let difference = Difference {
                about: self.actor(end).to_owned(),
                at: None,
                then: if then.is_empty() {
                    vec!["nothing of the server's own".into()]
                } else {
                    then
                },
                now: if now.is_empty() {
                    vec!["nothing of the server's own".into()]
                } else {
                    now
                },
            };
            (pos, difference)
        })
    }
}

/// Differences side by side, in 80 columns. `place`: a place of the recording in words.
pub fn columns(differences: &[Difference], place: &dyn Fn(At) -> String) -> String {
    let mut out = row("then", "now");
    for difference in differences {
        let at = difference.at.map(place).unwrap_or_default();
        let at = if at.is_empty() { at } else { format!("  ({at})") };
        out.push_str(&format!("{}{at}\n", difference.about));
        let rows = difference.then.len().max(difference.now.len());
        let side = |words: &[String], at: usize| words.get(at).cloned().unwrap_or_default();
        for at in 0..rows {
            let (then, now) = (
                wrapped(&side(&difference.then, at)),
                wrapped(&side(&difference.now, at)),
            );
            for line in 0..then.len().max(now.len()) {
                out.push_str(&row(&side(&then, line), &side(&now, line)));
            }
        }
    }
    out
}

fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

fn row(then: &str, now: &str) -> String {
    let blanks = " ".repeat(SIDE.saturating_sub(width(then)));
    format!("  {then}{blanks} │ {now}").trim_end().to_owned() + "\n"
}

fn wrapped(text: &str) -> Vec<String> {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split(' ') {
        if !line.is_empty() && width(&line) + 1 + width(word) > SIDE {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            if width(&line) >= SIDE {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    lines.push(line);
    lines
}
