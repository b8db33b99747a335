"""The venue's trades held against what execution makes of them, at the moment when it does.

A fill that an order has is the venue's, of one of its own placements. A placement that ended, or went on under another
id, ended with every fill that the venue has of it. What leaves a slot, and what may still leave it, is never more than
the slot's own orders have brought in there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal

from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import DUST, Side
from fluxfloor.local.chaos.records import Traded
from fluxfloor.ports import Data

AT_NO_VENUE = f"{DUST}:"  # such fills hand a rest over from one strategy to another

Problem = Callable[[int, str], None]


class Trades:
    """`instruments` by id. `problem` is told what was wrong."""

    def __init__(self, instruments: dict[str, Instrument], problem: Problem) -> None:
        self._instruments, self._problem = instruments, problem
        self._of: dict[str, dict[str, Traded]] = defaultdict(dict)  # by client order id and trade id
        self._by_trade: dict[str, Traded] = {}
        self._orders: dict[str, Data] = {}  # by client order id: that of each placement, as it is
        self._held: Counter[str] = Counter()  # lots by slot, at the venue

    def traded(self, fill: Traded) -> None:
        """At the venue."""
        self._of[fill.client_order_id][fill.trade_id] = self._by_trade[fill.trade_id] = fill
        order = self._orders.get(fill.client_order_id)
        if order is None:
            self._problem(1, f"venue order {fill.client_order_id} filled, and is a placement of no order")
            return
        rules, slot = self._instruments[order["intent"]["instrument_id"]], slot_of(order["intent"])
        self._held[slot] += fill.side.sign * _kept_lots(fill, rules)
        if self._held[slot] < 0 and not of_dust(slot):
            self._problem(4, f"{slot} sold {-self._held[slot]} lots more than it had bought")

    def ordered(self, before: Data | None, after: Data) -> None:
        self._orders[after["client_order_id"]] = after
        known = before["fills"] if before is not None else {}
        for trade_id in sorted(after["fills"].keys() - known.keys()):
            if not trade_id.startswith(AT_NO_VENUE):
                self._is_the_venues(after, trade_id)

    def ended(self, client_order_id: str, order: Data) -> None:
        """A placement, for its order."""
        lacking = sorted(self._of[client_order_id].keys() - order["fills"].keys())
        if lacking:
            self._problem(2, f"{client_order_id} ended without {lacking}, which the venue has")

    def may_leave(self, resting: Iterable[str]) -> None:
        """Of all that rest at the venue: what closes a position can't take more than there is of it."""
        leaving: Counter[str] = Counter()
        for name in resting:
            order = self._orders.get(name)
            if order is not None and order["intent"]["purpose"] != "entry" and order["terms"]:
                leaving[slot_of(order["intent"])] += self._rest(name, order)
        for slot, lots in leaving.items():
            if lots > self._held[slot] and not of_dust(slot):
                self._problem(4, f"{lots} lots may leave {slot}, which holds {self._held[slot]}")

    def _rest(self, name: str, order: Data) -> int:
        rules = self._instruments[order["intent"]["instrument_id"]]
        return int(order["terms"]["lots"]) - sum(rules.lots(fill.quantity) for fill in self._of[name].values())

    def _is_the_venues(self, order: Data, trade_id: str) -> None:
        fill, theirs = order["fills"][trade_id], self._by_trade.get(trade_id)
        ours = tuple(Decimal(fill[name]) for name in ("price", "quantity", "fee"))
        if theirs is None or (theirs.price, theirs.quantity, theirs.fee) != ours:
            self._problem(2, f"order {order['id']} has fill {trade_id}, which is not the venue's")
        elif self._orders[theirs.client_order_id]["id"] != order["id"]:
            self._problem(2, f"order {order['id']} has fill {trade_id}, which is {theirs.client_order_id}'s")


def slot_of(intent: Data) -> str:
    return f"{intent['account_id']}|{intent['strategy_id']}|{intent['instrument_id']}"


def of_dust(slot: str) -> bool:
    """What it holds came by no order: it was handed over."""
    return slot.split("|")[1] == DUST


def _kept_lots(fill: Traded, rules: Instrument) -> int:
    """A fee that was taken in kind is out of what was bought; a sale takes what was sold."""
    return rules.lots(fill.moves[rules.base] if fill.side is Side.BUY else fill.quantity)
