//! What becomes of stanzas that are wrong, and of those to nobody.

use std::cell::RefCell;

use super::carry::{Carried, Mark, carry};
use super::found::{Found, Topic};
use super::parties::{Parties, fresh, nobody_at};
use super::peer::Peer;
use crate::protocol::Kind;
use crate::stanza::{CLIENT, bare, escape, fold};

/// A request that no client knows, of any size.
pub fn request(to: &str, id: Option<&str>, token: &str, padding: usize) -> String {
    let id = id
        .map(|id| format!(r#" id="{}""#, escape(id)))
        .unwrap_or_default();
    format!(
        r#"<iq xmlns="{CLIENT}" type="get" to="{}"{id}><query xmlns="urn:callspec:probe">{token}{}</query></iq>"#,
        escape(to),
        "x".repeat(padding)
    )
}

/// Signals to the callee's user, before any session of ours is there.
pub async fn nobody_there(parties: &Parties, caller: &mut Peer, found: &RefCell<Found>) {
    let users = (parties.caller(), parties.callee());
    let Some(jid) = parties.jids().into_iter().nth(usize::from(parties.are_two())) else {
        return;
    };
    let full = nobody_at(&jid);
    let mut topics = vec![(Topic::OfflineFull, full)];
    if parties.are_two() {
        topics.push((Topic::OfflineBare, jid));
    } else {
        let why = "needs accounts of two users; there is one, and it is here";
        found.borrow_mut().unknown(Topic::OfflineBare, why);
    }
    for (topic, address) in topics {
        let (id, call) = (fresh(), fresh());
        let members = parties.signal(Kind::Initiate, &call, users.0, users.1);
        let raw = parties.signal_iq(&address, &id, members);
        let carried = to_nobody(caller, raw, &id).await;
        if carried.answer.as_ref().and_then(super::peer::error).is_none() {
            // Somebody may be there after all: nothing is to ring on.
            let id = fresh();
            let mut members = parties.signal(Kind::Hangup, &call, users.0, users.1);
            members.insert("payload".into(), serde_json::json!({ "reason": "cancelled" }));
            let raw = parties.signal_iq(&address, &id, members);
            to_nobody(caller, raw, &id).await;
        }
        let mut found = found.borrow_mut();
        let evidence = format!("an initiate where no session of ours is: {carried}");
        match carried.refusal() {
            Some(condition) => found.set(topic, condition, evidence),
            None if carried.answer.is_some() => found.set(
                topic,
                "answered",
                "an initiate drew a result: the server, or another client of that user",
            ),
            None if carried.swallowed() => found.set(topic, "swallowed", evidence),
            None => found.unknown(topic, evidence),
        }
    }
}

/// The sender stands in for the addressee, who is not there.
async fn to_nobody(caller: &mut Peer, raw: String, id: &str) -> Carried {
    let patience = std::time::Duration::from_secs(3);
    let answers =
        |heard: &super::peer::Heard| super::peer::is_answer(&heard.stanza, id).then(|| heard.stanza.clone());
    caller.say(raw);
    let alive = caller.ping(patience).await.is_some();
    let mut answer = caller.find(answers);
    if answer.is_none() && alive {
        let until = tokio::time::Instant::now() + std::time::Duration::from_secs(1);
        answer = caller.wait(until, answers).await;
    }
    Carried {
        arrived: None,
        answer,
        end: caller.end(),
        mute: !alive && caller.end().is_none(),
    }
}

/// Each on a session of its own, which it may cost.
pub async fn look(parties: &Parties, callee: &mut Peer, found: &RefCell<Found>) {
    no_id(parties, callee, found).await;
    forged_from(parties, callee, found).await;
}

async fn no_id(parties: &Parties, callee: &mut Peer, found: &RefCell<Found>) {
    let mut sender = match parties.log_in(parties.caller()).await {
        Ok(sender) => sender,
        Err(why) => return found.borrow_mut().unknown(Topic::NoId, why),
    };
    let token = fresh();
    let raw = request(&callee.jid, None, &token, 0);
    let mark = Mark {
        id: None,
        token: &token,
    };
    let carried = carry(&mut sender, callee, raw, &mark).await;
    tell(Topic::NoId, &carried, "routed", &mut found.borrow_mut());
    sender.leave().await;
}

async fn forged_from(parties: &Parties, callee: &mut Peer, found: &RefCell<Found>) {
    let mut sender = match parties.log_in(parties.caller()).await {
        Ok(sender) => sender,
        Err(why) => return found.borrow_mut().unknown(Topic::ForgedFrom, why),
    };
    // The callee's own address: somebody else's, and one of ours, unless there is only one user.
    let claimed = if parties.are_two() {
        nobody_at(&callee.jid)
    } else {
        format!("nobody@{}/forged", sender.domain())
    };
    let (id, call) = (fresh(), fresh());
    let users = (parties.caller(), parties.callee());
    let members = parties.signal(Kind::Initiate, &call, users.0, users.1);
    let raw = parties.signal_iq(&callee.jid, &id, members);
    let raw = raw.replacen("<iq ", &format!(r#"<iq from="{}" "#, escape(&claimed)), 1);
    let carried = carry(&mut sender, callee, raw, &Mark::id(&id)).await;
    let own = sender.jid.clone();
    if carried.arrived.is_some() && sender.end().is_none() {
        let address = callee.jid.clone();
        super::calls::cancel(
            parties,
            &call,
            (&mut sender, users.0),
            (callee, users.1, &address),
        )
        .await;
    }
    {
        let mut found = found.borrow_mut();
        match carried.arrived.as_ref().map(|stanza| stanza.from()) {
            Some(Some(from)) if from == claimed => found.set(
                Topic::ForgedFrom,
                "let through",
                format!("a signal that claimed to be from {claimed} arrived as it stood"),
            ),
            Some(Some(from)) if bare(&fold(from)) == bare(&fold(&own)) => found.set(
                Topic::ForgedFrom,
                "overwritten",
                "a signal that claimed to be somebody else's arrived with its sender's own address",
            ),
            Some(from) => found.set(
                Topic::ForgedFrom,
                "replaced",
                format!(
                    "a signal that claimed to be from {claimed} arrived with {}",
                    from.unwrap_or("no `from` at all")
                ),
            ),
            None => tell(Topic::ForgedFrom, &carried, "", &mut found),
        }
    }
    if sender.end().is_none() {
        sender.leave().await;
    }
}

fn tell(topic: Topic, carried: &Carried, routed: &str, found: &mut Found) {
    let evidence = carried.to_string();
    match (&carried.arrived, carried.refusal(), &carried.end) {
        (Some(_), ..) => found.set(topic, routed, evidence),
        (None, Some(condition), _) => found.set(topic, condition, evidence),
        (None, None, Some(end)) => {
            let value = match &end.condition {
                Some(condition) => format!("{condition}, closed"),
                None => "closed".to_owned(),
            };
            found.set(topic, value, evidence);
        }
        _ if carried.swallowed() => found.set(topic, "swallowed", evidence),
        _ if carried.answer.is_some() => found.set(topic, "answered", evidence),
        _ => found.unknown(topic, evidence),
    }
}
