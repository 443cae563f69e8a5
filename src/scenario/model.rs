//! What a scenario file resolves to: cases (one for each matrix value) of steps that a script can play.
//!
//! Texts and JSON strings may still hold `{name}` for what is known only while it runs: `{caller.jid}`,
//! `{caller.bare}`, `{caller.id}` (for each actor), `{call}` and `{call.LABEL}` (callIds; `{CALL}` in capitals), `{domain}`, `{now}`
//! (RFC 3339), `{uuid}` (a fresh one), and captured values by their names. `{{` and `}}` stand for braces.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use super::line::{FrameKind, Line, Need};
use crate::profile::Class;
use crate::protocol::Kind;
use crate::yaml::Place;

/// One run of a scenario: the matrix is chosen, fragments are put in, repetitions unrolled.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Case {
    /// The scenario's name, such as `cancel/crosses-accept`.
    pub name: String,
    pub about: String,
    pub place: Place,
    pub rules: Vec<String>,
    pub tags: Vec<String>,
    /// The chosen matrix values in the file's order, as `gap=5ms`.
    pub matrix: Vec<String>,
    /// Profiles that this scenario makes sense for; empty: all.
    pub classes: Vec<Class>,
    /// What else the target has to have.
    pub needs: Vec<Need>,
    pub cast: Vec<Actor>,
    pub steps: Vec<Step>,
    /// How long nothing may arrive after the last step.
    pub quiet: Option<Duration>,
    /// Why calls may still be alive at the end, if they may.
    pub leaves_open: Option<String>,
}

/// Someone who acts: one device of one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Actor {
    pub name: String,
    pub user: String,
    /// Whether it is connected before the first step.
    pub connected: bool,
    /// Whether it announces itself with `<presence/>` after binding.
    pub presence: bool,
    /// Whether it speaks below a session: its connection is a raw line, on which nothing happens by itself.
    pub raw: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    pub place: Place,
    pub action: Action,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Send(Send),
    Expect(Expect),
    /// None of these actors may hear a signal or chat for this long.
    Silence {
        who: Vec<String>,
        length: Duration,
    },
    Wait(Duration),
    /// Side by side. An actor that still has something to send in its branch takes nothing in before it has sent
    /// it: that is how two signals cross, whatever the gap.
    Together(Vec<Vec<Step>>),
    /// Expectations that may be met in any order.
    AnyOrder(Vec<Step>),
    Connection(Connection),
    Line(Line),
    /// Time passes: as long as the profile says that an idle stream lives.
    KeepAlive,
    /// How `who` answers IQ sets from here on.
    Answers {
        who: String,
        policy: Answer,
    },
    /// Only where the target is of this class.
    When {
        class: Class,
        steps: Vec<Step>,
    },
}

/// How a bot answers the IQ sets that it takes in.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    Result,
    /// A stanza error with this defined condition (RFC 6120 §8.3.3).
    Error(String),
    Withhold,
    /// A result, this much later.
    After(Duration),
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Send {
    pub who: String,
    pub what: What,
    /// Waits this long before it sends.
    pub after: Duration,
    /// Waits for the IQ's own answer, and what it has to be.
    pub answered: Option<Answered>,
    /// The rules it breaks on purpose.
    pub breaks: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    Signal {
        kind: Kind,
        /// The call's label; `main` if the file names none.
        call: String,
        /// An actor's name, or a JID text; `None`: the other party of the call.
        to: Option<String>,
        /// Members that replace or add to the default payload; a JSON null stands as null.
        with: Map<String, Value>,
        /// Payload members left out.
        without: Vec<String>,
        /// Members that replace or add to the envelope.
        envelope: Map<String, Value>,
        /// The IQ's id; `None`: a fresh one.
        id: Option<String>,
    },
    Chat {
        to: Option<String>,
        body: String,
    },
    /// Verbatim: one frame on a WebSocket, these bytes on TCP.
    Stanza {
        xml: String,
    },
    /// The opening of a stream, as the transport has it (RFC 6120 §4.2, RFC 7395 §3.4). Only on a raw line.
    Opening {
        /// `None`: the target's.
        domain: Option<String>,
        version: String,
    },
    /// The closing of a stream (RFC 6120 §4.4, RFC 7395 §3.6). Only on a raw line.
    Closing,
    /// Only on a raw line.
    Frame {
        kind: FrameKind,
        text: String,
        last: bool,
        code: Option<u16>,
    },
}

/// What the answer to a sent IQ has to be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answered {
    pub by: AnsweredBy,
    pub within: Option<Duration>,
    pub rule: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnsweredBy {
    Result,
    /// An error; its condition is one of these, or any if empty.
    Error(Vec<String>),
    /// Either.
    Any,
    /// Nothing at all, for `within`.
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Expect {
    pub who: String,
    pub pattern: Pattern,
    /// `None`: the default of the run (5 s).
    pub within: Option<Duration>,
    /// JSON pointers into the signal and the values that must stand there.
    pub equals: Vec<(String, Value)>,
    /// JSON pointers and regular expressions that the text there must match.
    pub matches: Vec<(String, String)>,
    /// JSON pointers where nothing may stand.
    pub absent: Vec<String>,
    /// An actor's name or a JID text.
    pub from: Option<String>,
    /// Names for values: (name, JSON pointer).
    pub captures: Vec<(String, String)>,
    /// It must be the very next signal or chat that this actor has not yet matched.
    pub next: bool,
    /// Not a fault if it does not come.
    pub optional: bool,
    /// The rule that is broken if it does not come.
    pub rule: Option<String>,
    /// How this IQ in particular is answered; `None`: by the actor's policy.
    pub answer: Option<Answer>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pattern {
    Signal {
        kind: Kind,
        call: String,
    },
    Chat {
        body: Option<String>,
    },
    /// Any other stanza: element name, `type`, error condition.
    Stanza {
        name: String,
        stanza_type: Option<String>,
        conditions: Vec<String>,
    },
    StreamError {
        conditions: Vec<String>,
    },
    /// The end of the stream, however it is told.
    Close,
    /// The answer to an upgrade; any status if there is none.
    Upgrade {
        status: Vec<u16>,
    },
    /// The server's opening of its stream.
    Opening,
    /// A resource is bound.
    Bound,
    /// The server says no or goes: a refused upgrade or login, a stream error (of these conditions), a close, the end
    /// of the connection.
    Refusal {
        conditions: Vec<String>,
    },
    /// An element of any kind that is no close.
    Word,
    Pong {
        text: Option<String>,
    },
    CloseFrame {
        codes: Vec<u16>,
    },
    /// The end of the connection itself.
    End,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Connection {
    pub who: String,
    pub verb: Verb,
    pub after: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    Connect,
    /// Closes the stream lawfully (RFC 6120 §4.4, RFC 7395 §3.6).
    Disconnect,
    /// Drops the connection without a word.
    Cut,
    /// Comes back under the same resource; cuts first if still connected.
    Reconnect,
}
