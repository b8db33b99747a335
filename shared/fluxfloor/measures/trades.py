"""What closed trades were worth, all of them and by mode, by what they entered on and by what they left on.

A trade that made money after its costs is a win, one that lost money a loss, one that came out even is neither but
counts. What is undefined is None, and `undefined` says why.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels.regimes import WORDS
from fluxfloor.measures.records import UNSURE, Floats, Ints, Trades

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class TradeFigures:
    """Money in the account's currency, net of fees; returns as fractions of the entry notional.

    win_rate: wins / trades. profit_factor: money won / money lost. expectancy: mean profit of a trade,
    `edge`: its mean return. average_loss is positive. payoff: average win / average loss. holding in hours.
    losing_streak: most losses in a row.
    """

    count: int
    profit: float
    fees: float
    longs: int
    win_rate: float | None
    profit_factor: float | None
    expectancy: float | None
    edge: float | None
    average_win: float | None
    average_loss: float | None
    payoff: float | None
    best: float | None
    worst: float | None
    mean_holding_h: float | None
    median_holding_h: float | None
    losing_streak: int
    undefined: dict[str, str] = field(default_factory=dict)


def trade_figures(trades: Trades) -> TradeFigures:
    """Every figure of these trades."""
    whys: dict[str, str] = {}
    profit, returns = trades.profit, trades.returns
    won, lost = profit[profit > 0.0], profit[profit < 0.0]
    held = holding_hours(trades)
    win, loss = _mean(won, "average_win", "no trade won", whys), _mean(-lost, "average_loss", "no trade lost", whys)
    none = "there are no trades"
    return TradeFigures(
        count=len(trades), profit=float(profit.sum()), fees=float(trades.fees.sum()),
        longs=int((trades.side > 0).sum()),
        win_rate=_mean((profit > 0.0).astype(np.float64), "win_rate", none, whys),
        profit_factor=_ratio(float(won.sum()), float(-lost.sum()), "profit_factor", whys),
        expectancy=_mean(profit, "expectancy", none, whys), edge=_mean(returns, "edge", none, whys), average_win=win,
        average_loss=loss, payoff=None if win is None or loss is None else win / loss,
        best=float(returns.max()) if returns.size else None, worst=float(returns.min()) if returns.size else None,
        mean_holding_h=_mean(held, "mean_holding_h", none, whys),
        median_holding_h=float(np.median(held)) if held.size else None, losing_streak=longest_run(profit < 0.0),
        undefined=whys,
    )  # fmt: skip


def by_mode(trades: Trades) -> dict[str, TradeFigures]:
    """By what the strategy called its way in; modes without a trade are left out."""
    return _by(trades, trades.mode, trades.modes)


def by_entry(trades: Trades) -> dict[str, TradeFigures]:
    """By the trigger of the entry."""
    return _by(trades, trades.entered_on, trades.triggers)


def by_exit(trades: Trades) -> dict[str, TradeFigures]:
    """By the trigger of the exit."""
    return _by(trades, trades.left_on, trades.triggers)


def by_regime(trades: Trades) -> dict[str, TradeFigures]:
    """By the confirmed regime that they were entered in; trades whose is not known are left out."""
    found = {word: select(trades, trades.entry_regime == code) for code, word in WORDS.items()}
    return {word: trade_figures(chosen) for word, chosen in found.items() if len(chosen)}


def by_symbol(trades: Trades, symbols: tuple[str, ...]) -> dict[str, TradeFigures]:
    return _by(trades, trades.symbol, symbols)


def select(trades: Trades, chosen: NDArray[np.bool_] | Ints) -> Trades:
    """Some of the trades, in their order: a mask or indexes, each array cut alike."""
    columns = ("symbol", "side", "lots", "quantity", "entry_ms", "exit_ms", "entry_price", "exit_price", "fees",
               "profit", "mode", "entered_on", "left_on", *UNSURE)  # fmt: skip
    return replace(trades, **{name: getattr(trades, name)[chosen] for name in columns})


def holding_hours(trades: Trades) -> Floats:
    """(k,) hours from entry to exit."""
    return (trades.exit_ms - trades.entry_ms) / HOUR_MS


def longest_run(flags: NDArray[np.bool_]) -> int:
    """The most True in a row."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _by(trades: Trades, labels: Ints, names: tuple[str, ...]) -> dict[str, TradeFigures]:
    return {names[label]: trade_figures(select(trades, labels == label)) for label in np.unique(labels)}


def _mean(values: Floats, name: str, none: str, whys: dict[str, str]) -> float | None:
    if not values.size:
        whys[name] = none
        return None
    return float(values.mean())


def _ratio(won: float, lost: float, name: str, whys: dict[str, str]) -> float | None:
    if lost <= 0.0:
        whys[name] = "no trade lost" if won > 0.0 else "no trade won or lost"
        return None
    return won / lost
