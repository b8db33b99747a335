"""The simulation through the real stages, beside an event loop that is made for backtests."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np

from fluxfloor.bench.row import Arrays, Row
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.simulations import SimulationSpec
from fluxfloor.local.simulating import simulate

BARS, FAST, SLOW = 2_000, 20, 100
HOUR_MS = 3_600_000
FROM_MS = 1_750_000_000_000 // HOUR_MS * HOUR_MS
CYCLE_BARS = 250
RULES = Instrument(
    instrument_id="kraken:BTC/USDT", venue="kraken", symbol="BTC/USDT", base="BTC", quote="USDT",
    tick_size=Decimal("0.01"), lot_size=Decimal("0.00000001"), min_notional=Decimal(5),
)  # fmt: skip
UNHALTED = {"daily_loss_halts": 1.0, "drawdown_halves": 1.0, "drawdown_flattens": 1.0}


def market() -> Arrays:
    """Hours that rise and fall in turns, falling first; every cross pays, so that no gate closes on the strategy."""
    random = np.random.default_rng(4)
    drift = -0.004 * np.sin(2.0 * np.pi * np.arange(BARS) / CYCLE_BARS)
    close = np.round(40_000.0 * np.exp(np.cumsum(drift + random.normal(0.0, 0.0005, BARS))), 2)
    open_ = np.concatenate(([40_000.0], close[:-1]))
    wick = 1.0 + np.abs(random.normal(0.0, 0.0005, BARS))
    high, low = np.round(np.maximum(open_, close) * wick, 2), np.round(np.minimum(open_, close) / wick, 2)
    times = FROM_MS + HOUR_MS * np.arange(BARS)
    bars = np.column_stack([times, open_, high, low, close, np.full(BARS, 100.0)])
    return {"bars": bars, "fast": np.array(FAST), "slow": np.array(SLOW)}


def ours(given: Any) -> Any:
    """The floor's own cross, its stop so far away that it never speaks."""
    spec = SimulationSpec.model_validate(
        {
            "strategies": [{"plugin": "ma_cross", "params": {"fast": FAST, "slow": SLOW, "stop_atr": 100}}],
            "instrument_id": RULES.instrument_id, "timeframe": "1h", "from_ms": FROM_MS,
            "to_ms": FROM_MS + BARS * HOUR_MS, "fee": "0.001", "limits": UNHALTED,
        }
    )  # fmt: skip
    found = simulate(spec, RULES, given["bars"])
    return np.array([found.counts["candles"], found.counts["orders"] - len(found.trades), len(found.trades)])


ROWS = (
    Row(
        name="simulation",
        work=f"simulation, MA cross {FAST}/{SLOW}, {BARS:,} bars: real stages against an event loop",
        prepare=market,
        ours=ours,
        peer="nautilus_ma_cross",
        packages=("nautilus_trader",),
        note="four to five committed steps a bar: SQLite a quarter, pydantic and JSON a tenth, the stages the rest",
    ),
)
