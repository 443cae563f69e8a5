//! Where the users of a place get their sessions, and under which addresses: for cases, and for whoever plays none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use url::Url;
use uuid::Uuid;

use super::dial::{PASSWORD, ToEmbedded, ToTarget};
use super::hidden::Hidden;
use super::lease::Turn;
use super::options::{Place, Rig};
use crate::bot::{Account, Dialer};
use crate::endpoint::{self, Endpoint};
use crate::target::{Algorithm, Jwt, derived_id};
use crate::xmpp::{Dial, Mechanism, Secret, Trust};

/// Some users of a place, ready to log in.
pub struct Ground {
    pub dialer: Arc<dyn Dialer>,
    /// By user: the bare JID and the user's id.
    pub accounts: BTreeMap<String, Account>,
    /// Learns every secret before it is used.
    pub hidden: Hidden,
    /// The wall time of its beginning.
    pub started: OffsetDateTime,
}

impl Ground {
    /// `tcp`: raw lines to an embedded endpoint are TCP.
    ///
    /// # Errors
    /// One sentence; nobody can log in.
    pub(super) fn of(place: &Place, users: &[String], tcp: bool, turn: &Turn) -> Result<Ground, String> {
        let hidden = Hidden::default();
        // Transcripts of virtual time are the same each time they are made, their wall time too.
        let started = match place {
            Place::Embedded(_) | Place::Rigged(_) => time::macros::datetime!(2026-01-01 00:00 UTC),
            Place::Target(_) => OffsetDateTime::now_utc(),
        };
        let (dialer, accounts): (Arc<dyn Dialer>, _) = match place {
            Place::Embedded(profile) => {
                let rig = Rig {
                    profile: profile.clone(),
                    ..Rig::default()
                };
                embedded(&rig, users, tcp, started, &hidden)?
            }
            Place::Rigged(rig) => embedded(rig, users, tcp, started, &hidden)?,
            Place::Target(target) => {
                let of = |user: &String| {
                    if target.is_anonymous() {
                        let jid = format!("{user}@{}", target.dial.domain);
                        return Some((user.clone(), account(&jid, None)));
                    }
                    let given = target.accounts.get(*turn.accounts.get(user)?)?;
                    Some((user.clone(), account(&given.jid, Some(given.id))))
                };
                let accounts = users.iter().filter_map(of).collect();
                let dialer = ToTarget {
                    target: (**target).clone(),
                    users: turn.accounts.clone(),
                    hidden: hidden.clone(),
                    canary: turn.canary.clone(),
                };
                (Arc::new(dialer), accounts)
            }
        };
        Ok(Ground {
            dialer,
            accounts,
            hidden,
            started,
        })
    }

    /// For whoever plays no case.
    ///
    /// # Errors
    /// One sentence; nobody can log in.
    pub fn new(place: &Place, users: &[String]) -> Result<Ground, String> {
        Ground::of(place, users, false, &Turn::alone(place, users))
    }
}

type Users = (Arc<dyn Dialer>, BTreeMap<String, Account>);

fn embedded(
    rig: &Rig,
    users: &[String],
    tcp: bool,
    started: OffsetDateTime,
    hidden: &Hidden,
) -> Result<Users, String> {
    let named = |user: &String| (user.clone(), account(&format!("{user}@localhost"), None));
    let accounts: BTreeMap<String, Account> = users.iter().map(named).collect();
    let passwords = users.iter().map(|user| (user.clone(), PASSWORD.to_owned()));
    // Where lines are TCP there is no cookie to show.
    let tcp = rig.tcp || tcp;
    let jwt = (!tcp).then(embedded_tokens).flatten();
    let config = endpoint::Config {
        profile: rig.profile.clone(),
        accounts: endpoint::Accounts::Only(passwords.collect()),
        gate: jwt
            .as_ref()
            .and_then(|jwt| endpoint::Gate::new("auth_token", &jwt.key, jwt.algorithm).ok()),
        epoch: Some(started),
        faults: rig.faults.clone(),
        seed: rig.fault_seed,
        ..Default::default()
    };
    let url = if rig.tcp {
        "xmpp://localhost"
    } else {
        "ws://localhost/xmpp-websocket"
    };
    let url = Url::parse(url).map_err(|error| error.to_string())?;
    let dialer = ToEmbedded {
        endpoint: Endpoint::new(config),
        dial: embedded_dial(&url),
        accounts: accounts.clone(),
        jwt,
        tcp,
        hidden: hidden.clone(),
    };
    Ok((Arc::new(dialer), accounts))
}

/// How bots reach the embedded endpoint: in memory there is nothing that SCRAM could protect.
fn embedded_dial(url: &Url) -> Dial {
    Dial {
        url: url.clone(),
        domain: "localhost".into(),
        trust: Trust::System,
        plaintext: false,
        cookie: None,
        sasl: vec![Mechanism::Plain],
        deadline: Duration::from_secs(10),
    }
}

/// The tokens of the embedded endpoint. Their key is no secret: nothing but this process ever reads them.
fn embedded_tokens() -> Option<Jwt> {
    Some(Jwt {
        key: Secret::new("in memory"),
        algorithm: Algorithm::parse("HS256")?,
        claims: serde_json::Map::from_iter([("sub".to_owned(), "{user}".into())]),
        ttl: Duration::from_secs(86_400),
    })
}

fn account(jid: &str, id: Option<Uuid>) -> Account {
    Account {
        jid: jid.to_owned(),
        id: id.unwrap_or_else(|| derived_id(jid)).to_string(),
    }
}
