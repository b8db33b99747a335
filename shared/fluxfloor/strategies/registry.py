"""Every strategy by the name that settings use. Adding one is its file and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from fluxfloor.errors import Misconfigured
from fluxfloor.strategies.base import Strategy
from fluxfloor.strategies.breakout import Breakout
from fluxfloor.strategies.dual_mode import DualMode
from fluxfloor.strategies.ma_cross import MaCross
from fluxfloor.strategies.mean_reversion import MeanReversion
from fluxfloor.strategies.trend import Trend

PLUGINS: dict[str, Callable[..., Strategy]] = {
    "trend": Trend,
    "mean_reversion": MeanReversion,
    "breakout": Breakout,
    "dual_mode": DualMode,
    "ma_cross": MaCross,
}


def build(plugin: str, params: Mapping[str, float]) -> Strategy:
    """The strategy with these parameters over its defaults. Raises Misconfigured for an unknown name or a bad value."""
    made: Any = PLUGINS.get(plugin)
    if made is None:
        raise Misconfigured(f"strategy plug-in {plugin!r} is none of {', '.join(PLUGINS)}")
    known = [field.name for field in fields(made)]
    unknown = sorted(set(params) - set(known))
    if unknown:
        raise Misconfigured(f"strategy {plugin} has no parameter {', '.join(unknown)}; it has {', '.join(known)}")
    strategy: Strategy = made(**params)
    return strategy
