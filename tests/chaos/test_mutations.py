"""Take out one guard, and some seed must turn red; with every guard in place the same weather harms nobody.

Second nets survive being taken out alone, because the first one holds. The ledger's own refusal to book a trade twice
is one: nothing tells it a fill twice while orders know their fills. It is tried together with the first net.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from random import Random
from typing import Any

import pytest
from fluxfloor.accounts import book as books
from fluxfloor.contracts.events import ExecutionReported
from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.orders import OrderState
from fluxfloor.contracts.policy import Halt
from fluxfloor.contracts.state import Account, TradeRow
from fluxfloor.execution import lifecycle, missing
from fluxfloor.execution.placement import placement_of
from fluxfloor.local.chaos import scenario
from fluxfloor.local.chaos.play import Play
from fluxfloor.local.chaos.weather import Odds
from fluxfloor.ports import Commit, Ref
from fluxfloor.runtime import runner as runtime
from fluxfloor.runtime.context import Context, Taken
from fluxfloor.runtime.runner import Runner
from fluxfloor.runtime.stage import Handler
from fluxfloor.runtime.work import Work
from fluxfloor.signals import standardise

from functions.execution import follow, looking, recording
from functions.reconciliation import booking
from functions.reconciliation import main as reconciliation
from tests.support.storms import violations

MOST_SEEDS = 40
PROVED = 2  # seeds on which the whole floor is shown to stand the same weather
Patch = pytest.MonkeyPatch
serial = count()


# --- the guards, taken out ---------------------------------------------------------------------------------------


def without_the_claim(patch: Patch) -> None:
    """Every commit has a claim of its own, so that none is ever found."""
    real = Work.step

    def step(self: Work, home: str, versions: dict[str, str], also: tuple[str, ...] = ()) -> Any:
        claim, taken, commit = real(self, home, versions)
        another = Ref(claim.collection, f"{claim.id}#{next(serial)}", claim.database)
        commit.creates[another] = commit.creates.pop(claim)
        return another, taken, commit

    patch.setattr(Work, "step", step)


def placing_before_committing(patch: Patch) -> None:
    real = follow.send

    def send(context: Context, order: Order) -> None:
        capabilities = recording.capabilities_of(context.settings, order.intent)
        sent = lifecycle.submit(order, capabilities, context.now_ms)
        rules = recording.rules_of(context, order.intent)
        context.ports.venue(order.intent.account_id).place(placement_of(sent, rules, capabilities))
        real(context, order)

    patch.setattr(follow, "send", send)


def going_back(patch: Patch) -> None:
    """An end is no end for what a look-up found before it."""
    real = lifecycle._seen_state

    def seen_state(order: Order, seen: Any, rules: Any) -> Any:
        return real(order.model_copy(update={"state": OrderState.SUBMITTING}), seen, rules)

    patch.setattr(OrderState, "may_become", lambda self, later: True)
    patch.setattr(lifecycle, "_seen_state", seen_state)


def without_resuming(patch: Patch) -> None:
    """An effect runs only for whoever decided; execution's sweep does not help out either."""

    def decide(self: Runner, fact: Fact) -> None:
        handler = self.stage.handlers[type(fact.event)]
        taken = self.step(fact, handler.decide)
        if handler.then is not None and taken.fresh:
            handler.then(Context(self, fact), fact)

    patch.setattr(Runner, "_decide", decide)


def without_resending(patch: Patch) -> None:
    patch.setattr(Runner, "_resend", lambda self, claim, step: step)


def without_the_relay(patch: Patch) -> None:
    patch.setattr(Runner, "relay", lambda self: 0)


def without(part: str) -> Callable[[Patch], None]:
    """Commits that leave out one kind of precondition."""

    def apply(patch: Patch) -> None:
        real = Work._commit

        def commit(self: Work) -> Commit:
            made = real(self)
            getattr(made, part).clear()
            return made

        patch.setattr(Work, "_commit", commit)

    return apply


def without_the_kill_switch(patch: Patch) -> None:
    """Execution sees no halt."""
    real = Work.read_all

    def read_all(self: Work, keys: Any) -> list[Any]:
        wanted = list(keys)
        unseen = [self.stage == "execution" and key.kind is Halt for key in wanted]
        found = iter(real(self, [key for key, hidden in zip(wanted, unseen, strict=True) if not hidden]))
        return [None if hidden else next(found) for hidden in unseen]

    patch.setattr(Work, "read_all", read_all)


def everybody_is_fresh(patch: Patch) -> None:
    patch.setattr(runtime, "Taken", lambda step, fresh: Taken(step, fresh=True))


def a_timeout_is_a_refusal(patch: Patch) -> None:
    real = recording._observed

    def observed(order: Order, answer: Any, rules: Any, capabilities: Any, now_ms: int) -> Any:
        if answer is None:
            return lifecycle.end(order, OrderState.REJECTED, "timed out", now_ms)
        return real(order, answer, rules, capabilities, now_ms)

    patch.setattr(recording, "_observed", observed)


def without_looking(patch: Patch) -> None:
    """What was sent without an answer is taken for not there, once it should be."""
    real = follow.look

    def look(context: Context, order: Order) -> None:
        if order.state in (OrderState.SUBMITTING, OrderState.UNKNOWN):
            looking._missing(context, order, recording.rules_of(context, order.intent))
        else:
            real(context, order)

    patch.setattr(follow, "look", look)


def without_the_wait(patch: Patch) -> None:
    """Two look-ups in vain are enough, however soon."""
    patch.setattr(missing, "settled_ms", lambda order, capabilities: 0)


def fills_are_new_every_time(patch: Patch) -> None:
    real = lifecycle.observe

    def observe(order: Order, seen: Any, rules: Any, now_ms: int) -> Any:
        return real(order.model_copy(update={"fills": {}}) if seen.fills else order, seen, rules, now_ms)

    patch.setattr(lifecycle, "observe", observe)


def the_ledger_books_anything(patch: Patch) -> None:
    def book(reported: ExecutionReported, work: Work) -> None:
        report = reported.report
        if not report.new_fills:
            return
        (account,) = work.read(Account.key(report.intent.account_id))
        assert account is not None
        rules = booking.instruments(work, account, report.intent.instrument_id)
        booked = books.book_report(account, report, rules, frozenset())
        for entry in booked.entries:
            work.create(entry.model_copy(update={"id": f"{entry.id}-{next(serial)}"}))
        for trade in booked.trades:
            name = f"{trade.trade_id}-{next(serial)}"
            work.create(TradeRow(id=name, account_id=trade.account_id, exit_ms=trade.exit_ms, trade=trade))
        work.write(booked.account)
        work.emit(books.told(booked.account, rules, "fill", work.now_ms, booked.trades))

    handlers = reconciliation.stage.handlers
    patch.setitem(handlers, ExecutionReported, Handler(book, handlers[ExecutionReported].then))


def fills_and_ledger(patch: Patch) -> None:
    fills_are_new_every_time(patch)
    the_ledger_books_anything(patch)


def a_repeat_is_known_within_its_window_only(patch: Patch) -> None:
    real = standardise.event_ids
    patch.setattr(standardise, "event_ids", lambda *how: real(*how)[:1])


# --- the weather that each of them is there for ------------------------------------------------------------------


def fair(seed: int) -> Play:
    return Play(seed)


def meddling(seed: int) -> Play:
    return Play(seed, odds=Odds(meddling=0.3))


def crowded(seed: int) -> Play:
    return Play(seed, odds=Odds(overlap=0.5, stall=0.03, duplicate=0.3))


def resting(seed: int) -> Play:
    """Orders that rest until their time is over, looked at by several at once."""
    given = scenario.make(Random(seed), signals=20, bars=4, kinds=("brief",))
    return Play(seed, odds=Odds(overlap=0.2, stall=0.03), given=replace(given, people=()), venue={})


def crashing(seed: int) -> Play:
    return Play(seed, odds=Odds(crash=0.03, duplicate=0.1))


def crashing_unswept(seed: int) -> Play:
    return replace(crashing(seed), sweeps=False)


def deaf(seed: int) -> Play:
    return Play(seed, odds=Odds(lost_publish=0.3))


def silent(seed: int) -> Play:
    return Play(seed, odds=Odds(venue_timeout_after=0.5))


def blind(seed: int) -> Play:
    return Play(seed, odds=Odds(venue_timeout_after=0.3, venue_hides=1.0), venue={"read_lag_ms": 40_000})


def slow(seed: int) -> Play:
    return Play(seed, odds=Odds(stall=0.03, duplicate=0.3))


GUARDS: dict[str, tuple[Callable[[Patch], None], Callable[[int], Play]]] = {
    "the inbox claim": (without_the_claim, fair),
    "the intent before the order": (placing_before_committing, fair),
    "states only move forward": (going_back, resting),
    "effects are resumed on redelivery": (without_resuming, crashing_unswept),
    "facts are sent again on redelivery and by the relay": (without_resending, deaf),
    "the relay": (without_the_relay, deaf),
    "what was read is verified": (without("verifies"), meddling),
    "what was absent is verified": (without("absents"), meddling),
    "the kill switch, once more before sending": (without_the_kill_switch, meddling),
    "only who is sure to have committed sends": (everybody_is_fresh, crowded),
    "a time-out is no refusal": (a_timeout_is_a_refusal, silent),
    "it is looked up before it is sent again": (without_looking, silent),
    "absence counts only after the expiry and the read lag": (without_the_wait, blind),
    "fills are known by their trade": (fills_are_new_every_time, crowded),
    "the ledger knows its trades": (fills_and_ledger, crowded),
    "a repeat is known over its window's edge": (a_repeat_is_known_within_its_window_only, slow),
}


@contextmanager
def taken_out(guard: Callable[[Patch], None]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        guard(patch)
        yield


def first_red(weather: Callable[[int], Play]) -> list[str]:
    for seed in range(MOST_SEEDS):
        found = violations(weather(seed))
        if found:
            return found
    return []


@pytest.mark.parametrize("name", GUARDS)
def test_without_this_guard_some_seed_turns_red(name: str) -> None:
    guard, weather = GUARDS[name]
    with taken_out(guard):
        assert first_red(weather)


@pytest.mark.parametrize("weather", sorted({weather for _, weather in GUARDS.values()}, key=lambda how: how.__name__))
def test_with_all_guards_the_same_weather_harms_nobody(weather: Callable[[int], Play]) -> None:
    assert [violations(weather(seed)) for seed in range(PROVED)] == [[]] * PROVED


def test_the_ledger_keeps_what_the_orders_let_through_out_of_the_books() -> None:
    """The second net: with orders that tell every fill again, only the ledger still holds each once."""
    with taken_out(fills_are_new_every_time):
        held = first_red(crowded)
    with taken_out(fills_and_ledger):
        broken = first_red(crowded)
    assert any("told twice" in text for text in held)
    assert not any("ledger holds" in text for text in held)
    assert any("ledger holds" in text for text in broken)
