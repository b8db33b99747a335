"""The largest size under a CVaR limit is the one that trying them all finds, by an independent account of the tail."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from fluxfloor.cerebro.knowledge import Knowledge
from fluxfloor.contracts.decisions import Verdict
from fluxfloor.contracts.signals import Direction
from fluxfloor.kernels.tail import NEVER, cvar, largest_size, tail_edge
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.support.days import together
from tests.support.desk import BTC, ETH, PERP, book, decide, held, policy, reserved, signal

ALPHAS = [0.6, 0.75, 0.9, 0.95, 0.975, 0.99]
MOST = 60
whole = st.integers(-200, 200).map(float)


def tail_mean(losses: list[float], alpha: float) -> Fraction:
    """Exact: the worst (1 - alpha) of all probability, the last scenario in part."""
    left = (1 - Fraction(str(alpha))) * len(losses)
    mass, total = left, Fraction(0)
    for loss in sorted(losses, reverse=True):
        part = min(left, Fraction(1))
        total, left = total + part * Fraction(loss), left - part
    return total / mass


@settings(max_examples=200, deadline=None)
@given(st.lists(whole, min_size=1, max_size=90), st.sampled_from(ALPHAS))
def test_cvar_is_the_mean_of_the_fractional_tail(losses, alpha):
    assert cvar(np.array(losses), alpha) == pytest.approx(float(tail_mean(losses, alpha)), abs=1e-9)


@settings(max_examples=300, deadline=None)
@given(st.data(), st.integers(1, 60), st.sampled_from(ALPHAS), st.integers(-150, 400))
def test_the_size_is_the_largest_that_stays_within_the_limit(data, days, alpha, limit):
    base = data.draw(arrays(np.float64, days, elements=whole))
    each = data.draw(arrays(np.float64, days, elements=whole)) / 8.0  # exact in binary: no tie is decided by rounding
    allowed = [
        x for x in range(MOST + 1) if tail_mean([float(v) for v in base + x * each], alpha) <= Fraction(limit) + SLACK
    ]
    strictly = [x for x in allowed if tail_mean([float(v) for v in base + x * each], alpha) <= Fraction(limit) - SLACK]
    found = largest_size(base, each, alpha, float(limit), MOST)
    assert max(strictly, default=NEVER) <= found <= max(allowed, default=NEVER)


SLACK = Fraction(1, 10**9)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(ALPHAS), st.floats(0.1, 5.0))
def test_one_lot_more_breaks_the_limit_and_the_slope_is_a_subgradient(seed, alpha, share):
    chance = np.random.default_rng(seed)
    base, each = chance.standard_t(3, (2, 1_000)) * np.array([[100.0], [0.01]])
    limit = share * cvar(base, alpha)
    found = largest_size(base, each, alpha, limit, 10**9)
    if found >= 0:
        assert cvar(base + found * each, alpha) <= limit < cvar(base + (found + 1) * each, alpha)
    at = tail_edge(base + 1_000 * each, each, alpha)
    for other in (0, 900, 1_100, 5_000):
        assert cvar(base + other * each, alpha) >= at.cvar + (other - 1_000) * at.slope - 1e-9


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.sampled_from(["0.002", "0.005", "0.015", "0.05"]), st.integers(0, 3), st.booleans(),
    st.integers(0, 600), st.integers(0, 2_000),
)  # fmt: skip
def test_no_accepted_entry_leaves_the_portfolio_beyond_its_cvar(seed, cap, share, long, perpetuals, ethers):
    known = together(PERP, BTC, ETH, share=share / 4, size=0.06, seed=seed)
    on = book(8_000, 10_000, positions=held(-perpetuals, rules=BTC, strategy="b") if perpetuals else {},
              reservations=reserved(ethers, rules=ETH, strategy="c", price=3_000) if ethers else {})  # fmt: skip
    wish = signal(rules=PERP, direction=Direction.LONG if long else Direction.SHORT)
    terms = policy(position_cap=9, exposure_cap=9, margin_cap=1, max_leverage=9, risk_per_trade=1, cvar_cap=cap,
                   max_open_positions=9, crowded_fewer_positions=0)  # fmt: skip
    done = decide(wish, on, terms, knowledge=Knowledge(scenarios=known)).decision
    if done.verdict is Verdict.REFUSED:
        return
    notionals = [float(done.notional) * (1 if long else -1), -perpetuals * 5.0, ethers * 3.0]
    after = float(tail_mean((-np.array(notionals) @ known.returns).tolist(), 0.975)) / 10_000
    assert after <= float(cap) * (1 + 1e-9)
    assert done.tail.after == pytest.approx(after, rel=1e-9, abs=1e-12)
