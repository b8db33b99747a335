"""Stops and take-profits of any position, whoever asked for it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from fluxfloor.contracts.instruments import Candle
from fluxfloor.contracts.signals import Action, Direction
from fluxfloor.contracts.state import Holding, Pending
from fluxfloor.strategies import protective_stop

BAR_MS = 900_000
NOON_MS = 1_700_000_100_000 // BAR_MS * BAR_MS


def bar(low: float, high: float, close: float = 100.0) -> Candle:
    return Candle(
        instrument_id="kraken:BTC/USDT", timeframe="15m", open_ms=NOON_MS, open=100.0, high=high, low=low, close=close,
        volume=1.0,
    )  # fmt: skip


LONG = Holding(lots=5, entry_ms=NOON_MS - BAR_MS, stop_price=Decimal("95.5"), take_profit=Decimal(110))
SHORT = Holding(lots=-5, entry_ms=NOON_MS - BAR_MS, stop_price=Decimal("104.5"), take_profit=Decimal(90))


@pytest.mark.parametrize(
    ("holding", "low", "high", "trigger"),
    [
        (LONG, 95.5, 101, "stop"),
        (LONG, 95.51, 109.9, None),
        (LONG, 99, 110, "take_profit"),
        (LONG, 95, 111, "stop"),
        (SHORT, 99, 104.5, "stop"),
        (SHORT, 90.1, 104.4, None),
        (SHORT, 90, 101, "take_profit"),
        (SHORT, 89, 105, "stop"),
    ],
)
def test_a_level_that_the_bar_reached_closes_the_position(
    holding: Holding, low: float, high: float, trigger: str | None
) -> None:
    wish = protective_stop(bar(low, high), holding)
    assert (wish.explanation["trigger"] if wish else None) == trigger
    if wish is not None:
        assert wish.action is Action.EXIT
        assert wish.direction is (Direction.LONG if holding.lots > 0 else Direction.SHORT)


def test_no_position_and_no_level_need_no_protection() -> None:
    assert protective_stop(bar(1, 999), LONG.model_copy(update={"lots": 0})) is None
    assert protective_stop(bar(1, 999), Holding(lots=5, entry_ms=NOON_MS - BAR_MS)) is None


def test_an_exit_on_its_way_silences_it_and_an_entry_does_not() -> None:
    def waiting(exit: bool) -> Holding:
        return LONG.model_copy(update={"pending": {"sig": Pending(exit=exit, since_ms=NOON_MS)}})

    assert protective_stop(bar(90, 101), waiting(exit=True)) is None
    assert protective_stop(bar(90, 101), waiting(exit=False)) is not None


def test_of_the_bar_of_the_entry_only_what_came_after_it_counts() -> None:
    def entered(after_ms: int) -> Holding:
        return LONG.model_copy(update={"entry_ms": NOON_MS + after_ms})

    assert protective_stop(bar(90, 101), entered(200)) is not None
    assert protective_stop(bar(90, 101), entered(60_000)) is None
    assert protective_stop(bar(90, 101, close=95.0), entered(60_000)) is not None
    assert protective_stop(bar(90, 101, close=95.0), entered(BAR_MS)) is None
