//! Where a case's bots get their sessions: the embedded endpoint or a real target.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

use super::canary::Canary;
use super::hidden::Hidden;
use crate::bot::{Account, Dialer};
use crate::endpoint::Endpoint;
use crate::target::{self, Target};
use crate::xmpp::{self, Dial, Login, Session};

/// The embedded endpoint, over a pipe, in virtual time.
pub struct ToEmbedded {
    pub endpoint: Endpoint,
    pub dial: Dial,
    pub accounts: BTreeMap<String, Account>,
}

impl Dialer for ToEmbedded {
    fn dial<'a>(
        &'a self,
        user: &'a str,
        resource: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Session, String>> + Send + 'a>> {
        Box::pin(async move {
            let account = self
                .accounts
                .get(user)
                .ok_or_else(|| format!("no account for {user}"))?;
            let login = Login {
                jid: account.jid.clone(),
                password: Some(xmpp::Secret::new("embedded")),
                resource: Some(resource.to_owned()),
            };
            let pipe = Box::new(self.endpoint.dial());
            xmpp::connect_over(pipe, &self.dial, &login)
                .await
                .map_err(|error| error.to_string())
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
) -> Result<Session, String> {
    let (dial, login) = target.login(account, resource)?;
    let tokens = dial.cookie.iter().map(|(_, token)| token);
    tokens
        .chain(&login.password)
        .for_each(|secret| hidden.learn(secret));
    let session = xmpp::connect(&dial, &login).await;
    session.map_err(|error| hidden.hide(&error.to_string()).into_owned())
}

/// Ends a session lawfully. Whether the server also says goodbye is not the question here.
pub async fn leave(mut session: Session) {
    let _ = session.writer.close().await;
    let parting = async { while !session.reader.next().await.is_end() {} };
    let _ = tokio::time::timeout(Duration::from_secs(1), parting).await;
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
    ) -> Pin<Box<dyn Future<Output = Result<Session, String>> + Send + 'a>> {
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
                None => return Err(format!("the target has no account for {user}")),
            };
            log_in(&self.target, &account, resource, &self.hidden).await
        })
    }

    fn is_virtual(&self) -> bool {
        false
    }

    fn waits_since(&self, since: Instant) -> Vec<(Instant, Instant)> {
        self.canary.waits_since(since)
    }
}
