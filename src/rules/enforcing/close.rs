//! What a server of the enforcing class owed its clients and never did.

use super::super::Record;
use super::call::{Call, Side, Told, Vanished};
use super::demand::Demand;
use super::watch::{Enforcing, Flight, SEEN_WITHIN, found, words};
use crate::protocol::{Kind, RINGING, Reason, Role};
use crate::stanza::resource;
use crate::transcript::TURNS;

/// The conditions by which a server refuses a signal for what it says or when it says it.
const JUDGED: [&str; 4] = ["bad-request", "forbidden", "unexpected-request", "item-not-found"];

/// How long the server may take for what it does by itself, in seconds.
const WITHIN: f64 = 5.0;

impl Enforcing {
    pub(super) fn close(&self, end: f64, record: &mut Record) {
        for call in self.calls.values().filter(|call| !call.void) {
            self.ringing(call, end, record);
            self.answered_elsewhere(call, end, record);
            self.unanswered(call, end, record);
            self.left_alone(call, end, record);
        }
        self.swallowed(record);
    }

    /// How long the server may take for what it owes since then, in seconds: longer where nothing moved here.
    fn within(&self, since: f64, end: f64) -> f64 {
        WITHIN + TURNS * self.stalls.within(since, end)
    }

    fn is_due(&self, since: f64, end: f64) -> bool {
        end - since >= self.within(since, end)
    }

    /// EN-04: every device rings.
    fn ringing(&self, call: &Call, end: f64, record: &mut Record) {
        for (who, conn) in &call.to_ring {
            if call.sides.contains_key(who) {
                record.held("EN-04");
            } else if self.here(who, *conn) && self.is_due(call.rang.unwrap_or(call.begun.1), end) {
                let message =
                    format!("{who} did not ring, although the call went to every device of its user.");
                let wanted = "the initiate at every device";
                let seen = "no initiate".to_owned();
                record.broken(found(
                    "EN-04",
                    message,
                    wanted,
                    seen,
                    vec![call.begun.0],
                    Some(call),
                ));
            }
        }
    }

    /// EN-04: the other devices stop ringing.
    fn answered_elsewhere(&self, call: &Call, end: f64, record: &mut Record) {
        let Some((n, at, winner)) = &call.accepted else {
            return;
        };
        for (who, side) in call.rung().filter(|(who, _)| *who != winner) {
            if side.ended.is_some() {
                record.held("EN-04");
            } else if self.here(who, side.conn) && self.is_due(*at, end) {
                let message = format!("{who} rings on, although {winner} has picked up.");
                let seen = format!("no hangup in {:.1} s", end - at);
                let events = vec![call.begun.0, *n];
                record.broken(found("EN-04", message, "a hangup", seen, events, Some(call)));
            }
        }
    }

    /// EN-05: 30 s without an answer are the end, for both sides.
    fn unanswered(&self, call: &Call, end: f64, record: &mut Record) {
        let (n, begun) = call.begun;
        // A server counts from its reading, which may have been long after the sending.
        let over = call.rang.unwrap_or(begun) + RINGING;
        let latest = over + self.within(over, end);
        let decided = call.decided.is_some_and(|(_, at)| at < over);
        if decided || end < latest || call.rung().next().is_none() || !call.vanished.is_empty() {
            return;
        }
        for (who, side) in &call.sides {
            if side.ended.is_some_and(|at| at <= latest) {
                record.held("EN-05");
            } else if self.here(who, side.conn) {
                let message = format!("The call that nobody answered was not ended for {who}.");
                let seen = match side.ended {
                    Some(at) => format!("the end after {:.1} s", at - begun),
                    None => format!("no hangup in {:.1} s", end - begun),
                };
                let wanted = "hangup `timeout` 30 s after the initiate";
                record.broken(found("EN-05", message, wanted, seen, vec![n], Some(call)));
            }
        }
    }

    /// EN-07: whoever is left is told.
    fn left_alone(&self, call: &Call, end: f64, record: &mut Record) {
        for gone in &call.vanished {
            let winner = call.accepted.as_ref().map(|(_, _, winner)| winner);
            let others = call.sides.iter().filter(|(who, side)| {
                let speaks = side.role == Role::Caller || winner.is_none_or(|winner| winner == *who);
                side.role != gone.role && speaks && self.here(who, side.conn)
            });
            for (who, side) in others {
                let wanted = "hangup `failed`";
                let events = vec![call.begun.0, gone.n];
                match (side.ended, side.told) {
                    (_, Some(told)) if misled(side, &told, gone) => {
                        let message =
                            format!("{who} was told another reason than that {} vanished.", gone.who);
                        let seen = told.reason.map_or("no reason", Reason::wire).to_owned();
                        let events = vec![gone.n, told.n];
                        record.broken(found("EN-07", message, wanted, seen, events, Some(call)));
                    }
                    (Some(_), _) => record.held("EN-07"),
                    (None, _) if self.is_due(gone.at, end) && !self.lags(gone) => {
                        let message = format!("{who} was never told that {} had vanished.", gone.who);
                        let seen = format!("no hangup in {:.1} s", end - gone.at);
                        record.broken(found("EN-07", message, wanted, seen, events, Some(call)));
                    }
                    _ => {}
                }
            }
        }
    }

    /// Whether something that the vanished one sent may still be unread: a server that reads slowly finds the end of a
    /// connection behind it.
    fn lags(&self, gone: &Vanished) -> bool {
        self.flights.iter().any(|flight| {
            let before = flight.conn == gone.conn && flight.n < gone.n;
            before && flight.got.is_none() && flight.reached.is_empty()
        })
    }

    /// Signals that were not answered as they had to be, or answered and delivered to nobody.
    fn swallowed(&self, record: &mut Record) {
        for flight in &self.flights {
            let call = flight.call.as_ref().and_then(|id| self.calls.get(id));
            match (&flight.demand, &flight.got) {
                (Demand::Refuse(demands), None)
                    if flight.reached.is_empty() && self.here(&flight.who, flight.conn) =>
                {
                    let Some((rule, conditions)) = demands.first() else {
                        continue;
                    };
                    let message = format!("{} was neither refused nor delivered.", words(flight));
                    let wanted = format!("an error {}", conditions.join(" or "));
                    let seen = "nothing until the end".to_owned();
                    record.broken(found(rule, message, &wanted, seen, vec![flight.n], call));
                }
                (Demand::Pass, Some((n, Some(condition))))
                    if flight.reached.is_empty()
                        && JUDGED.contains(&condition.as_str())
                        && call.is_none_or(|call| !overtaken(call, flight, *n))
                        && !self.crossed(flight, *n) =>
                {
                    record.broken(found(
                        "RT-03",
                        format!("{} is right, and the server refused it.", words(flight)),
                        "delivery, or a result where it came too late to matter",
                        format!("an error {condition}"),
                        vec![flight.n, *n],
                        call,
                    ));
                }
                (Demand::Either, Some((n, Some(condition))))
                    if flight.reached.is_empty() && JUDGED.contains(&condition.as_str()) =>
                {
                    record.refused.push((flight.n, *n));
                }
                (Demand::Pass, Some((n, None))) if flight.reached.is_empty() => {
                    let Some(call) = call.filter(|call| !call.void) else {
                        continue;
                    };
                    let callee = is_callee(call, flight);
                    // One of several devices may leave the others ringing.
                    let one_of_many = matches!(flight.kind, Some(Kind::Busy | Kind::Hangup))
                        && call.rung().count() > 1
                        && callee;
                    let there = self.sessions.values().any(|(jid, _)| match resource(&flight.to) {
                        Some(_) => *jid == flight.to,
                        None => crate::stanza::bare(jid) == flight.to,
                    });
                    if overtaken(call, flight, *n) || one_of_many || !there {
                        continue;
                    }
                    let message = format!(
                        "{} was answered with a result, and reached nobody.",
                        words(flight)
                    );
                    let wanted = "delivery";
                    let seen = "a result from the server".to_owned();
                    record.broken(found(
                        "RT-03",
                        message,
                        wanted,
                        seen,
                        vec![flight.n, *n],
                        Some(call),
                    ));
                }
                _ => {}
            }
        }
    }

    /// Whether another party had moved the call, as the server knew and the sender did not, before this was answered at
    /// event `n`: what was right for its sender was out of place by then. No two events have one number, so that what
    /// is not before is after.
    fn crossed(&self, flight: &Flight, n: u64) -> bool {
        const MOVERS: [Kind; 3] = [Kind::Accept, Kind::Offer, Kind::Answer];
        self.flights.iter().any(|other| {
            let moves = other.kind.is_some_and(|kind| MOVERS.contains(&kind));
            let refused = matches!(&other.got, Some((_, Some(_)))) && other.reached.is_empty();
            let known = other
                .reached
                .iter()
                .any(|(seen, who)| *who == flight.who && *seen < flight.n);
            other.call == flight.call && other.who != flight.who && other.n < n && moves && !refused && !known
        })
    }
}

/// Whether a party that is left alone was told of the end for a reason that was none. The server may have seen another
/// one before it saw that somebody had gone.
fn misled(side: &Side, told: &Told, gone: &Vanished) -> bool {
    let first = side.ended.is_none_or(|at| at >= told.at);
    let another = told.lawful && told.at - gone.at < WITHIN;
    first && told.at >= gone.at && told.reason != Some(Reason::Failed) && !another
}

fn is_callee(call: &Call, flight: &Flight) -> bool {
    call.sides
        .get(&flight.who)
        .is_some_and(|side| side.role == Role::Callee)
}

/// Whether a signal that is out of place was refused by a server that had read another's stream before it answered at
/// event `n`: the call may have been over, and forgotten, or just begun.
pub(super) fn as_it_stood(call: &Call, flight: &Flight, condition: &str, n: u64) -> bool {
    let just_begun = flight.n < call.begun.0 && call.begun.0 < n;
    match condition {
        "item-not-found" => overtaken(call, flight, n),
        "forbidden" | "unexpected-request" => just_begun,
        _ => false,
    }
}

/// Whether the call was over for the server, or may have been, when it answered this at event `n`: somebody else or
/// itself had ended it, or the sender had and says so once more.
fn overtaken(call: &Call, flight: &Flight, n: u64) -> bool {
    let ended = call.endings.iter().any(|(at, who, accept)| {
        let own = *who == flight.who;
        let before = if own { flight.n } else { n };
        // An accept takes the call away from the other devices only.
        *at < before && (!accept || (!own && is_callee(call, flight)))
    });
    // What the server ended long after it had taken the signal is no reason to lose it.
    let by_then = |at: f64| at < flight.got_at + SEEN_WITHIN;
    let told = |side: &Side| side.told.is_some_and(|told| by_then(told.at));
    call.void || ended || call.sides.values().any(told) || call.vanished.iter().any(|gone| by_then(gone.at))
}
