"""An independent WebTransport client, on aioquic: proves that the engine speaks with an HTTP/3 stack that is not its own.

python3 client.py --port PORT --path PATH --hash HEX

Talks to the echo server of aioquic.test.ts and prints one JSON object: `{"status": 200, "datagrams": ..., ...}`. Each
figure is what came back, so the caller judges. Exit code 0 whenever the JSON is complete, also when it was refused.
"""

import argparse
import asyncio
import hashlib
import json
import ssl
from collections import defaultdict

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, FrameType, H3Connection
from aioquic.h3.events import DatagramReceived, HeadersReceived, WebTransportStreamDataReceived
from aioquic.quic.configuration import QuicConfiguration
from cryptography.hazmat.primitives.serialization import Encoding

DEADLINE_S = 15
DATAGRAMS = 100
# The first byte stays clear of the types of docs/protocol.md: the engine answers some of them itself.
DATAGRAM_TYPE = 0x41
BIG_BYTES = 1_000_000


class Client(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.h3 = H3Connection(self._quic, enable_webtransport=True)
        self.status = asyncio.get_running_loop().create_future()
        self.datagrams = []
        self.streams = defaultdict(bytes)
        self.ended = set()
        self.changed = asyncio.Event()

    def quic_event_received(self, event):
        for h3_event in self.h3.handle_event(event):
            if isinstance(h3_event, HeadersReceived):
                status = dict(h3_event.headers).get(b":status", b"0")
                if not self.status.done():
                    self.status.set_result(int(status))
            elif isinstance(h3_event, DatagramReceived):
                self.datagrams.append(h3_event.data)
            elif isinstance(h3_event, WebTransportStreamDataReceived):
                # Streams may come before the answer to CONNECT: kept by their number, looked at later.
                self.streams[h3_event.stream_id] += h3_event.data
                if h3_event.stream_ended:
                    self.ended.add(h3_event.stream_id)
        self.changed.set()

    async def until(self, condition):
        while not condition():
            self.changed.clear()
            await self.changed.wait()

    def peer_certificate_hash(self):
        return hashlib.sha256(self._quic.tls._peer_certificate.public_bytes(Encoding.DER)).hexdigest()

    def request(self, authority, path):
        stream_id = self._quic.get_next_available_stream_id()
        self.h3.send_headers(
            stream_id,
            [
                (b":method", b"CONNECT"),
                (b":protocol", b"webtransport"),
                (b":scheme", b"https"),
                (b":authority", authority.encode()),
                (b":path", path.encode()),
            ],
        )
        self.transmit()
        return stream_id

    def open_bidirectional(self, session):
        stream_id = self.h3.create_webtransport_stream(session)
        # aioquic forgets that it opened this stream for WebTransport and would read the answer as HTTP/3 frames.
        with self.h3._get_or_create_stream(stream_id) as stream:
            stream.frame_type = FrameType.WEBTRANSPORT_STREAM
            stream.session_id = session
        return stream_id

    def send(self, stream_id, data, end):
        self._quic.send_stream_data(stream_id, data, end_stream=end)
        self.transmit()


async def exchange(client, session):
    for i in range(DATAGRAMS):
        client.h3.send_datagram(session, bytes([DATAGRAM_TYPE, i]))
        client.transmit()
        await asyncio.sleep(0.002)

    bidi = client.open_bidirectional(session)
    client.send(bidi, b"bidi from aioquic", True)
    await client.until(lambda: bidi in client.ended)

    big = client.open_bidirectional(session)
    body = bytes(i * 31 % 251 for i in range(BIG_BYTES))
    client.send(big, body, True)
    await client.until(lambda: big in client.ended)

    uni = client.h3.create_webtransport_stream(session, is_unidirectional=True)
    client.send(uni, b"uni from aioquic", True)
    # The server answers a unidirectional stream by one of its own (3 mod 4), and opens one bidirectional (1 mod 4).
    await client.until(lambda: any(i % 4 == 3 for i in client.ended) and any(i % 4 == 1 for i in client.ended))
    served_uni = min(i for i in client.ended if i % 4 == 3)
    served_bidi = next(i for i in client.ended if i % 4 == 1)
    client.send(served_bidi, client.streams[served_bidi].upper(), True)

    # The server reads the answer in its own time and says so by a second stream: to close before would reset it unread.
    await client.until(lambda: sum(i % 4 == 3 for i in client.ended) == 2)
    return {
        "datagrams": len({bytes(d) for d in client.datagrams}),
        "datagramsSent": DATAGRAMS,
        "bidi": client.streams[bidi].decode(),
        "bigEcho": client.streams[big] == body,
        "servedUni": client.streams[served_uni].decode(),
        "servedBidi": client.streams[served_bidi].decode(),
    }


async def main(args):
    configuration = QuicConfiguration(
        alpn_protocols=H3_ALPN, is_client=True, verify_mode=ssl.CERT_NONE, max_datagram_frame_size=65536
    )
    async with connect("127.0.0.1", args.port, configuration=configuration, create_protocol=Client) as client:
        if client.peer_certificate_hash() != args.hash:
            raise SystemExit("the certificate is not the pinned one")
        session = client.request(f"127.0.0.1:{args.port}", args.path)
        result = {"status": await client.status}
        if result["status"] == 200:
            result.update(await exchange(client, session))
        print(json.dumps(result))
        client.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/echo")
    parser.add_argument("--hash", required=True)
    asyncio.run(asyncio.wait_for(main(parser.parse_args()), DEADLINE_S))
