"""A live floor sends no entry before its paper period is proved, and always lets what is held out."""

from __future__ import annotations

from pathlib import Path

import pytest
from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.policy import FLOOR
from fluxfloor.contracts.views import PaperRecord
from fluxfloor.runtime.settings import SafetySettings

from tests.support.desk import AT_MS, intent
from tests.support.execution_room import ExecutionRoom


def record(satisfied: bool, asked: str = "", missing: tuple[str, ...] = ()) -> PaperRecord:
    mark = asked or SafetySettings().criteria.mark
    return PaperRecord(id=FLOOR, satisfied=satisfied, missing=missing, asked=mark, ts_event_ms=AT_MS)


@pytest.mark.parametrize(
    ("mode", "days", "kept", "sent", "reason"),
    [
        ("paper", 14, None, True, ""), ("live", 0, None, True, ""), ("live", 14, record(True), True, ""),
        ("live", 14, None, False, "paper period: it has not been judged yet"),
        ("live", 14, record(True, "other criteria"), False, "paper period: it has not been judged yet"),
        ("live", 14, record(False, missing=("3 of 14 good days",)), False, "paper period: 3 of 14 good days"),
    ],
)  # fmt: skip
def test_an_entry_waits_for_the_paper_period_where_it_is_live(
    tmp_path: Path, mode: str, days: int, kept: PaperRecord | None, sent: bool, reason: str
) -> None:
    room = ExecutionRoom(tmp_path, mode=mode, safety=SafetySettings(paper_period_days=days))
    if kept is not None:
        room._put(kept)
    room.ask(intent("in"))
    room.later(10_000)
    order = room.order("in")
    assert (len(room.venue.placed) == 1, order.reason) == (sent, reason)
    assert order.state == ("filled" if sent else "cancelled")
    room.close()


def test_an_exit_waits_for_nothing(tmp_path: Path) -> None:
    room = ExecutionRoom(tmp_path, mode="live")
    room.ask(intent("out", side=Side.SELL))
    room.later(10_000)
    assert "paper period" not in room.order("out").reason
    room.close()
