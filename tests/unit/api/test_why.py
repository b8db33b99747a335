"""A story follows ids, and only those of its own matter."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from fluxfloor.contracts.base import Event
from fluxfloor.contracts.events import DecisionMade, OrderRequested, SignalReceived, TradeClosed
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.journal import Step
from fluxfloor.contracts.orders import OrderState
from fluxfloor.contracts.signals import Action, Direction, Leg, Signal
from fluxfloor.contracts.state import LedgerEntry, Posting
from fluxfloor.reporting.why import MAX_IDS, collect, tell

from tests.support import floor_story as story

NOW_MS = 1_790_000_000_000


def signal(signal_id: str, strategy: str) -> SignalReceived:
    leg = Leg(instrument_id=story.BTC, direction=Direction.LONG)
    return SignalReceived(
        signal=Signal(
            signal_id=signal_id, sender_id="tradingview", strategy_id=strategy, portfolio_id="main", format="standard",
            action=Action.ENTRY, legs=(leg,), ts_event_ms=NOW_MS, ts_received_ms=NOW_MS,
            explanation={"because": "ma_20 crossed ma_100"}, expected_alpha=Decimal("0.018"),
        )
    )  # fmt: skip


class Journal:
    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.asked: list[str] = []

    def add(self, stage: str, cause: Event | None, *events: Event) -> None:
        event_id = self._id_of(cause) or f"e{len(self.steps)}"
        facts = tuple(
            Fact(f"{event_id}-{stage}-{n}", event, "r", event_id, NOW_MS).record() for n, event in enumerate(events)
        )
        subjects = dict.fromkeys(cause.subjects() if cause else ())
        for event in events:
            subjects.update(dict.fromkeys(event.subjects()))
        at_ms = NOW_MS + len(self.steps) * 40
        versions = {"code": "0.1.0", "kernels": "abc"}
        self.steps.append(
            Step(stage, event_id, "t", "r", at_ms, facts=facts, subjects=tuple(subjects), versions=versions)
        )

    def _id_of(self, event: Event | None) -> str:
        records = (record for step in self.steps for record in step.facts)
        told = event.model_dump(mode="json") if event else None
        return next((str(record["event_id"]) for record in records if record["data"] == told), "")

    def about(self, subject: str) -> list[Step]:
        self.asked.append(subject)
        return [step for step in self.steps if subject in step.subjects]


def a_floor() -> tuple[Journal, str, str]:
    """One bar made two strategies speak; one of the two was bought."""
    journal = Journal()
    made = story.decision(0, NOW_MS, "risk_per_trade", story.BTC, "trend", "BUY 0.0152 BTC because …")
    mine, other = signal(made.signal_id, "trend"), signal("stranger", "breakout")
    decided, intent = DecisionMade(decision=made), story.intent_of(made)
    requested, filled = OrderRequested(intent=intent), story.report(made, OrderState.FILLED, 1_520)
    trade = TradeClosed(
        trade_id="trade-1", account_id="paper-main", instrument_id=story.BTC, strategy_id="trend", sender_id="floor",
        direction="LONG", quantity=Decimal("0.0152"), entry_price=Decimal(64_000), exit_price=Decimal(65_000),
        entry_ms=NOW_MS, exit_ms=NOW_MS + 1, fees=Decimal(1), profit=Decimal(14), return_fraction=Decimal("0.0144"),
        entry_signal_id="entry-signal", exit_signal_id=made.signal_id,
    )  # fmt: skip
    update = story.account(NOW_MS, "10014", 9).model_copy(update={"trades": (trade,)})
    journal.add("ingestion", None, signal("entry-signal", "trend"))
    journal.add("features", None, mine, other)
    journal.add("cerebro", mine, decided, requested)
    journal.add("execution", requested, filled)
    journal.add("reconciliation", filled, update)
    journal.add("dashboard", update)
    return journal, made.signal_id, intent.intent_id


def test_a_signal_leads_to_its_decision_its_order_and_its_trade() -> None:
    journal, signal_id, intent_id = a_floor()
    found = collect(signal_id, journal.about)
    assert [step.stage for step in found.steps] == ["features", "cerebro", "execution", "reconciliation", "dashboard"]
    assert {signal_id, intent_id, "trade-1"} <= set(found.ids)
    assert "stranger" not in found.ids


def test_every_id_of_a_story_tells_the_same_story() -> None:
    journal, signal_id, intent_id = a_floor()
    by_signal = collect(signal_id, journal.about)
    assert set(collect(intent_id, journal.about).ids) == set(by_signal.ids)


def test_a_trade_leads_to_both_of_its_signals() -> None:
    journal, signal_id, _ = a_floor()
    found = collect("trade-1", journal.about)
    assert {"entry-signal", signal_id} <= set(found.ids)
    assert "entry-signal" not in collect(signal_id, journal.about).ids


def test_the_story_is_told_in_order_with_limits_fills_and_money() -> None:
    journal, signal_id, _ = a_floor()
    text = "\n".join(tell(collect(signal_id, journal.about)))
    parts = ["ma_20 crossed ma_100", "ACCEPTED", "◀ binds", "wants BUY", "order is filled", "fill ", "profit +14.00"]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert "breakout" not in text
    assert "code 0.1.0" in text


def test_what_happened_at_one_instant_is_told_causes_first() -> None:
    journal, signal_id, _ = a_floor()
    journal.steps = [replace(step, at_ms=NOW_MS) for step in journal.steps]
    stages = [step.stage for step in collect(signal_id, journal.about).steps]
    assert stages == ["features", "cerebro", "execution", "reconciliation", "dashboard"]


def test_bookings_of_the_order_and_of_no_other_are_told() -> None:
    journal, signal_id, intent_id = a_floor()
    posting = Posting(ledger_account="assets:venue", currency="USDT", amount=Decimal("-976.00"))

    def ledger(account_id: str, from_ms: int, until_ms: int) -> list[LedgerEntry]:
        assert from_ms < NOW_MS < until_ms
        common = {"account_id": account_id, "kind": "fill", "postings": (posting,), "ts_event_ms": NOW_MS}
        return [
            LedgerEntry(id="1", reference="mine", intent_id=intent_id, **common),
            LedgerEntry(id="2", reference="theirs", intent_id="another", **common),
        ]

    found = collect(signal_id, journal.about, ledger)
    assert [entry.reference for entry in found.entries] == ["mine"]
    assert any("-976 USDT" in line for line in tell(found))


def test_nobody_knows_an_unknown_id() -> None:
    found = collect("nothing", a_floor()[0].about)
    assert found.empty
    assert tell(found) == ["nothing in the journal is about nothing"]


def test_a_story_has_an_end_even_where_everything_hangs_together() -> None:
    journal = Journal()
    for n in range(200):
        made = story.decision(n, NOW_MS, "risk_per_trade", story.BTC, "trend", "t")
        journal.add(
            "cerebro",
            signal(story.decision(n + 1, 0, "no_edge", story.BTC, "t", "t").signal_id, "t"),
            DecisionMade(decision=made),
        )
    first = story.decision(100, NOW_MS, "risk_per_trade", story.BTC, "trend", "t").signal_id
    found = collect(first, journal.about)
    assert found.cut
    assert len(journal.asked) == MAX_IDS
