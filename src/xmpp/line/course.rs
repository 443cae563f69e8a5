//! What happens on a line: orders in, and everything that is sent or comes told in its order.

use tokio::io::{AsyncReadExt, AsyncWriteExt, WriteHalf};
use tokio::sync::mpsc;

use super::frames::{Came, encode};
use super::login::{Ask, Course, Next, opening, without_secrets};
use super::open::{From, Opened, Reached, open};
use super::{Setup, Shield};
use crate::stanza::{FRAMING, Message, Opcode, SASL, STREAM, Stanza, Wire};
use crate::xmpp::splitter::Piece;
use crate::xmpp::{Io, Login, Mechanism};

/// What to do with a line.
pub enum Order {
    Open {
        setup: Setup,
        shield: Shield,
        /// The key of the upgrade (RFC 6455 §4.1).
        key: [u8; 16],
        protocols: Vec<String>,
        headers: Vec<(String, String)>,
    },
    /// Opens the line if it is not open yet, and a stream on it.
    LogIn {
        setup: Setup,
        key: [u8; 16],
        ask: Ask,
    },
    /// A text frame, or these bytes.
    Text(String),
    Frame {
        opcode: Opcode,
        last: bool,
        payload: Vec<u8>,
    },
    /// Below all framing.
    Bytes(Vec<u8>),
    /// `None`: the target's own domain.
    Opening {
        domain: Option<String>,
        version: String,
    },
    Closing,
    /// Whatever is still open is closed in order.
    Leave,
    Cut,
}

/// What happened.
pub enum Told {
    Wire {
        sent: bool,
        wire: Wire,
        text: Option<String>,
    },
    /// The target's trouble: nothing was reached.
    Unreachable(String),
}

/// Does what it is told, until the line is over or nobody gives orders any more. Two things are sent by themselves,
/// since RFC 6455 demands them: the answer to a ping (§5.5.2) and the answer to a close (§5.5.1).
pub async fn run(mut orders: mpsc::UnboundedReceiver<Order>, tell: impl FnMut(Told) + Send) {
    let mut line = Line {
        tell,
        standing: None,
        course: None,
        features: None,
        message: Message::default(),
        stream: false,
        closing: false,
        close_frame: false,
    };
    loop {
        let over = match &mut line.standing {
            None => match orders.recv().await {
                Some(order) => line.order(order).await,
                None => return,
            },
            Some(standing) => tokio::select! {
                biased;
                came = standing.next() => line.came(came),
                order = orders.recv() => match order {
                    Some(order) => line.order(order).await,
                    None => return,
                },
            },
        };
        if over {
            return;
        }
    }
}

struct Standing {
    from: From,
    /// What has to be written: a task of its own writes it, so that both sides may have much to say.
    out: mpsc::UnboundedSender<Vec<u8>>,
    writing: tokio::task::JoinHandle<()>,
    cut: crate::xmpp::Cut,
    domain: String,
    web: bool,
    buffer: Vec<u8>,
    /// What came is no XML.
    broken: bool,
}

/// What came, whatever carries it.
enum News {
    Frame {
        wire: Wire,
        text: Option<String>,
        opcode: Opcode,
    },
    Piece(String),
    Footer(String),
    /// Nothing that follows can be read.
    Broken {
        why: String,
        raw: Option<String>,
    },
    End {
        reset: bool,
    },
}

impl Standing {
    fn new(opened: Opened) -> Standing {
        let (out, todo) = mpsc::unbounded_channel();
        Standing {
            web: matches!(opened.from, From::Web(_)),
            from: opened.from,
            out,
            writing: tokio::spawn(write(opened.to, todo)),
            cut: opened.cut,
            domain: opened.domain,
            buffer: vec![0; 16_384],
            broken: false,
        }
    }

    async fn next(&mut self) -> News {
        let (half, splitter) = match &mut self.from {
            From::Web(frames) => {
                return match frames.next().await {
                    Came::Frame { wire, text, opcode } => News::Frame { wire, text, opcode },
                    Came::Misframed(why) => News::Broken { why, raw: None },
                    Came::End { reset } => News::End { reset },
                };
            }
            From::Tcp { half, splitter } => (half, splitter),
        };
        loop {
            match splitter.next_piece() {
                Ok(Some(Piece::Header(raw) | Piece::Element(raw))) => return News::Piece(raw),
                Ok(Some(Piece::Footer)) => return News::Footer("</stream:stream>".into()),
                Ok(Some(Piece::Skipped(_)) | None) => {}
                Err(error) if error.is_limit() || std::mem::replace(&mut self.broken, true) => {
                    return News::End { reset: false };
                }
                // No element can be told from what follows.
                Err(error) => {
                    return News::Broken {
                        why: error.text,
                        raw: Some(splitter.unread()),
                    };
                }
            }
            match half.read(&mut self.buffer).await {
                Ok(0) => return News::End { reset: false },
                Ok(length) => splitter.feed(self.buffer.get(..length).unwrap_or_default()),
                Err(error) => {
                    let reset = error.kind() == std::io::ErrorKind::ConnectionReset;
                    return News::End { reset };
                }
            }
        }
    }
}

async fn write(mut to: WriteHalf<Box<dyn Io>>, mut todo: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(bytes) = todo.recv().await {
        // What cannot be written any more shows itself at the reader as the end of the line.
        if to.write_all(&bytes).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

struct Line<T> {
    tell: T,
    standing: Option<Standing>,
    course: Option<Course>,
    /// The features that name SASL mechanisms, once they have come.
    features: Option<Stanza>,
    /// What has come so far of a text message.
    message: Message,
    /// What has been opened and closed by us.
    stream: bool,
    closing: bool,
    close_frame: bool,
}

impl<T: FnMut(Told) + Send> Line<T> {
    fn told(&mut self, sent: bool, wire: Wire, text: Option<&str>) {
        let text = text.map(without_secrets);
        (self.tell)(Told::Wire { sent, wire, text });
    }

    /// `true`: the line is over.
    async fn order(&mut self, order: Order) -> bool {
        match order {
            Order::Open {
                setup,
                shield,
                key,
                protocols,
                headers,
            } => return self.open(setup, shield, key, &protocols, &headers).await,
            Order::LogIn { setup, key, ask } => {
                let (login, preferred) = (setup.login.clone(), setup.dial.sasl.clone());
                if self.standing.is_none()
                    && self.open(setup, Shield::Usual, key, &["xmpp".into()], &[]).await
                {
                    return true;
                }
                self.log_in(login, preferred, ask);
            }
            Order::Text(text) => self.say(&text),
            Order::Frame {
                opcode,
                last,
                payload,
            } => self.frame(opcode, last, &payload),
            Order::Bytes(bytes) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                self.told(true, Wire::Stream, Some(&text));
                self.push(bytes);
            }
            Order::Opening { domain, version } => {
                if let Some(standing) = &self.standing {
                    let domain = domain.unwrap_or_else(|| standing.domain.clone());
                    let text = opening(standing.web, &domain, &version);
                    self.stream = true;
                    self.say(&text);
                }
            }
            Order::Closing => self.close_stream(),
            Order::Leave => {
                if self.stream && !self.closing {
                    self.close_stream();
                }
                match &self.standing {
                    None => return true,
                    Some(standing) if standing.web => {
                        self.frame(Opcode::Close, true, &1000_u16.to_be_bytes())
                    }
                    Some(_) if self.stream => {}
                    Some(_) => return true,
                }
            }
            Order::Cut => {
                if let Some(standing) = self.standing.take() {
                    standing.cut.cut();
                    standing.writing.abort();
                }
                return true;
            }
        }
        false
    }

    async fn open(
        &mut self,
        setup: Setup,
        shield: Shield,
        key: [u8; 16],
        protocols: &[String],
        headers: &[(String, String)],
    ) -> bool {
        let tell = &mut self.tell;
        let mut told = |sent, wire| {
            tell(Told::Wire {
                sent,
                wire,
                text: None,
            })
        };
        match open(setup, shield, key, protocols, headers, &mut told).await {
            Reached::Open(opened) => {
                self.standing = Some(Standing::new(*opened));
                false
            }
            Reached::Over { reset } => {
                self.told(false, Wire::End { reset }, None);
                true
            }
            Reached::Unreachable(why) => {
                (self.tell)(Told::Unreachable(why));
                true
            }
        }
    }

    fn log_in(&mut self, login: Login, preferred: Vec<Mechanism>, ask: Ask) {
        let Some(standing) = &self.standing else { return };
        let mut course = Course::new(standing.web, &standing.domain.clone(), login, preferred, ask);
        let first = match self.features.clone().filter(|_| self.stream) {
            Some(features) => course.again(&features),
            None => vec![Next::Say(course.begin())],
        };
        self.course = Some(course);
        self.stream = true;
        self.follow(first);
    }

    fn close_stream(&mut self) {
        let web = self.standing.as_ref().is_some_and(|standing| standing.web);
        self.closing = true;
        // Of a login that was under way nothing more is said.
        self.course = None;
        self.say(&if web {
            format!(r#"<close xmlns="{FRAMING}"/>"#)
        } else {
            "</stream:stream>".to_owned()
        });
    }

    fn push(&self, bytes: Vec<u8>) {
        if let Some(standing) = &self.standing {
            // A writer that is gone has told so at the reader.
            let _ = standing.out.send(bytes);
        }
    }

    fn say(&mut self, text: &str) {
        if self.standing.as_ref().is_some_and(|standing| standing.web) {
            self.frame(Opcode::Text, true, text.as_bytes());
        } else {
            self.told(true, Wire::Stream, Some(text));
            self.push(text.as_bytes().to_vec());
        }
    }

    fn frame(&mut self, opcode: Opcode, last: bool, payload: &[u8]) {
        use base64::Engine;
        if opcode == Opcode::Close && std::mem::replace(&mut self.close_frame, true) {
            return;
        }
        let (code, body) = match (opcode, payload) {
            (Opcode::Close, [high, low, reason @ ..]) => (Some(u16::from_be_bytes([*high, *low])), reason),
            (_, payload) => (None, payload),
        };
        let text = std::str::from_utf8(body)
            .ok()
            .filter(|_| opcode != Opcode::Binary);
        let data =
            (text.is_none() && !body.is_empty()).then(|| base64::prelude::BASE64_STANDARD.encode(body));
        let wire = Wire::Frame {
            opcode,
            last,
            data,
            code,
        };
        self.told(true, wire, text);
        self.push(encode(opcode, last, payload));
    }

    /// `true`: the line is over.
    fn came(&mut self, news: News) -> bool {
        match news {
            News::End { reset } => {
                self.told(false, Wire::End { reset }, None);
                true
            }
            News::Broken { why, raw } => {
                self.told(false, Wire::Broken { why }, raw.as_deref());
                false
            }
            News::Piece(raw) => {
                self.told(false, Wire::Stream, Some(&raw));
                self.element(&raw);
                false
            }
            News::Footer(raw) => {
                self.told(false, Wire::Stream, Some(&raw));
                // RFC 6120 §4.4: the answer, and then the connection goes.
                if !std::mem::replace(&mut self.closing, true) {
                    self.close_stream();
                }
                if let Some(standing) = &mut self.standing {
                    let (out, _) = mpsc::unbounded_channel();
                    standing.out = out;
                }
                false
            }
            News::Frame { wire, text, opcode } => {
                let whole = self.message.take(&wire, text.as_deref());
                self.told(false, wire, text.as_deref());
                let body = text.unwrap_or_default();
                match opcode {
                    Opcode::Ping => self.frame(Opcode::Pong, true, body.as_bytes()),
                    Opcode::Close => self.frame(Opcode::Close, true, &[]),
                    _ => {}
                }
                if let Some(whole) = whole {
                    self.element(&whole);
                }
                false
            }
        }
    }

    fn element(&mut self, raw: &str) {
        let Ok(stanza) = Stanza::parse(raw) else { return };
        if stanza.is("features", STREAM) && stanza.element().has_child("mechanisms", SASL) {
            self.features = Some(stanza.clone());
        }
        let Some(course) = &mut self.course else { return };
        let next = course.take(&stanza);
        if course.is_over() {
            self.course = None;
        }
        self.follow(next);
    }

    fn follow(&mut self, next: Vec<Next>) {
        for next in next {
            match next {
                Next::Say(text) => self.say(&text),
                Next::Restart => {
                    if let Some(Standing {
                        from: From::Tcp { splitter, .. },
                        ..
                    }) = &mut self.standing
                    {
                        splitter.restart();
                    }
                }
            }
        }
    }
}
