"""Stages that are processes of their own, killed under load: nothing is lost, doubled, or left without an end."""

from __future__ import annotations

import pytest

from tests.chaos import kill_nine
from tests.support.process_room import TRADING_STAGES

SIGNALS, KILLS = 24, 8


@pytest.mark.emulators
@pytest.mark.timeout(600)
def test_killed_processes_lose_nothing_and_double_nothing(emulators: object) -> None:
    found = kill_nine.play(SIGNALS, KILLS, seed=3, stages=TRADING_STAGES, per_s=2.0)
    assert found["violations"] == []
    assert (found["kills"], found["lost"], found["doubled"]) == (KILLS, 0, 0)
    assert found["webhooks_answered_200"] == found["webhooks"] == found["signals"]
    assert all(account["placements"] for account in found["accounts"].values())
