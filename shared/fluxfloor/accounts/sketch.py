"""Quantiles in bounded space: a histogram with buckets in proportion (DDSketch: Masson, Rim and Lee, VLDB 2019).

A quantile is that of some value within 5 % of the one returned. Sketches of parts add up to the sketch of the whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from fluxfloor.contracts.results import Sketch

GAMMA = 1.1  # the width of a bucket: its middle is within (GAMMA - 1) / (GAMMA + 1) of all it holds
LEAST, MOST = 1e-3, 1e9  # what is smaller counts as zero, what is larger as this: 290 buckets a side at most


def added(sketch: Sketch, value: float) -> Sketch:
    side = "above" if value > 0 else "below"
    changes: dict[str, object] = {
        "count": sketch.count + 1, "total": sketch.total + value,
        "least": min(sketch.least, value) if sketch.count else value,
        "most": max(sketch.most, value) if sketch.count else value,
    }  # fmt: skip
    if abs(value) < LEAST:
        changes["zeros"] = sketch.zeros + 1
    else:
        buckets: dict[str, int] = dict(getattr(sketch, side))
        name = str(_bucket(abs(value)))
        changes[side] = {**buckets, name: buckets.get(name, 0) + 1}
    return sketch.model_copy(update=changes)


def merged(sketches: Iterable[Sketch]) -> Sketch:
    found = [sketch for sketch in sketches if sketch.count]
    if not found:
        return Sketch()
    return Sketch(
        count=sum(item.count for item in found), total=sum(item.total for item in found),
        least=min(item.least for item in found), most=max(item.most for item in found),
        zeros=sum(item.zeros for item in found), above=_summed(item.above for item in found),
        below=_summed(item.below for item in found),
    )  # fmt: skip


def quantile(sketch: Sketch, share: float) -> float | None:
    """The value at this share of all, from the smallest on; None where there is none."""
    if not sketch.count:
        return None
    rank, passed = share * (sketch.count - 1), 0
    for value, count in _rising(sketch):
        passed += count
        if passed > rank:
            return min(max(value, sketch.least), sketch.most)
    return sketch.most


def mean(sketch: Sketch) -> float | None:
    return sketch.total / sketch.count if sketch.count else None


def _bucket(size: float) -> int:
    return math.ceil(math.log(min(size, MOST), GAMMA))


def _middle(bucket: int) -> float:
    return float(2 * GAMMA**bucket / (GAMMA + 1))


def _rising(sketch: Sketch) -> list[tuple[float, int]]:
    below = sorted(((-_middle(int(name)), count) for name, count in sketch.below.items()))
    above = sorted(((_middle(int(name)), count) for name, count in sketch.above.items()))
    return [*below, (0.0, sketch.zeros), *above]


def _summed(sides: Iterable[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for side in sides:
        for name, count in side.items():
            total[name] = total.get(name, 0) + count
    return total
