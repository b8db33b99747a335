"""Dual mode: which mode the regime lets in, what each does, and how its modes are weighed."""

from __future__ import annotations

from decimal import Decimal
from math import log
from typing import Any

import pytest
from fluxfloor.contracts.instruments import Candle
from fluxfloor.contracts.signals import Action, Direction
from fluxfloor.contracts.state import Holding, ModeRecord
from fluxfloor.errors import Misconfigured
from fluxfloor.kernels.modes import month_of
from fluxfloor.strategies import Trail, Wish, build, followed, trailed
from fluxfloor.strategies.trial import weighed, weight_of

BAR_MS = 900_000
NOON_MS = 1_700_000_100_000 // BAR_MS * BAR_MS
DOWN, AROUND, UP, REVERTING = -1.0, 0.0, 1.0, 2.0
AT_100 = {
    "adaptive_kama_10": 100.0, "atr_14": 2.0, "adaptive_rsi_14": 50.0, "bollinger_lower_20": 97.0,
    "bollinger_middle_20": 100.0, "regime": UP, "volatility_ratio": 1.0,
}  # fmt: skip


def wish(
    close: float, before: float, holding: Holding | None = None, params: Any = None, **features: float
) -> Wish | Trail | None:
    bar = Candle(
        instrument_id="kraken:BTC/USDT", timeframe="15m", open_ms=NOON_MS, open=before, high=max(close, before),
        low=min(close, before), close=close, volume=1.0,
    )  # fmt: skip
    row = {**AT_100, "log_return_1": log(close / before), **features}
    return build("dual_mode", params or {}).decide(row, bar, holding or Holding())


def entered(*args: Any, **features: Any) -> tuple[Direction, float, str, float]:
    got = wish(*args, **features)
    assert isinstance(got, Wish)
    assert got.action is Action.ENTRY
    assert got.stop_price is not None
    return got.direction, round(got.stop_price, 9), got.tag, round(got.size_factor, 9)


def held(tag: str, lots: int = 5, best: float = 104.0) -> Holding:
    return Holding(
        lots=lots, average_price=Decimal(101), entry_ms=NOON_MS - BAR_MS, stop_price=Decimal(96), tag=tag,
        best_price=Decimal(str(best)),
    )  # fmt: skip


def test_an_uptrend_is_entered_as_the_close_crosses_half_an_atr_above_the_average() -> None:
    assert entered(101.1, 100.9) == (Direction.LONG, 96.1, "trend", 1.0)
    assert wish(101.0, 100.9) is None
    assert wish(101.1, 101.05) is None, "it was above already"


def test_a_downtrend_is_sold_short_on_the_other_side_unless_that_is_switched_off() -> None:
    assert entered(98.9, 99.1, regime=DOWN) == (Direction.SHORT, 103.9, "trend", 1.0)
    assert wish(98.9, 99.1, regime=UP) is None
    assert wish(98.9, 99.1, params={"shorts": 0}, regime=DOWN) is None


def test_a_range_is_bought_at_its_lower_band_when_the_rsi_is_low() -> None:
    low = {"regime": REVERTING, "adaptive_rsi_14": 29.0}
    assert entered(96.0, 98.0, **low) == (Direction.LONG, 93.12, "reversion", 1.0)
    assert wish(97.1, 98.0, **low) is None
    assert wish(96.0, 98.0, **{**low, "adaptive_rsi_14": 30.0}) is None
    assert wish(101.1, 100.9, regime=REVERTING) is None


def test_in_between_both_have_to_agree_and_the_size_is_smaller() -> None:
    assert entered(101.1, 100.9, regime=AROUND) == (Direction.LONG, 98.067, "neutral", 0.7)
    assert wish(101.1, 100.9, regime=AROUND, adaptive_rsi_14=70.1) is None


def test_a_spike_makes_stops_wider_and_sizes_smaller() -> None:
    assert entered(101.1, 100.9, volatility_ratio=2.1) == (Direction.LONG, 93.6, "trend", 0.7)
    assert entered(96.0, 98.0, regime=REVERTING, adaptive_rsi_14=20.0, volatility_ratio=3.0)[1:] == (
        91.68, "reversion", 0.7,
    )  # fmt: skip


@pytest.mark.parametrize(("spike", "ratio", "stop", "size"), [(1.0, 1.0, 93.6, 0.7), (0.0, 3.0, 96.1, 1.0)])
def test_where_the_bars_beside_are_known_they_say_whether_it_is_one(
    spike: float, ratio: float, stop: float, size: float
) -> None:
    assert entered(101.1, 100.9, spike=spike, volatility_ratio=ratio) == (Direction.LONG, stop, "trend", size)


def test_a_trail_is_wider_in_a_spike_too() -> None:
    assert wish(103.0, 102.0, held("trend"), spike=1.0) == Trail(96.5)
    assert wish(103.0, 102.0, held("trend"), spike=0.0, volatility_ratio=3.0) == Trail(99.0)


@pytest.mark.parametrize(
    ("features", "told"),
    [
        ({"spike": 1.0}, "5-minute ATR above twice the hourly: stop × 1.5, size × 0.7"),
        ({"volatility_ratio": 2.1}, "ATR above its 50-bar mean × 2: stop × 1.5, size × 0.7"),
        ({"spike": 0.0, "volatility_ratio": 2.1}, None),
    ],
)
def test_an_entry_in_a_spike_says_so_first_and_by_which_measure(features: Any, told: str | None) -> None:
    got = wish(101.1, 100.9, **features)
    assert isinstance(got, Wish)
    assert got.explanation.get("spike") == told
    assert got.explanation["volatility_ratio"] == features.get("volatility_ratio", 1.0)
    assert next(iter(got.explanation)) == ("trigger" if told is None else "spike")


def test_without_the_gate_both_modes_speak_in_any_regime() -> None:
    assert entered(101.1, 100.9, params={"regime_gate": 0}, regime=DOWN)[2] == "trend"
    assert entered(96.0, 98.0, params={"regime_gate": 0, "shorts": 0}, regime=UP, adaptive_rsi_14=9.0)[2] == "reversion"


@pytest.mark.parametrize(
    ("tag", "close", "features", "trigger"),
    [
        ("trend", 99.3, {}, "trend_over"),
        ("reversion", 100.0, {}, "at_mean"),
        ("reversion", 99.0, {"adaptive_rsi_14": 71.0}, "overbought"),
        ("neutral", 103.0, {"adaptive_rsi_14": 71.0}, "overbought"),
        ("neutral", 99.3, {}, "trend_over"),
        ("reversion", 99.0, {}, None),
    ],
)
def test_each_mode_leaves_its_own_way(tag: str, close: float, features: Any, trigger: str | None) -> None:
    got = wish(close, 100.0, held(tag), **features)
    assert not isinstance(got, Trail)
    assert (got.explanation["trigger"] if got else None) == trigger
    if got is not None:
        assert got.explanation["stop_price"] == 96.0


def test_a_trend_that_goes_on_pulls_its_stop_behind_the_best_close() -> None:
    assert wish(103.0, 102.0, held("trend")) == Trail(99.0)
    assert wish(97.0, 98.0, held("trend", lots=-5, best=95.0)) == Trail(100.0)


def test_an_entry_explains_itself() -> None:
    got = wish(101.1, 100.9)
    assert isinstance(got, Wish)
    assert got.explanation == {
        "trigger": "cross_up", "close": 101.1, "average": 100.0, "atr_14": 2.0, "regime": 1.0, "volatility_ratio": 1.0,
        "size_factor": 1.0, "stop_price": 96.1,
    }  # fmt: skip


def test_bad_parameters_are_refused_by_name() -> None:
    with pytest.raises(Misconfigured, match=r"DualMode\.overbought"):
        build("dual_mode", {"overbought": 20})
    with pytest.raises(Misconfigured, match="fast"):
        build("ma_cross", {"fast": 100, "slow": 20})


# --- what the floor keeps for it ---------------------------------------------------------------------------------


def test_a_stop_only_ever_tightens() -> None:
    long = held("trend")
    assert trailed(long, Decimal(97)).stop_price == 97
    assert trailed(long, Decimal(95)) is long
    short = long.model_copy(update={"lots": -5})
    assert trailed(short, Decimal(95)).stop_price == 95
    assert trailed(short, Decimal(97)) is short


def test_the_best_close_since_the_entry_is_followed() -> None:
    bar = Candle(
        instrument_id="k:B/Q", timeframe="15m", open_ms=NOON_MS, open=100, high=120, low=90, close=105, volume=1
    )
    fresh = held("trend").model_copy(update={"best_price": None})
    assert followed(bar, fresh, Decimal(105)).best_price == 105
    assert followed(bar, fresh, Decimal(99)).best_price == 101, "the entry itself"
    assert followed(bar, fresh.model_copy(update={"lots": -5}), Decimal(99)).best_price == 99
    later = fresh.model_copy(update={"entry_ms": NOON_MS + BAR_MS})
    assert followed(bar, later, Decimal(105)) is later


JULY_MS, AUGUST_MS = 1_719_800_000_000, 1_722_500_000_000


def test_months_are_counted_by_the_calendar() -> None:
    assert month_of(0) == 1970 * 12
    assert month_of(JULY_MS) == 2024 * 12 + 6
    assert month_of(AUGUST_MS) == 2024 * 12 + 7
    assert month_of(951_782_400_000) == 2000 * 12 + 1, "29 February 2000"


def record(edge: str, trades: int = 20, weight: str = "1") -> ModeRecord:
    return ModeRecord(trades=trades, edges=(Decimal(edge),) * min(trades, 20), weight=Decimal(weight))


def test_a_mode_that_trails_over_twenty_trades_loses_half_its_weight_each_month_and_wins_it_back() -> None:
    modes = ("trend", "reversion")
    before = Holding(modes={"trend": record("0.02"), "reversion": record("0.01")}, judged_month=int(month_of(JULY_MS)))
    assert weighed(before, modes, JULY_MS) is before
    august = weighed(before, modes, AUGUST_MS)
    assert [weight_of(august, mode) for mode in modes] == [1, Decimal("0.5")]
    better = august.model_copy(update={"modes": {**august.modes, "trend": record("-0.01")}})
    september = weighed(better, modes, AUGUST_MS + 31 * 86_400_000)
    assert [weight_of(september, mode) for mode in modes] == [Decimal("0.5"), 1]


def test_nineteen_trades_say_nothing_yet_and_no_weight_falls_below_a_quarter() -> None:
    young = Holding(modes={"trend": record("-0.5", 19)}, judged_month=1)
    assert weight_of(weighed(young, ("trend",), JULY_MS), "trend") == 1
    least = Holding(modes={"trend": record("-0.5", 40, "0.25")}, judged_month=1)
    assert weight_of(weighed(least, ("trend",), JULY_MS), "trend") == Decimal("0.25")
