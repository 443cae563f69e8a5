//! The words in which the faults of a client are written.

use crate::protocol::Kind;

/// One way for a client to be wrong.
#[derive(Debug, Clone, Copy)]
pub struct ClientFault {
    pub name: &'static str,
    /// The rules that it breaks; none: a liberty that every peer has to live with.
    pub rules: &'static [&'static str],
    /// What the client does wrong, in one sentence.
    pub text: &'static str,
    /// The party that has it.
    pub who: &'static str,
    /// The scenario in which it shows itself.
    pub scenario: &'static str,
    pub deed: Deed,
}

/// What is done.
#[derive(Debug, Clone, Copy)]
pub enum Deed {
    /// Nothing: the scenario's own steps are the breach.
    AsWritten,
    /// The whole stanza of a signal is changed.
    Stanza(Option<Kind>, fn(&str) -> String),
    /// The text of a signal is changed.
    Text(Option<Kind>, fn(&str) -> String),
    /// A member of a signal, by JSON pointer: replaced or added by this JSON, or taken out.
    Member(Option<Kind>, &'static str, Option<&'static str>),
    /// The timestamps of all signals, by so many seconds; those of every second signal only, where `true`.
    Clock(i64, bool),
    /// All signals bear this iq id.
    Id(&'static str),
    /// This signal is sent twice.
    Repeat(Kind),
    /// This signal is not sent.
    Withhold(Kind),
    /// This signal is sent so many milliseconds later, the rest when it should be.
    Late(Kind, u64),
    /// Another signal in place of this one.
    Instead(Kind, Kind, &'static str),
    /// Another signal besides: when, what, its payload, how many milliseconds later.
    Also(On, Kind, &'static str, u64),
    /// The same, for a call that there is not.
    Elsewhere(On, Kind, &'static str),
    /// Requests are never answered: those with this signal, or all.
    Silence(Option<Kind>),
    /// A `get` is never answered.
    SilenceOnGet,
    /// Answers come so many milliseconds late.
    AnswerLate(u64),
    AnswerTwice,
    /// Answers bear another id.
    AnswerOtherId,
    /// Everything is answered with a result.
    AnswerResult,
    /// Requests with this signal, or all, are answered with this error.
    AnswerError(Option<Kind>, &'static str),
}

/// When something is sent besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// After its bot has sent this.
    Sends(Kind),
    /// After it has got this.
    Gets(Kind),
}
