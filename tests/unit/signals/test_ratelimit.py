"""The token bucket: exact, pure, and honest about how long to wait."""

from __future__ import annotations

import pytest
from fluxfloor.signals.ratelimit import Bucket, check_rate, take
from fluxfloor.signals.refusals import Refused


def test_a_minutes_worth_may_come_at_once_and_no_more() -> None:
    bucket: Bucket | None = None
    for _ in range(60):
        taken = take(bucket, 60, 1_000)
        assert taken.wait_ms == 0
        bucket = taken.bucket
    assert take(bucket, 60, 1_000).wait_ms == 1_000


def test_who_waits_as_told_gets_a_token() -> None:
    empty = take(take(None, 7, 0, burst=1).bucket, 7, 0, burst=1)
    assert empty.wait_ms == 8_572  # 60,000 / 7, rounded up
    assert take(empty.bucket, 7, empty.wait_ms - 1, burst=1).wait_ms > 0
    assert take(empty.bucket, 7, empty.wait_ms, burst=1).wait_ms == 0


def test_a_refused_attempt_costs_nothing() -> None:
    bucket = Bucket(0, 0)
    for at_ms in range(0, 1_000, 100):
        bucket = take(bucket, 60, at_ms).bucket
    assert take(bucket, 60, 1_000).wait_ms == 0


def test_a_clock_that_steps_back_gives_nothing_and_takes_nothing() -> None:
    bucket = take(Bucket(0, 10_000), 60, 0).bucket
    assert bucket == Bucket(0, 10_000)


def test_the_refusal_says_how_many_seconds() -> None:
    with pytest.raises(Refused) as caught:
        check_rate(take(Bucket(0, 0), 7, 0), 7)
    assert caught.value.status == 429
    assert caught.value.headers()["Retry-After"] == "9"
