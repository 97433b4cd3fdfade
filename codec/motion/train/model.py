"""
The model: for each channel, in order, a distribution over the residual given the reference and the residuals before it.
docs/motion-codec.md has the same in integers; the names here are those of the tables.
"""

import jax
import jax.numpy as jnp
import numpy as np

from data import M, SIGNED

HIDDEN = 32  # of the layer that sees the frames before
CAUSAL = {"chain": 0, "key": 48}  # of the layer that sees the channels before, of this frame
# Of the log-scale and of the logit that nothing changed, as the integer coder clamps them.
SCALE_LOW, SCALE_HIGH = -3.0, 5.0
SAME_LIMIT = 8.0
VELOCITY_LIMIT = 31.0
RESIDUAL_LIMIT = {"chain": 63.0, "key": 255.0}
ACTIVITY_DECAY = 0.8
ACTIVITY_LIMIT = 8.0
LOCAL = 10  # features of the channel itself
GLOBAL = 4  # frame rate, history
DENSE = 4 * M + GLOBAL


def init(mode: str, seed: int) -> dict:
    rng = np.random.default_rng(seed)
    zeros = lambda *shape: jnp.zeros(shape, jnp.float32)
    params = {
        "bias": jnp.array(np.stack([np.zeros(M), np.full(M, 0.5 if mode == "chain" else 2.0), np.full(M, -1.0)]), jnp.float32),
        "cross": zeros(3, M, M),  # from the channels before, of this frame
        "mix": jnp.array([-1.5, 1.2], jnp.float32),
    }
    causal = CAUSAL[mode]
    if causal:
        params |= {
            "causalIn": jnp.array(rng.normal(0, 0.5 / np.sqrt(2 * M), (2, M, causal)), jnp.float32),
            "causalBias": zeros(causal),
            "causalOut": zeros(3, causal, M),
        }
    if mode == "chain":
        hidden = HIDDEN
        params |= {
            "local": zeros(3, LOCAL, M),
            "global": zeros(3, GLOBAL, M),
            "in": jnp.array(rng.normal(0, 0.5 / np.sqrt(DENSE), (DENSE, hidden)), jnp.float32),
            "inBias": zeros(hidden),
            "out": zeros(3, hidden, M),
        }
    return params


LOWER = jnp.tril(jnp.ones((M, M)), -1)


def causal_masks(units):
    """Unit k sees the channels before `stage[k]` and speaks to those from it on."""
    stage = (np.arange(units) + 1) * M // (units + 1)
    channel = np.arange(M)
    return jnp.asarray(channel[:, None] < stage[None], jnp.float32), jnp.asarray(channel[None] >= stage[:, None], jnp.float32)


def features(ref, v1, v2, activity, history, rate, scale):
    """`history`: frames since the key, minus one; `scale`: natural units of a step, at most 1."""
    v1 = jnp.clip(v1, -VELOCITY_LIMIT, VELOCITY_LIMIT)
    v2 = jnp.clip(v2, -VELOCITY_LIMIT, VELOCITY_LIMIT)
    a1, a2 = jnp.log1p(jnp.abs(v1)), jnp.log1p(jnp.abs(v2))
    act = jnp.log1p(4 * activity)
    place = ref * scale * 2
    rest = (ref == 0).astype(jnp.float32)
    sign = jnp.sign(v1)
    local = jnp.stack([v1, v2, sign * a1, a1, a2, act, place, rest, jnp.log1p(jnp.abs(ref)), (v1 == 0).astype(jnp.float32)], -2)
    ones = jnp.ones_like(ref[..., :1])
    glob = jnp.concatenate(
        [ones * jnp.log2(rate / 30)[..., None], (history == 0)[..., None] * ones, (history == 1)[..., None] * ones, (history >= 4)[..., None] * ones], -1
    )
    dense = jnp.concatenate([v1 / 4, a1, act, place, glob], -1)
    return local, glob, dense


def base(params, inputs):
    """What does not depend on this frame: [.., 3, M]."""
    if inputs is None:
        return params["bias"]
    local, glob, dense = inputs
    hidden = jnp.clip(jax.nn.relu(dense @ params["in"] + params["inBias"]), 0, 60)
    out = params["bias"] + jnp.einsum("...fm,hfm->...hm", local, params["local"])
    out = out + jnp.einsum("...g,hgm->...hm", glob, params["global"])
    return out + jnp.einsum("...k,hkm->...hm", hidden, params["out"])


def heads(out):
    mean = out[0]
    scale = jnp.clip(out[1], SCALE_LOW, SCALE_HIGH)
    same = jnp.clip(out[2], -SAME_LIMIT, SAME_LIMIT)
    return mean, scale, same


def cdf(params, u):
    """Two Laplace distributions, the second wider."""
    w, k = jax.nn.sigmoid(params["mix"][0]), jnp.exp(params["mix"][1])

    def laplace(v):
        return jnp.where(v < 0, 0.5 * jnp.exp(jnp.minimum(v, 0)), 1 - 0.5 * jnp.exp(-jnp.maximum(v, 0)))

    return (1 - w) * laplace(u) + w * laplace(u / k)


def bits(params, r, low, high, mean, scale, same):
    inverse = jnp.exp(-scale)
    up = jnp.where(r >= high, 1.0, cdf(params, (r + 0.5 - mean) * inverse))
    down = jnp.where(r <= low, 0.0, cdf(params, (r - 0.5 - mean) * inverse))
    pi = jax.nn.sigmoid(same)
    p = (1 - pi) * jnp.maximum(up - down, 0) + jnp.where(r == 0, pi, 0.0)
    count = high - low + 1
    return -jnp.log2(p * (1 - count / 65536) + 1 / 65536)


def cross(params, r, limit):
    """Terms of the channels before: r as it is for the mean, its logarithm for the others. [.., 3, M]"""
    r = jnp.clip(r, -limit, limit)
    a = jnp.log1p(jnp.abs(r))
    lower = params["cross"] * LOWER
    out = jnp.stack([r @ lower[0].T, a @ lower[1].T, a @ lower[2].T], -2)
    if "causalIn" not in params:
        return out
    sees, speaks = causal_masks(params["causalBias"].shape[0])
    return out + jnp.einsum("...k,hkm->...hm", causal_layer(params, r, a, sees), params["causalOut"] * speaks)


def causal_layer(params, r, a, sees):
    small = jnp.sign(r) * a
    return jnp.clip(jax.nn.relu(small @ (params["causalIn"][0] * sees) + a @ (params["causalIn"][1] * sees) + params["causalBias"]), 0, 60)


def frame_bits(params, mode, inputs, r, low, high):
    out = base(params, inputs) + cross(params, r, RESIDUAL_LIMIT[mode])
    mean, scale, same = heads(jnp.moveaxis(out, -2, 0))
    return bits(params, r, low, high, mean, scale, same)


def quantise_frame(params, mode, inputs, ref, target, low, high, weight):
    """
    Rate-distortion choice of each channel in turn: of nearest, its neighbour, reference and mean, none over one step away.
    Returns values and bits [B, M].
    """
    fixed = jnp.broadcast_to(base(params, inputs), (*ref.shape[:1], 3, M))
    limit = RESIDUAL_LIMIT[mode]
    lower = params["cross"] * LOWER
    lo, hi = low - ref, high - ref
    if "causalIn" in params:
        sees, speaks = causal_masks(params["causalBias"].shape[0])
        causal_out = params["causalOut"] * speaks

    def channel(c, carry):
        r, total = carry
        clipped = jnp.clip(r, -limit, limit)
        a = jnp.log1p(jnp.abs(clipped))
        extra = jnp.zeros((ref.shape[0], 3))
        if "causalIn" in params:
            extra = jnp.einsum("bk,hk->bh", causal_layer(params, clipped, a, sees), causal_out[:, :, c])
        mean = fixed[:, 0, c] + clipped @ lower[0, c] + extra[:, 0]
        scale = jnp.clip(fixed[:, 1, c] + a @ lower[1, c] + extra[:, 1], SCALE_LOW, SCALE_HIGH)
        same = jnp.clip(fixed[:, 2, c] + a @ lower[2, c] + extra[:, 2], -SAME_LIMIT, SAME_LIMIT)
        wanted = target[:, c] - ref[:, c]
        near = jnp.round(wanted)
        other = near + jnp.where(wanted > near, 1, -1)
        candidates = jnp.stack([near, other, jnp.zeros_like(near), jnp.round(mean)])
        cost = bits(params, candidates, lo[:, c], hi[:, c], mean, scale, same)
        error = candidates - wanted
        score = error**2 + weight * cost
        allowed = (jnp.abs(error) <= 1) & (candidates >= lo[:, c]) & (candidates <= hi[:, c])
        allowed = allowed.at[0].set(True)
        best = jnp.argmin(jnp.where(allowed, score, jnp.inf), 0)
        pick = lambda rows: jnp.take_along_axis(rows, best[None], 0)[0]
        return r.at[:, c].set(pick(candidates)), total.at[:, c].set(pick(cost))

    zero = jnp.zeros_like(ref)
    r, total = jax.lax.fori_loop(0, M, channel, (zero, zero))
    return ref + r, total


def activity_after(activity, v):
    return activity * ACTIVITY_DECAY + (1 - ACTIVITY_DECAY) * jnp.minimum(jnp.abs(v), ACTIVITY_LIMIT)
