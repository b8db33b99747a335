"""The equity curve as it is drawn: thinned, with its drawdown and with axes that read well.

A mark is one equity of an account at a time. All money is in the account's currency; drawdown is a fraction of the
high-water mark, deposits taken out, and never negative.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from fluxfloor.contracts.base import Model
from fluxfloor.contracts.views import EquityPoint

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
RANGES_MS: dict[str, int | None] = {"1d": DAY_MS, "1w": 7 * DAY_MS, "1m": 30 * DAY_MS, "all": None}
KEEP_ALL_MS = 3 * DAY_MS
KEEP_HOURS_MS = 45 * DAY_MS
MAX_STRETCHES = 300
VALUE_TICKS, TIME_TICKS = 7, 6
_MINUTE_MS = 60_000
_STEPS_MS = [_MINUTE_MS * minutes for minutes in (1, 5, 15, 30, 60, 180, 360, 720, 1440, 2880, 7 * 1440, 14 * 1440)]
_MONTHS = (1, 2, 3, 6, 12, 24, 60)


class Mark(NamedTuple):
    at_ms: int
    equity: Decimal
    deposits: Decimal
    grain: str

    @classmethod
    def of(cls, point: EquityPoint) -> Mark:
        return cls(point.ts_event_ms, point.equity, point.deposits, point.grain)


Point = tuple[int, float, float, float]


class Tick(Model):
    at: float
    label: str


class Curve(Model):
    """`points` are [ms, equity, drawdown, high water]; `low` and `high` bound the value axis, ticks included."""

    points: tuple[Point, ...] = ()
    low: float = 0
    high: float = 0
    deepest: float = 0
    value_ticks: tuple[Tick, ...] = ()
    time_ticks: tuple[Tick, ...] = ()


def thin(marks: Iterable[Mark]) -> list[Mark]:
    """Sorted, one a time: everything of the last days, hours of the last weeks, days before that."""
    by_time = {mark.at_ms: mark for mark in marks}
    newest = max(by_time, default=0)
    return [by_time[at_ms] for at_ms in sorted(by_time) if _kept(by_time[at_ms], newest - at_ms)]


def _kept(mark: Mark, age_ms: int) -> bool:
    return age_ms <= KEEP_ALL_MS or mark.grain == "day" or (mark.grain == "hour" and age_ms <= KEEP_HOURS_MS)


def curve(marks: Sequence[Mark], span_ms: int | None) -> Curve:
    """The last `span_ms` of sorted marks (all of them when None). The drawdown knows what came before the span."""
    points = _with_drawdown(marks)
    if span_ms is not None and points:
        points = [point for point in points if point[0] >= points[-1][0] - span_ms]
    if not points:
        return Curve()
    points = _sampled(points)
    ticks = value_ticks(min(point[1] for point in points), max(point[3] for point in points))
    return Curve(
        points=tuple(points),
        low=ticks[0].at,
        high=ticks[-1].at,
        deepest=max(point[2] for point in points),
        value_ticks=tuple(ticks),
        time_ticks=tuple(time_ticks(points[0][0], points[-1][0])),
    )


def _with_drawdown(marks: Sequence[Mark]) -> list[Point]:
    points: list[Point] = []
    best: Decimal | None = None
    for mark in marks:
        earned = mark.equity - mark.deposits
        best = earned if best is None else max(best, earned)
        high_water = best + mark.deposits
        down = float((high_water - mark.equity) / high_water) if high_water > 0 else 0.0
        points.append((mark.at_ms, float(mark.equity), round(down, 6), float(high_water)))
    return points


def _sampled(points: list[Point]) -> list[Point]:
    """Of every stretch of time its lowest and highest, so that no drawdown and no peak is lost. A stretch is as long
    as the coarsest marks are apart: a curve that grows finer toward its end reads as if the market grew wilder."""
    span_ms = points[-1][0] - points[0][0]
    coarsest_ms = DAY_MS if span_ms > KEEP_HOURS_MS else HOUR_MS if span_ms > KEEP_ALL_MS else 0
    stretch_ms = max(coarsest_ms, span_ms // MAX_STRETCHES, 1)
    kept = {points[0], points[-1]}
    for _, part in groupby(points, key=lambda point: point[0] // stretch_ms):
        inside = list(part)
        kept |= {min(inside, key=lambda point: point[1]), max(inside, key=lambda point: point[1])}
    return sorted(kept)


# --- axes --------------------------------------------------------------------------------------------------------


def value_ticks(low: float, high: float) -> list[Tick]:
    """Round numbers that hold every value between the first and the last of them."""
    spread = max(high - low, abs(high) * 1e-4, 1e-9)
    step = _nice(spread / (VALUE_TICKS - 1))
    first, last = math.floor(low / step), math.ceil(high / step)
    last = max(last, first + 1)
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) + (1 if _odd_step(step) else 0)
    return [Tick(at=round(n * step, 10), label=f"{n * step:,.{digits}f}") for n in range(first, last + 1)]


def _nice(step: float) -> float:
    magnitude = 10.0 ** math.floor(math.log10(step))
    return next(nice * magnitude for nice in (1, 2, 2.5, 5, 10) if nice * magnitude >= step * (1 - 1e-9))


def _odd_step(step: float) -> bool:
    """Is it a 2.5, which needs a digit more?"""
    return abs(step / 10.0 ** math.floor(math.log10(step)) - 2.5) < 1e-6 and step < 10


def time_ticks(from_ms: int, until_ms: int) -> list[Tick]:
    """Minutes and hours on the clock, days at midnight, or first days of months, all UTC."""
    span_ms = max(until_ms - from_ms, 1)
    step_ms = next((step for step in _STEPS_MS if span_ms / step <= TIME_TICKS), None)
    if step_ms is None:
        return _month_ticks(from_ms, until_ms)
    first = -(-from_ms // step_ms) * step_ms
    return [Tick(at=at_ms, label=_clock_label(at_ms, step_ms)) for at_ms in range(first, until_ms + 1, step_ms)]


def _clock_label(at_ms: int, step_ms: int) -> str:
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    midnight = at_ms % DAY_MS == 0
    return f"{at.day} {at:%b}" if step_ms >= DAY_MS or midnight else f"{at:%H:%M}"


def _month_ticks(from_ms: int, until_ms: int) -> list[Tick]:
    begin, end = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (from_ms, until_ms))
    months = (end.year - begin.year) * 12 + end.month - begin.month + 1
    step = next((step for step in _MONTHS if months / step <= TIME_TICKS), _MONTHS[-1])
    count = begin.year * 12 + begin.month - 1
    starts = (_month_start(n) for n in range(count, count + months + 1) if n % step == 0)
    return [
        Tick(at=start.timestamp() * 1000, label=f"{start:%b %Y}" if step < 12 else f"{start:%Y}")
        for start in starts
        if begin <= start <= end + timedelta(0)
    ]


def _month_start(count: int) -> datetime:
    return datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC)
