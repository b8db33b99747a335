"""One minute before a bar's close: what a strategy would want if it closed as it stands. The closed bar decides.

A wish to enter becomes a provisional signal, which Cerebro prepares an order for. On the close the strategy is asked
as if nothing had been prepared: the same wish confirms it, any other answer takes it back.
"""

from __future__ import annotations

import numpy as np

from fluxfloor.contracts import ids
from fluxfloor.contracts.events import CandleClosed, CandleForming
from fluxfloor.contracts.instruments import TIMEFRAME_MS
from fluxfloor.contracts.signals import Action, Signal
from fluxfloor.contracts.state import Holding, Pending, Stances
from fluxfloor.features.compute import Bars, FeatureSet, compute
from fluxfloor.features.positions import with_holding
from fluxfloor.features.speak import Around, Voice, signal_of
from fluxfloor.market.window import rows
from fluxfloor.strategies import Wish


def prepare(
    forming: CandleForming, bars: Bars, stances: Stances | None, speakers: tuple[Voice, ...], around: Around,
    now_ms: int,
) -> tuple[Stances, tuple[Signal, ...]]:  # fmt: skip
    """`bars`: the closed ones. Nothing where the bar before is not among them yet, or this one is over already."""
    candle = forming.candle
    stances = stances or Stances(id=candle.instrument_id)
    before_ms = candle.open_ms - TIMEFRAME_MS[candle.timeframe]
    if not len(bars) or bars[-1, 0] != before_ms or stances.last_close_ms >= forming.close_ms:
        return stances, ()
    features = compute(np.concatenate([bars[1:], rows([candle])]), candle.open_ms)
    if not isinstance(features, FeatureSet):
        return stances, ()
    values, signals = {**features.values, **around.features}, []
    for voice in speakers:
        holding = stances.holdings.get(voice.key, Holding())
        if not voice.prepares or not voice.speaks_on(candle.instrument_id) or holding.lots or holding.pending:
            continue
        wish = voice.strategy.decide(values, candle, holding)
        if isinstance(wish, Wish) and wish.action is Action.ENTRY:
            signal = _provisional(voice, wish, holding, forming, now_ms)
            pending = Pending(exit=False, since_ms=now_ms, prepared_ms=forming.close_ms)
            holding = holding.model_copy(update={"pending": {signal.signal_id: pending}})
            stances = with_holding(stances, voice.key, holding)
            signals.append(signal)
    return stances, tuple(signals)


def _provisional(voice: Voice, wish: Wish, holding: Holding, forming: CandleForming, now_ms: int) -> Signal:
    closed = CandleClosed(candle=forming.candle, close_ms=forming.close_ms, traded=True)
    signal = signal_of(voice.key, wish, voice, holding, closed, now_ms)
    name = ids.digest("prepared", voice.key, forming.candle.instrument_id, forming.close_ms)
    return signal.model_copy(update={"signal_id": name, "provisional": True, "ts_event_ms": now_ms})
