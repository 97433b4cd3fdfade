//! What the engine counts, and the flat form in which it tells.

use super::conn::{Conn, Phase, SessionCounters};
use super::Core;
use crate::api::{DeliveryClass, EndpointId, MemberStats, SessionId};
use crate::clock::{thread_cpu_us, thread_waited_us};
use crate::io::SEND_ERRORS;
use std::sync::atomic::Ordering;

counters! {
    /// Of all connections and endpoints since the start.
    pub(super) struct Totals {
        datagrams_in, datagrams_out,
        dropped_queue_full, dropped_expired, dropped_too_large, dropped_closed, dropped_refused_unauthorised,
        dropped_unknown_session, dropped_unknown_id, dropped_overload,
        probes_answered, heartbeats,
        handshakes, handshakes_failed, handshakes_timed_out,
        /// First packets answered with a Retry; refused for load.
        retries, handshakes_refused,
        refused_400, refused_403, refused_404, refused_405, refused_429, refused_431, refused_503, refused_other,
        sessions, streams, streams_overrun, stream_bytes_in, stream_bytes_out,
        h3_errors, panics, timers, timers_early, turns, rests, rebinds,
        /// Times that the thread had no core, or was too long in a turn.
        stalls,
        /// Packets put off until their connection was worked on anyway.
        packets_deferred,
        /// Copies of packets that leave twice; those that found no room to wait.
        packets_repeated, bytes_repeated, repeats_dropped,
        /// Longest turn (without waiting) and latest timer since the last query.
        turn_max_us, timer_late_max_us,
    }
}

counters! {
    /// Of one listener.
    pub(super) struct ListenerCounters {
        sessions, retries, handshakes_refused, handshakes_failed,
        refused_400, refused_403, refused_404, refused_405, refused_429, refused_431, refused_503, refused_other,
    }
}

/// Totals, and what goes up and down.
#[derive(Default)]
pub(super) struct Counters {
    totals: Totals,
    pub sessions_open: i64,
    pub streams_open: i64,
}

impl std::ops::Deref for Counters {
    type Target = Totals;
    fn deref(&self) -> &Totals {
        &self.totals
    }
}

impl std::ops::DerefMut for Counters {
    fn deref_mut(&mut self) -> &mut Totals {
        &mut self.totals
    }
}

macro_rules! refuse {
    ($($name:ident),*) => {
        $(impl $name {
            pub fn refuse(&mut self, status: u16) {
                *match status {
                    400 => &mut self.refused_400,
                    403 => &mut self.refused_403,
                    404 => &mut self.refused_404,
                    405 => &mut self.refused_405,
                    429 => &mut self.refused_429,
                    431 => &mut self.refused_431,
                    503 => &mut self.refused_503,
                    _ => &mut self.refused_other,
                } += 1;
            }
        })*
    };
}
refuse!(Totals, ListenerCounters);

type Values = Vec<(&'static str, f64)>;

impl Core {
    pub(super) fn stats_engine(&mut self) -> Values {
        let mut values = Values::with_capacity(64);
        self.out.counters.dump(&mut values);
        self.out.counters.turn_max_us = 0;
        self.out.counters.timer_late_max_us = 0;
        let io = self.io.stats();
        let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed) as f64;
        let staged: usize = self.conns.iter().flatten().map(|conn| conn.staged_bytes).sum();
        let handshaking: u32 = self.endpoints.iter().flatten().map(|endpoint| endpoint.handshaking).sum();
        let incoming: usize = self.endpoints.iter().flatten().map(|endpoint| endpoint.incoming()).sum();
        values.extend([
            ("packets_in", io.packets_in as f64),
            ("packets_out", io.packets_out as f64),
            ("bytes_in", io.bytes_in as f64),
            ("bytes_out", io.bytes_out as f64),
            ("recv_calls", io.recv_calls as f64),
            ("send_calls", io.send_calls as f64),
            ("send_blocked", io.send_blocked as f64),
            ("command_queue_full", load(&self.shared.command_queue_full)),
            ("event_queue_full", load(&self.shared.event_queue_full)),
            ("event_queue_expired", load(&self.shared.event_queue_expired)),
            ("cpu_us", thread_cpu_us() as f64),
            ("waited_us", thread_waited_us() as f64),
            ("sessions_open", self.out.counters.sessions_open as f64),
            ("streams_open", self.out.counters.streams_open as f64),
            ("connections_open", self.conns.iter().flatten().count() as f64),
            ("endpoints_open", self.endpoints.iter().flatten().count() as f64),
            ("handshakes_open", f64::from(handshaking)),
            ("incoming_waiting", incoming as f64),
            ("datagram_queue_bytes", staged as f64),
            ("timer_entries", self.wheel.len() as f64),
        ]);
        values.extend(SEND_ERRORS.iter().zip(io.send_dropped).map(|(&(name, _), count)| (name, count as f64)));
        values
    }

    /// Empty for an endpoint that is gone.
    pub(super) fn stats_endpoint(&self, id: EndpointId) -> Values {
        let mut values = Values::new();
        let endpoint =
            self.endpoints.iter().flatten().find(|e| e.server.as_ref().is_some_and(|server| server.id == id));
        let Some(endpoint) = endpoint else { return values };
        let Some(server) = endpoint.server.as_ref() else { return values };
        server.counters.dump(&mut values);
        values.extend([
            ("packets_in", endpoint.packets_in as f64),
            ("sessions_open", f64::from(server.sessions)),
            ("connections_open", f64::from(endpoint.connections)),
            ("handshakes_open", f64::from(endpoint.handshaking)),
            ("incoming_waiting", endpoint.incoming() as f64),
            ("certificate_faults", server.certificates.faults().0 as f64),
            ("draining", f64::from(u8::from(server.draining))),
        ]);
        if let Some(links) = endpoint.links.as_ref() {
            links.dump(&mut values);
        }
        values
    }

    /// Empty for a session that is gone.
    pub(super) fn stats_session(&self, id: SessionId) -> Values {
        let conn = self.sessions.get(&id).and_then(|index| self.conns[*index as usize].as_ref());
        conn.map_or_else(Values::new, |conn| {
            let mut values = conn.stats();
            if let Some(links) = self.endpoints[conn.endpoint as usize].as_ref().and_then(|e| e.links.as_ref()) {
                links.dump(&mut values);
            }
            values
        })
    }

    /// None for a session that is gone. `stalled`: its smoothed round trip is not only its path's.
    pub(super) fn stats_member(&self, session: SessionId, class: DeliveryClass, stalled: bool) -> Option<MemberStats> {
        let index = self.sessions.get(&session)?;
        let stats = self.conns[*index as usize].as_ref()?.member_stats(class);
        Some(if stalled { MemberStats { rtt_us: 0, ..stats } } else { stats })
    }
}

impl Conn {
    fn member_stats(&self, class: DeliveryClass) -> MemberStats {
        let stats = self.q.stats();
        let us = |time: std::time::Duration| u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        let SessionCounters { dropped_queue_full, dropped_expired, dropped_too_large, .. } = self.counters;
        MemberStats {
            session: self.session,
            rtt_us: us(stats.path.rtt),
            min_rtt_us: us(stats.path.min_rtt),
            packets_out: stats.udp_tx.datagrams,
            packets_lost: stats.path.lost_packets,
            datagrams_out: self.counters.datagrams_out,
            dropped: dropped_queue_full + dropped_expired + dropped_too_large,
            queue_bytes: u32::try_from(self.staged_bytes).unwrap_or(u32::MAX),
            cwnd: u32::try_from(stats.path.cwnd).unwrap_or(u32::MAX),
            class,
        }
    }

    fn stats(&self) -> Values {
        let mut values = Values::with_capacity(32);
        self.counters.dump(&mut values);
        let stats = self.q.stats();
        values.extend([
            ("packets_in", stats.udp_rx.datagrams as f64),
            ("packets_out", stats.udp_tx.datagrams as f64),
            ("bytes_in", stats.udp_rx.bytes as f64),
            ("bytes_out", stats.udp_tx.bytes as f64),
            ("lost_packets", stats.path.lost_packets as f64),
            ("lost_bytes", stats.path.lost_bytes as f64),
            ("congestion_events", stats.path.congestion_events as f64),
            ("cwnd", stats.path.cwnd as f64),
            ("rtt_ms", stats.path.rtt.as_secs_f64() * 1000.0),
            ("min_rtt_ms", stats.path.min_rtt.as_secs_f64() * 1000.0),
            ("open", f64::from(u8::from(self.phase == Phase::Open))),
            ("streams_open", self.streams.len() as f64),
            ("datagram_queue", self.staged.len() as f64),
            ("datagram_queue_bytes", self.staged_bytes as f64),
        ]);
        if let Some(shared) = self.shared.as_ref() {
            shared.dump(&mut values);
        }
        values
    }
}
