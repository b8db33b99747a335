"""Requests to Alpaca: what only looks is asked again, what may act never is, and no key comes out."""

from __future__ import annotations

import logging
import socket
import threading
import traceback

import pytest
from fluxfloor.adapters.venues.alpaca_client import AlpacaClient, budget_of
from fluxfloor.adapters.venues.budget import Budget, Purpose
from fluxfloor.adapters.venues.keys import Keys
from fluxfloor.errors import FloorError, Misconfigured, OutcomeUnknown, RetryLater, Throttled, VenueRefused
from fluxfloor.runtime.clock import VirtualClock

from tests.support.scripted_rest import Say, ScriptedRest

NOW_MS = 1_790_000_000_000
CANARY_KEY, CANARY_SECRET = "PKCANARYKEY", "canary-secret-4711"
PAGE = Say(raw=b"<html>Bad gateway</html>", status=502)


class Desk:
    def __init__(self, url: str, answer_s: float = 2.0, budget: Budget | None = None) -> None:
        self.clock = VirtualClock(NOW_MS)
        self.slept: list[float] = []
        self.client = AlpacaClient(
            url, Keys(CANARY_KEY, CANARY_SECRET), self.clock, budget or budget_of(self.clock), answer_s=answer_s,
            sleep=self.slept.append,
        )  # fmt: skip

    def place(self) -> object:
        return self.client.write("POST", "/v2/orders", {"symbol": "AAPL"}, Purpose.PLACE)


def test_the_keys_go_out_as_alpacas_two_headers(server: ScriptedRest) -> None:
    server.say("GET /v2/clock", Say({"is_open": True}))
    assert Desk(server.url).client.read("/v2/clock") == {"is_open": True}
    headers = server.asked[0].headers
    assert (headers["APCA-API-KEY-ID"], headers["APCA-API-SECRET-KEY"]) == (CANARY_KEY, CANARY_SECRET)


# --- looking -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad", [PAGE, Say(raw=b"<html>", status=200), Say(cut=True), Say({"message": "internal"}, 500), Say(status=302)]
)
def test_a_look_is_taken_again_after_1_2_and_4_seconds(server: ScriptedRest, bad: Say) -> None:
    server.say("GET /v2/clock", bad, bad, bad, Say({"is_open": False}))
    desk = Desk(server.url)
    assert desk.client.read("/v2/clock") == {"is_open": False}
    assert desk.slept == [1.0, 2.0, 4.0]


def test_a_look_that_never_succeeds_is_to_be_taken_later(server: ScriptedRest) -> None:
    server.say("GET /v2/clock", PAGE)
    with pytest.raises(RetryLater, match="502, unreadable"):
        Desk(server.url).client.read("/v2/clock")
    assert server.count("GET") == 4


def test_a_429_is_not_asked_again_and_its_patience_is_kept(server: ScriptedRest) -> None:
    server.say("GET /v2/clock", Say({"message": "too many requests."}, 429, headers={"Retry-After": "7"}))
    desk = Desk(server.url)
    for _ in range(2):
        with pytest.raises(Throttled) as told:
            desk.client.read("/v2/clock")
        assert told.value.retry_after_s == 7
    assert (server.count("GET"), desk.slept) == (1, [])
    desk.clock.advance_to(NOW_MS + 7_000)
    server.say("GET /v2/clock", Say({"is_open": True}))
    assert desk.client.read("/v2/clock") == {"is_open": True}


@pytest.mark.parametrize(
    ("headers", "patience_s"),
    [({"X-RateLimit-Reset": str(NOW_MS // 1000 + 12)}, 12), ({}, 60), ({"Retry-After": "soon"}, 60)],
)
def test_without_retry_after_the_budgets_reset_counts_and_else_a_minute(server, headers, patience_s) -> None:
    server.say("GET /v2/clock", Say({"message": "too many requests."}, 429, headers=headers))
    with pytest.raises(Throttled) as told:
        Desk(server.url).client.read("/v2/clock")
    assert told.value.retry_after_s == patience_s


def test_only_alpacas_own_404_says_that_something_is_not_there(server: ScriptedRest) -> None:
    server.say("GET /v2/orders/1", Say({"code": 40410000, "message": "order not found for 1"}, 404))
    desk = Desk(server.url)
    assert desk.client.read("/v2/orders/1") is None
    for stranger in (Say(status=404, raw=b""), Say(status=404, raw=b"<html>no such page</html>"), Say([], 404)):
        server.say("GET /v2/orders/1", stranger)
        with pytest.raises(RetryLater):
            desk.client.read("/v2/orders/1")


@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_what_no_retry_can_mend_is_told_at_once(server: ScriptedRest, status: int) -> None:
    server.say("GET /v2/account", Say({"message": "forbidden."}, status))
    with pytest.raises(Misconfigured, match="forbidden"):
        Desk(server.url).client.read("/v2/account")
    assert server.count("GET") == 1


# --- acting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        PAGE,
        Say(cut=True),
        Say(wait_s=1.0),
        Say(raw=b"{", status=200),
        Say({"message": "internal server error occurred"}, 500),
        Say({"message": "gateway"}, 504),
        Say({"message": "request timeout"}, 408),
        Say(raw=b"<html>who are you</html>", status=403),
        Say({"oops": 1}, 422),
        Say(status=307, headers={"Location": "/v2/orders"}),
    ],
    ids=str,
)
def test_an_order_is_sent_once_whatever_the_answer_and_no_answer_is_not_a_no(server: ScriptedRest, bad: Say) -> None:
    server.say("POST /v2/orders", bad)
    desk = Desk(server.url, answer_s=0.4)
    with pytest.raises(OutcomeUnknown):
        desk.place()
    assert (server.count("POST"), desk.slept) == (1, [])


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_429_to_what_acts_is_a_no_that_may_be_tried_again(server: ScriptedRest, method: str) -> None:
    server.say(f"{method} /v2/orders", Say({"message": "too many requests."}, 429, headers={"Retry-After": "3"}))
    with pytest.raises(VenueRefused) as told:
        Desk(server.url).client.write(method, "/v2/orders", None, Purpose.CANCEL)
    assert (told.value.code, told.value.retryable, server.count(method)) == ("throttled", True, 1)


def test_a_venue_that_can_not_be_reached_has_taken_nothing() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(VenueRefused) as told:
            Desk(url).place()
    assert (told.value.code, told.value.retryable) == ("unreachable", True)


def test_an_answer_that_trickles_in_takes_no_longer_than_an_answer_may() -> None:
    """It is unknown before the sender's lease has run out."""
    with socket.create_server(("127.0.0.1", 0)) as slow:

        def trickle() -> None:
            connection, _ = slow.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                for _ in range(100):
                    try:
                        connection.sendall(b" ")
                    except OSError:
                        return
                    threading.Event().wait(0.05)

        threading.Thread(target=trickle, daemon=True).start()
        with pytest.raises(OutcomeUnknown, match="ReadTimeout"):
            Desk(f"http://127.0.0.1:{slow.getsockname()[1]}", answer_s=0.3).place()


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (422, "client_order_id must be unique", "duplicate_client_order_id"),
        (403, "insufficient buying power", "insufficient_funds"),
        (403, "insufficient qty available for order (requested: 3, available: 0)", "insufficient_funds"),
        (403, "cost basis must be >= minimal amount of order 1", "min_notional"),
        (403, "potential wash trade detected. use complex orders", "wash_trade"),
        (403, "trade denied due to pattern day trading protection", "day_trading"),
        (403, "account is not allowed to short", "short_not_allowed"),
        (403, 'asset "GME" cannot be sold short', "short_not_allowed"),
        (422, "invalid limit_price 290.123. sub-penny increment does not fulfill", "tick_size"),
        (422, "stop price must be less than current price", "would_trigger"),
        (422, "requested asset is not fractionable", "lot_size"),
        (422, "qty must be > 0", "min_quantity"),
        (422, "asset BBBY is not active", "market"),
        (403, "account is blocked", "account_blocked"),
        (422, 'order is already in "filled" state', "unknown_order"),
        (401, "unauthorized.", "permission"),
        (403, "forbidden.", "permission"),
        (404, "order not found", "unknown_order"),
        (422, "something new", "rejected"),
    ],
)
def test_alpacas_sentences_become_the_floors_codes(server: ScriptedRest, status: int, message: str, code: str) -> None:
    server.say("POST /v2/orders", Say({"code": 40310000, "message": message}, status))
    with pytest.raises(VenueRefused) as told:
        Desk(server.url).place()
    assert (told.value.code, told.value.retryable) == (code, False)
    assert message in str(told.value)


# --- budgets and keys --------------------------------------------------------------------------------------------


def test_no_minute_has_more_requests_than_alpaca_takes(server: ScriptedRest) -> None:
    """Every moment is tried, for two minutes on end; what is over is told how long to wait, and never sent."""
    clock = VirtualClock(NOW_MS)
    budget, sent = budget_of(clock), []
    for ms in range(0, 120_000, 50):
        clock.advance_to(NOW_MS + ms)
        if not budget.take(Purpose.CANCEL):
            sent.append(ms)
    most = max(sum(start <= ms < start + 60_000 for ms in sent) for start in range(0, 60_000, 1_000))
    assert 190 <= most <= 200


def test_a_cancel_has_a_reserve_that_looks_and_orders_can_not_use_up(server: ScriptedRest) -> None:
    server.say("GET /v2/clock", Say({}))
    server.say("DELETE /v2/orders/1", Say(status=204, raw=b""))
    desk = Desk(server.url)
    for _ in range(40):
        desk.client.read("/v2/clock")
    with pytest.raises(Throttled):
        desk.client.read("/v2/clock")
    with pytest.raises(VenueRefused) as told:
        desk.place()
    assert (told.value.code, told.value.retryable, server.count("POST")) == ("throttled", True, 0)
    for _ in range(20):
        assert desk.client.write("DELETE", "/v2/orders/1", None, Purpose.CANCEL) is None


ERRORS = [Say(echo=True, status=status) for status in (401, 403, 404, 422, 500)] + [Say(cut=True), Say(raw=b"<html>")]


@pytest.mark.parametrize("bad", ERRORS, ids=str)
def test_no_error_and_no_line_of_the_log_carries_a_key(server: ScriptedRest, bad: Say, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    server.say("POST /v2/orders", bad)
    server.say("GET /v2/account", bad)
    desk, told = Desk(server.url), [repr(Desk(server.url).client), repr(Keys(CANARY_KEY, CANARY_SECRET))]
    for act in (desk.place, lambda: desk.client.read("/v2/account")):
        try:
            act()
        except FloorError:
            told.append(traceback.format_exc())
    told.append(caplog.text)
    assert not [line for line in told if CANARY_SECRET in line or CANARY_KEY in line]
