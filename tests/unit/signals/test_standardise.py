"""The entry as a whole: identity, repeats, time, evidence, answers, and how light it is."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from fluxfloor.contracts.events import SignalReceived
from fluxfloor.signals.dedupe import WINDOW_MS
from fluxfloor.signals.parse import MAX_BODY_BYTES
from fluxfloor.signals.standardise import Accepted

from tests.support.webhooks import NOW_MS, SECRET, TIME, refused, send, sender, signal

PLAIN: dict[str, Any] = {"symbol": "BTCUSDT", "action": "buy"}
ORDER: dict[str, Any] = {**PLAIN, "strategy": "cross", "order_id": "Long", "contracts": 1, "timestamp": TIME}


def is_repeat(later: Accepted, first: Accepted) -> bool:
    return first.event_id in (later.event_id, *later.also)


def test_the_same_bytes_are_the_same_webhook_and_give_the_same_signals() -> None:
    first, again = send(ORDER), send(ORDER, at=NOW_MS + 5_000)
    assert first.event_id == again.event_id
    assert [one.signal_id for one in first.signals] == [one.signal_id for one in again.signals]
    assert first.answer() == again.answer()


def test_another_senders_webhook_is_another_one() -> None:
    assert send(ORDER).event_id != send(ORDER, by=sender(id="bert")).event_id


@pytest.mark.parametrize(
    "change",
    [{"contracts": 2}, {"action": "sell"}, {"timestamp": "2025-09-24T15:30:01Z"}, {"order_id": "Add"},
     {"strategy": "x"}, {"symbol": "ETHUSDT"}],
)  # fmt: skip
def test_an_order_that_differs_in_anything_that_matters_is_another_one(change: dict[str, Any]) -> None:
    assert send(ORDER).event_id != send({**ORDER, **change}).event_id


def test_an_order_that_differs_in_nothing_that_matters_is_the_same_one() -> None:
    assert send(ORDER).event_id == send({"comment": "again", **ORDER}).event_id


def test_a_position_tells_two_orders_of_one_second_apart() -> None:
    opens = {**ORDER, "market_position": "long", "market_position_size": 1, "prev_market_position": "flat"}
    adds = {**ORDER, "market_position": "long", "market_position_size": 2, "prev_market_position": "long",
            "prev_market_position_size": 1}  # fmt: skip
    assert send(opens).event_id != send(adds).event_id


def test_a_senders_own_id_decides_whatever_else_changed() -> None:
    first = send({**PLAIN, "id": "Long-1"})
    assert send({**PLAIN, "id": "Long-1", "price": 7}, at=NOW_MS + 900_000).event_id == first.event_id
    assert send({**PLAIN, "id": "Long-2"}).event_id != first.event_id
    assert send({**PLAIN, "id": "Long-1", "symbol": "ETHUSDT"}).event_id != first.event_id


def test_a_body_without_time_or_id_is_a_repeat_for_half_a_minute_and_then_a_new_signal() -> None:
    first = send(PLAIN)
    for delay_ms in (1, 5_000, 25_000, WINDOW_MS - 1):
        assert is_repeat(send(PLAIN, at=NOW_MS + delay_ms), first)
    for delay_ms in (2 * WINDOW_MS, 3_600_000):
        assert not is_repeat(send(PLAIN, at=NOW_MS + delay_ms), first)


def test_a_body_with_its_own_time_is_a_repeat_for_ever() -> None:
    timed = {**PLAIN, "timestamp": TIME}
    assert is_repeat(send(timed, at=NOW_MS + 200_000), send(timed))
    assert not is_repeat(send({**timed, "rsi": 31}), send(timed))


def test_a_repeat_that_has_gone_stale_still_says_which_webhook_it_repeats() -> None:
    late = refused(ORDER, at=NOW_MS + 3_600_000)
    assert late.code == "stale"
    assert late.event_ids == (send(ORDER).event_id,)
    assert refused(PLAIN, headers={}).event_ids == ()


def test_a_changed_secret_does_not_make_a_new_webhook() -> None:
    before = send({**PLAIN, "timestamp": TIME, "secret": SECRET}, headers={})
    after = send({**PLAIN, "timestamp": TIME, "secret": "another-secret-now"}, headers={}, secret="another-secret-now")
    assert before.event_id == after.event_id


def test_staleness_is_the_senders_setting() -> None:
    timed = {**PLAIN, "timestamp": TIME}  # two seconds old
    assert refused(timed, by=sender(max_lag_s=1)).code == "stale"
    assert signal(timed, by=sender(max_lag_s=2))


def test_a_clock_a_little_ahead_is_forgiven_and_counts_as_now() -> None:
    assert signal({**PLAIN, "timestamp": "2025-09-24T15:31:00Z"}).ts_event_ms == NOW_MS
    assert refused({**PLAIN, "timestamp": "2025-09-24T15:31:03Z"}).code == "from_the_future"


def test_evidence_and_answer_are_plain_json() -> None:
    accepted = send(
        {**PLAIN, "price": 1.5, "quantity": 2}, headers={"X-Fluxfloor-Secret": SECRET, "X-Forwarded-For": "1.2.3.4"}
    )
    assert json.loads(json.dumps(accepted.evidence)) == accepted.evidence
    assert accepted.evidence["address"] == "1.2.3.4"
    assert accepted.answer() == {
        "event_id": accepted.event_id,
        "format": "tradingview",
        "signals": [
            {
                "signal_id": accepted.signals[0].signal_id, "action": "ENTRY", "direction": "LONG",
                "instrument_id": "kraken:BTC/USDT", "strategy_id": "alerts",
                "size": {"kind": "quantity", "value": "2"},
            }
        ],
    }  # fmt: skip


def test_a_signal_survives_the_wire() -> None:
    event = SignalReceived(signal=signal({**ORDER, "price": 65000.5, "sl_percent": 1, "note": "x", "big": 2**70}))
    assert SignalReceived.model_validate(event.model_dump(mode="json")) == event
    assert event.signal.explanation["big"] == str(2**70)


def test_a_refusal_is_problem_json() -> None:
    told = refused({"symbol": "BTCUSDX", "action": "buy"})
    assert told.headers()["Content-Type"] == "application/problem+json"
    assert json.loads(told.body()) == {
        "type": "urn:fluxfloor:refusal:unknown_instrument",
        "title": "Unknown instrument",
        "status": 422,
        "detail": "kraken has no instrument that 'BTCUSDX' could mean.",
        "code": "unknown_instrument",
        "field": "symbol",
        "fix": told.fix,
    }
    assert "kraken:BTC/USDT" in told.fix


def test_the_size_is_checked_before_anything_else() -> None:
    assert refused(b" " * (MAX_BODY_BYTES + 1), headers={}).status == 413


def test_a_long_strategy_name_is_shortened_but_stays_its_own() -> None:
    names = {signal({**PLAIN, "strategy": "x" * 100 + tail}).strategy_id for tail in ("a", "b")}
    assert len(names) == 2
    assert all(len(name) <= 96 for name in names)


def test_no_numeric_library_is_loaded_by_a_webhook() -> None:
    heavy = ("numba", "numpy", "pandas", "scipy", "pyarrow", "ccxt", "google.cloud.firestore", "flask", "sqlite3")
    code = f"import sys, fluxfloor.signals.standardise; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
