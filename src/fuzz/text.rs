//! An ordering as the scenario that a person reads: the breaches are announced as each sender's own view has them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::coverage::Cell;
use super::walk::{Call, Move, Reply, Signal};
use crate::profile::Class;
use crate::protocol::{Act, Kind, Role, Ruling, State, View};
use crate::rules::{Level, rule};

/// Where the calls of an ordering stand, each as its two parties see it.
#[derive(Debug, Clone)]
pub(super) struct Board {
    class: Class,
    views: BTreeMap<(Call, Role), View>,
    muted: BTreeMap<(Call, Role), bool>,
    /// Seconds.
    pub at: f64,
}

/// What sending something would mean.
struct Weighed {
    act: Act,
    breaks: Vec<&'static str>,
    cell: Cell,
    /// Whether it moves the view of its sender.
    counts: bool,
    doubtful: bool,
}

impl Board {
    pub fn new(class: Class) -> Board {
        Board {
            class,
            views: BTreeMap::new(),
            muted: BTreeMap::new(),
            at: 0.0,
        }
    }

    pub fn view(&self, call: Call, role: Role) -> View {
        let known = self.views.get(&(call, role)).copied();
        known.unwrap_or_else(|| View::new(role))
    }

    fn act(&self, call: Call, role: Role, signal: Signal) -> Act {
        let muted = self.muted.get(&(call, role)).copied().unwrap_or(false);
        Act {
            kind: signal.kind,
            reason: signal.reason,
            duration: None,
            muted: (signal.kind == Kind::MuteChange).then_some(!muted),
        }
    }

    /// Whether no rule of order, reason or time speaks against it, in any reading.
    pub fn is_legal(&self, call: Call, role: Role, signal: Signal) -> bool {
        let act = self.act(call, role, signal);
        self.view(call, role).may_send(&act, self.at).is_empty()
    }

    /// Whether it can be read in two ways.
    pub fn is_doubtful(&self, call: Call, role: Role, signal: Signal) -> bool {
        let act = self.act(call, role, signal);
        let rulings = self.view(call, role).may_send(&act, self.at);
        rulings
            .iter()
            .any(|ruling| matches!(ruling, Ruling::Ambiguous(_)))
    }

    fn weigh(&self, call: Call, role: Role, signal: Signal, at: f64) -> Weighed {
        let view = self.view(call, role);
        let act = self.act(call, role, signal);
        let rulings = view.may_send(&act, at);
        let breaks = rulings.iter().filter_map(|ruling| match ruling {
            Ruling::Breach(breach) => Some(breach.rule),
            _ => None,
        });
        let breaks: Vec<&'static str> = breaks
            .filter(|id| rule(id).is_some_and(|rule| rule.level != Level::Info))
            .collect();
        let doubtful = rulings
            .iter()
            .any(|ruling| matches!(ruling, Ruling::Ambiguous(_)));
        // A server that judges refuses what is out of order; a wrong reason or time it may carry.
        let order = |id: &&str| id.starts_with("ST-0") || *id == "ST-10";
        let unrefused = !breaks.iter().all(order);
        Weighed {
            act,
            counts: breaks.is_empty(),
            breaks,
            doubtful: doubtful || unrefused,
            cell: Cell {
                role,
                state: view.state(),
                signal: signal.kind,
                reason: signal.reason,
            },
        }
    }

    fn sent(&mut self, call: Call, role: Role, weighed: &Weighed, at: f64) {
        if let Some(muted) = weighed.act.muted {
            self.muted.insert((call, role), muted);
        }
        if weighed.counts {
            let mut view = self.view(call, role);
            view.sent(&weighed.act, at);
            self.views.insert((call, role), view);
        }
    }

    /// The other side takes it in, unless a server that judges kept it.
    fn received(&mut self, call: Call, from: Role, weighed: &Weighed) {
        if self.arrives(weighed) {
            let mut view = self.view(call, from.other());
            view.received(&weighed.act, self.at);
            self.views.insert((call, from.other()), view);
        }
    }

    fn arrives(&self, weighed: &Weighed) -> bool {
        self.class == Class::Relay || weighed.breaks.is_empty()
    }

    /// Moves everything as this move does.
    pub fn apply(&mut self, step: &Move) {
        self.write(step, &mut Written::default());
    }

    fn write(&mut self, step: &Move, out: &mut Written) {
        match step {
            Move::Say {
                call,
                role,
                signal,
                reply,
            } => {
                let weighed = self.weigh(*call, *role, *signal, self.at);
                self.sent(*call, *role, &weighed, self.at);
                out.say(self.class, *call, *role, &weighed, 0);
                if self.arrives(&weighed) {
                    out.hear(*call, role.other(), &weighed, *reply);
                }
                self.received(*call, *role, &weighed);
            }
            Move::Cross { call, caller, callee } => {
                let both = [(Role::Caller, caller), (Role::Callee, callee)];
                let both = both.map(|(role, (signal, gap))| {
                    let at = self.at + *gap as f64 / 1000.0;
                    (role, *gap, at, self.weigh(*call, role, *signal, at))
                });
                out.line("- together:");
                out.indent = "    ";
                for (role, gap, at, weighed) in &both {
                    self.sent(*call, *role, weighed, *at);
                    out.say(self.class, *call, *role, weighed, *gap);
                }
                out.indent = "";
                self.at += caller.1.max(callee.1) as f64 / 1000.0;
                for (role, _, _, weighed) in &both {
                    if self.arrives(weighed) {
                        out.hear(*call, role.other(), weighed, Reply::Result);
                    }
                    self.received(*call, *role, weighed);
                }
            }
            Move::Chat { from, to } => {
                out.chats += 1;
                let body = format!("words {}", out.chats);
                out.line(&format!(
                    "- {from}: {{ sends: chat, to: {to}, body: \"{body}\" }}"
                ));
                out.line(&format!("- {to}: {{ receives: chat, body: \"{body}\" }}"));
                out.actors.extend([*from, *to]);
            }
            Move::Wait(time) => {
                self.at += *time as f64 / 1000.0;
                out.line(&format!("- wait: {time}ms"));
            }
            Move::Quiet(who) => {
                self.at += 0.2;
                out.line(&format!("- {who}: {{ hears: nothing, for: 200ms }}"));
                out.actors.insert(who);
            }
            Move::Rejoin(who) => {
                out.line(&format!("- {who}: {{ does: disconnect }}"));
                out.line(&format!("- {who}: {{ does: connect }}"));
                out.actors.insert(who);
            }
        }
    }
}

#[derive(Default)]
struct Written {
    text: String,
    indent: &'static str,
    chats: usize,
    actors: BTreeSet<&'static str>,
    rules: BTreeSet<&'static str>,
    cells: Vec<Cell>,
    breaches: usize,
    doubts: usize,
}

impl Written {
    fn line(&mut self, line: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "  {}{line}", self.indent);
    }

    fn say(&mut self, class: Class, call: Call, role: Role, weighed: &Weighed, gap: u64) {
        let who = call.actor(role);
        let mut words = format!("sends: {}", weighed.act.kind.name());
        if call != Call::Main {
            let _ = write!(words, ", call: {}", call.label());
        }
        if matches!(call, Call::Back | Call::Third) {
            let _ = write!(words, ", to: {}", call.actor(role.other()));
        }
        if let Some(reason) = weighed.act.reason {
            let _ = write!(words, ", with: {{ reason: {} }}", reason.wire());
        }
        if let Some(muted) = weighed.act.muted {
            let _ = write!(words, ", with: {{ muted: {muted} }}");
        }
        if gap > 0 {
            let _ = write!(words, ", after: {gap}ms");
        }
        if !weighed.breaks.is_empty() {
            let _ = write!(words, ", breaks: [{}]", weighed.breaks.join(", "));
            if class == Class::Enforcing {
                words.push_str(", answered: any");
            }
        }
        self.line(&format!("- {who}: {{ {words} }}"));
        self.rules.extend(&weighed.breaks);
        self.cells.push(weighed.cell);
        self.breaches += usize::from(!weighed.breaks.is_empty());
        self.doubts += usize::from(weighed.doubtful);
        self.actors.extend([who, call.actor(role.other())]);
    }

    fn hear(&mut self, call: Call, role: Role, weighed: &Weighed, reply: Reply) {
        let mut words = format!("receives: {}", weighed.act.kind.name());
        if call != Call::Main {
            let _ = write!(words, ", call: {}", call.label());
        }
        match reply {
            Reply::Result => {}
            Reply::Error => words.push_str(", answer: { error: unexpected-request }"),
            Reply::Withheld => words.push_str(", answer: withhold"),
            Reply::Late(time) => {
                let _ = write!(words, ", answer: {{ after: {time}ms }}");
            }
        }
        self.line(&format!("- {}: {{ {words} }}", call.actor(role)));
    }
}

/// A scenario's text, and the cells that it plays.
#[derive(Debug, Clone)]
pub(super) struct Rendered {
    pub yaml: String,
    /// Only the steps: what two findings of the same shape have in common.
    pub steps: String,
    pub cells: Vec<Cell>,
    /// How many signals break a rule on purpose.
    pub breaches: usize,
    /// Whether what has to come of it is certain: a server that judges may take or refuse what can be read in two ways.
    pub certain: bool,
}

/// The scenario of these moves. `rule`: what it shows, besides what it breaks on purpose.
pub(super) fn render(moves: &[Move], class: Class, name: &str, about: &str, rule: Option<&str>) -> Rendered {
    let mut board = Board::new(class);
    let mut out = Written::default();
    for step in moves {
        board.write(step, &mut out);
    }
    let open = board
        .views
        .values()
        .any(|view| !matches!(view.state(), State::Idle | State::Ended));
    let mut rules: Vec<&str> = rule.into_iter().chain(out.rules.iter().copied()).collect();
    rules.dedup();
    if rules.is_empty() {
        rules.push("RT-03");
    }
    let mut cast = String::from("caller: alice, callee: bob");
    for (actor, user) in [("callee-2", "bob"), ("other", "carol"), ("mallory", "mallory")] {
        if out.actors.contains(actor) {
            let _ = write!(cast, ", {actor}: {user}");
        }
    }
    let mut yaml = format!(
        "name: {name}\nabout: {about}\nrules: [{}]\ntags: [fuzz]\nprofiles: [{}]\ncast: {{ {cast} }}\n",
        rules.join(", "),
        class.name(),
    );
    if open {
        yaml.push_str("leaves-open: the ordering ends in the middle of a call\n");
    }
    yaml.push_str("steps:\n");
    yaml.push_str(&out.text);
    Rendered {
        yaml,
        steps: out.text,
        cells: out.cells,
        breaches: out.breaches,
        certain: class == Class::Relay || out.doubts == 0,
    }
}
