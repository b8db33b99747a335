"""Sees every commit and every placement in the order in which they happen, and says what must not have.

What a check at the end can't tell: whether an entry left after the kill switch, a decision stood on limits that were
replaced, an order went back, or was placed before it was written down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from fluxfloor.adapters.venues.paper import PaperOrder
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.policy import FLOOR
from fluxfloor.ports import Commit, Data, Ref, Venue

# Of its own, so that a floor whose rules were loosened is still judged by these.
_RANK = {"requested": 0, "submitting": 1, "unknown": 2, "open": 3, "partially_filled": 4}
_ENDS = ("filled", "cancelled", "rejected", "expired")


class Witness:
    """`problems` is empty as long as nothing happened that must not."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.halted: set[str] = set()
        self.placed: Counter[str] = Counter()
        self._submitted: Counter[str] = Counter()  # by client order id, like what was placed
        self._policy_versions: dict[str, int] = {}
        self._orders: dict[str, Data] = {}
        self._told: set[tuple[str, str]] = set()
        self.steps = 0
        self.open_orders: set[str] = set()  # intents that are not at their end
        self._resting: dict[str, tuple[str, Instrument]] = {}  # at the venue, by client order id
        self._intents: dict[str, str] = {}  # client order id -> intent

    def committed(self, commit: Commit) -> None:
        written = {**commit.creates, **{ref: data for ref, (data, _) in commit.updates.items()}}
        # Rules first: a commit that changes them is not judged by what was before it.
        for ref, data in written.items():
            self._rule(ref, data)
        self.halted.difference_update(ref.id for ref in commit.deletes if ref.collection == "halts")
        for ref, data in written.items():
            if ref.collection == "orders":
                self._order(data)
            elif ref.collection == "journal":
                self._step(data)

    def venue_committed(self, commit: Commit) -> None:
        """The same, of the venue's own books: no intent has two orders there that live."""
        written = {**commit.creates, **{ref: data for ref, (data, _) in commit.updates.items()}}
        for ref, data in written.items():
            if ref.collection != PaperOrder.collection:
                continue
            if data["state"] in _ENDS:
                self._resting.pop(ref.id, None)
            elif ref.id not in self._resting:
                self._alone(ref.id)
                self._resting[ref.id] = data["account_id"], Instrument.model_validate(data["instrument"])

    def _alone(self, client_order_id: str) -> None:
        intent = self._intents.get(client_order_id)
        beside = [other for other in self._resting if intent and self._intents.get(other) == intent]
        if beside:
            self._problem(f"intent {intent} has two orders that live: {beside[0]} and {client_order_id}")

    def trade(self, venue: Callable[[str], Venue]) -> None:
        """The venue's own business: what is due there happens, whether or not anybody looks at it."""
        for client_order_id, (account_id, instrument) in list(self._resting.items()):
            venue(account_id).find(client_order_id, instrument, 0)

    def placing(self, client_order_id: str) -> None:
        """A placement is about to reach the venue."""
        self.placed[client_order_id] += 1
        times, allowed = self.placed[client_order_id], self._submitted[client_order_id]
        if not allowed:
            self._problem(f"{client_order_id} was placed before its intent was written down")
        elif times > allowed:
            self._problem(f"{client_order_id} was placed {times} times and submitted {allowed} times")

    def _problem(self, text: str) -> None:
        self.problems.append(text)

    def _rule(self, ref: Ref, data: Data) -> None:
        if ref.collection == "halts":
            self.halted.add(ref.id)
        elif ref.collection == "policies":
            self._policy_versions[ref.id] = data["version"]

    def _halts(self, portfolio: str) -> bool:
        return bool(self.halted & {FLOOR, portfolio})

    def _order(self, after: Data) -> None:
        before = self._orders.get(after["id"])
        self._orders[after["id"]] = after
        intent = after["intent"]
        self._intents[after["client_order_id"]] = after["id"]
        (self.open_orders.discard if after["state"] in _ENDS else self.open_orders.add)(after["id"])
        leaves = before is None or (before["state"], before["attempt"]) != ("submitting", after["attempt"])
        if after["state"] == "submitting" and leaves:
            self._submitted[after["client_order_id"]] += 1
            if intent["purpose"] == "entry" and self._halts(intent["portfolio_id"]):
                self._problem(f"entry {after['id']} was submitted after the kill switch")
        if before is not None:
            self._forward(before, after)

    def _forward(self, before: Data, after: Data) -> None:
        name = f"order {after['id']}"
        if not before["fills"].keys() <= after["fills"].keys() or after["filled_lots"] < before["filled_lots"]:
            self._problem(f"{name} forgot a fill")
        if after["attempt"] == before["attempt"] and _goes_back(before["state"], after["state"]):
            self._problem(f"{name} went back from {before['state']} to {after['state']}")
        if after["attempt"] not in (before["attempt"], before["attempt"] + 1):
            self._problem(f"{name} jumped from attempt {before['attempt']} to {after['attempt']}")
        if after["attempt"] > before["attempt"] and before["state"] == "filled":
            self._problem(f"{name} is filled and began another attempt")

    def _step(self, step: Data) -> None:
        self.steps += 1
        for fact in step["facts"]:
            if fact["type"] == "decisions.made.v1":
                self._decision(fact["data"]["decision"])
            elif fact["type"] == "executions.reported.v1":
                self._report(fact["data"]["report"])

    def _decision(self, decision: Data) -> None:
        if decision["verdict"] != "accepted" or decision["purpose"] != "entry":
            return
        portfolio = decision["portfolio_id"]
        newest = self._policy_versions.get(portfolio, 1)
        if decision["policy_version"] != newest:
            self._problem(f"an entry was decided on limits {decision['policy_version']}, and {newest} was in force")
        if self._halts(portfolio):
            self._problem(f"an entry of {decision['signal_id']} was accepted after the kill switch")

    def _report(self, report: dict[str, Any]) -> None:
        for fill in report["new_fills"]:
            key = (report["intent"]["intent_id"], fill["trade_id"])
            if key in self._told:
                self._problem(f"fill {fill['trade_id']} was told twice")
            self._told.add(key)


def _goes_back(before: str, after: str) -> bool:
    if before == after:
        return False
    if before in _ENDS:
        return True
    return after not in _ENDS and _RANK[after] < _RANK[before]
