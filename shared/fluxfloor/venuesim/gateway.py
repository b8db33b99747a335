"""The way to the venue, and everything that can go wrong on it.

A deterministic simulation asks through it in-process, a façade over HTTP: both meet the same faults. What is asked is a
function, so that a request which is held back can be carried out when it arrives.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar

from fluxfloor.venuesim.budgets import Budget
from fluxfloor.venuesim.faults import Fault, FaultKind, Faults
from fluxfloor.venuesim.refusals import Broken, NoAnswer, Reason, Refused
from fluxfloor.venuesim.rules import Mode
from fluxfloor.venuesim.venue import Venue

R = TypeVar("R")

_REFUSALS = {
    FaultKind.UNAVAILABLE: Reason.UNAVAILABLE,
    FaultKind.RATE_LIMITED: Reason.RATE_LIMITED,
    FaultKind.INVALID_NONCE: Reason.INVALID_NONCE,
    FaultKind.INSUFFICIENT_FUNDS: Reason.INSUFFICIENT_FUNDS,
    FaultKind.MIN_NOTIONAL: Reason.NOTIONAL_TOO_SMALL,
}


@dataclass(frozen=True, slots=True)
class Call:
    """`name` is the core's word for it, `endpoint` the façade's; a call without an account is public."""

    name: str
    account: str = ""
    endpoint: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, self.endpoint) if self.endpoint else (self.name,)


class Gateway:
    """`retry_after_s` is what the last throttled answer asks for, `wait_ms` how long the last answer is to be held
    back: whoever sends them over a wire looks there."""

    def __init__(self, venue: Venue, faults: Faults, budget: Budget | None = None) -> None:
        self.venue = venue
        self.faults = faults
        self.budget = budget  # None: as many questions as anybody likes
        self.retry_after_s = 0
        self.wait_ms = 0  # how long the answer just given is to be held back; whoever sends it resets it
        self.late: list[tuple[int, str]] = []  # (arrived at, what became of it)
        self._held: list[tuple[int, int, Call, Callable[[], Any]]] = []
        self._numbers = count(1)

    def ask(self, call: Call, act: Callable[[], R]) -> R:
        """What the venue answers. Raises Refused, NoAnswer or Broken."""
        self.deliver()
        fault = self.faults.strike(call.names, call.account)
        if fault is None:
            self._spend(call)
            return self._admitted(call, act)
        if fault.kind in _REFUSALS:
            self.retry_after_s = fault.retry_after_s
            raise Refused(_REFUSALS[fault.kind], "fault")
        return self._trouble(fault, call, act)

    def deliver(self) -> None:
        """Carries out what was held back and has arrived by now, each at its own time."""
        while self._held and self._held[0][0] <= self.venue.clock_ms():
            due_ms, _, call, act = heapq.heappop(self._held)
            with self.venue.at(due_ms):
                self.late.append((due_ms, self._outcome(call, act)))
        self.venue.advance()

    def restart(self) -> None:
        """What is on its way is lost; what the venue knows it keeps."""
        self._held.clear()

    def _spend(self, call: Call) -> None:
        if self.budget is None:
            return
        try:
            self.budget.spend(call.account, call.name, self.venue.clock_ms())
        except Refused as refusal:
            self.retry_after_s = int(refusal.detail)
            raise

    def _admitted(self, call: Call, act: Callable[[], R]) -> R:
        if self.venue.mode is Mode.MAINTENANCE and call.name not in ("status", "time"):
            raise Refused(Reason.UNAVAILABLE)
        return act()

    def _trouble(self, fault: Fault, call: Call, act: Callable[[], R]) -> R:
        if fault.kind is FaultKind.SERVER_ERROR:
            raise Broken(fault.status)
        if fault.kind is FaultKind.LOST:
            raise NoAnswer(False, fault.hang_ms)
        if fault.kind is FaultKind.LATE:
            due_ms = self.venue.clock_ms() + fault.delay_ms
            heapq.heappush(self._held, (due_ms, next(self._numbers), call, act))
            raise NoAnswer(False, fault.hang_ms)
        if fault.kind is FaultKind.SLOW:
            return self._slow(fault, call, act)
        self._outcome(call, act)
        raise Broken(fault.status) if fault.kind is FaultKind.SERVER_ERROR_AFTER else NoAnswer(True, fault.hang_ms)

    def _slow(self, fault: Fault, call: Call, act: Callable[[], R]) -> R:
        answer = self._admitted(call, act)
        self.wait_ms = fault.hang_ms
        return answer

    def _outcome(self, call: Call, act: Callable[[], Any]) -> str:
        """What became of a request whose answer nobody hears."""
        try:
            self._admitted(call, act)
        except Refused as refusal:
            return str(refusal)
        return "done"
