"""Passwords, tokens, tickets, and what slows a guesser down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fluxfloor.adapters.embedded.secrets import FileSecrets
from fluxfloor.adapters.embedded.store import SqliteStore
from fluxfloor.contracts.views import LoginGuard
from fluxfloor.errors import Misconfigured
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.webapi import guard
from fluxfloor.webapi.http import Call
from fluxfloor.webapi.passwords import hash_password, new_password, verify_password
from fluxfloor.webapi.problems import ApiError
from fluxfloor.webapi.sessions import (
    KEEP_SECRETS_MS,
    KEY_SECRET,
    PASSWORD_SECRET,
    Gate,
    mint_ticket,
    new_session_key,
    written_elsewhere,
)

from tests.support.api_floor import HASH, KEY, PASSWORD

NOW_MS = 1_790_000_000_000


def test_a_password_fits_its_own_hash_and_no_other() -> None:
    stored = hash_password(PASSWORD)
    assert verify_password(PASSWORD, stored)
    assert not verify_password(PASSWORD + " ", stored)
    assert stored != HASH  # salted


@pytest.mark.parametrize(
    "stored", ["", "plain", "scrypt$1$8$1$AAAA$AAAA", "scrypt$15$8$1$AAAA$AAAA", "bcrypt$15$8$1$" + "A" * 44]
)
def test_a_secret_that_is_no_hash_is_a_setting_to_mend_and_is_not_shown(stored: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        verify_password(PASSWORD, stored)
    assert not stored or stored not in str(caught.value)


def test_new_passwords_and_keys_differ_every_time() -> None:
    assert len({new_password() for _ in range(20)} | {new_session_key() for _ in range(20)}) == 40


# --- tokens ------------------------------------------------------------------------------------------------------


class House:
    def __init__(self, https: bool = False) -> None:
        self.clock = VirtualClock(NOW_MS)
        self.values = {KEY_SECRET: KEY, PASSWORD_SECRET: HASH}
        self.secrets = FileSecrets(Path("/nowhere"), self.values)
        self.gate = Gate(self.secrets, self.clock, https)

    def change(self, name: str, value: str) -> None:
        self.secrets._defaults[name] = value
        self.clock.advance_to(self.clock.now_ms() + KEEP_SECRETS_MS)


def bearer(token: str) -> Call:
    return Call("GET", "/", headers={"authorization": f"Bearer {token}"})


def test_a_token_is_good_until_it_expires() -> None:
    house = House()
    token, expires_ms = house.gate.issue("admin", 5)
    session = house.gate.read(bearer(token))
    assert session is not None
    assert (session.user, session.expires_ms, session.by_cookie) == ("admin", expires_ms, False)
    house.clock.advance_to(expires_ms)
    assert house.gate.read(bearer(token)) is None


@pytest.mark.parametrize("name", [KEY_SECRET, PASSWORD_SECRET])
def test_a_new_key_or_password_ends_every_session(name: str) -> None:
    house = House()
    token, _ = house.gate.issue("admin", 60)
    house.change(name, new_session_key() if name == KEY_SECRET else hash_password("another"))
    assert house.gate.read(bearer(token)) is None


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "ä", "e30.AAAA"])
def test_a_token_that_we_did_not_sign_is_nobody(token: str) -> None:
    assert House().gate.read(bearer(token)) is None


def test_a_ticket_is_no_token_and_a_token_no_ticket() -> None:
    house = House()
    ticket, (token, _) = mint_ticket(house.secrets, NOW_MS), house.gate.issue("admin", 5)
    assert house.gate.read(bearer(ticket)) is None
    assert house.gate.read_ticket(token) is None
    found = house.gate.read_ticket(ticket)
    assert found is not None
    assert found[0] == "admin"
    house.clock.advance_to(NOW_MS + 3_600_000)
    assert house.gate.read_ticket(ticket) is None


def test_a_short_signing_key_is_refused() -> None:
    house = House()
    house.secrets._defaults[KEY_SECRET] = "short"
    with pytest.raises(Misconfigured, match=KEY_SECRET):
        house.gate.issue("admin", 5)


def test_the_cookie_is_kept_from_scripts_and_other_sites() -> None:
    house = House(https=True)
    cookie = house.gate.cookie("token", 5)
    assert cookie == "__Host-fluxfloor=token; Path=/; Max-Age=300; HttpOnly; SameSite=Strict; Secure"
    call = Call("GET", "/", cookies={"__Host-fluxfloor": house.gate.issue("admin", 5)[0]})
    session = house.gate.read(call)
    assert session is not None
    assert session.by_cookie


@pytest.mark.parametrize(
    ("headers", "elsewhere"),
    [
        ({"host": "floor.test"}, False),
        ({"host": "floor.test", "origin": "https://floor.test"}, False),
        ({"host": "floor.test", "origin": "https://evil.test"}, True),
        ({"host": "floor.test", "origin": "null"}, True),
        ({"host": "floor.test", "sec-fetch-site": "cross-site"}, True),
        ({"host": "floor.test", "sec-fetch-site": "same-site"}, True),
        ({"host": "floor.test", "sec-fetch-site": "same-origin"}, False),
    ],
)
def test_a_write_that_another_site_started_is_seen(headers: dict[str, str], elsewhere: bool) -> None:
    house = House()
    token, _ = house.gate.issue("admin", 5)
    call = Call("POST", "/v1/halts", headers=headers, cookies={"fluxfloor": token})
    session = house.gate.read(call)
    assert session is not None
    assert written_elsewhere(call, session) is elsewhere
    assert not written_elsewhere(Call("GET", "/", headers=headers), session)


# --- slowing down ------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path)
    yield made
    made.close()


def test_failures_cost_more_time_each(store: SqliteStore) -> None:
    now_ms, waits = NOW_MS, []
    for _ in range(12):
        try:
            guard.enter(store, "203.0.113.7", now_ms)
        except ApiError as problem:
            waits.append(int(problem.headers["Retry-After"]))
            now_ms += waits[-1] * 1000
            guard.enter(store, "203.0.113.7", now_ms)
    assert waits == [1, 2, 4, 8, 16, 32, 64]


def test_neighbours_wait_together_and_strangers_do_not(store: SqliteStore) -> None:
    for _ in range(guard.FREE_FAILURES):
        guard.enter(store, "203.0.113.7", NOW_MS)
    with pytest.raises(ApiError):
        guard.enter(store, "203.0.113.99", NOW_MS)
    guard.enter(store, "198.51.100.1", NOW_MS)


def test_a_good_login_and_an_hour_forget_failures(store: SqliteStore) -> None:
    for _ in range(guard.FREE_FAILURES):
        guard.enter(store, "203.0.113.7", NOW_MS)
    guard.leave(store, "203.0.113.7")
    guard.enter(store, "203.0.113.7", NOW_MS)
    tired = LoginGuard(id="x", failures=50, last_failure_ms=NOW_MS)
    assert guard.wait_ms(tired, NOW_MS) == guard.LONGEST_WAIT_MS
    assert guard.wait_ms(tired, NOW_MS + guard.FORGET_MS) == 0


@pytest.mark.parametrize("address", ["", "nonsense", "::1", "2001:db8::1", "203.0.113.7", "fe80::1%eth0"])
def test_every_address_has_its_slice(address: str) -> None:
    assert len(guard.slice_of(address)) == 2


def test_a_process_takes_only_so_many_logins_a_minute() -> None:
    per_minute = guard.PerMinute(2)
    per_minute.take(NOW_MS)
    per_minute.take(NOW_MS + 10_000)
    with pytest.raises(ApiError) as caught:
        per_minute.take(NOW_MS + 20_000)
    assert caught.value.headers["Retry-After"] == "40"
    per_minute.take(NOW_MS + 60_000)
