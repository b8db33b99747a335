"""What stands beside the rule for the regime, on an embedded store: what is written when, and what a signal carries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fluxfloor.contracts.base import Document
from fluxfloor.contracts.events import CandleClosed, SignalReceived
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.instruments import Candle
from fluxfloor.contracts.signals import Action, Direction, Leg, Signal
from fluxfloor.contracts.state import AssetCorrelation, CandleWindow, RegimeModel
from fluxfloor.local import audit
from fluxfloor.local.counting import CountingFloor
from fluxfloor.local.floor import Floor
from fluxfloor.market.window import encode, window_id
from fluxfloor.ports import Commit, Delivery, Ref
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.runner import Outcome
from fluxfloor.runtime.settings import load

BTC, ETH = "kraken:BTC/USDT", "kraken:ETH/USDT"
STEPS_MS = {"5m": 300_000, "15m": 900_000, "1h": 3_600_000}
HOUR_MS = 1_790_000_000_000 // STEPS_MS["1h"] * STEPS_MS["1h"]
QUARTER_PAST_MS = HOUR_MS + STEPS_MS["15m"]
Open = Callable[..., Floor]


def bars(symbol: str, timeframe: str, close_ms: int) -> np.ndarray:
    """A restless rise, up to the last bar that had closed by then. Both symbols share most of it."""
    step_ms = STEPS_MS[timeframe]
    last_ms = close_ms // step_ms * step_ms
    common, own = (np.random.default_rng([seed, step_ms]).standard_normal(500) for seed in (1, len(symbol)))
    if symbol == ETH:
        own = np.random.default_rng([7, step_ms]).standard_normal(500)
    close = 100 * np.exp(np.cumsum(0.0005 + 0.003 * common + 0.001 * own))
    open_ms = last_ms - step_ms * np.arange(500, 0, -1)
    open_ = np.r_[close[0], close[:-1]]
    high, low = np.maximum(open_, close) * 1.001, np.minimum(open_, close) * 0.999
    return np.column_stack([open_ms, open_, high, low, close, np.ones(500)])


def put(floor: Floor, document: Document) -> None:
    """Creates it, or puts it in the place of what was there."""
    ref = Ref(document.collection, document.id, document.database)
    (before,) = floor.store.read([ref])
    if before.data is None:
        floor.store.commit(Commit(creates={ref: {**document.encode(), "version": 1}}))
    else:
        version = before.data["version"] + 1
        floor.store.commit(Commit(updates={ref: ({**document.encode(), "version": version}, before.token)}))


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    floors: list[Floor] = []

    def make(**regimes: Any) -> Floor:
        market = {"symbols": ["BTC/USDT", "ETH/USDT"]}
        settings = load(overrides={"market": market, "strategies": {}, "regimes": regimes})
        clock = VirtualClock(QUARTER_PAST_MS + 2_000)
        floors.append(CountingFloor(tmp_path / str(len(floors)), settings, clock, stages=("features",)))
        return floors[-1]

    yield make
    for floor in floors:
        floor.close()


def deliver(floor: Floor, event: Any) -> Outcome:
    fact = Fact.first(digest("told", event.model_dump_json()), event, QUARTER_PAST_MS)
    return floor.runners["features"].handle(Delivery("test", fact.data(), fact.attributes(), attempt=1))


def tell(floor: Floor, symbol: str = BTC, close_ms: int = QUARTER_PAST_MS) -> Outcome:
    for name in (BTC, ETH):
        for timeframe in STEPS_MS:
            table = bars(name, timeframe, close_ms)
            put(floor, CandleWindow(id=window_id(name, timeframe), bars=encode(table), count=500))
    open_ms, open_, high, low, close, volume = bars(symbol, "15m", close_ms)[-1].tolist()
    candle = Candle(
        instrument_id=symbol, timeframe="15m", open_ms=int(open_ms), open=open_, high=high, low=low, close=close,
        volume=volume,
    )  # fmt: skip
    return deliver(floor, CandleClosed(candle=candle, close_ms=close_ms, traded=True))


def read(floor: Floor, key: Any) -> Any:
    return floor.context("features").read(key)


def scored(floor: Floor, symbol: str) -> dict[str, Any]:
    """What Cerebro is handed for a signal on it."""
    signal = Signal(
        signal_id=f"s-{symbol.replace(':', '-').replace('/', '-')}", sender_id="desk", strategy_id="s",
        portfolio_id="main", format="standard", action=Action.ENTRY,
        legs=(Leg(instrument_id=symbol, direction=Direction.LONG),), ts_event_ms=QUARTER_PAST_MS,
        ts_received_ms=QUARTER_PAST_MS,
    )  # fmt: skip
    assert deliver(floor, SignalReceived(signal=signal)) is Outcome.ACK
    facts = [fact for step in audit.rows(floor.store, "journal") for fact in step["facts"]]
    (found,) = [
        fact["data"] for fact in facts
        if fact["type"] == "signals.scored.v1" and fact["data"]["signal"]["signal_id"] == signal.signal_id
    ]  # fmt: skip
    return dict(found["features"])


def test_a_model_is_written_once_an_epoch_and_its_opinion_goes_with_every_signal(opened: Open) -> None:
    floor = opened()
    for bar in range(3):
        assert tell(floor, close_ms=QUARTER_PAST_MS + bar * STEPS_MS["15m"]) is Outcome.ACK
    model = read(floor, RegimeModel.key(window_id(BTC, "15m")))
    assert (model.version, model.fitted_bars) == (1, 300)
    said = scored(floor, BTC)
    assert said["hmm_down"] + said["hmm_sideways"] + said["hmm_up"] == pytest.approx(1.0)
    assert "hmm_contradicts" in said


def test_without_states_nothing_is_read_or_said(opened: Open) -> None:
    floor = opened(hmm_states=0)
    tell(floor)
    assert read(floor, RegimeModel.key(window_id(BTC, "15m"))) is None
    assert not [name for name in scored(floor, BTC) if name.startswith("hmm_")]


def test_the_first_symbol_asks_for_all_once_an_hour(opened: Open) -> None:
    floor = opened()
    tally = floor.tally  # type: ignore[attr-defined]
    read_each = []
    for symbol, bar in ((ETH, 0), (BTC, 0), (BTC, 1)):
        with tally.invocation("features", "bar", f"{symbol}{bar}"):
            tell(floor, symbol, QUARTER_PAST_MS + bar * STEPS_MS["15m"])
        read_each.append(tally.handled[-1].operations)
    assert [item.documents_read for item in read_each] == [6, 8, 6], (
        "the stances, the row, three windows and the model; then ETH's hours and what is kept"
    )
    known = read(floor, AssetCorrelation.key("kraken"))
    assert (known.version, known.as_of_ms) == (1, (HOUR_MS,))
    assert known.means[0] > 0.8


def test_a_signal_on_any_instrument_carries_the_hour_known_a_bar_before(opened: Open) -> None:
    floor = opened()
    tell(floor)
    tell(floor, ETH)
    assert "mean_correlation" not in scored(floor, ETH), "this hour was learned on this very bar"
    later = opened()
    tell(later)
    tell(later, ETH, QUARTER_PAST_MS + STEPS_MS["15m"])
    known = read(later, AssetCorrelation.key("kraken"))
    assert scored(later, ETH)["mean_correlation"] == known.means[0]
