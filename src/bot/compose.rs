//! What a bot writes: signals in their envelope, chat, answers.

use serde_json::{Map, Value, json};

use crate::protocol::sdp::Side;
use crate::protocol::{Kind, NAMESPACE, Role, sample};
use crate::stanza::{CLIENT, IqType, Stanza, escape, resource};

/// The envelope and a sound payload for `kind` (seed, message examples).
pub fn signal(kind: Kind, ids: &Ids<'_>, candidate: u32) -> Map<String, Value> {
    let payload = match kind {
        Kind::Initiate => json!({ "callerName": ids.name }),
        Kind::Accept | Kind::Reject | Kind::Busy => json!({}),
        Kind::Offer => json!({ "sdp": sample::description(ids.role, Side::Offer), "type": "offer" }),
        Kind::Answer => json!({ "sdp": sample::description(ids.role, Side::Answer), "type": "answer" }),
        Kind::IceCandidate => sample::candidate(candidate),
        Kind::Hangup => json!({ "reason": "completed" }),
        Kind::MuteChange => json!({ "muted": true }),
    };
    let mut envelope = Map::new();
    envelope.insert("type".into(), kind.wire().into());
    envelope.insert("callId".into(), ids.call.into());
    envelope.insert("senderId".into(), ids.sender.into());
    envelope.insert("recipientId".into(), ids.recipient.into());
    envelope.insert("timestamp".into(), ids.timestamp.into());
    envelope.insert("payload".into(), payload);
    envelope
}

/// Who signals to whom, on which call.
pub struct Ids<'a> {
    pub call: &'a str,
    pub sender: &'a str,
    pub recipient: &'a str,
    pub timestamp: &'a str,
    pub name: &'a str,
    /// Whose part its sender has in the call.
    pub role: Role,
}

/// A question to the server itself (XEP-0199): one that does not know it answers too, with an error.
pub fn ping(domain: &str, id: &str) -> String {
    format!(
        r#"<iq xmlns="{CLIENT}" type="get" to="{}" id="{}"><ping xmlns="urn:xmpp:ping"/></iq>"#,
        escape(domain),
        escape(id),
    )
}

pub fn call_iq(to: &str, id: &str, json: &str) -> String {
    format!(
        r#"<iq xmlns="{CLIENT}" type="set" to="{}" id="{}"><call xmlns="{NAMESPACE}">{}</call></iq>"#,
        escape(to),
        escape(id),
        escape(json)
    )
}

pub fn chat(to: &str, id: &str, body: &str) -> String {
    format!(
        r#"<message xmlns="{CLIENT}" type="chat" to="{}" id="{}"><body>{}</body></message>"#,
        escape(to),
        escape(id),
        escape(body)
    )
}

/// The empty result that acknowledges an IQ (RFC 6120 §8.2.3).
pub fn result(iq: &Stanza) -> String {
    format!(r#"<iq xmlns="{CLIENT}" type="result"{}/>"#, back(iq))
}

/// An error answer with a defined condition (RFC 6120 §8.3).
pub fn error(iq: &Stanza, condition: &str) -> String {
    let kind = match condition {
        "bad-request" | "jid-malformed" | "not-acceptable" => "modify",
        "forbidden" | "not-authorized" => "auth",
        "unexpected-request" | "resource-constraint" | "recipient-unavailable" => "wait",
        _ => "cancel",
    };
    format!(
        r#"<iq xmlns="{CLIENT}" type="error"{}><error type="{kind}"><{condition} xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>"#,
        back(iq)
    )
}

fn back(iq: &Stanza) -> String {
    let mut attributes = String::new();
    if let Some(id) = iq.id() {
        attributes.push_str(&format!(r#" id="{}""#, escape(id)));
    }
    if let Some(from) = iq.from() {
        attributes.push_str(&format!(r#" to="{}""#, escape(from)));
    }
    attributes
}

/// What a session answers, as any client would, that nobody asks anything: whoever sent a signal that came there all the
/// same sees by the answer that somebody else got it, too. What goes to the user only, another device of theirs answers.
pub fn bystander(stanza: &Stanza) -> Option<String> {
    let asks = matches!(stanza.iq_type(), Some(IqType::Get | IqType::Set));
    let here = stanza.to().is_none_or(|to| resource(to).is_some());
    (asks && here).then(|| error(stanza, "service-unavailable"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bystander_answers_what_comes_to_no_user() {
        for (head, answers) in [
            ("<iq type='set' from='a@x/1' to='b@x/2' id='1'>", true),
            ("<iq type='get' from='x' to='b@x/2' id='1'>", true),
            ("<iq type='get' id='1'>", true),
            ("<iq type='set' from='a@x/1' to='b@x' id='1'>", false),
            ("<iq type='result' from='a@x/1' to='b@x/2' id='1'>", false),
            ("<iq type='error' from='a@x/1' to='b@x/2' id='1'>", false),
        ] {
            let stanza = Stanza::parse(format!("{head}<call xmlns='urn:xmpp:call:0'/></iq>"));
            let answer = bystander(&stanza.expect("a stanza"));
            assert_eq!(answer.is_some(), answers, "{head}");
        }
    }
}
