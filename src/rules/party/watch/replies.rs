//! Results and errors that parties give: their form, and what they tell of views.

use super::super::beam::Inbound;
use super::super::track::{Sight, Start};
use super::gaps::end;
use super::{Actor, Parties, arrival, request};
use crate::rules::{Blame, Finding, Record};
use crate::stanza::{IqType, NOBODY, Stanza, bare, fold, print};
use crate::transcript::{Dir, Event};

impl Parties {
    /// Remembers a request that `near` sent or got.
    pub(super) fn asked(&mut self, near: &Actor, dir: Dir, stanza: &Stanza) {
        if !matches!(stanza.iq_type(), Some(IqType::Get | IqType::Set)) {
            return;
        }
        let id = stanza.id().unwrap_or_default();
        let own = bare(&near.jid);
        let key = if dir == Dir::Sent {
            print((bare(&fold(stanza.to().unwrap_or_default())), own, id))
        } else {
            print((own, bare(&fold(stanza.from().unwrap_or_default())), id))
        };
        *self.requests.entry(key, || 0) |= end(dir);
        if !stanza.has_call() {
            let (from, to) = (stanza.from().unwrap_or_default(), stanza.to().unwrap_or_default());
            match dir {
                // Of whoever was not recorded, or of another end that was.
                Dir::Sent => self.answers.asked_else(&fold(to), &near.jid, id),
                _ => self.answers.asked_else(&near.key, &fold(from), id),
            }
        }
    }

    /// `near` got an answer: perhaps its signal comes back, and with it what it knows of the call.
    pub(super) fn came_back(&mut self, near: &Actor, stanza: &Stanza) {
        if stanza.iq_type() == Some(IqType::Error)
            && let Some((call, began)) = self.said.get(&request(near, stanza))
            && (*began || stanza.error_condition().is_some_and(|why| NOBODY.contains(&why)))
        {
            self.bounced.insert((near.key.clone(), call.clone()), ());
        }
    }

    /// The form of an answer, and whether anyone had asked (IQ-09 to IQ-11).
    fn answer_form(
        &mut self,
        actor: &Actor,
        asker: &str,
        event: &Event,
        stanza: &Stanza,
        record: &mut Record,
    ) {
        let announced = if event.dir == Dir::Sent {
            self.announced.remove(&*actor.key).unwrap_or_default()
        } else {
            Vec::new()
        };
        let id = stanza.id().unwrap_or_default();
        let far = !actor.first_hand;
        let error = stanza.iq_type() == Some(IqType::Error);
        let children = stanza.children();
        let key = print((bare(&actor.jid), bare(asker), id));
        // Seen from elsewhere, an error may be the server's own.
        let fault = (error && !far).then(|| stanza.error_fault()).flatten();
        let faults = [
            fault.map(|what| {
                let wanted = "one `<error/>` with its type and one defined condition";
                ("IQ-09", format!("the error `{id}` is malformed, {what}"), wanted)
            }),
            (!error && children > 1).then(|| {
                let message = format!("the result `{id}` has {children} children");
                ("IQ-10", message, "an empty result, or one child")
            }),
            (asker.contains('@') && actor.start == Start::Seen && self.requests.get(&key).is_none()).then(
                || {
                    let message = format!("the answer `{id}` comes without a request");
                    ("IQ-11", message, "answers to requests only")
                },
            ),
        ];
        for (rule, message, wanted) in faults.into_iter().flatten() {
            let blame = match actor.sight {
                Sight::Exact if announced.iter().any(|id| id == rule) => Blame::Announced,
                Sight::Exact => Blame::Ourselves,
                _ => Blame::Client,
            };
            record.broken(Finding {
                blame,
                excuse: if far {
                    Some("the server may have written it in this client's name".to_owned())
                } else {
                    let old = rule == "IQ-11" && self.requests.forgot();
                    old.then(|| "its request is too long ago to be remembered".to_owned())
                },
                ..Finding::of_client(
                    rule,
                    &actor.name,
                    format!("In an answer of {}: {message}.", actor.name),
                    wanted,
                    format!("an iq of type `{}`", stanza.attr("type").unwrap_or_default()),
                    vec![event.n],
                )
            });
        }
    }

    /// `actor` answered a request of `asker`.
    pub(super) fn answered(
        &mut self,
        actor: &Actor,
        asker: &str,
        event: &Event,
        stanza: &Stanza,
        record: &mut Record,
    ) {
        let id = stanza.id().unwrap_or_default();
        let asker = fold(asker);
        self.answer_form(actor, &asker, event, stanza, record);
        let at = (event.n, arrival(event));
        let twice = actor.sight != Sight::Exact
            && self
                .answers
                .answered(&actor.key, &asker, stanza, at, !actor.first_hand, record);
        let refused = stanza.iq_type() == Some(IqType::Error);
        let Some((call, n, act)) = self.under_way.get(&request(actor, stanza)).cloned() else {
            return;
        };
        if refused && actor.sight != Sight::Exact {
            self.refused(actor, &call, event, stanza, record);
        }
        let key = (actor.key.clone(), call.clone());
        let tracks = self.tracks.get_mut(&key).into_iter().flatten();
        for track in tracks.filter(|track| track.is_with(&asker)) {
            if twice {
                // It may have come in twice as well.
                track.receive(&Inbound {
                    act,
                    at: arrival(event),
                    n: event.n,
                    id: id.into(),
                    doubtful: true,
                    unsure: false,
                });
            }
            if refused {
                track.refuse(id, arrival(event));
            } else {
                track.acknowledge(id, arrival(event));
            }
        }
        if actor.sight != Sight::Exact {
            self.reach(&actor.key, &asker, n, arrival(event));
        }
        self.settle(&call, record);
    }
}
