"""The floor's own strategies, as plug-ins."""

from __future__ import annotations

from fluxfloor.strategies.base import Compiled, Features, Strategy, Trail, Wish
from fluxfloor.strategies.protective import followed, following, protective_stop, trailed
from fluxfloor.strategies.registry import PLUGINS, build

__all__ = [
    "PLUGINS", "Compiled", "Features", "Strategy", "Trail", "Wish", "build", "followed", "following", "protective_stop",
    "trailed",
]  # fmt: skip
