"""The stage in its room, at a paper venue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.execution_room import ExecutionRoom


@pytest.fixture
def room(tmp_path: Path) -> Iterator[ExecutionRoom]:
    opened = ExecutionRoom(tmp_path)
    yield opened
    opened.close()
