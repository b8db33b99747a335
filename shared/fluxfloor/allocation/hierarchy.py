"""Hierarchical risk parity: strategies that move alike share a branch, and capital is halved down the tree by risk.

López de Prado (2016), Building diversified portfolios that outperform out of sample, Journal of Portfolio Management
42(4): single linkage over distances between columns of sqrt((1 - ρ) / 2), leaves in order, recursive bisection with
inverse-variance branches. No inverse is taken, so collinear strategies do no harm.
"""

from __future__ import annotations

import numpy as np

from fluxfloor.allocation.problem import Array


def hrp_weights(covariance: Array) -> Array:
    """(N,) long-only weights that add up to 1. covariance: (N, N), positive on the diagonal."""
    weights = np.ones(len(covariance))
    parts = [leaves(distances(covariance))]
    while parts:
        part = parts.pop()
        if len(part) < 2:
            continue
        left, right = part[: len(part) // 2], part[len(part) // 2 :]
        risk_left, risk_right = _branch_variance(covariance, left), _branch_variance(covariance, right)
        share = risk_right / (risk_left + risk_right)
        weights[left] *= share
        weights[right] *= 1.0 - share
        parts += [left, right]
    return weights


def distances(covariance: Array) -> Array:
    """(N, N) Euclidean distances between the columns of sqrt((1 - ρ) / 2)."""
    deviation = np.sqrt(np.diag(covariance))
    correlation = np.clip(covariance / np.outer(deviation, deviation), -1.0, 1.0)
    apart = np.sqrt((1.0 - correlation) / 2.0)
    # Column by column: the expansion into squares and products would lose what is near.
    return np.array([np.sqrt(np.sum(np.square(apart - column[:, None]), axis=0)) for column in apart.T])


def leaves(apart: Array) -> list[int]:
    """The order of strategies in the single-linkage tree: branches joined earlier come first, then by number."""
    count = len(apart)
    groups = {i: [i] for i in range(count)}
    number = list(range(count))  # of the group that each strategy is in
    for step, (one, other) in enumerate(_spanning_tree(apart)):
        first, second = sorted((number[one], number[other]))
        joined = groups.pop(first) + groups.pop(second)
        groups[count + step] = joined
        for member in joined:
            number[member] = count + step
    return groups.popitem()[1]


def _spanning_tree(apart: Array) -> list[tuple[int, int]]:
    """The minimum spanning tree's edges, shortest first (Prim): what single linkage joins, in its order."""
    count = len(apart)
    near, through = apart[0].copy(), np.zeros(count, np.int64)
    outside = np.ones(count, np.bool_)
    outside[0] = False
    edges = []
    for _ in range(count - 1):
        fresh = int(np.argmin(np.where(outside, near, np.inf)))
        edges.append((float(near[fresh]), int(through[fresh]), fresh))
        outside[fresh] = False
        closer = apart[fresh] < near
        near[closer], through[closer] = apart[fresh][closer], fresh
    return [(one, other) for _, one, other in sorted(edges, key=lambda edge: edge[0])]


def _branch_variance(covariance: Array, part: list[int]) -> float:
    block = covariance[np.ix_(part, part)]
    inverse = 1.0 / np.diag(block)
    share = inverse / inverse.sum()
    return float(share @ block @ share)


__all__ = ["distances", "hrp_weights", "leaves"]
