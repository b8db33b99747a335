"""The plainest account there is: it follows a wished position, in full, at the next bar's open.

No stops, no limits, no rounding to lots. Baselines and checks of the honesty tools run on it, so that what a strategy
is measured against does not hang on the machinery that runs the strategy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fluxfloor.market.window import CLOSE, OPEN, OPEN_MS, Bars
from fluxfloor.measures.records import Floats, Ints, Run, Trades
from fluxfloor.simulation.histories import step_ms

LOT = 1e-8
_COLUMNS = (
    "symbol", "side", "lots", "quantity", "entry_ms", "exit_ms", "entry_price", "exit_price", "fees", "profit", "mode",
    "entered_on", "left_on",
)  # fmt: skip
_WHOLE = frozenset({"symbol", "side", "lots", "entry_ms", "exit_ms", "mode", "entered_on", "left_on"})


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one side of a trade: `fee` and `slippage` are fractions of the notional, `per_unit` is money a share."""

    fee: float = 0.0026
    slippage: float = 0.0005
    per_unit: float = 0.0


def follow(
    symbol: str, bars: Bars, target: Floats, costs: Costs, *, opening: float = 100_000.0, currency: str = "USD",
    periods_per_year: float = 365.25 * 96,
) -> Run:  # fmt: skip
    """One symbol, one account. target: (n,) the share of equity wished at each close, -1 to 1, 0 for none.

    A change fills at the next bar's open, the old position closed and the new one opened; in between nothing is traded.
    Raises ValueError for targets that are no such shares.
    """
    if target.shape != (len(bars),) or not (np.abs(target) <= 1.0).all():
        raise ValueError("target must hold a share between -1 and 1 for every bar")
    changes = np.flatnonzero(np.diff(target, prepend=0.0))
    changes = changes[changes < len(bars) - 1]
    book = _Book(bars, costs, opening)
    for at in changes.tolist():
        book.turn(at + 1, float(target[at]))
    cash, quantity, traded = book.columns()
    held = quantity * bars[:, CLOSE]
    equity = cash + held
    return Run(
        close_ms=bars[:, OPEN_MS].astype(np.int64) + (step_ms(bars) or 1), equity=equity, cash=cash,
        exposure=np.divide(np.abs(held), equity, out=np.zeros(len(bars)), where=equity > 0.0), traded=traded,
        positions=np.rint(quantity / LOT).astype(np.int64)[:, None], trades=trades_of(book.closed), symbols=(symbol,),
        opening=opening, currency=currency, periods_per_year=periods_per_year,
    )  # fmt: skip


class _Book:
    """Cash and quantity, and from which bar on they were so."""

    def __init__(self, bars: Bars, costs: Costs, opening: float) -> None:
        self.bars, self.costs = bars, costs
        self.cash, self.quantity = opening, 0.0
        self.entry: tuple[int, float, float] = (0, 0.0, 0.0)  # bar, price, fee
        self.marks: list[tuple[int, float, float]] = [(0, opening, 0.0)]
        self.traded = np.zeros(len(bars))
        self.closed: list[dict[str, float]] = []

    def turn(self, bar: int, share: float) -> None:
        """To this share of equity at the bar's open."""
        price = float(self.bars[bar, OPEN])
        if self.quantity:
            self._close(bar, price)
        if share and self.cash > 0.0:
            self._open(bar, price, share)
        self.marks.append((bar, self.cash, self.quantity))

    def _open(self, bar: int, price: float, share: float) -> None:
        side = 1.0 if share > 0.0 else -1.0
        paid = price * (1.0 + side * self.costs.slippage)
        # sized so that the fees are paid out of the share as well
        self.quantity = share * self.cash / (paid * (1.0 + self.costs.fee) + self.costs.per_unit)
        fee = self._fee(paid)
        self.cash -= self.quantity * paid + fee
        self.entry = (bar, paid, fee)
        self.traded[bar] += abs(self.quantity) * paid

    def _close(self, bar: int, price: float) -> None:
        side = 1.0 if self.quantity > 0.0 else -1.0
        got, (since, paid, fee_in) = price * (1.0 - side * self.costs.slippage), self.entry
        fees = fee_in + self._fee(got)
        self.cash += self.quantity * got - self._fee(got)
        self.traded[bar] += abs(self.quantity) * got
        self.closed.append(
            {"side": side, "lots": round(abs(self.quantity) / LOT), "quantity": abs(self.quantity),
             "entry_ms": self.bars[since, OPEN_MS], "exit_ms": self.bars[bar, OPEN_MS], "entry_price": paid,
             "exit_price": got, "fees": fees, "profit": self.quantity * (got - paid) - fees}
        )  # fmt: skip
        self.quantity = 0.0

    def _fee(self, price: float) -> float:
        return abs(self.quantity) * (price * self.costs.fee + self.costs.per_unit)

    def columns(self) -> tuple[Floats, Floats, Floats]:
        """(cash, quantity, traded), each (n,)."""
        begins = np.array([bar for bar, _, _ in self.marks])
        lengths = np.diff(np.append(begins, len(self.bars)))
        cash, quantity = (np.repeat([mark[place] for mark in self.marks], lengths) for place in (1, 2))
        return cash, quantity, self.traded


def trades_of(rows: Sequence[dict[str, float]], symbol: int = 0) -> Trades:
    """Closed trades from rows of their columns; what a row leaves out is 0."""
    table: dict[str, Any] = {
        name: np.array([row.get(name, 0) for row in rows], np.int64 if name in _WHOLE else np.float64)
        for name in _COLUMNS
    }
    table["symbol"] = np.full(len(rows), symbol, np.int64)
    return Trades(**table)


def combine(runs: Sequence[Run]) -> Run:
    """Accounts side by side as one: equity, cash and trades added up over the times of all of them.

    An account has its opening equity before its first bar and its last one after the end.
    """
    if len(runs) == 1:
        return runs[0]
    close_ms = np.unique(np.concatenate([run.close_ms for run in runs]))
    equity, cash, held, traded = (np.zeros(close_ms.size) for _ in range(4))
    positions = np.zeros((close_ms.size, len(runs)), np.int64)
    for column, run in enumerate(runs):
        place = np.searchsorted(run.close_ms, close_ms, side="right") - 1
        equity += _at(run.equity, place, run.opening)
        cash += _at(run.cash, place, run.opening)
        held += _at(run.exposure * run.equity, place, 0.0)
        traded[np.searchsorted(close_ms, run.close_ms)] += run.traded
        positions[:, column] = _at(run.positions[:, 0].astype(np.float64), place, 0.0)
    return Run(
        close_ms=close_ms, equity=equity, cash=cash,
        exposure=np.divide(held, equity, out=np.zeros(close_ms.size), where=equity > 0.0), traded=traded,
        positions=positions, trades=_merged([run.trades for run in runs]),
        symbols=tuple(run.symbols[0] for run in runs), opening=sum(run.opening for run in runs),
        currency=runs[0].currency, periods_per_year=max(run.periods_per_year for run in runs),
    )  # fmt: skip


def _at(values: Floats, place: Ints, before: float) -> Floats:
    return np.where(place >= 0, values[np.maximum(place, 0)], before)


def _merged(parts: Sequence[Trades]) -> Trades:
    """In order of their exits, each with its account's place as its symbol."""
    table: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
    table["symbol"] = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    order = np.argsort(table["exit_ms"], kind="stable")
    return Trades(**{name: values[order] for name, values in table.items()})
