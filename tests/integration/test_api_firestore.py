"""The dashboard and the api with Firestore under them: what people see and change is the same."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from fluxfloor.adapters.google.store import FirestoreStore
from google.cloud import firestore

from tests.support.api_floor import NOW_MS, ApiFloor
from tests.support.floor_story import account, decisions, orders, quarantined

pytestmark = pytest.mark.emulators
HALT = {"scope": "floor", "reason": "books look wrong"}
RESUME = {"reason": "looked into it"}


@pytest.fixture
def house(emulators: object, tmp_path: Path) -> Iterator[ApiFloor]:
    project = f"api-{uuid4().hex[:12]}"
    names = {"edge": "edge", "mode": "paper"}
    clients = {role: firestore.Client(project=project, database=name) for role, name in names.items()}
    store = FirestoreStore(clients)
    made = ApiFloor(tmp_path, wrap=lambda ports: replace(ports, store=store))
    yield made
    made.close()
    for client in clients.values():
        client.close()


def test_the_page_is_filled_from_firestore(house: ApiFloor) -> None:
    made = decisions(NOW_MS, 6)
    house.tell(*(account(NOW_MS + n * 900_000, str(10_000 + n), n + 1) for n in range(8)), *made, *orders(made))
    house.store(*quarantined("features", "signals.received.v1", "broken", NOW_MS))
    told = house.get("/v1/overview").json
    assert [point[1] for point in told["accounts"][0]["curve"]["points"]] == [10_000 + n for n in range(8)]
    assert [item["decision_id"] for item in told["decisions"]] == [item.decision.decision_id for item in made]
    assert len(told["quarantine"]) == 1
    first = house.get("/v1/decisions?limit=4").json
    rest = house.get(f"/v1/decisions?limit=4&cursor={first['next_cursor']}").json
    assert len(first["items"] + rest["items"]) == 6
    assert house.get(f"/v1/why/{made[0].decision.signal_id}").status == 404  # the dashboard only listened


def test_a_repeated_change_is_told_byte_for_byte_the_same(house: ApiFloor) -> None:
    first, again = (house.send("POST", "/v1/halts", HALT, key="the-same-key") for _ in range(2))
    assert (first.status, first.body) == (again.status, again.body)
    assert house.send("POST", "/v1/halts/floor/resume", RESUME).status == 200
    assert house.get("/v1/halts").json["items"] == []


def test_many_changes_at_once_leave_an_unbroken_audit_log(house: ApiFloor) -> None:
    assert house.token

    def change(n: int) -> int:
        return house.send("POST", "/v1/halts", {**HALT, "reason": f"reason {n}"}, key=f"parallel-{n:03}").status

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(change, range(12))) == {200}
    log = house.get("/v1/audit?limit=100").json
    assert log["broken"] == ""
    assert [item["action"] for item in log["items"]].count("halt.raised") == 12


def test_stages_are_judged_from_the_journal_of_both_databases(house: ApiFloor) -> None:
    house.send("POST", "/v1/halts", HALT)
    house.clock.advance_to(NOW_MS + 40_000)
    house.floor.tick("dashboard", "health")
    status = {item["stage"]: item["status"] for item in house.get("/v1/health").json["flow"]["stages"]}
    assert (status["alerts"], status["api"]) == ("delayed", "ok")
