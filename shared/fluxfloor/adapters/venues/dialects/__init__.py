"""One module per venue: what ccxt does not unify of it. `dialect_of` knows them by the venue's name."""

from __future__ import annotations

import importlib

from fluxfloor.adapters.venues.dialects.base import Dialect
from fluxfloor.errors import Misconfigured

DIALECTS: dict[str, str] = {
    "kraken": "Kraken",
    "binance": "Binance",
    "coinbase": "Coinbase",
    "bybit": "Bybit",
    "okx": "Okx",
}
"""Venue → the class in the module of that name. A venue here has a row in contracts.venues too."""


def dialect_of(venue: str) -> type[Dialect]:
    """Raises Misconfigured for a venue that has none."""
    if venue not in DIALECTS:
        raise Misconfigured(f"venue {venue!r} has no dialect; these have: {', '.join(DIALECTS)}")
    module = importlib.import_module(f"{__name__}.{venue}")
    found: type[Dialect] = getattr(module, DIALECTS[venue])
    return found
