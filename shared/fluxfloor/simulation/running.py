"""One backtest: a strategy over bars, on one account."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fluxfloor.contracts.instruments import Instrument
from fluxfloor.errors import Misconfigured
from fluxfloor.kernels.backtest import Ledger
from fluxfloor.kernels.desk import Plan
from fluxfloor.market.window import Bars
from fluxfloor.measures.records import Run
from fluxfloor.simulation.market import prepared
from fluxfloor.simulation.results import run_of
from fluxfloor.simulation.settings import KRAKEN_MVP, Settings, rules_of
from fluxfloor.strategies import Compiled
from fluxfloor.strategies.registry import PLUGINS


def backtest(
    strategy: Compiled, bars: Sequence[Bars], instruments: Sequence[Instrument], settings: Settings = KRAKEN_MVP
) -> Run:
    """Plays closed bars to one strategy on one cash account; a decision on a bar's close fills at the next open.

    bars: a table (n, 6) for each instrument, open_ms, open, high, low, close, volume, oldest first; all of one
    timeframe, though a symbol may lack some. What is still open at the end stays open. Raises Misconfigured for bars
    that are no market's (naming the row), for features that are not defined, and for an instrument paid in another
    currency than the account's.
    """
    for item in instruments:
        if item.quote != settings.currency:
            raise Misconfigured(f"{item.symbol} is paid in {item.quote}, the account holds {settings.currency}")
    market, step_ms = prepared(strategy.columns, bars, instruments, settings.features)
    rules = rules_of(instruments, settings.costs.borrow)
    ledger: Ledger = strategy.run(market, rules, settings.terms(step_ms), plan_of(strategy))
    return run_of(ledger, market, rules, strategy, instruments, settings, step_ms)


def plan_of(strategy: Compiled) -> Plan:
    """A mode reverts, for its risk per trade, where its plug-in's name or its own says so: as on the floor."""
    plugin = next((name for name, made in PLUGINS.items() if isinstance(strategy, made)), "")  # type: ignore[arg-type]
    reverts = ["reversion" in f"{plugin}:{mode}" for mode in strategy.modes]
    alpha = float(strategy.expected_alpha)
    return Plan(strategy.params, alpha, np.array(reverts, np.int64), int(strategy.on_trial))


__all__ = ["backtest", "plan_of"]
