"""How a request goes out and comes back: once, whatever happens to it, and without a secret in what is told of it."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fluxfloor.adapters.embedded.secrets import FileSecrets
from fluxfloor.adapters.venues.ccxt_trading import CcxtVenue
from fluxfloor.adapters.venues.keys import Keys, query_keys, trading_keys
from fluxfloor.contracts.orders import OrderState
from fluxfloor.errors import FloorError, Misconfigured, OutcomeUnknown, RetryLater, Throttled, VenueRefused
from fluxfloor.ports import VenueOrder
from fluxfloor.runtime import logging as logs

from tests.support.scripted_rest import Say
from tests.support.scripted_venue import AT_MS, ScriptedVenue, scripted
from tests.support.simulated_venue import an_id

CREATE, CANCEL, REALTIME = "POST /v5/order/create", "POST /v5/order/cancel", "GET /v5/order/realtime"
TAKEN = {"retCode": 0, "retMsg": "OK", "result": {"orderId": "1", "orderLinkId": an_id(1)}}
ORDER = VenueOrder(an_id(1), "1", OrderState.OPEN)


@pytest.fixture
def bybit() -> Iterator[ScriptedVenue]:
    with scripted("bybit") as room:
        yield room


# --- once --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        Say(cut=True),
        Say(TAKEN, wait_s=3.0),
        Say(status=500, raw=b"<html>"),
        Say(status=502, raw=b"<html>"),
        Say(status=503, document={"retCode": 170131, "retMsg": "insufficient, a proxy says"}),
        Say(status=504, raw=b""),
        Say(raw=b"<html>not what was asked for</html>"),
        Say(raw=b'{"retCode": 0, "resu'),
        Say(raw=b""),
        Say({"retCode": 0, "retMsg": "OK", "result": {}}),
        Say(status=301, raw=b"", headers={"Location": "/v5/order/create"}),
        Say(status=302, raw=b"", headers={"Location": "/v5/order/create"}),
        Say(status=307, raw=b"", headers={"Location": "/v5/order/create"}),
        Say(status=308, raw=b"", headers={"Location": "/v5/order/create"}),
    ],
    ids=["cut", "too late", "500", "502", "503", "504", "html", "half", "empty", "no id", "301", "302", "307", "308"],
)
def test_a_placement_goes_out_once_whatever_comes_back(bybit: ScriptedVenue, answer: Say) -> None:
    bybit.say(CREATE, answer, Say(TAKEN))
    with pytest.raises(OutcomeUnknown):
        bybit.venue.place(bybit.placement(an_id(1)))
    assert len(bybit.asked(CREATE)) == 1
    assert bybit.slept_s == []


def test_a_connection_that_was_closed_while_idle_is_no_reason_to_send_twice(bybit: ScriptedVenue) -> None:
    """The second request of a kept connection, cut before a byte of an answer, is what HTTP clients like to repeat."""
    bybit.say(CREATE, Say(TAKEN), Say(cut=True), Say(TAKEN))
    bybit.venue.place(bybit.placement(an_id(1)))
    with pytest.raises(OutcomeUnknown):
        bybit.venue.place(bybit.placement(an_id(2)))
    assert len(bybit.asked(CREATE)) == 2


def test_a_cancel_goes_out_once(bybit: ScriptedVenue) -> None:
    bybit.say(CANCEL, Say(cut=True), Say(TAKEN))
    with pytest.raises(OutcomeUnknown):
        bybit.venue.cancel(ORDER, bybit.rules)
    assert len(bybit.asked(CANCEL)) == 1


def test_a_venue_that_can_not_be_reached_has_taken_nothing(bybit: ScriptedVenue) -> None:
    bybit.venue.clock_offset_ms()
    bybit.say(CREATE, Say(TAKEN))
    bybit.venue.place(bybit.placement(an_id(1)))
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    exchange = bybit.venue._wire("trading").exchange  # its address goes dead once everything is open
    exchange.urls["api"] = dict.fromkeys(exchange.urls["api"], f"http://127.0.0.1:{port}")
    with pytest.raises(VenueRefused) as refusal:
        bybit.venue.place(bybit.placement(an_id(2)))
    assert (refusal.value.code, refusal.value.retryable) == ("unreachable", True)


def test_where_metadata_can_not_be_read_nothing_is_sent(bybit: ScriptedVenue) -> None:
    bybit.say("GET /v5/market/instruments-info", Say(status=502, raw=b"<html>"))
    with pytest.raises(VenueRefused) as refusal:
        bybit.venue.place(bybit.placement(an_id(1)))
    assert (refusal.value.code, refusal.value.retryable) == ("not_ready", True)
    assert not bybit.asked(CREATE)


def test_where_the_clock_was_never_told_nothing_is_sent(bybit: ScriptedVenue) -> None:
    bybit.say("GET /v5/market/time", Say(status=502, raw=b"<html>"))
    with pytest.raises(VenueRefused) as refusal:
        bybit.venue.place(bybit.placement(an_id(1)))
    assert refusal.value.code == "not_ready"
    assert not bybit.asked(CREATE)


# --- reads -------------------------------------------------------------------------------------------------------


def test_a_read_is_tried_again_and_then_given_back(bybit: ScriptedVenue) -> None:
    bybit.say(REALTIME, Say(raw=b"<html>"))
    with pytest.raises(RetryLater):
        bybit.venue.find(an_id(1), bybit.rules, AT_MS)
    assert bybit.slept_s == [1.0, 2.0, 4.0]
    assert len(bybit.asked(REALTIME)) == 4


def test_an_answer_of_another_shape_is_a_read_that_failed(bybit: ScriptedVenue) -> None:
    bybit.say(REALTIME, {"retCode": 0, "retMsg": "OK", "result": {"list": [{"orderLinkId": an_id(1)}]}})
    with pytest.raises(RetryLater, match="can't be read"):
        bybit.venue.find(an_id(1), bybit.rules, AT_MS)


def test_a_key_that_may_not_is_for_a_person_to_mend(bybit: ScriptedVenue) -> None:
    bybit.say(REALTIME, {"retCode": 10005, "retMsg": "Permission denied", "result": {}})
    with pytest.raises(Misconfigured):
        bybit.venue.find(an_id(1), bybit.rules, AT_MS)
    assert len(bybit.asked(REALTIME)) == 1


def test_a_429_keeps_everybody_quiet_for_as_long_as_it_says(bybit: ScriptedVenue) -> None:
    bybit.say(REALTIME, Say(status=429, raw=b"", headers={"Retry-After": "7"}))
    with pytest.raises(Throttled) as patience:
        bybit.venue.find(an_id(1), bybit.rules, AT_MS)
    assert patience.value.retry_after_s == 7
    with pytest.raises(VenueRefused) as refusal:
        bybit.venue.place(bybit.placement(an_id(1)))
    assert (refusal.value.code, refusal.value.retryable) == ("throttled", True)
    assert not bybit.asked(CREATE)
    bybit.clock.advance_to(AT_MS + 7_001)
    bybit.say(CREATE, Say(TAKEN))
    bybit.venue.place(bybit.placement(an_id(1)))


# --- secrets -----------------------------------------------------------------------------------------------------

CANARY = "canary-0123456789abcdef"


def canary() -> Keys:
    parts = {"key": f"key-{CANARY}", "secret": f"secret-{CANARY}"}
    stored = {f"venue-{name}": str(parts).replace("'", '"') for name in ("main", "query-main")}
    secrets = FileSecrets(Path("/nowhere"), stored)
    assert query_keys(secrets, "main") == trading_keys(secrets, "main")
    return trading_keys(secrets, "main")


@pytest.mark.parametrize(
    "answer",
    [
        Say({"retCode": 10003, "retMsg": f"API key is invalid: key-{CANARY}", "result": {}}),
        Say({"retCode": 10004, "retMsg": f"error sign! origin_string[1key-{CANARY}5000]", "result": {}}),
        Say({"retCode": 424242, "retMsg": f"secret-{CANARY}", "result": {}}),
        Say(status=500, raw=f"<html>key-{CANARY} secret-{CANARY}</html>".encode()),
        Say(status=403, raw=f"you sent key-{CANARY}".encode()),
        Say(cut=True),
    ],
)
def test_a_secret_shows_in_no_error_and_no_log(
    bybit: ScriptedVenue, answer: Say, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(logging.getLogger(), "level", logging.WARNING)
    logs.configure("DEBUG")
    venue = CcxtVenue(
        "bybit", bybit.clock, canary, canary, base_url=bybit.server.url, sandbox=True, sleep=bybit.slept_s.append
    )
    told: list[str] = []
    calls: list[tuple[str, Any]] = [
        (CREATE, lambda: venue.place(bybit.placement(an_id(1)))),
        (REALTIME, lambda: venue.find(an_id(1), bybit.rules, AT_MS)),
        (CANCEL, lambda: venue.cancel(ORDER, bybit.rules)),
        ("GET /v5/account/wallet-balance", lambda: venue.books(AT_MS)),
    ]
    for request, call in calls:
        bybit.say(request, answer)
        with pytest.raises(FloorError) as problem:
            call()
        told += [str(problem.value), repr(problem.value)]
        logging.getLogger("somebody").error("it went wrong", exc_info=problem.value)
    told += [str(venue.__dict__), repr(canary()), capsys.readouterr().err]
    assert "it went wrong" in told[-1]
    assert not [text for text in told if CANARY in text]


def test_a_secret_in_another_shape_is_named_and_not_shown() -> None:
    secrets = FileSecrets(Path("/nowhere"), {"venue-main": f"just {CANARY}"})
    with pytest.raises(Misconfigured, match="secret 'venue-main' must be a JSON object") as problem:
        trading_keys(secrets, "main")
    assert CANARY not in str(problem.value)


def test_no_key_at_all_says_what_this_stage_may_not_do() -> None:
    secrets = FileSecrets(Path("/nowhere"))
    with pytest.raises(Misconfigured, match=r"accounts.main: nothing here may trade on it: secret 'venue-main'"):
        trading_keys(secrets, "main")
