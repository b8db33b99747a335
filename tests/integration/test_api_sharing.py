"""What people see of how equity is shared, and what they may ask for: through the API and its stage."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fluxfloor.contracts.weights import StrategyDays
from fluxfloor.runtime.settings import Settings

from tests.support.api_floor import NOW_MS, SETTINGS, ApiFloor

DAYS = 200
TODAY = NOW_MS // 86_400_000


def days_of(name: str, seed: int) -> StrategyDays:
    made = np.random.default_rng(seed).normal(0.0008, 0.01, DAYS)
    return StrategyDays(
        id=f"main|{name}", portfolio_id="main", strategy_id=name, days=tuple(range(TODAY - DAYS, TODAY)),
        returns=tuple(made.tolist()), margin=(0.0,) * DAYS, equity=(10_000.0,) * DAYS, account_equity=Decimal(10_000),
        closed_ms=NOW_MS,
    )  # fmt: skip


@pytest.fixture
def house(tmp_path: Path) -> Iterator[ApiFloor]:
    shared = {"portfolios": {"main": {"allocation": {"cvar_limit": 0.015}}}}
    made = ApiFloor(tmp_path, Settings.model_validate({**SETTINGS, **shared}), beside=("allocation",))
    made.put(days_of("trend", 1), days_of("breakout", 2))
    yield made
    made.close()


def test_weights_are_asked_for_and_then_stand_there(house: ApiFloor) -> None:
    assert house.get("/v1/allocations/main").status == 404
    answer = house.send("POST", "/v1/allocations/main", key="share-me-now")
    assert answer.status == 202
    assert house.send("POST", "/v1/allocations/main", key="share-me-now").json == answer.json
    house.drain()
    told = house.get("/v1/allocations/main").json["active"]
    assert (told["number"], told["cause"]) == (1, "asked")
    assert set(told["weights"]) == {"breakout", "trend"}
    (version,) = house.get("/v1/allocations/main/versions").json["items"]
    assert version["shares"] == told
    assert ("allocation.requested", "main") in [
        (item["action"], item["subject"]) for item in house.get("/v1/audit").json["items"]
    ]


def test_a_study_is_answered_and_nothing_is_in_force_because_of_it(house: ApiFloor) -> None:
    asked = house.send("POST", "/v1/allocations/main/studies", {"shock": {"trend": -0.2}, "shock_days": 2})
    assert asked.status == 202
    where = f"/v1/allocation-studies/{asked.json['request_id']}"
    assert house.get(where).status == 404
    house.drain()
    found = house.get(where).json
    assert (found["status"], found["today"]) == ("optimal", None)
    assert found["then"]["cvar"] <= 0.015 + 1e-9
    assert house.get("/v1/allocations/main").status == 404


def test_an_uploaded_history_stands_beside_the_floors_own(house: ApiFloor) -> None:
    days: dict[str, Any] = {"days": [TODAY - 2, TODAY - 1], "returns": [0.01, -0.02]}
    assert house.send("PUT", "/v1/strategies/main/pairs/days", days).json["days"] == 2
    house.drain()
    found = {item["strategy_id"]: item for item in house.get("/v1/strategies/main").json["items"]}
    assert found.keys() == {"breakout", "pairs", "trend"}
    assert found["pairs"]["returns"] == [0.01, -0.02]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/allocations/other", None, 404),
        ("POST", "/v1/allocations/main/studies", {"shock": {"trend": -2}}, 422),
        ("POST", "/v1/allocations/main/studies", {"policy": {"objective": "luck"}}, 422),
        ("PUT", "/v1/strategies/main/pairs/days", {"days": [2, 1], "returns": [0.0, 0.0]}, 422),
        ("PUT", "/v1/strategies/main/pairs/days", {"days": [], "returns": []}, 422),
        ("PUT", "/v1/strategies/other/pairs/days", {"days": [1], "returns": [0.0]}, 404),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(
    house: ApiFloor, method: str, path: str, body: dict[str, Any] | None, status: int
) -> None:
    assert house.send(method, path, body).status == status


def test_without_an_allocation_policy_sharing_is_refused_with_what_to_set(tmp_path: Path) -> None:
    house = ApiFloor(tmp_path)
    answer = house.send("POST", "/v1/allocations/main")
    assert answer.status == 409
    assert "[portfolios.main.allocation]" in answer.body.decode()
    house.close()
