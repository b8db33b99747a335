"""Reading what Google pushes at a stage."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from fluxfloor.adapters.google.push import delivery_from_push, message_push, schedule_push, timer_push
from fluxfloor.contracts import ids
from fluxfloor.contracts.events import ScheduleTicked, TimerFired
from fluxfloor.contracts.facts import decode
from fluxfloor.contracts.journal import Timer
from fluxfloor.errors import Poison
from hypothesis import given
from hypothesis import strategies as st

from tests.support.facts import risk

# A body as Pub/Sub really sends it, with its duplicate spellings.
PUBSUB_BODY = {
    "deliveryAttempt": 3,
    "message": {
        "attributes": {"event_id": "e1", "type": "risks.raised.v1"},
        "data": base64.b64encode(b'{"a":1}').decode(),
        "messageId": "136969346945",
        "message_id": "136969346945",
        "orderingKey": "key",
        "publishTime": "2026-01-04T08:00:00.1Z",
        "publish_time": "2026-01-04T08:00:00.1Z",
    },
    "subscription": "projects/floor/subscriptions/alerts--risks.raised",
}


def read(body: Any, **headers: str) -> Any:
    return delivery_from_push(orjson.dumps(body), headers)


def test_a_pubsub_push_becomes_a_delivery() -> None:
    delivery = read(PUBSUB_BODY)
    assert delivery.subscription == "alerts--risks.raised"
    assert delivery.data == b'{"a":1}'
    assert delivery.attributes == {"event_id": "e1", "type": "risks.raised.v1"}
    assert delivery.message_id == "136969346945"
    assert delivery.attempt == 3


def test_the_emulators_push_without_an_attempt_is_read_too() -> None:
    assert read({**PUBSUB_BODY, "deliveryAttempt": None}).attempt == 0


def test_a_message_without_data_or_attributes_is_read_and_refused_later() -> None:
    delivery = read({"message": {"messageId": "1"}, "subscription": "projects/p/subscriptions/s"})
    assert (delivery.data, delivery.attributes) == (b"", {})
    with pytest.raises(Poison):
        decode(delivery.data, delivery.attributes)


def test_what_we_would_push_is_what_we_read() -> None:
    fact = risk("čau 🌊")
    delivery = delivery_from_push(message_push("alerts--risks.raised", fact.data(), fact.attributes(), "7", 2), {})
    assert decode(delivery.data, delivery.attributes) == fact
    assert (delivery.subscription, delivery.message_id, delivery.attempt) == ("alerts--risks.raised", "7", 2)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b'"text"', b"7", b"\xff\xfe", b"{}", b'{"message":null}', b'{"message":[]}',
        b'{"message":{"data":7}}', b'{"message":{"data":"not base64!"}}', b'{"message":{"data":"YQ"}}',
        b'{"message":{"data":"YQ==","attributes":[]}}', b'{"message":{"data":"YQ==","attributes":{"a":1}}}',
        b'{"message":{"data":"YQ==","attributes":{"a":null}}}', b'{"message":{"data":"YQ=="},"subscription":7}',
        b'{"message":{"data":"YQ==","messageId":7}}', b'{"message":{"data":"\xc4\x8d"}}',
        b'{"a":' * 5000 + b"1" + b"}" * 5000, b'{"message":{"data":null}}',
    ],
)  # fmt: skip
def test_a_broken_envelope_is_poison(body: bytes) -> None:
    with pytest.raises(Poison):
        delivery_from_push(body, {})


@given(st.binary() | st.recursive(st.none() | st.integers(-9, 9) | st.text(), st.lists).map(orjson.dumps))
def test_any_bytes_are_a_delivery_or_poison(body: bytes) -> None:
    try:
        delivery_from_push(body, {})
    except Poison:
        return


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["message", "subscription", "deliveryAttempt", "stage", "job"]),
        _JSON | st.dictionaries(st.sampled_from(["data", "attributes", "messageId", "message_id"]), _JSON),
    ),
    st.dictionaries(
        st.sampled_from(["X-CloudScheduler-JobName", "X-CloudScheduler-ScheduleTime", "X-CloudTasks-TaskRetryCount"]),
        st.text(max_size=30) | st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
    ),
)
def test_any_envelope_is_a_well_typed_delivery_or_poison(body: dict[str, Any], headers: dict[str, str]) -> None:
    try:
        delivery = delivery_from_push(orjson.dumps(body), headers)
    except Poison:
        return
    assert isinstance(delivery.data, bytes)
    assert all(isinstance(text, str) for pair in delivery.attributes.items() for text in pair)
    assert isinstance(delivery.subscription, str)
    assert isinstance(delivery.message_id, str)
    assert delivery.attempt >= 0


# --- timers ---------------------------------------------------------------------------------------------------------

TIMER = Timer("t" * 32, "execution", 1_790_000_000_123, "check", "order-1")


def test_a_timer_call_becomes_a_fired_timer() -> None:
    delivery = delivery_from_push(timer_push(TIMER), {"X-CloudTasks-TaskRetryCount": "4"})
    fact = decode(delivery.data, delivery.attributes)
    assert fact.event == TimerFired(stage="execution", purpose="check", subject="order-1", due_ms=TIMER.due_ms)
    assert fact.event_id == fact.root == TIMER.timer_id
    assert delivery.attempt == 5
    assert delivery.message_id == TIMER.timer_id


@pytest.mark.parametrize("retries", ["", "-1", "x", "9" * 400, "1.5", "²"])
def test_a_strange_retry_count_counts_for_nothing(retries: str) -> None:
    assert delivery_from_push(timer_push(TIMER), {"x-cloudtasks-taskretrycount": retries}).attempt == 0


# --- schedules ------------------------------------------------------------------------------------------------------


def test_a_schedule_call_becomes_a_tick_with_the_id_of_its_run() -> None:
    scheduled_ms = 1_790_000_040_000
    body, headers = schedule_push("market", "pull", scheduled_ms)
    delivery = delivery_from_push(body, headers)
    fact = decode(delivery.data, delivery.attributes)
    assert fact.event == ScheduleTicked(stage="market", job="pull", scheduled_ms=scheduled_ms)
    assert fact.event_id == fact.root == ids.schedule_id("market", "pull", scheduled_ms)
    assert fact.ts_event_ms == scheduled_ms


@pytest.mark.parametrize(
    "time",
    ["2026-01-04T08:00:00Z", "2026-01-04T09:00:00+01:00", "2026-01-04T00:00:00.000-08:00", "2026-01-04T08:00:00.000Z"],
)
def test_one_instant_is_one_run_however_its_time_is_written(time: str) -> None:
    headers = {"X-CloudScheduler-JobName": "market-pull", "X-CloudScheduler-ScheduleTime": time}
    delivery = delivery_from_push(b'{"stage":"market","job":"pull"}', headers)
    expected_ms = int(datetime(2026, 1, 4, 8, tzinfo=UTC).timestamp() * 1000)
    assert delivery.message_id == ids.schedule_id("market", "pull", expected_ms)


@pytest.mark.parametrize("time", ["", "yesterday", "2026-01-04T08:00:00", "0001-01-01T00:00:00Z", "9999-01-01T00:00Z"])
def test_a_schedule_without_a_usable_time_is_poison(time: str) -> None:
    headers = {"X-CloudScheduler-JobName": "market-pull", "X-CloudScheduler-ScheduleTime": time}
    with pytest.raises(Poison):
        delivery_from_push(b'{"stage":"market","job":"pull"}', headers)


@pytest.mark.parametrize("body", [b"{}", b'{"stage":"market"}', b'{"stage":1,"job":"pull"}', b"[]", b""])
def test_a_schedule_that_names_no_job_is_poison(body: bytes) -> None:
    headers = {"X-CloudScheduler-JobName": "x", "X-CloudScheduler-ScheduleTime": "2026-01-04T08:00:00Z"}
    with pytest.raises(Poison):
        delivery_from_push(body, headers)
