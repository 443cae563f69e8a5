//! One session of ours on a target: what it says, what it has heard, and whether the server still answers it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::bot::ping;
use crate::protocol::NAMESPACE;
use crate::stanza::{CLIENT, IqType, STANZA_ERRORS, STREAM, Stanza, bare, escape};
use crate::xmpp::{Incoming, Reader, Session, Writer};

/// Stanzas, and bytes of them, that a session remembers: far more than a probe asks for.
const STANZAS: usize = 1_024;
const BYTES: usize = 4 << 20;
/// Requests that a session answers: a server that asks more often is not talking to a client.
const ANSWERS: u32 = 4_096;
const GOODBYE: Duration = Duration::from_secs(1);

/// A stanza, and when it came.
#[derive(Debug, Clone)]
pub struct Heard {
    pub at: Instant,
    pub stanza: Stanza,
}

/// How a stream ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The condition of the stream error, if one was sent.
    pub condition: Option<String>,
    pub how: String,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.condition {
            Some(condition) => write!(f, "stream error `{condition}`"),
            None => f.write_str(&self.how),
        }
    }
}

/// The answer to a ping.
#[derive(Debug, Clone)]
pub struct Answered {
    pub took: Duration,
    /// The condition, if it was an error.
    pub condition: Option<String>,
}

#[derive(Default)]
struct Log {
    heard: VecDeque<Heard>,
    bytes: usize,
    condition: Option<String>,
    end: Option<End>,
    pings: u32,
}

impl Log {
    fn keep(&mut self, stanza: Stanza) {
        self.bytes += stanza.raw().len();
        self.heard.push_back(Heard {
            at: Instant::now(),
            stanza,
        });
        while self.heard.len() > STANZAS || self.bytes > BYTES {
            match self.heard.pop_front() {
                Some(old) => self.bytes -= old.stanza.raw().len(),
                None => return,
            }
        }
    }
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Log>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Out {
    Say(String),
    Close,
    /// The other side has ended the stream.
    Over,
    Cut,
}

/// A logged-in session. It answers whatever it is asked, as a client does.
pub struct Peer {
    /// The full JID that the server gave.
    pub jid: String,
    pub mechanism: &'static str,
    out: mpsc::UnboundedSender<Out>,
    log: Shared,
    news: watch::Receiver<u64>,
    asked: u32,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Peer {
    pub fn new(session: Session) -> Peer {
        let (out, todo) = mpsc::unbounded_channel();
        let (tell, news) = watch::channel(0);
        let log = Shared::default();
        let reading = read(session.reader, log.clone(), tell, out.clone());
        Peer {
            jid: session.jid,
            mechanism: session.mechanism.name(),
            tasks: [tokio::spawn(reading), tokio::spawn(write(session.writer, todo))],
            out,
            log,
            news,
            asked: 0,
        }
    }

    pub fn domain(&self) -> &str {
        bare(&self.jid).rsplit('@').next().unwrap_or_default()
    }

    pub fn say(&self, raw: impl Into<String>) {
        // A writer that is gone has told so at the reader.
        let _ = self.out.send(Out::Say(raw.into()));
    }

    /// The first thing heard, then or by now, that fits. `None`: it did not come in time, or the stream has ended.
    pub async fn wait<T>(&mut self, until: Instant, mut fits: impl FnMut(&Heard) -> Option<T>) -> Option<T> {
        loop {
            self.news.borrow_and_update();
            {
                let log = self.log.lock();
                if let Some(found) = log.heard.iter().find_map(&mut fits) {
                    return Some(found);
                }
                if log.end.is_some() {
                    return None;
                }
            }
            if !matches!(timeout_at(until, self.news.changed()).await, Ok(Ok(()))) {
                return None;
            }
        }
    }

    /// The first thing heard by now that fits.
    pub fn find<T>(&self, fits: impl FnMut(&Heard) -> Option<T>) -> Option<T> {
        self.log.lock().heard.iter().find_map(fits)
    }

    /// Everything heard by now that fits.
    pub fn all<T>(&self, fits: impl FnMut(&Heard) -> Option<T>) -> Vec<T> {
        self.log.lock().heard.iter().filter_map(fits).collect()
    }

    /// Asks the server something; the id of the question.
    pub fn ask_server(&mut self) -> String {
        self.asked += 1;
        let id = format!("callspec-ping-{}", self.asked);
        self.say(ping(self.domain(), &id));
        id
    }

    /// Asks the server something, and waits. All that it was told before has been dealt with by the answer
    /// (RFC 6120 §10.1).
    pub async fn ping(&mut self, within: Duration) -> Option<Answered> {
        let (id, began) = (self.ask_server(), Instant::now());
        self.wait(began + within, |heard| {
            is_answer(&heard.stanza, &id).then(|| Answered {
                took: heard.at - began,
                condition: error(&heard.stanza),
            })
        })
        .await
    }

    pub fn end(&self) -> Option<End> {
        self.log.lock().end.clone()
    }

    /// Waits for the end of the stream.
    pub async fn ends(&mut self, within: Duration) -> Option<End> {
        let _: Option<()> = self.wait(Instant::now() + within, |_| None).await;
        self.end()
    }

    /// How often the server has pinged this session.
    pub fn pings(&self) -> u32 {
        self.log.lock().pings
    }

    /// Ends the session lawfully.
    pub async fn leave(mut self) {
        let _ = self.out.send(Out::Close);
        self.ends(GOODBYE).await;
    }

    /// Is gone without a word.
    pub async fn vanish(mut self) {
        let _ = self.out.send(Out::Cut);
        let [reading, writing] = &mut self.tasks;
        let _ = writing.await;
        reading.abort();
    }
}

/// Whether this is the answer to the request with this id.
pub fn is_answer(stanza: &Stanza, id: &str) -> bool {
    stanza.id() == Some(id) && matches!(stanza.iq_type(), Some(IqType::Result | IqType::Error))
}

/// The condition of an error; an error without one is `error`.
pub fn error(stanza: &Stanza) -> Option<String> {
    let is_error = stanza.attr("type") == Some("error");
    is_error.then(|| stanza.error_condition().unwrap_or("error").to_owned())
}

async fn read(mut reader: Reader, log: Shared, tell: watch::Sender<u64>, out: mpsc::UnboundedSender<Out>) {
    let mut answered = 0;
    loop {
        let end = match reader.next().await {
            Incoming::Element(stanza) if stanza.is("error", STREAM) => {
                let condition = stanza.error_condition().unwrap_or("undefined-condition");
                log.lock().condition = Some(condition.to_owned());
                None
            }
            Incoming::Element(stanza) => {
                if let Some(answer) = answer(&stanza).filter(|_| answered < ANSWERS) {
                    answered += 1;
                    let _ = out.send(Out::Say(answer));
                }
                let mut log = log.lock();
                log.pings += u32::from(is_ping(&stanza));
                log.keep(stanza);
                None
            }
            Incoming::Header(_) | Incoming::Broken { .. } | Incoming::Misframed(_) => None,
            Incoming::StreamClosed { .. } => Some("the server closed the stream".to_owned()),
            Incoming::Ended(end) => Some(end.how),
        };
        let over = end.is_some();
        if let Some(how) = end {
            let mut log = log.lock();
            let condition = log.condition.take();
            log.end = Some(End { condition, how });
        }
        tell.send_modify(|n| *n += 1);
        if over {
            // Its own part in the end, if that is still to do; then nothing is left of the connection.
            let _ = out.send(Out::Over);
            return;
        }
    }
}

fn is_ping(stanza: &Stanza) -> bool {
    stanza.iq_type() == Some(IqType::Get) && stanza.element().has_child("ping", "urn:xmpp:ping")
}

/// Whatever asks is answered (RFC 6120 §8.2.3).
fn answer(iq: &Stanza) -> Option<String> {
    if !matches!(iq.iq_type(), Some(IqType::Get | IqType::Set)) {
        return None;
    }
    let attribute = |name: &str, value: Option<&str>| {
        value
            .map(|value| format!(r#" {name}="{}""#, escape(value)))
            .unwrap_or_default()
    };
    let back = attribute("id", iq.id()) + &attribute("to", iq.from());
    let known = is_ping(iq)
        || iq.element().has_child("call", NAMESPACE)
        || iq.element().has_child("query", "jabber:iq:roster");
    Some(if known {
        format!(r#"<iq xmlns="{CLIENT}" type="result"{back}/>"#)
    } else {
        format!(
            r#"<iq xmlns="{CLIENT}" type="error"{back}><error type="cancel"><service-unavailable xmlns="{STANZA_ERRORS}"/></error></iq>"#
        )
    })
}

async fn write(mut writer: Writer, mut todo: mpsc::UnboundedReceiver<Out>) {
    while let Some(out) = todo.recv().await {
        match out {
            // What cannot be written any more shows itself at the reader as the end of the stream.
            Out::Say(raw) => drop(writer.send(&raw).await),
            Out::Close => drop(writer.close_stream().await),
            Out::Over => {
                drop(writer.close_connection().await);
                return;
            }
            Out::Cut => {
                writer.cut();
                return;
            }
        }
    }
}
