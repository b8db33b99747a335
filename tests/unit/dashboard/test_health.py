"""A stage is judged by the work that is due to it, and only while some is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fluxfloor.contracts.base import Event
from fluxfloor.contracts.events import CandleClosed, RiskRaised
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.instruments import Candle
from fluxfloor.contracts.journal import JOURNAL, Step
from fluxfloor.contracts.views import StageHealth
from fluxfloor.ports import Ref
from fluxfloor.reporting.health import Seen, judge, look, told

from functions.dashboard.health import consumers
from tests.support.api_floor import ApiFloor
from tests.support.floor_story import account, decisions, quarantined

NOW_MS = 1_790_000_000_000


def step(stage: str, event_id: str, at_ms: int, *events: Event, pending: str = "") -> Step:
    facts = tuple(Fact(f"{event_id}-{n}", event, "r", event_id, at_ms).record() for n, event in enumerate(events))
    return Step(stage, event_id, "test", "r", at_ms, facts=facts, pending=pending)


def judged(stage: str, *steps: Step, kept: StageHealth | None = None, now_ms: int = NOW_MS) -> StageHealth:
    seen = look(steps, consumers)
    return judge(stage, seen, seen.claims, kept, now_ms)


UPDATE = account(NOW_MS, "1000", 1)


def test_a_stage_to_which_nothing_is_due_is_idle() -> None:
    assert judged("alerts").status == "idle"


@pytest.mark.parametrize(("age_s", "status"), [(29, "ok"), (31, "delayed"), (60, "delayed"), (61, "offline")])
def test_missing_work_makes_a_stage_delayed_and_then_offline(age_s: int, status: str) -> None:
    row = judged("cerebro", step("reconciliation", "a", NOW_MS - age_s * 1000, UPDATE))
    assert (row.status, row.due) == (status, 1)


def test_a_stage_whose_work_is_done_is_ok() -> None:
    row = judged(
        "cerebro", step("reconciliation", "a", NOW_MS - 90_000, UPDATE), step("cerebro", "a-0", NOW_MS - 89_000)
    )
    assert (row.status, row.due, row.last_step_ms) == ("ok", 0, NOW_MS - 89_000)


def test_a_fact_that_was_not_sent_is_the_fault_of_its_sender() -> None:
    unsent = step("reconciliation", "a", NOW_MS - 90_000, UPDATE, pending="reconciliation")
    assert judged("reconciliation", unsent).status == "offline"
    assert judged("cerebro", unsent).status == "idle"


def candle(traded: bool) -> CandleClosed:
    bar = Candle(instrument_id="kraken:BTC/USDT", timeframe="5m", open_ms=1, open=1, high=1, low=1, close=1, volume=1)
    return CandleClosed(candle=bar, close_ms=2, traded=traded)


@pytest.mark.parametrize(("traded", "expected"), [(True, ["features", "reconciliation"]), (False, [])])
def test_a_filtered_fact_makes_work_only_for_whom_the_filter_lets_it_through(traded: bool, expected: list[str]) -> None:
    assert consumers(Fact("e", candle(traded), "r", "", 1).record()) == expected


def test_a_row_that_says_the_same_again_is_not_written_again() -> None:
    kept = judged("cerebro", step("reconciliation", "a", NOW_MS - 45_000, UPDATE))
    assert (
        judged("cerebro", step("reconciliation", "a", NOW_MS - 45_000, UPDATE), kept=kept, now_ms=NOW_MS + 10) is kept
    )


def test_people_hear_of_a_stage_that_falls_behind_and_of_its_return() -> None:
    late = judged("cerebro", step("reconciliation", "a", NOW_MS - 61_000, UPDATE))
    fine = judge("cerebro", Seen((), (), {"cerebro": NOW_MS}, frozenset()), frozenset(), late, NOW_MS)
    kinds = [raised.kind for raised in (told(late, None), told(fine, late), told(fine, fine)) if raised]
    assert kinds == ["stage_offline", "stage_recovered"]


# --- on a floor --------------------------------------------------------------------------------------------------


@pytest.fixture
def house(tmp_path: Path) -> Iterator[ApiFloor]:
    made = ApiFloor(tmp_path)
    yield made
    made.close()


def health(house: ApiFloor) -> dict[str, dict[str, Any]]:
    house.floor.tick("dashboard", "health")
    return {item["stage"]: item for item in house.get("/v1/health").json["flow"]["stages"]}


def journal(house: ApiFloor, item: Step) -> None:
    house.store(Ref(JOURNAL, item.id), item.record())


def test_the_job_finds_what_is_waiting_and_sees_it_done(house: ApiFloor) -> None:
    made = decisions(house.clock.now_ms(), 1)[0]
    journal(house, step("cerebro", "s", house.clock.now_ms(), made))
    house.clock.advance_to(house.clock.now_ms() + 40_000)
    assert health(house)["features"]["status"] == "delayed"
    journal(house, step("features", "s-0", house.clock.now_ms()))
    house.clock.advance_to(house.clock.now_ms() + 60_000)
    assert health(house)["features"]["status"] == "ok"
    house.clock.advance_to(house.clock.now_ms() + 3_600_000)
    assert health(house)["features"]["status"] == "idle"


def test_a_quarantined_message_is_not_held_against_its_stage(house: ApiFloor) -> None:
    made = decisions(house.clock.now_ms(), 1)[0]
    journal(house, step("cerebro", "s", house.clock.now_ms(), made))
    ref, record = quarantined("features", "decisions.made.v1", "poison", house.clock.now_ms())
    house.store(Ref(ref.collection, "features:s-0"), record)
    house.clock.advance_to(house.clock.now_ms() + 90_000)
    assert health(house)["features"]["status"] == "ok"


def test_an_offline_stage_is_raised_once(house: ApiFloor) -> None:
    journal(house, step("cerebro", "s", house.clock.now_ms(), decisions(house.clock.now_ms(), 1)[0]))
    for _ in range(3):
        house.clock.advance_to(house.clock.now_ms() + 65_000)
        health(house)
        house.drain()
    kinds = [item["kind"] for item in house.get("/v1/risks").json["items"] if item["scope"] == "features"]
    assert kinds == ["stage_offline"]


def test_an_idle_floor_costs_no_write(house: ApiFloor) -> None:
    house.clock.advance_to(house.clock.now_ms() + 3_600_000)
    health(house)  # the settings' own steps are seen, and forgotten
    house.clock.advance_to(house.clock.now_ms() + 3_600_000)
    health(house)
    house.clock.advance_to(house.clock.now_ms() + 3_600_000)
    written: list[Any] = []
    house.floor.store.commit = written.append  # type: ignore[method-assign]
    house.floor.tick("dashboard", "health")
    assert written == []


def test_a_risk_is_kept_once_however_often_it_is_told(house: ApiFloor) -> None:
    raised = RiskRaised(kind="k", scope="s", severity="info", message="m", ts_event_ms=NOW_MS)
    house.tell(raised, raised)
    assert len(house.get("/v1/risks").json["items"]) == 1
