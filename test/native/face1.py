"""
The motion codec face-1, encoder and decoder, written from docs/motion-codec.md for the test client. Plain Python.

The model comes as data: what `node codec/vectors/export-tables.ts` prints.
"""

import base64
import struct

CODED, HEADS = 55, 3
MAX_UNIT_BYTES = 192
STAGE = [(k + 1) * CODED // 49 for k in range(48)]


def float32(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def clamp(x, low, high):
    return min(max(x, low), high)


def signed32(x):
    return (x + 2**31) % 2**32 - 2**31


class Malformed(Exception):
    pass


class Numbers:
    """Zigzag varints, seven bits a byte."""

    def __init__(self, text):
        self.bytes, self.at = base64.b64decode(text), 0

    def one(self):
        n, shift = 0, 0
        while True:
            byte = self.bytes[self.at]
            self.at += 1
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return n // 2 if n % 2 == 0 else -(n + 1) // 2

    def list(self, count):
        return [self.one() for _ in range(count)]

    def weights(self, count, begin=0):
        """A row of `count`, of which those before `begin` are not stored."""
        return [0] * begin + [8 * n for n in self.list(count - begin)]

    def heads(self, count):
        return [[self.weights(CODED) for _ in range(HEADS)] for _ in range(count)]


class Model:
    """The tables of one profile. Raises ValueError for tables that are not whole."""

    def __init__(self, exported, profile):
        numbers = Numbers(exported["models"][profile])
        self.key = self.common(numbers)
        self.key["causalBias"] = numbers.list(48)
        rows = lambda j: [8 * numbers.one() if STAGE[k] > j else 0 for k in range(48)]
        self.key["input"] = [[rows(j) for _ in range(2)] for j in range(CODED)]
        self.key["output"] = [[numbers.weights(CODED, STAGE[k]) for _ in range(HEADS)] for k in range(48)]
        self.chain = self.common(numbers)
        self.chain["local"], self.chain["global"] = numbers.heads(10), numbers.heads(4)
        self.chain["input"] = [numbers.weights(32) for _ in range(224)]
        self.chain["inputBias"] = numbers.list(32)
        self.chain["output"] = numbers.heads(32)
        if numbers.at != len(numbers.bytes):
            raise ValueError("bytes left over")
        for tables in (self.key, self.chain):
            if tables["mix"][-1] != 32768 or sorted(tables["mix"]) != tables["mix"]:
                raise ValueError("a mix that falls or does not end at 32768")

    @staticmethod
    def common(numbers):
        mix = [16384]
        for step in numbers.list(512):
            mix.append(mix[-1] + step)
        bias = [numbers.list(CODED) for _ in range(HEADS)]
        cross = [[numbers.weights(CODED, j + 1) for _ in range(HEADS)] for j in range(CODED)]
        return {"mix": mix, "bias": bias, "cross": cross}


class RangeEncoder:
    def __init__(self):
        self.low, self.range, self.out = 0, 2**32 - 1, bytearray()

    def symbol(self, below, frequency):
        unit = self.range >> 16
        offset = unit * below
        self.low += offset
        if self.low >= 2**32:
            self.low -= 2**32
            self.carry()
        self.range = self.range - offset if below + frequency == 65536 else unit * frequency
        while self.range < 2**24:
            self.out.append(self.low >> 24)
            self.low = (self.low << 8) % 2**32
            self.range <<= 8

    def carry(self):
        at = len(self.out) - 1
        while self.out[at] == 255:
            self.out[at] = 0
            at -= 1
        self.out[at] += 1

    def finish(self):
        for k in range(5):
            unit = 1 << (32 - 8 * k)
            value = -(-self.low // unit) * unit
            if value <= self.low + self.range - 1:
                break
        if value >= 2**32:
            self.carry()
            value -= 2**32
        return bytes(self.out + value.to_bytes(4, "big")[:k]).rstrip(b"\0")


class Reading:
    """Symbols of a unit. An encoder runs beside, for a unit has one spelling."""

    def __init__(self, data):
        self.data, self.at = data, 4
        self.code, self.range = int.from_bytes((data + bytes(4))[:4], "big"), 2**32 - 1
        self.beside = RangeEncoder()

    def take(self, below, frequency):
        unit = self.range >> 16
        self.code -= unit * below
        self.range = self.range - unit * below if below + frequency == 65536 else unit * frequency
        while self.range < 2**24:
            byte = self.data[self.at] if self.at < len(self.data) else 0
            self.at += 1
            self.code = (self.code << 8 | byte) % 2**32
            self.range <<= 8
        self.beside.symbol(below, frequency)

    def target(self):
        return min(self.code // (self.range >> 16), 65535)

    def face(self, yes):
        face = self.target() < yes
        self.take(*((0, yes) if face else (yes, 65536 - yes)))
        return face

    def residual(self, below, low, high, _part, _index, _reference):
        target, first, last = self.target(), low, high
        if low < 0 < high and below(0) <= target < below(1):
            first = last = 0
        while first < last:
            middle = (first + last + 1) // 2
            first, last = (middle, last) if target >= below(middle) else (first, middle - 1)
        self.take(below(first), below(first + 1) - below(first))
        return first


class Writing:
    """Writes wanted values, `{"main": [...], "overlaps": [...], "extras": [...]}` in steps; None: no face."""

    def __init__(self, wanted):
        self.wanted, self.encoder = wanted, RangeEncoder()

    def face(self, yes):
        face = self.wanted is not None
        self.encoder.symbol(*((0, yes) if face else (yes, 65536 - yes)))
        return face

    def residual(self, below, low, high, part, index, reference):
        k = clamp(self.wanted[part][index] - reference, low, high)
        self.encoder.symbol(below(k), below(k + 1) - below(k))
        return k


class Track:
    def __init__(self, count):
        self.value, self.velocity = [0] * count, [0] * count


class State:
    """What encoder and decoder share: the predictor and its past. `config` is the motion config's bytes."""

    def __init__(self, exported, fps, config, extras=0):
        if len(config) != 2 or config[0] > 2 or config[1] > 1:
            raise ValueError("not a config of face-1")
        profile = ("hi", "std", "lo")[config[0]]
        self.model, self.fps, self.unmerged = Model(exported, profile), fps, config[1] & 1
        self.LOG, self.ACTIVITY = exported["LOG"], exported["ACTIVITY"]
        self.INVERSE, self.SAME = exported["INVERSE"], exported["SAME"]
        self.END = [-(-(2**25) // inverse) for inverse in self.INVERSE]
        channels, order = exported["channels"], exported["order"]
        self.plus = [order.index(c["plus"]) for c in channels]
        self.minus = [order.index(c["minus"]) if "minus" in c else None for c in channels]
        self.merged = [c for c in range(CODED) if self.minus[c] is not None]
        steps = exported["steps"][profile]
        self.step = [steps[c["kind"]] for c in channels]
        self.high = [int(exported["maximum"][c["kind"]] / steps[c["kind"]]) for c in channels]
        both = lambda c: self.minus[c] is not None or self.plus[c] >= 52
        self.low = [-high if both(c) else 0 for c, high in enumerate(self.high)]
        self.place = [int(step * 32768 + 0.5) for step in self.step]
        self.extra_step, self.extra_high = steps["fine"], int(1 / steps["fine"])
        self.main, self.overlaps, self.extras = Track(CODED), Track(6), Track(extras)
        self.before, self.activity, self.length, self.face = [0] * CODED, [0] * CODED, 0, False

    # One unit

    def code(self, symbols, key):
        """Face, values, overlaps, extras; the state stays as it was."""
        face = symbols.face(65024 if key else 65472 if self.face else 8192)
        if not face:
            return face, None, None, None
        values = self.key_values(symbols) if key else self.chain_values(symbols)
        overlaps = [0] * 6
        if self.unmerged:
            bounds = [(0, self.high[c] - abs(values[c])) for c in self.merged]
            overlaps = self.side(symbols, key, self.overlaps, "overlaps", bounds)
        bounds = [(-self.extra_high, self.extra_high)] * len(self.extras.value)
        return face, values, overlaps, self.side(symbols, key, self.extras, "extras", bounds)

    def keep(self, key, face, values, overlaps, extras):
        self.face = face
        pairs = ((self.main, values), (self.overlaps, overlaps), (self.extras, extras))
        if key:
            for track, new in pairs:
                track.value, track.velocity = new or [0] * len(track.value), [0] * len(track.value)
            self.before, self.activity, self.length = [0] * CODED, [0] * CODED, 0
            return
        self.length += 1
        self.before = self.main.velocity if face else [0] * CODED
        for track, new in pairs:
            track.velocity = [a - b for a, b in zip(new, track.value)] if face else [0] * len(track.value)
            track.value = new if face else track.value
        if face:
            moved = self.main.velocity
            self.activity = [(205 * a + 13056 * min(abs(v), 8)) >> 8 for a, v in zip(self.activity, moved)]

    def pose(self):
        pose = [0.0] * (61 + len(self.extras.value))
        overlaps = dict(zip(self.merged, self.overlaps.value))
        for c in range(CODED):
            value, step, overlap = self.main.value[c], self.step[c], overlaps.get(c, 0)
            if self.minus[c] is None:
                pose[self.plus[c]] = float32(value * step)
            else:
                pose[self.plus[c]] = float32((overlap + max(value, 0)) * step)
                pose[self.minus[c]] = float32((overlap + max(-value, 0)) * step)
        for i, value in enumerate(self.extras.value):
            pose[61 + i] = float32(value * self.extra_step)
        return pose

    def residual(self, symbols, mix, shape, bounds, part, index, reference):
        mean, scale, same = shape
        low, high = bounds[0] - reference, bounds[1] - reference
        inverse, end, still = self.INVERSE[scale], self.END[scale], self.SAME[same]
        room = 65536 - (high - low + 1)

        def below(k):
            if k <= low:
                return 0
            if k > high:
                return 65536
            d = 64 * k - 32 - mean
            half = 32768
            if abs(d) < end:
                u = abs(d) * inverse
                i = u >> 16
                half = mix[i] + ((mix[i + 1] - mix[i]) * (u & 65535) >> 16)
            p = (32768 - still) * (32768 - half if d < 0 else half) >> 15
            return ((p + still if k > 0 else p) * room >> 15) + k - low

        return symbols.residual(below, low, high, part, index, reference)

    def channel(self, symbols, mix, out, c, reference):
        scale = clamp((out[1][c] + 3 * 16384 + 1024) >> 11, 0, 64)
        same = clamp((out[2][c] + 8 * 16384 + 1024) >> 11, 0, 128)
        shape = ((out[0][c] + 128) >> 8, scale, same)
        return self.residual(symbols, mix, shape, (self.low[c], self.high[c]), "main", c, reference)

    @staticmethod
    def add(out, weights, factors):
        for h in range(HEADS):
            x = factors[h]
            out[h] = [o + x * w for o, w in zip(out[h], weights[h])]

    def speak(self, out, total, weights):
        if total > 0:
            self.add(out, weights, [min(total >> 10, 960)] * HEADS)

    def key_values(self, symbols):
        tables, values = self.model.key, []
        out, hidden = list(tables["bias"]), list(tables["causalBias"])
        for c in range(CODED):
            r = self.channel(symbols, tables["mix"], out, c, 0)
            values.append(r)
            if r != 0:
                q = clamp(r, -255, 255)
                g = self.LOG[abs(q)]
                s = -g if q < 0 else g
                self.add(out, tables["cross"][c], (16 * q, g, g))
                signed, unsigned = tables["input"][c]
                hidden = [n + s * a + g * b for n, a, b in zip(hidden, signed, unsigned)]
            for k in range(48):
                if STAGE[k] == c + 1:
                    self.speak(out, hidden[k], tables["output"][k])
        return values

    def chain_values(self, symbols):
        tables, LOG = self.model.chain, self.LOG
        out, hidden = [list(row) for row in tables["bias"]], list(tables["inputBias"])

        def dense(d, x):
            nonlocal hidden
            if x != 0:
                hidden = [n + x * w for n, w in zip(hidden, tables["input"][d])]

        for c in range(CODED):
            v1, v2 = clamp(self.main.velocity[c], -31, 31), clamp(self.before[c], -31, 31)
            act, ref = self.ACTIVITY[self.activity[c] >> 3], self.main.value[c]
            at, size = ref * self.place[c] >> 10, LOG[abs(v1)]
            still, near = 16 * (v1 == 0), LOG[min(abs(ref), 255)]
            toward = -size if v1 < 0 else size
            local = (16 * v1, 16 * v2, toward, size, LOG[abs(v2)], act, at, 16 * (ref == 0), near, still)
            for f, x in enumerate(local):
                if x != 0:
                    for h in range(HEADS):
                        out[h][c] += x * tables["local"][f][h][c]
            for d, x in ((c, 4 * v1), (55 + c, size), (110 + c, act), (165 + c, at)):
                dense(d, x)
        rate = -5 if self.fps < 26.8 else 0 if self.fps < 37.9 else 11 if self.fps < 53.7 else 16
        whole = (rate, 16 * (self.length == 0), 16 * (self.length == 1), 16 * (self.length >= 4))
        for g, x in enumerate(whole):
            self.add(out, tables["global"][g], (x, x, x))
            dense(220 + g, x)
        for k in range(32):
            self.speak(out, hidden[k], tables["output"][k])
        values = []
        for c in range(CODED):
            reference = self.main.value[c]
            r = self.channel(symbols, tables["mix"], out, c, reference)
            values.append(reference + r)
            if r != 0:
                q = clamp(r, -63, 63)
                g = LOG[abs(q)]
                self.add(out, tables["cross"][c], (16 * q, g, g))
        return values

    def side(self, symbols, key, track, part, bounds):
        mix, values = (self.model.key if key else self.model.chain)["mix"], []
        for i, (low, high) in enumerate(bounds):
            velocity, reference = track.velocity[i], 0 if key else min(track.value[i], high)
            size = abs(velocity)
            scale, same = (16, 104) if size == 0 else (24, 64) if size == 1 else (30, 52) if size < 4 else (40, 40)
            shape = (0, 48, 68) if key else (48 * velocity, scale, same)
            values.append(reference + self.residual(symbols, mix, shape, (low, high), part, i, reference))
        return values


class Encoder(State):
    """The nearest step of each channel, and a key each `key_interval` frames."""

    key_interval, since_key = 8, 0

    def encode(self, pose, key=False):
        """`pose`: 61 numbers and the extras; None: no face. Key, and the unit's bytes."""
        key = key or self.since_key % self.key_interval == 0
        self.since_key = 1 if key else self.since_key + 1
        return key, self.encode_steps(None if pose is None else self.steps(pose), key)

    def encode_steps(self, wanted, key):
        writing = Writing(wanted)
        frame = self.code(writing, key)
        self.keep(key, *frame)
        return writing.encoder.finish()

    def steps(self, pose):
        nearest = lambda value, step, low, high: clamp(int(value / step + (0.5 if value >= 0 else -0.5)), low, high)
        main, overlaps = [], []
        for c in range(CODED):
            step, high, minus = self.step[c], self.high[c], self.minus[c]
            plus = nearest(pose[self.plus[c]], step, 0 if minus is not None else self.low[c], high)
            less = 0 if minus is None else nearest(pose[minus], step, 0, high)
            main.append(plus - less)
            if minus is not None:
                overlaps.append(min(plus, less))
        extras = [nearest(x, self.extra_step, -self.extra_high, self.extra_high) for x in pose[61:]]
        return {"main": main, "overlaps": overlaps, "extras": extras}


class Decoder(State):
    """Units in any order; `decode` and then `next` until it gives None."""

    def __init__(self, *args, **named):
        super().__init__(*args, **named)
        self.last = self.newest = None
        self.waiting = {}

    def decode(self, sequence, key, data):
        if len(data) > MAX_UNIT_BYTES:
            return "malformed"
        ahead = None if self.last is None else signed32(sequence - self.last)
        if ahead is not None and ahead <= 0:
            return "stale"
        if key or ahead == 1:
            reading = Reading(data)
            frame = self.code(reading, key)
            if reading.beside.finish() != data:
                return "malformed"
            self.keep(key, *frame)
            self.last = sequence
            self.see(sequence)
            self.waiting = {s: unit for s, unit in self.waiting.items() if signed32(s - sequence) > 0}
            return "exact" if sequence == self.newest else "late_used"
        if ahead is not None and ahead > 64:
            return "waiting_for_key"
        self.see(sequence)
        self.waiting.setdefault(sequence, data)
        if len(self.waiting) > 32:
            del self.waiting[min(self.waiting, key=lambda s: signed32(s - sequence))]
        return "waiting_for_key"

    def next(self):
        sequence = None if self.last is None else (self.last + 1) % 2**32
        return self.decode(sequence, False, self.waiting.pop(sequence)) if sequence in self.waiting else None

    def see(self, sequence):
        if self.newest is None or signed32(sequence - self.newest) > 0:
            self.newest = sequence
