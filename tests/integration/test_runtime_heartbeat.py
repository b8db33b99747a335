"""The heartbeat over real stages: judged while work is due, delayed after 30 s, offline after 60 s, idle otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fluxfloor.contracts.views import StageHealth
from fluxfloor.errors import RetryLater
from fluxfloor.local.chaos.house import STAGES_RUN
from fluxfloor.runtime.runner import Outcome

from tests.support.trading_floor import TradingFloor


@pytest.fixture
def trading(tmp_path: Path) -> Iterator[TradingFloor]:
    trading = TradingFloor(tmp_path, stages=(*STAGES_RUN, "dashboard"))
    trading.later(3_600_000)  # what the opening did is long ago
    trading.pull()
    trading.later(1_000_000)
    yield trading
    trading.close()


def judged(trading: TradingFloor) -> dict[str, str]:
    trading.floor.tick("dashboard", "health")
    context = trading.floor.context("dashboard")
    rows = {name: context.read(StageHealth.key(name)) for name in trading.floor.runners}
    return {name: row.status for name, row in rows.items() if row is not None}


def stall(trading: TradingFloor, stage: str, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(trading.floor.runners[stage], "handle", lambda _delivery: Outcome.NACK)


def test_a_floor_with_nothing_to_do_is_idle(trading: TradingFloor) -> None:
    assert set(judged(trading).values()) == {"idle"}


def test_a_stage_that_does_not_take_what_is_due_is_delayed_and_then_offline(
    trading: TradingFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    stall(trading, "cerebro", monkeypatch)
    trading.send()
    trading.later(30_000)
    assert judged(trading)["cerebro"] == "ok"
    trading.later(1_500)
    assert judged(trading)["cerebro"] == "delayed"
    trading.later(30_000)
    status = judged(trading)
    assert status["cerebro"] == "offline"
    assert {status[name] for name in ("ingestion", "features")} == {"ok"}
    assert {status[name] for name in ("execution", "market")} <= {"idle", "ok"}
    raised = [row["message"] for row in trading.rows("risk_rows")]
    assert sum("cerebro is delayed" in text for text in raised) == 1


def test_a_stage_that_comes_back_has_caught_up(trading: TradingFloor, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        stall(trading, "features", patch)
        trading.send()
        trading.later(61_500)
        assert judged(trading)["features"] == "offline"
    trading.later(120_000)
    assert judged(trading)["features"] == "ok"
    trading.floor.drain()
    assert any("features has caught up" in row["message"] for row in trading.rows("risk_rows"))


def test_what_was_decided_and_not_sent_is_the_senders_delay(
    trading: TradingFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(_facts: object) -> None:
        raise RetryLater("the bus is down")

    with monkeypatch.context() as patch:
        patch.setattr(trading.floor.bus, "publish", down)
        assert trading.send().status_code == 200
    trading.later(61_500)
    status = judged(trading)
    assert (status["ingestion"], status["features"]) == ("offline", "idle")
    trading.floor.tick("ingestion", "sweep")
    trading.later(1_000)
    assert judged(trading)["ingestion"] == "ok"


def test_a_stage_that_is_down_under_load_is_offline_all_the_same(
    trading: TradingFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    stall(trading, "cerebro", monkeypatch)
    for number in range(900):
        trading.send(id=f"load-{number}")
        trading.later(100)
    assert judged(trading)["cerebro"] == "offline"
