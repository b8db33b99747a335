"""A run's trades one by one: what each went in and out on, in which regime, at what risk, and what came of it."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from fluxfloor.kernels.regimes import WORDS
from fluxfloor.measures.records import Run
from fluxfloor.reporting.figures import NONE, Grid, money, percent

LISTED = 250  # the newest; a longer list is nobody's reading


def trade_list(run: Run, most: int = LISTED) -> Grid:
    """The newest `most` trades, the newest first. A stop that moved is told as "95 → 101.5"."""
    header = (
        "entered (UTC)", "", "side", "because of", "regime", "at", "stop", f"risk, {run.currency}", "left (UTC)",
        "because of", "regime", "at", f"profit, {run.currency}", "return",
    )  # fmt: skip
    newest = range(len(run.trades) - 1, max(-1, len(run.trades) - 1 - most), -1)
    return Grid(header, tuple(_row(run, place) for place in newest))


def told(run: Run, most: int = LISTED) -> str:
    """What the list leaves out; empty where that is nothing."""
    count = len(run.trades)
    return f"The newest {most:,} of {count:,} trades." if count > most else ""


def _row(run: Run, place: int) -> tuple[str, ...]:
    trades = run.trades
    mode = trades.modes[trades.mode[place]]
    into = trades.triggers[trades.entered_on[place]].replace("_", " ")
    return (
        _moment(trades.entry_ms[place]), run.symbols[trades.symbol[place]],
        "long" if trades.side[place] > 0 else "short", f"{into} ({mode})" if mode else into or NONE,
        _regime(trades.entry_regime[place]), _price(trades.entry_price[place]),
        _stops(trades.entry_stop[place], trades.exit_stop[place]), _risk(trades.risk[place]),
        _moment(trades.exit_ms[place]), trades.triggers[trades.left_on[place]].replace("_", " ") or NONE,
        _regime(trades.exit_regime[place]), _price(trades.exit_price[place]), money(float(trades.profit[place])),
        percent(float(trades.returns[place]), 2, signed=True),
    )  # fmt: skip


def _moment(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(int(at_ms) / 1_000, UTC):%Y-%m-%d %H:%M}"


def _regime(code: float) -> str:
    return WORDS.get(float(code), NONE)


def _price(value: float) -> str:
    return f"{value:,.8g}" if np.isfinite(value) else NONE


def _stops(before: float, after: float) -> str:
    moved = np.isfinite(before) and np.isfinite(after) and before != after
    return f"{_price(before)} → {_price(after)}" if moved else _price(before)


def _risk(value: float) -> str:
    return money(float(value)) if np.isfinite(value) else NONE


__all__ = ["LISTED", "told", "trade_list"]
