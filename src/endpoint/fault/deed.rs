//! The words in which faults are written.

use crate::profile::Class;
use crate::protocol::{Kind, Reason, Role};

/// One way to be wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault {
    /// As it is chosen on the command line.
    pub name: &'static str,
    /// The rules that it breaks; none: it takes a liberty that every client has to live with, and no judge may
    /// object to.
    pub rules: &'static [&'static str],
    /// What the server does wrong, in one sentence.
    pub text: &'static str,
    /// What it lays hands on.
    pub at: &'static [Point],
    pub deed: Deed,
    pub when: When,
}

impl Fault {
    /// Whether it takes a server that says that it demands TLS.
    pub fn needs_tls(&self) -> bool {
        self.deed == Deed::Slip(Slip::PlaintextTaken)
    }

    /// The class of server in which it can show itself.
    pub fn class(&self) -> Class {
        let lie = matches!(
            self.deed,
            Deed::Lie(
                Lie::RingsFor(_)
                    | Lie::TimerStays
                    | Lie::HarmedByRefusal
                    | Lie::EndedCallKept
                    | Lie::DeclineKeepsRinging
            )
        );
        let own = |point: &Point| matches!(point, Point::Judged | Point::Own);
        let judges = lie || matches!(self.deed, Deed::Judge(..)) || self.at.iter().any(own);
        if judges || self.rules.iter().any(|id| id.starts_with("EN-")) {
            Class::Enforcing
        } else {
            Class::Relay
        }
    }
}

/// What is about to leave the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// A signal on its way to a client.
    Signal,
    /// Another request on its way to a client.
    Request,
    /// A client's answer to a signal.
    Answer,
    /// A message on its way to a client.
    Chat,
    /// The error for a full JID where nobody ever was.
    Bounce,
    /// The error for a full JID that somebody has left.
    Gone,
    /// The answer to a signal for a bare JID.
    Bare,
    /// The error for an IQ that is malformed.
    Malformed,
    /// The server's answer to a request that was for itself.
    Served,
    /// An enforcing server's answer to a signal: refused, or taken and not passed on.
    Judged,
    /// A hangup of an enforcing server's own.
    Own,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Deed {
    Drop,
    /// Delivered so many milliseconds later; what was not delayed overtakes it.
    Delay(u64),
    /// Delivered once more, so many milliseconds later.
    Double(u64),
    Rewrite(Rewrite),
    /// Delivered, and right before it something that nobody sent: what it becomes is made of it.
    Precede(Change),
    /// Delivered to somebody else instead.
    Divert(Whom),
    /// Delivered to somebody else too.
    Leak(Whom, Wrap),
    /// It goes nowhere, and the stream of whoever sent it is ended with this stream error.
    Disconnect(&'static str),
    /// It goes nowhere, and the server answers it in the addressee's place.
    AnswerFor(Reply),
    /// The addressee gets it when it comes back, however late.
    Keep {
        /// With the stamp of an offline store (XEP-0203).
        stamped: bool,
    },
    /// Delivered, and a while later again under an id of its own: the server's memory is too good.
    Remember(u64),
    /// From here on nothing of this sort reaches that client any more.
    Deafen,
    /// An enforcing server judges otherwise.
    Judge(&'static [Set], Sentence),
    /// A decision that is not about one stanza.
    Lie(Lie),
    /// Something is wrong below the stanzas.
    Slip(Slip),
}

/// What is changed in a stanza.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rewrite {
    From(Stamp),
    To(Stamp),
    Id(Change),
    /// The text of `<call/>` or `<body/>`.
    Text(Change),
    /// A member of the signal, by JSON pointer; `None` takes it out, otherwise JSON.
    Member(&'static str, Option<&'static str>),
    /// The whole XML.
    Xml(Change),
    /// A result becomes an error with this condition.
    ToError(&'static str),
    /// An error becomes a result.
    ToResult,
    /// An error says another condition.
    Condition(&'static str),
}

/// Which address is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    Missing,
    Bare,
    /// The right user, and a resource that it does not have.
    Resource,
    Server,
    /// The receiver's own.
    Receiver,
    /// Another user's.
    Stranger,
    /// What the sender itself claims to be.
    Claimed,
    /// The sender's own, its user and domain in capitals.
    Capitals,
}

/// How a text is changed: from the old one to the new one.
#[derive(Debug, Clone, Copy)]
pub struct Change(pub fn(&str) -> String);

impl PartialEq for Change {
    fn eq(&self, _: &Change) -> bool {
        // Two functions cannot be told apart; two faults can, by their names.
        true
    }
}

/// Somebody who is not the addressee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    /// Another device of the addressee's user.
    Device,
    /// A client of a user who has nothing to do with it.
    Stranger,
    /// The sender itself.
    Sender,
    /// Another device of the sender's user.
    OwnDevice,
    /// A party of another call that is live.
    OtherCall,
}

/// How a copy is dressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrap {
    Plain,
    /// A message carbon (XEP-0280).
    Carbon,
    /// A result out of the archive (XEP-0313).
    Archive,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    Result,
    Error(&'static str),
}

/// How an enforcing server saw a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    OffSchema,
    ForgedSender,
    Stranger,
    OutOfOrder,
    UnknownCall,
    /// Legal for its sender, but too late: taken, and passed on to nobody.
    TooLate,
    /// Right.
    Legal,
}

/// What it does with it instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sentence {
    /// Passes it on as if it were right.
    LetThrough,
    /// Refuses it, and passes it on all the same.
    RefuseAndDeliver,
    Refuse(&'static str),
    /// Answers with a result, and passes it on to nobody.
    Acknowledge,
    /// Says nothing, and passes it on to nobody.
    Swallow,
}

/// Decisions that are not about one stanza.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// An IQ without an id, or without exactly one child, is routed like any other.
    MalformedRouted,
    /// The resource of a client that is gone stays: what goes there is lost.
    SeatKept,
    /// The same, only for those whose connection broke.
    SeatKeptAfterCut,
    /// After a return things still go to the connection that is gone.
    OldSeatServed,
    /// An enforcing server rings for so many milliseconds.
    RingsFor(u64),
    /// The timer of an unanswered call is not stopped by the accept.
    TimerStays,
    /// A signal out of order ends the call in the server's eyes.
    HarmedByRefusal,
    /// A user who has had a call cannot be called again.
    EndedCallKept,
    /// A device that declines does not end it for the others.
    DeclineKeepsRinging,
    /// A user has no more than so many sessions at once.
    SessionsAtMost(u32, Beyond),
}

/// What becomes of one session too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// It is not bound (RFC 6120 §7.6.2.1).
    Refused,
    /// Its stream is ended.
    Ended,
    /// The user's oldest session is ended in its place.
    Replaces,
}

/// What goes wrong below the stanzas: with the connection, the stream, the login, the XML.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slip {
    // -- the upgrade
    ProtocolUnconfirmed,
    ProtocolOther,
    ProtocolUnasked,
    PlaintextTaken,
    // -- the opening
    OpenIgnored,
    OpenUnanswered,
    OpenWithoutFrom,
    OpenWithoutId,
    OpenSameId,
    OpenWithoutVersion,
    OpenOldVersion,
    OpenOtherNamespace,
    // -- frames
    TwoInAFrame,
    BlankBefore,
    EmptyFrames,
    StanzaWithoutNamespace,
    FeaturesUnbound,
    PingUnanswered,
    BinaryIgnored,
    FragmentsIgnored,
    FramesMasked,
    FramesCompressed,
    FrameOfUnknownKind,
    StrayContinuation,
    MessageWithin,
    PingInFragments,
    PingTooLong,
    TextNotUtf8,
    CloseCodeNeverSent,
    LengthInEightBytes,
    // -- the end
    CloseIgnored,
    CloseUnsaid,
    HandshakeUnsaid,
    ErrorUnsaid,
    // -- tokens
    GateOpen,
    ExpiredTaken,
    NotYetTaken,
    SignatureUnchecked,
    UnsignedTaken,
    AlgorithmUnchecked,
    TokenOfAnother,
    TokenNames,
    TokenInStanza,
    TokenInHeader,
    ExpiryCuts,
    // -- the login
    WrongPasswordTaken,
    WrongPasswordOddly,
    DeadAfterRefusal,
    ActsForOthers,
    EarlyRouted,
    UnboundRouted,
    ConflictIgnored,
    // -- XML, size and number
    CommentsTaken,
    InstructionsTaken,
    EntitiesExpanded,
    RestrictedIgnored,
    MalformedIgnored,
    MalformedHitsOthers,
    OversizeIgnored,
    OversizeHitsOthers,
    DeepJsonFatal,
    HugeNumbersFatal,
    RepeatedKeysFatal,
    FloodStarves,
    ConnectionsExhaust,
}

/// What carries a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    WebSocket,
    Tcp,
}

/// When a fault strikes; every part that is given has to fit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct When {
    /// Each N-th time only.
    pub every: Option<u32>,
    /// After so many calls.
    pub after: Option<u32>,
    /// Only this signal, or the answers to it.
    pub only: Option<Kind>,
    /// Only hangups with this reason.
    pub reason: Option<Reason>,
    /// Only for clients that are connected like this.
    pub over: Option<Carrier>,
    /// The sender's role in its call.
    pub from: Option<Role>,
    /// The receiver's.
    pub to: Option<Role>,
    /// While five calls or more are alive.
    pub load: bool,
    /// Where a chat message has been carried since the last initiate.
    pub chat: bool,
    /// Where twenty have.
    pub flood: bool,
    /// Only what goes to a user's second device.
    pub second_device: bool,
    /// Only where the two users have had a call before.
    pub again: bool,
    /// Only texts of so many bytes or more.
    pub longer: Option<usize>,
}

pub(super) const ALWAYS: When = When {
    every: None,
    after: None,
    only: None,
    reason: None,
    over: None,
    from: None,
    to: None,
    load: false,
    chat: false,
    flood: false,
    second_device: false,
    again: false,
    longer: None,
};
