//! Worlds with devices in them that call each other, and pieces of what was recorded of them.

use crate::client::{Device, Todo};
use crate::dice::Dice;
use crate::fault::{Fault, Kind};
use crate::spelling::Stanza;
use crate::world::{CLIENT, Passed, World};
use crate::written::{self, Format, Recorder};

/// A world that has run to its end.
pub fn made(dice: &mut Dice, kind: Option<Kind>) -> World {
    let fault = Fault {
        kind,
        spares: dice.below(12),
        ..Fault::default()
    };
    let framed = dice.chance(60);
    let mut world = World::new(Dice::new(dice.next()), framed, fault);
    let users = ["alice", "bob", "carol"];
    for user in &users[..2 + dice.below(2)] {
        let uuid = dice.uuid();
        for number in 0..1 + dice.below(2) {
            let resource = dice.one(&["web", "phone 1", "a/b", "ü&'"]);
            let device = Device::new(user, &format!("{resource}{number}"), &uuid, dice);
            world.devices.push(device);
        }
    }
    let count = world.devices.len();
    for device in 0..count {
        world.connects(device, None);
    }
    for _ in 0..2 + dice.below(4) {
        let (device, other) = (dice.below(count), dice.below(count));
        let at = dice.between(1.0, 30.0);
        world.later(at, device, Todo::Call(other));
        if dice.chance(25) {
            // Glare.
            let soon = at + dice.between(0.0, 0.2);
            world.later(soon, other, Todo::Call(device));
        }
    }
    for _ in 0..dice.below(20) {
        let at = dice.between(1.0, 80.0);
        world.later(at, dice.below(count), Todo::Chats);
    }
    // Something goes on passing to the end, so that what is missing by then was lost.
    for device in 0..count {
        for at in [100.0, 120.0, 140.0] {
            world.later(at, device, Todo::Pings);
        }
    }
    // A server's fault shows as it is where nothing else is lost.
    let drops = if kind.is_some() { 0 } else { dice.below(4) };
    for _ in 0..drops {
        let at = dice.between(1.0, 50.0);
        world.drop_at(at, dice.below(count));
    }
    world.run();
    world
}

/// What is left of a recording.
#[derive(Debug, Clone)]
pub struct Cut {
    /// It begins so late, in seconds.
    since: Vec<f64>,
    /// It ends so early, in thousandths.
    to: Vec<usize>,
    /// Of a log, even the first line is not whole.
    torn: bool,
}

impl Cut {
    pub fn none() -> Cut {
        Cut {
            since: Vec::new(),
            to: Vec::new(),
            torn: false,
        }
    }

    pub fn new(recorders: &[Recorder], dice: &mut Dice) -> Cut {
        let mut cut = Cut::none();
        for _ in recorders {
            cut.since.push(if dice.chance(40) {
                dice.between(0.0, 45.0)
            } else {
                0.0
            });
            cut.to
                .push(if dice.chance(50) { dice.below(1_000) } else { 1_000 });
        }
        cut.torn = dice.chance(50);
        cut
    }
}

/// The bytes of each recording.
pub fn bytes(world: &World, recorders: &[Recorder], cut: &Cut, dice: &mut Dice) -> Vec<Vec<u8>> {
    let one = |(number, recorder): (usize, &Recorder)| {
        let since = cut.since.get(number).copied().unwrap_or_default();
        let mut bytes = recorder.written(world, since, dice).into_bytes();
        let to = cut.to.get(number).copied().unwrap_or(1_000);
        bytes.truncate(bytes.len() * to / 1_000);
        let log = !matches!(recorder.format, Format::Har | Format::Proxy | Format::Signals);
        if since > 0.0 && cut.torn && log {
            let first = bytes.iter().position(|b| *b == b'\n').unwrap_or_default();
            bytes.drain(..dice.below(first + 1));
        }
        bytes
    };
    recorders.iter().enumerate().map(one).collect()
}

/// Whether all of what passed from its sender to its receiver was recorded at both ends.
pub fn saw_both(world: &World, recorders: &[Recorder], stanza: &Stanza) -> bool {
    let recorded = |jid: &str| {
        let device = world.devices.iter().position(|device| device.jid() == jid);
        // Without times nobody knows what came first, and signals alone are no stanzas.
        let stanzas = |r: &&Recorder| !matches!(r.format, Format::Signals | Format::XmppJs);
        device.is_some_and(|device| {
            recorders
                .iter()
                .filter(stanzas)
                .any(|r| r.devices.contains(&device))
        })
    };
    recorded(&stanza.from) && recorded(&stanza.to)
}

/// Whether both went on hearing of something for long enough that what is missing was lost.
pub fn went_on(world: &World, recorders: &[Recorder], stanza: &Stanza, at: f64) -> bool {
    // From in between it is not known what the server had read.
    let between = recorders.iter().any(|r| written::BETWEENS.contains(&r.format));
    if world.fault.kind.is_some_and(Kind::is_an_absence) && between {
        return false;
    }
    let came = |jid: &str| {
        let on = |passed: &&Passed| !passed.out && world.conns[passed.conn].jid == jid;
        let times = world
            .passed
            .iter()
            .filter(on)
            .filter_map(|passed| passed.at[CLIENT]);
        times.fold(0.0, f64::max)
    };
    came(&stanza.from) > at + 20.0 && came(&stanza.to) > at + 20.0
}
