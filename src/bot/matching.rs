//! Does a stanza meet an expectation? And the words for what was wanted and what came.

use regex::Regex;
use serde_json::Value;

use crate::protocol::{Kind, is_same_call};
use crate::scenario::Pattern;
use crate::stanza::{STREAM, Stanza, fold};

/// A stanza as expectations look at it.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The number of its `received` event.
    pub n: u64,
    pub stanza: Stanza,
    pub signal: Option<Value>,
    pub taken: bool,
}

impl Arrival {
    pub fn kind(&self) -> Option<Kind> {
        Kind::from_wire(self.signal.as_ref()?.get("type")?.as_str()?)
    }

    pub fn call(&self) -> Option<&str> {
        self.signal.as_ref()?.get("callId")?.as_str()
    }

    /// Signals and chat: what `hears: nothing` and `next` are about.
    pub fn counts(&self) -> bool {
        let chat = self.stanza.body().is_some() && !self.is_announcement();
        self.signal.is_some() || self.stanza.has_call() || chat
    }

    /// What a server tells all its users, or a news service its readers (RFC 6121 §5.2.2): it may come at any time.
    fn is_announcement(&self) -> bool {
        let from_server = self.stanza.from().is_some_and(|from| !from.contains(['@', '/']));
        from_server || self.stanza.attr("type") == Some("headline")
    }

    /// A few words, such as `hangup cancelled` or `chat "hello"`.
    pub fn brief(&self) -> String {
        brief(&self.stanza, self.signal.as_ref())
    }
}

pub fn brief(stanza: &Stanza, signal: Option<&Value>) -> String {
    if let Some(signal) = signal {
        let name = signal
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or("a signal without type");
        let name = name.strip_prefix("call:").unwrap_or(name);
        let reason = signal.pointer("/payload/reason").and_then(Value::as_str);
        return reason.map_or_else(|| name.to_owned(), |reason| format!("{name} {reason}"));
    }
    if let Some(body) = stanza.body() {
        let short: String = body.chars().take(30).collect();
        return format!("chat {short:?}");
    }
    let name = stanza.name();
    let kind = stanza.attr("type").map(|t| format!(" {t}")).unwrap_or_default();
    let condition = stanza
        .error_condition()
        .map(|c| format!(" {c}"))
        .unwrap_or_default();
    format!("{name}{kind}{condition}")
}

/// What an expectation looks for, with every name resolved.
#[derive(Debug)]
pub struct Wanted {
    pub pattern: Pattern,
    /// The callId that the pattern's label stands for.
    pub call: Option<String>,
    pub from: Option<String>,
    pub equals: Vec<(String, Value)>,
    pub matches: Vec<(String, Regex)>,
    pub absent: Vec<String>,
}

impl Wanted {
    /// `None` if it is not even the kind of thing that is looked for; otherwise the list of differences.
    pub fn compare(&self, arrival: &Arrival) -> Option<Vec<String>> {
        if !self.is_of_kind(arrival) {
            return None;
        }
        let mut differences = Vec::new();
        if let Some(from) = &self.from
            && arrival.stanza.from().map(fold) != Some(fold(from))
        {
            differences.push(format!(
                "from: wanted {from}, came {}",
                arrival.stanza.from().unwrap_or("nothing")
            ));
        }
        let at = |pointer: &str| arrival.signal.as_ref().and_then(|signal| signal.pointer(pointer));
        let shown = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
        for (pointer, wanted) in &self.equals {
            if at(pointer) != Some(wanted) {
                differences.push(format!("{pointer}: wanted {wanted}, came {}", shown(at(pointer))));
            }
        }
        for (pointer, wanted) in &self.matches {
            let text =
                at(pointer).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            if !text.is_some_and(|text| wanted.is_match(&text)) {
                differences.push(format!(
                    "{pointer}: wanted /{wanted}/, came {}",
                    shown(at(pointer))
                ));
            }
        }
        for pointer in &self.absent {
            if at(pointer).is_some() {
                differences.push(format!("{pointer}: wanted nothing, came {}", shown(at(pointer))));
            }
        }
        Some(differences)
    }

    fn is_of_kind(&self, arrival: &Arrival) -> bool {
        let fits = |wanted: &[String], came: Option<&str>| {
            wanted.is_empty() || came.is_some_and(|came| wanted.iter().any(|w| w == came))
        };
        let stanza = &arrival.stanza;
        match &self.pattern {
            Pattern::Signal { kind, .. } => {
                arrival.kind() == Some(*kind)
                    && self
                        .call
                        .as_deref()
                        .is_none_or(|call| arrival.call().is_some_and(|came| is_same_call(came, call)))
            }
            Pattern::Chat { body } => stanza
                .body()
                .is_some_and(|came| body.as_ref().is_none_or(|wanted| *wanted == came)),
            Pattern::Stanza {
                name,
                stanza_type,
                conditions,
            } => {
                stanza.name() == name
                    && stanza_type
                        .as_deref()
                        .is_none_or(|wanted| stanza.attr("type") == Some(wanted))
                    && fits(conditions, stanza.error_condition())
            }
            Pattern::StreamError { conditions } => {
                stanza.is("error", STREAM) && fits(conditions, stanza.error_condition())
            }
            // These are told by what came on a raw line, not by a stanza.
            Pattern::Close
            | Pattern::Upgrade { .. }
            | Pattern::Opening
            | Pattern::Bound
            | Pattern::Refusal { .. }
            | Pattern::Word
            | Pattern::Pong { .. }
            | Pattern::CloseFrame { .. }
            | Pattern::End => false,
        }
    }

    pub fn words(&self, who: &str) -> String {
        let thing = match &self.pattern {
            Pattern::Signal { kind, call } if call == "main" => kind.name().to_owned(),
            Pattern::Signal { kind, call } => format!("{} of call {call}", kind.name()),
            Pattern::Chat { body: Some(body) } => format!("chat {body:?}"),
            Pattern::Chat { body: None } => "a chat message".to_owned(),
            Pattern::Stanza {
                name,
                stanza_type,
                conditions,
            } => {
                format!(
                    "<{name}/> {} {}",
                    stanza_type.as_deref().unwrap_or(""),
                    conditions.join(" or ")
                )
            }
            Pattern::StreamError { conditions } => format!("a stream error {}", conditions.join(" or ")),
            Pattern::Close => "the end of its stream".to_owned(),
            Pattern::Upgrade { status } if status.is_empty() => "an answer to its upgrade".to_owned(),
            Pattern::Upgrade { status } => format!("status {} for its upgrade", any_of(status)),
            Pattern::Opening => "the opening of the server's stream".to_owned(),
            Pattern::Bound => "a resource".to_owned(),
            Pattern::Refusal { conditions } if conditions.is_empty() => "a refusal".to_owned(),
            Pattern::Refusal { conditions } => format!("a refusal ({})", conditions.join(" or ")),
            Pattern::Word => "a word of the server".to_owned(),
            Pattern::Pong { .. } => "a pong".to_owned(),
            Pattern::CloseFrame { codes } => format!("a close frame {}", any_of(codes)),
            Pattern::End => "the end of its connection".to_owned(),
        };
        let mut words = format!("{who} receives {}", thing.trim_end());
        for (pointer, value) in &self.equals {
            words.push_str(&format!(", {pointer} = {value}"));
        }
        for (pointer, regex) in &self.matches {
            words.push_str(&format!(", {pointer} like /{regex}/"));
        }
        for pointer in &self.absent {
            words.push_str(&format!(", no {pointer}"));
        }
        if let Some(from) = &self.from {
            words.push_str(&format!(", from {from}"));
        }
        words
    }
}

fn any_of(codes: &[u16]) -> String {
    let codes: Vec<String> = codes.iter().map(u16::to_string).collect();
    codes.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_the_same_in_capitals() {
        let id = "0f0e0d0c-0b0a-4908-8706-050403020100";
        let came = serde_json::json!({"type": "call:hangup", "callId": id.to_uppercase()});
        let arrival = Arrival {
            n: 1,
            stanza: Stanza::parse("<iq/>").expect("a stanza"),
            signal: Some(came),
            taken: false,
        };
        let wanted = |call: &str| Wanted {
            pattern: Pattern::Signal {
                kind: Kind::Hangup,
                call: "main".into(),
            },
            call: Some(call.to_owned()),
            from: None,
            equals: Vec::new(),
            matches: Vec::new(),
            absent: Vec::new(),
        };
        assert_eq!(wanted(id).compare(&arrival), Some(Vec::new()));
        assert_eq!(wanted(&id.replace('0', "1")).compare(&arrival), None);
    }

    /// ejabberd 23.01 stamps the user as the login spelled it, and binds it in small letters.
    #[test]
    fn a_sender_is_the_same_in_capitals_and_its_device_is_not() {
        let arrival = Arrival {
            n: 1,
            stanza: Stanza::parse("<iq type='set' from='BOB@LocalHost/Phone'/>").expect("a stanza"),
            signal: None,
            taken: false,
        };
        let wanted = |from: &str| Wanted {
            pattern: Pattern::Stanza {
                name: "iq".into(),
                stanza_type: None,
                conditions: Vec::new(),
            },
            call: None,
            from: Some(from.to_owned()),
            equals: Vec::new(),
            matches: Vec::new(),
            absent: Vec::new(),
        };
        let differences = |from: &str| wanted(from).compare(&arrival).map(|found| found.len());
        assert_eq!(differences("bob@localhost/Phone"), Some(0));
        assert_eq!(differences("bob@localhost/phone"), Some(1));
    }
}
