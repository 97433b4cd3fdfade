"""Recordings to training sequences: Live Link Face CSV, canonical channels, augmentation."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

LAYOUT = json.loads((Path(__file__).parent / "../face/layout.json").read_text())
CHANNELS = LAYOUT["channels"]
M = len(CHANNELS)
NAMES = [c["name"] for c in CHANNELS]
KINDS = [c["kind"] for c in CHANNELS]
HEAD = np.array([k == "head" for k in KINDS])
# Channels that are never negative: a blendshape alone.
SIGNED = np.array(["minus" in c or c["kind"] in ("eye", "eyeRoll", "head") for c in CHANNELS])
ANGLE = np.array([k in ("eye", "eyeRoll", "head") for k in KINDS])
GAP_S = 0.15
RATES = (24, 30, 48, 60)


def steps(profile: str) -> np.ndarray:
    return np.array([LAYOUT["steps"][profile][k] for k in KINDS])


def maximum(profile: str) -> np.ndarray:
    """Greatest quantised value of each channel; the least is its negative, or 0."""
    return np.array([LAYOUT["maximum"][k] / LAYOUT["steps"][profile][k] for k in KINDS]).astype(int)


def mirror_map() -> tuple[np.ndarray, np.ndarray]:
    """Permutation and sign that show a face in a mirror."""
    order, sign = np.arange(M), np.ones(M)
    for i, name in enumerate(NAMES):
        if name.endswith("Left"):
            other = NAMES.index(name[:-4] + "Right")
        elif name.startswith("leftEye"):
            other = NAMES.index(name.replace("left", "right"))
        else:
            continue
        order[i], order[other] = other, i
    for i, name in enumerate(NAMES):
        if name.startswith("lookX") or name in ("jawX", "mouthX") or name.endswith(("Yaw", "Roll")):
            sign[i] = -1
    return order, sign


@dataclass
class Sequence:
    """Frames in a row with a face, canonical channels in natural units."""

    values: np.ndarray  # [frames, M]
    fps: float


@dataclass
class Recording:
    name: str
    sequences: list[Sequence]

    @property
    def frames(self) -> int:
        return sum(len(s.values) for s in self.sequences)


def load(path: Path) -> Recording:
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))
    names = [n.strip()[0].lower() + n.strip()[1:] for n in rows[0][2:63]]
    column = {n: i for i, n in enumerate(names)}
    time, values, face = [], [], []
    sixty = any(float(r[0].split(":")[3]) >= 30 for r in rows[1:])
    rate = 60 if sixty else 30
    for row in rows[1:]:
        hours, minutes, seconds, frames = row[0].split(":")
        time.append(int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(frames) / rate)
        face.append(row[1].strip() != "0")
        values.append([float(v) for v in row[2:63]] if face[-1] else [0.0] * 61)
    raw, time, face = np.array(values), np.array(time), np.array(face)
    canonical = np.stack(
        [raw[:, column[c["plus"]]] - (raw[:, column[c["minus"]]] if "minus" in c else 0) for c in CHANNELS], 1
    )
    sequences, start = [], 0
    for i in range(1, len(raw) + 1):
        cut = i == len(raw) or not face[i] or not face[i - 1] or time[i] - time[i - 1] > GAP_S
        if not cut:
            continue
        if face[start] and i - start >= 16:
            dt = np.median(np.diff(time[start:i]))
            sequences.append(Sequence(canonical[start:i], 60.0 if dt < 0.024 else 30.0))
        start = i
    return Recording(path.stem, sequences)


def resample(values: np.ndarray, stride: float) -> np.ndarray:
    if stride == 1:
        return values
    at = np.arange(0, len(values) - 1, stride)
    low = at.astype(int)
    part = (at - low)[:, None]
    return values[low] * (1 - part) + values[np.minimum(low + 1, len(values) - 1)] * part


def synthetic_head(frames: int, fps: float, rng: np.random.Generator) -> np.ndarray:
    """Yaw, pitch, roll, rad: smooth turns between held poses, sway, tracker noise. No recording stands behind it."""
    out = np.zeros((frames, 3))
    t = 0
    pose = rng.normal(0, 0.12, 3)
    while t < frames:
        hold = int(rng.exponential(0.7) * fps)
        turn = max(3, int(rng.uniform(0.2, 1.0) * fps))
        target = rng.normal(0, 1, 3) * np.array([0.22, 0.14, 0.1]) * rng.choice([0.15, 0.5, 1.0])
        out[t : t + hold] = pose
        s = np.linspace(0, 1, turn)
        ease = (s**3 * (10 - 15 * s + 6 * s * s))[:, None]
        part = pose + (target - pose) * ease
        out[t + hold : t + hold + turn] = part[: max(0, min(turn, frames - t - hold))]
        t += hold + turn
        pose = target
    time = np.arange(frames) / fps
    for axis in range(3):
        for _ in range(3):
            f = rng.uniform(0.2, 2.5)
            out[:, axis] += rng.exponential(0.012) / f**0.7 * np.sin(2 * np.pi * (f * time + rng.uniform()))
    noise = rng.normal(0, 1, (frames, 3)) * rng.choice([0.0005, 0.0012, 0.0025])
    return out + noise


def augmented(recordings: list[Recording], rng: np.random.Generator, copies: int) -> list[Sequence]:
    """Each sequence as it is and mirrored, then `copies` times with other gain, offset, speed, frame rate and head."""
    order, sign = mirror_map()
    out = []
    tracks = [s.values[:, HEAD] for r in recordings for s in r.sequences if np.abs(s.values[:, HEAD]).max() > 0.01]
    for recording in recordings:
        for sequence in recording.sequences:
            plain = [sequence]
            if sequence.fps == 60:
                plain += [Sequence(sequence.values[o::2], 30.0) for o in (0, 1)]
            for s in plain:
                out += [s, Sequence(s.values[:, order] * sign, s.fps)]
            for _ in range(copies):
                out.append(disturbed(sequence, rng, order, sign, tracks))
    return [s for s in out if len(s.values) >= 16]


def disturbed(sequence: Sequence, rng, order, sign, tracks) -> Sequence:
    values = sequence.values
    if rng.uniform() < 0.5:
        values = values[:, order] * sign
    # Another speed is another person; another stride under another frame rate is the same person.
    stride = rng.choice([0.5, 0.625, 1, 1, 1, 1, 1.25, 1.5, 2]) * (sequence.fps / 30)
    values = resample(values, stride)
    fps = 30.0
    if rng.uniform() < 0.7:
        fps = float(RATES[np.argmin(np.abs(np.log(np.array(RATES) * stride / sequence.fps)))])
    gain = np.exp(rng.normal(0, 0.2) + rng.normal(0, 0.2, M))
    offset = np.abs(rng.normal(0, 0.03, M)) * (rng.uniform(size=M) < 0.3) * np.where(SIGNED, rng.choice([-1, 1], M), 1)
    values = values * np.where(HEAD, 1, gain) + np.where(HEAD, 0, offset)
    if rng.uniform() < 0.6:
        if tracks and rng.uniform() < 0.4:
            track = resample(tracks[rng.integers(len(tracks))], rng.choice([0.5, 0.75, 1, 1.5, 2]))
            track = np.concatenate([track, track[::-1]])
            track = np.tile(track, (len(values) // len(track) + 1, 1))[: len(values)] * np.exp(rng.normal(0, 0.3))
        else:
            track = synthetic_head(len(values), fps, rng)
        values = values.copy()
        values[:, HEAD] = track
    return Sequence(values, fps)


def chunks(sequences: list[Sequence], profile: str, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets in steps [n, length, M], whether a frame is real [n, length], frame rates [n]."""
    size, bound = steps(profile), maximum(profile)
    low = np.where(SIGNED, -bound, 0)
    targets, real, fps = [], [], []
    for sequence in sequences:
        x = np.clip(sequence.values / size, low, bound)
        for start in range(0, len(x), length):
            part = x[start : start + length]
            missing = length - len(part)
            targets.append(np.concatenate([part, np.repeat(part[-1:], missing, 0)]))
            real.append(np.arange(length) < len(part))
            fps.append(sequence.fps)
    return np.array(targets, np.float32), np.array(real), np.array(fps, np.float32)
