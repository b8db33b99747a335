"""Backtests of strategies over bars, on one account: one of them, or many over the same bars."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fluxfloor.contracts.instruments import Instrument
from fluxfloor.errors import Misconfigured
from fluxfloor.features.noise import history
from fluxfloor.kernels.backtest import Ledger
from fluxfloor.kernels.desk import Market, Plan
from fluxfloor.kernels.spread import modelled_spread
from fluxfloor.kernels.switching import Curve, switched
from fluxfloor.market.window import Bars
from fluxfloor.measures.records import Floats, Ints, Run
from fluxfloor.simulation.market import aligned_bars, checked, features_of, first_rows, step_of
from fluxfloor.simulation.results import ledger_of, run_of
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
    return Prepared(bars, instruments, settings).run(strategy)


class Prepared:
    """Bars checked and lined up once, for any number of strategies. Read by any number of threads at once."""

    def __init__(
        self, bars: Sequence[Bars], instruments: Sequence[Instrument], settings: Settings = KRAKEN_MVP
    ) -> None:
        if len(bars) != len(instruments) or not bars:
            raise Misconfigured(f"{len(bars)} tables of bars for {len(instruments)} instruments")
        for item in instruments:
            if item.quote != settings.currency:
                raise Misconfigured(f"{item.symbol} is paid in {item.quote}, the account holds {settings.currency}")
        self.tables = [checked(table, item.symbol) for table, item in zip(bars, instruments, strict=True)]
        self.instruments, self.settings = tuple(instruments), settings
        self.step_ms = step_of(self.tables)
        self.rules = rules_of(instruments, settings.costs.borrow)
        self.terms = settings.terms(self.step_ms)
        self.bare = aligned_bars(self.tables)._replace(noise=self._noise())

    def _noise(self) -> Ints:
        """(rows,) why the noise filter lets no entry through; 0 everywhere where it is off."""
        asked = self.settings
        if asked.noise == "off":
            return np.zeros(sum(table.shape[1] for table in self.tables), np.int64)
        found = []
        for symbol, table in enumerate(self.tables):
            spread = self._spread(symbol) if asked.noise_spread == "costs" else None
            breakout = asked.noise == "breakout"
            found.append(history(asked.noise_filter, table.T, self.step_ms, asked.features, breakout, spread))
        return np.concatenate(found)

    def _spread(self, symbol: int) -> Floats:
        """(n,) of the first quote after each close, around the next open: a fraction of the close."""
        _, open_, _, _, close, _ = self.tables[symbol]
        after = np.append(open_[1:], close[-1])
        return np.asarray(modelled_spread(self.rules, symbol, after, self.settings.costs.half_spread) / close)

    def market(self, columns: Sequence[str]) -> Market:
        """The bars with these features beside them."""
        version = self.settings.features
        features = [features_of(columns, table, version) for table in self.tables]
        first = first_rows(columns, self.tables, version)
        return self.bare._replace(features=features[0] if len(features) == 1 else np.concatenate(features), first=first)

    def run(self, strategy: Compiled) -> Run:
        """The record that measures and reports read."""
        curve = self.curve(strategy)
        ledger = ledger_of(curve, self.bare, self.rules, self.settings) if curve is not None else self.ledger(strategy)
        return run_of(ledger, self.bare, self.rules, strategy, self.instruments, self.settings, self.step_ms)

    def ledger(self, strategy: Compiled, market: Market | None = None) -> Ledger:
        """Through the general loop. `market`: what `market(strategy.columns)` returned, where it is at hand."""
        found: Ledger = strategy.run(
            self.market(strategy.columns) if market is None else market, self.rules, self.terms, plan_of(strategy)
        )
        return found

    def curve(self, strategy: Compiled) -> Curve | None:
        """The short way, where that gives the same: only in or out, by weight, no stops, one symbol."""
        if not self.short(strategy):
            return None
        bare = self.bare
        switches = strategy.switches(bare.close)
        return switched(switches, bare.open, bare.close, bare.volume, self.rules, self.terms)

    def short(self, strategy: Compiled) -> bool:
        """Would it go the short way?"""
        settings = self.settings
        free = bool(settings.weight) and settings.stops == settings.halts == settings.noise == "off"
        return free and len(self.tables) == 1 and strategy.in_or_out

    def equity(self, strategy: Compiled) -> Floats:
        """(n,) at the close of each bar, and nothing else."""
        curve = self.curve(strategy)
        return self.ledger(strategy).equity if curve is None else curve.equity


def plan_of(strategy: Compiled) -> Plan:
    """A mode reverts, for its risk per trade, where its plug-in's name or its own says so: as on the floor."""
    plugin = next((name for name, made in PLUGINS.items() if isinstance(strategy, made)), "")  # type: ignore[arg-type]
    reverts = ["reversion" in f"{plugin}:{mode}" for mode in strategy.modes]
    return Plan(strategy.params, float(strategy.expected_alpha), np.array(reverts, np.int64), int(strategy.on_trial))


__all__ = ["Prepared", "backtest", "plan_of"]
