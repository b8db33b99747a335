"""A Markov model's steps: three states, 5,000 bars of return and range, twenty steps from one start."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fluxfloor import kernels
from fluxfloor.bench.row import Arrays, Outputs, Row, agree, faster

BARS, STATES, STEPS = 5_000, 3, 20


def market(scaling: bool) -> Arrays:
    """Spells of calm, usual and wild days, and where both sides begin. `scaling` is which way hmmlearn goes."""
    random = np.random.default_rng(6)
    spell = np.repeat(random.integers(0, STATES, BARS // 50), 50)
    size = np.array([0.004, 0.01, 0.03])[spell]
    x = np.column_stack([size * random.normal(size=BARS), size * random.gamma(4.0, 0.5, BARS)])
    begun = kernels.hmm_begin(x, STATES, False, 1)
    return {
        "x": x, "start": begun.start, "transition": begun.transition, "mean": begun.mean,
        "covariance": begun.covariance, "steps": np.array(STEPS), "scaling": np.array(scaling),
    }  # fmt: skip


def prepared(given: Arrays) -> Any:
    begun = kernels.Hmm(given["start"], given["transition"], given["mean"], given["covariance"], np.empty(0), False)
    return given["x"], begun


def ours(given: Any) -> Any:
    fitted = kernels.hmm_improve(given[0], given[1], False, STEPS, -np.inf)
    return fitted.log_likelihood, fitted.transition, fitted.mean, fitted.covariance


def equally_likely(ours: Outputs, peers: Outputs) -> None:
    """The likelihood of every step, and the parameters after the last."""
    agree(ours[:1], peers[:1], rtol=1e-9)
    agree(ours[1:], peers[1:], rtol=1e-6, atol=1e-9)


ROWS = tuple(
    Row(
        name=name,
        work=f"Markov model, {STATES} states, {BARS:,} bars × 2, {STEPS} steps{more}",
        prepare=partial(market, scaling),
        prepared=prepared,
        ours=ours,
        peer="hmm",
        packages=("hmmlearn",),
        same=equally_likely,
        aims=aims,
        note=note,
    )
    for name, scaling, more, aims, note in (
        ("hmm", False, "", (faster(7.0),), "hmmlearn as it comes (implementation='log')"),
        ("hmm-scaling", True, ", hmmlearn's faster way", (), "hmmlearn told to use implementation='scaling'"),
    )
)
