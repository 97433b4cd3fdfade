"""
One session with a relay over aioquic, as docs/native-clients.md describes it: WebTransport, control stream, clock.

aioquic reads the answer on a bidirectional stream of its own as HTTP/3 unless told otherwise: see `open_stream`.
"""

import asyncio
import hashlib
import ssl
import time
from contextlib import asynccontextmanager

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, FrameType, H3Connection
from aioquic.h3.events import DatagramReceived, DataReceived, HeadersReceived, WebTransportStreamDataReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated
from cryptography.hazmat.primitives.serialization import Encoding

import wire

CLOSE_CAPSULE = 0x2843
CONNECT_S, ANSWER_S = 10, 10
FIRST_PROBES, FIRST_PROBES_S, PROBE_S = 8, 0.025, 1
DEAD_S = 0.6


def now_us():
    return time.monotonic_ns() // 1000


class Refused(Exception):
    """What the relay says no with: a status, a close code or an `error`."""


class Stream:
    """One reliable stream of messages."""

    def __init__(self, protocol, stream_id):
        self.protocol, self.id, self.reader = protocol, stream_id, wire.Messages()
        self.messages = asyncio.Queue()
        self.on_message = self.messages.put_nowait

    def send(self, fields):
        self.protocol._quic.send_stream_data(self.id, wire.message(fields))
        self.protocol.transmit()

    def received(self, data):
        for fields in self.reader.push(data):
            self.on_message(fields)


class Protocol(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.h3 = H3Connection(self._quic, enable_webtransport=True)
        loop = asyncio.get_running_loop()
        self.status, self.ended = loop.create_future(), loop.create_future()
        self.session_id, self.streams, self.capsules = None, {}, b""
        self.on_datagram = lambda data, at: None

    def quic_event_received(self, event):
        at = now_us()
        if isinstance(event, ConnectionTerminated):
            self.end(None, event.reason_phrase)
        for h3_event in self.h3.handle_event(event):
            if isinstance(h3_event, HeadersReceived) and not self.status.done():
                self.status.set_result(int(dict(h3_event.headers)[b":status"]))
            elif isinstance(h3_event, DatagramReceived):
                self.on_datagram(h3_event.data, at)
            elif isinstance(h3_event, WebTransportStreamDataReceived) and h3_event.stream_id in self.streams:
                self.streams[h3_event.stream_id].received(h3_event.data)
            elif isinstance(h3_event, DataReceived) and h3_event.stream_id == self.session_id:
                self.capsule(h3_event.data, h3_event.stream_ended)

    def capsule(self, data, ended):
        """The CONNECT stream's body: capsules. The one that closes carries code and reason."""
        self.capsules += data
        while self.capsules:
            cursor = wire.Cursor(self.capsules)
            try:
                kind, body = cursor.varint(), cursor.take(cursor.varint())
            except wire.Bad:
                break
            self.capsules = self.capsules[cursor.at :]
            if kind == CLOSE_CAPSULE:
                self.end(int.from_bytes(body[:4], "big"), body[4:].decode())
        if ended:
            self.end(0, "")

    def end(self, code, reason):
        if not self.ended.done():
            self.ended.set_result((code, reason))

    def peer_certificate_hash(self):
        return hashlib.sha256(self._quic.tls._peer_certificate.public_bytes(Encoding.DER)).hexdigest()

    async def request(self, authority, path):
        self.session_id = self._quic.get_next_available_stream_id()
        headers = {":method": "CONNECT", ":protocol": "webtransport", ":scheme": "https"}
        headers |= {":authority": authority, ":path": path}
        self.h3.send_headers(self.session_id, [(k.encode(), v.encode()) for k, v in headers.items()])
        self.transmit()
        return await asyncio.wait_for(self.status, CONNECT_S)

    def open_stream(self):
        stream_id = self.h3.create_webtransport_stream(self.session_id)
        with self.h3._get_or_create_stream(stream_id) as stream:
            stream.frame_type, stream.session_id = FrameType.WEBTRANSPORT_STREAM, self.session_id
        self.streams[stream_id] = Stream(self, stream_id)
        return self.streams[stream_id]

    def send_datagram(self, data):
        self.h3.send_datagram(self.session_id, data)
        self.transmit()

    def close_session(self, code=0, reason=""):
        body = code.to_bytes(4, "big") + reason.encode()
        capsule = wire.varint(CLOSE_CAPSULE) + wire.varint(len(body)) + body
        self.h3.send_data(self.session_id, capsule, end_stream=True)
        self.transmit()


class Session:
    """A welcomed session. `on_bundle(bundle, at)` hears media, `heard(fields)` what the relay says unasked."""

    def __init__(self, protocol):
        self.protocol, self.control = protocol, protocol.open_stream()
        self.clock, self.probes, self.next_id = wire.Clock(), {}, 1
        self.answers, self.on_bundle, self.heard = {}, lambda bundle, at: None, lambda fields: None
        self.heard_at, self.malformed = now_us(), 0
        protocol.on_datagram = self.datagram
        self.control.on_message = self.message

    async def hello(self, token):
        self.welcomed = asyncio.get_running_loop().create_future()
        self.control.send({"t": "hello", "v": 1, "token": token, "agent": "native-test/1"})
        done, _ = await asyncio.wait(
            [self.welcomed, self.protocol.ended], timeout=ANSWER_S, return_when=asyncio.FIRST_COMPLETED
        )
        if self.welcomed not in done:
            raise Refused(f"no welcome: {self.protocol.ended.result() if self.protocol.ended.done() else 'silence'}")
        self.welcome = self.welcomed.result()
        self.prober = asyncio.create_task(self.probe())

    async def ask(self, kind, **fields):
        """A request with an id, and its answer. Raises Refused with the code."""
        number, self.next_id = self.next_id, self.next_id + 1
        self.answers[number] = asyncio.get_running_loop().create_future()
        self.control.send({"t": kind, "id": number, **fields})
        answer = await asyncio.wait_for(self.answers[number], ANSWER_S)
        if answer["t"] == "error":
            raise Refused(answer["code"])
        return answer

    def message(self, fields):
        self.heard_at = now_us()
        if fields["t"] == "welcome":
            self.welcomed.set_result(fields)
        elif (answer := self.answers.pop(fields.get("id"), None)) is not None:
            answer.set_result(fields)
        else:
            self.heard(fields)

    def datagram(self, data, at):
        self.heard_at = at
        kind = data[0] if data else None
        try:
            if kind == wire.BUNDLE:
                self.on_bundle(wire.parse_bundle(data), at)
            elif kind == wire.PROBE:
                self.protocol.send_datagram(wire.answer(data, at, now_us()))
            elif kind == wire.PROBE_REPLY:
                number, t1, t2, t3 = wire.parse_reply(data)
                if self.probes.pop(number, None) == t1:
                    self.clock.add(t1, t2, t3, at)
        except wire.Bad:
            self.malformed += 1

    async def probe(self):
        for number in range(2**32):
            t1 = now_us()
            self.probes[number] = t1 % 2**48
            self.protocol.send_datagram(wire.probe(number, t1))
            await asyncio.sleep(FIRST_PROBES_S if number < FIRST_PROBES - 1 else PROBE_S)

    def dead(self):
        return now_us() - self.heard_at > DEAD_S * 1_000_000


@asynccontextmanager
async def opened(host, port, path, certificate_hash, token):
    """A session after `welcome`. Raises Refused. It is closed with 0 at the end."""
    configuration = QuicConfiguration(
        alpn_protocols=H3_ALPN, is_client=True, verify_mode=ssl.CERT_NONE, max_datagram_frame_size=65536
    )
    async with connect(host, port, configuration=configuration, create_protocol=Protocol) as protocol:
        if protocol.peer_certificate_hash() != certificate_hash:
            raise Refused("the certificate is not the pinned one")
        status = await protocol.request(f"{host}:{port}", path)
        if status != 200:
            raise Refused(f"status {status}")
        session = Session(protocol)
        await session.hello(token)
        try:
            yield session
        finally:
            session.prober.cancel()
            protocol.close_session()
            # The relay ends the connection once it has read the close.
            await asyncio.wait([protocol.ended], timeout=1)
