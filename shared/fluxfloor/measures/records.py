"""What a run leaves behind, whoever ran it: the compiled backtest, the simulation, or the live floor."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LEFT_OUT: Floats = np.empty(0)
UNSURE = ("entry_stop", "exit_stop", "entry_regime", "exit_regime")
"""Columns of trades that are NaN where nobody knows."""


def _left_out() -> Floats:
    return LEFT_OUT


@dataclass(frozen=True, slots=True, eq=False)
class Trades:
    """Closed round trips in order of their exit, each array (k,). A partial exit closes its share.

    Money is in the account's currency, prices in the instrument's quote currency; `profit` is net of `fees` (those of
    the entry's share, the exit, and borrow). `side` is +1 long, -1 short. `mode` is what the strategy called its way in
    (an index of `modes`), `entered_on` and `left_on` name the triggers (indexes of `triggers`). What nobody knows is
    NaN, and may be left out: the stop as it stood after the entry and before the exit, and the confirmed regime of the
    last bar closed before either (the codes of kernels.regimes).
    """

    symbol: Ints  # index into Run.symbols
    side: Ints
    lots: Ints
    quantity: Floats
    entry_ms: Ints
    exit_ms: Ints
    entry_price: Floats
    exit_price: Floats
    fees: Floats
    profit: Floats
    mode: Ints
    entered_on: Ints
    left_on: Ints
    modes: tuple[str, ...] = ("",)
    triggers: tuple[str, ...] = ("",)
    entry_stop: Floats = field(default_factory=_left_out)
    exit_stop: Floats = field(default_factory=_left_out)
    entry_regime: Floats = field(default_factory=_left_out)
    exit_regime: Floats = field(default_factory=_left_out)

    def __post_init__(self) -> None:
        for name in UNSURE:
            if getattr(self, name) is LEFT_OUT:
                object.__setattr__(self, name, np.full(len(self), np.nan))

    def __len__(self) -> int:
        return int(self.side.size)

    @property
    def cost(self) -> Floats:
        """(k,) entry notional, positive."""
        return self.quantity * self.entry_price

    @property
    def risk(self) -> Floats:
        """(k,) what the stop would have lost at the entry, before fees and slippage; NaN without a stop."""
        return self.side * (self.entry_price - self.entry_stop) * self.quantity

    @property
    def returns(self) -> Floats:
        """(k,) profit as a fraction of the entry notional."""
        return self.profit / self.cost


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One account from its first bar to its last, each array (n,): a value a bar, at the bar's close.

    equity: cash + positions at the close, in `currency`. exposure: sum of |notional| / equity. traded: notional of the
    fills of that bar. positions: (n, symbols) signed lots held at the close.
    """

    close_ms: Ints
    equity: Floats
    cash: Floats
    exposure: Floats
    traded: Floats
    positions: Ints
    trades: Trades
    symbols: tuple[str, ...]
    opening: float  # the equity it began with, before the first bar
    currency: str = "USD"
    periods_per_year: float = 365.25 * 96  # bars of this run in a year of its market
    settings: dict[str, object] = field(default_factory=dict)

    @property
    def returns(self) -> Floats:
        """(n,) simple returns a bar, the first against the opening equity."""
        before = np.concatenate(([self.opening], self.equity[:-1]))
        return self.equity / before - 1.0
