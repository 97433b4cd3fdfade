"""
A second decoder of face-1, written from docs/motion-codec.md alone, slow and plain: it shows that the page is complete.

python3 reference_decoder.py VECTORS      reads codec/vectors/motion.json, prints one line for each case that differs
"""

import base64
import json
import re
import struct
import sys
from pathlib import Path

FACE = Path(__file__).parent / "../face"
LAYOUT = json.loads((FACE / "layout.json").read_text())
ORDER = """
eyeBlinkLeft eyeLookDownLeft eyeLookInLeft eyeLookOutLeft eyeLookUpLeft eyeSquintLeft eyeWideLeft
eyeBlinkRight eyeLookDownRight eyeLookInRight eyeLookOutRight eyeLookUpRight eyeSquintRight eyeWideRight
jawForward jawRight jawLeft jawOpen mouthClose mouthFunnel mouthPucker mouthRight mouthLeft
mouthSmileLeft mouthSmileRight mouthFrownLeft mouthFrownRight mouthDimpleLeft mouthDimpleRight
mouthStretchLeft mouthStretchRight mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper
mouthPressLeft mouthPressRight mouthLowerDownLeft mouthLowerDownRight mouthUpperUpLeft mouthUpperUpRight
browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight
cheekPuff cheekSquintLeft cheekSquintRight noseSneerLeft noseSneerRight tongueOut
headYaw headPitch headRoll leftEyeYaw leftEyePitch leftEyeRoll rightEyeYaw rightEyePitch rightEyeRoll
""".split()
PLUS = [ORDER.index(c["plus"]) for c in LAYOUT["channels"]]
MINUS = [ORDER.index(c["minus"]) if "minus" in c else None for c in LAYOUT["channels"]]
MERGED = [c for c in range(55) if MINUS[c] is not None]
STAGE = [(k + 1) * 55 // 49 for k in range(48)]
COMMON = {
    name: [int(n) for n in numbers.replace(",", " ").split()]
    for name, numbers in re.findall(r"const (\w+)[^=]*= \[([^\]]*)\]", (FACE / "tables/common.ts").read_text())
}
LOG, ACTIVITY, INVERSE, SAME = (COMMON[name] for name in ("LOG", "ACTIVITY", "INVERSE", "SAME"))
END = [-(-(2**25) // inverse) for inverse in INVERSE]


def float32(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def clamp(x, low, high):
    return min(max(x, low), high)


def sign(x, like):
    return -x if like < 0 else x


class Tables:
    def __init__(self, profile):
        text = (FACE / f"tables/{profile}.ts").read_text()
        self.bytes, self.at = base64.b64decode(re.search(r"'([A-Za-z0-9+/=]+)'", text)[1]), 0
        self.key, self.chain = self.common(), None
        self.key["causalBias"] = self.list(48)
        self.key["input"] = [[[self.weight() if j < STAGE[k] else 0 for k in range(48)] for _ in range(2)] for j in range(55)]
        self.key["output"] = [[[self.weight() if c >= STAGE[k] else 0 for c in range(55)] for _ in range(3)] for k in range(48)]
        self.chain = self.common()
        heads = lambda count: [[[self.weight() for _ in range(55)] for _ in range(3)] for _ in range(count)]
        self.chain |= {"local": heads(10), "global": heads(4)}
        self.chain["input"] = [[self.weight() for _ in range(32)] for _ in range(224)]
        self.chain["inputBias"] = self.list(32)
        self.chain["output"] = heads(32)
        if self.at != len(self.bytes):
            raise ValueError("bytes left over")

    def number(self):
        n, shift = 0, 0
        while True:
            byte = self.bytes[self.at]
            self.at += 1
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return n // 2 if n % 2 == 0 else -(n + 1) // 2

    def weight(self):
        return self.number() * 8

    def list(self, count):
        return [self.number() for _ in range(count)]

    def common(self):
        mix = [16384]
        for _ in range(512):
            mix.append(mix[-1] + self.number())
        bias = [self.list(55) for _ in range(3)]
        cross = [[[self.weight() if c > j else 0 for c in range(55)] for _ in range(3)] for j in range(55)]
        return {"mix": mix, "bias": bias, "cross": cross}


class Malformed(Exception):
    pass


class Range:
    """Decoder, and the encoder beside it."""

    def __init__(self, data):
        self.data, self.at = data, 4
        self.code = int.from_bytes((data + bytes(4))[:4], "big")
        self.range, self.low, self.out = 2**32 - 1, 0, bytearray()

    def symbol(self, find):
        """`find` gives symbol, below, frequency for a target."""
        unit = self.range >> 16
        symbol, below, frequency = find(min(self.code // unit, 65535))
        offset = unit * below
        self.code -= offset
        self.low += offset
        if self.low >= 2**32:
            self.low -= 2**32
            self.carry()
        self.range = self.range - offset if below + frequency == 65536 else unit * frequency
        while self.range < 2**24:
            byte = self.data[self.at] if self.at < len(self.data) else 0
            self.at += 1
            self.code = (self.code << 8 | byte) % 2**32
            self.out.append(self.low >> 24)
            self.low = (self.low << 8) % 2**32
            self.range <<= 8
        return symbol

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
        self.out += value.to_bytes(4, "big")[:k]
        return bytes(self.out).rstrip(b"\0")


def residual(coder, mix, mean, scale, same, lo, hi):
    def below(k):
        if k <= lo:
            return 0
        if k > hi:
            return 65536
        d = 64 * k - 32 - mean
        part = 32768
        if abs(d) < END[scale]:
            u = abs(d) * INVERSE[scale]
            i = u >> 16
            part = mix[i] + ((mix[i + 1] - mix[i]) * (u & 65535) >> 16)
        if d < 0:
            part = 32768 - part
        p = (32768 - SAME[same]) * part >> 15
        if k > 0:
            p += SAME[same]
        return (p * (65536 - (hi - lo + 1)) >> 15) + k - lo

    def find(target):
        first, last = lo, hi
        while first < last:
            middle = (first + last + 1) // 2
            first, last = (middle, last) if target >= below(middle) else (first, middle - 1)
        return first, below(first), below(first + 1) - below(first)

    return coder.symbol(find)


class Track:
    def __init__(self, count):
        self.value, self.velocity = [0] * count, [0] * count


class Decoder:
    def __init__(self, fps, config, extras=0):
        profile = ("hi", "std", "lo")[config[0]]
        self.unmerged, self.extras_count, self.fps = config[1] & 1, extras, fps
        steps, kinds = LAYOUT["steps"][profile], [c["kind"] for c in LAYOUT["channels"]]
        self.step = [steps[kind] for kind in kinds]
        self.high = [int(LAYOUT["maximum"][kind] / steps[kind]) for kind in kinds]
        self.low = [-h if MINUS[c] is not None or PLUS[c] >= 52 else 0 for c, h in enumerate(self.high)]
        self.place = [int(step * 32768 + 0.5) for step in self.step]
        self.extra_step, self.extra_high = steps["fine"], int(1 / steps["fine"])
        self.tables = Tables(profile)
        self.main, self.before, self.activity, self.length = Track(55), [0] * 55, [0] * 55, 0
        self.overlaps, self.extras, self.face = Track(6), Track(extras), False
        self.last = self.newest = None
        self.pose, self.pose_before, self.moving, self.waiting = [0.0] * (61 + extras), None, False, {}

    # One unit

    def read(self, key, data):
        """Face, values, overlaps, extras; None for each that stays."""
        coder = Range(data)
        yes = 65024 if key else 65472 if self.face else 8192
        face = coder.symbol(lambda t: (True, 0, yes) if t < yes else (False, yes, 65536 - yes))
        frame = (face, None, None, None)
        if face:
            values = self.read_key(coder) if key else self.read_chain(coder)
            bounds = [(0, self.high[c] - abs(values[c])) for c in MERGED]
            overlaps = self.side(coder, key, self.overlaps, bounds) if self.unmerged else [0] * 6
            bounds = [(-self.extra_high, self.extra_high)] * self.extras_count
            frame = (face, values, overlaps, self.side(coder, key, self.extras, bounds))
        if coder.finish() != data:
            raise Malformed
        return frame

    def select(self, coder, tables, out, c, reference):
        mean = (out[0][c] + 128) >> 8
        scale = clamp((out[1][c] + 3 * 16384 + 1024) >> 11, 0, 64)
        same = clamp((out[2][c] + 8 * 16384 + 1024) >> 11, 0, 128)
        return residual(coder, tables["mix"], mean, scale, same, self.low[c] - reference, self.high[c] - reference)

    def cross(self, tables, out, c, q):
        weights, g = tables["cross"][c], LOG[abs(q)]
        for i in range(c + 1, 55):
            out[0][i] += 16 * q * weights[0][i]
            out[1][i] += g * weights[1][i]
            out[2][i] += g * weights[2][i]

    def read_key(self, coder):
        tables = self.tables.key
        out, hidden, values = [list(row) for row in tables["bias"]], list(tables["causalBias"]), []
        for c in range(55):
            values.append(self.select(coder, tables, out, c, 0))
            q = clamp(values[c], -255, 255)
            self.cross(tables, out, c, q)
            g = LOG[abs(q)]
            for k in range(48):
                if STAGE[k] > c:
                    hidden[k] += sign(g, q) * tables["input"][c][0][k] + g * tables["input"][c][1][k]
            for k in range(48):
                if STAGE[k] == c + 1:
                    self.speak(out, hidden[k], tables["output"][k], STAGE[k])
        return values

    def speak(self, out, total, weights, first=0):
        a = 0 if total <= 0 else min(total >> 10, 960)
        for h in range(3):
            for i in range(first, 55):
                out[h][i] += a * weights[h][i]

    def read_chain(self, coder):
        tables = self.tables.chain
        out, hidden = [list(row) for row in tables["bias"]], list(tables["inputBias"])

        def dense(index, x):
            for k in range(32):
                hidden[k] += x * tables["input"][index][k]

        for c in range(55):
            v1, v2 = clamp(self.main.velocity[c], -31, 31), clamp(self.before[c], -31, 31)
            act, ref = ACTIVITY[self.activity[c] >> 3], self.main.value[c]
            at, size = ref * self.place[c] >> 10, LOG[abs(v1)]
            local = [16 * v1, 16 * v2, sign(size, v1), size, LOG[abs(v2)], act, at, 16 * (ref == 0), LOG[min(abs(ref), 255)], 16 * (v1 == 0)]
            for f, x in enumerate(local):
                for h in range(3):
                    out[h][c] += x * tables["local"][f][h][c]
            for index, x in enumerate((4 * v1, size, act, at)):
                dense(55 * index + c, x)
        rate = -5 if self.fps < 26.8 else 0 if self.fps < 37.9 else 11 if self.fps < 53.7 else 16
        for g, x in enumerate((rate, 16 * (self.length == 0), 16 * (self.length == 1), 16 * (self.length >= 4))):
            for h in range(3):
                for i in range(55):
                    out[h][i] += x * tables["global"][g][h][i]
            dense(220 + g, x)
        for k in range(32):
            self.speak(out, hidden[k], tables["output"][k])
        values = []
        for c in range(55):
            r = self.select(coder, tables, out, c, self.main.value[c])
            values.append(self.main.value[c] + r)
            self.cross(tables, out, c, clamp(r, -63, 63))
        return values

    def side(self, coder, key, track, bounds):
        values = []
        for (low, high), value, velocity in zip(bounds, track.value, track.velocity):
            reference = 0 if key else min(value, high)
            mix = (self.tables.key if key else self.tables.chain)["mix"]
            size = abs(velocity)
            scale, same = ((16, 104), (24, 64), (30, 52), (40, 40))[0 if size == 0 else 1 if size == 1 else 2 if size < 4 else 3]
            mean, scale, same = (0, 48, 68) if key else (48 * velocity, scale, same)
            values.append(reference + residual(coder, mix, mean, scale, same, low - reference, high - reference))
        return values

    def keep(self, key, face, values, overlaps, extras):
        self.face = face
        pairs = ((self.main, values), (self.overlaps, overlaps), (self.extras, extras))
        if key:
            for track, new in pairs:
                track.value, track.velocity = new or [0] * len(track.value), [0] * len(track.value)
            self.before, self.activity, self.length = [0] * 55, [0] * 55, 0
            return
        self.length += 1
        self.before = self.main.velocity if face else [0] * 55
        for track, new in pairs:
            track.velocity = [a - b for a, b in zip(new, track.value)] if face else [0] * len(track.value)
            track.value = new if face else track.value
        if face:
            self.activity = [(205 * a + 13056 * min(abs(v), 8)) >> 8 for a, v in zip(self.activity, self.main.velocity)]

    def write_pose(self):
        pose = [0.0] * len(self.pose)
        overlaps = dict(zip(MERGED, self.overlaps.value))
        for c in range(55):
            value, step, overlap = self.main.value[c], self.step[c], overlaps.get(c, 0)
            if MINUS[c] is None:
                pose[PLUS[c]] = float32(value * step)
            else:
                pose[PLUS[c]] = float32((overlap + max(value, 0)) * step)
                pose[MINUS[c]] = float32((overlap + max(-value, 0)) * step)
        for i, value in enumerate(self.extras.value):
            pose[61 + i] = float32(value * self.extra_step)
        return pose

    # Units in any order

    def decode(self, sequence, key, data):
        if len(data) > 192:
            return "malformed"
        if self.last is not None and after(sequence, self.last) <= 0:
            return "stale"
        if key or (self.last is not None and after(sequence, self.last) == 1):
            try:
                frame = self.read(key, data)
            except Malformed:
                return "malformed"
            had_face = self.face
            self.keep(key, *frame)
            self.moving = self.last is not None and after(sequence, self.last) == 1 and had_face and self.face
            self.pose_before, self.pose = self.pose, self.write_pose()
            self.last = sequence
            self.see(sequence)
            self.waiting = {s: unit for s, unit in self.waiting.items() if after(s, sequence) > 0}
            return "exact" if sequence == self.newest else "late_used"
        if self.last is not None and after(sequence, self.last) > 64:
            return "waiting_for_key"
        self.see(sequence)
        self.waiting.setdefault(sequence, data)
        if len(self.waiting) > 32:
            del self.waiting[min(self.waiting, key=lambda s: after(s, sequence))]
        return "waiting_for_key"

    def next(self):
        sequence = None if self.last is None else (self.last + 1) % 2**32
        return self.decode(sequence, False, self.waiting.pop(sequence)) if sequence in self.waiting else None

    def see(self, sequence):
        if self.newest is None or after(sequence, self.newest) > 0:
            self.newest = sequence

    def conceal(self, sequence):
        if self.last is None:
            return "waiting_for_key", None
        ahead = after(sequence, self.last)
        if ahead <= 0:
            return "stale", None
        reach = 1 - 0.5**ahead if self.moving else 0
        low, high = [-float32(1)] * len(self.pose), [float32(1)] * len(self.pose)
        for c in range(55):
            for channel in (PLUS[c], MINUS[c]):
                if channel is not None:
                    low[channel] = float32(self.low[c] * self.step[c]) if MINUS[c] is None else 0.0
                    high[channel] = float32(self.high[c] * self.step[c])
        guess = [p + (p - q) * reach for p, q in zip(self.pose, self.pose_before)]
        return "concealed", [float32(clamp(x, a, b)) for x, a, b in zip(guess, low, high)]


def after(a, b):
    return (a - b + 2**31) % 2**32 - 2**31


def steps_of(decoder):
    """As in the vectors: what is 0 is left out, and what has nothing else is too."""
    parts = {"steps": decoder.main.value, "overlaps": decoder.overlaps.value, "extras": decoder.extras.value}
    some = {name: {str(i): v for i, v in enumerate(values) if v != 0} for name, values in parts.items()}
    return {"face": decoder.face} | {name: values for name, values in some.items() if values or name == "steps"}


def call(decoder, each):
    """Result of a call of the vectors, without the reason of `malformed`."""
    sequence = each.get("sequence")
    if each["call"] == "next":
        kind = decoder.next()
        if kind is None:
            return None
        # What waits may be malformed: then `last` stands still.
        sequence = (decoder.last + 1) % 2**32 if kind == "malformed" else decoder.last
    elif each["call"] == "conceal":
        kind, pose = decoder.conceal(sequence)
        if pose is not None:
            return {"kind": kind, "sequence": sequence, "face": decoder.face, "values": pose}
    else:
        kind = decoder.decode(sequence, each["key"], bytes.fromhex(each["hex"]))
    more = steps_of(decoder) if kind in ("exact", "late_used") else {}
    return {"kind": kind, "sequence": sequence} | more


def same(got, wanted):
    if wanted is not None and wanted["kind"] == "concealed" and got is not None and got["kind"] == "concealed":
        near = all(abs(x - wanted["values"].get(str(i), 0)) <= 2e-6 for i, x in enumerate(got["values"]))
        return near and all(got[name] == wanted[name] for name in ("sequence", "face"))
    return got == (wanted and {name: value for name, value in wanted.items() if name != "reason"})


def differences(case, count):
    """Where a case of the vectors and this decoder differ; adds what it did to `count`."""
    stream = case["stream"]
    make = lambda: Decoder(stream["fps"], bytes.fromhex(stream["config"]), len(stream["extras"]))
    decoder = make()
    exact = lambda n, unit: {"call": "decode", "sequence": n, "key": unit["key"], "hex": unit["hex"]}
    if "calls" in case:
        calls = [(each, each["result"]) for each in case["calls"]]
    elif "units" in case:
        frame = lambda unit: {name: value for name, value in unit.items() if name not in ("key", "hex")}
        calls = [(exact(n, unit), {"kind": "exact", "sequence": n} | frame(unit)) for n, unit in enumerate(case["units"])]
    else:
        for n, unit in enumerate(case["before"]):
            if decoder.decode(n, unit["key"], bytes.fromhex(unit["hex"])) != "exact":
                yield f"unit {n} before is not exact"
        n = len(case["before"])
        calls = [(exact(n, case), {"kind": "malformed", "sequence": n})]
    for n, (each, wanted) in enumerate(calls):
        count[each["call"]] = count.get(each["call"], 0) + 1
        if each["call"] == "reset":
            decoder = make()
            continue
        got = call(decoder, each)
        if not same(got, wanted):
            yield f"{n}, {each['call']}: {got}, not {wanted}"


def main():
    cases, failed, count = json.loads(Path(sys.argv[1]).read_text())["cases"], 0, {}
    for case in cases:
        found = list(differences(case, count))
        failed += bool(found)
        if found:
            print(f"{case['name']}: {found[0]}")
    print(f"{len(cases)} cases, {failed} differ; calls: {', '.join(f'{n} {name}' for name, n in count.items())}")
    sys.exit(1 if failed or not cases else 0)


if __name__ == "__main__":
    main()
