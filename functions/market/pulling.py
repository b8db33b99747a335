"""Asks the exchange, and commits what it said: one step for the quotes, one for each line of bars that is due."""

from __future__ import annotations

import logging

from fluxfloor.contracts.base import Event
from fluxfloor.contracts.events import TimerFired
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.instruments import Candle, Instrument, InstrumentCatalog, ListedCatalog, Quote, QuoteState
from fluxfloor.contracts.state import CandleWindow
from fluxfloor.errors import RetryLater
from fluxfloor.market.catalog import catalog as catalog_of
from fluxfloor.market.pull import take
from fluxfloor.market.quality import thresholds_for
from fluxfloor.market.schedule import Ask, Line, due
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.work import Work

from functions.market import forming

log = logging.getLogger("fluxfloor.market")


def refresh_catalog(context: Context, fact: Fact) -> None:
    """The venue's instruments as it lists them now."""
    exchange = context.settings.market.exchange
    found = catalog_of(exchange, context.ports.market_data(exchange).instruments(), context.now_ms)
    for catalog in (found, ListedCatalog.model_validate(found.model_dump())):
        _replace(context, fact, catalog)


def _replace(context: Context, fact: Fact, catalog: InstrumentCatalog) -> None:
    """Each lies in a database of its own, so each is a step of its own."""

    def decide(event: Event, work: Work) -> None:
        work.read(type(catalog).key(catalog.id))
        work.write(catalog)

    context.step(context.cause(fact.event, fact.event_id, catalog.collection), decide)


def pull(context: Context, fact: Fact) -> None:
    """Quotes first, so that whoever is woken by a bar finds the price that follows it."""
    instruments = _instruments(context, fact)
    _pull_quotes(context, fact, instruments)
    for instrument in instruments:
        for timeframe in context.settings.market.timeframes:
            _pull_line(context, fact, instrument, Line(instrument.instrument_id, timeframe))
    forming.tell(context, fact, instruments)


def pull_closed(context: Context, fact: Fact) -> None:
    """One instrument, just after its bar has closed: somebody has prepared for it."""
    assert isinstance(fact.event, TimerFired)
    wanted = [item for item in _instruments(context, fact) if item.instrument_id == fact.event.subject]
    _pull_quotes(context, fact, wanted)
    for instrument in wanted:
        for timeframe in context.settings.market.timeframes:
            _pull_line(context, fact, instrument, Line(instrument.instrument_id, timeframe))


def _instruments(context: Context, fact: Fact) -> list[Instrument]:
    market = context.settings.market
    known = context.reference(InstrumentCatalog.key(market.exchange))
    if known is None:
        refresh_catalog(context, fact)
        known = context.reference(InstrumentCatalog.key(market.exchange))
    wanted = [f"{market.exchange}:{symbol}" for symbol in market.symbols]
    found = [known.find(name) for name in wanted] if known else []
    missing = [name for name, item in zip(wanted, found, strict=True) if item is None]
    if missing:
        log.error("not in the venue's catalog: %s", ", ".join(missing), extra={"stage": "market"})
    return [item for item in found if item is not None]


def _pull_quotes(context: Context, fact: Fact, instruments: list[Instrument]) -> None:
    """A quote that can't be had is left out: the old one grows stale and says so where it matters."""
    source = context.ports.market_data(context.settings.market.exchange)
    quotes: list[Quote] = []
    for instrument in instruments:
        try:
            quote = source.quote(instrument)
        except RetryLater as problem:
            log.warning("no quote: %s", problem, extra={"stage": "market", "instrument": instrument.instrument_id})
            continue
        if quote is not None:
            quotes.append(quote)

    def decide(event: Event, work: Work) -> None:
        known = work.read_all([QuoteState.key(quote.instrument_id) for quote in quotes])
        for quote, before in zip(quotes, known, strict=True):
            if before is None or before.quote.ts_event_ms < quote.ts_event_ms:
                work.write(QuoteState(id=quote.instrument_id, quote=quote))

    if quotes:
        context.step(context.cause(fact.event, fact.event_id, "quotes"), decide)


def _pull_line(context: Context, fact: Fact, instrument: Instrument, line: Line) -> None:
    market, window = context.settings.market, context.read(CandleWindow.key(line.id))
    ask = due(
        window.last_open_ms if window else 0, line.timeframe, context.now_ms, market.settle_ms, market.window_bars
    )
    if ask is None:
        return
    source = context.ports.market_data(market.exchange)
    try:
        candles = source.candles(instrument, line.timeframe, ask.since_ms, ask.until_ms)
    except RetryLater as problem:
        # The next minute asks again for the same bars; the other lines must not wait for this one.
        log.warning("no candles: %s", problem, extra={"stage": "market", "line": line.id})
        return
    context.step(
        context.cause(fact.event, fact.event_id, line.id, ask.since_ms, ask.until_ms),
        lambda _, work: _take(work, line, candles, ask),
    )


def _take(work: Work, line: Line, candles: list[Candle], ask: Ask) -> None:
    market = work.settings.market
    (window,) = work.read(CandleWindow.key(line.id))
    taken = take(
        window, line, candles, ask, work.now_ms, traded=line.timeframe == market.traded_timeframe,
        limit=market.window_bars, thresholds=thresholds_for(market.exchange), settle_ms=market.settle_ms,
    )  # fmt: skip
    if taken.window is not None:
        work.write(taken.window)
    work.emit(*taken.facts)
