//! Queues that fill, garbage, floods, stalled readers, changing ports.

mod common;
use bytes::Bytes;
use common::*;
use hayate_core::api::*;
use std::net::UdpSocket;

/// A QUIC Initial with a valid header whose payload nobody can decrypt.
fn half_open(random: &mut u64) -> Vec<u8> {
    let mut next = || {
        *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*random >> 33) as u8
    };
    let mut packet = vec![0xc3, 0, 0, 0, 1, 8];
    packet.extend((0..8).map(|_| next()));
    packet.extend([0, 0, 0x44, 0x9e]);
    packet.extend((0..1182).map(|_| next()));
    packet
}

on_both! {
    fn a_slow_link_drops_the_oldest_datagrams(io: IoKind) {
        let link = LinkPair { tx: LinkProfile { rate_kbps: 64.0, queue_ms: 50.0, ..Default::default() }, ..Default::default() };
        let listen = ListenConfig { link: Some(link), ..listen_config("127.0.0.1:0") };
        let (mut server, _client, at_server, ..) = pair_with(io, listen, |_| {});
        for _ in 0..400 {
            server.engine.send(Command::SendDatagram { session: at_server, data: Bytes::from(vec![1; 900]) });
        }
        let stats = server.stats(StatsOf::Session(at_server));
        assert!(stats["dropped_queue_full"] > 0.0, "{stats:?}");
        assert!(stats["datagram_queue_bytes"] <= 2000.0, "{stats:?}");
        let all = stats["datagrams_out"] + stats["dropped_queue_full"] + stats["dropped_expired"]
            + stats["datagram_queue"];
        assert_eq!(all, 400.0, "each datagram is somewhere: {stats:?}");
    }

    fn datagrams_too_large_or_too_late_are_counted(io: IoKind) {
        let (mut server, mut client, at_server, at_client) = pair(io);
        server.engine.send(Command::SendDatagram { session: at_server, data: Bytes::from(vec![1; 1001]) });
        server.engine.send(Command::SendDatagram { session: at_server, data: Bytes::from(vec![2; 1000]) });
        assert_eq!(client.datagram(at_client), vec![2; 1000]);
        assert_eq!(server.stats(StatsOf::Engine)["dropped_too_large"], 1.0);
        server.engine.send(Command::Close { session: at_server, code: 0, reason: String::new() });
        server.send(at_server, b"late");
        server.until_stat(StatsOf::Engine, "dropped_closed", |n| n == 1.0);
    }

    fn refused_datagrams_never_reach_the_application(io: IoKind) {
        let listen = ListenConfig { datagrams: DatagramMode::Refuse, ..listen_config("127.0.0.1:0") };
        let (mut server, client, at_server, at_client, _) = pair_with(io, listen, |_| {});
        client.send(at_client, b"early");
        server.until_stat(StatsOf::Session(at_server), "dropped_refused_unauthorised", |n| n == 1.0);
        server.engine.send(Command::SetDatagramMode { session: at_server, mode: DatagramMode::Deliver });
        server.stats(StatsOf::Engine);
        client.send(at_client, b"late");
        assert_eq!(server.datagram(at_server), b"late");
    }

    fn a_stalled_reader_costs_old_datagrams_only(io: IoKind) {
        let config = EngineConfig { io, event_queue_bytes: 5000, ..config() };
        let (mut server, mut client) = (Host::with(config), Host::new(io));
        let listening = server.engine.listen(listen_config("127.0.0.1:0")).unwrap();
        let at_client = client.engine.connect(connect_config(&listening, 1)).unwrap();
        client.ready(at_client);
        let at_server = server.incoming();
        // The server's events are not read until all is sent; a session close in between stays.
        for i in 0..100u8 {
            client.engine.send(Command::SendDatagram { session: at_client, data: Bytes::from(vec![i; 100]) });
            client.until_stat(StatsOf::Session(at_client), "datagram_queue", |n| n == 0.0);
        }
        client.engine.send(Command::Close { session: at_client, code: 5, reason: String::new() });
        client.until_stat(StatsOf::Engine, "connections_open", |n| n == 0.0);
        assert_eq!(server.closed(at_server), CloseCause::Peer { code: 5, reason: String::new() });
        let left: Vec<u8> = server.events.iter().filter_map(|e| match e {
            Event::Datagram { data, .. } => Some(data[0]),
            _ => None,
        }).collect();
        assert!(left.len() <= 50 && left.last() == Some(&99), "{left:?}");
        assert!(server.stats(StatsOf::Engine)["event_queue_full"] > 0.0);
    }

    fn garbage_does_nothing(io: IoKind) {
        let (mut server, client, at_server, at_client, listening) =
            pair_with(io, listen_config("127.0.0.1:0"), |_| {});
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut random = 1;
        for i in 0..500 {
            let mut packet = half_open(&mut random);
            packet[0] = i as u8;
            packet.truncate(i * 3 % 1300);
            socket.send_to(&packet, listening.addr).unwrap();
        }
        client.send(at_client, b"still here");
        assert_eq!(server.datagram(at_server), b"still here");
        let stats = server.stats(StatsOf::Engine);
        assert_eq!((stats["panics"], stats["sessions_open"]), (0.0, 1.0));
    }

    fn a_half_open_flood_is_met_with_retries(io: IoKind) {
        let listen = ListenConfig { retry_above: 4, ..listen_config("127.0.0.1:0") };
        let mut server = Host::with(EngineConfig { io, handshakes_per_turn: 2, ..config() });
        let listening = server.engine.listen(listen).unwrap();
        // Real first packets, of clients that never answer: each goes through a socket of ours and stops there.
        let client = Host::new(io);
        let middle = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut captured = listening.clone();
        captured.addr = middle.local_addr().unwrap();
        let mut buffer = [0; 1600];
        let target = listening.addr;
        for group in 0..60 {
            client.engine.connect(connect_config(&captured, group)).unwrap();
        }
        middle.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut seen = std::collections::HashSet::new();
        while seen.len() < 60 {
            let (n, from) = middle.recv_from(&mut buffer).unwrap();
            // Answers of the server end here too.
            if from != target {
                seen.insert(from);
                middle.send_to(&buffer[..n], target).unwrap();
            }
        }
        server.until_stat(StatsOf::Engine, "retries", |n| n >= 1.0);
        let stats = server.stats(StatsOf::Engine);
        assert!(stats["connections_open"] <= 5.0 && stats["incoming_waiting"] <= 8.0, "{stats:?}");
        // A real client gets in: its Retry token proves its address.
        let mut real = Host::new(io);
        let session = real.engine.connect(connect_config(&listening, 1)).unwrap();
        real.ready(session);
        drop(client);
        // The half-open ones are gone in the end.
        server.until_stat(StatsOf::Engine, "handshakes_open", |n| n == 0.0);
        assert!(server.stats(StatsOf::Engine)["handshakes_timed_out"] >= 1.0);
    }

    fn a_changing_port_keeps_the_session(io: IoKind) {
        let link = LinkPair { rebind_every_ms: 30, ..Default::default() };
        let (mut server, mut client, at_server, at_client, _) =
            pair_with(io, listen_config("127.0.0.1:0"), |c| c.link = Some(link));
        client.until_stat(StatsOf::Engine, "rebinds", |n| n >= 3.0);
        for round in [&b"1"[..], b"2", b"3"] {
            insist(&client, at_client, &mut server, at_server, round);
            insist(&server, at_server, &mut client, at_client, round);
        }
    }

    fn probes_are_answered_natively(io: IoKind) {
        let (mut server, mut client, at_server, at_client) = pair(io);
        client.send(at_client, &[0x02, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6]);
        let reply = client.datagram(at_client);
        assert_eq!((reply[0], &reply[1..11], reply.len()), (0x03, &[0, 0, 0, 9, 1, 2, 3, 4, 5, 6][..], 23));
        assert_eq!(server.stats(StatsOf::Engine)["probes_answered"], 1.0);
        assert!(!server.events.iter().any(|e| matches!(e, Event::Datagram { .. })));
        let _ = at_server;
    }

    fn a_link_delay_shows_in_the_round_trip(io: IoKind) {
        let slow = LinkProfile { delay_ms: 20.0, ..Default::default() };
        let link = LinkPair { tx: slow.clone(), rx: slow, rebind_every_ms: 0 };
        let (_server, mut client, _, at_client, _) =
            pair_with(io, listen_config("127.0.0.1:0"), |c| c.link = Some(link));
        let rtt = client.stats(StatsOf::Session(at_client))["min_rtt_ms"];
        assert!((40.0..80.0).contains(&rtt), "{rtt}");
    }

    fn a_room_forwards_to_its_members(io: IoKind) {
        let (mut server, mut client) = (Host::new(io), Host::new(io));
        let listening = server.engine.listen(listen_config("127.0.0.1:0")).unwrap();
        let room = server.engine.next_room_id();
        let config = RoomConfig { alias: 1, max_age_ms: 500, max_ahead_ms: 20, max_members: 100, units_per_second: 0 };
        server.engine.send(Command::RoomCreate { room, config });
        let mut members = Vec::new();
        let mut last = 0;
        for group in 0..20 {
            let session = client.engine.connect(connect_config(&listening, group % 3)).unwrap();
            client.ready(session);
            let at_server = server.incoming();
            server.engine.send(Command::RoomJoin { room, session: at_server });
            members.push(session);
            last = at_server;
        }
        server.engine.send(Command::RoomSend { room, data: Bytes::from_static(b"\x77hello") });
        for member in &members {
            assert_eq!(client.datagram(*member), b"\x77hello");
        }
        assert_eq!(server.stats(StatsOf::Room(room))["members"], 20.0);
        // The engine's own figures hold the plane's: also what a session that publishes nothing sends.
        let all = server.stats(StatsOf::Engine);
        assert_eq!((all["rooms"], all["members"], all["publishers"]), (1.0, 20.0, 0.0));
        assert!(!all.contains_key("refused_unknown_type"));
        server.engine.send(Command::SetDatagramMode { session: last, mode: DatagramMode::Room });
        server.stats(StatsOf::Engine);
        client.send(members[19], b"\x77garbage");
        server.until_stat(StatsOf::Engine, "datagrams_in", |n| n == 1.0);
        let all = server.stats(StatsOf::Engine);
        assert_eq!(all.get("refused_unknown_type"), Some(&1.0), "{all:?}");
    }
}
