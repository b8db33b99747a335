"""Moves closed bars from the hot windows to Parquet, one blob a month, before the windows forget them."""

from __future__ import annotations

from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.instruments import Instrument, InstrumentCatalog
from fluxfloor.contracts.state import CandleWindow, MarketCursor
from fluxfloor.market import archive as files
from fluxfloor.market.schedule import Line
from fluxfloor.market.window import Bars, decode
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.work import Work


def archive(context: Context, fact: Fact) -> None:
    market = context.settings.market
    catalog = context.reference(InstrumentCatalog.key(market.exchange))
    for symbol in market.symbols if catalog else ():
        instrument = catalog.find(f"{market.exchange}:{symbol}") if catalog else None
        for timeframe in market.timeframes if instrument else ():
            if instrument is not None:
                _archive_line(context, fact, instrument, timeframe)


def _archive_line(context: Context, fact: Fact, instrument: Instrument, timeframe: str) -> None:
    """Blobs first, then the cursor: a crash between the two writes the same bars again, to the same effect."""
    line = Line(instrument.instrument_id, timeframe)
    window, cursor = context.read(CandleWindow.key(line.id)), context.read(MarketCursor.key(line.id))
    if window is None:
        return
    months = files.outstanding(decode(window.bars), timeframe, cursor.archived_open_ms if cursor else 0)
    for month, bars in months.items():
        _write_month(context, files.blob_name(instrument, timeframe, month), bars)
    if months:
        context.step(
            context.cause(fact.event, fact.event_id, line.id),
            lambda _, work: _advance(work, line.id, window.last_open_ms),
        )


def _write_month(context: Context, name: str, bars: Bars) -> None:
    old = context.ports.blobs.get(name)
    merged = files.merge(old.data if old else None, bars)
    context.ports.blobs.put(name, merged, files.CONTENT_TYPE, if_generation=old.generation if old else 0)


def _advance(work: Work, line_id: str, open_ms: int) -> None:
    (cursor,) = work.read(MarketCursor.key(line_id))
    if cursor is None or cursor.archived_open_ms < open_ms:
        work.write(MarketCursor(id=line_id, archived_open_ms=open_ms))
