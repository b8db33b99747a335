"""The quality gate: which bars may be acted on, which are marked, and which are left out with their reason.

Left out (quarantined)                            Let through with a mark
    not_a_price      NaN, zero, negative, immense      gap           the bar before it is missing
    bad_volume       NaN, infinite, negative           jump          moved beyond the robust threshold
    high_below_low                                     zero_volume
    outside_range    open or close beyond high/low     out_of_order  came after its successor
    misaligned       not a multiple of the timeframe
    not_closed       ends after the asked range        Dropped: the same bar once more (`repeats`).
    conflict         another bar for a known time      Counted: `missing` times, `overdue` bars.
    too_old          before everything that is known
    absurd_jump      beyond `absurd`, until later bars confirm the level

A level that `confirm_bars` later bars share is a fact, however far it jumped: without that rule one real crash or a
stock split would shut the gate for good.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, log, sqrt

import numpy as np

from fluxfloor.contracts.instruments import TIMEFRAME_MS, Candle
from fluxfloor.market.window import CLOSE, OPEN_MS, Bars, decode

LOWEST_PRICE, HIGHEST_PRICE = 1e-12, 1e15  # what exact numbers of 18 digits to either side can hold
LOOKBACK = 101  # bars that tell what a usual move is
_FEWEST_MOVES = 20
_MAD_TO_SIGMA = 1.4826  # of a normal distribution
_NO_BARS = decode("")
_SPARSE_VENUES = frozenset({"kraken"})
_CLOSING_VENUES = frozenset({"alpaca"})  # at night and at the weekend no bar is overdue


@dataclass(frozen=True, slots=True)
class Thresholds:
    """`sparse`: the venue has a bar only where somebody traded, so a missing one is no fault.

    Moves are |log returns|; `absurd` is a plain return fraction. `stale_bars` 0 switches the stale check off.
    """

    jump_sigmas: float = 12.0
    jump_floor: float = 0.01
    jump_unknown: float = 0.10  # while too few bars are known to tell a usual move
    absurd: float = 0.50
    confirm_bars: int = 3
    stale_bars: int = 3
    sparse: bool = False


DEFAULT = Thresholds()


def thresholds_for(venue: str) -> Thresholds:
    if venue in _CLOSING_VENUES:
        return Thresholds(sparse=True, stale_bars=0)
    return Thresholds(sparse=True) if venue in _SPARSE_VENUES else DEFAULT


@dataclass(frozen=True, slots=True)
class Gate:
    """What the gate says of one delivery. `passed` is sorted by open time; `missing` are open times that were due and
    that no bar, good or bad, was delivered for; `overdue` counts the bars due after the newest good one."""

    passed: tuple[Candle, ...] = ()
    quarantined: tuple[tuple[Candle, str], ...] = ()
    missing: tuple[int, ...] = ()
    repeats: tuple[int, ...] = ()
    overdue: int = 0
    stale: bool = False


def inspect(
    candles: Sequence[Candle], *, recent: Bars = _NO_BARS, timeframe: str, since_ms: int, until_ms: int,
    thresholds: Thresholds = DEFAULT,
) -> Gate:  # fmt: skip
    """Judges bars in the order they were delivered.

    `recent` are the bars accepted before, oldest first; [since_ms, until_ms) are the open times that were due, all of
    them closed. At least LOOKBACK recent bars let it tell a usual move.
    """
    inspection = _Inspection(recent, TIMEFRAME_MS[timeframe], until_ms, thresholds)
    for candle in candles:
        inspection.judge(candle)
    return inspection.verdict(candles, since_ms)


def usual_move(recent: Bars) -> float | None:
    """A robust standard deviation of log returns (median absolute return x 1.4826); None for fewer than 20 returns."""
    closes = recent[-LOOKBACK:, CLOSE]
    if len(closes) <= _FEWEST_MOVES:
        return None
    moves = np.abs(np.diff(np.log(closes)))
    middle = len(moves) // 2
    return float(np.partition(moves, middle)[middle]) * _MAD_TO_SIGMA


def broken(candle: Candle) -> str:
    """What is wrong with a bar taken by itself; "" where nothing is."""
    low, high = candle.low, candle.high
    if not all(LOWEST_PRICE <= price <= HIGHEST_PRICE for price in (candle.open, high, low, candle.close)):
        return "not_a_price"
    if not (isfinite(candle.volume) and candle.volume >= 0):
        return "bad_volume"
    if high < low:
        return "high_below_low"
    if not (low <= candle.open <= high and low <= candle.close <= high):
        return "outside_range"
    return ""


class _Inspection:
    """One delivery on its way through the gate."""

    def __init__(self, recent: Bars, step_ms: int, until_ms: int, thresholds: Thresholds) -> None:
        self.recent = recent
        self.step_ms = step_ms
        self.until_ms = until_ms
        self.thresholds = thresholds
        self.accepted: dict[int, Candle] = {}
        self.times: list[int] = []  # of the accepted, sorted
        self.disordered: set[int] = set()
        self.quarantined: list[tuple[Candle, str]] = []
        self.repeats: list[int] = []
        self.held: list[Candle] = []  # absurd so far, waiting for confirmation
        self.recent_ms = self.newest_ms = int(recent[-1, OPEN_MS]) if len(recent) else -1
        self.newest_close = float(recent[-1, CLOSE]) if len(recent) else 0.0
        self._usual: float | None = None
        self._usual_known = False

    def judge(self, candle: Candle) -> None:
        reason = broken(candle) or self._misplaced(candle)
        if reason:
            self.quarantined.append((candle, reason))
        elif (known := self._known(candle.open_ms)) is not None:
            self._repeated(candle, known)
        elif candle.open_ms < self.newest_ms:
            self._late(candle)
        elif self.newest_ms >= 0 and self._absurd(candle, self.newest_close):
            self._hold(candle)
        else:
            self._give_up_held()
            self._accept(candle)

    def verdict(self, candles: Sequence[Candle], since_ms: int) -> Gate:
        self._give_up_held()
        delivered = {candle.open_ms for candle in candles}
        overdue = max(0, (self.until_ms - max(self.newest_ms + self.step_ms, since_ms)) // self.step_ms)
        return Gate(
            passed=self._marked(),
            quarantined=tuple(self.quarantined),
            missing=tuple(due for due in range(since_ms, self.until_ms, self.step_ms) if due not in delivered),
            repeats=tuple(self.repeats),
            overdue=overdue,
            stale=0 < self.thresholds.stale_bars <= overdue,
        )

    def _misplaced(self, candle: Candle) -> str:
        if candle.open_ms % self.step_ms:
            return "misaligned"
        return "not_closed" if candle.open_ms + self.step_ms > self.until_ms else ""

    def _known(self, open_ms: int) -> tuple[float, ...] | None:
        """The numbers of the bar that was taken (or is held) for this time."""
        if open_ms > self.newest_ms and not self.held:
            return None
        if open_ms in self.accepted:
            return _numbers(self.accepted[open_ms])
        for candle in self.held:
            if candle.open_ms == open_ms:
                return _numbers(candle)
        place = self._place(open_ms)
        if place < len(self.recent) and self.recent[place, OPEN_MS] == open_ms:
            return tuple(self.recent[place, 1:].tolist())
        return None

    def _place(self, open_ms: int) -> int:
        return int(np.searchsorted(self.recent[:, OPEN_MS], open_ms))

    def _repeated(self, candle: Candle, known: tuple[float, ...]) -> None:
        if _numbers(candle) == known:
            self.repeats.append(candle.open_ms)
        else:
            self.quarantined.append((candle, "conflict"))

    def _late(self, candle: Candle) -> None:
        before = self._before(candle.open_ms)
        if before is None and len(self.recent):
            self.quarantined.append((candle, "too_old"))
        elif before is not None and self._absurd(candle, before[1]):
            self.quarantined.append((candle, "absurd_jump"))
        else:
            self.disordered.add(candle.open_ms)
            self._keep(candle)

    def _absurd(self, candle: Candle, close: float) -> bool:
        limit = self.thresholds.absurd
        return candle.high > close * (1 + limit) or candle.low < close * (1 - limit)

    def _hold(self, candle: Candle) -> None:
        if self.held and (candle.open_ms < self.held[-1].open_ms or self._absurd(candle, self.held[-1].close)):
            self._give_up_held()
        self.held.append(candle)
        if len(self.held) > self.thresholds.confirm_bars:
            for confirmed in self.held:
                self._accept(confirmed)
            self.held = []

    def _give_up_held(self) -> None:
        self.quarantined.extend((candle, "absurd_jump") for candle in self.held)
        self.held = []

    def _accept(self, candle: Candle) -> None:
        self._keep(candle)
        self.newest_ms, self.newest_close = candle.open_ms, candle.close

    def _keep(self, candle: Candle) -> None:
        self.accepted[candle.open_ms] = candle
        insort(self.times, candle.open_ms)

    def _before(self, open_ms: int) -> tuple[int, float] | None:
        """Open time and close of the newest good bar before this time."""
        rank = bisect_left(self.times, open_ms)
        batch = self.accepted[self.times[rank - 1]] if rank else None
        place = -1 if batch is not None and batch.open_ms >= self.recent_ms else self._place(open_ms) - 1
        if place >= 0 and (batch is None or self.recent[place, OPEN_MS] > batch.open_ms):
            return int(self.recent[place, OPEN_MS]), float(self.recent[place, CLOSE])
        return None if batch is None else (batch.open_ms, batch.close)

    def _marked(self) -> tuple[Candle, ...]:
        """Marks are set last, when every neighbour is known."""
        marked: list[Candle] = []
        for open_ms in self.times:
            candle = self.accepted[open_ms]
            marks = self._marks(candle, self._before(open_ms))
            marked.append(candle.model_copy(update={"marks": marks}) if marks else candle)
        return tuple(marked)

    def _marks(self, candle: Candle, before: tuple[int, float] | None) -> tuple[str, ...]:
        marks = []
        if before is not None:
            bars_since = (candle.open_ms - before[0]) // self.step_ms
            if bars_since > 1:
                marks.append("gap")
            if self._jumped(candle, before[1], bars_since):
                marks.append("jump")
        if candle.volume == 0:
            marks.append("zero_volume")
        if candle.open_ms in self.disordered:
            marks.append("out_of_order")
        return tuple(marks)

    def _jumped(self, candle: Candle, close: float, bars_since: int) -> bool:
        move = max(abs(log(candle.close) - log(close)), abs(log(candle.open) - log(close)))
        if move <= self.thresholds.jump_floor:
            return False
        if not self._usual_known:
            self._usual, self._usual_known = usual_move(self.recent), True
        if self._usual is None:
            return move > self.thresholds.jump_unknown
        # a random walk drifts with the root of time: a weekend may open further away than a minute
        return move > self.thresholds.jump_sigmas * self._usual * sqrt(bars_since)


def _numbers(candle: Candle) -> tuple[float, ...]:
    return (candle.open, candle.high, candle.low, candle.close, candle.volume)
