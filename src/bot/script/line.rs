//! What actors do on raw lines, and what they wait for there.

use rand::Rng;

use super::{Bot, Cursor, Link, Output, Script};
use crate::scenario::{Action, Deed, Expect, FrameKind, Line, Pattern, What};
use crate::stanza::{FRAMING, IqType, Message, SASL, STREAM, Stanza};
use crate::transcript::{Dir, Event, Opcode, Wire};

/// Something on a raw line that expectations look at.
#[derive(Debug, Clone)]
pub struct Sight {
    pub n: u64,
    pub wire: Wire,
    pub text: Option<String>,
    pub taken: bool,
}

/// An order to a raw line, with every name resolved.
#[derive(Debug, Clone)]
pub enum LineOrder {
    Do {
        user: String,
        resource: String,
        key: [u8; 16],
        deed: Deed,
    },
    Text(String),
    Frame {
        opcode: Opcode,
        last: bool,
        payload: Vec<u8>,
    },
    Bytes(Vec<u8>),
    Opening {
        domain: Option<String>,
        version: String,
    },
    Closing,
}

/// How a sight answers what is waited for.
#[derive(Debug, PartialEq, Eq)]
enum Answers {
    Yes,
    No,
    /// What is waited for cannot come any more.
    Never,
}

impl Script {
    pub(super) fn line_deed(&mut self, cursor: &mut Cursor, line: &Line) {
        let who = line.who.clone();
        let mut key = [0; 16];
        self.rng.fill_bytes(&mut key);
        let mut deed = line.deed.clone();
        if let Deed::LogIn {
            authzid, resource, ..
        } = &mut deed
        {
            for text in [authzid, resource].into_iter().flatten() {
                *text = self.text(text);
            }
        }
        let Some(bot) = self.bots.get_mut(&who) else {
            return;
        };
        if bot.link == Link::Down {
            bot.link = Link::Up;
            bot.ended = false;
            bot.tame = true;
            bot.message = Message::default();
            bot.pool.clear();
            bot.sights.clear();
        }
        bot.tame &= deed.is_usual();
        let (user, resource) = (bot.user.clone(), bot.resource.clone());
        let order = LineOrder::Do {
            user,
            resource,
            key,
            deed,
        };
        self.out.push_back(Output::Line { who, order });
        cursor.finish_step();
    }

    /// Sends what only a raw line can send, or a stanza verbatim.
    pub(super) fn line_send(&mut self, who: &str, what: &What) {
        let order = match what {
            What::Opening { domain, version } => LineOrder::Opening {
                domain: domain.as_ref().map(|domain| self.text(domain)),
                version: version.clone(),
            },
            What::Closing => LineOrder::Closing,
            What::Frame {
                kind,
                text,
                last,
                code,
            } => {
                let mut payload = self.text(text).into_bytes();
                if let Some(code) = code {
                    payload.splice(0..0, code.to_be_bytes());
                }
                let opcode = match kind {
                    FrameKind::Text => Opcode::Text,
                    FrameKind::Binary => Opcode::Binary,
                    FrameKind::Continuation => Opcode::Continuation,
                    FrameKind::Ping => Opcode::Ping,
                    FrameKind::Pong => Opcode::Pong,
                    FrameKind::Close => Opcode::Close,
                    FrameKind::Reserved => Opcode::Other,
                    FrameKind::Bytes => {
                        self.order(who, LineOrder::Bytes(payload));
                        return;
                    }
                };
                LineOrder::Frame {
                    opcode,
                    last: *last,
                    payload,
                }
            }
            What::Stanza { xml } => LineOrder::Text(self.text(xml)),
            What::Signal { .. } | What::Chat { .. } => return,
        };
        self.order(who, order);
    }

    fn order(&mut self, who: &str, order: LineOrder) {
        if let Some(bot) = self.bots.get_mut(who) {
            bot.tame &= match &order {
                LineOrder::Opening { domain, version } => domain.is_none() && version == "1.0",
                _ => false,
            };
        }
        let bytes = match &order {
            LineOrder::Text(text) => text.len(),
            LineOrder::Bytes(bytes) | LineOrder::Frame { payload: bytes, .. } => bytes.len(),
            _ => 0,
        };
        self.pace.said(who, self.now, bytes);
        self.out.push_back(Output::Line {
            who: who.to_owned(),
            order,
        });
    }

    /// Whether the target has ended this raw line, and the next step tells what that means: whoever waits for an answer
    /// there judges its end too.
    pub(super) fn answers_for_its_end(&self, cursor: &Cursor, who: &str) -> bool {
        let ended = self.bots.get(who).is_some_and(|bot| bot.raw && bot.ended);
        let next = cursor.steps.get(cursor.next + 1).map(|step| &step.action);
        ended
            && matches!(next, Some(Action::Expect(expect)) if expect.who == who && is_line_pattern(&expect.pattern))
    }

    /// Something was sent or came on a raw line.
    pub(super) fn wire(&mut self, who: &str, sent: bool, wire: Wire, text: Option<String>) {
        let event = self.event(if sent { Dir::WireSent } else { Dir::WireReceived }, who);
        let n = event.n;
        self.record(Event {
            xml: text.as_deref().map(Into::into),
            wire: Some(wire.clone()),
            ..event
        });
        let Some(bot) = self.bots.get_mut(who) else { return };
        if sent {
            return;
        }
        if matches!(wire, Wire::End { .. }) {
            bot.link = Link::Down;
            bot.ended = true;
        }
        // A message counts when it is whole.
        let Some(text) = bot.message.hear(&wire, text) else {
            return;
        };
        if let Some(stanza) = text.as_deref().and_then(|text| Stanza::parse(text).ok()) {
            if let Some(jid) = bound(&stanza) {
                bot.jid.clone_from(&jid);
                self.names.set(format!("{who}.jid"), jid);
            }
            let arrival = super::Arrival {
                n,
                stanza,
                signal: None,
                taken: false,
            };
            if let Some(bot) = self.bots.get_mut(who) {
                bot.pool.push(arrival);
            }
        }
        if let Some(bot) = self.bots.get_mut(who) {
            bot.sights.push(Sight {
                n,
                wire,
                text,
                taken: false,
            });
        }
    }

    /// The event that meets an expectation of a raw line; `None`: not yet.
    pub(super) fn try_sight(&mut self, who: &str, pattern: &Pattern) -> Option<u64> {
        let bot = self.bots.get_mut(who)?;
        let since = since(bot, pattern);
        let found = bot
            .sights
            .iter_mut()
            .filter(|sight| !sight.taken && sight.n > since)
            .find(|sight| answers(pattern, sight) != Answers::No)?;
        if answers(pattern, found) != Answers::Yes {
            return None;
        }
        found.taken = true;
        Some(found.n)
    }

    /// Whether what is waited for on a raw line cannot come any more.
    pub(super) fn sight_is_hopeless(bot: &Bot, pattern: &Pattern) -> bool {
        let since = since(bot, pattern);
        let first = bot
            .sights
            .iter()
            .filter(|sight| !sight.taken && sight.n > since)
            .map(|sight| answers(pattern, sight))
            .find(|answers| *answers != Answers::No);
        first == Some(Answers::Never) || (bot.link == Link::Down && bot.inbox.is_empty())
    }

    /// Whether a raw line on which nothing was said that a server could mind has ended without a word, where a word was
    /// waited for. That is no answer, and connections break. A step that names a rule of any other group than that of the
    /// transport asks whether there is an answer.
    pub(super) fn breaks_off(&self, expect: &Expect, pattern: &Pattern) -> bool {
        let ends = matches!(
            pattern,
            Pattern::Refusal { .. } | Pattern::CloseFrame { .. } | Pattern::End | Pattern::Close
        );
        let asks = expect.rule.as_ref().is_some_and(|rule| !rule.starts_with("TR-"));
        let bot = self
            .bots
            .get(&expect.who)
            .filter(|bot| bot.raw && bot.tame && bot.ended);
        let Some(bot) = bot.filter(|_| !asks) else {
            return false;
        };
        !ends && bot.inbox.is_empty() && !bot.sights.iter().any(is_farewell)
    }

    /// What became of an opening or a login on a raw line, in which nothing is out of the ordinary, that came to no end or
    /// to a bad one, and the rule that the target breaks if the trouble is its own. Who is to blame for that is not known,
    /// as with every other login. Whether somebody is let in, nothing tells where no stream was opened.
    pub(super) fn in_vain(
        &self,
        expect: &Expect,
        pattern: &Pattern,
    ) -> Option<(&'static str, Option<&'static str>)> {
        let bot = self.bots.get(&expect.who).filter(|bot| bot.raw)?;
        let opens = matches!(pattern, Pattern::Bound | Pattern::Opening);
        let usual = opens && expect.rule.is_none() && bot.tame;
        let logs_in = opens || matches!(pattern, Pattern::Refusal { .. });
        let of_logins = logs_in && expect.rule.as_ref().is_some_and(|rule| rule.starts_with("AU-"));
        let last = bot.sights.last().map(|sight| &sight.wire);
        let upgraded = matches!(last, Some(Wire::Upgraded { status: 101, .. }));
        if upgraded && (usual || of_logins) {
            return Some(("the stream's opening stays unanswered", Some("TR-02")));
        }
        usual.then(|| match Script::sight_is_hopeless(bot, pattern) {
            false => ("the login stands still", None),
            true if *pattern == Pattern::Opening => ("the stream was refused", None),
            true => ("the login was refused", None),
        })
    }

    /// What came on a raw line that no expectation has taken, for the words of one that was missed.
    pub(super) fn sights(bot: &Bot) -> String {
        let seen: Vec<String> = bot
            .sights
            .iter()
            .filter(|sight| !sight.taken)
            .map(|sight| format!("{} (event {})", words(sight), sight.n))
            .collect();
        if seen.is_empty() {
            "nothing came".to_owned()
        } else {
            format!("only {}", seen.join(", "))
        }
    }
}

/// Any word will do only if it is a new one: later than all that was waited for before. The answer is an event.
fn since(bot: &Bot, pattern: &Pattern) -> u64 {
    let taken = bot.sights.iter().filter(|sight| sight.taken).map(|sight| sight.n);
    match pattern {
        Pattern::Word => taken.max().unwrap_or_default(),
        _ => 0,
    }
}

pub(super) fn is_line_pattern(pattern: &Pattern) -> bool {
    matches!(
        pattern,
        Pattern::Upgrade { .. }
            | Pattern::Opening
            | Pattern::Bound
            | Pattern::Refusal { .. }
            | Pattern::Word
            | Pattern::Pong { .. }
            | Pattern::CloseFrame { .. }
            | Pattern::End
    )
}

/// The JID of a bind result (RFC 6120 §7.6.1).
fn bound(stanza: &Stanza) -> Option<String> {
    let bind = stanza
        .element()
        .get_child("bind", "urn:ietf:params:xml:ns:xmpp-bind")?;
    let jid = bind.children().find(|child| child.name() == "jid")?;
    Some(jid.text())
}

fn answers(pattern: &Pattern, sight: &Sight) -> Answers {
    let stanza = || sight.text.as_deref().and_then(|text| Stanza::parse(text).ok());
    let yes = |yes: bool| if yes { Answers::Yes } else { Answers::No };
    let any = |wanted: &[u16], came: u16| wanted.is_empty() || wanted.contains(&came);
    match (pattern, &sight.wire) {
        (Pattern::Upgrade { status: wanted }, Wire::Upgraded { status, .. }) => {
            if any(wanted, *status) {
                Answers::Yes
            } else {
                Answers::Never
            }
        }
        (Pattern::Opening, Wire::Stream) => yes(sight.text.as_deref().is_some_and(is_header)),
        (Pattern::Opening, Wire::Frame { .. }) => yes(stanza().is_some_and(|open| open.is("open", FRAMING))),
        (Pattern::Bound, Wire::Frame { .. } | Wire::Stream) => match stanza() {
            Some(stanza) if bound(&stanza).is_some() => Answers::Yes,
            Some(stanza) if stanza.is("error", STREAM) || stanza.is("failure", SASL) => Answers::Never,
            Some(stanza) if stanza.iq_type() == Some(IqType::Error) => Answers::Never,
            _ => Answers::No,
        },
        (Pattern::Bound, Wire::Upgraded { status, .. }) if *status != 101 => Answers::Never,
        (Pattern::Refusal { .. }, Wire::Upgraded { status, .. }) => yes(*status != 101),
        (Pattern::Word, Wire::Frame { .. } | Wire::Stream) => match stanza() {
            Some(close) if close.is("close", FRAMING) => Answers::Never,
            Some(_) => Answers::Yes,
            None => yes(false),
        },
        (Pattern::Refusal { .. }, Wire::Hello { accepted, .. }) => {
            if *accepted == Some(true) {
                Answers::Never
            } else {
                Answers::Yes
            }
        }
        (Pattern::Refusal { .. } | Pattern::CloseFrame { .. }, Wire::End { .. }) => {
            yes(matches!(pattern, Pattern::Refusal { .. }))
        }
        (
            Pattern::Refusal { .. },
            Wire::Frame {
                opcode: Opcode::Close,
                ..
            },
        ) => Answers::Yes,
        (Pattern::Refusal { conditions }, Wire::Frame { .. } | Wire::Stream) => refusal(conditions, sight),
        (
            Pattern::Pong { text },
            Wire::Frame {
                opcode: Opcode::Pong, ..
            },
        ) => yes(text
            .as_ref()
            .is_none_or(|wanted| sight.text.as_deref().unwrap_or_default() == wanted)),
        (
            Pattern::CloseFrame { codes },
            Wire::Frame {
                opcode: Opcode::Close,
                code,
                ..
            },
        ) => yes(codes.is_empty() || code.is_some_and(|code| codes.contains(&code))),
        (Pattern::End, Wire::End { .. }) => Answers::Yes,
        _ => Answers::No,
    }
}

/// Whether the other side says that it goes, or why.
fn is_farewell(sight: &Sight) -> bool {
    let text = sight.text.as_deref().unwrap_or_default();
    let closes = match &sight.wire {
        Wire::Frame { opcode, .. } => *opcode == Opcode::Close,
        Wire::Upgraded { status, .. } => *status != 101,
        _ => false,
    };
    let says = |stanza: Stanza| {
        stanza.is("close", FRAMING) || stanza.is("error", STREAM) || stanza.is("failure", SASL)
    };
    closes || text == "</stream:stream>" || Stanza::parse(text).is_ok_and(says)
}

fn refusal(conditions: &[String], sight: &Sight) -> Answers {
    let text = sight.text.as_deref().unwrap_or_default();
    if text == "</stream:stream>" {
        return Answers::Yes;
    }
    let Ok(stanza) = Stanza::parse(text) else {
        return Answers::No;
    };
    let fits = |condition: Option<&str>| {
        // The name of RFC 3920, which RFC 6120 §4.9.3.13 knows and older servers say.
        let condition = condition.map(|name| {
            if name == "xml-not-well-formed" {
                "not-well-formed"
            } else {
                name
            }
        });
        if conditions.is_empty()
            || condition.is_some_and(|came| conditions.iter().any(|wanted| wanted == came))
        {
            Answers::Yes
        } else {
            Answers::Never
        }
    };
    let bounced = (stanza.is_iq() || stanza.is_message()) && stanza.attr("type") == Some("error");
    if stanza.is("error", STREAM) || bounced {
        fits(stanza.error_condition())
    } else if stanza.is("failure", SASL) {
        fits(sasl_condition(&stanza).as_deref())
    } else if stanza.is("close", FRAMING) || (conditions.is_empty() && leads_nowhere(&stanza)) {
        Answers::Yes
    } else if bound(&stanza).is_some() {
        Answers::Never
    } else {
        Answers::No
    }
}

/// Features that offer neither a login nor what follows one: whoever is shown these cannot get in.
fn leads_nowhere(stanza: &Stanza) -> bool {
    let leads = ["mechanisms", "authentication", "bind", "starttls"];
    stanza.is("features", STREAM)
        && !stanza
            .element()
            .children()
            .any(|child| leads.contains(&child.name()))
}

/// The condition of a SASL failure (RFC 6120 §6.5).
fn sasl_condition(stanza: &Stanza) -> Option<String> {
    let children = stanza.element().children();
    let mut names = children
        .map(minidom::Element::name)
        .filter(|name| *name != "text");
    names.next().map(str::to_owned)
}

/// Whether a text is the start tag of a stream over TCP, which is no element (RFC 6120 §4.2).
fn is_header(text: &str) -> bool {
    let tag = text
        .split(['>', ' ', '\n', '\r', '\t'])
        .next()
        .unwrap_or_default();
    tag.starts_with('<') && tag.ends_with("stream") && !tag.starts_with("</")
}

pub(super) fn words(sight: &Sight) -> String {
    let text = sight.text.as_deref().unwrap_or_default();
    match &sight.wire {
        Wire::Frame {
            opcode: Opcode::Text | Opcode::Continuation,
            ..
        }
        | Wire::Stream => match Stanza::parse(text) {
            Ok(stanza) => {
                let condition = sasl_condition(&stanza).filter(|_| stanza.is("failure", SASL));
                let condition = condition.map(|condition| format!(" {condition}"));
                super::super::matching::brief(&stanza, None) + &condition.unwrap_or_default()
            }
            Err(_) if is_header(text) => "the opening of the stream".into(),
            Err(_) => "text that is no XML".into(),
        },
        wire => wire.words(),
    }
}
