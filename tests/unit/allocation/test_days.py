"""A strategy's day: what its trades and what it holds made, over the capital it had."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from fluxfloor.allocation import days
from fluxfloor.contracts.events import TradeClosed
from fluxfloor.contracts.weights import MAX_DAYS, InstrumentDays, StrategyDays, UploadedDays
from pydantic import ValidationError

from tests.support.trades import trade

DAY = days.DAY_MS
MIDNIGHT = 20_000 * DAY


def made(open_profit: str = "0", share: str = "1", trades: tuple[int, ...] = (), at_ms: int = MIDNIGHT) -> days.Made:
    closed = tuple(trade(number, exit_ms=at_ms - 60_000).trade for number in trades)
    return days.Made(Decimal(open_profit), Decimal(500), Decimal(10_000), Decimal(share), closed)


def opened(beside: StrategyDays | None = None) -> StrategyDays:
    return days.opened("main", "trend", Decimal("0.5"), beside)


def started(**first: str) -> StrategyDays:
    return days.closed(opened(), made(**first), MIDNIGHT)


def test_a_strategy_that_comes_later_has_its_first_day_counted_from_nothing() -> None:
    record = days.closed(opened(beside=started()), made("10", trades=(1,), at_ms=MIDNIGHT + DAY), MIDNIGHT + DAY)
    assert record.returns == (22.5 / 5_000,)


def test_the_first_close_sets_the_start_and_states_no_return() -> None:
    record = started(open_profit="25")
    assert (record.days, record.open_profit, record.closed_ms) == ((), Decimal(25), MIDNIGHT)


def test_a_day_is_its_trades_and_the_change_of_what_is_open_over_the_capital() -> None:
    record = days.closed(started(open_profit="25"), made("10", trades=(1, 2), at_ms=MIDNIGHT + DAY), MIDNIGHT + DAY)
    assert record.days == (20_000,)
    assert record.returns == (pytest.approx((12.5 + 12.5 + 10 - 25) / 10_000, rel=1e-15),)
    assert record.margin == (0.05,)


def test_a_trade_that_was_counted_does_not_count_again() -> None:
    once = days.closed(started(), made(trades=(1,), at_ms=MIDNIGHT + DAY), MIDNIGHT + DAY)
    both = made(trades=(1, 2), at_ms=MIDNIGHT + DAY)
    assert days.closed(once, both, MIDNIGHT + 2 * DAY).returns == (0.00125, 0.00125)


def test_the_capital_is_what_it_had_when_the_day_began() -> None:
    record = days.closed(started(share="0.2"), made("10", share="0.9"), MIDNIGHT + DAY)
    assert record.returns == (0.005,)


def test_a_strategy_without_capital_has_no_day() -> None:
    assert days.closed(started(share="0"), made("10"), MIDNIGHT + DAY).days == ()


def test_missed_days_are_not_there() -> None:
    record = days.closed(started(), made("30"), MIDNIGHT + 3 * DAY)
    assert (record.days, record.returns) == ((20_002,), (0.003,))


def test_after_days_of_silence_every_trade_since_counts_and_none_before() -> None:
    record = days.closed(started(), made(trades=(1,), at_ms=MIDNIGHT + DAY), MIDNIGHT + DAY)
    after = MIDNIGHT + 6 * DAY
    closed = tuple(trade(n, exit_ms=MIDNIGHT + n * DAY).trade for n in (-2, 2, 3, 5))
    found = days.closed(record, replace(made(), trades=(*record_trades(), *closed)), after)
    assert found.returns[1] == pytest.approx(3 * 12.5 / 10_000, rel=1e-12)


def record_trades() -> tuple[TradeClosed, ...]:
    return made(trades=(1,), at_ms=MIDNIGHT + DAY).trades


def test_a_day_is_due_once() -> None:
    record = started()
    assert not days.due(record, MIDNIGHT + DAY - 1)
    assert days.due(record, MIDNIGHT + DAY)


def bars(*rows: tuple[int, float]) -> np.ndarray:
    return np.array([[day * DAY, close, close, close, close, 1.0] for day, close in rows])


def test_an_instruments_returns_go_over_weekends_but_over_no_hole() -> None:
    record = days.instrument_days(None, "x:AAPL", bars((1, 100.0), (2, 110.0), (5, 99.0), (30, 50.0), (31, 60.0)))
    assert record.days == (2, 5, 31)
    assert record.returns == pytest.approx((0.1, -0.1, 0.2))


def test_days_that_the_bars_have_lost_stay_and_the_oldest_go() -> None:
    old = InstrumentDays(id="x:AAPL", days=tuple(range(MAX_DAYS)), returns=(0.5,) * MAX_DAYS)
    record = days.instrument_days(old, "x:AAPL", bars((MAX_DAYS, 100.0), (MAX_DAYS + 1, 101.0)))
    assert len(record.days) == MAX_DAYS
    assert (record.days[0], record.days[-1]) == (1, MAX_DAYS + 1)


def history(*found: int, returns: float = 0.01) -> UploadedDays:
    return UploadedDays(days=found, returns=(returns,) * len(found))


def test_an_upload_gives_the_days_before_the_floors_own_and_a_later_one_replaces_it() -> None:
    own = days.closed(started(), made("100"), MIDNIGHT + DAY)
    once = days.uploaded(own, history(19_997, 19_998, 20_000, returns=0.5))
    assert (once.days, once.returns) == ((19_997, 19_998, 20_000), (0.5, 0.5, 0.01))
    again = days.uploaded(once, history(19_990, returns=0.25))
    assert (again.days, again.returns) == ((19_990, 20_000), (0.25, 0.01))


@pytest.mark.parametrize(
    "wrong",
    [
        {"days": (2, 1), "returns": (0.0, 0.0)},
        {"days": (1, 2), "returns": (0.0,)},
        {"days": (1,), "returns": (-1.0,)},
        {"days": (1,), "returns": (float("nan"),)},
        {"days": (1, 2), "returns": (0.0, 0.0), "margin": (1.0,)},
        {"days": (1,), "returns": (0.0,), "margin": (1.0,)},
    ],
)
def test_an_upload_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        UploadedDays.model_validate(wrong)
