"""What every kind of test may ask for."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from fluxfloor.local.emulators import Emulators, available, running


@pytest.fixture(scope="session")
def emulators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulators]:
    """The Pub/Sub and Firestore emulators, one start per run, named in the environment so that clients find them.

    Where they can't be started a test skips and says what is missing; under CI=true it fails.
    """
    problem = available()
    if problem is not None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(problem)
    with running(tmp_path_factory.mktemp("emulators")) as both, pytest.MonkeyPatch.context() as patch:
        for name, value in both.environment().items():
            patch.setenv(name, value)
        yield both


LONGEST = ("test_cache.py", "test_suite.py", "test_replay.py", "test_live.py", "test_flatten.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest go first, so that no process is left alone with one of them at the end."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
