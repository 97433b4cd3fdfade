//! One clock: `Instant` for quinn-proto, microseconds of CLOCK_MONOTONIC for everything that leaves the engine.

use std::time::Instant;

/// One reading, in both units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub at: Instant,
    pub us: u64,
}

#[cfg(not(feature = "fuzzing"))]
fn instant() -> Instant {
    Instant::now()
}

#[cfg(feature = "fuzzing")]
use crate::fuzzing::now as instant;

/// `Instant` is CLOCK_MONOTONIC on Linux, so one pair of readings at the start ties the two for good.
pub(crate) struct Clock {
    origin: Instant,
    origin_us: u64,
}

impl Clock {
    pub fn new() -> Clock {
        let origin_us = monotonic_us();
        Clock { origin: instant(), origin_us }
    }

    pub fn now(&self) -> Now {
        let at = instant();
        Now { at, us: self.us_of(at) }
    }

    pub fn us_of(&self, at: Instant) -> u64 {
        self.origin_us + at.saturating_duration_since(self.origin).as_micros() as u64
    }
}

#[cfg(unix)]
fn read_us(clock: libc::clockid_t) -> u64 {
    // SAFETY: `clock_gettime` writes one timespec, which zero bytes are valid for.
    unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(clock, &mut time);
        time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1000
    }
}

#[cfg(unix)]
pub(crate) fn monotonic_us() -> u64 {
    read_us(libc::CLOCK_MONOTONIC)
}

/// CPU time of the calling thread.
#[cfg(unix)]
pub(crate) fn thread_cpu_us() -> u64 {
    read_us(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Time that the calling thread was ready to run and had no core; 0 where that is not told.
pub(crate) fn thread_waited_us() -> u64 {
    // Linux: ns on a core, ns in a run queue, slices.
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().nth(1).and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0) / 1000
}

#[cfg(not(unix))]
pub(crate) fn monotonic_us() -> u64 {
    0
}

#[cfg(not(unix))]
pub(crate) fn thread_cpu_us() -> u64 {
    0
}
