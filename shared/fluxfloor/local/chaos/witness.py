"""Sees every commit and every placement in the order in which they happen, and says what must not have.

What a check at the end can't tell: whether an entry left after the kill switch, a decision stood on limits that were
replaced, two orders of one intent lived at once, more was sold than was there, an order went back, or was placed
before it was written down.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from fluxfloor.adapters.venues.paper import PaperFill, PaperOrder
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.policy import FLOOR
from fluxfloor.local.chaos.mirrors import Mirrors
from fluxfloor.local.chaos.records import Traded, traded
from fluxfloor.local.chaos.recount import Recount, kept_lots
from fluxfloor.local.chaos.rules import broken
from fluxfloor.local.chaos.trades import Trades
from fluxfloor.local.chaos.unknowns import Unknowns
from fluxfloor.ports import Commit, Data, Ref, Venue

# Of its own, so that a floor whose rules were loosened is still judged by these.
_RANK = {"requested": 0, "submitting": 1, "unknown": 2, "open": 3, "partially_filled": 4}
_ENDS = ("filled", "cancelled", "rejected", "expired")


class Witness:
    """`problems` is empty as long as nothing happened that must not."""

    def __init__(self, instruments: Iterable[Instrument] = ()) -> None:
        self.problems: list[str] = []
        self.halted: set[str] = set()
        self.placed: Counter[str] = Counter()
        self.steps = 0
        self.taken = 0  # steps that state a fact: to have looked once more is no progress
        self.open_orders: set[str] = set()  # intents that are not at their end
        self.unknowns = Unknowns(self.problems)
        self.recount = Recount(instruments, self.problems)
        self._submitted: Counter[str] = Counter()  # by client order id, like what was placed
        self._orders: dict[str, Data] = {}
        self._intents: dict[str, str] = {}  # client order id -> intent
        self._named: dict[str, str] = {}  # the venue's id of an order -> client order id
        self._told: set[tuple[str, str]] = set()
        self._slots: Counter[tuple[str, str, str]] = Counter()  # lots of (account, strategy, instrument), as told
        self._instruments = {item.instrument_id: item for item in instruments}
        self.mirrors = Mirrors(self._instruments, self._problem)
        self._trades = Trades(self._instruments, self._problem)
        self._sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)  # of the ledger, by account and currency
        self._resting: dict[str, tuple[str, Instrument]] = {}  # at the venue, by client order id
        self._held: dict[tuple[str, str], Decimal] = defaultdict(Decimal)  # at the venue, by account and currency

    def committed(self, commit: Commit) -> None:
        written = {**commit.creates, **{ref: data for ref, (data, _) in commit.updates.items()}}
        # Rules first: a commit that changes them is not judged by what was before it.
        self.halted.update(ref.id for ref in written if ref.collection == "halts")
        self.halted.difference_update(ref.id for ref in commit.deletes if ref.collection == "halts")
        for ref, data in written.items():
            if ref.collection == "orders":
                self._order(data)
            elif ref.collection == "journal":
                self._step(data)
        self._ledger(written)
        self.mirrors.committed(written)
        self.recount.committed(written)

    def _problem(self, number: int, text: str) -> None:
        self.problems.append(broken(number, text))

    def _halts(self, portfolio: str) -> bool:
        return bool(self.halted & {FLOOR, portfolio})

    # --- the venue -----------------------------------------------------------------------------------------------

    def placing(self, client_order_id: str) -> None:
        """A placement is about to reach the venue."""
        self.placed[client_order_id] += 1
        times, allowed = self.placed[client_order_id], self._submitted[client_order_id]
        if not allowed:
            self._problem(1, f"{client_order_id} was placed before its intent was written down")
        elif times > allowed:
            self._problem(1, f"{client_order_id} was placed {times} times and submitted {allowed} times")

    def venue_committed(self, commit: Commit) -> None:
        """In the venue's own books: no intent has two orders there that live, and nothing is sold that is not there."""
        written = {**commit.creates, **{ref: data for ref, (data, _) in commit.updates.items()}}
        for ref, data in written.items():
            if ref.collection == PaperOrder.collection:
                rules = Instrument.model_validate(data["instrument"])
                if ref in commit.creates and data["state"] == "filled":
                    self._arrives(ref.id)
                self.at_venue(ref.id, data["state"] not in _ENDS, data["account_id"], rules)
            elif ref.collection == PaperFill.collection:
                self.traded(traded(PaperFill.decode(data)))

    def at_venue(self, client_order_id: str, lives: bool, account_id: str, rules: Instrument) -> None:
        if not lives:
            self._resting.pop(client_order_id, None)
        elif client_order_id not in self._resting:
            intent = self._intents.get(client_order_id)
            beside = [other for other in self._resting if intent and self._intents.get(other) == intent]
            if beside:
                self._problem(1, f"intent {intent} has two orders that live: {beside[0]} and {client_order_id}")
            self._arrives(client_order_id)
            self._resting[client_order_id] = account_id, rules
            self._trades.may_leave(self._resting)

    def _arrives(self, client_order_id: str) -> None:
        """At the venue, as the present placement of an order that is not at its end."""
        order = self._orders.get(self._intents.get(client_order_id, ""))
        if order is not None and (order["state"] in _ENDS or order["client_order_id"] != client_order_id):
            self._problem(4, f"{client_order_id} arrived while {_standing(order)}")

    def traded(self, fill: Traded) -> None:
        self._trades.traded(fill)
        bases = {item.base for item in self._instruments.values()}
        for currency, amount in fill.moves.items():
            key = fill.account_id, currency
            self._held[key] += amount
            if currency in bases and self._held[key] < 0:
                self._problem(4, f"{fill.account_id} sold {-self._held[key]} {currency} more than it had bought")

    def trade(self, venue: Callable[[str], Venue]) -> None:
        """The venue's own business: what is due there happens, whether or not anybody looks at it."""
        for client_order_id, (account_id, instrument) in list(self._resting.items()):
            venue(account_id).find(client_order_id, instrument, 0)

    # --- orders --------------------------------------------------------------------------------------------------

    def _order(self, after: Data) -> None:
        before = self._orders.get(after["id"])
        self._orders[after["id"]] = after
        intent = after["intent"]
        self._intents[after["client_order_id"]] = after["id"]
        (self.open_orders.discard if after["state"] in _ENDS else self.open_orders.add)(after["id"])
        self.unknowns.ordered(after)
        leaves = before is None or (before["state"], before["attempt"]) != ("submitting", after["attempt"])
        if after["state"] == "submitting" and leaves:
            self._submitted[after["client_order_id"]] += 1
            if intent["purpose"] == "entry" and self._halts(intent["portfolio_id"]):
                self._problem(5, f"entry {after['id']} was submitted after the kill switch")
        if after["venue_order_id"]:
            of = self._named.setdefault(after["venue_order_id"], after["client_order_id"])
            if of != after["client_order_id"]:
                self._problem(2, f"what was seen of {of} was taken for {after['client_order_id']}'s")
        self._trades.ordered(before, after)
        if before is not None:
            self._forward(before, after)
            self._ended(before, after)

    def _ended(self, before: Data, after: Data) -> None:
        """An end, and another placement under another id, take proof that nothing of it lives at the venue."""
        ends = after["state"] in _ENDS and before["state"] not in _ENDS
        if ends or after["client_order_id"] != before["client_order_id"]:
            for name in sorted({*before["names"], before["client_order_id"]} & self._resting.keys()):
                self._problem(4, f"{name} lives at the venue while {_standing(after)}")
            self._trades.ended(before["client_order_id"], after)

    def _forward(self, before: Data, after: Data) -> None:
        name = f"order {after['id']}"
        if not before["fills"].keys() <= after["fills"].keys() or after["filled_lots"] < before["filled_lots"]:
            self._problem(2, f"{name} forgot a fill")
        if after["attempt"] == before["attempt"] and _goes_back(before["state"], after["state"]):
            self._problem(4, f"{name} went back from {before['state']} to {after['state']}")
        if after["attempt"] not in (before["attempt"], before["attempt"] + 1):
            self._problem(4, f"{name} jumped from attempt {before['attempt']} to {after['attempt']}")
        if after["attempt"] > before["attempt"] and before["state"] in _ENDS:
            self._problem(4, f"{name} is {before['state']} and began another attempt")

    # --- facts ---------------------------------------------------------------------------------------------------

    def _step(self, step: Data) -> None:
        self.steps += 1
        self.taken += bool(step["facts"])
        for fact in step["facts"]:
            if fact["type"] == "decisions.made.v1":
                self._decision(fact["data"]["decision"])
            elif fact["type"] == "executions.reported.v1":
                self._report(fact["data"]["report"])
            elif fact["type"] == "risks.raised.v1":
                self.unknowns.raised(fact["data"])

    def _decision(self, decision: Data) -> None:
        if decision["verdict"] != "accepted" or decision["purpose"] != "entry":
            return
        if self._halts(decision["portfolio_id"]):
            self._problem(5, f"an entry of {decision['signal_id']} was accepted after the kill switch")

    def _report(self, report: dict[str, Any]) -> None:
        intent = report["intent"]
        slot = intent["account_id"], intent["strategy_id"], intent["instrument_id"]
        for fill in report["new_fills"]:
            key = (intent["intent_id"], fill["trade_id"])
            if key in self._told:
                self._problem(2, f"fill {fill['trade_id']} was told twice")
                continue
            self._told.add(key)
            lots = kept_lots(fill, intent["side"], self._instruments[intent["instrument_id"]])
            self._slots[slot] += lots if intent["side"] == "BUY" else -lots
        if self._slots[slot] < 0:
            self._problem(4, f"{intent['strategy_id']} sold {-self._slots[slot]} lots more than it had")

    # --- money ---------------------------------------------------------------------------------------------------

    def _ledger(self, written: dict[Ref, Data]) -> None:
        """Sums to zero after every single commit."""
        booked = [data for ref, data in written.items() if ref.collection == "ledger"]
        for entry in booked:
            for posting in entry["postings"]:
                self._sums[entry["account_id"], posting["currency"]] += Decimal(posting["amount"])
        if booked:
            for (account_id, currency), amount in self._sums.items():
                if amount:
                    self._problem(3, f"the ledger of {account_id} is {amount} {currency} off zero")


def _standing(order: Data) -> str:
    return f"order {order['id']} is {order['state']} at attempt {order['attempt']}"


def _goes_back(before: str, after: str) -> bool:
    if before == after:
        return False
    if before in _ENDS:
        return True
    return after not in _ENDS and _RANK[after] < _RANK[before]
