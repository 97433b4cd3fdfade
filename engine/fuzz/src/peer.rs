//! The other side of an engine: quinn-proto by itself, over `Plain`, that says whatever an input wants.

use crate::plain::Plain;
use bytes::{Bytes, BytesMut};
use hayate_core::api::TransportLimits;
use hayate_core::fuzzing::{now, transport, Host};
use quinn_proto::{self as q, ConnectionHandle, DatagramEvent, Dir, StreamEvent, StreamId, VarInt};
use std::net::SocketAddr;
use std::sync::Arc;

/// Of packets of an input's own: above those of the connection, so that none is taken for a copy.
const FIRST_RAW_NUMBER: u32 = 1000;
/// Packets that go to and fro until nothing new comes, at most.
const ROUNDS: usize = 8;

pub struct Peer {
    endpoint: q::Endpoint,
    conn: Option<(ConnectionHandle, q::Connection)>,
    address: SocketAddr,
    /// Of the engine's connection ids, one that it takes packets for.
    their_id: Vec<u8>,
    next_raw: u32,
    pub connected: bool,
    /// Streams of ours, in the order of opening.
    pub streams: Vec<StreamId>,
    /// Streams of the engine's.
    pub theirs: Vec<StreamId>,
}

impl Peer {
    fn new(address: SocketAddr, server: Option<Arc<q::ServerConfig>>) -> Peer {
        Peer {
            endpoint: q::Endpoint::new(Arc::default(), server, false, Some([7; 32])),
            conn: None,
            address,
            their_id: Vec::new(),
            next_raw: FIRST_RAW_NUMBER,
            connected: false,
            streams: Vec::new(),
            theirs: Vec::new(),
        }
    }

    /// Dials the engine, whose address is of no meaning.
    pub fn client(address: SocketAddr, limits: &TransportLimits) -> Peer {
        let mut peer = Peer::new(address, None);
        let mut config = q::ClientConfig::new(Arc::new(Plain));
        config.transport_config(transport(limits));
        peer.conn = peer.endpoint.connect(now(), config, ([127, 0, 0, 1], 4433).into(), "localhost").ok();
        peer
    }

    /// Waits to be dialled.
    pub fn server(address: SocketAddr, limits: &TransportLimits) -> Peer {
        let mut config = q::ServerConfig::with_crypto(Arc::new(Plain));
        config.transport_config(transport(limits));
        Peer::new(address, Some(Arc::new(config)))
    }

    /// Lets packets go to and fro.
    pub fn exchange(&mut self, host: &mut Host) {
        for _ in 0..ROUNDS {
            let sent = self.transmit(host);
            host.turn();
            let came = host.left();
            if !sent && came.is_empty() {
                return;
            }
            for (to, data) in came {
                if to == self.address {
                    self.packet(&data);
                }
            }
            self.events();
        }
    }

    fn transmit(&mut self, host: &mut Host) -> bool {
        let Some((handle, conn)) = self.conn.as_mut() else { return false };
        let now = now();
        if conn.poll_timeout().is_some_and(|at| at <= now) {
            conn.handle_timeout(now);
        }
        while let Some(event) = conn.poll_endpoint_events() {
            if let Some(event) = self.endpoint.handle_event(*handle, event) {
                conn.handle_event(event);
            }
        }
        let (mut sent, mut packet) = (false, Vec::new());
        while let Some(transmit) = conn.poll_transmit(now, 1, &mut packet) {
            packet.truncate(transmit.size);
            // A short header begins with 0b01, and 8 bytes of our engine's id follow.
            if packet[0] & 0xc0 == 0x40 && packet.len() > 9 {
                self.their_id = packet[1..9].to_vec();
            }
            host.arrives(self.address, std::mem::take(&mut packet));
            sent = true;
        }
        sent
    }

    fn packet(&mut self, data: &[u8]) {
        let (now, mut response) = (now(), Vec::new());
        let from = ([127, 0, 0, 1], 4433).into();
        match self.endpoint.handle(now, from, None, None, BytesMut::from(data), &mut response) {
            Some(DatagramEvent::NewConnection(incoming)) if self.conn.is_none() => {
                self.conn = self.endpoint.accept(incoming, now, &mut response, None).ok();
            }
            Some(DatagramEvent::NewConnection(incoming)) => self.endpoint.ignore(incoming),
            Some(DatagramEvent::ConnectionEvent(_, event)) => {
                if let Some((_, conn)) = self.conn.as_mut() {
                    conn.handle_event(event);
                }
            }
            Some(DatagramEvent::Response(_)) | None => {}
        }
    }

    /// What comes on streams is read and forgotten, so that no window closes.
    fn events(&mut self) {
        let Some((_, conn)) = self.conn.as_mut() else { return };
        while let Some(event) = conn.poll() {
            match event {
                q::Event::Connected => self.connected = true,
                q::Event::Stream(StreamEvent::Opened { dir }) => {
                    while let Some(id) = conn.streams().accept(dir) {
                        self.theirs.push(id);
                        drain(conn, id);
                    }
                }
                q::Event::Stream(StreamEvent::Readable { id }) => drain(conn, id),
                q::Event::DatagramReceived => while conn.datagrams().recv().is_some() {},
                _ => {}
            }
        }
    }

    fn q(&mut self) -> Option<&mut q::Connection> {
        self.conn.as_mut().map(|(_, conn)| conn)
    }

    /// As far as the engine allows more.
    pub fn open(&mut self, dir: Dir, bytes: &[u8], fin: bool) {
        if let Some(id) = self.q().and_then(|conn| conn.streams().open(dir)) {
            self.streams.push(id);
            self.write(id, bytes, fin);
        }
    }

    /// As much as the windows take.
    pub fn write(&mut self, id: StreamId, bytes: &[u8], fin: bool) {
        let writes = id.dir() == Dir::Bi || self.streams.contains(&id);
        let Some(conn) = self.q().filter(|_| writes) else { return };
        let _ = conn.send_stream(id).write(bytes);
        if fin {
            let _ = conn.send_stream(id).finish();
        }
    }

    pub fn reset(&mut self, id: StreamId, code: u64) {
        let writes = id.dir() == Dir::Bi || self.streams.contains(&id);
        if let (Some(conn), Ok(code), true) = (self.q(), VarInt::from_u64(code), writes) {
            let _ = conn.send_stream(id).reset(code);
        }
    }

    pub fn stop(&mut self, id: StreamId, code: u64) {
        let reads = id.dir() == Dir::Bi || self.theirs.contains(&id);
        if let (Some(conn), Ok(code), true) = (self.q(), VarInt::from_u64(code), reads) {
            let _ = conn.recv_stream(id).stop(code);
        }
    }

    pub fn datagram(&mut self, data: &[u8]) {
        if let Some(conn) = self.q() {
            let _ = conn.datagrams().send(Bytes::copy_from_slice(data), true);
        }
    }

    pub fn close(&mut self, code: u64, reason: &[u8]) {
        if let (Some(conn), Ok(code)) = (self.q(), VarInt::from_u64(code)) {
            conn.close(now(), code, Bytes::copy_from_slice(reason));
        }
    }

    /// The next packet comes from elsewhere: a rebinding.
    pub fn moved(&mut self, port: u16) {
        self.address.set_port(port.max(1));
    }

    /// A packet with a short header that says these frames, as the connection's own would.
    pub fn frames(&mut self, host: &mut Host, frames: &[u8]) {
        if self.their_id.is_empty() {
            return;
        }
        // Four bytes of packet number.
        let mut packet = vec![0x43];
        packet.extend_from_slice(&self.their_id);
        packet.extend_from_slice(&self.next_raw.to_be_bytes());
        packet.extend_from_slice(frames);
        self.next_raw += 1;
        host.arrives(self.address, packet);
    }

    pub fn raw(&mut self, host: &mut Host, packet: &[u8]) {
        host.arrives(self.address, packet.to_vec());
    }
}

fn drain(conn: &mut q::Connection, id: StreamId) {
    let mut stream = conn.recv_stream(id);
    let Ok(mut chunks) = stream.read(true) else { return };
    while let Ok(Some(_)) = chunks.next(65_536) {}
    let _ = chunks.finalize();
}
