"""
A client written from docs/native-clients.md and what it links: publishes motion and voice, or watches.

python3 client.py publish|watch --port PORT --hash HEX --token JWT --tables FACE1 [--frames N] [--voice-packets N]

Prints a line `{"event": "ready"}` once media may flow, and one JSON object with all that was sent or came at the end.
Poses are Float32 in hex, little-endian, so that equal means equal. Times are us of CLOCK_MONOTONIC.
"""

import argparse
import asyncio
import json
import math
import struct
import sys

import wire
from face1 import Decoder, Encoder
from session import Refused, now_us, opened

DEADLINE_S = 60
FPS, VOICE_MS = 30, 20
REPORT_S = 1
FULL_VOICE_S = 1
FULL_VOICE_AT_FIRST_S = 0.5
AFTER_LEFT_S = 0.3


def say(value):
    print(json.dumps(value), flush=True)


def packed(pose):
    return struct.pack(f"<{len(pose)}f", *pose).hex()


def pose_at(n):
    """A face that moves: blinks, a jaw, a head that turns."""
    wave = lambda hertz, phase=0.0: 0.5 + 0.5 * math.sin(2 * math.pi * hertz * n / FPS + phase)
    pose = [0.0] * 61
    pose[0] = pose[7] = max(0.0, wave(0.4) * 4 - 3)
    pose[17], pose[18], pose[23], pose[24] = wave(2.1), wave(2.1, 1) * 0.3, wave(0.3), wave(0.3, 0.2)
    pose[52], pose[53], pose[54] = (0.4 * wave(f) - 0.2 for f in (0.5, 0.7, 0.2))
    return pose


def packet_at(n):
    """What stands for an Opus packet: nobody between the two ends reads it."""
    return bytes((n * 7 + i * 13) % 256 for i in range(20 + n % 40))


# Publishing


class Sender:
    """Counts units of each kind and says which need their whole sequence."""

    def __init__(self, session):
        self.session, self.next = session, {wire.MOTION: 0, wire.VOICE: 0}
        self.voice_first = self.voice_full = None

    def unit(self, kind, payload, captured, key):
        seq = self.next[kind]
        self.next[kind] = (seq + 1) % 2**32
        full = key
        if kind == wire.VOICE:
            self.voice_first = captured if self.voice_first is None else self.voice_first
            at_first = captured - self.voice_first < FULL_VOICE_AT_FIRST_S * 1_000_000
            full = at_first or captured - self.voice_full >= FULL_VOICE_S * 1_000_000
            self.voice_full = captured if full else self.voice_full
        return {"slot": 0, "kind": kind, "key": key, "full": full, "seq": seq, "payload": payload, "at": captured}

    def send(self, units):
        units = sorted(units, key=lambda unit: unit["at"])
        base = units[-1]["at"]
        for unit in units:
            unit["age"] = (base - unit["at"]) * 2 // 125
        bundle = {"alias": 0, "slots": {0: 0}, "base": base, "uncertainty": 0, "units": units}
        self.session.protocol.send_datagram(wire.encode_bundle(bundle))


async def publish(session, args, tables):
    config = bytes([1, 0])
    encoder, sender = Encoder(tables, FPS, config), Sender(session)
    uplinks = []
    session.heard = lambda fields: uplinks.append(fields) if fields["t"] == "uplink" else None
    motion = {"codec": "face-1", "fps": FPS, "channels": 61, "config": config}
    voice = {"codec": "opus", "sampleRate": 48000, "channels": 1, "frameMs": VOICE_MS}
    answer = await session.ask("publish", motion=motion, voice=voice)
    say({"event": "ready", "slot": answer["slot"]})
    frames, packets, start = [], [], now_us()
    due_motion = lambda: start + len(frames) * 1_000_000 // FPS
    due_voice = lambda: start + len(packets) * VOICE_MS * 1000
    while len(frames) < args.frames or len(packets) < args.voice_packets:
        due = [at() for at, made, most in ((due_motion, frames, args.frames), (due_voice, packets, args.voice_packets)) if len(made) < most]
        await asyncio.sleep(max(0, min(due) - now_us()) / 1_000_000)
        now, units = now_us(), []
        if len(frames) < args.frames and due_motion() <= now:
            source = pose_at(len(frames))
            key, data = encoder.encode(source)
            units.append(sender.unit(wire.MOTION, data, now, key))
            frames.append({"seq": units[-1]["seq"], "at": now, "key": key, "source": packed(source), "pose": packed(encoder.pose())})
        if len(packets) < args.voice_packets and due_voice() <= now:
            packets.append(packet_at(len(packets)).hex())
            units.append(sender.unit(wire.VOICE, bytes.fromhex(packets[-1]), now, True))
        if units:
            sender.send(units)
    # Until the relay has told what it made of them.
    heard = len(uplinks)
    for _ in range(30):
        if len(uplinks) > heard:
            break
        await asyncio.sleep(0.1)
    await session.ask("unpublish")
    return {"slot": answer["slot"], "frames": frames, "voice": packets, "uplink": uplinks[-1] if uplinks else None}


# Watching


class Slot:
    """What is kept of one generation of a slot."""

    def __init__(self, tables, liver, generation):
        motion = liver.get("motion")
        self.generation, self.sequences = generation, {}
        self.decoder = None
        if motion is not None and motion["codec"] == "face-1":
            self.decoder = Decoder(tables, motion["fps"], motion["config"], len(motion.get("extras", [])))


class Viewer:
    def __init__(self, session, tables):
        self.session, self.tables, self.slots, self.livers = session, tables, {}, {}
        self.frames, self.voice, self.lags, self.counts, self.left = [], [], [], {}, asyncio.Event()
        for liver in session.welcome["livers"]:
            self.livers[liver["slot"]] = liver
        session.heard, session.on_bundle = self.heard, self.bundle
        # Decoding in plain Python is slow, and an arrival that waits for it would be stamped late.
        self.undecoded = asyncio.Queue()

    def heard(self, fields):
        if fields["t"] == "liver":
            self.livers[fields["slot"]] = fields
        elif fields["t"] == "left":
            self.livers.pop(fields["slot"], None)
            self.left.set()

    def count(self, name):
        self.counts[name] = self.counts.get(name, 0) + 1

    def bundle(self, bundle, at):
        best = self.session.clock.best(at)
        if best is None or bundle["alias"] != self.session.welcome["alias"]:
            self.count("clock_unsynced" if best is None else "other_room")
            return
        uncertainty_ms = best[1] / 1000 + bundle["uncertainty"] / 16
        for unit in bundle["units"]:
            slot = self.slot(unit["slot"], bundle["slots"][unit["slot"]])
            if slot is None:
                continue
            captured = wire.captured(bundle["base"], unit["age"])
            sequence = slot.sequences.setdefault(unit["kind"], wire.Sequence())
            verdict, seq = sequence.take(unit["seq"], unit["full"], captured)
            if verdict != "new":
                self.count(verdict)
                continue
            lag_ms = (at - self.session.clock.own(captured, at)) / 1000
            row = {"seq": seq, "captured": at - round(lag_ms * 1000), "at": at, "lagMs": lag_ms, "uncertaintyMs": uncertainty_ms}
            if unit["kind"] == wire.VOICE:
                self.voice.append(row | {"packet": unit["payload"].hex()})
            elif unit["kind"] == wire.MOTION and slot.decoder is not None:
                self.undecoded.put_nowait((slot.decoder, row, unit["key"], unit["payload"]))

    def slot(self, number, generation):
        slot = self.slots.get(number)
        if slot is not None and slot.generation == generation:
            return slot
        if slot is not None and wire.signed(generation - slot.generation, 8) <= 0:
            self.count("old_generation")
            return None
        liver = self.livers.get(number)
        if liver is None or liver["gen"] != generation:
            self.count("unannounced")
            return None
        self.slots[number] = Slot(self.tables, liver, generation)
        return self.slots[number]

    async def decode(self):
        while True:
            decoder, row, key, data = await self.undecoded.get()
            result = decoder.decode(row["seq"], key, data)
            while result is not None:
                self.count(result)
                if result in ("exact", "late_used"):
                    shown = row if decoder.last == row["seq"] else {"seq": decoder.last}
                    self.frames.append(shown | {"pose": packed(decoder.pose())})
                result = decoder.next()
            self.undecoded.task_done()


async def watch(session, args, tables):
    viewer = Viewer(session, tables)
    decoding = asyncio.create_task(viewer.decode())
    reporting = asyncio.create_task(report(session))
    comments = session.protocol.open_stream()
    comments.send({"t": "comments"})
    await comments.messages.get()
    await session.ask("watch")
    say({"event": "ready"})
    comments.send({"t": "comment", "id": 1, "text": "こんにちは from Python"})
    await viewer.left.wait()
    await asyncio.sleep(AFTER_LEFT_S)
    await viewer.undecoded.join()
    decoding.cancel()
    reporting.cancel()
    said = [comments.messages.get_nowait() for _ in range(comments.messages.qsize())]
    return {"frames": viewer.frames, "voice": viewer.voice, "counts": viewer.counts, "comments": said}


async def report(session):
    while True:
        session.control.send({"t": "report", "marginMs": 20})
        await asyncio.sleep(REPORT_S)


async def main(args):
    with open(args.tables) as file:
        tables = json.load(file)
    try:
        async with opened("127.0.0.1", args.port, args.path, args.hash, args.token) as session:
            result = await (publish if args.role == "publish" else watch)(session, args, tables)
            result |= {"welcome": {k: session.welcome.get(k) for k in ("room", "sub", "permissions", "budgetMs")}}
            say(result | {"event": "end", "malformed": session.malformed})
    except Refused as error:
        say({"event": "refused", "why": str(error)})


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=("publish", "watch"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/v1")
    parser.add_argument("--hash", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--tables", required=True)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--voice-packets", type=int, default=100)
    try:
        asyncio.run(asyncio.wait_for(main(parser.parse_args()), DEADLINE_S))
    except TimeoutError:
        sys.exit("not done in time")
