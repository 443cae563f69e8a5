//! Who is connected, and where a stanza goes: what all sessions of one endpoint share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::DuplexStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::profile::Profile;
use crate::stanza::{CLIENT, STANZA_ERRORS, Stanza, escape};

/// Who may log in.
#[derive(Debug, Clone, Default)]
pub enum Accounts {
    /// Any user, with any password.
    #[default]
    Any,
    /// These users, with these passwords.
    Only(Vec<(String, String)>),
}

#[derive(Debug, Clone)]
pub struct Config {
    pub profile: Profile,
    pub domain: String,
    pub accounts: Accounts,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            profile: Profile::default(),
            domain: "localhost".into(),
            accounts: Accounts::Any,
        }
    }
}

/// What a session is told by others.
#[derive(Debug)]
pub enum Word {
    Deliver(String),
    /// Another session took this resource (RFC 6120 §7.7.2.2).
    Conflict,
}

#[derive(Debug)]
struct Seat {
    serial: u64,
    words: UnboundedSender<Word>,
    /// IQs delivered here and not answered yet: the error that goes back if the session vanishes, by (from, id).
    owed: BTreeMap<(String, String), String>,
}

#[derive(Debug, Default)]
struct Registry {
    serial: u64,
    seats: BTreeMap<String, Seat>,
}

/// The endpoint. Clones are the same endpoint.
#[derive(Debug, Clone)]
pub struct Endpoint {
    config: Arc<Config>,
    registry: Arc<Mutex<Registry>>,
}

impl Endpoint {
    pub fn new(config: Config) -> Endpoint {
        Endpoint {
            config: Arc::new(config),
            registry: Arc::default(),
        }
    }

    /// The client's end of a new connection; the session runs on the current runtime.
    pub fn dial(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(1 << 20);
        tokio::spawn(super::session::run(self.clone(), server));
        client
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        // Nothing panics while it holds the lock; and if, the map is still a map.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that no other stream of this endpoint has had.
    pub(super) fn serial(&self) -> u64 {
        let mut registry = self.registry();
        registry.serial += 1;
        registry.serial
    }

    pub(super) fn sit_down(&self, jid: &str, serial: u64) -> UnboundedReceiver<Word> {
        let (words, heard) = unbounded_channel();
        let seat = Seat {
            serial,
            words,
            owed: BTreeMap::new(),
        };
        if let Some(old) = self.registry().seats.insert(jid.to_owned(), seat) {
            let _ = old.words.send(Word::Conflict);
        }
        heard
    }

    pub(super) fn stand_up(&self, jid: &str, serial: u64) {
        let mut registry = self.registry();
        if registry.seats.get(jid).is_some_and(|seat| seat.serial == serial)
            && let Some(seat) = registry.seats.remove(jid)
        {
            for ((from, _), bounce) in seat.owed {
                if let Some(asker) = registry.seats.get(&from) {
                    let _ = asker.words.send(Word::Deliver(bounce));
                }
            }
        }
    }

    /// Carries a stanza of `from` (a full JID) to where it belongs; what comes back at once is the return value.
    pub(super) fn route(&self, from: &str, stanza: &Stanza) -> Option<String> {
        let to = stanza.to().unwrap_or_default().to_owned();
        let name = stanza.element().name().to_owned();
        let kind = stanza.attr("type").unwrap_or_default();
        let asks = name == "iq" && matches!(kind, "get" | "set");
        let id = stanza.id().unwrap_or_default().to_owned();
        let mut registry = self.registry();
        if name == "iq"
            && !asks
            && let Some(seat) = registry.seats.get_mut(from)
        {
            seat.owed.remove(&(to.clone(), id.clone()));
        }
        let bounce = (asks || (name == "message" && kind != "error"))
            .then(|| error(stanza, from, "cancel", "service-unavailable"));
        let Some(seat) = registry.seats.get_mut(&to) else {
            return bounce;
        };
        if asks && let Some(bounce) = bounce {
            seat.owed.insert((from.to_owned(), id), bounce);
        }
        let mut element = stanza.element().clone();
        element.set_attr(rxml::Namespace::NONE, from_name(), from);
        let mut out = Vec::new();
        match element.write_to(&mut out) {
            Ok(()) => {
                let text = String::from_utf8_lossy(&out).into_owned();
                let _ = seat.words.send(Word::Deliver(text));
                None
            }
            Err(_) => Some(error(stanza, from, "modify", "bad-request")),
        }
    }
}

fn from_name() -> rxml::NcName {
    rxml::xml_ncname!("from").to_owned()
}

/// The error answer to a stanza, from whom it was meant for (RFC 6120 §8.3.1).
pub fn error(stanza: &Stanza, to: &str, kind: &str, condition: &str) -> String {
    let attribute = |name: &str, value: Option<&str>| {
        value
            .map(|value| format!(r#" {name}="{}""#, escape(value)))
            .unwrap_or_default()
    };
    format!(
        r#"<{name} xmlns="{CLIENT}" type="error"{}{}{}><error type="{kind}"><{condition} xmlns="{STANZA_ERRORS}"/></error></{name}>"#,
        attribute("id", stanza.id()),
        attribute("from", stanza.to()),
        attribute("to", Some(to)),
        name = stanza.element().name(),
    )
}
