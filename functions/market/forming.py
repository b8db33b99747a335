"""One minute before a bar closes, for strategies that prepare: what it looks like, and a look at it as it closes."""

from __future__ import annotations

import logging

from fluxfloor.contracts.events import CandleForming
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.instruments import TIMEFRAME_MS, Candle, Instrument
from fluxfloor.errors import RetryLater
from fluxfloor.market import forming
from fluxfloor.market.window import window_id
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.settings import Settings
from fluxfloor.runtime.work import Work

log = logging.getLogger("fluxfloor.market")
TIMER = "closing"


def prepared(settings: Settings) -> frozenset[str]:
    """The symbols that some strategy prepares on; all of the market's where one names none."""
    own = [item for item in settings.strategies.values() if item.enabled and item.prepare]
    return frozenset(symbol for item in own for symbol in item.symbols or settings.market.symbols)


def tell(context: Context, fact: Fact, instruments: list[Instrument]) -> None:
    """Nothing where nobody prepares, or no bar is about to close."""
    market, wanted = context.settings.market, prepared(context.settings)
    began_ms = forming.open_ms(market.traded_timeframe, context.now_ms) if wanted else None
    if began_ms is None:
        return
    for instrument in instruments:
        if instrument.symbol in wanted:
            _tell(context, fact, instrument, began_ms)


def _tell(context: Context, fact: Fact, instrument: Instrument, began_ms: int) -> None:
    market = context.settings.market
    source, until_ms = context.ports.market_data(market.exchange), context.now_ms - market.settle_ms
    try:
        minutes = source.candles(instrument, forming.MINUTES, began_ms, until_ms)
    except RetryLater as problem:
        log.warning("no minutes: %s", problem, extra={"stage": "market", "instrument": instrument.instrument_id})
        return
    candle = forming.as_it_stands(market.traded_timeframe, began_ms, minutes)
    if candle is not None:
        _state(context, fact, candle)


def _state(context: Context, fact: Fact, candle: Candle) -> None:
    """And has somebody look when it has closed: the next minute's pull would be a minute late."""
    close_ms = candle.open_ms + TIMEFRAME_MS[candle.timeframe]
    due_ms = close_ms + context.settings.market.settle_ms
    line = window_id(candle.instrument_id, candle.timeframe)

    def decide(_: object, work: Work) -> None:
        work.emit(CandleForming(candle=candle, close_ms=close_ms))
        work.set_timer(TIMER, candle.instrument_id, due_ms)

    context.step(context.cause(fact.event, "forming", line, close_ms), decide)
