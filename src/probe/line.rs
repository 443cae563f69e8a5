//! A look below a session: one raw line, orders out, and what is told in its order.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::stanza::{Message, SASL, STREAM, Stanza, Wire};
use crate::xmpp::line::{self, Ask, Order, Setup, Shield, Told};

/// How many things a line may tell: a look needs a dozen.
const MOST: usize = 256;
/// How long a look at a line may take.
pub const PATIENCE: Duration = Duration::from_secs(4);

/// A raw line that ends with its value.
pub struct Line {
    orders: mpsc::UnboundedSender<Order>,
    told: mpsc::UnboundedReceiver<Told>,
    running: JoinHandle<()>,
    until: Instant,
    message: Message,
    /// Why it came to an end, if it did.
    pub over: Option<String>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Line {
    /// Opens it.
    pub fn open(setup: Setup, shield: Shield) -> Line {
        let (orders, inbox) = mpsc::unbounded_channel();
        let (tell, told) = mpsc::unbounded_channel();
        let mut left = MOST;
        let running = tokio::spawn(line::run(inbox, move |news| {
            if left > 0 {
                left -= 1;
                // Nobody listens any more: then it is over, too.
                let _ = tell.send(news);
            }
        }));
        let line = Line {
            orders,
            told,
            running,
            until: Instant::now() + PATIENCE,
            message: Message::default(),
            over: None,
        };
        line.give(Order::Open {
            setup,
            shield,
            key: Uuid::new_v4().into_bytes(),
            protocols: vec!["xmpp".into()],
            headers: Vec::new(),
        });
        line
    }

    fn give(&self, order: Order) {
        let _ = self.orders.send(order);
    }

    /// The next thing told that fits; `None`: it does not come, and `over` says why if the line has ended.
    pub async fn until<T>(&mut self, mut fits: impl FnMut(&Wire, Option<&str>) -> Option<T>) -> Option<T> {
        loop {
            match timeout_at(self.until, self.told.recv()).await {
                Ok(Some(Told::Wire {
                    sent: false,
                    wire,
                    text,
                })) => {
                    let Some(text) = self.message.hear(&wire, text) else {
                        continue;
                    };
                    if let Some(found) = fits(&wire, text.as_deref()) {
                        return Some(found);
                    }
                    if matches!(wire, Wire::End { .. }) {
                        self.over.get_or_insert(wire.words());
                        return None;
                    }
                }
                Ok(Some(Told::Wire { .. })) => {}
                Ok(Some(Told::Unreachable(why))) => {
                    self.over.get_or_insert(why);
                    return None;
                }
                Ok(None) => return None,
                Err(_) => {
                    self.over
                        .get_or_insert(format!("nothing came within {} s", PATIENCE.as_secs()));
                    return None;
                }
            }
        }
    }

    /// Whether the connection stands, with TLS of which version.
    pub async fn reached(&mut self) -> Option<Option<String>> {
        self.until(|wire, _| match wire {
            Wire::Reached { tls } => Some(tls.clone()),
            _ => None,
        })
        .await
    }

    /// The status that the upgrade draws.
    pub async fn upgraded(&mut self) -> Option<u16> {
        self.until(|wire, _| match wire {
            Wire::Upgraded { status, .. } => Some(*status),
            _ => None,
        })
        .await
    }

    /// Whether an offer of TLS 1.1 is taken. Needs [`Shield::OldTls`].
    pub async fn old_tls(&mut self) -> Option<bool> {
        self.until(|wire, _| match wire {
            Wire::Hello { accepted, .. } => *accepted,
            _ => None,
        })
        .await
    }

    /// Opens a stream, and returns what it offers.
    pub async fn features(&mut self) -> Option<Stanza> {
        self.give(Order::Opening {
            domain: None,
            version: "1.0".into(),
        });
        self.until(|_, text| features(text)).await
    }

    /// Logs in as far as the features that follow, and returns those.
    pub async fn features_after_login(&mut self, setup: Setup) -> Option<Stanza> {
        self.give(Order::LogIn {
            setup,
            key: Uuid::new_v4().into_bytes(),
            ask: Ask {
                unbound: true,
                ..Ask::default()
            },
        });
        self.until(|_, text| features(text)).await
    }
}

fn features(text: Option<&str>) -> Option<Stanza> {
    let stanza = Stanza::parse(text?).ok()?;
    stanza.is("features", STREAM).then_some(stanza)
}

/// The SASL mechanisms in features.
pub fn mechanisms(features: &Stanza) -> Vec<String> {
    features
        .element()
        .children()
        .filter(|child| child.is("mechanisms", SASL))
        .flat_map(minidom::Element::children)
        // Others may stand there too (XEP-0233).
        .filter(|child| child.is("mechanism", SASL))
        .map(|mechanism| mechanism.text().trim().to_owned())
        .collect()
}
