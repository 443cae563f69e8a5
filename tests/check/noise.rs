//! What else goes by on a connection on which calls are made.

use serde_json::Value;

use crate::hars::{LOGIN, message, time};

/// Stanzas that have nothing to do with a call: whether each is sent, and its text.
pub fn stanzas(own: &str, other: &str) -> Vec<(bool, String)> {
    let user = own.split('/').next().unwrap_or_default();
    let peer = other.split('/').next().unwrap_or_default();
    let sent = |id: &str, kind: &str, to: &str, inner: &str| {
        let to = if to.is_empty() {
            String::new()
        } else {
            format!(r#" to="{to}""#)
        };
        let text = format!(r#"<iq type="{kind}" id="{id}"{to} xmlns="jabber:client">{inner}</iq>"#);
        (true, text)
    };
    let came = |id: &str, kind: &str, from: &str, inner: &str| {
        let from = if from.is_empty() {
            String::new()
        } else {
            format!(" from='{from}'")
        };
        let text = format!("<iq type='{kind}' id='{id}'{from} to='{own}' xmlns='jabber:client'>{inner}</iq>");
        (false, text)
    };
    const INFO: &str = r#"<query xmlns="http://jabber.org/protocol/disco#info"/>"#;
    const CAN: &str =
        r#"<query xmlns="http://jabber.org/protocol/disco#info"><feature var="urn:xmpp:call:0"/></query>"#;
    const GONE: &str =
        "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    let push = format!("<query xmlns='jabber:iq:roster'><item jid='{peer}' subscription='both'/></query>");
    let forward = |inner: &str| format!("<forwarded xmlns='urn:xmpp:forward:0'>{inner}</forwarded>");
    let said = |from: &str, to: &str| {
        format!(
            "<message xmlns='jabber:client' from='{from}' to='{to}' type='chat'><body>hi</body></message>"
        )
    };
    let from_user = |inner: String| {
        (
            false,
            format!("<message from='{user}' to='{own}' xmlns='jabber:client'>{inner}</message>"),
        )
    };
    vec![
        sent("n-ping", "get", "localhost", "<ping xmlns='urn:xmpp:ping'/>"),
        came("n-ping", "result", "localhost", ""),
        came("n-sping", "get", "localhost", "<ping xmlns='urn:xmpp:ping'/>"),
        sent("n-sping", "result", "localhost", ""),
        came("n-version", "get", "localhost", "<query xmlns='jabber:iq:version'/>"),
        sent("n-version", "error", "localhost", GONE),
        sent("n-roster", "get", "", "<query xmlns='jabber:iq:roster' ver='1'/>"),
        came("n-roster", "result", "", &push),
        came("n-push", "set", "", &push),
        sent("n-push", "result", "", ""),
        came("n-push2", "set", user, &push),
        sent("n-push2", "result", user, ""),
        sent("n-info", "get", "localhost", INFO),
        came("n-info", "result", "localhost", CAN),
        sent("n-info2", "get", other, INFO),
        came("n-info2", "result", other, CAN),
        came("n-info3", "get", other, INFO),
        sent("n-info3", "result", other, CAN),
        sent("n-nobody", "get", "nobody@localhost/x", INFO),
        came("n-nobody", "error", "nobody@localhost/x", &format!("{INFO}{GONE}")),
        sent("n-carbons", "set", "", "<enable xmlns='urn:xmpp:carbons:2'/>"),
        came("n-carbons", "result", "", ""),
        sent("n-unanswered", "get", "localhost", "<query xmlns='urn:xmpp:extdisco:2'/>"),
        (false, format!("<presence from='{other}' to='{own}' xmlns='jabber:client'><c xmlns='http://jabber.org/protocol/caps' node='x' hash='sha-1' ver='y'/></presence>")),
        (false, format!("<presence from='{other}' to='{own}' type='unavailable' xmlns='jabber:client'/>")),
        (true, r#"<presence to="room@conference.localhost/me" xmlns="jabber:client"><x xmlns="http://jabber.org/protocol/muc"/></presence>"#.to_owned()),
        (false, format!("<presence from='room@conference.localhost/me' to='{own}' xmlns='jabber:client'><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence>")),
        (false, format!("<message from='room@conference.localhost/you' to='{own}' type='groupchat' id='n-room' xmlns='jabber:client'><body>urn:xmpp:call:0 is nice</body></message>")),
        (true, format!(r#"<message to="{peer}" type="chat" id="n-chat" xmlns="jabber:client"><body>urn:xmpp:call:0 {{"type":"call:initiate","callId":"4630c38a-6e06-49f9-8609-e499e7bb0359"}}</body></message>"#)),
        (false, format!("<message type='error' from='{peer}' to='{own}' id='n-chat' xmlns='jabber:client'><body>x</body>{GONE}</message>")),
        (false, format!("<message from='{other}' to='{own}' type='chat' xmlns='jabber:client'><body>ok</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>")),
        from_user(format!("<received xmlns='urn:xmpp:carbons:2'>{}</received>", forward(&said(other, user)))),
        from_user(format!("<sent xmlns='urn:xmpp:carbons:2'>{}</sent>", forward(&said(&format!("{user}/phone"), peer)))),
        sent("n-mam", "set", "", "<query xmlns='urn:xmpp:mam:2' queryid='q'/>"),
        from_user(format!("<result xmlns='urn:xmpp:mam:2' queryid='q' id='1'>{}</result>", forward(&said(other, user)))),
        came("n-mam", "result", user, "<fin xmlns='urn:xmpp:mam:2' complete='true'/>"),
        (false, format!("<message type='headline' from='pubsub.localhost' to='{own}' xmlns='jabber:client'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='x'/></event></message>")),
        (true, " ".to_owned()),
        (false, " ".to_owned()),
        (true, "<r xmlns='urn:xmpp:sm:3'/>".to_owned()),
        (false, "<a xmlns='urn:xmpp:sm:3' h='3'/>".to_owned()),
        (false, "<r xmlns='urn:xmpp:sm:3'/>".to_owned()),
        (true, "<a xmlns='urn:xmpp:sm:3' h='3'/>".to_owned()),
        (true, "<inactive xmlns='urn:xmpp:csi:0'/>".to_owned()),
    ]
}

/// A number that looks like chance, the next one each time.
pub fn next(seed: &mut u64) -> u64 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

/// The messages with all of that among them.
pub fn among(messages: &[Value], own: &str, other: &str, mut seed: u64) -> Vec<Value> {
    let stanzas = stanzas(own, other);
    let rest = messages.len().saturating_sub(LOGIN);
    let mut places: Vec<usize> = stanzas
        .iter()
        .map(|_| next(&mut seed) as usize % (rest + 1))
        .collect();
    places.sort_unstable();
    let mut out: Vec<Value> = messages.iter().take(LOGIN).cloned().collect();
    let mut more = stanzas.iter().zip(&places).peekable();
    for at in 0..=rest {
        let here = messages.get(LOGIN + at);
        let t = here.or(messages.last()).map_or(0.0, time);
        while let Some((stanza, _)) = more.next_if(|(_, place)| **place == at) {
            out.push(message(stanza.0, t, &stanza.1));
        }
        out.extend(here.cloned());
    }
    out
}

/// The messages of a WebSocket that speaks something else.
pub fn foreign() -> Vec<Value> {
    let at = 1_795_441_450.2;
    let mut all = vec![
        message(false, at, r#"{"type":"connected"}"#),
        message(true, at, "2probe"),
        message(
            false,
            at,
            r#"42["call:initiate",{"callId":"4630c38a-6e06-49f9-8609-e499e7bb0359"}]"#,
        ),
        message(false, at, "<html><body>urn:xmpp:call:0</body></html>"),
        message(false, at, "<unclosed"),
        message(false, at, ""),
        message(false, at, "AAEC/w=="),
        message(false, at, ""),
        message(false, at, "x"),
    ];
    let last = all.len() - 3;
    for (message, opcode) in all.iter_mut().skip(last).zip([2, 9, -1]) {
        message["opcode"] = opcode.into();
    }
    all
}
