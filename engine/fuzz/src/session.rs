//! The live engine and a peer that has shaken hands with it: `listener` is dialled, `dialler` dials. An input is a list of
//! what the peer does on its streams, with datagrams, with frames of QUIC and with whole packets, and of what the application
//! asks meanwhile. When the peer is gone and time has passed nothing of it may be left, and no panic was caught.

use crate::h3::{accepted, connect};
use crate::input::Input;
use crate::peer::Peer;
use crate::plain::Plain;
use crate::vectors::hexes;
use bytes::Bytes;
use hayate_core::api::*;
use hayate_core::fuzzing::{self, drain_capsule, Host};
use quinn_proto::{Dir, StreamId};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const ROOM: RoomId = 1;
/// Longer than any deadline of a session that is not kept alive.
const GONE: Duration = Duration::from_secs(6);
const TURNS_TO_FORGET: usize = 12;

pub fn limits() -> TransportLimits {
    TransportLimits {
        idle_timeout_ms: 5000,
        keep_alive_ms: 0,
        max_bidi_streams: 4,
        max_uni_streams: 4,
        datagram_queue_bytes: 4000,
        datagram_queue_ms: 100,
        stream_window_bytes: 4096,
        stream_send_bytes: 4096,
        max_datagram_bytes: 1000,
        rate_ceiling_kbps: 0,
        trunk_flush_ms: 2,
    }
}

pub fn listen_config() -> ListenConfig {
    ListenConfig {
        addr: ([127, 0, 0, 1], 4433).into(),
        certificate: CertificateSource::SelfSigned { names: vec!["localhost".into()], days: 10, dir: None },
        client_ca: None,
        paths: Vec::new(),
        origins: vec!["https://page.example".into()],
        max_sessions: 4,
        retry_above: 4,
        datagrams: DatagramMode::Room,
        heartbeat_ms: 200,
        limits: limits(),
        link: None,
    }
}

fn connect_config(addr: SocketAddr) -> ConnectConfig {
    ConnectConfig {
        url: "https://localhost:4433/".into(),
        addr,
        origin: None,
        certificate_hashes: Vec::new(),
        roots_pem: None,
        identity: None,
        server_name: None,
        connect_timeout_ms: 5000,
        datagrams: DatagramMode::Room,
        limits: limits(),
        socket_group: 1,
        own_socket: false,
        link: None,
    }
}

/// What the application knows.
#[derive(Default)]
struct App {
    session: SessionId,
    streams: Vec<StreamIdNumber>,
}

type StreamIdNumber = u64;

fn pick<T: Copy>(of: &[T], by: u8) -> Option<T> {
    of.get(usize::from(by) % of.len().max(1)).copied()
}

impl App {
    fn hear(&mut self, host: &mut Host) {
        for event in host.events() {
            match event {
                Event::SessionIncoming { session, .. } | Event::SessionReady { session, .. } => self.session = session,
                Event::StreamIncoming { stream, .. } | Event::StreamOpened { stream, .. } => self.streams.push(stream),
                _ => {}
            }
        }
    }

    fn command(&self, input: &mut Input<'_>) -> Command {
        let (what, a) = (input.byte(), input.byte());
        let session = self.session;
        let stream = pick(&self.streams, a).unwrap_or_default();
        let send = SendOptions { priority: i32::from(a) - 128, repeat_ms: a & 7 };
        match what % 15 {
            0 => Command::StreamWrite { session, stream, data: vec![a; usize::from(a) * 8].into(), fin: a & 1 != 0 },
            1 => Command::StreamCredit { session, stream, bytes: u32::from(a) * 64 },
            2 => Command::StreamReset { session, stream, code: a.into() },
            3 => Command::StreamStop { session, stream, code: a.into() },
            4 => Command::OpenStream { session, token: a.into(), bidi: a & 1 != 0, send },
            5 => Command::StreamOptions { session, stream, send },
            6 => Command::SendDatagram { session, data: vec![a; usize::from(a) * 4].into() },
            7 => {
                let modes = [DatagramMode::Refuse, DatagramMode::Deliver, DatagramMode::Room, DatagramMode::Trunk];
                Command::SetDatagramMode { session, mode: modes[usize::from(a & 3)] }
            }
            8 => Command::SetStreamLimits { session, bidi: (a & 15).into(), uni: (a >> 4).into() },
            9 => Command::RoomJoin { room: ROOM, session },
            10 => Command::RoomPublish { room: ROOM, session, slot: a & 7, generation: a >> 3 },
            11 => Command::RoomFeed { room: ROOM, session, alias: 1, slots: a },
            12 => Command::RoomSend { room: ROOM, data: Bytes::from_static(b"\x04") },
            13 => Command::Close { session, code: a.into(), reason: "x".repeat(usize::from(a) * 8) },
            _ => {
                Command::Stats { token: 1, of: [StatsOf::Session(session), StatsOf::Members(ROOM)][usize::from(a & 1)] }
            }
        }
    }
}

fn act(op: u8, input: &mut Input<'_>, peer: &mut Peer, app: &mut App, host: &mut Host) {
    let fin = op & 0x80 != 0;
    match op % 16 {
        0 => peer.open(Dir::Uni, input.long(), fin),
        1 => peer.open(Dir::Bi, input.long(), fin),
        2 | 3 => {
            let at = input.byte();
            let bytes = input.short();
            if let Some(id) = pick(&peer.streams, at) {
                peer.write(id, bytes, fin);
            }
        }
        4 => peer.datagram(input.long()),
        // Of this session, whose number is 0.
        5 => peer.datagram(&[&[0], input.long()].concat()),
        6 => {
            let (at, code) = (input.byte(), input.u16());
            let of: Vec<StreamId> = peer.streams.iter().chain(&peer.theirs).copied().collect();
            match pick(&of, at) {
                Some(id) if fin => peer.reset(id, code.into()),
                Some(id) => peer.stop(id, code.into()),
                None => {}
            }
        }
        7 => peer.frames(host, input.long()),
        8 => peer.raw(host, input.long()),
        9 => {
            fuzzing::skip(Duration::from_millis(input.byte().into()));
            peer.exchange(host);
        }
        10 | 11 => {
            let command = app.command(input);
            host.command(command);
        }
        12 => peer.moved(u16::from(input.byte()) + 5000),
        13 => peer.close(input.u16().into(), input.short()),
        _ => {
            peer.exchange(host);
            app.hear(host);
        }
    }
}

/// Gauges of what belongs to a peer, and the panics that the engine caught, as far as they are not zero.
fn left_behind(host: &mut Host) -> Vec<(&'static str, f64)> {
    host.events();
    host.command(Command::Stats { token: 2, of: StatsOf::Engine });
    host.turn();
    let told = host.events().into_iter().find_map(|event| match event {
        Event::Stats { values, .. } => Some(values),
        _ => None,
    });
    let mut values = told.expect("statistics");
    let counted = ["connections_open", "sessions_open", "streams_open", "members", "publishers", "panics"];
    values.retain(|(name, value)| counted.contains(name) && *value != 0.0);
    values
}

/// Time passes until nothing is left of a peer that says no more.
pub fn forget(host: &mut Host) {
    let mut left = Vec::new();
    for _ in 0..TURNS_TO_FORGET {
        fuzzing::skip(GONE);
        host.turn();
        host.left();
        left = left_behind(host);
        if left.is_empty() {
            return;
        }
    }
    panic!("left behind: {left:?}");
}

fn host() -> Host {
    let mut host = Host::new();
    let config = RoomConfig { alias: 1, max_age_ms: 500, max_ahead_ms: 20, max_members: 6, units_per_second: 400 };
    host.command(Command::RoomCreate { room: ROOM, config });
    host
}

thread_local! {
    // They outlive an input: what one leaves behind fails it, and a fresh one costs more than a handshake.
    static LISTENER: RefCell<Option<Host>> = const { RefCell::new(None) };
    static DIALLER: RefCell<Option<Host>> = const { RefCell::new(None) };
}

const ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 9], 5000);

/// `begin`: the peer first does what makes it a session.
fn talk(bytes: &[u8], peer: &mut Peer, host: &mut Host, begin: impl Fn(&mut Peer)) {
    let mut input = Input::new(bytes);
    let mut app = App::default();
    peer.exchange(host);
    assert!(peer.connected, "no handshake");
    if input.byte() & 1 == 0 {
        peer.open(Dir::Uni, &fuzzing::settings(), false);
        peer.exchange(host);
        begin(peer);
        peer.exchange(host);
        app.hear(host);
        assert!(app.session > 0, "no session");
    }
    while !input.is_empty() {
        act(input.byte(), &mut input, peer, &mut app, host);
    }
    peer.exchange(host);
    for slot in 0..8 {
        host.command(Command::RoomUnpublish { room: ROOM, slot });
    }
    forget(host);
}

pub fn listener(bytes: &[u8]) {
    LISTENER.with_borrow_mut(|kept| {
        let mut host = kept.take().unwrap_or_else(|| {
            let mut host = host();
            host.listen(listen_config(), Some(Arc::new(Plain))).expect("a listener");
            host.turn();
            host
        });
        let mut peer = Peer::client(ADDRESS.into(), &limits());
        talk(bytes, &mut peer, &mut host, |peer| {
            peer.open(Dir::Bi, &connect("https://localhost/"), false);
        });
        *kept = Some(host);
    });
}

pub fn dialler(bytes: &[u8]) {
    DIALLER.with_borrow_mut(|kept| {
        let mut host = kept.take().unwrap_or_else(host);
        let mut peer = Peer::server(ADDRESS.into(), &limits());
        host.connect(connect_config(ADDRESS.into()), Arc::new(Plain)).expect("a session");
        talk(bytes, &mut peer, &mut host, |peer| {
            if let Some(id) = peer.theirs.iter().copied().find(|id| id.dir() == Dir::Bi) {
                peer.write(id, &accepted(), false);
                peer.streams.push(id);
            }
        });
        *kept = Some(host);
    });
}

fn long(op: u8, bytes: &[u8]) -> Vec<u8> {
    [&[op][..], &(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

/// What both sides may say in a session, and the frames of QUIC.
fn common() -> Vec<Vec<u8>> {
    let close = [&[2, 0, 0][..], &fuzzing::close_capsule(7, "bye")].concat();
    let mut seeds = vec![
        vec![0, 14],
        [&[0][..], &long(0x80, b"\x40\x54\x00last words"), &long(1, b"\x40\x41\x00a question"), &[14, 10, 1, 9, 14]]
            .concat(),
        [&[0][..], &long(5, b"\x04on"), &long(5, &[2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), &[9, 200, 14]].concat(),
        [&[0, 10, 9, 0, 10, 10, 0, 10, 7, 3, 14][..], &long(7, &[0x01]), &[14]].concat(),
        [&[0, 10, 4, 1, 10, 4, 2, 14, 10, 0, 60, 14, 0x86, 0, 0, 1, 6, 1, 0, 1, 14][..], &close].concat(),
        [&[0][..], &long(0, &drain_capsule()), &[12, 3, 14, 13, 1, 0, 3, b'b', b'y', b'e', 14]].concat(),
        // STREAM, RESET_STREAM, MAX_DATA, NEW_CONNECTION_ID, PATH_CHALLENGE, ACK, DATAGRAM.
        [&[0][..], &long(7, &[0x0a, 0x06, 3, 0x40, 0x54, 0, 0x04, 0x06, 1, 3]), &[14]].concat(),
        [&[0][..], &long(7, &[0x10, 0x44, 0, 0x1a, 1, 2, 3, 4, 5, 6, 7, 8, 0x02, 1, 0, 0, 0, 0x31, 2, 0, 4]), &[14]]
            .concat(),
    ];
    for data in hexes("bundle").into_iter().chain(hexes("probe")).take(40) {
        seeds.push([&[0, 10, 9, 0, 10, 10, 0][..], &long(5, &data), &[9, 5, 14]].concat());
    }
    seeds
}

pub fn listener_seeds() -> Vec<Vec<u8>> {
    let mut seeds = common();
    let (settings, request) = (fuzzing::settings(), connect("https://localhost/room?token=a"));
    seeds.push([&[1][..], &long(0, &settings), &long(1, &request), &[14]].concat());
    seeds.push(
        [&[1][..], &long(0, b"\x40\x54\x00early"), &long(0, &settings), &[14], &long(1, &request), &[14]].concat(),
    );
    seeds.push([&[1][..], &long(0, &settings), &long(0, &settings), &[14]].concat());
    seeds
}

pub fn dialler_seeds() -> Vec<Vec<u8>> {
    let mut seeds = common();
    seeds.push([&[1][..], &long(0, &fuzzing::settings()), &[14, 14]].concat());
    seeds
}
