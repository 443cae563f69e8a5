//! What may have become of signals that were recorded only where the server handed them on, once a connection has
//! broken: some were lost with it, or came once more, in another order or under another name, when it was there again
//! (XEP-0198). What that would explain is held against nobody who was not recorded. While nothing breaks, a server does
//! none of it, and what comes is what was sent.

use super::beam::Beam;
use super::cost::weight;
use crate::protocol::{Act, Kind, Ruling, View};
use crate::rules::Finding;

pub(super) const LOST: &str = "a signal of its sender before it was lost on its way, and is not recorded";
pub(super) const SWAPPED: &str = "the server handed this signal and the one before it on in another order";
pub(super) const TWICE: &str = "the server handed the same signal on twice";
pub(super) const RESENT: &str = "its connection had broken, and it sent again what nobody had acknowledged";
pub(super) const CUT: &str = "the server had cut its text short";
pub(super) const OTHER: &str =
    "another device of this user, or the server for it, said one of these: signals alone do not tell";
pub(super) const NAMELESS: &str = "its ids are broken, and signals alone tell nothing else of whose it is";
pub(super) const EARLIER: &str = "the offer that it answers came in before its recording began";
pub(super) const ASTRAY: &str =
    "the server had delivered the initiate of this call to it, as if it were called";
pub(super) const RENAMED: &str = "the server named another sender than its own";

/// Excuses what this gives a reason for, by its rule, where nothing has excused it.
fn excuse_by(findings: &mut [Finding], why: impl Fn(&str) -> Option<&'static str>) {
    for finding in findings.iter_mut().filter(|finding| finding.excuse.is_none()) {
        finding.excuse = why(finding.rule.id).map(str::to_owned);
    }
}

/// Whether it looks at a signal's place in its call: states, times, descriptions. A text is as well formed a second time.
fn is_of_place(id: &str) -> bool {
    ["ST-", "TM-", "SD-"].iter().any(|family| id.starts_with(family))
}

/// Excuses what the server may have done to a signal that only its receiver recorded. `again`: the same was recorded
/// before.
pub(super) fn excuse(findings: &mut [Finding], again: bool) {
    excuse_by(findings, |id| match id {
        id if again && is_of_place(id) => Some(TWICE),
        "ST-10" | "ST-11" | "SG-12" | "SG-13" => Some(RENAMED),
        "TM-06" => Some(SWAPPED),
        _ => None,
    });
}

/// Excuses what a client said before, to the byte and in an earlier session of its own.
pub(super) fn excuse_resent(findings: &mut [Finding]) {
    excuse_by(findings, |id| is_of_place(id).then_some(RESENT));
}

/// Excuses what a device says that the server had called in another's place, and that may take itself for the callee.
pub(super) fn excuse_misled(findings: &mut [Finding]) {
    excuse_by(findings, |id| {
        let ids = matches!(id, "SG-11" | "SG-12" | "SG-13" | "SG-14");
        (ids || is_of_place(id)).then_some(ASTRAY)
    });
}

/// Excuses what only one device can have done, where signals alone were recorded. `several`: perhaps more than one took
/// part in the call.
pub(super) fn excuse_others(findings: &mut [Finding], several: bool) {
    excuse_by(findings, |id| {
        let of_order = id.starts_with("ST-") || id.starts_with("TM-");
        (matches!(id, "TM-06" | "ST-13") || (several && of_order)).then_some(OTHER)
    });
}

/// Whether it is worth a remark at the most.
fn is_remark(ruling: &Ruling) -> bool {
    weight(ruling).is_none_or(|slot| slot == 2)
}

/// The last signal of a sender who was not recorded: what was known before it, and what it was.
#[derive(Debug, Clone)]
pub(super) struct Before {
    pub beam: Beam,
    pub act: Act,
}

/// What the server may have done, as which this signal is lawful, and what is known of the call then.
pub(super) fn otherwise(
    now: &Beam,
    last: Option<&Before>,
    act: &Act,
    (at, doubtful): (f64, bool),
) -> Option<(Beam, &'static str)> {
    let mut lost = now.clone();
    lost.widen(unseen);
    let lawful = |beam: &mut Beam, act| beam.send(act, at, doubtful).rulings.iter().all(is_remark);
    if lawful(&mut lost, act) {
        return Some((lost, LOST));
    }
    let last = last?;
    let mut swapped = last.beam.clone();
    swapped.receive_also(now);
    let in_order = [act, &last.act].into_iter().all(|act| lawful(&mut swapped, act));
    in_order.then_some((swapped, SWAPPED))
}

/// The views of a party that has sent something that was not recorded.
fn unseen(view: &View) -> Vec<View> {
    let acts = [
        (Kind::Initiate, None),
        (Kind::Accept, None),
        (Kind::Offer, None),
        (Kind::Answer, None),
        (Kind::MuteChange, Some(true)),
        (Kind::MuteChange, Some(false)),
    ];
    let mut all: Vec<View> = Vec::new();
    let mut from = vec![*view];
    while let Some(view) = from.pop() {
        for (kind, muted) in acts {
            let act = Act {
                kind,
                reason: None,
                duration: None,
                muted,
            };
            let mut next = view;
            // When that was is not known.
            next.sent(&act, f64::NAN);
            let lawful = view
                .may_send(&act, f64::NAN)
                .iter()
                .all(|ruling| *ruling == Ruling::Legal);
            if lawful && next != view {
                all.push(next);
                // Every other one leads further on in the call, which comes to an end.
                if kind != Kind::MuteChange {
                    from.push(next);
                }
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Reason, Role, State};

    const INITIATE: Act = Act {
        kind: Kind::Initiate,
        reason: None,
        duration: None,
        muted: None,
    };
    const HANGUP: Act = Act {
        kind: Kind::Hangup,
        reason: Some(Reason::Cancelled),
        ..INITIATE
    };

    fn of(id: &str) -> Finding {
        Finding::of_client(id, "alice", String::new(), "", String::new(), vec![1])
    }

    #[test]
    fn only_what_the_server_may_have_done_is_excused() {
        for (id, again, why) in [
            ("ST-10", false, Some(RENAMED)),
            ("ST-11", false, Some(RENAMED)),
            ("SG-12", false, Some(RENAMED)),
            ("SG-13", true, Some(RENAMED)),
            ("TM-06", false, Some(SWAPPED)),
            ("TM-06", true, Some(TWICE)),
            ("ST-04", true, Some(TWICE)),
            ("SD-01", true, Some(TWICE)),
            ("ST-04", false, None),
            ("SD-01", false, None),
            ("SG-01", true, None),
        ] {
            let mut found = [of(id)];
            excuse(&mut found, again);
            assert_eq!(found[0].excuse.as_deref(), why, "{id} {again}");
        }
        let mut excused = [of("TM-06")];
        excused[0].excuse = Some("another order".into());
        excuse(&mut excused, false);
        assert_eq!(excused[0].excuse.as_deref(), Some("another order"));
    }

    #[test]
    fn a_signal_may_have_been_lost_or_come_after_the_next() {
        let idle = Beam::new(View::new(Role::Caller), true, None);
        let at = (2.0, false);
        // The initiate was lost, or comes after the hangup.
        let (over, why) = otherwise(&idle, None, &HANGUP, at).expect("a hangup after a lost initiate");
        assert_eq!(why, LOST);
        assert!(over.always(|state| state == State::Ended));
        let last = |beam: &Beam, act: Act| Before {
            beam: beam.clone(),
            act,
        };
        let found = otherwise(&over, Some(&last(&idle, HANGUP)), &INITIATE, at);
        let (over, why) = found.expect("an initiate that a hangup overtook");
        assert_eq!(why, SWAPPED);
        assert!(over.always(|state| state == State::Ended));
        // Nothing explains a second initiate.
        let mut begun = idle.clone();
        begun.send(&INITIATE, 1.0, false);
        assert!(otherwise(&begun, None, &INITIATE, at).is_none());
        assert!(otherwise(&begun, Some(&last(&idle, INITIATE)), &INITIATE, at).is_none());
    }

    #[test]
    fn what_was_not_recorded_leads_on_to_the_end_of_the_call() {
        let states = |view: &View| unseen(view).iter().map(View::state).collect::<Vec<_>>();
        let mut caller = View::new(Role::Caller);
        assert_eq!(states(&caller), [State::Ringing]);
        caller.sent(&INITIATE, 0.0);
        assert!(states(&caller).is_empty());
        let mut callee = View::new(Role::Callee);
        callee.received(&INITIATE, 0.0);
        let accepted = states(&callee);
        assert!(accepted.contains(&State::Accepted) && !accepted.contains(&State::Ringing));
        let of = |kind| Act { kind, ..INITIATE };
        callee.sent(&of(Kind::Accept), 1.0);
        callee.received(&of(Kind::Offer), 1.0);
        let others = unseen(&callee);
        assert!(others.iter().any(|view| view.state() == State::Answered));
        assert!(others.iter().all(|view| *view != callee));
        // Connected, and then muted or not.
        assert_eq!(others.len(), 3);
    }
}
