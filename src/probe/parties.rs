//! Who looks: up to three users of the target, their sessions, and what they say.

use serde_json::{Map, Value};
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;
use uuid::Uuid;

use super::peer::Peer;
use crate::bot::{Ids, NoSession, call_iq, signal};
use crate::protocol::{Kind, Role};
use crate::run::{Ground, Hidden, Place};
use crate::scenario::Credential;
use crate::stanza::bare;
use crate::xmpp::line;

/// The users' names; a target's accounts of the same names take their parts, or whichever there are.
const NAMES: [&str; super::USERS] = ["alice", "bob", "mallory"];

pub struct Parties {
    ground: Ground,
    users: Vec<&'static str>,
    began: Instant,
}

impl Parties {
    pub fn new(place: &Place) -> Result<Parties, String> {
        let count = match place {
            Place::Target(target) if !target.is_anonymous() => target.accounts.len(),
            _ => NAMES.len(),
        };
        let users: Vec<&str> = NAMES.into_iter().take(count).collect();
        if users.is_empty() {
            return Err("nobody can log in: the target has no account".into());
        }
        let names: Vec<String> = users.iter().map(|user| (*user).to_owned()).collect();
        Ok(Parties {
            ground: Ground::new(place, &names)?,
            users,
            began: Instant::now(),
        })
    }

    pub fn caller(&self) -> &'static str {
        NAMES[0]
    }

    /// The second user, or the first one's other device.
    pub fn callee(&self) -> &'static str {
        self.users.get(1).copied().unwrap_or(NAMES[0])
    }

    pub fn third(&self) -> Option<&'static str> {
        self.users.get(2).copied()
    }

    pub fn are_two(&self) -> bool {
        self.users.len() > 1
    }

    pub fn jids(&self) -> Vec<String> {
        let of = |user: &&str| self.ground.accounts.get(*user).map(|account| account.jid.clone());
        self.users.iter().filter_map(of).collect()
    }

    pub fn hidden(&self) -> &Hidden {
        &self.ground.hidden
    }

    pub fn is_virtual(&self) -> bool {
        self.ground.dialer.is_virtual()
    }

    /// A session of its own, under a resource that no other client has.
    pub async fn log_in(&self, user: &str) -> Result<Peer, String> {
        self.log_in_as(user, &fresh_resource()).await
    }

    pub async fn log_in_as(&self, user: &str, resource: &str) -> Result<Peer, String> {
        self.binds(user, resource).await.map_err(|none| none.why)
    }

    /// The same, and more of why there is no session.
    pub async fn binds(&self, user: &str, resource: &str) -> Result<Peer, NoSession> {
        self.ground.dialer.dial(user, resource).await.map(Peer::new)
    }

    /// Where a raw line of the first user goes.
    pub fn line(&self, credential: Credential) -> Result<line::Setup, String> {
        self.ground
            .dialer
            .line(self.caller(), &fresh_resource(), credential, None)
    }

    fn id(&self, user: &str) -> String {
        let account = self.ground.accounts.get(user);
        account.map(|account| account.id.clone()).unwrap_or_default()
    }

    /// A sound signal from one user to another.
    pub fn signal(&self, kind: Kind, call: &str, from: &str, to: &str) -> Map<String, Value> {
        let at = self.ground.started + self.began.elapsed();
        let timestamp = at.replace_nanosecond(at.millisecond() as u32 * 1_000_000);
        let ids = Ids {
            call,
            sender: &self.id(from),
            recipient: &self.id(to),
            timestamp: &timestamp.unwrap_or(at).format(&Rfc3339).unwrap_or_default(),
            name: "callspec probe",
            role: Role::Caller,
        };
        signal(kind, &ids, 0)
    }

    /// The stanza for a signal.
    pub fn signal_iq(&self, to: &str, id: &str, members: Map<String, Value>) -> String {
        call_iq(to, id, &Value::Object(members).to_string())
    }
}

pub fn fresh() -> String {
    Uuid::new_v4().to_string()
}

pub fn fresh_resource() -> String {
    let id = Uuid::new_v4().simple().to_string();
    format!("callspec-{}", id.get(..8).unwrap_or(&id))
}

/// The address of another device of the same user.
pub fn nobody_at(jid: &str) -> String {
    format!("{}/{}", bare(jid), fresh_resource())
}
