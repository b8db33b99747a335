"""The floor's own strategies: what makes each wish, and what keeps it silent."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest
from fluxfloor.contracts.instruments import Candle
from fluxfloor.contracts.signals import Action, Direction
from fluxfloor.contracts.state import Holding, Pending
from fluxfloor.errors import Misconfigured
from fluxfloor.strategies import PLUGINS, Wish, build
from fluxfloor.strategies.base import bars_held

BAR_MS = 900_000
NOON_MS = 1_700_000_100_000 // BAR_MS * BAR_MS
QUIET = {
    "ma_20": 100.0, "ma_100": 100.0, "atr_14": 2.0, "atr_median_100": 2.0, "zscore_price_20": 0.0,
    "donchian_lower_20": 95.0, "donchian_upper_20": 105.0, "log_return_1": 0.0, "adaptive_kama_10": 100.0,
    "adaptive_rsi_14": 50.0, "bollinger_lower_20": 96.0, "bollinger_middle_20": 100.5, "regime": 0.0,
    "volatility_ratio": 1.0,
}  # fmt: skip


def candle(close: float = 100.0, low: float | None = None, open_ms: int = NOON_MS) -> Candle:
    low = close - 1 if low is None else low
    return Candle(
        instrument_id="kraken:BTC/USDT", timeframe="15m", open_ms=open_ms, open=close, high=close + 1, low=low,
        close=close, volume=1.0,
    )  # fmt: skip


def held(**more: Any) -> Holding:
    return Holding(lots=5, average_price=Decimal(100), entry_ms=NOON_MS + 100, stop_price=Decimal(96), **more)


def wish(plugin: str, bar: Candle, holding: Holding | None = None, params: Any = None, **features: float) -> Any:
    return build(plugin, params or {}).decide({**QUIET, **features}, bar, holding or Holding())


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_quiet_market_moves_nobody(plugin: str) -> None:
    assert wish(plugin, candle()) is None
    assert not isinstance(wish(plugin, candle(), held()), Wish), "a stop that follows is no wish"


ENTRIES: dict[str, tuple[float, dict[str, float], float]] = {
    "trend": (103.0, {"ma_20": 102.0, "ma_100": 101.0, "atr_14": 2.5}, 98.0),
    "mean_reversion": (94.0, {"zscore_price_20": -2.1}, 90.0),
    "breakout": (105.5, {}, 95.0),
}


@pytest.mark.parametrize("plugin", ENTRIES)
def test_an_entry_is_long_and_carries_its_stop_and_its_reasons(plugin: str) -> None:
    close, features, stop = ENTRIES[plugin]
    got = wish(plugin, candle(close), **features)
    assert got is not None
    assert (got.action, got.direction, got.stop_price) == (Action.ENTRY, Direction.LONG, stop)
    assert got.explanation["close"] == close
    assert got.explanation["stop_price"] == stop
    assert features.items() <= got.explanation.items()


@pytest.mark.parametrize("plugin", ENTRIES)
@pytest.mark.parametrize("leaving", [True, False])
def test_a_signal_on_its_way_keeps_a_strategy_silent(plugin: str, leaving: bool) -> None:
    close, features, _ = ENTRIES[plugin]
    waiting = {"sig": Pending(exit=leaving, since_ms=NOON_MS)}
    assert wish(plugin, candle(close), Holding(pending=waiting), **features) is None
    assert wish(plugin, candle(90.0, low=80.0), held(pending=waiting), ma_20=99.0, zscore_price_20=1.0) is None


@pytest.mark.parametrize("plugin", ENTRIES)
def test_a_strategy_that_holds_does_not_enter_again_and_leaves_a_short_alone(plugin: str) -> None:
    close, features, _ = ENTRIES[plugin]
    again = wish(plugin, candle(close), held(), **features)
    assert again is None
    assert wish(plugin, candle(close), Holding(lots=-5), **features) is None


@pytest.mark.parametrize(
    ("close", "features"),
    [
        (103.0, {"ma_20": 101.0, "ma_100": 101.0, "atr_14": 2.5}),
        (102.0, {"ma_20": 102.0, "ma_100": 101.0, "atr_14": 2.5}),
        (103.0, {"ma_20": 102.0, "ma_100": 101.0, "atr_14": 2.0}),
    ],
)
def test_trend_wants_the_cross_the_close_above_it_and_more_than_usual_movement(
    close: float, features: dict[str, float]
) -> None:
    assert wish("trend", candle(close), **features) is None


def test_trends_threshold_can_be_set_in_price() -> None:
    features = {"ma_20": 102.0, "ma_100": 101.0, "atr_14": 1.0}
    assert wish("trend", candle(103.0), **features) is None
    assert wish("trend", candle(103.0), params={"min_atr": 0.9}, **features) is not None


def test_trend_leaves_on_the_cross_back_or_a_close_at_the_stop() -> None:
    back = wish("trend", candle(99.0), held(), ma_20=99.0, ma_100=99.5)
    stopped = wish("trend", candle(96.0), held(), ma_20=102.0, ma_100=101.0)
    assert back is not None
    assert back.explanation == {"trigger": "cross_back", "ma_20": 99.0, "ma_100": 99.5}
    assert stopped is not None
    assert stopped.explanation == {"trigger": "stop", "close": 96.0, "stop_price": 96.0}
    assert (stopped.action, stopped.direction) == (Action.EXIT, Direction.LONG)


def test_reversion_enters_only_beyond_two_deviations() -> None:
    assert wish("mean_reversion", candle(), zscore_price_20=-2.0) is None
    assert wish("mean_reversion", candle(), zscore_price_20=-2.0001) is not None
    assert wish("mean_reversion", candle(), zscore_price_20=2.5) is None


def test_reversion_leaves_above_the_mean_or_after_twelve_bars() -> None:
    at_mean = wish("mean_reversion", candle(), held(), zscore_price_20=0.01)
    assert at_mean is not None
    assert at_mean.explanation["trigger"] == "back_at_mean"
    eleventh, twelfth = (candle(open_ms=NOON_MS + n * BAR_MS) for n in (10, 11))
    assert wish("mean_reversion", eleventh, held(), zscore_price_20=-1.0) is None
    late = wish("mean_reversion", twelfth, held(), zscore_price_20=-1.0)
    assert late is not None
    assert late.explanation == {"trigger": "time", "bars_held": 12, "zscore_price_20": -1.0}


def test_bars_are_held_from_the_bar_of_the_entry() -> None:
    assert bars_held(candle(), Holding(lots=1, entry_ms=NOON_MS)) == 1
    assert bars_held(candle(), Holding(lots=1, entry_ms=NOON_MS - 1)) == 2
    assert bars_held(candle(), Holding(lots=1, entry_ms=NOON_MS + BAR_MS - 1)) == 1


def test_breakout_leaves_when_the_channels_low_is_touched() -> None:
    got = wish("breakout", candle(97.0, low=95.0), held())
    assert got is not None
    assert got.explanation == {"trigger": "trailing_stop", "low": 95.0, "stop_price": 95.0}
    assert wish("breakout", candle(97.0, low=95.01), held()) is None


def test_an_entry_whose_stop_would_be_no_price_is_not_wished_for() -> None:
    assert wish("mean_reversion", candle(3.0, low=2.5), zscore_price_20=-3.0, atr_14=2.0) is None


@pytest.mark.parametrize("plugin", PLUGINS)
def test_every_plug_in_states_an_expected_alpha_and_only_numbers_as_parameters(plugin: str) -> None:
    strategy: Any = build(plugin, {})
    assert strategy.expected_alpha > 0
    assert all(isinstance(getattr(strategy, field.name), (int, float, type(None))) for field in fields(strategy))


@pytest.mark.parametrize(
    ("plugin", "params", "named"),
    [
        ("momentum", {}, "'momentum' is none of trend"),
        ("trend", {"atr_stop": 2.0}, "no parameter atr_stop; it has stop_atr"),
        ("trend", {"stop_atr": 0.0}, r"Trend\.stop_atr is 0\.0"),
        ("trend", {"stop_atr": float("nan")}, r"Trend\.stop_atr is nan"),
        ("trend", {"stop_atr": "2"}, r"Trend\.stop_atr is '2'"),
        ("trend", {"min_atr": -1.0}, r"Trend\.min_atr"),
        ("mean_reversion", {"exit_z": -3.0}, r"MeanReversion\.exit_z"),
        ("mean_reversion", {"max_bars": True}, r"MeanReversion\.max_bars"),
        ("breakout", {"expected_alpha": 0.0}, r"Breakout\.expected_alpha"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(plugin: str, params: dict[str, Any], named: str) -> None:
    with pytest.raises(Misconfigured, match=named):
        build(plugin, params)
