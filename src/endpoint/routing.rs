//! Where a stanza goes, and what comes back at once.

use std::collections::btree_map::Entry;

use super::Endpoint;
use super::enforcing::{Input, Machine, Output};
use super::registry::{MOST_OWED, Owed, Registry};
use crate::protocol::NAMESPACE;
use crate::stanza::{CLIENT, IqType, STANZA_ERRORS, Stanza, bare, escape, resource};

/// A JID in the form in which two are compared: user and domain fold their case, the resource does not.
pub fn fold(jid: &str) -> String {
    match jid.split_once('/') {
        Some((bare, resource)) => format!("{}/{resource}", bare.to_lowercase()),
        None => jid.to_lowercase(),
    }
}

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

/// The stanza with the sender's full JID in `from` (RFC 6120 §8.1.2.1), and another `to` if it is given.
fn stamped(stanza: &Stanza, from: &str, to: Option<&str>) -> Option<String> {
    let mut element = stanza.element().clone();
    element.set_attr(rxml::Namespace::NONE, rxml::xml_ncname!("from").to_owned(), from);
    if let Some(to) = to {
        element.set_attr(rxml::Namespace::NONE, rxml::xml_ncname!("to").to_owned(), to);
    }
    let mut out = Vec::new();
    element.write_to(&mut out).ok()?;
    String::from_utf8(out).ok()
}

impl Endpoint {
    /// Carries a stanza of `from` (a full JID) to where it belongs; what comes back at once is the return value.
    pub(super) fn route(&self, from: &str, stanza: &Stanza) -> Option<String> {
        let to = fold(stanza.to().unwrap_or(bare(from)));
        let refuse = |condition| may_be_answered(stanza).then(|| error(stanza, from, condition));
        let domain = bare(&to).rsplit('@').next().unwrap_or_default();
        if domain != self.config().domain {
            return refuse("remote-server-not-found");
        }
        let mut registry = self.registry();
        match stanza.iq_type() {
            Some(IqType::Result | IqType::Error) => self.answer(&mut registry, from, &to, stanza),
            Some(_) if registry.machine.is_some() && stanza.calls().next().is_some() => {
                self.signal(&mut registry, from, &to, stanza)
            }
            Some(_) => ask(&mut registry, from, &to, stanza).map(|condition| error(stanza, from, condition)),
            // What is judged as an IQ must not go round the judge in a message.
            None if registry.machine.is_some() && holds_call(stanza) => refuse("bad-request"),
            None => {
                let readers = registry.readers(&to);
                let text = stamped(stanza, from, None)?;
                let mut taken = false;
                for seat in readers.iter().filter_map(|jid| registry.seats.get(jid)) {
                    taken |= seat.out.push(text.clone());
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
    fn answer(&self, registry: &mut Registry, from: &str, to: &str, stanza: &Stanza) -> Option<String> {
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
            && let Some(seat) = registry.seats.get(to)
            && let Some(text) = stamped(stanza, from, None)
        {
            seat.out.push(text);
        }
        None
    }

    /// A signal, on an enforcing server.
    fn signal(&self, registry: &mut Registry, from: &str, to: &str, stanza: &Stanza) -> Option<String> {
        let whole = stanza.iq_type() == Some(IqType::Set)
            && stanza.calls().all(|call| call.children().next().is_none());
        if !whole {
            return Some(error(stanza, from, "bad-request"));
        }
        let rung = if resource(to).is_some() {
            let there = registry.seats.contains_key(to);
            there.then(|| to.to_owned()).into_iter().collect()
        } else {
            registry.devices(to)
        };
        let text = stanza.call_text().unwrap_or_default();
        let input = Input::Signal {
            from,
            to,
            id: stanza.id().unwrap_or_default(),
            text: &text,
            rung,
        };
        let outputs = registry.machine.as_mut()?.handle(self.now(), input);
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
    ) -> Option<String> {
        let mut answer = None;
        for output in outputs {
            match (output, signal) {
                (Output::Refuse(condition), Some((from, stanza))) => {
                    answer = Some(error(stanza, from, condition));
                }
                (Output::Acknowledge, Some((from, stanza))) => answer = Some(result(stanza, from, "")),
                (Output::Forward { to, relayed }, Some((from, stanza))) => {
                    let sent = if relayed {
                        ask(registry, from, &to, stanza)
                    } else {
                        stamped(stanza, from, Some(&to)).and_then(|text| {
                            put(
                                registry,
                                &to,
                                (from, stanza.id().unwrap_or_default()),
                                Owed::Nothing,
                                text,
                            )
                        })
                    };
                    if relayed && let Some(condition) = sent {
                        answer = Some(error(stanza, from, condition));
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
                    // Whoever is not there any more is told nothing.
                    let _ = put(registry, &to, (&from, &id), Owed::Nothing, iq);
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
                    let outputs = machine.handle(endpoint.now(), Input::Time);
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
    stanza.is_message() && stanza.attr("type") != Some("error") && stanza.calls().next().is_some()
}

/// Delivers a request to a client; the condition says why not.
fn ask(registry: &mut Registry, from: &str, to: &str, stanza: &Stanza) -> Option<&'static str> {
    let Some(text) = stamped(stanza, from, None) else {
        return Some("bad-request");
    };
    let bounce = error(stanza, from, "service-unavailable");
    let key = (from, stanza.id().unwrap_or_default());
    put(registry, to, key, Owed::Bounce(bounce), text)
}

fn put(
    registry: &mut Registry,
    to: &str,
    (from, id): (&str, &str),
    owed: Owed,
    text: String,
) -> Option<&'static str> {
    let Some(seat) = registry.seats.get_mut(to) else {
        return Some("service-unavailable");
    };
    if seat.owed.len() >= MOST_OWED {
        return Some("resource-constraint");
    }
    if !seat.out.push(text) {
        return Some("service-unavailable");
    }
    // A request that repeats an id that is still open is answered once: which of the two it was, nobody can tell.
    if let Entry::Vacant(entry) = seat.owed.entry((from.to_owned(), id.to_owned())) {
        entry.insert(owed);
    }
    None
}
