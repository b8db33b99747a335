"""An exit that overtakes its entry calls it off, and nothing else."""

from __future__ import annotations

import pytest
from fluxfloor.cerebro.overtaking import REMEMBERED_MS
from fluxfloor.contracts.decisions import Reason, Verdict
from fluxfloor.contracts.signals import Action, Direction

from tests.support.desk import AT_MS, BTC, ETH, book, decide, fraction, held, signal

LONG, SHORT, FLAT = Direction.LONG, Direction.SHORT, Direction.FLAT


def after(wish, on=None):
    """The book once that was answered."""
    return decide(wish, on or book()).book


def reason(wish, on):
    return decide(wish, on).decision.reason


@pytest.mark.parametrize(
    "leaving",
    [
        signal(Action.EXIT, LONG, name="out"),
        signal(Action.EXIT, FLAT, name="out"),
        signal(Action.EXIT, LONG, fraction("0.5"), name="out"),
        signal(Action.CANCEL, LONG, name="out"),
        signal(Action.TARGET, FLAT, name="out"),
    ],
    ids=["an exit", "of whatever is there", "of half", "a cancel", "to flat"],
)
@pytest.mark.parametrize("action", [Action.ENTRY, Action.TARGET])
def test_an_entry_that_comes_after_its_exit_is_refused(leaving, action):
    on = after(leaving)
    late = signal(action, LONG, name="in", ts_event_ms=AT_MS - 1)
    decided = decide(late, on)
    assert (decided.decision.verdict, decided.decision.reason) == (Verdict.REFUSED, Reason.WITHDRAWN)
    assert "wanted out of BTC/USDT again before it was in" in decided.decision.text
    assert reason(late, book()) is Reason.OK


@pytest.mark.parametrize(
    "wish",
    [
        signal(name="in", ts_event_ms=AT_MS),
        signal(name="in", ts_event_ms=AT_MS + 1),
        signal(name="in", ts_event_ms=AT_MS - 1, strategy_id="other"),
        signal(name="in", ts_event_ms=AT_MS - 1, rules=ETH),
    ],
    ids=["of the same moment", "wanted later", "another strategy's", "of another instrument"],
)
def test_no_other_entry_is(wish):
    assert reason(wish, after(signal(Action.EXIT, LONG, name="out"))) is Reason.OK


def test_an_exit_of_the_other_side_calls_nothing_off():
    assert reason(signal(name="in", ts_event_ms=AT_MS - 1), after(signal(Action.EXIT, SHORT, name="out"))) is Reason.OK


def test_an_exit_that_finds_something_is_the_other_half_of_a_reversal():
    assert after(signal(Action.EXIT, FLAT, name="out"), book(positions=held(100))).called_off_ms == {}


def test_the_latest_counts_and_what_is_long_past_is_forgotten():
    first = after(signal(Action.EXIT, LONG, name="out"))
    key = f"{signal().strategy_id}|{BTC.instrument_id}|LONG"
    assert after(signal(Action.EXIT, LONG, name="older", ts_event_ms=AT_MS - 5), first) == first
    assert first.called_off_ms == {key: AT_MS}
    old = first.model_copy(update={"called_off_ms": {"a|b|FLAT": AT_MS - REMEMBERED_MS, "c|d|FLAT": AT_MS}})
    assert set(after(signal(Action.EXIT, LONG, name="out"), old).called_off_ms) == {key, "c|d|FLAT"}
