//! Opening, refusing and closing sessions.

mod common;
use common::*;
use hayate_core::api::*;

fn refused(io: IoKind, listen: ListenConfig, edit: impl FnOnce(&mut ConnectConfig)) -> CloseCause {
    let (server, mut client) = (Host::new(io), Host::new(io));
    let listening = server.engine.listen(listen).unwrap();
    let mut config = connect_config(&listening, 1);
    edit(&mut config);
    let session = client.engine.connect(config).unwrap();
    client.closed(session)
}

on_both! {
    fn datagrams_pass_both_ways(io: IoKind) {
        let (mut server, mut client, at_server, at_client) = pair(io);
        client.send(at_client, b"up");
        assert_eq!(server.datagram(at_server), b"up");
        server.send(at_server, b"down");
        assert_eq!(client.datagram(at_client), b"down");
    }

    fn ipv6_and_ipv4_reach_a_dual_stack_listener(io: IoKind) {
        let (mut server, mut client) = (Host::new(io), Host::new(io));
        let listening = server.engine.listen(listen_config("[::]:0")).unwrap();
        for (group, ip) in ["127.0.0.1", "::1"].into_iter().enumerate() {
            let mut config = connect_config(&listening, group as u32);
            config.addr.set_ip(ip.parse().unwrap());
            let session = client.engine.connect(config).unwrap();
            assert!(client.ready(session) >= 1000);
            let remote = server.until("incoming", |event| match event {
                Event::SessionIncoming { remote, path, .. } => {
                    assert_eq!(path, "/v1");
                    Some(remote.ip().to_string())
                }
                _ => None,
            });
            assert_eq!(remote, ip);
        }
    }

    fn a_session_is_refused_by_path_origin_and_load(io: IoKind) {
        let listen = || listen_config("127.0.0.1:0");
        let wrong_path = refused(io, listen(), |c| c.url = c.url.replace("/v1", "/v2"));
        assert_eq!(wrong_path, CloseCause::Refused { status: 404 });
        let foreign = refused(io, listen(), |c| c.origin = Some("https://evil.example".into()));
        assert_eq!(foreign, CloseCause::Refused { status: 403 });
        let full = refused(io, ListenConfig { max_sessions: 0, ..listen() }, |_| {});
        assert_eq!(full, CloseCause::Refused { status: 503 });
    }

    fn the_right_origin_passes_and_is_told(io: IoKind) {
        let (mut server, mut client) = (Host::new(io), Host::new(io));
        let listening = server.engine.listen(listen_config("127.0.0.1:0")).unwrap();
        let mut config = connect_config(&listening, 1);
        config.origin = Some("https://app.example".into());
        config.url += "?a=b";
        let session = client.engine.connect(config).unwrap();
        client.ready(session);
        let told = server.until("incoming", |event| match event {
            Event::SessionIncoming { path, origin, .. } => Some((path.clone(), origin.clone())),
            _ => None,
        });
        assert_eq!(told, ("/v1?a=b".into(), Some("https://app.example".into())));
    }

    fn an_unknown_certificate_is_refused(io: IoKind) {
        let wrong = refused(io, listen_config("127.0.0.1:0"), |c| c.certificate_hashes = vec![[7; 32]]);
        assert!(matches!(wrong, CloseCause::Certificate { .. }), "{wrong:?}");
        let none = refused(io, listen_config("127.0.0.1:0"), |c| c.certificate_hashes = vec![]);
        assert!(matches!(none, CloseCause::Certificate { .. }), "{none:?}");
    }

    fn close_codes_cross_from_client_to_server(io: IoKind) {
        let (mut server, mut client, at_server, at_client) = pair(io);
        client.engine.send(Command::Close { session: at_client, code: 203, reason: "さようなら".into() });
        assert_eq!(client.closed(at_client), CloseCause::Local { code: 203, reason: "さようなら".into() });
        assert_eq!(server.closed(at_server), CloseCause::Peer { code: 203, reason: "さようなら".into() });
    }

    fn close_codes_cross_from_server_to_client(io: IoKind) {
        let (mut server, mut client, at_server, at_client) = pair(io);
        // Also with an open stream: its end must not overtake the code.
        let stream = client.open_stream(at_client, true);
        client.write(at_client, stream, &b"x"[..], false);
        server.incoming_stream(at_server);
        server.engine.send(Command::Close { session: at_server, code: u32::MAX, reason: "r".repeat(3000) });
        assert_eq!(client.closed(at_client), CloseCause::Peer { code: u32::MAX, reason: "r".repeat(1024) });
        for host in [&mut server, &mut client] {
            host.until_stat(StatsOf::Engine, "connections_open", |n| n == 0.0);
        }
    }

    fn a_dropped_engine_closes_its_sessions(io: IoKind) {
        let (mut server, client, at_server, _) = pair(io);
        drop(client);
        assert_eq!(server.closed(at_server), CloseCause::Peer { code: 0, reason: String::new() });
    }

    fn closing_before_ready_and_twice(io: IoKind) {
        let (server, mut client) = (Host::new(io), Host::new(io));
        let listening = server.engine.listen(listen_config("127.0.0.1:0")).unwrap();
        // A slow link: the handshake cannot be done before the second close.
        let slow = LinkProfile { delay_ms: 200.0, ..LinkProfile::default() };
        let link = Some(LinkPair { tx: slow, ..LinkPair::default() });
        let session = client.engine.connect(ConnectConfig { link, ..connect_config(&listening, 1) }).unwrap();
        for code in [1, 2] {
            client.engine.send(Command::Close { session, code, reason: String::new() });
        }
        assert_eq!(client.closed(session), CloseCause::Local { code: 1, reason: String::new() });
        client.until_stat(StatsOf::Engine, "connections_open", |n| n == 0.0);
        let more = |e: &Event| matches!(e, Event::SessionClosed { .. } | Event::SessionReady { .. });
        assert!(!client.events.iter().any(more), "{:?}", client.events);
    }

    fn nobody_listens(io: IoKind) {
        let mut client = Host::new(io);
        let unused = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut server = Host::new(io);
        let mut listening = server.engine.listen(listen_config("127.0.0.1:0")).unwrap();
        listening.addr = unused.local_addr().unwrap();
        let mut config = connect_config(&listening, 1);
        config.connect_timeout_ms = 300;
        let session = client.engine.connect(config).unwrap();
        assert_eq!(client.closed(session), CloseCause::TimedOut);
        client.until_stat(StatsOf::Engine, "endpoints_open", |n| n == 0.0);
        server.until_stat(StatsOf::Engine, "connections_open", |n| n == 0.0);
    }

    fn drain_is_told_and_refuses_new_sessions(io: IoKind) {
        let (server, mut client, _, at_client, listening) = pair_with(io, listen_config("127.0.0.1:0"), |_| {});
        server.engine.send(Command::StopListening { endpoint: listening.endpoint, close: false });
        client.until("draining", |event| match event {
            Event::SessionDraining { session } if *session == at_client => Some(()),
            _ => None,
        });
        let late = client.engine.connect(connect_config(&listening, 2)).unwrap();
        assert_eq!(client.closed(late), CloseCause::Refused { status: 503 });
        // The old session lives on.
        assert_eq!(client.stats(StatsOf::Session(at_client))["open"], 1.0);
    }

    fn a_closed_listener_ends_its_sessions_and_its_socket(io: IoKind) {
        let (mut server, mut client, _, at_client, listening) = pair_with(io, listen_config("127.0.0.1:0"), |_| {});
        server.engine.send(Command::StopListening { endpoint: listening.endpoint, close: true });
        assert_eq!(client.closed(at_client), CloseCause::Peer { code: 0, reason: String::new() });
        server.until("listener closed", |event| match event {
            Event::ListenerClosed { endpoint } if *endpoint == listening.endpoint => Some(()),
            _ => None,
        });
        server.engine.listen(listen_config(&listening.addr.to_string())).expect("the port is free again");
    }

    fn many_sessions_leave_nothing_behind(io: IoKind) {
        let (mut server, mut client) = (Host::new(io), Host::new(io));
        let listening = server.engine.listen(listen_config("127.0.0.1:0")).unwrap();
        for _ in 0..3 {
            let sessions: Vec<_> = (0..50)
                .map(|i| client.engine.connect(connect_config(&listening, i % 10)).unwrap())
                .collect();
            for session in &sessions {
                client.ready(*session);
                client.open_stream(*session, true);
            }
            server.until_stat(StatsOf::Engine, "sessions_open", |n| n == 50.0);
            for session in sessions {
                client.engine.send(Command::Close { session, code: 1, reason: String::new() });
            }
            server.until_stat(StatsOf::Engine, "sessions_open", |n| n == 0.0);
        }
        for host in [&mut server, &mut client] {
            for gauge in ["sessions_open", "connections_open", "handshakes_open", "streams_open", "incoming_waiting",
                "datagram_queue_bytes"] {
                host.until_stat(StatsOf::Engine, gauge, |n| n == 0.0);
            }
            let stats = host.stats(StatsOf::Engine);
            assert_eq!((stats["sessions"], stats["panics"]), (150.0, 0.0));
        }
        assert_eq!(client.stats(StatsOf::Engine)["endpoints_open"], 0.0);
        let of_endpoint = server.stats(StatsOf::Endpoint(listening.endpoint));
        assert_eq!((of_endpoint["sessions_open"], of_endpoint["connections_open"]), (0.0, 0.0));
    }

    fn the_thread_rests_between_turns_while_much_comes(io: IoKind) {
        let (mut server, mut client, at_server, at_client) = pair(io);
        client.send(at_client, b"one alone");
        server.datagram(at_server);
        assert_eq!(server.stats(StatsOf::Engine)["rests"], 0.0);
        server.until_stat(StatsOf::Engine, "rests", |rests| {
            for _ in 0..200 {
                client.send(at_client, b"one of many");
            }
            rests > 0.0
        });
        // What came meanwhile is there.
        server.until_stat(StatsOf::Session(at_server), "datagrams_in", |datagrams| datagrams > 100.0);
        assert_eq!(client.stats(StatsOf::Engine)["panics"], 0.0);
    }

    fn heartbeats_fill_silence(io: IoKind) {
        let listen = ListenConfig { heartbeat_ms: 20, ..listen_config("127.0.0.1:0") };
        let (_server, mut client, _, at_client, _) = pair_with(io, listen, |_| {});
        for _ in 0..3 {
            assert_eq!(client.datagram(at_client), [0x04]);
        }
    }
}
