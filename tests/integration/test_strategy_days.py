"""Days of the strategies, kept by the real stages while bars are played."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fluxfloor.contracts.weights import StrategyDays
from fluxfloor.local import audit
from fluxfloor.local.demo import open_demo
from fluxfloor.local.replay import Replay

DAYS, WARM_UP_BARS = 12, 130


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Replay:
    replay = open_demo(tmp_path_factory.mktemp("days") / "floor", port=8080)
    bars = replay.recording.bars[: WARM_UP_BARS + DAYS * 24]
    hooks = tuple(hook for hook in replay.recording.webhooks if hook.at_ms < bars[-1, 0])
    replay.recording = replace(replay.recording, bars=bars, webhooks=hooks)
    assert replay.run()["trades"] > 3
    return replay


def records(replay: Replay) -> list[StrategyDays]:
    return [StrategyDays.decode(row) for row in audit.rows(replay.floor.ports.store, StrategyDays.collection)]


def test_what_the_strategies_made_is_what_the_account_made_every_day(played: Replay) -> None:
    made: dict[int, float] = {}
    equity: dict[int, float] = {}
    for record in records(played):
        assert list(record.days) == sorted(set(record.days))
        capital = dict(zip(record.days, record.equity, strict=True))
        equity.update(capital)
    for record in records(played):
        for day, gained in zip(record.days, record.returns, strict=True):
            if day - 1 in equity:
                made[day] = made.get(day, 0.0) + gained * equity[day - 1]
    assert len(made) > 8
    assert any(abs(gained) > 1 for gained in made.values())
    for day, gained in made.items():
        assert gained == pytest.approx(equity[day] - equity[day - 1], abs=1e-6), day


def test_the_floors_strategies_and_the_senders_have_days(played: Replay) -> None:
    assert {record.strategy_id for record in records(played)} >= {"trend", "mean_reversion", "breakout"}
    assert all(record.portfolio_id == "main" for record in records(played))
