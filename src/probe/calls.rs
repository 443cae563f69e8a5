//! How calls are addressed, and whether the server judges them.

use std::cell::RefCell;

use serde_json::json;

use super::carry::{Carried, Mark, carry};
use super::found::{Found, Topic};
use super::parties::{Parties, fresh};
use super::peer::Peer;
use crate::profile::{Addressing, Class};
use crate::protocol::Kind;
use crate::stanza::{bare, fold};

/// Caller and callee, to look at how calls go between them.
pub async fn look(parties: &Parties, (caller, callee): (&mut Peer, &mut Peer), found: &RefCell<Found>) {
    let full = full_jid(parties, caller, callee, found).await;
    bare_jid(parties, caller, callee, found).await;
    class(parties, caller, callee, &full, found).await;
}

/// Sends a sound signal and waits for what comes of it.
pub async fn signal(
    parties: &Parties,
    (kind, call): (Kind, &str),
    (from, from_user): (&mut Peer, &str),
    (to, to_user, address): (&mut Peer, &str, &str),
) -> Carried {
    let id = fresh();
    let members = parties.signal(kind, call, from_user, to_user);
    let raw = parties.signal_iq(address, &id, members);
    // A server that knows calls may carry it under an id of its own.
    let mark = Mark {
        id: Some(&id),
        token: call,
    };
    carry(from, to, raw, &mark).await
}

/// Takes an initiate back, so that nothing rings on.
pub async fn cancel(
    parties: &Parties,
    call: &str,
    (from, from_user): (&mut Peer, &str),
    (to, to_user, address): (&mut Peer, &str, &str),
) -> Carried {
    let id = fresh();
    let mut members = parties.signal(Kind::Hangup, call, from_user, to_user);
    members.insert("payload".into(), json!({ "reason": "cancelled" }));
    let raw = parties.signal_iq(address, &id, members);
    carry(from, to, raw, &Mark::id(&id)).await
}

async fn full_jid(
    parties: &Parties,
    caller: &mut Peer,
    callee: &mut Peer,
    found: &RefCell<Found>,
) -> Carried {
    let (call, address) = (fresh(), callee.jid.clone());
    let users = (parties.caller(), parties.callee());
    let carried = signal(
        parties,
        (Kind::Initiate, &call),
        (caller, users.0),
        (callee, users.1, &address),
    )
    .await;
    if carried.arrived.is_some() {
        cancel(parties, &call, (caller, users.0), (callee, users.1, &address)).await;
    }
    let mut found = found.borrow_mut();
    match (&carried.arrived, carried.refusal()) {
        (Some(stanza), _) => {
            let from = match stanza.from() {
                Some(from) if fold(from) == fold(&caller.jid) => {
                    "with the caller's full JID in `from`".to_owned()
                }
                Some(from) => format!("with `from` {from}, which is not the caller's full JID"),
                None => "without a `from`".to_owned(),
            };
            found.set(
                Topic::FullJid,
                "routed",
                format!("an initiate: {carried}, {from}"),
            );
        }
        (None, Some(condition)) => found.set(Topic::FullJid, condition, format!("an initiate: {carried}")),
        _ if carried.swallowed() => found.set(Topic::FullJid, "swallowed", format!("an initiate: {carried}")),
        _ => found.unknown(Topic::FullJid, format!("an initiate: {carried}")),
    }
    carried
}

/// Two devices of the callee are there: does one of them ring, do both, or does nobody?
async fn bare_jid(parties: &Parties, caller: &mut Peer, callee: &mut Peer, found: &RefCell<Found>) {
    if !parties.are_two() {
        let why = "needs accounts of two users; there is one";
        found.borrow_mut().unknown(Topic::BareJid, why);
        return;
    }
    let mut other = match parties.log_in(parties.callee()).await {
        Ok(other) => other,
        Err(why) => return found.borrow_mut().unknown(Topic::BareJid, why),
    };
    let (call, address) = (fresh(), bare(&callee.jid).to_owned());
    let users = (parties.caller(), parties.callee());
    // An anonymous user has no second device.
    let second = bare(&other.jid) == address;
    let carried = signal(
        parties,
        (Kind::Initiate, &call),
        (caller, users.0),
        (callee, users.1, &address),
    )
    .await;
    let rings = |peer: &Peer| {
        let rung = peer.all(|heard| {
            let is_call = heard.stanza.calls().next().is_some();
            (is_call && super::carry::Mark::id(&call).is_on(&heard.stanza)).then_some(())
        });
        usize::from(!rung.is_empty())
    };
    if second && !carried.mute {
        other.ping(std::time::Duration::from_secs(3)).await;
    }
    let rang = usize::from(carried.arrived.is_some()) + if second { rings(&other) } else { 0 };
    if rang > 0 || carried.refusal().is_none() {
        cancel(parties, &call, (caller, users.0), (callee, users.1, &address)).await;
    }
    other.leave().await;
    let mut found = found.borrow_mut();
    let of = if second { "of two devices" } else { "of one device" };
    let none = if second {
        "neither of two devices"
    } else {
        "nobody"
    };
    match (rang, carried.refusal()) {
        (1.., _) => {
            let value = match (rang, second) {
                (2.., _) | (_, false) => "rings every device",
                _ => "rings one device",
            };
            found.known.addressing = Some(Addressing::Bare);
            found.set(Topic::BareJid, value, format!("an initiate reached {rang} {of}"));
        }
        (0, Some(condition)) if condition == "forbidden" => found.unknown(
            Topic::BareJid,
            "the server answered `forbidden`: are the accounts' ids (`id` in the target file) right?",
        ),
        (0, Some(condition)) => {
            found.known.addressing = Some(Addressing::Full);
            found.set(
                Topic::BareJid,
                condition,
                format!("the server answers an initiate itself; {none} rang"),
            );
        }
        _ if carried.answer.is_some() => {
            found.known.addressing = Some(Addressing::Full);
            found.set(
                Topic::BareJid,
                "acknowledged",
                format!("an initiate drew a result, and {none} rang"),
            );
        }
        // Nobody answered for the address: what it is to the server is not known.
        _ if carried.swallowed() => {
            found.set(Topic::BareJid, "swallowed", format!("an initiate: {carried}"));
        }
        _ => found.unknown(Topic::BareJid, format!("an initiate: {carried}")),
    }
}

/// What became of a signal that only a server which judges signals minds.
enum Judged {
    Carried,
    Refused,
    Unclear,
}

fn judged(carried: &Carried, full: &Carried) -> Judged {
    let usual = full.arrived.is_some();
    match (&carried.arrived, carried.refusal()) {
        // Delivered all the same.
        (Some(_), _) if carried.answer.as_ref().and_then(super::peer::error).is_some() => Judged::Refused,
        (Some(_), _) => Judged::Carried,
        // What is said of a sound signal too says nothing.
        (None, Some(condition)) if usual || full.refusal().is_some_and(|said| said != condition) => {
            Judged::Refused
        }
        _ if usual && (carried.swallowed() || carried.answer.is_some()) => Judged::Refused,
        _ => Judged::Unclear,
    }
}

async fn class(
    parties: &Parties,
    caller: &mut Peer,
    callee: &mut Peer,
    full: &Carried,
    found: &RefCell<Found>,
) {
    let address = callee.jid.clone();
    let id = fresh();
    let broken = json!({ "type": "call:initiate", "callId": id });
    let broken = broken.as_object().cloned().unwrap_or_default();
    let raw = parties.signal_iq(&address, &id, broken);
    let off_schema = carry(caller, callee, raw, &Mark::id(&id)).await;
    let users = (parties.caller(), parties.callee());
    let unknown = signal(
        parties,
        (Kind::Hangup, &fresh()),
        (caller, users.0),
        (callee, users.1, &address),
    )
    .await;
    let mut found = found.borrow_mut();
    let evidence = format!("a signal without its envelope: {off_schema}; a hangup of no call: {unknown}");
    match (judged(&off_schema, full), judged(&unknown, full)) {
        (Judged::Carried, Judged::Carried) => {
            found.known.class = Some(Class::Relay);
            found.set(Topic::Class, "relay", evidence);
        }
        (Judged::Refused, _) | (_, Judged::Refused) => {
            found.known.class = Some(Class::Enforcing);
            found.set(Topic::Class, "enforcing", evidence);
        }
        _ => found.unknown(Topic::Class, evidence),
    }
}
