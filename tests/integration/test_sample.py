"""The sample that ships: real bars without a fault, and webhooks that go every way a webhook can."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import fluxfloor.local
from fluxfloor.adapters.venues.file_data import FileMarketData, Series
from fluxfloor.contracts.events import CandleClosed
from fluxfloor.contracts.instruments import Instrument, InstrumentCatalog
from fluxfloor.contracts.state import CandleWindow, Sender
from fluxfloor.market.candles_file import read_candles_file
from fluxfloor.market.pull import quarantined_bars, take
from fluxfloor.market.quality import Thresholds
from fluxfloor.market.schedule import Line, due
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.signals.refusals import Refused
from fluxfloor.signals.standardise import standardise

SAMPLE = Path(fluxfloor.local.__file__).parent / "sample"
EURUSD = Instrument(
    instrument_id="demo:EUR/USD", venue="demo", symbol="EUR/USD", base="EUR", quote="USD",
    tick_size=Decimal("0.00001"), lot_size=Decimal(1),
)  # fmt: skip


def test_every_bar_of_the_sample_passes_the_gate() -> None:
    clock = VirtualClock(0)
    bars = read_candles_file((SAMPLE / "eurusd_1h.parquet").read_bytes(), "eurusd_1h.parquet")
    data = FileMarketData([Series(EURUSD, "1h", bars)], clock)
    line, window, marks, bad = Line(EURUSD.instrument_id, "1h"), None, Counter[str](), 0
    for close_ms in data.closes_ms():
        clock.advance_to(close_ms)
        ask = due(window.last_open_ms if window else 0, "1h", close_ms, settle_ms=0)
        assert ask is not None
        candles = data.candles(EURUSD, "1h", ask.since_ms, ask.until_ms)
        taken = take(window, line, candles, ask, close_ms, traded=True, thresholds=Thresholds(sparse=True), settle_ms=0)
        window, bad = taken.window, bad + quarantined_bars(taken.facts)
        marks.update(
            mark for fact in taken.facts if isinstance(fact, CandleClosed) for mark in ("bar", *fact.candle.marks)
        )
    assert marks == {"bar": 6_225, "gap": 52, "jump": 1}
    assert bad == 0
    assert isinstance(window, CandleWindow)
    assert datetime.fromtimestamp(window.last_open_ms / 1_000, UTC) == datetime(2017, 12, 29, 21, tzinfo=UTC)


def test_the_samples_webhooks_are_taken_repeated_or_refused_as_its_notes_say() -> None:
    catalogs = {"demo": InstrumentCatalog(id="demo", ts_event_ms=0, instruments=(EURUSD,))}
    sender = Sender(id="demo", portfolio_id="main", secret_name="sender-demo", default_venue="demo")
    outcomes, formats, seen = Counter[str](), set(), set()
    for line in (SAMPLE / "webhooks.jsonl").read_text().splitlines():
        hook = json.loads(line)
        assert hook["sender"] == "demo"
        now_ms = int(datetime.fromisoformat(hook["at"]).timestamp() * 1_000)
        try:
            taken = standardise(
                hook["body"].encode(), hook["content_type"], {}, sender, "demo-secret", catalogs, now_ms
            )
        except Refused as refused:
            outcomes[refused.code] += 1
            continue
        outcomes["repeat" if taken.event_id in seen else "taken"] += 1
        seen.add(taken.event_id)
        formats.add(taken.format)
    assert outcomes == {
        "taken": 19, "repeat": 2, "stale": 1, "invalid_secret": 1, "invalid_json": 1, "unfilled_placeholder": 1,
        "unknown_instrument": 1,
    }  # fmt: skip
    assert formats == {"standard", "tradingview", "threecommas", "keyvalue", "traderspost"}
