//! A server, the users' devices and the wires between them, in time of their own: who writes what and when it comes in.

use std::collections::{BTreeMap, BinaryHeap, HashSet, VecDeque};

use crate::client::{Device, Todo};
use crate::dice::Dice;
use crate::fault::Fault;
use crate::login;
use crate::spelling::{Body, Spelling, Stanza};

/// Where a stanza can be seen, as it passes: at the client, between, at the server.
pub const CLIENT: usize = 0;
pub const BETWEEN: usize = 1;
pub const SERVER: usize = 2;

pub const DOMAIN: &str = "chat.example";

/// What passed on one connection, and when it did at each place.
#[derive(Debug, Clone)]
pub struct Passed {
    pub conn: usize,
    /// From the client to the server.
    pub out: bool,
    pub text: String,
    pub at: [Option<f64>; 3],
    /// Not what it is: passwords are.
    pub login: bool,
}

#[derive(Debug, Clone)]
pub struct Conn {
    pub device: usize,
    pub jid: String,
    pub ended: Option<f64>,
    /// When what was under way last arrives, in each direction.
    line: [f64; 2],
    /// The session that it carries on: what was not acknowledged goes over the next one.
    session: usize,
}

/// What the stream management of one session knows (XEP-0198); without it nothing is sent again.
#[derive(Debug, Clone, Default)]
pub struct Session {
    pub managed: bool,
    pub jid: String,
    pub conn: Option<usize>,
    /// What was sent and has not come in, as texts: to the server, and from it.
    pending: [VecDeque<(u64, Stanza)>; 2],
}

#[derive(Debug, Clone)]
enum Happens {
    /// A stanza has come to the server on this connection.
    Comes(usize, usize, u64, Stanza),
    /// A stanza has come to the device of this connection.
    Reaches(usize, usize, u64, Stanza),
    Does(usize, Todo),
    Drops(usize),
    Returns(usize),
}

pub struct World {
    pub dice: Dice,
    pub now: f64,
    queue: BinaryHeap<std::cmp::Reverse<(u64, u64)>>,
    events: BTreeMap<u64, Happens>,
    count: u64,
    pub devices: Vec<Device>,
    pub conns: Vec<Conn>,
    pub sessions: Vec<Session>,
    pub passed: Vec<Passed>,
    pub fault: Fault,
    /// Who has sent which signals, by their ids.
    pub signals: HashSet<(String, String)>,
    pub server: Spelling,
    /// Stanzas stand in frames (RFC 7395).
    pub framed: bool,
    over: f64,
}

impl World {
    pub fn new(mut dice: Dice, framed: bool, fault: Fault) -> World {
        World {
            server: Spelling::new(&mut dice),
            now: 0.0,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            count: 0,
            devices: Vec::new(),
            conns: Vec::new(),
            sessions: Vec::new(),
            passed: Vec::new(),
            fault,
            signals: HashSet::new(),
            framed,
            over: 150.0,
            dice,
        }
    }

    fn at(&mut self, t: f64, what: Happens) {
        self.count += 1;
        self.queue.push(std::cmp::Reverse(((t * 1e6) as u64, self.count)));
        self.events.insert(self.count, what);
    }

    pub fn later(&mut self, seconds: f64, device: usize, todo: Todo) {
        self.at(self.now + seconds, Happens::Does(device, todo));
    }

    pub fn drop_at(&mut self, t: f64, device: usize) {
        self.at(t, Happens::Drops(device));
    }

    /// Until all is said, or this long.
    pub fn run(&mut self) {
        while let Some(std::cmp::Reverse((t, key))) = self.queue.pop() {
            let t = t as f64 / 1e6;
            let Some(what) = self.events.remove(&key) else {
                continue;
            };
            if t > self.over {
                break;
            }
            self.now = self.now.max(t);
            match what {
                Happens::Comes(conn, number, key, stanza) => {
                    if self.is_up(conn) {
                        self.passed[number].at[SERVER] = Some(self.now);
                        self.acknowledge(conn, 0, key);
                        self.route(conn, stanza);
                    }
                }
                Happens::Reaches(conn, number, key, stanza) => {
                    if self.is_up(conn) {
                        self.passed[number].at[CLIENT] = Some(self.now);
                        self.acknowledge(conn, 1, key);
                        let device = self.conns[conn].device;
                        self.reaches(device, stanza);
                    }
                }
                Happens::Does(device, todo) => self.does(device, todo),
                Happens::Drops(device) => self.drops(device),
                Happens::Returns(device) => self.returns(device),
            }
        }
    }

    fn acknowledge(&mut self, conn: usize, way: usize, key: u64) {
        let session = self.conns[conn].session;
        self.sessions[session].pending[way].retain(|(pending, _)| *pending != key);
    }

    fn is_up(&self, conn: usize) -> bool {
        self.conns[conn].ended.is_none()
    }

    pub fn conn_of(&self, device: usize) -> Option<usize> {
        let conn = self.devices[device].conn?;
        self.is_up(conn).then_some(conn)
    }

    /// A text on its way: what has passed between is seen there, though its connection may break before it gets to
    /// its end.
    fn under_way(&mut self, conn: usize, out: bool, text: String, login: bool) -> (usize, f64) {
        let took = match self.dice.below(10) {
            0 => self.dice.between(0.1, 0.9),
            _ => self.dice.between(0.002, 0.08),
        };
        let line = &mut self.conns[conn].line[usize::from(out)];
        let there = (self.now + took).max(*line + 1e-4);
        *line = there;
        let mut at = [None; 3];
        at[if out { CLIENT } else { SERVER }] = Some(self.now);
        let number = self.passed.len();
        self.passed.push(Passed {
            conn,
            out,
            text,
            at,
            login,
        });
        let halfway = self.dice.between(self.now, there);
        let before = self.passed[..number]
            .iter()
            .rev()
            .find(|p| p.conn == conn && p.out == out);
        // What went before is never passed on the way.
        let halfway = halfway
            .max(before.and_then(|p| p.at[BETWEEN]).unwrap_or(0.0) + 1e-5)
            .min(there);
        self.passed[number].at[BETWEEN] = Some(halfway);
        (number, there)
    }

    /// A device writes a stanza, if it has a connection.
    pub fn sends(&mut self, device: usize, stanza: Stanza) {
        let Some(conn) = self.conn_of(device) else {
            // It goes out as soon as there is a connection again.
            if matches!(stanza.body, Body::Call(_)) {
                self.devices[device].outbox.push(stanza);
            }
            return;
        };
        self.count += 1;
        let key = self.count;
        self.sessions[self.conns[conn].session].pending[0].push_back((key, stanza.clone()));
        self.writes(conn, key, stanza);
    }

    fn writes(&mut self, conn: usize, key: u64, stanza: Stanza) {
        let text = self.devices[self.conns[conn].device]
            .spelling
            .write(&stanza, self.framed);
        let (number, there) = self.under_way(conn, true, text, false);
        self.at(there, Happens::Comes(conn, number, key, stanza));
    }

    /// The server writes a stanza to a session.
    fn hands(&mut self, session: usize, stanza: Stanza) {
        self.count += 1;
        let key = self.count;
        self.sessions[session].pending[1].push_back((key, stanza.clone()));
        if let Some(conn) = self.sessions[session].conn {
            self.hands_over(conn, key, stanza);
        }
    }

    fn hands_over(&mut self, conn: usize, key: u64, stanza: Stanza) {
        let text = self.server.write(&stanza, self.framed);
        let (number, there) = self.under_way(conn, false, text, false);
        self.at(there, Happens::Reaches(conn, number, key, stanza));
    }

    pub fn session_of(&self, jid: &str) -> Option<usize> {
        let here = |s: &Session| s.jid == jid && (s.conn.is_some() || s.managed);
        self.sessions.iter().rposition(here)
    }

    fn route(&mut self, conn: usize, mut stanza: Stanza) {
        stanza.from = self.conns[conn].jid.clone();
        if stanza.to.is_empty() || stanza.to == DOMAIN {
            if matches!(stanza.kind, "get" | "set") {
                let from = String::new();
                let answer = Stanza {
                    kind: "result",
                    from,
                    to: stanza.from,
                    body: Body::Nothing,
                    ..stanza
                };
                self.hands(self.conns[conn].session, answer);
            }
            return;
        }
        if matches!(stanza.body, Body::Call(_)) {
            self.signals.insert((stanza.from.clone(), stanza.id.clone()));
        }
        for stanza in self.misdeed(stanza) {
            self.delivers(stanza);
        }
    }

    fn delivers(&mut self, stanza: Stanza) {
        if stanza.name == "message" && !stanza.to.contains('/') {
            let user = format!("{}/", stanza.to);
            let all = self.sessions.iter().enumerate();
            let here = all
                .filter(|(_, s)| s.jid.starts_with(&user) && s.conn.is_some())
                .map(|(n, _)| n);
            for session in here.collect::<Vec<_>>() {
                self.hands(session, stanza.clone());
            }
            return;
        }
        match self.session_of(&stanza.to) {
            Some(session) => self.hands(session, stanza),
            None if matches!(stanza.kind, "get" | "set") => {
                let body = Body::Error("service-unavailable");
                let (from, to) = (stanza.to, stanza.from);
                if let Some(session) = self.session_of(&to) {
                    self.hands(
                        session,
                        Stanza {
                            kind: "error",
                            from,
                            to,
                            body,
                            ..stanza
                        },
                    );
                }
            }
            None => {}
        }
    }

    fn drops(&mut self, device: usize) {
        let Some(conn) = self.conn_of(device) else { return };
        self.conns[conn].ended = Some(self.now);
        self.devices[device].conn = None;
        let session = self.conns[conn].session;
        self.sessions[session].conn = None;
        let now = self.now;
        // What had not come so far has not passed there either.
        for passed in self.passed.iter_mut().filter(|passed| passed.conn == conn) {
            passed
                .at
                .iter_mut()
                .for_each(|at| *at = at.filter(|at| *at <= now));
        }
        if !self.sessions[session].managed {
            self.devices[device].forgets();
        }
        let away = self.dice.between(0.3, 6.0);
        self.at(now + away, Happens::Returns(device));
    }

    fn returns(&mut self, device: usize) {
        let session = self.devices[device].session;
        if self.sessions[session].managed && self.dice.chance(85) {
            self.connects(device, Some(session));
            return;
        }
        self.sessions[session].managed = false;
        // What waited for it comes back to whoever sent it.
        for (_, stanza) in std::mem::take(&mut self.sessions[session].pending[1]) {
            self.delivers(stanza);
        }
        self.devices[device].forgets();
        if self.dice.chance(40) {
            let resource = self.dice.next() % 1_000;
            self.devices[device].resource = format!("again {resource}");
        }
        self.connects(device, None);
    }

    /// A new connection, for a new session or for one that is resumed.
    pub fn connects(&mut self, device: usize, resumed: Option<usize>) {
        let jid = match resumed {
            Some(session) => self.sessions[session].jid.clone(),
            None => self.devices[device].jid(),
        };
        let session = resumed.unwrap_or_else(|| {
            let managed = self.devices[device].managed;
            self.sessions.push(Session {
                managed,
                jid: jid.clone(),
                ..Session::default()
            });
            self.sessions.len() - 1
        });
        let conn = self.conns.len();
        let line = [self.now; 2];
        self.conns.push(Conn {
            device,
            jid: jid.clone(),
            ended: None,
            line,
            session,
        });
        let managed = self.sessions[session].managed;
        for (out, text) in login::texts(&jid, self.framed, managed.then_some(session), resumed.is_some()) {
            self.now += 1e-4;
            let at = [Some(self.now); 3];
            self.passed.push(Passed {
                conn,
                out,
                text,
                at,
                login: true,
            });
        }
        self.conns[conn].line = [self.now; 2];
        self.sessions[session].conn = Some(conn);
        self.devices[device].session = session;
        self.devices[device].conn = Some(conn);
        if resumed.is_none() {
            self.devices[device].begins_stream();
        }
        let pending = std::mem::take(&mut self.sessions[session].pending);
        let again = if resumed.is_some() {
            pending
        } else {
            Default::default()
        };
        for (way, stanzas) in again.into_iter().enumerate() {
            for (key, stanza) in stanzas {
                self.sessions[session].pending[way].push_back((key, stanza.clone()));
                match way {
                    0 => self.writes(conn, key, stanza),
                    _ => self.hands_over(conn, key, stanza),
                }
            }
        }
        for stanza in std::mem::take(&mut self.devices[device].outbox) {
            self.sends(device, stanza);
        }
    }
}
