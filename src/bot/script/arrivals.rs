//! What comes in: taken in, answered, kept for the steps that wait for it.

use std::time::Duration;

use super::super::compose;
use super::super::matching::Arrival;
use super::{Input, Phase, Script};
use crate::protocol::is_same_call;
use crate::scenario::Answer;
use crate::stanza::{self, IqType, STREAM, Stanza};
use crate::transcript::{Dir, Event};
use crate::xmpp::Said;

impl Script {
    pub(super) fn take_in(&mut self) -> bool {
        let open: Vec<String> = self
            .bots
            .keys()
            // Once the run ends nothing crosses any more, and how a stream ended has to be known.
            .filter(|who| matches!(self.phase, Phase::Closing(_)) || !self.root.is_blind(who))
            .cloned()
            .collect();
        let mut any = false;
        for who in open {
            while let Some(input) = self.bots.get_mut(&who).and_then(|bot| bot.inbox.pop_front()) {
                any = true;
                match input {
                    Input::Element { stanza, arrived, .. } => self.element(&who, stanza, arrived),
                    Input::Broken {
                        raw, why, arrived, ..
                    } => {
                        let event = self.received(&who, arrived);
                        self.record(Event {
                            xml: Some(raw.into()),
                            note: Some(format!("not XML: {why}")),
                            ..event
                        });
                    }
                    Input::Wire { sent, wire, text, .. } => self.wire(&who, sent, wire, text),
                    Input::Ended { how, .. } => self.stream_ended(&who, how),
                    _ => {}
                }
            }
        }
        any
    }

    pub(super) fn received(&mut self, who: &str, arrived: Duration) -> Event {
        let event = self.event(Dir::Received, who);
        // Microseconds of queueing are no news; what waited for a crossing is.
        let waited = self.now.saturating_sub(arrived) > Duration::from_micros(500);
        Event {
            arrived: waited.then_some(arrived.as_secs_f64()),
            ..event
        }
    }

    pub(super) fn element(&mut self, who: &str, stanza: Stanza, arrived: Duration) {
        let kind = stanza.iq_type();
        // What comes in another stanza than a request to do something is no signal, whatever stands in it.
        let signal = stanza
            .call_text()
            .filter(|_| kind == Some(IqType::Set))
            .and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
        let signal = signal.filter(serde_json::Value::is_object);
        let is_call = stanza.has_call();
        let asks = matches!(kind, Some(IqType::Set | IqType::Get));
        let answer = match (asks, is_call, kind) {
            (true, true, Some(IqType::Set)) => {
                let arrival = Arrival {
                    n: 0,
                    stanza: stanza.clone(),
                    signal: signal.clone(),
                    taken: false,
                };
                let own = self.root.answer_for(who, &|pattern| self.fits(pattern, &arrival));
                let policy = self
                    .bots
                    .get(who)
                    .map_or(Answer::Result, |bot| bot.policy.clone());
                if let Some(own) = &own
                    && *own != policy
                {
                    self.announce_answers(who, own);
                }
                Some((
                    own.clone().unwrap_or_else(|| policy.clone()),
                    own.filter(|own| *own != policy).map(|_| policy),
                ))
            }
            (true, true, _) => Some((Answer::Error("bad-request".into()), None)),
            (true, false, _) => {
                let known = stanza
                    .element()
                    .children()
                    .any(|c| c.is("ping", "urn:xmpp:ping") || c.is("query", "jabber:iq:roster"));
                let answer = if known {
                    Answer::Result
                } else {
                    Answer::Error("service-unavailable".into())
                };
                Some((answer, None))
            }
            _ => None,
        };
        let event = self.received(who, arrived);
        let n = event.n;
        self.record(Event {
            xml: Some(stanza.raw().into()),
            signal: signal.clone(),
            ..event
        });
        let now = self.setup.started + self.now;
        let besides = match &mut self.faulty {
            Some(faulty) if faulty.who() == who => faulty.got(&stanza, now),
            _ => Vec::new(),
        };
        if let Some((answer, back_to)) = answer {
            self.answer(who, &stanza, &answer);
            if let Some(policy) = back_to {
                self.announce_answers(who, &policy);
            }
        }
        for (after, raw) in besides {
            self.put_after(after, who, raw, None);
        }
        if matches!(kind, Some(IqType::Result | IqType::Error))
            && let Some(id) = stanza.id()
            && let Some(fence) = &mut self.fence
            && fence.answered(who, id)
        {
            self.advance_fence();
            return;
        }
        if matches!(kind, Some(IqType::Result | IqType::Error))
            && let Some(id) = stanza.id()
            && let Some(bot) = self.bots.get_mut(who)
            && bot.unanswered.remove(id)
        {
            bot.answers.insert(id.to_owned(), stanza.clone());
        }
        let passed_on = !stanza.is_presence() && stanza.from().is_some_and(|from| from.contains('@'));
        if let Some(fence) = self.fence.as_mut().filter(|_| passed_on) {
            fence.moves(self.now);
        }
        self.learn_peer(who, &stanza, signal.as_ref());
        if stanza.is("error", STREAM) {
            // Its own words stand in the transcript.
            self.thrown_out(who, Said::of(&stanza, "undefined-condition").without_words());
        }
        let noise = stanza.is_presence() || self.is_strangers(&stanza);
        if let Some(bot) = self.bots.get_mut(who)
            && !noise
        {
            bot.pool.push(Arrival {
                n,
                stanza,
                signal,
                taken: false,
            });
        }
    }

    /// What a user says who plays no part here: anybody may write to an account at any time (RFC 6121 §5.2.1).
    fn is_strangers(&self, stanza: &Stanza) -> bool {
        if !stanza.is_message() || stanza.has_call() {
            return false;
        }
        let from = stanza.from().map(stanza::fold).unwrap_or_default();
        let user = stanza::bare(&from);
        let is_own = |jid: &str| stanza::bare(&stanza::fold(jid)) == user;
        user.contains('@') && !self.bots.values().any(|bot| is_own(&bot.jid))
    }

    pub(super) fn announce_answers(&mut self, who: &str, policy: &Answer) {
        let note = match policy {
            Answer::Result => "result".to_owned(),
            Answer::Error(condition) => format!("error {condition}"),
            Answer::Withhold => "withhold".to_owned(),
            Answer::After(length) => format!("after {} s", length.as_secs_f64()),
        };
        let event = self.event(Dir::Answers, who);
        self.record(Event {
            note: Some(note),
            ..event
        });
    }

    pub(super) fn answer(&mut self, who: &str, iq: &Stanza, answer: &Answer) {
        match answer {
            Answer::Result => self.write(who, compose::result(iq), None),
            Answer::Error(condition) => self.write(who, compose::error(iq, condition), None),
            Answer::Withhold => {}
            Answer::After(length) => self
                .later
                .push((self.now + *length, who.into(), compose::result(iq))),
        }
    }

    /// Which device of the other side to talk to from now on.
    fn learn_peer(&mut self, who: &str, stanza: &Stanza, signal: Option<&serde_json::Value>) {
        let (Some(from), Some(signal)) = (stanza.from(), signal) else {
            return;
        };
        let id = signal.get("callId").and_then(|id| id.as_str());
        let kind = signal.get("type").and_then(|kind| kind.as_str());
        for call in self
            .calls
            .values_mut()
            .filter(|call| id.is_some_and(|id| is_same_call(id, &call.id)))
        {
            if call.caller == who && kind == Some("call:accept") {
                call.callee_jid = Some(from.to_owned());
            } else if kind == Some("call:initiate") && call.caller_jid.is_none() {
                call.caller_jid = Some(from.to_owned());
            }
        }
    }
}
