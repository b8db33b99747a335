"""Versions of a policy: put in force and taken back by one audited setting, and kept as they were."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fluxfloor.contracts.decisions import Reason, Verdict
from fluxfloor.contracts.events import TradeClosed
from fluxfloor.contracts.policy import Policy, PolicyVersion
from fluxfloor.contracts.state import TradeRow
from fluxfloor.contracts.views import Answered, ShadowDecision
from fluxfloor.errors import Misconfigured
from fluxfloor.local import audit
from fluxfloor.runtime.settings import Settings, load
from fluxfloor.webapi.settled import apply_settings

from tests.support.api_floor import NOW_MS, SETTINGS, ApiFloor

TIGHT = {"limits": {"position_cap": "0.05"}}
PORTFOLIO: dict[str, Any] = {"versions": {"tight": TIGHT, "wide": {"limits": {"position_cap": "0.3"}}}}


def settings(**portfolio: Any) -> Settings:
    return Settings.model_validate({**SETTINGS, "portfolios": {"main": {**PORTFOLIO, **portfolio}}})


@pytest.fixture
def house(tmp_path: Path) -> Iterator[ApiFloor]:
    made = ApiFloor(tmp_path, settings())
    yield made
    made.close()


def policy(house: ApiFloor) -> Policy:
    return Policy.model_validate(house.get("/v1/policies/main").json)


def choose(house: ApiFloor, what: str, name: str | None) -> Any:
    return house.send("PUT", f"/v1/policies/main/{what}", {"name": name, "version": policy(house).version})


def audited(house: ApiFloor) -> list[dict[str, Any]]:
    """What was chosen, the first choice first."""
    items = sorted(house.get("/v1/audit").json["items"], key=lambda item: item["id"])
    return [item for item in items if item["action"].startswith("version.")]


def test_a_version_is_the_portfolios_limits_with_what_differs(house: ApiFloor) -> None:
    found = policy(house)
    assert (found.active, found.shadow, list(found.versions)) == ("standard", None, ["standard", "tight", "wide"])
    assert found.versions["standard"] == found.limits
    assert str(found.versions["tight"].position_cap) == "0.05"
    assert found.versions["tight"].exposure_cap == found.limits.exposure_cap


def test_promoting_puts_the_limits_in_force_and_going_back_is_the_same_call(house: ApiFloor) -> None:
    before = policy(house)
    answer = choose(house, "active", "tight")
    assert (answer.status, answer.json["active"], answer.json["limits"]["position_cap"]) == (200, "tight", "0.05")
    assert policy(house).version == before.version + 1
    choose(house, "active", "standard")
    after = policy(house)
    assert (after.limits, after.active) == (before.limits, "standard")
    there, back = audited(house)
    assert [there["details"][name] for name in ("active", "position_cap")] == ["standard → tight", "0.15 → 0.05"]
    assert [back["details"][name] for name in ("active", "position_cap")] == ["tight → standard", "0.05 → 0.15"]
    assert {there["actor"], there["action"], there["subject"]} == {"admin", "version.promoted", "main"}


def test_a_repeated_promotion_is_one(house: ApiFloor) -> None:
    wish = {"name": "tight", "version": policy(house).version}
    first, again = (house.send("PUT", "/v1/policies/main/active", wish, key="promote-once") for _ in range(2))
    assert (first.status, first.body) == (again.status, again.body)
    assert len(audited(house)) == 1


def test_a_shadow_is_chosen_and_ends_when_it_is_promoted(house: ApiFloor) -> None:
    assert choose(house, "shadow", "wide").json["shadow"] == "wide"
    assert choose(house, "active", "wide").json["shadow"] is None
    assert choose(house, "shadow", "standard").json["shadow"] == "standard"
    assert choose(house, "shadow", None).json["shadow"] is None
    assert len(audited(house)) == 4


@pytest.mark.parametrize(
    ("what", "body", "status", "field"),
    [
        ("active", {"name": "wild", "version": 1}, 422, "name"),
        ("shadow", {"name": "wild", "version": 1}, 422, "name"),
        ("shadow", {"name": "standard", "version": 1}, 422, "name"),
        ("active", {"name": None, "version": 1}, 422, "name"),
        ("active", {"name": "tight", "version": 7}, 409, "version"),
        ("shadow", {"name": "tight", "version": 7}, 409, "version"),
        ("active", {"version": 1}, 422, "name"),
    ],
)
def test_what_can_not_be_chosen_names_field_and_fix(
    house: ApiFloor, what: str, body: dict[str, Any], status: int, field: str
) -> None:
    answer = house.send("PUT", f"/v1/policies/main/{what}", body)
    assert (answer.status, answer.fields) == (status, [field])
    assert answer.json["errors"][0]["fix"]


def test_limits_that_a_person_sets_are_those_of_the_version_in_force(house: ApiFloor) -> None:
    choose(house, "active", "tight")
    wish = {"preset": "kraken-mvp", "limits": {"position_cap": "0.07"}, "version": policy(house).version}
    house.send("PUT", "/v1/policies/main", wish)
    assert str(policy(house).versions["tight"].position_cap) == "0.07"
    choose(house, "active", "standard")
    assert str(choose(house, "active", "tight").json["limits"]["position_cap"]) == "0.07"


def test_every_policy_that_ever_was_is_kept(house: ApiFloor) -> None:
    seen = [policy(house)]
    for name in ("tight", "wide", "standard"):
        choose(house, "active", name)
        seen.append(policy(house))
    rows = audit.rows(house.floor.ports.store, PolicyVersion.collection)
    kept = sorted((PolicyVersion.decode(row) for row in rows), key=lambda found: found.policy.version)
    assert [found.policy for found in kept] == seen
    assert [found.id for found in kept] == [f"main|{number}" for number in (1, 2, 3, 4)]


def test_other_settings_leave_in_force_what_a_person_has_chosen(tmp_path: Path, house: ApiFloor) -> None:
    choose(house, "active", "tight")
    choose(house, "shadow", "wide")
    house.close()
    tighter = ApiFloor(tmp_path, settings(versions={"tight": {"limits": {"position_cap": "0.04"}}}))
    found = policy(tighter)
    assert (found.active, found.shadow, str(found.limits.position_cap)) == ("tight", None, "0.04")
    tighter.close()
    without = ApiFloor(tmp_path, settings(versions={}))
    found = policy(without)
    assert (found.active, found.versions, str(found.limits.position_cap)) == ("standard", {}, "0.15")
    assert apply_settings(without.floor.context("api")) == []
    without.close()


@pytest.mark.parametrize(
    "portfolio",
    [
        {"versions": {"tight": {"limits": {"courage": 1}}}}, {"versions": {"tight": {"limits": {"position_cap": 11}}}},
        {"versions": {"standard": TIGHT}}, {"shadow": "tight"}, {"versions": {"tight": TIGHT}, "shadow": "standard"},
    ],
)  # fmt: skip
def test_versions_that_can_not_be_are_refused_at_the_start(portfolio: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured, match=r"portfolios\.main"):
        load(overrides={"portfolios": {"main": portfolio}})


# --- the shadow --------------------------------------------------------------------------------------------------


def decided(name: str, active: int, shadow: int) -> ShadowDecision:
    one, other = (
        Answered(version=version, verdict=Verdict.ACCEPTED, reason=Reason.OK, lots=lots)
        for version, lots in (("standard", active), ("tight", shadow))
    )
    return ShadowDecision(
        id=f"d-{name}", portfolio_id="main", signal_id=name, strategy_id="trend", instrument_id="kraken:BTC/USDT",
        active=one, shadow=other, ts_event_ms=NOW_MS,
    )  # fmt: skip


def traded(signal_id: str, profit: str) -> TradeRow:
    trade = TradeClosed(
        trade_id="t1", account_id="paper-main", instrument_id="kraken:BTC/USDT", strategy_id="trend", sender_id="floor",
        direction="LONG", quantity=Decimal(1), entry_price=Decimal(100), exit_price=Decimal(112), entry_ms=NOW_MS,
        exit_ms=NOW_MS, fees=Decimal(0), profit=Decimal(profit), return_fraction=Decimal("0.12"),
        entry_signal_id=signal_id, exit_signal_id="out",
    )  # fmt: skip
    return TradeRow(id="t1", account_id="paper-main", exit_ms=NOW_MS, trade=trade)


def test_a_shadow_is_read_beside_what_is_in_force_with_what_it_would_have_earned(house: ApiFloor) -> None:
    house.put(decided("same", 5, 5), decided("half", 10, 5), decided("open", 4, 2), traded("half", "12"))
    found = house.get("/v1/policies/main/shadow").json
    assert (found["decided"], found["agreed"], found["differed"], found["unvalued"]) == (3, 1, 2, 1)
    assert (found["earned"], found["would_have_earned"], found["gained"]) == ("12", "6", "-6")
    assert house.get("/v1/policies/main/shadow?limit=1").json["decided"] == 1
    assert house.get("/v1/policies/nobody/shadow").status == 404
