//! What crosses threads: commands towards the engine, events away from it. Both under short locks.

use crate::api::{Command, ConnectConfig, EndpointId, Event, EventSink, ListenConfig, SessionId};
use crate::cert::CertStore;
use crate::clock::monotonic_us;
use crate::io::Wake;
use quinn_proto::crypto;
use rustls::server::danger::ClientCertVerifier;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// Datagram commands that wait for the engine thread: beyond, new ones are dropped and counted. Other commands are
/// bounded by what they refer to (stream credit, sessions) and always taken.
const COMMAND_DATAGRAMS: usize = 8192;
const COMMAND_BYTES: usize = 8 << 20;
/// A held queue wakes the engine all the same when so many commands wait.
const HELD_COMMANDS: usize = 256;

pub(crate) struct NewListener {
    pub endpoint: EndpointId,
    pub config: ListenConfig,
    pub certificates: CertStore,
    pub clients: Option<Arc<dyn ClientCertVerifier>>,
    pub tls: Arc<dyn crypto::ServerConfig>,
    pub socket: UdpSocket,
}

pub(crate) struct NewClient {
    pub session: SessionId,
    pub config: ConnectConfig,
    pub url: url::Url,
    pub tls: Arc<dyn crypto::ClientConfig>,
}

pub(crate) enum Input {
    Command(Command),
    Listen(Box<NewListener>),
    Connect(Box<NewClient>),
    #[cfg(test)]
    PanicOn(SessionId),
    #[cfg(test)]
    StandStill(std::time::Duration),
}

#[derive(Default)]
struct Commands {
    queue: Vec<Input>,
    datagrams: usize,
    bytes: usize,
    /// More commands come at once: the engine is woken after them.
    held: bool,
}

struct Events {
    queue: Vec<Event>,
    datagram_bytes: usize,
    oldest_us: u64,
}

/// Shared by the handle and the thread.
pub(crate) struct Shared {
    commands: Mutex<Commands>,
    events: Mutex<Events>,
    wake: Arc<dyn Wake>,
    sink: Box<dyn SyncSink>,
    event_bytes: usize,
    event_us: u64,
    pub sessions: AtomicU32,
    pub endpoints: AtomicU32,
    pub rooms: AtomicU32,
    pub command_queue_full: AtomicU64,
    pub event_queue_full: AtomicU64,
    pub event_queue_expired: AtomicU64,
}

/// The sink is called by the engine thread alone; the lock only says so to the compiler.
pub(crate) trait SyncSink: Send + Sync {
    fn wake(&self);
}

impl SyncSink for Mutex<Box<dyn EventSink>> {
    fn wake(&self) {
        locked(self).wake();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn datagram_bytes(input: &Input) -> Option<usize> {
    match input {
        Input::Command(Command::SendDatagram { data, .. } | Command::RoomSend { data, .. }) => Some(data.len()),
        _ => None,
    }
}

impl Shared {
    pub fn new(wake: Arc<dyn Wake>, sink: Box<dyn EventSink>, event_bytes: usize, event_ms: u32) -> Shared {
        Shared {
            commands: Mutex::default(),
            events: Mutex::new(Events { queue: Vec::new(), datagram_bytes: 0, oldest_us: u64::MAX }),
            wake,
            sink: Box::new(Mutex::new(sink)),
            event_bytes,
            event_us: u64::from(event_ms) * 1000,
            sessions: AtomicU32::new(1),
            endpoints: AtomicU32::new(1),
            rooms: AtomicU32::new(1),
            command_queue_full: AtomicU64::new(0),
            event_queue_full: AtomicU64::new(0),
            event_queue_expired: AtomicU64::new(0),
        }
    }

    /// One wake a batch: only who finds the queue empty wakes the engine, and nobody while it is held.
    pub fn push(&self, input: Input) {
        let wakes = {
            let mut commands = locked(&self.commands);
            if let Some(bytes) = datagram_bytes(&input) {
                if commands.datagrams >= COMMAND_DATAGRAMS || commands.bytes + bytes > COMMAND_BYTES {
                    self.command_queue_full.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                commands.datagrams += 1;
                commands.bytes += bytes;
            }
            commands.queue.push(input);
            commands.queue.len() == if commands.held { HELD_COMMANDS } else { 1 }
        };
        if wakes {
            self.wake.wake();
        }
    }

    /// Until `release` commands do not wake the engine one by one. It may take them meanwhile all the same.
    pub fn hold(&self) {
        locked(&self.commands).held = true;
    }

    pub fn release(&self) {
        let wakes = {
            let mut commands = locked(&self.commands);
            commands.held = false;
            !commands.queue.is_empty()
        };
        if wakes {
            self.wake.wake();
        }
    }

    /// Swaps the waiting commands into `out`, which must be empty.
    pub fn take_commands(&self, out: &mut Vec<Input>) {
        let mut commands = locked(&self.commands);
        std::mem::swap(&mut commands.queue, out);
        commands.datagrams = 0;
        commands.bytes = 0;
    }

    /// Moves a turn's events to the other side; wakes when none waited there.
    pub fn publish(&self, now_us: u64, turn: &mut Vec<Event>) {
        if turn.is_empty() {
            return;
        }
        let was_empty = {
            let mut events = locked(&self.events);
            let was_empty = events.queue.is_empty();
            for event in turn.iter() {
                if let Event::Datagram { at_us, data, .. } = event {
                    events.datagram_bytes += data.len();
                    events.oldest_us = events.oldest_us.min(*at_us);
                }
            }
            events.queue.append(turn);
            // With some slack, so that a stalled reader costs one pass over the queue in many turns, not in each.
            if events.datagram_bytes > self.event_bytes
                || now_us.saturating_sub(events.oldest_us) > self.event_us + self.event_us / 4
            {
                self.trim(&mut events, now_us);
            }
            was_empty && !events.queue.is_empty()
        };
        if was_empty {
            self.sink.wake();
        }
    }

    /// Drops datagrams that are too old, then the oldest ones until a quarter of the limit is free.
    fn trim(&self, events: &mut Events, now_us: u64) {
        let mut over = 0;
        if events.datagram_bytes > self.event_bytes {
            over = events.datagram_bytes - self.event_bytes / 4 * 3;
        }
        let (mut full, mut expired, mut left, mut oldest) = (0, 0, 0, u64::MAX);
        events.queue.retain(|event| {
            let Event::Datagram { at_us, data, .. } = event else { return true };
            if now_us.saturating_sub(*at_us) > self.event_us {
                expired += 1;
            } else if over > 0 {
                full += 1;
            } else {
                left += data.len();
                oldest = oldest.min(*at_us);
                return true;
            }
            over = over.saturating_sub(data.len());
            false
        });
        events.datagram_bytes = left;
        events.oldest_us = oldest;
        self.event_queue_full.fetch_add(full, Ordering::Relaxed);
        self.event_queue_expired.fetch_add(expired, Ordering::Relaxed);
    }

    pub fn take_events(&self, out: &mut Vec<Event>) {
        let mut events = locked(&self.events);
        let now_us = monotonic_us();
        if events.oldest_us != u64::MAX && now_us.saturating_sub(events.oldest_us) > self.event_us {
            self.trim(&mut events, now_us);
        }
        if out.is_empty() {
            std::mem::swap(&mut events.queue, out);
        } else {
            out.append(&mut events.queue);
        }
        events.datagram_bytes = 0;
        events.oldest_us = u64::MAX;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    struct Counter(Arc<AtomicU32>);
    impl EventSink for Counter {
        fn wake(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    impl Wake for AtomicU32 {
        fn wake(&self) {
            self.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn shared(bytes: usize, ms: u32) -> (Shared, Arc<AtomicU32>, Arc<AtomicU32>) {
        let (wakes, sunk) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        (Shared::new(wakes.clone(), Box::new(Counter(sunk.clone())), bytes, ms), wakes, sunk)
    }

    fn datagram(at_us: u64, bytes: usize) -> Event {
        Event::Datagram { session: 1, at_us, data: Bytes::from(vec![0; bytes]) }
    }

    #[test]
    fn events_are_bounded_by_bytes_and_only_datagrams_go() {
        let (shared, _, sunk) = shared(1000, 1_000_000);
        let now = monotonic_us();
        shared
            .publish(now, &mut vec![datagram(now, 400), Event::SessionDraining { session: 1 }, datagram(now + 1, 400)]);
        shared.publish(now, &mut vec![datagram(now + 2, 400)]);
        assert_eq!(sunk.load(Ordering::Relaxed), 1);
        let mut out = Vec::new();
        shared.take_events(&mut out);
        assert!(matches!(out[0], Event::SessionDraining { .. }));
        assert!(matches!(out[1], Event::Datagram { at_us, .. } if at_us == now + 2));
        assert_eq!((out.len(), shared.event_queue_full.load(Ordering::Relaxed)), (2, 2));
    }

    #[test]
    fn events_are_bounded_by_age() {
        let (shared, ..) = shared(100_000, 100);
        let now = monotonic_us();
        shared.publish(now, &mut vec![datagram(now - 120_000, 10), datagram(now, 10)]);
        assert_eq!(shared.event_queue_expired.load(Ordering::Relaxed), 0, "slack of a quarter");
        shared.publish(now + 10_000, &mut vec![datagram(now, 10)]);
        assert_eq!(shared.event_queue_expired.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn commands_wake_once_a_batch_and_datagrams_are_bounded() {
        let (shared, wakes, _) = shared(1000, 100);
        for _ in 0..COMMAND_DATAGRAMS + 5 {
            shared.push(Input::Command(Command::SendDatagram { session: 1, data: Bytes::from_static(b"x") }));
        }
        shared.push(Input::Command(Command::Shutdown));
        assert_eq!(wakes.load(Ordering::Relaxed), 1);
        assert_eq!(shared.command_queue_full.load(Ordering::Relaxed), 5);
        let mut out = Vec::new();
        shared.take_commands(&mut out);
        assert_eq!(out.len(), COMMAND_DATAGRAMS + 1);
        shared.push(Input::Command(Command::Shutdown));
        assert_eq!(wakes.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_held_queue_wakes_once_and_when_much_waits() {
        let (shared, wakes, _) = shared(1000, 100);
        let push = |times| (0..times).for_each(|_| shared.push(Input::Command(Command::Shutdown)));
        let woken = || wakes.swap(0, Ordering::Relaxed);
        shared.hold();
        shared.release();
        assert_eq!(woken(), 0, "nothing waits");
        shared.hold();
        push(HELD_COMMANDS - 1);
        assert_eq!(woken(), 0);
        push(1);
        assert_eq!(woken(), 1, "the engine begins with them");
        let mut out = Vec::new();
        shared.take_commands(&mut out);
        push(3);
        assert_eq!(woken(), 0);
        shared.release();
        assert_eq!(woken(), 1);
        shared.take_commands(&mut Vec::new());
        push(1);
        assert_eq!(woken(), 1, "not held any more");
    }
}
