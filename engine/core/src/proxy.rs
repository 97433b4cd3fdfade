//! A UDP proxy with an emulated link, for clients whose sockets are not ours (browsers).
//!
//! One thread for each proxy. Every client address has a socket of its own towards the target and both directions of
//! the link, each with a seed of its own. Dropping the handle ends the thread and joins it.

mod client;
mod timer;

use crate::api::{EngineError, ProxyConfig};
use crate::link::LinkPacket;
use client::{Client, Counts};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use rustc_hash::FxHashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;
use timer::Timer;

/// A client that sent nothing for so long is forgotten.
const CLIENT_IDLE_US: u64 = 120_000_000;
/// Packets read from one socket before the others and the timers get their turn.
const READS_PER_TURN: usize = 64;
#[cfg(unix)]
const SOCKET_BUFFER_BYTES: libc::c_int = 4 << 20;

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
const TIMER: Token = Token(2);
const FIRST_CLIENT: usize = 3;

/// A running proxy.
pub struct Proxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    waker: Arc<Waker>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    stop: AtomicBool,
    counts: Mutex<Counts>,
}

impl Proxy {
    /// Binds and starts. Errors: `bind_failed` with the address, `io` when the system gives no thread or poller.
    pub fn start(config: ProxyConfig) -> Result<Proxy, EngineError> {
        Proxy::start_with(config, CLIENT_IDLE_US)
    }

    fn start_with(config: ProxyConfig, idle_us: u64) -> Result<Proxy, EngineError> {
        let address = Some(config.listen.ip());
        let failed =
            |code: &'static str| move |error: io::Error| EngineError { code, message: error.to_string(), address };
        let listener = bind(config.listen).map_err(failed("bind_failed"))?;
        let addr = listener.local_addr().map_err(failed("bind_failed"))?;
        let poll = Poll::new().map_err(failed("io"))?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).map_err(failed("io"))?);
        let timer = Timer::new(poll.registry(), TIMER).map_err(failed("io"))?;
        let shared = Arc::new(Shared { stop: AtomicBool::new(false), counts: Mutex::new(Counts::default()) });
        let mut state = State {
            poll,
            timer,
            listener,
            listener_ready: true,
            clients: FxHashMap::default(),
            by_addr: FxHashMap::default(),
            next_client: 0,
            gone: Counts::default(),
            start: Instant::now(),
            idle_us,
            shared: shared.clone(),
            config,
        };
        state.register().map_err(failed("io"))?;
        let thread = std::thread::Builder::new().name("hayate-proxy".into()).spawn(move || state.run());
        Ok(Proxy { addr, shared, waker, thread: Some(thread.map_err(failed("io"))?) })
    }

    /// Where it listens, the port as picked.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `up` is client to target. Gauges: `clients`, `up_waiting`, `down_waiting`; the rest counts from the start.
    pub fn stats(&self) -> Vec<(&'static str, f64)> {
        self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner).values()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // A waker that fails leaves the thread to its one-second timeout.
        let _ = self.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn bind(addr: SocketAddr) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind(addr)?;
    socket.set_nonblocking(true)?;
    #[cfg(unix)]
    for option in [libc::SO_RCVBUF, libc::SO_SNDBUF] {
        use std::os::fd::AsRawFd;
        // SAFETY: the descriptor is open and the value is an int of the size told. Smaller buffers do as well.
        unsafe {
            let value = std::ptr::from_ref(&SOCKET_BUFFER_BYTES).cast();
            let size = size_of::<libc::c_int>() as libc::socklen_t;
            libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, value, size);
        }
    }
    Ok(UdpSocket::from_std(socket))
}

struct State {
    config: ProxyConfig,
    poll: Poll,
    timer: Timer,
    listener: UdpSocket,
    /// mio tells an edge: what was not read to its end is read on without another event.
    listener_ready: bool,
    clients: FxHashMap<usize, Client>,
    by_addr: FxHashMap<SocketAddr, usize>,
    next_client: usize,
    /// Of clients that are no more, and what belongs to none.
    gone: Counts,
    start: Instant,
    idle_us: u64,
    shared: Arc<Shared>,
}

impl State {
    fn register(&mut self) -> io::Result<()> {
        self.poll.registry().register(&mut self.listener, LISTENER, Interest::READABLE)
    }

    fn now_us(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    fn run(&mut self) {
        let mut events = Events::with_capacity(256);
        let mut buffer = vec![0; 65_536];
        while !self.shared.stop.load(Ordering::Relaxed) {
            let more = self.listener_ready || self.clients.values().any(|client| client.ready);
            let deadline = self.turn_end();
            let timeout = self.timer.arm(if more { Some(0) } else { deadline }, self.now_us());
            if let Err(error) = self.poll.poll(&mut events, Some(timeout)) {
                if error.kind() != io::ErrorKind::Interrupted {
                    return;
                }
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.listener_ready = true,
                    WAKER => {}
                    TIMER => self.timer.fired(),
                    Token(number) => {
                        if let Some(client) = self.clients.get_mut(&(number - FIRST_CLIENT)) {
                            client.ready = true;
                        }
                    }
                }
            }
            self.read_listener(&mut buffer);
            let now_us = self.now_us();
            for client in self.clients.values_mut() {
                client.read(now_us, &mut buffer);
            }
        }
    }

    /// Sends what is due, forgets idle clients, publishes the counts; the next deadline of any link. Walks all clients
    /// each turn: meant for tens of them.
    fn turn_end(&mut self) -> Option<u64> {
        let now_us = self.now_us();
        let mut total = self.gone;
        let mut deadline = None::<u64>;
        let mut idle = Vec::new();
        for (number, client) in &mut self.clients {
            client.rebind_if_due(now_us, self.config.link.rebind_every_ms, &self.poll, Token(number + FIRST_CLIENT));
            client.send_due(now_us, &self.listener);
            total.add(&client.counts());
            if now_us - client.heard_us > self.idle_us {
                idle.push(*number);
            }
            deadline = [deadline, client.next_deadline_us()].into_iter().flatten().min();
        }
        total.clients = self.clients.len() as u64;
        *self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner) = total;
        for number in idle {
            if let Some(mut client) = self.clients.remove(&number) {
                self.by_addr.remove(&client.addr);
                client.close(&self.poll);
                self.gone.add(&client.counts().finished());
                self.gone.clients_expired += 1;
            }
        }
        deadline
    }

    fn read_listener(&mut self, buffer: &mut [u8]) {
        if !self.listener_ready {
            return;
        }
        for _ in 0..READS_PER_TURN {
            match self.listener.recv_from(buffer) {
                Ok((length, from)) => {
                    let now_us = self.now_us();
                    if let Some(client) = self.client_of(from, now_us) {
                        let data = buffer[..length].to_vec();
                        client.offer_up(now_us, LinkPacket { peer: from, local: None, ecn: None, data });
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.listener_ready = false;
                    return;
                }
                // An ICMP error of an earlier send; reading goes on.
                Err(_) => self.gone.receive_errors += 1,
            }
        }
    }

    fn client_of(&mut self, from: SocketAddr, now_us: u64) -> Option<&mut Client> {
        if let Some(number) = self.by_addr.get(&from) {
            return self.clients.get_mut(number);
        }
        if self.clients.len() >= self.config.max_clients {
            self.gone.clients_refused += 1;
            return None;
        }
        let number = self.next_client;
        match Client::new(from, number, &self.config, now_us, &self.poll, Token(number + FIRST_CLIENT)) {
            Ok(client) => {
                self.next_client += 1;
                self.by_addr.insert(from, number);
                Some(self.clients.entry(number).or_insert(client))
            }
            Err(_) => {
                self.gone.clients_refused += 1;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
