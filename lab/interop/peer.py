"""
The client's half of the interop cases on aioquic.

python3 peer.py --port PORT --hash HEX --case NAME [--path PATH] [--second-session]

Prints `{"status": 200, "digests": {name: SHA-256}}`, or the status of a refusal. The cases and what a file holds: cases.ts.
"""

import argparse
import asyncio
import hashlib
import json
import ssl

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, FrameType, H3Connection
from aioquic.h3.events import DatagramReceived, DataReceived, HeadersReceived, WebTransportStreamDataReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, StreamReset
from cryptography.hazmat.primitives.serialization import Encoding

DEADLINE_S = 45
CLOSE = bytes.fromhex("6843") + bytes([4]) + bytes(4)
KB = 1024


def files_of(kind):
    sizes = [600 + 2 * n for n in range(200)] if kind == "datagram" else [100 * KB, 500 * KB, 250 * KB, KB * KB, 2 * KB * KB]
    return {f"f{n}": size for n, size in enumerate(sizes)}


def content_of(name, size):
    seed = sum(ord(character) * 7 for character in name)
    return bytes((i * 31 + (i >> 8) * 17 + (i >> 16) + seed) & 255 for i in range(size))


class Peer(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.h3 = H3Connection(self._quic, enable_webtransport=True)
        self.statuses, self.streams, self.ended = {}, {}, asyncio.Event()
        self.changed, self.session = asyncio.Event(), None
        self.on_stream = self.on_datagram = lambda *_: None

    def quic_event_received(self, event):
        if isinstance(event, ConnectionTerminated):
            self.ended.set()
        if isinstance(event, StreamReset):
            self.statuses.setdefault(event.stream_id, f"reset {event.error_code:#x}")
        for h3_event in self.h3.handle_event(event):
            if isinstance(h3_event, HeadersReceived):
                self.statuses[h3_event.stream_id] = int(dict(h3_event.headers).get(b":status", b"0"))
                self.headers = dict(h3_event.headers)
            elif isinstance(h3_event, DatagramReceived):
                self.on_datagram(h3_event.data)
            elif isinstance(h3_event, DataReceived) and h3_event.stream_id == self.session and h3_event.stream_ended:
                self.ended.set()
            elif isinstance(h3_event, WebTransportStreamDataReceived):
                self.streams[h3_event.stream_id] = self.streams.get(h3_event.stream_id, b"") + h3_event.data
                if h3_event.stream_ended:
                    self.on_stream(h3_event.stream_id, self.streams.pop(h3_event.stream_id))
        self.changed.set()

    async def until(self, done):
        while not done():
            self.changed.clear()
            await self.changed.wait()

    def connect_to(self, authority, path):
        stream = self._quic.get_next_available_stream_id()
        headers = {":method": "CONNECT", ":protocol": "webtransport", ":scheme": "https", ":authority": authority, ":path": path}
        self.h3.send_headers(stream, [(k.encode(), v.encode()) for k, v in headers.items()])
        self.transmit()
        return stream

    def open(self, unidirectional):
        stream_id = self.h3.create_webtransport_stream(self.session, is_unidirectional=unidirectional)
        if not unidirectional:
            with self.h3._get_or_create_stream(stream_id) as stream:
                stream.frame_type, stream.session_id = FrameType.WEBTRANSPORT_STREAM, self.session
        return stream_id

    def send(self, stream_id, data):
        self._quic.send_stream_data(stream_id, data, end_stream=True)
        self.transmit()

    def datagram(self, data):
        self.h3.send_datagram(self.session, data)
        self.transmit()


async def request(peer, kind):
    files, digests, asked = files_of(kind), {}, {}

    def came(name, content):
        digests[name] = hashlib.sha256(content).hexdigest()

    def pushed(data):
        head, _, content = data.partition(b"\n")
        if head.startswith(b"PUSH "):
            came(head[5:].decode(), content)

    if kind == "bidirectional":
        peer.on_stream = lambda stream, data: came(asked[stream], data)
        for name in files:
            stream = peer.open(False)
            asked[stream] = name
            peer.send(stream, f"GET {name}".encode())
    elif kind == "unidirectional":
        peer.on_stream = lambda _, data: pushed(data)
        for name in files:
            peer.send(peer.open(True), f"GET {name}".encode())
    else:
        peer.on_datagram = pushed
        while len(digests) < len(files):
            for name in files.keys() - digests.keys():
                peer.datagram(f"GET {name}".encode())
                await asyncio.sleep(0.0005)
            await asyncio.sleep(0.3)
    await peer.until(lambda: len(digests) == len(files))
    peer.h3.send_data(peer.session, CLOSE, end_stream=True)
    peer.transmit()
    await asyncio.wait_for(peer.ended.wait(), 5)
    return digests


async def provide(peer, kind):
    files = files_of(kind)
    wanted = lambda data: data[4:].decode() if data.startswith(b"GET ") and data[4:].decode() in files else None
    push = lambda name: f"PUSH {name}\n".encode() + content_of(name, files[name])

    def on_stream(stream, data):
        name = wanted(data)
        if name is not None and kind == "bidirectional":
            peer.send(stream, content_of(name, files[name]))
        elif name is not None:
            peer.send(peer.open(True), push(name))

    peer.on_stream = on_stream
    if kind == "datagram":
        peer.on_datagram = lambda data: peer.datagram(push(wanted(data))) if wanted(data) is not None else None
    await peer.ended.wait()
    return {}


async def main(args):
    configuration = QuicConfiguration(
        alpn_protocols=H3_ALPN, is_client=True, verify_mode=ssl.CERT_NONE, max_datagram_frame_size=65536
    )
    configuration.max_data = configuration.max_stream_data = 8 * KB * KB
    async with connect("127.0.0.1", args.port, configuration=configuration, create_protocol=Peer) as peer:
        found = hashlib.sha256(peer._quic.tls._peer_certificate.public_bytes(Encoding.DER)).hexdigest()
        if found != args.hash:
            return {"status": "the certificate is not the pinned one"}
        authority = f"127.0.0.1:{args.port}"
        peer.session = peer.connect_to(authority, args.path)
        await peer.until(lambda: peer.session in peer.statuses)
        result = {"status": peer.statuses[peer.session], "protocol": peer.headers.get(b"wt-protocol", b"").decode() or None}
        if args.second_session:
            second = peer.connect_to(authority, args.path)
            await peer.until(lambda: second in peer.statuses or peer.ended.is_set())
            result["second"] = peer.statuses.get(second, "ended")
        if result["status"] == 200:
            _, kind, direction = args.case.split("-") if "-" in args.case else (None, None, None)
            if kind is not None:
                result["digests"] = await (request if direction == "receive" else provide)(peer, kind)
            else:
                result["digests"] = {}
                peer.h3.send_data(peer.session, CLOSE, end_stream=True)
                peer.transmit()
                await asyncio.wait_for(peer.ended.wait(), 5)
        return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/interop")
    parser.add_argument("--hash", required=True)
    parser.add_argument("--case", required=True)
    parser.add_argument("--second-session", action="store_true")
    print(json.dumps(asyncio.run(asyncio.wait_for(main(parser.parse_args()), DEADLINE_S))))
