//! Linux: epoll, eventfd, recvmmsg and sendmmsg.

use super::batch::{Batch, SEND_BATCH};
use super::{Io, IoStats, Received, Wake, PACKET_BYTES};
use rustc_hash::FxHashMap;
use std::io;
use std::mem::zeroed;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

const RECV_BATCH: usize = 128;
/// Taken off the poll at once.
const EVENTS: usize = 64;
const WAKE_KEY: u64 = u64::MAX;

#[repr(C)]
#[derive(Clone, Copy)]
union Address {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl Address {
    fn empty() -> Address {
        // SAFETY: all members are plain integers.
        unsafe { zeroed() }
    }

    fn new(addr: SocketAddr) -> (Address, libc::socklen_t) {
        match addr {
            SocketAddr::V4(a) => {
                let v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: a.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(a.ip().octets()) },
                    sin_zero: [0; 8],
                };
                (Address { v4 }, size_of::<libc::sockaddr_in>() as libc::socklen_t)
            }
            SocketAddr::V6(a) => {
                let v6 = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: a.port().to_be(),
                    sin6_flowinfo: a.flowinfo(),
                    sin6_addr: libc::in6_addr { s6_addr: a.ip().octets() },
                    sin6_scope_id: a.scope_id(),
                };
                (Address { v6 }, size_of::<libc::sockaddr_in6>() as libc::socklen_t)
            }
        }
    }

    fn get(&self) -> SocketAddr {
        // SAFETY: the kernel (or `empty`) wrote the whole union; every member is valid for any bits.
        unsafe {
            if i32::from(self.family) == libc::AF_INET6 {
                let (ip, port) = (Ipv6Addr::from(self.v6.sin6_addr.s6_addr), u16::from_be(self.v6.sin6_port));
                SocketAddr::V6(SocketAddrV6::new(ip, port, self.v6.sin6_flowinfo, self.v6.sin6_scope_id))
            } else {
                let ip = Ipv4Addr::from(self.v4.sin_addr.s_addr.to_ne_bytes());
                SocketAddr::V4(SocketAddrV4::new(ip, u16::from_be(self.v4.sin_port)))
            }
        }
    }
}

struct EventFd(OwnedFd);

impl Wake for EventFd {
    fn wake(&self) {
        let one = 1u64;
        // SAFETY: writes 8 bytes of a live value; a full counter means that a wake is pending anyway.
        unsafe { libc::write(self.0.as_raw_fd(), (&one as *const u64).cast(), 8) };
    }
}

pub(super) struct Fast {
    epoll: OwnedFd,
    event: Arc<EventFd>,
    sockets: FxHashMap<u32, UdpSocket>,
    recv_buffer: Box<[u8]>,
    recv_addresses: Box<[Address; RECV_BATCH]>,
    recv_iovs: Box<[libc::iovec; RECV_BATCH]>,
    recv_headers: Box<[libc::mmsghdr; RECV_BATCH]>,
    batch: Batch,
    send_addresses: Box<[Address; SEND_BATCH]>,
    send_iovs: Box<[libc::iovec; SEND_BATCH]>,
    send_headers: Box<[libc::mmsghdr; SEND_BATCH]>,
    stats: IoStats,
    /// The kernel has no `epoll_pwait2`, or may not be asked for it.
    coarse: bool,
}

// SAFETY: the raw pointers in the headers point into the boxes beside them, which neither move nor change hands.
unsafe impl Send for Fast {}

fn checked(result: i32) -> io::Result<i32> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

impl Fast {
    pub(super) fn new() -> io::Result<Fast> {
        // SAFETY: plain system calls; the descriptors are owned at once.
        let (epoll, event) = unsafe {
            let epoll = OwnedFd::from_raw_fd(checked(libc::epoll_create1(libc::EPOLL_CLOEXEC))?);
            let event = OwnedFd::from_raw_fd(checked(libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC))?);
            (epoll, event)
        };
        // SAFETY: zero bytes are valid for these C structs.
        let mut fast = unsafe {
            Fast {
                epoll,
                event: Arc::new(EventFd(event)),
                sockets: FxHashMap::default(),
                recv_buffer: vec![0; RECV_BATCH * PACKET_BYTES].into_boxed_slice(),
                recv_addresses: Box::new([Address::empty(); RECV_BATCH]),
                recv_iovs: Box::new(zeroed()),
                recv_headers: Box::new(zeroed()),
                batch: Batch::new(),
                send_addresses: Box::new([Address::empty(); SEND_BATCH]),
                send_iovs: Box::new(zeroed()),
                send_headers: Box::new(zeroed()),
                stats: IoStats::default(),
                coarse: false,
            }
        };
        fast.point_headers();
        fast.control(libc::EPOLL_CTL_ADD, fast.event.0.as_raw_fd(), WAKE_KEY)?;
        Ok(fast)
    }

    /// All that is the same in each call: 128 headers set anew would cost more than a call that reads one packet.
    fn point_headers(&mut self) {
        for i in 0..RECV_BATCH {
            // SAFETY: stays inside `recv_buffer`, which has RECV_BATCH * PACKET_BYTES bytes.
            let base = unsafe { self.recv_buffer.as_mut_ptr().add(i * PACKET_BYTES) };
            self.recv_iovs[i] = libc::iovec { iov_base: base.cast(), iov_len: PACKET_BYTES };
            let header = &mut self.recv_headers[i].msg_hdr;
            header.msg_name = (&mut self.recv_addresses[i] as *mut Address).cast();
            header.msg_namelen = size_of::<Address>() as libc::socklen_t;
            header.msg_iov = &mut self.recv_iovs[i];
            header.msg_iovlen = 1;
        }
        for i in 0..SEND_BATCH {
            let header = &mut self.send_headers[i].msg_hdr;
            header.msg_name = (&mut self.send_addresses[i] as *mut Address).cast();
            header.msg_iov = &mut self.send_iovs[i];
            header.msg_iovlen = 1;
        }
    }

    fn control(&self, operation: i32, fd: RawFd, key: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: key };
        // SAFETY: `event` outlives the call.
        checked(unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, fd, &mut event) })?;
        Ok(())
    }

    /// To the us where the kernel (from 5.11) can: emulated links are as late as they should be and no more.
    fn poll(&mut self, timeout: Option<Duration>, events: &mut [libc::epoll_event; EVENTS]) -> i32 {
        let (epoll, most) = (self.epoll.as_raw_fd(), EVENTS as i32);
        #[cfg(target_pointer_width = "64")]
        if !self.coarse {
            let timeout =
                timeout.map(|t| libc::timespec { tv_sec: t.as_secs() as i64, tv_nsec: t.subsec_nanos().into() });
            let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
            let no_mask = std::ptr::null::<libc::sigset_t>();
            // SAFETY: the kernel reads a live timespec or none, and writes at most `most` events.
            let ready = unsafe {
                libc::syscall(libc::SYS_epoll_pwait2, epoll, events.as_mut_ptr(), most, timeout, no_mask, 0usize)
            };
            if ready >= 0 || io::Error::last_os_error().raw_os_error() == Some(libc::EINTR) {
                return ready as i32;
            }
            self.coarse = true;
        }
        let timeout_ms = match timeout {
            // Rounded up: a deadline that is not reached yet would spin.
            Some(timeout) => timeout.as_micros().div_ceil(1000).min(60_000) as i32,
            None => -1,
        };
        // SAFETY: the kernel writes at most `most` events.
        unsafe { libc::epoll_wait(epoll, events.as_mut_ptr(), most, timeout_ms) }
    }

    /// Sends the headers `from..to`, all of one socket.
    fn send_run(&mut self, fd: RawFd, from: usize, to: usize) {
        let mut at = from;
        let mut waited = false;
        while at < to {
            self.stats.send_calls += 1;
            // SAFETY: the headers `at..to` were set by `flush` and point to live buffers.
            let sent =
                unsafe { libc::sendmmsg(fd, self.send_headers.as_mut_ptr().add(at), (to - at) as libc::c_uint, 0) };
            if sent > 0 {
                self.stats.packets_out += sent as u64;
                at += sent as usize;
                continue;
            }
            match io::Error::last_os_error().raw_os_error() {
                Some(libc::EINTR) => {}
                Some(libc::EAGAIN) if !waited => {
                    waited = true;
                    self.stats.send_blocked += 1;
                    let mut poll = libc::pollfd { fd, events: libc::POLLOUT, revents: 0 };
                    // SAFETY: one live pollfd.
                    unsafe { libc::poll(&mut poll, 1, 2) };
                }
                Some(libc::EAGAIN) => {
                    self.stats.gave_up(Some(libc::EAGAIN), (to - at) as u64);
                    return;
                }
                // Also an ICMP error of an earlier packet: it belongs to no packet of this batch, so only one is skipped.
                errno => {
                    self.stats.gave_up(errno, 1);
                    at += 1;
                }
            }
        }
    }
}

impl Io for Fast {
    fn waker(&self) -> Arc<dyn Wake> {
        self.event.clone()
    }

    fn add(&mut self, key: u32, socket: UdpSocket) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, socket.as_raw_fd(), u64::from(key))?;
        self.sockets.insert(key, socket);
        Ok(())
    }

    fn remove(&mut self, key: u32) {
        self.flush();
        if let Some(socket) = self.sockets.remove(&key) {
            let _ = self.control(libc::EPOLL_CTL_DEL, socket.as_raw_fd(), 0);
        }
    }

    fn wait(&mut self, timeout: Option<Duration>, readable: &mut Vec<u32>) {
        // SAFETY: zero bytes are valid events.
        let mut events: [libc::epoll_event; EVENTS] = unsafe { zeroed() };
        let ready = self.poll(timeout, &mut events);
        for event in &events[..ready.max(0) as usize] {
            if event.u64 == WAKE_KEY {
                let mut count = 0u64;
                // SAFETY: reads 8 bytes into a live value.
                unsafe { libc::read(self.event.0.as_raw_fd(), (&mut count as *mut u64).cast(), 8) };
            } else {
                readable.push(event.u64 as u32);
            }
        }
    }

    fn recv(&mut self, key: u32) -> Received {
        let Some(socket) = self.sockets.get(&key) else { return Received { packets: 0, more: false } };
        self.stats.recv_calls += 1;
        // SAFETY: all headers point to live buffers of the given lengths.
        let got = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.recv_headers.as_mut_ptr(),
                RECV_BATCH as libc::c_uint,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        let packets = got.max(0) as usize;
        for header in &mut self.recv_headers[..packets] {
            // The kernel wrote the length of the sender's address over the room that there is for one.
            header.msg_hdr.msg_namelen = size_of::<Address>() as libc::socklen_t;
        }
        self.stats.packets_in += packets as u64;
        self.stats.bytes_in += self.recv_headers[..packets].iter().map(|h| u64::from(h.msg_len)).sum::<u64>();
        Received { packets, more: packets == RECV_BATCH }
    }

    fn packet(&self, index: usize) -> (SocketAddr, &[u8]) {
        let start = index * PACKET_BYTES;
        let length = (self.recv_headers[index].msg_len as usize).min(PACKET_BYTES);
        (self.recv_addresses[index].get(), &self.recv_buffer[start..start + length])
    }

    fn batch(&mut self) -> &mut Batch {
        &mut self.batch
    }

    fn flush(&mut self) {
        let waiting = self.batch.waiting();
        for i in 0..waiting {
            let (_, to, bytes) = self.batch.packet(i);
            let (address, length) = Address::new(to);
            self.send_addresses[i] = address;
            self.send_headers[i].msg_hdr.msg_namelen = length;
            self.send_iovs[i] = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        }
        let mut from = 0;
        while from < waiting {
            let key = self.batch.packet(from).0;
            let run = (from..waiting).take_while(|i| self.batch.packet(*i).0 == key).count();
            match self.sockets.get(&key).map(|socket| socket.as_raw_fd()) {
                Some(fd) => self.send_run(fd, from, from + run),
                None => self.stats.gave_up(None, run as u64),
            }
            from += run;
        }
        self.batch.clear();
    }

    fn stats(&self) -> IoStats {
        IoStats { bytes_out: self.batch.bytes, ..self.stats }
    }
}
