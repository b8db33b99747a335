"""Invariant 6, counted again from what the journal says: Cerebro's own arithmetic takes no part in it.

What is held and reserved is kept here from the facts alone: an order that Cerebro asked for reserves its lots, a report
that Cerebro has taken turns them into a position or gives them back. After each of its commits that count must be what
its book says, and when an entry is accepted, the limits in force must hold for it, priced at the mid of each decision.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from fluxfloor.contracts.instruments import Instrument
from fluxfloor.local.chaos.rules import broken
from fluxfloor.ports import Data, Ref

ENDS = frozenset({"filled", "cancelled", "rejected", "expired"})
DUST = "dust"
ZERO = Decimal(0)


@dataclass(slots=True)
class Intent:
    """What one order still may take, as Cerebro knows it."""

    data: Data
    filled: int = 0  # lots that Cerebro has heard of
    owed: int | None = None  # of an order at its end: lots that it filled in all

    @property
    def left(self) -> int:
        return (int(self.data["lots"]) if self.owed is None else self.owed) - self.filled


@dataclass(slots=True)
class Count:
    """One portfolio's."""

    held: dict[str, int] = field(default_factory=dict)  # lots by "<strategy>|<instrument>"
    intents: dict[str, Intent] = field(default_factory=dict)


class Recount:
    """`instruments` by id. `problems` grows with what was wrong."""

    def __init__(self, instruments: Iterable[Instrument], problems: list[str]) -> None:
        self._instruments = {item.instrument_id: item for item in instruments}
        self._problems = problems
        self._counts: dict[str, Count] = {}
        self._policies: dict[str, Data] = {}
        self._books: dict[str, Data] = {}
        self._reports: dict[str, Data] = {}  # by event id, as execution stated them

    def begins_with(self, policies: Iterable[Data], books: Iterable[Data]) -> None:
        """What there is before the first commit that is seen; nothing is held."""
        self._policies.update((policy["id"], policy) for policy in policies)
        self._books.update((book["id"], book) for book in books)

    def committed(self, written: dict[Ref, Data]) -> None:
        steps = [data for ref, data in written.items() if ref.collection == "journal"]
        for step in steps:
            self._reports.update(
                (fact["event_id"], fact["data"]["report"])
                for fact in step["facts"]
                if fact["type"] == "executions.reported.v1"
            )
        before = dict(self._books)
        for ref, data in written.items():
            if ref.collection == "policies":
                self._policies[ref.id] = data
            elif ref.collection == "risk_books":
                self._books[ref.id] = data
        for step in steps:
            if step["stage"] == "cerebro":
                self._step(step, before)
        for ref, data in written.items():
            if ref.collection == "risk_books":
                self._compare(self._count(ref.id), data)

    # --- the count -----------------------------------------------------------------------------------------------

    def _step(self, step: Data, before: dict[str, Data]) -> None:
        if step["event_id"] in self._reports:
            self._heard(self._reports[step["event_id"]])
        for fact in step["facts"]:
            if fact["type"] == "orders.requested.v1":
                intent = fact["data"]["intent"]
                self._count(intent["portfolio_id"]).intents[intent["intent_id"]] = Intent(intent)
        decisions = [fact["data"]["decision"] for fact in step["facts"] if fact["type"] == "decisions.made.v1"]
        accepted = [made for made in decisions if made["verdict"] == "accepted" and made["purpose"] == "entry"]
        for portfolio in sorted({made["portfolio_id"] for made in accepted}):
            self._judge(portfolio, [made for made in accepted if made["portfolio_id"] == portfolio], step, before)

    def _count(self, portfolio: str) -> Count:
        return self._counts.setdefault(portfolio, Count())

    def _heard(self, report: Data) -> None:
        """Cerebro has taken it."""
        intent = report["intent"]
        count, rules = self._count(intent["portfolio_id"]), self._instruments[intent["instrument_id"]]
        lots = sum(rules.lots(Decimal(fill["quantity"])) for fill in report["new_fills"])
        kept = sum(kept_lots(fill, intent["side"], rules) for fill in report["new_fills"])
        sign = 1 if intent["side"] == "BUY" else -1
        slot = f"{intent['strategy_id']}|{intent['instrument_id']}"
        count.held[slot] = count.held.get(slot, 0) + sign * kept
        known = count.intents.get(intent["intent_id"])
        if known is not None:
            known.filled += lots
            if report["state"] in ENDS:
                known.owed = max(known.owed or 0, report["filled_lots"])

    # --- the judgement -------------------------------------------------------------------------------------------

    def _judge(self, portfolio: str, accepted: list[Data], step: Data, before: dict[str, Data]) -> None:
        policy, book = self._policies.get(portfolio), self._books.get(portfolio)
        name = f"entry of {accepted[0]['signal_id']}"
        if policy is None or book is None:
            self._wrong(f"{name} was accepted without a policy or a book")
            return
        stood_on = before.get(portfolio, {}).get("version", 0)
        if step["read"].get(f"risk_books/{portfolio}") != stood_on:
            self._wrong(f"{name} stood on book {step['read'].get(f'risk_books/{portfolio}')}, and {stood_on} was there")
        for made in accepted:
            if made["policy_version"] != policy["version"]:
                self._wrong(f"{name} obeyed limits {made['policy_version']}, and {policy['version']} were in force")
        for text in self._beyond(self._count(portfolio), book, policy["limits"], accepted):
            self._wrong(f"{name}: {text}")

    def _wrong(self, text: str) -> None:
        self._problems.append(broken(6, text))

    def _compare(self, count: Count, book: Data) -> None:
        ours = {slot: lots for slot, lots in count.held.items() if lots}
        theirs = {slot: item["lots"] for slot, item in book["positions"].items() if item["lots"]}
        if ours != theirs:
            self._wrong(f"the book of {book['id']} holds {theirs}, the facts say {ours}")
        reserved = {name: item.left for name, item in count.intents.items() if item.left > 0}
        booked = {name: item["lots"] for name, item in book["reservations"].items()}
        if reserved != booked:
            self._wrong(f"the book of {book['id']} reserves {booked}, the facts say {reserved}")

    def _beyond(self, count: Count, book: Data, limits: Data, accepted: list[Data]) -> Iterable[str]:
        equity, slots = Decimal(book["equity"]), self._notionals(count, book)
        by_instrument: dict[str, Decimal] = {}
        for slot, notional in slots.items():
            instrument = slot.partition("|")[2]
            by_instrument[instrument] = by_instrument.get(instrument, ZERO) + notional
        for instrument in sorted({made["instrument_id"] for made in accepted}):
            if by_instrument.get(instrument, ZERO) > Decimal(limits["position_cap"]) * equity:
                yield f"{by_instrument[instrument]} in {instrument}, of {equity} only {limits['position_cap']} may be"
        total = sum(slots.values(), ZERO)
        if total > Decimal(limits["exposure_cap"]) * equity:
            yield f"{total} at work, of {equity} only {limits['exposure_cap']} may be"
        bound = sum((worth * self._rate(slot) for slot, worth in slots.items()), ZERO)
        if bound > Decimal(limits["margin_cap"]) * equity:
            yield f"{bound} of margin, of {equity} only {limits['margin_cap']} may be in use"
        used = [slot for slot, notional in slots.items() if notional and not slot.startswith(f"{DUST}|")]
        if len(used) > limits["max_open_positions"]:
            yield f"{len(used)} positions, and {limits['max_open_positions']} may be open"
        yield from self._lost(book, limits, equity)
        yield from self._risked(count, limits, equity, accepted)

    def _rate(self, slot: str) -> Decimal:
        return self._instruments[slot.partition("|")[2]].margin_rate

    def _notionals(self, count: Count, book: Data) -> dict[str, Decimal]:
        """The most that each may come to: what is held, at mark, with what entries may still buy, or sell, at the mid
        or the limit of their decision. An exit may be heard of before the entry that it closed: what is held is then
        the other way round, and the entry's fill takes it back."""
        held: dict[str, Decimal] = {}
        taken: dict[str, dict[str, Decimal]] = {}
        for slot, lots in count.held.items():
            if lots and slot in book["positions"]:
                rules = self._instruments[slot.partition("|")[2]]
                held[slot] = rules.quantity(lots) * Decimal(book["positions"][slot]["mark_price"])
        for item in count.intents.values():
            intent = item.data
            if intent["purpose"] == "entry" and item.left > 0:
                rules = self._instruments[intent["instrument_id"]]
                side = taken.setdefault(
                    f"{intent['strategy_id']}|{intent['instrument_id']}", {"BUY": ZERO, "SELL": ZERO}
                )
                side[intent["side"]] += rules.quantity(item.left) * rules.price(_ticks(intent))
        none = {"BUY": ZERO, "SELL": ZERO}
        return {slot: _most(held.get(slot, ZERO), **taken.get(slot, none)) for slot in {**held, **taken}}

    def _lost(self, book: Data, limits: Data, equity: Decimal) -> Iterable[str]:
        day, high = Decimal(book["day_start_equity"]), Decimal(book["high_water"])
        if day > 0 and (day - equity) / day >= Decimal(limits["daily_loss_halts"]) > 0:
            yield f"{day - equity} lost today, and entries stop at {limits['daily_loss_halts']} of {day}"
        if high > 0 and (high - equity) / high >= Decimal(limits["drawdown_flattens"]):
            yield f"{high - equity} below the highest equity, and entries stop at {limits['drawdown_flattens']} of it"

    def _risked(self, count: Count, limits: Data, equity: Decimal, accepted: list[Data]) -> Iterable[str]:
        share = max(Decimal(limits["risk_per_trade"]), Decimal(limits["risk_per_reversion_trade"]))
        for made in accepted:
            for intent_id in made["intent_ids"]:
                item = count.intents.get(intent_id)
                if item is None or item.data["purpose"] != "entry" or not item.data["stop_loss_ticks"]:
                    continue
                intent, rules = item.data, self._instruments[item.data["instrument_id"]]
                away = rules.price(abs(_ticks(intent) - intent["stop_loss_ticks"]))
                if rules.quantity(intent["lots"]) * away > share * equity:
                    yield f"{rules.quantity(intent['lots']) * away} at risk, of {equity} only {share} may be"


def _most(held: Decimal, BUY: Decimal, SELL: Decimal) -> Decimal:  # noqa: N803 - the sides as facts spell them
    return max(abs(held), abs(held + BUY), abs(held - SELL))


def _ticks(intent: dict[str, Any]) -> int:
    return int(intent["limit_ticks"] or intent["arrival_ticks"])


def kept_lots(fill: Data, side: str, rules: Instrument) -> int:
    """What a fill leaves in a position: a fee in the base currency is taken out of what was bought."""
    quantity = Decimal(fill["quantity"])
    if side == "BUY" and fill["fee_currency"] == rules.base:
        quantity -= Decimal(fill["fee"])
    return rules.lots(quantity)
