"""Invariant 8: once faults stop, an order whose fate is not known settles within five sweeps, or a person is called."""

from __future__ import annotations

from fluxfloor.local.chaos.rules import broken
from fluxfloor.ports import Data

SWEEPS = 5
IN_DOUBT = ("submitting", "unknown")


class Unknowns:
    def __init__(self, problems: list[str]) -> None:
        self._problems = problems
        self._doubted: dict[str, tuple[str, int]] = {}  # intent -> its placement, and sweeps that it has been so
        self._states: dict[str, tuple[str, str]] = {}
        self._called: set[str] = set()

    def ordered(self, order: Data) -> None:
        self._states[order["id"]] = order["state"], order["client_order_id"]

    def raised(self, risk: Data) -> None:
        """Whatever is told of an intent tells a person to look at it."""
        self._called.add(risk["details"].get("intent", ""))

    def swept(self) -> None:
        """Execution's sweep has run, in good weather."""
        for intent_id, (state, placement) in self._states.items():
            if state not in IN_DOUBT:
                self._doubted.pop(intent_id, None)
                continue
            before, times = self._doubted.get(intent_id, (placement, 0))
            times = times + 1 if before == placement else 1
            self._doubted[intent_id] = placement, times
            if times == SWEEPS + 1 and intent_id not in self._called:
                self._problems.append(
                    broken(8, f"{intent_id} is still {state} after {SWEEPS} sweeps, and nobody knows")
                )
