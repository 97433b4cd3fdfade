//! When a connection wants to be looked at again: its place in the lazy wheel.

use super::conn::{Conn, Phase};
use super::Core;
use crate::clock::Now;

/// A stream of datagrams arms a probe timeout with each, and moves or disarms it with the next one and each
/// acknowledgement. So a connection that sent one within this time has its timers looked at so often instead of when
/// they are due: a probe, which a stream that goes on never needs, may come so much later.
pub(super) const SOON_MS: u64 = 100;
/// What quinn wants within this time is kept to the ms all the same: losses found by time, pacing.
const NEAR_US: u64 = 20_000;

/// When to look at a connection whose deadlines are `quinn_us` and `own_us`.
fn look_us(now_us: u64, streaming: bool, quinn_us: Option<u64>, own_us: Option<u64>) -> Option<u64> {
    let near = quinn_us.is_some_and(|at_us| at_us <= now_us + NEAR_US);
    let quinn_us = if streaming && !near { Some(now_us + SOON_MS * 1000) } else { quinn_us };
    quinn_us.into_iter().chain(own_us).min()
}

impl Core {
    /// Sees to it that the connection is looked at in time, unless an earlier entry does that already.
    pub(super) fn schedule(&mut self, now: Now, index: u32) {
        let Some(conn) = self.conns[index as usize].as_mut() else { return };
        let streaming = conn.counters.datagrams_out > 0 && conn.datagram_sent_us + SOON_MS * 1000 > now.us;
        let quinn_us = conn.q.poll_timeout().map(|at| self.clock.us_of(at));
        let Some(at_us) = look_us(now.us, streaming, quinn_us, conn.deadline_us) else { return };
        let at_ms = self.wheel.clamp(at_us / 1000);
        if at_ms < conn.scheduled_ms {
            conn.scheduled_ms = self.wheel.insert(at_ms, index);
        }
    }

    /// After a datagram went out. All that it arms is a probe timeout: an entry within `SOON_MS` does.
    pub(super) fn schedule_sent(&mut self, now: Now, index: u32) {
        let soon = |conn: &Conn| conn.scheduled_ms <= now.us / 1000 + SOON_MS;
        if !self.conns[index as usize].as_deref().is_some_and(soon) {
            self.schedule(now, index);
        }
    }

    pub(super) fn timers(&mut self, now: Now) {
        let mut expired = std::mem::take(&mut self.expired);
        self.wheel.expire(now.us / 1000, &mut expired);
        for at in 0..expired.len() {
            let (entered_ms, index) = expired[at];
            if let Some((_, next)) = expired.get(at + 1) {
                self.expect(*next);
            }
            self.guarded(index, |core| core.timer(now, entered_ms, index));
        }
        expired.clear();
        self.expired = expired;
    }

    fn timer(&mut self, now: Now, entered_ms: u64, index: u32) {
        let Some(conn) = self.conns[index as usize].as_mut() else { return };
        // An earlier entry was made after this one. Whoever obeyed both would enter two again, and so on for ever.
        if conn.scheduled_ms != entered_ms {
            return;
        }
        conn.scheduled_ms = u64::MAX;
        // What quinn wants may be done with by what has come.
        self.catch_up(now, index);
        let Some(conn) = self.conns[index as usize].as_mut() else { return };
        let counters = &mut self.out.counters;
        counters.timers += 1;
        let own = conn.deadline_us.is_some_and(|at_us| at_us <= now.us);
        let quinn = conn.q.poll_timeout().filter(|at| *at <= now.at);
        if !own && quinn.is_none() {
            counters.timers_early += 1;
            return self.schedule(now, index);
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_US: u64 = 1_000_000;
    const PROBE: Option<u64> = Some(NOW_US + 40_000);

    #[test]
    fn a_stream_of_datagrams_asks_for_no_look_at_each_probe_timeout() {
        assert_eq!(look_us(NOW_US, true, PROBE, None), Some(NOW_US + 100_000));
        assert_eq!(look_us(NOW_US, false, PROBE, None), PROBE, "the last one may be lost");
        assert_eq!(look_us(NOW_US, true, Some(NOW_US + 5_000_000), None), Some(NOW_US + 100_000));
    }

    #[test]
    fn a_loss_found_by_time_and_our_own_deadline_are_kept() {
        assert_eq!(look_us(NOW_US, true, Some(NOW_US + 3_000), None), Some(NOW_US + 3_000));
        assert_eq!(look_us(NOW_US, true, Some(NOW_US - 1), None), Some(NOW_US - 1), "overdue");
        assert_eq!(look_us(NOW_US, true, PROBE, Some(NOW_US + 30_000)), Some(NOW_US + 30_000));
        assert_eq!(look_us(NOW_US, false, None, None), None);
    }
}
