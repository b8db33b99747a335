"""Handlers as greenlets that stop at every port call, so that one scheduler decides who goes on and who dies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import greenlet


class Crash(BaseException):
    """The process of a handler ends here. Not an Exception: nothing in a handler may catch it."""


class Handling:
    """One handler call, parked at a boundary until it is resumed or crashed."""

    def __init__(self, name: str, call: Callable[[], Any]) -> None:
        self.name = name
        self.at = "start"
        self.result: Any = None
        self.error: BaseException | None = None
        self._greenlet = greenlet.greenlet(self._run)
        self._call = call

    def _run(self) -> None:
        try:
            self.result = self._call()
        except Crash:
            raise
        except BaseException as problem:
            self.error = problem

    @property
    def done(self) -> bool:
        return bool(self._greenlet.dead)

    def resume(self) -> None:
        """Runs to the next boundary, or to its end."""
        reached = self._greenlet.switch()
        if not self.done:
            self.at = reached

    def crash(self) -> None:
        """Ends it where it stands; what it had done stays done, what it knew is gone."""
        try:
            if self._greenlet:
                self._greenlet.throw(Crash)
        except Crash:
            pass


def stop_at(boundary: str) -> None:
    """Parks the handler that is running; outside of one it does nothing."""
    hub = greenlet.getcurrent().parent
    if hub is not None:
        hub.switch(boundary)
