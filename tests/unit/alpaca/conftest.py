from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.scripted_rest import ScriptedRest


@pytest.fixture
def server() -> Iterator[ScriptedRest]:
    with ScriptedRest() as opened:
        yield opened
