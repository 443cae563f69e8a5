//! What a server does wrong, once.

use crate::spelling::{Body, Stanza};
use crate::world::World;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Loses,
    Doubles,
    /// Holds a signal back until after the sender's next one.
    Reorders,
    /// Names another sender.
    Forges,
    /// Puts another text in its place.
    Changes,
    SwallowsAnswer,
    DoublesAnswer,
    /// Lets an answer come from somebody else.
    MisnamesAnswer,
    /// Makes an error of a result.
    ChangesAnswer,
}

pub const KINDS: [Kind; 9] = [
    Kind::Loses,
    Kind::Doubles,
    Kind::Reorders,
    Kind::Forges,
    Kind::Changes,
    Kind::SwallowsAnswer,
    Kind::DoublesAnswer,
    Kind::MisnamesAnswer,
    Kind::ChangesAnswer,
];

impl Kind {
    fn is_for(self, stanza: &Stanza, world: &World) -> bool {
        let of_signal = || world.signals.contains(&(stanza.to.clone(), stanza.id.clone()));
        let signal = matches!(stanza.body, Body::Call(_)) && stanza.kind == "set";
        match self {
            Kind::SwallowsAnswer | Kind::DoublesAnswer | Kind::MisnamesAnswer => {
                matches!(stanza.kind, "result" | "error") && of_signal()
            }
            Kind::ChangesAnswer => stanza.kind == "result" && of_signal(),
            _ => signal,
        }
    }

    /// It shows in what does not come.
    pub fn is_an_absence(self) -> bool {
        matches!(self, Kind::Loses | Kind::SwallowsAnswer)
    }

    /// The rules that may name it.
    pub fn rules(self) -> &'static [&'static str] {
        match self {
            Kind::Loses | Kind::Doubles => &["RT-03"],
            Kind::Reorders => &["RT-04"],
            Kind::Forges => &["RT-01"],
            Kind::Changes => &["RT-05", "RT-14"],
            Kind::SwallowsAnswer | Kind::ChangesAnswer | Kind::MisnamesAnswer => &["RT-08"],
            Kind::DoublesAnswer => &["IQ-01"],
        }
    }
}

/// How long a signal is held back at most, in seconds.
const LONG: f64 = 3.0;

/// What is to go wrong, and what did.
#[derive(Debug, Clone, Default)]
pub struct Fault {
    pub kind: Option<Kind>,
    /// How many are spared.
    pub spares: usize,
    /// A signal that waits for the next, and since when.
    pub held: Option<(Stanza, f64)>,
    /// The stanza that it happened to, and when.
    pub done: Option<(Stanza, f64)>,
}

impl World {
    /// What the server passes on of this stanza.
    pub fn misdeed(&mut self, stanza: Stanza) -> Vec<Stanza> {
        if let Some((held, since)) = self.fault.held.take() {
            let same = held.from == stanza.from && held.to == stanza.to;
            if same && matches!(stanza.body, Body::Call(_)) && self.now - since < LONG {
                self.fault.done = Some((held.clone(), self.now));
                return vec![stanza, held];
            }
            if same || self.now - since >= LONG {
                // Too late to change anything but how long it took.
                return vec![held, stanza];
            }
            self.fault.held = Some((held, since));
        }
        let Some(kind) = self.fault.kind.filter(|kind| kind.is_for(&stanza, self)) else {
            return vec![stanza];
        };
        if self.fault.done.is_some() || self.fault.held.is_some() || self.session_of(&stanza.to).is_none() {
            return vec![stanza];
        }
        if self.fault.spares > 0 {
            self.fault.spares -= 1;
            return vec![stanza];
        }
        if kind != Kind::Reorders {
            self.fault.done = Some((stanza.clone(), self.now));
        }
        let other = |jid: &str| {
            format!(
                "mallory@{}/m",
                jid.split('@')
                    .next_back()
                    .unwrap_or_default()
                    .split('/')
                    .next()
                    .unwrap_or_default()
            )
        };
        match kind {
            Kind::Loses | Kind::SwallowsAnswer => Vec::new(),
            Kind::Doubles | Kind::DoublesAnswer => vec![stanza.clone(), stanza],
            Kind::Reorders => {
                self.fault.held = Some((stanza, self.now));
                Vec::new()
            }
            Kind::Forges | Kind::MisnamesAnswer => vec![Stanza {
                from: other(&stanza.from),
                ..stanza
            }],
            Kind::Changes => {
                let Body::Call(text) = &stanza.body else {
                    return vec![stanza];
                };
                let body = Body::Call(format!("{text} "));
                vec![Stanza { body, ..stanza }]
            }
            Kind::ChangesAnswer => {
                let body = Body::Error("internal-server-error");
                vec![Stanza {
                    kind: "error",
                    body,
                    ..stanza
                }]
            }
        }
    }
}
