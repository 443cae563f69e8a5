//! What is still open at the end: stanzas that were lost, answers that never came.

use super::super::Record;
use super::book::Sent;
use super::flight::{Freight, Goal};
use super::watch::Delivery;
use crate::profile::Addressing;
use crate::transcript::TURNS;

/// How long a server may take to notice that a session is over, in seconds: what comes in between may still go to it.
pub(super) const PARTING: f64 = 1.0;

impl Delivery {
    /// Says what was lost. Of a transcript that was cut off nothing is said: it may still have been on its way.
    pub(super) fn close(&mut self, record: &mut Record) {
        for late in std::mem::take(&mut self.late) {
            let mut found = late.finding;
            let stalled = self.stalls.within(late.from, late.to);
            if late.to - late.from - TURNS * stalled <= late.allowed {
                found.excuse = Some(format!(
                    "for {stalled:.3} s of it this process was stalled or the whole target was busy"
                ));
            } else if late.to - late.from <= late.allowed + late.held {
                found.excuse = self.pace.excuse(late.held);
            }
            record.broken(found);
        }
        for (.., found) in std::mem::take(&mut self.hasty) {
            record.broken(found);
        }
        if !self.whole {
            return;
        }
        // A forgery that got nowhere was refused.
        for _ in self
            .flights
            .values()
            .filter(|f| f.forged.is_some() && f.delivered.is_none())
        {
            record.held("RT-02");
        }
        for flight in self.flights.values() {
            let here = |who: &str, conn: u64| self.sessions.get(who).is_some_and(|s| s.conn == conn);
            if flight.odd || flight.got.is_some() || !here(&flight.who, flight.conn) {
                continue;
            }
            let what = format!(
                "{}'s {} `{}`",
                flight.who,
                if flight.freight == Freight::Chat {
                    "message"
                } else {
                    "iq"
                },
                flight.id
            );
            let (id, message, wanted, more) = match &flight.goal {
                Goal::Party { who, conn } if here(who, *conn) => match (flight.delivered, &flight.given) {
                    (None, _) => (
                        if flight.freight == Freight::Chat {
                            "CH-01"
                        } else {
                            "RT-03"
                        },
                        format!("{what} never reached {who}, and no error came back."),
                        "delivery, or an error",
                        None,
                    ),
                    (Some(_), Some((n, _))) => (
                        "RT-08",
                        format!("{who} answered {what}, but the answer never came back."),
                        "the addressee's answer",
                        Some(*n),
                    ),
                    _ => continue,
                },
                _ if flight.freight == Freight::Chat => continue,
                Goal::Gone { .. } => (
                    "RT-09",
                    format!("{what} to {}, which had disconnected, was swallowed.", flight.to),
                    "an error service-unavailable",
                    None,
                ),
                Goal::Nobody => (
                    "RT-07",
                    format!("{what} to {}, where nobody is, was swallowed.", flight.to),
                    "an error service-unavailable",
                    None,
                ),
                Goal::Bare if self.profile.addressing == Addressing::Full => (
                    "RT-10",
                    format!("{what} to the bare JID {} was not answered.", flight.to),
                    "an answer by the server",
                    None,
                ),
                Goal::Server => (
                    "IQ-01",
                    format!("The server never answered {what}."),
                    "exactly one result or error",
                    None,
                ),
                _ => continue,
            };
            let more: Vec<u64> = more.into_iter().collect();
            let seen = "nothing until the end".to_owned();
            let mut found = flight.finding(id, message, wanted, seen, &more);
            if let Goal::Gone { left } = flight.goal
                && flight.t - left < PARTING
            {
                found.excuse = Some(format!(
                    "the server was still ending the session, {:.3} s after its close",
                    flight.t - left
                ));
            }
            record.broken(found);
        }
    }
}
