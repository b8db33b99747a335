"""Daily returns of instruments, made from a seed: fat tails, and moving together as much as is said."""

from __future__ import annotations

import numpy as np
from fluxfloor.cerebro.knowledge import Knowledge
from fluxfloor.cerebro.scenarios import Scenarios, aligned
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.weights import InstrumentDays


def days_of(name: str, returns: np.ndarray, first: int = 19_000) -> InstrumentDays:
    return InstrumentDays(
        id=name, days=tuple(range(first, first + len(returns))), returns=tuple(float(value) for value in returns)
    )


def together(
    *rules: Instrument, share: float = 0.0, count: int = 1_000, size: float = 0.02, seed: int = 7
) -> Scenarios:
    """Of every pair the correlation is about `share`; `size` is about a day's standard deviation."""
    chance = np.random.default_rng(seed)
    common, own = chance.standard_t(4, count), chance.standard_t(4, (len(rules), count))
    mixed = size / 2**0.5 * (share**0.5 * common + (1 - share) ** 0.5 * own)
    days = {item.instrument_id: days_of(item.instrument_id, mixed[at]) for at, item in enumerate(rules)}
    found = aligned(days, rules[0].instrument_id, 120)
    assert found is not None
    return found


def knowing(*rules: Instrument, **more: float) -> Knowledge:
    return Knowledge(scenarios=together(*rules, **more))  # type: ignore[arg-type]
