//! Deadlines in microseconds for a poller that counts in milliseconds: on Linux by a timerfd.

use mio::{Registry, Token};
use std::io;
use std::time::Duration;

/// Without any deadline the thread still looks around so often.
const LONGEST: Duration = Duration::from_secs(1);

#[cfg(target_os = "linux")]
pub(super) struct Timer {
    file: std::os::fd::OwnedFd,
}

#[cfg(target_os = "linux")]
impl Timer {
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Timer> {
        use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
        // SAFETY: a plain system call; the descriptor it gives is owned by nobody else.
        let file = unsafe {
            let flags = libc::TFD_NONBLOCK | libc::TFD_CLOEXEC;
            let descriptor = libc::timerfd_create(libc::CLOCK_MONOTONIC, flags);
            if descriptor < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(descriptor)
        };
        registry.register(&mut mio::unix::SourceFd(&file.as_raw_fd()), token, mio::Interest::READABLE)?;
        Ok(Timer { file })
    }

    /// Sets the timer and gives the poller's timeout.
    pub(super) fn arm(&mut self, deadline_us: Option<u64>, now_us: u64) -> Duration {
        use std::os::fd::AsRawFd;
        let Some(wait_us) = deadline_us.map(|deadline| deadline.saturating_sub(now_us)) else {
            return LONGEST;
        };
        if wait_us == 0 {
            return Duration::ZERO;
        }
        let value = libc::timespec { tv_sec: (wait_us / 1_000_000) as _, tv_nsec: (wait_us % 1_000_000 * 1000) as _ };
        let once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let spec = libc::itimerspec { it_interval: once, it_value: value };
        // SAFETY: the descriptor is open and `spec` outlives the call.
        unsafe { libc::timerfd_settime(self.file.as_raw_fd(), 0, &spec, std::ptr::null_mut()) };
        LONGEST
    }

    /// Clears the readiness, so that the next expiry is an edge again.
    pub(super) fn fired(&mut self) {
        use std::os::fd::AsRawFd;
        let mut expiries = 0u64;
        // SAFETY: reads eight bytes into an integer of eight bytes.
        unsafe { libc::read(self.file.as_raw_fd(), std::ptr::from_mut(&mut expiries).cast(), 8) };
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) struct Timer;

#[cfg(not(target_os = "linux"))]
impl Timer {
    pub(super) fn new(_registry: &Registry, _token: Token) -> io::Result<Timer> {
        Ok(Timer)
    }

    pub(super) fn arm(&mut self, deadline_us: Option<u64>, now_us: u64) -> Duration {
        deadline_us.map_or(LONGEST, |deadline| Duration::from_micros(deadline.saturating_sub(now_us)).min(LONGEST))
    }

    pub(super) fn fired(&mut self) {}
}
