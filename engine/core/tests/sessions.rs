//! Opening, refusing and closing sessions.

mod common;
use common::*;
use hayate_core::api::*;

on_both! {
    fn datagrams_pass_both_ways(io: IoKind) {
        let (mut server, mut client, at_server, at_client) = pair(io);
        client.send(at_client, b"up");
        assert_eq!(server.datagram(at_server), b"up");
        server.send(at_server, b"down");
        assert_eq!(client.datagram(at_client), b"down");
    }

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
    }
}
