"""Who sent it: secrets in bodies and headers, signatures, addresses, and what strangers are told."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from fluxfloor.signals.authenticate import client_address, request_of
from fluxfloor.signals.refusals import Refused
from fluxfloor.signals.standardise import standardise

from tests.support.webhooks import KRAKEN, NOW_MS, SECRET, refused, send, sender

PLAIN = {"symbol": "BTCUSDT", "action": "buy"}


@pytest.mark.parametrize(
    "name", ["passphrase", "secret", "key", "token", "t", "password", "Secret-Key", "webhook_token"]
)
def test_the_secret_may_stand_in_the_body_under_any_usual_name(name: str) -> None:
    assert send({**PLAIN, name: SECRET}, headers={}).signals


def test_the_secret_may_stand_in_a_wrapper_or_in_each_element_of_an_array() -> None:
    assert send({"data": {**PLAIN, "token": SECRET}}, headers={}).signals
    assert send([{**PLAIN, "key": SECRET}, {**PLAIN, "symbol": "ETHUSDT", "key": SECRET}], headers={}).signals


def test_a_text_body_carries_it_as_a_pair() -> None:
    assert send(f"TOKEN={SECRET}\nSYMBOL=BTCUSDT\nSIGNAL=BUY", headers={}).signals
    assert send(f"SYMBOL=BTCUSDT;SIGNAL=BUY;KEY={SECRET}", headers={}).signals


@pytest.mark.parametrize(
    "headers",
    [{"x-fluxfloor-secret": SECRET}, {"Authorization": f"Bearer {SECRET}"}, {"AUTHORIZATION": f"bearer {SECRET}"}],
)
def test_the_secret_may_stand_in_a_header(headers: dict[str, str]) -> None:
    assert send(PLAIN, headers=headers).signals


def test_a_numeric_secret_may_be_sent_as_a_number() -> None:
    assert send({**PLAIN, "key": 170147}, headers={}, secret="170147").signals


def test_a_secret_that_was_stored_with_a_line_end_still_fits() -> None:
    assert send({**PLAIN, "key": SECRET}, headers={}, secret=SECRET + "\n").signals


@pytest.mark.parametrize(
    "claim",
    [{}, {"secret": "wrong"}, {"secret": ""}, {"secret": SECRET[:-1]}, {"secret": SECRET + "x"}, {"note": SECRET}],
)
def test_a_missing_or_wrong_secret_is_a_401(claim: dict[str, str]) -> None:
    assert refused({**PLAIN, **claim}, headers={}).status == 401


def test_a_sender_without_a_secret_lets_nobody_in() -> None:
    assert refused({**PLAIN, "secret": ""}, headers={}, secret="").status == 401
    assert refused({**PLAIN, "secret": ""}, headers={"X-Fluxfloor-Secret": ""}, secret=" \n").status == 401


def stranger(body: bytes, headers: dict[str, str]) -> Refused:
    with pytest.raises(Refused) as caught:
        standardise(body, "application/json", headers, None, "", KRAKEN, NOW_MS)
    return caught.value


@pytest.mark.parametrize("headers", [{}, {"X-Fluxfloor-Secret": "wrong"}])
def test_a_404_and_a_401_are_equally_long_and_carry_the_same_headers(headers: dict[str, str]) -> None:
    unknown, known = stranger(json.dumps(PLAIN).encode(), headers), refused(PLAIN, headers=headers)
    assert (unknown.status, known.status) == (404, 401)
    assert len(unknown.body()) == len(known.body())
    assert unknown.headers() == known.headers()


@pytest.mark.parametrize("body", [b"", b"\xff", b"{", b'{"ticker": {{close}}}', b"[" * 50])
def test_an_unknown_sender_is_told_nothing_about_its_body(body: bytes) -> None:
    assert stranger(body, {}).status == 404


def test_a_disabled_sender_is_unknown_even_with_its_secret() -> None:
    assert refused(PLAIN, by=sender(enabled=False)).status == 404


def test_an_unknown_sender_is_compared_as_often_as_a_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from fluxfloor.signals import authenticate

    calls: list[int] = []

    def counted(left: bytes, right: bytes) -> bool:
        calls.append(len(right))
        return hmac_compare(left, right)

    hmac_compare = hmac.compare_digest
    monkeypatch.setattr(authenticate.hmac, "compare_digest", counted)
    body = {**PLAIN, "secret": "wrong", "nested": {"token": "also wrong"}}
    refused(body, headers={})
    known, calls[:] = list(calls), []
    stranger(json.dumps(body).encode(), {})
    assert calls == known
    assert len(known) == 5  # the signature, two headers, two fields


def signature(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def test_a_signed_body_needs_no_secret_in_it() -> None:
    body, by = json.dumps(PLAIN).encode(), sender(hmac_header="X-Signature")
    assert send(body, by=by, headers={"x-signature": signature(body)}).signals
    assert send(body, by=by, headers={"X-Signature": f"sha256={signature(body).upper()}"}).signals


def test_a_sender_that_signs_is_not_believed_by_its_secret_alone() -> None:
    body, by = json.dumps(PLAIN).encode(), sender(hmac_header="X-Signature")
    assert refused(body, by=by).status == 401
    assert refused(body + b" ", by=by, headers={"X-Signature": signature(body)}).status == 401


def test_the_address_google_appended_counts_and_not_what_the_caller_wrote_before_it() -> None:
    by = sender(allowed_ips=("52.89.214.238", "34.212.75.0/24"))
    right = {"X-Fluxfloor-Secret": SECRET, "X-Forwarded-For": "6.6.6.6, 34.212.75.30"}
    forged = {"X-Fluxfloor-Secret": SECRET, "X-Forwarded-For": "52.89.214.238, 6.6.6.6"}
    assert send(PLAIN, by=by, headers=right).signals
    assert refused(PLAIN, by=by, headers=forged).code == "address_refused"
    assert refused(PLAIN, by=by).code == "address_refused"  # no address at all


def test_only_who_shows_the_secret_learns_that_its_address_is_not_listed() -> None:
    by = sender(allowed_ips=("52.89.214.238",))
    assert refused(PLAIN, by=by, headers={"X-Forwarded-For": "6.6.6.6"}).code == "invalid_secret"


def test_a_misspelt_network_locks_out_instead_of_opening() -> None:
    headers = {"X-Fluxfloor-Secret": SECRET, "X-Forwarded-For": "1.2.3.4"}
    assert refused(PLAIN, by=sender(allowed_ips=("1.2.3.4.5",)), headers=headers).status == 401


def test_an_ipv4_address_in_ipv6_clothes_is_the_same_address() -> None:
    request = request_of(b"", "", {"X-Forwarded-For": "::ffff:1.2.3.4"})
    assert str(client_address(request)) == "1.2.3.4"


def test_behind_a_load_balancer_the_address_stands_one_further_left() -> None:
    request = request_of(b"", "", {"X-Forwarded-For": "9.9.9.9, 1.2.3.4, 35.0.0.1"})
    assert str(client_address(request, appended=2)) == "1.2.3.4"
    assert client_address(request_of(b"", "", {"X-Forwarded-For": "1.2.3.4"}), appended=2) is None


@pytest.mark.parametrize("query", [f"secret={SECRET}", "token=wrong", f"x={SECRET}", "passphrase="])
def test_a_secret_in_the_address_is_refused_even_when_it_is_right(query: str) -> None:
    told = refused({**PLAIN, "secret": SECRET}, query=query)
    assert told.code == "secret_in_url"
    assert SECRET not in str(told.problem())


def test_other_parameters_in_the_address_are_nobodys_business() -> None:
    assert send(PLAIN, query="chart=1&note=hello").signals


def test_a_known_sender_is_told_of_a_broken_body_before_its_secret_is_asked_for() -> None:
    told = refused(b'{"symbol": "BTCUSDT", "price": {{close}}}', headers={})
    assert (told.code, told.authenticated) == ("unfilled_placeholder", False)
    assert refused(b'{"symbol": "BTCUSDT", "price": {{close}}}').authenticated
