//! The target: where it is, who logs in, what is known of it.

mod file;
mod forge;
mod token;
mod waivers;

use std::time::Duration;

use url::Url;
use uuid::Uuid;

pub use file::{keys, load, load_profile, schema};
pub use forge::Flaw;
pub use token::{Algorithm, Jwt, Token};
pub use waivers::{Entry, load_waivers};

use crate::profile::Profile;
use crate::xmpp::{ConnectError, Dial, Login, Mechanism, Secret, Trust};

/// One account of the target.
#[derive(Debug, Clone)]
pub struct Account {
    /// The bare JID.
    pub jid: String,
    /// `None`: the minted token stands for it.
    pub password: Option<Secret>,
    /// The user's id, as it stands in `senderId`.
    pub id: Uuid,
    /// A token of its own for the cookie.
    pub token: Option<Secret>,
    /// Made in band for this run, and removed after it.
    pub made: bool,
}

impl Account {
    pub fn new(jid: &str, password: Option<Secret>) -> Account {
        Account {
            jid: jid.to_owned(),
            password,
            id: derived_id(jid),
            token: None,
            made: false,
        }
    }

    /// Reads `JID:PASSWORD`. The message never holds the password.
    pub fn parse(text: &str) -> Result<Account, String> {
        let (jid, password) = text
            .split_once(':')
            .ok_or("an account is given as JID:PASSWORD")?;
        check_jid(jid)?;
        Ok(Account::new(jid, Some(Secret::new(password))))
    }
}

/// The id of a user whose id nobody gives: a UUID v5 of `xmpp:` and the bare JID in the URL namespace
/// (RFC 9562 §5.5).
pub fn derived_id(jid: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("xmpp:{jid}").as_bytes())
}

fn check_jid(jid: &str) -> Result<(), String> {
    match jid.split_once('@') {
        Some((user, domain)) if !user.is_empty() && !domain.is_empty() && !domain.contains(['/', '@']) => {
            Ok(())
        }
        _ => Err(format!("`{jid}` is no bare JID (user@domain)")),
    }
}

/// The cookie of the upgrade request.
#[derive(Debug, Clone)]
pub struct Cookie {
    pub name: String,
    pub token: Option<Token>,
}

#[derive(Debug, Clone)]
pub struct Target {
    pub dial: Dial,
    pub accounts: Vec<Account>,
    pub profile: Profile,
    /// Somebody has said what it is; otherwise `profile` is no more than a guess.
    pub profile_said: bool,
    pub cookie: Option<Cookie>,
    /// Accounts that are missing are made in band (XEP-0077), and removed afterwards.
    pub register: bool,
}

impl Target {
    /// A target known by its URL alone; without `domain` it is the host's name.
    pub fn from_url(url: &str, domain: Option<&str>) -> Result<Target, String> {
        let parsed = Url::parse(url).map_err(|error| format!("`{url}` is no URL: {error}"))?;
        if !matches!(parsed.scheme(), "ws" | "wss" | "xmpp" | "xmpps") {
            return Err(format!(
                "a target's URL begins with ws://, wss://, xmpp:// (STARTTLS) or xmpps:// (direct TLS), not {}:",
                parsed.scheme()
            ));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err("a target's URL holds no user and no password: use --account".into());
        }
        let host = parsed.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| format!("`{url}` names no host"))?;
        // An XMPP domain is written in its own letters, whatever a URL makes of them (RFC 7622 §3.2).
        let (host, _) = idna::domain_to_unicode(&crate::xmpp::ascii(host));
        Ok(Target {
            dial: Dial {
                url: parsed,
                domain: domain.map_or(host, str::to_owned),
                trust: Trust::System,
                plaintext: false,
                cookie: None,
                sasl: Mechanism::DEFAULT.to_vec(),
                deadline: Duration::from_secs(10),
            },
            accounts: Vec::new(),
            profile: Profile::default(),
            profile_said: false,
            cookie: None,
            register: false,
        })
    }

    /// Whether the server gives every session an account of its own (RFC 4505).
    pub fn is_anonymous(&self) -> bool {
        self.dial.sasl == [Mechanism::Anonymous]
    }

    /// How `account` logs in under `resource`.
    pub fn login(&self, account: &Account, resource: &str) -> Result<(Dial, Login), String> {
        let mut dial = self.dial.clone();
        let minted = match &self.cookie {
            Some(cookie) => match (&account.token, &cookie.token) {
                (Some(own), _) => Some(own.clone()),
                (None, Some(token)) => Some(token.for_account(account)?),
                (None, None) => None,
            },
            None => account.token.clone(),
        };
        if let (Some(cookie), Some(token)) = (&self.cookie, &minted) {
            dial.cookie = Some((cookie.name.clone(), token.clone()));
        }
        let login = Login {
            jid: account.jid.clone(),
            password: account.password.clone().or(minted),
            resource: Some(resource.to_owned()),
        };
        Ok((dial, login))
    }

    /// Makes accounts until there are `wanted`, if the target's file allows it. Returns those made: whoever
    /// asked has to give them to [`Target::unregister`].
    pub async fn register(&mut self, wanted: usize) -> Result<Vec<Account>, ConnectError> {
        let mut made = Vec::new();
        while self.register && self.accounts.len() < wanted {
            let name = Uuid::new_v4().simple().to_string();
            let jid = format!(
                "callspec-{}@{}",
                name.get(..12).unwrap_or(&name),
                self.dial.domain
            );
            let account = Account {
                made: true,
                ..Account::new(&jid, Some(Secret::new(Uuid::new_v4().to_string())))
            };
            let login = Login {
                jid,
                password: account.password.clone(),
                resource: None,
            };
            crate::xmpp::register(&self.dial, &login).await?;
            made.push(account.clone());
            self.accounts.push(account);
        }
        Ok(made)
    }

    /// Removes accounts that [`Target::register`] made; what cannot be removed is left to the server.
    pub async fn unregister(&self, made: &[Account]) {
        for account in made {
            if let Ok((dial, login)) = self.login(account, "callspec-remove") {
                let _ = crate::xmpp::unregister(&dial, &login).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_cannot_be_targets_are_told_apart() {
        for (url, part) in [
            ("localhost:5222", "begins with"),
            ("http://localhost/", "begins with"),
            ("ws://", "no URL"),
            ("xmpp:///", "names no host"),
            ("wss://alice:secret@localhost/", "holds no user"),
        ] {
            let error = Target::from_url(url, None).expect_err(url);
            assert!(error.contains(part), "{url}: {error}");
            assert!(!error.contains("secret"));
        }
    }

    #[test]
    fn a_domain_is_written_in_its_own_letters() {
        for url in [
            "ws://bücher.example/ws",
            "xmpp://bücher.example",
            "wss://xn--bcher-kva.example/",
        ] {
            let target = Target::from_url(url, None).expect(url);
            assert_eq!(target.dial.domain, "bücher.example", "{url}");
        }
        for (url, domain) in [
            ("ws://[::1]:80/", "[::1]"),
            ("xmpp://127.0.0.1", "127.0.0.1"),
            ("xmpps://a_b.example", "a_b.example"),
        ] {
            assert_eq!(Target::from_url(url, None).expect(url).dial.domain, domain);
        }
    }

    #[test]
    fn an_account_is_a_bare_jid_and_a_password_that_nobody_prints() {
        let account = Account::parse("alice@localhost:pa:ss").expect("an account");
        assert_eq!(account.password, Some(Secret::new("pa:ss")));
        assert!(!format!("{account:?}").contains("pa:ss"));
        for text in ["alice", "alice:secret", "alice@x/y:secret", "@x:secret"] {
            let error = Account::parse(text).expect_err(text);
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
