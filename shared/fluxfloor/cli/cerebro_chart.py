"""The picture beside an allocation: what has how much and adds what to the tail, and where it lies on the frontier."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from fluxfloor.allocation import History, allocate
from fluxfloor.allocation.sandbox import Answer
from fluxfloor.contracts.allocation import Allocated, AllocationPolicy
from fluxfloor.reporting.tearsheet import styled

BARS = 25
VISIBLE = 5e-4
POINTS = 8


def drawn(
    found: Allocated, histories: Sequence[History], rules: AllocationPolicy, current: Mapping[str, float] | None
) -> bytes:
    """PNG."""
    out = io.BytesIO()
    with styled():
        figure = Figure(figsize=(9.0, 4.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        _weights(left, found)
        _frontier(right, found, frontier(histories, rules, current))
        figure.savefig(out, format="png", dpi=150, metadata={"Software": None})
    return out.getvalue()


def compared(found: Answer) -> bytes:
    """PNG: the weights today and then, the heaviest first, and what both come to on the study's days."""
    assert found.today is not None
    assert found.then is not None
    today, then, out = found.today, found.then, io.BytesIO()
    heavier = {name: max(today.weights.get(name, 0.0), then.weights.get(name, 0.0)) for name in found.difference}
    names = sorted((name for name in heavier if heavier[name] > VISIBLE), key=lambda name: heavier[name])
    with styled():
        figure = Figure(figsize=(9.0, 4.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        _pairs(left, names[-BARS:], today.weights, then.weights)
        measures = {"deepest fall": "max_drawdown", "CVaR a day": "cvar", "mean a day": "expected_return"}
        _pairs(right, list(measures), *({n: getattr(one, m) for n, m in measures.items()} for one in (today, then)))
        left.set_title("weights")
        right.set_title("on the study's days")
        figure.savefig(out, format="png", dpi=150, metadata={"Software": None})
    return out.getvalue()


def _pairs(axes: Axes, names: Sequence[str], today: Mapping[str, float], then: Mapping[str, float]) -> None:
    places = np.arange(len(names))
    for shift, label, values in ((0.2, "today", today), (-0.2, "then", then)):
        bars = axes.barh(places + shift, [values.get(name, 0.0) for name in names], 0.4, label=label)
        if len(names) <= 3:
            axes.bar_label(bars, [f"{values.get(name, 0.0):.2%}" for name in names], padding=3)
            axes.margins(x=0.2)
    axes.set_yticks(places, names)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(loc="lower right")


def frontier(
    histories: Sequence[History], rules: AllocationPolicy, current: Mapping[str, float] | None
) -> list[tuple[float, float]]:
    """(CVaR, expected return) from the least CVaR to the greatest return, under the same caps."""

    def at(**changes: Any) -> tuple[float, float] | None:
        one = allocate(histories, rules.model_copy(update=changes), current)
        return None if one.cvar is None or one.expected_return is None else (one.cvar, one.expected_return)

    least, most = at(objective="min_cvar", cvar_limit=None), at(objective="max_return", cvar_limit=None)
    if least is None or most is None:
        return []
    between = np.linspace(least[0], most[0], POINTS)[1:-1]
    inner = [at(objective="max_return", cvar_limit=float(limit)) for limit in between]
    return [least, *(point for point in inner if point is not None), most]


def _weights(axes: Axes, found: Allocated) -> None:
    names = sorted(found.weights, key=lambda name: found.weights[name])[-BARS:]
    places = np.arange(len(names))
    axes.barh(places + 0.2, [found.weights[name] for name in names], 0.4, label="weight")
    cvar = found.cvar or np.nan
    adds = [found.weights[name] * found.marginal_cvar.get(name, np.nan) / cvar for name in names]
    axes.barh(places - 0.2, adds, 0.4, label="share of CVaR")
    axes.set_yticks(places, names)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(loc="lower right")
    axes.set_title(f"{found.objective.replace('_', ' ')}: {found.status}")


def _frontier(axes: Axes, found: Allocated, points: Sequence[tuple[float, float]]) -> None:
    if points:
        axes.plot(*zip(*points, strict=True), marker=".", label="frontier")
    axes.plot([found.cvar or 0.0], [found.expected_return or 0.0], "o", label="these weights")
    axes.set_xlabel("CVaR of a period")
    axes.set_ylabel("expected return of a period")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=2))
    axes.legend(loc="lower right")
