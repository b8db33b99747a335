"""Warms what the features stage calls of strategies: each one's rule, and the weighing of modes.

For `python -m fluxfloor.kernels.warm fluxfloor.strategies.warm`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from fluxfloor.contracts.instruments import Candle
from fluxfloor.contracts.state import Holding
from fluxfloor.strategies.base import Compiled
from fluxfloor.strategies.registry import PLUGINS, build
from fluxfloor.strategies.trial import weighed

BAR = Candle(
    instrument_id="warm:UP/USD", timeframe="1h", open_ms=0, open=100.0, high=101.0, low=99.0, close=100.0, volume=1.0
)
HELD = Holding(lots=1, average_price=Decimal(100), stop_price=Decimal(95), best_price=Decimal(101))


def warm() -> None:
    """Every plug-in once while flat and once while holding."""
    for plugin in PLUGINS:
        strategy = build(plugin, {})
        if isinstance(strategy, Compiled):
            features = dict.fromkeys(strategy.columns, 100.0)
            strategy.decide(features, BAR, Holding())
            strategy.decide(features, BAR, HELD)
    now_ms = int(datetime(2026, 2, 1, tzinfo=UTC).timestamp() * 1_000)
    weighed(HELD.model_copy(update={"judged_month": 1}), ("one", "other"), now_ms)
