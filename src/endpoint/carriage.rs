//! The last step of every stanza: into the queue of the client that gets it, unless a fault decides otherwise.

use super::Endpoint;
use super::enforcing::{Flaws, Output};
use super::fault::{Around, Carrier, Injector, Lie, Parcel, Passage, Point, Sentence, Set};
use super::registry::Registry;
use super::routing::{error, result};
use crate::stanza::{Stanza, resource};

/// What became of a stanza.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handed {
    /// There is no such client, or it is just going.
    Nobody,
    Taken,
    /// A fault has taken it, and nobody will say so.
    Lost,
}

impl Endpoint {
    /// Hands a stanza to a client.
    pub(super) fn hand(&self, registry: &mut Registry, passage: &Passage<'_>) -> Handed {
        if registry
            .faults
            .as_ref()
            .is_some_and(|faults| faults.is_ghost(passage.to))
        {
            return Handed::Lost;
        }
        let Some(seat) = registry.seats.get(passage.to) else {
            return Handed::Nobody;
        };
        if registry.faults.is_none() {
            return if seat.out.push(passage.text.clone()) {
                Handed::Taken
            } else {
                Handed::Nobody
            };
        }
        let around = self.around(registry);
        let Some(faults) = &mut registry.faults else {
            return Handed::Lost;
        };
        let parcels = faults.carry(passage, &around);
        let taken = parcels.iter().any(|parcel| parcel.to == passage.to);
        self.post(registry, parcels);
        if taken { Handed::Taken } else { Handed::Lost }
    }

    /// What the server itself says to a client about one of its stanzas.
    pub(super) fn reply(&self, point: Point, jid: &str, stanza: &Stanza, text: String) {
        let mut registry = self.registry();
        let to = stanza.to().map(crate::stanza::fold).unwrap_or_default();
        let passage = Passage {
            point,
            from: &to,
            to: jid,
            stanza,
            text,
        };
        self.hand(&mut registry, &passage);
    }

    pub(super) fn post(&self, registry: &mut Registry, parcels: Vec<Parcel>) {
        let now = self.now().0;
        for parcel in parcels {
            if parcel.after == 0 {
                deliver(registry, parcel);
            } else {
                registry.posted += 1;
                let due = ((now * 1e6) as u64).saturating_add(parcel.after.saturating_mul(1_000));
                registry.delayed.insert((due, registry.posted), parcel);
            }
        }
        if registry.delayed.is_empty() || registry.posting {
            return;
        }
        registry.posting = true;
        let endpoint = self.clone();
        tokio::spawn(async move {
            loop {
                let due = {
                    let mut registry = endpoint.registry();
                    let due = registry.delayed.first_key_value().map(|((due, _), _)| *due);
                    registry.posting = due.is_some();
                    due
                };
                let Some(due) = due else { return };
                tokio::time::sleep_until(endpoint.instant(due as f64 / 1e6)).await;
                let mut registry = endpoint.registry();
                while registry
                    .delayed
                    .first_key_value()
                    .is_some_and(|((at, _), _)| *at <= due)
                    && let Some((_, parcel)) = registry.delayed.pop_first()
                {
                    deliver(&registry, parcel);
                }
            }
        });
    }

    pub(super) fn around(&self, registry: &Registry) -> Around {
        let carrier = |web| if web { Carrier::WebSocket } else { Carrier::Tcp };
        let seats = registry.seats.iter();
        Around {
            now: self.now().0,
            seats: seats
                .map(|(jid, seat)| (jid.clone(), carrier(seat.web)))
                .collect(),
        }
    }

    /// What a faulty judge of calls makes of what was decided: other outputs, or an answer and no more.
    pub(super) fn overrule(
        &self,
        registry: &mut Registry,
        outputs: Vec<Output>,
        (from, to): (&str, &str),
        stanza: &Stanza,
        rung: &[String],
    ) -> Result<Vec<Output>, Option<String>> {
        let Some(set) = set(&outputs) else {
            return Ok(outputs);
        };
        let around = self.around(registry);
        let passage = Passage {
            point: Point::Signal,
            from,
            to,
            stanza,
            text: String::new(),
        };
        let Some(sentence) = registry
            .faults
            .as_mut()
            .and_then(|faults| faults.sentence(set, &passage, &around))
        else {
            return Ok(outputs);
        };
        let relayed = resource(to).is_some();
        let forward = |relayed| {
            rung.iter().map(move |device| Output::Forward {
                to: device.clone(),
                relayed,
            })
        };
        match sentence {
            Sentence::LetThrough if relayed => Ok(forward(true).collect()),
            Sentence::LetThrough => Ok(forward(false).chain([Output::Acknowledge]).collect()),
            Sentence::RefuseAndDeliver => Ok(outputs.into_iter().chain(forward(false)).collect()),
            Sentence::Refuse(condition) => Err(Some(error(stanza, from, condition))),
            Sentence::Acknowledge => Err(Some(result(stanza, from, ""))),
            Sentence::Swallow => Err(None),
        }
    }
}

fn deliver(registry: &Registry, parcel: Parcel) {
    let Some(seat) = registry.seats.get(&parcel.to) else {
        return;
    };
    match parcel.end {
        Some(condition) => seat.out.end(condition),
        None => {
            seat.out.push(parcel.text);
        }
    }
}

/// How the server saw the signal; `None`: in a way that no fault is about.
fn set(outputs: &[Output]) -> Option<Set> {
    use super::enforcing::Refusal;
    let refusal = outputs.iter().find_map(|output| match output {
        Output::Refuse(refusal) => Some(*refusal),
        _ => None,
    });
    Some(match refusal {
        Some(Refusal::OffSchema) => Set::OffSchema,
        Some(Refusal::ForgedSender) => Set::ForgedSender,
        Some(Refusal::Stranger) => Set::Stranger,
        Some(Refusal::OutOfOrder) => Set::OutOfOrder,
        Some(Refusal::UnknownCall) => Set::UnknownCall,
        Some(Refusal::OtherRecipient | Refusal::Astray | Refusal::NobodyThere | Refusal::Full) => {
            return None;
        }
        None if outputs
            .iter()
            .any(|output| matches!(output, Output::Forward { .. })) =>
        {
            Set::Legal
        }
        None => Set::TooLate,
    })
}

/// How the machine has to be wrong for these faults.
pub(super) fn flaws(faults: &Injector) -> Flaws {
    let right = Flaws::default();
    Flaws {
        ringing: faults.ringing().unwrap_or(right.ringing),
        timer_stays: faults.says(Lie::TimerStays),
        harmed: faults.says(Lie::HarmedByRefusal),
        grudge: faults.says(Lie::EndedCallKept),
        declines_alone: faults.says(Lie::DeclineKeepsRinging),
    }
}
