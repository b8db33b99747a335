"""Alarms that people acknowledge: who has it, and what the page still shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fluxfloor.contracts.views import AlertAck, AlertRecord

from tests.support.api_floor import NOW_MS, ApiFloor


@pytest.fixture
def house(tmp_path: Path) -> Iterator[ApiFloor]:
    made = ApiFloor(tmp_path)
    for name, severity, at_ms in (
        ("a1", "critical", NOW_MS),
        ("a2", "warning", NOW_MS + 1),
        ("a3", "critical", NOW_MS + 2),
    ):
        made.put(
            AlertRecord(id=name, severity=severity, title=name, text="t", kind="k", scope="main", ts_event_ms=at_ms)
        )
    yield made
    made.close()


def shown(house: ApiFloor) -> list[str]:
    return [item["alert_id"] for item in house.get("/v1/overview").json["alarms"]]


def test_alarms_stay_on_the_page_until_somebody_acknowledges_them(house: ApiFloor) -> None:
    assert shown(house) == ["a3", "a1"]
    answer = house.send("POST", "/v1/alerts/a3/ack", {"note": "I look"})
    assert (answer.status, answer.json["acknowledged_by"], answer.json["note"]) == (200, "admin", "I look")
    assert shown(house) == ["a1"]
    listed = {item["alert_id"]: item["acknowledged_by"] for item in house.get("/v1/alerts").json["items"]}
    assert listed == {"a1": "", "a2": "", "a3": "admin"}


def test_the_first_to_acknowledge_has_it(house: ApiFloor) -> None:
    house.send("POST", "/v1/alerts/a1/ack", {"note": "mine"})
    again = house.send("POST", "/v1/alerts/a1/ack", {"note": "no, mine"})
    assert again.json["note"] == "mine"
    audited = [item for item in house.get("/v1/audit").json["items"] if item["action"] == "alert.acknowledged"]
    assert [(item["subject"], item["details"]["note"]) for item in audited] == [("a1", "mine")]
    assert house.floor.context("api").read(AlertAck.key("a1")) is not None


def test_what_is_no_alarm_can_not_be_acknowledged(house: ApiFloor) -> None:
    assert house.send("POST", "/v1/alerts/nothing/ack", {}).status == 404
    assert house.send("POST", "/v1/alerts/a1/ack", {"note": "x" * 301}).status == 422
