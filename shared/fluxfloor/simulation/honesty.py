"""Does a result know what it could not have known? Found by taking the future, or the past, away.

Look-ahead: cut the bars at a random time, compute again, and everything before the cut must be what it was.
Warm-up: begin later, and after so many bars everything must be what it was.
Both work on whatever turns bars into named columns over time: features, signals, positions, a whole run.

A run has a blind spot that a cut does not reach: what is decided on one bar fills at the next bar's open, so a decision
that peeks at that next bar shows no earlier than the bar it peeked at. `run_look_ahead` therefore also lets the next
bar close elsewhere: nothing that fills within it may change, since its open and its range do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from fluxfloor.market.window import CLOSE, HIGH, LOW, OPEN_MS, Bars
from fluxfloor.measures.records import Floats, Ints, Run
from fluxfloor.simulation.histories import Backtest, History, since, until


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Named columns, each (n,), with the time each row was known: the close of its bar."""

    close_ms: Ints
    columns: Mapping[str, Floats]


Trace = Callable[[History], Table]


@dataclass(frozen=True, slots=True)
class Leak:
    """`name` was `whole` at the bar that closed at at_ms, but `cut` once the bars after cut_ms were taken away."""

    name: str
    cut_ms: int
    at_ms: int
    whole: float
    cut: float


@dataclass(frozen=True, slots=True)
class LookAhead:
    """What was found, the first bar of each column at each cut."""

    cuts_ms: tuple[int, ...]
    leaks: tuple[Leak, ...]

    @property
    def honest(self) -> bool:
        return not self.leaks

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that know the future."""
        return tuple(sorted({leak.name for leak in self.leaks}))


@dataclass(frozen=True, slots=True)
class WarmUp:
    """How many bars each column takes until it no longer depends on where the bars began; None: it never settled."""

    bars: Mapping[str, int | None]

    @property
    def longest(self) -> int | None:
        """Of all columns; None when one never settled."""
        return None if None in self.bars.values() else max((bars or 0 for bars in self.bars.values()), default=0)


def look_ahead(
    trace: Trace, history: History, rng: Generator, *, cuts: int = 20, least: int | None = None, rtol: float = 1e-12
) -> LookAhead:
    """Cuts the bars at `cuts` random closes, none before `least` bars (default a tenth of them), and compares.

    A relative difference up to `rtol` is rounding. Raises ValueError for bars too few to cut.
    """
    whole = trace(history)
    rows = whole.close_ms.size
    first = max(2, rows // 10 if least is None else least)
    if first >= rows:
        raise ValueError(f"{rows} bars are too few to cut after {first}")
    places = np.sort(rng.choice(np.arange(first, rows), min(cuts, rows - first), replace=False))
    leaks: list[Leak] = []
    for place in places.tolist():
        cut_ms = int(whole.close_ms[place - 1])
        leaks += _leaks(whole, trace(until(history, cut_ms)), cut_ms, rtol)
    return LookAhead(tuple(int(whole.close_ms[place - 1]) for place in places), tuple(leaks))


def run_look_ahead(
    backtest: Backtest, history: History, rng: Generator, *, cuts: int = 20, least: int | None = None,
    rtol: float = 1e-12,
) -> LookAhead:  # fmt: skip
    """As `look_ahead` for a whole run, and for decisions that know the next close. Three backtests a cut.

    Half of the cuts of the second kind are taken where the run trades, as far as it does.
    """
    found = look_ahead(of_run(backtest), history, rng, cuts=cuts, least=least, rtol=rtol)
    run = backtest(history)
    rows = run.close_ms.size - 1
    turns = np.flatnonzero((np.diff(run.positions, axis=0) != 0).any(axis=1))
    usable = turns[(turns >= 1) & (turns < rows)]
    picked = rng.choice(usable, min(cuts // 2, usable.size), replace=False) if usable.size else usable
    random = rng.choice(np.arange(1, rows), min(cuts - picked.size, rows - 1), replace=False)
    places = np.unique(np.concatenate([picked, random]))
    peeks = [leak for place in places for leak in _peeks(backtest, history, int(run.close_ms[place]))]
    return LookAhead(found.cuts_ms, (*found.leaks, *peeks))


def _peeks(backtest: Backtest, history: History, cut_ms: int) -> Iterable[Leak]:
    """One bar more than the cut: once it closes where it did, once as far from the other end of its range."""
    real, mirrored = (backtest(_one_more(history, cut_ms, mirror)) for mirror in (False, True))
    for at, symbol in enumerate(real.symbols):
        one, other = float(real.positions[-1, at]), float(mirrored.positions[-1, at])
        if one != other:
            yield Leak(f"decision {symbol}", cut_ms, cut_ms, one, other)


def _one_more(history: History, cut_ms: int, mirror: bool) -> dict[str, Bars]:
    made = {}
    for symbol, bars in history.items():
        end = int(np.searchsorted(bars[:, OPEN_MS], cut_ms))
        longer = bars[: end + 1].copy()
        if mirror and end < len(bars):
            longer[end, CLOSE] = longer[end, HIGH] + longer[end, LOW] - longer[end, CLOSE]
        if len(longer):
            made[symbol] = longer
    return made


def _leaks(whole: Table, short: Table, cut_ms: int, rtol: float) -> Iterable[Leak]:
    """A row that only the whole has is missing from a cut, and counts as NaN there."""
    rows = int(np.searchsorted(whole.close_ms, cut_ms, side="right"))
    for name, values in whole.columns.items():
        before = values[:rows]
        cut = _aligned(whole.close_ms[:rows], short, name)
        changed = np.flatnonzero(differs(before, cut, rtol))
        if changed.size:
            at = int(changed[0])
            yield Leak(name, cut_ms, int(whole.close_ms[at]), float(before[at]), float(cut[at]))


def warm_up(trace: Trace, history: History, rng: Generator, *, starts: int = 10, rtol: float = 1e-9) -> WarmUp:
    """Begins `starts` times in the first half of the bars, and finds when each column has come to agree.

    Raises ValueError for fewer than four bars.
    """
    whole = trace(history)
    rows = whole.close_ms.size
    if rows < 4:
        raise ValueError(f"{rows} bars can't tell a warm-up")
    opens = np.unique(np.concatenate([bars[:, OPEN_MS] for bars in history.values()]))
    settled: dict[str, int | None] = dict.fromkeys(whole.columns, 0)
    for place in rng.choice(np.arange(1, max(2, opens.size // 2)), min(starts, max(1, opens.size // 2 - 1)), False):
        late = trace(since(history, opens[place]))
        for name in whole.columns:
            settled[name] = _longer(settled[name], _settling(whole, late, name, rtol))
    return WarmUp(settled)


def _settling(whole: Table, late: Table, name: str, rtol: float) -> int | None:
    expected = _aligned(late.close_ms, whole, name)
    changed = np.flatnonzero(differs(expected, late.columns[name], rtol))
    if not changed.size:
        return 0
    return None if changed[-1] == expected.size - 1 else int(changed[-1]) + 1


def _longer(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(one, other)


def _aligned(close_ms: Ints, table: Table, name: str) -> Floats:
    """A column at these times; NaN where the table has no such row, 0 where its symbol had not begun."""
    if name not in table.columns:
        return np.zeros(close_ms.size)
    values = np.full(close_ms.size, np.nan)
    place = np.searchsorted(table.close_ms, close_ms)
    inside = np.flatnonzero(place < table.close_ms.size)
    inside = inside[table.close_ms[place[inside]] == close_ms[inside]]
    values[inside] = table.columns[name][place[inside]]
    return values


def differs(one: Floats, other: Floats, rtol: float) -> NDArray[np.bool_]:
    """Where two columns do not agree; NaN agrees with NaN alone."""
    with np.errstate(invalid="ignore"):
        near = np.abs(one - other) <= rtol * np.maximum(np.abs(one), np.abs(other))
    same: NDArray[np.bool_] = near | (one == other) | (np.isnan(one) & np.isnan(other))
    return ~same


# --- what can be traced ------------------------------------------------------------------------------------------


def of_run(backtest: Backtest) -> Trace:
    """Positions and equity of a run at every close, and what was traded.

    The bar a cut ends with is compared too: a backtest that sells out at the end of its bars shows as a leak there.
    """

    def trace(history: History) -> Table:
        return run_table(backtest(history))

    return trace


def run_table(run: Run) -> Table:
    columns = {f"position {symbol}": run.positions[:, at].astype(np.float64) for at, symbol in enumerate(run.symbols)}
    return Table(run.close_ms, {**columns, "equity": run.equity, "traded": run.traded})


def of_columns(compute: Callable[[Bars], Mapping[str, Floats]]) -> Trace:
    """Of whatever turns the bars of one symbol into columns of their length; symbols stay apart by their name."""

    def trace(history: History) -> Table:
        close_ms = np.unique(np.concatenate([_closes(bars) for bars in history.values()]))
        columns: dict[str, Floats] = {}
        for symbol, bars in history.items():
            for name, values in compute(bars).items():
                own = Table(_closes(bars), {name: np.asarray(values, np.float64)})
                columns[name if len(history) == 1 else f"{symbol} {name}"] = _aligned(close_ms, own, name)
        return Table(close_ms, columns)

    return trace


def _closes(bars: Bars) -> Ints:
    """Late enough that a cut there keeps the bar, early enough that it keeps none after it, whatever the timeframe."""
    return bars[:, OPEN_MS].astype(np.int64) + 1
