"""The floor's own strategies, as plug-ins."""

from __future__ import annotations

from fluxfloor.strategies.base import Features, Strategy, Wish
from fluxfloor.strategies.protective import protective_stop
from fluxfloor.strategies.registry import PLUGINS, build

__all__ = ["PLUGINS", "Features", "Strategy", "Wish", "build", "protective_stop"]
