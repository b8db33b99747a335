"""Whatever is sent to the doors that face the internet: an answer, never a 5xx, never a crash, never a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.doors import Doors, fuzz_api, fuzz_chat, fuzz_webhooks

EXAMPLES = 200


@pytest.mark.parametrize("door", [fuzz_webhooks, fuzz_api, fuzz_chat])
def test_nothing_that_is_sent_breaks_a_door(tmp_path: Path, door: object) -> None:
    doors = Doors(tmp_path)
    count = door(doors, EXAMPLES)  # type: ignore[operator]
    doors.close()
    assert count.tried >= EXAMPLES * 0.9
    assert (count.faults, count.crashes, count.leaks) == (0, [], 0), count.told()
    assert len(count.statuses) >= 2  # it was not all turned away at the same place
