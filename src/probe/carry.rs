//! One stanza on its way from one session of ours to another, and all that comes of it.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use super::peer::{End, Peer, error, is_answer};
use crate::stanza::{IqType, Stanza};

/// How long a server may take over anything.
const PATIENCE: Duration = Duration::from_secs(3);
/// Servers that are many machines may let a later question overtake a stanza.
const GRACE: Duration = Duration::from_millis(500);

/// What came of a stanza.
#[derive(Debug, Clone, Default)]
pub struct Carried {
    /// What the addressee got.
    pub arrived: Option<Stanza>,
    /// What the sender got back.
    pub answer: Option<Stanza>,
    /// How the sender's stream ended on it.
    pub end: Option<End>,
    /// The server answers nothing any more: nothing can be said.
    pub mute: bool,
}

/// How to know a stanza again.
pub struct Mark<'a> {
    /// Its id, if it has one.
    pub id: Option<&'a str>,
    /// A text in it that stands nowhere else.
    pub token: &'a str,
}

impl<'a> Mark<'a> {
    pub fn id(id: &'a str) -> Mark<'a> {
        Mark {
            id: Some(id),
            token: id,
        }
    }

    /// A server may write each character as a reference to it (XML 1.0 §4.1).
    pub fn is_on(&self, stanza: &Stanza) -> bool {
        let says = |text: &str| text.contains(self.token);
        says(stanza.raw())
            || stanza.id().is_some_and(says)
            || stanza.call_text().is_some_and(|text| says(&text))
    }
}

impl Carried {
    /// The condition of the error that came back, if nobody else but the server can have said it.
    pub fn refusal(&self) -> Option<String> {
        self.answer
            .as_ref()
            .filter(|_| self.arrived.is_none())
            .and_then(error)
    }

    /// Whether it vanished: no delivery, no answer, no end.
    pub fn swallowed(&self) -> bool {
        !self.mute && self.arrived.is_none() && self.answer.is_none() && self.end.is_none()
    }
}

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = self.answer.as_ref();
        let condition = answer.and_then(error);
        match (&self.arrived, answer, condition, &self.end) {
            (Some(_), None, _, None) => f.write_str("it arrived; no answer came back"),
            (Some(_), None, _, Some(end)) => write!(f, "it arrived, and the sender's stream ended: {end}"),
            (Some(_), Some(_), Some(condition), _) => write!(f, "it arrived, and `{condition}` came back"),
            (Some(_), Some(_), None, _) => f.write_str("it arrived, and its answer came back"),
            (None, Some(_), Some(condition), _) => write!(f, "the server answered `{condition}`"),
            (None, Some(_), None, _) => f.write_str("the server answered with a result; nobody got it"),
            (None, None, _, Some(end)) => write!(f, "the sender's stream ended: {end}"),
            (None, None, ..) if self.mute => f.write_str("the server stopped answering"),
            (None, None, ..) => f.write_str("it vanished; pings sent after it were answered"),
        }
    }
}

/// Sends, and waits until the server has dealt with it: it answers what is asked after it.
pub async fn carry(from: &mut Peer, to: &mut Peer, raw: String, mark: &Mark<'_>) -> Carried {
    carry_within(PATIENCE, Duration::ZERO, from, to, raw, mark).await
}

/// The same; nothing is said after it for the time `alone`, unless its answer comes: some servers count what follows at
/// once as part of it.
pub async fn carry_within(
    patience: Duration,
    alone: Duration,
    from: &mut Peer,
    to: &mut Peer,
    raw: String,
    mark: &Mark<'_>,
) -> Carried {
    let answers = |stanza: &Stanza| match mark.id {
        Some(id) => is_answer(stanza, id),
        None => stanza.id().is_none_or(str::is_empty) && stanza.iq_type() == Some(IqType::Error),
    };
    let got = |stanza: &Stanza| mark.is_on(stanza) && !answers(stanza);
    from.say(raw);
    if !alone.is_zero() {
        let until = Instant::now() + alone;
        from.wait(until, |heard| answers(&heard.stanza).then_some(()))
            .await;
    }
    let fence = from.ask_server();
    let until = Instant::now() + patience;
    let dealt = from.wait(until, |heard| {
        (answers(&heard.stanza) || is_answer(&heard.stanza, &fence)).then_some(())
    });
    let mut mute = dealt.await.is_none() && from.end().is_none();
    mute |= to.ping(patience).await.is_none() && to.end().is_none();
    let mut arrived = to.find(|heard| got(&heard.stanza).then(|| heard.stanza.clone()));
    if from.end().is_none() && !mute {
        mute = from.ping(patience).await.is_none() && from.end().is_none();
    }
    let mut answer = from.find(|heard| answers(&heard.stanza).then(|| heard.stanza.clone()));
    if answer.is_none() && !mute && from.end().is_none() {
        let until = Instant::now() + GRACE;
        if arrived.is_none() {
            arrived = to
                .wait(until, |heard| got(&heard.stanza).then(|| heard.stanza.clone()))
                .await;
        }
        answer = from
            .wait(until, |heard| {
                answers(&heard.stanza).then(|| heard.stanza.clone())
            })
            .await;
    }
    Carried {
        arrived,
        answer,
        end: from.end(),
        mute,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_known_again_however_its_characters_are_written() {
        let mark = Mark::id("mark");
        for raw in [
            "<iq id='mark'/>",
            "<iq id='m&#97;rk'/>",
            "<iq id='other'><call xmlns='urn:xmpp:call:0'>{\"m&#x61;rk\":1}</call></iq>",
        ] {
            assert!(mark.is_on(&Stanza::parse(raw).expect("a stanza")), "{raw}");
        }
        assert!(!mark.is_on(&Stanza::parse("<iq id='other'/>").expect("a stanza")));
    }
}
