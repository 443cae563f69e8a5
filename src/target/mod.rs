//! The target: where it is, who logs in, what is known of it.

use url::Url;
use uuid::Uuid;

use crate::profile::Profile;
use crate::xmpp::{Dial, Login, Mechanism, Secret};

/// One account of the target.
#[derive(Debug, Clone)]
pub struct Account {
    /// The bare JID.
    pub jid: String,
    pub password: Secret,
    /// The user's id, as it stands in `senderId`.
    pub id: Uuid,
}

impl Account {
    /// Reads `JID:PASSWORD`; the id is derived from the JID (UUID v5).
    pub fn parse(text: &str) -> Result<Account, String> {
        let (jid, password) = text.split_once(':').ok_or("an account is JID:PASSWORD")?;
        if !jid.contains('@') || jid.contains('/') {
            return Err(format!("`{jid}` is no bare JID (user@domain)"));
        }
        let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("xmpp:{jid}").as_bytes());
        Ok(Account {
            jid: jid.to_owned(),
            password: Secret::new(password),
            id,
        })
    }
}

#[derive(Debug, Clone)]
pub struct Target {
    pub dial: Dial,
    pub accounts: Vec<Account>,
    pub profile: Profile,
}

impl Target {
    /// A target known by its URL; the domain is that of the first account.
    pub fn from_url(url: &str, accounts: Vec<Account>) -> Result<Target, String> {
        let url = Url::parse(url).map_err(|error| format!("`{url}` is no URL: {error}"))?;
        if !matches!(url.scheme(), "ws" | "wss") {
            return Err(format!(
                "`{}` targets are not supported; use ws:// or wss://",
                url.scheme()
            ));
        }
        let domain = accounts.first().and_then(|account| account.jid.split_once('@'));
        let domain = domain
            .map(|(_, domain)| domain.to_owned())
            .ok_or("a target needs accounts: --account JID:PASSWORD")?;
        let deadline = std::time::Duration::from_secs(10);
        let dial = Dial {
            url,
            domain,
            ca: None,
            cookie: None,
            sasl: Mechanism::DEFAULT.to_vec(),
            deadline,
        };
        Ok(Target {
            dial,
            accounts,
            profile: Profile::default(),
        })
    }

    /// How `account` logs in under `resource`.
    pub fn login(&self, account: &Account, resource: &str) -> (Dial, Login) {
        let login = Login {
            jid: account.jid.clone(),
            password: Some(account.password.clone()),
            resource: Some(resource.to_owned()),
        };
        (self.dial.clone(), login)
    }
}
