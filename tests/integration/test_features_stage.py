"""The features stage on an embedded store: what a bar reads, what it leaves, and what the noise filter says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fluxfloor.contracts.base import Document
from fluxfloor.contracts.events import CandleClosed
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.instruments import Candle, Quote, QuoteState
from fluxfloor.contracts.state import CandleWindow, FeatureRow
from fluxfloor.features import VERSION
from fluxfloor.local import audit
from fluxfloor.local.counting import CountingFloor
from fluxfloor.local.floor import Floor
from fluxfloor.market.window import encode, window_id
from fluxfloor.ports import Commit, Delivery, Ref
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.runner import Outcome
from fluxfloor.runtime.settings import load

BTC = "kraken:BTC/USDT"
STEPS_MS = {"5m": 300_000, "15m": 900_000, "1h": 3_600_000}
CLOSE_MS = 1_790_000_000_000 // STEPS_MS["1h"] * STEPS_MS["1h"]
Open = Callable[..., Floor]


def bars(timeframe: str, count: int = 500) -> np.ndarray:
    """A slow rise whose last close is above all before it: the breakout strategy wants in."""
    step_ms = STEPS_MS[timeframe]
    close = 100 + np.linspace(0, 5, count) + 0.3 * np.sin(np.arange(count))
    close[-1] = 110.0
    open_ms = CLOSE_MS - step_ms * np.arange(count, 0, -1)
    open_ = np.r_[close[0], close[:-1]]
    high, low = np.maximum(open_, close) + 0.5, np.minimum(open_, close) - 0.5
    return np.column_stack([open_ms, open_, high, low, close, np.ones(count)])


def put(floor: Floor, document: Document) -> None:
    ref = Ref(document.collection, document.id, document.database)
    floor.store.commit(Commit(creates={ref: {**document.encode(), "version": 1}}))


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    floors: list[Floor] = []

    def make(noise: str = "off", timeframes: tuple[str, ...] = ("15m", "5m", "1h"), **limits: Any) -> Floor:
        strategy = {"plugin": "breakout", "noise": noise}
        settings = load(
            overrides={
                "market": {"symbols": ["BTC/USDT"], "timeframes": timeframes},
                "strategies": {"breakout": strategy},
                "noise": {"spread_share": 0.5, "breakout_volume_ratio": 0.5, **limits},
            }
        )
        floor = CountingFloor(
            tmp_path / str(len(floors)), settings, VirtualClock(CLOSE_MS + 2_000), stages=("features",)
        )
        floors.append(floor)
        for timeframe in timeframes:
            id = window_id(BTC, timeframe)
            put(
                floor,
                CandleWindow(id=id, bars=encode(bars(timeframe)), count=500, last_open_ms=int(bars(timeframe)[-1, 0])),
            )
        quote = Quote(instrument_id=BTC, bid="109.99", ask="110.01", ts_event_ms=CLOSE_MS)
        put(floor, QuoteState(id=BTC, quote=quote))
        return floor

    yield make
    for floor in floors:
        floor.close()


def tell(floor: Floor) -> Outcome:
    open_ms, open_, high, low, close, volume = bars("15m")[-1].tolist()
    candle = Candle(
        instrument_id=BTC, timeframe="15m", open_ms=int(open_ms), open=open_, high=high, low=low, close=close,
        volume=volume,
    )  # fmt: skip
    event = CandleClosed(candle=candle, close_ms=CLOSE_MS, traded=True)
    fact = Fact.first(digest("told", event.model_dump_json()), event, CLOSE_MS)
    tally = floor.tally  # type: ignore[attr-defined]
    with tally.invocation("features", event.type, "bar"):
        return floor.runners["features"].handle(Delivery("test", fact.data(), fact.attributes(), attempt=1))


def stated(floor: Floor) -> list[dict[str, Any]]:
    return [fact for step in audit.rows(floor.store, "journal") for fact in step["facts"]]


def row(floor: Floor) -> FeatureRow:
    found = floor.context("features").read(FeatureRow.key(BTC))
    assert found is not None
    return found


def test_a_bar_leaves_a_row_with_what_the_other_timeframes_say(opened: Open) -> None:
    floor = opened()
    assert tell(floor) is Outcome.ACK
    assert row(floor).features_version == VERSION
    assert row(floor).values["deviation_5m_20"] == pytest.approx(bars("5m")[-21:-1, 4].std())
    assert row(floor).values["spike"] == 0.0
    assert [fact["type"] for fact in stated(floor)] == ["signals.received.v1"]


def test_without_other_timeframes_the_row_is_there_all_the_same(opened: Open) -> None:
    floor = opened(timeframes=("15m",))
    assert tell(floor) is Outcome.ACK
    assert not {"deviation_5m_20", "spike"} & set(row(floor).values)


@pytest.mark.parametrize(("noise", "documents"), [("off", 6), ("breakout", 7)])
def test_a_bar_is_one_read_round_one_commit_and_reads_the_quote_only_for_a_filter(
    opened: Open, noise: str, documents: int
) -> None:
    floor = opened(noise)
    tell(floor)
    (done,) = [item.operations for item in floor.tally.handled]  # type: ignore[attr-defined]
    assert (done.reads, done.commits, done.documents_read) == (1, 1, documents)


def test_an_entry_that_passes_is_stated_and_one_that_does_not_is_explained(opened: Open) -> None:
    passing, held = opened("breakout"), opened("breakout", breakout_volume_ratio=1.5)
    for floor in (passing, held):
        assert tell(floor) is Outcome.ACK
    assert [fact["type"] for fact in stated(passing)] == ["signals.received.v1"]
    (fact,) = stated(held)
    assert (fact["type"], fact["data"]["kind"], fact["data"]["scope"]) == ("risks.raised.v1", "entry_filtered", BTC)
    assert fact["data"]["details"]["reasons"] == "volume"
    assert fact["data"]["details"]["spread"] == "0.02"
