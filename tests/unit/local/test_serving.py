"""The embedded floor's loop: a backlog keeps no schedule waiting."""

from __future__ import annotations

import time
from pathlib import Path

from fluxfloor.local import serving
from fluxfloor.local.serving import LocalServer

from tests.support.trading_floor import MINUTE_MS, TradingFloor


def test_no_more_is_handled_at_once_than_was_asked_for(tmp_path: Path) -> None:
    trading = TradingFloor(tmp_path)
    for number in range(3):
        trading.send(id=f"s{number}")
    waiting = trading.floor.undelivered()
    assert waiting >= 3
    assert trading.floor.drain(most=2) == 2
    assert trading.floor.drain(most=0) == 0
    assert trading.floor.drain() > 0
    trading.close()


def test_schedules_have_their_turn_in_a_backlog(tmp_path: Path) -> None:
    trading = TradingFloor(tmp_path)
    order: list[str] = []
    tick, handle = trading.floor.tick, trading.floor.handle
    trading.floor.tick = lambda *args: (order.append("schedule"), tick(*args))[1]  # type: ignore[method-assign]
    trading.floor.handle = lambda due: (order.append("delivery"), handle(due))[1]  # type: ignore[method-assign]
    trading.floor.run_schedules()
    for number in range(serving.SLICE + 20):
        trading.send(id=f"s{number}")
    server = LocalServer(trading.floor)
    server.start()
    while "delivery" not in order:
        time.sleep(0.01)
    trading.clock.advance_to(trading.clock.now_ms() + MINUTE_MS)
    deadline = time.monotonic() + 60
    while "schedule" not in order and time.monotonic() < deadline:
        time.sleep(0.01)
    server.stop()
    assert "schedule" in order
    assert order.index("schedule") <= 2 * serving.SLICE
    assert trading.floor.undelivered() > 0
    trading.close()
