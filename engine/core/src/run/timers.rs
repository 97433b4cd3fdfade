//! When a connection wants to be looked at again: its place in the lazy wheel.

use super::conn::{Conn, Phase};
use super::Core;
use crate::clock::Now;

/// A connection that sends datagrams has its timers looked at so often, if nothing asks for sooner.
const SOON_MS: u64 = 100;

impl Core {
    /// Enters the connection's next deadline into the wheel, unless an earlier entry is there.
    pub(super) fn schedule(&mut self, index: u32) {
        self.schedule_by(index, u64::MAX);
    }

    /// The same, but at the latest `by_ms`.
    fn schedule_by(&mut self, index: u32, by_ms: u64) {
        let Some(conn) = self.conns[index as usize].as_mut() else { return };
        let quinn_us = conn.q.poll_timeout().map(|at| self.clock.us_of(at));
        let Some(at_us) = [quinn_us, conn.deadline_us].into_iter().flatten().min() else { return };
        let at_ms = self.wheel.clamp((at_us / 1000).min(by_ms));
        if at_ms < conn.scheduled_ms {
            conn.scheduled_ms = self.wheel.insert(at_ms, index);
        }
    }

    /// After a datagram went out. All that it arms is a probe timeout, which the next acknowledgement or datagram moves
    /// on: whoever looks at the timers within a few of its usual lengths anyway need not ask for it now.
    pub(super) fn schedule_sent(&mut self, now: Now, index: u32) {
        let soon = |conn: &Conn| conn.scheduled_ms <= now.us / 1000 + SOON_MS;
        if !self.conns[index as usize].as_deref().is_some_and(soon) {
            self.schedule(index);
        }
    }

    pub(super) fn timers(&mut self, now: Now) {
        let mut expired = std::mem::take(&mut self.expired);
        self.wheel.expire(now.us / 1000, &mut expired);
        for (entered_ms, index) in expired.drain(..) {
            self.guarded(index, |core| core.timer(now, entered_ms, index));
        }
        self.expired = expired;
    }

    fn timer(&mut self, now: Now, entered_ms: u64, index: u32) {
        let Some(conn) = self.conns[index as usize].as_mut() else { return };
        // An earlier entry was made after this one. Whoever obeyed both would enter two again, and so on for ever.
        if conn.scheduled_ms != entered_ms {
            return;
        }
        conn.scheduled_ms = u64::MAX;
        let counters = &mut self.out.counters;
        counters.timers += 1;
        let own = conn.deadline_us.is_some_and(|at_us| at_us <= now.us);
        let quinn = conn.q.poll_timeout().filter(|at| *at <= now.at);
        if !own && quinn.is_none() {
            counters.timers_early += 1;
            // A stream of datagrams arms a probe timeout with each and disarms it with each acknowledgement. One entry
            // within `SOON_MS` at all times spares it most of the new ones (`schedule_sent`).
            let streaming = conn.datagram_sent_us + SOON_MS * 1000 > now.us;
            return self.schedule_by(index, if streaming { now.us / 1000 + SOON_MS } else { u64::MAX });
        }
        if let Some(at) = quinn {
            let late_us = now.at.saturating_duration_since(at).as_micros() as u64;
            counters.timer_late_max_us = counters.timer_late_max_us.max(late_us);
            conn.q.handle_timeout(now.at);
        }
        if own && conn.phase == Phase::Open {
            self.heartbeat(now, index);
        } else if own {
            conn.deadline(now, &mut self.out);
        }
        self.mark(index);
    }
}
