//! Who is connected: what all sessions of one endpoint share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::io::DuplexStream;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Config;
use super::carriage::flaws;
use super::enforcing::{Flaws, Machine};
use super::fault::slip::Slips;
use super::fault::{Beyond, Injector, Parcel, Slip};
use super::outbox::Outbox;
use crate::profile::Class;
use crate::stanza::bare;

/// What has to happen when a request that was delivered is never answered.
#[derive(Debug)]
pub(super) enum Owed {
    /// This error goes back to whoever asked.
    Bounce(String),
    /// The server asked for itself.
    Nothing,
}

/// Requests that one client may owe an answer to at once.
pub(super) const MOST_OWED: usize = 10_000;

#[derive(Debug)]
pub(super) struct Seat {
    serial: u64,
    pub(super) out: Arc<Outbox>,
    /// On a WebSocket, not on TCP.
    pub(super) web: bool,
    /// Whether it has sent available presence (RFC 6121 §4.2).
    pub(super) available: bool,
    /// Requests delivered here and not answered yet, by (from, id).
    pub(super) owed: BTreeMap<(String, String), Owed>,
}

#[derive(Debug, Default)]
pub(super) struct Registry {
    serial: u64,
    /// By full JID.
    pub(super) seats: BTreeMap<String, Seat>,
    /// Every stream, bound or not, by its number.
    streams: BTreeMap<u64, Arc<Outbox>>,
    /// Judges call signals; `None`: a relay, which does not look at them.
    pub(super) machine: Option<Machine>,
    /// A task waits for the machine's next deadline.
    pub(super) ticking: bool,
    /// What is done wrong; `None`: nothing.
    pub(super) faults: Option<Injector>,
    /// What a fault holds back, by when it is due, in microseconds, and its number.
    pub(super) delayed: BTreeMap<(u64, u64), Parcel>,
    pub(super) posted: u64,
    /// A task waits for the next of these.
    pub(super) posting: bool,
    /// Somebody's login was refused.
    refused: bool,
}

/// The endpoint. Clones are the same endpoint.
#[derive(Debug, Clone)]
pub struct Endpoint {
    config: Arc<Config>,
    registry: Arc<Mutex<Registry>>,
    /// Somebody's stream has ended.
    left: Arc<Notify>,
    begun: Arc<OnceLock<(Instant, OffsetDateTime)>>,
    /// What goes wrong below the stanzas.
    slips: Arc<Slips>,
}

impl Endpoint {
    pub fn new(config: Config) -> Endpoint {
        let config = Arc::new(config);
        let ids = Arc::clone(&config);
        let faults = Injector::new(&config.faults, config.seed, config.fault_log.clone());
        let slips = faults.as_ref().map(Injector::slips).unwrap_or_default();
        let flaws = faults.as_ref().map_or_else(Flaws::default, flaws);
        let machine = (config.profile.class == Class::Enforcing)
            .then(|| Machine::new(Box::new(move |bare| ids.id_of(bare)), flaws));
        let registry = Registry {
            machine,
            faults,
            ..Registry::default()
        };
        Endpoint {
            config,
            registry: Arc::new(Mutex::new(registry)),
            left: Arc::default(),
            begun: Arc::default(),
            slips: Arc::new(slips),
        }
    }

    /// The client's end of a new connection; the session runs on the current runtime.
    pub fn dial(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(1 << 20);
        tokio::spawn(super::session::run(self.clone(), Box::new(server)));
        client
    }

    /// Ends every stream with `system-shutdown`, and waits until they are gone or have had two seconds for it.
    pub async fn shutdown(&self) {
        let streams: Vec<_> = self.registry().streams.values().cloned().collect();
        for stream in streams {
            stream.end("system-shutdown");
        }
        let gone = async {
            while !self.registry().streams.is_empty() {
                self.left.notified().await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(2), gone).await;
    }

    pub(super) fn slips(&self) -> &Slips {
        &self.slips
    }

    pub(super) fn slip(&self, slip: Slip) -> bool {
        self.slips.contains(&slip)
    }

    /// Ends every stream at once: one has brought the server down.
    pub(super) fn crash(&self) {
        let streams: Vec<_> = self.registry().streams.values().cloned().collect();
        for stream in streams {
            stream.end("internal-server-error");
        }
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn registry(&self) -> MutexGuard<'_, Registry> {
        // Nothing panics while it holds the lock; and if, the map is still a map.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seconds since the endpoint's beginning, and that moment as wall time.
    pub(super) fn now(&self) -> (f64, OffsetDateTime) {
        let epoch = || {
            (
                Instant::now(),
                self.config.epoch.unwrap_or_else(OffsetDateTime::now_utc),
            )
        };
        let (begun, wall) = self.begun.get_or_init(epoch);
        let elapsed = begun.elapsed();
        (elapsed.as_secs_f64(), *wall + elapsed)
    }

    /// The wall time of this endpoint.
    pub fn wall(&self) -> OffsetDateTime {
        self.now().1
    }

    /// The instant that stands `seconds` after the endpoint's beginning.
    pub(super) fn instant(&self, seconds: f64) -> Instant {
        let begun = self.begun.get().map_or_else(Instant::now, |(begun, _)| *begun);
        begun + Duration::from_secs_f64(seconds.max(0.0))
    }

    /// A number that no other stream of this endpoint has had.
    pub(super) fn serial(&self) -> u64 {
        let mut registry = self.registry();
        registry.serial += 1;
        registry.serial
    }

    pub(super) fn came(&self, serial: u64, out: &Arc<Outbox>) {
        self.registry().streams.insert(serial, Arc::clone(out));
    }

    pub(super) fn went(&self, serial: u64) {
        self.registry().streams.remove(&serial);
        self.left.notify_one();
    }

    /// Binds a stream to a full JID, and says so with `bound`. Whoever had it before is ended with `conflict`
    /// (RFC 6120 §7.7.2.2).
    ///
    /// # Errors
    /// The user has as many sessions as a server lets it have that does this with one more.
    pub(super) fn sit_down(
        &self,
        jid: &str,
        serial: u64,
        (out, web): (&Arc<Outbox>, bool),
        bound: String,
    ) -> Result<(), Beyond> {
        let seat = Seat {
            serial,
            out: Arc::clone(out),
            web,
            available: false,
            owed: BTreeMap::new(),
        };
        let mut registry = self.registry();
        self.make_room(&mut registry, jid)?;
        // The answer is the first thing that stands in the queue of this resource.
        out.push(bound);
        if let Some(old) = registry.seats.remove(jid)
            && !self.slip(Slip::ConflictIgnored)
        {
            old.out.end("conflict");
            self.vacate(&mut registry, jid, old);
        }
        registry.seats.insert(jid.to_owned(), seat);
        let kept = registry.faults.as_mut().map(|faults| faults.arrived(jid));
        self.post(&mut registry, kept.unwrap_or_default());
        Ok(())
    }

    /// Whether the user of this address, which may have a session there already, may have one session more. Where a
    /// server does so, the oldest is ended for it.
    fn make_room(&self, registry: &mut Registry, jid: &str) -> Result<(), Beyond> {
        let limit = registry.faults.as_ref().and_then(Injector::sessions);
        let Some((most, beyond)) = limit else {
            return Ok(());
        };
        let mut others = registry.devices(bare(jid));
        others.retain(|other| other != jid);
        if others.len() < most {
            return Ok(());
        }
        if beyond != Beyond::Replaces {
            return Err(beyond);
        }
        let since = |jid: &String| registry.seats.get(jid).map(|seat| seat.serial);
        if let Some(oldest) = others.into_iter().min_by_key(since)
            && let Some(seat) = registry.seats.remove(&oldest)
        {
            seat.out.end("conflict");
            self.vacate(registry, &oldest, seat);
        }
        Ok(())
    }

    /// `cut`: its connection broke.
    pub(super) fn stand_up(&self, jid: &str, serial: u64, cut: bool) {
        let mut registry = self.registry();
        if registry.seats.get(jid).is_some_and(|seat| seat.serial == serial)
            && let Some(seat) = registry.seats.remove(jid)
        {
            let stays = registry
                .faults
                .as_mut()
                .is_some_and(|faults| faults.left(jid, cut));
            if !stays {
                self.vacate(&mut registry, jid, seat);
            }
        }
    }

    /// Tells everyone whom it concerns that this client is gone.
    fn vacate(&self, registry: &mut Registry, jid: &str, seat: Seat) {
        for ((from, _), owed) in seat.owed {
            if let Owed::Bounce(bounce) = owed
                && let Some(asker) = registry.seats.get(&from)
            {
                asker.out.push(bounce);
            }
        }
        self.vanished(registry, jid);
    }
}

impl Registry {
    /// Whether a login was refused before; this one is, or is not.
    pub(super) fn refuses(&mut self, now: bool) -> bool {
        let before = self.refused;
        self.refused |= now;
        before
    }

    /// The full JIDs of a user's connected clients.
    pub(super) fn devices(&self, user: &str) -> Vec<String> {
        let from = format!("{user}/");
        self.seats
            .range(from.clone()..)
            .take_while(|(jid, _)| jid.starts_with(&from))
            .map(|(jid, _)| jid.clone())
            .collect()
    }

    /// Who gets a message to this address: the client, or of a bare JID those that are available; where none has said
    /// that it is, all of them (RFC 6121 §8.5.2.1.1, which knows no resource without presence).
    pub(super) fn readers(&self, to: &str) -> Vec<String> {
        if bare(to) != to {
            return self
                .seats
                .get_key_value(to)
                .map(|(jid, _)| jid.clone())
                .into_iter()
                .collect();
        }
        let all = self.devices(to);
        let available = |jid: &&String| self.seats.get(*jid).is_some_and(|seat| seat.available);
        let some: Vec<_> = all.iter().filter(available).cloned().collect();
        if some.is_empty() { all } else { some }
    }
}
