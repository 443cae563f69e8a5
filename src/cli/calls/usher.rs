//! Shows each event in: what its number and its party's name are, and what it is in a word. All of that is known before
//! it is judged.

use std::borrow::Cow;
use std::sync::Arc;

use super::glance::glance;
use super::names::Names;
use crate::rules::Heard;
use crate::stanza::{IqType, bare};
use crate::transcript::Dir;
use crate::transcript::recording::Recorded;

#[derive(Debug, Default)]
pub struct Usher {
    n: u64,
    names: Names,
}

/// What is known of an event.
#[derive(Debug)]
pub struct Shown {
    /// Its party.
    pub(super) who: Arc<str>,
    /// A word for it; `None`: nothing to speak of.
    pub(super) what: Option<Cow<'static, str>>,
    pub(super) signal: Option<Signal>,
}

#[derive(Debug)]
pub(super) struct Signal {
    pub kind: Cow<'static, str>,
    pub call: Arc<str>,
    /// The name of the other side.
    pub peer: Box<str>,
    /// It came in from somebody who is recorded too, and was counted there.
    pub counted: bool,
}

impl Usher {
    /// The event gets its number and its party's name.
    pub fn show(&mut self, source: usize, recorded: &mut Recorded, heard: &Heard) -> Shown {
        let Recorded { event, conn, .. } = recorded;
        self.n += 1;
        event.n = self.n;
        // A clock that is set is nobody's.
        let who = if event.dir == Dir::Stalled && event.jid.is_none() {
            event.who.as_str().into()
        } else {
            let who = self.names.of(event.jid.as_deref(), source, conn, event.dir);
            event.who.clear();
            event.who.push_str(&who);
            who
        };
        let answer = heard.stanza.as_ref().and_then(|stanza| match stanza.iq_type()? {
            IqType::Result => Some("result"),
            IqType::Error => Some("error"),
            IqType::Get | IqType::Set => None,
        });
        let asks = heard.stanza.as_ref().filter(|_| answer.is_none());
        let incoming = event.dir == Dir::Received;
        let signal = asks.and_then(|stanza| {
            let xml = event.xml.as_deref().unwrap_or_default();
            let (kind, call) = glance(xml, heard.spoken.as_deref())?;
            let other = if incoming { stanza.from() } else { stanza.to() }.unwrap_or_default();
            let name = self.names.known(other);
            let peer = name.unwrap_or_else(|| bare(other).split('@').next().unwrap_or_default());
            Some(Signal {
                kind,
                call,
                peer: peer.into(),
                counted: incoming && self.names.is_running(other),
            })
        });
        let what = match (&signal, event.dir) {
            (Some(signal), _) => Some(signal.kind.clone()),
            (None, Dir::Sent | Dir::Received) if event.xml.is_none() => None,
            (None, Dir::Sent | Dir::Received) => Some(Cow::Borrowed(answer.unwrap_or("other"))),
            (None, dir) => Some(Cow::Owned(format!("{dir:?}").to_lowercase())),
        };
        Shown { who, what, signal }
    }
}
