"""Live equals backtest: the row of a window is the row of the history, under every version."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from fluxfloor.errors import Misconfigured
from fluxfloor.features.definitions import DEFINITIONS, Definition
from hypothesis import given, settings
from hypothesis import strategies as st

COUNT = 6_000
EXACT = ("regime", "volatility_regime", "regime_raw", "volatility_regime_raw", "adaptive_period_14", "close")


@cache
def history(kind: str) -> tuple[np.ndarray, ...]:
    """A random walk; one whose volatility comes in storms; a market that zigzags. None stands still for long: while
    nothing moves Wilder's averages only fade, and so does all that could outweigh their seeds."""
    rng = np.random.default_rng(11)
    if kind == "zigzag":
        close = 100 + np.tile([0.0, 1.0], COUNT // 2) + rng.normal(0, 1e-3, COUNT)
    else:
        size = np.full(COUNT, 0.004)
        if kind == "storms":
            size = 0.004 * np.repeat(rng.choice([0.05, 0.2, 1.0, 5.0], COUNT // 50), 50)
        close = 2_000 * np.exp(np.cumsum(rng.normal(0, 1, COUNT) * size))
    open_ = np.r_[close[0], close[:-1]]
    high = np.maximum(open_, close) * (1 + 0.001 * rng.random(COUNT))
    low = np.minimum(open_, close) * (1 - 0.001 * rng.random(COUNT))
    return open_, high, low, close, rng.uniform(0, 9, COUNT)


@cache
def batched(version: str, kind: str) -> np.ndarray:
    return DEFINITIONS[version].batch(*history(kind))


def off(definition: Definition, row: tuple[float, ...], batch: np.ndarray, close: float) -> dict[str, float]:
    """Columns further apart than 1e-9 of their size. What crosses zero (MACD, its signal, the slope) is measured
    against the price: 1e-12 of it."""
    apart = np.abs(np.array(row) - batch)
    allowed = 1e-9 * np.abs(batch) + 1e-12 * close
    return {name: float(gap) for name, gap, most in zip(definition.names, apart, allowed, strict=True) if gap > most}


@pytest.mark.parametrize("kind", ["walk", "storms", "zigzag"])
@pytest.mark.parametrize("version", DEFINITIONS)
@given(end=st.integers(1, COUNT))
@settings(max_examples=60, deadline=None)
def test_the_row_of_a_window_is_the_row_of_the_history(version: str, kind: str, end: int) -> None:
    definition = DEFINITIONS[version]
    columns, batch = history(kind), batched(version, kind)[end - 1]
    if end < definition.warm_up_bars:
        assert np.isnan(batch).all()
        return
    row = definition.latest(*(column[max(0, end - definition.lookback_bars) : end].copy() for column in columns))
    assert off(definition, row, batch, columns[3][end - 1]) == {}
    for name in EXACT:
        if name in definition.names:
            place = definition.names.index(name)
            assert row[place] == batch[place]


@pytest.mark.parametrize("version", DEFINITIONS)
@given(end=st.integers(0, COUNT))
@settings(max_examples=15, deadline=None)
def test_a_prefix_of_the_history_gives_a_prefix_of_the_columns(version: str, end: int) -> None:
    part = DEFINITIONS[version].batch(*(column[:end] for column in history("walk")))
    np.testing.assert_array_equal(part, batched(version, "walk")[:end])


@pytest.mark.parametrize("version", DEFINITIONS)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_columns_may_be_chosen_and_come_in_the_order_asked_for(version: str, data: st.DataObject) -> None:
    definition = DEFINITIONS[version]
    names = data.draw(st.lists(st.sampled_from(definition.names), min_size=1, max_size=8, unique=True))
    columns = tuple(column[:900] for column in history("storms"))
    whole = definition.batch(*columns)
    places = [definition.names.index(name) for name in names]
    np.testing.assert_array_equal(definition.batch(*columns, names), whole[:, places])


def test_a_newer_version_keeps_what_an_older_one_says() -> None:
    old, new = DEFINITIONS["floor-1"], DEFINITIONS["floor-2"]
    assert new.names[: len(old.names)] == old.names
    window = tuple(column[:400].copy() for column in history("walk"))
    assert new.latest(*window)[: len(old.names)] == pytest.approx(old.latest(*window), rel=1e-13)


def test_a_column_that_a_version_lacks_is_refused_by_name() -> None:
    with pytest.raises(Misconfigured, match="kama_10"):
        DEFINITIONS["floor-1"].batch(*history("walk"), ["close", "kama_10"])
    with pytest.raises(ValueError, match="twice"):
        DEFINITIONS["floor-2"].batch(*history("walk"), ["close", "close"])


def test_a_standing_market_has_a_finite_row() -> None:
    flat = np.full(400, 0.1)
    row = DEFINITIONS["floor-2"].latest(flat, flat, flat, flat, flat)._asdict()
    assert all(np.isfinite(value) for value in row.values())
    assert (row["regime"], row["volatility_ratio"], row["volume_ratio_20"]) == (2.0, 1.0, 1.0)
