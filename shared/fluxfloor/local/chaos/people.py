"""What people do while the floor trades, as the api commits it: the kill switch, its end, other limits."""

from __future__ import annotations

from decimal import Decimal

from fluxfloor.contracts.policy import FLOOR, Halt, Policy
from fluxfloor.errors import Conflict
from fluxfloor.local.chaos.witness import Witness
from fluxfloor.local.floor import Floor
from fluxfloor.ports import Commit, Ref, Snapshot

HALT = Ref(Halt.collection, FLOOR)
POLICY = Ref(Policy.collection, "main")
MEDDLES = ("tighten", "halt", "resume")  # what somebody may do just when a handler is about to commit


class People:
    def __init__(self, floor: Floor, witness: Witness) -> None:
        self._floor, self._witness = floor, witness

    def do(self, act: str) -> str:
        """Returns what was done, for the history."""
        (seen,) = self._floor.store.read([POLICY if act == "tighten" else HALT])
        commit = {"halt": self._halt, "resume": self._resume, "tighten": self._tighten}[act](seen)
        if commit is None:
            return f"{act}: nothing to do"
        try:
            self._floor.store.commit(commit)
        except Conflict:
            return f"{act}: somebody was faster"
        self._witness.committed(commit)
        return act

    def _halt(self, seen: Snapshot) -> Commit | None:
        halt = Halt(id=FLOOR, reason="kill switch", raised_by="ann", ts_event_ms=self._floor.clock.now_ms())
        return Commit(creates={HALT: {**halt.encode(), "version": 1}}) if seen.data is None else None

    def _resume(self, seen: Snapshot) -> Commit | None:
        return Commit(deletes={HALT: seen.token}) if seen.data is not None else None

    def _tighten(self, seen: Snapshot) -> Commit | None:
        """A tenth less of every position, each time."""
        policy = Policy.decode(seen.data or {})
        cap = round(policy.limits.position_cap * Decimal("0.9"), 4)
        changed = policy.model_copy(update={"limits": policy.limits.model_copy(update={"position_cap": cap})})
        return Commit(updates={POLICY: ({**changed.encode(), "version": policy.version + 1}, seen.token)})
