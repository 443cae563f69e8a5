//! The async shell around a script: gives it connections and time, and does what it says.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use super::script::{Input, LineOrder, NoSession, Output, Script};
use crate::scenario::{Credential, Deed, Shield};
use crate::transcript::{Event, Wire};
use crate::xmpp::line::{self, Ask, Order, Told};
use crate::xmpp::{Incoming, Reader, Session, Writer, part};

/// Makes logged-in sessions for users of the scenario.
pub trait Dialer: Send + Sync {
    fn dial<'a>(
        &'a self,
        user: &'a str,
        resource: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Session, NoSession>> + Send + 'a>>;

    /// Where a raw line of this user goes, and with whose secrets. `credential` and `password` stand in the place of
    /// the right ones.
    ///
    /// # Errors
    /// One sentence for people, without secrets.
    fn line(
        &self,
        user: &str,
        resource: &str,
        credential: Credential,
        password: Option<&str>,
    ) -> Result<line::Setup, String> {
        let _ = (user, resource, credential, password);
        Err("there are no raw lines to this target".into())
    }

    /// Whether time is virtual: then this process cannot stall.
    fn is_virtual(&self) -> bool;

    /// Since this moment: from when to when the target kept a session waiting that has no part in this.
    fn waits_since(&self, _since: Instant) -> Vec<(Instant, Instant)> {
        Vec::new()
    }
}

/// Gets every event as it happens.
pub type Recorder<'a> = &'a mut dyn FnMut(Event);

enum Command {
    Line(Box<Order>),
    Send(String),
    Ping,
    Close,
    Cut,
}

enum News {
    Input(Input),
    Linked { jid: String },
}

struct Line {
    number: u64,
    commands: mpsc::UnboundedSender<Command>,
}

/// How late a timer of ours may be before delays around it are no longer put down to the target.
const STALL: Duration = Duration::from_millis(200);

/// Plays a script to its end. `stop` turning true ends it early, with a whole transcript.
pub async fn drive(
    mut script: Script,
    dialer: Arc<dyn Dialer>,
    record: Recorder<'_>,
    mut stop: watch::Receiver<bool>,
) {
    let start = Instant::now();
    let (news, mut inbox) = mpsc::unbounded_channel::<(String, u64, News)>();
    let mut lines: BTreeMap<String, Line> = BTreeMap::new();
    let mut lines_made = 0;
    let period = Duration::from_millis(100);
    let mut heartbeat = tokio::time::interval(period);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last_beat = start;
    let mut last_wait = start;
    let mut stopped = false;

    loop {
        while let Some(output) = script.poll_output() {
            match output {
                Output::Event(event) => record(*event),
                Output::Connect {
                    who,
                    account,
                    resource,
                } => {
                    lines_made += 1;
                    let (commands, todo) = mpsc::unbounded_channel();
                    lines.insert(
                        who.clone(),
                        Line {
                            number: lines_made,
                            commands,
                        },
                    );
                    let tell = Teller {
                        news: news.clone(),
                        who,
                        number: lines_made,
                        start,
                    };
                    tokio::spawn(live(dialer.clone(), account, resource, tell, todo));
                }
                Output::Line { who, order } => {
                    if !lines.contains_key(&who) {
                        lines_made += 1;
                        let (commands, todo) = mpsc::unbounded_channel();
                        let number = lines_made;
                        lines.insert(who.clone(), Line { number, commands });
                        let tell = Teller {
                            news: news.clone(),
                            who: who.clone(),
                            number,
                            start,
                        };
                        tokio::spawn(live_raw(tell, todo));
                    }
                    match order_for(&*dialer, order) {
                        Ok(order) => command(&lines, &who, Command::Line(Box::new(order))),
                        Err(why) => {
                            script.handle(start.elapsed(), Input::NotConnected { who, why: why.into() })
                        }
                    }
                }
                Output::Send { who, raw } => command(&lines, &who, Command::Send(raw)),
                Output::Ping { who } => command(&lines, &who, Command::Ping),
                Output::Disconnect { who } => command(&lines, &who, Command::Close),
                Output::Cut { who } => {
                    command(&lines, &who, Command::Cut);
                    lines.remove(&who);
                }
            }
        }
        if script.is_over() {
            return;
        }
        let deadline = script
            .deadline()
            .map_or_else(|| start + Duration::from_secs(86_400), |at| start + at);
        tokio::select! {
            biased;
            changed = stop.changed(), if !stopped => {
                stopped = true;
                if changed.is_ok() && *stop.borrow() {
                    script.handle(start.elapsed(), Input::Interrupted);
                }
            }
            _ = heartbeat.tick(), if !dialer.is_virtual() => {
                let late = last_beat.elapsed().saturating_sub(period);
                last_beat = Instant::now();
                if late > STALL {
                    script.handle(start.elapsed(), Input::Stalled(late));
                }
                for (from, to) in dialer.waits_since(last_wait) {
                    last_wait = last_wait.max(to);
                    script.handle(start.elapsed(), Input::Busy(to - from));
                }
            }
            Some((who, number, item)) = inbox.recv() => {
                if lines.get(&who).is_some_and(|line| line.number == number) {
                    if matches!(&item, News::Input(Input::Wire { wire: Wire::End { .. }, .. })) {
                        // Whatever is opened next is another line.
                        lines.remove(&who);
                    }
                    let input = match item {
                        News::Input(input) => input,
                        News::Linked { jid } => Input::Connected { who, jid },
                    };
                    script.handle(start.elapsed(), input);
                }
            }
            () = tokio::time::sleep_until(deadline) => script.handle_time(start.elapsed()),
        }
    }
}

fn command(lines: &BTreeMap<String, Line>, who: &str, command: Command) {
    if let Some(line) = lines.get(who) {
        // A line that is gone has told so by `Ended`.
        let _ = line.commands.send(command);
    }
}

struct Teller {
    news: mpsc::UnboundedSender<(String, u64, News)>,
    who: String,
    number: u64,
    start: Instant,
}

impl Teller {
    fn tell(&self, news: News) {
        // The driver is gone only when the case is over.
        let _ = self.news.send((self.who.clone(), self.number, news));
    }

    fn input(&self, input: Input) {
        self.tell(News::Input(input));
    }
}

/// One connection, from dialling to its end.
async fn live(
    dialer: Arc<dyn Dialer>,
    user: String,
    resource: String,
    tell: Teller,
    mut todo: mpsc::UnboundedReceiver<Command>,
) {
    let session = tokio::select! {
        biased;
        session = dialer.dial(&user, &resource) => session,
        // Dropped or cut while still dialling.
        () = given_up(&mut todo) => return,
    };
    match session {
        Err(why) => tell.input(Input::NotConnected {
            who: tell.who.clone(),
            why,
        }),
        Ok(Session {
            jid, reader, writer, ..
        }) => {
            tell.tell(News::Linked { jid });
            let reading = tokio::spawn(read(reader, tell));
            converse(reading, writer, todo).await;
        }
    }
}

/// A raw line: nothing happens on it but what the script says.
async fn live_raw(tell: Teller, mut todo: mpsc::UnboundedReceiver<Command>) {
    let (orders, inbox) = mpsc::unbounded_channel();
    let giving = async move {
        while let Some(command) = todo.recv().await {
            let order = match command {
                Command::Line(order) => *order,
                Command::Send(raw) => Order::Text(raw),
                // Nobody asks there whether the other side lives.
                Command::Ping => continue,
                Command::Close => Order::Leave,
                Command::Cut => Order::Cut,
            };
            // A line that is over has told so.
            let _ = orders.send(order);
        }
    };
    let told = |told| {
        let who = tell.who.clone();
        tell.input(match told {
            Told::Wire { sent, wire, text } => Input::Wire {
                who,
                sent,
                wire,
                text,
            },
            Told::Unreachable(why) => Input::NotConnected { who, why: why.into() },
        });
    };
    tokio::join!(giving, line::run(inbox, told));
}

fn order_for(dialer: &dyn Dialer, order: LineOrder) -> Result<Order, String> {
    Ok(match order {
        LineOrder::Text(text) => Order::Text(text),
        LineOrder::Bytes(bytes) => Order::Bytes(bytes),
        LineOrder::Opening { domain, version } => Order::Opening { domain, version },
        LineOrder::Closing => Order::Closing,
        LineOrder::Frame {
            opcode,
            last,
            payload,
        } => Order::Frame {
            opcode,
            last,
            payload,
        },
        LineOrder::Do {
            user,
            resource,
            key,
            deed:
                Deed::Open {
                    shield,
                    credential,
                    protocols,
                    headers,
                },
        } => Order::Open {
            setup: dialer.line(&user, &resource, credential, None)?,
            shield: match shield {
                Shield::Usual => line::Shield::Usual,
                Shield::Plain => line::Shield::Plain,
                Shield::OldTls => line::Shield::OldTls,
            },
            key,
            protocols,
            headers,
        },
        LineOrder::Do {
            user,
            resource,
            key,
            deed:
                Deed::LogIn {
                    credential,
                    mechanism,
                    password,
                    authzid,
                    resource: wish,
                    unbound,
                },
        } => Order::LogIn {
            setup: dialer.line(&user, &resource, credential, password.as_deref())?,
            key,
            ask: Ask {
                mechanism,
                authzid,
                resource: wish,
                unbound,
            },
        },
    })
}

async fn given_up(todo: &mut mpsc::UnboundedReceiver<Command>) {
    while let Some(command) = todo.recv().await {
        if matches!(command, Command::Cut | Command::Close) {
            return;
        }
    }
}

/// How long a stream's end may wait for the other side's part in it.
const PARTING: Duration = Duration::from_secs(2);

/// What is left of a connection whose other side has spoken its last.
struct Ending {
    reader: Reader,
    /// The stream was closed as it should be; what carries it may be open still.
    closed: bool,
}

/// A session, until either side ends it. Afterwards nothing of the connection is left: a server may well wait for its
/// last byte before it lets go of the resource.
async fn converse(
    mut reading: JoinHandle<Ending>,
    mut writer: Writer,
    mut todo: mpsc::UnboundedReceiver<Command>,
) {
    let mut said = false;
    let mut patience: Option<Instant> = None;
    loop {
        tokio::select! {
            biased;
            command = todo.recv() => match command {
                // What cannot be written any more shows itself at the reader as the end of the stream.
                Some(Command::Send(raw)) => drop(writer.send(&raw).await),
                Some(Command::Ping) => drop(writer.ping("there?").await),
                Some(Command::Close) => {
                    drop(writer.close_stream().await);
                    said = true;
                    patience = Some(Instant::now() + PARTING);
                }
                // A session is no raw line.
                Some(Command::Line(_)) => {}
                Some(Command::Cut) => {
                    writer.cut();
                    reading.abort();
                    return;
                }
                None => return,
            },
            ended = &mut reading => {
                let Ok(Ending { reader, closed }) = ended else { return };
                let parting = async {
                    if closed && !said {
                        drop(writer.close_stream().await);
                    }
                    part(reader, writer).await;
                };
                // Whoever does not do its part within this time is left alone.
                let _ = tokio::time::timeout(PARTING, parting).await;
                return;
            }
            () = tokio::time::sleep_until(patience.unwrap_or_else(Instant::now)), if patience.is_some() => {
                drop(writer.close_connection().await);
                patience = None;
            }
        }
    }
}

async fn read(mut reader: Reader, tell: Teller) -> Ending {
    loop {
        let incoming = reader.next_or_pong().await;
        let arrived = tell.start.elapsed();
        let who = tell.who.clone();
        let Ok(incoming) = incoming else {
            tell.input(Input::Pong { who });
            continue;
        };
        match incoming {
            Incoming::Element(stanza) => tell.input(Input::Element { who, stanza, arrived }),
            Incoming::Broken { raw, error } => tell.input(Input::Broken {
                who,
                raw,
                why: error,
                arrived,
            }),
            Incoming::Misframed(why) => tell.input(Input::Wire {
                who,
                sent: false,
                wire: Wire::Broken { why },
                text: None,
            }),
            // A session's stream has begun already.
            Incoming::Header(_) => {}
            Incoming::StreamClosed { .. } => {
                tell.input(Input::Ended {
                    who,
                    how: "the stream was closed".into(),
                });
                return Ending { reader, closed: true };
            }
            Incoming::Ended(end) => {
                tell.input(Input::Ended { who, how: end.how });
                return Ending {
                    reader,
                    closed: false,
                };
            }
        }
    }
}
