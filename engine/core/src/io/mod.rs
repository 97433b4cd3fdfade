//! UDP sockets and waiting, behind one trait with two bodies.
//!
//! Both keep ONE batch of packets to send for all sockets: an engine of a load test has a socket for each session, and a
//! batch for each socket would be the largest thing it holds. ECN is neither set nor read: the address of the packet and
//! its bytes are all that passes.

mod batch;
#[cfg(target_os = "linux")]
mod fast;
mod portable;
#[cfg(feature = "fuzzing")]
pub(crate) mod wire;

use crate::api::{EngineError, IoKind};
use batch::Batch;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

/// Larger packets are cut off, so quinn drops them as undecipherable; we announce no more than 1472.
pub(crate) const PACKET_BYTES: usize = 1600;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct IoStats {
    pub packets_in: u64,
    pub packets_out: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub recv_calls: u64,
    pub send_calls: u64,
    /// The socket buffer was full; waited up to 2 ms.
    pub send_blocked: u64,
    /// Packets given up: buffer still full, or an error of the network. By what the kernel said, as in `SEND_ERRORS`.
    pub send_dropped: [u64; SEND_ERRORS.len()],
}

/// Why packets are given up; the last stands for all others.
pub(crate) const SEND_ERRORS: [(&str, i32); 11] = [
    ("send_dropped_eagain", libc::EAGAIN),
    ("send_dropped_enobufs", libc::ENOBUFS),
    ("send_dropped_enetunreach", libc::ENETUNREACH),
    ("send_dropped_ehostunreach", libc::EHOSTUNREACH),
    ("send_dropped_enetdown", libc::ENETDOWN),
    ("send_dropped_econnrefused", libc::ECONNREFUSED),
    ("send_dropped_eperm", libc::EPERM),
    ("send_dropped_eacces", libc::EACCES),
    ("send_dropped_einval", libc::EINVAL),
    ("send_dropped_emsgsize", libc::EMSGSIZE),
    ("send_dropped_other", 0),
];

impl IoStats {
    /// `packets` are given up for an errno; `None`: none was said.
    fn gave_up(&mut self, errno: Option<i32>, packets: u64) {
        let known = SEND_ERRORS.iter().position(|&(_, code)| Some(code) == errno && code != 0);
        self.send_dropped[known.unwrap_or(SEND_ERRORS.len() - 1)] += packets;
    }
}

/// Ends a `wait` from any thread.
pub(crate) trait Wake: Send + Sync {
    fn wake(&self);
}

pub(crate) struct Received {
    pub packets: usize,
    /// The socket may hold more.
    pub more: bool,
}

pub(crate) trait Io: Send {
    fn waker(&self) -> Arc<dyn Wake>;
    fn add(&mut self, key: u32, socket: UdpSocket) -> io::Result<()>;
    fn remove(&mut self, key: u32);
    /// Returns after `timeout`, a wake, or when a socket has something. `readable`: keys, added at the end.
    fn wait(&mut self, timeout: Option<Duration>, readable: &mut Vec<u32>);
    /// Leaves sockets and wakes alone for so long.
    fn rest(&mut self, time: Duration) {
        std::thread::sleep(time);
    }
    /// Reads one batch from a socket; `packet` gives its parts until the next call.
    fn recv(&mut self, key: u32) -> Received;
    fn packet(&self, index: usize) -> (SocketAddr, &[u8]);
    /// The packets to send. Whoever commits to it directly must flush a full one.
    fn batch(&mut self) -> &mut Batch;
    fn flush(&mut self);
    /// The empty buffer of the next packet.
    fn slot(&mut self) -> &mut Vec<u8> {
        self.batch().slot()
    }
    /// Takes what is in the slot; sends the batch when it is full.
    fn commit(&mut self, key: u32, to: SocketAddr) {
        if self.batch().commit(key, to) {
            self.flush();
        }
    }
    fn stats(&self) -> IoStats;
}

/// `HAYATE_IO=fast|portable` decides for `Auto`, so that one test suite runs on both.
pub(crate) fn open(kind: IoKind) -> Result<Box<dyn Io>, EngineError> {
    let kind = match kind {
        IoKind::Auto => match std::env::var("HAYATE_IO").as_deref() {
            Ok("portable") => IoKind::Portable,
            Ok("fast") => IoKind::Fast,
            _ if cfg!(target_os = "linux") => IoKind::Fast,
            _ => IoKind::Portable,
        },
        kind => kind,
    };
    let failed = |error: io::Error| EngineError { code: "io_failed", message: error.to_string(), address: None };
    match kind {
        #[cfg(target_os = "linux")]
        IoKind::Fast => Ok(Box::new(fast::Fast::new().map_err(failed)?)),
        #[cfg(not(target_os = "linux"))]
        IoKind::Fast => Err(EngineError { code: "io_failed", message: "fast I/O is Linux only".into(), address: None }),
        _ => Ok(Box::new(portable::Portable::new().map_err(failed)?)),
    }
}

/// A non-blocking socket with large buffers (as far as the system allows); `[::]` is dual-stack.
pub(crate) fn bind(addr: SocketAddr, buffer_bytes: usize) -> io::Result<UdpSocket> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(!addr.ip().is_unspecified())?;
    }
    socket.set_nonblocking(true)?;
    // The system may grant less; that costs drops in bursts, which are counted, not the engine.
    let _ = socket.set_recv_buffer_size(buffer_bytes);
    let _ = socket.set_send_buffer_size(buffer_bytes);
    socket.bind(&addr.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_up_is_counted_by_errno() {
        let mut stats = IoStats::default();
        stats.gave_up(Some(libc::EAGAIN), 3);
        stats.gave_up(Some(libc::ENETUNREACH), 1);
        stats.gave_up(Some(libc::EPIPE), 2);
        stats.gave_up(None, 4);
        stats.gave_up(Some(0), 5);
        let counted: Vec<_> = SEND_ERRORS.iter().zip(stats.send_dropped).filter(|(_, n)| *n > 0).collect();
        let names: Vec<_> = counted.iter().map(|((name, _), n)| (*name, *n)).collect();
        assert_eq!(names, [("send_dropped_eagain", 3), ("send_dropped_enetunreach", 1), ("send_dropped_other", 11)]);
    }
}
