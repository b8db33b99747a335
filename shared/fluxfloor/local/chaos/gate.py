"""Handlers as greenlets that may stop at every port call, so that one scheduler decides who goes on and who dies."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

import greenlet


class Crash(BaseException):
    """The process of a handler ends here. Not an Exception: nothing in a handler may catch it."""


class Fate(Enum):
    """What becomes of a handler at a boundary."""

    GO = "go"
    PARK = "park"  # it stands there until it is resumed
    DIE = "die"


class Handling(greenlet.greenlet):  # type: ignore[misc]
    """One handler call. `judge` is asked at every boundary, in the handler itself: most are passed without a switch."""

    def __init__(self, name: str, call: Callable[[], Any], judge: Callable[[Handling], Fate]) -> None:
        super().__init__()
        self.name = name
        self.at = "start"
        self.result: Any = None
        self.error: BaseException | None = None
        self.crashed = False
        self._call = call
        self._judge = judge

    def run(self) -> None:
        try:
            self.result = self._call()
        except Crash:
            self.crashed = True
        except BaseException as problem:
            self.error = problem

    def resume(self) -> None:
        """Runs to where it is parked next, or to its end."""
        self.switch()

    def crash(self) -> None:
        """Ends it where it stands; what it had done stays done, what it knew is gone."""
        if self:  # it has begun, and not ended
            self.throw(Crash)
        self.crashed = True

    def reach(self, boundary: str) -> None:
        self.at = boundary
        fate = self._judge(self)
        if fate is Fate.DIE:
            raise Crash
        if fate is Fate.PARK:
            self.parent.switch()


def stop_at(boundary: str) -> None:
    """The handler that is running has come to a boundary; outside of one it is none."""
    current = greenlet.getcurrent()
    if isinstance(current, Handling):
        current.reach(boundary)
