//! Two quinn-proto connections over a simulated wire with a simulated clock: both ways of polling must keep the window
//! within what is used, and let a sender that needs more have it.

use super::*;
use crate::api::{CertificateSource, ConnectConfig, DatagramMode, TransportLimits};
use crate::cert::CertStore;
use crate::link::Random;
use crate::{limits, tls};
use bytes::{Bytes, BytesMut};
use quinn_proto::{
    ClientConfig, Connection, ConnectionHandle, DatagramEvent, Dir, Endpoint, ServerConfig, StreamId, TransportConfig,
};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

const ONE_WAY: Duration = Duration::from_millis(10);
const TICK: Duration = Duration::from_millis(1);

#[derive(Clone, Copy, PartialEq)]
enum Polling {
    Once,
    UntilEmpty,
}

struct End {
    endpoint: Endpoint,
    connection: Option<(ConnectionHandle, Connection)>,
    inbound: VecDeque<(Instant, Vec<u8>)>,
    received: u64,
}

impl End {
    fn new(server: Option<Arc<ServerConfig>>) -> End {
        let endpoint = Endpoint::new(Arc::default(), server, false, Some([7; 32]));
        End { endpoint, connection: None, inbound: VecDeque::new(), received: 0 }
    }

    fn receive(&mut self, now: Instant, from: SocketAddr) {
        while self.inbound.front().is_some_and(|(at, _)| *at <= now) {
            let Some((_, packet)) = self.inbound.pop_front() else { return };
            let mut response = Vec::new();
            match self.endpoint.handle(now, from, None, None, BytesMut::from(&packet[..]), &mut response) {
                Some(DatagramEvent::NewConnection(incoming)) => {
                    self.connection = Some(self.endpoint.accept(incoming, now, &mut response, None).unwrap());
                }
                Some(DatagramEvent::ConnectionEvent(_, event)) => {
                    self.connection.as_mut().unwrap().1.handle_event(event);
                }
                _ => {}
            }
        }
        let Some((handle, connection)) = self.connection.as_mut() else { return };
        if connection.poll_timeout().is_some_and(|at| at <= now) {
            connection.handle_timeout(now);
        }
        while connection.poll().is_some() {}
        while connection.datagrams().recv().is_some() {}
        while let Some(id) = connection.streams().accept(Dir::Uni) {
            assert_eq!(id.index(), 0);
        }
        if connection.side().is_server() {
            let mut stream = connection.recv_stream(StreamId::new(quinn_proto::Side::Client, Dir::Uni, 0));
            if let Ok(mut chunks) = stream.read(true) {
                while let Ok(Some(chunk)) = chunks.next(usize::MAX) {
                    self.received += chunk.bytes.len() as u64;
                }
                let _ = chunks.finalize();
            };
        }
        while let Some(event) = connection.poll_endpoint_events() {
            if let Some(event) = self.endpoint.handle_event(*handle, event) {
                connection.handle_event(event);
            }
        }
    }

    /// What leaves while the wire is `cut` arrives nowhere.
    fn transmit(
        &mut self,
        now: Instant,
        polling: Polling,
        way: Duration,
        cut: bool,
        to: &mut VecDeque<(Instant, Vec<u8>)>,
    ) {
        let Some((_, connection)) = self.connection.as_mut() else { return };
        loop {
            let mut packet = Vec::new();
            if connection.poll_transmit(now, 1, &mut packet).is_none() {
                return;
            }
            if !cut {
                to.push_back((now + way, packet));
            }
            if polling == Polling::Once {
                return;
            }
        }
    }

    fn window(&mut self) -> u64 {
        self.connection.as_mut().unwrap().1.congestion_state().window()
    }
}

fn transport(own: bool) -> Arc<TransportConfig> {
    let limits = test_limits();
    let config = limits::transport(&limits);
    if own {
        return config;
    }
    let mut config = TransportConfig::default();
    config.mtu_discovery_config(None).enable_segmentation_offload(false);
    Arc::new(config)
}

fn test_limits() -> TransportLimits {
    TransportLimits {
        idle_timeout_ms: 60_000,
        keep_alive_ms: 0,
        max_bidi_streams: 1,
        max_uni_streams: 1,
        datagram_queue_bytes: 2000,
        datagram_queue_ms: 100,
        stream_window_bytes: 8 << 20,
        stream_send_bytes: 8 << 20,
        max_datagram_bytes: 1000,
        rate_ceiling_kbps: 0,
        trunk_flush_ms: 2,
    }
}

/// Losses in bursts, towards the server: mean ms with and without.
struct Bursts {
    random: Random,
    bad_ms: u64,
    good_ms: u64,
    bad: bool,
}

impl Bursts {
    /// Once a ms.
    fn step(&mut self) -> bool {
        let mean_ms = if self.bad { self.bad_ms } else { self.good_ms };
        self.bad ^= self.random.next_u64().is_multiple_of(mean_ms);
        self.bad
    }
}

struct Wire {
    now: Instant,
    way: Duration,
    bursts: Option<Bursts>,
    client: End,
    server: End,
}

impl Wire {
    /// `own`: with our controller, else with quinn's.
    fn connected(own: bool) -> Wire {
        Wire::between(transport(own), ONE_WAY)
    }

    fn between(transport: Arc<TransportConfig>, way: Duration) -> Wire {
        let mut wire = Wire::opening(transport, way);
        wire.run(Duration::from_millis(500), Polling::UntilEmpty, |_, _| false);
        assert!(wire.is_open());
        wire
    }

    /// Nothing was sent yet.
    fn opening(transport: Arc<TransportConfig>, way: Duration) -> Wire {
        let source = CertificateSource::SelfSigned { names: vec!["localhost".into()], days: 10, dir: None };
        let certificates = CertStore::open(&source, SystemTime::now()).unwrap();
        let (chain, key) = certificates.current();
        let mut server = ServerConfig::with_crypto(tls::server(chain, key, None).unwrap());
        server.transport_config(transport.clone());
        let config = ConnectConfig {
            url: "https://localhost/".into(),
            addr: "127.0.0.1:1".parse().unwrap(),
            origin: None,
            certificate_hashes: certificates.hashes(),
            roots_pem: None,
            identity: None,
            server_name: None,
            connect_timeout_ms: 1000,
            datagrams: DatagramMode::Deliver,
            limits: test_limits(),
            socket_group: 0,
            own_socket: true,
            link: None,
        };
        let mut client = ClientConfig::new(tls::client(&config).unwrap());
        client.transport_config(transport);
        let now = Instant::now();
        let mut wire =
            Wire { now, way, bursts: None, client: End::new(None), server: End::new(Some(Arc::new(server))) };
        let addr = wire.addr();
        wire.client.connection = Some(wire.client.endpoint.connect(now, client, addr, "localhost").unwrap());
        wire
    }

    fn is_open(&self) -> bool {
        !self.client.connection.as_ref().unwrap().1.is_handshaking()
    }

    fn addr(&self) -> SocketAddr {
        "127.0.0.1:1".parse().unwrap()
    }

    /// Millisecond steps. `work` is the application, and says whether it wrote: who polls once does so only then.
    fn run(&mut self, time: Duration, polling: Polling, mut work: impl FnMut(u64, &mut Connection) -> bool) {
        let addr = self.addr();
        for step in 0..time.as_millis() as u64 {
            self.now += TICK;
            let cut = self.bursts.as_mut().is_some_and(Bursts::step);
            self.client.receive(self.now, addr);
            self.server.receive(self.now, addr);
            let wrote = self.client.connection.as_mut().is_some_and(|(_, connection)| work(step, connection));
            if wrote || polling == Polling::UntilEmpty {
                self.client.transmit(self.now, polling, self.way, cut, &mut self.server.inbound);
            }
            self.server.transmit(self.now, Polling::UntilEmpty, self.way, false, &mut self.client.inbound);
        }
    }

    /// 60 datagrams of 120 bytes each second: about 3 kB in flight over this wire.
    fn thin(&mut self, polling: Polling) -> u64 {
        self.run(Duration::from_secs(60), polling, |step, connection| {
            let due = step % 16 == 0;
            if due {
                connection.datagrams().send(Bytes::from(vec![1; 120]), true).unwrap();
            }
            due
        });
        self.client.window()
    }

    fn bulk(&mut self, polling: Polling, time: Duration) -> u64 {
        let id = self.client.connection.as_mut().unwrap().1.streams().open(Dir::Uni).unwrap();
        let block = vec![7; 1 << 20];
        self.run(time, polling, |_, connection| {
            while connection.send_stream(id).write(&block).is_ok() {}
            true
        });
        self.server.received
    }
}

#[test]
fn a_thin_sender_keeps_its_initial_window_however_it_polls() {
    for polling in [Polling::Once, Polling::UntilEmpty] {
        let mut wire = Wire::connected(true);
        let before = wire.client.window();
        assert!(wire.thin(polling) <= before, "grew from {before}");
    }
}

#[test]
fn quinn_alone_grows_a_thin_senders_window_when_polled_once() {
    let mut wire = Wire::connected(false);
    let before = wire.client.window();
    assert!(wire.thin(Polling::Once) > before * 10, "negative control");
}

/// Forty rooms on a trunk: a full datagram each 2 ms over an ocean that loses 0.5 % in bursts of 15 ms, for a minute. How
/// many found no room at the sender.
fn trunk_drops(rate_ceiling_kbps: u32) -> u64 {
    let limits = TransportLimits { rate_ceiling_kbps, max_datagram_bytes: 1150, ..test_limits() };
    let mut wire = Wire::between(limits::transport(&limits), Duration::from_millis(65));
    let ramp = Duration::from_secs(5);
    let mut dropped = 0;
    for (time, bursts) in [(ramp, None), (Duration::from_secs(60), Some(15))] {
        dropped = 0;
        let random = Random::new(3, 0);
        wire.bursts = bursts.map(|bad_ms| Bursts { random, bad_ms, good_ms: bad_ms * 199, bad: false });
        wire.run(time, Polling::UntilEmpty, |step, connection| {
            if step % 2 == 0 {
                dropped += u64::from(connection.datagrams().send(Bytes::from(vec![1; 1150]), false).is_err());
            }
            true
        });
    }
    assert!(wire.client.connection.as_ref().unwrap().1.stats().path.lost_packets > 50);
    dropped
}

#[test]
fn a_trunk_drops_nothing_for_the_losses_of_an_ocean_where_cubic_does() {
    assert_eq!(trunk_drops(20_000), 0);
    let cubic = trunk_drops(0);
    println!("CUBIC drops {cubic} of 30 000");
    assert!(cubic > 1000, "negative control: {cubic}");
}

/// How long a connection takes to open whose client is not heard in the first 50 ms.
fn opens_after_ms(own: bool) -> u64 {
    let mut wire = Wire::opening(transport(own), ONE_WAY);
    wire.bursts = Some(Bursts { random: Random::new(1, 0), bad_ms: u64::MAX, good_ms: 1, bad: true });
    wire.run(Duration::from_millis(50), Polling::UntilEmpty, |_, _| false);
    wire.bursts = None;
    let mut ms = 50;
    while !wire.is_open() {
        wire.run(TICK, Polling::UntilEmpty, |_, _| false);
        ms += 1;
    }
    ms
}

#[test]
fn a_first_flight_that_is_lost_costs_a_third_of_a_second() {
    let ms = opens_after_ms(true);
    assert!(ms < 400, "{ms} ms");
    let quinn = opens_after_ms(false);
    assert!(quinn > 900, "negative control: {quinn} ms");
}

#[test]
fn a_bulk_sender_gets_its_window() {
    // 20 ms round trip; the initial window of 12 kB would give 0.6 MB/s.
    let mut wire = Wire::connected(true);
    let received = wire.bulk(Polling::UntilEmpty, Duration::from_secs(2));
    assert!(received > 20 << 20, "{received} bytes");
}

#[test]
fn a_bulk_sender_that_polls_once_a_tick_is_bounded_by_what_it_uses() {
    // One packet a ms: 20 packets in flight, 24 kB.
    let mut wire = Wire::connected(true);
    let received = wire.bulk(Polling::Once, Duration::from_secs(5));
    assert!(received > 5 << 20, "{received} bytes");
    let window = wire.client.window();
    assert!(window <= 4 * 24_000, "{window}");
}
