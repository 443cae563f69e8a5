//! Where a case's bots get their sessions: the embedded endpoint or a real target.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

use super::canary::Canary;
use time::OffsetDateTime;
use url::Url;

use super::hidden::Hidden;
use crate::bot::{Account, Dialer, NoSession};
use crate::endpoint::Endpoint;
use crate::scenario::Credential;
use crate::target::{self, Flaw, Jwt, Target};
use crate::xmpp::{self, ConnectError, Dial, Login, Secret, Session, line};

/// The embedded endpoint, over a pipe, in virtual time.
pub struct ToEmbedded {
    pub endpoint: Endpoint,
    pub dial: Dial,
    pub accounts: BTreeMap<String, Account>,
    /// What its gate wants to see; `None`: it has none.
    pub jwt: Option<Jwt>,
    /// Raw lines are TCP, not WebSocket.
    pub tcp: bool,
    /// Learns every token before it is used.
    pub hidden: Hidden,
}

/// The password of every user of the embedded endpoint.
pub const PASSWORD: &str = "of all users in memory";

impl ToEmbedded {
    fn account(&self, user: &str) -> Result<target::Account, String> {
        let account = self
            .accounts
            .get(user)
            .ok_or_else(|| format!("no account for {user}"))?;
        Ok(target::Account::new(&account.jid, Some(Secret::new(PASSWORD))))
    }

    /// How a user comes in who shows this token and says this password.
    fn way_in(
        &self,
        user: &str,
        resource: &str,
        credential: Credential,
        password: Option<&str>,
    ) -> Result<(Dial, Login), String> {
        let account = self.account(user)?;
        let other = self.accounts.keys().find(|other| *other != user);
        let other = other.map(|other| self.account(other)).transpose()?;
        let mut dial = self.dial.clone();
        if let Some(jwt) = &self.jwt {
            let token = token(jwt, credential, &account, other.as_ref(), self.endpoint.wall())?;
            token.iter().for_each(|token| self.hidden.learn(token, "token"));
            dial.cookie = token.map(|token| ("auth_token".into(), token));
        }
        let login = Login {
            jid: account.jid,
            password: password.map(Secret::new).or(account.password),
            resource: Some(resource.to_owned()),
        };
        Ok((dial, login))
    }
}

/// The token that is to be shown; `None`: none at all.
fn token(
    jwt: &Jwt,
    credential: Credential,
    account: &target::Account,
    other: Option<&target::Account>,
    now: OffsetDateTime,
) -> Result<Option<Secret>, String> {
    let flaw = match credential {
        Credential::None => return Ok(None),
        Credential::Garbage => return Ok(Some(Secret::new("no.token.at-all"))),
        Credential::Sound => return jwt.mint(account, now).map(Some),
        Credential::OtherUser => {
            let other = other.ok_or("there is no other user whose token could be shown")?;
            return jwt.mint(other, now).map(Some);
        }
        Credential::Expired => Flaw::Expired,
        Credential::NotYet => Flaw::NotYet,
        Credential::WrongKey => Flaw::WrongKey,
        Credential::Unsigned => Flaw::Unsigned,
        Credential::OtherAlgorithm => Flaw::OtherAlgorithm,
        Credential::Tampered => Flaw::Tampered,
        Credential::Short => Flaw::Short,
    };
    jwt.forge(account, flaw, now).map(Some)
}

impl Dialer for ToEmbedded {
    fn dial<'a>(
        &'a self,
        user: &'a str,
        resource: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Session, NoSession>> + Send + 'a>> {
        Box::pin(async move {
            let (dial, login) = self.way_in(user, resource, Credential::Sound, None)?;
            let pipe = Box::new(self.endpoint.dial());
            let session = xmpp::connect_over(pipe, &dial, &login).await;
            session.map_err(|error| no_session(error, &self.hidden))
        })
    }

    fn line(
        &self,
        user: &str,
        resource: &str,
        credential: Credential,
        password: Option<&str>,
    ) -> Result<line::Setup, String> {
        let (mut dial, login) = self.way_in(user, resource, credential, password)?;
        if self.tcp {
            dial.url = Url::parse("xmpp://localhost").map_err(|error| error.to_string())?;
        }
        let io: Box<dyn xmpp::Io> = Box::new(self.endpoint.dial());
        Ok(line::Setup {
            io: Some(io),
            dial,
            login,
        })
    }

    fn is_virtual(&self) -> bool {
        true
    }
}

/// Logs in. The error is one sentence that holds no secret, whatever the server sent.
pub async fn log_in(
    target: &Target,
    account: &target::Account,
    resource: &str,
    hidden: &Hidden,
) -> Result<Session, NoSession> {
    let (dial, login) = target.login(account, resource)?;
    if let Some((_, token)) = &dial.cookie {
        hidden.learn(token, "token");
    }
    if let Some(secret) = &login.password {
        hidden.learn(secret, secret_kind(account));
    }
    let session = xmpp::connect(&dial, &login).await;
    session.map_err(|error| {
        let refused = matches!(error, ConnectError::Refused { .. });
        let none = no_session(error, hidden);
        let unmade = refused && target.register && !account.made;
        NoSession {
            hint: if unmade { NOT_MADE } else { none.hint },
            ..none
        }
    })
}

/// Whoever lists accounts beside `register` may expect that they are made.
const NOT_MADE: &str = "; `register: in-band` makes further accounts where more are needed, and none of those that the target file lists";

fn no_session(mut error: ConnectError, hidden: &Hidden) -> NoSession {
    if let Some(words) = error.words_mut() {
        *words = hidden.hide(words).into_owned();
    }
    NoSession {
        why: hidden.hide(&error.to_string()).into_owned(),
        rule: error.rule(),
        hint: error.hint(),
        unbound: error.is_unbound(),
    }
}

/// Ends a session lawfully. Whether the server does its part is not the question here.
pub async fn leave(session: Session) {
    let Session {
        mut reader,
        mut writer,
        ..
    } = session;
    let parting = async {
        let _ = writer.close_stream().await;
        while !reader.next().await.is_end() {}
        xmpp::part(reader, writer).await;
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), parting).await;
}

/// What stands for the password of this account.
fn secret_kind(account: &target::Account) -> &'static str {
    if account.password.is_some() {
        "password"
    } else {
        "token"
    }
}

/// A real server.
pub struct ToTarget {
    pub target: Target,
    /// The target's account for each user of the scenario.
    pub users: BTreeMap<String, usize>,
    /// Learns every password and token before it is used.
    pub hidden: Hidden,
    /// Knows when the target kept everybody waiting.
    pub canary: Canary,
}

impl Dialer for ToTarget {
    fn dial<'a>(
        &'a self,
        user: &'a str,
        resource: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Session, NoSession>> + Send + 'a>> {
        Box::pin(async move {
            let given = self
                .users
                .get(user)
                .and_then(|index| self.target.accounts.get(*index));
            let account = match given {
                Some(account) => account.clone(),
                // The server gives the name.
                None if self.target.is_anonymous() => {
                    target::Account::new(&format!("{user}@{}", self.target.dial.domain), None)
                }
                None => return Err(format!("the target has no account for {user}").into()),
            };
            log_in(&self.target, &account, resource, &self.hidden).await
        })
    }

    fn line(
        &self,
        user: &str,
        resource: &str,
        credential: Credential,
        password: Option<&str>,
    ) -> Result<line::Setup, String> {
        let account = |user: &str| {
            let index = self.users.get(user)?;
            self.target.accounts.get(*index)
        };
        let none = || format!("the target has no account for {user}");
        let own = account(user).ok_or_else(none)?;
        let other = self.users.keys().find(|other| *other != user);
        let other = other.and_then(|other| account(other));
        let (mut dial, mut login) = self.target.login(own, resource)?;
        if credential != Credential::Sound {
            let minted = self
                .target
                .cookie
                .as_ref()
                .and_then(|cookie| cookie.token.as_ref());
            let shown = match (minted, credential) {
                (_, Credential::None) => None,
                (_, Credential::Garbage) => Some(Secret::new("no.token.at-all")),
                (Some(target::Token::Minted(jwt)), _) => {
                    token(jwt, credential, own, other, OffsetDateTime::now_utc())?
                }
                (_, Credential::OtherUser) => {
                    let other = other.ok_or("there is no other user whose token could be shown")?;
                    self.target.login(other, resource)?.1.password
                }
                _ => return Err("there is no key to mint such a token".into()),
            };
            if own.password.is_none() || minted.is_none() {
                login.password.clone_from(&shown);
            }
            let name = self.target.cookie.as_ref().map(|cookie| cookie.name.clone());
            dial.cookie = name.zip(shown);
        }
        if let Some(password) = password {
            login.password = Some(Secret::new(password));
        }
        if let Some((_, token)) = &dial.cookie {
            self.hidden.learn(token, "token");
        }
        if let (Some(secret), None) = (&login.password, password) {
            self.hidden.learn(secret, secret_kind(own));
        }
        Ok(line::Setup {
            io: None,
            dial,
            login,
        })
    }

    fn is_virtual(&self) -> bool {
        false
    }

    fn waits_since(&self, since: Instant) -> Vec<(Instant, Instant)> {
        self.canary.waits_since(since)
    }
}
