//! What the server has to do with one signal.

use std::sync::Arc;

use super::super::party::Sending;
use super::call::Call;
use crate::protocol::{Act, Decoded, Kind, State};
use crate::rules::{Level, Spoken, rule};

/// What is asked of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Demand {
    /// One of these errors, and nobody gets it. The first rule is the one that is broken otherwise.
    Refuse(Vec<(&'static str, &'static [&'static str])>),
    /// The signal is right and has to be let through.
    Pass,
    /// It may be refused or not: it breaks a rule that the server need not see.
    Either,
}

/// A signal as the demand depends on it.
pub(super) struct Signal {
    spoken: Arc<Spoken>,
    /// The callId in lower case.
    pub call: Option<String>,
    pub act: Option<Act>,
    /// Off its schema, so that the server cannot but refuse it.
    pub off_schema: bool,
    /// There are elements beside its text, so that the server may refuse it (IQ-04).
    pub mixed: bool,
}

impl Signal {
    pub fn read(spoken: &Arc<Spoken>) -> Signal {
        let decoded = &spoken.decoded;
        Signal {
            call: decoded.facts.call.as_ref().map(|id| id.to_lowercase()),
            act: decoded.act(),
            off_schema: !spoken.fits(),
            mixed: false,
            spoken: Arc::clone(spoken),
        }
    }

    pub fn decoded(&self) -> &Decoded {
        &self.spoken.decoded
    }

    pub fn kind(&self) -> Option<Kind> {
        self.decoded().facts.kind
    }
}

/// What is asked because of what the signal says, whatever the state of the call.
///
/// `own`: the sender's id, if it is known; `user`: its bare JID.
pub(super) fn by_content(
    signal: &Signal,
    own: Option<&String>,
    user: &str,
    call: Option<&Call>,
    void: bool,
) -> Vec<(&'static str, &'static [&'static str])> {
    let mut demands: Vec<(&'static str, &'static [&'static str])> = Vec::new();
    if signal.off_schema {
        demands.push(("EN-01", &["bad-request"]));
    }
    let sender = signal.decoded().facts.sender.as_ref().map(|id| id.to_lowercase());
    if let (Some(own), Some(sender)) = (own, sender)
        && *own != sender
    {
        demands.push(("EN-02", &["forbidden"]));
    }
    let initiate = signal.kind() == Some(Kind::Initiate);
    match call {
        Some(call) if user != call.users.0 && user != call.users.1 => {
            // An initiate with the id of somebody else's call breaks ST-10 just as well.
            demands.push(match (initiate, call.read) {
                (true, _) => ("EN-06", &["forbidden", "unexpected-request"]),
                (false, true) => ("EN-06", &["forbidden"]),
                // It may not know yet of a call that begins just then on another stream.
                (false, false) => ("EN-06", &["forbidden", "item-not-found"]),
            });
        }
        None if !initiate && !void => demands.push(("EN-03", &["item-not-found"])),
        _ => {}
    }
    demands
}

/// What is asked because of the order of signals.
pub(super) fn by_order(sending: &Sending, views: impl Iterator<Item = State>) -> Demand {
    let (_, moves) = sending.effect;
    if !moves {
        let mut ended = views.collect::<Vec<_>>();
        ended.dedup();
        // A server may have forgotten a call that is over.
        return Demand::Refuse(vec![(
            "EN-03",
            if ended == [State::Ended] {
                &["unexpected-request", "item-not-found"]
            } else {
                &["unexpected-request"]
            },
        )]);
    }
    if sending.rulings.is_empty() && !sending.ever {
        Demand::Pass
    } else {
        Demand::Either
    }
}

/// Whether the signal breaks, in itself, a rule that a server may act upon.
pub(super) fn is_doubtful(signal: &Signal) -> bool {
    signal.mixed
        || signal.decoded().strains_readers()
        || signal.decoded().faults.iter().any(|fault| {
            let must = rule(fault.rule).is_some_and(|rule| rule.level != Level::Info);
            must && !fault.info
        })
}
