"""Logging in and out, through real requests to the api stage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fluxfloor.webapi.guard import FREE_FAILURES

from functions.api.desk import desk_of
from tests.support.api_floor import PASSWORD, ApiFloor


@pytest.fixture
def house(tmp_path: Path) -> Iterator[ApiFloor]:
    made = ApiFloor(tmp_path)
    yield made
    made.close()


def actions(house: ApiFloor) -> list[str]:
    return [item["action"] for item in house.get("/v1/audit").json["items"] if item["actor"] != "settings"]


def test_a_login_gives_a_token_and_a_cookie_that_both_open_the_api(house: ApiFloor) -> None:
    answer = house.log_in()
    assert answer.status == 200
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    assert house.ask("GET", "/v1/session", token="", headers={"Cookie": cookie}).json["user"] == "admin"
    assert house.ask("GET", "/v1/session", token=answer.json["token"]).json["expires_ms"] == answer.json["expires_ms"]
    assert actions(house) == ["session.opened"]


@pytest.mark.parametrize(
    "path", ["/v1/overview", "/v1/audit", "/v1/why/x", "/v1/senders", "/v1/session", "/v1/exports/x/files/csv"]
)
def test_without_a_session_nothing_is_shown(house: ApiFloor, path: str) -> None:
    answer = house.ask("GET", path, token="")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.fields == ["header.Authorization"]


@pytest.mark.parametrize(("user", "password"), [("admin", "wrong"), ("nobody", PASSWORD), ("admin", PASSWORD + "é")])
def test_a_wrong_login_is_refused_and_does_not_say_what_was_wrong(house: ApiFloor, user: str, password: str) -> None:
    answer = house.log_in(password, user)
    assert (answer.status, answer.json["detail"]) == (401, "user and password do not match")
    assert "Set-Cookie" not in answer.headers


def test_guessing_is_slowed_down_even_for_the_right_password(house: ApiFloor) -> None:
    assert house.get("/v1/session").status == 200  # a session from before goes on
    for _ in range(FREE_FAILURES):
        assert house.log_in("wrong").status == 401
    slowed = house.log_in()
    assert (slowed.status, slowed.headers["Retry-After"]) == (429, "1")
    assert house.get("/v1/session").status == 200
    assert "login.slowed" in actions(house)
    house.clock.advance_to(house.clock.now_ms() + 1_000)
    assert house.log_in().status == 200
    assert house.log_in("wrong").status == 401  # the count began anew


def test_a_ticket_logs_in_once(house: ApiFloor) -> None:
    path = f"/login?ticket={house.ticket()}"
    first, second = house.ask("GET", path, token=""), house.ask("GET", path, token="")
    assert (first.status, first.headers["Location"]) == (303, "/")
    assert "HttpOnly; SameSite=Strict" in first.headers["Set-Cookie"]
    assert (second.status, second.headers["Location"]) == (303, "/#ticket-used")
    assert "Set-Cookie" not in second.headers
    assert sorted(actions(house)) == ["session.opened", "session.opened", "ticket.used"]  # one is this test's own


@pytest.mark.parametrize("ticket", ["x", "a.b", "%00", "é"])
def test_a_ticket_that_is_none_leads_to_the_form(house: ApiFloor, ticket: str) -> None:
    answer = house.ask("GET", f"/login?ticket={ticket}", token="")
    assert (answer.status, answer.headers["Location"]) == (303, "/#ticket-used")


def test_logging_out_takes_the_cookie_away(house: ApiFloor) -> None:
    answer = house.ask("DELETE", "/v1/session", token="")
    assert answer.status == 204
    assert answer.headers["Set-Cookie"].startswith("fluxfloor=; Path=/; Max-Age=0")


def test_a_write_from_another_site_is_refused_though_the_cookie_is_good(house: ApiFloor) -> None:
    cookie = house.log_in().headers["Set-Cookie"].partition(";")[0]
    headers = {"Cookie": cookie, "Origin": "https://evil.test", "Idempotency-Key": "key-from-afar"}
    answer = house.ask("POST", "/v1/halts", {"scope": "floor", "reason": "not mine"}, token="", headers=headers)
    assert answer.status == 403
    assert house.get("/v1/halts").json["items"] == []
    headers["Origin"] = "http://localhost"
    assert house.ask("POST", "/v1/halts", {"scope": "floor", "reason": "mine"}, token="", headers=headers).status == 200


def test_a_floor_knows_nothing_of_another_floors_sessions_and_caches(house: ApiFloor, tmp_path: Path) -> None:
    other = ApiFloor(tmp_path / "other")
    assert desk_of(house.floor.context("api")) is not desk_of(other.floor.context("api"))
    assert desk_of(house.floor.context("api")) is desk_of(house.floor.context("api"))
    other.close()
