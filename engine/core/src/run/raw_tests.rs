//! The engine against a peer that speaks QUIC and says on it whatever a test wants.

use super::endpoint::server_config;
use super::tests::{connect_config, limits, listen_config, self_signed, Host};
use crate::api::*;
use crate::cert::CertStore;
use crate::h3::{self, code};
use crate::tls;
use bytes::BytesMut;
use quinn_proto::{self as q, ConnectionError, ConnectionHandle, DatagramEvent, Dir, StreamEvent, StreamId};
use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use web_transport_proto as wt;

struct Raw {
    socket: UdpSocket,
    endpoint: q::Endpoint,
    conn: Option<(ConnectionHandle, q::Connection)>,
    /// What each stream of either side brought.
    read: HashMap<StreamId, Vec<u8>>,
    /// Streams of ours that were acknowledged whole.
    acknowledged: Vec<StreamId>,
    stopped: Vec<(StreamId, u64)>,
    connected: bool,
    lost: Option<ConnectionError>,
}

impl Raw {
    fn new(server: Option<Arc<q::ServerConfig>>) -> Raw {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        Raw {
            socket,
            endpoint: q::Endpoint::new(Arc::default(), server, false, None),
            conn: None,
            read: HashMap::new(),
            acknowledged: Vec::new(),
            stopped: Vec::new(),
            connected: false,
            lost: None,
        }
    }

    /// A client of `server`, connected, its control stream not yet opened.
    fn client(server: &mut Host) -> Raw {
        let listening = server.0.listen(listen_config()).unwrap();
        let mut raw = Raw::new(None);
        let tls = tls::client(&connect_config(listening.addr, listening.hashes)).unwrap();
        let mut config = q::ClientConfig::new(tls);
        config.transport_config(crate::limits::transport(&limits()));
        raw.conn = Some(raw.endpoint.connect(Instant::now(), config, listening.addr, "localhost").unwrap());
        raw.until("the handshake", |raw| raw.connected);
        raw
    }

    /// A server that `client` has dialled: the session's number there.
    fn server(client: &mut Host) -> (Raw, SessionId) {
        let certificates = CertStore::open(&self_signed(), SystemTime::now()).unwrap();
        let (chain, key) = certificates.current();
        let transport = crate::limits::transport(&limits());
        let mut raw = Raw::new(Some(server_config(tls::server(chain, key, None).unwrap(), &transport)));
        let addr = raw.socket.local_addr().unwrap();
        let session = client.0.connect(connect_config(addr, certificates.hashes())).unwrap();
        raw.until("the handshake", |raw| raw.connected);
        (raw, session)
    }

    fn q(&mut self) -> &mut q::Connection {
        &mut self.conn.as_mut().unwrap().1
    }

    /// Opens a stream and writes; `fin` ends it.
    fn open(&mut self, dir: Dir, bytes: &[u8], fin: bool) -> StreamId {
        let id = self.q().streams().open(dir).unwrap();
        self.write(id, bytes, fin);
        id
    }

    fn write(&mut self, id: StreamId, bytes: &[u8], fin: bool) {
        assert_eq!(self.q().send_stream(id).write(bytes), Ok(bytes.len()));
        if fin {
            self.q().send_stream(id).finish().unwrap();
        }
    }

    fn until(&mut self, what: &str, done: impl Fn(&Raw) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !done(self) {
            assert!(Instant::now() < deadline, "no {what}: {:?} {:?}", self.lost, self.read);
            self.turn();
        }
    }

    fn turn(&mut self) {
        if let Some((handle, conn)) = self.conn.as_mut() {
            let now = Instant::now();
            if conn.poll_timeout().is_some_and(|at| at <= now) {
                conn.handle_timeout(now);
            }
            while let Some(event) = conn.poll_endpoint_events() {
                if let Some(event) = self.endpoint.handle_event(*handle, event) {
                    conn.handle_event(event);
                }
            }
            let mut packet = Vec::new();
            while let Some(transmit) = conn.poll_transmit(now, 1, &mut packet) {
                self.socket.send_to(&packet[..transmit.size], transmit.destination).unwrap();
                packet.clear();
            }
        }
        let mut buffer = [0; 2048];
        if let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
            self.packet(from, &buffer[..length]);
        }
        self.events();
    }

    fn packet(&mut self, from: SocketAddr, data: &[u8]) {
        let (now, mut response) = (Instant::now(), Vec::new());
        match self.endpoint.handle(now, from, None, None, BytesMut::from(data), &mut response) {
            Some(DatagramEvent::NewConnection(incoming)) => {
                self.conn = Some(self.endpoint.accept(incoming, now, &mut response, None).unwrap());
            }
            Some(DatagramEvent::ConnectionEvent(_, event)) => self.q().handle_event(event),
            Some(DatagramEvent::Response(_)) | None => {}
        }
    }

    fn events(&mut self) {
        let Some((_, conn)) = self.conn.as_mut() else { return };
        while let Some(event) = conn.poll() {
            match event {
                q::Event::Connected => self.connected = true,
                q::Event::ConnectionLost { reason } => self.lost = Some(reason),
                q::Event::Stream(StreamEvent::Opened { dir }) => {
                    while let Some(id) = conn.streams().accept(dir) {
                        super::session::read(conn, id, 4096, self.read.entry(id).or_default());
                    }
                }
                q::Event::Stream(StreamEvent::Readable { id }) => {
                    super::session::read(conn, id, 4096, self.read.entry(id).or_default());
                }
                q::Event::Stream(StreamEvent::Finished { id }) => self.acknowledged.push(id),
                q::Event::Stream(StreamEvent::Stopped { id, error_code }) => {
                    self.stopped.push((id, error_code.into_inner()));
                }
                _ => {}
            }
        }
    }

    /// The status that came on a request stream.
    fn status(&self, id: StreamId) -> Option<u16> {
        match wt::ConnectResponse::decode(&mut &self.read.get(&id)?[..]) {
            Ok(response) => Some(response.status.as_u16()),
            Err(wt::ConnectError::WrongStatus(Some(status)) | wt::ConnectError::ErrorStatus(status)) => {
                Some(status.as_u16())
            }
            Err(_) => None,
        }
    }

    /// The code with which the engine closed the connection.
    fn closed_with(&mut self) -> u64 {
        self.until("the end", |raw| raw.lost.is_some());
        match self.lost.take() {
            Some(ConnectionError::ApplicationClosed(close)) => close.error_code.into_inner(),
            other => panic!("{other:?}"),
        }
    }

    /// SETTINGS and CONNECT, answered with 200.
    fn session(&mut self) -> StreamId {
        self.open(Dir::Uni, &h3::settings(), false);
        let request = self.open(Dir::Bi, &connect(), false);
        self.until("the answer", |raw| raw.status(request) == Some(200));
        request
    }
}

fn connect() -> Vec<u8> {
    let mut out = Vec::new();
    wt::ConnectRequest::new("https://localhost/".parse::<url::Url>().unwrap()).encode(&mut out).unwrap();
    out
}

/// HEADERS of GET https://localhost/ by QPACK's static table.
fn get() -> Vec<u8> {
    let mut block = vec![0, 0, 0xc0 | 17, 0xc0 | 23, 0xc0 | 1, 0x50, 9];
    block.extend_from_slice(b"localhost");
    [&[0x01, block.len() as u8][..], &block].concat()
}

fn incoming(host: &mut Host) -> SessionId {
    host.until(|e| match e {
        Event::SessionIncoming { session, .. } => Some(*session),
        _ => None,
    })
}

/// The next stream that comes, and its whole first chunk with FIN.
fn incoming_stream(host: &mut Host) -> (bool, Vec<u8>) {
    let (id, bidi) = host.until(|e| match e {
        Event::StreamIncoming { stream, bidi, .. } => Some((*stream, *bidi)),
        _ => None,
    });
    let data = host.until(|e| match e {
        Event::StreamData { stream, data, fin: true, .. } if *stream == id => Some(data.to_vec()),
        _ => None,
    });
    (bidi, data)
}

#[test]
fn a_request_that_is_no_connect_is_answered_405() {
    let mut server = Host::new();
    let mut raw = Raw::client(&mut server);
    raw.open(Dir::Uni, &h3::settings(), false);
    let request = raw.open(Dir::Bi, &get(), true);
    raw.until("the answer", |raw| raw.status(request).is_some());
    assert_eq!(raw.status(request), Some(405));
    assert_eq!(raw.closed_with(), code::NO_ERROR);
    assert_eq!((server.figure("refused_405"), server.figure("sessions")), (1.0, 0.0));
}

#[test]
fn a_second_session_on_a_connection_is_answered_429_and_the_first_goes_on() {
    let mut server = Host::new();
    let mut raw = Raw::client(&mut server);
    raw.session();
    let session = incoming(&mut server);
    let second = raw.open(Dir::Bi, &connect(), false);
    raw.until("the answer", |raw| raw.status(second).is_some());
    assert_eq!(raw.status(second), Some(429));
    assert_eq!((server.figure("refused_429"), server.figure("sessions_open")), (1.0, 1.0));
    raw.q().datagrams().send(bytes::Bytes::from_static(b"\x00on"), true).unwrap();
    raw.turn();
    let from = server.until(|e| match e {
        Event::Datagram { session, data, .. } if &data[..] == b"on" => Some(*session),
        _ => None,
    });
    assert_eq!(from, session);
}

#[test]
fn a_server_keeps_streams_that_come_before_their_connect() {
    let mut server = Host::new();
    let mut raw = Raw::client(&mut server);
    raw.open(Dir::Uni, &h3::settings(), false);
    let request = raw.q().streams().open(Dir::Bi).unwrap();
    assert_eq!(u64::from(request), 0);
    let uni = raw.open(Dir::Uni, b"\x40\x54\x00early", true);
    let bidi = raw.open(Dir::Bi, b"\x40\x41\x00early too", true);
    let stray = raw.open(Dir::Uni, b"\x40\x54\x08of no session", true);
    let all = [uni, bidi, stray];
    raw.until("acknowledgements", |raw| all.iter().all(|id| raw.acknowledged.contains(id)));
    assert_eq!(server.figure("sessions"), 0.0);
    assert!(server.2.is_empty(), "{:?}", server.2);
    raw.write(request, &connect(), false);
    raw.until("the answer", |raw| raw.status(request) == Some(200));
    incoming(&mut server);
    let mut came = [incoming_stream(&mut server), incoming_stream(&mut server)];
    came.sort();
    assert_eq!(came, [(false, b"early".to_vec()), (true, b"early too".to_vec())]);
    assert_eq!(server.figure("streams"), 2.0);
}

#[test]
fn a_client_keeps_streams_that_come_before_the_answer() {
    let mut client = Host::new();
    let (mut raw, session) = Raw::server(&mut client);
    raw.open(Dir::Uni, &h3::settings(), false);
    let request = StreamId::new(q::Side::Client, Dir::Bi, 0);
    raw.until("CONNECT", |raw| raw.read.contains_key(&request));
    let early = raw.open(Dir::Uni, b"\x40\x54\x00early", true);
    raw.until("the acknowledgement", |raw| raw.acknowledged.contains(&early));
    client.figure("streams");
    assert!(client.2.is_empty(), "{:?}", client.2);
    let mut answer = Vec::new();
    wt::ConnectResponse::OK.encode(&mut answer).unwrap();
    raw.write(request, &answer, false);
    raw.turn();
    client.until(|e| matches!(e, Event::SessionReady { session: s, .. } if *s == session).then_some(()));
    assert_eq!(incoming_stream(&mut client), (false, b"early".to_vec()));
}

/// What the engine sends, up to and with a packet that came before.
fn until_copy(raw: &Raw) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut packets: Vec<(SocketAddr, Vec<u8>)> = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut buffer = [0; 2048];
    while Instant::now() < deadline {
        let Ok((length, from)) = raw.socket.recv_from(&mut buffer) else { continue };
        let copy = packets.iter().any(|(_, data)| data[..] == buffer[..length]);
        packets.push((from, buffer[..length].to_vec()));
        if copy {
            return packets;
        }
    }
    panic!("no packet left twice: {} came", packets.len());
}

#[test]
fn the_copy_of_a_lost_packet_brings_what_was_written() {
    let mut server = Host::new();
    let mut raw = Raw::client(&mut server);
    raw.session();
    let session = incoming(&mut server);
    let ids = [(0, "once"), (5, "twice")].map(|(repeat_ms, text)| {
        let id = raw.open(Dir::Bi, b"\x40\x41\x00a question", true);
        raw.turn();
        let (_, question) = incoming_stream(&mut server);
        assert_eq!(question, b"a question");
        let send = SendOptions { priority: 0, repeat_ms };
        server.0.send(Command::StreamOptions { session, stream: id.into(), send });
        server.0.send(Command::StreamWrite { session, stream: id.into(), data: text.into(), fin: false });
        if repeat_ms == 0 {
            raw.until("the answer", |raw| raw.read.get(&id).is_some_and(|data| data == text.as_bytes()));
            assert_eq!(server.figure("packets_repeated"), 0.0, "only where it is asked for");
        }
        id
    });
    let packets = until_copy(&raw);
    let copy = packets.last().unwrap().clone();
    for (from, data) in packets.into_iter().filter(|(_, data)| *data != copy.1) {
        raw.packet(from, &data);
    }
    raw.events();
    assert!(!raw.read.contains_key(&ids[1]), "negative control: without the copy nothing came");
    raw.packet(copy.0, &copy.1);
    raw.events();
    assert_eq!(raw.read[&ids[1]], b"twice");
    let bytes = copy.1.len() as f64;
    assert_eq!((server.figure("packets_repeated"), server.figure("bytes_repeated")), (1.0, bytes));
    // The second copy is one too many, and harmless.
    raw.packet(copy.0, &copy.1);
    raw.events();
    assert_eq!(raw.read[&ids[1]], b"twice");
    assert!(raw.lost.is_none());
}

/// Control streams that end the connection, and the code.
fn bad_control() -> Vec<(&'static str, Vec<Vec<u8>>, u64)> {
    let mut endless = vec![0x00, 0x04, 0x80, 0x00, 0x40, 0x00];
    endless.resize(6 + 8192, 0x21);
    vec![
        ("DATA first", vec![vec![0x00, 0x00, 0x01, 0x07]], code::MISSING_SETTINGS),
        ("GOAWAY first", vec![vec![0x00, 0x07, 0x01, 0x00]], code::MISSING_SETTINGS),
        ("no end of SETTINGS", vec![endless], code::MISSING_SETTINGS),
        ("two of them", vec![h3::settings(), h3::settings()], code::STREAM_CREATION),
    ]
}

#[test]
fn a_server_ends_connections_with_a_bad_control_stream() {
    for (name, streams, code) in bad_control() {
        let mut server = Host::new();
        let mut raw = Raw::client(&mut server);
        for bytes in streams {
            raw.open(Dir::Uni, &bytes, false);
        }
        assert_eq!(raw.closed_with(), code, "{name}");
        assert_eq!((server.figure("h3_errors"), server.figure("panics")), (1.0, 0.0), "{name}");
    }
}

#[test]
fn a_client_tells_of_a_bad_control_stream() {
    let mut cases = bad_control();
    cases.push(("no WebTransport", vec![vec![0x00, 0x04, 0x00]], code::MISSING_SETTINGS));
    for (name, streams, code) in cases {
        let mut client = Host::new();
        let (mut raw, session) = Raw::server(&mut client);
        for bytes in streams {
            raw.open(Dir::Uni, &bytes, false);
        }
        assert_eq!(raw.closed_with(), code, "{name}");
        let cause = client.until(|e| match e {
            Event::SessionClosed { session: s, cause } if *s == session => Some(cause.clone()),
            _ => None,
        });
        assert!(matches!(cause, CloseCause::Transport { code: c, .. } if c == code), "{name}: {cause:?}");
    }
}

#[test]
fn what_came_with_a_clean_close_is_delivered_before_it() {
    let mut server = Host::new();
    let mut raw = Raw::client(&mut server);
    let request = raw.session();
    let session = incoming(&mut server);
    let half = raw.open(Dir::Uni, b"\x40", false);
    let known = raw.open(Dir::Uni, b"\x40\x54\x00", false);
    raw.turn();
    server.until(|e| matches!(e, Event::StreamIncoming { .. }).then_some(()));
    // The capsule stands before the streams in the same packet.
    raw.q().send_stream(request).set_priority(1).unwrap();
    raw.write(half, b"\x54\x00a late head", true);
    raw.write(known, b"last words", true);
    raw.open(Dir::Uni, b"\x40\x54\x00of a new one too", true);
    raw.write(request, &h3::close_capsule(7, "bye"), true);
    raw.turn();
    let cause = server.until(|e| match e {
        Event::SessionClosed { session: s, cause } if *s == session => Some(cause.clone()),
        _ => None,
    });
    assert_eq!(cause, CloseCause::Peer { code: 7, reason: "bye".into() });
    // Nothing comes after the close: it is here already.
    let whole = |e: &Event| match e {
        Event::StreamData { data, fin: true, .. } => Some(data.to_vec()),
        _ => None,
    };
    let mut came: Vec<Vec<u8>> = server.2.iter().filter_map(whole).collect();
    came.sort();
    assert_eq!(came, [&b"a late head"[..], b"last words", b"of a new one too"], "{:?}", server.2);
    assert_eq!(server.figure("streams_open"), 0.0);
}
