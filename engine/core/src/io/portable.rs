//! Everywhere: mio and quinn-udp (GRO where the system has it).

use super::batch::Batch;
use super::{Io, IoStats, Received, Wake};
use mio::{Events, Interest, Poll, Token, Waker};
use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState, BATCH_SIZE};
use rustc_hash::FxHashMap;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

const WAKE_TOKEN: Token = Token(usize::MAX);
/// One buffer holds a run of packets that the system joined (GRO).
const RECV_BYTES: usize = 65_536;

impl Wake for Waker {
    fn wake(&self) {
        // Fails only when the poll is gone, and then nobody waits.
        let _ = Waker::wake(self);
    }
}

struct Socket {
    mio: mio::net::UdpSocket,
    state: UdpSocketState,
}

pub(super) struct Portable {
    poll: Poll,
    events: Events,
    waker: Arc<Waker>,
    sockets: FxHashMap<u32, Socket>,
    /// mio tells a change only: a socket stays here until a read found it empty.
    again: Vec<u32>,
    recv_buffer: Box<[u8]>,
    /// Start, length and sender of each packet in the buffer.
    packets: Vec<(usize, usize, SocketAddr)>,
    batch: Batch,
    stats: IoStats,
}

impl Portable {
    pub(super) fn new() -> io::Result<Portable> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE_TOKEN)?);
        Ok(Portable {
            poll,
            events: Events::with_capacity(64),
            waker,
            sockets: FxHashMap::default(),
            again: Vec::new(),
            recv_buffer: vec![0; BATCH_SIZE * RECV_BYTES].into_boxed_slice(),
            packets: Vec::new(),
            batch: Batch::new(),
            stats: IoStats::default(),
        })
    }

    fn send_one(&mut self, index: usize) {
        let (key, destination, contents) = self.batch.packet(index);
        let Some(socket) = self.sockets.get(&key) else {
            self.stats.gave_up(None, 1);
            return;
        };
        let transmit = Transmit { destination, ecn: None, contents, segment_size: None, src_ip: None };
        let mut errno = None;
        for attempt in 0..2 {
            self.stats.send_calls += 1;
            match socket.state.try_send(UdpSockRef::from(&socket.mio), &transmit) {
                Ok(()) => {
                    self.stats.packets_out += 1;
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && attempt == 0 => {
                    self.stats.send_blocked += 1;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => {
                    errno = error.raw_os_error();
                    break;
                }
            }
        }
        self.stats.gave_up(errno, 1);
    }
}

impl Io for Portable {
    fn waker(&self) -> Arc<dyn Wake> {
        self.waker.clone()
    }

    fn add(&mut self, key: u32, socket: UdpSocket) -> io::Result<()> {
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        let mut mio = mio::net::UdpSocket::from_std(socket);
        self.poll.registry().register(&mut mio, Token(key as usize), Interest::READABLE)?;
        self.sockets.insert(key, Socket { mio, state });
        self.again.push(key);
        Ok(())
    }

    fn remove(&mut self, key: u32) {
        self.flush();
        if let Some(mut socket) = self.sockets.remove(&key) {
            let _ = self.poll.registry().deregister(&mut socket.mio);
        }
        self.again.retain(|k| *k != key);
    }

    fn wait(&mut self, timeout: Option<Duration>, readable: &mut Vec<u32>) {
        let timeout = if self.again.is_empty() { timeout } else { Some(Duration::ZERO) };
        // Rounded up: a deadline that is not reached yet would spin.
        let timeout = timeout.map(|t| Duration::from_millis(t.as_micros().div_ceil(1000) as u64));
        if self.poll.poll(&mut self.events, timeout).is_ok() {
            for event in &self.events {
                let key = event.token().0 as u32;
                if event.token() != WAKE_TOKEN && !self.again.contains(&key) {
                    self.again.push(key);
                }
            }
        }
        readable.extend_from_slice(&self.again);
    }

    fn recv(&mut self, key: u32) -> Received {
        self.packets.clear();
        let Some(socket) = self.sockets.get(&key) else { return Received { packets: 0, more: false } };
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let mut parts = self.recv_buffer.chunks_exact_mut(RECV_BYTES);
        let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(parts.next().expect("the buffer has BATCH_SIZE parts")));
        self.stats.recv_calls += 1;
        match socket.state.recv(UdpSockRef::from(&socket.mio), &mut buffers, &mut metas) {
            Ok(count) => {
                for (i, meta) in metas[..count].iter().enumerate() {
                    let stride = meta.stride.max(1);
                    let mut at = 0;
                    while at < meta.len {
                        let length = stride.min(meta.len - at);
                        self.packets.push((i * RECV_BYTES + at, length, meta.addr));
                        self.stats.bytes_in += length as u64;
                        at += length;
                    }
                }
                self.stats.packets_in += self.packets.len() as u64;
                Received { packets: self.packets.len(), more: true }
            }
            Err(error) => {
                // ICMP errors of earlier packets come here too and say nothing about what is still to read.
                let more = error.kind() != io::ErrorKind::WouldBlock;
                if !more {
                    self.again.retain(|k| *k != key);
                }
                Received { packets: 0, more }
            }
        }
    }

    fn packet(&self, index: usize) -> (SocketAddr, &[u8]) {
        let (start, length, from) = self.packets[index];
        (from, &self.recv_buffer[start..start + length])
    }

    fn batch(&mut self) -> &mut Batch {
        &mut self.batch
    }

    fn flush(&mut self) {
        for index in 0..self.batch.waiting() {
            self.send_one(index);
        }
        self.batch.clear();
    }

    fn stats(&self) -> IoStats {
        IoStats { bytes_out: self.batch.bytes, ..self.stats }
    }
}
