//! The engine thread: one turn reads sockets, drives connections, forwards media, obeys commands, starts handshakes and
//! sends, in this order, so that new connections never stand before media.

#[macro_use]
mod counters;
mod commands;
mod conn;
mod connect;
mod datagrams;
mod defer;
mod endpoint;
mod links;
mod pace;
#[cfg(test)]
mod raw_tests;
mod receive;
mod repeats;
mod send;
mod session;
mod stalls;
mod stats;
mod streams;
#[cfg(test)]
mod tests;
mod timers;
mod trunk;

use crate::api::{CloseCause, DatagramMode, EngineConfig, Event, SessionId};
use crate::clock::{Clock, Now};
use crate::io::Io;
use crate::media::{answer_probe, MediaPlane};
use crate::prefetch::prefetch;
use crate::queue::{Input, Shared};
use crate::wheel::Wheel;
use bytes::Bytes;
use conn::{Conn, Phase};
use datagrams::ToSessions;
use endpoint::Endpoint;
use links::LinkWakes;
use pace::Pace;
use quinn_proto::EndpointEvent;
use repeats::Repeats;
use rustc_hash::FxHashMap;
use stalls::Stalls;
use stats::Counters;
use std::collections::VecDeque;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;
use trunk::Flushes;

/// So many turns in a row that panic outside of a connection's own work end the engine: it would only spin.
const FAILED_TURNS: u32 = 100;
/// Media, and commands, for so long in one turn; then sockets are read again.
const SLICE_US: u64 = 3000;
/// A datagram that waited longer for its fan-out is stale: the engine is overloaded.
const GOT_US: u64 = 100_000;
const HOUSEKEEPING_US: u64 = 1_000_000;
/// No connection's index.
const NO_CONN: u32 = u32::MAX;

/// A datagram for the media plane, or a probe.
pub(crate) struct Got {
    conn: u32,
    session: SessionId,
    at_us: u64,
    data: Bytes,
}

struct Ended {
    session: SessionId,
    endpoint: u32,
    server: bool,
    was_open: bool,
}

/// What connections leave behind in a turn.
pub(crate) struct Out {
    shared: Arc<Shared>,
    events: Vec<Event>,
    got: VecDeque<Got>,
    opened: Vec<(SessionId, u32)>,
    closed: Vec<Ended>,
    counters: Counters,
}

pub(crate) struct Core {
    io: Box<dyn Io>,
    clock: Clock,
    shared: Arc<Shared>,
    /// The index is the socket's key.
    endpoints: Vec<Option<Box<Endpoint>>>,
    conns: Vec<Option<Box<Conn>>>,
    free: Vec<u32>,
    sessions: FxHashMap<SessionId, u32>,
    groups: FxHashMap<u32, u32>,
    wheel: Wheel,
    /// Packets that leave once more.
    repeats: Repeats,
    link_wakes: LinkWakes,
    /// Shared datagrams of trunks that are being filled.
    flushes: Flushes,
    expired: Vec<(u64, u32)>,
    /// Connections that have something to do in this turn.
    dirty: Vec<u32>,
    /// The next turn must not wait.
    hurry: bool,
    out: Out,
    response: Vec<u8>,
    rotation: usize,
    /// Of the present fan-out; kept for its memory.
    receivers: Vec<u32>,
    handshakes_per_turn: usize,
    socket_buffer_bytes: usize,
}

impl Core {
    fn mark(&mut self, index: u32) {
        if let Some(conn) = self.conns.get_mut(index as usize).and_then(Option::as_mut) {
            if !conn.dirty {
                conn.dirty = true;
                self.dirty.push(index);
            }
        }
    }

    /// The connection is worked on soon.
    fn expect(&self, index: u32) {
        if let Some(Some(conn)) = self.conns.get(index as usize) {
            prefetch(&**conn);
        }
    }

    /// After `expect`, a little later: the connection must be there to say where its controller is.
    fn expect_controller(&self, index: u32) {
        if let Some(Some(conn)) = self.conns.get(index as usize) {
            prefetch(conn.q.congestion_state());
        }
    }

    fn delivers(&self, index: u32) -> bool {
        let conn = self.conns.get(index as usize).and_then(Option::as_ref);
        conn.is_some_and(|conn| conn.mode == DatagramMode::Deliver)
    }

    /// Work for one connection: a panic costs that connection alone.
    fn guarded<R>(&mut self, index: u32, work: impl FnOnce(&mut Core) -> R) -> Option<R> {
        match catch_unwind(AssertUnwindSafe(|| work(self))) {
            Ok(result) => Some(result),
            Err(panic) => {
                self.panicked(Some(index), &*panic);
                None
            }
        }
    }

    fn panicked(&mut self, index: Option<u32>, panic: &(dyn std::any::Any + Send)) {
        let text = panic.downcast_ref::<&str>().map(|s| s.to_string());
        let message = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".into());
        self.out.counters.panics += 1;
        self.out.events.push(Event::Panic { message });
        let Some(conn) = index.and_then(|index| self.conns.get_mut(index as usize)).and_then(Option::as_mut) else {
            return;
        };
        // Its quinn state may be torn: nothing of it is touched again.
        self.out.counters.streams_open -= conn.streams.len() as i64;
        conn.streams.clear();
        conn.end(CloseCause::Transport { code: 0, reason: "panic in the engine".into() }, &mut self.out);
        let (key, handle, index) = (conn.endpoint, conn.handle, conn.index);
        if let Some(endpoint) = self.endpoints[key as usize].as_mut() {
            endpoint.q.handle_event(handle, EndpointEvent::drained());
        }
        self.remove_conn(index);
    }

    /// The engine cannot go on: every session is told so, without touching quinn.
    fn give_up(&mut self) {
        for mut conn in self.conns.drain(..).flatten() {
            conn.streams.clear();
            conn.end(CloseCause::Transport { code: 0, reason: "the engine failed".into() }, &mut self.out);
        }
        for (key, endpoint) in std::mem::take(&mut self.endpoints).into_iter().enumerate() {
            self.io.remove(key as u32);
            if let Some(server) = endpoint.and_then(|endpoint| endpoint.server) {
                self.out.events.push(Event::ListenerClosed { endpoint: server.id });
            }
        }
    }

    /// Events of all dirty connections. They stay dirty: sending comes at the turn's end.
    fn drive(&mut self, now: Now) {
        let mut at = 0;
        while at < self.dirty.len() {
            let index = self.dirty[at];
            self.guarded(index, |core| core.drive_one(now, index));
            at += 1;
        }
        self.settle_opened();
    }

    /// False: it had nothing to say.
    fn drive_one(&mut self, now: Now, index: u32) -> bool {
        let Some(conn) = self.conns[index as usize].as_mut() else { return false };
        let Some(endpoint) = self.endpoints[conn.endpoint as usize].as_mut() else { return false };
        let said = conn.drive(now, endpoint.server.as_deref_mut(), &mut self.out);
        if conn.handshaking && conn.phase != Phase::Handshake {
            conn.handshaking = false;
            endpoint.handshaking -= 1;
        }
        said
    }

    /// Sessions that came. Their events are in `out.events` already.
    fn settle_opened(&mut self) {
        for (session, index) in self.out.opened.drain(..) {
            self.sessions.insert(session, index);
        }
    }

    fn settle_closed(&mut self, ended: &Ended) {
        self.sessions.remove(&ended.session);
        if ended.was_open {
            self.out.counters.sessions_open -= 1;
            let server = self.endpoints[ended.endpoint as usize].as_mut().and_then(|e| e.server.as_mut());
            if let Some(server) = server.filter(|_| ended.server) {
                server.sessions -= 1;
            }
        }
    }
}

pub(crate) struct Run {
    core: Core,
    media: MediaPlane,
    inbox: Vec<Input>,
    /// Commands taken and not yet obeyed.
    commands: VecDeque<Input>,
    readable: Vec<u32>,
    next_housekeeping_us: u64,
    stalls: Stalls,
    pace: Pace,
    /// When the last turn began.
    turn_us: u64,
    stopping: bool,
}

impl Run {
    pub fn new(config: &EngineConfig, io: Box<dyn Io>, shared: Arc<Shared>) -> Run {
        let clock = Clock::new();
        let now = clock.now();
        let out = Out {
            shared: shared.clone(),
            events: Vec::new(),
            got: VecDeque::new(),
            opened: Vec::new(),
            closed: Vec::new(),
            counters: Counters::default(),
        };
        let core = Core {
            io,
            clock,
            shared,
            endpoints: Vec::new(),
            conns: Vec::new(),
            free: Vec::new(),
            sessions: FxHashMap::default(),
            groups: FxHashMap::default(),
            wheel: Wheel::new(now.us / 1000),
            repeats: Repeats::default(),
            link_wakes: LinkWakes::default(),
            flushes: Flushes::default(),
            expired: Vec::new(),
            dirty: Vec::new(),
            hurry: false,
            out,
            response: Vec::with_capacity(2048),
            rotation: 0,
            receivers: Vec::new(),
            handshakes_per_turn: config.handshakes_per_turn.max(1),
            socket_buffer_bytes: config.socket_buffer_bytes,
        };
        Run {
            core,
            media: MediaPlane::new(),
            inbox: Vec::new(),
            commands: VecDeque::new(),
            readable: Vec::new(),
            next_housekeeping_us: now.us + HOUSEKEEPING_US,
            stalls: Stalls::default(),
            pace: Pace::default(),
            turn_us: now.us,
            stopping: false,
        }
    }

    /// Until `Shutdown`. A panic outside of a connection's own work is told like one inside.
    pub fn run(mut self) {
        let mut failed = 0;
        while !self.stopping && failed < FAILED_TURNS {
            match catch_unwind(AssertUnwindSafe(|| self.turn())) {
                Ok(()) => failed = 0,
                Err(panic) => {
                    failed += 1;
                    self.core.panicked(None, &*panic);
                    self.publish();
                }
            }
        }
        if !self.stopping {
            self.core.give_up();
            self.publish();
        }
    }

    pub(crate) fn turn(&mut self) {
        let due_us = self.wait();
        self.turn_us = self.arrived(due_us);
        let now = self.core.clock.now();
        self.core.out.counters.turns += 1;
        for key in self.readable.drain(..) {
            self.core.receive(key);
        }
        let now = self.core.clock.now().max(now);
        self.core.send_repeats(now);
        self.core.run_links(now);
        self.core.timers(now);
        self.core.drive(now);
        self.media(now);
        self.obey();
        self.sessions_closed(now);
        if now.us >= self.next_housekeeping_us {
            self.next_housekeeping_us = now.us + HOUSEKEEPING_US;
            self.core.check_certificates(None);
        }
        self.core.hurry |= self.core.accept_some(now);
        self.core.flush_trunks(self.core.clock.now());
        self.core.finish(now);
        self.sessions_closed(now);
        self.core.io.flush();
        self.publish();
        let took_us = self.arrived(now.us) - now.us;
        let counters = &mut self.core.out.counters;
        counters.turn_max_us = counters.turn_max_us.max(took_us);
    }

    /// Commands, for a slice of time: a backlog of room messages must not keep acknowledgements waiting, for without
    /// them nothing may be sent.
    fn obey(&mut self) {
        self.core.shared.clone().take_commands(&mut self.inbox);
        self.commands.extend(self.inbox.drain(..));
        let start_us = self.core.clock.now().us;
        while let Some(input) = self.commands.pop_front() {
            let now = self.core.clock.now();
            self.input(now, input);
            if now.us - start_us > SLICE_US {
                break;
            }
        }
        self.core.hurry |= !self.commands.is_empty();
    }

    fn publish(&mut self) {
        let now_us = self.core.clock.now().us;
        self.core.shared.clone().publish(now_us, &mut self.core.out.events);
    }

    fn media(&mut self, now: Now) {
        while let Some(Got { conn, session, at_us, data }) = self.core.out.got.pop_front() {
            // The clock is read again: the reply's departure, and what this fan-out's place in the turn costs.
            let read = self.core.clock.now();
            if self.core.sessions.get(&session) != Some(&conn) {
                // Closed while its datagram waited for a slice of time.
                self.core.out.counters.dropped_closed += 1;
            } else if read.us - at_us.min(read.us) > GOT_US {
                self.core.out.counters.dropped_overload += 1;
            } else if let Some(reply) = answer_probe(&data, at_us, read.us) {
                self.core.out.counters.probes_answered += 1;
                self.core.guarded(conn, |core| core.send_datagram(read, conn, reply));
            } else if self.core.delivers(conn) {
                // Looked like a probe and is none.
                self.core.out.events.push(Event::Datagram { session, at_us, data });
            } else {
                self.media.on_datagram(at_us, session, &data, &mut ToSessions { core: &mut self.core, now: read });
            }
            if read.us - now.us > SLICE_US {
                break;
            }
        }
        self.core.hurry |= !self.core.out.got.is_empty();
        if self.media.next_deadline_us().is_some_and(|at_us| at_us <= now.us) {
            let now = self.core.clock.now();
            self.media.poll(now.us, &mut ToSessions { core: &mut self.core, now });
        }
        self.sessions_closed(now);
    }

    fn sessions_closed(&mut self, now: Now) {
        self.core.settle_opened();
        let mut closed = std::mem::take(&mut self.core.out.closed);
        for ended in closed.drain(..) {
            self.core.settle_closed(&ended);
            self.media.session_closed(ended.session, &mut ToSessions { core: &mut self.core, now });
        }
        self.core.out.closed = closed;
    }
}

impl Now {
    fn max(self, other: Now) -> Now {
        if other.us > self.us {
            other
        } else {
            self
        }
    }
}
