//! What steps wait for: whether it has come, can still come, and what came instead.

use super::super::matching::{Arrival, Wanted};
use super::line::is_line_pattern;
use super::{Link, Script};
use crate::scenario::{Expect, Pattern, Step};
use crate::transcript::{Dir, Event};

impl Script {
    pub(super) fn wanted(&mut self, expect: &Expect) -> Wanted {
        let call = match &expect.pattern {
            Pattern::Signal { call, .. } => self.calls.get(call).map(|call| call.id.clone()),
            _ => None,
        };
        let pattern = match &expect.pattern {
            Pattern::Chat { body: Some(body) } => Pattern::Chat {
                body: Some(self.text(body)),
            },
            other => other.clone(),
        };
        let from = expect.from.as_ref().map(|from| match self.bots.get(from) {
            Some(bot) => bot.jid.clone(),
            None => self.text(from),
        });
        let equals = expect
            .equals
            .iter()
            .map(|(at, v)| (at.clone(), self.value(v)))
            .collect();
        // Lint has compiled each expression once; one that a runtime name breaks matches nothing.
        let never = || regex::Regex::new("$.^");
        let compile = |text: String| regex::Regex::new(&text).or_else(|_| never());
        let texts: Vec<_> = expect
            .matches
            .iter()
            .map(|(at, text)| (at.clone(), self.text(text)))
            .collect();
        let matches = texts
            .into_iter()
            .filter_map(|(at, text)| compile(text).ok().map(|regex| (at, regex)))
            .collect();
        Wanted {
            pattern,
            call,
            from,
            equals,
            matches,
            absent: expect.absent.clone(),
        }
    }

    pub(super) fn fits(&self, pattern: &Pattern, arrival: &Arrival) -> bool {
        let call = match pattern {
            Pattern::Signal { call, .. } => self.calls.get(call).map(|call| call.id.clone()),
            _ => None,
        };
        let wanted = Wanted {
            pattern: pattern.clone(),
            call,
            from: None,
            equals: Vec::new(),
            matches: Vec::new(),
            absent: Vec::new(),
        };
        wanted.compare(arrival).is_some()
    }

    pub(super) fn try_expect(&mut self, expect: &Expect, wanted: &Wanted) -> Option<u64> {
        if is_line_pattern(&wanted.pattern) {
            return self.try_sight(&expect.who, &wanted.pattern);
        }
        let bot = self.bots.get_mut(&expect.who)?;
        if wanted.pattern == Pattern::Close {
            return bot.ended.then_some(self.n);
        }
        let mut open = bot.pool.iter_mut().filter(|arrival| !arrival.taken);
        let found = if expect.next {
            let first = open.find(|arrival| arrival.counts())?;
            (wanted.compare(first) == Some(Vec::new())).then_some(first)
        } else {
            open.find(|arrival| wanted.compare(arrival) == Some(Vec::new()))
        }?;
        found.taken = true;
        let (n, signal) = (found.n, found.signal.clone());
        for (name, pointer) in &expect.captures {
            if let Some(value) = signal.as_ref().and_then(|signal| signal.pointer(pointer)) {
                self.names.set(name.clone(), value.clone());
            }
        }
        Some(n)
    }

    /// Whether waiting on is pointless: the stream is over, or `next` was met by something else.
    pub(super) fn hopeless(&self, expect: &Expect, wanted: &Wanted) -> bool {
        let Some(bot) = self.bots.get(&expect.who) else {
            return true;
        };
        if wanted.pattern == Pattern::Close {
            return false;
        }
        if is_line_pattern(&wanted.pattern) {
            return Script::sight_is_hopeless(bot, &wanted.pattern);
        }
        let other_came = || bot.pool.iter().any(|arrival| !arrival.taken && arrival.counts());
        (bot.link == Link::Down && bot.inbox.is_empty()) || (expect.next && other_came())
    }

    pub(super) fn instead(&self, expect: &Expect, wanted: &Wanted) -> String {
        let Some(bot) = self.bots.get(&expect.who) else {
            return "nothing".into();
        };
        if bot.raw {
            return Script::sights(bot);
        }
        let near: Vec<String> = bot
            .pool
            .iter()
            .filter(|arrival| !arrival.taken)
            .filter_map(|arrival| {
                let differences = wanted.compare(arrival)?;
                Some(format!(
                    "{} (event {}): {}",
                    arrival.brief(),
                    arrival.n,
                    differences.join("; ")
                ))
            })
            .collect();
        if !near.is_empty() {
            return near.join(" · ");
        }
        let others: Vec<String> = bot
            .pool
            .iter()
            .filter(|arrival| !arrival.taken && arrival.counts())
            .map(|arrival| format!("{} (event {})", arrival.brief(), arrival.n))
            .collect();
        if others.is_empty() {
            "nothing came".into()
        } else {
            format!("only {}", others.join(", "))
        }
    }

    pub(super) fn pool_number(&mut self, who: &str, id: &str) -> u64 {
        let Some(bot) = self.bots.get_mut(who) else {
            return 0;
        };
        let mut answers = bot.pool.iter_mut();
        answers
            .find(|a| a.stanza.id() == Some(id) && !a.taken)
            .map_or(0, |arrival| {
                arrival.taken = true;
                arrival.n
            })
    }

    pub(super) fn met(&mut self, step: &Step, wanted: String, n: u64, rule: Option<&str>) {
        let event = self.event(Dir::Met, "");
        let step = Some(step.place.to_string());
        self.record(Event {
            step,
            wanted: Some(wanted),
            rules: rule.map(str::to_owned).into_iter().collect(),
            events: vec![n],
            ..event
        });
    }

    /// The event of a request of ours.
    pub(super) fn asked(&self, who: &str, id: &str) -> Vec<u64> {
        let asked = self.bots.get(who).and_then(|bot| bot.asked.get(id));
        asked.copied().into_iter().collect()
    }

    /// `about`: the rule that the step names, and the events that it is about.
    pub(super) fn missed(
        &mut self,
        step: &Step,
        who: &str,
        wanted: String,
        seen: String,
        (rule, events): (Option<&str>, Vec<u64>),
    ) {
        let event = self.event(Dir::Missed, who);
        let rules = rule.map(str::to_owned).into_iter().collect();
        let step = Some(step.place.to_string());
        self.record(Event {
            step,
            wanted: Some(wanted),
            seen: Some(seen),
            rules,
            events,
            ..event
        });
        self.failed = true;
    }
}
