"""A Gaussian hidden Markov model by expectation maximisation: regimes that nobody drew by hand.

Decisions take the *filtered* probabilities, P(state | bars up to now). The smoothed ones that the fit uses inside look
at every later bar as well: in a backtest they know how a regime ended before it has. The parameters themselves come
from a fit, so they too may only come from bars before those they are used on.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import kernel
from fluxfloor.kernels.clusters import _centres, _nearest, _neighbourhoods, _variance

Array = NDArray[np.float64]

LOG_2PI = np.log(2.0 * np.pi)
FLOOR_SHARE = 1e-6  # of a feature's whole variance: no state may be narrower, or one bar could claim it for itself
INVERSE_LN_2, LN_2_HIGH, LN_2_LOW = 1.4426950408889634, 0.6931471803691238, 1.9082149292705877e-10  # fdlibm's halves
SHIFT = 1.5 * 2.0**52
C2, C3, C4, C5, C6, C7, C8, C9, C10, C11, C12, C13 = (1.0 / math.factorial(i) for i in range(2, 14))
SMALL = 1e-30  # a product of densities below this is scaled up


class Hmm(NamedTuple):
    """States in order of volatility (the trace of the covariance), the calmest first, so that a label keeps meaning."""

    start: Array  # (k,) probability of the first bar's state
    transition: Array  # (k, k) from row to column; rows sum to 1
    mean: Array  # (k, d)
    covariance: Array  # (k, d, d), diagonal matrices where `full` was False
    log_likelihood: Array  # (steps,) of the data under the parameters that each step began with; it never falls
    converged: bool


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
    """Where a fit begins: k-means over the bars' neighbourhoods, and states that tend to stay.

    x: (n, d), contiguous. The same seed gives the same start. No likelihood yet. Raises ValueError as `hmm_fit` does.
    """
    scale = _checked(x, states)
    n, d = x.shape
    around = _neighbourhoods(x, scale)
    width = np.maximum(_variance(around), 1e-300)
    centres = _centres(around, states, width, seed)
    member = np.empty(n, np.int64)
    for i in range(n):
        member[i] = _nearest(around[i], centres, width, states)[0]
    mean, covariance = np.empty((states, d)), np.zeros((states, d, d))
    for j in range(states):
        own = x[member == j]
        own = own if own.shape[0] > 2 * d else x  # too few to tell a spread from
        for a in range(d):
            mean[j, a] = own[:, a].mean()
        for a in range(d):
            for b in range(d):
                if full or a == b:
                    covariance[j, a, b] = ((own[:, a] - mean[j, a]) * (own[:, b] - mean[j, b])).mean()
            covariance[j, a, a] = max(covariance[j, a, a], FLOOR_SHARE * scale[a])
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
def _exp(x: Array) -> None:
    """Writes e^x over x <= 0, to a few units in the last place; below -700 it is that of -700, which is nothing.

    Written without a branch or a call, so that four go at once: x = q·ln 2 + r, a Taylor series for e^r, and q put
    straight into the exponent's bits (adding 1.5·2^52 leaves a float's integer part in its low bits).
    """
    shifted, value = np.empty(x.size), np.empty(x.size)
    for i in range(x.size):
        capped = x[i] if x[i] > -700.0 else -700.0
        whole = capped * INVERSE_LN_2 + SHIFT
        shifted[i] = whole
        q = whole - SHIFT
        r = (capped - q * LN_2_HIGH) - q * LN_2_LOW
        value[i] = 1.0 + r * (1.0 + r * (C2 + r * (C3 + r * (C4 + r * (C5 + r * (C6 + r * (C7 + r * (C8 + r * (
            C9 + r * (C10 + r * (C11 + r * (C12 + r * C13))))))))))))  # fmt: skip
    exponent = shifted.view(np.int64)
    for i in range(x.size):
        exponent[i] = (exponent[i] + 1023) << 52
    for i in range(x.size):
        x[i] = value[i] * shifted[i]


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
            if out[i, j] > best:
                best = out[i, j]
        if not best > -np.inf:
            raise ValueError("a bar holds what is no number, or lies infinitely far from every state")
        top[i] = best
        for j in range(k):
            out[i, j] -= best
    _exp(out.reshape(-1))
    return out, top


@kernel
def _forward(density: Array, top: Array, start: Array, transition: Array) -> tuple[Array, float, float]:
    """P(state, bars so far) up to a factor (n, k), the sum of its last row, and the log-likelihood (Rabiner 1989).

    What grows too small is scaled up, and the bar's density with it, so that the way back meets the same factor: rare
    enough that no bar has to wait for a division.
    """
    n, k = density.shape
    alpha = np.empty((n, k))
    likelihood, total = 0.0, 1.0
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
        likelihood += top[i]
        if not total > SMALL:
            if not total > 0.0:
                raise ValueError("no state can have made a bar: none that could have can be reached")
            likelihood += np.log(total)
            for j in range(k):
                alpha[i, j] /= total
                density[i, j] /= total
            total = 1.0
    return alpha, total, likelihood + np.log(total)


@kernel
def _backward(density: Array, alpha: Array, total: float, transition: Array) -> tuple[Array, Array]:
    """Smoothed probabilities (n, k), written over alpha, and the expected number of each transition (k, k)."""
    n, k = density.shape
    moves = np.zeros((k, k))
    beta, ahead = np.full(k, 1.0 / total), np.empty(k)
    for j in range(k):
        alpha[n - 1, j] /= total
    for i in range(n - 2, -1, -1):
        for j in range(k):
            ahead[j] = density[i + 1, j] * beta[j]
        for h in range(k):
            reached = 0.0
            for j in range(k):
                moves[h, j] += alpha[i, h] * ahead[j]
                reached += transition[h, j] * ahead[j]
            beta[h] = reached
        for h in range(k):
            alpha[i, h] *= beta[h]
    return alpha, moves * transition


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
        alpha, total, path[done] = _forward(density, top, start, transition)
        gamma, moves = _backward(density, alpha, total, transition)
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
    features, a bar that is no number, or one that no state can have made.
    """
    if x.shape[1] != model.mean.shape[1]:
        raise ValueError("the bars have another number of features than the model")
    density, top = _densities(x, model.mean, model.covariance, full)
    alpha, _total, likelihood = _forward(density, top, model.start, model.transition)
    for i in range(alpha.shape[0]):
        total = 0.0
        for j in range(alpha.shape[1]):
            total += alpha[i, j]
        for j in range(alpha.shape[1]):
            alpha[i, j] /= total
    return alpha, likelihood


@kernel
def hmm_walk(
    x: Array, states: int = 3, full: bool = False, seed: int = 0, window: int = 1_000, every: int = 250
) -> Array:
    """The second opinion on a history, without a look ahead: P(state | bars up to now), from models that are fitted on
    the `window` bars before each stretch of `every` bars, and know nothing of the stretch.

    x: (n, d), contiguous. Returns (n, states), calmest first; NaN for the first `window` bars. Raises ValueError as
    `hmm_fit` does, or for a stretch or window below 1.
    """
    if window < 1 or every < 1:
        raise ValueError("window and every must be at least 1")
    n = x.shape[0]
    out = np.full((n, states), np.nan)
    for start in range(window, n, every):
        known, end = x[start - window : start].copy(), min(n, start + every)
        model = hmm_fit(known, states, full, seed, 100, 1e-2)
        seen, _likelihood = hmm_filter(x[start - window : end].copy(), model, full)
        for i in range(start, end):
            for j in range(states):
                out[i, j] = seen[i - start + window, j]
    return out
