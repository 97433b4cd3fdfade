"""Integer tables of a trained model, as the TypeScript files that the codec reads. docs/motion-codec.md has the format."""

import base64
import math
from pathlib import Path

import numpy as np

import model
from data import M

# Weights are whole multiples of 1 / GRID; the codec works with 1 / 1024.
WEIGHT_ONE, GRID = 1024, 128
OUT_ONE = 1 << 14  # of accumulators: weights of 1 / 1024 by inputs of 1 / 16
INPUT_ONE = 16
MIX_POINTS, MIX_PER_UNIT, MIX_ONE = 512, 16, 1 << 15


def common() -> dict[str, list[int]]:
    """Tables that no training changes."""
    return {
        # 16 ln(1 + x)
        "LOG": [round(INPUT_ONE * math.log1p(x)) for x in range(256)],
        # 16 ln(1 + x / 8)
        "ACTIVITY": [round(INPUT_ONE * math.log1p(x / 8)) for x in range(257)],
        # 2^14 / scale, for log-scales from -3 by 1/8
        "INVERSE": [round((1 << 14) * math.exp(-(model.SCALE_LOW + i / 8))) for i in range(65)],
        # 2^15 sigmoid(x), for x from -8 by 1/8
        "SAME": [round((1 << 15) / (1 + math.exp(-(-model.SAME_LIMIT + i / 8)))) for i in range(129)],
        # 256 log2(1 + x / 256)
        "LOG2": [round(256 * math.log2(1 + x / 256)) for x in range(257)],
    }


def whole(values) -> np.ndarray:
    return np.round(np.asarray(values, np.float64) * GRID).astype(int)


def mixture(params) -> list[int]:
    """Half of the distribution, at u = 0 and on, in 1 / 2^15."""
    u = np.arange(MIX_POINTS + 1) / MIX_PER_UNIT
    table = np.round(np.asarray(model.cdf(params, u)) * MIX_ONE).astype(int)
    table[0] = MIX_ONE // 2
    return np.maximum.accumulate(np.minimum(table, MIX_ONE)).tolist()


def zigzag(n: int) -> int:
    return 2 * n if n >= 0 else -2 * n - 1


def varint(n: int) -> bytes:
    out = bytearray()
    while n >= 128:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def serialise(params) -> bytes:
    numbers: list[int] = []
    for mode in ("key", "chain"):
        p = params[mode]
        table = mixture(p)
        numbers += [b - a for a, b in zip(table, table[1:])]
        # Biases are in accumulator units already.
        numbers += np.round(np.asarray(p["bias"], np.float64) * OUT_ONE).astype(int).ravel().tolist()
        cross = whole(p["cross"])
        for j in range(M):
            for head in range(3):
                numbers += cross[head, j + 1 :, j].tolist()
        if mode == "chain":
            for name in ("local", "global"):
                numbers += np.moveaxis(whole(p[name]), 0, 1).ravel().tolist()  # [feature, head, channel]
            numbers += whole(p["in"]).ravel().tolist()
            numbers += np.round(np.asarray(p["inBias"], np.float64) * OUT_ONE).astype(int).tolist()
            numbers += np.moveaxis(whole(p["out"]), 0, 1).ravel().tolist()  # [unit, head, channel]
        else:
            units = p["causalBias"].shape[0]
            sees, speaks = (np.asarray(m, bool) for m in model.causal_masks(units))
            first, out = whole(p["causalIn"]), whole(p["causalOut"])
            numbers += np.round(np.asarray(p["causalBias"], np.float64) * OUT_ONE).astype(int).tolist()
            for j in range(M):
                for part in range(2):
                    numbers += first[part, j, sees[j]].tolist()
            for k in range(units):
                for head in range(3):
                    numbers += out[head, k, speaks[k]].tolist()
    return b"".join(varint(zigzag(int(n))) for n in numbers)


def check(params) -> None:
    """No accumulator may leave 32 bits, whatever the bytes say."""
    limits = {"in": 1008, "local": 1008, "global": 64, "out": 960, "cross": 4080, "causalIn": 96, "causalOut": 960}
    for mode, p in params.items():
        worst = np.abs(np.asarray(p["bias"])).max() * OUT_ONE
        for name, limit in limits.items():
            if name in p and name not in ("in", "causalIn"):
                axes = {"cross": (2,), "local": (1,), "global": (1,), "out": (1,), "causalOut": (1,)}[name]
                worst += np.abs(np.asarray(p[name])).sum(axes).max() * WEIGHT_ONE * limit
        if worst >= 2**31:
            raise SystemExit(f"{mode}: an accumulator could reach {worst:.0f}")


def write_tables(params, path: Path, profile: str, left_out: list[str]) -> int:
    check(params)
    data = serialise(params)
    text = base64.b64encode(data).decode()
    head = "// Made by codec/motion/train; see its README. Licences of what it was trained on: NOTICE.\n"
    if left_out:
        names = ", ".join(f"'{name}'" for name in left_out)
        body = f"export default {{\n  leftOut: [{names}],\n  profile: '{profile}' as const,\n  table:\n    '{text}',\n}};\n"
    else:
        body = f"export const TABLE =\n  '{text}';\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head + body)
    return len(data)


def write_common(path: Path) -> None:
    lines = ["// Made by codec/motion/train; see its README.\n"]
    for name, values in common().items():
        lines.append(f"export const {name}: readonly number[] = [{', '.join(map(str, values))}];\n")
    path.write_text("".join(lines))
