"""A strategy that prepares, through the real stages: looked at a minute early, out just after the close, or never."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
from fluxfloor.adapters.venues.file_data import FileMarketData, Series
from fluxfloor.contracts.state import RiskBook
from fluxfloor.local import audit
from fluxfloor.local.chaos import house, scenario
from fluxfloor.local.floor import Floor
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.settings import load

STEP, MINUTE = scenario.STEP_MS, 60_000


def plunging(recovers: bool) -> tuple[list[list[float]], list[list[float]], int]:
    """Quarter hours and their last minutes; the bar after the warm-up falls by 3 %, and may end 2 % up all the same."""
    given = scenario.make(Random(7), signals=0, bars=4)
    quarters = [list(bar) for bar in given.bars]
    at = next(place for place, bar in enumerate(quarters) if bar[0] == given.begin_ms)
    began = quarters[at][1]
    minutes: list[list[float]] = []
    for open_ms, open_, _, _, close, volume in quarters[at - 2 : at]:
        minutes += [
            [open_ms + n * MINUTE, open_, max(open_, close), min(open_, close), close, volume / 15] for n in range(15)
        ]
    path = [began * (1 - 0.03 * n / 15) for n in range(16)]
    minutes += [[given.begin_ms + n * MINUTE, path[n], path[n], path[n + 1], path[n + 1], 1.0] for n in range(15)]
    end = began * 1.02 if recovers else path[15]
    quarters[at] = [given.begin_ms, began, max(began, end), path[15], end, 15.0]
    for later in range(at + 1, len(quarters)):
        quarters[later][1:5] = [end, end * 1.001, end * 0.999, end]
        open_ms = quarters[later][0]
        minutes += [[open_ms + n * MINUTE, end, end, end, end, 1.0] for n in range(15)]
    return quarters, minutes, int(given.begin_ms)


class Prepared:
    def __init__(self, directory: Path, recovers: bool) -> None:
        quarters, minutes, self.begin_ms = plunging(recovers)
        self.clock = VirtualClock(self.begin_ms)
        settings = load(
            overrides={
                "market": {"symbols": ["BTC/USDT"], "timeframes": ["15m"]},
                "portfolios": {"main": {"limits": house.LIMITS}},
                "strategies": {"dip": {"plugin": "mean_reversion", "prepare": True}},
            }
        )
        tapes = [Series(scenario.INSTRUMENT, "15m", quarters), Series(scenario.INSTRUMENT, "1m", minutes)]
        source = FileMarketData(tapes, self.clock)
        secrets = {f"sender-{scenario.SENDER}": scenario.SECRET}
        self.floor = Floor(directory, settings, self.clock, lambda _: source, secrets, stages=house.STAGES_RUN)
        house.prepare(self.floor)

    def until(self, at_ms: int) -> None:
        self.floor.drain(until_ms=at_ms)
        self.clock.advance_to(at_ms)
        self.floor.drain()

    def at(self, at_ms: int) -> None:
        """The minute's pull, and what follows from it."""
        self.until(at_ms)
        self.floor.tick("market", "pull")
        self.floor.drain()

    @property
    def close_ms(self) -> int:
        return self.begin_ms + STEP

    def orders(self) -> list[dict[str, Any]]:
        return audit.rows(self.floor.store, "orders")

    @property
    def book(self) -> RiskBook:
        found = self.floor.context("cerebro").read(RiskBook.key("main"))
        assert found is not None
        return found


def played(directory: Path, recovers: bool) -> Prepared:
    """To just before the close: the order is decided, reserved, and held back."""
    desk = Prepared(directory, recovers)
    desk.at(desk.close_ms - 2 * MINUTE)
    assert desk.orders() == []
    desk.at(desk.close_ms - MINUTE + 500)
    (order,) = desk.orders()
    assert (order["state"], order["intent"]["plan"]["style"]) == ("requested", "prepared")
    assert list(desk.book.reservations) == [order["id"]]
    return desk


@pytest.mark.parametrize("recovers", [False, True])
def test_the_close_lets_it_go_within_seconds_or_it_is_never_sent(tmp_path: Path, recovers: bool) -> None:
    desk = played(tmp_path, recovers)
    desk.until(desk.close_ms + 8_000)
    (order,) = desk.orders()
    assert desk.book.reservations == {}
    if recovers:
        assert (order["state"], order["submitted_ms"], order["fills"]) == ("cancelled", 0, {})
        assert "cancelled by" in order["reason"]
        assert desk.book.positions == {}
    else:
        assert order["state"] == "filled"
        assert desk.close_ms < order["submitted_ms"] <= desk.close_ms + 5_000
        assert [item.lots for item in desk.book.positions.values()] == [order["intent"]["lots"]]
    desk.at(desk.close_ms + MINUTE)
    assert len(desk.orders()) == 1
    (stance,) = audit.rows(desk.floor.store, "stances")
    assert stance["holdings"]["main|dip"]["pending"] == {}
    desk.floor.close()
