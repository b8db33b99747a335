"""Every stage as its own functions-framework process, joined by Google's emulators: a webhook becomes a booked fill."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fluxfloor.adapters.google.store import FirestoreStore
from fluxfloor.local import processes
from fluxfloor.ports import Query

from tests.support.kraken_rest import KrakenRest

SECRET = "shape-secret-5521"
SETTINGS = """
[market]
base_url = "{kraken}"
timeframes = ["15m"]
[senders.shape]
default_expected_alpha = "0.05"
"""


@pytest.fixture(scope="module")
def floor(emulators: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[processes.ProcessFloor]:
    scratch = tmp_path_factory.mktemp("shape")
    secrets = {"sender-shape": SECRET, "api-session-key": "k" * 64, "api-admin-password-hash": "none"}
    with KrakenRest() as kraken:
        settings = scratch / "floor.toml"
        settings.write_text(SETTINGS.format(kraken=kraken.url))
        with processes.running(scratch / "floor", settings, secrets) as running:
            processes.open_for_business(running)
            yield running


def post(floor: processes.ProcessFloor, **fields: Any) -> tuple[int, bytes]:
    body = json.dumps({"secret": SECRET, "ticker": "BTCUSDT", "action": "buy", "stopLoss": 1, **fields}).encode()
    url = floor.stages["ingestion"].url + "/webhooks/shape"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as problem:
        return problem.code, problem.read()


def wait_for(look: Callable[[], Any], timeout_s: float = 40.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.3)
    raise AssertionError("nothing came of it in time")


def store_of() -> FirestoreStore:
    return FirestoreStore.connect(processes.PROJECT, {"edge": "edge", "mode": "paper"})


def rows(store: FirestoreStore, collection: str) -> list[dict[str, Any]]:
    return [row.data or {} for row in store.query(Query(collection, limit=1000))]


@pytest.mark.emulators
def test_a_webhook_becomes_a_booked_fill_and_a_repeat_changes_nothing(floor: processes.ProcessFloor) -> None:
    store = store_of()
    assert [row["id"] for row in rows(store, "risk_books")] == ["main"], "it was open before it had its books"
    status, answer = post(floor, id="shape-1")
    assert status == 200, answer
    assert post(floor, id="shape-1") == (200, answer)
    (row,) = wait_for(lambda: rows(store, "decision_rows"))
    assert row["verdict"] == "accepted", row["decision"]["text"]
    entry = wait_for(lambda: [row for row in rows(store, "ledger") if row["kind"] == "fill"])
    (order,) = rows(store, "orders")
    assert order["state"] == "filled"
    assert [row["reference"] for row in entry] == list(order["fills"])
    wait_for(lambda: [row for row in rows(store, "order_rows") if row["state"] == "filled"])


@pytest.mark.emulators
def test_a_stage_that_is_killed_takes_up_its_work_again(floor: processes.ProcessFloor) -> None:
    store, cerebro = store_of(), floor.stages["cerebro"]
    before = len(rows(store, "decision_rows"))
    cerebro.kill()
    status, answer = post(floor, id="shape-2")
    assert status == 200, answer
    cerebro.start()
    cerebro.wait_until_ready()
    wait_for(lambda: len(rows(store, "decision_rows")) > before)


@pytest.mark.emulators
def test_a_wrong_secret_and_an_unknown_sender_are_refused_alike(floor: processes.ProcessFloor) -> None:
    status, answer = post(floor, secret="wrong-secret-0000")
    assert status == 401
    request = urllib.request.Request(floor.stages["ingestion"].url + "/webhooks/nobody", b"{}", method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    assert refused.value.code == 404
    assert len(refused.value.read()) == len(answer)


@pytest.mark.emulators
def test_each_stage_answers_a_tick_of_each_of_its_schedules(floor: processes.ProcessFloor) -> None:
    from fluxfloor.topology import STAGES

    jobs = [(name, schedule.job) for name in floor.stages for schedule in STAGES[name].schedules]
    answers = {(name, job): floor.tick(name, job) for name, job in jobs}
    assert {key: status for key, status in answers.items() if status != 204} == {}
