//! Fan-out cost: `fanout SESSIONS SECONDS` starts a server, a second process with all the clients, and sends one
//! 120-byte datagram to each member of a room 60 times a second. Prints CPU a delivered datagram and memory a session.

use hayate_core::api::*;
use hayate_core::Engine;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command as Process, Stdio};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::time::{Duration, Instant};

struct Bell(Sender<()>);
impl EventSink for Bell {
    fn wake(&self) {
        let _ = self.0.send(());
    }
}

fn engine() -> (Engine, Receiver<()>) {
    let (sender, receiver) = channel();
    let config = EngineConfig {
        io: IoKind::Auto,
        event_queue_bytes: 64 << 20,
        event_queue_ms: 10_000,
        socket_buffer_bytes: 4 << 20,
        handshakes_per_turn: 8,
    };
    (Engine::start(config, Box::new(Bell(sender))).expect("engine"), receiver)
}

fn limits() -> TransportLimits {
    TransportLimits {
        idle_timeout_ms: 10_000,
        keep_alive_ms: 0,
        max_bidi_streams: 1,
        max_uni_streams: 1,
        datagram_queue_bytes: 2000,
        datagram_queue_ms: 100,
        stream_window_bytes: 65_536,
        stream_send_bytes: 65_536,
        max_datagram_bytes: 1000,
        rate_ceiling_kbps: 0,
        trunk_flush_ms: 2,
    }
}

/// Resident memory of this process in KB.
fn resident_kb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0.0)
}

fn stats(engine: &Engine, wake: &Receiver<()>) -> HashMap<&'static str, f64> {
    engine.send(Command::Stats { token: 1, of: StatsOf::Engine });
    loop {
        let _ = wake.recv_timeout(Duration::from_secs(1));
        let mut events = Vec::new();
        engine.take_events(&mut events);
        for event in events {
            if let Event::Stats { values, .. } = event {
                return values.into_iter().collect();
            }
        }
    }
}

/// Connects all sessions, says so, then counts datagrams until its input ends.
fn client(sessions: u32, port: u16, hash: &str) {
    let (engine, wake) = engine();
    let hash: Vec<u8> = (0..32).map(|i| u8::from_str_radix(&hash[i * 2..i * 2 + 2], 16).expect("hex")).collect();
    let (mut ready, mut started, mut events) = (0, 0, Vec::new());
    while ready < sessions {
        while started < sessions && started < ready + 32 {
            let config = ConnectConfig {
                url: format!("https://localhost:{port}/v1"),
                addr: ([127, 0, 0, 1], port).into(),
                origin: None,
                certificate_hashes: vec![hash.clone().try_into().expect("32 bytes")],
                roots_pem: None,
                identity: None,
                server_name: None,
                connect_timeout_ms: 20_000,
                datagrams: DatagramMode::Refuse,
                limits: limits(),
                socket_group: started % 16,
                own_socket: false,
                link: None,
            };
            engine.connect(config).expect("connect");
            started += 1;
        }
        let _ = wake.recv_timeout(Duration::from_secs(1));
        engine.take_events(&mut events);
        for event in events.drain(..) {
            match event {
                Event::SessionReady { .. } => ready += 1,
                Event::SessionClosed { cause, .. } => panic!("closed: {cause:?}"),
                _ => {}
            }
        }
    }
    println!("ready");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    println!("{}", stats(&engine, &wake)["datagrams_in"]);
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, role, sessions, port, hash] = &arguments[..] {
        assert_eq!(role, "client");
        return client(sessions.parse().expect("number"), port.parse().expect("port"), hash);
    }
    let number = |i: usize, or: u32| arguments.get(i).and_then(|a| a.parse().ok()).unwrap_or(or);
    let (sessions, seconds) = (number(1, 800), number(2, 5));
    let (engine, wake) = engine();
    let listening = engine
        .listen(ListenConfig {
            addr: ([127, 0, 0, 1], 0).into(),
            certificate: CertificateSource::SelfSigned { names: vec!["localhost".into()], days: 10, dir: None },
            client_ca: None,
            paths: Vec::new(),
            origins: Vec::new(),
            max_sessions: 100_000,
            retry_above: 1000,
            datagrams: DatagramMode::Refuse,
            heartbeat_ms: 0,
            limits: limits(),
            link: None,
        })
        .expect("listen");
    let room = engine.next_room_id();
    let config = RoomConfig { alias: 1, max_age_ms: 500, max_ahead_ms: 20, max_members: 100_000, units_per_second: 0 };
    engine.send(Command::RoomCreate { room, config });
    stats(&engine, &wake);
    let before_kb = resident_kb();
    let hash: String = listening.hashes[0].iter().map(|byte| format!("{byte:02x}")).collect();
    let mut process = Process::new(std::env::current_exe().expect("own path"))
        .args(["client", &sessions.to_string(), &listening.addr.port().to_string(), &hash])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("client process");
    let mut output = BufReader::new(process.stdout.take().expect("stdout"));
    let mut joined = 0;
    let mut events = Vec::new();
    while joined < sessions {
        let _ = wake.recv_timeout(Duration::from_secs(1));
        engine.take_events(&mut events);
        for event in events.drain(..) {
            if let Event::SessionIncoming { session, .. } = event {
                engine.send(Command::RoomJoin { room, session });
                joined += 1;
            }
        }
    }
    let mut line = String::new();
    output.read_line(&mut line).expect("ready");
    let (before, start) = (stats(&engine, &wake), Instant::now());
    for tick in 0..seconds * 60 {
        let due = start + Duration::from_micros(u64::from(tick) * 1_000_000 / 60);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        engine.send(Command::RoomSend { room, data: vec![0x77; 120].into() });
    }
    std::thread::sleep(Duration::from_millis(300));
    let after = stats(&engine, &wake);
    let resident_kb = resident_kb() - before_kb;
    drop(process.stdin.take());
    line.clear();
    output.read_line(&mut line).expect("count");
    let delivered: f64 = line.trim().parse().expect("number");
    let _ = process.wait();
    let each = |name: &str| (after[name] - before[name]) / delivered;
    println!(
        "sessions {sessions}: {:.2} us CPU a delivered datagram, {:.1} % delivered, {:.1} KB a session",
        each("cpu_us"),
        delivered * 100.0 / (f64::from(sessions) * f64::from(seconds) * 60.0),
        resident_kb / f64::from(sessions),
    );
    println!(
        "a datagram: {:.2} packets out, {:.2} in, {:.2} turns, {:.2} timers ({:.2} early); longest turn {} us",
        each("packets_out"),
        each("packets_in"),
        each("turns"),
        each("timers"),
        each("timers_early"),
        after["turn_max_us"],
    );
}
