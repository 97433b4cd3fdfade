//! Streams: whole, slow, reset, and under loss.

mod common;
use common::*;
use hayate_core::api::*;

/// Bytes that show any displacement.
fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Writes `data` as credit comes back.
fn write_all(host: &mut Host, session: SessionId, stream: StreamId, data: &[u8]) {
    let mut written = 0;
    let mut free = limits().stream_send_bytes;
    while written < data.len() {
        let n = free.min(data.len() - written);
        host.write(session, stream, data[written..written + n].to_vec(), written + n == data.len());
        written += n;
        free -= n;
        if written < data.len() {
            free += host.until("drained", |event| match event {
                Event::StreamDrained { session: s, stream: t, bytes } if (*s, *t) == (session, stream) => {
                    Some(*bytes as usize)
                }
                _ => None,
            });
        }
    }
}

on_both! {
    fn streams_pass_both_ways(io: IoKind) {
        let (mut server, mut client, at_server, at_client) = pair(io);
        let stream = client.open_stream(at_client, true);
        client.write(at_client, stream, &b"question"[..], true);
        let (incoming, bidi) = server.incoming_stream(at_server);
        assert!(bidi);
        assert_eq!(server.read_all(at_server, incoming), b"question");
        server.write(at_server, incoming, &b"answer"[..], true);
        assert_eq!(client.read_all(at_client, stream), b"answer");
        let uni = server.open_stream(at_server, false);
        server.write(at_server, uni, &b"news"[..], true);
        let (incoming, bidi) = client.incoming_stream(at_client);
        assert!(!bidi);
        assert_eq!(client.read_all(at_client, incoming), b"news");
        for host in [&mut server, &mut client] {
            host.until_stat(StatsOf::Engine, "streams_open", |n| n == 0.0);
        }
    }

    fn ten_megabytes_both_ways_survive_loss(io: IoKind) {
        let profile = LinkProfile { delay_ms: 2.0, jitter_ms: 1.0, loss: 0.01, reorder: 0.01, ..LinkProfile::default() };
        let link = LinkPair { tx: LinkProfile { seed: 1, ..profile.clone() }, rx: profile, rebind_every_ms: 0 };
        let big = |l: &mut TransportLimits| l.stream_window_bytes = 1 << 20;
        let mut listen = listen_config("127.0.0.1:0");
        big(&mut listen.limits);
        let (mut server, mut client, at_server, at_client, _) = pair_with(io, listen, |c| {
            c.link = Some(link);
            big(&mut c.limits);
        });
        let data = pattern(10 << 20);
        let up = client.open_stream(at_client, true);
        let want = data.clone();
        let reader = std::thread::spawn(move || {
            let (stream, _) = server.incoming_stream(at_server);
            assert!(server.read_all(at_server, stream) == want, "upward bytes differ");
            write_all(&mut server, at_server, stream, &want);
            server.closed(at_server)
        });
        write_all(&mut client, at_client, up, &data);
        assert!(client.read_all(at_client, up) == data, "downward bytes differ");
        let stats = client.stats(StatsOf::Session(at_client));
        assert!(stats["link_tx_lost"] > 10.0, "negative control: the link loses {stats:?}");
        client.engine.send(Command::Close { session: at_client, code: 0, reason: String::new() });
        reader.join().unwrap();
    }

    fn an_uncredited_stream_stops_at_its_window(io: IoKind) {
        let (mut server, mut client, at_server, at_client) = pair(io);
        let stream = client.open_stream(at_client, false);
        // One write larger than all windows: the rest waits at the writer.
        client.write(at_client, stream, pattern(1 << 20), true);
        let (incoming, _) = server.incoming_stream(at_server);
        // Another stream still passes.
        let other = client.open_stream(at_client, false);
        client.write(at_client, other, &b"passes"[..], true);
        let (second, _) = server.incoming_stream(at_server);
        assert_eq!(server.read_all(at_server, second), b"passes");
        let got = |server: &Host| -> usize {
            let bytes = |e: &Event| match e {
                Event::StreamData { stream, data, .. } if *stream == incoming => data.len(),
                _ => 0,
            };
            server.events.iter().map(bytes).sum()
        };
        server.stats(StatsOf::Engine);
        assert!(got(&server) <= limits().stream_window_bytes, "{}", got(&server));
        assert!(server.read_all(at_server, incoming) == pattern(1 << 20));
    }

    fn resets_and_stops_carry_codes(io: IoKind) {
        let (mut server, mut client, at_server, at_client) = pair(io);
        let stream = client.open_stream(at_client, true);
        client.write(at_client, stream, &b"x"[..], false);
        let (incoming, _) = server.incoming_stream(at_server);
        client.engine.send(Command::StreamReset { session: at_client, stream, code: 33 });
        let code = server.until("reset", |event| match event {
            Event::StreamReset { stream, code, .. } if *stream == incoming => Some(*code),
            _ => None,
        });
        assert_eq!(code, 33);
        client.engine.send(Command::StreamStop { session: at_client, stream, code: u32::MAX });
        let code = server.until("stop", |event| match event {
            Event::StreamStopped { stream, code, .. } if *stream == incoming => Some(*code),
            _ => None,
        });
        assert_eq!(code, u32::MAX);
        for host in [&mut server, &mut client] {
            host.until_stat(StatsOf::Engine, "streams_open", |n| n == 0.0);
        }
    }

    fn more_streams_than_allowed_wait_for_the_limit(io: IoKind) {
        let mut listen = listen_config("127.0.0.1:0");
        listen.limits.max_bidi_streams = 1;
        let (mut server, mut client, at_server, at_client, _) = pair_with(io, listen, |_| {});
        let first = client.open_stream(at_client, true);
        client.write(at_client, first, &b"1"[..], false);
        server.incoming_stream(at_server);
        client.engine.send(Command::OpenStream { session: at_client, token: 1000, bidi: true, send: SendOptions::default() });
        client.stats(StatsOf::Engine);
        assert!(!client.events.iter().any(|e| matches!(e, Event::StreamOpened { token: 1000, .. })));
        server.engine.send(Command::SetStreamLimits { session: at_server, bidi: 4, uni: 4 });
        client.until("second stream", |event| matches!(event, Event::StreamOpened { token: 1000, .. }).then_some(()));
    }

    fn accepted_streams_are_sent_by_their_priority(io: IoKind) {
        let link = LinkPair { tx: LinkProfile { delay_ms: 5.0, ..LinkProfile::default() }, ..LinkPair::default() };
        for (priority, first) in [(20, "small"), (-20, "large")] {
            let listen = ListenConfig { link: Some(link.clone()), ..listen_config("127.0.0.1:0") };
            let (mut server, mut client, at_server, at_client, _) = pair_with(io, listen, |_| {});
            let streams = [client.open_stream(at_client, true), client.open_stream(at_client, true)];
            for stream in streams {
                client.write(at_client, stream, &b"x"[..], false);
                server.incoming_stream(at_server);
            }
            let send = SendOptions { priority, repeat_ms: 0 };
            server.engine.send(Command::StreamOptions { session: at_server, stream: streams[1], send });
            // More than the first window lets out.
            server.write(at_server, streams[0], pattern(60_000), true);
            server.write(at_server, streams[1], &b"small"[..], true);
            let ended = client.until("an end", |event| match event {
                Event::StreamData { stream, fin: true, .. } => Some(*stream),
                _ => None,
            });
            let name = if ended == streams[1] { "small" } else { "large" };
            assert_eq!(name, first, "priority {priority}");
        }
    }

    fn a_writer_that_ignores_credit_loses_its_stream(io: IoKind) {
        let (_server, mut client, _, at_client) = pair(io);
        let stream = client.open_stream(at_client, false);
        for _ in 0..40 {
            client.write(at_client, stream, pattern(65_536), false);
        }
        client.until("stopped", |event| matches!(event, Event::StreamStopped { .. }).then_some(()));
        assert_eq!(client.stats(StatsOf::Engine)["streams_overrun"], 1.0);
    }
}
