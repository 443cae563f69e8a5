//! Which of the rules EN-01 to EN-07 a server that judges signals keeps, each seen once.

use std::cell::RefCell;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::calls::signal;
use super::carry::{Carried, Mark, carry};
use super::found::{Found, Topic};
use super::parties::{Parties, fresh};
use super::peer::Peer;
use crate::profile::{Addressing, Class};
use crate::protocol::{Kind, RINGING, TOLERANCE, is_same_call};
use crate::stanza::bare;

const RULES: [Topic; 7] = [
    Topic::En01,
    Topic::En02,
    Topic::En03,
    Topic::En04,
    Topic::En05,
    Topic::En06,
    Topic::En07,
];
/// How long a server may take for what it does by itself.
const BY_ITSELF: Duration = Duration::from_secs(5);

/// Where the server judges no signals there is nothing to see.
pub fn not_asked(class: Option<Class>, found: &RefCell<Found>) {
    if class.is_none() {
        for topic in RULES {
            let why = "whether it judges signals is unknown";
            found.borrow_mut().unknown(topic, why);
        }
    }
}

/// Kept, or broken; with what showed it.
type Seen = (bool, String);

fn tell(topic: Topic, seen: Result<Seen, String>, found: &RefCell<Found>) {
    let mut found = found.borrow_mut();
    match seen {
        Ok((true, evidence)) => found.set(topic, "kept", evidence),
        Ok((false, evidence)) => found.set(topic, "broken", evidence),
        Err(why) => found.unknown(topic, why),
    }
}

/// Whether a signal was refused as it has to be, and went no further.
fn refused(what: &str, wanted: &str, carried: &Carried) -> Result<Seen, String> {
    if carried.mute || carried.end.is_some() {
        return Err(format!("{what}: {carried}"));
    }
    let kept = carried.refusal().as_deref() == Some(wanted);
    Ok((kept, format!("{what}: {carried}")))
}

fn both(one: Result<Seen, String>, other: Result<Seen, String>) -> Result<Seen, String> {
    let (one, other) = (one?, other?);
    Ok((one.0 && other.0, format!("{}; {}", one.1, other.1)))
}

/// One call between two users, and what others try with it. Where a call rings every device of a user, the callee may
/// have no other session of ours meanwhile: a server that rings one of them only would ring that one.
pub async fn judged(parties: &Parties, found: &RefCell<Found>) {
    if !parties.are_two() {
        for topic in RULES {
            let why = "needs accounts of two users; there is one";
            found.borrow_mut().unknown(topic, why);
        }
        return;
    }
    let (from, to) = (parties.caller(), parties.callee());
    let logins = (
        parties.log_in(from).await,
        parties.log_in(to).await,
        parties.log_in(to).await,
    );
    let (mut caller, mut one, mut two) = match logins {
        (Ok(caller), Ok(one), Ok(two)) => (caller, one, two),
        (Err(why), ..) | (_, Err(why), _) | (_, _, Err(why)) => {
            for topic in RULES.into_iter().filter(|topic| *topic != Topic::En05) {
                found.borrow_mut().unknown(topic, &why);
            }
            return;
        }
    };
    let every = found.borrow().known.addressing == Some(Addressing::Bare) && bare(&one.jid) == bare(&two.jid);
    let address = if every { bare(&one.jid) } else { &one.jid }.to_owned();

    let mut members = parties.signal(Kind::Initiate, &fresh(), from, to);
    members.insert("payload".into(), json!({}));
    let carried = given(parties, members, &address, (&mut caller, &mut one)).await;
    let seen = refused("an initiate without a callerName", "bad-request", &carried);
    tell(Topic::En01, seen, found);

    let mut members = parties.signal(Kind::Initiate, &fresh(), from, to);
    members.insert("senderId".into(), fresh().into());
    let carried = given(parties, members, &address, (&mut caller, &mut one)).await;
    let seen = refused("an initiate with another senderId", "forbidden", &carried);
    tell(Topic::En02, seen, found);

    let call = fresh();
    let members = parties.signal(Kind::Hangup, &fresh(), from, to);
    let stray = given(parties, members, &address, (&mut caller, &mut one)).await;
    let stray = refused("a hangup of no call", "item-not-found", &stray);
    let rang = signal(
        parties,
        (Kind::Initiate, &call),
        (&mut caller, from),
        (&mut one, to, &address),
    )
    .await;
    two.ping(BY_ITSELF).await;
    let rings = |peer: &Peer| {
        peer.find(|heard| is(&heard.stanza, &call, Kind::Initiate).then_some(()))
            .is_some()
    };
    // Where only one of them rings, that one picks up.
    if !rings(&one) {
        std::mem::swap(&mut one, &mut two);
    }
    if !rings(&one) {
        let why = format!("a sound initiate did not ring: {rang}");
        for topic in [Topic::En03, Topic::En04, Topic::En06, Topic::En07] {
            found.borrow_mut().unknown(topic, &why);
        }
        return;
    }
    let two_rings = rings(&two);

    let members = parties.signal(Kind::Offer, &call, from, to);
    let early = given(parties, members, &address, (&mut caller, &mut one)).await;
    let early = refused("an offer before the accept", "unexpected-request", &early);
    tell(Topic::En03, both(stray, early), found);

    let seen = match parties.third() {
        None => Err("needs accounts of three users".to_owned()),
        Some(user) => match parties.log_in(user).await {
            Err(why) => Err(why),
            Ok(mut third) => {
                let members = parties.signal(Kind::Hangup, &call, user, to);
                let carried = given(parties, members, &address, (&mut third, &mut one)).await;
                third.leave().await;
                refused("a third user's hangup", "forbidden", &carried)
            }
        },
    };
    tell(Topic::En06, seen, found);

    let members = parties.signal(Kind::Accept, &call, to, from);
    let back = caller.jid.clone();
    let accepted = given(parties, members, &back, (&mut one, &mut caller)).await;
    if accepted.arrived.is_none() {
        let why = format!("a sound accept did not arrive: {accepted}");
        tell(Topic::En04, Err(why.clone()), found);
        tell(Topic::En07, Err(why), found);
        return;
    }
    tell(
        Topic::En04,
        devices(every, two_rings, &mut two, &call).await,
        found,
    );

    one.vanish().await;
    let began = Instant::now();
    let seen = ended(&mut caller, &call, began + BY_ITSELF).await;
    let seen = match seen {
        Some((reason, at)) => (
            reason == "failed",
            format!(
                "the callee was cut off; the caller was told `{reason}` {:.1} s later",
                (at - began).as_secs_f64()
            ),
        ),
        None => (
            false,
            format!(
                "the callee was cut off; the caller was told nothing in {} s",
                BY_ITSELF.as_secs()
            ),
        ),
    };
    tell(Topic::En07, Ok(seen), found);
    two.leave().await;
    caller.leave().await;
}

/// Whether the other device rang too, and stops when the first one picks up.
async fn devices(every: bool, rang: bool, two: &mut Peer, call: &str) -> Result<Seen, String> {
    if !every {
        return Err("a full JID names one device".to_owned());
    }
    if !rang {
        return Ok((false, "one of two devices rang".to_owned()));
    }
    let began = Instant::now();
    Ok(match ended(two, call, began + BY_ITSELF).await {
        Some((reason, _)) => (
            true,
            format!("two devices rang; one picked up, and the other was told `{reason}`"),
        ),
        None => (
            false,
            format!(
                "two devices rang; one picked up, and the other was told nothing in {} s",
                BY_ITSELF.as_secs()
            ),
        ),
    })
}

/// A call that nobody answers.
pub async fn unanswered(parties: &Parties, found: &RefCell<Found>) {
    if !parties.are_two() {
        return;
    }
    let (from, to) = match parties.third() {
        Some(third) => (parties.caller(), third),
        None => (parties.callee(), parties.caller()),
    };
    let (mut caller, mut callee) = match (parties.log_in(from).await, parties.log_in(to).await) {
        (Ok(caller), Ok(callee)) => (caller, callee),
        (Err(why), _) | (_, Err(why)) => return tell(Topic::En05, Err(why), found),
    };
    let (call, address) = (fresh(), callee.jid.clone());
    let began = Instant::now();
    let rang = signal(
        parties,
        (Kind::Initiate, &call),
        (&mut caller, from),
        (&mut callee, to, &address),
    )
    .await;
    if rang.arrived.is_none() {
        let why = format!("a sound initiate did not ring: {rang}");
        return tell(Topic::En05, Err(why), found);
    }
    let until = began + Duration::from_secs_f64(RINGING) + BY_ITSELF;
    let (left, right) = tokio::join!(ended(&mut caller, &call, until), ended(&mut callee, &call, until));
    let mut kept = true;
    let mut words = Vec::new();
    for (who, end) in [("the caller", left), ("the callee", right)] {
        match end {
            Some((reason, at)) => {
                let seconds = (at - began).as_secs_f64();
                kept &= reason == "timeout" && seconds >= RINGING - TOLERANCE;
                words.push(format!("{who} was told `{reason}` after {seconds:.1} s"));
            }
            None => {
                kept = false;
                words.push(format!(
                    "{who} was told nothing in {:.0} s",
                    (until - began).as_secs_f64()
                ));
            }
        }
    }
    tell(
        Topic::En05,
        Ok((kept, format!("nobody answered: {}", words.join("; ")))),
        found,
    );
    callee.leave().await;
    caller.leave().await;
}

async fn given(
    parties: &Parties,
    members: Map<String, Value>,
    address: &str,
    (from, to): (&mut Peer, &mut Peer),
) -> Carried {
    let id = fresh();
    // It may arrive under an id that the server gives it: its own mark stands in the call.
    let token = members
        .get("callId")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let kind = members
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let before = to
        .all(|heard| is_of(&heard.stanza, &token, &kind).then_some(()))
        .len();
    let raw = parties.signal_iq(address, &id, members);
    let mut carried = carry(from, to, raw, &Mark::id(&id)).await;
    if carried.arrived.is_none() {
        let all = to.all(|heard| is_of(&heard.stanza, &token, &kind).then(|| heard.stanza.clone()));
        carried.arrived = all.into_iter().nth(before);
    }
    carried
}

/// The hangup that ends this call for `peer`: its reason, and when it came.
async fn ended(peer: &mut Peer, call: &str, until: Instant) -> Option<(String, Instant)> {
    peer.wait(until, |heard| {
        let signal = signal_of(&heard.stanza)?;
        let fits = is_call(&signal, call) && signal["type"] == Kind::Hangup.wire();
        let reason = signal.pointer("/payload/reason").and_then(Value::as_str);
        fits.then(|| (reason.unwrap_or("no reason").to_owned(), heard.at))
    })
    .await
}

fn signal_of(stanza: &crate::stanza::Stanza) -> Option<Value> {
    serde_json::from_str(&stanza.call_text()?).ok()
}

fn is(stanza: &crate::stanza::Stanza, call: &str, kind: Kind) -> bool {
    is_of(stanza, call, kind.wire())
}

fn is_call(signal: &Value, call: &str) -> bool {
    signal["callId"].as_str().is_some_and(|id| is_same_call(id, call))
}

fn is_of(stanza: &crate::stanza::Stanza, call: &str, kind: &str) -> bool {
    signal_of(stanza).is_some_and(|signal| is_call(&signal, call) && signal["type"] == kind)
}
