"""What people may change: once per key, audited in the same commit, durable before it is answered."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fluxfloor.contracts.events import SimulationRequested
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.policy import Halt, Policy
from fluxfloor.contracts.simulations import SimulationSpec
from fluxfloor.contracts.state import Sender
from fluxfloor.contracts.views import AuditRecord
from fluxfloor.errors import CommitUnknown, RetryLater
from fluxfloor.ports import Commit, Delivery, Query, Ref
from fluxfloor.runtime.settings import Settings
from fluxfloor.webapi.audit import broken
from fluxfloor.webapi.settled import apply_settings

from tests.support.api_floor import NOW_MS, ApiFloor
from tests.support.floor_story import account, quarantined

HALT = {"scope": "floor", "reason": "books look wrong"}
RESUME = {"reason": "looked into it"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[ApiFloor]:
    made = ApiFloor(tmp_path)
    yield made
    made.close()


def audit(house: ApiFloor) -> list[AuditRecord]:
    found = house.floor.store.query(Query("audit", order_by="ts_event_ms", limit=500))
    return sorted((AuditRecord.decode(item.data or {}) for item in found), key=lambda item: item.id)


def published(house: ApiFloor, monkeypatch: pytest.MonkeyPatch) -> list[Fact]:
    """Everything that leaves from now on."""
    seen: list[Fact] = []
    plain = house.floor.bus.publish

    def publish(facts: Sequence[Fact]) -> None:
        plain(facts)
        seen.extend(facts)

    monkeypatch.setattr(house.floor.bus, "publish", publish)
    return seen


# --- the kill switch ---------------------------------------------------------------------------------------------


def test_the_kill_switch_is_in_the_store_when_it_answers(house: ApiFloor) -> None:
    answer = house.send("POST", "/v1/halts", {**HALT, "flatten": True})
    assert answer.status == 200
    halt = house.floor.context("api").read(Halt.key("floor"))
    assert halt is not None
    assert (halt.raised_by, halt.reason, halt.flatten) == ("admin", "books look wrong", True)
    assert [item["scope"] for item in house.get("/v1/overview").json["halts"]] == ["floor"]


def test_people_hear_of_a_halt_and_of_its_end(house: ApiFloor) -> None:
    house.send("POST", "/v1/halts", HALT)
    house.send("POST", "/v1/halts/floor/resume", RESUME)
    house.drain()
    told = [(item["kind"], item["scope"]) for item in house.get("/v1/risks").json["items"]]
    assert sorted(told) == [("halted", "floor"), ("resumed", "floor")]


def test_a_halt_that_stands_keeps_its_reason_and_may_only_grow_graver(house: ApiFloor) -> None:
    house.send("POST", "/v1/halts", HALT)
    graver = house.send("POST", "/v1/halts", {"scope": "floor", "reason": "now close it", "flatten": True}).json
    milder = house.send("POST", "/v1/halts", {"scope": "floor", "reason": "on second thought"}).json
    assert graver == milder
    assert (graver["reason"], graver["flatten"]) == ("books look wrong", True)


def test_a_resume_needs_a_halt(house: ApiFloor) -> None:
    house.send("POST", "/v1/halts", HALT)
    assert house.send("POST", "/v1/halts/main/resume", RESUME).status == 404
    assert house.send("POST", "/v1/halts/floor/resume", RESUME).json["was"]["reason"] == "books look wrong"
    assert house.get("/v1/halts").json["items"] == []
    assert house.send("POST", "/v1/halts/floor/resume", RESUME).status == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scope": "nowhere", "reason": "because"}, "scope"), ({"scope": "floor"}, "reason"),
        ({"scope": "floor", "reason": "x"}, "reason"), ({**HALT, "flatten": "perhaps"}, "flatten"),
        ({**HALT, "colour": "red"}, "colour"), ({"scope": ["floor"], "reason": "because"}, "scope"),
    ],
)  # fmt: skip
def test_a_halt_that_can_not_be_names_field_and_fix(house: ApiFloor, body: dict[str, Any], field: str) -> None:
    answer = house.send("POST", "/v1/halts", body)
    assert (answer.status, answer.fields) == (422, [field])
    assert answer.json["errors"][0]["fix"]


# --- once per key ------------------------------------------------------------------------------------------------


def test_the_same_key_gets_the_same_answer_and_changes_nothing_again(house: ApiFloor) -> None:
    first = house.send("POST", "/v1/halts", HALT, key="the-same-key")
    house.send("POST", "/v1/halts/floor/resume", RESUME)
    again = house.send("POST", "/v1/halts", HALT, key="the-same-key")
    assert (again.status, again.body) == (first.status, first.body)
    assert house.get("/v1/halts").json["items"] == []  # it was not halted a second time


def test_a_repeated_resume_is_told_that_it_was_done(house: ApiFloor) -> None:
    house.send("POST", "/v1/halts", HALT)
    first, again = (house.send("POST", "/v1/halts/floor/resume", RESUME, key="resume-key") for _ in range(2))
    assert (first.status, again.status) == (200, 200)
    assert first.json == again.json


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/halts", {**HALT, "reason": "another reason"}),
        ("POST", "/v1/halts/floor/resume", RESUME),
        ("POST", "/v1/exports", {"kind": "trades", "account_id": "paper-main", "from_ms": 0, "to_ms": 1}),
    ],
)
def test_the_same_key_for_another_change_is_refused(house: ApiFloor, method: str, path: str, body: Any) -> None:
    house.send("POST", "/v1/halts", HALT, key="the-same-key")
    answer = house.send(method, path, body, key="the-same-key")
    assert (answer.status, answer.fields) == (422, ["header.Idempotency-Key"])


@pytest.mark.parametrize("key", ["", "short", "with space in it", "x" * 65, "umläute-und-mehr"])
def test_a_write_without_a_good_key_is_refused(house: ApiFloor, key: str) -> None:
    headers = {"Idempotency-Key": key} if key else {}
    answer = house.ask("POST", "/v1/halts", HALT, headers=headers)
    assert (answer.status, answer.fields) == (422, ["header.Idempotency-Key"])


def test_many_at_once_under_one_key_are_one_change(house: ApiFloor) -> None:
    assert house.token
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: house.send("POST", "/v1/halts", HALT, key="one-key-for-all"), range(16)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert [item.action for item in audit(house)].count("halt.raised") == 1


def test_what_could_not_be_sent_is_sent_by_the_repeat(house: ApiFloor, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(_: Sequence[Fact]) -> None:
        raise RetryLater("the bus is down")

    assert house.token
    with monkeypatch.context() as patched:
        patched.setattr(house.floor.bus, "publish", down)
        answer = house.send("POST", "/v1/halts", HALT, key="a-key-that-waits")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert house.floor.context("api").read(Halt.key("floor")) is not None  # durable all the same
    seen = published(house, monkeypatch)
    assert house.send("POST", "/v1/halts", HALT, key="a-key-that-waits").status == 200
    assert [fact.type for fact in seen] == ["risks.raised.v1"]


def test_a_lost_answer_of_the_store_is_no_lost_and_no_double_change(
    house: ApiFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert house.token
    plain, calls = house.floor.store.commit, []

    def losing(commit: Commit) -> None:
        plain(commit)
        calls.append(commit)
        raise CommitUnknown("the line went dead")

    with monkeypatch.context() as patched:
        patched.setattr(house.floor.store, "commit", losing)
        answer = house.send("POST", "/v1/halts", HALT, key="a-key-in-the-dark")
    assert answer.status == 200
    assert len(calls) == 1
    assert [item.action for item in audit(house)].count("halt.raised") == 1


def test_a_store_that_is_away_is_a_503_and_nothing_changed(house: ApiFloor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert house.token

    def away(*_: Any) -> None:
        raise CommitUnknown("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(house.floor.store, "commit", away)
        assert house.send("POST", "/v1/halts", HALT).status == 503
    assert house.get("/v1/halts").json["items"] == []


# --- quarantine and exports --------------------------------------------------------------------------------------


def test_a_held_message_is_released_to_its_stage(house: ApiFloor, monkeypatch: pytest.MonkeyPatch) -> None:
    ref, record = quarantined("features", "signals.received.v1", "broken", NOW_MS)
    house.store(ref, record)
    seen = published(house, monkeypatch)
    answer = house.send("POST", f"/v1/quarantine/{ref.id}/release")
    assert (answer.status, answer.json) == (202, {"quarantine_id": ref.id, "stage": "features"})
    assert [(fact.type, fact.event.attributes()) for fact in seen] == [
        ("quarantines.released.v1", {"stage": "features"})
    ]


def test_what_is_not_held_can_not_be_released(house: ApiFloor) -> None:
    assert house.send("POST", "/v1/quarantine/features:nothing/release").status == 404
    ref, record = quarantined("features", "t", "broken", NOW_MS)
    house.store(ref, {**record, "state": "released"})
    assert house.send("POST", f"/v1/quarantine/{ref.id}/release").status == 409
    ref, record = quarantined("ingestion", "t", "broken", NOW_MS)
    house.store(Ref(ref.collection, ref.id, "edge"), record)
    assert house.send("POST", f"/v1/quarantine/{ref.id}/release").status == 409


def test_a_message_of_the_dashboard_goes_all_the_way_round(house: ApiFloor) -> None:
    good = Fact.first("event-1", account(NOW_MS, "10000", 1), NOW_MS)
    house.floor.runners["dashboard"].handle(Delivery("x", b"{}", good.attributes()))  # a body that lost its content
    (held,) = house.get("/v1/quarantine").json["items"]
    assert (held["stage"], held["releasable"]) == ("dashboard", True)
    # a person mends what was stored, and lets it go
    house.floor.store.patch(Ref("quarantine", held["quarantine_id"]), {"data": base64.b64encode(good.data()).decode()})
    house.send("POST", f"/v1/quarantine/{held['quarantine_id']}/release")
    house.drain()
    assert house.get("/v1/accounts").json["items"][0]["equity"] == "10000"
    assert house.get("/v1/quarantine").json["items"][0]["state"] == "released"


def test_an_export_is_asked_for(house: ApiFloor, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = published(house, monkeypatch)
    wish = {"kind": "equity", "account_id": "paper-main", "from_ms": 10, "to_ms": 20}
    answer = house.send("POST", "/v1/exports", wish)
    assert answer.status == 202
    (fact,) = seen
    assert fact.event.model_dump(mode="json") == {
        **wish,
        "export_id": answer.json["export_id"],
        "requested_by": "admin",
    }


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"to_ms": 0}, "to_ms"), ({"to_ms": 10**12}, "to_ms"), ({"account_id": "nobody"}, "account_id"),
        ({"kind": "secrets"}, "kind"), ({"from_ms": -1}, "from_ms"), ({"to_ms": 1e300}, "to_ms"),
    ],
)  # fmt: skip
def test_an_export_of_nothing_is_refused(house: ApiFloor, change: dict[str, Any], field: str) -> None:
    wish = {"kind": "equity", "account_id": "paper-main", "from_ms": 10, "to_ms": 20, **change}
    answer = house.send("POST", "/v1/exports", wish)
    assert (answer.status, answer.fields) == (422, [field])


WISH: dict[str, Any] = {
    "strategies": [{"plugin": "trend", "params": {"stop_atr": 2.5}}], "instrument_id": "kraken:BTC/USDT",
    "timeframe": "15m", "from_ms": 10, "to_ms": 20,
}  # fmt: skip


def test_a_simulation_is_asked_for(house: ApiFloor, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = published(house, monkeypatch)
    answer = house.send("POST", "/v1/simulations", WISH, key="simulate-once")
    again = house.send("POST", "/v1/simulations", WISH, key="simulate-once")
    assert (answer.status, again.json) == (202, answer.json)
    (fact,) = seen
    assert isinstance(fact.event, SimulationRequested)
    assert fact.event.simulation_id == answer.json["simulation_id"]
    assert fact.event.spec == SimulationSpec.model_validate(WISH)
    assert fact.event.requested_by == "admin"
    audited = [(item["action"], item["subject"]) for item in house.get("/v1/audit").json["items"]]
    assert audited.count(("simulation.requested", answer.json["simulation_id"])) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"strategies": []}, "strategies"), ({"strategies": [{"plugin": "trend"}] * 2}, "body"),
        ({"timeframe": "2h"}, "timeframe"), ({"to_ms": 10}, "body"), ({"participation": "1.5"}, "participation"),
        ({"latency_min_ms": 300}, "body"), ({"fee": "0.9"}, "fee"), ({"deposit": "0"}, "deposit"),
        ({"luck": 1}, "luck"),
        ({"strategies": [{"plugin": "trend", "params": {"stop_atr": "high"}}]}, "strategies.0.params.stop_atr"),
    ],
)  # fmt: skip
def test_a_simulation_that_makes_no_sense_is_refused(house: ApiFloor, change: dict[str, Any], field: str) -> None:
    answer = house.send("POST", "/v1/simulations", {**WISH, **change})
    assert (answer.status, answer.fields[0]) == (422, field)


# --- policies ----------------------------------------------------------------------------------------------------


def policy(house: ApiFloor) -> dict[str, Any]:
    return house.get("/v1/policies/main").json


def test_limits_are_set_from_a_preset_and_what_differs(house: ApiFloor) -> None:
    wish = {"preset": "fluxhero", "limits": {"position_cap": "0.1", "daily_loss_flattens": None}, "version": 1}
    answer = house.send("PUT", "/v1/policies/main", wish)
    assert answer.status == 200
    assert answer.json == policy(house)
    limits = answer.json["limits"]
    assert (limits["position_cap"], limits["exposure_cap"], limits["daily_loss_flattens"]) == ("0.1", "0.50", None)
    assert answer.json["version"] == 2
    (last,) = [item for item in audit(house) if item.action == "policy.changed"]
    assert last.details["position_cap"] == "0.15 → 0.1"


def test_who_saw_an_older_policy_is_told_to_look_again(house: ApiFloor) -> None:
    house.send("PUT", "/v1/policies/main", {"preset": "fluxhero", "version": 1})
    answer = house.send("PUT", "/v1/policies/main", {"preset": "mathematricks", "version": 1})
    assert (answer.status, answer.fields) == (409, ["version"])
    assert policy(house)["preset"] == "fluxhero"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"preset": "wild", "version": 1}, "preset"),
        ({"preset": "fluxhero", "limits": {"position_cap": "11"}, "version": 1}, "limits.position_cap"),
        ({"preset": "fluxhero", "limits": {"position_cap": None}, "version": 1}, "limits.position_cap"),
        ({"preset": "fluxhero", "limits": {"position_cap": "NaN"}, "version": 1}, "limits.position_cap"),
        ({"preset": "fluxhero", "limits": {"courage": 1}, "version": 1}, "limits.courage"),
        ({"preset": "fluxhero", "limits": [], "version": 1}, "limits"),
        ({"preset": "fluxhero"}, "version"),
    ],
)
def test_limits_that_can_not_be_are_refused(house: ApiFloor, body: dict[str, Any], field: str) -> None:
    answer = house.send("PUT", "/v1/policies/main", body)
    assert (answer.status, answer.fields) == (422, [field])
    assert policy(house)["version"] == 1


def test_an_unknown_portfolio_has_no_policy(house: ApiFloor) -> None:
    assert house.send("PUT", "/v1/policies/other", {"preset": "fluxhero", "version": 1}).status == 404


# --- settings ----------------------------------------------------------------------------------------------------


def restarted(house: ApiFloor, tmp_path: Path, **settings: Any) -> ApiFloor:
    return ApiFloor(tmp_path, Settings.model_validate({"api": {"public_url": "http://localhost"}, **settings}))


def test_settings_are_applied_once(house: ApiFloor) -> None:
    before = len(audit(house))
    assert apply_settings(house.floor.context("api")) == []
    assert len(audit(house)) == before


def test_a_persons_change_outlives_a_restart_until_the_settings_change(house: ApiFloor, tmp_path: Path) -> None:
    house.send("PUT", "/v1/policies/main", {"preset": "fluxhero", "version": 1})
    same = {"senders": {"tradingview": {"default_expected_alpha": "0.02"}}}
    again = restarted(house, tmp_path, **same)
    assert policy(again)["preset"] == "fluxhero"
    changed = restarted(house, tmp_path, **same, portfolios={"main": {"limits": {"max_open_positions": 3}}})
    assert (policy(changed)["preset"], policy(changed)["limits"]["max_open_positions"]) == ("kraken-mvp", 3)
    back = restarted(house, tmp_path, **same)
    assert policy(back)["limits"]["max_open_positions"] == 2
    assert policy(back)["version"] == 4


def test_a_sender_that_left_the_settings_is_switched_off(house: ApiFloor, tmp_path: Path) -> None:
    gone = restarted(house, tmp_path, senders={"other": {"max_lag_s": 30}})
    found = {item["sender_id"]: item["enabled"] for item in gone.get("/v1/senders").json["items"]}
    assert found == {"other": True, "tradingview": False}
    back = restarted(house, tmp_path, senders={"tradingview": {}})
    sender = back.floor.context("api").read(Sender.key("tradingview"))
    assert sender is not None
    assert (sender.enabled, sender.secret_name, sender.default_venue) == (True, "sender-tradingview", "kraken")


def test_what_settings_set_is_audited_under_their_name(house: ApiFloor) -> None:
    assert [(item.actor, item.action) for item in audit(house)] == [
        ("settings", "policy.set"), ("settings", "sender.set"),
    ]  # fmt: skip
    assert house.floor.context("api").read(Policy.key("main")) is not None


# --- the audit log -----------------------------------------------------------------------------------------------


def test_the_audit_log_is_a_chain_that_shows_where_it_was_broken(house: ApiFloor) -> None:
    for n in range(4):
        house.send("POST", "/v1/halts", {**HALT, "reason": f"reason {n}"})
    records = audit(house)
    assert [int(item.id) for item in records] == list(range(1, len(records) + 1))
    assert broken(records) == ""
    assert broken(records[2:]) == ""
    assert broken([*records[:2], *records[3:]]) == records[3].id
    forged = records[3].model_copy(update={"actor": "somebody else"})
    assert broken([*records[:3], forged, *records[4:]]) == forged.id
    assert house.get("/v1/audit").json["broken"] == ""
    house.floor.store.patch(Ref("audit", records[3].id), {"subject": "main"})
    assert house.get("/v1/audit").json["broken"] == records[3].id


def test_a_change_that_was_refused_leaves_no_trace_in_the_audit_log(house: ApiFloor) -> None:
    before = len(audit(house))
    house.send("POST", "/v1/halts/floor/resume", RESUME)
    house.send("POST", "/v1/halts", {"scope": "nowhere", "reason": "because"})
    assert len(audit(house)) == before + 1  # the login of this test


# --- bodies ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", {"Content-Type": "text/plain"}, 415), (b"{}", {"Content-Type": ""}, 415), (b"{", {}, 400),
        (b'{"scope": "floor", "scope": "main", "reason": "twice"}', {}, 400), (b"[1]", {}, 400),
        (b'{"scope": "floor", "reason": "' + b"x" * 70_000 + b'"}', {}, 413), (b"\xff\xfe{}", {}, 400),
    ],
)  # fmt: skip
def test_a_body_that_can_not_be_read_is_refused(
    house: ApiFloor, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = house.ask("POST", "/v1/halts", body, headers={"Idempotency-Key": "some-good-key", **headers})
    assert answer.status == status
    assert answer.json["errors"][0]["fix"]


def test_a_body_where_none_belongs_is_refused(house: ApiFloor) -> None:
    house.send("POST", "/v1/halts", HALT)
    assert house.send("POST", "/v1/halts/floor/resume", {**RESUME, "really": True}).status == 422
