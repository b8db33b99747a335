"""Every signal, whoever sent it, gets what the market and its strategy look like before Cerebro sees it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fluxfloor.contracts.events import LegScored, SignalScored
from fluxfloor.contracts.instruments import Quote
from fluxfloor.contracts.signals import Signal
from fluxfloor.contracts.state import FeatureRow, Stances
from fluxfloor.features.positions import holding_key, mean_edge

NOTHING: Mapping[str, float] = MappingProxyType({})


def score(
    signal: Signal, quote: Quote | None, row: FeatureRow | None, stances: Stances | None,
    market: Mapping[str, float] = NOTHING, others: Mapping[str, LegScored] = MappingProxyType({}),
) -> SignalScored:  # fmt: skip
    """Of the signal's first instrument, and what `market` says of the whole beside its row; `others` are the rest of
    its legs. What is not known is left out, and refusing for it is Cerebro's part."""
    first = score_leg(signal, quote, row, stances, market)
    return SignalScored(signal=signal, others=dict(others), **dict(first))


def score_leg(
    signal: Signal, quote: Quote | None, row: FeatureRow | None, stances: Stances | None,
    market: Mapping[str, float] = NOTHING,
) -> LegScored:  # fmt: skip
    key = holding_key(signal.portfolio_id, signal.strategy_id)
    return LegScored(
        quote=quote,
        features={**row.values, **market} if row else {},
        features_version=row.features_version if row else "",
        bar_close_ms=row.close_ms if row else None,
        mean_edge=mean_edge(stances.holdings.get(key)) if stances else None,
    )
