"""Trains the tables of face-1. `python train.py --help`; requirements.txt pins what it needs."""

import argparse
import functools
import json
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import data
import export
import model
from data import M

INTERVAL = 8
LENGTH = 64


def adam_init(params):
    zeros = jax.tree.map(jnp.zeros_like, params)
    return zeros, zeros


def one_cycle(step, total, peak):
    warm = 0.1 * total
    return jnp.where(step < warm, peak * (0.04 + 0.96 * step / warm), peak * 0.5 * (1 + jnp.cos(jnp.pi * (step - warm) / (total - warm))) + 1e-5)


@functools.partial(jax.jit, static_argnames=("mode", "iterations", "batch", "peak"))
def fit(params, arrays, mode, iterations, batch, peak, key, scale, bound):
    low = jnp.where(data.SIGNED, -bound, 0.0)
    count = arrays["ref"].shape[0]

    def loss(params, pick):
        part = {k: v[pick] for k, v in arrays.items()}
        if mode == "key":
            inputs, r = None, part["value"]
            lo, hi = low, bound
        else:
            inputs = model.features(part["ref"], part["v1"], part["v2"], part["activity"], part["history"], part["rate"], scale)
            r = part["value"] - part["ref"]
            lo, hi = low - part["ref"], bound - part["ref"]
        return model.frame_bits(params, mode, inputs, r, lo, hi).sum(-1).mean()

    def step(i, carry):
        params, (m, v), key = carry
        key, sub = jax.random.split(key)
        pick = jax.random.randint(sub, (batch,), 0, count)
        grad = jax.grad(loss)(params, pick)
        norm = jnp.sqrt(sum(jnp.sum(g * g) for g in jax.tree.leaves(grad)))
        grad = jax.tree.map(lambda g: g * jnp.minimum(1, 20 / (norm + 1e-9)), grad)
        m = jax.tree.map(lambda a, g: 0.9 * a + 0.1 * g, m, grad)
        v = jax.tree.map(lambda a, g: 0.999 * a + 0.001 * g * g, v, grad)
        rate = one_cycle(i, iterations, peak)
        t = i + 1.0

        def update(path, p, a, b):
            decay = 0.0 if path[0].key in ("bias", "mix") else 0.05
            return p - rate * (a / (1 - 0.9**t) / (jnp.sqrt(b / (1 - 0.999**t)) + 1e-8) + decay * p)

        params = jax.tree_util.tree_map_with_path(update, params, m, v)
        return params, (m, v), key

    params, _, _ = jax.lax.fori_loop(0, iterations, step, (params, adam_init(params), key))
    return params


def plain(x):
    """Rounded values; the first phase trains on them."""
    return np.round(x)


@functools.partial(jax.jit, static_argnames=())
def coded(key_params, chain_params, x, rate, weight, scale, bound):
    """Rate-distortion quantised values and bits of each frame [n, LENGTH, M], a key each INTERVAL frames."""
    low = jnp.where(data.SIGNED, -bound, 0.0)
    count = x.shape[0]
    groups = jnp.moveaxis(x.reshape(count, -1, INTERVAL, M), 0, 2)

    def group(_, frames):
        zero = jnp.zeros((count, M))
        key_value, key_bits = model.quantise_frame(key_params, "key", None, zero, frames[0], low, bound, weight)

        def chain(carry, target):
            ref, v1, v2, activity, history = carry
            inputs = model.features(ref, v1, v2, activity, history, rate, scale)
            value, cost = model.quantise_frame(chain_params, "chain", inputs, ref, target, low, bound, weight)
            v = value - ref
            return (value, v, v1, model.activity_after(activity, v), history + 1), (value, cost)

        start = (key_value, zero, zero, zero, jnp.zeros(count))
        _, (values, costs) = jax.lax.scan(chain, start, frames[1:])
        return None, (jnp.concatenate([key_value[None], values]), jnp.concatenate([key_bits[None], costs]))

    _, (values, costs) = jax.lax.scan(group, None, groups)
    back = lambda a: jnp.moveaxis(a, 2, 0).reshape(count, -1, M)
    return back(values), back(costs)


@jax.jit
def coded_keys(key_params, x, weight, bound):
    """Frames [n, M] as keys, each by itself."""
    low = jnp.where(data.SIGNED, -bound, 0.0)
    return model.quantise_frame(key_params, "key", None, jnp.zeros_like(x), x, low, bound, weight)[0]


def samples(values, real, rate):
    """Chain frames with their history; keys stand at each multiple of INTERVAL."""
    count, length, _ = values.shape
    v = np.zeros_like(values)
    activity = np.zeros_like(values)
    history = np.zeros((count, length), np.float32)
    for t in range(1, length):
        phase = t % INTERVAL
        if phase == 0:
            continue
        history[:, t] = phase - 1
        v[:, t] = values[:, t] - values[:, t - 1]
        before = activity[:, t - 1] if phase > 1 else 0
        activity[:, t] = before * model.ACTIVITY_DECAY + (1 - model.ACTIVITY_DECAY) * np.minimum(np.abs(v[:, t]), model.ACTIVITY_LIMIT)
    t = np.array([t for t in range(length) if t % INTERVAL != 0])
    ok = real[:, t]
    chain = {
        "value": values[:, t][ok], "ref": values[:, t - 1][ok], "v1": v[:, t - 1][ok],
        "v2": np.where((t % INTERVAL > 2)[None, :, None], v[:, np.maximum(t - 2, 0)], 0)[ok],
        "activity": activity[:, t - 1][ok], "history": history[:, t][ok],
        "rate": np.repeat(rate[:, None], len(t), 1)[ok],
    }
    return {k: jnp.asarray(v, jnp.float32) for k, v in chain.items()}


class Trainer:
    def __init__(self, profile, weight, seed=1):
        self.profile, self.weight, self.seed = profile, weight, seed
        self.bound = jnp.asarray(data.maximum(profile), jnp.float32)
        self.scale = jnp.asarray(np.minimum(data.steps(profile), 1), jnp.float32)

    def quantise(self, params, x, rate, block=256):
        values, costs = [], []
        for at in range(0, len(x), block):
            part, r = x[at : at + block], rate[at : at + block]
            n = len(part)
            part = np.concatenate([part, np.repeat(part[-1:], block - n, 0)])
            r = np.concatenate([r, np.repeat(r[-1:], block - n, 0)])
            a, b = coded(params["key"], params["chain"], jnp.asarray(part), jnp.asarray(r), self.weight, self.scale, self.bound)
            values.append(np.asarray(a)[:n])
            costs.append(np.asarray(b)[:n])
        return np.concatenate(values), np.concatenate(costs)

    def keys(self, params, x, block=8192):
        values = []
        for at in range(0, len(x), block):
            part = x[at : at + block]
            whole = np.concatenate([part, np.repeat(part[-1:], block - len(part), 0)])
            values.append(np.asarray(coded_keys(params["key"], jnp.asarray(whole), self.weight, self.bound))[: len(part)])
        return np.concatenate(values)

    def train(self, recordings, iterations, copies, rounds, log=print):
        rng = np.random.default_rng(self.seed)
        x, real, rate = data.chunks(data.augmented(recordings, rng, copies), self.profile, LENGTH)
        params = {mode: model.init(mode, self.seed) for mode in ("key", "chain")}
        for phase in range(rounds + 1):
            since = time.time()
            values = plain(x) if phase == 0 else self.quantise(params, x, rate)[0]
            key = values[real] if phase == 0 else self.keys(params, x[real])
            key = {"value": jnp.asarray(key), "ref": jnp.zeros((len(key), 1))}
            chain = samples(values, real, rate)
            quantised = time.time() - since
            for mode, arrays in (("key", key), ("chain", chain)):
                seed = jax.random.PRNGKey(self.seed * 100 + phase)
                peak = 6e-3 if phase == 0 else 3e-3
                params[mode] = fit(params[mode], arrays, mode, iterations, 512, peak, seed, self.scale, self.bound)
            jax.block_until_ready(params)
            log(f"  phase {phase}: {real.sum()} frames, quantised in {quantised:.0f} s, fitted in {time.time() - since - quantised:.0f} s")
        return params

    def measure(self, params, recordings, fps=None):
        sequences = [s for r in recordings for s in r.sequences]
        if fps == 30:
            sequences = [data.Sequence(s.values[::2], 30.0) if s.fps == 60 else s for s in sequences]
        x, real, rate = data.chunks(sequences, self.profile, LENGTH)
        values, costs = self.quantise(params, x, rate)
        key = np.broadcast_to(np.arange(LENGTH) % INTERVAL == 0, real.shape)
        total = costs.sum(-1) / 8
        error = np.abs(values - x)[real]
        k, c = total[real & key].mean(), total[real & ~key].mean()
        per = costs[real & ~key].mean(0)
        return {"key": round(float(k), 2), "chain": round(float(c), 2), "frame": round(float(k / 8 + c * 7 / 8), 2),
                "mean_error": round(float(error.mean()), 3), "max_error": round(float(error.max()), 3)}, per


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", type=Path, help="folder of Live Link Face CSV files")
    parser.add_argument("--out", type=Path, required=True, help="folder for the tables, one TypeScript file a profile")
    parser.add_argument("--leave-out", nargs="*", default=[], metavar="NAME", help="recordings (file names without .csv) not trained on")
    parser.add_argument("--profiles", nargs="*", default=["hi", "std", "lo"])
    parser.add_argument("--prefix", default="", help="of the file names")
    parser.add_argument("--iterations", type=int, default=600)
    parser.add_argument("--copies", type=int, default=2, help="disturbed copies of each sequence")
    parser.add_argument("--rounds", type=int, default=2, help="times the training set is quantised with the model so far")
    parser.add_argument("--weight", type=float, default=0.18, help="of a bit against a squared step, in the quantiser")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="measures of the recordings left out as one JSON line")
    args = parser.parse_args()
    recordings = [data.load(path) for path in sorted(args.recordings.glob("*.csv"))]
    unknown = set(args.leave_out) - {r.name for r in recordings}
    if not recordings or unknown:
        parser.error(f"no recording {', '.join(sorted(unknown)) or '*.csv'} in {args.recordings}")
    seen = [r for r in recordings if r.name not in args.leave_out]
    for profile in args.profiles:
        log = lambda text, profile=profile: print(f"{args.prefix}{profile}: {text}", file=sys.stderr, flush=True)
        log(f"{sum(r.frames for r in seen)} frames of {len(seen)} recordings")
        trainer = Trainer(profile, args.weight, args.seed)
        params = trainer.train(seen, args.iterations, args.copies, args.rounds, log)
        size = export.write_tables(params, args.out / f"{args.prefix}{profile}.ts", profile, args.leave_out)
        log(f"{size} bytes of tables")
        for r in recordings:
            if r.name in args.leave_out:
                result = trainer.measure(params, [r])[0]
                print(json.dumps({"profile": profile, "recording": r.name, **result}) if args.json else f"{profile} {r.name} {result}", flush=True)
    if not args.leave_out:
        export.write_common(args.out / "common.ts")


if __name__ == "__main__":
    main()
