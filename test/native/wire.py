"""The bytes of docs/protocol.md that a client needs, written from it for the test client: no I/O and no clock."""

import struct

MOTION, VOICE, EVENT = 0, 1, 2
BUNDLE, PROBE, PROBE_REPLY, HEARTBEAT, MISSING = 1, 2, 3, 4, 5
MAX_AGE = MAX_UNCERTAINTY = 16383
MAX_ALIAS = 2**30 - 1
MAX_PAYLOAD = 900
MAX_MESSAGE_BYTES = 65_536


class Bad(Exception):
    """Bytes that the protocol does not allow; the text is the reason's name."""


def signed(x, bits):
    return (x + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)


class Cursor:
    """Reads big-endian fields; `truncated` at the end."""

    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, count):
        if self.at + count > len(self.data):
            raise Bad("truncated")
        self.at += count
        return self.data[self.at - count : self.at]

    def uint(self, count):
        return int.from_bytes(self.take(count), "big")

    def varint(self):
        first = self.uint(1)
        count = (1 << (first >> 6)) - 1
        return (first & 63) << 8 * count | self.uint(count)

    @property
    def ended(self):
        return self.at == len(self.data)


def varint(value):
    for power, bits in enumerate((6, 14, 30, 62)):
        if value < 1 << bits:
            return (value | power << bits).to_bytes(1 << power, "big")
    raise ValueError(value)


# Section 4: messages


def cbor(value):
    head = lambda major, n: (
        bytes([major << 5 | n])
        if n < 24
        else next(bytes([major << 5 | 24 + i]) + n.to_bytes(1 << i, "big") for i in range(4) if n < 1 << (8 << i))
    )
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", False: b"\xf4", True: b"\xf5"}[value]
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, (list, tuple)):
        return head(4, len(value)) + b"".join(map(cbor, value))
    if isinstance(value, dict):
        return head(5, len(value)) + b"".join(cbor(k) + cbor(v) for k, v in value.items())
    raise TypeError(type(value))


def uncbor(cursor):
    first = cursor.uint(1)
    major, low = first >> 5, first & 31
    if major == 7:
        if low in (20, 21, 22, 23):
            return {20: False, 21: True}.get(low)
        if low in (25, 26, 27):
            size = 1 << (low - 24)
            return struct.unpack({2: ">e", 4: ">f", 8: ">d"}[size], cursor.take(size))[0]
        raise Bad("not CBOR of this protocol")
    if low > 27 or major == 6:
        raise Bad("not CBOR of this protocol")
    n = low if low < 24 else cursor.uint(1 << (low - 24))
    if major in (0, 1):
        return n if major == 0 else -1 - n
    if major in (2, 3):
        data = bytes(cursor.take(n))
        return data if major == 2 else data.decode()
    if n > len(cursor.data):
        raise Bad("truncated")
    if major == 4:
        return [uncbor(cursor) for _ in range(n)]
    return {uncbor(cursor): uncbor(cursor) for _ in range(n)}


def message(fields):
    body = cbor(fields)
    return varint(len(body)) + body


class Messages:
    """Cuts a stream's bytes into messages, however they come."""

    def __init__(self):
        self.buffer = b""

    def push(self, data):
        self.buffer += data
        while True:
            cursor = Cursor(self.buffer)
            try:
                length = cursor.varint()
                if length > MAX_MESSAGE_BYTES:
                    raise Bad("message_too_large")
                body = cursor.take(length)
            except Bad as error:
                if str(error) == "truncated":
                    return
                raise
            self.buffer = self.buffer[cursor.at :]
            yield uncbor(Cursor(body))


# Section 3: bundles


def parse_bundle(data):
    """`{alias, slots: {slot: generation}, base, uncertainty, units: [{slot, kind, key, full, seq, age, payload}]}`"""
    if len(data) == 0 or data[0] != BUNDLE:
        raise Bad("not_a_bundle")
    if len(data) > 1000:
        raise Bad("limit")
    cursor = Cursor(data, 1)
    alias = limited(cursor.varint(), MAX_ALIAS)
    bits = cursor.uint(1)
    slots = {slot: cursor.uint(1) for slot in range(8) if bits >> slot & 1}
    base = cursor.uint(6)
    uncertainty = limited(cursor.varint(), MAX_UNCERTAINTY)
    units, seen, last_age = [], set(), MAX_AGE
    while not cursor.ended:
        head = cursor.uint(1)
        slot, kind, full = head >> 5, head >> 3 & 3, head >> 1 & 1
        if head & 1:
            raise Bad("reserved_bit")
        if kind == 3:
            raise Bad("reserved_kind")
        if slot not in slots:
            raise Bad("slot_not_listed")
        seq = cursor.uint(4 if full else 1)
        age = limited(cursor.varint(), MAX_AGE)
        payload = bytes(cursor.take(limited(cursor.varint(), MAX_PAYLOAD)))
        if age > last_age:
            raise Bad("age_order")
        if (slot, kind, seq & 255) in seen:
            raise Bad("duplicate_identity")
        seen.add((slot, kind, seq & 255))
        last_age = age
        unit = {"slot": slot, "kind": kind, "key": bool(head >> 2 & 1), "full": bool(full)}
        units.append(unit | {"seq": seq, "age": age, "payload": payload})
    if not units:
        raise Bad("no_unit")
    if set(slots) != {unit["slot"] for unit in units}:
        raise Bad("empty_slot")
    return {"alias": alias, "slots": slots, "base": base, "uncertainty": uncertainty, "units": units}


def limited(value, most):
    if value > most:
        raise Bad("limit")
    return value


def encode_bundle(bundle):
    bits = sum(1 << slot for slot in bundle["slots"])
    generations = bytes(generation for _, generation in sorted(bundle["slots"].items()))
    out = bytes([BUNDLE]) + varint(bundle["alias"]) + bytes([bits]) + generations
    out += (bundle["base"] % 2**48).to_bytes(6, "big") + varint(bundle["uncertainty"])
    for unit in bundle["units"]:
        head = unit["slot"] << 5 | unit["kind"] << 3 | unit["key"] << 2 | unit["full"] << 1
        seq = unit["seq"].to_bytes(4, "big") if unit["full"] else bytes([unit["seq"] & 255])
        out += bytes([head]) + seq + varint(unit["age"]) + varint(len(unit["payload"])) + unit["payload"]
    return out


def captured(base, age):
    """us modulo 2^48, in the sender's clock."""
    return (base - age * 125 // 2) % 2**48


class Sequence:
    """What a receiver keeps of one slot, generation and kind."""

    def __init__(self):
        self.last = self.captured = None
        self.seen = set()
        self.oldest = 0
        self.lost = 0

    def take(self, seq, full, captured_us):
        """`new`, `duplicate`, `late` or `unsynced`, and the extended sequence."""
        apart = None if self.last is None else signed(captured_us - self.captured, 48)
        if not full:
            if apart is None or abs(apart) > 1_000_000:
                return "unsynced", None
            seq = (self.last + signed(seq - self.last, 8)) % 2**32
        if self.last is None or (full and signed(seq - self.last, 32) <= 0 and apart > 1_000_000):
            self.last, self.captured, self.seen, self.oldest = seq, captured_us, {seq}, seq
            return "new", seq
        ahead = signed(seq - self.last, 32)
        if ahead > 0:
            self.advance(seq, ahead, captured_us)
            return "new", seq
        if ahead <= -64:
            return "late", seq
        if seq in self.seen:
            return "duplicate", seq
        self.seen.add(seq)
        return "new", seq

    def advance(self, seq, ahead, captured_us):
        """Sequences from the first one that leave the window without having come are lost."""
        since_first = signed(self.last - self.oldest, 32)
        left_before, left_now = max(0, since_first - 63), max(0, since_first + ahead - 63)
        gone = {(seq - 64 - i) % 2**32 for i in range(min(left_now - left_before, 64 + ahead))} if ahead < 256 else None
        if gone is None:
            self.lost += left_now - left_before - sum(signed(s - self.oldest, 32) >= left_before for s in self.seen)
            self.seen = {s for s in self.seen if 0 <= signed(seq - s, 32) < 64}
        else:
            came = {s for s in self.seen if signed(seq - s, 32) >= 64}
            self.lost += left_now - left_before - len(came)
            self.seen -= came
        self.seen.add(seq)
        self.last, self.captured = seq, captured_us


# Section 2: probes and requests


def probe(number, t1):
    return bytes([PROBE]) + number.to_bytes(4, "big") + (t1 % 2**48).to_bytes(6, "big")


def fixed(data, kind, sizes):
    if len(data) == 0 or data[0] != kind:
        raise Bad("not_a_bundle")
    if len(data) != 1 + sum(sizes):
        raise Bad("truncated" if len(data) < 1 + sum(sizes) else "trailing")
    cursor = Cursor(data, 1)
    return [cursor.uint(size) for size in sizes]


def parse_probe(data):
    return fixed(data, PROBE, (4, 6))


def parse_reply(data):
    return fixed(data, PROBE_REPLY, (4, 6, 6, 6))


def answer(data, arrived, now):
    """The reply to a probe, which is its bytes with two times behind them."""
    parse_probe(data)
    return bytes([PROBE_REPLY]) + data[1:] + (arrived % 2**48).to_bytes(6, "big") + (now % 2**48).to_bytes(6, "big")


def clock_sample(t1, t2, t3, t4):
    """rtt and the peer's clock minus one's own, us."""
    out, back = signed(t2 - t1, 48), signed(t3 - t4, 48)
    return signed((t4 - t1) - (t3 - t2), 48), (out + signed(back - out, 48) / 2)


def missing(alias, entries):
    out = bytes([MISSING]) + varint(alias)
    for slot, kind, generation, first, more in entries:
        out += bytes([slot << 5 | kind << 3, generation]) + first.to_bytes(4, "big") + bytes([more])
    return out


class Clock:
    """The peer's clock, by the sample with the least rtt of the last 30 s."""

    def __init__(self):
        self.samples = []

    def add(self, t1, t2, t3, t4):
        rtt, offset = clock_sample(t1, t2, t3, t4)
        self.samples = [s for s in self.samples if t4 - s[0] < 30_000_000] + [(t4, rtt, offset)]

    def best(self, now):
        """Offset and uncertainty, us; None before the first sample."""
        if not self.samples:
            return None
        at, rtt, offset = min(self.samples, key=lambda s: s[1])
        return offset, rtt / 2 + 50 * (now - at) / 1_000_000

    def own(self, peer_us, now):
        """A wire time of the peer in one's own clock, us."""
        offset, _ = self.best(now)
        return now + signed(round(peer_us - (now + offset)), 48)
