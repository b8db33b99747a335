"""A Gaussian hidden Markov model by expectation maximisation: regimes that nobody drew by hand.

Decisions take the *filtered* probabilities, P(state | bars up to now). The smoothed ones that the fit uses inside look
at every later bar as well: in a backtest they know how a regime ended before it has. The parameters themselves come
from a fit, so they too may only come from bars before those they are used on.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import kernel

Array = NDArray[np.float64]

LOG_2PI = np.log(2.0 * np.pi)
FLOOR_SHARE = 1e-6  # of a feature's whole variance: no state may be narrower, or one bar could claim it for itself
ROUNDS = 20  # of k-means


class Hmm(NamedTuple):
    """States in order of volatility (the trace of the covariance), the calmest first, so that a label keeps meaning."""

    start: Array  # (k,) probability of the first bar's state
    transition: Array  # (k, k) from row to column; rows sum to 1
    mean: Array  # (k, d)
    covariance: Array  # (k, d, d), diagonal matrices where `full` was False
    log_likelihood: Array  # (steps,) of the data under the parameters that each step began with; it never falls
    converged: bool


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
def _checked(x: Array, states: int) -> Array:
    """The variance of each feature. Raises ValueError where no model can be told from the data."""
    n, d = x.shape
    if states < 1 or d < 1:
        raise ValueError("needs at least one state and one feature")
    if n < 2 * states:
        raise ValueError("needs at least two bars a state")
    scale = _variance(x)
    for f in range(d):
        if not scale[f] < np.inf:
            raise ValueError("the data hold what is no number: leave the warm-up out")
        if not scale[f] > 0.0:
            raise ValueError("a feature never changes: it can't tell one state from another")
    return scale


@kernel
def hmm_begin(x: Array, states: int, full: bool = False, seed: int = 0) -> Hmm:
    """Where a fit begins: k-means centres, every state with the whole data's covariance, states that tend to stay.

    x: (n, d), contiguous. The same seed gives the same start. No likelihood yet. Raises ValueError as `hmm_fit` does.
    """
    scale = _checked(x, states)
    d = x.shape[1]
    mean = _centres(x, states, scale, seed)
    covariance = np.zeros((states, d, d))
    for a in range(d):
        for b in range(d):
            if full or a == b:
                covariance[:, a, b] = ((x[:, a] - x[:, a].mean()) * (x[:, b] - x[:, b].mean())).mean()
    transition = np.full((states, states), 0.1 / max(1, states - 1))
    for j in range(states):
        transition[j, j] = 0.9 if states > 1 else 1.0
    return Hmm(np.full(states, 1.0 / states), transition, mean, covariance, np.empty(0), False)


@kernel
def _whitened(covariance: Array) -> tuple[Array, Array]:
    """The inverse of each covariance's Cholesky factor, lower triangular, and the log of its density's peak."""
    k, d, _ = covariance.shape
    inverse, peak = np.zeros((k, d, d)), np.empty(k)
    for j in range(k):
        factor = np.zeros((d, d))
        peak[j] = -0.5 * d * LOG_2PI
        for a in range(d):
            for b in range(a + 1):
                rest = covariance[j, a, b]
                for c in range(b):
                    rest -= factor[a, c] * factor[b, c]
                if a != b:
                    factor[a, b] = rest / factor[b, b]
                elif rest > 0.0:
                    factor[a, a] = np.sqrt(rest)
                else:
                    raise ValueError("a state's covariance is singular: features that say the same, or too few bars")
            peak[j] -= np.log(factor[a, a])
            inverse[j, a, a] = 1.0 / factor[a, a]
            for b in range(a):
                rest = 0.0
                for c in range(b, a):
                    rest -= factor[a, c] * inverse[j, c, b]
                inverse[j, a, b] = rest / factor[a, a]
    return inverse, peak


@kernel
def _densities(x: Array, mean: Array, covariance: Array, full: bool) -> tuple[Array, Array]:
    """Each state's density of each bar over the greatest of them (n, k), and the log of that greatest (n,)."""
    n, d = x.shape
    k = mean.shape[0]
    inverse, peak = _whitened(covariance)
    out, top = np.empty((n, k)), np.empty(n)
    for i in range(n):
        best = -np.inf
        for j in range(k):
            distance = 0.0
            for a in range(d):
                z = (x[i, a] - mean[j, a]) * inverse[j, a, a]
                if full:
                    for b in range(a):
                        z += (x[i, b] - mean[j, b]) * inverse[j, a, b]
                distance += z * z
            out[i, j] = peak[j] - 0.5 * distance
            best = max(best, out[i, j])
        top[i] = best
        for j in range(k):
            out[i, j] = np.exp(out[i, j] - best)
    return out, top


@kernel
def _forward(density: Array, top: Array, start: Array, transition: Array) -> tuple[Array, Array, float]:
    """Filtered probabilities (n, k), the scale of each bar (n,), and the log-likelihood (Rabiner 1989, scaled)."""
    n, k = density.shape
    alpha, scale = np.empty((n, k)), np.empty(n)
    likelihood, product = 0.0, 1.0
    for i in range(n):
        total = 0.0
        for j in range(k):
            reached = start[j]
            if i > 0:
                reached = 0.0
                for h in range(k):
                    reached += alpha[i - 1, h] * transition[h, j]
            alpha[i, j] = reached * density[i, j]
            total += alpha[i, j]
        if not total > 0.0:
            raise ValueError("no state can have made a bar: it lies too far from all of them")
        scale[i] = 1.0 / total
        for j in range(k):
            alpha[i, j] *= scale[i]
        likelihood += top[i]
        if total < 1e-100:
            likelihood += np.log(total)
            continue
        product *= total
        if product < 1e-200:  # one logarithm for many bars
            likelihood += np.log(product)
            product = 1.0
    return alpha, scale, likelihood + np.log(product)


@kernel
def _backward(density: Array, alpha: Array, scale: Array, transition: Array) -> tuple[Array, Array]:
    """Smoothed probabilities (n, k), written over alpha, and the expected number of each transition (k, k)."""
    n, k = density.shape
    moves = np.zeros((k, k))
    beta, ahead = np.ones(k), np.empty(k)
    for i in range(n - 2, -1, -1):
        for j in range(k):
            ahead[j] = density[i + 1, j] * beta[j] * scale[i + 1]
        for h in range(k):
            total = 0.0
            for j in range(k):
                onward = transition[h, j] * ahead[j]
                moves[h, j] += alpha[i, h] * onward
                total += onward
            beta[h] = total
        for h in range(k):
            alpha[i, h] *= beta[h]
    return alpha, moves


@kernel
def _maximised(
    x: Array, gamma: Array, moves: Array, mean: Array, covariance: Array, transition: Array, floor: Array, full: bool
) -> None:
    """Writes the parameters that make the expected log-likelihood greatest. A state without bars stays as it is."""
    n, d = x.shape
    for j in range(mean.shape[0]):
        weight = gamma[:, j].sum()
        if not weight > 1e-10:
            continue
        left = moves[j].sum()  # 0 for a state that only the last bar is in
        if left > 1e-10:
            transition[j] = moves[j] / left
        for a in range(d):
            total = 0.0
            for i in range(n):
                total += gamma[i, j] * x[i, a]
            mean[j, a] = total / weight
        for a in range(d):
            for b in range(a if not full else 0, a + 1):
                total = 0.0
                for i in range(n):
                    total += gamma[i, j] * (x[i, a] - mean[j, a]) * (x[i, b] - mean[j, b])
                covariance[j, a, b] = covariance[j, b, a] = total / weight
            covariance[j, a, a] = max(covariance[j, a, a], floor[a])


@kernel
def _ordered(model: Hmm) -> Hmm:
    size = np.empty(model.start.size)
    for j in range(size.size):
        size[j] = np.trace(model.covariance[j])
    order = np.argsort(size)
    return Hmm(
        model.start[order], model.transition[order][:, order].copy(), model.mean[order], model.covariance[order],
        model.log_likelihood, model.converged,
    )  # fmt: skip


@kernel
def hmm_improve(x: Array, model: Hmm, full: bool = False, steps: int = 100, tolerance: float = 1e-2) -> Hmm:
    """Baum and Welch's steps from a given start until the log-likelihood gains less than `tolerance`, or `steps`.

    x: (n, d), contiguous; model: see `hmm_begin`, left as it is. Raises ValueError as `hmm_fit` does.
    """
    floor = _checked(x, model.start.size) * FLOOR_SHARE
    start, transition, mean, covariance = (
        model.start.copy(), model.transition.copy(), model.mean.copy(), model.covariance.copy(),
    )  # fmt: skip
    path, done, converged = np.empty(steps), 0, False
    while done < steps and not converged:
        density, top = _densities(x, mean, covariance, full)
        alpha, scale, path[done] = _forward(density, top, start, transition)
        gamma, moves = _backward(density, alpha, scale, transition)
        start[:] = gamma[0]
        _maximised(x, gamma, moves, mean, covariance, transition, floor, full)
        converged = done > 0 and path[done] - path[done - 1] < tolerance
        done += 1
    return _ordered(Hmm(start, transition, mean, covariance, path[:done].copy(), converged))


@kernel
def hmm_fit(
    x: Array, states: int = 3, full: bool = False, seed: int = 0, steps: int = 100, tolerance: float = 1e-2
) -> Hmm:
    """A model of `states` Gaussian states by maximum likelihood (Baum, Petrie, Soules & Weiss 1970; Rabiner 1989).

    x: (n, d), contiguous, a row a bar: returns and volatility, say. `full`: features may correlate within a state.
    Returns Hmm, its states calmest first. It finds a local maximum, and the seed decides which; no prior, but no
    state's variance falls below 1e-6 of the whole. Raises ValueError for a NaN, a feature that never changes, fewer
    than two bars a state, or features that repeat each other (with `full`).
    """
    return hmm_improve(x, hmm_begin(x, states, full, seed), full, steps, tolerance)


@kernel
def hmm_filter(x: Array, model: Hmm, full: bool = False) -> tuple[Array, float]:
    """P(state | bars up to and including this one) for every bar, and the log-likelihood of them all.

    x: (n, d), contiguous. Returns ((n, k), rows summing to 1; a natural logarithm). The first bars depend on `start`;
    after a few the past is forgotten at the rate that `transition` mixes. Raises ValueError for another number of
    features, or a bar that no state can have made (a NaN among them).
    """
    if x.shape[1] != model.mean.shape[1]:
        raise ValueError("the bars have another number of features than the model")
    density, top = _densities(x, model.mean, model.covariance, full)
    alpha, _, likelihood = _forward(density, top, model.start, model.transition)
    return alpha, likelihood
