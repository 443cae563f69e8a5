//! Where a stanza goes, and what comes back at once.

use std::collections::btree_map::Entry;

use super::Endpoint;
use super::carriage::Handed;
use super::enforcing::{Input, Machine, Output, Refusal};
use super::fault::{Passage, Point};
use super::registry::{MOST_OWED, Owed, Registry, Seat};
use crate::protocol::NAMESPACE;
use crate::stanza::{CLIENT, IqType, STANZA_ERRORS, Stanza, bare, escape, fold, resource};

/// The error answer to a stanza, from whom it was meant for (RFC 6120 §8.3.1).
pub fn error(stanza: &Stanza, to: &str, condition: &str) -> String {
    let kind = match condition {
        "bad-request" | "jid-malformed" => "modify",
        "forbidden" => "auth",
        "resource-constraint" | "unexpected-request" => "wait",
        _ => "cancel",
    };
    format!(
        r#"<{name} xmlns="{CLIENT}" type="error"{}{}{}><error type="{kind}"><{condition} xmlns="{STANZA_ERRORS}"/></error></{name}>"#,
        attribute("id", stanza.id()),
        attribute("from", stanza.to()),
        attribute("to", Some(to)),
        name = stanza.element().name(),
    )
}

/// The empty result of an IQ, from whom it was meant for.
pub fn result(stanza: &Stanza, to: &str, child: &str) -> String {
    format!(
        r#"<iq xmlns="{CLIENT}" type="result"{}{}{}>{child}</iq>"#,
        attribute("id", stanza.id()),
        attribute("from", stanza.to()),
        attribute("to", Some(to)),
    )
}

fn attribute(name: &str, value: Option<&str>) -> String {
    value
        .map(|value| format!(r#" {name}="{}""#, escape(value)))
        .unwrap_or_default()
}

impl Endpoint {
    /// Carries a stanza of `from` (a full JID) to where it belongs; what comes back at once is the return value.
    pub(super) fn route(&self, from: &str, stanza: &Stanza) -> Option<(Point, String)> {
        let to = fold(stanza.to().unwrap_or(bare(from)));
        let bounce = |condition| (Point::Bounce, error(stanza, from, condition));
        let refuse = |condition| may_be_answered(stanza).then(|| bounce(condition));
        let domain = bare(&to).rsplit('@').next().unwrap_or_default();
        if domain != self.config().domain {
            return refuse("remote-server-not-found");
        }
        let mut registry = self.registry();
        match stanza.iq_type() {
            Some(IqType::Result | IqType::Error) => {
                self.answer(&mut registry, from, &to, stanza);
                None
            }
            Some(_) if registry.machine.is_some() && stanza.has_call() => {
                self.signal(&mut registry, from, &to, stanza)
            }
            Some(_) => self.ask(&mut registry, from, &to, stanza).map(bounce),
            // What is judged as an IQ must not go round the judge in a message.
            None if registry.machine.is_some() && holds_call(stanza) => refuse("bad-request"),
            None => {
                let readers = registry.readers(&to);
                let text = stanza.stamped(from, None)?;
                let mut taken = false;
                for reader in readers {
                    let passage = Passage {
                        point: Point::Chat,
                        from,
                        to: &reader,
                        stanza,
                        text: text.clone(),
                    };
                    taken |= self.hand(&mut registry, &passage) != Handed::Nobody;
                }
                if taken {
                    None
                } else {
                    refuse("service-unavailable")
                }
            }
        }
    }

    /// An answer goes back to whoever asked, unless that was the server.
    fn answer(&self, registry: &mut Registry, from: &str, to: &str, stanza: &Stanza) {
        let id = stanza.id().unwrap_or_default();
        let key = (to.to_owned(), id.to_owned());
        let owed = registry
            .seats
            .get_mut(from)
            .and_then(|seat| seat.owed.remove(&key));
        if owed.is_some()
            && let Some(machine) = &mut registry.machine
        {
            let refused = stanza.iq_type() == Some(IqType::Error);
            machine.handle(
                self.now(),
                Input::Answered {
                    device: from,
                    asker: to,
                    id,
                    refused,
                },
            );
        }
        if !matches!(owed, Some(Owed::Nothing))
            && let Some(text) = stanza.stamped(from, None)
        {
            let passage = Passage {
                point: Point::Answer,
                from,
                to,
                stanza,
                text,
            };
            self.hand(registry, &passage);
        }
    }

    /// A signal, on an enforcing server.
    fn signal(
        &self,
        registry: &mut Registry,
        from: &str,
        to: &str,
        stanza: &Stanza,
    ) -> Option<(Point, String)> {
        let whole = stanza.iq_type() == Some(IqType::Set)
            && (stanza.is_bare() || stanza.calls().all(|call| call.children().next().is_none()));
        if !whole {
            return Some((Point::Judged, error(stanza, from, "bad-request")));
        }
        let rung = if resource(to).is_some() {
            let there = registry.seats.contains_key(to);
            there.then(|| to.to_owned()).into_iter().collect::<Vec<_>>()
        } else {
            registry.devices(to)
        };
        let text = stanza.call_text().unwrap_or_default();
        let input = Input::Signal {
            from,
            to,
            id: stanza.id().unwrap_or_default(),
            text: &text,
            rung: rung.clone(),
        };
        let mut outputs = registry.machine.as_mut()?.handle(self.now(), input);
        if registry.faults.is_some() {
            match self.overrule(registry, outputs, (from, to), stanza, &rung) {
                Ok(others) => outputs = others,
                Err(answer) => {
                    self.tick(registry);
                    return answer.map(|text| (Point::Judged, text));
                }
            }
        }
        let answer = self.perform(registry, outputs, Some((from, stanza)));
        self.tick(registry);
        answer
    }

    /// A client is gone: its calls end for the others.
    pub(super) fn vanished(&self, registry: &mut Registry, jid: &str) {
        if let Some(machine) = &mut registry.machine {
            let outputs = machine.handle(self.now(), Input::Gone { device: jid });
            self.perform(registry, outputs, None);
        }
    }

    /// Does what the machine says; the answer to the signal that it judged is the return value.
    fn perform(
        &self,
        registry: &mut Registry,
        outputs: Vec<Output>,
        signal: Option<(&str, &Stanza)>,
    ) -> Option<(Point, String)> {
        let mut answer = None;
        for output in outputs {
            match (output, signal) {
                (Output::Refuse(refusal), Some((from, stanza))) => {
                    let point = match refusal {
                        Refusal::NobodyThere => Point::Bounce,
                        _ => Point::Judged,
                    };
                    answer = Some((point, error(stanza, from, refusal.condition())));
                }
                (Output::Acknowledge, Some((from, stanza))) => {
                    answer = Some((Point::Judged, result(stanza, from, "")));
                }
                (Output::Forward { to, relayed }, Some((from, stanza))) => {
                    let sent = if relayed {
                        self.ask(registry, from, &to, stanza)
                    } else {
                        stanza.stamped(from, Some(&to)).and_then(|text| {
                            let passage = Passage {
                                point: Point::Signal,
                                from,
                                to: &to,
                                stanza,
                                text,
                            };
                            self.put(registry, &passage, Owed::Nothing)
                        })
                    };
                    if relayed && let Some(condition) = sent {
                        answer = Some((Point::Bounce, error(stanza, from, condition)));
                    }
                }
                (Output::Send { to, from, id, text }, _) => {
                    let iq = format!(
                        r#"<iq xmlns="{CLIENT}" type="set"{}{}{}><call xmlns="{NAMESPACE}">{}</call></iq>"#,
                        attribute("id", Some(&id)),
                        attribute("from", Some(&from)),
                        attribute("to", Some(&to)),
                        escape(&text)
                    );
                    let Ok(stanza) = Stanza::parse(iq.as_str()) else {
                        continue;
                    };
                    let passage = Passage {
                        point: Point::Own,
                        from: &from,
                        to: &to,
                        stanza: &stanza,
                        text: iq,
                    };
                    // Whoever is not there any more is told nothing.
                    let _ = self.put(registry, &passage, Owed::Nothing);
                }
                // Only a signal is answered or passed on.
                (Output::Refuse(_) | Output::Acknowledge | Output::Forward { .. }, None) => {}
            }
        }
        answer
    }

    /// Sees to it that the machine is told when its next deadline comes.
    fn tick(&self, registry: &mut Registry) {
        let due = registry.machine.as_ref().and_then(Machine::deadline);
        if registry.ticking || due.is_none() {
            return;
        }
        registry.ticking = true;
        let endpoint = self.clone();
        tokio::spawn(async move {
            loop {
                let due = {
                    let mut registry = endpoint.registry();
                    let due = registry.machine.as_ref().and_then(Machine::deadline);
                    registry.ticking = due.is_some();
                    due
                };
                let Some(due) = due else { return };
                tokio::time::sleep_until(endpoint.instant(due)).await;
                let mut registry = endpoint.registry();
                if let Some(machine) = &mut registry.machine {
                    // A clock of whole nanoseconds may stand a little before the deadline, and where time is virtual it
                    // would stand there for ever.
                    let (now, wall) = endpoint.now();
                    let outputs = machine.handle((now.max(due), wall), Input::Time);
                    endpoint.perform(&mut registry, outputs, None);
                }
            }
        });
    }
}

/// Whether an error may answer it (RFC 6120 §8.3.1).
fn may_be_answered(stanza: &Stanza) -> bool {
    let asks = matches!(stanza.iq_type(), Some(IqType::Get | IqType::Set));
    asks || (stanza.is_message() && stanza.attr("type") != Some("error"))
}

fn holds_call(stanza: &Stanza) -> bool {
    stanza.is_message() && stanza.attr("type") != Some("error") && stanza.has_call()
}

impl Endpoint {
    /// Delivers a request to a client; the condition says why not.
    fn ask(&self, registry: &mut Registry, from: &str, to: &str, stanza: &Stanza) -> Option<&'static str> {
        let Some(text) = stanza.stamped(from, None) else {
            return Some("bad-request");
        };
        let signal = stanza.has_call();
        let passage = Passage {
            point: if signal { Point::Signal } else { Point::Request },
            from,
            to,
            stanza,
            text,
        };
        let bounce = error(stanza, from, "service-unavailable");
        self.put(registry, &passage, Owed::Bounce(bounce))
    }

    fn put(&self, registry: &mut Registry, passage: &Passage<'_>, owed: Owed) -> Option<&'static str> {
        let full = |seat: &Seat| seat.owed.len() >= MOST_OWED;
        if registry.seats.get(passage.to).is_some_and(full) {
            return Some("resource-constraint");
        }
        match self.hand(registry, passage) {
            Handed::Nobody => return Some("service-unavailable"),
            Handed::Lost => return None,
            Handed::Taken => {}
        }
        let id = passage.stanza.id().unwrap_or_default();
        // A request that repeats an id that is still open is answered once: which of the two it was, nobody can tell.
        if let Some(seat) = registry.seats.get_mut(passage.to)
            && let Entry::Vacant(entry) = seat.owed.entry((passage.from.to_owned(), id.to_owned()))
        {
            entry.insert(owed);
        }
        None
    }
}
