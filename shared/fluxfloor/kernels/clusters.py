"""k-means over what surrounds each bar: where a search for hidden states begins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import kernel

Array = NDArray[np.float64]

ROUNDS = 20
REACH = 5  # bars to either side that are a bar's neighbourhood


@kernel
def _draw(state: NDArray[np.uint64]) -> float:
    """The next number of SplitMix64 (Steele, Lea & Flood 2014) in [0, 1)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return float(z >> np.uint64(11)) / 9007199254740992.0


@kernel
def _nearest(point: Array, centres: Array, scale: Array, count: int) -> tuple[int, float]:
    """Which of the first `count` centres is nearest, and the squared distance, each feature over its variance."""
    best, least = 0, np.inf
    for j in range(count):
        distance = 0.0
        for f in range(point.size):
            gap = point[f] - centres[j, f]
            distance += gap * gap / scale[f]
        if distance < least:
            best, least = j, distance
    return best, least


@kernel
def _centres(x: Array, states: int, scale: Array, seed: int) -> Array:
    """k-means++ seeding (Arthur & Vassilvitskii 2007) and Lloyd's rounds."""
    n, d = x.shape
    state = np.array([seed], np.uint64)
    centres = np.empty((states, d))
    centres[0] = x[int(_draw(state) * n)]
    far = np.empty(n)
    for j in range(1, states):
        for i in range(n):
            far[i] = _nearest(x[i], centres, scale, j)[1]
        aim, place = _draw(state) * far.sum(), 0
        while place < n - 1 and aim >= far[place]:
            aim -= far[place]
            place += 1
        centres[j] = x[place]
    for _ in range(ROUNDS):
        total, count = np.zeros((states, d)), np.zeros(states)
        for i in range(n):
            j, _distance = _nearest(x[i], centres, scale, states)
            count[j] += 1.0
            for f in range(d):
                total[j, f] += x[i, f]
        for j in range(states):
            if count[j] > 0.0:
                for f in range(d):
                    centres[j, f] = total[j, f] / count[j]
    return centres


@kernel
def _variance(x: Array) -> Array:
    d = x.shape[1]
    out = np.empty(d)
    for f in range(d):
        column = x[:, f].copy()
        out[f] = column.var()
    return out


@kernel
def _neighbourhoods(x: Array, scale: Array) -> Array:
    """What surrounds each bar, (n, d+1): the mean of each feature, and the log of the mean squared deviation of all.

    States last, so what is near in time tells them apart where single bars don't: by their volatility as well.
    """
    n, d = x.shape
    out = np.empty((n, d + 1))
    centre = np.empty(d)
    for f in range(d):
        centre[f] = x[:, f].mean()
    for i in range(n):
        near = x[max(0, i - REACH) : min(n, i + REACH + 1)]
        energy = 0.0
        for f in range(d):
            out[i, f] = near[:, f].mean()
            energy += ((near[:, f] - centre[f]) ** 2).mean() / scale[f]
        out[i, d] = np.log(energy + 1e-12)
    return out
