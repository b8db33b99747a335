"""Orders that people take back, change or have looked up: what is asked of execution, and what is refused at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fluxfloor.contracts.events import OrderChanged
from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.instruments import InstrumentCatalog
from fluxfloor.contracts.orders import OrderState
from fluxfloor.contracts.signals import OrderType

from tests.support.api_floor import NOW_MS, ApiFloor
from tests.support.desk import BTC, intent

WHY = {"reason": "not any more"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[ApiFloor]:
    made = ApiFloor(tmp_path)
    made.put(InstrumentCatalog(id="kraken", ts_event_ms=NOW_MS, instruments=(BTC,)))
    for name, state, filled in (("resting", OrderState.OPEN, 4), ("done", OrderState.FILLED, 10)):
        wanted = intent(name, order_type=OrderType.LIMIT, limit_ticks=490_000)
        made.put(
            Order(
                id=name, intent=wanted, state=state, client_order_id=f"c-{name}", filled_lots=filled,
                open=not state.terminal,
            )
        )  # fmt: skip
    yield made
    made.close()


@pytest.fixture
def sent(house: ApiFloor, monkeypatch: pytest.MonkeyPatch) -> list[Fact]:
    """What leaves the API."""
    seen: list[Fact] = []

    def publish(facts: Sequence[Fact]) -> None:
        seen.extend(facts)

    monkeypatch.setattr(house.floor.bus, "publish", publish)
    return seen


@pytest.mark.parametrize("kind", ["cancel", "look"])
def test_execution_is_asked_once_to_act_on_an_order(house: ApiFloor, sent: list[Fact], kind: str) -> None:
    answers = [house.send("POST", f"/v1/orders/resting/{kind}", WHY, key="the-same-key") for _ in range(2)]
    assert [answer.status for answer in answers] == [202, 202]
    assert answers[0].json == answers[1].json
    (fact,) = sent
    assert isinstance(fact.event, OrderChanged)
    change = fact.event.change
    assert (change.kind, change.intent_id, change.account_id) == (kind, "resting", "paper-main")
    assert (change.asked_by, change.reason, change.change_id) == ("admin", "not any more", answers[0].json["change_id"])
    (audited,) = [item for item in house.get("/v1/audit").json["items"] if item["action"] == f"order.{kind}"]
    assert (audited["subject"], audited["details"]["reason"]) == ("resting", "not any more")


def test_new_terms_go_out_in_ticks_and_lots(house: ApiFloor, sent: list[Fact]) -> None:
    wish = {**WHY, "limit_price": "48999.9", "quantity": "0.0007"}
    assert house.send("POST", "/v1/orders/resting/amend", wish).status == 202
    (fact,) = sent
    assert isinstance(fact.event, OrderChanged)
    change = fact.event.change
    assert (change.limit_ticks, change.lots, change.trigger_ticks) == (489_999, 7, None)


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({}, "body"), ({"limit_price": "48999.95"}, "limit_price"), ({"quantity": "0.00001"}, "quantity"),
        ({"quantity": "0.0004"}, "quantity"), ({"quantity": "0.0011"}, "quantity"),
        ({"trigger_price": "50000"}, "trigger_price"), ({"limit_price": "-1"}, "limit_price"),
        ({"limit_price": "NaN"}, "limit_price"), ({"stop": "1"}, "stop"),
    ],
)  # fmt: skip
def test_terms_that_can_not_be_name_field_and_fix(
    house: ApiFloor, sent: list[Fact], wish: dict[str, Any], field: str
) -> None:
    answer = house.send("POST", "/v1/orders/resting/amend", {**WHY, **wish})
    assert (answer.status, answer.fields) == (422, [field])
    assert answer.json["errors"][0]["fix"]
    assert sent == []


@pytest.mark.parametrize("kind", ["cancel", "look", "amend"])
def test_an_order_that_is_done_or_unknown_can_not_be_changed(house: ApiFloor, sent: list[Fact], kind: str) -> None:
    wish = {**WHY, "quantity": "0.0007"} if kind == "amend" else WHY
    assert house.send("POST", f"/v1/orders/done/{kind}", wish).status == 409
    assert house.send("POST", f"/v1/orders/nothing/{kind}", wish).status == 404
    assert sent == []


def test_a_change_without_a_reason_is_refused(house: ApiFloor) -> None:
    assert house.send("POST", "/v1/orders/resting/cancel", {}).fields == ["reason"]
