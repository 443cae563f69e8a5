//! How many sessions of one user the server takes at once: more and more are opened until one is refused, or another
//! one ends for it.

use std::cell::RefCell;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::found::{Found, Topic};
use super::parties::Parties;
use super::peer::Peer;
use crate::stanza::bare;

/// What a run against a target makes use of: as many jobs as it has by default, and some second devices.
const MOST: usize = 40;
/// Logins at once.
const BATCH: usize = 8;
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a server may take to notice that a session has left.
const ROOM: Duration = Duration::from_secs(1);

/// `caller`: a session of the first user that is there anyhow.
pub async fn look(parties: &Parties, caller: &Peer, found: &RefCell<Found>) {
    let user = parties.third().unwrap_or(parties.callee());
    let mut crowd = Crowd {
        parties,
        user,
        beside: (user == parties.caller()).then_some(caller),
        sessions: Vec::new(),
    };
    let seen = crowd.measure().await;
    join_all(crowd.sessions.drain(..).map(Peer::leave)).await;
    let mut found = found.borrow_mut();
    match seen {
        Ok(Seen::All) => found.set(
            Topic::Sessions,
            format!("{MOST} or more"),
            format!("{MOST} sessions of one user were answered side by side"),
        ),
        Ok(Seen::Limit(most, why)) => {
            found.known.sessions_per_user = u64::try_from(most).ok();
            found.set(
                Topic::Sessions,
                format!("{most} at once"),
                format!("{most} of one user were answered side by side; one more: {why}"),
            );
        }
        Err(why) => found.unknown(Topic::Sessions, why),
    }
}

enum Seen {
    All,
    /// So many, and what became of one more.
    Limit(usize, String),
}

/// Sessions of one user.
struct Crowd<'a> {
    parties: &'a Parties,
    user: &'static str,
    /// Another one of the same user.
    beside: Option<&'a Peer>,
    sessions: Vec<Peer>,
}

impl Crowd<'_> {
    /// # Errors
    /// Why it is not known.
    async fn measure(&mut self) -> Result<Seen, String> {
        let why = loop {
            if self.len() >= MOST {
                return Ok(Seen::All);
            }
            let batch = self.len().clamp(1, BATCH).min(MOST - self.len());
            if let Some(why) = self.admit(batch).await? {
                break why;
            }
        };
        let most = self.len();
        if most == 0 {
            return Err(why);
        }
        // Whoever was only short of breath takes the next one, and whoever counts all sessions together takes nobody's.
        if self.admit(1).await?.is_none() || self.len() != most {
            return Err(format!("one of {} logins at once: {why}", most + 1));
        }
        if self.parties.are_two() {
            let others = [self.parties.caller(), self.parties.callee()];
            let other = others.into_iter().find(|other| *other != self.user);
            match self.parties.log_in(other.unwrap_or(self.parties.caller())).await {
                Ok(other) => other.leave().await,
                Err(other) => {
                    return Err(format!(
                        "beside {most} sessions of one user one of another: {other}"
                    ));
                }
            }
            self.settle().await?;
        }
        if let Some(one) = self.sessions.pop() {
            one.leave().await;
        }
        let until = Instant::now() + ROOM;
        while self.admit(1).await?.is_some() && self.len() < most {
            if Instant::now() > until {
                return Err(format!(
                    "after {most} sessions, and one that left, one more: {why}"
                ));
            }
            tokio::time::sleep(ROOM / 4).await;
        }
        match self.len() == most {
            true => Ok(Seen::Limit(most, why)),
            false => Err(format!("{most} sessions, and then {}: {why}", self.len())),
        }
    }

    fn len(&self) -> usize {
        let beside = self.beside.is_some_and(|beside| beside.end().is_none());
        self.sessions.len() + usize::from(beside)
    }

    /// Opens so many more; what became of one of them, or of another for it.
    async fn admit(&mut self, more: usize) -> Result<Option<String>, String> {
        let logins = (0..more).map(|_| self.parties.log_in(self.user));
        let mut refused = None;
        for login in join_all(logins).await {
            match login {
                Ok(session) => self.sessions.push(session),
                Err(why) => refused = Some(why),
            }
        }
        let mut jids = self.sessions.iter().map(|session| bare(&session.jid));
        let first = jids.next();
        if jids.any(|jid| Some(jid) != first) {
            return Err("every login makes a new user here".to_owned());
        }
        let ended = self.settle().await?;
        Ok(refused.or(ended))
    }

    /// Asks for each session whether it is there still, and leaves out those that are not; how one of them ended.
    async fn settle(&mut self) -> Result<Option<String>, String> {
        let before = self.len();
        let asking = self.sessions.iter_mut().map(|session| session.ping(PATIENCE));
        let answered = join_all(asking).await;
        let mut ends = Vec::new();
        let mut silent = false;
        let there = std::mem::take(&mut self.sessions).into_iter().zip(answered);
        for (session, answer) in there {
            match session.end() {
                Some(end) => ends.push(end),
                None => {
                    silent |= answer.is_none();
                    self.sessions.push(session);
                }
            }
        }
        if silent {
            return Err(format!("one of {before} sessions of one user was not answered"));
        }
        ends.extend(self.beside.and_then(Peer::end));
        Ok(ends.pop().map(|end| format!("an older one ends: {end}")))
    }
}
