"""What settings make of each other."""

from __future__ import annotations

from typing import Any

import pytest
from fluxfloor.runtime.settings import Channel, PaperSettings
from pydantic import ValidationError


@pytest.mark.parametrize(
    ("told", "wait_min", "again_min"),
    [
        ({"kind": "log"}, 0, 0),
        ({"kind": "telegram", "escalation_after_min": 3}, 3, 10),
        ({"kind": "webhook"}, 5, 10),
        ({"kind": "webhook", "escalation_after_min": 0}, 0, 10),
        ({"kind": "webhook", "repeat_min": 0}, 5, 0),
    ],
)
def test_when_a_channel_hears_of_an_alarm(told: dict[str, Any], wait_min: int, again_min: int) -> None:
    channel = Channel(**told)
    assert (channel.wait_ms, channel.again_ms) == (60_000 * wait_min, 60_000 * again_min)


def test_the_latency_of_paper_may_be_one_value_and_goes_up_otherwise() -> None:
    assert PaperSettings(latency_min_ms=100, latency_max_ms=100).latency_max_ms == 100
    with pytest.raises(ValidationError, match="must not be below"):
        PaperSettings(latency_min_ms=101, latency_max_ms=100)
