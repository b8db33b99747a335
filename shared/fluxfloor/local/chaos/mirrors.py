"""What several rooms keep of the same fills, each held against what it has it from, at every commit.

Execution's slots against the fills of its orders; the accounts against their ledger; features' stances against the
reports that it has taken, no sooner and no later. Cerebro's books are counted again in `recount`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal

from fluxfloor.accounts.ledger import VENUE
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.local.chaos.recount import kept_lots
from fluxfloor.local.chaos.trades import of_dust, slot_of
from fluxfloor.ports import Data, Ref

ZERO = Decimal(0)
TRADES = ("fill", "external")  # entries by which lots come and go

Problem = Callable[[int, str], None]


class Mirrors:
    """`instruments` by id. `problem` is told what was wrong."""

    def __init__(self, instruments: dict[str, Instrument], problem: Problem) -> None:
        self._instruments, self._problem = instruments, problem
        self._fills: dict[str, Data] = {}  # by order
        self._filled: Counter[str] = Counter()  # lots by slot, by the fills of its orders
        self._slots: dict[str, int] = {}
        self._balances: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))  # by account
        self._booked: dict[str, Counter[str]] = defaultdict(Counter)  # lots by account and instrument
        self._reports: dict[str, Data] = {}  # by event id, as execution stated them
        self._heard: dict[str, Counter[str]] = defaultdict(Counter)  # by instrument, lots by whose they are

    def begins_with(self, ledger: Iterable[Data]) -> None:
        """What there is before the first commit that is seen."""
        for entry in ledger:
            self._entry(entry)

    def committed(self, written: dict[Ref, Data]) -> None:
        kept: dict[str, list[Data]] = defaultdict(list)
        for ref, data in written.items():
            kept[ref.collection].append(data)
        for entry in kept["ledger"]:
            self._entry(entry)
        for step in kept["journal"]:
            self._step(step)
        self._slots_add_up(kept["orders"], kept["slots"])
        for account in kept["accounts"]:
            self._account_adds_up(account)
        for stances in kept["stances"]:
            self._stances_add_up(stances)

    # --- execution -----------------------------------------------------------------------------------------------

    def _slots_add_up(self, orders: list[Data], slots: list[Data]) -> None:
        touched = {slot["id"] for slot in slots}
        self._slots.update((slot["id"], slot["lots"]) for slot in slots)
        for order in orders:
            known, intent = self._fills.get(order["id"], {}), order["intent"]
            for trade_id in order["fills"].keys() - known.keys():
                self._filled[slot_of(intent)] += self._signed(order["fills"][trade_id], intent)
                touched.add(slot_of(intent))
            self._fills[order["id"]] = order["fills"]
        for name in sorted(touched):
            if self._slots.get(name, 0) != self._filled[name] and not of_dust(name):
                self._problem(3, f"slot {name} holds {self._slots.get(name)}, its orders filled {self._filled[name]}")

    def _signed(self, fill: Data, intent: Data) -> int:
        lots = kept_lots(fill, intent["side"], self._instruments[intent["instrument_id"]])
        return lots if intent["side"] == "BUY" else -lots

    # --- reconciliation ------------------------------------------------------------------------------------------

    def _entry(self, entry: Data) -> None:
        moved: dict[str, Decimal] = defaultdict(Decimal)
        for posting in entry["postings"]:
            if posting["ledger_account"] == VENUE:
                moved[posting["currency"]] += Decimal(posting["amount"])
        for currency, amount in moved.items():
            self._balances[entry["account_id"]][currency] += amount
        if entry["kind"] in TRADES:
            for name, rules in self._instruments.items():
                lots = rules.lots(abs(moved[rules.base]))
                self._booked[entry["account_id"]][name] += lots if moved[rules.base] > 0 else -lots

    def _account_adds_up(self, account: Data) -> None:
        name = account["id"]
        ours = {currency: Decimal(amount) for currency, amount in account["balances"].items() if Decimal(amount)}
        ledger = {currency: amount for currency, amount in self._balances[name].items() if amount}
        if ours != ledger:
            self._problem(3, f"account {name} holds {ours}, its ledger {ledger}")
        lots = {of: position["lots"] for of, position in account["positions"].items() if position["lots"]}
        booked = {of: number for of, number in self._booked[name].items() if number}
        if lots != booked:
            self._problem(3, f"account {name} is long {lots}, its ledger {booked}")

    # --- features ------------------------------------------------------------------------------------------------

    def _step(self, step: Data) -> None:
        for fact in step["facts"]:
            if fact["type"] == "executions.reported.v1":
                self._reports[fact["event_id"]] = fact["data"]["report"]
        report = self._reports.get(step["event_id"]) if step["stage"] == "features" else None
        if report is not None:
            intent, lots = report["intent"], sum(self._signed(fill, report["intent"]) for fill in report["new_fills"])
            self._heard[intent["instrument_id"]][f"{intent['portfolio_id']}|{intent['strategy_id']}"] += lots

    def _stances_add_up(self, stances: Data) -> None:
        ours = {name: holding["lots"] for name, holding in stances["holdings"].items() if holding["lots"]}
        told = {name: lots for name, lots in self._heard[stances["id"]].items() if lots}
        if ours != told:
            self._problem(3, f"features holds {ours} of {stances['id']}, and was told {told}")
